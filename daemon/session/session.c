/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The life of one SMTP session (RFC 5321 3): begun by the server when a connection was accepted, on
 * one reactor's thread from then on. Input is pulled line by line as long as nothing holds it; what
 * comes from outside (socket, timer, policy, store) enters and leaves, and the last leave sends all
 * that was written in one go and frees a session that is closed and awaits no answer any more. So
 * nothing below has to ask whether the session outlived the call, and a client that goes away while
 * its message is being made safe leaves a small struct behind until the store has answered.
 */
#include "session/session-private.h"

#include "util/clock.h"
#include "util/counters.h"
#include "util/log.h"
#include <errno.h>
#include "util/secret.h"
#include <string.h>

#define MAX_LINE         4094        /* octets of a command without its CRLF */
#define MAX_AUTH_LINE    12288       /* likewise of AUTH, and of a line of its exchange (RFC 4954 4) */
#define MAX_OUTPUT       (16 * 1024) /* replies that a client may leave unread before we stop reading */
#define MAX_MEMORY_WAITS 250

static const char *
state_name (PbSessionState state)
{
  switch (state)
    {
    case PB_SESSION_CONNECTED:
      return "connected";
    case PB_SESSION_GREETED:
      return "greeted";
    case PB_SESSION_READY:
      return "ready";
    case PB_SESSION_MAIL:
      return "mail";
    case PB_SESSION_RCPT:
      return "rcpt";
    case PB_SESSION_DATA:
      return "data";
    case PB_SESSION_CHUNK:
      return "chunk";
    case PB_SESSION_CHUNKS:
      return "chunks";
    case PB_SESSION_ENDED_DATA:
      return "ended-data";
    case PB_SESSION_CLOSED:
      return "closed";
    }
  g_assert_not_reached ();
}

void
pb_session_set_state (PbSession *self, PbSessionState state)
{
  if (self->state == state)
    return;
  if (pb_log_threshold () >= PB_LOG_DEBUG)
    {
      char session[24];

      g_snprintf (session, sizeof session, "%p", (void *) self);
      pb_log (PB_LOG_DEBUG, "session", "session", session, "from", state_name (self->state), "to",
              state_name (state), NULL);
    }
  self->state = (guint8) state;
}

const char *
pb_session_client_text (const PbSession *self, char *buffer, gsize size)
{
  if (self->local == NULL)
    return pb_ip_format (&self->ip, buffer, size);
  g_strlcpy (buffer, "local", size);
  return buffer;
}

PbMailbox *
pb_session_mailbox (PbSession *self)
{
  return pb_reactor_mailbox (self->shard->reactor);
}

void
pb_session_hold (PbSession *self, PbHold hold)
{
  if (self->holds == 0)
    {
      if (self->transaction != NULL)
        self->transaction->held_since = pb_reactor_now (self->shard->reactor);
      pb_channel_pause (self->channel);
    }
  self->holds |= (guint8) hold;
}

void
pb_session_release (PbSession *self, PbHold hold)
{
  if ((self->holds & hold) == 0)
    return;
  self->holds &= (guint8) ~hold;
  if (self->holds != 0 || self->state == PB_SESSION_CLOSED)
    return;
  /* Time that the client waited for our disk is not its own. */
  if ((hold == PB_HOLD_SPOOL || hold == PB_HOLD_DELAY) && self->transaction != NULL
      && self->transaction->held_since > 0)
    self->transaction->begun +=
      pb_reactor_now (self->shard->reactor) - self->transaction->held_since;
  pb_channel_resume (self->channel);
}

void
pb_session_set_timer (PbSession *self, gint64 span)
{
  pb_reactor_set_timer (self->shard->reactor, &self->timer,
                        pb_reactor_now (self->shard->reactor) + span);
}

void
pb_session_drop_transaction (PbSession *self)
{
  PbTransaction *transaction;

  if (self->transaction == NULL)
    return;
  pb_session_record_rest (self);
  transaction = g_steal_pointer (&self->transaction);
  if (transaction->hinted)
    pb_store_hint_incoming (self->shard->server->wiring.store, -1);
  pb_transaction_free (transaction);
  if (self->state != PB_SESSION_CLOSED)
    pb_session_set_state (self, self->helo != NULL ? PB_SESSION_READY : PB_SESSION_GREETED);
}

static void
unlink_session (PbSession *self)
{
  *self->pprev = self->next;
  if (self->next != NULL)
    self->next->pprev = self->pprev;
}

/* The connection is done with; the struct stays while answers are under way. */
static void
detach (PbSession *self)
{
  PbServer *server = self->shard->server;

  self->channel = NULL;
  pb_session_set_state (self, PB_SESSION_CLOSED);
  g_clear_pointer (&self->run, pb_policy_run_cancel);
  pb_facts_clear (&self->facts);
  pb_reactor_clear_timer (self->shard->reactor, &self->timer);
  /* A message that is being made safe keeps its transaction, and its charge, until the answer. */
  if ((self->holds & PB_HOLD_COMMIT) == 0)
    pb_session_drop_transaction (self);
  if (self->local == NULL)
    pb_clients_leave (server->clients, &self->ip);
  unlink_session (self);
  if (self->shard->sessions == NULL)
    pb_reactor_clear_timer (self->shard->reactor, &self->shard->deadline);
}

