/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the queue's store does with damage and with what it finds at start-up.
 */
#include "store-fixture.h"
#include "store/status.h"

#include <sqlite3.h>
#include <sys/stat.h>

#define FAR G_MAXINT64

/* ---- damage ---- */

/* Changes one octet of a column behind the store's back. */
static void
flip (Fixture *self, const char *table, const char *column, guint64 id, int offset)
{
  g_autofree char *path = fixture_path (self, "queue.db");
  sqlite3 *handle = NULL;
  sqlite3_blob *blob = NULL;
  guint8 octet;

  g_clear_pointer (&self->store, pb_store_close);
  g_assert_cmpint (sqlite3_open (path, &handle), ==, SQLITE_OK);
  g_assert_cmpint (sqlite3_blob_open (handle, "main", table, column, (sqlite3_int64) id, 1, &blob),
                   ==, SQLITE_OK);
  g_assert_cmpint (sqlite3_blob_read (blob, &octet, 1, offset), ==, SQLITE_OK);
  octet ^= 0x20;
  g_assert_cmpint (sqlite3_blob_write (blob, &octet, 1, offset), ==, SQLITE_OK);
  sqlite3_blob_close (blob);
  sqlite3_close (handle);
  self->store = open_store (self->directory);
}

static void
assert_only_held (Fixture *self, guint64 id, guint n_statuses)
{
  g_auto (Answer) answer = { 0 };
  PbQueueFilter *filter = g_new0 (PbQueueFilter, 1);
  PbQueued *queued;

  /* Behind the quarantine, which rides lazily like every mark. */
  claim (self, FAR, 10, NULL, &answer);
  g_assert_cmpuint (answer.queued->len, ==, 1);
  assert_counts (self, 1, 0, 1);
  filter->state = "held";
  page (self, filter, 0, 10, &answer);
  g_assert_cmpuint (answer.total, ==, 1);
  queued = queued_at (&answer, 0);
  g_assert_cmpuint (queued->envelope->id, ==, id);
  g_assert_cmpuint (queued->n_statuses, ==, n_statuses);
  g_assert_cmpint (queued->statuses[0].state, ==, PB_RECIPIENT_HELD);
  g_assert_true (g_str_has_prefix (queued->statuses[0].last_reply, "5.3.0 "));
}

static void
test_damaged_envelope (Fixture *self, gconstpointer data)
{
  g_auto (Answer) answer = { 0 };
  guint64 bad = submit_message (self, "a@example.org", 2, "b@example.net", 100);

  submit_message (self, "a@example.org", 1, "b@example.net", 100);
  flip (self, "message", "envelope", bad, 20);
  claim (self, FAR, 10, NULL, &answer);
  g_assert_cmpuint (answer.queued->len, ==, 1);
  assert_only_held (self, bad, 2);
  /* Kept until a person decides: it can be removed like any other. */
  settle_one (self, bad, 0, PB_RECIPIENT_DELIVERED, 0, 0);
  settle_one (self, bad, 1, PB_RECIPIENT_DELIVERED, 0, 0);
  assert_counts (self, 1, 0, 0);
}

static void
test_damaged_status (Fixture *self, gconstpointer data)
{
  g_auto (Answer) answer = { 0 };
  guint64 bad = submit_message (self, "a@example.org", 2, "b@example.net", 100);

  submit_message (self, "a@example.org", 1, "b@example.net", 100);
  settle_one (self, bad, 0, PB_RECIPIENT_QUEUED, 1, 1);
  flip (self, "message", "status", bad, 12);
  claim (self, FAR, 10, NULL, &answer);
  g_assert_cmpuint (answer.queued->len, ==, 1);
  assert_only_held (self, bad, 2);
}

/* Found while an attempt's result is marked: who had the message already must not get it again, until somebody has looked. */
static void
test_damaged_status_settled (Fixture *self, gconstpointer data)
{
  g_auto (Answer) answer = { 0 };
  guint64 bad = submit_message (self, "a@example.org", 2, "b@example.net", 100);
  PbQueued *queued;

  settle_one (self, bad, 0, PB_RECIPIENT_DELIVERED, 1, 0);
  flip (self, "message", "status", bad, 12);
  settle_one (self, bad, 1, PB_RECIPIENT_QUEUED, 1, 1);
  claim (self, FAR, 10, NULL, &answer);
  g_assert_cmpuint (answer.queued->len, ==, 0);
  page (self, NULL, 0, 10, &answer);
  queued = queued_at (&answer, 0);
  g_assert_cmpuint (queued->n_statuses, ==, 2);
  g_assert_cmpint (queued->statuses[0].state, ==, PB_RECIPIENT_HELD);
  g_assert_cmpint (queued->statuses[1].state, ==, PB_RECIPIENT_HELD);
  g_assert_cmpstr (queued->statuses[1].last_reply, ==, PB_STATUS_DAMAGED);
  assert_counts (self, 0, 0, 1);
}

