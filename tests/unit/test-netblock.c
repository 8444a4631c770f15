/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Addresses and networks: what parses, what is refused, what contains what, and the set against the plain way. */
#include "util/netblock.h"

#include <arpa/inet.h>
#include <gio/gio.h>
#include <netinet/in.h>
#include <string.h>

static PbIp
ip (const char *text)
{
  PbIp parsed;

  g_assert_true (pb_ip_parse (text, &parsed));
  return parsed;
}

static void
test_ip (void)
{
  static const struct
  {
    const char *text, *canonical;
    gboolean v4, loopback;
  } rows[] = {
    { "192.0.2.1", "192.0.2.1", TRUE, FALSE },
    { "127.0.0.1", "127.0.0.1", TRUE, TRUE },
    { "127.255.3.4", "127.255.3.4", TRUE, TRUE },
    { "::1", "::1", FALSE, TRUE },
    { "2001:DB8:0:0:0:0:0:1", "2001:db8::1", FALSE, FALSE },
    { "::ffff:127.0.0.9", "127.0.0.9", TRUE, TRUE },
    { "::", "::", FALSE, FALSE },
  };
  static const char *const bad[] = { "",          "1.2.3", "1.2.3.4.5", "256.1.1.1",
                                     "01.2.3.4 ", "::g",   "[::1]",     "host" };
  char buffer[INET6_ADDRSTRLEN];
  PbIp parsed;

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      parsed = ip (rows[i].text);
      g_assert_cmpstr (pb_ip_format (&parsed, buffer, sizeof buffer), ==, rows[i].canonical);
      g_assert_cmpint (pb_ip_is_v4 (&parsed), ==, rows[i].v4);
      g_assert_cmpint (pb_ip_is_loopback (&parsed), ==, rows[i].loopback);
    }
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    g_assert_false (pb_ip_parse (bad[i], &parsed));
}

/* Every octet in every place, as the C library writes it. */
static void
test_format_v4 (void)
{
  for (guint octet = 0; octet < 256; octet++)
    for (guint place = 12; place < 16; place++)
      {
        char ours[INET6_ADDRSTRLEN], theirs[INET6_ADDRSTRLEN];
        PbIp address = ip ("198.9.0.255");

        address.bytes[place] = (guint8) octet;
        inet_ntop (AF_INET, address.bytes + 12, theirs, sizeof theirs);
        g_assert_cmpstr (pb_ip_format (&address, ours, sizeof ours), ==, theirs);
      }
}

static void
test_sockaddr (void)
{
  struct sockaddr_in four = { .sin_family = AF_INET };
  struct sockaddr_in6 six = { .sin6_family = AF_INET6 };
  struct sockaddr other = { .sa_family = AF_UNIX };
  PbIp a, b;

  inet_pton (AF_INET, "198.51.100.7", &four.sin_addr);
  inet_pton (AF_INET6, "::ffff:198.51.100.7", &six.sin6_addr);
  g_assert_true (pb_ip_from_sockaddr ((struct sockaddr *) &four, &a));
  g_assert_true (pb_ip_from_sockaddr ((struct sockaddr *) &six, &b));
  g_assert_cmpmem (a.bytes, 16, b.bytes, 16);
  g_assert_false (pb_ip_from_sockaddr (&other, &a));
}

static void
test_parse (void)
{
  static const struct
  {
    const char *text, *network;
    guint prefix;
  } good[] = {
    { "10.1.2.3", "10.1.2.3", 128 },
    { "10.1.2.3/8", "10.0.0.0", 104 },
    { "10.1.2.3/255.0.0.0", "10.0.0.0", 104 },
    { "10.1.2.3/255.255.255.252", "10.1.2.0", 126 },
    { "0.0.0.0/0", "0.0.0.0", 96 },
    { "1.2.3.4/0.0.0.0", "0.0.0.0", 96 },
    { "2001:db8::1/32", "2001:db8::", 32 },
    { "::/0", "::", 0 },
    { "::1", "::1", 128 },
    { "::ffff:10.0.0.0/104", "10.0.0.0", 104 },
  };
  static const char *const bad[] = {
    "",
    "/8",
    "10.0.0.0/",
    "10.0.0.0/33",
    "10.0.0.0/-1",
    "10.0.0.0/255.0.255.0",
    "10.0.0.0/0.0.0.255",
    "::/129",
    "::/255.0.0.0",
    "10.0.0.0/8/8",
    "10.0.0/8",
    "10.0.0.0/ 8",
    "localhost",
  };

  for (guint i = 0; i < G_N_ELEMENTS (good); i++)
    {
      g_autoptr (GError) error = NULL;
      PbIp network = ip (good[i].network);
      PbNetblock block;

      g_assert_true (pb_netblock_parse (good[i].text, &block, &error));
      g_assert_no_error (error);
      g_assert_cmpuint (block.prefix, ==, good[i].prefix);
      g_assert_cmpmem (block.network.bytes, 16, network.bytes, 16);
    }
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) error = NULL;
      PbNetblock block;

      g_assert_false (pb_netblock_parse (bad[i], &block, &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
    }
}

