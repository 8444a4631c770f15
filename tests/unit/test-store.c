/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The queue's store seen from above: submit, claim, settle, page, counts, and what a restart brings back.
 */
#include "store-fixture.h"

#include <sqlite3.h>

#define FAR G_MAXINT64

static void
test_submit_and_claim (Fixture *self, gconstpointer data)
{
  g_auto (Answer) answer = { 0 };
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
  g_auto (Answer) answer = { 0 };
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
  g_auto (Answer) answer = { 0 };
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
      g_auto (Answer) answer = { 0 };
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
  g_auto (Answer) answer = { 0 };
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
  g_auto (Answer) answer = { 0 };
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
  g_auto (Answer) last = { 0 };
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
  g_auto (Answer) answer = { 0 };
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
      g_auto (Answer) answer = { 0 };
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

static void
test_restart (Fixture *self, gconstpointer data)
{
  g_auto (Answer) answer = { 0 };
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
  Answer answers[N] = { { 0 } };
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
test_page (Fixture *self, gconstpointer data)
{
  g_auto (Answer) answer = { 0 };
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

static guint
search (Fixture *self, const char *text)
{
  g_auto (Answer) answer = { 0 };
  PbQueueFilter *filter = g_new0 (PbQueueFilter, 1);

  filter->search = g_utf8_casefold (text, -1);
  page (self, filter, 0, 10, &answer);
  return answer.total;
}

static void
test_page_search (Fixture *self, gconstpointer data)
{
  guint64 id = submit_message (self, "Anna@example.org", 1, "b@one.test", 100);
  g_autofree char *long_id = NULL;
  g_auto (Answer) answer = { 0 };

  submit_message (self, "", 2, "jörg@two.test", 100);
  settle_one (self, id, 0, PB_RECIPIENT_QUEUED, 1, 99);
  page (self, NULL, 0, 1, &answer);
  long_id = g_strdup (queued_at (&answer, 0)->envelope->id_text);
  g_assert_cmpuint (search (self, "anna@"), ==, 1);
  g_assert_cmpuint (search (self, ".TEST"), ==, 2);
  g_assert_cmpuint (search (self, "JÖRG"), ==, 1);
  g_assert_cmpuint (search (self, long_id), ==, 1);
  g_assert_cmpuint (search (self, "450 4.2.0"), ==, 1);
  g_assert_cmpuint (search (self, "nobody"), ==, 0);
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
  g_auto (Answer) answer = { 0 };

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

static goffset
database_size (Fixture *self)
{
  g_autofree char *path = fixture_path (self, "queue.db");
  GStatBuf status;

  g_assert_cmpint (g_stat (path, &status), ==, 0);
  return status.st_size;
}

/* A queue that has drained gives the disk back what it took; what is left in it stays as it was. */
static void
test_shrink (Fixture *self, gconstpointer data)
{
  const goffset large = 20 * 1024 * 1024;
  gint64 deadline = g_get_monotonic_time () + WAIT_US;
  g_auto (Answer) answer = { 0 };
  guint64 ids[400], kept;

  for (guint i = 0; i < G_N_ELEMENTS (ids); i++)
    ids[i] = submit_message (self, "a@example.org", 1, "b@example.net", 60000);
  kept = submit_message (self, "kept@example.org", 1, "b@example.net", 50000);
  fixture_reopen (self);
  g_assert_cmpint (database_size (self), >, large);
  for (guint i = 0; i < G_N_ELEMENTS (ids); i++)
    pb_store_settle (self->store, make_settlement (ids[i], 0, PB_RECIPIENT_DELIVERED, 1, 0, NULL),
                     NULL, NULL, NULL);
  while (database_size (self) > 2 * 1024 * 1024)
    {
      g_assert_cmpint (g_get_monotonic_time (), <, deadline);
      g_usleep (20 * 1000);
    }
  assert_counts (self, 1, 0, 0);
  claim (self, FAR, 10, NULL, &answer);
  g_assert_cmpuint (answer.queued->len, ==, 1);
  g_assert_cmpuint (((PbQueued *) answer.queued->pdata[0])->envelope->id, ==, kept);
  submit_message (self, "a@example.org", 1, "b@example.net", 60000);
  fixture_reopen (self);
  assert_counts (self, 2, 0, 0);
}

/* ---- a message that comes in held ---- */

static void
on_released (GArray *ids, const GError *error, gpointer data)
{
  gboolean *called = data;

  g_assert_no_error (error);
  g_assert_cmpuint (ids->len, ==, 1);
  *called = TRUE;
}

static void
release (Fixture *self, guint64 id)
{
  const PbStoreChange change = { PB_CHANGE_RELEASE, NULL, NULL };
  GArray *ids = g_array_new (FALSE, FALSE, sizeof (guint64));
  gboolean called = FALSE;

  g_array_append_val (ids, id);
  pb_store_change (self->store, &change, ids, self->mailbox, on_released, &called);
  wait_for (self->mailbox, &called);
}

/* Nobody gets it before it is released, not over a restart either, and beside it others go on; be it in the database or a file. */
static void
test_comes_in_held (Fixture *self, gconstpointer data)
{
  static const gsize sizes[] = { 100, 300000 };

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      g_auto (Answer) answer = { 0 };
      g_autoptr (PbEnvelope) envelope = make_envelope (self->store, "a@example.org", 2, "b@example.net", sizes[i]);
      guint64 other;

      envelope->hold = g_strdup (PB_HELD_INFECTED "Eicar-Test");
      envelope->flags = PB_ENVELOPE_INFECTED;
      pb_store_submit (self->store, envelope, make_spool (self->store, sizes[i], 'm'), self->mailbox, on_submitted,
                       &answer);
      wait_for (self->mailbox, &answer.called);
      g_assert_no_error (answer.error);
      other = submit_message (self, "a@example.org", 1, "b@example.net", 100);
      assert_counts (self, 1, 0, 1);
      claim (self, FAR, 10, NULL, &answer);
      g_assert_cmpuint (answer.queued->len, ==, 1);
      g_assert_cmpuint (queued_at (&answer, 0)->envelope->id, ==, other);
      settle_one (self, other, 0, PB_RECIPIENT_DELIVERED, 1, 0);
      fixture_reopen (self);
      assert_counts (self, 0, 0, 1);
      page (self, NULL, 0, 10, &answer);
      g_assert_cmpuint (answer.queued->len, ==, 1);
      for (guint j = 0; j < 2; j++)
        {
          const PbRecipientStatus *status = &queued_at (&answer, 0)->statuses[j];

          g_assert_cmpint (status->state, ==, PB_RECIPIENT_HELD);
          g_assert_cmpstr (status->last_reply, ==, PB_HELD_INFECTED "Eicar-Test");
          g_assert_cmpuint (status->attempts, ==, 0);
        }
      release (self, envelope->id);
      claim (self, FAR, 10, NULL, &answer);
      g_assert_cmpuint (answer.queued->len, ==, 1);
      g_assert_cmpuint (queued_at (&answer, 0)->n_statuses, ==, 2);
      g_assert_cmpint (queued_at (&answer, 0)->envelope->flags, ==, PB_ENVELOPE_INFECTED);
      settle_one (self, envelope->id, 0, PB_RECIPIENT_DELIVERED, 1, 0);
      settle_one (self, envelope->id, 1, PB_RECIPIENT_DELIVERED, 1, 0);
      assert_counts (self, 0, 0, 0);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  fixture_add ("/store/submit-and-claim", test_submit_and_claim);
  fixture_add ("/store/claim-limits", test_claim_limits);
  fixture_add ("/store/settle-delivered", test_settle_delivered);
  fixture_add ("/store/claim-waits-for-marks", test_claim_waits_for_marks);
  fixture_add ("/store/settled-during-claim", test_settled_during_claim);
  fixture_add ("/store/settle-recipients", test_settle_recipients);
  fixture_add ("/store/settle-many", test_settle_many);
  fixture_add ("/store/dsn", test_dsn);
  fixture_add ("/store/bodies", test_bodies);
  fixture_add ("/store/restart", test_restart);
  fixture_add ("/store/close-commits", test_close_commits);
  fixture_add ("/store/ids", test_ids);
  fixture_add ("/store/shrink", test_shrink);
  fixture_add ("/store/page", test_page);
  fixture_add ("/store/page/search", test_page_search);
  fixture_add ("/store/comes-in-held", test_comes_in_held);
  fixture_add ("/store/threads", test_threads);
  return g_test_run ();
}
