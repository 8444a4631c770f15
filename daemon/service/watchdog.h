/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "net/reactor.h"
#include "store/config-store.h"
#include "store/store.h"
#include <glib.h>

/* Tells systemd that the daemon is alive, as often as it asks for; nothing where it does not ask. */
typedef struct _PbWatchdog PbWatchdog;

/** pb_watchdog_new: the stores and @reactors (an array of @n_reactors) are borrowed. On the main context. */
PbWatchdog *pb_watchdog_new (PbStore *store, PbConfigStore *config_store, PbReactor *const *reactors, guint n_reactors);

/** pb_watchdog_free: after the reactors have ended, which may have something of it in hand until then. */
void pb_watchdog_free (PbWatchdog *self);

/** pb_watchdog_check: whether all threads get on at @now (monotonic us); asks the I/O threads, for the next time, too. What is wrong is logged once. */
gboolean pb_watchdog_check (PbWatchdog *self, gint64 now);

/** pb_watchdog_is_stalled: whether a thread that has been at one thing since @busy_since (monotonic us, 0 idle) is to be given up at @now. Pure. */
gboolean pb_watchdog_is_stalled (gint64 busy_since, gint64 now);
