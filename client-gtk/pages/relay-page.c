/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The relay settings with the login's password behind the user name. The password belongs to Apply and
 * Discard like a setting, as a draft of the settings model, and stays typed over a lost link. Made by
 * the table of pages; owns the password's model.
 */
#include "pages/relay-page.h"

#include "pages/finding-row.h"
#include "pages/password-row.h"
#include "pages/relay-test-dialog.h"
#include "widgets/compat.h"

#include <glib/gi18n.h>

struct _PbaRelayPage
{
  PbaSettingsPage parent_instance;

  PbaRelayPassword *password;         /* (owned) (nullable): none before the rows are made */
  GtkWidget *password_row;            /* (unowned) (nullable) */
  GtkWidget *refusal_row, *agent_row; /* (unowned) (nullable) */
};

G_DEFINE_FINAL_TYPE (PbaRelayPage, pba_relay_page, PBA_TYPE_SETTINGS_PAGE)

static void
on_refilled (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (PbaRelayPage) self = user_data;
  g_autoptr (GError) error = NULL;

  if (pba_relay_password_refill_finish (PBA_RELAY_PASSWORD (source), result, &error))
    pba_page_toast (PBA_PAGE (self), _ ("The server has the password again"), NULL, NULL, NULL);
  else
    pba_page_toast_error (PBA_PAGE (self), error);
}

static void
on_refill (PbaRelayPage *self)
{
  pba_relay_password_refill_async (self->password, NULL, on_refilled, g_object_ref (self));
}

/* What the relay host is not asked for need not be hidden, only told. */
static void
on_mode (PbaRelayPage *self)
{
  PbaSettingsPage *page = PBA_SETTINGS_PAGE (self);
  PbaSettingRow *mode = pba_settings_page_get_row (page, "Delivery.Mode");
  PbaSettingRow *host = pba_settings_page_get_row (page, "Delivery.RelayServer");
  AdwPreferencesGroup *group = NULL;

  if (host != NULL)
    group =
      pba_settings_page_get_group (page,
                                   pba_setting_get_group (pba_setting_row_get_setting (host)));
  if (mode == NULL || group == NULL)
    return;
  adw_preferences_group_set_description (
    group, g_str_equal (pba_setting_get_text (pba_setting_row_get_setting (mode)), "relay")
             ? NULL
             : _ ("Not used while emails are sent directly"));
}

static void
follow_mode (PbaRelayPage *self)
{
  PbaSettingRow *mode = pba_settings_page_get_row (PBA_SETTINGS_PAGE (self), "Delivery.Mode");
  PbaSetting *setting = mode != NULL ? pba_setting_row_get_setting (mode) : NULL;

  if (setting != NULL)
    {
      g_signal_handlers_disconnect_by_func (setting, on_mode, self);
      g_signal_connect_object (setting, "notify::pending", G_CALLBACK (on_mode), self,
                               G_CONNECT_SWAPPED);
    }
  on_mode (self);
}

/* ---- the test ---- */

static PbaSetting *
find_setting (PbaRelayPage *self, const char *key)
{
  return pba_settings_model_lookup (pba_server_get_settings (pba_page_get_server (PBA_PAGE (self))),
                                    key);
}

/* A change like any other: to be looked at, and applied. */
static void
on_pinned (PbaRelayPage *self, const char *fingerprint)
{
  pba_setting_set_text (find_setting (self, "Delivery.RelayFingerprint"), fingerprint);
  pba_setting_set_text (find_setting (self, "Delivery.RelayVerify"), "fingerprint");
  pba_page_toast (PBA_PAGE (self), _ ("Apply to trust this certificate from now on"), NULL, NULL,
                  NULL);
}

static void
on_test (PbaRelayPage *self)
{
  GtkWidget *dialog =
    pba_relay_test_dialog_new (GTK_WINDOW (gtk_widget_get_root (GTK_WIDGET (self))),
                               pba_page_get_server (PBA_PAGE (self)), "general");

  g_signal_connect_object (dialog, "pin", G_CALLBACK (on_pinned), self, G_CONNECT_SWAPPED);
  gtk_window_present (GTK_WINDOW (dialog));
}

