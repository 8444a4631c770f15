/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Closures posted to a thread, in order: an array under a short lock, and an eventfd that is written only
 * when the owner sleeps and has not been woken yet.
 *
 * Called from every thread; run by the one that owns the mailbox. Posting never fails and never blocks on
 * I/O. What a closure's data belongs to is agreed between poster and closure; closures still waiting
 * when the last reference goes are dropped without a call. A thread that works through a round of events
 * may put the waking of others off to the round's end: the owner then finds all that the round posted.
 */
#include "util/mailbox.h"

#include <errno.h>
#include <glib-unix.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define KEPT_CAPACITY 1024
#define MAX_PUT_OFF   8

typedef struct
{
  PbMailFunc func;
  gpointer data;
} Mail;

typedef struct
{
  Mail *mails; /* (owned) (nullable) */
  gsize n, capacity;
} Pile;

struct _PbMailbox
{
  gint ref_count; /* atomic */
  int fd;         /* (owned) eventfd */
  gint armed;     /* atomic; the owner sleeps and wants a write at the next post */
  gint waiting;   /* atomic; whether the pile holds anything, written under lock */
  GMutex lock;
  Pile pile;  /* under lock */
  Pile spare; /* the owner's: what it runs now, swapped with the pile */
};

typedef struct
{
  GSource source;
  PbMailbox *mailbox; /* (owned) */
  gpointer tag;
} MailboxSource;

/* The mailboxes that this thread has posted to and whose owners it wakes at the end of its round. */
static __thread struct
{
  PbMailbox *boxes[MAX_PUT_OFF]; /* (owned) */
  guint n;
  gboolean in_round;
} put_off;

static void
pile_push (Pile *self, PbMailFunc func, gpointer data)
{
  if (self->n == self->capacity)
    {
      self->capacity = MAX (16, self->capacity * 2);
      self->mails = g_renew (Mail, self->mails, self->capacity);
    }
  self->mails[self->n++] = (Mail){ func, data };
}

static void
mailbox_wake (PbMailbox *self)
{
  guint64 one = 1;

  /* EAGAIN would mean a full counter, which is readable all the same. */
  while (write (self->fd, &one, sizeof one) < 0 && errno == EINTR)
    continue;
}

static void
mailbox_acknowledge (PbMailbox *self)
{
  guint64 count;

  while (read (self->fd, &count, sizeof count) < 0 && errno == EINTR)
    continue;
}

/* @rearm: whether posts from now on, while the pile is run, shall write to the eventfd. */
static void
mailbox_run (PbMailbox *self, gboolean rearm)
{
  Pile running;

  g_mutex_lock (&self->lock);
  running = self->pile;
  self->pile = self->spare;
  self->spare = (Pile){ NULL, 0, 0 };
  g_atomic_int_set (&self->waiting, FALSE);
  g_atomic_int_set (&self->armed, rearm);
  g_mutex_unlock (&self->lock);
  if (running.n == 0)
    {
      self->spare = running;
      return;
    }
  pb_mailbox_ref (self);
  for (gsize i = 0; i < running.n; i++)
    running.mails[i].func (running.mails[i].data);
  running.n = 0;
  if (running.capacity > KEPT_CAPACITY || self->spare.mails != NULL)
    g_free (running.mails);
  else
    self->spare = running;
  pb_mailbox_unref (self);
}

