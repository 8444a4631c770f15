/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The checks of CheckSetup by which other servers trust our mail: SPF, DKIM and DMARC of the local domains,
 * evaluated by the code that judges the mail of others, and blocklists that name us. Main thread; never
 * wait.
 */
#include "service/setup-check-private.h"

#include "mailauth/dkim-key.h"
#include "mailauth/dmarc.h"
#include "mailauth/dnsbl.h"
#include "mailauth/spf.h"
#include "settings/signing-keys.h"

#include <arpa/inet.h>
#include <openssl/x509.h>
#include <string.h>

/* ---- spf ---- */

/* One domain: its record, then what it says of each of our addresses. */
typedef struct
{
  PbSetupStep *step; /* (owned) */
  char *record;      /* (owned) (nullable) that is published */
  guint n_left, n_passed;
  PbSpfResult worst;
  GVariant *why; /* (owned) (nullable) of the worst, in words */
} SpfCheck;

/* What would permit us: the record that is there with our name in front, or a new one. */
static char *
wanted_spf (const SpfCheck *self)
{
  const char *hostname = self->step->run->snapshot->values.general_hostname;
  const char *rest = self->record != NULL ? self->record + strlen ("v=spf1") : " mx ~all";
  g_autofree char *text = g_strdup_printf ("v=spf1 a:%s%s", hostname, rest);

  return pb_setup_txt_record (self->step->subject, text);
}

static void
spf_end (SpfCheck *self, PbSetupState state, GVariant *evidence, GVariant *remedy, gboolean with_record)
{
  pb_setup_step_end (self->step, state, evidence, remedy, with_record ? wanted_spf (self) : NULL);
  pb_setup_step_unref (self->step);
  g_free (self->record);
  g_clear_pointer (&self->why, g_variant_unref);
  g_free (self);
}

static void
judge_spf (SpfCheck *self)
{
  GVariant *evidence = self->why;

  switch (self->worst)
    {
    case PB_SPF_PASS:
      spf_end (self, PB_SETUP_OK, evidence, NULL, FALSE);
      break;
    case PB_SPF_FAIL:
      spf_end (self, PB_SETUP_PROBLEM, evidence,
               pb_say ("It forbids this server to send: publish this record instead."), TRUE);
      break;
    case PB_SPF_PERMERROR:
      spf_end (self, PB_SETUP_PROBLEM, evidence, pb_say ("It breaks the rules, and servers ignore it: mend it."), FALSE);
      break;
    case PB_SPF_TEMPERROR:
      spf_end (self, PB_SETUP_UNKNOWN, evidence, NULL, FALSE);
      break;
    case PB_SPF_NONE:
    case PB_SPF_NEUTRAL:
    case PB_SPF_SOFTFAIL:
      spf_end (self, PB_SETUP_WARNING, evidence,
               pb_say ("It does not permit this server to send: publish this record instead."), TRUE);
      break;
    }
}

/* In order of what it costs us. */
static guint
weight (PbSpfResult result)
{
  static const PbSpfResult order[] = { PB_SPF_PASS,     PB_SPF_TEMPERROR, PB_SPF_NEUTRAL,  PB_SPF_NONE,
                                       PB_SPF_SOFTFAIL, PB_SPF_PERMERROR, PB_SPF_FAIL };
  guint i = 0;

  while (i < G_N_ELEMENTS (order) - 1 && order[i] != result)
    i++;
  return i;
}

typedef struct
{
  SpfCheck *all;
  PbIp ip;
} SpfOfAddress;

static GVariant *
say_spf (const SpfCheck *self, const PbSpfOutcome *outcome, const PbIp *ip)
{
  char text[INET6_ADDRSTRLEN];

  return pb_say (outcome->problem != NULL ? N_ ("the record “{record}” says {result} of {address}: {problem}")
                                          : N_ ("the record “{record}” says {result} of {address}"),
                 "record", pb_say_text (self->record), "result", pb_say_text (pb_spf_result_name (outcome->result)),
                 "address", pb_say_text (pb_ip_format (ip, text, sizeof text)), "problem",
                 pb_say_words (outcome->problem));
}

static void
on_spf (const PbSpfOutcome *outcome, gpointer user_data)
{
  g_autofree SpfOfAddress *self = user_data;
  SpfCheck *all = self->all;

  if (all->why == NULL || weight (outcome->result) > weight (all->worst))
    {
      all->worst = outcome->result;
      g_clear_pointer (&all->why, g_variant_unref);
      all->why = g_variant_ref_sink (say_spf (all, outcome, &self->ip));
    }
  if (--all->n_left == 0)
    judge_spf (all);
}

