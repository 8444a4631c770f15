/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A page of one list, as its layout says: header bar, search, rows, what stands in their place when
 * there are none, and the line below. Made by the table of pages. Too narrow for its columns it shows
 * rows of two lines only: it measures by itself, since the window folds for reasons of its own. What is
 * done to rows is in list-actions.c, files are in list-transfer.c.
 */
#include "pages/list-page-private.h"

#include "model/words.h"
#include "widgets/compat.h"

#include <glib/gi18n.h>

G_DEFINE_FINAL_TYPE (PbaListPage, pba_list_page, PBA_TYPE_PAGE)

enum
{
  PROP_COMPACT = 1,
  PROP_VIEW,
};

const char *
pba_list_page_get_view (PbaListPage *self)
{
  return self->views != NULL ? adw_view_stack_get_visible_child_name (self->views) : NULL;
}

PbaListRow *
pba_list_page_get_selected (PbaListPage *self)
{
  g_autoptr (GtkBitset) selected = gtk_selection_model_get_selection (
    GTK_SELECTION_MODEL (self->selection));

  if (gtk_bitset_get_size (selected) != 1)
    return NULL;
  return g_list_model_get_item (G_LIST_MODEL (self->selection), gtk_bitset_get_minimum (selected));
}

/* ---- what is shown ---- */

static void
show_footer (PbaListPage *self)
{
  g_autoptr (GtkBitset) selected = gtk_selection_model_get_selection (
    GTK_SELECTION_MODEL (self->selection));
  guint n = gtk_bitset_get_size (selected);
  gboolean writable = pba_list_model_get_writable (self->model);
  g_autofree char *count = self->layout->count (pba_list_model_get_total (self->model));
  g_autofree char *chosen = g_strdup_printf (ngettext ("%u selected", "%u selected", n), n);

  gtk_label_set_label (self->count_label, count);
  gtk_label_set_label (self->selected_label, chosen);
  gtk_widget_set_visible (self->resting, n == 0 || !writable);
  gtk_widget_set_visible (self->selecting, n > 0 && writable);
  gtk_widget_set_sensitive (self->edit_button, n == 1);
}

static void
show_state (PbaListPage *self)
{
  const char *error = pba_list_model_get_error (self->model);
  gboolean empty, no_results, loaded = pba_list_model_get_loaded (self->model);
  gboolean none = pba_list_model_get_total (self->model) == 0;
  const char *search = gtk_editable_get_text (GTK_EDITABLE (self->search_entry));

  /* A view is a filter to the model, not a search to people. */
  empty = loaded && none && search[0] == '\0';
  no_results = loaded && none && search[0] != '\0';
  adw_status_page_set_description (self->error_page, error);
  gtk_stack_set_visible_child_name (self->stack, error != NULL && none ? "error"
                                                 : empty               ? "empty"
                                                 : no_results          ? "no-results"
                                                 : loaded              ? "list"
                                                                       : "loading");
  show_footer (self);
}

static void
show_header (PbaListPage *self)
{
  adw_bin_set_child (self->header_bin,
                     pba_list_item_header (self->layout, &self->widths,
                                           pba_list_page_get_view (self)));
  gtk_widget_set_visible (self->header_scroller, !self->compact);
}

static void
on_model_notify (PbaListPage *self)
{
  gboolean writable = pba_list_model_get_writable (self->model);

  gtk_widget_set_sensitive (self->create, writable);
  gtk_widget_set_visible (self->create_empty, writable);
  show_state (self);
  pba_list_page_go_on_removing (self);
}

static void
on_view (PbaListPage *self)
{
  const char *view = pba_list_page_get_view (self);

  if (view == NULL || self->model == NULL)
    return;
  gtk_selection_model_unselect_all (GTK_SELECTION_MODEL (self->selection));
  pba_list_model_set_filter (self->model, g_variant_new_parsed ("{'List': <%s>}", view));
  show_header (self);
  show_state (self);
  g_object_notify (G_OBJECT (self), "view");
}

/* ---- rows ---- */

static void
on_toggle (PbaListItem *item, PbaListRow *row, gboolean on, gpointer user_data)
{
  pba_list_page_toggle_row (user_data, row, on);
}

static void
on_place (PbaListItem *item, PbaListRow *row, PbaListRow *at, gboolean after, gpointer user_data)
{
  pba_list_page_place_row (user_data, row, at, after);
}

