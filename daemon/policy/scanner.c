/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The scanner for malware. Sessions ask from their threads; the message is read where it lies, in memory or in
 * its file, by threads of the scanner's own, which may wait for clamd, but not past the scan's time. A scanner
 * that is slow to fail is not asked by everybody: for some seconds scans fail at once, then one of them tries
 * whether it answers. What fails at once costs nothing and is tried every time, so that it is used again as soon
 * as it is back. Whoever gave up waiting is forgotten; nothing of a message is touched once its answer was given.
 */
#include "policy/scanner.h"

#include "mailauth/clamd.h"
#include "util/clock.h"
#include "util/marked.h"

#include <string.h>
#include <unistd.h>

#define SLOW_SECONDS  1 /* a failure that took longer is spared the others */
#define REST_SECONDS  5 /* for so long */
#define PING_SECONDS  3
#define PROBE_SECONDS 10

const PbScannerLimits pb_scanner_limits = { .threads = 4, .waiting = 256, .seconds = 60 };

struct _PbScan
{
  PbScanner *scanner;
  char *address;            /* (owned) */
  GCancellable *cancellable; /* (owned) */
  gint64 deadline;          /* monotonic microseconds */
  GByteArray *memory;       /* (owned) (nullable) the message */
  int fd;                   /* (owned) -1: none; else the message */
  gboolean is_probe;        /* there is no message */
  PbScanOutcome outcome;
  PbMailbox *reply_to;      /* (owned) (nullable) */
  PbScanned func;           /* (nullable) */
  gpointer user_data;
};

struct _PbScanner
{
  PbScannerLimits limits;
  PbMailbox *mailbox; /* (owned) */
  PbScannerTold told; /* (nullable) */
  gpointer user_data;
  GMutex lock;
  GCond wake;
  GQueue jobs;        /* (element-type PbScan) (owned) under lock */
  GHashTable *running; /* (element-type PbScan) under lock: those that threads have now */
  gboolean closed;    /* under lock */
  GPtrArray *threads; /* (element-type GThread) */

  /* of the scanner at @address, under lock */
  char *address;      /* (owned) "" before the first probe */
  gboolean ill, slow, takes_files;
  gint64 ill_at;      /* monotonic microseconds: of the last failure */
  gint64 rest_until;  /* likewise: nobody asks before */
};

/* ---- health ---- */

static gint64
now_of (const PbScanner *self)
{
  return self->limits.now != NULL ? self->limits.now () : pb_clock_monotonic ();
}

typedef struct
{
  PbScanner *scanner;
  char *address, *words; /* (owned) words nullable */
} News;

static void
on_news (gpointer data)
{
  News *news = data;

  if (news->scanner->told != NULL)
    news->scanner->told (news->address, news->words, news->scanner->user_data);
  g_free (news->address);
  g_free (news->words);
  g_free (news);
}

/* Called under lock, so that news come in order. */
static void
tell (PbScanner *self, const char *words)
{
  News *news = g_new (News, 1);

  *news = (News){ self, g_strdup (self->address), g_strdup (words) };
  pb_mailbox_post (self->mailbox, on_news, news);
}

/* @since: when it was asked: an answer from before a later failure says nothing of now. */
static void
note_well (PbScan *job, gint64 since)
{
  PbScanner *self = job->scanner;

  g_mutex_lock (&self->lock);
  if (g_str_equal (job->address, self->address) && since >= self->ill_at)
    {
      if (self->ill || job->is_probe)
        tell (self, NULL);
      self->ill = self->slow = FALSE;
    }
  g_mutex_unlock (&self->lock);
}

static void
note_ill (PbScan *job, const char *words, gint64 since)
{
  PbScanner *self = job->scanner;
  gint64 now = now_of (self);

  g_mutex_lock (&self->lock);
  if (g_str_equal (job->address, self->address) && !g_cancellable_is_cancelled (job->cancellable))
    {
      self->ill = TRUE;
      self->ill_at = now;
      if (now - since > SLOW_SECONDS * G_USEC_PER_SEC)
        {
          self->slow = TRUE;
          self->rest_until = now + REST_SECONDS * G_USEC_PER_SEC;
        }
      tell (self, words);
    }
  g_mutex_unlock (&self->lock);
}

