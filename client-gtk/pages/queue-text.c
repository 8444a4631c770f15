/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is in a message of the queue: its octets as plain text, never rendered, piece by piece as somebody
 * asks for more, and saved as a file. Opened by the message dialog. The window owns itself; calls under way
 * hold a reference and are cancelled when it closes.
 */
#include "pages/queue-text.h"

#include "model/message-text.h"
#include "model/words.h"
#include "widgets/compat.h"
#include "widgets/toast.h"

#include <adwaita.h>
#include <glib/gi18n.h>

#define MOST_SHOWN (1024 * 1024) /* a text view of more is slow */

typedef struct
{
  GtkWindow *window;    /* (unowned) (nullable) once it is closed */
  PbaQueue *queue;      /* (owned) */
  char *id;             /* (owned) */
  GtkTextBuffer *buffer; /* (owned) */
  GtkWidget *more, *save, *progress;
  GtkLabel *note;
  AdwToastOverlay *toasts;
  GByteArray *rest; /* (owned): what the last piece left over */
  guint64 shown, size;
  GOutputStream *file; /* (owned) (nullable): being saved to */
  guint64 saved;
  GAsyncReadyCallback on_saved_piece; /* the steps go round in a circle */
  GCancellable *cancellable;          /* (owned) */
} Text;

static void
text_clear (gpointer data)
{
  Text *self = data;

  g_object_unref (self->queue);
  g_object_unref (self->buffer);
  g_object_unref (self->cancellable);
  g_clear_object (&self->file);
  g_byte_array_unref (self->rest);
  g_free (self->id);
}

static void
text_unref (Text *self)
{
  g_rc_box_release_full (self, text_clear);
}

static void
on_destroy (GtkWidget *window, gpointer user_data)
{
  Text *self = user_data;

  self->window = NULL;
  g_cancellable_cancel (self->cancellable);
  text_unref (self);
}

static void
tell (Text *self, const char *sentence)
{
  pba_toast_say (self->toasts, sentence);
}

/* Returns: whether the window is still there. */
static gboolean
tell_error (Text *self, const GError *error)
{
  g_autofree char *sentence = NULL;

  if (self->window == NULL || g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return FALSE;
  sentence = pba_words_error (error);
  tell (self, sentence);
  return TRUE;
}

/* ---- showing ---- */

static void
show_rest (Text *self)
{
  gboolean more = self->shown < self->size;
  gboolean too_much = more && self->shown >= MOST_SHOWN;
  g_autofree char *shown = pba_words_size (self->shown), *size = pba_words_size (self->size);
  g_autofree char *note = NULL;

  gtk_widget_set_visible (self->more, more && !too_much);
  gtk_widget_set_sensitive (self->more, TRUE);
  if (too_much)
    /* Translators: both are sizes */
    note = g_strdup_printf (_ ("%s of %s. Save the message to see all of it."), shown, size);
  else if (more)
    note = g_strdup_printf (_ ("%s of %s"), shown, size);
  gtk_label_set_label (self->note, note != NULL ? note : "");
  gtk_widget_set_visible (gtk_widget_get_parent (GTK_WIDGET (self->note)), more);
}

static void
on_piece (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Text *self = user_data;
  g_autoptr (GError) error = NULL;
  guint64 size = 0;
  g_autoptr (GBytes) octets = pba_queue_read_finish (PBA_QUEUE (source), result, &size, &error);
  GtkTextIter end;

  if (octets != NULL && self->window != NULL)
    {
      g_autofree char *text = NULL;

      self->size = size;
      self->shown += g_bytes_get_size (octets);
      text = pba_message_text_take (self->rest, octets, self->shown >= size);
      gtk_text_buffer_get_end_iter (self->buffer, &end);
      gtk_text_buffer_insert (self->buffer, &end, text, -1);
      show_rest (self);
    }
  else if (octets == NULL && tell_error (self, error))
    gtk_widget_set_sensitive (self->more, TRUE);
  text_unref (self);
}

static void
read_more (Text *self)
{
  gtk_widget_set_sensitive (self->more, FALSE);
  pba_queue_read_async (self->queue, self->id, self->shown, self->cancellable, on_piece,
                        g_rc_box_acquire (self));
}

/* ---- saving ---- */

static void
end_saving (Text *self)
{
  g_clear_object (&self->file);
  if (self->window == NULL)
    return;
  gtk_widget_set_sensitive (self->save, TRUE);
  gtk_widget_set_visible (self->progress, FALSE);
}

static void
on_closed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Text *self = user_data;
  g_autoptr (GError) error = NULL;

  end_saving (self);
  if (!g_output_stream_close_finish (G_OUTPUT_STREAM (source), result, &error))
    tell_error (self, error);
  else if (self->window != NULL)
    tell (self, _ ("Message saved"));
  text_unref (self);
}

