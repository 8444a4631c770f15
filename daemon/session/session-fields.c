/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is written on top of a message once it has come and was judged: our signatures or our seal, and what
 * the checks found out. Between the verdict and the store. Signing is a worker's; while it works the session
 * takes no input. A client that goes away meanwhile takes its message along, since nothing was promised.
 */
#include "session/session-private.h"

#include "queue/queue.h"

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

  if (self->shard->server->wiring.workers == NULL)
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
  PbSigning *signing; /* (owned) */
  GString *head;      /* (owned) */
} Writing;

static void
write_fields (gpointer data)
{
  Writing *self = data;

  pb_signing_write (self->signing, NULL, NULL, self->head);
}

/* Takes @head. */
static void
go_on (PbSession *self, GString *head)
{
  if (head->len > 0 && head->len <= PB_ENVELOPE_HEAD_MAX)
    self->transaction->head = g_string_free_to_bytes (head);
  else
    g_string_free (head, TRUE);
  pb_session_submit (self);
}

static void
on_fields_written (gpointer data)
{
  Writing *writing = data;
  PbSession *self = writing->session;
  GString *head = g_steal_pointer (&writing->head);

  pb_session_enter (self);
  self->pending--;
  if (self->state != PB_SESSION_CLOSED)
    {
      go_on (self, head);
      pb_session_release (self, PB_HOLD_WORKER);
    }
  else
    g_string_free (head, TRUE);
  pb_signing_free (writing->signing);
  g_free (writing);
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

void
pb_session_write_fields (PbSession *self)
{
  PbSigning *signing = end_signing (self);
  GString *head = g_string_new (NULL);
  Writing *writing;

  if (signing == NULL)
    {
      go_on (self, head);
      return;
    }
  writing = g_new0 (Writing, 1);
  writing->session = self;
  writing->signing = signing;
  writing->head = head;
  self->pending++;
  pb_session_hold (self, PB_HOLD_WORKER);
  pb_pool_run (self->shard->server->wiring.workers, write_fields, pb_session_mailbox (self),
               on_fields_written, writing);
}
