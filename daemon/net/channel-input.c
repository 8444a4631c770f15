/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The input side of a channel: one recv a wake-up into the scratch buffer of the thread, lines and blocks
 * taken straight from there, and a buffer of the channel's own only for what the handler left.
 *
 * Called by channel.c on events and by the handler to take what waits. A line may be split at any byte. When
 * a buffer of the channel's own cannot be had, that one channel fails with ENOMEM.
 */
#include "net/channel-private.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define MAX_LEFTOVER (128 * 1024)
#define MIN_CAPACITY 64
#define READ_ROOM    (16 * 1024)
#define STREAMING    512

static gsize
input_length (const PbChannel *self)
{
  return self->in_end - self->in_start;
}

/* Smallest power of two that holds @length: such blocks go back into the allocator's bins whole. */
static guint32
capacity_for (gsize length)
{
  guint32 capacity = MIN_CAPACITY;

  while (capacity < length)
    capacity *= 2;
  return capacity;
}

/* Moves the input to @to, which has room for @capacity octets, 0 for the scratch. */
static void
input_move (PbChannel *self, char *to, guint32 capacity)
{
  gsize length = input_length (self);

  if (length > 0)
    memmove (to, self->in + self->in_start, length);
  if (!self->input_borrowed)
    g_free (self->in);
  self->in = to;
  self->in_scanned = self->in_scanned > self->in_start ? self->in_scanned - self->in_start : 0;
  self->in_start = 0;
  self->in_end = (guint32) length;
  self->in_capacity = capacity;
  self->input_borrowed = capacity == 0;
}

/* Makes the input a buffer of its own with @room octets behind it. */
static gboolean
input_own (PbChannel *self, gsize room)
{
  guint32 capacity = capacity_for (input_length (self) + room);
  char *own = g_try_malloc (capacity);

  if (own == NULL)
    {
      pb_channel_fail (self, ENOMEM);
      return FALSE;
    }
  input_move (self, own, capacity);
  return TRUE;
}

/* Whether what waits should move: out of the scratch, or out of a buffer that is mostly empty. */
static gboolean
input_is_roomy (const PbChannel *self)
{
  return self->input_borrowed || self->in_capacity > 4 * capacity_for (input_length (self));
}

/* Where to read to. Little left over goes to the front of the scratch; much stays where it is and grows. */
static char *
input_room (PbChannel *self, gsize *room)
{
  gsize size;
  char *scratch = pb_reactor_scratch (self->reactor, &size);

  if (input_length (self) <= size / 2)
    {
      input_move (self, scratch, 0);
      *room = size - self->in_end;
      return scratch + self->in_end;
    }
  if (self->in_capacity - self->in_end < READ_ROOM && !input_own (self, READ_ROOM))
    return NULL;
  *room = self->in_capacity - self->in_end;
  return self->in + self->in_end;
}

/* Drops what belongs to a line that was reported too long. */
static void
input_skip (PbChannel *self)
{
  char *lf;

  if (!self->skipping)
    return;
  lf =
    input_length (self) > 0 ? memchr (self->in + self->in_start, '\n', input_length (self)) : NULL;
  self->in_start = lf != NULL ? (guint32) (lf + 1 - self->in) : self->in_end;
  self->skipping = lf == NULL;
}

/* Reading goes on when enough was taken; outside a callback the buffer is given back by the task. */
static void
input_taken (PbChannel *self)
{
  if (self->full && input_length (self) < MAX_LEFTOVER)
    {
      self->full = FALSE;
      if (!self->busy)
        pb_channel_arm (self, FALSE);
    }
  if (!self->busy && input_length (self) == 0 && self->in != NULL)
    pb_reactor_defer (self->reactor, &self->task);
}

static void
receive_tls (PbChannel *self, char *to, gsize room)
{
  gsize n = pb_channel_tls_receive (self, to, room);

  self->in_end += (guint32) n;
  self->octets_in += n;
  self->streaming = n >= STREAMING;
}

