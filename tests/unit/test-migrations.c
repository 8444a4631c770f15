/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Opening databases: new, older, newer, another program's, and what is none at all. What is refused stays as it was.
 */
#include "store/config-store.h"
#include "store/migrations.h"
#include "store/store.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const PbMigration steps[] = {
  { 1,
    "CREATE TABLE one (id INTEGER PRIMARY KEY, name TEXT); INSERT INTO one (name) VALUES ('first');"
    "PRAGMA user_version = 1;" },
  { 2, "ALTER TABLE one ADD COLUMN size INTEGER DEFAULT 7; PRAGMA user_version = 2;" },
  { 3,
    "CREATE TABLE two (id INTEGER PRIMARY KEY); INSERT INTO two (id) SELECT size FROM one; PRAGMA user_version = 3;" },
};

static const PbMigration broken_steps[] = {
  { 1, "CREATE TABLE one (id INTEGER PRIMARY KEY); PRAGMA user_version = 1;" },
  { 2,
    "CREATE TABLE two (id INTEGER PRIMARY KEY); CREATE TABLE one (id INTEGER); PRAGMA user_version = 2;" },
};

static const PbSchema test_schema_v1 = { "test", 77, "PRAGMA application_id = 77;", steps, 1 };
static const PbSchema test_schema_v3 = { "test", 77, "PRAGMA application_id = 77;", steps, 3 };
static const PbSchema broken_schema = { "test", 77, "PRAGMA application_id = 77;", broken_steps,
                                        2 };

typedef struct
{
  char *directory; /* (owned) */
  char *path;      /* (owned) */
} Fixture;

static void
set_up (Fixture *self, gconstpointer data)
{
  self->directory = g_dir_make_tmp ("postbus-test-XXXXXX", NULL);
  g_assert_nonnull (self->directory);
  self->path = g_build_filename (self->directory, data, NULL);
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  g_autoptr (GDir) directory = g_dir_open (self->directory, 0, NULL);
  const char *name;

  while ((name = g_dir_read_name (directory)) != NULL)
    {
      g_autofree char *path = g_build_filename (self->directory, name, NULL);

      g_assert_cmpint (g_remove (path), ==, 0);
    }
  g_assert_cmpint (g_rmdir (self->directory), ==, 0);
  g_free (self->directory);
  g_free (self->path);
}

static void
assert_integer (PbDatabase *database, const char *sql, gint64 expected)
{
  g_autoptr (GError) error = NULL;
  gint64 value;

  pb_database_read_integer (database, sql, &value, &error);
  g_assert_no_error (error);
  g_assert_cmpint (value, ==, expected);
}

static void
test_new (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PbDatabase) database = pb_schema_open (&test_schema_v3, self->path, &error);
  struct stat status;

  g_assert_no_error (error);
  assert_integer (database, "PRAGMA user_version", 3);
  assert_integer (database, "PRAGMA application_id", 77);
  assert_integer (database, "PRAGMA synchronous", 2);
  assert_integer (database, "PRAGMA secure_delete", 0);
  assert_integer (database, "PRAGMA wal_autocheckpoint", 0);
  assert_integer (database, "SELECT id FROM two", 7);
  g_assert_cmpint (stat (self->path, &status), ==, 0);
  g_assert_cmpuint (status.st_mode & 0777, ==, 0600);
}

static void
test_older (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PbDatabase) database = pb_schema_open (&test_schema_v1, self->path, &error);

  g_assert_no_error (error);
  assert_integer (database, "PRAGMA user_version", 1);
  g_clear_pointer (&database, pb_database_close);
  database = pb_schema_open (&test_schema_v3, self->path, &error);
  g_assert_no_error (error);
  assert_integer (database, "PRAGMA user_version", 3);
  assert_integer (database, "SELECT count(*) FROM one WHERE name = 'first' AND size = 7", 1);
  assert_integer (database, "SELECT id FROM two", 7);
  g_clear_pointer (&database, pb_database_close);
  database = pb_schema_open (&test_schema_v3, self->path, &error);
  g_assert_no_error (error);
  assert_integer (database, "SELECT count(*) FROM two", 1);
}

