/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/netblock.h"
#include <glib.h>

/* A network interface, as far as it decides whether its networks are local. */
typedef struct
{
  int index;
  int master;    /* index of the bridge or bond that it is a port of; 0: none */
  gboolean up, loopback;
  char name[16];
  char kind[16]; /* "bridge", "veth", "vlan"; "" for a physical one */
} PbLink;

typedef struct
{
  int index; /* of its interface */
  PbIp ip;
  guint prefix; /* 0-128, IPv4 prefixes + 96 */
} PbLinkAddress;

/* What a machine's interfaces look like. */
typedef struct
{
  GArray *links;     /* (owned) (element-type PbLink) */
  GArray *addresses; /* (owned) (element-type PbLinkAddress) */
  GArray *gateways;  /* (owned) (element-type PbIp) of default routes */
} PbInterfaceTables;

void pb_interface_tables_init (PbInterfaceTables *self);
void pb_interface_tables_clear (PbInterfaceTables *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (PbInterfaceTables, pb_interface_tables_clear)

/*
 * The local network: whose clients may be spared the login. Immutable, reference-counted, any thread. A default gateway never belongs to it: behind
 * port forwarding the whole Internet comes from there.
 */
typedef struct _PbLocalNetworks PbLocalNetworks;

/**
 * pb_local_networks_new: the networks of the interfaces' addresses that are private (RFC 1918), unique local (RFC 4193) or link-local, and the own /64 of global
 * IPv6 ones. Not of interfaces that are down, loopback, veth, docker*, podman*, cni*, virbr*, or a bridge without a physical port; where the
 * network of such a one is a part of one that counts, that part does not.
 */
PbLocalNetworks *pb_local_networks_new (const PbInterfaceTables *tables);

/** pb_local_networks_replace: (transfer full): @networks (texts, checked) instead; without any, @self. A gateway counts only where it is named alone. */
PbLocalNetworks *pb_local_networks_replace (PbLocalNetworks *self, const char *const *networks);

PbLocalNetworks *pb_local_networks_ref (PbLocalNetworks *self);
void pb_local_networks_unref (PbLocalNetworks *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbLocalNetworks, pb_local_networks_unref)

/** pb_local_networks_contains: @scope: of an IPv6 link-local address, the index of the interface on which it is met; else of no account. */
gboolean pb_local_networks_contains (const PbLocalNetworks *self, const PbIp *ip, int scope);
/** pb_local_networks_texts: (transfer none): sorted; "192.168.1.0/24". */
const char *const *pb_local_networks_texts (const PbLocalNetworks *self);
/** pb_local_networks_equal: contain the same, and read the same. */
gboolean pb_local_networks_equal (const PbLocalNetworks *self, const PbLocalNetworks *other);
