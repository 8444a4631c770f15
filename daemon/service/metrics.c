/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Metrics.Address: a socket that other machines cannot reach, and one answer, the figures. HTTP as far as a
 * scrape needs it: one request a connection, then it is closed. Nothing here can hold up or swell the
 * service: at most 16 connections with 4 KiB of request and one answer each, ten seconds from coming to
 * going; more are closed as they come. An address that cannot be listened on is tried again every 30
 * seconds, and the state says why; mail goes on. Main thread, far from the mail path.
 */
#include "service/metrics.h"

#include "protocol/http-request.h"
#include "util/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <glib-unix.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define MAX_CONNECTIONS    16
#define MAX_REQUEST        4096
#define CONNECTION_SECONDS 10
#define RETRY_SECONDS      30
#define BACKLOG            16

typedef struct
{
  PbMetrics *metrics; /* (unowned) */
  int fd;
  guint source;       /* waits for the socket; 0: none */
  guint deadline;     /* source id */
  char request[MAX_REQUEST];
  gsize length;
  char *answer;       /* (owned) (nullable) */
  gsize answer_length, sent;
} Connection;

struct _PbMetrics
{
  PbRegistry *registry;     /* (unowned) */
  PbStatistics *statistics; /* (unowned) */
  gulong handler;
  int fd;                   /* -1: none */
  guint source;             /* waits for connections; 0: none */
  guint pause;              /* source id: descriptors were used up */
  guint retry;              /* source id */
  char *path;               /* (owned) (nullable) of a unix socket that we made */
  struct stat made;         /* what @path led to then */
  GPtrArray *connections;   /* (owned) (element-type Connection) */
  const char *state;        /* (static) */
  char *trouble;            /* (owned) */
  void (*changed) (gpointer user_data);
  gpointer watch_data;
};

/* ---- a connection ---- */

static void
connection_free (gpointer data)
{
  Connection *self = data;

  g_clear_handle_id (&self->source, g_source_remove);
  g_clear_handle_id (&self->deadline, g_source_remove);
  close (self->fd);
  g_free (self->answer);
  g_free (self);
}

static void
connection_end (Connection *self)
{
  g_ptr_array_remove_fast (self->metrics->connections, self);
}

static gboolean
on_connection_deadline (gpointer user_data)
{
  Connection *self = user_data;

  self->deadline = 0;
  connection_end (self);
  return G_SOURCE_REMOVE;
}

/* What still comes is dropped: closing before it has come would take the answer away with a reset. */
static gboolean
on_lingering (int fd, GIOCondition condition, gpointer user_data)
{
  Connection *self = user_data;
  char waste[4096];
  ssize_t n = recv (fd, waste, sizeof waste, 0);

  if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
    return G_SOURCE_CONTINUE;
  self->source = 0;
  connection_end (self);
  return G_SOURCE_REMOVE;
}

static gboolean
on_writable (int fd, GIOCondition condition, gpointer user_data)
{
  Connection *self = user_data;
  ssize_t n = send (fd, self->answer + self->sent, self->answer_length - self->sent, MSG_NOSIGNAL);

  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return G_SOURCE_CONTINUE;
  self->source = 0;
  if (n < 0)
    {
      connection_end (self);
      return G_SOURCE_REMOVE;
    }
  self->sent += (gsize) n;
  if (self->sent < self->answer_length)
    {
      self->source = g_unix_fd_add (fd, G_IO_OUT, on_writable, self);
      return G_SOURCE_REMOVE;
    }
  shutdown (fd, SHUT_WR);
  self->source = g_unix_fd_add (fd, G_IO_IN, on_lingering, self);
  return G_SOURCE_REMOVE;
}

static void
answer (Connection *self, PbHttpRequest request)
{
  gboolean fine = request == PB_HTTP_GET || request == PB_HTTP_HEAD;
  g_autofree char *body = fine ? pb_metrics_text (self->metrics->statistics)
                               : g_strdup_printf ("%s\n", pb_http_status (request));
  const char *type = fine ? "text/plain; version=0.0.4; charset=utf-8" : "text/plain; charset=utf-8";

  self->answer = g_strdup_printf ("HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
                                  "%sConnection: close\r\n\r\n%s",
                                  pb_http_status (request), type, strlen (body),
                                  request == PB_HTTP_NOT_ALLOWED ? "Allow: GET, HEAD\r\n" : "",
                                  request == PB_HTTP_HEAD ? "" : body);
  self->answer_length = strlen (self->answer);
  self->source = g_unix_fd_add (self->fd, G_IO_OUT, on_writable, self);
}

