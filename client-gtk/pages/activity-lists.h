/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "model/activity.h"
#include "widgets/page.h"

G_BEGIN_DECLS

/* Who is connected now, and who sent and received most: two groups of the overview. */
#define PBA_TYPE_ACTIVITY_LISTS (pba_activity_lists_get_type ())
G_DECLARE_FINAL_TYPE (PbaActivityLists, pba_activity_lists, PBA, ACTIVITY_LISTS, AdwBin)

/** pba_activity_lists_new: (transfer floating): @page: goes to the messages of whoever is clicked. Hidden where the service cannot tell. */
GtkWidget *pba_activity_lists_new (PbaPage *page);
/** pba_activity_lists_set_span: the busiest of the last @seconds. */
void pba_activity_lists_set_span (PbaActivityLists *self, guint seconds);
/** pba_activity_lists_refresh: a second or so has passed while they were seen: asks again for what may have changed. */
void pba_activity_lists_refresh (PbaActivityLists *self);
/** pba_activity_lists_restart: they are seen again. */
void pba_activity_lists_restart (PbaActivityLists *self);

G_END_DECLS
