/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From a route to addresses: MX records in order of preference with A and AAAA as the fallback (RFC
 * 5321 5.1), null MX (RFC 7505), fixed hosts, address literals. The SMTP pool calls it each time it
 * opens a connection; the resolver caches. DNS trouble only ever defers; what DNS says for certain
 * (no such domain, mail not taken, all roads lead back to us) fails. A lookup belongs to itself until
 * its last answer came; who asked may cancel and forget it.
 */
#include "delivery/smtp-hosts.h"

#include "delivery/smtp-dane.h"
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define DNS_SECONDS    30
#define OWN_SECONDS    5 /* for the addresses of our own name, which no mail should wait for long */
#define MAX_CANDIDATES 16 /* hosts looked up behind one domain */
#define MAX_HOSTS      10 /* addresses tried in one attempt (RFC 5321 5.1: at least two) */

struct _PbSmtpLookup
{
  PbResolver *resolver; /* borrowed */
  PbMailbox *reply_to;  /* (owned) */
  PbRoute *route;       /* (owned) */
  char *domain;         /* (owned) */
  GStrv names;          /* (owned) (nullable) of the domain, which certificates may bear */
  gboolean is_relay;
  gboolean dane;        /* the domain's TLSA records count, where they are signed */
  char *hostname; /* (owned) */
  PbIp *own;      /* (owned) */
  guint n_own;
  gboolean loopback_is_own;
  guint16 mx_port;
  GArray *candidates;    /* (owned) (element-type PbSmtpCandidate) */
  guint pending;         /* answers to come */
  PbSmtpHostsFound func; /* NULL once cancelled */
  gpointer user_data;
};

/* One host's lookup: which candidate the answer is for. */
typedef struct
{
  PbSmtpLookup *lookup;
  guint index;
} HostQuery;

void
pb_smtp_hosts_free (PbSmtpHosts *self)
{
  for (guint i = 0; i < self->n_hosts; i++)
    {
      g_free (self->hosts[i].name);
      g_free (self->hosts[i].socket);
      g_clear_pointer (&self->hosts[i].security, pb_smtp_security_unref);
    }
  g_free (self->hosts);
  g_free (self->why);
  g_free (self);
}

char *
pb_smtp_host_format (const PbSmtpHost *host)
{
  char text[INET6_ADDRSTRLEN];
  PbIp ip;

  if (host->socket != NULL)
    return g_strconcat ("unix:", host->socket, NULL);
  pb_ip_format (&host->ip, text, sizeof text);
  if (pb_ip_parse (host->name, &ip))
    return g_strdup_printf ("[%s]:%u", text, host->port);
  return g_strdup_printf ("%s[%s]:%u", host->name, text, host->port);
}

static PbSmtpHosts *
hosts_none (PbResultKind kind, const char *status, char *why)
{
  PbSmtpHosts *self = g_new0 (PbSmtpHosts, 1);

  self->kind = kind;
  self->status = status;
  self->why = why;
  return self;
}

/* Connecting to no address at all ends at this machine. */
static gboolean
is_loopback (const PbIp *ip)
{
  static const PbIp six;
  static const PbIp four = { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff } };

  return pb_ip_is_loopback (ip) || memcmp (ip, &six, sizeof six) == 0
         || memcmp (ip, &four, sizeof four) == 0;
}

static gboolean
is_own_address (const PbIp *ip, const PbSmtpSelf *self)
{
  for (guint i = 0; i < self->n_addresses; i++)
    if (memcmp (ip, &self->addresses[i], sizeof *ip) == 0)
      return TRUE;
  return self->loopback && is_loopback (ip);
}

static gboolean
is_own (const PbSmtpCandidate *candidate, const PbSmtpSelf *self)
{
  if (g_ascii_strcasecmp (candidate->name, self->hostname) == 0)
    return TRUE;
  for (guint i = 0; i < candidate->n_addresses; i++)
    if (is_own_address (&candidate->addresses[i], self))
      return TRUE;
  return FALSE;
}

static guint
own_preference (const PbSmtpCandidate *candidates, guint n_candidates, const PbSmtpSelf *self)
{
  if (self != NULL)
    for (guint i = 0; i < n_candidates; i++)
      if (is_own (&candidates[i], self))
        return candidates[i].preference;
  return G_MAXUINT;
}

static void
add_host (PbSmtpHosts *hosts, const PbSmtpCandidate *candidate, const PbIp *ip)
{
  hosts->hosts[hosts->n_hosts++] = (PbSmtpHost){
    .ip = *ip,
    .port = candidate->port,
    .name = g_strdup (candidate->name),
    .security = candidate->security != NULL ? pb_smtp_security_ref (candidate->security) : NULL,
  };
}

