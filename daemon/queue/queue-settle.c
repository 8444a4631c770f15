/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What became of an attempt: counted, logged, marked in the store, told to the sender where it must be.
 * Done recipients leave memory with their mark; deferred ones stay only if they are due soon. Failures
 * that the sender is to hear of are settled together with their DSN, so that neither exists without the
 * other. All on the main thread.
 */
#include "queue/queue-private.h"
#include "util/clock.h"
#include "util/counters.h"
#include "util/log.h"
#include <string.h>

/* One delivery's results on their way into the store. */
typedef struct
{
  PbQueue *queue;
  PbQueueItem *item;
  PbDelivery *delivery;
  const PbSettingValues *values;
  gint64 now, next;         /* Unix seconds */
  gboolean untried;         /* nothing was said this time: the last reply is kept */
  PbSettlement *settlement; /* (owned) what needs no DSN */
  PbHistoryAttempt *attempt; /* (owned) (nullable) */
  PbNotice *notices[PB_DSN_N_ACTIONS]; /* (owned) (nullable) by PbDsnAction */
  gboolean *keep;           /* (owned) by position: stays in memory */
} Settling;

static void
log_result (const Settling *self, PbLogLevel level, const char *event, guint position,
            const PbResult *result)
{
  const PbEnvelope *envelope = self->item->message->envelope;
  const PbRecipient *recipient = &envelope->recipients[self->item->recipients[position].recipient];
  g_autofree char *original = pb_recipient_original (recipient);
  gint64 delay_ms = MAX (pb_clock_wall () - envelope->arrival, 0) / 1000;
  char delay[32];

  g_snprintf (delay, sizeof delay, "%" G_GINT64_FORMAT ".%03u", delay_ms / 1000,
              (guint) (delay_ms % 1000));
  pb_log (level, event, "queue-id", envelope->id_text, "from",
          envelope->sender[0] != '\0' ? envelope->sender : "<>", "to", recipient->address,
          "orig-to", original, "relay",
          result->remote != NULL ? result->remote : self->item->route->key, "tls",
          self->delivery->tls, "status", result->status, "reply", result->reply, "delay", delay, NULL);
}

static PbRecipientStatus
status_row (const Settling *self, guint position, PbRecipientState state)
{
  const PbQueueRecipient *recipient = &self->item->recipients[position];
  PbRecipientStatus row = { .recipient = recipient->recipient,
                            .state = state,
                            .attempts = recipient->attempts,
                            .next_attempt = self->next,
                            .delay_told = recipient->delay_told,
                            .by_hand = recipient->by_hand };

  if (state == PB_RECIPIENT_DELIVERED)
    return row;
  row.last_reply = g_strdup (recipient->last_reply);
  row.last_remote = g_strdup (recipient->last_remote);
  return row;
}

static void
settle_plainly (Settling *self, guint position, PbRecipientState state)
{
  PbSettlement *settlement = self->settlement;

  if (settlement->statuses == NULL)
    settlement->statuses = g_new (PbRecipientStatus, self->item->n_recipients);
  settlement->statuses[settlement->n_statuses++] = status_row (self, position, state);
}

static void
add_notice (Settling *self, guint position, const PbRecipientStatus *row, const PbResult *result,
            PbDsnAction action)
{
  if (self->notices[action] == NULL)
    self->notices[action] =
      pb_notice_new (self->queue, self->item->message, self->delivery->body, action);
  pb_notice_add (self->notices[action], self->item->recipients[position].recipient, row, result);
}

static void
settle_with_notice (Settling *self, guint position, PbRecipientState state, const PbResult *result,
                    PbDsnAction action)
{
  PbRecipientStatus row = status_row (self, position, state);

  add_notice (self, position, &row, result, action);
}

static void
settle_failed (Settling *self, guint position, const PbResult *result)
{
  const PbEnvelope *envelope = self->item->message->envelope;
  guint recipient = self->item->recipients[position].recipient;

  pb_counter_add (PB_COUNTER_BOUNCED, 1);
  log_result (self, PB_LOG_NOTICE, "bounced", position, result);
  pb_queue_attempt_set (self->attempt, position, recipient, PB_HISTORY_BOUNCED, result);
  if (pb_notice_is_wanted (envelope, recipient, PB_DSN_FAILED))
    {
      settle_with_notice (self, position, PB_RECIPIENT_FAILED, result, PB_DSN_FAILED);
      return;
    }
  if (envelope->sender[0] == '\0')
    log_result (self, PB_LOG_WARNING, "double-bounce", position, result);
  settle_plainly (self, position, PB_RECIPIENT_FAILED);
}

