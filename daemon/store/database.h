/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>
#include <sqlite3.h>

/*
 * One SQLite connection, used by one thread at a time. Only this floor knows it. Errors are PB_STORE_ERROR with the file's path in the message.
 */
typedef struct
{
  sqlite3 *handle;     /* (owned) */
  char *path;          /* (owned) */
  GArray *statements;  /* (owned) prepared statements by the address of their text */
  guint wal_pages;     /* pages in the write-ahead log after the last commit of this connection */
  guint checkpoints;   /* how often the log was copied into the file */
} PbDatabase;

typedef enum
{
  PB_DATABASE_READ_WRITE,
  PB_DATABASE_READ_ONLY,
  PB_DATABASE_UNSYNCED, /* READ_WRITE whose commits are not synced: its log is written page by page, since others read it before any sync */
} PbDatabaseMode;

/** pb_database_open: opens (READ_WRITE: makes) the file; changes nothing in it. No connection of ours checkpoints when it is closed. */
PbDatabase *pb_database_open (const char *path, PbDatabaseMode mode, GError **error);

/** pb_database_tune: the pragmas of a writing connection: WAL, synchronous=FULL, no checkpoints of SQLite's own. Only once the file is known to be ours. */
gboolean pb_database_tune (PbDatabase *self, GError **error);

void pb_database_close (PbDatabase *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbDatabase, pb_database_close)

/** pb_database_statement: (transfer none) (nullable) @sql prepared, kept for the next call. @sql must be a string constant: it is told by its address. */
sqlite3_stmt *pb_database_statement (PbDatabase *self, const char *sql, GError **error);

/** pb_database_step: Returns: SQLITE_ROW, SQLITE_DONE (the statement is reset), or another code with @error set (reset too). */
int pb_database_step (PbDatabase *self, sqlite3_stmt *statement, GError **error);

/** pb_database_reset: ends a statement that was stepped to a row. Its bindings go too. */
void pb_database_reset (sqlite3_stmt *statement);

/** pb_database_run: steps a statement to its end. */
gboolean pb_database_run (PbDatabase *self, sqlite3_stmt *statement, GError **error);

/** pb_database_exec: @sql, a string constant of one or more statements without results. */
gboolean pb_database_exec (PbDatabase *self, const char *sql, GError **error);

/** pb_database_read_integer: the first column of the first row of @sql; 0 when there is none. */
gboolean pb_database_read_integer (PbDatabase *self, const char *sql, gint64 *value, GError **error);

/** pb_database_checkpoint: copies the log into the file and syncs it. A reader in the way is no error. @truncate: cut the log's file to nothing. */
gboolean pb_database_checkpoint (PbDatabase *self, gboolean truncate, GError **error);

/** pb_database_set_error: fills @error from SQLite's @code and the connection's message. */
void pb_database_set_error (PbDatabase *self, int code, GError **error);