/* Whether the scanner may be asked now; to one that rests one scan in a while says a word first. */
static gboolean
may_ask (PbScan *job, guint seconds)
{
  PbScanner *self = job->scanner;
  const PbClamdCall call = { job->address, MIN (seconds, PING_SECONDS), job->cancellable };
  g_autoptr (GError) error = NULL;
  gint64 now = now_of (self);
  gboolean slow, rests;

  g_mutex_lock (&self->lock);
  slow = self->slow && g_str_equal (job->address, self->address);
  rests = slow && now < self->rest_until;
  if (slow && !rests)
    self->rest_until = now + REST_SECONDS * G_USEC_PER_SEC;
  g_mutex_unlock (&self->lock);
  if (rests)
    job->outcome.words = g_strdup (N_ ("the scanner did not answer a moment ago"));
  else if (slow && !pb_clamd_ping (&call, &error))
    job->outcome.words = g_strdup (error->message);
  return job->outcome.words == NULL;
}

/* ---- a scan, on a thread of the scanner ---- */

static gboolean
takes_files (PbScan *job)
{
  PbScanner *self = job->scanner;
  gboolean takes;

  g_mutex_lock (&self->lock);
  takes = self->takes_files && g_str_equal (job->address, self->address);
  g_mutex_unlock (&self->lock);
  return takes;
}

static void
set_takes_files (PbScan *job, gboolean takes)
{
  PbScanner *self = job->scanner;

  g_mutex_lock (&self->lock);
  if (g_str_equal (job->address, self->address))
    self->takes_files = takes;
  g_mutex_unlock (&self->lock);
}

/* Seconds that are left of its time, rounded up; 0: none. */
static guint
seconds_left (const PbScan *job)
{
  gint64 left = job->deadline - pb_clock_monotonic ();

  return left > 0 ? (guint) ((left + G_USEC_PER_SEC - 1) / G_USEC_PER_SEC) : 0;
}

/* Asks clamd. A file that it does not open after all (it may be confined) is sent like any other, in the time that is left. */
static void
ask (PbScan *job, PbClamdOutcome *outcome)
{
  const PbClamdMessage message = { job->memory != NULL ? job->memory->data : NULL,
                                   job->memory != NULL ? job->memory->len : 0, job->fd };
  PbClamdCall call = { job->address, seconds_left (job), job->cancellable };
  gboolean by_file = job->fd >= 0 && takes_files (job);

  pb_clamd_scan (&call, by_file, &message, outcome);
  call.seconds = seconds_left (job);
  if (!by_file || outcome->result != PB_CLAMD_FAILED || call.seconds == 0)
    return;
  pb_clamd_outcome_clear (outcome);
  pb_clamd_scan (&call, FALSE, &message, outcome);
  if (outcome->result != PB_CLAMD_FAILED)
    set_takes_files (job, FALSE);
}

static void
scan_message (PbScan *job)
{
  g_auto (PbClamdOutcome) outcome = { 0 };
  gint64 since = now_of (job->scanner);
  guint seconds = seconds_left (job);

  if (job->address[0] == '\0')
    job->outcome.words = g_strdup (N_ ("no scanner is set"));
  else if (seconds == 0)
    job->outcome.words = g_strdup (N_ ("the scanner is busy"));
  if (job->outcome.words != NULL || !may_ask (job, seconds))
    return;
  ask (job, &outcome);
  switch (outcome.result)
    {
    case PB_CLAMD_CLEAN:
      job->outcome.result = PB_SCAN_CLEAN;
      note_well (job, since);
      break;
    case PB_CLAMD_INFECTED:
      job->outcome = (PbScanOutcome){ PB_SCAN_INFECTED, g_steal_pointer (&outcome.signature) };
      note_well (job, since);
      break;
    case PB_CLAMD_TOO_LARGE:
      job->outcome.words = g_strdup_printf ("the scanner takes no message so large (%s)", outcome.why);
      note_well (job, since);
      break;
    case PB_CLAMD_FAILED:
      job->outcome.words = g_steal_pointer (&outcome.why);
      note_ill (job, job->outcome.words, since);
      break;
    }
}