/* Of a host that is passed over, all addresses are. */
static guint
count_addresses (const PbSmtpCandidate *candidate)
{
  gboolean refused = candidate->security != NULL && candidate->security->kind == PB_SMTP_SECURITY_REFUSED;

  return refused ? MIN (candidate->n_addresses, 1) : candidate->n_addresses;
}

static PbSmtpHosts *
explain_none (const char *domain, const PbSmtpCandidate *candidates, guint n_candidates,
              gboolean trouble, gboolean cut, gboolean is_relay)
{
  if (trouble)
    return hosts_none (PB_RESULT_DEFERRED, "4.4.3",
                       g_strdup_printf ("the hosts for %s cannot be looked up now", domain));
  if (is_relay)
    return hosts_none (PB_RESULT_DEFERRED, "4.4.4",
                       g_strdup_printf ("the relay host %s has no address", domain));
  if (cut)
    return hosts_none (PB_RESULT_FAILED, "5.4.6",
                       g_strdup_printf ("mail for %s leads back to this server", domain));
  if (n_candidates == 1 && g_str_equal (candidates[0].name, domain))
    return hosts_none (PB_RESULT_FAILED, "5.1.2",
                       g_strdup_printf ("%s has neither mail exchanger nor address", domain));
  return hosts_none (PB_RESULT_FAILED, "5.4.4",
                     g_strdup_printf ("no mail exchanger of %s has an address", domain));
}

PbSmtpHosts *
pb_smtp_hosts_select (const char *domain, const PbSmtpCandidate *candidates, guint n_candidates,
                      const PbSmtpSelf *self, gboolean is_relay)
{
  PbSmtpHosts *hosts = g_new0 (PbSmtpHosts, 1);
  guint own = own_preference (candidates, n_candidates, self);
  gboolean trouble = FALSE, cut = FALSE;

  hosts->hosts = g_new0 (PbSmtpHost, MAX_HOSTS);
  for (guint i = 0; i < n_candidates; i++)
    {
      const PbSmtpCandidate *candidate = &candidates[i];

      if (candidate->preference >= own)
        {
          cut = TRUE;
          continue;
        }
      trouble |= candidate->status == PB_DNS_TROUBLE;
      for (guint j = 0; j < count_addresses (candidate) && hosts->n_hosts < MAX_HOSTS; j++)
        add_host (hosts, candidate, &candidate->addresses[j]);
    }
  if (hosts->n_hosts > 0)
    return hosts;
  pb_smtp_hosts_free (hosts);
  return explain_none (domain, candidates, n_candidates, trouble, cut, is_relay);
}

static void
lookup_free (PbSmtpLookup *self)
{
  for (guint i = 0; i < self->candidates->len; i++)
    {
      PbSmtpCandidate *candidate = &g_array_index (self->candidates, PbSmtpCandidate, i);

      g_free (candidate->name);
      g_free (candidate->addresses);
      g_free (candidate->canonical);
      g_clear_pointer (&candidate->security, pb_smtp_security_unref);
    }
  g_array_unref (self->candidates);
  pb_mailbox_unref (self->reply_to);
  pb_route_unref (self->route);
  g_strfreev (self->names);
  g_free (self->domain);
  g_free (self->hostname);
  g_free (self->own);
  g_free (self);
}

static void
lookup_finish (PbSmtpLookup *self, PbSmtpHosts *hosts)
{
  if (self->func != NULL)
    self->func (hosts, self->user_data);
  else
    pb_smtp_hosts_free (hosts);
  lookup_free (self);
}

/* Of whom the domain demands nothing, the route may. */
static void
secure_by_route (PbSmtpHosts *hosts, const PbRoute *route)
{
  for (guint i = 0; i < hosts->n_hosts; i++)
    if (hosts->hosts[i].security == NULL)
      hosts->hosts[i].security = pb_smtp_security_from_route (route, hosts->hosts[i].name);
}

static void
lookup_select (PbSmtpLookup *self)
{
  PbSmtpSelf who = { self->hostname, self->own, self->n_own, self->loopback_is_own };
  PbSmtpHosts *hosts = pb_smtp_hosts_select (
    self->domain, (const PbSmtpCandidate *) (void *) self->candidates->data, self->candidates->len,
    self->is_relay ? NULL : &who, self->is_relay);

  secure_by_route (hosts, self->route);
  lookup_finish (self, hosts);
}

static void
on_security_found (PbSmtpSecurity *security, gpointer user_data)
{
  HostQuery *query = user_data;
  PbSmtpLookup *self = query->lookup;

  g_array_index (self->candidates, PbSmtpCandidate, query->index).security = security;
  g_free (query);
  if (--self->pending == 0)
    lookup_select (self);
}

