/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A certificate with its chain and key: read from PEM, checked to belong together, or made here.
 *
 * Called where files are read, on a thread that may take its time (making a key, signing). What is wrong is said in words that
 * fit behind the name of the file or the setting. The key is never repeated in them.
 */
#include "net/tls-private.h"

#include "util/marked.h"

#include <gio/gio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <string.h>

#define DAY      (24 * 60 * 60)
#define VALIDITY (3653 * (gint64) DAY)
#define MAX_CN   64 /* RFC 5280 A.1: ub-common-name */

static PbTlsPair *
pair_new (void)
{
  PbTlsPair *self = g_new0 (PbTlsPair, 1);

  g_atomic_ref_count_init (&self->references);
  self->chain = sk_X509_new_null ();
  g_assert (self->chain != NULL);
  ERR_clear_error ();
  return self;
}

void
pb_tls_identity_clear (PbTlsIdentity *self)
{
  g_free (self->subject);
  g_free (self->issuer);
  g_strfreev (self->names);
  g_free (self->fingerprint);
}

void
pb_tls_peer_free (PbTlsPeer *self)
{
  pb_tls_identity_clear (&self->identity);
  g_free (self->key_fingerprint);
  g_free (self->trouble);
  g_free (self);
}

PbTlsPair *
pb_tls_pair_ref (PbTlsPair *self)
{
  g_atomic_ref_count_inc (&self->references);
  return self;
}

void
pb_tls_pair_unref (PbTlsPair *self)
{
  if (!g_atomic_ref_count_dec (&self->references))
    return;
  X509_free (self->certificate);
  sk_X509_pop_free (self->chain, X509_free);
  EVP_PKEY_free (self->key);
  pb_tls_identity_clear (&self->identity);
  g_free (self);
}

/* ---- what it says ---- */

static char *
name_text (const X509_NAME *name)
{
  BIO *bio = BIO_new (BIO_s_mem ());
  char *data = NULL, *text;
  long length = 0;

  if (bio != NULL && X509_NAME_print_ex (bio, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) >= 0)
    length = BIO_get_mem_data (bio, &data);
  text = length > 0 ? g_utf8_make_valid (data, length) : g_strdup ("");
  BIO_free (bio);
  return text;
}

static gint64
unix_time (const ASN1_TIME *time)
{
  struct tm tm;

  return ASN1_TIME_to_tm (time, &tm) == 1 ? (gint64) timegm (&tm) : 0;
}

static char *
address_text (const ASN1_OCTET_STRING *octets)
{
  g_autoptr (GInetAddress) address = NULL;
  int length = ASN1_STRING_length (octets);

  if (length != 4 && length != 16)
    return NULL;
  address = g_inet_address_new_from_bytes (
    ASN1_STRING_get0_data (octets), length == 4 ? G_SOCKET_FAMILY_IPV4 : G_SOCKET_FAMILY_IPV6);
  return g_inet_address_to_string (address);
}

static char **
read_names (X509 *certificate)
{
  GENERAL_NAMES *names = X509_get_ext_d2i (certificate, NID_subject_alt_name, NULL, NULL);
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();

  for (int i = 0; names != NULL && i < sk_GENERAL_NAME_num (names); i++)
    {
      const GENERAL_NAME *name = sk_GENERAL_NAME_value (names, i);
      g_autofree char *text = NULL;

      if (name->type == GEN_DNS)
        text = g_utf8_make_valid ((const char *) ASN1_STRING_get0_data (name->d.dNSName),
                                  ASN1_STRING_length (name->d.dNSName));
      else if (name->type == GEN_IPADD)
        text = address_text (name->d.iPAddress);
      if (text != NULL)
        g_strv_builder_add (builder, text);
    }
  GENERAL_NAMES_free (names);
  return g_strv_builder_end (builder);
}

