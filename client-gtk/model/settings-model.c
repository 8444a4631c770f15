/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * All settings as a list model, counted: how many differ, how many are faulty, how many were changed
 * elsewhere at the same time. Made by PbaServer, shown by the pages and the window's header. Loading is
 * in settings-load.c, Apply in settings-apply.c. Settings stay the same objects over a lost link, with
 * what the user made of them. Owns its settings; main thread only.
 */
#include "model/settings-model-private.h"

#include <glib/gi18n.h>
#include <string.h>

enum
{
  PROP_LOADED = 1,
  PROP_N_CHANGES,
  PROP_N_ERRORS,
  PROP_CHANGED,
  PROP_SUMMARY,
  PROP_APPLYING,
  PROP_CONFLICT,
  PROP_ERROR,
  PROP_WRITABLE,
  N_PROPERTIES,
};
static GParamSpec *properties[N_PROPERTIES];

static GType
get_item_type (GListModel *model)
{
  return PBA_TYPE_SETTING;
}

static guint
get_n_items (GListModel *model)
{
  return PBA_SETTINGS_MODEL (model)->settings->len;
}

static gpointer
get_item (GListModel *model, guint position)
{
  PbaSettingsModel *self = PBA_SETTINGS_MODEL (model);

  return position < self->settings->len ? g_object_ref (self->settings->pdata[position]) : NULL;
}

static void
list_model_init (GListModelInterface *iface)
{
  iface->get_item_type = get_item_type;
  iface->get_n_items = get_n_items;
  iface->get_item = get_item;
}

G_DEFINE_FINAL_TYPE_WITH_CODE (PbaSettingsModel, pba_settings_model, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (G_TYPE_LIST_MODEL, list_model_init))

static void
set_count (PbaSettingsModel *self, guint *field, guint n, guint property)
{
  if (*field == n)
    return;
  *field = n;
  g_object_notify_by_pspec (G_OBJECT (self), properties[property]);
}

void
pba_settings_model_count (PbaSettingsModel *self)
{
  guint changes = 0, errors = 0, conflicts = 0;
  guint old_changes = self->n_changes, old_errors = self->n_errors;
  gboolean conflict;

  for (guint i = 0; i < self->settings->len; i++)
    {
      PbaSetting *setting = self->settings->pdata[i];

      changes += pba_setting_get_changed (setting);
      errors += pba_setting_get_changed (setting) && pba_setting_get_error (setting) != NULL;
      conflicts += pba_setting_get_conflict (setting);
    }
  pba_settings_model_warn (self);
  if (changes == 0)
    self->stale = self->overwrite = FALSE;
  for (guint i = 0; i < self->drafts->len; i++)
    {
      g_autofree char *error = pba_draft_dup_error (self->drafts->pdata[i]);

      changes += pba_draft_get_changed (self->drafts->pdata[i]);
      errors += error != NULL;
    }
  conflict = conflicts > 0 || self->stale;
  g_object_freeze_notify (G_OBJECT (self));
  set_count (self, &self->n_changes, changes, PROP_N_CHANGES);
  set_count (self, &self->n_errors, errors, PROP_N_ERRORS);
  set_count (self, &self->n_conflicts, conflict ? MAX (conflicts, 1) : 0, PROP_CONFLICT);
  if ((old_changes > 0) != (changes > 0))
    g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_CHANGED]);
  if (old_changes != changes || old_errors != errors)
    g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_SUMMARY]);
  g_object_thaw_notify (G_OBJECT (self));
}

void
pba_settings_model_set_error (PbaSettingsModel *self, const char *sentence)
{
  if (g_strcmp0 (self->error, sentence) == 0)
    return;
  g_free (self->error);
  self->error = g_strdup (sentence);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_ERROR]);
}

void
pba_settings_model_set_applying (PbaSettingsModel *self, gboolean applying)
{
  if (self->applying == applying)
    return;
  self->applying = applying;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_APPLYING]);
}

static void
pba_settings_model_get_gproperty (GObject *object, guint property, GValue *value, GParamSpec *pspec)
{
  PbaSettingsModel *self = PBA_SETTINGS_MODEL (object);
  const gboolean flags[N_PROPERTIES] = {
    [PROP_LOADED] = self->loaded,     [PROP_CHANGED] = self->n_changes > 0,
    [PROP_APPLYING] = self->applying, [PROP_CONFLICT] = self->n_conflicts > 0,
    [PROP_WRITABLE] = self->writable,
  };

  if (property == PROP_N_CHANGES || property == PROP_N_ERRORS)
    g_value_set_uint (value, property == PROP_N_CHANGES ? self->n_changes : self->n_errors);
  else if (property == PROP_SUMMARY)
    g_value_take_string (value, pba_settings_model_dup_summary (self));
  else if (property == PROP_ERROR)
    g_value_set_string (value, self->error);
  else
    g_value_set_boolean (value, flags[property]);
}

