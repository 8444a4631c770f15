/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What an administrator does to messages in the store: every change, against marks and claims under way, on a
 * disk that is full or broken, over a restart; the walk over those that are meant; a look into one.
 */
#include "fault-vfs.h"
#include "store-fixture.h"

#define FAR G_MAXINT64

static void
set_up (Fixture *self, gconstpointer data)
{
  g_atomic_int_set (&fault_fail_sync_at, 0);
  g_atomic_int_set (&fault_write_code, 0);
  fixture_set_up (self, data);
}

/* What a change or a walk said. */
typedef struct
{
  gboolean called;
  GArray *ids;   /* (owned) (nullable) */
  GError *error; /* (owned) (nullable) */
} Said;

static void
said_clear (Said *self)
{
  g_clear_pointer (&self->ids, g_array_unref);
  g_clear_error (&self->error);
  self->called = FALSE;
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Said, said_clear)

static void
on_changed (GArray *ids, const GError *error, gpointer data)
{
  Said *said = data;

  g_assert_false (said->called);
  said->called = TRUE;
  said->ids = ids != NULL ? g_array_ref (ids) : NULL;
  said->error = error != NULL ? g_error_copy (error) : NULL;
}

static void
on_walked (GArray *ids, const GError *error, gpointer data)
{
  on_changed (ids, error, data);
  g_clear_pointer (&ids, g_array_unref);
}

static void
start_change (Fixture *self, PbStoreChangeKind kind, const char *target, const char *state,
              const guint64 *ids, guint n, Said *said)
{
  const PbStoreChange change = { kind, target, state };
  GArray *list = g_array_new (FALSE, FALSE, sizeof (guint64));

  g_array_append_vals (list, ids, n);
  pb_store_change (self->store, &change, list, self->mailbox, on_changed, said);
}

/* Returns: how many messages are otherwise now. */
static guint
change (Fixture *self, PbStoreChangeKind kind, guint64 id)
{
  g_auto (Said) said = { FALSE };

  start_change (self, kind, NULL, NULL, &id, 1, &said);
  wait_for (self->mailbox, &said.called);
  g_assert_no_error (said.error);
  return said.ids->len;
}

static PbRecipientStatus
status_of (Fixture *self, guint64 id, guint index)
{
  g_auto (Answer) answer = { 0 };
  PbQueueFilter *filter = g_new0 (PbQueueFilter, 1);

  filter->ids = g_memdup2 (&id, sizeof id);
  filter->n_ids = 1;
  page (self, filter, 0, 1, &answer);
  g_assert_cmpuint (queued_at (&answer, 0)->n_statuses, >, index);
  return queued_at (&answer, 0)->statuses[index]; /* without its strings */
}

static void
test_each_change (Fixture *self, gconstpointer data)
{
  g_auto (Answer) answer = { 0 };
  guint64 id = submit_message (self, "a@example.org", 2, "b@example.net", 100);
  guint64 large = submit_message (self, "a@example.org", 1, "b@example.net", 100000);

  settle_one (self, id, 0, PB_RECIPIENT_QUEUED, 3, FAR / 2);
  g_assert_cmpuint (change (self, PB_CHANGE_RELEASE, id), ==, 0);
  g_assert_cmpuint (change (self, PB_CHANGE_HOLD, id), ==, 1);
  g_assert_cmpuint (change (self, PB_CHANGE_HOLD, id), ==, 0);
  g_assert_cmpuint (change (self, PB_CHANGE_RETRY, id), ==, 0);
  assert_counts (self, 1, 0, 1);
  claim (self, FAR, 10, NULL, &answer);
  g_assert_cmpuint (answer.queued->len, ==, 1);
  fixture_reopen (self);
  assert_counts (self, 1, 0, 1);
  g_assert_cmpint (status_of (self, id, 0).state, ==, PB_RECIPIENT_HELD);
  g_assert_cmpuint (status_of (self, id, 0).attempts, ==, 3);
  g_assert_cmpuint (status_of (self, id, 0).by_hand, >, 0);
  g_assert_cmpuint (change (self, PB_CHANGE_RELEASE, id), ==, 1);
  g_assert_cmpint (status_of (self, id, 0).next_attempt, <=, g_get_real_time () / G_USEC_PER_SEC);
  assert_counts (self, 1, 1, 0);
  settle_one (self, id, 0, PB_RECIPIENT_DELIVERED, 4, 0);
  g_assert_cmpuint (change (self, PB_CHANGE_RETRY, id), ==, 1);
  g_assert_cmpuint (change (self, PB_CHANGE_REMOVE, id), ==, 1);
  g_assert_cmpuint (change (self, PB_CHANGE_REMOVE, id), ==, 0);
  g_assert_cmpuint (change (self, PB_CHANGE_HOLD, 12345), ==, 0);
  g_assert_cmpuint (n_spool_files (self), ==, 1);
  g_assert_cmpuint (change (self, PB_CHANGE_REMOVE, large), ==, 1);
  assert_counts (self, 0, 0, 0);
  fixture_reopen (self);
  g_assert_cmpuint (n_spool_files (self), ==, 0);
}

