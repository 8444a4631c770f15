/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <gio/gio.h>

/* clamd, the daemon of ClamAV, asked whether a message is infected. All calls wait: they are for a thread that may. */

typedef enum
{
  PB_CLAMD_CLEAN,
  PB_CLAMD_INFECTED,
  PB_CLAMD_TOO_LARGE, /* clamd takes no stream so long (its StreamMaxLength): nothing is known of the message */
  PB_CLAMD_FAILED,    /* likewise: clamd did not answer, or not in its protocol */
} PbClamdResult;

typedef struct
{
  PbClamdResult result;
  char *signature; /* (owned) (nullable) what it is infected with, cleaned */
  char *why;       /* (owned) (nullable) behind TOO_LARGE and FAILED, in words */
} PbClamdOutcome;
void pb_clamd_outcome_clear (PbClamdOutcome *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (PbClamdOutcome, pb_clamd_outcome_clear)

/* Who is asked, and how long. */
typedef struct
{
  const char *address; /* "unix:/path" or "host:port", as Antivirus.Address has it */
  guint seconds;       /* all of a call may take so long; but the look-up of a host's name is the system's */
  GCancellable *cancellable; /* (nullable) from any thread: the call fails soon */
} PbClamdCall;

/* What is scanned: octets in memory, then those of a file, either of which may be absent. */
typedef struct
{
  const void *head;
  gsize head_length;
  int fd; /* -1 none; read from its beginning, by position: its offset stays */
} PbClamdMessage;

/**
 * pb_clamd_scan:
 * @by_descriptor: hand over the file itself (FILDES): for a message that is a file alone, to a clamd that pb_clamd_takes_descriptors()
 * Never fails but by its outcome.
 */
void pb_clamd_scan (const PbClamdCall *call, gboolean by_descriptor, const PbClamdMessage *message, PbClamdOutcome *outcome);

/** pb_clamd_ping: whether clamd answers. Errors: GIOError, in words. */
gboolean pb_clamd_ping (const PbClamdCall *call, GError **error);

/** pb_clamd_version: what clamd says of itself and its signatures: "ClamAV 1.0.9/27000/...". Errors: GIOError, in words. Returns: (transfer full) (nullable). */
char *pb_clamd_version (const PbClamdCall *call, GError **error);

/** pb_clamd_takes_descriptors: whether clamd reads a file that is handed over: it runs here, on a unix socket, and may read it. */
gboolean pb_clamd_takes_descriptors (const PbClamdCall *call);

/* ---- answers: pure ---- */

/** pb_clamd_read_answer: @text: what clamd said of a message, without its NUL: "stream: OK", "stream: Eicar-Signature FOUND", "... ERROR". */
void pb_clamd_read_answer (const char *text, PbClamdOutcome *outcome);

/** pb_clamd_signature_time: of the signatures that pb_clamd_version() names, Unix seconds, as if clamd's clock showed UTC; 0: it names none. */
gint64 pb_clamd_signature_time (const char *version);

/** pb_clamd_clean: one line of @text's first @length octets, safe to show. */
char *pb_clamd_clean (const char *text, gsize length);
