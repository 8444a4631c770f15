/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Mail authentication: the settings, and below them the keys that mail is signed with, one row each. Keys
 * act at once and are no part of Apply and Discard. Made by the table of pages; the keys are the server's
 * model. Rows are made anew only when a key says something else, and those that were open stay so.
 */
#include "pages/mail-auth-page.h"

#include "pages/finding-row.h"
#include "pages/key-dialog.h"
#include "pages/key-row.h"
#include "widgets/compat.h"

#include <glib/gi18n.h>

struct _PbaMailAuthPage
{
  PbaSettingsPage parent_instance;

  AdwPreferencesGroup *group; /* (unowned) (nullable): before there are settings */
  GtkWidget *create;          /* (unowned) */
  GPtrArray *rows;            /* (owned) (element-type GtkWidget): in the group */
  GHashTable *open;           /* (owned): ids of keys whose rows are open */
  GHashTable *known;          /* (owned): ids of all keys that were shown once */
  char *shown;                /* (owned) (nullable): signature of the rows */
  gboolean looked;            /* the keys that were there first are known */
};

G_DEFINE_FINAL_TYPE (PbaMailAuthPage, pba_mail_auth_page, PBA_TYPE_SETTINGS_PAGE)

static PbaSigningKeys *
keys_of (PbaMailAuthPage *self)
{
  return pba_server_get_signing_keys (pba_page_get_server (PBA_PAGE (self)));
}

/* ---- rows ---- */

static void
drop_rows (PbaMailAuthPage *self)
{
  for (guint i = 0; i < self->rows->len; i++)
    {
      GtkWidget *row = self->rows->pdata[i];
      const char *id = g_object_get_data (G_OBJECT (row), "id");

      if (id != NULL && adw_expander_row_get_expanded (ADW_EXPANDER_ROW (row)))
        g_hash_table_add (self->open, g_strdup (id));
      else if (id != NULL)
        g_hash_table_remove (self->open, id);
      adw_preferences_group_remove (self->group, row);
    }
  g_ptr_array_set_size (self->rows, 0);
}

static void
add_row (PbaMailAuthPage *self, GtkWidget *row)
{
  adw_preferences_group_add (self->group, row);
  g_ptr_array_add (self->rows, row);
}

/* A key that has just come is open: its record is what comes next. */
static void
add_key (PbaMailAuthPage *self, GPtrArray *keys, const PbaSigningKey *key, gboolean first_look)
{
  GtkWidget *row = pba_key_row_new (PBA_PAGE (self), keys, key);
  gboolean is_new = g_hash_table_add (self->known, g_strdup (key->id)) && !first_look;

  g_object_set_data_full (G_OBJECT (row), "id", g_strdup (key->id), g_free);
  adw_expander_row_set_expanded (ADW_EXPANDER_ROW (row),
                                 is_new || g_hash_table_contains (self->open, key->id));
  add_row (self, row);
}

static void
add_empty (PbaMailAuthPage *self)
{
  GtkWidget *row =
    g_object_new (ADW_TYPE_ACTION_ROW, "title", _ ("No Signing Keys"), "subtitle",
                  _ ("Mail leaves unsigned until its domain has a key, which makes it more likely "
                     "to be taken for spam"),
                  "subtitle-lines", 0, "title-lines", 0, NULL);

  pba_accessible_describe (row, adw_action_row_get_subtitle (ADW_ACTION_ROW (row)));
  add_row (self, row);
}

static void
on_retry (PbaMailAuthPage *self)
{
  pba_signing_keys_refresh (keys_of (self));
}

static void
add_error (PbaMailAuthPage *self, const char *error)
{
  GtkWidget *button = gtk_button_new_with_label (_ ("Try Again"));

  gtk_widget_set_valign (button, GTK_ALIGN_CENTER);
  g_signal_connect_object (button, "clicked", G_CALLBACK (on_retry), self, G_CONNECT_SWAPPED);
  add_row (self, pba_alert_row_new (PBA_PAGE (self), PBA_SEVERITY_WARNING,
                                    _ ("The keys cannot be read"), error, button));
}

