/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "model/connection.h"
#include "model/list-model.h"

G_BEGIN_DECLS

/* What became of mail: messages as a paged list with filters, and the trail of each. Properties, read-only: state (s: "ok", "behind", "unavailable", "" while
 * unknown), dropped (t). The list follows the service while it is watched. */
#define PBA_TYPE_HISTORY (pba_history_get_type ())
G_DECLARE_FINAL_TYPE (PbaHistory, pba_history, PBA, HISTORY, GObject)

PbaHistory *pba_history_new (PbaConnection *connection);
/** pba_history_get_supported: this service keeps a history. */
gboolean pba_history_get_supported (PbaHistory *self);
void pba_history_set_watched (PbaHistory *self, gboolean watched);
/** pba_history_get_messages: (transfer none): rows of History.Search, newest first. */
PbaListModel *pba_history_get_messages (PbaHistory *self);
/** pba_history_filter: shows only messages with @text somewhere, @event and @check; each (nullable). */
void pba_history_filter (PbaHistory *self, const char *text, const char *event, const char *check);

/** pba_history_trail_async: the lines of message @id. trail_finish: (transfer full): aa{sv}. */
void pba_history_trail_async (PbaHistory *self, const char *id, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
GVariant *pba_history_trail_finish (PbaHistory *self, GAsyncResult *result, GError **error);

/** pba_history_can_explain: the service can say how mail would be judged now. */
gboolean pba_history_can_explain (PbaHistory *self);
/** pba_history_explain_async: how the message @cells, a row of messages, would be judged today for @recipient. explain_finish: (transfer full): aa{sv}. */
void pba_history_explain_async (PbaHistory *self, GVariant *cells, const char *recipient, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
GVariant *pba_history_explain_finish (PbaHistory *self, GAsyncResult *result, GError **error);

G_END_DECLS
