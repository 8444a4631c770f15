/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Transactions of the SMTP and LMTP client: MAIL, RCPT, DATA or BDAT and what the replies mean for each recipient.
 * Where PIPELINING is offered, MAIL, all RCPTs and DATA leave together, and the next delivery's stand
 * right behind the body's end: RFC 2920 3.1 lets the message content open a group. A recipient has its
 * result, or goes back to its job to be tried again; when no transaction of a job is under way and none
 * of its recipients is left, the job is done. Connection lost behind the body: deferred, since the
 * message may have been taken (at least once); lost before any reply on a connection that had worked:
 * tried again elsewhere at once, since the server merely closed an idle connection.
 */
#include "delivery/smtp-connection-private.h"

#include "util/counters.h"

/* At most so many recipients a transaction where the server does not say (RFC 5321 4.5.3.1.8). */
#define MAX_RCPTS 100
/* At most so many messages a connection: servers tire of endless ones, and load balancers want their turn. */
#define MAX_MESSAGES 500
#define MAX_RETURNS  2

static PbTransaction *
transaction_new (PbSmtpJob *job, guint max_rcpts)
{
  guint n_rcpts = MIN (job->n_todo - job->todo_at, max_rcpts);
  PbTransaction *self = g_malloc0 (sizeof *self + n_rcpts * sizeof (PbRcpt));

  self->job = job;
  self->n_rcpts = n_rcpts;
  for (guint i = 0; i < n_rcpts; i++)
    self->rcpts[i].position = job->todo[job->todo_at++];
  job->n_active++;
  return self;
}

static void
set_result (PbSmtpConnection *self, PbTransaction *transaction, PbRcpt *rcpt, PbResultKind kind,
            const char *status, const char *reply, gboolean is_reply)
{
  rcpt->state = PB_RCPT_DONE;
  pb_delivery_set (transaction->job->delivery, rcpt->position, kind, status, reply, is_reply,
                   self->remote);
}

/* What the last reply means for a recipient: 4xx and nonsense defer, 5xx fails. But a relay host that wants TLS or a login
 * first (RFC 3207 4, RFC 4954 6) speaks of its settings and ours, not of the message. */
static void
set_result_by_reply (PbSmtpConnection *self, PbTransaction *transaction, PbRcpt *rcpt)
{
  g_autofree char *text = pb_smtp_connection_reply_text (self);
  guint code_class = self->reply.code / 100;
  const char *status = pb_smtp_connection_reply_status (self);

  if (code_class == 2)
    {
      set_result (self, transaction, rcpt, PB_RESULT_DELIVERED, status, text, TRUE);
      transaction->job->delivery->results[rcpt->position].dsn_passed_on =
        (self->extensions.offered & PB_EXT_DSN) != 0;
    }
  else if (self->reply.code == 530 && self->route->kind == PB_ROUTE_HOSTS)
    set_result (self, transaction, rcpt, PB_RESULT_DEFERRED, "4.7.0", text, TRUE);
  else if (code_class == 5)
    set_result (self, transaction, rcpt, PB_RESULT_FAILED, status, text, TRUE);
  else
    set_result (self, transaction, rcpt, PB_RESULT_DEFERRED, code_class == 4 ? status : "4.5.0",
                text, TRUE);
}

static void
set_open_by_reply (PbSmtpConnection *self, PbTransaction *transaction, PbRcptState state)
{
  for (guint i = 0; i < transaction->n_rcpts; i++)
    if (transaction->rcpts[i].state == state)
      set_result_by_reply (self, transaction, &transaction->rcpts[i]);
}

/* Gives the job back when nothing of it is under way on this connection any more. */
static void
release_job (PbSmtpConnection *self, PbSmtpJob *job)
{
  if (--job->n_active > 0)
    return;
  if (job->todo_at < job->n_todo)
    self->context->events->job_returned (self, job, self->user_data);
  else
    self->context->events->job_done (self, job, self->user_data);
}

static void
begin_transcript (PbSmtpConnection *self, PbSmtpJob *job)
{
  job->delivery->tls = pb_channel_tls_version (self->channel);
  pb_transcript_copy (job->transcript, self->head);
  if (self->n_messages > 0 || self->current != NULL)
    pb_transcript_note (job->transcript, "[message %u on this connection]",
                        self->n_messages + 1 + (self->current != NULL));
}

/* A job that the server cannot take by what it said of itself is answered without asking. */
static gboolean
is_takeable (PbSmtpConnection *self, PbSmtpJob *job)
{
  const char *status;
  const char *reason =
    pb_smtp_check_delivery (job->delivery, &self->extensions, self->lmtp, &status);

  begin_transcript (self, job);
  if (reason == NULL)
    return TRUE;
  pb_transcript_note (job->transcript, "%s", reason);
  for (guint i = job->todo_at; i < job->n_todo; i++)
    pb_delivery_set (job->delivery, job->todo[i], PB_RESULT_FAILED, status, reason, FALSE,
                     self->remote);
  job->todo_at = job->n_todo;
  return FALSE;
}

