/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The watchdog: pings systemd from the main loop, unless a writer thread has been at one batch for too
 * long. A disk that hangs leaves the daemon alive but of no use: without pings systemd starts it anew.
 * Made by service.c when all stands; nothing here fails.
 */
#include "service/watchdog.h"

#include "util/clock.h"
#include "util/log.h"

#include <systemd/sd-daemon.h>

#define STALL_USEC (30 * G_USEC_PER_SEC)

struct _PbWatchdog
{
  PbStore *store;              /* (not owned) */
  PbConfigStore *config_store; /* (not owned) */
  guint source;
  gboolean told;
};

gboolean
pb_watchdog_is_stalled (gint64 busy_since, gint64 now)
{
  return busy_since != 0 && now - busy_since > STALL_USEC;
}

static gboolean
on_time (gpointer user_data)
{
  PbWatchdog *self = user_data;
  gint64 now = pb_clock_monotonic ();

  if (!pb_watchdog_is_stalled (pb_store_busy_since (self->store), now)
      && !pb_watchdog_is_stalled (pb_config_store_busy_since (self->config_store), now))
    {
      sd_notify (0, "WATCHDOG=1");
      return G_SOURCE_CONTINUE;
    }
  if (!self->told)
    pb_log (PB_LOG_ERROR, "store stalled, waiting to be started again", "advice",
            "check the disk (dmesg, smartctl)", NULL);
  self->told = TRUE;
  return G_SOURCE_CONTINUE;
}

PbWatchdog *
pb_watchdog_new (PbStore *store, PbConfigStore *config_store)
{
  PbWatchdog *self = g_new0 (PbWatchdog, 1);
  guint64 usec = 0;

  self->store = store;
  self->config_store = config_store;
  if (sd_watchdog_enabled (0, &usec) > 0)
    self->source = g_timeout_add ((guint) CLAMP (usec / 3000, 1, G_MAXINT), on_time, self);
  return self;
}

void
pb_watchdog_free (PbWatchdog *self)
{
  g_clear_handle_id (&self->source, g_source_remove);
  g_free (self);
}
