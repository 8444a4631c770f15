/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reads rtnetlink(7) messages: links, addresses and default routes go into tables, what is not understood is
 * passed over. The kernel wrote them, but lengths are checked all the same; nothing here trusts alignment.
 */
#include "net/interfaces.h"

#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>

/* A piece of a message. */
typedef struct
{
  const guint8 *data;
  gsize length;
} Piece;

/* Copies a fixed head off the front. Returns: FALSE when it is shorter. */
static gboolean
take_head (Piece *piece, void *head, gsize size)
{
  gsize aligned = MIN ((gsize) NLMSG_ALIGN (size), piece->length);

  if (piece->length < size)
    return FALSE;
  memcpy (head, piece->data, size);
  piece->data += aligned;
  piece->length -= aligned;
  return TRUE;
}

static gboolean
take_attribute (Piece *piece, guint16 *type, Piece *value)
{
  struct rtattr attribute;
  gsize aligned;

  if (piece->length < sizeof attribute)
    return FALSE;
  memcpy (&attribute, piece->data, sizeof attribute);
  if (attribute.rta_len < sizeof attribute || attribute.rta_len > piece->length)
    return FALSE;
  *type = attribute.rta_type & NLA_TYPE_MASK;
  *value = (Piece){ piece->data + sizeof attribute, attribute.rta_len - sizeof attribute };
  aligned = MIN ((gsize) RTA_ALIGN (attribute.rta_len), piece->length);
  piece->data += aligned;
  piece->length -= aligned;
  return TRUE;
}

static void
take_text (char out[16], const Piece *value)
{
  gsize length = strnlen ((const char *) value->data, MIN (value->length, 15));

  memcpy (out, value->data, length);
  out[length] = '\0';
}

static gboolean
take_ip (PbIp *ip, const Piece *value)
{
  static const guint8 mapped[12] = { [10] = 0xff, [11] = 0xff };

  if (value->length == 16)
    memcpy (ip->bytes, value->data, 16);
  else if (value->length == 4)
    {
      memcpy (ip->bytes, mapped, 12);
      memcpy (ip->bytes + 12, value->data, 4);
    }
  else
    return FALSE;
  return TRUE;
}

static void
read_kind (PbLink *link, Piece info)
{
  guint16 type;
  Piece value;

  while (take_attribute (&info, &type, &value))
    if (type == IFLA_INFO_KIND)
      take_text (link->kind, &value);
}

static void
read_link (Piece piece, PbInterfaceTables *tables)
{
  struct ifinfomsg head;
  PbLink link = { 0 };
  guint16 type;
  Piece value;

  if (!take_head (&piece, &head, sizeof head))
    return;
  link.index = head.ifi_index;
  link.up = (head.ifi_flags & IFF_UP) != 0;
  link.loopback = (head.ifi_flags & IFF_LOOPBACK) != 0;
  while (take_attribute (&piece, &type, &value))
    {
      if (type == IFLA_IFNAME)
        take_text (link.name, &value);
      else if (type == IFLA_LINKINFO)
        read_kind (&link, value);
      else if (type == IFLA_MASTER && value.length == sizeof link.master)
        memcpy (&link.master, value.data, sizeof link.master);
    }
  g_array_append_val (tables->links, link);
}

static void
read_address (Piece piece, PbInterfaceTables *tables)
{
  struct ifaddrmsg head;
  PbLinkAddress address = { 0 };
  gboolean known = FALSE, local = FALSE;
  guint16 type;
  Piece value;

  if (!take_head (&piece, &head, sizeof head))
    return;
  address.index = (int) head.ifa_index;
  address.prefix = head.ifa_prefixlen + (head.ifa_family == AF_INET ? 96u : 0u);
  if (address.prefix > 128)
    return;
  /* IFA_ADDRESS is the other end's on a point-to-point link, where IFA_LOCAL is ours. */
  while (take_attribute (&piece, &type, &value))
    if (type == IFA_LOCAL || (type == IFA_ADDRESS && !local))
      {
        known = take_ip (&address.ip, &value);
        local = type == IFA_LOCAL;
      }
  if (known)
    g_array_append_val (tables->addresses, address);
}

