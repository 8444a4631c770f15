/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A recipient that became an alias while its mail waited: the message is queued anew for the alias's
 * targets, in one transaction with the mark that ends the old recipient. The body is copied block by
 * block by the queue's worker. If anything fails the old recipient simply waits in the store and is tried
 * again. Like a notice, a forwarding holds its recipients in memory until it is settled. Main thread.
 */
#include "queue/queue-private.h"
#include "util/log.h"
#include <string.h>

#define BLOCK (256 * 1024)

typedef struct
{
  PbQueue *queue;       /* (owned) */
  PbQueueItem *item;    /* (owned) out of the scheduler */
  PbSnapshot *snapshot; /* (owned) */
  PbBody *body;         /* (owned) (nullable) */
  PbSpool *spool;       /* (owned) (nullable) */
  guint64 offset;
  guint8 *block; /* (owned) (nullable) */
  gssize length;
  PbMailFunc on_block; /* what follows a read: the steps go round in a circle */
} Forwarding;

/* Ends it; what was not settled is the store's, to be claimed again. */
static void
forwarding_finish (Forwarding *self)
{
  PbQueue *queue = self->queue;

  pb_queue_item_free (self->item);
  pb_snapshot_unref (self->snapshot);
  g_clear_pointer (&self->body, pb_body_unref);
  g_clear_pointer (&self->spool, pb_spool_abort);
  g_free (self->block);
  g_free (self);
  queue->n_under_way--;
  pb_queue_unref (queue);
}

/* Whether the sender is told that the alias at @position led to several (RFC 3461 5.2.7.3 (b)). */
static gboolean
is_told_expanded (const Forwarding *self, guint position)
{
  const PbEnvelope *envelope = self->item->message->envelope;
  guint recipient = self->item->recipients[position].recipient;
  g_autoptr (GPtrArray) targets = NULL;

  if (!pb_notice_is_wanted (envelope, recipient, PB_DSN_EXPANDED))
    return FALSE;
  targets = pb_snapshot_expand (self->snapshot, envelope->recipients[recipient].address);
  return targets != NULL && targets->len > 1;
}

/* What is left to be told of the alias's targets. */
static PbNotify
without_success (PbNotify notify)
{
  notify &= ~PB_NOTIFY_SUCCESS;
  return notify != PB_NOTIFY_UNSAID ? notify : PB_NOTIFY_NEVER;
}

/* Told when the message is whole again and about to be made safe: after a crash or a failure between the two
 * the sender hears it twice or not, the mail goes on once. */
static void
tell_expanded (Forwarding *self)
{
  static const PbResult expanded = { .kind = PB_RESULT_DELIVERED, .status = "2.0.0" };
  PbNotice *notice = NULL;

  for (guint i = 0; i < self->item->n_recipients; i++)
    {
      if (!is_told_expanded (self, i))
        continue;
      if (notice == NULL)
        notice =
          pb_notice_new (self->queue, self->item->message, self->item->message->body, PB_DSN_EXPANDED);
      pb_notice_add (notice, self->item->recipients[i].recipient, NULL, &expanded);
    }
  if (notice != NULL)
    pb_notice_send (notice);
}

static PbEnvelope *
make_envelope (Forwarding *self)
{
  const PbEnvelope *from = self->item->message->envelope;
  PbEnvelope *envelope = pb_envelope_new (pb_store_next_id (self->queue->parts.store));

  envelope->sender = g_strdup (from->sender);
  /* Whoever was to get a copy got it when the message came. */
  envelope->flags = from->flags | PB_ENVELOPE_COPIED;
  envelope->ret = from->ret;
  envelope->envid = g_strdup (from->envid);
  envelope->arrival = from->arrival;
  envelope->size = from->size;
  envelope->client = g_strdup (from->client);
  envelope->helo = g_strdup (from->helo);
  envelope->login = g_strdup (from->login);
  envelope->message_id = g_strdup (from->message_id);
  envelope->n_recipients = self->item->n_recipients;
  envelope->recipients = g_new0 (PbRecipient, envelope->n_recipients);
  for (guint i = 0; i < envelope->n_recipients; i++)
    {
      const PbRecipient *recipient = &from->recipients[self->item->recipients[i].recipient];

      envelope->recipients[i] =
        (PbRecipient){ g_strdup (recipient->address), g_strdup (recipient->orcpt),
                       is_told_expanded (self, i) ? without_success (recipient->notify)
                                                  : recipient->notify };
    }
  pb_queue_expand (envelope, self->snapshot);
  return envelope;
}