static gboolean
on_readable (int fd, GIOCondition condition, gpointer user_data)
{
  Connection *self = user_data;
  ssize_t n = recv (fd, self->request + self->length, MAX_REQUEST - self->length, 0);
  PbHttpRequest request;

  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return G_SOURCE_CONTINUE;
  if (n <= 0)
    {
      self->source = 0;
      connection_end (self);
      return G_SOURCE_REMOVE;
    }
  self->length += (gsize) n;
  request = pb_http_request_parse (self->request, self->length, MAX_REQUEST, "/metrics");
  if (request == PB_HTTP_MORE)
    return G_SOURCE_CONTINUE;
  self->source = 0;
  answer (self, request);
  return G_SOURCE_REMOVE;
}

static void
connection_start (PbMetrics *metrics, int fd)
{
  Connection *self;

  if (metrics->connections->len >= MAX_CONNECTIONS)
    {
      close (fd);
      return;
    }
  self = g_new0 (Connection, 1);
  self->metrics = metrics;
  self->fd = fd;
  self->source = g_unix_fd_add (fd, G_IO_IN, on_readable, self);
  self->deadline = g_timeout_add_seconds (CONNECTION_SECONDS, on_connection_deadline, self);
  g_ptr_array_add (metrics->connections, self);
}

/* ---- the socket ---- */

static gboolean on_incoming (int fd, GIOCondition condition, gpointer user_data);

static gboolean
on_pause_over (gpointer user_data)
{
  PbMetrics *self = user_data;

  self->pause = 0;
  self->source = g_unix_fd_add (self->fd, G_IO_IN, on_incoming, self);
  return G_SOURCE_REMOVE;
}

static gboolean
on_incoming (int fd, GIOCondition condition, gpointer user_data)
{
  PbMetrics *self = user_data;
  int accepted = accept4 (fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

  if (accepted >= 0)
    {
      connection_start (self, accepted);
      return G_SOURCE_CONTINUE;
    }
  if (errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM)
    return G_SOURCE_CONTINUE;
  self->source = 0;
  self->pause = g_timeout_add_seconds (1, on_pause_over, self);
  return G_SOURCE_REMOVE;
}

static void
set_state (PbMetrics *self, const char *state, const char *trouble)
{
  if (g_str_equal (self->state, state) && g_str_equal (self->trouble, trouble))
    return;
  self->state = state;
  g_free (self->trouble);
  self->trouble = g_strdup (trouble);
  if (*trouble != '\0')
    pb_log (PB_LOG_ERROR, "metrics-failed", "reason", trouble, NULL);
  else
    pb_log (PB_LOG_INFO, "metrics", "state", state, NULL);
  if (self->changed != NULL)
    self->changed (self->watch_data);
}

/* Drops the socket; the file only if it still is the one we made. */
static void
stop_listening (PbMetrics *self)
{
  struct stat now;

  g_clear_handle_id (&self->retry, g_source_remove);
  g_clear_handle_id (&self->pause, g_source_remove);
  g_clear_handle_id (&self->source, g_source_remove);
  g_ptr_array_set_size (self->connections, 0);
  if (self->fd >= 0)
    close (self->fd);
  self->fd = -1;
  if (self->path != NULL && lstat (self->path, &now) == 0 && now.st_dev == self->made.st_dev
      && now.st_ino == self->made.st_ino)
    unlink (self->path);
  g_clear_pointer (&self->path, g_free);
}

/* A socket that nobody listens on any more was left by a run that was killed. Nothing else is touched. */
static void
clear_stale (const struct sockaddr_un *address)
{
  struct stat status;
  int probe;

  if (lstat (address->sun_path, &status) != 0 || !S_ISSOCK (status.st_mode))
    return;
  probe = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (probe < 0)
    return;
  if (connect (probe, (const struct sockaddr *) address, sizeof *address) != 0 && errno == ECONNREFUSED)
    unlink (address->sun_path);
  close (probe);
}

static gboolean
bind_path (PbMetrics *self, const char *path)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };

  g_strlcpy (address.sun_path, path, sizeof address.sun_path);
  clear_stale (&address);
  self->fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (self->fd < 0 || bind (self->fd, (const struct sockaddr *) &address, sizeof address) != 0)
    return FALSE;
  self->path = g_strdup (path);
  /* Whoever reads figures is in our group. */
  return lstat (path, &self->made) == 0 && chmod (path, 0660) == 0;
}

