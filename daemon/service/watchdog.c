/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The watchdog: pings systemd from the main loop, unless a writer thread has been at one batch for too
 * long or an I/O thread does not answer. A disk that hangs, or a thread that does, leaves the daemon
 * alive but of no use: without pings systemd starts it anew. Made by service.c when all stands; nothing
 * here fails.
 */
#include "service/watchdog.h"

#include "util/clock.h"
#include "util/log.h"

#include <systemd/sd-daemon.h>

#define STALL_USEC (30 * G_USEC_PER_SEC)

/* A question to an I/O thread, of which one at a time is under way. */
typedef struct
{
  PbReactor *reactor; /* (not owned) */
  gint64 asked;       /* monotonic microseconds; the main thread's */
  gint answered;      /* atomic */
} Beat;

struct _PbWatchdog
{
  PbStore *store;              /* (not owned) */
  PbConfigStore *config_store; /* (not owned) */
  Beat *beats;                 /* (owned) */
  guint n_beats;
  guint source;
  gboolean told;
};

gboolean
pb_watchdog_is_stalled (gint64 busy_since, gint64 now)
{
  return busy_since != 0 && now - busy_since > STALL_USEC;
}

/* On the I/O thread. */
static void
on_beat (gpointer data)
{
  Beat *beat = data;

  g_atomic_int_set (&beat->answered, 1);
}

static gboolean
threads_answer (PbWatchdog *self, gint64 now)
{
  gboolean all = TRUE;

  for (guint i = 0; i < self->n_beats; i++)
    {
      Beat *beat = &self->beats[i];

      if (g_atomic_int_get (&beat->answered))
        {
          beat->asked = now;
          g_atomic_int_set (&beat->answered, 0);
          pb_mailbox_post (pb_reactor_mailbox (beat->reactor), on_beat, beat);
        }
      else if (pb_watchdog_is_stalled (beat->asked, now))
        all = FALSE;
    }
  return all;
}

static gboolean
writers_work (PbWatchdog *self, gint64 now)
{
  return !pb_watchdog_is_stalled (pb_store_busy_since (self->store), now)
         && !pb_watchdog_is_stalled (pb_config_store_busy_since (self->config_store), now);
}

gboolean
pb_watchdog_check (PbWatchdog *self, gint64 now)
{
  gboolean answer = threads_answer (self, now), work = writers_work (self, now);

  if (answer && work)
    {
      self->told = FALSE;
      return TRUE;
    }
  if (!self->told)
    pb_log (PB_LOG_ERROR, work ? "network thread stalled, waiting to be started again" : "store stalled, waiting to be started again",
            "advice", work ? "report this as a fault of postbusd" : "check the disk (dmesg, smartctl)", NULL);
  self->told = TRUE;
  return FALSE;
}

static gboolean
on_time (gpointer user_data)
{
  if (pb_watchdog_check (user_data, pb_clock_monotonic ()))
    sd_notify (0, "WATCHDOG=1");
  return G_SOURCE_CONTINUE;
}

PbWatchdog *
pb_watchdog_new (PbStore *store, PbConfigStore *config_store, PbReactor *const *reactors, guint n_reactors)
{
  PbWatchdog *self = g_new0 (PbWatchdog, 1);
  guint64 usec = 0;

  self->store = store;
  self->config_store = config_store;
  self->beats = g_new0 (Beat, n_reactors);
  self->n_beats = n_reactors;
  for (guint i = 0; i < n_reactors; i++)
    {
      self->beats[i].reactor = reactors[i];
      self->beats[i].answered = 1;
    }
  if (sd_watchdog_enabled (0, &usec) > 0)
    self->source = g_timeout_add ((guint) CLAMP (usec / 3000, 1, G_MAXINT), on_time, self);
  return self;
}

void
pb_watchdog_free (PbWatchdog *self)
{
  g_clear_handle_id (&self->source, g_source_remove);
  g_free (self->beats);
  g_free (self);
}
