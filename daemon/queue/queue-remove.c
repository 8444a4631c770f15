/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Messages removed by the administrator of which the senders are told.
 *
 * Asked by the bus. A few messages at a time: the queue lets go of them, each gets a notice like any that
 * failed, and its end and the notice are one transaction. So a crash leaves a message whole or told of.
 * Whoever wants no notices, or cannot get one since the message is damaged, is not told, and the message
 * goes all the same. All on the main thread.
 */
#include "queue/queue-private.h"
#include "util/counters.h"

#define CHUNK 32 /* notices under way at once */
/* RFC 3463 3.1: undefined: neither address, network nor message is to blame. */
#define STATUS "5.0.0"
#define REASON "removed from the queue by the administrator, it was not delivered"

typedef struct
{
  PbQueue *queue;    /* (owned) */
  PbStoreWalk *walk; /* (owned) */
  const char *state; /* (nullable) (static) */
  char *who;         /* (owned) */
  PbQueueActed func;
  gpointer user_data;
  PbStoreWalked on_walked; /* the steps go round in a circle */
  guint n_done;

  /* of the messages under way */
  guint n_open;
  GArray *silent; /* (owned) (nullable) of guint64: to be removed without a notice */
} Removal;

/* One message of it, with its notice. */
typedef struct
{
  Removal *removal;
  guint64 id;
} Told;

static void
removal_finish (Removal *self, const GError *error)
{
  pb_queue_acted (self->queue);
  pb_queue_log_rest (PB_CHANGE_REMOVE, NULL, self->who, self->n_done);
  self->func (self->n_done, error, self->user_data);
  pb_store_walk_free (self->walk);
  g_clear_pointer (&self->silent, g_array_unref);
  g_free (self->who);
  pb_queue_unref (self->queue);
  g_free (self);
}

static void
removal_step (Removal *self)
{
  g_autoptr (GError) error = NULL;

  if (!self->queue->stopped)
    {
      self->silent = g_array_new (FALSE, FALSE, sizeof (guint64));
      pb_store_walk_next (self->walk, CHUNK, self->queue->parts.main_mailbox, self->on_walked,
                          self);
      return;
    }
  error = pb_queue_stopping_error ();
  removal_finish (self, error);
}

static void
on_silent_removed (GArray *ids, const GError *error, gpointer user_data)
{
  Removal *self = user_data;

  for (guint i = 0; error == NULL && i < ids->len; i++)
    {
      guint64 id = g_array_index (ids, guint64, i);

      pb_queue_tell_acted (self->queue, PB_CHANGE_REMOVE, id, NULL, self->who, self->n_done + i);
      if (!self->queue->closed)
        pb_queue_let_go (self->queue, id);
    }
  if (error != NULL)
    {
      removal_finish (self, error);
      return;
    }
  self->n_done += ids->len;
  removal_step (self);
}

/* All notices of the messages under way are settled: now those that get none. */
static void
close_one (Removal *self)
{
  const PbStoreChange change = { .kind = PB_CHANGE_REMOVE };

  if (--self->n_open > 0)
    return;
  if (self->queue->closed || self->silent->len == 0)
    {
      g_clear_pointer (&self->silent, g_array_unref);
      removal_step (self);
      return;
    }
  pb_store_change (self->queue->parts.store, &change, g_steal_pointer (&self->silent),
                   self->queue->parts.main_mailbox, on_silent_removed, self);
}

static void
on_told (PbNoticeEnd end, gpointer user_data)
{
  Told *told = user_data;
  Removal *self = told->removal;

  switch (end)
    {
    case PB_NOTICE_SETTLED:
      pb_queue_tell_acted (self->queue, PB_CHANGE_REMOVE, told->id, NULL, self->who,
                           self->n_done++);
      break;
    case PB_NOTICE_UNREADABLE:
      g_array_append_val (self->silent, told->id);
      break;
    case PB_NOTICE_GONE:
      break;
    }
  g_free (told);
  close_one (self);
}

