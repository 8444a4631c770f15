/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "dbus/list-kinds.h"

G_BEGIN_DECLS

#define PBA_LIST_CSV_MAX_ROWS 10000 /* the most that a list can have */

/*
 * Rows of a list as a CSV file and back. The first line names the columns by their bus names; entries of string lists stand on
 * lines of their own inside their field, "none" is a list of words without any; times are as in 2026-12-31T23:00:00Z. Text that a
 * spreadsheet would take for a formula has an apostrophe in front, which reading takes away. What is written is read back as it was.
 */

/** pba_list_csv_write: @rows aa{sv} as List shows them. Returns: (transfer full): the file's text. */
char *pba_list_csv_write (PbListKind kind, GVariant *rows);
/**
 * pba_list_csv_read: takes the file's text apart and judges every row by the contract. Read-only columns and Position are skipped.
 * @defaults: (nullable): a{sv} for columns the file does not have
 * Returns: (transfer full): aa{sv} of what the file says, Id among it where it has one. NULL with a sentence in the user's language
 * that begins with the line.
 */
GVariant *pba_list_csv_read (PbListKind kind, const char *text, gsize length, GVariant *defaults, GError **error);
/** pba_list_csv_merge: (transfer full): aa{sv} for Replace: @present with the rows of @read that have its Ids in their places, and the others
 *  behind. @n_changed, @n_added (out): how many rows change, and how many come. */
GVariant *pba_list_csv_merge (GVariant *present, GVariant *read, guint *n_changed, guint *n_added);

G_END_DECLS
