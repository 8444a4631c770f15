/* SPDX-License-Identifier: GPL-3.0-or-later */
/* AuthCheckSender: whose address may stand in MAIL FROM and in From:. */
#include "policy/policy.h"
#include "settings/registry.h"
#include <string.h>

/* Judges and returns the reply, PB_REPLY_NONE when accepted. */
static PbReplyId
judge (PbStage stage, const PbJudged *judged, const char *check)
{
  g_auto (PbDecision) decision = { 0 };
  PbPolicyRun *run;

  g_assert_true (pb_policy_judge (stage, judged, NULL, &decision, NULL, NULL, &run));
  if (decision.kind == PB_DECISION_ACCEPT)
    return PB_REPLY_NONE;
  g_assert_cmpstr (decision.check, ==, check);
  return decision.reply;
}

static PbSnapshot *
make_senders (gboolean check, gboolean skip_trusted)
{
  PbSnapshotBuilder *builder = pb_snapshot_builder_new ();
  PbSettingValues *values = pb_snapshot_builder_values (builder);

  g_free (values->general_hostname);
  values->general_hostname = g_strdup ("mx.example.test");
  values->general_auth_check_sender = check;
  values->general_auth_check_sender_skip_trusted = skip_trusted;
  pb_snapshot_builder_add_row (builder, PB_LIST_LOCAL_DOMAINS, NULL,
                               "{'Name': <'example.test'>, 'CatchAll': <'anna@example.test'>}");
  pb_snapshot_builder_add_row (
    builder, PB_LIST_ACCOUNTS, "5bd3be4e-2b5c-4e9f-9a3e-2a9d1f0c7b11",
    "{'Name': <'anna'>, 'Addresses': <['a.lee@example.test', 'anna@gmail.example']>}");
  pb_snapshot_builder_add_row (builder, PB_LIST_ACCOUNTS, "6bd3be4e-2b5c-4e9f-9a3e-2a9d1f0c7b12",
                               "{'Name': <'ben'>, 'Addresses': <['ben@example.test']>}");
  pb_snapshot_builder_add_row (
    builder, PB_LIST_ALIASES, NULL,
    "{'Address': <'sales@example.test'>, 'Targets': <['anna@example.test']>}");
  return pb_snapshot_builder_build (builder);
}

typedef enum
{
  NOBODY,  /* has not logged in */
  TRUSTED, /* likewise, from a network that need not */
  ANNA,
  CARL, /* an account of the system's */
} Who;

static const struct
{
  const char *address;
  Who who;
  PbReplyId strict, spared; /* what the check says; and with the trusted list spared it */
} senders[] = {
  { "anna@example.test", ANNA, PB_REPLY_NONE, PB_REPLY_NONE },
  { "ANNA@EXAMPLE.TEST", ANNA, PB_REPLY_NONE, PB_REPLY_NONE },
  { "anna@mx.example.test", ANNA, PB_REPLY_NONE, PB_REPLY_NONE },
  { "anna+list@example.test", ANNA, PB_REPLY_NONE, PB_REPLY_NONE },
  { "a.lee@example.test", ANNA, PB_REPLY_NONE, PB_REPLY_NONE },
  { "anna@gmail.example", ANNA, PB_REPLY_NONE, PB_REPLY_NONE },
  { "ben@example.test", ANNA, PB_REPLY_SENDER_NOT_OWN, PB_REPLY_SENDER_NOT_OWN },
  { "ben+anna@example.test", ANNA, PB_REPLY_SENDER_NOT_OWN, PB_REPLY_SENDER_NOT_OWN },
  { "sales@example.test", ANNA, PB_REPLY_SENDER_NOT_OWN, PB_REPLY_SENDER_NOT_OWN },
  { "catch@example.test", ANNA, PB_REPLY_SENDER_NOT_OWN, PB_REPLY_SENDER_NOT_OWN },
  { "postmaster@example.test", ANNA, PB_REPLY_SENDER_NOT_OWN, PB_REPLY_SENDER_NOT_OWN },
  { "anna@elsewhere.test", ANNA, PB_REPLY_SENDER_NOT_OWN, PB_REPLY_SENDER_NOT_OWN },
  { "anna@[192.0.2.1]", ANNA, PB_REPLY_SENDER_NOT_OWN, PB_REPLY_SENDER_NOT_OWN },
  { "\"anna@example.test\"@elsewhere.test", ANNA, PB_REPLY_SENDER_NOT_OWN,
    PB_REPLY_SENDER_NOT_OWN },
  { "carl@example.test", CARL, PB_REPLY_NONE, PB_REPLY_NONE },
  { "Carl+x@mx.example.test", CARL, PB_REPLY_NONE, PB_REPLY_NONE },
  { "carla@example.test", CARL, PB_REPLY_SENDER_NOT_OWN, PB_REPLY_SENDER_NOT_OWN },
  { "car@example.test", CARL, PB_REPLY_SENDER_NOT_OWN, PB_REPLY_SENDER_NOT_OWN },
  { "anna@example.test", CARL, PB_REPLY_SENDER_NOT_OWN, PB_REPLY_SENDER_NOT_OWN },
  { "carl@elsewhere.test", CARL, PB_REPLY_SENDER_NOT_OWN, PB_REPLY_SENDER_NOT_OWN },
  { NULL, ANNA, PB_REPLY_NONE, PB_REPLY_NONE },
  { NULL, NOBODY, PB_REPLY_NONE, PB_REPLY_NONE },
  { "anna@example.test", NOBODY, PB_REPLY_SENDER_NEEDS_LOGIN, PB_REPLY_SENDER_NEEDS_LOGIN },
  { "anna+x@example.test", NOBODY, PB_REPLY_SENDER_NEEDS_LOGIN, PB_REPLY_SENDER_NEEDS_LOGIN },
  { "anna@example.test", TRUSTED, PB_REPLY_SENDER_NEEDS_LOGIN, PB_REPLY_NONE },
  { "anna@gmail.example", NOBODY, PB_REPLY_NONE, PB_REPLY_NONE },
  { "nobody@example.test", NOBODY, PB_REPLY_NONE, PB_REPLY_NONE },
  { "postmaster@example.test", NOBODY, PB_REPLY_NONE, PB_REPLY_NONE },
  { "bob@elsewhere.test", NOBODY, PB_REPLY_NONE, PB_REPLY_NONE },
  { "bob@elsewhere.test", TRUSTED, PB_REPLY_NONE, PB_REPLY_NONE },
};

