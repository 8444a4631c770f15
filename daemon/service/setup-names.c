/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The checks of CheckSetup that compare names and addresses: what the host name leads to, where our
 * addresses lead back to, and whether the mail of each local domain is sent here. Behind a translation of
 * addresses only the DNS can say what our public address is; whether it leads here is then unknown. Main
 * thread; never wait.
 */
#include "service/setup-check-private.h"

#include <arpa/inet.h>
#include <string.h>

#define MAX_NAMES 10 /* of one address, mail exchangers of one domain */

/* ---- a, aaaa ---- */

/* What is judged of one family. */
typedef struct
{
  PbSetupRun *run;
  const char *name, *type; /* "a", "A" */
  guint family;            /* 0: IPv4 */
  const GArray *named;
  const PbIp *own; /* (nullable) the first public one of the interfaces */
  gboolean own_is_named, any_private;
} Family;

static void
family_init (Family *self, PbSetupRun *run, guint family)
{
  const GArray *named = run->named[family];
  const PbIp *ips = (const PbIp *) (void *) named->data;

  *self = (Family){ run, family == 0 ? "a" : "aaaa", family == 0 ? "A" : "AAAA", family, named, NULL,
                    FALSE, FALSE };
  for (guint i = 0; i < run->system.addresses->len; i++)
    {
      const PbIp *ip = &g_array_index (run->system.addresses, PbIp, i);

      if (pb_ip_is_v4 (ip) != (family == 0) || !pb_setup_is_own_public (ip))
        continue;
      if (self->own == NULL)
        self->own = ip;
      self->own_is_named = self->own_is_named || pb_setup_find_ip (ips, named->len, ip);
    }
  for (guint i = 0; i < named->len; i++)
    self->any_private = self->any_private || pb_setup_ip_is_private (&ips[i]);
}

/* The record that is to be published; NULL when our address is not known here. */
static char *
address_record (const Family *self)
{
  char text[INET6_ADDRSTRLEN];

  return self->own != NULL
           ? pb_setup_record (self->run->snapshot->values.general_hostname, self->type,
                              pb_ip_format (self->own, text, sizeof text))
           : NULL;
}

static void
judge_missing (const Family *self)
{
  const char *hostname = self->run->snapshot->values.general_hostname;
  gboolean wanted = self->family == 0 || self->own != NULL;
  PbSetupState state = self->own != NULL && self->family == 1 ? PB_SETUP_WARNING
                       : wanted                               ? PB_SETUP_PROBLEM
                                                              : PB_SETUP_OK;

  pb_setup_add (self->run, self->name, NULL, state,
                pb_say (wanted ? N_ ("{host} has no {type} record")
                               : N_ ("{host} has no {type} record, and this machine no public IPv6 address"),
                        "host", pb_say_text (hostname), "type", pb_say_text (self->type)),
                !wanted             ? NULL
                : self->own != NULL ? pb_say ("Publish this record.")
                                    : pb_say ("Publish an A record with the public address of your Internet connection."),
                address_record (self));
}

static void
judge_named (const Family *self)
{
  const char *hostname = self->run->snapshot->values.general_hostname;
  g_autofree char *ips = pb_setup_ips_text ((const PbIp *) (void *) self->named->data, self->named->len);
  gboolean outside = self->own == NULL && self->family == 0 && !self->any_private;
  GVariant *evidence =
    pb_say (outside ? N_ ("{host} leads to {addresses}; this machine has private addresses alone, so whether that leads here cannot be told from inside")
                    : N_ ("{host} leads to {addresses}"),
            "host", pb_say_text (hostname), "addresses", pb_say_text (ips));

  if (self->any_private)
    pb_setup_add (self->run, self->name, NULL, PB_SETUP_PROBLEM, evidence,
                  pb_say ("The Internet leads to no private address: publish the public one alone."),
                  address_record (self));
  else if (self->own_is_named)
    pb_setup_add (self->run, self->name, NULL, PB_SETUP_OK, evidence, NULL, NULL);
  else if (self->own != NULL)
    pb_setup_add (self->run, self->name, NULL, PB_SETUP_PROBLEM, evidence,
                  pb_say ("None of these is an address of this machine: publish this record instead."),
                  address_record (self));
  else if (self->family == 1)
    pb_setup_add (self->run, self->name, NULL, PB_SETUP_WARNING, evidence,
                  pb_say ("This machine has no public IPv6 address, and IPv6 is seldom translated: remove the record, "
                          "or give this machine the address."),
                  NULL);
  else
    pb_setup_add (self->run, self->name, NULL, PB_SETUP_UNKNOWN,
                  evidence,
                  pb_say ("Compare it with the public address that your router shows, and see that the router "
                          "forwards port 25."),
                  NULL);
}

