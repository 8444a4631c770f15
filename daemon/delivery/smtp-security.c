/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a host must prove, as a value: made from a route's own settings or from TLSA records, and put into
 * words. Called by smtp-hosts.c, which settles one for each host, and by the connection, which obeys it.
 * Pure. DNSSEC alone makes DANE count: what comes unsigned is nobody's demand, and what should have been
 * signed and is not, or did not come, keeps mail from the host, or whoever sits on the line could take the
 * demand away (RFC 7672 2.1.1).
 */
#include "delivery/smtp-security.h"

#include "net/tls.h"
#include "util/marked.h"

PbSmtpSecurity *
pb_smtp_security_new (PbSmtpSecurityKind kind, PbSmtpSecuritySource source)
{
  PbSmtpSecurity *self = g_atomic_rc_box_new0 (PbSmtpSecurity);

  self->kind = kind;
  self->source = source;
  return self;
}

PbSmtpSecurity *
pb_smtp_security_ref (PbSmtpSecurity *self)
{
  return g_atomic_rc_box_acquire (self);
}

static void
security_clear (gpointer data)
{
  PbSmtpSecurity *self = data;

  g_free (self->server_name);
  g_strfreev (self->names);
  g_free (self->fingerprint);
  pb_tlsa_free (self->records, self->n_records);
  g_free (self->why);
  g_free (self->doubt);
}

void
pb_smtp_security_unref (PbSmtpSecurity *self)
{
  g_atomic_rc_box_release_full (self, security_clear);
}

static PbSmtpSecurityKind
kind_of_route (const PbRoute *route)
{
  /* Nobody listens on a socket of this machine. */
  gboolean off = route->tls == PB_ROUTE_TLS_OFF
                 || (route->socket != NULL && route->tls == PB_ROUTE_TLS_OPPORTUNISTIC);

  if (off && !route->auth)
    return PB_SMTP_SECURITY_NONE;
  switch (route->verify)
    {
    case PB_ROUTE_VERIFY_NAME:
      return PB_SMTP_SECURITY_NAME;
    case PB_ROUTE_VERIFY_FINGERPRINT:
      return PB_SMTP_SECURITY_FINGERPRINT;
    case PB_ROUTE_VERIFY_NONE:
      break;
    }
  return route->auth || route->tls != PB_ROUTE_TLS_OPPORTUNISTIC ? PB_SMTP_SECURITY_ENCRYPTED
                                                                 : PB_SMTP_SECURITY_OPPORTUNISTIC;
}

PbSmtpSecurity *
pb_smtp_security_from_route (const PbRoute *route, const char *host)
{
  PbSmtpSecurityKind kind = kind_of_route (route);
  PbSmtpSecurity *self = pb_smtp_security_new (
    kind, kind == PB_SMTP_SECURITY_OPPORTUNISTIC ? PB_SMTP_SECURITY_BY_DEFAULT : PB_SMTP_SECURITY_BY_ROUTE);

  if (kind == PB_SMTP_SECURITY_NONE)
    return self;
  self->server_name = g_strdup (host);
  self->names = g_strdupv ((char *[]){ (char *) host, NULL });
  if (kind == PB_SMTP_SECURITY_FINGERPRINT)
    self->fingerprint = g_strdup (route->fingerprint);
  return self;
}

PbSmtpSecurity *
pb_smtp_security_refuse (PbSmtpSecuritySource source, const char *status, char *why)
{
  PbSmtpSecurity *self = pb_smtp_security_new (PB_SMTP_SECURITY_REFUSED, source);

  self->status = status;
  self->why = why;
  return self;
}

/* ---- DANE ---- */

