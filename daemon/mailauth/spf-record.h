/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/netblock.h"
#include <glib.h>

/* RFC 7208 2.6, in the words of Received-SPF and Authentication-Results. */
typedef enum
{
  PB_SPF_NONE,
  PB_SPF_NEUTRAL,
  PB_SPF_PASS,
  PB_SPF_FAIL,
  PB_SPF_SOFTFAIL,
  PB_SPF_TEMPERROR,
  PB_SPF_PERMERROR,
} PbSpfResult;

typedef enum
{
  PB_SPF_ALL,
  PB_SPF_INCLUDE,
  PB_SPF_A,
  PB_SPF_MX,
  PB_SPF_PTR,
  PB_SPF_IP4,
  PB_SPF_IP6,
  PB_SPF_EXISTS,
} PbSpfMechanism;

typedef struct
{
  PbSpfMechanism mechanism;
  PbSpfResult qualifier; /* what a match means */
  char *text;            /* (owned) the term as it stands in the record */
  char *domain;          /* (owned) (nullable) domain-spec, its macros not yet expanded; NULL: the domain at hand */
  guint prefix4, prefix6; /* for A and MX: 0-32 and 0-128 */
  PbNetblock block;      /* for IP4 and IP6 */
} PbSpfTerm;

/* A record that obeys the grammar of RFC 7208 12 from end to end. */
typedef struct
{
  PbSpfTerm *terms; /* (owned) */
  guint n_terms;
  char *redirect;    /* (owned) (nullable) domain-spec */
  char *explanation; /* (owned) (nullable) domain-spec of exp= */
} PbSpfRecord;

/** pb_spf_record_is: whether the TXT @text is an SPF record at all: "v=spf1" alone or before a blank (RFC 7208 4.5). */
gboolean pb_spf_record_is (const char *text);

/**
 * pb_spf_record_parse:
 * @text: pb_spf_record_is() said yes
 * @problem: (out) (transfer full): the term that breaks the grammar, and how
 * Returns: (transfer full) (nullable): NULL for a permerror. A syntax error anywhere counts, whatever stands before it (RFC 7208 4.6).
 */
PbSpfRecord *pb_spf_record_parse (const char *text, char **problem);
void pb_spf_record_free (PbSpfRecord *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbSpfRecord, pb_spf_record_free)
