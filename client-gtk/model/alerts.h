/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "model/connection.h"

G_BEGIN_DECLS

/* What the service says needs somebody's hand (its interface Alerts). Texts are in the user's language. */
typedef struct
{
  char *name;    /* "relay-login-refused" */
  char *subject; /* what it is about: a relay's id */
  char *text, *remedy;
} PbaServiceAlert;

/* Followed by its signal; nobody is bothered for a password. Signal: "changed". */
#define PBA_TYPE_ALERTS (pba_alerts_get_type ())
G_DECLARE_FINAL_TYPE (PbaAlerts, pba_alerts, PBA, ALERTS, GObject)

PbaAlerts *pba_alerts_new (PbaConnection *connection);
guint pba_alerts_get_n (PbaAlerts *self);
/** pba_alerts_get: (transfer none), until "changed". */
const PbaServiceAlert *pba_alerts_get (PbaAlerts *self, guint index);
/** pba_alerts_find: (transfer none) (nullable), until "changed". */
const PbaServiceAlert *pba_alerts_find (PbaAlerts *self, const char *name, const char *subject);

G_END_DECLS