static PbRecipientStatus
failed_row (const PbRecipientStatus *status)
{
  PbRecipientStatus row = { .recipient = status->recipient,
                            .state = PB_RECIPIENT_FAILED,
                            .attempts = status->attempts };

  return row;
}

static gboolean
anyone_wants_to_know (const PbQueued *queued)
{
  for (guint i = 0; i < queued->n_statuses; i++)
    if (pb_notice_is_wanted (queued->envelope, queued->statuses[i].recipient, PB_DSN_FAILED))
      return TRUE;
  return FALSE;
}

/* The recipients who want no notice end with the same mark, but are not spoken of. */
static void
tell (Removal *self, const PbQueued *queued)
{
  PbQueue *queue = self->queue;
  PbQueueMessage *message = pb_queue_message_ensure (queue, queued->envelope);
  PbNotice *notice = pb_notice_new (queue, message, NULL, PB_DSN_FAILED);
  PbResult result = { .kind = PB_RESULT_FAILED, .status = STATUS, .reply = (char *) REASON };
  Told *told = g_new (Told, 1);

  *told = (Told){ self, queued->envelope->id };
  self->n_open++;
  for (guint i = 0; i < queued->n_statuses; i++)
    {
      PbRecipientStatus row = failed_row (&queued->statuses[i]);

      if (pb_notice_is_wanted (queued->envelope, row.recipient, PB_DSN_FAILED))
        {
          pb_counter_add (PB_COUNTER_BOUNCED, 1);
          pb_notice_add (notice, row.recipient, &row, &result);
        }
      else
        pb_notice_mark (notice, &row);
    }
  pb_notice_send_and_tell (notice, on_told, told);
}

static void
on_paged (GPtrArray *page, guint total, const GError *error, gpointer user_data)
{
  Removal *self = user_data;
  g_autoptr (GPtrArray) queued = page;

  if (error != NULL)
    {
      removal_finish (self, error);
      return;
    }
  /* One more, so that none of them ends the round. */
  self->n_open = 1;
  for (guint i = 0; !self->queue->closed && i < queued->len; i++)
    {
      const PbQueued *one = queued->pdata[i];

      pb_queue_let_go (self->queue, one->envelope->id);
      if (anyone_wants_to_know (one))
        tell (self, one);
      else
        g_array_append_val (self->silent, one->envelope->id);
    }
  close_one (self);
}

static void
on_walked (GArray *ids, const GError *error, gpointer user_data)
{
  Removal *self = user_data;
  g_autoptr (GArray) found = ids;
  PbQueueFilter *filter;

  if (error != NULL || found->len == 0 || self->queue->closed)
    {
      g_autoptr (GError) stopping = error == NULL && found->len > 0 ? pb_queue_stopping_error () : NULL;

      removal_finish (self, error != NULL ? error : stopping);
      return;
    }
  filter = g_new0 (PbQueueFilter, 1);
  filter->n_ids = found->len;
  filter->ids = g_memdup2 (found->data, found->len * sizeof (guint64));
  filter->state = self->state;
  pb_store_page (self->queue->parts.store, filter, 0, CHUNK, self->queue->parts.main_mailbox,
                 on_paged, self);
}

void
pb_queue_remove_and_tell (PbQueue *self, PbQueueFilter *filter, const char *who, PbQueueActed func,
                          gpointer user_data)
{
  Removal *removal = g_new0 (Removal, 1);

  removal->queue = pb_queue_ref (self);
  removal->state = filter != NULL ? filter->state : NULL;
  removal->who = g_strdup (who);
  removal->func = func;
  removal->user_data = user_data;
  removal->on_walked = on_walked;
  removal->walk =
    pb_store_walk_new (self->parts.store, filter, pb_store_next_id (self->parts.store));
  removal_step (removal);
}
