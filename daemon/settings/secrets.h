/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "dbus/settings-table.h"
#include "settings/relay-rules.h"
#include "settings/secret-box.h"
#include "util/secret.h"
#include <glib.h>

/*
 * The passwords for relays, sealed, and the key that opens them: immutable, reference-counted, any thread. Part of every snapshot, so that a delivery opens
 * what belongs to the settings that it was routed by.
 */
typedef struct _PbSecrets PbSecrets;

#define PB_RELAY_GENERAL "general" /* Delivery's relay, where others have their row's id */

typedef enum
{
  PB_SECRETS_ERROR_NONE,  /* none was ever set, or it was forgotten */
  PB_SECRETS_ERROR_STALE, /* there is one, but for another host, user or demand on TLS, or under another master key */
} PbSecretsError;
#define PB_SECRETS_ERROR (pb_secrets_error_quark ())
GQuark pb_secrets_error_quark (void);

/** pb_secrets_new: @key: the master key; (nullable): nothing can be opened. @sealed: (transfer full) relay -> GBytes. */
PbSecrets *pb_secrets_new (PbSecret *key, GHashTable *sealed);
PbSecrets *pb_secrets_ref (PbSecrets *self);
void pb_secrets_unref (PbSecrets *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbSecrets, pb_secrets_unref)

/** pb_secrets_with: (transfer full): the same, but for @changes: relay -> GBytes, or NULL where it is forgotten. */
PbSecrets *pb_secrets_with (PbSecrets *self, GHashTable *changes);

/** pb_secrets_with_key: (transfer full): the same under @key. */
PbSecrets *pb_secrets_with_key (PbSecrets *self, PbSecret *key);

gboolean pb_secrets_has_key (const PbSecrets *self);
/** pb_secrets_lookup: (transfer none) (nullable): what is kept for @relay, stale or not, as it is sealed. */
GBytes *pb_secrets_lookup (const PbSecrets *self, const char *relay);

/** pb_secrets_seal: (transfer full): what pb_secrets_open() opens for the same @login. Needs the key. */
GBytes *pb_secrets_seal (const PbSecrets *self, const PbRelayLogin *login, const PbSecret *secret);

/**
 * pb_secrets_open:
 * @self: (nullable): as a snapshot has it
 * @login: where the password is about to be sent: exactly what the connection was or will be made to
 * Returns: (transfer full) (nullable): the password; to be dropped as soon as it is used. Errors: PB_SECRETS_ERROR.
 */
PbSecret *pb_secrets_open (const PbSecrets *self, const PbRelayLogin *login, GError **error);

/** pb_secrets_state: (static): "none", "present" or "stale": what pb_secrets_open() says. */
const char *pb_secrets_state (const PbSecrets *self, const PbRelayLogin *login);

/** pb_relay_login_general: the login at Delivery's relay. Borrows from @values. */
void pb_relay_login_general (PbRelayLogin *self, const PbSettingValues *values);

/**
 * pb_relay_login_exception: the login at the relay of a row of RelayExceptions. Borrows from @id and @row.
 * Returns: (transfer container): what @self->fallbacks is, for g_free().
 */
const char **pb_relay_login_exception (PbRelayLogin *self, const char *id, GVariant *row);

/** pb_relay_login_rule: the same of an exception as a snapshot has it. Borrows from @rule. */
void pb_relay_login_rule (PbRelayLogin *self, const PbRelayRule *rule);
