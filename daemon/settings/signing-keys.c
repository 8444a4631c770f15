/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The keys that mail is signed with (DKIM), as they are stored, sealed and found. Made by the registry, read
 * by any thread through the snapshot. A private key leaves this program only sealed; one that cannot be
 * opened is kept and shown, and signs nothing.
 */
#include "settings/signing-keys.h"

#include "util/log.h"
#include <openssl/err.h>
#include <openssl/x509.h>
#include <string.h>

struct _PbSigningKeys
{
  GHashTable *packed;    /* (owned) id -> GBytes */
  PbSecret *master;      /* (owned) (nullable) */
  GHashTable *by_id;     /* (owned) id -> PbSigningKey, borrowed from all */
  GPtrArray *all;        /* (owned) */
  GHashTable *by_domain; /* (owned) domain -> GPtrArray of those that sign */
};

/* ---- one key ---- */

static void
key_clear (gpointer data)
{
  PbSigningKey *self = data;

  g_free (self->id);
  g_free (self->domain);
  g_free (self->selector);
  g_clear_pointer (&self->public, g_bytes_unref);
  g_clear_pointer (&self->sealed, g_bytes_unref);
  EVP_PKEY_free (self->key);
}

PbSigningKey *
pb_signing_key_ref (PbSigningKey *self)
{
  return g_atomic_rc_box_acquire (self);
}

void
pb_signing_key_unref (PbSigningKey *self)
{
  g_atomic_rc_box_release_full (self, key_clear);
}

/* (transfer full) (nullable) */
static EVP_PKEY *
read_public (GBytes *der)
{
  gsize length;
  const guint8 *data = g_bytes_get_data (der, &length);
  EVP_PKEY *key = d2i_PUBKEY (NULL, &data, (long) length);

  ERR_clear_error ();
  return key;
}

gboolean
pb_signing_key_is_ed25519 (const PbSigningKey *self)
{
  EVP_PKEY *key = read_public (self->public);
  gboolean is = key != NULL && EVP_PKEY_get_base_id (key) == EVP_PKEY_ED25519;

  EVP_PKEY_free (key);
  return is;
}

char *
pb_signing_key_record (const PbSigningKey *self)
{
  gboolean ed25519 = pb_signing_key_is_ed25519 (self);
  gsize length;
  const guint8 *data = g_bytes_get_data (self->public, &length);
  g_autofree char *text = NULL;

  /* RFC 8463 4: the 32 octets of the key alone, which stand at the end. */
  if (ed25519 && length > 32)
    {
      data += length - 32;
      length = 32;
    }
  text = g_base64_encode (data, length);
  return g_strdup_printf ("v=DKIM1; k=%s; p=%s", ed25519 ? "ed25519" : "rsa", text);
}

static char *
box_name (const char *domain, const char *selector)
{
  return g_strconcat ("signing key ", selector, "._domainkey.", domain, NULL);
}

GBytes *
pb_signing_key_seal (const PbSecret *master, const char *domain, const char *selector,
                     const PbSecret *private)
{
  g_autofree char *name = box_name (domain, selector);

  return pb_secret_box_seal_named (master, name, private);
}

static GVariant *
octets (GBytes *bytes)
{
  return g_variant_new_from_bytes (G_VARIANT_TYPE_BYTESTRING, bytes, TRUE);
}

GBytes *
pb_signing_key_pack (const char *domain, const char *selector, gboolean active, gint64 made,
                     GBytes *public, GBytes *sealed)
{
  g_autoptr (GVariant) value =
    g_variant_ref_sink (g_variant_new ("(ssbt@ay@ay)", domain, selector, active, (guint64) made,
                                       octets (public), octets (sealed)));

  return g_variant_get_data_as_bytes (value);
}

static EVP_PKEY *
open_key (const PbSigningKey *self, const PbSecret *master)
{
  g_autofree char *name = box_name (self->domain, self->selector);
  g_autoptr (PbSecret) private = pb_secret_box_open_named (master, name, self->sealed);
  const guint8 *data = private != NULL ? private->data : NULL;
  EVP_PKEY *key = data != NULL ? d2i_AutoPrivateKey (NULL, &data, (long) private->length) : NULL;

  ERR_clear_error ();
  if (key == NULL)
    pb_log (PB_LOG_WARNING, "signing key cannot be opened", "domain", self->domain, "selector",
            self->selector, "advice", "make a new one", NULL);
  return key;
}

/* Returns: (transfer full) (nullable). */
static PbSigningKey *
unpack (const char *id, GBytes *packed, const PbSecret *master)
{
  g_autoptr (GVariant) value = g_variant_ref_sink (
    g_variant_new_from_bytes (G_VARIANT_TYPE (PB_SIGNING_KEY_TYPE), packed, FALSE));
  g_autoptr (PbSigningKey) self = g_atomic_rc_box_new0 (PbSigningKey);
  g_autoptr (GVariant) public = NULL;
  g_autoptr (GVariant) sealed = NULL;
  guint64 made;

  if (!g_variant_is_normal_form (value))
    return NULL;
  self->id = g_strdup (id);
  g_variant_get (value, "(ssbt@ay@ay)", &self->domain, &self->selector, &self->active, &made,
                 &public, &sealed);
  self->made = (gint64) made;
  self->public = g_variant_get_data_as_bytes (public);
  self->sealed = g_variant_get_data_as_bytes (sealed);
  if (self->domain[0] == '\0' || self->selector[0] == '\0')
    return NULL;
  if (master != NULL)
    self->key = open_key (self, master);
  return g_steal_pointer (&self);
}