static void
settle_delivered (Settling *self, guint position, const PbResult *result)
{
  PbDsnAction action = pb_route_is_final (self->item->route) ? PB_DSN_DELIVERED : PB_DSN_RELAYED;

  pb_counter_add (PB_COUNTER_DELIVERED, 1);
  log_result (self, PB_LOG_INFO, "delivered", position, result);
  pb_queue_attempt_set (self->attempt, position, self->item->recipients[position].recipient,
                        PB_HISTORY_DELIVERED, result);
  if (!result->dsn_passed_on
      && pb_notice_is_wanted (self->item->message->envelope,
                              self->item->recipients[position].recipient, action))
    settle_with_notice (self, position, PB_RECIPIENT_DELIVERED, result, action);
  else
    settle_plainly (self, position, PB_RECIPIENT_DELIVERED);
}

static void
set_last_reply (PbQueueRecipient *recipient, const PbResult *result)
{
  pb_queue_recipient_clear (recipient);
  recipient->last_remote = g_strdup (result->remote);
  recipient->last_reply = result->reply_is_smtp
                            ? g_strdup (result->reply)
                            : g_strdup_printf ("%s %s", result->status,
                                               result->reply != NULL ? result->reply : "deferred");
}

/* A server's reply has its code first, a reason of ours the status alone. */
static gboolean
is_smtp_reply (const char *text)
{
  return strlen (text) > 3 && g_ascii_isdigit (text[0]) && g_ascii_isdigit (text[1])
         && g_ascii_isdigit (text[2]) && (text[3] == ' ' || text[3] == '-');
}

/* What the sender is to hear of @position: @result, or what was said last where nothing was this time. Owns nothing. */
static PbResult
last_word (const Settling *self, guint position, const PbResult *result)
{
  const PbQueueRecipient *recipient = &self->item->recipients[position];
  PbResult word = *result;

  if (!self->untried || recipient->last_reply == NULL)
    return word;
  word.reply = recipient->last_reply;
  word.reply_is_smtp = is_smtp_reply (recipient->last_reply);
  word.remote = recipient->last_remote;
  return word;
}

/* The end of the mail's life. */
static void
settle_expired (Settling *self, guint position, const PbResult *result)
{
  PbResult expired = last_word (self, position, result);

  expired.kind = PB_RESULT_FAILED;
  g_strlcpy (expired.status, "4.4.7", sizeof expired.status);
  settle_failed (self, position, &expired);
}

static void
settle_deferred (Settling *self, guint position, const PbResult *result)
{
  PbQueueRecipient *recipient = &self->item->recipients[position];
  gint64 age = pb_queue_age (self->queue, self->item->message->envelope);

  /* What was not tried is no attempt. */
  recipient->attempts += !self->untried;
  if (!self->untried || recipient->last_reply == NULL)
    set_last_reply (recipient, result);
  if (age >= (gint64) self->values->queueing_lifetime)
    {
      settle_expired (self, position, result);
      return;
    }
  pb_counter_add (PB_COUNTER_DEFERRED, 1);
  log_result (self, PB_LOG_INFO, "deferred", position, result);
  pb_queue_attempt_set (self->attempt, position, recipient->recipient, PB_HISTORY_DEFERRED, result);
  self->keep[position] = self->next <= self->now + PB_QUEUE_HORIZON;
  if (!self->keep[position])
    pb_queue_message_leave (self->queue, self->item->message, self->next);
  if (self->values->queueing_delay_warning > 0
      && age >= (gint64) self->values->queueing_delay_warning && !recipient->delay_told
      && pb_notice_is_wanted (self->item->message->envelope, recipient->recipient, PB_DSN_DELAYED))
    {
      /* Marked without waiting for the notice: the next attempt's mark must not be overtaken by this one. */
      PbResult word = last_word (self, position, result);

      recipient->delay_told = TRUE;
      add_notice (self, position, NULL, &word, PB_DSN_DELAYED);
    }
  settle_plainly (self, position, PB_RECIPIENT_QUEUED);
  recipient->by_hand = 0;
}

