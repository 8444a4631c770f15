/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Asynchronous DNS: libunbound with its thread, its descriptor watched on one GMainContext.
 *
 * Asked from any thread through a mailbox; answers go to the asker's mailbox. Everything but the entry points
 * runs on the resolver's own context. A lookup is one question under way; waiters are the askers it has, each with
 * its own deadline, since libunbound's own patience is minutes. Each asker is answered exactly once, at the
 * latest with trouble. When resolv.conf changes, what is under way is asked again of the new servers.
 */
#include "net/resolver.h"
#include "net/dns-answer.h"
#include "net/resolv-conf.h"
#include "net/resolver-private.h"
#include "net/wheel.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/marked.h"

#include <gio/gio.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <unbound.h>
#include <unistd.h>

#define LOOK_AT_ROUTE_USEC (30 * G_USEC_PER_SEC)

typedef struct _Lookup Lookup;
typedef struct _Waiter Waiter;

typedef struct
{
  GSource source;
  PbResolver *resolver; /* (not owned) */
} TimerSource;

struct _Lookup
{
  char *name; /* (owned) lower case */
  PbDnsType type;
  PbResolver *resolver; /* (not owned) */
  int id;               /* libunbound's, for ub_cancel */
  Waiter *waiters;      /* (owned) list */
};

typedef void (*WaiterFunc) (Waiter *waiter, PbDnsAnswer *answer);

struct _Waiter
{
  Waiter *next, **pprev;
  PbTimer timer;
  Lookup *lookup;  /* (not owned) */
  WaiterFunc func; /* answers; the waiter is freed behind it */
  gpointer data;
};

/* A question from somewhere, then its answer's way back. */
typedef struct
{
  PbResolver *resolver; /* (not owned) */
  char *name;           /* (owned) */
  PbDnsType type;       /* 0: A and AAAA */
  gint64 deadline;
  PbMailbox *reply_to; /* (owned) */
  PbDnsFunc func;
  gpointer user_data;
  PbDnsAnswer *four, *six; /* (owned) (nullable) for a host */
  PbDnsAnswer *answer;     /* (owned) (nullable) */
} Request;

static guint
lookup_hash (gconstpointer key)
{
  return g_str_hash (((const Lookup *) key)->name) * 31 + (guint) ((const Lookup *) key)->type;
}

static gboolean
lookup_equal (gconstpointer a, gconstpointer b)
{
  const Lookup *one = a, *two = b;

  return one->type == two->type && g_str_equal (one->name, two->name);
}

static void
lookup_free (gpointer data)
{
  Lookup *self = data;

  g_free (self->name);
  g_free (self);
}

static void
request_free (Request *self)
{
  g_free (self->name);
  pb_mailbox_unref (self->reply_to);
  pb_dns_answer_unref (self->four);
  pb_dns_answer_unref (self->six);
  pb_dns_answer_unref (self->answer);
  g_free (self);
}

static void
on_answered (gpointer data)
{
  Request *self = data;

  self->func (self->answer, self->user_data);
  request_free (self);
}

/* @answer: (transfer full). */
static void
request_answer (Request *self, PbDnsAnswer *answer)
{
  self->answer = answer;
  pb_mailbox_post (self->reply_to, on_answered, self);
}

