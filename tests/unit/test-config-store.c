/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * settings.db: what is committed is there after a restart, whole; revisions; damage refuses the start.
 */
#include "fault-vfs.h"
#include "store/config-store.h"
#include "store/store.h"

#include <glib/gstdio.h>
#include <poll.h>
#include <string.h>

typedef struct
{
  char *directory;      /* (owned) */
  PbMailbox *mailbox;   /* (owned) */
  PbConfigStore *store; /* (owned) (nullable) */
  gboolean called;
  guint64 revision;
  GPtrArray *revisions; /* (owned) (nullable) */
  guint total;
  GError *error; /* (owned) (nullable) */
} Fixture;

static void
reopen (Fixture *self)
{
  g_autoptr (GError) error = NULL;

  g_clear_pointer (&self->store, pb_config_store_close);
  self->store = pb_config_store_open (self->directory, &error);
  g_assert_no_error (error);
}

static void
set_up (Fixture *self, gconstpointer data)
{
  g_atomic_int_set (&fault_fail_sync_at, 0);
  g_atomic_int_set (&fault_write_code, 0);
  self->directory = g_dir_make_tmp ("postbus-test-XXXXXX", NULL);
  g_assert_nonnull (self->directory);
  self->mailbox = pb_mailbox_new ();
  reopen (self);
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  static const char *const names[] = { "settings.db", "settings.db-wal", "settings.db-shm",
                                       "settings.lock" };

  g_clear_pointer (&self->store, pb_config_store_close);
  g_clear_pointer (&self->mailbox, pb_mailbox_unref);
  g_clear_pointer (&self->revisions, g_ptr_array_unref);
  g_clear_error (&self->error);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *path = g_build_filename (self->directory, names[i], NULL);

      g_remove (path);
    }
  g_assert_cmpint (g_rmdir (self->directory), ==, 0);
  g_free (self->directory);
}

static void
wait_called (Fixture *self)
{
  gint64 deadline = g_get_monotonic_time () + 60 * G_USEC_PER_SEC;

  while (!self->called)
    {
      struct pollfd fd = { .fd = pb_mailbox_fd (self->mailbox), .events = POLLIN };

      g_assert_cmpint (g_get_monotonic_time (), <, deadline);
      poll (&fd, 1, 1000);
      pb_mailbox_dispatch (self->mailbox);
    }
  self->called = FALSE;
}

static void
on_committed (guint64 revision, const GError *error, gpointer data)
{
  Fixture *self = data;

  self->called = TRUE;
  self->revision = revision;
  g_clear_error (&self->error);
  self->error = error != NULL ? g_error_copy (error) : NULL;
}

static void
on_revisions (GPtrArray *revisions, guint total, const GError *error, gpointer data)
{
  Fixture *self = data;

  g_assert_no_error (error);
  self->called = TRUE;
  g_clear_pointer (&self->revisions, g_ptr_array_unref);
  self->revisions = revisions;
  self->total = total;
}

static PbConfigChange *
change (const char *kind, const char *key, GVariant *old_value, GVariant *new_value, guint position)
{
  PbConfigChange *self = g_new0 (PbConfigChange, 1);

  self->kind = g_strdup (kind);
  self->key = g_strdup (key);
  self->old_value = old_value != NULL ? g_variant_ref_sink (old_value) : NULL;
  self->new_value = new_value != NULL ? g_variant_ref_sink (new_value) : NULL;
  self->new_position = position;
  return self;
}

static void
commit (Fixture *self, PbConfigChange *first, PbConfigChange *second, gboolean keep_revision)
{
  GPtrArray *changes = g_ptr_array_new_with_free_func ((GDestroyNotify) pb_config_change_free);

  g_ptr_array_add (changes, first);
  if (second != NULL)
    g_ptr_array_add (changes, second);
  pb_config_store_commit (self->store, changes, "uid 0", "a test", keep_revision, self->mailbox,
                          on_committed, self);
  wait_called (self);
}

