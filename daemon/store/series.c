/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Series of figures in fixed room. The seconds of the last hour are a ring by the clock: the place of a
 * second follows from it, and who looks tells by the time in it whether it is what he looks for. So a clock
 * that jumps leaves nothing wrong and makes nothing grow: a time that comes again is added to, a later one
 * overwrites. A minute and an hour are gathered and, once another begins, handed out to be written.
 * Called by the statistics of the service; pure, no clock, no file. Nothing fails.
 */
#include "store/series.h"

#include <string.h>

#define MAX_DONE (24 * 60 + 24) /* that wait to be written: a day's */

typedef struct
{
  gint64 time; /* Unix seconds; 0: nothing */
  float values[PB_SERIES_MAX];
} Second;

struct _PbSeries
{
  PbSeriesNames names;
  Second *seconds;  /* (owned) (array length=PB_SERIES_SECONDS) */
  PbSeriesRow rows[PB_N_SERIES_RINGS];
  guint32 next_id;
  GArray *done;     /* (owned) (element-type PbSeriesDone) */
};

gint64
pb_series_ring_step (PbSeriesRing ring)
{
  static const gint64 steps[] = { 1, 60, 3600 };

  return steps[ring];
}

/* Rounds down, before 1970 too. */
static gint64
floor_to (gint64 time, gint64 step)
{
  gint64 rest = time % step;

  return time - (rest < 0 ? rest + step : rest);
}

/* ---- names ---- */

guint
pb_series_names_find (const PbSeriesNames *self, const char *name)
{
  for (guint i = 0; i < self->n; i++)
    if (strcmp (self->names[i], name) == 0)
      return i;
  return PB_SERIES_MAX;
}

guint
pb_series_names_add (PbSeriesNames *self, const char *name, PbSeriesKind kind)
{
  guint found = pb_series_names_find (self, name);

  if (found < PB_SERIES_MAX || self->n == PB_SERIES_MAX || strlen (name) >= PB_SERIES_NAME_MAX)
    return found;
  g_strlcpy (self->names[self->n], name, PB_SERIES_NAME_MAX);
  self->kinds[self->n] = (guint8) kind;
  return self->n++;
}

/* ---- gathering ---- */

PbSeries *
pb_series_new (void)
{
  PbSeries *self = g_new0 (PbSeries, 1);

  /* Pages that no second has come to yet take no memory. */
  self->seconds = g_new0 (Second, PB_SERIES_SECONDS);
  self->done = g_array_new (FALSE, FALSE, sizeof (PbSeriesDone));
  self->next_id = g_random_int ();
  return self;
}

void
pb_series_free (PbSeries *self)
{
  g_array_unref (self->done);
  g_free (self->seconds);
  g_free (self);
}

PbSeriesNames *
pb_series_names (PbSeries *self)
{
  return &self->names;
}

static void
sample_second (PbSeries *self, gint64 now, const double *values)
{
  Second *second = &self->seconds[floor_to (now, 1) % PB_SERIES_SECONDS];

  if (second->time != now)
    {
      memset (second, 0, sizeof *second);
      second->time = now;
    }
  for (guint i = 0; i < self->names.n; i++)
    if (self->names.kinds[i] == PB_SERIES_COUNTER)
      second->values[i] += (float) values[i];
    else
      second->values[i] = (float) values[i];
}

static void
limit_done (PbSeries *self)
{
  if (self->done->len > MAX_DONE)
    g_array_remove_range (self->done, 0, self->done->len - MAX_DONE);
}

static void
sample_row (PbSeries *self, PbSeriesRing ring, gint64 now, const double *values)
{
  PbSeriesRow *row = &self->rows[ring];
  gint64 time = floor_to (now, pb_series_ring_step (ring));

  if (row->time != time)
    {
      if (row->time != 0)
        {
          const PbSeriesDone done = { ring, *row };

          g_array_append_val (self->done, done);
          limit_done (self);
        }
      memset (row, 0, sizeof *row);
      row->time = time;
      row->id = self->next_id++;
    }
  row->samples++;
  for (guint i = 0; i < self->names.n; i++)
    row->values[i] += values[i];
}

void
pb_series_sample (PbSeries *self, gint64 now, const double values[PB_SERIES_MAX])
{
  /* A clock that was never set is at 1970; 0 is "nothing". */
  now = MAX (now, 1);
  sample_second (self, now, values);
  sample_row (self, PB_SERIES_BY_MINUTE, now, values);
  sample_row (self, PB_SERIES_BY_HOUR, now, values);
}

