/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The queue: states with their counts as a view switcher, rows that follow the service while the page is
 * seen, and a dialog for one message. Too narrow for its columns it shows rows of two lines.
 * Made by the table of pages.
 */
#include "pages/queue-page-private.h"

#include "model/words.h"
#include "pages/queue-dialog.h"
#include "widgets/compat.h"

#include <glib/gi18n.h>

#define MINUTE_SECONDS 20 /* how stale "in 4 min" may get */

G_DEFINE_FINAL_TYPE (PbaQueuePage, pba_queue_page, PBA_TYPE_PAGE)

enum
{
  PROP_MINUTE = 1,
};

/* The states that a message can be in; the first view is all of them. */
static const struct
{
  const char *name, *title, *icon, *count, *empty;
} views[] = {
  { "all", N_ ("All"), "view-list-symbolic", "count", N_ ("Queue Is Empty") },
  { "active", N_ ("Active"), "mail-send-symbolic", "active", N_ ("No Active Mail") },
  { "deferred", N_ ("Deferred"), "document-open-recent-symbolic", "deferred",
    N_ ("No Deferred Mail") },
  { "held", N_ ("Held"), "media-playback-pause-symbolic", "held", N_ ("No Held Mail") },
};

static guint
current_view (PbaQueuePage *self)
{
  const char *name = adw_view_stack_get_visible_child_name (self->views);

  for (guint i = 0; i < G_N_ELEMENTS (views); i++)
    if (g_strcmp0 (views[i].name, name) == 0)
      return i;
  return 0;
}

const char *
pba_queue_page_get_state (PbaQueuePage *self)
{
  guint view = current_view (self);

  return view > 0 ? views[view].name : NULL;
}

/* ---- what is shown ---- */

static void
show_selected (PbaQueuePage *self)
{
  guint n = pba_queue_page_count_selected (self);
  g_autofree char *count = pba_words_count (n);
  g_autofree char *words = NULL;

  /* Narrow there is room for one number. */
  if (pba_compact_bin_get_compact (self->table))
    words = g_strdup_printf (ngettext ("%s selected", "%s selected", n), count);
  else
    words = g_strdup_printf (ngettext ("%s message selected", "%s messages selected", n), count);
  gtk_label_set_label (self->selected_label, words);
  pba_queue_page_show_actions (self);
}

static void
show_footer (PbaQueuePage *self)
{
  guint n = pba_list_model_get_total (self->model);
  g_autofree char *count = g_strdup_printf (ngettext ("%u message", "%u messages", n), n);
  g_autofree char *size_text = NULL;
  g_autofree char *time = NULL;
  g_autofree char *whole = NULL;
  guint64 size, oldest;

  g_object_get (self->queue, "size", &size, "oldest", &oldest, NULL);
  gtk_label_set_label (self->count_label, count);
  gtk_widget_set_visible (GTK_WIDGET (self->whole_label), oldest > 0);
  if (oldest == 0)
    return;
  size_text = pba_words_size (size);
  time = pba_words_time ((gint64) oldest);
  /* Translators: of the whole queue: its size, and when the oldest message arrived */
  whole = g_strdup_printf (_ ("%s in all, oldest: %s"), size_text, time);
  gtk_label_set_label (self->whole_label, whole);
}

void
pba_queue_page_show_footer (PbaQueuePage *self)
{
  show_footer (self);
  show_selected (self);
}

static void
show_state (PbaQueuePage *self)
{
  const char *error = pba_list_model_get_error (self->model);
  const char *search = gtk_editable_get_text (GTK_EDITABLE (self->search_entry));
  gboolean loaded = pba_list_model_get_loaded (self->model);
  gboolean none = pba_list_model_get_total (self->model) == 0;

  /* A view is a filter to the model, not a search to people. */
  adw_status_page_set_description (self->error_page, error);
  adw_status_page_set_title (self->empty_page, _ (views[current_view (self)].empty));
  gtk_stack_set_visible_child_name (self->stack, error != NULL && none ? "error"
                                                 : !loaded             ? "loading"
                                                 : !none               ? "list"
                                                 : search[0] != '\0'   ? "no-results"
                                                                       : "empty");
  if (error != NULL && !none)
    pba_notice_bar_show (self->notice, error, _ ("Try Again"), NULL);
  else
    pba_notice_bar_hide (self->notice);
  pba_queue_page_show_footer (self);
  pba_queue_page_go_on_acting (self);
}

