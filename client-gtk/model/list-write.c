/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What changes a list: Add, Update, Remove, Move and Replace, which act at once on the service, the
 * undo of a removal, and reading the whole list for export. Called by pages and dialogs. Errors are
 * the service's with its place in front (pba_error_dup_column), ready for pba_words_error(); nothing
 * is changed here before the service has said yes.
 */
#include "model/list-model-private.h"

#define LARGEST_PAGE 500

/* Rows that an undo puts back one after the other, each at its old place. */
typedef struct
{
  GPtrArray *rows; /* (owned) (element-type GVariant) by position */
  guint next;
} Undo;

static void
undo_free (Undo *undo)
{
  g_ptr_array_unref (undo->rows);
  g_free (undo);
}

/* A whole list on its way here. */
typedef struct
{
  GVariantBuilder rows;
  guint n;
} Export;

static void
export_free (Export *export)
{
  g_variant_builder_clear (&export->rows);
  g_free (export);
}

gboolean
pba_list_model_check (PbaListModel *self, PbaListRow *base, GVariant *cells, GError **error)
{
  g_autoptr (GVariant) complete =
    pb_list_row_complete (self->kind, base != NULL ? pba_list_row_get_id (base) : NULL,
                          base != NULL ? pba_list_row_get_cells (base) : NULL, cells, error);

  return complete != NULL;
}