static void
on_setup (GtkSignalListItemFactory *factory, GtkListItem *list_item, gpointer user_data)
{
  PbaListPage *self = user_data;
  GtkWidget *item = pba_list_item_new (self->layout, &self->widths);

  g_object_bind_property (self, "view", item, "view", G_BINDING_SYNC_CREATE);
  g_object_bind_property (self, "compact", item, "compact", G_BINDING_SYNC_CREATE);
  g_object_bind_property (self->model, "writable", item, "editable", G_BINDING_SYNC_CREATE);
  g_signal_connect_object (item, "toggle", G_CALLBACK (on_toggle), self, 0);
  g_signal_connect_object (item, "place", G_CALLBACK (on_place), self, 0);
  gtk_list_item_set_child (list_item, item);
}

static void
on_bind (GtkSignalListItemFactory *factory, GtkListItem *list_item, gpointer user_data)
{
  pba_list_item_bind (PBA_LIST_ITEM (gtk_list_item_get_child (list_item)),
                      gtk_list_item_get_item (list_item));
}

static void
on_unbind (GtkSignalListItemFactory *factory, GtkListItem *list_item, gpointer user_data)
{
  pba_list_item_unbind (PBA_LIST_ITEM (gtk_list_item_get_child (list_item)));
}

static void
on_activate (PbaListPage *self, guint position)
{
  g_autoptr (PbaListRow) row = g_list_model_get_item (G_LIST_MODEL (self->selection), position);

  if (row != NULL)
    pba_list_page_edit_row (self, row);
}

/* ---- actions ---- */

static void
on_create (GtkWidget *widget, const char *name, GVariant *parameter)
{
  pba_list_page_create_row (PBA_LIST_PAGE (widget));
}

static void
on_edit (GtkWidget *widget, const char *name, GVariant *parameter)
{
  g_autoptr (PbaListRow) row = pba_list_page_get_selected (PBA_LIST_PAGE (widget));

  if (row != NULL)
    pba_list_page_edit_row (PBA_LIST_PAGE (widget), row);
}

static void
on_remove (GtkWidget *widget, const char *name, GVariant *parameter)
{
  pba_list_page_remove_selected (PBA_LIST_PAGE (widget));
}

static void
on_move_up (GtkWidget *widget, const char *name, GVariant *parameter)
{
  pba_list_page_step_row (PBA_LIST_PAGE (widget), -1);
}

static void
on_move_down (GtkWidget *widget, const char *name, GVariant *parameter)
{
  pba_list_page_step_row (PBA_LIST_PAGE (widget), 1);
}

static void
on_unselect (GtkWidget *widget, const char *name, GVariant *parameter)
{
  gtk_selection_model_unselect_all (GTK_SELECTION_MODEL (PBA_LIST_PAGE (widget)->selection));
}

static void
on_retry (PbaListPage *self)
{
  pba_list_model_refresh (self->model);
}

static void
on_search_changed (PbaListPage *self)
{
  pba_list_model_set_search (self->model,
                             gtk_editable_get_text (GTK_EDITABLE (self->search_entry)));
}

static void
on_search_mode (PbaListPage *self)
{
  if (!gtk_search_bar_get_search_mode (self->search_bar))
    gtk_editable_set_text (GTK_EDITABLE (self->search_entry), "");
}

/* ---- the header bar ---- */

static GtkWidget *
make_icon_button (GtkWidget *button, const char *icon, const char *name)
{
  if (GTK_IS_MENU_BUTTON (button))
    gtk_menu_button_set_icon_name (GTK_MENU_BUTTON (button), icon);
  else
    gtk_button_set_icon_name (GTK_BUTTON (button), icon);
  gtk_widget_set_tooltip_text (button, name);
  pba_accessible_name (button, name);
  return button;
}

static GMenuModel *
make_menu (void)
{
  GMenu *menu = g_menu_new ();

  g_menu_append (menu, _ ("_Import from CSV…"), "list.import");
  g_menu_append (menu, _ ("_Export to CSV…"), "list.export");
  return G_MENU_MODEL (menu);
}

static void
on_narrow (PbaListPage *self)
{
  gtk_widget_set_visible (self->create_label, !pba_page_get_narrow (PBA_PAGE (self)));
}

