/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "widgets/settings-page.h"

G_BEGIN_DECLS

/* The page of DNS blocklists: its settings, which lists are ill and why, and a way to the lists. */
#define PBA_TYPE_BLOCKLISTS_PAGE (pba_blocklists_page_get_type ())
G_DECLARE_FINAL_TYPE (PbaBlocklistsPage, pba_blocklists_page, PBA, BLOCKLISTS_PAGE, PbaSettingsPage)

GtkWidget *pba_blocklists_page_new (PbaServer *server, const char *title, const char *const *interfaces);

G_END_DECLS
