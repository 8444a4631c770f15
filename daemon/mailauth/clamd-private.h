/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "mailauth/clamd.h"

/* One connection to clamd, for the files of the client alone. Every step waits for what is left of the call's time, and ends when the call is cancelled. */
typedef struct
{
  int fd;             /* -1: none */
  gint64 deadline;    /* monotonic, microseconds */
  GCancellable *cancellable; /* (unowned) (nullable) */
} PbClamdLink;

void pb_clamd_link_close (PbClamdLink *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (PbClamdLink, pb_clamd_link_close)

/** pb_clamd_link_connect: @self need not be anything before. A server that says nothing is given up after a few seconds, whatever the call's deadline. */
gboolean pb_clamd_link_connect (PbClamdLink *self, const PbClamdCall *call, GError **error);

/** pb_clamd_link_send: Errors: CONNECTION_CLOSED where clamd has something to say before it has all. */
gboolean pb_clamd_link_send (PbClamdLink *self, const void *data, gsize length, GError **error);

/** pb_clamd_link_send_descriptor: hands @fd over, with the one octet that carries it. */
gboolean pb_clamd_link_send_descriptor (PbClamdLink *self, int fd, GError **error);

/** pb_clamd_link_read: an answer up to its NUL. Returns: (transfer full) (nullable). Errors: PARTIAL_INPUT where it ends, or goes on, without. */
char *pb_clamd_link_read (PbClamdLink *self, GError **error);
