/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What `systemctl status` is told. That systemd hears it is test_restart.py's. */
#include "service/status-line.h"

static void
test_lines (void)
{
  static const struct
  {
    PbQueueCounts counts;
    guint sessions;
    PbStoreState state;
    const char *line;
  } rows[] = {
    { { 0, 0, 0, 0, 0 }, 0, PB_STORE_OK, "Queue: 0 active, 0 deferred, 0 held; sessions: 0" },
    { { 12, 3, 1, 99, 5 }, 7, PB_STORE_OK, "Queue: 12 active, 3 deferred, 1 held; sessions: 7" },
    { { 0, 3, 0, 9, 5 }, 1, PB_STORE_LOW_SPACE,
      "Queue: 0 active, 3 deferred, 0 held; sessions: 1; takes no mail: the disk is nearly full" },
    { { 0, 3, 0, 9, 5 }, 1, PB_STORE_FAILED,
      "Queue: 0 active, 3 deferred, 0 held; sessions: 1; takes no mail: the disk failed" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *line = pb_status_line_format (&rows[i].counts, rows[i].sessions, rows[i].state);

      g_assert_cmpstr (line, ==, rows[i].line);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/status-line/lines", test_lines);
  return g_test_run ();
}
