/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The general settings, behind that of the metrics what became of them, and the certificate behind those of TLS: whose it is, until when it holds, its
 * names and fingerprint, and a way to bring another. Made by the table of pages; the model is the
 * server's. Where the service says nothing of a certificate, there are no rows.
 */
#include "pages/general-page.h"

#include "model/words.h"
#include "widgets/compat.h"

#include <glib/gi18n.h>

#define DAY       (24 * 3600)
#define NEAR_DAYS 14

struct _PbaGeneralPage
{
  PbaSettingsPage parent_instance;

  GtkWidget *certificate, *names, *fingerprint; /* (unowned) (nullable): rows */
  GtkWidget *icon, *import;                     /* (unowned) (nullable) */
  GtkWidget *metrics, *metrics_icon;            /* (unowned) (nullable) */
  GtkFileChooserNative *chooser;                /* (owned) (nullable): while it is open */
  GFile *chain;                                 /* (owned) (nullable): chosen, the key is not yet */
};

G_DEFINE_FINAL_TYPE (PbaGeneralPage, pba_general_page, PBA_TYPE_SETTINGS_PAGE)

static PbaCertificate *
certificate_of (PbaGeneralPage *self)
{
  return pba_server_get_certificate (pba_page_get_server (PBA_PAGE (self)));
}

/* ---- what it says ---- */

/* What there is to worry about, or NULL. */
static const char *
find_trouble (PbaCertificate *certificate)
{
  gint64 left = pba_certificate_get_end (certificate) - g_get_real_time () / G_USEC_PER_SEC;

  if (left <= 0)
    return _ ("It has expired: other servers and programs refuse it");
  if (left < NEAR_DAYS * DAY)
    return _ ("It expires soon");
  if (g_str_equal (pba_certificate_get_text (certificate, "Source"), "self-signed"))
    return _ ("This server made it itself: programs warn of it until you import one");
  return NULL;
}

static void
show_line (GtkWidget *row, const char *title, const char *subtitle)
{
  g_autofree char *name = g_strdup_printf ("%s, %s", title, subtitle);

  adw_action_row_set_subtitle (ADW_ACTION_ROW (row), subtitle);
  pba_accessible_name (row, name);
}

/* In fours, which a narrow row breaks between; a single word it would break with a hyphen. */
static char *
group_digits (const char *digits)
{
  GString *text = g_string_new (NULL);

  for (gsize i = 0; digits[i] != '\0'; i++)
    {
      if (i > 0 && i % 4 == 0)
        g_string_append_c (text, ' ');
      g_string_append_c (text, digits[i]);
    }
  return g_string_free (text, FALSE);
}

static void
show_certificate (PbaGeneralPage *self)
{
  PbaCertificate *certificate = certificate_of (self);
  gboolean known = pba_certificate_get_known (certificate);
  const char *trouble = find_trouble (certificate);
  g_autofree char *end = NULL;
  g_autofree char *names = NULL;
  g_autofree char *text = NULL;
  g_autofree char *digits = NULL;

  if (self->certificate == NULL)
    return;
  gtk_widget_set_visible (self->certificate, known || pba_certificate_can_import (certificate));
  gtk_widget_set_visible (self->names, known);
  gtk_widget_set_visible (self->fingerprint, known);
  gtk_widget_set_visible (self->import, pba_certificate_can_import (certificate));
  gtk_widget_set_visible (self->icon, known && trouble != NULL);
  if (!known)
    {
      show_line (self->certificate, _ ("Certificate in use"), _ ("None: nothing is encrypted"));
      return;
    }
  end = pba_words_time (pba_certificate_get_end (certificate));
  names = pba_certificate_dup_names (certificate);
  /* Translators: whose certificate, who signed it, a date, and what is to be said of it */
  text = g_strdup_printf (_ ("%s, issued by %s. Valid until: %s%s%s"),
                          pba_certificate_get_text (certificate, "Subject"),
                          pba_certificate_get_text (certificate, "Issuer"), end,
                          trouble != NULL ? ". " : "", trouble != NULL ? trouble : "");
  show_line (self->certificate, _ ("Certificate in use"), text);
  show_line (self->names, _ ("Names"), names);
  show_line (self->fingerprint, _ ("Fingerprint (SHA-256)"),
             pba_certificate_get_text (certificate, "Fingerprint"));
  digits = group_digits (pba_certificate_get_text (certificate, "Fingerprint"));
  adw_action_row_set_subtitle (ADW_ACTION_ROW (self->fingerprint), digits);
}

/* ---- another one ---- */

static void
on_imported (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (PbaGeneralPage) self = user_data;
  g_autoptr (GError) error = NULL;

  if (self->import != NULL)
    gtk_widget_set_sensitive (self->import, TRUE);
  if (pba_certificate_import_finish (PBA_CERTIFICATE (source), result, &error))
    pba_page_toast (PBA_PAGE (self), _ ("The certificate is in use"), NULL, NULL, NULL);
  else
    pba_page_toast_error (PBA_PAGE (self), error);
}

static void choose (PbaGeneralPage *self, const char *title, const char *accept);

