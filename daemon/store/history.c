/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The history's life: a bounded queue of records in memory and the thread that writes them.
 *
 * Sessions and the queue hand in and go on; a record waits half a second for company, so that a message
 * and its delivery mostly are one write. When more comes than the disk takes, the oldest details are
 * dropped, then the oldest records, and counted: mail never waits for this. What is wrong with the file
 * is history-file.c's; here it only means that records stay in memory until it is tried again. Records
 * are owned by the queue, then by the batch.
 */
#include "store/history-private.h"

#include "util/clock.h"
#include "util/log.h"

#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SECOND      ((gint64) G_USEC_PER_SEC)
#define GATHER      (SECOND / 2)
#define MAX_OCTETS  (24 * 1024 * 1024)
#define SWEEP_EVERY (3600 * SECOND)
#define NICENESS    5 /* mail first */

/* ---- what is told ---- */

static PbHistoryState
find_state (PbHistory *self)
{
  if (self->unavailable)
    return PB_HISTORY_UNAVAILABLE;
  return self->losing || self->full || self->paused ? PB_HISTORY_BEHIND : PB_HISTORY_OK;
}

typedef struct
{
  PbHistory *history;
  PbHistoryState state;
  guint64 dropped;
} Told;

static void
on_told (gpointer data)
{
  Told *told = data;
  PbHistory *self = told->history;
  PbHistoryStateFunc func;
  gpointer user_data;

  g_mutex_lock (&self->lock);
  func = self->watch;
  user_data = self->watch_data;
  g_mutex_unlock (&self->lock);
  if (func != NULL)
    func (self, told->state, told->dropped, user_data);
  g_free (told);
}

/* Under lock; the writer's. */
static void
tell_state (PbHistory *self)
{
  PbHistoryState state = find_state (self);
  gint64 now = pb_clock_monotonic ();
  Told *told;

  if (state == self->state
      && (self->dropped == self->told_dropped || now < self->told_at + SECOND))
    return;
  self->state = state;
  self->told_dropped = self->dropped;
  self->told_at = now;
  if (self->watch == NULL)
    return;
  told = g_new (Told, 1);
  told->history = self;
  told->state = state;
  told->dropped = self->dropped;
  pb_mailbox_post (self->watch_mailbox, on_told, told);
}

/* ---- the queue; all under lock ---- */

static void
drop_details (PbHistory *self)
{
  while (self->octets > MAX_OCTETS && self->unstripped != NULL)
    {
      PbHistoryOp *op = self->unstripped->data;
      gsize before = op->octets;

      if (pb_history_op_strip (op))
        self->dropped++;
      self->octets -= before - op->octets;
      self->unstripped = self->unstripped->next;
    }
}

static PbHistoryOp *
pop_oldest (PbHistory *self)
{
  PbHistoryOp *op;

  if (self->unstripped == self->ops.head)
    self->unstripped = self->unstripped != NULL ? self->unstripped->next : NULL;
  op = g_queue_pop_head (&self->ops);
  self->octets -= op->octets;
  return op;
}

static void
keep_bounds (PbHistory *self)
{
  if (self->octets <= MAX_OCTETS)
    return;
  self->losing = TRUE;
  drop_details (self);
  while (self->octets > MAX_OCTETS)
    {
      pb_history_op_free (pop_oldest (self));
      self->dropped++;
      self->n_out++;
    }
}

static void
push (PbHistory *self, PbHistoryOp *op)
{
  pb_history_op_measure (op);
  op->came = pb_clock_monotonic ();
  g_mutex_lock (&self->lock);
  g_queue_push_tail (&self->ops, op);
  if (self->unstripped == NULL)
    self->unstripped = self->ops.tail;
  self->octets += op->octets;
  self->n_in++;
  keep_bounds (self);
  if (self->asleep || self->ops.length == PB_HISTORY_BATCH)
    {
      self->asleep = FALSE;
      g_cond_signal (&self->wake);
    }
  g_mutex_unlock (&self->lock);
}

static GPtrArray *
take_batch (PbHistory *self)
{
  GPtrArray *ops = g_ptr_array_new_with_free_func ((GDestroyNotify) pb_history_op_free);

  while (ops->len < PB_HISTORY_BATCH && self->ops.length > 0)
    g_ptr_array_add (ops, pop_oldest (self));
  return ops;
}

