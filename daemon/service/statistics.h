/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "session/server.h"
#include "store/series.h"
#include "store/store.h"
#include "util/mailbox.h"
#include <glib.h>

/* What happens, in figures: counters that go on over restarts, gauges, and series of both. Main thread. */
typedef struct _PbStatistics PbStatistics;

typedef struct
{
  const char *name;  /* as long as the process lives */
  PbSeriesKind kind;
  guint series;      /* its number there; PB_SERIES_MAX: no series of it is kept */
  guint64 value;     /* when it was looked at last */
  guint64 changed;   /* the look that found it changed */
} PbFigure;

/**
 * pb_statistics_new:
 * @directory: state directory; the file statistics is in it, or is made when something is to be written
 * Puts the counters where they stood at the end of the last run. Never fails: what is wrong with the file is the state's. Store and server are borrowed until
 * pb_statistics_stop().
 */
PbStatistics *pb_statistics_new (const char *directory, PbStore *store, PbServer *server, PbMailbox *main_mailbox);

/** pb_statistics_start: looks once a second from now on. */
void pb_statistics_start (PbStatistics *self);

/** pb_statistics_stop: no more looks. */
void pb_statistics_stop (PbStatistics *self);

/** pb_statistics_free: writes where the counters stand. Waits for the disk: at the end of the service. */
void pb_statistics_free (PbStatistics *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbStatistics, pb_statistics_free)

/** pb_statistics_set_paused: makes no file: the disk's last room is for mail. One that is there has its room already. */
void pb_statistics_set_paused (PbStatistics *self, gboolean paused);

/** pb_statistics_state: static. @trouble: (out): why it is not "ok", else ""; until the next change. */
const char *pb_statistics_state (PbStatistics *self, const char **trouble);

typedef void (*PbFigureFunc) (const char *name, PbSeriesKind kind, guint64 value, gpointer user_data);

/** pb_statistics_foreach: all figures as they are now, gauges first. */
void pb_statistics_foreach (PbStatistics *self, PbFigureFunc func, gpointer user_data);

/** pb_statistics_figures: likewise as they were at the last look, which was the @look'th. */
const PbFigure *pb_statistics_figures (PbStatistics *self, guint *n, guint64 *look);

/** pb_statistics_watch: @ticked after each look, @state_changed when State or Trouble have; both NULL: nobody watches any more. */
void pb_statistics_watch (PbStatistics *self, void (*ticked) (gpointer user_data), void (*state_changed) (gpointer user_data), gpointer user_data);

/** PbSeriesAnswer: @points: a(td), (transfer none) (nullable); NULL with @error of PB_ERROR. */
typedef void (*PbSeriesAnswer) (GVariant *points, const GError *error, gpointer user_data);

/** pb_statistics_series: as Statistics.Series; @func is called once, at once or later. */
void pb_statistics_series (PbStatistics *self, const char *name, guint32 span, guint32 step, PbSeriesAnswer func, gpointer user_data);
