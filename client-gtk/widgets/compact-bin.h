/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

/*
 * Holds one child and tells whether it is too narrow for it: for tables that become rows of two lines. Properties: child (GtkWidget);
 * threshold (i: pixels that the wide form needs); compact (b, read-only), which changes after a layout, never in it.
 */
#define PBA_TYPE_COMPACT_BIN (pba_compact_bin_get_type ())
G_DECLARE_FINAL_TYPE (PbaCompactBin, pba_compact_bin, PBA, COMPACT_BIN, GtkWidget)

void pba_compact_bin_set_threshold (PbaCompactBin *self, int threshold);
gboolean pba_compact_bin_get_compact (PbaCompactBin *self);

G_END_DECLS
