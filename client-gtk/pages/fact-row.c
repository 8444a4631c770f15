/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The small parts of windows that show one thing: facts, and buttons that copy. Used by the dialogs of
 * pages; own nothing.
 */
#include "pages/fact-row.h"

#include "widgets/compat.h"

GtkWidget *
pba_fact_row_new (const char *title, const char *fact)
{
  GtkWidget *row = g_object_new (ADW_TYPE_ACTION_ROW, "use-markup", FALSE, "title", title,
                                 "subtitle", fact, "subtitle-lines", 0, NULL);
  g_autofree char *name = g_strdup_printf ("%s, %s", title, fact);

  pba_accessible_name (row, name);
  return row;
}

static void
on_copy (GtkButton *button, gpointer user_data)
{
  gdk_clipboard_set_text (gtk_widget_get_clipboard (GTK_WIDGET (button)), user_data);
}

GtkWidget *
pba_copy_button_new (const char *text, const char *name)
{
  GtkWidget *button = gtk_button_new_from_icon_name ("edit-copy-symbolic");

  gtk_widget_set_valign (button, GTK_ALIGN_CENTER);
  gtk_widget_add_css_class (button, "flat");
  gtk_widget_set_tooltip_text (button, name);
  pba_accessible_name (button, name);
  g_signal_connect_data (button, "clicked", G_CALLBACK (on_copy), g_strdup (text),
                         (GClosureNotify) (void (*) (void)) g_free, 0);
  return button;
}
