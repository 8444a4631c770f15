/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <adwaita.h>

G_BEGIN_DECLS

/*
 * A text entry as a row with a caption line under it, which AdwEntryRow of 1.2 lacks. Properties: title (of AdwPreferencesRow), text (s),
 * caption (s, nullable), error (s, nullable: stands in the caption's place, in red), secret (b: a password with a peek button), changed (b:
 * accent edge), placeholder (s, nullable). Signals: "apply" on Enter.
 */
#define PBA_TYPE_ENTRY_ROW (pba_entry_row_get_type ())
G_DECLARE_FINAL_TYPE (PbaEntryRow, pba_entry_row, PBA, ENTRY_ROW, AdwPreferencesRow)

GtkWidget *pba_entry_row_new (const char *title);
const char *pba_entry_row_get_text (PbaEntryRow *self);
void pba_entry_row_set_text (PbaEntryRow *self, const char *text);
void pba_entry_row_set_caption (PbaEntryRow *self, const char *caption);
void pba_entry_row_set_error (PbaEntryRow *self, const char *error);
void pba_entry_row_add_suffix (PbaEntryRow *self, GtkWidget *widget);
void pba_entry_row_add_prefix (PbaEntryRow *self, GtkWidget *widget);
GtkEditable *pba_entry_row_get_editable (PbaEntryRow *self);

G_END_DECLS
