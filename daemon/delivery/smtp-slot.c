/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A slot for one connection of a destination: finds the hosts, tries them in order until one greets
 * kindly, then stands between the connection and its pool. An address that did not answer is tried
 * after the others for a minute, so that a dead first MX does not cost each connection its timeout. A
 * slot frees itself when its connection is gone or no host is left.
 */
#include "delivery/smtp-pool-private.h"

#include "delivery/sts-demand.h"

#include "util/log.h"
#include <ifaddrs.h>
#include <stdlib.h>
#include <string.h>

#define BAD_HOST_USEC (60 * G_USEC_PER_SEC)
#define MAX_BAD_HOSTS 1000
#define OWN_USEC      (30 * G_USEC_PER_SEC)
#define SMTP_PORT     25

static char *
host_key (const PbSmtpHost *host)
{
  char text[64];

  if (host->socket != NULL)
    return g_strdup (host->socket);
  pb_ip_format (&host->ip, text, sizeof text);
  return g_strdup_printf ("%s %u", text, host->port);
}

static void
mark_bad (PbSmtpPool *pool, const PbSmtpHost *host)
{
  gint64 until = pb_reactor_now (pool->context.reactor) + BAD_HOST_USEC;

  if (g_hash_table_size (pool->bad_hosts) >= MAX_BAD_HOSTS)
    g_hash_table_remove_all (pool->bad_hosts);
  g_hash_table_insert (pool->bad_hosts, host_key (host), g_memdup2 (&until, sizeof until));
}

static gboolean
is_bad (PbSmtpPool *pool, const PbSmtpHost *host)
{
  g_autofree char *key = host_key (host);
  gint64 *until = g_hash_table_lookup (pool->bad_hosts, key);

  return until != NULL && *until > pb_reactor_now (pool->context.reactor);
}

/* Keeps the order but for those that lately did not answer. */
static void
put_bad_last (PbSmtpPool *pool, PbSmtpHosts *hosts)
{
  g_autofree PbSmtpHost *bad = g_new (PbSmtpHost, hosts->n_hosts);
  guint n_good = 0, n_bad = 0;

  for (guint i = 0; i < hosts->n_hosts; i++)
    if (is_bad (pool, &hosts->hosts[i]))
      bad[n_bad++] = hosts->hosts[i];
    else
      hosts->hosts[n_good++] = hosts->hosts[i];
  memcpy (hosts->hosts + n_good, bad, n_bad * sizeof *bad);
}

static void
slot_free (PbSmtpSlot *self)
{
  PbSmtpDestination *destination = self->destination;

  g_queue_remove (&destination->slots, self);
  g_queue_remove (&destination->idle, self);
  if (self->open)
    destination->n_open--;
  if (self->lookup != NULL)
    pb_smtp_lookup_cancel (self->lookup);
  if (self->trust != NULL)
    pb_smtp_trust_cancel (self->trust);
  g_clear_pointer (&self->hosts, pb_smtp_hosts_free);
  g_clear_pointer (&self->tls, pb_tls_context_unref);
  g_clear_pointer (&self->transcript, pb_transcript_free);
  pb_route_unref (self->route);
  pb_smtp_failure_clear (&self->failure);
  g_free (self->hostname);
  g_free (self);
}

/* The end of a slot that never opened. */
static void
slot_fail (PbSmtpSlot *self)
{
  PbSmtpDestination *destination = self->destination;
  PbSmtpFailure failure = self->failure;
  g_autoptr (PbTranscript) transcript = g_steal_pointer (&self->transcript);

  memset (&self->failure, 0, sizeof self->failure);
  slot_free (self);
  pb_smtp_destination_slot_gone (destination, &failure, transcript);
  pb_smtp_failure_clear (&failure);
}

static void
connect_to (PbSmtpSlot *self, const PbSmtpHost *host)
{
  const PbSmtpOpening opening = {
    host,           self->route,      self->in_clear ? NULL : self->tls,
    self->hostname, self->transcript, self->watch,
  };

  self->connection =
    pb_smtp_connection_open (&self->destination->pool->context, &opening, self);
}

static void
note (PbSmtpSlot *self, const char *why)
{
  if (self->transcript == NULL)
    self->transcript = pb_transcript_new ();
  pb_transcript_note (self->transcript, "%s", why);
}

/* Nobody could even be asked. */
static void
fail_at_home (PbSmtpSlot *self, PbResultKind kind, const char *status, const char *why)
{
  pb_smtp_failure_clear (&self->failure);
  self->failure.kind = kind;
  g_strlcpy (self->failure.status, status, sizeof self->failure.status);
  self->failure.reply = g_strdup (why);
  note (self, why);
  slot_fail (self);
}

static void
on_trust_found (PbTlsContext *context, const char *why, gpointer user_data)
{
  PbSmtpSlot *self = user_data;

  self->trust = NULL;
  self->tls = context;
  if (context != NULL)
    connect_to (self, &self->hosts->hosts[self->next_host - 1]);
  else
    fail_at_home (self, PB_RESULT_DEFERRED, "4.7.5", why);
}

