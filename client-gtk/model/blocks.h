/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "model/connection.h"
#include "model/list-model.h"

G_BEGIN_DECLS

/* Clients and accounts that may not log in for a while. Property: count (u), read-only, asked every 10 s, and every 5 s while it is watched. */
#define PBA_TYPE_BLOCKS (pba_blocks_get_type ())
G_DECLARE_FINAL_TYPE (PbaBlocks, pba_blocks, PBA, BLOCKS, GObject)

PbaBlocks *pba_blocks_new (PbaConnection *connection);
void pba_blocks_set_watched (PbaBlocks *self, gboolean watched);
/** pba_blocks_get_supported: this service blocks, and says whom. */
gboolean pba_blocks_get_supported (PbaBlocks *self);
/** pba_blocks_get_rows: (transfer none): rows Id, Kind (ip, account), Subject, Reason, Since, Expires. */
PbaListModel *pba_blocks_get_rows (PbaBlocks *self);

void pba_blocks_lift_async (PbaBlocks *self, const char *id, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
/** pba_blocks_extend_async: @expires: Unix seconds. */
void pba_blocks_extend_async (PbaBlocks *self, const char *id, gint64 expires, GCancellable *cancellable, GAsyncReadyCallback callback,
                              gpointer user_data);
/** pba_blocks_act_finish: of either. */
gboolean pba_blocks_act_finish (PbaBlocks *self, GAsyncResult *result, GError **error);

G_END_DECLS
