/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A bin that looks at its own width: GTK 4.8 has no breakpoints, and the window folds for reasons of its
 * own. It has no layout manager, for one would leave it no word in its allocation. Used by pages with
 * tables.
 */
#include "widgets/compact-bin.h"

struct _PbaCompactBin
{
  GtkWidget parent_instance;

  GtkWidget *child; /* (unowned) (nullable) */
  int threshold;
  gboolean compact;
  guint source;
};

static void pba_compact_bin_buildable_init (GtkBuildableIface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (PbaCompactBin, pba_compact_bin, GTK_TYPE_WIDGET,
                               G_IMPLEMENT_INTERFACE (GTK_TYPE_BUILDABLE,
                                                      pba_compact_bin_buildable_init))

enum
{
  PROP_CHILD = 1,
  PROP_THRESHOLD,
  PROP_COMPACT,
  N_PROPERTIES,
};
static GParamSpec *properties[N_PROPERTIES];
static GtkBuildableIface *parent_buildable;

static void
set_child (PbaCompactBin *self, GtkWidget *child)
{
  g_clear_pointer (&self->child, gtk_widget_unparent);
  self->child = child;
  if (child != NULL)
    gtk_widget_set_parent (child, GTK_WIDGET (self));
}

static void
add_child (GtkBuildable *buildable, GtkBuilder *builder, GObject *child, const char *type)
{
  if (GTK_IS_WIDGET (child))
    set_child (PBA_COMPACT_BIN (buildable), GTK_WIDGET (child));
  else
    parent_buildable->add_child (buildable, builder, child, type);
}

static void
pba_compact_bin_buildable_init (GtkBuildableIface *iface)
{
  parent_buildable = g_type_interface_peek_parent (iface);
  iface->add_child = add_child;
}

static gboolean
on_crossed (gpointer user_data)
{
  PbaCompactBin *self = user_data;

  self->source = 0;
  self->compact = !self->compact;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_COMPACT]);
  return G_SOURCE_REMOVE;
}

static void
pba_compact_bin_measure (GtkWidget *widget, GtkOrientation orientation, int for_size, int *minimum,
                         int *natural, int *minimum_baseline, int *natural_baseline)
{
  PbaCompactBin *self = PBA_COMPACT_BIN (widget);

  if (self->child != NULL)
    gtk_widget_measure (self->child, orientation, for_size, minimum, natural, minimum_baseline,
                        natural_baseline);
}

static void
pba_compact_bin_size_allocate (GtkWidget *widget, int width, int height, int baseline)
{
  PbaCompactBin *self = PBA_COMPACT_BIN (widget);
  gboolean compact = width < self->threshold;

  if (self->child != NULL)
    gtk_widget_allocate (self->child, width, height, baseline, NULL);
  /* Not now: this is the middle of a layout. But soon: the rows are cut off until then. */
  if (compact != self->compact && self->source == 0)
    self->source = g_idle_add_full (G_PRIORITY_DEFAULT, on_crossed, self, NULL);
  else if (compact == self->compact)
    g_clear_handle_id (&self->source, g_source_remove);
}

static void
pba_compact_bin_get_gproperty (GObject *object, guint property, GValue *value, GParamSpec *pspec)
{
  PbaCompactBin *self = PBA_COMPACT_BIN (object);

  if (property == PROP_CHILD)
    g_value_set_object (value, self->child);
  else if (property == PROP_THRESHOLD)
    g_value_set_int (value, self->threshold);
  else
    g_value_set_boolean (value, self->compact);
}

static void
pba_compact_bin_set_gproperty (GObject *object, guint property, const GValue *value,
                               GParamSpec *pspec)
{
  if (property == PROP_CHILD)
    set_child (PBA_COMPACT_BIN (object), g_value_get_object (value));
  else
    pba_compact_bin_set_threshold (PBA_COMPACT_BIN (object), g_value_get_int (value));
}

static void
pba_compact_bin_dispose (GObject *object)
{
  PbaCompactBin *self = PBA_COMPACT_BIN (object);

  g_clear_handle_id (&self->source, g_source_remove);
  set_child (self, NULL);
  G_OBJECT_CLASS (pba_compact_bin_parent_class)->dispose (object);
}

static void
pba_compact_bin_class_init (PbaCompactBinClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);
  const GParamFlags both = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS;

  object_class->get_property = pba_compact_bin_get_gproperty;
  object_class->set_property = pba_compact_bin_set_gproperty;
  object_class->dispose = pba_compact_bin_dispose;
  widget_class->measure = pba_compact_bin_measure;
  widget_class->size_allocate = pba_compact_bin_size_allocate;
  properties[PROP_CHILD] = g_param_spec_object ("child", NULL, NULL, GTK_TYPE_WIDGET, both);
  properties[PROP_THRESHOLD] =
    g_param_spec_int ("threshold", NULL, NULL, 0, G_MAXINT, 0, both | G_PARAM_EXPLICIT_NOTIFY);
  properties[PROP_COMPACT] =
    g_param_spec_boolean ("compact", NULL, NULL, FALSE, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPERTIES, properties);
}

static void
pba_compact_bin_init (PbaCompactBin *self)
{
}

void
pba_compact_bin_set_threshold (PbaCompactBin *self, int threshold)
{
  if (self->threshold == threshold)
    return;
  self->threshold = threshold;
  gtk_widget_queue_allocate (GTK_WIDGET (self));
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_THRESHOLD]);
}

gboolean
pba_compact_bin_get_compact (PbaCompactBin *self)
{
  return self->compact;
}
