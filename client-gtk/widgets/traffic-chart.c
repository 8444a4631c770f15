/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The overview's chart, drawn with cairo from a PbaTraffic: bars with two-pixel corners and a quarter
 * gap, five gridlines or so, no frame. Place, order and a gap tell the series apart as well as colour.
 * Redrawn when the traffic changes and when the style does. Called by the overview.
 */
#include "widgets/traffic-chart.h"

#include "widgets/compat.h"

#include <adwaita.h>
#include <glib/gi18n.h>

#define HEIGHT     210
#define MARGIN_TOP 10
#define MARGIN_END 4
#define FOOT       22  /* for the times */
#define LABELS     40  /* for the counts */
#define GAP        1.5 /* between the two in one half */
#define CORNER     2
#define MAX_LINES  5

struct _PbaTrafficChart
{
  GtkWidget parent_instance;

  PbaTraffic *traffic; /* (owned) */
  char *description;   /* (owned) (nullable) */
};

G_DEFINE_FINAL_TYPE (PbaTrafficChart, pba_traffic_chart, GTK_TYPE_WIDGET)

/* Where counts are on the widget. */
typedef struct
{
  cairo_t *cr;
  double left, right, top, axis, bottom;
  double unit;                /* pixels a message */
  guint64 step, above, below; /* a gridline's distance in messages, and how many there are */
} Frame;

void
pba_traffic_color (GtkWidget *widget, PbaTrafficSeries series, GdkRGBA *color)
{
  static const char *const light[] = { "blue_3", "red_4", "blue_5", "orange_4" };
  static const char *const dark[] = { "blue_2", "red_1", "blue_1", "orange_2" };
  gboolean is_dark = adw_style_manager_get_dark (adw_style_manager_get_default ());
  GtkStyleContext *style = gtk_widget_get_style_context (widget);

  if (!gtk_style_context_lookup_color (style, (is_dark ? dark : light)[series], color))
    gtk_style_context_get_color (style, color);
}

/* ---- scale ---- */

static guint64
lines_for (guint64 most, guint64 step)
{
  return MAX ((most + step - 1) / step, 1);
}

/* 1, 2, 5, 10, 20, 50 ... until both halves have few enough lines. */
static guint64
find_step (guint64 above, guint64 below)
{
  guint64 step = 1;

  for (guint i = 0; i < 50; i++)
    {
      if (lines_for (above, step) + lines_for (below, step) <= MAX_LINES)
        return step;
      step = i % 3 == 1 ? step / 2 * 5 : step * 2;
    }
  return step;
}

static void
find_frame (PbaTrafficChart *self, Frame *frame)
{
  guint64 above = 0, below = 0, counts[PBA_N_TRAFFIC];
  double height = gtk_widget_get_height (GTK_WIDGET (self)) - MARGIN_TOP - FOOT;

  for (guint i = 0; i < PBA_TRAFFIC_BINS; i++)
    {
      pba_traffic_get_bin (self->traffic, i, counts);
      above = MAX (above, counts[PBA_TRAFFIC_ACCEPTED] + counts[PBA_TRAFFIC_REFUSED]);
      below = MAX (below, counts[PBA_TRAFFIC_DELIVERED] + counts[PBA_TRAFFIC_DEFERRED]);
    }
  frame->step = find_step (above, below);
  frame->above = lines_for (above, frame->step);
  frame->below = lines_for (below, frame->step);
  frame->unit = height / ((double) (frame->above + frame->below) * (double) frame->step);
  frame->left = LABELS;
  frame->right = gtk_widget_get_width (GTK_WIDGET (self)) - MARGIN_END;
  frame->top = MARGIN_TOP;
  frame->bottom = MARGIN_TOP + height;
  frame->axis = frame->top + (double) (frame->above * frame->step) * frame->unit;
}

/* ---- drawing ---- */

static void
set_ink (PbaTrafficChart *self, const Frame *frame, double alpha)
{
  GdkRGBA color;

  gtk_style_context_get_color (gtk_widget_get_style_context (GTK_WIDGET (self)), &color);
  color.alpha *= alpha;
  gdk_cairo_set_source_rgba (frame->cr, &color);
}

