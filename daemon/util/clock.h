/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

/** pb_clock_wall: wall clock, microseconds since the Unix epoch, UTC. */
gint64 pb_clock_wall (void);

/** pb_clock_monotonic: microseconds on a clock that never steps; what deadlines are given in. */
gint64 pb_clock_monotonic (void);

/**
 * pb_clock_next_midnight:
 * @now: Unix seconds; @zone: whose midnight
 * Returns: the first second behind @now on a later date. Where that day has no midnight, since the clock is put forward then, its first second there is.
 */
gint64 pb_clock_next_midnight (gint64 now, GTimeZone *zone);

/**
 * pb_clock_format_date:
 * @wall: microseconds since the epoch
 * @buffer: at least 40 bytes
 *
 * Writes an RFC 5322 3.3 date-time in local time with numeric zone, e.g. "Tue, 24 Nov 2026 04:29:51 +0000".
 * Returns: @buffer
 */
char *pb_clock_format_date (gint64 wall, char buffer[40]);
