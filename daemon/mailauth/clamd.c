/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The clamd client. Called on a worker's thread, so it may wait, but never past its deadline: every step polls
 * for what is left of it. One connection a scan, as clamd wants it. Whatever clamd does, closing in the middle,
 * silence, endless or senseless answers, comes out as a failure in words, and what to do then is a setting.
 */
#include "mailauth/clamd.h"
#include "protocol/text.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define CHUNK     (64 * 1024)
#define MAX_REPLY 1024

typedef struct
{
  int fd;
  gint64 deadline; /* monotonic, microseconds */
} Link;

static void
link_close (Link *self)
{
  if (self->fd >= 0)
    close (self->fd);
  self->fd = -1;
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Link, link_close)

void
pb_clamd_outcome_clear (PbClamdOutcome *self)
{
  g_clear_pointer (&self->signature, g_free);
  g_clear_pointer (&self->why, g_free);
}

static gboolean
set_errno (GError **error, const char *what, int code)
{
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (code), "%s: %s", what, g_strerror (code));
  return FALSE;
}

/* Waits until the link is ready for @events. */
static gboolean
link_wait (Link *self, short events, GError **error)
{
  struct pollfd poll_fd = { self->fd, events, 0 };
  gint64 left;
  int n;

  do
    {
      left = self->deadline - g_get_monotonic_time ();
      n = left > 0 ? poll (&poll_fd, 1, (int) MIN (left / 1000 + 1, G_MAXINT)) : 0;
    }
  while (n < 0 && errno == EINTR);
  if (n < 0)
    return set_errno (error, "poll", errno);
  if (n > 0)
    return TRUE;
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT, "clamd took too long");
  return FALSE;
}

/* Connects to one address. */
static gboolean
link_try (Link *self, const struct sockaddr *address, socklen_t length, GError **error)
{
  int code = 0;
  socklen_t code_length = sizeof code;

  link_close (self);
  self->fd = socket (address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (self->fd < 0)
    return set_errno (error, "socket", errno);
  if (connect (self->fd, address, length) == 0)
    return TRUE;
  if (errno != EINPROGRESS)
    return set_errno (error, "connecting to clamd", errno);
  if (!link_wait (self, POLLOUT, error))
    return FALSE;
  if (getsockopt (self->fd, SOL_SOCKET, SO_ERROR, &code, &code_length) < 0)
    code = errno;
  return code == 0 || set_errno (error, "connecting to clamd", code);
}

static gboolean
link_connect_unix (Link *self, const char *path, GError **error)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };

  if (strlen (path) >= sizeof address.sun_path)
    return set_errno (error, path, ENAMETOOLONG);
  strcpy (address.sun_path, path);
  return link_try (self, (const struct sockaddr *) &address, sizeof address, error);
}

static gboolean
link_connect_host (Link *self, const char *text, GError **error)
{
  g_autoptr (GSocketConnectable) where = g_network_address_parse (text, 3310, error);
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

static gboolean
link_connect (Link *self, const char *address, guint seconds, GError **error)
{
  self->fd = -1;
  self->deadline = g_get_monotonic_time () + (gint64) seconds * G_USEC_PER_SEC;
  if (g_str_has_prefix (address, "unix:"))
    return link_connect_unix (self, address + strlen ("unix:"), error);
  return link_connect_host (self, address, error);
}

static gboolean
link_send (Link *self, const void *data, gsize length, GError **error)
{
  const guint8 *at = data;

  while (length > 0)
    {
      ssize_t n = send (self->fd, at, length, MSG_NOSIGNAL);

      if (n < 0 && errno != EAGAIN && errno != EINTR)
        return set_errno (error, "sending to clamd", errno);
      if (n < 0 && !link_wait (self, POLLOUT, error))
        return FALSE;
      at += MAX (n, 0);
      length -= (gsize) MAX (n, 0);
    }
  return TRUE;
}

/* Hands a descriptor over, with the one octet that carries it. */
static gboolean
link_send_descriptor (Link *self, int fd, GError **error)
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

  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN (sizeof fd);
  memcpy (CMSG_DATA (header), &fd, sizeof fd);
  while (sendmsg (self->fd, &message, MSG_NOSIGNAL) < 0)
    {
      if (errno != EAGAIN && errno != EINTR)
        return set_errno (error, "handing a file to clamd", errno);
      if (!link_wait (self, POLLOUT, error))
        return FALSE;
    }
  return TRUE;
}

/* Reads an answer up to its NUL, the line's end or the connection's. Returns: (transfer full) (nullable). */
static char *
link_read (Link *self, GError **error)
{
  char buffer[MAX_REPLY + 1];
  gsize length = 0;

  while (length < MAX_REPLY && memchr (buffer, '\0', length) == NULL)
    {
      ssize_t n;

      if (!link_wait (self, POLLIN, error))
        return NULL;
      n = recv (self->fd, buffer + length, MAX_REPLY - length, 0);
      if (n == 0)
        break;
      if (n < 0 && errno != EAGAIN && errno != EINTR)
        {
          set_errno (error, "clamd's answer", errno);
          return NULL;
        }
      length += (gsize) MAX (n, 0);
    }
  if (memchr (buffer, '\0', length) != NULL)
    return g_strdup (buffer);
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_PARTIAL_INPUT,
                       length < MAX_REPLY ? "clamd closed in the middle of its answer"
                                          : "clamd's answer does not end");
  return NULL;
}

