/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One SMTP client connection: connect, greeting, EHLO with HELO as the fallback, replies matched with
 * what they answer, idle, QUIT. The pool opens it and gives it jobs; smtp-transaction.c speaks of them.
 * Lives on one reactor. However it ends, each job it held goes back to the pool exactly once, answered
 * or to be tried elsewhere, and closed() comes last; the connection then frees itself.
 */
#include "delivery/smtp-connection-private.h"

#include "util/clock.h"
#include <netinet/in.h>
#include <string.h>

/* RFC 5321 4.5.3.1.5 allows 512; some servers' help texts are longer. */
#define MAX_REPLY_LINE 4096
#define MAX_REASON     500

static void
connection_unref (PbSmtpConnection *self)
{
  if (--self->refs > 0)
    return;
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
    case PB_EXPECT_RSET:
    case PB_EXPECT_MAIL:
    case PB_EXPECT_RCPT:
      return timeouts->command;
    case PB_EXPECT_DATA:
      return timeouts->data;
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
  update_deadline (self);
}

static void
send_command (PbSmtpConnection *self, PbExpect what, const char *verb, const char *argument)
{
  GByteArray *out = g_byte_array_new ();

  pb_smtp_append (out, verb);
  pb_smtp_append (out, argument);
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
  if (polite)
    {
      pb_channel_write (channel, "QUIT\r\n", 6);
      pb_channel_finish (channel);
    }
  else
    pb_channel_free (channel);
  self->context->events->closed (self, failure, self->user_data);
  connection_unref (self);
}

/* Before the connection was ready for mail. */
static void
fail_opening (PbSmtpConnection *self, PbResultKind kind, const char *status, const char *reply,
              gboolean is_smtp)
{
  PbSmtpFailure failure = { .kind = kind, .reply_is_smtp = is_smtp };

  g_strlcpy (failure.status, status, sizeof failure.status);
  failure.reply = g_strdup (reply);
  failure.remote = g_strdup (self->remote);
  connection_close (self, &failure, is_smtp);
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
      fail_opening (self, PB_RESULT_DEFERRED, status, reason, is_reply);
      return;
    }
  self->refs++;
  if (current != NULL)
    pb_smtp_transaction_lose (self, current, status, reason, is_reply);
  if (next != NULL)
    pb_smtp_transaction_lose (self, next, status, reason, is_reply);
  connection_close (self, NULL, is_reply);
  connection_unref (self);
}

static void
connection_opened (PbSmtpConnection *self)
{
  self->opened = TRUE;
  self->context->events->opened (self, self->user_data);
  if (self->channel != NULL)
    pb_smtp_transaction_begin (self);
}

static void
refuse_opening (PbSmtpConnection *self)
{
  g_autofree char *text = pb_smtp_connection_reply_text (self);

  fail_opening (self, self->reply.code / 100 == 5 ? PB_RESULT_FAILED : PB_RESULT_DEFERRED,
                pb_smtp_connection_reply_status (self), text, TRUE);
}

static void
on_handshake_reply (PbSmtpConnection *self, PbExpect what)
{
  gboolean fine = self->reply.code / 100 == 2;

  if (what == PB_EXPECT_EHLO && self->reply.code / 100 == 5)
    send_command (self, PB_EXPECT_HELO, "HELO ", self->hostname);
  else if (!fine)
    refuse_opening (self);
  else if (what == PB_EXPECT_GREETING)
    send_command (self, PB_EXPECT_EHLO, "EHLO ", self->hostname);
  else
    {
      if (what == PB_EXPECT_EHLO)
        pb_extension_parse_reply (self->reply.text->str, &self->extensions);
      connection_opened (self);
    }
}

