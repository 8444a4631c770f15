/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "protocol/envelope.h"
#include <glib.h>

/* What the Received field tells (RFC 5321 4.4, RFC 3848 for the protocol). */
typedef struct
{
  const char *helo;       /* (nullable) as given by the client */
  const char *client_ip;  /* (nullable) text, no brackets; NULL for a local program: no "from" then */
  const char *local_user; /* (nullable) who it is that runs that program: "uid 1000" */
  gboolean client_v6;
  const char *hostname;   /* ours */
  const char *protocol;   /* "SMTP", "ESMTP", "ESMTPS", "ESMTPA", "ESMTPSA", "UTF8SMTP", ... */
  const char *tls;        /* (nullable) "TLSv1.3 with cipher ..." */
  const char *id_text;    /* queue id */
  const char *recipient;  /* (nullable) only when the message has one recipient */
  const char *date;       /* RFC 5322 date-time */
} PbTrace;

/* The name of the field that marks a message of which the external postmasters get copies: whoever sees it makes none. */
#define PB_TRACE_COPY_MARK "X-Postmaster-Copy"

/** pb_trace_append_copy_mark: the whole field, with the name of the server that copies. */
void pb_trace_append_copy_mark (GByteArray *out, const char *hostname);

/** pb_trace_protocol: (static): how the message came: RFC 3848, RFC 6531 4.3. */
const char *pb_trace_protocol (gboolean esmtp, gboolean utf8, gboolean tls, gboolean login);

/** pb_trace_append_received: a folded Received field, CRLF lines, no line over 998 octets; hostile helo is made harmless. */
void pb_trace_append_received (GByteArray *out, const PbTrace *trace);
