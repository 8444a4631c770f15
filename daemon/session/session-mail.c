/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * MAIL and RCPT (RFC 5321 4.1.1.2, 4.1.1.3): parsed, judged, recorded. The verdict may come later;
 * the transaction holds what is being judged, so that it lives as long as the judgement does.
 */
#include "session/session-private.h"

#include "util/clock.h"
#include "util/counters.h"
#include <string.h>
#include <sys/socket.h>

#define OVER_LIMIT_FACTOR 10 /* recipients beyond this many times MaxRecipients are a flood */

gboolean
pb_session_offers_dsn (const PbSession *self)
{
  return self->exempt || self->role != PB_ROLE_SMTP;
}

static PbParams
offered (const PbSession *self)
{
  PbParams params = PB_PARAM_SIZE | PB_PARAM_BODY | PB_PARAM_SMTPUTF8;

  if (self->snapshot->values.general_auth_enabled)
    params |= PB_PARAM_AUTH;
  if (pb_session_offers_dsn (self))
    params |= PB_PARAM_DSN;
  return self->esmtp ? params : 0;
}

static void
on_mail_judged (PbSession *self, PbDecision *decision)
{
  if (decision->kind == PB_DECISION_ACCEPT)
    {
      pb_session_set_state (self, PB_SESSION_MAIL);
      pb_session_prefetch (self, PB_FACT_SENDER);
      pb_session_prefetch (self, PB_FACT_SPF);
      pb_session_reply (self, PB_REPLY_SENDER_OK, NULL);
      return;
    }
  pb_session_refuse (self, decision, NULL, TRUE);
  pb_session_drop_transaction (self);
}

/* Returns: MAIL commands in the client's minute; 0 where nobody limits them. */
static guint
count_message (PbSession *self)
{
  PbServer *server = self->shard->server;

  if (self->exempt || self->snapshot->values.connection_policy_max_messages_per_minute == 0)
    return 0;
  return pb_clients_message (server->clients, &self->ip, pb_reactor_now (self->shard->reactor),
                             PB_MINUTE * server->wiring.second);
}

void
pb_session_verb_mail (PbSession *self, const PbCommand *command)
{
  g_auto (PbMailArgs) mail = { 0 };
  PbJudged judged = { 0 };
  PbReplyId wrong;

  wrong = pb_mail_args_parse (command->argument, command->argument_length, offered (self), &mail);
  if (wrong != PB_REPLY_NONE)
    {
      pb_session_reply_error (self, wrong, NULL);
      return;
    }
  if (!pb_session_store_ready (self))
    return;
  self->transaction = pb_transaction_new (&mail, &self->shard->server->budget);
  judged.message_rate = count_message (self);
  pb_session_judge (self, PB_STAGE_MAIL, &judged, on_mail_judged);
}

/* The recipient's domain is a literal of the address at which the client reached us. */
static gboolean
is_our_literal (const PbSession *self, const PbAddress *address)
{
  struct sockaddr_storage own = { 0 };
  socklen_t length = sizeof own;
  g_autofree char *text = NULL;
  PbIp ours, theirs;

  if (!address->literal || strlen (address->domain) < 3)
    return FALSE;
  text = g_strndup (address->domain + 1, strlen (address->domain) - 2);
  if (!pb_ip_parse (g_ascii_strncasecmp (text, "IPv6:", 5) == 0 ? text + 5 : text, &theirs))
    return FALSE;
  return getsockname (self->fd, (struct sockaddr *) &own, &length) == 0
         && pb_ip_from_sockaddr ((struct sockaddr *) &own, &ours)
         && memcmp (&ours, &theirs, sizeof ours) == 0;
}

/* Whether a refused recipient counts towards the errors that end a session. A long list is told to
   come back for the rest (RFC 5321 4.5.3.1.10), which only a flood takes for an invitation; and who
   may relay is known to us. */
