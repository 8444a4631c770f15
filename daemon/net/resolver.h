/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/mailbox.h"
#include "util/netblock.h"
#include <glib.h>

/*
 * Asynchronous DNS over libunbound on one thread (the context it was made for); answers are immutable and handed to any mailbox. Forwards
 * to the given servers, else resolv.conf's.
 */
typedef struct _PbResolver PbResolver;

typedef enum
{
  PB_DNS_OK,        /* at least one record */
  PB_DNS_NODATA,    /* the name exists, not this type */
  PB_DNS_NXDOMAIN,
  PB_DNS_TROUBLE,   /* SERVFAIL, timeout, bogus: try again later; never a reason to bounce */
} PbDnsStatus;

typedef struct
{
  char *exchange; /* (owned) lower case, no trailing dot; "" for null MX (RFC 7505) */
  guint16 preference;
} PbMx;

/* A TLSA record as it came (RFC 6698 2.1); what is usable, TLS decides. */
typedef struct
{
  guint8 usage, selector, matching;
  GBytes *data; /* (owned) not empty */
} PbTlsa;

/** pb_tlsa_copy: (transfer full) (array): free with pb_tlsa_free(). */
PbTlsa *pb_tlsa_copy (const PbTlsa *records, guint n_records);
void pb_tlsa_free (PbTlsa *records, guint n_records);

typedef struct
{
  PbDnsStatus status;
  gboolean secure;   /* DNSSEC-validated */
  guint32 ttl;       /* seconds */
  PbMx *mx;          /* (owned) sorted by preference */
  guint n_mx;
  PbIp *addresses;   /* (owned) */
  guint n_addresses;
  char **names;      /* (owned) (nullable) PTR, CNAME or TXT texts */
  PbTlsa *tlsa;      /* (owned) */
  guint n_tlsa;
  char *canonical;   /* (owned) (nullable) the name at the end of aliases, lower case, no trailing dot; NULL: the name asked for is none */
  char *why;         /* (owned) (nullable) words for PB_DNS_TROUBLE */
} PbDnsAnswer;

PbDnsAnswer *pb_dns_answer_ref (PbDnsAnswer *self);
void pb_dns_answer_unref (PbDnsAnswer *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbDnsAnswer, pb_dns_answer_unref)

typedef enum
{
  PB_DNS_A = 1,
  PB_DNS_CNAME = 5,
  PB_DNS_PTR = 12,
  PB_DNS_MX = 15,
  PB_DNS_TXT = 16,
  PB_DNS_AAAA = 28,
  PB_DNS_TLSA = 52,
} PbDnsType;

/** PbDnsFunc: @answer (transfer none). */
typedef void (*PbDnsFunc) (PbDnsAnswer *answer, gpointer user_data);

/**
 * pb_resolver_new:
 * @servers: (nullable): "ADDRESS[:PORT]" or "[IPv6]:PORT" texts; NULL or empty: resolv.conf
 * @context: the thread on which the answers are read
 * Errors: G_IO_ERROR_INVALID_ARGUMENT naming the bad server.
 */
PbResolver *pb_resolver_new (const char *const *servers, GMainContext *context, GError **error);

/** pb_resolver_set_servers: @servers as in pb_resolver_new(), from now on; what is under way ends by the old ones. On its own thread. Errors as there; then nothing changes. */
gboolean pb_resolver_set_servers (PbResolver *self, const char *const *servers, GError **error);

/** pb_resolver_new_following: forwards to the servers of @file, written as resolv.conf(5), and follows its changes. */
PbResolver *pb_resolver_new_following (const char *file, GMainContext *context);

/* Whether answers are validated by DNSSEC. */
typedef enum
{
  PB_DNSSEC_OFF,         /* nobody asks for it */
  PB_DNSSEC_NO_ANCHOR,   /* the trust anchor is missing, or none */
  PB_DNSSEC_TRYING,      /* not known yet: nothing is believed that is not proven */
  PB_DNSSEC_ON,
  PB_DNSSEC_UNAVAILABLE, /* the DNS servers give no signatures: they are believed without */
} PbDnssec;

/** pb_dnssec_text: (static): "off", "no-anchor", "trying", "on", "unavailable". */
const char *pb_dnssec_text (PbDnssec state);

/** PbResolverTold: on the resolver's own thread. */
typedef void (*PbResolverTold) (PbResolver *resolver, gpointer user_data);

/** pb_resolver_set_validation: @anchors: (nullable): file of trust anchors, from which on answers are validated as far as it can be done; NULL: never. On its own thread. */
void pb_resolver_set_validation (PbResolver *self, const char *anchors);

/** pb_resolver_watch_dnssec: @func: (nullable): told whenever that state may be another. On its own thread. */
void pb_resolver_watch_dnssec (PbResolver *self, PbResolverTold func, gpointer user_data);

/** pb_resolver_dnssec: @why (out) (optional) (nullable) (transfer none): what keeps it from validating. On its own thread. */
PbDnssec pb_resolver_dnssec (const PbResolver *self, const char **why);

/** pb_resolver_try_dnssec: finds it out now; @func is called once: when it is known, perhaps before this returns, or while the resolver is freed. On its own thread. */
void pb_resolver_try_dnssec (PbResolver *self, PbResolverTold func, gpointer user_data);

/** pb_resolver_reload: reads resolv.conf now, where that is followed. On its own thread. */
void pb_resolver_reload (PbResolver *self);

/** pb_resolver_free: outstanding queries end with PB_DNS_TROUBLE. On its own thread. */
void pb_resolver_free (PbResolver *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbResolver, pb_resolver_free)

/**
 * pb_resolver_query: any thread; @func runs in @reply_to's thread exactly once, at the latest after @timeout seconds with PB_DNS_TROUBLE.
 * The same (name, type) asked again while under way joins the first query.
 */
void pb_resolver_query (PbResolver *self, const char *name, PbDnsType type, guint timeout, PbMailbox *reply_to, PbDnsFunc func, gpointer user_data);

/** pb_resolver_query_host: A and AAAA together; status OK when either has addresses; IPv6 first only when the machine has a global IPv6 route. */
void pb_resolver_query_host (PbResolver *self, const char *name, guint timeout, PbMailbox *reply_to, PbDnsFunc func, gpointer user_data);
