/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reads the addresses out of a header field that lists mailboxes. Called by the policy to hold From: against
 * the login, so it errs on the side of not understanding. One pass, an element at a time: what stands outside
 * comments is collected, in angle brackets and before them apart; brackets win, else what stands there
 * alone must be an address. A name that looks like an address without being quoted counts as one too: some
 * readers show it, or take it, instead of what is in brackets.
 */
#include "protocol/mailbox-list.h"

#include <string.h>

#define MAX_COMMENTS 20 /* one in the other */

typedef struct
{
  const char *at, *end;
  GString *plain, *angle; /* (owned) of the element under way */
  gboolean has_angle, in_group;
  gboolean has_at;      /* in @plain, not quoted */
  gboolean doubtful;    /* an element had an address before its brackets, too */
  GPtrArray *addresses; /* (owned) */
} Reader;

static void
free_address (gpointer address)
{
  pb_address_free (address);
}

/* Behind the opening parenthesis. Returns: FALSE when it does not end. */
static gboolean
skip_comment (Reader *self)
{
  guint depth = 1;

  for (; self->at < self->end; self->at++)
    {
      if (*self->at == '\\' && self->at + 1 < self->end)
        self->at++;
      else if (*self->at == '(' && ++depth > MAX_COMMENTS)
        return FALSE;
      else if (*self->at == ')' && --depth == 0)
        {
          self->at++;
          return TRUE;
        }
    }
  return FALSE;
}

/* At the opening quote; copied with its quotes. Returns: FALSE when it does not end. */
static gboolean
take_quoted (Reader *self, GString *out)
{
  g_string_append_c (out, *self->at++);
  while (self->at < self->end)
    {
      char octet = *self->at++;

      g_string_append_c (out, octet);
      if (octet == '\\' && self->at < self->end)
        g_string_append_c (out, *self->at++);
      else if (octet == '"')
        return TRUE;
    }
  return FALSE;
}

/* Behind the opening bracket, up to and with the closing one. */
static gboolean
take_angle (Reader *self)
{
  if (self->has_angle)
    return FALSE;
  self->has_angle = TRUE;
  while (self->at < self->end)
    {
      char octet = *self->at;

      if (octet == '"')
        {
          if (!take_quoted (self, self->angle))
            return FALSE;
          continue;
        }
      self->at++;
      if (octet == '>')
        return TRUE;
      if (octet == '<' || (octet == '(' && !skip_comment (self)))
        return FALSE;
      if (octet != '(')
        g_string_append_c (self->angle, octet);
    }
  return FALSE;
}

static gboolean
add_address (Reader *self, GString *text)
{
  PbAddress *address;

  g_strstrip (text->str);
  address = pb_address_parse (text->str, strlen (text->str),
                              PB_ADDRESS_UTF8 | PB_ADDRESS_ALLOW_LITERAL, NULL);
  if (address != NULL)
    g_ptr_array_add (self->addresses, address);
  return address != NULL;
}

static gboolean
is_blank (const char *text)
{
  return text[strspn (text, " \t")] == '\0';
}

/* Returns: FALSE when the element that ends here is no mailbox. */
static gboolean
end_element (Reader *self)
{
  gboolean counts = self->has_angle ? self->has_at : !is_blank (self->plain->str);

  self->doubtful = self->doubtful || (self->has_angle && self->has_at);
  if ((counts && !add_address (self, self->plain))
      || (self->has_angle && !add_address (self, self->angle)))
    return FALSE;
  g_string_truncate (self->plain, 0);
  g_string_truncate (self->angle, 0);
  self->has_angle = FALSE;
  self->has_at = FALSE;
  return self->addresses->len <= PB_MAILBOX_LIST_MAX;
}

/* What stands before it was the name of a group. */
static gboolean
begin_group (Reader *self)
{
  if (self->in_group || self->has_angle || self->has_at)
    return FALSE;
  self->in_group = TRUE;
  g_string_truncate (self->plain, 0);
  return TRUE;
}

static gboolean
end_group (Reader *self)
{
  if (!self->in_group)
    return FALSE;
  self->in_group = FALSE;
  return end_element (self);
}

/* Behind brackets nothing but white space and comments may stand before the next element. */
static gboolean
take_plain (Reader *self, char octet)
{
  if (self->has_angle)
    return octet == ' ' || octet == '\t';
  g_string_append_c (self->plain, octet);
  self->has_at = self->has_at || octet == '@';
  return TRUE;
}

static gboolean
take_literal (Reader *self)
{
  const char *close = memchr (self->at, ']', (gsize) (self->end - self->at));

  if (close == NULL || self->has_angle)
    return FALSE;
  g_string_append_len (self->plain, self->at, close - self->at + 1);
  self->at = close + 1;
  return TRUE;
}

static gboolean
step (Reader *self)
{
  char octet = *self->at;

  if (octet == '"')
    return !self->has_angle && take_quoted (self, self->plain);
  if (octet == '[')
    return take_literal (self);
  self->at++;
  switch (octet)
    {
    case '(':
      return skip_comment (self);
    case '<':
      return take_angle (self);
    case ',':
      return end_element (self);
    case ':':
      return begin_group (self);
    case ';':
      return end_group (self);
    case '>':
    case ')':
    case ']':
      return FALSE;
    default:
      return take_plain (self, octet);
    }
}

GPtrArray *
pb_mailbox_list_parse (const char *text, gsize length)
{
  gboolean doubtful;

  return pb_mailbox_list_read (text, length, &doubtful);
}

GPtrArray *
pb_mailbox_list_read (const char *text, gsize length, gboolean *doubtful)
{
  Reader reader = {
    .at = text,
    .end = text + length,
    .plain = g_string_new (NULL),
    .angle = g_string_new (NULL),
    .addresses = g_ptr_array_new_with_free_func (free_address),
  };
  /* None of what follows is to be cut short by one. */
  gboolean well = memchr (text, '\0', length) == NULL;

  while (well && reader.at < reader.end)
    well = step (&reader);
  well = well && end_element (&reader) && !reader.in_group;
  *doubtful = reader.doubtful;
  g_string_free (reader.plain, TRUE);
  g_string_free (reader.angle, TRUE);
  if (!well)
    g_clear_pointer (&reader.addresses, g_ptr_array_unref);
  return reader.addresses;
}
