/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * All settings and lists as JSON, and back: for backups and for a second server. Secrets are no part
 * of it, nor is what only the server sets. Import goes through the same checks as every other
 * change, is all or nothing and makes one revision; what the text does not hold stays as it is.
 *
 *   { "Format": "postbus-settings", "Version": 1,
 *     "Settings": { "General": { "MaxHops": 100, ... }, ... },
 *     "Lists": { "TrustedList": [ { "Id": "...", "Name": "...", ... }, ... ], ... } }
 */
#include "settings/json-value.h"
#include "settings/registry-private.h"

#include "dbus/errors.h"
#include "dbus/names.h"

#include <string.h>

#define FORMAT  "postbus-settings"
#define VERSION 1

/* ---- export ---- */

static JsonObject *
export_interface (PbRegistry *self, const char *interface)
{
  JsonObject *object = json_object_new ();

  for (guint id = 0; id < PB_N_SETTINGS; id++)
    {
      const PbSettingSpec *spec = pb_setting_spec (id);
      g_autoptr (GVariant) value = NULL;

      if (!g_str_equal (spec->interface, interface) || (spec->flags & PB_SETTING_SECRET) != 0)
        continue;
      /* A name that was made from this machine's must not become another's. */
      if (id == PB_SETTING_ID_General_Hostname && !g_hash_table_contains (self->stored, spec->key))
        continue;
      value = pb_setting_values_get (&self->snapshot->values, spec);
      json_object_set_member (object, spec->name, pb_json_from_value (value));
    }
  return object;
}

static JsonArray *
export_list (PbRegistry *self, PbListKind kind)
{
  const PbListSpec *spec = pb_list_spec (kind);
  JsonArray *array = json_array_new ();

  for (guint i = 0; i < self->rows[kind]->len; i++)
    {
      const PbRow *row = self->rows[kind]->pdata[i];
      JsonObject *object = json_object_new ();

      json_object_set_string_member (object, "Id", row->id);
      for (guint c = 0; c < spec->n_columns; c++)
        {
          g_autoptr (GVariant) cell =
            g_variant_lookup_value (row->row, spec->columns[c].name, NULL);

          if ((spec->columns[c].flags & PB_COLUMN_READ_ONLY) == 0)
            json_object_set_member (object, spec->columns[c].name, pb_json_from_value (cell));
        }
      json_array_add_object_element (array, object);
    }
  return array;
}

char *
pb_registry_export (PbRegistry *self)
{
  JsonObject *root = json_object_new ();
  JsonObject *settings = json_object_new ();
  JsonObject *lists = json_object_new ();
  g_autoptr (JsonNode) node = json_node_new (JSON_NODE_OBJECT);
  const char *const *interfaces = pb_setting_interfaces ();

  for (guint i = 0; interfaces[i] != NULL; i++)
    json_object_set_object_member (settings, interfaces[i], export_interface (self, interfaces[i]));
  for (guint kind = 0; kind < PB_N_LISTS; kind++)
    json_object_set_array_member (lists, pb_list_spec (kind)->name, export_list (self, kind));
  json_object_set_string_member (root, "Format", FORMAT);
  json_object_set_int_member (root, "Version", VERSION);
  json_object_set_object_member (root, "Settings", settings);
  json_object_set_object_member (root, "Lists", lists);
  json_node_take_object (node, root);
  return json_to_string (node, TRUE);
}

/* ---- import ---- */

/* One import being read: what it says, in the forms that the other changes have. */
typedef struct
{
  GVariantBuilder settings;    /* a{sa{sv}} */
  GVariant *lists[PB_N_LISTS]; /* (owned) (nullable) aa{sv} */
} Import;

static const char *
shown (const char *name)
{
  return pb_check (PB_CHECK_NAME, name) == NULL ? name : "?";
}

static gboolean G_GNUC_PRINTF (3, 4) refuse (GError **error, PbError code, const char *format, ...)
{
  g_autofree char *words = NULL;
  va_list args;

  va_start (args, format);
  words = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error_literal (error, PB_ERROR, (int) code, words);
  return FALSE;
}

