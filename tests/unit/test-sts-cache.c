/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "delivery/sts-cache.h"

#include "store/store.h"

#include <glib/gstdio.h>

#define NOW  1800000000
#define WEEK (7 * 86400)
#define DAY  86400

static PbStsPolicy *
policy_new (guint32 max_age, const char *mx)
{
  const char *const list[] = { mx, NULL };

  return pb_sts_policy_new (PB_STS_ENFORCE, max_age, list);
}

static void
keep (PbStsCache *cache, const char *domain, const char *id, guint32 max_age, gint64 now)
{
  g_autoptr (PbStsPolicy) policy = policy_new (max_age, "mx.example");

  pb_sts_cache_keep (cache, domain, id, policy, now);
}

static void
assert_known (PbStsCache *cache, const char *domain, const char *id, gint64 now)
{
  const PbStsEntry *entry = pb_sts_cache_find (cache, domain, now);

  g_assert_cmpstr (entry != NULL && entry->policy != NULL ? entry->id : NULL, ==, id);
}

static void
test_life (void)
{
  g_autoptr (PbStsCache) cache = pb_sts_cache_new (10, 10000);

  g_assert_cmpint (pb_sts_cache_judge (cache, "a", PB_STS_RECORD_ABSENT, "", NOW), ==, PB_STS_STEP_USE);
  g_assert_cmpint (pb_sts_cache_judge (cache, "a", PB_STS_RECORD_OK, "1", NOW), ==, PB_STS_STEP_FETCH);
  g_assert_false (pb_sts_cache_take_changed (cache));
  keep (cache, "a", "1", WEEK, NOW);
  g_assert_true (pb_sts_cache_take_changed (cache));
  g_assert_false (pb_sts_cache_take_changed (cache));
  /* That it is used is a change once a day, and known at once. */
  pb_sts_cache_use (cache, "a", NOW);
  g_assert_true (pb_sts_cache_take_changed (cache));
  pb_sts_cache_use (cache, "a", NOW + 5);
  g_assert_false (pb_sts_cache_take_changed (cache));
  g_assert_cmpint (pb_sts_cache_find (cache, "a", NOW + 5)->used, ==, NOW + 5);
  g_assert_cmpint (pb_sts_cache_judge (cache, "a", PB_STS_RECORD_OK, "1", NOW + DAY - 1), ==, PB_STS_STEP_USE);
  g_assert_cmpint (pb_sts_cache_judge (cache, "a", PB_STS_RECORD_OK, "1", NOW + DAY), ==, PB_STS_STEP_REFRESH);
  g_assert_cmpint (pb_sts_cache_judge (cache, "a", PB_STS_RECORD_OK, "2", NOW + 1), ==, PB_STS_STEP_FETCH);
  /* Whatever the record has become, the policy holds to its end. */
  for (guint record = PB_STS_RECORD_ABSENT; record <= PB_STS_RECORD_BAD; record++)
    g_assert_cmpint (pb_sts_cache_judge (cache, "a", (PbStsRecord) record, "", NOW + 2 * DAY), ==, PB_STS_STEP_USE);
  assert_known (cache, "a", "1", NOW + WEEK - 1);
  assert_known (cache, "a", NULL, NOW + WEEK);
  g_assert_true (pb_sts_cache_take_changed (cache));
  g_assert_cmpint (pb_sts_cache_judge (cache, "a", PB_STS_RECORD_OK, "1", NOW + WEEK), ==, PB_STS_STEP_FETCH);
}

static void
test_failures (void)
{
  g_autoptr (PbStsCache) cache = pb_sts_cache_new (10, 10000);
  gint64 later = NOW + PB_STS_HOLD_SECONDS;

  pb_sts_cache_fail (cache, "a", "1", "no answer", NOW);
  assert_known (cache, "a", NULL, NOW);
  g_assert_cmpstr (pb_sts_cache_find (cache, "a", NOW)->failure, ==, "no answer");
  g_assert_cmpint (pb_sts_cache_judge (cache, "a", PB_STS_RECORD_OK, "1", later - 1), ==, PB_STS_STEP_USE);
  /* Another id is another policy. */
  g_assert_cmpint (pb_sts_cache_judge (cache, "a", PB_STS_RECORD_OK, "2", later - 1), ==, PB_STS_STEP_FETCH);
  g_assert_cmpint (pb_sts_cache_judge (cache, "a", PB_STS_RECORD_OK, "1", later), ==, PB_STS_STEP_FETCH);
  g_assert_null (pb_sts_cache_find (cache, "a", later));
  /* A failure spares what is known, and is forgotten with the next success. */
  keep (cache, "b", "1", WEEK, NOW);
  pb_sts_cache_fail (cache, "b", "2", "no answer", NOW + 1);
  assert_known (cache, "b", "1", NOW + 2);
  g_assert_cmpint (pb_sts_cache_judge (cache, "b", PB_STS_RECORD_OK, "2", NOW + 2), ==, PB_STS_STEP_USE);
  g_assert_cmpint (pb_sts_cache_judge (cache, "b", PB_STS_RECORD_OK, "2", NOW + 1 + PB_STS_HOLD_SECONDS), ==,
                   PB_STS_STEP_FETCH);
  keep (cache, "b", "2", WEEK, NOW + 3);
  g_assert_cmpint (pb_sts_cache_find (cache, "b", NOW + 3)->failed, ==, 0);
  assert_known (cache, "b", "2", NOW + 3);
}

