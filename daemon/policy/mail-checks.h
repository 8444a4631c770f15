/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "mailauth/arc.h"
#include "mailauth/author.h"
#include "mailauth/dkim.h"
#include "mailauth/dmarc.h"
#include "mailauth/spf.h"
#include "policy/policy.h"

/*
 * The mail authentication of one message while it streams by: DKIM and ARC are begun when its header is whole, DMARC when DKIM and SPF are known. One thread each.
 */
typedef struct _PbMailChecks PbMailChecks;

/* What came out for one DKIM signature. */
typedef struct
{
  PbDkimResult result;
  char *domain, *selector, *identity; /* (owned) (nullable) NULL when the field is broken */
  const char *algorithm; /* (nullable) static: "rsa-sha256" */
  char start[9];         /* of b=, its first octets (RFC 6008) */
  char *why;             /* (owned) (nullable) behind anything but a pass, in words of ours */
  guint bits;            /* of an RSA key; 0: not known */
  gboolean testing;      /* the domain only tries DKIM (t=y) */
  gboolean body_cut;     /* l= left part of the body unsigned */
} PbMailSignature;

/* All of it; what is borrowed lasts as long as the checks. */
typedef struct
{
  gboolean has_dkim;     /* it is known, this and the ones like it */
  const PbMailSignature *signatures; /* the first PB_DKIM_MAX_SIGNATURES */
  guint n_signatures;
  guint n_unseen;        /* signatures beyond those */
  gboolean has_spf;
  PbSpfResult spf;
  const char *spf_domain; /* (nullable) that was checked */
  gboolean spf_by_helo;  /* HELO's name, not MAIL FROM's domain */
  PbAuthor author;       /* once the header was there */
  const char *author_domain; /* (nullable) A-labels; with PB_AUTHOR_ONE */
  gboolean has_dmarc;
  PbDmarcResult dmarc;
  PbDmarcPolicy policy;  /* what the author's domain asks for, when it failed */
  const char *record_domain, *aligned_spf, *aligned_dkim, *problem; /* (nullable) as in PbDmarcOutcome */
  gboolean has_arc;
  PbArcResult arc;
  guint arc_sets;
  const char *arc_domain, *arc_why; /* (nullable) as in PbArcOutcome */
} PbMailResults;

/**
 * pb_mail_checks_new: for the message that is about to come; behind its last recipient.
 * @judged: as at END_OF_DATA, skips with it; nothing but its @facts is borrowed, which outlive the checks
 * Returns: (nullable): NULL when no row of @rows, nor ArcEnabled, wants any of it
 */
PbMailChecks *pb_mail_checks_new (const PbPolicyRow *rows, guint n_rows, const PbJudged *judged);

/** pb_mail_checks_free: what is under way is cancelled. */
void pb_mail_checks_free (PbMailChecks *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbMailChecks, pb_mail_checks_free)

/** pb_mail_checks_feed: the next octets of the message as the client sent it: dot-stuffing undone, nothing of ours in it. Cut anywhere. */
void pb_mail_checks_feed (PbMailChecks *self, const char *data, gsize length);

/** pb_mail_checks_end: there are no more. */
void pb_mail_checks_end (PbMailChecks *self);

/** pb_mail_checks_held: octets of memory, about. */
gsize pb_mail_checks_held (const PbMailChecks *self);

/** pb_mail_checks_fact: PB_FACT_DKIM or PB_FACT_DMARC. Returns: (nullable) (transfer none): NULL when it is not looked for. */
PbFact *pb_mail_checks_fact (PbMailChecks *self, PbFactKind kind);

/** pb_mail_checks_are_done: whether all that was begun is known. */
gboolean pb_mail_checks_are_done (const PbMailChecks *self);

/** pb_mail_checks_wait: @func once, later on this thread, when they are done, unless they are freed before. They are not done now. One at a time. */
void pb_mail_checks_wait (PbMailChecks *self, PbFactFound func, gpointer user_data);

/** pb_mail_checks_results: fills in @results. */
void pb_mail_checks_results (const PbMailChecks *self, PbMailResults *results);

/** pb_mail_checks_message: what of the message is kept: its fields. (transfer none) */
PbAuthMessage *pb_mail_checks_message (PbMailChecks *self);
