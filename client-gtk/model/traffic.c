/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Mail of the last minutes, hours or days for the overview's chart. The past is what the service kept; from
 * then on the differences between two looks at its counters are laid into bins of time, a ring with the
 * newest one last. A look after too long a pause says nothing about when it happened, so it only sets the
 * base. With each new bin the past is asked for again, which puts right what was missed. Made by the
 * overview, follows PbaStatistics. Main thread only.
 */
#include "model/traffic.h"

#include <glib/gi18n.h>
#include <string.h>

#define REFUSED "refused."

static const guint bin_seconds[] = {
  [PBA_SPAN_MINUTES] = PBA_TRAFFIC_BIN_SECONDS,
  [PBA_SPAN_HOUR] = 60,
  [PBA_SPAN_DAY] = 24 * 60,
  [PBA_SPAN_WEEK] = 7 * 24 * 60,
  [PBA_SPAN_MONTH] = 12 * 3600,
};
G_STATIC_ASSERT (G_N_ELEMENTS (bin_seconds) == PBA_N_SPANS);

typedef struct
{
  gboolean seen;
  guint64 counts[PBA_N_TRAFFIC];
} Bin;

/* What is asked of the service for all bins: laid in when all of it is there. */
typedef struct
{
  PbaTraffic *traffic; /* (owned) */
  guint references, generation;
  gboolean failed;
  gint64 newest;
  Bin bins[PBA_TRAFFIC_BINS];
  GHashTable *reasons; /* (owned) (element-type utf8 guint64) */
} Load;

/* One of its questions. */
typedef struct
{
  Load *load;
  char *counter; /* (owned) */
  PbaTrafficSeries series;
} Question;

struct _PbaTraffic
{
  GObject parent_instance;

  PbaStatistics *statistics; /* (owned) (nullable) */
  PbaTrafficSpan span;
  Bin bins[PBA_TRAFFIC_BINS]; /* by number of the bin, modulo */
  gint64 newest;              /* number of the newest bin: time in bins */
  gint64 first_look;          /* microseconds; 0 before the first */
  gint64 last_look;           /* likewise */
  guint64 totals[PBA_N_TRAFFIC];
  guint generation;                /* of the span: an answer for another comes too late */
  gboolean loading, loaded, tried; /* tried: for the newest bin */
  GHashTable *reasons; /* (owned) (nullable) (element-type utf8 guint64): refusals of the bins */
  GHashTable
    *bases; /* (owned) (element-type utf8 guint64): counters of refusals as they were last */
};

G_DEFINE_FINAL_TYPE (PbaTraffic, pba_traffic, G_TYPE_OBJECT)

static guint changed_signal;

static gint64
bin_usec (PbaTraffic *self)
{
  return (gint64) bin_seconds[self->span] * G_USEC_PER_SEC;
}

/* ---- refusals ---- */

static GHashTable *
counts_new (void)
{
  return g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
}

static guint64
counts_get (GHashTable *counts, const char *name)
{
  const guint64 *count = counts != NULL ? g_hash_table_lookup (counts, name) : NULL;

  return count != NULL ? *count : 0;
}

static void
counts_set (GHashTable *counts, const char *name, guint64 count)
{
  g_hash_table_replace (counts, g_strdup (name), g_memdup2 (&count, sizeof count));
}

/* @base_known: what came since the last look came now. */
static guint64
take_refusals (PbaTraffic *self, gboolean base_known)
{
  g_autoptr (GPtrArray) names = pba_statistics_list (self->statistics, REFUSED);
  guint64 sum = 0;

  for (guint i = 0; i < names->len; i++)
    {
      const char *name = names->pdata[i];
      guint64 count = pba_statistics_get (self->statistics, name);
      guint64 base = counts_get (self->bases, name);

      if (base_known && self->reasons != NULL && count > base)
        counts_set (self->reasons, name, counts_get (self->reasons, name) + count - base);
      counts_set (self->bases, name, count);
      sum += count;
    }
  return sum;
}

/* ---- the past ---- */

static void
load_unref (Load *load)
{
  PbaTraffic *self = load->traffic;

  if (--load->references > 0)
    return;
  if (load->generation == self->generation)
    {
      self->loading = FALSE;
      if (!load->failed)
        {
          memcpy (self->bins, load->bins, sizeof self->bins);
          self->newest = load->newest;
          self->loaded = TRUE;
          g_clear_pointer (&self->reasons, g_hash_table_unref);
          self->reasons = g_hash_table_ref (load->reasons);
        }
      g_signal_emit (self, changed_signal, 0);
    }
  g_object_unref (self);
  g_hash_table_unref (load->reasons);
  g_free (load);
}