/* @align: where of the text @x is: 0 its left edge, 1 its right one. */
static void
draw_text (PbaTrafficChart *self, const Frame *frame, const char *text, double x, double y,
           double align, gboolean bold)
{
  g_autoptr (PangoLayout) layout = gtk_widget_create_pango_layout (GTK_WIDGET (self), text);
  g_autoptr (PangoAttrList) attributes = pango_attr_list_new ();
  int width, height;

  pango_attr_list_insert (attributes, pango_attr_scale_new (0.85));
  if (bold)
    pango_attr_list_insert (attributes, pango_attr_weight_new (PANGO_WEIGHT_BOLD));
  pango_layout_set_attributes (layout, attributes);
  pango_layout_get_pixel_size (layout, &width, &height);
  set_ink (self, frame, bold ? 0.9 : 0.6);
  cairo_move_to (frame->cr, x - width * align, y - height / 2.0);
  pango_cairo_show_layout (frame->cr, layout);
}

static void
draw_lines (PbaTrafficChart *self, const Frame *frame)
{
  for (guint64 i = 0; i <= frame->above + frame->below; i++)
    {
      gint64 place = (gint64) frame->above - (gint64) i;
      guint64 count = (guint64) ABS (place) * frame->step;
      double y = frame->top + (double) (i * frame->step) * frame->unit;
      g_autofree char *text = g_strdup_printf ("%" G_GUINT64_FORMAT, count);

      set_ink (self, frame, place == 0 ? 0.35 : 0.12);
      cairo_set_line_width (frame->cr, 1);
      cairo_move_to (frame->cr, frame->left, (int) y + 0.5);
      cairo_line_to (frame->cr, frame->right, (int) y + 0.5);
      cairo_stroke (frame->cr);
      draw_text (self, frame, text, frame->left - 8, y, 1, FALSE);
    }
}

/* So long ago, in the unit of the span; (transfer full). */
static char *
spell_ago (PbaTrafficSpan span, guint ago)
{
  switch (span)
    {
    case PBA_SPAN_DAY:
      /* Translators: at the foot of a chart: so many hours ago */
      return g_strdup_printf (_ ("−%u h"), ago);
    case PBA_SPAN_WEEK:
    case PBA_SPAN_MONTH:
      /* Translators: at the foot of a chart: so many days ago */
      return g_strdup_printf (_ ("−%u d"), ago);
    case PBA_SPAN_MINUTES:
    case PBA_SPAN_HOUR:
    case PBA_N_SPANS:
      break;
    }
  /* Translators: at the foot of a chart: so many minutes ago */
  return g_strdup_printf (_ ("−%u min"), ago);
}

static void
draw_times (PbaTrafficChart *self, const Frame *frame)
{
  static const guint lengths[] = { 10, 60, 24, 7, 30 };
  PbaTrafficSpan span = pba_traffic_get_span (self->traffic);
  guint length = lengths[span];
  gboolean wide = frame->right - frame->left > 400;
  guint step = MAX (wide ? length / 5 : length / 2, 1);

  G_STATIC_ASSERT (G_N_ELEMENTS (lengths) == PBA_N_SPANS);
  for (guint ago = length; ago > 0; ago -= MIN (step, ago))
    {
      double x = frame->right - (frame->right - frame->left) * ago / length;
      g_autofree char *text = spell_ago (span, ago);

      /* "Now" stands there. */
      if (frame->right - x > 60)
        draw_text (self, frame, text, x, frame->bottom + FOOT / 2.0 + 3, ago == length ? 0 : 0.5,
                   FALSE);
    }
  draw_text (self, frame, _ ("Now"), frame->right, frame->bottom + FOOT / 2.0 + 3, 1, FALSE);
}

