/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The clamd client's connection: connects, sends and reads on a thread that may wait, but never past the
 * call's deadline nor for long once it was cancelled: every step polls for what is left, and looks at the
 * cancellation. That has no descriptor of its own: where none is left, GLib would end the process. What clamd says while it is still being sent to is let through, since it closes behind it. Every failure comes out
 * as an error in words.
 */
#include "mailauth/clamd-private.h"

#include "util/marked.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define CONNECT_SECONDS 5
#define MAX_REPLY       1024
#define CLAMD_PORT      3310
#define LOOK_MS         100 /* between two looks at the cancellation */

static void
close_socket (PbClamdLink *self)
{
  if (self->fd >= 0)
    close (self->fd);
  self->fd = -1;
}

void
pb_clamd_link_close (PbClamdLink *self)
{
  close_socket (self);
}

static gboolean
set_errno (GError **error, const char *what, int code)
{
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (code), "%s: %s", what, g_strerror (code));
  return FALSE;
}

/* Waits until the link is ready for some of @events, at the latest until @deadline. @got (out): which. */
static gboolean
link_wait (PbClamdLink *self, short events, gint64 deadline, short *got, GError **error)
{
  struct pollfd ready = { self->fd, events, 0 };
  gint64 left = 1;
  int n = 0;

  while (n == 0 && left > 0 && !g_cancellable_is_cancelled (self->cancellable))
    {
      left = deadline - g_get_monotonic_time ();
      n = left > 0 ? poll (&ready, 1, (int) MIN (left / 1000 + 1, LOOK_MS)) : 0;
      if (n < 0 && errno == EINTR)
        n = 0;
    }
  if (n < 0)
    return set_errno (error, "poll", errno);
  if (g_cancellable_set_error_if_cancelled (self->cancellable, error))
    return FALSE;
  if (n > 0)
    {
      *got = ready.revents;
      return TRUE;
    }
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT, N_ ("clamd took too long"));
  return FALSE;
}

/* Connects to one address. */
static gboolean
link_try (PbClamdLink *self, const struct sockaddr *address, socklen_t length, GError **error)
{
  gint64 patience = g_get_monotonic_time () + CONNECT_SECONDS * G_USEC_PER_SEC;
  int code = 0;
  socklen_t code_length = sizeof code;
  short got;

  close_socket (self);
  self->fd = socket (address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (self->fd < 0)
    return set_errno (error, "socket", errno);
  if (connect (self->fd, address, length) == 0)
    return TRUE;
  if (errno != EINPROGRESS)
    return set_errno (error, N_ ("connecting to clamd"), errno);
  if (!link_wait (self, POLLOUT, MIN (self->deadline, patience), &got, error))
    {
      g_prefix_error (error, "connecting to clamd: ");
      return FALSE;
    }
  if (getsockopt (self->fd, SOL_SOCKET, SO_ERROR, &code, &code_length) < 0)
    code = errno;
  return code == 0 || set_errno (error, N_ ("connecting to clamd"), code);
}

static gboolean
connect_unix (PbClamdLink *self, const char *path, GError **error)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };

  if (strlen (path) >= sizeof address.sun_path)
    return set_errno (error, path, ENAMETOOLONG);
  strcpy (address.sun_path, path);
  return link_try (self, (const struct sockaddr *) &address, sizeof address, error);
}

static gboolean
connect_host (PbClamdLink *self, const char *text, GError **error)
{
  g_autoptr (GSocketConnectable) where = g_network_address_parse (text, CLAMD_PORT, error);
  g_autofree char *port = NULL;
  struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list = NULL;
  gboolean ok = FALSE;
  int code;

  if (where == NULL)
    return FALSE;
  port = g_strdup_printf ("%u", g_network_address_get_port (G_NETWORK_ADDRESS (where)));
  code =
    getaddrinfo (g_network_address_get_hostname (G_NETWORK_ADDRESS (where)), port, &hints, &list);
  if (code != 0)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_HOST_NOT_FOUND, "%s: %s", text,
                   gai_strerror (code));
      return FALSE;
    }
  for (struct addrinfo *one = list; one != NULL && !ok; one = one->ai_next)
    {
      g_clear_error (error);
      ok = link_try (self, one->ai_addr, one->ai_addrlen, error);
    }
  freeaddrinfo (list);
  return ok;
}

gboolean
pb_clamd_link_connect (PbClamdLink *self, const PbClamdCall *call, GError **error)
{
  const char *path = call->address;

  *self = (PbClamdLink){ -1, g_get_monotonic_time () + (gint64) call->seconds * G_USEC_PER_SEC,
                         call->cancellable };
  if (g_cancellable_set_error_if_cancelled (call->cancellable, error))
    return FALSE;
  if (g_str_has_prefix (path, "unix:"))
    return connect_unix (self, path + strlen ("unix:"), error);
  return connect_host (self, path, error);
}

gboolean
pb_clamd_link_send (PbClamdLink *self, const void *data, gsize length, GError **error)
{
  const guint8 *at = data;
  short got = 0;

  while (length > 0)
    {
      ssize_t n = send (self->fd, at, length, MSG_NOSIGNAL);

      if (n < 0 && errno != EAGAIN && errno != EINTR)
        return set_errno (error, N_ ("sending to clamd"), errno);
      if (n < 0 && !link_wait (self, POLLOUT | POLLIN, self->deadline, &got, error))
        return FALSE;
      if ((got & POLLIN) != 0)
        {
          g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED,
                               N_ ("clamd did not wait for the message's end"));
          return FALSE;
        }
      at += MAX (n, 0);
      length -= (gsize) MAX (n, 0);
    }
  return TRUE;
}

gboolean
pb_clamd_link_send_descriptor (PbClamdLink *self, int fd, GError **error)
{
  char octet = 0;
  struct iovec part = { &octet, 1 };
  union
  {
    char octets[CMSG_SPACE (sizeof (int))];
    struct cmsghdr align;
  } control = { .octets = { 0 } };
  struct msghdr message = { .msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = control.octets,
                            .msg_controllen = sizeof control.octets };
  struct cmsghdr *header = CMSG_FIRSTHDR (&message);
  short got;

  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN (sizeof fd);
  memcpy (CMSG_DATA (header), &fd, sizeof fd);
  while (sendmsg (self->fd, &message, MSG_NOSIGNAL) < 0)
    {
      if (errno != EAGAIN && errno != EINTR)
        return set_errno (error, N_ ("handing a file to clamd"), errno);
      if (!link_wait (self, POLLOUT, self->deadline, &got, error))
        return FALSE;
    }
  return TRUE;
}

char *
pb_clamd_link_read (PbClamdLink *self, GError **error)
{
  char buffer[MAX_REPLY + 1];
  gsize length = 0;
  short got;

  while (length < MAX_REPLY && memchr (buffer, '\0', length) == NULL)
    {
      ssize_t n;

      if (!link_wait (self, POLLIN, self->deadline, &got, error))
        return NULL;
      n = recv (self->fd, buffer + length, MAX_REPLY - length, 0);
      if (n == 0)
        break;
      if (n < 0 && errno != EAGAIN && errno != EINTR)
        {
          set_errno (error, N_ ("clamd's answer"), errno);
          return NULL;
        }
      length += (gsize) MAX (n, 0);
    }
  if (memchr (buffer, '\0', length) != NULL)
    return g_strdup (buffer);
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_PARTIAL_INPUT,
                       length < MAX_REPLY ? N_ ("clamd closed in the middle of its answer")
                                          : N_ ("clamd's answer does not end"));
  return NULL;
}
