/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <adwaita.h>

G_BEGIN_DECLS

/* Which checks a whitelist rule spares: a row of check buttons, and below it what the specification says is usual. Signal: "changed". */
#define PBA_TYPE_SKIP_MATRIX (pba_skip_matrix_get_type ())
G_DECLARE_FINAL_TYPE (PbaSkipMatrix, pba_skip_matrix, PBA, SKIP_MATRIX, AdwPreferencesRow)

GtkWidget *pba_skip_matrix_new (void);
/** pba_skip_matrix_set_skips: @skips: (nullable): NULL is the usual ones. */
void pba_skip_matrix_set_skips (PbaSkipMatrix *self, const char *const *skips);
char **pba_skip_matrix_dup_skips (PbaSkipMatrix *self);
/** pba_skip_matrix_set_usual: checks that stood at the usual follow it. Emits nothing. */
void pba_skip_matrix_set_usual (PbaSkipMatrix *self, const char *const *usual);
gboolean pba_skip_matrix_is_usual (PbaSkipMatrix *self);
/** pba_skip_matrix_reset: back to the usual. */
void pba_skip_matrix_reset (PbaSkipMatrix *self);

G_END_DECLS
