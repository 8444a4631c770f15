/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "queue/daily.h"

#include <glib.h>

#define HOUR 3600

typedef struct
{
  guint n, messages, recipients;
  char *last;
} Over;

static void
on_over (const char *account, const char *name, guint messages, guint recipients, gpointer user_data)
{
  Over *over = user_data;

  over->n++;
  over->messages = messages;
  over->recipients = recipients;
  g_free (over->last);
  over->last = g_strdup_printf ("%s=%s", account, name);
}

static void
test_limits (void)
{
  g_autoptr (PbDaily) daily = pb_daily_new ();
  gint64 now = 1700000000; /* 22:13:20 UTC */
  Over over = { 0 };

  g_assert_true (pb_daily_take (daily, "a", "ann", 3, 2, 0, now));
  g_assert_true (pb_daily_take (daily, "a", "ann", 3, 2, 0, now));
  g_assert_false (pb_daily_take (daily, "a", "ann", 1, 2, 0, now));
  /* Recipients: what would be partly over is over, and what is not sent does not count. */
  g_assert_true (pb_daily_take (daily, "b", "bob", 4, 0, 5, now));
  g_assert_false (pb_daily_take (daily, "b", "bob", 2, 0, 5, now));
  g_assert_true (pb_daily_take (daily, "b", "bob", 1, 0, 5, now));
  g_assert_false (pb_daily_take (daily, "b", "bob", G_MAXUINT, 0, 5, now));
  pb_daily_foreach_over (daily, on_over, &over, now);
  g_assert_cmpuint (over.n, ==, 2);
  /* Midnight. */
  over.n = 0;
  pb_daily_foreach_over (daily, on_over, &over, now + 2 * HOUR);
  g_assert_cmpuint (over.n, ==, 0);
  g_assert_true (pb_daily_take (daily, "a", "ann", 1, 2, 0, now + 2 * HOUR));
  g_free (over.last);
}

/* Limits that change amid the day: whoever would fit by now is over no more. */
static void
test_review (void)
{
  g_autoptr (PbDaily) daily = pb_daily_new ();
  gint64 now = 1700000000;

  g_assert_false (pb_daily_review (daily, "a", 1, 1));
  g_assert_true (pb_daily_take (daily, "a", "ann", 4, 0, 5, now));
  g_assert_false (pb_daily_review (daily, "a", 0, 5));
  g_assert_false (pb_daily_take (daily, "a", "ann", 3, 0, 5, now));
  g_assert_false (pb_daily_take (daily, "a", "ann", 9, 0, 5, now));
  g_assert_true (pb_daily_review (daily, "a", 0, 5));
  g_assert_true (pb_daily_review (daily, "a", 0, 6));
  g_assert_true (pb_daily_review (daily, "a", 1, 100));
  g_assert_false (pb_daily_review (daily, "a", 0, 7));
  g_assert_false (pb_daily_review (daily, "a", 0, 5));
  g_assert_false (pb_daily_take (daily, "a", "ann", 2, 0, 5, now));
  g_assert_false (pb_daily_review (daily, "a", 0, 0));
}

static void
test_not_saved (void)
{
  g_autoptr (PbDaily) daily = pb_daily_new ();
  g_autofree char *first = NULL;
  g_autofree char *again = NULL;

  g_assert_true (pb_daily_take (daily, "a", "ann", 4, 0, 5, 1700000000));
  first = pb_daily_save (daily);
  g_assert_nonnull (first);
  g_assert_null (pb_daily_save (daily));
  pb_daily_not_saved (daily);
  again = pb_daily_save (daily);
  g_assert_cmpstr (again, ==, first);
}

static void
test_clock_back (void)
{
  g_autoptr (PbDaily) daily = pb_daily_new ();
  gint64 now = 1700000000;
  Over over = { 0 };

  g_assert_true (pb_daily_take (daily, "a", "ann", 1, 1, 0, now));
  g_assert_false (pb_daily_take (daily, "a", "ann", 1, 1, 0, now - 24 * HOUR));
  g_assert_false (pb_daily_take (daily, "a", "ann", 1, 1, 0, now - 23 * HOUR));
  /* The next midnight of the clock as it goes now, not of the one that was. */
  g_assert_true (pb_daily_take (daily, "a", "ann", 1, 1, 0, now - 22 * HOUR));
  pb_daily_foreach_over (daily, on_over, &over, now - 22 * HOUR);
  g_assert_cmpuint (over.n, ==, 0);
}

static void
test_kept (void)
{
  g_autoptr (PbDaily) daily = pb_daily_new ();
  g_autoptr (PbDaily) again = pb_daily_new ();
  g_autofree char *text = NULL;
  gint64 now = 1700000000;
  Over over = { 0 };

  g_assert_null (pb_daily_save (daily));
  g_assert_true (pb_daily_take (daily, "a", "it's \"ann\"", 7, 1, 0, now));
  g_assert_false (pb_daily_take (daily, "a", "it's \"ann\"", 7, 1, 0, now));
  text = pb_daily_save (daily);
  g_assert_nonnull (text);
  g_assert_null (pb_daily_save (daily));
  g_assert_true (pb_daily_restore (again, text, now));
  g_assert_false (pb_daily_take (again, "a", "it's \"ann\"", 1, 1, 0, now));
  pb_daily_foreach_over (again, on_over, &over, now);
  g_assert_cmpuint (over.messages, ==, 1);
  g_assert_cmpuint (over.recipients, ==, 7);
  g_assert_cmpstr (over.last, ==, "a=it's \"ann\"");
  g_assert_false (pb_daily_restore (again, "", now));
  g_assert_false (pb_daily_restore (again, "[('a', 5, 'x')]", now));
  g_assert_false (pb_daily_restore (again, "\xff\xfe[(", now));
  g_free (over.last);
}

int
main (int argc, char **argv)
{
  g_setenv ("TZ", "UTC", TRUE);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/daily/limits", test_limits);
  g_test_add_func ("/daily/review", test_review);
  g_test_add_func ("/daily/not-saved", test_not_saved);
  g_test_add_func ("/daily/clock-back", test_clock_back);
  g_test_add_func ("/daily/kept", test_kept);
  return g_test_run ();
}
