/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "mailauth/dns-source.h"

/* DNS blocklists (RFC 5782): whether a client's address stands on some, what that sums up to, and whether a list is well. */

#define PB_DNSBL_MAX_ZONES 64

typedef struct
{
  const char *zone;         /* its domain */
  const char *const *codes; /* (nullable) ended by NULL: the answers that count; none: any in 127.0.0.0/8 */
  int score;                /* negative for lists of good hosts */
} PbDnsblZone;

typedef enum
{
  PB_DNSBL_NOT_LISTED,
  PB_DNSBL_LISTED,
  PB_DNSBL_OTHER_CODE, /* listed for a reason that does not count here */
  PB_DNSBL_ILL,        /* its answer makes no sense, or says that we may not ask: it must not count, nor be asked on */
  PB_DNSBL_SILENT,     /* no answer in time: it does not count (open) */
} PbDnsblState;

typedef struct
{
  PbDnsblState state;
  PbIp answer; /* when there was one: the one that counts, or makes it ill */
} PbDnsblFinding;

typedef struct
{
  int score;                      /* sum of the lists that name the client */
  const PbDnsblFinding *findings; /* one a zone */
  guint n_findings;
} PbDnsblOutcome;

typedef struct _PbDnsbl PbDnsbl;

/** PbDnsblFunc: @outcome (transfer none). */
typedef void (*PbDnsblFunc) (const PbDnsblOutcome *outcome, gpointer user_data);

/**
 * pb_dnsbl_check: asks all of @zones (the first PB_DNSBL_MAX_ZONES) at once; they are borrowed until the end.
 * @func: called once, later, on this thread, unless the check is cancelled; the check is gone behind it
 * Returns: (transfer none): for pb_dnsbl_cancel()
 */
PbDnsbl *pb_dnsbl_check (const PbIp *ip, const PbDnsblZone *zones, guint n_zones, const PbDnsSource *dns, guint seconds, PbDnsblFunc func, gpointer user_data);
void pb_dnsbl_cancel (PbDnsbl *self);

/* RFC 5782 5: a working list names 127.0.0.2 and never 127.0.0.1. */
typedef enum
{
  PB_DNSBL_HEALTH_WELL,
  PB_DNSBL_HEALTH_NAMES_ALL,  /* it names the address that no list may name: it would refuse everyone */
  PB_DNSBL_HEALTH_NAMES_NONE, /* it does not name the test address: it is empty, or gone */
  PB_DNSBL_HEALTH_ILL,        /* its answers make no sense, or it refuses us: 127.255.255.x */
  PB_DNSBL_HEALTH_SILENT,
} PbDnsblHealth;

/** PbDnsblProbed: @answer (nullable): what made it ill. */
typedef void (*PbDnsblProbed) (PbDnsblHealth health, const PbIp *answer, gpointer user_data);

/** pb_dnsbl_probe: asks @zone for both test addresses. @func once, later, on this thread. */
void pb_dnsbl_probe (const char *zone, const PbDnsSource *dns, guint seconds, PbDnsblProbed func, gpointer user_data);

/** pb_dnsbl_health_words: in words, for alerts. */
const char *pb_dnsbl_health_words (PbDnsblHealth health);

/** pb_dnsbl_name: what @zone is asked for @ip: the address reversed (RFC 5782 2.1, 2.4). Returns: (transfer full). */
char *pb_dnsbl_name (const PbIp *ip, const char *zone);
