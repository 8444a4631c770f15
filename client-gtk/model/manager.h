/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "model/connection.h"

G_BEGIN_DECLS

/* Manager's properties: version (s), state (s, the bus word), state-title (s "Accepting mail"), revision (t), instance-id (s),
 * listening (GVariant a(ssu)). Read-only; follow PropertiesChanged. */
#define PBA_TYPE_MANAGER (pba_manager_get_type ())
G_DECLARE_FINAL_TYPE (PbaManager, pba_manager, PBA, MANAGER, GObject)

PbaManager *pba_manager_new (PbaConnection *connection);
const char *pba_manager_get_version (PbaManager *self);
const char *pba_manager_get_state (PbaManager *self);
const char *pba_manager_get_instance_id (PbaManager *self);
guint64 pba_manager_get_revision (PbaManager *self);
GVariant *pba_manager_get_listening (PbaManager *self);

/** pba_manager_set_relay_secret_async: @relay an exception's id or "general". @secret "" forgets it. */
void pba_manager_set_relay_secret_async (PbaManager *self, const char *relay, const char *secret, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
gboolean pba_manager_set_relay_secret_finish (PbaManager *self, GAsyncResult *result, GError **error);
/* Tests: finish with pba_manager_test_finish(). PB_ERROR_UNAVAILABLE when this service cannot. */
void pba_manager_test_relay_async (PbaManager *self, const char *relay, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
void pba_manager_test_scanner_async (PbaManager *self, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
/** pba_manager_test_finish: (transfer full): the steps, aa{sv}. */
GVariant *pba_manager_test_finish (PbaManager *self, GAsyncResult *result, GError **error);
/** pba_manager_send_report_async: the daily report, now. */
void pba_manager_send_report_async (PbaManager *self, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
gboolean pba_manager_send_report_finish (PbaManager *self, GAsyncResult *result, GError **error);

G_END_DECLS
