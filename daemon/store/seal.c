/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Digests: how the store notices that a row or a file is no longer what it wrote.
 *
 * Any thread. SHA-256 is fetched from libcrypto once, since fetching costs more than hashing a small
 * message. Nothing here fails: libcrypto without SHA-256 ends the program at the first use.
 */
#include "store/seal.h"

#include <openssl/evp.h>
#include <string.h>

#define SEAL_SIZE 8

struct _PbHasher
{
  EVP_MD_CTX *context; /* (owned) */
};

static const EVP_MD *
sha256 (void)
{
  static EVP_MD *method;
  static gsize once;

  if (g_once_init_enter (&once))
    {
      method = EVP_MD_fetch (NULL, "SHA256", NULL);
      if (method == NULL)
        g_error ("libcrypto offers no SHA-256");
      g_once_init_leave (&once, 1);
    }
  return method;
}

PbHasher *
pb_hasher_new (void)
{
  PbHasher *self = g_new0 (PbHasher, 1);

  self->context = EVP_MD_CTX_new ();
  if (self->context == NULL || !EVP_DigestInit_ex (self->context, sha256 (), NULL))
    g_error ("libcrypto cannot begin a digest");
  return self;
}

void
pb_hasher_add (PbHasher *self, const void *data, gsize length)
{
  if (!EVP_DigestUpdate (self->context, data, length))
    g_error ("libcrypto cannot go on with a digest");
}

void
pb_hasher_finish (PbHasher *self, guint8 digest[PB_DIGEST_SIZE])
{
  if (!EVP_DigestFinal_ex (self->context, digest, NULL))
    g_error ("libcrypto cannot end a digest");
}

void
pb_hasher_free (PbHasher *self)
{
  if (self == NULL)
    return;
  EVP_MD_CTX_free (self->context);
  g_free (self);
}

void
pb_digest (const void *data, gsize length, guint8 digest[PB_DIGEST_SIZE])
{
  if (!EVP_Digest (data, length, digest, NULL, sha256 (), NULL))
    g_error ("libcrypto cannot make a digest");
}

GBytes *
pb_seal (const void *data, gsize length)
{
  guint8 digest[PB_DIGEST_SIZE];
  guint8 *sealed = g_malloc (SEAL_SIZE + length);

  pb_digest (data, length, digest);
  memcpy (sealed, digest, SEAL_SIZE);
  if (length > 0)
    memcpy (sealed + SEAL_SIZE, data, length);
  return g_bytes_new_take (sealed, SEAL_SIZE + length);
}

const void *
pb_unseal (const void *data, gsize length, gsize *inner_length)
{
  guint8 digest[PB_DIGEST_SIZE];
  const guint8 *inner;

  if (data == NULL || length < SEAL_SIZE)
    return NULL;
  inner = (const guint8 *) data + SEAL_SIZE;
  pb_digest (inner, length - SEAL_SIZE, digest);
  if (memcmp (digest, data, SEAL_SIZE) != 0)
    return NULL;
  *inner_length = length - SEAL_SIZE;
  return inner;
}
