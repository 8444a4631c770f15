/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The DMARC evaluator (RFC 9989): the author's record, its organizational domain by a walk up the DNS tree,
 * and one walk for each domain that might speak for the author. Called at the end of DATA, behind SPF and
 * DKIM; one thread. A walk is at most eight questions, no name is asked twice, and DNS trouble is never a
 * failure of the message.
 */
#include "mailauth/dmarc.h"

#include "util/marked.h"

#include <string.h>

#define MAX_DOMAINS 6 /* of SPF and DKIM that are looked at */
#define WALK_LABELS 7 /* a longer name is cut to so many (4.10) */

/* What stands at _dmarc.NAME. */
typedef struct
{
  guint n;              /* records that begin with v=DMARC1 */
  PbDmarcRecord record; /* when there is just one */
} Found;

/* A domain that passed SPF or DKIM. */
typedef struct
{
  char *domain; /* (owned) lower case */
  gboolean by_spf;
} Candidate;

/* What goes on once a walk has found an organizational domain. */
typedef void (*Walked) (PbDmarc *self);

struct _PbDmarc
{
  PbDnsSource dns;
  PbDmarcFunc func; /* (nullable) NULL once cancelled */
  gpointer user_data;
  gint64 deadline;      /* monotonic, microseconds */
  char *author;         /* (owned) lower case */
  char *organizational; /* (owned) (nullable) the author's */
  Candidate candidates[MAX_DOMAINS];
  guint n_candidates, candidate; /* and which is looked at */
  GHashTable *found;             /* (owned) name -> Found */
  const Found *record;           /* the one that holds; in @found */
  PbDmarcOutcome outcome;

  const char *start; /* of the walk under way; borrowed */
  const char *at;    /* within @start */
  char *walk_result; /* (owned) (nullable) the organizational domain */
  Walked walked;
};

static void
dmarc_free (PbDmarc *self)
{
  for (guint i = 0; i < self->n_candidates; i++)
    g_free (self->candidates[i].domain);
  g_hash_table_unref (self->found);
  g_free (self->author);
  g_free (self->organizational);
  g_free (self->walk_result);
  g_free (self);
}

const char *
pb_dmarc_result_name (PbDmarcResult result)
{
  switch (result)
    {
    case PB_DMARC_NONE:
      return "none";
    case PB_DMARC_PASS:
      return "pass";
    case PB_DMARC_FAIL:
      return "fail";
    case PB_DMARC_TEMPERROR:
      return "temperror";
    }
  return "";
}

static void
finish (PbDmarc *self, PbDmarcResult result, const char *problem)
{
  self->outcome.result = result;
  self->outcome.problem = problem;
  self->outcome.organizational = self->organizational;
  if (self->func != NULL)
    self->func (&self->outcome, self->user_data);
  dmarc_free (self);
}

/* ---- asking ---- */

/* One question. @answered is not called when the check was cancelled or DNS is in trouble. */
typedef struct
{
  PbDmarc *dmarc;
  void (*answered) (PbDmarc *self, const PbDnsAnswer *answer);
} Question;

static void
on_answer (PbDnsAnswer *answer, gpointer user_data)
{
  g_autofree Question *question = user_data;
  PbDmarc *self = question->dmarc;

  if (self->func == NULL)
    dmarc_free (self);
  else if (answer->status == PB_DNS_TROUBLE || g_get_monotonic_time () > self->deadline)
    finish (self, PB_DMARC_TEMPERROR, N_ ("DNS did not answer"));
  else
    question->answered (self, answer);
}

static void
ask (PbDmarc *self, const char *name, PbDnsType type,
     void (*answered) (PbDmarc *self, const PbDnsAnswer *answer))
{
  gint64 left = (self->deadline - g_get_monotonic_time ()) / G_USEC_PER_SEC;
  Question *question = g_new (Question, 1);

  *question = (Question){ self, answered };
  pb_dns_source_query (&self->dns, name, type, (guint) MAX (left, 1), on_answer, question);
}

static const Found *
keep_found (PbDmarc *self, const char *name, const PbDnsAnswer *answer)
{
  Found *found = g_new0 (Found, 1);
  PbDmarcRecord record;

  for (char **text = answer->names; text != NULL && *text != NULL; text++)
    if (pb_dmarc_record_parse (*text, &record))
      {
        found->record = record;
        found->n++;
      }
  g_hash_table_insert (self->found, g_strdup (name), found);
  return found;
}

