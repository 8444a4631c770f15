/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A call from the bus on its way through the service: made by the dispatcher in bus.c, handed to an
 * object's handler, answered once. The one translator from the floors' error domains to the names
 * of the bus stands here, so that no object words an error twice.
 */
#include "service/bus-call.h"

#include "dbus/errors.h"
#include "dbus/names.h"
#include "store/store.h"

#include <string.h>
#include <unistd.h>

#define OVERWRITE_OCTETS 3584 /* more than a message with a secret has, less than GDBus' least buffer, which must not grow */

PbBusCall *
pb_bus_call_new (GDBusMethodInvocation *invocation, GVariant *parameters, PbAuthorizer *authorizer)
{
  PbBusCall *self = g_new0 (PbBusCall, 1);
  self->invocation = invocation;
  self->parameters = g_variant_ref (parameters);
  self->authorizer = authorizer;
  return self;
}

static void
pb_bus_call_free (PbBusCall *self)
{
  g_variant_unref (self->parameters);
  g_free (self->who);
  g_free (self);
}

/* Where they lie: GDBus made a value of its own of each array of octets, and hands out that. */
static void
wipe_octets (GVariant *value)
{
  gsize length;

  if (g_variant_is_of_type (value, G_VARIANT_TYPE_BYTESTRING))
    {
      const guint8 *octets = g_variant_get_fixed_array (value, &length, 1);
      if (length > 0)
        explicit_bzero ((guint8 *) octets, length);
      return;
    }
  length = g_variant_is_container (value) ? g_variant_n_children (value) : 0;
  for (gsize i = 0; i < length; i++)
    {
      g_autoptr (GVariant) child = g_variant_get_child_value (value, i);
      wipe_octets (child);
    }
}

/* GDBus reads each message into the same buffer, from its beginning, and never clears it: so it gets one with nothing in it. */
static void
overwrite_read_buffer (GDBusConnection *connection)
{
  g_autofree guint8 *nothing = g_malloc0 (OVERWRITE_OCTETS);
  const char *ourselves = g_dbus_connection_get_unique_name (connection);
  GVariant *octets = g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, nothing, OVERWRITE_OCTETS, 1);

  g_dbus_connection_emit_signal (connection, ourselves, PB_OBJECT_PATH, PB_BUS_NAME, "Overwrite",
                                 g_variant_new ("(@ay)", octets), NULL);
}

void
pb_bus_wipe (GDBusConnection *connection, GVariant *body)
{
  wipe_octets (body);
  overwrite_read_buffer (connection);
}

static void
wipe_secrets (PbBusCall *self)
{
  if (self->secret)
    pb_bus_wipe (g_dbus_method_invocation_get_connection (self->invocation), self->parameters);
}

void
pb_bus_call_authorize (PbBusCall *self, const char *action, PbAuthorized func, gpointer user_data)
{
  GDBusMessage *message = g_dbus_method_invocation_get_message (self->invocation);
  gboolean interactive =
    (g_dbus_message_get_flags (message) & G_DBUS_MESSAGE_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION) != 0;

  pb_authorizer_check (self->authorizer, g_dbus_method_invocation_get_connection (self->invocation),
                       g_dbus_method_invocation_get_sender (self->invocation), action, interactive,
                       g_variant_get_size (self->parameters), func, user_data);
}

void
pb_bus_call_probe (PbBusCall *self, const char *action, PbAuthorized func, gpointer user_data)
{
  pb_authorizer_check (self->authorizer, g_dbus_method_invocation_get_connection (self->invocation),
                       g_dbus_method_invocation_get_sender (self->invocation), action, FALSE,
                       g_variant_get_size (self->parameters), func, user_data);
}

void
pb_bus_call_return (PbBusCall *self, GVariant *value)
{
  wipe_secrets (self);
  g_dbus_method_invocation_return_value (g_steal_pointer (&self->invocation), value);
  pb_bus_call_free (self);
}

void
pb_bus_call_return_descriptors (PbBusCall *self, GVariant *value, GUnixFDList *list)
{
  g_dbus_method_invocation_return_value_with_unix_fd_list (g_steal_pointer (&self->invocation),
                                                           value, list);
  pb_bus_call_free (self);
}

/* The message is locked against changes, its list is not. */
void
pb_bus_call_drop_descriptors (PbBusCall *self)
{
  GUnixFDList *list = g_dbus_message_get_unix_fd_list (g_dbus_method_invocation_get_message (self->invocation));
  g_autofree int *fds = NULL;
  int n = 0;

  if (list != NULL)
    fds = g_unix_fd_list_steal_fds (list, &n);
  for (int i = 0; i < n; i++)
    close (fds[i]);
}

int
pb_bus_call_take_descriptor (PbBusCall *self, gint32 handle, GError **error)
{
  GDBusMessage *message = g_dbus_method_invocation_get_message (self->invocation);
  GUnixFDList *list = g_dbus_message_get_unix_fd_list (message);

  int fd;

  if (list == NULL || handle < 0 || handle >= g_unix_fd_list_get_length (list))
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                           "no descriptor came with the call");
      return -1;
    }
  fd = g_unix_fd_list_get (list, handle, error);
  pb_bus_call_drop_descriptors (self);
  return fd;
}

gint64
pb_bus_call_uid (PbBusCall *self)
{
  return pb_authorizer_uid (self->authorizer,
                            g_dbus_method_invocation_get_sender (self->invocation));
}

static PbError
translate_store_error (PbStoreError code)
{
  switch (code)
    {
    case PB_STORE_ERROR_BUSY:
      return PB_ERROR_BUSY;
    case PB_STORE_ERROR_NOT_FOUND:
      return PB_ERROR_NOT_FOUND;
    case PB_STORE_ERROR_FULL:
    case PB_STORE_ERROR_FAILED:
    case PB_STORE_ERROR_SCHEMA:
    case PB_STORE_ERROR_CORRUPT:
      break;
    }
  return PB_ERROR_STORE_FAILED;
}

GError *
pb_bus_error_translate (const GError *error)
{
  if (error->domain == PB_ERROR || error->domain == G_DBUS_ERROR)
    return g_error_copy (error);
  if (error->domain == PB_STORE_ERROR)
    return g_error_new_literal (PB_ERROR, translate_store_error (error->code), error->message);
  return g_error_new_literal (PB_ERROR, PB_ERROR_UNAVAILABLE, error->message);
}

void
pb_bus_call_fail (PbBusCall *self, const GError *error)
{
  g_autoptr (GError) translated = pb_bus_error_translate (error);

  wipe_secrets (self);
  g_dbus_method_invocation_return_gerror (g_steal_pointer (&self->invocation), translated);
  pb_bus_call_free (self);
}
