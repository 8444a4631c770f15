/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One result of the service's look at itself, as a row of the setup check. Names that are known here have a
 * title in the user's words and a page; others show what the service says. Copies what it shows.
 */
#include "pages/setup-row.h"

#include "model/record.h"
#include "pages/finding-row.h"
#include "pages/record-box.h"
#include "widgets/compat.h"

#include <glib/gi18n.h>

static const struct
{
  const char *name, *title, *of;   /* of: with its subject */
  const char *page, *key, *remedy; /* (nullable) */
} known[] = {
  { "listening", N_ ("Port for other servers"), N_ ("Port for other servers, %s"), NULL, NULL,
    NULL },
  { "hostname", N_ ("Hostname on the Internet"), N_ ("Hostname %s on the Internet"), "general",
    "General.Hostname", N_ ("Enter Hostname") },
  { "a", N_ ("IPv4 address"), N_ ("IPv4 address of %s"), NULL, NULL, NULL },
  { "aaaa", N_ ("IPv6 address"), N_ ("IPv6 address of %s"), NULL, NULL, NULL },
  { "ptr", N_ ("Reverse DNS"), N_ ("Reverse DNS of %s"), NULL, NULL, NULL },
  { "mx", N_ ("Mail exchanger"), N_ ("Mail exchanger of %s"), "local-domains", NULL,
    N_ ("Show Domains") },
  { "spf", N_ ("SPF record"), N_ ("SPF of %s"), NULL, NULL, NULL },
  { "dkim", N_ ("DKIM record"), N_ ("DKIM of %s"), "mail-authentication", NULL, N_ ("Show Keys") },
  { "dmarc", N_ ("DMARC record"), N_ ("DMARC of %s"), NULL, NULL, NULL },
  { "certificate", N_ ("TLS certificate"), N_ ("TLS certificate of %s"), "general",
    "Tls.CertificateFile", N_ ("Show Certificate") },
  { "open-relay", N_ ("Open relay"), N_ ("Open relay, %s"), "trusted-list", NULL,
    N_ ("Show Trusted List") },
  { "blocklists", N_ ("Blocklists that name this server"), N_ ("Blocklist %s"), "blocklists", NULL,
    N_ ("Show Blocklists") },
  { "disk", N_ ("Disk space"), N_ ("Disk space of %s"), NULL, NULL, NULL },
  { "clock", N_ ("Clock"), N_ ("Clock, %s"), NULL, NULL, NULL },
  { "dnssec", N_ ("Signed DNS answers"), N_ ("Signed DNS answers, %s"), "general", "Dns.Servers",
    N_ ("Enter DNS Servers") },
  { "outbound", N_ ("Way out through port 25"), N_ ("Way out through port 25 to %s"), NULL, NULL,
    NULL },
  { "relay", N_ ("Relay host"), N_ ("Relay host %s"), "relay-settings", NULL,
    N_ ("Show Relay Settings") },
};

static int
find_known (const PbaSetupResult *result)
{
  for (guint i = 0; i < G_N_ELEMENTS (known); i++)
    if (g_str_equal (known[i].name, result->name))
      return (int) i;
  return -1;
}

static char *
title_of (const PbaSetupResult *result)
{
  int at = find_known (result);
  g_auto (GStrv) parts = NULL;

  if (at < 0)
    return result->subject[0] != '\0'
             ? g_strdup_printf (_ ("%s: %s"), result->name, result->subject)
             : g_strdup (result->name);
  if (result->subject[0] == '\0')
    return g_strdup (_ (known[at].title));
  parts = g_strsplit (_ (known[at].of), "%s", 2);
  return g_strjoinv (result->subject, parts);
}

