/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The output side of a channel: what is written piles up in segments and leaves by one system call
 * at the end of the callback, a whole batch of pipelined replies at once.
 *
 * Called by the handler to write and by channel.c to send. Segments exist only while something is
 * unsent. Large bodies are referenced, not copied. A failed send drops the output and is told later
 * by ended(), never from inside the call.
 */
#include "net/channel-private.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define FIRST_SEGMENT 512
#define NEXT_SEGMENT  4096
#define COPY_UP_TO    2048
#define MAX_IOV       32

/* Segments of copied data are powers of two as a whole. */
static PbSegment *
segment_new (gsize length, gboolean first)
{
  gsize size = first ? FIRST_SEGMENT : NEXT_SEGMENT;
  PbSegment *self;

  while (size < length + sizeof *self)
    size *= 2;
  self = g_malloc (size);
  *self = (PbSegment){ .data = (char *) (self + 1), .room = size - sizeof *self };
  return self;
}

static void
segment_free (PbSegment *self)
{
  if (self->bytes != NULL)
    g_bytes_unref (self->bytes);
  g_free (self);
}

static void
output_append (PbChannel *self, PbSegment *segment)
{
  if (self->out_last != NULL)
    self->out_last->next = segment;
  else
    self->out = segment;
  self->out_last = segment;
}

/* Output goes to nobody once the channel has failed or is being closed. Whose time is over, or who closed its side, may still be told. */
static gboolean
output_is_open (const PbChannel *self)
{
  return !self->failed && !self->finishing && !self->freed;
}

static void
output_written (PbChannel *self, gsize length)
{
  self->out_pending += length;
  /* Outside a callback of the channel's own: should pb_channel_flush() be forgotten, it leaves with the wake-up. */
  if (!self->busy && !self->blocked && !self->connecting)
    pb_reactor_defer (self->reactor, &self->task);
}

/* Takes @sent octets off the front. */
static void
output_advance (PbChannel *self, gsize sent)
{
  self->out_pending -= sent;
  self->octets_out += sent;
  while (self->out != NULL && sent >= self->out->end - self->out->start)
    {
      PbSegment *done = self->out;

      sent -= done->end - done->start;
      self->out = done->next;
      segment_free (done);
    }
  if (self->out == NULL)
    self->out_last = NULL;
  else
    self->out->start += sent;
}

/* Offers what fits into one call. Returns: what the kernel took, or -1; @offered: how much that could have been. */
static ssize_t
output_send (PbChannel *self, int flags, gsize *offered)
{
  struct iovec pieces[MAX_IOV];
  struct msghdr message = { .msg_iov = pieces };
  PbSegment *segment = self->out;

  *offered = segment->end - segment->start;
  if (self->tls != NULL)
    return pb_channel_tls_send (self, segment->data + segment->start, *offered);
  if (segment->next == NULL)
    return send (self->watch.fd, segment->data + segment->start, *offered, flags);
  for (*offered = 0; segment != NULL && message.msg_iovlen < MAX_IOV; segment = segment->next)
    {
      pieces[message.msg_iovlen].iov_base = segment->data + segment->start;
      pieces[message.msg_iovlen++].iov_len = segment->end - segment->start;
      *offered += segment->end - segment->start;
    }
  return sendmsg (self->watch.fd, &message, flags);
}

void
pb_channel_transmit (PbChannel *self, gboolean closes)
{
  int flags = MSG_NOSIGNAL | (closes ? MSG_MORE : 0);
  gsize offered;
  ssize_t sent;

  self->blocked = FALSE;
  while (self->out != NULL)
    {
      sent = output_send (self, flags, &offered);
      if (sent < 0 && errno == EINTR)
        continue;
      if (sent < 0 && errno != EAGAIN)
        {
          pb_channel_fail (self, errno);
          pb_channel_drop_output (self);
          return;
        }
      if (sent > 0)
        output_advance (self, (gsize) sent);
      /* OpenSSL takes a record at a time. */
      if (sent < (ssize_t) offered && (self->tls == NULL || sent <= 0))
        {
          self->blocked = TRUE;
          return;
        }
    }
}

void
pb_channel_drop_output (PbChannel *self)
{
  while (self->out != NULL)
    {
      PbSegment *next = self->out->next;

      segment_free (self->out);
      self->out = next;
    }
  self->out_last = NULL;
  self->out_pending = 0;
}

void
pb_channel_write (PbChannel *self, const void *data, gsize length)
{
  PbSegment *last = self->out_last;

  if (length == 0 || !output_is_open (self))
    return;
  if (last == NULL || last->bytes != NULL || last->room - last->end < length)
    {
      last = segment_new (length, last == NULL);
      output_append (self, last);
    }
  memcpy (last->data + last->end, data, length);
  last->end += length;
  output_written (self, length);
}

static void
write_segment (PbChannel *self, GBytes *bytes)
{
  gsize length;
  gconstpointer data = g_bytes_get_data (bytes, &length);
  PbSegment *segment;

  if (!output_is_open (self))
    return;
  segment = g_new0 (PbSegment, 1);
  segment->bytes = g_bytes_ref (bytes);
  segment->data = (char *) data;
  segment->end = length;
  output_append (self, segment);
  output_written (self, length);
}

void
pb_channel_write_bytes (PbChannel *self, GBytes *bytes)
{
  gsize length;
  gconstpointer data = g_bytes_get_data (bytes, &length);

  if (length <= COPY_UP_TO)
    pb_channel_write (self, data, length);
  else
    write_segment (self, bytes);
}

static void
drop_secret (gpointer secret)
{
  pb_secret_unref (secret);
}

void
pb_channel_write_secret (PbChannel *self, PbSecret *secret)
{
  g_autoptr (GBytes) bytes = g_bytes_new_with_free_func (secret->data, secret->length, drop_secret,
                                                         pb_secret_ref (secret));

  if (secret->length > 0)
    write_segment (self, bytes);
}

void
pb_channel_flush (PbChannel *self)
{
  if (self->out == NULL || self->blocked || self->connecting || self->handshaking || !output_is_open (self))
    return;
  pb_channel_transmit (self, FALSE);
  if (self->blocked)
    pb_channel_arm (self, FALSE);
}

gsize
pb_channel_pending (PbChannel *self)
{
  return self->out_pending;
}
