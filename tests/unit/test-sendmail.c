/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sendmail's command line, and what it reads in a message. */
#include "sendmail/sendmail-message.h"
#include "sendmail/sendmail-options.h"

#include <gio/gio.h>
#include <string.h>
#include <unistd.h>

static PbSendmailOptions *
parse (const char *line, GError **error)
{
  g_auto (GStrv) words = NULL;

  g_shell_parse_argv (line, NULL, &words, NULL);
  return pb_sendmail_options_parse ((int) g_strv_length (words), words, error);
}

static void
test_command_lines (void)
{
  static const struct
  {
    const char *line;
    PbSendmailMode mode;
    const char *sender, *full_name, *recipients;
    gboolean extract, ignore_dots;
  } rows[] = {
    { "sendmail root", PB_SENDMAIL_SEND, NULL, NULL, "root", FALSE, FALSE },
    { "/usr/sbin/sendmail -FCronDaemon -i -B8BITMIME -oem root", PB_SENDMAIL_SEND, NULL, "CronDaemon", "root", FALSE, TRUE },
    { "sendmail -t -oi -f ann@x.example", PB_SENDMAIL_SEND, "ann@x.example", NULL, "", TRUE, TRUE },
    { "sendmail -fann -F 'Ann B' a b", PB_SENDMAIL_SEND, "ann", "Ann B", "a b", FALSE, FALSE },
    { "sendmail -r '<ann@x.example>' -ti", PB_SENDMAIL_SEND, "ann@x.example", NULL, "", TRUE, TRUE },
    { "sendmail -f '' -- -odd@x.example", PB_SENDMAIL_SEND, "<>", NULL, "-odd@x.example", FALSE, FALSE },
    { "sendmail -f '<>' a", PB_SENDMAIL_SEND, "<>", NULL, "a", FALSE, FALSE },
    { "sendmail -om -odb -oeq -em -h5 -v a", PB_SENDMAIL_SEND, NULL, NULL, "a", FALSE, FALSE },
    { "sendmail -e m -A c -h 5 a", PB_SENDMAIL_SEND, NULL, NULL, "a", FALSE, FALSE },
    { "sendmail -I", PB_SENDMAIL_ALIASES, NULL, NULL, "", FALSE, FALSE },
    { "sendmail -bs", PB_SENDMAIL_SMTP, NULL, NULL, "", FALSE, FALSE },
    { "sendmail -bp", PB_SENDMAIL_QUEUE, NULL, NULL, "", FALSE, FALSE },
    { "/usr/bin/mailq", PB_SENDMAIL_QUEUE, NULL, NULL, "", FALSE, FALSE },
    { "newaliases", PB_SENDMAIL_ALIASES, NULL, NULL, "", FALSE, FALSE },
    { "sendmail -bi", PB_SENDMAIL_ALIASES, NULL, NULL, "", FALSE, FALSE },
    { "sendmail -q", PB_SENDMAIL_RETRY, NULL, NULL, "", FALSE, FALSE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (PbSendmailOptions) options = parse (rows[i].line, &error);
      g_autofree char *recipients = NULL;

      g_assert_no_error (error);
      g_ptr_array_add (options->recipients, NULL);
      recipients = g_strjoinv (" ", (char **) options->recipients->pdata);
      g_assert_cmpint (options->mode, ==, rows[i].mode);
      g_assert_cmpstr (options->sender, ==, rows[i].sender);
      g_assert_cmpstr (options->full_name, ==, rows[i].full_name);
      g_assert_cmpstr (recipients, ==, rows[i].recipients);
      g_assert_cmpint (options->extract, ==, rows[i].extract);
      g_assert_cmpint (options->ignore_dots, ==, rows[i].ignore_dots);
      g_ptr_array_set_size (options->recipients, (gint) options->recipients->len - 1);
    }
}

static void
test_wrong_lines (void)
{
  static const char *const rows[][2] = {
    { "sendmail -Z a", "-Z" },          { "sendmail -f", "-f needs" },
    { "sendmail -bd", "-b" },           { "sendmail -b", "-b" },
    { "sendmail -q30m", "-q" },         { "sendmail -N sometimes a", "-N" },
    { "sendmail -N never,delay a", "-N" }, { "sendmail -R none a", "-R" },
    { "sendmail -V '' a", "-V" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GError) error = NULL;
      PbSendmailOptions *options = parse (rows[i][0], &error);

      g_assert_null (options);
      g_assert_nonnull (strstr (error->message, rows[i][1]));
    }
}

static void
test_notices (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PbSendmailOptions) options = parse ("sendmail -N failure,delay -R hdrs -V 'a b' x", &error);

  g_assert_no_error (error);
  g_assert_cmpstr (options->notify, ==, "FAILURE,DELAY");
  g_assert_cmpstr (options->ret, ==, "HDRS");
  g_assert_cmpstr (options->envid, ==, "a b");
}

