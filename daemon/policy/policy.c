/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Runs the table of checks over one stage. Called by the session at connect, HELO, MAIL, RCPT and
 * the end of data, on the reactor's thread. A stage that no check has to wait for costs no
 * allocation: the run lives on the stack until a check suspends it. A suspended run is freed by
 * pb_policy_continue(), which its check calls exactly once, also after pb_policy_run_cancel(); so
 * neither the check's answer nor the session's end can come too late for the other.
 */
#include "policy/policy.h"

struct _PbPolicyRun
{
  const PbPolicyRow *rows;
  guint n_rows;
  guint next; /* the row to be asked next */
  PbStage stage;
  PbJudged judged;
  GArray *trail;     /* (not owned) (nullable) */
  PbVerdict kept;    /* (owned) the first DEFER, should nobody reject */
  PbPolicyRun *heap; /* (nullable) where a check suspended this run to */
  PbPolicyDone done;
  gpointer user_data;
  gboolean cancelled;
  gboolean asking; /* a row's check is on the stack */
};

void
pb_verdict_clear (PbVerdict *self)
{
  g_clear_pointer (&self->detail, g_free);
}

static void
trail_add (PbPolicyRun *run, const PbPolicyRow *row, PbOutcome outcome, PbReplyId reply)
{
  PbTrailLine line = { row->name, row->stage, outcome, reply };

  if (run->trail != NULL)
    g_array_append_val (run->trail, line);
}

/* Takes in one row's opinion. Returns: TRUE when it decides the stage; @verdict is then final. */
static gboolean
run_take (PbPolicyRun *run, const PbPolicyRow *row, PbOutcome outcome, PbVerdict *verdict)
{
  verdict->outcome = outcome;
  verdict->check = row->name;
  switch (outcome)
    {
    case PB_OUTCOME_NONE:
      pb_verdict_clear (verdict);
      return FALSE;
    case PB_OUTCOME_DEFER:
      trail_add (run, row, outcome, verdict->reply);
      if (run->kept.check == NULL)
        {
          run->kept = *verdict;
          verdict->detail = NULL;
        }
      pb_verdict_clear (verdict);
      return FALSE;
    case PB_OUTCOME_ACCEPT:
      trail_add (run, row, outcome, PB_REPLY_NONE);
      pb_verdict_clear (verdict);
      if (run->kept.check == NULL)
        return TRUE;
      /* Taken by this row, but trouble came before: the client tries again and is asked anew. */
      *verdict = run->kept;
      run->kept = (PbVerdict){ 0 };
      return TRUE;
    case PB_OUTCOME_REJECT:
      trail_add (run, row, outcome, verdict->reply);
      pb_verdict_clear (&run->kept);
      return TRUE;
    case PB_OUTCOME_PENDING:
      break;
    }
  g_assert_not_reached ();
}

/* Asks rows until one decides or has to wait. Returns: FALSE when one has to wait. */
static gboolean
run_ask (PbPolicyRun *run, PbVerdict *verdict)
{
  while (run->next < run->n_rows)
    {
      const PbPolicyRow *row = &run->rows[run->next];
      PbOutcome outcome;

      run->next++;
      if (row->stage != run->stage)
        continue;
      *verdict = (PbVerdict){ 0 };
      run->asking = TRUE;
      outcome = row->check (&run->judged, verdict, run);
      run->asking = FALSE;
      if (outcome == PB_OUTCOME_PENDING)
        {
          pb_verdict_clear (verdict);
          return FALSE;
        }
      if (run_take (run, row, outcome, verdict))
        return TRUE;
    }
  *verdict = run->kept;
  run->kept = (PbVerdict){ 0 };
  if (verdict->check == NULL)
    verdict->outcome = PB_OUTCOME_ACCEPT;
  return TRUE;
}

gboolean
pb_policy_judge_rows (const PbPolicyRow *rows, guint n_rows, PbStage stage, const PbJudged *judged,
                      GArray *trail, PbVerdict *verdict, PbPolicyDone done, gpointer user_data,
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
  };

  *run = NULL;
  if (run_ask (&first, verdict))
    return TRUE;
  g_assert (first.heap != NULL);
  first.heap->asking = FALSE;
  *run = first.heap;
  return FALSE;
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
  pb_verdict_clear (&run->kept);
  g_free (run);
}

void
pb_policy_run_cancel (PbPolicyRun *run)
{
  g_return_if_fail (run->heap == run);

  run->cancelled = TRUE;
}

void
pb_policy_continue (PbPolicyRun *run, PbOutcome outcome, PbVerdict *verdict)
{
  PbVerdict decided = *verdict;

  g_return_if_fail (run->heap == run && !run->asking);
  g_return_if_fail (outcome != PB_OUTCOME_PENDING);

  verdict->detail = NULL;
  if (run->cancelled)
    {
      pb_verdict_clear (&decided);
      run_free (run);
      return;
    }
  if (!run_take (run, &run->rows[run->next - 1], outcome, &decided) && !run_ask (run, &decided))
    return;
  run->done (&decided, run->user_data);
  pb_verdict_clear (&decided);
  run_free (run);
}

gboolean
pb_policy_judge (PbStage stage, const PbJudged *judged, GArray *trail, PbVerdict *verdict,
                 PbPolicyDone done, gpointer user_data, PbPolicyRun **run)
{
  guint n_rows;
  const PbPolicyRow *rows = pb_policy_rows (&n_rows);

  return pb_policy_judge_rows (rows, n_rows, stage, judged, trail, verdict, done, user_data, run);
}
