/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Changes of the configuration: all in one transaction, with the revision they make.
 *
 * Called by the settings floor; answered after the sync, on the caller's thread. Busy and full fail this
 * commit and change nothing; an I/O error ends the writing. The commit owns its changes.
 */
#include "store/config-private.h"
#include "store/store.h"
#include "util/clock.h"

#include <string.h>

#define SQL_SET_SETTING                                                                            \
  "INSERT INTO setting (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = ?2"
#define SQL_RESET_SETTING "DELETE FROM setting WHERE name = ?1"
#define SQL_SET_ROW                                                                                \
  "INSERT INTO list_row (kind, id, position, value) VALUES (?1, ?2, ?3, ?4)"                       \
  " ON CONFLICT (kind, id) DO UPDATE SET position = ?3, value = ?4"
#define SQL_REMOVE_ROW     "DELETE FROM list_row WHERE kind = ?1 AND id = ?2"
#define SQL_SET_SECRET                                                                             \
  "INSERT INTO secret (relay, sealed) VALUES (?1, ?2) ON CONFLICT (relay) DO UPDATE SET sealed = ?2"
#define SQL_FORGET_SECRET  "DELETE FROM secret WHERE relay = ?1"
#define SQL_SET_VERIFIER                                                                           \
  "INSERT INTO verifier (account, packed) VALUES (?1, ?2) ON CONFLICT (account) DO UPDATE SET packed = ?2"
#define SQL_FORGET_VERIFIER "DELETE FROM verifier WHERE account = ?1"
#define SQL_SET_SIGNING_KEY                                                                        \
  "INSERT INTO signing_key (id, packed) VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE SET packed = ?2"
#define SQL_FORGET_SIGNING_KEY "DELETE FROM signing_key WHERE id = ?1"
#define SQL_SET_BLOCK                                                                              \
  "INSERT INTO block (id, value) VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE SET value = ?2"
#define SQL_FORGET_BLOCK   "DELETE FROM block WHERE id = ?1"
#define SQL_SET_HIT                                                                                \
  "INSERT INTO hit (id, value) VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE SET value = ?2"
#define SQL_FORGET_HIT     "DELETE FROM hit WHERE id = ?1"
#define SQL_GET_REVISION   "SELECT revision FROM instance"
#define SQL_SET_REVISION   "UPDATE instance SET revision = ?1"
#define SQL_ADD_REVISION   "INSERT INTO revision (revision, time, who, what) VALUES (?1, ?2, ?3, ?4)"
#define SQL_DROP_REVISIONS "DELETE FROM revision WHERE revision <= ?1"
#define SQL_DROP_CHANGES   "DELETE FROM change WHERE revision <= ?1"
#define SQL_ADD_CHANGE                                                                              \
  "INSERT INTO change (revision, idx, kind, key, old_value, new_value, old_position, new_position)" \
  " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"

typedef struct
{
  PbWriteJob job;     /* first */
  GPtrArray *changes; /* (owned) of PbConfigChange */
  char *who, *what;   /* (owned) */
  gboolean keep_revision;
  PbMailbox *reply_to;    /* (owned) (nullable) */
  PbConfigCommitted func; /* (nullable) */
  gpointer user_data;

  guint64 revision;
  GError *error; /* (owned) (nullable) */
} Commit;

static void
commit_free (Commit *self)
{
  g_ptr_array_unref (self->changes);
  g_free (self->who);
  g_free (self->what);
  g_clear_pointer (&self->reply_to, pb_mailbox_unref);
  g_clear_error (&self->error);
  g_free (self);
}

static void
bind_text (sqlite3_stmt *statement, int index, const char *text)
{
  if (text != NULL)
    sqlite3_bind_text (statement, index, text, -1, SQLITE_TRANSIENT);
}

static void
bind_value (sqlite3_stmt *statement, int index, GVariant *value)
{
  if (value != NULL)
    sqlite3_bind_text (statement, index, pb_config_print (value), -1, g_free);
}

/* @text outlives the statement's run. */
static void
bind_printed (sqlite3_stmt *statement, int index, const char *text)
{
  if (text != NULL)
    sqlite3_bind_text (statement, index, text, -1, SQLITE_STATIC);
}