static const Found *
look_up (PbDmarc *self, const char *name)
{
  return name != NULL ? g_hash_table_lookup (self->found, name) : NULL;
}

/* ---- the tree walk (4.10) ---- */

static guint
count_labels (const char *name)
{
  guint n = 1;

  for (; *name != '\0'; name++)
    n += *name == '.';
  return n;
}

/* The name above @name; a long one is cut short at once. Returns: (nullable): NULL at the top. */
static const char *
parent (const char *name)
{
  const char *dot = strchr (name, '.');

  for (guint n = count_labels (name) - 1; dot != NULL && n > WALK_LABELS; n--)
    dot = strchr (dot + 1, '.');
  return dot != NULL ? dot + 1 : NULL;
}

/* The name below @above on the way to @name. */
static const char *
child (const char *name, const char *above)
{
  const char *at = above - 1;

  while (at > name && at[-1] != '.')
    at--;
  return at;
}

/* The walk ended by a record that says so, or at the top: then the name nearest to the top with a record is it (4.10.2). */
static const char *
choose_organizational (PbDmarc *self, const Found *last)
{
  const char *top = self->start;

  if (last != NULL && last->record.psd == PB_DMARC_PSD_NO)
    return self->at;
  if (last != NULL && last->record.psd == PB_DMARC_PSD_YES)
    return self->at == self->start ? self->start : child (self->start, self->at);
  for (const char *name = self->start; name != NULL; name = parent (name))
    {
      const Found *found = look_up (self, name);

      if (found != NULL && found->n == 1)
        top = name;
    }
  return top;
}

static void on_walk_answer (PbDmarc *self, const PbDnsAnswer *answer);

/* Goes up from @self->at as far as is known; asks for the first name that is not. */
static void
walk_on (PbDmarc *self)
{
  const Found *found = NULL;
  g_autofree char *name = NULL;

  while (self->at != NULL)
    {
      found = look_up (self, self->at);
      if (found == NULL)
        {
          name = g_strconcat ("_dmarc.", self->at, NULL);
          ask (self, name, PB_DNS_TXT, on_walk_answer);
          return;
        }
      if (found->n == 1 && found->record.psd != PB_DMARC_PSD_UNKNOWN)
        break;
      self->at = parent (self->at);
    }
  g_free (self->walk_result);
  self->walk_result = g_strdup (choose_organizational (self, self->at != NULL ? found : NULL));
  self->walked (self);
}

static void
on_walk_answer (PbDmarc *self, const PbDnsAnswer *answer)
{
  keep_found (self, self->at, answer);
  walk_on (self);
}

/* Runs @walked with the organizational domain of @start in @self->walk_result. */
static void
walk (PbDmarc *self, const char *start, Walked walked)
{
  self->start = start;
  self->at = start;
  self->walked = walked;
  walk_on (self);
}

/* ---- alignment (4.4) ---- */

static gboolean
is_within (const char *name, const char *domain)
{
  gsize length = strlen (name), tail = strlen (domain);

  return length >= tail && strcmp (name + length - tail, domain) == 0
         && (length == tail || name[length - tail - 1] == '.');
}

static void align (PbDmarc *self);

static void
take_aligned (PbDmarc *self)
{
  const Candidate *candidate = &self->candidates[self->candidate];

  if (candidate->by_spf)
    self->outcome.aligned_spf = candidate->domain;
  else if (self->outcome.aligned_dkim == NULL)
    self->outcome.aligned_dkim = candidate->domain;
}

static void
on_candidate_walked (PbDmarc *self)
{
  if (strcmp (self->walk_result, self->organizational) == 0)
    take_aligned (self);
  self->candidate++;
  align (self);
}

/* Looks at the candidates that are left. */
static void
align (PbDmarc *self)
{
  const PbDmarcRecord *record = &self->record->record;

  for (; self->candidate < self->n_candidates; self->candidate++)
    {
      const Candidate *candidate = &self->candidates[self->candidate];
      gboolean strict = candidate->by_spf ? record->strict_spf : record->strict_dkim;

      if (strcmp (candidate->domain, self->author) == 0)
        take_aligned (self);
      else if (!strict && is_within (candidate->domain, self->organizational))
        {
          walk (self, candidate->domain, on_candidate_walked);
          return;
        }
    }
  finish (self,
          self->outcome.aligned_spf != NULL || self->outcome.aligned_dkim != NULL ? PB_DMARC_PASS
                                                                                  : PB_DMARC_FAIL,
          NULL);
}

