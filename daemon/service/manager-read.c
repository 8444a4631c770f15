/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Manager's methods that only read what the registry knows: Validate, Revisions, Export. They show
 * private settings and need the view action.
 */
#include "service/manager-private.h"

#define MAX_PAGE 100

void
pb_manager_handle_validate (PbBusCall *call, gpointer object)
{
  PbManagerMethods *self = object;
  g_autoptr (GVariant) findings = g_variant_take_ref (pb_registry_validate (self->registry));

  pb_bus_call_return (call, g_variant_new ("(@a(sss))", findings));
}

static void
on_revisions (GVariant *result, const GError *error, gpointer user_data)
{
  PbBusCall *call = user_data;

  if (error != NULL)
    pb_bus_call_fail (call, error);
  else
    pb_bus_call_return (call, result);
}

void
pb_manager_handle_revisions (PbBusCall *call, gpointer object)
{
  PbManagerMethods *self = object;
  guint offset, limit;

  g_variant_get (call->parameters, "(uu)", &offset, &limit);
  pb_registry_revisions (self->registry, offset, MIN (limit, MAX_PAGE), on_revisions, call);
}

void
pb_manager_handle_export (PbBusCall *call, gpointer object)
{
  PbManagerMethods *self = object;
  g_autofree char *json = pb_registry_export (self->registry);

  pb_bus_call_return (call, g_variant_new ("(s)", json));
}
