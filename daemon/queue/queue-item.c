/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the queue holds in memory: messages, and items, groups of their recipients that go one way.
 * Recipients come in by pb_queue_take() and are counted until they leave; a message goes with its last
 * recipient. Bodies of waiting messages are kept only within a budget. All on the main thread.
 */
#include "queue/queue-private.h"

#include <string.h>

#define MAX_ASKED 100 /* recipients of a message whose routes tell whether it is crowding */

static PbQueueItem *
item_new (PbQueue *queue, PbQueueMessage *message, PbRoute *route, guint64 revision,
          const PbQueueRecipient *recipients, guint n_recipients)
{
  PbQueueItem *self = g_malloc0 (sizeof *self + n_recipients * sizeof *recipients);

  self->queue = queue;
  self->message = message;
  self->route = route;
  self->revision = revision;
  self->n_recipients = n_recipients;
  memcpy (self->recipients, recipients, n_recipients * sizeof *recipients);
  self->link.data = self;
  g_queue_push_tail_link (&message->items, &self->link);
  return self;
}

/* Frees the shell; its recipients live on elsewhere, and keep the message. */
static void
item_free_shell (PbQueueItem *self)
{
  g_assert (self->message->n_held > 0);
  g_queue_unlink (&self->message->items, &self->link);
  pb_route_unref (self->route);
  g_free (self);
}

static void
message_free (PbQueue *self, PbQueueMessage *message)
{
  pb_queue_message_drop_body (self, message);
  g_hash_table_remove (self->messages, &message->envelope->id);
  self->n_parted -= message->elsewhere != G_MAXINT64;
  /* What the store has of it now may be due. */
  self->store_has_more |= message->let_go;
  pb_envelope_unref (message->envelope);
  g_free (message->target);
  g_free (message);
}

void
pb_queue_message_drop_body (PbQueue *self, PbQueueMessage *message)
{
  if (message->body == NULL)
    return;
  if (pb_body_bytes (message->body) != NULL)
    self->body_bytes -= pb_body_size (message->body);
  g_clear_pointer (&message->body, pb_body_unref);
}

static void
message_keep_body (PbQueue *self, PbQueueMessage *message, PbBody *body)
{
  if (body == NULL)
    return;
  if (pb_body_bytes (body) != NULL)
    {
      if (self->body_bytes + pb_body_size (body) > PB_QUEUE_MAX_BODIES)
        return;
      self->body_bytes += pb_body_size (body);
    }
  message->body = pb_body_ref (body);
}

void
pb_queue_message_release (PbQueue *self, PbQueueMessage *message, guint n)
{
  g_assert (message->n_held >= n && self->n_held >= n);
  message->n_held -= n;
  self->n_held -= n;
  if (message->n_held == 0)
    message_free (self, message);
}

void
pb_queue_message_leave (PbQueue *self, PbQueueMessage *message, gint64 due)
{
  self->n_parted += message->elsewhere == G_MAXINT64;
  message->elsewhere = MIN (message->elsewhere, due);
}

gboolean
pb_queue_is_unsettled (PbQueue *self, guint64 id)
{
  const PbQueueMessage *message = g_hash_table_lookup (self->messages, &id);
  guint n = 0;

  if (message == NULL)
    return FALSE;
  for (const GList *link = message->items.head; link != NULL; link = link->next)
    n += ((const PbQueueItem *) link->data)->n_recipients;
  return message->let_go || n != message->n_held;
}

PbQueueMessage *
pb_queue_message_ensure (PbQueue *self, PbEnvelope *envelope)
{
  PbQueueMessage *message = g_hash_table_lookup (self->messages, &envelope->id);

  if (message == NULL)
    {
      message = g_new0 (PbQueueMessage, 1);
      message->envelope = pb_envelope_ref (envelope);
      message->elsewhere = G_MAXINT64;
      g_hash_table_insert (self->messages, &message->envelope->id, message);
    }
  message->let_go = TRUE;
  return message;
}

void
pb_queue_message_keep (PbQueue *self, PbQueueMessage *message)
{
  message->n_held++;
  self->n_held++;
}

