/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The SPF evaluator (RFC 7208 4): a stack of records and, at any time, one term at hand that waits for
 * its DNS answers. Called by the policy table and tests; all on one thread. Whatever the records say, a
 * check ends: by a match, at the end of the records, at a limit, or at its deadline.
 *
 * A term whose answers are there goes on at step(); a loop there runs the terms that need none.
 */
#include "mailauth/spf-private.h"

#include <string.h>

#define MAX_LOOKUPS 10 /* terms that ask DNS (4.6.4) */

static void
frame_free (gpointer data)
{
  PbSpfFrame *frame = data;

  g_clear_pointer (&frame->record, pb_spf_record_free);
  g_free (frame->domain);
  g_free (frame);
}

void
pb_spf_free (PbSpf *self)
{
  pb_spf_drop_hosts (self);
  g_ptr_array_unref (self->frames);
  g_clear_pointer (&self->validated, g_ptr_array_unref);
  g_free (self->local);
  g_free (self->sender_domain);
  g_free (self->helo);
  g_free (self->receiver);
  g_free (self->target);
  g_free (self->explanation);
  g_free (self->outcome.domain);
  g_free (self->outcome.mechanism);
  g_free (self->outcome.problem);
  g_free (self->outcome.explanation);
  g_free (self);
}

PbSpfFrame *
pb_spf_top_frame (PbSpf *self)
{
  return self->frames->pdata[self->frames->len - 1];
}

const PbSpfTerm *
pb_spf_term (PbSpf *self)
{
  PbSpfFrame *frame = pb_spf_top_frame (self);

  return &frame->record->terms[frame->at];
}

/* ---- the end ---- */

static void
tell (PbSpf *self)
{
  if (self->func != NULL)
    self->func (&self->outcome, self->user_data);
  pb_spf_free (self);
}

void
pb_spf_finish (PbSpf *self, PbSpfResult result, const char *problem)
{
  self->outcome.result = result;
  self->outcome.problem = g_strdup (problem);
  tell (self);
}

/* ---- the explanation of a fail (6.2): whatever goes wrong with it, the fail stands ---- */

static void
expand_explanation (PbSpf *self)
{
  self->outcome.explanation = pb_spf_expand (self, self->explanation, PB_SPF_EXPLANATION);
  tell (self);
}

static void
on_explanation (PbSpf *self, PbDnsAnswer *answer, guint host)
{
  const char *text = answer->status == PB_DNS_OK ? answer->names[0] : NULL;

  if (text == NULL || answer->names[1] != NULL || !pb_spf_macro_check (text, PB_SPF_EXPLANATION))
    {
      tell (self);
      return;
    }
  self->explanation = g_strdup (text);
  if (pb_spf_macro_needs_name (text))
    pb_spf_with_names (self, expand_explanation);
  else
    expand_explanation (self);
}

static void
explain (PbSpf *self)
{
  g_autofree char *name =
    pb_spf_expand (self, pb_spf_top_frame (self)->record->explanation, PB_SPF_DOMAIN_SPEC);

  pb_spf_ask (self, name, PB_DNS_TXT, 0, on_explanation);
}

static void
finish_root (PbSpf *self, PbSpfResult result)
{
  const char *explanation = pb_spf_top_frame (self)->record->explanation;

  self->outcome.result = result;
  if (result != PB_SPF_FAIL || explanation == NULL)
    tell (self);
  else if (pb_spf_macro_needs_name (explanation))
    pb_spf_with_names (self, explain);
  else
    explain (self);
}

/* ---- terms ---- */

/* The record at hand said @result: the check's, or the answer to the include that led here (5.2). Returns: whether to go on with the terms. */
static gboolean
end_frame (PbSpf *self, PbSpfResult result)
{
  const PbSpfTerm *term;

  if (self->frames->len == 1)
    {
      finish_root (self, result);
      return FALSE;
    }
  g_ptr_array_set_size (self->frames, (gint) self->frames->len - 1);
  term = pb_spf_term (self);
  if (result == PB_SPF_PASS)
    {
      g_free (self->outcome.mechanism);
      self->outcome.mechanism = g_strdup (term->text);
      return end_frame (self, term->qualifier);
    }
  pb_spf_top_frame (self)->at++;
  return TRUE;
}

