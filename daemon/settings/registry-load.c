/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From what was stored to what holds. Called once, at start. Nothing here fails: a setting or row
 * that is damaged is logged and left at its default or left out, since mail must go on; what is
 * unknown (a newer program wrote it) stays in the store untouched.
 */
#include "settings/registry-private.h"

#include "util/log.h"

static void
load_setting (PbRegistry *self, PbSettingValues *values, const char *key, GVariant *value)
{
  const PbSettingSpec *spec = pb_setting_lookup (key);
  g_autoptr (GError) error = NULL;

  g_hash_table_replace (self->stored, g_strdup (key), g_variant_ref (value));
  if (spec == NULL)
    return;
  if (pb_setting_validate (spec, value, &error))
    pb_setting_values_set (values, spec, value);
  else
    pb_log (PB_LOG_WARNING, "setting damaged", "key", key, "reason", error->message, "using",
            "default", NULL);
}

/* What was applied and never confirmed does not hold for a moment. */
static void
load_pending (PbRegistry *self, PbSettingValues *values)
{
  GVariant *pending = g_hash_table_lookup (self->stored, PB_PENDING_KEY);
  GVariantIter iter;
  const char *key;
  GVariant *before;

  if (pending == NULL || !g_variant_is_of_type (pending, G_VARIANT_TYPE (PB_PENDING_TYPE)))
    return;
  g_variant_iter_init (&iter, pending);
  while (g_variant_iter_next (&iter, "(&smv)", &key, &before))
    {
      const PbSettingSpec *spec = pb_setting_lookup (key);

      if (spec != NULL && before == NULL)
        before = pb_registry_default (self, spec);
      if (spec != NULL && pb_setting_validate (spec, before, NULL))
        pb_setting_values_set (values, spec, before);
      g_clear_pointer (&before, g_variant_unref);
    }
}

static void
load_row (PbRegistry *self, const PbConfigRow *stored)
{
  g_autoptr (GVariant) nothing = g_variant_ref_sink (g_variant_new ("a{sv}", NULL));
  g_autoptr (GVariant) row = NULL;
  g_autoptr (GError) error = NULL;
  PbListKind kind;

  if (!pb_list_lookup (stored->kind, &kind))
    return;
  if (!g_uuid_string_is_valid (stored->id)
      || !g_variant_is_of_type (stored->row, G_VARIANT_TYPE_VARDICT))
    {
      pb_log (PB_LOG_WARNING, "row damaged", "list", stored->kind, "row", stored->id, NULL);
      return;
    }
  row = pb_list_row_complete (kind, stored->id, stored->row, nothing, &error);
  if (row == NULL)
    {
      pb_log (PB_LOG_WARNING, "row damaged", "list", stored->kind, "row", stored->id, "reason",
              error->message, NULL);
      return;
    }
  g_ptr_array_add (self->rows[kind], pb_row_new (kind, stored->id, stored->position, row));
}

static int
compare_order (gconstpointer a, gconstpointer b)
{
  const PbRow *first = *(PbRow *const *) a;
  const PbRow *second = *(PbRow *const *) b;

  return (first->order > second->order) - (first->order < second->order);
}

static void
load_hits (PbRegistry *self, GHashTable *stored)
{
  GHashTableIter iter;
  gpointer id, value;

  g_hash_table_iter_init (&iter, stored);
  while (g_hash_table_iter_next (&iter, &id, &value))
    {
      guint64 hits, last;

      if (!g_hash_table_contains (self->by_id[PB_LIST_ACCESS_LIST], id)
          || !g_variant_is_of_type (value, G_VARIANT_TYPE (PB_HITS_VALUE)))
        {
          pb_hits_forget (self->hits, id);
          continue;
        }
      g_variant_get (value, PB_HITS_VALUE, &hits, &last);
      pb_hits_restore (self->hits, id, hits, last);
    }
}

void
pb_registry_load (PbRegistry *self, const PbConfigContent *content)
{
  PbDirectory *directory = pb_directory_new ();
  PbSettingValues values;
  GHashTableIter iter;
  gpointer key;
  gpointer value;

  self->revision = content->revision;
  self->instance_id = g_strdup (content->instance_id);
  self->secrets = pb_secrets_new (NULL, g_hash_table_ref (content->secrets));
  self->logins = pb_logins_new (g_hash_table_ref (content->verifiers));
  self->signing_keys = pb_signing_keys_new (g_hash_table_ref (content->signing_keys), NULL);
  self->blocks = g_hash_table_ref (content->blocks);
  pb_setting_values_init (&values);
  g_free (values.general_hostname);
  values.general_hostname = g_strdup (self->hostname);
  g_hash_table_iter_init (&iter, content->settings);
  while (g_hash_table_iter_next (&iter, &key, &value))
    load_setting (self, &values, key, value);
  load_pending (self, &values);
  for (guint i = 0; i < content->rows->len; i++)
    load_row (self, content->rows->pdata[i]);
  for (guint kind = 0; kind < PB_N_LISTS; kind++)
    {
      g_ptr_array_sort (self->rows[kind], compare_order);
      pb_registry_take_rows (self, kind, g_ptr_array_ref (self->rows[kind]));
      pb_directory_compile (directory, kind, self->rows[kind]);
    }
  load_hits (self, content->hits);
  pb_registry_swap (self, &values, directory);
  pb_setting_values_clear (&values);
}
