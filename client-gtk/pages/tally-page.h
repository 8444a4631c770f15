/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "widgets/page.h"

G_BEGIN_DECLS

/*
 * Stands in for a page whose interface the service does not have yet: says so in one sentence, and shows what its counters tell meanwhile.
 */
#define PBA_TYPE_TALLY_PAGE (pba_tally_page_get_type ())
G_DECLARE_FINAL_TYPE (PbaTallyPage, pba_tally_page, PBA, TALLY_PAGE, PbaPage)

/** pba_tally_page_new: @id "messages" or "blocks", of the table in tally-page.c; @icon as in the sidebar. */
GtkWidget *pba_tally_page_new (PbaServer *server, const char *title, const char *id, const char *icon);

G_END_DECLS
