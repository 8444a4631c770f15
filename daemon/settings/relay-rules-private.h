/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "settings/relay-rules.h"

/* RelayExceptions compiled for look-up; immutable, shared between directories by reference count. */
typedef struct _PbRelayRules PbRelayRules;

/** pb_relay_rule_new: @row is one of RelayExceptions. Returns: (transfer full). */
PbRelayRule *pb_relay_rule_new (const struct _PbRow *row);
void pb_relay_rule_free (PbRelayRule *self);

/** pb_relay_rules_new: @rows (element-type PbRow). */
PbRelayRules *pb_relay_rules_new (GPtrArray *rows);
PbRelayRules *pb_relay_rules_ref (PbRelayRules *self);
void pb_relay_rules_unref (PbRelayRules *self);
