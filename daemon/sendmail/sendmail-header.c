/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What sendmail reads in a message: whom it is for, when asked to, and whether anybody stands in From:. Pure;
 * called by sendmail-message.c. Programs write "To: root", which no standard has, so a field is taken apart at
 * its commas and a plain word is a name of this machine; anything else is read by the one strict reader of
 * mailbox lists. What cannot be read is an error: mail must not go to some and silently not to others.
 */
#include "sendmail/sendmail-header.h"

#include "protocol/mailbox-list.h"
#include "protocol/text.h"

#include <gio/gio.h>
#include <string.h>

/* ---- lists of recipients ---- */

static gboolean
is_plain_name (const char *text)
{
  if (text[0] == '\0')
    return FALSE;
  for (const char *c = text; *c != '\0'; c++)
    if (!g_ascii_isalnum (*c) && strchr ("._+-", *c) == NULL)
      return FALSE;
  return TRUE;
}

static gboolean
read_strictly (const char *text, GPtrArray *out)
{
  g_autoptr (GPtrArray) addresses = pb_mailbox_list_parse (text, strlen (text));

  for (guint i = 0; addresses != NULL && i < addresses->len; i++)
    g_ptr_array_add (out, g_strdup (((PbAddress *) addresses->pdata[i])->text));
  return addresses != NULL;
}

/* "Name <root>", which no standard has either: as strict as with a domain. Returns: (transfer full) (nullable). */
static char *
find_angle_name (const char *text)
{
  const char *start = strrchr (text, '<'), *end = strrchr (text, '>');
  g_autofree char *name = NULL;
  g_autofree char *whole = NULL;
  g_autoptr (GPtrArray) addresses = NULL;

  if (start == NULL || end == NULL || end < start)
    return NULL;
  name = g_strndup (start + 1, (gsize) (end - start - 1));
  if (!is_plain_name (name))
    return NULL;
  whole = g_strdup_printf ("%.*s@x%s", (int) (end - text), text, end);
  addresses = pb_mailbox_list_parse (whole, strlen (whole));
  return addresses != NULL && addresses->len == 1 ? g_steal_pointer (&name) : NULL;
}

static gboolean
read_element (const char *text, GPtrArray *out)
{
  char *name;

  if (text[0] == '\0' || read_strictly (text, out))
    return TRUE;
  name = find_angle_name (text);
  if (name != NULL)
    g_ptr_array_add (out, name);
  return name != NULL;
}

/* Behind the element that begins at @text: at a comma outside quotes, comments and brackets, or at the end. */
static const char *
find_comma (const char *text)
{
  guint comments = 0;
  gboolean quoted = FALSE, angle = FALSE;

  for (; *text != '\0'; text++)
    {
      if (*text == '\\' && text[1] != '\0' && (quoted || comments > 0))
        text++;
      else if (*text == '"' && comments == 0)
        quoted = !quoted;
      else if (!quoted && *text == '(')
        comments++;
      else if (!quoted && *text == ')' && comments > 0)
        comments--;
      else if (!quoted && comments == 0 && (*text == '<' || *text == '>'))
        angle = *text == '<';
      else if (*text == ',' && !quoted && !angle && comments == 0)
        break;
    }
  return text;
}

GPtrArray *
pb_sendmail_header_split (const char *value)
{
  g_autoptr (GPtrArray) out = g_ptr_array_new_with_free_func (g_free);
  const char *at = value;

  /* A group's name ends with a colon; its commas are the strict reader's. */
  if (strchr (value, ';') != NULL)
    return read_strictly (value, out) ? g_steal_pointer (&out) : NULL;
  for (;;)
    {
      const char *end = find_comma (at);
      g_autofree char *element = g_strstrip (g_strndup (at, (gsize) (end - at)));

      if (is_plain_name (element))
        g_ptr_array_add (out, g_steal_pointer (&element));
      else if (!read_element (element, out))
        return NULL;
      if (*end == '\0')
        return g_steal_pointer (&out);
      at = end + 1;
    }
}

/* ---- fields ---- */

/* Unfolded, without its name. (transfer full) */
static char *
field_value (const char *field, gsize length)
{
  const char *colon = memchr (field, ':', length);
  GString *value = g_string_new_len (colon + 1, (gssize) (length - (gsize) (colon + 1 - field)));

  for (gsize i = 0; i < value->len; i++)
    if (value->str[i] == '\r' || value->str[i] == '\n' || value->str[i] == '\0')
      value->str[i] = ' ';
  return g_strstrip (g_string_free (value, FALSE));
}

/* Octets of the field at @text, with its continuation lines. */
static gsize
field_length (const char *text, gsize length)
{
  gsize at = 0;

  do
    {
      const char *end = memchr (text + at, '\n', length - at);

      if (end == NULL)
        return length;
      at = (gsize) (end + 1 - text);
    }
  while (at < length && (text[at] == ' ' || text[at] == '\t'));
  return at;
}