static AdwPreferencesGroup *
relay_group (PbaRelayPage *self)
{
  PbaSettingsPage *page = PBA_SETTINGS_PAGE (self);
  PbaSettingRow *host = pba_settings_page_get_row (page, "Delivery.RelayServer");

  return host != NULL ? pba_settings_page_get_group (page, pba_setting_get_group (
                                                             pba_setting_row_get_setting (host)))
                      : NULL;
}

static void
add_test (PbaRelayPage *self)
{
  AdwPreferencesGroup *group = relay_group (self);
  GtkWidget *button;

  if (group != NULL && pba_relay_test_dialog_supported (pba_page_get_server (PBA_PAGE (self))))
    adw_preferences_group_add (group, pba_relay_test_row_new (G_CALLBACK (on_test), self, &button));
}

/* ---- what the service says of the login ---- */

static void
on_alerts (PbaRelayPage *self)
{
  PbaAlerts *alerts = pba_server_get_alerts (pba_page_get_server (PBA_PAGE (self)));
  const PbaServiceAlert *alert = pba_alerts_find (alerts, "relay-login-refused", "general");

  if (alert == NULL)
    alert = pba_alerts_find (alerts, "relay-password-missing", "general");
  if (self->refusal_row == NULL)
    return;
  gtk_widget_set_visible (self->refusal_row, alert != NULL);
  if (alert == NULL)
    return;
  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (self->refusal_row),
                                 g_str_equal (alert->name, "relay-login-refused")
                                   ? _ ("The relay host refuses the login")
                                   : _ ("Mail waits for the password"));
  adw_action_row_set_subtitle (ADW_ACTION_ROW (self->refusal_row), alert->text);
}

static void
add_refusal (PbaRelayPage *self, PbaSettingRow *auth)
{
  GtkWidget *icon = gtk_image_new_from_icon_name ("dialog-warning-symbolic");
  PbaAlerts *alerts = pba_server_get_alerts (pba_page_get_server (PBA_PAGE (self)));

  self->refusal_row =
    g_object_new (ADW_TYPE_ACTION_ROW, "use-markup", FALSE, "subtitle-lines", 0, NULL);
  gtk_widget_add_css_class (icon, "warning");
  pba_accessible_name (icon, _ ("Warning"));
  adw_action_row_add_prefix (ADW_ACTION_ROW (self->refusal_row), icon);
  pba_setting_row_add_dependent (auth, self->refusal_row, NULL);
  g_signal_handlers_disconnect_by_func (alerts, on_alerts, self);
  g_signal_connect_object (alerts, "changed", G_CALLBACK (on_alerts), self, G_CONNECT_SWAPPED);
  on_alerts (self);
}

/* ---- passwords that are asked for ---- */

static void
on_answer_here (PbaRelayPage *self)
{
  pba_secret_agent_register (pba_server_get_secret_agent (pba_page_get_server (PBA_PAGE (self))));
}

static void
on_storage (PbaRelayPage *self)
{
  PbaSecretAgent *agent = pba_server_get_secret_agent (pba_page_get_server (PBA_PAGE (self)));
  PbaSetting *storage = find_setting (self, "Delivery.RelaySecretStorage");
  const char *word = storage != NULL ? pba_setting_get_text (storage) : "";

  if (self->agent_row != NULL)
    gtk_widget_set_visible (self->agent_row,
                            (g_str_equal (word, "agent") || g_str_equal (word, "ask"))
                              && pba_secret_agent_get_supported (agent)
                              && !pba_secret_agent_get_registered (agent));
}

