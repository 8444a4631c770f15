/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "dbus/list-kinds.h"
#include <adwaita.h>

G_BEGIN_DECLS

/* One column of a list in its dialog: a row with a control that fits the column's type, its help, and its error. */
typedef struct _PbaListField PbaListField;

/** pba_list_field_new: @value: (nullable): NULL shows the column's default. @without: (nullable): a choice that is not offered. */
PbaListField *pba_list_field_new (const PbColumnSpec *column, GVariant *value, const char *without);
void pba_list_field_free (PbaListField *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbaListField, pba_list_field_free)

/** pba_list_field_set_changed: @func is called with @user_data at every change by the user. */
void pba_list_field_set_changed (PbaListField *self, void (*func) (PbaListField *self, gpointer user_data), gpointer user_data);
const PbColumnSpec *pba_list_field_get_column (PbaListField *self);
GtkWidget *pba_list_field_get_row (PbaListField *self);
/** pba_list_field_get_value: (transfer floating). */
GVariant *pba_list_field_get_value (PbaListField *self);
/** pba_list_field_get_choice: (nullable): the chosen bus word of a column with choices. */
const char *pba_list_field_get_choice (PbaListField *self);
void pba_list_field_set_choice (PbaListField *self, const char *choice);
/** pba_list_field_set_text: of a column of text, as if it were typed. */
void pba_list_field_set_text (PbaListField *self, const char *text);
/** pba_list_field_set_help: another text in the place of the column's help. */
void pba_list_field_set_help (PbaListField *self, const char *help);
/** pba_list_field_join: whether the next row goes on with this one: no line between them. */
void pba_list_field_join (PbaListField *self, gboolean joined);
/** pba_list_field_set_error: @sentence: (nullable). Returns: FALSE when this kind of row has no place for it. */
gboolean pba_list_field_set_error (PbaListField *self, const char *sentence);
void pba_list_field_set_title (PbaListField *self, const char *title);
void pba_list_field_focus (PbaListField *self);

G_END_DECLS
