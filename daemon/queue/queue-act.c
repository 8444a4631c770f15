/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What an administrator does to messages, wherever they are.
 *
 * The bus asks; the answer comes once all is on disk. The store is changed first, some messages at a time,
 * then the queue lets go of those that it has in memory, and what is due comes back by a claim like all
 * that waits. So a crash at any point leaves each message as it was or as it is to be. An attempt under way
 * goes on to its end: what it delivered is delivered, but it brings no message back. All on the main thread.
 */
#include "queue/queue-private.h"
#include "util/log.h"

#define CHUNK      500
#define MAX_LOGGED 1000 /* lines an action: more would have the journal drop those of mail; the rest is counted in one */
#define YOUNG (60 * G_USEC_PER_SEC) /* by then a submitter has told of its message */

typedef struct
{
  PbQueue *queue;    /* (owned) */
  PbStoreWalk *walk; /* (owned) */
  PbStoreChange change;
  char *target, *who; /* (owned) target (nullable) */
  PbQueueActed func;
  gpointer user_data;
  PbStoreWalked on_walked; /* the steps go round in a circle */
  guint n_done;
} Act;

static const char *const events[] = {
  [PB_CHANGE_HOLD] = "held",         [PB_CHANGE_RELEASE] = "released",
  [PB_CHANGE_RETRY] = "retried",     [PB_CHANGE_REMOVE] = "removed",
  [PB_CHANGE_REROUTE] = "rerouted",
};

/* ---- letting go ---- */

/* A message of this run whose submitter may not have told us of it yet: it will, with the states of its first day. */
static void
expect_untold (PbQueue *self, guint64 id)
{
  gint64 given = (gint64) id; /* ids are microseconds */

  if (g_atomic_int_get (&self->n_submitting) == 0)
    {
      g_hash_table_remove_all (self->untold);
      return;
    }
  if (id >= self->first_id && given + YOUNG > pb_queue_now () * G_USEC_PER_SEC)
    g_hash_table_add (self->untold, g_memdup2 (&id, sizeof id));
}

void
pb_queue_let_go (PbQueue *self, guint64 id)
{
  PbQueueMessage *message = g_hash_table_lookup (self->messages, &id);
  GList *next;

  if (message == NULL)
    {
      expect_untold (self, id);
      return;
    }
  message->let_go = TRUE;
  /* One more, so that it does not go with its last item. */
  pb_queue_message_keep (self, message);
  for (GList *link = message->items.head; link != NULL; link = next)
    {
      next = link->next;
      if (pb_scheduler_remove (self->scheduler, link->data))
        pb_queue_item_free (link->data);
    }
  pb_queue_message_release (self, message, 1);
}

void
pb_queue_acted (PbQueue *self)
{
  if (self->closed)
    return;
  self->store_has_more = TRUE;
  pb_queue_pump (self);
}

void
pb_queue_tell_acted (PbQueue *self, PbStoreChangeKind kind, guint64 id, const char *target,
                     const char *who, guint n_before)
{
  char text[PB_QUEUE_ID_TEXT];

  if (kind == PB_CHANGE_REMOVE)
    pb_history_add_removed (self->parts.history, id, NULL, 0);
  if (n_before < MAX_LOGGED)
    pb_log (PB_LOG_NOTICE, events[kind], "queue-id", pb_queue_id_format (id, text), "to", target,
            "by", who, NULL);
}

void
pb_queue_log_rest (PbStoreChangeKind kind, const char *target, const char *who, guint n)
{
  char text[16];

  if (n <= MAX_LOGGED)
    return;
  g_snprintf (text, sizeof text, "%u", n - MAX_LOGGED);
  pb_log (PB_LOG_NOTICE, events[kind], "more-messages", text, "to", target, "by", who, NULL);
}

/* ---- an action ---- */

static void
act_finish (Act *self, const GError *error)
{
  pb_queue_acted (self->queue);
  pb_queue_log_rest (self->change.kind, self->target, self->who, self->n_done);
  self->func (self->n_done, error, self->user_data);
  pb_store_walk_free (self->walk);
  g_free (self->target);
  g_free (self->who);
  pb_queue_unref (self->queue);
  g_free (self);
}

static void
act_step (Act *self)
{
  g_autoptr (GError) error = NULL;

  if (!self->queue->stopped)
    {
      pb_store_walk_next (self->walk, CHUNK, self->queue->parts.main_mailbox, self->on_walked,
                          self);
      return;
    }
  error = pb_queue_stopping_error ();
  act_finish (self, error);
}

static void
on_changed (GArray *ids, const GError *error, gpointer user_data)
{
  Act *self = user_data;

  for (guint i = 0; error == NULL && i < ids->len; i++)
    {
      guint64 id = g_array_index (ids, guint64, i);

      pb_queue_tell_acted (self->queue, self->change.kind, id, self->target, self->who,
                           self->n_done + i);
      if (!self->queue->closed)
        pb_queue_let_go (self->queue, id);
    }
  if (error != NULL)
    {
      act_finish (self, error);
      return;
    }
  self->n_done += ids->len;
  act_step (self);
}

static void
on_walked (GArray *ids, const GError *error, gpointer user_data)
{
  Act *self = user_data;

  if (error != NULL || ids->len == 0)
    {
      act_finish (self, error);
      g_clear_pointer (&ids, g_array_unref);
      return;
    }
  if (!self->queue->closed)
    {
      pb_store_change (self->queue->parts.store, &self->change, ids,
                       self->queue->parts.main_mailbox, on_changed, self);
      return;
    }
  g_array_unref (ids);
  act_step (self);
}

GError *
pb_queue_stopping_error (void)
{
  return g_error_new_literal (PB_STORE_ERROR, PB_STORE_ERROR_BUSY,
                              "the service is stopping; not all messages were reached");
}

void
pb_queue_act (PbQueue *self, PbQueueFilter *filter, PbStoreChangeKind kind, const char *target,
              const char *who, PbQueueActed func, gpointer user_data)
{
  Act *act = g_new0 (Act, 1);

  act->queue = pb_queue_ref (self);
  act->target = g_strdup (target);
  act->who = g_strdup (who);
  act->change.kind = kind;
  act->change.target = act->target;
  act->change.state = filter != NULL ? filter->state : NULL;
  act->func = func;
  act->user_data = user_data;
  act->on_walked = on_walked;
  act->walk = pb_store_walk_new (self->parts.store, filter, pb_store_next_id (self->parts.store));
  act_step (act);
}
