/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The sidebar: the table of pages as a list whose entries with sub-pages open in place (also by Left
 * and Right), pills with counts, and the search that finds pages and settings by their words. Owned by
 * the window, which it tells where to go; it decides nothing.
 */
#include "client-gtk/sidebar.h"

#include "widgets/compat.h"

#include <glib/gi18n.h>

struct _PbaSidebar
{
  AdwBin parent_instance;

  GtkSearchBar *search_bar; /* template children */
  GtkSearchEntry *search_entry;
  GtkStack *stack;
  GtkListBox *pages, *results;

  PbaServer *server; /* (owned) (nullable) */
  GPtrArray *pills;  /* (owned) (element-type GBinding): of the server */
};

G_DEFINE_FINAL_TYPE (PbaSidebar, pba_sidebar, ADW_TYPE_BIN)

static guint go_signal;

static const PbaPageSpec *
spec_of (gpointer row)
{
  return g_object_get_data (G_OBJECT (row), "spec");
}

static GtkListBoxRow *
find_row (PbaSidebar *self, const char *page)
{
  GtkListBoxRow *row;

  for (int i = 0; (row = gtk_list_box_get_row_at_index (self->pages, i)) != NULL; i++)
    if (g_str_equal (spec_of (row)->id, page))
      return row;
  return NULL;
}

static gboolean
is_open (GtkListBoxRow *row)
{
  return GPOINTER_TO_INT (g_object_get_data (G_OBJECT (row), "open"));
}

static void
set_open (PbaSidebar *self, GtkListBoxRow *entry, gboolean open)
{
  GtkWidget *arrow = g_object_get_data (G_OBJECT (entry), "arrow");
  GtkListBoxRow *row;

  if (arrow == NULL)
    return;
  g_object_set_data (G_OBJECT (entry), "open", GINT_TO_POINTER (open));
  gtk_image_set_from_icon_name (GTK_IMAGE (arrow), open ? "pan-down-symbolic" : "pan-end-symbolic");
  gtk_accessible_update_state (GTK_ACCESSIBLE (entry), GTK_ACCESSIBLE_STATE_EXPANDED, open, -1);
  for (int i = 0; (row = gtk_list_box_get_row_at_index (self->pages, i)) != NULL; i++)
    if (g_strcmp0 (spec_of (row)->parent, spec_of (entry)->id) == 0)
      gtk_widget_set_visible (GTK_WIDGET (row), open);
}

static void
on_activated (GtkListBox *list, GtkListBoxRow *row, gpointer user_data)
{
  PbaSidebar *self = user_data;
  const PbaPageSpec *spec = spec_of (row);

  if (spec->make == NULL)
    set_open (self, row, !is_open (row));
  else
    g_signal_emit (self, go_signal, 0, spec->id, NULL);
}

static gboolean
on_key (GtkEventControllerKey *controller, guint key, guint code, GdkModifierType modifiers,
        gpointer user_data)
{
  PbaSidebar *self = user_data;
  GtkWidget *row = gtk_event_controller_get_widget (GTK_EVENT_CONTROLLER (controller));
  const PbaPageSpec *spec = spec_of (row);
  GtkListBoxRow *parent = spec->parent != NULL ? find_row (self, spec->parent) : NULL;
  gboolean backwards = gtk_widget_get_direction (row) == GTK_TEXT_DIR_RTL;
  gboolean opens = key == (backwards ? GDK_KEY_Left : GDK_KEY_Right);
  gboolean closes = key == (backwards ? GDK_KEY_Right : GDK_KEY_Left);

  if ((!opens && !closes) || (modifiers & gtk_accelerator_get_default_mod_mask ()) != 0)
    return FALSE;
  if (spec->make == NULL && opens != is_open (GTK_LIST_BOX_ROW (row)))
    set_open (self, GTK_LIST_BOX_ROW (row), opens);
  else if (closes && parent != NULL)
    {
      gtk_widget_grab_focus (GTK_WIDGET (parent));
      set_open (self, parent, FALSE);
    }
  return TRUE;
}

