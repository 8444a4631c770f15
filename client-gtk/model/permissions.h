/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "model/connection.h"

G_BEGIN_DECLS

/*
 * What the user may do, by Manager.GetPermissions; asked again at every connection. Properties, read-only b, TRUE also when an
 * administrator's password would be asked first: view, modify-settings, manage-queue, manage-accounts, set-secrets. Until the answer
 * is there all are TRUE: the service has the last word anyway.
 */
#define PBA_TYPE_PERMISSIONS (pba_permissions_get_type ())
G_DECLARE_FINAL_TYPE (PbaPermissions, pba_permissions, PBA, PERMISSIONS, GObject)

PbaPermissions *pba_permissions_new (PbaConnection *connection);
/** pba_permissions_may: @action PB_ACTION_... */
gboolean pba_permissions_may (PbaPermissions *self, const char *action);
/** pba_permissions_needs_password: @action is only granted after a question. */
gboolean pba_permissions_needs_password (PbaPermissions *self, const char *action);
/** pba_permissions_authorize_async: asks ahead, one question for all @actions. */
void pba_permissions_authorize_async (PbaPermissions *self, const char *const *actions, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
gboolean pba_permissions_authorize_finish (PbaPermissions *self, GAsyncResult *result, GError **error);

G_END_DECLS
