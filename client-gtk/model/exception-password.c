/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How the password of a relay exception goes: to the service, then to the user's keyring. Called by the
 * dialog of the exception. Service first: mail depends on it, on the keyring it does not. The copy made
 * here is wiped with its task.
 */
#include "model/exception-password.h"

#include "model/wipe.h"

typedef struct
{
  char *relay, *server, *user; /* (owned) */
  guint32 port;
  char *password; /* (owned) */
} Giving;

static void
giving_free (gpointer data)
{
  Giving *giving = data;

  g_free (giving->relay);
  g_free (giving->server);
  g_free (giving->user);
  pba_wipe_free (giving->password);
  g_free (giving);
}

gboolean
pba_exception_password_supported (PbaServer *server)
{
  return pba_connection_has_method (pba_server_get_connection (server), "Manager",
                                    "SetRelaySecret");
}

static void
on_stored (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  g_autoptr (GError) error = NULL;

  pba_secrets_store_finish (result, &error);
  g_task_return_pointer (task, g_strdup (error != NULL ? error->message : ""), g_free);
}

static void
on_given (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  PbaServer *server = g_task_get_source_object (task);
  const Giving *giving = g_task_get_task_data (task);
  const PbaRelayLogin login = {
    .nas = pba_manager_get_instance_id (PBA_MANAGER (source)),
    .relay = giving->relay,
    .server = giving->server,
    .port = giving->port,
    .user = giving->user,
  };
  const char *host = pba_connection_get_host (pba_server_get_connection (server));
  GError *error = NULL;

  if (pba_manager_set_relay_secret_finish (PBA_MANAGER (source), result, &error))
    pba_secrets_store_async (&login, host, giving->password, g_task_get_cancellable (task),
                             on_stored, g_object_ref (task));
  else
    g_task_return_error (task, error);
}

void
pba_exception_password_give_async (PbaServer *server, const PbaRelayLogin *login,
                                   const char *password, GCancellable *cancellable,
                                   GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *task = g_task_new (server, cancellable, callback, user_data);
  Giving *giving = g_new0 (Giving, 1);

  giving->relay = g_strdup (login->relay);
  giving->server = g_strdup (login->server);
  giving->user = g_strdup (login->user);
  giving->port = login->port;
  giving->password = g_strdup (password);
  g_task_set_source_tag (task, pba_exception_password_give_async);
  g_task_set_task_data (task, giving, giving_free);
  pba_manager_set_relay_secret_async (pba_server_get_manager (server), giving->relay,
                                      giving->password, cancellable, on_given, task);
}

gboolean
pba_exception_password_give_finish (PbaServer *server, GAsyncResult *result, char **trouble,
                                    GError **error)
{
  g_autofree char *words = g_task_propagate_pointer (G_TASK (result), error);
  gboolean given = words != NULL;

  *trouble = given && words[0] != '\0' ? g_steal_pointer (&words) : NULL;
  return given;
}
