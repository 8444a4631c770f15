/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The writer by itself: batches, order, one wake-up a batch, lazy and persistent jobs, space that the units of
 * the disk watch judge.
 */
#include "fault-vfs.h"
#include "store/migrations.h"
#include "store/space.h"
#include "store/status.h"
#include "store/store.h"
#include "store/writer.h"

#include <glib/gstdio.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>

static const PbMigration steps[] = {
  { 1,
    "CREATE TABLE entry (id INTEGER PRIMARY KEY, batch INTEGER) STRICT; PRAGMA user_version = 1;" },
};
static const PbSchema schema = { "test", 78, "PRAGMA application_id = 78;", steps, 1 };

typedef struct
{
  char *directory;    /* (owned) */
  char *path;         /* (owned) */
  PbMailbox *mailbox; /* (owned) */
  PbWriter *writer;   /* (owned) */
  guint batches;      /* the writer thread's */
  guint answered;
  gboolean all_answered;
  guint expected;
  gint failures; /* atomic */
} Fixture;

typedef struct
{
  PbWriteJob job; /* first */
  Fixture *fixture;
  gint64 id;
  gboolean unknown; /* answers NOT_FOUND */
  GError *error;    /* (owned) (nullable) */
} Entry;

static void
on_begin (gpointer owner)
{
  ((Fixture *) owner)->batches++;
}

static void
on_failed (gpointer owner, const GError *error)
{
  g_atomic_int_inc (&((Fixture *) owner)->failures);
}

static gboolean
run_entry (PbWriteJob *job, gpointer owner, PbDatabase *database, GError **error)
{
  Entry *self = (Entry *) job;
  Fixture *fixture = owner;
  sqlite3_stmt *statement =
    pb_database_statement (database, "INSERT INTO entry (id, batch) VALUES (?1, ?2)", error);

  if (self->unknown)
    {
      g_set_error (error, PB_STORE_ERROR, PB_STORE_ERROR_NOT_FOUND, "no such thing");
      return FALSE;
    }
  if (statement == NULL)
    return FALSE;
  sqlite3_bind_int64 (statement, 1, self->id);
  sqlite3_bind_int64 (statement, 2, fixture->batches);
  return pb_database_run (database, statement, error);
}

static void
on_entry_answered (gpointer data)
{
  Entry *self = data;
  Fixture *fixture = self->fixture;

  /* Callbacks come in the order of pushing. */
  g_assert_cmpint (self->id, ==, fixture->answered + 1);
  if (self->unknown)
    g_assert_error (self->error, PB_STORE_ERROR, PB_STORE_ERROR_NOT_FOUND);
  fixture->answered++;
  fixture->all_answered = fixture->answered == fixture->expected;
  g_clear_error (&self->error);
  g_free (self);
}

static void
on_entry_done (PbWriteJob *job, gpointer owner, const GError *error, PbReplies *replies)
{
  Entry *self = (Entry *) job;

  self->error = error != NULL ? g_error_copy (error) : NULL;
  pb_replies_add (replies, self->fixture->mailbox, on_entry_answered, self);
}

static const PbWriteOps urgent_ops = { run_entry, on_entry_done, FALSE, FALSE };
static const PbWriteOps lazy_ops = { run_entry, on_entry_done, TRUE, TRUE };

static void
push (Fixture *self, const PbWriteOps *ops, gint64 id)
{
  Entry *entry = g_new0 (Entry, 1);

  entry->job.ops = ops;
  entry->fixture = self;
  entry->id = id;
  entry->unknown = id % 10 == 0;
  pb_writer_push (self->writer, &entry->job);
}

static void
set_up (Fixture *self, gconstpointer data)
{
  const PbWriterHooks hooks = { .begin = on_begin, .failed = on_failed };
  g_autoptr (GError) error = NULL;
  PbDatabase *database;

  g_atomic_int_set (&fault_fail_sync_at, 0);
  g_atomic_int_set (&fault_write_code, 0);
  self->directory = g_dir_make_tmp ("postbus-test-XXXXXX", &error);
  g_assert_no_error (error);
  self->path = g_build_filename (self->directory, "test.db", NULL);
  database = pb_schema_open (&schema, self->path, &error);
  g_assert_no_error (error);
  self->mailbox = pb_mailbox_new ();
  self->writer = pb_writer_new ("test-writer", database, GPOINTER_TO_UINT (data), &hooks, self);
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  g_autofree char *wal = g_strconcat (self->path, "-wal", NULL);
  g_autofree char *shm = g_strconcat (self->path, "-shm", NULL);

  g_clear_pointer (&self->writer, pb_writer_free);
  g_clear_pointer (&self->mailbox, pb_mailbox_unref);
  g_remove (wal);
  g_remove (shm);
  g_remove (self->path);
  g_assert_cmpint (g_rmdir (self->directory), ==, 0);
  g_free (self->path);
  g_free (self->directory);
}

