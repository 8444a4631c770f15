/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Mail that is in the store and not in memory: read when it is due soon and there is room. That is what
 * a start finds, what was deferred for long, and what came in while memory was full. While everything
 * is in memory, which the store's counts tell, nothing is asked. All on the main thread.
 */
#include "queue/queue-private.h"
#include "util/log.h"

#define CLAIM_EVERY 20 /* seconds; well within the horizon */
#define RETRY_AFTER 5

static GArray *
held_ids (PbQueue *self)
{
  guint n = g_hash_table_size (self->messages);
  GArray *ids = g_array_sized_new (FALSE, FALSE, sizeof (guint64), n);
  GHashTableIter iter;
  gpointer key;

  g_hash_table_iter_init (&iter, self->messages);
  while (g_hash_table_iter_next (&iter, &key, NULL))
    g_array_append_vals (ids, key, 1);
  return ids;
}

static gboolean
store_may_have_more (PbQueue *self)
{
  PbQueueCounts counts;

  pb_store_counts (self->parts.store, &counts);
  return counts.active + counts.deferred > g_hash_table_size (self->messages);
}

static void
on_claimed (GPtrArray *queued, gboolean more, const GError *error, gpointer user_data)
{
  PbQueue *self = user_data;
  gboolean waking = self->wake_budget > 0;
  g_autoptr (GPtrArray) owned = queued;

  self->claiming = FALSE;
  self->store_has_more |= error == NULL && more;
  self->next_claim = pb_queue_now () + (error == NULL ? CLAIM_EVERY : RETRY_AFTER);
  if (error != NULL)
    pb_log (PB_LOG_WARNING, "claim-failed", "reason", error->message, NULL);
  for (guint i = 0; error == NULL && !self->stopped && i < queued->len; i++)
    {
      PbQueued *one = queued->pdata[i];

      if (!pb_queue_take (self, one->envelope, NULL, one->statuses, one->n_statuses))
        self->store_has_more = TRUE;
      if (self->wake_budget > 0)
        self->wake_budget--;
    }
  if (!more)
    self->wake_budget = 0;
  if (waking && !self->stopped)
    pb_scheduler_wake (self->scheduler, NULL, pb_queue_now ());
  pb_queue_pump (self);
  pb_queue_unref (self);
}

void
pb_queue_claim (PbQueue *self)
{
  gint64 now = pb_queue_now ();

  self->next_claim = now + CLAIM_EVERY;
  if (self->claiming || self->stopped || !self->started || self->n_held > PB_QUEUE_MAX_HELD / 2)
    return;
  if (!store_may_have_more (self))
    {
      self->store_has_more = FALSE;
      self->wake_budget = 0;
      return;
    }
  self->claiming = TRUE;
  self->store_has_more = FALSE;
  pb_store_claim (self->parts.store, self->wake_budget > 0 ? G_MAXINT64 : now + PB_QUEUE_HORIZON,
                  PB_QUEUE_MAX_HELD - self->n_held, held_ids (self), self->parts.main_mailbox, on_claimed, pb_queue_ref (self));
}

void
pb_queue_wake (PbQueue *self)
{
  PbQueueCounts counts;

  if (!self->started || self->stopped)
    return;
  pb_store_counts (self->parts.store, &counts);
  /* So many at most: what is deferred again meanwhile must not come round in a circle. */
  self->wake_budget = counts.active + counts.deferred;
  pb_scheduler_wake (self->scheduler, NULL, pb_queue_now ());
  pb_queue_claim (self);
  pb_queue_pump (self);
}
