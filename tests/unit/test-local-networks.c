/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which networks of which interfaces are local, and that a gateway never is by itself. */
#include "util/local-networks.h"

#include <string.h>

typedef struct
{
  const char *name, *kind;
  int master; /* place in the table, from 1; 0: none */
  gboolean down, loopback;
} Link;

static const Link ethernet[] = { { "eth0", "", 0, FALSE, FALSE } };
static const Link down[] = { { "eth0", "", 0, TRUE, FALSE } };
static const Link loopback[] = { { "lo", "", 0, FALSE, TRUE } };
static const Link veth[] = { { "lan0", "veth", 0, FALSE, FALSE } };
static const Link docker[] = { { "docker0", "bridge", 0, FALSE, FALSE },
                               { "eth1", "", 1, FALSE, FALSE } };
static const Link podman[] = { { "podman1", "bridge", 0, FALSE, FALSE } };
static const Link cni[] = { { "cni-podman0", "bridge", 0, FALSE, FALSE } };
static const Link virbr[] = { { "virbr0", "bridge", 0, FALSE, FALSE } };
static const Link vlan[] = { { "eth0.5", "vlan", 0, FALSE, FALSE } };
static const Link bond[] = { { "bond0", "bond", 0, FALSE, FALSE } };
static const Link empty_bridge[] = { { "br0", "bridge", 0, FALSE, FALSE } };
static const Link bridge[] = { { "br0", "bridge", 0, FALSE, FALSE },
                               { "eth0", "", 1, FALSE, FALSE } };
static const Link bridge_of_bond[] = { { "br0", "bridge", 0, FALSE, FALSE },
                                       { "bond0", "bond", 1, FALSE, FALSE } };
static const Link bridge_of_veth[] = { { "br-1", "bridge", 0, FALSE, FALSE },
                                       { "veth12", "veth", 1, FALSE, FALSE },
                                       { "tap0", "tun", 1, FALSE, FALSE } };

#define LINKS(table) table, G_N_ELEMENTS (table)

static const struct
{
  const char *name;
  const Link *links; /* the addresses are the first one's */
  gsize n_links;
  const char *addresses; /* blank between */
  const char *networks;
} rows[] = {
  { "private", LINKS (ethernet), "192.168.1.9/24", "192.168.1.0/24" },
  { "several", LINKS (ethernet), "192.168.1.9/24 10.1.2.3/16 172.20.0.1/30",
    "10.1.0.0/16 172.20.0.0/30 192.168.1.0/24" },
  { "twice", LINKS (ethernet), "192.168.1.9/24 192.168.1.10/24", "192.168.1.0/24" },
  { "public", LINKS (ethernet), "198.51.100.7/24", "" },
  { "beside-private", LINKS (ethernet), "172.32.0.1/16 192.169.0.1/16 11.0.0.1/8 100.64.0.1/10",
    "" },
  { "link-local", LINKS (ethernet), "169.254.3.4/16 fe80::1/64", "169.254.0.0/16 fe80::/64" },
  { "wider-than-private", LINKS (ethernet), "192.168.1.1/8 10.0.0.1/1 172.16.0.1/4",
    "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16" },
  { "host-alone", LINKS (ethernet), "192.168.1.9/32 fd00::1/128", "" },
  { "unique-local", LINKS (ethernet), "fd12:3456:789a:1::5/64", "fd12:3456:789a:1::/64" },
  { "unique-local-site", LINKS (ethernet), "fd12:3456:789a:1::5/7", "fd12:3456:789a::/48" },
  { "global", LINKS (ethernet), "2001:db8:1:2::5/64", "2001:db8:1:2::/64" },
  { "global-wide", LINKS (ethernet), "2001:db8:1:2::5/32", "2001:db8:1:2::/64" },
  { "global-narrow", LINKS (ethernet), "2001:db8:1:2::5/126", "2001:db8:1:2::4/126" },
  { "other-ipv6", LINKS (ethernet), "::1/64 ff02::1/16 64:ff9b::1/96", "" },
  { "down", LINKS (down), "192.168.1.9/24", "" },
  { "loopback", LINKS (loopback), "127.0.0.1/8 10.0.0.1/24", "" },
  { "veth", LINKS (veth), "192.168.1.9/24", "" },
  { "docker", LINKS (docker), "172.17.0.1/16", "" },
  { "podman", LINKS (podman), "10.88.0.1/16", "" },
  { "cni", LINKS (cni), "10.88.0.1/16", "" },
  { "virbr", LINKS (virbr), "192.168.122.1/24", "" },
  { "vlan", LINKS (vlan), "192.168.5.1/24", "192.168.5.0/24" },
  { "bond", LINKS (bond), "192.168.5.1/24", "192.168.5.0/24" },
  { "bridge-without-port", LINKS (empty_bridge), "192.168.5.1/24", "" },
  { "bridge", LINKS (bridge), "192.168.5.1/24", "192.168.5.0/24" },
  { "bridge-of-bond", LINKS (bridge_of_bond), "192.168.5.1/24", "192.168.5.0/24" },
  { "bridge-of-containers", LINKS (bridge_of_veth), "172.18.0.1/16", "" },
  { "nothing", LINKS (ethernet), "", "" },
};

