/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Clients as secret agents, after the way of NetworkManager: they register, are asked by a method call
 * each with a time limit of its own, and are forgotten when their name leaves the bus or the bus is
 * lost. Whoever registers was authorized before. What they answer is foreign: looked at, taken over into memory
 * of its own, and wiped where GDBus left it. Owned by the service; the keeper of relay passwords asks.
 */
#include "service/secret-agents.h"

#include "dbus/errors.h"
#include "dbus/names.h"
#include "service/bus-call.h"
#include "settings/secret-box.h"
#include "util/log.h"

#include <string.h>

#define MAX_AGENTS 32

typedef struct
{
  PbSecretAgents *agents;      /* (unowned) */
  GDBusConnection *connection; /* (owned) */
  char *name;                  /* (owned) unique */
  guint subscription;
  gulong closed_handler;
} PbSecretAgent;

/* One password that is asked for, until somebody has said it or nobody is left. */
typedef struct
{
  PbSecretAgents *agents; /* (unowned) NULL once they are freed */
  char *relay;            /* (owned) */
  GVariant *details;      /* (owned) */
  guint milliseconds;
  GPtrArray *asked;            /* (owned) (element-type utf8) names */
  GDBusConnection *connection; /* (owned) (nullable) of the one that is asked now */
  GCancellable *cancellable;   /* (owned) */
  GSourceFunc go_on;           /* asks the next one */
  PbSecretSaid func;           /* (nullable) NULL once it was called */
  gpointer user_data;
} PbSecretQuestion;

struct _PbSecretAgents
{
  GPtrArray *agents;    /* (owned) (element-type PbSecretAgent) the last registered last */
  GPtrArray *questions; /* (unowned elements) (element-type PbSecretQuestion) */
  void (*came) (gpointer user_data);
  gpointer came_data;
};

static void
agent_free (gpointer data)
{
  PbSecretAgent *self = data;

  g_dbus_connection_signal_unsubscribe (self->connection, self->subscription);
  g_signal_handler_disconnect (self->connection, self->closed_handler);
  g_object_unref (self->connection);
  g_free (self->name);
  g_free (self);
}

static PbSecretAgent *
find_agent (const PbSecretAgents *self, GDBusConnection *connection, const char *name)
{
  for (guint i = 0; i < self->agents->len; i++)
    {
      PbSecretAgent *agent = self->agents->pdata[i];

      if (agent->connection == connection && g_str_equal (agent->name, name))
        return agent;
    }
  return NULL;
}

static void
forget_agent (PbSecretAgent *agent)
{
  PbSecretAgents *self = agent->agents;

  pb_log (PB_LOG_INFO, "secret agent gone", "agent", agent->name, NULL);
  g_ptr_array_remove (self->agents, agent);
}

/* ---- asking ---- */

static void
question_answer (PbSecretQuestion *self, PbSecret *secret)
{
  PbSecretSaid func = g_steal_pointer (&self->func);

  if (func != NULL)
    func (secret, self->user_data);
  else if (secret != NULL)
    pb_secret_unref (secret);
}

static void
question_end (PbSecretQuestion *self, PbSecret *secret)
{
  if (self->agents != NULL)
    g_ptr_array_remove_fast (self->agents->questions, self);
  question_answer (self, secret);
  g_clear_object (&self->connection);
  g_object_unref (self->cancellable);
  g_ptr_array_unref (self->asked);
  g_variant_unref (self->details);
  g_free (self->relay);
  g_free (self);
}

/* Returns: (nullable): the last registered of those that were not asked yet. */
static PbSecretAgent *
next_agent (const PbSecretQuestion *self)
{
  for (guint i = self->agents != NULL ? self->agents->agents->len : 0; i-- > 0;)
    {
      PbSecretAgent *agent = self->agents->agents->pdata[i];

      if (!g_ptr_array_find_with_equal_func (self->asked, agent->name, g_str_equal, NULL))
        return agent;
    }
  return NULL;
}

/* Returns: (transfer full) (nullable): what can be a password; else why it cannot be, without repeating it. */
static PbSecret *
take_secret (GVariant *body, const char **fault)
{
  g_autoptr (GVariant) given = NULL;
  const guint8 *octets;
  gsize length;

  *fault = "it is not of the type ay";
  if (!g_variant_is_of_type (body, G_VARIANT_TYPE ("(ay)")))
    return NULL;
  given = g_variant_get_child_value (body, 0);
  octets = g_variant_get_fixed_array (given, &length, 1);
  if (length > 0 && octets[length - 1] == '\0')
    length--;
  *fault = length == 0 ? "it is empty" : "it is longer than 1024 octets";
  if (length == 0 || length > PB_RELAY_SECRET_MAX)
    return NULL;
  *fault = "it has line breaks or NUL in it";
  for (gsize i = 0; i < length; i++)
    if (memchr ("\0\r\n", octets[i], 3) != NULL)
      return NULL;
  return pb_secret_copy (octets, length);
}

/* It went before its going was watched. */
static gboolean
is_gone (const GError *error)
{
  return g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_SERVICE_UNKNOWN)
         || g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_NAME_HAS_NO_OWNER);
}

static void
note_silence (PbSecretQuestion *self, GDBusConnection *connection, const char *name,
              const GError *error)
{
  PbSecretAgent *agent = is_gone (error) ? find_agent (self->agents, connection, name) : NULL;

  pb_log (PB_LOG_INFO, "secret agent did not answer", "relay", self->relay, "agent", name, "reason",
          error->message, NULL);
  if (agent != NULL)
    forget_agent (agent);
}

