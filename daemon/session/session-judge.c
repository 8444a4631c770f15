/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Between a session and the policy: fills in what is known, holds input while a verdict is pending,
 * and tells refusals: a counter, a reply and a log line each. The log is spared a flood: of one
 * session, between two messages, it gets the first refusals only.
 */
#include "session/session-private.h"

#include "util/counters.h"
#include "util/log.h"
#include <arpa/inet.h>

#define MAX_LOGGED 20

void
pb_session_count (const char *prefix, const char *check)
{
  char name[64];

  g_snprintf (name, sizeof name, "%s.%s", prefix, check);
  pb_counter_add (pb_counter_register (name), 1);
}

static void
on_verdict (PbVerdict *verdict, gpointer user_data)
{
  PbSession *self = user_data;

  pb_session_enter (self);
  self->run = NULL;
  self->on_verdict (self, verdict);
  if (self->state != PB_SESSION_CLOSED)
    pb_session_release (self, PB_HOLD_VERDICT);
  pb_session_leave (self);
}

void
pb_session_judge (PbSession *self, PbStage stage, PbJudged *judged,
                  void (*step) (PbSession *self, PbVerdict *verdict))
{
  const PbServerWiring *wiring = &self->shard->server->wiring;
  g_auto (PbVerdict) verdict = { 0 };
  PbTransaction *transaction = self->transaction;

  judged->snapshot = self->snapshot;
  judged->ip = self->ip;
  judged->exempt = self->exempt;
  judged->exempt_unasked = self->exempt_unasked;
  judged->login = self->login;
  judged->account_id = self->account_id;
  judged->demand_login = self->role != PB_ROLE_SMTP;
  judged->helo = self->helo;
  judged->connections = self->connections;
  judged->mailbox = pb_session_mailbox (self);
  if (transaction != NULL)
    {
      judged->sender = transaction->mail.sender;
      judged->declared_size = transaction->mail.size;
      judged->n_recipients = transaction->recipients->len;
    }
  if (pb_policy_judge_rows (wiring->rows, wiring->n_rows, stage, judged, NULL, &verdict, on_verdict,
                            self, &self->run))
    {
      step (self, &verdict);
      return;
    }
  self->on_verdict = step;
  pb_session_hold (self, PB_HOLD_VERDICT);
}

/* As the log has it. Returns: (nullable) NULL before MAIL. */
static const char *
sender_text (const PbSession *self)
{
  if (self->transaction == NULL)
    return NULL;
  return self->transaction->mail.sender != NULL ? self->transaction->mail.sender->text : "<>";
}

/* Returns: (nullable) NULL before DATA. */
static const char *
queue_id_text (const PbSession *self, char buffer[PB_QUEUE_ID_TEXT])
{
  if (self->transaction == NULL || self->transaction->id == 0)
    return NULL;
  return pb_queue_id_format (self->transaction->id, buffer);
}

void
pb_session_log_cut_off (PbSession *self, const char *reason)
{
  char client[INET6_ADDRSTRLEN], id[PB_QUEUE_ID_TEXT], size[24];

  if (self->state != PB_SESSION_DATA)
    return;
  g_snprintf (size, sizeof size, "%" G_GUINT64_FORMAT, self->transaction->size);
  pb_log (PB_LOG_INFO, "cut-off", "queue-id", queue_id_text (self, id), "client",
          pb_ip_format (&self->ip, client, sizeof client), "helo", self->helo, "from",
          sender_text (self), "size", size, "reason", reason, NULL);
}

static void
log_refusal (PbSession *self, const PbVerdict *verdict, const char *recipient)
{
  const PbReplyRow *row = pb_reply_row (verdict->reply);
  char client[INET6_ADDRSTRLEN], reply[24], id[PB_QUEUE_ID_TEXT];

  if (self->logged >= MAX_LOGGED)
    return;
  self->logged++;
  g_snprintf (reply, sizeof reply, "%u %s", row->code, row->enhanced);
  pb_log (PB_LOG_INFO, "refused", "queue-id", queue_id_text (self, id), "check", verdict->check,
          "reply", reply, "client", pb_ip_format (&self->ip, client, sizeof client), "helo",
          self->helo, "from", sender_text (self), "to", recipient, NULL);
}

void
pb_session_refuse (PbSession *self, const PbVerdict *verdict, const char *recipient,
                   gboolean is_error)
{
  pb_session_count ("refused", verdict->check);
  log_refusal (self, verdict, recipient);
  if (is_error)
    pb_session_reply_error (self, verdict->reply, verdict->detail);
  else
    pb_session_reply (self, verdict->reply, verdict->detail);
}

void
pb_session_expel (PbSession *self, const PbVerdict *verdict)
{
  if (self->state == PB_SESSION_CLOSED)
    return;
  pb_session_count ("refused", verdict->check);
  self->logged = 0; /* the last word is told even after many */
  log_refusal (self, verdict, NULL);
  pb_session_fail (self, verdict->reply, verdict->detail);
}

void
pb_session_expel_flood (PbSession *self, const char *check, PbReplyId reply)
{
  PbVerdict verdict = { PB_OUTCOME_DEFER, reply, NULL, check };

  pb_session_expel (self, &verdict);
}

gboolean
pb_session_store_ready (PbSession *self)
{
  PbServer *server = self->shard->server;
  PbVerdict verdict = { .outcome = PB_OUTCOME_DEFER };

  if (pb_budget_state (&server->budget) >= PB_BUDGET_SCARCE)
    {
      verdict.check = "memory";
      verdict.reply = PB_REPLY_STORE_BUSY;
    }
  else
    switch (server->wiring.state (server->wiring.data))
      {
      case PB_STORE_OK:
        return TRUE;
      case PB_STORE_LOW_SPACE:
        verdict.check = "space";
        verdict.reply = PB_REPLY_LOW_SPACE;
        break;
      case PB_STORE_FAILED:
        verdict.check = "store";
        verdict.reply = PB_REPLY_STORE_FAILED;
        break;
      }
  pb_session_refuse (self, &verdict, NULL, FALSE);
  return FALSE;
}