/* A step that fails leaves the version before it, whole. */
static void
test_broken_step (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PbDatabase) database = pb_schema_open (&broken_schema, self->path, &error);

  g_assert_null (database);
  g_assert_nonnull (error);
  g_clear_error (&error);
  database = pb_schema_open (&test_schema_v1, self->path, &error);
  g_assert_no_error (error);
  assert_integer (database, "PRAGMA user_version", 1);
  assert_integer (database, "SELECT count(*) FROM sqlite_schema WHERE name = 'two'", 0);
}

/* What both stores must refuse, and how they must say it. */
typedef struct
{
  const char *name;
  const char *sql; /* (nullable) makes the file; NULL: text instead of a database */
  int code;
  const char *says;
} Refused;

static const Refused refused[] = {
  { "newer",
    "PRAGMA application_id = 0x50625131; PRAGMA user_version = 99; CREATE TABLE message (x);",
    PB_STORE_ERROR_SCHEMA, "version 99" },
  { "newer-settings",
    "PRAGMA application_id = 0x50625331; PRAGMA user_version = 99; CREATE TABLE setting (x);",
    PB_STORE_ERROR_SCHEMA, "version 99" },
  { "foreign", "CREATE TABLE bookmarks (url TEXT);", PB_STORE_ERROR_CORRUPT, "not a Postbus" },
  { "no-database", NULL, PB_STORE_ERROR_CORRUPT, "not a database" },
};

static void
make_refused (const Refused *row, const char *path)
{
  g_autoptr (GError) error = NULL;
  sqlite3 *handle = NULL;

  if (row->sql == NULL)
    {
      g_autofree char *text = g_strnfill (9000, 'x');

      g_file_set_contents (path, text, -1, &error);
      g_assert_no_error (error);
      return;
    }
  g_assert_cmpint (sqlite3_open (path, &handle), ==, SQLITE_OK);
  g_assert_cmpint (sqlite3_exec (handle, row->sql, NULL, NULL, NULL), ==, SQLITE_OK);
  sqlite3_close (handle);
}

static void
assert_refused (Fixture *self, const Refused *row, gboolean is_queue)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *before = NULL;
  g_autofree char *after = NULL;
  gsize before_length, after_length;

  make_refused (row, self->path);
  g_assert_true (g_file_get_contents (self->path, &before, &before_length, NULL));
  if (is_queue)
    g_assert_null (pb_store_open (self->directory, &error));
  else
    g_assert_null (pb_config_store_open (self->directory, &error));
  g_assert_error (error, PB_STORE_ERROR, row->code);
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, self->path));
  g_assert_nonnull (strstr (error->message, row->says));
  g_assert_null (strchr (error->message, '\n'));
  g_assert_true (g_file_get_contents (self->path, &after, &after_length, NULL));
  g_assert_cmpmem (before, before_length, after, after_length);
  g_assert_cmpint (g_remove (self->path), ==, 0);
}

static void
test_refused_queue (Fixture *self, gconstpointer data)
{
  for (guint i = 0; i < G_N_ELEMENTS (refused); i++)
    if (!g_str_has_suffix (refused[i].name, "-settings"))
      assert_refused (self, &refused[i], TRUE);
}

static void
test_refused_settings (Fixture *self, gconstpointer data)
{
  for (guint i = 1; i < G_N_ELEMENTS (refused); i++)
    assert_refused (self, &refused[i], FALSE);
}

static void
test_unreadable (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (g_mkdir (self->path, 0700), ==, 0);
  g_assert_null (pb_config_store_open (self->directory, &error));
  g_assert_nonnull (error);
  g_assert_nonnull (strstr (error->message, self->path));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/migrations/new", Fixture, "test.db", set_up, test_new, tear_down);
  g_test_add ("/migrations/older", Fixture, "test.db", set_up, test_older, tear_down);
  g_test_add ("/migrations/broken-step", Fixture, "test.db", set_up, test_broken_step, tear_down);
  g_test_add ("/migrations/refused-queue", Fixture, "queue.db", set_up, test_refused_queue,
              tear_down);
  g_test_add ("/migrations/refused-settings", Fixture, "settings.db", set_up, test_refused_settings,
              tear_down);
  g_test_add ("/migrations/unreadable", Fixture, "settings.db", set_up, test_unreadable, tear_down);
  return g_test_run ();
}
