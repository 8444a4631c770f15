/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One I/O thread around one epoll descriptor.
 *
 * The thread runs an ordinary GMainContext, so that GLib code works on it, but the context's poll function
 * is ours: when nothing foreign is attached, a wake-up is one epoll_wait and no poll. A wake-up handles
 * descriptors, then the mailbox, then timers, then what was put off; the clock is read once.
 * Registrations are kept in a table by descriptor with a generation number that travels in the epoll
 * data, so that an event of a descriptor closed or reused meanwhile finds nobody. The owner of a watch,
 * timer or task embeds it and removes it before it goes.
 */
#include "net/reactor.h"
#include "util/clock.h"
#include "util/log.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define MAX_EVENTS   256
#define SCRATCH_SIZE (64 * 1024)

typedef struct
{
  PbWatch *watch;     /* (not owned) (nullable) */
  guint32 generation; /* of the last registration */
} Entry;

struct _PbReactor
{
  GThread *thread;       /* (owned) */
  GMainContext *context; /* (owned) */
  GSource *source;       /* (owned) */
  PbMailbox *mailbox;    /* (owned) */
  PbWatch mailbox_watch;
  PbWheel *wheel; /* (owned) */
  int epoll_fd;   /* (owned) */
  int wake_fd;    /* (not owned) the GMainContext's own, -1 until seen */
  gboolean quit;
  gint64 now;
  guint64 round;
  Entry *entries; /* (owned) by descriptor */
  guint n_entries;
  int n_events;
  PbTask *tasks; /* first put off (not owned) */
  PbTask **tasks_tail;
  PbTask *end_tasks; /* (not owned) */
  PbTask *running;   /* what is left of the list being run (not owned) */
  char *scratch;     /* (owned) */
  struct epoll_event events[MAX_EVENTS];
};

typedef struct
{
  GSource source;
  PbReactor *reactor; /* (not owned) */
} ReactorSource;

/* A poll function gets no data. */
static __thread PbReactor *current;

static Entry *
entry_of (PbReactor *self, int fd)
{
  if ((guint) fd >= self->n_entries)
    {
      guint n = MAX (64, self->n_entries * 2);

      while (n <= (guint) fd)
        n *= 2;
      self->entries = g_renew (Entry, self->entries, n);
      memset (self->entries + self->n_entries, 0, (n - self->n_entries) * sizeof (Entry));
      self->n_entries = n;
    }
  return &self->entries[fd];
}

static void
deliver_event (PbReactor *self, const struct epoll_event *event)
{
  guint fd = (guint) (event->data.u64 & G_MAXUINT32);
  guint32 generation = (guint32) (event->data.u64 >> 32);

  /* Generation 0 is the context's own wake-up. */
  if (generation == 0 || fd >= self->n_entries || self->entries[fd].watch == NULL
      || self->entries[fd].generation != generation)
    return;
  self->entries[fd].watch->func (self->entries[fd].watch, event->events);
}

/* Takes the list off *@first, so that what is put off meanwhile waits for the next round and descriptors get their turn. */
static void
run_tasks (PbReactor *self, PbTask **first)
{
  if (*first == NULL)
    return;
  self->running = *first;
  self->running->pprev = &self->running;
  *first = NULL;
  if (first == &self->tasks)
    self->tasks_tail = first;
  while (self->running != NULL)
    {
      PbTask *task = self->running;

      pb_reactor_cancel_task (self, task);
      task->func (task);
    }
}

static gboolean
reactor_prepare (GSource *source, int *timeout)
{
  PbReactor *self = ((ReactorSource *) source)->reactor;
  gint64 next;

  if (self->quit || self->tasks != NULL || !pb_mailbox_sleep (self->mailbox))
    {
      *timeout = 0;
      return TRUE;
    }
  next = pb_wheel_next (self->wheel);
  if (next == G_MAXINT64)
    *timeout = -1;
  else
    *timeout = (int) CLAMP ((next - self->now + 999) / 1000, 0, G_MAXINT);
  return FALSE;
}

static gboolean
reactor_check (GSource *source)
{
  return TRUE;
}

