/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The message, behind the 354 dot-stuffed with its final dot, or as it is in BDATs: a small one leaves in
 * one piece, with the next delivery's envelope behind it where that may be; a large one is read from
 * its file by a worker, a block at a time, the next block only when the socket has taken the one before.
 * Each block has its own deadline (RFC 5321 4.5.3.2.5). A body that cannot be read gives the connection
 * up without its end, so that the server drops what it had.
 */
#include "delivery/smtp-connection-private.h"

#define BLOCK (256 * 1024)

/* A block being read; outlives a connection that is closed meanwhile. */
struct _PbSmtpChunk
{
  PbSmtpConnection *connection; /* (nullable) NULL once cancelled; the reactor's thread only */
  PbBody *body;                 /* (owned) */
  guint64 offset;
  char *data; /* (owned) (nullable) */
  gssize length;
  GError *error; /* (owned) (nullable) */
};

static void
chunk_free (PbSmtpChunk *self)
{
  pb_body_unref (self->body);
  g_free (self->data);
  g_clear_error (&self->error);
  g_free (self);
}

static void
read_chunk (gpointer data)
{
  PbSmtpChunk *self = data;

  self->data = g_try_malloc (BLOCK);
  self->length = self->data != NULL
                   ? pb_body_read (self->body, self->offset, self->data, BLOCK, &self->error)
                   : -1;
}

static void
set_block_deadline (PbSmtpConnection *self)
{
  pb_channel_set_deadline (self->channel, pb_reactor_now (self->context->reactor)
                                            + self->context->timeouts->block);
}

/* Some of the message, as the server takes it. */
static void
encode (PbSmtpConnection *self, const char *data, gsize length, gboolean last, GByteArray *out)
{
  if (self->seven_bit != NULL)
    {
      g_autoptr (GByteArray) converted = g_byte_array_sized_new ((guint) length + 1024);

      pb_seven_bit_feed (self->seven_bit, data, length, converted);
      if (last)
        pb_seven_bit_finish (self->seven_bit, converted);
      pb_data_encoder_feed (&self->encoder, (const char *) converted->data, converted->len, out);
    }
  else
    pb_data_encoder_feed (&self->encoder, data, length, out);
  if (last)
    pb_data_encoder_finish (&self->encoder, out);
}

static void
append_data (PbSmtpConnection *self, PbTransaction *transaction, const char *data, gsize length,
             gboolean last, GByteArray *out)
{
  encode (self, data, length, last, out);
  if (last)
    {
      g_autofree char *shown =
        g_strdup_printf ("[%" G_GUINT64_FORMAT " octets]",
                         pb_body_size (transaction->job->delivery->body));

      transaction->end = self->n_written + out->len;
      pb_transcript_client (transaction->job->transcript, shown, -1);
      pb_smtp_transaction_send_ahead (self, out);
    }
}

/* Each chunk says its length (RFC 3030 2) and is answered. */
static void
append_bdat (PbSmtpConnection *self, PbTransaction *transaction, const char *data, gsize length,
             gboolean last, GByteArray *out)
{
  g_autoptr (GByteArray) chunk = g_byte_array_sized_new ((guint) length + 4);
  g_autofree char *command = NULL;
  g_autofree char *shown = NULL;

  encode (self, data, length, last, chunk);
  command = g_strdup_printf ("BDAT %u%s", chunk->len, last ? " LAST" : "");
  shown = g_strdup_printf ("%s [%u octets]", command, chunk->len);
  pb_transcript_client (transaction->job->transcript, shown, -1);
  pb_smtp_append (out, command);
  pb_smtp_append (out, "\r\n");
  g_byte_array_append (out, chunk->data, chunk->len);
  if (last)
    {
      transaction->end = self->n_written + out->len;
      pb_smtp_transaction_expect_final (self, transaction);
      pb_smtp_transaction_send_ahead (self, out);
      return;
    }
  self->n_chunks++;
  pb_smtp_connection_expect (self, PB_EXPECT_CHUNK, 0, transaction);
}

/* Appends a part, and behind the last one what may stand there. */
static void
append_part (PbSmtpConnection *self, PbTransaction *transaction, const char *data, gsize length,
             gboolean last, GByteArray *out)
{
  if (transaction->bdat)
    append_bdat (self, transaction, data, length, last, out);
  else
    append_data (self, transaction, data, length, last, out);
}