static PbSmtpSecurity *
from_records (const char *base, guint16 port, const char *const *names, const PbDnsAnswer *answer)
{
  g_autofree PbTlsa *usable = g_new (PbTlsa, answer->n_tlsa);
  guint n_usable = 0;
  PbSmtpSecurity *self;

  for (guint i = 0; i < answer->n_tlsa; i++)
    if (pb_tlsa_is_usable (&answer->tlsa[i]))
      usable[n_usable++] = answer->tlsa[i];
  self = pb_smtp_security_new (n_usable > 0 ? PB_SMTP_SECURITY_DANE : PB_SMTP_SECURITY_ENCRYPTED,
                               PB_SMTP_SECURITY_BY_DANE);
  self->server_name = g_strdup (base);
  self->names = g_strdupv ((char **) names);
  if (n_usable > 0)
    {
      self->records = pb_tlsa_copy (usable, n_usable);
      self->n_records = n_usable;
      self->why = g_strdup_printf ("DANE: %u usable of %u TLSA records at _%u._tcp.%s", n_usable, answer->n_tlsa,
                                   port, base);
    }
  else
    self->why = g_strdup_printf ("DANE: no TLSA record at _%u._tcp.%s is usable: TLS is required, whoever answers",
                                 port, base);
  return self;
}

PbSmtpSecurity *
pb_smtp_security_from_tlsa (const char *base, guint16 port, const char *const *names, const PbDnsAnswer *answer)
{
  switch (answer->status)
    {
    case PB_DNS_OK:
      return answer->secure ? from_records (base, port, names, answer) : NULL;
    case PB_DNS_NODATA:
    case PB_DNS_NXDOMAIN:
      return NULL;
    case PB_DNS_TROUBLE:
      break;
    }
  return pb_smtp_security_refuse (
    PB_SMTP_SECURITY_BY_DANE, "4.7.5",
    g_strdup_printf ("DANE: the TLSA records at _%u._tcp.%s cannot be looked up now%s%s", port, base,
                     answer->why != NULL ? ": " : "", answer->why != NULL ? answer->why : ""));
}

/* ---- what it means ---- */

gboolean
pb_smtp_security_wants_tls (const PbSmtpSecurity *self)
{
  return self->kind != PB_SMTP_SECURITY_NONE;
}

gboolean
pb_smtp_security_demands_tls (const PbSmtpSecurity *self)
{
  return self->kind > PB_SMTP_SECURITY_OPPORTUNISTIC;
}

gboolean
pb_smtp_security_is_proven (const PbSmtpSecurity *self)
{
  return self->kind > PB_SMTP_SECURITY_ENCRYPTED;
}

const char *
pb_smtp_security_source_text (const PbSmtpSecurity *self)
{
  switch (self->source)
    {
    case PB_SMTP_SECURITY_BY_DEFAULT:
    case PB_SMTP_SECURITY_BY_ROUTE:
      break;
    case PB_SMTP_SECURITY_BY_DANE:
      return "DANE";
    case PB_SMTP_SECURITY_BY_MTA_STS:
      return "MTA-STS";
    }
  return NULL;
}

static const char *
describe_kind (const PbSmtpSecurity *self)
{
  switch (self->kind)
    {
    case PB_SMTP_SECURITY_NAME:
      return N_ ("certificate verified by name");
    case PB_SMTP_SECURITY_FINGERPRINT:
      return N_ ("public key verified by fingerprint");
    case PB_SMTP_SECURITY_DANE:
      return N_ ("certificate verified by TLSA records");
    case PB_SMTP_SECURITY_NONE:
    case PB_SMTP_SECURITY_OPPORTUNISTIC:
    case PB_SMTP_SECURITY_ENCRYPTED:
    case PB_SMTP_SECURITY_REFUSED:
      break;
    }
  return N_ ("certificate not verified");
}

char *
pb_smtp_security_describe (const PbSmtpSecurity *self)
{
  const char *source = pb_smtp_security_demands_tls (self) ? pb_smtp_security_source_text (self) : NULL;

  return g_strconcat (describe_kind (self), source != NULL ? ", as demanded by " : NULL, source, NULL);
}
