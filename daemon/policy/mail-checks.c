/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The mail authentication of one message. Made by the session for a client that a check binds, fed as the
 * message streams by, read by the rows at the end of data through two facts, and by whoever writes results
 * into the message. DKIM and ARC are begun when the header is whole, so that keys come while the body does;
 * DMARC when DKIM and SPF are known. Every question has a deadline; whoever frees the checks is called no
 * more. What the DNS could not tell is nobody's guilt: a domain whose key did not come might have spoken
 * for the author, and then DMARC says so and not that it failed.
 */
#include "policy/mail-checks.h"

#include "policy/facts-private.h"
#include <string.h>

#define SECONDS    20 /* for the keys, and for DMARC */
#define PATIENCE   30 /* seconds that a client waits for all of it behind the end of its message, about */

struct _PbMailChecks
{
  guint references; /* the owner's, and one while SPF is waited for */
  gboolean freed;
  PbDns dns;
  PbMailbox *mailbox; /* (owned) (nullable) */
  PbAuthMessage *message; /* (owned) */
  PbDkim *dkim_run;   /* (nullable) under way, these three */
  PbArc *arc_run;
  PbDmarc *dmarc_run;
  PbFact *dkim, *dmarc; /* (owned) (nullable) NULL where nobody looks for it */
  PbFact *spf;        /* (nullable) borrowed from the session: for DMARC */
  gboolean wants_arc;
  gint64 deadline;    /* monotonic, microseconds; once the message has ended */
  GArray *signatures; /* (owned) (element-type PbMailSignature) */
  gboolean guessing;  /* the DMARC under way takes what DNS did not tell for a pass */
  PbMailResults results;
  char *author_domain, *record_domain, *aligned_spf, *aligned_dkim; /* (owned) (nullable) of @results, these */
  char *arc_domain, *arc_why;
  PbFactFound on_done; /* (nullable) */
  gpointer on_done_data;
};

/* ---- the way to the DNS ---- */

/* The evaluators ask nothing more once they are cancelled, so that this is not called behind the end. */
static void
query (gpointer source, const char *name, PbDnsType type, guint timeout, PbDnsFunc func,
       gpointer user_data)
{
  PbMailChecks *self = source;

  self->dns.query (name, type, timeout, self->mailbox, func, user_data, self->dns.source);
}

static PbDnsSource
source_of (PbMailChecks *self)
{
  return (PbDnsSource){ query, self };
}

/* ---- their life ---- */

static void
clear_signature (gpointer data)
{
  PbMailSignature *signature = data;

  g_free (signature->domain);
  g_free (signature->selector);
  g_free (signature->identity);
  g_free (signature->why);
}

static void
checks_unref (PbMailChecks *self)
{
  if (--self->references > 0)
    return;
  g_clear_pointer (&self->mailbox, pb_mailbox_unref);
  g_array_unref (self->signatures);
  g_free (self->author_domain);
  g_free (self->record_domain);
  g_free (self->aligned_spf);
  g_free (self->aligned_dkim);
  g_free (self->arc_domain);
  g_free (self->arc_why);
  g_free (self);
}

/* A judgement that still waits for it was cancelled, and wants to hear so. */
static void
give_up (PbFact **fact)
{
  PbFact *given = g_steal_pointer (fact);

  if (given == NULL)
    return;
  pb_fact_settle (given, PB_FACT_TROUBLE, NULL);
  pb_fact_free (given);
}

void
pb_mail_checks_free (PbMailChecks *self)
{
  self->freed = TRUE;
  self->on_done = NULL;
  g_clear_pointer (&self->dkim_run, pb_dkim_cancel);
  g_clear_pointer (&self->arc_run, pb_arc_cancel);
  g_clear_pointer (&self->dmarc_run, pb_dmarc_cancel);
  g_clear_pointer (&self->message, pb_auth_message_free);
  give_up (&self->dkim);
  give_up (&self->dmarc);
  checks_unref (self);
}

gboolean
pb_mail_checks_are_done (const PbMailChecks *self)
{
  return self->results.has_dkim && (self->dmarc == NULL || self->results.has_dmarc)
         && (!self->wants_arc || self->results.has_arc);
}

static void
tell_if_done (PbMailChecks *self)
{
  PbFactFound func = self->on_done;

  if (func == NULL || !pb_mail_checks_are_done (self))
    return;
  self->on_done = NULL;
  func (self->on_done_data);
}

/* ---- DMARC ---- */

static void
set_text (char **owned, const char *text)
{
  g_free (*owned);
  *owned = g_strdup (text);
}

