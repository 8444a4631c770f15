/* SPDX-License-Identifier: GPL-3.0-or-later */
/* When a thread counts as stalled. That systemd is fed is test_restart.py's. */
#include "service/watchdog.h"

#include "store-fixture.h"
#include "util/clock.h"

static void
test_stalled (void)
{
  const gint64 second = G_USEC_PER_SEC;
  static const struct
  {
    gint64 busy_since, now; /* seconds */
    gboolean stalled;
  } rows[] = {
    { 0, 1000, FALSE }, /* idle for long */
    { 1000, 1000, FALSE }, { 1000, 1030, FALSE }, { 1000, 1031, TRUE },
    { 1000, 90000, TRUE }, { 1001, 1000, FALSE }, /* begun between the two looks at the clock */
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    g_assert_cmpint (pb_watchdog_is_stalled (rows[i].busy_since * second, rows[i].now * second), ==,
                     rows[i].stalled);
}

typedef struct
{
  GMutex held;   /* by the test while the thread is to hang */
  gint answered; /* atomic */
} Hook;

static void
on_hang (gpointer data)
{
  Hook *hook = data;

  g_mutex_lock (&hook->held);
  g_mutex_unlock (&hook->held);
}

static void
on_answer (gpointer data)
{
  g_atomic_int_inc (&((Hook *) data)->answered);
}

/* Two I/O threads, of which one hangs for a while. */
static void
test_hanging_thread (void)
{
  const gint64 second = G_USEC_PER_SEC, start = pb_clock_monotonic ();
  PbReactor *reactors[] = { pb_reactor_new ("one"), pb_reactor_new ("two") };
  g_autoptr (GError) error = NULL;
  Hook hook = { .answered = 0 };
  Fixture fixture;

  fixture_set_up (&fixture, NULL);
  PbConfigStore *config_store = pb_config_store_open (fixture.directory, &error);
  g_assert_no_error (error);
  PbWatchdog *watchdog = pb_watchdog_new (fixture.store, config_store, reactors, 2);
  g_mutex_init (&hook.held);
  g_mutex_lock (&hook.held);
  pb_mailbox_post (pb_reactor_mailbox (reactors[1]), on_hang, &hook);

  g_assert_true (pb_watchdog_check (watchdog, start));
  g_assert_true (pb_watchdog_check (watchdog, start + 30 * second));
  g_assert_false (pb_watchdog_check (watchdog, start + 31 * second));
  g_assert_false (pb_watchdog_check (watchdog, start + 90 * second));
  g_mutex_unlock (&hook.held);
  for (guint i = 0; i < G_N_ELEMENTS (reactors); i++)
    pb_mailbox_post (pb_reactor_mailbox (reactors[i]), on_answer, &hook);
  while (g_atomic_int_get (&hook.answered) < 2)
    g_thread_yield ();
  g_assert_true (pb_watchdog_check (watchdog, start + 91 * second));

  for (guint i = 0; i < G_N_ELEMENTS (reactors); i++)
    pb_reactor_free (reactors[i]);
  pb_watchdog_free (watchdog);
  pb_config_store_close (config_store);
  g_mutex_clear (&hook.held);
  fixture_tear_down (&fixture, NULL);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/watchdog/stalled", test_stalled);
  g_test_add_func ("/watchdog/hanging-thread", test_hanging_thread);
  return g_test_run ();
}
