/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * DATA coding: the forms that must not end a message, whole and at every split; then every string of up to seven octets
 * over the five that matter, held against a specification written another way.
 */
#include "protocol/data-coding.h"

#include <string.h>

#define ALPHABET "\r\n.a" /* and NUL: its terminator is the fifth */
#define LONGEST  7

typedef struct
{
  GByteArray *out;
  gsize consumed;
  gboolean ended;
  gboolean bare;
} Decoded;

static void
decoded_clear (Decoded *self)
{
  g_byte_array_unref (self->out);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Decoded, decoded_clear)

/* Feeds @input in pieces of @first, then @second, then the rest. */
static Decoded
decode_split (const char *input, gsize length, PbBareMode mode, gsize first, gsize second)
{
  const gsize sizes[] = { first, second, length - first - second };
  Decoded result = { g_byte_array_new (), 0, FALSE, FALSE };
  PbDataDecoder decoder;

  pb_data_decoder_init (&decoder, mode);
  for (guint i = 0; i < G_N_ELEMENTS (sizes) && !result.ended; i++)
    {
      g_autofree char *piece = g_memdup2 (input, sizes[i]);
      gsize consumed = 0;

      result.ended = pb_data_decoder_feed (&decoder, piece != NULL ? piece : "", sizes[i],
                                           &consumed, result.out);
      g_assert_true (result.ended || consumed == sizes[i]);
      result.consumed += consumed;
      input += sizes[i];
    }
  result.bare = decoder.bare_seen;
  return result;
}

static void
assert_same (const Decoded *result, gsize consumed, gboolean bare, const char *out,
             gsize out_length)
{
  g_assert_true (result->ended);
  g_assert_cmpuint (result->consumed, ==, consumed);
  g_assert_cmpint (result->bare, ==, bare);
  if (out != NULL)
    g_assert_cmpmem (result->out->data, result->out->len, out, out_length);
}

/* Decodes @input, which ends with the end of data at @consumed, at every split in two and three. */
static void
check_every_split (const char *input, gsize length, PbBareMode mode, gsize consumed, gboolean bare,
                   const char *out, gsize out_length)
{
  for (gsize first = 0; first <= length; first++)
    for (gsize second = 0; second <= length - first; second++)
      {
        g_auto (Decoded) result = decode_split (input, length, mode, first, second);

        assert_same (&result, consumed, bare, out, out_length);
      }
}

static void
check_octet_by_octet (const char *input, gsize length, PbBareMode mode, gsize consumed,
                      gboolean bare)
{
  g_autoptr (GByteArray) out = g_byte_array_new ();
  PbDataDecoder decoder;

  pb_data_decoder_init (&decoder, mode);
  for (gsize i = 0; i < length; i++)
    {
      gsize used;

      if (pb_data_decoder_feed (&decoder, input + i, 1, &used, out))
        {
          g_assert_cmpuint (i + used, ==, consumed);
          g_assert_cmpint (decoder.bare_seen, ==, bare);
          return;
        }
    }
  g_assert_not_reached ();
}

/* What stands between two lines of text and is no end of data. @normalized: what becomes of it when bare ones are mended. */
typedef struct
{
  const char *octets;
  gsize length;
  const char *normalized;
} NoEnd;

#define NO_END(octets, normalized)                                                                 \
  {                                                                                                \
    octets, sizeof (octets) - 1, normalized                                                        \
  }

