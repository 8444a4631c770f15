/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A row of the queue page. The list view makes some two hundred of them and binds them as they scroll
 * by; so every width is fixed beforehand and nothing is measured together. Narrow, the columns become
 * two lines: to whom and what of it, then the reason.
 */
#include "pages/queue-item.h"

#include "model/queued.h"
#include "model/words.h"
#include "widgets/compat.h"

#include <glib/gi18n.h>

#define GAP       12
#define ICON_GAP  8
#define ICON_SIZE 16

struct _PbaQueueItem
{
  GtkBox parent_instance;

  const PbaQueueWidths *widths; /* (unowned): of the page */
  GtkImage *icon;               /* all (unowned) */
  GtkWidget *state_lines;
  GtkWidget *cells[PBA_N_QUEUE_COLUMNS]; /* what a column shows */
  GtkLabel *first[PBA_N_QUEUE_COLUMNS];  /* its lines */
  GtkLabel *second[PBA_N_QUEUE_COLUMNS]; /* (nullable) */
  PbaListRow *row;                       /* (owned) (nullable) */
  guint minute;
  gboolean compact;
};

G_DEFINE_FINAL_TYPE (PbaQueueItem, pba_queue_item, GTK_TYPE_BOX)

enum
{
  PROP_COMPACT = 1,
  PROP_MINUTE,
};

static const struct
{
  const char *title; /* header case */
  gboolean numeric, two_lines;
  gboolean shares; /* what width is left */
} columns[PBA_N_QUEUE_COLUMNS] = {
  [PBA_QUEUE_STATE] = { N_ ("State"), .two_lines = TRUE },
  [PBA_QUEUE_RECIPIENT] = { N_ ("Recipient"), .two_lines = TRUE, .shares = TRUE },
  [PBA_QUEUE_REASON] = { N_ ("Reason"), .two_lines = TRUE, .shares = TRUE },
  [PBA_QUEUE_TRIES] = { N_ ("Tries"), .numeric = TRUE },
  [PBA_QUEUE_NEXT] = { N_ ("Next Attempt"), .two_lines = TRUE },
  [PBA_QUEUE_SIZE] = { N_ ("Size"), .numeric = TRUE },
};

static const struct
{
  const char *state, *icon, *style;
} states[] = {
  { "active", "mail-send-symbolic", "accent" },
  { "deferred", "document-open-recent-symbolic", "dim-label" },
  { "held", "media-playback-pause-symbolic", "warning" },
  { "delivered", "emblem-default-symbolic", "success" },
  { "failed", "dialog-error-symbolic", "error" },
};

void
pba_queue_state_icon (GtkImage *image, const char *state)
{
  const char *icon = "dialog-question-symbolic", *style = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (states); i++)
    {
      gtk_widget_remove_css_class (GTK_WIDGET (image), states[i].style);
      if (!g_str_equal (states[i].state, state))
        continue;
      icon = states[i].icon;
      style = states[i].style;
    }
  if (style != NULL)
    gtk_widget_add_css_class (GTK_WIDGET (image), style);
  gtk_image_set_from_icon_name (image, icon);
}

/* ---- showing a row ---- */

static void
show_lines (PbaQueueItem *self, PbaQueueColumn column, const char *first, const char *second)
{
  gtk_label_set_label (self->first[column], first);
  if (self->second[column] == NULL)
    return;
  gtk_label_set_label (self->second[column], second);
  gtk_widget_set_visible (GTK_WIDGET (self->second[column]), second[0] != '\0');
}

/* The list view's own row is what a screen reader meets first. */
static void
name_row (PbaQueueItem *self, const PbaQueued *queued, const char *state)
{
  GtkWidget *around = gtk_widget_get_parent (GTK_WIDGET (self));
  const PbaQueuedRecipient *worst = queued->worst;
  g_autofree char *name = NULL;
  g_autofree char *more = NULL;

  /* Translators: a message of the queue for screen readers: state, recipient, sender, arrival, size */
  name = g_strdup_printf (_ ("%s, %s, %s, arrived %s, %s"), state, queued->title, queued->sender,
                          queued->arrival, queued->size);
  if (worst != NULL)
    more = g_strdup_printf (
      /* Translators: likewise: the reason, what the server said, tries so far, the next attempt */
      ngettext ("%s, %s. %u try, next attempt: %s", "%s, %s. %u tries, next attempt: %s",
                worst->tries),
      worst->reason, worst->evidence, worst->tries, worst->next);
  if (around != NULL)
    {
      pba_accessible_name (around, name);
      pba_accessible_describe (around, more);
    }
  pba_accessible_name (self, name);
}

static void
show_compact (PbaQueueItem *self, const PbaQueued *queued, const char *state)
{
  const PbaQueuedRecipient *worst = queued->worst;

  show_lines (self, PBA_QUEUE_RECIPIENT, queued->title, worst != NULL ? worst->reason : "");
  show_lines (self, PBA_QUEUE_NEXT, state, worst != NULL ? worst->next : "");
}

