/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "dbus/say.h"
#include "mailauth/dns-source.h"
#include "service/setup-check.h"
#include "util/marked.h"
#include "util/netblock.h"
#include <netinet/in.h>

/* What each of the checks has to know of a run, and how it says what it found. */

#define PB_SETUP_SECONDS   20  /* all of a run */
#define PB_SETUP_DNS       10  /* one question */
#define PB_SETUP_MAX_EACH  50  /* domains, keys, lists that are looked at */
#define PB_SETUP_PUBLIC_MAX 4  /* addresses of ours that are looked up */

typedef enum
{
  PB_SETUP_OK,
  PB_SETUP_WARNING,
  PB_SETUP_PROBLEM,
  PB_SETUP_UNKNOWN,
} PbSetupState;

/* What the system says of itself; asked on a worker. */
typedef struct
{
  GArray *addresses; /* (owned) (element-type PbIp) of the interfaces, but for loopback */
  gboolean has_disk;
  guint64 octets_free, octets, inodes_free, inodes;
  gboolean has_clock, synchronised;
  const char *clock_source; /* (static) who says so */
} PbSetupSystem;

typedef struct
{
  guint references;
  PbSetupCheck *check;  /* (unowned) outlives it */
  PbSnapshot *snapshot; /* (owned) */
  PbSetupSystem system; /* (owned) */
  GArray *named[2];     /* (owned) (element-type PbIp) what Hostname leads to: IPv4, IPv6 */
  PbDnsStatus named_status[2];
  GArray *publics;      /* (owned) (element-type PbIp) what the Internet sees of us, as far as can be told */
  GPtrArray *steps;     /* (owned) (element-type PbSetupStep) */
  guint n_open;         /* steps, and one while they are being begun */
  guint n_names;        /* of Hostname, still to be answered */
  gboolean begun, ended;
  guint timer;
} PbSetupRun;

/* One row of the answer. Kept by whoever will tell its end as well. */
typedef struct
{
  guint references;
  PbSetupRun *run; /* (owned) */
  const char *name; /* (static) */
  char *subject;   /* (owned) */
  gboolean ended;
  PbSetupState state;
  GVariant *evidence, *remedy; /* (owned) (nullable) of pb_say() */
  char *record;                /* (owned) (nullable) */
  void (*stop) (gpointer data); /* (nullable) called with @stop_data when it ends */
  gpointer stop_data;
} PbSetupStep;

/** pb_setup_step_new: (transfer full): a step under way, until pb_setup_step_end(). @subject (nullable). */
PbSetupStep *pb_setup_step_new (PbSetupRun *run, const char *name, const char *subject);
PbSetupStep *pb_setup_step_ref (PbSetupStep *self);
void pb_setup_step_unref (PbSetupStep *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbSetupStep, pb_setup_step_unref)

/** pb_setup_step_end: @evidence and @remedy (nullable) of pb_say(), which are taken; @record (transfer full) (nullable). Only the first end counts. */
void pb_setup_step_end (PbSetupStep *self, PbSetupState state, GVariant *evidence, GVariant *remedy, char *record);

/** pb_setup_add: a step that is begun and ended at once. */
void pb_setup_add (PbSetupRun *run, const char *name, const char *subject, PbSetupState state, GVariant *evidence, GVariant *remedy, char *record);

const PbSetupParts *pb_setup_parts (const PbSetupRun *run);

/** pb_setup_dns: (transfer none): where evaluators ask. */
const PbDnsSource *pb_setup_dns (const PbSetupRun *run);
/** pb_setup_query: @func gets @step (transfer full) back. */
void pb_setup_query (PbSetupStep *step, const char *name, PbDnsType type, PbDnsFunc func);

/** pb_setup_ip_is_private: no address that the Internet leads to. */
gboolean pb_setup_ip_is_private (const PbIp *ip);
/** pb_setup_is_own_public: whether the Internet leads to @ip of one of our interfaces. */
gboolean pb_setup_is_own_public (const PbIp *ip);
/** pb_setup_find_ip: whether @ip is among @n of @ips. */
gboolean pb_setup_find_ip (const PbIp *ips, guint n, const PbIp *ip);
/** pb_setup_ips_text: (transfer full): "192.0.2.1, 2001:db8::1". */
char *pb_setup_ips_text (const PbIp *ips, guint n);
/** pb_setup_is_ours: whether the Internet reaches us at one of @ips. */
gboolean pb_setup_is_ours (const PbSetupRun *run, const PbIp *ips, guint n);

/** pb_setup_domains: (transfer full): the local domains, the first PB_SETUP_MAX_EACH; more are said to be left out in a row of @name. */
char **pb_setup_domains (PbSetupRun *run, const char *name);

/** pb_setup_record: (transfer full): a line of a zone file: @value as it stands there. */
char *pb_setup_record (const char *name, const char *type, const char *value);
/** pb_setup_txt_record: (transfer full): likewise a TXT record, quoted, in strings of at most 255 octets (RFC 1035 3.3.14). */
char *pb_setup_txt_record (const char *name, const char *text);
/** pb_setup_reverse_name: (transfer full): "1.2.0.192.in-addr.arpa". */
char *pb_setup_reverse_name (const PbIp *ip);
/** pb_setup_trouble: (transfer floating): in words, why @answer says nothing of @name. */
GVariant *pb_setup_trouble (const char *name, const PbDnsAnswer *answer);

/* ---- the checks: setup-here.c, setup-names.c, setup-mail.c, setup-reach.c; each begins its steps ---- */
void pb_setup_listening (PbSetupRun *run);
void pb_setup_hostname (PbSetupRun *run);
void pb_setup_certificate (PbSetupRun *run);
void pb_setup_disk (PbSetupRun *run);
void pb_setup_clock (PbSetupRun *run);
void pb_setup_dnssec (PbSetupRun *run);
void pb_setup_a (PbSetupRun *run);
void pb_setup_aaaa (PbSetupRun *run);
void pb_setup_ptr (PbSetupRun *run);
void pb_setup_mx (PbSetupRun *run);
void pb_setup_spf (PbSetupRun *run);
void pb_setup_dkim (PbSetupRun *run);
void pb_setup_dmarc (PbSetupRun *run);
void pb_setup_open_relay (PbSetupRun *run);
void pb_setup_blocklists (PbSetupRun *run);
void pb_setup_outbound (PbSetupRun *run);
void pb_setup_relay (PbSetupRun *run);

/** pb_setup_look: on a worker: fills in @system, which is zero. @connection (nullable) of the bus. */
void pb_setup_look (PbSetupSystem *system, const char *directory, gpointer connection);
void pb_setup_system_clear (PbSetupSystem *system);
