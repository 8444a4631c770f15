/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The queue's store: opening, closing, state and counts; submit, claim, settle and page have files of
 * their own.
 *
 * Opened once by the daemon's life cycle. Threads: the writer (the one writing connection), one reader for
 * mail and one for people, two for bodies, one that watches the disk's room and one, at start, that checks the database. The first
 * fsync or I/O error makes the state FAILED for as long as the process lives. Whoever made spools has
 * given them up before the store is closed.
 */
#include "store/store.h"

#include "store/lock.h"
#include "store/migrations.h"
#include "store/store-private.h"
#include "util/fsutil.h"
#include "util/log.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define BODY_THREADS         2
#define CHECKPOINT_PAGES     8000
#define CHECKPOINT_PAGES_MIN 250
#define PAGE_SIZE            4096

typedef enum
{
  WATCH_STATE,
  WATCH_HELD,
  WATCH_QUEUE,
} Watch;

typedef struct
{
  PbMailbox *reply_to; /* (owned) */
  Watch watch;
  PbStoreStateFunc state_func; /* (nullable) for WATCH_STATE */
  PbStoreHeldFunc func;        /* (nullable) for the others */
  gpointer user_data;
} Watcher;

typedef struct
{
  PbStore *store;
  PbStoreState state;
  PbStoreStateFunc state_func; /* (nullable) */
  PbStoreHeldFunc func;        /* (nullable) then state_func is NULL */
  gpointer user_data;
} Change;

/* ---- state ---- */

static void
on_changed (gpointer data)
{
  Change *change = data;

  if (change->state_func != NULL)
    change->state_func (change->store, change->state, change->user_data);
  else
    change->func (change->store, change->user_data);
  g_free (change);
}

static void
tell_watchers (PbStore *self, Watch watch)
{
  PbStoreState state = pb_store_state (self);

  g_mutex_lock (&self->watch_lock);
  for (guint i = 0; i < self->watchers->len; i++)
    {
      Watcher *watcher = &g_array_index (self->watchers, Watcher, i);
      Change *change;

      if (watcher->watch != watch)
        continue;
      change = g_new (Change, 1);
      *change = (Change){ self, state, watcher->state_func, watcher->func, watcher->user_data };
      pb_mailbox_post (watcher->reply_to, on_changed, change);
    }
  g_mutex_unlock (&self->watch_lock);
}

void
pb_store_tell_held (PbStore *self)
{
  tell_watchers (self, WATCH_HELD);
}

void
pb_store_tell_queue (PbStore *self)
{
  gint *watch = &self->queue_watch;

  do
    if (g_atomic_int_compare_and_exchange (watch, PB_QUEUE_WATCH_ARMED, PB_QUEUE_WATCH_TOLD))
      {
        tell_watchers (self, WATCH_QUEUE);
        return;
      }
  while (g_atomic_int_get (watch) != PB_QUEUE_WATCH_MISSED
         && !g_atomic_int_compare_and_exchange (watch, PB_QUEUE_WATCH_TOLD, PB_QUEUE_WATCH_MISSED));
}

void
pb_store_watch_next_change (PbStore *self)
{
  if (g_atomic_int_get (&self->queue_watch) == PB_QUEUE_WATCH_ARMED)
    return;
  if (g_atomic_int_compare_and_exchange (&self->queue_watch, PB_QUEUE_WATCH_MISSED, PB_QUEUE_WATCH_TOLD))
    tell_watchers (self, WATCH_QUEUE);
  else if (!g_atomic_int_compare_and_exchange (&self->queue_watch, PB_QUEUE_WATCH_TOLD, PB_QUEUE_WATCH_ARMED))
    pb_store_watch_next_change (self);
}

static void
watcher_clear (gpointer data)
{
  g_clear_pointer (&((Watcher *) data)->reply_to, pb_mailbox_unref);
}

static void
on_space_changed (gboolean low, gpointer user_data)
{
  PbStore *self = user_data;

  g_atomic_int_set (&self->low_space, low);
  pb_log (low ? PB_LOG_WARNING : PB_LOG_NOTICE,
          low ? "disk space low, no mail is taken" : "disk space sufficient again", "directory",
          self->directory, NULL);
  if (!g_atomic_int_get (&self->failed))
    tell_watchers (self, WATCH_STATE);
}

