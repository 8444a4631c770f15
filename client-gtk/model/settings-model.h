/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "model/connection.h"
#include "model/draft.h"
#include "model/setting.h"

G_BEGIN_DECLS

/*
 * All settings of the service: a GListModel of PbaSetting in the order of the table, those that only the service knows behind
 * them. Built when the connection is there, from introspection and GetAll; follows PropertiesChanged; keeps what was edited
 * while the link is lost. Properties, read-only:
 *   loaded (b)       values have come at least once
 *   n-changes (u), n-errors (u), changed (b: n-changes > 0)
 *   summary (s, nullable): "2 changes, 1 needs attention", NULL without a change
 *   applying (b), conflict (b): settings edited here were changed elsewhere
 *   error (s, nullable): a sentence about the last Apply that belongs to no row
 *   writable (b): the user may change settings, perhaps after a password
 */
#define PBA_TYPE_SETTINGS_MODEL (pba_settings_model_get_type ())
G_DECLARE_FINAL_TYPE (PbaSettingsModel, pba_settings_model, PBA, SETTINGS_MODEL, GObject)

PbaSettingsModel *pba_settings_model_new (PbaConnection *connection);
/** pba_settings_model_lookup: (transfer none) (nullable): @key "General.MaxHops"; NULL while unknown or when this service lacks it. */
PbaSetting *pba_settings_model_lookup (PbaSettingsModel *self, const char *key);
/** pba_settings_model_dup_interfaces: (transfer full): names of the settings interfaces in table order, those of a newer service last. */
char **pba_settings_model_dup_interfaces (PbaSettingsModel *self);
/** pba_settings_model_get_first_error: (transfer none) (nullable): the faulty setting to go to. */
PbaSetting *pba_settings_model_get_first_error (PbaSettingsModel *self);
/** pba_settings_model_get_first_error_key: (nullable): that setting's key, else the faulty draft's. */
const char *pba_settings_model_get_first_error_key (PbaSettingsModel *self);
/** pba_settings_model_add_draft: @draft counts among the changes for as long as it lives; it is not owned. */
void pba_settings_model_add_draft (PbaSettingsModel *self, PbaDraft *draft);
guint pba_settings_model_get_n_changes (PbaSettingsModel *self);
guint pba_settings_model_get_n_errors (PbaSettingsModel *self);
gboolean pba_settings_model_get_changed (PbaSettingsModel *self);
gboolean pba_settings_model_get_conflict (PbaSettingsModel *self);
gboolean pba_settings_model_get_loaded (PbaSettingsModel *self);
gboolean pba_settings_model_get_applying (PbaSettingsModel *self);
const char *pba_settings_model_get_error (PbaSettingsModel *self);
char *pba_settings_model_dup_summary (PbaSettingsModel *self);

/**
 * pba_settings_model_apply_async: one Manager.Apply of all that differs, with IfRevision, then the drafts. Fails with
 * PB_ERROR_INVALID_VALUE when a row is faulty (see first_error), PB_ERROR_CONFLICT (then "conflict" is set); an error that names a
 * setting is put on it.
 * @confirm_timeout: seconds in which pba_settings_model_confirm_async() must come, else the service rolls back; 0 = none. Drafts wait
 *   for it. Left out when the service cannot do it, see pba_settings_model_can_confirm().
 */
void pba_settings_model_apply_async (PbaSettingsModel *self, guint confirm_timeout, GCancellable *cancellable,
                                     GAsyncReadyCallback callback, gpointer user_data);
gboolean pba_settings_model_apply_finish (PbaSettingsModel *self, GAsyncResult *result, GError **error);
gboolean pba_settings_model_can_confirm (PbaSettingsModel *self);
/** pba_settings_model_needs_confirm: whether what differs could lock mail or the user out (table in settings-model.c). */
gboolean pba_settings_model_needs_confirm (PbaSettingsModel *self);
void pba_settings_model_confirm_async (PbaSettingsModel *self, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
gboolean pba_settings_model_confirm_finish (PbaSettingsModel *self, GAsyncResult *result, GError **error);

void pba_settings_model_discard (PbaSettingsModel *self);
/** pba_settings_model_resolve_reload: takes over what was changed elsewhere, drops the edits of those settings. */
void pba_settings_model_resolve_reload (PbaSettingsModel *self);
/** pba_settings_model_resolve_overwrite: keeps the edits; the next Apply goes over what was changed elsewhere. */
void pba_settings_model_resolve_overwrite (PbaSettingsModel *self);
/** pba_settings_model_search: (transfer full) (element-type PbaSetting): those whose title, help, group or key hold every word of @text. */
GPtrArray *pba_settings_model_search (PbaSettingsModel *self, const char *text);

G_END_DECLS
