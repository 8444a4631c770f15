/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A byte stream on a reactor: its life from connect or accept to close, and what happens on events.
 *
 * Called by the SMTP server and client on the reactor's thread. The owner frees the channel, at the latest in
 * ended(); pb_channel_finish() hands it to the reactor. Every failure ends in ended(), once, and never from
 * inside a call of the owner's. System calls are what this costs: the epoll registration is changed only when an
 * event came that is not wanted, output is sent once a callback, and a socket is closed without being deregistered.
 */
#include "net/channel-private.h"
#include "util/clock.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define FINISH_USEC   (5 * G_USEC_PER_SEC)
#define LINGER_OCTETS (256 * 1024)
#define INPUT_EVENTS  ((guint32) EPOLLIN | EPOLLRDHUP)
#define OWNER(member, pointer)                                                                     \
  ((PbChannel *) (void *) ((char *) (pointer) -offsetof (PbChannel, member)))

/* Callbacks of a channel nobody listens to any more. */
static const PbChannelHandler no_handler;

static gboolean
wants_input (const PbChannel *self)
{
  if (self->eof || self->failed || self->connecting)
    return FALSE;
  if (self->handshaking)
    return TRUE;
  return self->lingering || (!self->paused && !self->full && !self->finishing);
}

void
pb_channel_arm (PbChannel *self, gboolean exact)
{
  guint32 events = 0;

  if (self->watch.fd < 0 || self->ended || self->freed)
    return;
  if (wants_input (self))
    {
      events |= INPUT_EVENTS;
      if (self->tls != NULL && !self->finishing && pb_channel_tls_has_more (self))
        pb_reactor_defer (self->reactor, &self->task);
    }
  if (self->blocked || self->connecting)
    events |= EPOLLOUT;
  if (!exact)
    events |= self->watch.armed & INPUT_EVENTS;
  if (events != 0 || self->watch.added != 0)
    pb_reactor_watch (self->reactor, &self->watch, events);
}

void
pb_channel_fail (PbChannel *self, int error)
{
  if (self->failed || self->ended)
    return;
  self->failed = TRUE;
  self->error = error;
  pb_reactor_defer (self->reactor, &self->task);
}

static void
channel_end (PbChannel *self, PbChannelEnd end)
{
  if (self->ended || self->freed)
    return;
  self->ended = TRUE;
  pb_reactor_clear_timer (self->reactor, &self->timer);
  if (self->finishing)
    pb_channel_free (self);
  else
    {
      if (self->watch.fd >= 0)
        pb_reactor_unwatch (self->reactor, &self->watch);
      self->handler->ended (self, end, self->user_data);
    }
}

/* Offers the input to the handler, then tells of the end if there is one. */
static void
channel_deliver (PbChannel *self)
{
  self->input_waits = FALSE;
  if (self->in_end > self->in_start && !self->ended)
    self->handler->readable (self, self->user_data);
  if (self->freed || self->finishing)
    return;
  pb_channel_settle_input (self);
  if (self->eof && !self->paused && !self->failed && !self->input_waits)
    channel_end (self, PB_CHANNEL_EOF);
}

/* Whether input may wait unread. Asking the kernel is spared in the common case: reading all along, and the last read,
 * a moment ago, took a command or two and found no more. */
static gboolean
has_unread_input (PbChannel *self)
{
  if (self->linger_budget > 0)
    return TRUE;
  if (!self->streaming && (self->watch.armed & EPOLLIN) != 0)
    return FALSE;
  return pb_channel_has_input (self, TRUE);
}

/* Whether the socket is closed as soon as the output is gone: then the last reply and the FIN leave as one segment. */
static gboolean
ends_with_output (PbChannel *self)
{
  return self->finishing && self->tls == NULL && !self->lingering
         && (self->eof || !has_unread_input (self));
}

/* Output is gone: close, but not over the head of a peer that is still sending, since that would be a reset which
 * makes its kernel throw away our last reply. */
static void
channel_finish_on (PbChannel *self)
{
  if (self->out != NULL && !self->failed)
    {
      pb_channel_arm (self, TRUE);
      return;
    }
  if (self->tls != NULL && !self->failed && !pb_channel_tls_close (self))
    {
      pb_channel_arm (self, TRUE);
      return;
    }
  if (self->failed || self->eof || (!self->lingering && !has_unread_input (self)))
    {
      pb_channel_free (self);
      return;
    }
  if (self->lingering)
    return;
  self->lingering = TRUE;
  self->linger_budget = LINGER_OCTETS;
  shutdown (self->watch.fd, SHUT_WR);
  pb_channel_arm (self, TRUE);
}

static void
channel_linger (PbChannel *self)
{
  gsize size;
  char *scratch = pb_reactor_scratch (self->reactor, &size);
  ssize_t n = recv (self->watch.fd, scratch, size, 0);

  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  if (n <= 0 || (gsize) n >= self->linger_budget)
    pb_channel_free (self);
  else
    self->linger_budget -= (guint32) n;
}

