/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The history as a list of two-line rows under a search and a choice of events. What is found is the
 * service's word; the page shows it, follows it while it is seen, and opens a message in its dialog. Made by
 * the table of pages.
 */
#include "pages/messages-page.h"

#include "model/message.h"
#include "model/reply.h"
#include "model/words.h"
#include "pages/message-dialog.h"
#include "widgets/compat.h"
#include "widgets/notice-bar.h"

#include <glib/gi18n.h>
#include <string.h>

#define MOST       10000 /* the service counts no further when it searches */
#define MOST_SHORT 1000  /* likewise for one or two letters */

struct _PbaMessagesPage
{
  PbaPage parent_instance;

  GtkStack *stack; /* all (unowned) */
  AdwStatusPage *status;
  GtkWidget *entry, *events, *check_button, *retry;
  GtkLabel *count;
  PbaNoticeBar *notice;
  char *check; /* (owned) (nullable) only what this check refused */
  gboolean quiet; /* several filters are being set at once */
};

G_DEFINE_FINAL_TYPE (PbaMessagesPage, pba_messages_page, PBA_TYPE_PAGE)

/* The widgets of a row, and the message that they show. */
typedef struct
{
  GtkImage *icon; /* all (unowned) */
  GtkLabel *title, *second, *when, *event;
  PbaListRow *row; /* (owned) (nullable) */
  gulong handler;
} Item;

/* The first is all; the others are bus words. */
static const char *const event_words[] = { NULL,       "refused",   "deferred",  "bounced", "delivered",
                                           "accepted", "discarded", "broken-off", "removed" };

static PbaHistory *
history_of (PbaMessagesPage *self)
{
  return pba_server_get_history (pba_page_get_server (PBA_PAGE (self)));
}

static PbaListModel *
model_of (PbaMessagesPage *self)
{
  return pba_history_get_messages (history_of (self));
}

static const char *
chosen_event (PbaMessagesPage *self)
{
  guint chosen = gtk_drop_down_get_selected (GTK_DROP_DOWN (self->events));

  return chosen < G_N_ELEMENTS (event_words) ? event_words[chosen] : NULL;
}

static gboolean
is_filtered (PbaMessagesPage *self)
{
  return gtk_editable_get_text (GTK_EDITABLE (self->entry))[0] != '\0'
         || chosen_event (self) != NULL || self->check != NULL;
}

static GtkLabel *
make_label (const char *class)
{
  GtkWidget *label = g_object_new (GTK_TYPE_LABEL, "xalign", 0.0, "ellipsize", PANGO_ELLIPSIZE_END,
                                   NULL);

  if (class != NULL)
    gtk_widget_add_css_class (label, class);
  return GTK_LABEL (label);
}

/* ---- what is shown ---- */

static void
show_count (PbaMessagesPage *self)
{
  guint n = pba_list_model_get_total (model_of (self));
  g_autofree char *words = pba_words_count (n);
  g_autofree char *text = NULL;

  if ((n >= MOST || n == MOST_SHORT) && is_filtered (self))
    /* Translators: %s is a number: the search stopped counting there */
    text = g_strdup_printf (_ ("%s messages or more"), words);
  else
    text = g_strdup_printf (ngettext ("%s message", "%s messages", n), words);
  gtk_label_set_label (self->count, text);
  gtk_widget_set_visible (GTK_WIDGET (self->count), n > 0);
}

static void
show_status (PbaMessagesPage *self, const char *icon, const char *title, const char *text)
{
  adw_status_page_set_icon_name (self->status, icon);
  adw_status_page_set_title (self->status, title);
  adw_status_page_set_description (self->status, text);
}

static void
show_state (PbaMessagesPage *self)
{
  PbaListModel *model = model_of (self);
  const char *error = pba_list_model_get_error (model);
  gboolean loaded = pba_list_model_get_loaded (model);
  gboolean none = pba_list_model_get_total (model) == 0;

  gtk_widget_set_visible (self->retry, error != NULL);
  if (error != NULL)
    show_status (self, "dialog-error-symbolic", _ ("The Messages Cannot Be Shown"), error);
  else if (is_filtered (self))
    show_status (self, "system-search-symbolic", _ ("No Results Found"),
                 _ ("Search by a part of an address, a client’s address or a queue ID"));
  else
    show_status (self, "mail-unread-symbolic", _ ("No Messages Yet"),
                 _ ("What becomes of each message, taken or refused, is shown here"));
  gtk_stack_set_visible_child_name (self->stack, !none            ? "rows"
                                                 : error != NULL  ? "status"
                                                 : loaded         ? "status"
                                                                  : "loading");
  show_count (self);
}