static void
request_chunk (PbSmtpConnection *self)
{
  PbSmtpChunk *chunk = g_new0 (PbSmtpChunk, 1);

  chunk->connection = self;
  chunk->body = pb_body_ref (self->current->job->delivery->body);
  chunk->offset = self->body_offset;
  self->chunk = chunk;
  set_block_deadline (self);
  pb_pool_run (self->context->readers, read_chunk, pb_reactor_mailbox (self->context->reactor),
               pb_smtp_body_chunk_read, chunk);
}

/* The next block, once the socket has taken the last one, and the server too where it takes no groups. */
static void
go_on (PbSmtpConnection *self)
{
  gboolean pipelining = (self->extensions.offered & PB_EXT_PIPELINING) != 0;

  if (self->streaming && self->chunk == NULL && pb_channel_pending (self->channel) == 0
      && (pipelining || self->n_chunks == 0))
    request_chunk (self);
}

static void
give_up (PbSmtpConnection *self, const GError *error)
{
  g_autofree char *reason =
    g_strdup_printf ("the message cannot be read here: %s",
                     error != NULL ? error->message : "it is shorter than it was");

  pb_smtp_connection_lose (self, "4.3.0", reason, FALSE);
}

static void
take_chunk (PbSmtpConnection *self, PbSmtpChunk *chunk)
{
  guint64 size = pb_body_size (chunk->body);
  GByteArray *out;

  self->chunk = NULL;
  if (chunk->length <= 0)
    {
      give_up (self, chunk->error);
      return;
    }
  self->body_offset += (guint64) chunk->length;
  self->streaming = self->body_offset < size;
  out = g_byte_array_sized_new ((guint) chunk->length + 4096);
  append_part (self, self->current, chunk->data, (gsize) chunk->length, !self->streaming, out);
  pb_smtp_connection_write (self, out);
  if (self->streaming)
    set_block_deadline (self);
  pb_channel_flush (self->channel);
  go_on (self);
}

void
pb_smtp_body_chunk_read (gpointer data)
{
  PbSmtpChunk *chunk = data;

  if (chunk->connection != NULL)
    take_chunk (chunk->connection, chunk);
  chunk_free (chunk);
}

/* Such octets may not go to a server that does not offer to take them (RFC 6152 3). An LMTP server is our own
 * mailboxes' keeper: what was accepted for them is to be kept as it came. */
static gboolean
needs_conversion (const PbSmtpConnection *self, const PbTransaction *transaction)
{
  return (transaction->job->delivery->envelope->flags & PB_ENVELOPE_8BIT) != 0
         && (self->extensions.offered & PB_EXT_8BITMIME) == 0 && !self->lmtp;
}

static void
begin (PbSmtpConnection *self, PbTransaction *transaction)
{
  g_clear_pointer (&self->seven_bit, pb_seven_bit_free);
  if (needs_conversion (self, transaction))
    {
      self->seven_bit = pb_seven_bit_new ();
      pb_transcript_note (transaction->job->transcript,
                          "8BITMIME is not offered: sent as quoted-printable");
    }
  transaction->body_sent = TRUE;
  self->n_chunks = 0;
  if (transaction->bdat)
    pb_data_encoder_init_plain (&self->encoder);
  else
    pb_data_encoder_init (&self->encoder);
}

void
pb_smtp_body_append (PbSmtpConnection *self, PbTransaction *transaction, GByteArray *out)
{
  gsize size;
  const char *data =
    g_bytes_get_data (pb_body_bytes (transaction->job->delivery->body), &size);

  begin (self, transaction);
  append_part (self, transaction, data, size, TRUE, out);
}

void
pb_smtp_body_send (PbSmtpConnection *self)
{
  PbTransaction *transaction = self->current;
  GByteArray *out;

  if (pb_body_bytes (transaction->job->delivery->body) != NULL)
    {
      if (!transaction->bdat)
        pb_smtp_transaction_expect_final (self, transaction);
      out = g_byte_array_sized_new ((guint) pb_body_size (transaction->job->delivery->body) + 512);
      pb_smtp_body_append (self, transaction, out);
      pb_smtp_connection_write (self, out);
      return;
    }
  begin (self, transaction);
  if (!transaction->bdat)
    pb_smtp_transaction_expect_final (self, transaction);
  self->streaming = TRUE;
  self->body_offset = 0;
  request_chunk (self);
}

void
pb_smtp_body_drained (PbSmtpConnection *self)
{
  go_on (self);
}

void
pb_smtp_body_cancel (PbSmtpConnection *self)
{
  self->streaming = FALSE;
  if (self->chunk != NULL)
    self->chunk->connection = NULL;
  self->chunk = NULL;
}
