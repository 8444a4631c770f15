/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * MTA-STS in an SMTP pool: mail that goes by MX waits until it is known what its domain demands, and only
 * then joins a destination, whose connections are all opened under that one policy. What was found holds for
 * a few seconds, so that a burst of mail asks once. The wait ends by itself (sts-policies.h); at shutdown
 * whoever waits is answered as the rest. On the reactor's thread.
 */
#include "delivery/smtp-pool-private.h"

#define KEEP_USEC    (5 * G_USEC_PER_SEC)
#define MAX_VERDICTS 1000

typedef struct
{
  PbSmtpPool *pool;
  char *domain;          /* (owned) */
  PbStsRequest *request; /* (not owned) */
  GQueue jobs;           /* (element-type PbSmtpJob) */
} Inquiry;

typedef struct
{
  PbStsVerdict sts;
  gint64 until; /* the reactor's time */
} Verdict;

void
pb_smtp_policy_copy (PbStsVerdict *to, const PbStsVerdict *from)
{
  *to = *from;
  to->policy = from->policy != NULL ? pb_sts_policy_ref (from->policy) : NULL;
  to->why = g_strdup (from->why);
}

void
pb_smtp_policy_clear (PbStsVerdict *self)
{
  g_clear_pointer (&self->policy, pb_sts_policy_unref);
  g_clear_pointer (&self->why, g_free);
}

static void
verdict_free (Verdict *self)
{
  pb_smtp_policy_clear (&self->sts);
  g_free (self);
}

void
pb_smtp_policy_begin (PbSmtpPool *pool)
{
  pool->inquiries = g_hash_table_new (g_str_hash, g_str_equal);
  pool->verdicts = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) verdict_free);
}

void
pb_smtp_policy_end (PbSmtpPool *pool)
{
  g_hash_table_unref (pool->inquiries);
  g_hash_table_unref (pool->verdicts);
}

gboolean
pb_smtp_policy_is_wanted (const PbSmtpPool *pool, const PbDelivery *delivery)
{
  return pool->policies != NULL && delivery->route->kind == PB_ROUTE_MX
         && delivery->snapshot->values.outbound_mta_sts;
}

static void
keep_verdict (PbSmtpPool *pool, const char *domain, const PbStsVerdict *sts)
{
  Verdict *verdict = g_new0 (Verdict, 1);

  pb_smtp_policy_copy (&verdict->sts, sts);
  verdict->until = pb_reactor_now (pool->context.reactor) + KEEP_USEC;
  if (g_hash_table_size (pool->verdicts) >= MAX_VERDICTS)
    g_hash_table_remove_all (pool->verdicts);
  g_hash_table_replace (pool->verdicts, g_strdup (domain), verdict);
}

static const Verdict *
find_verdict (PbSmtpPool *pool, const char *domain)
{
  const Verdict *verdict = g_hash_table_lookup (pool->verdicts, domain);

  if (verdict != NULL && pb_reactor_now (pool->context.reactor) < verdict->until)
    return verdict;
  g_hash_table_remove (pool->verdicts, domain);
  return NULL;
}

static void
inquiry_free (Inquiry *self)
{
  g_hash_table_remove (self->pool->inquiries, self->domain);
  g_free (self->domain);
  g_free (self);
}

static void
on_policy (const PbStsVerdict *sts, gpointer user_data)
{
  Inquiry *self = user_data;
  PbSmtpPool *pool = self->pool;
  GQueue jobs = self->jobs;
  PbSmtpJob *job;

  keep_verdict (pool, self->domain, sts);
  inquiry_free (self);
  while ((job = g_queue_pop_head (&jobs)) != NULL)
    pb_smtp_pool_take (pool, job, sts);
}

void
pb_smtp_policy_ask (PbSmtpPool *pool, PbSmtpJob *job)
{
  const char *domain = job->delivery->route->domain;
  const Verdict *verdict = find_verdict (pool, domain);
  Inquiry *inquiry = g_hash_table_lookup (pool->inquiries, domain);

  if (verdict != NULL)
    {
      pb_smtp_pool_take (pool, job, &verdict->sts);
      return;
    }
  if (inquiry == NULL)
    {
      inquiry = g_new0 (Inquiry, 1);
      inquiry->pool = pool;
      inquiry->domain = g_strdup (domain);
      g_hash_table_insert (pool->inquiries, inquiry->domain, inquiry);
      inquiry->request = pb_sts_policies_find (pool->policies, domain, pb_reactor_mailbox (pool->context.reactor),
                                               on_policy, inquiry);
    }
  g_queue_push_tail (&inquiry->jobs, job);
}

GQueue *
pb_smtp_policy_give_up (PbSmtpPool *pool)
{
  g_autoptr (GList) all = g_hash_table_get_values (pool->inquiries);
  GQueue *jobs = g_queue_new ();

  for (GList *link = all; link != NULL; link = link->next)
    {
      Inquiry *inquiry = link->data;
      PbSmtpJob *job;

      pb_sts_request_cancel (inquiry->request);
      while ((job = g_queue_pop_head (&inquiry->jobs)) != NULL)
        g_queue_push_tail (jobs, job);
      inquiry_free (inquiry);
    }
  return jobs;
}
