/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the queue hands in to the history: what became of each attempt, and the messages that we make ourselves.
 * Called by the settling code on the main thread; the history takes records without waiting, and there may be
 * none.
 */
#include "queue/queue-private.h"
#include "util/clock.h"

/* "550 5.1.1 no such user", or our own reason with its code before it. (transfer full) */
static char *
reply_text (const PbResult *result)
{
  if (result->reply_is_smtp)
    return g_strdup (result->reply);
  return g_strdup_printf ("%s %s", result->status, result->reply != NULL ? result->reply : "");
}

PbHistoryAttempt *
pb_queue_attempt_new (PbQueue *queue, const PbDelivery *delivery)
{
  PbHistoryAttempt *self;

  if (queue->parts.history == NULL)
    return NULL;
  self = pb_history_attempt_new (delivery->envelope->id, delivery->n_recipients);
  self->ended = delivery->ended != 0 ? delivery->ended : pb_clock_wall ();
  self->began = delivery->began != 0 ? delivery->began : self->ended;
  self->transcript = g_strdup (delivery->transcript);
  return self;
}

void
pb_queue_attempt_set (PbHistoryAttempt *self, guint position, guint recipient, PbHistoryEvent event,
                      const PbResult *result)
{
  PbHistoryResult *row;

  if (self == NULL)
    return;
  row = &self->results[position];
  row->recipient = recipient;
  row->event = event;
  g_strlcpy (row->status, result->status, sizeof row->status);
  row->reply = reply_text (result);
  if (self->remote == NULL)
    self->remote = g_strdup (result->remote);
}

void
pb_queue_record_attempt (PbQueue *queue, PbHistoryAttempt *attempt)
{
  if (attempt != NULL)
    pb_history_add_attempt (queue->parts.history, attempt);
}

void
pb_queue_record_own (PbQueue *queue, const PbEnvelope *envelope, const char *check,
                     const char *evidence)
{
  PbHistoryMessage *message;
  PbHistoryLine line = { .stage = "queue", .check = check, .outcome = "pass" };

  if (queue->parts.history == NULL)
    return;
  message = pb_history_message_new (envelope->id);
  message->time = pb_clock_wall ();
  message->size = envelope->size;
  message->sender = g_strdup (envelope->sender);
  message->client = g_strdup ("local");
  message->message_id = g_strdup (envelope->message_id);
  line.time = message->time;
  line.evidence = evidence;
  pb_history_message_add_line (message, &line);
  for (guint i = 0; i < envelope->n_recipients; i++)
    {
      g_autofree char *original = pb_recipient_original (&envelope->recipients[i]);

      pb_history_message_add_recipient (message, envelope->recipients[i].address, original,
                                        PB_HISTORY_ACCEPTED, NULL, NULL);
    }
  pb_history_add_message (queue->parts.history, message);
}

/* The old recipients end here; the new message has their targets. */
void
pb_queue_record_forwarded (PbQueue *queue, const PbQueueItem *item, const PbEnvelope *as)
{
  const PbEnvelope *from = item->message->envelope;
  g_autofree char *evidence = g_strdup_printf ("of %s", from->id_text);
  PbHistoryAttempt *attempt;

  if (queue->parts.history == NULL)
    return;
  attempt = pb_history_attempt_new (from->id, item->n_recipients);
  attempt->began = attempt->ended = pb_clock_wall ();
  attempt->remote = g_strdup ("alias");
  for (guint i = 0; i < item->n_recipients; i++)
    {
      PbHistoryResult *row = &attempt->results[i];

      row->recipient = item->recipients[i].recipient;
      row->event = PB_HISTORY_DELIVERED;
      g_strlcpy (row->status, "2.0.0", sizeof row->status);
      row->reply = g_strdup_printf ("2.0.0 queued for the alias's targets as %s", as->id_text);
    }
  pb_history_add_attempt (queue->parts.history, attempt);
  pb_queue_record_own (queue, as, "alias", evidence);
}
