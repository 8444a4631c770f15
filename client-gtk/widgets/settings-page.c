/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A page of settings, filled from the groups of some interfaces in table order. Used as it is for
 * pages that only have settings, and as the base of those that have more. Rows are made again when the
 * model lists other settings (another version of the service after a reconnect); a page that adds
 * widgets does so in its "filled". Owns its groups; rows hold their settings.
 */
#include "widgets/settings-page.h"

#include "model/advice.h"
#include "widgets/compat.h"

#include <glib/gi18n.h>

#include <string.h>

typedef struct
{
  char **interfaces; /* (owned) (nullable) */
  AdwPreferencesPage *preferences;
  GPtrArray *groups;    /* (owned) (element-type AdwPreferencesGroup) */
  GHashTable *by_key;   /* (owned): key -> PbaSettingRow, borrows */
  GHashTable *by_group; /* (owned): group -> AdwPreferencesGroup, borrows */
} PbaSettingsPagePrivate;

G_DEFINE_TYPE_WITH_PRIVATE (PbaSettingsPage, pba_settings_page, PBA_TYPE_PAGE)

enum
{
  PROP_INTERFACES = 1,
};

/* Settings that only mean something while a switch is on stand in the fold under it. */
static const struct
{
  const char *key, *under;
} dependents[] = {
  { "General.AuthCheckSenderSkipTrusted", "General.AuthCheckSender" },
  { "Delivery.RelayUser", "Delivery.RelayAuth" },
  { "Delivery.RelaySecretStorage", "Delivery.RelayAuth" },
  { "Reports.DailyTime", "Reports.DailyEnabled" },
  { "Reports.Recipients", "Reports.DailyEnabled" },
};

static PbaSettingsPagePrivate *
private_of (gpointer self)
{
  return pba_settings_page_get_instance_private (PBA_SETTINGS_PAGE (self));
}

static PbaSettingRow *
find_outer_row (PbaSettingsPage *self, const char *key)
{
  for (guint i = 0; i < G_N_ELEMENTS (dependents); i++)
    if (g_str_equal (dependents[i].key, key))
      return pba_settings_page_get_row (self, dependents[i].under);
  return NULL;
}

static AdwPreferencesGroup *
get_group (PbaSettingsPage *self, PbaSetting *setting)
{
  PbaSettingsPagePrivate *priv = private_of (self);
  const char *title = pba_setting_get_group (setting);
  AdwPreferencesGroup *group = g_hash_table_lookup (priv->by_group, title);
  g_autofree char *page_title = NULL;
  g_autofree char *escaped = g_markup_escape_text (title, -1);

  if (group != NULL)
    return group;
  g_object_get (self, "title", &page_title, NULL);
  group = ADW_PREFERENCES_GROUP (adw_preferences_group_new ());
  /* A group that is the page needs no title of its own. */
  if (g_strcmp0 (page_title, title) != 0)
    adw_preferences_group_set_title (group, escaped);
  else
    pba_accessible_name_lists (GTK_WIDGET (group), title);
  adw_preferences_group_set_description (group,
                                         pba_advice_group (pba_setting_get_group_id (setting)));
  adw_preferences_page_add (priv->preferences, group);
  g_ptr_array_add (priv->groups, group);
  g_hash_table_insert (priv->by_group, g_strdup (title), group);
  return group;
}

static void
add_row (PbaSettingsPage *self, PbaSetting *setting)
{
  PbaSettingsPagePrivate *priv = private_of (self);
  PbaSettingRow *outer = find_outer_row (self, pba_setting_get_key (setting));
  GtkWidget *row = pba_setting_row_new (setting);

  if (outer != NULL)
    pba_setting_row_add_dependent (outer, row, NULL);
  else
    {
      adw_preferences_group_add (get_group (self, setting), row);
      g_object_bind_property (self, "narrow", row, "narrow", G_BINDING_SYNC_CREATE);
    }
  g_hash_table_insert (priv->by_key, (char *) pba_setting_get_key (setting), row);
  if (pba_advice_watched (pba_setting_get_key (setting)) != NULL)
    pba_statistics_begin (pba_server_get_statistics (pba_page_get_server (PBA_PAGE (self))));
}

