/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The reactor: closures, timers, descriptors and put-off calls on its one thread, stale events kept back, foreign sources served. */
#include "net/reactor.h"
#include "util/clock.h"

#include <glib-unix.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* What a test waits for, with a bound. */
typedef struct
{
  GMutex lock;
  GCond changed;
  guint count; /* under lock */
} Gate;

static void
gate_open (Gate *self)
{
  g_mutex_lock (&self->lock);
  self->count++;
  g_cond_signal (&self->changed);
  g_mutex_unlock (&self->lock);
}

static void
gate_wait (Gate *self, guint count)
{
  gint64 deadline = g_get_monotonic_time () + 30 * G_USEC_PER_SEC;

  g_mutex_lock (&self->lock);
  while (self->count < count)
    g_assert_true (g_cond_wait_until (&self->changed, &self->lock, deadline));
  g_mutex_unlock (&self->lock);
}

typedef struct
{
  PbReactor *reactor;
  Gate gate;
  PbWatch watches[2];
  PbTimer timer, second_timer;
  PbTask task, second_task;
  int peers[2];
  gint64 deadline;
  guint events, calls;
  GString *order;
} Fixture;

#define OWNER(member, pointer)                                                                     \
  ((Fixture *) (void *) ((char *) (pointer) -offsetof (Fixture, member)))

static void
set_up (Fixture *self, gconstpointer data)
{
  self->reactor = pb_reactor_new ("test");
  self->order = g_string_new (NULL);
  for (guint i = 0; i < 2; i++)
    {
      int ends[2];

      g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends),
                       ==, 0);
      self->watches[i].fd = ends[0];
      self->peers[i] = ends[1];
    }
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  pb_reactor_free (self->reactor);
  for (guint i = 0; i < 2; i++)
    {
      if (self->watches[i].fd >= 0)
        close (self->watches[i].fd);
      close (self->peers[i]);
    }
  g_string_free (self->order, TRUE);
}

static void
post_and_wait (Fixture *self, PbMailFunc func)
{
  guint before = self->gate.count;

  pb_mailbox_post (pb_reactor_mailbox (self->reactor), func, self);
  gate_wait (&self->gate, before + 1);
}

static void
on_closure (gpointer data)
{
  Fixture *self = data;

  g_assert_true (pb_reactor_is_current (self->reactor));
  self->calls++;
  gate_open (&self->gate);
}

static void
test_mailbox (Fixture *self, gconstpointer data)
{
  g_assert_false (pb_reactor_is_current (self->reactor));
  for (guint i = 0; i < 1000; i++)
    pb_mailbox_post (pb_reactor_mailbox (self->reactor), on_closure, self);
  gate_wait (&self->gate, 1000);
}

static void
test_free_runs_posts (Fixture *self, gconstpointer data)
{
  PbReactor *other = pb_reactor_new ("other");
  PbReactor *own = g_steal_pointer (&self->reactor);

  self->reactor = other;
  for (guint i = 0; i < 100; i++)
    pb_mailbox_post (pb_reactor_mailbox (other), on_closure, self);
  pb_reactor_free (other);
  g_assert_cmpuint (self->calls, ==, 100);
  self->reactor = own;
}

static void
on_timer (PbTimer *timer)
{
  Fixture *self = OWNER (timer, timer);

  g_assert_cmpint (pb_clock_monotonic (), >=, self->deadline);
  g_assert_cmpint (pb_reactor_now (self->reactor), >=, self->deadline);
  gate_open (&self->gate);
}

static void
on_never_timer (PbTimer *timer)
{
  g_assert_not_reached ();
}

static void
on_set_timer (gpointer data)
{
  Fixture *self = data;

  self->deadline = pb_clock_monotonic () + 30000;
  self->timer.func = on_timer;
  self->second_timer.func = on_never_timer;
  pb_reactor_set_timer (self->reactor, &self->second_timer, self->deadline - 15000);
  pb_reactor_set_timer (self->reactor, &self->timer, self->deadline);
  pb_reactor_clear_timer (self->reactor, &self->second_timer);
}

static void
test_timer (Fixture *self, gconstpointer data)
{
  post_and_wait (self, on_set_timer);
}

static void
on_readable (PbWatch *watch, guint32 epoll_events)
{
  Fixture *self = OWNER (watches[0], watch);
  char byte;

  g_assert_cmpuint (epoll_events, ==, EPOLLIN);
  g_assert_cmpint (read (watch->fd, &byte, 1), ==, 1);
  self->events++;
  gate_open (&self->gate);
}

static void
on_watch (gpointer data)
{
  Fixture *self = data;

  self->watches[0].func = on_readable;
  pb_reactor_watch (self->reactor, &self->watches[0], EPOLLIN);
  g_assert_cmpuint (self->watches[0].armed, ==, EPOLLIN);
  gate_open (&self->gate);
}

static void
on_disarm (gpointer data)
{
  Fixture *self = data;

  pb_reactor_watch (self->reactor, &self->watches[0], 0);
  gate_open (&self->gate);
}

static void
test_watch (Fixture *self, gconstpointer data)
{
  post_and_wait (self, on_watch);
  /* Level-triggered: three bytes are three events though each event reads one. */
  g_assert_cmpint (write (self->peers[0], "abc", 3), ==, 3);
  gate_wait (&self->gate, 4);
  post_and_wait (self, on_disarm);
  g_assert_cmpint (write (self->peers[0], "d", 1), ==, 1);
  post_and_wait (self, on_closure);
  post_and_wait (self, on_closure);
  g_assert_cmpuint (self->events, ==, 3);
  post_and_wait (self, on_watch);
  gate_wait (&self->gate, 9);
  g_assert_cmpuint (self->events, ==, 4);
}

