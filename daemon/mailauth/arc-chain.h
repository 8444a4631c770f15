/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "mailauth/arc.h"

/* The sets of a message's ARC fields, their shape checked (RFC 8617 5.2, steps 1 to 3). */
typedef struct
{
  guint n;
  const PbField *results[PB_ARC_MAX_SETS]; /* borrowed from the message, by instance - 1 */
  const PbField *signatures[PB_ARC_MAX_SETS];
  const PbField *seals[PB_ARC_MAX_SETS];
  PbDkimSignature *parsed_seals[PB_ARC_MAX_SETS]; /* (owned) */
  PbDkimSignature *parsed_signature;              /* (owned) (nullable) the last set's */
} PbArcChain;

/** pb_arc_chain_read: Returns: what is wrong with the chain, NULL when it is well or there is none. */
const char *pb_arc_chain_read (PbArcChain *self, PbAuthMessage *message);
void pb_arc_chain_clear (PbArcChain *self);

/** pb_arc_chain_append_sets: appends the first @n sets as seal @n signs them, all but its own field (RFC 8617 5.1.1). */
void pb_arc_chain_append_sets (const PbArcChain *self, guint n, GString *out);
