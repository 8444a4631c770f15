/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * IP addresses and networks as values, and a set of networks that answers in a handful of comparisons.
 *
 * Called by policy (Trusted List), the listener and the resolver. Pure: no I/O, no state. Everything
 * is kept in 16 bytes, IPv4 as ::ffff:a.b.c.d, so that a dual-stack socket's peers need no special case.
 */
#include "util/netblock.h"

#include <arpa/inet.h>
#include <gio/gio.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

static const guint8 v4_mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

struct _PbNetblockSet
{
  gsize n;
  struct
  {
    PbIp first, last;
  } ranges[];
};

static int
ip_compare (const PbIp *a, const PbIp *b)
{
  return memcmp (a->bytes, b->bytes, sizeof a->bytes);
}

static void
ip_from_v4 (PbIp *ip, const void *four)
{
  memcpy (ip->bytes, v4_mapped, sizeof v4_mapped);
  memcpy (ip->bytes + 12, four, 4);
}

/* @set: whether the bits behind @prefix become ones (the last address) or zeros (the network). */
static PbIp
ip_fill_host_bits (const PbIp *ip, guint prefix, gboolean set)
{
  PbIp filled = *ip;

  for (guint bit = prefix; bit < 128; bit++)
    {
      guint8 mask = (guint8) (0x80 >> (bit & 7));

      if (set)
        filled.bytes[bit >> 3] |= mask;
      else
        filled.bytes[bit >> 3] &= (guint8) ~mask;
    }
  return filled;
}

gboolean
pb_ip_parse (const char *text, PbIp *ip)
{
  struct in_addr four;

  if (inet_pton (AF_INET, text, &four) == 1)
    {
      ip_from_v4 (ip, &four);
      return TRUE;
    }
  return inet_pton (AF_INET6, text, ip->bytes) == 1;
}

gboolean
pb_ip_from_sockaddr (const struct sockaddr *address, PbIp *ip)
{
  switch (address->sa_family)
    {
    case AF_INET:
      ip_from_v4 (ip, &((const struct sockaddr_in *) (const void *) address)->sin_addr);
      return TRUE;
    case AF_INET6:
      memcpy (ip->bytes, &((const struct sockaddr_in6 *) (const void *) address)->sin6_addr, 16);
      return TRUE;
    default:
      return FALSE;
    }
}

gboolean
pb_ip_is_v4 (const PbIp *ip)
{
  return memcmp (ip->bytes, v4_mapped, sizeof v4_mapped) == 0;
}

gboolean
pb_ip_is_loopback (const PbIp *ip)
{
  static const PbIp six = { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 } };

  return pb_ip_is_v4 (ip) ? ip->bytes[12] == 127 : ip_compare (ip, &six) == 0;
}

/* Returns: behind the decimal digits of @octet. */
static char *
append_octet (char *at, guint8 octet)
{
  if (octet >= 100)
    *at++ = (char) ('0' + octet / 100);
  if (octet >= 10)
    *at++ = (char) ('0' + octet / 10 % 10);
  *at++ = (char) ('0' + octet % 10);
  return at;
}

char *
pb_ip_format (const PbIp *ip, char *buffer, gsize size)
{
  char *at = buffer;

  g_return_val_if_fail (size >= INET6_ADDRSTRLEN, NULL);
  if (!pb_ip_is_v4 (ip))
    {
      inet_ntop (AF_INET6, ip->bytes, buffer, (socklen_t) size);
      return buffer;
    }
  /* inet_ntop() goes by way of printf, for something that every message needs four times. */
  for (guint i = 12; i < 16; i++)
    {
      at = append_octet (at, ip->bytes[i]);
      *at++ = i < 15 ? '.' : '\0';
    }
  return buffer;
}

/* "255.255.240.0" -> 20. Only masks of ones followed by zeros are networks. */
static gboolean
mask_to_prefix (const char *text, guint *prefix)
{
  struct in_addr four;
  guint32 mask;

  if (inet_pton (AF_INET, text, &four) != 1)
    return FALSE;
  mask = ntohl (four.s_addr);
  *prefix = mask == 0 ? 0 : 32 - (guint) __builtin_ctz (mask);
  return mask == (*prefix == 0 ? 0 : G_MAXUINT32 << (32 - *prefix));
}

static gboolean
prefix_parse (const char *text, gboolean v4, guint *prefix)
{
  guint64 number;

  if (g_ascii_string_to_unsigned (text, 10, 0, v4 ? 32 : 128, &number, NULL))
    *prefix = (guint) number;
  else if (!v4 || !mask_to_prefix (text, prefix))
    return FALSE;
  return TRUE;
}

