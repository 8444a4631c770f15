/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Runs the table of checks over one stage. Called by the session at connect, HELO, MAIL, RCPT and
 * the end of data, on the reactor's thread. A stage that no check has to wait for costs no
 * allocation: the run lives on the stack until a check suspends it. A suspended run is freed by
 * pb_policy_continue(), which its check calls exactly once, also after pb_policy_run_cancel(); so
 * neither the check's answer nor the session's end can come too late for the other.
 */
#include "policy/checks.h"
#include "policy/mail-checks.h"

struct _PbPolicyRun
{
  const PbPolicyRow *rows;
  guint n_rows;
  guint next; /* the row to be asked next */
  PbStage stage;
  PbJudged judged;
  PbTrail *trail;    /* (not owned) (nullable) */
  PbDecision kept;   /* (owned) the first 4xx, should nobody decide */
  PbSkips skips;     /* that rules of the AccessList have said so far */
  const PbAccessRule *rule; /* (nullable) the latest */
  guint64 watched; /* rows, as in the decision */
  PbAside aside;
  char *held_for;    /* (owned) (nullable) why, behind PB_ASIDE_HELD */
  GDestroyNotify on_cancel; /* (nullable) */
  gpointer on_cancel_data;
  PbPolicyRun *heap; /* (nullable) where a check suspended this run to */
  PbPolicyDone done;
  PbFactFound resume; /* asks the row at hand again */
  gpointer user_data;
  gboolean cancelled;
  gboolean asking; /* a row's check is on the stack */
};

void
pb_decision_clear (PbDecision *self)
{
  g_clear_pointer (&self->detail, g_free);
  g_clear_pointer (&self->evidence, g_free);
}

typedef enum
{
  MODE_OFF,
  MODE_WATCH,
  MODE_ENFORCE,
} Mode;

static Mode
row_mode (const PbPolicyRow *row, const PbJudged *judged)
{
  const char *setting = row->setting != NULL ? row->setting (&judged->snapshot->values) : "enforce";

  if (g_str_equal (setting, "enforce"))
    return MODE_ENFORCE;
  return g_str_equal (setting, "watch") ? MODE_WATCH : MODE_OFF;
}

static void
trail_add (PbPolicyRun *run, const PbPolicyRow *row, PbOutcome outcome, const PbDecision *decision)
{
  gboolean replied = outcome == PB_OUTCOME_REFUSED || outcome == PB_OUTCOME_WATCHED
                     || outcome == PB_OUTCOME_TROUBLE;

  if (run->trail != NULL)
    pb_trail_add (run->trail, row->stage, row->name, outcome,
                  replied ? decision->reply : PB_REPLY_NONE,
                  row->stage == PB_STAGE_RCPT ? run->judged.recipient_index : PB_TRAIL_NO_RECIPIENT,
                  decision->evidence != NULL ? decision->evidence : decision->detail);
}

/* Takes in an objection. Returns: TRUE when it decides the stage; @decision is then final. */
static gboolean
run_object (PbPolicyRun *run, PbDecision *decision)
{
  if (pb_reply_row (decision->reply)->code >= 500)
    {
      decision->kind = PB_DECISION_REJECT;
      pb_decision_clear (&run->kept);
      return TRUE;
    }
  if (run->kept.check == NULL)
    {
      run->kept = *decision;
      run->kept.kind = PB_DECISION_DEFER;
      *decision = (PbDecision){ 0 };
    }
  pb_decision_clear (decision);
  return FALSE;
}

static void
run_set_aside (PbPolicyRun *run, PbDecision *decision)
{
  run->aside |= decision->aside;
  if ((decision->aside & PB_ASIDE_HELD) == 0)
    return;
  g_free (run->held_for);
  run->held_for = g_steal_pointer (&decision->evidence);
}

