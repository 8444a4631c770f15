/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "net/tls.h"
#include <openssl/ssl.h>

struct _PbTlsPair
{
  gatomicrefcount references;
  X509 *certificate;       /* (owned) */
  STACK_OF (X509) * chain; /* (owned) what follows it, may be empty */
  EVP_PKEY *key;           /* (owned) */
  PbTlsIdentity identity;
};

/** pb_tls_identity_init: what @certificate says of itself. */
void pb_tls_identity_init (PbTlsIdentity *self, X509 *certificate);
void pb_tls_identity_clear (PbTlsIdentity *self);

/** pb_tls_context_ssl: (transfer full) (nullable): for one connection, as server or client; NULL when memory is short. */
SSL *pb_tls_context_ssl (PbTlsContext *self);
gboolean pb_tls_context_is_client (const PbTlsContext *self);
gboolean pb_tls_context_verifies (const PbTlsContext *self);

/** pb_tls_dane_expect: @ssl is to end well only where @records match (RFC 7671 5); @base: for SNI, and the first of @names. Returns: FALSE when it cannot be told. */
gboolean pb_tls_dane_expect (SSL *ssl, const char *base, const PbTlsa *records, guint n_records);

/** pb_tls_openssl_reason: (transfer none): what OpenSSL's first error on this thread says; empties its queue. */
const char *pb_tls_openssl_reason (void);
