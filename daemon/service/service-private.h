/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "service/service.h"

#include "delivery/mailbox-links.h"
#include "delivery/maildir.h"
#include "delivery/recipient-probe.h"
#include "delivery/smtp-agent.h"
#include "delivery/sts-policies.h"
#include "net/interfaces.h"
#include "net/reactor.h"
#include "net/resolver.h"
#include "queue/queue.h"
#include "service/blocklist-keeper.h"
#include "service/bus.h"
#include "service/certificate.h"
#include "service/drop-keeper.h"
#include "service/hits-keeper.h"
#include "service/objects.h"
#include "service/relay-keeper.h"
#include "service/scanner-keeper.h"
#include "service/sockets.h"
#include "service/status-line.h"
#include "service/submission.h"
#include "service/system-accounts.h"
#include "service/watchdog.h"
#include "session/server.h"
#include "settings/master-key.h"
#include "settings/registry.h"
#include "store/config-store.h"
#include "store/history.h"
#include "store/store.h"

/* Of service.c, which puts the parts together and runs them, and service-end.c, which takes them apart. */
struct _PbService
{
  GMainLoop *loop;
  PbMailbox *mailbox; /* the main thread's */
  GSource *mailbox_source;
  GPtrArray *listeners; /* (element-type PbListener) */
  PbConfigStore *config_store;
  char *key_source; /* (owned): where the master key is from */
  PbStore *store;
  PbHistory *history;
  PbRegistry *registry;
  PbReactor **reactors;
  guint n_reactors;
  PbInterfaces *interfaces;
  PbResolver *resolver;
  gboolean dns_from_options;
  char *trust_anchor; /* (owned) */
  PbMaildir *maildir;
  PbMailboxLinks *links;
  PbAlerts *alerts;
  PbSecretAgents *secret_agents;
  PbRelayKeeper *keeper;
  PbRelayTests *tests;
  PbStsPolicies *policies;
  PbSmtpAgent *smtp;
  PbRecipientProbe *probe;
  PbQueue *queue;
  PbPool *workers; /* for passwords */
  PbPool *signers; /* for signatures, which mail waits for: a check of a password takes as long as hundreds of them */
  PbBlocks *blocks;
  PbSystemAccounts *accounts;
  PbCertificate *certificate;
  PbServer *server;
  PbSubmitter *submission;
  PbDropKeeper *drop_keeper;
  PbBus *bus;
  PbManagerObject *manager;
  PbSettingsObjects *settings_objects;
  PbListObjects *list_objects;
  PbQueueObject *queue_object;
  PbCertificateObject *certificate_object;
  PbBlocksObject *blocks_object;
  PbMtaStsObject *mta_sts_object;
  PbHitsKeeper *hits_keeper;
  PbBlocklistKeeper *blocklist_keeper;
  PbScannerKeeper *scanner_keeper;
  PbHistoryObject *history_object;
  PbDiagnosticsObject *diagnostics_object;
  PbHealth *health;
  PbReportKeeper *reports;
  PbStatistics *statistics;
  PbMetrics *metrics;
  PbStatisticsObject *statistics_object;
  PbWatchdog *watchdog;
  PbStatusLine *status_line;
  gulong settings_handler;
  guint signals[3];
  guint drain_source;
  gint64 drain_deadline; /* monotonic microseconds; 0 while running */
};
