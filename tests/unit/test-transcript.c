/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "delivery/transcript.h"

#include <string.h>

static void
test_lines (void)
{
  g_autoptr (PbTranscript) transcript = pb_transcript_new ();
  g_autofree char *text = NULL;

  pb_transcript_note (transcript, "connected to %s", "mx.example.org");
  pb_transcript_server (transcript, "220 hello", -1);
  pb_transcript_client (transcript, "EHLO us and more", 7);
  pb_transcript_client_lines (transcript, "MAIL FROM:<>\r\nRCPT TO:<a@b.c>\r\n", 31);
  text = pb_transcript_text (transcript);
  g_assert_cmpstr (text, ==,
                   "-- connected to mx.example.org\nS: 220 hello\nC: EHLO us\nC: MAIL FROM:<>\n"
                   "C: RCPT TO:<a@b.c>\n");
}

static void
test_harmless (void)
{
  g_autoptr (PbTranscript) transcript = pb_transcript_new ();
  g_autofree char *long_line = g_strnfill (5000, 'x');
  g_autofree char *text = NULL;

  pb_transcript_server (transcript, "250 \x1b[31m \xff\xfe \xc3\xa4\r", -1);
  pb_transcript_server (transcript, long_line, -1);
  text = pb_transcript_text (transcript);
  g_assert_true (g_str_has_prefix (text, "S: 250 ?[31m ?? \xc3\xa4?\nS: xxx"));
  g_assert_cmpuint (strlen (text), <, 2 * PB_TRANSCRIPT_LINE);
}

/* The first and the last lines stay, however many there are. */
static void
test_bounded (void)
{
  g_autofree char *filler = g_strnfill (PB_TRANSCRIPT_LINE, 'f');

  for (guint n = 1; n < 3000; n = n * 3 + 1)
    {
      g_autoptr (PbTranscript) transcript = pb_transcript_new ();
      g_autoptr (PbTranscript) twice = pb_transcript_new ();
      g_autofree char *text = NULL, *copied = NULL;

      pb_transcript_note (transcript, "first");
      for (guint i = 0; i < n; i++)
        pb_transcript_server (transcript, filler, (gssize) (i * 7 % PB_TRANSCRIPT_LINE));
      pb_transcript_server (transcript, "last", -1);
      text = pb_transcript_text (transcript);
      g_assert_cmpuint (strlen (text), <=, PB_TRANSCRIPT_MAX);
      g_assert_true (g_str_has_prefix (text, "-- first\n"));
      g_assert_true (g_str_has_suffix (text, "\nS: last\n"));
      g_assert_cmpint (strstr (text, "lines left out") != NULL, ==, transcript->n_left_out > 0
                                                                      || n > 120);
      pb_transcript_copy (twice, transcript);
      pb_transcript_copy (twice, transcript);
      copied = pb_transcript_text (twice);
      g_assert_cmpuint (strlen (copied), <=, PB_TRANSCRIPT_MAX);
      g_assert_true (g_str_has_prefix (copied, "-- first\n"));
      g_assert_true (g_str_has_suffix (copied, "\nS: last\n"));
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/transcript/lines", test_lines);
  g_test_add_func ("/transcript/harmless", test_harmless);
  g_test_add_func ("/transcript/bounded", test_bounded);
  return g_test_run ();
}