static gboolean
has_six_route (PbResolver *self)
{
  struct sockaddr_in6 somewhere = { .sin6_family = AF_INET6, .sin6_port = htons (53), .sin6_addr = { { { 0x20 } } } };
  gint64 now = pb_clock_monotonic ();
  int fd;

  if (self->route_looked != 0 && now - self->route_looked < LOOK_AT_ROUTE_USEC)
    return self->has_six;
  self->route_looked = now;
  somewhere.sin6_addr.s6_addr[15] = 1;
  /* Connecting a datagram socket sends nothing: it asks the routing table. */
  fd = socket (AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  self->has_six = fd >= 0 && connect (fd, (struct sockaddr *) &somewhere, sizeof somewhere) == 0;
  if (fd >= 0)
    close (fd);
  return self->has_six;
}

static void
on_direct_answer (Waiter *waiter, PbDnsAnswer *answer)
{
  request_answer (waiter->data, pb_dns_answer_ref (answer));
}

static void
host_answer (Request *self)
{
  if (self->four != NULL && self->six != NULL)
    request_answer (self, pb_dns_answer_merge_hosts (self->four, self->six, has_six_route (self->resolver)));
}

static void
on_four_answer (Waiter *waiter, PbDnsAnswer *answer)
{
  ((Request *) waiter->data)->four = pb_dns_answer_ref (answer);
  host_answer (waiter->data);
}

static void
on_six_answer (Waiter *waiter, PbDnsAnswer *answer)
{
  ((Request *) waiter->data)->six = pb_dns_answer_ref (answer);
  host_answer (waiter->data);
}

static void
waiter_answer (Waiter *self, PbDnsAnswer *answer)
{
  pb_wheel_clear (self->lookup->resolver->wheel, &self->timer);
  *self->pprev = self->next;
  if (self->next != NULL)
    self->next->pprev = self->pprev;
  self->func (self, answer);
  g_free (self);
}

/* Answers all who wait and forgets the lookup. */
static void
lookup_answer (Lookup *self, PbDnsAnswer *answer)
{
  g_hash_table_steal (self->resolver->lookups, self);
  while (self->waiters != NULL)
    waiter_answer (self->waiters, answer);
  lookup_free (self);
}

static const char *
why_trouble (int error, const struct ub_result *result)
{
  if (error != 0 || result == NULL)
    return ub_strerror (error);
  if (result->bogus)
    return result->why_bogus != NULL ? result->why_bogus : N_ ("DNSSEC validation failed");
  switch (result->rcode)
    {
    case 1:
      return "FORMERR";
    case 2:
      return "SERVFAIL";
    case 4:
      return "NOTIMP";
    case 5:
      return "REFUSED";
    default:
      return N_ ("unusable reply");
    }
}

/* Returns: (transfer full) (nullable): where aliases have led to, NULL where there are none. */
static char *
canonical_name (const struct ub_result *result)
{
  g_autofree char *name = NULL;
  gsize length;

  if (result->canonname == NULL)
    return NULL;
  name = g_ascii_strdown (result->canonname, -1);
  length = strlen (name);
  if (length > 0 && name[length - 1] == '.')
    name[--length] = '\0';
  if (g_ascii_strncasecmp (name, result->qname, length) == 0
      && (result->qname[length] == '\0' || strcmp (result->qname + length, ".") == 0))
    return NULL;
  return g_steal_pointer (&name);
}

static PbDnsAnswer *
answer_from (PbDnsType type, int error, const struct ub_result *result)
{
  PbDnsAnswer *answer;

  if (error == UB_SYNTAX)
    return pb_dns_answer_new (PB_DNS_NXDOMAIN, N_ ("not a domain name"));
  if (error != 0 || result == NULL || result->bogus)
    return pb_dns_answer_new (PB_DNS_TROUBLE, why_trouble (error, result));
  if (result->havedata)
    answer = pb_dns_answer_decode (type, result->data, result->len);
  else if (result->nxdomain)
    answer = pb_dns_answer_new (PB_DNS_NXDOMAIN, NULL);
  else if (result->rcode == 0)
    answer = pb_dns_answer_new (PB_DNS_NODATA, NULL);
  else
    answer = pb_dns_answer_new (PB_DNS_TROUBLE, why_trouble (0, result));
  answer->ttl = (guint32) MAX (result->ttl, 0);
  answer->secure = result->secure != 0;
  answer->canonical = canonical_name (result);
  return answer;
}

static void
on_unbound_answer (void *data, int error, struct ub_result *result)
{
  Lookup *lookup = data;
  g_autoptr (PbDnsAnswer) answer = answer_from (lookup->type, error, result);
  PbResolver *resolver = lookup->resolver;
  gboolean bogus = error == 0 && result != NULL && result->bogus;

  ub_resolve_free (result);
  lookup_answer (lookup, answer);
  if (bogus)
    pb_resolver_met_bogus (resolver);
}

/* Puts the question; an answer never comes before this returns, but the lookup may be gone when it cannot be put. */
static void
lookup_ask (Lookup *self)
{
  g_autoptr (PbDnsAnswer) answer = NULL;
  int error = UB_INITFAIL;

  /* It is asked once it is known how. */
  if (self->resolver->unbound == NULL && !self->resolver->closing)
    return;
  if (self->resolver->unbound != NULL)
    error = ub_resolve_async (self->resolver->unbound, self->name, (int) self->type, 1, self, on_unbound_answer,
                              &self->id);
  if (error == 0)
    return;
  answer = answer_from (self->type, error, NULL);
  lookup_answer (self, answer);
}

static void
timer_update (PbResolver *self)
{
  gint64 next = pb_wheel_next (self->wheel);
  gint64 ready = g_source_get_ready_time (self->timer_source);

  /* Setting it wakes the loop, so only when something is due earlier than it looks by itself. */
  if (ready < 0 || next < ready)
    g_source_set_ready_time (self->timer_source, next);
}

static gboolean
timer_dispatch (GSource *source, GSourceFunc callback, gpointer user_data)
{
  PbResolver *self = ((TimerSource *) source)->resolver;
  gint64 next;

  pb_wheel_advance (self->wheel, pb_clock_monotonic ());
  next = pb_wheel_next (self->wheel);
  g_source_set_ready_time (source, next == G_MAXINT64 ? -1 : next);
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs timer_funcs = { .dispatch = timer_dispatch };

static void
on_waiter_timeout (PbTimer *timer)
{
  Waiter *waiter = (Waiter *) (void *) ((char *) timer - offsetof (Waiter, timer));
  Lookup *lookup = waiter->lookup;
  g_autoptr (PbDnsAnswer) answer = pb_dns_answer_new (PB_DNS_TROUBLE, N_ ("no answer in time"));

  waiter_answer (waiter, answer);
  if (lookup->waiters != NULL)
    return;
  if (lookup->resolver->unbound != NULL)
    ub_cancel (lookup->resolver->unbound, lookup->id);
  g_hash_table_remove (lookup->resolver->lookups, lookup);
}

static void
resolver_wait (PbResolver *self, Request *request, PbDnsType type, WaiterFunc func)
{
  Lookup key = { .name = request->name, .type = type };
  Lookup *lookup = g_hash_table_lookup (self->lookups, &key);
  gboolean is_new = lookup == NULL;
  Waiter *waiter = g_new0 (Waiter, 1);

  if (is_new)
    {
      lookup = g_new0 (Lookup, 1);
      lookup->name = g_strdup (request->name);
      lookup->type = type;
      lookup->resolver = self;
      g_hash_table_add (self->lookups, lookup);
    }
  waiter->lookup = lookup;
  waiter->func = func;
  waiter->data = request;
  waiter->timer.func = on_waiter_timeout;
  waiter->next = lookup->waiters;
  waiter->pprev = &lookup->waiters;
  if (waiter->next != NULL)
    waiter->next->pprev = &waiter->next;
  lookup->waiters = waiter;
  pb_wheel_set (self->wheel, &waiter->timer, request->deadline);
  timer_update (self);
  if (is_new)
    lookup_ask (lookup);
}

static void
on_request (gpointer data)
{
  Request *request = data;
  PbResolver *self = request->resolver;

  if (self->closing)
    {
      request_answer (request, pb_dns_answer_new (PB_DNS_TROUBLE, N_ ("the resolver is closing")));
      return;
    }
  pb_resolver_follow (self);
  if (request->type != 0)
    resolver_wait (self, request, request->type, on_direct_answer);
  else
    {
      /* The first may be answered at once, which does not end the request: the second is still missing. */
      resolver_wait (self, request, PB_DNS_A, on_four_answer);
      resolver_wait (self, request, PB_DNS_AAAA, on_six_answer);
    }
}

static PbResolver *
resolver_new (GMainContext *context)
{
  PbResolver *self = g_new0 (PbResolver, 1);

  self->context = g_main_context_ref (context != NULL ? context : g_main_context_default ());
  self->lookups = g_hash_table_new_full (lookup_hash, lookup_equal, lookup_free, NULL);
  self->asked = g_ptr_array_new_with_free_func (g_free);
  self->wheel = pb_wheel_new (pb_clock_monotonic ());
  self->mailbox = pb_mailbox_new ();
  self->mailbox_source = pb_mailbox_attach (self->mailbox, self->context);
  self->timer_source = g_source_new (&timer_funcs, sizeof (TimerSource));
  ((TimerSource *) self->timer_source)->resolver = self;
  g_source_set_static_name (self->timer_source, "resolver deadlines");
  g_source_attach (self->timer_source, self->context);
  return self;
}

PbResolver *
pb_resolver_new_following (const char *file, GMainContext *context)
{
  PbResolver *self = resolver_new (context);

  self->file = g_strdup (file);
  self->file_looked = pb_clock_monotonic ();
  pb_resolver_look_at_file (self);
  pb_resolver_begin (self);
  return self;
}

PbResolver *
pb_resolver_new (const char *const *servers, GMainContext *context, GError **error)
{
  GPtrArray *texts;
  PbResolver *self;

  if (servers == NULL || servers[0] == NULL)
    return pb_resolver_new_following (PB_RESOLV_CONF, context);
  texts = pb_resolv_conf_parse_servers (servers, error);
  if (texts == NULL)
    return NULL;
  self = resolver_new (context);
  self->servers = texts;
  pb_resolver_begin (self);
  return self;
}

void
pb_resolver_ask_again (PbResolver *self)
{
  g_autoptr (GList) lookups = g_hash_table_get_keys (self->lookups);

  for (GList *l = lookups; l != NULL; l = l->next)
    lookup_ask (l->data);
}

void
pb_resolver_free (PbResolver *self)
{
  g_autoptr (PbDnsAnswer) answer = pb_dns_answer_new (PB_DNS_TROUBLE, N_ ("the resolver is closing"));
  g_autoptr (GList) lookups = NULL;

  if (self == NULL)
    return;
  self->closing = TRUE;
  pb_mailbox_run (self->mailbox);
  pb_resolver_end (self);
  lookups = g_hash_table_get_keys (self->lookups);
  for (GList *l = lookups; l != NULL; l = l->next)
    lookup_answer (l->data, answer);
  g_hash_table_unref (self->lookups);
  g_source_destroy (self->mailbox_source);
  g_source_unref (self->mailbox_source);
  g_source_destroy (self->timer_source);
  g_source_unref (self->timer_source);
  pb_mailbox_unref (self->mailbox);
  pb_wheel_free (self->wheel);
  g_clear_pointer (&self->servers, g_ptr_array_unref);
  g_main_context_unref (self->context);
  g_free (self->file);
  g_free (self);
}

static void
resolver_post (PbResolver *self, const char *name, PbDnsType type, guint timeout, PbMailbox *reply_to,
               PbDnsFunc func, gpointer user_data)
{
  Request *request = g_new0 (Request, 1);

  request->resolver = self;
  request->name = g_ascii_strdown (name, -1);
  request->type = type;
  request->deadline = pb_clock_monotonic () + (gint64) timeout * G_USEC_PER_SEC;
  request->reply_to = pb_mailbox_ref (reply_to);
  request->func = func;
  request->user_data = user_data;
  pb_mailbox_post (self->mailbox, on_request, request);
}

void
pb_resolver_query (PbResolver *self, const char *name, PbDnsType type, guint timeout, PbMailbox *reply_to,
                   PbDnsFunc func, gpointer user_data)
{
  resolver_post (self, name, type, timeout, reply_to, func, user_data);
}

void
pb_resolver_query_host (PbResolver *self, const char *name, guint timeout, PbMailbox *reply_to, PbDnsFunc func,
                        gpointer user_data)
{
  resolver_post (self, name, (PbDnsType) 0, timeout, reply_to, func, user_data);
}
