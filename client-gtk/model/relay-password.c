/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The general relay's password between three places: what is typed, the service, the user's keyring.
 * The service never gives it back; the keyring's item is found by server, relay host, port and user, so
 * that a relay that was re-pointed finds none. Called by the relay page. Service first: mail depends on
 * it, on the keyring it does not. Owns nothing that is secret beyond a call.
 */
#include "model/relay-password.h"

#include "model/secrets.h"

#include <string.h>

#define RELAY          "general"
#define STATE_PROPERTY "RelaySecretState"

struct _PbaRelayPassword
{
  GObject parent_instance;

  PbaServer *server;         /* (owned) */
  GCancellable *cancellable; /* (owned): of the keyring's last question */
  PbaPasswordState state;
  gboolean in_keyring, busy;
  gboolean not_stored; /* trouble says why the keyring did not take it */
  char *trouble; /* (owned) (nullable) */
};

G_DEFINE_FINAL_TYPE (PbaRelayPassword, pba_relay_password, G_TYPE_OBJECT)
G_DEFINE_ENUM_TYPE (PbaPasswordState, pba_password_state,
                    G_DEFINE_ENUM_VALUE (PBA_PASSWORD_UNKNOWN, "unknown"),
                    G_DEFINE_ENUM_VALUE (PBA_PASSWORD_NONE, "none"),
                    G_DEFINE_ENUM_VALUE (PBA_PASSWORD_PRESENT, "present"),
                    G_DEFINE_ENUM_VALUE (PBA_PASSWORD_STALE, "stale"))

enum
{
  PROP_SUPPORTED = 1,
  PROP_STATE,
  PROP_IN_KEYRING,
  PROP_BUSY,
  PROP_TROUBLE,
  N_PROPERTIES,
};
static GParamSpec *properties[N_PROPERTIES];

/* ---- what is known ---- */

static void
notify_all (PbaRelayPassword *self)
{
  for (guint i = 1; i < N_PROPERTIES; i++)
    g_object_notify_by_pspec (G_OBJECT (self), properties[i]);
}

static void
set_trouble (PbaRelayPassword *self, const char *sentence)
{
  g_free (self->trouble);
  self->trouble = g_strdup (sentence);
}

/* @text of a setting as it holds on the server; the relay that the service would send the password to. */
static const char *
setting_text (PbaRelayPassword *self, const char *key)
{
  PbaSetting *setting = pba_settings_model_lookup (pba_server_get_settings (self->server), key);
  GVariant *value = setting != NULL ? pba_setting_get_value (setting) : NULL;

  return value != NULL && g_variant_is_of_type (value, G_VARIANT_TYPE_STRING)
           ? g_variant_get_string (value, NULL)
           : "";
}

static PbaRelayLogin
login_of (PbaRelayPassword *self)
{
  PbaSetting *port =
    pba_settings_model_lookup (pba_server_get_settings (self->server), "Delivery.RelayPort");
  GVariant *value = port != NULL ? pba_setting_get_value (port) : NULL;

  return (PbaRelayLogin){
    .nas = pba_manager_get_instance_id (pba_server_get_manager (self->server)),
    .relay = RELAY,
    .server = setting_text (self, "Delivery.RelayServer"),
    .port = value != NULL ? g_variant_get_uint32 (value) : 0,
    .user = setting_text (self, "Delivery.RelayUser"),
  };
}

static gboolean
has_state (PbaRelayPassword *self)
{
  GDBusNodeInfo *node = pba_connection_get_node (pba_server_get_connection (self->server));
  GDBusInterfaceInfo *info =
    node != NULL ? g_dbus_node_info_lookup_interface (node, "org.postbus.Postbus1.Delivery") : NULL;

  return info != NULL && g_dbus_interface_info_lookup_property (info, STATE_PROPERTY) != NULL;
}

