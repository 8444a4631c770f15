/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What start-up finds: half-written files, files without a row, what the queue holds, and whether the
 * database is sound.
 *
 * Called while the store is opened, before anything else runs. A file without a row belongs to a message
 * that was never acknowledged, or was already delivered, and is removed; but if the database itself is
 * new, its loss is the likelier story, and the files are set aside in spool/lost/ for a person to look at.
 * Files whose names are no queue ids are not ours and stay. quick_check runs beside, on a thread and a
 * connection of its own, since it reads everything.
 */
#include "store/store-private.h"

#include "util/clock.h"
#include "util/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define SQL_HAS_FILE "SELECT 1 FROM message WHERE id = ?1 AND in_file = 1"
#define SQL_COUNT    "SELECT class, count(*), sum(size) FROM message GROUP BY class"
#define SQL_OLDEST   "SELECT arrival FROM message ORDER BY id LIMIT 1"
#define SQL_HIGH_WATER                                                                             \
  "SELECT max(h.id, ifnull((SELECT max(id) FROM message), 0)) FROM high_water h"
#define SQL_PULL_IN "UPDATE message SET next_attempt = ?1 WHERE next_attempt > ?2"
#define SQL_CHECK   "PRAGMA quick_check(1)"

/* No back-off is longer: a later attempt was planned by a clock that was wrong. */
#define FAR_FUTURE_S (30 * 24 * 3600)
#define CHECK_STEPS  10000

typedef gboolean (*FileFunc) (PbStore *store, PbDatabase *database, const char *name,
                              gpointer user_data, GError **error);

