/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "model/connection.h"

G_BEGIN_DECLS

/*
 * Whether the service keeps its figures, and what became of the address where it offers them: the texts among Statistics' properties. Asked at each connection, then
 * follows PropertiesChanged. Signal: "changed".
 */
#define PBA_TYPE_UPKEEP (pba_upkeep_get_type ())
G_DECLARE_FINAL_TYPE (PbaUpkeep, pba_upkeep, PBA, UPKEEP, GObject)

PbaUpkeep *pba_upkeep_new (PbaConnection *connection);
/** pba_upkeep_get: @name: State, Trouble, MetricsState or MetricsTrouble, each in the bus's words. Returns: "" while unknown, or where the service does not say. */
const char *pba_upkeep_get (PbaUpkeep *self, const char *name);

G_END_DECLS