void
pb_queue_recipient_clear (PbQueueRecipient *self)
{
  g_clear_pointer (&self->last_reply, g_free);
  g_clear_pointer (&self->last_remote, g_free);
}

void
pb_queue_item_free (PbQueueItem *item)
{
  PbQueue *queue = item->queue;
  PbQueueMessage *message = item->message;
  guint n_recipients = item->n_recipients;

  for (guint i = 0; i < n_recipients; i++)
    pb_queue_recipient_clear (&item->recipients[i]);
  item_free_shell (item);
  pb_queue_message_release (queue, message, n_recipients);
}

void
pb_queue_item_keep (PbQueueItem *item, const gboolean *keep)
{
  guint n_kept = 0;

  for (guint i = 0; i < item->n_recipients; i++)
    if (keep[i])
      item->recipients[n_kept++] = item->recipients[i];
    else
      pb_queue_recipient_clear (&item->recipients[i]);
  if (n_kept < item->n_recipients)
    pb_queue_message_release (item->queue, item->message, item->n_recipients - n_kept);
  item->n_recipients = n_kept;
}

/* One way out of a message, while its recipients are being sorted. */
typedef struct
{
  PbRoute *route;  /* (owned) */
  GArray *members; /* (owned) (element-type PbQueueRecipient) */
} Group;

static void
group_free (gpointer data)
{
  Group *group = data;

  pb_route_unref (group->route);
  g_array_unref (group->members);
  g_free (group);
}

static void
group_add (GHashTable *groups, PbRoute *route, const PbQueueRecipient *recipient)
{
  Group *group = g_hash_table_lookup (groups, route->key);

  if (group == NULL)
    {
      group = g_new (Group, 1);
      group->route = route;
      group->members = g_array_new (FALSE, FALSE, sizeof *recipient);
      g_hash_table_insert (groups, route->key, group);
    }
  else
    pb_route_unref (route);
  g_array_append_val (group->members, *recipient);
}

static PbRoute *
find_route (const PbSnapshot *snapshot, const PbQueueMessage *message,
            const PbQueueRecipient *recipient)
{
  const PbEnvelope *envelope = message->envelope;

  return pb_route_find (snapshot, envelope->sender,
                        envelope->recipients[recipient->recipient].address, message->target);
}

static gboolean
any_by_hand (const PbQueueRecipient *recipients, guint n_recipients)
{
  for (guint i = 0; i < n_recipients; i++)
    if (recipients[i].by_hand != 0)
      return TRUE;
  return FALSE;
}

static void
schedule_group (PbQueue *self, PbQueueMessage *message, const PbSnapshot *snapshot, PbRoute *route,
                const PbQueueRecipient *recipients, guint n_recipients, gint64 due)
{
  PbQueueItem *item = item_new (self, message, route, snapshot->revision, recipients, n_recipients);
  gint64 now = pb_queue_now ();
  gint64 resting_until = pb_scheduler_resting_until (self->scheduler, route->key);

  if (resting_until > now && any_by_hand (recipients, n_recipients))
    {
      pb_scheduler_wake (self->scheduler, route->key, now);
      resting_until = 0;
    }
  /* What cannot be tried within the horizon has no business in memory. */
  if (resting_until > now + PB_QUEUE_HORIZON)
    {
      pb_queue_suspend (self, item, resting_until);
      return;
    }
  if (pb_route_is_final (route))
    pb_scheduler_trust (self->scheduler, route->key);
  pb_scheduler_add (self->scheduler, item, route->key, due);
  pb_scheduler_weigh (self->scheduler, item, n_recipients);
}

/* Recipients are already counted in @message. */
static void
schedule_recipients (PbQueue *self, PbQueueMessage *message, const PbSnapshot *snapshot,
                     const PbQueueRecipient *recipients, guint n_recipients, gint64 due)
{
  g_autoptr (GHashTable) groups = NULL;
  GHashTableIter iter;
  gpointer value;

  if (n_recipients == 1)
    {
      schedule_group (self, message, snapshot, find_route (snapshot, message, recipients),
                      recipients, 1, due);
      return;
    }
  groups = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, group_free);
  for (guint i = 0; i < n_recipients; i++)
    group_add (groups, find_route (snapshot, message, &recipients[i]), &recipients[i]);
  g_hash_table_iter_init (&iter, groups);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      Group *group = value;

      schedule_group (self, message, snapshot, pb_route_ref (group->route),
                      (const PbQueueRecipient *) (void *) group->members->data, group->members->len,
                      due);
    }
}

