/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <adwaita.h>

G_BEGIN_DECLS

/* What libadwaita 1.4 has and 1.2 lacks: rows with a switch or a spin button whose value is a property. */

/* A row with a switch. Property: active (b). The row's click toggles it. */
#define PBA_TYPE_SWITCH_ROW (pba_switch_row_get_type ())
G_DECLARE_FINAL_TYPE (PbaSwitchRow, pba_switch_row, PBA, SWITCH_ROW, AdwActionRow)
GtkWidget *pba_switch_row_new (const char *title, const char *subtitle);
gboolean pba_switch_row_get_active (PbaSwitchRow *self);
void pba_switch_row_set_active (PbaSwitchRow *self, gboolean active);

/* A row with a spin button over whole numbers. Property: value (d). */
#define PBA_TYPE_SPIN_ROW (pba_spin_row_get_type ())
G_DECLARE_FINAL_TYPE (PbaSpinRow, pba_spin_row, PBA, SPIN_ROW, AdwActionRow)
GtkWidget *pba_spin_row_new (const char *title, const char *subtitle, double minimum, double maximum);
double pba_spin_row_get_value (PbaSpinRow *self);
void pba_spin_row_set_value (PbaSpinRow *self, double value);

/** pba_accessible_name: names a widget that shows no text of its own. */
void pba_accessible_name (gpointer widget, const char *name);
/** pba_accessible_describe: @description (nullable). */
void pba_accessible_describe (gpointer widget, const char *description);
/** pba_accessible_name_lists: names every list box that is in @widget now; a group without a title has one that goes by its type. */
void pba_accessible_name_lists (GtkWidget *widget, const char *name);
/** pba_drop_down_new: of @titles, whose items are named for screen readers, in the button and in the list. */
GtkWidget *pba_drop_down_new (GtkStringList *titles);
/** pba_close_on_escape: the key Escape closes @window. */
void pba_close_on_escape (GtkWidget *window);
/** pba_accessible_mend_buttons: has GTK name buttons with a mnemonic once and without the underscore.
 * Called once, before the first window. */
void pba_accessible_mend_buttons (void);

G_END_DECLS
