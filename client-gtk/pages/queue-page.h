/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "widgets/page.h"

G_BEGIN_DECLS

/* Mail on its way: all, or what is in one state, with search; live while it is seen. Reveals "active", "deferred", "held". */
#define PBA_TYPE_QUEUE_PAGE (pba_queue_page_get_type ())
G_DECLARE_FINAL_TYPE (PbaQueuePage, pba_queue_page, PBA, QUEUE_PAGE, PbaPage)

GtkWidget *pba_queue_page_new (PbaServer *server, const char *title);

G_END_DECLS