static GtkWidget *
icon_new (const PbaSetupResult *result)
{
  const char *icon, *style, *word;
  GtkWidget *image;

  if (result->unknown)
    icon = "dialog-question-symbolic", style = "dim-label", word = _ ("Cannot be told");
  else if (result->severity == PBA_SEVERITY_PASSED)
    icon = "emblem-default-symbolic", style = "success", word = _ ("Passed");
  else if (result->severity == PBA_SEVERITY_PROBLEM)
    icon = "dialog-error-symbolic", style = "error", word = _ ("Problem");
  else
    icon = "dialog-warning-symbolic", style = "warning", word = _ ("Warning");
  image = gtk_image_new_from_icon_name (icon);
  gtk_widget_add_css_class (image, style);
  gtk_widget_set_tooltip_text (image, word);
  pba_accessible_name (image, word);
  return image;
}

/* A line that is none of a zone file's is shown as it came. */
static GtkWidget *
record_new (const char *line)
{
  g_autofree char *name = NULL;
  g_autofree char *type = NULL;
  g_autofree char *value = NULL;

  if (pba_record_parse_line (line, &name, &type, &value))
    return pba_record_box_new (name, type, value, line);
  return g_object_new (GTK_TYPE_LABEL, "label", line, "wrap", TRUE, "wrap-mode", PANGO_WRAP_CHAR,
                       "xalign", 0.0, "selectable", TRUE, "css-classes",
                       (const char *const[]){ "record", NULL }, NULL);
}

static GtkWidget *
body_new (PbaPage *page, const PbaSetupResult *result, const char *title)
{
  int at = find_known (result);
  GtkWidget *row = gtk_list_box_row_new ();
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 12);
  const char *sentence = result->remedy;

  if (sentence[0] != '\0')
    gtk_box_append (GTK_BOX (box),
                    g_object_new (GTK_TYPE_LABEL, "label", sentence, "wrap", TRUE, "wrap-mode",
                                  PANGO_WRAP_WORD_CHAR, "xalign", 0.0, NULL));
  if (result->record[0] != '\0')
    gtk_box_append (GTK_BOX (box), record_new (result->record));
  if (at >= 0 && known[at].page != NULL)
    {
      GtkWidget *button =
        pba_remedy_button_new (page, _ (known[at].remedy), title, known[at].page, known[at].key);

      gtk_widget_set_halign (button, GTK_ALIGN_START);
      gtk_box_append (GTK_BOX (box), button);
    }
  gtk_widget_add_css_class (box, "padded");
  gtk_list_box_row_set_child (GTK_LIST_BOX_ROW (row), box);
  gtk_list_box_row_set_activatable (GTK_LIST_BOX_ROW (row), FALSE);
  pba_accessible_name (row, sentence[0] != '\0' ? sentence : title);
  return row;
}

/* Whether there is anything to unfold. */
static gboolean
has_body (const PbaSetupResult *result)
{
  int at = find_known (result);

  return result->remedy[0] != '\0' || result->record[0] != '\0'
         || (at >= 0 && known[at].page != NULL);
}

GtkWidget *
pba_setup_row_new (PbaPage *page, const PbaSetupResult *result)
{
  GtkWidget *row;
  g_autofree char *title = title_of (result);
  g_autofree char *escaped_title = g_markup_escape_text (title, -1);
  g_autofree char *escaped = g_markup_escape_text (result->evidence, -1);
  g_autofree char *name = g_strdup_printf ("%s, %s", title, result->evidence);
  GtkWidget *icon = icon_new (result);

  if (has_body (result))
    {
      row = adw_expander_row_new ();
      adw_expander_row_set_subtitle (ADW_EXPANDER_ROW (row), escaped);
      adw_expander_row_add_prefix (ADW_EXPANDER_ROW (row), icon);
      adw_expander_row_add_row (ADW_EXPANDER_ROW (row), body_new (page, result, title));
      adw_expander_row_set_expanded (ADW_EXPANDER_ROW (row),
                                     result->severity != PBA_SEVERITY_PASSED && !result->unknown);
    }
  else
    {
      row = g_object_new (ADW_TYPE_ACTION_ROW, "subtitle", escaped, "subtitle-lines", 0, NULL);
      adw_action_row_add_prefix (ADW_ACTION_ROW (row), icon);
    }
  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (row), escaped_title);
  pba_accessible_name_lists (row, title);
  pba_accessible_name (row, name);
  return row;
}
