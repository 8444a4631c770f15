/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * BDAT (RFC 3030): a message in chunks of a size that is said before. From the command to its last
 * octet the session is in one state, CHUNK, whatever becomes of the octets: those of a command that
 * cannot be obeyed are read and dropped before it is answered, since the client has sent them already
 * and what is data must never be taken for commands. A chunk that is refused takes the whole
 * transaction with it, so that no later chunk of the same message can pass for all of it. Where no
 * size can be read nobody knows where commands begin again, and the session ends.
 */
#include "session/session-private.h"

struct _PbChunk
{
  guint64 size;      /* octets, as the command said */
  guint64 left;      /* of them, still to come */
  gint64 begun;      /* monotonic microseconds */
  PbDecision refusal; /* .reply NONE: the octets are taken; .check NULL: an error of the client's */
  gboolean last;
};

void
pb_chunk_free (PbChunk *self)
{
  g_free (self);
}

gint64
pb_chunk_begun (const PbChunk *self)
{
  return self->begun;
}

/* What the order of commands has against a chunk now; NONE: nothing. */
static PbReplyId
out_of_order (const PbSession *self)
{
  switch ((PbSessionState) self->state)
    {
    case PB_SESSION_GREETED:
      return PB_REPLY_BAD_SEQUENCE_HELO;
    case PB_SESSION_READY:
      return self->esmtp ? PB_REPLY_BAD_SEQUENCE_MAIL : PB_REPLY_BAD_SEQUENCE_EHLO;
    case PB_SESSION_MAIL:
      return self->transaction->tried > 0 ? PB_REPLY_NO_VALID_RECIPIENTS
                                          : PB_REPLY_BAD_SEQUENCE_RCPT;
    case PB_SESSION_RCPT:
      return self->esmtp ? PB_REPLY_NONE : PB_REPLY_BAD_SEQUENCE_EHLO;
    case PB_SESSION_CHUNKS:
      return PB_REPLY_NONE;
    case PB_SESSION_CONNECTED:
    case PB_SESSION_DATA:
    case PB_SESSION_CHUNK:
    case PB_SESSION_ENDED_DATA:
    case PB_SESSION_CLOSED:
      break;
    }
  g_assert_not_reached ();
}

static void
refuse_too_large (PbChunk *chunk)
{
  chunk->refusal = (PbDecision){ .kind = PB_DECISION_REJECT,
                                 .reply = PB_REPLY_TOO_LARGE,
                                 .check = "size" };
}

/* Decides before the first octet whether the chunk is to be taken. */
static void
judge_chunk (PbSession *self, PbChunk *chunk)
{
  guint64 size = self->state == PB_SESSION_CHUNKS ? self->transaction->size : 0;
  PbDecision decision;

  chunk->refusal.reply = out_of_order (self);
  if (chunk->refusal.reply != PB_REPLY_NONE)
    return;
  if (self->state == PB_SESSION_RCPT && !pb_session_ask_store (self, &decision))
    chunk->refusal = decision;
  else if (size + chunk->size > pb_session_max_size (self))
    refuse_too_large (chunk);
}

/* All octets came and were dropped. */
static void
answer_refused (PbSession *self, const PbChunk *chunk)
{
  if (chunk->refusal.check != NULL)
    pb_session_refuse (self, &chunk->refusal, NULL, FALSE);
  else
    pb_session_reply_error (self, chunk->refusal.reply, NULL);
  if (self->state == PB_SESSION_CLOSED)
    return;
  pb_session_drop_transaction (self);
  pb_session_set_state (self, self->helo != NULL ? PB_SESSION_READY : PB_SESSION_GREETED);
  if (g_atomic_int_get (&self->shard->server->shutting_down))
    pb_session_fail (self, PB_REPLY_SHUTTING_DOWN, NULL);
}

static void
answer_taken (PbSession *self, const PbChunk *chunk)
{
  char octets[24];

  self->transaction->spent = pb_reactor_now (self->shard->reactor) - self->transaction->begun;
  if (chunk->last)
    {
      pb_transaction_finish (self->transaction);
      pb_session_end_message (self);
      return;
    }
  pb_session_set_state (self, PB_SESSION_CHUNKS);
  g_snprintf (octets, sizeof octets, "%" G_GUINT64_FORMAT, chunk->size);
  pb_session_reply (self, PB_REPLY_CHUNK_OK, octets);
  pb_session_after_read (self);
}

static void
end_chunk (PbSession *self)
{
  PbChunk *chunk = g_steal_pointer (&self->chunk);

  self->took_line = TRUE;
  if (chunk->refusal.reply != PB_REPLY_NONE)
    answer_refused (self, chunk);
  else
    answer_taken (self, chunk);
  pb_chunk_free (chunk);
}

static void
begin_chunk (PbSession *self, PbChunk *chunk)
{
  self->chunk = chunk;
  chunk->begun = pb_reactor_now (self->shard->reactor);
  if (chunk->refusal.reply == PB_REPLY_NONE && self->state == PB_SESSION_RCPT)
    pb_session_begin_message (self, PB_DATA_CHUNKED);
  if (self->transaction != NULL)
    self->transaction->begun = chunk->begun - self->transaction->spent;
  pb_session_set_state (self, PB_SESSION_CHUNK);
  if (chunk->left == 0)
    end_chunk (self);
}

void
pb_session_verb_bdat (PbSession *self, const PbCommand *command)
{
  PbChunk *chunk;
  guint64 size;
  gboolean last;

  if (!pb_bdat_args_parse (command->argument, command->argument_length, &size, &last))
    {
      pb_session_fail (self, PB_REPLY_SYNTAX_BDAT, NULL);
      return;
    }
  /* Read to its end only what has one that is worth waiting for. */
  if (size > pb_session_max_waste (self))
    {
      pb_session_expel_flood (self, "size", PB_REPLY_TOO_LARGE);
      return;
    }
  chunk = g_new0 (PbChunk, 1);
  chunk->size = chunk->left = size;
  chunk->last = last;
  judge_chunk (self, chunk);
  begin_chunk (self, chunk);
}

/* Takes @length octets of the chunk. A message that turns out too large is dropped from there on. */
static void
take_octets (PbSession *self, const char *data, gsize length)
{
  PbChunk *chunk = self->chunk;
  gsize consumed;

  chunk->left -= length;
  if (chunk->refusal.reply != PB_REPLY_NONE)
    return;
  pb_transaction_take (self->transaction, data, length, pb_session_max_size (self), &consumed);
  g_assert (consumed == length);
  if (self->transaction->spool == NULL)
    refuse_too_large (chunk);
}

gboolean
pb_session_read_chunk (PbSession *self)
{
  const char *data;
  gsize length = pb_channel_peek (self->channel, &data);

  if (length == 0)
    return FALSE;
  length = (gsize) MIN (length, self->chunk->left);
  take_octets (self, data, length);
  pb_channel_consume (self->channel, length);
  if (self->chunk->left == 0)
    end_chunk (self);
  else if (self->chunk->refusal.reply == PB_REPLY_NONE)
    pb_session_after_read (self);
  return TRUE;
}
