/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "service/alerts.h"
#include "service/bus-call.h"
#include "service/statistics.h"
#include "service/submission.h"
#include "settings/registry.h"
#include "store/history.h"
#include "util/pool.h"

/* Sends the daily report: once a day at Reports.DailyTime, by the clock of the place; also as soon as the service is up, when it was away at that time. Main thread. */
typedef struct _PbReportKeeper PbReportKeeper;

typedef struct
{
  const char *directory; /* state directory: the day of the last report is kept there; copied */
  PbRegistry *registry;  /* all borrowed */
  PbStatistics *statistics;
  PbHistory *history;    /* (nullable) */
  PbAlerts *alerts;
  PbStore *store;
  PbSubmitter *submitter;
  PbPool *workers;
  PbMailbox *mailbox;    /* the main thread's */
} PbReportParts;

PbReportKeeper *pb_report_keeper_new (const PbReportParts *parts);
/** pb_report_keeper_close: begins nothing new. Before the submitter is closed. */
void pb_report_keeper_close (PbReportKeeper *self);
/** pb_report_keeper_free: behind the last answer of workers, history and submitter. */
void pb_report_keeper_free (PbReportKeeper *self);

/** pb_report_keeper_handle_send: the method SendReport of the interface Diagnostics. */
void pb_report_keeper_handle_send (PbBusCall *call, PbReportKeeper *self);
