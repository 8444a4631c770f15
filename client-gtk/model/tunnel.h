/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "model/connection.h"

G_BEGIN_DECLS

/* A run of ssh with its far end's input and output as a stream. Signal: "question" (PbaQuestion, text s); answer with pba_tunnel_answer(). */
#define PBA_TYPE_TUNNEL (pba_tunnel_get_type ())
G_DECLARE_FINAL_TYPE (PbaTunnel, pba_tunnel, PBA, TUNNEL, GObject)

/** pba_tunnel_split: Returns: FALSE with a sentence when @address is no [user@]host[:port] that may be given to ssh. @user, @port (out) (nullable). */
gboolean pba_tunnel_split (const char *address, char **user, char **host, char **port, GError **error);
/** pba_tunnel_new: starts ssh. @command (nullable): what the login shell there runs, made of nothing that comes from elsewhere; NULL: the bridge to
 *  the system bus. @ask: FALSE fails instead of asking for a password. */
PbaTunnel *pba_tunnel_new (const char *address, const char *command, gboolean ask, GError **error);
/** pba_tunnel_get_stream: (transfer none). */
GIOStream *pba_tunnel_get_stream (PbaTunnel *self);
void pba_tunnel_answer (PbaTunnel *self, const char *text);
/** pba_tunnel_ended_async: waits until ssh is gone and its words are read. ended_finish: (transfer full) (nullable): what it said. */
void pba_tunnel_ended_async (PbaTunnel *self, GAsyncReadyCallback callback, gpointer user_data);
char *pba_tunnel_ended_finish (PbaTunnel *self, GAsyncResult *result, GError **error);
/** pba_tunnel_end: closes the pipes and ends ssh. */
void pba_tunnel_end (PbaTunnel *self);

G_END_DECLS
