/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is done to messages of the queue: held, released, tried now, removed, sent elsewhere, and looked
 * into. Called by the queue page and its dialogs. More ids than the service takes in one call go in
 * several, one after the other; the first refusal ends it, and what was done until then is done.
 */
#include "model/queue-private.h"

#define MAX_IDS 10000 /* a call */

struct _PbaQueueChoice
{
  char **ids;            /* (owned) (nullable) */
  char *state, *search;  /* (owned) (nullable) */
};

static const char *const methods[] = {
  [PBA_QUEUE_HOLD] = "Hold",     [PBA_QUEUE_RELEASE] = "Release", [PBA_QUEUE_RETRY] = "Retry",
  [PBA_QUEUE_REMOVE] = "Remove", [PBA_QUEUE_BOUNCE] = "Remove",   [PBA_QUEUE_REROUTE] = "Reroute",
};

/* ---- what is meant ---- */

PbaQueueChoice *
pba_queue_choice_new_ids (const char *const *ids)
{
  PbaQueueChoice *self = g_rc_box_new0 (PbaQueueChoice);

  self->ids = g_strdupv ((char **) ids);
  return self;
}

PbaQueueChoice *
pba_queue_choice_new_matching (const char *state, const char *search)
{
  PbaQueueChoice *self = g_rc_box_new0 (PbaQueueChoice);

  self->state = g_strdup (state);
  self->search = search != NULL && search[0] != '\0' ? g_strdup (search) : NULL;
  return self;
}

static void
choice_clear (gpointer data)
{
  PbaQueueChoice *self = data;

  g_strfreev (self->ids);
  g_free (self->state);
  g_free (self->search);
}

PbaQueueChoice *
pba_queue_choice_ref (PbaQueueChoice *self)
{
  return g_rc_box_acquire (self);
}

void
pba_queue_choice_unref (PbaQueueChoice *self)
{
  if (self != NULL)
    g_rc_box_release_full (self, choice_clear);
}

gboolean
pba_queue_choice_has_ids (PbaQueueChoice *self)
{
  return self->ids != NULL;
}

/* Returns: (floating): of the ids those from *@next on, which then stands behind them. */
static GVariant *
choice_select (PbaQueueChoice *self, guint *next)
{
  GVariantDict selector;

  g_variant_dict_init (&selector, NULL);
  if (self->ids != NULL)
    {
      guint n = MIN (g_strv_length (self->ids + *next), MAX_IDS);

      g_variant_dict_insert_value (&selector, "Ids",
                                   g_variant_new_strv ((const char *const *) self->ids + *next, n));
      *next += n;
    }
  if (self->state != NULL)
    g_variant_dict_insert (&selector, "State", "s", self->state);
  if (self->search != NULL)
    g_variant_dict_insert (&selector, "Search", "s", self->search);
  if (self->ids == NULL && self->state == NULL && self->search == NULL)
    g_variant_dict_insert (&selector, "All", "b", TRUE);
  return g_variant_dict_end (&selector);
}

/* ---- acting ---- */

typedef struct
{
  PbaQueueAction action;
  PbaQueueChoice *choice; /* (owned) */
  char *target;           /* (owned) (nullable) */
  guint next;             /* of the ids */
  guint n;                /* done */
  GAsyncReadyCallback on_acted; /* the calls go round in a circle */
} Act;

static void
act_free (gpointer data)
{
  Act *act = data;

  pba_queue_choice_unref (act->choice);
  g_free (act->target);
  g_free (act);
}

gboolean
pba_queue_can_act (PbaQueue *self, PbaQueueAction action)
{
  return pba_connection_has_method (self->connection, "Queue", methods[action]);
}

/* @task (transfer full). */
static void
call_next (PbaQueue *self, GTask *task)
{
  Act *act = g_task_get_task_data (task);
  GVariant *selector = choice_select (act->choice, &act->next);
  GVariant *parameters = NULL;

  switch (act->action)
    {
    case PBA_QUEUE_HOLD:
    case PBA_QUEUE_RELEASE:
    case PBA_QUEUE_RETRY:
      parameters = g_variant_new ("(@a{sv})", selector);
      break;
    case PBA_QUEUE_REMOVE:
    case PBA_QUEUE_BOUNCE:
      parameters = g_variant_new ("(@a{sv}b)", selector, act->action == PBA_QUEUE_BOUNCE);
      break;
    case PBA_QUEUE_REROUTE:
      parameters = g_variant_new ("(@a{sv}s)", selector, act->target != NULL ? act->target : "");
      break;
    }
  pba_connection_call (self->connection, "Queue", methods[act->action], parameters, "(u)",
                       g_task_get_cancellable (task), act->on_acted, task);
}