static void
probe (PbScan *job)
{
  static const char text[] = "Subject: probe\r\n\r\n\r\n";
  const PbClamdMessage message = { text, sizeof text - 1, -1 };
  const PbClamdCall call = { job->address, PROBE_SECONDS, job->cancellable };
  g_auto (PbClamdOutcome) outcome = { 0 };
  gint64 since = now_of (job->scanner);

  pb_clamd_scan (&call, FALSE, &message, &outcome);
  if (outcome.result == PB_CLAMD_CLEAN)
    {
      set_takes_files (job, pb_clamd_takes_descriptors (&call));
      note_well (job, since);
    }
  else
    note_ill (job, outcome.why != NULL ? outcome.why : "malware is found in a harmless message", since);
}

/* ---- jobs ---- */

static void
job_drop_message (PbScan *job)
{
  g_clear_pointer (&job->memory, g_byte_array_unref);
  if (job->fd >= 0)
    close (job->fd);
  job->fd = -1;
}

static void
job_free (PbScan *job)
{
  job_drop_message (job);
  g_free (job->outcome.words);
  g_free (job->address);
  g_object_unref (job->cancellable);
  g_clear_pointer (&job->reply_to, pb_mailbox_unref);
  g_free (job);
}

static void
on_done (gpointer data)
{
  PbScan *job = data;

  job->func (&job->outcome, job->user_data);
  job_free (job);
}

/* The message is let go of first: its session finishes it as soon as it has the answer. */
static void
job_answer (PbScan *job)
{
  g_autoptr (PbMailbox) reply_to = g_steal_pointer (&job->reply_to);

  job_drop_message (job);
  if (reply_to == NULL)
    job_free (job);
  else
    pb_mailbox_post (reply_to, on_done, job);
}

static void
job_fail (PbScan *job, PbScanResult result, const char *words)
{
  job->outcome = (PbScanOutcome){ result, g_strdup (words) };
  job_answer (job);
}

static void
job_run (PbScan *job)
{
  if (job->is_probe)
    probe (job);
  else if (g_cancellable_is_cancelled (job->cancellable))
    job->outcome.words = g_strdup ("nobody waits for it any more");
  else
    scan_message (job);
}

static gpointer
scan_thread (gpointer data)
{
  PbScanner *self = data;

  g_mutex_lock (&self->lock);
  for (;;)
    {
      PbScan *job = g_queue_pop_head (&self->jobs);

      if (job == NULL && self->closed)
        break;
      if (job == NULL)
        {
          g_cond_wait (&self->wake, &self->lock);
          continue;
        }
      g_hash_table_add (self->running, job);
      g_mutex_unlock (&self->lock);
      job_run (job);
      g_mutex_lock (&self->lock);
      g_hash_table_remove (self->running, job);
      g_mutex_unlock (&self->lock);
      job_answer (job);
      g_mutex_lock (&self->lock);
    }
  g_mutex_unlock (&self->lock);
  return NULL;
}

static PbScan *
job_new (PbScanner *self, const char *address)
{
  PbScan *job = g_new0 (PbScan, 1);

  job->scanner = self;
  job->address = g_strdup (address);
  job->cancellable = g_cancellable_new ();
  job->deadline = pb_clock_monotonic () + (gint64) self->limits.seconds * G_USEC_PER_SEC;
  job->fd = -1;
  return job;
}

/* Returns: FALSE when there is no room, or nobody to do it any more: @job is as it was. */
static gboolean
push (PbScanner *self, PbScan *job)
{
  gboolean fits;

  g_mutex_lock (&self->lock);
  fits = !self->closed && (job->is_probe || self->jobs.length < self->limits.waiting);
  if (fits)
    {
      g_queue_push_tail (&self->jobs, job);
      g_cond_signal (&self->wake);
    }
  g_mutex_unlock (&self->lock);
  return fits;
}