static void
add_gateway (PbInterfaceTables *tables, Piece value)
{
  PbIp ip;

  if (take_ip (&ip, &value))
    g_array_append_val (tables->gateways, ip);
}

/* RTA_VIA: a family, then the address. */
static void
add_via (PbInterfaceTables *tables, Piece value)
{
  if (value.length > sizeof (guint16))
    add_gateway (tables, (Piece){ value.data + sizeof (guint16), value.length - sizeof (guint16) });
}

static void
read_hops (Piece piece, PbInterfaceTables *tables)
{
  struct rtnexthop hop;

  while (piece.length >= sizeof hop)
    {
      Piece inner, value;
      guint16 type;
      gsize aligned;

      memcpy (&hop, piece.data, sizeof hop);
      if (hop.rtnh_len < sizeof hop || hop.rtnh_len > piece.length)
        return;
      inner = (Piece){ piece.data + sizeof hop, hop.rtnh_len - sizeof hop };
      while (take_attribute (&inner, &type, &value))
        if (type == RTA_GATEWAY)
          add_gateway (tables, value);
        else if (type == RTA_VIA)
          add_via (tables, value);
      aligned = MIN ((gsize) RTNH_ALIGN (hop.rtnh_len), piece.length);
      piece.data += aligned;
      piece.length -= aligned;
    }
}

/* Those of a VPN come in halves, 0.0.0.0/1 and 128.0.0.0/1, or leave out all but 2000::/3. */
static gboolean
is_default (const struct rtmsg *route)
{
  return route->rtm_dst_len <= (route->rtm_family == AF_INET6 ? 3 : 1);
}

static void
read_route (Piece piece, PbInterfaceTables *tables)
{
  struct rtmsg head;
  guint16 type;
  Piece value;

  if (!take_head (&piece, &head, sizeof head) || !is_default (&head))
    return;
  while (take_attribute (&piece, &type, &value))
    if (type == RTA_GATEWAY)
      add_gateway (tables, value);
    else if (type == RTA_VIA)
      add_via (tables, value);
    else if (type == RTA_MULTIPATH)
      read_hops (value, tables);
}

static void
read_entry (guint16 type, Piece piece, PbInterfaceTables *tables)
{
  if (type == RTM_NEWLINK)
    read_link (piece, tables);
  else if (type == RTM_NEWADDR)
    read_address (piece, tables);
  else if (type == RTM_NEWROUTE)
    read_route (piece, tables);
}

PbNetlink
pb_netlink_parse (const guint8 *data, gsize length, guint32 sequence, PbInterfaceTables *tables,
                  gboolean *noticed)
{
  PbNetlink result = PB_NETLINK_MORE;
  struct nlmsghdr head;

  while (length >= sizeof head)
    {
      gsize aligned;

      memcpy (&head, data, sizeof head);
      if (head.nlmsg_len < sizeof head || head.nlmsg_len > length)
        break;
      if (sequence == 0 || head.nlmsg_seq != sequence)
        *noticed = TRUE;
      else if (head.nlmsg_type == NLMSG_DONE)
        result = result == PB_NETLINK_FAILED ? result : PB_NETLINK_DONE;
      else if (head.nlmsg_type == NLMSG_ERROR || (head.nlmsg_flags & NLM_F_DUMP_INTR) != 0)
        result = PB_NETLINK_FAILED;
      else
        read_entry (head.nlmsg_type, (Piece){ data + sizeof head, head.nlmsg_len - sizeof head },
                    tables);
      aligned = MIN ((gsize) NLMSG_ALIGN (head.nlmsg_len), length);
      data += aligned;
      length -= aligned;
    }
  return result;
}
