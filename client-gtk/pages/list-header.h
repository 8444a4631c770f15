/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "pages/list-layout.h"
#include <adwaita.h>

G_BEGIN_DECLS

#define PBA_LIST_GAP 12 /* px between columns */

/* How wide the columns are, in px, measured once a page so that header and rows line up at no cost per row. */
typedef struct
{
  int columns[PBA_LIST_COLUMNS];
  int chips; /* all five of them */
  int enabled;
  int total; /* what a row needs at least with all its columns */
} PbaListWidths;

/** pba_list_header_measure: for the fonts of @widget. */
void pba_list_header_measure (GtkWidget *widget, const PbaListLayout *layout, PbaListWidths *widths);
/** pba_list_header_new: (transfer floating): the labels over the columns of a view (nullable). */
GtkWidget *pba_list_header_new (const PbaListLayout *layout, const PbaListWidths *widths, const char *view);
/** pba_list_chip_new: (transfer floating): a skipped check in a pill. */
GtkWidget *pba_list_chip_new (const char *skip);

G_END_DECLS
