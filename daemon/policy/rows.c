/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The table of judgement: one row a check, in the order in which they are asked. A check reads what
 * is known, answers with an outcome and, where it objects, a reply; it changes nothing and keeps
 * nothing. To add a judgement, add a check and its row; the counter refused.<name> and the log line
 * follow from the name.
 */
#include "policy/policy.h"

#include "protocol/mailbox-list.h"
#include <arpa/inet.h>
#include <string.h>

static PbOutcome
reject (PbVerdict *verdict, PbReplyId reply)
{
  verdict->reply = reply;
  return PB_OUTCOME_REJECT;
}

static PbOutcome
defer (PbVerdict *verdict, PbReplyId reply)
{
  verdict->reply = reply;
  return PB_OUTCOME_DEFER;
}

/* ---- connect ---- */

/* The time is told: who mistyped a password knows when to come again. */
static PbOutcome
check_blocks (const PbJudged *judged, PbVerdict *verdict, PbPolicyRun *run)
{
  g_autoptr (GDateTime) until = NULL;

  if (judged->exempt || judged->blocked_until == 0)
    return PB_OUTCOME_NONE;
  until = g_date_time_new_from_unix_utc (judged->blocked_until);
  verdict->detail = until != NULL ? g_date_time_format_iso8601 (until) : NULL;
  return reject (verdict, PB_REPLY_BLOCKED);
}

static PbOutcome
check_connections (const PbJudged *judged, PbVerdict *verdict, PbPolicyRun *run)
{
  guint limit = judged->snapshot->values.connection_policy_max_connections;
  char text[INET6_ADDRSTRLEN];

  if (judged->exempt || limit == 0 || judged->connections <= limit)
    return PB_OUTCOME_NONE;
  verdict->detail = g_strdup (pb_ip_format (&judged->ip, text, sizeof text));
  return reject (verdict, PB_REPLY_TOO_MANY_CONNECTIONS);
}

/* ---- MAIL ---- */

static PbOutcome
check_login (const PbJudged *judged, PbVerdict *verdict, PbPolicyRun *run)
{
  if (!judged->demand_login || judged->exempt)
    return PB_OUTCOME_NONE;
  return reject (verdict, PB_REPLY_AUTH_REQUIRED);
}

static gboolean
over_size (const PbJudged *judged, guint64 size)
{
  return size > (guint64) judged->snapshot->values.general_max_message_size << 20;
}

static PbOutcome
check_declared_size (const PbJudged *judged, PbVerdict *verdict, PbPolicyRun *run)
{
  if (!over_size (judged, judged->declared_size))
    return PB_OUTCOME_NONE;
  return reject (verdict, PB_REPLY_TOO_LARGE);
}

/* ---- RCPT ---- */

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

static PbOutcome
judge_local (PbLocalKind kind, PbVerdict *verdict)
{
  switch (kind)
    {
    case PB_LOCAL_ACCOUNT:
    case PB_LOCAL_ALIAS:
    case PB_LOCAL_SYSTEM_USER:
      return PB_OUTCOME_NONE;
    case PB_LOCAL_PENDING:
      return defer (verdict, PB_REPLY_LOOKUP_FAILED);
    case PB_LOCAL_UNKNOWN:
    case PB_LOCAL_NOT_LOCAL:
      break;
    }
  return reject (verdict, PB_REPLY_UNKNOWN_USER);
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
  PbVerdict verdict = { 0 };

  return judge_local (find_recipient (judged), &verdict) == PB_OUTCOME_NONE;
}

/* Whom AuthCheckSender spares: the setting is off, or the network is trusted without a login and that is to be enough. */
static gboolean
is_spared_sender_check (const PbJudged *judged)
{
  const PbSettingValues *values = &judged->snapshot->values;

  return !values->general_auth_check_sender
         || (judged->exempt_unasked && values->general_auth_check_sender_skip_trusted);
}

static gboolean
is_own (const PbJudged *judged, const PbAddress *address)
{
  return address->domain != NULL && !address->literal
         && pb_snapshot_may_send_as (judged->snapshot, judged->account_id, judged->login,
                                     address->local, address->domain);
}

static PbOutcome
needs_login (const PbJudged *judged, PbVerdict *verdict)
{
  verdict->detail = g_strdup (judged->sender->text);
  return reject (verdict, PB_REPLY_SENDER_NEEDS_LOGIN);
}

