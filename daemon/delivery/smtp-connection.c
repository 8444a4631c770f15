/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One SMTP or LMTP client connection: connect, replies matched with what they answer, deadlines, idle,
 * QUIT. The pool opens it and gives it jobs; smtp-opening.c gets it ready, smtp-transaction.c speaks of
 * the mail.
 * Lives on one reactor. However it ends, each job it held goes back to the pool exactly once, answered
 * or to be tried elsewhere, and closed() comes last; the connection then frees itself.
 */
#include "delivery/smtp-connection-private.h"

#include "util/clock.h"
#include "util/marked.h"
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

/* RFC 5321 4.5.3.1.5 allows 512; some servers' help texts are longer. */
#define MAX_REPLY_LINE 4096
#define MAX_REASON     500

void
pb_smtp_connection_unref (PbSmtpConnection *self)
{
  if (--self->refs > 0)
    return;
  g_clear_pointer (&self->tls, pb_tls_context_unref);
  g_clear_pointer (&self->seven_bit, pb_seven_bit_free);
  pb_route_unref (self->route);
  pb_smtp_security_unref (self->security);
  g_free (self->doubt);
  pb_transcript_free (self->head);
  pb_extension_set_clear (&self->extensions);
  pb_remote_reply_clear (&self->reply);
  g_array_unref (self->expected);
  g_free (self->remote);
  g_free (self->hostname);
  g_free (self);
}

void
pb_smtp_failure_clear (PbSmtpFailure *self)
{
  g_clear_pointer (&self->reply, g_free);
  g_clear_pointer (&self->remote, g_free);
}

void
pb_smtp_connection_expect (PbSmtpConnection *self, PbExpect what, guint index,
                           PbTransaction *transaction)
{
  PbExpectation expectation = { what, index, transaction };

  if (self->expected_at == self->expected->len)
    {
      g_array_set_size (self->expected, 0);
      self->expected_at = 0;
    }
  g_array_append_val (self->expected, expectation);
}

static gint64
timeout_for (const PbSmtpTimeouts *timeouts, PbExpect what)
{
  switch (what)
    {
    case PB_EXPECT_GREETING:
      return timeouts->greeting;
    case PB_EXPECT_EHLO:
    case PB_EXPECT_HELO:
    case PB_EXPECT_STARTTLS:
    case PB_EXPECT_AUTH:
    case PB_EXPECT_RSET:
    case PB_EXPECT_MAIL:
    case PB_EXPECT_RCPT:
      return timeouts->command;
    case PB_EXPECT_DATA:
      return timeouts->data;
    case PB_EXPECT_CHUNK:
      return timeouts->block;
    case PB_EXPECT_FINAL:
      return timeouts->final;
    }
  return timeouts->command;
}

/* The deadline is that of the reply awaited next; it runs from the moment the one before it came. */
static void
update_deadline (PbSmtpConnection *self)
{
  const PbExpectation *head;

  if (self->channel == NULL || self->expected_at == self->expected->len)
    return;
  head = &g_array_index (self->expected, PbExpectation, self->expected_at);
  pb_channel_set_deadline (self->channel, pb_reactor_now (self->context->reactor)
                                            + timeout_for (self->context->timeouts, head->what));
}

void
pb_smtp_connection_write (PbSmtpConnection *self, GByteArray *out)
{
  g_autoptr (GBytes) bytes = g_byte_array_free_to_bytes (out);

  pb_channel_write_bytes (self->channel, bytes);
  self->n_written += g_bytes_get_size (bytes);
  update_deadline (self);
}

void
pb_smtp_connection_wait (PbSmtpConnection *self, gint64 timeout)
{
  pb_channel_set_deadline (self->channel, pb_reactor_now (self->context->reactor) + timeout);
}

void
pb_smtp_connection_command (PbSmtpConnection *self, PbExpect what, const char *verb,
                            const char *argument)
{
  GByteArray *out = g_byte_array_new ();

  pb_smtp_append (out, verb);
  pb_smtp_append (out, argument);
  pb_transcript_client (self->head, (const char *) out->data, out->len);
  pb_smtp_append (out, "\r\n");
  pb_smtp_connection_expect (self, what, 0, NULL);
  pb_smtp_connection_write (self, out);
}

