/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "mailauth/dkim.h"

#define PB_ARC_MAX_SETS 50 /* RFC 8617 4.2.1 */

/* RFC 8617 4.4: what is said of a whole chain. */
typedef enum
{
  PB_ARC_NONE, /* there is no chain */
  PB_ARC_PASS,
  PB_ARC_FAIL,
} PbArcResult;

typedef struct
{
  PbArcResult result;
  guint sets;        /* of the chain */
  const char *domain; /* (nullable) of the last seal: who vouches for the rest, once it passed */
  const char *why;   /* (nullable) behind a fail, in words */
} PbArcOutcome;

typedef struct _PbArc PbArc;

/** PbArcFunc: @outcome (transfer none). */
typedef void (*PbArcFunc) (const PbArcOutcome *outcome, gpointer user_data);

/** pb_arc_verify: begins to verify @message's chain, as pb_dkim_verify() does its signatures: the same rules hold. */
PbArc *pb_arc_verify (PbAuthMessage *message, const PbDnsSource *dns, guint seconds, PbArcFunc func, gpointer user_data);
void pb_arc_body_ended (PbArc *self);
void pb_arc_cancel (PbArc *self);

const char *pb_arc_result_name (PbArcResult result);

/* ---- sealing ---- */

/* The three fields of a new set. */
typedef struct
{
  char *seal, *signature, *results; /* (owned) values, folded, without names */
} PbArcSet;

/**
 * pb_arc_seal: a set for @message, which was fed to its end, above the chain that @before tells of.
 * @body: of pb_auth_message_body_hash (@message, TRUE, -1)
 * @results: the Authentication-Results value for it, beginning with our name
 * A chain that failed is sealed as failed, and one with 50 sets or a failed seal on top is left alone: then this returns FALSE without an error.
 * Errors: G_IO_ERROR_FAILED: the key does not sign.
 */
gboolean pb_arc_seal (PbAuthMessage *message, PbBodyHash *body, const PbArcOutcome *before, const char *results, const PbDkimSigner *signer, PbArcSet *set, GError **error);
void pb_arc_set_clear (PbArcSet *self);
