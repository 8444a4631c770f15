/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "settings/snapshot.h"
#include <glib.h>

typedef enum
{
  PB_ROUTE_LOCAL,   /* Maildir of @mailbox */
  PB_ROUTE_HOSTS,   /* SMTP to fixed hosts: relay host, Domain List target */
  PB_ROUTE_MX,      /* SMTP by MX of @domain */
  PB_ROUTE_UNKNOWN, /* local domain, nobody there: 5.1.1 */
  PB_ROUTE_ALIAS,   /* became an alias since it was queued: to be queued again for @targets */
  PB_ROUTE_PENDING, /* whether a system's user has that mailbox must be asked first: pb_snapshot_find_local() without aliases, then route anew */
  PB_ROUTE_NOWHERE, /* configuration lacks something (relay mode without a server): defer with @why */
} PbRouteKind;

typedef struct
{
  char *host;   /* (owned) name or IP text */
  guint16 port; /* 0: the MX port */
} PbRouteHost;

/* Where one recipient's mail goes now; immutable, reference-counted. */
typedef struct
{
  PbRouteKind kind;
  char *key;         /* (owned) destination: recipients and connections with the same key share: "local:<account id>", "mx:example.org", "relay:smtp.example.net:587" */
  char *mailbox;     /* (owned) (nullable) for LOCAL: account id, or "uid-1000" for a system's user */
  char *domain;      /* (owned) (nullable) for MX */
  PbRouteHost *hosts; /* (owned) in order of preference */
  guint n_hosts;
  char **targets;    /* (owned) (nullable) for ALIAS */
  char *why;         /* (owned) (nullable) */
} PbRoute;

PbRoute *pb_route_ref (PbRoute *self);
void pb_route_unref (PbRoute *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbRoute, pb_route_unref)

/** pb_route_find: pure: local domain, Domain List, general relay, MX, in settings.md's order. Returns: (transfer full). */
PbRoute *pb_route_find (const PbSnapshot *snapshot, const char *sender, const char *recipient);
