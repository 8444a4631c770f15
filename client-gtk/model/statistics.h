/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "model/connection.h"

G_BEGIN_DECLS

/*
 * Counters since the service's start. Properties:
 *   counters (GVariant a{st}, nullable before the first answer), read-only
 *   watched (b, writable): a page shows them: asked every second, and every five seconds once no page does any more
 *   error (s, nullable), read-only: a sentence, why they are not asked any more; until pba_statistics_retry() or the next connection
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
const char *pba_statistics_get_error (PbaStatistics *self);
/** pba_statistics_get_known: there has been an answer. */
gboolean pba_statistics_get_known (PbaStatistics *self);
gboolean pba_statistics_has (PbaStatistics *self, const char *counter);
/** pba_statistics_get: Returns: 0 for a counter that is not there. */
guint64 pba_statistics_get (PbaStatistics *self, const char *counter);
/** pba_statistics_list: (transfer full) (element-type utf8): counters that begin with @prefix ("refused."), the largest first. */
GPtrArray *pba_statistics_list (PbaStatistics *self, const char *prefix);

G_END_DECLS
