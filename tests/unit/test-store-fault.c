/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The queue's store on a disk that is full, busy or broken: what is acknowledged, what is not, and how often
 * it syncs.
 */
#include "fault-vfs.h"
#include "store-fixture.h"

#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>

#define FAR      G_MAXINT64
#define MESSAGES 300

static void
set_up (Fixture *self, gconstpointer data)
{
  g_atomic_int_set (&fault_fail_sync_at, 0);
  g_atomic_int_set (&fault_write_code, 0);
  fixture_set_up (self, data);
}

static guint
syncs_since (guint before)
{
  return (guint) g_atomic_int_get (&fault_syncs) - before;
}

/* What waits while a sync is under way is written by one sync for each 64 messages. */
static void
test_group_commit (Fixture *self, gconstpointer data)
{
  static const struct
  {
    guint messages, syncs;
  } rows[] = { { 1, 1 }, { 63, 1 }, { 64, 1 }, { 65, 2 }, { 130, 3 } };

  for (guint row = 0; row < G_N_ELEMENTS (rows); row++)
    {
      Answer first = { 0 };
      Answer answers[130] = { { 0 } };
      guint before;

      fault_block ();
      send_message (self, "a@example.org", 1, "b@example.net", 4096, &first);
      fault_await_blocked ();
      before = (guint) g_atomic_int_get (&fault_syncs);
      for (guint i = 0; i < rows[row].messages; i++)
        send_message (self, "a@example.org", 1, "b@example.net", 4096, &answers[i]);
      fault_release ();
      for (guint i = 0; i < rows[row].messages; i++)
        {
          wait_for (self->mailbox, &answers[i].called);
          g_assert_no_error (answers[i].error);
          answer_clear (&answers[i]);
        }
      g_assert_cmpuint (syncs_since (before), ==, rows[row].syncs);
      answer_clear (&first);
    }
}

/* Delivery marks cost no sync of their own when a message is on its way. */
static void
test_marks_ride (Fixture *self, gconstpointer data)
{
  guint64 ids[MESSAGES];
  Answer first = { 0 }, second = { 0 };
  guint before;

  for (guint i = 0; i < MESSAGES; i++)
    ids[i] = submit_message (self, "a@example.org", 1, "b@example.net", 100);
  fault_block ();
  send_message (self, "a@example.org", 1, "b@example.net", 100, &first);
  fault_await_blocked ();
  before = (guint) g_atomic_int_get (&fault_syncs);
  for (guint i = 0; i < MESSAGES; i++)
    pb_store_settle (self->store, make_settlement (ids[i], 0, PB_RECIPIENT_DELIVERED, 1, 0, NULL),
                     NULL, NULL, NULL);
  send_message (self, "a@example.org", 1, "b@example.net", 100, &second);
  fault_release ();
  wait_for (self->mailbox, &second.called);
  g_assert_cmpuint (syncs_since (before), ==, 1);
  assert_counts (self, 2, 0, 0);
  answer_clear (&first);
  answer_clear (&second);
}

typedef struct
{
  gboolean called;
  PbStoreState state;
} StateSeen;

static void
on_state (PbStore *store, PbStoreState state, gpointer data)
{
  StateSeen *seen = data;

  seen->called = TRUE;
  seen->state = state;
}

/* The N-th sync fails: what was acknowledged before is there after a restart, nothing is acknowledged after, and no sync is tried again. */
static void
test_sync_fails (Fixture *self, gconstpointer data)
{
  for (guint n = 1; n <= 4; n++)
    {
      g_auto (Answer) answer = { 0 };
      StateSeen seen = { FALSE, PB_STORE_OK };
      guint acknowledged = 0, before;

      pb_store_watch_state (self->store, self->mailbox, on_state, &seen);
      g_atomic_int_set (&fault_fail_sync_at, g_atomic_int_get (&fault_syncs) + (gint) n);
      for (;;)
        {
          answer_clear (&answer);
          send_message (self, "a@example.org", 1, "b@example.net", 100, &answer);
          wait_for (self->mailbox, &answer.called);
          if (answer.error != NULL)
            break;
          acknowledged++;
        }
      g_assert_error (answer.error, PB_STORE_ERROR, PB_STORE_ERROR_FAILED);
      g_assert_null (answer.body);
      g_assert_false (pb_store_error_is_temporary (answer.error));
      wait_for (self->mailbox, &seen.called);
      g_assert_cmpint (seen.state, ==, PB_STORE_FAILED);
      g_assert_cmpint (pb_store_state (self->store), ==, PB_STORE_FAILED);
      before = (guint) g_atomic_int_get (&fault_syncs);
      answer_clear (&answer);
      send_message (self, "a@example.org", 1, "b@example.net", 100, &answer);
      wait_for (self->mailbox, &answer.called);
      g_assert_error (answer.error, PB_STORE_ERROR, PB_STORE_ERROR_FAILED);
      claim (self, FAR, 1, NULL, &answer);
      g_assert_error (answer.error, PB_STORE_ERROR, PB_STORE_ERROR_FAILED);
      g_clear_pointer (&self->store, pb_store_close);
      g_assert_cmpuint (syncs_since (before), ==, 0);
      self->store = open_store (self->directory);
      claim (self, FAR, 1000, NULL, &answer);
      g_assert_no_error (answer.error);
      /* The failed one may have reached the disk all the same: twice is allowed, never is not. */
      g_assert_cmpuint (answer.queued->len, >=, acknowledged);
      for (guint i = 0; i < answer.queued->len; i++)
        settle_one (self, queued_at (&answer, i)->envelope->id, 0, PB_RECIPIENT_DELIVERED, 1, 0);
      assert_counts (self, 0, 0, 0);
    }
}

