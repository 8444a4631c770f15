/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the tests of the channel share: a channel on a reactor, a peer in the test's own thread, and a log of what the handler saw. */
#pragma once

#include "net/channel-private.h"
#include "util/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/un.h>
#include <unistd.h>

#define BOUND_MS   30000
#define BOUND_USEC (BOUND_MS * G_GINT64_CONSTANT (1000))
#define MAX_LINE   20
#define BIG        (4 * 1024 * 1024)

typedef struct _Fixture Fixture;
typedef void (*Step) (Fixture *self);

struct _Fixture
{
  PbReactor *reactor;
  PbChannel *channel; /* the reactor's */
  int fd, peer;
  struct sockaddr_storage address;
  socklen_t length;
  const Step *on_readable; /* what the handler does; one step a call, the last for all further */
  const Step *on_drained, *on_connected;
  guint readable_calls;
  guint64 octets_in; /* as of the last step that asked */
  gboolean keep_on_end;
  int error;
  GBytes *bytes;
  Step step;
  GMutex lock;
  GCond changed;
  GString *log; /* under lock */
  guint steps;  /* under lock: how many were done */
};

static inline void G_GNUC_PRINTF (2, 3) note (Fixture *self, const char *format, ...)
{
  va_list arguments;

  va_start (arguments, format);
  g_mutex_lock (&self->lock);
  g_string_append_vprintf (self->log, format, arguments);
  g_cond_broadcast (&self->changed);
  g_mutex_unlock (&self->lock);
  va_end (arguments);
}

/* Waits until the log is @expected; fails with what it is instead. */
static inline void
expect_log (Fixture *self, const char *expected)
{
  gint64 deadline = g_get_monotonic_time () + BOUND_USEC;

  g_mutex_lock (&self->lock);
  while (!g_str_equal (self->log->str, expected) && strlen (expected) > self->log->len
         && g_cond_wait_until (&self->changed, &self->lock, deadline))
    continue;
  g_assert_cmpstr (self->log->str, ==, expected);
  g_mutex_unlock (&self->lock);
}

static inline void
on_step (gpointer data)
{
  Fixture *self = data;

  self->step (self);
  g_mutex_lock (&self->lock);
  self->steps++;
  g_cond_broadcast (&self->changed);
  g_mutex_unlock (&self->lock);
}

/* Runs @step on the reactor's thread and waits for it. */
static inline void
run (Fixture *self, Step step)
{
  gint64 deadline = g_get_monotonic_time () + BOUND_USEC;
  guint before;

  g_mutex_lock (&self->lock);
  before = self->steps;
  self->step = step;
  pb_mailbox_post (pb_reactor_mailbox (self->reactor), on_step, self);
  while (self->steps == before)
    g_assert_true (g_cond_wait_until (&self->changed, &self->lock, deadline));
  g_mutex_unlock (&self->lock);
}

static inline void
do_nothing (Fixture *self)
{
}

/* Some full rounds of the reactor: what was going to happen on what is there has happened. */
static inline void
settle (Fixture *self)
{
  for (guint i = 0; i < 3; i++)
    run (self, do_nothing);
}

static inline void
on_channel_connected (PbChannel *channel, gpointer user_data)
{
  Fixture *self = user_data;

  note (self, "connected;");
  if (self->on_connected != NULL)
    (*self->on_connected) (self);
}

static inline void
on_channel_readable (PbChannel *channel, gpointer user_data)
{
  Fixture *self = user_data;
  Step step = *self->on_readable;

  self->readable_calls++;
  if (self->on_readable[1] != NULL)
    self->on_readable++;
  step (self);
}

static inline void
on_channel_drained (PbChannel *channel, gpointer user_data)
{
  Fixture *self = user_data;

  note (self, "drained;");
  if (self->on_drained != NULL)
    (*self->on_drained) (self);
}

static inline void
on_channel_ended (PbChannel *channel, PbChannelEnd end, gpointer user_data)
{
  static const char *const names[] = { "eof", "error", "timeout" };
  Fixture *self = user_data;

  self->error = pb_channel_error (channel);
  if (!self->keep_on_end)
    pb_channel_free (g_steal_pointer (&self->channel));
  note (self, "%s;", names[end]);
}

static const PbChannelHandler handler = {
  .connected = on_channel_connected,
  .readable = on_channel_readable,
  .drained = on_channel_drained,
  .ended = on_channel_ended,
};

static inline void
take_lines (Fixture *self)
{
  PbLine result;
  char *line;
  gsize length;
  gboolean bare;

  while ((result = pb_channel_take_line (self->channel, MAX_LINE, &line, &length, &bare))
         != PB_LINE_MORE)
    {
      if (result == PB_LINE_TOO_LONG)
        {
          note (self, "long;");
          continue;
        }
      g_assert_cmpint (line[length], ==, '\0');
      for (gsize i = 0; i < length; i++)
        if (line[i] == '\0')
          line[i] = '0';
      note (self, "%s%s;", line, bare ? "!" : "");
    }
}