/* Every way into the channel's callbacks goes through enter and leave. */
static void
channel_enter (PbChannel *self)
{
  self->busy = TRUE;
}

static void
channel_leave (PbChannel *self)
{
  if (!self->freed && self->in != NULL)
    pb_channel_settle_input (self);
  if (!self->freed && self->out != NULL && !self->blocked && !self->failed && !self->connecting
      && !self->handshaking)
    pb_channel_transmit (self, ends_with_output (self));
  if (!self->freed && self->finishing)
    channel_finish_on (self);
  else if (!self->freed && (self->blocked || wants_input (self)))
    pb_channel_arm (self, FALSE);
  self->busy = FALSE;
  if (self->freed)
    g_free (self);
}

static void
channel_connected (PbChannel *self)
{
  self->connecting = FALSE;
  self->connected = FALSE;
  /* EPOLLOUT must go, or it is reported for ever. */
  pb_channel_arm (self, TRUE);
  self->handler->connected (self, self->user_data);
}

static void
on_connect_event (PbChannel *self, guint32 epoll_events)
{
  int error = 0;
  socklen_t size = sizeof error;

  if ((epoll_events & (EPOLLERR | EPOLLHUP)) != 0)
    getsockopt (self->watch.fd, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error == 0 && (epoll_events & EPOLLOUT) != 0)
    {
      channel_connected (self);
      return;
    }
  pb_channel_fail (self, error != 0 ? error : ECONNABORTED);
  channel_end (self, PB_CHANNEL_ERROR);
}

static void
channel_shake_hands (PbChannel *self)
{
  if (pb_channel_tls_handshake (self))
    {
      pb_channel_arm (self, TRUE);
      if (self->handler->secured != NULL)
        self->handler->secured (self, self->user_data);
    }
  else if (self->failed)
    channel_end (self, PB_CHANNEL_ERROR);
  else
    pb_channel_arm (self, TRUE);
}

static void
on_input_event (PbChannel *self, guint32 epoll_events)
{
  if (self->lingering)
    channel_linger (self);
  else if (wants_input (self))
    {
      pb_channel_receive (self, epoll_events);
      channel_deliver (self);
      if (self->eof)
        pb_channel_arm (self, TRUE);
    }
  else if ((epoll_events & (EPOLLERR | EPOLLHUP)) != 0)
    {
      /* These cannot be masked: off the list until pb_channel_resume() wants to know. */
      pb_reactor_unwatch (self->reactor, &self->watch);
      if ((self->out != NULL || (self->tells_reset && (epoll_events & EPOLLERR) != 0)) && !self->failed)
        pb_channel_fail (self, ECONNRESET);
    }
  else
    pb_channel_arm (self, TRUE);
}

static void
on_event (PbWatch *watch, guint32 epoll_events)
{
  PbChannel *self = OWNER (watch, watch);

  channel_enter (self);
  if (self->connecting)
    on_connect_event (self, epoll_events);
  else if (self->handshaking)
    channel_shake_hands (self);
  else
    {
      if ((epoll_events & EPOLLOUT) != 0 && self->blocked)
        {
          pb_channel_transmit (self, FALSE);
          if (!self->blocked)
            pb_channel_arm (self, TRUE);
          if (!self->blocked && !self->failed && self->handler->drained != NULL)
            self->handler->drained (self, self->user_data);
        }
      if (!self->freed && !self->ended && (epoll_events & ~(guint32) EPOLLOUT) != 0)
        on_input_event (self, epoll_events);
    }
  channel_leave (self);
}

/* Input that no event tells of: kept while paused, or held by OpenSSL. */
static void
channel_continue (PbChannel *self)
{
  gboolean more = self->tls != NULL && !self->freed && !self->ended && wants_input (self)
                  && pb_channel_tls_has_more (self);

  if (self->paused || self->freed || self->finishing)
    return;
  if (more)
    pb_channel_receive (self, 0);
  if (more || self->input_waits)
    channel_deliver (self);
  if (more && self->eof && !self->freed)
    pb_channel_arm (self, TRUE);
}

static void
on_task (PbTask *task)
{
  PbChannel *self = OWNER (task, task);

  channel_enter (self);
  if (self->connected && !self->failed)
    channel_connected (self);
  if (self->handshaking && !self->failed && !self->freed)
    channel_shake_hands (self);
  else if (self->failed && !self->ended && !self->freed)
    {
      /* A peer that closed on us may have said why: what it sent is still there to be read. */
      if (self->watch.fd >= 0 && !self->connecting && !self->paused && !self->finishing
          && !self->eof && (self->tls == NULL || !pb_channel_tls_is_broken (self)))
        pb_channel_receive (self, 0);
      if (!self->paused)
        channel_deliver (self);
      if (!self->freed)
        channel_end (self, PB_CHANNEL_ERROR);
    }
  else
    channel_continue (self);
  channel_leave (self);
}

