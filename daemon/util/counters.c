/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The live counters: a fixed array of atomic numbers, so that adding is one instruction and no lock.
 *
 * Any thread adds and reads. Names are registered under a lock and live as long as the process; a
 * number, once given, stays. When the array is full, further names share the last counter
 * ("overflow"), which is better than dying over a statistic.
 */
#include "util/counters.h"

#define MAX_COUNTERS 512

static guint64 values[MAX_COUNTERS];
static char *names[MAX_COUNTERS] = {
  [PB_COUNTER_CONNECTIONS] = (char *) "connections", [PB_COUNTER_ACCEPTED] = (char *) "accepted",
  [PB_COUNTER_DELIVERED] = (char *) "delivered",     [PB_COUNTER_DEFERRED] = (char *) "deferred",
  [PB_COUNTER_BOUNCED] = (char *) "bounced",         [PB_COUNTER_DISCARDED] = (char *) "discarded",
  [PB_COUNTER_BYTES_IN] = (char *) "bytes.in",       [PB_COUNTER_BYTES_OUT] = (char *) "bytes.out",
  [PB_COUNTER_TLS_IN] = (char *) "tls.in",           [PB_COUNTER_AUTH_OK] = (char *) "auth.ok",
  [PB_COUNTER_AUTH_FAILED] = (char *) "auth.failed",
};
static guint n_counters = PB_N_FIXED_COUNTERS;
static GMutex lock;

static guint
find_locked (const char *name)
{
  for (guint i = 0; i < n_counters; i++)
    if (g_str_equal (names[i], name))
      return i;
  return n_counters;
}

guint
pb_counter_register (const char *name)
{
  guint found;

  g_mutex_lock (&lock);
  found = find_locked (name);
  if (found == n_counters && n_counters == MAX_COUNTERS)
    found = MAX_COUNTERS - 1;
  else if (found == n_counters)
    {
      names[found] = g_strdup (found == MAX_COUNTERS - 1 ? "overflow" : name);
      g_atomic_int_set (&n_counters, n_counters + 1);
    }
  g_mutex_unlock (&lock);
  return found;
}

void
pb_counter_add (guint counter, guint64 n)
{
  g_return_if_fail (counter < MAX_COUNTERS);
  __atomic_fetch_add (&values[counter], n, __ATOMIC_RELAXED);
}

guint64
pb_counter_get (guint counter)
{
  g_return_val_if_fail (counter < MAX_COUNTERS, 0);
  return __atomic_load_n (&values[counter], __ATOMIC_RELAXED);
}

void
pb_counter_foreach (PbCounterFunc func, gpointer user_data)
{
  /* Names are written before the count grows and never again: no lock while @func runs. */
  guint n = g_atomic_int_get (&n_counters);

  for (guint i = 0; i < n; i++)
    func (names[i], pb_counter_get (i), user_data);
}
