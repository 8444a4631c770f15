/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One attempt of a connection, step by step: bus (this computer's, one by address, or ssh's pipes) ->
 * introspection (is the service there, may we, do we understand it) -> version -> connected; and the
 * end of one, with a sentence why. A first attempt that fails rests; after a link that was there the
 * state is LOST, and it is tried again by itself after 1, 2, 4 ... 30 s without asking anything. One
 * attempt at a time: its cancellable is its life, callbacks of an older one find it cancelled.
 */
#include "model/connection-private.h"

#include "dbus/errors.h"
#include "dbus/names.h"

#include <glib/gi18n.h>
#include <string.h>

#define LONGEST_WAIT_SECONDS 30
#define START_TIMEOUT_MS     30000

/* Of methods that this program cannot do without: a service that lacks one is too old. */
static const char *const needed[][2] = {
  { "Manager", "Apply" },
  { "Manager", "GetPermissions" },
};

gboolean
pba_connection_is_ssh (PbaConnection *self)
{
  return self->address[0] != '\0' && !g_dbus_is_address (self->address);
}

static void
set_string (PbaConnection *self, char **field, const char *value, const char *property)
{
  if (g_strcmp0 (*field, value) == 0)
    return;
  g_free (*field);
  *field = g_strdup (value);
  g_object_notify (G_OBJECT (self), property);
}

static void
set_state (PbaConnection *self, PbaConnectionState state)
{
  gboolean was = self->state == PBA_CONNECTION_CONNECTED;

  if (self->state == state)
    return;
  self->state = state;
  g_object_notify (G_OBJECT (self), "state");
  if (was != (state == PBA_CONNECTION_CONNECTED))
    g_object_notify (G_OBJECT (self), "connected");
}

/* Takes the link down, whatever of it there is. Its callbacks find their cancellable cancelled. */
void
pba_connection_drop (PbaConnection *self)
{
  g_cancellable_cancel (self->cancellable);
  g_clear_object (&self->cancellable);
  g_clear_handle_id (&self->retry_source, g_source_remove);
  if (self->agent != NULL)
    {
      g_signal_handlers_disconnect_by_data (self->agent, self);
      pba_agent_end (self->agent);
    }
  g_clear_object (&self->agent);
  if (self->bus != NULL)
    {
      pba_connection_unsubscribe (self);
      if (self->owner_subscription != 0)
        g_dbus_connection_signal_unsubscribe (self->bus, self->owner_subscription);
      self->owner_subscription = 0;
      g_clear_signal_handler (&self->closed_handler, self->bus);
      if (!g_dbus_connection_is_closed (self->bus))
        g_dbus_connection_close (self->bus, NULL, NULL, NULL);
    }
  g_clear_object (&self->bus);
  if (self->tunnel != NULL)
    {
      g_signal_handlers_disconnect_by_data (self->tunnel, self);
      pba_tunnel_end (self->tunnel);
    }
  g_clear_object (&self->tunnel);
}

static gboolean
on_retry (gpointer user_data)
{
  PbaConnection *self = user_data;

  self->retry_source = 0;
  self->by_itself = TRUE;
  pba_connection_begin (self);
  return G_SOURCE_REMOVE;
}

/* The end of an attempt or of a link. */
void
pba_connection_end (PbaConnection *self, PbaConnectionState state, const char *sentence,
                    const char *detail)
{
  guint wait;

  pba_connection_drop (self);
  set_string (self, &self->error, sentence, "error");
  set_string (self, &self->detail, detail, "detail");
  if (!self->had_link || !self->wanted || state == PBA_CONNECTION_SKEW)
    {
      set_state (self, state);
      return;
    }
  wait = MIN (1u << MIN (self->failures, 5), LONGEST_WAIT_SECONDS);
  self->failures++;
  self->retry_source = g_timeout_add_seconds (wait, on_retry, self);
  set_state (self, PBA_CONNECTION_LOST);
}

static void
fail_by_error (PbaConnection *self, const GError *error)
{
  g_autoptr (GError) stripped = g_error_copy (error);

  g_dbus_error_strip_remote_error (stripped);
  if (g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_SERVICE_UNKNOWN)
      || g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_NAME_HAS_NO_OWNER))
    pba_connection_end (
      self, PBA_CONNECTION_DISCONNECTED,
      pba_connection_is_ssh (self)
        ? _ ("Postbus does not run there. Start it with “systemctl start postbus”.")
        : _ ("Postbus does not run here. Start it with “systemctl start postbus”."),
      NULL);
  else if (g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED)
           || g_error_matches (error, PB_ERROR, PB_ERROR_NOT_AUTHORIZED))
    pba_connection_end (
      self, PBA_CONNECTION_DENIED,
      _ (
        "You may not look after this mail server. Ask its administrator to add you to the group postbus-admin."),
      stripped->message);
  else if (g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_METHOD)
           || g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_OBJECT)
           || g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_INTERFACE))
    pba_connection_end (
      self, PBA_CONNECTION_SKEW,
      _ (
        "The mail server there speaks another version of Postbus. Bring both to the same version."),
      stripped->message);
  else
    pba_connection_end (self, PBA_CONNECTION_DISCONNECTED,
                        self->address[0] == '\0' ? _ (
                          "The system bus of this computer cannot be reached. Is D-Bus installed?")
                                                 : _ ("The mail server cannot be reached."),
                        stripped->message);
}