static void
on_searched (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (PbaRelayPassword) self = user_data;
  g_autoptr (GError) error = NULL;

  if (g_cancellable_is_cancelled (g_task_get_cancellable (G_TASK (result))))
    return;
  self->in_keyring = pba_secrets_has_finish (result, &error);
  self->not_stored = self->not_stored && !self->in_keyring;
  if (!self->not_stored)
    set_trouble (self, error != NULL ? error->message : NULL);
  notify_all (self);
}

static void
ask_keyring (PbaRelayPassword *self)
{
  PbaRelayLogin login = login_of (self);

  g_cancellable_cancel (self->cancellable);
  g_object_unref (self->cancellable);
  self->cancellable = g_cancellable_new ();
  if (login.nas[0] != '\0')
    pba_secrets_has_async (&login, self->cancellable, on_searched, g_object_ref (self));
}

static void
on_state (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (PbaRelayPassword) self = user_data;
  g_autoptr (GVariant) reply = pba_connection_call_finish (PBA_CONNECTION (source), result, NULL);
  g_autoptr (GVariant) value = NULL;
  const char *word;

  if (reply == NULL)
    return;
  g_variant_get (reply, "(v)", &value);
  word = g_variant_is_of_type (value, G_VARIANT_TYPE_STRING) ? g_variant_get_string (value, NULL)
                                                             : "";
  self->state = g_str_equal (word, "none")      ? PBA_PASSWORD_NONE
                : g_str_equal (word, "present") ? PBA_PASSWORD_PRESENT
                : g_str_equal (word, "stale")   ? PBA_PASSWORD_STALE
                                                : PBA_PASSWORD_UNKNOWN;
  notify_all (self);
}

void
pba_relay_password_refresh (PbaRelayPassword *self)
{
  PbaConnection *connection = pba_server_get_connection (self->server);

  if (pba_connection_get_state (connection) != PBA_CONNECTION_CONNECTED)
    return;
  notify_all (self);
  if (!pba_relay_password_get_supported (self))
    return;
  if (has_state (self))
    pba_connection_get_property_async (connection, "Delivery", STATE_PROPERTY, NULL, on_state,
                                       g_object_ref (self));
  ask_keyring (self);
}

/* ---- giving it ---- */

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
  else if (giving->password != NULL)
    {
      explicit_bzero (giving->password, strlen (giving->password));
      g_free (giving->password);
    }
  g_free (giving);
}

static void
end (GTask *task, GError *error)
{
  PbaRelayPassword *self = g_task_get_source_object (task);

  self->busy = FALSE;
  notify_all (self);
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
  set_trouble (self, error != NULL ? error->message : NULL);
  end (task, NULL);
}

static void
on_given (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  PbaRelayPassword *self = g_task_get_source_object (task);
  Giving *giving = g_task_get_task_data (task);
  PbaRelayLogin login = login_of (self);
  GError *error = NULL;

  if (!pba_manager_set_relay_secret_finish (PBA_MANAGER (source), result, &error))
    {
      end (task, error);
      return;
    }
  if (has_state (self))
    pba_connection_get_property_async (pba_server_get_connection (self->server), "Delivery",
                                       STATE_PROPERTY, NULL, on_state, g_object_ref (self));
  if (giving->from_keyring)
    end (task, NULL);
  else
    pba_secrets_store_async (&login,
                             pba_connection_get_host (pba_server_get_connection (self->server)),
                             giving->password, NULL, on_stored, g_steal_pointer (&task));
}