static void
test_target (Fixture *self, gconstpointer data)
{
  g_auto (Answer) answer = { 0 };
  g_auto (Said) said = { FALSE };
  guint64 id = submit_message (self, "a@example.org", 1, "b@example.net", 100);

  start_change (self, PB_CHANGE_REROUTE, "mail.example:2525", NULL, &id, 1, &said);
  wait_for (self->mailbox, &said.called);
  g_assert_cmpuint (said.ids->len, ==, 1);
  fixture_reopen (self);
  claim (self, FAR, 10, NULL, &answer);
  g_assert_cmpstr (queued_at (&answer, 0)->target, ==, "mail.example:2525");
  g_assert_cmpuint (change (self, PB_CHANGE_REROUTE, id), ==, 1);
  claim (self, FAR, 10, NULL, &answer);
  g_assert_null (queued_at (&answer, 0)->target);
}

/* Chosen for its state, and in another one by now. */
static void
test_state_is_looked_at_again (Fixture *self, gconstpointer data)
{
  g_auto (Said) said = { FALSE };
  guint64 ids[2] = { submit_message (self, "a@example.org", 1, "b@example.net", 100),
                     submit_message (self, "a@example.org", 1, "b@example.net", 100) };

  settle_one (self, ids[0], 0, PB_RECIPIENT_QUEUED, 1, FAR / 2);
  start_change (self, PB_CHANGE_REMOVE, NULL, "deferred", ids, 2, &said);
  wait_for (self->mailbox, &said.called);
  g_assert_cmpuint (said.ids->len, ==, 1);
  g_assert_cmpuint (g_array_index (said.ids, guint64, 0), ==, ids[0]);
  assert_counts (self, 1, 0, 0);
}

/* Marks handed in before are made before; what was under way ends, and undoes nothing. */
static void
test_marks (Fixture *self, gconstpointer data)
{
  g_auto (Said) said = { FALSE };
  guint64 id = submit_message (self, "a@example.org", 2, "b@example.net", 100);

  pb_store_settle (self->store, make_settlement (id, 0, PB_RECIPIENT_QUEUED, 1, FAR / 2, "450 older"),
                   NULL, NULL, NULL);
  start_change (self, PB_CHANGE_RETRY, NULL, NULL, &id, 1, &said);
  wait_for (self->mailbox, &said.called);
  g_assert_cmpint (status_of (self, id, 0).next_attempt, <, FAR / 2);
  /* An attempt that began before the wish. */
  settle_one (self, id, 0, PB_RECIPIENT_QUEUED, 2, FAR / 2);
  g_assert_cmpint (status_of (self, id, 0).next_attempt, <, FAR / 2);
  g_assert_cmpuint (status_of (self, id, 0).attempts, ==, 2);
  g_assert_cmpuint (change (self, PB_CHANGE_HOLD, id), ==, 1);
  settle_one (self, id, 0, PB_RECIPIENT_QUEUED, 3, FAR / 2);
  g_assert_cmpint (status_of (self, id, 0).state, ==, PB_RECIPIENT_HELD);
  settle_one (self, id, 0, PB_RECIPIENT_DELIVERED, 4, 0);
  g_assert_cmpuint (status_of (self, id, 0).recipient, ==, 1);
  assert_counts (self, 0, 0, 1);
}

/* The attempt that obeys the wish fulfils it. */
static void
test_wish_is_fulfilled (Fixture *self, gconstpointer data)
{
  g_auto (Answer) answer = { 0 };
  guint64 id = submit_message (self, "a@example.org", 1, "b@example.net", 100);
  PbSettlement *settlement = make_settlement (id, 0, PB_RECIPIENT_QUEUED, 1, FAR / 2, "450 later");

  g_assert_cmpuint (change (self, PB_CHANGE_RETRY, id), ==, 1);
  settlement->statuses[0].by_hand = status_of (self, id, 0).by_hand;
  pb_store_settle (self->store, settlement, self->mailbox, on_submitted, &answer);
  wait_for (self->mailbox, &answer.called);
  g_assert_cmpint (status_of (self, id, 0).next_attempt, ==, FAR / 2);
  g_assert_cmpuint (status_of (self, id, 0).by_hand, ==, 0);
}

