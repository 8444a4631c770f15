/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "model/list-row.h"
#include "widgets/page.h"

G_BEGIN_DECLS

/** pba_message_dialog_show: what happened to the message of @row, a row of the history, step by step, over @page. */
void pba_message_dialog_show (PbaPage *page, PbaListRow *row);


G_END_DECLS
