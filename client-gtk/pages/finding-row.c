/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What needs a look, as a row: state as icon and word, what it is about, what is the matter, and one
 * button to where it is mended. Short for the overview's alerts, to be unfolded in the setup check. Where
 * it is mended is told by the table of pages; what no page shows has no button.
 */
#include "pages/finding-row.h"

#include "dbus/list-kinds.h"
#include "pages/pages.h"
#include "widgets/compat.h"

#include <glib/gi18n.h>

static const struct
{
  const char *icon, *style, *word;
} states[] = {
  [PBA_SEVERITY_ERROR] = { "dialog-error-symbolic", "error", N_ ("Error") },
  [PBA_SEVERITY_PROBLEM] = { "dialog-error-symbolic", "error", N_ ("Problem") },
  [PBA_SEVERITY_WARNING] = { "dialog-warning-symbolic", "warning", N_ ("Warning") },
  [PBA_SEVERITY_PASSED] = { "emblem-default-symbolic", "success", N_ ("Passed") },
};

const char *
pba_finding_get_page (PbaPage *page, PbaFinding *finding)
{
  PbaSettingsModel *settings = pba_server_get_settings (pba_page_get_server (page));
  const char *interface = pba_finding_get_interface (finding);
  const PbaPageSpec *spec = pba_page_for_interface (interface);
  PbListKind kind;

  if (spec == NULL
      || (!pb_list_lookup (interface, &kind)
          && pba_settings_model_lookup (settings, pba_finding_get_key (finding)) == NULL))
    return NULL;
  return spec->id;
}

/* ---- parts ---- */

static GtkWidget *
icon_new (PbaSeverity severity)
{
  GtkWidget *icon = gtk_image_new_from_icon_name (states[severity].icon);

  gtk_widget_add_css_class (icon, states[severity].style);
  gtk_widget_set_tooltip_text (icon, _ (states[severity].word));
  pba_accessible_name (icon, _ (states[severity].word));
  return icon;
}

static void
name_row (GtkWidget *row, PbaSeverity severity, const char *title)
{
  /* Translators: a state and what has it, for screen readers: “Problem: Hostname” */
  g_autofree char *name = g_strdup_printf (_ ("%s: %s"), _ (states[severity].word), title);

  pba_accessible_name (row, name);
}

static void
on_remedy (GtkButton *button, gpointer user_data)
{
  const char *key = g_object_get_data (G_OBJECT (button), "key");

  pba_page_go (user_data, g_object_get_data (G_OBJECT (button), "target"), key);
}

GtkWidget *
pba_remedy_button_new (PbaPage *page, const char *words, const char *title, const char *target,
                       const char *key)
{
  GtkWidget *button = gtk_button_new_with_label (words);
  GtkWidget *label = gtk_button_get_child (GTK_BUTTON (button));
  /* Translators: a button's words and what it is about, for screen readers: “Show: Network” */
  g_autofree char *name = g_strdup_printf (_ ("%s: %s"), words, title);

  gtk_widget_set_valign (button, GTK_ALIGN_CENTER);
  /* Some languages have no words short enough for a narrow window. */
  gtk_label_set_justify (GTK_LABEL (label), GTK_JUSTIFY_CENTER);
  g_object_bind_property (page, "narrow", label, "wrap", G_BINDING_SYNC_CREATE);
  pba_accessible_name (button, name);
  g_object_set_data_full (G_OBJECT (button), "target", g_strdup (target), g_free);
  g_object_set_data_full (G_OBJECT (button), "key", g_strdup (key), g_free);
  g_signal_connect_object (button, "clicked", G_CALLBACK (on_remedy), page, 0);
  return button;
}

/* Narrow, a button goes under what it is about. */
static gboolean
narrow_to_orientation (GBinding *binding, const GValue *from, GValue *to, gpointer user_data)
{
  g_value_set_enum (to, g_value_get_boolean (from) ? GTK_ORIENTATION_VERTICAL
                                                   : GTK_ORIENTATION_HORIZONTAL);
  return TRUE;
}

static gboolean
narrow_to_align (GBinding *binding, const GValue *from, GValue *to, gpointer user_data)
{
  g_value_set_enum (to, g_value_get_boolean (from) ? GTK_ALIGN_START : GTK_ALIGN_END);
  return TRUE;
}

static GtkWidget *
line_new (const char *text)
{
  GtkWidget *label = gtk_label_new (text);

  gtk_label_set_xalign (GTK_LABEL (label), 0);
  gtk_label_set_wrap (GTK_LABEL (label), TRUE);
  gtk_label_set_wrap_mode (GTK_LABEL (label), PANGO_WRAP_WORD_CHAR);
  gtk_widget_set_hexpand (label, TRUE);
  return label;
}

