/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * org.postbus.Postbus1.Audit: who changed what, and when, as the revisions tell it. Reading it needs
 * the view action.
 */
#include "service/bus-info.h"
#include "service/objects.h"

#include "dbus/names.h"

#define MAX_PAGE 100

static void
on_revisions (GVariant *result, const GError *error, gpointer user_data)
{
  PbBusCall *call = user_data;
  g_autoptr (GVariant) rows = NULL;
  guint64 total;

  if (error != NULL)
    {
      pb_bus_call_fail (call, error);
      return;
    }
  g_variant_get (result, "(t@aa{sv})", &total, &rows);
  pb_bus_call_return (call, g_variant_new ("(u@aa{sv})", (guint32) MIN (total, G_MAXUINT32), rows));
}

static void
handle_list (PbBusCall *call, gpointer object)
{
  guint offset, limit;

  g_variant_get (call->parameters, "(uu)", &offset, &limit);
  pb_registry_revisions (object, offset, MIN (limit, MAX_PAGE), on_revisions, call);
}

static const PbBusMethod methods[] = {
  { "List", PB_ACTION_VIEW, handle_list },
};

void
pb_audit_object_add (PbBus *bus, PbRegistry *registry)
{
  const PbBusInterface interface = {
    .info = &audit_interface,
    .methods = methods,
    .n_methods = G_N_ELEMENTS (methods),
    .object = registry,
  };

  pb_bus_add (bus, &interface);
}