/* ---- the policy (4.10.1) ---- */

static void
apply (PbDmarc *self, gboolean exists)
{
  gboolean own = strcmp (self->outcome.record_domain, self->author) == 0;

  self->outcome.record = &self->record->record;
  self->outcome.policy = pb_dmarc_record_apply (&self->record->record, own, exists);
  align (self);
}

static void
on_existence (PbDmarc *self, const PbDnsAnswer *answer)
{
  apply (self, answer->status != PB_DNS_NXDOMAIN);
}

/* The record holds, found at @domain: within @self->author or its organizational domain. */
static void
take_record (PbDmarc *self, const Found *found, const char *domain)
{
  self->record = found;
  self->outcome.record_domain = domain;
  if (!found->record.usable)
    finish (self, PB_DMARC_NONE, N_ ("the record has no policy"));
  else if (domain != self->author && found->record.nonexistent != found->record.subdomain)
    ask (self, self->author, PB_DNS_A, on_existence); /* NXDOMAIN holds for every type (RFC 8020) */
  else
    apply (self, TRUE);
}

/* Where the walk from the author's domain met a public suffix's record. Returns: (nullable). */
static const char *
find_suffix (PbDmarc *self)
{
  for (const char *name = self->author; name != NULL; name = parent (name))
    {
      const Found *found = look_up (self, name);

      if (found != NULL && found->n == 1 && found->record.psd == PB_DMARC_PSD_YES)
        return name;
    }
  return NULL;
}

static void
on_author_walked (PbDmarc *self)
{
  const Found *own = look_up (self, self->author), *found;
  const char *suffix;

  self->organizational = g_steal_pointer (&self->walk_result);
  if (own->n == 1)
    {
      take_record (self, own, self->author);
      return;
    }
  found = look_up (self, self->organizational);
  if (found != NULL && found->n == 1)
    {
      take_record (self, found, self->organizational);
      return;
    }
  suffix = find_suffix (self);
  if (suffix != NULL)
    take_record (self, look_up (self, suffix), suffix);
  else
    finish (self, PB_DMARC_NONE, NULL);
}

static void
on_author_record (PbDmarc *self, const PbDnsAnswer *answer)
{
  if (keep_found (self, self->author, answer)->n > 1)
    finish (self, PB_DMARC_NONE, N_ ("there is more than one record"));
  else
    walk (self, self->author, on_author_walked);
}

static void
add_candidate (PbDmarc *self, const char *domain, gboolean by_spf)
{
  if (self->n_candidates == MAX_DOMAINS || !pb_dns_name_is_valid (domain))
    return;
  self->candidates[self->n_candidates].domain = g_ascii_strdown (domain, -1);
  self->candidates[self->n_candidates++].by_spf = by_spf;
}

PbDmarc *
pb_dmarc_check (const PbDmarcQuery *query, const PbDnsSource *dns, PbDmarcFunc func,
                gpointer user_data)
{
  PbDmarc *self = g_new0 (PbDmarc, 1);
  g_autofree char *name = NULL;

  self->dns = *dns;
  self->func = func;
  self->user_data = user_data;
  self->deadline = g_get_monotonic_time () + (gint64) query->seconds * G_USEC_PER_SEC;
  self->author = g_ascii_strdown (query->author, -1);
  if (g_str_has_suffix (self->author, "."))
    self->author[strlen (self->author) - 1] = '\0';
  self->found = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  if (query->spf_domain != NULL)
    add_candidate (self, query->spf_domain, TRUE);
  for (guint i = 0; query->dkim_domains != NULL && query->dkim_domains[i] != NULL; i++)
    add_candidate (self, query->dkim_domains[i], FALSE);
  name = g_strconcat ("_dmarc.", self->author, NULL);
  ask (self, name, PB_DNS_TXT, on_author_record);
  return self;
}

void
pb_dmarc_cancel (PbDmarc *self)
{
  self->func = NULL;
}
