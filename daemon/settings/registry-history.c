/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Revisions and the way back. The store keeps the last hundred with each cell as it was before; to
 * go back is to undo them, newest first, as one new revision. Accounts stay as they are: going back
 * must not bring back a user or lose one. What only the server sets (hits, states of secrets)
 * stays too, as far as its row does.
 */
#include "settings/cross-check.h"
#include "settings/registry-private.h"

#include "dbus/errors.h"

#define ALL_REVISIONS 100

/* ---- showing ---- */

typedef struct
{
  PbRegistryDone func;
  gpointer user_data;
} Question;

static GVariant *
show_changes (const PbConfigRevision *revision)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; i < revision->changes->len; i++)
    {
      const PbConfigChange *change = revision->changes->pdata[i];

      if (change->kind != NULL)
        g_ptr_array_add (names, g_strdup_printf ("%s[%s]", change->kind, change->key));
      else if (!g_str_equal (change->key, PB_PENDING_KEY))
        g_ptr_array_add (names, g_strdup (change->key));
    }
  return g_variant_new_strv ((const char *const *) names->pdata, names->len);
}

static void
on_revisions (GPtrArray *revisions, guint total, const GError *error, gpointer user_data)
{
  g_autofree Question *question = user_data;
  g_autoptr (GPtrArray) owned = revisions;
  g_autoptr (GVariant) answer = NULL;
  GVariantBuilder rows;

  if (error != NULL)
    {
      g_autoptr (GError) translated =
        g_error_new (PB_ERROR, PB_ERROR_STORE_FAILED, "Revisions: not read: %s", error->message);

      question->func (NULL, translated, question->user_data);
      return;
    }
  g_variant_builder_init (&rows, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; i < owned->len; i++)
    {
      const PbConfigRevision *revision = owned->pdata[i];

      g_variant_builder_open (&rows, G_VARIANT_TYPE_VARDICT);
      g_variant_builder_add (&rows, "{sv}", "Revision", g_variant_new_uint64 (revision->revision));
      g_variant_builder_add (&rows, "{sv}", "Time", g_variant_new_uint64 (MAX (revision->time, 0)));
      g_variant_builder_add (&rows, "{sv}", "Who", g_variant_new_string (revision->who));
      g_variant_builder_add (&rows, "{sv}", "What", g_variant_new_string (revision->what));
      g_variant_builder_add (&rows, "{sv}", "Changes", show_changes (revision));
      g_variant_builder_close (&rows);
    }
  answer = g_variant_ref_sink (g_variant_new ("(taa{sv})", (guint64) total, &rows));
  question->func (answer, NULL, question->user_data);
}

void
pb_registry_revisions (PbRegistry *self, guint offset, guint limit, PbRegistryDone func,
                       gpointer user_data)
{
  Question *question = g_new0 (Question, 1);

  question->func = func;
  question->user_data = user_data;
  pb_config_store_revisions (self->store, offset, MIN (limit, ALL_REVISIONS), self->reply_to,
                             on_revisions, question);
}

/* ---- going back ---- */

/* What no check takes any more (an older program wrote it) goes to its default. */
static void
undo_setting (PbDraft *draft, PbRegistry *self, const char *key, GVariant *before)
{
  const PbSettingSpec *spec = pb_setting_lookup (key);
  GVariant *present = g_hash_table_lookup (self->stored, key);

  if (spec == NULL)
    return;
  if (before != NULL && !pb_setting_validate (spec, before, NULL))
    before = NULL;
  if (before == NULL ? present != NULL : present == NULL || !g_variant_equal (before, present))
    pb_draft_set (draft, self, key, before);
}

/* @before with the read-only cells of @present. */
static GVariant *
keep_read_only (PbListKind kind, GVariant *before, const PbRow *present)
{
  const PbListSpec *spec = pb_list_spec (kind);
  GVariantDict dict;

  g_variant_dict_init (&dict, before);
  for (guint i = 0; present != NULL && i < spec->n_columns; i++)
    if ((spec->columns[i].flags & PB_COLUMN_READ_ONLY) != 0)
      {
        g_autoptr (GVariant) cell =
          g_variant_lookup_value (present->row, spec->columns[i].name, NULL);

        if (cell != NULL)
          g_variant_dict_insert_value (&dict, spec->columns[i].name, cell);
      }
  return g_variant_ref_sink (g_variant_dict_end (&dict));
}

static int
compare_order (gconstpointer a, gconstpointer b)
{
  const PbRow *first = *(PbRow *const *) a;
  const PbRow *second = *(PbRow *const *) b;

  return (first->order > second->order) - (first->order < second->order);
}

