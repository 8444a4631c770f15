/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "policy/clients.h"

#include <glib.h>

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

  g_assert_cmpuint (pb_clients_enter (clients, &one), ==, 1);
  g_assert_cmpuint (pb_clients_enter (clients, &one), ==, 2);
  g_assert_cmpuint (pb_clients_enter (clients, &other), ==, 1);
  pb_clients_leave (clients, &one);
  g_assert_cmpuint (pb_clients_enter (clients, &one), ==, 2);
  pb_clients_leave (clients, &one);
  pb_clients_leave (clients, &one);
  g_assert_cmpuint (pb_clients_enter (clients, &one), ==, 1);
  pb_clients_leave (clients, &one);
  pb_clients_leave (clients, &other);
}

static void
test_ipv6_network (void)
{
  g_autoptr (PbClients) clients = pb_clients_new ();
  PbIp one = ip ("2001:db8::1"), neighbour = ip ("2001:db8::ffff:0:0:2"),
       stranger = ip ("2001:db8:0:1::1");

  g_assert_cmpuint (pb_clients_enter (clients, &one), ==, 1);
  g_assert_cmpuint (pb_clients_enter (clients, &neighbour), ==, 2);
  g_assert_cmpuint (pb_clients_enter (clients, &stranger), ==, 1);
  pb_clients_leave (clients, &one);
  pb_clients_leave (clients, &one);
  g_assert_cmpuint (pb_clients_enter (clients, &neighbour), ==, 1);
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
      guint now = pb_clients_enter (clients, &shared);

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
  g_assert_cmpuint (pb_clients_enter (clients, &shared), ==, 1);
  pb_clients_leave (clients, &shared);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/clients/count", test_count);
  g_test_add_func ("/clients/ipv6-network", test_ipv6_network);
  g_test_add_func ("/clients/threads", test_threads);
  return g_test_run ();
}
