/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The file that series are kept in: a head, two places that the state is written to in turn, and a ring of
 * rows each for minutes and hours. All room is taken when it is made. The place of a row follows from its
 * time, and its time and checksum are in it: nothing is searched for, a torn write costs one row, and a
 * clock that jumps needs no care. A time that comes again, after a restart or a step of the clock, is added
 * to its row. Nothing is synced: a kill leaves all that was written, a power cut costs what the kernel had
 * not written yet. Octets are in the machine's order: a file of another kind of machine is not ours.
 * Called by the statistics' own thread, and once at the start.
 */
#include "store/series-file.h"

#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC       G_GUINT64_CONSTANT (0x5062537461743031) /* PbStat01 */
#define VERSION     1
#define STATE_AT(n) (4096 + (n) * 16384)
#define ROWS_AT     (4096 + 2 * 16384)
#define READ_ROWS   64

typedef struct
{
  guint64 magic;
  guint32 version;
  guint32 unused;
  guint64 size;
  guint64 checksum;
} Head;

typedef struct
{
  guint64 checksum; /* of all behind it */
  guint64 sequence;
  PbSeriesState state;
} State;
G_STATIC_ASSERT (sizeof (State) <= 16384);
G_STATIC_ASSERT (sizeof (State) % 8 == 0);

typedef struct
{
  guint64 checksum; /* of all behind it */
  gint64 time;      /* Unix seconds; 0: nothing */
  guint32 samples;
  guint32 id;
  float values[PB_SERIES_MAX]; /* counters: how much they rose; gauges: the mean */
} Row;
G_STATIC_ASSERT (sizeof (Row) == 536);
G_STATIC_ASSERT (PB_SERIES_FILE_SIZE
                 == ROWS_AT + (PB_SERIES_MINUTES + PB_SERIES_HOURS) * (gint) sizeof (Row));

struct _PbSeriesFile
{
  int fd;
  char *path;       /* (owned) */
  guint64 sequence; /* of the state written last */
};

static guint64
checksum (const void *data, gsize length)
{
  guint64 sum = G_GUINT64_CONSTANT (0xcbf29ce484222325), word;

  for (gsize at = sizeof word; at + sizeof word <= length; at += sizeof word)
    {
      memcpy (&word, (const char *) data + at, sizeof word);
      sum = (sum ^ word) * G_GUINT64_CONSTANT (0x100000001b3);
      sum ^= sum >> 29;
    }
  return sum;
}

static void
set_error (const PbSeriesFile *self, const char *what, int code, GError **error)
{
  PbStoreError kind =
    code == ENOSPC || code == EDQUOT ? PB_STORE_ERROR_FULL : PB_STORE_ERROR_FAILED;

  g_set_error (error, PB_STORE_ERROR, kind, "%s: %s: %s", self->path, what, g_strerror (code));
}

static gboolean
write_at (PbSeriesFile *self, const void *data, gsize length, goffset at, GError **error)
{
  const char *next = data;

  while (length > 0)
    {
      ssize_t written = pwrite (self->fd, next, length, at);

      if (written < 0 && errno == EINTR)
        continue;
      if (written <= 0)
        {
          set_error (self, "cannot write", written < 0 ? errno : ENOSPC, error);
          return FALSE;
        }
      next += written;
      at += written;
      length -= (gsize) written;
    }
  return TRUE;
}

static gboolean
read_at (PbSeriesFile *self, void *data, gsize length, goffset at, GError **error)
{
  char *next = data;

  while (length > 0)
    {
      ssize_t taken = pread (self->fd, next, length, at);

      if (taken < 0 && errno == EINTR)
        continue;
      if (taken <= 0)
        {
          set_error (self, "cannot read", taken < 0 ? errno : EIO, error);
          return FALSE;
        }
      next += taken;
      at += taken;
      length -= (gsize) taken;
    }
  return TRUE;
}

/* ---- rows ---- */

static guint
ring_rows (PbSeriesRing ring)
{
  return ring == PB_SERIES_BY_MINUTE ? PB_SERIES_MINUTES : PB_SERIES_HOURS;
}

static guint
place_of (PbSeriesRing ring, gint64 time)
{
  return (guint) ((guint64) MAX (time / pb_series_ring_step (ring), 0) % ring_rows (ring));
}

static goffset
row_at (PbSeriesRing ring, guint place)
{
  guint before = ring == PB_SERIES_BY_MINUTE ? 0 : PB_SERIES_MINUTES;

  return ROWS_AT + (goffset) (before + place) * (goffset) sizeof (Row);
}

