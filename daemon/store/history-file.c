/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The file the history's writer has open, and what becomes of it when it is not as it should be.
 *
 * Called by the writer thread alone. A file that was deleted or replaced is noticed before the next batch and
 * begun anew; a damaged one, or one that is not ours, is set aside; one of a newer Postbus is left alone;
 * a full or unwritable disk is tried again. Nothing here fails for anybody else: what is wrong is in the
 * log once, and in the state.
 */
#include "store/history-private.h"
#include "store/migrations.h"
#include "store/store.h"
#include "util/clock.h"
#include "util/log.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define RETRY_FULL  (2 * (gint64) G_USEC_PER_SEC)
#define RETRY_OTHER (2 * (gint64) G_USEC_PER_SEC)
#define TUNING      "PRAGMA synchronous = NORMAL; PRAGMA cache_size = -16000; PRAGMA journal_size_limit = 33554432;"

static const char *const log_suffixes[] = { "-wal", "-shm" };

/* Once for each thing that is wrong, not at each attempt. */
static void
tell_problem (PbHistory *self, const char *problem)
{
  if (g_strcmp0 (self->told_problem, problem) == 0)
    return;
  if (problem != NULL)
    pb_log (PB_LOG_ERROR, "history", "file", self->path, "reason", problem, "advice",
            "mail goes on; what happens now is missing from the history until this is mended", NULL);
  else
    pb_log (PB_LOG_NOTICE, "history", "file", self->path, "state", "is written again", NULL);
  g_free (self->told_problem);
  self->told_problem = g_strdup (problem);
}

void
pb_history_file_close (PbHistory *self)
{
  g_autoptr (GError) ignored = NULL;

  if (self->database == NULL)
    return;
  if (!self->unavailable)
    pb_database_checkpoint (self->database, TRUE, &ignored);
  g_clear_pointer (&self->database, pb_database_close);
  pb_history_names_clear (&self->names);
  pb_history_names_init (&self->names);
}

/* What belongs to a file that is not there any more must not be taken for the new one's. */
static void
remove_logs (PbHistory *self)
{
  for (guint i = 0; i < G_N_ELEMENTS (log_suffixes); i++)
    {
      g_autofree char *path = g_strconcat (self->path, log_suffixes[i], NULL);

      unlink (path);
    }
}

static void
set_aside (PbHistory *self)
{
  g_autofree char *aside = g_strconcat (self->path, ".damaged", NULL);

  if (rename (self->path, aside) != 0)
    {
      pb_log (PB_LOG_ERROR, "history", "file", self->path, "reason", g_strerror (errno), NULL);
      return;
    }
  remove_logs (self);
  pb_log (PB_LOG_ERROR, "history", "file", self->path, "reason", "damaged", "kept-as", aside,
          "advice", "a new history was begun", NULL);
}

static gboolean
note_identity (PbHistory *self)
{
  struct stat status;

  if (stat (self->path, &status) != 0)
    return FALSE;
  self->device = status.st_dev;
  self->inode = status.st_ino;
  return TRUE;
}

static gboolean
is_same_file (PbHistory *self)
{
  struct stat status;

  return stat (self->path, &status) == 0 && status.st_dev == self->device
         && status.st_ino == self->inode;
}

static void
open_failed (PbHistory *self, const GError *error)
{
  self->unavailable = TRUE;
  self->retry_at = pb_clock_monotonic () + RETRY_OTHER;
  tell_problem (self, error->message);
}

static PbDatabase *
open_file (PbHistory *self, GError **error)
{
  g_autoptr (GError) first = NULL;
  PbDatabase *database = pb_schema_open (&pb_history_schema, self->path, &first);

  if (database == NULL && g_error_matches (first, PB_STORE_ERROR, PB_STORE_ERROR_CORRUPT))
    {
      set_aside (self);
      database = pb_schema_open (&pb_history_schema, self->path, error);
    }
  else if (database == NULL)
    g_propagate_error (error, g_steal_pointer (&first));
  if (database != NULL && !pb_database_exec (database, TUNING, error))
    g_clear_pointer (&database, pb_database_close);
  return database;
}

gboolean
pb_history_file_ready (PbHistory *self)
{
  g_autoptr (GError) error = NULL;

  if (self->database != NULL && is_same_file (self))
    return TRUE;
  if (self->database != NULL)
    {
      g_clear_pointer (&self->database, pb_database_close);
      pb_history_names_clear (&self->names);
      pb_history_names_init (&self->names);
      remove_logs (self);
      pb_log (PB_LOG_WARNING, "history", "file", self->path, "reason",
              "the file was taken away; a new one is begun", NULL);
    }
  self->database = open_file (self, &error);
  if (self->database == NULL)
    {
      open_failed (self, error);
      return FALSE;
    }
  if (!note_identity (self))
    {
      g_clear_pointer (&self->database, pb_database_close);
      self->retry_at = pb_clock_monotonic () + RETRY_FULL;
      return FALSE;
    }
  self->last_number = pb_clock_wall ();
  self->unavailable = FALSE;
  tell_problem (self, NULL);
  g_mutex_lock (&self->lock);
  self->generation++;
  g_mutex_unlock (&self->lock);
  return TRUE;
}

void
pb_history_file_worked (PbHistory *self)
{
  self->full = FALSE;
  tell_problem (self, NULL);
}

void
pb_history_file_failed (PbHistory *self, const GError *error)
{
  tell_problem (self, error->message);
  if (g_error_matches (error, PB_STORE_ERROR, PB_STORE_ERROR_FULL))
    {
      self->full = TRUE;
      self->retry_at = pb_clock_monotonic () + RETRY_FULL;
      return;
    }
  if (g_error_matches (error, PB_STORE_ERROR, PB_STORE_ERROR_BUSY))
    {
      self->retry_at = pb_clock_monotonic () + RETRY_FULL;
      return;
    }
  self->unavailable = TRUE;
  g_clear_pointer (&self->database, pb_database_close);
  pb_history_names_clear (&self->names);
  pb_history_names_init (&self->names);
  self->retry_at = pb_clock_monotonic () + RETRY_OTHER;
  if (g_error_matches (error, PB_STORE_ERROR, PB_STORE_ERROR_CORRUPT))
    {
      set_aside (self);
      self->retry_at = 0;
    }
}
