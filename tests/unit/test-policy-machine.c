/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The machine that runs the table of checks: order, off and watch, checks that wait, what rules skip; and the trail. */
#include "policy/policy.h"
#include "settings/registry.h"
#include <string.h>

static PbFinding next_finding[4];
static PbReplyId next_reply[4];
static guint asked[4];
static PbPolicyRun *suspended;
static const char *mode_of_two;

static PbFinding
answer (guint row, PbDecision *decision, PbPolicyRun *run)
{
  asked[row]++;
  decision->reply = next_reply[row];
  decision->detail = g_strdup_printf ("row %u", row);
  if (next_finding[row] == PB_FINDING_PENDING)
    suspended = pb_policy_run_suspend (run);
  return next_finding[row];
}

#define FAKE_CHECK(n)                                                                              \
  static PbFinding check_##n (const PbJudged *judged, PbDecision *decision, PbPolicyRun *run)      \
  {                                                                                                \
    return answer (n, decision, run);                                                              \
  }
FAKE_CHECK (0)
FAKE_CHECK (1)
FAKE_CHECK (2)
FAKE_CHECK (3)

static const char *
setting_of_two (const PbSettingValues *values)
{
  return mode_of_two;
}

static const PbPolicyRow fake_rows[] = {
  { .stage = PB_STAGE_RCPT, .name = "zero", .check = check_0, .reply = PB_REPLY_LOCAL_ERROR },
  { .stage = PB_STAGE_MAIL, .name = "elsewhere", .check = check_1 },
  { .stage = PB_STAGE_RCPT,
    .name = "two",
    .check = check_2,
    .flags = PB_POLICY_SPARES_EXEMPT,
    .setting = setting_of_two },
  { .stage = PB_STAGE_RCPT, .name = "three", .check = check_3 },
};

typedef struct
{
  guint called;
  PbDecisionKind kind;
  PbReplyId reply;
  const char *check;
  char *detail; /* (owned) */
} Decided;

static void
on_done (PbDecision *decision, gpointer user_data)
{
  Decided *decided = user_data;

  decided->called++;
  decided->kind = decision->kind;
  decided->reply = decision->reply;
  decided->check = decision->check;
  decided->detail = g_strdup (decision->detail);
}

static void
set_rows (PbFinding zero, PbFinding two, PbFinding three)
{
  memset (asked, 0, sizeof asked);
  suspended = NULL;
  mode_of_two = "enforce";
  next_finding[0] = zero;
  next_finding[1] = PB_FINDING_REFUSE;
  next_finding[2] = two;
  next_finding[3] = three;
  next_reply[0] = PB_REPLY_NONE;
  next_reply[1] = PB_REPLY_PIPELINING;
  next_reply[2] = PB_REPLY_RELAY_DENIED;
  next_reply[3] = PB_REPLY_UNKNOWN_USER;
}

static gboolean
judge_fake (gboolean exempt, PbTrail *trail, PbDecision *decision, Decided *decided,
            PbPolicyRun **run)
{
  g_autoptr (PbSnapshot) snapshot = pb_snapshot_builder_build (pb_snapshot_builder_new ());
  PbJudged judged = { .snapshot = snapshot, .n_recipients = 7, .exempt = exempt };

  /* Nobody reads the snapshot; a run that waits may outlive it. */
  return pb_policy_judge_rows (fake_rows, G_N_ELEMENTS (fake_rows), PB_STAGE_RCPT, &judged, trail,
                               decision, on_done, decided, run);
}

#define PASS    PB_FINDING_PASS
#define REFUSE  PB_FINDING_REFUSE
#define DISCARD PB_FINDING_DISCARD
#define TROUBLE PB_FINDING_TROUBLE
#define NONE    PB_FINDING_NONE

