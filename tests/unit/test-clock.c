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
  gint64 before = g_get_real_time (), wall = pb_clock_wall (), after = g_get_real_time ();

  g_assert_cmpint (pb_clock_monotonic (), >=, monotonic);
  g_assert_cmpint (wall / G_USEC_PER_SEC, >=, 1700000000);
  g_assert_cmpint (before, <=, wall);
  g_assert_cmpint (wall, <=, after);
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

/* Where the clock is put at midnight too: the first second of the next date. */
static void
test_midnight (void)
{
  static const struct
  {
    const char *zone;
    gint64 now, expected;
  } rows[] = {
    { "UTC", 0, 86400 },
    { "UTC", 86399, 86400 },
    { "UTC", 86400, 172800 },
    /* Berlin, 2026-03-29, a day of 23 hours, and 2026-10-25, one of 25 */
    { "Europe/Berlin", 1774738800, 1774821600 },
    { "Europe/Berlin", 1774738800 + 12 * 3600, 1774821600 },
    { "Europe/Berlin", 1792879200, 1792969200 },
    /* Beirut, 2024-03-31 has no midnight: 23:59:59, then 01:00 */
    { "Asia/Beirut", 1711796400, 1711836000 },
    { "Asia/Beirut", 1711836000, 1711918800 },
    /* Sao Paulo, 2018-02-17: at midnight it is 23:00 again */
    { "America/Sao_Paulo", 1518832800, 1518922800 },
    { "America/Sao_Paulo", 1518922799, 1518922800 },
    /* Apia had no 2011-12-30 */
    { "Pacific/Apia", 1325152800, 1325239200 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GTimeZone) zone = g_time_zone_new_identifier (rows[i].zone);

      if (zone == NULL)
        {
          g_test_message ("no %s here", rows[i].zone);
          continue;
        }
      g_test_message ("%s %" G_GINT64_FORMAT, rows[i].zone, rows[i].now);
      g_assert_cmpint (pb_clock_next_midnight (rows[i].now, zone), ==, rows[i].expected);
    }
}

int
main (int argc, char *argv[])
{
  setlocale (LC_ALL, "");
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/clock/clocks", test_clocks);
  g_test_add_func ("/clock/date", test_date);
  g_test_add_func ("/clock/date-fraction", test_date_fraction);
  g_test_add_func ("/clock/midnight", test_midnight);
  return g_test_run ();
}
