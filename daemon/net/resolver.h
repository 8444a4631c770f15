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