static const NoEnd no_ends[] = {
  NO_END ("\n.\n", "\r\n.\r\n"),          NO_END ("\r.\r", "\r\n.\r\n"),
  NO_END ("\r.\n", "\r\n.\r\n"),          NO_END ("\n.\r", "\r\n.\r\n"),
  NO_END ("\n.\r\n", "\r\n.\r\n"),        NO_END ("\r\n.\n", "\r\n\r\n"),
  NO_END ("\r.\r\n", "\r\n.\r\n"),        NO_END ("\r\n.\r", "\r\n\r\n"),
  NO_END ("\r\n\0.\r\n", "\r\n.\r\n"),    NO_END ("\r\n.\0\r\n", "\r\n\r\n"),
  NO_END ("\r\n.\r\r\n", "\r\n\r\n\r\n"), NO_END ("\r\r\n.\r\r\n", "\r\n\r\n\r\n\r\n"),
  NO_END ("\r\n.\r\0\n", "\r\n\r\n\r\n"), NO_END ("\r\0\n.\r\n", "\r\n\r\n.\r\n"),
};

static void
test_no_end (gconstpointer data)
{
  const NoEnd *row = data;

  /* Before text, before what could be smuggled, and before the real end with nothing between. */
  static const char *const behind[] = { "y", "MAIL FROM:<a@b>\r\n", "" };
  for (guint i = 0; i < G_N_ELEMENTS (behind); i++)
    {
      g_autoptr (GString) input = g_string_new ("x");
      g_autoptr (GString) normal = g_string_new ("x");

      g_string_append_len (input, row->octets, (gssize) row->length);
      g_string_append (input, behind[i]);
      g_string_append (input, "\r\n.\r\n");
      g_string_append (normal, row->normalized);
      g_string_append (normal, behind[i]);
      g_string_append (normal, "\r\n");
      /* a CR at the form's end and the CRLF behind it are two line ends: that CR is bare */
      check_every_split (input->str, input->len, PB_DATA_REJECT_BARE, input->len, TRUE, NULL, 0);
      check_every_split (input->str, input->len, PB_DATA_NORMALIZE_BARE, input->len, TRUE,
                         normal->str, normal->len);
      check_octet_by_octet (input->str, input->len, PB_DATA_REJECT_BARE, input->len, TRUE);
      check_octet_by_octet (input->str, input->len, PB_DATA_NORMALIZE_BARE, input->len, TRUE);
    }
}

typedef struct
{
  const char *name, *input, *out;
  gsize consumed;
} Clean;

static const Clean cleans[] = {
  { "empty", ".\r\n", "", 3 },
  { "empty-and-next-command", ".\r\nQUIT\r\n", "", 3 },
  { "one-line", "a\r\n.\r\n", "a\r\n", 6 },
  { "rest-is-left", "a\r\n.\r\nMAIL FROM:<>\r\n.\r\n", "a\r\n", 6 },
  { "empty-lines", "\r\n\r\n.\r\n", "\r\n\r\n", 7 },
  { "stuffed", "..\r\n...\r\n.a\r\n.\r\n", ".\r\n..\r\na\r\n", 16 },
  { "dots-inside", "a.\r\nb.c\r\n.\r\n", "a.\r\nb.c\r\n", 12 },
  { "8-bit", "\xc3\xa4\xff\r\n.\r\n", "\xc3\xa4\xff\r\n", 8 },
};

static void
test_clean (gconstpointer data)
{
  const Clean *row = data;
  const gsize length = strlen (row->input);

  for (guint mode = PB_DATA_REJECT_BARE; mode <= PB_DATA_NORMALIZE_BARE; mode++)
    {
      check_every_split (row->input, length, (PbBareMode) mode, row->consumed, FALSE, row->out,
                         strlen (row->out));
      check_octet_by_octet (row->input, length, (PbBareMode) mode, row->consumed, FALSE);
    }
}

/* The specification: in CRLF + input, the message ends at the first CRLF "." CRLF. */
static gsize
specified_end (const GString *input)
{
  g_autoptr (GString) all = g_string_new ("\r\n");
  const char *found;

  g_string_append_len (all, input->str, (gssize) input->len);
  found = memmem (all->str, all->len, "\r\n.\r\n", 5);
  g_assert_nonnull (found);
  return (gsize) (found - all->str) + 3;
}

