/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A submitted message gets what it lacks and loses what is nobody's business, the same at every split. */
#include "protocol/header-edit.h"

#include <string.h>

#define DATE       "Tue, 24 Nov 2026 10:00:00 +0000"
#define ID         "<1@mail.example>"
#define ADDED_DATE "Date: " DATE "\r\n"
#define ADDED_ID   "Message-ID: " ID "\r\n"

static void
assert_at_every_split (const char *in, const char *expected)
{
  gsize length = strlen (in);

  for (gsize piece = 1; piece <= MAX (length, 1); piece++)
    {
      g_autoptr (PbHeaderEdit) edit = pb_header_edit_new (DATE, ID);
      g_autoptr (GByteArray) out = g_byte_array_new ();

      for (gsize at = 0; at < length; at += piece)
        {
          gsize size = MIN (piece, length - at);
          g_autofree char *exact = g_memdup2 (in + at, size);

          pb_header_edit_feed (edit, exact, size, out);
        }
      pb_header_edit_finish (edit, out);
      g_byte_array_append (out, (const guint8 *) "", 1);
      g_assert_cmpstr ((const char *) out->data, ==, expected);
    }
}

static const struct
{
  const char *name, *in, *out;
} rows[] = {
  { "nothing-missing", "Date: x\r\nMessage-ID: <a@b>\r\nTo: c@d\r\n\r\nBcc: body\r\n",
    "Date: x\r\nMessage-ID: <a@b>\r\nTo: c@d\r\n\r\nBcc: body\r\n" },
  { "both-missing", "From: a@b\r\n\r\nbody\r\n",
    "From: a@b\r\n" ADDED_DATE ADDED_ID "\r\nbody\r\n" },
  { "date-missing", "message-id : <a@b>\r\n\r\n", "message-id : <a@b>\r\n" ADDED_DATE "\r\n" },
  { "id-missing", "DATE: x\r\n\r\n", "DATE: x\r\n" ADDED_ID "\r\n" },
  { "no-header", "\r\nbody\r\n", ADDED_DATE ADDED_ID "\r\nbody\r\n" },
  { "empty", "", ADDED_DATE ADDED_ID },
  { "no-empty-line", "From: a@b\r\n", "From: a@b\r\n" ADDED_DATE ADDED_ID },
  { "cut-off", "From", "From" ADDED_DATE ADDED_ID },
  { "cut-off-return", "Date: x\r\nMessage-ID: y\r\n\r", "Date: x\r\nMessage-ID: y\r\n\r" },
  { "bcc", "Date: x\r\nBcc: s@b\r\nMessage-ID: y\r\n\r\n", "Date: x\r\nMessage-ID: y\r\n\r\n" },
  { "bcc-folded", "Date: x\r\nbCC:\r\n s@b,\r\n\tt@b\r\n \r\nMessage-ID: y\r\n\r\n",
    "Date: x\r\nMessage-ID: y\r\n\r\n" },
  { "bcc-space", "Date: x\r\nBcc \t: s@b\r\nMessage-ID: y\r\n\r\n",
    "Date: x\r\nMessage-ID: y\r\n\r\n" },
  { "bcc-twice-and-last", "Bcc: s@b\r\nDate: x\r\nMessage-ID: y\r\nBcc:\r\n t@b\r\n\r\nz\r\n",
    "Date: x\r\nMessage-ID: y\r\n\r\nz\r\n" },
  { "resent-bcc", "Resent-Bcc: s@b\r\nDate: x\r\nMessage-ID: y\r\n\r\n",
    "Date: x\r\nMessage-ID: y\r\n\r\n" },
  { "like-bcc", "Bcc-Note: n\r\nXBcc: n\r\nBc: n\r\nBcc\r\nDate: x\r\nMessage-ID: y\r\n\r\n",
    "Bcc-Note: n\r\nXBcc: n\r\nBc: n\r\nBcc\r\nDate: x\r\nMessage-ID: y\r\n\r\n" },
  { "folded-before-any", " odd\r\nDate: x\r\nMessage-ID: y\r\n\r\n",
    " odd\r\nDate: x\r\nMessage-ID: y\r\n\r\n" },
  { "no-field", "A line that is no field at all, and longer than what is held back\r\n\r\n",
    "A line that is no field at all, and longer than what is held back\r\n" ADDED_DATE ADDED_ID
    "\r\n" },
  { "date-in-fold", "Subject: a\r\n Date: b\r\nMessage-ID: y\r\n\r\n",
    "Subject: a\r\n Date: b\r\nMessage-ID: y\r\n" ADDED_DATE "\r\n" },
};

