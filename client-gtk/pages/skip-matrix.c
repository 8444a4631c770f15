/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The checks that a whitelist rule spares, as the specification draws them: a column a check, a row of
 * check buttons, and a row with what is usual for the rule's criterion. Used by the dialog of rules,
 * which says what is usual. A choice that was left alone moves on to the usual of another criterion.
 */
#include "pages/skip-matrix.h"

#include "pages/list-layout.h"
#include "widgets/compat.h"

#include <glib/gi18n.h>

#define N_SKIPS 5

static const char *const titles[N_SKIPS] = { N_ ("DNSBL"), N_ ("SPF"), N_ ("Antivirus Scan"),
                                             N_ ("DKIM"), N_ ("DMARC") };

struct _PbaSkipMatrix
{
  AdwPreferencesRow parent_instance;

  GtkCheckButton *checks[N_SKIPS]; /* (unowned) */
  GtkImage *marks[N_SKIPS];        /* (unowned) */
  gboolean usual[N_SKIPS];
  gboolean follows; /* stands at the usual and goes with it */
  gboolean showing;
};

G_DEFINE_FINAL_TYPE (PbaSkipMatrix, pba_skip_matrix, ADW_TYPE_PREFERENCES_ROW)

static guint changed_signal;

gboolean
pba_skip_matrix_is_usual (PbaSkipMatrix *self)
{
  for (guint i = 0; i < N_SKIPS; i++)
    if (gtk_check_button_get_active (self->checks[i]) != self->usual[i])
      return FALSE;
  return TRUE;
}

static void
on_toggled (PbaSkipMatrix *self)
{
  if (self->showing)
    return;
  self->follows = pba_skip_matrix_is_usual (self);
  g_signal_emit (self, changed_signal, 0);
}

static void
pba_skip_matrix_class_init (PbaSkipMatrixClass *klass)
{
  changed_signal = g_signal_new ("changed", PBA_TYPE_SKIP_MATRIX, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                 NULL, G_TYPE_NONE, 0);
}

static GtkWidget *
make_label (const char *text, const char *css_class)
{
  GtkWidget *label = gtk_label_new (text);

  if (css_class != NULL)
    gtk_widget_add_css_class (label, css_class);
  gtk_label_set_wrap (GTK_LABEL (label), TRUE);
  gtk_label_set_justify (GTK_LABEL (label), GTK_JUSTIFY_CENTER);
  return label;
}

static void
add_column (PbaSkipMatrix *self, GtkGrid *grid, guint i)
{
  GtkWidget *check = gtk_check_button_new ();
  GtkWidget *head = make_label (_ (titles[i]), "heading");
  /* Translators: names a check button for screen readers: “Skip DNSBL” */
  g_autofree char *name = g_strdup_printf (_ ("Skip %s"), _ (titles[i]));

  pba_accessible_name (check, name);
  gtk_widget_set_halign (check, GTK_ALIGN_CENTER);
  gtk_widget_set_hexpand (head, TRUE);
  self->checks[i] = GTK_CHECK_BUTTON (check);
  self->marks[i] = GTK_IMAGE (gtk_image_new ());
  gtk_widget_add_css_class (GTK_WIDGET (self->marks[i]), "dim-label");
  gtk_grid_attach (grid, head, i + 1, 0, 1, 1);
  gtk_grid_attach (grid, check, i + 1, 1, 1, 1);
  gtk_grid_attach (grid, GTK_WIDGET (self->marks[i]), i + 1, 2, 1, 1);
  g_signal_connect_swapped (check, "toggled", G_CALLBACK (on_toggled), self);
}

static void
pba_skip_matrix_init (PbaSkipMatrix *self)
{
  GtkGrid *grid = GTK_GRID (gtk_grid_new ());
  GtkWidget *skip = make_label (_ ("Skip"), NULL);
  GtkWidget *usual = make_label (_ ("Usual"), "dim-label");

  gtk_list_box_row_set_activatable (GTK_LIST_BOX_ROW (self), FALSE);
  gtk_widget_set_focusable (GTK_WIDGET (self), FALSE);
  gtk_widget_add_css_class (GTK_WIDGET (grid), "skip-matrix");
  gtk_grid_set_column_spacing (grid, 12);
  gtk_grid_set_row_spacing (grid, 10);
  gtk_label_set_xalign (GTK_LABEL (skip), 0);
  gtk_label_set_xalign (GTK_LABEL (usual), 0);
  gtk_grid_attach (grid, skip, 0, 1, 1, 1);
  gtk_grid_attach (grid, usual, 0, 2, 1, 1);
  for (guint i = 0; i < N_SKIPS; i++)
    add_column (self, grid, i);
  gtk_list_box_row_set_child (GTK_LIST_BOX_ROW (self), GTK_WIDGET (grid));
  pba_accessible_name (self, _ ("Skipped Checks"));
}

GtkWidget *
pba_skip_matrix_new (void)
{
  return g_object_new (PBA_TYPE_SKIP_MATRIX, NULL);
}

static void
show_skips (PbaSkipMatrix *self, const gboolean *skips)
{
  self->showing = TRUE;
  for (guint i = 0; i < N_SKIPS; i++)
    gtk_check_button_set_active (self->checks[i], skips[i]);
  self->showing = FALSE;
}

void
pba_skip_matrix_set_skips (PbaSkipMatrix *self, const char *const *skips)
{
  gboolean on[N_SKIPS];

  for (guint i = 0; i < N_SKIPS; i++)
    on[i] = skips != NULL ? g_strv_contains (skips, pba_list_skips[i]) : self->usual[i];
  show_skips (self, on);
  self->follows = skips == NULL;
}

char **
pba_skip_matrix_dup_skips (PbaSkipMatrix *self)
{
  g_autoptr (GStrvBuilder) skips = g_strv_builder_new ();

  for (guint i = 0; i < N_SKIPS; i++)
    if (gtk_check_button_get_active (self->checks[i]))
      g_strv_builder_add (skips, pba_list_skips[i]);
  return g_strv_builder_end (skips);
}

void
pba_skip_matrix_reset (PbaSkipMatrix *self)
{
  show_skips (self, self->usual);
  self->follows = TRUE;
  g_signal_emit (self, changed_signal, 0);
}

void
pba_skip_matrix_set_usual (PbaSkipMatrix *self, const char *const *usual)
{
  for (guint i = 0; i < N_SKIPS; i++)
    {
      self->usual[i] = g_strv_contains (usual, pba_list_skips[i]);
      gtk_image_set_from_icon_name (self->marks[i], self->usual[i] ? "object-select-symbolic"
                                                                   : "list-remove-symbolic");
      pba_accessible_name (self->marks[i],
                           self->usual[i] ? _ ("Usually skipped") : _ ("Not usually skipped"));
    }
  if (self->follows)
    show_skips (self, self->usual);
  else
    self->follows = pba_skip_matrix_is_usual (self);
}
