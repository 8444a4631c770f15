/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Group commit: jobs of many threads, one transaction, one fsync, then the callbacks.
 *
 * The queue's store and the configuration's each have one. A batch takes up to 64 urgent jobs; when
 * others are known to be under way it waits up to 0.3 ms for them. Lazy jobs (delivery marks) ride along,
 * or go alone 20 ms after the first. Busy and full fail one batch; any other error of a write or a sync
 * ends the writing for good, since a second fsync after a failed one proves nothing. The writer owns the
 * connection and each job from push to done().
 */
#include "store/writer.h"

#include "store/store.h"
#include "util/clock.h"
#include "util/log.h"

#define BATCH_MAX  64
#define LAZY_MAX   4096
#define LAZY_MIN   16
#define GATHER_US  300
#define LAZY_US    20000
#define RETRY_US   G_USEC_PER_SEC
#define IDLE_US    (2 * G_USEC_PER_SEC)
#define IDLE_PAGES 250
#define CHECKPOINT_SLACK                                                                           \
  2 /* under load a checkpoint may be put off until the log is this many times its due size */

typedef struct
{
  PbWriteJob *first, *last;
  guint n;
} JobList;

typedef enum
{
  WRITER_BUSY,
  WRITER_IDLE,
  WRITER_GATHERING,
} WriterMood;

struct _PbWriter
{
  PbDatabase *database; /* (owned) the thread's */
  PbWriterHooks hooks;
  gpointer owner;
  GThread *thread; /* (owned) (nullable) */

  GMutex lock;
  GCond wake;
  JobList urgent, lazy; /* under lock */
  gint64 lazy_due;      /* under lock; monotonic microseconds, 0 none */
  gboolean stopping;    /* under lock */
  gboolean ended;       /* under lock */
  GError *failure;      /* (owned) (nullable) set once, under lock; read by atomic access */
  gint mood;            /* atomic WriterMood, written under lock */
  gint incoming;        /* atomic */
  gint64 busy_since;    /* atomic; monotonic microseconds, 0 between batches */

  /* the thread's own */
  PbReplies *replies; /* (owned) */
  guint checkpoint_pages, checkpoint_at, seen_pages;
  guint lazy_limit;  /* lazy jobs a batch: few while there is hardly room for what a batch writes */
  gboolean troubled; /* the last batch failed for a time */
  gboolean dirty;    /* the log holds something that was not copied yet */
};

static void
list_push (JobList *list, PbWriteJob *job)
{
  job->next = NULL;
  if (list->last != NULL)
    list->last->next = job;
  else
    list->first = job;
  list->last = job;
  list->n++;
}

static PbWriteJob *
list_pop (JobList *list)
{
  PbWriteJob *job = list->first;

  if (job == NULL)
    return NULL;
  list->first = job->next;
  if (list->first == NULL)
    list->last = NULL;
  list->n--;
  job->next = NULL;
  return job;
}

static void
list_move (JobList *from, JobList *to, guint limit)
{
  while (limit-- > 0 && from->n > 0)
    list_push (to, list_pop (from));
}

static void
list_finish (PbWriter *self, JobList *list, const GError *error, PbReplies *replies)
{
  PbWriteJob *job;

  while ((job = list_pop (list)) != NULL)
    {
      g_autoptr (GError) own = g_steal_pointer (&job->error);

      job->ops->done (job, self->owner, error != NULL ? error : own, replies);
    }
}

/* ---- failing for good ---- */

static const GError *
get_failure (PbWriter *self)
{
  return g_atomic_pointer_get (&self->failure);
}

static void
set_failure (PbWriter *self, const GError *error)
{
  gboolean first;

  g_mutex_lock (&self->lock);
  first = self->failure == NULL;
  if (first)
    g_atomic_pointer_set (&self->failure, g_error_new (PB_STORE_ERROR, PB_STORE_ERROR_FAILED, "%s",
                                                       error->message));
  g_cond_signal (&self->wake);
  g_mutex_unlock (&self->lock);
  if (first && self->hooks.failed != NULL)
    self->hooks.failed (self->owner, error);
}

/* ---- one batch ---- */

