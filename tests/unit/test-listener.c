/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Listeners: endpoint texts, real ports, turns over the reactors, inherited socket options, descriptors used up, and stopping. */
#include "net/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define REACTORS 2
#define CLIENTS  40

typedef struct
{
  PbReactor *reactors[REACTORS];
  PbListener *listener;
  GMutex lock;
  GCond changed;
  guint accepted[REACTORS]; /* under lock */
  gboolean keep;
  int kept[CLIENTS * 4]; /* under lock */
  guint n_kept;
} Fixture;

static void
set_up (Fixture *self, gconstpointer data)
{
  for (guint i = 0; i < REACTORS; i++)
    self->reactors[i] = pb_reactor_new ("test");
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  pb_listener_free (self->listener);
  for (guint i = 0; i < REACTORS; i++)
    pb_reactor_free (self->reactors[i]);
  for (guint i = 0; i < self->n_kept; i++)
    close (self->kept[i]);
}

static void
on_accept (int fd, const struct sockaddr *peer, socklen_t peer_length, PbRole role,
           PbReactor *reactor, gpointer user_data)
{
  Fixture *self = user_data;
  int value = 0;
  socklen_t size = sizeof value;

  g_assert_true (pb_reactor_is_current (reactor));
  g_assert_cmpint (role, ==, PB_ROLE_SUBMISSION);
  g_assert_cmpint (fcntl (fd, F_GETFL) & O_NONBLOCK, ==, O_NONBLOCK);
  g_assert_cmpint (fcntl (fd, F_GETFD) & FD_CLOEXEC, ==, FD_CLOEXEC);
  g_assert_cmpint (getsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &value, &size), ==, 0);
  g_assert_cmpint (value, !=, 0);
  g_assert_cmpint (peer->sa_family, ==, AF_INET);
  g_assert_cmpuint (peer_length, ==, sizeof (struct sockaddr_in));
  g_mutex_lock (&self->lock);
  self->accepted[reactor == self->reactors[1]]++;
  if (self->keep)
    self->kept[self->n_kept++] = fd;
  else
    close (fd);
  g_cond_broadcast (&self->changed);
  g_mutex_unlock (&self->lock);
}

static void
wait_accepted (Fixture *self, guint count)
{
  gint64 deadline = g_get_monotonic_time () + 30 * G_USEC_PER_SEC;

  g_mutex_lock (&self->lock);
  while (self->accepted[0] + self->accepted[1] < count)
    g_assert_true (g_cond_wait_until (&self->changed, &self->lock, deadline));
  g_mutex_unlock (&self->lock);
}

static int
client (Fixture *self)
{
  struct sockaddr_in address = { .sin_family = AF_INET,
                                 .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

  g_assert_cmpint (fd, >=, 0);
  address.sin_port = htons (pb_listener_endpoint (self->listener)->port);
  if (connect (fd, (struct sockaddr *) &address, sizeof address) == 0)
    return fd;
  close (fd);
  return -1;
}

static void
open_listener (Fixture *self)
{
  g_autoptr (GError) error = NULL;
  PbEndpoint *endpoint = pb_endpoint_parse ("submission:127.0.0.1:0", &error);

  g_assert_no_error (error);
  self->listener = pb_listener_open (endpoint, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (pb_listener_endpoint (self->listener)->port, >, 0);
  pb_endpoint_free (endpoint);
}

static void
test_endpoints (void)
{
  static const struct
  {
    const char *text, *address;
    PbRole role;
    guint16 port;
  } good[] = {
    { "smtp:127.0.0.1:25", "127.0.0.1", PB_ROLE_SMTP, 25 },
    { "submission:*:587", "*", PB_ROLE_SUBMISSION, 587 },
    { "submissions:[::1]:465", "::1", PB_ROLE_SUBMISSIONS, 465 },
    { "smtp:[2001:db8::1]:0", "2001:db8::1", PB_ROLE_SMTP, 0 },
    { "smtp:0.0.0.0:65535", "0.0.0.0", PB_ROLE_SMTP, 65535 },
  };
  static const char *const bad[] = {
    "",
    ":",
    "::",
    "smtp",
    "smtp:25",
    "smtp:127.0.0.1",
    "smtp:127.0.0.1:",
    "smtp:127.0.0.1:65536",
    "smtp:127.0.0.1:-1",
    "smtp:127.0.0.1:x",
    "smtp::1:25",
    "smtp:[127.0.0.1]:25",
    "smtp:localhost:25",
    "smtp:[::1:25",
    "smtp:[]:25",
    "SMTP:127.0.0.1:25",
    "pop3:127.0.0.1:110",
    "smtp:[*]:25",
  };

  for (guint i = 0; i < G_N_ELEMENTS (good); i++)
    {
      g_autoptr (GError) error = NULL;
      PbEndpoint *endpoint = pb_endpoint_parse (good[i].text, &error);

      g_assert_no_error (error);
      g_assert_cmpstr (endpoint->address, ==, good[i].address);
      g_assert_cmpint (endpoint->role, ==, good[i].role);
      g_assert_cmpuint (endpoint->port, ==, good[i].port);
      pb_endpoint_free (endpoint);
    }
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (pb_endpoint_parse (bad[i], &error));
      g_assert_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE);
      g_assert_nonnull (strstr (error->message, bad[i]));
    }
}

