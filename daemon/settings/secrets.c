/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The sealed passwords as a delivery and the bus see them. A password is opened for a login, never by
 * its name alone: whoever changes where a relay leads finds it stale, and it goes nowhere. The state
 * that the bus shows is what opening says, so the two cannot differ.
 *
 * Made by the registry, read by any thread. Errors: PB_SECRETS_ERROR.
 */
#include "settings/secrets.h"

struct _PbSecrets
{
  PbSecret *key;      /* (owned) (nullable) */
  GHashTable *sealed; /* (owned) relay -> GBytes */
};

G_DEFINE_QUARK (pb - secrets - error - quark, pb_secrets_error)

PbSecrets *
pb_secrets_new (PbSecret *key, GHashTable *sealed)
{
  PbSecrets *self = g_atomic_rc_box_new0 (PbSecrets);

  self->key = key != NULL ? pb_secret_ref (key) : NULL;
  self->sealed = sealed;
  return self;
}

PbSecrets *
pb_secrets_ref (PbSecrets *self)
{
  return g_atomic_rc_box_acquire (self);
}

static void
secrets_clear (gpointer data)
{
  PbSecrets *self = data;

  g_clear_pointer (&self->key, pb_secret_unref);
  g_hash_table_unref (self->sealed);
}

void
pb_secrets_unref (PbSecrets *self)
{
  g_atomic_rc_box_release_full (self, secrets_clear);
}

static void
put_all (GHashTable *into, GHashTable *from)
{
  GHashTableIter iter;
  gpointer relay;
  gpointer sealed;

  g_hash_table_iter_init (&iter, from);
  while (g_hash_table_iter_next (&iter, &relay, &sealed))
    {
      if (sealed != NULL)
        g_hash_table_replace (into, g_strdup (relay), g_bytes_ref (sealed));
      else
        g_hash_table_remove (into, relay);
    }
}

PbSecrets *
pb_secrets_with (PbSecrets *self, GHashTable *changes)
{
  GHashTable *sealed =
    g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_bytes_unref);

  put_all (sealed, self->sealed);
  put_all (sealed, changes);
  return pb_secrets_new (self->key, sealed);
}

PbSecrets *
pb_secrets_with_key (PbSecrets *self, PbSecret *key)
{
  return pb_secrets_new (key, g_hash_table_ref (self->sealed));
}

gboolean
pb_secrets_has_key (const PbSecrets *self)
{
  return self->key != NULL;
}

GBytes *
pb_secrets_lookup (const PbSecrets *self, const char *relay)
{
  return g_hash_table_lookup (self->sealed, relay);
}

GBytes *
pb_secrets_seal (const PbSecrets *self, const PbRelayLogin *login, const PbSecret *secret)
{
  return pb_secret_box_seal (self->key, login, secret);
}

PbSecret *
pb_secrets_open (const PbSecrets *self, const PbRelayLogin *login, GError **error)
{
  GBytes *sealed = self != NULL ? pb_secrets_lookup (self, login->id) : NULL;
  PbSecret *secret;

  if (sealed == NULL)
    {
      g_set_error_literal (error, PB_SECRETS_ERROR, PB_SECRETS_ERROR_NONE,
                           "no password is set for this relay");
      return NULL;
    }
  secret = self->key != NULL ? pb_secret_box_open (self->key, login, sealed) : NULL;
  if (secret == NULL)
    g_set_error_literal (error, PB_SECRETS_ERROR, PB_SECRETS_ERROR_STALE,
                         "the password was set for another relay or login and must be set anew");
  return secret;
}

const char *
pb_secrets_state (const PbSecrets *self, const PbRelayLogin *login)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PbSecret) secret = pb_secrets_open (self, login, &error);

  if (secret != NULL)
    return "present";
  return g_error_matches (error, PB_SECRETS_ERROR, PB_SECRETS_ERROR_NONE) ? "none" : "stale";
}

void
pb_relay_login_general (PbRelayLogin *self, const PbSettingValues *values)
{
  *self = (PbRelayLogin){
    .id = PB_RELAY_GENERAL,
    .host = values->delivery_relay_server,
    .fallbacks = (const char *const *) values->delivery_relay_fallback,
    .port = values->delivery_relay_port,
    .user = values->delivery_relay_user,
    .tls = values->delivery_relay_tls,
    .verify = values->delivery_relay_verify,
    .fingerprint = values->delivery_relay_fingerprint,
  };
}

const char **
pb_relay_login_exception (PbRelayLogin *self, const char *id, GVariant *row)
{
  const char **fallbacks = NULL;
  guint32 port = 0;

  *self = (PbRelayLogin){ .id = id };
  g_variant_lookup (row, "Server", "&s", &self->host);
  g_variant_lookup (row, "Fallback", "^a&s", &fallbacks);
  g_variant_lookup (row, "Port", "u", &port);
  g_variant_lookup (row, "User", "&s", &self->user);
  g_variant_lookup (row, "Tls", "&s", &self->tls);
  g_variant_lookup (row, "Verify", "&s", &self->verify);
  g_variant_lookup (row, "Fingerprint", "&s", &self->fingerprint);
  self->port = port;
  self->fallbacks = fallbacks;
  return fallbacks;
}

void
pb_relay_login_rule (PbRelayLogin *self, const PbRelayRule *rule)
{
  *self = (PbRelayLogin){
    .id = rule->id,
    .host = rule->server,
    .fallbacks = rule->fallback,
    .port = rule->port,
    .user = rule->user,
    .tls = rule->tls,
    .verify = rule->verify,
    .fingerprint = rule->fingerprint,
  };
}
