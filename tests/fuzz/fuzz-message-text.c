/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A message's octets as text to look at: whatever they are and however they are cut, valid UTF-8 without control characters.
 */
#include "model/message-text.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

/* The whole of it, @piece octets at a time. */
static char *
show (const uint8_t *data, size_t size, size_t piece)
{
  g_autoptr (GByteArray) rest = g_byte_array_new ();
  GString *text = g_string_new (NULL);
  size_t at = 0;

  do
    {
      size_t n = MIN (piece, size - at);
      g_autoptr (GBytes) octets = g_bytes_new (data + at, n);
      g_autofree char *shown = NULL;

      at += n;
      shown = pba_message_text_take (rest, octets, at == size);
      g_string_append (text, shown);
    }
  while (at < size);
  return g_string_free (text, FALSE);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autofree char *whole = show (data, size, MAX (size, 1));

  g_assert_true (g_utf8_validate (whole, -1, NULL));
  for (const char *c = whole; *c != '\0'; c++)
    g_assert_true ((guchar) *c >= 0x20 || *c == '\n' || *c == '\t');
  for (size_t piece = 1; piece < 6; piece++)
    {
      g_autofree char *pieces = show (data, size, piece);

      g_assert_cmpstr (pieces, ==, whole);
    }
  return 0;
}