static void
judge_family (PbSetupRun *run, guint family)
{
  Family self;

  family_init (&self, run, family);
  switch (run->named_status[family])
    {
    case PB_DNS_OK:
      judge_named (&self);
      break;
    case PB_DNS_NODATA:
    case PB_DNS_NXDOMAIN:
      judge_missing (&self);
      break;
    case PB_DNS_TROUBLE:
      pb_setup_add (run, self.name, NULL, PB_SETUP_UNKNOWN,
                    pb_say ("the DNS says nothing of {name} now", "name",
                            pb_say_text (run->snapshot->values.general_hostname)),
                    NULL, NULL);
      break;
    }
}

void
pb_setup_a (PbSetupRun *run)
{
  judge_family (run, 0);
}

void
pb_setup_aaaa (PbSetupRun *run)
{
  judge_family (run, 1);
}

/* ---- ptr ---- */

/* One of our addresses and the names that it leads to. */
typedef struct
{
  PbSetupStep *step; /* (owned) */
  PbIp ip;
  char *name; /* (owned) (nullable) the first one that it leads to */
} Reverse;

static void
reverse_end (Reverse *self, PbSetupState state, GVariant *evidence, GVariant *remedy, gboolean with_record)
{
  PbSetupRun *run = self->step->run;
  g_autofree char *reverse = pb_setup_reverse_name (&self->ip);
  g_autofree char *target = g_strconcat (run->snapshot->values.general_hostname, ".", NULL);

  pb_setup_step_end (self->step, state, evidence, remedy,
                     with_record ? pb_setup_record (reverse, "PTR", target) : NULL);
  pb_setup_step_unref (self->step);
  g_free (self->name);
  g_free (self);
}

#define PTR_REMEDY pb_say ("Have your Internet provider publish this record: many servers refuse mail without it.")

/* The address, and the name that it leads to (nullable), in @sentence. */
static GVariant *
say_reverse (const Reverse *self, const char *sentence, const char *name)
{
  char text[INET6_ADDRSTRLEN];

  return pb_say (sentence, "address", pb_say_text (pb_ip_format (&self->ip, text, sizeof text)), "name",
                 pb_say_text (name));
}

static void
on_forward (PbDnsAnswer *answer, gpointer user_data)
{
  Reverse *self = user_data;

  if (answer->status == PB_DNS_TROUBLE)
    reverse_end (self, PB_SETUP_UNKNOWN, pb_setup_trouble (self->name, answer), NULL, FALSE);
  else if (pb_setup_find_ip (answer->addresses, answer->n_addresses, &self->ip))
    reverse_end (self, PB_SETUP_WARNING,
                 say_reverse (self, N_ ("{address} leads to {name} and back, but that is not this server’s own name"),
                              self->name),
                 pb_say ("Set {setting} to that name, or have the provider publish this record.", "setting",
                         pb_say_setting ("General.Hostname")),
                 TRUE);
  else
    reverse_end (self, PB_SETUP_PROBLEM,
                 say_reverse (self, N_ ("{address} leads to {name}, which does not lead back"), self->name), PTR_REMEDY,
                 TRUE);
}