static void
ask_spf (SpfCheck *self)
{
  PbSetupRun *run = self->step->run;
  g_autofree char *sender = g_strconcat ("postmaster@", self->step->subject, NULL);
  const char *hostname = run->snapshot->values.general_hostname;

  self->n_left = run->publics->len;
  for (guint i = 0; i < run->publics->len; i++)
    {
      SpfOfAddress *one = g_new (SpfOfAddress, 1);
      PbSpfQuery query = { .sender = sender, .helo = hostname, .receiver = hostname, .seconds = PB_SETUP_SECONDS };

      *one = (SpfOfAddress){ self, g_array_index (run->publics, PbIp, i) };
      query.ip = one->ip;
      pb_spf_check (&query, pb_setup_dns (run), on_spf, one);
    }
}

static void
on_spf_record (PbDnsAnswer *answer, gpointer user_data)
{
  SpfCheck *self = user_data;
  PbSetupRun *run = self->step->run;
  gboolean relayed = g_str_equal (run->snapshot->values.delivery_mode, "relay");
  guint n = 0;

  for (guint i = 0; answer->names != NULL && answer->names[i] != NULL; i++)
    if (pb_spf_record_is (answer->names[i]) && n++ == 0)
      self->record = g_strdup (answer->names[i]);
  if (answer->status == PB_DNS_TROUBLE)
    spf_end (self, PB_SETUP_UNKNOWN, pb_setup_trouble (self->step->subject, answer), NULL, FALSE);
  else if (n > 1)
    spf_end (self, PB_SETUP_PROBLEM,
             pb_say_count ("there is {n} SPF record, and it does not count", "there are {n} SPF records, and none counts",
                           n),
             pb_say ("Publish one record alone."), FALSE);
  else if (n == 0 && relayed)
    spf_end (self, PB_SETUP_WARNING, pb_say ("there is no SPF record"),
             pb_say ("Publish the one that the operator of your relay names."), FALSE);
  else if (n == 0)
    spf_end (self, PB_SETUP_WARNING, pb_say ("there is no SPF record"), pb_say ("Publish this record."), TRUE);
  else if (relayed || run->publics->len == 0)
    spf_end (self, PB_SETUP_UNKNOWN,
             pb_say (relayed ? N_ ("the record is “{record}”; from which address mail leaves the relay is not known here")
                             : N_ ("the record is “{record}”; from which address mail leaves is not known here"),
                     "record", pb_say_text (self->record)),
             relayed ? pb_say ("See that it has what the operator of your relay names.") : NULL, FALSE);
  else
    ask_spf (self);
}

void
pb_setup_spf (PbSetupRun *run)
{
  g_auto (GStrv) domains = pb_setup_domains (run, "spf");

  for (guint i = 0; domains[i] != NULL; i++)
    {
      SpfCheck *self = g_new0 (SpfCheck, 1);

      self->step = pb_setup_step_new (run, "spf", domains[i]);
      pb_dns_source_query (pb_setup_dns (run), domains[i], PB_DNS_TXT, PB_SETUP_DNS, on_spf_record, self);
    }
}

/* ---- dkim ---- */

typedef struct
{
  PbSetupStep *step; /* (owned) */
  PbSigningKey *key; /* (owned) */
} DkimCheck;

static gboolean
is_same_key (const PbDkimKey *published, const PbSigningKey *ours)
{
  gsize length;
  const guint8 *octets = g_bytes_get_data (ours->public, &length);
  EVP_PKEY *key = d2i_PUBKEY (NULL, &octets, (long) length);
  gboolean same = key != NULL && EVP_PKEY_eq (key, published->key) == 1;

  EVP_PKEY_free (key);
  return same;
}

static void
on_dkim_record (PbDnsAnswer *answer, gpointer user_data)
{
  g_autofree DkimCheck *self = user_data;
  PbDkimAlgorithm algorithm = pb_signing_key_is_ed25519 (self->key) ? PB_DKIM_ED25519_SHA256 : PB_DKIM_RSA_SHA256;
  g_autofree char *text = pb_signing_key_record (self->key);
  g_autoptr (PbDkimKey) published = NULL;
  const char *problem = NULL;

  if (answer->status == PB_DNS_OK && answer->names != NULL)
    published = pb_dkim_key_find (answer, algorithm, &problem);
  if (answer->status == PB_DNS_TROUBLE)
    pb_setup_step_end (self->step, PB_SETUP_UNKNOWN, pb_setup_trouble (self->step->subject, answer), NULL, NULL);
  else if (answer->status != PB_DNS_OK)
    pb_setup_step_end (self->step, PB_SETUP_PROBLEM, pb_say ("the key of an active selector is not published"),
                       pb_say ("Publish this record: until then every signature fails."),
                       pb_setup_txt_record (self->step->subject, text));
  else if (published == NULL || !is_same_key (published, self->key))
    pb_setup_step_end (self->step, PB_SETUP_PROBLEM,
                       published != NULL ? pb_say ("another key is published there")
                                         : pb_say ("what is published there is no key of use: {problem}", "problem",
                                                   pb_say_words (problem)),
                       pb_say ("Publish this record instead: until then every signature fails."),
                       pb_setup_txt_record (self->step->subject, text));
  else
    pb_setup_step_end (self->step, PB_SETUP_OK, pb_say ("the published key is ours"), NULL, NULL);
  pb_setup_step_unref (self->step);
  pb_signing_key_unref (self->key);
}

