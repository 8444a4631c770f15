/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Netlink messages as the kernel writes them, whole and cut, and the real ones of this machine. */
#include "net/interfaces.h"

#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>

#define SEQUENCE 7

typedef struct
{
  GByteArray *data; /* (owned) */
  guint start;      /* of the message under way */
} Writer;

static void
pad (Writer *writer)
{
  static const guint8 zeros[4];

  if (writer->data->len % 4 != 0)
    g_byte_array_append (writer->data, zeros, 4 - writer->data->len % 4);
}

static void
begin (Writer *writer, guint16 type, guint32 sequence, const void *body, gsize length)
{
  struct nlmsghdr head = { .nlmsg_type = type, .nlmsg_seq = sequence };

  writer->start = writer->data->len;
  g_byte_array_append (writer->data, (const guint8 *) &head, sizeof head);
  g_byte_array_append (writer->data, body, (guint) length);
  pad (writer);
}

static void
add (Writer *writer, guint16 type, const void *value, gsize length)
{
  struct rtattr attribute = { .rta_type = type, .rta_len = (guint16) (sizeof attribute + length) };

  g_byte_array_append (writer->data, (const guint8 *) &attribute, sizeof attribute);
  g_byte_array_append (writer->data, value, (guint) length);
  pad (writer);
}

static void
end (Writer *writer)
{
  guint32 length = writer->data->len - writer->start;

  memcpy (writer->data->data + writer->start, &length, sizeof length);
}

/* A bridge with an address, gateways of two default routes and of half a one, one of a route that is none, then the end. */
static GByteArray *
write_dump (guint32 sequence)
{
  Writer writer = { .data = g_byte_array_new () };
  struct ifinfomsg link = { .ifi_index = 3, .ifi_flags = IFF_UP };
  struct ifaddrmsg address = { .ifa_family = AF_INET, .ifa_prefixlen = 24, .ifa_index = 3 };
  struct rtmsg route = { .rtm_family = AF_INET };
  struct
  {
    struct rtattr head;
    char kind[8];
  } info = { { sizeof info, IFLA_INFO_KIND }, "bridge" };
  struct
  {
    struct rtnexthop hop;
    struct rtattr head;
    guint8 ip[4];
  } hop = { { .rtnh_len = sizeof hop }, { 8, RTA_GATEWAY }, { 192, 168, 1, 2 } };
  int master = 9;

  begin (&writer, RTM_NEWLINK, sequence, &link, sizeof link);
  add (&writer, IFLA_IFNAME, "br0", 4);
  add (&writer, IFLA_LINKINFO, &info, sizeof info);
  add (&writer, IFLA_MASTER, &master, sizeof master);
  end (&writer);
  begin (&writer, RTM_NEWADDR, sequence, &address, sizeof address);
  add (&writer, IFA_ADDRESS, "\xc0\xa8\x01\x63", 4);
  add (&writer, IFA_LOCAL, "\xc0\xa8\x01\x09", 4);
  end (&writer);
  begin (&writer, RTM_NEWROUTE, sequence, &route, sizeof route);
  add (&writer, RTA_GATEWAY, "\xc0\xa8\x01\x01", 4);
  end (&writer);
  begin (&writer, RTM_NEWROUTE, sequence, &route, sizeof route);
  add (&writer, RTA_MULTIPATH, &hop, sizeof hop);
  end (&writer);
  route.rtm_dst_len = 1;
  begin (&writer, RTM_NEWROUTE, sequence, &route, sizeof route);
  add (&writer, RTA_GATEWAY, "\x0a\x08\x00\x01", 4);
  end (&writer);
  route.rtm_dst_len = 2;
  begin (&writer, RTM_NEWROUTE, sequence, &route, sizeof route);
  add (&writer, RTA_GATEWAY, "\xc0\xa8\x01\x05", 4);
  end (&writer);
  begin (&writer, NLMSG_DONE, sequence, "\0\0\0", 4);
  end (&writer);
  return writer.data;
}

static PbNetlink
parse (const guint8 *data, gsize length, guint32 sequence, PbInterfaceTables *tables,
       gboolean *noticed)
{
  g_autofree guint8 *exact = g_memdup2 (data, MAX (length, 1));

  return pb_netlink_parse (exact, length, sequence, tables, noticed);
}

