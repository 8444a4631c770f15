/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A call from the bus on its way through the service: made by the dispatcher in bus.c, handed to an
 * object's handler, answered once. The one translator from the floors' error domains to the names
 * of the bus stands here, so that no object words an error twice.
 */
#include "service/bus-call.h"

#include "dbus/errors.h"
#include "store/store.h"

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

void
pb_bus_call_authorize (PbBusCall *self, const char *action, PbAuthorized func, gpointer user_data)
{
  GDBusMessage *message = g_dbus_method_invocation_get_message (self->invocation);
  gboolean interactive =
    (g_dbus_message_get_flags (message) & G_DBUS_MESSAGE_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION) != 0;

  pb_authorizer_check (self->authorizer, g_dbus_method_invocation_get_connection (self->invocation),
                       g_dbus_method_invocation_get_sender (self->invocation), action, interactive, func, user_data);
}

void
pb_bus_call_probe (PbBusCall *self, const char *action, PbAuthorized func, gpointer user_data)
{
  pb_authorizer_check (self->authorizer, g_dbus_method_invocation_get_connection (self->invocation),
                       g_dbus_method_invocation_get_sender (self->invocation), action, FALSE, func, user_data);
}

void
pb_bus_call_return (PbBusCall *self, GVariant *value)
{
  g_dbus_method_invocation_return_value (g_steal_pointer (&self->invocation), value);
  pb_bus_call_free (self);
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

  g_dbus_method_invocation_return_gerror (g_steal_pointer (&self->invocation), translated);
  pb_bus_call_free (self);
}
