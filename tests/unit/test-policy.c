/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "policy/policy.h"
#include "settings/registry.h"
#include <string.h>

static PbSnapshot *
make_snapshot (void)
{
  PbSnapshotBuilder *builder = pb_snapshot_builder_new ();
  PbSettingValues *values = pb_snapshot_builder_values (builder);

  g_free (values->general_hostname);
  values->general_hostname = g_strdup ("mx.example.test");
  values->general_max_recipients = 3;
  values->general_max_hops = 5;
  values->general_max_message_size = 1;
  values->connection_policy_max_connections = 2;
  pb_snapshot_builder_add_row (builder, PB_LIST_LOCAL_DOMAINS, NULL, "{'Name': <'example.test'>}");
  pb_snapshot_builder_add_row (builder, PB_LIST_ACCOUNTS, NULL,
                               "{'Name': <'anna'>, 'Addresses': <['anna@example.test']>}");
  pb_snapshot_builder_add_row (
    builder, PB_LIST_ALIASES, NULL,
    "{'Address': <'x!y@example.test'>, 'Targets': <['anna@example.test']>}");
  pb_snapshot_builder_add_row (builder, PB_LIST_DOMAIN_LIST, NULL,
                               "{'Name': <'backup'>, 'Domain': <'backup.test'>}");
  return pb_snapshot_builder_build (builder);
}

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

static void
test_connections (void)
{
  g_autoptr (PbSnapshot) snapshot = make_snapshot ();
  PbJudged judged = { .snapshot = snapshot, .connections = 2 };
  g_auto (PbDecision) decision = { 0 };
  PbPolicyRun *run;

  g_assert_true (pb_ip_parse ("192.0.2.9", &judged.ip));
  g_assert_cmpint (judge (PB_STAGE_CONNECT, &judged, NULL), ==, PB_REPLY_NONE);
  judged.connections = 3;
  g_assert_true (pb_policy_judge (PB_STAGE_CONNECT, &judged, NULL, &decision, NULL, NULL, &run));
  g_assert_cmpint (decision.reply, ==, PB_REPLY_TOO_MANY_CONNECTIONS);
  g_assert_cmpstr (decision.detail, ==, "192.0.2.9");
  judged.exempt = TRUE;
  g_assert_cmpint (judge (PB_STAGE_CONNECT, &judged, NULL), ==, PB_REPLY_NONE);
}

static void
test_mail (void)
{
  g_autoptr (PbSnapshot) snapshot = make_snapshot ();
  PbJudged judged = { .snapshot = snapshot, .declared_size = 1 << 20 };

  g_assert_cmpint (judge (PB_STAGE_MAIL, &judged, NULL), ==, PB_REPLY_NONE);
  judged.declared_size++;
  g_assert_cmpint (judge (PB_STAGE_MAIL, &judged, "size"), ==, PB_REPLY_TOO_LARGE);
  judged.declared_size = G_MAXUINT64;
  g_assert_cmpint (judge (PB_STAGE_MAIL, &judged, "size"), ==, PB_REPLY_TOO_LARGE);
  judged.declared_size = 0;
  judged.demand_login = TRUE;
  g_assert_cmpint (judge (PB_STAGE_MAIL, &judged, "login"), ==, PB_REPLY_AUTH_REQUIRED);
  judged.exempt = TRUE;
  g_assert_cmpint (judge (PB_STAGE_MAIL, &judged, NULL), ==, PB_REPLY_NONE);
}

