/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the DNS says of a client, its HELO name and a sender's domain. Begun by the session (or by
 * Explain) as soon as the subject is known, so that most answers are there when a recipient is judged.
 * A fact is held by whoever began it and by each question under way, so that either may end first.
 * Trouble in the DNS is a state of its own: it is nobody's guilt. Touched on one thread only.
 */
#include "policy/facts-private.h"

#include <arpa/inet.h>
#include <string.h>

#define TIMEOUT   5  /* seconds a question; one fact asks at most two behind each other */
#define MAX_NAMES 10 /* PTR records that are followed */

static void
ask_resolver (const char *name, PbDnsType type, guint timeout, PbMailbox *reply_to, PbDnsFunc func,
              gpointer user_data, gpointer source)
{
  if (type == PB_DNS_HOST)
    pb_resolver_query_host (source, name, timeout, reply_to, func, user_data);
  else
    pb_resolver_query (source, name, type, timeout, reply_to, func, user_data);
}

void
pb_dns_init_resolver (PbDns *self, PbResolver *resolver)
{
  self->query = ask_resolver;
  self->source = resolver;
}

PbFact *
pb_fact_new (const PbDns *dns, PbMailbox *mailbox)
{
  PbFact *self = g_new0 (PbFact, 1);

  self->references = 1;
  if (dns != NULL)
    self->dns = *dns;
  self->mailbox = mailbox != NULL ? pb_mailbox_ref (mailbox) : NULL;
  return self;
}

void
pb_fact_unref (PbFact *self)
{
  if (--self->references > 0)
    return;
  g_clear_pointer (&self->waiters, g_array_unref);
  g_clear_pointer (&self->mailbox, pb_mailbox_unref);
  g_free (self->evidence);
  g_free (self->domain);
  g_free (self->first_name);
  g_clear_pointer (&self->snapshot, pb_snapshot_unref);
  g_free (self->zones);
  g_free (self->spf_domain);
  g_free (self->spf_mechanism);
  g_free (self->spf_problem);
  g_free (self);
}

void
pb_fact_free (PbFact *self)
{
  self->abandoned = TRUE;
  pb_fact_unref (self);
}

PbFactState
pb_fact_state (const PbFact *self)
{
  return self->state;
}

const char *
pb_fact_evidence (const PbFact *self)
{
  return self->evidence;
}

void
pb_fact_wait (PbFact *self, PbFactFound func, gpointer user_data)
{
  Waiter waiter = { func, user_data };

  g_return_if_fail (self->state == PB_FACT_WAITING);
  if (self->waiters == NULL)
    self->waiters = g_array_new (FALSE, FALSE, sizeof (Waiter));
  g_array_append_val (self->waiters, waiter);
}

void
pb_fact_settle (PbFact *self, PbFactState state, char *evidence)
{
  g_autoptr (GArray) waiters = NULL;

  if (self->state != PB_FACT_WAITING)
    {
      g_free (evidence);
      return;
    }
  self->state = state;
  self->evidence = evidence;
  waiters = g_steal_pointer (&self->waiters);
  self->references++;
  for (guint i = 0; waiters != NULL && i < waiters->len; i++)
    {
      const Waiter *waiter = &g_array_index (waiters, Waiter, i);

      waiter->func (waiter->user_data);
    }
  pb_fact_unref (self);
}

/* Once the owner is gone, who answers may be going too. */
static void
ask (PbFact *self, const char *name, PbDnsType type, PbDnsFunc func)
{
  if (self->abandoned)
    {
      pb_fact_settle (self, PB_FACT_TROUBLE, NULL);
      return;
    }
  self->references++;
  self->asked++;
  self->dns.query (name, type, TIMEOUT, self->mailbox, func, self, self->dns.source);
}

/* Each answer ends with this. */
static void
answered (PbFact *self, const PbDnsAnswer *answer)
{
  self->asked--;
  if (answer->status == PB_DNS_TROUBLE)
    self->trouble = TRUE;
}

static char *
words_of_trouble (const char *name, const PbDnsAnswer *answer)
{
  return g_strdup_printf ("%s cannot be looked up: %s", name,
                          answer->why != NULL ? answer->why : "no answer");
}

/* ---- a domain ---- */

static void
on_host (PbDnsAnswer *answer, gpointer user_data)
{
  PbFact *self = user_data;

  answered (self, answer);
  if (answer->status == PB_DNS_OK)
    pb_fact_settle (self, PB_FACT_YES, g_strdup_printf ("%s has an address record", self->domain));
  else if (self->trouble)
    pb_fact_settle (self, PB_FACT_TROUBLE, words_of_trouble (self->domain, answer));
  else
    pb_fact_settle (self, PB_FACT_NO, g_strdup_printf ("%s has no MX, A or AAAA record", self->domain));
  pb_fact_unref (self);
}

static gboolean
is_null_mx (const PbDnsAnswer *answer)
{
  return answer->n_mx == 1 && answer->mx[0].exchange[0] == '\0';
}

static void
on_mx (PbDnsAnswer *answer, gpointer user_data)
{
  PbFact *self = user_data;

  answered (self, answer);
  switch (answer->status)
    {
    case PB_DNS_OK:
      if (is_null_mx (answer))
        pb_fact_settle (self, PB_FACT_NULL_MX, g_strdup_printf ("%s has a null MX record", self->domain));
      else
        pb_fact_settle (self, PB_FACT_YES, g_strdup_printf ("%s has an MX record", self->domain));
      break;
    case PB_DNS_NXDOMAIN:
      pb_fact_settle (self, PB_FACT_NO, g_strdup_printf ("%s does not exist", self->domain));
      break;
    case PB_DNS_NODATA:
    case PB_DNS_TROUBLE:
      ask (self, self->domain, PB_DNS_HOST, on_host);
      break;
    }
  pb_fact_unref (self);
}

