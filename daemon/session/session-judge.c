/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Between a session and the policy: fills in what is known, holds input while a verdict is pending,
 * and tells refusals: a counter, a reply and a log line each. The log is spared a flood: of one
 * session, between two messages, it gets the first refusals only.
 */
#include "session/session-private.h"

#include "util/clock.h"
#include "util/counters.h"
#include "util/log.h"
#include <arpa/inet.h>

#define MAX_LOGGED 20
#define N_KNOWN    256 /* counters that a thread remembers */

/* The number of a counter, by the addresses of the two words: each thread puts a name together and looks it up once. */
static guint
find_counter (const char *prefix, const char *check)
{
  static _Thread_local struct
  {
    const char *prefix, *check;
    guint number;
  } known[N_KNOWN];
  gsize place = (GPOINTER_TO_SIZE (check) * 31 + GPOINTER_TO_SIZE (prefix)) / 4 % N_KNOWN;
  char name[64];

  if (known[place].check != check || known[place].prefix != prefix)
    {
      g_snprintf (name, sizeof name, "%s.%s", prefix, check);
      known[place].number = pb_counter_register (name);
      known[place].prefix = prefix;
      known[place].check = check;
    }
  return known[place].number;
}

void
pb_session_count (const char *prefix, const char *check)
{
  pb_counter_add (find_counter (prefix, check), 1);
}

/* The trail that is being written: the transaction's, else the connection's. Returns: (transfer none). */
static PbTrail *
find_trail (PbSession *self)
{
  PbTrail **trail = self->transaction != NULL ? &self->transaction->trail : &self->trail;

  if (*trail == NULL)
    *trail = pb_trail_new ();
  return *trail;
}

void
pb_session_note (PbSession *self, const char *check, PbOutcome outcome, PbReplyId reply,
                 const char *evidence)
{
  static const PbStage stages[] = {
    [PB_SESSION_CONNECTED] = PB_STAGE_CONNECT,  [PB_SESSION_GREETED] = PB_STAGE_HELO,
    [PB_SESSION_READY] = PB_STAGE_HELO,         [PB_SESSION_MAIL] = PB_STAGE_MAIL,
    [PB_SESSION_RCPT] = PB_STAGE_RCPT,          [PB_SESSION_DATA] = PB_STAGE_END_OF_DATA,
    [PB_SESSION_CHUNK] = PB_STAGE_END_OF_DATA,  [PB_SESSION_CHUNKS] = PB_STAGE_END_OF_DATA,
    [PB_SESSION_ENDED_DATA] = PB_STAGE_END_OF_DATA, [PB_SESSION_CLOSED] = PB_STAGE_CONNECT,
  };

  pb_trail_add (find_trail (self), stages[self->state], check, outcome, reply,
                PB_TRAIL_NO_RECIPIENT, evidence);
}

/* Counts what would have been refused, had the settings said enforce. */
static void
count_watched (const PbSession *self, const PbDecision *decision)
{
  const PbServerWiring *wiring = &self->shard->server->wiring;

  for (guint i = 0; decision->watched != 0 && i < wiring->n_rows; i++)
    if ((decision->watched & G_GUINT64_CONSTANT (1) << i) != 0)
      pb_session_count ("watched", wiring->rows[i].name);
}

static void
on_verdict (PbDecision *decision, gpointer user_data)
{
  PbSession *self = user_data;

  pb_session_enter (self);
  self->run = NULL;
  pb_channel_tell_reset (self->channel, FALSE);
  count_watched (self, decision);
  self->on_verdict (self, decision);
  if (self->state != PB_SESSION_CLOSED)
    pb_session_release (self, PB_HOLD_VERDICT);
  pb_session_leave (self);
}

void
pb_session_fill_in (PbSession *self, PbJudged *judged)
{
  const PbServerWiring *wiring = &self->shard->server->wiring;
  const PbTransaction *transaction = self->transaction;

  judged->snapshot = self->snapshot;
  judged->ip = self->ip;
  judged->exempt = self->exempt;
  judged->exempt_unasked = self->exempt_unasked;
  judged->login = self->login;
  judged->account_id = self->account_id;
  judged->demand_login = self->role != PB_ROLE_SMTP;
  judged->local = self->local != NULL;
  judged->helo = self->helo;
  judged->connections = self->connections;
  judged->now = (guint64) (pb_clock_wall () / G_USEC_PER_SEC);
  if (self->access != NULL)
    judged->client = *self->access;
  judged->dns = wiring->dns.query != NULL ? &wiring->dns : NULL;
  judged->blocklists = wiring->blocklists;
  judged->scanner = wiring->scanner;
  judged->facts = &self->facts;
  judged->mailbox = pb_session_mailbox (self);
  if (transaction == NULL)
    return;
  judged->mail = transaction->checks;
  judged->sender = transaction->mail.sender;
  judged->declared_size = transaction->mail.size;
  judged->n_recipients = transaction->recipients->len + transaction->discarded;
}