static gboolean
batch_run_jobs (PbWriter *self, JobList *batch, GError **error)
{
  for (PbWriteJob *job = batch->first; job != NULL; job = job->next)
    {
      GError *own = NULL;

      g_clear_error (&job->error);
      if (job->ops->run == NULL || job->ops->run (job, self->owner, self->database, &own))
        continue;
      if (!g_error_matches (own, PB_STORE_ERROR, PB_STORE_ERROR_NOT_FOUND))
        {
          g_propagate_error (error, own);
          return FALSE;
        }
      job->error = own;
    }
  return TRUE;
}

static gboolean
batch_write (PbWriter *self, JobList *batch, GError **error)
{
  sqlite3_stmt *begin = pb_database_statement (self->database, "BEGIN IMMEDIATE", error);
  sqlite3_stmt *commit = pb_database_statement (self->database, "COMMIT", error);

  if (begin == NULL || commit == NULL)
    return FALSE;
  if (self->hooks.begin != NULL)
    self->hooks.begin (self->owner);
  if (pb_database_run (self->database, begin, error) && batch_run_jobs (self, batch, error)
      && (self->hooks.before_commit == NULL
          || self->hooks.before_commit (self->owner, self->database, error))
      && pb_database_run (self->database, commit, error))
    return TRUE;
  /* Some errors have rolled back by themselves; what is left of the others is undone here, and its own error tells nothing new. */
  if (!sqlite3_get_autocommit (self->database->handle))
    pb_database_exec (self->database, "ROLLBACK", NULL);
  return FALSE;
}

/* A batch failed for a time: the persistent jobs go back to the front of the lazy list, the others are told. */
static void
batch_put_back (PbWriter *self, JobList *batch, const GError *error)
{
  JobList kept = { NULL, NULL, 0 }, told = { NULL, NULL, 0 };
  PbWriteJob *job;

  g_mutex_lock (&self->lock);
  while ((job = list_pop (batch)) != NULL)
    list_push (job->ops->persistent && !self->stopping ? &kept : &told, job);
  list_move (&self->lazy, &kept, G_MAXUINT);
  self->lazy = kept;
  /* Fewer at once may find the room that all did not; when not even few do, there is only waiting. */
  if (kept.n > 0)
    self->lazy_due = pb_clock_monotonic () + (self->lazy_limit > LAZY_MIN ? 0 : RETRY_US);
  self->lazy_limit = MAX (LAZY_MIN, MIN (self->lazy_limit, kept.n) / 4);
  g_mutex_unlock (&self->lock);
  list_finish (self, &told, error, self->replies);
}

static void
writer_checkpoint (PbWriter *self, gboolean truncate)
{
  g_autoptr (GError) error = NULL;

  self->dirty = FALSE;
  if (pb_database_checkpoint (self->database, truncate, &error))
    {
      /* A reader may keep the log from starting anew: then the next try is due only after as much again. */
      self->checkpoint_at = self->database->wal_pages + self->checkpoint_pages;
      return;
    }
  self->checkpoint_at = self->database->wal_pages + self->checkpoint_pages;
  if (!pb_store_error_is_temporary (error))
    set_failure (self, error);
  else if (!self->troubled)
    pb_log (PB_LOG_WARNING, "checkpoint put off", "reason", error->message, NULL);
}

/* Nothing has come for a while. */
static void
writer_rest (PbWriter *self)
{
  g_autoptr (GError) error = NULL;
  gboolean wrote = FALSE;

  writer_checkpoint (self, FALSE);
  if (self->hooks.resting == NULL || get_failure (self) != NULL)
    return;
  if (!self->hooks.resting (self->owner, self->database, &wrote, &error)
      && !pb_store_error_is_temporary (error))
    set_failure (self, error);
  else if (wrote)
    writer_checkpoint (self, FALSE);
}

static void
writer_consider_checkpoint (PbWriter *self)
{
  guint pages = self->database->wal_pages;
  gboolean pressed;

  if (pages < self->seen_pages)
    self->checkpoint_at = self->checkpoint_pages;
  self->seen_pages = pages;
  if (pages < self->checkpoint_at)
    return;
  g_mutex_lock (&self->lock);
  pressed = self->urgent.n > 0;
  g_mutex_unlock (&self->lock);
  if (!pressed || pages >= self->checkpoint_at + (CHECKPOINT_SLACK - 1) * self->checkpoint_pages)
    writer_checkpoint (self, FALSE);
}