/* A stranger's sender at a domain of ours that is no account's: a system's user's counts likewise; of others it is nobody's to forbid. */
static PbOutcome
judge_claimed (const PbJudged *judged, PbLocalKind kind, PbVerdict *verdict)
{
  switch (kind)
    {
    case PB_LOCAL_SYSTEM_USER:
      return needs_login (judged, verdict);
    case PB_LOCAL_PENDING:
      return defer (verdict, PB_REPLY_LOOKUP_FAILED);
    case PB_LOCAL_ACCOUNT:
    case PB_LOCAL_ALIAS:
    case PB_LOCAL_UNKNOWN:
    case PB_LOCAL_NOT_LOCAL:
      break;
    }
  return PB_OUTCOME_NONE;
}

static void
on_sender_found (const PbLocal *found, gpointer user_data)
{
  const PbJudged *judged = pb_policy_run_judged (user_data);
  PbVerdict verdict = { 0 };
  PbOutcome outcome = judged != NULL ? judge_claimed (judged, found->kind, &verdict)
                                     : PB_OUTCOME_NONE;

  pb_policy_continue (user_data, outcome, &verdict);
}

/* The null sender is everybody's: notices of delivery and of reading come from it. */
static PbOutcome
check_sender (const PbJudged *judged, PbVerdict *verdict, PbPolicyRun *run)
{
  const PbAddress *sender = judged->sender;
  PbLocalKind kind;

  if (sender == NULL || is_spared_sender_check (judged))
    return PB_OUTCOME_NONE;
  if (judged->login != NULL)
    {
      if (is_own (judged, sender))
        return PB_OUTCOME_NONE;
      verdict->detail = g_strdup (sender->text);
      return reject (verdict, PB_REPLY_SENDER_NOT_OWN);
    }
  if (sender->domain == NULL || !pb_snapshot_is_local_domain (judged->snapshot, sender->domain))
    return PB_OUTCOME_NONE;
  if (pb_snapshot_find_owner (judged->snapshot, sender->local, sender->domain) != NULL)
    return needs_login (judged, verdict);
  kind = pb_snapshot_resolve_mailbox (judged->snapshot, sender->local, sender->domain).kind;
  if (kind != PB_LOCAL_PENDING || judged->mailbox == NULL)
    return judge_claimed (judged, kind, verdict);
  pb_snapshot_find_local ((PbSnapshot *) judged->snapshot, FALSE, sender->local, sender->domain,
                          judged->mailbox, on_sender_found, pb_policy_run_suspend (run));
  return PB_OUTCOME_PENDING;
}

/*
 * Nobody gets relaying for free, the loopback addresses included. A local part with a route in it
 * ("a%b", "a!b", "\"a@b\"") at a domain of ours is taken only when exactly that name is known here; it
 * is never followed, and never handed on to a domain of the Domain List, whose servers might follow it.
 */
static PbOutcome
check_relay (const PbJudged *judged, PbVerdict *verdict, PbPolicyRun *run)
{
  const PbAddress *recipient = judged->recipient;
  gboolean routing = pb_address_has_routing (recipient);

  if (judged->exempt)
    return PB_OUTCOME_NONE;
  if (is_local (judged))
    return routing && !is_known (judged) ? reject (verdict, PB_REPLY_RELAY_DENIED)
                                         : PB_OUTCOME_NONE;
  if (!recipient->literal && !routing && !judged->source_route
      && pb_snapshot_is_relay_domain (judged->snapshot, recipient->domain, NULL))
    return PB_OUTCOME_NONE;
  return reject (verdict, PB_REPLY_RELAY_DENIED);
}

static void
on_recipient_found (const PbLocal *found, gpointer user_data)
{
  PbVerdict verdict = { 0 };

  pb_policy_continue (user_data, judge_local (found->kind, &verdict), &verdict);
}

static PbOutcome
check_recipient (const PbJudged *judged, PbVerdict *verdict, PbPolicyRun *run)
{
  PbLocalKind kind;

  /* Relaying to our own address would only come back to us. */
  if (!is_local (judged))
    return judged->our_literal ? reject (verdict, PB_REPLY_UNKNOWN_USER) : PB_OUTCOME_NONE;
  kind = find_recipient (judged);
  if (kind != PB_LOCAL_PENDING || judged->mailbox == NULL)
    return judge_local (kind, verdict);
  pb_snapshot_find_local ((PbSnapshot *) judged->snapshot, TRUE, judged->recipient->local,
                          local_domain (judged->recipient), judged->mailbox, on_recipient_found,
                          pb_policy_run_suspend (run));
  return PB_OUTCOME_PENDING;
}

