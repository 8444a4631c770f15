/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * AuthCheckSender: whose address stands in MAIL FROM and in From:, held against who has logged in.
 * Called by the policy's machine as the table says; they change and keep nothing.
 */
#include "policy/checks.h"

#include "protocol/mailbox-list.h"
#include <string.h>

/* Whom AuthCheckSender spares: the setting is off, the network is trusted without a login and that is to be enough, or it is root's program. */
static gboolean
is_spared_sender_check (const PbJudged *judged)
{
  const PbSettingValues *values = &judged->snapshot->values;

  return !values->general_auth_check_sender
         || (judged->local && judged->login == NULL)
         || (judged->exempt_unasked && values->general_auth_check_sender_skip_trusted);
}

static gboolean
is_own (const PbJudged *judged, const PbAddress *address)
{
  return address->domain != NULL && !address->literal
         && pb_snapshot_may_send_as (judged->snapshot, judged->account_id, judged->login,
                                     address->local, address->domain);
}

static PbFinding
needs_login (const PbJudged *judged, PbDecision *decision)
{
  decision->detail = g_strdup (judged->sender->text);
  return pb_refuse (decision, PB_REPLY_SENDER_NEEDS_LOGIN);
}

/* A stranger's sender at a domain of ours that is no account's: a system's user's counts likewise; of others it is nobody's to forbid. */
static PbFinding
judge_claimed (const PbJudged *judged, PbLocalKind kind, PbDecision *decision)
{
  switch (kind)
    {
    case PB_LOCAL_SYSTEM_USER:
      return needs_login (judged, decision);
    case PB_LOCAL_PENDING:
      return pb_trouble (decision, PB_REPLY_LOOKUP_FAILED);
    case PB_LOCAL_ACCOUNT:
    case PB_LOCAL_ALIAS:
    case PB_LOCAL_UNKNOWN:
    case PB_LOCAL_NOT_LOCAL:
      break;
    }
  return PB_FINDING_PASS;
}

static void
on_sender_found (const PbLocal *found, gpointer user_data)
{
  const PbJudged *judged = pb_policy_run_judged (user_data);
  PbDecision decision = { 0 };
  PbFinding finding = judged != NULL ? judge_claimed (judged, found->kind, &decision)
                                     : PB_FINDING_NONE;

  pb_policy_continue (user_data, finding, &decision);
}

/* The null sender is everybody's: notices of delivery and of reading come from it. */
PbFinding
pb_check_sender (const PbJudged *judged, PbDecision *decision, PbPolicyRun *run)
{
  const PbAddress *sender = judged->sender;
  PbLocalKind kind;

  if (sender == NULL || is_spared_sender_check (judged))
    return PB_FINDING_NONE;
  if (judged->login != NULL)
    {
      if (is_own (judged, sender))
        return PB_FINDING_PASS;
      decision->detail = g_strdup (sender->text);
      return PB_FINDING_REFUSE;
    }
  if (sender->domain == NULL || !pb_snapshot_is_local_domain (judged->snapshot, sender->domain))
    return PB_FINDING_PASS;
  if (pb_snapshot_find_owner (judged->snapshot, sender->local, sender->domain) != NULL)
    return needs_login (judged, decision);
  kind = pb_snapshot_resolve_mailbox (judged->snapshot, sender->local, sender->domain).kind;
  if (kind != PB_LOCAL_PENDING || judged->mailbox == NULL)
    return judge_claimed (judged, kind, decision);
  pb_snapshot_find_local ((PbSnapshot *) judged->snapshot, FALSE, sender->local, sender->domain,
                          judged->mailbox, on_sender_found, pb_policy_run_suspend (run));
  return PB_FINDING_PENDING;
}

static PbFinding
refuse_from (PbDecision *decision, const char *why)
{
  decision->detail = g_strdup (why);
  return pb_refuse (decision, PB_REPLY_FROM_UNREADABLE);
}

/* Only of who has logged in: others' From: is not ours to judge here, mailing lists would break. A message without From: claims nobody's name. */
PbFinding
pb_check_from (const PbJudged *judged, PbDecision *decision, PbPolicyRun *run)
{
  const PbHeaderScan *header = judged->header;
  g_autoptr (GPtrArray) addresses = NULL;

  if (judged->login == NULL || is_spared_sender_check (judged) || header == NULL
      || header->from_fields == 0)
    return PB_FINDING_NONE;
  if (header->from_fields > 1)
    return refuse_from (decision, "occurs more than once");
  if (header->from_cut || header->from == NULL)
    return refuse_from (decision, "is too long");
  addresses = pb_mailbox_list_parse (header->from, strlen (header->from));
  if (addresses == NULL || addresses->len == 0)
    return refuse_from (decision, "has no address that can be read");
  for (guint i = 0; i < addresses->len; i++)
    {
      const PbAddress *address = addresses->pdata[i];

      if (is_own (judged, address))
        continue;
      decision->detail = g_strdup (address->utf8 ? "address" : address->text);
      return PB_FINDING_REFUSE;
    }
  return PB_FINDING_PASS;
}
