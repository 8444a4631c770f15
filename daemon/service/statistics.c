/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The statistics: looks at the counters and gauges once a second, hands what it sees to the series, and lets
 * a thread of its own write the file. The mail path knows nothing of it: it adds to its counters, as ever.
 * Every five seconds in which something happened where all stands is written, and the minutes that have
 * ended; without mail the disk may sleep, and is written to once an hour. What is wrong with the file never
 * stops anything: figures go on in memory, the state says so, and writing is tried again.
 * Made, started, stopped and freed by the service; used by the bus object. Main thread.
 */
#include "service/statistics.h"

#include "dbus/errors.h"
#include "store/series-file.h"
#include "util/clock.h"
#include "util/counters.h"
#include "util/log.h"
#include "util/pool.h"

#include <string.h>
#include <sys/statvfs.h>

#define WRITE_SECONDS 5
#define RETRY_SECONDS 30
#define IDLE_SECONDS  3600
#define MAKE_FREE     (4 * (guint64) PB_SERIES_FILE_SIZE) /* octets that must be free to make the file */
#define MAX_VIEWS     64 /* under way at once */

typedef enum
{
  GAUGE_ACTIVE,
  GAUGE_DEFERRED,
  GAUGE_HELD,
  GAUGE_SIZE,
  GAUGE_SESSIONS,
  N_GAUGES,
} Gauge;

static const char *const gauge_names[N_GAUGES] = { "queue.active", "queue.deferred", "queue.held",
                                                   "queue.size", "sessions" };

struct _PbStatistics
{
  char *directory;   /* (owned) */
  PbStore *store;    /* (unowned) (nullable) once stopped */
  PbServer *server;  /* (unowned) likewise */
  PbMailbox *mailbox; /* (owned) */
  PbPool *pool;      /* (owned) of one thread */
  PbSeriesFile *file; /* (owned) (nullable) the pool's */
  PbSeries *series;  /* (owned) */
  GArray *figures;   /* (owned) (element-type PbFigure) gauges, then counters */
  guint64 look;
  guint timer;       /* source id; 0: none */
  gboolean paused;
  gboolean hands_off; /* the file is there, and not ours to write to */
  gboolean changed;  /* since the last write */
  gboolean writing;
  gboolean given_up; /* the last write failed */
  gint64 wrote_at;   /* monotonic microseconds; when a write was last tried */
  guint n_views;
  const char *state; /* (static) */
  char *trouble;     /* (owned) */
  void (*ticked) (gpointer user_data);
  void (*state_changed) (gpointer user_data);
  gpointer watch_data;
};

/* ---- state ---- */

static void
set_state (PbStatistics *self, const char *trouble)
{
  const char *state = *trouble == '\0' ? "ok" : "not-kept";

  if (strcmp (self->trouble, trouble) == 0)
    return;
  if (*trouble != '\0')
    pb_log (PB_LOG_WARNING, "statistics not kept", "reason", trouble, NULL);
  else
    pb_log (PB_LOG_NOTICE, "statistics kept again", NULL);
  self->state = state;
  g_free (self->trouble);
  self->trouble = g_strdup (trouble);
  if (self->state_changed != NULL)
    self->state_changed (self->watch_data);
}

/* ---- looking ---- */

static void
add_figure (PbStatistics *self, const char *name, PbSeriesKind kind)
{
  const PbFigure figure = { .name = name,
                            .kind = kind,
                            .series = pb_series_names_add (pb_series_names (self->series), name, kind) };

  g_array_append_val (self->figures, figure);
}

typedef struct
{
  PbStatistics *statistics;
  guint next;      /* figure */
  double *values;  /* (nullable) by number of the series */
} Look;

static void
see (Look *look, guint64 value)
{
  PbStatistics *self = look->statistics;
  PbFigure *figure = &g_array_index (self->figures, PbFigure, look->next++);
  guint64 rise = value - figure->value;

  if (rise != 0 || figure->changed == 0)
    {
      self->changed |= rise != 0;
      figure->changed = self->look;
      figure->value = value;
    }
  if (look->values != NULL && figure->series < PB_SERIES_MAX)
    look->values[figure->series] =
      figure->kind == PB_SERIES_COUNTER ? (double) rise : (double) value;
}

static void
on_counter (const char *name, guint64 value, gpointer user_data)
{
  Look *look = user_data;

  if (look->next == look->statistics->figures->len)
    add_figure (look->statistics, name, PB_SERIES_COUNTER);
  see (look, value);
}

