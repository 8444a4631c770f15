/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is done to the rows of a list page: create, edit, switch, remove with its undo, reorder. Part of
 * PbaListPage. Everything acts at once on the service; a refusal is a toast with its sentence, and the
 * row shows again what the service says. Moves are by the rows' places in the whole list, so that they
 * are right under a search too.
 */
#include "pages/list-page-private.h"

#include "model/words.h"
#include "pages/list-dialog.h"

#include <glib/gi18n.h>

#define MOST_UNDOS 10

static void
on_saved (PbaListDialog *dialog, const char *id, const char *trouble, gpointer user_data)
{
  pba_list_page_want (user_data, id);
  if (trouble != NULL)
    pba_page_toast (user_data, trouble, NULL, NULL, NULL);
}

static void
open_dialog (PbaListPage *self, PbaListRow *row)
{
  GtkWidget *dialog = pba_list_dialog_new (GTK_WINDOW (gtk_widget_get_root (GTK_WIDGET (self))),
                                           pba_page_get_server (PBA_PAGE (self)),
                                           self->layout->kind, row, pba_list_page_get_view (self));

  g_signal_connect_object (dialog, "saved", G_CALLBACK (on_saved), self, 0);
  gtk_window_present (GTK_WINDOW (dialog));
}

void
pba_list_page_create_row (PbaListPage *self)
{
  if (pba_list_model_get_writable (self->model))
    open_dialog (self, NULL);
}

void
pba_list_page_edit_row (PbaListPage *self, PbaListRow *row)
{
  if (pba_list_row_get_loaded (row))
    open_dialog (self, row);
}

/* ---- the switch ---- */

typedef struct
{
  PbaListPage *page; /* (owned) */
  PbaListRow *row;   /* (owned) */
} Toggle;

static void
on_toggled (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Toggle *toggle = user_data;
  g_autoptr (GError) error = NULL;

  if (!pba_list_model_write_finish (PBA_LIST_MODEL (source), result, NULL, &error)
      && !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    {
      pba_page_toast_error (PBA_PAGE (toggle->page), error);
      /* The switch has moved already; the row has not. */
      g_object_notify (G_OBJECT (toggle->row), "cells");
    }
  g_object_unref (toggle->page);
  g_object_unref (toggle->row);
  g_free (toggle);
}

void
pba_list_page_toggle_row (PbaListPage *self, PbaListRow *row, gboolean on)
{
  Toggle *toggle = g_new0 (Toggle, 1);

  toggle->page = g_object_ref (self);
  toggle->row = g_object_ref (row);
  pba_list_model_update_async (self->model, pba_list_row_get_id (row),
                               g_variant_new_parsed ("{'Enabled': <%b>}", on), self->cancellable,
                               on_toggled, toggle);
}

/* ---- removing ---- */

typedef struct
{
  PbaListPage *page; /* (owned) */
  char *name;        /* (owned): of the first one */
  guint n;
} Removal;

static void
removal_free (Removal *removal)
{
  g_object_unref (removal->page);
  g_free (removal->name);
  g_free (removal);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Removal, removal_free)

/* One removal on its way back. */
typedef struct
{
  PbaListPage *page; /* (owned) */
  gpointer key;      /* of the page's removals */
} Undo;

static void on_undo (PbaPage *page, gpointer key);

static void
on_put_back (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Undo *undo = user_data;
  g_autoptr (PbaListPage) self = undo->page;
  g_autoptr (GError) error = NULL;

  gtk_widget_set_visible (self->progress, FALSE);
  if (pba_list_model_write_finish (PBA_LIST_MODEL (source), result, NULL, &error))
    g_hash_table_remove (self->removals, undo->key);
  else if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    {
      g_autofree char *sentence = pba_words_error (error);

      pba_page_toast (PBA_PAGE (self), sentence, _ ("_Try Again"), on_undo, undo->key);
    }
  g_free (undo);
}

static void
on_undo (PbaPage *page, gpointer key)
{
  PbaListPage *self = PBA_LIST_PAGE (page);
  GPtrArray *removed = g_hash_table_lookup (self->removals, key);
  Undo *undo;

  if (removed == NULL)
    return;
  undo = g_new0 (Undo, 1);
  undo->page = g_object_ref (self);
  undo->key = key;
  gtk_widget_set_visible (self->progress, TRUE);
  pba_list_model_put_back_async (self->model, removed, self->cancellable, on_put_back, undo);
}

/* Toasts queue up: each one's button puts back what it speaks of. Returns: (nullable): for on_undo(). */
static gpointer
keep_removed (PbaListPage *self)
{
  GPtrArray *removed = pba_list_model_take_removed (self->model);
  gpointer key;

  if (removed == NULL)
    return NULL;
  if (g_hash_table_size (self->removals) >= MOST_UNDOS)
    g_hash_table_remove_all (self->removals);
  key = GUINT_TO_POINTER (++self->last_removal);
  g_hash_table_insert (self->removals, key, removed);
  return key;
}

static void
on_removed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (Removal) removal = user_data;
  g_autoptr (GError) error = NULL;
  g_autofree char *sentence = NULL;
  PbaPage *page = PBA_PAGE (removal->page);
  gpointer undo;

  gtk_widget_set_visible (removal->page->progress, FALSE);
  if (!pba_list_model_write_finish (PBA_LIST_MODEL (source), result, NULL, &error))
    {
      if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
        pba_page_toast_error (page, error);
      return;
    }
  undo = keep_removed (removal->page);
  if (removal->n == 1)
    /* Translators: %s is the name of a rule, an account and so on */
    sentence = g_strdup_printf (_ ("“%s” removed"), removal->name);
  else
    sentence =
      g_strdup_printf (ngettext ("%u entry removed", "%u entries removed", removal->n), removal->n);
  pba_page_toast (page, sentence, undo != NULL ? _ ("_Undo") : NULL, on_undo, undo);
}

