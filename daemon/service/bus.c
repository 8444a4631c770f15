/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The bus: one object (and that of LogControl1), many interfaces, one dispatcher. service.c adds the interfaces (one file each),
 * then connects. get_property and set_property of the vtable stay NULL, so that Get, GetAll and Set
 * arrive here as calls and are authorized like every other; GDBus has checked names and types by
 * then. On a lost connection the objects stay, and the bus is tried again; errors go to the caller
 * by bus-call.c. The interfaces' objects are borrowed and outlive this.
 */
#include "service/bus.h"

#include "dbus/errors.h"
#include "dbus/names.h"
#include "service/large-messages.h"
#include "util/fsutil.h"
#include "util/log.h"

#include <string.h>

#define RECONNECT_SECONDS 5
#define PROPERTIES_INTERFACE "org.freedesktop.DBus.Properties"

typedef struct
{
  PbBus *bus;               /* (unowned) */
  PbBusInterface interface;
  guint registration;
} PbBusObject;

struct _PbBus
{
  char *address;               /* (owned) */
  GDBusConnection *connection; /* (owned) (nullable) */
  gulong closed_handler;
  guint reconnect_source;
  PbAuthorizer *authorizer;    /* (owned) */
  GPtrArray *objects;          /* (owned) (element-type PbBusObject) */
};

/* What a call asks for, once it is let through. */
typedef struct
{
  PbBusObject *object;
  PbBusCall *call;               /* (owned) */
  const PbBusMethod *method;     /* NULL for Set and Get */
  const char *property;          /* (nullable) points into the parameters */
  GVariant *value;               /* (owned) (nullable) for Set */
} PbDispatch;

/* Makers of values may return a floating or a full reference; from here on it is a full one. */
static GVariant *
get_property (const PbBusInterface *interface, const char *property)
{
  return g_variant_take_ref (interface->get (interface->object, property));
}

static void
dispatch_run (PbDispatch *dispatch)
{
  PbBusInterface *interface = &dispatch->object->interface;
  PbBusCall *call = dispatch->call;

  if (dispatch->method != NULL)
    dispatch->method->handler (call, interface->object);
  else if (dispatch->value != NULL)
    interface->set (call, interface->object, dispatch->property, dispatch->value);
  else
    {
      g_autoptr (GVariant) value = get_property (interface, dispatch->property);
      pb_bus_call_return (call, g_variant_new ("(v)", value));
    }
}

static void
dispatch_free (PbDispatch *dispatch)
{
  g_clear_pointer (&dispatch->value, g_variant_unref);
  g_free (dispatch);
}

static void
on_authorized (PbAuthorization answer, const char *who, const GError *error, gpointer user_data)
{
  PbDispatch *dispatch = user_data;

  dispatch->call->who = g_strdup (who);
  if (error != NULL)
    pb_bus_call_fail (dispatch->call, error);
  else
    dispatch_run (dispatch);
  dispatch_free (dispatch);
}

static void
dispatch_authorized (PbDispatch *dispatch, const char *action)
{
  if (action == NULL)
    {
      dispatch_run (dispatch);
      dispatch_free (dispatch);
      return;
    }
  pb_bus_call_authorize (dispatch->call, action, on_authorized, dispatch);
}

static const PbBusMethod *
find_method (const PbBusInterface *interface, const char *name)
{
  for (guint i = 0; i < interface->n_methods; i++)
    if (strcmp (interface->methods[i].name, name) == 0)
      return &interface->methods[i];
  return NULL;
}

static const char *
property_action (const PbBusInterface *interface, const char *property)
{
  return interface->read_action != NULL ? interface->read_action (interface->object, property) : NULL;
}

static GVariant *
get_all (const PbBusInterface *interface)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a{sv}"));
  for (GDBusPropertyInfo **info = interface->info->properties; info != NULL && *info != NULL; info++)
    if (property_action (interface, (*info)->name) == NULL)
      {
        g_autoptr (GVariant) value = get_property (interface, (*info)->name);
        g_variant_builder_add (&builder, "{sv}", (*info)->name, value);
      }
  return g_variant_new ("(@a{sv})", g_variant_builder_end (&builder));
}

