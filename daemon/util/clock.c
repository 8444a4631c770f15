/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The two clocks of the daemon and the date as mail writes it.
 *
 * Called by every floor, from any thread. Nothing here fails. Floors that decide something by the time
 * get it passed in, so that they can be tested without waiting.
 */
#include "util/clock.h"

#include <stdlib.h>
#include <string.h>
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

/* Writes @number with @digits digits and @after it. Returns where to go on. */
static char *
put_number (char *out, guint number, guint digits, char after)
{
  for (guint i = digits; i > 0; i--, number /= 10)
    out[i - 1] = (char) ('0' + number % 10);
  out[digits] = after;
  return out + digits + 1;
}

char *
pb_clock_format_date (gint64 wall, char buffer[40])
{
  time_t seconds = (time_t) (wall / G_USEC_PER_SEC - (wall % G_USEC_PER_SEC < 0 ? 1 : 0));
  struct tm parts;
  char *out = buffer;
  guint zone;

  /* Not strftime: its names follow the locale, those of RFC 5322 do not. Nor printf: every message has a date or two. */
  localtime_r (&seconds, &parts);
  zone = (guint) labs (parts.tm_gmtoff) / 60;
  memcpy (out, day_names[parts.tm_wday], 3);
  memcpy (out + 3, ", ", 2);
  out = put_number (out + 5, (guint) parts.tm_mday, 2, ' ');
  memcpy (out, month_names[parts.tm_mon], 3);
  out[3] = ' ';
  out = put_number (out + 4, (guint) MAX (parts.tm_year + 1900, 0), 4, ' ');
  out = put_number (out, (guint) parts.tm_hour, 2, ':');
  out = put_number (out, (guint) parts.tm_min, 2, ':');
  out = put_number (out, (guint) parts.tm_sec, 2, ' ');
  *out++ = parts.tm_gmtoff < 0 ? '-' : '+';
  put_number (out, zone / 60 * 100 + zone % 60, 4, '\0');
  return buffer;
}

/* A number that grows with the date. */
static gint64
date_of (gint64 time, GTimeZone *zone)
{
  g_autoptr (GDateTime) utc = g_date_time_new_from_unix_utc (time);
  g_autoptr (GDateTime) local = utc != NULL ? g_date_time_to_timezone (utc, zone) : NULL;

  if (local == NULL)
    return 0;
  return g_date_time_get_year (local) * 1000 + g_date_time_get_day_of_year (local);
}

gint64
pb_clock_next_midnight (gint64 now, GTimeZone *zone)
{
  gint64 today = date_of (now, zone), low = now, high = now;

  /* A day has 23 to 25 hours, a date line may be moved: the next date is looked for, not worked out. */
  while (date_of (high, zone) <= today && high < now + 4 * 86400)
    high += 3600;
  while (high - low > 1)
    {
      gint64 middle = low + (high - low) / 2;

      if (date_of (middle, zone) > today)
        high = middle;
      else
        low = middle;
    }
  return high;
}
