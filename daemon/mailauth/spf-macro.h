/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/netblock.h"
#include <glib.h>

/* What macro letters stand for (RFC 7208 7.2). */
typedef struct
{
  const char *local, *sender_domain; /* of the sender that is checked */
  const char *domain;                /* the domain whose record is at hand */
  const char *helo;
  const char *receiver;  /* our own name */
  const char *validated; /* (nullable) the client's name; NULL: "unknown" */
  const PbIp *ip;
  gint64 now;            /* Unix seconds */
} PbSpfMacros;

typedef enum
{
  PB_SPF_DOMAIN_SPEC, /* ends in a top label or a macro; letters c, r and t are not allowed */
  PB_SPF_MODIFIER,    /* the value of a modifier that nobody knows: anything that obeys the macro grammar */
  PB_SPF_EXPLANATION, /* blanks and all letters allowed */
} PbSpfMacroUse;

/** pb_spf_macro_check: whether @text is a domain-spec or macro-string (RFC 7208 7.1). */
gboolean pb_spf_macro_check (const char *text, PbSpfMacroUse use);

/** pb_spf_macro_needs_name: whether @text asks for the client's validated name, which costs DNS queries. */
gboolean pb_spf_macro_needs_name (const char *text);

/**
 * pb_spf_macro_expand:
 * @text: pb_spf_macro_check() said yes for @use
 * Returns: (transfer full): for a domain-spec at most 253 octets: labels are dropped from the left (RFC 7208 7.3)
 */
char *pb_spf_macro_expand (const char *text, const PbSpfMacros *macros, PbSpfMacroUse use);