/* Once stopped: as they were. */
static void
read_gauges (PbStatistics *self, guint64 values[N_GAUGES])
{
  PbQueueCounts counts = { 0 };

  for (Gauge i = 0; self->store == NULL && i < N_GAUGES; i++)
    values[i] = g_array_index (self->figures, PbFigure, i).value;
  if (self->store == NULL)
    return;
  pb_store_counts (self->store, &counts);
  values[GAUGE_ACTIVE] = counts.active;
  values[GAUGE_DEFERRED] = counts.deferred;
  values[GAUGE_HELD] = counts.held;
  values[GAUGE_SIZE] = counts.bytes;
  values[GAUGE_SESSIONS] = pb_server_n_sessions (self->server);
}

static void
see_gauges (Look *look)
{
  PbStatistics *self = look->statistics;
  guint64 values[N_GAUGES];

  read_gauges (self, values);
  for (Gauge i = 0; i < N_GAUGES; i++)
    see (look, values[i]);
}

static void
look_at_all (PbStatistics *self, double *values)
{
  Look look = { .statistics = self, .values = values };

  self->look++;
  see_gauges (&look);
  pb_counter_foreach (on_counter, &look);
}

static void
sample (PbStatistics *self)
{
  double values[PB_SERIES_MAX] = { 0 };

  look_at_all (self, values);
  pb_series_sample (self->series, pb_clock_wall () / G_USEC_PER_SEC, values);
}

/* ---- writing ---- */

typedef struct
{
  PbStatistics *statistics;
  GArray *done;         /* (owned) */
  PbSeriesState *state; /* (owned) */
  gboolean may_make;
  GError *error;        /* (owned) (nullable) */
} Writing;

/* Where all stands. */
static PbSeriesState *
take_state (PbStatistics *self)
{
  PbSeriesState *state = g_new0 (PbSeriesState, 1);

  state->names = *pb_series_names (self->series);
  for (guint i = 0; i < self->figures->len; i++)
    {
      const PbFigure *figure = &g_array_index (self->figures, PbFigure, i);

      if (figure->kind == PB_SERIES_COUNTER && figure->series < PB_SERIES_MAX)
        state->totals[figure->series] = figure->value;
    }
  for (PbSeriesRing ring = PB_SERIES_BY_MINUTE; ring <= PB_SERIES_BY_HOUR; ring++)
    state->gathering[ring] = *pb_series_gathering (self->series, ring);
  return state;
}

static Writing *
writing_new (PbStatistics *self)
{
  Writing *writing = g_new0 (Writing, 1);

  writing->statistics = self;
  writing->done = pb_series_take_done (self->series);
  writing->state = take_state (self);
  writing->may_make = !self->paused;
  return writing;
}

static void
writing_free (Writing *self)
{
  g_clear_pointer (&self->done, g_array_unref);
  g_free (self->state);
  g_clear_error (&self->error);
  g_free (self);
}

static void
make_file (PbStatistics *self, Writing *writing)
{
  struct statvfs disk;

  if (!writing->may_make
      || (statvfs (self->directory, &disk) == 0
          && (guint64) disk.f_bavail * disk.f_frsize < MAKE_FREE))
    {
      g_set_error_literal (&writing->error, PB_STORE_ERROR, PB_STORE_ERROR_FULL,
                           "the disk's last room is for mail");
      return;
    }
  self->file = pb_series_file_create (self->directory, writing->state, &writing->error);
}

/* On the pool's thread. */
static void
write_file (gpointer data)
{
  Writing *writing = data;
  PbStatistics *self = writing->statistics;

  if (self->file != NULL && !pb_series_file_is_there (self->file))
    {
      pb_log (PB_LOG_WARNING, "statistics begun anew", "reason", "the file was taken away", NULL);
      g_clear_pointer (&self->file, pb_series_file_close);
    }
  if (self->file == NULL)
    make_file (self, writing);
  if (self->file != NULL)
    pb_series_file_write (self->file, writing->done, writing->state, &writing->error);
}

static void
on_written (gpointer data)
{
  Writing *writing = data;
  PbStatistics *self = writing->statistics;

  self->writing = FALSE;
  self->given_up = writing->error != NULL;
  if (writing->error != NULL)
    pb_series_give_back (self->series, g_steal_pointer (&writing->done));
  set_state (self, writing->error != NULL ? writing->error->message : "");
  writing_free (writing);
}

static gboolean
is_time_to_write (const PbStatistics *self)
{
  gint64 since = (pb_clock_monotonic () - self->wrote_at) / G_USEC_PER_SEC;

  if (self->writing || self->hands_off)
    return FALSE;
  if (self->given_up)
    return since >= RETRY_SECONDS;
  return since >= (self->changed ? WRITE_SECONDS : IDLE_SECONDS);
}

