/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "session/server.h"
#include "store/store.h"
#include <glib.h>

/* The line that `systemctl status` shows: what waits, and who is there. Nothing where systemd does not listen. */
typedef struct _PbStatusLine PbStatusLine;

/** pb_status_line_new: @store and @server are borrowed. On the main context. */
PbStatusLine *pb_status_line_new (PbStore *store, PbServer *server);
void pb_status_line_free (PbStatusLine *self);

/** pb_status_line_format: Returns: (transfer full): the line for @counts, @n_sessions and @state. Pure. */
char *pb_status_line_format (const PbQueueCounts *counts, guint n_sessions, PbStoreState state);
