/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

#define PB_QUEUE_CLOCK_STEPS 16

/* One time that the wall clock was set. */
typedef struct
{
  guint64 before; /* ids below this one were given before the step was seen */
  gint64 seen;    /* wall clock then, seconds */
  gint64 amount;  /* seconds: forward is positive */
} PbQueueClockStep;

/* How old mail is, whatever becomes of the wall clock: its steps are seen against the monotonic clock. Pure: both are passed in. */
typedef struct
{
  gboolean looked;
  gint64 offset; /* wall clock less monotonic one, seconds, at the last look */
  PbQueueClockStep steps[PB_QUEUE_CLOCK_STEPS]; /* the latest, oldest first */
  guint n_steps;
} PbQueueClock;

/**
 * pb_queue_clock_look: to be called often, and before each pb_queue_clock_age().
 * @wall, @monotonic: seconds
 * @next_id: an id that is given only now
 * Returns: by how much the wall clock was set since the last look; 0 for anything up to a minute
 */
gint64 pb_queue_clock_look (PbQueueClock *self, gint64 wall, gint64 monotonic, guint64 next_id);

/**
 * pb_queue_clock_age: seconds since a message came, 0 at least. What the wall clock was set by meanwhile does not count, nor does time that the machine slept.
 * @id: the message's
 * @arrival: wall clock then, seconds
 * @wall: as at the last look
 */
gint64 pb_queue_clock_age (const PbQueueClock *self, guint64 id, gint64 arrival, gint64 wall);
