/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/secret.h"
#include <glib.h>

/*
 * What is kept of a password: enough to tell it again, and no way back to it (RFC 5802 3, RFC 7677). Whoever steals it can try passwords at the price of
 * @iterations each, and could pose as this server to that one user; they cannot log in with it.
 */
#define PB_VERIFIER_SALT 16
#define PB_VERIFIER_KEY 32 /* SHA-256 */

/*
 * For new ones. RFC 7677 wants 4,096 at least, XEP-0438 10,000. 15,000 are some 10 ms of a small NAS' processor for each PLAIN login, which anybody on the
 * network may ask for; clients of SCRAM pay the same themselves. Kept with each verifier, so it may rise.
 */
#define PB_VERIFIER_ITERATIONS 15000

typedef struct
{
  guint32 iterations;
  guint8 salt[PB_VERIFIER_SALT];
  guint8 stored_key[PB_VERIFIER_KEY];
  guint8 server_key[PB_VERIFIER_KEY];
} PbVerifier;

/** pb_verifier_init: from a prepared @password and random salt; takes milliseconds: on a worker. */
void pb_verifier_init (PbVerifier *self, const PbSecret *password);

/** pb_verifier_init_fake: what stands in for a user who has none: the same for the same @user and @key each time, and fits no password. */
void pb_verifier_init_fake (PbVerifier *self, const char *user, const guint8 key[PB_VERIFIER_KEY]);

/** pb_verifier_matches: whether it was made of @password; takes milliseconds, the same whatever the answer: on a worker. */
gboolean pb_verifier_matches (const PbVerifier *self, const PbSecret *password);

/** pb_verifier_pack: (transfer full): as it is stored: one octet of version, iterations (big-endian), salt, StoredKey, ServerKey. */
GBytes *pb_verifier_pack (const PbVerifier *self);
/** pb_verifier_unpack: FALSE when @packed is damaged or of a later version. */
gboolean pb_verifier_unpack (PbVerifier *self, GBytes *packed);

/** pb_hmac_sha256: RFC 2104; ends the program when OpenSSL cannot, since going on would let anybody in. */
void pb_hmac_sha256 (const guint8 *key, gsize key_length, const void *data, gsize length, guint8 out[PB_VERIFIER_KEY]);
void pb_sha256 (const void *data, gsize length, guint8 out[PB_VERIFIER_KEY]);
/** pb_derive_sha256: PBKDF2 (RFC 8018 5.2), as RFC 5802 calls Hi(); takes milliseconds: on a worker. */
void pb_derive_sha256 (const PbSecret *password, const void *salt, gsize salt_length, guint32 iterations, guint8 out[PB_VERIFIER_KEY]);
/** pb_octets_equal: in a time that does not tell where they differ. */
gboolean pb_octets_equal (const void *a, const void *b, gsize length);