/* Whichever of the two comes first closes the other, whose event was fetched in the same wake-up. */
static void
on_close_other (Fixture *self, guint own)
{
  guint other = 1 - own;

  g_assert_cmpuint (self->events++, ==, 0);
  if (self->calls == 1)
    pb_reactor_unwatch (self->reactor, &self->watches[other]);
  else
    {
      int again;

      pb_reactor_close (self->reactor, &self->watches[other]);
      g_assert_cmpint (self->watches[other].fd, ==, -1);
      /* The number is taken again at once, by one that is watched too: the old event must not reach it. */
      again = dup (self->peers[own]);
      self->watches[other].fd = again;
      pb_reactor_watch (self->reactor, &self->watches[other], EPOLLIN);
    }
  pb_reactor_unwatch (self->reactor, &self->watches[own]);
  gate_open (&self->gate);
}

static void
on_first_event (PbWatch *watch, guint32 epoll_events)
{
  on_close_other (OWNER (watches[0], watch), 0);
}

static void
on_second_event (PbWatch *watch, guint32 epoll_events)
{
  on_close_other (OWNER (watches[1], watch), 1);
}

static void
on_watch_both (gpointer data)
{
  Fixture *self = data;

  self->events = 0;
  self->watches[0].func = on_first_event;
  self->watches[1].func = on_second_event;
  pb_reactor_watch (self->reactor, &self->watches[0], EPOLLIN);
  pb_reactor_watch (self->reactor, &self->watches[1], EPOLLIN);
}

static void
test_stale_events (Fixture *self, gconstpointer data)
{
  g_assert_cmpint (write (self->peers[0], "a", 1), ==, 1);
  g_assert_cmpint (write (self->peers[1], "b", 1), ==, 1);
  self->calls = 1;
  post_and_wait (self, on_watch_both);
  post_and_wait (self, on_closure);
  self->calls = 2;
  post_and_wait (self, on_watch_both);
  post_and_wait (self, on_closure);
  g_assert_cmpuint (self->events, ==, 1);
}

static void
on_second_task (PbTask *task)
{
  Fixture *self = OWNER (second_task, task);

  g_string_append_c (self->order, '2');
  gate_open (&self->gate);
}

static void
on_first_task (PbTask *task)
{
  Fixture *self = OWNER (task, task);

  g_string_append_c (self->order, '1');
  if (self->order->len < 3)
    pb_reactor_defer (self->reactor, task);
}

static void
on_defer (gpointer data)
{
  Fixture *self = data;

  self->task.func = on_first_task;
  self->second_task.func = on_second_task;
  pb_reactor_defer (self->reactor, &self->second_task);
  pb_reactor_defer (self->reactor, &self->task);
  pb_reactor_cancel_task (self->reactor, &self->second_task);
  pb_reactor_cancel_task (self->reactor, &self->second_task);
  pb_reactor_defer (self->reactor, &self->second_task);
  pb_reactor_defer (self->reactor, &self->second_task);
  g_string_append_c (self->order, '0');
}

static void
test_tasks (Fixture *self, gconstpointer data)
{
  post_and_wait (self, on_defer);
  post_and_wait (self, on_closure);
  post_and_wait (self, on_closure);
  /* After the closure, in order, once; the first again in the next round. */
  g_assert_cmpstr (self->order->str, ==, "0121");
}

static gboolean
on_foreign (gpointer data)
{
  Fixture *self = data;

  g_assert_true (pb_reactor_is_current (self->reactor));
  gate_open (&self->gate);
  return G_SOURCE_REMOVE;
}

static void
on_attach_foreign (gpointer data)
{
  g_autoptr (GSource) timeout = g_timeout_source_new (20);

  g_source_set_callback (timeout, on_foreign, data, NULL);
  g_source_attach (timeout, g_main_context_get_thread_default ());
}

static gboolean
on_foreign_fd (int fd, GIOCondition condition, gpointer data)
{
  return on_foreign (data);
}

static void
on_attach_fd (gpointer data)
{
  Fixture *self = data;
  g_autoptr (GSource) source = g_unix_fd_source_new (self->watches[1].fd, G_IO_IN);

  g_source_set_callback (source, G_SOURCE_FUNC (on_foreign_fd), data, NULL);
  g_source_attach (source, g_main_context_get_thread_default ());
  g_assert_cmpint (write (self->peers[1], "y", 1), ==, 1);
}

static void
test_foreign_sources (Fixture *self, gconstpointer data)
{
  post_and_wait (self, on_attach_foreign);
  post_and_wait (self, on_attach_fd);
  post_and_wait (self, on_watch);
  g_assert_cmpint (write (self->peers[0], "x", 1), ==, 1);
  gate_wait (&self->gate, 4);
  g_assert_cmpuint (self->events, ==, 1);
}

#define ADD(name, func) g_test_add ("/reactor/" name, Fixture, NULL, set_up, func, tear_down)

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  ADD ("mailbox", test_mailbox);
  ADD ("free-runs-posts", test_free_runs_posts);
  ADD ("timer", test_timer);
  ADD ("watch", test_watch);
  ADD ("stale-events", test_stale_events);
  ADD ("tasks", test_tasks);
  ADD ("foreign-sources", test_foreign_sources);
  return g_test_run ();
}
