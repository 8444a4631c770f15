/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "policy/policy.h"
#include "settings/registry.h"
#include <string.h>

/* ---- the machine, with rows of the test's own ---- */

static PbOutcome next_outcome[4];
static PbReplyId next_reply[4];
static guint asked[4];
static PbPolicyRun *suspended;

static PbOutcome
answer (guint row, PbVerdict *verdict, PbPolicyRun *run)
{
  asked[row]++;
  verdict->reply = next_reply[row];
  verdict->detail = g_strdup_printf ("row %u", row);
  if (next_outcome[row] == PB_OUTCOME_PENDING)
    suspended = pb_policy_run_suspend (run);
  return next_outcome[row];
}

#define FAKE_CHECK(n)                                                                              \
  static PbOutcome check_##n (const PbJudged *judged, PbVerdict *verdict, PbPolicyRun *run)        \
  {                                                                                                \
    return answer (n, verdict, run);                                                               \
  }
FAKE_CHECK (0)
FAKE_CHECK (1)
FAKE_CHECK (2)
FAKE_CHECK (3)

static const PbPolicyRow fake_rows[] = {
  { PB_STAGE_RCPT, "zero", check_0 },
  { PB_STAGE_MAIL, "elsewhere", check_1 },
  { PB_STAGE_RCPT, "two", check_2 },
  { PB_STAGE_RCPT, "three", check_3 },
};

typedef struct
{
  guint called;
  PbOutcome outcome;
  PbReplyId reply;
  const char *check;
  char *detail; /* (owned) */
} Decided;

static void
on_done (PbVerdict *verdict, gpointer user_data)
{
  Decided *decided = user_data;

  decided->called++;
  decided->outcome = verdict->outcome;
  decided->reply = verdict->reply;
  decided->check = verdict->check;
  decided->detail = g_strdup (verdict->detail);
}

static void
set_rows (PbOutcome zero, PbOutcome two, PbOutcome three)
{
  memset (asked, 0, sizeof asked);
  suspended = NULL;
  next_outcome[0] = zero;
  next_outcome[1] = PB_OUTCOME_REJECT;
  next_outcome[2] = two;
  next_outcome[3] = three;
  next_reply[0] = PB_REPLY_LOCAL_ERROR;
  next_reply[1] = PB_REPLY_PIPELINING;
  next_reply[2] = PB_REPLY_RELAY_DENIED;
  next_reply[3] = PB_REPLY_UNKNOWN_USER;
}

static gboolean
judge_fake (GArray *trail, PbVerdict *verdict, Decided *decided, PbPolicyRun **run)
{
  PbJudged judged = { .n_recipients = 7 };

  return pb_policy_judge_rows (fake_rows, G_N_ELEMENTS (fake_rows), PB_STAGE_RCPT, &judged, trail,
                               verdict, on_done, decided, run);
}

static void
test_order (void)
{
  static const struct
  {
    PbOutcome zero, two, three;
    PbOutcome outcome;
    const char *check;
    guint asked_three;
    guint trail;
  } cases[] = {
    { PB_OUTCOME_NONE, PB_OUTCOME_NONE, PB_OUTCOME_NONE, PB_OUTCOME_ACCEPT, NULL, 1, 0 },
    { PB_OUTCOME_NONE, PB_OUTCOME_REJECT, PB_OUTCOME_NONE, PB_OUTCOME_REJECT, "two", 0, 1 },
    { PB_OUTCOME_NONE, PB_OUTCOME_ACCEPT, PB_OUTCOME_REJECT, PB_OUTCOME_ACCEPT, "two", 0, 1 },
    { PB_OUTCOME_DEFER, PB_OUTCOME_NONE, PB_OUTCOME_REJECT, PB_OUTCOME_REJECT, "three", 1, 2 },
    { PB_OUTCOME_DEFER, PB_OUTCOME_NONE, PB_OUTCOME_NONE, PB_OUTCOME_DEFER, "zero", 1, 1 },
    { PB_OUTCOME_DEFER, PB_OUTCOME_DEFER, PB_OUTCOME_NONE, PB_OUTCOME_DEFER, "zero", 1, 2 },
    { PB_OUTCOME_DEFER, PB_OUTCOME_ACCEPT, PB_OUTCOME_REJECT, PB_OUTCOME_DEFER, "zero", 0, 2 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GArray) trail = g_array_new (FALSE, FALSE, sizeof (PbTrailLine));
      g_auto (PbVerdict) verdict = { 0 };
      PbPolicyRun *run = NULL;
      Decided decided = { 0 };

      set_rows (cases[i].zero, cases[i].two, cases[i].three);
      g_assert_true (judge_fake (trail, &verdict, &decided, &run));
      g_assert_null (run);
      g_assert_cmpint (verdict.outcome, ==, cases[i].outcome);
      g_assert_cmpstr (verdict.check, ==, cases[i].check);
      g_assert_cmpuint (asked[1], ==, 0);
      g_assert_cmpuint (asked[3], ==, cases[i].asked_three);
      g_assert_cmpuint (trail->len, ==, cases[i].trail);
      g_assert_cmpuint (decided.called, ==, 0);
      if (verdict.outcome == PB_OUTCOME_DEFER)
        g_assert_cmpstr (verdict.detail, ==, "row 0");
      if (verdict.outcome == PB_OUTCOME_ACCEPT)
        g_assert_null (verdict.detail);
    }
}