/* All that waits behind a failing sync is told. */
static void
test_sync_fails_for_all (Fixture *self, gconstpointer data)
{
  Answer answers[MESSAGES] = { { 0 } };
  g_auto (Answer) mark = { 0 };
  guint64 id = submit_message (self, "a@example.org", 1, "b@example.net", 100);

  g_atomic_int_set (&fault_fail_sync_at, g_atomic_int_get (&fault_syncs) + 1);
  fault_block ();
  for (guint i = 0; i < MESSAGES; i++)
    send_message (self, "a@example.org", 1, "b@example.net", i % 50 == 0 ? 100000 : 100,
                  &answers[i]);
  pb_store_settle (self->store, make_settlement (id, 0, PB_RECIPIENT_DELIVERED, 1, 0, NULL),
                   self->mailbox, on_submitted, &mark);
  fault_await_blocked ();
  fault_release ();
  for (guint i = 0; i < MESSAGES; i++)
    {
      wait_for (self->mailbox, &answers[i].called);
      g_assert_error (answers[i].error, PB_STORE_ERROR, PB_STORE_ERROR_FAILED);
      answer_clear (&answers[i]);
    }
  wait_for (self->mailbox, &mark.called);
  g_assert_error (mark.error, PB_STORE_ERROR, PB_STORE_ERROR_FAILED);
}

static void
test_write_fails (Fixture *self, gconstpointer data)
{
  g_auto (Answer) answer = { 0 };

  submit_message (self, "a@example.org", 1, "b@example.net", 100);
  g_atomic_int_set (&fault_write_code, SQLITE_IOERR_WRITE);
  send_message (self, "a@example.org", 1, "b@example.net", 100, &answer);
  wait_for (self->mailbox, &answer.called);
  g_assert_error (answer.error, PB_STORE_ERROR, PB_STORE_ERROR_FAILED);
  g_atomic_int_set (&fault_write_code, 0);
  answer_clear (&answer);
  send_message (self, "a@example.org", 1, "b@example.net", 100, &answer);
  wait_for (self->mailbox, &answer.called);
  g_assert_error (answer.error, PB_STORE_ERROR, PB_STORE_ERROR_FAILED);
}

/* Full: this batch is refused, marks wait, and all goes on when there is room. */
static void
test_disk_full (Fixture *self, gconstpointer data)
{
  g_auto (Answer) answer = { 0 };
  g_auto (Answer) mark = { 0 };
  guint64 id = submit_message (self, "a@example.org", 1, "b@example.net", 100);

  g_atomic_int_set (&fault_write_code, SQLITE_FULL);
  pb_store_settle (self->store, make_settlement (id, 0, PB_RECIPIENT_DELIVERED, 1, 0, NULL),
                   self->mailbox, on_submitted, &mark);
  for (guint i = 0; i < 3; i++)
    {
      answer_clear (&answer);
      send_message (self, "a@example.org", 1, "b@example.net", i == 1 ? 100000 : 100, &answer);
      wait_for (self->mailbox, &answer.called);
      g_assert_error (answer.error, PB_STORE_ERROR, PB_STORE_ERROR_FULL);
      g_assert_true (pb_store_error_is_temporary (answer.error));
      g_assert_cmpint (pb_store_state (self->store), !=, PB_STORE_FAILED);
    }
  g_assert_false (mark.called);
  assert_counts (self, 1, 0, 0);
  g_atomic_int_set (&fault_write_code, 0);
  submit_message (self, "a@example.org", 1, "b@example.net", 100);
  wait_for (self->mailbox, &mark.called);
  g_assert_no_error (mark.error);
  assert_counts (self, 1, 0, 0);
}

