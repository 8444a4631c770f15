/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * DomainList.VerifyRecipients: a delivery that ends at RCPT, by the way that mail to the recipient would
 * take, from the null sender as a bounce would come. Only what is said to the RCPT itself counts: a
 * refusal for good makes the recipient unknown, anything else leaves the question open. Whoever asked is
 * let go after some seconds; what comes later is still kept. Made and run by the service.
 */
#include "delivery/recipient-probe.h"

#include "util/log.h"
#include <string.h>

#define MAX_KEPT         20000 /* answers: some 4 MiB */
#define MAX_ASKED        200
#define PATIENCE_SECONDS 10

struct _PbRecipientProbe
{
  PbSmtpAgent *agent;             /* borrowed; NULL once closed */
  PbMailbox *mailbox;             /* borrowed */
  PbRemoteRecipients *recipients; /* (owned) */
};

/* One question under way. */
typedef struct
{
  PbRecipientProbe *probe;
  PbSnapshot *snapshot;  /* (owned) */
  char *key, *recipient; /* (owned) */
  guint timeout;         /* 0 once they were let go who wait */
} Question;

static void
question_free (Question *self)
{
  g_clear_handle_id (&self->timeout, g_source_remove);
  pb_snapshot_unref (self->snapshot);
  g_free (self->key);
  g_free (self->recipient);
  g_free (self);
}

static PbRemoteState
judge (const PbResult *result)
{
  if (!result->at_rcpt)
    return PB_REMOTE_UNTOLD;
  switch (result->kind)
    {
    case PB_RESULT_DELIVERED:
      return PB_REMOTE_KNOWN;
    case PB_RESULT_FAILED:
      return PB_REMOTE_UNKNOWN;
    case PB_RESULT_DEFERRED:
      break;
    }
  return PB_REMOTE_UNTOLD;
}

static void
on_probed (PbDelivery *delivery, gpointer user_data)
{
  Question *self = user_data;
  const PbResult *result = &delivery->results[0];
  PbRemoteState state = judge (result);

  if (state != PB_REMOTE_KNOWN)
    pb_log (PB_LOG_INFO, "recipient-probe", "to", self->recipient, "relay",
            result->remote != NULL ? result->remote : delivery->route->key, "status",
            result->status, "reply", result->reply, NULL);
  pb_remote_recipients_answer (self->probe->recipients, self->key, state,
                               delivery->destination_dead);
  pb_delivery_free (delivery);
  question_free (self);
}

static gboolean
on_patience_ended (gpointer user_data)
{
  Question *self = user_data;

  self->timeout = 0;
  pb_remote_recipients_answer (self->probe->recipients, self->key, PB_REMOTE_UNTOLD, TRUE);
  return G_SOURCE_REMOVE;
}

static PbDelivery *
make_delivery (const Question *self, PbRoute *route)
{
  g_autoptr (PbEnvelope) envelope = pb_envelope_new (0);
  const guint first = 0;
  PbDelivery *delivery;

  envelope->sender = g_strdup ("");
  envelope->client = g_strdup ("local");
  envelope->n_recipients = 1;
  envelope->recipients = g_new0 (PbRecipient, 1);
  envelope->recipients[0].address = g_strdup (self->recipient);
  if (!g_str_is_ascii (self->recipient))
    envelope->flags |= PB_ENVELOPE_SMTPUTF8;
  delivery = pb_delivery_new (envelope, NULL, route, self->snapshot, &first, 1);
  delivery->verify_only = TRUE;
  return delivery;
}

/* On the main thread. */
static void
on_ask (gpointer data)
{
  Question *self = data;
  g_autoptr (PbRoute) route = pb_route_find (self->snapshot, "", self->recipient, NULL);

  /* A relay host by an exception knows no more than we do. */
  if (self->probe->agent == NULL || route->reason != PB_ROUTE_REASON_DOMAIN_LIST
      || (route->kind != PB_ROUTE_HOSTS && route->kind != PB_ROUTE_MX))
    {
      pb_remote_recipients_answer (self->probe->recipients, self->key, PB_REMOTE_UNTOLD, FALSE);
      question_free (self);
      return;
    }
  self->timeout = g_timeout_add_seconds (PATIENCE_SECONDS, on_patience_ended, self);
  pb_smtp_agent_deliver (self->probe->agent, make_delivery (self, route), self->probe->mailbox,
                         on_probed, self);
}

/* A PbRemoteAsk, on any thread. */
static void
ask (PbSnapshot *snapshot, const char *key, const char *recipient, gpointer data)
{
  PbRecipientProbe *self = data;
  Question *question = g_new0 (Question, 1);

  question->probe = self;
  question->snapshot = pb_snapshot_ref (snapshot);
  question->key = g_strdup (key);
  question->recipient = g_strdup (recipient);
  pb_mailbox_post (self->mailbox, on_ask, question);
}

PbRecipientProbe *
pb_recipient_probe_new (PbSmtpAgent *agent, PbRegistry *registry, PbMailbox *main_mailbox)
{
  PbRecipientProbe *self = g_new0 (PbRecipientProbe, 1);

  self->agent = agent;
  self->mailbox = main_mailbox;
  self->recipients = pb_remote_recipients_new (MAX_KEPT, MAX_ASKED, ask, self);
  pb_registry_use_remote_recipients (registry, self->recipients);
  return self;
}

void
pb_recipient_probe_close (PbRecipientProbe *self)
{
  self->agent = NULL;
  pb_remote_recipients_close (self->recipients);
}

void
pb_recipient_probe_free (PbRecipientProbe *self)
{
  pb_remote_recipients_unref (self->recipients);
  g_free (self);
}
