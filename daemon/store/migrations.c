/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The schemas of queue.db and settings.db as tables of steps, and the one function that walks them.
 *
 * Called at start-up. A file is looked at before anything is written: what is not a database, belongs to
 * another program or was written by a newer Postbus is refused as it stands. To change a schema, add a
 * step; steps that were ever released are never edited.
 */
#include "store/migrations.h"

#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/*
 * A message's row is small and apart from its octets, so that pages of the bus, claims and deferrals read and write some 300 bytes each.
 * status is NULL until the first attempt; envelope and status carry a digest. next_attempt is the earliest of the queued recipients.
 */
static const PbMigration queue_steps[] = {
  { 1,
    "CREATE TABLE message ("
    "  id INTEGER PRIMARY KEY,"
    "  next_attempt INTEGER,"
    "  class INTEGER NOT NULL,"
    "  arrival INTEGER NOT NULL,"
    "  size INTEGER NOT NULL,"
    "  n_recipients INTEGER NOT NULL,"
    "  in_file INTEGER NOT NULL,"
    "  digest BLOB NOT NULL,"
    "  envelope BLOB NOT NULL,"
    "  status BLOB"
    ") STRICT;"
    "CREATE INDEX message_next_attempt ON message (next_attempt) WHERE next_attempt IS NOT NULL;"
    "CREATE TABLE body (id INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT;"
    "CREATE TABLE high_water (one INTEGER PRIMARY KEY CHECK (one = 1), id INTEGER NOT NULL) STRICT;"
    "INSERT INTO high_water VALUES (1, 0);"
    "PRAGMA user_version = 1;" },
  /* Where the administrator sends a message instead (host[:port]); and the states one by one, for lists and actions among a million. */
  { 2, "ALTER TABLE message ADD COLUMN target TEXT;"
       "CREATE INDEX message_class ON message (class);"
       "PRAGMA user_version = 2;" },
};

const PbSchema pb_queue_schema = {
  .what = "queue",
  .application_id = 0x50625131, /* PbQ1 */
  .mark = "PRAGMA application_id = 0x50625131;",
  .steps = queue_steps,
  .n_steps = G_N_ELEMENTS (queue_steps),
};

/* Values are GVariant text: a person with sqlite3 can read what is set. */
static const PbMigration config_steps[] = {
  { 1, "CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;"
       "CREATE TABLE list_row ("
       "  kind TEXT NOT NULL,"
       "  id TEXT NOT NULL,"
       "  position INTEGER NOT NULL,"
       "  value TEXT NOT NULL,"
       "  PRIMARY KEY (kind, id)"
       ") STRICT, WITHOUT ROWID;"
       "CREATE TABLE revision ("
       "  revision INTEGER PRIMARY KEY,"
       "  time INTEGER NOT NULL,"
       "  who TEXT NOT NULL,"
       "  what TEXT NOT NULL"
       ") STRICT;"
       "CREATE TABLE change ("
       "  revision INTEGER NOT NULL,"
       "  idx INTEGER NOT NULL,"
       "  kind TEXT,"
       "  key TEXT NOT NULL,"
       "  old_value TEXT,"
       "  new_value TEXT,"
       "  old_position INTEGER NOT NULL,"
       "  new_position INTEGER NOT NULL,"
       "  PRIMARY KEY (revision, idx)"
       ") STRICT, WITHOUT ROWID;"
       "CREATE TABLE instance ("
       "  one INTEGER PRIMARY KEY CHECK (one = 1),"
       "  id TEXT NOT NULL,"
       "  revision INTEGER NOT NULL"
       ") STRICT;"
       "PRAGMA user_version = 1;" },
  /* Passwords for relays, sealed: of no use without the master key, which is not in here. */
  { 2, "CREATE TABLE secret (relay TEXT PRIMARY KEY, sealed BLOB NOT NULL) STRICT, WITHOUT ROWID;"
       "PRAGMA user_version = 2;" },
  /* What is kept of the accounts' passwords, which cannot be found out from it; and who is blocked until when. */
  { 3, "CREATE TABLE verifier (account TEXT PRIMARY KEY, packed BLOB NOT NULL) STRICT, WITHOUT ROWID;"
       "CREATE TABLE block (id TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;"
       "PRAGMA user_version = 3;" },
  /* How often rules matched: so often that no revision could tell of it. */
  { 4, "CREATE TABLE hit (id TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;"
       "PRAGMA user_version = 4;" },
  /* The keys that mail is signed with, their private parts sealed as passwords are. */
  { 5, "CREATE TABLE signing_key (id TEXT PRIMARY KEY, packed BLOB NOT NULL) STRICT, WITHOUT ROWID;"
       "PRAGMA user_version = 5;" },
};

