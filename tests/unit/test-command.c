/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Command lines: golden files of verbs, MAIL and RCPT; what a session did not offer; HELO names; xtext. */
#include "protocol/command.h"

#include "protocol/text.h"
#include "tests/unit/golden.h"
#include <string.h>

#define ALL_PARAMS                                                                                 \
  (PB_PARAM_SIZE | PB_PARAM_BODY | PB_PARAM_SMTPUTF8 | PB_PARAM_DSN | PB_PARAM_AUTH)

static const char *const verb_names[] = {
  "UNKNOWN", "EHLO", "HELO", "MAIL", "RCPT", "DATA", "BDAT",     "RSET",
  "NOOP",    "VRFY", "EXPN", "ETRN", "HELP", "QUIT", "STARTTLS", "AUTH",
};
G_STATIC_ASSERT (G_N_ELEMENTS (verb_names) == PB_N_VERBS);

static const char *const reply_names[] = {
  "NONE",
#define PB_REPLY(id, code, enhanced, text) #id,
#include "protocol/reply.def"
#undef PB_REPLY
};

static void
append_shown (GString *out, const char *label, const char *text)
{
  g_autofree char *shown = text != NULL ? g_strescape (text, NULL) : NULL;

  if (shown != NULL)
    g_string_append_printf (out, " %s=%s", label, shown);
}

static void
describe_verb (GString *out, const char *octets, gsize length)
{
  PbCommand command = pb_command_parse (octets, length);
  g_autofree char *argument = g_strndup (command.argument, command.argument_length);

  g_string_append (out, verb_names[command.verb]);
  if (command.argument_length > 0)
    append_shown (out, "argument", argument);
}

static void
describe_mail (GString *out, const char *octets, gsize length)
{
  static const char *const bodies[] = { NULL, "7BIT", "8BITMIME", "BINARYMIME" };
  static const char *const rets[] = { NULL, "FULL", "HDRS" };
  g_auto (PbMailArgs) args = { 0 };
  PbReplyId reply = pb_mail_args_parse (octets, length, ALL_PARAMS, &args);

  if (reply != PB_REPLY_NONE)
    {
      g_string_append (out, reply_names[reply]);
      g_assert_null (args.sender);
      g_assert_null (args.envid);
      return;
    }
  append_shown (out, "sender", args.sender != NULL ? args.sender->text : "");
  if (args.size > 0)
    g_string_append_printf (out, " size=%" G_GUINT64_FORMAT, args.size);
  append_shown (out, "body", bodies[args.body]);
  append_shown (out, "ret", rets[args.ret]);
  append_shown (out, "envid", args.envid);
  g_string_append (out, args.smtputf8 ? " smtputf8" : "");
}

static void
describe_rcpt_with (GString *out, const char *octets, gsize length, gboolean smtputf8)
{
  g_auto (PbRcptArgs) args = { 0 };
  PbReplyId reply = pb_rcpt_args_parse (octets, length, ALL_PARAMS, smtputf8, &args);

  if (reply != PB_REPLY_NONE)
    {
      g_string_append (out, reply_names[reply]);
      g_assert_null (args.recipient);
      g_assert_null (args.orcpt);
      return;
    }
  append_shown (out, "recipient", args.recipient->text);
  if (args.notify != PB_NOTIFY_UNSAID)
    g_string_append_printf (out, " notify=%u", args.notify);
  append_shown (out, "orcpt", args.orcpt);
  g_string_append (out, args.source_route ? " route" : "");
}

static void
describe_rcpt (GString *out, const char *octets, gsize length)
{
  describe_rcpt_with (out, octets, length, FALSE);
  g_string_append (out, "\n    smtputf8:");
  describe_rcpt_with (out, octets, length, TRUE);
}

static void
test_golden_verb (void)
{
  golden_run ("command", "verb", describe_verb);
}

static void
test_golden_mail (void)
{
  golden_run ("command", "mail", describe_mail);
}

static void
test_golden_rcpt (void)
{
  golden_run ("command", "rcpt", describe_rcpt);
}

