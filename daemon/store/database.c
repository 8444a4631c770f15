/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * SQLite as this floor uses it: opening, prepared statements, and one mapping of its error codes.
 *
 * Called by the writer thread, the readers and start-up; a connection is never shared. Errors are told
 * apart by what they mean for the store: busy and full cost a batch, anything from the disk below ends
 * the writing. A connection owns its statements.
 */
#include "store/database.h"

#include "store/store.h"
#include "store/wal-vfs.h"

#include <errno.h>

#define BUSY_TIMEOUT_MS 2000

typedef struct
{
  const char *sql; /* (static) */
  sqlite3_stmt *statement;
} Prepared;

static gboolean
is_out_of_space (int system_errno)
{
  return system_errno == ENOSPC || system_errno == EDQUOT || system_errno == EFBIG;
}

static gboolean
is_out_of_descriptors (int system_errno)
{
  return system_errno == EMFILE || system_errno == ENFILE;
}

static PbStoreError
classify (sqlite3 *handle, int code)
{
  int extended = handle != NULL ? sqlite3_extended_errcode (handle) : code;

  switch (code & 0xff)
    {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_NOMEM:
    case SQLITE_INTERRUPT:
      return PB_STORE_ERROR_BUSY;
    case SQLITE_FULL:
      return PB_STORE_ERROR_FULL;
    case SQLITE_CANTOPEN:
      /* Somebody has all descriptors; the disk has nothing to do with it. */
      return handle != NULL && is_out_of_descriptors (sqlite3_system_errno (handle)) ? PB_STORE_ERROR_BUSY
                                                                                     : PB_STORE_ERROR_FAILED;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return PB_STORE_ERROR_CORRUPT;
    case SQLITE_IOERR:
      if (extended == SQLITE_IOERR_NOMEM)
        return PB_STORE_ERROR_BUSY;
      /* Quota and file size limits come as I/O errors. A sync that fails is never excused. */
      if ((extended == SQLITE_IOERR_WRITE || extended == SQLITE_IOERR_SHMSIZE) && handle != NULL
          && is_out_of_space (sqlite3_system_errno (handle)))
        return PB_STORE_ERROR_FULL;
      return PB_STORE_ERROR_FAILED;
    default:
      return PB_STORE_ERROR_FAILED;
    }
}

void
pb_database_set_error (PbDatabase *self, int code, GError **error)
{
  const char *what = self->handle != NULL ? sqlite3_errmsg (self->handle) : sqlite3_errstr (code);
  int system_errno = self->handle != NULL ? sqlite3_system_errno (self->handle) : 0;
  PbStoreError kind = classify (self->handle, code);

  if (system_errno != 0
      && ((code & 0xff) == SQLITE_IOERR || (code & 0xff) == SQLITE_CANTOPEN
          || (code & 0xff) == SQLITE_FULL))
    g_set_error (error, PB_STORE_ERROR, (gint) kind, "%s: %s (%s)", self->path, what,
                 g_strerror (system_errno));
  else
    g_set_error (error, PB_STORE_ERROR, (gint) kind, "%s: %s", self->path, what);
}

static int
on_wal_grown (void *user_data, sqlite3 *handle, const char *name, int pages)
{
  PbDatabase *self = user_data;

  self->wal_pages = (guint) pages;
  return SQLITE_OK;
}