/* Row zero refuses with a 4xx, rows two and three with a 5xx. */
static void
test_order (void)
{
  static const struct
  {
    PbFinding zero, two, three;
    PbDecisionKind kind;
    const char *check;
    guint asked_three;
    const char *trail;
  } cases[] = {
    { NONE, NONE, NONE, PB_DECISION_ACCEPT, NULL, 1, "" },
    { PASS, PASS, PB_FINDING_EXEMPT, PB_DECISION_ACCEPT, NULL, 1,
      "zero pass, two pass, three exempt, " },
    { PASS, REFUSE, PASS, PB_DECISION_REJECT, "two", 0, "zero pass, two refused, " },
    { PASS, DISCARD, REFUSE, PB_DECISION_DISCARD, "two", 0, "zero pass, two discarded, " },
    { REFUSE, PASS, REFUSE, PB_DECISION_REJECT, "three", 1,
      "zero refused, two pass, three refused, " },
    { REFUSE, NONE, NONE, PB_DECISION_DEFER, "zero", 1, "zero refused, " },
    { TROUBLE, NONE, NONE, PB_DECISION_DEFER, "zero", 1, "zero trouble, " },
    { TROUBLE, NONE, REFUSE, PB_DECISION_REJECT, "three", 1, "zero trouble, three refused, " },
    { TROUBLE, DISCARD, REFUSE, PB_DECISION_DISCARD, "two", 0, "zero trouble, two discarded, " },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (PbTrail) trail = pb_trail_new ();
      g_autoptr (GString) told = g_string_new (NULL);
      g_auto (PbDecision) decision = { 0 };
      PbPolicyRun *run = NULL;
      Decided decided = { 0 };

      set_rows (cases[i].zero, cases[i].two, cases[i].three);
      g_assert_true (judge_fake (FALSE, trail, &decision, &decided, &run));
      g_assert_null (run);
      g_assert_cmpint (decision.kind, ==, cases[i].kind);
      g_assert_cmpstr (decision.check, ==, cases[i].check);
      g_assert_cmpuint (asked[1], ==, 0);
      g_assert_cmpuint (asked[3], ==, cases[i].asked_three);
      for (guint j = 0; j < pb_trail_length (trail); j++)
        g_string_append_printf (told, "%s %s, ", pb_trail_get (trail, j)->check,
                                pb_outcome_name (pb_trail_get (trail, j)->outcome));
      g_assert_cmpstr (told->str, ==, cases[i].trail);
      g_assert_cmpuint (decided.called, ==, 0);
      if (decision.kind == PB_DECISION_DEFER)
        {
          g_assert_cmpstr (decision.detail, ==, "row 0");
          g_assert_cmpint (decision.reply, ==, PB_REPLY_LOCAL_ERROR); /* the row's own */
        }
      if (decision.kind == PB_DECISION_ACCEPT)
        g_assert_null (decision.detail);
    }
}

/* Off is not asked, watch only tells, exempt clients are not asked about. */
static void
test_modes (void)
{
  static const struct
  {
    const char *mode;
    gboolean exempt;
    PbFinding finding;
    PbDecisionKind kind;
    guint asked;
    PbOutcome outcome;
  } cases[] = {
    { "enforce", FALSE, REFUSE, PB_DECISION_REJECT, 1, PB_OUTCOME_REFUSED },
    { "watch", FALSE, REFUSE, PB_DECISION_ACCEPT, 1, PB_OUTCOME_WATCHED },
    { "watch", FALSE, TROUBLE, PB_DECISION_ACCEPT, 1, PB_OUTCOME_TROUBLE },
    { "watch", FALSE, PASS, PB_DECISION_ACCEPT, 1, PB_OUTCOME_PASS },
    { "enforce", TRUE, REFUSE, PB_DECISION_ACCEPT, 0, PB_OUTCOME_EXEMPT },
    { "watch", TRUE, REFUSE, PB_DECISION_ACCEPT, 0, PB_OUTCOME_EXEMPT },
    { "off", FALSE, REFUSE, PB_DECISION_ACCEPT, 0, PB_N_OUTCOMES },
    { "off", TRUE, REFUSE, PB_DECISION_ACCEPT, 0, PB_N_OUTCOMES },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (PbTrail) trail = pb_trail_new ();
      g_auto (PbDecision) decision = { 0 };
      PbPolicyRun *run = NULL;

      set_rows (NONE, cases[i].finding, NONE);
      mode_of_two = cases[i].mode;
      g_assert_true (judge_fake (cases[i].exempt, trail, &decision, NULL, &run));
      g_assert_cmpint (decision.kind, ==, cases[i].kind);
      g_assert_cmpuint (asked[2], ==, cases[i].asked);
      g_assert_cmpuint (pb_trail_length (trail), ==, cases[i].outcome == PB_N_OUTCOMES ? 0 : 1);
      if (cases[i].outcome != PB_N_OUTCOMES)
        g_assert_cmpint (pb_trail_get (trail, 0)->outcome, ==, cases[i].outcome);
    }
}

