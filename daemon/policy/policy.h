/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "policy/blocklists.h"
#include "policy/facts.h"
#include "policy/scanner.h"
#include "policy/trail.h"
#include "protocol/envelope.h"
#include "protocol/header-scan.h"
#include "protocol/reply.h"
#include "settings/snapshot.h"
#include "util/mailbox.h"
#include <glib.h>

/*
 * Judgement: an ordered table of checks, one row each. Live mail, Explain and Replay use the same table: what a check knows is all in PbJudged, and what it
 * says is all in its finding and its decision.
 */
typedef enum
{
  PB_FINDING_NONE,    /* nothing to judge here: no line in the trail */
  PB_FINDING_PASS,
  PB_FINDING_EXEMPT,  /* whom the check does not bind */
  PB_FINDING_SKIPPED, /* spared by a whitelist rule */
  PB_FINDING_REFUSE,  /* with a reply: a 5xx decides, a 4xx unless a later row has a 5xx or discards */
  PB_FINDING_TROUBLE, /* it cannot be told now: always with a 4xx, likewise */
  PB_FINDING_QUARANTINE, /* nothing against taking it, but aside from other mail, as the decision's @aside says */
  PB_FINDING_DISCARD, /* decides: taken and dropped */
  PB_FINDING_PENDING, /* an asynchronous check goes on; pb_policy_continue() will be called */
} PbFinding;

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
  gboolean local;          /* a program of this machine, without a login if it may speak for everybody */
  int recipient_index;     /* at RCPT: the how manieth of the transaction, from 0; else PB_TRAIL_NO_RECIPIENT */
  guint n_recipients;      /* accepted so far */
  guint64 declared_size, size;
  const PbHeaderScan *header; /* (nullable) at END_OF_DATA */
  gboolean bare_newline;
  gint64 blocked_until;    /* Unix seconds; 0: the client's address is not blocked */
  guint connections;       /* of this client now, this one counted */
  guint connection_rate;   /* likewise in its minute; 0: not counted */
  guint message_rate;      /* MAIL commands in the client's minute, this one counted; 0: not counted */
  guint64 now;             /* Unix seconds */
  PbAccessMatch client;    /* what the AccessList says of the client */
  PbSkips skips;           /* at END_OF_DATA: what rules spare the message, for every recipient */
  const PbDns *dns;        /* (nullable) */
  PbBlocklists *blocklists; /* (nullable) which of them are ill */
  PbFacts *facts;          /* (nullable) what was or is being found out; the machine begins what is missing */
  PbMailbox *mailbox;      /* (nullable) of the thread that judges: where a check that has to wait gets its answer */
  struct _PbMailChecks *mail; /* (nullable) at END_OF_DATA: mail authentication of the message (mail-checks.h); NULL: nobody wants it */
  PbSpool *spool;          /* (nullable) at END_OF_DATA: the message; NULL: it was given up */
  PbScanner *scanner;      /* (nullable) for malware; NULL: there is none */
} PbJudged;

typedef enum
{
  PB_DECISION_ACCEPT,
  PB_DECISION_DISCARD, /* answered as if accepted */
  PB_DECISION_DEFER,
  PB_DECISION_REJECT,
} PbDecisionKind;

/* Where a message that is taken goes instead of among other mail; several may hold. */
typedef enum
{
  PB_ASIDE_NOT = 0,
  PB_ASIDE_JUNK = 1 << 0, /* into the junk folder */
  PB_ASIDE_HELD = 1 << 1, /* nowhere before an administrator releases it; the decision's evidence says why */
} PbAside;

/* What is done; and, while a check is asked, what it has to say beside its finding. */
typedef struct
{
  PbDecisionKind kind;
  PbReplyId reply;   /* a check leaves PB_REPLY_NONE for its row's reply */
  char *detail;      /* (owned) (nullable) for the reply's %s */
  char *evidence;    /* (owned) (nullable) for the trail, not for the client */
  const char *check; /* (nullable) static name of the row that decided; NULL: nobody objected */
  const PbAccessRule *rule; /* (nullable) of the AccessList, that refused, discarded or allowed; as long as the snapshot */
  PbSkips skips;     /* what rules of the AccessList spare */
  guint64 watched;   /* 1 << number of each row that would have refused, or put aside, had its setting said enforce */
  gboolean lets_pass; /* of a check: its TROUBLE is no objection */
  PbAside aside;     /* behind a stage: of all its rows */
} PbDecision;

#define PB_POLICY_MAX_ROWS 64 /* of one table */

