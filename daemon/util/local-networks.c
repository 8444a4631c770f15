/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Works out the local network from tables of interfaces, addresses and default routes: pure, so that every
 * rule is a row of a test. The tables come from the kernel (net/interfaces.c), the result goes to the
 * registry and from there into every snapshot. Wherever there is doubt a network is left out: a client that
 * has to log in is a nuisance, a stranger that need not is an open relay.
 */
#include "util/local-networks.h"

#include <arpa/inet.h>
#include <string.h>

#define V4(bits) ((bits) + 96)

struct _PbLocalNetworks
{
  char **texts;       /* (owned) */
  PbNetblockSet *set; /* (owned) */
  gboolean named;     /* by the administrator */
  GArray
    *foreign; /* (owned) (element-type PbNetblock) sorted: containers' networks inside of ours */
  GArray *
    scopes; /* (owned) (element-type int) sorted: indices of the interfaces whose link-local addresses count */
  GArray *gateways; /* (owned) (element-type PbIp) */
  GArray
    *named_alone; /* (owned) (element-type PbIp) addresses that count although they are gateways */
};

/* Address ranges, with the least prefix that a network in them is taken with. */
static const struct
{
  const char *block;
  guint least;
} ranges[] = {
  { "10.0.0.0/8", V4 (8) },
  { "172.16.0.0/12", V4 (12) },
  { "192.168.0.0/16", V4 (16) },
  { "169.254.0.0/16", V4 (16) },
  { "fc00::/7", 48 },
  { "fe80::/10", 64 },
  { "2000::/3", 64 },
};

static const char *const foreign_names[] = { "veth", "docker", "podman", "cni", "virbr" };
static const char *const physical_kinds[] = { "", "bond", "team", "vlan" };

void
pb_interface_tables_init (PbInterfaceTables *self)
{
  self->links = g_array_new (FALSE, TRUE, sizeof (PbLink));
  self->addresses = g_array_new (FALSE, TRUE, sizeof (PbLinkAddress));
  self->gateways = g_array_new (FALSE, TRUE, sizeof (PbIp));
}

void
pb_interface_tables_clear (PbInterfaceTables *self)
{
  g_clear_pointer (&self->links, g_array_unref);
  g_clear_pointer (&self->addresses, g_array_unref);
  g_clear_pointer (&self->gateways, g_array_unref);
}

/* ---- which interfaces count ---- */

static const PbLink *
find_link (const PbInterfaceTables *tables, int index)
{
  for (guint i = 0; i < tables->links->len; i++)
    {
      const PbLink *link = &g_array_index (tables->links, PbLink, i);

      if (link->index == index)
        return link;
    }
  return NULL;
}

static gboolean
is_one_of (const char *text, const char *const *words, gsize n_words)
{
  for (gsize i = 0; i < n_words; i++)
    if (g_str_equal (text, words[i]))
      return TRUE;
  return FALSE;
}

static gboolean
has_physical_port (const PbInterfaceTables *tables, int bridge)
{
  for (guint i = 0; i < tables->links->len; i++)
    {
      const PbLink *link = &g_array_index (tables->links, PbLink, i);

      if (link->master == bridge
          && is_one_of (link->kind, physical_kinds, G_N_ELEMENTS (physical_kinds)))
        return TRUE;
    }
  return FALSE;
}

/* It leads to containers and virtual machines of this very machine. */
static gboolean
is_foreign (const PbInterfaceTables *tables, const PbLink *link)
{
  if (g_str_equal (link->kind, "veth"))
    return TRUE;
  for (guint i = 0; i < G_N_ELEMENTS (foreign_names); i++)
    if (g_str_has_prefix (link->name, foreign_names[i]))
      return TRUE;
  return g_str_equal (link->kind, "bridge") && !has_physical_port (tables, link->index);
}

static gboolean
counts (const PbInterfaceTables *tables, const PbLink *link)
{
  return link != NULL && link->up && !link->loopback && !is_foreign (tables, link);
}

/* ---- which networks ---- */

static void
mask (PbNetblock *block)
{
  for (guint bit = block->prefix; bit < 128; bit++)
    block->network.bytes[bit / 8] &= (guint8) ~(0x80 >> bit % 8);
}

/* Returns: FALSE when nobody but ourselves is in it, or anybody might be. */
static gboolean
network_of (const PbLinkAddress *address, PbNetblock *block)
{
  if (address->prefix >= 128)
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (ranges); i++)
    {
      PbNetblock range;

      if (!pb_netblock_parse (ranges[i].block, &range, NULL)
          || !pb_netblock_contains (&range, &address->ip))
        continue;
      block->network = address->ip;
      block->prefix = MAX (address->prefix, ranges[i].least);
      mask (block);
      return TRUE;
    }
  return FALSE;
}

