/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "mailauth/spf.h"
#include "net/resolver.h"
#include "settings/snapshot.h"
#include "util/mailbox.h"
#include "util/netblock.h"
#include <glib.h>

/*
 * Facts that the DNS knows and checks need: begun when their subject is known (the client's address at connect, its name at EHLO, the sender at MAIL), found
 * out beside the dialogue, waited for at RCPT. One thread each; answers come by its mailbox.
 */
typedef enum
{
  PB_FACT_NONE,
  PB_FACT_CLIENT_NAME, /* the client's address leads to a name that leads back */
  PB_FACT_HELO,        /* the name it gives itself has an A, AAAA or MX record */
  PB_FACT_SENDER,      /* likewise the sender's domain, unless it is ours */
  PB_FACT_BLOCKLISTS,  /* DNS blocklists do not name the client, or not as often as counts; never TROUBLE */
  PB_FACT_SPF,         /* the sender's domain does not forbid the client to speak for it (RFC 7208) */
  PB_FACT_DKIM,        /* a signature of the message is valid; of the message, see mail-checks.h, like the next */
  PB_FACT_DMARC,       /* the author's domain does not ask for it to be refused or put aside */
  PB_N_FACTS,
} PbFactKind;

typedef enum
{
  PB_FACT_WAITING,
  PB_FACT_YES,
  PB_FACT_NO,
  PB_FACT_NULL_MX, /* it says that it takes no mail (RFC 7505) */
  PB_FACT_TROUBLE, /* the DNS does not tell now */
} PbFactState;

/* Who is asked: the resolver, or a test. */
typedef struct
{
  /* as pb_resolver_query(); PB_DNS_HOST: as pb_resolver_query_host() */
  void (*query) (const char *name, PbDnsType type, guint timeout, PbMailbox *reply_to, PbDnsFunc func, gpointer user_data, gpointer source);
  gpointer source;
} PbDns;
#define PB_DNS_HOST ((PbDnsType) 0)

struct _PbBlocklists;

/** pb_dns_init_resolver: @self asks @resolver, which outlives it. */
void pb_dns_init_resolver (PbDns *self, PbResolver *resolver);

typedef struct _PbFact PbFact;
typedef void (*PbFactFound) (gpointer user_data);

/** pb_fact_new_client: begins to find out whether @ip has a PTR record whose name leads back to it; up to 10 names are tried. @dns (nullable): TROUBLE at once. */
PbFact *pb_fact_new_client (const PbDns *dns, const PbIp *ip, PbMailbox *mailbox);
/** pb_fact_new_domain: begins to find out whether @domain has an MX, A or AAAA record. At the latest after 10 seconds each is found out, or TROUBLE. */
PbFact *pb_fact_new_domain (const PbDns *dns, const char *domain, PbMailbox *mailbox);
/** pb_fact_new_blocklists: begins to ask @snapshot's enabled blocklists about @ip, but for those that @blocklists (nullable) says are ill, which it also tells of. */
PbFact *pb_fact_new_blocklists (const PbDns *dns, const PbIp *ip, PbSnapshot *snapshot, struct _PbBlocklists *blocklists, PbMailbox *mailbox);
/** pb_fact_new_spf: begins to check SPF. @sender: local@domain, "" for the null sender; @helo (nullable); @receiver: our name. */
PbFact *pb_fact_new_spf (const PbDns *dns, const PbIp *ip, const char *sender, const char *helo, const char *receiver, PbMailbox *mailbox);
/** pb_fact_spf: what came out of it. @domain: (out) (transfer none). Returns: FALSE when it is another fact, or not found out. */
gboolean pb_fact_spf (const PbFact *self, PbSpfResult *result, const char **domain, gboolean *by_helo);
/** pb_fact_free: whoever waits is told all the same, once what was asked is answered. */
void pb_fact_free (PbFact *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbFact, pb_fact_free)

PbFactState pb_fact_state (const PbFact *self);
/** pb_fact_evidence: (transfer none) (nullable): in words, once it is found out. */
const char *pb_fact_evidence (const PbFact *self);
/** pb_fact_wait: @func once, when @self is not WAITING any more; never before returning. */
void pb_fact_wait (PbFact *self, PbFactFound func, gpointer user_data);

/* Those of one session; zero to begin with. A session about which nothing was asked pays a pointer. */
typedef struct
{
  PbFact **known; /* (owned) (nullable) by PbFactKind, each (owned) (nullable) */
} PbFacts;
/** pb_facts_get: Returns: (transfer none) (nullable): what is or was being found out. @self (nullable). */
const PbFact *pb_facts_get (const PbFacts *self, PbFactKind kind);
/** pb_facts_set: @fact (transfer full), where there was none. */
void pb_facts_set (PbFacts *self, PbFactKind kind, PbFact *fact);
/** pb_facts_forget: the subject of @kind is another now. */
void pb_facts_forget (PbFacts *self, PbFactKind kind);
void pb_facts_clear (PbFacts *self);
