/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "policy/policy.h"

/* Judges a client's mail as the session would, without any: stage after stage by the same table, up to the decision. One thread each. */
typedef struct
{
  PbSnapshot *snapshot;    /* all borrowed, but what is in it is copied or referenced as needed */
  PbIp ip;
  const char *helo;        /* (nullable) */
  const char *login;       /* (nullable) of an account that has logged in */
  const char *account_id;  /* (nullable) likewise */
  gboolean has_sender;     /* else it ends at the connection */
  const PbAddress *sender; /* (nullable) null sender */
  const PbAddress *recipient; /* (nullable) it ends at MAIL */
  gboolean source_route;
  gboolean our_literal;    /* @recipient is at a literal of an address of ours */
  gint64 blocked_until;    /* as in PbJudged, these four */
  guint connections, connection_rate, message_rate;
  guint64 now;
  const PbDns *dns;        /* (nullable) */
  PbBlocklists *blocklists; /* (nullable) */
} PbExplainInput;

typedef struct _PbExplain PbExplain;

/** PbExplained: @decision and @trail are borrowed. */
typedef void (*PbExplained) (const PbDecision *decision, PbTrail *trail, gpointer user_data);

/**
 * pb_explain_start:
 * @input: what it points to, but @snapshot, must last until @done
 * @mailbox: of the thread that calls
 * Returns: (nullable) NULL when @done was called at once; else it is called later, unless pb_explain_cancel() comes first, and the explanation is gone then.
 */
PbExplain *pb_explain_start (const PbExplainInput *input, PbMailbox *mailbox, PbExplained done, gpointer user_data);
void pb_explain_cancel (PbExplain *self);
