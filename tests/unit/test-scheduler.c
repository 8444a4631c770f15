/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The scheduler on a simulated clock: order, fairness, windows, dead destinations, retries by hand, many items. */
#include "queue/scheduler.h"

static const PbSchedulerLimits limits = {
  .max_per_destination = 20,
  .max_total = 1000,
  .min_backoff = 300,
  .max_backoff = 4000,
};

#define ITEM(n) GUINT_TO_POINTER (n)

static guint
next (PbScheduler *scheduler, gint64 now)
{
  return GPOINTER_TO_UINT (pb_scheduler_next (scheduler, now));
}

static void
test_order (void)
{
  g_autoptr (PbScheduler) scheduler = pb_scheduler_new (&limits);

  g_assert_cmpint (pb_scheduler_next_due (scheduler), ==, G_MAXINT64);
  pb_scheduler_add (scheduler, ITEM (1), "a", 30);
  pb_scheduler_add (scheduler, ITEM (2), "a", 10);
  pb_scheduler_add (scheduler, ITEM (3), "a", 10);
  pb_scheduler_add (scheduler, ITEM (4), "a", 20);
  g_assert_cmpuint (pb_scheduler_size (scheduler), ==, 4);
  g_assert_cmpint (pb_scheduler_next_due (scheduler), ==, 10);
  g_assert_cmpuint (next (scheduler, 9), ==, 0);
  g_assert_cmpuint (next (scheduler, 10), ==, 2);
  g_assert_cmpuint (next (scheduler, 10), ==, 3);
  g_assert_cmpuint (next (scheduler, 10), ==, 0);
  g_assert_cmpint (pb_scheduler_next_due (scheduler), ==, 20);
  g_assert_cmpuint (next (scheduler, 40), ==, 4);
  g_assert_cmpuint (next (scheduler, 40), ==, 1);
  g_assert_cmpuint (pb_scheduler_size (scheduler), ==, 0);
}

static void
test_round_robin (void)
{
  g_autoptr (PbScheduler) scheduler = pb_scheduler_new (&limits);
  guint seen_b = 0;

  for (guint i = 0; i < 100; i++)
    pb_scheduler_add (scheduler, ITEM (1 + i), "a", 0);
  g_assert_cmpuint (pb_scheduler_waiting (scheduler, "a"), ==, 100);
  g_assert_cmpuint (pb_scheduler_waiting (scheduler, "b"), ==, 0);
  pb_scheduler_add (scheduler, ITEM (1000), "b", 0);
  pb_scheduler_weigh (scheduler, ITEM (1000), 50);
  g_assert_cmpuint (pb_scheduler_waiting (scheduler, "b"), ==, 50);
  pb_scheduler_add (scheduler, ITEM (1001), "b", 0);
  for (guint i = 0; i < 4; i++)
    seen_b += next (scheduler, 1) >= 1000;
  g_assert_cmpuint (seen_b, ==, 2);
  g_assert_cmpuint (pb_scheduler_waiting (scheduler, "b"), ==, 0);
  g_assert_cmpuint (pb_scheduler_waiting (scheduler, "a"), ==, 98);
}

/* A destination begins with a few attempts and gets more with each that a live server answers. */
static void
test_window_grows (void)
{
  g_autoptr (PbScheduler) scheduler = pb_scheduler_new (&limits);
  guint started = 0;

  for (guint i = 0; i < 500; i++)
    pb_scheduler_add (scheduler, ITEM (1 + i), "a", 0);
  while (next (scheduler, 1) != 0)
    started++;
  g_assert_cmpuint (started, >=, 2);
  g_assert_cmpuint (started, <, limits.max_per_destination);
  for (guint i = 0; i < 60; i++)
    {
      pb_scheduler_finished (scheduler, "a", 1, FALSE);
      started--;
      while (next (scheduler, 1) != 0)
        started++;
    }
  g_assert_cmpuint (started, ==, limits.max_per_destination);
}