static void
keep_failure (PbSmtpSlot *self, const PbSmtpFailure *failure)
{
  if (self->failure.reply != NULL && self->failure.kind == PB_RESULT_DEFERRED
      && failure->kind == PB_RESULT_FAILED)
    return;
  pb_smtp_failure_clear (&self->failure);
  self->failure = *failure;
  self->failure.reply = g_strdup (failure->reply);
  self->failure.remote = g_strdup (failure->remote);
}

/* A host that must not be asked is one that failed. */
static void
pass_over (PbSmtpSlot *self, const PbSmtpHost *host)
{
  const PbSmtpSecurity *security = host->security;
  PbSmtpFailure failure = { .cause = PB_SMTP_FAILURE_HOST, .kind = PB_RESULT_DEFERRED };

  g_strlcpy (failure.status, security->status, sizeof failure.status);
  failure.reply = g_strdup (security->why);
  failure.remote = pb_smtp_host_format (host);
  note (self, security->why);
  if (self->watch != NULL)
    self->watch->step (self->watch, PB_SMTP_STEP_TLS, PB_SMTP_STEP_FAILED, failure.remote,
                       security->why, NULL);
  pb_log (PB_LOG_INFO, "host-passed-over", "relay", failure.remote, "status", failure.status, "reason",
          security->why, NULL);
  pb_sts_demand_failed (security, failure.status);
  keep_failure (self, &failure);
  pb_smtp_failure_clear (&failure);
}

static void
connect_next (PbSmtpSlot *self)
{
  PbSmtpHosts *hosts = self->hosts;
  const PbSmtpSecurity *security;
  PbSmtpTrust *trust;

  self->in_clear = FALSE;
  g_clear_pointer (&self->tls, pb_tls_context_unref);
  while (self->next_host < hosts->n_hosts
         && hosts->hosts[self->next_host].security->kind == PB_SMTP_SECURITY_REFUSED)
    pass_over (self, &hosts->hosts[self->next_host++]);
  if (self->next_host == hosts->n_hosts)
    {
      slot_fail (self);
      return;
    }
  security = hosts->hosts[self->next_host++].security;
  if (!pb_smtp_security_wants_tls (security))
    {
      connect_to (self, &hosts->hosts[self->next_host - 1]);
      return;
    }
  trust = pb_smtp_trust_find (self->destination->pool, security, self->watch != NULL || security->on_trial, on_trust_found,
                              self);
  /* NULL: it is found already, and the slot perhaps gone. */
  if (trust != NULL)
    self->trust = trust;
}

static void
tell_hosts (PbSmtpSlot *self)
{
  g_autoptr (GString) list = g_string_new (NULL);
  char text[64];

  if (self->watch == NULL)
    return;
  for (guint i = 0; i < self->hosts->n_hosts; i++)
    {
      pb_ip_format (&self->hosts->hosts[i].ip, text, sizeof text);
      g_string_append_printf (list, "%s%s", i > 0 ? ", " : "", text);
    }
  self->watch->step (self->watch, PB_SMTP_STEP_RESOLVE,
                     list->len > 0 ? PB_SMTP_STEP_OK : PB_SMTP_STEP_FAILED, NULL,
                     list->len > 0 ? list->str : self->hosts->why, NULL);
}

static void
on_hosts_found (PbSmtpHosts *hosts, gpointer user_data)
{
  PbSmtpSlot *self = user_data;

  self->lookup = NULL;
  self->hosts = hosts;
  tell_hosts (self);
  if (hosts->n_hosts == 0)
    {
      fail_at_home (self, hosts->kind, hosts->status, hosts->why);
      return;
    }
  if (self->route->kind == PB_ROUTE_MX)
    pb_sts_demand_apply (hosts, self->route->domain, &self->destination->sts);
  put_bad_last (self->destination->pool, hosts);
  connect_next (self);
}

static void
on_opened (PbSmtpConnection *connection, gpointer user_data)
{
  PbSmtpSlot *self = user_data;

  self->open = TRUE;
  self->destination->n_open++;
  pb_smtp_destination_pump (self->destination);
}

static PbSmtpJob *
on_take_job (PbSmtpConnection *connection, gpointer user_data)
{
  PbSmtpSlot *self = user_data;

  return g_queue_pop_head (&self->destination->waiting);
}

static void
on_job_done (PbSmtpConnection *connection, PbSmtpJob *job, gpointer user_data)
{
  pb_smtp_job_answer (job);
}

static void
on_job_returned (PbSmtpConnection *connection, PbSmtpJob *job, gpointer user_data)
{
  PbSmtpSlot *self = user_data;

  if (self->destination->pool->shutting_down)
    pb_smtp_job_answer (job);
  else
    g_queue_push_head (&self->destination->waiting, job);
}

static void
on_idle (PbSmtpConnection *connection, gpointer user_data)
{
  PbSmtpSlot *self = user_data;

  if (self->destination->pool->shutting_down || self->watch != NULL)
    pb_smtp_connection_quit (connection);
  else
    g_queue_push_head (&self->destination->idle, self);
}