PbDatabase *
pb_database_open (const char *path, PbDatabaseMode mode, GError **error)
{
  g_autoptr (PbDatabase) self = g_new0 (PbDatabase, 1);
  int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
  int code;

  self->path = g_strdup (path);
  self->statements = g_array_new (FALSE, FALSE, sizeof (Prepared));
  flags |= mode == PB_DATABASE_READ_ONLY ? SQLITE_OPEN_READONLY
                                         : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  code = sqlite3_open_v2 (path, &self->handle, flags,
                          mode == PB_DATABASE_UNSYNCED ? NULL : pb_wal_vfs_name ());
  if (code != SQLITE_OK)
    {
      pb_database_set_error (self, code, error);
      return NULL;
    }
  sqlite3_extended_result_codes (self->handle, 1);
  sqlite3_busy_timeout (self->handle, BUSY_TIMEOUT_MS);
  /* Closing must not write: not into a file we refuse, and not after a failed sync. */
  sqlite3_db_config (self->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
  sqlite3_db_config (self->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
  sqlite3_wal_hook (self->handle, on_wal_grown, self);
  if (!pb_database_exec (self, "PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF;", error))
    return NULL;
  return g_steal_pointer (&self);
}

gboolean
pb_database_tune (PbDatabase *self, GError **error)
{
  sqlite3_stmt *statement = pb_database_statement (self, "PRAGMA journal_mode = WAL", error);
  const char *mode;
  gboolean is_wal;

  if (statement == NULL || pb_database_step (self, statement, error) != SQLITE_ROW)
    return FALSE;
  mode = (const char *) sqlite3_column_text (statement, 0);
  is_wal = g_strcmp0 (mode, "wal") == 0;
  pb_database_reset (statement);
  if (!is_wal)
    {
      g_set_error (error, PB_STORE_ERROR, PB_STORE_ERROR_FAILED,
                   "%s: its file system cannot hold a write-ahead log", self->path);
      return FALSE;
    }
  /* Debian compiles secure_delete on: 13 % of CPU for nothing here. The hook above is gone with wal_autocheckpoint, so it is set anew. */
  if (!pb_database_exec (self,
                         "PRAGMA synchronous = FULL; PRAGMA secure_delete = OFF;"
                         "PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = -8000;",
                         error))
    return FALSE;
  sqlite3_wal_hook (self->handle, on_wal_grown, self);
  return TRUE;
}

void
pb_database_close (PbDatabase *self)
{
  if (self == NULL)
    return;
  for (guint i = 0; i < self->statements->len; i++)
    sqlite3_finalize (g_array_index (self->statements, Prepared, i).statement);
  g_array_unref (self->statements);
  sqlite3_close_v2 (self->handle);
  g_free (self->path);
  g_free (self);
}

sqlite3_stmt *
pb_database_statement (PbDatabase *self, const char *sql, GError **error)
{
  Prepared prepared = { sql, NULL };
  int code;

  /* Some twenty at most; comparing addresses beats hashing. */
  for (guint i = 0; i < self->statements->len; i++)
    if (g_array_index (self->statements, Prepared, i).sql == sql)
      return g_array_index (self->statements, Prepared, i).statement;
  code = sqlite3_prepare_v3 (self->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &prepared.statement,
                             NULL);
  if (code != SQLITE_OK)
    {
      pb_database_set_error (self, code, error);
      return NULL;
    }
  g_array_append_val (self->statements, prepared);
  return prepared.statement;
}

void
pb_database_reset (sqlite3_stmt *statement)
{
  sqlite3_reset (statement);
  sqlite3_clear_bindings (statement);
}

int
pb_database_step (PbDatabase *self, sqlite3_stmt *statement, GError **error)
{
  int code = sqlite3_step (statement);

  if (code == SQLITE_ROW)
    return code;
  if (code != SQLITE_DONE)
    pb_database_set_error (self, code, error);
  pb_database_reset (statement);
  return code;
}

gboolean
pb_database_run (PbDatabase *self, sqlite3_stmt *statement, GError **error)
{
  int code;

  do
    code = pb_database_step (self, statement, error);
  while (code == SQLITE_ROW);
  return code == SQLITE_DONE;
}

gboolean
pb_database_exec (PbDatabase *self, const char *sql, GError **error)
{
  int code = sqlite3_exec (self->handle, sql, NULL, NULL, NULL);

  if (code == SQLITE_OK)
    return TRUE;
  pb_database_set_error (self, code, error);
  return FALSE;
}

gboolean
pb_database_read_integer (PbDatabase *self, const char *sql, gint64 *value, GError **error)
{
  sqlite3_stmt *statement = pb_database_statement (self, sql, error);
  int code;

  *value = 0;
  if (statement == NULL)
    return FALSE;
  code = pb_database_step (self, statement, error);
  if (code == SQLITE_ROW)
    {
      *value = sqlite3_column_int64 (statement, 0);
      pb_database_reset (statement);
    }
  return code == SQLITE_ROW || code == SQLITE_DONE;
}

gboolean
pb_database_checkpoint (PbDatabase *self, gboolean truncate, GError **error)
{
  int mode = truncate ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE;
  int code = sqlite3_wal_checkpoint_v2 (self->handle, NULL, mode, NULL, NULL);

  self->checkpoints++;
  if (code == SQLITE_OK || (code & 0xff) == SQLITE_BUSY)
    return TRUE;
  pb_database_set_error (self, code, error);
  return FALSE;
}