static GVariant *
row (const char *name)
{
  return g_variant_new_parsed ("{'Name': <%s>, 'Enabled': <true>, 'Networks': <['192.0.2.0/24']>}",
                               name);
}

static PbConfigContent *
load (Fixture *self)
{
  g_autoptr (GError) error = NULL;
  PbConfigContent *content = pb_config_store_load (self->store, &error);

  g_assert_no_error (error);
  return content;
}

static void
test_kept (Fixture *self, gconstpointer data)
{
  g_autoptr (PbConfigContent) before = load (self);
  g_autoptr (PbConfigContent) after = NULL;
  g_autoptr (GVariant) expected = g_variant_ref_sink (row ("Printer \"ä\" \n end"));
  PbConfigRow *kept;

  g_assert_true (g_uuid_string_is_valid (before->instance_id));
  g_assert_cmpuint (before->revision, ==, 1);
  commit (self, change (NULL, "General.MaxHops", NULL, g_variant_new_uint32 (55), 0),
          change ("TrustedList", "id-b", NULL, row ("second"), 1), TRUE);
  g_assert_no_error (self->error);
  g_assert_cmpuint (self->revision, ==, 2);
  commit (self, change ("TrustedList", "id-a", NULL, row ("Printer \"ä\" \n end"), 0),
          change (NULL, "General.Banner", NULL, g_variant_new_string ("it's \\ here"), 0), TRUE);
  g_assert_cmpuint (self->revision, ==, 3);
  reopen (self);
  after = load (self);
  g_assert_cmpstr (after->instance_id, ==, before->instance_id);
  g_assert_cmpuint (after->revision, ==, 3);
  g_assert_cmpuint (g_hash_table_size (after->settings), ==, 2);
  g_assert_cmpuint (g_variant_get_uint32 (g_hash_table_lookup (after->settings, "General.MaxHops")),
                    ==, 55);
  g_assert_cmpstr (g_variant_get_string (g_hash_table_lookup (after->settings, "General.Banner"),
                                         NULL),
                   ==, "it's \\ here");
  g_assert_cmpuint (after->rows->len, ==, 2);
  kept = g_ptr_array_index (after->rows, 0);
  g_assert_cmpstr (kept->id, ==, "id-a");
  g_assert_true (g_variant_equal (kept->row, expected));
}

static void
test_changed_and_removed (Fixture *self, gconstpointer data)
{
  g_autoptr (PbConfigContent) content = NULL;

  commit (self, change (NULL, "General.MaxHops", NULL, g_variant_new_uint32 (55), 0),
          change ("Aliases", "id-a", NULL, row ("a"), 0), TRUE);
  commit (self,
          change (NULL, "General.MaxHops", g_variant_new_uint32 (55), g_variant_new_uint32 (66), 0),
          change ("Aliases", "id-a", row ("a"), row ("b"), 4), TRUE);
  content = load (self);
  g_assert_cmpuint (g_variant_get_uint32 (
                      g_hash_table_lookup (content->settings, "General.MaxHops")),
                    ==, 66);
  g_assert_cmpuint (((PbConfigRow *) g_ptr_array_index (content->rows, 0))->position, ==, 4);
  g_clear_pointer (&content, pb_config_content_free);
  commit (self, change (NULL, "General.MaxHops", g_variant_new_uint32 (66), NULL, 0),
          change ("Aliases", "id-a", row ("b"), NULL, 0), TRUE);
  content = load (self);
  g_assert_cmpuint (g_hash_table_size (content->settings), ==, 0);
  g_assert_cmpuint (content->rows->len, ==, 0);
}

