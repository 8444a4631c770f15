/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The last minutes of mail for the overview's chart. The service counts up from its start; here the
 * differences between two looks are laid into bins of time, a ring with the newest one last. A look
 * after too long a pause says nothing about when it happened, so it only sets the base. Made by the
 * overview, follows PbaStatistics. Main thread only.
 */
#include "model/traffic.h"

#include <glib/gi18n.h>

#define BIN_USEC    ((gint64) PBA_TRAFFIC_BIN_SECONDS * G_USEC_PER_SEC)
#define MAX_PAUSE   BIN_USEC
#define REFUSED     "refused."

typedef struct
{
  gboolean seen;
  guint64 counts[PBA_N_TRAFFIC];
} Bin;

struct _PbaTraffic
{
  GObject parent_instance;

  PbaStatistics *statistics; /* (owned) (nullable) */
  Bin bins[PBA_TRAFFIC_BINS]; /* by number of the bin, modulo */
  gint64 newest;              /* number of the newest bin: monotonic time in bins */
  gint64 first_look;          /* monotonic microseconds; 0 before the first */
  gint64 last_look;           /* likewise */
  guint64 totals[PBA_N_TRAFFIC];
};

G_DEFINE_FINAL_TYPE (PbaTraffic, pba_traffic, G_TYPE_OBJECT)

static guint changed_signal;

static void
on_updated (PbaStatistics *statistics, gpointer user_data)
{
  g_autoptr (GPtrArray) refused = pba_statistics_list (statistics, REFUSED);
  guint64 totals[PBA_N_TRAFFIC] = {
    [PBA_TRAFFIC_ACCEPTED] = pba_statistics_get (statistics, "accepted"),
    [PBA_TRAFFIC_DELIVERED] = pba_statistics_get (statistics, "delivered"),
    [PBA_TRAFFIC_DEFERRED] = pba_statistics_get (statistics, "deferred"),
  };

  for (guint i = 0; i < refused->len; i++)
    totals[PBA_TRAFFIC_REFUSED] += pba_statistics_get (statistics, refused->pdata[i]);
  pba_traffic_take (user_data, g_get_monotonic_time (), totals);
}

static void
pba_traffic_finalize (GObject *object)
{
  PbaTraffic *self = PBA_TRAFFIC (object);

  g_clear_object (&self->statistics);
  G_OBJECT_CLASS (pba_traffic_parent_class)->finalize (object);
}

static void
pba_traffic_class_init (PbaTrafficClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = pba_traffic_finalize;
  changed_signal = g_signal_new ("changed", PBA_TYPE_TRAFFIC, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                 NULL, G_TYPE_NONE, 0);
}

static void
pba_traffic_init (PbaTraffic *self)
{
}

PbaTraffic *
pba_traffic_new (PbaStatistics *statistics)
{
  PbaTraffic *self = g_object_new (PBA_TYPE_TRAFFIC, NULL);

  if (statistics != NULL)
    {
      self->statistics = g_object_ref (statistics);
      g_signal_connect_object (statistics, "updated", G_CALLBACK (on_updated), self, 0);
    }
  return self;
}

/* Makes @number the newest bin; those in between were not looked at. */
static void
advance (PbaTraffic *self, gint64 number)
{
  gint64 first = MAX (self->newest + 1, number - PBA_TRAFFIC_BINS + 1);

  for (gint64 n = first; n <= number; n++)
    self->bins[n % PBA_TRAFFIC_BINS] = (Bin){ 0 };
  self->newest = MAX (self->newest, number);
}

void
pba_traffic_take (PbaTraffic *self, gint64 now, const guint64 totals[PBA_N_TRAFFIC])
{
  gboolean base_known = self->last_look != 0 && now - self->last_look <= MAX_PAUSE;
  Bin *bin;

  if (self->first_look == 0)
    self->first_look = now;
  advance (self, now / BIN_USEC);
  bin = &self->bins[self->newest % PBA_TRAFFIC_BINS];
  bin->seen = TRUE;
  for (guint i = 0; i < PBA_N_TRAFFIC; i++)
    {
      /* Fewer than before: it started again and counted those since. */
      guint64 base = totals[i] >= self->totals[i] ? self->totals[i] : 0;

      if (base_known)
        bin->counts[i] += totals[i] - base;
      self->totals[i] = totals[i];
    }
  self->last_look = now;
  g_signal_emit (self, changed_signal, 0);
}

gboolean
pba_traffic_get_bin (PbaTraffic *self, guint position, guint64 counts[PBA_N_TRAFFIC])
{
  gint64 number = self->newest - PBA_TRAFFIC_BINS + 1 + position;
  const Bin *bin = &self->bins[MAX (number, 0) % PBA_TRAFFIC_BINS];

  for (guint i = 0; i < PBA_N_TRAFFIC; i++)
    counts[i] = bin->counts[i];
  return bin->seen;
}

guint64
pba_traffic_get_sum (PbaTraffic *self, PbaTrafficSeries series)
{
  guint64 sum = 0;

  for (guint i = 0; i < PBA_TRAFFIC_BINS; i++)
    sum += self->bins[i].counts[series];
  return sum;
}

char *
pba_traffic_dup_period (PbaTraffic *self)
{
  const guint minutes = PBA_TRAFFIC_BINS * PBA_TRAFFIC_BIN_SECONDS / 60;
  gint64 seconds = (self->last_look - self->first_look) / G_USEC_PER_SEC;
  g_autoptr (GDateTime) now = g_date_time_new_now_local ();
  g_autoptr (GDateTime) first = g_date_time_add_seconds (now, (double) -seconds);
  g_autofree char *clock = g_date_time_format (first, "%H:%M");

  if (seconds >= (gint64) minutes * 60)
    /* Translators: stands behind a count */
    return g_strdup_printf (ngettext ("in the last %u min", "in the last %u min", minutes),
                            minutes);
  /* Translators: stands behind a count; %s is a time of day */
  return g_strdup_printf (_ ("since %s"), clock);
}

guint64
pba_traffic_get_total (PbaTraffic *self, PbaTrafficSeries series)
{
  return self->totals[series];
}