gboolean
pb_netblock_parse (const char *text, PbNetblock *block, GError **error)
{
  const char *slash = strchr (text, '/');
  g_autofree char *address =
    slash != NULL ? g_strndup (text, (gsize) (slash - text)) : g_strdup (text);
  gboolean v4 = strchr (address, ':') == NULL;
  guint prefix = v4 ? 32 : 128;
  PbIp ip;

  if (!pb_ip_parse (address, &ip))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "“%s” is not an IP address",
                   address);
      return FALSE;
    }
  if (slash != NULL && !prefix_parse (slash + 1, v4, &prefix))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                   "“%s” is not a prefix length from 0 to %d%s", slash + 1, v4 ? 32 : 128,
                   v4 ? " or a network mask" : "");
      return FALSE;
    }
  block->prefix = v4 ? prefix + 96 : prefix;
  block->network = ip_fill_host_bits (&ip, block->prefix, FALSE);
  return TRUE;
}

gboolean
pb_netblock_contains (const PbNetblock *block, const PbIp *ip)
{
  guint whole = block->prefix / 8;
  guint rest = block->prefix % 8;
  guint8 mask = (guint8) (0xff00 >> rest);

  if (memcmp (block->network.bytes, ip->bytes, whole) != 0)
    return FALSE;
  return rest == 0 || ((block->network.bytes[whole] ^ ip->bytes[whole]) & mask) == 0;
}

PbIp
pb_ip_mask (const PbIp *ip, const PbIp *mask)
{
  PbIp masked;

  for (guint i = 0; i < sizeof masked.bytes; i++)
    masked.bytes[i] = ip->bytes[i] & mask->bytes[i];
  return masked;
}

/* The mask behind the slash. An IPv4 one binds the mapped prefix too, so that no IPv6 address is in it. */
static gboolean
mask_parse (const char *text, gboolean v4, PbIp *mask)
{
  guint prefix;

  memset (mask->bytes, 0xff, sizeof mask->bytes);
  if (!prefix_parse (text, v4, &prefix))
    return v4 ? inet_pton (AF_INET, text, mask->bytes + 12) == 1
              : inet_pton (AF_INET6, text, mask->bytes) == 1;
  *mask = ip_fill_host_bits (mask, v4 ? prefix + 96 : prefix, FALSE);
  return TRUE;
}

gboolean
pb_netmask_parse (const char *text, PbNetmask *netmask)
{
  const char *slash = strchr (text, '/');
  g_autofree char *address =
    slash != NULL ? g_strndup (text, (gsize) (slash - text)) : g_strdup (text);
  gboolean v4 = strchr (address, ':') == NULL;
  PbIp ip;

  if (!pb_ip_parse (address, &ip)
      || !mask_parse (slash != NULL ? slash + 1 : (v4 ? "32" : "128"), v4, &netmask->mask))
    return FALSE;
  netmask->value = pb_ip_mask (&ip, &netmask->mask);
  netmask->ones = 0;
  for (guint i = 0; i < sizeof netmask->mask.bytes; i++)
    netmask->ones += (guint) __builtin_popcount (netmask->mask.bytes[i]);
  return TRUE;
}

gboolean
pb_netmask_has_gaps (const PbNetmask *netmask)
{
  guint prefix = 0;

  while (prefix < 128 && (netmask->mask.bytes[prefix / 8] & (0x80 >> prefix % 8)) != 0)
    prefix++;
  return prefix != netmask->ones;
}

static int
block_compare (gconstpointer a, gconstpointer b)
{
  return ip_compare (&((const PbNetblock *) a)->network, &((const PbNetblock *) b)->network);
}

PbNetblockSet *
pb_netblock_set_new (const PbNetblock *blocks, gsize n_blocks)
{
  PbNetblockSet *self = g_malloc (sizeof *self + n_blocks * sizeof self->ranges[0]);
  g_autofree PbNetblock *sorted = g_memdup2 (blocks, n_blocks * sizeof *blocks);

  self->n = 0;
  if (n_blocks > 1)
    qsort (sorted, n_blocks, sizeof *sorted, block_compare);
  for (gsize i = 0; i < n_blocks; i++)
    {
      PbIp last = ip_fill_host_bits (&sorted[i].network, sorted[i].prefix, TRUE);

      /* Networks nest or are apart, so overlapping means the earlier one or a later, wider one of the same start. */
      if (self->n > 0 && ip_compare (&sorted[i].network, &self->ranges[self->n - 1].last) <= 0)
        {
          if (ip_compare (&last, &self->ranges[self->n - 1].last) > 0)
            self->ranges[self->n - 1].last = last;
          continue;
        }
      self->ranges[self->n].first = sorted[i].network;
      self->ranges[self->n++].last = last;
    }
  return self;
}

void
pb_netblock_set_free (PbNetblockSet *self)
{
  g_free (self);
}

gboolean
pb_netblock_set_contains (const PbNetblockSet *self, const PbIp *ip)
{
  gsize low = 0, high = self->n;

  while (low < high)
    {
      gsize middle = low + (high - low) / 2;

      if (ip_compare (ip, &self->ranges[middle].first) < 0)
        high = middle;
      else if (ip_compare (ip, &self->ranges[middle].last) > 0)
        low = middle + 1;
      else
        return TRUE;
    }
  return FALSE;
}
