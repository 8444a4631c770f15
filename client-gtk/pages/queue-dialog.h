/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "model/list-row.h"
#include "widgets/page.h"

G_BEGIN_DECLS

/** pba_queue_dialog_show: a message of the queue as a whole, above @parent: what is known of it, each recipient that still waits, how delivery was tried, and a
 *  way to its text. Follows @row. */
void pba_queue_dialog_show (PbaPage *parent, PbaListRow *row);

G_END_DECLS
