/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "model/queue.h"
#include <gtk/gtk.h>

G_BEGIN_DECLS

/** pba_queue_text_show: the header and the text of the message @id as they are, above @parent, with a button that saves it as a file. */
void pba_queue_text_show (GtkWindow *parent, PbaQueue *queue, const char *id);

G_END_DECLS