static DIR *
open_stream (int dir_fd, GError **error)
{
  int fd = openat (dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *stream = fd >= 0 ? fdopendir (fd) : NULL;

  if (stream != NULL)
    return stream;
  pb_store_set_error_from_errno (error, errno, "Cannot read", "the spool directory");
  if (fd >= 0)
    close (fd);
  return NULL;
}

static gboolean
for_each_file (PbStore *store, PbDatabase *database, int dir_fd, FileFunc func, gpointer user_data,
               GError **error)
{
  DIR *stream = open_stream (dir_fd, error);
  struct dirent *entry;
  gboolean ok = TRUE;

  if (stream == NULL)
    return FALSE;
  while (ok && (entry = readdir (stream)) != NULL)
    if (entry->d_name[0] != '.')
      ok = func (store, database, entry->d_name, user_data, error);
  closedir (stream);
  return ok;
}

static gboolean
remove_half_written (PbStore *store, PbDatabase *database, const char *name, gpointer user_data,
                     GError **error)
{
  unlinkat (store->spool_dir->tmp_fd, name, 0);
  return TRUE;
}

static gboolean
set_aside (PbStore *store, const char *name, GError **error)
{
  g_autofree char *target = g_strconcat ("lost/", name, NULL);

  if (mkdirat (store->spool_dir->fd, "lost", 0700) != 0 && errno != EEXIST)
    {
      pb_store_set_error_from_errno (error, errno, "Cannot make", "spool/lost");
      return FALSE;
    }
  if (renameat (store->spool_dir->fd, name, store->spool_dir->fd, target) != 0)
    {
      pb_store_set_error_from_errno (error, errno, "Cannot set aside", name);
      return FALSE;
    }
  pb_log (PB_LOG_WARNING, "message file without a queue set aside in spool/lost", "queue-id", name, NULL);
  return TRUE;
}

static gboolean
remove_orphan (PbStore *store, PbDatabase *database, const char *name, gpointer user_data,
               GError **error)
{
  const gboolean *database_is_new = user_data;
  sqlite3_stmt *statement;
  guint64 id;
  int code;

  if (!pb_queue_id_parse (name, &id))
    return TRUE;
  statement = pb_database_statement (database, SQL_HAS_FILE, error);
  if (statement == NULL)
    return FALSE;
  sqlite3_bind_int64 (statement, 1, (sqlite3_int64) id);
  code = pb_database_step (database, statement, error);
  if (code == SQLITE_ROW)
    {
      pb_database_reset (statement);
      return TRUE;
    }
  if (code != SQLITE_DONE)
    return FALSE;
  if (*database_is_new)
    return set_aside (store, name, error);
  unlinkat (store->spool_dir->fd, name, 0);
  pb_log (PB_LOG_INFO, "message file without a row removed", "queue-id", name, NULL);
  return TRUE;
}

static gboolean
count_messages (PbStore *self, PbDatabase *database, GError **error)
{
  sqlite3_stmt *row = pb_database_statement (database, SQL_COUNT, error);
  guint64 *const counts[PB_N_CLASSES] = { &self->counts.active, &self->counts.deferred,
                                          &self->counts.held };
  int code;

  if (row == NULL)
    return FALSE;
  while ((code = pb_database_step (database, row, error)) == SQLITE_ROW)
    {
      int class = CLAMP (sqlite3_column_int (row, 0), 0, PB_N_CLASSES - 1);

      *counts[class] += (guint64) sqlite3_column_int64 (row, 1);
      self->counts.bytes += (guint64) sqlite3_column_int64 (row, 2);
    }
  return code == SQLITE_DONE
         && pb_database_read_integer (database, SQL_OLDEST, &self->counts.oldest, error);
}

static gboolean
pull_in_far_future (PbDatabase *database, GError **error)
{
  sqlite3_stmt *statement = pb_database_statement (database, SQL_PULL_IN, error);
  gint64 now = pb_clock_wall () / G_USEC_PER_SEC;

  if (statement == NULL)
    return FALSE;
  sqlite3_bind_int64 (statement, 1, now);
  sqlite3_bind_int64 (statement, 2, now + FAR_FUTURE_S);
  return pb_database_run (database, statement, error);
}

gboolean
pb_recovery_run (PbStore *self, PbDatabase *database, gboolean database_is_new, GError **error)
{
  gint64 high_water;

  if (!for_each_file (self, database, self->spool_dir->tmp_fd, remove_half_written, NULL, error)
      || !for_each_file (self, database, self->spool_dir->fd, remove_orphan, &database_is_new,
                         error)
      || !count_messages (self, database, error) || !pull_in_far_future (database, error)
      || !pb_database_read_integer (database, SQL_HIGH_WATER, &high_water, error))
    return FALSE;
  self->last_id = self->high_water = (guint64) high_water;
  return TRUE;
}

/* ---- quick_check ---- */

static int
on_check_progress (gpointer data)
{
  return g_atomic_int_get (&((PbStore *) data)->check_stop);
}

static void
judge_check (PbStore *self, PbDatabase *database)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *verdict = NULL;
  sqlite3_stmt *row = pb_database_statement (database, SQL_CHECK, &error);

  if (row != NULL && pb_database_step (database, row, &error) == SQLITE_ROW)
    {
      verdict = g_strdup ((const char *) sqlite3_column_text (row, 0));
      pb_database_reset (row);
    }
  if (g_strcmp0 (verdict, "ok") == 0 || g_atomic_int_get (&self->check_stop))
    return;
  if (error == NULL)
    g_set_error (&error, PB_STORE_ERROR, PB_STORE_ERROR_CORRUPT, "%s: damaged: %s", database->path,
                 verdict);
  pb_log (PB_LOG_ERROR, "queue database failed its check", "reason", error->message, NULL);
  if (!pb_store_error_is_temporary (error))
    pb_store_fail (self, error);
}

typedef struct
{
  PbStore *store;
  char *path; /* (owned) */
} Check;

static gpointer
check_main (gpointer data)
{
  Check *self = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (PbDatabase) database = pb_database_open (self->path, PB_DATABASE_READ_ONLY, &error);

  if (database != NULL)
    {
      sqlite3_progress_handler (database->handle, CHECK_STEPS, on_check_progress, self->store);
      judge_check (self->store, database);
    }
  else
    pb_log (PB_LOG_WARNING, "queue database not checked", "reason", error->message, NULL);
  g_free (self->path);
  g_free (self);
  return NULL;
}

void
pb_recovery_start_check (PbStore *self, const char *path)
{
  Check *check = g_new (Check, 1);

  check->store = self;
  check->path = g_strdup (path);
  self->check = g_thread_new ("store-check", check_main, check);
}
