/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A connection to a daemon as an object: properties, signals, open and close. Opened by the window or
 * a test; every model follows its state and signals. What happens in between is in
 * connection-attempt.c, what is said over it in connection-call.c. The object owns bus, tunnel and
 * introspection; errors are a state with a sentence, never a GError to the window.
 */
#include "model/connection-private.h"

#include "dbus/errors.h"

#include <glib/gi18n.h>

G_DEFINE_ENUM_TYPE (PbaConnectionState, pba_connection_state,
                    G_DEFINE_ENUM_VALUE (PBA_CONNECTION_DISCONNECTED, "disconnected"),
                    G_DEFINE_ENUM_VALUE (PBA_CONNECTION_CONNECTING, "connecting"),
                    G_DEFINE_ENUM_VALUE (PBA_CONNECTION_CONNECTED, "connected"),
                    G_DEFINE_ENUM_VALUE (PBA_CONNECTION_DENIED, "denied"),
                    G_DEFINE_ENUM_VALUE (PBA_CONNECTION_LOST, "lost"),
                    G_DEFINE_ENUM_VALUE (PBA_CONNECTION_SKEW, "skew"))

G_DEFINE_FINAL_TYPE (PbaConnection, pba_connection, G_TYPE_OBJECT)

enum
{
  PROP_ADDRESS = 1,
  PROP_STATE,
  PROP_CONNECTED,
  PROP_HOST,
  PROP_LOGIN,
  PROP_ERROR,
  PROP_DETAIL,
  N_PROPERTIES,
};
static GParamSpec *properties[N_PROPERTIES];

static void
name_ends (PbaConnection *self)
{
  g_autofree char *user = NULL;

  if (self->address[0] == '\0')
    self->host = g_strdup (_ ("This Computer"));
  else if (!pba_connection_is_ssh (self))
    self->host = g_strdup (_ ("Private Bus"));
  else if (!pba_tunnel_split (self->address, &user, &self->host, NULL, NULL))
    self->host = g_strdup (self->address);
  /* Translators: the name of a user who is logged in through ssh */
  self->login = user != NULL ? g_strdup_printf (_ ("%s via SSH"), user)
                             : g_strdup (pba_connection_is_ssh (self) ? _ ("via SSH") : "");
}

static void
pba_connection_constructed (GObject *object)
{
  PbaConnection *self = PBA_CONNECTION (object);

  G_OBJECT_CLASS (pba_connection_parent_class)->constructed (object);
  if (self->address == NULL)
    self->address = g_strdup ("");
  name_ends (self);
}

static void
pba_connection_dispose (GObject *object)
{
  PbaConnection *self = PBA_CONNECTION (object);

  self->wanted = FALSE;
  pba_connection_drop (self);
  G_OBJECT_CLASS (pba_connection_parent_class)->dispose (object);
}

static void
pba_connection_finalize (GObject *object)
{
  PbaConnection *self = PBA_CONNECTION (object);

  g_clear_pointer (&self->node, g_dbus_node_info_unref);
  g_free (self->address);
  g_free (self->host);
  g_free (self->login);
  g_free (self->error);
  g_free (self->detail);
  G_OBJECT_CLASS (pba_connection_parent_class)->finalize (object);
}

static void
pba_connection_get_property (GObject *object, guint property, GValue *value, GParamSpec *pspec)
{
  PbaConnection *self = PBA_CONNECTION (object);
  const char *const strings[N_PROPERTIES] = {
    [PROP_ADDRESS] = self->address, [PROP_HOST] = self->host,     [PROP_LOGIN] = self->login,
    [PROP_ERROR] = self->error,     [PROP_DETAIL] = self->detail,
  };

  if (property == PROP_STATE)
    g_value_set_enum (value, self->state);
  else if (property == PROP_CONNECTED)
    g_value_set_boolean (value, self->state == PBA_CONNECTION_CONNECTED);
  else
    g_value_set_string (value, strings[property]);
}

static void
pba_connection_set_property (GObject *object, guint property, const GValue *value,
                             GParamSpec *pspec)
{
  g_return_if_fail (property == PROP_ADDRESS);

  PBA_CONNECTION (object)->address = g_value_dup_string (value);
}

