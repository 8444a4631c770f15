/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/*
 * One row of a list, the queue or the history. Properties, read-only: id (s, nullable while loading), position (u), loaded (b),
 * cells (GVariant a{sv}, nullable while loading). The object of a row stays the same while it is followed: bind to "cells".
 */
#define PBA_TYPE_LIST_ROW (pba_list_row_get_type ())
G_DECLARE_FINAL_TYPE (PbaListRow, pba_list_row, PBA, LIST_ROW, GObject)

const char *pba_list_row_get_id (PbaListRow *self);
guint pba_list_row_get_position (PbaListRow *self);
gboolean pba_list_row_get_loaded (PbaListRow *self);
/** pba_list_row_get_cells: (transfer none) (nullable). */
GVariant *pba_list_row_get_cells (PbaListRow *self);
/* Cells by type; absent ones are "", FALSE, 0, empty. get_number takes u, t, i and x. */
const char *pba_list_row_get_text (PbaListRow *self, const char *column);
gboolean pba_list_row_get_boolean (PbaListRow *self, const char *column);
gint64 pba_list_row_get_number (PbaListRow *self, const char *column);
char **pba_list_row_dup_texts (PbaListRow *self, const char *column);

G_END_DECLS