PbFact *
pb_fact_new_domain (const PbDns *dns, const char *domain, PbMailbox *mailbox)
{
  PbFact *self = pb_fact_new (dns, mailbox);

  self->domain = g_strdup (domain);
  if (!pb_dns_name_is_valid (domain))
    pb_fact_settle (self, PB_FACT_NO, g_strdup_printf ("%s cannot be a name in the DNS", domain));
  else if (dns == NULL || mailbox == NULL)
    pb_fact_settle (self, PB_FACT_TROUBLE, g_strdup ("nobody to ask"));
  else
    ask (self, domain, PB_DNS_MX, on_mx);
  return self;
}

/* ---- a client ---- */

static char *
words_of_client (const PbFact *self, const char *format)
{
  char ip[INET6_ADDRSTRLEN];

  return g_strconcat (pb_ip_format (&self->ip, ip, sizeof ip), format, NULL);
}

/* None of the names has led back, and none will any more. */
static void
settle_without (PbFact *self)
{
  char ip[INET6_ADDRSTRLEN];

  if (self->trouble)
    pb_fact_settle (self, PB_FACT_TROUBLE,
            words_of_client (self, ": a name that it leads to cannot be looked up"));
  else
    pb_fact_settle (self, PB_FACT_NO,
            g_strdup_printf ("%s leads to %s, which does not lead back",
                             pb_ip_format (&self->ip, ip, sizeof ip), self->first_name));
}

static gboolean
has_address (const PbDnsAnswer *answer, const PbIp *ip)
{
  for (guint i = 0; i < answer->n_addresses; i++)
    if (memcmp (&answer->addresses[i], ip, sizeof *ip) == 0)
      return TRUE;
  return FALSE;
}

static void
on_client_host (PbDnsAnswer *answer, gpointer user_data)
{
  PbFact *self = user_data;

  answered (self, answer);
  if (answer->status == PB_DNS_OK && has_address (answer, &self->ip))
    pb_fact_settle (self, PB_FACT_YES, words_of_client (self, " leads to a name that leads back"));
  else if (self->asked == 0)
    settle_without (self);
  pb_fact_unref (self);
}

static void
ask_names (PbFact *self, char **names)
{
  guint n = MIN (g_strv_length (names), MAX_NAMES);

  self->first_name = g_strdup (names[0]);
  self->asked++; /* until all are asked: an answer may come at once */
  for (guint i = 0; i < n; i++)
    if (pb_dns_name_is_valid (names[i]))
      ask (self, names[i], PB_DNS_HOST, on_client_host);
  self->asked--;
  if (self->asked == 0)
    settle_without (self);
}

static void
on_ptr (PbDnsAnswer *answer, gpointer user_data)
{
  PbFact *self = user_data;

  answered (self, answer);
  switch (answer->status)
    {
    case PB_DNS_OK:
      if (answer->names != NULL && answer->names[0] != NULL)
        {
          ask_names (self, answer->names);
          break;
        }
      G_GNUC_FALLTHROUGH;
    case PB_DNS_NXDOMAIN:
    case PB_DNS_NODATA:
      pb_fact_settle (self, PB_FACT_NO, words_of_client (self, " has no PTR record"));
      break;
    case PB_DNS_TROUBLE:
      pb_fact_settle (self, PB_FACT_TROUBLE, words_of_client (self, ": its PTR record cannot be looked up"));
      break;
    }
  pb_fact_unref (self);
}

/* Returns: (transfer full): the name of the PTR record (RFC 1035 3.5, RFC 3596 2.5). */
static char *
reverse_name (const PbIp *ip)
{
  GString *name = g_string_new (NULL);

  if (pb_ip_is_v4 (ip))
    g_string_append_printf (name, "%u.%u.%u.%u.in-addr.arpa", ip->bytes[15], ip->bytes[14],
                            ip->bytes[13], ip->bytes[12]);
  else
    {
      for (int i = 15; i >= 0; i--)
        g_string_append_printf (name, "%x.%x.", ip->bytes[i] & 15u, ip->bytes[i] >> 4);
      g_string_append (name, "ip6.arpa");
    }
  return g_string_free (name, FALSE);
}

PbFact *
pb_fact_new_client (const PbDns *dns, const PbIp *ip, PbMailbox *mailbox)
{
  PbFact *self = pb_fact_new (dns, mailbox);
  g_autofree char *name = reverse_name (ip);

  self->ip = *ip;
  if (dns == NULL || mailbox == NULL)
    pb_fact_settle (self, PB_FACT_TROUBLE, g_strdup ("nobody to ask"));
  else
    ask (self, name, PB_DNS_PTR, on_ptr);
  return self;
}

/* ---- of one session ---- */

const PbFact *
pb_facts_get (const PbFacts *self, PbFactKind kind)
{
  return self != NULL && self->known != NULL ? self->known[kind] : NULL;
}

void
pb_facts_set (PbFacts *self, PbFactKind kind, PbFact *fact)
{
  if (self->known == NULL)
    self->known = g_new0 (PbFact *, PB_N_FACTS);
  g_return_if_fail (self->known[kind] == NULL);
  self->known[kind] = fact;
}

void
pb_facts_forget (PbFacts *self, PbFactKind kind)
{
  if (self->known != NULL)
    g_clear_pointer (&self->known[kind], pb_fact_free);
}

void
pb_facts_clear (PbFacts *self)
{
  for (guint kind = 0; kind < PB_N_FACTS; kind++)
    pb_facts_forget (self, kind);
  g_clear_pointer (&self->known, g_free);
}
