/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is selected on the queue page, and stays selected while the queue lives. Part of PbaQueuePage. The
 * selection model forgets every row of a stretch that changed, and in a queue something always changes;
 * here the rows themselves are kept and selected again. Who selected all there is has all selected, also
 * what comes.
 */
#include "pages/queue-page-private.h"

static void
keep_rows (PbaQueuePage *self, GtkBitset *selected)
{
  GtkBitsetIter iter;
  guint position;

  g_hash_table_remove_all (self->chosen);
  for (gboolean more = gtk_bitset_iter_init_first (&iter, selected, &position); more;
       more = gtk_bitset_iter_next (&iter, &position))
    {
      PbaListRow *row = pba_list_model_peek (self->model, position);

      if (row != NULL)
        g_hash_table_add (self->chosen, g_object_ref (row));
    }
}

static void
on_selection_changed (PbaQueuePage *self)
{
  g_autoptr (GtkBitset) selected = NULL;
  guint total = pba_list_model_get_total (self->model);

  if (self->choosing)
    return;
  selected = gtk_selection_model_get_selection (GTK_SELECTION_MODEL (self->selection));
  self->all = total > 1 && gtk_bitset_get_size (selected) == total;
  keep_rows (self, selected);
  pba_queue_page_show_footer (self);
}

static void
select_positions (PbaQueuePage *self, GtkBitset *positions)
{
  g_autoptr (GtkBitset) mask = gtk_bitset_copy (positions);

  self->choosing = TRUE;
  gtk_selection_model_set_selection (GTK_SELECTION_MODEL (self->selection), positions, mask);
  self->choosing = FALSE;
}

static void
on_items_changed (PbaQueuePage *self, guint position, guint removed, guint added)
{
  g_autoptr (GtkBitset) selected = gtk_bitset_new_empty ();

  if (self->all)
    gtk_bitset_add_range (selected, position, added);
  for (guint i = position; !self->all && g_hash_table_size (self->chosen) > 0 && i < position + added;
       i++)
    {
      PbaListRow *row = pba_list_model_peek (self->model, i);

      if (row != NULL && g_hash_table_contains (self->chosen, row))
        gtk_bitset_add (selected, i);
    }
  if (!gtk_bitset_is_empty (selected))
    select_positions (self, selected);
  if (self->all || g_hash_table_size (self->chosen) > 0)
    on_selection_changed (self);
}

void
pba_queue_page_follow_selection (PbaQueuePage *self)
{
  self->chosen = g_hash_table_new_full (NULL, NULL, g_object_unref, NULL);
  self->selection = gtk_multi_selection_new (G_LIST_MODEL (g_object_ref (self->model)));
  g_signal_connect_object (self->selection, "selection-changed", G_CALLBACK (on_selection_changed),
                           self, G_CONNECT_SWAPPED);
  /* Of the selection, not of the model, and after: it and the list view must have heard first. */
  g_signal_connect_object (self->selection, "items-changed", G_CALLBACK (on_items_changed), self,
                           G_CONNECT_SWAPPED | G_CONNECT_AFTER);
}

void
pba_queue_page_forget_selection (PbaQueuePage *self)
{
  if (self->selection != NULL)
    g_signal_handlers_disconnect_by_data (self->selection, self);
  g_clear_object (&self->selection);
  g_clear_pointer (&self->chosen, g_hash_table_unref);
}

guint
pba_queue_page_count_selected (PbaQueuePage *self)
{
  g_autoptr (GtkBitset) selected =
    gtk_selection_model_get_selection (GTK_SELECTION_MODEL (self->selection));

  return (guint) gtk_bitset_get_size (selected);
}

gboolean
pba_queue_page_has_selected (PbaQueuePage *self, const char *state, gboolean in_it)
{
  GHashTableIter iter;
  gpointer row;

  g_hash_table_iter_init (&iter, self->chosen);
  while (g_hash_table_iter_next (&iter, &row, NULL))
    if (pba_list_row_get_loaded (row)
        && g_str_equal (pba_list_row_get_text (row, "State"), state) == in_it)
      return TRUE;
  return FALSE;
}

/* Returns: (nullable): the ids of all rows selected; NULL when some have not come, which are asked for. */
static GPtrArray *
collect_ids (PbaQueuePage *self)
{
  g_autoptr (GtkBitset) selected =
    gtk_selection_model_get_selection (GTK_SELECTION_MODEL (self->selection));
  g_autoptr (GPtrArray) ids = g_ptr_array_new_with_free_func (g_free);
  gboolean missing = FALSE;
  GtkBitsetIter iter;
  guint position;

  for (gboolean more = gtk_bitset_iter_init_first (&iter, selected, &position); more;
       more = gtk_bitset_iter_next (&iter, &position))
    {
      /* Looking at a row asks for its page. */
      g_autoptr (PbaListRow) row = g_list_model_get_item (G_LIST_MODEL (self->selection), position);

      if (row == NULL || !pba_list_row_get_loaded (row))
        missing = TRUE;
      else
        g_ptr_array_add (ids, g_strdup (pba_list_row_get_id (row)));
    }
  g_ptr_array_add (ids, NULL);
  return missing ? NULL : g_steal_pointer (&ids);
}

static gboolean
all_have_come (PbaQueuePage *self)
{
  guint total = pba_list_model_get_total (self->model);

  for (guint i = 0; i < total; i++)
    {
      PbaListRow *row = pba_list_model_peek (self->model, i);

      if (row == NULL || !pba_list_row_get_loaded (row))
        return FALSE;
    }
  return TRUE;
}

PbaQueueChoice *
pba_queue_page_choose (PbaQueuePage *self)
{
  g_autoptr (GPtrArray) ids = NULL;

  /* A hundred thousand are not fetched to be named one by one. */
  if (self->all && !all_have_come (self))
    return pba_queue_choice_new_matching (pba_queue_page_get_state (self),
                                          gtk_editable_get_text (GTK_EDITABLE (self->search_entry)));
  ids = collect_ids (self);
  return ids != NULL ? pba_queue_choice_new_ids ((const char *const *) ids->pdata) : NULL;
}
