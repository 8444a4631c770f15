/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Listening sockets: opened or taken over from systemd, accepted from on one reactor, handed to all in turn.
 *
 * Called by the daemon's start-up and stop on the main thread; accepting happens on the first reactor. A
 * wake-up takes what waits, up to a bound, without asking for one more when one was expected. When
 * descriptors run out, this listener is silent for 100 ms and tries again. Accepted sockets inherit
 * TCP_NODELAY from the listening one, which spares a call for each.
 */
#include "net/listener.h"
#include "util/log.h"
#include "util/netblock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define BACKLOG        1024
#define MAX_BUDGET     64
#define PAUSE_USEC     (100 * 1000)
#define LOG_PAUSE_USEC (10 * G_USEC_PER_SEC)
#define OWNER(member, pointer)                                                                     \
  ((PbListener *) (void *) ((char *) (pointer) -offsetof (PbListener, member)))

typedef union
{
  struct sockaddr any;
  struct sockaddr_in four;
  struct sockaddr_in6 six;
  struct sockaddr_storage storage;
} Address;

struct _PbListener
{
  PbEndpoint *endpoint; /* (owned) */
  PbWatch watch;        /* its fd is owned */
  PbTimer timer;        /* ends a pause */
  PbReactor **reactors; /* (owned) (nullable) array of (not owned), accepting one first */
  guint n_reactors;
  guint turn;         /* whose the next connection is */
  guint budget;       /* most connections to take at the next wake-up */
  guint64 full_round; /* the wake-up in which the budget was used up */
  gint64 pause_logged;
  PbAcceptFunc func;
  gpointer user_data; /* (not owned) */
};

typedef struct
{
  PbListener *listener; /* (not owned) outlives this: pb_listener_stop() waits */
  PbReactor *reactor;   /* (not owned) */
  int fd;               /* (owned) */
  Address peer;
  socklen_t length;
} Handover;

typedef struct
{
  PbListener *listener;
  GMutex lock;
  GCond done;
  guint waiting; /* under lock */
} Barrier;

static const char *const role_names[] = {
  [PB_ROLE_SMTP] = "smtp",
  [PB_ROLE_SUBMISSION] = "submission",
  [PB_ROLE_SUBMISSIONS] = "submissions",
};

const char *
pb_role_name (PbRole role)
{
  return role_names[role];
}

gboolean
pb_role_parse (const char *name, PbRole *role)
{
  for (guint i = 0; i < G_N_ELEMENTS (role_names); i++)
    if (g_str_equal (name, role_names[i]))
      {
        *role = (PbRole) i;
        return TRUE;
      }
  return FALSE;
}

void
pb_endpoint_free (PbEndpoint *self)
{
  if (self == NULL)
    return;
  g_free (self->address);
  g_free (self);
}

static PbEndpoint *
endpoint_new (PbRole role, const char *address, guint16 port)
{
  PbEndpoint *self = g_new0 (PbEndpoint, 1);

  self->role = role;
  self->address = g_strdup (address);
  self->port = port;
  return self;
}

/* @text: "192.0.2.1", "[2001:db8::1]" or "*". Returns: (transfer full) (nullable) without brackets. */
static char *
address_parse (const char *text)
{
  gsize length = strlen (text);
  gboolean bracketed = length > 2 && text[0] == '[' && text[length - 1] == ']';
  g_autofree char *bare = bracketed ? g_strndup (text + 1, length - 2) : g_strdup (text);
  PbIp ip;

  if (g_str_equal (text, "*"))
    return g_steal_pointer (&bare);
  if (!pb_ip_parse (bare, &ip) || bracketed != (strchr (bare, ':') != NULL))
    return NULL;
  return g_steal_pointer (&bare);
}

PbEndpoint *
pb_endpoint_parse (const char *text, GError **error)
{
  const char *first = strchr (text, ':');
  const char *last = strrchr (text, ':');
  g_autofree char *role_text = g_strndup (text, first != NULL ? (gsize) (first - text) : 0);
  g_autofree char *address_text = NULL, *address = NULL;
  guint64 port;
  PbRole role;

  if (first != NULL && last > first)
    address_text = g_strndup (first + 1, (gsize) (last - first - 1));
  if (address_text != NULL)
    address = address_parse (address_text);
  if (address == NULL || !pb_role_parse (role_text, &role)
      || !g_ascii_string_to_unsigned (last + 1, 10, 0, G_MAXUINT16, &port, NULL))
    {
      g_set_error (
        error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
        "“%s” is not ROLE:ADDRESS:PORT with a role of smtp, submission or submissions and an "
        "address like 192.0.2.1, [2001:db8::1] or *",
        text);
      return NULL;
    }
  return endpoint_new (role, address, (guint16) port);
}