/* Removed while its DSN was written: nobody is told, and nothing is left of the DSN. */
static void
test_removed_before_its_notice (Fixture *self, gconstpointer data)
{
  g_auto (Answer) answer = { 0 };
  guint64 id = submit_message (self, "a@example.org", 1, "b@example.net", 100);
  PbSettlement *settlement = make_settlement (id, 0, PB_RECIPIENT_FAILED, 1, 0, "550 no");

  settlement->dsn = make_envelope (self->store, "", 1, "a@example.org", 100000);
  settlement->dsn_body = make_spool (self->store, 100000, 'd');
  g_assert_cmpuint (change (self, PB_CHANGE_REMOVE, id), ==, 1);
  pb_store_settle (self->store, settlement, self->mailbox, on_submitted, &answer);
  wait_for (self->mailbox, &answer.called);
  g_assert_error (answer.error, PB_STORE_ERROR, PB_STORE_ERROR_NOT_FOUND);
  assert_counts (self, 0, 0, 0);
  g_clear_pointer (&self->store, pb_store_close);
  g_assert_cmpuint (n_spool_files (self), ==, 0);
  self->store = open_store (self->directory);
}

/* A claim that was asked for before the change does not bring what it changed. */
static void
test_claim_under_way (Fixture *self, gconstpointer data)
{
  for (guint i = 0; i < 50; i++)
    {
      g_auto (Answer) answer = { 0 };
      g_auto (Said) said = { FALSE };
      guint64 id = submit_message (self, "a@example.org", 1, "b@example.net", 100);

      pb_store_claim (self->store, FAR, 10, NULL, self->mailbox, on_claimed, &answer);
      start_change (self, i % 2 == 0 ? PB_CHANGE_HOLD : PB_CHANGE_REMOVE, NULL, NULL, &id, 1, &said);
      wait_for (self->mailbox, &said.called);
      wait_for (self->mailbox, &answer.called);
      /* It may have been answered before the change was written: then its caller has the message when it hears of the change. */
      g_assert_cmpuint (answer.queued->len, <=, 1);
      claim (self, FAR, 10, NULL, &answer);
      g_assert_cmpuint (answer.queued->len, ==, 0);
    }
}

/* A full disk refuses the change, and it can be asked for again. */
static void
test_full (Fixture *self, gconstpointer data)
{
  g_auto (Said) said = { FALSE };
  guint64 id = submit_message (self, "a@example.org", 1, "b@example.net", 100);

  for (PbStoreChangeKind kind = PB_CHANGE_HOLD; kind <= PB_CHANGE_REROUTE; kind++)
    {
      if (kind == PB_CHANGE_RELEASE)
        continue;
      said_clear (&said);
      g_atomic_int_set (&fault_write_code, SQLITE_FULL);
      start_change (self, kind, "host.example", NULL, &id, 1, &said);
      wait_for (self->mailbox, &said.called);
      g_atomic_int_set (&fault_write_code, 0);
      g_assert_error (said.error, PB_STORE_ERROR, PB_STORE_ERROR_FULL);
      g_assert_null (said.ids);
      assert_counts (self, 1, 0, 0);
      g_assert_cmpint (status_of (self, id, 0).state, ==, PB_RECIPIENT_QUEUED);
    }
  g_assert_cmpuint (change (self, PB_CHANGE_HOLD, id), ==, 1);
  assert_counts (self, 0, 0, 1);
}

/* After a failed sync nobody knows what the disk holds: the message is as it was or as it was to be. */
static void
test_broken (Fixture *self, gconstpointer data)
{
  g_auto (Said) said = { FALSE };
  PbQueueCounts counts;
  guint64 id = submit_message (self, "a@example.org", 1, "b@example.net", 100);

  g_atomic_int_set (&fault_fail_sync_at, g_atomic_int_get (&fault_syncs) + 1);
  start_change (self, PB_CHANGE_HOLD, NULL, NULL, &id, 1, &said);
  wait_for (self->mailbox, &said.called);
  g_assert_error (said.error, PB_STORE_ERROR, PB_STORE_ERROR_FAILED);
  g_assert_cmpint (pb_store_state (self->store), ==, PB_STORE_FAILED);
  g_atomic_int_set (&fault_fail_sync_at, 0);
  fixture_reopen (self);
  pb_store_counts (self->store, &counts);
  g_assert_cmpuint (counts.active + counts.held, ==, 1);
  g_assert_cmpuint (change (self, PB_CHANGE_REMOVE, id), ==, 1);
}