static void
on_reverse (PbDnsAnswer *answer, gpointer user_data)
{
  Reverse *self = user_data;
  PbSetupRun *run = self->step->run;
  const char *hostname = run->snapshot->values.general_hostname;
  const GArray *named = run->named[pb_ip_is_v4 (&self->ip) ? 0 : 1];
  gboolean back = pb_setup_find_ip ((const PbIp *) (void *) named->data, named->len, &self->ip);
  char text[INET6_ADDRSTRLEN];

  pb_ip_format (&self->ip, text, sizeof text);
  if (answer->status == PB_DNS_TROUBLE)
    reverse_end (self, PB_SETUP_UNKNOWN, pb_setup_trouble (text, answer), NULL, FALSE);
  else if (answer->status != PB_DNS_OK || answer->names == NULL || answer->names[0] == NULL)
    reverse_end (self, PB_SETUP_PROBLEM, say_reverse (self, N_ ("{address} leads to no name"), NULL), PTR_REMEDY, TRUE);
  else
    {
      for (guint i = 0; back && i < MAX_NAMES && answer->names[i] != NULL; i++)
        if (g_ascii_strcasecmp (answer->names[i], hostname) == 0)
          {
            reverse_end (self, PB_SETUP_OK, say_reverse (self, N_ ("{address} leads to {name} and back"), hostname),
                         NULL, FALSE);
            return;
          }
      self->name = g_strdup (answer->names[0]);
      pb_dns_source_query (pb_setup_dns (run), self->name, pb_ip_is_v4 (&self->ip) ? PB_DNS_A : PB_DNS_AAAA,
                           PB_SETUP_DNS, on_forward, self);
    }
}

void
pb_setup_ptr (PbSetupRun *run)
{
  if (run->publics->len == 0)
    pb_setup_add (run, "ptr", NULL, PB_SETUP_UNKNOWN,
                  pb_say ("the public address of this server is not known here"),
                  pb_say ("Publish the address of this server’s name first."), NULL);
  for (guint i = 0; i < run->publics->len; i++)
    {
      Reverse *self = g_new0 (Reverse, 1);
      g_autofree char *reverse = NULL;
      char text[INET6_ADDRSTRLEN];

      self->ip = g_array_index (run->publics, PbIp, i);
      self->step = pb_setup_step_new (run, "ptr", pb_ip_format (&self->ip, text, sizeof text));
      reverse = pb_setup_reverse_name (&self->ip);
      pb_dns_source_query (pb_setup_dns (run), reverse, PB_DNS_PTR, PB_SETUP_DNS, on_reverse, self);
    }
}

/* ---- mx ---- */

/* One domain and the servers that take its mail. */
typedef struct
{
  PbSetupStep *step; /* (owned) */
  guint n_left;
  gboolean ours, trouble, has_mx;
  GString *text; /* (owned) the servers */
} Exchange;

static char *
mx_record (const Exchange *self)
{
  g_autofree char *value = g_strdup_printf ("10 %s.", self->step->run->snapshot->values.general_hostname);

  return pb_setup_record (self->step->subject, "MX", value);
}

static GVariant *
say_exchange (const Exchange *self)
{
  gboolean any = self->text->len > 0;
  const char *with_mx = any ? N_ ("mail for {domain} goes to {servers}") : N_ ("mail for {domain} goes nowhere");
  const char *without = any ? N_ ("{domain} has no MX record; mail for it goes to {servers}")
                            : N_ ("{domain} has no MX record; mail for it goes nowhere");

  return pb_say (self->has_mx ? with_mx : without, "domain", pb_say_text (self->step->subject), "servers",
                 pb_say_text (self->text->str));
}

static void
exchange_end (Exchange *self)
{
  PbSetupStep *step = self->step;
  PbSetupRun *run = step->run;
  GVariant *evidence = say_exchange (self);

  if (self->ours && self->has_mx)
    pb_setup_step_end (step, PB_SETUP_OK, evidence, NULL, NULL);
  else if (self->ours)
    pb_setup_step_end (step, PB_SETUP_WARNING, evidence, pb_say ("It comes here, but better by this record."),
                       mx_record (self));
  else if (self->trouble || (run->publics->len == 0 && self->text->len > 0))
    pb_setup_step_end (step, PB_SETUP_UNKNOWN, evidence,
                       pb_say ("Whether that is this server cannot be told from inside: publish the address of this "
                               "server’s name."),
                       NULL);
  else
    pb_setup_step_end (step, PB_SETUP_PROBLEM, evidence, pb_say ("Publish this record, that mail for the domain comes here."),
                       mx_record (self));
  pb_setup_step_unref (step);
  g_string_free (self->text, TRUE);
  g_free (self);
}