static void
on_acted (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  PbaQueue *self = g_task_get_source_object (task);
  Act *act = g_task_get_task_data (task);
  GError *error = NULL;
  g_autoptr (GVariant) reply = pba_connection_call_finish (PBA_CONNECTION (source), result, &error);
  guint n;

  if (reply == NULL)
    {
      pba_queue_refresh (self);
      g_task_return_error (task, error);
      return;
    }
  g_variant_get (reply, "(u)", &n);
  act->n += n;
  if (act->choice->ids != NULL && act->choice->ids[act->next] != NULL)
    {
      call_next (self, g_steal_pointer (&task));
      return;
    }
  pba_queue_refresh (self);
  g_task_return_int (task, act->n);
}

void
pba_queue_act_async (PbaQueue *self, PbaQueueAction action, PbaQueueChoice *choice,
                     const char *target, GCancellable *cancellable, GAsyncReadyCallback callback,
                     gpointer user_data)
{
  GTask *task = g_task_new (self, cancellable, callback, user_data);
  Act *act = g_new0 (Act, 1);

  act->action = action;
  act->choice = pba_queue_choice_ref (choice);
  act->target = g_strdup (target);
  act->on_acted = on_acted;
  g_task_set_task_data (task, act, act_free);
  g_task_set_source_tag (task, pba_queue_act_async);
  call_next (self, task);
}

gboolean
pba_queue_act_finish (PbaQueue *self, GAsyncResult *result, guint *n, GError **error)
{
  gssize count = g_task_propagate_int (G_TASK (result), error);

  if (n != NULL)
    *n = (guint) MAX (count, 0);
  return count >= 0;
}

/* ---- looking into one ---- */

static void
on_looked (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  GError *error = NULL;
  GVariant *reply = pba_connection_call_finish (PBA_CONNECTION (source), result, &error);

  if (reply != NULL)
    g_task_return_pointer (task, reply, (GDestroyNotify) g_variant_unref);
  else
    g_task_return_error (task, error);
}

static void
look (PbaQueue *self, const char *method, GVariant *parameters, const char *reply_type,
      GTask *task)
{
  pba_connection_call (self->connection, "Queue", method, parameters, reply_type,
                       g_task_get_cancellable (task), on_looked, task);
}

gboolean
pba_queue_can_read (PbaQueue *self)
{
  return pba_connection_has_method (self->connection, "Queue", "Read");
}

void
pba_queue_read_async (PbaQueue *self, const char *id, guint64 offset, GCancellable *cancellable,
                      GAsyncReadyCallback callback, gpointer user_data)
{
  look (self, "Read", g_variant_new ("(stu)", id, offset, PBA_QUEUE_READ_MAX), "(tay)",
        g_task_new (self, cancellable, callback, user_data));
}

GBytes *
pba_queue_read_finish (PbaQueue *self, GAsyncResult *result, guint64 *size, GError **error)
{
  g_autoptr (GVariant) reply = g_task_propagate_pointer (G_TASK (result), error);
  g_autoptr (GVariant) octets = NULL;

  if (reply == NULL)
    return NULL;
  g_variant_get (reply, "(t@ay)", size, &octets);
  return g_variant_get_data_as_bytes (octets);
}

gboolean
pba_queue_can_list_attempts (PbaQueue *self)
{
  return pba_connection_has_method (self->connection, "Queue", "Attempts");
}

void
pba_queue_list_attempts_async (PbaQueue *self, const char *id, GCancellable *cancellable,
                               GAsyncReadyCallback callback, gpointer user_data)
{
  look (self, "Attempts", g_variant_new ("(s)", id), "(aa{sv})",
        g_task_new (self, cancellable, callback, user_data));
}

GVariant *
pba_queue_list_attempts_finish (PbaQueue *self, GAsyncResult *result, GError **error)
{
  g_autoptr (GVariant) reply = g_task_propagate_pointer (G_TASK (result), error);

  return reply != NULL ? g_variant_get_child_value (reply, 0) : NULL;
}