static void
ask_dkim (PbSetupRun *run, PbSigningKey *key)
{
  g_autofree char *name = g_strconcat (key->selector, "._domainkey.", key->domain, NULL);
  DkimCheck *self = g_new (DkimCheck, 1);

  *self = (DkimCheck){ pb_setup_step_new (run, "dkim", name), pb_signing_key_ref (key) };
  pb_dns_source_query (pb_setup_dns (run), name, PB_DNS_TXT, PB_SETUP_DNS, on_dkim_record, self);
}

void
pb_setup_dkim (PbSetupRun *run)
{
  const PbSigningKeys *keys = run->snapshot->signing_keys;
  const GPtrArray *all = keys != NULL ? pb_signing_keys_all (keys) : NULL;
  g_auto (GStrv) domains = pb_setup_domains (run, "dkim");
  guint n = 0;

  for (guint i = 0; all != NULL && i < all->len && n < PB_SETUP_MAX_EACH; i++)
    if (((PbSigningKey *) all->pdata[i])->active)
      {
        ask_dkim (run, all->pdata[i]);
        n++;
      }
  for (guint i = 0; domains[i] != NULL; i++)
    if (keys == NULL || pb_signing_keys_find (keys, domains[i]) == NULL)
      pb_setup_add (run, "dkim", domains[i], PB_SETUP_WARNING, pb_say ("there is no active key: its mail is not signed"),
                    pb_say ("Create a key, publish its record, then activate it."), NULL);
}

/* ---- dmarc ---- */

static void
on_dmarc (const PbDmarcOutcome *outcome, gpointer user_data)
{
  g_autoptr (PbSetupStep) step = user_data;
  g_autofree char *name = g_strconcat ("_dmarc.", step->subject, NULL);
  g_autofree char *text = g_strconcat ("v=DMARC1; p=none; rua=mailto:postmaster@", step->subject, NULL);

  if (outcome->result == PB_DMARC_TEMPERROR)
    pb_setup_step_end (step, PB_SETUP_UNKNOWN,
                       pb_say_words (outcome->problem != NULL ? outcome->problem : N_ ("the DNS does not tell now")), NULL,
                       NULL);
  else if (outcome->record == NULL)
    pb_setup_step_end (step, PB_SETUP_WARNING,
                       pb_say_words (outcome->problem != NULL ? outcome->problem : N_ ("there is no DMARC record")),
                       pb_say ("Publish this record: large providers want one."), pb_setup_txt_record (name, text));
  else if (!outcome->record->usable)
    pb_setup_step_end (step, PB_SETUP_WARNING,
                       pb_say ("the record of {domain} has no policy that could be applied", "domain",
                               pb_say_text (outcome->record_domain)),
                       pb_say ("Publish this record instead."), pb_setup_txt_record (name, text));
  else
    pb_setup_step_end (step, PB_SETUP_OK,
                       pb_say ("the record of {domain} asks for the policy {policy}", "domain",
                               pb_say_text (outcome->record_domain), "policy",
                               pb_say_text (pb_dmarc_policy_name (outcome->record->policy))),
                       NULL, NULL);
}

void
pb_setup_dmarc (PbSetupRun *run)
{
  g_auto (GStrv) domains = pb_setup_domains (run, "dmarc");

  for (guint i = 0; domains[i] != NULL; i++)
    {
      PbDmarcQuery query = { .author = domains[i], .seconds = PB_SETUP_DNS };

      pb_dmarc_check (&query, pb_setup_dns (run), on_dmarc, pb_setup_step_new (run, "dmarc", domains[i]));
    }
}

/* ---- blocklists ---- */

/* One list: whether it is well, and whether it names one of our addresses. */
typedef struct
{
  PbSetupStep *step; /* (owned) */
  PbDnsblZone zone;  /* borrowed from the snapshot, but for its codes, which do not matter here */
  guint n_left;
  gboolean silent;
  const char *ill;   /* (nullable) (static) */
  GString *listed;   /* (owned) */
} ListCheck;

