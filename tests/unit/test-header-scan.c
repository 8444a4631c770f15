/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The header scan: what it sees in a message, the same at every split, and that no message makes it grow. */
#include "protocol/header-scan.h"

#include <string.h>

static void
scan_split (PbHeaderScan *scan, const char *message, gsize length, gsize piece)
{
  pb_header_scan_init (scan);
  for (gsize at = 0; at < length; at += piece)
    {
      gsize size = MIN (piece, length - at);
      g_autofree char *exact = g_memdup2 (message + at, size);

      pb_header_scan_feed (scan, exact, size);
    }
}

static void
assert_same (const PbHeaderScan *a, const PbHeaderScan *b)
{
  g_assert_cmpuint (a->received, ==, b->received);
  g_assert_cmpuint (a->fields, ==, b->fields);
  g_assert_cmpint (a->done, ==, b->done);
  g_assert_cmpint (a->has_8bit, ==, b->has_8bit);
  g_assert_cmpint (a->has_message_id, ==, b->has_message_id);
  g_assert_cmpint (a->has_date, ==, b->has_date);
  g_assert_cmpint (a->has_from, ==, b->has_from);
  g_assert_cmpuint (a->header_length, ==, b->header_length);
  g_assert_cmpstr (a->message_id, ==, b->message_id);
  g_assert_cmpuint (a->delivered_to != NULL ? a->delivered_to->len : 0, ==,
                    b->delivered_to != NULL ? b->delivered_to->len : 0);
}

/* Scans @message whole into @scan, and at every size of piece to see that nothing changes. */
static void
scan_all (PbHeaderScan *scan, const char *message)
{
  gsize length = strlen (message);

  scan_split (scan, message, length, MAX (length, 1));
  for (gsize piece = 1; piece < length; piece++)
    {
      g_auto (PbHeaderScan) again;

      scan_split (&again, message, length, piece);
      assert_same (scan, &again);
    }
}

static void
test_ordinary (void)
{
  static const char head[] = "Received: from a\r\n\tby b; now\r\n"
                             "RECEIVED : from c\r\n"
                             "Received-SPF: pass\r\n"
                             "Delivered-To: kim@example.net\r\n"
                             "Delivered-To:\r\n lee@example.net\r\n"
                             "From: a@b.example\r\n"
                             "Message-ID:\r\n <1@b.example>\r\n"
                             "Message-ID: <2@b.example>\r\n"
                             "Subject: From: Date: x\r\n"
                             "\r\n";
  g_autofree char *message = g_strconcat (head, "Received: in the body\r\nDate: x\r\n", NULL);
  g_auto (PbHeaderScan) scan;

  scan_all (&scan, message);
  g_assert_cmpuint (scan.received, ==, 2);
  g_assert_cmpuint (scan.fields, ==, 9);
  g_assert_true (scan.done);
  g_assert_cmpuint (scan.header_length, ==, strlen (head));
  g_assert_true (scan.has_from);
  g_assert_false (scan.has_date);
  g_assert_true (scan.has_message_id);
  g_assert_false (scan.has_8bit);
  g_assert_cmpstr (scan.message_id, ==, "<1@b.example>");
  g_assert_cmpuint (scan.delivered_to->len, ==, 2);
  g_assert_cmpstr (scan.delivered_to->pdata[0], ==, "kim@example.net");
  g_assert_cmpstr (scan.delivered_to->pdata[1], ==, "lee@example.net");
}

static void
test_no_header (void)
{
  g_auto (PbHeaderScan) scan;

  scan_all (&scan, "\r\nDate: now\r\n");
  g_assert_true (scan.done);
  g_assert_cmpuint (scan.header_length, ==, 2);
  g_assert_false (scan.has_date);
  g_assert_cmpuint (scan.fields, ==, 0);
}

static void
test_no_body (void)
{
  g_auto (PbHeaderScan) scan;

  scan_all (&scan, "Date: now\r\nReceived: x\r\nMessage-ID: <1@x>\r\n");
  g_assert_false (scan.done);
  g_assert_true (scan.has_date);
  g_assert_cmpuint (scan.received, ==, 1);
  g_assert_cmpstr (scan.message_id, ==, "<1@x>");
}

/* What is no field neither counts nor hides the fields behind it. */
static void
test_odd_lines (void)
{
  g_auto (PbHeaderScan) scan;

  scan_all (
    &scan,
    "From kim Mon Jan  1\r\n continued\r\nno field\r\n: no name\r\nReceived\r\nRe ceived: x\r\n"
    "Received: x\r\n\r\n");
  g_assert_cmpuint (scan.received, ==, 1);
  g_assert_cmpuint (scan.fields, ==, 1);
  g_assert_true (scan.done);
}