static char *
words_of_dmarc (const PbMailChecks *self)
{
  const PbMailResults *results = &self->results;
  GString *text = g_string_new (pb_dmarc_result_name (results->dmarc));

  g_string_append_printf (text, " for %s", self->author_domain);
  switch (results->dmarc)
    {
    case PB_DMARC_PASS:
      if (self->aligned_dkim != NULL)
        g_string_append_printf (text, " by DKIM of %s", self->aligned_dkim);
      if (self->aligned_spf != NULL)
        g_string_append_printf (text, " by SPF of %s", self->aligned_spf);
      break;
    case PB_DMARC_FAIL:
      g_string_append_printf (text, ", %s asks for %s", self->record_domain,
                              pb_dmarc_policy_name (results->policy));
      break;
    case PB_DMARC_NONE:
    case PB_DMARC_TEMPERROR:
      break;
    }
  if (results->problem != NULL)
    g_string_append_printf (text, " (%s)", results->problem);
  return g_string_free (text, FALSE);
}

static PbFactState
dmarc_state (const PbMailResults *results)
{
  if (results->dmarc == PB_DMARC_TEMPERROR)
    return PB_FACT_TROUBLE;
  return results->dmarc == PB_DMARC_FAIL && results->policy != PB_DMARC_POLICY_NONE ? PB_FACT_NO
                                                                                  : PB_FACT_YES;
}

/* The last that is done with @self by its caller: who waits may free it. */
static void
settle_dmarc (PbMailChecks *self, PbFactState state, char *evidence)
{
  self->results.has_dmarc = TRUE;
  self->references++;
  pb_fact_settle (self->dmarc, state, evidence);
  tell_if_done (self);
  checks_unref (self);
}

static gboolean has_untold (const PbMailChecks *self);
static void begin_dmarc (PbMailChecks *self, gboolean guessing);

static void
on_dmarc (const PbDmarcOutcome *outcome, gpointer user_data)
{
  PbMailChecks *self = user_data;
  PbMailResults *results = &self->results;

  self->dmarc_run = NULL;
  if (self->guessing)
    {
      /* With all that DNS did not tell it would pass: so nobody knows. */
      if (outcome->result == PB_DMARC_PASS)
        {
          results->dmarc = PB_DMARC_TEMPERROR;
          results->problem = "DNS did not tell all that could speak for the author";
        }
      settle_dmarc (self, dmarc_state (results), words_of_dmarc (self));
      return;
    }
  results->dmarc = outcome->result;
  results->policy = outcome->policy;
  results->problem = outcome->problem;
  set_text (&self->record_domain, outcome->record_domain);
  set_text (&self->aligned_spf, outcome->aligned_spf);
  set_text (&self->aligned_dkim, outcome->aligned_dkim);
  if (outcome->result == PB_DMARC_FAIL && outcome->policy != PB_DMARC_POLICY_NONE
      && has_untold (self))
    begin_dmarc (self, TRUE);
  else
    settle_dmarc (self, dmarc_state (results), words_of_dmarc (self));
}

/* Whether DNS kept back something that might have spoken for the author. */
static gboolean
has_untold (const PbMailChecks *self)
{
  if (self->results.has_spf && self->results.spf == PB_SPF_TEMPERROR)
    return TRUE;
  for (guint i = 0; i < self->signatures->len; i++)
    if (g_array_index (self->signatures, PbMailSignature, i).result == PB_DKIM_TEMPERROR)
      return TRUE;
  return FALSE;
}

static void
begin_dmarc (PbMailChecks *self, gboolean guessing)
{
  PbSpfResult spf = guessing ? PB_SPF_TEMPERROR : PB_SPF_PASS;
  PbDkimResult dkim = guessing ? PB_DKIM_TEMPERROR : PB_DKIM_PASS;
  const char *domains[PB_DKIM_MAX_SIGNATURES + 1] = { NULL };
  gint64 left = (self->deadline - g_get_monotonic_time ()) / G_USEC_PER_SEC;
  PbDmarcQuery asked = { .author = self->author_domain,
                         .dkim_domains = domains,
                         .seconds = (guint) CLAMP (left, 1, SECONDS) };
  PbDnsSource source = source_of (self);
  guint n = 0;

  for (guint i = 0; i < self->signatures->len; i++)
    {
      const PbMailSignature *signature = &g_array_index (self->signatures, PbMailSignature, i);

      if (signature->result == dkim)
        domains[n++] = signature->domain;
    }
  if (self->results.has_spf && self->results.spf == spf)
    asked.spf_domain = self->results.spf_domain;
  self->guessing = guessing;
  self->dmarc_run = pb_dmarc_check (&asked, &source, on_dmarc, self);
}

static void
take_spf (PbMailChecks *self)
{
  PbMailResults *results = &self->results;

  results->has_spf = self->spf != NULL
                     && pb_fact_spf (self->spf, &results->spf, &results->spf_domain,
                                     &results->spf_by_helo);
}

