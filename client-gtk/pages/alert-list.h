/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "widgets/page.h"

G_BEGIN_DECLS

/*
 * What needs a look, for the head of the overview: the state of the server, what the setup check found, mail that is stuck. Not to be seen
 * while there is nothing.
 */
#define PBA_TYPE_ALERT_LIST (pba_alert_list_get_type ())
G_DECLARE_FINAL_TYPE (PbaAlertList, pba_alert_list, PBA, ALERT_LIST, AdwBin)

/** pba_alert_list_new: @page (unowned): goes where the buttons lead; the list must stay within it. */
GtkWidget *pba_alert_list_new (PbaPage *page);

G_END_DECLS
