/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "queue/daily.h"
#include "service/alerts.h"
#include "service/certificate.h"
#include "store/store.h"
#include <glib.h>

/* Looks every other second whether the queue grows, the disk is low, the certificate ends or accounts are over their day's limit: raises and ends those alerts. Main thread. */
typedef struct _PbHealthWatch PbHealthWatch;

/** pb_health_watch_new: borrows all but @directory, the state directory, which is copied. Reads what was kept of @daily; blocks (start-up). */
PbHealthWatch *pb_health_watch_new (PbStore *store, PbAlerts *alerts, PbCertificate *certificate, PbDaily *daily, const char *directory);
/** pb_health_watch_close: no more looks; keeps @daily. Waits for the disk. */
void pb_health_watch_close (PbHealthWatch *self);
void pb_health_watch_free (PbHealthWatch *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbHealthWatch, pb_health_watch_free)