static void
test_damaged_body (Fixture *self, gconstpointer data)
{
  g_auto (Answer) answer = { 0 };
  guint64 bad = submit_message (self, "a@example.org", 1, "b@example.net", 5000);

  submit_message (self, "a@example.org", 1, "b@example.net", 100);
  flip (self, "body", "data", bad, 4999);
  read_body (self, bad, &answer);
  g_assert_error (answer.error, PB_STORE_ERROR, PB_STORE_ERROR_CORRUPT);
  g_assert_null (answer.body);
  assert_only_held (self, bad, 1);
}

static char *
spool_file (Fixture *self, guint64 id)
{
  char name[PB_QUEUE_ID_TEXT];

  return g_build_filename (self->directory, "spool", pb_queue_id_format (id, name), NULL);
}

static void
test_damaged_file (Fixture *self, gconstpointer data)
{
  g_auto (Answer) answer = { 0 };
  guint64 bad = submit_message (self, "a@example.org", 1, "b@example.net", 100000);
  g_autofree char *path = spool_file (self, bad);
  FILE *file = fopen (path, "r+");

  submit_message (self, "a@example.org", 1, "b@example.net", 100);
  g_assert_nonnull (file);
  fseek (file, 77777, SEEK_SET);
  fputc ('x', file);
  fclose (file);
  read_body (self, bad, &answer);
  g_assert_error (answer.error, PB_STORE_ERROR, PB_STORE_ERROR_CORRUPT);
  assert_only_held (self, bad, 1);
}

static void
test_missing_file (Fixture *self, gconstpointer data)
{
  g_auto (Answer) answer = { 0 };
  guint64 bad = submit_message (self, "a@example.org", 1, "b@example.net", 100000);
  g_autofree char *path = spool_file (self, bad);

  submit_message (self, "a@example.org", 1, "b@example.net", 100);
  g_assert_cmpint (unlink (path), ==, 0);
  read_body (self, bad, &answer);
  g_assert_error (answer.error, PB_STORE_ERROR, PB_STORE_ERROR_CORRUPT);
  assert_only_held (self, bad, 1);
}

/* ---- start-up ---- */

static void
write_file (const char *path, const char *text)
{
  g_autoptr (GError) error = NULL;

  g_file_set_contents (path, text, -1, &error);
  g_assert_no_error (error);
}

static void
test_orphans (Fixture *self, gconstpointer data)
{
  guint64 kept = submit_message (self, "a@example.org", 1, "b@example.net", 100000);
  g_autofree char *kept_path = spool_file (self, kept);
  g_autofree char *orphan = spool_file (self, pb_store_next_id (self->store));
  g_autofree char *half = fixture_path (self, "spool/tmp/7");
  g_autofree char *foreign = fixture_path (self, "spool/README");

  g_clear_pointer (&self->store, pb_store_close);
  write_file (orphan, "never acknowledged");
  write_file (half, "half");
  write_file (foreign, "not ours");
  self->store = open_store (self->directory);
  g_assert_false (g_file_test (orphan, G_FILE_TEST_EXISTS));
  g_assert_false (g_file_test (half, G_FILE_TEST_EXISTS));
  g_assert_true (g_file_test (foreign, G_FILE_TEST_EXISTS));
  g_assert_true (g_file_test (kept_path, G_FILE_TEST_EXISTS));
}

/* Without its database a message file is all that is left of a message: set aside, not removed. */
static void
test_lost_database (Fixture *self, gconstpointer data)
{
  guint64 id = submit_message (self, "a@example.org", 1, "b@example.net", 100000);
  char name[PB_QUEUE_ID_TEXT];
  g_autofree char *database = fixture_path (self, "queue.db");
  g_autofree char *lost =
    g_build_filename (self->directory, "spool", "lost", pb_queue_id_format (id, name), NULL);

  g_clear_pointer (&self->store, pb_store_close);
  g_assert_cmpint (unlink (database), ==, 0);
  self->store = open_store (self->directory);
  g_assert_true (g_file_test (lost, G_FILE_TEST_EXISTS));
  assert_counts (self, 0, 0, 0);
}

