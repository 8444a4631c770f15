/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "queue/queue.h"
#include "service/alerts.h"
#include "service/setup-check.h"
#include "store/history.h"
#include "store/store.h"
#include <glib.h>

/* What looks after the server itself: the setup check and alerts. Main thread. */
typedef struct _PbHealth PbHealth;

typedef struct
{
  PbSetupParts setup; /* all borrowed */
  PbAlerts *alerts;
  PbStore *store;
  PbQueue *queue;
  PbHistory *history; /* (nullable) */
} PbHealthParts;

PbHealth *pb_health_new (const PbHealthParts *parts);

/** pb_health_close: while the resolver lives and before the bus goes: nothing more is begun, and whoever waits is told that the server is stopping. */
void pb_health_close (PbHealth *self);
/** pb_health_free: once every answer that was asked for has come. */
void pb_health_free (PbHealth *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbHealth, pb_health_free)

/** pb_health_handle_check_setup: the method CheckSetup of the interface Diagnostics. */
void pb_health_handle_check_setup (PbBusCall *call, PbHealth *self);