/* The rows of @kind with each of @cells (id -> PbConfigChange) as it was before that change. */
static gboolean
undo_rows (PbDraft *draft, PbRegistry *self, PbListKind kind, GHashTable *cells, GError **error)
{
  g_autoptr (GPtrArray) rows = g_ptr_array_new_with_free_func ((GDestroyNotify) pb_row_unref);
  g_autoptr (GVariant) nothing = g_variant_ref_sink (g_variant_new ("a{sv}", NULL));
  GHashTableIter iter;
  gpointer id;
  gpointer value;

  for (guint i = 0; i < self->rows[kind]->len; i++)
    {
      PbRow *row = self->rows[kind]->pdata[i];

      if (!g_hash_table_contains (cells, row->id))
        g_ptr_array_add (rows, pb_row_ref (row));
    }
  g_hash_table_iter_init (&iter, cells);
  while (g_hash_table_iter_next (&iter, &id, &value))
    {
      const PbConfigChange *change = value;
      g_autoptr (GVariant) base = NULL;
      g_autoptr (GVariant) row = NULL;

      if (change->old_value == NULL)
        continue;
      base = keep_read_only (kind, change->old_value, g_hash_table_lookup (self->by_id[kind], id));
      row = pb_list_row_complete (kind, id, base, nothing, error);
      if (row == NULL)
        return FALSE;
      g_ptr_array_add (rows, pb_row_new (kind, id, change->old_position, row));
    }
  g_ptr_array_sort (rows, compare_order);
  return pb_draft_take_rows (draft, self, kind, g_steal_pointer (&rows), error);
}

/* The oldest change wins: its old value is what was at the revision to go back to. */
static void
collect_cells (PbOperation *operation, GHashTable *settings, GHashTable *const *rows)
{
  for (guint i = 0; i < operation->history->len; i++)
    {
      const PbConfigRevision *revision = operation->history->pdata[i];

      for (guint c = 0; revision->revision > operation->revision && c < revision->changes->len; c++)
        {
          PbConfigChange *change = revision->changes->pdata[c];
          PbListKind kind;

          if (change->kind == NULL)
            g_hash_table_replace (settings, change->key, change);
          else if (pb_list_lookup (change->kind, &kind) && pb_list_spec (kind)->in_revert)
            g_hash_table_replace (rows[kind], change->key, change);
        }
    }
}

static gboolean
undo_all (PbRegistry *self, PbDraft *draft, GHashTable *settings, GHashTable *const *rows,
          GError **error)
{
  GHashTableIter iter;
  gpointer key;
  gpointer value;

  g_hash_table_iter_init (&iter, settings);
  while (g_hash_table_iter_next (&iter, &key, &value))
    undo_setting (draft, self, key, ((PbConfigChange *) value)->old_value);
  for (guint kind = 0; kind < PB_N_LISTS; kind++)
    if (g_hash_table_size (rows[kind]) > 0 && !undo_rows (draft, self, kind, rows[kind], error))
      return FALSE;
  return TRUE;
}

/* All revisions after the one to go back to must be there, and none have come meanwhile. */
static gboolean
check_history (PbRegistry *self, PbOperation *operation, GError **error)
{
  const PbConfigRevision *newest =
    operation->history->len > 0 ? operation->history->pdata[0] : NULL;
  guint64 reach = newest != NULL ? newest->revision - operation->history->len : self->revision;

  if (newest != NULL && newest->revision != self->revision)
    {
      g_set_error_literal (error, PB_ERROR, PB_ERROR_CONFLICT,
                           "Revert: the settings have changed meanwhile");
      return FALSE;
    }
  if (operation->revision > self->revision || operation->revision < reach)
    {
      g_set_error (error, PB_ERROR, PB_ERROR_NOT_FOUND,
                   "Revert: revision %" G_GUINT64_FORMAT " is not kept", operation->revision);
      return FALSE;
    }
  return TRUE;
}

static gboolean
prepare_revert (PbRegistry *self, PbOperation *operation, PbDraft *draft, GError **error)
{
  g_autoptr (GHashTable) settings = g_hash_table_new (g_str_hash, g_str_equal);
  GHashTable *rows[PB_N_LISTS];
  gboolean passes;

  if (!pb_registry_check_pending (self, error) || !check_history (self, operation, error))
    return FALSE;
  for (guint kind = 0; kind < PB_N_LISTS; kind++)
    rows[kind] = g_hash_table_new (g_str_hash, g_str_equal);
  collect_cells (operation, settings, rows);
  passes = undo_all (self, draft, settings, rows, error);
  for (guint kind = 0; kind < PB_N_LISTS; kind++)
    g_hash_table_unref (rows[kind]);
  draft->what = g_strdup_printf ("reverted to revision %" G_GUINT64_FORMAT, operation->revision);
  return passes;
}

static void
on_history (GPtrArray *revisions, guint total, const GError *error, gpointer user_data)
{
  PbOperation *operation = user_data;
  g_autoptr (PbRegistry) self = g_steal_pointer (&operation->registry);

  operation->history = revisions;
  if (error != NULL)
    {
      g_autoptr (GError) translated =
        g_error_new (PB_ERROR, PB_ERROR_STORE_FAILED, "Revert: not read: %s", error->message);

      operation->func (NULL, translated, operation->user_data);
      pb_operation_free (operation);
      return;
    }
  pb_registry_run (self, operation);
}

void
pb_registry_revert (PbRegistry *self, guint64 revision, const char *who, PbRegistryDone func,
                    gpointer user_data)
{
  PbOperation *operation = pb_operation_new (prepare_revert, who, func, user_data);

  operation->revision = revision;
  operation->registry = g_object_ref (self);
  pb_config_store_revisions (self->store, 0, ALL_REVISIONS, self->reply_to, on_history, operation);
}