static void
pba_settings_model_set_gproperty (GObject *object, guint property, const GValue *value,
                                  GParamSpec *pspec)
{
  PbaSettingsModel *self = PBA_SETTINGS_MODEL (object);

  g_return_if_fail (property == PROP_WRITABLE);

  self->writable = g_value_get_boolean (value);
  for (guint i = 0; i < self->settings->len; i++)
    pba_setting_set_writable (self->settings->pdata[i], self->writable);
}

static void
pba_settings_model_finalize (GObject *object)
{
  PbaSettingsModel *self = PBA_SETTINGS_MODEL (object);

  g_cancellable_cancel (self->cancellable);
  g_object_unref (self->cancellable);
  g_object_unref (self->connection);
  g_hash_table_unref (self->by_key);
  g_ptr_array_unref (self->settings);
  pba_settings_model_forget_drafts (self);
  g_free (self->error);
  G_OBJECT_CLASS (pba_settings_model_parent_class)->finalize (object);
}

static void
pba_settings_model_class_init (PbaSettingsModelClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  const GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;

  object_class->finalize = pba_settings_model_finalize;
  object_class->get_property = pba_settings_model_get_gproperty;
  object_class->set_property = pba_settings_model_set_gproperty;

  properties[PROP_LOADED] = g_param_spec_boolean ("loaded", NULL, NULL, FALSE, flags);
  properties[PROP_N_CHANGES] = g_param_spec_uint ("n-changes", NULL, NULL, 0, G_MAXUINT, 0, flags);
  properties[PROP_N_ERRORS] = g_param_spec_uint ("n-errors", NULL, NULL, 0, G_MAXUINT, 0, flags);
  properties[PROP_CHANGED] = g_param_spec_boolean ("changed", NULL, NULL, FALSE, flags);
  properties[PROP_SUMMARY] = g_param_spec_string ("summary", NULL, NULL, NULL, flags);
  properties[PROP_APPLYING] = g_param_spec_boolean ("applying", NULL, NULL, FALSE, flags);
  properties[PROP_CONFLICT] = g_param_spec_boolean ("conflict", NULL, NULL, FALSE, flags);
  properties[PROP_ERROR] = g_param_spec_string ("error", NULL, NULL, NULL, flags);
  properties[PROP_WRITABLE] =
    g_param_spec_boolean ("writable", NULL, NULL, TRUE, G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPERTIES, properties);
}

static void
pba_settings_model_init (PbaSettingsModel *self)
{
  self->writable = TRUE;
  self->cancellable = g_cancellable_new ();
  self->settings = g_ptr_array_new_with_free_func (g_object_unref);
  self->by_key = g_hash_table_new (g_str_hash, g_str_equal);
  self->drafts = g_ptr_array_new ();
}

/* ---- public ---- */

PbaSettingsModel *
pba_settings_model_new (PbaConnection *connection)
{
  PbaSettingsModel *self = g_object_new (PBA_TYPE_SETTINGS_MODEL, NULL);

  self->connection = g_object_ref (connection);
  pba_settings_model_follow (self);
  return self;
}

PbaSetting *
pba_settings_model_lookup (PbaSettingsModel *self, const char *key)
{
  return g_hash_table_lookup (self->by_key, key);
}

char **
pba_settings_model_dup_interfaces (PbaSettingsModel *self)
{
  g_autoptr (GStrvBuilder) names = g_strv_builder_new ();
  const char *last = NULL;

  for (guint i = 0; i < self->settings->len; i++)
    {
      const char *name = pba_setting_get_interface (self->settings->pdata[i]);

      if (g_strcmp0 (last, name) != 0)
        g_strv_builder_add (names, name);
      last = name;
    }
  return g_strv_builder_end (names);
}

PbaSetting *
pba_settings_model_get_first_error (PbaSettingsModel *self)
{
  for (guint i = 0; i < self->settings->len; i++)
    {
      PbaSetting *setting = self->settings->pdata[i];

      if (pba_setting_get_changed (setting) && pba_setting_get_error (setting) != NULL)
        return setting;
    }
  return NULL;
}