static inline void
take_one_and_pause (Fixture *self)
{
  char *line;
  gsize length;

  if (pb_channel_take_line (self->channel, MAX_LINE, &line, &length, NULL) == PB_LINE_OK)
    note (self, "%s;", line);
  pb_channel_pause (self->channel);
}

static inline void
consume_all (Fixture *self)
{
  const char *data;
  gsize length = pb_channel_peek (self->channel, &data);

  note (self, "%.*s;", (int) length, length > 0 ? data : "");
  pb_channel_consume (self->channel, length);
}

static inline void
free_now (Fixture *self)
{
  pb_channel_free (g_steal_pointer (&self->channel));
  note (self, "freed;");
}

static inline void
say_bye (Fixture *self)
{
  pb_channel_write (self->channel, "221 ", 4);
  pb_channel_write (self->channel, "bye\r\n", 5);
  pb_channel_finish (g_steal_pointer (&self->channel));
  note (self, "finished;");
}

static inline void
resume (Fixture *self)
{
  pb_channel_resume (self->channel);
}

/* An idle channel owns no buffer. */
static inline void
check_no_buffers (Fixture *self)
{
  g_assert_null (self->channel->in);
  g_assert_null (self->channel->out);
}

static inline void
make_channel (Fixture *self)
{
  self->channel = pb_channel_new (self->reactor, self->fd, &handler, self);
}

static const Step lines_steps[] = { take_lines, NULL };

static inline void
socket_pair (Fixture *self, int type)
{
  int ends[2];

  g_assert_cmpint (socketpair (AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), ==, 0);
  self->fd = ends[0];
  self->peer = ends[1];
}

static inline int
tcp_listen (Fixture *self)
{
  struct sockaddr_in *address = (struct sockaddr_in *) (void *) &self->address;
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

  self->length = sizeof *address;
  *address =
    (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  g_assert_cmpint (bind (fd, (struct sockaddr *) address, self->length), ==, 0);
  g_assert_cmpint (listen (fd, 4), ==, 0);
  g_assert_cmpint (getsockname (fd, (struct sockaddr *) address, &self->length), ==, 0);
  return fd;
}

static inline void
tcp_pair (Fixture *self)
{
  int listening = tcp_listen (self);

  self->peer = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_assert_cmpint (connect (self->peer, (struct sockaddr *) &self->address, self->length), ==, 0);
  self->fd = accept4 (listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  g_assert_cmpint (self->fd, >=, 0);
  fcntl (self->peer, F_SETFL, O_NONBLOCK);
  close (listening);
}

static inline void
set_up (Fixture *self, gconstpointer data)
{
  self->reactor = pb_reactor_new ("test");
  self->log = g_string_new (NULL);
  self->on_readable = lines_steps;
  self->peer = -1;
}

static inline void
tear_down (Fixture *self, gconstpointer data)
{
  if (self->channel != NULL)
    run (self, free_now);
  pb_reactor_free (self->reactor);
  if (self->peer >= 0)
    close (self->peer);
  g_string_free (self->log, TRUE);
  g_clear_pointer (&self->bytes, g_bytes_unref);
}

/* A channel over a pair, reading. */
static inline void
start (Fixture *self)
{
  if (self->fd == 0)
    socket_pair (self, SOCK_STREAM);
  run (self, make_channel);
  run (self, resume);
}

static inline void
peer_send (Fixture *self, const char *data, gsize length)
{
  g_assert_cmpint (send (self->peer, data, length, MSG_NOSIGNAL), ==, length);
}

static inline gsize
peer_receive (Fixture *self, char *buffer, gsize size)
{
  struct pollfd ready = { .fd = self->peer, .events = POLLIN };
  ssize_t n;

  g_assert_cmpint (poll (&ready, 1, BOUND_MS), ==, 1);
  n = recv (self->peer, buffer, size, 0);
  g_assert_cmpint (n, >=, 0);
  return (gsize) n;
}

static inline void
expect_peer (Fixture *self, const char *expected)
{
  char buffer[256];
  gsize n = 0;

  while (n < strlen (expected))
    {
      gsize got = peer_receive (self, buffer + n, sizeof buffer - 1 - n);

      g_assert_cmpuint (got, >, 0);
      n += got;
    }
  buffer[n] = '\0';
  g_assert_cmpstr (buffer, ==, expected);
}

static inline void
expect_peer_eof (Fixture *self)
{
  char byte;

  g_assert_cmpuint (peer_receive (self, &byte, 1), ==, 0);
}