/* ---- all of them ---- */

static int
compare_keys (gconstpointer a, gconstpointer b)
{
  const PbSigningKey *one = *(PbSigningKey *const *) a;
  const PbSigningKey *other = *(PbSigningKey *const *) b;
  int order = strcmp (one->domain, other->domain);

  return order != 0 ? order : strcmp (one->selector, other->selector);
}

/* Puts @key among those that sign for its domain, unless a newer one of its kind does. */
static void
add_signer (PbSigningKeys *self, PbSigningKey *key)
{
  GPtrArray *signers = g_hash_table_lookup (self->by_domain, key->domain);

  if (signers == NULL)
    {
      signers = g_ptr_array_new ();
      g_hash_table_insert (self->by_domain, key->domain, signers);
    }
  for (guint i = 0; i < signers->len; i++)
    {
      PbSigningKey *other = signers->pdata[i];

      if (EVP_PKEY_get_base_id (other->key) != EVP_PKEY_get_base_id (key->key))
        continue;
      if (key->made >= other->made)
        signers->pdata[i] = key;
      return;
    }
  g_ptr_array_add (signers, key);
}

PbSigningKeys *
pb_signing_keys_new (GHashTable *packed, PbSecret *master)
{
  PbSigningKeys *self = g_atomic_rc_box_new0 (PbSigningKeys);
  GHashTableIter iter;
  gpointer id, value;

  self->packed = packed;
  self->master = master != NULL ? pb_secret_ref (master) : NULL;
  self->all = g_ptr_array_new_with_free_func ((GDestroyNotify) pb_signing_key_unref);
  self->by_id = g_hash_table_new (g_str_hash, g_str_equal);
  self->by_domain =
    g_hash_table_new_full (g_str_hash, g_str_equal, NULL, (GDestroyNotify) g_ptr_array_unref);
  g_hash_table_iter_init (&iter, packed);
  while (g_hash_table_iter_next (&iter, &id, &value))
    {
      PbSigningKey *key = unpack (id, value, master);

      if (key != NULL)
        g_ptr_array_add (self->all, key);
      else
        pb_log (PB_LOG_WARNING, "signing key damaged", "id", id, NULL);
    }
  g_ptr_array_sort (self->all, compare_keys);
  for (guint i = 0; i < self->all->len; i++)
    {
      PbSigningKey *key = self->all->pdata[i];

      g_hash_table_insert (self->by_id, key->id, key);
      if (key->active && key->key != NULL)
        add_signer (self, key);
    }
  return self;
}

PbSigningKeys *
pb_signing_keys_ref (PbSigningKeys *self)
{
  return g_atomic_rc_box_acquire (self);
}

static void
keys_clear (gpointer data)
{
  PbSigningKeys *self = data;

  g_hash_table_unref (self->by_domain);
  g_hash_table_unref (self->by_id);
  g_ptr_array_unref (self->all);
  g_hash_table_unref (self->packed);
  g_clear_pointer (&self->master, pb_secret_unref);
}

void
pb_signing_keys_unref (PbSigningKeys *self)
{
  g_atomic_rc_box_release_full (self, keys_clear);
}

PbSigningKeys *
pb_signing_keys_with (PbSigningKeys *self, GHashTable *changes)
{
  GHashTable *packed =
    g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_bytes_unref);
  GHashTableIter iter;
  gpointer id, value;

  g_hash_table_iter_init (&iter, self->packed);
  while (g_hash_table_iter_next (&iter, &id, &value))
    g_hash_table_insert (packed, g_strdup (id), g_bytes_ref (value));
  g_hash_table_iter_init (&iter, changes);
  while (g_hash_table_iter_next (&iter, &id, &value))
    if (value != NULL)
      g_hash_table_replace (packed, g_strdup (id), g_bytes_ref (value));
    else
      g_hash_table_remove (packed, id);
  return pb_signing_keys_new (packed, self->master);
}

PbSigningKeys *
pb_signing_keys_with_key (PbSigningKeys *self, PbSecret *master)
{
  return pb_signing_keys_new (g_hash_table_ref (self->packed), master);
}

PbSecret *
pb_signing_keys_master (const PbSigningKeys *self)
{
  return self->master;
}

const GPtrArray *
pb_signing_keys_all (const PbSigningKeys *self)
{
  return self->all;
}

PbSigningKey *
pb_signing_keys_get (const PbSigningKeys *self, const char *id)
{
  return g_hash_table_lookup (self->by_id, id);
}

const GPtrArray *
pb_signing_keys_find (const PbSigningKeys *self, const char *domain)
{
  return g_hash_table_lookup (self->by_domain, domain);
}