static gboolean
row_is_whole (const Row *row)
{
  return row->time > 0 && row->samples > 0 && row->checksum == checksum (row, sizeof *row);
}

/* Puts what was gathered in its place, beside what was there of the same time. */
static gboolean
write_row (PbSeriesFile *self, PbSeriesRing ring, const PbSeriesRow *gathered,
           const PbSeriesNames *names, GError **error)
{
  goffset at = row_at (ring, place_of (ring, gathered->time));
  Row row;

  if (gathered->time <= 0 || gathered->samples == 0)
    return TRUE;
  if (!read_at (self, &row, sizeof row, at, error))
    return FALSE;
  if (!row_is_whole (&row) || row.time != gathered->time)
    memset (&row, 0, sizeof row);
  else if (row.id == gathered->id)
    return TRUE;
  for (guint i = 0; i < names->n; i++)
    if (names->kinds[i] == PB_SERIES_COUNTER)
      row.values[i] = (float) ((double) row.values[i] + gathered->values[i]);
    else
      row.values[i] = (float) (((double) row.values[i] * row.samples + gathered->values[i])
                               / ((double) row.samples + gathered->samples));
  row.time = gathered->time;
  row.id = gathered->id;
  row.samples += gathered->samples;
  row.checksum = checksum (&row, sizeof row);
  return write_at (self, &row, sizeof row, at, error);
}

/* ---- the state ---- */

static gboolean
write_state (PbSeriesFile *self, const PbSeriesState *given, GError **error)
{
  g_autofree State *state = g_new0 (State, 1);

  state->sequence = self->sequence + 1;
  state->state = *given;
  state->checksum = checksum (state, sizeof *state);
  if (!write_at (self, state, sizeof *state, STATE_AT (state->sequence % 2), error))
    return FALSE;
  self->sequence = state->sequence;
  return TRUE;
}

static gboolean
state_is_whole (const State *self)
{
  const PbSeriesNames *names = &self->state.names;

  if (self->checksum != checksum (self, sizeof *self) || names->n > PB_SERIES_MAX)
    return FALSE;
  for (guint i = 0; i < names->n; i++)
    if (memchr (names->names[i], '\0', PB_SERIES_NAME_MAX) == NULL
        || !g_utf8_validate (names->names[i], -1, NULL) || names->kinds[i] > PB_SERIES_GAUGE)
      return FALSE;
  return TRUE;
}

static gboolean
read_state (PbSeriesFile *self, PbSeriesState *given, GError **error)
{
  g_autofree State *state = g_new (State, 1);

  for (guint i = 0; i < 2; i++)
    {
      if (!read_at (self, state, sizeof *state, STATE_AT (i), error))
        return FALSE;
      if (!state_is_whole (state) || state->sequence <= self->sequence)
        continue;
      self->sequence = state->sequence;
      *given = state->state;
    }
  if (self->sequence > 0)
    return TRUE;
  g_set_error (error, PB_STORE_ERROR, PB_STORE_ERROR_CORRUPT, "%s: is damaged", self->path);
  return FALSE;
}

static gboolean
read_head (PbSeriesFile *self, GError **error)
{
  struct stat status;
  Head head;

  if (fstat (self->fd, &status) != 0)
    {
      set_error (self, "cannot be looked at", errno, error);
      return FALSE;
    }
  if (!S_ISREG (status.st_mode) || status.st_size < (goffset) sizeof head)
    {
      g_set_error (error, PB_STORE_ERROR, PB_STORE_ERROR_CORRUPT, "%s: is damaged", self->path);
      return FALSE;
    }
  if (!read_at (self, &head, sizeof head, 0, error))
    return FALSE;
  if (head.magic == MAGIC && head.version > VERSION)
    {
      g_set_error (error, PB_STORE_ERROR, PB_STORE_ERROR_SCHEMA, "%s: was written by a later version",
                   self->path);
      return FALSE;
    }
  if (head.magic == MAGIC && head.version == VERSION && head.size == PB_SERIES_FILE_SIZE
      && status.st_size == PB_SERIES_FILE_SIZE)
    return TRUE;
  g_set_error (error, PB_STORE_ERROR, PB_STORE_ERROR_CORRUPT, "%s: is damaged, or none of ours",
               self->path);
  return FALSE;
}

/* ---- its life ---- */

static PbSeriesFile *
file_new (const char *directory)
{
  PbSeriesFile *self = g_new0 (PbSeriesFile, 1);

  self->path = g_build_filename (directory, PB_SERIES_FILE_NAME, NULL);
  self->fd = -1;
  return self;
}

