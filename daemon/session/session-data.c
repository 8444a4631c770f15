/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * DATA (RFC 5321 4.1.1.4): from 354 through the octets of the message to the answer. The decoder
 * writes straight into the spool's buffer, behind our Received field; the header section is looked
 * at as it passes by. What cannot be taken any more is read on to its real end, then refused. The
 * answer 250 is given when the queue says that the message is safe, never before.
 */
#include "session/session-private.h"

#include "protocol/trace.h"
#include "util/clock.h"
#include "util/counters.h"
#include "util/log.h"
#include <arpa/inet.h>
#include <string.h>

guint64
pb_session_max_size (const PbSession *self)
{
  return (guint64) self->snapshot->values.general_max_message_size << 20;
}

/* The octets behind a message that was given up are read to its end, but not without one. */
guint64
pb_session_max_waste (const PbSession *self)
{
  return 2 * pb_session_max_size (self) + (1 << 20);
}

static void
append_received (PbSession *self, GByteArray *out)
{
  PbTransaction *transaction = self->transaction;
  const PbRecipient *first = (const PbRecipient *) (void *) transaction->recipients->data;
  gboolean secure = pb_session_is_secure (self);
  g_autofree char *tls = secure ? g_strconcat (pb_channel_tls_version (self->channel), " with cipher ",
                                               pb_channel_tls_cipher (self->channel), NULL)
                                : NULL;
  char ip[INET6_ADDRSTRLEN], date[40], id[PB_QUEUE_ID_TEXT], user[24];
  PbTrace trace = {
    .helo = self->helo,
    .client_ip = self->local != NULL ? NULL : pb_ip_format (&self->ip, ip, sizeof ip),
    .local_user = self->local != NULL ? user : NULL,
    .client_v6 = !pb_ip_is_v4 (&self->ip),
    .hostname = self->snapshot->values.general_hostname,
    .protocol =
      pb_trace_protocol (self->esmtp, transaction->mail.smtputf8, secure, self->login != NULL),
    .tls = tls,
    .id_text = pb_queue_id_format (transaction->id, id),
    .recipient = transaction->recipients->len == 1 ? first->address : NULL,
    .date = pb_clock_format_date (pb_clock_wall (), date),
  };

  if (self->local != NULL)
    g_snprintf (user, sizeof user, "uid %" G_GUINT32_FORMAT, self->local->uid);
  pb_trace_append_received (out, &trace);
}

/* Copies carry the same octets as what they are copies of, so the mark that keeps them from being copied again goes on top of all. */
static void
append_copy_mark (PbSession *self, GByteArray *out)
{
  const GArray *recipients = self->transaction->recipients;

  for (guint i = 0; i < recipients->len; i++)
    if (pb_snapshot_is_copied (self->snapshot, g_array_index (recipients, PbRecipient, i).address))
      {
        pb_trace_append_copy_mark (out, self->snapshot->values.general_hostname);
        return;
      }
}

/* The message comes from where it was written (RFC 6409), not from another server. */
static gboolean
is_submission (const PbSession *self)
{
  return self->role != PB_ROLE_SMTP || self->login != NULL || self->local != NULL;
}

static PbHeaderEdit *
make_submission_edit (PbSession *self)
{
  gint64 now = pb_clock_wall ();
  char date[40], id[PB_QUEUE_ID_TEXT];
  g_autofree char *message_id =
    g_strdup_printf ("<%" G_GINT64_FORMAT ".%s@%s>", now / G_USEC_PER_SEC,
                     pb_queue_id_format (self->transaction->id, id),
                     self->snapshot->values.general_hostname);

  return pb_header_edit_new (pb_clock_format_date (now, date), message_id);
}

/* Results in our name are written by us on the way in, so whoever brings some has made them up, be it mail of ours that
   was here before (RFC 8601 5): whom we trust to send is no witness of what we checked. */
