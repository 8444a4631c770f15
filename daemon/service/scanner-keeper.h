/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "policy/scanner.h"
#include "service/alerts.h"
#include "settings/registry.h"
#include "util/mailbox.h"

/* Keeps the scanner for malware that the settings name: probed at the start, when they change, and while it is ill, which is an alert. Main thread. */
typedef struct _PbScannerKeeper PbScannerKeeper;

/** pb_scanner_keeper_new: all of them outlive it. */
PbScannerKeeper *pb_scanner_keeper_new (PbRegistry *registry, PbAlerts *alerts, PbMailbox *main_mailbox);

/** pb_scanner_keeper_close: scans under way are cut short, nothing more is asked, and no alert raised. Before the store is closed. */
void pb_scanner_keeper_close (PbScannerKeeper *self);
/** pb_scanner_keeper_free: when no session is left, and @main_mailbox was dispatched. */
void pb_scanner_keeper_free (PbScannerKeeper *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbScannerKeeper, pb_scanner_keeper_free)

/** pb_scanner_keeper_scanner: (transfer none). */
PbScanner *pb_scanner_keeper_scanner (PbScannerKeeper *self);
