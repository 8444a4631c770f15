/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A policy put to use: for each mail exchanger what it must prove before mail goes to it (RFC 8461 4, 5),
 * and what is counted and logged of it. Called by the slots, once the hosts of a domain are found, and by
 * connections. In "testing" everything is looked at as in "enforce", told, and stops nothing.
 */
#include "delivery/sts-demand.h"

#include "util/counters.h"
#include "util/log.h"

static char *
name_policy (const char *domain, const PbStsVerdict *verdict)
{
  return g_strdup_printf ("MTA-STS policy %s of %s (%s)", verdict->id, domain,
                          pb_sts_mode_name (verdict->policy->mode));
}

static PbSmtpSecurity *
demand_new (PbSmtpSecurityKind kind, const PbSmtpHost *host, char *why)
{
  PbSmtpSecurity *self = pb_smtp_security_new (kind, PB_SMTP_SECURITY_BY_MTA_STS);

  self->server_name = g_strdup (host->name);
  self->names = g_strdupv ((char *[]){ host->name, NULL });
  self->why = why;
  return self;
}

static char *
describe_stranger (const PbSmtpHost *host, const char *domain, const PbStsVerdict *verdict)
{
  return g_strdup_printf ("%s is none of the mail exchangers that the MTA-STS policy %s of %s names", host->name,
                          verdict->id, domain);
}

static PbSmtpSecurity *
enforce (const PbSmtpHost *host, const char *domain, const PbStsVerdict *verdict)
{
  if (pb_sts_policy_matches (verdict->policy, host->name))
    return demand_new (PB_SMTP_SECURITY_NAME, host, name_policy (domain, verdict));
  return pb_smtp_security_refuse (PB_SMTP_SECURITY_BY_MTA_STS, "4.7.5", describe_stranger (host, domain, verdict));
}

static PbSmtpSecurity *
put_on_trial (const PbSmtpHost *host, const char *domain, const PbStsVerdict *verdict)
{
  PbSmtpSecurity *self =
    demand_new (PB_SMTP_SECURITY_OPPORTUNISTIC, host, name_policy (domain, verdict));

  self->on_trial = TRUE;
  if (!pb_sts_policy_matches (verdict->policy, host->name))
    self->doubt = describe_stranger (host, domain, verdict);
  return self;
}

/* Returns: (transfer full) (nullable): NULL: @host's security stays. */
static PbSmtpSecurity *
find_demand (const PbSmtpHost *host, const char *domain, const PbStsVerdict *verdict)
{
  PbSmtpSecurityKind now = host->security->kind;

  switch (verdict->policy->mode)
    {
    case PB_STS_NONE:
      break;
    case PB_STS_TESTING:
      return now == PB_SMTP_SECURITY_OPPORTUNISTIC ? put_on_trial (host, domain, verdict) : NULL;
    case PB_STS_ENFORCE:
      return now == PB_SMTP_SECURITY_OPPORTUNISTIC || now == PB_SMTP_SECURITY_ENCRYPTED
               ? enforce (host, domain, verdict)
               : NULL;
    }
  return NULL;
}

void
pb_sts_demand_apply (PbSmtpHosts *hosts, const char *domain, const PbStsVerdict *verdict)
{
  if (verdict->policy == NULL)
    return;
  for (guint i = 0; i < hosts->n_hosts; i++)
    {
      PbSmtpHost *host = &hosts->hosts[i];
      PbSmtpSecurity *demand = find_demand (host, domain, verdict);

      if (demand == NULL)
        continue;
      pb_smtp_security_unref (host->security);
      host->security = demand;
    }
}

static void
count (const char *name)
{
  pb_counter_add (pb_counter_register (name), 1);
}

void
pb_sts_demand_passed (const PbSmtpSecurity *security, const char *domain, const char *remote, const char *trouble)
{
  if (security->source != PB_SMTP_SECURITY_BY_MTA_STS)
    return;
  if (!security->on_trial)
    count ("mta-sts.enforced");
  else if (trouble != NULL)
    {
      count ("mta-sts.testing");
      pb_log (PB_LOG_NOTICE, "mta-sts-testing", "domain", domain, "relay", remote, "reason", trouble, NULL);
    }
}

void
pb_sts_demand_failed (const PbSmtpSecurity *security, const char *status)
{
  gboolean by_policy = g_str_equal (status, "4.7.4") || g_str_equal (status, "4.7.5");

  if (by_policy && security->source == PB_SMTP_SECURITY_BY_MTA_STS && !security->on_trial)
    count ("mta-sts.failed");
}
