/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "model/traffic.h"
#include <gtk/gtk.h>

G_BEGIN_DECLS

/*
 * Mail of the last minutes as bars: what came in above the axis, accepted at it and refused on top; what went out below, delivered at
 * it and deferred outermost. Its numbers stand in its accessible description, as sentences.
 */
#define PBA_TYPE_TRAFFIC_CHART (pba_traffic_chart_get_type ())
G_DECLARE_FINAL_TYPE (PbaTrafficChart, pba_traffic_chart, PBA, TRAFFIC_CHART, GtkWidget)

GtkWidget *pba_traffic_chart_new (PbaTraffic *traffic);

/** pba_traffic_color: of a series, as the theme has it; for legends too. */
void pba_traffic_color (GtkWidget *widget, PbaTrafficSeries series, GdkRGBA *color);

/* A swatch of a series' colour for a legend. */
GtkWidget *pba_traffic_swatch_new (PbaTrafficSeries series);

G_END_DECLS
