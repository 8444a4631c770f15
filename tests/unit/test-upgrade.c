/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Every version that a database ever had, with mail and settings in it, is taken over as it was. Real content is written by the
 * stores as they are now, and then taken back step by step; that the outcome is what that version made is looked at first. A new
 * step of a schema needs its way back in the table here.
 */
#include "store-fixture.h"
#include "store/config-store.h"
#include "store/migrations.h"

#include <sqlite3.h>

typedef struct
{
  const PbSchema *schema;
  int version;      /* which is undone */
  const char *undo;
} Step;

static const Step ways_back[] = {
  { &pb_queue_schema, 2, "DROP INDEX message_class; ALTER TABLE message DROP COLUMN target; PRAGMA user_version = 1;" },
  { &pb_config_schema, 5, "DROP TABLE signing_key; PRAGMA user_version = 4;" },
  { &pb_config_schema, 4, "DROP TABLE hit; PRAGMA user_version = 3;" },
  { &pb_config_schema, 3, "DROP TABLE verifier; DROP TABLE block; PRAGMA user_version = 2;" },
  { &pb_config_schema, 2, "DROP TABLE secret; PRAGMA user_version = 1;" },
};

static int
newest (const PbSchema *schema)
{
  return schema->steps[schema->n_steps - 1].version;
}

static char *
read_text (const char *path, const char *sql)
{
  sqlite3 *handle = NULL;
  sqlite3_stmt *statement = NULL;

  g_assert_cmpint (sqlite3_open_v2 (path, &handle, SQLITE_OPEN_READWRITE, NULL), ==, SQLITE_OK);
  g_assert_cmpint (sqlite3_prepare_v2 (handle, sql, -1, &statement, NULL), ==, SQLITE_OK);
  g_assert_cmpint (sqlite3_step (statement), ==, SQLITE_ROW);
  char *text = g_strdup ((const char *) sqlite3_column_text (statement, 0));
  sqlite3_finalize (statement);
  sqlite3_close (handle);
  return text;
}

/* Tables with their columns and types, and indexes. */
static char *
shape (const char *path)
{
  return read_text (path, "SELECT group_concat(words, ' ') FROM (SELECT m.type || ':' || m.name || ':' || "
                          "coalesce(p.name || ':' || p.type || ':' || p.pk, '') AS words FROM sqlite_schema AS m "
                          "LEFT JOIN pragma_table_info(m.name) AS p WHERE m.name NOT LIKE 'sqlite_%' ORDER BY words)");
}

/* What a program of @version would have made. */
static char *
shape_of_version (const PbSchema *schema, int version, const char *directory)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *folder = g_build_filename (directory, "as-it-was", NULL);
  g_autofree char *path = g_build_filename (folder, "old.db", NULL);
  PbSchema old = *schema;

  g_assert_cmpint (g_mkdir (folder, 0700), ==, 0);
  while (old.n_steps > 1 && old.steps[old.n_steps - 1].version > version)
    old.n_steps--;
  PbDatabase *database = pb_schema_open (&old, path, &error);
  g_assert_no_error (error);
  pb_database_close (database);
  char *text = shape (path);
  remove_tree (folder);
  return text;
}

static void
take_back (const PbSchema *schema, int version, const char *path, const char *directory)
{
  sqlite3 *handle = NULL;
  int at = newest (schema);

  g_assert_cmpint (sqlite3_open_v2 (path, &handle, SQLITE_OPEN_READWRITE, NULL), ==, SQLITE_OK);
  for (guint i = 0; i < G_N_ELEMENTS (ways_back) && at > version; i++)
    {
      if (ways_back[i].schema != schema || ways_back[i].version != at)
        continue;
      g_assert_cmpint (sqlite3_exec (handle, ways_back[i].undo, NULL, NULL, NULL), ==, SQLITE_OK);
      at--;
    }
  sqlite3_close (handle);
  /* A step without its way back in the table above ends here. */
  g_assert_cmpint (at, ==, version);
  g_autofree char *is = shape (path);
  g_autofree char *was = shape_of_version (schema, version, directory);
  g_assert_cmpstr (is, ==, was);
}

