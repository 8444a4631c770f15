/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The connections of one reactor, by destination: an idle one takes what comes; waiting mail opens the
 * first connection at once and further ones only when it has waited a little, so that a fast server is
 * served by few connections with full pipelines and a slow one by as many as are allowed. Used by the
 * agent on the reactor's thread. Each job is answered exactly once, also when no host can be reached
 * (then all that wait are, together) and at shutdown.
 */
#include "delivery/smtp-pool-private.h"

#include <stddef.h>

/* After a refused further connection the open ones do the work alone for so long. */
#define REFUSED_USEC (5 * G_USEC_PER_SEC)
#define OWNER(type, member, pointer)                                                               \
  ((type *) (void *) ((char *) (pointer) -offsetof (type, member)))

static void
destination_free (PbSmtpDestination *self)
{
  pb_reactor_clear_timer (self->pool->context.reactor, &self->ramp);
  g_hash_table_remove (self->pool->destinations, self->key);
  pb_smtp_policy_clear (&self->sts);
  g_free (self->key);
  g_free (self);
}

static void
pool_free (PbSmtpPool *self)
{
  pb_reactor_clear_timer (self->context.reactor, &self->shutdown_timer);
  g_hash_table_unref (self->destinations);
  g_hash_table_unref (self->bad_hosts);
  pb_smtp_policy_end (self);
  g_clear_pointer (&self->unverified, pb_tls_context_unref);
  g_clear_pointer (&self->dane, pb_tls_context_unref);
  g_clear_pointer (&self->verified, pb_tls_context_unref);
  g_free (self->own);
  g_free (self);
}

static void
pool_check_done (PbSmtpPool *self)
{
  PbMailFunc done = self->done;
  gpointer data = self->done_data;

  if (!self->shutting_down || g_hash_table_size (self->destinations) > 0)
    return;
  pool_free (self);
  done (data);
}

/* Nothing waits, nothing is open: forget it. */
static void
destination_check (PbSmtpDestination *self)
{
  PbSmtpPool *pool = self->pool;

  if (self->slots.length > 0 || self->waiting.length > 0)
    return;
  destination_free (self);
  pool_check_done (pool);
}

static void
answer_queue (GQueue *jobs, const PbSmtpFailure *failure, const PbTranscript *transcript)
{
  PbSmtpJob *job;

  while ((job = g_queue_pop_head (jobs)) != NULL)
    {
      pb_delivery_set_all (job->delivery, failure->kind, failure->status, failure->reply,
                           failure->reply_is_smtp, failure->remote);
      if (transcript != NULL)
        pb_transcript_copy (job->transcript, transcript);
      job->delivery->destination_dead = failure->kind == PB_RESULT_DEFERRED;
      pb_smtp_job_answer (job);
    }
}

static void
open_more (PbSmtpDestination *self)
{
  guint n_opening = self->slots.length - self->n_open;
  guint wanted = self->waiting.length > n_opening ? self->waiting.length - n_opening : 0;
  guint room = self->limit > self->slots.length ? self->limit - self->slots.length : 0;

  /* Doubling at most: a server that gets faster with the second connection needs no twentieth. */
  for (guint n = MIN (MIN (wanted, room), MAX (1, self->n_open)); n > 0 && self->waiting.length > 0;
       n--)
    pb_smtp_slot_open (self, self->waiting.head->data);
}

static void
set_ramp (PbSmtpDestination *self)
{
  const PbSmtpJob *first = self->waiting.head->data;
  gint64 due = MAX (first->since + self->pool->context.timeouts->ramp, self->no_more_until);

  if (self->ramp.deadline == 0 && self->n_open > 0 && self->slots.length < self->limit)
    pb_reactor_set_timer (self->pool->context.reactor, &self->ramp, due);
}

static void
on_ramp (PbTimer *timer)
{
  PbSmtpDestination *self = OWNER (PbSmtpDestination, ramp, timer);
  gint64 now = pb_reactor_now (self->pool->context.reactor);
  PbSmtpJob *first = self->waiting.head != NULL ? self->waiting.head->data : NULL;

  if (first == NULL || self->n_open == 0)
    return;
  if (first->since + self->pool->context.timeouts->ramp <= now && self->no_more_until <= now)
    {
      open_more (self);
      if (self->slots.length >= self->limit)
        return;
      /* The next step after as long again. */
      pb_reactor_set_timer (self->pool->context.reactor, &self->ramp,
                            now + self->pool->context.timeouts->ramp);
    }
  else
    set_ramp (self);
}

void
pb_smtp_destination_pump (PbSmtpDestination *self)
{
  PbSmtpSlot *slot;

  while (self->waiting.length > 0 && (slot = g_queue_pop_head (&self->idle)) != NULL)
    pb_smtp_connection_start (slot->connection);
  if (self->waiting.length == 0)
    return;
  if (self->slots.length == 0)
    pb_smtp_slot_open (self, self->waiting.head->data);
  else
    set_ramp (self);
}

void
pb_smtp_destination_slot_gone (PbSmtpDestination *self, const PbSmtpFailure *failure,
                               const PbTranscript *transcript)
{
  if (failure != NULL && self->n_open > 0)
    self->no_more_until = pb_reactor_now (self->pool->context.reactor) + REFUSED_USEC;
  else if (failure != NULL)
    answer_queue (&self->waiting, failure, transcript);
  if (self->waiting.length > 0)
    pb_smtp_destination_pump (self);
  else
    destination_check (self);
}