static void
pba_connection_class_init (PbaConnectionClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  const GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;

  object_class->constructed = pba_connection_constructed;
  object_class->dispose = pba_connection_dispose;
  object_class->finalize = pba_connection_finalize;
  object_class->get_property = pba_connection_get_property;
  object_class->set_property = pba_connection_set_property;

  properties[PROP_ADDRESS] =
    g_param_spec_string ("address", NULL, NULL, "",
                         G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);
  properties[PROP_STATE] = g_param_spec_enum ("state", NULL, NULL, PBA_TYPE_CONNECTION_STATE,
                                              PBA_CONNECTION_DISCONNECTED, flags);
  properties[PROP_CONNECTED] = g_param_spec_boolean ("connected", NULL, NULL, FALSE, flags);
  properties[PROP_HOST] = g_param_spec_string ("host", NULL, NULL, NULL, flags);
  properties[PROP_LOGIN] = g_param_spec_string ("login", NULL, NULL, NULL, flags);
  properties[PROP_ERROR] = g_param_spec_string ("error", NULL, NULL, NULL, flags);
  properties[PROP_DETAIL] = g_param_spec_string ("detail", NULL, NULL, NULL, flags);
  g_object_class_install_properties (object_class, N_PROPERTIES, properties);

  g_signal_new ("properties-changed", PBA_TYPE_CONNECTION, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                G_TYPE_NONE, 3, G_TYPE_STRING, G_TYPE_VARIANT, G_TYPE_STRV);
  g_signal_new ("bus-signal", PBA_TYPE_CONNECTION, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                G_TYPE_NONE, 3, G_TYPE_STRING, G_TYPE_STRING, G_TYPE_VARIANT);
  g_signal_new ("question", PBA_TYPE_CONNECTION, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                G_TYPE_NONE, 2, G_TYPE_INT, G_TYPE_STRING);
  /* Registers the service's errors with GDBus before the first of them can come. */
  pb_error_quark ();
}

static void
pba_connection_init (PbaConnection *self)
{
}

/* ---- public ---- */

gboolean
pba_connection_check_address (const char *address, GError **error)
{
  return pba_tunnel_split (address, NULL, NULL, NULL, error);
}

PbaConnection *
pba_connection_new (const char *address)
{
  return g_object_new (PBA_TYPE_CONNECTION, "address", address, NULL);
}

void
pba_connection_open (PbaConnection *self)
{
  self->wanted = TRUE;
  self->probing = FALSE;
  self->by_itself = FALSE;
  pba_connection_begin (self);
}

void
pba_connection_probe (PbaConnection *self)
{
  self->wanted = FALSE;
  self->probing = TRUE;
  self->by_itself = TRUE;
  pba_connection_begin (self);
}

void
pba_connection_close (PbaConnection *self)
{
  self->wanted = FALSE;
  self->had_link = FALSE;
  self->failures = 0;
  pba_connection_end (self, PBA_CONNECTION_DISCONNECTED, NULL, NULL);
}

void
pba_connection_retry (PbaConnection *self)
{
  self->by_itself = FALSE;
  pba_connection_begin (self);
}

void
pba_connection_answer (PbaConnection *self, const char *text)
{
  if (self->agent != NULL && pba_agent_is_asking (self->agent))
    pba_agent_answer (self->agent, text);
  else if (self->tunnel != NULL)
    pba_tunnel_answer (self->tunnel, text);
}

const char *
pba_connection_get_address (PbaConnection *self)
{
  return self->address;
}

PbaConnectionState
pba_connection_get_state (PbaConnection *self)
{
  return self->state;
}

const char *
pba_connection_get_host (PbaConnection *self)
{
  return self->host;
}

const char *
pba_connection_get_login (PbaConnection *self)
{
  return self->login;
}

const char *
pba_connection_get_error (PbaConnection *self)
{
  return self->error;
}

const char *
pba_connection_get_detail (PbaConnection *self)
{
  return self->detail;
}

GDBusNodeInfo *
pba_connection_get_node (PbaConnection *self)
{
  return self->node;
}
