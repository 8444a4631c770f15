/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The tag=value lists of mail authentication (RFC 6376 3.2). Called by the parsers of signatures and records;
 * pure. The text is a stranger's: any octets, any length; one pass, and never more than PB_TAG_LIST_MAX tags.
 */
#include "mailauth/tag-list.h"

#include <string.h>

static gboolean
is_space (char c)
{
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Cuts white space off both ends of @text[*start, *end). */
static void
trim (const char *text, gsize *start, gsize *end)
{
  while (*start < *end && is_space (text[*start]))
    ++*start;
  while (*end > *start && is_space (text[*end - 1]))
    --*end;
}

/* tag-name = ALPHA *ALNUMPUNC */
static gboolean
is_tag_name (const char *text, gsize length)
{
  if (length == 0 || !g_ascii_isalpha (text[0]))
    return FALSE;
  for (gsize i = 1; i < length; i++)
    if (!g_ascii_isalnum (text[i]) && text[i] != '_')
      return FALSE;
  return TRUE;
}

/* Reads the tag at @text[start, end). Returns: FALSE when it is none, or known already. */
static gboolean
add_tag (PbTagList *self, const char *text, gsize start, gsize end)
{
  const char *equals = memchr (text + start, '=', end - start);
  gsize name_start = start, name_end, value_start, value_end = end;
  g_autofree char *name = NULL;
  PbTag *tag;

  if (equals == NULL || self->n_tags == PB_TAG_LIST_MAX)
    return FALSE;
  name_end = (gsize) (equals - text);
  value_start = name_end + 1;
  trim (text, &name_start, &name_end);
  if (!is_tag_name (text + name_start, name_end - name_start)
      || memchr (text + value_start, '\0', end - value_start) != NULL)
    return FALSE;
  name = g_strndup (text + name_start, name_end - name_start);
  if (pb_tag_list_find (self, name) != NULL)
    return FALSE;
  tag = &self->tags[self->n_tags++];
  tag->start = value_start;
  tag->end = end;
  trim (text, &value_start, &value_end);
  tag->name = g_steal_pointer (&name);
  tag->value = g_strndup (text + value_start, value_end - value_start);
  return TRUE;
}

/* Returns: (transfer full) (nullable): NULL at the first fault when @strict. */
static PbTagList *
parse (const char *text, gsize length, gboolean strict)
{
  g_autoptr (PbTagList) self = g_new0 (PbTagList, 1);
  gsize start = 0;

  self->tags = g_new0 (PbTag, PB_TAG_LIST_MAX);
  while (start < length)
    {
      const char *semicolon = memchr (text + start, ';', length - start);
      gsize end = semicolon != NULL ? (gsize) (semicolon - text) : length;
      gsize first = start, last = end;

      trim (text, &first, &last);
      /* Only the end may be empty: "a=1; b=2;". */
      if ((first == last ? semicolon != NULL : !add_tag (self, text, start, end)) && strict)
        return NULL;
      start = end + 1;
    }
  return g_steal_pointer (&self);
}

PbTagList *
pb_tag_list_parse (const char *text, gsize length)
{
  return parse (text, length, TRUE);
}

PbTagList *
pb_tag_list_parse_lenient (const char *text, gsize length)
{
  return parse (text, length, FALSE);
}

void
pb_tag_list_free (PbTagList *self)
{
  for (guint i = 0; i < self->n_tags; i++)
    {
      g_free (self->tags[i].name);
      g_free (self->tags[i].value);
    }
  g_free (self->tags);
  g_free (self);
}

const PbTag *
pb_tag_list_find (const PbTagList *self, const char *name)
{
  for (guint i = 0; i < self->n_tags; i++)
    if (strcmp (self->tags[i].name, name) == 0)
      return &self->tags[i];
  return NULL;
}

const char *
pb_tag_list_get (const PbTagList *self, const char *name)
{
  const PbTag *tag = pb_tag_list_find (self, name);

  return tag != NULL ? tag->value : NULL;
}

GBytes *
pb_tag_decode_base64 (const char *value)
{
  g_autofree char *packed = g_malloc (strlen (value) + 1);
  gsize n = 0, padding = 0, length;

  for (const char *at = value; *at != '\0'; at++)
    {
      if (is_space (*at))
        continue;
      /* GLib skips what is no base64; that must not pass for a key or a hash. */
      if (!g_ascii_isalnum (*at) && *at != '+' && *at != '/' && *at != '=')
        return NULL;
      if (*at == '=')
        padding++;
      else if (padding > 0)
        return NULL;
      packed[n++] = *at;
    }
  packed[n] = '\0';
  if (n % 4 != 0 || padding > 2)
    return NULL;
  if (n == 0)
    return g_bytes_new (NULL, 0);
  g_base64_decode_inplace (packed, &length);
  return g_bytes_new (packed, length);
}

gboolean
pb_tag_has_word (const char *value, const char *word)
{
  g_auto (GStrv) words = g_strsplit (value, ":", -1);

  for (char **one = words; *one != NULL; one++)
    if (g_ascii_strcasecmp (g_strstrip (*one), word) == 0)
      return TRUE;
  return FALSE;
}

gboolean
pb_tag_read_number (const char *value, gint64 *number)
{
  gsize length = strlen (value);

  *number = 0;
  if (length == 0 || length > 18)
    return FALSE;
  for (gsize i = 0; i < length; i++)
    {
      if (!g_ascii_isdigit (value[i]))
        return FALSE;
      *number = *number * 10 + (value[i] - '0');
    }
  return TRUE;
}
