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

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *path = g_strconcat ("/header-edit/", rows[i].name, NULL);

      g_test_add_data_func (path, GUINT_TO_POINTER (i), test_row);
    }
  g_test_add_func ("/header-edit/endless-line", test_endless_line);
  g_test_add_func ("/header-edit/nothing-to-add", test_nothing_to_add);
  return g_test_run ();
}