static void
show_row (PbaQueueItem *self)
{
  gboolean loaded = self->row != NULL && pba_list_row_get_loaded (self->row);
  const PbaQueuedRecipient *worst;
  g_autoptr (PbaQueued) queued = NULL;
  g_autofree char *state = NULL;
  g_autofree char *tries = NULL;

  gtk_widget_set_opacity (GTK_WIDGET (self), loaded ? 1 : 0);
  if (!loaded)
    return;
  queued = pba_queued_new (pba_list_row_get_cells (self->row));
  worst = queued->worst;
  state = pba_queued_state_title (queued->state);
  tries = g_strdup_printf ("%u", worst != NULL ? worst->tries : 0);
  pba_queue_state_icon (self->icon, queued->state);
  show_lines (self, PBA_QUEUE_STATE, state, queued->arrival);
  show_lines (self, PBA_QUEUE_RECIPIENT, queued->title, queued->sender);
  show_lines (self, PBA_QUEUE_REASON, worst != NULL ? worst->reason : "",
              worst != NULL ? worst->evidence : "");
  show_lines (self, PBA_QUEUE_TRIES, tries, "");
  show_lines (self, PBA_QUEUE_NEXT, worst != NULL ? worst->next : "", "");
  show_lines (self, PBA_QUEUE_SIZE, queued->size, "");
  if (self->compact)
    show_compact (self, queued, state);
  name_row (self, queued, state);
}

/* Narrow, what has no place is left out, and nothing asks for a column's width. */
static void
show_form (PbaQueueItem *self)
{
  static const gboolean left_out[PBA_N_QUEUE_COLUMNS] = {
    [PBA_QUEUE_REASON] = TRUE,
    [PBA_QUEUE_TRIES] = TRUE,
    [PBA_QUEUE_SIZE] = TRUE,
  };

  for (guint i = 0; i < PBA_N_QUEUE_COLUMNS; i++)
    {
      gtk_widget_set_visible (self->cells[i], !self->compact || !left_out[i]);
      gtk_widget_set_size_request (self->cells[i],
                                   self->compact && i != PBA_QUEUE_NEXT ? -1
                                                                        : self->widths->columns[i],
                                   -1);
    }
  gtk_widget_set_visible (self->state_lines, !self->compact);
  gtk_label_set_xalign (self->first[PBA_QUEUE_NEXT], self->compact ? 1 : 0);
  gtk_label_set_xalign (self->second[PBA_QUEUE_NEXT], self->compact ? 1 : 0);
}

/* ---- making one ---- */

/* Its text asks for no width: columns are as wide as they were measured. */
static GtkLabel *
make_line (gboolean numeric, const char *style)
{
  GtkLabel *label = GTK_LABEL (gtk_label_new (NULL));

  gtk_label_set_xalign (label, numeric ? 1 : 0);
  gtk_label_set_ellipsize (label, PANGO_ELLIPSIZE_END);
  gtk_label_set_width_chars (label, 0);
  gtk_label_set_max_width_chars (label, 0);
  gtk_widget_add_css_class (GTK_WIDGET (label), "numeric");
  if (style != NULL)
    gtk_widget_add_css_class (GTK_WIDGET (label), style);
  return label;
}

static void
add_column (PbaQueueItem *self, PbaQueueColumn column, const PbaQueueWidths *widths)
{
  GtkWidget *cell = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, ICON_GAP);
  GtkWidget *lines = gtk_box_new (GTK_ORIENTATION_VERTICAL, 2);

  if (column == PBA_QUEUE_STATE)
    {
      self->icon =
        g_object_new (GTK_TYPE_IMAGE, "accessible-role", GTK_ACCESSIBLE_ROLE_PRESENTATION, "valign",
                      GTK_ALIGN_CENTER, NULL);
      self->state_lines = lines;
      gtk_box_append (GTK_BOX (cell), GTK_WIDGET (self->icon));
    }
  self->first[column] = make_line (columns[column].numeric, NULL);
  gtk_box_append (GTK_BOX (lines), GTK_WIDGET (self->first[column]));
  if (columns[column].two_lines)
    {
      self->second[column] = make_line (columns[column].numeric, "second-line");
      gtk_box_append (GTK_BOX (lines), GTK_WIDGET (self->second[column]));
    }
  gtk_widget_set_valign (lines, GTK_ALIGN_CENTER);
  gtk_widget_set_hexpand (lines, TRUE);
  gtk_widget_set_hexpand (cell, columns[column].shares);
  gtk_box_append (GTK_BOX (cell), lines);
  self->cells[column] = cell;
  self->widths = widths;
  gtk_box_append (GTK_BOX (self), cell);
}

static void
pba_queue_item_get_gproperty (GObject *object, guint property, GValue *value, GParamSpec *pspec)
{
  PbaQueueItem *self = PBA_QUEUE_ITEM (object);

  if (property == PROP_COMPACT)
    g_value_set_boolean (value, self->compact);
  else
    g_value_set_uint (value, self->minute);
}