/* Get, GetAll, Set: GDBus has checked that interface, property, type and direction fit. */
static void
dispatch_property (PbDispatch *dispatch, const char *member)
{
  PbBusInterface *interface = &dispatch->object->interface;
  GVariant *parameters = dispatch->call->parameters;

  if (strcmp (member, "GetAll") == 0)
    {
      pb_bus_call_return (dispatch->call, get_all (interface));
      dispatch_free (dispatch);
      return;
    }
  g_variant_get_child (parameters, 1, "&s", &dispatch->property);
  if (strcmp (member, "Get") == 0)
    {
      dispatch_authorized (dispatch, property_action (interface, dispatch->property));
      return;
    }
  g_variant_get_child (parameters, 2, "v", &dispatch->value);
  dispatch_authorized (dispatch, interface->write_action);
}

static void
on_method_call (GDBusConnection *connection, const char *sender, const char *path, const char *interface_name,
                const char *member, GVariant *parameters, GDBusMethodInvocation *invocation, gpointer user_data)
{
  PbBusObject *object = user_data;
  PbDispatch *dispatch = g_new0 (PbDispatch, 1);

  dispatch->object = object;
  dispatch->call = pb_bus_call_new (invocation, parameters, object->bus->authorizer);
  if (strcmp (interface_name, PROPERTIES_INTERFACE) != 0)
    dispatch->method = find_method (&object->interface, member);
  /* They would be open as long as the call waits, for whoever was allowed nothing. */
  if (dispatch->method == NULL || !dispatch->method->descriptors)
    pb_bus_call_drop_descriptors (dispatch->call);
  if (strcmp (interface_name, PROPERTIES_INTERFACE) == 0)
    {
      dispatch_property (dispatch, member);
      return;
    }

  if (dispatch->method == NULL)
    {
      g_autoptr (GError) error = g_error_new (PB_ERROR, PB_ERROR_NOT_AUTHORIZED, "%s: no one may call this", member);
      pb_bus_call_fail (dispatch->call, error);
      dispatch_free (dispatch);
      return;
    }
  dispatch->call->secret = dispatch->method->secret;
  dispatch_authorized (dispatch, dispatch->method->action);
}

static const GDBusInterfaceVTable vtable = { .method_call = on_method_call };

static void
forget_connection (PbBus *self)
{
  if (self->connection == NULL)
    return;
  g_signal_handler_disconnect (self->connection, self->closed_handler);
  for (guint i = 0; i < self->objects->len; i++)
    {
      PbBusObject *object = self->objects->pdata[i];
      if (object->registration != 0)
        g_dbus_connection_unregister_object (self->connection, object->registration);
      object->registration = 0;
    }
  pb_authorizer_set_connection (self->authorizer, NULL);
  g_clear_object (&self->connection);
}

static gboolean
on_reconnect_due (gpointer user_data)
{
  PbBus *self = user_data;
  g_autoptr (GError) error = NULL;

  if (!pb_fs_has_descriptors ())
    return G_SOURCE_CONTINUE;
  if (!pb_bus_connect (self, &error))
    {
      pb_log (PB_LOG_DEBUG, "bus-unreachable", "reason", error->message, NULL);
      return G_SOURCE_CONTINUE;
    }
  self->reconnect_source = 0;
  pb_log (PB_LOG_NOTICE, "bus-connected", "bus", self->address, NULL);
  return G_SOURCE_REMOVE;
}

static void
on_connection_closed (GDBusConnection *connection, gboolean remote_peer_vanished, GError *error, gpointer user_data)
{
  PbBus *self = user_data;

  pb_log (PB_LOG_WARNING, "bus-lost", "bus", self->address, "reason", error != NULL ? error->message : "closed", NULL);
  forget_connection (self);
  self->reconnect_source = g_timeout_add_seconds (RECONNECT_SECONDS, on_reconnect_due, self);
}

static GDBusConnection *
open_connection (const char *address, GError **error)
{
  g_autofree char *resolved = NULL;

  if (strcmp (address, "system") == 0)
    resolved = g_dbus_address_get_for_bus_sync (G_BUS_TYPE_SYSTEM, NULL, error);
  else if (strcmp (address, "session") == 0)
    resolved = g_dbus_address_get_for_bus_sync (G_BUS_TYPE_SESSION, NULL, error);
  else
    resolved = g_strdup (address);
  if (resolved == NULL)
    return NULL;
  return g_dbus_connection_new_for_address_sync (
    resolved, G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION, NULL, NULL,
    error);
}