/* Returns: (transfer full) (nullable): ids of what is selected; NULL while rows among them are still on their way. */
static GPtrArray *
collect_selected (PbaListPage *self, char **name)
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
        {
          if (*name == NULL)
            *name = g_strdup (pba_list_row_get_text (row, self->layout->title_column));
          g_ptr_array_add (ids, g_strdup (pba_list_row_get_id (row)));
        }
    }
  g_ptr_array_add (ids, NULL);
  return missing ? NULL : g_steal_pointer (&ids);
}

void
pba_list_page_go_on_removing (PbaListPage *self)
{
  g_autofree char *name = NULL;
  g_autoptr (GPtrArray) ids = NULL;
  Removal *removal;

  if (!self->removing)
    return;
  ids = collect_selected (self, &name);
  if (ids == NULL)
    return;
  self->removing = FALSE;
  if (ids->len < 2)
    {
      gtk_widget_set_visible (self->progress, FALSE);
      return;
    }
  removal = g_new0 (Removal, 1);
  removal->page = g_object_ref (self);
  removal->name = g_steal_pointer (&name);
  removal->n = ids->len - 1;
  pba_list_model_remove_async (self->model, (const char *const *) ids->pdata, self->cancellable,
                               on_removed, removal);
}

static void
begin_removing (PbaListPage *self)
{
  self->removing = TRUE;
  gtk_widget_set_visible (self->progress, TRUE);
  pba_list_page_go_on_removing (self);
}

static void
on_response (AdwMessageDialog *dialog, const char *response, gpointer user_data)
{
  if (g_str_equal (response, "remove"))
    begin_removing (user_data);
}

static void
ask_to_remove (PbaListPage *self, guint n)
{
  g_autofree char *title =
    g_strdup_printf (ngettext ("Remove %u Account?", "Remove %u Accounts?", n), n);
  AdwMessageDialog *dialog = ADW_MESSAGE_DIALOG (adw_message_dialog_new (
    GTK_WINDOW (gtk_widget_get_root (GTK_WIDGET (self))), title,
    _ ("It gets no more mail. This cannot be undone: an account made anew has another mailbox.")));

  adw_message_dialog_add_responses (dialog, "cancel", _ ("_Cancel"), "remove", _ ("_Remove"), NULL);
  adw_message_dialog_set_response_appearance (dialog, "remove", ADW_RESPONSE_DESTRUCTIVE);
  adw_message_dialog_set_default_response (dialog, "cancel");
  adw_message_dialog_set_close_response (dialog, "cancel");
  g_signal_connect_object (dialog, "response", G_CALLBACK (on_response), self, 0);
  gtk_window_present (GTK_WINDOW (dialog));
}

void
pba_list_page_remove_selected (PbaListPage *self)
{
  g_autoptr (GtkBitset) selected =
    gtk_selection_model_get_selection (GTK_SELECTION_MODEL (self->selection));
  guint n = gtk_bitset_get_size (selected);

  if (n == 0 || self->removing || !pba_list_model_get_writable (self->model))
    return;
  if (self->layout->kind == PB_LIST_ACCOUNTS)
    ask_to_remove (self, n);
  else
    begin_removing (self);
}

/* ---- order ---- */

static void
on_moved (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (PbaListPage) self = user_data;
  g_autoptr (GError) error = NULL;

  if (pba_list_model_write_finish (PBA_LIST_MODEL (source), result, NULL, &error))
    return;
  self->moving = FALSE;
  if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    pba_page_toast_error (PBA_PAGE (self), error);
}

/* One after the other: the places of the next move are those that this one leaves. */
static void
move (PbaListPage *self, PbaListRow *row, guint position)
{
  if (self->moving)
    return;
  self->moving = TRUE;
  pba_list_page_want (self, pba_list_row_get_id (row));
  pba_list_model_move_async (self->model, pba_list_row_get_id (row), position, self->cancellable,
                             on_moved, g_object_ref (self));
}

void
pba_list_page_place_row (PbaListPage *self, PbaListRow *row, PbaListRow *at, gboolean after)
{
  guint from = pba_list_row_get_number (row, "Position");
  guint to = pba_list_row_get_number (at, "Position") + (after ? 1 : 0);

  /* The place is counted without the row that moves. */
  if (to > from)
    to--;
  if (to != from && pba_list_row_get_loaded (row) && pba_list_model_get_writable (self->model))
    move (self, row, to);
}

void
pba_list_page_step_row (PbaListPage *self, int step)
{
  g_autoptr (PbaListRow) row = pba_list_page_get_selected (self);
  g_autoptr (PbaListRow) other = NULL;
  guint place;

  if (row == NULL || !self->layout->ordered)
    return;
  place = pba_list_row_get_position (row);
  if (step < 0 && place == 0)
    return;
  other = g_list_model_get_item (G_LIST_MODEL (self->selection), place + step);
  if (other != NULL && pba_list_row_get_loaded (other))
    pba_list_page_place_row (self, row, other, step > 0);
}
