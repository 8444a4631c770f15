/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Import of a list from a CSV file and export to one. Part of PbaListPage. A file is read and judged
 * whole before anything is sent, its user is told what it does, and it is sent in one Replace: all or
 * nothing. Rows whose Id is there are changed, the others are added; nothing is removed by an import.
 */
#include "pages/list-page-private.h"

#include "model/list-csv.h"
#include "model/words.h"

#include <glib/gi18n.h>

#define MAX_FILE (16 * 1024 * 1024)

/* One import or export under way. */
typedef struct
{
  PbaListPage *page; /* (owned) */
  GFile *file;       /* (owned) */
  GVariant *rows;    /* (owned) (nullable): what the file says */
  GVariant *merged;  /* (owned) (nullable): that and what is there */
} Transfer;

static void
transfer_free (Transfer *transfer)
{
  gtk_widget_set_visible (transfer->page->progress, FALSE);
  g_object_unref (transfer->page);
  g_object_unref (transfer->file);
  g_clear_pointer (&transfer->rows, g_variant_unref);
  g_clear_pointer (&transfer->merged, g_variant_unref);
  g_free (transfer);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Transfer, transfer_free)

static void
free_transfer (gpointer data)
{
  transfer_free (data);
}

static Transfer *
transfer_new (PbaListPage *self, GFile *file)
{
  Transfer *transfer = g_new0 (Transfer, 1);

  transfer->page = g_object_ref (self);
  transfer->file = g_object_ref (file);
  gtk_widget_set_visible (self->progress, TRUE);
  return transfer;
}

static void
tell (PbaListPage *self, const char *title, const char *sentence)
{
  AdwMessageDialog *dialog = ADW_MESSAGE_DIALOG (
    adw_message_dialog_new (GTK_WINDOW (gtk_widget_get_root (GTK_WIDGET (self))), title, sentence));

  adw_message_dialog_add_response (dialog, "close", _ ("_Close"));
  gtk_window_present (GTK_WINDOW (dialog));
}

static void
tell_error (PbaListPage *self, const char *title, const GError *error)
{
  g_autofree char *sentence = error->domain == G_IO_ERROR || error->domain == G_FILE_ERROR
                                ? g_strdup (error->message)
                                : pba_words_error (error);

  if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    tell (self, title, sentence);
}

static GtkFileChooserNative *
choose (PbaListPage *self, const char *title, GtkFileChooserAction action, const char *accept)
{
  GtkFileChooserNative *chooser =
    gtk_file_chooser_native_new (title, GTK_WINDOW (gtk_widget_get_root (GTK_WIDGET (self))),
                                 action, accept, _ ("_Cancel"));
  g_autoptr (GtkFileFilter) filter = gtk_file_filter_new ();

  gtk_file_filter_set_name (filter, _ ("CSV files"));
  gtk_file_filter_add_pattern (filter, "*.csv");
  gtk_file_filter_add_mime_type (filter, "text/csv");
  gtk_file_chooser_add_filter (GTK_FILE_CHOOSER (chooser), filter);
  gtk_native_dialog_set_modal (GTK_NATIVE_DIALOG (chooser), TRUE);
  return chooser;
}

/* Returns: (transfer full) (nullable). */
static GFile *
take_choice (GtkNativeDialog *chooser, int response)
{
  GFile *file =
    response == GTK_RESPONSE_ACCEPT ? gtk_file_chooser_get_file (GTK_FILE_CHOOSER (chooser)) : NULL;

  gtk_native_dialog_destroy (chooser);
  g_object_unref (chooser);
  return file;
}

/* ---- export ---- */

static void
on_saved (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (Transfer) transfer = user_data;
  g_autoptr (GError) error = NULL;

  if (g_file_replace_contents_finish (G_FILE (source), result, NULL, &error))
    {
      g_autofree char *name = g_file_get_basename (transfer->file);
      g_autofree char *shown = g_filename_display_name (name);
      /* Translators: %s is a file's name */
      g_autofree char *sentence = g_strdup_printf (_ ("Exported to “%s”"), shown);

      pba_page_toast (PBA_PAGE (transfer->page), sentence, NULL, NULL, NULL);
    }
  else
    tell_error (transfer->page, _ ("The List Was Not Exported"), error);
}