static void
on_exchange_address (PbDnsAnswer *answer, gpointer user_data)
{
  Exchange *self = user_data;

  if (answer->status == PB_DNS_TROUBLE)
    self->trouble = TRUE;
  else if (answer->n_addresses > 0)
    {
      g_autofree char *ips = pb_setup_ips_text (answer->addresses, answer->n_addresses);

      g_string_append_printf (self->text, "%s%s", self->text->len > 0 ? ", " : "", ips);
      self->ours = self->ours || pb_setup_is_ours (self->step->run, answer->addresses, answer->n_addresses);
    }
  if (--self->n_left == 0)
    exchange_end (self);
}

static void
ask_addresses (Exchange *self, const char *host)
{
  const PbDnsSource *dns = pb_setup_dns (self->step->run);

  self->n_left += 2;
  pb_dns_source_query (dns, host, PB_DNS_A, PB_SETUP_DNS, on_exchange_address, self);
  pb_dns_source_query (dns, host, PB_DNS_AAAA, PB_SETUP_DNS, on_exchange_address, self);
}

static void
on_mx (PbDnsAnswer *answer, gpointer user_data)
{
  Exchange *self = user_data;
  PbSetupRun *run = self->step->run;

  /* Counts for ourselves, so that no answer ends it before all are asked for. */
  self->n_left = 1;
  self->trouble = answer->status == PB_DNS_TROUBLE;
  self->has_mx = answer->status == PB_DNS_OK;
  for (guint i = 0; i < answer->n_mx && i < MAX_NAMES; i++)
    {
      const char *host = answer->mx[i].exchange;

      if (host[0] == '\0')
        continue; /* it takes no mail at all (RFC 7505) */
      g_string_append_printf (self->text, "%s%u %s", self->text->len > 0 ? ", " : "", answer->mx[i].preference,
                              host);
      self->ours = self->ours || g_ascii_strcasecmp (host, run->snapshot->values.general_hostname) == 0;
      ask_addresses (self, host);
    }
  if (answer->status == PB_DNS_NODATA)
    ask_addresses (self, self->step->subject);
  if (--self->n_left == 0)
    exchange_end (self);
}

void
pb_setup_mx (PbSetupRun *run)
{
  g_auto (GStrv) domains = pb_setup_domains (run, "mx");

  for (guint i = 0; domains[i] != NULL; i++)
    {
      Exchange *self = g_new0 (Exchange, 1);

      self->step = pb_setup_step_new (run, "mx", domains[i]);
      self->text = g_string_new (NULL);
      pb_dns_source_query (pb_setup_dns (run), domains[i], PB_DNS_MX, PB_SETUP_DNS, on_mx, self);
    }
}

/* ---- dnssec ---- */

static void
judge_dnssec (PbResolver *resolver, gpointer user_data)
{
  g_autoptr (PbSetupStep) step = user_data;
  const char *why = NULL;

  switch (pb_resolver_dnssec (resolver, &why))
    {
    case PB_DNSSEC_ON:
      pb_setup_step_end (step, PB_SETUP_OK, pb_say ("DNS answers are validated"), NULL, NULL);
      break;
    case PB_DNSSEC_OFF:
      pb_setup_step_end (step, PB_SETUP_OK,
                         pb_say ("DNS answers are not validated, as it is set; DANE is without effect"), NULL, NULL);
      break;
    case PB_DNSSEC_NO_ANCHOR:
      pb_setup_step_end (step, PB_SETUP_WARNING,
                         pb_say ("DNS answers are not validated, and DANE is without effect: {reason}", "reason",
                                 pb_say_text (why != NULL ? why : "")),
                         pb_say ("Install the package dns-root-data, which brings the trust anchor."), NULL);
      break;
    case PB_DNSSEC_UNAVAILABLE:
      pb_setup_step_end (step, PB_SETUP_WARNING,
                         pb_say ("the DNS servers give no signatures, so their answers are not validated, and DANE is "
                                 "without effect: {reason}",
                                 "reason", pb_say_text (why != NULL ? why : "")),
                         pb_say ("Switch DNSSEC on in the router, or enter DNS servers that know it in Dns.Servers."),
                         NULL);
      break;
    case PB_DNSSEC_TRYING:
      pb_setup_step_end (step, PB_SETUP_UNKNOWN, pb_say ("the DNS servers do not answer"), NULL, NULL);
      break;
    }
}

void
pb_setup_dnssec (PbSetupRun *run)
{
  pb_resolver_try_dnssec (pb_setup_parts (run)->resolver, judge_dnssec, pb_setup_step_new (run, "dnssec", NULL));
}
