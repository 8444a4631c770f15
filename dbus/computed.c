/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The computed properties as an array of specs. Used where introspection is built and by the daemon's
 * bus object. Static and constant, any thread.
 */
#include "dbus/computed.h"

#define N_(text) text

static const PbComputedSpec specs[PB_N_COMPUTED] = {
#define PB_COMPUTED(iface, bus_name, signature, list, bits, where, words, sentence)                \
  [PB_COMPUTED_##iface##_##bus_name] = { .interface = #iface,                                      \
                                         .name = #bus_name,                                        \
                                         .type = signature,                                        \
                                         .choices = list,                                          \
                                         .flags = bits,                                            \
                                         .group = where,                                           \
                                         .title = words,                                           \
                                         .help = sentence },
#include "dbus/computed.def"
#undef PB_COMPUTED
};

const PbComputedSpec *
pb_computed_spec (PbComputedId id)
{
  g_return_val_if_fail (id < PB_N_COMPUTED, NULL);
  return &specs[id];
}

gboolean
pb_computed_lookup (const char *interface, const char *name, PbComputedId *id)
{
  for (guint i = 0; i < PB_N_COMPUTED; i++)
    if (g_str_equal (specs[i].interface, interface) && g_str_equal (specs[i].name, name))
      {
        *id = i;
        return TRUE;
      }
  return FALSE;
}
