/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "widgets/page.h"

G_BEGIN_DECLS

/* What needs a look, what goes through, what is refused and what waits; live while it is seen. */
#define PBA_TYPE_OVERVIEW_PAGE (pba_overview_page_get_type ())
G_DECLARE_FINAL_TYPE (PbaOverviewPage, pba_overview_page, PBA, OVERVIEW_PAGE, PbaPage)

GtkWidget *pba_overview_page_new (PbaServer *server, const char *title);

G_END_DECLS
