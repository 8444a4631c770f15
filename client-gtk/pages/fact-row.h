/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <adwaita.h>

G_BEGIN_DECLS

/* What windows that show one thing are made of. */

/** pba_fact_row_new: @title over @fact, which is plain text and may be long. */
GtkWidget *pba_fact_row_new (const char *title, const char *fact);
/** pba_copy_button_new: puts @text on the clipboard. @name: what it does, for tooltip and screen readers. */
GtkWidget *pba_copy_button_new (const char *text, const char *name);

G_END_DECLS
