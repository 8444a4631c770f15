/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Our polkit agent at the far end of an ssh link: registered there for the process that is our
 * connection to the bus (polkit takes it for that, since the service asks about our bus name), so that
 * the service's actions can ask for a password although nobody sits at a desktop there. Made by the
 * connection, one a link. Only polkit is answered; its questions are taken one after the other, each
 * with at most three tries of polkit's own helper. polkit hears from that helper whether it went well.
 */
#include "model/agent.h"

#include "model/agent-helper.h"

#include <glib/gi18n.h>
#include <locale.h>
#include <string.h>

#define POLKIT    "org.freedesktop.PolicyKit1"
#define PATH      "/org/postbus/Admin/Agent"
#define INTERFACE POLKIT ".AuthenticationAgent"
#define CANCELLED POLKIT ".Error.Cancelled"
#define FAILED    POLKIT ".Error.Failed"
#define MAX_TRIES 3
#define MAX_WORDS 1024
#define NOBODY    G_MAXUINT32

static const char xml[] =
  "<node><interface name='" INTERFACE "'>"
  "<method name='BeginAuthentication'><arg type='s' name='action_id' direction='in'/>"
  "<arg type='s' name='message' direction='in'/><arg type='s' name='icon_name' direction='in'/>"
  "<arg type='a{ss}' name='details' direction='in'/><arg type='s' name='cookie' direction='in'/>"
  "<arg type='a(sa{sv})' name='identities' direction='in'/></method>"
  "<method name='CancelAuthentication'><arg type='s' name='cookie' direction='in'/></method>"
  "</interface></node>";

struct _PbaAgent
{
  GObject parent_instance;

  GDBusConnection *bus;      /* (owned) (nullable) */
  GCancellable *cancellable; /* (owned) */
  char *address;             /* (owned) */
  char *polkit;              /* (owned) (nullable): its unique name */
  guint32 pid, uid;          /* of our connection, at the far end */
  guint registration;
  GQueue waiting;         /* of GDBusMethodInvocation (owned); the first is being asked */
  PbaAgentHelper *helper; /* (owned) (nullable): of the first */
  guint tries;
};

G_DEFINE_FINAL_TYPE (PbaAgent, pba_agent, G_TYPE_OBJECT)

static guint question_signal;

static void begin_try (PbaAgent *self);

/* ---- one question of polkit's ---- */

static void
drop_helper (PbaAgent *self)
{
  if (self->helper == NULL)
    return;
  g_signal_handlers_disconnect_by_data (self->helper, self);
  pba_agent_helper_end (self->helper);
  g_clear_object (&self->helper);
}

/* The first of those that wait is answered: @error (nullable) a D-Bus name. */
static void
settle (PbaAgent *self, const char *error)
{
  GDBusMethodInvocation *invocation = g_queue_pop_head (&self->waiting);

  drop_helper (self);
  self->tries = 0;
  if (error == NULL)
    g_dbus_method_invocation_return_value (invocation, NULL);
  else
    g_dbus_method_invocation_return_dbus_error (invocation, error, "Not authenticated");
  if (!g_queue_is_empty (&self->waiting))
    begin_try (self);
}

/* Ourselves if we may, else root, else whoever is named first. */
static guint32
choose_identity (PbaAgent *self, GVariant *identities)
{
  GVariantIter iter;
  const char *kind;
  GVariant *details;
  guint32 chosen = NOBODY;

  g_variant_iter_init (&iter, identities);
  while (g_variant_iter_next (&iter, "(&s@a{sv})", &kind, &details))
    {
      g_autoptr (GVariant) held = details;
      guint32 uid;

      if (!g_str_equal (kind, "unix-user") || !g_variant_lookup (held, "uid", "u", &uid))
        continue;
      if (chosen == NOBODY || uid == self->uid || (uid == 0 && chosen != self->uid))
        chosen = uid;
    }
  return chosen;
}

static char *
describe (PbaAgent *self, const char *message, guint32 uid)
{
  g_autofree char *cut =
    g_utf8_substring (message, 0, MIN (g_utf8_strlen (message, -1), MAX_WORDS));
  g_autofree char *who = NULL;

  if (uid == self->uid)
    who = g_strdup (_ ("Enter your own password there."));
  else if (uid == 0)
    who = g_strdup (_ ("Enter the password of root there."));
  else
    /* Translators: %u is the number of a user */
    who = g_strdup_printf (_ ("Enter the password of the user with the number %u there."), uid);
  if (self->tries == 0)
    return g_strdup_printf ("%s\n%s", cut, who);
  return g_strdup_printf ("%s\n%s\n%s", _ ("That did not work, try again."), cut, who);
}