static void
begin_write (PbStatistics *self)
{
  self->writing = TRUE;
  self->changed = FALSE;
  self->wrote_at = pb_clock_monotonic ();
  pb_pool_run (self->pool, write_file, self->mailbox, on_written, writing_new (self));
}

/* ---- the beat ---- */

static gboolean on_beat (gpointer user_data);

/* A little behind the full second by the clock, so that each second of it gets one look. */
static void
schedule (PbStatistics *self)
{
  gint64 past = pb_clock_wall () / 1000 % 1000;

  self->timer = g_timeout_add ((guint) (1020 - CLAMP (past, 0, 999)), on_beat, self);
}

static gboolean
on_beat (gpointer user_data)
{
  PbStatistics *self = user_data;

  sample (self);
  if (is_time_to_write (self))
    begin_write (self);
  if (self->ticked != NULL)
    self->ticked (self->watch_data);
  schedule (self);
  return G_SOURCE_REMOVE;
}

/* ---- its life ---- */

/* Takes over what the file has. */
static void
go_on (PbStatistics *self, const PbSeriesState *state)
{
  *pb_series_names (self->series) = state->names;
  for (guint i = 0; i < state->names.n; i++)
    if (state->names.kinds[i] == PB_SERIES_COUNTER)
      pb_counter_add (pb_counter_register (state->names.names[i]), state->totals[i]);
}

static void
open_file (PbStatistics *self)
{
  g_autofree PbSeriesState *state = g_new0 (PbSeriesState, 1);
  g_autoptr (GError) error = NULL;

  self->file = pb_series_file_open (self->directory, state, &error);
  if (self->file != NULL)
    {
      go_on (self, state);
      return;
    }
  if (g_error_matches (error, PB_STORE_ERROR, PB_STORE_ERROR_NOT_FOUND))
    return;
  if (g_error_matches (error, PB_STORE_ERROR, PB_STORE_ERROR_CORRUPT))
    {
      pb_log (PB_LOG_WARNING, "statistics begun anew", "reason", error->message, NULL);
      return;
    }
  /* What cannot be read now may be good: it is left for the next start. */
  self->hands_off = TRUE;
  set_state (self, error->message);
}

PbStatistics *
pb_statistics_new (const char *directory, PbStore *store, PbServer *server, PbMailbox *main_mailbox)
{
  PbStatistics *self = g_new0 (PbStatistics, 1);

  self->directory = g_strdup (directory);
  self->store = store;
  self->server = server;
  self->mailbox = pb_mailbox_ref (main_mailbox);
  self->pool = pb_pool_new ("pb-statistics", 1);
  self->series = pb_series_new ();
  self->figures = g_array_new (FALSE, FALSE, sizeof (PbFigure));
  self->state = "ok";
  self->trouble = g_strdup ("");
  open_file (self);
  for (Gauge i = 0; i < N_GAUGES; i++)
    add_figure (self, gauge_names[i], PB_SERIES_GAUGE);
  /* What was there before is no rise of this second. */
  look_at_all (self, NULL);
  self->changed = FALSE;
  self->wrote_at = pb_clock_monotonic ();
  return self;
}

void
pb_statistics_start (PbStatistics *self)
{
  schedule (self);
}

void
pb_statistics_stop (PbStatistics *self)
{
  g_clear_handle_id (&self->timer, g_source_remove);
  self->store = NULL;
  self->server = NULL;
}

void
pb_statistics_free (PbStatistics *self)
{
  Writing *last;

  pb_statistics_stop (self);
  self->ticked = NULL;
  self->state_changed = NULL;
  sample (self);
  last = writing_new (self);
  if (!self->hands_off)
    pb_pool_run (self->pool, write_file, NULL, NULL, last);
  g_clear_pointer (&self->pool, pb_pool_free);
  if (last->error != NULL && !self->given_up)
    pb_log (PB_LOG_WARNING, "statistics not kept", "reason", last->error->message, NULL);
  pb_mailbox_dispatch (self->mailbox);
  writing_free (last);
  g_clear_pointer (&self->file, pb_series_file_close);
  pb_mailbox_unref (self->mailbox);
  pb_series_free (self->series);
  g_array_unref (self->figures);
  g_free (self->directory);
  g_free (self->trouble);
  g_free (self);
}

void
pb_statistics_set_paused (PbStatistics *self, gboolean paused)
{
  self->paused = paused;
}