/* Takes in one row's finding. Returns: TRUE when it decides the stage; @decision is then final. */
static gboolean
run_take (PbPolicyRun *run, const PbPolicyRow *row, PbFinding finding, PbDecision *decision)
{
  gboolean watch = row_mode (row, &run->judged) == MODE_WATCH;

  run->skips |= decision->skips;
  if (decision->rule != NULL)
    run->rule = decision->rule;
  decision->check = row->name;
  if (decision->reply == PB_REPLY_NONE)
    decision->reply = row->reply;
  switch (finding)
    {
    case PB_FINDING_NONE:
      pb_decision_clear (decision);
      return FALSE;
    case PB_FINDING_PASS:
      trail_add (run, row, PB_OUTCOME_PASS, decision);
      pb_decision_clear (decision);
      return FALSE;
    case PB_FINDING_EXEMPT:
      trail_add (run, row, PB_OUTCOME_EXEMPT, decision);
      pb_decision_clear (decision);
      return FALSE;
    case PB_FINDING_SKIPPED:
      trail_add (run, row, PB_OUTCOME_SKIPPED, decision);
      pb_decision_clear (decision);
      return FALSE;
    case PB_FINDING_REFUSE:
    case PB_FINDING_TROUBLE:
      if (decision->lets_pass)
        decision->reply = PB_REPLY_NONE;
      trail_add (run, row,
                 finding == PB_FINDING_TROUBLE ? PB_OUTCOME_TROUBLE
                 : watch                       ? PB_OUTCOME_WATCHED
                                               : PB_OUTCOME_REFUSED,
                 decision);
      if (!watch && !decision->lets_pass)
        return run_object (run, decision);
      if (finding == PB_FINDING_REFUSE)
        run->watched |= G_GUINT64_CONSTANT (1) << (row - run->rows);
      pb_decision_clear (decision);
      return FALSE;
    case PB_FINDING_QUARANTINE:
      decision->reply = PB_REPLY_NONE;
      trail_add (run, row, watch ? PB_OUTCOME_WATCHED : PB_OUTCOME_QUARANTINED, decision);
      if (watch)
        run->watched |= G_GUINT64_CONSTANT (1) << (row - run->rows);
      else
        run_set_aside (run, decision);
      pb_decision_clear (decision);
      return FALSE;
    case PB_FINDING_DISCARD:
      trail_add (run, row, PB_OUTCOME_DISCARDED, decision);
      decision->kind = PB_DECISION_DISCARD;
      pb_decision_clear (&run->kept);
      return TRUE;
    case PB_FINDING_PENDING:
      break;
    }
  g_assert_not_reached ();
}

/* Returns: (nullable) whom SPF is asked about; "" for the null sender, which HELO's name stands for. */
static const char *
spf_subject (const PbJudged *judged)
{
  const PbAddress *sender = judged->sender;

  if (sender == NULL)
    return judged->helo != NULL ? "" : NULL;
  return sender->literal || sender->domain == NULL ? NULL : sender->text;
}

/* Returns: (nullable) what @kind is to be found out of; NULL: it does not arise. */
static const char *
fact_subject (PbFactKind kind, const PbJudged *judged)
{
  const PbAddress *sender = judged->sender;

  switch (kind)
    {
    case PB_FACT_CLIENT_NAME:
    case PB_FACT_BLOCKLISTS:
      return "";
    case PB_FACT_SPF:
      return pb_sender_is_ours (judged) ? NULL : spf_subject (judged);
    case PB_FACT_HELO:
      return judged->helo == NULL || pb_helo_is_literal (judged->helo) ? NULL : judged->helo;
    case PB_FACT_SENDER:
      return sender == NULL || sender->literal || sender->domain == NULL || pb_sender_is_ours (judged)
               ? NULL
               : sender->domain;
    case PB_FACT_DKIM:
    case PB_FACT_DMARC:
    case PB_FACT_NONE:
    case PB_N_FACTS:
      break;
    }
  return NULL;
}

static PbFact *
begin_fact (PbFactKind kind, const char *subject, const PbJudged *judged)
{
  switch (kind)
    {
    case PB_FACT_CLIENT_NAME:
      return pb_fact_new_client (judged->dns, &judged->ip, judged->mailbox);
    case PB_FACT_BLOCKLISTS:
      return pb_fact_new_blocklists (judged->dns, &judged->ip, (PbSnapshot *) judged->snapshot,
                                     judged->blocklists, judged->mailbox);
    case PB_FACT_SPF:
      return pb_fact_new_spf (judged->dns, &judged->ip, subject, judged->helo,
                              judged->snapshot->values.general_hostname, judged->mailbox);
    case PB_FACT_HELO:
    case PB_FACT_SENDER:
    case PB_FACT_DKIM:
    case PB_FACT_DMARC:
    case PB_FACT_NONE:
    case PB_N_FACTS:
      break;
    }
  return pb_fact_new_domain (judged->dns, subject, judged->mailbox);
}

/* Returns: (nullable) (transfer none): begun if it was not yet; the message's own are begun with it. */
static PbFact *
find_fact (PbFactKind kind, const char *subject, const PbJudged *judged)
{
  PbFact *fact;

  if (kind == PB_FACT_DKIM || kind == PB_FACT_DMARC)
    return judged->mail != NULL ? pb_mail_checks_fact (judged->mail, kind) : NULL;
  if (subject == NULL || judged->facts == NULL)
    return NULL;
  fact = (PbFact *) pb_facts_get (judged->facts, kind);
  if (fact != NULL)
    return fact;
  fact = begin_fact (kind, subject, judged);
  if (fact != NULL)
    pb_facts_set (judged->facts, kind, fact);
  return fact;
}

