/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The mechanisms that ask DNS (RFC 7208 5): what each asks, and what its answer means. Called by spf.c with
 * a term at hand; each ends in pb_spf_settle() or in the check's end.
 */
#include "mailauth/spf-private.h"

#define MAX_VOIDS 2 /* answers without records (4.6.4) */

/* Counts an answer without records. Returns: FALSE when the check ended by it, or by trouble. */
static gboolean
take_answer (PbSpf *self, const PbDnsAnswer *answer)
{
  if (answer->status == PB_DNS_TROUBLE)
    {
      pb_spf_finish_with_trouble (self, self->target, answer);
      return FALSE;
    }
  if (answer->status != PB_DNS_OK && ++self->voids > MAX_VOIDS)
    {
      pb_spf_finish (self, PB_SPF_PERMERROR, "more than 2 lookups that lead nowhere");
      return FALSE;
    }
  return TRUE;
}

static void
on_a (PbSpf *self, PbDnsAnswer *answer, guint host)
{
  if (take_answer (self, answer))
    pb_spf_settle (self, pb_spf_has_client (self, answer, pb_spf_term (self)));
}

static void
on_exists (PbSpf *self, PbDnsAnswer *answer, guint host)
{
  if (take_answer (self, answer))
    pb_spf_settle (self, answer->status == PB_DNS_OK);
}

static void
on_mx_gathered (PbSpf *self)
{
  const PbDnsAnswer *trouble = NULL;

  for (guint i = 0; i < self->names->len; i++)
    if (pb_spf_has_client (self, self->answers[i], pb_spf_term (self)))
      {
        pb_spf_settle (self, TRUE);
        return;
      }
    else if (self->answers[i]->status == PB_DNS_TROUBLE)
      trouble = self->answers[i];
  if (trouble != NULL)
    pb_spf_finish_with_trouble (self, self->target, trouble);
  else
    pb_spf_settle (self, FALSE);
}

static void
on_mx (PbSpf *self, PbDnsAnswer *answer, guint host)
{
  if (!take_answer (self, answer))
    return;
  if (answer->n_mx > PB_SPF_MAX_HOSTS)
    {
      pb_spf_finish (self, PB_SPF_PERMERROR, "more than 10 MX records");
      return;
    }
  self->names = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; i < answer->n_mx; i++)
    if (answer->mx[i].exchange[0] != '\0')
      g_ptr_array_add (self->names, g_strdup (answer->mx[i].exchange));
  if (self->names->len > 0)
    pb_spf_gather (self, on_mx_gathered);
  else
    pb_spf_settle (self, FALSE);
}

static void
match_names (PbSpf *self)
{
  gboolean matched = FALSE;

  for (guint i = 0; i < self->validated->len; i++)
    matched = matched || pb_spf_is_within (self->validated->pdata[i], self->target);
  pb_spf_settle (self, matched);
}

/* Asks what the term at hand wants to know; its domain may need the client's name. */
void
pb_spf_ask_term (PbSpf *self)
{
  const PbSpfTerm *term = pb_spf_term (self);

  g_free (self->target);
  self->target = pb_spf_expand (self, term->domain, PB_SPF_DOMAIN_SPEC);
  switch (term->mechanism)
    {
    case PB_SPF_INCLUDE:
      pb_spf_push_frame (self, g_strdup (self->target));
      break;
    case PB_SPF_A:
      pb_spf_ask (self, self->target, pb_spf_address_type (self), 0, on_a);
      break;
    case PB_SPF_MX:
      pb_spf_ask (self, self->target, PB_DNS_MX, 0, on_mx);
      break;
    case PB_SPF_PTR:
      pb_spf_with_names (self, match_names);
      break;
    case PB_SPF_EXISTS: /* always by IPv4 (5.7) */
      pb_spf_ask (self, self->target, PB_DNS_A, 0, on_exists);
      break;
    case PB_SPF_ALL:
    case PB_SPF_IP4:
    case PB_SPF_IP6:
      g_assert_not_reached ();
    }
}