/* ---- rows ---- */

static gboolean
count_to_text (GBinding *binding, const GValue *from, GValue *to, gpointer user_data)
{
  guint count = g_value_get_uint (from);
  GtkWidget *row = user_data;
  g_autofree char *name = NULL;

  g_value_take_string (to, count > 0 ? g_strdup_printf ("%u", count) : g_strdup (""));
  /* Translators: an entry of the sidebar with its count, for screen readers: “Queue, 14” */
  name = count > 0 ? g_strdup_printf (_ ("%s, %u"), _ (spec_of (row)->title), count)
                   : g_strdup (_ (spec_of (row)->title));
  pba_accessible_name (row, name);
  return TRUE;
}

static gboolean
count_to_visible (GBinding *binding, const GValue *from, GValue *to, gpointer user_data)
{
  g_value_set_boolean (to, g_value_get_uint (from) > 0);
  return TRUE;
}

static gboolean
has_sub_pages (const PbaPageSpec *spec)
{
  guint n;
  const PbaPageSpec *specs = pba_pages (&n);

  for (guint i = 0; i < n; i++)
    if (g_strcmp0 (specs[i].parent, spec->id) == 0)
      return TRUE;
  return FALSE;
}

static GtkWidget *
make_row (PbaSidebar *self, const PbaPageSpec *spec)
{
  GtkWidget *row = gtk_list_box_row_new ();
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 12);
  GtkWidget *label = gtk_label_new (_ (spec->title));
  GtkEventController *keys = gtk_event_controller_key_new ();

  g_object_set_data (G_OBJECT (row), "spec", (gpointer) spec);
  if (spec->icon != NULL)
    gtk_box_append (GTK_BOX (box), gtk_image_new_from_icon_name (spec->icon));
  gtk_label_set_xalign (GTK_LABEL (label), 0);
  gtk_label_set_ellipsize (GTK_LABEL (label), PANGO_ELLIPSIZE_END);
  gtk_widget_set_hexpand (label, TRUE);
  gtk_box_append (GTK_BOX (box), label);
  if (spec->count != NULL)
    {
      GtkWidget *pill = gtk_label_new (NULL);

      gtk_widget_set_valign (pill, GTK_ALIGN_CENTER);
      gtk_widget_add_css_class (pill, "badge");
      gtk_widget_add_css_class (pill, "numeric");
      gtk_widget_set_visible (pill, FALSE);
      if (spec->attention)
        gtk_widget_add_css_class (pill, "attention");
      gtk_box_append (GTK_BOX (box), pill);
      g_object_set_data (G_OBJECT (row), "pill", pill);
    }
  if (has_sub_pages (spec))
    {
      GtkWidget *arrow = gtk_image_new_from_icon_name ("pan-end-symbolic");

      gtk_widget_add_css_class (arrow, "dim-label");
      gtk_box_append (GTK_BOX (box), arrow);
      g_object_set_data (G_OBJECT (row), "arrow", arrow);
      gtk_list_box_row_set_selectable (GTK_LIST_BOX_ROW (row), FALSE);
      gtk_accessible_update_state (GTK_ACCESSIBLE (row), GTK_ACCESSIBLE_STATE_EXPANDED, FALSE, -1);
    }
  gtk_list_box_row_set_child (GTK_LIST_BOX_ROW (row), box);
  if (spec->gap)
    gtk_widget_add_css_class (row, "gap");
  if (spec->parent != NULL)
    gtk_widget_add_css_class (row, "sub");
  gtk_widget_set_visible (row, spec->parent == NULL);
  pba_accessible_name (row, _ (spec->title));
  g_signal_connect (keys, "key-pressed", G_CALLBACK (on_key), self);
  gtk_widget_add_controller (row, keys);
  return row;
}

/* ---- search ---- */