/* What the service says of its own keeping. */
static void
show_health (PbaMessagesPage *self)
{
  g_autofree char *state = NULL;

  g_object_get (history_of (self), "state", &state, NULL);
  if (g_strcmp0 (state, "unavailable") == 0)
    pba_notice_bar_show (self->notice,
                         _ ("The server cannot write its history now. Mail goes on, but what "
                            "happens meanwhile will be missing here. The server’s log says why."),
                         NULL, NULL);
  else if (g_strcmp0 (state, "behind") == 0)
    pba_notice_bar_show (self->notice,
                         _ ("More happens than can be written down, or the disk is full: some "
                            "details will be missing here."),
                         NULL, NULL);
  else
    pba_notice_bar_hide (self->notice);
}

static void
show_check (PbaMessagesPage *self)
{
  g_autofree char *title = self->check != NULL ? pba_check_title (self->check) : NULL;
  g_autofree char *name = NULL;

  gtk_widget_set_visible (self->check_button, title != NULL);
  if (title == NULL)
    return;
  gtk_label_set_label (GTK_LABEL (gtk_button_get_child (GTK_BUTTON (self->check_button))), title);
  /* Translators: a button that shows other messages too again; %s is a check, such as Relay access denied */
  name = g_strdup_printf (_ ("Refused by: %s. Show all"), title);
  gtk_widget_set_tooltip_text (self->check_button, name);
  pba_accessible_name (self->check_button, name);
}

static void
apply_filter (PbaMessagesPage *self)
{
  if (self->quiet)
    return;
  pba_history_filter (history_of (self), gtk_editable_get_text (GTK_EDITABLE (self->entry)),
                      chosen_event (self), self->check);
  show_state (self);
}

static void
on_check_clicked (PbaMessagesPage *self)
{
  g_clear_pointer (&self->check, g_free);
  show_check (self);
  apply_filter (self);
}

static void
on_retry (PbaMessagesPage *self)
{
  pba_list_model_refresh (model_of (self));
}

/* ---- rows ---- */

static void
style_icon (GtkImage *icon, PbaEventLook look)
{
  static const char *const styles[] = { "accent", "success", "warning", "error", "dim-label" };

  for (guint i = 0; i < G_N_ELEMENTS (styles); i++)
    gtk_widget_remove_css_class (GTK_WIDGET (icon), styles[i]);
  if (look.style != NULL)
    gtk_widget_add_css_class (GTK_WIDGET (icon), look.style);
  gtk_image_set_from_icon_name (icon, look.icon);
}

static void
show_message (Item *item)
{
  gboolean loaded = pba_list_row_get_loaded (item->row);
  GtkWidget *box = gtk_widget_get_parent (GTK_WIDGET (item->icon));
  GtkWidget *around = gtk_widget_get_parent (box);
  g_autoptr (PbaMessage) message = NULL;
  g_autofree char *name = NULL;
  PbaEventLook look;

  gtk_widget_set_opacity (box, loaded ? 1 : 0);
  if (!loaded)
    return;
  message = pba_message_new (pba_list_row_get_cells (item->row));
  look = pba_event_look (message->event);
  style_icon (item->icon, look);
  gtk_label_set_label (item->title, message->title);
  gtk_label_set_label (item->second, message->second);
  gtk_widget_set_visible (GTK_WIDGET (item->second), message->second[0] != '\0');
  gtk_label_set_label (item->when, message->when);
  gtk_label_set_label (item->event, look.title);
  /* Translators: a message for screen readers: what became of it, its recipient, its sender and the reason, when */
  name = g_strdup_printf (_ ("%s, %s. %s, %s"), look.title, message->title, message->second,
                          message->when);
  if (around != NULL)
    pba_accessible_name (around, name);
}