static void
assert_newest (const PbSchema *schema, const char *path, const char *directory)
{
  g_autofree char *version = read_text (path, "SELECT user_version FROM pragma_user_version");
  g_autofree char *is = shape (path);
  g_autofree char *fresh = shape_of_version (schema, newest (schema), directory);

  g_assert_cmpint (atoi (version), ==, newest (schema));
  g_assert_cmpstr (is, ==, fresh);
}

/* ---- mail ---- */

static void
assert_mail (Fixture *self, guint64 small, guint64 large)
{
  g_auto (Answer) answer = { 0 };

  assert_counts (self, 1, 1, 0);
  pb_store_page (self->store, NULL, 0, 10, self->mailbox, on_paged, &answer);
  wait_for (self->mailbox, &answer.called);
  g_assert_no_error (answer.error);
  g_assert_cmpuint (answer.total, ==, 2);
  g_assert_cmpuint (queued_at (&answer, 0)->envelope->id, ==, small);
  g_assert_cmpstr (queued_at (&answer, 0)->envelope->recipients[0].address, ==, "bob@example.net");
  g_assert_cmpuint (queued_at (&answer, 1)->envelope->id, ==, large);
  read_body (self, small, &answer);
  g_assert_no_error (answer.error);
  g_assert_cmpuint (pb_body_size (answer.body), ==, 900);
  read_body (self, large, &answer);
  g_assert_no_error (answer.error);
  g_assert_cmpuint (pb_body_size (answer.body), ==, 200000);
}

static void
test_queue (void)
{
  for (int version = newest (&pb_queue_schema); version >= 1; version--)
    {
      Fixture self;

      fixture_set_up (&self, NULL);
      g_autofree char *path = fixture_path (&self, "queue.db");
      guint64 small = submit_message (&self, "ann@example.org", 2, "bob@example.net", 900);
      guint64 large = submit_message (&self, "", 1, "eve@example.net", 200000);
      settle_one (&self, small, 0, PB_RECIPIENT_QUEUED, 1, g_get_real_time () + G_USEC_PER_SEC * (gint64) 3600);
      g_clear_pointer (&self.store, pb_store_close);
      take_back (&pb_queue_schema, version, path, self.directory);

      self.store = open_store (self.directory);
      assert_mail (&self, small, large);
      /* And it goes on: nothing is given an id that was given before. */
      g_assert_cmpuint (submit_message (&self, "ann@example.org", 1, "new@example.net", 10), >, large);
      g_clear_pointer (&self.store, pb_store_close);
      assert_newest (&pb_queue_schema, path, self.directory);
      fixture_tear_down (&self, NULL);
    }
}

/* ---- settings ---- */

static const struct
{
  const char *kind, *key, *value;
  int since; /* the version that has a place for it */
} cells[] = {
  { NULL, "General.MaxHops", "uint32 42", 1 },
  { "TrustedList", "row-1", "{'Name': <'Printer'>}", 1 },
  { PB_CONFIG_SECRET, "general", "[byte 0x01, 0x02]", 2 },
  { PB_CONFIG_VERIFIER, "account-1", "[byte 0x03]", 3 },
  { PB_CONFIG_BLOCK, "192.0.2.1", "uint64 17", 3 },
  { PB_CONFIG_HIT, "row-1", "uint64 5", 4 },
  { PB_CONFIG_SIGNING_KEY, "key-1", "[byte 0x04]", 5 },
};

typedef struct
{
  gboolean called;
  guint64 revision;
} Committed;

static void
on_committed (guint64 revision, const GError *error, gpointer data)
{
  Committed *self = data;

  g_assert_no_error (error);
  self->called = TRUE;
  self->revision = revision;
}

