/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Asks for what a signing key needs: its domain, its kind, and a selector if the user wants one of his own.
 * Opened by the page Mail Authentication. An error of the service stands at its field, anything else in a
 * bar on top; making an RSA key may take a second, during which it says so.
 */
#include "pages/key-dialog.h"

#include "model/words.h"
#include "widgets/compat.h"
#include "widgets/entry-row.h"
#include "widgets/notice-bar.h"

#include <glib/gi18n.h>

#define WIDTH  460
#define HEIGHT 380

struct _PbaKeyDialog
{
  AdwWindow parent_instance;

  PbaServer *server;           /* (owned) */
  GCancellable *cancellable;   /* (owned) */
  GtkWidget *domains, *kinds;  /* (unowned) drop-downs */
  PbaEntryRow *selector;       /* (unowned) */
  AdwPreferencesGroup *group;  /* (unowned) */
  PbaNoticeBar *notice;        /* (unowned) */
  GtkWidget *create, *spinner; /* (unowned) */
};

G_DEFINE_FINAL_TYPE (PbaKeyDialog, pba_key_dialog, ADW_TYPE_WINDOW)

static guint created_signal;

static const struct
{
  const char *word, *title;
} kinds[] = {
  { "rsa", N_ ("RSA, 2048 bits") },
  { "ed25519", N_ ("Ed25519") },
};

static void
set_busy (PbaKeyDialog *self, gboolean busy)
{
  /* First: an entry that the focus leaves while it is insensitive does not hear of it. */
  if (busy)
    gtk_window_set_focus (GTK_WINDOW (self), NULL);
  gtk_widget_set_sensitive (self->create, !busy);
  gtk_widget_set_sensitive (GTK_WIDGET (self->group), !busy);
  gtk_widget_set_visible (self->spinner, busy);
  gtk_spinner_set_spinning (GTK_SPINNER (self->spinner), busy);
}

static void
show_error (PbaKeyDialog *self, const GError *error)
{
  g_autofree char *sentence = NULL;
  g_autofree char *field = pba_signing_keys_dup_field (error, &sentence);

  if (g_strcmp0 (field, "selector") == 0)
    {
      pba_entry_row_set_error (self->selector, sentence);
      gtk_widget_grab_focus (GTK_WIDGET (pba_entry_row_get_editable (self->selector)));
      return;
    }
  if (sentence == NULL)
    sentence = pba_words_error (error);
  pba_notice_bar_show (self->notice, sentence, NULL, NULL);
}

static void
on_created (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (PbaKeyDialog) self = user_data;
  g_autoptr (GError) error = NULL;
  gboolean done = pba_signing_keys_finish (PBA_SIGNING_KEYS (source), result, &error);

  if (g_cancellable_is_cancelled (self->cancellable))
    return;
  set_busy (self, FALSE);
  if (!done)
    {
      show_error (self, error);
      return;
    }
  g_signal_emit (self, created_signal, 0);
  gtk_window_destroy (GTK_WINDOW (self));
}

static void
on_create (PbaKeyDialog *self)
{
  GObject *domain = gtk_drop_down_get_selected_item (GTK_DROP_DOWN (self->domains));
  guint kind = gtk_drop_down_get_selected (GTK_DROP_DOWN (self->kinds));

  pba_entry_row_set_error (self->selector, NULL);
  pba_notice_bar_hide (self->notice);
  set_busy (self, TRUE);
  pba_signing_keys_create_async (pba_server_get_signing_keys (self->server),
                                 gtk_string_object_get_string (GTK_STRING_OBJECT (domain)),
                                 pba_entry_row_get_text (self->selector), kinds[kind].word,
                                 self->cancellable, on_created, g_object_ref (self));
}

static void
on_selector (PbaKeyDialog *self)
{
  pba_entry_row_set_error (self->selector, NULL);
}

/* ---- the window ---- */

static GtkWidget *
add_choice (PbaKeyDialog *self, const char *title, const char *help, GtkStringList *titles)
{
  GtkWidget *row =
    g_object_new (ADW_TYPE_ACTION_ROW, "title", title, "subtitle", help, "subtitle-lines", 0, NULL);
  GtkWidget *control = pba_drop_down_new (titles);

  gtk_widget_add_css_class (control, "flat");
  gtk_widget_add_css_class (row, "setting");
  gtk_widget_set_valign (control, GTK_ALIGN_CENTER);
  adw_action_row_add_suffix (ADW_ACTION_ROW (row), control);
  adw_action_row_set_activatable_widget (ADW_ACTION_ROW (row), control);
  /* The button inside is what the keyboard focus is on. */
  pba_accessible_name (gtk_widget_get_first_child (control), title);
  pba_accessible_describe (gtk_widget_get_first_child (control), help);
  adw_preferences_group_add (self->group, row);
  return control;
}