/* ---- the walk ---- */

/* @filter (transfer full). Returns: how many ids came, @limit at a time, rising. */
static guint
count_walk (Fixture *self, PbQueueFilter *filter, guint64 end, guint limit)
{
  g_autoptr (PbStoreWalk) walk = pb_store_walk_new (self->store, filter, end);
  guint64 last = 0;
  guint n = 0, got;

  do
    {
      g_auto (Said) said = { FALSE };

      pb_store_walk_next (walk, limit, self->mailbox, on_walked, &said);
      wait_for (self->mailbox, &said.called);
      g_assert_no_error (said.error);
      got = said.ids->len;
      g_assert_cmpuint (got, <=, limit);
      for (guint i = 0; i < got; i++)
        {
          guint64 id = g_array_index (said.ids, guint64, i);

          g_assert_cmpuint (id, >, last);
          last = id;
        }
      n += got;
    }
  while (got > 0);
  return n;
}

static PbQueueFilter *
filter_by (const char *sender, const char *recipient, const char *domain, const char *state,
           const char *search)
{
  PbQueueFilter *filter = g_new0 (PbQueueFilter, 1);

  filter->sender = g_strdup (sender);
  filter->recipient = g_strdup (recipient);
  filter->domain = g_strdup (domain);
  filter->state = state;
  filter->search = g_strdup (search);
  return filter;
}

static void
test_walk (Fixture *self, gconstpointer data)
{
  guint64 ids[30], end, other;

  for (guint i = 0; i < G_N_ELEMENTS (ids); i++)
    ids[i] = submit_message (self, i % 3 == 0 ? "Ann@Example.org" : "", 2,
                             i % 5 == 0 ? "x@Far.example" : "y@near.example", 100);
  end = pb_store_next_id (self->store);
  other = submit_message (self, "", 1, "x@far.example", 100);
  for (guint i = 0; i < 7; i++)
    settle_one (self, ids[i], 0, PB_RECIPIENT_QUEUED, 1, FAR / 2);
  for (guint limit = 1; limit < 40; limit += 6)
    {
      g_assert_cmpuint (count_walk (self, NULL, end, limit), ==, 30);
      g_assert_cmpuint (count_walk (self, NULL, G_MAXUINT64, limit), ==, 31);
      g_assert_cmpuint (count_walk (self, filter_by ("ann@example.org", NULL, NULL, NULL, NULL), end,
                                    limit),
                        ==, 10);
      g_assert_cmpuint (count_walk (self, filter_by ("", NULL, NULL, NULL, NULL), end, limit), ==, 20);
      g_assert_cmpuint (count_walk (self, filter_by (NULL, "X@far.example", NULL, NULL, NULL), end,
                                    limit),
                        ==, 6);
      g_assert_cmpuint (count_walk (self, filter_by (NULL, NULL, "FAR.EXAMPLE", NULL, NULL), end,
                                    limit),
                        ==, 6);
      g_assert_cmpuint (count_walk (self, filter_by (NULL, NULL, "r.example", NULL, NULL), end, limit),
                        ==, 0);
      g_assert_cmpuint (count_walk (self, filter_by (NULL, NULL, NULL, "deferred", NULL), end, limit),
                        ==, 7);
      g_assert_cmpuint (count_walk (self, filter_by ("ann@example.org", NULL, NULL, "deferred", NULL),
                                    end, limit),
                        ==, 3);
      g_assert_cmpuint (count_walk (self, filter_by (NULL, NULL, NULL, NULL, "near"), end, limit), ==,
                        24);
    }
  g_assert_cmpuint (change (self, PB_CHANGE_REMOVE, other), ==, 1);
  g_assert_cmpuint (count_walk (self, NULL, G_MAXUINT64, 500), ==, 30);
}

