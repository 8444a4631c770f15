/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is said over a connection: calls with their errors made ours, properties, and the service's
 * signals spread by interface. Called by the files of model/ only. A call without a link fails at once
 * with G_IO_ERROR_NOT_CONNECTED; a call under way when the link breaks fails by GDBus. A call lets the
 * service ask the user for authorization; what a timer asks must not.
 */
#include "model/connection-private.h"

#include "dbus/errors.h"
#include "dbus/names.h"

#include <glib/gi18n.h>
#include <string.h>

/* An administrator may have to find the password: much longer than the usual 25 s. */
#define CALL_TIMEOUT_MS (5 * 60 * 1000)
#define PROPERTIES      "org.freedesktop.DBus.Properties"

static char *
full_name (const char *interface)
{
  if (strchr (interface, '.') != NULL)
    return g_strdup (interface);
  return g_strconcat (PB_INTERFACE_PREFIX, interface, NULL);
}

static void
on_called (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  GError *error = NULL;
  GVariant *reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &error);

  if (reply != NULL)
    {
      g_task_return_pointer (task, reply, (GDestroyNotify) g_variant_unref);
      return;
    }
  g_dbus_error_strip_remote_error (error);
  g_task_return_error (task, error);
}

static void
call (PbaConnection *self, GDBusCallFlags flags, const char *interface, const char *method,
      GVariant *parameters, const char *reply_type, GCancellable *cancellable,
      GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *task = g_task_new (self, cancellable, callback, user_data);
  g_autofree char *name = full_name (interface);

  g_task_set_source_tag (task, pba_connection_call);
  if (self->bus == NULL || g_dbus_connection_is_closed (self->bus))
    {
      if (parameters != NULL)
        g_variant_unref (g_variant_ref_sink (parameters));
      g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_NOT_CONNECTED, "%s",
                               _ ("There is no connection to the mail server"));
      g_object_unref (task);
      return;
    }
  g_dbus_connection_call (self->bus, PB_BUS_NAME, PB_OBJECT_PATH, name, method, parameters,
                          reply_type != NULL ? G_VARIANT_TYPE (reply_type) : NULL,
                          flags | G_DBUS_CALL_FLAGS_NO_AUTO_START, CALL_TIMEOUT_MS, cancellable,
                          on_called, task);
}

void
pba_connection_call (PbaConnection *self, const char *interface, const char *method,
                     GVariant *parameters, const char *reply_type, GCancellable *cancellable,
                     GAsyncReadyCallback callback, gpointer user_data)
{
  call (self, G_DBUS_CALL_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION, interface, method, parameters,
        reply_type, cancellable, callback, user_data);
}

void
pba_connection_poll (PbaConnection *self, const char *interface, const char *method,
                     GVariant *parameters, const char *reply_type, GCancellable *cancellable,
                     GAsyncReadyCallback callback, gpointer user_data)
{
  call (self, G_DBUS_CALL_FLAGS_NONE, interface, method, parameters, reply_type, cancellable,
        callback, user_data);
}

GVariant *
pba_connection_call_finish (PbaConnection *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

void
pba_connection_get_all (PbaConnection *self, const char *interface, GCancellable *cancellable,
                        GAsyncReadyCallback callback, gpointer user_data)
{
  g_autofree char *name = full_name (interface);

  pba_connection_call (self, PROPERTIES, "GetAll", g_variant_new ("(s)", name), "(a{sv})",
                       cancellable, callback, user_data);
}

void
pba_connection_get_property_async (PbaConnection *self, const char *interface, const char *name,
                                   GCancellable *cancellable, GAsyncReadyCallback callback,
                                   gpointer user_data)
{
  g_autofree char *full = full_name (interface);

  pba_connection_call (self, PROPERTIES, "Get", g_variant_new ("(ss)", full, name), "(v)",
                       cancellable, callback, user_data);
}

gboolean
pba_connection_has_method (PbaConnection *self, const char *interface, const char *method)
{
  g_autofree char *name = full_name (interface);
  GDBusInterfaceInfo *info =
    self->node != NULL ? g_dbus_node_info_lookup_interface (self->node, name) : NULL;

  return info != NULL && g_dbus_interface_info_lookup_method (info, method) != NULL;
}

static void
on_signal (GDBusConnection *bus, const char *sender, const char *path, const char *interface,
           const char *name, GVariant *parameters, gpointer user_data)
{
  PbaConnection *self = user_data;
  const char *about = interface;

  if (g_str_equal (interface, PROPERTIES))
    {
      g_autoptr (GVariant) changed = NULL;
      g_auto (GStrv) invalidated = NULL;

      if (!g_str_equal (name, "PropertiesChanged")
          || !g_variant_is_of_type (parameters, G_VARIANT_TYPE ("(sa{sv}as)")))
        return;
      g_variant_get (parameters, "(&s@a{sv}^as)", &about, &changed, &invalidated);
      if (g_str_has_prefix (about, PB_INTERFACE_PREFIX))
        about += strlen (PB_INTERFACE_PREFIX);
      g_signal_emit_by_name (self, "properties-changed", about, changed, invalidated);
      return;
    }
  if (!g_str_has_prefix (interface, PB_INTERFACE_PREFIX))
    return;
  about += strlen (PB_INTERFACE_PREFIX);
  g_signal_emit_by_name (self, "bus-signal", about, name, parameters);
}

void
pba_connection_subscribe (PbaConnection *self)
{
  self->signal_subscription =
    g_dbus_connection_signal_subscribe (self->bus, PB_BUS_NAME, NULL, NULL, PB_OBJECT_PATH, NULL,
                                        G_DBUS_SIGNAL_FLAGS_NONE, on_signal, self, NULL);
}

void
pba_connection_unsubscribe (PbaConnection *self)
{
  if (self->signal_subscription != 0)
    g_dbus_connection_signal_unsubscribe (self->bus, self->signal_subscription);
  self->signal_subscription = 0;
}