static void
on_ended (PbaAgentHelper *helper, gboolean well, gpointer user_data)
{
  PbaAgent *self = user_data;

  if (well)
    settle (self, NULL);
  else if (++self->tries >= MAX_TRIES)
    settle (self, FAILED);
  else
    {
      drop_helper (self);
      begin_try (self);
    }
}

static void
on_question (PbaAgentHelper *helper, PbaQuestion kind, const char *text, gpointer user_data)
{
  g_signal_emit (user_data, question_signal, 0, kind, text);
}

static void
begin_try (PbaAgent *self)
{
  GDBusMethodInvocation *invocation = g_queue_peek_head (&self->waiting);
  GVariant *parameters = g_dbus_method_invocation_get_parameters (invocation);
  g_autoptr (GVariant) identities = NULL;
  g_autofree char *text = NULL;
  const char *message, *cookie;
  guint32 uid;

  g_variant_get (parameters, "(&s&s&s@a{ss}&s@a(sa{sv}))", NULL, &message, NULL, NULL, &cookie,
                 &identities);
  uid = choose_identity (self, identities);
  text = describe (self, message, uid);
  if (uid != NOBODY)
    self->helper = pba_agent_helper_new (self->address, uid, cookie, text, NULL);
  if (self->helper == NULL)
    {
      settle (self, FAILED);
      return;
    }
  g_signal_connect (self->helper, "question", G_CALLBACK (on_question), self);
  g_signal_connect (self->helper, "ended", G_CALLBACK (on_ended), self);
}

static void
cancel (PbaAgent *self, const char *cookie)
{
  for (GList *l = self->waiting.head; l != NULL; l = l->next)
    {
      const char *other;

      g_variant_get_child (g_dbus_method_invocation_get_parameters (l->data), 4, "&s", &other);
      if (!g_str_equal (other, cookie))
        continue;
      if (l == self->waiting.head)
        {
          settle (self, CANCELLED);
          return;
        }
      g_dbus_method_invocation_return_dbus_error (l->data, CANCELLED, "Not authenticated");
      g_queue_delete_link (&self->waiting, l);
      return;
    }
}

static void
on_call (GDBusConnection *bus, const char *sender, const char *path, const char *interface,
         const char *method, GVariant *parameters, GDBusMethodInvocation *invocation,
         gpointer user_data)
{
  PbaAgent *self = user_data;
  const char *cookie;

  /* Anybody on the bus could have a password asked for. */
  if (g_strcmp0 (sender, self->polkit) != 0)
    {
      g_dbus_method_invocation_return_dbus_error (invocation, FAILED, "Only polkit may ask");
      return;
    }
  if (g_str_equal (method, "BeginAuthentication"))
    {
      g_queue_push_tail (&self->waiting, invocation);
      if (self->waiting.length == 1)
        begin_try (self);
      return;
    }
  g_variant_get (parameters, "(&s)", &cookie);
  cancel (self, cookie);
  g_dbus_method_invocation_return_value (invocation, NULL);
}

/* ---- registering, step by step, last first ---- */

static const GDBusInterfaceVTable vtable = { .method_call = on_call };

static gboolean export(PbaAgent *self)
{
  g_autoptr (GDBusNodeInfo) node = g_dbus_node_info_new_for_xml (xml, NULL);

  self->registration = g_dbus_connection_register_object (self->bus, PATH, node->interfaces[0],
                                                          &vtable, self, NULL, NULL);
  return self->registration != 0;
}

static void
on_registered (GObject *source, GAsyncResult *result, gpointer user_data)
{
  G_GNUC_UNUSED g_autoptr (PbaAgent) self = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply =
    g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &error);

  if (reply == NULL)
    g_debug ("no agent at the far end: %s", error->message);
}

static void
register_agent (PbaAgent *self)
{
  GVariantDict subject;
  const char *locale = setlocale (LC_MESSAGES, NULL);

  if (!export(self))
    return;
  g_variant_dict_init (&subject, NULL);
  g_variant_dict_insert (&subject, "pid", "u", self->pid);
  /* 0: polkit looks it up itself. */
  g_variant_dict_insert (&subject, "start-time", "t", (guint64) 0);
  g_variant_dict_insert (&subject, "uid", "i", (gint32) self->uid);
  g_dbus_connection_call (self->bus, POLKIT, "/org/freedesktop/PolicyKit1/Authority",
                          POLKIT ".Authority", "RegisterAuthenticationAgent",
                          g_variant_new ("((s@a{sv})ss)", "unix-process",
                                         g_variant_dict_end (&subject),
                                         locale != NULL ? locale : "C", PATH),
                          NULL, G_DBUS_CALL_FLAGS_NONE, -1, self->cancellable, on_registered,
                          g_object_ref (self));
}

