/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A transaction's envelope on its way out: MAIL, RCPT and what asks for the message, in one group where
 * the server takes groups (RFC 2920), one by one otherwise. Called by smtp-transaction.c, which has the
 * replies; here is decided whether a message goes by DATA or by BDAT. Everything said is in the
 * transcript of the delivery. Nothing here fails.
 */
#include "delivery/smtp-connection-private.h"

/* What stands in @out from @start on goes to the transcript. */
static void
note_sent (PbTransaction *transaction, const GByteArray *out, guint start)
{
  pb_transcript_client_lines (transaction->job->transcript, (const char *) out->data + start,
                              out->len - start);
}

void
pb_smtp_envelope_append_rcpt (PbSmtpConnection *self, PbTransaction *transaction, GByteArray *out)
{
  PbDelivery *delivery = transaction->job->delivery;
  guint index = transaction->n_asked++, start = out->len;
  guint recipient = delivery->recipients[transaction->rcpts[index].position];
  g_autofree char *address = NULL;

  if (self->lmtp)
    address = pb_route_lmtp_recipient (delivery->snapshot,
                                       delivery->envelope->recipients[recipient].address);
  pb_smtp_append_rcpt (out, delivery->envelope, recipient, address, &self->extensions);
  pb_smtp_connection_expect (self, PB_EXPECT_RCPT, index, transaction);
  note_sent (transaction, out, start);
}

void
pb_smtp_envelope_append_data (PbSmtpConnection *self, PbTransaction *transaction, GByteArray *out)
{
  guint start = out->len;

  pb_smtp_append (out, "DATA\r\n");
  pb_smtp_connection_expect (self, PB_EXPECT_DATA, 0, transaction);
  note_sent (transaction, out, start);
}

/* BDAT (RFC 3030) where it gains something: a large message needs no stuffing, and the first small one of a
 * connection can leave together with its envelope. Behind another message DATA is as fast, and what a refused
 * message's octets would have cost is spared. LMTP's number of answers is known behind the envelope's only. */
static gboolean
wants_bdat (PbSmtpConnection *self, PbTransaction *transaction)
{
  if ((self->extensions.offered & PB_EXT_CHUNKING) == 0
      || transaction->job->delivery->verify_only)
    return FALSE;
  if (pb_body_bytes (transaction->job->delivery->body) == NULL)
    return TRUE;
  return (self->extensions.offered & PB_EXT_PIPELINING) != 0 && !transaction->ahead
         && self->n_messages == 0 && !self->lmtp;
}

/* MAIL, and what may stand behind it in one group. */
void
pb_smtp_envelope_append (PbSmtpConnection *self, PbTransaction *transaction, GByteArray *out)
{
  guint start = out->len;

  transaction->bdat = wants_bdat (self, transaction);
  pb_smtp_append_mail (out, transaction->job->delivery, &self->extensions);
  pb_smtp_connection_expect (self, PB_EXPECT_MAIL, 0, transaction);
  note_sent (transaction, out, start);
  if ((self->extensions.offered & PB_EXT_PIPELINING) == 0)
    return;
  for (guint i = 0; i < transaction->n_rcpts; i++)
    pb_smtp_envelope_append_rcpt (self, transaction, out);
  if (transaction->job->delivery->verify_only)
    return;
  if (!transaction->bdat)
    pb_smtp_envelope_append_data (self, transaction, out);
  else if (pb_body_bytes (transaction->job->delivery->body) != NULL)
    pb_smtp_body_append (self, transaction, out);
}

/* A server that does not take groups answers RSET first; its reply sends MAIL. */
void
pb_smtp_envelope_send (PbSmtpConnection *self)
{
  gboolean pipelining = (self->extensions.offered & PB_EXT_PIPELINING) != 0;
  GByteArray *out = g_byte_array_sized_new (512);

  if (self->needs_reset)
    {
      pb_smtp_append (out, "RSET\r\n");
      pb_smtp_connection_expect (self, PB_EXPECT_RSET, 0, NULL);
    }
  if (!self->needs_reset || pipelining)
    pb_smtp_envelope_append (self, self->current, out);
  self->needs_reset = FALSE;
  pb_smtp_connection_write (self, out);
}
