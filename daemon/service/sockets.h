/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "net/listener.h"
#include <glib.h>

/**
 * pb_sockets_open:
 * @endpoints: (element-type PbEndpoint): what the command line asked for
 * Listening sockets passed by systemd (LISTEN_FDS; told apart by FileDescriptorName= smtp, submission, submissions) win over @endpoints.
 * Returns: (transfer full) (element-type PbListener): all of them, or NULL with @error naming the one that cannot be had.
 */
GPtrArray *pb_sockets_open (GPtrArray *endpoints, GError **error);