static gboolean
register_objects (PbBus *self, GError **error)
{
  for (guint i = 0; i < self->objects->len; i++)
    {
      PbBusObject *object = self->objects->pdata[i];
      object->registration = g_dbus_connection_register_object (
        self->connection, object->interface.path != NULL ? object->interface.path : PB_OBJECT_PATH,
        (GDBusInterfaceInfo *) object->interface.info, &vtable, object, NULL, error);
      if (object->registration == 0)
        return FALSE;
    }
  return TRUE;
}

static gboolean
take_name (PbBus *self, GError **error)
{
  const guint32 do_not_queue = 4, primary_owner = 1, already_owner = 4;
  guint32 result;
  g_autoptr (GVariant) reply = g_dbus_connection_call_sync (
    self->connection, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "RequestName",
    g_variant_new ("(su)", PB_BUS_NAME, do_not_queue), G_VARIANT_TYPE ("(u)"), G_DBUS_CALL_FLAGS_NONE, -1, NULL, error);

  if (reply == NULL)
    return FALSE;
  g_variant_get (reply, "(u)", &result);
  if (result == primary_owner || result == already_owner)
    return TRUE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_EXISTS, "another program already owns %s", PB_BUS_NAME);
  return FALSE;
}

PbBus *
pb_bus_new (const char *address)
{
  PbBus *self = g_new0 (PbBus, 1);
  self->address = g_strdup (address);
  self->authorizer = pb_authorizer_new ();
  self->objects = g_ptr_array_new_with_free_func (g_free);
  return self;
}

void
pb_bus_free (PbBus *self)
{
  g_clear_handle_id (&self->reconnect_source, g_source_remove);
  if (self->connection != NULL)
    {
      /* Replies and signals already sent must leave before the connection does. */
      g_dbus_connection_flush_sync (self->connection, NULL, NULL);
      forget_connection (self);
    }
  pb_authorizer_free (self->authorizer);
  g_ptr_array_unref (self->objects);
  g_free (self->address);
  g_free (self);
}

void
pb_bus_add (PbBus *self, const PbBusInterface *interface)
{
  PbBusObject *object = g_new0 (PbBusObject, 1);

  object->bus = self;
  object->interface = *interface;
  g_ptr_array_add (self->objects, object);
}

gboolean
pb_bus_connect (PbBus *self, GError **error)
{
  self->connection = open_connection (self->address, error);
  if (self->connection == NULL)
    {
      g_prefix_error (error, "cannot connect to the bus %s: ", self->address);
      return FALSE;
    }
  g_dbus_connection_set_exit_on_close (self->connection, FALSE);
  self->closed_handler = g_signal_connect (self->connection, "closed", G_CALLBACK (on_connection_closed), self);
  pb_authorizer_set_connection (self->authorizer, self->connection);
  pb_large_messages_watch (self->connection);

  if (!register_objects (self, error) || !take_name (self, error))
    {
      g_prefix_error (error, "cannot serve on the bus %s: ", self->address);
      forget_connection (self);
      return FALSE;
    }
  return TRUE;
}

void
pb_bus_emit_changed (PbBus *self, const char *interface, GVariant *changed, const char *const *invalidated)
{
  g_autofree char *full = g_strconcat (PB_INTERFACE_PREFIX, interface, NULL);
  const char *const none[] = { NULL };
  GVariant *parameters =
    g_variant_new ("(s@a{sv}^as)", full, changed, invalidated != NULL ? invalidated : none);

  g_variant_ref_sink (parameters);
  if (self->connection != NULL)
    g_dbus_connection_emit_signal (self->connection, NULL, PB_OBJECT_PATH, PROPERTIES_INTERFACE, "PropertiesChanged",
                                   parameters, NULL);
  g_variant_unref (parameters);
}

void
pb_bus_emit (PbBus *self, const char *interface, const char *signal, GVariant *parameters)
{
  g_autofree char *full = g_strconcat (PB_INTERFACE_PREFIX, interface, NULL);

  g_variant_ref_sink (parameters);
  if (self->connection != NULL)
    g_dbus_connection_emit_signal (self->connection, NULL, PB_OBJECT_PATH, full, signal, parameters, NULL);
  g_variant_unref (parameters);
}

GDBusConnection *
pb_bus_ref_connection (PbBus *self)
{
  return self->connection != NULL ? g_object_ref (self->connection) : NULL;
}