static void
on_fetched (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (Transfer) transfer = user_data;
  PbaListPage *self = transfer->page;
  GFile *file = transfer->file;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) rows =
    pba_list_model_fetch_all_finish (PBA_LIST_MODEL (source), result, &error);
  g_autoptr (GBytes) bytes = NULL;
  char *text;

  if (rows == NULL)
    {
      tell_error (self, _ ("The List Was Not Exported"), error);
      return;
    }
  text = pba_list_csv_write (self->layout->kind, rows);
  bytes = g_bytes_new_take (text, strlen (text));
  g_file_replace_contents_bytes_async (file, bytes, NULL, FALSE, G_FILE_CREATE_NONE,
                                       self->cancellable, on_saved, g_steal_pointer (&transfer));
}

static void
on_export_chosen (GtkNativeDialog *chooser, int response, gpointer user_data)
{
  PbaListPage *self = user_data;
  g_autoptr (GFile) file = take_choice (chooser, response);

  if (file != NULL)
    pba_list_model_fetch_all_async (self->model, self->cancellable, on_fetched,
                                    transfer_new (self, file));
}

void
pba_list_page_export (PbaListPage *self)
{
  GtkFileChooserNative *chooser =
    choose (self, _ ("Export to CSV"), GTK_FILE_CHOOSER_ACTION_SAVE, _ ("_Export"));
  g_autofree char *name = g_strconcat (pb_list_spec (self->layout->kind)->name, ".csv", NULL);

  gtk_file_chooser_set_current_name (GTK_FILE_CHOOSER (chooser), name);
  g_signal_connect_object (chooser, "response", G_CALLBACK (on_export_chosen), self, 0);
  gtk_native_dialog_show (GTK_NATIVE_DIALOG (chooser));
}

/* ---- import ---- */

static void
on_replaced (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (Transfer) transfer = user_data;
  g_autoptr (GError) error = NULL;

  if (pba_list_model_write_finish (PBA_LIST_MODEL (source), result, NULL, &error))
    {
      g_autofree char *count =
        transfer->page->layout->count (g_variant_n_children (transfer->rows));
      /* Translators: %s is a count such as “12 rules” */
      g_autofree char *sentence = g_strdup_printf (_ ("Imported: %s"), count);

      pba_page_toast (PBA_PAGE (transfer->page), sentence, NULL, NULL, NULL);
    }
  else
    tell_error (transfer->page, _ ("Nothing Was Imported"), error);
}

static void
on_answer (AdwMessageDialog *dialog, const char *response, gpointer user_data)
{
  g_autoptr (Transfer) transfer = g_object_steal_data (G_OBJECT (dialog), "transfer");
  PbaListPage *self = user_data;
  GVariant *merged = transfer->merged;

  if (!g_str_equal (response, "import"))
    return;
  gtk_widget_set_visible (self->progress, TRUE);
  pba_list_model_replace_async (self->model, merged, self->cancellable, on_replaced,
                                g_steal_pointer (&transfer));
}

/* There is no undo, so it is asked before. Takes @transfer. */
static void
ask_to_import (Transfer *transfer, guint n_changed, guint n_added)
{
  PbaListPage *self = transfer->page;
  g_autofree char *changed =
    g_strdup_printf (ngettext ("%u row that is here is changed.",
                               "%u rows that are here are changed.", n_changed),
                     n_changed);
  g_autofree char *added =
    g_strdup_printf (ngettext ("%u row is added.", "%u rows are added.", n_added), n_added);
  g_autofree char *body =
    g_strjoin (" ", n_changed > 0 ? changed : added,
               n_changed > 0 && n_added > 0 ? added : _ ("None is removed."),
               n_changed > 0 && n_added > 0 ? _ ("None is removed.") : NULL, NULL);
  AdwMessageDialog *dialog = ADW_MESSAGE_DIALOG (
    adw_message_dialog_new (GTK_WINDOW (gtk_widget_get_root (GTK_WIDGET (self))),
                            _ ("Import These Rows?"), body));

  gtk_widget_set_visible (self->progress, FALSE);
  adw_message_dialog_add_responses (dialog, "cancel", _ ("_Cancel"), "import", _ ("_Import"), NULL);
  adw_message_dialog_set_response_appearance (dialog, "import", ADW_RESPONSE_SUGGESTED);
  adw_message_dialog_set_default_response (dialog, "import");
  adw_message_dialog_set_close_response (dialog, "cancel");
  g_object_set_data_full (G_OBJECT (dialog), "transfer", transfer, free_transfer);
  g_signal_connect_object (dialog, "response", G_CALLBACK (on_answer), self, 0);
  gtk_window_present (GTK_WINDOW (dialog));
}