static gboolean
set_error (GError **error, const PbEndpoint *endpoint, const char *what)
{
  int saved = errno;
  gboolean six = strchr (endpoint->address, ':') != NULL;

  g_set_error (error, G_IO_ERROR, (int) g_io_error_from_errno (saved), "Cannot %s %s:%s%s%s:%u: %s",
               what, pb_role_name (endpoint->role), six ? "[" : "", endpoint->address,
               six ? "]" : "", endpoint->port, g_strerror (saved));
  return FALSE;
}

static socklen_t
address_fill (Address *address, const PbEndpoint *endpoint, gboolean v4)
{
  memset (address, 0, sizeof *address);
  if (v4)
    {
      address->four.sin_family = AF_INET;
      address->four.sin_port = htons (endpoint->port);
      if (!g_str_equal (endpoint->address, "*"))
        inet_pton (AF_INET, endpoint->address, &address->four.sin_addr);
      return sizeof address->four;
    }
  address->six.sin6_family = AF_INET6;
  address->six.sin6_port = htons (endpoint->port);
  if (!g_str_equal (endpoint->address, "*"))
    inet_pton (AF_INET6, endpoint->address, &address->six.sin6_addr);
  return sizeof address->six;
}

/* Returns: a listening socket or -1 with errno. */
static int
listen_on (const PbEndpoint *endpoint, gboolean v4)
{
  Address address;
  socklen_t length = address_fill (&address, endpoint, v4);
  int on = 1, only_six = !g_str_equal (endpoint->address, "*");
  int fd = socket (address.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

  if (fd < 0)
    return -1;
  setsockopt (fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  setsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (!v4)
    setsockopt (fd, IPPROTO_IPV6, IPV6_V6ONLY, &only_six, sizeof only_six);
  if (bind (fd, &address.any, length) != 0 || listen (fd, BACKLOG) != 0)
    {
      int saved = errno;

      close (fd);
      errno = saved;
      return -1;
    }
  return fd;
}

static guint16
port_of (const Address *address)
{
  return ntohs (address->any.sa_family == AF_INET ? address->four.sin_port
                                                  : address->six.sin6_port);
}

static PbListener *
listener_new (PbEndpoint *endpoint, int fd)
{
  PbListener *self = g_new0 (PbListener, 1);

  self->endpoint = endpoint;
  self->watch.fd = fd;
  self->budget = 1;
  return self;
}

PbListener *
pb_listener_open (const PbEndpoint *endpoint, GError **error)
{
  gboolean any = g_str_equal (endpoint->address, "*");
  int fd = listen_on (endpoint, !any && strchr (endpoint->address, ':') == NULL);
  PbListener *self;
  Address address;
  socklen_t length = sizeof address;

  /* "*" on a machine without IPv6. */
  if (fd < 0 && any && errno != EADDRINUSE && errno != EACCES)
    fd = listen_on (endpoint, TRUE);
  if (fd < 0)
    {
      set_error (error, endpoint, "listen on");
      return NULL;
    }
  self = listener_new (endpoint_new (endpoint->role, endpoint->address, endpoint->port), fd);
  if (getsockname (fd, &address.any, &length) == 0)
    self->endpoint->port = port_of (&address);
  return self;
}

PbListener *
pb_listener_adopt (int fd, PbRole role, GError **error)
{
  Address address;
  socklen_t length = sizeof address, size = sizeof (int);
  int listening = 0, on = 1;
  char text[INET6_ADDRSTRLEN];
  PbIp ip;

  if (getsockname (fd, &address.any, &length) != 0
      || getsockopt (fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) != 0 || !listening
      || !pb_ip_from_sockaddr (&address.any, &ip))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                   "The socket passed for %s (descriptor %d) is not a listening TCP socket",
                   pb_role_name (role), fd);
      return NULL;
    }
  setsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  fcntl (fd, F_SETFL, fcntl (fd, F_GETFL) | O_NONBLOCK);
  fcntl (fd, F_SETFD, FD_CLOEXEC);
  return listener_new (endpoint_new (role, pb_ip_format (&ip, text, sizeof text),
                                     port_of (&address)),
                       fd);
}

static void
on_handover (gpointer data)
{
  Handover *self = data;
  PbListener *listener = self->listener;

  listener->func (self->fd, &self->peer.any, self->length, listener->endpoint->role, self->reactor,
                  listener->user_data);
  g_free (self);
}

static void
listener_hand_on (PbListener *self, int fd, const Address *peer, socklen_t length)
{
  PbReactor *reactor = self->reactors[self->turn];
  Handover *handover;

  self->turn = (self->turn + 1) % self->n_reactors;
  if (reactor == self->reactors[0])
    {
      self->func (fd, &peer->any, length, self->endpoint->role, reactor, self->user_data);
      return;
    }
  handover = g_new (Handover, 1);
  *handover = (Handover){ self, reactor, fd, *peer, length };
  pb_mailbox_post (pb_reactor_mailbox (reactor), on_handover, handover);
}

