/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The message behind the 354: a small one leaves in one piece with its final dot, dot-stuffed, and
 * with the next delivery's envelope behind it where that may be; a large one is read from its file by
 * a worker, a block at a time, the next block only when the socket has taken the one before. Each block
 * has its own deadline (RFC 5321 4.5.3.2.5). A body that cannot be read gives the connection up without
 * its final dot, so that the server drops what it had.
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

/* Appends the end, and what may stand behind it. */
static void
finish_body (PbSmtpConnection *self, GByteArray *out)
{
  pb_data_encoder_finish (&self->encoder, out);
  pb_smtp_transaction_send_ahead (self, out);
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

/* The next block, once the socket has taken the last one. */
static void
go_on (PbSmtpConnection *self)
{
  if (self->streaming && self->chunk == NULL && pb_channel_pending (self->channel) == 0)
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
  out = g_byte_array_sized_new ((guint) chunk->length + 4096);
  pb_data_encoder_feed (&self->encoder, chunk->data, (gsize) chunk->length, out);
  self->body_offset += (guint64) chunk->length;
  if (self->body_offset < size)
    {
      pb_smtp_connection_write (self, out);
      set_block_deadline (self);
    }
  else
    {
      self->streaming = FALSE;
      finish_body (self, out);
      pb_smtp_connection_write (self, out);
    }
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

void
pb_smtp_body_send (PbSmtpConnection *self)
{
  PbBody *body = self->current->job->delivery->body;
  GBytes *bytes = pb_body_bytes (body);
  GByteArray *out;
  gsize size;
  gconstpointer data;

  self->current->body_sent = TRUE;
  pb_data_encoder_init (&self->encoder);
  pb_smtp_connection_expect (self, PB_EXPECT_FINAL, 0, self->current);
  if (bytes == NULL)
    {
      self->streaming = TRUE;
      self->body_offset = 0;
      request_chunk (self);
      return;
    }
  data = g_bytes_get_data (bytes, &size);
  out = g_byte_array_sized_new ((guint) size + 512);
  pb_data_encoder_feed (&self->encoder, data, size, out);
  finish_body (self, out);
  pb_smtp_connection_write (self, out);
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
