/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The passwords of accounts, as the SMTP server asks for them: a verifier for those who have one, a
 * fake for all others, so that nobody learns by asking who has one. Fakes come of the user's name under
 * a key: the same name always gets the same, as a real one would. Made by the registry, read by any
 * thread, through the snapshot.
 */
#include "settings/logins.h"

#include "util/log.h"
#include <openssl/rand.h>
#include <string.h>

#define PURPOSE "org.postbus.Postbus1 unknown users 1"

struct _PbLogins
{
  GHashTable *verifiers; /* (owned) account id -> GBytes */
  guint8 key[PB_VERIFIER_KEY];
};

static PbLogins *
logins_new (GHashTable *verifiers, const guint8 key[PB_VERIFIER_KEY])
{
  PbLogins *self = g_atomic_rc_box_new0 (PbLogins);

  self->verifiers = verifiers;
  memcpy (self->key, key, sizeof self->key);
  return self;
}

PbLogins *
pb_logins_new (GHashTable *verifiers)
{
  guint8 key[PB_VERIFIER_KEY];

  if (RAND_bytes (key, sizeof key) != 1)
    g_error ("there is no randomness for a key");
  return logins_new (verifiers, key);
}

PbLogins *
pb_logins_ref (PbLogins *self)
{
  return g_atomic_rc_box_acquire (self);
}

static void
logins_clear (gpointer data)
{
  PbLogins *self = data;

  g_hash_table_unref (self->verifiers);
  explicit_bzero (self->key, sizeof self->key);
}

void
pb_logins_unref (PbLogins *self)
{
  g_atomic_rc_box_release_full (self, logins_clear);
}

static void
put_all (GHashTable *into, GHashTable *from)
{
  GHashTableIter iter;
  gpointer account, packed;

  g_hash_table_iter_init (&iter, from);
  while (g_hash_table_iter_next (&iter, &account, &packed))
    if (packed != NULL)
      g_hash_table_replace (into, g_strdup (account), g_bytes_ref (packed));
    else
      g_hash_table_remove (into, account);
}

PbLogins *
pb_logins_with (PbLogins *self, GHashTable *changes)
{
  GHashTable *verifiers =
    g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_bytes_unref);

  put_all (verifiers, self->verifiers);
  put_all (verifiers, changes);
  return logins_new (verifiers, self->key);
}

PbLogins *
pb_logins_with_key (PbLogins *self, const PbSecret *master)
{
  guint8 key[PB_VERIFIER_KEY];

  pb_hmac_sha256 (master->data, master->length, PURPOSE, strlen (PURPOSE), key);
  return logins_new (g_hash_table_ref (self->verifiers), key);
}

gboolean
pb_logins_has (const PbLogins *self, const char *account_id)
{
  return g_hash_table_contains (self->verifiers, account_id);
}

gboolean
pb_logins_find (const PbLogins *self, const char *account_id, const char *user,
                PbVerifier *verifier)
{
  GBytes *packed = account_id != NULL ? g_hash_table_lookup (self->verifiers, account_id) : NULL;

  if (packed != NULL && pb_verifier_unpack (verifier, packed))
    return TRUE;
  if (packed != NULL)
    pb_log (PB_LOG_WARNING, "password damaged", "account", account_id, "advice", "set it anew", NULL);
  pb_verifier_init_fake (verifier, user, self->key);
  return FALSE;
}