static void
test_split (void)
{
  static const char *const rows[][2] = {
    { "root", "root" },
    { "root, ann@x.example", "root ann@x.example" },
    { "Ann <ann@x.example>,bob", "ann@x.example bob" },
    { "\"B, ob\" <bob@x.example>, eve@x.example (not, bob)", "bob@x.example eve@x.example" },
    { "<ann@x.example>", "ann@x.example" },
    { " , ,root,", "root" },
    { "", "" },
    { "undisclosed-recipients:;", "" },
    { "team: ann@x.example, bob@x.example;", "ann@x.example bob@x.example" },
    { "ann@x.example bob@x.example", NULL },
    { "Ann <root>, <bob>", "root bob" },
    { "\"A, B\" <root> (c)", "root" },
    { "<>", NULL },
    { "Ann <ro ot>", NULL },
    { "Ann <a><root>", NULL },
    { "Ann @ <root>", NULL },
    { "Ann Bee", NULL },
    { "<ann@x.example", NULL },
    { "\"open, root", NULL },
    { "ann@@x.example", NULL },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      GPtrArray *found = pb_sendmail_header_split (rows[i][0]);
      g_autofree char *text = NULL;

      if (rows[i][1] == NULL || found == NULL)
        {
          if (found != NULL || rows[i][1] != NULL)
            g_error ("row %u", i);
          continue;
        }
      g_ptr_array_add (found, NULL);
      text = g_strjoinv (" ", (char **) found->pdata);
      g_assert_cmpstr (text, ==, rows[i][1]);
      g_ptr_array_unref (found);
    }
}

/* Through a pipe, so that reads are cut anywhere. */
static PbSendmailMessage *
read_text (const char *text, gboolean ignore_dots, gboolean extract, GError **error)
{
  int ends[2];

  g_assert_cmpint (pipe (ends), ==, 0);
  g_assert_cmpint (write (ends[1], text, strlen (text)), ==, (gssize) strlen (text));
  close (ends[1]);
  PbSendmailMessage *message = pb_sendmail_message_read (ends[0], ignore_dots, extract, error);
  close (ends[0]);
  return message;
}

