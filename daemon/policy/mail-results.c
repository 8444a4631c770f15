/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From what the checks found out to the fields that tell it to readers, filters and the next server. Called
 * by the session for mail that was taken from outside; pure. Nothing here waits: what is not known is left
 * out, and what a message says of itself never gets in. Values that are strangers' are cleaned and quoted by
 * those who write the fields.
 */
#include "policy/mail-results.h"

#include "policy/facts-private.h"
#include "policy/mail-checks.h"
#include "protocol/auth-results.h"
#include "protocol/text.h"

#include <arpa/inet.h>
#include <string.h>

static const PbFact *
find_fact (const PbJudged *judged, PbFactKind kind)
{
  const PbFact *fact = pb_facts_get (judged->facts, kind);

  return fact != NULL && pb_fact_state (fact) != PB_FACT_WAITING ? fact : NULL;
}

/* RFC 8601 2.7.3. */
static void
add_iprev (PbAuthResults *results, const PbJudged *judged)
{
  const PbFact *fact = find_fact (judged, PB_FACT_CLIENT_NAME);
  char ip[INET6_ADDRSTRLEN];
  const char *result = NULL;

  if (fact == NULL)
    return;
  switch (pb_fact_state (fact))
    {
    case PB_FACT_YES:
      result = "pass";
      break;
    case PB_FACT_NO:
    case PB_FACT_NULL_MX:
      result = "fail";
      break;
    case PB_FACT_TROUBLE:
      result = "temperror";
      break;
    case PB_FACT_WAITING:
      return;
    }
  pb_auth_results_add (results, "iprev", result, NULL);
  pb_auth_results_add_property (results, "policy.iprev", pb_ip_format (&judged->ip, ip, sizeof ip));
}

/* RFC 8601 2.7.2: MAIL FROM as it was given, or the name of HELO where there was none. The field is ASCII: of an address
   that is not only the domain is told, which the syntax allows. */
static void
add_spf (PbAuthResults *results, const PbJudged *judged)
{
  const PbFact *fact = find_fact (judged, PB_FACT_SPF);
  const char *domain;
  PbSpfResult spf;
  gboolean by_helo;

  if (fact == NULL || !pb_fact_spf (fact, &spf, &domain, &by_helo))
    return;
  pb_auth_results_add (results, "spf", pb_spf_result_name (spf), fact->spf_problem);
  if (by_helo || judged->sender == NULL)
    pb_auth_results_add_property (results, "smtp.helo", domain);
  else
    pb_auth_results_add_property (
      results, "smtp.mailfrom",
      pb_text_is_ascii (judged->sender->text, strlen (judged->sender->text)) ? judged->sender->text
                                                                             : domain);
}

static const char *
words_of_signature (const PbMailSignature *signature)
{
  if (signature->why != NULL)
    return signature->why;
  if (signature->body_cut)
    return "part of the body is not signed";
  return signature->testing ? "the domain only tries DKIM" : NULL;
}

/* RFC 8601 2.7.1, RFC 6008. */
static void
add_dkim (PbAuthResults *results, const PbMailResults *found)
{
  if (!found->has_dkim)
    return;
  if (found->n_signatures == 0)
    pb_auth_results_add (results, "dkim", "none", NULL);
  for (guint i = 0; i < found->n_signatures; i++)
    {
      const PbMailSignature *signature = &found->signatures[i];

      pb_auth_results_add (results, "dkim", pb_dkim_result_name (signature->result),
                           words_of_signature (signature));
      pb_auth_results_add_property (results, "header.d", signature->domain);
      pb_auth_results_add_property (results, "header.i", signature->identity);
      pb_auth_results_add_property (results, "header.s", signature->selector);
      pb_auth_results_add_property (results, "header.a", signature->algorithm);
      pb_auth_results_add_property (results, "header.b", signature->start);
    }
}

/* Why DMARC cannot be applied. Returns: (nullable). */
static const char *
words_of_author (PbAuthor author)
{
  switch (author)
    {
    case PB_AUTHOR_NONE:
      return "there is no author";
    case PB_AUTHOR_SEVERAL:
      return "there are authors of several domains";
    case PB_AUTHOR_REPEATED:
      return "From is there more than once";
    case PB_AUTHOR_UNREADABLE:
      return "From cannot be read";
    case PB_AUTHOR_ONE:
      break;
    }
  return NULL;
}

static void
add_dmarc (PbAuthResults *results, PbMailChecks *checks, const PbMailResults *found)
{
  const char *trouble = words_of_author (found->author);

  if (found->has_dmarc && trouble == NULL)
    {
      pb_auth_results_add (results, "dmarc", pb_dmarc_result_name (found->dmarc), found->problem);
      if (found->dmarc == PB_DMARC_FAIL)
        pb_auth_results_add_property (results, "policy.dmarc", pb_dmarc_policy_name (found->policy));
      pb_auth_results_add_property (results, "header.from", found->author_domain);
    }
  else if (pb_mail_checks_fact (checks, PB_FACT_DMARC) != NULL && trouble != NULL)
    pb_auth_results_add (results, "dmarc", "permerror", trouble);
}

/* RFC 8617 10.1. */
static void
add_arc (PbAuthResults *results, const PbJudged *judged, const PbMailResults *found)
{
  char ip[INET6_ADDRSTRLEN];

  if (!found->has_arc)
    return;
  pb_auth_results_add (results, "arc", pb_arc_result_name (found->arc), found->arc_why);
  pb_auth_results_add_property (results, "smtp.remote-ip",
                                pb_ip_format (&judged->ip, ip, sizeof ip));
}

char *
pb_mail_results_format (const PbJudged *judged)
{
  g_autoptr (PbAuthResults) results =
    pb_auth_results_new (judged->snapshot->values.general_hostname);
  PbMailResults found = { 0 };

  add_iprev (results, judged);
  add_spf (results, judged);
  if (judged->mail != NULL)
    {
      pb_mail_checks_results (judged->mail, &found);
      add_dkim (results, &found);
      add_dmarc (results, judged->mail, &found);
      add_arc (results, judged, &found);
    }
  return pb_auth_results_is_empty (results) ? NULL : pb_auth_results_format (results);
}

char *
pb_mail_results_received_spf (const PbJudged *judged)
{
  const PbFact *fact = find_fact (judged, PB_FACT_SPF);
  PbSpfOutcome outcome = { 0 };
  const char *domain;
  const PbSpfQuery query = { .ip = judged->ip,
                             .sender = judged->sender != NULL ? judged->sender->text : "",
                             .helo = judged->helo,
                             .receiver = judged->snapshot->values.general_hostname };

  if (fact == NULL || !pb_fact_spf (fact, &outcome.result, &domain, &outcome.by_helo))
    return NULL;
  outcome.domain = (char *) domain;
  outcome.mechanism = fact->spf_mechanism;
  outcome.problem = fact->spf_problem;
  return pb_spf_format_received (&outcome, &query);
}
