/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The two clocks of the daemon and the date as mail writes it.
 *
 * Called by every floor, from any thread. Nothing here fails. Floors that decide something by the time
 * get it passed in, so that they can be tested without waiting.
 */
#include "util/clock.h"

#include <stdlib.h>
#include <time.h>

static const char day_names[7][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
static const char month_names[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };

gint64
pb_clock_wall (void)
{
  struct timespec now;

  clock_gettime (CLOCK_REALTIME, &now);
  return (gint64) now.tv_sec * G_USEC_PER_SEC + now.tv_nsec / 1000;
}

gint64
pb_clock_monotonic (void)
{
  return g_get_monotonic_time ();
}

char *
pb_clock_format_date (gint64 wall, char buffer[40])
{
  time_t seconds = (time_t) (wall / G_USEC_PER_SEC - (wall % G_USEC_PER_SEC < 0 ? 1 : 0));
  struct tm parts;
  glong zone;

  /* Not strftime: its names follow the locale, those of RFC 5322 do not. */
  localtime_r (&seconds, &parts);
  zone = labs (parts.tm_gmtoff) / 60;
  g_snprintf (buffer, 40, "%s, %02d %s %04d %02d:%02d:%02d %c%02ld%02ld", day_names[parts.tm_wday],
              parts.tm_mday, month_names[parts.tm_mon], parts.tm_year + 1900, parts.tm_hour,
              parts.tm_min, parts.tm_sec, parts.tm_gmtoff < 0 ? '-' : '+', zone / 60, zone % 60);
  return buffer;
}