/* (nullable) (transfer full): which recipients of @message wait or are under way here. */
static gboolean *
find_present (const PbQueueMessage *message)
{
  gboolean *present;

  if (message == NULL)
    return NULL;
  present = g_new0 (gboolean, message->envelope->n_recipients);
  for (const GList *link = message->items.head; link != NULL; link = link->next)
    {
      const PbQueueItem *item = link->data;

      for (guint i = 0; i < item->n_recipients; i++)
        present[item->recipients[i].recipient] = TRUE;
    }
  return present;
}

/* As the store has them, those due by @until that are not @present (nullable), or all of a new message. */
static guint
gather_recipients (const PbEnvelope *envelope, const PbRecipientStatus *statuses, guint n_statuses,
                   gint64 until, const gboolean *present, GArray *recipients)
{
  for (guint i = 0; statuses != NULL && i < n_statuses; i++)
    {
      PbQueueRecipient recipient = { statuses[i].recipient, statuses[i].attempts,
                                     statuses[i].delay_told, g_strdup (statuses[i].last_reply),
                                     g_strdup (statuses[i].last_remote), statuses[i].by_hand };

      if (statuses[i].state == PB_RECIPIENT_QUEUED && statuses[i].next_attempt <= until
          && (present == NULL || !present[recipient.recipient]))
        g_array_append_val (recipients, recipient);
      else
        pb_queue_recipient_clear (&recipient);
    }
  for (guint i = 0; statuses == NULL && i < envelope->n_recipients; i++)
    {
      PbQueueRecipient recipient = { .recipient = i };

      g_array_append_val (recipients, recipient);
    }
  return recipients->len;
}

/* Of those that come to be held now: one that is under way was due long ago, which hurries no other. */
static gint64
due_time (const PbRecipientStatus *statuses, guint n_statuses, const gboolean *present)
{
  gint64 due = G_MAXINT64;

  if (statuses == NULL)
    return pb_queue_now ();
  for (guint i = 0; i < n_statuses; i++)
    if (statuses[i].state == PB_RECIPIENT_QUEUED && (present == NULL || !present[statuses[i].recipient]))
      due = MIN (due, statuses[i].next_attempt);
  return due;
}

static PbQueueMessage *
message_new (PbQueue *self, PbEnvelope *envelope, PbBody *body, const char *target)
{
  PbQueueMessage *message = g_new0 (PbQueueMessage, 1);

  message->envelope = pb_envelope_ref (envelope);
  message->target = g_strdup (target);
  message->elsewhere = G_MAXINT64;
  message_keep_body (self, message, body);
  g_hash_table_insert (self->messages, &message->envelope->id, message);
  return message;
}

/* What the store keeps of @message once those due by @until are here. */
static void
note_elsewhere (PbQueue *self, PbQueueMessage *message, const PbRecipientStatus *statuses, guint n_statuses,
                gint64 until)
{
  self->n_parted -= message->elsewhere != G_MAXINT64;
  message->elsewhere = G_MAXINT64;
  for (guint i = 0; statuses != NULL && i < n_statuses; i++)
    if (statuses[i].state == PB_RECIPIENT_QUEUED && statuses[i].next_attempt > until)
      pb_queue_message_leave (self, message, statuses[i].next_attempt);
}

