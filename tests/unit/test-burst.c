/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "queue/burst.h"

#define HOUR  3600
#define DAY   (24 * HOUR)
#define START (1000 * HOUR)
#define OLD   (START + 8 * DAY) /* all is known by then */

typedef struct
{
  guint n, messages, busiest;
  gint64 wall;
  char account;
} Seen;

static void
on_burst (const char *account, const char *name, guint messages, guint busiest, gint64 wall, gpointer user_data)
{
  Seen *seen = user_data;

  g_assert_cmpstr (name, ==, "ann");
  *seen = (Seen){ seen->n + 1, messages, busiest, wall, account[0] };
}

static Seen
look (PbBurst *burst, gint64 now)
{
  Seen seen = { 0 };

  pb_burst_foreach (burst, on_burst, &seen, now);
  return seen;
}

static void
send (PbBurst *burst, const char *account, guint n, gint64 now)
{
  for (guint i = 0; i < n; i++)
    pb_burst_count (burst, account, "ann", now, 7 * now);
}

static void
test_hundred (void)
{
  g_autoptr (PbBurst) burst = pb_burst_new (START);

  send (burst, "a", 99, OLD);
  send (burst, "b", 99, OLD);
  g_assert_cmpuint (look (burst, OLD).n, ==, 0);
  send (burst, "a", 1, OLD + 9);
  Seen seen = look (burst, OLD + 10);
  g_assert_cmpuint (seen.n, ==, 1);
  g_assert_cmpint (seen.account, ==, 'a');
  g_assert_cmpuint (seen.messages, ==, 100);
  g_assert_cmpuint (seen.busiest, ==, 0);
  g_assert_cmpint (seen.wall, ==, 7 * (OLD + 9));
  /* What is told does not change within the hour, however many follow. */
  send (burst, "a", 500, OLD + 60);
  g_assert_cmpuint (look (burst, OLD + 60).messages, ==, 100);
  g_assert_cmpint (look (burst, OLD + 60).wall, ==, 7 * (OLD + 9));
  /* An hour behind its last message it is over. A few in between do not prolong it. */
  send (burst, "a", 5, OLD + HOUR);
  g_assert_cmpuint (look (burst, OLD + 59 + HOUR).n, ==, 1);
  g_assert_cmpuint (look (burst, OLD + 60 + HOUR).n, ==, 0);
  /* The other one's 99 were no burst, and the next hour counts anew. */
  send (burst, "b", 99, OLD + HOUR);
  g_assert_cmpuint (look (burst, OLD + 60 + HOUR).n, ==, 0);
}

static void
test_ten_times (void)
{
  g_autoptr (PbBurst) burst = pb_burst_new (START);
  gint64 busy = OLD;

  send (burst, "a", 20, busy);
  send (burst, "a", 3, busy + HOUR);
  send (burst, "a", 199, busy + 2 * DAY);
  g_assert_cmpuint (look (burst, busy + 2 * DAY).n, ==, 0);
  send (burst, "a", 1, busy + 2 * DAY);
  g_assert_cmpuint (look (burst, busy + 2 * DAY).n, ==, 1);
  g_assert_cmpuint (look (burst, busy + 2 * DAY).busiest, ==, 20);
}

static void
test_seven_days (void)
{
  g_autoptr (PbBurst) burst = pb_burst_new (START);
  g_autoptr (PbBurst) other = pb_burst_new (START);

  /* Known for 167 hours behind, and no more. */
  send (burst, "a", 90, OLD);
  send (burst, "a", 150, OLD + 167 * HOUR);
  g_assert_cmpuint (look (burst, OLD + 167 * HOUR).n, ==, 0);
  send (other, "a", 90, OLD);
  send (other, "a", 1, OLD + HOUR);
  send (other, "a", 99, OLD + 168 * HOUR);
  g_assert_cmpuint (look (other, OLD + 168 * HOUR).n, ==, 0);
  send (other, "a", 1, OLD + 168 * HOUR);
  g_assert_cmpuint (look (other, OLD + 168 * HOUR).n, ==, 1);
  g_assert_cmpuint (look (other, OLD + 168 * HOUR).busiest, ==, 1);
  /* Nor are silent hours taken for those that had their place in the ring before. */
  send (other, "b", 90, OLD);
  send (other, "b", 1, OLD + 300 * HOUR);
  send (other, "b", 150, OLD + 301 * HOUR);
  g_assert_cmpuint (look (other, OLD + 301 * HOUR).n, ==, 1);
  g_assert_cmpuint (look (other, OLD + 301 * HOUR).busiest, ==, 1);
}

