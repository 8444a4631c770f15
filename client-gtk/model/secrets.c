/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Relay logins in the user's keyring, through libsecret, under the schema org.postbus.Relay. Called by
 * the relay pages. Every failure is a sentence that says what to do; mail does not depend on it, since
 * the service has its own copy. Passwords pass through non-pageable memory of libsecret and are wiped.
 */
#include "model/secrets.h"

#include <glib/gi18n.h>
#include <libsecret/secret.h>

static const SecretSchema schema = {
  "org.postbus.Relay",
  SECRET_SCHEMA_NONE,
  {
    { "nas", SECRET_SCHEMA_ATTRIBUTE_STRING },
    { "relay", SECRET_SCHEMA_ATTRIBUTE_STRING },
    { "server", SECRET_SCHEMA_ATTRIBUTE_STRING },
    { "port", SECRET_SCHEMA_ATTRIBUTE_INTEGER },
    { "user", SECRET_SCHEMA_ATTRIBUTE_STRING },
    { NULL, 0 },
  },
  0,
  NULL,
  NULL,
  NULL,
  NULL,
  NULL,
  NULL,
  NULL,
};

static GHashTable *
attributes_of (const PbaRelayLogin *login)
{
  return secret_attributes_build (&schema, "nas", login->nas, "relay", login->relay, "server",
                                  login->server, "port", (int) login->port, "user", login->user,
                                  NULL);
}

/* Takes @error, NULL when a prompt was dismissed. Returns: (transfer full). */
static GError *
explain (GError *error)
{
  const char *sentence = NULL;
  GError *explained;

  if (error == NULL || g_error_matches (error, SECRET_ERROR, SECRET_ERROR_IS_LOCKED)
      || g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    sentence = _ ("The keyring is locked. Unlock it with your login password and try again");
  else if (error->domain == G_DBUS_ERROR || error->domain == G_SPAWN_ERROR
           || g_error_matches (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND)
           || error->domain == SECRET_ERROR
           || g_error_matches (error, G_IO_ERROR, G_IO_ERROR_FAILED))
    sentence = _ (
      "There is no keyring here. Install and start one, such as gnome-keyring, to keep the password");
  if (sentence == NULL)
    return error;
  explained = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_FAILED, sentence);
  g_clear_error (&error);
  return explained;
}

static void
on_stored (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  GError *error = NULL;

  if (secret_password_store_finish (result, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, explain (error));
}

void
pba_secrets_store_async (const PbaRelayLogin *login, const char *host_label, const char *secret,
                         GCancellable *cancellable, GAsyncReadyCallback callback,
                         gpointer user_data)
{
  GTask *task = g_task_new (NULL, cancellable, callback, user_data);
  g_autoptr (GHashTable) attributes = attributes_of (login);
  /* Translators: how a password is named in the keyring; %s is a host */
  g_autofree char *label = g_strdup_printf (_ ("Postbus relay login of %s"), host_label);

  g_task_set_source_tag (task, pba_secrets_store_async);
  secret_password_storev (&schema, attributes, SECRET_COLLECTION_DEFAULT, label, secret,
                          cancellable, on_stored, task);
}

gboolean
pba_secrets_store_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

/* Nothing was found: is it not there, or was it not unlocked? */
static void
on_nothing_found (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  GList *items = secret_password_search_finish (result, NULL);

  if (items != NULL)
    g_task_return_error (task, explain (NULL));
  else
    g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "%s",
                             _ ("Your keyring has no password for this relay. Enter it again"));
  g_list_free_full (items, g_object_unref);
}

static void
on_looked_up (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  GError *error = NULL;
  char *secret = secret_password_lookup_nonpageable_finish (result, &error);

  if (secret != NULL)
    g_task_return_pointer (task, secret, (GDestroyNotify) secret_password_free);
  else if (error != NULL)
    g_task_return_error (task, explain (error));
  else
    secret_password_searchv (&schema, g_task_get_task_data (task), SECRET_SEARCH_NONE,
                             g_task_get_cancellable (task), on_nothing_found, g_object_ref (task));
}

void
pba_secrets_lookup_async (const PbaRelayLogin *login, GCancellable *cancellable,
                          GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *task = g_task_new (NULL, cancellable, callback, user_data);
  GHashTable *attributes = attributes_of (login);

  g_task_set_source_tag (task, pba_secrets_lookup_async);
  g_task_set_task_data (task, attributes, (GDestroyNotify) g_hash_table_unref);
  secret_password_lookupv (&schema, attributes, cancellable, on_looked_up, task);
}

char *
pba_secrets_lookup_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

static void
on_searched (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  GError *error = NULL;
  GList *items = secret_password_search_finish (result, &error);

  if (error != NULL)
    g_task_return_error (task, explain (error));
  else
    g_task_return_boolean (task, items != NULL);
  g_list_free_full (items, g_object_unref);
}

void
pba_secrets_has_async (const PbaRelayLogin *login, GCancellable *cancellable,
                       GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *task = g_task_new (NULL, cancellable, callback, user_data);
  g_autoptr (GHashTable) attributes = attributes_of (login);

  g_task_set_source_tag (task, pba_secrets_has_async);
  secret_password_searchv (&schema, attributes, SECRET_SEARCH_NONE, cancellable, on_searched, task);
}

gboolean
pba_secrets_has_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

static void
on_cleared (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  GError *error = NULL;

  secret_password_clear_finish (result, &error);
  if (error != NULL)
    g_task_return_error (task, explain (error));
  else
    g_task_return_boolean (task, TRUE);
}

void
pba_secrets_clear_async (const PbaRelayLogin *login, GCancellable *cancellable,
                         GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *task = g_task_new (NULL, cancellable, callback, user_data);
  g_autoptr (GHashTable) attributes = attributes_of (login);

  g_task_set_source_tag (task, pba_secrets_clear_async);
  secret_password_clearv (&schema, attributes, cancellable, on_cleared, task);
}

void
pba_secrets_free (char *secret)
{
  secret_password_free (secret);
}
