/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "mailauth/dmarc-record.h"
#include "mailauth/dns-source.h"

/*
 * DMARC: whether a domain that passed SPF or DKIM speaks for the author's, and what that domain asks to be done if none does (RFC 9989). The
 * organizational domain is found by the DNS tree walk, without a list of public suffixes.
 */
typedef struct _PbDmarc PbDmarc;

/* RFC 8601 2.7, RFC 9989 5.3. */
typedef enum
{
  PB_DMARC_NONE, /* no policy */
  PB_DMARC_PASS,
  PB_DMARC_FAIL,
  PB_DMARC_TEMPERROR,
} PbDmarcResult;

typedef struct
{
  const char *author;             /* domain of From: */
  const char *spf_domain;         /* (nullable) that passed SPF */
  const char *const *dkim_domains; /* (nullable) that passed DKIM, ended by NULL */
  guint seconds;                  /* all of it may take so long */
} PbDmarcQuery;

typedef struct
{
  PbDmarcResult result;
  PbDmarcPolicy policy;     /* what is asked for when it failed; NONE without a record */
  const char *record_domain; /* (nullable) where the record stands */
  const char *organizational; /* (nullable) domain of the author, as far as it was looked for */
  const char *aligned_spf, *aligned_dkim; /* (nullable) the domains that spoke for the author */
  const PbDmarcRecord *record; /* (nullable) */
  const char *problem;      /* (nullable) behind a temperror, or why there is no policy though there is a record */
} PbDmarcOutcome;

/** PbDmarcFunc: @outcome (transfer none). */
typedef void (*PbDmarcFunc) (const PbDmarcOutcome *outcome, gpointer user_data);

/**
 * pb_dmarc_check: begins a check. @query is copied.
 * @func: called once, later, on this thread, unless the check is cancelled; the check is gone behind it
 * Returns: (transfer none): for pb_dmarc_cancel()
 */
PbDmarc *pb_dmarc_check (const PbDmarcQuery *query, const PbDnsSource *dns, PbDmarcFunc func, gpointer user_data);
void pb_dmarc_cancel (PbDmarc *self);

const char *pb_dmarc_result_name (PbDmarcResult result);