static gboolean
read_interface (Import *self, const char *interface, JsonNode *node, GError **error)
{
  JsonObjectIter iter;
  const char *name;
  JsonNode *member;

  if (!JSON_NODE_HOLDS_OBJECT (node))
    return refuse (error, PB_ERROR_INVALID_VALUE, "%s: must be an object", shown (interface));
  g_variant_builder_open (&self->settings, G_VARIANT_TYPE ("{sa{sv}}"));
  g_variant_builder_add (&self->settings, "s", interface);
  g_variant_builder_open (&self->settings, G_VARIANT_TYPE_VARDICT);
  json_object_iter_init_ordered (&iter, json_node_get_object (node));
  while (json_object_iter_next_ordered (&iter, &name, &member))
    {
      g_autofree char *key = g_strconcat (interface, ".", name, NULL);
      const PbSettingSpec *spec = pb_setting_lookup (key);
      g_autoptr (GVariant) value = NULL;

      if (spec == NULL || (spec->flags & PB_SETTING_SECRET) != 0)
        return refuse (error, PB_ERROR_UNKNOWN_SETTING, "%s.%s: there is no such setting",
                       shown (interface), shown (name));
      value = pb_json_to_value (member, spec->type);
      if (value == NULL)
        return refuse (error, PB_ERROR_INVALID_VALUE, "%s: must be of type %s", key, spec->type);
      g_variant_builder_add (&self->settings, "{sv}", name, value);
    }
  g_variant_builder_close (&self->settings);
  g_variant_builder_close (&self->settings);
  return TRUE;
}

static const char *
column_type (PbListKind kind, const char *name)
{
  const PbListSpec *spec = pb_list_spec (kind);

  if (g_str_equal (name, "Id"))
    return "s";
  for (guint i = 0; i < spec->n_columns; i++)
    if (g_str_equal (spec->columns[i].name, name)
        && (spec->columns[i].flags & PB_COLUMN_READ_ONLY) == 0)
      return spec->columns[i].type;
  return NULL;
}

static GVariant *
read_row (PbListKind kind, guint position, JsonNode *node, GError **error)
{
  const char *list = pb_list_spec (kind)->name;
  g_auto (GVariantDict) row = G_VARIANT_DICT_INIT (NULL);
  JsonObjectIter iter;
  const char *name;
  JsonNode *member;

  if (!JSON_NODE_HOLDS_OBJECT (node))
    {
      refuse (error, PB_ERROR_INVALID_VALUE, "%s[%u]: must be an object", list, position);
      return NULL;
    }
  json_object_iter_init_ordered (&iter, json_node_get_object (node));
  while (json_object_iter_next_ordered (&iter, &name, &member))
    {
      const char *type = column_type (kind, name);
      g_autoptr (GVariant) value = type ? pb_json_to_value (member, type) : NULL;

      if (value == NULL)
        {
          if (type == NULL)
            refuse (error, PB_ERROR_UNKNOWN_SETTING, "%s[%u].%s: there is no such column", list,
                    position, shown (name));
          else
            refuse (error, PB_ERROR_INVALID_VALUE, "%s[%u].%s: must be of type %s", list, position,
                    name, type);
          return NULL;
        }
      g_variant_dict_insert_value (&row, name, value);
    }
  return g_variant_dict_end (&row);
}

static gboolean
read_list (Import *self, const char *name, JsonNode *node, GError **error)
{
  g_auto (GVariantBuilder) rows = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE ("aa{sv}"));
  JsonArray *array;
  PbListKind kind;

  if (!pb_list_lookup (name, &kind))
    return refuse (error, PB_ERROR_UNKNOWN_SETTING, "%s: there is no such list", shown (name));
  if (!JSON_NODE_HOLDS_ARRAY (node))
    return refuse (error, PB_ERROR_INVALID_VALUE, "%s: must be an array", name);
  array = json_node_get_array (node);
  for (guint i = 0; i < json_array_get_length (array); i++)
    {
      GVariant *row = read_row (kind, i, json_array_get_element (array, i), error);

      if (row == NULL)
        return FALSE;
      g_variant_builder_add_value (&rows, row);
    }
  self->lists[kind] = g_variant_ref_sink (g_variant_builder_end (&rows));
  return TRUE;
}

static gboolean
read_members (Import *self, JsonNode *node, const char *name,
              gboolean (*read) (Import *self, const char *name, JsonNode *node, GError **error),
              GError **error)
{
  JsonObjectIter iter;
  const char *member;
  JsonNode *value;

  if (!JSON_NODE_HOLDS_OBJECT (node))
    return refuse (error, PB_ERROR_INVALID_VALUE, "Import: %s must be an object", name);
  json_object_iter_init_ordered (&iter, json_node_get_object (node));
  while (json_object_iter_next_ordered (&iter, &member, &value))
    if (!read (self, member, value, error))
      return FALSE;
  return TRUE;
}

