/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The wall clock is set now and then: a machine without a battery starts years ago and is told the
 * time when the network is there, or somebody mends a wrong date. Mail bears the wall clock's time of
 * arrival, so a step forward would make all of it too old at once and bounce it, and behind a step back
 * nothing would ever be old. The queue looks here before it judges an age. A step is what the wall clock
 * moved beyond the monotonic one; it counts for the messages that came before it. Steps of an earlier run
 * are not known. Nothing here fails; used on the main thread.
 */
#include "queue/queue-clock.h"

#include <string.h>

#define LEAST_STEP 60 /* seconds: what a clock that is slewed or read late does not reach */

gint64
pb_queue_clock_look (PbQueueClock *self, gint64 wall, gint64 monotonic, guint64 next_id)
{
  gint64 amount = wall - monotonic - self->offset;

  if (self->looked && ABS (amount) < LEAST_STEP)
    return 0;
  self->offset = wall - monotonic;
  if (!self->looked)
    {
      self->looked = TRUE;
      return 0;
    }
  if (self->n_steps == PB_QUEUE_CLOCK_STEPS)
    memmove (self->steps, self->steps + 1, --self->n_steps * sizeof *self->steps);
  self->steps[self->n_steps++] = (PbQueueClockStep){ next_id, wall, amount };
  return amount;
}

/* Between a step and the look that sees it messages come with the new time and an id below the step's. */
static gboolean
came_before (const PbQueueClockStep *step, guint64 id, gint64 arrival)
{
  if (id >= step->before)
    return FALSE;
  if (step->amount > 0)
    return arrival <= step->seen - step->amount;
  return arrival > step->seen || arrival < step->seen - LEAST_STEP;
}

gint64
pb_queue_clock_age (const PbQueueClock *self, guint64 id, gint64 arrival, gint64 wall)
{
  gint64 age = wall - arrival;

  for (guint i = 0; i < self->n_steps; i++)
    if (came_before (&self->steps[i], id, arrival))
      age -= self->steps[i].amount;
  return MAX (age, 0);
}