/* @words beside @button (nullable), or above it. */
static GtkWidget *
body_new (PbaPage *page, GtkWidget *words, GtkWidget *button)
{
  GtkWidget *body = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 8);

  gtk_widget_set_valign (words, GTK_ALIGN_CENTER);
  gtk_widget_set_hexpand (body, TRUE);
  gtk_box_append (GTK_BOX (body), words);
  if (button == NULL)
    return body;
  gtk_box_append (GTK_BOX (body), button);
  g_object_bind_property_full (page, "narrow", body, "orientation", G_BINDING_SYNC_CREATE,
                               narrow_to_orientation, NULL, NULL, NULL);
  g_object_bind_property_full (page, "narrow", button, "halign", G_BINDING_SYNC_CREATE,
                               narrow_to_align, NULL, NULL, NULL);
  return body;
}

static GtkWidget *
row_new (GtkWidget *child)
{
  GtkWidget *row = gtk_list_box_row_new ();

  gtk_widget_add_css_class (child, "padded");
  gtk_list_box_row_set_child (GTK_LIST_BOX_ROW (row), child);
  gtk_list_box_row_set_activatable (GTK_LIST_BOX_ROW (row), FALSE);
  return row;
}

/* ---- an alert ---- */

GtkWidget *
pba_alert_row_new (PbaPage *page, PbaSeverity severity, const char *title, const char *sentence,
                   GtkWidget *button)
{
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 12);
  GtkWidget *words = gtk_box_new (GTK_ORIENTATION_VERTICAL, 3);
  GtkWidget *second = line_new (sentence);
  GtkWidget *row = row_new (box);

  gtk_widget_add_css_class (second, "second-line");
  gtk_box_append (GTK_BOX (words), line_new (title));
  gtk_box_append (GTK_BOX (words), second);
  gtk_box_append (GTK_BOX (box), icon_new (severity));
  gtk_box_append (GTK_BOX (box), body_new (page, words, button));
  gtk_widget_add_css_class (row, "alert");
  name_row (row, severity, title);
  pba_accessible_describe (row, sentence);
  return row;
}

/* ---- a finding ---- */

static void
show_evidence (PbaFinding *finding, GParamSpec *pspec, gpointer user_data)
{
  const char *evidence = pba_finding_get_evidence (finding);
  gboolean passed = pba_finding_get_severity (finding) == PBA_SEVERITY_PASSED;
  const char *line = evidence != NULL ? evidence : passed ? pba_finding_get_sentence (finding) : "";
  g_autofree char *escaped = g_markup_escape_text (line, -1);

  adw_expander_row_set_subtitle (user_data, escaped);
  pba_accessible_describe (user_data, line);
}

static GtkWidget *
remedy_row_new (PbaPage *page, PbaFinding *finding)
{
  const char *target = pba_finding_get_page (page, finding);
  const char *key = pba_finding_get_key (finding);
  const char *sentence = pba_finding_get_sentence (finding);
  GtkWidget *button = NULL, *row;

  if (target != NULL)
    button =
      pba_remedy_button_new (page, pba_finding_get_remedy (finding),
                             pba_finding_get_title (finding), target, key[0] != '\0' ? key : NULL);
  row = row_new (body_new (page, line_new (sentence), button));
  pba_accessible_name (row, sentence);
  return row;
}

GtkWidget *
pba_finding_row_new (PbaPage *page, PbaFinding *finding)
{
  PbaSeverity severity = pba_finding_get_severity (finding);
  GtkWidget *row = adw_expander_row_new ();
  g_autofree char *title = g_markup_escape_text (pba_finding_get_title (finding), -1);

  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (row), title);
  adw_expander_row_add_prefix (ADW_EXPANDER_ROW (row), icon_new (severity));
  adw_expander_row_add_row (ADW_EXPANDER_ROW (row), remedy_row_new (page, finding));
  adw_expander_row_set_expanded (ADW_EXPANDER_ROW (row), severity != PBA_SEVERITY_PASSED);
  pba_accessible_name_lists (row, pba_finding_get_title (finding));
  name_row (row, severity, pba_finding_get_title (finding));
  g_signal_connect_object (finding, "notify::evidence", G_CALLBACK (show_evidence), row, 0);
  show_evidence (finding, NULL, row);
  return row;
}

void
pba_row_list_clear (GtkListBox *list)
{
  GtkWidget *child;

  while ((child = gtk_widget_get_first_child (GTK_WIDGET (list))) != NULL)
    gtk_list_box_remove (list, child);
}