static PbHeaderEdit *
make_header_edit (PbSession *self)
{
  PbHeaderEdit *edit =
    is_submission (self) ? make_submission_edit (self) : pb_header_edit_new_passing ();

  pb_header_edit_strip_results (edit, self->snapshot->values.general_hostname);
  return edit;
}

static gboolean
normalizes (const PbSession *self)
{
  return self->exempt || g_str_equal (self->snapshot->values.advanced_bare_newline, "normalize");
}

void
pb_session_begin_message (PbSession *self, PbBareMode mode)
{
  PbStore *store = self->shard->server->wiring.store;
  PbTransaction *transaction = self->transaction;

  pb_session_record_id (self);
  transaction->spool = pb_spool_new (store);
  pb_header_scan_init (&transaction->header);
  transaction->header.keep_from =
    self->login != NULL && self->snapshot->values.general_auth_check_sender;
  pb_data_decoder_init (&transaction->decoder, mode);
  append_received (self, pb_spool_buffer (transaction->spool));
  append_copy_mark (self, pb_spool_buffer (transaction->spool));
  transaction->checks = pb_session_begin_checks (self);
  pb_transaction_edit_header (transaction, make_header_edit (self));
  transaction->signing = pb_session_begin_signing (self);
  pb_store_hint_incoming (store, 1);
  transaction->hinted = TRUE;
}

void
pb_session_verb_data (PbSession *self, const PbCommand *command)
{
  if (self->state != PB_SESSION_RCPT)
    {
      pb_session_reply_error (self,
                              self->transaction->tried > 0 ? PB_REPLY_NO_VALID_RECIPIENTS
                                                           : PB_REPLY_BAD_SEQUENCE_RCPT,
                              NULL);
      return;
    }
  if (!pb_session_store_ready (self))
    return;
  pb_session_begin_message (self,
                            normalizes (self) ? PB_DATA_NORMALIZE_BARE : PB_DATA_REJECT_BARE);
  self->transaction->begun = pb_reactor_now (self->shard->reactor);
  pb_session_set_state (self, PB_SESSION_DATA);
  pb_session_reply (self, PB_REPLY_START_DATA, NULL);
}

gint64
pb_session_data_deadline (PbSession *self)
{
  const PbServerWiring *wiring = &self->shard->server->wiring;
  const PbTransaction *transaction = self->transaction; /* (nullable) a chunk that is dropped may have none */
  guint64 octets = transaction != NULL ? transaction->size + transaction->wasted : 0;
  gint64 chunk = pb_reactor_now (self->shard->reactor) + wiring->data_timeout;
  gint64 begun = transaction != NULL ? transaction->begun : pb_chunk_begun (self->chunk);
  gint64 whole = begun + wiring->data_timeout
                 + (gint64) (octets / wiring->data_rate) * G_USEC_PER_SEC;

  return MIN (chunk, whole);
}

/* ---- the answer ---- */

static PbReplyId
store_reply (const GError *error)
{
  if (pb_store_error_is_temporary (error))
    return PB_REPLY_STORE_BUSY;
  if (g_error_matches (error, PB_STORE_ERROR, PB_STORE_ERROR_FAILED))
    return PB_REPLY_STORE_FAILED;
  return PB_REPLY_LOCAL_ERROR;
}

/* What becomes of an infected message that is not refused. @event: static, the log's word and the counter's. */
static void
tell_infected (PbSession *self, const char *event, const char *malware)
{
  char client[INET6_ADDRSTRLEN], id[PB_QUEUE_ID_TEXT];
  const PbAddress *sender = self->transaction->mail.sender;

  pb_session_count (event, "antivirus");
  pb_log (PB_LOG_NOTICE, event, "queue-id", pb_queue_id_format (self->transaction->id, id), "check",
          "antivirus", "reason", malware, "client", pb_ip_format (&self->ip, client, sizeof client),
          "login", self->login, "from", sender != NULL ? sender->text : "<>", NULL);
}

