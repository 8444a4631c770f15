/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A build tool: prints the introspection XML of the interfaces that are made from tables (settings
 * and lists), for installation and for the manual page. The daemon itself builds the same data at
 * run time from the same tables; nothing is described twice.
 */
#include "dbus/list-kinds.h"
#include "dbus/settings-table.h"

#include <stdio.h>

static void
dump (GDBusInterfaceInfo *info)
{
  g_autoptr (GString) xml = g_string_new (NULL);

  g_dbus_interface_info_generate_xml (info, 2, xml);
  fputs (xml->str, stdout);
}

int
main (void)
{
  puts ("<!DOCTYPE node PUBLIC \"-//freedesktop//DTD D-BUS Object Introspection 1.0//EN\"\n"
        "  \"http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd\">\n"
        "<!-- SPDX-License-Identifier: GPL-3.0-or-later -->\n"
        "<node>");
  for (const char *const *name = pb_setting_interfaces (); *name != NULL; name++)
    dump (pb_setting_interface_info (*name));
  for (PbListKind kind = 0; kind < PB_N_LISTS; kind++)
    dump (pb_list_interface_info (kind));
  puts ("</node>");
  return ferror (stdout) != 0;
}