void
pb_tls_identity_init (PbTlsIdentity *self, X509 *certificate)
{
  guint8 digest[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  GString *hex = g_string_new (NULL);

  X509_digest (certificate, EVP_sha256 (), digest, &length);
  for (unsigned i = 0; i < length; i++)
    g_string_append_printf (hex, "%02x", digest[i]);
  *self = (PbTlsIdentity){
    .subject = name_text (X509_get_subject_name (certificate)),
    .issuer = name_text (X509_get_issuer_name (certificate)),
    .names = read_names (certificate),
    .not_before = unix_time (X509_get0_notBefore (certificate)),
    .not_after = unix_time (X509_get0_notAfter (certificate)),
    .fingerprint = g_string_free (hex, FALSE),
    .self_signed = X509_self_signed (certificate, 0) == 1,
  };
  ERR_clear_error ();
}

/* ---- reading ---- */

static BIO *
bio_over (const char *data, gsize length)
{
  BIO *bio = BIO_new_mem_buf (data, (int) MIN (length, G_MAXINT));

  g_assert (bio != NULL);
  return bio;
}

static gboolean
refuse (GError **error, PbTlsError code, const char *words)
{
  ERR_clear_error ();
  g_set_error_literal (error, PB_TLS_ERROR, code, words);
  return FALSE;
}

static gboolean
read_chain (PbTlsPair *self, const char *data, gsize length, GError **error)
{
  BIO *bio = bio_over (data, length);
  X509 *next;
  gboolean whole;

  self->certificate = PEM_read_bio_X509 (bio, NULL, NULL, NULL);
  while (self->certificate != NULL && (next = PEM_read_bio_X509 (bio, NULL, NULL, NULL)) != NULL)
    sk_X509_push (self->chain, next);
  whole = ERR_GET_REASON (ERR_peek_last_error ()) == PEM_R_NO_START_LINE;
  BIO_free (bio);
  if (self->certificate == NULL && whole)
    return refuse (error, PB_TLS_ERROR_CERTIFICATE, N_ ("holds no certificate in PEM form"));
  if (!whole)
    return refuse (error, PB_TLS_ERROR_CERTIFICATE, N_ ("holds a damaged certificate"));
  ERR_clear_error ();
  return TRUE;
}

/* OpenSSL would ask on the terminal. */
static int
on_passphrase (char *to, int size, int writing, void *data)
{
  *(gboolean *) data = TRUE;
  return -1;
}

static gboolean
read_key (PbTlsPair *self, const char *data, gsize length, GError **error)
{
  gboolean asked = FALSE;
  BIO *bio = bio_over (data, length);

  self->key = PEM_read_bio_PrivateKey (bio, NULL, on_passphrase, &asked);
  BIO_free (bio);
  if (self->key != NULL)
    return TRUE;
  if (asked)
    return refuse (error, PB_TLS_ERROR_KEY,
                   N_ ("is protected by a passphrase, which nobody is there to type: take it off with "
                       "openssl pkey -in KEY -out NEWKEY"));
  if (g_strstr_len (data, (gssize) length, "PRIVATE KEY-----") == NULL)
    return refuse (error, PB_TLS_ERROR_KEY, N_ ("holds no private key in PEM form"));
  return refuse (error, PB_TLS_ERROR_KEY, N_ ("holds a damaged private key"));
}

static gboolean
check_match (PbTlsPair *self, GError **error)
{
  if (X509_check_private_key (self->certificate, self->key) == 1)
    return TRUE;
  for (int i = 0; i < sk_X509_num (self->chain); i++)
    if (X509_check_private_key (sk_X509_value (self->chain, i), self->key) == 1)
      return refuse (error, PB_TLS_ERROR_CERTIFICATE,
                     N_ ("has the server's own certificate behind others: it must be the first"));
  return refuse (error, PB_TLS_ERROR_MISMATCH, N_ ("does not belong to the private key"));
}

PbTlsPair *
pb_tls_pair_parse (const char *chain, gsize chain_length, const char *key, gsize key_length,
                   GError **error)
{
  g_autoptr (PbTlsPair) self = pair_new ();

  if (chain != NULL && !read_chain (self, chain, chain_length, error))
    return NULL;
  if (key != NULL && !read_key (self, key, key_length, error))
    return NULL;
  if (chain != NULL && key != NULL && !check_match (self, error))
    return NULL;
  if (chain != NULL)
    pb_tls_identity_init (&self->identity, self->certificate);
  return g_steal_pointer (&self);
}

/* ---- making ---- */

static gboolean
add_extension (X509 *certificate, int nid, const char *value)
{
  X509V3_CTX context;
  X509_EXTENSION *extension;
  gboolean added;

  X509V3_set_ctx (&context, certificate, certificate, NULL, NULL, 0);
  extension = X509V3_EXT_conf_nid (NULL, &context, nid, value);
  added = extension != NULL && X509_add_ext (certificate, extension, -1) == 1;
  X509_EXTENSION_free (extension);
  return added;
}

static gboolean
set_serial (X509 *certificate)
{
  guint64 serial;

  /* RFC 5280 4.1.2.2: positive. */
  return RAND_bytes ((guint8 *) &serial, sizeof serial) == 1
         && ASN1_INTEGER_set_uint64 (X509_get_serialNumber (certificate), serial >> 1 | 1) == 1;
}

static gboolean
fill_in (X509 *certificate, EVP_PKEY *key, const char *hostname, gint64 now)
{
  X509_NAME *name = X509_get_subject_name (certificate);
  g_autofree char *names = g_strconcat ("DNS:", hostname, NULL);

  if (strlen (hostname) <= MAX_CN
      && X509_NAME_add_entry_by_txt (name, "CN", MBSTRING_ASC, (const guint8 *) hostname, -1, -1, 0)
           != 1)
    return FALSE;
  return X509_set_version (certificate, X509_VERSION_3) == 1 && set_serial (certificate)
         && X509_set_issuer_name (certificate, name) == 1
         && ASN1_TIME_set (X509_getm_notBefore (certificate), now - DAY) != NULL
         && ASN1_TIME_set (X509_getm_notAfter (certificate), now + VALIDITY) != NULL
         && X509_set_pubkey (certificate, key) == 1
         && add_extension (certificate, NID_basic_constraints, "critical,CA:FALSE")
         && add_extension (certificate, NID_ext_key_usage, "serverAuth")
         && add_extension (certificate, NID_subject_alt_name, names)
         && X509_sign (certificate, key, EVP_sha256 ()) > 0;
}

PbTlsPair *
pb_tls_pair_self_sign (const char *hostname, gint64 now, const PbTlsPair *old, GError **error)
{
  g_autoptr (PbTlsPair) self = pair_new ();

  if (old != NULL && EVP_PKEY_up_ref (old->key) == 1)
    self->key = old->key;
  else
    self->key = EVP_EC_gen ("P-256");
  self->certificate = X509_new ();
  if (self->key == NULL || self->certificate == NULL
      || !fill_in (self->certificate, self->key, hostname, now))
    {
      g_set_error (error, PB_TLS_ERROR, PB_TLS_ERROR_FAILED, "cannot make a certificate: %s",
                   pb_tls_openssl_reason ());
      return NULL;
    }
  pb_tls_identity_init (&self->identity, self->certificate);
  return g_steal_pointer (&self);
}

char *
pb_tls_pair_to_pem (const PbTlsPair *self, gsize *length, GError **error)
{
  BIO *bio = BIO_new (BIO_s_secmem ());
  char *data = NULL, *pem = NULL;
  gboolean written;

  ERR_clear_error ();
  written = bio != NULL
            && PEM_write_bio_PrivateKey (bio, self->key, NULL, NULL, 0, NULL, NULL) == 1
            && PEM_write_bio_X509 (bio, self->certificate) == 1;
  for (int i = 0; written && i < sk_X509_num (self->chain); i++)
    written = PEM_write_bio_X509 (bio, sk_X509_value (self->chain, i)) == 1;
  if (written)
    {
      *length = (gsize) BIO_get_mem_data (bio, &data);
      pem = g_memdup2 (data, *length);
    }
  else
    g_set_error (error, PB_TLS_ERROR, PB_TLS_ERROR_FAILED, "cannot write it as PEM: %s",
                 pb_tls_openssl_reason ());
  BIO_free (bio);
  return pem;
}

/* ---- asking ---- */

const PbTlsIdentity *
pb_tls_pair_identity (const PbTlsPair *self)
{
  return &self->identity;
}

gboolean
pb_tls_pair_names_host (const PbTlsPair *self, const char *hostname)
{
  return X509_check_host (self->certificate, hostname, 0, 0, NULL) == 1;
}

static char *
day_text (gint64 seconds)
{
  g_autoptr (GDateTime) time = g_date_time_new_from_unix_utc (seconds);

  return time != NULL ? g_date_time_format (time, "%Y-%m-%d %H:%M UTC") : g_strdup ("?");
}

gboolean
pb_tls_pair_check_dates (const PbTlsPair *self, gint64 now, GError **error)
{
  const PbTlsIdentity *identity = &self->identity;
  g_autofree char *from = NULL, *to = NULL;

  if (now >= identity->not_before && now <= identity->not_after)
    return TRUE;
  from = day_text (identity->not_before);
  to = day_text (identity->not_after);
  g_set_error (error, PB_TLS_ERROR, PB_TLS_ERROR_CERTIFICATE, "%s: it holds from %s to %s",
               now > identity->not_after ? N_ ("has expired") : N_ ("does not hold yet"), from, to);
  return FALSE;
}