void
pb_channel_receive (PbChannel *self, guint32 epoll_events)
{
  gsize room;
  char *to = input_room (self, &room);
  ssize_t n;

  if (to == NULL)
    return;
  if (self->tls != NULL)
    {
      receive_tls (self, to, room);
      return;
    }
  n = recv (self->watch.fd, to, room, 0);
  if (n > 0)
    {
      self->in_end += (guint32) n;
      self->octets_in += (guint64) n;
      self->streaming = n >= STREAMING;
      /* Less than asked and a FIN already seen: nothing more will come; spares a wake-up and a recv. After a
       * reset the next recv has the error. */
      if ((gsize) n < room && (epoll_events & (EPOLLRDHUP | EPOLLERR)) == EPOLLRDHUP)
        self->eof = TRUE;
    }
  else if (n == 0)
    self->eof = TRUE;
  else if (errno != EAGAIN && errno != EINTR)
    pb_channel_fail (self, errno);
}

void
pb_channel_settle_input (PbChannel *self)
{
  input_skip (self);
  if (input_length (self) == 0)
    pb_channel_drop_input (self);
  else if (input_is_roomy (self) && !input_own (self, 0))
    pb_channel_drop_input (self);
  self->full = input_length (self) >= MAX_LEFTOVER;
}

void
pb_channel_drop_input (PbChannel *self)
{
  if (!self->input_borrowed)
    g_free (self->in);
  self->in = NULL;
  self->in_start = self->in_end = self->in_scanned = self->in_capacity = 0;
  self->input_borrowed = FALSE;
}

/* A whole line ends at @lf. */
static PbLine
take_whole_line (PbChannel *self, char *lf, gsize max, char **line, gsize *length,
                 gboolean *bare_lf)
{
  char *start = self->in + self->in_start;
  gboolean has_cr = lf > start && lf[-1] == '\r';
  char *end = has_cr ? lf - 1 : lf;

  self->in_start = (guint32) (lf + 1 - self->in);
  input_taken (self);
  if ((gsize) (end - start) > max)
    return PB_LINE_TOO_LONG;
  *end = '\0';
  *line = start;
  *length = (gsize) (end - start);
  if (bare_lf != NULL)
    *bare_lf = !has_cr;
  return PB_LINE_OK;
}

PbLine
pb_channel_take_line (PbChannel *self, gsize max, char **line, gsize *length, gboolean *bare_lf)
{
  char *lf;
  gsize so_far;

  input_skip (self);
  so_far = input_length (self);
  if (so_far == 0)
    {
      input_taken (self);
      return PB_LINE_MORE;
    }
  self->in_scanned = MAX (self->in_scanned, self->in_start);
  lf = memchr (self->in + self->in_scanned, '\n', self->in_end - self->in_scanned);
  if (lf != NULL)
    return take_whole_line (self, lf, max, line, length, bare_lf);
  self->in_scanned = self->in_end;
  /* The last octet may be the CR of the line's end. */
  if (so_far - (self->in[self->in_end - 1] == '\r') <= max)
    return PB_LINE_MORE;
  self->skipping = TRUE;
  self->in_start = self->in_end;
  input_taken (self);
  return PB_LINE_TOO_LONG;
}

gsize
pb_channel_peek (PbChannel *self, const char **data)
{
  input_skip (self);
  *data = input_length (self) > 0 ? self->in + self->in_start : NULL;
  return input_length (self);
}

void
pb_channel_consume (PbChannel *self, gsize length)
{
  g_return_if_fail (length <= input_length (self));
  self->in_start += (guint32) length;
  input_taken (self);
}

gboolean
pb_channel_has_input (PbChannel *self, gboolean look_in_kernel)
{
  int waiting = 0;

  input_skip (self);
  if (input_length (self) > 0)
    return TRUE;
  if (self->tls != NULL)
    return look_in_kernel && pb_channel_tls_has_input (self);
  return look_in_kernel && self->watch.fd >= 0 && ioctl (self->watch.fd, FIONREAD, &waiting) == 0
         && waiting > 0;
}