/* Whether @row binds whom it judges; else @spared (out) says why not. */
static gboolean
row_binds (const PbPolicyRow *row, const PbJudged *judged, PbSkips skips, PbFinding *spared)
{
  const PbAccessRule *rule = judged->client.rule;
  gboolean allowed = rule != NULL && rule->whitelist && rule->kind == PB_ACCESS_IP;

  if (row_mode (row, judged) == MODE_OFF)
    *spared = PB_FINDING_NONE;
  else if ((row->flags & PB_POLICY_SPARES_EXEMPT) != 0 && judged->exempt)
    *spared = PB_FINDING_EXEMPT;
  else if (((row->flags & PB_POLICY_SPARES_ALLOWED) != 0 && allowed)
           || (row->skip & (skips | judged->skips | judged->client.skips)) != 0)
    *spared = PB_FINDING_SKIPPED;
  else
    return TRUE;
  return FALSE;
}

gboolean
pb_policy_wants (const PbPolicyRow *rows, guint n_rows, PbFactKind kind, const PbJudged *judged)
{
  PbFinding spared;

  for (guint i = 0; i < n_rows; i++)
    if (rows[i].fact == kind && row_binds (&rows[i], judged, PB_SKIP_NOTHING, &spared))
      return TRUE;
  return FALSE;
}

void
pb_policy_tell_unseen (const PbPolicyRow *rows, guint n_rows, const PbJudged *judged, PbSkips skips,
                       PbTrail *trail)
{
  for (guint i = 0; i < n_rows; i++)
    {
      PbFinding spared;

      if (rows[i].stage != PB_STAGE_END_OF_DATA || rows[i].setting == NULL)
        continue;
      if (row_binds (&rows[i], judged, skips, &spared))
        pb_trail_add (trail, rows[i].stage, rows[i].name, PB_OUTCOME_UNSEEN, PB_REPLY_NONE,
                      PB_TRAIL_NO_RECIPIENT, "depends on the message");
      else if (spared != PB_FINDING_NONE)
        pb_trail_add (trail, rows[i].stage, rows[i].name,
                      spared == PB_FINDING_EXEMPT ? PB_OUTCOME_EXEMPT : PB_OUTCOME_SKIPPED,
                      PB_REPLY_NONE, PB_TRAIL_NO_RECIPIENT, NULL);
    }
}

PbFact *
pb_policy_begin_spf (const PbJudged *judged)
{
  return find_fact (PB_FACT_SPF, spf_subject (judged), judged);
}

void
pb_policy_prefetch (const PbPolicyRow *rows, guint n_rows, PbFactKind kind, const PbJudged *judged)
{
  if (pb_policy_wants (rows, n_rows, kind, judged))
    find_fact (kind, fact_subject (kind, judged), judged);
  if (kind == PB_FACT_SPF && pb_policy_wants (rows, n_rows, PB_FACT_DMARC, judged))
    pb_policy_begin_spf (judged);
}

static PbFinding
ask_row (PbPolicyRun *run, const PbPolicyRow *row, PbDecision *decision)
{
  const PbAccessRule *rule = run->judged.client.rule != NULL ? run->judged.client.rule : run->rule;
  const PbFact *fact;
  PbFinding finding;

  if (!row_binds (row, &run->judged, run->skips, &finding))
    {
      if (finding == PB_FINDING_SKIPPED && rule != NULL)
        decision->evidence = g_strdup_printf ("rule \"%s\" spares it", rule->name);
      return finding;
    }
  fact = find_fact (row->fact, fact_subject (row->fact, &run->judged), &run->judged);
  run->asking = TRUE;
  if (fact != NULL && pb_fact_state (fact) == PB_FACT_WAITING)
    {
      pb_fact_wait ((PbFact *) fact, run->resume, pb_policy_run_suspend (run));
      finding = PB_FINDING_PENDING;
    }
  else
    finding = row->check (&run->judged, decision, run);
  run->asking = FALSE;
  return finding;
}

/* Returns: TRUE when the stage is decided, FALSE when a row has to wait. */
static gboolean
run_rows (PbPolicyRun *run, PbDecision *decision)
{
  while (run->next < run->n_rows)
    {
      const PbPolicyRow *row = &run->rows[run->next];
      PbFinding finding;

      run->next++;
      if (row->stage != run->stage)
        continue;
      *decision = (PbDecision){ 0 };
      finding = ask_row (run, row, decision);
      if (finding == PB_FINDING_PENDING)
        {
          pb_decision_clear (decision);
          return FALSE;
        }
      if (run_take (run, row, finding, decision))
        return TRUE;
    }
  *decision = run->kept;
  run->kept = (PbDecision){ 0 };
  return TRUE;
}

