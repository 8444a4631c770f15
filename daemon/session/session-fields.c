/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is written on top of a message once it has come and was judged: our signatures or our seal, and what
 * the checks found out. Between the verdict and the store. Signing is work for threads of its own, which no
 * check of a password holds; while it lasts the session takes no input. A client that goes away meanwhile
 * takes its message along, since nothing was promised.
 */
#include "session/session-private.h"

#include "policy/mail-checks.h"
#include "policy/mail-results.h"
#include "queue/queue.h"

/* For those who deliver what we hand on: that its author's domain wants it put aside. */
#define QUARANTINE_FIELD "X-Postbus-Quarantine: dmarc\r\n"

/* The newest settings: a key that was removed since the client came must not sign. */
static PbSnapshot *
take_snapshot (const PbSession *self)
{
  const PbServerWiring *wiring = &self->shard->server->wiring;

  return wiring->snapshot (wiring->data);
}

PbSigning *
pb_session_begin_signing (PbSession *self)
{
  const GArray *recipients = self->transaction->recipients;
  const PbSettingValues *values = &self->snapshot->values;
  g_autoptr (PbSnapshot) snapshot = NULL;
  PbSigningKinds kinds = 0;

  if (self->shard->server->wiring.signers == NULL)
    return NULL;
  /* Who may send for our domains is vouched for; of others we say what we saw, where somebody reads it. */
  if (self->exempt && values->mail_auth_sign_enabled)
    kinds |= PB_SIGNING_SIGN;
  if (!self->exempt && values->mail_auth_arc_enabled
      && pb_queue_leaves (self->snapshot, (const PbRecipient *) (void *) recipients->data, recipients->len))
    kinds |= PB_SIGNING_SEAL;
  if (kinds == 0)
    return NULL;
  snapshot = take_snapshot (self);
  return pb_signing_new (snapshot, kinds);
}

/* What a worker writes; outlives a session that is closed meanwhile. */
typedef struct
{
  PbSession *session;
  PbSigning *signing;   /* (owned) */
  gboolean has_chain;
  PbArcOutcome chain;   /* what was found out about it; its texts are not read */
  char *results;        /* (owned) (nullable) */
  GString *head;        /* (owned) topmost first */
} Writing;

static void
append_field (GString *head, const char *name, const char *value)
{
  if (value != NULL)
    g_string_append_printf (head, "%s:%s%s\r\n", name, value[0] == ' ' ? "" : " ", value);
}

/* On a signer. Signatures are above what they say nothing about. */
static void
write_fields (gpointer data)
{
  Writing *self = data;
  g_autoptr (GString) below = g_steal_pointer (&self->head);

  self->head = g_string_sized_new (below->len + 2048);
  pb_signing_write (self->signing, self->has_chain ? &self->chain : NULL, self->results, self->head);
  g_string_append_len (self->head, below->str, (gssize) below->len);
}

/* Takes @head. */
static void
go_on (PbSession *self, GString *head)
{
  if ((self->transaction->aside & PB_ASIDE_JUNK) != 0)
    g_string_prepend (head, QUARANTINE_FIELD);
  if (head->len > 0 && head->len <= PB_ENVELOPE_HEAD_MAX)
    self->transaction->head = g_string_free_to_bytes (head);
  else
    g_string_free (head, TRUE);
  pb_session_submit (self);
}

static void
writing_free (Writing *self)
{
  g_clear_pointer (&self->signing, pb_signing_free);
  if (self->head != NULL)
    g_string_free (self->head, TRUE);
  g_free (self->results);
  g_free (self);
}

static void
on_fields_written (gpointer data)
{
  Writing *writing = data;
  PbSession *self = writing->session;

  pb_session_enter (self);
  self->pending--;
  if (self->state != PB_SESSION_CLOSED)
    {
      go_on (self, g_steal_pointer (&writing->head));
      pb_session_release (self, PB_HOLD_WORKER);
    }
  writing_free (writing);
  pb_session_leave (self);
}

/* Returns: (transfer full) (nullable): what has something to write. */
static PbSigning *
end_signing (PbSession *self)
{
  PbTransaction *transaction = self->transaction;
  g_autoptr (PbSigning) signing = g_steal_pointer (&transaction->signing);
  g_autoptr (PbSnapshot) snapshot = NULL;

  if (signing == NULL)
    return NULL;
  snapshot = take_snapshot (self);
  if (!pb_signing_end (signing, snapshot, (const PbRecipient *) (void *) transaction->recipients->data,
                       transaction->recipients->len))
    return NULL;
  return g_steal_pointer (&signing);
}

/* What the checks found out, for whoever reads the message here or behind us. */
static void
write_results (PbSession *self, Writing *writing)
{
  PbJudged judged = { 0 };
  PbMailResults found = { 0 };
  g_autofree char *received_spf = NULL;

  if (self->exempt)
    return;
  pb_session_fill_in (self, &judged);
  writing->results = pb_mail_results_format (&judged);
  append_field (writing->head, "Authentication-Results", writing->results);
  received_spf = pb_mail_results_received_spf (&judged);
  append_field (writing->head, "Received-SPF", received_spf);
  if (judged.mail == NULL)
    return;
  pb_mail_checks_results (judged.mail, &found);
  writing->has_chain = found.has_arc;
  writing->chain = (PbArcOutcome){ .result = found.arc, .sets = found.arc_sets };
}

void
pb_session_write_fields (PbSession *self)
{
  Writing *writing = g_new0 (Writing, 1);

  writing->session = self;
  writing->head = g_string_new (NULL);
  write_results (self, writing);
  writing->signing = end_signing (self);
  if (writing->signing == NULL)
    {
      go_on (self, g_steal_pointer (&writing->head));
      writing_free (writing);
      return;
    }
  self->pending++;
  pb_session_hold (self, PB_HOLD_WORKER);
  pb_pool_run (self->shard->server->wiring.signers, write_fields, pb_session_mailbox (self),
               on_fields_written, writing);
}