void
pb_session_prefetch (PbSession *self, PbFactKind kind)
{
  const PbServerWiring *wiring = &self->shard->server->wiring;
  PbJudged judged = { 0 };

  pb_facts_forget (&self->facts, kind);
  pb_session_fill_in (self, &judged);
  pb_policy_prefetch (wiring->rows, wiring->n_rows, kind, &judged);
}

PbMailChecks *
pb_session_begin_checks (PbSession *self)
{
  const PbServerWiring *wiring = &self->shard->server->wiring;
  PbJudged judged = { 0 };

  pb_session_fill_in (self, &judged);
  judged.skips = self->transaction->skips;
  return pb_mail_checks_new (wiring->rows, wiring->n_rows, &judged);
}

void
pb_session_judge (PbSession *self, PbStage stage, PbJudged *judged,
                  void (*step) (PbSession *self, PbDecision *decision))
{
  const PbServerWiring *wiring = &self->shard->server->wiring;
  g_auto (PbDecision) decision = { 0 };
  PbTransaction *transaction = self->transaction;
  PbTrail *trail = find_trail (self);

  pb_session_fill_in (self, judged);
  judged->recipient_index = transaction != NULL && stage == PB_STAGE_RCPT
                              ? (int) transaction->tried - 1
                              : PB_TRAIL_NO_RECIPIENT;
  /* What all recipients have is known behind the last of them. */
  if (transaction != NULL && stage == PB_STAGE_END_OF_DATA)
    {
      judged->skips = transaction->skips;
      judged->mail = transaction->checks;
    }
  if (pb_policy_judge_rows (wiring->rows, wiring->n_rows, stage, judged, trail, &decision, on_verdict,
                            self, &self->run))
    {
      count_watched (self, &decision);
      step (self, &decision);
      return;
    }
  self->on_verdict = step;
  /* Whoever is gone gets no answer, so the message is not taken, and nobody need judge it: a scanner has few places. */
  pb_channel_tell_reset (self->channel, stage == PB_STAGE_END_OF_DATA);
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

/* Returns: (nullable) NULL before DATA, unless somebody was refused. */
static const char *
queue_id_text (const PbSession *self, char buffer[PB_QUEUE_ID_TEXT])
{
  if (self->transaction == NULL || self->transaction->id == 0)
    return NULL;
  return pb_queue_id_format (self->transaction->id, buffer);
}

gboolean
pb_session_is_receiving (const PbSession *self)
{
  switch ((PbSessionState) self->state)
    {
    case PB_SESSION_DATA:
    case PB_SESSION_CHUNKS:
      return TRUE;
    case PB_SESSION_CHUNK:
      return self->transaction != NULL && self->transaction->hinted;
    case PB_SESSION_CONNECTED:
    case PB_SESSION_GREETED:
    case PB_SESSION_READY:
    case PB_SESSION_MAIL:
    case PB_SESSION_RCPT:
    case PB_SESSION_ENDED_DATA:
    case PB_SESSION_CLOSED:
      return FALSE;
    }
  g_assert_not_reached ();
}

void
pb_session_log_cut_off (PbSession *self, const char *reason)
{
  char client[INET6_ADDRSTRLEN], id[PB_QUEUE_ID_TEXT], size[24];

  if (!pb_session_is_receiving (self) && (self->state != PB_SESSION_ENDED_DATA || self->run == NULL))
    return;
  g_snprintf (size, sizeof size, "%" G_GUINT64_FORMAT, self->transaction->size);
  pb_session_record_cut_off (self, reason);
  pb_log (PB_LOG_INFO, "cut-off", "queue-id", queue_id_text (self, id), "client",
          pb_session_client_text (self, client, sizeof client), "helo", self->helo, "from",
          sender_text (self), "size", size, "reason", reason, NULL);
}

static void
log_refusal (PbSession *self, guint64 record, const PbDecision *decision, const char *recipient)
{
  const PbReplyRow *row = pb_reply_row (decision->reply);
  char client[INET6_ADDRSTRLEN], reply[24], id[PB_QUEUE_ID_TEXT];

  if (self->logged >= MAX_LOGGED)
    return;
  self->logged++;
  g_snprintf (reply, sizeof reply, "%u %s", row->code, row->enhanced);
  pb_log (PB_LOG_INFO, "refused", "queue-id", pb_queue_id_format (record, id), "check", decision->check,
          "reply", reply, "client", pb_session_client_text (self, client, sizeof client), "helo",
          self->helo, "from", sender_text (self), "to", recipient, NULL);
}

void
pb_session_log_discarded (PbSession *self, const PbDecision *decision, const char *recipient)
{
  char client[INET6_ADDRSTRLEN];

  if (self->logged >= MAX_LOGGED)
    return;
  self->logged++;
  pb_log (PB_LOG_INFO, "discarded", "check", decision->check, "rule",
          decision->rule != NULL ? decision->rule->id : NULL, "client",
          pb_session_client_text (self, client, sizeof client), "helo", self->helo, "from",
          sender_text (self), "to", recipient, NULL);
}

void
pb_session_refuse (PbSession *self, const PbDecision *decision, const char *recipient,
                   gboolean is_error)
{
  guint64 record = pb_session_record_id (self);

  pb_session_count ("refused", decision->check);
  log_refusal (self, record, decision, recipient);
  pb_session_record_refusal (self, record, decision, recipient);
  if (is_error)
    pb_session_reply_error (self, decision->reply, decision->detail);
  else
    pb_session_reply (self, decision->reply, decision->detail);
}

void
pb_session_expel (PbSession *self, const PbDecision *decision)
{
  guint64 record;

  if (self->state == PB_SESSION_CLOSED)
    return;
  record = pb_session_record_id (self);
  pb_session_count ("refused", decision->check);
  self->logged = 0; /* the last word is told even after many */
  log_refusal (self, record, decision, NULL);
  pb_session_record_refusal (self, record, decision, NULL);
  pb_session_fail (self, decision->reply, decision->detail);
}

static void
expel_blocked (PbSession *self, gint64 until)
{
  g_autoptr (GDateTime) time = g_date_time_new_from_unix_utc (until);
  g_autofree char *text = g_date_time_format_iso8601 (time);
  const PbDecision decision = { .kind = PB_DECISION_DEFER,
                                .reply = PB_REPLY_BLOCKED,
                                .check = "unknown-recipients",
                                .detail = text };

  pb_session_note (self, decision.check, PB_OUTCOME_REFUSED, decision.reply, text);
  pb_session_expel (self, &decision);
}

/* Blocks count by the client: who is let in without a login is spared. */
gboolean
pb_session_note_unknown (PbSession *self, const char *recipient)
{
  PbServer *server = self->shard->server;
  guint limit = self->snapshot->values.advanced_max_unknown_recipients;
  gint64 now = pb_clock_wall () / G_USEC_PER_SEC, midnight;
  g_autoptr (GTimeZone) zone = NULL;
  g_autofree char *subject = NULL;

  if (limit == 0 || self->exempt || server->wiring.blocks == NULL)
    return TRUE;
  zone = g_time_zone_new_local ();
  midnight = pb_clock_next_midnight (now, zone);
  if (pb_clients_unknown (server->clients, &self->ip, recipient,
                          pb_reactor_now (self->shard->reactor), midnight)
      <= limit)
    return TRUE;
  subject = pb_blocks_subject_ip (&self->ip);
  if (pb_blocks_block (server->wiring.blocks, PB_BLOCK_IP, subject, "unknown-recipients", midnight,
                       now))
    pb_log (PB_LOG_NOTICE, "blocked", "client", subject, "reason", "unknown-recipients", NULL);
  expel_blocked (self, midnight);
  return FALSE;
}

void
pb_session_expel_flood (PbSession *self, const char *check, PbReplyId reply)
{
  PbDecision decision = { .kind = PB_DECISION_DEFER, .reply = reply, .check = check };

  pb_session_expel (self, &decision);
}

gboolean
pb_session_ask_store (PbSession *self, PbDecision *decision)
{
  PbServer *server = self->shard->server;

  *decision = (PbDecision){ .kind = PB_DECISION_DEFER };
  if (pb_budget_state (&server->budget) >= PB_BUDGET_SCARCE)
    {
      decision->check = "memory";
      decision->reply = PB_REPLY_STORE_BUSY;
      return FALSE;
    }
  switch (server->wiring.state (server->wiring.data))
    {
    case PB_STORE_OK:
      return TRUE;
    case PB_STORE_LOW_SPACE:
      decision->check = "space";
      decision->reply = PB_REPLY_LOW_SPACE;
      return FALSE;
    case PB_STORE_FAILED:
      decision->check = "store";
      decision->reply = PB_REPLY_STORE_FAILED;
      return FALSE;
    }
  g_assert_not_reached ();
}

gboolean
pb_session_store_ready (PbSession *self)
{
  PbDecision decision;

  if (pb_session_ask_store (self, &decision))
    return TRUE;
  pb_session_refuse (self, &decision, NULL, FALSE);
  return FALSE;
}