/* @points: a(td). Returns: how many there were in all. */
static guint64
lay_in (Load *load, PbaTrafficSeries series, GVariant *points)
{
  guint seconds = bin_seconds[load->traffic->span];
  GVariantIter iter;
  guint64 time, sum = 0;
  double count;

  g_variant_iter_init (&iter, points);
  while (g_variant_iter_next (&iter, "(td)", &time, &count))
    {
      gint64 number = (gint64) (time / seconds);
      Bin *bin = &load->bins[number % PBA_TRAFFIC_BINS];
      guint64 whole = count > 0 ? (guint64) (count + 0.5) : 0;

      if (number <= load->newest - PBA_TRAFFIC_BINS || number > load->newest)
        continue;
      bin->seen = TRUE;
      bin->counts[series] += whole;
      sum += whole;
    }
  return sum;
}

static void
on_series (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autofree Question *question = user_data;
  g_autofree char *counter = question->counter;
  Load *load = question->load;
  g_autoptr (GVariant) points =
    pba_statistics_series_finish (PBA_STATISTICS (source), result, NULL);
  guint64 sum = 0;

  load->failed = load->failed || points == NULL;
  if (points != NULL && load->generation == load->traffic->generation)
    sum = lay_in (load, question->series, points);
  if (question->series == PBA_TRAFFIC_REFUSED)
    counts_set (load->reasons, counter, sum);
  load_unref (load);
}

static void
ask (Load *load, const char *counter, PbaTrafficSeries series)
{
  Question *question = g_new0 (Question, 1);
  guint seconds = bin_seconds[load->traffic->span];

  question->load = load;
  question->series = series;
  question->counter = g_strdup (counter);
  load->references++;
  pba_statistics_series_async (load->traffic->statistics, counter, seconds * PBA_TRAFFIC_BINS,
                               seconds, NULL, on_series, question);
}

void
pba_traffic_load (PbaTraffic *self)
{
  g_autoptr (GPtrArray) refused = NULL;
  Load *load;

  if (self->loading || self->statistics == NULL || !pba_statistics_get_kept (self->statistics)
      || !pba_statistics_get_known (self->statistics))
    return;
  refused = pba_statistics_list (self->statistics, REFUSED);
  load = g_new0 (Load, 1);
  load->traffic = g_object_ref (self);
  load->references = 1;
  load->generation = self->generation;
  load->newest = g_get_real_time () / bin_usec (self);
  load->reasons = counts_new ();
  self->tried = TRUE;
  self->loading = TRUE;
  ask (load, "accepted", PBA_TRAFFIC_ACCEPTED);
  ask (load, "delivered", PBA_TRAFFIC_DELIVERED);
  ask (load, "deferred", PBA_TRAFFIC_DEFERRED);
  for (guint i = 0; i < refused->len; i++)
    ask (load, refused->pdata[i], PBA_TRAFFIC_REFUSED);
  load_unref (load);
}

void
pba_traffic_set_span (PbaTraffic *self, PbaTrafficSpan span)
{
  if (self->span == span)
    return;
  self->span = span;
  self->generation++;
  self->loading = self->loaded = self->tried = FALSE;
  g_clear_pointer (&self->reasons, g_hash_table_unref);
  memset (self->bins, 0, sizeof self->bins);
  self->newest = 0;
  self->first_look = self->last_look = 0;
  pba_traffic_load (self);
  g_signal_emit (self, changed_signal, 0);
}

PbaTrafficSpan
pba_traffic_get_span (PbaTraffic *self)
{
  return self->span;
}

/* ---- what comes now ---- */

/* What is longer ago than a short bin may belong to another one. */
static gboolean
is_base_known (PbaTraffic *self, gint64 now)
{
  return self->last_look != 0 && now >= self->last_look
         && now - self->last_look <= (gint64) PBA_TRAFFIC_BIN_SECONDS * G_USEC_PER_SEC;
}

static void
on_updated (PbaStatistics *statistics, gpointer user_data)
{
  PbaTraffic *self = user_data;
  gint64 before = self->newest, now = g_get_real_time ();
  guint64 totals[PBA_N_TRAFFIC] = {
    [PBA_TRAFFIC_ACCEPTED] = pba_statistics_get (statistics, "accepted"),
    [PBA_TRAFFIC_DELIVERED] = pba_statistics_get (statistics, "delivered"),
    [PBA_TRAFFIC_DEFERRED] = pba_statistics_get (statistics, "deferred"),
    [PBA_TRAFFIC_REFUSED] = take_refusals (self, is_base_known (self, now)),
  };

  pba_traffic_take (self, now, totals);
  if (self->newest != before || !self->tried)
    pba_traffic_load (self);
}