/* The term at hand matched, or not. Returns: whether to go on with the terms. */
static gboolean
settle (PbSpf *self, gboolean matched)
{
  const PbSpfTerm *term = pb_spf_term (self);

  pb_spf_drop_hosts (self);
  if (!matched)
    {
      pb_spf_top_frame (self)->at++;
      return TRUE;
    }
  g_free (self->outcome.mechanism);
  self->outcome.mechanism = g_strdup (term->text);
  return end_frame (self, term->qualifier);
}

static void
redirect (PbSpf *self)
{
  PbSpfFrame *frame = pb_spf_top_frame (self);
  char *target = pb_spf_expand (self, frame->record->redirect, PB_SPF_DOMAIN_SPEC);

  /* The other record takes this one's place, its explanation too (6.1). */
  g_ptr_array_set_size (self->frames, (gint) self->frames->len - 1);
  pb_spf_push_frame (self, target);
}

/* Runs @func, which asks for @spec: within the limits, with what its macros need. */
static void
start_lookup (PbSpf *self, const char *spec, PbSpfGathered func)
{
  if (++self->lookups > MAX_LOOKUPS)
    pb_spf_finish (self, PB_SPF_PERMERROR, "more than 10 terms that need DNS");
  else if (g_get_monotonic_time () >= self->deadline)
    pb_spf_finish (self, PB_SPF_TEMPERROR, "the check took too long");
  else if (spec != NULL && pb_spf_macro_needs_name (spec))
    pb_spf_with_names (self, func);
  else
    func (self);
}

/* Behind the last term: the redirect, or neutral (4.7). Returns: whether to go on with the terms. */
static gboolean
end_terms (PbSpf *self)
{
  const char *spec = pb_spf_top_frame (self)->record->redirect;

  if (spec != NULL)
    {
      start_lookup (self, spec, redirect);
      return FALSE;
    }
  if (self->frames->len == 1)
    {
      g_free (self->outcome.mechanism);
      self->outcome.mechanism = g_strdup ("default");
    }
  return end_frame (self, PB_SPF_NEUTRAL);
}

/* An IPv4 client is in no IPv6 network, not even in one that holds all (5.6). */
static gboolean
is_in_block (PbSpf *self, const PbSpfTerm *term)
{
  return pb_ip_is_v4 (&self->ip) == (term->mechanism == PB_SPF_IP4)
         && pb_netblock_contains (&term->block, &self->ip);
}

/* Goes through the terms until one needs DNS or the check ends. */
static void
step (PbSpf *self)
{
  gboolean more = TRUE;

  while (more)
    {
      PbSpfFrame *frame = pb_spf_top_frame (self);
      const PbSpfTerm *term;

      if (frame->at == frame->record->n_terms)
        {
          more = end_terms (self);
          continue;
        }
      term = &frame->record->terms[frame->at];
      if (term->mechanism == PB_SPF_ALL)
        more = settle (self, TRUE);
      else if (term->mechanism == PB_SPF_IP4 || term->mechanism == PB_SPF_IP6)
        more = settle (self, is_in_block (self, term));
      else
        {
          start_lookup (self, term->domain, pb_spf_ask_term);
          more = FALSE;
        }
    }
}

void
pb_spf_settle (PbSpf *self, gboolean matched)
{
  if (settle (self, matched))
    step (self);
}

/* ---- records ---- */

/* The one SPF record among @answer's texts (4.5). Returns: (nullable): with *@n, how many there are. */
static const char *
select_record (const PbDnsAnswer *answer, guint *n)
{
  const char *found = NULL;

  *n = 0;
  for (char **text = answer->names; text != NULL && *text != NULL; text++)
    if (pb_spf_record_is (*text))
      {
        found = *text;
        *n += 1;
      }
  return found;
}

