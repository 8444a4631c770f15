/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * settings.db: opening, loading at start, and the revisions for the bus. Commits are in config-commit.c.
 *
 * Called by the settings floor. Values are kept as GVariant text with types, so they can be read by a
 * person and survive any byte order. A value that cannot be read refuses the start: running with a guess
 * could open a relay. Loading blocks; revisions are read by a thread of its own.
 */
#include "store/config-store.h"

#include "store/config-private.h"
#include "store/lock.h"
#include "store/migrations.h"
#include "store/store.h"
#include "util/fsutil.h"

#include <unistd.h>

#define CHECKPOINT_PAGES 1000

#define SQL_SETTINGS "SELECT name, value FROM setting"
#define SQL_ROWS     "SELECT kind, id, position, value FROM list_row ORDER BY kind, position, id"
#define SQL_SECRETS  "SELECT relay, sealed FROM secret"
#define SQL_VERIFIERS "SELECT account, packed FROM verifier"
#define SQL_SIGNING_KEYS "SELECT id, packed FROM signing_key"
#define SQL_BLOCKS   "SELECT id, value FROM block"
#define SQL_HITS     "SELECT id, value FROM hit"
#define SQL_INSTANCE "SELECT id, revision FROM instance"
/* The first revision is 1: on the bus, 0 stands for any. */
#define SQL_INTRODUCE                                                                              \
  "INSERT INTO instance (one, id, revision) SELECT 1, ?1, 1 WHERE NOT EXISTS (SELECT 1 FROM instance)"
#define SQL_N_REVISIONS "SELECT count(*) FROM revision"
#define SQL_REVISIONS                                                                              \
  "SELECT revision, time, who, what FROM revision ORDER BY revision DESC LIMIT ?1 OFFSET ?2"
#define SQL_CHANGES                                                                                \
  "SELECT kind, key, old_value, new_value, old_position, new_position FROM change WHERE revision = ?1 ORDER BY idx"

/* ---- values ---- */

char *
pb_config_print (GVariant *value)
{
  return g_variant_print (value, TRUE);
}

GVariant *
pb_config_parse (const char *text, const char *key, GError **error)
{
  g_autoptr (GError) why = NULL;
  GVariant *value = g_variant_parse (NULL, text != NULL ? text : "", NULL, NULL, &why);

  if (value == NULL)
    g_set_error (error, PB_STORE_ERROR, PB_STORE_ERROR_CORRUPT,
                 "settings.db: the value of %s cannot be read: %s", key, why->message);
  else
    value = g_variant_take_ref (value);
  return value;
}

void
pb_config_row_free (PbConfigRow *self)
{
  if (self == NULL)
    return;
  g_free (self->id);
  g_free (self->kind);
  g_clear_pointer (&self->row, g_variant_unref);
  g_free (self);
}

void
pb_config_content_free (PbConfigContent *self)
{
  if (self == NULL)
    return;
  g_clear_pointer (&self->settings, g_hash_table_unref);
  g_clear_pointer (&self->rows, g_ptr_array_unref);
  g_clear_pointer (&self->secrets, g_hash_table_unref);
  g_clear_pointer (&self->verifiers, g_hash_table_unref);
  g_clear_pointer (&self->signing_keys, g_hash_table_unref);
  g_clear_pointer (&self->blocks, g_hash_table_unref);
  g_clear_pointer (&self->hits, g_hash_table_unref);
  g_free (self->instance_id);
  g_free (self);
}

void
pb_config_change_free (PbConfigChange *self)
{
  if (self == NULL)
    return;
  g_free (self->kind);
  g_free (self->key);
  g_clear_pointer (&self->old_value, g_variant_unref);
  g_clear_pointer (&self->new_value, g_variant_unref);
  g_free (self);
}

void
pb_config_revision_free (PbConfigRevision *self)
{
  if (self == NULL)
    return;
  g_free (self->who);
  g_free (self->what);
  g_clear_pointer (&self->changes, g_ptr_array_unref);
  g_free (self);
}