static void
add_result (PbaSidebar *self, const PbaPageSpec *spec, const char *title, const char *where,
            const char *key)
{
  GtkWidget *row = gtk_list_box_row_new ();
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 2);
  GtkWidget *labels[] = { gtk_label_new (title), gtk_label_new (where) };
  g_autofree char *name = g_strdup_printf ("%s, %s", title, where);

  for (guint i = 0; i < G_N_ELEMENTS (labels); i++)
    {
      gtk_label_set_xalign (GTK_LABEL (labels[i]), 0);
      gtk_label_set_wrap (GTK_LABEL (labels[i]), TRUE);
      gtk_label_set_wrap_mode (GTK_LABEL (labels[i]), PANGO_WRAP_WORD_CHAR);
      gtk_box_append (GTK_BOX (box), labels[i]);
    }
  gtk_widget_add_css_class (labels[1], "dim-label");
  gtk_widget_add_css_class (labels[1], "caption");
  gtk_widget_set_margin_top (box, 6);
  gtk_widget_set_margin_bottom (box, 6);
  gtk_list_box_row_set_child (GTK_LIST_BOX_ROW (row), box);
  g_object_set_data (G_OBJECT (row), "spec", (gpointer) spec);
  g_object_set_data_full (G_OBJECT (row), "key", g_strdup (key), g_free);
  pba_accessible_name (row, name);
  gtk_list_box_append (self->results, row);
}

static void
add_pages (PbaSidebar *self, const char *text)
{
  guint n;
  const PbaPageSpec *specs = pba_pages (&n);
  g_autofree char *folded = g_utf8_casefold (text, -1);

  for (guint i = 0; i < n; i++)
    {
      g_autofree char *title = g_utf8_casefold (_ (specs[i].title), -1);
      const PbaPageSpec *parent =
        specs[i].parent != NULL ? pba_page_lookup (specs[i].parent) : NULL;

      if (specs[i].make != NULL && strstr (title, folded) != NULL)
        add_result (self, &specs[i], _ (specs[i].title),
                    parent != NULL ? _ (parent->title) : _ ("Page"), NULL);
    }
}

static void
add_settings (PbaSidebar *self, const char *text)
{
  g_autoptr (GPtrArray) found =
    pba_settings_model_search (pba_server_get_settings (self->server), text);

  for (guint i = 0; i < found->len; i++)
    {
      PbaSetting *setting = found->pdata[i];
      const PbaPageSpec *spec = pba_page_for_interface (pba_setting_get_interface (setting));

      if (spec != NULL)
        add_result (self, spec, pba_setting_get_title (setting), _ (spec->title),
                    pba_setting_get_key (setting));
    }
}

static void
on_search (PbaSidebar *self)
{
  const char *text = gtk_editable_get_text (GTK_EDITABLE (self->search_entry));
  GtkListBoxRow *row;

  while ((row = gtk_list_box_get_row_at_index (self->results, 0)) != NULL)
    gtk_list_box_remove (self->results, GTK_WIDGET (row));
  if (text[0] == '\0' || self->server == NULL)
    {
      gtk_stack_set_visible_child_name (self->stack, "pages");
      return;
    }
  add_pages (self, text);
  add_settings (self, text);
  row = gtk_list_box_get_row_at_index (self->results, 0);
  gtk_stack_set_visible_child_name (self->stack, row != NULL ? "results" : "none");
}

static void
on_result (GtkListBox *list, GtkListBoxRow *row, gpointer user_data)
{
  g_signal_emit (user_data, go_signal, 0, spec_of (row)->id,
                 g_object_get_data (G_OBJECT (row), "key"));
}

static void
on_search_activate (PbaSidebar *self)
{
  GtkListBoxRow *row = gtk_list_box_get_row_at_index (self->results, 0);

  if (row != NULL)
    on_result (self->results, row, self);
}

/* ---- the object ---- */

