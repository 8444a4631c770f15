/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Checks of the names that a client brings: its own in the DNS, the one it gives at HELO, the domain of
 * the sender. What the DNS has to say was begun when the name came and is known when these are asked
 * (policy.c sees to it). Trouble in the DNS never refuses for good. Called by the policy's machine as
 * the table says; they change and keep nothing.
 */
#include "policy/checks.h"

#include <arpa/inet.h>
#include <string.h>

/* A dot with something on both sides. */
static gboolean
has_dot (const char *name)
{
  const char *dot = strchr (name + 1, '.');

  return name[0] != '\0' && dot != NULL && dot[1] != '\0';
}

/* What is found out in the DNS; @name goes into the reply. */
static PbFinding
judge_fact (const PbJudged *judged, PbFactKind kind, const char *name, PbDecision *decision)
{
  const PbFact *fact = pb_facts_get (judged->facts, kind);

  if (fact == NULL)
    return PB_FINDING_NONE;
  decision->evidence = g_strdup (pb_fact_evidence (fact));
  decision->detail = g_strdup (name);
  switch (pb_fact_state (fact))
    {
    case PB_FACT_YES:
      return PB_FINDING_PASS;
    case PB_FACT_NO:
      return PB_FINDING_REFUSE;
    case PB_FACT_NULL_MX:
      /* A name that takes no mail is a name all the same; as a sender's, nobody could be told of anything. */
      return kind == PB_FACT_SENDER ? pb_refuse (decision, PB_REPLY_SENDER_NULL_MX)
                                    : PB_FINDING_PASS;
    case PB_FACT_WAITING:
    case PB_FACT_TROUBLE:
      break;
    }
  return pb_trouble (decision, PB_REPLY_DNS_TROUBLE);
}

PbFinding
pb_check_client_name (const PbJudged *judged, PbDecision *decision, PbPolicyRun *run)
{
  char ip[INET6_ADDRSTRLEN];

  return judge_fact (judged, PB_FACT_CLIENT_NAME, pb_ip_format (&judged->ip, ip, sizeof ip),
                     decision);
}

PbFinding
pb_check_helo_fqdn (const PbJudged *judged, PbDecision *decision, PbPolicyRun *run)
{
  if (judged->helo == NULL)
    return PB_FINDING_NONE;
  if (pb_helo_is_literal (judged->helo) || has_dot (judged->helo))
    return PB_FINDING_PASS;
  decision->detail = g_strdup (judged->helo);
  return PB_FINDING_REFUSE;
}

PbFinding
pb_check_helo_domain (const PbJudged *judged, PbDecision *decision, PbPolicyRun *run)
{
  return judge_fact (judged, PB_FACT_HELO, judged->helo, decision);
}

PbFinding
pb_check_sender_fqdn (const PbJudged *judged, PbDecision *decision, PbPolicyRun *run)
{
  const PbAddress *sender = judged->sender;

  if (sender == NULL)
    return PB_FINDING_NONE;
  if (sender->literal || (sender->domain != NULL && has_dot (sender->domain)))
    return PB_FINDING_PASS;
  decision->detail = g_strdup (sender->domain != NULL ? sender->domain : sender->local);
  return PB_FINDING_REFUSE;
}

PbFinding
pb_check_sender_domain (const PbJudged *judged, PbDecision *decision, PbPolicyRun *run)
{
  return judge_fact (judged, PB_FACT_SENDER,
                     judged->sender != NULL ? judged->sender->domain : NULL, decision);
}