static const char *
column_text (sqlite3_stmt *row, int column)
{
  return (const char *) sqlite3_column_text (row, column);
}

/* ---- loading ---- */

static gboolean
load_setting (PbConfigContent *content, sqlite3_stmt *row, GError **error)
{
  const char *name = column_text (row, 0);
  GVariant *value = pb_config_parse (column_text (row, 1), name, error);

  if (value == NULL)
    return FALSE;
  g_hash_table_insert (content->settings, g_strdup (name), value);
  return TRUE;
}

static gboolean
load_row (PbConfigContent *content, sqlite3_stmt *row, GError **error)
{
  g_autofree char *key = g_strdup_printf ("%s[%s]", column_text (row, 0), column_text (row, 1));
  GVariant *value = pb_config_parse (column_text (row, 3), key, error);
  PbConfigRow *own;

  if (value == NULL)
    return FALSE;
  own = g_new0 (PbConfigRow, 1);
  own->kind = g_strdup (column_text (row, 0));
  own->id = g_strdup (column_text (row, 1));
  own->position = (guint) sqlite3_column_int64 (row, 2);
  own->row = value;
  g_ptr_array_add (content->rows, own);
  return TRUE;
}

/* A name and its octets. */
static gboolean
load_octets (GHashTable *into, sqlite3_stmt *row)
{
  const void *octets = sqlite3_column_blob (row, 1);

  g_hash_table_insert (into, g_strdup (column_text (row, 0)),
                       g_bytes_new (octets, (gsize) sqlite3_column_bytes (row, 1)));
  return TRUE;
}

static gboolean
load_secret (PbConfigContent *content, sqlite3_stmt *row, GError **error)
{
  return load_octets (content->secrets, row);
}

static gboolean
load_verifier (PbConfigContent *content, sqlite3_stmt *row, GError **error)
{
  return load_octets (content->verifiers, row);
}

static gboolean
load_signing_key (PbConfigContent *content, sqlite3_stmt *row, GError **error)
{
  return load_octets (content->signing_keys, row);
}

/* One that is damaged keeps nobody out, and no server from starting: it is handed on as what no block is. */
static gboolean
load_value (GHashTable *into, sqlite3_stmt *row)
{
  const char *id = column_text (row, 0);
  GVariant *value = pb_config_parse (column_text (row, 1), id, NULL);

  if (value == NULL)
    value = g_variant_ref_sink (g_variant_new ("()"));
  g_hash_table_insert (into, g_strdup (id), value);
  return TRUE;
}

static gboolean
load_block (PbConfigContent *content, sqlite3_stmt *row, GError **error)
{
  return load_value (content->blocks, row);
}

static gboolean
load_hit (PbConfigContent *content, sqlite3_stmt *row, GError **error)
{
  return load_value (content->hits, row);
}

static gboolean
load_instance (PbConfigContent *content, sqlite3_stmt *row, GError **error)
{
  content->instance_id = g_strdup (column_text (row, 0));
  content->revision = (guint64) sqlite3_column_int64 (row, 1);
  return TRUE;
}

typedef gboolean (*LoadFunc) (PbConfigContent *content, sqlite3_stmt *row, GError **error);

static gboolean
load_rows (PbDatabase *database, const char *sql, LoadFunc func, PbConfigContent *content,
           GError **error)
{
  sqlite3_stmt *row = pb_database_statement (database, sql, error);
  int code;

  if (row == NULL)
    return FALSE;
  while ((code = pb_database_step (database, row, error)) == SQLITE_ROW)
    if (!func (content, row, error))
      {
        pb_database_reset (row);
        return FALSE;
      }
  return code == SQLITE_DONE;
}

static GHashTable *
new_table (GDestroyNotify free_value)
{
  return g_hash_table_new_full (g_str_hash, g_str_equal, g_free, free_value);
}

