/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "dbus/list-kinds.h"
#include "model/connection.h"
#include "model/list-row.h"

G_BEGIN_DECLS

/*
 * A list of the service as a GListModel of PbaListRow: pages of 200 fetched when a row of theirs is asked for, so that 10,000
 * rows cost what is looked at. Follows the list's Changed signal; rows that stay keep their object. Properties:
 *   search (s, nullable; writable): the service's own search
 *   total (u), loading (b), loaded (b: the first page has come), read-only
 *   empty (b): loaded, without a search, and no row; no-results (b): likewise with a search
 *   error (s, nullable): a sentence, why there is nothing to see
 *   writable (b): the user may change rows, perhaps after a password
 */
#define PBA_TYPE_LIST_MODEL (pba_list_model_get_type ())
G_DECLARE_FINAL_TYPE (PbaListModel, pba_list_model, PBA, LIST_MODEL, GObject)

/** pba_list_model_new: one of the contract's lists. */
PbaListModel *pba_list_model_new (PbaConnection *connection, PbListKind kind);
/** pba_list_model_new_query: rows of another paged method, (a{sv} filter, u, u) -> (u total, aa{sv}): Queue.List, History.Search. Read-only. */
PbaListModel *pba_list_model_new_query (PbaConnection *connection, const char *interface, const char *method);

const PbListSpec *pba_list_model_get_spec (PbaListModel *self);
/** pba_list_model_set_search: rows of the last search stay, with loaded FALSE, until the first of this one are there. */
void pba_list_model_set_search (PbaListModel *self, const char *search);
/** pba_list_model_set_filter: @filter (nullable) a{sv}, floating is taken; beside the search. Clears the list. */
void pba_list_model_set_filter (PbaListModel *self, GVariant *filter);
/** pba_list_model_refresh: asks again for what has been shown. */
void pba_list_model_refresh (PbaListModel *self);
/** pba_list_model_poll: the same for a timer: only what is there already, nothing after an error, and without asking the user. */
void pba_list_model_poll (PbaListModel *self);
/** pba_list_model_peek: (nullable) (transfer none): the row at a place as far as it is known; asks for nothing. */
PbaListRow *pba_list_model_peek (PbaListModel *self, guint position);
guint pba_list_model_get_total (PbaListModel *self);
gboolean pba_list_model_get_loaded (PbaListModel *self);
gboolean pba_list_model_get_writable (PbaListModel *self);
const char *pba_list_model_get_error (PbaListModel *self);

/** pba_list_model_check: judges cells before they are sent. @id, @base (nullable): the row they change. An error names its column, see
 *  pba_error_dup_column(). */
gboolean pba_list_model_check (PbaListModel *self, const char *id, GVariant *base, GVariant *cells, GError **error);

/* Writes act at once. All finish with pba_list_model_write_finish(). Errors: a sentence without the place; ask pba_error_dup_column() for it first. */
void pba_list_model_add_async (PbaListModel *self, GVariant *cells, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
void pba_list_model_update_async (PbaListModel *self, const char *id, GVariant *cells, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
/** pba_list_model_remove_async: what is removed can be put back, see pba_list_model_take_removed(). */
void pba_list_model_remove_async (PbaListModel *self, const char *const *ids, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
void pba_list_model_move_async (PbaListModel *self, const char *id, guint position, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
/** pba_list_model_replace_async: @rows aa{sv}: all the rows, in this order; rows with a known Id are kept. */
void pba_list_model_replace_async (PbaListModel *self, GVariant *rows, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
/** pba_list_model_write_finish: @id (out) (nullable) (transfer full): of an added row. */
gboolean pba_list_model_write_finish (PbaListModel *self, GAsyncResult *result, char **id, GError **error);

/** pba_list_model_take_removed: (transfer full) (nullable): rows of the last removal for pba_list_model_put_back_async(). NULL when not all of
 *  them were known, and never for Accounts: a new account is another mailbox. */
GPtrArray *pba_list_model_take_removed (PbaListModel *self);
/** pba_list_model_put_back_async: where they stood, with their Ids. */
void pba_list_model_put_back_async (PbaListModel *self, GPtrArray *removed, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);

/** pba_list_model_fetch_all_async: every row, without the search, for export. fetch_all_finish: (transfer full): aa{sv}. */
void pba_list_model_fetch_all_async (PbaListModel *self, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
GVariant *pba_list_model_fetch_all_finish (PbaListModel *self, GAsyncResult *result, GError **error);

G_END_DECLS
