/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Texts of IP addresses and networks: the checks of the bus and the parser behind them must be of one
 * mind, an address printed is the one that was read, and a network holds its own address, alone and in
 * a set. Where a text has NULs, each piece is a network of one set.
 */
#include "dbus/validate.h"
#include "util/netblock.h"

#include <arpa/inet.h>
#include <string.h>

#define MAX_BLOCKS 64

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

static void
try_address (const char *text)
{
  char printed[INET6_ADDRSTRLEN];
  PbIp ip, again;

  if (!pb_ip_parse (text, &ip))
    return;
  g_assert (pb_ip_format (&ip, printed, sizeof printed) != NULL);
  g_assert (pb_ip_parse (printed, &again) && memcmp (&ip, &again, sizeof ip) == 0);
  g_assert (pb_check (PB_CHECK_IP, text) == NULL);
}

static gboolean
try_network (const char *text, PbNetblock *block)
{
  g_autoptr (GError) error = NULL;
  gboolean parsed = pb_netblock_parse (text, block, &error);

  g_assert (parsed == (error == NULL));
  /* Whatever the bus lets through is a network to the daemon. */
  g_assert (parsed || pb_check (PB_CHECK_NETWORK, text) != NULL);
  if (parsed)
    {
      g_assert (block->prefix <= 128);
      g_assert (pb_netblock_contains (block, &block->network));
    }
  return parsed;
}

/* A network with any mask: its own value is in it, and where the mask has no gaps it is the network of the other parser. */
static void
try_netmask (const char *text, const PbNetblock *block)
{
  PbNetmask netmask;
  gboolean parsed = pb_netmask_parse (text, &netmask);
  PbIp masked;

  g_assert (parsed || pb_check (PB_CHECK_NETMASK, text) != NULL);
  g_assert (parsed || block == NULL);
  if (!parsed)
    return;
  g_assert (netmask.ones <= 128);
  masked = pb_ip_mask (&netmask.value, &netmask.mask);
  g_assert (memcmp (&masked, &netmask.value, sizeof masked) == 0);
  if (block != NULL)
    {
      g_assert (memcmp (&block->network, &netmask.value, sizeof masked) == 0);
      g_assert (block->prefix == netmask.ones);
    }
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  const char *const end = (const char *) data + size;
  const char *at = (const char *) data;
  g_autoptr (PbNetblockSet) set = NULL;
  PbNetblock blocks[MAX_BLOCKS] = { 0 };
  gsize n = 0;

  while (at < end && n < MAX_BLOCKS)
    {
      g_autofree char *text = g_strndup (at, end - at);

      at += strlen (text) + 1;
      try_address (text);
      if (try_network (text, &blocks[n]))
        try_netmask (text, &blocks[n++]);
      else
        try_netmask (text, NULL);
    }
  set = pb_netblock_set_new (blocks, n);
  for (gsize i = 0; i < n; i++)
    g_assert (pb_netblock_set_contains (set, &blocks[i].network));
  return 0;
}
