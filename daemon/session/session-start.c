/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How a session begins: who has come, what the policy says of that, and the greeting. Called by the server
 * on the reactor's thread, for clients of the network and for programs of this machine, which come over a
 * socket pair and are known by their user; all that follows is the same for both.
 */
#include "session/session-private.h"

#include "util/clock.h"
#include "util/counters.h"
#include <netinet/in.h>
#include <string.h>

void
pb_session_greet (PbSession *self)
{
  const PbSettingValues *values = &self->snapshot->values;
  GString *banner;

  if (pb_channel_has_input (self->channel, TRUE) && pb_session_jumped_queue (self))
    return;
  banner = g_string_new (values->general_hostname);
  if (values->general_banner[0] != '\0')
    {
      g_string_append_c (banner, ' ');
      g_string_append (banner, values->general_banner);
    }
  pb_session_set_state (self, PB_SESSION_GREETED);
  pb_session_reply (self, PB_REPLY_GREETING, banner->str);
  g_string_free (banner, TRUE);
  self->took_line = TRUE;
}

void
pb_session_welcome (PbSession *self)
{
  guint delay = self->exempt ? 0 : self->snapshot->values.advanced_greet_delay;

  if (delay > 0)
    {
      pb_session_hold (self, PB_HOLD_DELAY);
      pb_session_set_timer (self, delay * self->shard->server->wiring.second);
    }
  else
    {
      pb_session_greet (self);
      if (self->state != PB_SESSION_CLOSED)
        pb_channel_resume (self->channel);
    }
}

static void
on_connect_judged (PbSession *self, PbDecision *decision)
{
  if (decision->kind != PB_DECISION_ACCEPT)
    pb_session_expel (self, decision);
  else
    {
      pb_session_prefetch (self, PB_FACT_CLIENT_NAME);
      pb_session_prefetch (self, PB_FACT_BLOCKLISTS);
      if (self->role == PB_ROLE_SUBMISSIONS)
        pb_session_begin_tls (self);
      else
        pb_session_welcome (self);
    }
}

/* The interface on which a link-local client is met, else 0. */
static int
peer_scope (int fd)
{
  struct sockaddr_in6 peer = { 0 };
  socklen_t length = sizeof peer;

  if (getpeername (fd, (struct sockaddr *) &peer, &length) != 0 || peer.sin6_family != AF_INET6)
    return 0;
  return (int) peer.sin6_scope_id;
}

/* Counts the connection, and looks up what the AccessList says of the client. */
static void
enter_client (PbSession *self, PbJudged *judged)
{
  PbServer *server = self->shard->server;
  gboolean limited =
    !self->exempt && self->snapshot->values.connection_policy_max_connections_per_minute > 0;
  PbAccessMatch match;
  guint connections;

  connections = pb_clients_enter (server->clients, &self->ip, pb_reactor_now (self->shard->reactor),
                                  PB_MINUTE * server->wiring.second,
                                  limited ? &judged->connection_rate : NULL);
  self->connections = (guint16) MIN (connections, G_MAXUINT16);
  pb_snapshot_match_client (self->snapshot, &self->ip,
                            (guint64) (pb_clock_wall () / G_USEC_PER_SEC), &match);
  if (match.rule != NULL)
    self->access = g_memdup2 (&match, sizeof match);
}

static void
let_in (PbSession *self, PbJudged *judged)
{
  PbServer *server = self->shard->server;

  pb_session_open (self);
  pb_counter_add (PB_COUNTER_CONNECTIONS, 1);

  pb_session_enter (self);
  if (g_atomic_int_get (&server->shutting_down))
    pb_session_fail (self, PB_REPLY_SHUTTING_DOWN, NULL);
  else if (pb_budget_state (&server->budget) == PB_BUDGET_FULL)
    pb_session_expel_flood (self, "memory", PB_REPLY_NO_MEMORY);
  else
    pb_session_judge (self, PB_STAGE_CONNECT, judged, on_connect_judged);
  pb_session_leave (self);
}

void
pb_session_start (PbShard *shard, int fd, const PbIp *ip, PbRole role)
{
  PbSession *self = pb_session_new (shard, fd, role);
  PbJudged judged = { 0 };

  self->ip = *ip;
  self->exempt = pb_snapshot_is_exempt_unasked (self->snapshot, ip, pb_ip_is_v4 (ip) ? 0 : peer_scope (fd));
  self->exempt_unasked = self->exempt;
  judged.blocked_until = pb_session_blocked_until (self);
  enter_client (self, &judged);
  let_in (self, &judged);
}

/* No rule by address is meant for it, and no limit by address. */
void
pb_session_start_local (PbShard *shard, int fd, PbLocalClient *client)
{
  PbSession *self = pb_session_new (shard, fd, PB_ROLE_SMTP);
  PbJudged judged = { 0 };

  self->local = client;
  self->exempt = TRUE;
  self->login = g_strdup (client->login);
  self->account_id = g_strdup (client->account_id);
  let_in (self, &judged);
}
