/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Blocks by a clock that the test turns: when one begins and ends, what is kept, and who goes when there is no room. */
#include "policy/blocks.h"

#define NOW 1700000000

static guint
total (PbBlocks *blocks, gint64 now)
{
  g_autoptr (GVariant) rows = NULL;
  guint n;

  rows = pb_blocks_list (blocks, NULL, 0, 500, now, &n);
  return n;
}

static void
fail_times (PbBlocks *blocks, const char *subject, guint times, gint64 now)
{
  for (guint i = 0; i < times; i++)
    pb_blocks_fail (blocks, PB_BLOCK_IP, subject, 3, 60, now);
}

static void
test_limit (void)
{
  g_autoptr (PbBlocks) blocks = pb_blocks_new (100);

  fail_times (blocks, "192.0.2.1", 3, NOW);
  g_assert_cmpint (pb_blocks_expiry (blocks, PB_BLOCK_IP, "192.0.2.1", NOW), ==, 0);
  g_assert_true (pb_blocks_fail (blocks, PB_BLOCK_IP, "192.0.2.1", 3, 60, NOW + 1));
  g_assert_cmpint (pb_blocks_expiry (blocks, PB_BLOCK_IP, "192.0.2.1", NOW + 1), ==, NOW + 61);
  g_assert_cmpint (pb_blocks_expiry (blocks, PB_BLOCK_ACCOUNT, "192.0.2.1", NOW + 1), ==, 0);
  g_assert_cmpint (pb_blocks_expiry (blocks, PB_BLOCK_IP, "192.0.2.2", NOW + 1), ==, 0);
  /* Tries while it lasts do not make it longer; behind its end all counts from nothing. */
  g_assert_false (pb_blocks_fail (blocks, PB_BLOCK_IP, "192.0.2.1", 3, 60, NOW + 30));
  g_assert_cmpint (pb_blocks_expiry (blocks, PB_BLOCK_IP, "192.0.2.1", NOW + 60), ==, NOW + 61);
  g_assert_cmpint (pb_blocks_expiry (blocks, PB_BLOCK_IP, "192.0.2.1", NOW + 61), ==, 0);
  fail_times (blocks, "192.0.2.1", 3, NOW + 62);
  g_assert_cmpint (pb_blocks_expiry (blocks, PB_BLOCK_IP, "192.0.2.1", NOW + 62), ==, 0);
}

/* Blocked at once, by another limit; one that is blocked stays as it is. */
static void
test_block (void)
{
  g_autoptr (PbBlocks) blocks = pb_blocks_new (100);

  fail_times (blocks, "192.0.2.1", 2, NOW);
  g_assert_true (pb_blocks_block (blocks, PB_BLOCK_IP, "192.0.2.1", "unknown-recipients", NOW + 100, NOW));
  g_assert_false (pb_blocks_block (blocks, PB_BLOCK_IP, "192.0.2.1", "unknown-recipients", NOW + 200, NOW));
  g_assert_cmpint (pb_blocks_expiry (blocks, PB_BLOCK_IP, "192.0.2.1", NOW + 99), ==, NOW + 100);
  g_assert_cmpint (pb_blocks_expiry (blocks, PB_BLOCK_IP, "192.0.2.1", NOW + 100), ==, 0);
  g_assert_false (pb_blocks_block (blocks, PB_BLOCK_IP, "192.0.2.2", "unknown-recipients", NOW, NOW));
  g_assert_true (pb_blocks_block (blocks, PB_BLOCK_IP, "192.0.2.1", "unknown-recipients", NOW + 200, NOW + 150));
  g_assert_cmpuint (total (blocks, NOW + 150), ==, 1);
}

