/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * history.db on a disk that is full or broken, taken away, damaged or of another time: nobody is stopped, and all that
 * fits into memory is written in the end.
 */
#include "history-fixture.h"

static void
wait_for_state (Bed *self, PbHistoryState state)
{
  gint64 deadline = g_get_monotonic_time () + WAIT_US;
  guint64 dropped;

  while (pb_history_state (self->history, &dropped) != state)
    {
      g_assert_cmpint (g_get_monotonic_time (), <, deadline);
      g_usleep (10000);
    }
}

/* Waits until a search finds as many, whatever is said meanwhile. */
static void
wait_until_found (Bed *self, const char *text, guint total)
{
  gint64 deadline = g_get_monotonic_time () + WAIT_US;
  g_auto (Found) found = { 0 };

  for (;;)
    {
      search (self, by_text (text), 0, 1, &found);
      if (found.error == NULL && found.total == total)
        return;
      g_assert_cmpint (g_get_monotonic_time (), <, deadline);
      g_usleep (10000);
    }
}

/* Nothing is lost of what fits into memory while the disk is full. */
static void
test_full (Bed *self, gconstpointer data)
{
  pb_history_add_message (self->history, make_message (1, 1, "first@example.org", "bob@example.net"));
  assert_texts (self, "first@", 1);
  g_atomic_int_set (&fault_write_code, SQLITE_FULL);
  pb_history_add_message (self->history, make_message (2, 2, "second@example.org", "bob@example.net"));
  wait_for_state (self, PB_HISTORY_BEHIND);
  assert_texts (self, "first@", 1);
  g_atomic_int_set (&fault_write_code, 0);
  wait_until_found (self, "second@", 1);
  wait_for_state (self, PB_HISTORY_OK);
}

/* The disk's last room is for mail: nothing is written, and nothing is lost, until there is more. */
static void
test_paused (Bed *self, gconstpointer data)
{
  pb_history_add_message (self->history, make_message (1, 1, "first@example.org", "bob@example.net"));
  assert_texts (self, "first@", 1);
  pb_history_set_paused (self->history, TRUE);
  wait_for_state (self, PB_HISTORY_BEHIND);
  pb_history_add_message (self->history, make_message (2, 2, "second@example.org", "bob@example.net"));
  assert_texts (self, "first@", 1);
  assert_texts (self, "second@", 0);
  pb_history_set_paused (self->history, FALSE);
  wait_until_found (self, "second@", 1);
  wait_for_state (self, PB_HISTORY_OK);
}

static void
test_io_error (Bed *self, gconstpointer data)
{
  pb_history_add_message (self->history, make_message (1, 1, "first@example.org", "bob@example.net"));
  assert_texts (self, "first@", 1);
  g_atomic_int_set (&fault_write_code, SQLITE_IOERR_WRITE);
  pb_history_add_message (self->history, make_message (2, 2, "second@example.org", "bob@example.net"));
  wait_for_state (self, PB_HISTORY_UNAVAILABLE);
  g_atomic_int_set (&fault_write_code, 0);
  wait_until_found (self, "second@", 1);
  wait_for_state (self, PB_HISTORY_OK);
  assert_texts (self, "first@", 1);
}

/* Bounded: the details go first, then the oldest records; each is counted. */
static void
test_overflow (Bed *self, gconstpointer data)
{
  g_autofree char *long_text = g_strnfill (8000, 't');
  g_auto (Found) found = { 0 };
  guint64 dropped;

  pb_history_add_message (self->history, make_message (1, 1, "first@example.org", "bob@example.net"));
  assert_texts (self, "first@", 1);
  g_atomic_int_set (&fault_write_code, SQLITE_FULL);
  for (guint i = 2; i < 5002; i++)
    {
      PbHistoryAttempt *attempt = make_attempt (i, PB_HISTORY_DELIVERED, "250 ok");

      g_free (attempt->transcript);
      attempt->transcript = g_strdup (long_text);
      pb_history_add_message (self->history, make_message (i, i, "flood@example.org", "bob@example.net"));
      pb_history_add_attempt (self->history, attempt);
    }
  pb_history_state (self->history, &dropped);
  g_assert_cmpuint (dropped, >, 0);
  g_atomic_int_set (&fault_write_code, 0);
  wait_until_found (self, "flood@", 5000);
  wait_for_state (self, PB_HISTORY_OK);
  /* Not the very oldest, which the writer may have had in its hands. */
  pb_history_list_attempts (self->history, 700, self->mailbox, on_found, &found);
  wait_for (self->mailbox, &found.called);
  g_assert_cmpuint (strlen (row_text (&found, 0, "Transcript")), ==, 0);
  found_clear (&found);
  pb_history_list_attempts (self->history, 5001, self->mailbox, on_found, &found);
  wait_for (self->mailbox, &found.called);
  g_assert_cmpuint (strlen (row_text (&found, 0, "Transcript")), ==, 8000);
}