PbConfigContent *
pb_config_store_load (PbConfigStore *self, GError **error)
{
  g_autoptr (PbConfigContent) content = g_new0 (PbConfigContent, 1);

  content->settings = new_table ((GDestroyNotify) g_variant_unref);
  content->rows = g_ptr_array_new_with_free_func ((GDestroyNotify) pb_config_row_free);
  content->secrets = new_table ((GDestroyNotify) g_bytes_unref);
  content->verifiers = new_table ((GDestroyNotify) g_bytes_unref);
  content->signing_keys = new_table ((GDestroyNotify) g_bytes_unref);
  content->blocks = new_table ((GDestroyNotify) g_variant_unref);
  content->hits = new_table ((GDestroyNotify) g_variant_unref);
  if (!load_rows (self->reader, SQL_SETTINGS, load_setting, content, error)
      || !load_rows (self->reader, SQL_ROWS, load_row, content, error)
      || !load_rows (self->reader, SQL_SECRETS, load_secret, content, error)
      || !load_rows (self->reader, SQL_VERIFIERS, load_verifier, content, error)
      || !load_rows (self->reader, SQL_SIGNING_KEYS, load_signing_key, content, error)
      || !load_rows (self->reader, SQL_BLOCKS, load_block, content, error)
      || !load_rows (self->reader, SQL_HITS, load_hit, content, error)
      || !load_rows (self->reader, SQL_INSTANCE, load_instance, content, error))
    return NULL;
  return g_steal_pointer (&content);
}

/* ---- revisions ---- */

typedef struct
{
  PbConfigStore *store;
  guint offset, limit;
  PbMailbox *reply_to; /* (owned) */
  PbConfigRevisions func;
  gpointer user_data;

  GPtrArray *revisions; /* (owned) (nullable) */
  guint total;
  GError *error; /* (owned) (nullable) */
} RevisionsRead;

static void
on_revisions_read (gpointer data)
{
  RevisionsRead *self = data;

  self->func (g_steal_pointer (&self->revisions), self->total, self->error, self->user_data);
  g_clear_pointer (&self->reply_to, pb_mailbox_unref);
  g_clear_error (&self->error);
  g_free (self);
}

static PbConfigRevision *
revision_from_row (sqlite3_stmt *row)
{
  PbConfigRevision *revision = g_new0 (PbConfigRevision, 1);

  revision->revision = (guint64) sqlite3_column_int64 (row, 0);
  revision->time = sqlite3_column_int64 (row, 1);
  revision->who = g_strdup (column_text (row, 2));
  revision->what = g_strdup (column_text (row, 3));
  revision->changes = g_ptr_array_new_with_free_func ((GDestroyNotify) pb_config_change_free);
  return revision;
}

static gboolean
change_value (sqlite3_stmt *row, int column, const char *key, GVariant **value, GError **error)
{
  if (sqlite3_column_type (row, column) == SQLITE_NULL)
    return TRUE;
  *value = pb_config_parse (column_text (row, column), key, error);
  return *value != NULL;
}

static gboolean
read_change (PbConfigRevision *revision, sqlite3_stmt *row, GError **error)
{
  PbConfigChange *change = g_new0 (PbConfigChange, 1);

  g_ptr_array_add (revision->changes, change);
  change->kind = g_strdup (column_text (row, 0));
  change->key = g_strdup (column_text (row, 1));
  change->old_position = (guint) sqlite3_column_int64 (row, 4);
  change->new_position = (guint) sqlite3_column_int64 (row, 5);
  return change_value (row, 2, change->key, &change->old_value, error)
         && change_value (row, 3, change->key, &change->new_value, error);
}

static gboolean
read_changes (PbDatabase *reader, PbConfigRevision *revision, GError **error)
{
  sqlite3_stmt *row = pb_database_statement (reader, SQL_CHANGES, error);
  int code;

  if (row == NULL)
    return FALSE;
  sqlite3_bind_int64 (row, 1, (sqlite3_int64) revision->revision);
  while ((code = pb_database_step (reader, row, error)) == SQLITE_ROW)
    if (!read_change (revision, row, error))
      {
        pb_database_reset (row);
        return FALSE;
      }
  return code == SQLITE_DONE;
}

