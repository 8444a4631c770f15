/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The queue's store seen from above: submit, claim, settle, page, counts, and what a restart brings back.
 */
#include "store-fixture.h"

#include <sqlite3.h>
#include <sys/stat.h>

#define FAR G_MAXINT64

static void
test_submit_and_claim (Fixture *self, gconstpointer data)
{
  g_auto (Answer) answer = { FALSE };
  guint64 first = submit_message (self, "a@example.org", 1, "b@example.net", 4096);
  guint64 second = submit_message (self, "", 2, "c@example.net", 10);
  PbQueued *queued;

  assert_counts (self, 2, 0, 0);
  claim (self, FAR, 10, NULL, &answer);
  g_assert_no_error (answer.error);
  g_assert_false (answer.more);
  g_assert_cmpuint (answer.queued->len, ==, 2);
  queued = queued_at (&answer, 0);
  g_assert_cmpuint (queued->envelope->id, ==, first);
  g_assert_cmpstr (queued->envelope->sender, ==, "a@example.org");
  g_assert_cmpstr (queued->envelope->recipients[0].address, ==, "b@example.net");
  g_assert_cmpuint (queued->n_statuses, ==, 1);
  g_assert_cmpuint (queued->statuses[0].attempts, ==, 0);
  g_assert_cmpint (queued->statuses[0].state, ==, PB_RECIPIENT_QUEUED);
  queued = queued_at (&answer, 1);
  g_assert_cmpuint (queued->envelope->id, ==, second);
  g_assert_cmpuint (queued->n_statuses, ==, 2);
  g_assert_cmpuint (queued->statuses[1].recipient, ==, 1);
}

static void
test_claim_limits (Fixture *self, gconstpointer data)
{
  g_auto (Answer) answer = { FALSE };
  guint64 ids[5];
  GArray *except = g_array_new (FALSE, FALSE, sizeof (guint64));

  for (guint i = 0; i < G_N_ELEMENTS (ids); i++)
    ids[i] = submit_message (self, "a@example.org", 1, "b@example.net", 100);
  claim (self, FAR, 2, NULL, &answer);
  g_assert_cmpuint (answer.queued->len, ==, 2);
  g_assert_true (answer.more);
  /* In any order: the store sorts. */
  g_array_append_val (except, ids[3]);
  g_array_append_val (except, ids[0]);
  g_array_append_val (except, ids[1]);
  claim (self, FAR, 2, except, &answer);
  g_assert_cmpuint (answer.queued->len, ==, 2);
  g_assert_cmpuint (queued_at (&answer, 0)->envelope->id, ==, ids[2]);
  g_assert_cmpuint (queued_at (&answer, 1)->envelope->id, ==, ids[4]);
  g_assert_false (answer.more);
  claim (self, 1000, 2, NULL, &answer);
  g_assert_cmpuint (answer.queued->len, ==, 0);
}

static void
test_settle_delivered (Fixture *self, gconstpointer data)
{
  g_auto (Answer) answer = { FALSE };
  guint64 id = submit_message (self, "a@example.org", 1, "b@example.net", 4096);

  settle_one (self, id, 0, PB_RECIPIENT_DELIVERED, 1, 0);
  assert_counts (self, 0, 0, 0);
  read_body (self, id, &answer);
  g_assert_error (answer.error, PB_STORE_ERROR, PB_STORE_ERROR_NOT_FOUND);
  claim (self, FAR, 10, NULL, &answer);
  g_assert_cmpuint (answer.queued->len, ==, 0);
  /* A second settlement of what is gone does no harm and says so. */
  answer_clear (&answer);
  pb_store_settle (self->store, make_settlement (id, 0, PB_RECIPIENT_DELIVERED, 1, 0, NULL),
                   self->mailbox, on_submitted, &answer);
  wait_for (self->mailbox, &answer.called);
  g_assert_error (answer.error, PB_STORE_ERROR, PB_STORE_ERROR_NOT_FOUND);
  assert_counts (self, 0, 0, 0);
}