static gboolean
read_part (Import *self, const char *name, JsonNode *node, GError **error)
{
  g_autoptr (GVariant) format = g_str_equal (name, "Format") ? pb_json_to_value (node, "s") : NULL;
  g_autoptr (GVariant) version =
    g_str_equal (name, "Version") ? pb_json_to_value (node, "u") : NULL;

  if (g_str_equal (name, "Settings"))
    return read_members (self, node, name, read_interface, error);
  if (g_str_equal (name, "Lists"))
    return read_members (self, node, name, read_list, error);
  if (format != NULL && g_str_equal (g_variant_get_string (format, NULL), FORMAT))
    return TRUE;
  if (version != NULL && g_variant_get_uint32 (version) == VERSION)
    return TRUE;
  return refuse (error, PB_ERROR_INVALID_VALUE, "Import: %s is not of format " FORMAT " version 1",
                 shown (name));
}

static void
import_clear (Import *self)
{
  g_variant_builder_clear (&self->settings);
  for (guint kind = 0; kind < PB_N_LISTS; kind++)
    g_clear_pointer (&self->lists[kind], g_variant_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Import, import_clear)

static gboolean
draft_import (PbDraft *draft, PbRegistry *registry, const char *json, GError **error)
{
  g_auto (Import) import = { 0 };
  g_autoptr (JsonNode) root = NULL;
  g_autoptr (GVariant) settings = NULL;

  g_variant_builder_init (&import.settings, G_VARIANT_TYPE ("a{sa{sv}}"));
  root = pb_json_parse (json, error);
  if (root == NULL)
    return FALSE;
  if (!json_object_has_member (json_node_get_object (root), "Format"))
    return refuse (error, PB_ERROR_INVALID_VALUE, "Import: must have Format " FORMAT);
  if (!read_members (&import, root, "it", read_part, error))
    return FALSE;
  settings = g_variant_ref_sink (g_variant_builder_end (&import.settings));
  if (!pb_draft_settings (draft, registry, settings, error))
    return FALSE;
  for (guint kind = 0; kind < PB_N_LISTS; kind++)
    if (import.lists[kind] != NULL
        && !pb_draft_rows (draft, registry, kind, import.lists[kind], error))
      return FALSE;
  return TRUE;
}

static gboolean
prepare_import (PbRegistry *self, PbOperation *operation, PbDraft *draft, GError **error)
{
  draft->what = g_strdup ("imported");
  return pb_registry_check_pending (self, error)
         && draft_import (draft, self, g_variant_get_string (operation->argument, NULL), error);
}

void
pb_registry_import (PbRegistry *self, const char *json, const PbApplyOptions *options,
                    PbRegistryDone func, gpointer user_data)
{
  PbOperation *operation = pb_operation_new (prepare_import, options->who, func, user_data);

  operation->if_revision = options->if_revision;
  operation->dry_run = options->dry_run;
  operation->argument = g_variant_ref_sink (g_variant_new_string (json));
  pb_registry_run (self, operation);
}

char **
pb_registry_import_actions (PbRegistry *self, const char *json, GError **error)
{
  PbDraft draft;
  g_autoptr (GPtrArray) actions = g_ptr_array_new_with_free_func (g_free);
  gboolean passes;

  pb_draft_init (&draft);
  passes = draft_import (&draft, self, json, error);
  if (g_hash_table_size (draft.settings) > 0)
    g_ptr_array_add (actions, g_strdup (PB_ACTION_MODIFY_SETTINGS));
  for (guint kind = 0; kind < PB_N_LISTS; kind++)
    if (draft.rows[kind] != NULL
        && !g_ptr_array_find_with_equal_func (actions, pb_list_spec (kind)->action, g_str_equal,
                                              NULL))
      g_ptr_array_add (actions, g_strdup (pb_list_spec (kind)->action));
  pb_draft_clear (&draft);
  if (!passes)
    return NULL;
  g_ptr_array_add (actions, NULL);
  return (char **) g_ptr_array_steal (actions, NULL);
}