static void
test_max_total (void)
{
  PbSchedulerLimits few = limits;
  g_autoptr (PbScheduler) scheduler = NULL;

  few.max_total = 3;
  scheduler = pb_scheduler_new (&few);
  for (guint i = 0; i < 10; i++)
    {
      g_autofree char *key = g_strdup_printf ("d%u", i);

      pb_scheduler_add (scheduler, ITEM (1 + i), key, 0);
    }
  for (guint i = 0; i < 3; i++)
    g_assert_cmpuint (next (scheduler, 1), ==, 1 + i);
  g_assert_cmpuint (next (scheduler, 1), ==, 0);
  g_assert_cmpint (pb_scheduler_next_due (scheduler), ==, G_MAXINT64);
  pb_scheduler_finished (scheduler, "d0", 1, FALSE);
  g_assert_cmpuint (next (scheduler, 1), ==, 4);
}

/* However many destinations are silent, some slots are left for those that answered; strangers get theirs one by one. */
static void
test_many_silent (void)
{
  g_autoptr (PbScheduler) scheduler = pb_scheduler_new (&limits);
  const guint kept = limits.max_total - limits.max_total / 4;
  guint started = 0, n = 1;

  pb_scheduler_add (scheduler, ITEM (n), "live", 0);
  g_assert_cmpuint (next (scheduler, 1), ==, n);
  pb_scheduler_finished (scheduler, "live", 1, FALSE);
  for (guint i = 0; i < 2000; i++)
    {
      g_autofree char *key = g_strdup_printf ("silent%u", i);

      for (guint j = 0; j < 5; j++)
        pb_scheduler_add (scheduler, ITEM (++n), key, 1);
    }
  while (next (scheduler, 1) != 0)
    started++;
  g_assert_cmpuint (started, ==, kept);
  g_assert_cmpint (pb_scheduler_next_due (scheduler), ==, G_MAXINT64);
  pb_scheduler_add (scheduler, ITEM (++n), "live", 1);
  g_assert_cmpuint (next (scheduler, 1), ==, n);
  pb_scheduler_finished (scheduler, "live", 1, FALSE);
  g_assert_cmpuint (next (scheduler, 1), ==, 0);
  pb_scheduler_trust (scheduler, "mailbox");
  pb_scheduler_add (scheduler, ITEM (++n), "mailbox", 1);
  g_assert_cmpuint (next (scheduler, 1), ==, n);
  pb_scheduler_finished (scheduler, "mailbox", 1, FALSE);
  /* One of them gives up: the next one has its turn, and one that turns out to be alive leaves them. */
  pb_scheduler_finished (scheduler, "silent0", 1, TRUE);
  g_assert_cmpuint (next (scheduler, 1), !=, 0);
  g_assert_cmpuint (next (scheduler, 1), ==, 0);
  pb_scheduler_finished (scheduler, "silent1", 1, FALSE);
  g_assert_cmpuint (next (scheduler, 1), !=, 0);
  while (next (scheduler, 1) != 0)
    ;
  /* Waiting aside is no hindrance to leaving. */
  pb_scheduler_add (scheduler, ITEM (++n), "silent1999", 1);
  g_assert_true (pb_scheduler_remove (scheduler, ITEM (n)));
  g_ptr_array_unref (pb_scheduler_drain (scheduler, NULL));
  g_assert_cmpuint (pb_scheduler_size (scheduler), ==, 0);
  g_assert_cmpuint (next (scheduler, 1), ==, 0);
}

/* The rest of a dead destination doubles up to the limit, one probe ends it, others never notice. */
static void
test_dead_destination (void)
{
  g_autoptr (PbScheduler) scheduler = pb_scheduler_new (&limits);
  static const gint64 rests[] = { 300, 600, 1200, 2400, 4000, 4000 };
  gint64 now = 1000;

  for (guint i = 0; i < 50; i++)
    pb_scheduler_add (scheduler, ITEM (1 + i), "dead", 0);
  for (guint round = 0; round < G_N_ELEMENTS (rests); round++)
    {
      guint started = 0, item;

      while ((item = next (scheduler, now)) != 0)
        {
          started++;
          g_assert_cmpuint (item, <=, 50);
        }
      /* The first time a few, then one probe at a time. */
      g_assert_cmpuint (started, >=, 1);
      if (round > 0)
        g_assert_cmpuint (started, ==, 1);
      for (guint i = 0; i < started; i++)
        pb_scheduler_finished (scheduler, "dead", now, TRUE);
      g_assert_cmpint (pb_scheduler_resting_until (scheduler, "dead"), ==, now + rests[round]);
      g_assert_cmpuint (next (scheduler, now + rests[round] - 1), ==, 0);
      pb_scheduler_add (scheduler, ITEM (1000 + round), "live", now);
      g_assert_cmpuint (next (scheduler, now), ==, 1000 + round);
      pb_scheduler_finished (scheduler, "live", now, FALSE);
      g_assert_cmpint (pb_scheduler_next_due (scheduler), ==, now + rests[round]);
      now += rests[round];
    }
  g_assert_cmpuint (next (scheduler, now), !=, 0);
  pb_scheduler_finished (scheduler, "dead", now, FALSE);
  g_assert_cmpint (pb_scheduler_resting_until (scheduler, "dead"), ==, 0);
  g_assert_cmpuint (next (scheduler, now), !=, 0);
  g_assert_cmpuint (next (scheduler, now), !=, 0);
}

