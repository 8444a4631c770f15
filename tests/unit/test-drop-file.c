/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "protocol/drop-file.h"

#include <gio/gio.h>
#include <string.h>

#define HEAD "postbus-drop 1\n"

static void
test_round (void)
{
  g_autoptr (PbDropFile) file = pb_drop_file_new ("ann@local.example");
  g_autoptr (PbDropFile) read = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GString) text = NULL;
  gsize body;

  g_ptr_array_add (file->recipients, g_strdup ("root"));
  g_ptr_array_add (file->recipients, g_strdup ("j\xc3\xb6rg@\xc3\xb6.example"));
  file->ret = g_strdup ("HDRS");
  file->envid = g_strdup ("a+2Bb");
  file->notify = g_strdup ("SUCCESS,FAILURE");
  text = pb_drop_file_write (file);
  g_string_append (text, "Subject: x\n\ny\n");
  read = pb_drop_file_parse (text->str, text->len, &body, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (text->str + body, ==, "Subject: x\n\ny\n");
  g_assert_cmpstr (read->sender, ==, file->sender);
  g_assert_cmpuint (read->recipients->len, ==, 2);
  g_assert_cmpstr (read->recipients->pdata[1], ==, file->recipients->pdata[1]);
  g_assert_cmpstr (read->ret, ==, "HDRS");
  g_assert_cmpstr (read->envid, ==, "a+2Bb");
  g_assert_cmpstr (read->notify, ==, "SUCCESS,FAILURE");
}

static void
test_refuses (void)
{
  static const struct
  {
    const char *text, *words;
  } rows[] = {
    { "", "no dropped message" },
    { "postbus-drop 2\nsender \nrecipient a\n\n", "no dropped message" },
    { HEAD, "without an end" },
    { HEAD "sender \nrecipient a\n", "without an end" },
    { HEAD "sender \nrecipient a", "without an end" },
    { HEAD "\n", "no sender" },
    { HEAD "sender a\n\n", "no recipient" },
    { HEAD "recipient a\n\n", "no sender" },
    { HEAD "sender a\nsender b\nrecipient a\n\n", "no such file has" },
    { HEAD "sender a\nrecipient b\npriority high\n\n", "no such file has" },
    { HEAD "sender a\rDATA\nrecipient b\n\n", "no such file has" },
    { HEAD "sender a\nrecipient b\xff\n\n", "no such file has" },
    { HEAD "sender a\nrecipient b\nnotify NEVER,DELAY\n\n", "no such file has" },
    { HEAD "sender a\nrecipient b\nnotify \n\n", "no such file has" },
    { HEAD "sender a\nrecipient b\nreturn ALL\n\n", "no such file has" },
    { HEAD "sender a\nrecipient b\nenvelope-id a b\n\n", "no such file has" },
    { HEAD "sender a\nrecipient b\nenvelope-id +2\n\n", "no such file has" },
    { HEAD "sender\nrecipient b\n\n", "no such file has" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GError) error = NULL;
      gsize body;
      PbDropFile *file = pb_drop_file_parse (rows[i].text, strlen (rows[i].text), &body, &error);

      g_assert_null (file);
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA);
      if (strstr (error->message, rows[i].words) == NULL)
        g_error ("row %u: %s", i, error->message);
    }
}

/* 10,000 recipients are taken, one more is not; a value has 1,024 octets at most. */
static void
test_bounds (void)
{
  g_autoptr (PbDropFile) file = pb_drop_file_new ("");
  g_autoptr (GString) text = NULL;
  g_autofree char *longest = g_strnfill (1024, 'x');
  gsize body;

  for (guint i = 0; i < 10000; i++)
    g_ptr_array_add (file->recipients, g_strdup (longest));
  text = pb_drop_file_write (file);
  g_assert_cmpuint (text->len, <, PB_DROP_HEAD_MAX);
  pb_drop_file_free (pb_drop_file_parse (text->str, text->len, &body, NULL));
  g_assert_cmpuint (body, ==, text->len);
  g_ptr_array_add (file->recipients, g_strdup ("x"));
  g_string_free (text, TRUE);
  text = pb_drop_file_write (file);
  g_assert_null (pb_drop_file_parse (text->str, text->len, &body, NULL));
  g_ptr_array_set_size (file->recipients, 1);
  g_free (file->recipients->pdata[0]);
  file->recipients->pdata[0] = g_strnfill (1025, 'x');
  g_string_free (text, TRUE);
  text = pb_drop_file_write (file);
  g_assert_null (pb_drop_file_parse (text->str, text->len, &body, NULL));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/drop-file/round", test_round);
  g_test_add_func ("/drop-file/refuses", test_refuses);
  g_test_add_func ("/drop-file/bounds", test_bounds);
  return g_test_run ();
}
