/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Replies: the whole table obeys the RFCs, nothing put into a reply breaks its line, and remote replies are read in bounds. */
#include "protocol/reply.h"

#include <string.h>

static void
test_table (void)
{
  for (guint id = PB_REPLY_NONE + 1; id < PB_N_REPLIES; id++)
    {
      const PbReplyRow *row = pb_reply_row ((PbReplyId) id);
      const char *place = strchr (row->text, '%');

      g_assert_cmpuint (row->code, >=, 200);
      g_assert_cmpuint (row->code, <=, 599);
      g_assert_cmpuint (strlen (row->text), <, 200);
      for (const char *c = row->text; *c != '\0'; c++)
        g_assert_true (*c >= ' ' && *c <= '~');
      if (place != NULL)
        {
          g_assert_cmpint (place[1], ==, 's');
          g_assert_null (strchr (place + 1, '%'));
        }
      /* the class of the enhanced code is the code's (RFC 2034 4) */
      if (*row->enhanced != '\0')
        g_assert_cmpuint ((guint) (row->enhanced[0] - '0'), ==, row->code / 100);
      else
        g_assert_true (row->code < 400);
    }
}

static void
test_every_row_appends_one_line (void)
{
  for (guint id = PB_REPLY_NONE + 1; id < PB_N_REPLIES; id++)
    {
      g_autoptr (GString) out = g_string_new ("before\r\n");
      g_autofree char *long_detail = g_strnfill (2000, 'd');
      const char *line = out->str + 8;

      pb_reply_append (out, (PbReplyId) id, long_detail);
      line = out->str + 8;
      g_assert_cmpuint (out->len - 8, <=, 512);
      g_assert_true (g_str_has_suffix (out->str, "\r\n"));
      g_assert_true (strchr (line, '\n') == out->str + out->len - 1);
      g_assert_cmpint (line[3], ==, ' ');
      g_assert_null (strstr (line, "%s"));
    }
}

static void
test_append (void)
{
  g_autoptr (GString) out = g_string_new (NULL);

  pb_reply_append (out, PB_REPLY_OK, NULL);
  pb_reply_append (out, PB_REPLY_QUEUED, "0123456789ABC");
  pb_reply_append (out, PB_REPLY_QUEUED, "a\r\n250 b\x01\x7f\xc3\xa4");
  pb_reply_append (out, PB_REPLY_GREETING, "nas.example ESMTP Postbus");
  pb_reply_append (out, PB_REPLY_START_DATA, NULL);
  g_assert_cmpstr (out->str, ==,
                   "250 2.0.0 Ok\r\n"
                   "250 2.0.0 Queued as 0123456789ABC\r\n"
                   "250 2.0.0 Queued as a??250 b????\r\n"
                   "220 nas.example ESMTP Postbus\r\n"
                   "354 End data with <CR><LF>.<CR><LF>\r\n");
}

static PbReplyParse
feed (PbRemoteReply *reply, const char *line)
{
  g_autofree char *exact = g_memdup2 (line, strlen (line));

  return pb_remote_reply_feed (reply, exact != NULL ? exact : "", strlen (line));
}

static void
test_remote (void)
{
  g_auto (PbRemoteReply) reply;

  pb_remote_reply_init (&reply);
  g_assert_cmpint (feed (&reply, "250 2.1.5 Recipient ok"), ==, PB_REPLY_PARSE_DONE);
  g_assert_cmpuint (reply.code, ==, 250);
  g_assert_cmpstr (reply.enhanced, ==, "2.1.5");
  g_assert_cmpstr (reply.text->str, ==, "2.1.5 Recipient ok");

  /* the next one starts by itself */
  g_assert_cmpint (feed (&reply, "550-5.1.1 No such user,"), ==, PB_REPLY_PARSE_MORE);
  g_assert_cmpint (feed (&reply, "550-"), ==, PB_REPLY_PARSE_MORE);
  g_assert_cmpint (feed (&reply, "550 5.1.1 sorry"), ==, PB_REPLY_PARSE_DONE);
  g_assert_cmpuint (reply.code, ==, 550);
  g_assert_cmpuint (reply.n_lines, ==, 3);
  g_assert_cmpstr (reply.enhanced, ==, "5.1.1");
  g_assert_cmpstr (reply.text->str, ==, "5.1.1 No such user,\n\n5.1.1 sorry");

  g_assert_cmpint (feed (&reply, "354"), ==, PB_REPLY_PARSE_DONE);
  g_assert_cmpuint (reply.code, ==, 354);
  g_assert_null (reply.enhanced);
  g_assert_cmpstr (reply.text->str, ==, "");
}

