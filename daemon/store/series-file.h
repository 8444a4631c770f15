/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "store/series.h"
#include <glib.h>

/* The file statistics: minutes of a week and hours of two years, and where the counters stand. PB_SERIES_FILE_SIZE octets, never more. Everything blocks; one thread at a time. */
#define PB_SERIES_FILE_NAME "statistics"
#define PB_SERIES_FILE_SIZE 14843328

typedef struct _PbSeriesFile PbSeriesFile;

/* What goes on after a restart. */
typedef struct
{
  PbSeriesNames names;
  guint64 totals[PB_SERIES_MAX];               /* of counters */
  PbSeriesRow gathering[PB_N_SERIES_RINGS];    /* of BY_MINUTE and BY_HOUR */
} PbSeriesState;

/**
 * pb_series_file_open:
 * @state: (out): as it was last written
 * Opens the file of @directory; what was being gathered when it was last written is put in its place. Errors of PB_STORE_ERROR: NOT_FOUND; CORRUPT: it is damaged, or none
 * of ours; SCHEMA: of a later version; FAILED: it cannot be read. The file is left as it is.
 */
PbSeriesFile *pb_series_file_open (const char *directory, PbSeriesState *state, GError **error);

/** pb_series_file_create: makes it anew, with all its room, in place of whatever is there. Errors of PB_STORE_ERROR: FULL, FAILED; what was there is left. */
PbSeriesFile *pb_series_file_create (const char *directory, const PbSeriesState *state, GError **error);

void pb_series_file_close (PbSeriesFile *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbSeriesFile, pb_series_file_close)

/** pb_series_file_is_there: whether it still is what its name leads to. */
gboolean pb_series_file_is_there (const PbSeriesFile *self);

/** pb_series_file_write: @done (element-type PbSeriesDone), each just once however often it is handed in, and @state. Errors of PB_STORE_ERROR: FULL, FAILED. */
gboolean pb_series_file_write (PbSeriesFile *self, GArray *done, const PbSeriesState *state, GError **error);

/** pb_series_file_read: adds to @view what it asks for. Rows that are damaged are left out. */
gboolean pb_series_file_read (PbSeriesFile *self, PbSeriesView *view, GError **error);
