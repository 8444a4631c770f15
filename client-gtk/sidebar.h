/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "pages/pages.h"

G_BEGIN_DECLS

/* The list of pages with its search. Signal: "go" (page id s, key s nullable). */
#define PBA_TYPE_SIDEBAR (pba_sidebar_get_type ())
G_DECLARE_FINAL_TYPE (PbaSidebar, pba_sidebar, PBA, SIDEBAR, AdwBin)

/** pba_sidebar_set_server: @server (nullable): for the pills and the search. */
void pba_sidebar_set_server (PbaSidebar *self, PbaServer *server);
/** pba_sidebar_select: marks the page's row; opens the entry it stands under. */
void pba_sidebar_select (PbaSidebar *self, const char *page);
GtkSearchBar *pba_sidebar_get_search_bar (PbaSidebar *self);

G_END_DECLS
