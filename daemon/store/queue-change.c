/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What an administrator does to messages: held, released, tried now, removed, sent elsewhere.
 *
 * Called by the queue with some ids at a time. A change rides behind the marks that were handed in before
 * it, so that no older mark undoes it, and keeps claims under way from bringing what it touches. When the
 * disk has no room for it the caller hears so: unlike a mark it can be asked for again.
 */
#include "store/store-private.h"

#include "util/clock.h"

#define SQL_SET_TARGET "UPDATE message SET target = ?2 WHERE id = ?1"

typedef struct
{
  PbWriteJob job; /* first */
  PbStore *store;
  PbStoreChangeKind kind;
  char *target;        /* (owned) (nullable) */
  gboolean by_class;
  PbClass class;
  GArray *ids;         /* (owned) */
  GArray *changed;     /* (owned) */
  PbMailbox *reply_to; /* (owned) */
  PbStoreChanged func;
  gpointer user_data;
  GError *error; /* (owned) (nullable) */
} Change;

static gboolean
set_target (Change *self, PbDatabase *database, guint64 id, GError **error)
{
  sqlite3_stmt *statement = pb_database_statement (database, SQL_SET_TARGET, error);

  if (statement == NULL)
    return FALSE;
  sqlite3_bind_int64 (statement, 1, (sqlite3_int64) id);
  if (self->target != NULL)
    sqlite3_bind_text (statement, 2, self->target, -1, SQLITE_STATIC);
  return pb_database_run (database, statement, error);
}

/* Whether the message is still in the state that it was chosen for. */
static gboolean
is_meant (const Change *self, const PbTouched *touched)
{
  PbClass class;
  gint64 next_attempt;
  guint left;

  pb_status_set_judge (touched->set, &class, &next_attempt, &left);
  return left > 0 && (!self->by_class || class == self->class);
}

static gboolean
change_one (Change *self, PbDatabase *database, guint64 id, gint64 now, GError **error)
{
  g_autoptr (GError) own = NULL;
  PbTouched *touched = pb_batch_touch (self->store, database, id, &own);

  if (touched == NULL)
    {
      if (g_error_matches (own, PB_STORE_ERROR, PB_STORE_ERROR_NOT_FOUND))
        return TRUE;
      g_propagate_error (error, g_steal_pointer (&own));
      return FALSE;
    }
  if (!is_meant (self, touched))
    return TRUE;
  if (self->kind == PB_CHANGE_REROUTE && !set_target (self, database, id, error))
    return FALSE;
  if (pb_status_set_change (touched->set, self->kind, now) || self->kind == PB_CHANGE_REROUTE)
    g_array_append_val (self->changed, id);
  return TRUE;
}

static gboolean
run_change (PbWriteJob *job, gpointer owner, PbDatabase *database, GError **error)
{
  Change *self = (Change *) job;
  gint64 now = pb_clock_wall () / G_USEC_PER_SEC;

  g_array_set_size (self->changed, 0);
  for (guint i = 0; i < self->ids->len; i++)
    if (!change_one (self, database, g_array_index (self->ids, guint64, i), now, error))
      return FALSE;
  /* Before the commit: a claim that was asked for earlier reads what was, one that is asked for later comes behind. */
  if (self->changed->len > 0)
    pb_claims_exclude (self->store->claims, (const guint64 *) (gpointer) self->changed->data,
                       self->changed->len);
  return TRUE;
}

static void
on_change_answered (gpointer data)
{
  Change *self = data;

  self->func (self->error == NULL ? self->changed : NULL, self->error, self->user_data);
  g_array_unref (self->ids);
  g_array_unref (self->changed);
  g_clear_pointer (&self->reply_to, pb_mailbox_unref);
  g_clear_error (&self->error);
  g_free (self->target);
  g_free (self);
}

static void
on_change_done (PbWriteJob *job, gpointer owner, const GError *error, PbReplies *replies)
{
  Change *self = (Change *) job;

  self->error = error != NULL ? g_error_copy (error) : NULL;
  pb_replies_add (replies, self->reply_to, on_change_answered, self);
}

static const PbWriteOps change_ops = {
  .run = run_change, .done = on_change_done, .lazy = TRUE, .prompt = TRUE
};

void
pb_store_change (PbStore *self, const PbStoreChange *change, GArray *ids, PbMailbox *reply_to,
                 PbStoreChanged func, gpointer user_data)
{
  Change *job = g_new0 (Change, 1);

  job->job.ops = &change_ops;
  job->store = self;
  job->kind = change->kind;
  job->target = g_strdup (change->target);
  job->by_class = change->state != NULL && pb_class_from_name (change->state, &job->class);
  job->ids = ids;
  job->changed = g_array_sized_new (FALSE, FALSE, sizeof (guint64), ids->len);
  job->reply_to = pb_mailbox_ref (reply_to);
  job->func = func;
  job->user_data = user_data;
  pb_writer_push (self->writer, &job->job);
}
