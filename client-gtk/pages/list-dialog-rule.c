/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the dialog of a whitelist or blacklist rule has beyond its columns: an example for its criterion, a
 * safer criterion where one can be forged, and what a rule of that kind usually skips. Part of
 * PbaListDialog.
 */
#include "pages/list-dialog-private.h"

#include "model/words.h"
#include "pages/skip-matrix.h"

#include <glib/gi18n.h>

static const struct
{
  const char *kind, *example;
} examples[] = {
  { "sender", N_ ("Such as ann@example.org") },
  { "recipient", N_ ("Such as ann@example.org") },
  { "ip", N_ ("Such as 192.0.2.17 or 2001:db8::17") },
  { "network", N_ ("Such as 192.0.2.0/24 or 192.0.2.0/255.255.255.0") },
  { "domain", N_ ("Such as example.org, or .example.org for its subdomains") },
};

void
pba_list_dialog_follow_kind (PbaListDialog *self)
{
  const char *kind = pba_list_dialog_chosen (self, "Kind");
  PbaListField *value = pba_list_dialog_find (self, "Value");
  PbaListField *skip = pba_list_dialog_find (self, "Skip");
  gboolean forgeable = g_str_equal (kind, "sender") || g_str_equal (kind, "domain");
  g_autofree char *title = pba_words_choice ("Kind", kind);

  if (value == NULL)
    return;
  pba_list_field_set_title (value, title);
  for (guint i = 0; i < G_N_ELEMENTS (examples); i++)
    if (g_str_equal (examples[i].kind, kind))
      pba_list_field_set_help (value, _ (examples[i].example));
  pba_list_field_join (value, forgeable && skip != NULL);
  gtk_widget_set_visible (self->hint, forgeable && skip != NULL);
  gtk_label_set_label (self->hint_label,
                       g_str_equal (kind, "domain")
                         ? _ ("A domain can be forged. A rule by the server’s IP is safer.")
                         : _ ("A sender can be forged. A rule by the server’s IP is safer."));
  if (skip != NULL)
    {
      PbaSkipMatrix *matrix = PBA_SKIP_MATRIX (pba_list_field_get_row (skip));
      g_autofree char *line = NULL;

      pba_skip_matrix_set_usual (matrix, pb_access_usual_skips (kind));
      gtk_widget_set_sensitive (self->reset, !pba_skip_matrix_is_usual (matrix));
      /* Translators: %s is a criterion such as Domain */
      line = g_strdup_printf (_ ("A message that matches is not tested by these. “Usual” is what "
                                 "a rule by “%s” skips."),
                              title);
      adw_preferences_group_set_description (self->skips, line);
    }
}

static void
on_use_ip (PbaListDialog *self)
{
  PbaListField *value = pba_list_dialog_find (self, "Value");

  pba_list_field_set_choice (pba_list_dialog_find (self, "Kind"), "ip");
  pba_list_field_focus (value);
}

static void
on_reset (PbaListDialog *self)
{
  pba_skip_matrix_reset (
    PBA_SKIP_MATRIX (pba_list_field_get_row (pba_list_dialog_find (self, "Skip"))));
}

static void
add_hint (PbaListDialog *self, AdwPreferencesGroup *group)
{
  GtkWidget *row = adw_preferences_row_new ();
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 12);
  GtkWidget *icon = gtk_image_new_from_icon_name ("dialog-warning-symbolic");
  GtkWidget *button = gtk_button_new_with_mnemonic (_ ("_Use IP"));

  self->hint_label = GTK_LABEL (gtk_label_new (NULL));
  gtk_label_set_wrap (self->hint_label, TRUE);
  gtk_label_set_xalign (self->hint_label, 0);
  gtk_widget_set_hexpand (GTK_WIDGET (self->hint_label), TRUE);
  gtk_widget_add_css_class (GTK_WIDGET (self->hint_label), "subtitle");
  gtk_widget_add_css_class (icon, "warning");
  gtk_widget_add_css_class (button, "flat");
  gtk_widget_set_valign (button, GTK_ALIGN_CENTER);
  gtk_widget_add_css_class (box, "hint");
  gtk_widget_add_css_class (row, "setting");
  gtk_box_append (GTK_BOX (box), icon);
  gtk_box_append (GTK_BOX (box), GTK_WIDGET (self->hint_label));
  gtk_box_append (GTK_BOX (box), button);
  gtk_list_box_row_set_child (GTK_LIST_BOX_ROW (row), box);
  gtk_list_box_row_set_activatable (GTK_LIST_BOX_ROW (row), FALSE);
  gtk_widget_set_focusable (row, FALSE);
  g_signal_connect_swapped (button, "clicked", G_CALLBACK (on_use_ip), self);
  adw_preferences_group_add (group, row);
  self->hint = row;
}

static void
title_skips (PbaListDialog *self, AdwPreferencesGroup *group)
{
  self->skips = group;
  self->reset = gtk_button_new_with_mnemonic (_ ("_Reset"));
  gtk_widget_add_css_class (self->reset, "flat");
  gtk_widget_set_valign (self->reset, GTK_ALIGN_CENTER);
  g_signal_connect_swapped (self->reset, "clicked", G_CALLBACK (on_reset), self);
  adw_preferences_group_set_title (group, _ ("Skipped Checks"));
  adw_preferences_group_set_header_suffix (group, self->reset);
}

void
pba_list_dialog_dress_rule (PbaListDialog *self, AdwPreferencesGroup *group, const char *column)
{
  if (g_str_equal (column, "Skip"))
    title_skips (self, group);
  else if (g_str_equal (column, "Value"))
    add_hint (self, group);
}
