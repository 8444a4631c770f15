/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "model/list-row.h"
#include <adwaita.h>

G_BEGIN_DECLS

typedef enum
{
  PBA_QUEUE_STATE,
  PBA_QUEUE_RECIPIENT,
  PBA_QUEUE_REASON,
  PBA_QUEUE_TRIES,
  PBA_QUEUE_NEXT,
  PBA_QUEUE_SIZE,
  PBA_N_QUEUE_COLUMNS,
} PbaQueueColumn;

/* How wide the columns are, measured once a page so that header and rows line up at no cost per row. Recipient and reason share what is left. */
typedef struct
{
  int columns[PBA_N_QUEUE_COLUMNS];
  int total; /* what a row needs at least with all its columns */
} PbaQueueWidths;

/*
 * A row of the queue: state and arrival, recipient and sender, reason and code, tries, next attempt, size. Recycled: bound to one PbaListRow
 * after the other. Properties: compact (b: two lines), minute (u: words of time are made anew when it changes).
 */
#define PBA_TYPE_QUEUE_ITEM (pba_queue_item_get_type ())
G_DECLARE_FINAL_TYPE (PbaQueueItem, pba_queue_item, PBA, QUEUE_ITEM, GtkBox)

GtkWidget *pba_queue_item_new (const PbaQueueWidths *widths);
void pba_queue_item_bind (PbaQueueItem *self, PbaListRow *row);
void pba_queue_item_unbind (PbaQueueItem *self);
/** pba_queue_item_header: the labels over the columns. */
GtkWidget *pba_queue_item_header (const PbaQueueWidths *widths);
/** pba_queue_item_measure: for the fonts of @widget. */
void pba_queue_item_measure (GtkWidget *widget, PbaQueueWidths *widths);
/** pba_queue_state_icon: shows @state on @image. */
void pba_queue_state_icon (GtkImage *image, const char *state);

G_END_DECLS