/* Closed by being dropped and cancelled: what stood in the file before stays. */
static void
fail_saving (Text *self, const GError *error)
{
  g_autoptr (GCancellable) cancelled = g_cancellable_new ();

  g_cancellable_cancel (cancelled);
  g_output_stream_close (self->file, cancelled, NULL);
  end_saving (self);
  tell_error (self, error);
  text_unref (self);
}

static void
on_written (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Text *self = user_data;
  g_autoptr (GError) error = NULL;
  gsize n = 0;

  if (!g_output_stream_write_all_finish (self->file, result, &n, &error))
    {
      fail_saving (self, error);
      return;
    }
  self->saved += n;
  if (self->saved >= self->size || n == 0)
    g_output_stream_close_async (self->file, G_PRIORITY_DEFAULT, NULL, on_closed, self);
  else
    pba_queue_read_async (self->queue, self->id, self->saved, self->cancellable,
                          self->on_saved_piece, self);
}

static void
on_saved_piece (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Text *self = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) octets =
    pba_queue_read_finish (PBA_QUEUE (source), result, &self->size, &error);

  if (octets == NULL)
    {
      fail_saving (self, error);
      return;
    }
  g_object_set_data_full (G_OBJECT (self->file), "octets", g_bytes_ref (octets),
                          (GDestroyNotify) g_bytes_unref);
  g_output_stream_write_all_async (self->file, g_bytes_get_data (octets, NULL),
                                   g_bytes_get_size (octets), G_PRIORITY_DEFAULT,
                                   self->cancellable, on_written, self);
}

static void
on_opened (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Text *self = user_data;
  g_autoptr (GError) error = NULL;
  GFileOutputStream *stream = g_file_replace_finish (G_FILE (source), result, &error);

  if (stream == NULL)
    {
      end_saving (self);
      tell_error (self, error);
      text_unref (self);
      return;
    }
  self->file = G_OUTPUT_STREAM (stream);
  self->saved = 0;
  pba_queue_read_async (self->queue, self->id, 0, self->cancellable, on_saved_piece, self);
}

static void
on_file_chosen (GtkNativeDialog *chooser, int response, gpointer user_data)
{
  Text *self = user_data;
  g_autoptr (GFile) file =
    response == GTK_RESPONSE_ACCEPT ? gtk_file_chooser_get_file (GTK_FILE_CHOOSER (chooser)) : NULL;

  gtk_native_dialog_destroy (chooser);
  g_object_unref (chooser);
  if (file != NULL && self->window != NULL)
    {
      gtk_widget_set_sensitive (self->save, FALSE);
      gtk_widget_set_visible (self->progress, TRUE);
      g_file_replace_async (file, NULL, FALSE, G_FILE_CREATE_PRIVATE, G_PRIORITY_DEFAULT,
                            self->cancellable, on_opened, g_rc_box_acquire (self));
    }
  text_unref (self);
}

static void
on_save (Text *self)
{
  GtkFileChooserNative *chooser = gtk_file_chooser_native_new (
    _ ("Save Message"), self->window, GTK_FILE_CHOOSER_ACTION_SAVE, _ ("_Save"), _ ("_Cancel"));
  g_autofree char *name = g_strconcat (self->id, ".eml", NULL);

  gtk_file_chooser_set_current_name (GTK_FILE_CHOOSER (chooser), name);
  gtk_native_dialog_set_modal (GTK_NATIVE_DIALOG (chooser), TRUE);
  g_signal_connect (chooser, "response", G_CALLBACK (on_file_chosen), g_rc_box_acquire (self));
  gtk_native_dialog_show (GTK_NATIVE_DIALOG (chooser));
}

