/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Checks of a message by its mail authentication: DKIM and DMARC. Found out while it came (mail-checks.h);
 * policy.c sees to it that it is known when these are asked. Called by the policy's machine as the table
 * says; they change and keep nothing.
 */
#include "policy/checks.h"
#include "policy/mail-checks.h"

/* Returns: (nullable) NULL where nobody looked. */
static const PbFact *
find_fact (const PbJudged *judged, PbFactKind kind, PbDecision *decision)
{
  const PbFact *fact = judged->mail != NULL ? pb_mail_checks_fact (judged->mail, kind) : NULL;

  if (fact != NULL)
    decision->evidence = g_strdup (pb_fact_evidence (fact));
  return fact;
}

PbFinding
pb_check_dkim (const PbJudged *judged, PbDecision *decision, PbPolicyRun *run)
{
  const PbFact *fact = find_fact (judged, PB_FACT_DKIM, decision);

  if (fact == NULL)
    return PB_FINDING_NONE;
  switch (pb_fact_state (fact))
    {
    case PB_FACT_NO:
      decision->detail = g_strdup (decision->evidence);
      return PB_FINDING_REFUSE;
    case PB_FACT_WAITING:
    case PB_FACT_TROUBLE:
      return pb_trouble (decision, PB_REPLY_DKIM_TROUBLE);
    case PB_FACT_YES:
    case PB_FACT_NULL_MX:
      break;
    }
  return PB_FINDING_PASS;
}

static PbFinding
object (const PbMailResults *results, PbDecision *decision)
{
  if (results->author != PB_AUTHOR_ONE)
    {
      g_free (decision->detail);
      decision->detail = g_strdup (results->problem);
      return pb_refuse (decision, PB_REPLY_FROM_INVALID);
    }
  if (results->policy == PB_DMARC_POLICY_QUARANTINE)
    {
      decision->aside = PB_ASIDE_JUNK;
      return PB_FINDING_QUARANTINE;
    }
  return PB_FINDING_REFUSE;
}

PbFinding
pb_check_dmarc (const PbJudged *judged, PbDecision *decision, PbPolicyRun *run)
{
  const PbFact *fact = find_fact (judged, PB_FACT_DMARC, decision);
  PbMailResults results;

  if (fact == NULL)
    return PB_FINDING_NONE;
  pb_mail_checks_results (judged->mail, &results);
  decision->detail = g_strdup (results.author_domain);
  switch (pb_fact_state (fact))
    {
    case PB_FACT_NO:
      return object (&results, decision);
    case PB_FACT_WAITING:
    case PB_FACT_TROUBLE:
      return pb_trouble (decision, PB_REPLY_DMARC_TROUBLE);
    case PB_FACT_YES:
    case PB_FACT_NULL_MX:
      break;
    }
  return PB_FINDING_PASS;
}
