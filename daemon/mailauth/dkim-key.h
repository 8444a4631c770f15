/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "mailauth/dkim-signature.h"
#include "net/resolver.h"
#include <openssl/evp.h>

/* A domain's public key as its TXT record gives it (RFC 6376 3.6.1). */
typedef struct
{
  EVP_PKEY *key;  /* (owned) */
  guint bits;     /* of an RSA modulus */
  gboolean testing; /* t=y: the domain only tries DKIM */
  gboolean strict;  /* t=s: i= must be of d= itself */
} PbDkimKey;

/**
 * pb_dkim_key_parse:
 * @text: a TXT record
 * @algorithm: of the signature that wants the key
 * @problem: (out) (transfer none): why this is no key for it
 * RSA keys of less than 1024 bits are weak and of more than 8192 a way to burn our time: both are refused (RFC 8301 3.2).
 * Returns: (transfer full) (nullable).
 */
PbDkimKey *pb_dkim_key_parse (const char *text, PbDkimAlgorithm algorithm, const char **problem);

/** pb_dkim_key_find: the first record of @answer that is a key for @algorithm. Returns: (transfer full) (nullable): with *@problem the last record's. */
PbDkimKey *pb_dkim_key_find (const PbDnsAnswer *answer, PbDkimAlgorithm algorithm, const char **problem);
void pb_dkim_key_free (PbDkimKey *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbDkimKey, pb_dkim_key_free)

/** pb_dkim_key_verify: whether @signature is @key's of @text. */
gboolean pb_dkim_key_verify (const PbDkimKey *self, PbDkimAlgorithm algorithm, GBytes *signature, const char *text, gsize length);