/* Such an address says nothing without the interface that it is met on. */
static gboolean
is_link_local (const PbIp *ip)
{
  return ip->bytes[0] == 0xfe && (ip->bytes[1] & 0xc0) == 0x80;
}

static gboolean
is_inside (const PbNetblock *block, const GArray *blocks)
{
  for (guint i = 0; i < blocks->len; i++)
    {
      const PbNetblock *wider = &g_array_index (blocks, PbNetblock, i);

      if (wider->prefix <= block->prefix && pb_netblock_contains (wider, &block->network))
        return TRUE;
    }
  return FALSE;
}

static int
compare_blocks (gconstpointer a, gconstpointer b)
{
  const PbNetblock *one = a, *other = b;
  int order = memcmp (&one->network, &other->network, sizeof one->network);

  return order != 0 ? order : (one->prefix > other->prefix) - (one->prefix < other->prefix);
}

static char *
format_block (const PbNetblock *block)
{
  gboolean v4 = pb_ip_is_v4 (&block->network) && block->prefix >= 96;
  char ip[INET6_ADDRSTRLEN];

  return g_strdup_printf ("%s/%u", pb_ip_format (&block->network, ip, sizeof ip),
                          v4 ? block->prefix - 96 : block->prefix);
}

static int
compare_indices (gconstpointer a, gconstpointer b)
{
  int one = *(const int *) a, other = *(const int *) b;

  return (one > other) - (one < other);
}

/* @blocks, @gateways: (transfer full). */
static PbLocalNetworks *
build (GArray *blocks, GArray *gateways)
{
  PbLocalNetworks *self = g_atomic_rc_box_new0 (PbLocalNetworks);
  g_autoptr (GPtrArray) texts = g_ptr_array_new ();

  g_array_sort (blocks, compare_blocks);
  for (guint i = 0; i < blocks->len; i++)
    {
      const PbNetblock *block = &g_array_index (blocks, PbNetblock, i);

      if (i == 0 || compare_blocks (block - 1, block) != 0)
        g_ptr_array_add (texts, format_block (block));
    }
  g_ptr_array_add (texts, NULL);
  self->texts = (char **) g_ptr_array_steal (texts, NULL);
  self->set = pb_netblock_set_new ((const PbNetblock *) blocks->data, blocks->len);
  self->foreign = g_array_new (FALSE, FALSE, sizeof (PbNetblock));
  self->scopes = g_array_new (FALSE, FALSE, sizeof (int));
  self->gateways = gateways;
  self->named_alone = g_array_new (FALSE, FALSE, sizeof (PbIp));
  g_array_unref (blocks);
  return self;
}

static int
compare_ips (gconstpointer a, gconstpointer b)
{
  return memcmp (a, b, sizeof (PbIp));
}

static GArray *
copy_ips (const GArray *ips)
{
  GArray *copy = g_array_sized_new (FALSE, FALSE, sizeof (PbIp), ips->len);

  g_array_append_vals (copy, ips->data, ips->len);
  g_array_sort (copy, compare_ips);
  return copy;
}

/* A container's network may be cut out of one that counts: 172.17.0.0/16 where 172.16.0.0/12 is the office's. */
static void
add_foreign (PbLocalNetworks *self, const PbInterfaceTables *tables, const GArray *blocks)
{
  for (guint i = 0; i < tables->addresses->len; i++)
    {
      const PbLinkAddress *address = &g_array_index (tables->addresses, PbLinkAddress, i);
      const PbLink *link = find_link (tables, address->index);
      PbNetblock block;

      if (link != NULL && !link->loopback && is_foreign (tables, link)
          && !is_link_local (&address->ip) && network_of (address, &block)
          && is_inside (&block, blocks))
        g_array_append_val (self->foreign, block);
    }
  g_array_sort (self->foreign, compare_blocks);
}

