/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "protocol/reply.h"
#include <glib.h>

/* The trail of a judgement: what each check said, in the order in which they were asked. The session keeps one for the connection and one for each transaction. */
typedef enum
{
  PB_STAGE_CONNECT,
  PB_STAGE_HELO,
  PB_STAGE_MAIL,
  PB_STAGE_RCPT,
  PB_STAGE_END_OF_DATA,
  PB_N_STAGES,
} PbStage;

typedef enum
{
  PB_OUTCOME_PASS,
  PB_OUTCOME_REFUSED,   /* with the reply */
  PB_OUTCOME_WATCHED,   /* would have been refused with the reply: the setting says watch */
  PB_OUTCOME_EXEMPT,    /* the check does not bind this client */
  PB_OUTCOME_SKIPPED,   /* a whitelist rule spares it the check */
  PB_OUTCOME_TROUBLE,   /* it cannot be told now (DNS, directory) */
  PB_OUTCOME_DISCARDED, /* taken and dropped: by a blacklist rule, or for malware */
  PB_OUTCOME_QUARANTINED, /* taken, but put aside */
  PB_OUTCOME_UNSEEN,    /* it depends on the message, which is not there (Explain) */
  PB_N_OUTCOMES,
} PbOutcome;

#define PB_TRAIL_NO_RECIPIENT   (-1)
#define PB_TRAIL_EVIDENCE_LIMIT 512 /* octets */

typedef struct
{
  PbStage stage;
  PbOutcome outcome;
  const char *check; /* static: the row's name */
  PbReplyId reply;   /* PB_REPLY_NONE unless REFUSED, WATCHED or TROUBLE */
  int recipient;     /* the how manieth RCPT command of the transaction, from 0; else PB_TRAIL_NO_RECIPIENT */
  char *evidence;    /* (owned) (nullable) one line of clean UTF-8 */
} PbVerdict;

/* Reference-counted; written by one thread, read by others only once it is not written any more. */
typedef struct _PbTrail PbTrail;

PbTrail *pb_trail_new (void);
PbTrail *pb_trail_ref (PbTrail *self);
void pb_trail_unref (PbTrail *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbTrail, pb_trail_unref)

/**
 * pb_trail_add:
 * @evidence: (nullable): cut and cleaned; copied
 * Bounded, since a client chooses how many recipients it names: who merely passes is kept for the first 16 recipients, and 2,000 verdicts are kept in all.
 */
void pb_trail_add (PbTrail *self, PbStage stage, const char *check, PbOutcome outcome, PbReplyId reply, int recipient, const char *evidence);

guint pb_trail_length (const PbTrail *self);
const PbVerdict *pb_trail_get (const PbTrail *self, guint index);
/** pb_trail_lost: how many verdicts found no room. */
guint pb_trail_lost (const PbTrail *self);
/** pb_trail_octets: memory that it takes. */
gsize pb_trail_octets (const PbTrail *self);

/** pb_stage_name: "connect", "helo", "mail", "rcpt", "data". */
const char *pb_stage_name (PbStage stage);
/** pb_outcome_name: "pass", "refused", ... */
const char *pb_outcome_name (PbOutcome outcome);
