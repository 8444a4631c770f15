/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "pages/list-header.h"

G_BEGIN_DECLS

/*
 * A row of a list: two lines, columns, chips and a switch, as its layout says. Recycled: bound to one PbaListRow after the other.
 * Properties: compact (b: two lines only), view (s, nullable: which columns make sense), editable (b).
 * Signals: "toggle" (PbaListRow, on b); "place" (dragged PbaListRow, at PbaListRow, after b).
 */
#define PBA_TYPE_LIST_ITEM (pba_list_item_get_type ())
G_DECLARE_FINAL_TYPE (PbaListItem, pba_list_item, PBA, LIST_ITEM, GtkBox)

GtkWidget *pba_list_item_new (const PbaListLayout *layout, const PbaListWidths *widths);
void pba_list_item_bind (PbaListItem *self, PbaListRow *row);
void pba_list_item_unbind (PbaListItem *self);
/** pba_list_item_get_row: (nullable) (transfer none). */
PbaListRow *pba_list_item_get_row (PbaListItem *self);

G_END_DECLS
