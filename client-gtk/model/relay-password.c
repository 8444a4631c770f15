/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The general relay's password between three places: what is typed, the service, the user's keyring.
 * The service never gives it back; the keyring's item is found by server, relay host, port and user, so
 * that a relay that was re-pointed finds none. Made by the relay page. Here is what is known, in
 * properties and words; how a password goes is in relay-password-send.c. Owns what is typed until it was
 * handed over or dropped, and wipes it.
 */
#include "model/relay-password-private.h"

#include "dbus/names.h"
#include "model/wipe.h"

#include <glib/gi18n.h>
#include <string.h>

#define STATE_PROPERTY "RelaySecretState"
#define MAX_OCTETS     1024 /* what the service takes */

G_DEFINE_ENUM_TYPE (PbaPasswordState, pba_password_state,
                    G_DEFINE_ENUM_VALUE (PBA_PASSWORD_UNKNOWN, "unknown"),
                    G_DEFINE_ENUM_VALUE (PBA_PASSWORD_NONE, "none"),
                    G_DEFINE_ENUM_VALUE (PBA_PASSWORD_PRESENT, "present"),
                    G_DEFINE_ENUM_VALUE (PBA_PASSWORD_STALE, "stale"))

enum
{
  PROP_SUPPORTED = 1,
  PROP_WRITABLE,
  PROP_STATE,
  PROP_IN_KEYRING,
  PROP_BUSY,
  PROP_TROUBLE,
  PROP_SENTENCE,
  PROP_CAN_REFILL,
  N_PROPERTIES,
  PROP_CHANGED = N_PROPERTIES, /* PbaDraft's */
  PROP_ERROR,
};
static GParamSpec *properties[N_PROPERTIES];

/* ---- what is known ---- */

void
pba_relay_password_notify (PbaRelayPassword *self)
{
  for (guint i = 1; i < N_PROPERTIES; i++)
    g_object_notify_by_pspec (G_OBJECT (self), properties[i]);
}

void
pba_relay_password_set_trouble (PbaRelayPassword *self, const char *sentence)
{
  g_free (self->trouble);
  self->trouble = g_strdup (sentence);
}

/* A setting as it holds on the server: where the service would send the password. */
static const char *
setting_text (PbaRelayPassword *self, const char *key)
{
  PbaSetting *setting = pba_settings_model_lookup (pba_server_get_settings (self->server), key);
  GVariant *value = setting != NULL ? pba_setting_get_value (setting) : NULL;

  return value != NULL && g_variant_is_of_type (value, G_VARIANT_TYPE_STRING)
           ? g_variant_get_string (value, NULL)
           : "";
}

PbaRelayLogin
pba_relay_password_login (PbaRelayPassword *self)
{
  PbaSetting *port =
    pba_settings_model_lookup (pba_server_get_settings (self->server), "Delivery.RelayPort");
  GVariant *value = port != NULL ? pba_setting_get_value (port) : NULL;

  return (PbaRelayLogin){
    .nas = pba_manager_get_instance_id (pba_server_get_manager (self->server)),
    .relay = PBA_RELAY_GENERAL,
    .server = setting_text (self, "Delivery.RelayServer"),
    .port = value != NULL ? g_variant_get_uint32 (value) : 0,
    .user = setting_text (self, "Delivery.RelayUser"),
  };
}

const char *
pba_relay_password_storage (PbaRelayPassword *self)
{
  return setting_text (self, "Delivery.RelaySecretStorage");
}

/* As it will be once what is changed is applied. */
static const char *
storage_to_be (PbaRelayPassword *self)
{
  PbaSetting *setting = pba_settings_model_lookup (pba_server_get_settings (self->server),
                                                   "Delivery.RelaySecretStorage");

  return setting != NULL ? pba_setting_get_text (setting) : "system";
}

static gboolean
has_state (PbaRelayPassword *self)
{
  GDBusNodeInfo *node = pba_connection_get_node (pba_server_get_connection (self->server));
  GDBusInterfaceInfo *info =
    node != NULL ? g_dbus_node_info_lookup_interface (node, PB_INTERFACE_PREFIX "Delivery") : NULL;

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
    pba_relay_password_set_trouble (self, error != NULL ? error->message : NULL);
  pba_relay_password_notify (self);
}

static void
ask_keyring (PbaRelayPassword *self)
{
  PbaRelayLogin login = pba_relay_password_login (self);

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
  word =
    g_variant_is_of_type (value, G_VARIANT_TYPE_STRING) ? g_variant_get_string (value, NULL) : "";
  self->state = g_str_equal (word, "none")      ? PBA_PASSWORD_NONE
                : g_str_equal (word, "present") ? PBA_PASSWORD_PRESENT
                : g_str_equal (word, "stale")   ? PBA_PASSWORD_STALE
                                                : PBA_PASSWORD_UNKNOWN;
  pba_relay_password_notify (self);
}