static void
test_no_age (void)
{
  g_autoptr (PbStsCache) cache = pb_sts_cache_new (10, 10000);

  keep (cache, "a", "1", 0, NOW);
  assert_known (cache, "a", NULL, NOW);
}

static void
test_clock_back (void)
{
  g_autoptr (PbStsCache) cache = pb_sts_cache_new (10, 10000);

  keep (cache, "a", "1", WEEK, NOW + 100 * DAY);
  assert_known (cache, "a", "1", NOW);
  assert_known (cache, "a", "1", NOW + WEEK - 1);
  assert_known (cache, "a", NULL, NOW + WEEK);
  pb_sts_cache_fail (cache, "b", "1", "x", NOW + 100 * DAY);
  g_assert_cmpint (pb_sts_cache_judge (cache, "b", PB_STS_RECORD_OK, "1", NOW), ==, PB_STS_STEP_FETCH);
}

static void
assert_due (PbStsCache *cache, guint max, gint64 now, const char *expected)
{
  g_auto (GStrv) due = pb_sts_cache_due (cache, max, now);
  g_autofree char *found = g_strjoinv (" ", due);

  g_assert_cmpstr (found, ==, expected);
}

static void
test_due (void)
{
  g_autoptr (PbStsCache) cache = pb_sts_cache_new (10, 10000);

  keep (cache, "a", "1", WEEK * 52, NOW);
  keep (cache, "b", "1", DAY, NOW);
  keep (cache, "c", "1", WEEK * 52, NOW);
  pb_sts_cache_use (cache, "a", NOW);
  pb_sts_cache_use (cache, "b", NOW);
  assert_due (cache, 10, NOW + DAY / 2 - 1, "");
  assert_due (cache, 10, NOW + DAY / 2, "b");
  assert_due (cache, 10, NOW + DAY, "a");
  pb_sts_cache_fail (cache, "a", "1", "x", NOW + DAY);
  assert_due (cache, 10, NOW + DAY + PB_STS_RETRY_SECONDS - 1, "");
  assert_due (cache, 10, NOW + DAY + PB_STS_RETRY_SECONDS, "a");
  assert_due (cache, 0, NOW + DAY + PB_STS_RETRY_SECONDS, "");
  /* Nobody writes there any more. */
  assert_due (cache, 10, NOW + PB_STS_UNUSED_SECONDS, "");
}

/* A hundred whose web servers are gone, and one in the alphabet behind them. */
static void
test_due_in_turn (void)
{
  g_autoptr (PbStsCache) cache = pb_sts_cache_new (1000, 100000);
  gint64 now = NOW + DAY;

  for (guint i = 0; i < 100; i++)
    {
      g_autofree char *domain = g_strdup_printf ("dead%u", i);

      keep (cache, domain, "1", WEEK, NOW);
      pb_sts_cache_use (cache, domain, NOW);
    }
  keep (cache, "well", "1", WEEK, NOW);
  pb_sts_cache_use (cache, "well", NOW);
  for (guint round = 0; round < 14; round++, now += PB_STS_RETRY_SECONDS)
    {
      g_auto (GStrv) due = pb_sts_cache_due (cache, 8, now);

      g_assert_cmpuint (g_strv_length (due), ==, 8);
      if (g_strv_contains ((const char *const *) due, "well"))
        return;
      for (guint i = 0; due[i] != NULL; i++)
        pb_sts_cache_fail (cache, due[i], "1", "gone", now);
    }
  g_error ("it never has its turn");
}

static void
test_bounds (void)
{
  g_autoptr (PbStsCache) few = pb_sts_cache_new (2, 10000), narrow = pb_sts_cache_new (100, 60);

  keep (few, "a", "1", WEEK, NOW);
  pb_sts_cache_use (few, "a", NOW + 1);
  keep (few, "b", "1", WEEK, NOW);
  pb_sts_cache_use (few, "b", NOW + 2);
  keep (few, "c", "1", WEEK, NOW + 3);
  assert_known (few, "a", NULL, NOW + 3);
  assert_known (few, "b", "1", NOW + 3);
  assert_known (few, "c", "1", NOW + 3);
  /* A failure takes the place of no policy that is used but that of one that is not. */
  pb_sts_cache_use (few, "c", NOW + 4);
  pb_sts_cache_fail (few, "d", "1", "x", NOW + 5);
  pb_sts_cache_fail (few, "e", "1", "x", NOW + 6);
  g_assert_null (pb_sts_cache_find (few, "d", NOW + 6));
  for (guint i = 0; i < 10; i++)
    {
      g_autofree char *domain = g_strdup_printf ("d%u", i);

      keep (narrow, domain, "1", WEEK, NOW);
      pb_sts_cache_use (narrow, domain, NOW + i);
    }
  g_autoptr (GPtrArray) left = pb_sts_cache_entries (narrow, NOW);
  g_assert_cmpuint (left->len, >, 0);
  g_assert_cmpuint (left->len, <, 5);
  assert_known (narrow, "d9", "1", NOW);
  g_assert_true (pb_sts_cache_forget (narrow, "d9"));
  g_assert_false (pb_sts_cache_forget (narrow, "d9"));
}

