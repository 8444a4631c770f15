/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "widgets/page.h"

G_BEGIN_DECLS

/* Who may not log in for a while, and why; each can be let in again, or kept out longer. */
#define PBA_TYPE_BLOCKS_PAGE (pba_blocks_page_get_type ())
G_DECLARE_FINAL_TYPE (PbaBlocksPage, pba_blocks_page, PBA, BLOCKS_PAGE, PbaPage)

GtkWidget *pba_blocks_page_new (PbaServer *server, const char *title, const char *icon);

G_END_DECLS
