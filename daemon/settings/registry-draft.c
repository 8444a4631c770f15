/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What an operation would make of the settings, put together cell by cell while it is prepared:
 * the settings and lists as they would be, and the changes that the store records, each with what
 * was before, so that Revert can bring it back. A draft owns what it holds and touches nothing
 * outside itself.
 */
#include "settings/registry-private.h"

#include "dbus/errors.h"

static void
unref_value (gpointer value)
{
  if (value != NULL)
    g_variant_unref (value);
}

static void
unref_bytes (gpointer bytes)
{
  if (bytes != NULL)
    g_bytes_unref (bytes);
}

void
pb_draft_init (PbDraft *self)
{
  *self = (PbDraft){ 0 };
  self->settings = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, unref_value);
  self->secrets = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, unref_bytes);
  self->verifiers = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, unref_bytes);
  self->signing_keys = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, unref_bytes);
  self->changes = g_ptr_array_new_with_free_func ((GDestroyNotify) pb_config_change_free);
}

static PbConfigChange *
add_change (PbDraft *self, const char *kind, const char *key, GVariant *old_value,
            GVariant *new_value)
{
  PbConfigChange *change = g_new0 (PbConfigChange, 1);

  change->kind = g_strdup (kind);
  change->key = g_strdup (key);
  change->old_value = old_value ? g_variant_ref (old_value) : NULL;
  change->new_value = new_value ? g_variant_ref (new_value) : NULL;
  g_ptr_array_add (self->changes, change);
  return change;
}

void
pb_draft_set (PbDraft *self, PbRegistry *registry, const char *key, GVariant *value)
{
  add_change (self, NULL, key, g_hash_table_lookup (registry->stored, key), value);
  g_hash_table_replace (self->settings, g_strdup (key), value ? g_variant_ref (value) : NULL);
}

/* What no revision records the value of. */
static void
set_octets (PbDraft *self, const char *kind, GHashTable *table, const char *key, GBytes *octets)
{
  g_autoptr (GVariant) value = NULL;

  if (octets != NULL)
    value = g_variant_ref_sink (g_variant_new_from_bytes (G_VARIANT_TYPE_BYTESTRING, octets, TRUE));
  add_change (self, kind, key, NULL, value);
  g_hash_table_replace (table, g_strdup (key), octets ? g_bytes_ref (octets) : NULL);
}

void
pb_draft_set_secret (PbDraft *self, const char *relay, GBytes *sealed)
{
  set_octets (self, PB_CONFIG_SECRET, self->secrets, relay, sealed);
}

void
pb_draft_set_verifier (PbDraft *self, const char *account_id, GBytes *packed)
{
  set_octets (self, PB_CONFIG_VERIFIER, self->verifiers, account_id, packed);
}

void
pb_draft_set_signing_key (PbDraft *self, const char *id, GBytes *packed)
{
  set_octets (self, PB_CONFIG_SIGNING_KEY, self->signing_keys, id, packed);
}

void
pb_draft_values (const PbDraft *self, PbRegistry *registry, PbSettingValues *values)
{
  GHashTableIter iter;
  gpointer key;
  gpointer value;

  pb_setting_values_copy (values, &registry->snapshot->values);
  g_hash_table_iter_init (&iter, self->settings);
  while (g_hash_table_iter_next (&iter, &key, &value))
    {
      const PbSettingSpec *spec = pb_setting_lookup (key);
      g_autoptr (GVariant) holds = NULL;

      if (spec == NULL)
        continue;
      holds = value != NULL ? g_variant_ref (value) : pb_registry_default (registry, spec);
      pb_setting_values_set (values, spec, holds);
    }
}

/* Rows that were not there before, against each other and against those that were. Doubles among
 * old rows can only come from a damaged store; they must not stop the change that mends them. */
static gboolean
check_names (PbRegistry *registry, PbListKind kind, GPtrArray *rows, GError **error)
{
  g_autoptr (GHashTable) names = g_hash_table_new (g_str_hash, g_str_equal);
  const char *name = pb_list_spec (kind)->name;

  for (guint fresh = 0; fresh < 2; fresh++)
    for (guint i = 0; i < rows->len; i++)
      {
        const PbRow *row = rows->pdata[i];
        const PbRow *before = g_hash_table_lookup (registry->by_id[kind], row->id);
        gboolean is_fresh =
          before == NULL || (before != row && !g_variant_equal (before->row, row->row));

        if (is_fresh != (fresh == 1))
          continue;
        for (char **key = row->keys; *key != NULL; key++)
          if (!g_hash_table_add (names, *key) && is_fresh)
            {
              g_set_error (error, PB_ERROR, PB_ERROR_CONFLICT, "%s[%s]: %s is already in the list",
                           name, before ? row->id : "new", *key);
              return FALSE;
            }
      }
  return TRUE;
}