static gboolean
bind_port (PbMetrics *self, const char *text)
{
  const char *colon = strrchr (text, ':');
  g_autofree char *host = g_strndup (text, (gsize) (colon - text));
  gboolean is_v6 = host[0] == '[';
  in_port_t port = htons ((guint16) strtoul (colon + 1, NULL, 10));
  struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = port };
  struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = port, .sin6_addr = in6addr_loopback };
  int one = 1;

  /* The setting's check lets nothing pass but 127.0.0.0/8 and [::1]. */
  if (!is_v6 && (inet_pton (AF_INET, host, &v4.sin_addr) != 1 || (ntohl (v4.sin_addr.s_addr) >> 24) != 127))
    {
      errno = EADDRNOTAVAIL;
      return FALSE;
    }
  self->fd = socket (is_v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (self->fd < 0 || setsockopt (self->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0)
    return FALSE;
  return bind (self->fd, is_v6 ? (struct sockaddr *) &v6 : (struct sockaddr *) &v4,
               is_v6 ? sizeof v6 : sizeof v4)
         == 0;
}

static gboolean on_retry (gpointer user_data);

static void
start_listening (PbMetrics *self)
{
  g_autoptr (PbSnapshot) snapshot = pb_registry_snapshot (self->registry);
  const char *address = snapshot->values.metrics_address;
  gboolean is_path = g_str_has_prefix (address, "unix:");
  g_autofree char *trouble = NULL;

  stop_listening (self);
  if (*address == '\0')
    {
      set_state (self, "off", "");
      return;
    }
  if ((is_path ? bind_path (self, address + strlen ("unix:")) : bind_port (self, address))
      && listen (self->fd, BACKLOG) == 0)
    {
      self->source = g_unix_fd_add (self->fd, G_IO_IN, on_incoming, self);
      set_state (self, "listening", "");
      return;
    }
  /* Not the address: it is for those who may view it, the state for everybody. */
  trouble = g_strdup_printf ("Metrics.Address cannot be listened on: %s", g_strerror (errno));
  stop_listening (self);
  self->retry = g_timeout_add_seconds (RETRY_SECONDS, on_retry, self);
  set_state (self, "failed", trouble);
}

static gboolean
on_retry (gpointer user_data)
{
  PbMetrics *self = user_data;

  self->retry = 0;
  start_listening (self);
  return G_SOURCE_REMOVE;
}

static void
on_settings_changed (PbRegistry *registry, const char *interface, const char *const *names,
                     gpointer user_data)
{
  if (g_str_equal (interface, "Metrics"))
    start_listening (user_data);
}

/* ---- its life ---- */

PbMetrics *
pb_metrics_new (PbRegistry *registry, PbStatistics *statistics)
{
  PbMetrics *self = g_new0 (PbMetrics, 1);

  self->registry = registry;
  self->statistics = statistics;
  self->fd = -1;
  self->connections = g_ptr_array_new_with_free_func (connection_free);
  self->state = "off";
  self->trouble = g_strdup ("");
  self->handler =
    g_signal_connect (registry, "settings-changed", G_CALLBACK (on_settings_changed), self);
  start_listening (self);
  return self;
}

void
pb_metrics_free (PbMetrics *self)
{
  g_signal_handler_disconnect (self->registry, self->handler);
  stop_listening (self);
  g_ptr_array_unref (self->connections);
  g_free (self->trouble);
  g_free (self);
}

const char *
pb_metrics_state (PbMetrics *self, const char **trouble)
{
  *trouble = self->trouble;
  return self->state;
}

void
pb_metrics_watch (PbMetrics *self, void (*changed) (gpointer user_data), gpointer user_data)
{
  self->changed = changed;
  self->watch_data = user_data;
}