/* The bar at the foot has no room for counts in its titles: there they are badges. */
static void
show_counts (PbaQueuePage *self)
{
  gboolean narrow = adw_view_switcher_title_get_title_visible (self->switcher);

  for (guint i = 0; i < G_N_ELEMENTS (views); i++)
    {
      GtkWidget *child = adw_view_stack_get_child_by_name (self->views, views[i].name);
      AdwViewStackPage *page = adw_view_stack_get_page (self->views, child);
      g_autofree char *title = NULL;
      g_autofree char *words = NULL;
      guint64 count;

      g_object_get (self->queue, views[i].count, &count, NULL);
      words = pba_words_count (count);
      /* Translators: a state and how many messages are in it: “Deferred (9)” */
      title = g_strdup_printf (_ ("%s (%s)"), _ (views[i].title), words);
      adw_view_stack_page_set_title (page, narrow ? _ (views[i].title) : title);
      adw_view_stack_page_set_badge_number (page, narrow ? (guint) MIN (count, G_MAXUINT) : 0);
    }
  show_footer (self);
}

static void
on_view (PbaQueuePage *self)
{
  const char *state = pba_queue_page_get_state (self);

  gtk_selection_model_unselect_all (GTK_SELECTION_MODEL (self->selection));
  pba_list_model_set_filter (self->model,
                             state == NULL ? NULL : g_variant_new_parsed ("{'State': <%s>}", state));
  show_state (self);
}

/* ---- rows ---- */

static void
on_setup (GtkSignalListItemFactory *factory, GtkListItem *list_item, gpointer user_data)
{
  PbaQueuePage *self = user_data;
  GtkWidget *item = pba_queue_item_new (&self->widths);

  g_object_bind_property (self->table, "compact", item, "compact", G_BINDING_SYNC_CREATE);
  g_object_bind_property (self, "minute", item, "minute", G_BINDING_SYNC_CREATE);
  gtk_list_item_set_child (list_item, item);
}

static void
on_bind (GtkSignalListItemFactory *factory, GtkListItem *list_item, gpointer user_data)
{
  pba_queue_item_bind (PBA_QUEUE_ITEM (gtk_list_item_get_child (list_item)),
                       gtk_list_item_get_item (list_item));
}

static void
on_unbind (GtkSignalListItemFactory *factory, GtkListItem *list_item, gpointer user_data)
{
  pba_queue_item_unbind (PBA_QUEUE_ITEM (gtk_list_item_get_child (list_item)));
}

static void
on_activate (PbaQueuePage *self, guint position)
{
  g_autoptr (PbaListRow) row = g_list_model_get_item (G_LIST_MODEL (self->model), position);

  if (row != NULL && pba_list_row_get_loaded (row))
    pba_queue_dialog_show (PBA_PAGE (self), row);
}

static gboolean
on_minute (gpointer user_data)
{
  PbaQueuePage *self = user_data;

  self->minute++;
  g_object_notify (G_OBJECT (self), "minute");
  show_footer (self);
  return G_SOURCE_CONTINUE;
}

/* ---- search ---- */

static void
on_retry (PbaQueuePage *self)
{
  pba_list_model_refresh (self->model);
}

static void
on_search_changed (PbaQueuePage *self)
{
  gtk_selection_model_unselect_all (GTK_SELECTION_MODEL (self->selection));
  pba_list_model_set_search (self->model,
                             gtk_editable_get_text (GTK_EDITABLE (self->search_entry)));
  show_state (self);
}

static void
on_search_mode (PbaQueuePage *self)
{
  if (!gtk_search_bar_get_search_mode (self->search_bar))
    gtk_editable_set_text (GTK_EDITABLE (self->search_entry), "");
}

/* ---- the header bar ---- */

static void
make_search (PbaQueuePage *self)
{
  GtkWidget *button = gtk_toggle_button_new ();

  gtk_button_set_icon_name (GTK_BUTTON (button), "system-search-symbolic");
  gtk_widget_set_tooltip_text (button, _ ("Search"));
  pba_accessible_name (button, _ ("Search"));
  g_object_bind_property (button, "active", self->search_bar, "search-mode-enabled",
                          G_BINDING_BIDIRECTIONAL);
  gtk_search_bar_connect_entry (self->search_bar, GTK_EDITABLE (self->search_entry));
  gtk_search_bar_set_key_capture_widget (self->search_bar, GTK_WIDGET (self->list_view));
  g_object_set (self, "header-end", button, NULL);
}