/* An old list that has more may shrink. */
static gboolean
check_masks (PbRegistry *registry, PbListKind kind, GPtrArray *rows, GError **error)
{
  guint n;

  if (kind != PB_LIST_ACCESS_LIST)
    return TRUE;
  n = pb_access_count_gaps (rows);
  if (n <= PB_ACCESS_MAX_GAPS || n <= pb_access_count_gaps (registry->rows[kind]))
    return TRUE;
  g_set_error (error, PB_ERROR, PB_ERROR_TOO_LARGE,
               "%s: at most %u different masks with gaps, which cost every client a look-up each",
               pb_list_spec (kind)->name, PB_ACCESS_MAX_GAPS);
  return FALSE;
}

static void
record_rows (PbDraft *self, PbRegistry *registry, PbListKind kind, GPtrArray *rows)
{
  g_autoptr (GHashTable) kept = g_hash_table_new (g_str_hash, g_str_equal);
  const char *name = pb_list_spec (kind)->name;

  for (guint i = 0; i < rows->len; i++)
    {
      const PbRow *row = rows->pdata[i];
      const PbRow *before = g_hash_table_lookup (registry->by_id[kind], row->id);
      PbConfigChange *change;

      g_hash_table_add (kept, row->id);
      if (before == row
          || (before && before->order == row->order && g_variant_equal (before->row, row->row)))
        continue;
      change = add_change (self, name, row->id, before ? before->row : NULL, row->row);
      change->old_position = before ? before->order : 0;
      change->new_position = row->order;
    }
  for (guint i = 0; i < registry->rows[kind]->len; i++)
    {
      const PbRow *before = registry->rows[kind]->pdata[i];

      if (g_hash_table_contains (kept, before->id))
        continue;
      add_change (self, name, before->id, before->row, NULL)->old_position = before->order;
      if (kind == PB_LIST_RELAY_EXCEPTIONS
          && pb_secrets_lookup (registry->secrets, before->id) != NULL)
        pb_draft_set_secret (self, before->id, NULL);
      if (kind == PB_LIST_ACCOUNTS && pb_logins_has (registry->logins, before->id))
        pb_draft_set_verifier (self, before->id, NULL);
    }
}

gboolean
pb_draft_take_rows (PbDraft *self, PbRegistry *registry, PbListKind kind, GPtrArray *rows,
                    GError **error)
{
  guint before = self->changes->len;

  g_clear_pointer (&self->rows[kind], g_ptr_array_unref);
  self->rows[kind] = rows;
  if (rows->len > PB_REGISTRY_MAX_ROWS)
    {
      g_set_error (error, PB_ERROR, PB_ERROR_TOO_LARGE, "%s: at most %u rows",
                   pb_list_spec (kind)->name, PB_REGISTRY_MAX_ROWS);
      return FALSE;
    }
  if (!check_names (registry, kind, rows, error) || !check_masks (registry, kind, rows, error))
    return FALSE;
  record_rows (self, registry, kind, rows);
  if (self->changes->len == before)
    g_clear_pointer (&self->rows[kind], g_ptr_array_unref);
  return TRUE;
}

void
pb_draft_clear (PbDraft *self)
{
  g_clear_pointer (&self->settings, g_hash_table_unref);
  for (guint kind = 0; kind < PB_N_LISTS; kind++)
    g_clear_pointer (&self->rows[kind], g_ptr_array_unref);
  g_clear_pointer (&self->secrets, g_hash_table_unref);
  g_clear_pointer (&self->verifiers, g_hash_table_unref);
  g_clear_pointer (&self->signing_keys, g_hash_table_unref);
  g_clear_pointer (&self->changes, g_ptr_array_unref);
  g_clear_pointer (&self->what, g_free);
  g_clear_pointer (&self->result, g_variant_unref);
}
