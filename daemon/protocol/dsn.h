/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "protocol/envelope.h"
#include <glib.h>

typedef enum
{
  PB_DSN_FAILED,
  PB_DSN_DELAYED,
  PB_DSN_DELIVERED,
  PB_DSN_RELAYED,  /* to a host that makes no notices: the last that will be heard */
  PB_DSN_EXPANDED, /* an alias with several targets: no more is said of success */
  PB_DSN_N_ACTIONS,
} PbDsnAction;

/** pb_dsn_action_word: as the report's Action field and the log have it. */
const char *pb_dsn_action_word (PbDsnAction action);

typedef struct
{
  guint recipient;         /* index into the envelope's recipients */
  const char *status;      /* "5.1.1" */
  const char *remote_mta;  /* (nullable) host name of the one who said so */
  const char *reply;       /* (nullable) its reply, "550 5.1.1 ..." , or our own reason in words */
  gboolean reply_is_smtp;  /* Diagnostic-Code: smtp; else a text line only */
} PbDsnRecipient;

typedef struct
{
  PbDsnAction action;
  const char *to;             /* (nullable) postmaster, of a notice of failure that could not be delivered; NULL: the envelope's sender */
  const char *hostname;       /* ours: Reporting-MTA, From's domain */
  const PbEnvelope *envelope; /* the message it speaks of */
  const PbDsnRecipient *recipients;
  guint n_recipients;
  const char *date;           /* RFC 5322 date-time of now */
  const char *arrival_date;
  const char *will_retry_until; /* (nullable) for PB_DSN_DELAYED */
  const char *id_text;        /* queue id of the DSN itself: Message-ID, boundary */
  const char *original;       /* octets of the original as stored: all of it when RET=FULL, it failed and it is at most 64 KiB;
                                 else its first 64 KiB do, the header section is cut from them */
  gsize original_length;
} PbDsn;

/** pb_dsn_build: a multipart/report (RFC 3464, RFC 6522; RFC 6533 when the envelope is SMTPUTF8) with CRLF lines, no Received.
 * The original goes along whole only when PB_DSN_FAILED, RET=FULL or to the postmaster, original_length == envelope->size <= 64 KiB, lines of at most 998 octets; else
 * its header section does; of one that is PB_ENVELOPE_INFECTED nothing. The report needs SMTPUTF8 only where the sender does, 8BITMIME only with a whole 8-bit original: run it through
 * PbHeaderScan like any message. Returns: (transfer full). */
GByteArray *pb_dsn_build (const PbDsn *dsn);