static void
make_header_bar (PbaListPage *self)
{
  GtkWidget *content = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 6);
  GtkWidget *end = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 6);
  g_autoptr (GMenuModel) menu = make_menu ();

  self->create = gtk_button_new ();
  self->create_label = gtk_label_new_with_mnemonic (_ ("_Create"));
  gtk_box_append (GTK_BOX (content), gtk_image_new_from_icon_name ("list-add-symbolic"));
  gtk_box_append (GTK_BOX (content), self->create_label);
  gtk_button_set_child (GTK_BUTTON (self->create), content);
  gtk_widget_set_tooltip_text (self->create, _ ("Create"));
  pba_accessible_name (self->create, _ ("Create"));
  self->search_button =
    make_icon_button (gtk_toggle_button_new (), "system-search-symbolic", _ ("Search"));
  self->menu_button = make_icon_button (gtk_menu_button_new (), "view-more-symbolic", _ ("More"));
  gtk_menu_button_set_menu_model (GTK_MENU_BUTTON (self->menu_button), menu);
  gtk_box_append (GTK_BOX (end), self->search_button);
  gtk_box_append (GTK_BOX (end), self->menu_button);
  g_object_bind_property (self->search_button, "active", self->search_bar, "search-mode-enabled",
                          G_BINDING_BIDIRECTIONAL);
  /* They stand in the window's header bar, where the page's actions are out of reach. */
  g_signal_connect_object (self->create, "clicked", G_CALLBACK (pba_list_page_create_row), self,
                           G_CONNECT_SWAPPED);
  g_object_set (self, "header-start", self->create, "header-end", end, NULL);
}

static void
add_menu_actions (PbaListPage *self)
{
  static const char *const names[] = { "import", "export" };
  static void (*const functions[]) (PbaListPage *) = { pba_list_page_import,
                                                       pba_list_page_export };
  g_autoptr (GSimpleActionGroup) group = g_simple_action_group_new ();

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autoptr (GSimpleAction) action = g_simple_action_new (names[i], NULL);

      g_signal_connect_object (action, "activate", G_CALLBACK (functions[i]), self,
                               G_CONNECT_SWAPPED);
      if (i == 0)
        g_object_bind_property (self->model, "writable", action, "enabled", G_BINDING_SYNC_CREATE);
      g_action_map_add_action (G_ACTION_MAP (group), G_ACTION (action));
    }
  gtk_widget_insert_action_group (self->menu_button, "list", G_ACTION_GROUP (group));
}

static void
make_views (PbaListPage *self, const char *title)
{
  GtkWidget *switcher = adw_view_switcher_title_new ();
  GtkWidget *bar = adw_view_switcher_bar_new ();

  self->views = ADW_VIEW_STACK (adw_view_stack_new ());
  for (guint i = 0; self->layout->views[i] != NULL; i++)
    {
      g_autofree char *name = pba_words_choice ("List", self->layout->views[i]);

      adw_view_stack_add_titled_with_icon (self->views, adw_bin_new (), self->layout->views[i],
                                           name, self->layout->view_icons[i]);
    }
  /* It only says which view is meant; the rows are the page's. */
  adw_bin_set_child (self->views_bin, GTK_WIDGET (self->views));
  adw_view_switcher_title_set_stack (ADW_VIEW_SWITCHER_TITLE (switcher), self->views);
  adw_view_switcher_title_set_title (ADW_VIEW_SWITCHER_TITLE (switcher), title);
  adw_view_switcher_bar_set_stack (ADW_VIEW_SWITCHER_BAR (bar), self->views);
  g_object_bind_property (switcher, "title-visible", bar, "reveal", G_BINDING_SYNC_CREATE);
  gtk_box_append (GTK_BOX (adw_bin_get_child (ADW_BIN (self))), bar);
  g_signal_connect_object (self->views, "notify::visible-child-name", G_CALLBACK (on_view), self,
                           G_CONNECT_SWAPPED);
  g_object_set (self, "header-title", switcher, NULL);
}

/* ---- the widget ---- */

static gboolean
on_compact (gpointer user_data)
{
  PbaListPage *self = user_data;

  self->compact_source = 0;
  self->compact = !self->compact;
  show_header (self);
  g_object_notify (G_OBJECT (self), "compact");
  return G_SOURCE_REMOVE;
}

static void
pba_list_page_size_allocate (GtkWidget *widget, int width, int height, int baseline)
{
  PbaListPage *self = PBA_LIST_PAGE (widget);
  gboolean compact = width < self->widths.total;

  GTK_WIDGET_CLASS (pba_list_page_parent_class)->size_allocate (widget, width, height, baseline);
  /* Not now: this is the middle of a layout. */
  if (compact != self->compact && self->compact_source == 0)
    self->compact_source = g_idle_add (on_compact, self);
  else if (compact == self->compact)
    g_clear_handle_id (&self->compact_source, g_source_remove);
}

