/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The author's domain: what DMARC is about. Called when a message's header is whole; pure. It must be the
 * domain that a reader will see, so what readers may see in different ways is told as such and never
 * guessed. Names with a comma in them are common and wrong without quotes: those have one domain in the
 * whole field, however it is read, and that is enough.
 */
#include "mailauth/author.h"

#include "protocol/mailbox-list.h"
#include <string.h>

#define MAX_FROM 16384 /* octets of a From: that are read */

/* Returns: (transfer full): the value of @field without its folds. */
static GString *
unfold (const PbField *field)
{
  gsize length;
  const char *value = pb_field_value (field, &length);
  GString *text = g_string_sized_new (MIN (length, MAX_FROM) + 1);

  for (gsize i = 0; i < length && text->len <= MAX_FROM; i++)
    if (value[i] != '\r' && value[i] != '\n')
      g_string_append_c (text, value[i]);
  return text;
}

/* Takes in one more domain. Returns: FALSE when it is another than before. @name: (transfer full) */
static gboolean
add_domain (char **domain, char *name)
{
  gboolean same = *domain == NULL || strcmp (*domain, name) == 0;

  if (*domain == NULL)
    *domain = name;
  else
    g_free (name);
  return same;
}

static PbAuthor
read_addresses (const GPtrArray *addresses, char **domain)
{
  gboolean literal = FALSE;

  for (guint i = 0; i < addresses->len; i++)
    {
      const PbAddress *address = addresses->pdata[i];

      if (address->domain == NULL || address->literal)
        literal = TRUE;
      else if (!add_domain (domain, g_strdup (address->domain)))
        return PB_AUTHOR_SEVERAL;
    }
  if (*domain == NULL)
    return PB_AUTHOR_NONE;
  return literal ? PB_AUTHOR_SEVERAL : PB_AUTHOR_ONE;
}

static gboolean
is_domain_char (char c)
{
  return g_ascii_isalnum (c) || c == '-' || c == '.' || c == '_' || (guchar) c >= 0x80;
}

/* Of a field that is broken: what stands behind every at sign of it. */
static PbAuthor
read_broken (const GString *text, char **domain)
{
  const char *end = text->str + text->len;

  if (memchr (text->str, '\0', text->len) != NULL)
    return PB_AUTHOR_UNREADABLE;
  for (const char *at = strchr (text->str, '@'); at != NULL; at = strchr (at + 1, '@'))
    {
      const char *stop = at + 1;
      char *name;

      while (stop < end && is_domain_char (*stop))
        stop++;
      name = pb_domain_normalize (at + 1, stop - at - 1, TRUE);
      if (name == NULL || !add_domain (domain, name))
        return PB_AUTHOR_UNREADABLE;
    }
  return *domain != NULL ? PB_AUTHOR_ONE : PB_AUTHOR_UNREADABLE;
}

static PbAuthor
read_from (const GString *text, char **domain)
{
  g_autoptr (GPtrArray) addresses = NULL;
  gboolean doubtful;
  PbAuthor author;

  if (text->len > MAX_FROM)
    return PB_AUTHOR_UNREADABLE;
  addresses = pb_mailbox_list_read (text->str, text->len, &doubtful);
  if (addresses == NULL)
    return read_broken (text, domain);
  author = read_addresses (addresses, domain);
  return author == PB_AUTHOR_SEVERAL && doubtful ? PB_AUTHOR_UNREADABLE : author;
}

PbAuthor
pb_author_find (PbAuthMessage *message, char **domain)
{
  const GArray *from = pb_auth_message_find (message, "From");
  g_autoptr (GString) text = NULL;
  guint n_fields;
  const PbField *fields = pb_auth_message_fields (message, &n_fields);
  PbAuthor author;

  *domain = NULL;
  if (pb_auth_message_is_cut (message))
    return PB_AUTHOR_UNREADABLE;
  if (from == NULL)
    return PB_AUTHOR_NONE;
  if (from->len > 1)
    return PB_AUTHOR_REPEATED;
  text = unfold (&fields[g_array_index (from, guint, 0)]);
  author = read_from (text, domain);
  if (author != PB_AUTHOR_ONE)
    g_clear_pointer (domain, g_free);
  return author;
}