/* What makes the rows: to tell whether an answer says anything new. */
static char *
signature_of (PbaMailAuthPage *self)
{
  GPtrArray *keys = pba_signing_keys_get_all (keys_of (self));
  const char *error = pba_signing_keys_get_error (keys_of (self));
  PbaSetting *sign =
    pba_settings_model_lookup (pba_server_get_settings (pba_page_get_server (PBA_PAGE (self))),
                               "MailAuth.SignEnabled");
  GVariant *value = sign != NULL ? pba_setting_get_value (sign) : NULL;
  GString *text = g_string_new (error);

  g_string_append_c (text, value == NULL || g_variant_get_boolean (value) ? '+' : '-');
  for (guint i = 0; i < keys->len; i++)
    {
      const PbaSigningKey *key = keys->pdata[i];

      g_string_append_printf (text, "\n%s %d %d", key->id, key->active, key->usable);
    }
  return g_string_free (text, FALSE);
}

static void
on_keys (PbaMailAuthPage *self)
{
  GPtrArray *keys = pba_signing_keys_get_all (keys_of (self));
  const char *error = pba_signing_keys_get_error (keys_of (self));
  gboolean first_look = !self->looked;
  g_autofree char *signature = signature_of (self);

  if (self->group == NULL || (error == NULL && !pba_signing_keys_get_loaded (keys_of (self)))
      || g_strcmp0 (signature, self->shown) == 0)
    return;
  drop_rows (self);
  if (error != NULL)
    add_error (self, error);
  for (guint i = 0; i < keys->len; i++)
    add_key (self, keys, keys->pdata[i], first_look);
  if (keys->len == 0 && error == NULL)
    add_empty (self);
  pba_accessible_name_lists (GTK_WIDGET (self->group), _ ("Signing Keys"));
  for (guint i = 0; i < self->rows->len; i++)
    if (ADW_IS_EXPANDER_ROW (self->rows->pdata[i]))
      pba_accessible_name_lists (self->rows->pdata[i],
                                 adw_preferences_row_get_title (self->rows->pdata[i]));
  self->looked = self->looked || pba_signing_keys_get_loaded (keys_of (self));
  g_free (self->shown);
  self->shown = g_steal_pointer (&signature);
}

/* ---- a new one ---- */

static void
on_created (PbaMailAuthPage *self)
{
  pba_page_toast (PBA_PAGE (self), _ ("The key is made. Publish its record, then activate it"),
                  NULL, NULL, NULL);
}

/* The server's own name is a local domain, too, though in no list. */
static void
add_hostname (PbaMailAuthPage *self, GStrvBuilder *domains)
{
  PbaSetting *hostname =
    pba_settings_model_lookup (pba_server_get_settings (pba_page_get_server (PBA_PAGE (self))),
                               "General.Hostname");
  GVariant *value = hostname != NULL ? pba_setting_get_value (hostname) : NULL;

  if (value != NULL && g_variant_get_string (value, NULL)[0] != '\0')
    g_strv_builder_add (domains, g_variant_get_string (value, NULL));
}

static void
on_domains (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (PbaMailAuthPage) self = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) rows =
    pba_list_model_fetch_all_finish (PBA_LIST_MODEL (source), result, &error);
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  g_auto (GStrv) domains = NULL;
  GtkRoot *window = gtk_widget_get_root (GTK_WIDGET (self));
  GtkWidget *dialog;

  gtk_widget_set_sensitive (self->create, TRUE);
  if (rows == NULL || window == NULL)
    {
      if (rows == NULL)
        pba_page_toast_error (PBA_PAGE (self), error);
      return;
    }
  for (gsize i = 0; i < g_variant_n_children (rows); i++)
    {
      g_autoptr (GVariant) row = g_variant_get_child_value (rows, i);
      const char *name;

      if (g_variant_lookup (row, "Name", "&s", &name))
        g_strv_builder_add (builder, name);
    }
  add_hostname (self, builder);
  domains = g_strv_builder_end (builder);
  if (domains[0] == NULL)
    {
      pba_page_toast (PBA_PAGE (self), _ ("There is no local domain yet: create one first"), NULL,
                      NULL, NULL);
      return;
    }
  dialog = pba_key_dialog_new (GTK_WINDOW (window), pba_page_get_server (PBA_PAGE (self)),
                               (const char *const *) domains);
  g_signal_connect_object (dialog, "created", G_CALLBACK (on_created), self, G_CONNECT_SWAPPED);
  gtk_window_present (GTK_WINDOW (dialog));
}

