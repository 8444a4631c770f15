/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "net/resolver.h"
#include <glib.h>

/*
 * TLS certificates and what is made of them. Everything here is immutable once made, reference-counted and for any thread; nothing reads a file,
 * but pb_tls_context_new_client().
 */

typedef enum
{
  PB_TLS_ERROR_CERTIFICATE, /* the chain is not usable */
  PB_TLS_ERROR_KEY,         /* the key is not usable */
  PB_TLS_ERROR_MISMATCH,    /* each is, but they do not belong together */
  PB_TLS_ERROR_FAILED,      /* OpenSSL could not */
} PbTlsError;
#define PB_TLS_ERROR (pb_tls_error_quark ())
GQuark pb_tls_error_quark (void);

/* ---- a certificate and its key ---- */

/* A chain of certificates with the key of its first. */
typedef struct _PbTlsPair PbTlsPair;

/* What may be shown of it to everybody; belongs to the pair. */
typedef struct
{
  char *subject;     /* "CN=mail.example.org" (RFC 4514) */
  char *issuer;
  char **names;      /* DNS names and IP addresses that it is good for */
  gint64 not_before; /* Unix seconds */
  gint64 not_after;
  char *fingerprint; /* SHA-256 of the certificate, 64 hex digits */
  gboolean self_signed;
} PbTlsIdentity;

/* Who is at the other end of a connection. */
typedef struct
{
  PbTlsIdentity identity;
  char *key_fingerprint; /* SHA-256 of the public key info, 64 hex digits */
  char *trouble;         /* (nullable) why the certificate is not to be trusted: "self-signed certificate"; NULL: it is, and bears the name that was expected */
} PbTlsPeer;
void pb_tls_peer_free (PbTlsPeer *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbTlsPeer, pb_tls_peer_free)

/**
 * pb_tls_pair_parse:
 * @chain: PEM, the server's own certificate first; what else is in it (the key) is skipped
 * @key: PEM, a private key without a passphrase; what else is in it (the chain) is skipped
 * Either may be NULL, where the other alone is to be checked; what is made then serves for nothing else.
 * Dates are not looked at. Errors: PB_TLS_ERROR, in words that say what is wrong and that fit behind the file's name.
 */
PbTlsPair *pb_tls_pair_parse (const char *chain, gsize chain_length, const char *key, gsize key_length, GError **error);

/** pb_tls_pair_self_sign: an ECDSA P-256 certificate for @hostname, from a day before @now (Unix seconds) for ten years. @old (nullable): with its key. */
PbTlsPair *pb_tls_pair_self_sign (const char *hostname, gint64 now, const PbTlsPair *old, GError **error);

PbTlsPair *pb_tls_pair_ref (PbTlsPair *self);
void pb_tls_pair_unref (PbTlsPair *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbTlsPair, pb_tls_pair_unref)

/** pb_tls_pair_identity: (transfer none). */
const PbTlsIdentity *pb_tls_pair_identity (const PbTlsPair *self);

/** pb_tls_pair_names_host: whether it is good for @hostname. */
gboolean pb_tls_pair_names_host (const PbTlsPair *self, const char *hostname);

/** pb_tls_pair_check_dates: whether it holds at @now (Unix seconds). Errors: PB_TLS_ERROR_CERTIFICATE, with the dates. */
gboolean pb_tls_pair_check_dates (const PbTlsPair *self, gint64 now, GError **error);

/** pb_tls_pair_to_pem: (transfer full): the key, then the chain: what pb_tls_pair_parse() takes as both. A secret: to be wiped over @length before it is freed. */
char *pb_tls_pair_to_pem (const PbTlsPair *self, gsize *length, GError **error);

/* ---- contexts ---- */

/* What handshakes are made from. */
typedef struct _PbTlsContext PbTlsContext;

typedef enum
{
  PB_TLS_1_2,
  PB_TLS_1_3,
} PbTlsVersion;

/** pb_tls_context_new_server: serves @pair, whatever name a client asks for (SNI), from @minimum on. Errors: PB_TLS_ERROR. */
PbTlsContext *pb_tls_context_new_server (PbTlsPair *pair, PbTlsVersion minimum, GError **error);

/** pb_tls_context_new_client: @verify: against the system's authorities, whose files are read here. Errors: PB_TLS_ERROR. */
PbTlsContext *pb_tls_context_new_client (PbTlsVersion minimum, gboolean verify, GError **error);

/** pb_tls_context_new_dane: for a client whose connections each bring the TLSA records that the server must match; no authority of the system's counts. Errors: PB_TLS_ERROR. */
PbTlsContext *pb_tls_context_new_dane (PbTlsVersion minimum, GError **error);

/**
 * pb_tlsa_is_usable: whether a client can tell if a certificate matches @record: RFC 7672 3.1 leaves usages 2 and 3; a selector, a matching type or data that OpenSSL
 * does not know how to compare is none (RFC 6698 4.1).
 */
gboolean pb_tlsa_is_usable (const PbTlsa *record);

PbTlsContext *pb_tls_context_ref (PbTlsContext *self);
void pb_tls_context_unref (PbTlsContext *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbTlsContext, pb_tls_context_unref)

typedef enum
{
  PB_TLS_BINDING_EXPORTER,         /* tls-exporter */
  PB_TLS_BINDING_SERVER_END_POINT, /* tls-server-end-point */
} PbTlsBinding;

/* Where one thread puts the context that holds from now on and others take it. */
typedef struct _PbTlsSlot PbTlsSlot;
PbTlsSlot *pb_tls_slot_new (void);
void pb_tls_slot_free (PbTlsSlot *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbTlsSlot, pb_tls_slot_free)
/** pb_tls_slot_put: @context (transfer none) (nullable). */
void pb_tls_slot_put (PbTlsSlot *self, PbTlsContext *context);
/** pb_tls_slot_take: (transfer full) (nullable). */
PbTlsContext *pb_tls_slot_take (PbTlsSlot *self);
