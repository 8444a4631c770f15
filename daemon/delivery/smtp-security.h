/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "delivery/router.h"
#include "net/resolver.h"
#include <glib.h>

/*
 * What the next host on the way must prove before mail goes to it, and who demands that. One value a host, settled when the hosts of a
 * route are found (smtp-hosts.c); whoever knows of a stricter demand puts another value in its place before the slot connects. A
 * connection is opened by this alone, and never falls below it.
 */

/* From nothing to everything. */
typedef enum
{
  PB_SMTP_SECURITY_NONE,          /* no TLS, whatever is offered */
  PB_SMTP_SECURITY_OPPORTUNISTIC, /* TLS where it is offered, whoever answers; else in the clear */
  PB_SMTP_SECURITY_ENCRYPTED,     /* TLS or no mail; whoever answers */
  PB_SMTP_SECURITY_NAME,          /* TLS, a chain to the system's authorities, and one of @names */
  PB_SMTP_SECURITY_FINGERPRINT,   /* TLS, and a public key with @fingerprint */
  PB_SMTP_SECURITY_DANE,          /* TLS, and a certificate that one of @records matches (RFC 7672 3.1) */
  PB_SMTP_SECURITY_REFUSED,       /* no mail goes to this host now, for @why */
} PbSmtpSecurityKind;

/* Who demands it. */
typedef enum
{
  PB_SMTP_SECURITY_BY_DEFAULT, /* nobody: what is done where nothing is said */
  PB_SMTP_SECURITY_BY_ROUTE,   /* the administrator, by the relay's settings */
  PB_SMTP_SECURITY_BY_DANE,    /* the domain, in the DNS; before MTA-STS (RFC 8461 2) */
  PB_SMTP_SECURITY_BY_MTA_STS, /* the domain, on the web */
} PbSmtpSecuritySource;

/* Immutable once it stands at a host, reference-counted, for any thread. */
typedef struct
{
  PbSmtpSecurityKind kind;
  PbSmtpSecuritySource source;
  char *server_name; /* (owned) (nullable) whom to ask for (SNI) */
  char **names;      /* (owned) (nullable) what the certificate may bear, where its name counts: for NAME, and for DANE below an authority of the domain's own (usage 2) */
  char *fingerprint; /* (owned) (nullable) for FINGERPRINT: 64 lower-case hex digits */
  PbTlsa *records;   /* (owned) (nullable) for DANE: those that are usable */
  guint n_records;
  const char *status; /* (static) (nullable) for REFUSED: "4.7.5" */
  char *why;          /* (owned) (nullable) for REFUSED: why; for others: what the transcript is to say of it */
  gboolean on_trial;  /* for OPPORTUNISTIC: whether NAME would have failed is found out and told, and stops nothing */
  char *doubt;        /* (owned) (nullable) on trial: why it would have, before it was asked anything */
} PbSmtpSecurity;

/** pb_smtp_security_new: (transfer full): to be filled in by the caller before anybody else sees it. */
PbSmtpSecurity *pb_smtp_security_new (PbSmtpSecurityKind kind, PbSmtpSecuritySource source);
PbSmtpSecurity *pb_smtp_security_ref (PbSmtpSecurity *self);
void pb_smtp_security_unref (PbSmtpSecurity *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbSmtpSecurity, pb_smtp_security_unref)

/** pb_smtp_security_from_route: what @route itself demands of @host. (transfer full) */
PbSmtpSecurity *pb_smtp_security_from_route (const PbRoute *route, const char *host);

/** pb_smtp_security_refuse: (transfer full): @status (static); @why (transfer full), which names the host. */
PbSmtpSecurity *pb_smtp_security_refuse (PbSmtpSecuritySource source, const char *status, char *why);

/**
 * pb_smtp_security_from_tlsa:
 * @base: the TLSA base domain, whose records @answer has (RFC 7672 2.2.3)
 * @names: what an end of chain below an authority of the domain's own may bear (RFC 7672 3.2.2)
 * @answer: to the question for TLSA
 * Pure. RFC 7672 2.2: usable records are DANE; unusable ones alone mean TLS without proof; trouble means no mail to this host. Returns: (transfer full) (nullable):
 * NULL where DNSSEC vouches for none: as if DANE were not there.
 */
PbSmtpSecurity *pb_smtp_security_from_tlsa (const char *base, guint16 port, const char *const *names, const PbDnsAnswer *answer);

/** pb_smtp_security_wants_tls: whether TLS is begun where the host offers it. */
gboolean pb_smtp_security_wants_tls (const PbSmtpSecurity *self);

/** pb_smtp_security_demands_tls: whether no mail leaves in the clear. */
gboolean pb_smtp_security_demands_tls (const PbSmtpSecurity *self);

/** pb_smtp_security_is_proven: whether the host has proven who it is once the handshake stands. */
gboolean pb_smtp_security_is_proven (const PbSmtpSecurity *self);

/** pb_smtp_security_source_text: (static) (nullable): for sentences: "DANE", "MTA-STS"; NULL for the others. */
const char *pb_smtp_security_source_text (const PbSmtpSecurity *self);

/** pb_smtp_security_describe: (transfer full): what stood behind the handshake, for the transcript: "certificate verified by DANE". */
char *pb_smtp_security_describe (const PbSmtpSecurity *self);
