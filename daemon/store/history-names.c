/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The history's dictionary: every address, client and login once, with a number and its place in the index
 * of three-letter pieces. Called by the writer thread inside its transactions; the numbers used lately are
 * kept in memory, so that the same sender to the same recipient costs no look-up. After a transaction that
 * was rolled back, and with another file, the memory is emptied.
 */
#include "store/history-private.h"

#include <string.h>

#define MAX_KEPT 20000
#define MAX_NAME 512 /* octets; a path is 256 at most (RFC 5321 4.5.3.1.3) */

#define SQL_FIND     "SELECT id FROM name WHERE text = ?1"
#define SQL_ADD      "INSERT INTO name (text) VALUES (?1)"
#define SQL_INDEX    "INSERT INTO name_search (rowid, text) VALUES (?1, ?2)"
#define SQL_TEXT     "SELECT text FROM name WHERE id = ?1"
#define SQL_UNINDEX  "INSERT INTO name_search (name_search, rowid, text) VALUES ('delete', ?1, ?2)"
#define SQL_DROP     "DELETE FROM name WHERE id = ?1"
#define SQL_IS_USED                                                                                \
  "SELECT EXISTS (SELECT 1 FROM message WHERE sender = ?1)"                                        \
  " OR EXISTS (SELECT 1 FROM message WHERE client = ?1)"                                           \
  " OR EXISTS (SELECT 1 FROM message WHERE login = ?1)"                                            \
  " OR EXISTS (SELECT 1 FROM recipient WHERE name = ?1)"                                           \
  " OR EXISTS (SELECT 1 FROM recipient WHERE original = ?1)"

void
pb_history_names_init (PbHistoryNames *self)
{
  self->ids = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
}

void
pb_history_names_clear (PbHistoryNames *self)
{
  g_clear_pointer (&self->ids, g_hash_table_unref);
}

/* As it is kept. (transfer full) (nullable): NULL: as it is. */
static char *
make_tame (const char *text)
{
  gsize length = strlen (text);
  g_autofree char *cut = NULL;

  if (length <= MAX_NAME && g_utf8_validate (text, (gssize) length, NULL))
    return NULL;
  cut = g_strndup (text, MAX_NAME);
  return g_utf8_make_valid (cut, -1);
}

static gboolean
run_indexing (PbDatabase *database, const char *sql, gint64 id, const char *text, GError **error)
{
  sqlite3_stmt *statement = pb_database_statement (database, sql, error);

  if (statement == NULL)
    return FALSE;
  sqlite3_bind_int64 (statement, 1, id);
  sqlite3_bind_text (statement, 2, text, -1, SQLITE_STATIC);
  return pb_database_run (database, statement, error);
}

static gint64
add_name (PbDatabase *database, const char *text, GError **error)
{
  sqlite3_stmt *statement = pb_database_statement (database, SQL_ADD, error);
  gint64 id;

  if (statement == NULL)
    return 0;
  sqlite3_bind_text (statement, 1, text, -1, SQLITE_STATIC);
  if (!pb_database_run (database, statement, error))
    return 0;
  id = sqlite3_last_insert_rowid (database->handle);
  return run_indexing (database, SQL_INDEX, id, text, error) ? id : 0;
}

static gint64
find_name (PbDatabase *database, const char *text, GError **error)
{
  sqlite3_stmt *statement = pb_database_statement (database, SQL_FIND, error);
  gint64 id = 0;
  int code;

  if (statement == NULL)
    return 0;
  sqlite3_bind_text (statement, 1, text, -1, SQLITE_STATIC);
  code = pb_database_step (database, statement, error);
  if (code == SQLITE_ROW)
    {
      id = sqlite3_column_int64 (statement, 0);
      pb_database_reset (statement);
    }
  return code == SQLITE_DONE ? add_name (database, text, error) : id;
}

gint64
pb_history_name_id (PbHistory *self, const char *text, GError **error)
{
  g_autofree char *tame = make_tame (text);
  const char *kept = tame != NULL ? tame : text;
  gint64 *known = g_hash_table_lookup (self->names.ids, kept);
  gint64 id;

  if (known != NULL)
    return *known;
  id = find_name (self->database, kept, error);
  if (id == 0)
    return 0;
  if (g_hash_table_size (self->names.ids) >= MAX_KEPT)
    g_hash_table_remove_all (self->names.ids);
  g_hash_table_insert (self->names.ids, g_strdup (kept), g_memdup2 (&id, sizeof id));
  return id;
}

/* Returns: -1 with @error. */
static int
is_used (PbDatabase *database, gint64 id, GError **error)
{
  sqlite3_stmt *statement = pb_database_statement (database, SQL_IS_USED, error);
  int used = -1;

  if (statement == NULL)
    return -1;
  sqlite3_bind_int64 (statement, 1, id);
  if (pb_database_step (database, statement, error) == SQLITE_ROW)
    {
      used = sqlite3_column_int (statement, 0);
      pb_database_reset (statement);
    }
  return used;
}

/* Returns: (transfer full) (nullable): NULL without @error: there is none. */
static char *
name_text (PbDatabase *database, gint64 id, GError **error)
{
  sqlite3_stmt *statement = pb_database_statement (database, SQL_TEXT, error);
  char *text = NULL;

  if (statement == NULL)
    return NULL;
  sqlite3_bind_int64 (statement, 1, id);
  if (pb_database_step (database, statement, error) == SQLITE_ROW)
    {
      text = g_strdup ((const char *) sqlite3_column_text (statement, 0));
      pb_database_reset (statement);
    }
  return text;
}

gboolean
pb_history_name_drop (PbHistory *self, gint64 id, GError **error)
{
  PbDatabase *database = self->database;
  int used = is_used (database, id, error);
  g_autofree char *text = NULL;
  g_autoptr (GError) failure = NULL;
  sqlite3_stmt *statement;

  if (used != 0)
    return used > 0;
  text = name_text (database, id, &failure);
  if (text == NULL)
    {
      if (failure != NULL)
        g_propagate_error (error, g_steal_pointer (&failure));
      return failure == NULL && (error == NULL || *error == NULL);
    }
  g_hash_table_remove (self->names.ids, text);
  if (!run_indexing (database, SQL_UNINDEX, id, text, error))
    return FALSE;
  statement = pb_database_statement (database, SQL_DROP, error);
  if (statement == NULL)
    return FALSE;
  sqlite3_bind_int64 (statement, 1, id);
  return pb_database_run (database, statement, error);
}
