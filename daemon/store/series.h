/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

/*
 * Series of figures in fixed room: a value a second for an hour, and what a minute and an hour gathered. Pure: the clock is passed in, and what is gathered is handed
 * out, to be written by series-file.h. One thread.
 */
#define PB_SERIES_MAX      128 /* names */
#define PB_SERIES_NAME_MAX 48  /* octets with the NUL */
#define PB_SERIES_SECONDS  3600
#define PB_SERIES_MINUTES  (7 * 24 * 60)
#define PB_SERIES_HOURS    (731 * 24)
#define PB_SERIES_POINTS   20000 /* of one answer */

typedef enum
{
  PB_SERIES_COUNTER, /* how much it rose; added up */
  PB_SERIES_GAUGE,   /* what it was; the mean */
} PbSeriesKind;

typedef enum
{
  PB_SERIES_BY_SECOND,
  PB_SERIES_BY_MINUTE,
  PB_SERIES_BY_HOUR,
  PB_N_SERIES_RINGS,
} PbSeriesRing;

/** pb_series_ring_step: seconds. */
gint64 pb_series_ring_step (PbSeriesRing ring);

/* The names; their numbers are the places in a row. */
typedef struct
{
  char names[PB_SERIES_MAX][PB_SERIES_NAME_MAX];
  guint8 kinds[PB_SERIES_MAX]; /* PbSeriesKind */
  guint n;
} PbSeriesNames;

/** pb_series_names_add: finds or adds. Returns: its number; PB_SERIES_MAX when there is no place left, or the name is too long. */
guint pb_series_names_add (PbSeriesNames *self, const char *name, PbSeriesKind kind);

/** pb_series_names_find: Returns: its number; PB_SERIES_MAX: none of that name. */
guint pb_series_names_find (const PbSeriesNames *self, const char *name);

/* What a minute or an hour gathers. */
typedef struct
{
  gint64 time;     /* Unix seconds, of its beginning; 0: nothing yet */
  guint32 samples;
  guint32 id;      /* never twice: a row that was written is known by it */
  double values[PB_SERIES_MAX]; /* counters: how much they rose; gauges: the sum of the samples */
} PbSeriesRow;

typedef struct
{
  PbSeriesRing ring;
  PbSeriesRow row;
} PbSeriesDone;

typedef struct _PbSeries PbSeries;

PbSeries *pb_series_new (void);
void pb_series_free (PbSeries *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbSeries, pb_series_free)

/** pb_series_names: (transfer none) to add to. */
PbSeriesNames *pb_series_names (PbSeries *self);

/**
 * pb_series_sample:
 * @now: Unix seconds; may jump either way
 * @values: by number: how much a counter rose since the last call, what a gauge is
 */
void pb_series_sample (PbSeries *self, gint64 now, const double values[PB_SERIES_MAX]);

/** pb_series_gathering: (transfer none) what @ring gathers now; not BY_SECOND. */
const PbSeriesRow *pb_series_gathering (PbSeries *self, PbSeriesRing ring);

/** pb_series_take_done: (transfer full) (element-type PbSeriesDone) the minutes and hours that have ended, oldest first. */
GArray *pb_series_take_done (PbSeries *self);

/** pb_series_give_back: what could not be written; (transfer full) before what has ended since. The oldest go when there are more than a day's. */
void pb_series_give_back (PbSeries *self, GArray *done);

guint pb_series_n_done (PbSeries *self);

/* ---- looking ---- */

/* Points as they are asked for. */
typedef struct
{
  PbSeriesRing ring;
  PbSeriesKind kind;
  guint index;
  gint64 from;  /* Unix seconds, a multiple of @step */
  gint64 until; /* exclusive */
  gint64 step;
  double *sums;    /* (owned) */
  double *weights; /* (owned) samples; 0: no point */
  guint n;
} PbSeriesView;

/** pb_series_view_fit: Returns: (nullable) why it cannot be asked for: "span: ..."; NULL: @ring is filled in. */
const char *pb_series_view_fit (guint32 span, guint32 step, PbSeriesRing *ring);

/** pb_series_view_new: of what pb_series_view_fit() let pass. */
PbSeriesView *pb_series_view_new (PbSeriesRing ring, PbSeriesKind kind, guint index, gint64 now, guint32 span, guint32 step);
void pb_series_view_free (PbSeriesView *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbSeriesView, pb_series_view_free)

/** pb_series_view_add: of a counter how much it rose, of a gauge the sum of @samples samples, in the step of the ring that began at @time. */
void pb_series_view_add (PbSeriesView *self, gint64 time, double value, guint32 samples);

/** pb_series_view_add_memory: all that is held in memory of the ring that @view looks at. */
void pb_series_view_add_memory (PbSeriesView *view, PbSeries *self);

/** pb_series_view_points: (transfer full) floating: a(td), oldest first. */
GVariant *pb_series_view_points (const PbSeriesView *self);