static void
log_accepted (PbSession *self, const PbEnvelope *envelope)
{
  char recipients[16], size[24];

  g_snprintf (recipients, sizeof recipients, "%u", self->transaction->accepted);
  g_snprintf (size, sizeof size, "%" G_GUINT64_FORMAT, envelope->size);
  pb_log (PB_LOG_INFO, "accepted", "queue-id", envelope->id_text, "client", envelope->client,
          "helo", envelope->helo, "login", self->login, "from",
          envelope->sender[0] != '\0' ? envelope->sender : "<>", "recipients", recipients, "size",
          size, "message-id", envelope->message_id, NULL);
}

/* Counts and answers what the store made of the message. */
static void
answer (PbSession *self, const PbEnvelope *envelope, const GError *error)
{
  PbDecision decision = { .kind = PB_DECISION_DEFER, .check = "store" };

  if (error == NULL)
    {
      pb_counter_add (PB_COUNTER_ACCEPTED, 1);
      pb_counter_add (PB_COUNTER_BYTES_IN, envelope->size);
      log_accepted (self, envelope);
      pb_session_record_taken (self, envelope);
      pb_session_forgive (self);
      pb_session_reply (self, PB_REPLY_QUEUED, envelope->id_text);
      return;
    }
  decision.reply = store_reply (error);
  pb_session_refuse (self, &decision, NULL, FALSE);
}

/* What follows an answered message: the next one, unless we are shutting down. */
static void
finish_message (PbSession *self)
{
  pb_session_drop_transaction (self);
  if (g_atomic_int_get (&self->shard->server->shutting_down))
    pb_session_fail (self, PB_REPLY_SHUTTING_DOWN, NULL);
}

static void
on_submitted (PbEnvelope *envelope, PbBody *body, const GError *error, gpointer user_data)
{
  PbSession *self = user_data;

  pb_session_enter (self);
  self->pending--;
  answer (self, envelope, error);
  finish_message (self);
  pb_session_release (self, PB_HOLD_COMMIT);
  pb_session_leave (self);
}

/* Puts on top of the message what is known only now. */
static void
add_head (PbEnvelope *envelope, PbSpool *spool, GBytes *head)
{
  if (head == NULL)
    return;
  envelope->size += g_bytes_get_size (head);
  if (!pb_spool_prepend (spool, head))
    envelope->head = g_bytes_ref (head);
}

void
pb_session_submit (PbSession *self)
{
  const PbServerWiring *wiring = &self->shard->server->wiring;
  PbTransaction *transaction = self->transaction;
  PbSpool *spool = g_steal_pointer (&transaction->spool);
  PbEnvelope *envelope;
  char ip[INET6_ADDRSTRLEN];

  transaction->accepted = transaction->recipients->len;
  pb_session_record_submitted (self);
  envelope = pb_transaction_envelope (transaction);
  envelope->arrival = pb_clock_wall ();
  envelope->size = pb_spool_size (spool);
  add_head (envelope, spool, transaction->head);
  pb_session_client_text (self, ip, sizeof ip);
  envelope->client = self->local != NULL ? g_strdup (ip) : g_strconcat ("[", ip, "]", NULL);
  envelope->helo = g_strdup (self->helo);
  envelope->login = g_strdup (self->login);
  transaction->hinted = FALSE; /* the submission ends the hint */
  self->pending++;
  pb_session_hold (self, PB_HOLD_COMMIT);
  wiring->submit (envelope, spool, self->snapshot, pb_session_mailbox (self), on_submitted, self,
                  wiring->data);
}

static void
on_checks_done (gpointer data)
{
  PbSession *self = data;

  pb_session_enter (self);
  pb_session_write_fields (self);
  pb_session_leave (self);
}

/* What no row has asked for, but the message is to carry, may still be under way. */
static void
submit_when_known (PbSession *self)
{
  PbMailChecks *checks = self->transaction->checks;

  if (checks == NULL || pb_mail_checks_are_done (checks))
    {
      pb_session_write_fields (self);
      return;
    }
  /* The verdict that stands lets go of its own hold behind this. */
  pb_session_hold (self, PB_HOLD_COMMIT);
  pb_mail_checks_wait (checks, on_checks_done, self);
}

