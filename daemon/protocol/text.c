/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Text of others made fit to be repeated. What a client says at HELO, what a remote server answers and what a header field
 * holds ends up in our replies, trace fields, reports and logs; the rest of this floor passes it through here first, so that
 * no CR, LF or half a character of a stranger ever starts a line of ours. Also xtext of RFC 3461, the one encoding the
 * envelope's parameters have. Nothing here fails but pb_xtext_decode, which returns NULL.
 */
#include "protocol/text.h"

#include <string.h>

gboolean
pb_text_is_ascii (const char *text, gsize length)
{
  guint64 word, seen = 0;
  gsize i = 0;

  for (; i + sizeof word <= length; i += sizeof word)
    {
      memcpy (&word, text + i, sizeof word);
      seen |= word;
    }
  for (; i < length; i++)
    seen |= (guint8) text[i];
  return (seen & G_GUINT64_CONSTANT (0x8080808080808080)) == 0;
}

gboolean
pb_text_is_utf8 (const char *text, gsize length)
{
  if (!g_utf8_validate_len (text, length, NULL))
    return FALSE;
  for (gsize i = 0; i + 1 < length; i++)
    if ((guint8) text[i] == 0xc2 && (guint8) text[i + 1] < 0xa0)
      return FALSE;
  return TRUE;
}

/* Line separators, and what makes a terminal or a window show text in another order than it has (UAX #9 2). */
static gboolean
misleads (gunichar character)
{
  return character == 0x061c || character == 0x200e || character == 0x200f
         || (character >= 0x2028 && character <= 0x202e) || (character >= 0x2066 && character <= 0x2069);
}

gboolean
pb_text_misleads (const char *text, gsize length)
{
  const char *end = text + length;

  while (text < end)
    {
      if ((guint8) *text >= 0x80 && misleads (g_utf8_get_char (text)))
        return TRUE;
      text = g_utf8_next_char (text);
    }
  return FALSE;
}

/* Returns the octets of the well-formed character at @text that is worth keeping, else 0. */
static gsize
safe_character (const char *text, gsize length, gboolean utf8)
{
  guint8 first = (guint8) text[0];
  gunichar character;

  if (first < 0x80)
    return first >= 0x20 && first != 0x7f;
  if (!utf8)
    return 0;
  character = g_utf8_get_char_validated (text, (gssize) length);
  if (character == (gunichar) -1 || character == (gunichar) -2 || character < 0xa0
      || misleads (character))
    return 0;
  return (gsize) g_unichar_to_utf8 (character, NULL);
}

/* Returns the octets at the start of @text that may stay as they are. Characters are not cut at @max. */
static gsize
safe_run (const char *text, gsize length, gsize max, gboolean utf8)
{
  gsize run = 0;

  while (run < length)
    {
      gsize size;

      /* Nearly all of nearly every text. */
      while (run < MIN (length, max) && text[run] >= 0x20 && text[run] < 0x7f)
        run++;
      if (run == length)
        break;
      size = safe_character (text + run, length - run, utf8);

      if (size == 0 || run + size > max)
        break;
      run += size;
    }
  return run;
}

void
pb_text_append_safe (GString *out, const char *text, gssize length, gsize max, gboolean utf8)
{
  gsize left = length < 0 ? strlen (text) : (gsize) length;

  while (left > 0 && max > 0)
    {
      gsize size = safe_run (text, left, max, utf8);

      if (size > 0)
        g_string_append_len (out, text, (gssize) size);
      else if (safe_character (text, left, utf8) > 0)
        return; /* one that would not fit whole */
      else
        g_string_append_c (out, '?');
      size = MAX (size, 1);
      text += size;
      left -= size;
      max -= size;
    }
}

void
pb_text_append_quoted (GString *out, const char *text)
{
  g_string_append_c (out, '"');
  for (const char *at = text; *at != '\0'; at++)
    {
      if (*at == '"' || *at == '\\')
        g_string_append_c (out, '\\');
      g_string_append_c (out, *at);
    }
  g_string_append_c (out, '"');
}

char *
pb_xtext_decode (const char *text, gsize length)
{
  g_autoptr (GString) plain = g_string_sized_new (length);

  for (gsize i = 0; i < length; i++)
    {
      char c = text[i];

      if (c == '+')
        {
          int high = i + 2 < length ? g_ascii_xdigit_value (text[i + 1]) : -1;
          int low = i + 2 < length ? g_ascii_xdigit_value (text[i + 2]) : -1;

          if (high < 0 || low < 0)
            return NULL;
          c = (char) (high * 16 + low);
          if (c < ' ' || c > '~')
            return NULL;
          i += 2;
        }
      else if (c <= ' ' || c > '~' || c == '=')
        return NULL;
      g_string_append_c (plain, c);
    }
  return g_string_free (g_steal_pointer (&plain), FALSE);
}

char *
pb_xtext_encode (const char *text)
{
  GString *encoded = g_string_new (NULL);

  for (; *text != '\0'; text++)
    if (*text <= ' ' || *text > '~' || *text == '+' || *text == '=')
      g_string_append_printf (encoded, "+%02X", (guint8) *text);
    else
      g_string_append_c (encoded, *text);
  return g_string_free (encoded, FALSE);
}

/* The character that "\x{...}" at @text stands for, 0 if it is none that may be there; @used: its octets. */
static gunichar
read_embedded (const char *text, gsize length, gsize *used)
{
  gunichar c = 0;
  gsize i;

  if (length < 5 || memcmp (text, "\\x{", 3) != 0)
    return 0;
  for (i = 3; i < length && i < 9 && g_ascii_isxdigit (text[i]); i++)
    c = c * 16 + (gunichar) g_ascii_xdigit_value (text[i]);
  if (i == 3 || i == length || text[i] != '}' || !g_unichar_validate (c))
    return 0;
  *used = i + 1;
  return c < ' ' || (c >= 0x7f && c < 0xa0) ? 0 : c;
}

char *
pb_utf8_addr_decode (const char *text, gsize length)
{
  g_autoptr (GString) plain = g_string_new (NULL);
  gsize used;

  if (!pb_text_is_utf8 (text, length))
    return NULL;
  for (gsize i = 0; i < length; i += used)
    {
      gunichar c = (guint8) text[i];

      used = 1;
      if (c == '\\')
        c = read_embedded (text + i, length - i, &used);
      else if (c <= ' ' || c == 0x7f || c == '+' || c == '=')
        return NULL;
      else if (c > 0x7f)
        {
          c = g_utf8_get_char (text + i);
          used = (gsize) g_unichar_to_utf8 (c, NULL);
        }
      if (c == 0 || misleads (c))
        return NULL;
      g_string_append_unichar (plain, c);
    }
  return g_string_free (g_steal_pointer (&plain), FALSE);
}

char *
pb_utf8_addr_encode (const char *text)
{
  g_autoptr (GString) safe = g_string_new (NULL);
  GString *encoded = g_string_new (NULL);

  pb_text_append_safe (safe, text, -1, G_MAXSIZE, TRUE);
  for (const char *at = safe->str; *at != '\0'; at = g_utf8_next_char (at))
    {
      gunichar c = g_utf8_get_char (at);

      if (c <= ' ' || c > '~' || c == '+' || c == '=' || c == '\\')
        g_string_append_printf (encoded, "\\x{%02X}", c);
      else
        g_string_append_c (encoded, (char) c);
    }
  return g_string_free (encoded, FALSE);
}