void
pb_session_close (PbSession *self)
{
  PbChannel *channel = self->channel;

  if (self->state == PB_SESSION_CLOSED)
    return;
  detach (self);
  pb_channel_finish (channel);
}

static void
free_session (PbSession *self)
{
  PbServer *server = self->shard->server;

  pb_session_drop_transaction (self);
  if (self->delayed != NULL)
    g_string_free (self->delayed, TRUE);
  g_clear_pointer (&self->chunk, pb_chunk_free);
  g_free (self->helo);
  g_free (self->access);
  g_clear_pointer (&self->trail, pb_trail_unref);
  pb_session_forget_login (self);
  g_clear_pointer (&self->local, pb_local_client_free);
  pb_snapshot_unref (self->snapshot);
  g_free (self);
  g_atomic_int_dec_and_test (&server->n_sessions);
  pb_server_unref (server);
}

/* What the client has to do next has one absolute deadline, which single octets do not put off. */
static void
set_deadline (PbSession *self)
{
  gint64 now = pb_reactor_now (self->shard->reactor);

  if ((self->holds & (PB_HOLD_VERDICT | PB_HOLD_COMMIT | PB_HOLD_SPOOL | PB_HOLD_WORKER)) != 0)
    {
      pb_channel_set_deadline (self->channel, 0);
      self->took_line = TRUE;
    }
  else if (self->state == PB_SESSION_DATA || self->state == PB_SESSION_CHUNK)
    pb_channel_set_deadline (self->channel, pb_session_data_deadline (self));
  else if (self->took_line)
    {
      pb_channel_set_deadline (self->channel, now + self->shard->server->wiring.command_timeout);
      self->took_line = FALSE;
    }
}

void
pb_session_enter (PbSession *self)
{
  self->depth++;
}

void
pb_session_leave (PbSession *self)
{
  if (self->depth == 1 && self->channel != NULL)
    {
      set_deadline (self);
      pb_channel_flush (self->channel);
    }
  self->depth--;
  if (self->depth == 0 && self->state == PB_SESSION_CLOSED && self->pending == 0)
    free_session (self);
}

static gboolean
is_auth (const char *line)
{
  return g_ascii_strncasecmp (line, "AUTH ", 5) == 0;
}

/* What may hold a password is moved to where it is wiped; the channel's buffer may be gone when the line was worked through. */
static void
take_secret_line (PbSession *self, char *line, gsize length)
{
  g_autoptr (PbSecret) moved = pb_secret_copy (line, length);

  explicit_bzero (line, length);
  if (self->auth != NULL)
    pb_session_auth_line (self, (const char *) moved->data, length);
  else
    pb_session_dispatch (self, (const char *) moved->data, length);
}

static void
take_line (PbSession *self, char *line, gsize length)
{
  if (self->auth != NULL || is_auth (line))
    take_secret_line (self, line, length);
  else if (length > MAX_LINE)
    pb_session_reply_error (self, PB_REPLY_LINE_TOO_LONG, NULL);
  else
    pb_session_dispatch (self, line, length);
}

/* Returns: FALSE when no whole line waits. */
static gboolean
take_command (PbSession *self)
{
  char *line;
  gsize length;

  switch (pb_channel_take_line (self->channel, MAX_AUTH_LINE, &line, &length, NULL))
    {
    case PB_LINE_MORE:
      return FALSE;
    case PB_LINE_TOO_LONG:
      self->took_line = TRUE;
      if (self->auth != NULL)
        pb_session_auth_line_too_long (self);
      else
        pb_session_reply_error (self, PB_REPLY_LINE_TOO_LONG, NULL);
      return TRUE;
    case PB_LINE_OK:
      self->took_line = TRUE;
      take_line (self, line, length);
      return TRUE;
    }
  g_assert_not_reached ();
}

/* Returns: FALSE when more must come first. */
static gboolean
take_input (PbSession *self)
{
  if (self->state == PB_SESSION_DATA)
    return pb_session_read_data (self);
  if (self->state == PB_SESSION_CHUNK)
    return pb_session_read_chunk (self);
  return take_command (self);
}

/* A client that sends and sends but reads no replies is not read from either. */
static void
check_output (PbSession *self)
{
  if (self->state == PB_SESSION_CLOSED || pb_channel_pending (self->channel) < MAX_OUTPUT)
    return;
  pb_channel_flush (self->channel);
  if (self->state != PB_SESSION_CLOSED && pb_channel_pending (self->channel) > 0)
    pb_session_hold (self, PB_HOLD_OUTPUT);
}