static void
read_all_revisions (RevisionsRead *self, PbDatabase *reader)
{
  sqlite3_stmt *row = pb_database_statement (reader, SQL_REVISIONS, &self->error);
  gint64 total;
  int code;

  if (row == NULL || !pb_database_read_integer (reader, SQL_N_REVISIONS, &total, &self->error))
    return;
  self->total = (guint) total;
  sqlite3_bind_int64 (row, 1, self->limit);
  sqlite3_bind_int64 (row, 2, self->offset);
  while ((code = pb_database_step (reader, row, &self->error)) == SQLITE_ROW)
    g_ptr_array_add (self->revisions, revision_from_row (row));
  for (guint i = 0; code == SQLITE_DONE && i < self->revisions->len; i++)
    if (!read_changes (reader, g_ptr_array_index (self->revisions, i), &self->error))
      return;
}

static void
read_revisions (gpointer data)
{
  RevisionsRead *self = data;

  read_all_revisions (self, self->store->reader);
  pb_reply_now (self->reply_to, on_revisions_read, self);
}

void
pb_config_store_revisions (PbConfigStore *self, guint offset, guint limit, PbMailbox *reply_to,
                           PbConfigRevisions func, gpointer user_data)
{
  RevisionsRead *request = g_new0 (RevisionsRead, 1);

  request->store = self;
  request->offset = offset;
  request->limit = limit;
  request->reply_to = pb_mailbox_ref (reply_to);
  request->func = func;
  request->user_data = user_data;
  request->revisions = g_ptr_array_new_with_free_func ((GDestroyNotify) pb_config_revision_free);
  pb_pool_run (self->reader_pool, read_revisions, NULL, NULL, request);
}

/* ---- opening and closing ---- */

static gboolean
introduce (PbDatabase *database, GError **error)
{
  sqlite3_stmt *statement = pb_database_statement (database, SQL_INTRODUCE, error);
  g_autofree char *id = g_uuid_string_random ();

  if (statement == NULL)
    return FALSE;
  sqlite3_bind_text (statement, 1, id, -1, SQLITE_STATIC);
  return pb_database_run (database, statement, error);
}

PbConfigStore *
pb_config_store_open (const char *directory, GError **error)
{
  static const PbWriterHooks no_hooks = { 0 };
  g_autoptr (PbConfigStore) self = g_new0 (PbConfigStore, 1);
  g_autoptr (PbDatabase) database = NULL;
  g_autofree char *path = g_build_filename (directory, "settings.db", NULL);

  self->lock_fd = -1;
  if (!pb_fs_ensure_dir (directory, 0700, error))
    return NULL;
  self->lock_fd = pb_lock_take (directory, "settings.lock", error);
  if (self->lock_fd < 0)
    return NULL;
  database = pb_schema_open (&pb_config_schema, path, error);
  if (database == NULL || !introduce (database, error))
    return NULL;
  self->reader = pb_database_open (path, PB_DATABASE_READ_ONLY, error);
  if (self->reader == NULL)
    return NULL;
  self->writer =
    pb_writer_new ("config-writer", g_steal_pointer (&database), CHECKPOINT_PAGES, &no_hooks, self);
  self->reader_pool = pb_pool_new ("config-reader", 1);
  return g_steal_pointer (&self);
}

gint64
pb_config_store_busy_since (PbConfigStore *self)
{
  return pb_writer_busy_since (self->writer);
}

void
pb_config_store_close (PbConfigStore *self)
{
  if (self == NULL)
    return;
  if (self->writer != NULL)
    pb_writer_stop (self->writer);
  g_clear_pointer (&self->reader_pool, pb_pool_free);
  g_clear_pointer (&self->reader, pb_database_close);
  g_clear_pointer (&self->writer, pb_writer_free);
  if (self->lock_fd >= 0)
    close (self->lock_fd);
  g_free (self);
}
