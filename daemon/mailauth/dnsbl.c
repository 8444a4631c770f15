/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * DNS blocklists (RFC 5782). Called when a client connects, so that the answers are there when it names a
 * recipient; one thread. A list that is slow, gone, or answers nonsense never counts against a client: a
 * parked domain that answers every name with its web server would otherwise refuse all mail.
 */
#include "mailauth/dnsbl.h"

#include "util/marked.h"

#include <string.h>

struct _PbDnsbl
{
  PbDnsblFunc func; /* (nullable) NULL once cancelled */
  gpointer user_data;
  const PbDnsblZone *zones; /* borrowed */
  guint n_zones, asked;
  PbDnsblFinding findings[PB_DNSBL_MAX_ZONES];
};

typedef struct
{
  PbDnsbl *dnsbl;
  guint index;
} Question;

char *
pb_dnsbl_name (const PbIp *ip, const char *zone)
{
  GString *out = g_string_sized_new (128);

  if (pb_ip_is_v4 (ip))
    for (guint i = 16; i > 12; i--)
      g_string_append_printf (out, "%u.", ip->bytes[i - 1]);
  else
    for (guint i = 16; i > 0; i--)
      g_string_append_printf (out, "%x.%x.", ip->bytes[i - 1] & 0xf, ip->bytes[i - 1] >> 4);
  g_string_append (out, zone);
  return g_string_free (out, FALSE);
}

/* An answer that is no listing: not in 127.0.0.0/8, or 127.255.255.x, by which lists say that we may not ask, or ask wrongly. */
static gboolean
is_ill (const PbIp *answer)
{
  const guint8 *octets = answer->bytes + 12;

  return !pb_ip_is_v4 (answer) || octets[0] != 127 || (octets[1] == 255 && octets[2] == 255);
}

static gboolean
counts (const PbDnsblZone *zone, const PbIp *answer)
{
  PbIp code;

  if (zone->codes == NULL || zone->codes[0] == NULL)
    return TRUE;
  for (const char *const *text = zone->codes; *text != NULL; text++)
    if (pb_ip_parse (*text, &code) && memcmp (&code, answer, sizeof code) == 0)
      return TRUE;
  return FALSE;
}

static PbDnsblFinding
judge_answer (const PbDnsblZone *zone, const PbDnsAnswer *answer)
{
  PbDnsblFinding finding = { .state = PB_DNSBL_NOT_LISTED };

  if (answer->status == PB_DNS_TROUBLE)
    finding.state = PB_DNSBL_SILENT;
  for (guint i = 0; answer->status == PB_DNS_OK && i < answer->n_addresses; i++)
    {
      const PbIp *one = &answer->addresses[i];
      PbDnsblState state = is_ill (one)         ? PB_DNSBL_ILL
                           : counts (zone, one) ? PB_DNSBL_LISTED
                                                : PB_DNSBL_OTHER_CODE;

      /* One senseless answer makes the rest worthless; a code that counts beats one that does not. */
      if (finding.state == PB_DNSBL_ILL
          || (finding.state == PB_DNSBL_LISTED && state != PB_DNSBL_ILL))
        continue;
      finding = (PbDnsblFinding){ state, *one };
    }
  return finding;
}

static void
finish (PbDnsbl *self)
{
  PbDnsblOutcome outcome = { .findings = self->findings, .n_findings = self->n_zones };
  gint64 score = 0;

  for (guint i = 0; i < self->n_zones; i++)
    if (self->findings[i].state == PB_DNSBL_LISTED)
      score += self->zones[i].score;
  outcome.score = (int) CLAMP (score, G_MININT, G_MAXINT);
  self->func (&outcome, self->user_data);
}

static void
on_answer (PbDnsAnswer *answer, gpointer user_data)
{
  g_autofree Question *question = user_data;
  PbDnsbl *self = question->dnsbl;

  if (self->func != NULL && question->index < self->n_zones)
    self->findings[question->index] = judge_answer (&self->zones[question->index], answer);
  if (--self->asked > 0)
    return;
  if (self->func != NULL)
    finish (self);
  g_free (self);
}

