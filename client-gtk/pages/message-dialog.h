/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "model/list-row.h"
#include "widgets/page.h"

G_BEGIN_DECLS

/** pba_message_dialog_show: what happened to the message of @row, a row of the history, step by step, over @page. */
void pba_message_dialog_show (PbaPage *page, PbaListRow *row);

/** pba_why_dialog_show: why @check refuses, with what was found and said (nullable), and the way to its settings; over @over. */
void pba_why_dialog_show (PbaPage *page, GtkWidget *over, const char *check, const char *evidence);

G_END_DECLS
