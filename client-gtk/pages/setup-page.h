/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "widgets/page.h"

G_BEGIN_DECLS

/* Everything that is wrong or doubtful, the worst first, each with the way to its remedy. */
#define PBA_TYPE_SETUP_PAGE (pba_setup_page_get_type ())
G_DECLARE_FINAL_TYPE (PbaSetupPage, pba_setup_page, PBA, SETUP_PAGE, PbaPage)

GtkWidget *pba_setup_page_new (PbaServer *server, const char *title);

G_END_DECLS
