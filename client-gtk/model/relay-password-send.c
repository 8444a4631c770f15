/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How the relay's password goes: what was typed, or what the keyring has, to the service; then what was
 * typed to the keyring. Part of PbaRelayPassword, which is the draft that Apply sends. The service comes
 * first: mail depends on it, on the keyring it does not. Every copy made here is wiped with its task.
 */
#include "model/relay-password-private.h"

#include "dbus/errors.h"
#include "model/wipe.h"
#include "model/words.h"

typedef struct
{
  char *password; /* (owned): of libsecret's memory when @from_keyring */
  gboolean from_keyring;
} Giving;

static void
giving_free (gpointer data)
{
  Giving *giving = data;

  if (giving->from_keyring)
    pba_secrets_free (giving->password);
  else
    pba_wipe_free (giving->password);
  g_free (giving);
}

static void
end (GTask *task, GError *error)
{
  PbaRelayPassword *self = g_task_get_source_object (task);

  self->busy = FALSE;
  pba_relay_password_notify (self);
  if (error != NULL)
    g_task_return_error (task, error);
  else
    g_task_return_boolean (task, TRUE);
}

static void
on_stored (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  PbaRelayPassword *self = g_task_get_source_object (task);
  g_autoptr (GError) error = NULL;

  self->in_keyring = pba_secrets_store_finish (result, &error);
  self->not_stored = error != NULL;
  pba_relay_password_set_trouble (self, error != NULL ? error->message : NULL);
  end (task, NULL);
}

static void
on_given (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  PbaRelayPassword *self = g_task_get_source_object (task);
  Giving *giving = g_task_get_task_data (task);
  PbaRelayLogin login = pba_relay_password_login (self);
  GError *error = NULL;

  if (!pba_manager_set_relay_secret_finish (PBA_MANAGER (source), result, &error))
    {
      if (g_error_matches (error, PB_ERROR, PB_ERROR_INVALID_VALUE))
        {
          self->refusal = pba_words_error (error);
          pba_relay_password_announce_edit (self);
        }
      end (task, error);
      return;
    }
  pba_relay_password_ask_state (self);
  if (giving->from_keyring)
    {
      end (task, NULL);
      return;
    }
  pba_relay_password_set_pending (self, NULL);
  pba_secrets_store_async (&login,
                           pba_connection_get_host (pba_server_get_connection (self->server)),
                           giving->password, NULL, on_stored, g_steal_pointer (&task));
}

static void
on_kept (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  PbaRelayPassword *self = g_task_get_source_object (task);
  GError *error = NULL;

  self->in_keyring = pba_secrets_store_finish (result, &error);
  if (error == NULL)
    pba_relay_password_set_pending (self, NULL);
  end (task, error);
}

/* What the service asks for is not given to it: the keyring is all there is. */
static void
keep_only (GTask *task)
{
  PbaRelayPassword *self = g_task_get_source_object (task);
  Giving *giving = g_task_get_task_data (task);
  PbaRelayLogin login = pba_relay_password_login (self);

  pba_secrets_store_async (&login,
                           pba_connection_get_host (pba_server_get_connection (self->server)),
                           giving->password, NULL, on_kept, task);
}

static void
give (GTask *task)
{
  PbaRelayPassword *self = g_task_get_source_object (task);
  Giving *giving = g_task_get_task_data (task);

  pba_manager_set_relay_secret_async (pba_server_get_manager (self->server), PBA_RELAY_GENERAL,
                                      giving->password, g_task_get_cancellable (task), on_given,
                                      task);
}

static GTask *
begin (PbaRelayPassword *self, GCancellable *cancellable, GAsyncReadyCallback callback,
       gpointer user_data)
{
  GTask *task = g_task_new (self, cancellable, callback, user_data);

  g_task_set_task_data (task, g_new0 (Giving, 1), giving_free);
  self->busy = TRUE;
  pba_relay_password_notify (self);
  return task;
}

static void
send_async (PbaDraft *draft, GCancellable *cancellable, GAsyncReadyCallback callback,
            gpointer user_data)
{
  PbaRelayPassword *self = PBA_RELAY_PASSWORD (draft);
  GTask *task = begin (self, cancellable, callback, user_data);
  Giving *giving = g_task_get_task_data (task);

  giving->password = g_strdup (pba_relay_password_get_pending (self));
  if (g_str_equal (pba_relay_password_storage (self), "agent"))
    keep_only (task);
  else
    give (task);
}

static gboolean
send_finish (PbaDraft *draft, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

static void
discard (PbaDraft *draft)
{
  pba_relay_password_set_pending (PBA_RELAY_PASSWORD (draft), NULL);
}

static void
on_looked_up (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  Giving *giving = g_task_get_task_data (task);
  GError *error = NULL;

  giving->from_keyring = TRUE;
  giving->password = pba_secrets_lookup_finish (result, &error);
  if (giving->password != NULL)
    give (g_steal_pointer (&task));
  else
    end (task, error);
}

void
pba_relay_password_refill_async (PbaRelayPassword *self, GCancellable *cancellable,
                                 GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *task = begin (self, cancellable, callback, user_data);
  PbaRelayLogin login = pba_relay_password_login (self);

  pba_secrets_lookup_async (&login, cancellable, on_looked_up, task);
}

gboolean
pba_relay_password_refill_finish (PbaRelayPassword *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

void
pba_relay_password_draft_init (PbaDraftInterface *iface)
{
  iface->key = PBA_RELAY_PASSWORD_KEY;
  iface->discard = discard;
  iface->send_async = send_async;
  iface->send_finish = send_finish;
}
