/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Checks by what mail authentication found out in the DNS: blocklists and SPF. It was begun when the client
 * came, and when it gave a sender; policy.c sees to it that it is known when these are asked. Called by the
 * policy's machine as the table says; they change and keep nothing.
 */
#include "policy/checks.h"

#include <arpa/inet.h>

static const PbFact *
find_fact (const PbJudged *judged, PbFactKind kind, PbDecision *decision)
{
  const PbFact *fact = pb_facts_get (judged->facts, kind);

  if (fact != NULL)
    decision->evidence = g_strdup (pb_fact_evidence (fact));
  return fact;
}

PbFinding
pb_check_blocklists (const PbJudged *judged, PbDecision *decision, PbPolicyRun *run)
{
  const PbFact *fact = find_fact (judged, PB_FACT_BLOCKLISTS, decision);
  char ip[INET6_ADDRSTRLEN];

  if (fact == NULL)
    return PB_FINDING_NONE;
  if (pb_fact_state (fact) != PB_FACT_NO)
    return PB_FINDING_PASS;
  decision->detail = g_strdup_printf ("%s is %s", pb_ip_format (&judged->ip, ip, sizeof ip),
                                      pb_fact_evidence (fact));
  return PB_FINDING_REFUSE;
}

PbFinding
pb_check_spf (const PbJudged *judged, PbDecision *decision, PbPolicyRun *run)
{
  const PbFact *fact =
    pb_sender_is_ours (judged) ? NULL : find_fact (judged, PB_FACT_SPF, decision);

  if (fact == NULL)
    return PB_FINDING_NONE;
  decision->detail =
    g_strdup (judged->sender != NULL && judged->sender->domain != NULL ? judged->sender->domain
                                                                       : judged->helo);
  switch (pb_fact_state (fact))
    {
    case PB_FACT_NO:
      return PB_FINDING_REFUSE;
    case PB_FACT_WAITING:
    case PB_FACT_TROUBLE:
      return pb_trouble (decision, PB_REPLY_SPF_TROUBLE);
    case PB_FACT_YES:
    case PB_FACT_NULL_MX:
      break;
    }
  return PB_FINDING_PASS;
}
