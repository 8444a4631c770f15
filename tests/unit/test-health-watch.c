/* SPDX-License-Identifier: GPL-3.0-or-later */
/* When the queue grows. That each alert is raised and ended is test_alerts.py's. */
#include "service/health-watch.h"

#define NOW  1700000000
#define LONG (6 * 60 * 60)

static void
test_queue (void)
{
  static const struct
  {
    guint64 active, deferred, held;
    gint64 oldest;
    gboolean before, many;
    const char *says; /* NULL: nothing */
  } rows[] = {
    { 0, 0, 0, 0, FALSE, FALSE, NULL },
    { 9000, 499, 0, NOW, FALSE, FALSE, NULL },
    { 0, 500, 0, NOW, FALSE, TRUE, "500 messages" },
    { 0, 100000, 0, NOW, TRUE, TRUE, "500 messages" },
    /* It ends below 400, and begins again at 500. */
    { 0, 400, 0, NOW, TRUE, TRUE, "500 messages" },
    { 0, 399, 0, NOW, TRUE, FALSE, NULL },
    { 0, 400, 0, NOW, FALSE, FALSE, NULL },
    /* Held mail does not wait for another attempt. */
    { 0, 0, 5000, NOW, FALSE, FALSE, NULL },
    { 0, 500, 5000, NOW, FALSE, TRUE, "500 messages" },
    { 0, 1, 0, NOW - LONG + 1, FALSE, FALSE, NULL },
    { 0, 1, 0, NOW - LONG, FALSE, FALSE, "6 hours" },
    { 1, 0, 0, NOW - LONG, FALSE, FALSE, "6 hours" },
    { 0, 1, 1, NOW - 2 * LONG, FALSE, FALSE, NULL },
    { 0, 399, 0, NOW - LONG, TRUE, FALSE, "6 hours" },
    { 0, 1, 0, NOW + LONG, FALSE, FALSE, NULL },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      PbQueueCounts counts = {
        .active = rows[i].active, .deferred = rows[i].deferred, .held = rows[i].held, .oldest = rows[i].oldest
      };
      gboolean many = rows[i].before;
      GVariant *trouble = pb_health_watch_judge_queue (&counts, &many, NOW);
      g_autoptr (GVariant) said = trouble != NULL ? g_variant_ref_sink (trouble) : NULL;
      g_autofree char *text = pb_say_fill (said, NULL);

      g_test_message ("row %u: %s", i, text);
      g_assert_cmpint (many, ==, rows[i].many);
      if (rows[i].says == NULL)
        g_assert_null (text);
      else
        {
          g_assert_nonnull (text);
          g_assert_nonnull (strstr (text, rows[i].says));
        }
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/health-watch/queue", test_queue);
  return g_test_run ();
}
