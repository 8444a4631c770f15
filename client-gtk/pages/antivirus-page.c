/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The settings of the virus scan with a test of the connection to the scanner. What is set on the server is
 * tested, so changes are to be applied first; while there are some the button rests. Made by the table of
 * pages; owns nothing.
 */
#include "pages/antivirus-page.h"

#include "pages/relay-test-dialog.h"
#include "widgets/compat.h"

#include <glib/gi18n.h>

#define ADDRESS "Antivirus.Address"

struct _PbaAntivirusPage
{
  PbaSettingsPage parent_instance;

  GtkWidget *row, *button; /* (unowned) (nullable) */
};

G_DEFINE_FINAL_TYPE (PbaAntivirusPage, pba_antivirus_page, PBA_TYPE_SETTINGS_PAGE)

static void
on_test (PbaAntivirusPage *self)
{
  GtkWidget *dialog =
    pba_scanner_test_dialog_new (GTK_WINDOW (gtk_widget_get_root (GTK_WIDGET (self))),
                                 pba_page_get_server (PBA_PAGE (self)));

  gtk_window_present (GTK_WINDOW (dialog));
}

static void
follow_address (PbaAntivirusPage *self)
{
  PbaSettingRow *row = pba_settings_page_get_row (PBA_SETTINGS_PAGE (self), ADDRESS);
  PbaSetting *setting = row != NULL ? pba_setting_row_get_setting (row) : NULL;
  GVariant *value = setting != NULL ? pba_setting_get_value (setting) : NULL;
  gboolean changed = setting != NULL && pba_setting_get_changed (setting);
  gboolean set = value != NULL && g_variant_get_string (value, NULL)[0] != '\0';
  const char *sentence;

  if (self->row == NULL)
    return;
  sentence = changed ? _ ("Apply the changed address first")
             : set
               ? _ ("Asks the scanner, and has it look at a harmless message and at a test virus")
               : _ ("Enter the scanner’s address first");
  gtk_widget_set_sensitive (self->button, set && !changed);
  adw_action_row_set_subtitle (ADW_ACTION_ROW (self->row), sentence);
  pba_accessible_describe (self->button, sentence);
}

static void
add_test (PbaAntivirusPage *self, AdwPreferencesGroup *group)
{
  self->row = g_object_new (ADW_TYPE_ACTION_ROW, "title", _ ("Test the scanner"), "title-lines", 0,
                            "subtitle-lines", 0, NULL);
  self->button = gtk_button_new_with_mnemonic (_ ("_Test Connection"));
  gtk_widget_set_valign (self->button, GTK_ALIGN_CENTER);
  adw_action_row_add_suffix (ADW_ACTION_ROW (self->row), self->button);
  g_signal_connect_object (self->button, "clicked", G_CALLBACK (on_test), self, G_CONNECT_SWAPPED);
  adw_preferences_group_add (group, self->row);
}

static void
pba_antivirus_page_filled (PbaSettingsPage *page)
{
  PbaAntivirusPage *self = PBA_ANTIVIRUS_PAGE (page);
  PbaConnection *connection = pba_server_get_connection (pba_page_get_server (PBA_PAGE (page)));
  PbaSettingRow *address = pba_settings_page_get_row (page, ADDRESS);
  PbaSetting *setting = address != NULL ? pba_setting_row_get_setting (address) : NULL;

  self->row = self->button = NULL;
  if (setting == NULL || !pba_connection_has_method (connection, "Diagnostics", "TestScanner"))
    return;
  add_test (self, pba_settings_page_get_group (page, pba_setting_get_group (setting)));
  g_signal_handlers_disconnect_by_func (setting, follow_address, self);
  g_signal_connect_object (setting, "notify", G_CALLBACK (follow_address), self, G_CONNECT_SWAPPED);
  follow_address (self);
}

static void
pba_antivirus_page_class_init (PbaAntivirusPageClass *klass)
{
  PBA_SETTINGS_PAGE_CLASS (klass)->filled = pba_antivirus_page_filled;
}

static void
pba_antivirus_page_init (PbaAntivirusPage *self)
{
}

GtkWidget *
pba_antivirus_page_new (PbaServer *server, const char *title, const char *const *interfaces)
{
  return g_object_new (PBA_TYPE_ANTIVIRUS_PAGE, "server", server, "title", title, "interfaces",
                       interfaces, "settings", TRUE, NULL);
}
