/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/series-file.h"

#include "store/store.h"
#include "store-fixture.h"
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sys/stat.h>

#define NOON 1764072000 /* a full hour */
#define DAY  86400

static guint counter, gauge;

static PbSeries *
make_series (void)
{
  PbSeries *series = pb_series_new ();

  counter = pb_series_names_add (pb_series_names (series), "accepted", PB_SERIES_COUNTER);
  gauge = pb_series_names_add (pb_series_names (series), "queue.active", PB_SERIES_GAUGE);
  return series;
}

static void
sample (PbSeries *series, gint64 now, double rise, double level)
{
  double values[PB_SERIES_MAX] = { 0 };

  values[counter] = rise;
  values[gauge] = level;
  pb_series_sample (series, now, values);
}

/* The points as "time-offset=value ...". */
static char *
show (PbSeriesView *view)
{
  g_autoptr (GVariant) points = g_variant_ref_sink (pb_series_view_points (view));
  GString *text = g_string_new (NULL);
  GVariantIter iter;
  guint64 time;
  double value;

  g_variant_iter_init (&iter, points);
  while (g_variant_iter_next (&iter, "(td)", &time, &value))
    g_string_append_printf (text, "%s%" G_GINT64_FORMAT "=%g", text->len > 0 ? " " : "",
                            (gint64) time - NOON, value);
  return g_string_free (text, FALSE);
}

static void
check_points (PbSeries *series, PbSeriesFile *file, guint index, gint64 now, guint span, guint step,
              const char *expected)
{
  g_autoptr (PbSeriesView) view = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;
  PbSeriesRing ring;

  g_assert_cmpstr (pb_series_view_fit (span, step, &ring), ==, NULL);
  view = pb_series_view_new (ring, index == gauge ? PB_SERIES_GAUGE : PB_SERIES_COUNTER, index, now,
                             span, step);
  if (series != NULL)
    pb_series_view_add_memory (view, series);
  if (file != NULL && ring != PB_SERIES_BY_SECOND)
    g_assert_true (pb_series_file_read (file, view, &error));
  text = show (view);
  g_assert_cmpstr (text, ==, expected);
}

static PbSeriesState *
state_of (PbSeries *series, guint64 total)
{
  PbSeriesState *state = g_new0 (PbSeriesState, 1);

  state->names = *pb_series_names (series);
  state->totals[counter] = total;
  for (PbSeriesRing ring = PB_SERIES_BY_MINUTE; ring <= PB_SERIES_BY_HOUR; ring++)
    state->gathering[ring] = *pb_series_gathering (series, ring);
  return state;
}

static void
write_out (PbSeries *series, PbSeriesFile *file, guint64 total)
{
  g_autoptr (GArray) done = pb_series_take_done (series);
  g_autofree PbSeriesState *state = state_of (series, total);
  g_autoptr (GError) error = NULL;

  g_assert_true (pb_series_file_write (file, done, state, &error));
  g_assert_no_error (error);
}

static PbSeriesFile *
make_file (PbSeries *series, const char *directory)
{
  g_autofree PbSeriesState *state = state_of (series, 0);
  g_autoptr (GError) error = NULL;
  PbSeriesFile *file = pb_series_file_create (directory, state, &error);

  g_assert_no_error (error);
  return file;
}

static void
test_seconds (void)
{
  g_autoptr (PbSeries) series = make_series ();

  sample (series, NOON, 1, 10);
  sample (series, NOON + 1, 2, 20);
  sample (series, NOON + 3, 4, 40);
  check_points (series, NULL, counter, NOON + 3, 60, 1, "0=1 1=2 3=4");
  check_points (series, NULL, gauge, NOON + 3, 60, 1, "0=10 1=20 3=40");
  check_points (series, NULL, counter, NOON + 3, 2, 1, "3=4");
  check_points (series, NULL, counter, NOON + 3, 60, 2, "0=3 2=4");
  check_points (series, NULL, gauge, NOON + 3, 60, 2, "0=15 2=40");
  /* An hour later their places are others'. */
  for (gint64 i = 4; i < 2 * PB_SERIES_SECONDS; i++)
    sample (series, NOON + i, 1, 1);
  check_points (series, NULL, counter, NOON + 2 * PB_SERIES_SECONDS - 1, 3600, 2400,
                "4800=2400");
}

static void
test_rows (void)
{
  g_autoptr (PbSeries) series = make_series ();

  for (gint64 i = 0; i < 3 * 60; i++)
    sample (series, NOON + i, 1, (double) i);
  g_assert_cmpuint (pb_series_n_done (series), ==, 2);
  check_points (series, NULL, counter, NOON + 179, 600, 60, "0=60 60=60 120=60");
  check_points (series, NULL, gauge, NOON + 179, 600, 60, "0=29.5 60=89.5 120=149.5");
  check_points (series, NULL, counter, NOON + 179, 7200, 3600, "0=180");
}