static void
on_said (GObject *source, GAsyncResult *result, gpointer user_data)
{
  PbSecretQuestion *self = user_data;
  const char *agent = self->asked->pdata[self->asked->len - 1];
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) body =
    g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &error);
  PbSecret *secret = NULL;
  const char *fault;

  if (body != NULL)
    {
      secret = take_secret (body, &fault);
      pb_bus_wipe (G_DBUS_CONNECTION (source), body);
      if (secret == NULL)
        pb_log (PB_LOG_WARNING, "secret agent said no password", "relay", self->relay, "agent",
                agent, "reason", fault, NULL);
    }
  else if (self->agents != NULL)
    note_silence (self, G_DBUS_CONNECTION (source), agent, error);
  if (secret != NULL)
    question_end (self, secret);
  else
    g_idle_add (self->go_on, self);
}

static gboolean
on_ask_next (gpointer user_data)
{
  PbSecretQuestion *self = user_data;
  PbSecretAgent *agent = next_agent (self);

  if (agent == NULL)
    {
      question_end (self, NULL);
      return G_SOURCE_REMOVE;
    }
  g_ptr_array_add (self->asked, g_strdup (agent->name));
  g_set_object (&self->connection, agent->connection);
  g_dbus_connection_call (self->connection, agent->name, PB_SECRET_AGENT_PATH,
                          PB_SECRET_AGENT_INTERFACE, "GetRelaySecret",
                          g_variant_new ("(s@a{sv})", self->relay, self->details), NULL,
                          G_DBUS_CALL_FLAGS_NO_AUTO_START, (gint) self->milliseconds,
                          self->cancellable, on_said, self);
  return G_SOURCE_REMOVE;
}

/* ---- who there is ---- */

static void
on_name_owner_changed (GDBusConnection *connection, const char *sender, const char *path,
                       const char *interface, const char *signal, GVariant *parameters,
                       gpointer user_data)
{
  const char *new_owner;

  g_variant_get_child (parameters, 2, "&s", &new_owner);
  if (*new_owner == '\0')
    forget_agent (user_data);
}

static void
on_closed (GDBusConnection *connection, gboolean remote_peer_vanished, GError *error,
           gpointer user_data)
{
  forget_agent (user_data);
}

PbSecretAgents *
pb_secret_agents_new (void)
{
  PbSecretAgents *self = g_new0 (PbSecretAgents, 1);

  self->agents = g_ptr_array_new_with_free_func (agent_free);
  self->questions = g_ptr_array_new ();
  return self;
}

void
pb_secret_agents_free (PbSecretAgents *self)
{
  for (guint i = 0; i < self->questions->len; i++)
    {
      PbSecretQuestion *question = self->questions->pdata[i];

      question->agents = NULL;
      question_answer (question, NULL);
      g_cancellable_cancel (question->cancellable);
    }
  g_ptr_array_unref (self->questions);
  g_ptr_array_unref (self->agents);
  g_free (self);
}

void
pb_secret_agents_watch (PbSecretAgents *self, void (*came) (gpointer user_data), gpointer user_data)
{
  self->came = came;
  self->came_data = user_data;
}

gboolean
pb_secret_agents_register (PbSecretAgents *self, GDBusConnection *connection, const char *sender,
                           GError **error)
{
  PbSecretAgent *agent = find_agent (self, connection, sender);

  if (agent != NULL)
    g_ptr_array_remove (self->agents, agent);
  if (self->agents->len >= MAX_AGENTS)
    {
      g_set_error (error, PB_ERROR, PB_ERROR_BUSY,
                   "RegisterSecretAgent: there are %u agents already", MAX_AGENTS);
      return FALSE;
    }
  agent = g_new0 (PbSecretAgent, 1);
  agent->agents = self;
  agent->connection = g_object_ref (connection);
  agent->name = g_strdup (sender);
  agent->subscription =
    g_dbus_connection_signal_subscribe (connection, "org.freedesktop.DBus", "org.freedesktop.DBus",
                                        "NameOwnerChanged", "/org/freedesktop/DBus", sender,
                                        G_DBUS_SIGNAL_FLAGS_NONE, on_name_owner_changed, agent,
                                        NULL);
  agent->closed_handler = g_signal_connect (connection, "closed", G_CALLBACK (on_closed), agent);
  g_ptr_array_add (self->agents, agent);
  pb_log (PB_LOG_INFO, "secret agent", "agent", sender, NULL);
  if (self->came != NULL)
    self->came (self->came_data);
  return TRUE;
}

void
pb_secret_agents_unregister (PbSecretAgents *self, GDBusConnection *connection, const char *sender)
{
  PbSecretAgent *agent = find_agent (self, connection, sender);

  if (agent != NULL)
    forget_agent (agent);
}

guint
pb_secret_agents_count (const PbSecretAgents *self)
{
  return self->agents->len;
}

void
pb_secret_agents_ask (PbSecretAgents *self, const char *relay, GVariant *details, guint milliseconds,
                      PbSecretSaid func, gpointer user_data)
{
  PbSecretQuestion *question = g_new0 (PbSecretQuestion, 1);

  question->agents = self;
  question->relay = g_strdup (relay);
  question->details = g_variant_ref_sink (details);
  question->milliseconds = milliseconds;
  question->asked = g_ptr_array_new_with_free_func (g_free);
  question->cancellable = g_cancellable_new ();
  question->go_on = on_ask_next;
  question->func = func;
  question->user_data = user_data;
  g_ptr_array_add (self->questions, question);
  g_idle_add (on_ask_next, question);
}
