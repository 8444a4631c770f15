/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A transaction of RFC 5321 3.3: the sender, the recipients accepted so far and, from DATA on, where
 * the octets go. Made and freed by its session, used on that session's thread. It knows the budget,
 * so that whatever ends it gives back what it held; it knows no replies and no socket.
 */
#include "session/transaction.h"

#include "protocol/text.h"
#include "store/store.h"
#include "util/clock.h"
#include <string.h>

static void
clear_recipient (gpointer data)
{
  PbRecipient *recipient = data;

  g_free (recipient->address);
  g_free (recipient->orcpt);
}

PbTransaction *
pb_transaction_new (PbMailArgs *mail, PbBudget *budget)
{
  PbTransaction *self = g_new0 (PbTransaction, 1);

  self->mail = *mail;
  *mail = (PbMailArgs){ 0 };
  self->budget = budget;
  self->skips = PB_SKIP_ALL;
  self->came = pb_clock_wall ();
  self->utf8 = self->mail.sender != NULL && self->mail.sender->utf8;
  self->recipients = g_array_new (FALSE, FALSE, sizeof (PbRecipient));
  g_array_set_clear_func (self->recipients, clear_recipient);
  return self;
}

void
pb_transaction_free (PbTransaction *self)
{
  pb_budget_charge (self->budget, -self->charged);
  g_clear_pointer (&self->checks, pb_mail_checks_free);
  g_clear_pointer (&self->spool, pb_spool_abort);
  g_free (self->hold);
  g_clear_pointer (&self->waste, g_byte_array_unref);
  g_clear_pointer (&self->header_edit, pb_header_edit_free);
  g_clear_pointer (&self->raw, g_byte_array_unref);
  g_clear_pointer (&self->signing, pb_signing_free);
  g_clear_pointer (&self->head, g_bytes_unref);
  g_clear_pointer (&self->recipients, g_array_unref);
  pb_header_scan_clear (&self->header);
  g_clear_pointer (&self->trail, pb_trail_unref);
  g_clear_pointer (&self->notes, pb_session_notes_free);
  pb_rcpt_args_clear (&self->rcpt);
  pb_mail_args_clear (&self->mail);
  g_free (self);
}

/* The address as the queue keeps it: postmaster without a domain, or at our address as a literal, is
   postmaster at our name. */
static char *
recipient_address (const PbAddress *address, const char *hostname, gboolean ours)
{
  if (address->domain != NULL && !ours)
    return g_strdup (address->text);
  return g_strconcat (address->local, "@", hostname, NULL);
}

void
pb_transaction_add (PbTransaction *self, PbRcptArgs *rcpt, const char *hostname, gboolean ours)
{
  PbRecipient recipient = {
    .address = recipient_address (rcpt->recipient, hostname, ours),
    .orcpt = g_steal_pointer (&rcpt->orcpt),
    .notify = rcpt->notify,
  };

  self->recipient_octets += sizeof recipient + strlen (recipient.address);
  if (recipient.orcpt != NULL)
    self->recipient_octets += strlen (recipient.orcpt);
  self->utf8 = self->utf8 || rcpt->recipient->utf8;
  g_array_append_val (self->recipients, recipient);
}

/* Gives the message up: what was stored goes, the decoder goes on to find the end. */
static void
give_up (PbTransaction *self)
{
  g_clear_pointer (&self->spool, pb_spool_abort);
  g_clear_pointer (&self->checks, pb_mail_checks_free);
  g_clear_pointer (&self->signing, pb_signing_free);
  if (self->waste == NULL)
    self->waste = g_byte_array_new ();
}

/* Looks at what the decoder gave out, behind the first @before octets of @out. */
static void
scan (PbTransaction *self, const GByteArray *out, gsize before)
{
  gsize length = out->len - before;
  gsize header = self->header.header_length;
  const char *added;

  if (length == 0)
    return;
  added = (const char *) out->data + before;
  self->size += length;
  pb_header_scan_feed (&self->header, added, length);
  if (self->checks != NULL)
    pb_mail_checks_feed (self->checks, added, length);
  header = self->header.header_length - header;
  if (header > 0 && self->header.has_8bit && !pb_text_is_ascii (added, MIN (header, length)))
    self->utf8 = TRUE;
}

void
pb_transaction_edit_header (PbTransaction *self, PbHeaderEdit *header_edit)
{
  g_clear_pointer (&self->header_edit, pb_header_edit_free);
  self->header_edit = header_edit;
  if (self->raw == NULL)
    self->raw = g_byte_array_new ();
}

