/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * DATA coding. The first octet says where the input is split; whole and split must agree, the end of data is where a plain
 * search finds it, and what the encoder makes of any octets comes back as one message of proper lines.
 */
#include "protocol/data-coding.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static gboolean
decode (const char *input, gsize length, gsize split, PbBareMode mode, GByteArray *out, gsize *end,
        gboolean *bare)
{
  PbDataDecoder decoder;
  gsize first = 0, second = 0;
  gboolean done;

  pb_data_decoder_init (&decoder, mode);
  done = pb_data_decoder_feed (&decoder, input, split, &first, out);
  if (!done)
    {
      g_assert_cmpuint (first, ==, split);
      done = pb_data_decoder_feed (&decoder, input + split, length - split, &second, out);
    }
  *end = first + second;
  *bare = decoder.bare_seen;
  return done;
}

static void
check_decoder (const char *input, gsize length, gsize split, PbBareMode mode)
{
  g_autoptr (GByteArray) whole = g_byte_array_new ();
  g_autoptr (GByteArray) parts = g_byte_array_new ();
  gsize whole_end, parts_end;
  gboolean whole_bare, parts_bare;
  gboolean done = decode (input, length, 0, mode, whole, &whole_end, &whole_bare);

  g_assert_cmpint (decode (input, length, split, mode, parts, &parts_end, &parts_bare), ==, done);
  g_assert_cmpuint (whole_end, ==, parts_end);
  g_assert_cmpint (whole_bare, ==, parts_bare);
  if (!whole_bare || mode == PB_DATA_NORMALIZE_BARE)
    g_assert_cmpmem (whole->data, whole->len, parts->data, parts->len);
  if (length >= 3 && memcmp (input, ".\r\n", 3) == 0)
    g_assert_true (done && whole_end == 3);
  else
    {
      const char *found = length > 0 ? memmem (input, length, "\r\n.\r\n", 5) : NULL;

      g_assert_cmpint (done, ==, found != NULL);
      if (done)
        g_assert_cmpuint (whole_end, ==, (gsize) (found - input) + 5);
    }
}

static void
check_encoder (const char *text, gsize length, gsize split)
{
  g_autoptr (GByteArray) wire = g_byte_array_new ();
  g_autoptr (GByteArray) back = g_byte_array_new ();
  PbDataEncoder encoder;
  gsize end;
  gboolean bare;

  pb_data_encoder_init (&encoder);
  pb_data_encoder_feed (&encoder, text, split, wire);
  pb_data_encoder_feed (&encoder, text + split, length - split, wire);
  pb_data_encoder_finish (&encoder, wire);
  g_assert_true (
    decode ((const char *) wire->data, wire->len, 0, PB_DATA_REJECT_BARE, back, &end, &bare));
  g_assert_cmpuint (end, ==, wire->len);
  g_assert_false (bare);
}

static void
chunk (const char *text, gsize length, gsize split, GByteArray *out)
{
  PbDataDecoder decoder;
  gsize used;

  pb_data_decoder_init (&decoder, PB_DATA_CHUNKED);
  g_assert_false (pb_data_decoder_feed (&decoder, text, split, &used, out));
  g_assert_cmpuint (used, ==, split);
  g_assert_false (pb_data_decoder_feed (&decoder, text + split, length - split, &used, out));
  g_assert_cmpuint (used, ==, length - split);
  pb_data_decoder_finish (&decoder, out);
}

/* The octets of BDAT have no end among them, and become lines without a bare octet: those of the encoder but for the dots. */
static void
check_chunked (const char *text, gsize length, gsize split)
{
  g_autoptr (GByteArray) whole = g_byte_array_new ();
  g_autoptr (GByteArray) parts = g_byte_array_new ();

  chunk (text, length, 0, whole);
  chunk (text, length, split, parts);
  g_assert_cmpmem (whole->data, whole->len, parts->data, parts->len);
  g_assert_null (whole->len > 0 ? memchr (whole->data, '\0', whole->len) : NULL);
  for (guint i = 0; i < whole->len; i++)
    if (whole->data[i] == '\r')
      g_assert_true (i + 1 < whole->len && whole->data[i + 1] == '\n');
    else if (whole->data[i] == '\n')
      g_assert_true (i > 0 && whole->data[i - 1] == '\r');
  g_assert_true (whole->len == 0 || whole->data[whole->len - 1] == '\n');
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  const char *input = (const char *) data + 1;
  gsize length = size > 0 ? size - 1 : 0;
  gsize split;

  if (size == 0)
    return 0;
  split = length > 0 ? data[0] * length / 255 : 0;
  check_decoder (input, length, split, PB_DATA_REJECT_BARE);
  check_decoder (input, length, split, PB_DATA_NORMALIZE_BARE);
  check_encoder (input, length, split);
  check_chunked (input, length, split);
  return 0;
}
