/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "model/secrets.h"
#include "model/server.h"

G_BEGIN_DECLS

/* The password of a relay exception; the general relay's is PbaRelayPassword. Its state is the exception's column SecretState. */

/** pba_exception_password_supported: this service takes relay passwords. */
gboolean pba_exception_password_supported (PbaServer *server);
/**
 * pba_exception_password_give_async: to the service and, once that has it, to the keyring.
 * @login: copied; its nas is not looked at
 * @password: copied, and wiped afterwards
 */
void pba_exception_password_give_async (PbaServer *server, const PbaRelayLogin *login, const char *password, GCancellable *cancellable, GAsyncReadyCallback callback,
                                        gpointer user_data);
/** pba_exception_password_give_finish: @trouble: (out) (nullable) (transfer full): a sentence, why the keyring did not take it. Errors are the
 *  service's. */
gboolean pba_exception_password_give_finish (PbaServer *server, GAsyncResult *result, char **trouble, GError **error);

G_END_DECLS
