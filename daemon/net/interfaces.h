/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/local-networks.h"
#include <glib.h>

/* Follows the machine's interfaces, addresses and default routes by rtnetlink(7), on the thread whose main context is its own when it is made. */
typedef struct _PbInterfaces PbInterfaces;

/** PbInterfacesFunc: @networks (transfer none) are what holds now. */
typedef void (*PbInterfacesFunc) (PbLocalNetworks *networks, gpointer user_data);

/**
 * pb_interfaces_new: reads all once, which takes a moment and no longer than a second, then follows. @func is called for every change, at most twice a second, never
 * from here. Without an answer from the kernel there are no networks; that is logged.
 */
PbInterfaces *pb_interfaces_new (PbInterfacesFunc func, gpointer user_data);
void pb_interfaces_free (PbInterfaces *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbInterfaces, pb_interfaces_free)

/** pb_interfaces_networks: (transfer none). */
PbLocalNetworks *pb_interfaces_networks (PbInterfaces *self);

typedef enum
{
  PB_NETLINK_MORE,   /* a dump goes on */
  PB_NETLINK_DONE,   /* a dump has ended */
  PB_NETLINK_FAILED, /* a dump was refused, or changed under way */
} PbNetlink;

/**
 * pb_netlink_parse: one datagram from the kernel.
 * @sequence: of the dump under way, 0: there is none; what bears another number is a notice
 * @tables: where entries of the dump go
 * @noticed: (inout): set when there was a notice
 */
PbNetlink pb_netlink_parse (const guint8 *data, gsize length, guint32 sequence, PbInterfaceTables *tables, gboolean *noticed);
