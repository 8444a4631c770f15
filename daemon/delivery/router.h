/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "settings/snapshot.h"
#include <glib.h>

typedef enum
{
  PB_ROUTE_LOCAL,   /* Maildir of @mailbox */
  PB_ROUTE_LMTP,    /* LMTP to @socket or @hosts; whom to name there: pb_route_lmtp_recipient() */
  PB_ROUTE_HOSTS,   /* SMTP to fixed hosts: relay host, Domain List target */
  PB_ROUTE_MX,      /* SMTP by MX of @domain */
  PB_ROUTE_UNKNOWN, /* local domain, nobody there: 5.1.1 */
  PB_ROUTE_ALIAS,   /* became an alias since it was queued: to be queued again for @targets */
  PB_ROUTE_PENDING, /* whether a system's user has that mailbox must be asked first: pb_snapshot_find_local() without aliases, then route anew */
  PB_ROUTE_NOWHERE, /* configuration lacks something (relay mode without a server): defer with @why */
} PbRouteKind;

/* By which rule of settings.md the way was chosen. */
typedef enum
{
  PB_ROUTE_REASON_NONE, /* no address, no such address literal */
  PB_ROUTE_REASON_LOCAL,
  PB_ROUTE_REASON_EXCEPTION_RECIPIENT,
  PB_ROUTE_REASON_DOMAIN_LIST,
  PB_ROUTE_REASON_EXCEPTION_SENDER,
  PB_ROUTE_REASON_RELAY,
  PB_ROUTE_REASON_MX,
  PB_ROUTE_REASON_LITERAL,
  PB_ROUTE_REASON_REROUTED, /* the administrator has named the way by hand */
} PbRouteReason;

typedef enum
{
  PB_ROUTE_TLS_OPPORTUNISTIC, /* where it is offered */
  PB_ROUTE_TLS_OFF,
  PB_ROUTE_TLS_STARTTLS, /* or the mail waits */
  PB_ROUTE_TLS_IMPLICIT, /* from the first octet */
} PbRouteTls;

typedef enum
{
  PB_ROUTE_VERIFY_NONE,
  PB_ROUTE_VERIFY_NAME,        /* a chain to a trusted root, and the host's name */
  PB_ROUTE_VERIFY_FINGERPRINT, /* the public key is @fingerprint's */
} PbRouteVerify;

/* Where the password for @auth is kept. */
typedef enum
{
  PB_ROUTE_SECRET_SYSTEM,
  PB_ROUTE_SECRET_AGENT,
  PB_ROUTE_SECRET_ASK,
} PbRouteSecret;

#define PB_ROUTE_RELAY_GENERAL "general" /* relay_id of Delivery.RelayServer */

typedef struct
{
  char *host;   /* (owned) name or IP text */
  guint16 port; /* 0: the MX port */
} PbRouteHost;

/* Where one recipient's mail goes now; immutable, reference-counted. */
typedef struct
{
  PbRouteKind kind;
  PbRouteReason reason;
  char *key;         /* (owned) destination: recipients and connections with the same key share; it holds everything below but @why and @name: "local:<account id>", "mx:example.org", "relay:smtp.example.net:587 tls=starttls" */
  char *mailbox;     /* (owned) (nullable) for LOCAL: account id, or "uid-1000" for a system's user */
  char *domain;      /* (owned) (nullable) for MX */
  PbRouteHost *hosts; /* (owned) in order of preference */
  guint n_hosts;
  char *socket;      /* (owned) (nullable) for LMTP: path of a Unix socket, then there are no @hosts */
  char **targets;    /* (owned) (nullable) for ALIAS */
  char *why;         /* (owned) (nullable) */
  char *name;        /* (owned) (nullable) of the exception, for people */
  char *relay_id;    /* (owned) (nullable) PB_ROUTE_RELAY_GENERAL, or the exception's id: whose password it is */
  PbRouteTls tls;    /* with @auth never below STARTTLS */
  PbRouteVerify verify;
  gboolean trusting; /* with opportunistic TLS: the administrator has said that nothing is to be verified */
  char *fingerprint; /* (owned) (nullable) for VERIFY_FINGERPRINT: SHA-256 of the public key info, 64 lower-case hex digits */
  gboolean auth;
  char *user;        /* (owned) (nullable) not empty with @auth */
  PbRouteSecret secret;
} PbRoute;

PbRoute *pb_route_ref (PbRoute *self);
void pb_route_unref (PbRoute *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbRoute, pb_route_unref)

/** pb_route_heeds_dane: whether what the domain publishes of its servers counts: where nobody has said what they must prove. */
gboolean pb_route_heeds_dane (const PbRoute *self);

/** pb_route_is_final: whether the mail ends in a mailbox here, also one that an LMTP server keeps. */
gboolean pb_route_is_final (const PbRoute *self);

/**
 * pb_route_find:
 * @sender: "" is the null sender, which no rule by sender matches
 * @override_target: (nullable): host[:port] that the administrator named by hand for this mail: the route then, local mail's too
 * Pure: local domain, recipient exception, Domain List, sender exception, general relay, MX, in settings.md's order. Returns: (transfer full).
 */
PbRoute *pb_route_find (const PbSnapshot *snapshot, const char *sender, const char *recipient, const char *override_target);

/**
 * pb_route_find_relay: the way over one relay as it is set now, whether or not mail goes there: what a connection's own route is compared with before it gets a
 * password, and what TestRelay tries. @relay: PB_ROUTE_RELAY_GENERAL or an exception's id. Pure. Returns: (transfer full) (nullable): NULL where there is no such
 * relay, or its exception is off; kind NOWHERE, with @why, where it cannot be used.
 */
PbRoute *pb_route_find_relay (const PbSnapshot *snapshot, const char *relay);

/** pb_route_describe: (transfer full): where the mail goes and why, in words: "relay host smtp.example.net:587 by the recipient exception “Bank”, TLS required, logged in as bob". */
char *pb_route_describe (const PbRoute *self);

/**
 * pb_route_lmtp_recipient:
 * @recipient: as the queue has it
 * Whom to name to an LMTP server: the account's Name, with @recipient's sub-address behind it so that filters see it, at @recipient's domain; a Name that is
 * an address keeps its own. Returns: (transfer full): @recipient itself when it is nobody's mailbox by now.
 */
char *pb_route_lmtp_recipient (const PbSnapshot *snapshot, const char *recipient);