static void
test_pending (void)
{
  g_auto (PbDecision) decision = { 0 }, later = { 0 };
  PbPolicyRun *run = NULL;
  Decided decided = { 0 };

  /* A deferral before, a wait, then the last row decides. */
  set_rows (REFUSE, PB_FINDING_PENDING, NONE);
  g_assert_false (judge_fake (FALSE, NULL, &decision, &decided, &run));
  g_assert_nonnull (run);
  g_assert_true (run == suspended);
  g_assert_cmpuint (asked[3], ==, 0);
  g_assert_cmpuint (pb_policy_run_judged (run)->n_recipients, ==, 7);
  pb_policy_continue (run, PASS, &later);
  g_assert_cmpuint (decided.called, ==, 1);
  g_assert_cmpint (decided.kind, ==, PB_DECISION_DEFER);
  g_assert_cmpstr (decided.check, ==, "zero");
  g_assert_cmpstr (decided.detail, ==, "row 0");
  g_assert_cmpuint (asked[3], ==, 1);
  g_free (decided.detail);
}

static void
test_pending_rejects (void)
{
  g_auto (PbDecision) decision = { 0 };
  PbDecision later = { .reply = PB_REPLY_RELAY_DENIED, .detail = g_strdup ("late") };
  PbPolicyRun *run = NULL;
  Decided decided = { 0 };

  set_rows (PASS, PB_FINDING_PENDING, NONE);
  g_assert_false (judge_fake (FALSE, NULL, &decision, &decided, &run));
  pb_policy_continue (run, REFUSE, &later);
  g_assert_cmpuint (decided.called, ==, 1);
  g_assert_cmpint (decided.kind, ==, PB_DECISION_REJECT);
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
  g_auto (PbDecision) decision = { 0 }, later = { 0 };
  PbPolicyRun *run = NULL, *again;
  Decided decided = { 0 };

  set_rows (PB_FINDING_PENDING, NONE, PB_FINDING_PENDING);
  g_assert_false (judge_fake (FALSE, NULL, &decision, &decided, &run));
  pb_policy_continue (run, PASS, &later);
  g_assert_cmpuint (decided.called, ==, 0);
  again = suspended;
  g_assert_true (again == run);
  pb_policy_continue (again, PASS, &later);
  g_assert_cmpuint (decided.called, ==, 1);
  g_assert_cmpint (decided.kind, ==, PB_DECISION_ACCEPT);
}

static void
test_cancelled (void)
{
  g_auto (PbDecision) decision = { 0 };
  PbDecision later = { .detail = g_strdup ("too late") };
  PbPolicyRun *run = NULL;
  Decided decided = { 0 };

  set_rows (REFUSE, PB_FINDING_PENDING, NONE);
  g_assert_false (judge_fake (FALSE, NULL, &decision, &decided, &run));
  pb_policy_run_cancel (run);
  g_assert_null (pb_policy_run_judged (run));
  pb_policy_continue (run, REFUSE, &later);
  g_assert_cmpuint (decided.called, ==, 0);
  g_assert_cmpuint (asked[3], ==, 0);
  g_assert_null (later.detail);
}

/* ---- the trail ---- */