static void
make_views (PbaQueuePage *self, const char *title)
{
  GtkWidget *switcher = adw_view_switcher_title_new ();
  GtkWidget *bar = adw_view_switcher_bar_new ();

  self->views = ADW_VIEW_STACK (adw_view_stack_new ());
  for (guint i = 0; i < G_N_ELEMENTS (views); i++)
    adw_view_stack_add_titled_with_icon (self->views, adw_bin_new (), views[i].name,
                                         _ (views[i].title), views[i].icon);
  /* It only says which view is meant; the rows are the page's. */
  adw_bin_set_child (self->views_bin, GTK_WIDGET (self->views));
  self->switcher = ADW_VIEW_SWITCHER_TITLE (switcher);
  adw_view_switcher_title_set_stack (ADW_VIEW_SWITCHER_TITLE (switcher), self->views);
  adw_view_switcher_title_set_title (ADW_VIEW_SWITCHER_TITLE (switcher), title);
  adw_view_switcher_bar_set_stack (ADW_VIEW_SWITCHER_BAR (bar), self->views);
  g_object_bind_property (switcher, "title-visible", bar, "reveal", G_BINDING_SYNC_CREATE);
  g_signal_connect_object (switcher, "notify::title-visible", G_CALLBACK (show_counts), self,
                           G_CONNECT_SWAPPED);
  gtk_box_append (GTK_BOX (adw_bin_get_child (ADW_BIN (self))), bar);
  g_signal_connect_object (self->views, "notify::visible-child-name", G_CALLBACK (on_view), self,
                           G_CONNECT_SWAPPED);
  g_object_set (self, "header-title", switcher, NULL);
}

/* ---- the widget ---- */

static void
pba_queue_page_shown (PbaPage *page)
{
  PbaQueuePage *self = PBA_QUEUE_PAGE (page);

  pba_queue_set_watched (self->queue, TRUE);
  self->minute_source = g_timeout_add_seconds (MINUTE_SECONDS, on_minute, self);
  on_minute (self);
}

static void
pba_queue_page_hidden (PbaPage *page)
{
  PbaQueuePage *self = PBA_QUEUE_PAGE (page);

  pba_queue_set_watched (self->queue, FALSE);
  g_clear_handle_id (&self->minute_source, g_source_remove);
}

static gboolean
pba_queue_page_reveal (PbaPage *page, const char *key)
{
  PbaQueuePage *self = PBA_QUEUE_PAGE (page);

  if (adw_view_stack_get_child_by_name (self->views, key) == NULL)
    return FALSE;
  adw_view_stack_set_visible_child_name (self->views, key);
  return TRUE;
}

static void
pba_queue_page_get_gproperty (GObject *object, guint property, GValue *value, GParamSpec *pspec)
{
  g_value_set_uint (value, PBA_QUEUE_PAGE (object)->minute);
}

static void
pba_queue_page_dispose (GObject *object)
{
  PbaQueuePage *self = PBA_QUEUE_PAGE (object);

  g_clear_handle_id (&self->minute_source, g_source_remove);
  g_cancellable_cancel (self->cancellable);
  if (self->list_view != NULL)
    gtk_list_view_set_model (self->list_view, NULL);
  pba_queue_page_forget_selection (self);
  if (self->model != NULL)
    g_signal_handlers_disconnect_by_data (self->model, self);
  g_clear_object (&self->model);
  g_clear_object (&self->queue);
  gtk_widget_dispose_template (GTK_WIDGET (object), PBA_TYPE_QUEUE_PAGE);
  G_OBJECT_CLASS (pba_queue_page_parent_class)->dispose (object);
}

static void
pba_queue_page_finalize (GObject *object)
{
  PbaQueuePage *self = PBA_QUEUE_PAGE (object);

  g_object_unref (self->cancellable);
  g_hash_table_unref (self->undos);
  G_OBJECT_CLASS (pba_queue_page_parent_class)->finalize (object);
}

