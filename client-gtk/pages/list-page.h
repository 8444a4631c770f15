/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "dbus/list-kinds.h"
#include "widgets/page.h"

G_BEGIN_DECLS

/*
 * A page of one list: two-line rows, search, multi-select, Create, Edit, Remove with undo, CSV import and export; drag and Alt with an
 * arrow key where the order decides. AccessList has its blacklist and its whitelist as views in the header bar. reveal: a row's Id, or
 * the name of a view.
 */
#define PBA_TYPE_LIST_PAGE (pba_list_page_get_type ())
G_DECLARE_FINAL_TYPE (PbaListPage, pba_list_page, PBA, LIST_PAGE, PbaPage)

GtkWidget *pba_list_page_new (PbaServer *server, const char *title, PbListKind kind);

G_END_DECLS