static void
test_deleted (Bed *self, gconstpointer data)
{
  pb_history_add_message (self->history, make_message (1, 1, "first@example.org", "bob@example.net"));
  assert_texts (self, "first@", 1);
  g_assert_cmpint (g_unlink (self->path), ==, 0);
  pb_history_add_message (self->history, make_message (2, 2, "second@example.org", "bob@example.net"));
  wait_until_found (self, "second@", 1);
  assert_texts (self, "first@", 0);
  g_assert_true (g_file_test (self->path, G_FILE_TEST_EXISTS));
}

static void
test_damaged (Bed *self, gconstpointer data)
{
  g_autofree char *aside = g_strconcat (self->path, ".damaged", NULL);
  g_autofree char *rubbish = g_strnfill (20000, 'r');

  pb_history_add_message (self->history, make_message (1, 1, "first@example.org", "bob@example.net"));
  assert_texts (self, "first@", 1);
  g_clear_pointer (&self->history, pb_history_close);
  g_assert_true (g_file_set_contents (self->path, rubbish, 20000, NULL));
  self->history = pb_history_open (self->directory);
  pb_history_add_message (self->history, make_message (2, 2, "second@example.org", "bob@example.net"));
  wait_until_found (self, "second@", 1);
  g_assert_true (g_file_test (aside, G_FILE_TEST_EXISTS));
}

/* Overwritten while it is open: from the middle on, so that it still looks like ours. */
static void
test_damaged_under_way (Bed *self, gconstpointer data)
{
  g_autofree char *aside = g_strconcat (self->path, ".damaged", NULL);
  g_autofree char *rubbish = g_strnfill (1 << 20, 'r');
  g_auto (Found) found = { 0 };
  guint64 id = 10000;
  gint64 deadline;
  FILE *file;

  for (guint i = 1; i <= 3000; i++)
    {
      g_autofree char *sender = g_strdup_printf ("s%u@example.org", i);

      pb_history_add_message (self->history, make_message (i, i, sender, "bob@example.net"));
    }
  wait_for_total (self, 3000);
  assert_texts (self, "s2999@", 1);
  g_clear_pointer (&self->history, pb_history_close);
  file = g_fopen (self->path, "r+");
  fseek (file, 4096, SEEK_SET);
  g_assert_cmpuint (fwrite (rubbish, 1, (gsize) file_octets (self) - 4096, file), >, 0);
  fclose (file);
  self->history = pb_history_open (self->directory);
  /* Until a write has met the damage, records are kept in memory, so nothing of them is lost. */
  deadline = g_get_monotonic_time () + WAIT_US;
  while (!g_file_test (aside, G_FILE_TEST_EXISTS))
    {
      g_assert_cmpint (g_get_monotonic_time (), <, deadline);
      pb_history_add_message (self->history, make_message (id++, 5, "after@example.org", "bob@example.net"));
      search (self, by_text ("after"), 0, 1, &found);
    }
  wait_until_found (self, "after@", (guint) (id - 10000));
  wait_for_state (self, PB_HISTORY_OK);
}

/* A newer Postbus's file is not touched. */
static void
test_newer (Bed *self, gconstpointer data)
{
  g_auto (Found) found = { 0 };
  sqlite3 *handle;

  wait_for_total (self, 0);
  g_clear_pointer (&self->history, pb_history_close);
  g_assert_cmpint (sqlite3_open (self->path, &handle), ==, SQLITE_OK);
  g_assert_cmpint (sqlite3_exec (handle, "PRAGMA user_version = 9999", NULL, NULL, NULL), ==, SQLITE_OK);
  sqlite3_close (handle);
  self->history = pb_history_open (self->directory);
  wait_for_state (self, PB_HISTORY_UNAVAILABLE);
  pb_history_add_message (self->history, make_message (2, 2, "second@example.org", "bob@example.net"));
  search (self, by_text ("second@"), 0, 1, &found);
  g_assert_error (found.error, PB_STORE_ERROR, PB_STORE_ERROR_FAILED);
}

/* A folder in its place, until that is gone. */
static void
test_unwritable (Bed *self, gconstpointer data)
{
  wait_for_total (self, 0);
  g_clear_pointer (&self->history, pb_history_close);
  g_unlink (self->path);
  g_assert_cmpint (g_mkdir (self->path, 0700), ==, 0);
  self->history = pb_history_open (self->directory);
  wait_for_state (self, PB_HISTORY_UNAVAILABLE);
  pb_history_add_message (self->history, make_message (2, 2, "second@example.org", "bob@example.net"));
  g_assert_cmpint (g_rmdir (self->path), ==, 0);
  wait_until_found (self, "second@", 1);
  wait_for_state (self, PB_HISTORY_OK);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  fault_vfs_register ();
  add ("/history-fault/full", test_full);
  add ("/history-fault/paused", test_paused);
  add ("/history-fault/io-error", test_io_error);
  add ("/history-fault/overflow", test_overflow);
  add ("/history-fault/deleted", test_deleted);
  add ("/history-fault/damaged", test_damaged);
  add ("/history-fault/damaged-under-way", test_damaged_under_way);
  add ("/history-fault/newer", test_newer);
  add ("/history-fault/unwritable", test_unwritable);
  return g_test_run ();
}