static void
on_written (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  PbaListModel *self = g_task_get_source_object (task);
  GError *error = NULL;
  g_autoptr (GVariant) reply = pba_connection_call_finish (PBA_CONNECTION (source), result, &error);
  GPtrArray *removed = g_task_get_task_data (task);
  char *id = NULL;

  if (reply == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  if (removed != NULL)
    {
      g_clear_pointer (&self->removed, g_ptr_array_unref);
      self->removed = g_ptr_array_ref (removed);
    }
  if (g_variant_is_of_type (reply, G_VARIANT_TYPE ("(s)")))
    g_variant_get (reply, "(s)", &id);
  pba_list_model_refresh (self);
  g_task_return_pointer (task, id != NULL ? id : g_strdup (""), g_free);
}

static void
write_rows (PbaListModel *self, const char *method, GVariant *parameters, GPtrArray *removed,
            GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *task = g_task_new (self, cancellable, callback, user_data);

  g_task_set_source_tag (task, write_rows);
  if (removed != NULL)
    g_task_set_task_data (task, removed, (GDestroyNotify) g_ptr_array_unref);
  pba_connection_call (self->connection, self->interface, method, parameters, NULL, cancellable,
                       on_written, task);
}

void
pba_list_model_add_async (PbaListModel *self, GVariant *cells, GCancellable *cancellable,
                          GAsyncReadyCallback callback, gpointer user_data)
{
  write_rows (self, "Add", g_variant_new ("(@a{sv})", cells), NULL, cancellable, callback,
              user_data);
}

void
pba_list_model_update_async (PbaListModel *self, const char *id, GVariant *cells,
                             GCancellable *cancellable, GAsyncReadyCallback callback,
                             gpointer user_data)
{
  write_rows (self, "Update", g_variant_new ("(s@a{sv})", id, cells), NULL, cancellable, callback,
              user_data);
}

void
pba_list_model_move_async (PbaListModel *self, const char *id, guint position,
                           GCancellable *cancellable, GAsyncReadyCallback callback,
                           gpointer user_data)
{
  write_rows (self, "Move", g_variant_new ("(su)", id, position), NULL, cancellable, callback,
              user_data);
}

void
pba_list_model_replace_async (PbaListModel *self, GVariant *rows, GCancellable *cancellable,
                              GAsyncReadyCallback callback, gpointer user_data)
{
  write_rows (self, "Replace", g_variant_new ("(@aa{sv})", rows), NULL, cancellable, callback,
              user_data);
}

gboolean
pba_list_model_write_finish (PbaListModel *self, GAsyncResult *result, char **id, GError **error)
{
  g_autofree char *given = g_task_propagate_pointer (G_TASK (result), error);
  gboolean done = given != NULL;

  if (id != NULL)
    *id = done && given[0] != '\0' ? g_steal_pointer (&given) : NULL;
  return done;
}

/* ---- removal and its undo ---- */

static int
compare_positions (gconstpointer a, gconstpointer b)
{
  guint first = 0, second = 0;

  g_variant_lookup (*(GVariant *const *) a, "Position", "u", &first);
  g_variant_lookup (*(GVariant *const *) b, "Position", "u", &second);
  return first < second ? -1 : first > second;
}

/* Returns: (nullable) (transfer full): NULL when not all of them are known here. */
static GPtrArray *
remember (PbaListModel *self, const char *const *ids)
{
  g_autoptr (GPtrArray) rows = g_ptr_array_new_with_free_func ((GDestroyNotify) g_variant_unref);

  for (guint i = 0; ids[i] != NULL; i++)
    {
      PbaListRow *row = pba_list_model_find_row (self, ids[i]);

      if (row == NULL || !pba_list_row_get_loaded (row))
        return NULL;
      g_ptr_array_add (rows, g_variant_ref (pba_list_row_get_cells (row)));
    }
  g_ptr_array_sort (rows, compare_positions);
  return g_steal_pointer (&rows);
}

void
pba_list_model_remove_async (PbaListModel *self, const char *const *ids, GCancellable *cancellable,
                             GAsyncReadyCallback callback, gpointer user_data)
{
  g_clear_pointer (&self->removed, g_ptr_array_unref);
  write_rows (self, "Remove", g_variant_new ("(^as)", ids), remember (self, ids), cancellable,
              callback, user_data);
}

gboolean
pba_list_model_can_undo (PbaListModel *self)
{
  return self->removed != NULL && self->removed->len > 0 && self->kind != PB_LIST_ACCOUNTS;
}

/* The cells that Add takes: the service's own are left out. */
static GVariant *
writable_cells (PbaListModel *self, GVariant *row)
{
  GVariantDict dict;

  g_variant_dict_init (&dict, NULL);
  for (guint i = 0; i < self->spec->n_columns; i++)
    {
      const PbColumnSpec *column = &self->spec->columns[i];
      g_autoptr (GVariant) value = g_variant_lookup_value (row, column->name, NULL);

      if (value != NULL && (column->flags & PB_COLUMN_READ_ONLY) == 0)
        g_variant_dict_insert_value (&dict, column->name, value);
    }
  return g_variant_dict_end (&dict);
}

/* Add, then Move, row after row: each answer asks the next thing. @result NULL begins. */
static void
on_undo_step (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  PbaListModel *self = g_task_get_source_object (task);
  Undo *undo = g_task_get_task_data (task);
  GCancellable *cancellable = g_task_get_cancellable (task);
  GError *error = NULL;
  g_autoptr (GVariant) reply = NULL;

  if (result != NULL)
    reply = pba_connection_call_finish (self->connection, result, &error);
  if (error != NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  if (reply != NULL && g_variant_is_of_type (reply, G_VARIANT_TYPE ("(s)")))
    {
      guint position = 0;
      const char *id;

      g_variant_get (reply, "(&s)", &id);
      g_variant_lookup (undo->rows->pdata[undo->next++], "Position", "u", &position);
      pba_connection_call (self->connection, self->interface, "Move",
                           g_variant_new ("(su)", id, position), NULL, cancellable, on_undo_step,
                           g_steal_pointer (&task));
      return;
    }
  if (undo->next < undo->rows->len)
    {
      pba_connection_call (self->connection, self->interface, "Add",
                           g_variant_new ("(@a{sv})",
                                          writable_cells (self, undo->rows->pdata[undo->next])),
                           "(s)", cancellable, on_undo_step, g_steal_pointer (&task));
      return;
    }
  pba_list_model_refresh (self);
  g_task_return_pointer (task, g_strdup (""), g_free);
}

void
pba_list_model_undo_async (PbaListModel *self, GCancellable *cancellable,
                           GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (self, cancellable, callback, user_data);
  Undo *undo;

  g_task_set_source_tag (task, pba_list_model_undo_async);
  if (!pba_list_model_can_undo (self))
    {
      g_task_return_pointer (task, g_strdup (""), g_free);
      return;
    }
  undo = g_new0 (Undo, 1);
  undo->rows = g_steal_pointer (&self->removed);
  g_task_set_task_data (task, undo, (GDestroyNotify) undo_free);
  on_undo_step (NULL, NULL, g_steal_pointer (&task));
}

/* ---- export ---- */

static void
on_export_page (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  PbaListModel *self = g_task_get_source_object (task);
  Export *export = g_task_get_task_data (task);
  GCancellable *cancellable = g_task_get_cancellable (task);
  GError *error = NULL;
  g_autoptr (GVariant) reply = NULL;
  g_autoptr (GVariant) rows = NULL;
  guint total = G_MAXUINT;

  if (result != NULL)
    reply = pba_connection_call_finish (self->connection, result, &error);
  if (error != NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  if (reply != NULL)
    {
      g_variant_get (reply, "(tu@aa{sv})", NULL, &total, &rows);
      for (gsize i = 0; i < g_variant_n_children (rows); i++)
        {
          g_autoptr (GVariant) row = g_variant_get_child_value (rows, i);

          g_variant_builder_add_value (&export->rows, row);
        }
      export->n += g_variant_n_children (rows);
    }
  if (export->n >= total || (rows != NULL && g_variant_n_children (rows) == 0))
    {
      g_task_return_pointer (task, g_variant_ref_sink (g_variant_builder_end (&export->rows)),
                             (GDestroyNotify) g_variant_unref);
      return;
    }
  pba_connection_call (self->connection, self->interface, "List",
                       g_variant_new ("(@a{sv}uu)", g_variant_new ("a{sv}", NULL), export->n,
                                      LARGEST_PAGE),
                       "(tuaa{sv})", cancellable, on_export_page, g_steal_pointer (&task));
}

void
pba_list_model_fetch_all_async (PbaListModel *self, GCancellable *cancellable,
                                GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *task = g_task_new (self, cancellable, callback, user_data);
  Export *export = g_new0 (Export, 1);

  g_variant_builder_init (&export->rows, G_VARIANT_TYPE ("aa{sv}"));
  g_task_set_source_tag (task, pba_list_model_fetch_all_async);
  g_task_set_task_data (task, export, (GDestroyNotify) export_free);
  on_export_page (NULL, NULL, task);
}

GVariant *
pba_list_model_fetch_all_finish (PbaListModel *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}