/* Opportunistic TLS is better than none and worth no lost mail: a host that cannot do what it offers gets
 * the mail in the clear, on a new connection (RFC 7435 3). Not where somebody has said what is to be proven. */
static gboolean
may_go_clear (const PbSmtpSlot *self, const PbSmtpFailure *failure)
{
  const PbSmtpSecurity *security = self->hosts->hosts[self->next_host - 1].security;

  return failure->cause == PB_SMTP_FAILURE_TLS && !self->in_clear
         && !pb_smtp_security_demands_tls (security) && !self->destination->pool->shutting_down;
}

static void
keep_transcript (PbSmtpSlot *self, PbSmtpConnection *connection)
{
  /* It has what was before in it. */
  g_clear_pointer (&self->transcript, pb_transcript_free);
  self->transcript = pb_transcript_new ();
  pb_transcript_copy (self->transcript, pb_smtp_connection_transcript (connection));
}

static void
on_closed (PbSmtpConnection *connection, const PbSmtpFailure *failure, gpointer user_data)
{
  PbSmtpSlot *self = user_data;
  PbSmtpDestination *destination = self->destination;

  self->connection = NULL;
  if (failure == NULL)
    {
      slot_free (self);
      pb_smtp_destination_slot_gone (destination, NULL, NULL);
      return;
    }
  keep_transcript (self, connection);
  pb_log (PB_LOG_INFO, "no-connection", "relay", failure->remote, "status", failure->status,
          "reply", failure->reply, NULL);
  pb_sts_demand_failed (self->hosts->hosts[self->next_host - 1].security, failure->status);
  if (may_go_clear (self, failure))
    {
      self->in_clear = TRUE;
      connect_to (self, &self->hosts->hosts[self->next_host - 1]);
      return;
    }
  if (failure->cause != PB_SMTP_FAILURE_LOGIN)
    mark_bad (destination->pool, &self->hosts->hosts[self->next_host - 1]);
  keep_failure (self, failure);
  if (destination->pool->shutting_down || failure->cause == PB_SMTP_FAILURE_LOGIN)
    slot_fail (self);
  else
    connect_next (self);
}

const PbSmtpConnectionEvents pb_smtp_slot_events = {
  .opened = on_opened,
  .take_job = on_take_job,
  .job_done = on_job_done,
  .job_returned = on_job_returned,
  .idle = on_idle,
  .closed = on_closed,
};

/* Only where mail really goes to port 25 does an address of ours mean ourselves. */
static void
refresh_own (PbSmtpPool *pool)
{
  gint64 now = pb_reactor_now (pool->context.reactor);
  g_autoptr (GArray) own = NULL;
  struct ifaddrs *all, *one;
  PbIp ip;

  if (pool->mx_port != SMTP_PORT || now < pool->own_until || getifaddrs (&all) != 0)
    return;
  own = g_array_new (FALSE, FALSE, sizeof (PbIp));
  for (one = all; one != NULL; one = one->ifa_next)
    if (one->ifa_addr != NULL && pb_ip_from_sockaddr (one->ifa_addr, &ip))
      g_array_append_val (own, ip);
  freeifaddrs (all);
  g_free (pool->own);
  pool->n_own = own->len;
  pool->own = g_memdup2 (own->data, own->len * sizeof (PbIp));
  pool->own_until = now + OWN_USEC;
}

void
pb_smtp_slot_open (PbSmtpDestination *destination, const PbSmtpJob *job)
{
  PbSmtpPool *pool = destination->pool;
  PbSmtpSlot *self = g_new0 (PbSmtpSlot, 1);
  PbSmtpLookup *lookup;
  PbSmtpSelf who;

  refresh_own (pool);
  self->destination = destination;
  self->route = pb_route_ref (job->delivery->route);
  self->watch = job->delivery->watch;
  self->hostname = g_strdup (job->delivery->snapshot->values.general_hostname);
  if (destination->sts.why != NULL)
    {
      g_autofree char *words = g_strdup_printf ("%s: %s", destination->sts.policy != NULL ? "the MTA-STS policy could not be renewed"
                                                                                       : "no MTA-STS policy could be had",
                                                 destination->sts.why);
      note (self, words);
    }
  g_queue_push_tail (&destination->slots, self);
  who = (PbSmtpSelf){ self->hostname, pool->own, pool->n_own, pool->mx_port == SMTP_PORT };
  lookup = pb_smtp_hosts_find (pool->resolver, job->delivery->route, &who, pool->mx_port,
                               job->delivery->snapshot->values.outbound_dane, pb_reactor_mailbox (pool->context.reactor), on_hosts_found, self);
  /* NULL: it is found already, and the slot perhaps gone. */
  if (lookup != NULL)
    self->lookup = lookup;
}

void
pb_smtp_slot_give_up (PbSmtpSlot *self)
{
  PbSmtpDestination *destination = self->destination;

  if (self->connection != NULL)
    {
      pb_smtp_connection_abort (self->connection, "this server is shutting down");
      return;
    }
  slot_free (self);
  pb_smtp_destination_slot_gone (destination, NULL, NULL);
}
