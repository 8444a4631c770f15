/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Facts that mail authentication finds out in the DNS: what blocklists say of a client, what SPF says of a
 * sender. Begun and held like the others of facts.c; the evaluators are mailauth's, and ask by way of the
 * fact, so that one whose owner is gone comes to its end soon. Touched on one thread only.
 */
#include "policy/facts-private.h"

#include "net/dns-answer.h"
#include "policy/blocklists.h"
#include <arpa/inet.h>

#define BLOCKLIST_SECONDS 5  /* then open */
#define SPF_SECONDS       20 /* RFC 7208 4.6.4 */

/* ---- the way to the DNS ---- */

typedef struct
{
  PbDnsFunc func;
  gpointer user_data;
} Refused;

static void
answer_refused (gpointer data)
{
  g_autofree Refused *refused = data;
  g_autoptr (PbDnsAnswer) answer = pb_dns_answer_new (PB_DNS_TROUBLE, "nobody asks any more");

  refused->func (answer, refused->user_data);
}

static void
query (gpointer source, const char *name, PbDnsType type, guint timeout, PbDnsFunc func,
       gpointer user_data)
{
  PbFact *self = source;
  Refused *refused;

  if (!self->abandoned)
    {
      self->dns.query (name, type, timeout, self->mailbox, func, user_data, self->dns.source);
      return;
    }
  refused = g_new (Refused, 1);
  *refused = (Refused){ func, user_data };
  pb_mailbox_post (self->mailbox, answer_refused, refused);
}

/* ---- blocklists ---- */

static void
add_evidence (GString *text, const char *zone, const PbDnsblFinding *finding)
{
  char answer[INET6_ADDRSTRLEN];

  g_string_append_printf (text, "%s%s (%s)", text->len > 0 ? ", " : "", zone,
                          pb_ip_format (&finding->answer, answer, sizeof answer));
}

static void
on_blocklists (const PbDnsblOutcome *outcome, gpointer user_data)
{
  PbFact *self = user_data;
  int threshold = (int) self->snapshot->values.dnsbl_threshold;
  g_autoptr (GString) listed = g_string_new (NULL);
  guint silent = 0;

  for (guint i = 0; i < outcome->n_findings; i++)
    {
      const PbDnsblFinding *finding = &outcome->findings[i];

      if (finding->state == PB_DNSBL_LISTED)
        add_evidence (listed, self->zones[i].zone, finding);
      else if (finding->state == PB_DNSBL_ILL && self->blocklists != NULL)
        pb_blocklists_tell_ill (self->blocklists, self->zones[i].zone, &finding->answer);
      silent += finding->state == PB_DNSBL_SILENT;
    }
  if (listed->len > 0)
    g_string_prepend (listed, "on ");
  else
    g_string_append (listed, "on none");
  g_string_append_printf (listed, ", score %d of %d", outcome->score, threshold);
  if (silent > 0)
    g_string_append_printf (listed, ", %u did not answer", silent);
  pb_fact_settle (self, outcome->score >= threshold ? PB_FACT_NO : PB_FACT_YES,
                  g_string_free (g_steal_pointer (&listed), FALSE));
  pb_fact_unref (self);
}

/* Those that are enabled and well. Returns: how many, in @self->zones. */
static guint
choose_zones (PbFact *self)
{
  guint n_all, n = 0;
  const PbBlocklist *all = pb_snapshot_blocklists (self->snapshot, &n_all);

  self->zones = g_new (PbDnsblZone, MAX (n_all, 1));
  for (guint i = 0; i < n_all && n < PB_DNSBL_MAX_ZONES; i++)
    if (self->blocklists == NULL || !pb_blocklists_is_ill (self->blocklists, all[i].zone))
      self->zones[n++] =
        (PbDnsblZone){ all[i].zone, (const char *const *) all[i].codes, all[i].score };
  return n;
}

PbFact *
pb_fact_new_blocklists (const PbDns *dns, const PbIp *ip, PbSnapshot *snapshot,
                        struct _PbBlocklists *blocklists, PbMailbox *mailbox)
{
  PbFact *self = pb_fact_new (dns, mailbox);
  PbDnsSource source = { query, self };
  guint n;

  self->snapshot = pb_snapshot_ref (snapshot);
  self->blocklists = blocklists;
  n = choose_zones (self);
  if (n == 0 || dns == NULL || mailbox == NULL)
    {
      pb_fact_settle (self, PB_FACT_YES, g_strdup ("no blocklist to ask"));
      return self;
    }
  self->references++;
  pb_dnsbl_check (ip, self->zones, n, &source, BLOCKLIST_SECONDS, on_blocklists, self);
  return self;
}

/* ---- SPF ---- */

static PbFactState
spf_state (PbSpfResult result)
{
  switch (result)
    {
    case PB_SPF_FAIL:
      return PB_FACT_NO;
    case PB_SPF_TEMPERROR:
      return PB_FACT_TROUBLE;
    case PB_SPF_NONE:
    case PB_SPF_NEUTRAL:
    case PB_SPF_PASS:
    case PB_SPF_SOFTFAIL:
    case PB_SPF_PERMERROR:
      break;
    }
  return PB_FACT_YES;
}

static void
on_spf (const PbSpfOutcome *outcome, gpointer user_data)
{
  PbFact *self = user_data;
  const char *told = outcome->problem != NULL ? outcome->problem : outcome->mechanism;

  self->spf = outcome->result;
  self->spf_domain = g_strdup (outcome->domain);
  self->spf_by_helo = outcome->by_helo;
  self->spf_mechanism = g_strdup (outcome->mechanism);
  self->spf_problem = g_strdup (outcome->problem);
  pb_fact_settle (self, spf_state (outcome->result),
                  g_strdup_printf ("%s for %s%s%s%s", pb_spf_result_name (outcome->result),
                                   outcome->domain, told != NULL ? " (" : "",
                                   told != NULL ? told : "", told != NULL ? ")" : ""));
  pb_fact_unref (self);
}

gboolean
pb_fact_spf (const PbFact *self, PbSpfResult *result, const char **domain, gboolean *by_helo)
{
  if (self->spf_domain == NULL)
    return FALSE;
  *result = self->spf;
  *domain = self->spf_domain;
  *by_helo = self->spf_by_helo;
  return TRUE;
}

PbFact *
pb_fact_new_spf (const PbDns *dns, const PbIp *ip, const char *sender, const char *helo,
                 const char *receiver, PbMailbox *mailbox)
{
  PbFact *self = pb_fact_new (dns, mailbox);
  PbDnsSource source = { query, self };
  PbSpfQuery asked = { .ip = *ip,
                       .sender = sender,
                       .helo = helo != NULL ? helo : "",
                       .receiver = receiver,
                       .seconds = SPF_SECONDS };

  if (dns == NULL || mailbox == NULL)
    {
      pb_fact_settle (self, PB_FACT_TROUBLE, g_strdup ("nobody to ask"));
      return self;
    }
  self->references++;
  pb_spf_check (&asked, &source, on_spf, self);
  return self;
}