static gboolean
wants (PbaSettingsPage *self, PbaSetting *setting)
{
  PbaSettingsPagePrivate *priv = private_of (self);
  const char *const *names = PBA_SETTINGS_PAGE_GET_CLASS (self)->interfaces;

  if (names == NULL)
    names = (const char *const *) priv->interfaces;
  if (names == NULL)
    return FALSE;
  return g_strv_contains (names, pba_setting_get_interface (setting))
         || (g_strv_contains (names, "*") && !pba_setting_get_known_interface (setting));
}

static void
fill (PbaSettingsPage *self)
{
  PbaSettingsPagePrivate *priv = private_of (self);
  GListModel *settings =
    G_LIST_MODEL (pba_server_get_settings (pba_page_get_server (PBA_PAGE (self))));

  for (guint i = 0; i < priv->groups->len; i++)
    adw_preferences_page_remove (priv->preferences, priv->groups->pdata[i]);
  g_ptr_array_set_size (priv->groups, 0);
  g_hash_table_remove_all (priv->by_key);
  g_hash_table_remove_all (priv->by_group);
  for (guint i = 0; i < g_list_model_get_n_items (settings); i++)
    {
      g_autoptr (PbaSetting) setting = g_list_model_get_item (settings, i);

      if (wants (self, setting))
        add_row (self, setting);
    }
  PBA_SETTINGS_PAGE_GET_CLASS (self)->filled (self);
}

/* Whether the rows that are there are the settings that are there. */
static gboolean
is_same (PbaSettingsPage *self, GListModel *settings)
{
  PbaSettingsPagePrivate *priv = private_of (self);
  guint n = 0;

  for (guint i = 0; i < g_list_model_get_n_items (settings); i++)
    {
      g_autoptr (PbaSetting) setting = g_list_model_get_item (settings, i);
      PbaSettingRow *row = pba_settings_page_get_row (self, pba_setting_get_key (setting));

      if (!wants (self, setting))
        continue;
      if (row == NULL || pba_setting_row_get_setting (row) != setting)
        return FALSE;
      n++;
    }
  return n == g_hash_table_size (priv->by_key);
}

static void
on_settings_listed (GListModel *settings, guint position, guint removed, guint added,
                    gpointer user_data)
{
  if (!is_same (user_data, settings))
    fill (user_data);
}

/* Under a policy that watches stands what it would have refused. */
static void
show_watched (PbaSetting *setting, PbaStatistics *statistics)
{
  const char *counter = pba_advice_watched (pba_setting_get_key (setting));
  g_autofree char *note = NULL;
  guint n;

  if (counter == NULL)
    return;
  if (g_str_equal (pba_setting_get_text (setting), "watch") && !pba_setting_get_changed (setting)
      && pba_statistics_get_known (statistics))
    {
      n = MIN (pba_statistics_get (statistics, counter), G_MAXUINT);
      note = g_strdup_printf (ngettext ("Would have refused %u time so far",
                                        "Would have refused %u times so far", n),
                              n);
    }
  pba_setting_set_note (setting, note);
}

static void
on_statistics (PbaSettingsPage *self)
{
  PbaStatistics *statistics = pba_server_get_statistics (pba_page_get_server (PBA_PAGE (self)));
  GHashTableIter iter;
  gpointer row;

  g_hash_table_iter_init (&iter, private_of (self)->by_key);
  while (g_hash_table_iter_next (&iter, NULL, &row))
    show_watched (pba_setting_row_get_setting (row), statistics);
}

/* What Watch saw may be older than the page. */
static void
pba_settings_page_shown (PbaPage *page)
{
  pba_statistics_refresh (pba_server_get_statistics (pba_page_get_server (page)));
}

