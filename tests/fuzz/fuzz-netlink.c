/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whatever comes from the kernel's side, tables are filled with whole entries, and networks can be worked out from them. */
#include "net/interfaces.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_auto (PbInterfaceTables) tables = { 0 };
  g_autoptr (PbLocalNetworks) networks = NULL;
  gboolean noticed = FALSE;

  pb_interface_tables_init (&tables);
  pb_netlink_parse (data, size, 7, &tables, &noticed);
  for (guint i = 0; i < tables.links->len; i++)
    {
      const PbLink *link = &g_array_index (tables.links, PbLink, i);

      g_assert_cmpuint (strnlen (link->name, sizeof link->name), <, sizeof link->name);
      g_assert_cmpuint (strnlen (link->kind, sizeof link->kind), <, sizeof link->kind);
    }
  for (guint i = 0; i < tables.addresses->len; i++)
    g_assert_cmpuint (g_array_index (tables.addresses, PbLinkAddress, i).prefix, <=, 128);
  networks = pb_local_networks_new (&tables);
  g_assert_nonnull (pb_local_networks_texts (networks));
  return 0;
}
