/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "model/findings.h"
#include "widgets/page.h"

G_BEGIN_DECLS

/** pba_finding_get_page: (nullable): id of the page that shows what @finding is about. */
const char *pba_finding_get_page (PbaPage *page, PbaFinding *finding);
/** pba_finding_row_new: state, what, how it stands; inside, open unless it has passed: what to do, and a button that goes from @page there. Returns:
 *  (transfer floating). */
GtkWidget *pba_finding_row_new (PbaPage *page, PbaFinding *finding);

/** pba_remedy_button_new: goes from @page to @target and there to @key (nullable); @title: what it is about, for its name. Returns: (transfer
 *  floating). */
GtkWidget *pba_remedy_button_new (PbaPage *page, const char *words, const char *title, const char *target, const char *key);
/** pba_alert_row_new: state, what, the matter, and @button (nullable), below them where @page is narrow. Returns: (transfer floating). */
GtkWidget *pba_alert_row_new (PbaPage *page, PbaSeverity severity, const char *title, const char *sentence, GtkWidget *button);
/** pba_row_list_clear: empties a list box. */
void pba_row_list_clear (GtkListBox *list);

G_END_DECLS
