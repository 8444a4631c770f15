/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * TLS in a session: STARTTLS (RFC 3207), and TLS from the first octet on role submissions (RFC 8314 3.3).
 *
 * Nothing passes from the clear into the encrypted session: what was sent behind STARTTLS ends the session unread, and what was
 * said before is forgotten. A handshake has one deadline. What goes wrong in it is one line in the log and the end of that session.
 */
#include "session/session-private.h"

#include "util/counters.h"
#include "util/log.h"
#include <arpa/inet.h>

#define MAX_HANDSHAKE 60 /* seconds */

gboolean
pb_session_is_secure (const PbSession *self)
{
  return self->channel != NULL && pb_channel_tls_version (self->channel) != NULL;
}

gboolean
pb_session_may_speak (const PbSession *self)
{
  return self->role != PB_ROLE_SUBMISSIONS || pb_session_is_secure (self);
}

static PbTlsContext *
take_context (PbSession *self)
{
  PbTlsSlot *slot = self->shard->server->wiring.tls;

  return slot != NULL ? pb_tls_slot_take (slot) : NULL;
}

gboolean
pb_session_offers_tls (PbSession *self)
{
  g_autoptr (PbTlsContext) context = NULL;

  if (pb_session_is_secure (self) || self->local != NULL)
    return FALSE;
  context = take_context (self);
  return context != NULL;
}

void
pb_session_log_tls (PbSession *self, const char *reason)
{
  char client[INET6_ADDRSTRLEN];

  pb_log (PB_LOG_INFO, "tls-failed", "client", pb_session_client_text (self, client, sizeof client),
          "role", pb_role_name (self->role), "reason", reason, NULL);
}

static void
give_up (PbSession *self, const char *reason)
{
  pb_session_log_tls (self, reason);
  pb_session_close (self);
}

/* The channel is silent in both directions. */
static void
shake_hands (PbSession *self)
{
  const PbServerWiring *wiring = &self->shard->server->wiring;
  g_autoptr (PbTlsContext) context = take_context (self);

  if (context == NULL || !pb_channel_start_tls (self->channel, context))
    {
      give_up (self, context == NULL ? "no certificate" : "input in the clear behind STARTTLS");
      return;
    }
  self->took_line = FALSE;
  pb_channel_set_deadline (self->channel,
                           pb_reactor_now (self->shard->reactor)
                             + MIN (wiring->command_timeout, MAX_HANDSHAKE * wiring->second));
}

void
pb_session_continue_tls (PbSession *self)
{
  if ((self->holds & PB_HOLD_TLS) == 0 || self->handshaking || self->delayed != NULL
      || self->state == PB_SESSION_CLOSED)
    return;
  pb_channel_flush (self->channel);
  if (pb_channel_pending (self->channel) > 0)
    return;
  self->handshaking = TRUE;
  shake_hands (self);
}

void
pb_session_begin_tls (PbSession *self)
{
  pb_session_hold (self, PB_HOLD_TLS);
  pb_session_continue_tls (self);
}

void
pb_session_verb_starttls (PbSession *self, const PbCommand *command)
{
  static const PbDecision injected = { .kind = PB_DECISION_REJECT, .reply = PB_REPLY_PIPELINING, .check = "starttls" };

  if (pb_session_is_secure (self))
    pb_session_reply_error (self, PB_REPLY_TLS_TWICE, NULL);
  else if (pb_channel_has_input (self->channel, TRUE))
    pb_session_expel (self, &injected);
  else if (!pb_session_offers_tls (self))
    pb_session_reply_error (self, PB_REPLY_TLS_UNAVAILABLE, NULL);
  else
    {
      pb_session_reply (self, PB_REPLY_START_TLS, NULL);
      pb_session_begin_tls (self);
    }
}

void
pb_session_forget (PbSession *self)
{
  g_clear_pointer (&self->helo, g_free);
  self->esmtp = FALSE;
  pb_session_drop_transaction (self);
  pb_session_forget_login (self);
  pb_session_set_state (self, PB_SESSION_GREETED);
}