/* ---- the window ---- */

static GtkWidget *
make_view (Text *self)
{
  GtkWidget *view = gtk_text_view_new ();
  GtkWidget *scroller = gtk_scrolled_window_new ();

  self->buffer = g_object_ref (gtk_text_view_get_buffer (GTK_TEXT_VIEW (view)));
  g_object_set (view, "editable", FALSE, "cursor-visible", FALSE, "monospace", TRUE, "wrap-mode",
                GTK_WRAP_WORD_CHAR, "left-margin", 12, "right-margin", 12, "top-margin", 12,
                "bottom-margin", 12, NULL);
  pba_accessible_name (view, _ ("Header and text of the message"));
  gtk_scrolled_window_set_child (GTK_SCROLLED_WINDOW (scroller), view);
  gtk_widget_set_vexpand (scroller, TRUE);
  return scroller;
}

static GtkWidget *
make_foot (Text *self)
{
  GtkWidget *foot = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 12);

  self->note = GTK_LABEL (gtk_label_new (NULL));
  gtk_label_set_wrap (self->note, TRUE);
  gtk_label_set_xalign (self->note, 0);
  gtk_widget_set_hexpand (GTK_WIDGET (self->note), TRUE);
  gtk_widget_add_css_class (GTK_WIDGET (self->note), "second-line");
  self->more = gtk_button_new_with_mnemonic (_ ("Show _More"));
  g_signal_connect_swapped (self->more, "clicked", G_CALLBACK (read_more), self);
  gtk_widget_add_css_class (foot, "list-footer");
  gtk_box_append (GTK_BOX (foot), GTK_WIDGET (self->note));
  gtk_box_append (GTK_BOX (foot), self->more);
  gtk_widget_set_visible (foot, FALSE);
  return foot;
}

static GtkWidget *
make_header (Text *self)
{
  GtkWidget *header = adw_header_bar_new ();

  self->save = gtk_button_new_with_mnemonic (_ ("_Save…"));
  self->progress = gtk_spinner_new ();
  gtk_widget_set_visible (self->progress, FALSE);
  g_object_bind_property (self->progress, "visible", self->progress, "spinning",
                          G_BINDING_SYNC_CREATE);
  g_signal_connect_swapped (self->save, "clicked", G_CALLBACK (on_save), self);
  adw_header_bar_pack_start (ADW_HEADER_BAR (header), self->save);
  adw_header_bar_pack_end (ADW_HEADER_BAR (header), self->progress);
  return header;
}

void
pba_queue_text_show (GtkWindow *parent, PbaQueue *queue, const char *id)
{
  Text *self = g_rc_box_new0 (Text);
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 0);

  self->queue = g_object_ref (queue);
  self->id = g_strdup (id);
  self->rest = g_byte_array_new ();
  self->cancellable = g_cancellable_new ();
  self->on_saved_piece = on_saved_piece;
  self->window = g_object_new (ADW_TYPE_WINDOW, "modal", TRUE, "transient-for", parent,
                               "default-width", 720, "default-height", 640, "title",
                               _ ("Message Source"), "destroy-with-parent", TRUE, NULL);
  self->toasts = ADW_TOAST_OVERLAY (adw_toast_overlay_new ());
  gtk_box_append (GTK_BOX (box), make_header (self));
  gtk_box_append (GTK_BOX (box), make_view (self));
  gtk_box_append (GTK_BOX (box), make_foot (self));
  adw_toast_overlay_set_child (self->toasts, box);
  adw_window_set_content (ADW_WINDOW (self->window), GTK_WIDGET (self->toasts));
  pba_close_on_escape (GTK_WIDGET (self->window));
  g_signal_connect (self->window, "destroy", G_CALLBACK (on_destroy), self);
  read_more (self);
  gtk_window_present (self->window);
}
