/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * SCRAM-SHA-256 verifiers (RFC 5802 3, RFC 7677): made when a password is set, asked when one is given.
 * Called by the settings, which keep them, and by the SMTP server's workers; pure but for the salt's
 * randomness. Nothing here fails by halves: when OpenSSL refuses its work the program ends. Keys that
 * lie on the way are wiped before a function returns.
 */
#include "util/verifier.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <string.h>

#define VERSION        1
#define PACKED         (1 + 4 + PB_VERIFIER_SALT + 2 * PB_VERIFIER_KEY)
#define MIN_ITERATIONS 4096     /* RFC 7677 4 */
#define MAX_ITERATIONS 10000000 /* a damaged number must not keep a worker for hours */

void
pb_hmac_sha256 (const guint8 *key, gsize key_length, const void *data, gsize length,
                guint8 out[PB_VERIFIER_KEY])
{
  if (HMAC (EVP_sha256 (), key, (int) key_length, data, length, out, NULL) == NULL)
    g_error ("OpenSSL computes no HMAC-SHA-256");
}

void
pb_sha256 (const void *data, gsize length, guint8 out[PB_VERIFIER_KEY])
{
  if (EVP_Digest (data, length, out, NULL, EVP_sha256 (), NULL) != 1)
    g_error ("OpenSSL computes no SHA-256");
}

gboolean
pb_octets_equal (const void *a, const void *b, gsize length)
{
  return CRYPTO_memcmp (a, b, length) == 0;
}

void
pb_derive_sha256 (const PbSecret *password, const void *salt, gsize salt_length, guint32 iterations,
                  guint8 out[PB_VERIFIER_KEY])
{
  if (PKCS5_PBKDF2_HMAC ((const char *) password->data, (int) password->length, salt,
                         (int) salt_length, (int) iterations, EVP_sha256 (), PB_VERIFIER_KEY, out)
      != 1)
    g_error ("OpenSSL computes no PBKDF2");
}

static void
derive (const PbVerifier *self, const PbSecret *password, guint8 stored_key[PB_VERIFIER_KEY],
        guint8 server_key[PB_VERIFIER_KEY])
{
  guint8 salted[PB_VERIFIER_KEY], client_key[PB_VERIFIER_KEY];

  pb_derive_sha256 (password, self->salt, sizeof self->salt, self->iterations, salted);
  pb_hmac_sha256 (salted, sizeof salted, "Client Key", strlen ("Client Key"), client_key);
  pb_hmac_sha256 (salted, sizeof salted, "Server Key", strlen ("Server Key"), server_key);
  pb_sha256 (client_key, sizeof client_key, stored_key);
  explicit_bzero (salted, sizeof salted);
  explicit_bzero (client_key, sizeof client_key);
}

void
pb_verifier_init (PbVerifier *self, const PbSecret *password)
{
  self->iterations = PB_VERIFIER_ITERATIONS;
  if (RAND_bytes (self->salt, sizeof self->salt) != 1)
    g_error ("there is no randomness for a salt");
  derive (self, password, self->stored_key, self->server_key);
}

/* One part of a fake: the user's name under the key, and which part it is. */
static void
fake_part (const char *user, const guint8 key[PB_VERIFIER_KEY], const char *part,
           guint8 out[PB_VERIFIER_KEY])
{
  g_autofree char *text = g_strconcat (part, ":", user, NULL);

  pb_hmac_sha256 (key, PB_VERIFIER_KEY, text, strlen (text), out);
}

void
pb_verifier_init_fake (PbVerifier *self, const char *user, const guint8 key[PB_VERIFIER_KEY])
{
  guint8 salt[PB_VERIFIER_KEY];

  self->iterations = PB_VERIFIER_ITERATIONS;
  fake_part (user, key, "salt", salt);
  memcpy (self->salt, salt, sizeof self->salt);
  fake_part (user, key, "stored-key", self->stored_key);
  fake_part (user, key, "server-key", self->server_key);
}

gboolean
pb_verifier_matches (const PbVerifier *self, const PbSecret *password)
{
  guint8 stored_key[PB_VERIFIER_KEY], server_key[PB_VERIFIER_KEY];
  gboolean same;

  derive (self, password, stored_key, server_key);
  same = pb_octets_equal (stored_key, self->stored_key, sizeof stored_key);
  explicit_bzero (stored_key, sizeof stored_key);
  explicit_bzero (server_key, sizeof server_key);
  return same;
}

GBytes *
pb_verifier_pack (const PbVerifier *self)
{
  guint8 *packed = g_malloc (PACKED), *at = packed;
  guint32 iterations = GUINT32_TO_BE (self->iterations);

  *at++ = VERSION;
  at = (guint8 *) mempcpy (at, &iterations, sizeof iterations);
  at = (guint8 *) mempcpy (at, self->salt, sizeof self->salt);
  at = (guint8 *) mempcpy (at, self->stored_key, sizeof self->stored_key);
  memcpy (at, self->server_key, sizeof self->server_key);
  return g_bytes_new_take (packed, PACKED);
}

gboolean
pb_verifier_unpack (PbVerifier *self, GBytes *packed)
{
  gsize length;
  const guint8 *at = g_bytes_get_data (packed, &length);

  if (length != PACKED || *at++ != VERSION)
    return FALSE;
  memcpy (&self->iterations, at, sizeof self->iterations);
  self->iterations = GUINT32_FROM_BE (self->iterations);
  at += sizeof self->iterations;
  memcpy (self->salt, at, sizeof self->salt);
  at += sizeof self->salt;
  memcpy (self->stored_key, at, sizeof self->stored_key);
  at += sizeof self->stored_key;
  memcpy (self->server_key, at, sizeof self->server_key);
  return self->iterations >= MIN_ITERATIONS && self->iterations <= MAX_ITERATIONS;
}
