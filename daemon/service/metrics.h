/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "service/statistics.h"
#include "settings/registry.h"
#include <glib.h>

/* The figures for Prometheus, at Metrics.Address. Obeys the setting from when it is made. Main thread. */
typedef struct _PbMetrics PbMetrics;

/** pb_metrics_new: both borrowed. What is wrong with the address is the state's. */
PbMetrics *pb_metrics_new (PbRegistry *registry, PbStatistics *statistics);
void pb_metrics_free (PbMetrics *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbMetrics, pb_metrics_free)

/** pb_metrics_state: static: "off", "listening", "failed". @trouble: (out): why it failed, else ""; until the next change. */
const char *pb_metrics_state (PbMetrics *self, const char **trouble);

/** pb_metrics_watch: @changed: the state has; NULL: nobody watches any more. */
void pb_metrics_watch (PbMetrics *self, void (*changed) (gpointer user_data), gpointer user_data);

/** pb_metrics_text: (transfer full): all figures in Prometheus' text format, version 0.0.4. */
char *pb_metrics_text (PbStatistics *statistics);