const char *
pba_settings_model_get_first_error_key (PbaSettingsModel *self)
{
  PbaSetting *setting = pba_settings_model_get_first_error (self);

  if (setting != NULL)
    return pba_setting_get_key (setting);
  for (guint i = 0; i < self->drafts->len; i++)
    {
      g_autofree char *error = pba_draft_dup_error (self->drafts->pdata[i]);

      if (error != NULL)
        return pba_draft_get_key (self->drafts->pdata[i]);
    }
  return NULL;
}

guint
pba_settings_model_get_n_changes (PbaSettingsModel *self)
{
  return self->n_changes;
}

guint
pba_settings_model_get_n_errors (PbaSettingsModel *self)
{
  return self->n_errors;
}

gboolean
pba_settings_model_get_changed (PbaSettingsModel *self)
{
  return self->n_changes > 0;
}

gboolean
pba_settings_model_get_conflict (PbaSettingsModel *self)
{
  return self->n_conflicts > 0;
}

gboolean
pba_settings_model_get_loaded (PbaSettingsModel *self)
{
  return self->loaded;
}

gboolean
pba_settings_model_get_applying (PbaSettingsModel *self)
{
  return self->applying;
}

const char *
pba_settings_model_get_error (PbaSettingsModel *self)
{
  return self->error;
}

char *
pba_settings_model_dup_summary (PbaSettingsModel *self)
{
  g_autofree char *changes = NULL;
  g_autofree char *attention = NULL;

  if (self->n_changes == 0)
    return NULL;
  changes =
    g_strdup_printf (ngettext ("%u change", "%u changes", self->n_changes), self->n_changes);
  if (self->n_errors == 0)
    return g_steal_pointer (&changes);
  attention = g_strdup_printf (ngettext ("%u needs attention", "%u need attention", self->n_errors),
                               self->n_errors);
  /* Translators: “2 changes, 1 needs attention” */
  return g_strdup_printf (_ ("%s, %s"), changes, attention);
}

void
pba_settings_model_discard (PbaSettingsModel *self)
{
  for (guint i = 0; i < self->settings->len; i++)
    {
      pba_setting_undo (self->settings->pdata[i]);
      pba_setting_set_error (self->settings->pdata[i], NULL);
    }
  for (guint i = 0; i < self->drafts->len; i++)
    pba_draft_discard (self->drafts->pdata[i]);
  self->stale = self->overwrite = FALSE;
  pba_settings_model_set_error (self, NULL);
  pba_settings_model_count (self);
}

void
pba_settings_model_resolve_reload (PbaSettingsModel *self)
{
  for (guint i = 0; i < self->settings->len; i++)
    if (pba_setting_get_conflict (self->settings->pdata[i]))
      pba_setting_undo (self->settings->pdata[i]);
  self->stale = FALSE;
  pba_settings_model_count (self);
}

void
pba_settings_model_resolve_overwrite (PbaSettingsModel *self)
{
  for (guint i = 0; i < self->settings->len; i++)
    pba_setting_clear_conflict (self->settings->pdata[i]);
  self->stale = FALSE;
  self->overwrite = TRUE;
  pba_settings_model_count (self);
}

static gboolean
has_words (PbaSetting *setting, const char *const *words)
{
  g_autofree char *all =
    g_strjoin ("\n", pba_setting_get_title (setting), pba_setting_get_help (setting),
               pba_setting_get_group (setting), pba_setting_get_key (setting), NULL);
  g_autofree char *folded = g_utf8_casefold (all, -1);

  for (guint i = 0; words[i] != NULL; i++)
    if (strstr (folded, words[i]) == NULL)
      return FALSE;
  return TRUE;
}

GPtrArray *
pba_settings_model_search (PbaSettingsModel *self, const char *text)
{
  GPtrArray *found = g_ptr_array_new_with_free_func (g_object_unref);
  g_autofree char *folded = g_utf8_casefold (text, -1);
  g_auto (GStrv) words = g_strsplit_set (g_strstrip (folded), " \t", -1);

  for (guint i = 0; words[0] != NULL && words[0][0] != '\0' && i < self->settings->len; i++)
    if (has_words (self->settings->pdata[i], (const char *const *) words))
      g_ptr_array_add (found, g_object_ref (self->settings->pdata[i]));
  return found;
}
