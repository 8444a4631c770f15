/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The SMTP agent: what the queue hands outgoing deliveries to. One pool of connections a reactor; a
 * destination always lives on the same one, so that its connections are shared without a lock. Each
 * delivery comes back through the mailbox it was given, also at the end: freeing the agent waits, at
 * most for its shutdown timeout, until every pool has answered.
 */
#include "delivery/smtp-agent.h"

#include "delivery/smtp-pool.h"

#define MINUTES(n)     ((gint64) (n) *60 * G_USEC_PER_SEC)
#define READER_THREADS 2

typedef struct
{
  PbReactor *reactor; /* borrowed */
  PbSmtpPool *pool;   /* (owned) by the reactor's thread */
} Lane;

struct _PbSmtpAgent
{
  PbSmtpTimeouts timeouts;
  PbPool *readers; /* (owned) */
  Lane *lanes;     /* (owned) */
  guint n_lanes;
  GMutex lock;
  GCond ended;
  guint n_running; /* pools, guarded by lock */
};

static const PbSmtpTimeouts default_timeouts = {
  .connect = 30 * G_USEC_PER_SEC,
  .greeting = MINUTES (5),
  .tls = MINUTES (2),
  .command = MINUTES (5),
  .secret = MINUTES (2),
  .data = MINUTES (2),
  .block = MINUTES (3),
  .final = MINUTES (10),
  .idle = 10 * G_USEC_PER_SEC,
  .ramp = 10 * 1000,
  .shutdown = 4 * G_USEC_PER_SEC,
};

PbSmtpJob *
pb_smtp_job_new (PbDelivery *delivery, PbMailbox *reply_to, PbDelivered func, gpointer user_data)
{
  PbSmtpJob *self = g_malloc0 (sizeof *self + delivery->n_recipients * sizeof (guint));

  self->delivery = delivery;
  self->reply_to = pb_mailbox_ref (reply_to);
  self->func = func;
  self->user_data = user_data;
  self->transcript = pb_transcript_new ();
  self->n_todo = delivery->n_recipients;
  for (guint i = 0; i < self->n_todo; i++)
    self->todo[i] = i;
  return self;
}

static void
on_answer (gpointer data)
{
  PbSmtpJob *job = data;

  job->func (job->delivery, job->user_data);
  pb_mailbox_unref (job->reply_to);
  g_free (job);
}

void
pb_smtp_job_answer (PbSmtpJob *self)
{
  pb_delivery_close (self->delivery);
  self->delivery->transcript = pb_transcript_text (self->transcript);
  g_clear_pointer (&self->transcript, pb_transcript_free);
  pb_mailbox_post_gathered (self->reply_to, on_answer, self);
}

void
pb_smtp_job_untake (PbSmtpJob *self, guint position)
{
  g_assert (self->todo_at > 0);
  self->todo[--self->todo_at] = position;
}

PbSmtpTimeouts *
pb_smtp_agent_timeouts (PbSmtpAgent *self)
{
  return &self->timeouts;
}

PbSmtpAgent *
pb_smtp_agent_new (PbReactor **reactors, guint n_reactors, PbResolver *resolver,
                   const PbRelaySecretSource *secrets, guint16 mx_port)
{
  PbSmtpAgent *self = g_new0 (PbSmtpAgent, 1);

  self->timeouts = default_timeouts;
  self->readers = pb_pool_new ("smtp-read", READER_THREADS);
  self->lanes = g_new0 (Lane, n_reactors);
  self->n_lanes = self->n_running = n_reactors;
  g_mutex_init (&self->lock);
  g_cond_init (&self->ended);
  for (guint i = 0; i < n_reactors; i++)
    {
      const PbSmtpContext context = { reactors[i], &self->timeouts, self->readers, secrets, NULL };

      self->lanes[i].reactor = reactors[i];
      self->lanes[i].pool = pb_smtp_pool_new (&context, resolver, mx_port);
    }
  return self;
}

void
pb_smtp_agent_obey_policies (PbSmtpAgent *self, PbStsPolicies *policies)
{
  for (guint i = 0; i < self->n_lanes; i++)
    pb_smtp_pool_obey_policies (self->lanes[i].pool, policies);
}

static void
on_pool_ended (gpointer data)
{
  PbSmtpAgent *self = data;

  g_mutex_lock (&self->lock);
  self->n_running--;
  g_cond_signal (&self->ended);
  g_mutex_unlock (&self->lock);
}

typedef struct
{
  PbSmtpAgent *agent;
  PbSmtpPool *pool;
} Order;

static void
on_shut_down (gpointer data)
{
  g_autofree Order *order = data;

  pb_smtp_pool_shut_down (order->pool, on_pool_ended, order->agent);
}

void
pb_smtp_agent_free (PbSmtpAgent *self)
{
  for (guint i = 0; i < self->n_lanes; i++)
    {
      Order *order = g_new (Order, 1);

      *order = (Order){ self, self->lanes[i].pool };
      pb_mailbox_post (pb_reactor_mailbox (self->lanes[i].reactor), on_shut_down, order);
    }
  g_mutex_lock (&self->lock);
  while (self->n_running > 0)
    g_cond_wait (&self->ended, &self->lock);
  g_mutex_unlock (&self->lock);
  pb_pool_free (self->readers);
  g_mutex_clear (&self->lock);
  g_cond_clear (&self->ended);
  g_free (self->lanes);
  g_free (self);
}

static void
on_add (gpointer data)
{
  PbSmtpJob *job = data;

  pb_smtp_pool_add (job->pool, job);
}

void
pb_smtp_agent_deliver (PbSmtpAgent *self, PbDelivery *delivery, PbMailbox *reply_to,
                       PbDelivered func, gpointer user_data)
{
  Lane *lane = &self->lanes[g_str_hash (delivery->route->key) % self->n_lanes];
  PbSmtpJob *job = pb_smtp_job_new (delivery, reply_to, func, user_data);

  job->pool = lane->pool;
  pb_mailbox_post_gathered (pb_reactor_mailbox (lane->reactor), on_add, job);
}
