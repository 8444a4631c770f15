/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "net/listener.h"
#include "queue/queue.h"
#include "settings/registry.h"
#include <glib.h>

/* The SMTP server side: what the listeners hand their sockets to. Sessions live on the reactor that accepted them. */
typedef struct _PbServer PbServer;

typedef struct
{
  PbRegistry *registry; /* borrowed */
  PbStore *store;
  PbQueue *queue;
} PbServerParts;

PbServer *pb_server_new (const PbServerParts *parts);
/** pb_server_accept: a PbAcceptFunc; @user_data is the PbServer. */
void pb_server_accept (int fd, const struct sockaddr *peer, socklen_t peer_length, PbRole role, PbReactor *reactor, gpointer user_data);
/** pb_server_shut_down: sessions between commands get 421 4.3.2 and go; those in DATA or awaiting a commit may finish until @deadline (monotonic us), then go too. Any thread. */
void pb_server_shut_down (PbServer *self, gint64 deadline);
guint pb_server_n_sessions (PbServer *self);
/** pb_server_free: sessions that are left get 421 and go; one whose message the store has still to answer for lasts until then, on its reactor. */
void pb_server_free (PbServer *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbServer, pb_server_free)
