/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

/*
 * Decides what is tried when: pure, no I/O, the clock passed in (Unix seconds for due times). An item is some recipients of one message with one destination. A dead destination
 * never slows a live one: each destination has its own queue, its own limit of attempts under way, and its own back-off.
 */
typedef struct _PbScheduler PbScheduler;

typedef struct
{
  guint max_per_destination; /* attempts under way at once */
  guint max_total;           /* attempts under way at once, all destinations */
  guint min_backoff, max_backoff; /* seconds */
} PbSchedulerLimits;

PbScheduler *pb_scheduler_new (const PbSchedulerLimits *limits);
void pb_scheduler_free (PbScheduler *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbScheduler, pb_scheduler_free)
void pb_scheduler_set_limits (PbScheduler *self, const PbSchedulerLimits *limits);

/** pb_scheduler_add: @item due at @due for @destination. @item is opaque. */
void pb_scheduler_add (PbScheduler *self, gpointer item, const char *destination, gint64 due);

/** pb_scheduler_trust: @destination needs no answer to count as alive, as our own mailboxes. */
void pb_scheduler_trust (PbScheduler *self, const char *destination);

/** pb_scheduler_next: an item that may start now: round-robin over destinations, in order of due time within one. Counts as under way until pb_scheduler_finished(). Returns: (nullable). */
gpointer pb_scheduler_next (PbScheduler *self, gint64 now);

/** pb_scheduler_finished: an attempt ended; @dead: nobody answered there: the destination rests (min_backoff doubling to max_backoff); a live answer clears it. */
void pb_scheduler_finished (PbScheduler *self, const char *destination, gint64 now, gboolean dead);

/** pb_scheduler_abandon: gives an attempt's place back with nothing learned about the destination. */
void pb_scheduler_abandon (PbScheduler *self, const char *destination);

/** pb_scheduler_remove: takes a waiting item out (held, removed). Returns: FALSE when it is not waiting. */
gboolean pb_scheduler_remove (PbScheduler *self, gpointer item);

/** pb_scheduler_drain: takes all waiting items of @destination (nullable: all) out, soonest first within one. Returns: (transfer container) (element-type gpointer). */
GPtrArray *pb_scheduler_drain (PbScheduler *self, const char *destination);

/** pb_scheduler_resting_until: until when @destination rests because nobody answered there; 0, or a time gone by, when it does not. */
gint64 pb_scheduler_resting_until (PbScheduler *self, const char *destination);

/** pb_scheduler_wake: a retry by hand: clears rests and makes all waiting items of @destination (nullable: all) due at @now. */
void pb_scheduler_wake (PbScheduler *self, const char *destination, gint64 now);

/** pb_scheduler_weigh: @item, which waits, counts as @weight in pb_scheduler_waiting(); 1 unless told. */
void pb_scheduler_weigh (PbScheduler *self, gpointer item, guint weight);

/** pb_scheduler_waiting: the weight of all that waits for @destination. */
guint pb_scheduler_waiting (PbScheduler *self, const char *destination);

/** pb_scheduler_next_due: when pb_scheduler_next() may have something, given no further calls; G_MAXINT64 never, G_MININT64 at once. */
gint64 pb_scheduler_next_due (PbScheduler *self);
guint pb_scheduler_size (PbScheduler *self);

/** pb_scheduler_backoff: seconds until the next attempt of a message @age seconds old: clamp (age, min, max) with jitter of +-10 % from @random (0-1). */
gint64 pb_scheduler_backoff (const PbSchedulerLimits *limits, gint64 age, double random);
