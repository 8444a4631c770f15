/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Writes to the lists: one implementation for all kinds. Each prepares the list's rows as they would
 * be; what changed is found by comparing (registry-draft.c). Rows have sort keys with gaps, so that
 * a move records one row and not all that stand behind it.
 */
#include "settings/registry-private.h"

#include "dbus/errors.h"

#include <string.h>

static void
set_not_found (PbListKind kind, const char *id, GError **error)
{
  const char *shown = pb_check (PB_CHECK_NAME, id) == NULL ? id : "?";

  g_set_error (error, PB_ERROR, PB_ERROR_NOT_FOUND, "%s[%s]: there is no such row",
               pb_list_spec (kind)->name, shown);
}

static GPtrArray *
copy_rows (PbRegistry *self, PbListKind kind)
{
  return g_ptr_array_copy (self->rows[kind], (GCopyFunc) (GCallback) pb_row_ref, NULL);
}

static gboolean
is_stripped (const PbListSpec *spec, const char *column)
{
  if (g_str_equal (column, "Id") || g_str_equal (column, "Position"))
    return TRUE;
  for (guint i = 0; i < spec->n_columns; i++)
    if (g_str_equal (spec->columns[i].name, column))
      return (spec->columns[i].flags & PB_COLUMN_READ_ONLY) != 0;
  return FALSE;
}

/* What List showed may come back in Update and Replace: Id, Position and read-only cells go. */
static GVariant *
strip_row (PbListKind kind, GVariant *row)
{
  const PbListSpec *spec = pb_list_spec (kind);
  gsize n = g_variant_n_children (row);
  GVariantBuilder builder;
  gboolean any = FALSE;

  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  for (gsize i = 0; i < n; i++)
    {
      g_autoptr (GVariant) cell = g_variant_get_child_value (row, i);
      const char *column;

      g_variant_get_child (cell, 0, "&s", &column);
      if (is_stripped (spec, column))
        any = TRUE;
      else
        g_variant_builder_add_value (&builder, cell);
    }
  if (any)
    return g_variant_ref_sink (g_variant_builder_end (&builder));
  g_variant_builder_clear (&builder);
  return g_variant_ref (row);
}

/* Appends, with sort keys kept where they still ascend. */
static void
append_row (GPtrArray *rows, PbListKind kind, const char *id, const PbRow *base, GVariant *row)
{
  const PbRow *last = rows->len > 0 ? rows->pdata[rows->len - 1] : NULL;
  guint least = last ? last->order + 1 : 0;
  guint order = base && base->order >= least ? base->order : (last ? last->order : 0) + PB_ROW_STEP;

  if (base && base->order == order && g_variant_equal (base->row, row))
    g_ptr_array_add (rows, pb_row_ref ((PbRow *) base));
  else
    g_ptr_array_add (rows, pb_row_new (kind, id, order, row));
}

static void
renumber (GPtrArray *rows)
{
  for (guint i = 0; i < rows->len; i++)
    {
      PbRow *row = rows->pdata[i];
      guint order = (i + 1) * PB_ROW_STEP;

      if (row->order == order)
        continue;
      rows->pdata[i] = pb_row_moved (row, order);
      pb_row_unref (row);
    }
}

static gboolean
is_near_end (GPtrArray *rows)
{
  const PbRow *last = rows->len > 0 ? rows->pdata[rows->len - 1] : NULL;

  return last != NULL && last->order > G_MAXINT32 - 2 * PB_ROW_STEP;
}

static gboolean
prepare_add (PbRegistry *self, PbOperation *operation, PbDraft *draft, GError **error)
{
  PbListKind kind = operation->kind;
  g_autofree char *id = g_uuid_string_random ();
  g_autoptr (GVariant) row = pb_list_row_complete (kind, NULL, NULL, operation->argument, error);
  GPtrArray *rows;

  if (row == NULL)
    return FALSE;
  rows = copy_rows (self, kind);
  if (is_near_end (rows))
    renumber (rows);
  append_row (rows, kind, id, NULL, row);
  draft->what = g_strdup_printf ("%s: a row added", pb_list_spec (kind)->name);
  draft->result = g_variant_ref_sink (g_variant_new_string (id));
  return pb_draft_take_rows (draft, self, kind, rows, error);
}