PbDnsbl *
pb_dnsbl_check (const PbIp *ip, const PbDnsblZone *zones, guint n_zones, const PbDnsSource *dns,
                guint seconds, PbDnsblFunc func, gpointer user_data)
{
  PbDnsbl *self = g_new0 (PbDnsbl, 1);

  self->func = func;
  self->user_data = user_data;
  self->zones = zones;
  self->n_zones = MIN (n_zones, PB_DNSBL_MAX_ZONES);
  /* With no zone the one question is for nothing, so that the answer comes later as always. */
  for (guint i = 0; i < MAX (self->n_zones, 1); i++)
    {
      g_autofree char *name = self->n_zones > 0 ? pb_dnsbl_name (ip, zones[i].zone) : g_strdup ("");
      Question *question = g_new (Question, 1);

      *question = (Question){ self, i };
      self->asked++;
      pb_dns_source_query (dns, name, PB_DNS_A, seconds, on_answer, question);
    }
  return self;
}

void
pb_dnsbl_cancel (PbDnsbl *self)
{
  self->func = NULL;
}

/* ---- health (RFC 5782 5) ---- */

typedef struct
{
  PbDnsblProbed func;
  gpointer user_data;
  PbDnsblFinding test, never; /* for 127.0.0.2 and 127.0.0.1 */
  guint asked;
} Probe;

static const PbDnsblZone any_code;

static PbDnsblHealth
probe_health (const Probe *probe)
{
  if (probe->test.state == PB_DNSBL_ILL || probe->never.state == PB_DNSBL_ILL)
    return PB_DNSBL_HEALTH_ILL;
  if (probe->never.state == PB_DNSBL_LISTED)
    return PB_DNSBL_HEALTH_NAMES_ALL;
  if (probe->test.state == PB_DNSBL_SILENT || probe->never.state == PB_DNSBL_SILENT)
    return PB_DNSBL_HEALTH_SILENT;
  return probe->test.state == PB_DNSBL_LISTED ? PB_DNSBL_HEALTH_WELL : PB_DNSBL_HEALTH_NAMES_NONE;
}

static void
end_probe (Probe *probe)
{
  const PbIp *answer = NULL;

  if (--probe->asked > 0)
    return;
  if (probe->test.state == PB_DNSBL_ILL)
    answer = &probe->test.answer;
  else if (probe->never.state == PB_DNSBL_ILL)
    answer = &probe->never.answer;
  probe->func (probe_health (probe), answer, probe->user_data);
  g_free (probe);
}

static void
on_test (PbDnsAnswer *answer, gpointer user_data)
{
  Probe *probe = user_data;

  probe->test = judge_answer (&any_code, answer);
  end_probe (probe);
}

static void
on_never (PbDnsAnswer *answer, gpointer user_data)
{
  Probe *probe = user_data;

  probe->never = judge_answer (&any_code, answer);
  end_probe (probe);
}

void
pb_dnsbl_probe (const char *zone, const PbDnsSource *dns, guint seconds, PbDnsblProbed func,
                gpointer user_data)
{
  Probe *probe = g_new0 (Probe, 1);
  g_autofree char *test = g_strconcat ("2.0.0.127.", zone, NULL);
  g_autofree char *never = g_strconcat ("1.0.0.127.", zone, NULL);

  probe->func = func;
  probe->user_data = user_data;
  probe->asked = 2;
  pb_dns_source_query (dns, test, PB_DNS_A, seconds, on_test, probe);
  pb_dns_source_query (dns, never, PB_DNS_A, seconds, on_never, probe);
}

const char *
pb_dnsbl_health_words (PbDnsblHealth health)
{
  switch (health)
    {
    case PB_DNSBL_HEALTH_WELL:
      return N_ ("works");
    case PB_DNSBL_HEALTH_NAMES_ALL:
      return N_ ("names every address");
    case PB_DNSBL_HEALTH_NAMES_NONE:
      return N_ ("does not name its test address: it is empty or gone");
    case PB_DNSBL_HEALTH_ILL:
      return N_ ("gives answers that are no listings, or refuses our questions");
    case PB_DNSBL_HEALTH_SILENT:
      return N_ ("does not answer");
    }
  return "";
}
