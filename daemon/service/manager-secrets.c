/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Manager's way for the passwords of relays: in, and never out again; and the clients that say them when asked. The octets go from the message
 * into memory of their own; the dispatcher wipes the message. So each argument is taken out by itself:
 * g_variant_get() with a "&" in it makes one flat copy of all, and frees the octets as they are. What
 * is wrong with them is said by the registry, without repeating them.
 */
#include "service/manager-private.h"

#include "dbus/names.h"
#include "settings/secrets.h"
#include "util/secret.h"

/* One RegisterSecretAgent that still asks whether its caller may. */
typedef struct
{
  PbSecretAgents *agents; /* (unowned) */
  PbBusCall *call;        /* (owned) */
} PbRegistration;

static void
on_secret_set (GVariant *result, const GError *error, gpointer user_data)
{
  PbBusCall *call = user_data;

  if (error != NULL)
    pb_bus_call_fail (call, error);
  else
    pb_bus_call_return (call, NULL);
}

/* One NUL at the end goes: gdbus writes text as octets with it. Of too many octets one too many is enough to be refused. */
static PbSecret *
take_octets (GVariant *given)
{
  gsize length;
  const guint8 *octets = g_variant_get_fixed_array (given, &length, 1);

  if (length > 0 && octets[length - 1] == '\0')
    length--;
  return pb_secret_copy (octets, MIN (length, PB_RELAY_SECRET_MAX + 1));
}

void
pb_manager_handle_set_relay_secret (PbBusCall *call, gpointer object)
{
  PbManagerMethods *self = object;
  g_autoptr (GVariant) relay = g_variant_get_child_value (call->parameters, 0);
  g_autoptr (GVariant) given = g_variant_get_child_value (call->parameters, 1);
  g_autoptr (PbSecret) secret = take_octets (given);

  pb_registry_set_secret (self->registry, g_variant_get_string (relay, NULL), secret, call->who, on_secret_set, call);
}

/* A secret agent is told of each relay's server and user, which are private: it needs to be allowed to see them, too. */
static void
on_view_authorized (PbAuthorization answer, const char *who, const GError *error, gpointer user_data)
{
  g_autofree PbRegistration *self = user_data;
  GDBusMethodInvocation *invocation = self->call->invocation;
  g_autoptr (GError) refused = NULL;

  if (error != NULL)
    pb_bus_call_fail (self->call, error);
  else if (!pb_secret_agents_register (self->agents, g_dbus_method_invocation_get_connection (invocation),
                                       g_dbus_method_invocation_get_sender (invocation), &refused))
    pb_bus_call_fail (self->call, refused);
  else
    pb_bus_call_return (self->call, NULL);
}

void
pb_manager_handle_register_secret_agent (PbBusCall *call, gpointer object)
{
  PbManagerMethods *self = object;
  PbRegistration *registration = g_new (PbRegistration, 1);

  *registration = (PbRegistration){ self->agents, call };
  pb_bus_call_authorize (call, PB_ACTION_VIEW, on_view_authorized, registration);
}

void
pb_manager_handle_unregister_secret_agent (PbBusCall *call, gpointer object)
{
  PbManagerMethods *self = object;

  pb_secret_agents_unregister (self->agents, g_dbus_method_invocation_get_connection (call->invocation),
                               g_dbus_method_invocation_get_sender (call->invocation));
  pb_bus_call_return (call, NULL);
}