static void
test_revisions (Fixture *self, gconstpointer data)
{
  PbConfigRevision *revision;
  PbConfigChange *cell;

  for (guint i = 1; i <= 120; i++)
    commit (self,
            change (NULL, "General.MaxHops", g_variant_new_uint32 (i - 1), g_variant_new_uint32 (i),
                    0),
            NULL, TRUE);
  commit (self, change ("AccessList", "id", NULL, row ("hits"), 0), NULL, FALSE);
  g_assert_cmpuint (self->revision, ==, 121);
  pb_config_store_revisions (self->store, 0, 10, self->mailbox, on_revisions, self);
  wait_called (self);
  g_assert_cmpuint (self->total, ==, 100);
  g_assert_cmpuint (self->revisions->len, ==, 10);
  revision = g_ptr_array_index (self->revisions, 0);
  g_assert_cmpuint (revision->revision, ==, 121);
  g_assert_cmpstr (revision->who, ==, "uid 0");
  g_assert_cmpstr (revision->what, ==, "a test");
  g_assert_cmpint (revision->time, >, 0);
  g_assert_cmpuint (revision->changes->len, ==, 1);
  cell = g_ptr_array_index (revision->changes, 0);
  g_assert_null (cell->kind);
  g_assert_cmpuint (g_variant_get_uint32 (cell->old_value), ==, 119);
  g_assert_cmpuint (g_variant_get_uint32 (cell->new_value), ==, 120);
  pb_config_store_revisions (self->store, 99, 10, self->mailbox, on_revisions, self);
  wait_called (self);
  g_assert_cmpuint (self->revisions->len, ==, 1);
  g_assert_cmpuint (((PbConfigRevision *) g_ptr_array_index (self->revisions, 0))->revision, ==,
                    22);
}

/* Full: nothing of the commit is kept, and the next one goes through. */
static void
test_full (Fixture *self, gconstpointer data)
{
  g_autoptr (PbConfigContent) content = NULL;

  g_atomic_int_set (&fault_write_code, SQLITE_FULL);
  commit (self, change (NULL, "General.MaxHops", NULL, g_variant_new_uint32 (55), 0),
          change ("Aliases", "id-a", NULL, row ("a"), 0), TRUE);
  g_assert_error (self->error, PB_STORE_ERROR, PB_STORE_ERROR_FULL);
  g_atomic_int_set (&fault_write_code, 0);
  content = load (self);
  g_assert_cmpuint (g_hash_table_size (content->settings), ==, 0);
  g_assert_cmpuint (content->revision, ==, 1);
  commit (self, change (NULL, "General.MaxHops", NULL, g_variant_new_uint32 (55), 0), NULL, TRUE);
  g_assert_no_error (self->error);
  g_assert_cmpuint (self->revision, ==, 2);
}

static void
test_sync_fails (Fixture *self, gconstpointer data)
{
  g_atomic_int_set (&fault_fail_sync_at, g_atomic_int_get (&fault_syncs) + 1);
  for (guint i = 0; i < 3; i++)
    {
      commit (self, change (NULL, "General.MaxHops", NULL, g_variant_new_uint32 (55), 0), NULL,
              TRUE);
      g_assert_error (self->error, PB_STORE_ERROR, PB_STORE_ERROR_FAILED);
    }
}

static void
test_second_instance (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (pb_config_store_open (self->directory, &error));
  g_assert_error (error, PB_STORE_ERROR, PB_STORE_ERROR_BUSY);
}

/* A value nobody can read must not become a guess. */
static void
test_damaged_value (Fixture *self, gconstpointer data)
{
  g_autofree char *path = g_build_filename (self->directory, "settings.db", NULL);
  g_autoptr (GError) error = NULL;
  sqlite3 *handle = NULL;

  commit (self, change (NULL, "General.MaxHops", NULL, g_variant_new_uint32 (55), 0), NULL, TRUE);
  g_clear_pointer (&self->store, pb_config_store_close);
  g_assert_cmpint (sqlite3_open (path, &handle), ==, SQLITE_OK);
  g_assert_cmpint (sqlite3_exec (handle, "UPDATE setting SET value = 'uint32 fifty'", NULL, NULL,
                                 NULL),
                   ==, SQLITE_OK);
  sqlite3_close (handle);
  reopen (self);
  g_assert_null (pb_config_store_load (self->store, &error));
  g_assert_error (error, PB_STORE_ERROR, PB_STORE_ERROR_CORRUPT);
  g_assert_nonnull (strstr (error->message, "General.MaxHops"));
}