static void
test_8bit (void)
{
  g_auto (PbHeaderScan) head;
  g_auto (PbHeaderScan) body;

  scan_all (&head, "Subject: \xc3\xa4\r\n\r\n");
  g_assert_true (head.has_8bit);
  scan_all (&body, "Subject: a\r\n\r\naaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\x80\r\n");
  g_assert_true (body.has_8bit);
}

static void
test_copy_mark (void)
{
  g_auto (PbHeaderScan) marked;
  g_auto (PbHeaderScan) plain;

  scan_all (&marked, "Subject: a\r\nx-postmaster-copy : nas.example\r\n\r\n");
  g_assert_true (marked.has_copy_mark);
  scan_all (&plain, "Subject: a\r\n X-Postmaster-Copy: folded\r\nX-Postmaster-Copyright: x\r\n\r\n"
                    "X-Postmaster-Copy: body\r\n");
  g_assert_false (plain.has_copy_mark);
}

static void
test_hostile_values (void)
{
  g_auto (PbHeaderScan) scan;

  scan_all (&scan, "Message-ID: <\x1b\xff\r\n >\r\nDelivered-To: a\x01@b\r\n\r\n");
  g_assert_cmpstr (scan.message_id, ==, "<?? >");
  g_assert_cmpstr (scan.delivered_to->pdata[0], ==, "a?@b");
}

static void
test_bounds (void)
{
  g_autofree char *huge = g_strnfill (100000, 'x');
  g_auto (PbHeaderScan) scan;

  pb_header_scan_init (&scan);
  pb_header_scan_feed (&scan, "Message-ID: ", 12);
  for (guint i = 0; i < 20; i++)
    pb_header_scan_feed (&scan, huge, 100000);
  pb_header_scan_feed (&scan, "\r\n", 2);
  for (guint i = 0; i < 1000; i++)
    pb_header_scan_feed (&scan, " more\r\n", 7);
  for (guint i = 0; i < 100000; i++)
    pb_header_scan_feed (&scan, "Received: x\r\nDelivered-To: kim@example.net\r\n", 44);
  pb_header_scan_feed (&scan, " ", 1);
  pb_header_scan_feed (&scan, huge, 100000);
  g_assert_cmpuint (scan.received, ==, 100000);
  g_assert_cmpuint (scan.fields, ==, 200001);
  g_assert_cmpuint (strlen (scan.message_id), <=, 998);
  g_assert_cmpuint (scan.delivered_to->len, ==, 100);
  g_assert_cmpuint (scan.line->allocated_len, <=, 4096);
  for (guint i = 0; i < scan.delivered_to->len; i++)
    g_assert_cmpuint (strlen (scan.delivered_to->pdata[i]), <=, 320);
}

/* From: is kept where that was asked for, whole or with the word that it is not. */
static void
test_from (void)
{
  static const char text[] = "From : Ann\r\n <ann@a.example>\r\n\tX\r\nfrom: b@b.example\r\n\r\n";
  g_autofree char *long_line = g_strdup_printf ("From: %*sx@y.example\r\n\r\n", 2000, "");
  g_auto (PbHeaderScan) scan, other, cut, many;

  pb_header_scan_init (&other);
  pb_header_scan_feed (&other, text, strlen (text));
  g_assert_null (other.from);
  g_assert_cmpuint (other.from_fields, ==, 2);
  pb_header_scan_init (&scan);
  scan.keep_from = TRUE;
  for (gsize i = 0; i < strlen (text); i++)
    pb_header_scan_feed (&scan, text + i, 1);
  g_assert_cmpstr (scan.from, ==, "Ann <ann@a.example> X");
  g_assert_cmpuint (scan.from_fields, ==, 2);
  g_assert_false (scan.from_cut);
  pb_header_scan_init (&cut);
  cut.keep_from = TRUE;
  pb_header_scan_feed (&cut, long_line, strlen (long_line));
  g_assert_true (cut.from_cut);
  pb_header_scan_init (&many);
  many.keep_from = TRUE;
  pb_header_scan_feed (&many, "From: a\r\n", 9);
  for (guint i = 0; i < 10000; i++)
    pb_header_scan_feed (&many, " b@b.example,\r\n", 15);
  g_assert_true (many.from_cut);
  g_assert_cmpuint (strlen (many.from), <=, 16384);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/header-scan/ordinary", test_ordinary);
  g_test_add_func ("/header-scan/no-header", test_no_header);
  g_test_add_func ("/header-scan/no-body", test_no_body);
  g_test_add_func ("/header-scan/odd-lines", test_odd_lines);
  g_test_add_func ("/header-scan/8bit", test_8bit);
  g_test_add_func ("/header-scan/copy-mark", test_copy_mark);
  g_test_add_func ("/header-scan/hostile-values", test_hostile_values);
  g_test_add_func ("/header-scan/bounds", test_bounds);
  g_test_add_func ("/header-scan/from", test_from);
  return g_test_run ();
}
