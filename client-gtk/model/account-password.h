/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "model/server.h"

G_BEGIN_DECLS

/* The password of an account. Whether the service has one is the account's column PasswordSet. */

/** pba_account_password_supported: this service takes passwords of accounts. */
gboolean pba_account_password_supported (PbaServer *server);
/**
 * pba_account_password_give_async:
 * @id: the account's
 * @password: copied, and wiped afterwards
 */
void pba_account_password_give_async (PbaServer *server, const char *id, const char *password, GCancellable *cancellable, GAsyncReadyCallback callback,
                                      gpointer user_data);
/** pba_account_password_give_finish: errors are the service's. */
gboolean pba_account_password_give_finish (PbaServer *server, GAsyncResult *result, GError **error);

G_END_DECLS
