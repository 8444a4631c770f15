/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "store/database.h"
#include <glib.h>

/* Room on the disk that a database holds beforehand, so that a full disk refuses new mail and never the marks that make room again. */
typedef struct _PbRoom PbRoom;

/**
 * pb_room_new:
 * @database: open already
 * @log_pages: how long its log gets before it is copied
 * @disk: octets of the file system, 0 unknown
 * Reserves the log's room as far as there is any. Blocks.
 */
PbRoom *pb_room_new (PbDatabase *database, guint log_pages, guint64 disk);

/** pb_room_free: after the database's connections are closed. */
void pb_room_free (PbRoom *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbRoom, pb_room_free)

/** pb_room_shrunk: the database was written anew and is smaller. */
void pb_room_shrunk (PbRoom *self, PbDatabase *database);

/** pb_room_ensure: inside a transaction, before its commit: the file can hold what it adds. Errors: PB_STORE_ERROR_FULL. The writer thread. */
gboolean pb_room_ensure (PbRoom *self, PbDatabase *database, GError **error);