gboolean
pb_queue_take (PbQueue *self, PbEnvelope *envelope, PbBody *body, const char *target,
               const PbRecipientStatus *statuses, guint n_statuses, gint64 until)
{
  g_autoptr (GArray) recipients = g_array_new (FALSE, FALSE, sizeof (PbQueueRecipient));
  g_autoptr (PbSnapshot) snapshot = NULL;
  PbQueueMessage *message = g_hash_table_lookup (self->messages, &envelope->id);
  g_autofree gboolean *present = find_present (message);

  if (message != NULL && statuses == NULL)
    return TRUE;
  if (self->n_held >= PB_QUEUE_MAX_HELD)
    return FALSE;
  if (gather_recipients (envelope, statuses, n_statuses, until, present, recipients) == 0 && message == NULL)
    return TRUE;
  if (message == NULL)
    message = message_new (self, envelope, body, target);
  note_elsewhere (self, message, statuses, n_statuses, until);
  if (recipients->len == 0)
    return TRUE;
  message->n_held += recipients->len;
  self->n_held += recipients->len;
  snapshot = pb_registry_snapshot (self->parts.registry);
  schedule_recipients (self, message, snapshot,
                       (const PbQueueRecipient *) (void *) recipients->data, recipients->len,
                       due_time (statuses, n_statuses, present));
  return TRUE;
}

/* The last room is for new mail to destinations that have little waiting: thousands of messages for one that is slow or
   silent would keep all others out of memory until it is known to be dead. */
static gboolean
is_crowding (PbQueue *self, const PbEnvelope *envelope)
{
  g_autoptr (PbSnapshot) snapshot = NULL;
  gboolean crowding = self->n_held >= PB_QUEUE_MAX_CROWD;

  if (crowding)
    snapshot = pb_registry_snapshot (self->parts.registry);
  /* One recipient elsewhere is reason enough to take it. */
  for (guint i = 0; crowding && i < MIN (envelope->n_recipients, MAX_ASKED); i++)
    {
      g_autoptr (PbRoute) route =
        pb_route_find (snapshot, envelope->sender, envelope->recipients[i].address, NULL);

      crowding =
        pb_scheduler_waiting (self->scheduler, route->key) > PB_QUEUE_MAX_HELD - PB_QUEUE_MAX_CROWD;
    }
  return crowding;
}

void
pb_queue_take_new (PbQueue *self, PbEnvelope *envelope, PbBody *body)
{
  if (!self->started || self->stopped)
    return;
  /* Changed by hand between being safe and this: as it is now only the store knows. What came in held stays there. */
  if (g_hash_table_remove (self->untold, &envelope->id)
      || (envelope->hold == NULL
          && (is_crowding (self, envelope)
              || !pb_queue_take (self, envelope, body, NULL, NULL, 0, G_MAXINT64))))
    self->store_has_more = TRUE;
  pb_queue_pump (self);
}

/* @item's recipients go as they would today, in items of their own; @item is gone. */
static void
item_schedule_anew (PbQueueItem *item, const PbSnapshot *snapshot)
{
  PbQueue *self = item->queue;
  PbQueueMessage *message = item->message;

  /* One more, so that it does not go before @item where all of them lead to destinations that rest. */
  pb_queue_message_keep (self, message);
  schedule_recipients (self, message, snapshot, item->recipients, item->n_recipients, pb_queue_now ());
  item_free_shell (item);
  pb_queue_message_release (self, message, 1);
}

gboolean
pb_queue_item_reroute (PbQueueItem *item, PbSnapshot *snapshot)
{
  g_autoptr (PbRoute) first = NULL;
  gboolean same = TRUE;

  /* What was pending may be known by now. */
  if (item->revision == snapshot->revision && item->route->kind != PB_ROUTE_PENDING)
    return TRUE;
  for (guint i = 0; i < item->n_recipients && same; i++)
    {
      g_autoptr (PbRoute) route =
        find_route (snapshot, item->message, &item->recipients[i]);

      same = g_str_equal (route->key, item->route->key);
      if (first == NULL)
        first = g_steal_pointer (&route);
    }
  item->revision = snapshot->revision;
  if (same)
    {
      pb_route_unref (item->route);
      item->route = g_steal_pointer (&first);
      return TRUE;
    }
  pb_scheduler_abandon (item->queue->scheduler, item->route->key);
  item_schedule_anew (item, snapshot);
  return FALSE;
}

gboolean
pb_queue_item_move (PbQueueItem *item)
{
  PbQueue *self = item->queue;
  g_autoptr (PbSnapshot) snapshot = NULL;

  if (item->revision >= self->routes_revision)
    return FALSE;
  snapshot = pb_registry_snapshot (self->parts.registry);
  item_schedule_anew (item, snapshot);
  return TRUE;
}
