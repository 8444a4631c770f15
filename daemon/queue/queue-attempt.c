/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One attempt, from the scheduler's word to the agent's answer: the route by today's settings, the body
 * from memory or the store, the agent that fits the route. What needs no agent is answered on the spot.
 * While an attempt is under way it holds a reference on the queue; however it ends, its slot in the
 * scheduler is given back exactly once. All on the main thread.
 */
#include "queue/queue-private.h"

#include "protocol/address.h"
#include <string.h>

#define FEW 16

static void
attempt_begin (PbQueueItem *item)
{
  pb_queue_ref (item->queue);
  item->queue->n_under_way++;
}

static void
attempt_end (PbQueue *self)
{
  self->n_under_way--;
  pb_queue_unref (self);
}

/* A destination that rests longer than we look ahead gives the memory back; what may go another way by now does. */
static void
suspend_waiting (PbQueue *self, const char *destination)
{
  gint64 until = pb_scheduler_resting_until (self->scheduler, destination);
  g_autoptr (GPtrArray) items = NULL;

  if (until <= pb_queue_now () + PB_QUEUE_HORIZON)
    return;
  items = pb_scheduler_drain (self->scheduler, destination);
  for (guint i = 0; i < items->len; i++)
    if (!pb_queue_item_move (items->pdata[i]))
      pb_queue_suspend (self, items->pdata[i], until);
}

static void
on_delivered (PbDelivery *delivery, gpointer user_data)
{
  PbQueueItem *item = user_data;
  PbQueue *self = item->queue;
  g_autofree char *destination = NULL;

  if (self->closed)
    {
      pb_queue_item_free (item);
      pb_delivery_free (delivery);
      attempt_end (self);
      return;
    }
  pb_scheduler_finished (self->scheduler, item->route->key, pb_queue_now (),
                         delivery->destination_dead);
  if (delivery->destination_dead)
    destination = g_strdup (item->route->key);
  pb_queue_settle_results (self, item, delivery);
  pb_delivery_free (delivery);
  if (destination != NULL)
    suspend_waiting (self, destination);
  pb_queue_pump (self);
  attempt_end (self);
}

static PbDelivery *
make_delivery (PbQueueItem *item, PbBody *body, PbSnapshot *snapshot)
{
  guint few[FEW];
  g_autofree guint *many = item->n_recipients > FEW ? g_new (guint, item->n_recipients) : NULL;
  guint *recipients = many != NULL ? many : few;

  for (guint i = 0; i < item->n_recipients; i++)
    recipients[i] = item->recipients[i].recipient;
  return pb_delivery_new (item->message->envelope, body, item->route, snapshot, recipients,
                          item->n_recipients);
}

/* An answer that needs no agent. */
static void
answer_at_once (PbQueueItem *item, PbSnapshot *snapshot, PbResultKind kind, const char *status,
                const char *reason)
{
  PbDelivery *delivery = make_delivery (item, NULL, snapshot);

  pb_delivery_set_all (delivery, kind, status, reason, FALSE, NULL);
  on_delivered (delivery, item);
}

static void
hand_over (PbQueueItem *item, PbBody *body, PbSnapshot *snapshot)
{
  const PbQueueParts *parts = &item->queue->parts;
  PbDelivery *delivery = make_delivery (item, body, snapshot);

  if (item->route->kind == PB_ROUTE_LOCAL)
    pb_maildir_deliver (parts->maildir, delivery, parts->main_mailbox, on_delivered, item);
  else
    pb_smtp_agent_deliver (parts->smtp, delivery, parts->main_mailbox, on_delivered, item);
}

/* Leaves the recipients to the store, as they are. */
static void
give_back (PbQueueItem *item)
{
  PbQueue *self = item->queue;

  if (!self->closed)
    pb_scheduler_abandon (self->scheduler, item->route->key);
  pb_queue_item_free (item);
  pb_queue_pump (self);
  attempt_end (self);
}

static void
on_body_read (PbBody *read_body, const GError *error, gpointer user_data)
{
  PbQueueItem *item = user_data;
  g_autoptr (PbBody) body = read_body;
  g_autoptr (PbSnapshot) snapshot = NULL;

  /* Damaged: the store has put the message aside, and shows it. Not there: somebody removed it. */
  if (!pb_queue_may_start (item->queue) || item->message->let_go
      || g_error_matches (error, PB_STORE_ERROR, PB_STORE_ERROR_CORRUPT)
      || g_error_matches (error, PB_STORE_ERROR, PB_STORE_ERROR_NOT_FOUND))
    {
      give_back (item);
      return;
    }
  snapshot = pb_registry_snapshot (item->queue->parts.registry);
  if (error != NULL)
    answer_at_once (item, snapshot, PB_RESULT_DEFERRED, "4.3.0", error->message);
  else
    hand_over (item, body, snapshot);
}

/* Who has that mailbox is known now, or cannot be told. */
static void
on_mailbox_found (const PbLocal *found, gpointer user_data)
{
  PbQueueItem *item = user_data;
  PbQueue *self = item->queue;
  g_autoptr (PbSnapshot) snapshot = NULL;

  if (!pb_queue_may_start (self) || item->message->let_go)
    {
      give_back (item);
      return;
    }
  snapshot = pb_registry_snapshot (self->parts.registry);
  if (found->kind == PB_LOCAL_PENDING || pb_queue_item_reroute (item, snapshot))
    {
      answer_at_once (item, snapshot, PB_RESULT_DEFERRED, "4.3.0",
                      "whose mailbox this is cannot be looked up now");
      return;
    }
  pb_queue_pump (self);
  attempt_end (self);
}

static void
find_mailbox (PbQueueItem *item, PbSnapshot *snapshot)
{
  const char *text = item->message->envelope->recipients[item->recipients[0].recipient].address;
  g_autoptr (PbAddress) address =
    pb_address_parse (text, strlen (text), PB_ADDRESS_UTF8 | PB_ADDRESS_ALLOW_NO_DOMAIN, NULL);

  /* The router found the address right a moment ago. */
  pb_snapshot_find_local (snapshot, FALSE, address->local, address->domain,
                          item->queue->parts.main_mailbox, on_mailbox_found, item);
}

void
pb_queue_start_item (PbQueue *self, PbQueueItem *item, PbSnapshot *snapshot)
{
  if (!pb_queue_item_reroute (item, snapshot))
    return;
  attempt_begin (item);
  switch (item->route->kind)
    {
    case PB_ROUTE_LOCAL:
    case PB_ROUTE_LMTP:
    case PB_ROUTE_HOSTS:
    case PB_ROUTE_MX:
      if (item->message->body != NULL)
        hand_over (item, item->message->body, snapshot);
      else
        pb_store_read_body (self->parts.store, item->message->envelope->id,
                            self->parts.main_mailbox, on_body_read, item);
      break;
    case PB_ROUTE_UNKNOWN:
      answer_at_once (item, snapshot, PB_RESULT_FAILED, "5.1.1", item->route->why);
      break;
    case PB_ROUTE_PENDING:
      find_mailbox (item, snapshot);
      break;
    case PB_ROUTE_NOWHERE:
      answer_at_once (item, snapshot, PB_RESULT_DEFERRED, "4.3.5", item->route->why);
      break;
    case PB_ROUTE_ALIAS:
      pb_scheduler_abandon (self->scheduler, item->route->key);
      pb_queue_forward (self, item, snapshot);
      attempt_end (self);
      break;
    }
}