/* What has to be known of the far end first, in this order. */
static const struct
{
  const char *method;
  gboolean of_polkit; /* else of our own name */
  const char *type;
} wanted[] = {
  { "GetConnectionUnixProcessID", FALSE, "(u)" },
  { "GetConnectionUnixUser", FALSE, "(u)" },
  /* Started, so that there is a name to compare with. */
  { "StartServiceByName", TRUE, "(u)" },
  { "GetNameOwner", TRUE, "(s)" },
};

static void ask_bus (PbaAgent *self, guint step);

static void
on_bus_answer (PbaAgent *self, guint step, GDBusConnection *bus, GAsyncResult *result)
{
  g_autoptr (GVariant) reply = g_dbus_connection_call_finish (bus, result, NULL);

  if (g_cancellable_is_cancelled (self->cancellable))
    return;
  /* A name without a service file may be there all the same. */
  if (reply == NULL && step != 2)
    return;
  if (step == 0)
    g_variant_get (reply, "(u)", &self->pid);
  else if (step == 1)
    g_variant_get (reply, "(u)", &self->uid);
  else if (step == 3)
    g_variant_get (reply, "(s)", &self->polkit);
  if (step + 1 < G_N_ELEMENTS (wanted))
    ask_bus (self, step + 1);
  else
    register_agent (self);
}

typedef struct
{
  PbaAgent *agent; /* (owned) */
  guint step;
} Step;

static void
on_bus (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Step *step = user_data;

  on_bus_answer (step->agent, step->step, G_DBUS_CONNECTION (source), result);
  g_object_unref (step->agent);
  g_free (step);
}

static void
ask_bus (PbaAgent *self, guint step)
{
  const char *name =
    wanted[step].of_polkit ? POLKIT : g_dbus_connection_get_unique_name (self->bus);
  Step *next = g_new0 (Step, 1);

  next->agent = g_object_ref (self);
  next->step = step;
  g_dbus_connection_call (self->bus, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                          "org.freedesktop.DBus", wanted[step].method,
                          g_str_equal (wanted[step].method, "StartServiceByName")
                            ? g_variant_new ("(su)", name, 0)
                            : g_variant_new ("(s)", name),
                          G_VARIANT_TYPE (wanted[step].type), G_DBUS_CALL_FLAGS_NONE, -1,
                          self->cancellable, on_bus, next);
}

/* ---- the object ---- */

static void
pba_agent_finalize (GObject *object)
{
  PbaAgent *self = PBA_AGENT (object);

  pba_agent_end (self);
  g_object_unref (self->cancellable);
  g_free (self->address);
  g_free (self->polkit);
  G_OBJECT_CLASS (pba_agent_parent_class)->finalize (object);
}

static void
pba_agent_class_init (PbaAgentClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = pba_agent_finalize;
  question_signal = g_signal_new ("question", PBA_TYPE_AGENT, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                  NULL, G_TYPE_NONE, 2, G_TYPE_INT, G_TYPE_STRING);
}

static void
pba_agent_init (PbaAgent *self)
{
  self->cancellable = g_cancellable_new ();
  g_queue_init (&self->waiting);
}

PbaAgent *
pba_agent_new (GDBusConnection *bus, const char *address)
{
  PbaAgent *self = g_object_new (PBA_TYPE_AGENT, NULL);

  self->bus = g_object_ref (bus);
  self->address = g_strdup (address);
  ask_bus (self, 0);
  return self;
}

gboolean
pba_agent_is_asking (PbaAgent *self)
{
  return self->helper != NULL && pba_agent_helper_is_asking (self->helper);
}

void
pba_agent_answer (PbaAgent *self, const char *text)
{
  if (!pba_agent_is_asking (self))
    return;
  if (text != NULL)
    pba_agent_helper_answer (self->helper, text);
  else
    settle (self, CANCELLED);
}

void
pba_agent_end (PbaAgent *self)
{
  GDBusMethodInvocation *invocation;

  g_cancellable_cancel (self->cancellable);
  drop_helper (self);
  while ((invocation = g_queue_pop_head (&self->waiting)) != NULL)
    g_dbus_method_invocation_return_dbus_error (invocation, CANCELLED, "Not authenticated");
  if (self->registration != 0)
    g_dbus_connection_unregister_object (self->bus, self->registration);
  self->registration = 0;
  g_clear_object (&self->bus);
}