const PbSchema pb_config_schema = {
  .what = "settings",
  .application_id = 0x50625331, /* PbS1 */
  .mark = "PRAGMA application_id = 0x50625331;",
  .steps = config_steps,
  .n_steps = G_N_ELEMENTS (config_steps),
};

static gboolean
migrate_step (PbDatabase *database, const PbMigration *step, GError **error)
{
  g_autoptr (GError) ignored = NULL;

  if (pb_database_exec (database, "BEGIN IMMEDIATE", error)
      && pb_database_exec (database, step->sql, error)
      && pb_database_exec (database, "COMMIT", error))
    return TRUE;
  if (!sqlite3_get_autocommit (database->handle))
    pb_database_exec (database, "ROLLBACK", &ignored);
  return FALSE;
}

/* Whether the file is new, ours and not from the future. *@version: what it has. */
static gboolean
inspect (PbDatabase *database, const PbSchema *schema, gint64 *version, GError **error)
{
  gint64 application_id, n_objects;
  int newest = schema->steps[schema->n_steps - 1].version;

  if (!pb_database_read_integer (database, "PRAGMA application_id", &application_id, error)
      || !pb_database_read_integer (database, "PRAGMA user_version", version, error)
      || !pb_database_read_integer (database, "SELECT count(*) FROM sqlite_schema", &n_objects,
                                    error))
    return FALSE;
  /* A pragma of a file shorter than a header answers 0; so does an empty file, which is a new one. */
  if (application_id == 0 && *version == 0 && n_objects == 0)
    return TRUE;
  if (application_id != schema->application_id)
    {
      g_set_error (error, PB_STORE_ERROR, PB_STORE_ERROR_CORRUPT,
                   "%s: this is not a Postbus %s database; move it away to start with an empty one",
                   database->path, schema->what);
      return FALSE;
    }
  if (*version <= newest)
    return TRUE;
  g_set_error (error, PB_STORE_ERROR, PB_STORE_ERROR_SCHEMA,
               "%s: has schema version %" G_GINT64_FORMAT
               ", this postbusd knows versions up to %d; it was written by a newer Postbus",
               database->path, *version, newest);
  return FALSE;
}

/* SQLite would make the file readable by everyone; its log takes over the mode it has. An empty file is a new database. */
static gboolean
make_private (const char *path, GError **error)
{
  int fd = open (path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

  if (fd < 0)
    {
      g_set_error (error, G_FILE_ERROR, (gint) g_file_error_from_errno (errno),
                   "Cannot open %s: %s", path, g_strerror (errno));
      return FALSE;
    }
  close (fd);
  return TRUE;
}

PbDatabase *
pb_schema_open (const PbSchema *schema, const char *path, GError **error)
{
  g_autoptr (PbDatabase) database = NULL;
  gint64 version;

  if (!make_private (path, error))
    return NULL;
  database = pb_database_open (
    path, schema->unsynced ? PB_DATABASE_UNSYNCED : PB_DATABASE_READ_WRITE, error);
  if (database == NULL || !inspect (database, schema, &version, error))
    return NULL;
  if (version == 0 && schema->prepare != NULL
      && !pb_database_exec (database, schema->prepare, error))
    return NULL;
  if (!pb_database_tune (database, error))
    return NULL;
  if (version == 0 && !pb_database_exec (database, schema->mark, error))
    return NULL;
  for (guint i = 0; i < schema->n_steps; i++)
    if (schema->steps[i].version > version && !migrate_step (database, &schema->steps[i], error))
      return NULL;
  return g_steal_pointer (&database);
}