static void
test_pending (void)
{
  g_auto (PbVerdict) verdict = { 0 }, later = { 0 };
  PbPolicyRun *run = NULL;
  Decided decided = { 0 };

  /* A deferral before, a wait, then the last row decides. */
  set_rows (PB_OUTCOME_DEFER, PB_OUTCOME_PENDING, PB_OUTCOME_NONE);
  g_assert_false (judge_fake (NULL, &verdict, &decided, &run));
  g_assert_nonnull (run);
  g_assert_true (run == suspended);
  g_assert_cmpuint (asked[3], ==, 0);
  g_assert_cmpuint (pb_policy_run_judged (run)->n_recipients, ==, 7);
  pb_policy_continue (run, PB_OUTCOME_NONE, &later);
  g_assert_cmpuint (decided.called, ==, 1);
  g_assert_cmpint (decided.outcome, ==, PB_OUTCOME_DEFER);
  g_assert_cmpstr (decided.check, ==, "zero");
  g_assert_cmpstr (decided.detail, ==, "row 0");
  g_assert_cmpuint (asked[3], ==, 1);
  g_free (decided.detail);
}

static void
test_pending_rejects (void)
{
  g_auto (PbVerdict) verdict = { 0 };
  PbVerdict later = { .reply = PB_REPLY_RELAY_DENIED, .detail = g_strdup ("late") };
  PbPolicyRun *run = NULL;
  Decided decided = { 0 };

  set_rows (PB_OUTCOME_NONE, PB_OUTCOME_PENDING, PB_OUTCOME_NONE);
  g_assert_false (judge_fake (NULL, &verdict, &decided, &run));
  pb_policy_continue (run, PB_OUTCOME_REJECT, &later);
  g_assert_cmpuint (decided.called, ==, 1);
  g_assert_cmpint (decided.outcome, ==, PB_OUTCOME_REJECT);
  g_assert_cmpint (decided.reply, ==, PB_REPLY_RELAY_DENIED);
  g_assert_cmpstr (decided.check, ==, "two");
  g_assert_cmpstr (decided.detail, ==, "late");
  g_assert_cmpuint (asked[3], ==, 0);
  g_assert_null (later.detail);
  g_free (decided.detail);
}

/* Two rows that wait, one behind the other, in the same run. */
static void
test_pending_twice (void)
{
  g_auto (PbVerdict) verdict = { 0 }, later = { 0 };
  PbPolicyRun *run = NULL, *again;
  Decided decided = { 0 };

  set_rows (PB_OUTCOME_PENDING, PB_OUTCOME_NONE, PB_OUTCOME_PENDING);
  g_assert_false (judge_fake (NULL, &verdict, &decided, &run));
  pb_policy_continue (run, PB_OUTCOME_NONE, &later);
  g_assert_cmpuint (decided.called, ==, 0);
  again = suspended;
  g_assert_true (again == run);
  pb_policy_continue (again, PB_OUTCOME_NONE, &later);
  g_assert_cmpuint (decided.called, ==, 1);
  g_assert_cmpint (decided.outcome, ==, PB_OUTCOME_ACCEPT);
}

static void
test_cancelled (void)
{
  g_auto (PbVerdict) verdict = { 0 };
  PbVerdict later = { .detail = g_strdup ("too late") };
  PbPolicyRun *run = NULL;
  Decided decided = { 0 };

  set_rows (PB_OUTCOME_DEFER, PB_OUTCOME_PENDING, PB_OUTCOME_NONE);
  g_assert_false (judge_fake (NULL, &verdict, &decided, &run));
  pb_policy_run_cancel (run);
  g_assert_null (pb_policy_run_judged (run));
  pb_policy_continue (run, PB_OUTCOME_REJECT, &later);
  g_assert_cmpuint (decided.called, ==, 0);
  g_assert_cmpuint (asked[3], ==, 0);
  g_assert_null (later.detail);
}

/* ---- the real rows ---- */

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
  g_auto (PbVerdict) verdict = { 0 };
  PbPolicyRun *run;

  g_assert_true (pb_policy_judge (stage, judged, NULL, &verdict, NULL, NULL, &run));
  if (verdict.outcome == PB_OUTCOME_ACCEPT)
    return PB_REPLY_NONE;
  g_assert_cmpstr (verdict.check, ==, check);
  return verdict.reply;
}

static void
test_connections (void)
{
  g_autoptr (PbSnapshot) snapshot = make_snapshot ();
  PbJudged judged = { .snapshot = snapshot, .connections = 2 };
  g_auto (PbVerdict) verdict = { 0 };
  PbPolicyRun *run;

  g_assert_true (pb_ip_parse ("192.0.2.9", &judged.ip));
  g_assert_cmpint (judge (PB_STAGE_CONNECT, &judged, NULL), ==, PB_REPLY_NONE);
  judged.connections = 3;
  g_assert_true (pb_policy_judge (PB_STAGE_CONNECT, &judged, NULL, &verdict, NULL, NULL, &run));
  g_assert_cmpint (verdict.reply, ==, PB_REPLY_TOO_MANY_CONNECTIONS);
  g_assert_cmpstr (verdict.detail, ==, "192.0.2.9");
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
  g_test_add_func ("/policy/order", test_order);
  g_test_add_func ("/policy/pending", test_pending);
  g_test_add_func ("/policy/pending-rejects", test_pending_rejects);
  g_test_add_func ("/policy/pending-twice", test_pending_twice);
  g_test_add_func ("/policy/cancelled", test_cancelled);
  g_test_add_func ("/policy/connections", test_connections);
  g_test_add_func ("/policy/mail", test_mail);
  g_test_add_func ("/policy/recipients", test_recipients);
  g_test_add_func ("/policy/literal-of-ours", test_literal_of_ours);
  g_test_add_func ("/policy/recipient-limit", test_recipient_limit);
  g_test_add_func ("/policy/end-of-data", test_end_of_data);
  g_test_add_func ("/policy/normalize", test_normalize);
  return g_test_run ();
}
