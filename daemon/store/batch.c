/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What surrounds the jobs of one transaction of the queue: states that settlements share, the counts, the
 * high-water mark, files to remove.
 *
 * Runs on the writer thread, called by the writer's hooks. All of it is a difference until the commit
 * succeeded; a transaction that fails leaves nothing behind. A message settled many times in one batch
 * (a thousand recipients of one destination) is read and written once.
 */
#include "store/shrink.h"
#include "store/store-private.h"

#include "util/log.h"

#define SQL_READ_MESSAGE                                                                           \
  "SELECT class, size, in_file, n_recipients, arrival, status FROM message WHERE id = ?1"
#define SQL_DELETE_MESSAGE "DELETE FROM message WHERE id = ?1"
#define SQL_DELETE_BODY    "DELETE FROM body WHERE id = ?1"
#define SQL_UPDATE_MESSAGE                                                                         \
  "UPDATE message SET next_attempt = ?2, class = ?3, status = ?4 WHERE id = ?1"
#define SQL_OLDEST "SELECT arrival FROM message ORDER BY id LIMIT 1"

static void
touched_free (gpointer data)
{
  PbTouched *self = data;

  pb_status_set_free (self->set);
  g_free (self);
}

void
pb_batch_init (PbBatch *self)
{
  self->touched = g_hash_table_new_full (g_int64_hash, g_int64_equal, NULL, touched_free);
  self->inserted = g_array_new (FALSE, FALSE, sizeof (guint64));
  self->unlinks = g_array_new (FALSE, FALSE, sizeof (guint64));
}

void
pb_batch_clear (PbBatch *self)
{
  g_clear_pointer (&self->touched, g_hash_table_unref);
  g_clear_pointer (&self->inserted, g_array_unref);
  g_clear_pointer (&self->unlinks, g_array_unref);
}

static void
on_batch_begun (gpointer owner)
{
  PbBatch *self = &((PbStore *) owner)->batch;

  for (guint i = 0; i < PB_N_CLASSES; i++)
    self->messages[i] = 0;
  self->bytes = 0;
  self->high_water = 0;
  g_hash_table_remove_all (self->touched);
  g_array_set_size (self->inserted, 0);
  g_array_set_size (self->unlinks, 0);
}

static PbTouched *
touched_from_row (guint64 id, sqlite3_stmt *row)
{
  PbTouched *self = g_new0 (PbTouched, 1);
  guint n = (guint) CLAMP (sqlite3_column_int64 (row, 3), 0, G_MAXINT);
  gint64 arrival = sqlite3_column_int64 (row, 4);
  char id_text[PB_QUEUE_ID_TEXT];

  self->id = (gint64) id;
  self->class = (PbClass) CLAMP (sqlite3_column_int (row, 0), 0, PB_N_CLASSES - 1);
  self->size = (guint64) sqlite3_column_int64 (row, 1);
  self->in_file = sqlite3_column_int (row, 2) != 0;
  if (sqlite3_column_type (row, 5) != SQLITE_NULL)
    {
      self->set = pb_status_set_parse (sqlite3_column_blob (row, 5),
                                       (gsize) sqlite3_column_bytes (row, 5), n);
      if (self->set != NULL)
        return self;
      /* Who had the message already is not known: nobody gets it again by itself. */
      pb_log (PB_LOG_ERROR, "delivery status damaged, recipients held", "queue-id",
              pb_queue_id_format (id, id_text), NULL);
      self->set = pb_status_set_new (n, arrival);
      pb_status_set_quarantine (self->set, PB_STATUS_DAMAGED);
      return self;
    }
  self->set = pb_status_set_new (n, arrival);
  return self;
}

PbTouched *
pb_batch_touch (PbStore *store, PbDatabase *database, guint64 id, GError **error)
{
  PbTouched *touched = g_hash_table_lookup (store->batch.touched, &id);
  sqlite3_stmt *row;
  int code;

  if (touched != NULL)
    return touched;
  row = pb_database_statement (database, SQL_READ_MESSAGE, error);
  if (row == NULL)
    return NULL;
  sqlite3_bind_int64 (row, 1, (sqlite3_int64) id);
  code = pb_database_step (database, row, error);
  if (code == SQLITE_DONE)
    g_set_error (error, PB_STORE_ERROR, PB_STORE_ERROR_NOT_FOUND, "no such message in the queue");
  if (code != SQLITE_ROW)
    return NULL;
  touched = touched_from_row (id, row);
  pb_database_reset (row);
  g_hash_table_insert (store->batch.touched, &touched->id, touched);
  return touched;
}

static gboolean
delete_by_id (PbDatabase *database, const char *sql, gint64 id, GError **error)
{
  sqlite3_stmt *statement = pb_database_statement (database, sql, error);

  if (statement == NULL)
    return FALSE;
  sqlite3_bind_int64 (statement, 1, id);
  return pb_database_run (database, statement, error);
}