static gboolean
send_chunk (Link *self, const void *data, gsize length, GError **error)
{
  guint32 size = GUINT32_TO_BE ((guint32) length);

  return link_send (self, &size, sizeof size, error) && link_send (self, data, length, error);
}

/* The message as INSTREAM wants it: chunks with their lengths, the last one empty. */
static gboolean
send_message (Link *self, const PbClamdMessage *message, GError **error)
{
  g_autofree char *buffer = g_malloc (CHUNK);
  gsize at = 0;
  off_t offset = 0;

  for (gsize n; at < message->head_length; at += n)
    {
      n = MIN (CHUNK, message->head_length - at);
      if (!send_chunk (self, (const char *) message->head + at, n, error))
        return FALSE;
    }
  while (message->fd >= 0)
    {
      ssize_t n = pread (message->fd, buffer, CHUNK, offset);

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        return set_errno (error, "reading the message", errno);
      if (n == 0)
        break;
      if (!send_chunk (self, buffer, (gsize) n, error))
        return FALSE;
      offset += n;
    }
  return send_chunk (self, "", 0, error);
}

static gboolean
send_request (Link *self, gboolean by_descriptor, const PbClamdMessage *message, GError **error)
{
  if (by_descriptor)
    return link_send (self, "zFILDES", sizeof "zFILDES", error)
           && link_send_descriptor (self, message->fd, error);
  return link_send (self, "zINSTREAM", sizeof "zINSTREAM", error)
         && send_message (self, message, error);
}

static char *
clean (const char *text, gsize length)
{
  GString *out = g_string_new (NULL);

  pb_text_append_safe (out, text, (gssize) length, 200, TRUE);
  return g_string_free (out, FALSE);
}

/* "stream: OK", "stream: Eicar-Signature FOUND", "... ERROR". */
static void
read_answer (const char *text, PbClamdOutcome *outcome)
{
  const char *colon = strstr (text, ": ");

  if (colon != NULL && strcmp (colon, ": OK") == 0)
    outcome->result = PB_CLAMD_CLEAN;
  else if (colon != NULL && g_str_has_suffix (colon, " FOUND"))
    {
      outcome->result = PB_CLAMD_INFECTED;
      outcome->signature = clean (colon + 2, strlen (colon + 2) - strlen (" FOUND"));
    }
  else
    {
      g_autofree char *shown = clean (text, strlen (text));

      outcome->why = g_strdup_printf ("clamd says: %s", shown);
    }
}

void
pb_clamd_scan (const char *address, gboolean by_descriptor, const PbClamdMessage *message,
               guint seconds, PbClamdOutcome *outcome)
{
  g_auto (Link) link = { .fd = -1 };
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) sending = NULL;
  g_autofree char *text = NULL;
  gboolean sent;

  *outcome = (PbClamdOutcome){ .result = PB_CLAMD_FAILED };
  if (!link_connect (&link, address, seconds, &error))
    {
      outcome->why = g_strdup (error->message);
      return;
    }
  /* clamd may answer before it has read all, and close: a message over its limit; what it said is why. */
  sent = send_request (&link, by_descriptor, message, &sending);
  if (sent || !g_error_matches (sending, G_IO_ERROR, G_IO_ERROR_TIMED_OUT))
    text = link_read (&link, &error);
  if (text != NULL)
    read_answer (text, outcome);
  else
    outcome->why = g_strdup (sent ? error->message : sending->message);
  if (!sent && outcome->result == PB_CLAMD_CLEAN)
    {
      outcome->result = PB_CLAMD_FAILED;
      outcome->why = g_strdup ("clamd answered before it had the message");
    }
}

char *
pb_clamd_version (const char *address, guint seconds, GError **error)
{
  g_auto (Link) link = { .fd = -1 };
  g_autofree char *text = NULL;

  if (!link_connect (&link, address, seconds, error)
      || !link_send (&link, "zVERSION", sizeof "zVERSION", error))
    return NULL;
  text = link_read (&link, error);
  return text != NULL ? clean (text, strlen (text)) : NULL;
}

gboolean
pb_clamd_takes_descriptors (const char *address, guint seconds)
{
  g_auto (PbClamdOutcome) outcome = { .result = PB_CLAMD_FAILED };
  PbClamdMessage probe = { .fd = -1 };

  if (!g_str_has_prefix (address, "unix:"))
    return FALSE;
  /* A file without a name: whether clamd may open our spool's does not matter, only that it takes descriptors. */
  probe.fd = memfd_create ("clamd-probe", MFD_CLOEXEC);
  if (probe.fd < 0)
    return FALSE;
  if (write (probe.fd, "probe\r\n", 7) == 7)
    pb_clamd_scan (address, TRUE, &probe, seconds, &outcome);
  close (probe.fd);
  return outcome.result == PB_CLAMD_CLEAN;
}