/* From @from to @to, counted from the axis; upwards when @up. */
static void
draw_bar (PbaTrafficChart *self, const Frame *frame, PbaTrafficSeries series, double x,
          double width, double from, double to, gboolean up)
{
  double height = MAX (to - from, 1);
  double y = up ? frame->axis - from - height : frame->axis + 1 + from;
  double corner = MIN (CORNER, MIN (width, height) / 2);
  GdkRGBA color;

  pba_traffic_color (GTK_WIDGET (self), series, &color);
  gdk_cairo_set_source_rgba (frame->cr, &color);
  cairo_new_sub_path (frame->cr);
  cairo_arc (frame->cr, x + width - corner, y + corner, corner, -(G_PI / 2), 0);
  cairo_arc (frame->cr, x + width - corner, y + height - corner, corner, 0, (G_PI / 2));
  cairo_arc (frame->cr, x + corner, y + height - corner, corner, (G_PI / 2), G_PI);
  cairo_arc (frame->cr, x + corner, y + corner, corner, G_PI, 1.5 * G_PI);
  cairo_close_path (frame->cr);
  cairo_fill (frame->cr);
}

static void
draw_half (PbaTrafficChart *self, const Frame *frame, const guint64 counts[PBA_N_TRAFFIC],
           PbaTrafficSeries inner, PbaTrafficSeries outer, double x, double width)
{
  gboolean up = inner == PBA_TRAFFIC_ACCEPTED;
  double middle = (double) counts[inner] * frame->unit;
  double end = middle + (double) counts[outer] * frame->unit;

  if (counts[inner] > 0)
    draw_bar (self, frame, inner, x, width, 0, middle, up);
  if (counts[outer] > 0)
    draw_bar (self, frame, outer, x, width, counts[inner] > 0 ? middle + GAP : 0, end, up);
}

static void
draw_bars (PbaTrafficChart *self, const Frame *frame)
{
  double slot = (frame->right - frame->left) / PBA_TRAFFIC_BINS;
  double width = MAX (slot * 0.75, 1);
  guint64 counts[PBA_N_TRAFFIC];

  for (guint i = 0; i < PBA_TRAFFIC_BINS; i++)
    {
      double x = frame->left + slot * i + (slot - width) / 2;

      if (!pba_traffic_get_bin (self->traffic, i, counts))
        continue;
      draw_half (self, frame, counts, PBA_TRAFFIC_ACCEPTED, PBA_TRAFFIC_REFUSED, x, width);
      draw_half (self, frame, counts, PBA_TRAFFIC_DELIVERED, PBA_TRAFFIC_DEFERRED, x, width);
    }
}

static void
pba_traffic_chart_snapshot (GtkWidget *widget, GtkSnapshot *snapshot)
{
  PbaTrafficChart *self = PBA_TRAFFIC_CHART (widget);
  int width = gtk_widget_get_width (widget), height = gtk_widget_get_height (widget);
  Frame frame = { 0 };

  if (width <= LABELS + MARGIN_END || height <= MARGIN_TOP + FOOT)
    return;
  find_frame (self, &frame);
  frame.cr = gtk_snapshot_append_cairo (snapshot, &GRAPHENE_RECT_INIT (0, 0, width, height));
  draw_lines (self, &frame);
  draw_bars (self, &frame);
  draw_text (self, &frame, _ ("Incoming"), frame.left + 2, frame.top + 10, 0, TRUE);
  draw_text (self, &frame, _ ("Outgoing"), frame.left + 2, frame.bottom - 10, 0, TRUE);
  draw_times (self, &frame);
  cairo_destroy (frame.cr);
}

/* ---- the widget ---- */

static void
pba_traffic_chart_measure (GtkWidget *widget, GtkOrientation orientation, int for_size,
                           int *minimum, int *natural, int *minimum_baseline, int *natural_baseline)
{
  *minimum = orientation == GTK_ORIENTATION_VERTICAL ? HEIGHT : 160;
  *natural = orientation == GTK_ORIENTATION_VERTICAL ? HEIGHT : 600;
}

