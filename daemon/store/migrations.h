/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "store/database.h"
#include <glib.h>

/* One step of a schema's life: what brings version @version - 1 to @version. */
typedef struct
{
  int version;
  const char *sql; /* (static) ends with "PRAGMA user_version = <version>;" */
} PbMigration;

/* A kind of database: how its files are told and how its schema grew. */
typedef struct
{
  const char *what;           /* (static) "queue" */
  int application_id;
  const char *mark;           /* (static) "PRAGMA application_id = ...;" with the same number */
  const PbMigration *steps;   /* (static) (array length=n_steps) rising versions */
  guint n_steps;
  gboolean unsynced;          /* opened as PB_DATABASE_UNSYNCED */
  const char *prepare;        /* (static) (nullable) what must be said to a new file before it has anything */
} PbSchema;

extern const PbSchema pb_queue_schema;
extern const PbSchema pb_config_schema;
extern const PbSchema pb_history_schema;

/**
 * pb_schema_open:
 * Opens the writing connection to @path and brings its schema up to date, each step in a transaction of its own. A new file is made.
 * Errors: PB_STORE_ERROR_SCHEMA newer than @schema, _CORRUPT no database or another program's; in both cases nothing was written; G_FILE_ERROR when
 * it cannot be opened at all. The caller holds the lock of the state directory.
 */
PbDatabase *pb_schema_open (const PbSchema *schema, const char *path, GError **error);