static void
writer_committed (PbWriter *self, JobList *batch)
{
  if (self->troubled)
    pb_log (PB_LOG_NOTICE, "store writes again", "database", self->database->path, NULL);
  self->troubled = FALSE;
  self->lazy_limit = MIN (LAZY_MAX, self->lazy_limit * 2);
  self->dirty = TRUE;
  if (self->hooks.committed != NULL)
    self->hooks.committed (self->owner, self->database);
  list_finish (self, batch, NULL, self->replies);
  pb_replies_post (self->replies);
  writer_consider_checkpoint (self);
}

/* Told once a spell: a full disk refuses many batches. */
static void
writer_put_off (PbWriter *self, JobList *batch, const GError *error)
{
  if (!self->troubled)
    pb_log (PB_LOG_WARNING, "store write put off", "reason", error->message, NULL);
  self->troubled = TRUE;
  batch_put_back (self, batch, error);
  pb_replies_post (self->replies);
  /* A log that was copied is written from its beginning, which needs no room on the disk. */
  writer_checkpoint (self, FALSE);
}

static void
writer_run_batch (PbWriter *self, JobList *batch)
{
  g_autoptr (GError) error = NULL;

  if (batch_write (self, batch, &error))
    writer_committed (self, batch);
  else if (pb_store_error_is_temporary (error))
    writer_put_off (self, batch, error);
  else
    {
      set_failure (self, error);
      list_finish (self, batch, get_failure (self), self->replies);
      pb_replies_post (self->replies);
    }
}

/* ---- waiting ---- */

static void
set_mood (PbWriter *self, WriterMood mood)
{
  g_atomic_int_set (&self->mood, (gint) mood);
}

/* Called under lock. The batch is open; others that are under way may still join. */
static void
wait_for_others (PbWriter *self)
{
  gint64 deadline = pb_clock_monotonic () + GATHER_US;

  set_mood (self, WRITER_GATHERING);
  while (self->urgent.n < BATCH_MAX && !self->stopping && self->failure == NULL
         && g_atomic_int_get (&self->incoming) > 0)
    if (!g_cond_wait_until (&self->wake, &self->lock, deadline))
      break;
  set_mood (self, WRITER_BUSY);
}

/* Called under lock. Returns: FALSE when the idle time was up, so that the log should be copied. */
static gboolean
wait_idle (PbWriter *self)
{
  gboolean in_time = TRUE;

  set_mood (self, WRITER_IDLE);
  if (self->lazy.n > 0)
    g_cond_wait_until (&self->wake, &self->lock, self->lazy_due);
  else if (self->dirty && self->database->wal_pages >= IDLE_PAGES)
    in_time = g_cond_wait_until (&self->wake, &self->lock, pb_clock_monotonic () + IDLE_US);
  else
    g_cond_wait (&self->wake, &self->lock);
  set_mood (self, WRITER_BUSY);
  return in_time;
}

/* Waits for work and takes it. Returns: FALSE at the end. An empty @batch means: copy the log. */
static gboolean
writer_take (PbWriter *self, JobList *batch)
{
  gboolean go_on = TRUE;

  g_mutex_lock (&self->lock);
  for (;;)
    {
      if (self->failure != NULL || self->urgent.n > 0)
        break;
      if (self->lazy.n > 0 && (self->stopping || pb_clock_monotonic () >= self->lazy_due))
        break;
      if (self->stopping || !wait_idle (self))
        break;
    }
  if (self->urgent.n > 0 && self->failure == NULL)
    wait_for_others (self);
  list_move (&self->urgent, batch, self->failure != NULL ? G_MAXUINT : BATCH_MAX);
  list_move (&self->lazy, batch, self->failure != NULL ? G_MAXUINT : self->lazy_limit);
  if (self->lazy.n == 0)
    self->lazy_due = 0;
  if (batch->n == 0 && self->stopping)
    {
      self->ended = TRUE;
      go_on = FALSE;
    }
  /* Failed and nothing left: there is only the end to wait for. */
  else if (batch->n == 0 && self->failure != NULL)
    g_cond_wait (&self->wake, &self->lock);
  g_mutex_unlock (&self->lock);
  return go_on;
}

static gpointer
writer_main (gpointer data)
{
  PbWriter *self = data;
  JobList batch = { NULL, NULL, 0 };

  while (writer_take (self, &batch))
    {
      __atomic_store_n (&self->busy_since, pb_clock_monotonic (), __ATOMIC_RELAXED);
      if (get_failure (self) != NULL)
        {
          list_finish (self, &batch, get_failure (self), self->replies);
          pb_replies_post (self->replies);
        }
      else if (batch.n > 0)
        writer_run_batch (self, &batch);
      else if (self->dirty)
        writer_rest (self);
      __atomic_store_n (&self->busy_since, 0, __ATOMIC_RELAXED);
    }
  if (get_failure (self) == NULL)
    writer_checkpoint (self, TRUE);
  return NULL;
}

