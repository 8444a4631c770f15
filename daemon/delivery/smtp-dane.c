/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which names TLSA records are asked for at, one after the other (RFC 7672 2.2.2, 2.2.3): the end of a chain
 * of aliases before its beginning, and for a chain that is only signed at its beginning that alone. Called
 * by smtp-hosts.c for each host once its addresses are known, on the reactor's thread. Unsigned addresses
 * without an alias cost no question. What an answer means is smtp-security.c's.
 */
#include "delivery/smtp-dane.h"

#define DNS_SECONDS 30

typedef struct
{
  PbResolver *resolver; /* borrowed */
  PbMailbox *reply_to;  /* (owned) */
  guint16 port;
  GStrv bases;          /* (owned) where records may be, in this order */
  guint at;
  GStrv names;          /* (owned) beside the base */
  PbSmtpDaneFound func;
  gpointer user_data;
} Search;

static void
search_end (Search *self, PbSmtpSecurity *security)
{
  self->func (security, self->user_data);
  pb_mailbox_unref (self->reply_to);
  g_strfreev (self->bases);
  g_strfreev (self->names);
  g_free (self);
}

static PbSmtpSecurity *
judge (const Search *self, const PbDnsAnswer *answer)
{
  g_autoptr (GStrvBuilder) names = g_strv_builder_new ();
  g_auto (GStrv) all = NULL;

  g_strv_builder_add (names, self->bases[self->at]);
  g_strv_builder_addv (names, (const char **) self->names);
  all = g_strv_builder_end (names);
  return pb_smtp_security_from_tlsa (self->bases[self->at], self->port, (const char *const *) all, answer);
}

static void on_tlsa (PbDnsAnswer *answer, gpointer user_data);

static void
ask (Search *self)
{
  g_autofree char *name = g_strdup_printf ("_%u._tcp.%s", self->port, self->bases[self->at]);

  pb_resolver_query (self->resolver, name, PB_DNS_TLSA, DNS_SECONDS, self->reply_to, on_tlsa, self);
}

static void
on_tlsa (PbDnsAnswer *answer, gpointer user_data)
{
  Search *self = user_data;
  PbSmtpSecurity *security = judge (self, answer);

  if (security == NULL && self->bases[self->at + 1] != NULL)
    {
      self->at++;
      ask (self);
      return;
    }
  search_end (self, security);
}

/* The addresses are not signed, but the alias that leads to them may be. */
static void
on_alias (PbDnsAnswer *answer, gpointer user_data)
{
  Search *self = user_data;

  if (answer->status == PB_DNS_TROUBLE)
    search_end (self, pb_smtp_security_refuse (
                        PB_SMTP_SECURITY_BY_DANE, "4.7.5",
                        g_strdup_printf ("DANE: whether %s is a signed alias cannot be looked up now: %s",
                                         self->bases[0], answer->why != NULL ? answer->why : "no answer")));
  else if (answer->status == PB_DNS_OK && answer->secure)
    ask (self);
  else
    search_end (self, NULL);
}

gboolean
pb_smtp_dane_may_apply (const PbSmtpDaneHost *host)
{
  return host->secure || host->canonical != NULL;
}

void
pb_smtp_dane_find (PbResolver *resolver, PbMailbox *reply_to, const PbSmtpDaneHost *host,
                   PbSmtpDaneFound func, gpointer user_data)
{
  g_autoptr (GStrvBuilder) bases = g_strv_builder_new ();
  Search *self = g_new0 (Search, 1);

  self->resolver = resolver;
  self->reply_to = pb_mailbox_ref (reply_to);
  self->port = host->port;
  if (host->secure && host->canonical != NULL)
    g_strv_builder_add (bases, host->canonical);
  g_strv_builder_add (bases, host->name);
  self->bases = g_strv_builder_end (bases);
  self->names = host->names != NULL ? g_strdupv ((char **) host->names) : g_new0 (char *, 1);
  self->func = func;
  self->user_data = user_data;
  if (host->secure)
    ask (self);
  else
    pb_resolver_query (resolver, host->name, PB_DNS_CNAME, DNS_SECONDS, self->reply_to, on_alias, self);
}
