/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A walk over the ids of all messages that match a filter, for what an administrator does to many.
 *
 * Driven by the caller, some ids at a time, on the viewing thread: between two steps everything else gets
 * its turn, and what was changed meanwhile is seen as it is then. A walk owns its filter; a step under way
 * borrows the walk.
 */
#include "store/row.h"
#include "store/store-private.h"

#define SQL_IDS "SELECT id FROM message WHERE id > ?1 AND id < ?2 ORDER BY id LIMIT ?3"
#define SQL_IDS_OF_CLASS                                                                           \
  "SELECT id FROM message WHERE class = ?4 AND id > ?1 AND id < ?2 ORDER BY id LIMIT ?3"
#define SQL_ROWS "SELECT " PB_ROW_COLUMNS " FROM message WHERE id > ?1 AND id < ?2 ORDER BY id LIMIT ?3"
#define SQL_ROW "SELECT " PB_ROW_COLUMNS " FROM message WHERE id = ?1"

#define STRIDE 5000 /* rows read in one go */

struct _PbStoreWalk
{
  PbStore *store;        /* (unowned) */
  PbQueueFilter *filter; /* (owned) (nullable) */
  gint64 after, end;
  gsize next; /* of the filter's ids */

  /* of the step under way */
  guint limit;
  GArray *ids;         /* (owned) (nullable) */
  PbMailbox *reply_to; /* (owned) (nullable) */
  PbStoreWalked func;
  gpointer user_data;
  GError *error; /* (owned) (nullable) */
};

PbStoreWalk *
pb_store_walk_new (PbStore *self, PbQueueFilter *filter, guint64 end)
{
  PbStoreWalk *walk = g_new0 (PbStoreWalk, 1);

  walk->store = self;
  walk->filter = filter;
  walk->end = (gint64) MIN (end, G_MAXINT64);
  return walk;
}

void
pb_store_walk_free (PbStoreWalk *self)
{
  if (self == NULL)
    return;
  pb_queue_filter_free (self->filter);
  g_free (self);
}

static void
on_walk_answered (gpointer data)
{
  PbStoreWalk *self = data;
  g_autoptr (GError) error = g_steal_pointer (&self->error);
  GArray *ids = g_steal_pointer (&self->ids);

  g_clear_pointer (&self->reply_to, pb_mailbox_unref);
  if (error != NULL)
    g_clear_pointer (&ids, g_array_unref);
  /* The walk may be freed in there. */
  self->func (ids, error, self->user_data);
}

/* Reads on from the last id until the rows or the limit end. Returns: whether a whole stride was read. */
static gboolean
walk_stride (PbStoreWalk *self, sqlite3_stmt *row, gboolean decode)
{
  guint n = 0, stride = decode ? STRIDE : self->limit - self->ids->len;
  int code = SQLITE_DONE;

  sqlite3_bind_int64 (row, 1, self->after);
  sqlite3_bind_int64 (row, 2, self->end);
  sqlite3_bind_int64 (row, 3, stride);
  while (self->ids->len < self->limit
         && (code = pb_database_step (self->store->viewer, row, &self->error)) == SQLITE_ROW)
    {
      PbQueued *queued = decode ? pb_queue_filter_match (self->filter, row) : NULL;

      self->after = sqlite3_column_int64 (row, 0);
      if (!decode || queued != NULL)
        g_array_append_val (self->ids, self->after);
      pb_queued_free (queued);
      n++;
    }
  if (code == SQLITE_ROW)
    pb_database_reset (row);
  return n == stride;
}

static void
walk_rows (PbStoreWalk *self)
{
  gboolean decode = pb_queue_filter_reads_rows (self->filter);
  gboolean by_class = !decode && self->filter != NULL && self->filter->state != NULL;
  const char *sql = decode ? SQL_ROWS : by_class ? SQL_IDS_OF_CLASS : SQL_IDS;
  sqlite3_stmt *row = pb_database_statement (self->store->viewer, sql, &self->error);
  PbClass class = PB_N_CLASSES;
  gboolean more = row != NULL;

  if (by_class)
    pb_class_from_name (self->filter->state, &class);
  while (more && self->ids->len < self->limit && self->error == NULL)
    {
      if (by_class)
        sqlite3_bind_int (row, 4, (int) class);
      more = walk_stride (self, row, decode);
    }
}

/* With ids only those that are there and match the rest too. */
static void
walk_ids (PbStoreWalk *self)
{
  sqlite3_stmt *row = pb_database_statement (self->store->viewer, SQL_ROW, &self->error);

  while (row != NULL && self->next < self->filter->n_ids && self->ids->len < self->limit
         && self->error == NULL)
    {
      guint64 id = self->filter->ids[self->next++];

      sqlite3_bind_int64 (row, 1, (sqlite3_int64) id);
      if (pb_database_step (self->store->viewer, row, &self->error) == SQLITE_ROW)
        {
          PbQueued *queued = pb_queue_filter_match (self->filter, row);

          if (queued != NULL)
            g_array_append_val (self->ids, id);
          pb_queued_free (queued);
          pb_database_reset (row);
        }
    }
}

static void
walk (gpointer data)
{
  PbStoreWalk *self = data;

  if (self->filter != NULL && self->filter->ids != NULL)
    walk_ids (self);
  else
    walk_rows (self);
  pb_reply_now (self->reply_to, on_walk_answered, self);
}

void
pb_store_walk_next (PbStoreWalk *self, guint limit, PbMailbox *reply_to, PbStoreWalked func,
                    gpointer user_data)
{
  self->limit = limit;
  self->ids = g_array_new (FALSE, FALSE, sizeof (guint64));
  self->reply_to = pb_mailbox_ref (reply_to);
  self->func = func;
  self->user_data = user_data;
  pb_pool_run (self->store->view_pool, walk, NULL, NULL, self);
}