/* ---- the file ---- */

static void
test_file (void)
{
  g_autofree char *directory = g_dir_make_tmp ("postbus-sts-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (directory, PB_STS_FILE_NAME, NULL);
  g_autoptr (PbStsCache) cache = pb_sts_cache_new (10, 10000), again = pb_sts_cache_new (10, 10000);
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) entries = NULL, read = NULL;

  g_assert_null (pb_sts_file_read (directory, &error));
  g_assert_error (error, PB_STORE_ERROR, PB_STORE_ERROR_NOT_FOUND);
  g_clear_error (&error);
  keep (cache, "a.example", "1x", WEEK, NOW);
  pb_sts_cache_use (cache, "a.example", NOW + 5);
  keep (cache, "b.example", "2", DAY, NOW);
  pb_sts_cache_fail (cache, "c.example", "3", "x", NOW);
  entries = pb_sts_cache_entries (cache, NOW);
  g_assert_cmpuint (entries->len, ==, 3);
  g_assert_true (pb_sts_file_write (directory, entries, &error));
  g_assert_no_error (error);
  read = pb_sts_file_read (directory, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (read->len, ==, 2);
  g_ptr_array_set_free_func (read, NULL);
  for (guint i = 0; i < read->len; i++)
    pb_sts_cache_restore (again, read->pdata[i], NOW + DAY);
  assert_known (again, "a.example", "1x", NOW + DAY);
  assert_known (again, "b.example", NULL, NOW + DAY);
  const PbStsEntry *entry = pb_sts_cache_find (again, "a.example", NOW + DAY);
  g_assert_true (pb_sts_policy_equal (entry->policy, pb_sts_cache_find (cache, "a.example", NOW)->policy));
  g_assert_cmpint (entry->fetched, ==, NOW);
  g_assert_cmpint (entry->used, ==, NOW + 5);
  g_assert_cmpint (g_remove (path), ==, 0);
  g_assert_cmpint (g_rmdir (directory), ==, 0);
}

static void
test_damaged_file (void)
{
  static const char some[] = "[a]\nid=1\nmode=enforce\nmx=*;\nmax-age=9\n[b]\nid=1\nmode=never\nmx=a;\n[c]\nmode=none\n"
                             "[d]\nid=123456789012345678901234567890123\nmode=none\n"
                             "[e]\nid=1\nmode=none\nmax-age=99999999999\nfetched=-5\nused=x\n";
  g_autofree char *directory = g_dir_make_tmp ("postbus-sts-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (directory, PB_STS_FILE_NAME, NULL);
  g_autoptr (GPtrArray) read = NULL;
  g_autoptr (GError) error = NULL;
  const PbStsEntry *entry;

  g_assert_true (g_file_set_contents (path, some, -1, NULL));
  read = pb_sts_file_read (directory, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (read->len, ==, 1);
  entry = read->pdata[0];
  g_assert_cmpstr (entry->domain, ==, "e");
  g_assert_cmpuint (entry->policy->max_age, ==, PB_STS_MAX_AGE_TOP);
  g_assert_cmpint (entry->fetched, ==, 0);
  g_assert_true (g_file_set_contents (path, "nonsense\n", -1, NULL));
  g_assert_null (pb_sts_file_read (directory, &error));
  g_assert_error (error, PB_STORE_ERROR, PB_STORE_ERROR_CORRUPT);
  g_assert_cmpint (g_remove (path), ==, 0);
  g_assert_cmpint (g_rmdir (directory), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/sts-cache/life", test_life);
  g_test_add_func ("/sts-cache/failures", test_failures);
  g_test_add_func ("/sts-cache/no-age", test_no_age);
  g_test_add_func ("/sts-cache/clock-back", test_clock_back);
  g_test_add_func ("/sts-cache/due", test_due);
  g_test_add_func ("/sts-cache/due-in-turn", test_due_in_turn);
  g_test_add_func ("/sts-cache/bounds", test_bounds);
  g_test_add_func ("/sts-cache/file", test_file);
  g_test_add_func ("/sts-cache/damaged-file", test_damaged_file);
  return g_test_run ();
}
