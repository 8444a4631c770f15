/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * MailAuth's methods: the keys that mail is signed with. Each asks the registry and answers with what it
 * says; of a private key nothing ever goes out.
 */
#include "service/signing-methods.h"

#include "dbus/names.h"

static void
on_done (GVariant *result, const GError *error, gpointer user_data)
{
  PbBusCall *call = user_data;

  if (error != NULL)
    pb_bus_call_fail (call, error);
  else
    pb_bus_call_return (call, NULL);
}

static void
on_created (GVariant *result, const GError *error, gpointer user_data)
{
  PbBusCall *call = user_data;

  if (error != NULL)
    pb_bus_call_fail (call, error);
  else
    pb_bus_call_return (call, g_variant_new_tuple (&result, 1));
}

void
pb_signing_handle_create (PbBusCall *call, PbRegistry *registry, PbPool *workers)
{
  const char *domain, *selector, *algorithm;

  g_variant_get (call->parameters, "(&s&s&s)", &domain, &selector, &algorithm);
  pb_registry_create_signing_key (registry, domain, selector, algorithm, workers, call->who,
                                  on_created, call);
}

void
pb_signing_handle_list (PbBusCall *call, PbRegistry *registry)
{
  g_autoptr (GVariant) rows = pb_registry_list_signing_keys (registry);

  pb_bus_call_return (call, g_variant_new_tuple (&rows, 1));
}

void
pb_signing_handle_activate (PbBusCall *call, PbRegistry *registry)
{
  const char *id;
  gboolean active;

  g_variant_get (call->parameters, "(&sb)", &id, &active);
  pb_registry_activate_signing_key (registry, id, active, call->who, on_done, call);
}

void
pb_signing_handle_remove (PbBusCall *call, PbRegistry *registry)
{
  const char *id;

  g_variant_get (call->parameters, "(&s)", &id);
  pb_registry_remove_signing_key (registry, id, call->who, on_done, call);
}