/* An empty file is what a repaired file system leaves of it. */
static void
test_emptied_database (Fixture *self, gconstpointer data)
{
  guint64 id = submit_message (self, "a@example.org", 1, "b@example.net", 100000);
  char name[PB_QUEUE_ID_TEXT];
  g_autofree char *database = fixture_path (self, "queue.db");
  g_autofree char *lost =
    g_build_filename (self->directory, "spool", "lost", pb_queue_id_format (id, name), NULL);

  g_clear_pointer (&self->store, pb_store_close);
  g_assert_cmpint (truncate (database, 0), ==, 0);
  self->store = open_store (self->directory);
  g_assert_true (g_file_test (lost, G_FILE_TEST_EXISTS));
}

static void
test_second_instance (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  PbStore *second = pb_store_open (self->directory, &error);

  g_assert_null (second);
  g_assert_error (error, PB_STORE_ERROR, PB_STORE_ERROR_BUSY);
  g_assert_nonnull (strstr (error->message, self->directory));
  g_assert_nonnull (strstr (error->message, "another postbusd"));
}

static void
test_unusable_directory (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = fixture_path (self, "file");

  write_file (path, "in the way");
  g_assert_null (pb_store_open (path, &error));
  g_assert_nonnull (error);
  g_assert_nonnull (strstr (error->message, path));
}

static void
test_private_files (Fixture *self, gconstpointer data)
{
  static const char *const names[] = { "queue.db", "queue.db-wal", "queue.lock" };

  submit_message (self, "a@example.org", 1, "b@example.net", 100);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *path = fixture_path (self, names[i]);
      struct stat status;

      g_assert_cmpint (stat (path, &status), ==, 0);
      g_assert_cmpuint (status.st_mode & 0777, ==, 0600);
    }
}

static void
copy_file (const char *from, const char *to, const char *name)
{
  g_autofree char *source = g_build_filename (from, name, NULL);
  g_autofree char *target = g_build_filename (to, name, NULL);
  g_autofree char *octets = NULL;
  gsize length;

  g_assert_true (g_file_get_contents (source, &octets, &length, NULL));
  g_assert_true (g_file_set_contents (target, octets, (gssize) length, NULL));
}

/* What the files hold at the moment of the last callback is all that a crash leaves, and all that was promised. */
static void
test_crash (Fixture *self, gconstpointer data)
{
  g_autofree char *copy = fixture_path (self, "copy");
  g_autofree char *spool = fixture_path (self, "copy/spool");
  g_auto (Answer) answer = { 0 };
  char name[PB_QUEUE_ID_TEXT];
  guint64 ids[40];
  Fixture other = { copy, self->mailbox, NULL };

  for (guint i = 0; i < G_N_ELEMENTS (ids); i++)
    ids[i] =
      submit_message (self, "a@example.org", 1, "b@example.net", i % 10 == 0 ? 100000 : 5000);
  for (guint i = 1; i < G_N_ELEMENTS (ids); i += 2)
    settle_one (self, ids[i], 0, PB_RECIPIENT_DELIVERED, 1, 0);
  g_assert_cmpint (g_mkdir_with_parents (spool, 0700), ==, 0);
  copy_file (self->directory, copy, "queue.db");
  copy_file (self->directory, copy, "queue.db-wal");
  for (guint i = 0; i < G_N_ELEMENTS (ids); i += 10)
    {
      g_autofree char *file = g_build_filename ("spool", pb_queue_id_format (ids[i], name), NULL);

      copy_file (self->directory, copy, file);
    }
  other.store = open_store (copy);
  assert_counts (&other, 20, 0, 0);
  for (guint i = 0; i < G_N_ELEMENTS (ids); i += 2)
    {
      read_body (&other, ids[i], &answer);
      g_assert_no_error (answer.error);
    }
  g_assert_cmpuint (pb_store_next_id (other.store), >, ids[G_N_ELEMENTS (ids) - 1]);
  pb_store_close (other.store);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  fixture_add ("/store-recovery/damaged-envelope", test_damaged_envelope);
  fixture_add ("/store-recovery/damaged-status", test_damaged_status);
  fixture_add ("/store-recovery/damaged-status/settled", test_damaged_status_settled);
  fixture_add ("/store-recovery/damaged-body", test_damaged_body);
  fixture_add ("/store-recovery/damaged-file", test_damaged_file);
  fixture_add ("/store-recovery/missing-file", test_missing_file);
  fixture_add ("/store-recovery/orphans", test_orphans);
  fixture_add ("/store-recovery/lost-database", test_lost_database);
  fixture_add ("/store-recovery/emptied-database", test_emptied_database);
  fixture_add ("/store-recovery/second-instance", test_second_instance);
  fixture_add ("/store-recovery/unusable-directory", test_unusable_directory);
  fixture_add ("/store-recovery/private-files", test_private_files);
  fixture_add ("/store-recovery/crash", test_crash);
  return g_test_run ();
}