static void
test_row (gconstpointer data)
{
  guint row = GPOINTER_TO_UINT (data);

  assert_at_every_split (rows[row].in, rows[row].out);
}

/* A line without an end, in the header, is neither kept nor lost. */
static void
test_endless_line (void)
{
  g_autoptr (PbHeaderEdit) edit = pb_header_edit_new (DATE, ID);
  g_autoptr (GByteArray) out = g_byte_array_new ();
  g_autofree char *dots = g_strnfill (100000, '.');

  pb_header_edit_feed (edit, "Bcc:", 4, out);
  pb_header_edit_feed (edit, dots, 100000, out);
  g_assert_cmpuint (out->len, ==, 0);
  pb_header_edit_feed (edit, "\r\n", 2, out);
  pb_header_edit_feed (edit, dots, 100000, out);
  g_assert_cmpuint (out->len, ==, 100000);
  g_assert_false (edit->added_message_id);
  pb_header_edit_finish (edit, out);
  g_assert_true (edit->added_message_id);
}

static void
test_nothing_to_add (void)
{
  g_autoptr (PbHeaderEdit) edit = pb_header_edit_new (NULL, NULL);
  g_autoptr (GByteArray) out = g_byte_array_new ();

  pb_header_edit_feed (edit, "Bcc: a\r\n\r\n", 10, out);
  g_assert_cmpmem (out->data, out->len, "\r\n", 2);
  g_assert_false (edit->added_message_id);
}

/* ---- Authentication-Results ---- */

#define AR "Authentication-Results"
#define OURS " mx.here.test; spf=pass\r\n"

static const struct
{
  const char *name, *in, *out;
} stripped[] = {
  { "ours", "A: b\r\n" AR ":" OURS "C: d\r\n\r\n" AR ":" OURS, "A: b\r\nC: d\r\n\r\n" AR ":" OURS },
  { "case", "AUTHENTICATION-results: MX.Here.TEST; spf=pass\r\n\r\n", "\r\n" },
  { "theirs", AR ": mx.there.test; spf=pass\r\n\r\n", AR ": mx.there.test; spf=pass\r\n\r\n" },
  { "like-ours", AR ": mx.here.test.example; spf=pass\r\n" AR ": ymx.here.test; none\r\n\r\n",
    AR ": mx.here.test.example; spf=pass\r\n" AR ": ymx.here.test; none\r\n\r\n" },
  { "folded", AR ":\r\n\t \r\n  mx.here.test;\r\n spf=pass\r\n\tsmtp.mailfrom=x\r\nA: b\r\n\r\n",
    "A: b\r\n\r\n" },
  { "theirs-folded", AR ":\r\n there;\r\n spf=pass\r\nA: b\r\n\r\n",
    AR ":\r\n there;\r\n spf=pass\r\nA: b\r\n\r\n" },
  { "comment", AR ": (a (nested\\) one) here) \"mx.here.test\" 1; spf=pass\r\n\r\n", "\r\n" },
  { "version", AR ": mx.here.test/1; spf=pass\r\n" AR ": mx.here.test 1; none\r\n\r\n", "\r\n" },
  { "blank-before-colon", AR " \t:" OURS "\r\n", "\r\n" },
  { "many-blanks-before-colon",
    AR "                                                              :" OURS "\r\n", "\r\n" },
  { "unreadable", AR ": \"mx.here.test; spf=pass\r\n" AR ": (mx\r\n" AR ":\r\nA: b\r\n\r\n",
    "A: b\r\n\r\n" },
  { "many", AR ":" OURS AR ":" OURS "A: b\r\n" AR ": there; none\r\n" AR ":" OURS "\r\n",
    "A: b\r\n" AR ": there; none\r\n\r\n" },
  { "last-without-end", "A: b\r\n" AR ":" OURS, "A: b\r\n" },
  { "cut-off", "A: b\r\n" AR ": mx.here", "A: b\r\n" AR ": mx.here" },
  { "no-colon", AR "\r\n mx.here.test; spf=pass\r\n\r\n", AR "\r\n mx.here.test; spf=pass\r\n\r\n" },
  { "arc", "ARC-" AR ": i=1;" OURS "X-" AR ":" OURS "\r\n", "ARC-" AR ": i=1;" OURS "X-" AR ":" OURS "\r\n" },
  { "hidden-stay", "Bcc: a\r\nResent-Bcc: b\r\n\r\n", "Bcc: a\r\nResent-Bcc: b\r\n\r\n" },
};

