/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

/* Trouble in one sentence, with at most two buttons, under the header bar. Hidden until shown.
 * Signals: "first-clicked", "second-clicked". */
#define PBA_TYPE_NOTICE_BAR (pba_notice_bar_get_type ())
G_DECLARE_FINAL_TYPE (PbaNoticeBar, pba_notice_bar, PBA, NOTICE_BAR, GtkWidget)

GtkWidget *pba_notice_bar_new (void);
void pba_notice_bar_show (PbaNoticeBar *self, const char *message, const char *first, const char *second);
void pba_notice_bar_hide (PbaNoticeBar *self);

G_END_DECLS
