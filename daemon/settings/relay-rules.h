/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "settings/snapshot.h"
#include <glib.h>

typedef enum
{
  PB_RELAY_RULE_RECIPIENT,
  PB_RELAY_RULE_SENDER,
  PB_N_RELAY_RULES,
} PbRelayRuleKind;

/* One enabled row of RelayExceptions, ready to be read; immutable, kept by the snapshot it came from. Texts are (transfer none). */
typedef struct
{
  const char *id, *name;
  PbRelayRuleKind kind;
  guint order;
  const char *server;
  guint16 port;
  const char *const *fallback; /* host[:port] */
  const char *tls;             /* as Delivery.RelayTls */
  const char *verify;          /* as Delivery.RelayVerify */
  const char *fingerprint;
  gboolean auth;
  const char *user;
  const char *secret_storage; /* as Delivery.RelaySecretStorage */
  /* private below */
  struct _PbRow *row;           /* (owned) keeps the texts */
  const char **owned_fallback; /* (owned) the array, not its texts */
} PbRelayRule;

/** pb_snapshot_has_relay_rules: whether there is any enabled row of that kind. */
gboolean pb_snapshot_has_relay_rules (const PbSnapshot *self, PbRelayRuleKind kind);

/**
 * pb_snapshot_find_relay_rule:
 * @local: local part, quotes resolved, matched ASCII-case-insensitively; @domain: lower case A-labels, or a literal
 * The exception for that address: one that names the address before one that names the domain before one for its subdomains; among those that fit alike the one
 * that stands first in the list. Costs a few hash look-ups however many there are. Returns: (transfer none) (nullable).
 */
const PbRelayRule *pb_snapshot_find_relay_rule (const PbSnapshot *self, PbRelayRuleKind kind, const char *local, const char *domain);

/** pb_snapshot_relay_rule: the enabled exception with that id. Returns: (transfer none) (nullable). */
const PbRelayRule *pb_snapshot_relay_rule (const PbSnapshot *self, const char *id);