static void
on_reactor_end (PbTask *task)
{
  pb_channel_free (OWNER (task, task));
}

static void
on_deadline (PbTimer *timer)
{
  PbChannel *self = OWNER (timer, timer);

  channel_enter (self);
  channel_end (self, PB_CHANNEL_TIMEOUT);
  channel_leave (self);
}

static PbChannel *
channel_new (PbReactor *reactor, int fd, const PbChannelHandler *handler, gpointer user_data)
{
  PbChannel *self = g_new0 (PbChannel, 1);

  self->reactor = reactor;
  self->handler = handler;
  self->user_data = user_data;
  self->watch.fd = fd;
  self->watch.func = on_event;
  self->timer.func = on_deadline;
  self->task.func = on_task;
  return self;
}

PbChannel *
pb_channel_new (PbReactor *reactor, int fd, const PbChannelHandler *handler, gpointer user_data)
{
  PbChannel *self = channel_new (reactor, fd, handler, user_data);

  self->paused = TRUE;
  return self;
}

PbChannel *
pb_channel_connect (PbReactor *reactor, const struct sockaddr *address, socklen_t length,
                    const PbChannelHandler *handler, gpointer user_data)
{
  int fd = socket (address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  PbChannel *self = channel_new (reactor, fd, handler, user_data);
  int on = 1;

  self->connecting = TRUE;
  if (fd < 0)
    {
      pb_channel_fail (self, errno);
      return self;
    }
  if (address->sa_family != AF_UNIX)
    setsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (connect (fd, address, length) == 0)
    {
      self->connected = TRUE;
      pb_reactor_defer (reactor, &self->task);
    }
  else if (errno == EINPROGRESS)
    pb_channel_arm (self, TRUE);
  else
    pb_channel_fail (self, errno);
  return self;
}

void
pb_channel_free (PbChannel *self)
{
  if (self == NULL || self->freed)
    return;
  pb_reactor_close (self->reactor, &self->watch);
  pb_reactor_clear_timer (self->reactor, &self->timer);
  pb_reactor_cancel_task (self->reactor, &self->task);
  pb_channel_drop_input (self);
  pb_channel_drop_output (self);
  if (self->tls != NULL)
    pb_channel_tls_free (self);
  self->freed = TRUE;
  if (!self->busy)
    g_free (self);
}

void
pb_channel_finish (PbChannel *self)
{
  if (self->connecting || self->handshaking || self->failed || self->ended)
    {
      if (!self->blocked)
        pb_channel_flush (self);
      if (self->tls != NULL && !self->failed && self->out == NULL)
        pb_channel_tls_close (self);
      pb_channel_free (self);
      return;
    }
  self->finishing = TRUE;
  self->handler = &no_handler;
  self->linger_budget = self->in_end > self->in_start ? LINGER_OCTETS : 0;
  pb_channel_drop_input (self);
  /* From here on it belongs to the reactor, and the task is for its end: all else happens on events. */
  pb_reactor_cancel_task (self->reactor, &self->task);
  self->task.func = on_reactor_end;
  pb_reactor_defer_to_end (self->reactor, &self->task);
  pb_channel_set_deadline (self, pb_clock_monotonic () + FINISH_USEC);
  if (self->busy)
    return;
  channel_enter (self);
  channel_leave (self);
}

void
pb_channel_set_deadline (PbChannel *self, gint64 deadline)
{
  if (deadline == 0)
    pb_reactor_clear_timer (self->reactor, &self->timer);
  else if (!self->ended)
    pb_reactor_set_timer (self->reactor, &self->timer, deadline);
}

void
pb_channel_pause (PbChannel *self)
{
  self->paused = TRUE;
}

void
pb_channel_tell_reset (PbChannel *self, gboolean tell)
{
  self->tells_reset = tell;
}

void
pb_channel_resume (PbChannel *self)
{
  if (!self->paused)
    return;
  self->paused = FALSE;
  if (self->in_end > self->in_start || self->eof)
    {
      self->input_waits = TRUE;
      pb_reactor_defer (self->reactor, &self->task);
    }
  if (!self->busy)
    pb_channel_arm (self, FALSE);
}

int
pb_channel_error (PbChannel *self)
{
  return self->error;
}

const char *
pb_channel_error_text (PbChannel *self)
{
  const char *failure = self->tls != NULL ? pb_channel_tls_failure (self) : NULL;

  return failure != NULL ? failure : g_strerror (self->error);
}

void
pb_channel_octets (PbChannel *self, guint64 *in, guint64 *out)
{
  if (in != NULL)
    *in = self->octets_in;
  if (out != NULL)
    *out = self->octets_out;
}
