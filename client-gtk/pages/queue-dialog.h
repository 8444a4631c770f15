/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "model/list-row.h"
#include <gtk/gtk.h>

G_BEGIN_DECLS

/** pba_queue_dialog_show: a message of the queue as a whole, above @parent: what is known of it and each recipient that still waits. Follows @row. */
void pba_queue_dialog_show (GtkWidget *parent, PbaListRow *row);

G_END_DECLS
