/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "model/statistics.h"

G_BEGIN_DECLS

typedef enum
{
  PBA_TRAFFIC_ACCEPTED,
  PBA_TRAFFIC_REFUSED,
  PBA_TRAFFIC_DELIVERED,
  PBA_TRAFFIC_DEFERRED,
  PBA_N_TRAFFIC,
} PbaTrafficSeries;

typedef enum
{
  PBA_SPAN_MINUTES, /* ten */
  PBA_SPAN_HOUR,
  PBA_SPAN_DAY,
  PBA_SPAN_WEEK,
  PBA_SPAN_MONTH, /* thirty days */
  PBA_N_SPANS,
} PbaTrafficSpan;

#define PBA_TRAFFIC_BINS        60
#define PBA_TRAFFIC_BIN_SECONDS 10 /* of the shortest span */

/*
 * What went through the service lately, in bins of time: the past as the service kept it, and from then on the differences of its counters while somebody watches
 * them. Of a service that keeps nothing there is what was seen. One that started again may begin at 0; what passed while nobody looked is in the totals only.
 * Signal: "changed".
 */
#define PBA_TYPE_TRAFFIC (pba_traffic_get_type ())
G_DECLARE_FINAL_TYPE (PbaTraffic, pba_traffic, PBA, TRAFFIC, GObject)

/** pba_traffic_new: @statistics (nullable): taken from at each of its updates; NULL for pba_traffic_take() alone. */
PbaTraffic *pba_traffic_new (PbaStatistics *statistics);
/** pba_traffic_set_span: forgets its bins and asks for those of @span. The first is PBA_SPAN_MINUTES. */
void pba_traffic_set_span (PbaTraffic *self, PbaTrafficSpan span);
PbaTrafficSpan pba_traffic_get_span (PbaTraffic *self);
/** pba_traffic_load: asks the service for the past, where it keeps that. */
void pba_traffic_load (PbaTraffic *self);
/** pba_traffic_take: the counters as they were at @now, microseconds since 1970. */
void pba_traffic_take (PbaTraffic *self, gint64 now, const guint64 totals[PBA_N_TRAFFIC]);
guint pba_traffic_get_bin_seconds (PbaTraffic *self);
/** pba_traffic_get_bin: @position 0 is the oldest. Returns: FALSE when nobody looked then. */
gboolean pba_traffic_get_bin (PbaTraffic *self, guint position, guint64 counts[PBA_N_TRAFFIC]);
/** pba_traffic_get_sum: over all bins. */
guint64 pba_traffic_get_sum (PbaTraffic *self, PbaTrafficSeries series);
/** pba_traffic_dup_period: (transfer full): when that was, to stand behind a number: "since 09:41", and "in the last 10 min" once the bins are full. */
char *pba_traffic_dup_period (PbaTraffic *self);
/** pba_traffic_get_total: since the service counts. */
guint64 pba_traffic_get_total (PbaTraffic *self, PbaTrafficSeries series);
/** pba_traffic_list_refusals: (transfer full) (element-type utf8): counters "refused.<check>" that counted in the span, the largest first; where the past is not kept
 *  since the service started. */
GPtrArray *pba_traffic_list_refusals (PbaTraffic *self);
guint64 pba_traffic_get_refusals (PbaTraffic *self, const char *counter);

G_END_DECLS