/* Behind the others, so that what can never be taken is refused for good, not put off. */
static PbOutcome
check_recipient_limit (const PbJudged *judged, PbVerdict *verdict, PbPolicyRun *run)
{
  if (judged->n_recipients < judged->snapshot->values.general_max_recipients)
    return PB_OUTCOME_NONE;
  return defer (verdict, PB_REPLY_TOO_MANY_RECIPIENTS);
}

/* ---- end of data ---- */

static PbOutcome
check_size (const PbJudged *judged, PbVerdict *verdict, PbPolicyRun *run)
{
  if (!over_size (judged, judged->size))
    return PB_OUTCOME_NONE;
  return reject (verdict, PB_REPLY_TOO_LARGE);
}

static PbOutcome
check_hops (const PbJudged *judged, PbVerdict *verdict, PbPolicyRun *run)
{
  guint own = 1;

  if (judged->header == NULL
      || judged->header->received + own < judged->snapshot->values.general_max_hops)
    return PB_OUTCOME_NONE;
  return reject (verdict, PB_REPLY_TOO_MANY_HOPS);
}

static PbOutcome
refuse_from (PbVerdict *verdict, const char *why)
{
  verdict->detail = g_strdup (why);
  return reject (verdict, PB_REPLY_FROM_UNREADABLE);
}

/* Only of who has logged in: others' From: is not ours to judge here, mailing lists would break. A message without From: claims nobody's name. */
static PbOutcome
check_from (const PbJudged *judged, PbVerdict *verdict, PbPolicyRun *run)
{
  const PbHeaderScan *header = judged->header;
  g_autoptr (GPtrArray) addresses = NULL;

  if (judged->login == NULL || is_spared_sender_check (judged) || header == NULL
      || header->from_fields == 0)
    return PB_OUTCOME_NONE;
  if (header->from_fields > 1)
    return refuse_from (verdict, "occurs more than once");
  if (header->from_cut || header->from == NULL)
    return refuse_from (verdict, "is too long");
  addresses = pb_mailbox_list_parse (header->from, strlen (header->from));
  if (addresses == NULL || addresses->len == 0)
    return refuse_from (verdict, "has no address that can be read");
  for (guint i = 0; i < addresses->len; i++)
    {
      const PbAddress *address = addresses->pdata[i];

      if (is_own (judged, address))
        continue;
      verdict->detail = g_strdup (address->utf8 ? "address" : address->text);
      return reject (verdict, PB_REPLY_FROM_NOT_OWN);
    }
  return PB_OUTCOME_NONE;
}

static PbOutcome
check_bare_newline (const PbJudged *judged, PbVerdict *verdict, PbPolicyRun *run)
{
  if (!judged->bare_newline || judged->exempt
      || g_str_equal (judged->snapshot->values.advanced_bare_newline, "normalize"))
    return PB_OUTCOME_NONE;
  return reject (verdict, PB_REPLY_BARE_NEWLINE);
}

static const PbPolicyRow rows[] = {
  { PB_STAGE_CONNECT, "blocks", check_blocks },
  { PB_STAGE_CONNECT, "connections", check_connections },
  { PB_STAGE_MAIL, "login", check_login },
  { PB_STAGE_MAIL, "size", check_declared_size },
  { PB_STAGE_RCPT, "sender-login", check_sender },
  { PB_STAGE_RCPT, "relay", check_relay },
  { PB_STAGE_RCPT, "recipient", check_recipient },
  { PB_STAGE_RCPT, "recipient-limit", check_recipient_limit },
  { PB_STAGE_END_OF_DATA, "size", check_size },
  { PB_STAGE_END_OF_DATA, "hops", check_hops },
  { PB_STAGE_END_OF_DATA, "from-login", check_from },
  { PB_STAGE_END_OF_DATA, "bare-newline", check_bare_newline },
};

const PbPolicyRow *
pb_policy_rows (guint *n_rows)
{
  *n_rows = G_N_ELEMENTS (rows);
  return rows;
}