/* Giving a slot back neither wakes a resting destination nor makes a live one rest. */
static void
test_abandon (void)
{
  g_autoptr (PbScheduler) scheduler = pb_scheduler_new (&limits);

  pb_scheduler_add (scheduler, ITEM (1), "a", 0);
  pb_scheduler_add (scheduler, ITEM (2), "a", 0);
  g_assert_cmpuint (next (scheduler, 0), ==, 1);
  g_assert_cmpuint (next (scheduler, 0), ==, 2);
  pb_scheduler_finished (scheduler, "a", 0, TRUE);
  pb_scheduler_abandon (scheduler, "a");
  g_assert_cmpint (pb_scheduler_resting_until (scheduler, "a"), ==, 300);
}

static void
test_remove_and_drain (void)
{
  g_autoptr (PbScheduler) scheduler = pb_scheduler_new (&limits);
  g_autoptr (GPtrArray) drained = NULL;
  g_autoptr (GPtrArray) rest = NULL;

  for (guint i = 0; i < 10; i++)
    pb_scheduler_add (scheduler, ITEM (1 + i), "a", 10 - i);
  pb_scheduler_add (scheduler, ITEM (100), "b", 0);
  g_assert_true (pb_scheduler_remove (scheduler, ITEM (5)));
  g_assert_false (pb_scheduler_remove (scheduler, ITEM (5)));
  g_assert_cmpuint (next (scheduler, 0), ==, 100);
  g_assert_false (pb_scheduler_remove (scheduler, ITEM (100)));
  drained = pb_scheduler_drain (scheduler, "a");
  g_assert_cmpuint (drained->len, ==, 9);
  g_assert_cmpuint (GPOINTER_TO_UINT (drained->pdata[0]), ==, 10);
  g_assert_cmpuint (GPOINTER_TO_UINT (drained->pdata[8]), ==, 1);
  g_assert_cmpuint (pb_scheduler_size (scheduler), ==, 0);
  pb_scheduler_add (scheduler, ITEM (7), "c", 50);
  rest = pb_scheduler_drain (scheduler, NULL);
  g_assert_cmpuint (rest->len, ==, 1);
  g_assert_cmpuint (next (scheduler, 100), ==, 0);
}

static void
test_wake (void)
{
  g_autoptr (PbScheduler) scheduler = pb_scheduler_new (&limits);

  pb_scheduler_add (scheduler, ITEM (1), "a", 0);
  g_assert_cmpuint (next (scheduler, 0), ==, 1);
  pb_scheduler_finished (scheduler, "a", 0, TRUE);
  pb_scheduler_add (scheduler, ITEM (1), "a", 900);
  pb_scheduler_add (scheduler, ITEM (2), "a", 800);
  pb_scheduler_add (scheduler, ITEM (3), "b", 700);
  pb_scheduler_wake (scheduler, "a", 5);
  g_assert_cmpint (pb_scheduler_next_due (scheduler), ==, 5);
  g_assert_cmpuint (next (scheduler, 5), ==, 2);
  g_assert_cmpuint (next (scheduler, 5), ==, 1);
  g_assert_cmpuint (next (scheduler, 5), ==, 0);
  pb_scheduler_wake (scheduler, NULL, 6);
  g_assert_cmpuint (next (scheduler, 6), ==, 3);
}

