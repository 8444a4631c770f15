/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "queue/burst.h"
#include "queue/daily.h"
#include "service/alerts.h"
#include "service/certificate.h"
#include "settings/registry.h"
#include "store/store.h"
#include <glib.h>

/* Looks every other second whether the queue grows, the disk is low, the certificate ends or accounts burst or are over their day's limit: raises and ends those alerts. Main thread. */
typedef struct _PbHealthWatch PbHealthWatch;

/** pb_health_watch_new: borrows all but @directory, the state directory, which is copied. Reads what was kept of @daily; blocks (start-up). */
PbHealthWatch *pb_health_watch_new (PbStore *store, PbAlerts *alerts, PbCertificate *certificate, PbDaily *daily, PbBurst *burst, PbRegistry *registry, const char *directory);
/** pb_health_watch_close: no more looks; keeps @daily. Waits for the disk. */
void pb_health_watch_close (PbHealthWatch *self);
void pb_health_watch_free (PbHealthWatch *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbHealthWatch, pb_health_watch_free)

/**
 * pb_health_watch_judge_queue: whether the queue grows. Pure.
 * @many: (inout): whether so many messages waited at the last look; the alert then ends a little lower, so that it does not come and go
 * @now: Unix seconds
 * Returns: (transfer floating) (nullable): what is wrong, of pb_say()
 */
GVariant *pb_health_watch_judge_queue (const PbQueueCounts *counts, gboolean *many, gint64 now);
