/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/netblock.h"
#include <glib.h>

/* Connections now per client (IPv4 address, IPv6 /64), shared by all I/O threads behind one lock. */
typedef struct _PbClients PbClients;
PbClients *pb_clients_new (void);
void pb_clients_free (PbClients *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbClients, pb_clients_free)
/** pb_clients_enter: Returns: connections of @ip now, the new one counted. */
guint pb_clients_enter (PbClients *self, const PbIp *ip);
void pb_clients_leave (PbClients *self, const PbIp *ip);
