/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The chart of the daily report: a bar an hour, what was accepted below, what was refused on top of it. It has no
 * letters, since a server need not have a font: the words stand in the HTML around it. Called on a worker's
 * thread; touches nothing but its own picture.
 */
#include "service/report.h"

#include <cairo.h>

#define WIDTH  1280 /* twice as large as it is shown, for fine screens */
#define HEIGHT 480
#define LEFT   10.0
#define TOP    10.0
#define FLOOR  (HEIGHT - 10.0)

static const double colours[PB_REPORT_N_BARS][3] = {
  [PB_REPORT_ACCEPTED] = { 0.21, 0.52, 0.89 },
  [PB_REPORT_REFUSED] = { 0.88, 0.11, 0.14 },
};

/* 1, 2 or 5 and noughts: at or above @value. */
static guint64
round_up (guint64 value)
{
  guint64 power = 1;

  while (power < value / 10 + 1)
    power *= 10;
  for (guint i = 1; i <= 10; i++)
    if ((i == 1 || i == 2 || i == 5 || i == 10) && power * i >= value)
      return power * i;
  return power * 10;
}

guint64
pb_report_chart_top (const PbReport *self)
{
  guint64 most = 4;

  for (guint i = 0; i < PB_REPORT_HOURS; i++)
    most = MAX (most, self->hours[PB_REPORT_ACCEPTED][i] + self->hours[PB_REPORT_REFUSED][i]);
  return round_up (most);
}

static void
draw_grid (cairo_t *cairo)
{
  cairo_set_source_rgb (cairo, 0.8, 0.8, 0.8);
  cairo_set_line_width (cairo, 2);
  for (guint i = 0; i <= 4; i++)
    {
      double y = FLOOR - (FLOOR - TOP) * i / 4;

      cairo_move_to (cairo, LEFT, y);
      cairo_line_to (cairo, WIDTH - LEFT, y);
    }
  cairo_stroke (cairo);
}

static void
draw_bar (cairo_t *cairo, const PbReport *self, guint hour, guint64 top)
{
  double slot = (WIDTH - 2 * LEFT) / PB_REPORT_HOURS, y = FLOOR;

  for (guint bar = 0; bar < PB_REPORT_N_BARS; bar++)
    {
      double height = (FLOOR - TOP) * (double) self->hours[bar][hour] / (double) top;

      cairo_set_source_rgb (cairo, colours[bar][0], colours[bar][1], colours[bar][2]);
      cairo_rectangle (cairo, LEFT + slot * hour + slot * 0.12, y - height, slot * 0.76, height);
      cairo_fill (cairo);
      y -= height;
    }
}

static cairo_status_t
on_octets (void *closure, const unsigned char *data, unsigned int length)
{
  g_byte_array_append (closure, data, length);
  return CAIRO_STATUS_SUCCESS;
}

GByteArray *
pb_report_chart (const PbReport *self)
{
  GByteArray *png = g_byte_array_new ();
  cairo_surface_t *surface = cairo_image_surface_create (CAIRO_FORMAT_RGB24, WIDTH, HEIGHT);
  cairo_t *cairo = cairo_create (surface);
  guint64 top = pb_report_chart_top (self);

  cairo_set_source_rgb (cairo, 1, 1, 1);
  cairo_paint (cairo);
  draw_grid (cairo);
  for (guint i = 0; i < PB_REPORT_HOURS; i++)
    draw_bar (cairo, self, i, top);
  cairo_destroy (cairo);
  cairo_surface_write_to_png_stream (surface, on_octets, png);
  cairo_surface_destroy (surface);
  return png;
}