static gboolean
write_setting (PbDatabase *database, const PbConfigChange *change, const char *text, GError **error)
{
  gboolean set = change->new_value != NULL;
  sqlite3_stmt *statement =
    pb_database_statement (database, set ? SQL_SET_SETTING : SQL_RESET_SETTING, error);

  if (statement == NULL)
    return FALSE;
  bind_text (statement, 1, change->key);
  bind_printed (statement, 2, text);
  return pb_database_run (database, statement, error);
}

static gboolean
write_row (PbDatabase *database, const PbConfigChange *change, const char *text, GError **error)
{
  gboolean set = change->new_value != NULL;
  sqlite3_stmt *statement =
    pb_database_statement (database, set ? SQL_SET_ROW : SQL_REMOVE_ROW, error);

  if (statement == NULL)
    return FALSE;
  bind_text (statement, 1, change->kind);
  bind_text (statement, 2, change->key);
  if (set)
    sqlite3_bind_int64 (statement, 3, change->new_position);
  bind_printed (statement, 4, text);
  return pb_database_run (database, statement, error);
}

/* Kinds of which no revision tells: what they are, or how often they change, is not for the revisions. */
typedef struct
{
  const char *kind, *set, *forget;
} UnrecordedRow;

static const UnrecordedRow unrecorded[] = {
  { PB_CONFIG_SECRET, SQL_SET_SECRET, SQL_FORGET_SECRET },
  { PB_CONFIG_VERIFIER, SQL_SET_VERIFIER, SQL_FORGET_VERIFIER },
  { PB_CONFIG_SIGNING_KEY, SQL_SET_SIGNING_KEY, SQL_FORGET_SIGNING_KEY },
  { PB_CONFIG_BLOCK, SQL_SET_BLOCK, SQL_FORGET_BLOCK },
  { PB_CONFIG_HIT, SQL_SET_HIT, SQL_FORGET_HIT },
};

/* (nullable) NULL for a setting or a list's row. */
static const UnrecordedRow *
find_unrecorded (const PbConfigChange *change)
{
  for (guint i = 0; change->kind != NULL && i < G_N_ELEMENTS (unrecorded); i++)
    if (strcmp (change->kind, unrecorded[i].kind) == 0)
      return &unrecorded[i];
  return NULL;
}

static gboolean
write_unrecorded (PbDatabase *database, const UnrecordedRow *row, const PbConfigChange *change,
                  GError **error)
{
  GVariant *value = change->new_value;
  sqlite3_stmt *statement =
    pb_database_statement (database, value != NULL ? row->set : row->forget, error);

  if (statement == NULL)
    return FALSE;
  bind_text (statement, 1, change->key);
  if (value != NULL && g_variant_is_of_type (value, G_VARIANT_TYPE_BYTESTRING))
    sqlite3_bind_blob64 (statement, 2, g_variant_get_data (value), g_variant_get_size (value),
                         SQLITE_TRANSIENT);
  else
    bind_value (statement, 2, value);
  return pb_database_run (database, statement, error);
}

static gboolean
write_cell (PbDatabase *database, const PbConfigChange *change, const char *text, GError **error)
{
  const UnrecordedRow *row = find_unrecorded (change);

  if (row != NULL)
    return write_unrecorded (database, row, change, error);
  return (change->kind != NULL ? write_row : write_setting) (database, change, text, error);
}

static gboolean
write_change (PbDatabase *database, guint64 revision, guint index, const PbConfigChange *change,
              const char *text, GError **error)
{
  sqlite3_stmt *statement = pb_database_statement (database, SQL_ADD_CHANGE, error);

  if (statement == NULL)
    return FALSE;
  sqlite3_bind_int64 (statement, 1, (sqlite3_int64) revision);
  sqlite3_bind_int64 (statement, 2, index);
  bind_text (statement, 3, change->kind);
  bind_text (statement, 4, change->key);
  bind_value (statement, 5, change->old_value);
  bind_printed (statement, 6, text);
  sqlite3_bind_int64 (statement, 7, change->old_position);
  sqlite3_bind_int64 (statement, 8, change->new_position);
  return pb_database_run (database, statement, error);
}