static void
fill_in (PbJudged *judged, Who who)
{
  judged->exempt = who != NOBODY;
  judged->exempt_unasked = who == TRUSTED;
  if (who == ANNA)
    {
      judged->login = "anna";
      judged->account_id = "5bd3be4e-2b5c-4e9f-9a3e-2a9d1f0c7b11";
    }
  else if (who == CARL)
    {
      judged->login = "carl";
      judged->account_id = "uid-1000";
    }
}

static void
test_senders (void)
{
  g_autoptr (PbSnapshot) off = make_senders (FALSE, FALSE);
  g_autoptr (PbSnapshot) strict = make_senders (TRUE, FALSE);
  g_autoptr (PbSnapshot) spared = make_senders (TRUE, TRUE);
  g_autoptr (PbAddress) recipient = pb_address_parse ("ben@example.test", 16, 0, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (senders); i++)
    {
      const char *text = senders[i].address;
      g_autoptr (PbAddress) sender =
        text != NULL ? pb_address_parse (text, strlen (text), PB_ADDRESS_ALLOW_LITERAL, NULL)
                     : NULL;
      PbJudged judged = { .snapshot = off, .sender = sender, .recipient = recipient };

      g_test_message ("%s", text != NULL ? text : "<>");
      g_assert_true (text == NULL || sender != NULL);
      fill_in (&judged, senders[i].who);
      g_assert_cmpint (judge (PB_STAGE_RCPT, &judged, NULL), ==, PB_REPLY_NONE);
      judged.snapshot = strict;
      g_assert_cmpint (judge (PB_STAGE_RCPT, &judged, "sender-login"), ==, senders[i].strict);
      judged.snapshot = spared;
      g_assert_cmpint (judge (PB_STAGE_RCPT, &judged, "sender-login"), ==, senders[i].spared);
    }
}

static const struct
{
  const char *header;
  Who who;
  PbReplyId reply;
} froms[] = {
  { "From: Anna <anna@example.test>\r\n", ANNA, PB_REPLY_NONE },
  { "From: anna@example.test,\r\n A <a.lee@example.test>\r\n", ANNA, PB_REPLY_NONE },
  { "From: anna@example.test, ben@example.test\r\n", ANNA, PB_REPLY_FROM_NOT_OWN },
  { "From: \"anna@example.test\" <boss@elsewhere.test>\r\n", ANNA, PB_REPLY_FROM_NOT_OWN },
  { "FROM : ben@example.test\r\n", ANNA, PB_REPLY_FROM_NOT_OWN },
  { "From: anna@example.test\r\nFrom: ben@example.test\r\n", ANNA, PB_REPLY_FROM_UNREADABLE },
  { "From: Anna\r\n", ANNA, PB_REPLY_FROM_UNREADABLE },
  { "From: team:;\r\n", ANNA, PB_REPLY_FROM_UNREADABLE },
  { "From:\r\n", ANNA, PB_REPLY_FROM_UNREADABLE },
  { "Subject: none\r\n", ANNA, PB_REPLY_NONE },
  { "From: ben@example.test\r\n", NOBODY, PB_REPLY_NONE },
  { "From: ben@example.test\r\n", TRUSTED, PB_REPLY_NONE },
};

static void
test_froms (void)
{
  g_autoptr (PbSnapshot) off = make_senders (FALSE, FALSE);
  g_autoptr (PbSnapshot) strict = make_senders (TRUE, FALSE);

  for (guint i = 0; i < G_N_ELEMENTS (froms); i++)
    {
      g_auto (PbHeaderScan) scan = { 0 };
      PbJudged judged = { .snapshot = strict, .header = &scan };

      g_test_message ("%s", froms[i].header);
      pb_header_scan_init (&scan);
      scan.keep_from = TRUE;
      pb_header_scan_feed (&scan, froms[i].header, strlen (froms[i].header));
      fill_in (&judged, froms[i].who);
      g_assert_cmpint (judge (PB_STAGE_END_OF_DATA, &judged, "from-login"), ==, froms[i].reply);
      judged.snapshot = off;
      g_assert_cmpint (judge (PB_STAGE_END_OF_DATA, &judged, NULL), ==, PB_REPLY_NONE);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/policy-sender/senders", test_senders);
  g_test_add_func ("/policy-sender/froms", test_froms);
  return g_test_run ();
}