static void
describe (PbaTrafficChart *self)
{
  g_autofree char *period = pba_traffic_dup_period (self->traffic);
  g_autofree char *text = g_strdup_printf (
    /* Translators: what a chart shows, for screen readers; the last %s is such as “since 09:41” */
    _ ("Incoming: %u accepted, %u refused. Outgoing: %u delivered, %u deferred, %s."),
    (guint) pba_traffic_get_sum (self->traffic, PBA_TRAFFIC_ACCEPTED),
    (guint) pba_traffic_get_sum (self->traffic, PBA_TRAFFIC_REFUSED),
    (guint) pba_traffic_get_sum (self->traffic, PBA_TRAFFIC_DELIVERED),
    (guint) pba_traffic_get_sum (self->traffic, PBA_TRAFFIC_DEFERRED), period);

  if (g_strcmp0 (text, self->description) == 0)
    return;
  pba_accessible_describe (self, text);
  g_free (self->description);
  self->description = g_steal_pointer (&text);
}

static void
on_changed (PbaTrafficChart *self)
{
  describe (self);
  gtk_widget_queue_draw (GTK_WIDGET (self));
}

static void
pba_traffic_chart_finalize (GObject *object)
{
  PbaTrafficChart *self = PBA_TRAFFIC_CHART (object);

  g_object_unref (self->traffic);
  g_free (self->description);
  G_OBJECT_CLASS (pba_traffic_chart_parent_class)->finalize (object);
}

static void
pba_traffic_chart_class_init (PbaTrafficChartClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = pba_traffic_chart_finalize;
  widget_class->snapshot = pba_traffic_chart_snapshot;
  widget_class->measure = pba_traffic_chart_measure;
  gtk_widget_class_set_accessible_role (widget_class, GTK_ACCESSIBLE_ROLE_IMG);
  gtk_widget_class_set_css_name (widget_class, "chart");
}

static void
pba_traffic_chart_init (PbaTrafficChart *self)
{
  pba_accessible_name (self, _ ("Mail by Time"));
}

GtkWidget *
pba_traffic_chart_new (PbaTraffic *traffic)
{
  PbaTrafficChart *self = g_object_new (PBA_TYPE_TRAFFIC_CHART, NULL);

  self->traffic = g_object_ref (traffic);
  g_signal_connect_object (traffic, "changed", G_CALLBACK (on_changed), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (adw_style_manager_get_default (), "notify::dark",
                           G_CALLBACK (on_changed), self, G_CONNECT_SWAPPED);
  describe (self);
  return GTK_WIDGET (self);
}

/* ---- swatch ---- */

static void
draw_swatch (GtkDrawingArea *area, cairo_t *cr, int width, int height, gpointer user_data)
{
  GdkRGBA color;

  pba_traffic_color (GTK_WIDGET (area), GPOINTER_TO_UINT (user_data), &color);
  gdk_cairo_set_source_rgba (cr, &color);
  cairo_arc (cr, width - 3, 3, 3, -(G_PI / 2), 0);
  cairo_arc (cr, width - 3, height - 3, 3, 0, (G_PI / 2));
  cairo_arc (cr, 3, height - 3, 3, (G_PI / 2), G_PI);
  cairo_arc (cr, 3, 3, 3, G_PI, 1.5 * G_PI);
  cairo_fill (cr);
}

GtkWidget *
pba_traffic_swatch_new (PbaTrafficSeries series)
{
  GtkWidget *area =
    g_object_new (GTK_TYPE_DRAWING_AREA, "accessible-role", GTK_ACCESSIBLE_ROLE_PRESENTATION,
                  "content-width", 12, "content-height", 12, "valign", GTK_ALIGN_CENTER, NULL);

  gtk_drawing_area_set_draw_func (GTK_DRAWING_AREA (area), draw_swatch, GUINT_TO_POINTER (series),
                                  NULL);
  g_signal_connect_object (adw_style_manager_get_default (), "notify::dark",
                           G_CALLBACK (gtk_widget_queue_draw), area, G_CONNECT_SWAPPED);
  return area;
}
