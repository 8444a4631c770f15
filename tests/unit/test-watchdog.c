/* SPDX-License-Identifier: GPL-3.0-or-later */
/* When a writer counts as stalled. That systemd is fed is test_restart.py's. */
#include "service/watchdog.h"

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

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/watchdog/stalled", test_stalled);
  return g_test_run ();
}