static void
test_contains (void)
{
  static const struct
  {
    const char *block, *address;
    gboolean contained;
  } rows[] = {
    { "10.0.0.0/8", "10.255.255.255", TRUE },
    { "10.0.0.0/8", "11.0.0.0", FALSE },
    { "10.0.0.0/9", "10.127.0.1", TRUE },
    { "10.0.0.0/9", "10.128.0.1", FALSE },
    { "0.0.0.0/0", "203.0.113.1", TRUE },
    { "0.0.0.0/0", "2001:db8::1", FALSE },
    { "::/0", "203.0.113.1", TRUE },
    { "::1", "::1", TRUE },
    { "127.0.0.1", "127.0.0.2", FALSE },
    { "2001:db8::/33", "2001:db8:7fff::1", TRUE },
    { "2001:db8::/33", "2001:db8:8000::", FALSE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      PbIp address = ip (rows[i].address);
      PbNetblock block;

      g_assert_true (pb_netblock_parse (rows[i].block, &block, NULL));
      g_assert_cmpint (pb_netblock_contains (&block, &address), ==, rows[i].contained);
    }
}

/* A few addresses of a narrow space, so that blocks nest, touch and miss. */
static PbIp
random_ip (GRand *rand)
{
  PbIp made = ip ("10.0.0.0");

  made.bytes[14] = (guint8) g_rand_int_range (rand, 0, 4);
  made.bytes[15] = (guint8) g_rand_int_range (rand, 0, 256);
  return made;
}

static gboolean
plain_contains (const PbNetblock *blocks, gsize n, const PbIp *address)
{
  for (gsize i = 0; i < n; i++)
    if (pb_netblock_contains (&blocks[i], address))
      return TRUE;
  return FALSE;
}

static void
test_set (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (7);
  guint contained = 0;

  for (guint round = 0; round < 200; round++)
    {
      gsize n = (gsize) g_rand_int_range (rand, 0, 12);
      PbNetblock blocks[12];
      g_autoptr (PbNetblockSet) set = NULL;

      for (gsize i = 0; i < n; i++)
        {
          char buffer[INET6_ADDRSTRLEN];
          PbIp network = random_ip (rand);
          g_autofree char *text =
            g_strdup_printf ("%s/%d", pb_ip_format (&network, buffer, sizeof buffer),
                             g_rand_int_range (rand, 22, 33));

          g_assert_true (pb_netblock_parse (text, &blocks[i], NULL));
        }
      set = pb_netblock_set_new (blocks, n);
      for (guint i = 0; i < 200; i++)
        {
          PbIp address = random_ip (rand);
          gboolean expected = plain_contains (blocks, n, &address);

          contained += (guint) expected;
          g_assert_cmpint (pb_netblock_set_contains (set, &address), ==, expected);
        }
    }
  g_assert_cmpuint (contained, >, 1000);
}

static void
test_empty_set (void)
{
  g_autoptr (PbNetblockSet) set = pb_netblock_set_new (NULL, 0);
  PbIp address = ip ("127.0.0.1");

  g_assert_false (pb_netblock_set_contains (set, &address));
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/netblock/ip", test_ip);
  g_test_add_func ("/netblock/format-v4", test_format_v4);
  g_test_add_func ("/netblock/sockaddr", test_sockaddr);
  g_test_add_func ("/netblock/parse", test_parse);
  g_test_add_func ("/netblock/contains", test_contains);
  g_test_add_func ("/netblock/set", test_set);
  g_test_add_func ("/netblock/empty-set", test_empty_set);
  return g_test_run ();
}
