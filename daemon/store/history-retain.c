/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the history lets go of: what is older than HistorySettings.Days, and the oldest of what makes the file
 * larger than MaxMiB.
 *
 * Called by the writer thread between batches, a chunk at a time, so that records never wait long. The names
 * that nothing points to any more go with the messages, and the pages they were on go back to the disk.
 */
#include "store/history-private.h"

#include "util/clock.h"

#define CHUNK     200               /* messages a transaction */
#define MIB       ((gint64) 1 << 20)
#define DAY_US    (86400 * (gint64) G_USEC_PER_SEC)
#define SQL_SIZE                                                                                   \
  "SELECT (page_count - freelist_count) * page_size"                                               \
  " FROM pragma_page_count, pragma_freelist_count, pragma_page_size"
#define SQL_OLDEST                                                                                 \
  "SELECT id, sender, client, login FROM message WHERE time < ?1 ORDER BY time LIMIT ?2"
#define SQL_NAMES            "SELECT name, original FROM recipient WHERE message = ?1"
#define SQL_DROP_RECIPIENTS  "DELETE FROM recipient WHERE message = ?1"
#define SQL_DROP_ATTEMPTS    "DELETE FROM attempt WHERE message = ?1"
#define SQL_DROP_MESSAGE     "DELETE FROM message WHERE id = ?1"
/* Of messages that were never recorded; ids are Unix microseconds. */
#define SQL_STRAYS                                                                                 \
  "SELECT message FROM attempt WHERE message < ?1"                                                 \
  " AND NOT EXISTS (SELECT 1 FROM message WHERE id = attempt.message) LIMIT ?2"
#define SQL_GIVE_BACK "PRAGMA incremental_vacuum (2000)"

typedef struct
{
  PbHistory *history;
  PbDatabase *database;
  GArray *ids;       /* (owned) of gint64: messages that go */
  GHashTable *names; /* (owned) gint64* set: what they pointed to */
  GError **error;
} Chunk;

static void
note_name (Chunk *self, sqlite3_stmt *row, int column)
{
  gint64 id = sqlite3_column_int64 (row, column);

  if (id != 0)
    g_hash_table_add (self->names, g_memdup2 (&id, sizeof id));
}

/* The messages that go first. */
static gboolean
read_oldest (Chunk *self, gint64 before)
{
  sqlite3_stmt *statement = pb_database_statement (self->database, SQL_OLDEST, self->error);
  int code;

  if (statement == NULL)
    return FALSE;
  sqlite3_bind_int64 (statement, 1, before);
  sqlite3_bind_int64 (statement, 2, CHUNK);
  while ((code = pb_database_step (self->database, statement, self->error)) == SQLITE_ROW)
    {
      gint64 id = sqlite3_column_int64 (statement, 0);

      g_array_append_val (self->ids, id);
      for (int column = 1; column <= 3; column++)
        note_name (self, statement, column);
    }
  return code == SQLITE_DONE;
}

static gboolean
read_names (Chunk *self, gint64 message)
{
  sqlite3_stmt *statement = pb_database_statement (self->database, SQL_NAMES, self->error);
  int code;

  if (statement == NULL)
    return FALSE;
  sqlite3_bind_int64 (statement, 1, message);
  while ((code = pb_database_step (self->database, statement, self->error)) == SQLITE_ROW)
    {
      note_name (self, statement, 0);
      note_name (self, statement, 1);
    }
  return code == SQLITE_DONE;
}

static gboolean
run_for (Chunk *self, const char *sql, gint64 message)
{
  sqlite3_stmt *statement = pb_database_statement (self->database, sql, self->error);

  if (statement == NULL)
    return FALSE;
  sqlite3_bind_int64 (statement, 1, message);
  return pb_database_run (self->database, statement, self->error);
}

static gboolean
drop_messages (Chunk *self)
{
  for (guint i = 0; i < self->ids->len; i++)
    {
      gint64 id = g_array_index (self->ids, gint64, i);

      if (!read_names (self, id) || !run_for (self, SQL_DROP_RECIPIENTS, id)
          || !run_for (self, SQL_DROP_ATTEMPTS, id) || !run_for (self, SQL_DROP_MESSAGE, id))
        return FALSE;
    }
  return TRUE;
}

static gboolean
drop_names (Chunk *self)
{
  GHashTableIter iter;
  gpointer id;

  g_hash_table_iter_init (&iter, self->names);
  while (g_hash_table_iter_next (&iter, &id, NULL))
    if (!pb_history_name_drop (self->history, *(gint64 *) id, self->error))
      return FALSE;
  return TRUE;
}

/* Attempts at messages that were never recorded. */
static gboolean
drop_strays (Chunk *self, gint64 before, guint *n)
{
  sqlite3_stmt *statement = pb_database_statement (self->database, SQL_STRAYS, self->error);
  g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (gint64));
  int code;

  if (statement == NULL)
    return FALSE;
  sqlite3_bind_int64 (statement, 1, before);
  sqlite3_bind_int64 (statement, 2, CHUNK);
  while ((code = pb_database_step (self->database, statement, self->error)) == SQLITE_ROW)
    {
      gint64 id = sqlite3_column_int64 (statement, 0);

      g_array_append_val (ids, id);
    }
  for (guint i = 0; code == SQLITE_DONE && i < ids->len; i++)
    if (!run_for (self, SQL_DROP_ATTEMPTS, g_array_index (ids, gint64, i)))
      return FALSE;
  *n = ids->len;
  return code == SQLITE_DONE;
}

static gboolean
drop_in_transaction (Chunk *self, gint64 before, guint *n_strays)
{
  if (pb_database_exec (self->database, "BEGIN IMMEDIATE", self->error)
      && read_oldest (self, before) && drop_messages (self) && drop_names (self)
      && drop_strays (self, before, n_strays)
      && pb_database_exec (self->database, "COMMIT", self->error))
    return TRUE;
  if (!sqlite3_get_autocommit (self->database->handle))
    pb_database_exec (self->database, "ROLLBACK", NULL);
  g_hash_table_remove_all (self->history->names.ids);
  return FALSE;
}

/* A chunk of what is older than @before. @n (out): how much that was; fewer than CHUNK: no more is left. */
static gboolean
drop_chunk (PbHistory *history, gint64 before, guint *n, GError **error)
{
  g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (gint64));
  g_autoptr (GHashTable) names = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);
  Chunk chunk = { history, history->database, ids, names, error };
  guint n_strays = 0;

  if (!drop_in_transaction (&chunk, before, &n_strays))
    return FALSE;
  *n = MAX (ids->len, n_strays);
  return *n == 0 || pb_database_exec (history->database, SQL_GIVE_BACK, error);
}

gboolean
pb_history_sweep (PbHistory *self, guint days, guint max_mib, gboolean *more, GError **error)
{
  gint64 size, before = 0;
  guint n;

  *more = FALSE;
  if (days > 0)
    before = pb_clock_wall () - days * DAY_US;
  if (!pb_database_read_integer (self->database, SQL_SIZE, &size, error))
    return FALSE;
  if (max_mib > 0 && size > max_mib * MIB)
    before = G_MAXINT64;
  if (before <= 0)
    return TRUE;
  if (!drop_chunk (self, before, &n, error))
    return FALSE;
  *more = n >= CHUNK;
  if (!*more)
    return pb_database_checkpoint (self->database, TRUE, error);
  if (self->database->wal_pages >= 4000)
    return pb_database_checkpoint (self->database, FALSE, error);
  return TRUE;
}
