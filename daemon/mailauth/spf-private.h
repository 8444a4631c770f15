/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "mailauth/spf-macro.h"
#include "mailauth/spf.h"

#define PB_SPF_MAX_HOSTS 10 /* hosts of one MX or PTR answer (RFC 7208 4.6.4) */

/* A record under evaluation: the sender's domain's at the bottom, included ones above it. */
typedef struct
{
  char *domain;        /* (owned) */
  PbSpfRecord *record; /* (owned) (nullable) NULL until its TXT is there */
  guint at;            /* the next term */
} PbSpfFrame;

/* What is done with the answers to several questions that were asked at once. */
typedef void (*PbSpfGathered) (PbSpf *self);

struct _PbSpf
{
  PbDnsSource dns;
  PbSpfFunc func; /* (nullable) NULL once cancelled */
  gpointer user_data;
  PbIp ip;
  char *local, *sender_domain, *helo, *receiver; /* (owned) */
  gint64 deadline; /* monotonic, microseconds */
  GPtrArray *frames; /* (owned) (element-type PbSpfFrame) */
  guint lookups, voids; /* 4.6.4 */
  guint asked;          /* questions under way */
  PbSpfOutcome outcome;

  char *explanation;        /* (owned) (nullable) of the domain, its macros not yet expanded */
  char *target;             /* (owned) (nullable) the domain of the term at hand, expanded */
  GPtrArray *names;         /* (owned) (nullable) the hosts behind an MX or a PTR */
  PbDnsAnswer **answers;    /* (owned) (nullable) their addresses, one a name, as they come */
  PbSpfGathered gathered;
  GPtrArray *validated;     /* (owned) (nullable) (element-type utf8) the client's names that lead back to it; NULL: not asked yet (5.5) */
  PbSpfGathered with_names; /* what waits for @validated */
};

void pb_spf_free (PbSpf *self);

/* ---- spf.c ---- */

PbSpfFrame *pb_spf_top_frame (PbSpf *self);
/** pb_spf_term: the term at hand. */
const PbSpfTerm *pb_spf_term (PbSpf *self);
/** pb_spf_finish: tells the caller and frees the check. @problem (nullable). */
void pb_spf_finish (PbSpf *self, PbSpfResult result, const char *problem);
/** pb_spf_finish_with_trouble: a temperror, with what @answer says of @name. */
void pb_spf_finish_with_trouble (PbSpf *self, const char *name, const PbDnsAnswer *answer);
/** pb_spf_settle: the term at hand @matched or not; the check goes on, or ends. */
void pb_spf_settle (PbSpf *self, gboolean matched);
/** pb_spf_push_frame: evaluates the record of @domain (transfer full) next. */
void pb_spf_push_frame (PbSpf *self, char *domain);

/* ---- spf-hosts.c ---- */

typedef void (*PbSpfAnswered) (PbSpf *self, PbDnsAnswer *answer, guint host);

/** pb_spf_ask: @answered (..., @host) runs with the answer, within the check's deadline. */
void pb_spf_ask (PbSpf *self, const char *name, PbDnsType type, guint host, PbSpfAnswered answered);
/** pb_spf_address_type: A or AAAA, as the client's address is. */
PbDnsType pb_spf_address_type (PbSpf *self);
/** pb_spf_gather: asks for the addresses of @self->names, all at once; @gathered runs with all of @self->answers. */
void pb_spf_gather (PbSpf *self, PbSpfGathered gathered);
void pb_spf_drop_hosts (PbSpf *self);
/** pb_spf_has_client: whether the client is one of @answer's addresses, or in the network that @term's prefix makes of one. */
gboolean pb_spf_has_client (PbSpf *self, const PbDnsAnswer *answer, const PbSpfTerm *term);
/** pb_spf_with_names: runs @func with @self->validated known. */
void pb_spf_with_names (PbSpf *self, PbSpfGathered func);
/** pb_spf_is_within: whether @name is @domain or below it. */
gboolean pb_spf_is_within (const char *name, const char *domain);
/** pb_spf_expand: Returns: (transfer full): @spec with its macros expanded; NULL: the domain at hand. */
char *pb_spf_expand (PbSpf *self, const char *spec, PbSpfMacroUse use);

/* ---- spf-terms.c ---- */

/** pb_spf_ask_term: asks what the term at hand wants to know. */
void pb_spf_ask_term (PbSpf *self);