/* A clock put back a day, forward a day, far away: nothing grows, nothing breaks. */
static void
test_clock (void)
{
  g_autoptr (PbSeries) series = make_series ();
  const gint64 jumps[] = { 0, -DAY, DAY, 400 * DAY, -NOON, G_MAXINT32, 0 };

  for (guint round = 0; round < 1000; round++)
    for (guint i = 0; i < G_N_ELEMENTS (jumps); i++)
      sample (series, NOON + jumps[i], 1, 1);
  g_assert_cmpuint (pb_series_n_done (series), <=, 24 * 60 + 24);
  /* Its place was taken by others in between; a second that comes again is added to. */
  sample (series, NOON - DAY, 5, 1);
  sample (series, NOON - DAY, 5, 1);
  check_points (series, NULL, counter, NOON - DAY, 30, 1, "-86400=10");
}

static void
test_fit (void)
{
  static const struct
  {
    guint32 span, step;
    const char *fault;
  } cases[] = {
    { 3600, 1, NULL },          { 3600, 3600, NULL },       { 604800, 60, NULL },
    { 63158400, 3600, NULL },   { 1, 86400, NULL },         { 1, G_MAXUINT32, NULL },
    { 3601, 1, "span: must" },  { 604801, 60, "span: must" }, { 63158401, 3600, "span: must" },
    { 7200, 61, "span: must" }, { 0, 1, "span: must" },     { 60, 0, "step: must" },
    { G_MAXUINT32, G_MAXUINT32, "span: must" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      PbSeriesRing ring;
      const char *fault = pb_series_view_fit (cases[i].span, cases[i].step, &ring);
      g_autoptr (PbSeriesView) view = NULL;

      g_assert_true ((fault == NULL) == (cases[i].fault == NULL));
      if (fault != NULL)
        {
          g_assert_true (g_str_has_prefix (fault, cases[i].fault));
          continue;
        }
      view = pb_series_view_new (ring, PB_SERIES_COUNTER, 0, NOON + 59, cases[i].span, cases[i].step);
      g_assert_cmpuint (view->n, >=, 1);
      g_assert_cmpuint (view->n, <=, PB_SERIES_POINTS);
    }
}

static void
test_names (void)
{
  g_autoptr (PbSeries) series = pb_series_new ();
  PbSeriesNames *names = pb_series_names (series);
  g_autofree char *longest = g_strnfill (PB_SERIES_NAME_MAX, 'x');

  g_assert_cmpuint (pb_series_names_add (names, longest, PB_SERIES_COUNTER), ==, PB_SERIES_MAX);
  for (guint i = 0; i < 2 * PB_SERIES_MAX; i++)
    {
      g_autofree char *name = g_strdup_printf ("refused.%u", i);

      g_assert_cmpuint (pb_series_names_add (names, name, PB_SERIES_COUNTER), ==,
                        MIN (i, PB_SERIES_MAX));
      g_assert_cmpuint (pb_series_names_find (names, name), ==, MIN (i, PB_SERIES_MAX));
    }
}

static void
test_file (Fixture *fixture, gconstpointer data)
{
  g_autoptr (PbSeries) series = make_series ();
  g_autoptr (PbSeriesFile) file = make_file (series, fixture->directory);
  g_autofree char *path = g_build_filename (fixture->directory, PB_SERIES_FILE_NAME, NULL);
  struct stat status;

  for (gint64 i = 0; i < 3 * 60; i++)
    sample (series, NOON + i, 1, (double) i);
  write_out (series, file, 180);
  check_points (series, file, counter, NOON + 179, 600, 60, "0=60 60=60 120=60");
  check_points (NULL, file, counter, NOON + 179, 600, 60, "0=60 60=60");
  check_points (series, file, gauge, NOON + 179, 600, 60, "0=29.5 60=89.5 120=149.5");
  /* Two years of hours and more: the room stays the same. */
  for (gint64 i = 1; i < PB_SERIES_HOURS + 100; i++)
    {
      sample (series, NOON + i * 3600, 2, 3);
      if (i % 500 == 0)
        write_out (series, file, 180);
    }
  write_out (series, file, 180);
  check_points (series, file, counter, NOON + (PB_SERIES_HOURS + 99) * (gint64) 3600, 7200, 3600,
                "63511200=2 63514800=2");
  g_assert_cmpint (stat (path, &status), ==, 0);
  g_assert_cmpint (status.st_size, ==, PB_SERIES_FILE_SIZE);
  g_assert_cmpint (status.st_blocks * 512, <=, PB_SERIES_FILE_SIZE + 65536);
  g_assert_true (pb_series_file_is_there (file));
  g_unlink (path);
  g_assert_false (pb_series_file_is_there (file));
}

/* What was gathered when a kill came goes on, and is there just once. */
static void
test_goes_on (Fixture *fixture, gconstpointer data)
{
  g_autofree PbSeriesState *state = g_new0 (PbSeriesState, 1);
  g_autoptr (GError) error = NULL;

  for (guint round = 0; round < 3; round++)
    {
      g_autoptr (PbSeries) series = make_series ();
      g_autoptr (PbSeriesFile) file = round == 0 ? make_file (series, fixture->directory)
                                                 : pb_series_file_open (fixture->directory, state, &error);

      g_assert_no_error (error);
      if (round > 0)
        g_assert_cmpuint (state->totals[counter], ==, round * 7);
      sample (series, NOON + round, 7, round * 10.0);
      write_out (series, file, (round + 1) * 7);
      check_points (series, file, counter, NOON + 59, 60, 60,
                    round == 0 ? "0=7" : round == 1 ? "0=14" : "0=21");
      check_points (series, file, gauge, NOON + 59, 60, 60,
                    round == 0 ? "0=0" : round == 1 ? "0=5" : "0=10");
      check_points (series, file, counter, NOON + 59, 3600, 3600,
                    round == 0 ? "0=7" : round == 1 ? "0=14" : "0=21");
      /* The minute ends, its row is written, the state is not: a kill in between. */
      sample (series, NOON + 60, 0, 0);
      if (round == 1)
        {
          g_autoptr (GArray) done = pb_series_take_done (series);
          g_autofree PbSeriesState *old = state_of (series, 14);

          old->gathering[PB_SERIES_BY_MINUTE] = g_array_index (done, PbSeriesDone, 0).row;
          g_assert_true (pb_series_file_write (file, done, old, &error));
        }
    }
}

static void
spoil (const char *path, goffset at, gsize length)
{
  g_autofree char *noise = g_strnfill (length, '\xa5');
  int fd = open (path, O_WRONLY);

  g_assert_cmpint (pwrite (fd, noise, length, at), ==, (gssize) length);
  close (fd);
}

static void
expect_code (Fixture *fixture, PbStoreError code)
{
  g_autofree PbSeriesState *state = g_new0 (PbSeriesState, 1);
  g_autoptr (GError) error = NULL;

  g_assert_null (pb_series_file_open (fixture->directory, state, &error));
  g_assert_error (error, PB_STORE_ERROR, (gint) code);
}

static void
test_damage (Fixture *fixture, gconstpointer data)
{
  g_autoptr (PbSeries) series = make_series ();
  g_autofree char *path = g_build_filename (fixture->directory, PB_SERIES_FILE_NAME, NULL);
  g_autofree PbSeriesState *state = g_new0 (PbSeriesState, 1);
  g_autoptr (PbSeriesFile) file = NULL, again = NULL;
  guint32 later = 2;
  int fd;

  expect_code (fixture, PB_STORE_ERROR_NOT_FOUND);
  file = make_file (series, fixture->directory);
  for (gint64 i = 0; i < 5; i++)
    sample (series, NOON + i * 60, (double) i + 1, 1);
  write_out (series, file, 42);
  /* The state written last: the one before counts. */
  spoil (path, 4096 + 200, 8);
  again = pb_series_file_open (fixture->directory, state, NULL);
  g_assert_nonnull (again);
  g_assert_cmpuint (state->totals[counter], ==, 0);
  /* A row: it alone is gone. */
  spoil (path, 4096 + 2 * 16384 + (NOON / 60 + 1) % PB_SERIES_MINUTES * 536 + 40, 4);
  check_points (series, file, counter, NOON + 299, 600, 60, "0=1 120=3 180=4 240=5");
  spoil (path, 4096 + 16384 + 200, 8);
  expect_code (fixture, PB_STORE_ERROR_CORRUPT);
  fd = open (path, O_WRONLY);
  g_assert_cmpint (pwrite (fd, &later, sizeof later, 8), ==, sizeof later);
  close (fd);
  expect_code (fixture, PB_STORE_ERROR_SCHEMA);
  g_assert_cmpint (truncate (path, 100000), ==, 0);
  expect_code (fixture, PB_STORE_ERROR_SCHEMA);
  g_assert_cmpint (truncate (path, 3), ==, 0);
  expect_code (fixture, PB_STORE_ERROR_CORRUPT);
  g_unlink (path);
  g_mkdir (path, 0700);
  expect_code (fixture, PB_STORE_ERROR_FAILED);
  g_assert_null (pb_series_file_create (fixture->directory, state, NULL));
  g_rmdir (path);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/series/seconds", test_seconds);
  g_test_add_func ("/series/rows", test_rows);
  g_test_add_func ("/series/clock", test_clock);
  g_test_add_func ("/series/fit", test_fit);
  g_test_add_func ("/series/names", test_names);
  fixture_add ("/series/file", test_file);
  fixture_add ("/series/goes-on", test_goes_on);
  fixture_add ("/series/damage", test_damage);
  return g_test_run ();
}
