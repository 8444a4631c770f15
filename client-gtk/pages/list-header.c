/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The columns of a list page: how wide they are, and the labels over them. Called by the page; its rows
 * take the same widths. A width is that of the title or of a sample of what stands in the column, whichever
 * is more; longer text is cut and shown whole in the dialog.
 */
#include "pages/list-header.h"

#include "model/words.h"

#include <glib/gi18n.h>

#define LEAST_TITLE 200 /* px for the first column */
#define EDGE        18

static int
measure_text (GtkWidget *widget, const char *text)
{
  g_autoptr (PangoLayout) layout = gtk_widget_create_pango_layout (widget, text);
  int width;

  pango_layout_get_pixel_size (layout, &width, NULL);
  return width;
}

static int
measure_natural (GtkWidget *widget)
{
  int natural;

  g_object_ref_sink (widget);
  gtk_widget_measure (widget, GTK_ORIENTATION_HORIZONTAL, -1, NULL, &natural, NULL, NULL);
  g_object_unref (widget);
  return natural;
}

static int
measure_chips (void)
{
  GtkWidget *chips = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 6);

  for (guint i = 0; pba_list_skips[i] != NULL; i++)
    gtk_box_append (GTK_BOX (chips), pba_list_chip_new (pba_list_skips[i]));
  return measure_natural (chips);
}

void
pba_list_header_measure (GtkWidget *widget, const PbaListLayout *layout, PbaListWidths *widths)
{
  widths->total = LEAST_TITLE + 2 * EDGE;
  if (pba_list_layout_has (layout, "Skip"))
    {
      widths->chips = measure_chips ();
      widths->total += widths->chips + PBA_LIST_GAP;
    }
  for (guint i = 0; i < PBA_LIST_COLUMNS && layout->columns[i].text != NULL; i++)
    {
      widths->columns[i] = MAX (measure_text (widget, layout->columns[i].sample),
                                measure_text (widget, _ (layout->columns[i].title)) + 4);
      widths->total += widths->columns[i] + PBA_LIST_GAP;
    }
  if (pba_list_layout_has (layout, "Enabled"))
    {
      widths->enabled =
        MAX (measure_natural (gtk_switch_new ()), measure_text (widget, C_ ("column", "On")) + 4);
      widths->total += widths->enabled + PBA_LIST_GAP;
    }
}

static void
append (GtkBox *box, const char *text, int width, gboolean numeric)
{
  GtkWidget *label = gtk_label_new (text);

  gtk_label_set_xalign (GTK_LABEL (label), numeric ? 1 : 0);
  gtk_widget_add_css_class (label, "column-title");
  if (width > 0)
    gtk_widget_set_size_request (label, width, -1);
  else
    gtk_widget_set_hexpand (label, TRUE);
  gtk_box_append (box, label);
}

GtkWidget *
pba_list_header_new (const PbaListLayout *layout, const PbaListWidths *widths, const char *view)
{
  GtkBox *box = GTK_BOX (gtk_box_new (GTK_ORIENTATION_HORIZONTAL, PBA_LIST_GAP));

  gtk_widget_add_css_class (GTK_WIDGET (box), "list-header");
  if (layout->ordered)
    gtk_widget_add_css_class (GTK_WIDGET (box), "with-handle");
  append (box, _ (layout->header), 0, FALSE);
  if (pba_list_layout_skips (layout, view))
    append (box, _ ("Skipped Checks"), widths->chips, FALSE);
  for (guint i = 0; i < PBA_LIST_COLUMNS; i++)
    if (pba_list_layout_shows (layout, i, view))
      append (box, _ (layout->columns[i].title), widths->columns[i], layout->columns[i].numeric);
  if (pba_list_layout_has (layout, "Enabled"))
    append (box, C_ ("column", "On"), widths->enabled, FALSE);
  return GTK_WIDGET (box);
}

GtkWidget *
pba_list_chip_new (const char *skip)
{
  g_autofree char *title = pba_words_choice ("Skip", skip);
  GtkWidget *chip = gtk_label_new (title);

  gtk_widget_add_css_class (chip, "chip");
  gtk_widget_set_valign (chip, GTK_ALIGN_CENTER);
  return chip;
}