static void
wait_answers (Fixture *self)
{
  gint64 deadline = g_get_monotonic_time () + 60 * G_USEC_PER_SEC;

  while (!self->all_answered)
    {
      struct pollfd fd = { .fd = pb_mailbox_fd (self->mailbox), .events = POLLIN };

      g_assert_cmpint (g_get_monotonic_time (), <, deadline);
      poll (&fd, 1, 1000);
      pb_mailbox_dispatch (self->mailbox);
    }
}

static gint64
read_back (Fixture *self, const char *sql)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PbDatabase) reader = pb_database_open (self->path, PB_DATABASE_READ_ONLY, &error);
  gint64 value;

  g_assert_no_error (error);
  pb_database_read_integer (reader, sql, &value, &error);
  g_assert_no_error (error);
  return value;
}

/* A job that fails alone costs its batch nothing. */
static void
test_batches (Fixture *self, gconstpointer data)
{
  self->expected = 200;
  fault_block ();
  push (self, &urgent_ops, 1);
  fault_await_blocked ();
  for (gint64 id = 2; id <= 200; id++)
    push (self, &urgent_ops, id);
  fault_release ();
  wait_answers (self);
  g_assert_cmpint (read_back (self, "SELECT count(*) FROM entry"), ==, 180);
  /* 1, then 199 by 64. */
  g_assert_cmpint (read_back (self, "SELECT max(batch) FROM entry"), ==, 5);
  g_assert_cmpint (read_back (self, "SELECT count(*) FROM entry WHERE batch = 2"), ==, 58);
}

/* A writer that a disk keeps waiting says since when; one that waits for work does not. */
static void
test_busy_since (Fixture *self, gconstpointer data)
{
  gint64 before = g_get_monotonic_time (), since;
  gint64 deadline = before + 60 * G_USEC_PER_SEC;

  self->expected = 1;
  fault_block ();
  push (self, &urgent_ops, 1);
  fault_await_blocked ();
  since = pb_writer_busy_since (self->writer);
  g_assert_cmpint (since, >=, before);
  g_assert_cmpint (since, <=, g_get_monotonic_time ());
  fault_release ();
  wait_answers (self);
  while (pb_writer_busy_since (self->writer) != 0)
    {
      g_assert_cmpint (g_get_monotonic_time (), <, deadline);
      g_thread_yield ();
    }
}

static void
on_marker (gpointer data)
{
  (*(guint *) data)++;
}

/* One batch, one closure: what was posted before and after it runs before and after all of its callbacks. */
static void
test_one_closure (Fixture *self, gconstpointer data)
{
  g_autoptr (PbReplies) replies = pb_replies_new ();
  g_autoptr (PbMailbox) other = pb_mailbox_new ();
  guint runs = 0, other_runs = 0;

  for (guint i = 0; i < 10; i++)
    {
      pb_replies_add (replies, self->mailbox, on_marker, &runs);
      pb_replies_add (replies, other, on_marker, &other_runs);
    }
  pb_mailbox_dispatch (self->mailbox);
  g_assert_cmpuint (runs, ==, 0);
  pb_replies_post (replies);
  pb_replies_post (replies);
  pb_mailbox_dispatch (self->mailbox);
  g_assert_cmpuint (runs, ==, 10);
  g_assert_cmpuint (other_runs, ==, 0);
  pb_mailbox_dispatch (other);
  g_assert_cmpuint (other_runs, ==, 10);
}

/* Lazy jobs need no urgent one to be written in the end. */
static void
test_lazy (Fixture *self, gconstpointer data)
{
  self->expected = 9;
  for (gint64 id = 1; id <= 9; id++)
    push (self, &lazy_ops, id);
  wait_answers (self);
  g_assert_cmpint (read_back (self, "SELECT count(*) FROM entry"), ==, 9);
}

/* A hint that nothing comes of delays a batch, no more. */
static void
test_hint (Fixture *self, gconstpointer data)
{
  self->expected = 3;
  pb_writer_hint (self->writer, 5);
  push (self, &urgent_ops, 1);
  push (self, &urgent_ops, 2);
  pb_writer_hint (self->writer, -100);
  push (self, &urgent_ops, 3);
  wait_answers (self);
  g_assert_cmpint (read_back (self, "SELECT count(*) FROM entry"), ==, 3);
}

/* The log is copied when it is due, and closing leaves all in the file itself. */
static void
test_checkpoint (Fixture *self, gconstpointer data)
{
  g_autofree char *wal = g_strconcat (self->path, "-wal", NULL);
  GStatBuf status;

  self->expected = 1000;
  for (gint64 id = 1; id <= 1000; id++)
    push (self, &urgent_ops, id);
  wait_answers (self);
  pb_writer_stop (self->writer);
  g_assert_cmpint (g_stat (wal, &status), ==, 0);
  g_assert_cmpint (status.st_size, ==, 0);
  g_assert_cmpint (read_back (self, "SELECT count(*) FROM entry"), ==, 900);
}

