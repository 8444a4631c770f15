/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "settings/registry.h"
#include "util/mailbox.h"
#include <gio/gio.h>

/* What Diagnostics.TestScanner does: tries the scanner of the settings on a thread of its own. Main thread. */
typedef struct _PbScannerTest PbScannerTest;

/** pb_scanner_test_new: borrows both; @mailbox: the main thread's. */
PbScannerTest *pb_scanner_test_new (PbRegistry *registry, PbMailbox *mailbox);

/** pb_scanner_test_free: a test under way is cut short, and answered by an error. */
void pb_scanner_test_free (PbScannerTest *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbScannerTest, pb_scanner_test_free)

/** PbScannerTested: @steps: (nullable) aa{sv}, as Diagnostics.TestScanner answers; @error: (nullable) why nothing could be tried. */
typedef void (*PbScannerTested) (GVariant *steps, const GError *error, gpointer user_data);

/** pb_scanner_test_run: @func is called once, perhaps at once. Errors: BUSY while another is under way, INVALID_VALUE without an address. */
void pb_scanner_test_run (PbScannerTest *self, PbScannerTested func, gpointer user_data);
