/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A row of a list page. The list view makes some two hundred of them and binds them to rows as they
 * scroll by; so every width is fixed beforehand and nothing is measured together. Asks its page by
 * signals for what a click on the switch or a drop means; shows again what the row says whatever comes
 * of it.
 */
#include "pages/list-item.h"

#include "model/words.h"
#include "widgets/compat.h"

#include <glib/gi18n.h>

#define N_SKIPS 5

struct _PbaListItem
{
  GtkBox parent_instance;

  const PbaListLayout *layout;
  GtkLabel *title, *subtitle, *expiry; /* (unowned) */
  GtkWidget *warning, *chips, *handle; /* (unowned) (nullable) */
  GtkWidget *chip[N_SKIPS];            /* (unowned) */
  GtkLabel *columns[PBA_LIST_COLUMNS]; /* (unowned) (nullable) */
  GtkSwitch *enabled;                  /* (unowned) (nullable) */
  PbaListRow *row;                     /* (owned) (nullable) */
  char *view;                          /* (owned) (nullable) */
  gboolean compact, editable, showing;
};

G_DEFINE_FINAL_TYPE (PbaListItem, pba_list_item, GTK_TYPE_BOX)

enum
{
  PROP_COMPACT = 1,
  PROP_VIEW,
  PROP_EDITABLE,
};
static guint toggle_signal, place_signal;

/* ---- showing a row ---- */

static void
show_skips (PbaListItem *self)
{
  g_auto (GStrv) skips = pba_list_row_dup_texts (self->row, "Skip");

  for (guint i = 0; i < N_SKIPS; i++)
    {
      gboolean skipped = g_strv_contains ((const char *const *) skips, pba_list_skips[i]);

      /* An absent chip keeps its place, so that the chips read as a table. */
      gtk_widget_set_opacity (self->chip[i], skipped ? 1 : 0);
      gtk_accessible_update_state (GTK_ACCESSIBLE (self->chip[i]), GTK_ACCESSIBLE_STATE_HIDDEN,
                                   !skipped, -1);
    }
}

static char *
join_skips (PbaListRow *row)
{
  g_auto (GStrv) skips = pba_list_row_dup_texts (row, "Skip");
  g_autoptr (GPtrArray) titles = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; i < N_SKIPS; i++)
    if (g_strv_contains ((const char *const *) skips, pba_list_skips[i]))
      g_ptr_array_add (titles, pba_words_choice ("Skip", pba_list_skips[i]));
  g_ptr_array_add (titles, NULL);
  return g_strjoinv (", ", (char **) titles->pdata);
}

/* What the columns say, for when they are not there. */
static char *
describe (PbaListItem *self, gboolean whole)
{
  g_autofree char *line = self->layout->subtitle (self->row);
  g_autoptr (GString) text = g_string_new (line);

  if (pba_list_layout_skips (self->layout, self->view))
    {
      g_autofree char *skips = join_skips (self->row);

      if (skips[0] != '\0')
        /* Translators: %s are checks such as “SPF, DKIM” */
        g_string_append_printf (text, _ (", skips %s"), skips);
    }
  for (guint i = 0; i < PBA_LIST_COLUMNS; i++)
    if (pba_list_layout_shows (self->layout, i, self->view) && (whole || i == 0))
      {
        g_autofree char *cell = self->layout->columns[i].text (self->row);

        if (whole)
          g_string_append_printf (text, ", %s", _ (self->layout->columns[i].title));
        g_string_append_printf (text, whole ? " %s" : ", %s", cell);
      }
  if (whole && self->layout->warning != NULL && self->layout->warning (self->row) != NULL)
    g_string_append_printf (text, ", %s", self->layout->warning (self->row));
  return g_string_free (g_steal_pointer (&text), FALSE);
}