PbLocalNetworks *
pb_local_networks_new (const PbInterfaceTables *tables)
{
  g_autoptr (GArray) blocks = g_array_new (FALSE, FALSE, sizeof (PbNetblock));
  g_autoptr (GArray) scopes = g_array_new (FALSE, FALSE, sizeof (int));
  PbLocalNetworks *self;

  for (guint i = 0; i < tables->addresses->len; i++)
    {
      const PbLinkAddress *address = &g_array_index (tables->addresses, PbLinkAddress, i);
      PbNetblock block;

      if (!counts (tables, find_link (tables, address->index)) || !network_of (address, &block))
        continue;
      g_array_append_val (blocks, block);
      if (is_link_local (&address->ip))
        g_array_append_val (scopes, address->index);
    }
  self = build (g_array_ref (blocks), copy_ips (tables->gateways));
  g_array_append_vals (self->scopes, scopes->data, scopes->len);
  g_array_sort (self->scopes, compare_indices);
  add_foreign (self, tables, blocks);
  return self;
}

PbLocalNetworks *
pb_local_networks_replace (PbLocalNetworks *self, const char *const *networks)
{
  GArray *blocks;
  PbLocalNetworks *replaced;

  if (networks == NULL || networks[0] == NULL)
    return pb_local_networks_ref (self);
  blocks = g_array_new (FALSE, FALSE, sizeof (PbNetblock));
  for (guint i = 0; networks[i] != NULL; i++)
    {
      PbNetblock block;

      if (pb_netblock_parse (networks[i], &block, NULL))
        g_array_append_val (blocks, block);
    }
  g_array_ref (blocks);
  replaced = build (blocks, copy_ips (self->gateways));
  replaced->named = TRUE;
  for (guint i = 0; i < blocks->len; i++)
    {
      const PbNetblock *block = &g_array_index (blocks, PbNetblock, i);

      if (block->prefix == 128)
        g_array_append_val (replaced->named_alone, block->network);
    }
  g_array_unref (blocks);
  return replaced;
}

PbLocalNetworks *
pb_local_networks_ref (PbLocalNetworks *self)
{
  return g_atomic_rc_box_acquire (self);
}

static void
clear (gpointer data)
{
  PbLocalNetworks *self = data;

  g_strfreev (self->texts);
  pb_netblock_set_free (self->set);
  g_array_unref (self->foreign);
  g_array_unref (self->scopes);
  g_array_unref (self->gateways);
  g_array_unref (self->named_alone);
}

void
pb_local_networks_unref (PbLocalNetworks *self)
{
  g_atomic_rc_box_release_full (self, clear);
}

/* ---- looking things up ---- */

static gboolean
has_ip (const GArray *ips, const PbIp *ip)
{
  for (guint i = 0; i < ips->len; i++)
    if (memcmp (&g_array_index (ips, PbIp, i), ip, sizeof *ip) == 0)
      return TRUE;
  return FALSE;
}

static gboolean
has_scope (const PbLocalNetworks *self, int scope)
{
  for (guint i = 0; i < self->scopes->len; i++)
    if (g_array_index (self->scopes, int, i) == scope)
      return TRUE;
  return FALSE;
}

static gboolean
is_container (const PbLocalNetworks *self, const PbIp *ip, int scope)
{
  if (is_link_local (ip))
    return !self->named && !has_scope (self, scope);
  for (guint i = 0; i < self->foreign->len; i++)
    if (pb_netblock_contains (&g_array_index (self->foreign, PbNetblock, i), ip))
      return TRUE;
  return FALSE;
}

gboolean
pb_local_networks_contains (const PbLocalNetworks *self, const PbIp *ip, int scope)
{
  return pb_netblock_set_contains (self->set, ip) && !is_container (self, ip, scope)
         && (!has_ip (self->gateways, ip) || has_ip (self->named_alone, ip));
}

const char *const *
pb_local_networks_texts (const PbLocalNetworks *self)
{
  return (const char *const *) self->texts;
}

static gboolean
same (const GArray *some, const GArray *others)
{
  gsize size = g_array_get_element_size ((GArray *) some);

  return some->len == others->len
         && (some->len == 0 || memcmp (some->data, others->data, some->len * size) == 0);
}

static gboolean
same_blocks (const GArray *some, const GArray *others)
{
  gboolean equal = some->len == others->len;

  for (guint i = 0; equal && i < some->len; i++)
    equal =
      compare_blocks (&g_array_index (some, PbNetblock, i), &g_array_index (others, PbNetblock, i))
      == 0;
  return equal;
}

gboolean
pb_local_networks_equal (const PbLocalNetworks *self, const PbLocalNetworks *other)
{
  return g_strv_equal (pb_local_networks_texts (self), pb_local_networks_texts (other))
         && self->named == other->named && same_blocks (self->foreign, other->foreign)
         && same (self->scopes, other->scopes) && same (self->gateways, other->gateways)
         && same (self->named_alone, other->named_alone);
}