static void
give (GTask *task)
{
  PbaRelayPassword *self = g_task_get_source_object (task);
  Giving *giving = g_task_get_task_data (task);

  pba_manager_set_relay_secret_async (pba_server_get_manager (self->server), RELAY,
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
  notify_all (self);
  return task;
}

void
pba_relay_password_set_async (PbaRelayPassword *self, const char *password,
                              GCancellable *cancellable, GAsyncReadyCallback callback,
                              gpointer user_data)
{
  GTask *task = begin (self, cancellable, callback, user_data);
  Giving *giving = g_task_get_task_data (task);

  giving->password = g_strdup (password);
  give (task);
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
  PbaRelayLogin login = login_of (self);

  pba_secrets_lookup_async (&login, cancellable, on_looked_up, task);
}

gboolean
pba_relay_password_finish (PbaRelayPassword *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

/* ---- the object ---- */

static void
on_event (PbaRelayPassword *self)
{
  pba_relay_password_refresh (self);
}

static void
on_properties_changed (PbaConnection *connection, const char *interface, GVariant *changed,
                       const char *const *invalidated, gpointer user_data)
{
  if (g_str_equal (interface, "Delivery"))
    pba_relay_password_refresh (user_data);
}

static void
pba_relay_password_get_gproperty (GObject *object, guint property, GValue *value,
                                  GParamSpec *pspec)
{
  PbaRelayPassword *self = PBA_RELAY_PASSWORD (object);

  if (property == PROP_STATE)
    g_value_set_enum (value, self->state);
  else if (property == PROP_TROUBLE)
    g_value_set_string (value, self->trouble);
  else
    g_value_set_boolean (value, property == PROP_IN_KEYRING  ? self->in_keyring
                                : property == PROP_SUPPORTED ? pba_relay_password_get_supported (self)
                                                             : self->busy);
}

static void
pba_relay_password_finalize (GObject *object)
{
  PbaRelayPassword *self = PBA_RELAY_PASSWORD (object);

  g_cancellable_cancel (self->cancellable);
  g_object_unref (self->cancellable);
  g_free (self->trouble);
  g_object_unref (self->server);
  G_OBJECT_CLASS (pba_relay_password_parent_class)->finalize (object);
}

static void
pba_relay_password_class_init (PbaRelayPasswordClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  const GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;

  object_class->get_property = pba_relay_password_get_gproperty;
  object_class->finalize = pba_relay_password_finalize;
  properties[PROP_SUPPORTED] = g_param_spec_boolean ("supported", NULL, NULL, FALSE, flags);
  properties[PROP_STATE] = g_param_spec_enum ("state", NULL, NULL, PBA_TYPE_PASSWORD_STATE,
                                              PBA_PASSWORD_UNKNOWN, flags);
  properties[PROP_IN_KEYRING] = g_param_spec_boolean ("in-keyring", NULL, NULL, FALSE, flags);
  properties[PROP_BUSY] = g_param_spec_boolean ("busy", NULL, NULL, FALSE, flags);
  properties[PROP_TROUBLE] = g_param_spec_string ("trouble", NULL, NULL, NULL, flags);
  g_object_class_install_properties (object_class, N_PROPERTIES, properties);
}

static void
pba_relay_password_init (PbaRelayPassword *self)
{
  self->cancellable = g_cancellable_new ();
}

PbaRelayPassword *
pba_relay_password_new (PbaServer *server)
{
  PbaRelayPassword *self = g_object_new (PBA_TYPE_RELAY_PASSWORD, NULL);
  PbaConnection *connection = pba_server_get_connection (server);

  self->server = g_object_ref (server);
  g_signal_connect_object (connection, "notify::connected", G_CALLBACK (on_event), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (connection, "properties-changed", G_CALLBACK (on_properties_changed),
                           self, 0);
  /* The keyring's item goes by what is set there. */
  g_signal_connect_object (pba_server_get_manager (server), "notify::revision",
                           G_CALLBACK (on_event), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (pba_server_get_settings (server), "notify::loaded",
                           G_CALLBACK (on_event), self, G_CONNECT_SWAPPED);
  pba_relay_password_refresh (self);
  return self;
}

PbaPasswordState
pba_relay_password_get_state (PbaRelayPassword *self)
{
  return self->state;
}

gboolean
pba_relay_password_get_supported (PbaRelayPassword *self)
{
  return pba_connection_has_method (pba_server_get_connection (self->server), "Manager",
                                    "SetRelaySecret");
}

gboolean
pba_relay_password_get_in_keyring (PbaRelayPassword *self)
{
  return self->in_keyring;
}

const char *
pba_relay_password_get_trouble (PbaRelayPassword *self)
{
  return self->trouble;
}