static void
test_roles (void)
{
  PbRole role;

  for (guint i = PB_ROLE_SMTP; i <= PB_ROLE_SUBMISSIONS; i++)
    {
      g_assert_true (pb_role_parse (pb_role_name ((PbRole) i), &role));
      g_assert_cmpuint (role, ==, i);
    }
  g_assert_false (pb_role_parse ("lmtp", &role));
}

static void
test_turns (Fixture *self, gconstpointer data)
{
  int clients[CLIENTS];

  open_listener (self);
  /* All wait in the backlog before the first is taken. */
  for (guint i = 0; i < CLIENTS; i++)
    clients[i] = client (self);
  pb_listener_start (self->listener, self->reactors, REACTORS, on_accept, self);
  wait_accepted (self, CLIENTS);
  g_assert_cmpuint (self->accepted[0], ==, CLIENTS / 2);
  g_assert_cmpuint (self->accepted[1], ==, CLIENTS / 2);
  for (guint i = 0; i < CLIENTS; i++)
    close (clients[i]);
}

static void
test_stop (Fixture *self, gconstpointer data)
{
  int fd;

  open_listener (self);
  pb_listener_start (self->listener, self->reactors, REACTORS, on_accept, self);
  fd = client (self);
  g_assert_cmpint (fd, >=, 0);
  wait_accepted (self, 1);
  close (fd);
  pb_listener_stop (self->listener);
  g_assert_cmpint (client (self), ==, -1);
  pb_listener_stop (self->listener);
  g_assert_cmpuint (self->accepted[0] + self->accepted[1], ==, 1);
}

static void
test_taken_port (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;
  PbEndpoint *endpoint;

  open_listener (self);
  text = g_strdup_printf ("smtp:127.0.0.1:%u", pb_listener_endpoint (self->listener)->port);
  endpoint = pb_endpoint_parse (text, NULL);
  g_assert_null (pb_listener_open (endpoint, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE);
  g_assert_nonnull (strstr (error->message, text));
  pb_endpoint_free (endpoint);
}

static void
test_adopt (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  struct sockaddr_in address = { .sin_family = AF_INET,
                                 .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  int fd = socket (AF_INET, SOCK_STREAM, 0), ends[2];

  g_assert_null (pb_listener_adopt (fd, PB_ROLE_SUBMISSION, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
  g_clear_error (&error);
  g_assert_cmpint (pipe (ends), ==, 0);
  g_assert_null (pb_listener_adopt (ends[0], PB_ROLE_SUBMISSION, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
  g_clear_error (&error);
  close (ends[0]);
  close (ends[1]);
  g_assert_cmpint (bind (fd, (struct sockaddr *) &address, sizeof address), ==, 0);
  g_assert_cmpint (listen (fd, 4), ==, 0);
  self->listener = pb_listener_adopt (fd, PB_ROLE_SUBMISSION, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (pb_listener_endpoint (self->listener)->address, ==, "127.0.0.1");
  pb_listener_start (self->listener, self->reactors, 1, on_accept, self);
  fd = client (self);
  wait_accepted (self, 1);
  g_assert_cmpuint (self->accepted[0], ==, 1);
  close (fd);
}

static gint64
cpu_usec (void)
{
  struct rusage usage;

  getrusage (RUSAGE_SELF, &usage);
  return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * G_USEC_PER_SEC + usage.ru_utime.tv_usec
         + usage.ru_stime.tv_usec;
}

/* No descriptor left: those in the backlog wait, without spinning, and are taken once there is one. */
static void
test_descriptors_used_up (Fixture *self, gconstpointer data)
{
  struct rlimit before, none;
  int clients[4];
  gint64 cpu, wall;

  self->keep = TRUE;
  open_listener (self);
  for (guint i = 0; i < G_N_ELEMENTS (clients); i++)
    clients[i] = client (self);
  g_assert_cmpint (getrlimit (RLIMIT_NOFILE, &before), ==, 0);
  none = before;
  /* Below every number in use: no new one can be had. */
  none.rlim_cur = 3;
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &none), ==, 0);
  pb_listener_start (self->listener, self->reactors, 1, on_accept, self);
  cpu = cpu_usec ();
  wall = g_get_monotonic_time ();
  g_mutex_lock (&self->lock);
  while (g_cond_wait_until (&self->changed, &self->lock, wall + 500000))
    continue;
  g_assert_cmpuint (self->accepted[0], ==, 0);
  g_mutex_unlock (&self->lock);
  cpu = cpu_usec () - cpu;
  wall = g_get_monotonic_time () - wall;
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &before), ==, 0);
  wait_accepted (self, G_N_ELEMENTS (clients));
  /* Spinning would take one core all the time. */
  g_assert_cmpint (cpu, <, wall / 2);
  for (guint i = 0; i < G_N_ELEMENTS (clients); i++)
    close (clients[i]);
}

#define ADD(name, func) g_test_add ("/listener/" name, Fixture, NULL, set_up, func, tear_down)

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/listener/endpoints", test_endpoints);
  g_test_add_func ("/listener/roles", test_roles);
  ADD ("turns", test_turns);
  ADD ("stop", test_stop);
  ADD ("taken-port", test_taken_port);
  ADD ("adopt", test_adopt);
  ADD ("descriptors-used-up", test_descriptors_used_up);
  return g_test_run ();
}
