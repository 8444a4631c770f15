/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <adwaita.h>

G_BEGIN_DECLS

/* Editor of a list of strings: an entry a string, each with Remove, and one more to add; fits into a row or a dialog.
 * Properties: strings (GStrv), label (s: names the entries for screen readers). notify::strings at every change. */
#define PBA_TYPE_STRING_LIST (pba_string_list_get_type ())
G_DECLARE_FINAL_TYPE (PbaStringList, pba_string_list, PBA, STRING_LIST, GtkBox)

GtkWidget *pba_string_list_new (const char *label);
void pba_string_list_set_strings (PbaStringList *self, const char *const *strings);
char **pba_string_list_dup_strings (PbaStringList *self);

G_END_DECLS