/* Pages from both ends, and beyond. */
static void
test_pages (Fixture *self, gconstpointer data)
{
  enum
  {
    N = 23
  };
  guint64 ids[N];

  for (guint i = 0; i < N; i++)
    ids[i] = submit_message (self, "a@example.org", 1, "b@example.net", 10);
  for (guint i = 0; i < N; i += 2)
    settle_one (self, ids[i], 0, PB_RECIPIENT_QUEUED, 1, FAR / 2);
  for (guint offset = 0; offset < N + 3; offset++)
    for (guint limit = 0; limit < N + 3; limit += 4)
      {
        g_auto (Answer) all = { 0 };
        g_auto (Answer) deferred = { 0 };
        guint n = offset < N ? MIN (limit, N - offset) : 0;
        guint n_deferred = offset < (N + 1) / 2 ? MIN (limit, (N + 1) / 2 - offset) : 0;

        page (self, NULL, offset, limit, &all);
        g_assert_cmpuint (all.total, ==, N);
        g_assert_cmpuint (all.queued->len, ==, n);
        for (guint i = 0; i < n; i++)
          g_assert_cmpuint (queued_at (&all, i)->envelope->id, ==, ids[offset + i]);
        page (self, filter_by (NULL, NULL, NULL, "deferred", NULL), offset, limit, &deferred);
        g_assert_cmpuint (deferred.total, ==, (N + 1) / 2);
        g_assert_cmpuint (deferred.queued->len, ==, n_deferred);
        for (guint i = 0; i < n_deferred; i++)
          g_assert_cmpuint (queued_at (&deferred, i)->envelope->id, ==, ids[2 * (offset + i)]);
      }
}

/* ---- a look ---- */

typedef struct
{
  gboolean called;
  GBytes *octets;
  guint64 size;
  GError *error;
} Look;

static void
on_read (GBytes *octets, guint64 size, const GError *error, gpointer data)
{
  Look *look = data;

  look->called = TRUE;
  look->octets = octets != NULL ? g_bytes_ref (octets) : NULL;
  look->size = size;
  look->error = error != NULL ? g_error_copy (error) : NULL;
}

static void
assert_read (Fixture *self, guint64 id, guint64 offset, guint length, guint64 size, guint expected)
{
  Look look = { FALSE };

  pb_store_read (self->store, id, offset, length, self->mailbox, on_read, &look);
  wait_for (self->mailbox, &look.called);
  g_assert_no_error (look.error);
  g_assert_cmpuint (look.size, ==, size);
  g_assert_cmpuint (g_bytes_get_size (look.octets), ==, expected);
  for (guint i = 0; i < expected; i++)
    g_assert_cmpint (((const char *) g_bytes_get_data (look.octets, NULL))[i], ==, 'm');
  g_bytes_unref (look.octets);
}

static void
test_read (Fixture *self, gconstpointer data)
{
  static const guint sizes[] = { 1, 100, PB_BODY_INLINE_MAX, PB_BODY_INLINE_MAX + 1, 300000 };
  Look look = { FALSE };

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      guint64 id = submit_message (self, "a@example.org", 1, "b@example.net", sizes[i]);

      assert_read (self, id, 0, 65536, sizes[i], MIN (sizes[i], 65536));
      assert_read (self, id, sizes[i] - 1, 65536, sizes[i], 1);
      assert_read (self, id, sizes[i], 65536, sizes[i], 0);
      assert_read (self, id, G_MAXINT64, 1, sizes[i], 0);
      assert_read (self, id, 0, 0, sizes[i], 0);
    }
  pb_store_read (self->store, 12345, 0, 1, self->mailbox, on_read, &look);
  wait_for (self->mailbox, &look.called);
  g_assert_error (look.error, PB_STORE_ERROR, PB_STORE_ERROR_NOT_FOUND);
  g_clear_error (&look.error);
}

/* ---- the schema before ---- */

static void
test_older_schema (Fixture *self, gconstpointer data)
{
  g_auto (Answer) answer = { 0 };
  g_autofree char *path = fixture_path (self, "queue.db");
  guint64 id = submit_message (self, "a@example.org", 1, "b@example.net", 100);
  sqlite3 *database;

  settle_one (self, id, 0, PB_RECIPIENT_QUEUED, 2, 1000);
  g_clear_pointer (&self->store, pb_store_close);
  g_assert_cmpint (sqlite3_open (path, &database), ==, SQLITE_OK);
  g_assert_cmpint (sqlite3_exec (database, "DROP INDEX message_class; ALTER TABLE message DROP COLUMN target; "
                                           "PRAGMA user_version = 1;", NULL, NULL, NULL),
                   ==, SQLITE_OK);
  sqlite3_close (database);
  self->store = open_store (self->directory);
  claim (self, FAR, 10, NULL, &answer);
  g_assert_cmpuint (queued_at (&answer, 0)->envelope->id, ==, id);
  g_assert_cmpuint (queued_at (&answer, 0)->statuses[0].attempts, ==, 2);
  g_assert_cmpuint (change (self, PB_CHANGE_HOLD, id), ==, 1);
}