static void
on_spf (gpointer user_data)
{
  PbMailChecks *self = user_data;

  if (!self->freed)
    {
      take_spf (self);
      begin_dmarc (self, FALSE);
    }
  checks_unref (self);
}

/* DKIM is known. */
static void
find_dmarc (PbMailChecks *self)
{
  static const char *const words[] = {
    [PB_AUTHOR_NONE] = "From: names no domain",
    [PB_AUTHOR_SEVERAL] = "From: names several domains, so that DMARC does not apply",
    [PB_AUTHOR_REPEATED] = "From: occurs more than once",
    [PB_AUTHOR_UNREADABLE] = "From: cannot be read",
  };
  PbAuthor author = self->results.author;

  if (author != PB_AUTHOR_ONE)
    {
      gboolean valid = author == PB_AUTHOR_NONE || author == PB_AUTHOR_SEVERAL;

      self->results.problem = words[author];
      settle_dmarc (self, valid ? PB_FACT_YES : PB_FACT_NO, g_strdup (words[author]));
    }
  else if (self->dns.query == NULL || self->mailbox == NULL)
    {
      self->results.dmarc = PB_DMARC_TEMPERROR;
      settle_dmarc (self, PB_FACT_TROUBLE, g_strdup ("nobody to ask"));
    }
  else if (self->spf != NULL && pb_fact_state (self->spf) == PB_FACT_WAITING)
    {
      self->references++;
      pb_fact_wait (self->spf, on_spf, self);
    }
  else
    {
      take_spf (self);
      begin_dmarc (self, FALSE);
    }
}

/* ---- DKIM and ARC ---- */

static void
add_signature (PbMailChecks *self, const PbDkimVerdict *verdict)
{
  const PbDkimSignature *given = verdict->signature;
  PbMailSignature signature = {
    .result = verdict->result,
    .why = g_strdup (verdict->why),
    .bits = verdict->bits,
    .testing = verdict->testing,
    .body_cut = verdict->body_cut,
  };

  if (given != NULL)
    {
      gsize n = 0;
      const guint8 *octets = given->signature != NULL ? g_bytes_get_data (given->signature, &n) : NULL;
      g_autofree char *start = g_base64_encode (octets, MIN (n, 6));

      g_strlcpy (signature.start, start, sizeof signature.start);
      signature.domain = g_strdup (given->domain);
      signature.selector = g_strdup (given->selector);
      signature.identity = g_strdup (given->identity);
      signature.algorithm = pb_dkim_algorithm_name (given->algorithm);
    }
  g_array_append_val (self->signatures, signature);
}

static char *
words_of_dkim (const PbMailChecks *self)
{
  GString *text = g_string_new (self->signatures->len == 0 ? "no signature" : NULL);

  for (guint i = 0; i < self->signatures->len; i++)
    {
      const PbMailSignature *signature = &g_array_index (self->signatures, PbMailSignature, i);

      g_string_append_printf (text, "%s%s", i > 0 ? "; " : "", pb_dkim_result_name (signature->result));
      if (signature->domain != NULL)
        g_string_append_printf (text, " for %s", signature->domain);
      if (signature->why != NULL)
        g_string_append_printf (text, " (%s)", signature->why);
      if (signature->result == PB_DKIM_PASS && signature->body_cut)
        g_string_append (text, " (the end of the body is not signed)");
    }
  if (self->results.n_unseen > 0)
    g_string_append_printf (text, "; %u more not looked at", self->results.n_unseen);
  return g_string_free (text, FALSE);
}

/* A domain that only tries DKIM gains nothing by it, but loses nothing either: its signature counts (RFC 6376 3.6.1). */
static PbFactState
dkim_state (const PbMailChecks *self)
{
  PbFactState state = PB_FACT_NO;

  for (guint i = 0; i < self->signatures->len && state != PB_FACT_YES; i++)
    switch (g_array_index (self->signatures, PbMailSignature, i).result)
      {
      case PB_DKIM_PASS:
        state = PB_FACT_YES;
        break;
      case PB_DKIM_TEMPERROR:
        state = PB_FACT_TROUBLE;
        break;
      case PB_DKIM_FAIL:
      case PB_DKIM_PERMERROR:
        break;
      }
  return state;
}

static void
on_dkim (const PbDkimVerdict *verdicts, guint n_verdicts, gpointer user_data)
{
  PbMailChecks *self = user_data;

  self->dkim_run = NULL;
  for (guint i = 0; i < n_verdicts; i++)
    add_signature (self, &verdicts[i]);
  self->results.has_dkim = TRUE;
  self->references++;
  if (self->dmarc != NULL)
    find_dmarc (self);
  if (self->dkim != NULL)
    pb_fact_settle (self->dkim, dkim_state (self), words_of_dkim (self));
  tell_if_done (self);
  checks_unref (self);
}