/* Unstuffs and normalizes input[0..length), the end of data cut off. Returns whether a bare octet was there. */
static gboolean
specified_text (const char *input, gsize length, gboolean unstuff, GString *out)
{
  gboolean bare = FALSE;

  for (gsize i = 0; i < length; i++)
    {
      gboolean behind_cr = i > 0 && input[i - 1] == '\r';
      gboolean before_lf = i + 1 < length && input[i + 1] == '\n';
      gboolean at_start = i == 0 || (i >= 2 && input[i - 1] == '\n' && input[i - 2] == '\r');

      if (unstuff && input[i] == '.' && at_start)
        continue;
      if (input[i] == '\0' || (input[i] == '\r' && !before_lf) || (input[i] == '\n' && !behind_cr))
        bare = TRUE;
      if ((input[i] == '\r' && !before_lf) || input[i] == '\n')
        g_string_append (out, "\r\n");
      else if (input[i] != '\0' && input[i] != '\r')
        g_string_append_c (out, input[i]);
    }
  return bare;
}

/* The n-th string of @length octets over the alphabet. */
static void
spell (GString *out, guint n, guint length)
{
  g_string_truncate (out, 0);
  for (; length > 0; length--, n /= 5)
    g_string_append_c (out, ALPHABET[n % 5]);
}

static void
check_decoder (const GString *input)
{
  g_autoptr (GString) text = g_string_new (NULL);
  const gsize end = specified_end (input);
  const gboolean bare = specified_text (input->str, end - 3, TRUE, text);
  g_auto (Decoded) strict = decode_split (input->str, input->len, PB_DATA_REJECT_BARE, 0, 0);
  g_auto (Decoded) normal = decode_split (input->str, input->len, PB_DATA_NORMALIZE_BARE, 0, 0);

  assert_same (&strict, end, bare, bare ? NULL : text->str, text->len);
  assert_same (&normal, end, bare, text->str, text->len);
  for (gsize first = 1; first < input->len; first++)
    {
      g_auto (Decoded) again =
        decode_split (input->str, input->len, PB_DATA_NORMALIZE_BARE, first, 1);

      assert_same (&again, end, bare, text->str, text->len);
    }
}

static void
check_encoder (const GString *text, gsize split)
{
  g_autoptr (GByteArray) wire = g_byte_array_new ();
  g_autoptr (GString) normal = g_string_new (NULL);
  PbDataEncoder encoder;

  specified_text (text->str, text->len, FALSE, normal);
  if (normal->len > 0 && normal->str[normal->len - 1] != '\n')
    g_string_append (normal, "\r\n");
  pb_data_encoder_init (&encoder);
  pb_data_encoder_feed (&encoder, text->str, split, wire);
  pb_data_encoder_feed (&encoder, text->str + split, text->len - split, wire);
  pb_data_encoder_finish (&encoder, wire);

  /* What we send is one message and nothing behind it, even for a receiver that does not look for bare ones. */
  g_auto (Decoded) back =
    decode_split ((const char *) wire->data, wire->len, PB_DATA_REJECT_BARE, 0, 0);
  assert_same (&back, wire->len, FALSE, normal->str, normal->len);
}

/* The octets of BDAT: no dot is special, whatever is bare is mended, and the last line has its end. */
static void
check_chunked (const GString *text)
{
  g_autoptr (GString) normal = g_string_new (NULL);
  const gboolean bare = specified_text (text->str, text->len, FALSE, normal);

  if (normal->len > 0 && normal->str[normal->len - 1] != '\n')
    g_string_append (normal, "\r\n");
  for (gsize first = 0; first <= text->len; first++)
    {
      g_autoptr (GByteArray) out = g_byte_array_new ();
      PbDataDecoder decoder;
      gsize consumed;

      pb_data_decoder_init (&decoder, PB_DATA_CHUNKED);
      g_assert_false (pb_data_decoder_feed (&decoder, text->str, first, &consumed, out));
      g_assert_cmpuint (consumed, ==, first);
      g_assert_false (pb_data_decoder_feed (&decoder, text->str + first, text->len - first,
                                            &consumed, out));
      g_assert_cmpuint (consumed, ==, text->len - first);
      pb_data_decoder_finish (&decoder, out);
      g_assert_cmpmem (out->data, out->len, normal->str, normal->len);
      g_assert_cmpint (decoder.bare_seen, ==, bare);
    }
}