static gboolean
remove_message (PbBatch *batch, PbDatabase *database, PbTouched *touched, GError **error)
{
  guint64 id = (guint64) touched->id;

  batch->messages[touched->class]--;
  batch->bytes -= (gint64) touched->size;
  if (touched->in_file)
    g_array_append_val (batch->unlinks, id);
  return delete_by_id (database, SQL_DELETE_MESSAGE, touched->id, error)
         && (touched->in_file || delete_by_id (database, SQL_DELETE_BODY, touched->id, error));
}

static gboolean
write_back (PbBatch *batch, PbDatabase *database, PbTouched *touched, GError **error)
{
  g_autoptr (GBytes) status = NULL;
  sqlite3_stmt *statement;
  PbClass class;
  gint64 next_attempt;
  guint left;

  pb_status_set_judge (touched->set, &class, &next_attempt, &left);
  if (left == 0)
    return remove_message (batch, database, touched, error);
  statement = pb_database_statement (database, SQL_UPDATE_MESSAGE, error);
  if (statement == NULL)
    return FALSE;
  batch->messages[touched->class]--;
  batch->messages[class]++;
  status = pb_status_set_serialize (touched->set);
  sqlite3_bind_int64 (statement, 1, touched->id);
  if (next_attempt >= 0)
    sqlite3_bind_int64 (statement, 2, next_attempt);
  sqlite3_bind_int (statement, 3, (int) class);
  sqlite3_bind_blob64 (statement, 4, g_bytes_get_data (status, NULL), g_bytes_get_size (status),
                       SQLITE_STATIC);
  return pb_database_run (database, statement, error);
}

/*
 * Inside the transaction: one of its own would take and give back SQLite's locks once more. It is only a figure, and a damaged row somewhere is no
 * reason to take no mail; but an error that has rolled the transaction back must be told as what it is.
 */
static gboolean
read_oldest (PbBatch *self, PbDatabase *database, GError **error)
{
  g_autoptr (GError) own = NULL;

  if (pb_database_read_integer (database, SQL_OLDEST, &self->oldest, &own)
      || !sqlite3_get_autocommit (database->handle))
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&own));
  return FALSE;
}

static gboolean
on_batch_ending (gpointer owner, PbDatabase *database, GError **error)
{
  PbStore *store = owner;
  PbBatch *self = &store->batch;
  GHashTableIter iter;
  gpointer touched;

  g_hash_table_iter_init (&iter, self->touched);
  while (g_hash_table_iter_next (&iter, NULL, &touched))
    if (!write_back (self, database, touched, error))
      return FALSE;
  if (!pb_store_write_high_water (store, database, error)
      || !pb_room_ensure (store->room, database, error))
    return FALSE;
  if (!read_oldest (self, database, error))
    return FALSE;
  /* Before the commit, so that no claim can read a message that its caller is about to be told of. */
  if (self->inserted->len > 0)
    pb_claims_exclude (store->claims, (const guint64 *) (gpointer) self->inserted->data,
                       self->inserted->len);
  return TRUE;
}

static void
add_difference (guint64 *count, gint64 difference)
{
  *count = (guint64) MAX (0, (gint64) *count + difference);
}

static void
on_batch_committed (gpointer owner, PbDatabase *database)
{
  PbStore *store = owner;
  PbBatch *self = &store->batch;

  pb_store_ids_committed (store);
  g_mutex_lock (&store->counts_lock);
  add_difference (&store->counts.active, self->messages[PB_CLASS_ACTIVE]);
  add_difference (&store->counts.deferred, self->messages[PB_CLASS_DEFERRED]);
  add_difference (&store->counts.held, self->messages[PB_CLASS_HELD]);
  add_difference (&store->counts.bytes, self->bytes);
  store->counts.oldest = self->oldest;
  g_mutex_unlock (&store->counts_lock);
  if (self->messages[PB_CLASS_HELD] != 0)
    pb_store_tell_held (store);
  if (self->inserted->len > 0 || g_hash_table_size (self->touched) > 0)
    pb_store_tell_queue (store);
  if (self->unlinks->len > 0)
    pb_store_unlink (store, (const guint64 *) (gpointer) self->unlinks->data, self->unlinks->len);
}

static void
on_writer_failed (gpointer owner, const GError *error)
{
  pb_store_fail (owner, error);
}

static gboolean
on_writer_resting (gpointer owner, PbDatabase *database, gboolean *wrote, GError **error)
{
  PbStore *store = owner;

  if (!pb_database_shrink (database, wrote, error))
    return FALSE;
  if (*wrote)
    {
      pb_room_shrunk (store->room, database);
      pb_log (PB_LOG_INFO, "queue database written anew, much of it was empty", "database",
              database->path, NULL);
    }
  return TRUE;
}

const PbWriterHooks pb_store_writer_hooks = {
  .begin = on_batch_begun,
  .before_commit = on_batch_ending,
  .committed = on_batch_committed,
  .failed = on_writer_failed,
  .resting = on_writer_resting,
};
