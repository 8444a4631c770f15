/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "dbus/say.h"
#include "service/bus.h"
#include <glib.h>

/* What needs somebody's hand and does not end by itself. A kind is a row of the table in alerts.c. */
typedef enum
{
  PB_ALERT_RELAY_LOGIN_REFUSED, /* subject: a relay's id */
  PB_ALERT_RELAY_PASSWORD_MISSING,
  PB_ALERT_BLOCKLIST_ILL, /* subject: its zone */
  PB_ALERT_SCANNER_ILL, /* subject: its address */
  PB_ALERT_QUEUE_GROWING,      /* subject: "queue" */
  PB_ALERT_DISK_LOW,           /* subject: "state-directory" */
  PB_ALERT_CERTIFICATE_ENDING, /* subject: "certificate" */
  PB_ALERT_DAILY_LIMIT,        /* subject: an account's id */
  PB_ALERT_ACCOUNT_BURSTING,   /* subject: likewise */
  PB_ALERT_DROP_REFUSED,       /* subject: "drop-directory" */
  PB_N_ALERTS,
} PbAlertKind;

/*
 * The alerts that hold now, and the interface Alerts that shows them. Each kind and subject is there once. Main thread. Kept in memory: what still holds after a
 * restart is found again.
 */
typedef struct _PbAlerts PbAlerts;

PbAlerts *pb_alerts_new (void);
void pb_alerts_free (PbAlerts *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbAlerts, pb_alerts_free)

/** pb_alerts_add_object: serves the interface Alerts on @bus. */
void pb_alerts_add_object (PbAlerts *self, PbBus *bus);
/** pb_alerts_leave_bus: before the bus goes; what is raised from then on is in the journal only. */
void pb_alerts_leave_bus (PbAlerts *self);

/** pb_alerts_raise: @text: what is wrong, of pb_say(), which is taken. One that is there with another text keeps its time; with the same text nothing happens. */
void pb_alerts_raise (PbAlerts *self, PbAlertKind kind, const char *subject, GVariant *text);

/** pb_alerts_end: nothing where there is none. */
void pb_alerts_end (PbAlerts *self, PbAlertKind kind, const char *subject);

/** pb_alerts_list: (transfer full), not floating: aa{sv}, as Alerts.List answers; the latest first. */
GVariant *pb_alerts_list (PbAlerts *self);