static void
test_trail_bounds (void)
{
  g_autoptr (PbTrail) trail = pb_trail_new ();
  g_autofree char *raw = g_strnfill (1000, '\377');

  raw[0] = '\n';
  pb_trail_add (trail, PB_STAGE_RCPT, "relay", PB_OUTCOME_REFUSED, PB_REPLY_RELAY_DENIED, 5000, raw);
  g_assert_cmpuint (strlen (pb_trail_get (trail, 0)->evidence), <=, PB_TRAIL_EVIDENCE_LIMIT);
  g_assert_cmpint (pb_trail_get (trail, 0)->evidence[0], ==, ' ');
  g_assert_true (g_utf8_validate (pb_trail_get (trail, 0)->evidence, -1, NULL));
  for (int i = 0; i < 30; i++)
    pb_trail_add (trail, PB_STAGE_RCPT, "relay", PB_OUTCOME_PASS, PB_REPLY_NONE, i, NULL);
  g_assert_cmpuint (pb_trail_length (trail), ==, 17);
  for (int i = 0; i < 3000; i++)
    pb_trail_add (trail, PB_STAGE_RCPT, "relay", PB_OUTCOME_REFUSED, PB_REPLY_RELAY_DENIED, i, NULL);
  g_assert_cmpuint (pb_trail_length (trail), ==, 2000);
  g_assert_cmpuint (pb_trail_lost (trail), ==, 3000 - 1983);
  g_assert_cmpuint (pb_trail_octets (trail), <, 128 * 1024);
}

/* What rules skip goes with the decision, of the client's and the envelope's rules together, and spares the checks that it names. */
static PbFinding
check_never (const PbJudged *judged, PbDecision *decision, PbPolicyRun *run)
{
  g_assert_not_reached ();
}

static PbFinding
check_skips (const PbJudged *judged, PbDecision *decision, PbPolicyRun *run)
{
  decision->skips = PB_SKIP_SPF;
  return PB_FINDING_PASS;
}

static void
test_skips (void)
{
  static const PbPolicyRow skip_rows[] = {
    { .stage = PB_STAGE_RCPT, .name = "rules", .check = check_skips },
    { .stage = PB_STAGE_RCPT, .name = "spf", .check = check_never, .skip = PB_SKIP_SPF },
    { .stage = PB_STAGE_RCPT, .name = "dnsbl", .check = check_never, .skip = PB_SKIP_DNSBL },
    { .stage = PB_STAGE_END_OF_DATA, .name = "dkim", .check = check_never, .skip = PB_SKIP_DKIM },
  };
  g_autoptr (PbTrail) trail = pb_trail_new ();
  PbJudged judged = { .client.skips = PB_SKIP_DNSBL };
  g_auto (PbDecision) decision = { 0 };
  PbPolicyRun *run;

  g_assert_true (pb_policy_judge_rows (skip_rows, G_N_ELEMENTS (skip_rows), PB_STAGE_RCPT, &judged, trail,
                                       &decision, NULL, NULL, &run));
  g_assert_cmpint (decision.kind, ==, PB_DECISION_ACCEPT);
  g_assert_cmpint (decision.skips, ==, PB_SKIP_SPF);
  g_assert_cmpuint (pb_trail_length (trail), ==, 3);
  g_assert_cmpint (pb_trail_get (trail, 1)->outcome, ==, PB_OUTCOME_SKIPPED);
  g_assert_cmpint (pb_trail_get (trail, 2)->outcome, ==, PB_OUTCOME_SKIPPED);
  judged.skips = PB_SKIP_DKIM;
  g_assert_true (pb_policy_judge_rows (skip_rows, G_N_ELEMENTS (skip_rows), PB_STAGE_END_OF_DATA, &judged,
                                       trail, &decision, NULL, NULL, &run));
  g_assert_cmpint (decision.kind, ==, PB_DECISION_ACCEPT);
}

/* ---- what is let pass, put aside or watched goes with the decision ---- */

static PbFinding asides_finding[3];
static PbDecision asides_says[3];

static PbFinding
say_aside (guint row, PbDecision *decision, PbPolicyRun *run)
{
  *decision = asides_says[row];
  decision->evidence = g_strdup_printf ("row %u", row);
  if (asides_finding[row] == PB_FINDING_PENDING)
    suspended = pb_policy_run_suspend (run);
  return asides_finding[row];
}

static PbFinding
aside_0 (const PbJudged *judged, PbDecision *decision, PbPolicyRun *run)
{
  return say_aside (0, decision, run);
}

static PbFinding
aside_1 (const PbJudged *judged, PbDecision *decision, PbPolicyRun *run)
{
  return say_aside (1, decision, run);
}

static PbFinding
aside_2 (const PbJudged *judged, PbDecision *decision, PbPolicyRun *run)
{
  return say_aside (2, decision, run);
}