/* A claim behind marks that cannot be written waits for them, or it would deliver twice. */
static void
test_claim_when_full (Fixture *self, gconstpointer data)
{
  g_auto (Answer) answer = { 0 };
  g_auto (Answer) refused = { 0 };
  guint64 id = submit_message (self, "a@example.org", 1, "b@example.net", 100);

  g_atomic_int_set (&fault_write_code, SQLITE_FULL);
  pb_store_settle (self->store, make_settlement (id, 0, PB_RECIPIENT_DELIVERED, 1, 0, NULL), NULL,
                   NULL, NULL);
  pb_store_claim (self->store, FAR, 10, NULL, self->mailbox, on_claimed, &answer);
  send_message (self, "a@example.org", 1, "b@example.net", 100, &refused);
  wait_for (self->mailbox, &refused.called);
  g_assert_error (refused.error, PB_STORE_ERROR, PB_STORE_ERROR_FULL);
  g_assert_false (answer.called);
  g_atomic_int_set (&fault_write_code, 0);
  wait_for (self->mailbox, &answer.called);
  g_assert_no_error (answer.error);
  g_assert_cmpuint (answer.queued->len, ==, 0);
}

static void
test_busy (Fixture *self, gconstpointer data)
{
  g_auto (Answer) answer = { 0 };
  g_autofree char *path = fixture_path (self, "queue.db");
  sqlite3 *other = NULL;

  submit_message (self, "a@example.org", 1, "b@example.net", 100);
  g_assert_cmpint (sqlite3_open (path, &other), ==, SQLITE_OK);
  g_assert_cmpint (sqlite3_exec (other, "BEGIN IMMEDIATE", NULL, NULL, NULL), ==, SQLITE_OK);
  send_message (self, "a@example.org", 1, "b@example.net", 100, &answer);
  wait_for (self->mailbox, &answer.called);
  g_assert_error (answer.error, PB_STORE_ERROR, PB_STORE_ERROR_BUSY);
  g_assert_cmpint (sqlite3_exec (other, "ROLLBACK", NULL, NULL, NULL), ==, SQLITE_OK);
  sqlite3_close (other);
  submit_message (self, "a@example.org", 1, "b@example.net", 100);
  assert_counts (self, 2, 0, 0);
}

static guint
n_files (Fixture *self, const char *name)
{
  g_autofree char *path = fixture_path (self, name);
  g_autoptr (GDir) directory = g_dir_open (path, 0, NULL);
  guint n = 0;

  while (g_dir_read_name (directory) != NULL)
    n++;
  return n;
}

/* A body's file that finds no room: refused, nothing left behind; a DSN's file likewise leaves its recipient waiting. */
static void
test_file_limit (Fixture *self, gconstpointer data)
{
  g_auto (Answer) answer = { 0 };
  guint64 id = submit_message (self, "a@example.org", 2, "b@example.net", 100);
  PbSettlement *settlement =
    make_settlement (id, 0, PB_RECIPIENT_FAILED, 1, 0, "550 5.1.1 unknown");
  struct rlimit before, small;

  g_assert_cmpint (getrlimit (RLIMIT_FSIZE, &before), ==, 0);
  small = (struct rlimit){ 1024 * 1024, before.rlim_max };
  signal (SIGXFSZ, SIG_IGN);
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &small), ==, 0);
  send_message (self, "a@example.org", 1, "b@example.net", 3000000, &answer);
  wait_for (self->mailbox, &answer.called);
  g_assert_error (answer.error, PB_STORE_ERROR, PB_STORE_ERROR_FULL);
  answer_clear (&answer);
  settlement->dsn = make_envelope (self->store, "", 1, "a@example.org", 3000000);
  settlement->dsn_body = make_spool (self->store, 3000000, 'd');
  pb_store_settle (self->store, settlement, self->mailbox, on_submitted, &answer);
  wait_for (self->mailbox, &answer.called);
  g_assert_error (answer.error, PB_STORE_ERROR, PB_STORE_ERROR_FULL);
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &before), ==, 0);
  g_assert_cmpint (pb_store_state (self->store), !=, PB_STORE_FAILED);
  g_assert_cmpuint (n_files (self, "spool/tmp"), ==, 0);
  g_assert_cmpuint (n_files (self, "spool"), ==, 1);
  claim (self, FAR, 10, NULL, &answer);
  g_assert_cmpuint (queued_at (&answer, 0)->n_statuses, ==, 2);
  submit_message (self, "a@example.org", 1, "b@example.net", 3000000);
}

