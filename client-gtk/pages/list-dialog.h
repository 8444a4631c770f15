/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "model/server.h"
#include <adwaita.h>

G_BEGIN_DECLS

/* One row of a list to create or to edit. Closes by itself once the service has taken it; what was typed stays until then.
 * Who may not change the list sees the row only. Signal: "saved" (id s, trouble s nullable: a
 * sentence about what was not saved with it). */
#define PBA_TYPE_LIST_DIALOG (pba_list_dialog_get_type ())
G_DECLARE_FINAL_TYPE (PbaListDialog, pba_list_dialog, PBA, LIST_DIALOG, AdwWindow)

/** pba_list_dialog_new: @row: (nullable): NULL creates one. @view: (nullable): what column "List" is to be. */
GtkWidget *pba_list_dialog_new (GtkWindow *parent, PbaServer *server, PbListKind kind, PbaListRow *row, const char *view);

/** pba_list_dialog_new_draft: creates a row; @cells: what the fields say at first. */
GtkWidget *pba_list_dialog_new_draft (GtkWindow *parent, PbaServer *server, PbListKind kind, GVariant *cells, const char *view);

G_END_DECLS