static void
on_tunnel_over (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (PbaConnection) self = user_data;
  g_autofree char *words = pba_tunnel_ended_finish (PBA_TUNNEL (source), result, NULL);
  const char *sentence = _ ("The connection over SSH failed.");
  PbaConnectionState state = PBA_CONNECTION_DISCONNECTED;

  if (self->tunnel != PBA_TUNNEL (source))
    return;
  if (words != NULL)
    g_strstrip (words);
  if (words != NULL && strstr (words, "Permission denied") != NULL)
    {
      sentence = _ ("SSH refuses the login. Check the user name and your key or password.");
      state = PBA_CONNECTION_DENIED;
    }
  else if (words != NULL && strstr (words, "Host key verification failed") != NULL)
    sentence = _ ("The host could not prove who it is. Check its key before you connect.");
  else if (words != NULL && strstr (words, "not found") != NULL)
    sentence = _ ("The host lacks the program systemd-stdio-bridge. Install systemd there.");
  pba_connection_end (self, state, sentence, words);
}

/* The bus could not be had: with ssh its own words are waited for. */
static void
fail_link (PbaConnection *self, const GError *error)
{
  if (self->tunnel == NULL)
    {
      fail_by_error (self, error);
      return;
    }
  g_signal_handlers_disconnect_by_data (self->tunnel, self);
  pba_tunnel_end (self->tunnel);
  pba_tunnel_ended_async (self->tunnel, on_tunnel_over, g_object_ref (self));
}

/* ---- the steps of an attempt, last first ---- */

static void
on_agent_question (PbaAgent *agent, PbaQuestion kind, const char *text, gpointer user_data)
{
  g_signal_emit_by_name (user_data, "question", kind, text);
}

/* At this end a desktop has an agent, or a terminal. */
static void
make_agent (PbaConnection *self)
{
  if (!pba_connection_is_ssh (self))
    return;
  self->agent = pba_agent_new (self->bus, self->address);
  g_signal_connect (self->agent, "question", G_CALLBACK (on_agent_question), self);
}

static void
on_version (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (PbaConnection) self = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply =
    g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &error);
  g_autoptr (GVariant) held = NULL;

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  if (reply == NULL)
    {
      fail_by_error (self, error);
      return;
    }
  g_variant_get (reply, "(v)", &held);
  if (!pba_connection_is_ssh (self) && g_variant_is_of_type (held, G_VARIANT_TYPE_STRING))
    {
      /* Translators: name and version of the mail server */
      g_autofree char *login =
        g_strdup_printf (_ ("Postbus %s"), g_variant_get_string (held, NULL));

      set_string (self, &self->login, login, "login");
    }
  make_agent (self);
  self->failures = 0;
  self->had_link = TRUE;
  set_string (self, &self->error, NULL, "error");
  set_string (self, &self->detail, NULL, "detail");
  set_state (self, PBA_CONNECTION_CONNECTED);
}

static gboolean
understands (PbaConnection *self)
{
  for (guint i = 0; i < G_N_ELEMENTS (needed); i++)
    if (!pba_connection_has_method (self, needed[i][0], needed[i][1]))
      return FALSE;
  return TRUE;
}

static void
on_introspected (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (PbaConnection) self = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply =
    g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &error);
  const char *xml;

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  if (reply == NULL)
    {
      fail_by_error (self, error);
      return;
    }
  g_variant_get (reply, "(&s)", &xml);
  g_clear_pointer (&self->node, g_dbus_node_info_unref);
  self->node = g_dbus_node_info_new_for_xml (xml, NULL);
  if (self->node == NULL || !understands (self))
    {
      pba_connection_end (
        self, PBA_CONNECTION_SKEW,
        _ ("The mail server there is too old for this program. Bring both to the same version."),
        NULL);
      return;
    }
  g_dbus_connection_call (self->bus, PB_BUS_NAME, PB_OBJECT_PATH, "org.freedesktop.DBus.Properties",
                          "Get", g_variant_new ("(ss)", PB_INTERFACE_PREFIX "Manager", "Version"),
                          G_VARIANT_TYPE ("(v)"), G_DBUS_CALL_FLAGS_NO_AUTO_START, START_TIMEOUT_MS,
                          self->cancellable, on_version, g_object_ref (self));
}