static PbSettlement *
make_notice (Fixture *self, guint64 id, guint recipient, gsize size)
{
  PbSettlement *settlement = make_settlement (id, recipient, PB_RECIPIENT_FAILED, 1, 0, NULL);

  settlement->dsn = make_envelope (self->store, "", 1, "a@example.org", size);
  settlement->dsn_body = make_spool (self->store, size, 'd');
  return settlement;
}

/* An attempt that fails while its message is removed with a notice: whoever comes first tells, in one batch or in two. */
static void
test_told_once (Fixture *self, gconstpointer data)
{
  for (guint together = 0; together < 2; together++)
    {
      g_auto (Answer) first = { 0 }, second = { 0 };
      guint64 id = submit_message (self, "a@example.org", 2, "b@example.net", 100);
      PbQueueCounts before, after;

      pb_store_counts (self->store, &before);
      pb_store_settle (self->store, make_notice (self, id, 0, 300), self->mailbox, on_submitted, &first);
      if (!together)
        wait_for (self->mailbox, &first.called);
      pb_store_settle (self->store, make_notice (self, id, 0, 300), self->mailbox, on_submitted, &second);
      wait_for (self->mailbox, &first.called);
      wait_for (self->mailbox, &second.called);
      g_assert_no_error (first.error);
      g_assert_error (second.error, PB_STORE_ERROR, PB_STORE_ERROR_NOT_FOUND);
      pb_store_counts (self->store, &after);
      g_assert_cmpuint (after.active, ==, before.active + 1);
    }
}

/* A notice so large that it is a file: until that is on disk its recipients' old states are still to be read. */
static void
test_claim_beside_large_notice (Fixture *self, gconstpointer data)
{
  guint64 id = submit_message (self, "a@example.org", 2, "b@example.net", 100);
  g_auto (Answer) settled = { 0 }, claimed = { 0 };

  pb_store_settle (self->store, make_notice (self, id, 0, 20 * 1024 * 1024), self->mailbox,
                   on_submitted, &settled);
  claim (self, FAR, 10, NULL, &claimed);
  g_assert_cmpuint (claimed.queued->len, ==, 0);
  wait_for (self->mailbox, &settled.called);
  g_assert_no_error (settled.error);
  claim (self, FAR, 10, NULL, &claimed);
  g_assert_cmpuint (claimed.queued->len, ==, 2);
  g_assert_cmpint (queued_at (&claimed, 0)->statuses[0].recipient, ==, 1);
}

/* Who has the message already is no reason to remove it from those who wait. */
static void
test_filter_by_who_waits (Fixture *self, gconstpointer data)
{
  const char *const addresses[] = { "b@done.example", "r1@example.net" };
  guint64 id = submit_message (self, "a@example.org", 2, addresses[0], 100);

  settle_one (self, id, 0, PB_RECIPIENT_DELIVERED, 1, 0);
  for (guint i = 0; i < 2; i++)
    for (guint by_domain = 0; by_domain < 2; by_domain++)
      {
        g_auto (Answer) answer = { 0 };
        PbQueueFilter *filter = g_new0 (PbQueueFilter, 1);

        *(by_domain ? &filter->domain : &filter->recipient) =
          g_strdup (by_domain ? strchr (addresses[i], '@') + 1 : addresses[i]);
        page (self, filter, 0, 10, &answer);
        g_assert_cmpuint (answer.total, ==, i);
      }
}

#define ADD(name, function)                                                                        \
  g_test_add ("/store/change/" name, Fixture, NULL, set_up, function, fixture_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  fault_vfs_register ();
  ADD ("each", test_each_change);
  ADD ("target", test_target);
  ADD ("state", test_state_is_looked_at_again);
  ADD ("marks", test_marks);
  ADD ("wish", test_wish_is_fulfilled);
  ADD ("removed-before-its-notice", test_removed_before_its_notice);
  ADD ("told-once", test_told_once);
  ADD ("claim-under-way", test_claim_under_way);
  ADD ("claim-beside-large-notice", test_claim_beside_large_notice);
  ADD ("full", test_full);
  ADD ("broken", test_broken);
  ADD ("walk", test_walk);
  ADD ("pages", test_pages);
  ADD ("who-waits", test_filter_by_who_waits);
  ADD ("read", test_read);
  ADD ("older-schema", test_older_schema);
  return g_test_run ();
}
