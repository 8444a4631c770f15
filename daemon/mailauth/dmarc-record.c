/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * DMARC policy records (RFC 9989 4.7). Called by dmarc.c; pure. The text comes from a stranger's DNS; what
 * is wrong in it counts as if it were not there, as the RFC has it.
 */
#include "mailauth/dmarc-record.h"
#include "mailauth/tag-list.h"

#include <string.h>

const char *
pb_dmarc_policy_name (PbDmarcPolicy policy)
{
  switch (policy)
    {
    case PB_DMARC_POLICY_NONE:
      return "none";
    case PB_DMARC_POLICY_QUARANTINE:
      return "quarantine";
    case PB_DMARC_POLICY_REJECT:
      return "reject";
    }
  return "";
}

/* Returns: FALSE, and *@policy as it was, when the tag is missing or says nothing known. */
static gboolean
read_policy (const PbTagList *tags, const char *name, PbDmarcPolicy *policy)
{
  const char *value = pb_tag_list_get (tags, name);

  for (PbDmarcPolicy one = PB_DMARC_POLICY_NONE; one <= PB_DMARC_POLICY_REJECT; one++)
    if (value != NULL && g_ascii_strcasecmp (value, pb_dmarc_policy_name (one)) == 0)
      {
        *policy = one;
        return TRUE;
      }
  return FALSE;
}

static gboolean
says (const PbTagList *tags, const char *name, const char *word)
{
  const char *value = pb_tag_list_get (tags, name);

  return value != NULL && g_ascii_strcasecmp (value, word) == 0;
}

/* Whether there is a place for reports: only then is a record without a policy meant as one (4.10.1). */
static gboolean
has_reports (const PbTagList *tags)
{
  const char *value = pb_tag_list_get (tags, "rua");

  return value != NULL && g_ascii_strncasecmp (value, "mailto:", strlen ("mailto:")) == 0;
}

gboolean
pb_dmarc_record_parse (const char *text, PbDmarcRecord *record)
{
  g_autoptr (PbTagList) tags = pb_tag_list_parse_lenient (text, strlen (text));
  gboolean has_policy;

  memset (record, 0, sizeof *record);
  if (tags->n_tags == 0 || strcmp (tags->tags[0].name, "v") != 0
      || strcmp (tags->tags[0].value, "DMARC1") != 0 || g_ascii_isspace (text[0]))
    return FALSE;
  has_policy = read_policy (tags, "p", &record->policy);
  record->usable = has_policy || has_reports (tags);
  record->subdomain = record->policy;
  read_policy (tags, "sp", &record->subdomain);
  record->nonexistent = record->subdomain;
  read_policy (tags, "np", &record->nonexistent);
  record->strict_dkim = says (tags, "adkim", "s");
  record->strict_spf = says (tags, "aspf", "s");
  record->testing = says (tags, "t", "y");
  record->psd = says (tags, "psd", "y")   ? PB_DMARC_PSD_YES
                : says (tags, "psd", "n") ? PB_DMARC_PSD_NO
                                          : PB_DMARC_PSD_UNKNOWN;
  return TRUE;
}

PbDmarcPolicy
pb_dmarc_record_apply (const PbDmarcRecord *record, gboolean own, gboolean exists)
{
  PbDmarcPolicy policy = own ? record->policy : exists ? record->subdomain : record->nonexistent;

  return record->testing && policy != PB_DMARC_POLICY_NONE ? policy - 1 : policy;
}
