/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Answers the service's questions for passwords of relays: from the keyring where it may, else by asking
 * whoever sits here, one question after the other. Made by PbaServer; the window shows the questions.
 * Only the owner of the service's name gets an answer: everybody on the bus can call. What is handed out
 * is wiped behind the message; what was typed for a relay whose password is asked for each time is never
 * kept. Every call is answered once, also when the link goes.
 */
#include "model/secret-agent.h"

#include "dbus/names.h"
#include "model/connection-private.h"
#include "model/secrets.h"
#include "model/wipe.h"

/* Behind this the service has given up to wait; a password that is found later is offered anew. */
#define LATE_USEC (25 * G_USEC_PER_SEC)

typedef struct
{
  PbaSecretAgent *agent;             /* (unowned) */
  GDBusMethodInvocation *invocation; /* (owned) until answered */
  char *nas, *relay;                 /* (owned) */
  guint32 port;
  PbaSecretQuestion question;
  gint64 since;
} PbaSecretCall;

struct _PbaSecretAgent
{
  GObject parent_instance;

  PbaConnection *connection; /* (owned) */
  GCancellable *cancellable; /* (owned) of the link */
  GDBusConnection *bus;      /* (owned) (nullable) where the object is exported */
  guint registration;
  gboolean registered;
  GQueue
    waiting; /* (element-type PbaSecretCall) (owned) for somebody to type; the first one is shown */
};

G_DEFINE_FINAL_TYPE (PbaSecretAgent, pba_secret_agent, G_TYPE_OBJECT)

enum
{
  PROP_REGISTERED = 1,
  N_PROPERTIES,
};
static GParamSpec *properties[N_PROPERTIES];

enum
{
  SIGNAL_QUESTION,
  SIGNAL_OVER,
  N_SIGNALS,
};
static guint signals[N_SIGNALS];

static void
set_registered (PbaSecretAgent *self, gboolean registered)
{
  if (self->registered == registered)
    return;
  self->registered = registered;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_REGISTERED]);
}

/* ---- registering ---- */

static void
on_registered (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (PbaSecretAgent) self = user_data;
  g_autoptr (GVariant) reply = pba_connection_call_finish (PBA_CONNECTION (source), result, NULL);

  if (reply != NULL && self->registration != 0)
    set_registered (self, TRUE);
}

static void
register_quietly (PbaSecretAgent *self)
{
  if (self->registration != 0)
    pba_connection_poll (self->connection, "Manager", "RegisterSecretAgent", NULL, NULL,
                         self->cancellable, on_registered, g_object_ref (self));
}

void
pba_secret_agent_register (PbaSecretAgent *self)
{
  if (self->registration != 0)
    pba_connection_call (self->connection, "Manager", "RegisterSecretAgent", NULL, NULL,
                         self->cancellable, on_registered, g_object_ref (self));
}

/* ---- one call ---- */

static void
call_free (PbaSecretCall *self)
{
  g_free (self->nas);
  g_free (self->relay);
  g_free (self->question.server);
  g_free (self->question.user);
  g_free (self->question.refused);
  g_free (self);
}

/* @password: (nullable). Frees @self. */
static void
call_answer (PbaSecretCall *self, const char *password)
{
  if (password != NULL && password[0] != '\0')
    {
      g_dbus_method_invocation_return_value (self->invocation,
                                             g_variant_new ("(@ay)", pba_wipe_octets (password)));
      pba_wipe_message_buffers (self->agent->connection);
    }
  else
    g_dbus_method_invocation_return_error_literal (self->invocation, G_DBUS_ERROR,
                                                   G_DBUS_ERROR_FAILED, "nobody says it");
  call_free (self);
}

static PbaRelayLogin
login_of (const PbaSecretCall *self)
{
  return (PbaRelayLogin){
    .nas = self->nas,
    .relay = self->relay,
    .server = self->question.server,
    .port = self->port,
    .user = self->question.user,
  };
}

/* ---- asking somebody ---- */

static void
show_first (PbaSecretAgent *self)
{
  PbaSecretCall *first = g_queue_peek_head (&self->waiting);

  if (first != NULL)
    g_signal_emit (self, signals[SIGNAL_QUESTION], 0, &first->question);
}

