/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "model/connection.h"
#include "model/list-model.h"

G_BEGIN_DECLS

/* Mail on its way. Properties: active, deferred, held, size, oldest, count (t; count = all three together), read-only, asked every 10 s, and
 * every 2 s while "watched" (b, writable) is TRUE. Signals: none but notify. */
#define PBA_TYPE_QUEUE (pba_queue_get_type ())
G_DECLARE_FINAL_TYPE (PbaQueue, pba_queue, PBA, QUEUE, GObject)

PbaQueue *pba_queue_new (PbaConnection *connection);
void pba_queue_set_watched (PbaQueue *self, gboolean watched);
/** pba_queue_get_messages: (transfer none): rows Id, Sender, Arrival, Size, State, Client, Recipients; asked again with the counts while watched. */
PbaListModel *pba_queue_get_messages (PbaQueue *self);

typedef enum
{
  PBA_QUEUE_HOLD,
  PBA_QUEUE_RELEASE,
  PBA_QUEUE_RETRY,
  PBA_QUEUE_REMOVE, /* without telling the senders */
  PBA_QUEUE_BOUNCE, /* removes and tells the senders */
} PbaQueueAction;
/** pba_queue_can_act: whether this service has the action. */
gboolean pba_queue_can_act (PbaQueue *self, PbaQueueAction action);
void pba_queue_act_async (PbaQueue *self, PbaQueueAction action, const char *const *ids, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
/** pba_queue_act_finish: @n (out): how many messages it was done to. */
gboolean pba_queue_act_finish (PbaQueue *self, GAsyncResult *result, guint *n, GError **error);

G_END_DECLS