/* At the limit and one past it; 0 is no limit; exempt clients have none. */
static void
test_rates (void)
{
  PbSnapshotBuilder *builder = pb_snapshot_builder_new ();
  PbSettingValues *values = pb_snapshot_builder_values (builder);
  g_autoptr (PbSnapshot) snapshot = NULL, none = make_snapshot ();
  PbJudged judged = { .connections = 1 };

  values->connection_policy_max_connections_per_minute = 5;
  values->connection_policy_max_messages_per_minute = 7;
  snapshot = pb_snapshot_builder_build (builder);
  judged.snapshot = snapshot;
  judged.connection_rate = 5;
  judged.message_rate = 7;
  g_assert_cmpint (judge (PB_STAGE_CONNECT, &judged, NULL), ==, PB_REPLY_NONE);
  g_assert_cmpint (judge (PB_STAGE_MAIL, &judged, NULL), ==, PB_REPLY_NONE);
  judged.connection_rate++;
  judged.message_rate++;
  g_assert_cmpint (judge (PB_STAGE_CONNECT, &judged, "connection-rate"), ==,
                   PB_REPLY_CONNECTION_RATE);
  g_assert_cmpint (judge (PB_STAGE_MAIL, &judged, "message-rate"), ==, PB_REPLY_MESSAGE_RATE);
  judged.exempt = TRUE;
  g_assert_cmpint (judge (PB_STAGE_CONNECT, &judged, NULL), ==, PB_REPLY_NONE);
  g_assert_cmpint (judge (PB_STAGE_MAIL, &judged, NULL), ==, PB_REPLY_NONE);
  judged.exempt = FALSE;
  judged.snapshot = none;
  g_assert_cmpint (judge (PB_STAGE_CONNECT, &judged, NULL), ==, PB_REPLY_NONE);
  g_assert_cmpint (judge (PB_STAGE_MAIL, &judged, NULL), ==, PB_REPLY_NONE);
}

/* Names that are given, without the DNS: which have a dot that counts. */
static void
test_fqdn (void)
{
  static const struct
  {
    const char *name;
    gboolean passes;
  } helos[] = {
    { "mail.example.org", TRUE }, { "[192.0.2.1]", TRUE }, { "[IPv6:2001:db8::1]", TRUE },
    { "192.0.2.1", TRUE },        { "localhost", FALSE },  { "localhost.", FALSE },
    { "[localhost", FALSE },      { ".localhost", FALSE },      { "a.b.", TRUE },
  };
  PbSnapshotBuilder *builder = pb_snapshot_builder_new ();
  PbSettingValues *values = pb_snapshot_builder_values (builder);
  g_autoptr (PbSnapshot) snapshot = NULL;
  PbAddress recipient = { .local = (char *) "postmaster" };
  PbJudged judged = { .recipient = &recipient };

  g_free (values->advanced_reject_non_fqdn_helo);
  values->advanced_reject_non_fqdn_helo = g_strdup ("enforce");
  snapshot = pb_snapshot_builder_build (builder);
  judged.snapshot = snapshot;
  for (guint i = 0; i < G_N_ELEMENTS (helos); i++)
    {
      g_test_message ("%s", helos[i].name);
      judged.helo = helos[i].name;
      g_assert_cmpint (judge (PB_STAGE_RCPT, &judged, "helo-fqdn"), ==,
                       helos[i].passes ? PB_REPLY_NONE : PB_REPLY_HELO_NOT_FQDN);
    }
}

