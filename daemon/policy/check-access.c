/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The AccessList: what a rule says of the client, then of sender and recipient. The client's rule was
 * looked up when it connected; a whitelist rule for it beats every blacklist rule for sender and
 * recipient. No whitelist rule makes a relay of this server or a recipient known: those are other
 * rows. Called by the policy's machine as the table says; hits are counted by the session.
 */
#include "policy/checks.h"

static char *
describe (const PbAccessRule *rule, const PbAccessRule *beaten)
{
  g_autoptr (GString) words = g_string_new (NULL);

  g_string_printf (words, "%s rule \"%s\" (%s %s)", rule->whitelist ? "whitelist" : "blacklist",
                   rule->name, pb_access_kind_name (rule->kind), rule->value);
  if (beaten != NULL)
    g_string_append_printf (words, " wins over %s rule \"%s\" (%s %s)",
                            beaten->whitelist ? "whitelist" : "blacklist", beaten->name,
                            pb_access_kind_name (beaten->kind), beaten->value);
  return g_string_free (g_steal_pointer (&words), FALSE);
}

static PbFinding
apply (const PbAccessRule *rule, const PbAccessRule *beaten, PbDecision *decision)
{
  decision->rule = rule;
  decision->evidence = describe (rule, beaten);
  if (rule->whitelist)
    return PB_FINDING_PASS;
  return rule->discard ? PB_FINDING_DISCARD : PB_FINDING_REFUSE;
}

PbFinding
pb_check_access_client (const PbJudged *judged, PbDecision *decision, PbPolicyRun *run)
{
  const PbAccessMatch *match = &judged->client;

  decision->skips = match->skips;
  if (match->rule == NULL)
    return PB_FINDING_PASS;
  return apply (match->rule, match->beaten, decision);
}

PbFinding
pb_check_access_envelope (const PbJudged *judged, PbDecision *decision, PbPolicyRun *run)
{
  const PbAddress *sender = judged->sender, *recipient = judged->recipient;
  const PbAccessRule *client = judged->client.rule;
  PbAccessMatch match;

  pb_snapshot_match_envelope (judged->snapshot, sender != NULL ? sender->local : NULL,
                              sender != NULL ? sender->domain : NULL, recipient->local,
                              recipient->domain, judged->now, &match);
  decision->skips = match.skips;
  if (match.rule == NULL)
    return PB_FINDING_PASS;
  if (client == NULL || match.rule->whitelist)
    return apply (match.rule, match.beaten, decision);
  decision->evidence = describe (client, match.rule);
  return PB_FINDING_SKIPPED;
}
