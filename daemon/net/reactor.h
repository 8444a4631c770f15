/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "net/wheel.h"
#include "util/mailbox.h"
#include <glib.h>

/*
 * One I/O thread: its own GMainContext holding ONE GSource, an epoll descriptor plus a timer wheel. What is
 * registered here is touched only by this thread; others post to pb_reactor_mailbox().
 */
typedef struct _PbReactor PbReactor;

/** pb_reactor_new: starts the thread, named @name. */
PbReactor *pb_reactor_new (const char *name);

/** pb_reactor_free: asks the thread to end, joins it. Descriptors and timers still registered are dropped without a call. */
void pb_reactor_free (PbReactor *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbReactor, pb_reactor_free)

/** pb_reactor_mailbox: (transfer none) for posting closures to this thread. */
PbMailbox *pb_reactor_mailbox (PbReactor *self);

/** pb_reactor_is_current: whether the caller is on this thread (for assertions). */
gboolean pb_reactor_is_current (PbReactor *self);

/** pb_reactor_now: monotonic microseconds, read once per wake-up. */
gint64 pb_reactor_now (PbReactor *self);

/* A watched descriptor, embedded in its owner's struct. */
typedef struct _PbWatch PbWatch;
typedef void (*PbWatchFunc) (PbWatch *watch, guint32 epoll_events);
struct _PbWatch
{
  int fd;
  guint32 armed; /* private: events registered with epoll, 0 and !added before pb_reactor_watch */
  guint32 added; /* private: 0, or which registration of this descriptor it is */
  PbWatchFunc func;
};

/** pb_reactor_watch: adds or changes (@events 0: keeps it registered for errors only). Level-triggered. A no-op when nothing differs. */
void pb_reactor_watch (PbReactor *self, PbWatch *watch, guint32 events);

/** pb_reactor_unwatch: removes; events already fetched for it in this wake-up are not delivered. Call before close(). */
void pb_reactor_unwatch (PbReactor *self, PbWatch *watch);

/** pb_reactor_close: removes and closes the descriptor, watched or not, without the system call that pb_reactor_unwatch() costs. */
void pb_reactor_close (PbReactor *self, PbWatch *watch);

/* A call put off to the end of this wake-up, embedded in its owner's struct; zero-initialised means unset. */
typedef struct _PbTask PbTask;
typedef void (*PbTaskFunc) (PbTask *task);
struct _PbTask
{
  PbTask *next, **pprev; /* private */
  PbTaskFunc func;
};

/** pb_reactor_defer: calls @task once, after what is being handled, before the thread waits again. A no-op when already set. */
void pb_reactor_defer (PbReactor *self, PbTask *task);

/** pb_reactor_defer_to_end: calls @task when the thread ends, unless cancelled; for what owns itself until then. */
void pb_reactor_defer_to_end (PbReactor *self, PbTask *task);

/** pb_reactor_cancel_task: of either kind; a no-op when not set. */
void pb_reactor_cancel_task (PbReactor *self, PbTask *task);

/** pb_reactor_round: counts wake-ups. */
guint64 pb_reactor_round (PbReactor *self);

/** pb_reactor_set_timer: (re)arms @timer for @deadline (pb_clock_monotonic() based), O(1). Granularity 10 ms; never early. */
void pb_reactor_set_timer (PbReactor *self, PbTimer *timer, gint64 deadline);
void pb_reactor_clear_timer (PbReactor *self, PbTimer *timer);

/**
 * pb_reactor_scratch: a 64 KiB read buffer shared by all channels of the thread: bytes are read into it, handled at once, and only
 * what is left over is copied into a buffer of the channel's own. (transfer none)
 */
char *pb_reactor_scratch (PbReactor *self, gsize *size);