/* The list view's own row is what a screen reader meets first. */
static void
name_row (PbaListItem *self, const char *title)
{
  GtkWidget *around = gtk_widget_get_parent (GTK_WIDGET (self));
  g_autofree char *line = describe (self, TRUE);
  g_autofree char *name = g_strdup_printf ("%s, %s", title, line);

  if (around != NULL)
    pba_accessible_name (around, name);
  pba_accessible_name (self, title);
  if (self->enabled != NULL)
    {
      /* Translators: names a rule's switch for screen readers; %s is the rule */
      g_autofree char *enable = g_strdup_printf (_ ("Enable %s"), title);

      pba_accessible_name (self->enabled, enable);
    }
}

/* Returns: (transfer full): what the badge of a rule that ends says. */
static char *
expiry_text (gint64 expires)
{
  gint64 left = expires - g_get_real_time () / G_USEC_PER_SEC;
  g_autofree char *time = pba_words_time (expires);

  if (left <= 0)
    return g_strdup (_ ("expired"));
  if (left < 3600)
    /* Translators: %s is such as “in 4 min” */
    return g_strdup_printf (_ ("ends %s"), time);
  if (g_str_equal (time, _ ("Tomorrow")))
    return g_strdup (_ ("until tomorrow"));
  /* Translators: %s is a day such as 31 Dec, or a time of today */
  return g_strdup_printf (_ ("until %s"), time);
}

static void
show_badges (PbaListItem *self)
{
  gint64 expires = pba_list_row_get_number (self->row, "Expires");
  g_autofree char *text = expiry_text (expires);

  if (self->expiry != NULL)
    {
      gtk_label_set_label (self->expiry, text);
      gtk_widget_set_visible (GTK_WIDGET (self->expiry), expires > 0);
    }
  if (self->warning != NULL)
    {
      const char *sentence = self->layout->warning (self->row);

      gtk_widget_set_visible (self->warning, sentence != NULL);
      gtk_widget_set_tooltip_text (self->warning, sentence);
      pba_accessible_name (self->warning, sentence != NULL ? sentence : "");
    }
}

static void
show_columns (PbaListItem *self)
{
  for (guint i = 0; i < PBA_LIST_COLUMNS; i++)
    if (self->columns[i] != NULL)
      {
        gboolean shown = !self->compact && pba_list_layout_shows (self->layout, i, self->view);
        g_autofree char *text = self->layout->columns[i].text (self->row);

        gtk_label_set_label (self->columns[i], text);
        gtk_widget_set_visible (GTK_WIDGET (self->columns[i]), shown);
      }
  if (self->chips != NULL)
    {
      gtk_widget_set_visible (self->chips,
                              !self->compact && pba_list_layout_skips (self->layout, self->view));
      show_skips (self);
    }
}

static void
show_row (PbaListItem *self)
{
  gboolean loaded = self->row != NULL && pba_list_row_get_loaded (self->row);
  gboolean on = TRUE;
  g_autofree char *line = NULL;
  const char *title;

  gtk_widget_set_sensitive (GTK_WIDGET (self), loaded);
  gtk_widget_set_opacity (GTK_WIDGET (self), loaded ? 1 : 0);
  if (!loaded)
    return;
  self->showing = TRUE;
  title = pba_list_row_get_text (self->row, self->layout->title_column);
  line = self->compact ? describe (self, FALSE) : self->layout->subtitle (self->row);
  gtk_label_set_label (self->title, title);
  gtk_label_set_label (self->subtitle, line);
  if (self->enabled != NULL)
    {
      on = pba_list_row_get_boolean (self->row, "Enabled");
      gtk_switch_set_active (self->enabled, on);
      gtk_switch_set_state (self->enabled, on);
    }
  if (on)
    gtk_widget_remove_css_class (GTK_WIDGET (self), "resting");
  else
    gtk_widget_add_css_class (GTK_WIDGET (self), "resting");
  show_badges (self);
  show_columns (self);
  name_row (self, title);
  self->showing = FALSE;
}

/* ---- the switch ---- */

static gboolean
on_switch (GtkSwitch *control, gboolean on, gpointer user_data)
{
  PbaListItem *self = user_data;

  if (!self->showing && self->row != NULL && on != pba_list_row_get_boolean (self->row, "Enabled"))
    g_signal_emit (self, toggle_signal, 0, self->row, on);
  return FALSE;
}

