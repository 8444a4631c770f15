/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "store/body-private.h"
#include "store/status.h"
#include "store/store.h"
#include <glib.h>
#include <sqlite3.h>

/* The columns that pb_row_*() read, in their order. */
#define PB_ROW_COLUMNS "id, arrival, n_recipients, class, envelope, status, target"

/** pb_row_id: the row's queue id. */
guint64 pb_row_id (sqlite3_stmt *row);

/** pb_row_class: FALSE: the column holds no class. */
gboolean pb_row_class (sqlite3_stmt *row, PbClass *class);

/** pb_row_contains: whether @text, whatever its case (ASCII), is somewhere in the envelope's column: what cannot match needs no decoding. */
gboolean pb_row_contains (sqlite3_stmt *row, const char *text);

/** pb_row_shows: likewise in any column that a search looks at, or in the id. */
gboolean pb_row_shows (sqlite3_stmt *row, const char *text);

/** pb_row_decode: Returns: (transfer full) (nullable) NULL when the row is damaged; *@damage then says what (static). */
PbQueued *pb_row_decode (sqlite3_stmt *row, const char **damage);

/** pb_row_decode_damaged: (transfer full) what can be shown of a damaged row: its id, with all recipients held. */
PbQueued *pb_row_decode_damaged (sqlite3_stmt *row, const char *damage);

/**
 * pb_row_file_body: Returns: (transfer full): the large body in @directory's file @name, with the head from the envelope in @column on top.
 * @size: octets of the message, head included. Without a readable envelope there is no head; the file is then too short, and found to be.
 */
PbBody *pb_row_file_body (sqlite3_stmt *row, int column, PbSpoolDir *directory, const char *name, guint64 size);
