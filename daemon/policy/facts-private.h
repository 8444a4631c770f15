/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "mailauth/dnsbl.h"
#include "mailauth/spf.h"
#include "policy/facts.h"
#include "settings/snapshot.h"

typedef struct
{
  PbFactFound func;
  gpointer user_data;
} Waiter;

struct _PbFact
{
  guint references;   /* its owner's, and one a question under way */
  gboolean abandoned; /* its owner is gone: nothing more is asked */
  PbFactState state;
  char *evidence;    /* (owned) (nullable) */
  GArray *waiters;   /* (owned) (nullable) (element-type Waiter) */
  PbDns dns;
  PbMailbox *mailbox; /* (owned) */
  PbIp ip;
  char *domain;      /* (owned) (nullable) */
  guint asked;       /* questions under way */
  gboolean trouble;  /* one of them was not answered */
  char *first_name;  /* (owned) (nullable) the first that does not lead back */
  PbSnapshot *snapshot;        /* (owned) (nullable) keeps what @zones borrow */
  struct _PbBlocklists *blocklists; /* (nullable) borrowed, as long as there are sessions */
  PbDnsblZone *zones;          /* (owned) (nullable) those that are asked */
  PbSpfResult spf;
  char *spf_domain;            /* (owned) (nullable) that was checked */
  gboolean spf_by_helo;
  char *spf_mechanism, *spf_problem; /* (owned) (nullable) as in PbSpfOutcome */
};

PbFact *pb_fact_new (const PbDns *dns, PbMailbox *mailbox);
void pb_fact_unref (PbFact *self);
/** pb_fact_settle: @evidence: (transfer full). What is settled stays so. */
void pb_fact_settle (PbFact *self, PbFactState state, char *evidence);