static void
put_back (PbHistory *self, GPtrArray *ops)
{
  g_ptr_array_set_free_func (ops, NULL);
  for (guint i = ops->len; i > 0; i--)
    {
      PbHistoryOp *op = ops->pdata[i - 1];

      g_queue_push_head (&self->ops, op);
      self->octets += op->octets;
    }
  self->unstripped = self->ops.head;
  keep_bounds (self);
}

/* ---- the writer ---- */

/* Under lock at entry and exit. */
static void
write_batch (PbHistory *self)
{
  g_autoptr (GPtrArray) ops = take_batch (self);
  g_autoptr (GError) error = NULL;
  gboolean written;

  g_mutex_unlock (&self->lock);
  written = pb_history_file_ready (self) && pb_history_write (self, ops, &error);
  if (error != NULL)
    pb_history_file_failed (self, error);
  else if (written)
    pb_history_file_worked (self);
  g_mutex_lock (&self->lock);
  if (!written && self->ending)
    {
      self->dropped += ops->len;
      self->n_out += ops->len;
    }
  else if (!written)
    put_back (self, ops);
  else
    {
      self->n_out += ops->len;
      self->losing = self->losing && self->ops.length >= PB_HISTORY_BATCH;
    }
  tell_state (self);
  g_cond_broadcast (&self->written);
}

/* Under lock at entry and exit. */
static void
sweep (PbHistory *self)
{
  g_autoptr (GError) error = NULL;
  guint days = self->days, max_mib = self->max_mib;
  gboolean more = FALSE;

  self->sweep_asked = FALSE;
  g_mutex_unlock (&self->lock);
  if (pb_history_file_ready (self) && !pb_history_sweep (self, days, max_mib, &more, &error))
    pb_history_file_failed (self, error);
  g_mutex_lock (&self->lock);
  self->sweep_at = pb_clock_monotonic () + (more ? 0 : SWEEP_EVERY);
  tell_state (self);
}

static gboolean
batch_is_due (PbHistory *self, gint64 now)
{
  const PbHistoryOp *oldest = g_queue_peek_head (&self->ops);

  if (oldest == NULL)
    return FALSE;
  if (self->ending)
    return TRUE;
  return !self->paused && now >= self->retry_at
         && (self->urgent || self->ops.length >= PB_HISTORY_BATCH || now >= oldest->came + GATHER);
}

static void
wait_for_work (PbHistory *self, gint64 now)
{
  const PbHistoryOp *oldest = g_queue_peek_head (&self->ops);
  gint64 until = self->sweep_at;

  if (oldest != NULL && !self->paused)
    until = MIN (until, MAX (oldest->came + GATHER, self->retry_at));
  self->asleep = oldest == NULL;
  if (until > now)
    g_cond_wait_until (&self->wake, &self->lock, until);
  self->asleep = FALSE;
}

/* A few records of history are worth less than the mail that waits for the processor. */
static void
stand_back (void)
{
  if (setpriority (PRIO_PROCESS, (id_t) syscall (SYS_gettid), NICENESS) != 0)
    pb_log (PB_LOG_DEBUG, "history-priority", NULL);
}

static gpointer
history_main (gpointer data)
{
  PbHistory *self = data;

  stand_back ();
  pb_history_file_ready (self);
  g_mutex_lock (&self->lock);
  self->tried = TRUE;
  tell_state (self);
  g_cond_broadcast (&self->written);
  for (;;)
    {
      gint64 now = pb_clock_monotonic ();

      if (batch_is_due (self, now))
        write_batch (self);
      else if (self->ending)
        break;
      else if (self->sweep_asked || now >= self->sweep_at)
        sweep (self);
      else
        {
          if (self->ops.length == 0)
            self->urgent = FALSE;
          tell_state (self);
          wait_for_work (self, now);
        }
    }
  g_mutex_unlock (&self->lock);
  pb_history_file_close (self);
  return NULL;
}

/* ---- public ---- */

PbHistory *
pb_history_open (const char *directory)
{
  PbHistory *self = g_new0 (PbHistory, 1);

  self->path = g_build_filename (directory, "history.db", NULL);
  g_mutex_init (&self->lock);
  g_cond_init (&self->wake);
  g_cond_init (&self->written);
  g_queue_init (&self->ops);
  pb_history_names_init (&self->names);
  self->sweep_at = G_MAXINT64 / 2; /* until the limits are known */
  self->readers = pb_pool_new ("history-reader", 1);
  self->thread = g_thread_new ("history", history_main, self);
  return self;
}

