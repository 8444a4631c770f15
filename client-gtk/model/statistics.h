/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "model/connection.h"

G_BEGIN_DECLS

/*
 * The service's figures: counters, which only rise, and gauges. While a page watches, the service tells what changes, once a second; one that cannot is asked every
 * second, and every five once no page watches any more. Properties:
 *   counters (GVariant a{st}, nullable before the first answer), read-only
 *   watched (b, writable): a page shows them
 *   error (s, nullable), read-only: a sentence, why they cannot be had; until pba_statistics_retry() or the next connection
 * Signal: "updated" after each answer.
 */
#define PBA_TYPE_STATISTICS (pba_statistics_get_type ())
G_DECLARE_FINAL_TYPE (PbaStatistics, pba_statistics, PBA, STATISTICS, GObject)

PbaStatistics *pba_statistics_new (PbaConnection *connection);
void pba_statistics_set_watched (PbaStatistics *self, gboolean watched);
/** pba_statistics_begin: asks now and again from now on, for who wants to know sooner or later. */
void pba_statistics_begin (PbaStatistics *self);
/** pba_statistics_retry: asks again after an error, and the user for a password if it takes one. */
void pba_statistics_retry (PbaStatistics *self);
/** pba_statistics_refresh: once, without a question to the user, and only if they are known already. */
void pba_statistics_refresh (PbaStatistics *self);
/** pba_statistics_get_kept: the service keeps them, so that they count from its first start, and can be asked for the past. */
gboolean pba_statistics_get_kept (PbaStatistics *self);
const char *pba_statistics_get_error (PbaStatistics *self);
/** pba_statistics_get_known: there has been an answer. */
gboolean pba_statistics_get_known (PbaStatistics *self);
gboolean pba_statistics_has (PbaStatistics *self, const char *counter);
/** pba_statistics_get: Returns: 0 for a counter that is not there. */
guint64 pba_statistics_get (PbaStatistics *self, const char *counter);
/** pba_statistics_list: (transfer full) (element-type utf8): counters that begin with @prefix ("refused."), the largest first. */
GPtrArray *pba_statistics_list (PbaStatistics *self, const char *prefix);
/** pba_statistics_series_async: @counter over the last @span seconds, in steps of @step. finish: (transfer full) a(td): when each step began, and how many it had. */
void pba_statistics_series_async (PbaStatistics *self, const char *counter, guint span, guint step, GCancellable *cancellable, GAsyncReadyCallback callback,
                                  gpointer user_data);
GVariant *pba_statistics_series_finish (PbaStatistics *self, GAsyncResult *result, GError **error);

G_END_DECLS
