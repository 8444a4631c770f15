/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * TLSA records in OpenSSL's hands: which of them can be used, and a handshake that only they make good.
 * Called by who judges an answer of the DNS, and by channel-tls.c before a handshake. Pure. Records are
 * foreign bytes: whether a certificate or a key in full is one is tried out before anything is promised.
 */
#include "net/tls-private.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#define SHA256_LENGTH 32
#define SHA512_LENGTH 64

/* RFC 6698 2.1.1 to 2.1.3, with the names of RFC 7218. */
enum
{
  DANE_TA = 2,
  DANE_EE = 3,
  SELECTOR_CERT = 0,
  SELECTOR_KEY = 1,
  MATCHING_FULL = 0,
  MATCHING_SHA256 = 1,
  MATCHING_SHA512 = 2,
};

static gboolean
is_certificate (const guint8 *data, gsize length)
{
  const guint8 *at = data;
  X509 *certificate = length <= G_MAXINT ? d2i_X509 (NULL, &at, (long) length) : NULL;
  gboolean good = certificate != NULL && at == data + length && X509_get0_pubkey (certificate) != NULL;

  X509_free (certificate);
  ERR_clear_error ();
  return good;
}

static gboolean
is_key (const guint8 *data, gsize length)
{
  const guint8 *at = data;
  EVP_PKEY *key = length <= G_MAXINT ? d2i_PUBKEY (NULL, &at, (long) length) : NULL;
  gboolean good = key != NULL && at == data + length;

  EVP_PKEY_free (key);
  ERR_clear_error ();
  return good;
}

gboolean
pb_tlsa_is_usable (const PbTlsa *record)
{
  gsize length;
  const guint8 *data = g_bytes_get_data (record->data, &length);

  if (record->usage != DANE_TA && record->usage != DANE_EE)
    return FALSE;
  if (record->selector != SELECTOR_CERT && record->selector != SELECTOR_KEY)
    return FALSE;
  switch (record->matching)
    {
    case MATCHING_FULL:
      return record->selector == SELECTOR_CERT ? is_certificate (data, length) : is_key (data, length);
    case MATCHING_SHA256:
      return length == SHA256_LENGTH;
    case MATCHING_SHA512:
      return length == SHA512_LENGTH;
    }
  return FALSE;
}

gboolean
pb_tls_dane_expect (SSL *ssl, const char *base, const PbTlsa *records, guint n_records)
{
  guint n_added = 0;

  if (SSL_dane_enable (ssl, base) != 1)
    return FALSE;
  /* A key that the domain has published is good under any name and at any time (RFC 7672 3.1.1). */
  SSL_dane_set_flags (ssl, DANE_FLAG_NO_DANE_EE_NAMECHECKS);
  SSL_set_hostflags (ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  for (guint i = 0; i < n_records; i++)
    {
      gsize length;
      const guint8 *data = g_bytes_get_data (records[i].data, &length);

      if (SSL_dane_tlsa_add (ssl, records[i].usage, records[i].selector, records[i].matching, data, length) == 1)
        n_added++;
    }
  return n_added > 0;
}
