/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Explains what would be done with mail: the stages from the connection to a recipient, run through the
 * policy's machine and its table just as a session does, with nothing counted and nobody told. Called by
 * the bus's Diagnostics, on the main thread. What the DNS is asked is begun all at once, so that an
 * explanation takes no longer than its slowest question.
 */
#include "policy/explain.h"

struct _PbExplain
{
  PbJudged judged; /* holds a reference on the snapshot */
  PbSnapshot *snapshot; /* (owned) */
  PbTrail *trail;  /* (owned) */
  PbFacts facts;
  PbPolicyRun *run; /* (nullable) pending */
  guint stage;     /* index in stages[] of the one under way */
  guint n_stages;
  PbPolicyDone on_judged; /* goes on behind a stage that had to wait */
  PbExplained done;
  gpointer user_data;
};

/* The one that has only checks of a whole message is left out. */
static const PbStage stages[] = { PB_STAGE_CONNECT, PB_STAGE_HELO, PB_STAGE_MAIL, PB_STAGE_RCPT };

static void
explain_free (PbExplain *self)
{
  pb_facts_clear (&self->facts);
  pb_trail_unref (self->trail);
  pb_snapshot_unref (self->snapshot);
  g_free (self);
}

static void
finish (PbExplain *self, const PbDecision *decision)
{
  self->done (decision, self->trail, self->user_data);
  explain_free (self);
}

/* Takes in what a stage has decided. Returns: TRUE when all is said, and @self is gone. */
static gboolean
take_decision (PbExplain *self, const PbDecision *decision)
{
  gboolean at_rcpt = stages[self->stage] == PB_STAGE_RCPT;
  guint n_rows;
  const PbPolicyRow *rows = pb_policy_rows (&n_rows);

  self->stage++;
  if (decision->kind == PB_DECISION_ACCEPT && self->stage < self->n_stages)
    return FALSE;
  if (decision->kind == PB_DECISION_ACCEPT && at_rcpt)
    pb_policy_tell_unseen (rows, n_rows, &self->judged, decision->skips, self->trail);
  finish (self, decision);
  return TRUE;
}

/* Returns: TRUE when all is said, and @self is gone. */
static gboolean
run_stages (PbExplain *self)
{
  gboolean ended = FALSE;

  while (!ended)
    {
      g_auto (PbDecision) decision = { 0 };
      PbStage stage = stages[self->stage];

      self->judged.recipient_index = stage == PB_STAGE_RCPT ? 0 : PB_TRAIL_NO_RECIPIENT;
      if (!pb_policy_judge (stage, &self->judged, self->trail, &decision, self->on_judged, self,
                            &self->run))
        return FALSE;
      ended = take_decision (self, &decision);
    }
  return TRUE;
}

static void
on_judged (PbDecision *decision, gpointer user_data)
{
  PbExplain *self = user_data;

  self->run = NULL;
  if (!take_decision (self, decision))
    run_stages (self);
}

static void
fill_in (PbExplain *self, const PbExplainInput *input, PbMailbox *mailbox)
{
  PbJudged *judged = &self->judged;

  judged->snapshot = self->snapshot;
  judged->ip = input->ip;
  judged->exempt_unasked = pb_snapshot_is_exempt_unasked (self->snapshot, &input->ip, 0);
  judged->exempt = judged->exempt_unasked || input->login != NULL;
  judged->helo = input->helo;
  judged->login = input->login;
  judged->account_id = input->account_id;
  judged->sender = input->sender;
  judged->recipient = input->recipient;
  judged->source_route = input->source_route;
  judged->our_literal = input->our_literal;
  judged->blocked_until = input->blocked_until;
  judged->connections = input->connections;
  judged->connection_rate = input->connection_rate;
  judged->message_rate = input->message_rate;
  judged->now = input->now;
  judged->dns = input->dns;
  judged->blocklists = input->blocklists;
  judged->facts = &self->facts;
  judged->mailbox = mailbox;
  pb_snapshot_match_client (self->snapshot, &input->ip, input->now, &judged->client);
}

PbExplain *
pb_explain_start (const PbExplainInput *input, PbMailbox *mailbox, PbExplained done,
                  gpointer user_data)
{
  PbExplain *self = g_new0 (PbExplain, 1);
  guint n_rows;
  const PbPolicyRow *rows = pb_policy_rows (&n_rows);

  self->snapshot = pb_snapshot_ref (input->snapshot);
  self->trail = pb_trail_new ();
  self->n_stages = !input->has_sender ? 2 : input->recipient == NULL ? 3 : 4;
  self->on_judged = on_judged;
  self->done = done;
  self->user_data = user_data;
  fill_in (self, input, mailbox);
  for (guint kind = PB_FACT_NONE + 1; kind < PB_N_FACTS && input->recipient != NULL; kind++)
    pb_policy_prefetch (rows, n_rows, kind, &self->judged);
  return run_stages (self) ? NULL : self;
}

void
pb_explain_cancel (PbExplain *self)
{
  g_clear_pointer (&self->run, pb_policy_run_cancel);
  explain_free (self);
}