void
pba_relay_password_ask_state (PbaRelayPassword *self)
{
  if (has_state (self))
    pba_connection_get_property_async (pba_server_get_connection (self->server), "Delivery",
                                       STATE_PROPERTY, NULL, on_state, g_object_ref (self));
  else
    self->state = PBA_PASSWORD_UNKNOWN;
}

void
pba_relay_password_refresh (PbaRelayPassword *self)
{
  PbaConnection *connection = pba_server_get_connection (self->server);

  if (pba_connection_get_state (connection) != PBA_CONNECTION_CONNECTED)
    return;
  if (pba_relay_password_get_supported (self))
    {
      pba_relay_password_ask_state (self);
      ask_keyring (self);
    }
  pba_relay_password_notify (self);
}

void
pba_relay_password_announce_edit (PbaRelayPassword *self)
{
  g_object_notify (G_OBJECT (self), "changed");
  g_object_notify (G_OBJECT (self), "error");
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_SENTENCE]);
}

/* ---- in words ---- */

static gboolean
may_write (PbaRelayPassword *self)
{
  return pba_permissions_may (pba_server_get_permissions (self->server), PB_ACTION_SET_SECRETS);
}

static gboolean
is_changed (PbaRelayPassword *self)
{
  return self->pending != NULL && self->pending[0] != '\0';
}

static const char *
find_problem (PbaRelayPassword *self)
{
  if (!is_changed (self))
    return NULL;
  if (strlen (self->pending) > MAX_OCTETS)
    return _ ("Must have at most 1024 characters");
  if (strpbrk (self->pending, "\r\n") != NULL)
    return _ ("Must not have line breaks in it");
  return self->refusal;
}

static gboolean
can_refill (PbaRelayPassword *self)
{
  return !g_str_equal (storage_to_be (self), "agent") && !g_str_equal (storage_to_be (self), "ask")
         && (self->state == PBA_PASSWORD_NONE || self->state == PBA_PASSWORD_STALE)
         && self->in_keyring && may_write (self) && pba_relay_password_get_supported (self);
}

static const char *
describe_copies (PbaRelayPassword *self)
{
  switch (self->state)
    {
    case PBA_PASSWORD_UNKNOWN:
      return self->in_keyring ? _ ("Kept in your keyring") : NULL;
    case PBA_PASSWORD_NONE:
      return self->in_keyring ? _ ("Kept in your keyring, but not on the server")
                              : _ ("None is kept yet");
    case PBA_PASSWORD_PRESENT:
      return self->in_keyring ? _ ("Kept in your keyring and sealed on the server")
                              : _ ("Sealed on the server, but not kept in your keyring");
    case PBA_PASSWORD_STALE:
      return self->in_keyring
               ? _ ("The server has one for another host, user or protection and does not use it")
               : _ ("The server has one for another host, user or protection. Enter the new one");
    }
  g_return_val_if_reached (NULL);
}

/* (transfer full) (nullable) */
static char *
describe (PbaRelayPassword *self)
{
  const char *copies = describe_copies (self);

  if (!may_write (self))
    return g_strdup (_ ("You may not set passwords on this server"));
  if (self->busy)
    return g_strdup (_ ("Waiting for the server and your keyring…"));
  if (g_str_equal (storage_to_be (self), "agent"))
    return g_strdup (is_changed (self)       ? _ ("Apply keeps it in your keyring")
                     : self->trouble != NULL ? self->trouble
                     : self->in_keyring      ? _ ("Kept in your keyring")
                                             : _ ("None is kept yet"));
  if (is_changed (self))
    return g_strdup (_ ("Apply seals it on the server and keeps it in your keyring"));
  if (self->trouble == NULL || copies == NULL)
    return g_strdup (copies != NULL ? copies : self->trouble);
  /* Translators: two sentences without their full stops: where the password is, and what is wrong with the keyring */
  return g_strdup_printf (_ ("%s. %s."), copies, self->trouble);
}

/* ---- the object ---- */

G_DEFINE_FINAL_TYPE_WITH_CODE (PbaRelayPassword, pba_relay_password, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (PBA_TYPE_DRAFT,
                                                      pba_relay_password_draft_init))

static void
on_event (PbaRelayPassword *self)
{
  pba_relay_password_refresh (self);
}

/* Where a password goes, and whether there is one at all, follows what is chosen. */
static void
on_storage (PbaRelayPassword *self)
{
  pba_relay_password_notify (self);
}