void pb_decision_clear (PbDecision *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (PbDecision, pb_decision_clear)

typedef struct _PbPolicyRun PbPolicyRun;
typedef void (*PbPolicyDone) (PbDecision *decision, gpointer user_data);

typedef enum
{
  PB_POLICY_BINDS_ALL = 0,
  PB_POLICY_SPARES_EXEMPT = 1 << 0, /* exempt clients are not asked about */
  PB_POLICY_SPARES_ALLOWED = 1 << 1, /* nor those whose IP address is whitelisted */
} PbPolicyFlags;

typedef struct
{
  PbStage stage;
  const char *name;  /* "relay", "recipient": also the counters refused.<name> and watched.<name> */
  PbReplyId reply;   /* of a refusal whose check names none */
  PbPolicyFlags flags;
  PbFinding (*check) (const PbJudged *judged, PbDecision *decision, PbPolicyRun *run);
  const char *(*setting) (const PbSettingValues *values); /* (nullable) off, watch or enforce; NULL: always enforced */
  PbFactKind fact;   /* that @check reads: it is asked once that is found out */
  PbSkips skip;      /* that spares this check */
} PbPolicyRow;

/** pb_policy_rows: the table, in order of judgement. */
const PbPolicyRow *pb_policy_rows (guint *n_rows);

/**
 * pb_policy_judge:
 * @judged: copied; what it points to is borrowed until the decision, or pb_policy_run_cancel()
 * @trail: (nullable): what each row that had something to judge said is added; borrowed likewise
 * @decision: (out): filled in when TRUE is returned
 * @run: (out): set when FALSE is returned; gone once @done was called or the run cancelled
 * Returns: TRUE when decided at once; else @done is called later on the same thread (never before returning) unless pb_policy_run_cancel() comes first.
 * @done may steal the decision's texts; what is left is cleared for it.
 */
gboolean pb_policy_judge (PbStage stage, const PbJudged *judged, PbTrail *trail, PbDecision *decision, PbPolicyDone done, gpointer user_data, PbPolicyRun **run);

/** pb_policy_judge_rows: likewise over another table, for tests and dry runs. */
gboolean pb_policy_judge_rows (const PbPolicyRow *rows, guint n_rows, PbStage stage, const PbJudged *judged, PbTrail *trail, PbDecision *decision, PbPolicyDone done,
                               gpointer user_data, PbPolicyRun **run);
/** pb_policy_wants: whether a row that reads @kind binds @judged. */
gboolean pb_policy_wants (const PbPolicyRow *rows, guint n_rows, PbFactKind kind, const PbJudged *judged);

/** pb_policy_tell_unseen: adds to @trail what settings have judged at END_OF_DATA, for whoever has no message: @skips: of the recipient. */
void pb_policy_tell_unseen (const PbPolicyRow *rows, guint n_rows, const PbJudged *judged, PbSkips skips, PbTrail *trail);

/** pb_policy_begin_spf: for DMARC, which asks of senders of ours, too. Returns: (nullable) (transfer none): begun, if it was not yet; NULL: nobody to ask about. */
PbFact *pb_policy_begin_spf (const PbJudged *judged);

/** pb_policy_prefetch: begins to find out @kind of @judged, if a row will want it. */
void pb_policy_prefetch (const PbPolicyRow *rows, guint n_rows, PbFactKind kind, const PbJudged *judged);

void pb_policy_run_cancel (PbPolicyRun *run);

/**
 * pb_policy_run_suspend:
 * For a check that has to wait: makes @run outlive the call. The check then returns PB_FINDING_PENDING and later, from the same thread and not from inside itself, calls
 * pb_policy_continue() exactly once, cancelled or not. Returns: (transfer none) what to continue with.
 */
PbPolicyRun *pb_policy_run_suspend (PbPolicyRun *run);

/** pb_policy_run_on_cancel: @func (@user_data) when the suspended @run is cancelled before pb_policy_continue(), for a check that can end its wait. */
void pb_policy_run_on_cancel (PbPolicyRun *run, GDestroyNotify func, gpointer user_data);

/** pb_policy_run_judged: what a suspended run judges; NULL once it was cancelled. */
const PbJudged *pb_policy_run_judged (PbPolicyRun *run);

/** pb_policy_continue: an asynchronous check of @run has its answer: @finding, not PENDING, and @decision's reply and texts (taken). */
void pb_policy_continue (PbPolicyRun *run, PbFinding finding, PbDecision *decision);
