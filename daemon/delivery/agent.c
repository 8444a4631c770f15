/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * PbDelivery: one attempt at some recipients of one message. The queue makes it, one agent at a time
 * owns and fills it, the queue takes it back; so it needs no lock though it crosses threads. A
 * recipient that no agent spoke of stays DEFERRED: forgetting one can delay mail, never lose it.
 */
#include "delivery/agent.h"

#include "util/clock.h"

PbDelivery *
pb_delivery_new (PbEnvelope *envelope, PbBody *body, PbRoute *route, PbSnapshot *snapshot,
                 const guint *recipients, guint n_recipients)
{
  PbDelivery *self = g_new0 (PbDelivery, 1);

  self->envelope = pb_envelope_ref (envelope);
  self->body = body != NULL ? pb_body_ref (body) : NULL;
  self->route = pb_route_ref (route);
  self->snapshot = pb_snapshot_ref (snapshot);
  self->recipients = g_memdup2 (recipients, n_recipients * sizeof *recipients);
  self->n_recipients = n_recipients;
  self->results = g_new0 (PbResult, n_recipients);
  self->began = pb_clock_wall ();
  for (guint i = 0; i < n_recipients; i++)
    {
      self->results[i].recipient = recipients[i];
      self->results[i].kind = PB_RESULT_DEFERRED;
    }
  return self;
}

void
pb_delivery_free (PbDelivery *self)
{
  for (guint i = 0; i < self->n_recipients; i++)
    {
      g_free (self->results[i].reply);
      g_free (self->results[i].remote);
    }
  g_free (self->results);
  g_free (self->recipients);
  g_free (self->transcript);
  pb_envelope_unref (self->envelope);
  g_clear_pointer (&self->body, pb_body_unref);
  pb_route_unref (self->route);
  pb_snapshot_unref (self->snapshot);
  g_free (self);
}

void
pb_delivery_set (PbDelivery *self, guint position, PbResultKind kind, const char *status,
                 const char *reply, gboolean reply_is_smtp, const char *remote)
{
  PbResult *result = &self->results[position];

  result->kind = kind;
  g_strlcpy (result->status, status, sizeof result->status);
  g_free (result->reply);
  result->reply = g_strdup (reply);
  result->reply_is_smtp = reply_is_smtp;
  g_free (result->remote);
  result->remote = g_strdup (remote);
}

void
pb_delivery_set_all (PbDelivery *self, PbResultKind kind, const char *status, const char *reply,
                     gboolean reply_is_smtp, const char *remote)
{
  for (guint i = 0; i < self->n_recipients; i++)
    if (self->results[i].status[0] == '\0')
      pb_delivery_set (self, i, kind, status, reply, reply_is_smtp, remote);
}

void
pb_delivery_close (PbDelivery *self)
{
  pb_delivery_set_all (self, PB_RESULT_DEFERRED, "4.4.0", "no answer was recorded", FALSE, NULL);
  self->ended = pb_clock_wall ();
}