/* The old row ends as "failed", which the store marks only if the new message is safe. */
static PbSettlement *
make_settlement (Forwarding *self)
{
  PbSettlement *settlement = g_new0 (PbSettlement, 1);
  const PbQueueItem *item = self->item;

  settlement->id = item->message->envelope->id;
  settlement->n_statuses = item->n_recipients;
  settlement->statuses = g_new0 (PbRecipientStatus, item->n_recipients);
  for (guint i = 0; i < item->n_recipients; i++)
    settlement->statuses[i] = (PbRecipientStatus){ .recipient = item->recipients[i].recipient,
                                                   .state = PB_RECIPIENT_FAILED,
                                                   .attempts = item->recipients[i].attempts };
  settlement->dsn = make_envelope (self);
  settlement->dsn_body = g_steal_pointer (&self->spool);
  return settlement;
}

static void
on_settled (PbEnvelope *envelope, PbBody *body, const GError *error, gpointer user_data)
{
  PbQueue *queue = user_data;

  /* Removed by hand meanwhile, or on its way already. */
  if (error != NULL && !g_error_matches (error, PB_STORE_ERROR, PB_STORE_ERROR_NOT_FOUND))
    pb_log (PB_LOG_ERROR, "forwarding-failed", "reason", error->message, NULL);
  else if (error == NULL)
    pb_queue_take_new (queue, envelope, body);
  queue->n_under_way--;
  pb_queue_unref (queue);
}

/* A line for each old recipient; the new ones have theirs when they are delivered, with where they came from. */
static void
log_forwarded (Forwarding *self, const PbEnvelope *as)
{
  const PbEnvelope *from = self->item->message->envelope;

  for (guint i = 0; i < self->item->n_recipients; i++)
    pb_log (PB_LOG_INFO, "forwarded", "queue-id", from->id_text, "as", as->id_text, "from",
            from->sender[0] != '\0' ? from->sender : "<>", "to",
            from->recipients[self->item->recipients[i].recipient].address, NULL);
}

static void
forwarding_settle (Forwarding *self)
{
  PbQueue *queue = self->queue;
  PbSettlement *settlement = make_settlement (self);

  tell_expanded (self);
  log_forwarded (self, settlement->dsn);
  pb_queue_record_forwarded (queue, self->item, settlement->dsn);
  queue->n_under_way++;
  pb_store_settle (queue->parts.store, settlement, queue->parts.main_mailbox, on_settled,
                   pb_queue_ref (queue));
  forwarding_finish (self);
}

/* On the worker. */
static void
read_block (gpointer data)
{
  Forwarding *self = data;

  self->block = g_try_malloc (BLOCK);
  self->length =
    self->block != NULL ? pb_body_read (self->body, self->offset, self->block, BLOCK, NULL) : -1;
}

static void
read_next (Forwarding *self)
{
  pb_pool_run (self->queue->worker, read_block, self->queue->parts.main_mailbox, self->on_block,
               self);
}

static void
on_disk_ready (gpointer data)
{
  Forwarding *self = data;

  g_queue_remove (&self->queue->stalled, self);
  read_next (self);
}

static void
on_block (gpointer data)
{
  Forwarding *self = data;

  if (self->queue->closed || self->length <= 0)
    {
      if (!self->queue->closed)
        pb_log (PB_LOG_WARNING, "forwarding-failed", "queue-id",
                self->item->message->envelope->id_text, "reason", "the message cannot be read",
                NULL);
      forwarding_finish (self);
      return;
    }
  g_byte_array_append (pb_spool_buffer (self->spool), self->block, (guint) self->length);
  g_clear_pointer (&self->block, g_free);
  self->offset += (guint64) self->length;
  if (self->offset >= pb_body_size (self->body))
    forwarding_settle (self);
  else if (pb_spool_flush (self->spool, self->queue->parts.main_mailbox, on_disk_ready, self))
    read_next (self);
  else
    g_queue_push_tail (&self->queue->stalled, self);
}

static void
forwarding_start (Forwarding *self)
{
  self->spool = pb_spool_new (self->queue->parts.store);
  self->on_block = on_block;
  read_next (self);
}

static void
on_body_read (PbBody *body, const GError *error, gpointer user_data)
{
  Forwarding *self = user_data;

  self->body = body;
  if (error != NULL || self->queue->closed)
    forwarding_finish (self);
  else
    forwarding_start (self);
}

void
pb_queue_forward (PbQueue *self, PbQueueItem *item, PbSnapshot *snapshot)
{
  Forwarding *forwarding = g_new0 (Forwarding, 1);

  forwarding->queue = pb_queue_ref (self);
  forwarding->item = item;
  forwarding->snapshot = pb_snapshot_ref (snapshot);
  self->n_under_way++;
  if (item->message->body != NULL)
    {
      forwarding->body = pb_body_ref (item->message->body);
      forwarding_start (forwarding);
    }
  else
    pb_store_read_body (self->parts.store, item->message->envelope->id, self->parts.main_mailbox,
                        on_body_read, forwarding);
}

void
pb_queue_drop_stalled (PbQueue *self)
{
  Forwarding *forwarding;

  while ((forwarding = g_queue_pop_head (&self->stalled)) != NULL)
    forwarding_finish (forwarding);
}
