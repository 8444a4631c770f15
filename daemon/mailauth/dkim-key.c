/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Public keys of DKIM and ARC, from DNS (RFC 6376 3.6.1, RFC 8463 4). Called by the verifiers; pure. The
 * record is a stranger's: OpenSSL reads its key, and only kinds and sizes that we asked for pass.
 */
#include "mailauth/dkim-key.h"

#include "util/marked.h"

#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <string.h>

#define MIN_RSA_BITS   1024
#define MAX_RSA_BITS   8192
#define ED25519_LENGTH 32

/* @data: SubjectPublicKeyInfo, as everyone writes it, or a bare RSAPublicKey, as the RFC has it. */
static EVP_PKEY *
read_rsa (const guint8 *data, gsize length)
{
  const guint8 *at = data;
  EVP_PKEY *key = d2i_PUBKEY (NULL, &at, (long) length);

  if (key == NULL)
    {
      at = data;
      key = d2i_PublicKey (EVP_PKEY_RSA, NULL, &at, (long) length);
    }
  ERR_clear_error ();
  if (key != NULL && EVP_PKEY_get_base_id (key) != EVP_PKEY_RSA)
    g_clear_pointer (&key, EVP_PKEY_free);
  return key;
}

static const char *
read_key (PbDkimKey *self, const char *value, PbDkimAlgorithm algorithm)
{
  g_autoptr (GBytes) bytes = pb_tag_decode_base64 (value);
  gsize length;
  const guint8 *data;

  if (bytes == NULL)
    return N_ ("the key is no base64");
  data = g_bytes_get_data (bytes, &length);
  if (length == 0)
    return N_ ("the key was revoked");
  if (algorithm == PB_DKIM_ED25519_SHA256)
    {
      if (length == ED25519_LENGTH)
        self->key = EVP_PKEY_new_raw_public_key (EVP_PKEY_ED25519, NULL, data, length);
      return self->key != NULL ? NULL : N_ ("the key is no Ed25519 key");
    }
  self->key = read_rsa (data, length);
  if (self->key == NULL)
    return N_ ("the key is no RSA key");
  self->bits = (guint) EVP_PKEY_get_bits (self->key);
  if (self->bits < MIN_RSA_BITS)
    return N_ ("the key has less than 1024 bits");
  return self->bits <= MAX_RSA_BITS ? NULL : N_ ("the key has more than 8192 bits");
}

/* Whether the record is a key for mail signed by @algorithm. */
static const char *
check_tags (const PbTagList *tags, PbDkimAlgorithm algorithm)
{
  const PbTag *version = pb_tag_list_find (tags, "v");
  const char *kind = pb_tag_list_get (tags, "k");
  const char *hashes = pb_tag_list_get (tags, "h");
  const char *services = pb_tag_list_get (tags, "s");

  if (version != NULL && (version != &tags->tags[0] || strcmp (version->value, "DKIM1") != 0))
    return N_ ("the key record is not of version DKIM1");
  if (g_ascii_strcasecmp (kind != NULL ? kind : "rsa",
                          algorithm == PB_DKIM_RSA_SHA256 ? "rsa" : "ed25519")
      != 0)
    return N_ ("the key is of another kind");
  if (hashes != NULL && !pb_tag_has_word (hashes, "sha256"))
    return N_ ("the key is not for sha256");
  if (services != NULL && !pb_tag_has_word (services, "*") && !pb_tag_has_word (services, "email"))
    return N_ ("the key is not for mail");
  return pb_tag_list_find (tags, "p") != NULL ? NULL : N_ ("the key record has no key");
}

PbDkimKey *
pb_dkim_key_parse (const char *text, PbDkimAlgorithm algorithm, const char **problem)
{
  g_autoptr (PbTagList) tags = pb_tag_list_parse (text, strlen (text));
  g_autoptr (PbDkimKey) self = g_new0 (PbDkimKey, 1);
  const char *flags;

  *problem = tags == NULL ? N_ ("the key record is none") : check_tags (tags, algorithm);
  if (*problem == NULL)
    *problem = read_key (self, pb_tag_list_get (tags, "p"), algorithm);
  if (*problem != NULL)
    return NULL;
  flags = pb_tag_list_get (tags, "t");
  self->testing = flags != NULL && pb_tag_has_word (flags, "y");
  self->strict = flags != NULL && pb_tag_has_word (flags, "s");
  return g_steal_pointer (&self);
}

PbDkimKey *
pb_dkim_key_find (const PbDnsAnswer *answer, PbDkimAlgorithm algorithm, const char **problem)
{
  *problem = N_ ("there is no key");
  for (char **text = answer->names; text != NULL && *text != NULL; text++)
    {
      PbDkimKey *key = pb_dkim_key_parse (*text, algorithm, problem);

      if (key != NULL)
        return key;
    }
  return NULL;
}

void
pb_dkim_key_free (PbDkimKey *self)
{
  EVP_PKEY_free (self->key);
  g_free (self);
}

gboolean
pb_dkim_key_verify (const PbDkimKey *self, PbDkimAlgorithm algorithm, GBytes *signature,
                    const char *text, gsize length)
{
  EVP_MD_CTX *context = EVP_MD_CTX_new ();
  gsize n;
  const guint8 *octets = g_bytes_get_data (signature, &n);
  guint8 hash[SHA256_DIGEST_LENGTH];
  gboolean ed25519 = algorithm == PB_DKIM_ED25519_SHA256;
  gboolean ok;

  /* RFC 8463 3: Ed25519 signs the hash, not the text. */
  SHA256 ((const guint8 *) text, length, hash);
  ok = EVP_DigestVerifyInit (context, NULL, ed25519 ? NULL : EVP_sha256 (), NULL, self->key) == 1
       && EVP_DigestVerify (context, octets, n, ed25519 ? hash : (const guint8 *) text,
                            ed25519 ? sizeof hash : length)
            == 1;
  EVP_MD_CTX_free (context);
  ERR_clear_error ();
  return ok;
}
