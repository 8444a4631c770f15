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

#define PBA_TRAFFIC_BINS        60
#define PBA_TRAFFIC_BIN_SECONDS 10

/*
 * What went through the service lately, in bins of some seconds, made from the differences of its counters while somebody watches
 * them. A service that started again begins at 0; what passed while nobody looked is in the totals only. Signal: "changed".
 */
#define PBA_TYPE_TRAFFIC (pba_traffic_get_type ())
G_DECLARE_FINAL_TYPE (PbaTraffic, pba_traffic, PBA, TRAFFIC, GObject)

/** pba_traffic_new: @statistics (nullable): taken from at each of its updates; NULL for pba_traffic_take() alone. */
PbaTraffic *pba_traffic_new (PbaStatistics *statistics);
/** pba_traffic_take: the counters as they were at @now, monotonic microseconds. */
void pba_traffic_take (PbaTraffic *self, gint64 now, const guint64 totals[PBA_N_TRAFFIC]);
/** pba_traffic_get_bin: @position 0 is the oldest. Returns: FALSE when nobody looked then. */
gboolean pba_traffic_get_bin (PbaTraffic *self, guint position, guint64 counts[PBA_N_TRAFFIC]);
/** pba_traffic_get_sum: over all bins. */
guint64 pba_traffic_get_sum (PbaTraffic *self, PbaTrafficSeries series);
/** pba_traffic_dup_period: (transfer full): when that was, to stand behind a number: "since 09:41", and "in the last 10 min" once the bins are full. */
char *pba_traffic_dup_period (PbaTraffic *self);
/** pba_traffic_get_total: since the service started. */
guint64 pba_traffic_get_total (PbaTraffic *self, PbaTrafficSeries series);

G_END_DECLS