/* Without an administrator's leave the service asks nothing here. */
static void
add_agent (PbaRelayPage *self, PbaSettingRow *auth)
{
  GtkWidget *button = gtk_button_new_with_mnemonic (_ ("_Answer Here"));
  PbaSetting *storage = find_setting (self, "Delivery.RelaySecretStorage");
  PbaSecretAgent *agent = pba_server_get_secret_agent (pba_page_get_server (PBA_PAGE (self)));

  self->agent_row =
    g_object_new (ADW_TYPE_ACTION_ROW, "title", _ ("This computer is not asked for passwords yet"),
                  "subtitle", _ ("The server asks only where an administrator allows it"),
                  "subtitle-lines", 0, NULL);
  gtk_widget_set_valign (button, GTK_ALIGN_CENTER);
  adw_action_row_add_suffix (ADW_ACTION_ROW (self->agent_row), button);
  g_signal_connect_object (button, "clicked", G_CALLBACK (on_answer_here), self, G_CONNECT_SWAPPED);
  pba_setting_row_add_dependent (auth, self->agent_row, NULL);
  g_signal_handlers_disconnect_by_func (agent, on_storage, self);
  g_signal_connect_object (agent, "notify::registered", G_CALLBACK (on_storage), self,
                           G_CONNECT_SWAPPED);
  if (storage != NULL)
    {
      g_signal_handlers_disconnect_by_func (storage, on_storage, self);
      g_signal_connect_object (storage, "notify::pending", G_CALLBACK (on_storage), self,
                               G_CONNECT_SWAPPED);
    }
  on_storage (self);
}

static void
make_password (PbaRelayPage *self)
{
  PbaServer *server = pba_page_get_server (PBA_PAGE (self));

  if (self->password != NULL)
    return;
  self->password = pba_relay_password_new (server);
  pba_settings_model_add_draft (pba_server_get_settings (server), PBA_DRAFT (self->password));
}

static void
pba_relay_page_filled (PbaSettingsPage *page)
{
  PbaRelayPage *self = PBA_RELAY_PAGE (page);
  PbaSettingRow *auth = pba_settings_page_get_row (page, "Delivery.RelayAuth");
  PbaSettingRow *user = pba_settings_page_get_row (page, "Delivery.RelayUser");
  GtkWidget *refill;

  self->password_row = self->refusal_row = self->agent_row = NULL;
  follow_mode (self);
  add_test (self);
  if (auth == NULL || user == NULL)
    return;
  make_password (self);
  self->password_row = pba_password_row_new (self->password);
  refill = pba_password_refill_row_new (self->password, G_CALLBACK (on_refill), self);
  pba_setting_row_add_dependent (auth, self->password_row, GTK_WIDGET (user));
  pba_setting_row_add_dependent (auth, refill, self->password_row);
  add_refusal (self, auth);
  add_agent (self, auth);
}

static gboolean
pba_relay_page_reveal (PbaPage *page, const char *key)
{
  PbaRelayPage *self = PBA_RELAY_PAGE (page);

  if (self->password_row == NULL || !g_str_equal (key, PBA_RELAY_PASSWORD_KEY))
    return PBA_PAGE_CLASS (pba_relay_page_parent_class)->reveal (page, key);
  if (pba_setting_row_unfold_around (self->password_row))
    gtk_widget_grab_focus (
      GTK_WIDGET (pba_entry_row_get_editable (PBA_ENTRY_ROW (self->password_row))));
  return TRUE;
}

static void
pba_relay_page_shown (PbaPage *page)
{
  PbaRelayPage *self = PBA_RELAY_PAGE (page);

  PBA_PAGE_CLASS (pba_relay_page_parent_class)->shown (page);
  /* A keyring says nothing when something else changes it. */
  if (self->password != NULL)
    pba_relay_password_refresh (self->password);
}

static void
pba_relay_page_dispose (GObject *object)
{
  g_clear_object (&PBA_RELAY_PAGE (object)->password);
  G_OBJECT_CLASS (pba_relay_page_parent_class)->dispose (object);
}

static void
pba_relay_page_class_init (PbaRelayPageClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = pba_relay_page_dispose;
  PBA_PAGE_CLASS (klass)->reveal = pba_relay_page_reveal;
  PBA_PAGE_CLASS (klass)->shown = pba_relay_page_shown;
  PBA_SETTINGS_PAGE_CLASS (klass)->filled = pba_relay_page_filled;
}

static void
pba_relay_page_init (PbaRelayPage *self)
{
}

GtkWidget *
pba_relay_page_new (PbaServer *server, const char *title, const char *const *interfaces)
{
  return g_object_new (PBA_TYPE_RELAY_PAGE, "server", server, "title", title, "interfaces",
                       interfaces, "settings", TRUE, NULL);
}