static guint
max_rcpts (PbSmtpConnection *self)
{
  return self->extensions.limits_rcptmax > 0 ? MIN (self->extensions.limits_rcptmax, 1000)
                                             : MAX_RCPTS;
}

static guint
max_messages (PbSmtpConnection *self)
{
  return self->extensions.limits_mailmax > 0 ? MIN (self->extensions.limits_mailmax, MAX_MESSAGES)
                                             : MAX_MESSAGES;
}

/* The next transaction: more of the current job first, else a job that waits. Returns: (nullable). */
static PbTransaction *
take_transaction (PbSmtpConnection *self)
{
  PbSmtpJob *job = self->current != NULL ? self->current->job : NULL;

  if (job == NULL || job->todo_at == job->n_todo)
    {
      while ((job = self->context->events->take_job (self, self->user_data)) != NULL
             && !is_takeable (self, job))
        self->context->events->job_done (self, job, self->user_data);
      if (job == NULL)
        return NULL;
    }
  return transaction_new (job, max_rcpts (self));
}

void
pb_smtp_transaction_begin (PbSmtpConnection *self)
{
  if (self->n_messages >= max_messages (self))
    {
      pb_smtp_connection_quit (self);
      return;
    }
  self->current = take_transaction (self);
  if (self->current != NULL)
    {
      pb_smtp_envelope_send (self);
      return;
    }
  self->idle = TRUE;
  pb_channel_set_deadline (self->channel,
                           pb_reactor_now (self->context->reactor) + self->context->timeouts->idle);
  self->context->events->idle (self, self->user_data);
}

void
pb_smtp_transaction_send_ahead (PbSmtpConnection *self, GByteArray *out)
{
  if ((self->extensions.offered & PB_EXT_PIPELINING) == 0 || self->next != NULL
      || self->n_messages + 1 >= max_messages (self))
    return;
  self->next = take_transaction (self);
  if (self->next == NULL)
    return;
  self->next->ahead = TRUE;
  if (self->current->bdat)
    {
      /* Should that BDAT fail, nobody knows the state that it leaves (RFC 3030 2). */
      pb_smtp_append (out, "RSET\r\n");
      pb_smtp_connection_expect (self, PB_EXPECT_RSET, 0, NULL);
    }
  pb_smtp_envelope_append (self, self->next, out);
}

/* The current transaction is over; the one sent behind it, or a new one, comes next. */
static void
transaction_finish (PbSmtpConnection *self)
{
  PbTransaction *done = g_steal_pointer (&self->current);
  PbSmtpJob *job = done->job;

  self->n_messages++;
  self->current = g_steal_pointer (&self->next);
  g_free (done);
  if (job->n_active == 1 && job->todo_at < job->n_todo && self->current == NULL
      && self->n_messages < max_messages (self))
    {
      /* More of the same job: straight on, without asking the pool. */
      job->n_active--;
      self->current = transaction_new (job, max_rcpts (self));
    }
  else
    release_job (self, job);
}

static void
transaction_continue (PbSmtpConnection *self)
{
  transaction_finish (self);
  if (self->current == NULL)
    pb_smtp_transaction_begin (self);
  else if (self->current->n_asked == 0)
    pb_smtp_envelope_send (self);
}

static void
write_step (PbSmtpConnection *self,
            void (*append) (PbSmtpConnection *, PbTransaction *, GByteArray *))
{
  GByteArray *out = g_byte_array_new ();

  append (self, self->current, out);
  pb_smtp_connection_write (self, out);
}

static void
on_mail_reply (PbSmtpConnection *self, PbTransaction *transaction)
{
  gboolean fine = self->reply.code / 100 == 2;

  if (!fine)
    set_open_by_reply (self, transaction, PB_RCPT_OPEN);
  if (transaction->n_asked > 0)
    return;
  if (fine)
    write_step (self, pb_smtp_envelope_append_rcpt);
  else
    transaction_continue (self);
}

/* More recipients than the server takes at once. RFC 5321 4.5.3.1.10: 452, and what older servers say in its place. */
static gboolean
is_too_many (const PbRemoteReply *reply)
{
  return reply->code == 452
         || (reply->code == 552
             && (reply->enhanced == NULL || g_str_equal (reply->enhanced, "5.5.3")));
}

