/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "store/spool.h"
#include "util/mailbox.h"
#include <glib.h>

/* The scanner for malware as the policy asks it: a few threads of its own that wait for clamd, a queue before them that is not endless, and what is known of its health. */
typedef struct _PbScanner PbScanner;

typedef enum
{
  PB_SCAN_FAILED, /* nothing is known of the message; first, so that nobody takes what was not scanned for clean */
  PB_SCAN_CLEAN,
  PB_SCAN_INFECTED,
  PB_SCAN_LOST,   /* the message itself cannot be read: its submission will say why */
} PbScanResult;

typedef struct
{
  PbScanResult result;
  char *words; /* (owned) (nullable) what it is infected with; or why nothing is known, never NULL then */
} PbScanOutcome;

typedef struct
{
  guint threads; /* scans at once */
  guint waiting; /* scans that wait for a thread; more fail */
  guint seconds; /* that a scan may take, its wait included; the look-up of a host's name is the system's, and comes on top */
  gint64 (*now) (void); /* (nullable) by what a slow scanner's rest is measured, monotonic microseconds; for tests */
} PbScannerLimits;
extern const PbScannerLimits pb_scanner_limits; /* those of the daemon */

/** PbScannerTold: @words: (nullable): what is wrong with the scanner at @address, as soon as it is known; NULL: it is well again. */
typedef void (*PbScannerTold) (const char *address, const char *words, gpointer user_data);

/** pb_scanner_new: @told: (nullable) on @mailbox's thread. */
PbScanner *pb_scanner_new (const PbScannerLimits *limits, PbMailbox *mailbox, PbScannerTold told, gpointer user_data);

/** pb_scanner_close: cuts short what is under way and joins the threads; what is asked from then on fails. Before the store is closed. */
void pb_scanner_close (PbScanner *self);
/** pb_scanner_free: once the store is closed, and nobody asks. */
void pb_scanner_free (PbScanner *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbScanner, pb_scanner_free)

/** pb_scanner_probe: finds out whether the scanner at @address, of which nothing is known from now on, is well, and takes files. Any thread. */
void pb_scanner_probe (PbScanner *self, const char *address);

typedef struct _PbScan PbScan;
/** PbScanned: @outcome's words may be stolen. */
typedef void (*PbScanned) (PbScanOutcome *outcome, gpointer user_data);

/**
 * pb_scanner_scan:
 * @address: as Antivirus.Address; "" fails
 * @spool: nothing is appended to it any more, nor is it finished before @func; it may be aborted
 * @func: in @reply_to's thread, exactly once, never before returning
 * Any thread. Returns: (transfer none): the scan, until @func.
 */
PbScan *pb_scanner_scan (PbScanner *self, const char *address, PbSpool *spool, PbMailbox *reply_to, PbScanned func, gpointer user_data);

/** pb_scan_cancel: nobody waits for it any more; @func comes all the same, soon. Before @func, in its thread. */
void pb_scan_cancel (PbScan *self);