static const struct
{
  const char *path;
  PbReplyId stranger, exempt;
  const char *check; /* what refuses the stranger */
} recipients[] = {
  { "<anna@example.test>", PB_REPLY_NONE, PB_REPLY_NONE, NULL },
  { "<ANNA@EXAMPLE.TEST>", PB_REPLY_NONE, PB_REPLY_NONE, NULL },
  { "<nobody@example.test>", PB_REPLY_UNKNOWN_USER, PB_REPLY_UNKNOWN_USER, "recipient" },
  { "<postmaster>", PB_REPLY_NONE, PB_REPLY_NONE, NULL },
  { "<postmaster@example.test>", PB_REPLY_NONE, PB_REPLY_NONE, NULL },
  { "<bob@elsewhere.test>", PB_REPLY_RELAY_DENIED, PB_REPLY_NONE, "relay" },
  { "<bob@backup.test>", PB_REPLY_NONE, PB_REPLY_NONE, NULL },
  { "<bob@sub.backup.test>", PB_REPLY_RELAY_DENIED, PB_REPLY_NONE, "relay" },
  { "<bob@[192.0.2.1]>", PB_REPLY_RELAY_DENIED, PB_REPLY_NONE, "relay" },
  /* the old forms of asking for a relay */
  { "<bob%elsewhere.test@example.test>", PB_REPLY_RELAY_DENIED, PB_REPLY_UNKNOWN_USER, "relay" },
  { "<bob%elsewhere.test@mx.example.test>", PB_REPLY_RELAY_DENIED, PB_REPLY_UNKNOWN_USER, "relay" },
  { "<elsewhere.test!bob@example.test>", PB_REPLY_RELAY_DENIED, PB_REPLY_UNKNOWN_USER, "relay" },
  { "<\"bob@elsewhere.test\"@example.test>", PB_REPLY_RELAY_DENIED, PB_REPLY_UNKNOWN_USER,
    "relay" },
  { "<\"bob%elsewhere.test\"@example.test>", PB_REPLY_RELAY_DENIED, PB_REPLY_UNKNOWN_USER,
    "relay" },
  { "<@example.test:bob@elsewhere.test>", PB_REPLY_RELAY_DENIED, PB_REPLY_NONE, "relay" },
  { "<@elsewhere.test:anna@example.test>", PB_REPLY_NONE, PB_REPLY_NONE, NULL },
  { "<bob%elsewhere.test@backup.test>", PB_REPLY_RELAY_DENIED, PB_REPLY_NONE, "relay" },
  { "<@example.test:bob@backup.test>", PB_REPLY_RELAY_DENIED, PB_REPLY_NONE, "relay" },
  { "<bob%elsewhere.test@[127.0.0.1]>", PB_REPLY_RELAY_DENIED, PB_REPLY_NONE, "relay" },
  /* known by exactly that name */
  { "<x!y@example.test>", PB_REPLY_NONE, PB_REPLY_NONE, NULL },
};

static void
test_recipients (void)
{
  g_autoptr (PbSnapshot) snapshot = make_snapshot ();

  for (guint i = 0; i < G_N_ELEMENTS (recipients); i++)
    {
      const char *path = recipients[i].path;
      g_autoptr (PbAddress) address = NULL;
      g_autoptr (GError) error = NULL;
      PbJudged judged = { .snapshot = snapshot };
      const char *end;

      g_test_message ("%s", path);
      pb_address_parse_path (path, strlen (path),
                             PB_ADDRESS_ALLOW_NO_DOMAIN | PB_ADDRESS_ALLOW_LITERAL, &address,
                             &judged.source_route, &end, &error);
      g_assert_no_error (error);
      judged.recipient = address;
      g_assert_cmpint (judge (PB_STAGE_RCPT, &judged, recipients[i].check), ==,
                       recipients[i].stranger);
      judged.exempt = TRUE;
      g_assert_cmpint (judge (PB_STAGE_RCPT, &judged, "recipient"), ==, recipients[i].exempt);
    }
}

static void
test_literal_of_ours (void)
{
  static const struct
  {
    const char *local;
    PbReplyId stranger, exempt;
  } cases[] = {
    { "postmaster", PB_REPLY_NONE, PB_REPLY_NONE },
    { "Postmaster", PB_REPLY_NONE, PB_REPLY_NONE },
    { "anna", PB_REPLY_RELAY_DENIED, PB_REPLY_UNKNOWN_USER },
  };
  g_autoptr (PbSnapshot) snapshot = make_snapshot ();

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      PbAddress address = { .local = (char *) cases[i].local,
                            .domain = (char *) "[192.0.2.1]",
                            .literal = TRUE };
      PbJudged judged = { .snapshot = snapshot, .recipient = &address, .our_literal = TRUE };

      g_assert_cmpint (judge (PB_STAGE_RCPT, &judged, "relay"), ==, cases[i].stranger);
      judged.exempt = TRUE;
      g_assert_cmpint (judge (PB_STAGE_RCPT, &judged, "recipient"), ==, cases[i].exempt);
    }
}

