/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What became of an attempt: marks that ride with the next batch, and the DSN that goes in with them.
 *
 * Called by the queue. A settlement is never lost for want of space: it is tried again until it is
 * written or the store has failed. If a DSN's own file cannot be made, the recipients it would tell of
 * stay as they were and come back with the next claim; all other marks are kept. A settlement belongs to
 * the store from the call on.
 */
#include "store/spool-private.h"
#include "store/store-private.h"

#include "util/log.h"
#include <string.h>

void
pb_settlement_free (PbSettlement *self)
{
  if (self == NULL)
    return;
  for (guint i = 0; i < self->n_statuses; i++)
    pb_recipient_status_clear (&self->statuses[i]);
  g_free (self->statuses);
  g_clear_pointer (&self->dsn, pb_envelope_unref);
  g_clear_pointer (&self->dsn_body, pb_spool_abort);
  g_free (self);
}

/* Whether all that it tells of has ended by marks that came first: removed by hand, or told of by another notice. */
static gboolean
is_overtaken (const PbSettlement *self, const PbStatusSet *set)
{
  if (self->dsn == NULL || self->n_statuses == 0)
    return FALSE;
  for (guint i = 0; i < self->n_statuses; i++)
    {
      guint recipient = self->statuses[i].recipient;

      if (recipient < set->n && !pb_recipient_state_is_done (set->all[recipient].state))
        return FALSE;
    }
  return TRUE;
}

static gboolean
run_settlement (PbWriteJob *job, gpointer owner, PbDatabase *database, GError **error)
{
  PbSubmission *self = (PbSubmission *) job;
  PbTouched *touched = pb_batch_touch (self->store, database, self->settlement->id, error);

  if (touched == NULL)
    return FALSE;
  if (is_overtaken (self->settlement, touched->set))
    {
      g_set_error_literal (error, PB_STORE_ERROR, PB_STORE_ERROR_NOT_FOUND,
                           "the recipients are not in the queue any more");
      return FALSE;
    }
  if (self->envelope != NULL && !pb_submission_insert (self, database, error))
    return FALSE;
  for (guint i = 0; i < self->settlement->n_statuses; i++)
    {
      const PbRecipientStatus *status = &self->settlement->statuses[i];

      /* Without its DSN a failure is not told, so it has not happened yet. */
      if (self->error == NULL || status->state != PB_RECIPIENT_FAILED)
        pb_status_set_apply (touched->set, status);
    }
  return TRUE;
}

static void
on_settlement_done (PbWriteJob *job, gpointer owner, const GError *error, PbReplies *replies)
{
  PbSubmission *self = (PbSubmission *) job;

  if (error != NULL && !g_error_matches (error, PB_STORE_ERROR, PB_STORE_ERROR_NOT_FOUND))
    pb_log (PB_LOG_ERROR, "delivery marks lost, recipients may get the message again", "reason",
            error->message, NULL);
  pb_submission_answer (self, error, replies);
}

static const PbWriteOps settlement_ops = { run_settlement, on_settlement_done, TRUE, TRUE };

static void
push_settlement (PbSubmission *self)
{
  self->job.ops = &settlement_ops;
  pb_writer_push (self->store->writer, &self->job);
}

static void
on_dsn_body_safe (PbBody *body, const guint8 digest[PB_DIGEST_SIZE], const GError *error,
                  gpointer user_data)
{
  PbSubmission *self = user_data;
  PbClaims *claims = self->store->claims;
  guint64 id = self->settlement->id;

  if (error != NULL)
    self->error = g_error_copy (error);
  else
    {
      self->envelope = pb_envelope_ref (self->settlement->dsn);
      self->body = body;
      if (self->envelope->head != NULL)
        pb_body_add_head (body, self->envelope->head);
    }
  if (digest != NULL)
    memcpy (self->digest, digest, sizeof self->digest);
  /* The writer has it from here on, and every claim comes behind it. */
  push_settlement (self);
  pb_claims_settled (claims, id);
}

void
pb_store_settle (PbStore *self, PbSettlement *settlement, PbMailbox *reply_to,
                 PbStoreSubmitted func, gpointer user_data)
{
  PbSubmission *submission = pb_submission_new (self, reply_to, func, user_data);

  submission->settlement = settlement;
  pb_claims_exclude (self->claims, &settlement->id, 1);
  if (settlement->dsn == NULL || settlement->dsn_body == NULL)
    {
      push_settlement (submission);
      return;
    }
  pb_claims_settling (self->claims, settlement->id);
  pb_spool_finish (g_steal_pointer (&settlement->dsn_body), settlement->dsn->id_text,
                   on_dsn_body_safe, submission);
}

/* ---- quarantine ---- */

typedef struct
{
  PbWriteJob job; /* first */
  guint64 id;
  char *reason; /* (owned) */
} Quarantine;

static gboolean
run_quarantine (PbWriteJob *job, gpointer owner, PbDatabase *database, GError **error)
{
  Quarantine *self = (Quarantine *) job;
  PbTouched *touched = pb_batch_touch (owner, database, self->id, error);

  if (touched == NULL)
    return FALSE;
  pb_status_set_quarantine (touched->set, self->reason);
  return TRUE;
}

static void
on_quarantine_done (PbWriteJob *job, gpointer owner, const GError *error, PbReplies *replies)
{
  Quarantine *self = (Quarantine *) job;

  g_free (self->reason);
  g_free (self);
}

static const PbWriteOps quarantine_ops = { run_quarantine, on_quarantine_done, TRUE, TRUE };

void
pb_store_quarantine (PbStore *self, guint64 id, const char *reason)
{
  Quarantine *quarantine = g_new0 (Quarantine, 1);
  char id_text[PB_QUEUE_ID_TEXT];

  pb_log (PB_LOG_ERROR, "message quarantined", "queue-id", pb_queue_id_format (id, id_text), "reason",
          reason, NULL);
  quarantine->job.ops = &quarantine_ops;
  quarantine->id = id;
  quarantine->reason = g_strdup (reason);
  pb_writer_push (self->writer, &quarantine->job);
}