/* ---- drag and drop ---- */

static GdkContentProvider *
on_drag_prepare (GtkDragSource *source, double x, double y, gpointer user_data)
{
  PbaListItem *self = user_data;

  if (self->row == NULL || !self->editable)
    return NULL;
  return gdk_content_provider_new_typed (PBA_TYPE_LIST_ROW, self->row);
}

/* A picture of the row on a ground of its own, held where it was taken. */
static void
on_drag_begin (GtkDragSource *source, GdkDrag *drag, gpointer user_data)
{
  g_autoptr (GdkPaintable) picture = gtk_widget_paintable_new (user_data);
  GtkWidget *icon = gtk_picture_new_for_paintable (picture);
  double x = 0, y = 0;

  gtk_widget_add_css_class (icon, "dragged");
  gtk_widget_set_size_request (icon, gtk_widget_get_width (user_data),
                               gtk_widget_get_height (user_data));
  gtk_drag_icon_set_child (GTK_DRAG_ICON (gtk_drag_icon_get_for_drag (drag)), icon);
  gtk_gesture_get_point (GTK_GESTURE (source),
                         gtk_gesture_single_get_current_sequence (GTK_GESTURE_SINGLE (source)), &x,
                         &y);
  gdk_drag_set_hotspot (drag, x, y);
}

static void
mark_drop (PbaListItem *self, int where)
{
  gtk_widget_remove_css_class (GTK_WIDGET (self), "drop-before");
  gtk_widget_remove_css_class (GTK_WIDGET (self), "drop-after");
  if (where != 0)
    gtk_widget_add_css_class (GTK_WIDGET (self), where < 0 ? "drop-before" : "drop-after");
}

static gboolean
is_lower_half (PbaListItem *self, double y)
{
  return y > gtk_widget_get_height (GTK_WIDGET (self)) / 2.0;
}

static GdkDragAction
on_drag_motion (GtkDropTarget *target, double x, double y, gpointer user_data)
{
  mark_drop (user_data, is_lower_half (user_data, y) ? 1 : -1);
  return GDK_ACTION_MOVE;
}

static void
on_drag_leave (GtkDropTarget *target, gpointer user_data)
{
  mark_drop (user_data, 0);
}

static gboolean
on_drop (GtkDropTarget *target, const GValue *value, double x, double y, gpointer user_data)
{
  PbaListItem *self = user_data;
  PbaListRow *dragged = g_value_get_object (value);

  mark_drop (self, 0);
  if (dragged == NULL || self->row == NULL || dragged == self->row)
    return FALSE;
  g_signal_emit (self, place_signal, 0, dragged, self->row, is_lower_half (self, y));
  return TRUE;
}

static void
add_handle (PbaListItem *self)
{
  GtkDragSource *source = gtk_drag_source_new ();
  GtkDropTarget *target = gtk_drop_target_new (PBA_TYPE_LIST_ROW, GDK_ACTION_MOVE);

  self->handle = gtk_image_new_from_icon_name ("list-drag-handle-symbolic");
  gtk_widget_add_css_class (self->handle, "dim-label");
  gtk_widget_set_tooltip_text (self->handle, _ ("Drag, or press Alt and an arrow key, to reorder"));
  pba_accessible_name (self->handle, _ ("Reorder"));
  gtk_box_append (GTK_BOX (self), self->handle);
  gtk_drag_source_set_actions (source, GDK_ACTION_MOVE);
  g_signal_connect (source, "prepare", G_CALLBACK (on_drag_prepare), self);
  g_signal_connect (source, "drag-begin", G_CALLBACK (on_drag_begin), self);
  gtk_widget_add_controller (GTK_WIDGET (self), GTK_EVENT_CONTROLLER (source));
  g_signal_connect (target, "motion", G_CALLBACK (on_drag_motion), self);
  g_signal_connect (target, "leave", G_CALLBACK (on_drag_leave), self);
  g_signal_connect (target, "drop", G_CALLBACK (on_drop), self);
  gtk_widget_add_controller (GTK_WIDGET (self), GTK_EVENT_CONTROLLER (target));
}

