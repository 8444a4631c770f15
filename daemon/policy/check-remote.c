/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * DomainList.VerifyRecipients: whether the server behind a domain of the Domain List knows the recipient,
 * whoever sends. Mail that it would refuse is refused here: taken, its notice would go to whoever was
 * named as the sender. Asks beside the dialogue; what cannot be told is taken.
 */
#include "policy/checks.h"

#include "settings/remote-recipients.h"

static PbFinding
judge_remote (PbRemoteState state, PbDecision *decision)
{
  switch (state)
    {
    case PB_REMOTE_UNKNOWN:
      decision->evidence = g_strdup ("the domain's own server refuses it");
      return PB_FINDING_REFUSE;
    case PB_REMOTE_UNTOLD:
      decision->evidence = g_strdup ("the domain's own server has not told");
      break;
    case PB_REMOTE_KNOWN:
      break;
    }
  return PB_FINDING_PASS;
}

static void
on_remote_found (PbRemoteState state, gpointer user_data)
{
  g_auto (PbDecision) decision = { 0 };

  pb_policy_continue (user_data, judge_remote (state, &decision), &decision);
}

PbFinding
pb_check_remote_recipient (const PbJudged *judged, PbDecision *decision, PbPolicyRun *run)
{
  const PbAddress *recipient = judged->recipient;
  PbRemoteState state;

  if (recipient->domain == NULL || recipient->literal || judged->mailbox == NULL
      || pb_snapshot_is_local_domain (judged->snapshot, recipient->domain)
      || !pb_snapshot_is_verified_domain (judged->snapshot, recipient->domain))
    return PB_FINDING_NONE;
  if (pb_snapshot_peek_remote_recipient (judged->snapshot, recipient->domain, recipient->text,
                                         &state))
    return judge_remote (state, decision);
  pb_snapshot_find_remote_recipient ((PbSnapshot *) judged->snapshot, recipient->domain,
                                     recipient->text, judged->mailbox, on_remote_found,
                                     pb_policy_run_suspend (run));
  return PB_FINDING_PENDING;
}