static void
test_window (void)
{
  g_autoptr (PbBlocks) blocks = pb_blocks_new (100);

  fail_times (blocks, "192.0.2.1", 3, NOW);
  fail_times (blocks, "192.0.2.1", 3, NOW + 3600);
  g_assert_cmpint (pb_blocks_expiry (blocks, PB_BLOCK_IP, "192.0.2.1", NOW + 3600), ==, 0);
  fail_times (blocks, "192.0.2.1", 1, NOW + 7199);
  g_assert_cmpint (pb_blocks_expiry (blocks, PB_BLOCK_IP, "192.0.2.1", NOW + 7199), ==, NOW + 7259);
}

static void
test_no_limit (void)
{
  g_autoptr (PbBlocks) blocks = pb_blocks_new (100);

  for (guint i = 0; i < 1000; i++)
    g_assert_false (pb_blocks_fail (blocks, PB_BLOCK_ACCOUNT, "ann", 0, 60, NOW));
  g_assert_cmpuint (total (blocks, NOW), ==, 0);
}

static void
test_subjects (void)
{
  static const char *const cases[][2] = {
    { "192.0.2.1", "192.0.2.1" },
    { "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64" },
    { "::ffff:192.0.2.1", "192.0.2.1" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *subject = NULL;
      PbIp ip;

      g_assert_true (pb_ip_parse (cases[i][0], &ip));
      subject = pb_blocks_subject_ip (&ip);
      g_assert_cmpstr (subject, ==, cases[i][1]);
    }
}

/* Who floods the table with failures from everywhere frees nobody who is blocked. */
static void
test_full (void)
{
  g_autoptr (PbBlocks) blocks = pb_blocks_new (100);

  fail_times (blocks, "192.0.2.1", 4, NOW);
  fail_times (blocks, "192.0.2.2", 3, NOW);
  for (guint i = 0; i < 10000; i++)
    {
      g_autofree char *subject = g_strdup_printf ("10.0.%u.%u", i / 256, i % 256);

      fail_times (blocks, subject, 1, NOW + 1 + i / 1000);
    }
  g_assert_cmpint (pb_blocks_expiry (blocks, PB_BLOCK_IP, "192.0.2.1", NOW + 20), ==, NOW + 60);
  /* Three failures are more than one: they are remembered longer. */
  g_assert_true (pb_blocks_fail (blocks, PB_BLOCK_IP, "192.0.2.2", 3, 60, NOW + 20));

  /* All are blocked: those that end first go. */
  for (guint i = 0; i < 200; i++)
    {
      g_autofree char *subject = g_strdup_printf ("10.1.%u.%u", i / 256, i % 256);

      fail_times (blocks, subject, 4, NOW + 21 + i / 10);
    }
  g_assert_cmpuint (total (blocks, NOW + 41), <=, 100);
  g_assert_cmpint (pb_blocks_expiry (blocks, PB_BLOCK_IP, "10.1.0.199", NOW + 41), !=, 0);
  g_assert_cmpint (pb_blocks_expiry (blocks, PB_BLOCK_IP, "192.0.2.1", NOW + 41), ==, 0);
}

static const char *
first_id (PbBlocks *blocks, char buffer[40])
{
  g_autoptr (GVariant) rows = NULL;
  g_autoptr (GVariant) row = NULL;
  const char *id;
  guint n;

  rows = pb_blocks_list (blocks, NULL, 0, 1, NOW, &n);
  row = g_variant_get_child_value (rows, 0);
  g_assert_true (g_variant_lookup (row, "Id", "&s", &id));
  g_strlcpy (buffer, id, 40);
  return buffer;
}

static void
test_lift_and_extend (void)
{
  g_autoptr (PbBlocks) blocks = pb_blocks_new (100);
  char id[40];
  const char *ids[] = { id, "b1c7b0c5-6a3e-4d5e-8f6f-111111111111", NULL };

  fail_times (blocks, "192.0.2.1", 4, NOW);
  first_id (blocks, id);
  g_assert_true (pb_blocks_extend (blocks, id, NOW + 1000, NOW));
  g_assert_cmpint (pb_blocks_expiry (blocks, PB_BLOCK_IP, "192.0.2.1", NOW + 999), ==, NOW + 1000);
  g_assert_false (pb_blocks_extend (blocks, ids[1], NOW + 1000, NOW));
  /* All or none. */
  g_assert_cmpstr (pb_blocks_lift (blocks, ids, NOW), ==, ids[1]);
  g_assert_cmpuint (total (blocks, NOW), ==, 1);
  ids[1] = id;
  g_assert_null (pb_blocks_lift (blocks, ids, NOW));
  g_assert_cmpuint (total (blocks, NOW), ==, 0);
  g_assert_cmpint (pb_blocks_expiry (blocks, PB_BLOCK_IP, "192.0.2.1", NOW), ==, 0);
  g_assert_false (pb_blocks_extend (blocks, id, NOW + 1000, NOW));
}

static void
test_list (void)
{
  g_autoptr (PbBlocks) blocks = pb_blocks_new (100);
  g_autoptr (GVariant) rows = NULL;
  g_autoptr (GVariant) row = NULL;
  const char *subject;
  guint n;

  fail_times (blocks, "192.0.2.1", 4, NOW);
  fail_times (blocks, "192.0.2.2", 4, NOW + 1);
  fail_times (blocks, "198.51.100.1", 4, NOW + 2);
  rows = pb_blocks_list (blocks, "192.0", 1, 10, NOW + 3, &n);
  g_assert_cmpuint (n, ==, 2);
  g_assert_cmpuint (g_variant_n_children (rows), ==, 1);
  row = g_variant_get_child_value (rows, 0);
  g_assert_true (g_variant_lookup (row, "Subject", "&s", &subject));
  g_assert_cmpstr (subject, ==, "192.0.2.1");
}

static void
on_changed (gpointer data)
{
  (*(guint *) data)++;
}

/* What is told as changed is all that another table needs to stand as this one does. */
static void
test_kept (void)
{
  g_autoptr (PbBlocks) blocks = pb_blocks_new (100);
  g_autoptr (PbBlocks) again = pb_blocks_new (100);
  g_autoptr (PbBlocks) late = pb_blocks_new (100);
  g_autoptr (PbMailbox) mailbox = pb_mailbox_new ();
  g_autoptr (GHashTable) changes = NULL;
  g_autoptr (GHashTable) ends = NULL;
  guint told = 0;

  pb_blocks_watch (blocks, mailbox, on_changed, &told);
  fail_times (blocks, "192.0.2.1", 4, NOW);
  fail_times (blocks, "192.0.2.2", 4, NOW);
  fail_times (blocks, "192.0.2.3", 1, NOW);
  pb_mailbox_dispatch (mailbox);
  g_assert_cmpuint (told, ==, 1);
  changes = pb_blocks_take_changes (blocks);
  g_assert_cmpuint (g_hash_table_size (changes), ==, 2);
  pb_blocks_restore (again, changes, NOW);
  g_assert_cmpint (pb_blocks_expiry (again, PB_BLOCK_IP, "192.0.2.2", NOW), ==, NOW + 60);
  g_assert_cmpuint (total (again, NOW), ==, 2);
  /* Over while nobody ran: they go from the disk too. */
  pb_blocks_restore (late, changes, NOW + 60);
  g_assert_cmpuint (total (late, NOW + 60), ==, 0);
  ends = pb_blocks_take_changes (late);
  g_assert_cmpuint (g_hash_table_size (ends), ==, 2);
  pb_blocks_unwatch (blocks);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/blocks/block", test_block);
  g_test_add_func ("/blocks/limit", test_limit);
  g_test_add_func ("/blocks/window", test_window);
  g_test_add_func ("/blocks/no-limit", test_no_limit);
  g_test_add_func ("/blocks/subjects", test_subjects);
  g_test_add_func ("/blocks/full", test_full);
  g_test_add_func ("/blocks/lift-and-extend", test_lift_and_extend);
  g_test_add_func ("/blocks/list", test_list);
  g_test_add_func ("/blocks/kept", test_kept);
  return g_test_run ();
}