static void
introspect (PbaConnection *self)
{
  gboolean start = !self->by_itself && !self->probing;

  g_dbus_connection_call (self->bus, PB_BUS_NAME, PB_OBJECT_PATH,
                          "org.freedesktop.DBus.Introspectable", "Introspect", NULL,
                          G_VARIANT_TYPE ("(s)"),
                          start ? G_DBUS_CALL_FLAGS_NONE : G_DBUS_CALL_FLAGS_NO_AUTO_START,
                          START_TIMEOUT_MS, self->cancellable, on_introspected,
                          g_object_ref (self));
}

static void
on_owner_changed (GDBusConnection *bus, const char *sender, const char *path, const char *interface,
                  const char *name, GVariant *parameters, gpointer user_data)
{
  PbaConnection *self = user_data;
  const char *after;

  g_variant_get (parameters, "(&s&s&s)", NULL, NULL, &after);
  if (after[0] == '\0' && self->state == PBA_CONNECTION_CONNECTED)
    {
      self->failures = 0;
      pba_connection_end (self, PBA_CONNECTION_LOST, _ ("The mail server has stopped."), NULL);
    }
}

static void
on_closed (GDBusConnection *bus, gboolean remote_vanished, GError *error, gpointer user_data)
{
  PbaConnection *self = user_data;

  self->failures = 0;
  if (self->tunnel != NULL)
    fail_link (self, error);
  else
    pba_connection_end (self, PBA_CONNECTION_DISCONNECTED,
                        _ ("The connection to the mail server was lost."),
                        error != NULL ? error->message : NULL);
}

/* Takes @bus. */
static void
on_bus (PbaConnection *self, GDBusConnection *bus)
{
  self->bus = bus;
  g_dbus_connection_set_exit_on_close (bus, FALSE);
  self->closed_handler = g_signal_connect (bus, "closed", G_CALLBACK (on_closed), self);
  pba_connection_subscribe (self);
  self->owner_subscription =
    g_dbus_connection_signal_subscribe (bus, "org.freedesktop.DBus", "org.freedesktop.DBus",
                                        "NameOwnerChanged", "/org/freedesktop/DBus", PB_BUS_NAME,
                                        G_DBUS_SIGNAL_FLAGS_NONE, on_owner_changed, self, NULL);
  introspect (self);
}

static void
on_bus_by_address (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (PbaConnection) self = user_data;
  g_autoptr (GError) error = NULL;
  GDBusConnection *bus = g_dbus_connection_new_for_address_finish (result, &error);

  if (bus != NULL && self->cancellable != NULL && self->bus == NULL)
    on_bus (self, bus);
  else if (bus != NULL)
    g_object_unref (bus);
  else if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    fail_link (self, error);
}

static void
on_bus_by_stream (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (PbaConnection) self = user_data;
  g_autoptr (GError) error = NULL;
  GDBusConnection *bus = g_dbus_connection_new_finish (result, &error);

  if (bus != NULL && self->tunnel != NULL && self->bus == NULL
      && g_dbus_connection_get_stream (bus) == pba_tunnel_get_stream (self->tunnel))
    on_bus (self, bus);
  else if (bus != NULL)
    g_object_unref (bus);
  else if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    fail_link (self, error);
}

static void
on_question (PbaTunnel *tunnel, PbaQuestion kind, const char *text, gpointer user_data)
{
  g_signal_emit_by_name (user_data, "question", kind, text);
}

static void
attempt_by_ssh (PbaConnection *self)
{
  g_autoptr (GError) error = NULL;

  self->tunnel = pba_tunnel_new (self->address, NULL, !self->by_itself, &error);
  if (self->tunnel == NULL)
    {
      pba_connection_end (self, PBA_CONNECTION_DISCONNECTED,
                          g_error_matches (error, G_SPAWN_ERROR, G_SPAWN_ERROR_NOENT)
                            ? _ ("The program ssh is not installed here.")
                            : error->message,
                          NULL);
      return;
    }
  g_signal_connect (self->tunnel, "question", G_CALLBACK (on_question), self);
  g_dbus_connection_new (pba_tunnel_get_stream (self->tunnel), NULL,
                         G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT
                           | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
                         NULL, self->cancellable, on_bus_by_stream, g_object_ref (self));
}

void
pba_connection_begin (PbaConnection *self)
{
  g_autofree char *system = NULL;
  g_autoptr (GError) error = NULL;

  pba_connection_drop (self);
  self->cancellable = g_cancellable_new ();
  if (!self->had_link)
    set_state (self, PBA_CONNECTION_CONNECTING);
  if (pba_connection_is_ssh (self))
    {
      attempt_by_ssh (self);
      return;
    }
  if (self->address[0] == '\0')
    system = g_dbus_address_get_for_bus_sync (G_BUS_TYPE_SYSTEM, NULL, &error);
  if (error != NULL)
    fail_by_error (self, error);
  else
    g_dbus_connection_new_for_address (system != NULL ? system : self->address,
                                       G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT
                                         | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
                                       NULL, self->cancellable, on_bus_by_address,
                                       g_object_ref (self));
}