static void
on_late_done (PbWriteJob *job, gpointer owner, const GError *error, PbReplies *replies)
{
  g_assert_error (error, PB_STORE_ERROR, PB_STORE_ERROR_FAILED);
  ((Fixture *) owner)->answered++;
  g_free (job);
}

/* Every end is told, also to who comes too late. */
static void
test_pushed_too_late (Fixture *self, gconstpointer data)
{
  static const PbWriteOps late_ops = { NULL, on_late_done, FALSE, FALSE };
  PbWriteJob *job = g_new0 (PbWriteJob, 1);

  pb_writer_stop (self->writer);
  job->ops = &late_ops;
  pb_writer_push (self->writer, job);
  g_assert_cmpuint (self->answered, ==, 1);
}

/* A failing sync of the file, in a checkpoint, ends the writing like one of the log. */
static void
test_checkpoint_fails (Fixture *self, gconstpointer data)
{
  static const PbWriteOps late_ops = { NULL, on_late_done, FALSE, FALSE };
  PbWriteJob *job = g_new0 (PbWriteJob, 1);
  gint64 deadline = g_get_monotonic_time () + 60 * G_USEC_PER_SEC;

  self->expected = 1;
  /* The commit's own sync comes first, the checkpoint's are the next two. */
  g_atomic_int_set (&fault_fail_sync_at, g_atomic_int_get (&fault_syncs) + 3);
  push (self, &urgent_ops, 1);
  wait_answers (self);
  while (g_atomic_int_get (&self->failures) == 0)
    {
      g_assert_cmpint (g_get_monotonic_time (), <, deadline);
      g_thread_yield ();
    }
  job->ops = &late_ops;
  pb_writer_push (self->writer, job);
  g_assert_cmpuint (self->answered, ==, 2);
  g_assert_cmpint (g_atomic_int_get (&self->failures), ==, 1);
}

/* ---- pieces without a thread ---- */

/* A transaction larger than cache and buffer is spilled, read back and changed before it is committed. */
static void
test_large_transaction (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  PbDatabase *database;

  g_clear_pointer (&self->writer, pb_writer_free);
  database = pb_schema_open (&schema, self->path, &error);
  g_assert_no_error (error);
  pb_database_exec (
    database,
    "PRAGMA cache_size = 10; CREATE TABLE large (id INTEGER PRIMARY KEY, data BLOB); BEGIN;"
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)"
    " INSERT INTO large SELECT i, zeroblob (3000 + i) FROM n;"
    "UPDATE large SET data = zeroblob (4000 + id) WHERE id % 3 = 0;"
    "DELETE FROM large WHERE id % 7 = 0; COMMIT;",
    &error);
  g_assert_no_error (error);
  g_assert_cmpint (read_back (self, "SELECT count(*) FROM large"), ==, 2000 - 285);
  g_assert_cmpint (
    read_back (self, "SELECT sum(length(data) = 3000 + id + 1000 * (id % 3 = 0)) FROM large"), ==,
    2000 - 285);
  pb_database_exec (database, "BEGIN; UPDATE large SET data = NULL; ROLLBACK;", &error);
  g_assert_no_error (error);
  g_assert_true (pb_database_checkpoint (database, TRUE, &error));
  g_assert_cmpint (
    read_back (self, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'"),
    ==, 1);
  g_assert_cmpint (read_back (self, "SELECT count(data) FROM large"), ==, 2000 - 285);
  pb_database_close (database);
}

