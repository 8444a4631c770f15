/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Which relay login an item of the keyring is (schema org.postbus.Relay). All but @relay may be "". */
typedef struct
{
  const char *nas;   /* Manager.InstanceId */
  const char *relay; /* "general" or an exception's id */
  const char *server;
  guint32 port;
  const char *user;
} PbaRelayLogin;

/*
 * The user's keyring through libsecret. Errors are G_IO_ERROR with a sentence in the user's language: no keyring here, the keyring
 * is locked and was not opened, nothing found (G_IO_ERROR_NOT_FOUND).
 */
/** pba_secrets_store_async: @host_label names the item for people: "Relay login of nas.example.org". */
void pba_secrets_store_async (const PbaRelayLogin *login, const char *host_label, const char *secret, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
gboolean pba_secrets_store_finish (GAsyncResult *result, GError **error);
/** pba_secrets_lookup_async: by all of @login; pba_secrets_lookup_finish: (transfer full): free with pba_secrets_free(). */
void pba_secrets_lookup_async (const PbaRelayLogin *login, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
char *pba_secrets_lookup_finish (GAsyncResult *result, GError **error);
/** pba_secrets_has_async: whether there is such an item, without opening a locked keyring. has_finish: FALSE without an error: there is none. */
void pba_secrets_has_async (const PbaRelayLogin *login, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
gboolean pba_secrets_has_finish (GAsyncResult *result, GError **error);
/** pba_secrets_clear_async: forgets the item; pba_secrets_store_finish. */
void pba_secrets_clear_async (const PbaRelayLogin *login, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
/** pba_secrets_free: wipes and frees. */
void pba_secrets_free (char *secret);

G_END_DECLS