static void
test_messages (void)
{
  static const struct
  {
    const char *text;
    gboolean ignore_dots;
    const char *out, *recipients;
  } rows[] = {
    { "Subject: x\n\nbody\n", FALSE, "Subject: x\n\nbody\n", "" },
    { "To: root\nCc: a@b.example,\n c\nBcc: d@e.example\n\nx\n.\nlost\n", FALSE,
      "To: root\nCc: a@b.example,\n c\nBcc: d@e.example\n\nx\n", "root a@b.example c d@e.example" },
    { "To: root\n\nx\n.\nkept\n", TRUE, "To: root\n\nx\n.\nkept\n", "root" },
    { "To: root\r\n\r\nx\r\n.\r\nlost", FALSE, "To: root\r\n\nx\r\n", "root" },
    { "To: root\n\n.", FALSE, "To: root\n\n", "root" },
    { "To: root\n\n..\n", FALSE, "To: root\n\n..\n", "root" },
    { "no header here\nat all\n", FALSE, "\nno header here\nat all\n", "" },
    { "To: root\nand then text\n", FALSE, "To: root\n\nand then text\n", "root" },
    { "From ann Tue Nov 24\nTo: root\n\nx", FALSE, "To: root\n\nx", "root" },
    { "To: a\nResent-To: b\nResent-Bcc: c\n\n", FALSE, "To: a\nResent-To: b\nResent-Bcc: c\n\n", "b c" },
    { "To: root", FALSE, "To: root\n\n", "root" },
    { "", FALSE, "\n", "" },
    { "\nTo: body\n", FALSE, "\nTo: body\n", "" },
    { "To : root\n\n", FALSE, "To : root\n\n", "root" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (PbSendmailMessage) message = read_text (rows[i].text, rows[i].ignore_dots, TRUE, &error);
      g_autofree char *recipients = NULL;
      char out[1024] = "";
      int fd;

      g_assert_no_error (error);
      fd = pb_sendmail_file_new (&error);
      g_assert_true (pb_sendmail_message_write (message, NULL, fd, &error));
      g_assert_cmpint (pread (fd, out, sizeof out - 1, 0), >=, 0);
      close (fd);
      g_assert_cmpstr (out, ==, rows[i].out);
      g_ptr_array_add (message->header->recipients, NULL);
      recipients = g_strjoinv (" ", (char **) message->header->recipients->pdata);
      g_assert_cmpstr (recipients, ==, rows[i].recipients);
      g_ptr_array_set_size (message->header->recipients, (gint) message->header->recipients->len - 1);
    }
}

static void
test_wrong_messages (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GString) large = g_string_new (NULL);

  g_assert_null (read_text ("To: <root\n\nx\n", FALSE, TRUE, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA);
  g_assert_nonnull (strstr (error->message, "To: “<root”"));
  g_clear_error (&error);
  for (guint i = 0; i < 1200; i++)
    g_string_append_printf (large, "X-Field: %0*u\n", 900, i);
  g_autofree char *path = NULL;
  int fd = g_file_open_tmp ("sendmail-XXXXXX", &path, NULL);
  g_assert_cmpint (write (fd, large->str, large->len), ==, (gssize) large->len);
  lseek (fd, 0, SEEK_SET);
  g_assert_null (pb_sendmail_message_read (fd, FALSE, FALSE, &error));
  g_assert_nonnull (strstr (error->message, "1048576"));
  close (fd);
  unlink (path);
}

static void
test_from (void)
{
  static const char *const rows[][2] = {
    { NULL, "From: a@b.example\n" },
    { "", "From: a@b.example\n" },
    { "Ann \"B\" \\", "From: \"Ann \\\"B\\\" \\\\\" <a@b.example>\n" },
    { "J\xc3\xb6rg", "From: =?UTF-8?B?SsO2cmc=?= <a@b.example>\n" },
    { "x\nBcc: eve", "From: \"x Bcc: eve\" <a@b.example>\n" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (PbSendmailHeader) header = pb_sendmail_header_read ("", 0, FALSE, NULL);

      g_assert_false (header->has_from);
      pb_sendmail_header_add_from (header, rows[i][0], "a@b.example");
      g_assert_true (header->has_from);
      g_assert_cmpstr (header->text->str, ==, rows[i][1]);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/sendmail/command-lines", test_command_lines);
  g_test_add_func ("/sendmail/wrong-lines", test_wrong_lines);
  g_test_add_func ("/sendmail/notices", test_notices);
  g_test_add_func ("/sendmail/split", test_split);
  g_test_add_func ("/sendmail/messages", test_messages);
  g_test_add_func ("/sendmail/wrong-messages", test_wrong_messages);
  g_test_add_func ("/sendmail/from", test_from);
  return g_test_run ();
}