static PbIp
parse (const char *text)
{
  PbIp ip;

  g_assert_true (pb_ip_parse (text, &ip));
  return ip;
}

static void
fill (PbInterfaceTables *tables, const Link *links, gsize n_links, const char *addresses)
{
  g_auto (GStrv) parts = g_strsplit (addresses, " ", -1);

  pb_interface_tables_init (tables);
  for (gsize i = 0; i < n_links; i++)
    {
      PbLink link = { .index = (int) i + 1, .master = links[i].master, .up = !links[i].down };

      link.loopback = links[i].loopback;
      g_strlcpy (link.name, links[i].name, sizeof link.name);
      g_strlcpy (link.kind, links[i].kind, sizeof link.kind);
      g_array_append_val (tables->links, link);
    }
  for (guint i = 0; parts[i] != NULL; i++)
    {
      char *slash = strchr (parts[i], '/');
      PbLinkAddress address = { .index = 1 };

      if (slash == NULL)
        continue;
      *slash = '\0';
      address.ip = parse (parts[i]);
      address.prefix = (guint) strtoul (slash + 1, NULL, 10) + (pb_ip_is_v4 (&address.ip) ? 96 : 0);
      g_array_append_val (tables->addresses, address);
    }
}

static void
assert_networks (const PbLocalNetworks *networks, const char *expected)
{
  g_autofree char *text = g_strjoinv (" ", (char **) pb_local_networks_texts (networks));

  g_assert_cmpstr (text, ==, expected);
}

static void
test_row (gconstpointer data)
{
  guint row = GPOINTER_TO_UINT (data);
  g_auto (PbInterfaceTables) tables = { 0 };
  g_autoptr (PbLocalNetworks) networks = NULL;

  fill (&tables, rows[row].links, rows[row].n_links, rows[row].addresses);
  networks = pb_local_networks_new (&tables);
  assert_networks (networks, rows[row].networks);
}

/* An address whose interface is not known, as when it went between the two answers. */
static void
test_no_link (void)
{
  g_auto (PbInterfaceTables) tables = { 0 };
  g_autoptr (PbLocalNetworks) networks = NULL;

  fill (&tables, NULL, 0, "192.168.1.9/24");
  networks = pb_local_networks_new (&tables);
  assert_networks (networks, "");
}

static gboolean
contains (const PbLocalNetworks *networks, const char *text)
{
  PbIp ip = parse (text);

  return pb_local_networks_contains (networks, &ip, 0);
}

static gboolean
contains_on (const PbLocalNetworks *networks, const char *text, int scope)
{
  PbIp ip = parse (text);

  return pb_local_networks_contains (networks, &ip, scope);
}

static void
add_address (PbInterfaceTables *tables, int index, const char *text, guint prefix)
{
  PbLinkAddress address = { index, parse (text), prefix };

  g_array_append_val (tables->addresses, address);
}