static gboolean
prepare_update (PbRegistry *self, PbOperation *operation, PbDraft *draft, GError **error)
{
  PbListKind kind = operation->kind;
  PbRow *base = g_hash_table_lookup (self->by_id[kind], operation->id);
  g_autoptr (GVariant) given = NULL;
  g_autoptr (GVariant) row = NULL;
  GPtrArray *rows;
  guint index;

  if (base == NULL)
    {
      set_not_found (kind, operation->id, error);
      return FALSE;
    }
  given = strip_row (kind, operation->argument);
  row = pb_list_row_complete (kind, base->id, base->row, given, error);
  if (row == NULL)
    return FALSE;
  rows = copy_rows (self, kind);
  g_ptr_array_find (rows, base, &index);
  pb_row_unref (rows->pdata[index]);
  rows->pdata[index] = pb_row_new (kind, base->id, base->order, row);
  draft->what = g_strdup_printf ("%s: a row changed", pb_list_spec (kind)->name);
  return pb_draft_take_rows (draft, self, kind, rows, error);
}

static gboolean
prepare_remove (PbRegistry *self, PbOperation *operation, PbDraft *draft, GError **error)
{
  PbListKind kind = operation->kind;
  g_autoptr (GHashTable) gone = g_hash_table_new (g_str_hash, g_str_equal);
  GPtrArray *rows;

  for (char **id = operation->ids; *id != NULL; id++)
    {
      if (!g_hash_table_contains (self->by_id[kind], *id))
        {
          set_not_found (kind, *id, error);
          return FALSE;
        }
      g_hash_table_add (gone, *id);
    }
  rows = g_ptr_array_new_with_free_func ((GDestroyNotify) pb_row_unref);
  for (guint i = 0; i < self->rows[kind]->len; i++)
    {
      PbRow *row = self->rows[kind]->pdata[i];

      if (!g_hash_table_contains (gone, row->id))
        g_ptr_array_add (rows, pb_row_ref (row));
    }
  draft->what =
    g_strdup_printf ("%s: %u removed", pb_list_spec (kind)->name, g_hash_table_size (gone));
  return pb_draft_take_rows (draft, self, kind, rows, error);
}

static gboolean
prepare_move (PbRegistry *self, PbOperation *operation, PbDraft *draft, GError **error)
{
  PbListKind kind = operation->kind;
  PbRow *base = g_hash_table_lookup (self->by_id[kind], operation->id);
  GPtrArray *rows;
  guint from;
  guint to;
  guint low;
  guint high;

  if (base == NULL)
    {
      set_not_found (kind, operation->id, error);
      return FALSE;
    }
  draft->what = g_strdup_printf ("%s: a row moved", pb_list_spec (kind)->name);
  rows = copy_rows (self, kind);
  g_ptr_array_find (rows, base, &from);
  to = MIN (operation->position, rows->len - 1);
  if (from != to)
    {
      PbRow *row = g_ptr_array_steal_index (rows, from);

      low = to > 0 ? ((PbRow *) rows->pdata[to - 1])->order : 0;
      high = to < rows->len ? ((PbRow *) rows->pdata[to])->order : low + 2 * PB_ROW_STEP;
      g_ptr_array_insert (rows, to, pb_row_moved (row, low + (high - low) / 2));
      pb_row_unref (row);
      if (high - low < 2 || is_near_end (rows))
        renumber (rows);
    }
  return pb_draft_take_rows (draft, self, kind, rows, error);
}