static void
on_present (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (Transfer) transfer = user_data;
  PbaListPage *self = transfer->page;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) present =
    pba_list_model_fetch_all_finish (PBA_LIST_MODEL (source), result, &error);
  guint n_changed, n_added, total;

  if (present == NULL)
    {
      tell_error (self, _ ("Nothing Was Imported"), error);
      return;
    }
  transfer->merged = pba_list_csv_merge (present, transfer->rows, &n_changed, &n_added);
  total = g_variant_n_children (transfer->merged);
  if (n_changed + n_added == 0)
    tell (self, _ ("Nothing to Import"), _ ("The list says all of it already."));
  else if (total <= PBA_LIST_CSV_MAX_ROWS)
    ask_to_import (g_steal_pointer (&transfer), n_changed, n_added);
  else
    {
      g_autofree char *sentence =
        g_strdup_printf (_ ("The list would have %u rows; it can have %u."), total,
                         PBA_LIST_CSV_MAX_ROWS);

      tell (self, _ ("Nothing Was Imported"), sentence);
    }
}

static GVariant *
dup_defaults (PbaListPage *self)
{
  const char *view = pba_list_page_get_view (self);
  GVariantDict dict;

  g_variant_dict_init (&dict, NULL);
  if (view != NULL)
    g_variant_dict_insert (&dict, "List", "s", view);
  return g_variant_ref_sink (g_variant_dict_end (&dict));
}

static void
on_read (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (Transfer) transfer = user_data;
  PbaListPage *self = transfer->page;
  g_autoptr (GVariant) defaults = dup_defaults (self);
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;
  gsize length = 0;

  if (g_file_load_contents_finish (G_FILE (source), result, &text, &length, NULL, &error))
    transfer->rows = pba_list_csv_read (self->layout->kind, text, length, defaults, &error);
  if (transfer->rows == NULL)
    {
      tell_error (self, _ ("Nothing Was Imported"), error);
      return;
    }
  pba_list_model_fetch_all_async (self->model, self->cancellable, on_present,
                                  g_steal_pointer (&transfer));
}

static void
on_size (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (Transfer) transfer = user_data;
  PbaListPage *self = transfer->page;
  g_autoptr (GError) error = NULL;
  g_autoptr (GFileInfo) info = g_file_query_info_finish (G_FILE (source), result, &error);

  if (info == NULL)
    tell_error (self, _ ("Nothing Was Imported"), error);
  else if (g_file_info_get_size (info) > MAX_FILE)
    tell (self, _ ("Nothing Was Imported"), _ ("The file is larger than 16 MB."));
  else
    g_file_load_contents_async (G_FILE (source), self->cancellable, on_read,
                                g_steal_pointer (&transfer));
}

static void
on_import_chosen (GtkNativeDialog *chooser, int response, gpointer user_data)
{
  PbaListPage *self = user_data;
  g_autoptr (GFile) file = take_choice (chooser, response);

  if (file != NULL)
    g_file_query_info_async (file, G_FILE_ATTRIBUTE_STANDARD_SIZE, G_FILE_QUERY_INFO_NONE,
                             G_PRIORITY_DEFAULT, self->cancellable, on_size,
                             transfer_new (self, file));
}

void
pba_list_page_import (PbaListPage *self)
{
  GtkFileChooserNative *chooser =
    choose (self, _ ("Import from CSV"), GTK_FILE_CHOOSER_ACTION_OPEN, _ ("_Import"));

  g_signal_connect_object (chooser, "response", G_CALLBACK (on_import_chosen), self, 0);
  gtk_native_dialog_show (GTK_NATIVE_DIALOG (chooser));
}