static gboolean
is_named (const char *field, gsize length, const char *name)
{
  gsize n = strlen (name);

  if (length <= n || g_ascii_strncasecmp (field, name, n) != 0)
    return FALSE;
  while (n < length && (field[n] == ' ' || field[n] == '\t'))
    n++;
  return n < length && field[n] == ':';
}

static const char *
find_name (const char *field, gsize length, const char *const *names)
{
  for (guint i = 0; names[i] != NULL; i++)
    if (is_named (field, length, names[i]))
      return names[i];
  return NULL;
}

static gboolean
add_recipients (PbSendmailHeader *self, const char *name, const char *field, gsize length, GError **error)
{
  g_autofree char *value = field_value (field, length);
  g_autoptr (GPtrArray) found = pb_sendmail_header_split (value);

  if (found == NULL)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                   "%s: “%.200s” is no list of addresses", name, value);
      return FALSE;
    }
  g_ptr_array_extend_and_steal (self->recipients, g_steal_pointer (&found));
  return TRUE;
}

/* Calls for each field of @names. Returns: FALSE with @error; *@any tells whether there was one. */
static gboolean
read_fields (PbSendmailHeader *self, const char *const *names, gboolean *any, GError **error)
{
  const char *text = self->text->str;
  gsize left = self->text->len, length;

  *any = FALSE;
  for (; left > 0; text += length, left -= length)
    {
      const char *name;

      length = field_length (text, left);
      name = find_name (text, length, names);
      if (name == NULL)
        continue;
      *any = TRUE;
      if (!add_recipients (self, name, text, length, error))
        return FALSE;
    }
  return TRUE;
}

/* What was sent on goes to those that the Resent- fields name, and to no others (RFC 5322 3.6.6). */
static gboolean
extract_recipients (PbSendmailHeader *self, GError **error)
{
  static const char *const resent[] = { "Resent-To", "Resent-Cc", "Resent-Bcc", NULL };
  static const char *const usual[] = { "To", "Cc", "Bcc", NULL };
  gboolean any;

  return read_fields (self, resent, &any, error)
         && (any || read_fields (self, usual, &any, error));
}

static gboolean
find_from (PbSendmailHeader *self)
{
  const char *text = self->text->str;
  gsize left = self->text->len, length;

  for (; left > 0; text += length, left -= length)
    {
      length = field_length (text, left);
      if (is_named (text, length, "From"))
        return TRUE;
    }
  return FALSE;
}

PbSendmailHeader *
pb_sendmail_header_read (const char *text, gsize length, gboolean extract, GError **error)
{
  g_autoptr (PbSendmailHeader) self = g_new0 (PbSendmailHeader, 1);
  gsize skip = 0;

  if (length > 5 && memcmp (text, "From ", 5) == 0)
    {
      const char *end = memchr (text, '\n', length);

      skip = end != NULL ? (gsize) (end + 1 - text) : length;
    }
  self->text = g_string_new_len (text + skip, (gssize) (length - skip));
  self->recipients = g_ptr_array_new_with_free_func (g_free);
  self->has_from = find_from (self);
  if (extract && !extract_recipients (self, error))
    return NULL;
  return g_steal_pointer (&self);
}

void
pb_sendmail_header_free (PbSendmailHeader *self)
{
  if (self == NULL)
    return;
  g_string_free (self->text, TRUE);
  g_ptr_array_unref (self->recipients);
  g_free (self);
}

/* A phrase (RFC 5322 3.2.5): quoted, or in pieces of encoded words where it is not ASCII. */
static void
append_phrase (GString *out, const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);

  if (pb_text_is_ascii (valid, strlen (valid)))
    {
      g_string_append_c (out, '"');
      for (const char *c = valid; *c != '\0'; c++)
        {
          if (*c == '"' || *c == '\\')
            g_string_append_c (out, '\\');
          g_string_append_c (out, g_ascii_iscntrl (*c) ? ' ' : *c);
        }
      g_string_append_c (out, '"');
      return;
    }
  for (const char *at = valid; *at != '\0';)
    {
      const char *end = at;
      g_autofree char *encoded = NULL;

      while (*end != '\0' && g_utf8_next_char (end) - at <= 42) /* 56 of base 64: a word has 75 at most */
        end = g_utf8_next_char (end);
      encoded = g_base64_encode ((const guchar *) at, (gsize) (end - at));
      g_string_append_printf (out, "%s=?UTF-8?B?%s?=", at != valid ? "\n " : "", encoded);
      at = end;
    }
}

void
pb_sendmail_header_add_from (PbSendmailHeader *self, const char *full_name, const char *address)
{
  g_autoptr (GString) field = g_string_new ("From: ");

  if (full_name != NULL && full_name[0] != '\0')
    {
      append_phrase (field, full_name);
      g_string_append_printf (field, " <%s>\n", address);
    }
  else
    g_string_append_printf (field, "%s\n", address);
  g_string_prepend_len (self->text, field->str, (gssize) field->len);
  self->has_from = TRUE;
}