/* 421 may come in answer to anything, or unasked: the server is closing (RFC 5321 3.8). */
static void
on_closing_reply (PbSmtpConnection *self)
{
  g_autofree char *text = pb_smtp_connection_reply_text (self);

  pb_smtp_connection_lose (self, pb_smtp_connection_reply_status (self), text, TRUE);
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
      on_handshake_reply (self, expectation.what);
      break;
    case PB_EXPECT_RSET:
    case PB_EXPECT_MAIL:
    case PB_EXPECT_RCPT:
    case PB_EXPECT_DATA:
    case PB_EXPECT_FINAL:
      pb_smtp_transaction_reply (self, &expectation);
      break;
    }
}

static void
on_connected (PbChannel *channel, gpointer user_data)
{
  PbSmtpConnection *self = user_data;

  pb_smtp_connection_expect (self, PB_EXPECT_GREETING, 0, NULL);
  update_deadline (self);
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
  switch (pb_remote_reply_feed (&self->reply, line, length))
    {
    case PB_REPLY_PARSE_MORE:
      break;
    case PB_REPLY_PARSE_BAD:
      pb_smtp_connection_lose (self, "4.5.0", "the server's reply is no SMTP reply", FALSE);
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
  connection_unref (self);
}

static void
on_drained (PbChannel *channel, gpointer user_data)
{
  pb_smtp_body_drained (user_data);
}

static void
on_ended (PbChannel *channel, PbChannelEnd end, gpointer user_data)
{
  PbSmtpConnection *self = user_data;
  const char *words = "the server closed the connection";
  g_autofree char *reason = NULL;

  if (self->idle && end == PB_CHANNEL_TIMEOUT)
    {
      connection_close (self, NULL, TRUE);
      return;
    }
  if (end == PB_CHANNEL_TIMEOUT)
    words =
      self->expected->len == 0 ? "connecting took too long" : "the server did not answer in time";
  else if (end == PB_CHANNEL_ERROR)
    words = g_strerror (pb_channel_error (channel));
  reason = g_strdup_printf ("%s: %s", self->remote, words);
  pb_smtp_connection_lose (self, self->expected->len == 0 ? "4.4.1" : "4.4.2", reason, FALSE);
}

static const PbChannelHandler channel_handler = {
  .connected = on_connected,
  .readable = on_readable,
  .drained = on_drained,
  .ended = on_ended,
};

static socklen_t
fill_sockaddr (const PbSmtpHost *host, struct sockaddr_storage *address)
{
  memset (address, 0, sizeof *address);
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

static char *
format_remote (const PbSmtpHost *host)
{
  char text[INET6_ADDRSTRLEN];
  PbIp ip;

  pb_ip_format (&host->ip, text, sizeof text);
  if (pb_ip_parse (host->name, &ip))
    return g_strdup_printf ("[%s]:%u", text, host->port);
  return g_strdup_printf ("%s[%s]:%u", host->name, text, host->port);
}

PbSmtpConnection *
pb_smtp_connection_open (const PbSmtpContext *context, const PbSmtpHost *host, const char *hostname,
                         gpointer user_data)
{
  PbSmtpConnection *self = g_new0 (PbSmtpConnection, 1);
  struct sockaddr_storage address;
  socklen_t length = fill_sockaddr (host, &address);

  self->refs = 1;
  self->context = context;
  self->user_data = user_data;
  self->remote = format_remote (host);
  self->hostname = g_strdup (hostname);
  self->expected = g_array_new (FALSE, FALSE, sizeof (PbExpectation));
  pb_remote_reply_init (&self->reply);
  self->channel = pb_channel_connect (context->reactor, (const struct sockaddr *) &address, length,
                                      &channel_handler, self);
  pb_channel_set_deadline (self->channel, pb_clock_monotonic () + context->timeouts->connect);
  return self;
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
  connection_unref (self);
}

void
pb_smtp_connection_quit (PbSmtpConnection *self)
{
  connection_close (self, NULL, TRUE);
}

void
pb_smtp_connection_abort (PbSmtpConnection *self, const char *reason)
{
  pb_smtp_connection_lose (self, "4.3.2", reason, FALSE);
}