static void
on_readable (PbChannel *channel, gpointer user_data)
{
  PbSession *self = user_data;
  gboolean more = TRUE;

  pb_session_enter (self);
  while (more && self->holds == 0 && self->state != PB_SESSION_CLOSED)
    {
      more = take_input (self);
      check_output (self);
    }
  pb_session_leave (self);
}

static void
on_drained (PbChannel *channel, gpointer user_data)
{
  PbSession *self = user_data;

  pb_session_enter (self);
  pb_session_continue_tls (self);
  pb_session_release (self, PB_HOLD_OUTPUT);
  pb_session_leave (self);
}

static void
on_ended (PbChannel *channel, PbChannelEnd end, gpointer user_data)
{
  PbSession *self = user_data;

  pb_session_enter (self);
  switch (end)
    {
    case PB_CHANNEL_EOF:
      /* Told only when nothing is held: who closes its side behind a message still reads the answer. */
      pb_session_log_cut_off (self, "closed by the client");
      pb_session_close (self);
      break;
    case PB_CHANNEL_TIMEOUT:
      if (self->handshaking)
        pb_session_log_tls (self, "no handshake in time");
      pb_session_log_cut_off (self, "too slow");
      pb_session_fail (self, PB_REPLY_TIMEOUT, NULL);
      break;
    case PB_CHANNEL_ERROR:
      if (self->handshaking || pb_channel_error (channel) == EPROTO)
        pb_session_log_tls (self, pb_channel_error_text (channel));
      pb_session_log_cut_off (self, pb_channel_error_text (channel));
      detach (self);
      pb_channel_free (channel);
      break;
    }
  pb_session_leave (self);
}

static void
on_secured (PbChannel *channel, gpointer user_data)
{
  PbSession *self = user_data;

  pb_session_enter (self);
  pb_counter_add (PB_COUNTER_TLS_IN, 1);
  self->handshaking = FALSE;
  self->took_line = TRUE;
  if (self->state == PB_SESSION_CONNECTED)
    pb_session_welcome (self);
  else
    pb_session_forget (self);
  if (self->state != PB_SESSION_CLOSED)
    pb_session_release (self, PB_HOLD_TLS);
  pb_session_leave (self);
}

static const PbChannelHandler handler = {
  .readable = on_readable,
  .drained = on_drained,
  .ended = on_ended,
  .secured = on_secured,
};

void
pb_session_await_memory (PbSession *self)
{
  pb_session_hold (self, PB_HOLD_MEMORY);
  pb_session_set_timer (self, self->shard->server->wiring.second / 10);
}

/* The budget was tight: go on when it is not any more, but do not wait for ever. */
static void
look_at_memory (PbSession *self)
{
  pb_transaction_charge (self->transaction);
  if (pb_budget_state (&self->shard->server->budget) == PB_BUDGET_EASY)
    {
      self->memory_waits = 0;
      pb_session_release (self, PB_HOLD_MEMORY);
    }
  else if (++self->memory_waits >= MAX_MEMORY_WAITS)
    pb_session_expel_flood (self, "memory", PB_REPLY_NO_MEMORY);
  else
    pb_session_await_memory (self);
}

static void
on_timer (PbTimer *timer)
{
  PbSession *self = (PbSession *) ((char *) timer - G_STRUCT_OFFSET (PbSession, timer));

  pb_session_enter (self);
  if ((self->holds & PB_HOLD_MEMORY) != 0)
    look_at_memory (self);
  else
    {
      if (self->state == PB_SESSION_CONNECTED)
        pb_session_greet (self);
      else
        pb_session_say_delayed (self);
      if (self->state != PB_SESSION_CLOSED)
        pb_session_release (self, PB_HOLD_DELAY);
      pb_session_continue_tls (self);
    }
  pb_session_leave (self);
}

PbSession *
pb_session_new (PbShard *shard, int fd, PbRole role)
{
  PbServer *server = shard->server;
  PbSession *self = g_new0 (PbSession, 1);

  self->shard = shard;
  self->next = shard->sessions;
  self->pprev = &shard->sessions;
  if (self->next != NULL)
    self->next->pprev = &self->next;
  shard->sessions = self;
  pb_server_ref (server);
  g_atomic_int_inc (&server->n_sessions);

  self->timer.func = on_timer;
  self->came = pb_clock_wall ();
  self->fd = fd;
  self->role = (guint8) role;
  self->snapshot = server->wiring.snapshot (server->wiring.data);
  return self;
}

void
pb_session_open (PbSession *self)
{
  self->channel = pb_channel_new (self->shard->reactor, self->fd, &handler, self);
}

void
pb_session_shut_down (PbSession *self, gboolean gently)
{
  gboolean busy = pb_session_is_receiving (self) || self->state == PB_SESSION_ENDED_DATA;

  pb_session_enter (self);
  if (!gently)
    pb_session_log_cut_off (self, "this server is shutting down");
  if (!busy || !gently)
    pb_session_fail (self, PB_REPLY_SHUTTING_DOWN, NULL);
  pb_session_leave (self);
}
