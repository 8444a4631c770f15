/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How the password of an account goes to the service, which keeps only what it needs to recognise it.
 * Called by the dialog of the account. It is the account's owner's and no login of ours, so it goes into
 * no keyring; the copies made here are wiped when the service has answered.
 */
#include "model/account-password.h"

#include "model/wipe.h"

gboolean
pba_account_password_supported (PbaServer *server)
{
  return pba_connection_has_method (pba_server_get_connection (server), "Accounts", "SetPassword");
}

static void
on_given (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  GError *error = NULL;
  g_autoptr (GVariant) reply = pba_connection_call_finish (PBA_CONNECTION (source), result, &error);

  pba_wipe_message_buffers (PBA_CONNECTION (source));
  if (reply != NULL)
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

void
pba_account_password_give_async (PbaServer *server, const char *id, const char *password,
                                 GCancellable *cancellable, GAsyncReadyCallback callback,
                                 gpointer user_data)
{
  GTask *task = g_task_new (server, cancellable, callback, user_data);

  g_task_set_source_tag (task, pba_account_password_give_async);
  pba_connection_call (pba_server_get_connection (server), "Accounts", "SetPassword",
                       g_variant_new ("(s@ay)", id, pba_wipe_octets (password)), NULL, cancellable,
                       on_given, task);
}

gboolean
pba_account_password_give_finish (PbaServer *server, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}
