/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

/*
 * Which accounts send far more in an hour than they ever do. Counts only, holds nothing. Any thread. Kept in memory: what is usual is learnt anew after a restart.
 * @now is monotonic, seconds, so that a clock that is set makes nobody suspicious.
 */
typedef struct _PbBurst PbBurst;

PbBurst *pb_burst_new (gint64 now);
void pb_burst_free (PbBurst *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbBurst, pb_burst_free)

/**
 * pb_burst_count: @account sends one message, called @name. It bursts from the 100th message of an hour on, when these are ten times as many as in the busiest
 * of the 168 hours before; from the 500th in the first day of @self, which knows no usual day yet. An hour that was a burst is usual only a day later.
 * @wall: Unix seconds, for pb_burst_foreach()
 */
void pb_burst_count (PbBurst *self, const char *account, const char *name, gint64 now, gint64 wall);

/* @messages: when it was first seen in this hour, at @wall; @busiest: messages in the busiest hour before. The three stay as they are within an hour. */
typedef void (*PbBurstFunc) (const char *account, const char *name, guint messages, guint busiest, gint64 wall, gpointer user_data);
/** pb_burst_foreach: the accounts that burst now, or did within the last hour; @func must not call back. Who sent nothing for seven days is forgotten. */
void pb_burst_foreach (PbBurst *self, PbBurstFunc func, gpointer user_data, gint64 now);
