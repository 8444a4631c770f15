/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Passwords for relays: set, forgotten, and what the bus shows of them. Setting one is a change like
 * any other: queued, sealed for where the relay leads at its turn, committed, told. The plain octets
 * are wiped with the operation; revisions hold only that there was a change, so that Revert neither
 * brings a password back nor loses one, but with its row. Main thread.
 */
#include "settings/registry-private.h"

#include "dbus/errors.h"
#include "util/log.h"

#include <string.h>

/* ---- what is shown ---- */

const char *
pb_registry_exception_state (PbRegistry *self, const PbRow *row)
{
  PbRelayLogin login;
  g_autofree const char **fallbacks = NULL;

  if (pb_secrets_lookup (self->secrets, row->id) == NULL)
    return "none";
  fallbacks = pb_relay_login_exception (&login, row->id, row->row);
  return pb_secrets_state (self->secrets, &login);
}

static const char *
general_state (PbRegistry *self)
{
  PbRelayLogin login;

  pb_relay_login_general (&login, &self->snapshot->values);
  return pb_secrets_state (self->secrets, &login);
}

GVariant *
pb_registry_computed (PbRegistry *self, PbComputedId id)
{
  switch (id)
    {
    case PB_COMPUTED_General_EffectiveLocalNetworks:
      return g_variant_ref_sink (
        g_variant_new_strv (self->snapshot->local_networks != NULL
                              ? pb_local_networks_texts (self->snapshot->local_networks)
                              : NULL,
                            self->snapshot->local_networks != NULL ? -1 : 0));
    case PB_COMPUTED_Dns_Validation:
      return g_variant_ref_sink (g_variant_new_string (self->dnssec != NULL ? self->dnssec : "off"));
    case PB_COMPUTED_Delivery_RelaySecretState:
      return g_variant_ref_sink (g_variant_new_string (general_state (self)));
    case PB_N_COMPUTED:
      break;
    }
  g_return_val_if_reached (NULL);
}

/* ---- the key ---- */

GPtrArray *
pb_registry_stale_relays (PbRegistry *self)
{
  GPtrArray *relays = g_ptr_array_new_with_free_func (g_free);
  GPtrArray *rows = self->rows[PB_LIST_RELAY_EXCEPTIONS];

  if (self->secrets == NULL || !pb_secrets_has_key (self->secrets))
    return relays;
  if (strcmp (general_state (self), "stale") == 0)
    g_ptr_array_add (relays, g_strdup (PB_RELAY_GENERAL));
  for (guint i = 0; i < rows->len; i++)
    {
      const PbRow *row = rows->pdata[i];

      if (strcmp (pb_registry_exception_state (self, row), "stale") == 0)
        g_ptr_array_add (relays, g_strdup (row->id));
    }
  return relays;
}

/* Only said: the client fills it in again, or the administrator does. */
static void
warn_of_stale (PbRegistry *self)
{
  g_autoptr (GPtrArray) relays = pb_registry_stale_relays (self);

  for (guint i = 0; i < relays->len; i++)
    pb_log (PB_LOG_WARNING, "relay password stale", "relay", relays->pdata[i], NULL);
}

void
pb_registry_use_key (PbRegistry *self, PbSecret *key)
{
  g_autoptr (PbSecrets) old = self->secrets;
  g_autoptr (PbLogins) old_logins = self->logins;
  g_autoptr (PbSigningKeys) old_keys = self->signing_keys;
  g_autoptr (PbSnapshot) snapshot = pb_registry_snapshot (self);

  self->secrets = pb_secrets_with_key (old, key);
  self->logins = pb_logins_with_key (old_logins, key);
  self->signing_keys = pb_signing_keys_with_key (old_keys, key);
  pb_registry_swap (self, &snapshot->values, pb_directory_copy (snapshot->directory));
  for (guint id = 0; id < PB_N_COMPUTED; id++)
    {
      g_variant_unref (self->computed[id]);
      self->computed[id] = pb_registry_computed (self, id);
    }
  warn_of_stale (self);
}

/* ---- on trial ---- */

/* What was kept for the general relay before a password was set during an Apply that waits for Confirm. No row's id is this. */
#define BEFORE_TRIAL PB_RELAY_GENERAL ".before"

static gboolean
is_on_trial (PbRegistry *self)
{
  GVariant *pending = g_hash_table_lookup (self->stored, PB_PENDING_KEY);
  GVariantIter iter;
  const char *key;

  if (pending == NULL || !g_variant_is_of_type (pending, G_VARIANT_TYPE (PB_PENDING_TYPE)))
    return FALSE;
  g_variant_iter_init (&iter, pending);
  while (g_variant_iter_next (&iter, "(&smv)", &key, NULL))
    if (g_str_has_prefix (key, "Delivery.Relay"))
      return TRUE;
  return FALSE;
}