/* A rule of the AccessList dropped every recipient, or malware was found: nobody is told, the sender least of all. */
static void
discard (PbSession *self)
{
  char id[PB_QUEUE_ID_TEXT];

  pb_session_forgive (self);
  pb_session_reply (self, PB_REPLY_QUEUED, pb_queue_id_format (self->transaction->id, id));
  finish_message (self);
}

static void
on_data_judged (PbSession *self, PbDecision *decision)
{
  gboolean taken = decision->kind == PB_DECISION_ACCEPT || decision->kind == PB_DECISION_DISCARD;

  if (taken && (self->transaction->recipients->len == 0 || decision->kind == PB_DECISION_DISCARD))
    {
      if (decision->kind == PB_DECISION_DISCARD)
        tell_infected (self, "discarded", decision->evidence);
      discard (self);
      return;
    }
  if (decision->kind == PB_DECISION_ACCEPT && self->transaction->spool != NULL)
    {
      if ((decision->aside & PB_ASIDE_HELD) != 0)
        {
          self->transaction->hold = g_steal_pointer (&decision->evidence);
          tell_infected (self, "quarantined", self->transaction->hold);
        }
      self->transaction->aside = decision->aside;
      submit_when_known (self);
      return;
    }
  if (decision->kind == PB_DECISION_ACCEPT)
    pb_session_reply_error (self, PB_REPLY_LOCAL_ERROR, NULL);
  else
    pb_session_refuse (self, decision, NULL, TRUE);
  finish_message (self);
}

void
pb_session_end_message (PbSession *self)
{
  PbTransaction *transaction = self->transaction;
  PbJudged judged = {
    .size = transaction->size,
    .header = &transaction->header,
    .spool = transaction->spool,
    .bare_newline = transaction->decoder.bare_seen && transaction->decoder.mode == PB_DATA_REJECT_BARE,
  };

  pb_session_set_state (self, PB_SESSION_ENDED_DATA);
  self->took_line = TRUE;
  if (transaction->checks != NULL)
    pb_mail_checks_end (transaction->checks);
  pb_session_judge (self, PB_STAGE_END_OF_DATA, &judged, on_data_judged);
}

/* ---- the octets ---- */

/* Never called once the spool was aborted. */
static void
on_spool_ready (gpointer data)
{
  PbSession *self = data;

  pb_session_enter (self);
  pb_session_release (self, PB_HOLD_SPOOL);
  pb_session_leave (self);
}

void
pb_session_after_read (PbSession *self)
{
  PbTransaction *transaction = self->transaction;

  if (transaction->spool != NULL
      && !pb_spool_flush (transaction->spool, pb_session_mailbox (self), on_spool_ready, self))
    pb_session_hold (self, PB_HOLD_SPOOL);
  pb_transaction_charge (transaction);
  switch (pb_budget_state (transaction->budget))
    {
    case PB_BUDGET_EASY:
      break;
    case PB_BUDGET_TIGHT:
    case PB_BUDGET_SCARCE:
      if (transaction->spool != NULL)
        pb_session_await_memory (self);
      break;
    case PB_BUDGET_FULL:
      pb_session_expel_flood (self, "memory", PB_REPLY_NO_MEMORY);
      break;
    }
}

gboolean
pb_session_read_data (PbSession *self)
{
  PbTransaction *transaction = self->transaction;
  const char *data;
  gsize length = pb_channel_peek (self->channel, &data), consumed;
  gboolean ended;

  if (length == 0)
    return FALSE;
  ended = pb_transaction_take (transaction, data, length, pb_session_max_size (self), &consumed);
  pb_channel_consume (self->channel, consumed);
  if (ended)
    pb_session_end_message (self);
  else if (transaction->wasted > pb_session_max_waste (self))
    pb_session_expel_flood (self, "size", PB_REPLY_TOO_LARGE);
  else
    pb_session_after_read (self);
  return TRUE;
}