void
pb_store_fail (PbStore *self, const GError *error)
{
  if (!g_atomic_int_compare_and_exchange (&self->failed, FALSE, TRUE))
    return;
  pb_log (PB_LOG_ERROR, "store failed, no mail is taken until postbusd is started again", "reason",
          error->message, "advice", "check the disk (dmesg, smartctl), then start postbusd again",
          NULL);
  pb_writer_fail (self->writer, error);
  tell_watchers (self, WATCH_STATE);
}

PbStoreState
pb_store_state (PbStore *self)
{
  if (g_atomic_int_get (&self->failed))
    return PB_STORE_FAILED;
  return g_atomic_int_get (&self->low_space) ? PB_STORE_LOW_SPACE : PB_STORE_OK;
}

gint64
pb_store_busy_since (PbStore *self)
{
  return pb_writer_busy_since (self->writer);
}

static void
add_watcher (PbStore *self, Watcher watcher)
{
  g_mutex_lock (&self->watch_lock);
  g_array_append_val (self->watchers, watcher);
  g_mutex_unlock (&self->watch_lock);
}

void
pb_store_watch_state (PbStore *self, PbMailbox *reply_to, PbStoreStateFunc func, gpointer user_data)
{
  add_watcher (self, (Watcher){ pb_mailbox_ref (reply_to), WATCH_STATE, func, NULL, user_data });
}

void
pb_store_watch_held (PbStore *self, PbMailbox *reply_to, PbStoreHeldFunc func, gpointer user_data)
{
  add_watcher (self, (Watcher){ pb_mailbox_ref (reply_to), WATCH_HELD, NULL, func, user_data });
}

void
pb_store_watch_queue (PbStore *self, PbMailbox *reply_to, PbStoreHeldFunc func, gpointer user_data)
{
  add_watcher (self, (Watcher){ pb_mailbox_ref (reply_to), WATCH_QUEUE, NULL, func, user_data });
}

void
pb_store_counts (PbStore *self, PbQueueCounts *counts)
{
  g_mutex_lock (&self->counts_lock);
  *counts = self->counts;
  g_mutex_unlock (&self->counts_lock);
}

/* ---- blocking work ---- */

PbSpoolDir *
pb_store_spool_dir (PbStore *self)
{
  return self->spool_dir;
}

void
pb_store_run_blocking (PbStore *self, PbMailFunc work, gpointer data)
{
  gboolean taken = FALSE;

  g_mutex_lock (&self->pool_lock);
  if (self->body_pool != NULL)
    {
      pb_pool_run (self->body_pool, work, NULL, NULL, data);
      taken = TRUE;
    }
  g_mutex_unlock (&self->pool_lock);
  if (!taken)
    work (data);
}

typedef struct
{
  PbSpoolDir *directory; /* (owned) */
  guint n;
  guint64 ids[];
} Unlink;

static void
unlink_files (gpointer data)
{
  Unlink *self = data;
  char name[PB_QUEUE_ID_TEXT];

  /* What stays because of an error has no row and goes at the next start. */
  for (guint i = 0; i < self->n; i++)
    if (unlinkat (self->directory->fd, pb_queue_id_format (self->ids[i], name), 0) != 0
        && errno != ENOENT)
      pb_log (PB_LOG_WARNING, "message file not removed", "queue-id", name, "reason", g_strerror (errno),
              NULL);
  pb_spool_dir_unref (self->directory);
  g_free (self);
}

void
pb_store_unlink (PbStore *self, const guint64 *ids, guint n)
{
  Unlink *unlink = g_malloc (sizeof *unlink + n * sizeof unlink->ids[0]);

  unlink->directory = pb_spool_dir_ref (self->spool_dir);
  unlink->n = n;
  for (guint i = 0; i < n; i++)
    unlink->ids[i] = ids[i];
  pb_store_run_blocking (self, unlink_files, unlink);
}

/* ---- opening and closing ---- */

static PbStore *
store_new (const char *directory)
{
  PbStore *self = g_new0 (PbStore, 1);

  self->directory = g_strdup (directory);
  self->lock_fd = -1;
  g_mutex_init (&self->pool_lock);
  g_mutex_init (&self->counts_lock);
  g_mutex_init (&self->watch_lock);
  self->claims = pb_claims_new ();
  self->watchers = g_array_new (FALSE, FALSE, sizeof (Watcher));
  g_array_set_clear_func (self->watchers, watcher_clear);
  pb_batch_init (&self->batch);
  return self;
}