static void
add_fields (PbaKeyDialog *self, const char *const *domains)
{
  g_autoptr (GtkStringList) names = gtk_string_list_new (domains);
  g_autoptr (GtkStringList) titles = gtk_string_list_new (NULL);

  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    gtk_string_list_append (titles, _ (kinds[i].title));
  self->domains = add_choice (self, _ ("Domain"), _ ("Whose mail is signed"), names);
  self->kinds =
    add_choice (self, C_ ("of a key", "Kind"),
                _ ("All servers check RSA; Ed25519 is for those that can, beside it"), titles);
  self->selector = PBA_ENTRY_ROW (pba_entry_row_new (_ ("Selector")));
  pba_entry_row_set_caption (self->selector,
                             _ ("The key’s name in the DNS. Empty: one with the date, such as "
                                "pb202611"));
  g_object_set (pba_entry_row_get_editable (self->selector), "activates-default", TRUE, NULL);
  g_signal_connect_object (self->selector, "notify::text", G_CALLBACK (on_selector), self,
                           G_CONNECT_SWAPPED);
  adw_preferences_group_add (self->group, GTK_WIDGET (self->selector));
  pba_accessible_name_lists (GTK_WIDGET (self->group), _ ("New Signing Key"));
}

static GtkWidget *
make_header (PbaKeyDialog *self)
{
  GtkWidget *header = adw_header_bar_new ();
  GtkWidget *cancel = gtk_button_new_with_mnemonic (_ ("_Cancel"));

  self->create = gtk_button_new_with_mnemonic (_ ("C_reate"));
  gtk_widget_add_css_class (self->create, "suggested-action");
  self->spinner = gtk_spinner_new ();
  gtk_widget_set_visible (self->spinner, FALSE);
  pba_accessible_name (self->spinner, _ ("The key is being made"));
  g_signal_connect_object (cancel, "clicked", G_CALLBACK (gtk_window_close), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->create, "clicked", G_CALLBACK (on_create), self,
                           G_CONNECT_SWAPPED);
  g_object_set (header, "show-start-title-buttons", FALSE, "show-end-title-buttons", FALSE, NULL);
  adw_header_bar_pack_start (ADW_HEADER_BAR (header), cancel);
  adw_header_bar_pack_end (ADW_HEADER_BAR (header), self->create);
  adw_header_bar_pack_end (ADW_HEADER_BAR (header), self->spinner);
  return header;
}

static void
pba_key_dialog_dispose (GObject *object)
{
  PbaKeyDialog *self = PBA_KEY_DIALOG (object);

  g_cancellable_cancel (self->cancellable);
  g_clear_object (&self->server);
  G_OBJECT_CLASS (pba_key_dialog_parent_class)->dispose (object);
}

static void
pba_key_dialog_finalize (GObject *object)
{
  g_object_unref (PBA_KEY_DIALOG (object)->cancellable);
  G_OBJECT_CLASS (pba_key_dialog_parent_class)->finalize (object);
}

static void
pba_key_dialog_class_init (PbaKeyDialogClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = pba_key_dialog_dispose;
  G_OBJECT_CLASS (klass)->finalize = pba_key_dialog_finalize;
  created_signal = g_signal_new ("created", PBA_TYPE_KEY_DIALOG, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                 NULL, G_TYPE_NONE, 0);
  gtk_widget_class_add_binding_action (GTK_WIDGET_CLASS (klass), GDK_KEY_Escape, 0, "window.close",
                                       NULL);
}

static void
pba_key_dialog_init (PbaKeyDialog *self)
{
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 0);
  GtkWidget *page = adw_preferences_page_new ();

  self->cancellable = g_cancellable_new ();
  self->group = ADW_PREFERENCES_GROUP (adw_preferences_group_new ());
  self->notice = PBA_NOTICE_BAR (pba_notice_bar_new ());
  adw_preferences_page_add (ADW_PREFERENCES_PAGE (page), self->group);
  gtk_widget_set_vexpand (page, TRUE);
  gtk_window_set_title (GTK_WINDOW (self), _ ("New Signing Key"));
  gtk_window_set_default_size (GTK_WINDOW (self), WIDTH, HEIGHT);
  gtk_box_append (GTK_BOX (box), make_header (self));
  gtk_box_append (GTK_BOX (box), GTK_WIDGET (self->notice));
  gtk_box_append (GTK_BOX (box), page);
  adw_window_set_content (ADW_WINDOW (self), box);
  gtk_window_set_default_widget (GTK_WINDOW (self), self->create);
}

GtkWidget *
pba_key_dialog_new (GtkWindow *parent, PbaServer *server, const char *const *domains)
{
  PbaKeyDialog *self = g_object_new (PBA_TYPE_KEY_DIALOG, "transient-for", parent, "modal", TRUE,
                                     "destroy-with-parent", TRUE, NULL);

  self->server = g_object_ref (server);
  add_fields (self, domains);
  return GTK_WIDGET (self);
}