/* What a domain without a usable record means: nothing for the sender's own, an error where a record sent us there (5.2, 6.1). */
static void
finish_without_record (PbSpf *self)
{
  g_autofree char *problem = NULL;

  if (self->lookups == 0)
    {
      pb_spf_finish (self, PB_SPF_NONE, NULL);
      return;
    }
  problem = g_strdup_printf ("%s has no SPF record", pb_spf_top_frame (self)->domain);
  pb_spf_finish (self, PB_SPF_PERMERROR, problem);
}

void
pb_spf_finish_with_trouble (PbSpf *self, const char *name, const PbDnsAnswer *answer)
{
  g_autofree char *problem =
    g_strdup_printf ("DNS for %s: %s", name, answer->why != NULL ? answer->why : "no answer");

  pb_spf_finish (self, PB_SPF_TEMPERROR, problem);
}

static void
on_record (PbSpf *self, PbDnsAnswer *answer, guint host)
{
  PbSpfFrame *frame = pb_spf_top_frame (self);
  g_autofree char *wrong = NULL;
  g_autofree char *problem = NULL;
  const char *text;
  guint n;

  if (answer->status == PB_DNS_TROUBLE)
    {
      pb_spf_finish_with_trouble (self, frame->domain, answer);
      return;
    }
  text = select_record (answer, &n);
  if (n == 0)
    {
      finish_without_record (self);
      return;
    }
  frame->record = n == 1 ? pb_spf_record_parse (text, &wrong) : NULL;
  if (frame->record != NULL)
    {
      step (self);
      return;
    }
  problem = n > 1 ? g_strdup_printf ("%s has %u SPF records", frame->domain, n)
                  : g_strdup_printf ("%s: %s", frame->domain, wrong);
  pb_spf_finish (self, PB_SPF_PERMERROR, problem);
}

/* Evaluates the record of @domain next (transfer full). */
void
pb_spf_push_frame (PbSpf *self, char *domain)
{
  PbSpfFrame *frame = g_new0 (PbSpfFrame, 1);

  frame->domain = domain;
  g_ptr_array_add (self->frames, frame);
  pb_spf_ask (self, domain, PB_DNS_TXT, 0, on_record);
}

/* ---- the beginning ---- */

/* A domain that can have a record: labels of 1-63 octets, more than one of them, and no address literal (4.3). */
static gboolean
may_have_record (const char *domain)
{
  const char *dot = strchr (domain, '.');

  return pb_dns_name_is_valid (domain) && dot != NULL && dot[1] != '\0' && domain[0] != '[';
}

static void
on_nothing_to_ask (PbSpf *self, PbDnsAnswer *answer, guint host)
{
  pb_spf_finish (self, PB_SPF_NONE, NULL);
}

PbSpf *
pb_spf_check (const PbSpfQuery *query, const PbDnsSource *dns, PbSpfFunc func, gpointer user_data)
{
  PbSpf *self = g_new0 (PbSpf, 1);
  const char *at = strrchr (query->sender, '@');

  self->dns = *dns;
  self->func = func;
  self->user_data = user_data;
  self->ip = query->ip;
  self->helo = g_strdup (query->helo);
  self->receiver = g_strdup (query->receiver);
  self->deadline = g_get_monotonic_time () + (gint64) query->seconds * G_USEC_PER_SEC;
  self->frames = g_ptr_array_new_with_free_func (frame_free);
  self->outcome.by_helo = at == NULL;
  self->sender_domain = g_strdup (at != NULL ? at + 1 : query->helo);
  /* Without a local part the sender is postmaster (4.3). */
  self->local = at != NULL && at > query->sender
                  ? g_strndup (query->sender, (gsize) (at - query->sender))
                  : g_strdup ("postmaster");
  self->outcome.domain = g_strdup (self->sender_domain);
  if (may_have_record (self->sender_domain))
    pb_spf_push_frame (self, g_strdup (self->sender_domain));
  else
    pb_spf_ask (self, "", PB_DNS_TXT, 0, on_nothing_to_ask);
  return self;
}

void
pb_spf_cancel (PbSpf *self)
{
  self->func = NULL;
}
