/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "model/connection.h"

G_BEGIN_DECLS

/* Counters since the service's start: "counters" (GVariant a{st}, read-only), asked every second while "watched" (b, writable) is TRUE. Signal
 * "updated" after each answer. */
#define PBA_TYPE_STATISTICS (pba_statistics_get_type ())
G_DECLARE_FINAL_TYPE (PbaStatistics, pba_statistics, PBA, STATISTICS, GObject)

PbaStatistics *pba_statistics_new (PbaConnection *connection);
void pba_statistics_set_watched (PbaStatistics *self, gboolean watched);
/** pba_statistics_get: Returns: 0 for a counter that is not there. */
guint64 pba_statistics_get (PbaStatistics *self, const char *counter);
/** pba_statistics_list: (transfer full) (element-type utf8): counters that begin with @prefix ("refused."), the largest first. */
GPtrArray *pba_statistics_list (PbaStatistics *self, const char *prefix);

G_END_DECLS