/* ---- making one ---- */

static GtkLabel *
make_line (const char *css_class)
{
  GtkLabel *label = GTK_LABEL (gtk_label_new (NULL));

  gtk_label_set_xalign (label, 0);
  gtk_label_set_wrap (label, TRUE);
  gtk_label_set_wrap_mode (label, PANGO_WRAP_WORD_CHAR);
  gtk_label_set_lines (label, 2);
  gtk_label_set_ellipsize (label, PANGO_ELLIPSIZE_END);
  if (css_class != NULL)
    gtk_widget_add_css_class (GTK_WIDGET (label), css_class);
  return label;
}

static void
add_titles (PbaListItem *self)
{
  GtkWidget *lines = gtk_box_new (GTK_ORIENTATION_VERTICAL, 2);
  GtkWidget *first = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 6);

  self->title = make_line (NULL);
  self->subtitle = make_line ("second-line");
  gtk_widget_add_css_class (first, "first-line");
  gtk_box_append (GTK_BOX (first), GTK_WIDGET (self->title));
  if (self->layout->warning != NULL)
    {
      self->warning = gtk_image_new_from_icon_name ("dialog-warning-symbolic");
      gtk_widget_add_css_class (self->warning, "warning");
      gtk_box_append (GTK_BOX (first), self->warning);
    }
  if (pba_list_layout_has (self->layout, "Expires"))
    {
      self->expiry = GTK_LABEL (gtk_label_new (NULL));
      gtk_widget_add_css_class (GTK_WIDGET (self->expiry), "chip");
      gtk_widget_set_valign (GTK_WIDGET (self->expiry), GTK_ALIGN_CENTER);
      gtk_box_append (GTK_BOX (first), GTK_WIDGET (self->expiry));
    }
  gtk_widget_set_hexpand (lines, TRUE);
  gtk_widget_set_valign (lines, GTK_ALIGN_CENTER);
  gtk_box_append (GTK_BOX (lines), first);
  gtk_box_append (GTK_BOX (lines), GTK_WIDGET (self->subtitle));
  gtk_box_append (GTK_BOX (self), lines);
}

static void
add_columns (PbaListItem *self, const PbaListWidths *widths)
{
  if (pba_list_layout_has (self->layout, "Skip"))
    {
      self->chips = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 6);
      for (guint i = 0; i < N_SKIPS; i++)
        gtk_box_append (GTK_BOX (self->chips),
                        self->chip[i] = pba_list_chip_new (pba_list_skips[i]));
      gtk_widget_set_size_request (self->chips, widths->chips, -1);
      gtk_box_append (GTK_BOX (self), self->chips);
    }
  for (guint i = 0; i < PBA_LIST_COLUMNS && self->layout->columns[i].text != NULL; i++)
    {
      GtkLabel *label = GTK_LABEL (gtk_label_new (NULL));

      gtk_label_set_xalign (label, self->layout->columns[i].numeric ? 1 : 0);
      gtk_label_set_ellipsize (label, PANGO_ELLIPSIZE_END);
      gtk_label_set_width_chars (label, 0);
      gtk_label_set_max_width_chars (label, 0);
      gtk_widget_add_css_class (GTK_WIDGET (label), "numeric");
      gtk_widget_set_size_request (GTK_WIDGET (label), widths->columns[i], -1);
      gtk_box_append (GTK_BOX (self), GTK_WIDGET (label));
      self->columns[i] = label;
    }
  if (!pba_list_layout_has (self->layout, "Enabled"))
    return;
  self->enabled = GTK_SWITCH (gtk_switch_new ());
  gtk_widget_set_valign (GTK_WIDGET (self->enabled), GTK_ALIGN_CENTER);
  gtk_widget_set_halign (GTK_WIDGET (self->enabled), GTK_ALIGN_END);
  gtk_widget_set_size_request (GTK_WIDGET (self->enabled), widths->enabled, -1);
  g_object_bind_property (self, "editable", self->enabled, "sensitive", G_BINDING_SYNC_CREATE);
  g_signal_connect (self->enabled, "state-set", G_CALLBACK (on_switch), self);
  gtk_box_append (GTK_BOX (self), GTK_WIDGET (self->enabled));
}