static void
on_setup (GtkSignalListItemFactory *factory, GtkListItem *list_item, gpointer user_data)
{
  Item *item = g_new0 (Item, 1);
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 12);
  GtkWidget *texts = gtk_box_new (GTK_ORIENTATION_VERTICAL, 2);
  GtkWidget *ends = gtk_box_new (GTK_ORIENTATION_VERTICAL, 2);

  item->icon = g_object_new (GTK_TYPE_IMAGE, "accessible-role", GTK_ACCESSIBLE_ROLE_PRESENTATION,
                             NULL);
  item->title = make_label (NULL);
  item->second = make_label ("second-line");
  g_object_set (item->second, "wrap", TRUE, "wrap-mode", PANGO_WRAP_WORD_CHAR, "lines", 2, NULL);
  item->event = make_label (NULL);
  item->when = make_label ("second-line");
  gtk_label_set_xalign (item->event, 1);
  gtk_label_set_xalign (item->when, 1);
  gtk_widget_add_css_class (GTK_WIDGET (item->when), "numeric");
  gtk_widget_set_hexpand (texts, TRUE);
  gtk_widget_set_valign (texts, GTK_ALIGN_CENTER);
  gtk_widget_set_valign (ends, GTK_ALIGN_CENTER);
  gtk_box_append (GTK_BOX (texts), GTK_WIDGET (item->title));
  gtk_box_append (GTK_BOX (texts), GTK_WIDGET (item->second));
  gtk_box_append (GTK_BOX (ends), GTK_WIDGET (item->event));
  gtk_box_append (GTK_BOX (ends), GTK_WIDGET (item->when));
  gtk_label_set_ellipsize (item->event, PANGO_ELLIPSIZE_NONE);
  gtk_label_set_ellipsize (item->when, PANGO_ELLIPSIZE_NONE);
  gtk_box_append (GTK_BOX (box), GTK_WIDGET (item->icon));
  gtk_box_append (GTK_BOX (box), texts);
  gtk_box_append (GTK_BOX (box), ends);
  gtk_widget_add_css_class (box, "list-item");
  gtk_list_item_set_child (list_item, box);
  g_object_set_data_full (G_OBJECT (list_item), "item", item, g_free);
}

static void
on_bind (GtkSignalListItemFactory *factory, GtkListItem *list_item, gpointer user_data)
{
  Item *item = g_object_get_data (G_OBJECT (list_item), "item");

  item->row = g_object_ref (gtk_list_item_get_item (list_item));
  item->handler =
    g_signal_connect_swapped (item->row, "notify::cells", G_CALLBACK (show_message), item);
  show_message (item);
}

static void
on_unbind (GtkSignalListItemFactory *factory, GtkListItem *list_item, gpointer user_data)
{
  Item *item = g_object_get_data (G_OBJECT (list_item), "item");

  g_clear_signal_handler (&item->handler, item->row);
  g_clear_object (&item->row);
}

static void
on_activate (PbaMessagesPage *self, guint position)
{
  g_autoptr (PbaListRow) row = g_list_model_get_item (G_LIST_MODEL (model_of (self)), position);

  if (row != NULL && pba_list_row_get_loaded (row))
    pba_message_dialog_show (PBA_PAGE (self), row);
}

/* ---- the page ---- */

static void
pba_messages_page_shown (PbaPage *page)
{
  pba_history_set_watched (history_of (PBA_MESSAGES_PAGE (page)), TRUE);
}

static void
pba_messages_page_hidden (PbaPage *page)
{
  pba_history_set_watched (history_of (PBA_MESSAGES_PAGE (page)), FALSE);
}

static guint
event_number (const char *event)
{
  for (guint i = 1; i < G_N_ELEMENTS (event_words); i++)
    if (g_str_equal (event_words[i], event))
      return i;
  return 0;
}

static gboolean
pba_messages_page_reveal (PbaPage *page, const char *key)
{
  PbaMessagesPage *self = PBA_MESSAGES_PAGE (page);
  const char *value = strchr (key, ':');

  if (value == NULL)
    return FALSE;
  value++;
  self->quiet = TRUE;
  gtk_editable_set_text (GTK_EDITABLE (self->entry), g_str_has_prefix (key, "text:") ? value : "");
  gtk_drop_down_set_selected (GTK_DROP_DOWN (self->events),
                              g_str_has_prefix (key, "event:") ? event_number (value) : 0);
  g_free (self->check);
  self->check = g_str_has_prefix (key, "check:") ? g_strdup (value) : NULL;
  self->quiet = FALSE;
  show_check (self);
  apply_filter (self);
  gtk_widget_grab_focus (self->entry);
  return TRUE;
}