static void
test_remote_enhanced (void)
{
  static const struct
  {
    const char *line, *enhanced;
  } rows[] = {
    { "550 5.7.1", "5.7.1" },      { "550 5.7.123 text", "5.7.123" },
    { "450 4.7.1 text", "4.7.1" }, { "550 4.7.1 text", NULL },
    { "250 5.7.1 text", NULL },    { "550 5.7.1text", NULL },
    { "550 5.7", NULL },           { "550 5.7.", NULL },
    { "550 5..1 x", NULL },        { "550 5.7.1234 text", NULL },
    { "550 #5.7.1 text", NULL },   { "354 3.0.0 go", NULL },
    { "550 5.1234.1 text", NULL }, { "550 ", NULL },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_auto (PbRemoteReply) reply;

      pb_remote_reply_init (&reply);
      g_assert_cmpint (feed (&reply, rows[i].line), ==, PB_REPLY_PARSE_DONE);
      g_assert_cmpstr (reply.enhanced, ==, rows[i].enhanced);
    }
}

static void
test_remote_bad (void)
{
  static const char *const lines[] = { "",       "2",     "25",    "25x ok",  "150 ok",
                                       "650 ok", "250ok", "hello", " 250 ok", "-50 ok" };

  for (guint i = 0; i < G_N_ELEMENTS (lines); i++)
    {
      g_auto (PbRemoteReply) reply;

      pb_remote_reply_init (&reply);
      g_assert_cmpint (feed (&reply, lines[i]), ==, PB_REPLY_PARSE_BAD);
    }
}

/* What a hostile server says stays fit for a log line, a report and the bus. */
static void
test_remote_hostile_text (void)
{
  static const char line[] = "550 a\0b\rc\x1b[2J\xff\xc3\xa4\xc2\x85\xe2\x80\xaez";
  g_auto (PbRemoteReply) reply;

  pb_remote_reply_init (&reply);
  g_assert_cmpint (pb_remote_reply_feed (&reply, line, sizeof line - 1), ==, PB_REPLY_PARSE_DONE);
  g_assert_cmpstr (reply.text->str, ==, "a?b?c?[2J?\xc3\xa4?????z");
}

static void
test_remote_bounds (void)
{
  g_autofree char *words = g_strnfill (2000, 'w');
  g_autofree char *line = g_strconcat ("250-", words, NULL);
  g_auto (PbRemoteReply) reply;

  pb_remote_reply_init (&reply);
  for (guint i = 0; i < 512; i++)
    g_assert_cmpint (feed (&reply, line), ==, PB_REPLY_PARSE_MORE);
  g_assert_cmpuint (reply.text->len, <=, 8192);
  g_assert_cmpint (feed (&reply, line), ==, PB_REPLY_PARSE_BAD);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/reply/table", test_table);
  g_test_add_func ("/reply/every-row-appends-one-line", test_every_row_appends_one_line);
  g_test_add_func ("/reply/append", test_append);
  g_test_add_func ("/reply/remote", test_remote);
  g_test_add_func ("/reply/remote-enhanced", test_remote_enhanced);
  g_test_add_func ("/reply/remote-bad", test_remote_bad);
  g_test_add_func ("/reply/remote-hostile-text", test_remote_hostile_text);
  g_test_add_func ("/reply/remote-bounds", test_remote_bounds);
  return g_test_run ();
}