static gboolean
pba_list_page_reveal (PbaPage *page, const char *key)
{
  PbaListPage *self = PBA_LIST_PAGE (page);

  if (self->layout->views != NULL && g_strv_contains (self->layout->views, key))
    {
      adw_view_stack_set_visible_child_name (self->views, key);
      return TRUE;
    }
  for (guint i = 0; i < pba_list_model_get_total (self->model); i++)
    {
      g_autoptr (PbaListRow) row = g_list_model_get_item (G_LIST_MODEL (self->model), i);

      if (g_strcmp0 (pba_list_row_get_id (row), key) != 0)
        continue;
      gtk_widget_activate_action (GTK_WIDGET (self->list_view), "list.scroll-to-item", "u", i);
      gtk_selection_model_select_item (GTK_SELECTION_MODEL (self->selection), i, TRUE);
      return TRUE;
    }
  return FALSE;
}

static void
pba_list_page_get_gproperty (GObject *object, guint property, GValue *value, GParamSpec *pspec)
{
  PbaListPage *self = PBA_LIST_PAGE (object);

  if (property == PROP_COMPACT)
    g_value_set_boolean (value, self->compact);
  else
    g_value_set_string (value, pba_list_page_get_view (self));
}

static void
pba_list_page_dispose (GObject *object)
{
  PbaListPage *self = PBA_LIST_PAGE (object);

  g_cancellable_cancel (self->cancellable);
  g_clear_handle_id (&self->compact_source, g_source_remove);
  if (self->list_view != NULL)
    gtk_list_view_set_model (self->list_view, NULL);
  g_clear_object (&self->selection);
  if (self->model != NULL)
    g_signal_handlers_disconnect_by_data (self->model, self);
  g_clear_object (&self->model);
  gtk_widget_dispose_template (GTK_WIDGET (object), PBA_TYPE_LIST_PAGE);
  G_OBJECT_CLASS (pba_list_page_parent_class)->dispose (object);
}

static void
pba_list_page_finalize (GObject *object)
{
  g_object_unref (PBA_LIST_PAGE (object)->cancellable);
  G_OBJECT_CLASS (pba_list_page_parent_class)->finalize (object);
}

static void
bind_template (GtkWidgetClass *widget_class)
{
#define BIND(child) gtk_widget_class_bind_template_child (widget_class, PbaListPage, child)
  BIND (stack);
  BIND (search_bar);
  BIND (search_entry);
  BIND (list_view);
  BIND (header_bin);
  BIND (header_scroller);
  BIND (views_bin);
  BIND (empty_page);
  BIND (error_page);
  BIND (create_empty);
  BIND (resting);
  BIND (selecting);
  BIND (footer_icon);
  BIND (edit_button);
  BIND (progress);
  BIND (footer_label);
  BIND (count_label);
  BIND (selected_label);
#undef BIND
  gtk_widget_class_bind_template_callback (widget_class, on_activate);
  gtk_widget_class_bind_template_callback (widget_class, on_retry);
  gtk_widget_class_bind_template_callback (widget_class, on_search_changed);
  gtk_widget_class_bind_template_callback (widget_class, on_search_mode);
}

static void
pba_list_page_class_init (PbaListPageClass *klass)
{
  static const struct
  {
    const char *name;
    GtkWidgetActionActivateFunc activate;
  } actions[] = {
    { "list.create", on_create },   { "list.edit", on_edit },           { "list.remove", on_remove },
    { "list.move-up", on_move_up }, { "list.move-down", on_move_down }, { "list.unselect", on_unselect },
  };
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->get_property = pba_list_page_get_gproperty;
  object_class->dispose = pba_list_page_dispose;
  object_class->finalize = pba_list_page_finalize;
  widget_class->size_allocate = pba_list_page_size_allocate;
  PBA_PAGE_CLASS (klass)->reveal = pba_list_page_reveal;
  g_object_class_install_property (object_class, PROP_COMPACT,
                                   g_param_spec_boolean ("compact", NULL, NULL, FALSE,
                                                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));
  g_object_class_install_property (object_class, PROP_VIEW,
                                   g_param_spec_string ("view", NULL, NULL, NULL,
                                                        G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));
  gtk_widget_class_set_template_from_resource (widget_class, "/org/postbus/Admin/list-page.ui");
  bind_template (widget_class);
  for (guint i = 0; i < G_N_ELEMENTS (actions); i++)
    gtk_widget_class_install_action (widget_class, actions[i].name, NULL, actions[i].activate);
}