PbSmtpPool *
pb_smtp_pool_new (const PbSmtpContext *context, PbResolver *resolver, guint16 mx_port)
{
  PbSmtpPool *self = g_new0 (PbSmtpPool, 1);

  self->context = *context;
  self->context.events = &pb_smtp_slot_events;
  self->resolver = resolver;
  self->mx_port = mx_port;
  self->destinations = g_hash_table_new (g_str_hash, g_str_equal);
  self->bad_hosts = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  pb_smtp_policy_begin (self);
  return self;
}

void
pb_smtp_pool_obey_policies (PbSmtpPool *self, PbStsPolicies *policies)
{
  self->policies = policies;
}

static PbSmtpDestination *
destination_ensure (PbSmtpPool *self, const char *key, const PbStsVerdict *sts)
{
  PbSmtpDestination *destination = g_hash_table_lookup (self->destinations, key);

  if (destination != NULL)
    return destination;
  destination = g_new0 (PbSmtpDestination, 1);
  destination->pool = self;
  destination->key = g_strdup (key);
  destination->ramp.func = on_ramp;
  if (sts != NULL)
    pb_smtp_policy_copy (&destination->sts, sts);
  g_hash_table_insert (self->destinations, destination->key, destination);
  return destination;
}

/* Whoever looks on sees a connection opened, and that is not shared. Nor is one that was opened under another policy, or
 * before a setting demanded more: the destination holds its own, so that nothing else comes to lie where it is. */
static char *
destination_key (const PbDelivery *delivery, const PbStsVerdict *sts)
{
  g_autoptr (GString) key = g_string_new (delivery->route->key);

  if (!delivery->snapshot->values.outbound_dane)
    g_string_append (key, " dane=off");
  if (sts != NULL && sts->policy != NULL)
    g_string_append_printf (key, " mta-sts=%s:%p", sts->id, (void *) sts->policy);
  if (delivery->watch != NULL)
    g_string_append_printf (key, " watched by %p", (void *) delivery->watch);
  return g_string_free (g_steal_pointer (&key), FALSE);
}

void
pb_smtp_pool_take (PbSmtpPool *self, PbSmtpJob *job, const PbStsVerdict *sts)
{
  g_autofree char *key = destination_key (job->delivery, sts);
  PbSmtpDestination *destination;

  destination = destination_ensure (self, key, sts);
  destination->limit =
    MAX (job->delivery->snapshot->values.queueing_max_connections_per_destination, 1);
  job->since = pb_reactor_now (self->context.reactor);
  g_queue_push_tail (&destination->waiting, job);
  pb_smtp_destination_pump (destination);
}

void
pb_smtp_pool_add (PbSmtpPool *self, PbSmtpJob *job)
{
  if (self->shutting_down)
    pb_smtp_job_answer (job);
  else if (pb_smtp_policy_is_wanted (self, job->delivery))
    pb_smtp_policy_ask (self, job);
  else
    pb_smtp_pool_take (self, job, NULL);
}

static void
abort_destination (PbSmtpDestination *self)
{
  g_autoptr (GList) slots = g_list_copy (self->slots.head);

  for (GList *link = slots; link != NULL; link = link->next)
    pb_smtp_slot_give_up (link->data);
}

static void
on_shutdown_timer (PbTimer *timer)
{
  PbSmtpPool *self = OWNER (PbSmtpPool, shutdown_timer, timer);
  g_autoptr (GList) all = g_hash_table_get_values (self->destinations);

  for (GList *link = all; link != NULL; link = link->next)
    abort_destination (link->data);
}

static const PbSmtpFailure shutting_down = { .kind = PB_RESULT_DEFERRED,
                                             .status = "4.3.2",
                                             .reply = (char *) "this server is shutting down" };

/* Who waits to hear how it may go does not go at all. */
static void
quiesce_inquiries (PbSmtpPool *self)
{
  GQueue *jobs = pb_smtp_policy_give_up (self);

  answer_queue (jobs, &shutting_down, NULL);
  g_queue_free (jobs);
}

/* Idle connections quit, half-open ones are given up; busy ones go on. */
static void
quiesce_destination (PbSmtpDestination *self)
{
  g_autoptr (GList) slots = g_list_copy (self->slots.head);

  answer_queue (&self->waiting, &shutting_down, NULL);
  for (GList *link = slots; link != NULL; link = link->next)
    {
      PbSmtpSlot *slot = link->data;

      if (!slot->open)
        pb_smtp_slot_give_up (slot);
      else if (g_queue_find (&self->idle, slot) != NULL)
        pb_smtp_connection_quit (slot->connection);
    }
}

void
pb_smtp_pool_shut_down (PbSmtpPool *self, PbMailFunc done, gpointer data)
{
  g_autoptr (GList) all = NULL;

  quiesce_inquiries (self);
  all = g_hash_table_get_values (self->destinations);
  self->done = done;
  self->done_data = data;
  self->shutting_down = TRUE;
  self->shutdown_timer.func = on_shutdown_timer;
  if (all == NULL)
    {
      pool_check_done (self);
      return;
    }
  pb_reactor_set_timer (self->context.reactor, &self->shutdown_timer,
                        pb_reactor_now (self->context.reactor) + self->context.timeouts->shutdown);
  for (GList *link = all; link != NULL; link = link->next)
    quiesce_destination (link->data);
}
