/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "widgets/page.h"

G_BEGIN_DECLS

/* What became of mail: searched and filtered by the service, with a dialog for each message. reveal takes "check:relay", "text:192.0.2.1" and
 * "event:bounced". */
#define PBA_TYPE_MESSAGES_PAGE (pba_messages_page_get_type ())
G_DECLARE_FINAL_TYPE (PbaMessagesPage, pba_messages_page, PBA, MESSAGES_PAGE, PbaPage)

GtkWidget *pba_messages_page_new (PbaServer *server, const char *title);

G_END_DECLS
