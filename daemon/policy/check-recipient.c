/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Checks of one recipient: may it be relayed to, is it known here, is it one too many. Called by the
 * policy's machine as the table says; they change and keep nothing. A recipient who may be a user of
 * the system is asked about beside the dialogue.
 */
#include "policy/checks.h"

/* The recipient's domain is ours: a bare <postmaster>, a local domain, or, for postmaster alone, the
   address that the client connected to as a literal (RFC 5321 4.5.1). */
static gboolean
is_local (const PbJudged *judged)
{
  const PbAddress *recipient = judged->recipient;

  if (recipient->domain == NULL)
    return TRUE;
  if (recipient->literal)
    return judged->our_literal && g_ascii_strcasecmp (recipient->local, "postmaster") == 0;
  return pb_snapshot_is_local_domain (judged->snapshot, recipient->domain);
}

/* Postmaster at our own address is the bare postmaster. */
static const char *
local_domain (const PbAddress *recipient)
{
  return recipient->literal ? NULL : recipient->domain;
}

static PbFinding
judge_local (PbLocalKind kind, PbDecision *decision)
{
  switch (kind)
    {
    case PB_LOCAL_ACCOUNT:
    case PB_LOCAL_ALIAS:
    case PB_LOCAL_SYSTEM_USER:
      return PB_FINDING_PASS;
    case PB_LOCAL_PENDING:
      return pb_trouble (decision, PB_REPLY_LOOKUP_FAILED);
    case PB_LOCAL_UNKNOWN:
    case PB_LOCAL_NOT_LOCAL:
      break;
    }
  return PB_FINDING_REFUSE;
}

/* A program of this machine that is refused mostly tells nobody, so a recipient whom nobody knows is taken from it, and comes back as a notice. */
static PbFinding
judge_for (const PbJudged *judged, PbLocalKind kind, PbDecision *decision)
{
  return judged->local && kind == PB_LOCAL_UNKNOWN ? PB_FINDING_PASS
                                                   : judge_local (kind, decision);
}

static PbLocalKind
find_recipient (const PbJudged *judged)
{
  return pb_snapshot_resolve_local (judged->snapshot, judged->recipient->local,
                                    local_domain (judged->recipient))
    .kind;
}

/* Without asking anybody: no user of the system has a name with a route in it. */
static gboolean
is_known (const PbJudged *judged)
{
  PbDecision decision = { 0 };

  return judge_local (find_recipient (judged), &decision) == PB_FINDING_PASS;
}

/*
 * Nobody gets relaying for free, the loopback addresses included. A local part with a route in it
 * ("a%b", "a!b", "\"a@b\"") at a domain of ours is taken only when exactly that name is known here; it
 * is never followed, and never handed on to a domain of the Domain List, whose servers might follow it.
 */
PbFinding
pb_check_relay (const PbJudged *judged, PbDecision *decision, PbPolicyRun *run)
{
  const PbAddress *recipient = judged->recipient;
  gboolean routing = pb_address_has_routing (recipient);

  if (is_local (judged))
    return routing && !is_known (judged) ? PB_FINDING_REFUSE : PB_FINDING_PASS;
  if (!recipient->literal && !routing && !judged->source_route
      && pb_snapshot_is_relay_domain (judged->snapshot, recipient->domain, NULL))
    return PB_FINDING_PASS;
  return PB_FINDING_REFUSE;
}

static void
on_recipient_found (const PbLocal *found, gpointer user_data)
{
  const PbJudged *judged = pb_policy_run_judged (user_data);
  PbDecision decision = { 0 };
  PbFinding finding =
    judged != NULL ? judge_for (judged, found->kind, &decision) : PB_FINDING_NONE;

  pb_policy_continue (user_data, finding, &decision);
}

PbFinding
pb_check_recipient (const PbJudged *judged, PbDecision *decision, PbPolicyRun *run)
{
  PbLocalKind kind;

  /* Relaying to our own address would only come back to us. */
  if (!is_local (judged))
    return judged->our_literal ? PB_FINDING_REFUSE : PB_FINDING_NONE;
  kind = find_recipient (judged);
  if (kind != PB_LOCAL_PENDING || judged->mailbox == NULL)
    return judge_for (judged, kind, decision);
  pb_snapshot_find_local ((PbSnapshot *) judged->snapshot, TRUE, judged->recipient->local,
                          local_domain (judged->recipient), judged->mailbox, on_recipient_found,
                          pb_policy_run_suspend (run));
  return PB_FINDING_PENDING;
}

/* Behind the others, so that what can never be taken is refused for good, not put off. */
PbFinding
pb_check_recipient_limit (const PbJudged *judged, PbDecision *decision, PbPolicyRun *run)
{
  if (judged->n_recipients < judged->snapshot->values.general_max_recipients)
    return PB_FINDING_PASS;
  return PB_FINDING_REFUSE;
}