static void
close_reader (gpointer data)
{
  PbHistory *self = data;

  g_clear_pointer (&self->reader, pb_database_close);
}

void
pb_history_close (PbHistory *self)
{
  if (self == NULL)
    return;
  pb_pool_run (self->readers, close_reader, NULL, NULL, self);
  pb_pool_free (self->readers);
  g_mutex_lock (&self->lock);
  self->ending = TRUE;
  g_cond_signal (&self->wake);
  g_mutex_unlock (&self->lock);
  g_thread_join (self->thread);
  pb_history_names_clear (&self->names);
  g_clear_pointer (&self->watch_mailbox, pb_mailbox_unref);
  g_mutex_clear (&self->lock);
  g_cond_clear (&self->wake);
  g_cond_clear (&self->written);
  g_free (self->told_problem);
  g_free (self->path);
  g_free (self);
}

void
pb_history_set_limits (PbHistory *self, guint days, guint max_mib)
{
  if (self == NULL)
    return;
  g_mutex_lock (&self->lock);
  self->days = days;
  self->max_mib = max_mib;
  self->sweep_asked = TRUE;
  g_cond_signal (&self->wake);
  g_mutex_unlock (&self->lock);
}

void
pb_history_set_paused (PbHistory *self, gboolean paused)
{
  if (self == NULL)
    return;
  g_mutex_lock (&self->lock);
  self->paused = paused;
  g_cond_signal (&self->wake);
  g_mutex_unlock (&self->lock);
}

void
pb_history_watch (PbHistory *self, PbMailbox *reply_to, PbHistoryStateFunc func, gpointer user_data)
{
  if (self == NULL)
    return;
  g_mutex_lock (&self->lock);
  g_clear_pointer (&self->watch_mailbox, pb_mailbox_unref);
  self->watch_mailbox = pb_mailbox_ref (reply_to);
  self->watch = func;
  self->watch_data = user_data;
  g_mutex_unlock (&self->lock);
}

void
pb_history_unwatch (PbHistory *self)
{
  if (self == NULL)
    return;
  g_mutex_lock (&self->lock);
  self->watch = NULL;
  g_mutex_unlock (&self->lock);
}

PbHistoryState
pb_history_state (PbHistory *self, guint64 *dropped)
{
  PbHistoryState state;

  *dropped = 0;
  if (self == NULL)
    return PB_HISTORY_UNAVAILABLE;
  g_mutex_lock (&self->lock);
  state = self->state;
  *dropped = self->dropped;
  g_mutex_unlock (&self->lock);
  return state;
}

void
pb_history_add_message (PbHistory *self, PbHistoryMessage *message)
{
  PbHistoryOp *op;

  if (self == NULL)
    {
      pb_history_message_free (message);
      return;
    }
  op = g_new0 (PbHistoryOp, 1);
  op->kind = PB_HISTORY_OP_MESSAGE;
  op->message = message;
  push (self, op);
}

void
pb_history_add_attempt (PbHistory *self, PbHistoryAttempt *attempt)
{
  PbHistoryOp *op;

  if (self == NULL)
    {
      pb_history_attempt_free (attempt);
      return;
    }
  op = g_new0 (PbHistoryOp, 1);
  op->kind = PB_HISTORY_OP_ATTEMPT;
  op->attempt = attempt;
  push (self, op);
}

void
pb_history_add_removed (PbHistory *self, guint64 id, const guint *recipients, guint n_recipients)
{
  PbHistoryOp *op;

  if (self == NULL)
    return;
  op = g_new0 (PbHistoryOp, 1);
  op->kind = PB_HISTORY_OP_REMOVED;
  op->attempt = pb_history_attempt_new (id, recipients != NULL ? n_recipients : 0);
  for (guint i = 0; i < op->attempt->n_results; i++)
    op->attempt->results[i] =
      (PbHistoryResult){ .recipient = recipients[i], .event = PB_HISTORY_REMOVED };
  op->attempt->began = op->attempt->ended = pb_clock_wall ();
  push (self, op);
}