PbMailbox *
pb_mailbox_new (void)
{
  PbMailbox *self = g_new0 (PbMailbox, 1);

  self->fd = eventfd (0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (self->fd < 0)
    g_error ("No eventfd for a thread's mailbox: %s", g_strerror (errno));
  self->ref_count = 1;
  self->armed = TRUE;
  g_mutex_init (&self->lock);
  return self;
}

PbMailbox *
pb_mailbox_ref (PbMailbox *self)
{
  g_atomic_int_inc (&self->ref_count);
  return self;
}

void
pb_mailbox_unref (PbMailbox *self)
{
  if (self == NULL || !g_atomic_int_dec_and_test (&self->ref_count))
    return;
  close (self->fd);
  g_mutex_clear (&self->lock);
  g_free (self->pile.mails);
  g_free (self->spare.mails);
  g_free (self);
}

static gboolean
mailbox_source_prepare (GSource *source, int *timeout)
{
  *timeout = -1;
  return !pb_mailbox_sleep (((MailboxSource *) source)->mailbox);
}

static gboolean
mailbox_source_check (GSource *source)
{
  MailboxSource *self = (MailboxSource *) source;

  if (g_source_query_unix_fd (source, self->tag) != 0)
    mailbox_acknowledge (self->mailbox);
  return g_atomic_int_get (&self->mailbox->waiting);
}

static gboolean
mailbox_source_dispatch (GSource *source, GSourceFunc callback, gpointer user_data)
{
  pb_mailbox_begin_round ();
  pb_mailbox_run (((MailboxSource *) source)->mailbox);
  pb_mailbox_end_round ();
  return G_SOURCE_CONTINUE;
}

static void
mailbox_source_finalize (GSource *source)
{
  pb_mailbox_unref (((MailboxSource *) source)->mailbox);
}

static GSourceFuncs mailbox_source_funcs = {
  .prepare = mailbox_source_prepare,
  .check = mailbox_source_check,
  .dispatch = mailbox_source_dispatch,
  .finalize = mailbox_source_finalize,
};

GSource *
pb_mailbox_attach (PbMailbox *self, GMainContext *context)
{
  GSource *source = g_source_new (&mailbox_source_funcs, sizeof (MailboxSource));
  MailboxSource *own = (MailboxSource *) source;

  own->mailbox = pb_mailbox_ref (self);
  own->tag = g_source_add_unix_fd (source, self->fd, G_IO_IN);
  /* Else GLib wakes itself twice around every dispatch, taking the descriptor out of its poll set and putting it back. What
   * is run has been taken out of the pile, so running the context from inside would be safe. */
  g_source_set_can_recurse (source, TRUE);
  g_source_set_static_name (source, "mailbox");
  g_source_attach (source, context);
  return source;
}

int
pb_mailbox_fd (PbMailbox *self)
{
  return self->fd;
}

void
pb_mailbox_post (PbMailbox *self, PbMailFunc func, gpointer data)
{
  gboolean wake;

  g_mutex_lock (&self->lock);
  pile_push (&self->pile, func, data);
  g_atomic_int_set (&self->waiting, TRUE);
  wake = g_atomic_int_get (&self->armed);
  if (wake)
    g_atomic_int_set (&self->armed, FALSE);
  g_mutex_unlock (&self->lock);
  /* The owner may free the mailbox once it has run the closure, so a poster must hold a reference of its own. */
  if (wake)
    mailbox_wake (self);
}

/* Returns: FALSE when the owner has to be woken now. */
static gboolean
put_waking_off (PbMailbox *self)
{
  if (!put_off.in_round)
    return FALSE;
  for (guint i = 0; i < put_off.n; i++)
    if (put_off.boxes[i] == self)
      return TRUE;
  if (put_off.n == MAX_PUT_OFF)
    return FALSE;
  put_off.boxes[put_off.n++] = pb_mailbox_ref (self);
  return TRUE;
}

void
pb_mailbox_post_gathered (PbMailbox *self, PbMailFunc func, gpointer data)
{
  gboolean wake;

  g_mutex_lock (&self->lock);
  pile_push (&self->pile, func, data);
  g_atomic_int_set (&self->waiting, TRUE);
  /* It stays armed while the waking is put off, so that a plain post to it wakes at once. */
  wake = g_atomic_int_get (&self->armed) && !put_waking_off (self);
  if (wake)
    g_atomic_int_set (&self->armed, FALSE);
  g_mutex_unlock (&self->lock);
  if (wake)
    mailbox_wake (self);
}

void
pb_mailbox_begin_round (void)
{
  put_off.in_round = TRUE;
}

void
pb_mailbox_end_round (void)
{
  put_off.in_round = FALSE;
  while (put_off.n > 0)
    {
      g_autoptr (PbMailbox) box = put_off.boxes[--put_off.n];
      gboolean wake;

      g_mutex_lock (&box->lock);
      /* Else it was woken, or has come by itself, meanwhile. */
      wake = g_atomic_int_get (&box->armed) && box->pile.n > 0;
      if (wake)
        g_atomic_int_set (&box->armed, FALSE);
      g_mutex_unlock (&box->lock);
      if (wake)
        mailbox_wake (box);
    }
}

void
pb_mailbox_dispatch (PbMailbox *self)
{
  mailbox_acknowledge (self);
  mailbox_run (self, TRUE);
}

void
pb_mailbox_run (PbMailbox *self)
{
  g_atomic_int_set (&self->armed, FALSE);
  if (g_atomic_int_get (&self->waiting))
    mailbox_run (self, FALSE);
}

gboolean
pb_mailbox_sleep (PbMailbox *self)
{
  gboolean may_sleep;

  g_mutex_lock (&self->lock);
  may_sleep = self->pile.n == 0;
  g_atomic_int_set (&self->armed, may_sleep);
  g_mutex_unlock (&self->lock);
  return may_sleep;
}