static void
settle_one (Settling *self, guint position)
{
  const PbResult *result = &self->delivery->results[position];

  switch (result->kind)
    {
    case PB_RESULT_DELIVERED:
      settle_delivered (self, position, result);
      break;
    case PB_RESULT_FAILED:
      settle_failed (self, position, result);
      break;
    case PB_RESULT_DEFERRED:
      settle_deferred (self, position, result);
      break;
    }
}

/* Deferred recipients due soon wait on in the scheduler, without the body; the others are the store's. */
static void
requeue_item (Settling *self)
{
  PbQueueItem *item = self->item;
  gboolean any = FALSE;

  for (guint i = 0; i < item->n_recipients && !any; i++)
    any = self->keep[i];
  if (!any || self->queue->closed || item->message->let_go)
    {
      pb_queue_item_free (item);
      return;
    }
  pb_queue_item_keep (item, self->keep);
  pb_queue_message_drop_body (self->queue, item->message);
  /* One that moves is gone, its recipients are in items of their own. */
  if (!self->untried && pb_queue_item_move (item))
    return;
  pb_scheduler_add (self->queue->scheduler, item, item->route->key, self->next);
  pb_scheduler_weigh (self->queue->scheduler, item, item->n_recipients);
}

static gboolean
is_expired (const Settling *self)
{
  return pb_queue_age (self->queue, self->item->message->envelope)
         >= (gint64) self->values->queueing_lifetime;
}

static void
settle (PbQueue *queue, PbQueueItem *item, PbDelivery *delivery, gint64 now, gint64 next,
        gboolean untried)
{
  Settling self = { .queue = queue,
                    .item = item,
                    .delivery = delivery,
                    .values = &delivery->snapshot->values,
                    .now = now,
                    .next = next,
                    .untried = untried };

  self.settlement = g_new0 (PbSettlement, 1);
  self.settlement->id = item->message->envelope->id;
  /* What was not tried is no attempt, and there may be a million of them at once; its end is told of all the same. */
  if (!untried || is_expired (&self))
    self.attempt = pb_queue_attempt_new (queue, delivery);
  self.keep = g_new0 (gboolean, item->n_recipients);
  for (guint i = 0; i < item->n_recipients; i++)
    settle_one (&self, i);
  pb_queue_record_attempt (queue, self.attempt);
  if (self.settlement->n_statuses > 0)
    pb_store_settle (queue->parts.store, self.settlement, queue->parts.main_mailbox, NULL, NULL);
  else
    pb_settlement_free (self.settlement);
  for (guint i = 0; i < G_N_ELEMENTS (self.notices); i++)
    if (self.notices[i] != NULL)
      pb_notice_send (self.notices[i]);
  requeue_item (&self);
  g_free (self.keep);
}

void
pb_queue_settle_results (PbQueue *self, PbQueueItem *item, PbDelivery *delivery)
{
  gint64 now = pb_queue_now ();
  gint64 age = pb_queue_age (self, item->message->envelope);
  gint64 backoff = pb_scheduler_backoff (&self->limits, age, g_rand_double (self->random));

  /* It was tried by settings that were changed meanwhile, and what woke the others did not reach it. */
  if (item->revision < self->routes_revision)
    backoff = 0;
  settle (self, item, delivery, now, now + backoff, FALSE);
}

void
pb_queue_suspend (PbQueue *self, PbQueueItem *item, gint64 until)
{
  g_autoptr (PbSnapshot) snapshot = pb_registry_snapshot (self->parts.registry);
  g_autofree guint *recipients = g_new (guint, item->n_recipients);
  g_autoptr (PbDelivery) delivery = NULL;

  for (guint i = 0; i < item->n_recipients; i++)
    recipients[i] = item->recipients[i].recipient;
  delivery = pb_delivery_new (item->message->envelope, item->message->body, item->route, snapshot,
                              recipients, item->n_recipients);
  if (pb_route_is_final (item->route))
    pb_delivery_set_all (delivery, PB_RESULT_DEFERRED, "4.2.0",
                         "the mailbox could not be written to lately; mail for it waits", FALSE,
                         NULL);
  else
    pb_delivery_set_all (delivery, PB_RESULT_DEFERRED, "4.4.1",
                         "the destination does not answer; mail for it waits", FALSE, NULL);
  settle (self, item, delivery, pb_queue_now (), until, TRUE);
}
