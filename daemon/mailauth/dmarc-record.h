/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

/* In order of strictness. */
typedef enum
{
  PB_DMARC_POLICY_NONE,
  PB_DMARC_POLICY_QUARANTINE,
  PB_DMARC_POLICY_REJECT,
} PbDmarcPolicy;

typedef enum
{
  PB_DMARC_PSD_UNKNOWN,
  PB_DMARC_PSD_NO,  /* the domain is an organizational one */
  PB_DMARC_PSD_YES, /* the domain is a public suffix */
} PbDmarcPsd;

/* A DMARC policy record (RFC 9989 4.7); what is missing has its default. */
typedef struct
{
  PbDmarcPolicy policy;             /* p= */
  PbDmarcPolicy subdomain;          /* sp=, else p= */
  PbDmarcPolicy nonexistent;        /* np=, else sp= */
  gboolean strict_dkim, strict_spf; /* adkim=s, aspf=s */
  gboolean testing;                 /* t=y: one step less strict */
  PbDmarcPsd psd;
  gboolean usable;                  /* it says p=, or at least where reports go: else there is nothing to apply (4.10.1) */
} PbDmarcRecord;

/** pb_dmarc_record_parse: Returns: FALSE when @text is no DMARC record: its first tag is not v=DMARC1. */
gboolean pb_dmarc_record_parse (const char *text, PbDmarcRecord *record);

/** pb_dmarc_record_apply: what @record asks to be done with a message that failed. @own: it stands at the author's domain itself. @exists: that domain does. */
PbDmarcPolicy pb_dmarc_record_apply (const PbDmarcRecord *record, gboolean own, gboolean exists);

const char *pb_dmarc_policy_name (PbDmarcPolicy policy);