static void
test_space (void)
{
  const guint64 mib = 1024 * 1024, gib = 1024 * mib;
  static const struct
  {
    guint64 available_mib, total_mib;
    gboolean was_low, low;
  } rows[] = {
    { 100, 1000, FALSE, FALSE },   { 63, 1000, FALSE, TRUE },      { 70, 1000, TRUE, TRUE },
    { 81, 1000, TRUE, FALSE },     { 3, 16, FALSE, FALSE },        { 1, 16, FALSE, TRUE },
    { 2, 16, TRUE, TRUE },         { 2000, 100000, FALSE, FALSE }, { 1900, 100000, FALSE, FALSE },
    { 1023, 100000, FALSE, TRUE }, { 0, 0, FALSE, FALSE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    g_assert_cmpint (pb_space_judge (rows[i].available_mib * mib, rows[i].total_mib * mib, 64 * mib,
                                     gib, rows[i].was_low),
                     ==, rows[i].low);
}

static void
test_status_column (void)
{
  g_autoptr (PbStatusSet) set = pb_status_set_new (300, 5);
  g_autoptr (PbStatusSet) back = NULL;
  g_autoptr (GBytes) column = NULL;
  const guint8 *octets;
  gsize length;

  for (guint i = 0; i < set->n; i++)
    {
      PbRecipientStatus status = { .recipient = i,
                                   .state = (PbRecipientState) (i % 4),
                                   .attempts = i * 1000,
                                   .next_attempt = G_GINT64_CONSTANT (1) << (i % 62),
                                   .delay_told = i % 3 == 0,
                                   .last_reply = i % 5 == 0 ? NULL : (char *) "450 4.2.0 busy",
                                   .last_remote = i % 7 == 0 ? NULL : (char *) "[192.0.2.1]:25" };

      pb_status_set_apply (set, &status);
    }
  g_assert_true (pb_status_set_change (set, PB_CHANGE_RETRY, 77));
  g_assert_true (pb_status_set_change (set, PB_CHANGE_RETRY, 78));
  column = pb_status_set_serialize (set);
  octets = g_bytes_get_data (column, &length);
  back = pb_status_set_parse (octets, length, 300);
  g_assert_nonnull (back);
  for (guint i = 0; i < set->n; i++)
    {
      g_assert_cmpint (back->all[i].state, ==, set->all[i].state);
      if (pb_recipient_state_is_done (set->all[i].state))
        continue;
      g_assert_cmpuint (back->all[i].attempts, ==, set->all[i].attempts);
      g_assert_cmpint (back->all[i].next_attempt, ==, set->all[i].next_attempt);
      g_assert_cmpint (back->all[i].delay_told, ==, set->all[i].delay_told);
      g_assert_cmpstr (back->all[i].last_reply, ==, set->all[i].last_reply);
      g_assert_cmpstr (back->all[i].last_remote, ==, set->all[i].last_remote);
      g_assert_cmpuint (back->all[i].by_hand, ==, set->all[i].state == PB_RECIPIENT_QUEUED ? 2 : 0);
    }
  g_assert_null (pb_status_set_parse (octets, length, 299));
  g_assert_null (pb_status_set_parse (octets, length - 1, 300));
  g_assert_null (pb_status_set_parse (NULL, 0, 1));
  for (gsize at = 0; at < length; at++)
    {
      g_autofree guint8 *damaged = g_memdup2 (octets, length);

      damaged[at] ^= 1;
      g_assert_null (pb_status_set_parse (damaged, length, 300));
    }
}

/* A database that is asked for while no descriptor is left is busy, not broken. */
static void
test_no_descriptors (Fixture *self, gconstpointer data)
{
  g_autoptr (PbDatabase) reader = NULL;
  g_autoptr (GError) error = NULL;
  struct rlimit limit, none;

  g_assert_cmpint (getrlimit (RLIMIT_NOFILE, &limit), ==, 0);
  none = (struct rlimit){ 0, limit.rlim_max };
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &none), ==, 0);
  reader = pb_database_open (self->path, PB_DATABASE_READ_ONLY, &error);
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &limit), ==, 0);
  g_assert_null (reader);
  g_assert_error (error, PB_STORE_ERROR, PB_STORE_ERROR_BUSY);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  fault_vfs_register ();
  g_test_add ("/writer/batches", Fixture, GUINT_TO_POINTER (1000), set_up, test_batches, tear_down);
  g_test_add ("/writer/one-closure", Fixture, GUINT_TO_POINTER (1000), set_up, test_one_closure,
              tear_down);
  g_test_add ("/writer/lazy", Fixture, GUINT_TO_POINTER (1000), set_up, test_lazy, tear_down);
  g_test_add ("/writer/hint", Fixture, GUINT_TO_POINTER (1000), set_up, test_hint, tear_down);
  g_test_add ("/writer/checkpoint", Fixture, GUINT_TO_POINTER (10), set_up, test_checkpoint,
              tear_down);
  g_test_add ("/writer/pushed-too-late", Fixture, GUINT_TO_POINTER (10), set_up,
              test_pushed_too_late, tear_down);
  g_test_add ("/writer/checkpoint-fails", Fixture, GUINT_TO_POINTER (1), set_up,
              test_checkpoint_fails, tear_down);
  g_test_add ("/writer/large-transaction", Fixture, GUINT_TO_POINTER (1000), set_up,
              test_large_transaction, tear_down);
  g_test_add ("/writer/busy-since", Fixture, GUINT_TO_POINTER (1000), set_up, test_busy_since,
              tear_down);
  g_test_add ("/writer/no-descriptors", Fixture, GUINT_TO_POINTER (1000), set_up, test_no_descriptors,
              tear_down);
  g_test_add_func ("/writer/space", test_space);
  g_test_add_func ("/writer/status-column", test_status_column);
  return g_test_run ();
}