/* All addresses are known. */
static void
lookup_security (PbSmtpLookup *self)
{
  self->pending = 1;
  for (guint i = 0; self->dane && i < self->candidates->len; i++)
    {
      const PbSmtpCandidate *candidate = &g_array_index (self->candidates, PbSmtpCandidate, i);
      const PbSmtpDaneHost host = {
        .name = candidate->name,
        .port = candidate->port,
        .canonical = candidate->canonical,
        .secure = candidate->secure,
        .names = (const char *const *) self->names,
      };
      HostQuery *query;

      if (candidate->n_addresses == 0 || !pb_smtp_dane_may_apply (&host))
        continue;
      query = g_new (HostQuery, 1);
      *query = (HostQuery){ self, i };
      self->pending++;
      pb_smtp_dane_find (self->resolver, self->reply_to, &host, on_security_found, query);
    }
  if (--self->pending == 0)
    lookup_select (self);
}

/* @may_be_address: the administrator wrote it; an exchanger that is an address is none (RFC 5321 5.1). */
static PbSmtpCandidate *
add_candidate (PbSmtpLookup *self, const char *name, guint16 preference, guint16 port,
               gboolean may_be_address)
{
  PbSmtpCandidate candidate = { .name = g_strdup (name), .preference = preference, .port = port };
  PbIp ip;

  candidate.status = PB_DNS_NODATA;
  if (may_be_address && pb_ip_parse (name, &ip))
    {
      candidate.status = PB_DNS_OK;
      candidate.addresses = g_memdup2 (&ip, sizeof ip);
      candidate.n_addresses = 1;
    }
  g_array_append_val (self->candidates, candidate);
  return &g_array_index (self->candidates, PbSmtpCandidate, self->candidates->len - 1);
}

static void
on_host_answer (PbDnsAnswer *answer, gpointer user_data)
{
  HostQuery *query = user_data;
  PbSmtpLookup *self = query->lookup;
  PbSmtpCandidate *candidate = &g_array_index (self->candidates, PbSmtpCandidate, query->index);

  candidate->status = answer->status;
  if (answer->status == PB_DNS_OK && answer->n_addresses > 0)
    {
      candidate->addresses = g_memdup2 (answer->addresses, answer->n_addresses * sizeof (PbIp));
      candidate->n_addresses = answer->n_addresses;
      candidate->secure = answer->secure;
      candidate->canonical = g_strdup (answer->canonical);
    }
  g_free (query);
  if (--self->pending == 0)
    lookup_security (self);
}

/* The address we have on the Internet may be one that only a router knows (settings.md, Delivery.Mode). */
static void
on_own_answer (PbDnsAnswer *answer, gpointer user_data)
{
  PbSmtpLookup *self = user_data;

  if (answer->n_addresses > 0)
    {
      self->own = g_renew (PbIp, self->own, self->n_own + answer->n_addresses);
      memcpy (self->own + self->n_own, answer->addresses, answer->n_addresses * sizeof (PbIp));
      self->n_own += answer->n_addresses;
    }
  if (--self->pending == 0)
    lookup_security (self);
}

/* All names are asked for at once: whether one is ourselves decides about others. */
static void
lookup_addresses (PbSmtpLookup *self, gboolean own_too)
{
  self->pending = 1;
  if (own_too)
    {
      self->pending++;
      pb_resolver_query_host (self->resolver, self->hostname, OWN_SECONDS, self->reply_to,
                              on_own_answer, self);
    }
  for (guint i = 0; i < self->candidates->len; i++)
    {
      PbSmtpCandidate *candidate = &g_array_index (self->candidates, PbSmtpCandidate, i);
      HostQuery *query;

      if (candidate->n_addresses > 0)
        continue;
      query = g_new (HostQuery, 1);
      *query = (HostQuery){ self, i };
      self->pending++;
      pb_resolver_query_host (self->resolver, candidate->name, DNS_SECONDS, self->reply_to,
                              on_host_answer, query);
    }
  if (--self->pending == 0)
    lookup_security (self);
}

/* Hosts of one preference share the load: each run of equals is shuffled (RFC 5321 5.1). */
static void
shuffle_equals (PbMx *mx, guint n_mx)
{
  for (guint i = 0; i + 1 < n_mx; i++)
    {
      guint end = i + 1;

      while (end < n_mx && mx[end].preference == mx[i].preference)
        end++;
      if (end - i > 1)
        {
          guint pick = i + (guint) g_random_int_range (0, (gint32) (end - i));
          PbMx swap = mx[i];

          mx[i] = mx[pick];
          mx[pick] = swap;
        }
    }
}