static GtkWidget *
make_events (void)
{
  g_autoptr (GtkStringList) titles = gtk_string_list_new (NULL);

  gtk_string_list_append (titles, _ ("All"));
  for (guint i = 1; i < G_N_ELEMENTS (event_words); i++)
    gtk_string_list_append (titles, pba_event_look (event_words[i]).title);
  return pba_drop_down_new (g_steal_pointer (&titles));
}

static GtkWidget *
make_bar (PbaMessagesPage *self)
{
  GtkWidget *bar = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 6);
  GtkWidget *lines = gtk_box_new (GTK_ORIENTATION_VERTICAL, 6);
  GtkWidget *clamp = adw_clamp_new ();

  self->entry = gtk_search_entry_new ();
  gtk_widget_set_hexpand (self->entry, TRUE);
  g_object_set (self->entry, "placeholder-text", _ ("Address, client or queue ID"), NULL);
  gtk_editable_set_width_chars (GTK_EDITABLE (self->entry), 8);
  pba_accessible_name (self->entry, _ ("Search messages by address, client or queue ID"));
  self->check_button = gtk_button_new ();
  gtk_button_set_child (GTK_BUTTON (self->check_button), GTK_WIDGET (make_label (NULL)));
  gtk_widget_set_halign (self->check_button, GTK_ALIGN_START);
  gtk_widget_set_visible (self->check_button, FALSE);
  self->events = make_events ();
  /* The button inside is what the keyboard focus is on. */
  pba_accessible_name (gtk_widget_get_first_child (self->events), _ ("What became of it"));
  gtk_box_append (GTK_BOX (bar), self->entry);
  gtk_box_append (GTK_BOX (bar), self->events);
  gtk_box_append (GTK_BOX (lines), bar);
  gtk_box_append (GTK_BOX (lines), self->check_button);
  g_object_set (lines, "margin-top", 6, "margin-bottom", 6, "margin-start", 12, "margin-end", 12,
                NULL);
  adw_clamp_set_maximum_size (ADW_CLAMP (clamp), 860);
  adw_clamp_set_child (ADW_CLAMP (clamp), lines);
  g_signal_connect_object (self->entry, "search-changed", G_CALLBACK (apply_filter), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->events, "notify::selected", G_CALLBACK (apply_filter), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->check_button, "clicked", G_CALLBACK (on_check_clicked), self,
                           G_CONNECT_SWAPPED);
  return clamp;
}

static GtkWidget *
make_list (PbaMessagesPage *self)
{
  GtkListItemFactory *factory = gtk_signal_list_item_factory_new ();
  GtkWidget *view, *clamp, *scroller;

  g_signal_connect_object (factory, "setup", G_CALLBACK (on_setup), self, 0);
  g_signal_connect_object (factory, "bind", G_CALLBACK (on_bind), self, 0);
  g_signal_connect_object (factory, "unbind", G_CALLBACK (on_unbind), self, 0);
  view = gtk_list_view_new (
    GTK_SELECTION_MODEL (gtk_no_selection_new (g_object_ref (G_LIST_MODEL (model_of (self))))),
    factory);
  gtk_list_view_set_show_separators (GTK_LIST_VIEW (view), TRUE);
  gtk_list_view_set_single_click_activate (GTK_LIST_VIEW (view), TRUE);
  gtk_widget_add_css_class (view, "rows");
  pba_accessible_name (view, _ ("Messages"));
  g_signal_connect_object (view, "activate", G_CALLBACK (on_activate), self, G_CONNECT_SWAPPED);
  clamp = adw_clamp_scrollable_new ();
  adw_clamp_scrollable_set_maximum_size (ADW_CLAMP_SCROLLABLE (clamp), 860);
  adw_clamp_scrollable_set_child (ADW_CLAMP_SCROLLABLE (clamp), view);
  scroller = gtk_scrolled_window_new ();
  gtk_widget_add_css_class (scroller, "view");
  gtk_scrolled_window_set_policy (GTK_SCROLLED_WINDOW (scroller), GTK_POLICY_NEVER,
                                  GTK_POLICY_AUTOMATIC);
  gtk_scrolled_window_set_child (GTK_SCROLLED_WINDOW (scroller), clamp);
  return scroller;
}

