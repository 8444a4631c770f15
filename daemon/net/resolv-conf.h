/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

/* Name servers as texts that libunbound takes: "192.0.2.1", "192.0.2.1@5353", "fe80::1%eth0". */

/** pb_resolv_conf_parse: the name servers of a resolv.conf's @text in order; 127.0.0.1 when it names none (resolv.conf(5)). Returns: (transfer full) of char *. */
GPtrArray *pb_resolv_conf_parse (const char *text);

/** pb_resolv_conf_parse_server: @text "ADDRESS[:PORT]" or "[IPv6]:PORT". Errors: G_IO_ERROR_INVALID_ARGUMENT naming it. */
char *pb_resolv_conf_parse_server (const char *text, GError **error);

/** pb_resolv_conf_parse_servers: likewise a NULL-terminated list. Returns: (transfer full) of char *, NULL with @error naming the bad one. */
GPtrArray *pb_resolv_conf_parse_servers (const char *const *texts, GError **error);