static gboolean
pba_settings_page_reveal (PbaPage *page, const char *key)
{
  PbaSettingRow *row = pba_settings_page_get_row (PBA_SETTINGS_PAGE (page), key);

  if (row == NULL)
    return FALSE;
  pba_setting_row_focus_control (row);
  return TRUE;
}

static void
pba_settings_page_get_gproperty (GObject *object, guint property, GValue *value, GParamSpec *pspec)
{
  g_value_set_boxed (value, private_of (object)->interfaces);
}

static void
pba_settings_page_set_gproperty (GObject *object, guint property, const GValue *value,
                                 GParamSpec *pspec)
{
  private_of (object)->interfaces = g_value_dup_boxed (value);
}

static void
pba_settings_page_constructed (GObject *object)
{
  PbaSettingsPage *self = PBA_SETTINGS_PAGE (object);
  PbaSettingsModel *settings = pba_server_get_settings (pba_page_get_server (PBA_PAGE (self)));

  G_OBJECT_CLASS (pba_settings_page_parent_class)->constructed (object);
  g_signal_connect_object (settings, "items-changed", G_CALLBACK (on_settings_listed), self, 0);
  g_signal_connect_object (pba_server_get_statistics (pba_page_get_server (PBA_PAGE (self))),
                           "updated", G_CALLBACK (on_statistics), self, G_CONNECT_SWAPPED);
  fill (self);
  on_statistics (self);
}

static void
pba_settings_page_finalize (GObject *object)
{
  PbaSettingsPagePrivate *priv = private_of (object);

  g_strfreev (priv->interfaces);
  g_ptr_array_unref (priv->groups);
  g_hash_table_unref (priv->by_key);
  g_hash_table_unref (priv->by_group);
  G_OBJECT_CLASS (pba_settings_page_parent_class)->finalize (object);
}

static void
do_nothing (PbaSettingsPage *self)
{
}

static void
pba_settings_page_class_init (PbaSettingsPageClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->get_property = pba_settings_page_get_gproperty;
  object_class->set_property = pba_settings_page_set_gproperty;
  object_class->constructed = pba_settings_page_constructed;
  object_class->finalize = pba_settings_page_finalize;
  PBA_PAGE_CLASS (klass)->reveal = pba_settings_page_reveal;
  PBA_PAGE_CLASS (klass)->shown = pba_settings_page_shown;
  klass->filled = do_nothing;
  g_object_class_install_property (object_class, PROP_INTERFACES,
                                   g_param_spec_boxed ("interfaces", NULL, NULL, G_TYPE_STRV,
                                                       G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY
                                                         | G_PARAM_STATIC_STRINGS));
}

static void
pba_settings_page_init (PbaSettingsPage *self)
{
  PbaSettingsPagePrivate *priv = private_of (self);

  priv->groups = g_ptr_array_new ();
  priv->by_key = g_hash_table_new (g_str_hash, g_str_equal);
  priv->by_group = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  priv->preferences = ADW_PREFERENCES_PAGE (adw_preferences_page_new ());
  adw_bin_set_child (ADW_BIN (self), GTK_WIDGET (priv->preferences));
}

GtkWidget *
pba_settings_page_new (PbaServer *server, const char *title, const char *const *interfaces)
{
  return g_object_new (PBA_TYPE_SETTINGS_PAGE, "server", server, "title", title, "interfaces",
                       interfaces, "settings", TRUE, NULL);
}

AdwPreferencesPage *
pba_settings_page_get_preferences (PbaSettingsPage *self)
{
  return private_of (self)->preferences;
}

PbaSettingRow *
pba_settings_page_get_row (PbaSettingsPage *self, const char *key)
{
  return g_hash_table_lookup (private_of (self)->by_key, key);
}

AdwPreferencesGroup *
pba_settings_page_get_group (PbaSettingsPage *self, const char *group)
{
  return g_hash_table_lookup (private_of (self)->by_group, group);
}