static const PbPolicyRow aside_rows[] = {
  { .stage = PB_STAGE_END_OF_DATA, .name = "a", .check = aside_0, .reply = PB_REPLY_DKIM_TROUBLE },
  { .stage = PB_STAGE_END_OF_DATA, .name = "b", .check = aside_1, .reply = PB_REPLY_INFECTED, .setting = setting_of_two },
  { .stage = PB_STAGE_END_OF_DATA, .name = "c", .check = aside_2, .reply = PB_REPLY_INFECTED },
};

#define SAY(...) { __VA_ARGS__ }
static const struct
{
  const char *mode; /* of the second row */
  PbFinding findings[3];
  PbDecision says[3];
  PbDecisionKind kind;
  PbAside aside;
  const char *evidence;
  guint64 watched;
  const char *trail;
} aside_cases[] = {
  { "enforce", { PB_FINDING_QUARANTINE, PASS, PASS }, { SAY (.aside = PB_ASIDE_JUNK) }, PB_DECISION_ACCEPT,
    PB_ASIDE_JUNK, NULL, 0, "quarantined pass pass" },
  { "enforce", { PASS, PB_FINDING_QUARANTINE, PASS }, { { 0 }, SAY (.aside = PB_ASIDE_HELD) }, PB_DECISION_ACCEPT,
    PB_ASIDE_HELD, "row 1", 0, "pass quarantined pass" },
  { "enforce", { PB_FINDING_QUARANTINE, PB_FINDING_QUARANTINE, PASS },
    { SAY (.aside = PB_ASIDE_JUNK), SAY (.aside = PB_ASIDE_HELD) }, PB_DECISION_ACCEPT,
    PB_ASIDE_JUNK | PB_ASIDE_HELD, "row 1", 0, "quarantined quarantined pass" },
  /* The last word on why is the latest. */
  { "enforce", { PB_FINDING_QUARANTINE, PASS, PB_FINDING_QUARANTINE },
    { SAY (.aside = PB_ASIDE_HELD), { 0 }, SAY (.aside = PB_ASIDE_HELD) }, PB_DECISION_ACCEPT, PB_ASIDE_HELD,
    "row 2", 0, "quarantined pass quarantined" },
  { "watch", { PASS, PB_FINDING_QUARANTINE, PASS }, { { 0 }, SAY (.aside = PB_ASIDE_HELD) }, PB_DECISION_ACCEPT,
    PB_ASIDE_NOT, NULL, 2, "pass watched pass" },
  /* Put aside, but refused or put off all the same. */
  { "enforce", { PASS, PB_FINDING_QUARANTINE, REFUSE }, { { 0 }, SAY (.aside = PB_ASIDE_HELD) },
    PB_DECISION_REJECT, PB_ASIDE_HELD, "row 2", 0, "pass quarantined refused" },
  { "enforce", { TROUBLE, PB_FINDING_QUARANTINE, PASS }, { { 0 }, SAY (.aside = PB_ASIDE_HELD) },
    PB_DECISION_DEFER, PB_ASIDE_HELD, "row 0", 0, "trouble quarantined pass" },
  { "enforce", { PASS, DISCARD, PASS }, { { 0 } }, PB_DECISION_DISCARD, PB_ASIDE_NOT, "row 1", 0,
    "pass discarded" },
  /* Trouble that lets pass puts nothing off, and is not what was watched. */
  { "enforce", { PASS, TROUBLE, PASS }, { { 0 }, SAY (.lets_pass = TRUE) }, PB_DECISION_ACCEPT, PB_ASIDE_NOT,
    NULL, 0, "pass trouble pass" },
  { "watch", { PASS, TROUBLE, PASS }, { { 0 } }, PB_DECISION_ACCEPT, PB_ASIDE_NOT, NULL, 0, "pass trouble pass" },
  { "enforce", { TROUBLE, TROUBLE, PASS }, { { 0 }, SAY (.lets_pass = TRUE) }, PB_DECISION_DEFER, PB_ASIDE_NOT,
    "row 0", 0, "trouble trouble pass" },
};
#undef SAY