static void
test_goes_on (void)
{
  g_autoptr (PbBurst) burst = pb_burst_new (START);
  gint64 now = OLD;

  /* It does not become usual by going on: told again each hour, with that hour's time, until a day later it is usual. */
  for (guint i = 0; i < 24; i++, now += HOUR)
    {
      send (burst, "a", 120, now + 5);
      g_assert_cmpuint (look (burst, now + 5).n, ==, 1);
      g_assert_cmpint (look (burst, now + 5).wall, ==, 7 * (now + 5));
    }
  send (burst, "a", 120, now + 5);
  g_assert_cmpuint (look (burst, now + 5).n, ==, 0);
}

static void
test_first_day (void)
{
  g_autoptr (PbBurst) burst = pb_burst_new (START);

  send (burst, "a", 499, START + DAY - 1);
  g_assert_cmpuint (look (burst, START + DAY - 1).n, ==, 0);
  send (burst, "a", 1, START + DAY - 1);
  g_assert_cmpuint (look (burst, START + DAY - 1).messages, ==, 500);
  send (burst, "b", 100, START + DAY);
  g_assert_cmpuint (look (burst, START + DAY).n, ==, 2);
}

static void
test_bounded (void)
{
  g_autoptr (PbBurst) burst = pb_burst_new (START);

  send (burst, "silent", 90, OLD);
  send (burst, "kept", 90, OLD + HOUR);
  for (guint i = 0; i < 4095; i++)
    {
      g_autofree char *account = g_strdup_printf ("%u", i);

      send (burst, account, 1, OLD + 2 * HOUR);
    }
  /* The one silent longest is forgotten, and what it sent with it; the other is not. */
  send (burst, "kept", 10, OLD + HOUR);
  g_assert_cmpuint (look (burst, OLD + HOUR).n, ==, 1);
  /* It comes back, begins anew, and now the other one makes room. */
  send (burst, "silent", 150, OLD + 2 * HOUR);
  g_assert_cmpuint (look (burst, OLD + HOUR).n, ==, 1);
  g_assert_cmpint (look (burst, OLD + HOUR).account, ==, 's');
  /* A week later nobody is known, and the same account begins anew. */
  g_assert_cmpuint (look (burst, OLD + 30 * DAY).n, ==, 0);
  send (burst, "kept", 100, OLD + 30 * DAY);
  g_assert_cmpuint (look (burst, OLD + 30 * DAY).n, ==, 1);
}

static void
test_time_order (void)
{
  g_autoptr (PbBurst) burst = pb_burst_new (START);

  /* Threads may come with times a little out of order around the full hour. */
  send (burst, "a", 60, OLD + HOUR);
  send (burst, "a", 40, OLD + HOUR - 1);
  g_assert_cmpuint (look (burst, OLD + HOUR).messages, ==, 100);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/burst/hundred", test_hundred);
  g_test_add_func ("/burst/ten-times", test_ten_times);
  g_test_add_func ("/burst/seven-days", test_seven_days);
  g_test_add_func ("/burst/goes-on", test_goes_on);
  g_test_add_func ("/burst/first-day", test_first_day);
  g_test_add_func ("/burst/bounded", test_bounded);
  g_test_add_func ("/burst/time-order", test_time_order);
  return g_test_run ();
}