static void
pba_traffic_finalize (GObject *object)
{
  PbaTraffic *self = PBA_TRAFFIC (object);

  g_clear_object (&self->statistics);
  g_clear_pointer (&self->reasons, g_hash_table_unref);
  g_hash_table_unref (self->bases);
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
  self->bases = counts_new ();
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

/* Makes @number the newest bin; those in between were not looked at. A clock that went far back begins anew. */
static void
advance (PbaTraffic *self, gint64 number)
{
  gint64 first = MAX (self->newest + 1, number - PBA_TRAFFIC_BINS + 1);

  if (number < self->newest - PBA_TRAFFIC_BINS)
    {
      memset (self->bins, 0, sizeof self->bins);
      self->newest = number;
      self->first_look = self->last_look = 0;
    }
  for (gint64 n = first; n <= number; n++)
    self->bins[n % PBA_TRAFFIC_BINS] = (Bin){ 0 };
  self->newest = MAX (self->newest, number);
}

void
pba_traffic_take (PbaTraffic *self, gint64 now, const guint64 totals[PBA_N_TRAFFIC])
{
  gboolean base_known;
  Bin *bin;

  advance (self, now / bin_usec (self));
  base_known = is_base_known (self, now);
  if (self->first_look == 0)
    self->first_look = now;
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

guint
pba_traffic_get_bin_seconds (PbaTraffic *self)
{
  return bin_seconds[self->span];
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

static char *
spell_span (PbaTrafficSpan span)
{
  const guint minutes = PBA_TRAFFIC_BINS * PBA_TRAFFIC_BIN_SECONDS / 60;

  switch (span)
    {
    case PBA_SPAN_HOUR:
      /* Translators: stands behind a count */
      return g_strdup (_ ("in the last hour"));
    case PBA_SPAN_DAY:
      /* Translators: stands behind a count */
      return g_strdup (_ ("in the last 24 hours"));
    case PBA_SPAN_WEEK:
      /* Translators: stands behind a count */
      return g_strdup (_ ("in the last 7 days"));
    case PBA_SPAN_MONTH:
      /* Translators: stands behind a count */
      return g_strdup (_ ("in the last 30 days"));
    case PBA_SPAN_MINUTES:
    case PBA_N_SPANS:
      break;
    }
  /* Translators: stands behind a count */
  return g_strdup_printf (ngettext ("in the last %u min", "in the last %u min", minutes), minutes);
}

char *
pba_traffic_dup_period (PbaTraffic *self)
{
  const gint64 whole = (gint64) PBA_TRAFFIC_BINS * bin_seconds[self->span];
  gint64 seconds = (self->last_look - self->first_look) / G_USEC_PER_SEC;
  g_autoptr (GDateTime) now = g_date_time_new_now_local ();
  g_autoptr (GDateTime) first = g_date_time_add_seconds (now, (double) -seconds);
  g_autofree char *clock = g_date_time_format (first, "%H:%M");

  if (seconds >= whole || self->loaded)
    return spell_span (self->span);
  /* Translators: stands behind a count; %s is a time of day */
  return g_strdup_printf (_ ("since %s"), clock);
}

guint64
pba_traffic_get_total (PbaTraffic *self, PbaTrafficSeries series)
{
  return self->totals[series];
}

/* ---- reasons ---- */

static int
compare_reasons (gconstpointer a, gconstpointer b, gpointer user_data)
{
  guint64 first = counts_get (user_data, *(const char *const *) a);
  guint64 second = counts_get (user_data, *(const char *const *) b);

  if (first != second)
    return first > second ? -1 : 1;
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

GPtrArray *
pba_traffic_list_refusals (PbaTraffic *self)
{
  GHashTable *counts = self->reasons != NULL ? self->reasons : self->bases;
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
  GHashTableIter iter;
  gpointer name;

  g_hash_table_iter_init (&iter, counts);
  while (g_hash_table_iter_next (&iter, &name, NULL))
    if (counts_get (counts, name) > 0)
      g_ptr_array_add (names, g_strdup (name));
  g_ptr_array_sort_with_data (names, compare_reasons, counts);
  return names;
}

guint64
pba_traffic_get_refusals (PbaTraffic *self, const char *counter)
{
  return counts_get (self->reasons != NULL ? self->reasons : self->bases, counter);
}
