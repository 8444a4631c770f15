/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "model/setting.h"
#include <adwaita.h>

G_BEGIN_DECLS

/*
 * The row of one setting, whatever its kind: switch, spin button, spin button with switch, Off/Watch/Enforce, choice, text entry or list
 * of strings; accent edge, "Was ...", Undo, error sentence, and that nothing obeys it yet, all from the PbaSetting's properties.
 * Properties: setting (PbaSetting, construct-only), narrow (b).
 */
#define PBA_TYPE_SETTING_ROW (pba_setting_row_get_type ())
G_DECLARE_FINAL_TYPE (PbaSettingRow, pba_setting_row, PBA, SETTING_ROW, AdwPreferencesRow)

GtkWidget *pba_setting_row_new (PbaSetting *setting);
PbaSetting *pba_setting_row_get_setting (PbaSettingRow *self);
/** pba_setting_row_add_dependent: @row goes into the fold under a switch, behind @after (nullable: last); it can be used while the switch
 *  is on. */
void pba_setting_row_add_dependent (PbaSettingRow *self, GtkWidget *row, GtkWidget *after);
/** pba_setting_row_unfold_around: opens the fold that @row stands in, if it does. Returns: FALSE when the switch above is off: that has the
 *  focus then, since @row cannot. */
gboolean pba_setting_row_unfold_around (GtkWidget *row);
/** pba_setting_row_add_suffix: a widget of the page's before the control. */
void pba_setting_row_add_suffix (PbaSettingRow *self, GtkWidget *widget);
/** pba_setting_row_focus_control: focus for search and for Apply on a faulty row; opens the folds around it. */
void pba_setting_row_focus_control (PbaSettingRow *self);

G_END_DECLS