static void
on_arc (const PbArcOutcome *outcome, gpointer user_data)
{
  PbMailChecks *self = user_data;

  self->arc_run = NULL;
  self->results.has_arc = TRUE;
  self->results.arc = outcome->result;
  self->results.arc_sets = outcome->sets;
  set_text (&self->arc_domain, outcome->domain);
  set_text (&self->arc_why, outcome->why);
  tell_if_done (self);
}

/* The header is whole. */
static void
on_header (PbAuthMessage *message, gpointer user_data)
{
  PbMailChecks *self = user_data;
  const GArray *signatures = pb_auth_message_find (message, "DKIM-Signature");
  PbDnsSource source = source_of (self);

  self->results.author = pb_author_find (message, &self->author_domain);
  if (signatures != NULL && signatures->len > PB_DKIM_MAX_SIGNATURES)
    self->results.n_unseen = signatures->len - PB_DKIM_MAX_SIGNATURES;
  self->dkim_run = pb_dkim_verify (message, &source, SECONDS, on_dkim, self);
  if (self->wants_arc)
    {
      /* What a seal of ours signs. */
      pb_auth_message_body_hash (message, TRUE, -1);
      self->arc_run = pb_arc_verify (message, &source, SECONDS, on_arc, self);
    }
}

/* ---- for the session ---- */

PbMailChecks *
pb_mail_checks_new (const PbPolicyRow *rows, guint n_rows, const PbJudged *judged)
{
  gboolean dkim = pb_policy_wants (rows, n_rows, PB_FACT_DKIM, judged);
  gboolean dmarc = pb_policy_wants (rows, n_rows, PB_FACT_DMARC, judged);
  gboolean arc = judged->snapshot->values.mail_auth_arc_enabled && !judged->exempt;
  PbMailChecks *self;

  if ((!dkim && !dmarc && !arc) || judged->dns == NULL || judged->mailbox == NULL)
    return NULL;
  self = g_new0 (PbMailChecks, 1);
  self->references = 1;
  self->dns = *judged->dns;
  self->mailbox = pb_mailbox_ref (judged->mailbox);
  self->message = pb_auth_message_new (on_header, self);
  self->signatures = g_array_new (FALSE, FALSE, sizeof (PbMailSignature));
  g_array_set_clear_func (self->signatures, clear_signature);
  self->wants_arc = arc;
  if (dkim)
    self->dkim = pb_fact_new (&self->dns, self->mailbox);
  if (dmarc)
    {
      self->dmarc = pb_fact_new (&self->dns, self->mailbox);
      self->spf = pb_policy_begin_spf (judged);
    }
  return self;
}

void
pb_mail_checks_feed (PbMailChecks *self, const char *data, gsize length)
{
  pb_auth_message_feed (self->message, data, length);
}

void
pb_mail_checks_end (PbMailChecks *self)
{
  self->deadline = g_get_monotonic_time () + PATIENCE * (gint64) G_USEC_PER_SEC;
  pb_auth_message_end (self->message);
  self->references++;
  if (self->arc_run != NULL)
    pb_arc_body_ended (self->arc_run);
  if (self->dkim_run != NULL)
    pb_dkim_body_ended (self->dkim_run);
  checks_unref (self);
}

gsize
pb_mail_checks_held (const PbMailChecks *self)
{
  return pb_auth_message_held (self->message);
}

PbFact *
pb_mail_checks_fact (PbMailChecks *self, PbFactKind kind)
{
  return kind == PB_FACT_DKIM ? self->dkim : self->dmarc;
}

void
pb_mail_checks_wait (PbMailChecks *self, PbFactFound func, gpointer user_data)
{
  g_return_if_fail (self->on_done == NULL && !pb_mail_checks_are_done (self));
  self->on_done = func;
  self->on_done_data = user_data;
}

void
pb_mail_checks_results (const PbMailChecks *self, PbMailResults *results)
{
  *results = self->results;
  if (!results->has_spf && self->spf != NULL)
    results->has_spf = pb_fact_spf (self->spf, &results->spf, &results->spf_domain, &results->spf_by_helo);
  results->signatures = (const PbMailSignature *) (gpointer) self->signatures->data;
  results->n_signatures = self->signatures->len;
  results->author_domain = self->author_domain;
  results->record_domain = self->record_domain;
  results->aligned_spf = self->aligned_spf;
  results->aligned_dkim = self->aligned_dkim;
  results->arc_domain = self->arc_domain;
  results->arc_why = self->arc_why;
}

PbAuthMessage *
pb_mail_checks_message (PbMailChecks *self)
{
  return self->message;
}