/* Marks without a callback ride lazily; a claim asked for right behind them must not bring the message back. */
static void
test_claim_waits_for_marks (Fixture *self, gconstpointer data)
{
  for (guint i = 0; i < 50; i++)
    {
      g_auto (Answer) answer = { FALSE };
      guint64 id = submit_message (self, "a@example.org", 1, "b@example.net", 100);

      pb_store_settle (self->store, make_settlement (id, 0, PB_RECIPIENT_DELIVERED, 1, 0, NULL),
                       NULL, NULL, NULL);
      claim (self, FAR, 10, NULL, &answer);
      g_assert_cmpuint (answer.queued->len, ==, 0);
    }
  assert_counts (self, 0, 0, 0);
}

/* The other order: claimed, then settled before the claim is answered. */
static void
test_settled_during_claim (Fixture *self, gconstpointer data)
{
  g_auto (Answer) answer = { FALSE };
  guint64 gone = submit_message (self, "a@example.org", 1, "b@example.net", 100);
  guint64 left = submit_message (self, "a@example.org", 1, "b@example.net", 100);

  pb_store_claim (self->store, FAR, 10, NULL, self->mailbox, on_claimed, &answer);
  pb_store_settle (self->store, make_settlement (gone, 0, PB_RECIPIENT_DELIVERED, 1, 0, NULL), NULL,
                   NULL, NULL);
  wait_for (self->mailbox, &answer.called);
  g_assert_cmpuint (answer.queued->len, ==, 1);
  g_assert_cmpuint (queued_at (&answer, 0)->envelope->id, ==, left);
}

static void
test_settle_recipients (Fixture *self, gconstpointer data)
{
  g_auto (Answer) answer = { FALSE };
  guint64 id = submit_message (self, "a@example.org", 3, "b@example.net", 4096);
  PbQueued *queued;

  settle_one (self, id, 1, PB_RECIPIENT_DELIVERED, 1, 0);
  assert_counts (self, 1, 0, 0);
  settle_one (self, id, 0, PB_RECIPIENT_QUEUED, 3, 5000);
  assert_counts (self, 0, 1, 0);
  settle_one (self, id, 2, PB_RECIPIENT_QUEUED, 1, 4000);
  claim (self, 3999, 10, NULL, &answer);
  g_assert_cmpuint (answer.queued->len, ==, 0);
  claim (self, 4000, 10, NULL, &answer);
  queued = queued_at (&answer, 0);
  g_assert_cmpuint (queued->n_statuses, ==, 2);
  g_assert_cmpuint (queued->statuses[0].recipient, ==, 0);
  g_assert_cmpuint (queued->statuses[0].attempts, ==, 3);
  g_assert_cmpint (queued->statuses[0].next_attempt, ==, 5000);
  g_assert_cmpstr (queued->statuses[0].last_reply, ==, "450 4.2.0 later");
  g_assert_cmpuint (queued->statuses[1].recipient, ==, 2);
  settle_one (self, id, 2, PB_RECIPIENT_HELD, 1, 0);
  assert_counts (self, 0, 0, 1);
  settle_one (self, id, 2, PB_RECIPIENT_FAILED, 2, 0);
  settle_one (self, id, 0, PB_RECIPIENT_DELIVERED, 4, 0);
  assert_counts (self, 0, 0, 0);
}

/* Many marks of one message in one batch are one read and one write, and none is lost. */
static void
test_settle_many (Fixture *self, gconstpointer data)
{
  enum
  {
    N = 500
  };
  g_auto (Answer) last = { FALSE };
  guint64 id = submit_message (self, "a@example.org", N, "b@example.net", 4096);

  for (guint i = 0; i < N; i++)
    {
      gboolean end = i == N - 1;

      pb_store_settle (self->store, make_settlement (id, i, PB_RECIPIENT_DELIVERED, 1, 0, NULL),
                       self->mailbox, end ? on_submitted : NULL, &last);
    }
  wait_for (self->mailbox, &last.called);
  g_assert_no_error (last.error);
  assert_counts (self, 0, 0, 0);
}