static void
test_dump (void)
{
  g_autoptr (GByteArray) dump = write_dump (SEQUENCE);
  g_auto (PbInterfaceTables) tables = { 0 };
  gboolean noticed = FALSE;
  const PbLink *link;
  const PbLinkAddress *address;
  PbIp ip;

  pb_interface_tables_init (&tables);
  g_assert_cmpint (parse (dump->data, dump->len, SEQUENCE, &tables, &noticed), ==, PB_NETLINK_DONE);
  g_assert_false (noticed);
  g_assert_cmpuint (tables.links->len, ==, 1);
  link = &g_array_index (tables.links, PbLink, 0);
  g_assert_cmpstr (link->name, ==, "br0");
  g_assert_cmpstr (link->kind, ==, "bridge");
  g_assert_cmpint (link->index, ==, 3);
  g_assert_cmpint (link->master, ==, 9);
  g_assert_true (link->up && !link->loopback);
  g_assert_cmpuint (tables.addresses->len, ==, 1);
  address = &g_array_index (tables.addresses, PbLinkAddress, 0);
  g_assert_true (pb_ip_parse ("192.168.1.9", &ip));
  g_assert_cmpmem (&address->ip, sizeof ip, &ip, sizeof ip);
  g_assert_cmpuint (address->prefix, ==, 120);
  g_assert_cmpuint (tables.gateways->len, ==, 3);
  g_assert_true (pb_ip_parse ("192.168.1.2", &ip));
  g_assert_cmpmem (&g_array_index (tables.gateways, PbIp, 1), sizeof ip, &ip, sizeof ip);
  g_assert_true (pb_ip_parse ("10.8.0.1", &ip));
  g_assert_cmpmem (&g_array_index (tables.gateways, PbIp, 2), sizeof ip, &ip, sizeof ip);
}

static void
test_notices (void)
{
  g_autoptr (GByteArray) dump = write_dump (SEQUENCE);
  g_autoptr (GByteArray) plain = write_dump (0);
  g_auto (PbInterfaceTables) tables = { 0 };
  gboolean noticed = FALSE;

  pb_interface_tables_init (&tables);
  g_assert_cmpint (parse (dump->data, dump->len, SEQUENCE + 1, &tables, &noticed), ==,
                   PB_NETLINK_MORE);
  g_assert_true (noticed);
  noticed = FALSE;
  g_assert_cmpint (parse (plain->data, plain->len, 0, &tables, &noticed), ==, PB_NETLINK_MORE);
  g_assert_true (noticed);
  g_assert_cmpuint (tables.links->len + tables.addresses->len + tables.gateways->len, ==, 0);
}

static void
test_failures (void)
{
  g_auto (PbInterfaceTables) tables = { 0 };
  g_autoptr (GByteArray) dump = write_dump (SEQUENCE);
  struct nlmsghdr head = { .nlmsg_len = sizeof head,
                           .nlmsg_type = NLMSG_ERROR,
                           .nlmsg_seq = SEQUENCE };
  gboolean noticed = FALSE;

  pb_interface_tables_init (&tables);
  g_assert_cmpint (parse ((const guint8 *) &head, sizeof head, SEQUENCE, &tables, &noticed), ==,
                   PB_NETLINK_FAILED);
  /* A dump during which something changed is none. */
  memcpy (&head, dump->data, sizeof head);
  head.nlmsg_flags = NLM_F_DUMP_INTR;
  memcpy (dump->data, &head, sizeof head);
  g_assert_cmpint (parse (dump->data, dump->len, SEQUENCE, &tables, &noticed), ==,
                   PB_NETLINK_FAILED);
}

/* Cut anywhere, and with every length in it wrong: nothing is read beyond the end. */
static void
test_cut_and_bent (void)
{
  g_autoptr (GByteArray) dump = write_dump (SEQUENCE);

  for (guint i = 0; i < dump->len; i++)
    {
      g_auto (PbInterfaceTables) tables = { 0 };
      g_autofree guint8 *bent = g_memdup2 (dump->data, dump->len);
      gboolean noticed = FALSE;

      pb_interface_tables_init (&tables);
      parse (dump->data, i, SEQUENCE, &tables, &noticed);
      bent[i] ^= 0xff;
      parse (bent, dump->len, SEQUENCE, &tables, &noticed);
    }
}

static void
on_networks (PbLocalNetworks *networks, gpointer user_data)
{
}

/* What a bed has is not known; that the kernel's answers are understood is. */
static void
test_this_machine (void)
{
  g_autoptr (PbInterfaces) interfaces = pb_interfaces_new (on_networks, NULL);
  PbLocalNetworks *networks = pb_interfaces_networks (interfaces);
  PbIp loopback;

  g_assert_nonnull (networks);
  g_assert_true (pb_ip_parse ("127.0.0.1", &loopback));
  g_assert_false (pb_local_networks_contains (networks, &loopback, 0));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/interfaces/dump", test_dump);
  g_test_add_func ("/interfaces/notices", test_notices);
  g_test_add_func ("/interfaces/failures", test_failures);
  g_test_add_func ("/interfaces/cut-and-bent", test_cut_and_bent);
  g_test_add_func ("/interfaces/this-machine", test_this_machine);
  return g_test_run ();
}