static gboolean
reactor_dispatch (GSource *source, GSourceFunc callback, gpointer user_data)
{
  PbReactor *self = ((ReactorSource *) source)->reactor;

  pb_mailbox_begin_round ();
  for (int i = 0; i < self->n_events; i++)
    deliver_event (self, &self->events[i]);
  self->n_events = 0;
  pb_mailbox_run (self->mailbox);
  pb_wheel_advance (self->wheel, self->now);
  run_tasks (self, &self->tasks);
  pb_mailbox_end_round ();
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs reactor_source_funcs = {
  .prepare = reactor_prepare,
  .check = reactor_check,
  .dispatch = reactor_dispatch,
};

/* Puts the context's own wake-up descriptor into the epoll set. */
static void
adopt_wake_fd (PbReactor *self, int fd)
{
  struct epoll_event event = { .events = EPOLLIN, .data.u64 = (guint32) fd };

  if (epoll_ctl (self->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0)
    self->wake_fd = fd;
}

static void
fetch_events (PbReactor *self, int timeout)
{
  int n = epoll_wait (self->epoll_fd, self->events, MAX_EVENTS, timeout);

  self->n_events = MAX (n, 0);
}

/* Something besides us is attached to the context: poll it all, then look what the epoll descriptor has. */
static int
poll_with_others (PbReactor *self, GPollFD *fds, guint n_fds, int timeout)
{
  int n = g_poll (fds, n_fds, timeout);

  fetch_events (self, 0);
  return n;
}

static int
reactor_poll (GPollFD *fds, guint n_fds, int timeout)
{
  PbReactor *self = current;
  GPollFD *wake = NULL;
  gboolean woken = FALSE;
  int n;

  for (guint i = 0; i < n_fds; i++)
    if (fds[i].fd != self->epoll_fd)
      wake = &fds[i];
  if (self->wake_fd < 0 && n_fds == 2 && wake != NULL)
    adopt_wake_fd (self, wake->fd);
  if (n_fds != 2 || wake == NULL || wake->fd != self->wake_fd)
    n = poll_with_others (self, fds, n_fds, timeout);
  else
    {
      fetch_events (self, timeout);
      for (int i = 0; i < self->n_events && !woken; i++)
        woken = self->events[i].data.u64 >> 32 == 0;
      wake->revents = woken ? G_IO_IN : 0;
      n = woken;
    }
  self->now = pb_clock_monotonic ();
  self->round++;
  return n;
}

static gpointer
reactor_main (gpointer data)
{
  PbReactor *self = data;

  current = self;
  g_main_context_push_thread_default (self->context);
  while (!self->quit)
    g_main_context_iteration (self->context, TRUE);
  /* What was posted before the end still runs: it may own something. */
  pb_mailbox_run (self->mailbox);
  run_tasks (self, &self->tasks);
  run_tasks (self, &self->end_tasks);
  g_main_context_pop_thread_default (self->context);
  return NULL;
}

static void
on_quit (gpointer data)
{
  ((PbReactor *) data)->quit = TRUE;
}

static void
on_mailbox_event (PbWatch *watch, guint32 epoll_events)
{
  /* Edge-triggered, never read: the mailbox is looked at on every wake-up anyway. */
}

PbReactor *
pb_reactor_new (const char *name)
{
  PbReactor *self = g_new0 (PbReactor, 1);

  self->epoll_fd = epoll_create1 (EPOLL_CLOEXEC);
  if (self->epoll_fd < 0)
    g_error ("No epoll descriptor for an I/O thread: %s", g_strerror (errno));
  self->wake_fd = -1;
  self->now = pb_clock_monotonic ();
  self->wheel = pb_wheel_new (self->now);
  self->tasks_tail = &self->tasks;
  self->scratch = g_malloc (SCRATCH_SIZE);
  self->mailbox = pb_mailbox_new ();
  self->mailbox_watch = (PbWatch){ .fd = pb_mailbox_fd (self->mailbox), .func = on_mailbox_event };
  pb_reactor_watch (self, &self->mailbox_watch, EPOLLIN | EPOLLET);
  self->context = g_main_context_new ();
  g_main_context_set_poll_func (self->context, reactor_poll);
  self->source = g_source_new (&reactor_source_funcs, sizeof (ReactorSource));
  ((ReactorSource *) self->source)->reactor = self;
  g_source_add_unix_fd (self->source, self->epoll_fd, G_IO_IN);
  /* Else GLib takes the descriptor out of its poll set and puts it back around every dispatch, waking itself by two
   * writes to its own eventfd each time. Nothing here runs the context from inside. */
  g_source_set_can_recurse (self->source, TRUE);
  g_source_set_static_name (self->source, "reactor");
  g_source_attach (self->source, self->context);
  self->thread = g_thread_new (name, reactor_main, self);
  return self;
}

void
pb_reactor_free (PbReactor *self)
{
  if (self == NULL)
    return;
  g_assert (!pb_reactor_is_current (self));
  pb_mailbox_post (self->mailbox, on_quit, self);
  g_thread_join (self->thread);
  g_source_destroy (self->source);
  g_source_unref (self->source);
  g_main_context_unref (self->context);
  close (self->epoll_fd);
  pb_mailbox_unref (self->mailbox);
  pb_wheel_free (self->wheel);
  g_free (self->entries);
  g_free (self->scratch);
  g_free (self);
}

PbMailbox *
pb_reactor_mailbox (PbReactor *self)
{
  return self->mailbox;
}

gboolean
pb_reactor_is_current (PbReactor *self)
{
  return current == self;
}

gint64
pb_reactor_now (PbReactor *self)
{
  return self->now;
}

guint64
pb_reactor_round (PbReactor *self)
{
  return self->round;
}

void
pb_reactor_watch (PbReactor *self, PbWatch *watch, guint32 events)
{
  Entry *entry = entry_of (self, watch->fd);
  struct epoll_event event = { .events = events };

  if (watch->added != 0 && watch->armed == events)
    return;
  if (watch->added == 0)
    {
      entry->watch = watch;
      entry->generation = MAX (entry->generation + 1, 1);
    }
  event.data.u64 = (guint64) entry->generation << 32 | (guint32) watch->fd;
  if (epoll_ctl (self->epoll_fd, watch->added != 0 ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, watch->fd,
                 &event)
      != 0)
    pb_log (PB_LOG_ERROR, "cannot-watch-descriptor", "error", g_strerror (errno), NULL);
  watch->added = entry->generation;
  watch->armed = events;
}

/* Forgets @watch; events under its generation find nobody from now on. */
static void
watch_forget (PbReactor *self, PbWatch *watch)
{
  if (watch->added == 0)
    return;
  self->entries[watch->fd].watch = NULL;
  watch->added = 0;
  watch->armed = 0;
}

void
pb_reactor_unwatch (PbReactor *self, PbWatch *watch)
{
  if (watch->added != 0)
    epoll_ctl (self->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
  watch_forget (self, watch);
}

void
pb_reactor_close (PbReactor *self, PbWatch *watch)
{
  if (watch->fd < 0)
    return;
  /* The kernel drops the registration with the last reference to the socket; should a child that is being
   * started hold one for a moment more, its events carry a generation that is over. */
  watch_forget (self, watch);
  close (watch->fd);
  watch->fd = -1;
}

void
pb_reactor_defer (PbReactor *self, PbTask *task)
{
  if (task->pprev != NULL)
    return;
  task->next = NULL;
  task->pprev = self->tasks_tail;
  *self->tasks_tail = task;
  self->tasks_tail = &task->next;
}

void
pb_reactor_defer_to_end (PbReactor *self, PbTask *task)
{
  if (task->pprev != NULL)
    return;
  task->next = self->end_tasks;
  task->pprev = &self->end_tasks;
  if (task->next != NULL)
    task->next->pprev = &task->next;
  self->end_tasks = task;
}

void
pb_reactor_cancel_task (PbReactor *self, PbTask *task)
{
  if (task->pprev == NULL)
    return;
  *task->pprev = task->next;
  if (task->next != NULL)
    task->next->pprev = task->pprev;
  else if (self->tasks_tail == &task->next)
    self->tasks_tail = task->pprev;
  task->next = NULL;
  task->pprev = NULL;
}

void
pb_reactor_set_timer (PbReactor *self, PbTimer *timer, gint64 deadline)
{
  pb_wheel_set (self->wheel, timer, deadline);
}

void
pb_reactor_clear_timer (PbReactor *self, PbTimer *timer)
{
  pb_wheel_clear (self->wheel, timer);
}

char *
pb_reactor_scratch (PbReactor *self, gsize *size)
{
  *size = SCRATCH_SIZE;
  return self->scratch;
}