char *
pb_smtp_connection_reply_text (PbSmtpConnection *self)
{
  char *text = g_strdup_printf ("%u %s", self->reply.code, self->reply.text->str);

  g_strdelimit (text, "\r\n\t", ' ');
  if (strlen (text) > MAX_REASON)
    *g_utf8_find_prev_char (text, text + MAX_REASON) = '\0';
  return g_strchomp (text);
}

const char *
pb_smtp_connection_reply_status (PbSmtpConnection *self)
{
  if (self->reply.enhanced != NULL
      && (guint) (self->reply.enhanced[0] - '0') == self->reply.code / 100)
    return self->reply.enhanced;
  switch (self->reply.code / 100)
    {
    case 2:
      return "2.0.0";
    case 4:
      return "4.0.0";
    case 5:
      return "5.0.0";
    default:
      return "4.5.0";
    }
}

/* Closes without results: what it held has been dealt with. */
static void
connection_close (PbSmtpConnection *self, const PbSmtpFailure *failure, gboolean polite)
{
  PbChannel *channel = g_steal_pointer (&self->channel);

  pb_smtp_body_cancel (self);
  pb_smtp_login_cancel (self);
  if (polite)
    {
      pb_channel_write (channel, "QUIT\r\n", 6);
      pb_channel_finish (channel);
    }
  else
    pb_channel_free (channel);
  self->context->events->closed (self, failure, self->user_data);
  pb_smtp_connection_unref (self);
}

void
pb_smtp_connection_tell (PbSmtpConnection *self, PbSmtpStepState state, const char *detail,
                         const PbTlsPeer *peer)
{
  if (self->watch != NULL)
    self->watch->step (self->watch, self->step, state, self->remote, detail, peer);
}

void
pb_smtp_connection_fail (PbSmtpConnection *self, PbSmtpFailureCause cause, PbResultKind kind,
                         const char *status, const char *reply, gboolean is_reply)
{
  PbSmtpFailure failure = { .cause = cause, .kind = kind, .reply_is_smtp = is_reply };

  g_strlcpy (failure.status, status, sizeof failure.status);
  failure.reply = g_strdup (reply);
  failure.remote = g_strdup (self->remote);
  if (!is_reply)
    pb_transcript_note (self->head, "%s", reply);
  pb_smtp_connection_tell (self, PB_SMTP_STEP_FAILED, reply, NULL);
  connection_close (self, &failure, is_reply);
  pb_smtp_failure_clear (&failure);
}

void
pb_smtp_connection_lose (PbSmtpConnection *self, const char *status, const char *reason,
                         gboolean is_reply)
{
  PbTransaction *current = g_steal_pointer (&self->current), *next = g_steal_pointer (&self->next);

  if (self->channel == NULL)
    return;
  if (!self->opened)
    {
      pb_smtp_connection_fail (self,
                               self->handshaking ? PB_SMTP_FAILURE_TLS : PB_SMTP_FAILURE_HOST,
                               PB_RESULT_DEFERRED, status, reason, is_reply);
      return;
    }
  self->refs++;
  if (current != NULL)
    pb_smtp_transaction_lose (self, current, status, reason, is_reply);
  if (next != NULL)
    pb_smtp_transaction_lose (self, next, status, reason, is_reply);
  connection_close (self, NULL, is_reply);
  pb_smtp_connection_unref (self);
}

/* 421 may come in answer to anything, or unasked: the server is closing (RFC 5321 3.8). Whatever else comes unasked
 * would be taken for the answer to what is said next. */
static void
on_closing_reply (PbSmtpConnection *self)
{
  g_autofree char *text = pb_smtp_connection_reply_text (self);
  g_autofree char *reason = g_strconcat ("the server spoke out of turn: ", text, NULL);

  if (self->reply.code == 421)
    pb_smtp_connection_lose (self, pb_smtp_connection_reply_status (self), text, TRUE);
  else
    pb_smtp_connection_lose (self, "4.5.0", reason, FALSE);
}

static void
on_reply (PbSmtpConnection *self)
{
  PbExpectation expectation;

  if (self->reply.code == 421 || self->expected_at == self->expected->len)
    {
      on_closing_reply (self);
      return;
    }
  expectation = g_array_index (self->expected, PbExpectation, self->expected_at++);
  switch (expectation.what)
    {
    case PB_EXPECT_GREETING:
    case PB_EXPECT_EHLO:
    case PB_EXPECT_HELO:
    case PB_EXPECT_STARTTLS:
    case PB_EXPECT_AUTH:
      pb_smtp_opening_reply (self, expectation.what);
      break;
    case PB_EXPECT_RSET:
    case PB_EXPECT_MAIL:
    case PB_EXPECT_RCPT:
    case PB_EXPECT_DATA:
    case PB_EXPECT_CHUNK:
    case PB_EXPECT_FINAL:
      pb_smtp_transaction_reply (self, &expectation);
      break;
    }
}

