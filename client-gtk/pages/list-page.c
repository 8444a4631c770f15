/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A page of one list, as its layout says: header bar, search, rows, what stands in their place when
 * there are none, and the line below. Made by the table of pages. Too narrow for its columns it shows
 * rows of two lines only: it measures by itself, since the window folds for reasons of its own. What is
 * done to rows is in list-actions.c, what is selected in list-selection.c, the header bar in list-bar.c,
 * files are in list-transfer.c.
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
  g_autoptr (GtkBitset) selected =
    gtk_selection_model_get_selection (GTK_SELECTION_MODEL (self->selection));

  if (gtk_bitset_get_size (selected) != 1)
    return NULL;
  return g_list_model_get_item (G_LIST_MODEL (self->selection), gtk_bitset_get_minimum (selected));
}

/* ---- what is shown ---- */

void
pba_list_page_show_footer (PbaListPage *self)
{
  g_autoptr (GtkBitset) selected =
    gtk_selection_model_get_selection (GTK_SELECTION_MODEL (self->selection));
  guint n = gtk_bitset_get_size (selected);
  gboolean writable = pba_list_model_get_writable (self->model);
  gboolean known = pba_list_model_get_loaded (self->model);
  g_autofree char *count =
    known ? self->layout->count (pba_list_model_get_total (self->model)) : g_strdup ("");
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
  gtk_stack_set_visible_child_name (self->stack, error != NULL && (none || !loaded) ? "error"
                                                 : empty                            ? "empty"
                                                 : no_results                       ? "no-results"
                                                 : none                             ? "loading"
                                                                                    : "list");
  pba_list_page_show_footer (self);
}

static void
show_header (PbaListPage *self)
{
  adw_bin_set_child (self->header_bin, pba_list_header_new (self->layout, &self->widths,
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
  pba_list_page_go_on_finding (self);
}

void
pba_list_page_show_view (PbaListPage *self)
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

/* The page has no layout manager, for one would leave it no word in its allocation. */
static void
pba_list_page_measure (GtkWidget *widget, GtkOrientation orientation, int for_size, int *minimum,
                       int *natural, int *minimum_baseline, int *natural_baseline)
{
  gtk_widget_measure (adw_bin_get_child (ADW_BIN (widget)), orientation, for_size, minimum, natural,
                      minimum_baseline, natural_baseline);
}

static void
pba_list_page_size_allocate (GtkWidget *widget, int width, int height, int baseline)
{
  PbaListPage *self = PBA_LIST_PAGE (widget);
  gboolean compact = width < self->widths.total;

  gtk_widget_allocate (adw_bin_get_child (ADW_BIN (widget)), width, height, baseline, NULL);
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
  if (!pba_list_page_find (self, key))
    pba_list_page_search_row (self, key);
  return TRUE;
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
  pba_list_page_forget_selection (self);
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
  g_hash_table_unref (PBA_LIST_PAGE (object)->removals);
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
    { "list.create", on_create },       { "list.edit", on_edit },
    { "list.remove", on_remove },       { "list.move-up", on_move_up },
    { "list.move-down", on_move_down }, { "list.unselect", on_unselect },
  };
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->get_property = pba_list_page_get_gproperty;
  object_class->dispose = pba_list_page_dispose;
  object_class->finalize = pba_list_page_finalize;
  widget_class->measure = pba_list_page_measure;
  widget_class->size_allocate = pba_list_page_size_allocate;
  PBA_PAGE_CLASS (klass)->reveal = pba_list_page_reveal;
  g_object_class_install_property (
    object_class, PROP_COMPACT,
    g_param_spec_boolean ("compact", NULL, NULL, FALSE, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));
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
    { "Delete", "list.remove" },
    { "<Alt>Up", "list.move-up" },
    { "<Alt>Down", "list.move-down" },
    { "Escape", "list.unselect" },
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
  gtk_widget_set_layout_manager (GTK_WIDGET (self), NULL);
  self->cancellable = g_cancellable_new ();
  self->removals = g_hash_table_new_full (NULL, NULL, NULL, (GDestroyNotify) g_ptr_array_unref);
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
      g_autofree char *whole = g_strdup_printf (_ ("Not obeyed yet by this server. %s"), line);

      gtk_label_set_label (self->footer_label, whole);
    }
  else
    gtk_label_set_label (self->footer_label, line);
  gtk_widget_set_visible (self->footer_icon, marks || spec->ineffective);
  adw_status_page_set_title (self->empty_page, _ (self->layout->empty_title));
  adw_status_page_set_description (self->empty_page, help);
  adw_status_page_set_icon_name (self->empty_page, self->layout->icon);
  gtk_search_bar_connect_entry (self->search_bar, GTK_EDITABLE (self->search_entry));
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
  pba_list_page_follow_selection (self);
  pba_list_header_measure (GTK_WIDGET (self), self->layout, &self->widths);
  show_words (self);
  pba_list_page_make_bar (self);
  g_signal_connect (factory, "setup", G_CALLBACK (on_setup), self);
  g_signal_connect (factory, "bind", G_CALLBACK (on_bind), self);
  g_signal_connect (factory, "unbind", G_CALLBACK (on_unbind), self);
  gtk_list_view_set_factory (self->list_view, factory);
  gtk_list_view_set_model (self->list_view, GTK_SELECTION_MODEL (self->selection));
  pba_accessible_name (self->list_view, title);
  for (guint i = 0; i < G_N_ELEMENTS (follows); i++)
    g_signal_connect_swapped (self->model, follows[i], G_CALLBACK (on_model_notify), self);
  show_header (self);
  pba_list_page_show_view (self);
  on_model_notify (self);
  return GTK_WIDGET (self);
}
