/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * org.postbus.Postbus1.Statistics: the counters of util/counters.h on the bus. Reading them needs the
 * view action, since refusals by check tell what passes through the machine.
 */
#include "service/bus-info.h"
#include "service/objects.h"

#include "dbus/names.h"
#include "util/counters.h"

static void
add_counter (const char *name, guint64 value, gpointer user_data)
{
  g_variant_builder_add (user_data, "{st}", name, value);
}

static void
handle_snapshot (PbBusCall *call, gpointer object)
{
  GVariantBuilder counters;

  g_variant_builder_init (&counters, G_VARIANT_TYPE ("a{st}"));
  pb_counter_foreach (add_counter, &counters);
  pb_bus_call_return (call, g_variant_new ("(@a{st})", g_variant_builder_end (&counters)));
}

static const PbBusMethod methods[] = {
  { "Snapshot", PB_ACTION_VIEW, handle_snapshot },
};

void
pb_statistics_object_add (PbBus *bus)
{
  const PbBusInterface interface = {
    .info = &statistics_interface,
    .methods = methods,
    .n_methods = G_N_ELEMENTS (methods),
  };

  pb_bus_add (bus, &interface);
}
