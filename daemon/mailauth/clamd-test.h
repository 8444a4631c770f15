/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "mailauth/clamd.h"

/* A clamd tried step by step, for people who set it up. */

typedef enum
{
  PB_CLAMD_STEP_CONNECT,     /* it takes a connection */
  PB_CLAMD_STEP_PING,        /* it is clamd */
  PB_CLAMD_STEP_VERSION,     /* it tells its version and that of its signatures */
  PB_CLAMD_STEP_CLEAN,       /* it lets a harmless message pass */
  PB_CLAMD_STEP_INFECTED,    /* it finds the EICAR test string */
  PB_CLAMD_STEP_DESCRIPTORS, /* it takes a file that is handed over */
  PB_CLAMD_STEP_SIZE,        /* it takes a message as long as ours may be */
  PB_N_CLAMD_STEPS,
} PbClamdStepKind;

typedef enum
{
  PB_CLAMD_STEP_OK,
  PB_CLAMD_STEP_WARNING, /* no obstacle to scanning, but to be looked at */
  PB_CLAMD_STEP_FAILED,
  PB_CLAMD_STEP_SKIPPED, /* does not arise, or an earlier one failed */
} PbClamdStepState;

typedef struct
{
  PbClamdStepState state;
  char *detail;           /* (owned) what clamd said, or what is wrong */
  gint64 duration;        /* microseconds */
  gint64 signature_time;  /* of VERSION: Unix seconds, 0: unknown */
} PbClamdStep;

typedef struct
{
  PbClamdStep steps[PB_N_CLAMD_STEPS];
} PbClamdTest;
void pb_clamd_test_clear (PbClamdTest *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (PbClamdTest, pb_clamd_test_clear)

/**
 * pb_clamd_test:
 * @call: its seconds are for one step: all of them may take some four times as long
 * @max_size: octets of the largest message that is taken
 * @now: Unix seconds
 * Waits. Whatever is wrong is told by the steps.
 */
void pb_clamd_test (const PbClamdCall *call, guint64 max_size, gint64 now, PbClamdTest *test);

/** pb_clamd_step_name: "connect", "ping", "version", "clean", "infected", "descriptors", "size". */
const char *pb_clamd_step_name (PbClamdStepKind kind);
/** pb_clamd_step_state_name: "ok", "warning", "failed", "skipped". */
const char *pb_clamd_step_state_name (PbClamdStepState state);