/* Whatever decided, what the AccessList said goes with it. */
static void
run_complete (PbPolicyRun *run, PbDecision *decision)
{
  decision->rule = run->rule;
  decision->skips = run->skips;
  decision->watched = run->watched;
  decision->aside = run->aside;
  if (decision->evidence == NULL)
    decision->evidence = g_steal_pointer (&run->held_for);
  g_clear_pointer (&run->held_for, g_free);
}

/* Asks rows until one decides or has to wait. Returns: FALSE when one has to wait. */
static gboolean
run_ask (PbPolicyRun *run, PbDecision *decision)
{
  if (!run_rows (run, decision))
    return FALSE;
  run_complete (run, decision);
  return TRUE;
}

PbPolicyRun *
pb_policy_run_suspend (PbPolicyRun *run)
{
  g_return_val_if_fail (run->asking, NULL);

  /* A run that waited before lives on the heap already. */
  if (run->heap == NULL)
    {
      run->heap = g_memdup2 (run, sizeof *run);
      run->heap->heap = run->heap;
    }
  return run->heap;
}

const PbJudged *
pb_policy_run_judged (PbPolicyRun *run)
{
  return run->cancelled ? NULL : &run->judged;
}

static void
run_free (PbPolicyRun *run)
{
  pb_decision_clear (&run->kept);
  g_free (run->held_for);
  g_free (run);
}

void
pb_policy_run_cancel (PbPolicyRun *run)
{
  g_return_if_fail (run->heap == run);

  run->cancelled = TRUE;
  if (run->on_cancel != NULL)
    run->on_cancel (run->on_cancel_data);
}

void
pb_policy_run_on_cancel (PbPolicyRun *run, GDestroyNotify func, gpointer user_data)
{
  run->on_cancel = func;
  run->on_cancel_data = user_data;
}

static void
run_finish (PbPolicyRun *run, PbDecision *decided)
{
  run_complete (run, decided);
  run->done (decided, run->user_data);
  pb_decision_clear (decided);
  run_free (run);
}

void
pb_policy_continue (PbPolicyRun *run, PbFinding finding, PbDecision *decision)
{
  PbDecision decided = *decision;

  g_return_if_fail (run->heap == run && !run->asking);
  g_return_if_fail (finding != PB_FINDING_PENDING);

  decision->detail = decision->evidence = NULL;
  run->on_cancel = NULL;
  if (run->cancelled)
    {
      pb_decision_clear (&decided);
      run_free (run);
      return;
    }
  if (!run_take (run, &run->rows[run->next - 1], finding, &decided) && !run_ask (run, &decided))
    return;
  run_finish (run, &decided);
}

/* The fact that the row at hand waited for is there: the row is asked again. */
static void
on_fact_found (gpointer user_data)
{
  PbPolicyRun *run = user_data;
  PbDecision decided = { 0 };

  if (run->cancelled)
    {
      run_free (run);
      return;
    }
  run->next--;
  if (run_ask (run, &decided))
    run_finish (run, &decided);
}

gboolean
pb_policy_judge_rows (const PbPolicyRow *rows, guint n_rows, PbStage stage, const PbJudged *judged,
                      PbTrail *trail, PbDecision *decision, PbPolicyDone done, gpointer user_data,
                      PbPolicyRun **run)
{
  PbPolicyRun first = {
    .rows = rows,
    .n_rows = n_rows,
    .stage = stage,
    .judged = *judged,
    .trail = trail,
    .done = done,
    .user_data = user_data,
    .resume = on_fact_found,
  };

  g_return_val_if_fail (n_rows <= PB_POLICY_MAX_ROWS, TRUE);
  *run = NULL;
  if (run_ask (&first, decision))
    return TRUE;
  g_assert (first.heap != NULL);
  first.heap->asking = FALSE;
  *run = first.heap;
  return FALSE;
}

gboolean
pb_policy_judge (PbStage stage, const PbJudged *judged, PbTrail *trail, PbDecision *decision,
                 PbPolicyDone done, gpointer user_data, PbPolicyRun **run)
{
  guint n_rows;
  const PbPolicyRow *rows = pb_policy_rows (&n_rows);

  return pb_policy_judge_rows (rows, n_rows, stage, judged, trail, decision, done, user_data, run);
}