static void
on_chosen (GtkNativeDialog *dialog, int response, gpointer user_data)
{
  PbaGeneralPage *self = user_data;
  g_autoptr (GtkFileChooserNative) chooser = g_steal_pointer (&self->chooser);
  g_autoptr (GFile) file =
    response == GTK_RESPONSE_ACCEPT ? gtk_file_chooser_get_file (GTK_FILE_CHOOSER (chooser)) : NULL;

  gtk_native_dialog_destroy (dialog);
  if (file == NULL)
    {
      g_clear_object (&self->chain);
      return;
    }
  if (self->chain == NULL)
    {
      self->chain = g_steal_pointer (&file);
      choose (self, _ ("Choose the Private Key"), _ ("_Import"));
      return;
    }
  gtk_widget_set_sensitive (self->import, FALSE);
  pba_certificate_import_async (certificate_of (self), self->chain, file, NULL, on_imported,
                                g_object_ref (self));
  g_clear_object (&self->chain);
}

static void
choose (PbaGeneralPage *self, const char *title, const char *accept)
{
  self->chooser =
    gtk_file_chooser_native_new (title, GTK_WINDOW (gtk_widget_get_root (GTK_WIDGET (self))),
                                 GTK_FILE_CHOOSER_ACTION_OPEN, accept, _ ("_Cancel"));
  gtk_native_dialog_set_modal (GTK_NATIVE_DIALOG (self->chooser), TRUE);
  g_signal_connect_object (self->chooser, "response", G_CALLBACK (on_chosen), self, 0);
  gtk_native_dialog_show (GTK_NATIVE_DIALOG (self->chooser));
}

static void
on_import (PbaGeneralPage *self)
{
  if (self->chooser == NULL)
    choose (self, _ ("Choose the Certificate with Its Chain"), _ ("_Next"));
}

static void
on_copy (PbaGeneralPage *self)
{
  gdk_clipboard_set_text (gtk_widget_get_clipboard (GTK_WIDGET (self)),
                          pba_certificate_get_text (certificate_of (self), "Fingerprint"));
  pba_page_toast (PBA_PAGE (self), _ ("The fingerprint is copied"), NULL, NULL, NULL);
}

/* ---- rows ---- */

static GtkWidget *
add_row (AdwPreferencesGroup *group, const char *title)
{
  GtkWidget *row = g_object_new (ADW_TYPE_ACTION_ROW, "use-markup", FALSE, "title", title,
                                 "title-lines", 0, "subtitle-lines", 0, NULL);

  adw_preferences_group_add (group, row);
  return row;
}

static GtkWidget *
warning_icon_new (void)
{
  GtkWidget *icon = gtk_image_new_from_icon_name ("dialog-warning-symbolic");

  gtk_widget_add_css_class (icon, "warning");
  pba_accessible_name (icon, _ ("Warning"));
  return icon;
}

static void
add_import (PbaGeneralPage *self)
{
  PbaServer *server = pba_page_get_server (PBA_PAGE (self));

  self->icon = warning_icon_new ();
  adw_action_row_add_suffix (ADW_ACTION_ROW (self->certificate), self->icon);
  self->import = gtk_button_new_with_label (_ ("Import…"));
  gtk_widget_set_valign (self->import, GTK_ALIGN_CENTER);
  g_object_bind_property (pba_server_get_permissions (server), "set-secrets", self->import,
                          "sensitive", G_BINDING_SYNC_CREATE);
  g_signal_connect_object (self->import, "clicked", G_CALLBACK (on_import), self,
                           G_CONNECT_SWAPPED);
  adw_action_row_add_suffix (ADW_ACTION_ROW (self->certificate), self->import);
}

static void
add_copy (PbaGeneralPage *self)
{
  GtkWidget *copy = gtk_button_new_from_icon_name ("edit-copy-symbolic");

  gtk_widget_set_valign (copy, GTK_ALIGN_CENTER);
  gtk_widget_add_css_class (copy, "flat");
  gtk_widget_set_tooltip_text (copy, _ ("Copy the Fingerprint"));
  pba_accessible_name (copy, _ ("Copy the Fingerprint"));
  g_signal_connect_object (copy, "clicked", G_CALLBACK (on_copy), self, G_CONNECT_SWAPPED);
  adw_action_row_add_suffix (ADW_ACTION_ROW (self->fingerprint), copy);
}

/* ---- the metrics ---- */

static void
show_metrics (PbaGeneralPage *self)
{
  PbaUpkeep *upkeep = pba_server_get_upkeep (pba_page_get_server (PBA_PAGE (self)));
  const char *state = pba_upkeep_get (upkeep, "MetricsState");
  gboolean failed = g_str_equal (state, "failed");
  g_autofree char *text = NULL;

  if (self->metrics == NULL)
    return;
  gtk_widget_set_visible (self->metrics, state[0] != '\0');
  gtk_widget_set_visible (self->metrics_icon, failed);
  if (failed)
    text = g_strdup_printf (_ ("%s: %s"), _ ("Failed"), pba_upkeep_get (upkeep, "MetricsTrouble"));
  else
    text = g_strdup (g_str_equal (state, "off")         ? _ ("Off")
                     : g_str_equal (state, "listening") ? _ ("Listening")
                                                        : state);
  show_line (self->metrics, _ ("State"), text);
}