/* To forget is to forget all; to set on trial must not lose what belongs to the settings that may come back. */
static void
keep_for_roll_back (PbRegistry *self, PbDraft *draft, gboolean forget)
{
  GBytes *now = pb_secrets_lookup (self->secrets, PB_RELAY_GENERAL);
  gboolean kept = pb_secrets_lookup (self->secrets, BEFORE_TRIAL) != NULL;

  if (forget && kept)
    pb_draft_set_secret (draft, BEFORE_TRIAL, NULL);
  else if (!forget && !kept && now != NULL && is_on_trial (self))
    pb_draft_set_secret (draft, BEFORE_TRIAL, now);
}

void
pb_draft_end_trial (PbDraft *self, PbRegistry *registry, gboolean roll_back)
{
  GBytes *before = pb_secrets_lookup (registry->secrets, BEFORE_TRIAL);

  if (before == NULL)
    return;
  if (roll_back)
    pb_draft_set_secret (self, PB_RELAY_GENERAL, before);
  pb_draft_set_secret (self, BEFORE_TRIAL, NULL);
}

/* ---- setting and forgetting ---- */

static gboolean
check_secret (const PbSecret *secret, GError **error)
{
  if (secret->length > PB_RELAY_SECRET_MAX)
    {
      g_set_error (error, PB_ERROR, PB_ERROR_TOO_LARGE,
                   "SetRelaySecret: the password must have at most %u octets", PB_RELAY_SECRET_MAX);
      return FALSE;
    }
  for (gsize i = 0; i < secret->length; i++)
    if (memchr ("\0\r\n", secret->data[i], 3) != NULL)
      {
        g_set_error_literal (error, PB_ERROR, PB_ERROR_INVALID_VALUE,
                             "SetRelaySecret: the password must not have line breaks or NUL in it");
        return FALSE;
      }
  return TRUE;
}

/* Where @relay leads now. Returns: FALSE when there is no such relay. */
static gboolean
find_login (PbRegistry *self, const char *relay, PbRelayLogin *login, const char ***fallbacks,
            GError **error)
{
  const PbRow *row;

  *fallbacks = NULL;
  if (strcmp (relay, PB_RELAY_GENERAL) == 0)
    {
      pb_relay_login_general (login, &self->snapshot->values);
      return TRUE;
    }
  row = g_hash_table_lookup (self->by_id[PB_LIST_RELAY_EXCEPTIONS], relay);
  if (row != NULL)
    {
      *fallbacks = pb_relay_login_exception (login, row->id, row->row);
      return TRUE;
    }
  g_set_error (
    error, PB_ERROR, PB_ERROR_NOT_FOUND,
    "RelayExceptions[%s]: there is no such row; the relay of Delivery is " PB_RELAY_GENERAL,
    g_uuid_string_is_valid (relay) ? relay : "?");
  return FALSE;
}

static gboolean
prepare_set_secret (PbRegistry *self, PbOperation *operation, PbDraft *draft, GError **error)
{
  gboolean forget = operation->secret->length == 0;
  g_autofree const char **fallbacks = NULL;
  g_autoptr (GBytes) sealed = NULL;
  PbRelayLogin login;

  if (!check_secret (operation->secret, error)
      || !find_login (self, operation->id, &login, &fallbacks, error))
    return FALSE;
  draft->what = g_strdup_printf ("password of relay %s %s", login.id, forget ? "forgotten" : "set");
  if (forget && pb_secrets_lookup (self->secrets, login.id) == NULL)
    return TRUE;
  if (!forget && !pb_secrets_has_key (self->secrets))
    {
      g_set_error_literal (error, PB_ERROR, PB_ERROR_UNAVAILABLE,
                           "SetRelaySecret: there is no master key to seal with");
      return FALSE;
    }
  if (!forget)
    sealed = pb_secrets_seal (self->secrets, &login, operation->secret);
  if (strcmp (login.id, PB_RELAY_GENERAL) == 0)
    keep_for_roll_back (self, draft, forget);
  pb_draft_set_secret (draft, login.id, sealed);
  return TRUE;
}

void
pb_registry_set_secret (PbRegistry *self, const char *relay, PbSecret *secret, const char *who,
                        PbRegistryDone func, gpointer user_data)
{
  PbOperation *operation = pb_operation_new (prepare_set_secret, who, func, user_data);

  operation->id = g_strdup (relay);
  operation->secret = pb_secret_ref (secret);
  pb_registry_run (self, operation);
}
