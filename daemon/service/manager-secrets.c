/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Manager's way for the passwords of relays: in, and never out again. The octets go from the message
 * into memory of their own; the dispatcher wipes the message. So each argument is taken out by itself:
 * g_variant_get() with a "&" in it makes one flat copy of all, and frees the octets as they are. What
 * is wrong with them is said by the registry, without repeating them.
 */
#include "service/manager-private.h"

#include "settings/secrets.h"
#include "util/secret.h"

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