/* Feeds @in in pieces of @piece octets. Returns: (transfer full). */
static GByteArray *
strip (const char *in, gsize length, gsize piece, guint *forged)
{
  g_autoptr (PbHeaderEdit) edit = pb_header_edit_new_passing ();
  GByteArray *out = g_byte_array_new ();

  pb_header_edit_strip_results (edit, "mx.here.test");
  for (gsize at = 0; at < length; at += piece)
    {
      gsize size = MIN (piece, length - at);
      g_autofree char *exact = g_memdup2 (in + at, size);

      pb_header_edit_feed (edit, exact, size, out);
    }
  pb_header_edit_finish (edit, out);
  *forged = edit->forged;
  return out;
}

static void
test_stripped (gconstpointer data)
{
  guint row = GPOINTER_TO_UINT (data), forged;
  gsize length = strlen (stripped[row].in);

  for (gsize piece = 1; piece <= length; piece++)
    {
      g_autoptr (GByteArray) out = strip (stripped[row].in, length, piece, &forged);

      g_assert_cmpmem (out->data, out->len, stripped[row].out, strlen (stripped[row].out));
      g_assert_true ((forged > 0) == !g_str_equal (stripped[row].in, stripped[row].out));
    }
}

/* Before an octet of the name come @size octets of comment, behind it as many of results. */
static void
test_huge_results (void)
{
  static const gsize sizes[] = { 100, 8000, 8160, 8170, 8192, 20000, 1000000 };

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    for (guint theirs = 0; theirs < 2; theirs++)
      {
        g_autofree char *filler = g_strnfill (sizes[i], 'x');
        g_autofree char *in =
          g_strconcat ("A: b\r\n" AR ": (", filler, ") ", theirs ? "mx.there.test" : "mx.here.test",
                       "; spf=pass (", filler, ")\r\nC: d\r\n\r\n", NULL);
        /* Nobody's name comes so late. */
        gboolean kept = theirs && sizes[i] <= 8000;
        guint forged;

        for (gsize piece = 1000; piece < 30000; piece += 7001)
          {
            g_autoptr (GByteArray) out = strip (in, strlen (in), piece, &forged);

            if (kept)
              g_assert_cmpmem (out->data, out->len, in, strlen (in));
            else
              g_assert_cmpmem (out->data, out->len, "A: b\r\nC: d\r\n\r\n", 14);
            g_assert_cmpuint (forged, ==, !kept);
          }
      }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *path = g_strconcat ("/header-edit/", rows[i].name, NULL);

      g_test_add_data_func (path, GUINT_TO_POINTER (i), test_row);
    }
  for (guint i = 0; i < G_N_ELEMENTS (stripped); i++)
    {
      g_autofree char *path = g_strconcat ("/header-edit/results/", stripped[i].name, NULL);

      g_test_add_data_func (path, GUINT_TO_POINTER (i), test_stripped);
    }
  g_test_add_func ("/header-edit/results/huge", test_huge_results);
  g_test_add_func ("/header-edit/endless-line", test_endless_line);
  g_test_add_func ("/header-edit/nothing-to-add", test_nothing_to_add);
  return g_test_run ();
}
