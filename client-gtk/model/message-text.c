/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The octets of a message, which anybody may have sent, as text that can be shown: piece by piece, as they
 * come from the service. Called by the message window. Pure; every input gives valid UTF-8 without control
 * characters and without those that turn the direction of what stands around them.
 */
#include "model/message-text.h"

#include <string.h>

#define REPLACEMENT 0xfffd

/* Marks that make text look other than it is. */
static gboolean
turns_direction (gunichar c)
{
  return (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0x200e || c == 0x200f;
}

static gboolean
is_shown (gunichar c)
{
  return c == '\n' || c == '\t' || (!g_unichar_iscntrl (c) && !turns_direction (c));
}

/* How many octets at the end may be the beginning of something: a CR, or a character's first octets. */
static gsize
count_unfinished (const char *text, gsize length)
{
  if (length > 0 && text[length - 1] == '\r')
    return 1;
  for (gsize n = 1; n <= MIN (length, 3); n++)
    {
      gunichar c = g_utf8_get_char_validated (text + length - n, (gssize) n);

      if (c == (gunichar) -2)
        return n;
    }
  return 0;
}

static gsize
append_one (GString *out, const char *at, const char *end)
{
  gunichar c = g_utf8_get_char_validated (at, end - at);

  if (c == '\r' && at + 1 < end && at[1] == '\n')
    {
      g_string_append_c (out, '\n');
      return 2;
    }
  if (c == (gunichar) -1 || c == (gunichar) -2 || c == 0)
    {
      g_string_append_unichar (out, REPLACEMENT);
      return 1;
    }
  g_string_append_unichar (out, is_shown (c) ? c : REPLACEMENT);
  return (gsize) (g_utf8_next_char (at) - at);
}

char *
pba_message_text_take (GByteArray *rest, GBytes *octets, gboolean last)
{
  g_autoptr (GString) out = g_string_new (NULL);
  const char *text;
  gsize size, left;

  g_byte_array_append (rest, g_bytes_get_data (octets, NULL), (guint) g_bytes_get_size (octets));
  text = (const char *) rest->data;
  size = rest->len;
  left = last ? 0 : count_unfinished (text, size);
  for (gsize i = 0; i < size - left;)
    i += append_one (out, text + i, text + size - left);
  g_byte_array_remove_range (rest, 0, (guint) (size - left));
  return g_string_free (g_steal_pointer (&out), FALSE);
}