static GtkWidget *
make_stack (PbaMessagesPage *self)
{
  GtkWidget *stack = gtk_stack_new (), *status = adw_status_page_new ();
  GtkWidget *spinner = gtk_spinner_new ();

  self->stack = GTK_STACK (stack);
  self->status = ADW_STATUS_PAGE (status);
  self->retry = gtk_button_new_with_mnemonic (_ ("_Try Again"));
  gtk_widget_add_css_class (self->retry, "pill");
  gtk_widget_set_halign (self->retry, GTK_ALIGN_CENTER);
  g_signal_connect_object (self->retry, "clicked", G_CALLBACK (on_retry), self, G_CONNECT_SWAPPED);
  adw_status_page_set_child (self->status, self->retry);
  gtk_spinner_start (GTK_SPINNER (spinner));
  gtk_widget_set_halign (spinner, GTK_ALIGN_CENTER);
  gtk_widget_set_valign (spinner, GTK_ALIGN_CENTER);
  gtk_widget_set_size_request (spinner, 32, 32);
  pba_accessible_name (spinner, _ ("Loading"));
  gtk_stack_add_named (self->stack, spinner, "loading");
  gtk_stack_add_named (self->stack, status, "status");
  gtk_stack_add_named (self->stack, make_list (self), "rows");
  gtk_widget_set_vexpand (stack, TRUE);
  return stack;
}

static void
pba_messages_page_constructed (GObject *object)
{
  static const char *const follows[] = { "notify::total", "notify::loading", "notify::error" };
  PbaMessagesPage *self = PBA_MESSAGES_PAGE (object);
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 0);
  GtkWidget *footer = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 12);

  G_OBJECT_CLASS (pba_messages_page_parent_class)->constructed (object);
  self->notice = g_object_new (PBA_TYPE_NOTICE_BAR, NULL);
  self->count = make_label ("second-line");
  gtk_widget_add_css_class (footer, "list-footer");
  gtk_box_append (GTK_BOX (footer), GTK_WIDGET (self->count));
  gtk_box_append (GTK_BOX (box), GTK_WIDGET (self->notice));
  gtk_box_append (GTK_BOX (box), make_bar (self));
  gtk_box_append (GTK_BOX (box), make_stack (self));
  gtk_box_append (GTK_BOX (box), footer);
  adw_bin_set_child (ADW_BIN (self), box);
  for (guint i = 0; i < G_N_ELEMENTS (follows); i++)
    g_signal_connect_object (model_of (self), follows[i], G_CALLBACK (show_state), self,
                             G_CONNECT_SWAPPED);
  g_signal_connect_object (history_of (self), "notify::state", G_CALLBACK (show_health), self,
                           G_CONNECT_SWAPPED);
  show_health (self);
  apply_filter (self);
}

static void
pba_messages_page_finalize (GObject *object)
{
  g_free (PBA_MESSAGES_PAGE (object)->check);
  G_OBJECT_CLASS (pba_messages_page_parent_class)->finalize (object);
}

static void
pba_messages_page_class_init (PbaMessagesPageClass *klass)
{
  G_OBJECT_CLASS (klass)->constructed = pba_messages_page_constructed;
  G_OBJECT_CLASS (klass)->finalize = pba_messages_page_finalize;
  PBA_PAGE_CLASS (klass)->shown = pba_messages_page_shown;
  PBA_PAGE_CLASS (klass)->hidden = pba_messages_page_hidden;
  PBA_PAGE_CLASS (klass)->reveal = pba_messages_page_reveal;
}

static void
pba_messages_page_init (PbaMessagesPage *self)
{
}

GtkWidget *
pba_messages_page_new (PbaServer *server, const char *title)
{
  return g_object_new (PBA_TYPE_MESSAGES_PAGE, "server", server, "title", title, NULL);
}
