/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Counters: names found again, sums right over threads, order of registration, and no end of names. */
#include "util/counters.h"

#define THREADS 4
#define ROUNDS  20000

static void
test_fixed (void)
{
  guint64 before = pb_counter_get (PB_COUNTER_ACCEPTED);

  pb_counter_add (PB_COUNTER_ACCEPTED, 3);
  g_assert_cmpuint (pb_counter_get (PB_COUNTER_ACCEPTED), ==, before + 3);
  g_assert_cmpuint (pb_counter_register ("bytes.in"), ==, PB_COUNTER_BYTES_IN);
}

static gpointer
add_main (gpointer data)
{
  guint own = pb_counter_register ("refused.shared");

  for (guint i = 0; i < ROUNDS; i++)
    pb_counter_add (own, 1);
  return NULL;
}

static void
test_threads (void)
{
  GThread *threads[THREADS];

  for (guint i = 0; i < THREADS; i++)
    threads[i] = g_thread_new ("add", add_main, NULL);
  for (guint i = 0; i < THREADS; i++)
    g_thread_join (threads[i]);
  g_assert_cmpuint (pb_counter_get (pb_counter_register ("refused.shared")), ==, THREADS * ROUNDS);
}

static void
on_counter (const char *name, guint64 value, gpointer user_data)
{
  g_ptr_array_add (user_data, g_strdup (name));
}

static void
test_order (void)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  guint one = pb_counter_register ("watched.one");
  guint two = pb_counter_register ("watched.two");

  g_assert_cmpuint (one, !=, two);
  pb_counter_foreach (on_counter, names);
  g_assert_cmpstr (g_ptr_array_index (names, PB_COUNTER_CONNECTIONS), ==, "connections");
  g_assert_cmpstr (g_ptr_array_index (names, PB_COUNTER_AUTH_FAILED), ==, "auth.failed");
  g_assert_cmpstr (g_ptr_array_index (names, one), ==, "watched.one");
  g_assert_cmpstr (g_ptr_array_index (names, two), ==, "watched.two");
}

static void
test_overflow (void)
{
  guint last = 0;

  for (guint i = 0; i < 1000; i++)
    {
      g_autofree char *name = g_strdup_printf ("many.%u", i);

      last = pb_counter_register (name);
      pb_counter_add (last, 1);
    }
  g_assert_cmpuint (last, ==, pb_counter_register ("one more"));
  g_assert_cmpuint (pb_counter_get (last), >, 100);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/counters/fixed", test_fixed);
  g_test_add_func ("/counters/threads", test_threads);
  g_test_add_func ("/counters/order", test_order);
  g_test_add_func ("/counters/overflow", test_overflow);
  return g_test_run ();
}