static GVariant *
octets (const char *text)
{
  return g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, text, strlen (text), 1);
}

/* What no revision tells of: secrets, verifiers, blocks. */
static void
test_unrecorded (Fixture *self, gconstpointer data)
{
  g_autoptr (PbConfigContent) kept = NULL;
  g_autoptr (PbConfigContent) gone = NULL;

  commit (self, change (PB_CONFIG_VERIFIER, "anna", NULL, octets ("packed"), 0),
          change (PB_CONFIG_SECRET, "general", NULL, octets ("sealed"), 0), TRUE);
  g_assert_no_error (self->error);
  commit (self, change (PB_CONFIG_VERIFIER, "anna", NULL, octets ("again"), 0), NULL, TRUE);
  commit (self, change (PB_CONFIG_BLOCK, "b1", NULL, g_variant_new ("(sx)", "it's", G_MAXINT64), 0),
          NULL, FALSE);
  g_assert_no_error (self->error);
  g_assert_cmpuint (self->revision, ==, 3);
  reopen (self);
  kept = load (self);
  g_assert_cmpuint (g_hash_table_size (kept->verifiers), ==, 1);
  g_assert_cmpmem (g_bytes_get_data (g_hash_table_lookup (kept->verifiers, "anna"), NULL),
                   g_bytes_get_size (g_hash_table_lookup (kept->verifiers, "anna")), "again", 5);
  g_assert_cmpuint (g_hash_table_size (kept->secrets), ==, 1);
  g_assert_cmpstr (g_variant_get_type_string (g_hash_table_lookup (kept->blocks, "b1")), ==, "(sx)");
  pb_config_store_revisions (self->store, 0, 10, self->mailbox, on_revisions, self);
  wait_called (self);
  g_assert_cmpuint (self->total, ==, 2);
  for (guint i = 0; i < self->revisions->len; i++)
    g_assert_cmpuint (((PbConfigRevision *) self->revisions->pdata[i])->changes->len, ==, 0);

  commit (self, change (PB_CONFIG_VERIFIER, "anna", NULL, NULL, 0),
          change (PB_CONFIG_BLOCK, "b1", NULL, NULL, 0), FALSE);
  reopen (self);
  gone = load (self);
  g_assert_cmpuint (g_hash_table_size (gone->verifiers), ==, 0);
  g_assert_cmpuint (g_hash_table_size (gone->blocks), ==, 0);
}

/* A block that cannot be read is no reason not to start. */
static void
test_damaged_block (Fixture *self, gconstpointer data)
{
  g_autofree char *path = g_build_filename (self->directory, "settings.db", NULL);
  g_autoptr (PbConfigContent) content = NULL;
  sqlite3 *handle = NULL;

  g_clear_pointer (&self->store, pb_config_store_close);
  g_assert_cmpint (sqlite3_open (path, &handle), ==, SQLITE_OK);
  g_assert_cmpint (sqlite3_exec (handle, "INSERT INTO block VALUES ('b1', 'nonsense')", NULL, NULL, NULL), ==,
                   SQLITE_OK);
  sqlite3_close (handle);
  reopen (self);
  content = load (self);
  g_assert_true (g_variant_is_of_type (g_hash_table_lookup (content->blocks, "b1"), G_VARIANT_TYPE_UNIT));
}

static void
add (const char *path, void (*test) (Fixture *, gconstpointer))
{
  g_test_add (path, Fixture, NULL, set_up, test, tear_down);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  fault_vfs_register ();
  add ("/config-store/kept", test_kept);
  add ("/config-store/changed-and-removed", test_changed_and_removed);
  add ("/config-store/revisions", test_revisions);
  add ("/config-store/unrecorded", test_unrecorded);
  add ("/config-store/damaged-block", test_damaged_block);
  add ("/config-store/full", test_full);
  add ("/config-store/sync-fails", test_sync_fails);
  add ("/config-store/second-instance", test_second_instance);
  add ("/config-store/damaged-value", test_damaged_value);
  return g_test_run ();
}
