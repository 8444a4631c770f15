/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "delivery/sts-policies.h"
#include "policy/blocklists.h"
#include "policy/blocks.h"
#include "queue/queue.h"
#include "service/bus.h"
#include "service/certificate.h"
#include "service/health.h"
#include "service/metrics.h"
#include "service/relay-tests.h"
#include "service/report-keeper.h"
#include "service/secret-agents.h"
#include "service/statistics.h"
#include "service/submission.h"
#include "session/server.h"
#include "settings/registry.h"
#include "store/config-store.h"
#include "store/history.h"
#include "store/store.h"
#include "util/pool.h"
#include <glib.h>

/* The interfaces of the one bus object, a file each. Every maker adds its interfaces to @bus; what it returns lives as long as the bus. */

/** pb_settings_objects_new: General, Delivery, ...: every interface of the settings table. @workers make keys. */
typedef struct _PbSettingsObjects PbSettingsObjects;
PbSettingsObjects *pb_settings_objects_new (PbBus *bus, PbRegistry *registry, PbCertificate *certificate, PbPool *workers);
void pb_settings_objects_free (PbSettingsObjects *self);

/** pb_list_objects_new: TrustedList, Accounts, ...: every list kind. @workers make what is kept of passwords. */
typedef struct _PbListObjects PbListObjects;
PbListObjects *pb_list_objects_new (PbBus *bus, PbRegistry *registry, PbPool *workers);
void pb_list_objects_free (PbListObjects *self);

typedef struct _PbManagerObject PbManagerObject;
PbManagerObject *pb_manager_object_new (PbBus *bus, PbRegistry *registry, PbSecretAgents *agents, PbRelayTests *tests);
void pb_manager_object_free (PbManagerObject *self);
/** pb_manager_object_set_state: @state static, one of the bus's states; told by PropertiesChanged. */
void pb_manager_object_set_state (PbManagerObject *self, const char *state);
/** pb_manager_object_set_listening: @listeners (element-type PbListener). */
void pb_manager_object_set_listening (PbManagerObject *self, GPtrArray *listeners);

typedef struct _PbQueueObject PbQueueObject;
typedef struct
{
  PbBus *bus; /* all borrowed */
  PbStore *store;
  PbQueue *queue;
  PbRegistry *registry;
  PbHistory *history; /* (nullable) */
  PbMailbox *mailbox; /* the main thread's */
} PbQueueObjectParts;
PbQueueObject *pb_queue_object_new (const PbQueueObjectParts *parts);
void pb_queue_object_free (PbQueueObject *self);
/** pb_queue_object_tell_held: Held has changed; told by PropertiesChanged. */
void pb_queue_object_tell_held (PbQueueObject *self);
/** pb_queue_object_tell_changed: something has changed; told by a signal without content, and not again for a second. */
void pb_queue_object_tell_changed (PbQueueObject *self);

/** pb_history_object_new: all borrowed; obeys HistorySettings from then on. @main_mailbox: the main thread's. */
typedef struct _PbHistoryObject PbHistoryObject;
PbHistoryObject *pb_history_object_new (PbBus *bus, PbHistory *history, PbRegistry *registry, PbMailbox *main_mailbox);
void pb_history_object_free (PbHistoryObject *self);

/** pb_audit_object_add: @registry is borrowed for the life of @bus. */
void pb_audit_object_add (PbBus *bus, PbRegistry *registry);

/** pb_blocks_object_new: @blocks and @store are borrowed; @mailbox: the main thread's. */
typedef struct _PbBlocksObject PbBlocksObject;
PbBlocksObject *pb_blocks_object_new (PbBus *bus, PbBlocks *blocks, PbConfigStore *store, PbMailbox *mailbox);
void pb_blocks_object_free (PbBlocksObject *self);

/** pb_mta_sts_object_new: @policies is borrowed; @mailbox: the main thread's. */
typedef struct _PbMtaStsObject PbMtaStsObject;
PbMtaStsObject *pb_mta_sts_object_new (PbBus *bus, PbStsPolicies *policies, PbMailbox *mailbox);
void pb_mta_sts_object_free (PbMtaStsObject *self);

typedef struct _PbDiagnosticsObject PbDiagnosticsObject;
typedef struct
{
  PbBus *bus; /* all borrowed */
  PbRegistry *registry;
  PbServer *server;
  PbBlocks *blocks;
  PbResolver *resolver;
  PbHistory *history; /* (nullable) */
  PbBlocklists *blocklists;
  PbMailbox *mailbox; /* the main thread's */
  PbHealth *health;
  PbReportKeeper *reports;
} PbDiagnosticsParts;
PbDiagnosticsObject *pb_diagnostics_object_new (const PbDiagnosticsParts *parts);
/** pb_diagnostics_object_free: before the bus and the resolver: questions under way are refused. */
void pb_diagnostics_object_free (PbDiagnosticsObject *self);

/** pb_log_control_object_add: org.freedesktop.LogControl1. */
void pb_log_control_object_add (PbBus *bus);

typedef struct _PbStatisticsObject PbStatisticsObject;
typedef struct
{
  PbBus *bus; /* all borrowed */
  PbStatistics *statistics;
  PbServer *server;
  PbMetrics *metrics;
  PbHistory *history; /* (nullable) */
  PbMailbox *mailbox; /* the main thread's */
} PbStatisticsObjectParts;
PbStatisticsObject *pb_statistics_object_new (const PbStatisticsObjectParts *parts);
/** pb_statistics_object_free: before the bus; questions under way are answered nonetheless. */
void pb_statistics_object_free (PbStatisticsObject *self);

/** pb_submission_object_add: @submission is borrowed for the life of @bus. */
void pb_submission_object_add (PbBus *bus, PbSubmitter *submission);

typedef struct _PbCertificateObject PbCertificateObject;
PbCertificateObject *pb_certificate_object_new (PbBus *bus, PbCertificate *certificate);
void pb_certificate_object_free (PbCertificateObject *self);
/** pb_certificate_handle_import: the method Import of the settings interface Tls. */
void pb_certificate_handle_import (PbBusCall *call, PbCertificate *certificate);