static void
test_dsn (Fixture *self, gconstpointer data)
{
  g_auto (Answer) answer = { FALSE };
  guint64 id = submit_message (self, "a@example.org", 1, "b@example.net", 4096);
  PbSettlement *settlement =
    make_settlement (id, 0, PB_RECIPIENT_FAILED, 1, 0, "550 5.1.1 unknown");
  guint64 dsn_id;

  settlement->dsn = make_envelope (self->store, "", 1, "a@example.org", 300);
  settlement->dsn_body = make_spool (self->store, 300, 'd');
  dsn_id = settlement->dsn->id;
  pb_store_settle (self->store, settlement, self->mailbox, on_submitted, &answer);
  wait_for (self->mailbox, &answer.called);
  g_assert_no_error (answer.error);
  g_assert_cmpuint (answer.envelope->id, ==, dsn_id);
  g_assert_cmpuint (pb_body_size (answer.body), ==, 300);
  claim (self, FAR, 10, NULL, &answer);
  g_assert_cmpuint (answer.queued->len, ==, 1);
  g_assert_cmpuint (queued_at (&answer, 0)->envelope->id, ==, dsn_id);
  assert_counts (self, 1, 0, 0);
}

/* Bodies of every size around the border come back octet by octet. */
static void
test_bodies (Fixture *self, gconstpointer data)
{
  static const gsize sizes[] = { 0, 1, 4096, PB_BODY_INLINE_MAX, PB_BODY_INLINE_MAX + 1, 3000000 };

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      g_auto (Answer) answer = { FALSE };
      guint64 id = submit_message (self, "a@example.org", 1, "b@example.net", sizes[i]);
      g_autofree guint8 *octets = g_malloc (sizes[i] + 1);

      read_body (self, id, &answer);
      g_assert_no_error (answer.error);
      g_assert_cmpuint (pb_body_size (answer.body), ==, sizes[i]);
      g_assert_true ((pb_body_bytes (answer.body) != NULL) == (sizes[i] <= PB_BODY_INLINE_MAX));
      g_assert_cmpint (pb_body_read (answer.body, 0, octets, sizes[i] + 1, NULL), ==,
                       (gssize) sizes[i]);
      for (gsize k = 0; k < sizes[i]; k++)
        g_assert_cmpuint (octets[k], ==, 'm');
    }
}

static guint
n_spool_files (Fixture *self)
{
  g_autofree char *path = fixture_path (self, "spool");
  g_autoptr (GDir) directory = g_dir_open (path, 0, NULL);
  const char *name;
  guint n = 0;

  while ((name = g_dir_read_name (directory)) != NULL)
    n += strlen (name) == PB_QUEUE_ID_TEXT - 1;
  return n;
}

static void
test_restart (Fixture *self, gconstpointer data)
{
  g_auto (Answer) answer = { FALSE };
  guint64 small = submit_message (self, "a@example.org", 2, "b@example.net", 500);
  guint64 large = submit_message (self, "a@example.org", 1, "b@example.net", 200000);
  guint64 gone = submit_message (self, "a@example.org", 1, "b@example.net", 200000);
  PbQueueCounts before, after;

  settle_one (self, small, 1, PB_RECIPIENT_QUEUED, 2, 7000);
  settle_one (self, gone, 0, PB_RECIPIENT_DELIVERED, 1, 0);
  pb_store_counts (self->store, &before);
  fixture_reopen (self);
  g_assert_cmpuint (n_spool_files (self), ==, 1);
  pb_store_counts (self->store, &after);
  g_assert_cmpmem (&before, sizeof before, &after, sizeof after);
  assert_counts (self, 1, 1, 0);
  claim (self, FAR, 10, NULL, &answer);
  g_assert_cmpuint (answer.queued->len, ==, 2);
  g_assert_cmpuint (queued_at (&answer, 0)->envelope->id, ==, small);
  g_assert_cmpuint (queued_at (&answer, 0)->statuses[1].attempts, ==, 2);
  g_assert_cmpuint (queued_at (&answer, 1)->envelope->id, ==, large);
  read_body (self, large, &answer);
  g_assert_no_error (answer.error);
  g_assert_cmpuint (pb_body_size (answer.body), ==, 200000);
}