/* To be asked for again behind those that were accepted; until then it waits, whatever the code. */
static void
set_again (PbSmtpConnection *self, PbTransaction *transaction, PbRcpt *rcpt)
{
  g_autofree char *text = pb_smtp_connection_reply_text (self);

  set_result (self, transaction, rcpt, PB_RESULT_DEFERRED,
              self->reply.code == 452 ? pb_smtp_connection_reply_status (self) : "4.5.3", text,
              TRUE);
  rcpt->state = PB_RCPT_AGAIN;
}

/* The answers are all that was wanted: what was begun is given up. */
static void
on_verify_reply (PbSmtpConnection *self, PbTransaction *transaction, PbRcpt *rcpt, guint index)
{
  if (rcpt->state == PB_RCPT_OPEN)
    {
      set_result_by_reply (self, transaction, rcpt);
      transaction->job->delivery->results[rcpt->position].at_rcpt = TRUE;
    }
  if (index + 1 == transaction->n_rcpts)
    {
      self->needs_reset = TRUE;
      transaction_continue (self);
    }
  else if ((self->extensions.offered & PB_EXT_PIPELINING) == 0)
    write_step (self, pb_smtp_envelope_append_rcpt);
}

/* Every recipient has its answer: the message's turn, if it does not follow by itself. */
static void
on_all_rcpts (PbSmtpConnection *self, PbTransaction *transaction)
{
  gboolean pipelining = (self->extensions.offered & PB_EXT_PIPELINING) != 0;

  if (transaction->body_sent || (pipelining && !transaction->bdat))
    return;
  if (transaction->n_accepted == 0)
    {
      self->needs_reset = TRUE;
      transaction_continue (self);
    }
  else if (transaction->bdat)
    pb_smtp_body_send (self);
  else
    write_step (self, pb_smtp_envelope_append_data);
}

static void
on_rcpt_reply (PbSmtpConnection *self, PbTransaction *transaction, guint index)
{
  PbRcpt *rcpt = &transaction->rcpts[index];

  if (transaction->job->delivery->verify_only)
    {
      on_verify_reply (self, transaction, rcpt, index);
      return;
    }
  if (rcpt->state == PB_RCPT_OPEN && self->reply.code / 100 == 2)
    {
      rcpt->state = PB_RCPT_ACCEPTED;
      transaction->n_accepted++;
    }
  else if (rcpt->state == PB_RCPT_OPEN && transaction->n_accepted > 0 && is_too_many (&self->reply))
    set_again (self, transaction, rcpt);
  else if (rcpt->state == PB_RCPT_OPEN)
    set_result_by_reply (self, transaction, rcpt);
  transaction->n_answered++;
  if (transaction->n_answered == transaction->n_rcpts)
    on_all_rcpts (self, transaction);
  else if (transaction->n_asked < transaction->n_rcpts)
    write_step (self, pb_smtp_envelope_append_rcpt);
}

/* Nobody was accepted, yet the server waits for a message: an empty one, which goes to nobody (RFC 2920 3.1). */
static void
send_empty (PbSmtpConnection *self, PbTransaction *transaction)
{
  GByteArray *out;

  if (self->lmtp)
    {
      /* It would have no answer, one a recipient; RFC 2033 4.2 does not let it come to this. */
      pb_smtp_connection_lose (self, "4.5.0", "the server wants a message for nobody", FALSE);
      return;
    }
  out = g_byte_array_new ();
  pb_smtp_append (out, ".\r\n");
  pb_smtp_connection_expect (self, PB_EXPECT_FINAL, 0, transaction);
  pb_smtp_connection_write (self, out);
}

void
pb_smtp_transaction_expect_final (PbSmtpConnection *self, PbTransaction *transaction)
{
  if (!self->lmtp)
    {
      pb_smtp_connection_expect (self, PB_EXPECT_FINAL, 0, transaction);
      return;
    }
  /* RFC 2033 4.2: one for each that was accepted, in the order of the RCPTs. */
  for (guint i = 0; i < transaction->n_rcpts; i++)
    if (transaction->rcpts[i].state == PB_RCPT_ACCEPTED)
      pb_smtp_connection_expect (self, PB_EXPECT_FINAL, i, transaction);
}

static void
on_data_reply (PbSmtpConnection *self, PbTransaction *transaction)
{
  if (self->reply.code == 354 && transaction->n_accepted > 0)
    pb_smtp_body_send (self);
  else if (self->reply.code == 354)
    send_empty (self, transaction);
  else if (self->reply.code / 100 == 2)
    {
      /* A "yes" that asks for no message: nobody knows what it took. */
      pb_smtp_connection_lose (self, "4.5.0", "the server answered DATA as if it had the message",
                               FALSE);
    }
  else
    {
      set_open_by_reply (self, transaction, PB_RCPT_ACCEPTED);
      self->needs_reset = TRUE;
      transaction_continue (self);
    }
}