static void
list_one_less (ListCheck *self)
{
  PbSetupStep *step = self->step;

  if (--self->n_left > 0)
    return;
  if (self->ill != NULL)
    pb_setup_step_end (step, PB_SETUP_WARNING, pb_say ("the list {trouble}", "trouble", pb_say_words (self->ill)),
                       pb_say ("Look at its web site, or remove it from the lists."), NULL);
  else if (self->listed->len > 0)
    pb_setup_step_end (step, PB_SETUP_PROBLEM, pb_say ("it names {addresses}", "addresses", pb_say_text (self->listed->str)),
                       pb_say ("Find out why on the list’s web site, mend that, then ask to be taken off."), NULL);
  else if (self->silent)
    pb_setup_step_end (step, PB_SETUP_UNKNOWN, pb_say ("it does not answer"), NULL, NULL);
  else if (step->run->publics->len == 0)
    pb_setup_step_end (step, PB_SETUP_UNKNOWN,
                       pb_say ("it is well; the public address of this server is not known here"), NULL, NULL);
  else
    pb_setup_step_end (step, PB_SETUP_OK, pb_say ("it is well and does not name this server"), NULL, NULL);
  pb_setup_step_unref (step);
  g_string_free (self->listed, TRUE);
  g_free (self);
}

static void
on_probed (PbDnsblHealth health, const PbIp *answer, gpointer user_data)
{
  ListCheck *self = user_data;

  switch (health)
    {
    case PB_DNSBL_HEALTH_WELL:
      break;
    case PB_DNSBL_HEALTH_SILENT:
      self->silent = TRUE;
      break;
    case PB_DNSBL_HEALTH_NAMES_ALL:
    case PB_DNSBL_HEALTH_NAMES_NONE:
    case PB_DNSBL_HEALTH_ILL:
      self->ill = pb_dnsbl_health_words (health);
      break;
    }
  list_one_less (self);
}

typedef struct
{
  ListCheck *all;
  PbIp ip;
} Listing;

static void
on_listed (const PbDnsblOutcome *outcome, gpointer user_data)
{
  g_autofree Listing *self = user_data;
  const PbDnsblFinding *finding = &outcome->findings[0];
  char ip[INET6_ADDRSTRLEN], answer[INET6_ADDRSTRLEN];

  switch (finding->state)
    {
    case PB_DNSBL_LISTED:
      g_string_append_printf (self->all->listed, "%s%s (%s)", self->all->listed->len > 0 ? ", " : "",
                              pb_ip_format (&self->ip, ip, sizeof ip),
                              pb_ip_format (&finding->answer, answer, sizeof answer));
      break;
    case PB_DNSBL_ILL:
      self->all->ill = pb_dnsbl_health_words (PB_DNSBL_HEALTH_ILL);
      break;
    case PB_DNSBL_SILENT:
      self->all->silent = TRUE;
      break;
    case PB_DNSBL_NOT_LISTED:
    case PB_DNSBL_OTHER_CODE:
      break;
    }
  list_one_less (self->all);
}

static void
ask_list (PbSetupRun *run, const PbBlocklist *list)
{
  ListCheck *self = g_new0 (ListCheck, 1);

  self->step = pb_setup_step_new (run, "blocklists", list->zone);
  self->zone = (PbDnsblZone){ .zone = list->zone, .codes = (const char *const *) list->codes, .score = 1 };
  self->listed = g_string_new (NULL);
  self->n_left = 1 + run->publics->len;
  pb_dnsbl_probe (list->zone, pb_setup_dns (run), PB_SETUP_DNS, on_probed, self);
  for (guint i = 0; i < run->publics->len; i++)
    {
      Listing *one = g_new (Listing, 1);

      *one = (Listing){ self, g_array_index (run->publics, PbIp, i) };
      pb_dnsbl_check (&one->ip, &self->zone, 1, pb_setup_dns (run), PB_SETUP_DNS, on_listed, one);
    }
}

void
pb_setup_blocklists (PbSetupRun *run)
{
  guint n = 0, n_asked = 0;
  const PbBlocklist *lists = pb_snapshot_blocklists (run->snapshot, &n);

  /* A list of good hosts names them to their honour. */
  for (guint i = 0; i < n && n_asked < PB_SETUP_MAX_EACH; i++)
    if (lists[i].score > 0)
      {
        ask_list (run, &lists[i]);
        n_asked++;
      }
  if (n_asked == 0)
    pb_setup_add (run, "blocklists", NULL, PB_SETUP_UNKNOWN, pb_say ("no blocklists are set, so none was asked"),
                  pb_say ("Add some to the blocklists; their policy may stay off."), NULL);
}
