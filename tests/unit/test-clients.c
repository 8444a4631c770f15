/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "policy/clients.h"

#include <glib.h>
#include <string.h>

#define MINUTE ((gint64) 60 * G_USEC_PER_SEC)

static PbIp
ip (const char *text)
{
  PbIp parsed;

  g_assert_true (pb_ip_parse (text, &parsed));
  return parsed;
}

static void
test_count (void)
{
  g_autoptr (PbClients) clients = pb_clients_new ();
  PbIp one = ip ("192.0.2.1"), other = ip ("192.0.2.2");

  g_assert_cmpuint (pb_clients_enter (clients, &one, 1, MINUTE, NULL), ==, 1);
  g_assert_cmpuint (pb_clients_enter (clients, &one, 1, MINUTE, NULL), ==, 2);
  g_assert_cmpuint (pb_clients_enter (clients, &other, 1, MINUTE, NULL), ==, 1);
  pb_clients_leave (clients, &one);
  g_assert_cmpuint (pb_clients_enter (clients, &one, 1, MINUTE, NULL), ==, 2);
  pb_clients_leave (clients, &one);
  pb_clients_leave (clients, &one);
  g_assert_cmpuint (pb_clients_enter (clients, &one, 1, MINUTE, NULL), ==, 1);
  pb_clients_leave (clients, &one);
  pb_clients_leave (clients, &other);
}

static void
test_ipv6_network (void)
{
  g_autoptr (PbClients) clients = pb_clients_new ();
  PbIp one = ip ("2001:db8::1"), neighbour = ip ("2001:db8::ffff:0:0:2"),
       stranger = ip ("2001:db8:0:1::1");

  g_assert_cmpuint (pb_clients_enter (clients, &one, 1, MINUTE, NULL), ==, 1);
  g_assert_cmpuint (pb_clients_enter (clients, &neighbour, 1, MINUTE, NULL), ==, 2);
  g_assert_cmpuint (pb_clients_enter (clients, &stranger, 1, MINUTE, NULL), ==, 1);
  pb_clients_leave (clients, &one);
  pb_clients_leave (clients, &one);
  g_assert_cmpuint (pb_clients_enter (clients, &neighbour, 1, MINUTE, NULL), ==, 1);
  pb_clients_leave (clients, &neighbour);
  pb_clients_leave (clients, &stranger);
}

#define N_THREADS 4
#define N_ROUNDS  20000

static gpointer
come_and_go (gpointer data)
{
  PbClients *clients = data;
  PbIp shared = ip ("192.0.2.1");

  for (guint i = 0; i < N_ROUNDS; i++)
    {
      guint now = pb_clients_enter (clients, &shared, 1, MINUTE, NULL);

      g_assert_cmpuint (now, >=, 1);
      g_assert_cmpuint (now, <=, N_THREADS);
      pb_clients_leave (clients, &shared);
    }
  return NULL;
}

static void
test_threads (void)
{
  g_autoptr (PbClients) clients = pb_clients_new ();
  GThread *threads[N_THREADS];
  PbIp shared = ip ("192.0.2.1");

  for (guint i = 0; i < N_THREADS; i++)
    threads[i] = g_thread_new ("client", come_and_go, clients);
  for (guint i = 0; i < N_THREADS; i++)
    g_thread_join (threads[i]);
  g_assert_cmpuint (pb_clients_enter (clients, &shared, 1, MINUTE, NULL), ==, 1);
  pb_clients_leave (clients, &shared);
}

/* A fixed window of a minute from the first, of IPv4 addresses and IPv6 /64s. */
static void
test_rates (void)
{
  g_autoptr (PbClients) clients = pb_clients_new ();
  PbIp one = ip ("2001:db8::1"), neighbour = ip ("2001:db8::2"), other = ip ("192.0.2.2");
  PbClientCounts counts;
  guint rate;

  g_assert_cmpuint (pb_clients_message (clients, &one, 1000, MINUTE), ==, 1);
  g_assert_cmpuint (pb_clients_message (clients, &neighbour, 1000 + MINUTE - 1, MINUTE), ==, 2);
  g_assert_cmpuint (pb_clients_message (clients, &other, 1000 + MINUTE - 1, MINUTE), ==, 1);
  pb_clients_peek (clients, &one, 1000 + MINUTE - 1, MINUTE, &counts);
  g_assert_cmpuint (counts.message_rate, ==, 3);
  g_assert_cmpuint (counts.connections, ==, 1);
  g_assert_cmpuint (counts.connection_rate, ==, 1);
  g_assert_cmpuint (pb_clients_message (clients, &one, 1000 + MINUTE, MINUTE), ==, 1);
  g_assert_cmpuint (pb_clients_message (clients, &one, 1000 + 2 * MINUTE - 1, MINUTE), ==, 2);
  for (guint i = 1; i < 5; i++)
    {
      pb_clients_enter (clients, &other, 5, MINUTE, &rate);
      g_assert_cmpuint (rate, ==, i);
      pb_clients_leave (clients, &other); /* going does not take it back */
    }
  pb_clients_enter (clients, &other, 5 + MINUTE, MINUTE, &rate);
  g_assert_cmpuint (rate, ==, 1);
  pb_clients_leave (clients, &other);
}

