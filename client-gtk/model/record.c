/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * DNS records as lines of a zone file (RFC 1035 5.1): written for what is to be published, and taken apart
 * to be shown in the parts that the forms of DNS providers ask for. Called by pages through their models.
 * Pure; a line that is none is refused, never guessed at.
 */
#include "model/record.h"

#include <string.h>

#define MAX_STRING 255 /* octets of one string of a TXT record */

static void
append_string (GString *line, const char *text, gsize length)
{
  g_string_append_c (line, '"');
  for (gsize i = 0; i < length; i++)
    {
      if (text[i] == '"' || text[i] == '\\')
        g_string_append_c (line, '\\');
      g_string_append_c (line, text[i]);
    }
  g_string_append_c (line, '"');
}

char *
pba_record_dup_line (const char *name, const char *value)
{
  GString *line = g_string_new (name);
  gsize length = strlen (value), at = 0;

  g_string_append (line, g_str_has_suffix (name, ".") ? " IN TXT" : ". IN TXT");
  do
    {
      gsize part = MIN (length - at, MAX_STRING);

      g_string_append_c (line, ' ');
      append_string (line, value + at, part);
      at += part;
    }
  while (at < length);
  return g_string_free (line, FALSE);
}

static const char *
skip_blanks (const char *text)
{
  return text + strspn (text, " \t");
}

/* Returns: (transfer full) (nullable): the next word; @text goes behind it and the blanks after it. */
static char *
take_word (const char **text)
{
  gsize length = strcspn (*text, " \t");
  char *word = length > 0 ? g_strndup (*text, length) : NULL;

  *text = skip_blanks (*text + length);
  return word;
}

static gboolean
is_number (const char *word)
{
  return word[0] != '\0' && word[strspn (word, "0123456789")] == '\0';
}

/* The strings of a TXT record as one. Returns: (transfer full) (nullable). */
static char *
join_strings (const char *text)
{
  g_autoptr (GString) value = g_string_new (NULL);

  while (*text == '"')
    {
      for (text++; *text != '"'; text++)
        {
          if (*text == '\\')
            text++;
          if (*text == '\0')
            return NULL;
          g_string_append_c (value, *text);
        }
      text = skip_blanks (text + 1);
    }
  return *text == '\0' ? g_string_free (g_steal_pointer (&value), FALSE) : NULL;
}

gboolean
pba_record_parse_line (const char *line, char **name, char **type, char **value)
{
  g_autofree char *owner = NULL;
  g_autofree char *word = NULL;
  g_autofree char *rest = NULL;
  const char *text = skip_blanks (line);

  if (strpbrk (line, "\r\n()") != NULL && strchr (line, '"') == NULL)
    return FALSE;
  owner = take_word (&text);
  word = take_word (&text);
  for (guint i = 0;
       i < 2 && word != NULL && (is_number (word) || g_ascii_strcasecmp (word, "IN") == 0); i++)
    {
      g_free (word);
      word = take_word (&text);
    }
  if (owner == NULL || word == NULL || *text == '\0')
    return FALSE;
  rest = text[0] == '"' ? join_strings (text) : g_strchomp (g_strdup (text));
  if (rest == NULL)
    return FALSE;
  if (strlen (owner) > 1 && g_str_has_suffix (owner, "."))
    owner[strlen (owner) - 1] = '\0';
  *name = g_steal_pointer (&owner);
  *type = g_steal_pointer (&word);
  *value = g_steal_pointer (&rest);
  return TRUE;
}