/* Keys of the rows; in the search entry they mean what they mean in entries. */
static void
add_keys (PbaListPage *self)
{
  static const struct
  {
    const char *keys, *action;
  } shortcuts[] = {
    { "Delete", "list.remove" },     { "<Alt>Up", "list.move-up" },
    { "<Alt>Down", "list.move-down" }, { "Escape", "list.unselect" },
  };
  GtkEventController *controller = gtk_shortcut_controller_new ();

  for (guint i = 0; i < G_N_ELEMENTS (shortcuts); i++)
    gtk_shortcut_controller_add_shortcut (
      GTK_SHORTCUT_CONTROLLER (controller),
      gtk_shortcut_new (gtk_shortcut_trigger_parse_string (shortcuts[i].keys),
                        gtk_named_action_new (shortcuts[i].action)));
  gtk_event_controller_set_propagation_phase (controller, GTK_PHASE_CAPTURE);
  gtk_widget_add_controller (GTK_WIDGET (self->list_view), controller);
}

static void
pba_list_page_init (PbaListPage *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
  self->cancellable = g_cancellable_new ();
  add_keys (self);
}

static void
show_words (PbaListPage *self)
{
  const PbListSpec *spec = pb_list_spec (self->layout->kind);
  gboolean marks = self->layout->kind == PB_LIST_ACCESS_LIST;
  g_autofree char *help = pba_words_help (spec->help);
  g_autofree char *line = NULL;

  if (self->layout->footer != NULL)
    line = g_strdup (_ (self->layout->footer));
  else
    line = g_strdup (help);
  if (spec->ineffective)
    {
      /* Translators: %s is a sentence or two with their full stops */
      g_autofree char *whole =
        g_strdup_printf (_ ("Not obeyed yet by this server. %s"), line);

      gtk_label_set_label (self->footer_label, whole);
    }
  else
    gtk_label_set_label (self->footer_label, line);
  gtk_widget_set_visible (self->footer_icon, marks || spec->ineffective);
  adw_status_page_set_title (self->empty_page, _ (self->layout->empty_title));
  adw_status_page_set_description (self->empty_page, help);
  adw_status_page_set_icon_name (self->empty_page, self->layout->icon);
  gtk_search_bar_set_key_capture_widget (self->search_bar, GTK_WIDGET (self->list_view));
  g_object_set (self->search_entry, "placeholder-text", _ (self->layout->search_hint), NULL);
  pba_accessible_name (self->search_entry, _ (self->layout->search_hint));
  pba_accessible_name (self->progress, _ ("Working"));
}

GtkWidget *
pba_list_page_new (PbaServer *server, const char *title, PbListKind kind)
{
  static const char *const follows[] = { "notify::total", "notify::loading", "notify::error",
                                         "notify::writable" };
  PbaListPage *self = g_object_new (PBA_TYPE_LIST_PAGE, "server", server, "title", title, NULL);
  g_autoptr (GtkListItemFactory) factory = gtk_signal_list_item_factory_new ();

  self->layout = pba_list_layout (kind);
  self->model = g_object_ref (pba_server_get_list (server, kind));
  self->selection = gtk_multi_selection_new (G_LIST_MODEL (g_object_ref (self->model)));
  pba_list_item_measure (GTK_WIDGET (self), self->layout, &self->widths);
  show_words (self);
  make_header_bar (self);
  add_menu_actions (self);
  if (self->layout->views != NULL)
    make_views (self, title);
  g_signal_connect (factory, "setup", G_CALLBACK (on_setup), self);
  g_signal_connect (factory, "bind", G_CALLBACK (on_bind), self);
  g_signal_connect (factory, "unbind", G_CALLBACK (on_unbind), self);
  gtk_list_view_set_factory (self->list_view, factory);
  gtk_list_view_set_model (self->list_view, GTK_SELECTION_MODEL (self->selection));
  pba_accessible_name (self->list_view, title);
  for (guint i = 0; i < G_N_ELEMENTS (follows); i++)
    g_signal_connect_swapped (self->model, follows[i], G_CALLBACK (on_model_notify), self);
  g_signal_connect_object (self->selection, "selection-changed", G_CALLBACK (show_footer), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self, "notify::narrow", G_CALLBACK (on_narrow), self,
                           G_CONNECT_SWAPPED);
  show_header (self);
  on_view (self);
  on_model_notify (self);
  return GTK_WIDGET (self);
}
