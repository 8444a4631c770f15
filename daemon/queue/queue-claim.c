/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Mail that is in the store and not in memory: read when it is due soon and there is room. That is what
 * a start finds, what was deferred for long, and what came in while memory was full. While everything
 * is in memory, which the store's counts tell, nothing is asked. Of a message that is partly in memory the
 * rest comes when it is due, so that no recipient waits for an attempt at another. All on the main thread.
 */
#include "queue/queue-private.h"
#include "util/log.h"

#define CLAIM_EVERY 20 /* seconds; well within the horizon */
#define RETRY_AFTER 5
#define TOLD_WITHIN 60 /* seconds: by then a submitter has told of its message */

/* Of messages of which the store has nothing that is due by @until. */
static GArray *
held_ids (PbQueue *self, gint64 until)
{
  guint n = g_hash_table_size (self->messages);
  GArray *ids = g_array_sized_new (FALSE, FALSE, sizeof (guint64), n);
  GHashTableIter iter;
  gpointer key, message;

  g_hash_table_iter_init (&iter, self->messages);
  while (g_hash_table_iter_next (&iter, &key, &message))
    if (((const PbQueueMessage *) message)->elsewhere > until || self->n_parted == 0)
      g_array_append_vals (ids, key, 1);
  return ids;
}

static gboolean
store_may_have_more (PbQueue *self)
{
  PbQueueCounts counts;

  pb_store_counts (self->parts.store, &counts);
  return self->n_parted > 0 || counts.active + counts.deferred > g_hash_table_size (self->messages);
}

/*
 * A message of this run that was never put off and is young may be one whose submitter has not yet told us
 * of it: taken here it could be delivered, forgotten and then taken up again. It comes with a later claim.
 */
static gboolean
may_still_be_told (PbQueue *self, const PbQueued *queued)
{
  if (queued->envelope->id < self->first_id || g_atomic_int_get (&self->n_submitting) == 0
      || queued->envelope->arrival / G_USEC_PER_SEC + TOLD_WITHIN < pb_queue_now ())
    return FALSE;
  for (guint i = 0; i < queued->n_statuses; i++)
    {
      /* Tried, or put off because its destination rests. */
      if (pb_recipient_status_is_deferred (&queued->statuses[i]))
        return FALSE;
      /* Changed by hand: what was not told by then is known. */
      if (queued->statuses[i].by_hand != 0)
        return g_hash_table_contains (self->untold, &queued->envelope->id);
    }
  return TRUE;
}

static void
take_claimed (PbQueue *self, GPtrArray *queued, gint64 until)
{
  for (guint i = 0; i < queued->len; i++)
    {
      PbQueued *one = queued->pdata[i];

      if (may_still_be_told (self, one) || pb_queue_is_unsettled (self, one->envelope->id))
        self->next_claim = pb_queue_now () + RETRY_AFTER;
      else if (!pb_queue_take (self, one->envelope, NULL, one->target, one->statuses,
                              one->n_statuses, until))
        self->store_has_more = TRUE;
      if (self->claim_is_wake && self->wake_budget > 0)
        self->wake_budget--;
    }
}

static void
on_claimed (GPtrArray *claimed, gboolean more, const GError *error, gpointer user_data)
{
  PbQueue *self = user_data;
  g_autoptr (GPtrArray) queued = claimed;
  gint64 now = pb_queue_now ();

  self->claiming = FALSE;
  if (error != NULL)
    {
      pb_log (PB_LOG_WARNING, "claim-failed", "reason", error->message, NULL);
      self->next_claim = now + RETRY_AFTER;
    }
  else if (!self->stopped)
    {
      take_claimed (self, queued, self->claim_is_wake ? G_MAXINT64 : now + PB_QUEUE_HORIZON);
      self->store_has_more |= more;
      if (self->claim_is_wake)
        pb_scheduler_wake (self->scheduler, NULL, now);
      if (self->claim_is_wake && !more)
        self->wake_budget = 0;
      if (self->wake_budget > 0)
        pb_queue_claim (self);
    }
  pb_queue_pump (self);
  pb_queue_unref (self);
}

void
pb_queue_claim (PbQueue *self)
{
  gint64 now = pb_queue_now (), until;

  self->next_claim = now + CLAIM_EVERY;
  if (self->claiming || !pb_queue_may_start (self) || self->n_held > PB_QUEUE_MAX_CROWD / 2)
    return;
  if (!store_may_have_more (self))
    {
      self->store_has_more = FALSE;
      self->wake_budget = 0;
      return;
    }
  self->claiming = TRUE;
  self->claim_is_wake = self->wake_budget > 0;
  self->store_has_more = FALSE;
  until = self->claim_is_wake ? G_MAXINT64 - 1 : now + PB_QUEUE_HORIZON;
  pb_store_claim (self->parts.store, until, PB_QUEUE_MAX_CROWD - self->n_held, held_ids (self, until),
                  self->parts.main_mailbox,
                  on_claimed, pb_queue_ref (self));
}

void
pb_queue_wake (PbQueue *self)
{
  PbQueueCounts counts;

  if (!pb_queue_may_start (self))
    return;
  pb_store_counts (self->parts.store, &counts);
  /* So many at most: what is deferred again meanwhile must not come round in a circle. */
  self->wake_budget = counts.active + counts.deferred;
  pb_scheduler_wake (self->scheduler, NULL, pb_queue_now ());
  pb_queue_claim (self);
  pb_queue_pump (self);
}
