/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "widgets/settings-page.h"

G_BEGIN_DECLS

/* The general settings, and the certificate that the server shows, which is no setting. */
#define PBA_TYPE_GENERAL_PAGE (pba_general_page_get_type ())
G_DECLARE_FINAL_TYPE (PbaGeneralPage, pba_general_page, PBA, GENERAL_PAGE, PbaSettingsPage)

GtkWidget *pba_general_page_new (PbaServer *server, const char *title, const char *const *interfaces);

G_END_DECLS