static void
test_unknown (void)
{
  g_autoptr (PbClients) clients = pb_clients_new ();
  PbIp one = ip ("192.0.2.1"), other = ip ("192.0.2.2");

  g_assert_cmpuint (pb_clients_unknown (clients, &one, "a@example.test", 1, 1), ==, 1);
  g_assert_cmpuint (pb_clients_unknown (clients, &one, "A@example.test", 1, 1), ==, 1);
  g_assert_cmpuint (pb_clients_unknown (clients, &one, "b@example.test", 1, 1), ==, 2);
  g_assert_cmpuint (pb_clients_unknown (clients, &other, "b@example.test", 1, 1), ==, 1);
  for (guint i = 0; i < 2001; i++)
    {
      g_autofree char *name = g_strdup_printf ("u%u@example.test", i);

      g_assert_cmpuint (pb_clients_unknown (clients, &one, name, 1, 1), ==, i + 3);
    }
  g_assert_cmpuint (pb_clients_unknown (clients, &one, "a@example.test", 1, 2), ==, 1);
}

static PbIp
hostile (guint i)
{
  char text[32];

  g_snprintf (text, sizeof text, "10.%u.%u.%u", i >> 16 & 255, i >> 8 & 255, i & 255);
  return ip (text);
}

/* Harmless clients are forgotten first; who is connected is not; and there is an end to memory. */
static void
test_bounds (void)
{
  g_autoptr (PbClients) clients = pb_clients_new_sized (5000, 1000);
  PbIp busy = ip ("192.0.2.1"), connected = ip ("192.0.2.2");
  gsize octets;

  pb_clients_enter (clients, &connected, 1, MINUTE, NULL);
  for (guint i = 0; i < 100; i++)
    pb_clients_message (clients, &busy, 1, MINUTE);
  for (guint i = 0; i < 20000; i++)
    {
      PbIp address = hostile (i);

      pb_clients_message (clients, &address, 1, MINUTE);
      if (i % 10 == 0)
        pb_clients_unknown (clients, &address, "a@example.test", 1, 1);
    }
  g_assert_cmpuint (pb_clients_size (clients, &octets), <=, 5000);
  g_assert_cmpuint (octets, <, 1 << 20);
  g_assert_cmpuint (pb_clients_message (clients, &busy, 1, MINUTE), ==, 101);
  g_assert_cmpuint (pb_clients_enter (clients, &connected, 1, MINUTE, NULL), ==, 2);
}

/* More connected at once than there is room for: they are let in, uncounted. */
static void
test_all_connected (void)
{
  g_autoptr (PbClients) clients = pb_clients_new_sized (100, 100);

  for (guint i = 0; i < 200; i++)
    {
      PbIp address = hostile (i);

      g_assert_cmpuint (pb_clients_enter (clients, &address, 1, MINUTE, NULL), ==, 1);
    }
  for (guint i = 0; i < 200; i++)
    {
      PbIp address = hostile (i);

      pb_clients_leave (clients, &address);
    }
  g_assert_cmpuint (pb_clients_size (clients, NULL), ==, 100);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/clients/count", test_count);
  g_test_add_func ("/clients/ipv6-network", test_ipv6_network);
  g_test_add_func ("/clients/threads", test_threads);
  g_test_add_func ("/clients/rates", test_rates);
  g_test_add_func ("/clients/unknown", test_unknown);
  g_test_add_func ("/clients/bounds", test_bounds);
  g_test_add_func ("/clients/all-connected", test_all_connected);
  return g_test_run ();
}
