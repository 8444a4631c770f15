/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "mailauth/dns-source.h"
#include "mailauth/spf-record.h"

/*
 * SPF: whether a client may send mail for a domain (RFC 7208). A check asks at most ten terms' worth of DNS questions, bears two that lead
 * nowhere, and ends at its deadline.
 */
typedef struct _PbSpf PbSpf;

typedef struct
{
  PbIp ip;
  const char *sender;   /* MAIL FROM's address as local@domain; "": the null sender, for which HELO's name is checked (2.4) */
  const char *helo;     /* as the client gave it */
  const char *receiver; /* our own name, for explanations */
  guint seconds;        /* all of it may take so long (4.6.4: at least 20) */
} PbSpfQuery;

typedef struct
{
  PbSpfResult result;
  char *domain;      /* (owned) that was checked */
  char *mechanism;   /* (owned) (nullable) the term that matched, "default" when none did */
  char *problem;     /* (owned) (nullable) behind a temperror or permerror, in words */
  char *explanation; /* (owned) (nullable) the domain's own words for a fail (6.2): theirs, so not to be trusted */
  gboolean by_helo;  /* HELO's name was checked, not MAIL FROM's */
} PbSpfOutcome;

/** PbSpfFunc: @outcome (transfer none). */
typedef void (*PbSpfFunc) (const PbSpfOutcome *outcome, gpointer user_data);

/**
 * pb_spf_check: begins a check. @query is copied, @dns is borrowed until the end.
 * @func: called once, later, on this thread, unless the check is cancelled; the check is gone behind it
 * Returns: (transfer none): for pb_spf_cancel()
 */
PbSpf *pb_spf_check (const PbSpfQuery *query, const PbDnsSource *dns, PbSpfFunc func, gpointer user_data);

/** pb_spf_cancel: @func will not be called; @dns must still live until the questions under way are answered. */
void pb_spf_cancel (PbSpf *self);

/** pb_spf_result_name: "pass", "temperror", ... (RFC 8601 2.7.2). */
const char *pb_spf_result_name (PbSpfResult result);

/** pb_spf_format_received: the value of a Received-SPF field (9.1), folded, without the name. All of it is cleaned and quoted. Returns: (transfer full). */
char *pb_spf_format_received (const PbSpfOutcome *outcome, const PbSpfQuery *query);
