/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "widgets/settings-page.h"

G_BEGIN_DECLS

/* Relay settings: where mail goes, and the login there with its password, which is no setting. */
#define PBA_TYPE_RELAY_PAGE (pba_relay_page_get_type ())
G_DECLARE_FINAL_TYPE (PbaRelayPage, pba_relay_page, PBA, RELAY_PAGE, PbaSettingsPage)

GtkWidget *pba_relay_page_new (PbaServer *server, const char *title, const char *const *interfaces);

G_END_DECLS
