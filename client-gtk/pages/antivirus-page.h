/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "widgets/settings-page.h"

G_BEGIN_DECLS

/* The page of the virus scanner: its settings, and a test of the connection to it. */
#define PBA_TYPE_ANTIVIRUS_PAGE (pba_antivirus_page_get_type ())
G_DECLARE_FINAL_TYPE (PbaAntivirusPage, pba_antivirus_page, PBA, ANTIVIRUS_PAGE, PbaSettingsPage)

GtkWidget *pba_antivirus_page_new (PbaServer *server, const char *title, const char *const *interfaces);

G_END_DECLS
