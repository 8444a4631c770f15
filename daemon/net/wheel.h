/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

/* A timer, embedded in its owner's struct; zero-initialised means unset. */
typedef struct _PbTimer PbTimer;
typedef void (*PbTimerFunc) (PbTimer *timer);
struct _PbTimer
{
  PbTimer *next, **pprev; /* private: slot list */
  gint64 deadline;        /* monotonic microseconds, 0 unset */
  PbTimerFunc func;
};

/* A hierarchical timer wheel with ticks of 10 ms: setting and clearing is O(1), and moving a deadline further costs one store. */
typedef struct _PbWheel PbWheel;

/** pb_wheel_new: @now: monotonic microseconds. */
PbWheel *pb_wheel_new (gint64 now);

/** pb_wheel_free: timers still set are dropped without a call. */
void pb_wheel_free (PbWheel *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbWheel, pb_wheel_free)

/** pb_wheel_set: (re)arms @timer, whose func must be set, for @deadline; never fires early, at most a tick late. */
void pb_wheel_set (PbWheel *self, PbTimer *timer, gint64 deadline);

/** pb_wheel_clear: no-op for a timer that is not set. */
void pb_wheel_clear (PbWheel *self, PbTimer *timer);

/** pb_wheel_advance: calls what is due at @now. Timers may set and clear any timer, themselves included. */
void pb_wheel_advance (PbWheel *self, gint64 now);

/** pb_wheel_next: when to call pb_wheel_advance() next, at the latest; G_MAXINT64 when no timer is set. */
gint64 pb_wheel_next (PbWheel *self);