/* All cells, in one revision. Returns its number. */
static guint64
fill (PbConfigStore *store, PbMailbox *mailbox)
{
  GPtrArray *changes = g_ptr_array_new_with_free_func ((GDestroyNotify) pb_config_change_free);
  Committed committed = { 0 };

  for (guint i = 0; i < G_N_ELEMENTS (cells); i++)
    {
      PbConfigChange *change = g_new0 (PbConfigChange, 1);

      change->kind = g_strdup (cells[i].kind);
      change->key = g_strdup (cells[i].key);
      change->new_value = g_variant_ref_sink (g_variant_new_parsed (cells[i].value));
      g_ptr_array_add (changes, change);
    }
  pb_config_store_commit (store, changes, "uid 0", "for the test", TRUE, mailbox, on_committed, &committed);
  wait_for (mailbox, &committed.called);
  return committed.revision;
}

static gboolean
has (PbConfigContent *content, const char *kind, const char *key)
{
  if (kind == NULL)
    return g_hash_table_contains (content->settings, key);
  if (g_str_equal (kind, PB_CONFIG_SECRET))
    return g_hash_table_contains (content->secrets, key);
  if (g_str_equal (kind, PB_CONFIG_VERIFIER))
    return g_hash_table_contains (content->verifiers, key);
  if (g_str_equal (kind, PB_CONFIG_BLOCK))
    return g_hash_table_contains (content->blocks, key);
  if (g_str_equal (kind, PB_CONFIG_HIT))
    return g_hash_table_contains (content->hits, key);
  if (g_str_equal (kind, PB_CONFIG_SIGNING_KEY))
    return g_hash_table_contains (content->signing_keys, key);
  return content->rows->len == 1 && g_str_equal (((PbConfigRow *) content->rows->pdata[0])->id, key);
}

static PbConfigStore *
open_config (const char *directory)
{
  g_autoptr (GError) error = NULL;
  PbConfigStore *store = pb_config_store_open (directory, &error);

  g_assert_no_error (error);
  return store;
}

static PbConfigContent *
load_config (PbConfigStore *store)
{
  g_autoptr (GError) error = NULL;
  PbConfigContent *content = pb_config_store_load (store, &error);

  g_assert_no_error (error);
  return content;
}

static void
test_settings (void)
{
  for (int version = newest (&pb_config_schema); version >= 1; version--)
    {
      g_autofree char *directory = g_dir_make_tmp ("postbus-test-XXXXXX", NULL);
      g_autofree char *path = g_build_filename (directory, "settings.db", NULL);
      g_autoptr (PbMailbox) mailbox = pb_mailbox_new ();
      PbConfigStore *store = open_config (directory);
      guint64 revision = fill (store, mailbox);
      g_autoptr (PbConfigContent) before = load_config (store);

      pb_config_store_close (store);
      take_back (&pb_config_schema, version, path, directory);
      store = open_config (directory);
      g_autoptr (PbConfigContent) after = load_config (store);
      for (guint i = 0; i < G_N_ELEMENTS (cells); i++)
        g_assert_cmpint (has (after, cells[i].kind, cells[i].key), ==, cells[i].since <= version);
      g_assert_cmpuint (after->revision, ==, revision);
      g_assert_cmpstr (after->instance_id, ==, before->instance_id);
      /* It takes all that it had no place for. */
      g_assert_cmpuint (fill (store, mailbox), ==, revision + 1);
      pb_config_store_close (store);
      assert_newest (&pb_config_schema, path, directory);
      remove_tree (directory);
    }
}

/* The history holds no mail: of its one version there is nothing to walk, until it has two. */
static void
test_history (void)
{
  g_assert_cmpint (newest (&pb_history_schema), ==, 1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/upgrade/queue", test_queue);
  g_test_add_func ("/upgrade/settings", test_settings);
  g_test_add_func ("/upgrade/history", test_history);
  return g_test_run ();
}