static void
ask_somebody (PbaSecretCall *call)
{
  PbaSecretAgent *self = call->agent;

  g_queue_push_tail (&self->waiting, call);
  if (self->waiting.length == 1)
    show_first (self);
}

static void
on_stored (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (PbaSecretAgent) self = user_data;

  /* Offered anew: the service asks again, and finds it in the keyring. */
  if (pba_secrets_store_finish (result, NULL))
    register_quietly (self);
}

static void
keep (PbaSecretCall *call, const char *password)
{
  PbaSecretAgent *self = call->agent;
  PbaRelayLogin login = login_of (call);
  gboolean late = g_get_monotonic_time () - call->since > LATE_USEC;

  pba_secrets_store_async (&login, pba_connection_get_host (self->connection), password, NULL,
                           late ? on_stored : NULL, late ? g_object_ref (self) : NULL);
}

void
pba_secret_agent_answer (PbaSecretAgent *self, const char *password)
{
  PbaSecretCall *call = g_queue_pop_head (&self->waiting);

  if (call == NULL)
    return;
  if (call->question.keep && password != NULL && password[0] != '\0')
    keep (call, password);
  call_answer (call, password);
  show_first (self);
}

/* ---- asking the keyring ---- */

static void
on_looked_up (GObject *source, GAsyncResult *result, gpointer user_data)
{
  PbaSecretCall *call = user_data;
  g_autoptr (PbaSecretAgent) self = call->agent;
  char *password = pba_secrets_lookup_finish (result, NULL);

  if (password != NULL || self->registration == 0)
    call_answer (call, password);
  else
    ask_somebody (call);
  pba_secrets_free (password);
}

static void
begin_call (PbaSecretCall *call)
{
  PbaRelayLogin login = login_of (call);

  if (call->question.keep && call->question.refused[0] == '\0')
    {
      g_object_ref (call->agent);
      pba_secrets_lookup_async (&login, NULL, on_looked_up, call);
    }
  else
    ask_somebody (call);
}

/* ---- the object on the bus ---- */

static void
on_owner (GObject *source, GAsyncResult *result, gpointer user_data)
{
  PbaSecretCall *call = user_data;
  g_autoptr (PbaSecretAgent) self = call->agent;
  g_autoptr (GVariant) reply =
    g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, NULL);
  const char *owner = "";

  if (reply != NULL)
    g_variant_get (reply, "(&s)", &owner);
  if (self->registration != 0
      && g_str_equal (owner, g_dbus_method_invocation_get_sender (call->invocation)))
    begin_call (call);
  else
    call_answer (call, NULL);
}

static char *
detail (GVariant *details, const char *name)
{
  char *text = NULL;

  return g_variant_lookup (details, name, "s", &text) ? text : g_strdup ("");
}

static void
on_method_call (GDBusConnection *bus, const char *sender, const char *path, const char *interface,
                const char *method, GVariant *parameters, GDBusMethodInvocation *invocation,
                gpointer user_data)
{
  PbaSecretCall *call = g_new0 (PbaSecretCall, 1);
  g_autoptr (GVariant) details = NULL;
  g_autofree char *storage = NULL;

  g_variant_get (parameters, "(s@a{sv})", &call->relay, &details);
  storage = detail (details, "Storage");
  call->agent = user_data;
  call->invocation = invocation;
  call->nas = detail (details, "Instance");
  call->question.server = detail (details, "Server");
  call->question.user = detail (details, "User");
  call->question.refused = detail (details, "Refused");
  call->question.keep = g_str_equal (storage, "agent");
  g_variant_lookup (details, "Port", "u", &call->port);
  call->since = g_get_monotonic_time ();
  g_object_ref (call->agent);
  g_dbus_connection_call (bus, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                          "org.freedesktop.DBus", "GetNameOwner",
                          g_variant_new ("(s)", PB_BUS_NAME), G_VARIANT_TYPE ("(s)"),
                          G_DBUS_CALL_FLAGS_NONE, -1, NULL, on_owner, call);
}

static const GDBusInterfaceVTable vtable = { .method_call = on_method_call };

static const char interface_xml[] =
  "<node><interface name='" PB_SECRET_AGENT_INTERFACE "'><method name='GetRelaySecret'>"
  "<arg name='relay' type='s' direction='in'/><arg name='details' type='a{sv}' direction='in'/>"
  "<arg name='secret' type='ay' direction='out'/></method></interface></node>";

