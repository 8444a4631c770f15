/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "model/server.h"

G_BEGIN_DECLS

typedef enum
{
  PBA_PASSWORD_UNKNOWN, /* not asked yet, or a service that does not say */
  PBA_PASSWORD_NONE,
  PBA_PASSWORD_PRESENT,
  PBA_PASSWORD_STALE, /* the service had one, but the relay is another one now */
} PbaPasswordState;
#define PBA_TYPE_PASSWORD_STATE (pba_password_state_get_type ())
GType pba_password_state_get_type (void);

#define PBA_RELAY_PASSWORD_KEY "Delivery.RelayPassword"

/*
 * The password of the general relay host: what is typed, the service's copy and the one in the keyring, which is never read unless that is
 * asked for. A PbaDraft: Apply gives what was typed to the service and, once that has it, to the keyring; a keyring that does not take it is
 * no error, but "trouble". Properties, read-only:
 *   supported (b): this service takes relay passwords
 *   writable (b): the user may set them
 *   state (PbaPasswordState): of the service's copy
 *   in-keyring (b): the keyring has one for the relay as it is set on the server
 *   busy (b): one is on its way
 *   trouble (s, nullable): a sentence, why the keyring could not be asked or did not take it
 *   sentence (s, nullable): all this in words
 *   can-refill (b): the service lacks it and the keyring could fill it in
 */
#define PBA_TYPE_RELAY_PASSWORD (pba_relay_password_get_type ())
G_DECLARE_FINAL_TYPE (PbaRelayPassword, pba_relay_password, PBA, RELAY_PASSWORD, GObject)

PbaRelayPassword *pba_relay_password_new (PbaServer *server);
/** pba_relay_password_set_pending: @text (nullable): what is typed; nothing typed leaves the password as it is. Copied, wiped later. */
void pba_relay_password_set_pending (PbaRelayPassword *self, const char *text);
/** pba_relay_password_get_pending: never NULL. */
const char *pba_relay_password_get_pending (PbaRelayPassword *self);
PbaPasswordState pba_relay_password_get_state (PbaRelayPassword *self);
gboolean pba_relay_password_get_supported (PbaRelayPassword *self);
gboolean pba_relay_password_get_in_keyring (PbaRelayPassword *self);
const char *pba_relay_password_get_trouble (PbaRelayPassword *self);
/** pba_relay_password_refresh: asks both again. */
void pba_relay_password_refresh (PbaRelayPassword *self);
/** pba_relay_password_refill_async: gives the service the keyring's, which may have to be unlocked. */
void pba_relay_password_refill_async (PbaRelayPassword *self, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
gboolean pba_relay_password_refill_finish (PbaRelayPassword *self, GAsyncResult *result, GError **error);

G_END_DECLS