/* On the session's thread, or one of the store's. */
static void
on_shared (GByteArray *memory, int fd, gpointer user_data)
{
  PbScan *job = user_data;

  job->memory = memory;
  job->fd = fd;
  if (memory == NULL && fd < 0)
    job_fail (job, PB_SCAN_LOST, NULL);
  else if (!push (job->scanner, job))
    job_fail (job, PB_SCAN_FAILED, N_ ("the scanner is busy"));
}

/* ---- public ---- */

PbScan *
pb_scanner_scan (PbScanner *self, const char *address, PbSpool *spool, PbMailbox *reply_to,
                 PbScanned func, gpointer user_data)
{
  PbScan *job = job_new (self, address);

  job->reply_to = pb_mailbox_ref (reply_to);
  job->func = func;
  job->user_data = user_data;
  pb_spool_share (spool, on_shared, job);
  return job;
}

void
pb_scan_cancel (PbScan *self)
{
  PbScanner *scanner = self->scanner;
  gboolean waited;

  g_cancellable_cancel (self->cancellable);
  /* The threads may be taken for long: it gives back its place among those that wait at once. */
  g_mutex_lock (&scanner->lock);
  waited = g_queue_remove (&scanner->jobs, self);
  g_mutex_unlock (&scanner->lock);
  if (waited)
    job_fail (self, PB_SCAN_FAILED, "nobody waits for it any more");
}

void
pb_scanner_probe (PbScanner *self, const char *address)
{
  PbScan *job = job_new (self, address);

  job->is_probe = TRUE;
  g_mutex_lock (&self->lock);
  if (!g_str_equal (self->address, address))
    {
      g_free (self->address);
      self->address = g_strdup (address);
      self->ill = self->slow = self->takes_files = FALSE;
    }
  g_mutex_unlock (&self->lock);
  if (address[0] == '\0' || !push (self, job))
    job_free (job);
}

PbScanner *
pb_scanner_new (const PbScannerLimits *limits, PbMailbox *mailbox, PbScannerTold told,
                gpointer user_data)
{
  PbScanner *self = g_new0 (PbScanner, 1);

  self->limits = *limits;
  self->mailbox = pb_mailbox_ref (mailbox);
  self->told = told;
  self->user_data = user_data;
  self->address = g_strdup ("");
  self->running = g_hash_table_new (NULL, NULL);
  g_mutex_init (&self->lock);
  g_cond_init (&self->wake);
  g_queue_init (&self->jobs);
  self->threads = g_ptr_array_new ();
  for (guint i = 0; i < limits->threads; i++)
    g_ptr_array_add (self->threads, g_thread_new ("pb-scan", scan_thread, self));
  return self;
}

void
pb_scanner_close (PbScanner *self)
{
  GHashTableIter iter;
  gpointer job;

  g_mutex_lock (&self->lock);
  self->closed = TRUE;
  for (GList *one = self->jobs.head; one != NULL; one = one->next)
    g_cancellable_cancel (((PbScan *) one->data)->cancellable);
  g_hash_table_iter_init (&iter, self->running);
  while (g_hash_table_iter_next (&iter, &job, NULL))
    g_cancellable_cancel (((PbScan *) job)->cancellable);
  g_cond_broadcast (&self->wake);
  g_mutex_unlock (&self->lock);
  for (guint i = 0; i < self->threads->len; i++)
    g_thread_join (self->threads->pdata[i]);
  g_ptr_array_set_size (self->threads, 0);
}

void
pb_scanner_free (PbScanner *self)
{
  pb_scanner_close (self);
  g_ptr_array_unref (self->threads);
  g_hash_table_unref (self->running);
  g_mutex_clear (&self->lock);
  g_cond_clear (&self->wake);
  pb_mailbox_unref (self->mailbox);
  g_free (self->address);
  g_free (self);
}
