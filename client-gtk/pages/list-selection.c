/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is selected on a list page, and stays selected. Part of PbaListPage. The selection model forgets
 * every row of a stretch that changed, and a refresh changes the stretch between its first and its last
 * difference; here the rows themselves are kept and selected again. Rows that a write has made or moved
 * get selection and focus, so that the keyboard can go on from there.
 */
#include "pages/list-page-private.h"

#define MOST_TRIES 30 /* frames until a row that was scrolled to has a widget */

static void
on_selection_changed (PbaListPage *self)
{
  g_autoptr (GtkBitset) selected = NULL;
  GtkBitsetIter iter;
  guint position;

  if (self->choosing)
    return;
  selected = gtk_selection_model_get_selection (GTK_SELECTION_MODEL (self->selection));
  g_hash_table_remove_all (self->chosen);
  for (gboolean more = gtk_bitset_iter_init_first (&iter, selected, &position); more;
       more = gtk_bitset_iter_next (&iter, &position))
    {
      PbaListRow *row = pba_list_model_peek (self->model, position);

      if (row != NULL)
        g_hash_table_add (self->chosen, g_object_ref (row));
    }
  pba_list_page_show_footer (self);
}

static void
on_items_changed (PbaListPage *self, guint position, guint removed, guint added)
{
  g_autoptr (GtkBitset) selected = NULL;
  g_autoptr (GtkBitset) mask = NULL;

  if (g_hash_table_size (self->chosen) == 0)
    return;
  selected = gtk_bitset_new_empty ();
  for (guint i = position; i < position + added; i++)
    {
      PbaListRow *row = pba_list_model_peek (self->model, i);

      if (row != NULL && g_hash_table_contains (self->chosen, row))
        gtk_bitset_add (selected, i);
    }
  mask = gtk_bitset_copy (selected);
  self->choosing = TRUE;
  gtk_selection_model_set_selection (GTK_SELECTION_MODEL (self->selection), selected, mask);
  self->choosing = FALSE;
  on_selection_changed (self);
}

void
pba_list_page_follow_selection (PbaListPage *self)
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
pba_list_page_forget_selection (PbaListPage *self)
{
  if (self->focus_tick != 0)
    gtk_widget_remove_tick_callback (GTK_WIDGET (self), self->focus_tick);
  self->focus_tick = 0;
  if (self->selection != NULL)
    g_signal_handlers_disconnect_by_data (self->selection, self);
  g_clear_object (&self->selection);
  g_clear_pointer (&self->chosen, g_hash_table_unref);
  g_clear_pointer (&self->wanted, g_free);
}

/* ---- finding a row ---- */

static GtkWidget *
find_widget (PbaListPage *self, PbaListRow *row)
{
  for (GtkWidget *around = gtk_widget_get_first_child (GTK_WIDGET (self->list_view));
       around != NULL; around = gtk_widget_get_next_sibling (around))
    {
      GtkWidget *item = gtk_widget_get_first_child (around);

      if (PBA_IS_LIST_ITEM (item) && pba_list_item_get_row (PBA_LIST_ITEM (item)) == row)
        return around;
    }
  return NULL;
}

static gboolean
on_tick (GtkWidget *widget, GdkFrameClock *clock, gpointer user_data)
{
  PbaListPage *self = PBA_LIST_PAGE (widget);
  g_autoptr (PbaListRow) row = pba_list_page_get_selected (self);
  GtkWidget *around = row != NULL ? find_widget (self, row) : NULL;

  if (around != NULL)
    gtk_widget_grab_focus (around);
  else if (row != NULL && ++self->focus_tries < MOST_TRIES)
    return G_SOURCE_CONTINUE;
  self->focus_tick = 0;
  return G_SOURCE_REMOVE;
}

static void
show_position (PbaListPage *self, guint position)
{
  gtk_selection_model_select_item (GTK_SELECTION_MODEL (self->selection), position, TRUE);
  gtk_widget_activate_action (GTK_WIDGET (self->list_view), "list.scroll-to-item", "u", position);
  self->focus_tries = 0;
  if (self->focus_tick == 0)
    self->focus_tick = gtk_widget_add_tick_callback (GTK_WIDGET (self), on_tick, NULL, NULL);
}

gboolean
pba_list_page_find (PbaListPage *self, const char *id)
{
  for (guint i = 0; i < pba_list_model_get_total (self->model); i++)
    {
      PbaListRow *row = pba_list_model_peek (self->model, i);

      if (row == NULL || g_strcmp0 (pba_list_row_get_id (row), id) != 0)
        continue;
      show_position (self, i);
      return TRUE;
    }
  return FALSE;
}

void
pba_list_page_want (PbaListPage *self, const char *id)
{
  g_free (self->wanted);
  self->wanted = g_strdup (id);
  self->wanted_last = FALSE;
  self->wanted_views = 0;
}

/* Returns: TRUE when a page is on its way that was not there. */
static gboolean
ask_for_missing_page (PbaListPage *self)
{
  for (guint i = 0; i < pba_list_model_get_total (self->model); i++)
    {
      PbaListRow *row = pba_list_model_peek (self->model, i);

      if (row == NULL || !pba_list_row_get_loaded (row))
        {
          g_autoptr (PbaListRow) missing = g_list_model_get_item (G_LIST_MODEL (self->model), i);

          return !pba_list_row_get_loaded (missing);
        }
    }
  return FALSE;
}

/* Returns: TRUE when there is another view to look through. */
static gboolean
turn_to_other_view (PbaListPage *self)
{
  const char *view = pba_list_page_get_view (self);

  if (self->wanted_views == 0)
    return FALSE;
  for (const char *const *other = self->layout->views; *other != NULL; other++)
    if (g_strcmp0 (*other, view) != 0)
      {
        adw_view_stack_set_visible_child_name (self->views, *other);
        return TRUE;
      }
  return FALSE;
}

void
pba_list_page_search_row (PbaListPage *self, const char *id)
{
  pba_list_page_want (self, id);
  self->wanted_views = self->layout->views != NULL ? 2 : 1;
  pba_list_page_go_on_finding (self);
}

void
pba_list_page_go_on_finding (PbaListPage *self)
{
  guint total = pba_list_model_get_total (self->model);
  gboolean loading;

  g_object_get (self->model, "loading", &loading, NULL);
  if (loading || !pba_list_model_get_loaded (self->model))
    return;
  self->moving = FALSE;
  if (self->wanted == NULL)
    return;
  if (self->wanted_views > 0 && !pba_list_page_find (self, self->wanted))
    {
      if (ask_for_missing_page (self))
        return;
      self->wanted_views--;
      if (turn_to_other_view (self))
        return;
    }
  if (!pba_list_page_find (self, self->wanted) && !self->wanted_last && total > 0)
    {
      g_autoptr (PbaListRow) last = g_list_model_get_item (G_LIST_MODEL (self->model), total - 1);

      /* Looking at it asks for its page; this is gone through again once that has come. */
      self->wanted_last = TRUE;
      if (!pba_list_row_get_loaded (last))
        return;
    }
  g_clear_pointer (&self->wanted, g_free);
}