/* Closing commits what was handed in, marks without callbacks too. */
static void
test_close_commits (Fixture *self, gconstpointer data)
{
  enum
  {
    N = 200
  };
  Answer answers[N] = { { FALSE } };
  guint64 first = submit_message (self, "a@example.org", 1, "b@example.net", 100);

  pb_store_settle (self->store, make_settlement (first, 0, PB_RECIPIENT_DELIVERED, 1, 0, NULL),
                   NULL, NULL, NULL);
  for (guint i = 0; i < N; i++)
    send_message (self, "a@example.org", 1, "b@example.net", i % 10 == 0 ? 100000 : 100,
                  &answers[i]);
  g_clear_pointer (&self->store, pb_store_close);
  pb_mailbox_dispatch (self->mailbox);
  for (guint i = 0; i < N; i++)
    {
      g_assert_true (answers[i].called);
      g_assert_no_error (answers[i].error);
      answer_clear (&answers[i]);
    }
  self->store = open_store (self->directory);
  assert_counts (self, N, 0, 0);
  g_assert_cmpuint (n_spool_files (self), ==, N / 10);
}

static void
test_ids (Fixture *self, gconstpointer data)
{
  guint64 last = 0, far;
  g_autofree char *path = fixture_path (self, "queue.db");
  sqlite3 *handle = NULL;

  for (guint i = 0; i < 10000; i++)
    {
      guint64 id = pb_store_next_id (self->store);

      g_assert_cmpuint (id, >, last);
      last = id;
    }
  fixture_reopen (self);
  g_assert_cmpuint (pb_store_next_id (self->store), >, last);
  /* A clock that stepped back looks like a mark that lies ahead. */
  g_clear_pointer (&self->store, pb_store_close);
  far = (guint64) g_get_real_time () + 1000ull * G_USEC_PER_SEC * 3600;
  g_assert_cmpint (sqlite3_open (path, &handle), ==, SQLITE_OK);
  {
    sqlite3_stmt *statement = NULL;

    g_assert_cmpint (sqlite3_prepare_v2 (handle, "UPDATE high_water SET id = ?1", -1, &statement,
                                         NULL),
                     ==, SQLITE_OK);
    sqlite3_bind_int64 (statement, 1, (sqlite3_int64) far);
    g_assert_cmpint (sqlite3_step (statement), ==, SQLITE_DONE);
    sqlite3_finalize (statement);
  }
  sqlite3_close (handle);
  self->store = open_store (self->directory);
  g_assert_cmpuint (pb_store_next_id (self->store), >, far);
}

static void
page (Fixture *self, PbQueueFilter *filter, guint offset, guint limit, Answer *answer)
{
  answer_clear (answer);
  pb_store_page (self->store, filter, offset, limit, self->mailbox, on_paged, answer);
  wait_for (self->mailbox, &answer->called);
  g_assert_no_error (answer->error);
}

static void
test_page (Fixture *self, gconstpointer data)
{
  g_auto (Answer) answer = { FALSE };
  guint64 ids[4];
  PbQueueFilter *filter;

  ids[0] = submit_message (self, "anna@example.org", 1, "b@one.test", 100);
  ids[1] = submit_message (self, "bert@example.org", 2, "c@two.test", 100);
  ids[2] = submit_message (self, "Anna@Example.org", 1, "d@two.test", 100);
  ids[3] = submit_message (self, "", 1, "b@one.test", 100);
  settle_one (self, ids[2], 0, PB_RECIPIENT_QUEUED, 1, 99);
  page (self, NULL, 1, 2, &answer);
  g_assert_cmpuint (answer.total, ==, 4);
  g_assert_cmpuint (answer.queued->len, ==, 2);
  g_assert_cmpuint (queued_at (&answer, 0)->envelope->id, ==, ids[1]);
  filter = g_new0 (PbQueueFilter, 1);
  filter->sender = g_strdup ("ANNA@example.org");
  page (self, filter, 0, 10, &answer);
  g_assert_cmpuint (answer.total, ==, 2);
  filter = g_new0 (PbQueueFilter, 1);
  filter->domain = g_strdup ("two.test");
  filter->state = "deferred";
  page (self, filter, 0, 10, &answer);
  g_assert_cmpuint (answer.total, ==, 1);
  g_assert_cmpuint (queued_at (&answer, 0)->envelope->id, ==, ids[2]);
  filter = g_new0 (PbQueueFilter, 1);
  filter->recipient = g_strdup ("b@one.test");
  page (self, filter, 1, 10, &answer);
  g_assert_cmpuint (answer.total, ==, 2);
  g_assert_cmpuint (answer.queued->len, ==, 1);
  filter = g_new0 (PbQueueFilter, 1);
  filter->ids = g_memdup2 (&ids[3], sizeof ids[3]);
  filter->n_ids = 1;
  page (self, filter, 0, 10, &answer);
  g_assert_cmpuint (answer.total, ==, 1);
  filter = g_new0 (PbQueueFilter, 1);
  filter->state = "nonsense";
  page (self, filter, 0, 10, &answer);
  g_assert_cmpuint (answer.total, ==, 0);
}

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
  g_auto (Answer) answer = { FALSE };
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
  g_auto (Answer) answer = { FALSE };
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
  g_auto (Answer) answer = { FALSE };
  guint64 bad = submit_message (self, "a@example.org", 2, "b@example.net", 100);

  submit_message (self, "a@example.org", 1, "b@example.net", 100);
  settle_one (self, bad, 0, PB_RECIPIENT_QUEUED, 1, 1);
  flip (self, "message", "status", bad, 12);
  claim (self, FAR, 10, NULL, &answer);
  g_assert_cmpuint (answer.queued->len, ==, 1);
  assert_only_held (self, bad, 2);
}