const PbSeriesRow *
pb_series_gathering (PbSeries *self, PbSeriesRing ring)
{
  return &self->rows[ring];
}

GArray *
pb_series_take_done (PbSeries *self)
{
  GArray *done = self->done;

  self->done = g_array_new (FALSE, FALSE, sizeof (PbSeriesDone));
  return done;
}

void
pb_series_give_back (PbSeries *self, GArray *done)
{
  if (self->done->len > 0)
    g_array_append_vals (done, self->done->data, self->done->len);
  g_array_unref (self->done);
  self->done = done;
  limit_done (self);
}

guint
pb_series_n_done (PbSeries *self)
{
  return self->done->len;
}

/* ---- looking ---- */

const char *
pb_series_view_fit (guint32 span, guint32 step, PbSeriesRing *ring)
{
  static const guint rows[] = { PB_SERIES_SECONDS, PB_SERIES_MINUTES, PB_SERIES_HOURS };
  static const char *const words[] = {
    "span: must be at most 3600, unless step is a multiple of 60",
    "span: must be at most 604800, unless step is a multiple of 3600",
    "span: must be at most 63158400",
  };

  if (step == 0)
    return "step: must be at least 1";
  if (span == 0)
    return "span: must be at least 1";
  *ring = step % 3600 == 0 ? PB_SERIES_BY_HOUR
          : step % 60 == 0 ? PB_SERIES_BY_MINUTE
                           : PB_SERIES_BY_SECOND;
  return span > rows[*ring] * pb_series_ring_step (*ring) ? words[*ring] : NULL;
}

PbSeriesView *
pb_series_view_new (PbSeriesRing ring, PbSeriesKind kind, guint index, gint64 now, guint32 span,
                    guint32 step)
{
  PbSeriesView *self = g_new0 (PbSeriesView, 1);

  self->ring = ring;
  self->kind = kind;
  self->index = index;
  self->step = step;
  self->until = floor_to (now, step) + step;
  self->from = floor_to (now - (gint64) span, step) + step;
  /* Where a step is longer than the span: the one under way. */
  self->from = MIN (self->from, self->until - step);
  self->n = (guint) ((self->until - self->from) / step);
  g_assert (self->n <= PB_SERIES_POINTS);
  self->sums = g_new0 (double, self->n);
  self->weights = g_new0 (double, self->n);
  return self;
}

void
pb_series_view_free (PbSeriesView *self)
{
  g_free (self->sums);
  g_free (self->weights);
  g_free (self);
}

void
pb_series_view_add (PbSeriesView *self, gint64 time, double value, guint32 samples)
{
  gint64 place;

  if (time < self->from || time >= self->until || samples == 0)
    return;
  place = (time - self->from) / self->step;
  self->sums[place] += value;
  self->weights[place] += samples;
}

static void
add_row (PbSeriesView *self, const PbSeriesRow *row)
{
  if (row->time != 0)
    pb_series_view_add (self, row->time, row->values[self->index], row->samples);
}

void
pb_series_view_add_memory (PbSeriesView *view, PbSeries *self)
{
  if (view->ring == PB_SERIES_BY_SECOND)
    {
      for (guint i = 0; i < PB_SERIES_SECONDS; i++)
        if (self->seconds[i].time != 0)
          pb_series_view_add (view, self->seconds[i].time,
                              (double) self->seconds[i].values[view->index], 1);
      return;
    }
  for (guint i = 0; i < self->done->len; i++)
    {
      const PbSeriesDone *done = &g_array_index (self->done, PbSeriesDone, i);

      if (done->ring == view->ring)
        add_row (view, &done->row);
    }
  add_row (view, &self->rows[view->ring]);
}

GVariant *
pb_series_view_points (const PbSeriesView *self)
{
  GVariantBuilder points;

  g_variant_builder_init (&points, G_VARIANT_TYPE ("a(td)"));
  for (guint i = 0; i < self->n; i++)
    if (self->weights[i] > 0)
      g_variant_builder_add (&points, "(td)", (guint64) (self->from + (gint64) i * self->step),
                             self->kind == PB_SERIES_GAUGE ? self->sums[i] / self->weights[i]
                                                           : self->sums[i]);
  return g_variant_builder_end (&points);
}