/* A part of the message is refused: no more of it may be sent, and what the server thinks of the rest is unknown. */
static void
on_chunk_reply (PbSmtpConnection *self, PbTransaction *transaction)
{
  self->n_chunks--;
  if (self->reply.code / 100 == 2)
    {
      pb_smtp_body_drained (self);
      return;
    }
  set_open_by_reply (self, transaction, PB_RCPT_ACCEPTED);
  pb_smtp_connection_lose (self, "4.5.0", "the server refused a part of the message", FALSE);
}

static void
return_again (PbTransaction *transaction)
{
  for (guint i = transaction->n_rcpts; i-- > 0;)
    if (transaction->rcpts[i].state == PB_RCPT_AGAIN)
      pb_smtp_job_untake (transaction->job, transaction->rcpts[i].position);
}

/* The last answer to the message has come. */
static void
transaction_end (PbSmtpConnection *self, PbTransaction *transaction, gboolean delivered)
{
  if (delivered)
    return_again (transaction);
  if (transaction->bdat && !delivered && self->next == NULL)
    self->needs_reset = TRUE;
  transaction_continue (self);
}

/* Whether the end of the message has been handed to the socket. */
static gboolean
has_left (PbSmtpConnection *self, const PbTransaction *transaction)
{
  return self->n_written - pb_channel_pending (self->channel) >= transaction->end;
}

static void
on_final_reply (PbSmtpConnection *self, PbTransaction *transaction, guint index)
{
  gboolean delivered = self->reply.code / 100 == 2 && transaction->n_accepted > 0;
  gboolean early = self->streaming || !has_left (self, transaction);

  if (early && delivered)
    {
      /* A "yes" to half a message is none; a "no" is one. */
      pb_smtp_connection_lose (self, "4.5.0", "the server answered before the message ended",
                               FALSE);
      return;
    }
  if (delivered && transaction->n_finals++ == 0)
    pb_counter_add (PB_COUNTER_BYTES_OUT, transaction->job->delivery->envelope->size);
  if (self->lmtp)
    set_result_by_reply (self, transaction, &transaction->rcpts[index]);
  else
    set_open_by_reply (self, transaction, PB_RCPT_ACCEPTED);
  if (early)
    pb_smtp_connection_lose (self, "4.5.0", "the server answered before the message ended", FALSE);
  else if (!self->lmtp)
    transaction_end (self, transaction, delivered);
  else if (--transaction->n_accepted == 0)
    transaction_end (self, transaction, transaction->n_finals > 0);
}

void
pb_smtp_transaction_reply (PbSmtpConnection *self, const PbExpectation *expectation)
{
  PbTransaction *transaction = expectation->transaction;

  if (transaction != NULL)
    transaction->n_replies++;
  switch (expectation->what)
    {
    case PB_EXPECT_RSET:
      if (self->current->n_asked == 0 && self->expected_at == self->expected->len)
        write_step (self, pb_smtp_envelope_append);
      break;
    case PB_EXPECT_MAIL:
      on_mail_reply (self, transaction);
      break;
    case PB_EXPECT_RCPT:
      on_rcpt_reply (self, transaction, expectation->index);
      break;
    case PB_EXPECT_DATA:
      on_data_reply (self, transaction);
      break;
    case PB_EXPECT_FINAL:
      on_final_reply (self, transaction, expectation->index);
      break;
    case PB_EXPECT_CHUNK:
      on_chunk_reply (self, transaction);
      break;
    case PB_EXPECT_GREETING:
    case PB_EXPECT_EHLO:
    case PB_EXPECT_HELO:
    case PB_EXPECT_STARTTLS:
    case PB_EXPECT_AUTH:
      g_assert_not_reached ();
    }
}

void
pb_smtp_transaction_lose (PbSmtpConnection *self, PbTransaction *transaction, const char *status,
                          const char *reason, gboolean is_reply)
{
  PbSmtpJob *job = transaction->job;
  gboolean untouched = transaction->n_replies == 0 && !transaction->body_sent
                       && (self->n_messages > 0 || transaction->ahead)
                       && job->n_returns < MAX_RETURNS;

  if (untouched)
    job->n_returns++;
  if (!is_reply)
    pb_transcript_note (job->transcript, "%s", reason);
  for (guint i = transaction->n_rcpts; i-- > 0;)
    {
      PbRcpt *rcpt = &transaction->rcpts[i];

      if (untouched)
        pb_smtp_job_untake (job, rcpt->position);
      else if (rcpt->state == PB_RCPT_OPEN || rcpt->state == PB_RCPT_ACCEPTED)
        set_result (self, transaction, rcpt, PB_RESULT_DEFERRED, status, reason, is_reply);
    }
  g_free (transaction);
  release_job (self, job);
}