/* A small disk of its own. Returns: FALSE where that takes rights we do not have. */
static gboolean
mount_small_disk (Fixture *self)
{
  g_autofree char *path = fixture_path (self, "disk");

  g_assert_cmpint (g_mkdir (path, 0700), ==, 0);
  if (unshare (CLONE_NEWNS) != 0 || mount ("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0
      || mount ("none", path, "tmpfs", 0, "size=8m") != 0)
    return FALSE;
  return TRUE;
}

/* Fills the disk to the last octet. Returns: the ids of what was taken. */
static GArray *
fill (Fixture *self)
{
  GArray *ids = g_array_new (FALSE, FALSE, sizeof (guint64));

  for (;;)
    {
      g_auto (Answer) answer = { 0 };
      guint64 id = send_message (self, "a@example.org", 1, "b@example.net",
                                 ids->len % 50 == 49 ? 100000 : 4000, &answer);

      wait_for (self->mailbox, &answer.called);
      if (answer.error == NULL)
        g_array_append_val (ids, id);
      else
        {
          g_assert_error (answer.error, PB_STORE_ERROR, PB_STORE_ERROR_FULL);
          return ids;
        }
    }
}

/* A disk filled to the brim still drains: what is delivered goes, and new mail is taken again. */
static void
test_small_disk (Fixture *self, gconstpointer data)
{
  g_autofree char *path = fixture_path (self, "disk");
  g_autofree char *state = fixture_path (self, "disk/state");
  Fixture small = { state, self->mailbox, NULL };

  if (!mount_small_disk (self))
    {
      g_test_skip ("no rights to mount a small disk");
      return;
    }
  small.store = open_store (state);
  for (guint round = 0; round < 2; round++)
    {
      g_autoptr (GArray) ids = fill (&small);
      g_auto (Answer) answer = { 0 };

      g_assert_cmpuint (ids->len, >, 100);
      for (guint i = 0; i < ids->len; i++)
        pb_store_settle (small.store,
                         make_settlement (g_array_index (ids, guint64, i), 0,
                                          PB_RECIPIENT_DELIVERED, 1, 0, NULL),
                         NULL, NULL, NULL);
      claim (&small, FAR, 10, NULL, &answer);
      g_assert_no_error (answer.error);
      g_assert_cmpuint (answer.queued->len, ==, 0);
      assert_counts (&small, 0, 0, 0);
    }
  pb_store_close (small.store);
  g_assert_cmpint (umount (path), ==, 0);
}

/* quick_check runs beside: the store opens, then says that it failed. */
static void
test_damaged_pages (Fixture *self, gconstpointer data)
{
  g_autofree char *path = fixture_path (self, "queue.db");
  StateSeen seen = { FALSE, PB_STORE_OK };
  sqlite3 *handle = NULL;
  sqlite3_stmt *statement = NULL;
  int root;
  FILE *file;

  for (guint i = 0; i < 100; i++)
    submit_message (self, "a@example.org", 1, "b@example.net", 5000);
  g_clear_pointer (&self->store, pb_store_close);
  g_assert_cmpint (sqlite3_open (path, &handle), ==, SQLITE_OK);
  g_assert_cmpint (sqlite3_prepare_v2 (handle,
                                       "SELECT rootpage FROM sqlite_schema WHERE name = 'body'", -1,
                                       &statement, NULL),
                   ==, SQLITE_OK);
  g_assert_cmpint (sqlite3_step (statement), ==, SQLITE_ROW);
  root = sqlite3_column_int (statement, 0);
  sqlite3_finalize (statement);
  sqlite3_close (handle);
  file = fopen (path, "r+");
  g_assert_cmpint (fseek (file, (root - 1) * 4096L, SEEK_SET), ==, 0);
  for (guint i = 0; i < 4096; i++)
    fputc (0xa5, file);
  fclose (file);
  self->store = open_store (self->directory);
  pb_store_watch_state (self->store, self->mailbox, on_state, &seen);
  /* The check may have been quicker than the watch. */
  seen.called = pb_store_state (self->store) == PB_STORE_FAILED;
  wait_for (self->mailbox, &seen.called);
  g_assert_cmpint (pb_store_state (self->store), ==, PB_STORE_FAILED);
  /* What is on its way is told while there is somebody to tell. */
  g_clear_pointer (&self->store, pb_store_close);
  pb_mailbox_dispatch (self->mailbox);
}

static void
add (const char *path, void (*test) (Fixture *, gconstpointer))
{
  g_test_add (path, Fixture, NULL, set_up, test, fixture_tear_down);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  fault_vfs_register ();
  add ("/store-fault/group-commit", test_group_commit);
  add ("/store-fault/marks-ride", test_marks_ride);
  add ("/store-fault/sync-fails", test_sync_fails);
  add ("/store-fault/sync-fails-for-all", test_sync_fails_for_all);
  add ("/store-fault/write-fails", test_write_fails);
  add ("/store-fault/disk-full", test_disk_full);
  add ("/store-fault/claim-when-full", test_claim_when_full);
  add ("/store-fault/busy", test_busy);
  add ("/store-fault/file-limit", test_file_limit);
  add ("/store-fault/small-disk", test_small_disk);
  add ("/store-fault/damaged-pages", test_damaged_pages);
  return g_test_run ();
}