/* One row of Replace: its Id when it is a UUID not used before in the call, else a new one. */
static gboolean
replace_row (PbRegistry *self, PbListKind kind, GPtrArray *rows, GHashTable *used, GVariant *given,
             GError **error)
{
  const char *id = NULL;
  PbRow *base = NULL;
  g_autoptr (GVariant) stripped = strip_row (kind, given);
  g_autoptr (GVariant) row = NULL;
  g_autofree char *fresh = NULL;

  g_variant_lookup (given, "Id", "&s", &id);
  if (id == NULL || !g_uuid_string_is_valid (id))
    id = fresh = g_uuid_string_random ();
  if (g_hash_table_contains (used, id))
    {
      g_set_error (error, PB_ERROR, PB_ERROR_CONFLICT, "%s[%s]: is given twice",
                   pb_list_spec (kind)->name, id);
      return FALSE;
    }
  base = g_hash_table_lookup (self->by_id[kind], id);
  row = pb_list_row_complete (kind, base ? id : NULL, base ? base->row : NULL, stripped, error);
  if (row == NULL)
    return FALSE;
  append_row (rows, kind, id, base, row);
  g_hash_table_add (used, ((PbRow *) rows->pdata[rows->len - 1])->id);
  return TRUE;
}

gboolean
pb_draft_rows (PbDraft *self, PbRegistry *registry, PbListKind kind, GVariant *given,
               GError **error)
{
  g_autoptr (GHashTable) used = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr (GPtrArray) rows = g_ptr_array_new_with_free_func ((GDestroyNotify) pb_row_unref);
  GVariantIter iter;
  GVariant *row;
  gboolean passes = TRUE;

  if (g_variant_n_children (given) > PB_REGISTRY_MAX_ROWS)
    {
      g_set_error (error, PB_ERROR, PB_ERROR_TOO_LARGE, "%s: at most %u rows",
                   pb_list_spec (kind)->name, PB_REGISTRY_MAX_ROWS);
      return FALSE;
    }
  g_variant_iter_init (&iter, given);
  while (passes && (row = g_variant_iter_next_value (&iter)) != NULL)
    {
      passes = replace_row (registry, kind, rows, used, row, error);
      g_variant_unref (row);
    }
  if (!passes)
    return FALSE;
  if (is_near_end (rows))
    renumber (rows);
  return pb_draft_take_rows (self, registry, kind, g_steal_pointer (&rows), error);
}

static gboolean
prepare_replace (PbRegistry *self, PbOperation *operation, PbDraft *draft, GError **error)
{
  draft->what = g_strdup_printf ("%s: all rows replaced", pb_list_spec (operation->kind)->name);
  return pb_draft_rows (draft, self, operation->kind, operation->argument, error);
}

static PbOperation *
new_operation (PbPrepareFunc prepare, PbListKind kind, const char *id, GVariant *argument,
               const char *who, PbRegistryDone func, gpointer user_data)
{
  PbOperation *operation = pb_operation_new (prepare, who, func, user_data);

  operation->kind = kind;
  operation->id = g_strdup (id);
  operation->argument = argument ? g_variant_ref_sink (argument) : NULL;
  return operation;
}

void
pb_registry_list_add (PbRegistry *self, PbListKind kind, GVariant *row, const char *who,
                      PbRegistryDone func, gpointer user_data)
{
  pb_registry_run (self, new_operation (prepare_add, kind, NULL, row, who, func, user_data));
}

void
pb_registry_list_update (PbRegistry *self, PbListKind kind, const char *id, GVariant *row,
                         const char *who, PbRegistryDone func, gpointer user_data)
{
  pb_registry_run (self, new_operation (prepare_update, kind, id, row, who, func, user_data));
}

void
pb_registry_list_remove (PbRegistry *self, PbListKind kind, const char *const *ids, const char *who,
                         PbRegistryDone func, gpointer user_data)
{
  PbOperation *operation = new_operation (prepare_remove, kind, NULL, NULL, who, func, user_data);

  operation->ids = g_strdupv ((char **) ids);
  pb_registry_run (self, operation);
}

void
pb_registry_list_move (PbRegistry *self, PbListKind kind, const char *id, guint position,
                       const char *who, PbRegistryDone func, gpointer user_data)
{
  PbOperation *operation = new_operation (prepare_move, kind, id, NULL, who, func, user_data);

  operation->position = position;
  pb_registry_run (self, operation);
}

void
pb_registry_list_replace (PbRegistry *self, PbListKind kind, GVariant *rows, const char *who,
                          PbRegistryDone func, gpointer user_data)
{
  pb_registry_run (self, new_operation (prepare_replace, kind, NULL, rows, who, func, user_data));
}