/* A log that may outgrow a small disk would fill it. */
static guint
checkpoint_pages (guint64 disk)
{
  if (disk == 0)
    return CHECKPOINT_PAGES;
  return (guint) CLAMP (disk / 32 / PAGE_SIZE, CHECKPOINT_PAGES_MIN, CHECKPOINT_PAGES);
}

static void
start_threads (PbStore *self, PbDatabase *database)
{
  guint64 disk = pb_space_total (self->spool_dir->fd);
  guint log_pages = checkpoint_pages (disk);

  self->room = pb_room_new (database, log_pages, disk);
  self->writer = pb_writer_new ("store-writer", database, log_pages, &pb_store_writer_hooks, self);
  self->reader_pool = pb_pool_new ("store-reader", 1);
  self->view_pool = pb_pool_new ("store-viewer", 1);
  self->body_pool = pb_pool_new ("store-body", BODY_THREADS);
  self->space = pb_space_new (self->spool_dir->fd, on_space_changed, self);
}

/* What was made inside the state directory must be found there again after a power cut. */
static gboolean
sync_directory (const char *directory, GError **error)
{
  int fd = open (directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  gboolean ok;

  if (fd < 0)
    {
      pb_store_set_error_from_errno (error, errno, "Cannot open", directory);
      return FALSE;
    }
  ok = pb_fs_sync_dir (fd, error);
  close (fd);
  return ok;
}

/* Not there, or emptied by a repair of the file system or by hand. */
static gboolean
is_missing (const char *path)
{
  struct stat status;

  return stat (path, &status) != 0 || status.st_size == 0;
}

PbStore *
pb_store_open (const char *directory, GError **error)
{
  g_autoptr (PbStore) self = store_new (directory);
  g_autoptr (PbDatabase) database = NULL;
  g_autofree char *path = g_build_filename (directory, "queue.db", NULL);
  g_autofree char *spool = g_build_filename (directory, "spool", NULL);
  gboolean is_new;

  if (!pb_fs_ensure_dir (directory, 0700, error))
    return NULL;
  self->lock_fd = pb_lock_take (directory, "queue.lock", error);
  if (self->lock_fd < 0)
    return NULL;
  is_new = is_missing (path);
  database = pb_schema_open (&pb_queue_schema, path, error);
  if (database == NULL)
    return NULL;
  self->spool_dir = pb_spool_dir_open (spool, error);
  if (self->spool_dir == NULL || !pb_recovery_run (self, database, is_new, error))
    return NULL;
  self->reader = pb_database_open (path, PB_DATABASE_READ_ONLY, error);
  self->viewer = self->reader != NULL ? pb_database_open (path, PB_DATABASE_READ_ONLY, error) : NULL;
  if (self->viewer == NULL || !sync_directory (directory, error))
    return NULL;
  start_threads (self, g_steal_pointer (&database));
  pb_recovery_start_check (self, path);
  return g_steal_pointer (&self);
}

static void
stop_threads (PbStore *self)
{
  PbPool *body_pool;

  g_atomic_int_set (&self->check_stop, TRUE);
  g_clear_pointer (&self->check, g_thread_join);
  g_clear_pointer (&self->space, pb_space_free);
  /* Bodies first: what they finish goes to the writer. What the writer still unlinks it does itself. */
  g_mutex_lock (&self->pool_lock);
  body_pool = g_steal_pointer (&self->body_pool);
  g_mutex_unlock (&self->pool_lock);
  pb_pool_free (body_pool);
  g_clear_pointer (&self->view_pool, pb_pool_free);
  if (self->writer != NULL)
    pb_writer_stop (self->writer);
  /* Claims that waited for the writer. */
  g_clear_pointer (&self->reader_pool, pb_pool_free);
}

void
pb_store_close (PbStore *self)
{
  if (self == NULL)
    return;
  stop_threads (self);
  g_clear_pointer (&self->reader, pb_database_close);
  g_clear_pointer (&self->viewer, pb_database_close);
  g_clear_pointer (&self->writer, pb_writer_free);
  g_clear_pointer (&self->room, pb_room_free);
  g_clear_pointer (&self->spool_dir, pb_spool_dir_unref);
  g_clear_pointer (&self->claims, pb_claims_unref);
  g_array_unref (self->watchers);
  pb_batch_clear (&self->batch);
  if (self->lock_fd >= 0)
    close (self->lock_fd);
  g_mutex_clear (&self->pool_lock);
  g_mutex_clear (&self->counts_lock);
  g_mutex_clear (&self->watch_lock);
  g_free (self->directory);
  g_free (self);
}
