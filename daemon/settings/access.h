/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/netblock.h"
#include <glib.h>

/* The AccessList compiled for look-up: who is blacklisted, whitelisted, and what a whitelist rule spares. Immutable; any thread. */
typedef enum
{
  PB_ACCESS_IP,
  PB_ACCESS_NETWORK,
  PB_ACCESS_SENDER,
  PB_ACCESS_RECIPIENT,
  PB_ACCESS_DOMAIN,
  PB_N_ACCESS_KINDS,
} PbAccessKind;

/* Checks that a whitelist rule may spare. */
typedef enum
{
  PB_SKIP_NOTHING = 0,
  PB_SKIP_DNSBL = 1 << 0,
  PB_SKIP_SPF = 1 << 1,
  PB_SKIP_ANTIVIRUS = 1 << 2,
  PB_SKIP_DKIM = 1 << 3,
  PB_SKIP_DMARC = 1 << 4,
  PB_SKIP_ALL = (1 << 5) - 1,
} PbSkips;

typedef struct _PbAccessRule PbAccessRule;
struct _PbAccessRule
{
  PbAccessKind kind;
  gboolean whitelist;
  gboolean discard;   /* else reject; blacklist only */
  PbSkips skips;      /* whitelist only */
  guint64 expires;    /* Unix seconds; 0: never */
  guint position;
  const char *id, *name, *value; /* (transfer none) its row's */
  const PbAccessRule *next; /* (nullable) private: the next rule for the same value, in order of precedence */
};

/* What the list says of one client, or of one sender and recipient. */
typedef struct
{
  const PbAccessRule *rule;   /* (nullable) the winner; as long as its snapshot */
  const PbAccessRule *beaten; /* (nullable) the first that says the opposite, and loses */
  PbSkips skips;              /* of every whitelist rule that matches: they do not contradict each other */
} PbAccessMatch;

typedef struct _PbAccess PbAccess;

/** pb_access_new: (transfer full): @rows: (element-type PbRow) of the AccessList; disabled ones do not count. */
PbAccess *pb_access_new (GPtrArray *rows);
PbAccess *pb_access_ref (PbAccess *self);
void pb_access_unref (PbAccess *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbAccess, pb_access_unref)

/* Each different mask is one look-up a client; of masks with gaps there could be any number. */
#define PB_ACCESS_MAX_GAPS 64
/** pb_access_count_gaps: how many different masks with gaps @rows (element-type PbRow) have, disabled ones too. */
guint pb_access_count_gaps (GPtrArray *rows);

/** pb_access_match_client: ip, then network, the narrowest first, a whitelist rule before a blacklist rule that is as narrow. @now: Unix seconds. */
void pb_access_match_client (const PbAccess *self, const PbIp *ip, guint64 now, PbAccessMatch *match);

/**
 * pb_access_match_envelope:
 * @sender, @recipient: (nullable) "local@domain", in lower case; @sender_domain: (nullable) lower case A-labels
 * sender and recipient, whitelist before blacklist, reject before discard; then domain.
 */
void pb_access_match_envelope (const PbAccess *self, const char *sender, const char *sender_domain, const char *recipient, guint64 now, PbAccessMatch *match);

/** pb_access_has_recipient: a rule that counts at @now is for this recipient. */
gboolean pb_access_has_recipient (const PbAccess *self, const char *recipient, guint64 now);

/** pb_access_kind_name: "ip", "network", ... */
const char *pb_access_kind_name (PbAccessKind kind);
