/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "protocol/envelope.h"
#include "protocol/header-scan.h"
#include "protocol/reply.h"
#include "settings/snapshot.h"
#include "util/mailbox.h"
#include <glib.h>

/*
 * Judgement: an ordered table of small predicates (stage, name, check). Each gives accept, defer, reject or nothing, with a reply row and a line for the trail. Live mail and, later, Explain use
 * the same table.
 */
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
  PB_OUTCOME_NONE,   /* no opinion: the next row is asked */
  PB_OUTCOME_ACCEPT, /* the stage is decided: taken */
  PB_OUTCOME_DEFER,  /* kept, unless a later row rejects */
  PB_OUTCOME_REJECT, /* the stage is decided */
  PB_OUTCOME_PENDING, /* an asynchronous check goes on; pb_policy_continue() will be called */
} PbOutcome;

/* What is known of the session and the transaction; borrowed by the checks. */
typedef struct
{
  const PbSnapshot *snapshot;
  PbIp ip;
  gboolean exempt;         /* authenticated, or trusted, or local network */
  const char *helo;        /* (nullable) */
  gboolean exempt_unasked; /* trusted, or local network: without a login */
  const char *login;       /* (nullable) */
  const char *account_id;  /* (nullable) of @login */
  const PbAddress *sender; /* (nullable) null sender or not given yet */
  const PbAddress *recipient; /* (nullable) at RCPT */
  gboolean source_route;
  gboolean our_literal;    /* the recipient's domain is a literal of the address that the client connected to */
  gboolean demand_login;   /* submission listener */
  guint n_recipients;      /* accepted so far */
  guint64 declared_size, size;
  const PbHeaderScan *header; /* (nullable) at END_OF_DATA */
  gboolean bare_newline;
  gint64 blocked_until;    /* Unix seconds; 0: the client's address is not blocked */
  guint connections;       /* of this client now, this one counted */
  PbMailbox *mailbox;      /* (nullable) of the thread that judges: where a check that has to wait gets its answer */
} PbJudged;

typedef struct
{
  PbOutcome outcome;
  PbReplyId reply;
  char *detail;      /* (owned) (nullable) for the reply's %s */
  const char *check; /* static name of the row that decided */
} PbVerdict;
void pb_verdict_clear (PbVerdict *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (PbVerdict, pb_verdict_clear)

typedef struct
{
  const char *check;
  PbStage stage;
  PbOutcome outcome;
  PbReplyId reply;
} PbTrailLine;

typedef struct _PbPolicyRun PbPolicyRun;
typedef void (*PbPolicyDone) (PbVerdict *verdict, gpointer user_data);

typedef struct
{
  PbStage stage;
  const char *name; /* "relay", "recipient": also the counter refused.<name> */
  PbOutcome (*check) (const PbJudged *judged, PbVerdict *verdict, PbPolicyRun *run);
} PbPolicyRow;

/** pb_policy_rows: the table, in order of judgement. */
const PbPolicyRow *pb_policy_rows (guint *n_rows);

/**
 * pb_policy_judge:
 * @judged: copied; what it points to is borrowed until the verdict, or pb_policy_run_cancel()
 * @verdict: (out): filled in when TRUE is returned: ACCEPT (nobody objected, or a row took it), DEFER or REJECT
 * @trail: (nullable) (element-type PbTrailLine): every row that had an opinion is appended
 * @run: (out): set when FALSE is returned; gone once @done was called or the run cancelled
 * Returns: TRUE when decided at once; else @done is called later on the same thread (never before returning) unless pb_policy_run_cancel() comes first.
 * @done may steal the verdict's detail; what is left is cleared for it.
 */
gboolean pb_policy_judge (PbStage stage, const PbJudged *judged, GArray *trail, PbVerdict *verdict, PbPolicyDone done, gpointer user_data, PbPolicyRun **run);

/** pb_policy_judge_rows: likewise over another table, for tests and dry runs. */
gboolean pb_policy_judge_rows (const PbPolicyRow *rows, guint n_rows, PbStage stage, const PbJudged *judged, GArray *trail, PbVerdict *verdict, PbPolicyDone done, gpointer user_data,
                               PbPolicyRun **run);
void pb_policy_run_cancel (PbPolicyRun *run);

/**
 * pb_policy_run_suspend:
 * For a check that has to wait: makes @run outlive the call. The check then returns PB_OUTCOME_PENDING and later, from the same thread and not from inside itself, calls
 * pb_policy_continue() exactly once, cancelled or not. Returns: (transfer none) what to continue with.
 */
PbPolicyRun *pb_policy_run_suspend (PbPolicyRun *run);

/** pb_policy_run_judged: what a suspended run judges; NULL once it was cancelled. */
const PbJudged *pb_policy_run_judged (PbPolicyRun *run);

/** pb_policy_continue: an asynchronous check of @run has its answer: @outcome, not PENDING, and @verdict's reply and detail (taken). */
void pb_policy_continue (PbPolicyRun *run, PbOutcome outcome, PbVerdict *verdict);