static void
on_connected (PbChannel *channel, gpointer user_data)
{
  PbSmtpConnection *self = user_data;

  self->refs++;
  pb_smtp_opening_connected (self);
  pb_smtp_connection_unref (self);
}

static void
on_secured (PbChannel *channel, gpointer user_data)
{
  PbSmtpConnection *self = user_data;

  self->refs++;
  pb_smtp_opening_secured (self);
  pb_smtp_connection_unref (self);
}

/* Whose transcript the next reply is for. (nullable) */
static PbTranscript *
reply_transcript (PbSmtpConnection *self)
{
  const PbTransaction *transaction = self->current;

  if (!self->opened)
    return self->head;
  if (self->expected_at < self->expected->len)
    {
      const PbExpectation *head =
        &g_array_index (self->expected, PbExpectation, self->expected_at);

      if (head->transaction != NULL)
        transaction = head->transaction;
    }
  return transaction != NULL ? transaction->job->transcript : NULL;
}

static gboolean
is_challenge (PbSmtpConnection *self, const char *line)
{
  return self->login != NULL && g_str_has_prefix (line, "334");
}

static void
note_line (PbSmtpConnection *self, const char *line, gsize length)
{
  PbTranscript *transcript = reply_transcript (self);

  if (transcript != NULL && is_challenge (self, line))
    pb_transcript_server (transcript, "334 [hidden]", -1);
  else if (transcript != NULL)
    pb_transcript_server (transcript, line, (gssize) length);
}

/* Returns: FALSE when there is no whole line or no connection any more. */
static gboolean
read_line (PbSmtpConnection *self)
{
  char *line;
  gsize length;

  switch (pb_channel_take_line (self->channel, MAX_REPLY_LINE, &line, &length, NULL))
    {
    case PB_LINE_MORE:
      return FALSE;
    case PB_LINE_TOO_LONG:
      pb_smtp_connection_lose (self, "4.5.0", "the server's reply line is too long", FALSE);
      return FALSE;
    case PB_LINE_OK:
      break;
    }
  if (!is_challenge (self, line))
    pb_smtp_login_hide (self, line, length);
  note_line (self, line, length);
  switch (pb_remote_reply_feed (&self->reply, line, length))
    {
    case PB_REPLY_PARSE_MORE:
      break;
    case PB_REPLY_PARSE_BAD:
      pb_smtp_connection_lose (self, "4.5.0",
                               self->reply.n_lines >= PB_REMOTE_REPLY_MAX_LINES
                                 ? "the server's reply has too many lines"
                                 : "the server's reply is no SMTP reply",
                               FALSE);
      break;
    case PB_REPLY_PARSE_DONE:
      on_reply (self);
      update_deadline (self);
      break;
    }
  return self->channel != NULL;
}

static void
on_readable (PbChannel *channel, gpointer user_data)
{
  PbSmtpConnection *self = user_data;

  self->refs++;
  while (read_line (self))
    ;
  pb_smtp_connection_unref (self);
}

static void
on_drained (PbChannel *channel, gpointer user_data)
{
  pb_smtp_body_drained (user_data);
}

static const char *
timeout_words (const PbSmtpConnection *self)
{
  if (self->handshaking)
    return N_ ("the TLS handshake took too long");
  return self->expected->len == 0 ? N_ ("connecting took too long")
                                  : N_ ("the server did not answer in time");
}

/* Who would have let it pass in the clear wants to know why this server did not. */
static char *
describe_end (const PbSmtpConnection *self, const char *words)
{
  const char *source = self->handshaking && pb_smtp_security_demands_tls (self->security)
                         ? pb_smtp_security_source_text (self->security)
                         : NULL;

  if (source == NULL)
    return g_strdup_printf ("%s: %s", self->remote, words);
  return g_strdup_printf ("%s: %s, which %s does not allow", self->remote, words, source);
}

