/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "widgets/settings-page.h"

G_BEGIN_DECLS

/* The page of mail authentication: its settings, and below them the keys that mail is signed with. */
#define PBA_TYPE_MAIL_AUTH_PAGE (pba_mail_auth_page_get_type ())
G_DECLARE_FINAL_TYPE (PbaMailAuthPage, pba_mail_auth_page, PBA, MAIL_AUTH_PAGE, PbaSettingsPage)

GtkWidget *pba_mail_auth_page_new (PbaServer *server, const char *title, const char *const *interfaces);

G_END_DECLS
