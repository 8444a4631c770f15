/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The clocks run forward in microseconds; dates are written as RFC 5322 3.3 has them, in any zone and locale. */
#include "util/clock.h"

#include <locale.h>
#include <stdlib.h>
#include <time.h>

static void
use_zone (const char *zone)
{
  g_setenv ("TZ", zone, TRUE);
  tzset ();
}

static void
test_clocks (void)
{
  gint64 monotonic = pb_clock_monotonic ();
  gint64 wall = pb_clock_wall ();

  g_assert_cmpint (pb_clock_monotonic (), >=, monotonic);
  g_assert_cmpint (wall / G_USEC_PER_SEC, >=, 1700000000);
  g_assert_cmpint (ABS (wall / G_USEC_PER_SEC - (gint64) time (NULL)), <=, 1);
}

static void
test_date (void)
{
  static const struct
  {
    const char *zone;
    gint64 seconds;
    const char *expected;
  } rows[] = {
    { "UTC0", 0, "Thu, 01 Jan 1970 00:00:00 +0000" },
    { "UTC0", 1795494591, "Tue, 24 Nov 2026 04:29:51 +0000" },
    { "UTC0", 1582934400, "Sat, 29 Feb 2020 00:00:00 +0000" },
    { "UTC0", -1, "Wed, 31 Dec 1969 23:59:59 +0000" },
    { "XST-5:30", 1795494591, "Tue, 24 Nov 2026 09:59:51 +0530" },
    { "XST3:30", 1795494591, "Tue, 24 Nov 2026 00:59:51 -0330" },
    { "XST11", 1795494591, "Mon, 23 Nov 2026 17:29:51 -1100" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      char buffer[40];

      use_zone (rows[i].zone);
      g_assert_cmpstr (pb_clock_format_date (rows[i].seconds * G_USEC_PER_SEC, buffer), ==,
                       rows[i].expected);
    }
}

static void
test_date_fraction (void)
{
  char buffer[40];

  use_zone ("UTC0");
  g_assert_cmpstr (pb_clock_format_date (999999, buffer), ==, "Thu, 01 Jan 1970 00:00:00 +0000");
  g_assert_cmpstr (pb_clock_format_date (-1, buffer), ==, "Wed, 31 Dec 1969 23:59:59 +0000");
}

int
main (int argc, char *argv[])
{
  setlocale (LC_ALL, "");
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/clock/clocks", test_clocks);
  g_test_add_func ("/clock/date", test_date);
  g_test_add_func ("/clock/date-fraction", test_date_fraction);
  return g_test_run ();
}
