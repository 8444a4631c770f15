/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One try whether the name servers in hand can be validated through, with a context and a cache of its own: the
 * start of authority of the trust anchor's own zone must come signed, and so must word that the zone has no TLSA
 * records. Many routers at home answer without the signatures that were asked for, some keep those that prove
 * that a name or a delegation is not signed, some know the types of their day alone. Believed to validate, such
 * a server would make names bogus and stop mail. Made by resolver-validation.c, on the resolver's thread; told
 * once, later, unless freed before.
 */
#include "net/resolver-private.h"

#include <glib-unix.h>
#include <string.h>

#define TYPE_SOA       6
#define RCODE_SERVFAIL 2

/* What is asked, in the order in which it counts. */
enum
{
  PROOF,  /* the start of authority, which there is */
  DENIAL, /* records that there are not; of the type that DANE asks for */
  N_QUESTIONS,
};

typedef struct
{
  PbResolverProbe *probe; /* (not owned) */
  gboolean answered;
  PbProbeOutcome outcome;
  char *why; /* (owned) (nullable) */
} Question;

struct _PbResolverProbe
{
  struct ub_ctx *unbound; /* (owned) */
  GSource *source;        /* (owned) (nullable) */
  Question questions[N_QUESTIONS];
  gboolean told;
  PbResolverProbed func;
  gpointer user_data;
};

/* Whoever proves what there is, and not what there is not, would stop the mail to all that is not signed. */
static void
consider (PbResolverProbe *self)
{
  const Question *proof = &self->questions[PROOF], *denial = &self->questions[DENIAL];

  if (self->told || !proof->answered || (proof->outcome == PB_PROBE_SECURE && !denial->answered))
    return;
  self->told = TRUE;
  if (proof->outcome != PB_PROBE_SECURE || denial->outcome == PB_PROBE_SECURE)
    self->func (proof->outcome, proof->why, self->user_data);
  else if (denial->outcome == PB_PROBE_INSECURE)
    self->func (PB_PROBE_INSECURE, denial->why, self->user_data);
  else
    self->func (PB_PROBE_INSECURE, "the DNS servers do not answer for TLSA records", self->user_data);
}

static void
on_answer (void *data, int error, struct ub_result *result)
{
  Question *self = data;

  self->answered = TRUE;
  self->outcome = PB_PROBE_SILENT;
  if (error == 0 && result != NULL && result->secure)
    self->outcome = PB_PROBE_SECURE;
  else if (error == 0 && result != NULL && (result->bogus || result->rcode != RCODE_SERVFAIL))
    {
      self->outcome = PB_PROBE_INSECURE;
      self->why = g_strdup (result->why_bogus != NULL ? result->why_bogus : "the answer is not signed");
    }
  ub_resolve_free (result);
  consider (self->probe);
}

static gboolean
on_readable (int fd, GIOCondition condition, gpointer user_data)
{
  /* What is told may free all of this. */
  ub_process (((PbResolverProbe *) user_data)->unbound);
  return G_SOURCE_CONTINUE;
}

PbResolverProbe *
pb_resolver_probe_new (const PbResolver *resolver, const char *zone, PbResolverProbed func, gpointer user_data)
{
  struct ub_ctx *unbound = pb_resolver_context_new (resolver, TRUE);
  PbResolverProbe *self;

  if (unbound == NULL)
    return NULL;
  self = g_new0 (PbResolverProbe, 1);
  self->unbound = unbound;
  self->func = func;
  self->user_data = user_data;
  for (guint i = 0; i < N_QUESTIONS; i++)
    {
      self->questions[i].probe = self;
      if (ub_resolve_async (unbound, zone, i == PROOF ? TYPE_SOA : PB_DNS_TLSA, 1, &self->questions[i], on_answer,
                            NULL)
          != 0)
        {
          pb_resolver_probe_free (self);
          return NULL;
        }
    }
  self->source = g_unix_fd_source_new (ub_fd (unbound), G_IO_IN);
  g_source_set_callback (self->source, G_SOURCE_FUNC (on_readable), self, NULL);
  g_source_set_static_name (self->source, "resolver probe");
  g_source_attach (self->source, resolver->context);
  return self;
}

void
pb_resolver_probe_free (PbResolverProbe *self)
{
  if (self->source != NULL)
    {
      g_source_destroy (self->source);
      g_source_unref (self->source);
    }
  ub_ctx_delete (self->unbound);
  for (guint i = 0; i < N_QUESTIONS; i++)
    g_free (self->questions[i].why);
  g_free (self);
}