static void
bind_template (GtkWidgetClass *widget_class)
{
#define BIND(child) gtk_widget_class_bind_template_child (widget_class, PbaQueuePage, child)
  BIND (stack);
  BIND (search_bar);
  BIND (search_entry);
  BIND (list_view);
  BIND (table);
  BIND (header_scroller);
  BIND (header_bin);
  BIND (views_bin);
  BIND (empty_page);
  BIND (error_page);
  BIND (count_label);
  BIND (whole_label);
  BIND (selected_label);
  BIND (resting);
  BIND (selecting);
  BIND (buttons);
  BIND (more_button);
  BIND (hold_button);
  BIND (release_button);
  BIND (progress);
  BIND (notice);
#undef BIND
  gtk_widget_class_bind_template_callback (widget_class, on_activate);
  gtk_widget_class_bind_template_callback (widget_class, on_retry);
  gtk_widget_class_bind_template_callback (widget_class, on_search_changed);
  gtk_widget_class_bind_template_callback (widget_class, on_search_mode);
}

static void
pba_queue_page_class_init (PbaQueuePageClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->get_property = pba_queue_page_get_gproperty;
  object_class->dispose = pba_queue_page_dispose;
  object_class->finalize = pba_queue_page_finalize;
  PBA_PAGE_CLASS (klass)->shown = pba_queue_page_shown;
  PBA_PAGE_CLASS (klass)->hidden = pba_queue_page_hidden;
  PBA_PAGE_CLASS (klass)->reveal = pba_queue_page_reveal;
  g_object_class_install_property (object_class, PROP_MINUTE,
                                   g_param_spec_uint ("minute", NULL, NULL, 0, G_MAXUINT, 0,
                                                      G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));
  g_type_ensure (PBA_TYPE_COMPACT_BIN);
  g_type_ensure (PBA_TYPE_NOTICE_BAR);
  gtk_widget_class_set_template_from_resource (widget_class, "/org/postbus/Admin/queue-page.ui");
  bind_template (widget_class);
  pba_queue_page_install_actions (widget_class);
}

static void
pba_queue_page_init (PbaQueuePage *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
  self->cancellable = g_cancellable_new ();
  pba_queue_page_add_keys (self);
}

static void
make_list (PbaQueuePage *self, const char *title)
{
  g_autoptr (GtkListItemFactory) factory = gtk_signal_list_item_factory_new ();

  pba_queue_item_measure (GTK_WIDGET (self), &self->widths);
  pba_compact_bin_set_threshold (self->table, self->widths.total);
  g_object_bind_property (self->table, "compact", self->header_scroller, "visible",
                          G_BINDING_SYNC_CREATE | G_BINDING_INVERT_BOOLEAN);
  adw_bin_set_child (self->header_bin, pba_queue_item_header (&self->widths));
  g_signal_connect (factory, "setup", G_CALLBACK (on_setup), self);
  g_signal_connect (factory, "bind", G_CALLBACK (on_bind), self);
  g_signal_connect (factory, "unbind", G_CALLBACK (on_unbind), self);
  gtk_list_view_set_factory (self->list_view, factory);
  gtk_list_view_set_model (self->list_view, GTK_SELECTION_MODEL (self->selection));
  pba_accessible_name (self->list_view, title);
}

GtkWidget *
pba_queue_page_new (PbaServer *server, const char *title)
{
  static const char *const follows[] = { "notify::total", "notify::loading", "notify::error" };
  PbaQueuePage *self = g_object_new (PBA_TYPE_QUEUE_PAGE, "server", server, "title", title, NULL);

  self->queue = g_object_ref (pba_server_get_queue (server));
  self->model = g_object_ref (pba_queue_get_messages (self->queue));
  pba_queue_page_follow_selection (self);
  make_list (self, title);
  make_search (self);
  make_views (self, title);
  for (guint i = 0; i < G_N_ELEMENTS (follows); i++)
    g_signal_connect_swapped (self->model, follows[i], G_CALLBACK (show_state), self);
  g_signal_connect_object (self->queue, "notify", G_CALLBACK (show_counts), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->table, "notify::compact", G_CALLBACK (show_selected), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (pba_server_get_permissions (server), "notify",
                           G_CALLBACK (pba_queue_page_show_actions), self, G_CONNECT_SWAPPED);
  show_counts (self);
  on_view (self);
  return GTK_WIDGET (self);
}