static void
on_ended (PbChannel *channel, PbChannelEnd end, gpointer user_data)
{
  PbSmtpConnection *self = user_data;
  const char *words = N_ ("the server closed the connection"), *status = "4.4.2";
  g_autofree char *reason = NULL;

  if (self->idle && end == PB_CHANNEL_TIMEOUT)
    {
      connection_close (self, NULL, TRUE);
      return;
    }
  if (end == PB_CHANNEL_TIMEOUT)
    words = timeout_words (self);
  else if (end == PB_CHANNEL_ERROR)
    words = pb_channel_error_text (channel);
  reason = describe_end (self, words);
  if (self->handshaking)
    status = "4.7.5";
  else if (self->expected->len == 0)
    status = "4.4.1";
  pb_smtp_connection_lose (self, status, reason, FALSE);
}

static const PbChannelHandler channel_handler = {
  .connected = on_connected,
  .readable = on_readable,
  .drained = on_drained,
  .ended = on_ended,
  .secured = on_secured,
};

static socklen_t
fill_sockaddr (const PbSmtpHost *host, struct sockaddr_storage *address)
{
  memset (address, 0, sizeof *address);
  if (host->socket != NULL)
    {
      struct sockaddr_un *un = (struct sockaddr_un *) address;

      un->sun_family = AF_UNIX;
      g_strlcpy (un->sun_path, host->socket, sizeof un->sun_path);
      return sizeof *un;
    }
  if (pb_ip_is_v4 (&host->ip))
    {
      struct sockaddr_in *v4 = (struct sockaddr_in *) address;

      v4->sin_family = AF_INET;
      v4->sin_port = htons (host->port);
      memcpy (&v4->sin_addr, host->ip.bytes + 12, 4);
      return sizeof *v4;
    }
  else
    {
      struct sockaddr_in6 *v6 = (struct sockaddr_in6 *) address;

      v6->sin6_family = AF_INET6;
      v6->sin6_port = htons (host->port);
      memcpy (&v6->sin6_addr, host->ip.bytes, 16);
      return sizeof *v6;
    }
}

PbSmtpConnection *
pb_smtp_connection_open (const PbSmtpContext *context, const PbSmtpOpening *opening,
                         gpointer user_data)
{
  PbSmtpConnection *self = g_new0 (PbSmtpConnection, 1);
  struct sockaddr_storage address;
  socklen_t length = fill_sockaddr (opening->host, &address);

  self->refs = 1;
  self->context = context;
  self->user_data = user_data;
  self->remote = pb_smtp_host_format (opening->host);
  self->hostname = g_strdup (opening->hostname);
  self->route = pb_route_ref (opening->route);
  self->security = pb_smtp_security_ref (opening->host->security);
  self->tls = opening->tls != NULL ? pb_tls_context_ref (opening->tls) : NULL;
  self->lmtp = opening->route->kind == PB_ROUTE_LMTP;
  self->watch = opening->watch;
  self->step = PB_SMTP_STEP_CONNECT;
  self->head = pb_transcript_new ();
  if (opening->before != NULL)
    pb_transcript_copy (self->head, opening->before);
  pb_transcript_note (self->head, "to %s", self->remote);
  if (self->security->why != NULL)
    pb_transcript_note (self->head, "%s", self->security->why);
  self->expected = g_array_new (FALSE, FALSE, sizeof (PbExpectation));
  pb_remote_reply_init (&self->reply);
  self->channel = pb_channel_connect (context->reactor, (const struct sockaddr *) &address, length,
                                      &channel_handler, self);
  pb_channel_set_deadline (self->channel, pb_clock_monotonic () + context->timeouts->connect);
  return self;
}

const PbTranscript *
pb_smtp_connection_transcript (PbSmtpConnection *self)
{
  return self->head;
}

void
pb_smtp_connection_start (PbSmtpConnection *self)
{
  g_return_if_fail (self->idle);
  self->refs++;
  self->idle = FALSE;
  pb_smtp_transaction_begin (self);
  if (self->channel != NULL)
    pb_channel_flush (self->channel);
  pb_smtp_connection_unref (self);
}

void
pb_smtp_connection_quit (PbSmtpConnection *self)
{
  connection_close (self, NULL, TRUE);
}

void
pb_smtp_connection_abort (PbSmtpConnection *self, const char *reason)
{
  /* Who looked on may have the answer already, and be gone. */
  self->watch = NULL;
  pb_smtp_connection_lose (self, "4.3.2", reason, FALSE);
}