static gboolean
counts_as_error (PbSession *self, const PbDecision *decision)
{
  PbTransaction *transaction = self->transaction;

  if (decision->reply != PB_REPLY_TOO_MANY_RECIPIENTS)
    return !self->exempt;
  transaction->over_limit++;
  return transaction->over_limit / OVER_LIMIT_FACTOR
         > self->snapshot->values.general_max_recipients;
}

/* Each recipient costs memory, whatever became of it. Returns: FALSE when there is none left, and the session was ended. */
static gboolean
charge_recipient (PbSession *self)
{
  pb_transaction_charge (self->transaction);
  if (pb_budget_state (&self->shard->server->budget) != PB_BUDGET_FULL)
    return TRUE;
  pb_session_expel_flood (self, "memory", PB_REPLY_NO_MEMORY);
  return FALSE;
}

/* Answered as if accepted: whoever sends is not to know. */
static void
discard_recipient (PbSession *self, const PbDecision *decision)
{
  PbTransaction *transaction = self->transaction;

  pb_counter_add (PB_COUNTER_DISCARDED, 1);
  pb_session_log_discarded (self, decision, transaction->rcpt.recipient->text);
  pb_session_record_discarded (self, decision, transaction->rcpt.recipient->text);
  transaction->discarded++;
  pb_rcpt_args_clear (&transaction->rcpt);
  if (!charge_recipient (self))
    return;
  pb_session_set_state (self, PB_SESSION_RCPT);
  pb_session_reply (self, PB_REPLY_RECIPIENT_OK, NULL);
}

static void
on_rcpt_judged (PbSession *self, PbDecision *decision)
{
  PbTransaction *transaction = self->transaction;
  PbRcptArgs *rcpt = &transaction->rcpt;

  if (decision->rule != NULL)
    pb_snapshot_hit (self->snapshot, decision->rule,
                     (guint64) (pb_clock_wall () / G_USEC_PER_SEC));
  if (decision->kind == PB_DECISION_DISCARD)
    {
      discard_recipient (self, decision);
      return;
    }
  if (decision->kind != PB_DECISION_ACCEPT)
    {
      /* Of those whom the servers of the Domain List do not know, it is theirs to count. */
      if (g_str_equal (decision->check, "recipient")
          && decision->reply == PB_REPLY_UNKNOWN_USER && !pb_session_note_unknown (self, rcpt->recipient->text))
        return;
      pb_session_refuse (self, decision, rcpt->recipient->text, counts_as_error (self, decision));
      if (self->transaction == NULL)
        return;
      pb_rcpt_args_clear (rcpt);
      charge_recipient (self);
      return;
    }
  pb_transaction_add (transaction, rcpt, self->snapshot->values.general_hostname,
                      rcpt->recipient->literal && is_our_literal (self, rcpt->recipient));
  transaction->skips &= decision->skips;
  pb_rcpt_args_clear (rcpt);
  if (!charge_recipient (self))
    return;
  pb_session_set_state (self, PB_SESSION_RCPT);
  pb_session_reply (self, PB_REPLY_RECIPIENT_OK, NULL);
}

void
pb_session_verb_rcpt (PbSession *self, const PbCommand *command)
{
  PbTransaction *transaction = self->transaction;
  PbJudged judged = { 0 };
  PbReplyId wrong;

  transaction->tried++;
  wrong = pb_rcpt_args_parse (command->argument, command->argument_length, offered (self),
                              transaction->mail.smtputf8, &transaction->rcpt);
  pb_session_record_name (self, wrong == PB_REPLY_NONE ? transaction->rcpt.recipient->text : NULL);
  if (wrong != PB_REPLY_NONE)
    {
      pb_session_reply_error (self, wrong, NULL);
      return;
    }
  judged.recipient = transaction->rcpt.recipient;
  judged.source_route = transaction->rcpt.source_route;
  judged.our_literal = is_our_literal (self, transaction->rcpt.recipient);
  pb_session_judge (self, PB_STAGE_RCPT, &judged, on_rcpt_judged);
}