static void
pba_list_item_get_gproperty (GObject *object, guint property, GValue *value, GParamSpec *pspec)
{
  PbaListItem *self = PBA_LIST_ITEM (object);

  if (property == PROP_VIEW)
    g_value_set_string (value, self->view);
  else
    g_value_set_boolean (value, property == PROP_COMPACT ? self->compact : self->editable);
}

static void
pba_list_item_set_gproperty (GObject *object, guint property, const GValue *value,
                             GParamSpec *pspec)
{
  PbaListItem *self = PBA_LIST_ITEM (object);

  if (property == PROP_VIEW)
    {
      g_free (self->view);
      self->view = g_value_dup_string (value);
    }
  else if (property == PROP_COMPACT)
    self->compact = g_value_get_boolean (value);
  else
    self->editable = g_value_get_boolean (value);
  if (self->layout != NULL)
    show_row (self);
}

static void
pba_list_item_dispose (GObject *object)
{
  pba_list_item_unbind (PBA_LIST_ITEM (object));
  G_OBJECT_CLASS (pba_list_item_parent_class)->dispose (object);
}

static void
pba_list_item_finalize (GObject *object)
{
  g_free (PBA_LIST_ITEM (object)->view);
  G_OBJECT_CLASS (pba_list_item_parent_class)->finalize (object);
}

static void
pba_list_item_class_init (PbaListItemClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  const GParamFlags both = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS;

  object_class->get_property = pba_list_item_get_gproperty;
  object_class->set_property = pba_list_item_set_gproperty;
  object_class->dispose = pba_list_item_dispose;
  object_class->finalize = pba_list_item_finalize;
  g_object_class_install_property (object_class, PROP_COMPACT,
                                   g_param_spec_boolean ("compact", NULL, NULL, FALSE, both));
  g_object_class_install_property (object_class, PROP_VIEW,
                                   g_param_spec_string ("view", NULL, NULL, NULL, both));
  g_object_class_install_property (object_class, PROP_EDITABLE,
                                   g_param_spec_boolean ("editable", NULL, NULL, TRUE, both));
  toggle_signal = g_signal_new ("toggle", PBA_TYPE_LIST_ITEM, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                NULL, G_TYPE_NONE, 2, PBA_TYPE_LIST_ROW, G_TYPE_BOOLEAN);
  place_signal =
    g_signal_new ("place", PBA_TYPE_LIST_ITEM, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE,
                  3, PBA_TYPE_LIST_ROW, PBA_TYPE_LIST_ROW, G_TYPE_BOOLEAN);
}

static void
pba_list_item_init (PbaListItem *self)
{
  self->editable = TRUE;
  gtk_box_set_spacing (GTK_BOX (self), PBA_LIST_GAP);
  gtk_widget_add_css_class (GTK_WIDGET (self), "list-item");
}

GtkWidget *
pba_list_item_new (const PbaListLayout *layout, const PbaListWidths *widths)
{
  PbaListItem *self = g_object_new (PBA_TYPE_LIST_ITEM, NULL);

  self->layout = layout;
  if (layout->ordered)
    add_handle (self);
  add_titles (self);
  add_columns (self, widths);
  return GTK_WIDGET (self);
}

void
pba_list_item_bind (PbaListItem *self, PbaListRow *row)
{
  pba_list_item_unbind (self);
  self->row = g_object_ref (row);
  g_signal_connect_swapped (row, "notify::cells", G_CALLBACK (show_row), self);
  show_row (self);
}

void
pba_list_item_unbind (PbaListItem *self)
{
  if (self->row != NULL)
    g_signal_handlers_disconnect_by_data (self->row, self);
  g_clear_object (&self->row);
}

PbaListRow *
pba_list_item_get_row (PbaListItem *self)
{
  return self->row;
}