/* ---- public ---- */

PbWriter *
pb_writer_new (const char *name, PbDatabase *database, guint checkpoint_pages,
               const PbWriterHooks *hooks, gpointer owner)
{
  PbWriter *self = g_new0 (PbWriter, 1);

  self->database = database;
  self->hooks = *hooks;
  self->owner = owner;
  self->replies = pb_replies_new ();
  self->checkpoint_pages = self->checkpoint_at = checkpoint_pages;
  self->lazy_limit = LAZY_MAX;
  g_mutex_init (&self->lock);
  g_cond_init (&self->wake);
  self->thread = g_thread_new (name, writer_main, self);
  return self;
}

/* Called under lock: whether the thread must be woken for what was just pushed. */
static gboolean
wants_waking (PbWriter *self, const PbWriteOps *ops)
{
  if (g_atomic_int_get (&self->mood) == WRITER_IDLE)
    return !ops->lazy || ops->prompt || self->lazy.n == 1;
  return !ops->lazy && g_atomic_int_get (&self->mood) == WRITER_GATHERING && self->urgent.n >= BATCH_MAX;
}

void
pb_writer_push (PbWriter *self, PbWriteJob *job)
{
  g_autoptr (GError) refused = NULL;

  job->error = NULL;
  g_mutex_lock (&self->lock);
  if (self->failure != NULL)
    refused = g_error_copy (self->failure);
  else if (self->ended)
    refused = g_error_new_literal (PB_STORE_ERROR, PB_STORE_ERROR_FAILED, "the store is closed");
  else
    {
      list_push (job->ops->lazy ? &self->lazy : &self->urgent, job);
      if (job->ops->lazy && (self->lazy_due == 0 || job->ops->prompt))
        self->lazy_due = pb_clock_monotonic () + (job->ops->prompt ? 0 : LAZY_US);
      if (wants_waking (self, job->ops))
        g_cond_signal (&self->wake);
    }
  g_mutex_unlock (&self->lock);
  if (refused != NULL)
    {
      g_autoptr (PbReplies) replies = pb_replies_new ();

      job->ops->done (job, self->owner, refused, replies);
    }
}

void
pb_writer_hint (PbWriter *self, int delta)
{
  gint before, after;

  do
    {
      before = g_atomic_int_get (&self->incoming);
      after = MAX (0, before + delta);
    }
  while (!g_atomic_int_compare_and_exchange (&self->incoming, before, after));
  if (after > 0 || delta > 0 || g_atomic_int_get (&self->mood) != WRITER_GATHERING)
    return;
  /* Nobody else is under way any more: the open batch need not wait. */
  g_mutex_lock (&self->lock);
  g_cond_signal (&self->wake);
  g_mutex_unlock (&self->lock);
}

gboolean
pb_writer_is_idle (PbWriter *self)
{
  gboolean idle;

  g_mutex_lock (&self->lock);
  idle = g_atomic_int_get (&self->mood) == WRITER_IDLE && self->urgent.n == 0 && self->lazy.n == 0;
  g_mutex_unlock (&self->lock);
  return idle;
}

gint64
pb_writer_busy_since (PbWriter *self)
{
  return __atomic_load_n (&self->busy_since, __ATOMIC_RELAXED);
}

void
pb_writer_fail (PbWriter *self, const GError *error)
{
  set_failure (self, error);
}

void
pb_writer_stop (PbWriter *self)
{
  if (self->thread == NULL)
    return;
  g_mutex_lock (&self->lock);
  self->stopping = TRUE;
  g_cond_signal (&self->wake);
  g_mutex_unlock (&self->lock);
  g_thread_join (g_steal_pointer (&self->thread));
}

void
pb_writer_free (PbWriter *self)
{
  if (self == NULL)
    return;
  pb_writer_stop (self);
  pb_database_close (self->database);
  pb_replies_free (self->replies);
  g_clear_error (&self->failure);
  g_mutex_clear (&self->lock);
  g_cond_clear (&self->wake);
  g_free (self);
}
