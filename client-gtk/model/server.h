/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "model/alerts.h"
#include "model/blocks.h"
#include "model/certificate.h"
#include "model/connection.h"
#include "model/findings.h"
#include "model/history.h"
#include "model/list-model.h"
#include "model/manager.h"
#include "model/permissions.h"
#include "model/queue.h"
#include "model/secret-agent.h"
#include "model/settings-model.h"
#include "model/setup-check.h"
#include "model/signing-keys.h"
#include "model/statistics.h"
#include "model/upkeep.h"

G_BEGIN_DECLS

/*
 * One server with all its models: what a page is given. Properties, read-only: connection, settings, manager, permissions, queue,
 * statistics, findings (objects); queue-count, block-count, problem-count (u: the pills of the sidebar).
 */
#define PBA_TYPE_SERVER (pba_server_get_type ())
G_DECLARE_FINAL_TYPE (PbaServer, pba_server, PBA, SERVER, GObject)

PbaServer *pba_server_new (PbaConnection *connection);
/* All (transfer none), alive as long as the server. */
PbaConnection *pba_server_get_connection (PbaServer *self);
PbaSettingsModel *pba_server_get_settings (PbaServer *self);
PbaManager *pba_server_get_manager (PbaServer *self);
PbaPermissions *pba_server_get_permissions (PbaServer *self);
PbaQueue *pba_server_get_queue (PbaServer *self);
PbaStatistics *pba_server_get_statistics (PbaServer *self);
PbaFindings *pba_server_get_findings (PbaServer *self);
PbaBlocks *pba_server_get_blocks (PbaServer *self);
PbaHistory *pba_server_get_history (PbaServer *self);
PbaCertificate *pba_server_get_certificate (PbaServer *self);
PbaAlerts *pba_server_get_alerts (PbaServer *self);
PbaSecretAgent *pba_server_get_secret_agent (PbaServer *self);
PbaSigningKeys *pba_server_get_signing_keys (PbaServer *self);
PbaSetupCheck *pba_server_get_setup_check (PbaServer *self);
PbaUpkeep *pba_server_get_upkeep (PbaServer *self);
/** pba_server_get_list: made at the first call. */
PbaListModel *pba_server_get_list (PbaServer *self, PbListKind kind);

G_END_DECLS