static void
on_create (PbaMailAuthPage *self)
{
  PbaServer *server = pba_page_get_server (PBA_PAGE (self));

  gtk_widget_set_sensitive (self->create, FALSE);
  pba_list_model_fetch_all_async (pba_server_get_list (server, PB_LIST_LOCAL_DOMAINS), NULL,
                                  on_domains, g_object_ref (self));
}

/* ---- the page ---- */

static void
follow_switch (PbaMailAuthPage *self)
{
  PbaSetting *sign =
    pba_settings_model_lookup (pba_server_get_settings (pba_page_get_server (PBA_PAGE (self))),
                               "MailAuth.SignEnabled");

  if (sign == NULL)
    return;
  g_signal_handlers_disconnect_by_func (sign, on_keys, self);
  g_signal_connect_object (sign, "notify::value", G_CALLBACK (on_keys), self, G_CONNECT_SWAPPED);
}

static void
pba_mail_auth_page_filled (PbaSettingsPage *page)
{
  PbaMailAuthPage *self = PBA_MAIL_AUTH_PAGE (page);

  follow_switch (self);
  if (self->group != NULL || !pba_signing_keys_get_supported (keys_of (self)))
    {
      /* The settings before it were made anew: it stays below them. */
      if (self->group != NULL)
        {
          g_object_ref (self->group);
          adw_preferences_page_remove (pba_settings_page_get_preferences (page), self->group);
          adw_preferences_page_add (pba_settings_page_get_preferences (page), self->group);
          g_object_unref (self->group);
        }
      return;
    }
  self->group = ADW_PREFERENCES_GROUP (adw_preferences_group_new ());
  self->create = gtk_button_new_with_mnemonic (_ ("C_reate Key…"));
  gtk_widget_set_valign (self->create, GTK_ALIGN_CENTER);
  adw_preferences_group_set_title (self->group, _ ("Signing Keys"));
  adw_preferences_group_set_description (
    self->group, _ ("With its record in the DNS, a key proves that mail comes from its domain"));
  adw_preferences_group_set_header_suffix (self->group, self->create);
  g_signal_connect_object (self->create, "clicked", G_CALLBACK (on_create), self,
                           G_CONNECT_SWAPPED);
  adw_preferences_page_add (pba_settings_page_get_preferences (page), self->group);
  on_keys (self);
}

static void
pba_mail_auth_page_shown (PbaPage *page)
{
  PBA_PAGE_CLASS (pba_mail_auth_page_parent_class)->shown (page);
  pba_signing_keys_refresh (keys_of (PBA_MAIL_AUTH_PAGE (page)));
}

static void
pba_mail_auth_page_constructed (GObject *object)
{
  PbaMailAuthPage *self = PBA_MAIL_AUTH_PAGE (object);

  g_signal_connect_object (keys_of (self), "changed", G_CALLBACK (on_keys), self,
                           G_CONNECT_SWAPPED);
  G_OBJECT_CLASS (pba_mail_auth_page_parent_class)->constructed (object);
}

static void
pba_mail_auth_page_finalize (GObject *object)
{
  PbaMailAuthPage *self = PBA_MAIL_AUTH_PAGE (object);

  g_ptr_array_unref (self->rows);
  g_hash_table_unref (self->open);
  g_hash_table_unref (self->known);
  g_free (self->shown);
  G_OBJECT_CLASS (pba_mail_auth_page_parent_class)->finalize (object);
}

static void
pba_mail_auth_page_class_init (PbaMailAuthPageClass *klass)
{
  G_OBJECT_CLASS (klass)->constructed = pba_mail_auth_page_constructed;
  G_OBJECT_CLASS (klass)->finalize = pba_mail_auth_page_finalize;
  PBA_PAGE_CLASS (klass)->shown = pba_mail_auth_page_shown;
  PBA_SETTINGS_PAGE_CLASS (klass)->filled = pba_mail_auth_page_filled;
}

static void
pba_mail_auth_page_init (PbaMailAuthPage *self)
{
  self->rows = g_ptr_array_new ();
  self->open = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->known = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
}

GtkWidget *
pba_mail_auth_page_new (PbaServer *server, const char *title, const char *const *interfaces)
{
  return g_object_new (PBA_TYPE_MAIL_AUTH_PAGE, "server", server, "title", title, "interfaces",
                       interfaces, "settings", TRUE, NULL);
}
