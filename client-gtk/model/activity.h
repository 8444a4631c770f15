/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "model/connection.h"

G_BEGIN_DECLS

/* Who is connected. Constant. */
typedef struct
{
  char *client, *role, *state;       /* (owned) */
  char *tls, *helo, *login, *sender; /* (owned) (nullable) */
  gint64 since;                      /* Unix seconds */
  guint recipients;
  guint64 octets; /* both ways */
} PbaSession;

/* Who has much to do with mail. Constant. */
typedef struct
{
  char *name; /* (owned): "" the null sender */
  guint64 messages, refused;
} PbaBusiest;

typedef enum
{
  PBA_BUSIEST_SENDERS,
  PBA_BUSIEST_RECIPIENTS,
  PBA_BUSIEST_HOSTS,
  PBA_N_BUSIEST,
} PbaBusiestKind;

/*
 * Who uses the service now and did lately; asked only on demand, and never with a question to the user. Signals: "sessions", "busiest": there is an answer. One that
 * fails leaves what was there.
 */
#define PBA_TYPE_ACTIVITY (pba_activity_get_type ())
G_DECLARE_FINAL_TYPE (PbaActivity, pba_activity, PBA, ACTIVITY, GObject)

PbaActivity *pba_activity_new (PbaConnection *connection);
/** pba_activity_get_supported: this service can tell. */
gboolean pba_activity_get_supported (PbaActivity *self);
/** pba_activity_ask_sessions: does nothing while an answer is awaited. */
void pba_activity_ask_sessions (PbaActivity *self);
/** pba_activity_ask_busiest: over the last @span seconds. An answer to an earlier question is dropped. */
void pba_activity_ask_busiest (PbaActivity *self, PbaBusiestKind kind, guint span);
/** pba_activity_get_sessions: (transfer none) (element-type PbaSession): the latest first, until the next "sessions". */
GPtrArray *pba_activity_get_sessions (PbaActivity *self);
/** pba_activity_get_busiest: (transfer none) (element-type PbaBusiest): the busiest first, until the next "busiest". */
GPtrArray *pba_activity_get_busiest (PbaActivity *self);

G_END_DECLS