const char *
pb_statistics_state (PbStatistics *self, const char **trouble)
{
  *trouble = self->trouble;
  return self->state;
}

typedef struct
{
  PbFigureFunc func;
  gpointer user_data;
} Each;

static void
on_each_counter (const char *name, guint64 value, gpointer user_data)
{
  const Each *each = user_data;

  each->func (name, PB_SERIES_COUNTER, value, each->user_data);
}

void
pb_statistics_foreach (PbStatistics *self, PbFigureFunc func, gpointer user_data)
{
  Each each = { func, user_data };
  guint64 values[N_GAUGES];

  read_gauges (self, values);
  for (Gauge i = 0; i < N_GAUGES; i++)
    func (gauge_names[i], PB_SERIES_GAUGE, values[i], user_data);
  pb_counter_foreach (on_each_counter, &each);
}

const PbFigure *
pb_statistics_figures (PbStatistics *self, guint *n, guint64 *look)
{
  *n = self->figures->len;
  *look = self->look;
  return (const PbFigure *) (const void *) self->figures->data;
}

void
pb_statistics_watch (PbStatistics *self, void (*ticked) (gpointer user_data),
                     void (*state_changed) (gpointer user_data), gpointer user_data)
{
  self->ticked = ticked;
  self->state_changed = state_changed;
  self->watch_data = user_data;
}

/* ---- series ---- */

typedef struct
{
  PbStatistics *statistics;
  PbSeriesView *view;  /* (owned) */
  GVariant *points;    /* (owned) (nullable) */
  GError *error;       /* (owned) (nullable) */
  PbSeriesAnswer func;
  gpointer user_data;
} Viewing;

/* On the pool's thread. */
static void
read_view (gpointer data)
{
  Viewing *self = data;

  if (self->statistics->file != NULL
      && !pb_series_file_read (self->statistics->file, self->view, &self->error))
    return;
  self->points = g_variant_ref_sink (pb_series_view_points (self->view));
}

static void
on_viewed (gpointer data)
{
  Viewing *self = data;

  self->statistics->n_views--;
  self->func (self->points, self->error, self->user_data);
  g_clear_pointer (&self->points, g_variant_unref);
  g_clear_error (&self->error);
  pb_series_view_free (self->view);
  g_free (self);
}

/* The names there are, for who did not know. */
static GError *
unknown_name (PbStatistics *self)
{
  const PbSeriesNames *names = pb_series_names (self->series);
  g_autoptr (GString) all = g_string_new (NULL);

  for (guint i = 0; i < names->n; i++)
    g_string_append_printf (all, "%s%s", i > 0 ? ", " : "", names->names[i]);
  return g_error_new (PB_ERROR, PB_ERROR_INVALID_VALUE, "Series.name: must be one of %s", all->str);
}

static void
answer_fault (PbSeriesAnswer func, gpointer user_data, GError *fault)
{
  func (NULL, fault, user_data);
  g_error_free (fault);
}

void
pb_statistics_series (PbStatistics *self, const char *name, guint32 span, guint32 step,
                      PbSeriesAnswer func, gpointer user_data)
{
  const PbSeriesNames *names = pb_series_names (self->series);
  guint index = pb_series_names_find (names, name);
  PbSeriesRing ring;
  const char *fault = pb_series_view_fit (span, step, &ring);
  Viewing *viewing;

  if (index == PB_SERIES_MAX || fault != NULL)
    {
      answer_fault (func, user_data,
                    index == PB_SERIES_MAX ? unknown_name (self)
                                           : g_error_new (PB_ERROR, PB_ERROR_INVALID_VALUE,
                                                          "Series.%s", fault));
      return;
    }
  if (self->n_views >= MAX_VIEWS)
    {
      answer_fault (func, user_data,
                    g_error_new_literal (PB_ERROR, PB_ERROR_BUSY,
                                         "Series: too many are being read; try again"));
      return;
    }
  viewing = g_new0 (Viewing, 1);
  viewing->statistics = self;
  viewing->view = pb_series_view_new (ring, (PbSeriesKind) names->kinds[index], index,
                                      pb_clock_wall () / G_USEC_PER_SEC, span, step);
  viewing->func = func;
  viewing->user_data = user_data;
  pb_series_view_add_memory (viewing->view, self->series);
  self->n_views++;
  if (ring == PB_SERIES_BY_SECOND)
    {
      viewing->points = g_variant_ref_sink (pb_series_view_points (viewing->view));
      on_viewed (viewing);
      return;
    }
  pb_pool_run (self->pool, read_view, self->mailbox, on_viewed, viewing);
}
