/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "model/connection.h"
#include "model/list-model.h"

G_BEGIN_DECLS

/* Mail on its way. Properties: active, deferred, held, size, oldest, count (t; count = all three together), read-only, asked every 10 s, and
 * every 2 s while "watched" (b, writable) is TRUE; a service that tells of changes is asked when it does. Signals: none but notify. */
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
  PBA_QUEUE_REMOVE,  /* without telling the senders */
  PBA_QUEUE_BOUNCE,  /* removes and tells the senders */
  PBA_QUEUE_REROUTE, /* to a target */
} PbaQueueAction;

/* Which messages are meant: those of these ids, or all that match. Reference-counted. */
typedef struct _PbaQueueChoice PbaQueueChoice;
/** pba_queue_choice_new_ids: @ids copied. Any number. */
PbaQueueChoice *pba_queue_choice_new_ids (const char *const *ids);
/** pba_queue_choice_new_matching: @state, @search (nullable): as the list has them; without both it is the whole queue. */
PbaQueueChoice *pba_queue_choice_new_matching (const char *state, const char *search);
PbaQueueChoice *pba_queue_choice_ref (PbaQueueChoice *self);
void pba_queue_choice_unref (PbaQueueChoice *self);
/** pba_queue_choice_has_ids: it means these messages, whatever becomes of the others: what was done can be undone. */
gboolean pba_queue_choice_has_ids (PbaQueueChoice *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbaQueueChoice, pba_queue_choice_unref)

/** pba_queue_can_act: whether this service has the action. */
gboolean pba_queue_can_act (PbaQueue *self, PbaQueueAction action);
/** pba_queue_act_async: @target (nullable) for PBA_QUEUE_REROUTE: host[:port], "" undoes it. The list is asked again afterwards. */
void pba_queue_act_async (PbaQueue *self, PbaQueueAction action, PbaQueueChoice *choice, const char *target, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
/** pba_queue_act_finish: @n (out): how many messages it was done to. */
gboolean pba_queue_act_finish (PbaQueue *self, GAsyncResult *result, guint *n, GError **error);

#define PBA_QUEUE_READ_MAX 65536
/** pba_queue_read_async: up to PBA_QUEUE_READ_MAX octets of the message @id from @offset. */
void pba_queue_read_async (PbaQueue *self, const char *id, guint64 offset, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
/** pba_queue_read_finish: Returns: (transfer full) (nullable): the octets; @size (out): the whole message's. */
GBytes *pba_queue_read_finish (PbaQueue *self, GAsyncResult *result, guint64 *size, GError **error);
/** pba_queue_can_read, pba_queue_can_list_attempts: whether this service has it. */
gboolean pba_queue_can_read (PbaQueue *self);
gboolean pba_queue_can_list_attempts (PbaQueue *self);
/** pba_queue_list_attempts_async: how delivery of the message @id was tried. list_attempts_finish: (transfer full) (nullable): aa{sv}: Time t, Ended t, Remote s, Outcome s, Reply s, Transcript s. */
void pba_queue_list_attempts_async (PbaQueue *self, const char *id, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
GVariant *pba_queue_list_attempts_finish (PbaQueue *self, GAsyncResult *result, GError **error);

G_END_DECLS
