/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <gio/gio.h>

/* clamd, the daemon of ClamAV, asked whether a message is infected. All calls wait: they are for a worker's thread. */

typedef enum
{
  PB_CLAMD_CLEAN,
  PB_CLAMD_INFECTED,
  PB_CLAMD_FAILED, /* nothing is known of the message */
} PbClamdResult;

typedef struct
{
  PbClamdResult result;
  char *signature; /* (owned) (nullable) what it is infected with, cleaned */
  char *why;       /* (owned) (nullable) behind a failure, in words */
} PbClamdOutcome;
void pb_clamd_outcome_clear (PbClamdOutcome *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (PbClamdOutcome, pb_clamd_outcome_clear)

/* What is scanned: octets in memory, then those of a file, either of which may be absent. */
typedef struct
{
  const void *head;
  gsize head_length;
  int fd; /* -1 none; read from its beginning, by position: its offset stays */
} PbClamdMessage;

/**
 * pb_clamd_scan:
 * @address: "unix:/path" or "host:port", as Antivirus.Address has it
 * @by_descriptor: hand over the file itself (FILDES): for a message that is a file alone, to a clamd that pb_clamd_takes_descriptors()
 * @seconds: all of it may take so long
 * Never fails but by its outcome.
 */
void pb_clamd_scan (const char *address, gboolean by_descriptor, const PbClamdMessage *message, guint seconds, PbClamdOutcome *outcome);

/** pb_clamd_version: what clamd says of itself and its signatures: "ClamAV 1.0.9/27000/...". Errors: GIOError, in words. Returns: (transfer full) (nullable). */
char *pb_clamd_version (const char *address, guint seconds, GError **error);

/** pb_clamd_takes_descriptors: whether clamd at @address reads a file that is handed over: it runs here, on a unix socket, and may read it. */
gboolean pb_clamd_takes_descriptors (const char *address, guint seconds);
