/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/netblock.h"
#include <glib.h>

/*
 * What each client (IPv4 address, IPv6 /64) has done of late: connections now, connections and messages in its minute, recipients of the day that do not
 * exist. Shared by all I/O threads behind one lock. Bounded: a million hostile addresses take less than 64 MiB, and harmless ones are forgotten first.
 */
typedef struct _PbClients PbClients;

#define PB_CLIENTS_MAX         (G_GUINT64_CONSTANT (1) << 19)
#define PB_CLIENTS_MAX_UNKNOWN (G_GUINT64_CONSTANT (3) << 19) /* recipients of all clients together; 8 octets each */

PbClients *pb_clients_new (void);
/** pb_clients_new_sized: for tests: at most @max clients, @max_unknown recipients of all together. */
PbClients *pb_clients_new_sized (guint max, gsize max_unknown);
void pb_clients_free (PbClients *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbClients, pb_clients_free)

/**
 * pb_clients_enter:
 * @now, @window: microseconds, monotonic; how long a minute is
 * @rate: (out) (nullable): connections in the client's window, this one counted; NULL: not to be counted
 * Returns: connections of @ip now, the new one counted.
 */
guint pb_clients_enter (PbClients *self, const PbIp *ip, gint64 now, gint64 window, guint *rate);
void pb_clients_leave (PbClients *self, const PbIp *ip);

/** pb_clients_message: Returns: messages in the client's window, this one counted. */
guint pb_clients_message (PbClients *self, const PbIp *ip, gint64 now, gint64 window);

/** pb_clients_unknown: @recipient does not exist. @day: any number that differs between days. Returns: how many of @ip's that day, the same one counted once. */
guint pb_clients_unknown (PbClients *self, const PbIp *ip, const char *recipient, gint64 now, gint64 day);

/* What would be counted now; changes nothing. */
typedef struct
{
  guint connections, connection_rate, message_rate;
} PbClientCounts;
void pb_clients_peek (PbClients *self, const PbIp *ip, gint64 now, gint64 window, PbClientCounts *counts);

/** pb_clients_size: clients known, and @octets (out) (nullable) that they take. */
guint pb_clients_size (PbClients *self, gsize *octets);
