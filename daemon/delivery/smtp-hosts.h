/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "delivery/agent.h"
#include "delivery/smtp-security.h"
#include "net/resolver.h"
#include <glib.h>

/* An address to try. */
typedef struct
{
  PbIp ip;
  guint16 port;
  char *name; /* (owned) as the MX or the settings name it */
  char *socket; /* (owned) (nullable) path of a Unix socket, in place of @ip and @port */
  PbSmtpSecurity *security; /* (owned) what it must prove: to be exchanged for a stricter one until a slot connects */
} PbSmtpHost;

/* What was found behind a route: addresses in the order to try them, or the reason why there are none. */
typedef struct
{
  PbSmtpHost *hosts; /* (owned) */
  guint n_hosts;
  PbResultKind kind; /* when n_hosts is 0: DEFERRED or FAILED */
  const char *status; /* static */
  char *why;         /* (owned) (nullable) */
} PbSmtpHosts;

/** pb_smtp_host_format: (transfer full): "mx.example.org[192.0.2.1]:25". */
char *pb_smtp_host_format (const PbSmtpHost *host);

void pb_smtp_hosts_free (PbSmtpHosts *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbSmtpHosts, pb_smtp_hosts_free)

/* A host name with what DNS said of it. */
typedef struct
{
  char *name; /* (owned) */
  guint16 preference;
  guint16 port;
  PbDnsStatus status;
  PbIp *addresses; /* (owned) */
  guint n_addresses;
  gboolean secure;  /* DNSSEC vouches for them */
  char *canonical;  /* (owned) (nullable) where aliases lead to */
  PbSmtpSecurity *security; /* (owned) (nullable) what the domain demands by DANE */
} PbSmtpCandidate;

/* Who we are, for cutting MX records that lead back to ourselves (RFC 5321 5.1). */
typedef struct
{
  const char *hostname;
  const PbIp *addresses;
  guint n_addresses;
  gboolean loopback; /* whether a loopback address, or none ("0.0.0.0"), leads to ourselves too */
} PbSmtpSelf;

/**
 * pb_smtp_hosts_select:
 * @domain: for the words of a refusal
 * @candidates: sorted by preference, hosts of one preference in the order to try them
 * @self: (nullable): NULL cuts nothing
 * @is_relay: the names were set by the administrator: a missing one defers
 * Pure. Records at or below our own preference are cut. A host that must not be asked has one address at the most. Returns: (transfer full), with no security but the candidates'.
 */
PbSmtpHosts *pb_smtp_hosts_select (const char *domain, const PbSmtpCandidate *candidates, guint n_candidates, const PbSmtpSelf *self, gboolean is_relay);

typedef struct _PbSmtpLookup PbSmtpLookup;

/** PbSmtpHostsFound: @hosts (transfer full). */
typedef void (*PbSmtpHostsFound) (PbSmtpHosts *hosts, gpointer user_data);

/**
 * pb_smtp_hosts_find: the hosts of @route (HOSTS, LMTP or MX), each with its security; @dane: Outbound.Dane. For MX the addresses that @self's hostname resolves to count as its own too. On the thread of @reply_to; @func is called there, perhaps before this returns (then NULL is returned).
 * Returns: (nullable) a handle, valid until @func is called, for pb_smtp_lookup_cancel().
 */
PbSmtpLookup *pb_smtp_hosts_find (PbResolver *resolver, const PbRoute *route, const PbSmtpSelf *self, guint16 mx_port, gboolean dane, PbMailbox *reply_to, PbSmtpHostsFound func, gpointer user_data);

/** pb_smtp_lookup_cancel: @func will not be called. */
void pb_smtp_lookup_cancel (PbSmtpLookup *self);