static void
test_recipient_limit (void)
{
  g_autoptr (PbSnapshot) snapshot = make_snapshot ();
  PbAddress known = { .local = (char *) "anna", .domain = (char *) "example.test" };
  PbAddress unknown = { .local = (char *) "nobody", .domain = (char *) "example.test" };
  PbJudged judged = { .snapshot = snapshot, .recipient = &known, .n_recipients = 2 };

  g_assert_cmpint (judge (PB_STAGE_RCPT, &judged, NULL), ==, PB_REPLY_NONE);
  judged.n_recipients = 3;
  g_assert_cmpint (judge (PB_STAGE_RCPT, &judged, "recipient-limit"), ==,
                   PB_REPLY_TOO_MANY_RECIPIENTS);
  judged.recipient = &unknown;
  g_assert_cmpint (judge (PB_STAGE_RCPT, &judged, "recipient"), ==, PB_REPLY_UNKNOWN_USER);
}

static void
test_end_of_data (void)
{
  g_autoptr (PbSnapshot) snapshot = make_snapshot ();
  PbHeaderScan header = { .received = 3 };
  PbJudged judged = { .snapshot = snapshot, .size = 1 << 20, .header = &header };

  g_assert_cmpint (judge (PB_STAGE_END_OF_DATA, &judged, NULL), ==, PB_REPLY_NONE);
  judged.size++;
  g_assert_cmpint (judge (PB_STAGE_END_OF_DATA, &judged, "size"), ==, PB_REPLY_TOO_LARGE);
  judged.size = 1;
  header.received = 4; /* and ours is the fifth */
  g_assert_cmpint (judge (PB_STAGE_END_OF_DATA, &judged, "hops"), ==, PB_REPLY_TOO_MANY_HOPS);
  judged.exempt = TRUE;
  g_assert_cmpint (judge (PB_STAGE_END_OF_DATA, &judged, "hops"), ==, PB_REPLY_TOO_MANY_HOPS);
  header.received = 0;
  judged.bare_newline = TRUE;
  g_assert_cmpint (judge (PB_STAGE_END_OF_DATA, &judged, NULL), ==, PB_REPLY_NONE);
  judged.exempt = FALSE;
  g_assert_cmpint (judge (PB_STAGE_END_OF_DATA, &judged, "bare-newline"), ==,
                   PB_REPLY_BARE_NEWLINE);
}

static void
test_normalize (void)
{
  PbSnapshotBuilder *builder = pb_snapshot_builder_new ();
  PbSettingValues *values = pb_snapshot_builder_values (builder);
  g_autoptr (PbSnapshot) snapshot = NULL;
  PbHeaderScan header = { 0 };
  PbJudged judged = { .size = 1, .header = &header, .bare_newline = TRUE };

  g_free (values->advanced_bare_newline);
  values->advanced_bare_newline = g_strdup ("normalize");
  snapshot = pb_snapshot_builder_build (builder);
  judged.snapshot = snapshot;
  g_assert_cmpint (judge (PB_STAGE_END_OF_DATA, &judged, NULL), ==, PB_REPLY_NONE);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/policy/connections", test_connections);
  g_test_add_func ("/policy/rates", test_rates);
  g_test_add_func ("/policy/fqdn", test_fqdn);
  g_test_add_func ("/policy/mail", test_mail);
  g_test_add_func ("/policy/recipients", test_recipients);
  g_test_add_func ("/policy/literal-of-ours", test_literal_of_ours);
  g_test_add_func ("/policy/recipient-limit", test_recipient_limit);
  g_test_add_func ("/policy/end-of-data", test_end_of_data);
  g_test_add_func ("/policy/normalize", test_normalize);
  return g_test_run ();
}