static void
pba_sidebar_dispose (GObject *object)
{
  PbaSidebar *self = PBA_SIDEBAR (object);

  g_clear_object (&self->server);
  g_clear_pointer (&self->pills, g_ptr_array_unref);
  gtk_widget_dispose_template (GTK_WIDGET (object), PBA_TYPE_SIDEBAR);
  G_OBJECT_CLASS (pba_sidebar_parent_class)->dispose (object);
}

static void
pba_sidebar_class_init (PbaSidebarClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = pba_sidebar_dispose;
  go_signal = g_signal_new ("go", PBA_TYPE_SIDEBAR, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                            G_TYPE_NONE, 2, G_TYPE_STRING, G_TYPE_STRING);
  gtk_widget_class_set_template_from_resource (widget_class, "/org/postbus/Admin/sidebar.ui");
  gtk_widget_class_bind_template_child (widget_class, PbaSidebar, search_bar);
  gtk_widget_class_bind_template_child (widget_class, PbaSidebar, search_entry);
  gtk_widget_class_bind_template_child (widget_class, PbaSidebar, stack);
  gtk_widget_class_bind_template_child (widget_class, PbaSidebar, pages);
  gtk_widget_class_bind_template_child (widget_class, PbaSidebar, results);
  gtk_widget_class_bind_template_callback (widget_class, on_activated);
  gtk_widget_class_bind_template_callback (widget_class, on_search);
  gtk_widget_class_bind_template_callback (widget_class, on_search_activate);
  gtk_widget_class_bind_template_callback (widget_class, on_result);
}

static void
pba_sidebar_init (PbaSidebar *self)
{
  guint n;
  const PbaPageSpec *specs = pba_pages (&n);

  gtk_widget_init_template (GTK_WIDGET (self));
  self->pills = g_ptr_array_new_with_free_func ((GDestroyNotify) g_object_unref);
  gtk_search_bar_connect_entry (self->search_bar, GTK_EDITABLE (self->search_entry));
  pba_accessible_name (self->search_entry, _ ("Find a setting"));
  pba_accessible_name (self->pages, _ ("Pages"));
  pba_accessible_name (self->results, _ ("Found settings"));
  for (guint i = 0; i < n; i++)
    gtk_list_box_append (self->pages, make_row (self, &specs[i]));
}

static void
bind_pill (PbaSidebar *self, GtkListBoxRow *row)
{
  GtkWidget *pill = g_object_get_data (G_OBJECT (row), "pill");
  const char *count = spec_of (row)->count;

  if (pill == NULL)
    return;
  g_ptr_array_add (self->pills,
                   g_object_ref (g_object_bind_property_full (self->server, count, pill, "label",
                                                              G_BINDING_SYNC_CREATE, count_to_text,
                                                              NULL, row, NULL)));
  g_ptr_array_add (self->pills,
                   g_object_ref (g_object_bind_property_full (self->server, count, pill, "visible",
                                                              G_BINDING_SYNC_CREATE,
                                                              count_to_visible, NULL, NULL, NULL)));
}

void
pba_sidebar_set_server (PbaSidebar *self, PbaServer *server)
{
  GtkListBoxRow *row;

  for (guint i = 0; i < self->pills->len; i++)
    g_binding_unbind (self->pills->pdata[i]);
  g_ptr_array_set_size (self->pills, 0);
  g_set_object (&self->server, server);
  for (int i = 0; server != NULL && (row = gtk_list_box_get_row_at_index (self->pages, i)) != NULL;
       i++)
    bind_pill (self, row);
}

void
pba_sidebar_select (PbaSidebar *self, const char *page)
{
  GtkListBoxRow *row = find_row (self, page);
  GtkListBoxRow *parent = NULL;

  if (row == NULL)
    return;
  if (spec_of (row)->parent != NULL)
    parent = find_row (self, spec_of (row)->parent);
  if (parent != NULL)
    set_open (self, parent, TRUE);
  gtk_list_box_select_row (self->pages, row);
}

GtkSearchBar *
pba_sidebar_get_search_bar (PbaSidebar *self)
{
  return self->search_bar;
}
