/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How an SPF check asks DNS: one question, the addresses of several hosts at once, and the client's
 * validated names (RFC 7208 5.5), which macros want too. Called by spf.c and spf-terms.c. A check has
 * questions under way whenever its caller has control, and outlives a cancellation until they are answered.
 */
#include "mailauth/spf-private.h"

#include <string.h>

void
pb_spf_drop_hosts (PbSpf *self)
{
  for (guint i = 0; self->answers != NULL && i < self->names->len; i++)
    g_clear_pointer (&self->answers[i], pb_dns_answer_unref);
  g_clear_pointer (&self->answers, g_free);
  g_clear_pointer (&self->names, g_ptr_array_unref);
}

/* ---- asking ---- */

/* A question under way. It holds its check, which outlives a cancellation by the answers. */
typedef struct
{
  PbSpf *spf;
  guint host; /* of the hosts gathered */
  void (*answered) (PbSpf *self, PbDnsAnswer *answer, guint host);
} Question;

static void
on_answer (PbDnsAnswer *answer, gpointer user_data)
{
  g_autofree Question *question = user_data;
  PbSpf *self = question->spf;

  self->asked--;
  if (self->func != NULL)
    question->answered (self, answer, question->host);
  else if (self->asked == 0)
    pb_spf_free (self);
}

void
pb_spf_ask (PbSpf *self, const char *name, PbDnsType type, guint host,
            void (*answered) (PbSpf *self, PbDnsAnswer *answer, guint host))
{
  gint64 left = (self->deadline - g_get_monotonic_time ()) / G_USEC_PER_SEC;
  Question *question = g_new (Question, 1);

  *question = (Question){ self, host, answered };
  self->asked++;
  pb_dns_source_query (&self->dns, name, type, (guint) MAX (left, 1), on_answer, question);
}

PbDnsType
pb_spf_address_type (PbSpf *self)
{
  return pb_ip_is_v4 (&self->ip) ? PB_DNS_A : PB_DNS_AAAA;
}

static void
on_host (PbSpf *self, PbDnsAnswer *answer, guint host)
{
  self->answers[host] = pb_dns_answer_ref (answer);
  if (self->asked == 0)
    self->gathered (self);
}

/* Asks for the addresses of @self->names, all at once; @gathered runs with all of @self->answers. */
void
pb_spf_gather (PbSpf *self, PbSpfGathered gathered)
{
  self->gathered = gathered;
  self->answers = g_new0 (PbDnsAnswer *, self->names->len);
  for (guint i = 0; i < self->names->len; i++)
    pb_spf_ask (self, self->names->pdata[i], pb_spf_address_type (self), i, on_host);
}

/* Whether the client is one of @answer's addresses, or in the network that a term's prefix makes of one. */
gboolean
pb_spf_has_client (PbSpf *self, const PbDnsAnswer *answer, const PbSpfTerm *term)
{
  guint prefix = pb_ip_is_v4 (&self->ip) ? 96 + term->prefix4 : term->prefix6;

  for (guint i = 0; answer->status == PB_DNS_OK && i < answer->n_addresses; i++)
    {
      PbNetblock block = { answer->addresses[i], prefix };

      if (pb_netblock_contains (&block, &self->ip))
        return TRUE;
    }
  return FALSE;
}

/* ---- the client's validated names (5.5) ---- */

static void
on_names_gathered (PbSpf *self)
{
  static const PbSpfTerm whole = { .prefix4 = 32, .prefix6 = 128 };

  self->validated = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; i < self->names->len; i++)
    if (pb_spf_has_client (self, self->answers[i], &whole))
      g_ptr_array_add (self->validated, g_strdup (self->names->pdata[i]));
  pb_spf_drop_hosts (self);
  self->with_names (self);
}

static void
on_ptr (PbSpf *self, PbDnsAnswer *answer, guint host)
{
  self->names = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; answer->status == PB_DNS_OK && answer->names[i] != NULL && i < PB_SPF_MAX_HOSTS;
       i++)
    g_ptr_array_add (self->names, g_strdup (answer->names[i]));
  if (self->names->len > 0)
    pb_spf_gather (self, on_names_gathered);
  else
    on_names_gathered (self);
}

/* "4.3.2.1.in-addr.arpa" or the like. */
static char *
reverse_name (const PbIp *ip)
{
  PbSpfMacros macros = { .ip = ip };

  return pb_spf_macro_expand ("%{ir}.%{v}.arpa", &macros, PB_SPF_DOMAIN_SPEC);
}

/* Runs @func with @self->validated known. */
void
pb_spf_with_names (PbSpf *self, PbSpfGathered func)
{
  g_autofree char *name = reverse_name (&self->ip);

  self->with_names = func;
  if (self->validated != NULL)
    func (self);
  else
    pb_spf_ask (self, name, PB_DNS_PTR, 0, on_ptr);
}

gboolean
pb_spf_is_within (const char *name, const char *domain)
{
  gsize length = strlen (name), tail = strlen (domain);

  if (tail > 0 && domain[tail - 1] == '.')
    tail--;
  if (length < tail || g_ascii_strncasecmp (name + length - tail, domain, tail) != 0)
    return FALSE;
  return length == tail || name[length - tail - 1] == '.';
}

/* The value of %{p}: the domain itself before its subdomains before any (7.3). */
static const char *
best_name (PbSpf *self, const char *domain)
{
  const char *best = NULL;

  for (guint i = 0; self->validated != NULL && i < self->validated->len; i++)
    {
      const char *name = self->validated->pdata[i];

      if (g_ascii_strcasecmp (name, domain) == 0)
        return name;
      if (best == NULL || (pb_spf_is_within (name, domain) && !pb_spf_is_within (best, domain)))
        best = name;
    }
  return best;
}

static PbSpfMacros
macros_at_hand (PbSpf *self)
{
  return (PbSpfMacros){ .local = self->local,
                        .sender_domain = self->sender_domain,
                        .domain = pb_spf_top_frame (self)->domain,
                        .helo = self->helo,
                        .receiver = self->receiver,
                        .ip = &self->ip,
                        .now = g_get_real_time () / G_USEC_PER_SEC };
}

/* Returns: (transfer full): @spec with its macros expanded; NULL spec: the domain at hand. */
char *
pb_spf_expand (PbSpf *self, const char *spec, PbSpfMacroUse use)
{
  PbSpfMacros macros = macros_at_hand (self);

  macros.validated = best_name (self, macros.domain);
  return spec != NULL ? pb_spf_macro_expand (spec, &macros, use) : g_strdup (macros.domain);
}
