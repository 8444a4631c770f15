/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sealing of one password: pure, no state. A sealed password is one octet of version, 12 of nonce, the
 * cipher text and 16 of tag. The login that it is for is authenticated data, each field with its
 * length in front, so that no two logins have the same octets.
 *
 * Called by secrets.c. Opening fails alike for a wrong key, a changed login and damaged octets: there
 * is no telling them apart. What OpenSSL refuses to do at all (no randomness, no memory) ends the
 * program: going on would mean sending or storing something unprotected.
 */
#include "settings/secret-box.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>

#define VERSION    1
#define NONCE_SIZE 12
#define TAG_SIZE   16
#define OVERHEAD   (1 + NONCE_SIZE + TAG_SIZE)
#define PURPOSE    "org.postbus.Postbus1 relay secret 1"
#define NAMED      "org.postbus.Postbus1 named secret 1"

G_DEFINE_AUTOPTR_CLEANUP_FUNC (EVP_CIPHER_CTX, EVP_CIPHER_CTX_free)

/* ---- what it is bound to ---- */

static void
add_number (GByteArray *data, gsize number)
{
  guint32 order = GUINT32_TO_BE ((guint32) number);

  g_byte_array_append (data, (const guint8 *) &order, sizeof order);
}

static void
add_text (GByteArray *data, const char *text)
{
  gsize length = strlen (text);

  add_number (data, length);
  g_byte_array_append (data, (const guint8 *) text, (guint) length);
}

static GByteArray *
describe_login (const PbRelayLogin *login)
{
  GByteArray *data = g_byte_array_new ();

  add_text (data, PURPOSE);
  add_text (data, login->id);
  add_text (data, login->host);
  add_number (data, g_strv_length ((char **) login->fallbacks));
  for (const char *const *fallback = login->fallbacks; *fallback != NULL; fallback++)
    add_text (data, *fallback);
  add_number (data, login->port);
  add_text (data, login->user);
  add_text (data, login->tls);
  add_text (data, login->verify);
  add_text (data, login->fingerprint);
  return data;
}

static GByteArray *
describe_name (const char *name)
{
  GByteArray *data = g_byte_array_new ();

  add_text (data, NAMED);
  add_text (data, name);
  return data;
}

/* ---- the cipher ---- */

static EVP_CIPHER_CTX *
begin (const PbSecret *key, const GByteArray *bound, const guint8 *nonce, int encrypting)
{
  g_autoptr (EVP_CIPHER_CTX) context = EVP_CIPHER_CTX_new ();
  int ignored;

  g_assert (key->length == PB_MASTER_KEY_SIZE);
  if (context == NULL
      || !EVP_CipherInit_ex2 (context, EVP_aes_256_gcm (), key->data, nonce, encrypting, NULL)
      || !EVP_CipherUpdate (context, NULL, &ignored, bound->data, (int) bound->len))
    g_error ("the cipher cannot be used");
  return g_steal_pointer (&context);
}

static GBytes *
seal (const PbSecret *key, const GByteArray *bound, const PbSecret *secret)
{
  gsize size = OVERHEAD + secret->length;
  g_autofree guint8 *sealed = g_malloc (size);
  guint8 *nonce = sealed + 1;
  guint8 *text = nonce + NONCE_SIZE;
  guint8 *tag = text + secret->length;
  g_autoptr (EVP_CIPHER_CTX) context = NULL;
  int length;

  sealed[0] = VERSION;
  if (RAND_bytes (nonce, NONCE_SIZE) != 1)
    g_error ("there is no randomness");
  context = begin (key, bound, nonce, 1);
  if (!EVP_CipherUpdate (context, text, &length, secret->data, (int) secret->length)
      || !EVP_CipherFinal_ex (context, tag, &length)
      || !EVP_CIPHER_CTX_ctrl (context, EVP_CTRL_AEAD_GET_TAG, TAG_SIZE, tag))
    g_error ("the cipher cannot be used");
  return g_bytes_new_take (g_steal_pointer (&sealed), size);
}

static PbSecret *
open_sealed (const PbSecret *key, const GByteArray *bound, GBytes *sealed, gsize max)
{
  gsize size;
  const guint8 *data = g_bytes_get_data (sealed, &size);
  g_autoptr (EVP_CIPHER_CTX) context = NULL;
  g_autoptr (PbSecret) secret = NULL;
  guint8 tag[TAG_SIZE];
  int length;

  if (size < OVERHEAD || size > OVERHEAD + max || data[0] != VERSION)
    return NULL;
  secret = pb_secret_new (size - OVERHEAD);
  memcpy (tag, data + size - TAG_SIZE, TAG_SIZE);
  context = begin (key, bound, data + 1, 0);
  if (!EVP_CipherUpdate (context, secret->data, &length, data + 1 + NONCE_SIZE,
                         (int) secret->length)
      || !EVP_CIPHER_CTX_ctrl (context, EVP_CTRL_AEAD_SET_TAG, TAG_SIZE, tag)
      || EVP_CipherFinal_ex (context, secret->data + secret->length, &length) != 1)
    return NULL;
  return g_steal_pointer (&secret);
}

/* ---- what is sealed ---- */

GBytes *
pb_secret_box_seal (const PbSecret *key, const PbRelayLogin *login, const PbSecret *secret)
{
  g_autoptr (GByteArray) bound = describe_login (login);

  g_assert (secret->length <= PB_RELAY_SECRET_MAX);
  return seal (key, bound, secret);
}

PbSecret *
pb_secret_box_open (const PbSecret *key, const PbRelayLogin *login, GBytes *sealed)
{
  g_autoptr (GByteArray) bound = describe_login (login);

  return open_sealed (key, bound, sealed, PB_RELAY_SECRET_MAX);
}

GBytes *
pb_secret_box_seal_named (const PbSecret *key, const char *name, const PbSecret *secret)
{
  g_autoptr (GByteArray) bound = describe_name (name);

  g_assert (secret->length <= PB_SEALED_KEY_MAX);
  return seal (key, bound, secret);
}

PbSecret *
pb_secret_box_open_named (const PbSecret *key, const char *name, GBytes *sealed)
{
  g_autoptr (GByteArray) bound = describe_name (name);

  return open_sealed (key, bound, sealed, PB_SEALED_KEY_MAX);
}
