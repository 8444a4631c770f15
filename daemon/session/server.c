/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The SMTP server: what all sessions share. Made and freed by the daemon's start and end; accepts on
 * the reactors' threads. Sessions are kept in one list a reactor (a shard), touched by its thread
 * only; the set of shards, the counts and the flag of shutting down are what threads share. Each
 * session and each closure under way holds a reference, so that an answer that comes late finds the
 * server still there.
 */
#include "session/session-private.h"

#include "util/clock.h"
#include <unistd.h>

static void
free_shard (gpointer data)
{
  PbShard *shard = data;

  g_string_free (shard->line, TRUE);
  g_free (shard);
}

PbServer *
pb_server_ref (PbServer *self)
{
  g_atomic_ref_count_inc (&self->references);
  return self;
}

void
pb_server_unref (PbServer *self)
{
  if (!g_atomic_ref_count_dec (&self->references))
    return;
  if (self->wiring.free_data != NULL)
    self->wiring.free_data (self->wiring.data);
  pb_clients_free (self->clients);
  g_ptr_array_unref (self->shards);
  g_mutex_clear (&self->lock);
  g_free (self);
}

PbServer *
pb_server_new_wired (const PbServerWiring *wiring)
{
  PbServer *self = g_new0 (PbServer, 1);

  g_atomic_ref_count_init (&self->references);
  self->wiring = *wiring;
  self->budget.limit = wiring->budget;
  self->clients = pb_clients_new ();
  g_mutex_init (&self->lock);
  self->shards = g_ptr_array_new_with_free_func (free_shard);
  return self;
}

static PbShard *
find_shard (PbServer *self, PbReactor *reactor)
{
  PbShard *found = NULL;

  g_mutex_lock (&self->lock);
  for (guint i = 0; found == NULL && i < self->shards->len; i++)
    {
      PbShard *shard = self->shards->pdata[i];

      if (shard->reactor == reactor)
        found = shard;
    }
  if (found == NULL)
    {
      found = g_new0 (PbShard, 1);
      found->server = self;
      found->reactor = reactor;
      found->line = g_string_sized_new (512);
      g_ptr_array_add (self->shards, found);
    }
  g_mutex_unlock (&self->lock);
  return found;
}

void
pb_server_accept (int fd, const struct sockaddr *peer, socklen_t peer_length, PbRole role,
                  PbReactor *reactor, gpointer user_data)
{
  PbServer *self = user_data;
  PbIp ip;

  if (!pb_ip_from_sockaddr (peer, &ip))
    {
      close (fd);
      return;
    }
  pb_session_start (find_shard (self, reactor), fd, &ip, role);
}

/* ---- programs of this machine ---- */

void
pb_local_client_free (PbLocalClient *self)
{
  if (self == NULL)
    return;
  if (self->gone != NULL)
    self->gone (self->data);
  g_free (self->login);
  g_free (self->account_id);
  g_free (self);
}

typedef struct
{
  PbServer *server; /* (owned) a reference */
  PbShard *shard;
  int fd;                /* (owned) */
  PbLocalClient *client; /* (owned) */
} LocalArrival;

static void
on_local_arrival (gpointer data)
{
  LocalArrival *self = data;

  pb_session_start_local (self->shard, self->fd, self->client);
  pb_server_unref (self->server);
  g_free (self);
}

void
pb_server_accept_local (PbServer *self, int fd, PbLocalClient *client, PbReactor *reactor)
{
  LocalArrival *arrival = g_new (LocalArrival, 1);

  *arrival = (LocalArrival){ pb_server_ref (self), find_shard (self, reactor), fd, client };
  pb_mailbox_post (pb_reactor_mailbox (reactor), on_local_arrival, arrival);
}

/* ---- shutting down ---- */

typedef struct
{
  PbServer *server; /* (owned) a reference */
  PbShard *shard;
  gint64 deadline;
} ShutDown;

static void
shut_sessions_down (PbShard *shard, gboolean gently)
{
  PbSession *next;

  for (PbSession *session = shard->sessions; session != NULL; session = next)
    {
      next = session->next;
      pb_session_shut_down (session, gently);
    }
}

static void
on_deadline (PbTimer *timer)
{
  PbShard *shard = (PbShard *) ((char *) timer - G_STRUCT_OFFSET (PbShard, deadline));

  shut_sessions_down (shard, FALSE);
}

static void
on_shut_down (gpointer data)
{
  ShutDown *order = data;

  shut_sessions_down (order->shard, TRUE);
  if (order->shard->sessions != NULL)
    {
      order->shard->deadline.func = on_deadline;
      pb_reactor_set_timer (order->shard->reactor, &order->shard->deadline, order->deadline);
    }
  pb_server_unref (order->server);
  g_free (order);
}

void
pb_server_shut_down (PbServer *self, gint64 deadline)
{
  g_atomic_int_set (&self->shutting_down, 1);
  g_mutex_lock (&self->lock);
  for (guint i = 0; i < self->shards->len; i++)
    {
      ShutDown *order = g_new (ShutDown, 1);

      order->server = pb_server_ref (self);
      order->shard = self->shards->pdata[i];
      order->deadline = deadline;
      pb_mailbox_post (pb_reactor_mailbox (order->shard->reactor), on_shut_down, order);
    }
  g_mutex_unlock (&self->lock);
}

void
pb_server_peek_client (PbServer *self, const PbIp *ip, PbClientCounts *counts)
{
  pb_clients_peek (self->clients, ip, pb_clock_monotonic (), PB_MINUTE * self->wiring.second,
                   counts);
}

guint
pb_server_n_sessions (PbServer *self)
{
  return (guint) g_atomic_int_get (&self->n_sessions);
}

/* ---- the end ---- */

typedef struct
{
  PbShard *shard;
  GMutex lock;
  GCond ended;
  gboolean done; /* under lock */
} Eviction;

static void
on_evict (gpointer data)
{
  Eviction *self = data;

  shut_sessions_down (self->shard, FALSE);
  g_mutex_lock (&self->lock);
  self->done = TRUE;
  g_cond_signal (&self->ended);
  g_mutex_unlock (&self->lock);
}

/* Ends the shard's sessions on its thread and waits for that. */
static void
evict (PbShard *shard)
{
  Eviction order = { .shard = shard };

  g_mutex_init (&order.lock);
  g_cond_init (&order.ended);
  pb_mailbox_post (pb_reactor_mailbox (shard->reactor), on_evict, &order);
  g_mutex_lock (&order.lock);
  while (!order.done)
    g_cond_wait (&order.ended, &order.lock);
  g_mutex_unlock (&order.lock);
  g_mutex_clear (&order.lock);
  g_cond_clear (&order.ended);
}

void
pb_server_free (PbServer *self)
{
  g_atomic_int_set (&self->shutting_down, 1);
  /* Nobody accepts any more, so no shard is added meanwhile. */
  for (guint i = 0; i < self->shards->len; i++)
    evict (self->shards->pdata[i]);
  pb_server_unref (self);
}