/* A parameter the session did not offer is unknown to it, whatever we could do with it. */
static void
test_not_offered (void)
{
  static const struct
  {
    const char *text;
    PbParams offered;
    PbReplyId reply;
  } rows[] = {
    { "FROM:<a@b.example> SIZE=1", 0, PB_REPLY_UNKNOWN_PARAMETER },
    { "FROM:<a@b.example> SIZE=1", PB_PARAM_SIZE, PB_REPLY_NONE },
    { "FROM:<a@b.example> BODY=8BITMIME", PB_PARAM_SIZE, PB_REPLY_UNKNOWN_PARAMETER },
    { "FROM:<a@b.example> BODY=BINARYMIME", PB_PARAM_BODY, PB_REPLY_BAD_PARAMETER },
    { "FROM:<a@b.example> BODY=BINARYMIME", PB_PARAM_BODY | PB_PARAM_BINARYMIME, PB_REPLY_NONE },
    { "FROM:<a@b.example> RET=FULL", PB_PARAM_SIZE, PB_REPLY_UNKNOWN_PARAMETER },
    { "FROM:<a@b.example> AUTH=<>", PB_PARAM_SIZE, PB_REPLY_UNKNOWN_PARAMETER },
    { "FROM:<a@b.example> SMTPUTF8", PB_PARAM_SIZE, PB_REPLY_UNKNOWN_PARAMETER },
    { "FROM:<\xc3\xa4@b.example> SMTPUTF8", PB_PARAM_SIZE, PB_REPLY_NEEDS_SMTPUTF8 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_auto (PbMailArgs) args = { 0 };
      PbReplyId reply =
        pb_mail_args_parse (rows[i].text, strlen (rows[i].text), rows[i].offered, &args);

      g_assert_cmpstr (reply_names[reply], ==, reply_names[rows[i].reply]);
    }
}

static void
test_bdat (void)
{
  static const struct
  {
    const char *text;
    gboolean valid, last;
    guint64 octets;
  } rows[] = {
    { "0", TRUE, FALSE, 0 },
    { "0 LAST", TRUE, TRUE, 0 },
    { "100 last", TRUE, TRUE, 100 },
    { "100 \t LAST", TRUE, TRUE, 100 },
    { "000000000000000000001", FALSE, FALSE, 0 },
    { "9223372036854775808", TRUE, FALSE, G_GUINT64_CONSTANT (1) << 63 },
    { "18446744073709551615 LAST", TRUE, TRUE, G_MAXUINT64 },
    { "99999999999999999999", TRUE, FALSE, G_MAXUINT64 },
    { "100000000000000000000", FALSE, FALSE, 0 },
    { "", FALSE, FALSE, 0 },
    { "LAST", FALSE, FALSE, 0 },
    { "-1", FALSE, FALSE, 0 },
    { "+1", FALSE, FALSE, 0 },
    { "0x10", FALSE, FALSE, 0 },
    { "1.0 LAST", FALSE, FALSE, 0 },
    { "1 LATEST", FALSE, FALSE, 0 },
    { "1 LAST LAST", FALSE, FALSE, 0 },
    { "1LAST", FALSE, FALSE, 0 },
    { "1 2", FALSE, FALSE, 0 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      guint64 octets;
      gboolean last;
      gboolean valid = pb_bdat_args_parse (rows[i].text, strlen (rows[i].text), &octets, &last);

      g_test_message ("BDAT %s", rows[i].text);
      g_assert_cmpint (valid, ==, rows[i].valid);
      if (!valid)
        continue;
      g_assert_cmpuint (octets, ==, rows[i].octets);
      g_assert_cmpint (last, ==, rows[i].last);
    }
}

static void
test_helo_valid (void)
{
  g_autofree char *longest = g_strnfill (255, 'a');
  g_autofree char *longer = g_strnfill (256, 'a');

  g_assert_true (pb_helo_valid ("nas.example", 11));
  g_assert_true (pb_helo_valid ("[192.0.2.1]", 11));
  g_assert_true (pb_helo_valid ("my_nas", 6));
  g_assert_true (pb_helo_valid (longest, 255));
  g_assert_false (pb_helo_valid (longer, 256));
  g_assert_false (pb_helo_valid ("", 0));
  g_assert_false (pb_helo_valid ("two words", 9));
  g_assert_false (pb_helo_valid ("nas\0x", 5));
  g_assert_false (pb_helo_valid ("n\xc3\xa4s", 4));
}

static void
test_xtext (void)
{
  for (guint c = ' '; c <= '~'; c++)
    {
      const char plain[] = { 'a', (char) c, 'b', '\0' };
      g_autofree char *coded = pb_xtext_encode (plain);
      g_autofree char *back = pb_xtext_decode (coded, strlen (coded));

      g_assert_cmpstr (back, ==, plain);
      g_assert_null (strpbrk (coded, " ="));
    }
}

static void
test_utf8_addr (void)
{
  static const struct
  {
    const char *coded;
    const char *plain; /* (nullable) */
    const char *again; /* (nullable) what comes of @plain, where not @coded */
  } rows[] = {
    { "ann@away.example", "ann@away.example", NULL },
    { "m\\x{FC}ller@away.example", "m\xc3\xbcller@away.example", NULL },
    { "m\xc3\xbcller@away.example", "m\xc3\xbcller@away.example", "m\\x{FC}ller@away.example" },
    { "\\x{1F4E7}\\x{5C}\\x{2B}\\x{3D}\\x{20}@x", "\xf0\x9f\x93\xa7\\+= @x", NULL },
    { "a\\x{0000E4}", "a\xc3\xa4", "a\\x{E4}" },
    { "", "", NULL },
    { "a\\x{0}", NULL, NULL },
    { "a\\x{0A}", NULL, NULL },
    { "a\\x{85}", NULL, NULL },
    { "a\\x{D800}", NULL, NULL },
    { "a\\x{110000}", NULL, NULL },
    { "a\\x{00000E4}", NULL, NULL },
    { "a\\x{}", NULL, NULL },
    { "a\\x{E4", NULL, NULL },
    { "a\\", NULL, NULL },
    { "a\\y{E4}", NULL, NULL },
    { "a+2B", NULL, NULL },
    { "a=b", NULL, NULL },
    { "a b", NULL, NULL },
    { "a\xff", NULL, NULL },
    { "a\xc2\x85", NULL, NULL },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *plain = pb_utf8_addr_decode (rows[i].coded, strlen (rows[i].coded));
      g_autofree char *again = plain != NULL ? pb_utf8_addr_encode (plain) : NULL;

      g_test_message ("%s", rows[i].coded);
      g_assert_cmpstr (plain, ==, rows[i].plain);
      if (plain != NULL)
        g_assert_cmpstr (again, ==, rows[i].again != NULL ? rows[i].again : rows[i].coded);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/command/golden/verb", test_golden_verb);
  g_test_add_func ("/command/golden/mail", test_golden_mail);
  g_test_add_func ("/command/golden/rcpt", test_golden_rcpt);
  g_test_add_func ("/command/not-offered", test_not_offered);
  g_test_add_func ("/command/bdat", test_bdat);
  g_test_add_func ("/command/helo-valid", test_helo_valid);
  g_test_add_func ("/command/xtext", test_xtext);
  g_test_add_func ("/command/utf8-addr", test_utf8_addr);
  return g_test_run ();
}