static void
take_mx (PbSmtpLookup *self, const PbDnsAnswer *answer)
{
  g_autofree PbMx *mx = g_memdup2 (answer->mx, answer->n_mx * sizeof *mx);

  shuffle_equals (mx, answer->n_mx);
  /* A null MX beside others is a mistake that means nothing (RFC 7505 3). */
  for (guint i = 0; i < answer->n_mx && self->candidates->len < MAX_CANDIDATES; i++)
    if (mx[i].exchange[0] != '\0')
      add_candidate (self, mx[i].exchange, mx[i].preference, self->mx_port, FALSE);
}

static void
on_mx_answer (PbDnsAnswer *answer, gpointer user_data)
{
  PbSmtpLookup *self = user_data;

  /* Who forges an unsigned answer names hosts of his own: their records prove nothing (RFC 7672 2.2.1). */
  self->dane = self->dane && answer->secure;
  self->names = g_strdupv ((char *[]){ self->domain, answer->canonical, NULL });
  switch (answer->status)
    {
    case PB_DNS_NXDOMAIN:
      lookup_finish (self, hosts_none (PB_RESULT_FAILED, "5.1.2",
                                       g_strdup_printf ("there is no domain %s", self->domain)));
      return;
    case PB_DNS_TROUBLE:
      lookup_finish (self,
                     hosts_none (PB_RESULT_DEFERRED, "4.4.3",
                                 g_strdup_printf ("%s cannot be looked up now%s%s", self->domain,
                                                  answer->why != NULL ? ": " : "",
                                                  answer->why != NULL ? answer->why : "")));
      return;
    case PB_DNS_OK:
      take_mx (self, answer);
      if (self->candidates->len > 0)
        break;
      lookup_finish (self, hosts_none (PB_RESULT_FAILED, "5.1.10",
                                       g_strdup_printf ("556 5.1.10 %s takes no mail (null MX)",
                                                        self->domain)));
      return;
    case PB_DNS_NODATA:
      add_candidate (self, self->domain, 0, self->mx_port, FALSE);
      break;
    }
  lookup_addresses (self, TRUE);
}

static PbSmtpHosts *
hosts_socket (const PbRoute *route)
{
  const char *path = route->socket;
  PbSmtpHosts *self;

  if (strlen (path) >= sizeof ((struct sockaddr_un *) NULL)->sun_path)
    return hosts_none (PB_RESULT_DEFERRED, "4.3.5",
                       g_strdup_printf ("the socket's path is too long: %s", path));
  self = g_new0 (PbSmtpHosts, 1);
  self->hosts = g_new0 (PbSmtpHost, 1);
  self->hosts[0].name = g_strdup ("localhost");
  self->hosts[0].socket = g_strdup (path);
  self->hosts[0].security = pb_smtp_security_from_route (route, "localhost");
  self->n_hosts = 1;
  return self;
}

PbSmtpLookup *
pb_smtp_hosts_find (PbResolver *resolver, const PbRoute *route, const PbSmtpSelf *self,
                    guint16 mx_port, gboolean dane, PbMailbox *reply_to, PbSmtpHostsFound func,
                    gpointer user_data)
{
  PbSmtpLookup *lookup;
  gboolean at_once = TRUE;

  if (route->socket != NULL)
    {
      func (hosts_socket (route), user_data);
      return NULL;
    }
  lookup = g_new0 (PbSmtpLookup, 1);
  lookup->resolver = resolver;
  lookup->route = pb_route_ref ((PbRoute *) route);
  lookup->dane = dane && pb_route_heeds_dane (route);
  lookup->reply_to = pb_mailbox_ref (reply_to);
  lookup->hostname = g_strdup (self->hostname);
  lookup->own = g_memdup2 (self->addresses, self->n_addresses * sizeof (PbIp));
  lookup->n_own = self->n_addresses;
  lookup->loopback_is_own = self->loopback;
  lookup->mx_port = mx_port;
  lookup->candidates = g_array_new (FALSE, TRUE, sizeof (PbSmtpCandidate));
  lookup->func = func;
  lookup->user_data = user_data;
  if (route->kind == PB_ROUTE_MX)
    {
      lookup->domain = g_strdup (route->domain);
      pb_resolver_query (resolver, route->domain, PB_DNS_MX, DNS_SECONDS, lookup->reply_to,
                         on_mx_answer, lookup);
      return lookup;
    }
  lookup->is_relay = route->reason != PB_ROUTE_REASON_LITERAL;
  lookup->domain = g_strdup (route->n_hosts > 0 ? route->hosts[0].host : "");
  for (guint i = 0; i < route->n_hosts; i++)
    {
      guint16 port = route->hosts[i].port != 0 ? route->hosts[i].port : mx_port;

      at_once &=
        add_candidate (lookup, route->hosts[i].host, (guint16) i, port, TRUE)->n_addresses > 0;
    }
  lookup_addresses (lookup, FALSE);
  return at_once ? NULL : lookup;
}

void
pb_smtp_lookup_cancel (PbSmtpLookup *self)
{
  self->func = NULL;
}
