/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A fixed number of threads that take jobs from one queue, in order.
 *
 * For what blocks (fsync of large bodies, Maildir files) or computes (PBKDF2). Any thread asks; the
 * job's end is told through the asker's mailbox. Nothing fails: a job that was taken is run, also
 * when the pool is being freed. The job's data belongs to the asker throughout.
 */
#include "util/pool.h"

typedef struct
{
  PbMailFunc work;
  PbMailFunc done;     /* (nullable) */
  PbMailbox *reply_to; /* (owned) (nullable) */
  gpointer data;
} Job;

struct _PbPool
{
  GMutex lock;
  GCond wake;
  GQueue jobs;     /* of (owned) Job, under lock */
  gboolean ending; /* under lock */
  guint n_threads;
  GThread *threads[];
};

static void
job_run (Job *job)
{
  job->work (job->data);
  if (job->reply_to != NULL && job->done != NULL)
    pb_mailbox_post (job->reply_to, job->done, job->data);
  g_clear_pointer (&job->reply_to, pb_mailbox_unref);
  g_free (job);
}

static gpointer
pool_main (gpointer data)
{
  PbPool *self = data;

  g_mutex_lock (&self->lock);
  for (;;)
    {
      Job *job = g_queue_pop_head (&self->jobs);

      if (job != NULL)
        {
          g_mutex_unlock (&self->lock);
          job_run (job);
          g_mutex_lock (&self->lock);
        }
      else if (self->ending)
        break;
      else
        g_cond_wait (&self->wake, &self->lock);
    }
  g_mutex_unlock (&self->lock);
  return NULL;
}

PbPool *
pb_pool_new (const char *name, guint n_threads)
{
  PbPool *self;

  g_return_val_if_fail (n_threads >= 1, NULL);
  self = g_malloc0 (sizeof *self + n_threads * sizeof self->threads[0]);
  g_mutex_init (&self->lock);
  g_cond_init (&self->wake);
  g_queue_init (&self->jobs);
  self->n_threads = n_threads;
  for (guint i = 0; i < n_threads; i++)
    self->threads[i] = g_thread_new (name, pool_main, self);
  return self;
}

void
pb_pool_free (PbPool *self)
{
  if (self == NULL)
    return;
  g_mutex_lock (&self->lock);
  self->ending = TRUE;
  g_cond_broadcast (&self->wake);
  g_mutex_unlock (&self->lock);
  for (guint i = 0; i < self->n_threads; i++)
    g_thread_join (self->threads[i]);
  g_mutex_clear (&self->lock);
  g_cond_clear (&self->wake);
  g_free (self);
}

void
pb_pool_run (PbPool *self, PbMailFunc work, PbMailbox *reply_to, PbMailFunc done, gpointer data)
{
  Job *job = g_new (Job, 1);

  job->work = work;
  job->done = done;
  job->reply_to = reply_to != NULL ? pb_mailbox_ref (reply_to) : NULL;
  job->data = data;
  g_mutex_lock (&self->lock);
  g_queue_push_tail (&self->jobs, job);
  g_cond_signal (&self->wake);
  g_mutex_unlock (&self->lock);
}