/* With the link: whoever still waits is told, as far as that goes, and a question that is shown is over. */
static void
leave (PbaSecretAgent *self)
{
  gboolean shown = self->waiting.length > 0;
  PbaSecretCall *call;

  g_cancellable_cancel (self->cancellable);
  g_object_unref (self->cancellable);
  self->cancellable = g_cancellable_new ();
  if (self->registration != 0)
    g_dbus_connection_unregister_object (self->bus, self->registration);
  self->registration = 0;
  g_clear_object (&self->bus);
  while ((call = g_queue_pop_head (&self->waiting)) != NULL)
    call_answer (call, NULL);
  if (shown)
    g_signal_emit (self, signals[SIGNAL_OVER], 0);
  set_registered (self, FALSE);
}

static void
on_connected (PbaSecretAgent *self)
{
  g_autoptr (GDBusNodeInfo) node = NULL;

  /* Told twice of the same link: a question may be on its way already. */
  if (self->registration != 0 && pba_secret_agent_get_supported (self)
      && self->bus == self->connection->bus)
    return;
  leave (self);
  if (!pba_secret_agent_get_supported (self))
    return;
  node = g_dbus_node_info_new_for_xml (interface_xml, NULL);
  self->bus = g_object_ref (self->connection->bus);
  self->registration =
    g_dbus_connection_register_object (self->bus, PB_SECRET_AGENT_PATH, node->interfaces[0],
                                       &vtable, self, NULL, NULL);
  register_quietly (self);
}

static void
pba_secret_agent_get_gproperty (GObject *object, guint property, GValue *value, GParamSpec *pspec)
{
  g_value_set_boolean (value, PBA_SECRET_AGENT (object)->registered);
}

static void
pba_secret_agent_dispose (GObject *object)
{
  leave (PBA_SECRET_AGENT (object));
  G_OBJECT_CLASS (pba_secret_agent_parent_class)->dispose (object);
}

static void
pba_secret_agent_finalize (GObject *object)
{
  PbaSecretAgent *self = PBA_SECRET_AGENT (object);

  g_object_unref (self->cancellable);
  g_object_unref (self->connection);
  G_OBJECT_CLASS (pba_secret_agent_parent_class)->finalize (object);
}

static void
pba_secret_agent_class_init (PbaSecretAgentClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->get_property = pba_secret_agent_get_gproperty;
  object_class->dispose = pba_secret_agent_dispose;
  object_class->finalize = pba_secret_agent_finalize;
  properties[PROP_REGISTERED] =
    g_param_spec_boolean ("registered", NULL, NULL, FALSE,
                          G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY);
  g_object_class_install_properties (object_class, N_PROPERTIES, properties);
  signals[SIGNAL_QUESTION] = g_signal_new ("question", PBA_TYPE_SECRET_AGENT, G_SIGNAL_RUN_LAST, 0,
                                           NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_POINTER);
  signals[SIGNAL_OVER] = g_signal_new ("over", PBA_TYPE_SECRET_AGENT, G_SIGNAL_RUN_LAST, 0, NULL,
                                       NULL, NULL, G_TYPE_NONE, 0);
}

static void
pba_secret_agent_init (PbaSecretAgent *self)
{
  self->cancellable = g_cancellable_new ();
  g_queue_init (&self->waiting);
}

PbaSecretAgent *
pba_secret_agent_new (PbaConnection *connection)
{
  PbaSecretAgent *self = g_object_new (PBA_TYPE_SECRET_AGENT, NULL);

  self->connection = g_object_ref (connection);
  g_signal_connect_object (connection, "notify::connected", G_CALLBACK (on_connected), self,
                           G_CONNECT_SWAPPED);
  on_connected (self);
  return self;
}

gboolean
pba_secret_agent_get_registered (PbaSecretAgent *self)
{
  return self->registered;
}

gboolean
pba_secret_agent_get_supported (PbaSecretAgent *self)
{
  return pba_connection_get_state (self->connection) == PBA_CONNECTION_CONNECTED
         && pba_connection_has_method (self->connection, "Manager", "RegisterSecretAgent");
}