/* Where the decoder is to write. */
static GByteArray *
find_out (PbTransaction *self)
{
  if (self->spool == NULL)
    return self->waste;
  if (self->header_edit != NULL && !self->header_edit->done)
    return self->raw;
  return pb_spool_buffer (self->spool);
}

/* Hands the header section on to the spool. */
static void
complete (PbTransaction *self, gboolean ended)
{
  GByteArray *out = pb_spool_buffer (self->spool);

  pb_header_edit_feed (self->header_edit, (const char *) self->raw->data, self->raw->len, out);
  g_byte_array_set_size (self->raw, 0);
  if (ended)
    pb_header_edit_finish (self->header_edit, out);
  if (self->header_edit->done)
    g_clear_pointer (&self->raw, g_byte_array_unref);
  if (self->header_edit->added_message_id && self->header.message_id == NULL)
    self->header.message_id = g_strdup (self->header_edit->message_id);
}

/* What is signed is what is stored: all that came into the spool's buffer behind its first @before octets. */
static void
feed_signing (PbTransaction *self, gsize before)
{
  const GByteArray *stored;

  if (self->signing == NULL)
    return;
  stored = pb_spool_buffer (self->spool);
  if (stored->len > before)
    pb_signing_feed (self->signing, (const char *) stored->data + before, stored->len - before);
}

gboolean
pb_transaction_take (PbTransaction *self, const char *data, gsize length, guint64 max_size,
                     gsize *consumed)
{
  GByteArray *out = find_out (self);
  gsize before = out->len;
  gsize stored = self->signing != NULL ? pb_spool_buffer (self->spool)->len : 0;
  gboolean ended;

  ended = pb_data_decoder_feed (&self->decoder, data, length, consumed, out);
  scan (self, out, before);
  if (out == self->raw)
    complete (self, ended);
  feed_signing (self, stored);
  if (self->spool == NULL)
    {
      self->wasted += *consumed;
      g_byte_array_set_size (out, 0);
    }
  else if (self->size > max_size
           || (self->decoder.bare_seen && self->decoder.mode == PB_DATA_REJECT_BARE))
    give_up (self);
  return ended;
}

void
pb_transaction_finish (PbTransaction *self)
{
  GByteArray *out = find_out (self);
  gsize before = out->len;
  gsize stored = self->signing != NULL ? pb_spool_buffer (self->spool)->len : 0;

  pb_data_decoder_finish (&self->decoder, out);
  scan (self, out, before);
  if (out == self->raw)
    complete (self, TRUE);
  feed_signing (self, stored);
}

void
pb_transaction_charge (PbTransaction *self)
{
  gint64 held = (gint64) (self->recipient_octets + self->note_octets);

  if (self->trail != NULL)
    held += (gint64) pb_trail_octets (self->trail);
  if (self->spool != NULL)
    held += (gint64) pb_spool_held (self->spool);
  if (self->checks != NULL)
    held += (gint64) pb_mail_checks_held (self->checks);
  if (self->signing != NULL)
    held += (gint64) pb_signing_held (self->signing);
  pb_budget_charge (self->budget, held - self->charged);
  self->charged = held;
}

static PbEnvelopeFlags
envelope_flags (const PbTransaction *self)
{
  PbEnvelopeFlags flags = 0;

  /* RFC 6531 3.2: asked for, but in need of it only when something is not ASCII. */
  if (self->mail.smtputf8 && self->utf8)
    flags |= PB_ENVELOPE_SMTPUTF8;
  if (self->mail.body == PB_BODY_8BITMIME || self->header.has_8bit)
    flags |= PB_ENVELOPE_8BIT;
  if ((self->aside & PB_ASIDE_JUNK) != 0)
    flags |= PB_ENVELOPE_JUNK;
  if (self->header.has_copy_mark)
    flags |= PB_ENVELOPE_COPIED;
  if (self->hold != NULL)
    flags |= PB_ENVELOPE_INFECTED;
  return flags;
}

PbEnvelope *
pb_transaction_envelope (PbTransaction *self)
{
  PbEnvelope *envelope = pb_envelope_new (self->id);
  gsize n_recipients;

  envelope->sender = g_strdup (self->mail.sender != NULL ? self->mail.sender->text : "");
  envelope->recipients = g_array_steal (self->recipients, &n_recipients);
  envelope->n_recipients = (guint) n_recipients;
  envelope->flags = envelope_flags (self);
  envelope->ret = self->mail.ret;
  if (self->hold != NULL)
    envelope->hold = g_strconcat (PB_HELD_INFECTED, self->hold, NULL);
  envelope->envid = g_strdup (self->mail.envid);
  envelope->message_id = g_steal_pointer (&self->header.message_id);
  return envelope;
}