PbSeriesFile *
pb_series_file_open (const char *directory, PbSeriesState *state, GError **error)
{
  g_autoptr (PbSeriesFile) self = file_new (directory);

  memset (state, 0, sizeof *state);
  /* Not to hang on what is no file. */
  self->fd = open (self->path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (self->fd < 0 && errno == ENOENT)
    g_set_error (error, PB_STORE_ERROR, PB_STORE_ERROR_NOT_FOUND, "%s: is not there", self->path);
  else if (self->fd < 0)
    set_error (self, "cannot be opened", errno, error);
  if (self->fd < 0 || !read_head (self, error) || !read_state (self, state, error))
    return NULL;
  for (PbSeriesRing ring = PB_SERIES_BY_MINUTE; ring <= PB_SERIES_BY_HOUR; ring++)
    if (!write_row (self, ring, &state->gathering[ring], &state->names, error))
      return NULL;
  return g_steal_pointer (&self);
}

static gboolean
fill_new (PbSeriesFile *self, const PbSeriesState *state, GError **error)
{
  const Head head = { .magic = MAGIC, .version = VERSION, .size = PB_SERIES_FILE_SIZE };
  int code = posix_fallocate (self->fd, 0, PB_SERIES_FILE_SIZE);

  if (code != 0)
    {
      set_error (self, "no room can be taken", code, error);
      return FALSE;
    }
  return write_at (self, &head, sizeof head, 0, error) && write_state (self, state, error);
}

PbSeriesFile *
pb_series_file_create (const char *directory, const PbSeriesState *state, GError **error)
{
  g_autoptr (PbSeriesFile) self = file_new (directory);
  g_autofree char *fresh = g_strconcat (self->path, ".new", NULL);

  self->fd = open (fresh, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (self->fd < 0)
    {
      set_error (self, "cannot be made", errno, error);
      return NULL;
    }
  if (!fill_new (self, state, error))
    {
      unlink (fresh);
      return NULL;
    }
  /* Before the name is there: else a power cut could leave an empty file in the place of a good one. */
  if (fdatasync (self->fd) != 0 || rename (fresh, self->path) != 0)
    {
      set_error (self, "cannot be put in place", errno, error);
      unlink (fresh);
      return NULL;
    }
  return g_steal_pointer (&self);
}

void
pb_series_file_close (PbSeriesFile *self)
{
  if (self->fd >= 0)
    close (self->fd);
  g_free (self->path);
  g_free (self);
}

gboolean
pb_series_file_is_there (const PbSeriesFile *self)
{
  struct stat own, named;

  return fstat (self->fd, &own) == 0 && lstat (self->path, &named) == 0 && own.st_dev == named.st_dev
         && own.st_ino == named.st_ino && own.st_size == PB_SERIES_FILE_SIZE;
}

gboolean
pb_series_file_write (PbSeriesFile *self, GArray *done, const PbSeriesState *state, GError **error)
{
  for (guint i = 0; i < done->len; i++)
    {
      const PbSeriesDone *each = &g_array_index (done, PbSeriesDone, i);

      if (!write_row (self, each->ring, &each->row, &state->names, error))
        return FALSE;
    }
  return write_state (self, state, error);
}

static void
view_rows (PbSeriesView *view, const Row *rows, guint n)
{
  for (guint i = 0; i < n; i++)
    {
      double value = (double) rows[i].values[view->index];

      if (rows[i].time >= view->from && rows[i].time < view->until && row_is_whole (&rows[i]))
        pb_series_view_add (view, rows[i].time,
                            view->kind == PB_SERIES_GAUGE ? value * rows[i].samples : value,
                            rows[i].samples);
    }
}

gboolean
pb_series_file_read (PbSeriesFile *self, PbSeriesView *view, GError **error)
{
  g_autofree Row *rows = g_new (Row, READ_ROWS);
  gint64 step = pb_series_ring_step (view->ring);
  guint all = ring_rows (view->ring), place = place_of (view->ring, view->from);
  guint left = (guint) MIN ((view->until - view->from + step - 1) / step, (gint64) all);

  while (left > 0)
    {
      guint n = MIN (MIN (left, READ_ROWS), all - place);

      if (!read_at (self, rows, n * sizeof (Row), row_at (view->ring, place), error))
        return FALSE;
      view_rows (view, rows, n);
      left -= n;
      place = (place + n) % all;
    }
  return TRUE;
}
