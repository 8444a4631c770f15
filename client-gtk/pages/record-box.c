/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A DNS record to be copied to where the domain's DNS is kept: some providers have a form with fields, some
 * take a line of a zone file. Used by the signing keys and by the setup check; owns nothing.
 */
#include "pages/record-box.h"

#include "pages/fact-row.h"
#include "widgets/compat.h"

#include <glib/gi18n.h>

static void
add_part (GtkGrid *grid, int line, const char *title, const char *text, const char *copy)
{
  GtkWidget *label = gtk_label_new (title);
  GtkWidget *value = gtk_label_new (text);
  GtkWidget *button = pba_copy_button_new (text, copy);
  g_autoptr (PangoAttrList) attributes = pango_attr_list_new ();
  g_autofree char *name = g_strdup_printf ("%s, %s", title, text);

  gtk_label_set_xalign (GTK_LABEL (label), 0);
  gtk_widget_set_valign (label, GTK_ALIGN_START);
  gtk_widget_set_margin_top (label, 8);
  gtk_widget_add_css_class (label, "second-line");
  gtk_label_set_xalign (GTK_LABEL (value), 0);
  gtk_label_set_wrap (GTK_LABEL (value), TRUE);
  gtk_label_set_wrap_mode (GTK_LABEL (value), PANGO_WRAP_CHAR);
  /* A hyphen at a line's end would be read as part of it. */
  pango_attr_list_insert (attributes, pango_attr_insert_hyphens_new (FALSE));
  gtk_label_set_attributes (GTK_LABEL (value), attributes);
  gtk_label_set_selectable (GTK_LABEL (value), TRUE);
  gtk_widget_set_valign (value, GTK_ALIGN_START);
  gtk_widget_set_margin_top (value, 7);
  gtk_widget_set_hexpand (value, TRUE);
  gtk_widget_add_css_class (value, "record");
  pba_accessible_name (value, name);
  gtk_widget_set_valign (button, GTK_ALIGN_START);
  gtk_grid_attach (grid, label, 0, line, 1, 1);
  gtk_grid_attach (grid, value, 1, line, 1, 1);
  gtk_grid_attach (grid, button, 2, line, 1, 1);
}

static void
on_copy (GtkButton *button, gpointer user_data)
{
  gdk_clipboard_set_text (gtk_widget_get_clipboard (GTK_WIDGET (button)), user_data);
}

GtkWidget *
pba_record_box_new (const char *name, const char *type, const char *value, const char *line)
{
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 6);
  GtkWidget *grid = gtk_grid_new ();
  GtkWidget *whole = gtk_button_new_with_mnemonic (_ ("Copy _Line for a Zone File"));

  gtk_grid_set_column_spacing (GTK_GRID (grid), 12);
  add_part (GTK_GRID (grid), 0, C_ ("DNS record", "Name"), name, _ ("Copy the Name"));
  add_part (GTK_GRID (grid), 1, C_ ("DNS record", "Type"), type, _ ("Copy the Type"));
  add_part (GTK_GRID (grid), 2, C_ ("DNS record", "Value"), value, _ ("Copy the Value"));
  gtk_widget_set_halign (whole, GTK_ALIGN_START);
  gtk_widget_add_css_class (whole, "flat");
  gtk_widget_set_tooltip_text (whole, line);
  g_signal_connect_data (whole, "clicked", G_CALLBACK (on_copy), g_strdup (line),
                         (GClosureNotify) (void (*) (void)) g_free, 0);
  gtk_box_append (GTK_BOX (box), grid);
  gtk_box_append (GTK_BOX (box), whole);
  gtk_widget_add_css_class (box, "record-box");
  gtk_widget_set_hexpand (box, TRUE);
  return box;
}