static void
pba_queue_item_set_gproperty (GObject *object, guint property, const GValue *value,
                              GParamSpec *pspec)
{
  PbaQueueItem *self = PBA_QUEUE_ITEM (object);

  if (property == PROP_COMPACT)
    {
      self->compact = g_value_get_boolean (value);
      show_form (self);
    }
  else
    self->minute = g_value_get_uint (value);
  show_row (self);
}

static void
pba_queue_item_dispose (GObject *object)
{
  pba_queue_item_unbind (PBA_QUEUE_ITEM (object));
  G_OBJECT_CLASS (pba_queue_item_parent_class)->dispose (object);
}

static void
pba_queue_item_class_init (PbaQueueItemClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  const GParamFlags both = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS;

  object_class->get_property = pba_queue_item_get_gproperty;
  object_class->set_property = pba_queue_item_set_gproperty;
  object_class->dispose = pba_queue_item_dispose;
  g_object_class_install_property (object_class, PROP_COMPACT,
                                   g_param_spec_boolean ("compact", NULL, NULL, FALSE, both));
  g_object_class_install_property (object_class, PROP_MINUTE,
                                   g_param_spec_uint ("minute", NULL, NULL, 0, G_MAXUINT, 0, both));
}

static void
pba_queue_item_init (PbaQueueItem *self)
{
  gtk_box_set_spacing (GTK_BOX (self), GAP);
  gtk_widget_add_css_class (GTK_WIDGET (self), "list-item");
}

GtkWidget *
pba_queue_item_new (const PbaQueueWidths *widths)
{
  PbaQueueItem *self = g_object_new (PBA_TYPE_QUEUE_ITEM, NULL);

  for (guint i = 0; i < PBA_N_QUEUE_COLUMNS; i++)
    add_column (self, i, widths);
  show_form (self);
  return GTK_WIDGET (self);
}

void
pba_queue_item_bind (PbaQueueItem *self, PbaListRow *row)
{
  pba_queue_item_unbind (self);
  self->row = g_object_ref (row);
  g_signal_connect_swapped (row, "notify::cells", G_CALLBACK (show_row), self);
  show_row (self);
}

void
pba_queue_item_unbind (PbaQueueItem *self)
{
  if (self->row != NULL)
    g_signal_handlers_disconnect_by_data (self->row, self);
  g_clear_object (&self->row);
}

/* ---- the header ---- */

GtkWidget *
pba_queue_item_header (const PbaQueueWidths *widths)
{
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, GAP);

  gtk_widget_add_css_class (box, "list-header");
  for (guint i = 0; i < PBA_N_QUEUE_COLUMNS; i++)
    {
      GtkLabel *label = make_line (columns[i].numeric, "column-title");

      gtk_label_set_label (label, _ (columns[i].title));
      gtk_widget_set_size_request (GTK_WIDGET (label), widths->columns[i], -1);
      gtk_widget_set_hexpand (GTK_WIDGET (label), columns[i].shares);
      gtk_box_append (GTK_BOX (box), GTK_WIDGET (label));
    }
  return box;
}

static int
measure_text (GtkWidget *widget, const char *text)
{
  g_autoptr (PangoLayout) layout = gtk_widget_create_pango_layout (widget, text);
  int width;

  pango_layout_get_pixel_size (layout, &width, NULL);
  return width;
}

void
pba_queue_item_measure (GtkWidget *widget, PbaQueueWidths *widths)
{
  static const char *const states_seen[] = { "active", "deferred", "held" };
  g_autofree char *few = pba_words_size (999), *many = pba_words_size (999900);
  int digits = measure_text (widget, "000");
  int size = MAX (measure_text (widget, few), measure_text (widget, many));
  /* The second line is in smaller letters; so this is wide enough for "59 min ago". */
  g_autofree char *ago = pba_words_time (g_get_real_time () / G_USEC_PER_SEC - 59 * 60);
  int state = MAX (measure_text (widget, _ ("Yesterday")), measure_text (widget, ago) * 9 / 10);
  const int least[PBA_N_QUEUE_COLUMNS] = {
    [PBA_QUEUE_RECIPIENT] = 10 * digits / 2,
    [PBA_QUEUE_REASON] = 13 * digits / 2,
    [PBA_QUEUE_TRIES] = digits,
    [PBA_QUEUE_SIZE] = size,
    [PBA_QUEUE_NEXT] = measure_text (widget, _ ("When released")),
  };

  for (guint i = 0; i < G_N_ELEMENTS (states_seen); i++)
    {
      g_autofree char *title = pba_queued_state_title (states_seen[i]);

      state = MAX (state, measure_text (widget, title));
    }
  widths->total = 2 * 18 + (PBA_N_QUEUE_COLUMNS - 1) * GAP;
  for (guint i = 0; i < PBA_N_QUEUE_COLUMNS; i++)
    {
      /* A title is a little bolder than it was measured. */
      widths->columns[i] = MAX (least[i], measure_text (widget, _ (columns[i].title)) + 4);
      if (i == PBA_QUEUE_STATE)
        widths->columns[i] = state + ICON_SIZE + ICON_GAP;
      widths->total += widths->columns[i];
    }
}
