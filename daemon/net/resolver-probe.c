/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One try whether the name servers in hand can be validated through: the start of authority of the trust
 * anchor's own zone, asked for with a context and a cache of its own. Many routers at home answer without the
 * signatures that were asked for; believed to validate, such a server would make every name bogus and stop all
 * mail. Made by resolver-validation.c, on the resolver's thread; told once, later, unless freed before.
 */
#include "net/resolver-private.h"

#include <glib-unix.h>
#include <string.h>

#define TYPE_SOA     6
#define RCODE_SERVFAIL 2

struct _PbResolverProbe
{
  struct ub_ctx *unbound; /* (owned) */
  GSource *source;        /* (owned) */
  PbResolverProbed func;
  gpointer user_data;
};

static void
on_answer (void *data, int error, struct ub_result *result)
{
  PbResolverProbe *self = data;
  PbProbeOutcome outcome = PB_PROBE_SILENT;
  g_autofree char *why = NULL;

  if (error == 0 && result != NULL && result->secure)
    outcome = PB_PROBE_SECURE;
  else if (error == 0 && result != NULL && (result->bogus || result->rcode != RCODE_SERVFAIL))
    {
      outcome = PB_PROBE_INSECURE;
      why = g_strdup (result->why_bogus != NULL ? result->why_bogus : "the answer is not signed");
    }
  ub_resolve_free (result);
  self->func (outcome, why, self->user_data);
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
  if (ub_resolve_async (unbound, zone, TYPE_SOA, 1, self, on_answer, NULL) != 0)
    {
      ub_ctx_delete (unbound);
      g_free (self);
      return NULL;
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
  g_source_destroy (self->source);
  g_source_unref (self->source);
  ub_ctx_delete (self->unbound);
  g_free (self);
}