/* What containers have of a network that counts does not, whoever else is in it. */
static void
test_containers (void)
{
  static const Link both[] = { { "eth0", "", 0, FALSE, FALSE },
                               { "docker0", "bridge", 0, FALSE, FALSE } };
  static const char *const named[] = { "172.16.0.0/12", NULL };
  g_auto (PbInterfaceTables) tables = { 0 };
  g_autoptr (PbLocalNetworks) without = NULL;
  g_autoptr (PbLocalNetworks) networks = NULL;
  g_autoptr (PbLocalNetworks) replaced = NULL;
  g_autoptr (PbLocalNetworks) wide = NULL;

  fill (&tables, LINKS (both), "172.20.0.1/12");
  without = pb_local_networks_new (&tables);
  add_address (&tables, 2, "172.17.0.1", 96 + 16);
  networks = pb_local_networks_new (&tables);
  assert_networks (networks, "172.16.0.0/12");
  g_assert_true (contains (without, "172.17.0.9"));
  g_assert_false (contains (networks, "172.17.0.9"));
  g_assert_true (contains (networks, "172.18.0.9"));
  g_assert_false (pb_local_networks_equal (without, networks));
  replaced = pb_local_networks_replace (networks, named);
  g_assert_true (contains (replaced, "172.17.0.9"));
  g_assert_false (pb_local_networks_equal (networks, replaced));
  /* One around ours takes nothing from it. */
  add_address (&tables, 2, "172.16.0.1", 96 + 8);
  g_array_index (tables.addresses, PbLinkAddress, 0).prefix = 96 + 24;
  wide = pb_local_networks_new (&tables);
  g_assert_true (contains (wide, "172.20.0.9"));
}

static void
test_link_local (void)
{
  static const Link both[] = { { "eth0", "", 0, FALSE, FALSE },
                               { "docker0", "bridge", 0, FALSE, FALSE } };
  static const char *const named[] = { "fe80::/10", NULL };
  g_auto (PbInterfaceTables) tables = { 0 };
  g_autoptr (PbLocalNetworks) networks = NULL;
  g_autoptr (PbLocalNetworks) replaced = NULL;

  fill (&tables, LINKS (both), "fe80::1/64 fd00::1/64");
  add_address (&tables, 2, "fe80::2", 64);
  networks = pb_local_networks_new (&tables);
  assert_networks (networks, "fd00::/64 fe80::/64");
  g_assert_true (contains_on (networks, "fe80::9", 1));
  g_assert_false (contains_on (networks, "fe80::9", 2));
  g_assert_false (contains_on (networks, "fe80::9", 0));
  g_assert_false (contains_on (networks, "fe80:1::9", 1));
  g_assert_true (contains_on (networks, "fd00::9", 0));
  g_assert_true (contains_on (networks, "fd00::9", 2));
  replaced = pb_local_networks_replace (networks, named);
  g_assert_true (contains_on (replaced, "fe80::9", 2));
}

static void
test_gateway (void)
{
  static const char *const whole[] = { "192.168.0.0/16", NULL };
  static const char *const named[] = { "192.168.0.0/16", "192.168.1.1", NULL };
  static const char *const none[] = { NULL };
  g_auto (PbInterfaceTables) tables = { 0 };
  PbIp gateway = parse ("192.168.1.1");
  g_autoptr (PbLocalNetworks) without = NULL;
  g_autoptr (PbLocalNetworks) networks = NULL;
  g_autoptr (PbLocalNetworks) replaced = NULL;
  g_autoptr (PbLocalNetworks) alone = NULL;
  g_autoptr (PbLocalNetworks) same = NULL;

  fill (&tables, LINKS (ethernet), "192.168.1.9/24");
  without = pb_local_networks_new (&tables);
  g_array_append_val (tables.gateways, gateway);
  networks = pb_local_networks_new (&tables);
  g_assert_true (contains (without, "192.168.1.1"));
  g_assert_false (contains (networks, "192.168.1.1"));
  g_assert_true (contains (networks, "192.168.1.2"));
  g_assert_true (contains (networks, "::ffff:192.168.1.2"));
  g_assert_false (contains (networks, "192.168.2.2"));
  g_assert_false (pb_local_networks_equal (without, networks));
  replaced = pb_local_networks_replace (networks, whole);
  assert_networks (replaced, "192.168.0.0/16");
  g_assert_false (contains (replaced, "192.168.1.1"));
  g_assert_true (contains (replaced, "192.168.2.2"));
  alone = pb_local_networks_replace (networks, named);
  assert_networks (alone, "192.168.0.0/16 192.168.1.1/32");
  g_assert_true (contains (alone, "192.168.1.1"));
  same = pb_local_networks_replace (networks, none);
  g_assert_true (same == networks);
  g_assert_true (pb_local_networks_equal (same, networks));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *path = g_strconcat ("/local-networks/", rows[i].name, NULL);

      g_test_add_data_func (path, GUINT_TO_POINTER (i), test_row);
    }
  g_test_add_func ("/local-networks/no-link", test_no_link);
  g_test_add_func ("/local-networks/gateway", test_gateway);
  g_test_add_func ("/local-networks/containers", test_containers);
  g_test_add_func ("/local-networks/scopes", test_link_local);
  return g_test_run ();
}