static void
test_limits_change (void)
{
  PbSchedulerLimits one = limits;
  g_autoptr (PbScheduler) scheduler = NULL;

  one.max_per_destination = 1;
  scheduler = pb_scheduler_new (&one);
  pb_scheduler_add (scheduler, ITEM (1), "a", 0);
  pb_scheduler_add (scheduler, ITEM (2), "a", 0);
  g_assert_cmpuint (next (scheduler, 0), ==, 1);
  g_assert_cmpuint (next (scheduler, 0), ==, 0);
  pb_scheduler_set_limits (scheduler, &limits);
  g_assert_cmpuint (next (scheduler, 0), ==, 2);
}

static void
test_backoff (void)
{
  static const struct
  {
    gint64 age;
    double random;
    gint64 least, most;
  } rows[] = {
    { 0, 0, 270, 270 },         { 0, 1, 330, 330 },         { 300, 0.5, 300, 300 },
    { 1000, 0.5, 1000, 1000 },  { 1000, 0.0, 900, 900 },    { 4000, 0.5, 4000, 4000 },
    { 90000, 0.5, 4000, 4000 }, { 90000, 1.0, 4400, 4400 }, { -50, 0.5, 300, 300 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      gint64 seconds = pb_scheduler_backoff (&limits, rows[i].age, rows[i].random);

      g_assert_cmpint (seconds, >=, rows[i].least);
      g_assert_cmpint (seconds, <=, rows[i].most);
    }
  g_assert_cmpint (pb_scheduler_backoff (&(PbSchedulerLimits){ 1, 1, 1, 1 }, 0, 0.0), ==, 1);
}

/* 20,000 items at 200 destinations, a quarter of them dead: all live mail goes, in fair turns, on a simulated clock. */
static void
test_many (void)
{
  const guint n_destinations = 200, n_items = 20000;
  g_autoptr (PbScheduler) scheduler = pb_scheduler_new (&limits);
  g_autofree guint *delivered = g_new0 (guint, n_destinations);
  g_autofree char **keys = g_new0 (char *, n_destinations);
  guint live = 0, dead_tries = 0;
  gint64 now = 0;

  for (guint i = 0; i < n_destinations; i++)
    keys[i] = g_strdup_printf ("mx:d%u.example", i);
  for (guint i = 0; i < n_items; i++)
    pb_scheduler_add (scheduler, ITEM (1 + i), keys[i % n_destinations], i % 7);
  for (now = 0; now < 600; now++)
    {
      guint started[1000], n_started = 0, item;

      while ((item = next (scheduler, now)) != 0)
        started[n_started++] = item - 1;
      for (guint i = 0; i < n_started; i++)
        {
          guint destination = started[i] % n_destinations;
          gboolean dead = destination % 4 == 0;

          pb_scheduler_finished (scheduler, keys[destination], now, dead);
          if (dead)
            pb_scheduler_add (scheduler, ITEM (1 + started[i]), keys[destination], now + 300);
          delivered[destination] += !dead;
          live += !dead;
          dead_tries += dead;
        }
    }
  g_assert_cmpuint (live, ==, n_items / 4 * 3);
  for (guint i = 0; i < n_destinations; i++)
    g_assert_cmpuint (delivered[i], ==, i % 4 == 0 ? 0 : n_items / n_destinations);
  /* Ten minutes: the first few, one probe after 300 s. */
  g_assert_cmpuint (dead_tries, <=, n_destinations / 4 * 6);
  g_assert_cmpuint (pb_scheduler_size (scheduler), ==, n_items / 4);
  for (guint i = 0; i < n_destinations; i++)
    g_free (keys[i]);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/scheduler/order", test_order);
  g_test_add_func ("/scheduler/round-robin", test_round_robin);
  g_test_add_func ("/scheduler/window-grows", test_window_grows);
  g_test_add_func ("/scheduler/max-total", test_max_total);
  g_test_add_func ("/scheduler/many-silent", test_many_silent);
  g_test_add_func ("/scheduler/dead-destination", test_dead_destination);
  g_test_add_func ("/scheduler/abandon", test_abandon);
  g_test_add_func ("/scheduler/remove-and-drain", test_remove_and_drain);
  g_test_add_func ("/scheduler/wake", test_wake);
  g_test_add_func ("/scheduler/limits-change", test_limits_change);
  g_test_add_func ("/scheduler/backoff", test_backoff);
  g_test_add_func ("/scheduler/many", test_many);
  return g_test_run ();
}