static void
test_exhaustive (void)
{
  g_autoptr (GString) input = g_string_new (NULL);
  guint count = 1;

  for (guint length = 0; length <= LONGEST; length++, count *= 5)
    for (guint n = 0; n < count; n++)
      {
        spell (input, n, length);
        for (gsize split = 0; split <= input->len; split++)
          check_encoder (input, split);
        check_chunked (input);
        g_string_append (input, "\r\n.\r\n");
        check_decoder (input);
      }
}

static void
test_long_text (void)
{
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (GByteArray) wire = g_byte_array_new ();
  PbDataEncoder encoder;

  for (guint line = 0; line < 2000; line++)
    {
      if (line % 7 == 0)
        g_string_append_c (text, '.');
      for (guint i = 0; i < line % 300; i++)
        g_string_append_c (text, (char) (' ' + (line * 31 + i) % 95));
      g_string_append (text, "\r\n");
    }
  pb_data_encoder_init (&encoder);
  for (gsize at = 0; at < text->len; at += 1021)
    pb_data_encoder_feed (&encoder, text->str + at, MIN (1021, text->len - at), wire);
  pb_data_encoder_finish (&encoder, wire);
  for (gsize first = 0; first < wire->len; first += 4099)
    {
      g_auto (Decoded) back =
        decode_split ((const char *) wire->data, wire->len, PB_DATA_REJECT_BARE, first, 1);

      assert_same (&back, wire->len, FALSE, text->str, text->len);
    }
}

/* In reject mode not one octet comes out any more behind a bare one, in later pieces neither. */
static void
test_reject_is_silent (void)
{
  g_autoptr (GByteArray) out = g_byte_array_new ();
  PbDataDecoder decoder;
  gsize consumed;

  pb_data_decoder_init (&decoder, PB_DATA_REJECT_BARE);
  g_assert_false (pb_data_decoder_feed (&decoder, "good\r\nbad\n", 10, &consumed, out));
  g_assert_cmpmem (out->data, out->len, "good\r\nbad", 9);
  g_assert_false (pb_data_decoder_feed (&decoder, "more\r\n..\r\n", 10, &consumed, out));
  g_assert_cmpuint (out->len, ==, 9);
  g_assert_true (pb_data_decoder_feed (&decoder, ".\r\nRSET\r\n", 9, &consumed, out));
  g_assert_cmpuint (consumed, ==, 3);
  g_assert_cmpuint (out->len, ==, 9);
  /* and behind the end nothing is taken */
  g_assert_true (pb_data_decoder_feed (&decoder, "RSET\r\n", 6, &consumed, out));
  g_assert_cmpuint (consumed, ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (no_ends); i++)
    {
      g_autofree char *path = g_strdup_printf ("/data-coding/no-end/%u", i);

      g_test_add_data_func (path, &no_ends[i], test_no_end);
    }
  for (guint i = 0; i < G_N_ELEMENTS (cleans); i++)
    {
      g_autofree char *path = g_strdup_printf ("/data-coding/clean/%s", cleans[i].name);

      g_test_add_data_func (path, &cleans[i], test_clean);
    }
  g_test_add_func ("/data-coding/exhaustive", test_exhaustive);
  g_test_add_func ("/data-coding/long-text", test_long_text);
  g_test_add_func ("/data-coding/reject-is-silent", test_reject_is_silent);
  return g_test_run ();
}
