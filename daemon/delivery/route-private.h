/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "delivery/router.h"

/** pb_route_new: @key (transfer full) (nullable): to be set by pb_route_set_key() later. */
PbRoute *pb_route_new (PbRouteKind kind, PbRouteReason reason, char *key);

/** pb_route_add_host: @text: host, host:port, [v6]:port or a bare IPv6. Returns: FALSE when it is none. */
gboolean pb_route_add_host (PbRoute *self, const char *text, guint16 default_port);

/** pb_route_set_key: from @prefix and everything that connections must have in common. */
void pb_route_set_key (PbRoute *self, const char *prefix);