static void
add_metrics (PbaGeneralPage *self)
{
  PbaSettingRow *row = pba_settings_page_get_row (PBA_SETTINGS_PAGE (self), "Metrics.Address");

  self->metrics = NULL;
  if (row == NULL)
    return;
  self->metrics = add_row (pba_settings_page_get_group (PBA_SETTINGS_PAGE (self),
                                                        pba_setting_get_group (
                                                          pba_setting_row_get_setting (row))),
                           _ ("State"));
  self->metrics_icon = warning_icon_new ();
  adw_action_row_add_suffix (ADW_ACTION_ROW (self->metrics), self->metrics_icon);
  show_metrics (self);
}

/* ---- the daily report ---- */

static void
on_report_sent (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (PbaPage) page = user_data;
  g_autoptr (GError) error = NULL;

  if (pba_manager_send_report_finish (PBA_MANAGER (source), result, &error))
    pba_page_toast (page, _ ("The report is on its way"), NULL, NULL, NULL);
  else
    pba_page_toast_error (page, error);
}

static void
on_send_report (PbaGeneralPage *self)
{
  pba_manager_send_report_async (pba_server_get_manager (pba_page_get_server (PBA_PAGE (self))),
                                 NULL, on_report_sent, g_object_ref (self));
}

static void
add_report (PbaGeneralPage *self)
{
  PbaServer *server = pba_page_get_server (PBA_PAGE (self));
  PbaSettingRow *row = pba_settings_page_get_row (PBA_SETTINGS_PAGE (self), "Reports.DailyEnabled");
  GtkWidget *report, *button;

  if (row == NULL
      || !pba_connection_has_method (pba_server_get_connection (server), "Diagnostics",
                                     "SendReport"))
    return;
  report = add_row (pba_settings_page_get_group (PBA_SETTINGS_PAGE (self),
                                                 pba_setting_get_group (
                                                   pba_setting_row_get_setting (row))),
                    _ ("Report of the last 24 hours"));
  adw_action_row_set_subtitle (ADW_ACTION_ROW (report),
                               _ ("Goes to the report recipients as they are set on the server"));
  button = gtk_button_new_with_mnemonic (_ ("_Send Now"));
  gtk_widget_set_valign (button, GTK_ALIGN_CENTER);
  g_object_bind_property (pba_server_get_permissions (server), "manage-queue", button, "sensitive",
                          G_BINDING_SYNC_CREATE);
  g_signal_connect_object (button, "clicked", G_CALLBACK (on_send_report), self, G_CONNECT_SWAPPED);
  adw_action_row_add_suffix (ADW_ACTION_ROW (report), button);
}

static void
pba_general_page_filled (PbaSettingsPage *page)
{
  PbaGeneralPage *self = PBA_GENERAL_PAGE (page);
  PbaSettingRow *row = pba_settings_page_get_row (page, "Tls.CertificateFile");
  AdwPreferencesGroup *group = NULL;

  add_report (self);
  add_metrics (self);
  self->certificate = self->import = NULL;
  if (row != NULL)
    group =
      pba_settings_page_get_group (page, pba_setting_get_group (pba_setting_row_get_setting (row)));
  if (group == NULL)
    return;
  self->certificate = add_row (group, _ ("Certificate in use"));
  self->names = add_row (group, _ ("Names"));
  self->fingerprint = add_row (group, _ ("Fingerprint (SHA-256)"));
  add_import (self);
  add_copy (self);
  show_certificate (self);
}

static void
pba_general_page_constructed (GObject *object)
{
  PbaGeneralPage *self = PBA_GENERAL_PAGE (object);

  g_signal_connect_object (certificate_of (self), "changed", G_CALLBACK (show_certificate), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (pba_server_get_upkeep (pba_page_get_server (PBA_PAGE (self))), "changed",
                           G_CALLBACK (show_metrics), self, G_CONNECT_SWAPPED);
  G_OBJECT_CLASS (pba_general_page_parent_class)->constructed (object);
}

static void
pba_general_page_dispose (GObject *object)
{
  PbaGeneralPage *self = PBA_GENERAL_PAGE (object);

  g_clear_object (&self->chooser);
  g_clear_object (&self->chain);
  G_OBJECT_CLASS (pba_general_page_parent_class)->dispose (object);
}

static void
pba_general_page_class_init (PbaGeneralPageClass *klass)
{
  G_OBJECT_CLASS (klass)->constructed = pba_general_page_constructed;
  G_OBJECT_CLASS (klass)->dispose = pba_general_page_dispose;
  PBA_SETTINGS_PAGE_CLASS (klass)->filled = pba_general_page_filled;
}

static void
pba_general_page_init (PbaGeneralPage *self)
{
}

GtkWidget *
pba_general_page_new (PbaServer *server, const char *title, const char *const *interfaces)
{
  return g_object_new (PBA_TYPE_GENERAL_PAGE, "server", server, "title", title, "interfaces",
                       interfaces, "settings", TRUE, NULL);
}