static void
test_asides (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (aside_cases); i++)
    {
      g_autoptr (PbSnapshot) snapshot = pb_snapshot_builder_build (pb_snapshot_builder_new ());
      g_autoptr (PbTrail) trail = pb_trail_new ();
      g_autoptr (GString) told = g_string_new (NULL);
      g_auto (PbDecision) decision = { 0 };
      PbJudged judged = { .snapshot = snapshot };
      PbPolicyRun *run = NULL;

      mode_of_two = aside_cases[i].mode;
      memcpy (asides_finding, aside_cases[i].findings, sizeof asides_finding);
      memcpy (asides_says, aside_cases[i].says, sizeof asides_says);
      g_assert_true (pb_policy_judge_rows (aside_rows, G_N_ELEMENTS (aside_rows), PB_STAGE_END_OF_DATA, &judged, trail,
                                           &decision, NULL, NULL, &run));
      for (guint j = 0; j < pb_trail_length (trail); j++)
        g_string_append_printf (told, "%s%s", j > 0 ? " " : "", pb_outcome_name (pb_trail_get (trail, j)->outcome));
      g_test_message ("row %u", i);
      g_assert_cmpstr (told->str, ==, aside_cases[i].trail);
      g_assert_cmpint (decision.kind, ==, aside_cases[i].kind);
      g_assert_cmpint (decision.aside, ==, aside_cases[i].aside);
      g_assert_cmpstr (decision.evidence, ==, aside_cases[i].evidence);
      g_assert_cmpuint (decision.watched, ==, aside_cases[i].watched);
    }
}

static void
count_cancel (gpointer data)
{
  guint *n = data;

  ++*n;
}

static PbAside later_aside;
static char *later_evidence; /* (owned) */

static void
on_put_aside (PbDecision *decision, gpointer user_data)
{
  later_aside = decision->aside;
  later_evidence = g_steal_pointer (&decision->evidence);
}

/* What was put aside before a wait, and what is behind it, meet at the end; a run that is given up frees both. */
static void
test_aside_waits (void)
{
  for (guint cancelled = 0; cancelled < 2; cancelled++)
    {
      g_autoptr (PbSnapshot) snapshot = pb_snapshot_builder_build (pb_snapshot_builder_new ());
      g_auto (PbDecision) decision = { 0 };
      PbDecision later = { .aside = PB_ASIDE_JUNK, .evidence = g_strdup ("late") };
      PbJudged judged = { .snapshot = snapshot };
      PbPolicyRun *run = NULL;
      guint given_up = 0;

      mode_of_two = "enforce";
      asides_finding[0] = PB_FINDING_QUARANTINE;
      asides_finding[1] = PB_FINDING_PENDING;
      asides_finding[2] = PASS;
      memset (asides_says, 0, sizeof asides_says);
      asides_says[0].aside = PB_ASIDE_HELD;
      later_aside = PB_ASIDE_NOT;
      g_assert_false (pb_policy_judge_rows (aside_rows, G_N_ELEMENTS (aside_rows), PB_STAGE_END_OF_DATA, &judged, NULL,
                                            &decision, on_put_aside, NULL, &run));
      pb_policy_run_on_cancel (suspended, count_cancel, &given_up);
      if (cancelled)
        pb_policy_run_cancel (run);
      g_assert_cmpuint (given_up, ==, cancelled);
      pb_policy_continue (suspended, PB_FINDING_QUARANTINE, &later);
      g_assert_cmpuint (given_up, ==, cancelled);
      g_assert_cmpint (later_aside, ==, cancelled ? PB_ASIDE_NOT : PB_ASIDE_HELD | PB_ASIDE_JUNK);
      g_assert_cmpstr (later_evidence, ==, cancelled ? NULL : "row 0");
      g_clear_pointer (&later_evidence, g_free);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/policy/order", test_order);
  g_test_add_func ("/policy/modes", test_modes);
  g_test_add_func ("/policy/trail-bounds", test_trail_bounds);
  g_test_add_func ("/policy/pending", test_pending);
  g_test_add_func ("/policy/pending-rejects", test_pending_rejects);
  g_test_add_func ("/policy/pending-twice", test_pending_twice);
  g_test_add_func ("/policy/cancelled", test_cancelled);
  g_test_add_func ("/policy/skips", test_skips);
  g_test_add_func ("/policy/asides", test_asides);
  g_test_add_func ("/policy/aside-waits", test_aside_waits);
  return g_test_run ();
}