/* The keyring's item goes by what is set there. */
static void
follow_settings (PbaRelayPassword *self)
{
  static const char *const keys[] = { "Delivery.RelayServer", "Delivery.RelayPort",
                                      "Delivery.RelayUser", "Delivery.RelaySecretStorage" };

  for (guint i = 0; i < G_N_ELEMENTS (keys); i++)
    {
      PbaSetting *setting =
        pba_settings_model_lookup (pba_server_get_settings (self->server), keys[i]);

      if (setting == NULL)
        continue;
      g_signal_handlers_disconnect_by_func (setting, on_event, self);
      g_signal_handlers_disconnect_by_func (setting, on_storage, self);
      g_signal_connect_object (setting, "notify::value", G_CALLBACK (on_event), self,
                               G_CONNECT_SWAPPED);
      if (i == G_N_ELEMENTS (keys) - 1)
        g_signal_connect_object (setting, "notify::pending", G_CALLBACK (on_storage), self,
                                 G_CONNECT_SWAPPED);
    }
}

static void
on_permissions (PbaRelayPassword *self)
{
  pba_relay_password_notify (self);
}

static void
on_properties_changed (PbaConnection *connection, const char *interface, GVariant *changed,
                       const char *const *invalidated, gpointer user_data)
{
  if (g_str_equal (interface, "Delivery"))
    pba_relay_password_refresh (user_data);
}

static void
pba_relay_password_get_gproperty (GObject *object, guint property, GValue *value, GParamSpec *pspec)
{
  PbaRelayPassword *self = PBA_RELAY_PASSWORD (object);

  if (property == PROP_STATE)
    g_value_set_enum (value, self->state);
  else if (property == PROP_TROUBLE || property == PROP_ERROR)
    g_value_set_string (value, property == PROP_TROUBLE ? self->trouble : find_problem (self));
  else if (property == PROP_SENTENCE)
    g_value_take_string (value, describe (self));
  else
    g_value_set_boolean (value, property == PROP_IN_KEYRING ? self->in_keyring
                                : property == PROP_SUPPORTED
                                  ? pba_relay_password_get_supported (self)
                                      && !g_str_equal (storage_to_be (self), "ask")
                                : property == PROP_WRITABLE   ? may_write (self)
                                : property == PROP_CAN_REFILL ? can_refill (self)
                                : property == PROP_CHANGED    ? is_changed (self)
                                                              : self->busy);
}

static void
pba_relay_password_finalize (GObject *object)
{
  PbaRelayPassword *self = PBA_RELAY_PASSWORD (object);

  g_cancellable_cancel (self->cancellable);
  g_object_unref (self->cancellable);
  pba_wipe_free (self->pending);
  g_free (self->refusal);
  g_free (self->trouble);
  g_object_unref (self->server);
  G_OBJECT_CLASS (pba_relay_password_parent_class)->finalize (object);
}

static void
pba_relay_password_class_init (PbaRelayPasswordClass *klass)
{
  static const struct
  {
    guint property;
    const char *name;
  } flags_of[] = {
    { PROP_SUPPORTED, "supported" },   { PROP_WRITABLE, "writable" },
    { PROP_IN_KEYRING, "in-keyring" }, { PROP_BUSY, "busy" },
    { PROP_CAN_REFILL, "can-refill" },
  };
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  const GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;

  object_class->get_property = pba_relay_password_get_gproperty;
  object_class->finalize = pba_relay_password_finalize;
  for (guint i = 0; i < G_N_ELEMENTS (flags_of); i++)
    properties[flags_of[i].property] =
      g_param_spec_boolean (flags_of[i].name, NULL, NULL, FALSE, flags);
  properties[PROP_STATE] =
    g_param_spec_enum ("state", NULL, NULL, PBA_TYPE_PASSWORD_STATE, PBA_PASSWORD_UNKNOWN, flags);
  properties[PROP_TROUBLE] = g_param_spec_string ("trouble", NULL, NULL, NULL, flags);
  properties[PROP_SENTENCE] = g_param_spec_string ("sentence", NULL, NULL, NULL, flags);
  g_object_class_install_properties (object_class, N_PROPERTIES, properties);
  g_object_class_override_property (object_class, PROP_CHANGED, "changed");
  g_object_class_override_property (object_class, PROP_ERROR, "error");
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
  g_signal_connect_object (pba_server_get_manager (server), "notify::instance-id",
                           G_CALLBACK (on_event), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (pba_server_get_settings (server), "items-changed",
                           G_CALLBACK (follow_settings), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (pba_server_get_permissions (server), "notify::set-secrets",
                           G_CALLBACK (on_permissions), self, G_CONNECT_SWAPPED);
  follow_settings (self);
  pba_relay_password_refresh (self);
  return self;
}

void
pba_relay_password_set_pending (PbaRelayPassword *self, const char *text)
{
  if (g_strcmp0 (text != NULL ? text : "", pba_relay_password_get_pending (self)) == 0)
    return;
  pba_wipe_free (self->pending);
  self->pending = g_strdup (text);
  g_clear_pointer (&self->refusal, g_free);
  pba_relay_password_announce_edit (self);
}

const char *
pba_relay_password_get_pending (PbaRelayPassword *self)
{
  return self->pending != NULL ? self->pending : "";
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