static void
test_damaged_body (Fixture *self, gconstpointer data)
{
  g_auto (Answer) answer = { FALSE };
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
  g_auto (Answer) answer = { FALSE };
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
  g_auto (Answer) answer = { FALSE };
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

/* ---- many threads ---- */

typedef struct
{
  Fixture *fixture;
  guint index;
} Sender;

static gpointer
sender_main (gpointer data)
{
  Sender *self = data;
  Fixture own = { self->fixture->directory, pb_mailbox_new (), self->fixture->store };

  for (guint i = 0; i < 100; i++)
    {
      guint64 id =
        submit_message (&own, "a@example.org", 1, "b@example.net", i % 20 == 0 ? 70000 : 2000);

      pb_store_settle (own.store, make_settlement (id, 0, PB_RECIPIENT_DELIVERED, 1, 0, NULL), NULL,
                       NULL, NULL);
    }
  pb_mailbox_unref (own.mailbox);
  return NULL;
}

static void
test_threads (Fixture *self, gconstpointer data)
{
  Sender senders[4];
  GThread *threads[4];
  g_auto (Answer) answer = { FALSE };

  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    {
      senders[i] = (Sender){ self, i };
      threads[i] = g_thread_new ("sender", sender_main, &senders[i]);
    }
  for (guint i = 0; i < 20; i++)
    claim (self, FAR, 100, NULL, &answer);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
  claim (self, FAR, 100, NULL, &answer);
  g_assert_cmpuint (answer.queued->len, ==, 0);
  assert_counts (self, 0, 0, 0);
  fixture_reopen (self);
  g_assert_cmpuint (n_spool_files (self), ==, 0);
}

static void
add (const char *path, void (*test) (Fixture *, gconstpointer))
{
  g_test_add (path, Fixture, NULL, fixture_set_up, test, fixture_tear_down);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  add ("/store/submit-and-claim", test_submit_and_claim);
  add ("/store/claim-limits", test_claim_limits);
  add ("/store/settle-delivered", test_settle_delivered);
  add ("/store/claim-waits-for-marks", test_claim_waits_for_marks);
  add ("/store/settled-during-claim", test_settled_during_claim);
  add ("/store/settle-recipients", test_settle_recipients);
  add ("/store/settle-many", test_settle_many);
  add ("/store/dsn", test_dsn);
  add ("/store/bodies", test_bodies);
  add ("/store/restart", test_restart);
  add ("/store/close-commits", test_close_commits);
  add ("/store/ids", test_ids);
  add ("/store/page", test_page);
  add ("/store/damaged-envelope", test_damaged_envelope);
  add ("/store/damaged-status", test_damaged_status);
  add ("/store/damaged-body", test_damaged_body);
  add ("/store/damaged-file", test_damaged_file);
  add ("/store/missing-file", test_missing_file);
  add ("/store/orphans", test_orphans);
  add ("/store/lost-database", test_lost_database);
  add ("/store/second-instance", test_second_instance);
  add ("/store/unusable-directory", test_unusable_directory);
  add ("/store/private-files", test_private_files);
  add ("/store/threads", test_threads);
  return g_test_run ();
}
