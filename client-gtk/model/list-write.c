/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What changes a list: Add, Update, Remove, Move and Replace, which act at once on the service, the
 * undo of a removal, and reading the whole list for export. Called by pages and dialogs. Errors are
 * the service's with its place in front (pba_error_dup_column), ready for pba_words_error(); nothing
 * is changed here before the service has said yes.
 */
#include "model/list-model-private.h"

#define LARGEST_PAGE    500
#define MOST_BEGINNINGS 10

/* A whole list on its way here. */
typedef struct
{
  GVariantBuilder rows;
  guint n;
  guint64 revision; /* of the first page */
  guint begun;      /* how often, since the list changed under way */
} Export;

static void
export_free (Export *export)
{
  g_variant_builder_clear (&export->rows);
  g_free (export);
}

gboolean
pba_list_model_check (PbaListModel *self, const char *id, GVariant *base, GVariant *cells,
                      GError **error)
{
  g_autoptr (GVariant) complete = pb_list_row_complete (self->kind, id, base, cells, error);

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

GPtrArray *
pba_list_model_take_removed (PbaListModel *self)
{
  g_autoptr (GPtrArray) removed = g_steal_pointer (&self->removed);

  return self->kind != PB_LIST_ACCOUNTS ? g_steal_pointer (&removed) : NULL;
}

/* @present without what came back some other way, with what was removed where it stood. Returns: (transfer full): aa{sv}. */
static GVariant *
put_back (GVariant *present, GPtrArray *removed)
{
  g_autoptr (GVariantBuilder) rows = g_variant_builder_new (G_VARIANT_TYPE ("aa{sv}"));
  g_autoptr (GHashTable) ids = g_hash_table_new (g_str_hash, g_str_equal);
  gsize n = g_variant_n_children (present), next = 0;
  guint place = 0;
  const char *id;

  for (guint i = 0; i < removed->len; i++)
    if (g_variant_lookup (removed->pdata[i], "Id", "&s", &id))
      g_hash_table_add (ids, (char *) id);
  for (guint i = 0; i < removed->len || next < n;)
    {
      guint position = G_MAXUINT;
      g_autoptr (GVariant) row = NULL;

      if (i < removed->len)
        g_variant_lookup (removed->pdata[i], "Position", "u", &position);
      if (i < removed->len && (position <= place || next == n))
        row = g_variant_ref (removed->pdata[i++]);
      else
        {
          row = g_variant_get_child_value (present, next++);
          if (g_variant_lookup (row, "Id", "&s", &id) && g_hash_table_contains (ids, id))
            continue;
        }
      g_variant_builder_add_value (rows, row);
      place++;
    }
  return g_variant_ref_sink (g_variant_builder_end (rows));
}

static void
on_put_back (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  GError *error = NULL;

  if (pba_list_model_write_finish (PBA_LIST_MODEL (source), result, NULL, &error))
    g_task_return_pointer (task, g_strdup (""), g_free);
  else
    g_task_return_error (task, error);
}

static void
on_present (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  PbaListModel *self = PBA_LIST_MODEL (source);
  GPtrArray *removed = g_task_get_task_data (task);
  GCancellable *cancellable = g_task_get_cancellable (task);
  GError *error = NULL;
  g_autoptr (GVariant) present = pba_list_model_fetch_all_finish (self, result, &error);
  g_autoptr (GVariant) rows = NULL;

  if (present == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  rows = put_back (present, removed);
  pba_list_model_replace_async (self, rows, cancellable, on_put_back, g_steal_pointer (&task));
}

/* One Replace, for it keeps Ids: a relay's sealed password is found by its exception's. */
void
pba_list_model_put_back_async (PbaListModel *self, GPtrArray *removed, GCancellable *cancellable,
                               GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *task = g_task_new (self, cancellable, callback, user_data);

  g_task_set_source_tag (task, pba_list_model_put_back_async);
  g_task_set_task_data (task, g_ptr_array_ref (removed), (GDestroyNotify) g_ptr_array_unref);
  pba_list_model_fetch_all_async (self, cancellable, on_present, task);
}

/* ---- export ---- */

/* Pages of two states of the list make none: then all is asked for again. A list that never rests is taken as it comes. */
static gboolean
take_exported (Export *export, guint64 revision, GVariant *rows)
{
  gboolean changed = export->n > 0 && revision != export->revision;

  export->revision = revision;
  if (changed && export->begun < MOST_BEGINNINGS)
    {
      g_variant_builder_clear (&export->rows);
      g_variant_builder_init (&export->rows, G_VARIANT_TYPE ("aa{sv}"));
      export->n = 0;
      export->begun++;
      return FALSE;
    }
  for (gsize i = 0; i < g_variant_n_children (rows); i++)
    {
      g_autoptr (GVariant) row = g_variant_get_child_value (rows, i);

      g_variant_builder_add_value (&export->rows, row);
    }
  export->n += g_variant_n_children (rows);
  return TRUE;
}

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
      guint64 revision;

      g_variant_get (reply, "(tu@aa{sv})", &revision, &total, &rows);
      if (!take_exported (export, revision, rows))
        g_clear_pointer (&rows, g_variant_unref);
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
