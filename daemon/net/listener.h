/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "net/reactor.h"
#include <glib.h>
#include <sys/socket.h>

typedef enum
{
  PB_ROLE_SMTP,
  PB_ROLE_SUBMISSION,
  PB_ROLE_SUBMISSIONS,
} PbRole;

const char *pb_role_name (PbRole role);
gboolean pb_role_parse (const char *name, PbRole *role);

typedef struct
{
  PbRole role;
  char *address; /* (owned) text of the IP */
  guint16 port;
} PbEndpoint;
void pb_endpoint_free (PbEndpoint *self);

/** pb_endpoint_parse: "ROLE:ADDRESS:PORT", ADDRESS an IPv4, or an IPv6 in brackets, or "*". Errors: G_OPTION_ERROR_BAD_VALUE. */
PbEndpoint *pb_endpoint_parse (const char *text, GError **error);

typedef struct _PbListener PbListener;

/**
 * PbAcceptFunc: on the reactor's thread, an accepted, non-blocking, close-on-exec socket with TCP_NODELAY set. Takes @fd.
 */
typedef void (*PbAcceptFunc) (int fd, const struct sockaddr *peer, socklen_t peer_length, PbRole role, PbReactor *reactor, gpointer user_data);

/**
 * pb_listener_open: binds and listens (SO_REUSEADDR; backlog 1,024). Blocks not. Errors: G_IO_ERROR with the endpoint in the message.
 * Input starts with pb_listener_start(). Descriptors used up: accept pauses 100 ms and again, never spins; a spare descriptor is not needed.
 */
PbListener *pb_listener_open (const PbEndpoint *endpoint, GError **error);

/** pb_listener_adopt: a listening socket passed by systemd. */
PbListener *pb_listener_adopt (int fd, PbRole role, GError **error);

/** pb_listener_start: accepts on @reactors in turn (one accepting reactor hands on to the others). */
void pb_listener_start (PbListener *self, PbReactor **reactors, guint n_reactors, PbAcceptFunc func, gpointer user_data);

/** pb_listener_endpoint: what it listens on, the real port when 0 was asked. (transfer none) */
const PbEndpoint *pb_listener_endpoint (PbListener *self);

/** pb_listener_stop: closes the socket on its reactor; waits until that is done. */
void pb_listener_stop (PbListener *self);
void pb_listener_free (PbListener *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbListener, pb_listener_free)