static gboolean
run_with_number (PbDatabase *database, const char *sql, gint64 number, GError **error)
{
  sqlite3_stmt *statement = pb_database_statement (database, sql, error);

  if (statement == NULL)
    return FALSE;
  sqlite3_bind_int64 (statement, 1, number);
  return pb_database_run (database, statement, error);
}

static gboolean
write_revision (Commit *self, PbDatabase *database, GError **error)
{
  sqlite3_stmt *statement = pb_database_statement (database, SQL_ADD_REVISION, error);
  gint64 oldest_kept;

  if (statement == NULL)
    return FALSE;
  oldest_kept = (gint64) self->revision - PB_CONFIG_REVISIONS_KEPT;
  sqlite3_bind_int64 (statement, 1, (sqlite3_int64) self->revision);
  sqlite3_bind_int64 (statement, 2, pb_clock_wall () / G_USEC_PER_SEC);
  bind_text (statement, 3, self->who);
  bind_text (statement, 4, self->what);
  if (!pb_database_run (database, statement, error))
    return FALSE;
  return run_with_number (database, SQL_SET_REVISION, (gint64) self->revision, error)
         && run_with_number (database, SQL_DROP_REVISIONS, oldest_kept, error)
         && run_with_number (database, SQL_DROP_CHANGES, oldest_kept, error);
}

/* What holds and what the revision remembers, of one change: its value is printed once for both. */
static gboolean
write_both (Commit *self, guint index, PbDatabase *database, GError **error)
{
  const PbConfigChange *change = g_ptr_array_index (self->changes, index);
  gboolean recorded = find_unrecorded (change) == NULL;
  g_autofree char *text = NULL;

  if (change->new_value != NULL && recorded)
    text = pb_config_print (change->new_value);
  if (!write_cell (database, change, text, error))
    return FALSE;
  return !self->keep_revision || !recorded
         || write_change (database, self->revision, index, change, text, error);
}

static gboolean
run_commit (PbWriteJob *job, gpointer owner, PbDatabase *database, GError **error)
{
  Commit *self = (Commit *) job;
  gint64 revision;

  if (!pb_database_read_integer (database, SQL_GET_REVISION, &revision, error))
    return FALSE;
  self->revision = (guint64) revision;
  if (self->keep_revision)
    self->revision++;
  for (guint i = 0; i < self->changes->len; i++)
    if (!write_both (self, i, database, error))
      return FALSE;
  return !self->keep_revision || write_revision (self, database, error);
}

static void
on_commit_answered (gpointer data)
{
  Commit *self = data;

  self->func (self->error == NULL ? self->revision : 0, self->error, self->user_data);
  commit_free (self);
}

static void
on_commit_done (PbWriteJob *job, gpointer owner, const GError *error, PbReplies *replies)
{
  Commit *self = (Commit *) job;

  if (self->func == NULL || self->reply_to == NULL)
    {
      commit_free (self);
      return;
    }
  if (error != NULL)
    self->error = g_error_copy (error);
  pb_replies_add (replies, self->reply_to, on_commit_answered, self);
}

static const PbWriteOps commit_ops = { run_commit, on_commit_done, FALSE, FALSE };

void
pb_config_store_commit (PbConfigStore *self, GPtrArray *changes, const char *who, const char *what,
                        gboolean keep_revision, PbMailbox *reply_to, PbConfigCommitted func,
                        gpointer user_data)
{
  Commit *commit = g_new0 (Commit, 1);

  commit->job.ops = &commit_ops;
  commit->changes = changes;
  commit->who = g_strdup (who != NULL ? who : "");
  commit->what = g_strdup (what != NULL ? what : "");
  commit->keep_revision = keep_revision;
  commit->reply_to = reply_to != NULL ? pb_mailbox_ref (reply_to) : NULL;
  commit->func = func;
  commit->user_data = user_data;
  pb_writer_push (self->writer, &commit->job);
}
