/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <adwaita.h>

G_BEGIN_DECLS

/* When a rule ends: never, in a while, or on a day of the calendar. Signal: "changed". */
#define PBA_TYPE_EXPIRY_ROW (pba_expiry_row_get_type ())
G_DECLARE_FINAL_TYPE (PbaExpiryRow, pba_expiry_row, PBA, EXPIRY_ROW, AdwPreferencesRow)

GtkWidget *pba_expiry_row_new (const char *title);
/** pba_expiry_row_set_time: @unix_seconds 0 is never. */
void pba_expiry_row_set_time (PbaExpiryRow *self, guint64 unix_seconds);
guint64 pba_expiry_row_get_time (PbaExpiryRow *self);

G_END_DECLS