static void
listener_pause (PbListener *self, int error)
{
  PbReactor *reactor = self->reactors[0];
  gint64 now = pb_reactor_now (reactor);

  pb_reactor_watch (reactor, &self->watch, 0);
  pb_reactor_set_timer (reactor, &self->timer, now + PAUSE_USEC);
  if (self->pause_logged != 0 && now - self->pause_logged < LOG_PAUSE_USEC)
    return;
  self->pause_logged = now;
  pb_log (PB_LOG_WARNING, "accept-paused", "role", pb_role_name (self->endpoint->role), "error",
          g_strerror (error), NULL);
}

static void
on_pause_over (PbTimer *timer)
{
  PbListener *self = OWNER (timer, timer);

  pb_reactor_watch (self->reactors[0], &self->watch, EPOLLIN);
}

/* Takes one connection. Returns: FALSE when there is none, or none to be had. */
static gboolean
accept_one (PbListener *self)
{
  Address peer;
  socklen_t length = sizeof peer;
  int fd = accept4 (self->watch.fd, &peer.any, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);

  if (fd >= 0)
    {
      listener_hand_on (self, fd, &peer, length);
      return TRUE;
    }
  if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
    listener_pause (self, errno);
  /* Anything but EAGAIN is about that one connection (accept(2)): it is gone, the next may do. */
  return errno != EAGAIN && self->watch.armed != 0;
}

static void
on_accept_event (PbWatch *watch, guint32 epoll_events)
{
  PbListener *self = OWNER (watch, watch);
  guint64 round = pb_reactor_round (self->reactors[0]);

  /* One, unless the last wake-up left some behind: asking until EAGAIN costs a call a connection. */
  self->budget = self->full_round + 1 == round ? MIN (self->budget * 2, MAX_BUDGET) : 1;
  for (guint i = 0; i < self->budget; i++)
    if (!accept_one (self))
      return;
  self->full_round = round;
}

static void
on_start (gpointer data)
{
  PbListener *self = data;

  pb_reactor_watch (self->reactors[0], &self->watch, EPOLLIN);
}

void
pb_listener_start (PbListener *self, PbReactor **reactors, guint n_reactors, PbAcceptFunc func,
                   gpointer user_data)
{
  g_return_if_fail (n_reactors > 0 && self->reactors == NULL);
  self->reactors = g_memdup2 (reactors, n_reactors * sizeof *reactors);
  self->n_reactors = n_reactors;
  self->func = func;
  self->user_data = user_data;
  self->watch.func = on_accept_event;
  self->timer.func = on_pause_over;
  pb_mailbox_post (pb_reactor_mailbox (reactors[0]), on_start, self);
}

const PbEndpoint *
pb_listener_endpoint (PbListener *self)
{
  return self->endpoint;
}

static void
on_barrier (gpointer data)
{
  Barrier *self = data;

  g_mutex_lock (&self->lock);
  if (--self->waiting == 0)
    g_cond_signal (&self->done);
  g_mutex_unlock (&self->lock);
}

static void
on_stop (gpointer data)
{
  Barrier *self = data;
  PbListener *listener = self->listener;

  pb_reactor_clear_timer (listener->reactors[0], &listener->timer);
  /* Not left to close(): whoever passed us the socket holds it too. */
  pb_reactor_unwatch (listener->reactors[0], &listener->watch);
  pb_reactor_close (listener->reactors[0], &listener->watch);
  on_barrier (self);
}

/* Runs @func on the threads of reactors @first to @n - 1 and waits for them. */
static void
barrier_run (Barrier *self, guint first, guint n, PbMailFunc func)
{
  self->waiting = n - first;
  for (guint i = first; i < n; i++)
    pb_mailbox_post (pb_reactor_mailbox (self->listener->reactors[i]), func, self);
  g_mutex_lock (&self->lock);
  while (self->waiting > 0)
    g_cond_wait (&self->done, &self->lock);
  g_mutex_unlock (&self->lock);
}

void
pb_listener_stop (PbListener *self)
{
  Barrier barrier = { .listener = self };

  if (self->reactors == NULL)
    {
      if (self->watch.fd >= 0)
        close (self->watch.fd);
      self->watch.fd = -1;
      return;
    }
  g_mutex_init (&barrier.lock);
  g_cond_init (&barrier.done);
  /* First no more are accepted, then what was handed on has arrived. */
  barrier_run (&barrier, 0, 1, on_stop);
  barrier_run (&barrier, 1, self->n_reactors, on_barrier);
  g_mutex_clear (&barrier.lock);
  g_cond_clear (&barrier.done);
  g_clear_pointer (&self->reactors, g_free);
}

void
pb_listener_free (PbListener *self)
{
  if (self == NULL)
    return;
  pb_listener_stop (self);
  pb_endpoint_free (self->endpoint);
  g_free (self);
}
