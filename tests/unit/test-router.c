/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Routes and the choice of hosts, as tables. */
#include "delivery/router.h"
#include "delivery/smtp-hosts.h"
#include "settings/registry.h"
#include <string.h>

#define ACCOUNT_ID "7b1d4c1e-6a46-4a0f-9a56-0c6b3a2f9e01"

static PbSnapshot *
make_snapshot (const char *mode, const char *relay, const char *const *fallback)
{
  PbSnapshotBuilder *builder = pb_snapshot_builder_new ();
  PbSettingValues *values = pb_snapshot_builder_values (builder);

  g_free (values->general_hostname);
  values->general_hostname = g_strdup ("mail.example.org");
  g_free (values->delivery_mode);
  values->delivery_mode = g_strdup (mode);
  g_free (values->delivery_relay_server);
  values->delivery_relay_server = g_strdup (relay);
  values->delivery_relay_port = 587;
  if (fallback != NULL)
    {
      g_strfreev (values->delivery_relay_fallback);
      values->delivery_relay_fallback = g_strdupv ((char **) fallback);
    }
  pb_snapshot_builder_add_row (builder, PB_LIST_LOCAL_DOMAINS, NULL, "{'Name': <'example.org'>}");
  pb_snapshot_builder_add_row (builder, PB_LIST_ACCOUNTS, ACCOUNT_ID,
                               "{'Name': <'anna'>, 'Addresses': <['anna@example.org']>}");
  pb_snapshot_builder_add_row (
    builder, PB_LIST_ALIASES, NULL,
    "{'Address': <'team@example.org'>, 'Targets': <['anna@example.org', 'x@far.example']>}");
  pb_snapshot_builder_add_row (builder, PB_LIST_DOMAIN_LIST, NULL,
                               "{'Name': <'b'>, 'Domain': <'backup.example'>, 'Target': <''>}");
  pb_snapshot_builder_add_row (
    builder, PB_LIST_DOMAIN_LIST, NULL,
    "{'Name': <'i'>, 'Domain': <'inner.example'>, 'Target': <'10.0.0.5:2525'>}");
  return pb_snapshot_builder_build (builder);
}

typedef struct
{
  const char *mode, *relay, *recipient;
  PbRouteKind kind;
  const char *key;
  const char *hosts; /* "host:port host:port" */
} RouteRow;

static const RouteRow route_rows[] = {
  { "direct", "", "anna@example.org", PB_ROUTE_LOCAL, "local:" ACCOUNT_ID, "" },
  { "direct", "", "ANNA@example.org", PB_ROUTE_LOCAL, "local:" ACCOUNT_ID, "" },
  { "relay", "smtp.example.net", "anna@example.org", PB_ROUTE_LOCAL, "local:" ACCOUNT_ID, "" },
  { "direct", "", "anna+x@example.org", PB_ROUTE_LOCAL, "local:" ACCOUNT_ID, "" },
  { "direct", "", "nobody@example.org", PB_ROUTE_UNKNOWN, "unknown", "" },
  { "direct", "", "postmaster@example.org", PB_ROUTE_LOCAL, "local:postmaster", "" },
  { "direct", "", "team@example.org", PB_ROUTE_ALIAS, "alias:team@example.org", "" },
  { "direct", "", "u@far.example", PB_ROUTE_MX, "mx:far.example", "" },
  { "direct", "", "u@FAR.example", PB_ROUTE_MX, "mx:far.example", "" },
  { "direct", "smtp.example.net", "u@far.example", PB_ROUTE_MX, "mx:far.example", "" },
  { "direct", "", "u@[192.0.2.7]", PB_ROUTE_HOSTS, "literal:192.0.2.7", "192.0.2.7:0" },
  { "direct", "", "u@[IPv6:2001:db8::1]", PB_ROUTE_HOSTS, "literal:2001:db8::1", "2001:db8::1:0" },
  { "relay", "smtp.example.net", "u@[192.0.2.7]", PB_ROUTE_HOSTS, "relay:smtp.example.net:587",
    "smtp.example.net:587" },
  { "relay", "smtp.example.net", "u@far.example", PB_ROUTE_HOSTS, "relay:smtp.example.net:587",
    "smtp.example.net:587" },
  { "relay", "", "u@far.example", PB_ROUTE_NOWHERE, "nowhere", "" },
  { "relay", "Mail.example.org", "u@far.example", PB_ROUTE_NOWHERE, "nowhere", "" },
  { "relay", "", "u@backup.example", PB_ROUTE_MX, "mx:backup.example", "" },
  { "relay", "smtp.example.net", "u@backup.example", PB_ROUTE_MX, "mx:backup.example", "" },
  { "relay", "smtp.example.net", "u@inner.example", PB_ROUTE_HOSTS, "relay:10.0.0.5:2525",
    "10.0.0.5:2525" },
  { "direct", "", "no address", PB_ROUTE_UNKNOWN, "unknown", "" },
};

static char *
hosts_text (const PbRoute *route)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < route->n_hosts; i++)
    g_string_append_printf (text, "%s%s:%u", i > 0 ? " " : "", route->hosts[i].host,
                            route->hosts[i].port);
  return g_string_free (text, FALSE);
}

static void
test_routes (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (route_rows); i++)
    {
      const RouteRow *row = &route_rows[i];
      g_autoptr (PbSnapshot) snapshot = make_snapshot (row->mode, row->relay, NULL);
      g_autoptr (PbRoute) route = pb_route_find (snapshot, "s@else.example", row->recipient, NULL);
      g_autofree char *hosts = hosts_text (route);

      g_test_message ("%s by %s", row->recipient, row->mode);
      g_assert_cmpint (route->kind, ==, row->kind);
      g_assert_cmpstr (route->key, ==, row->key);
      g_assert_cmpstr (hosts, ==, row->hosts);
      if (route->kind == PB_ROUTE_UNKNOWN || route->kind == PB_ROUTE_NOWHERE)
        g_assert_nonnull (route->why);
    }
}

static void
test_details (void)
{
  static const char *const fallback[] = { "b.example.net", "[2001:db8::9]:2526", "192.0.2.3:26",
                                          NULL };
  g_autoptr (PbSnapshot) snapshot = make_snapshot ("relay", "a.example.net", fallback);
  g_autoptr (PbRoute) relay = pb_route_find (snapshot, "", "u@far.example", NULL);
  g_autoptr (PbRoute) alias = pb_route_find (snapshot, "", "team@example.org", NULL);
  g_autoptr (PbRoute) local = pb_route_find (snapshot, "", "anna@example.org", NULL);
  g_autofree char *hosts = hosts_text (relay);

  g_assert_cmpstr (hosts, ==, "a.example.net:587 b.example.net:587 2001:db8::9:2526 192.0.2.3:26");
  g_assert_cmpuint (g_strv_length (alias->targets), ==, 2);
  g_assert_cmpstr (local->mailbox, ==, ACCOUNT_ID);
}

typedef struct
{
  const char *name;
  /* "preference name address,address", "-" no address, "?" trouble; in order */
  const char *candidates[5];
  gboolean is_relay;
  const char *hosts;  /* expected, "name=address" joined by blanks; or */
  const char *status; /* expected when there are none */
} SelectRow;

static const SelectRow select_rows[] = {
  { "order",
    { "10 a 192.0.2.1", "20 b 192.0.2.2,2001:db8::2" },
    FALSE,
    "a=192.0.2.1 b=192.0.2.2 b=2001:db8::2",
    NULL },
  { "one without address", { "10 a -", "20 b 192.0.2.2" }, FALSE, "b=192.0.2.2", NULL },
  { "own name cuts the rest",
    { "10 a 192.0.2.1", "20 mail.example.org 192.0.2.8", "30 c 192.0.2.3" },
    FALSE,
    "a=192.0.2.1",
    NULL },
  { "own name, any case",
    { "10 a 192.0.2.1", "20 MAIL.example.ORG 192.0.2.8" },
    FALSE,
    "a=192.0.2.1",
    NULL },
  { "own address cuts equals",
    { "10 a 192.0.2.1", "20 b 192.0.2.2", "20 c 203.0.113.9" },
    FALSE,
    "a=192.0.2.1",
    NULL },
  { "loopback is ourselves",
    { "10 a 192.0.2.1", "20 b 127.9.9.9", "30 c 192.0.2.3" },
    FALSE,
    "a=192.0.2.1",
    NULL },
  { "loopback of IPv6", { "20 b 192.0.2.2,::1" }, FALSE, NULL, "5.4.6" },
  { "no address is ourselves", { "20 b 0.0.0.0" }, FALSE, NULL, "5.4.6" },
  { "no address of IPv6", { "20 b ::" }, FALSE, NULL, "5.4.6" },
  { "a relay on this machine", { "0 localhost 127.0.0.1" }, TRUE, "localhost=127.0.0.1", NULL },
  { "all cut", { "10 mail.example.org 192.0.2.8", "20 c 192.0.2.3" }, FALSE, NULL, "5.4.6" },
  { "own without address", { "10 mail.example.org -" }, FALSE, NULL, "5.4.6" },
  { "trouble defers", { "10 a -", "20 b ?" }, FALSE, NULL, "4.4.3" },
  { "trouble beside the own", { "10 a ?", "20 mail.example.org 192.0.2.8" }, FALSE, NULL, "4.4.3" },
  { "none has an address", { "10 a -", "20 b -" }, FALSE, NULL, "5.4.4" },
  { "no MX and no address", { "0 far.example -" }, FALSE, NULL, "5.1.2" },
  { "no MX but an address", { "0 far.example 192.0.2.4" }, FALSE, "far.example=192.0.2.4", NULL },
  { "relay host missing", { "0 smtp.example.net -" }, TRUE, NULL, "4.4.4" },
  { "relay trouble", { "0 smtp.example.net ?" }, TRUE, NULL, "4.4.3" },
};

static guint
parse_candidates (const SelectRow *row, PbSmtpCandidate *candidates)
{
  guint n = 0;

  for (; n < G_N_ELEMENTS (row->candidates) && row->candidates[n] != NULL; n++)
    {
      g_auto (GStrv) words = g_strsplit (row->candidates[n], " ", 3);
      g_auto (GStrv) addresses = g_strsplit (words[2], ",", -1);
      PbSmtpCandidate *candidate = &candidates[n];

      memset (candidate, 0, sizeof *candidate);
      candidate->preference = (guint16) g_ascii_strtoull (words[0], NULL, 10);
      candidate->name = g_strdup (words[1]);
      candidate->port = 25;
      candidate->status = g_str_equal (words[2], "?")   ? PB_DNS_TROUBLE
                          : g_str_equal (words[2], "-") ? PB_DNS_NXDOMAIN
                                                        : PB_DNS_OK;
      if (candidate->status != PB_DNS_OK)
        continue;
      candidate->n_addresses = g_strv_length (addresses);
      candidate->addresses = g_new0 (PbIp, candidate->n_addresses);
      for (guint i = 0; i < candidate->n_addresses; i++)
        g_assert_true (pb_ip_parse (addresses[i], &candidate->addresses[i]));
    }
  return n;
}

static void
test_select (void)
{
  PbIp own;
  PbSmtpSelf self = { "mail.example.org", &own, 1, TRUE };

  g_assert_true (pb_ip_parse ("203.0.113.9", &own));
  for (guint i = 0; i < G_N_ELEMENTS (select_rows); i++)
    {
      const SelectRow *row = &select_rows[i];
      PbSmtpCandidate candidates[5];
      guint n = parse_candidates (row, candidates);
      g_autoptr (PbSmtpHosts) hosts =
        pb_smtp_hosts_select ("far.example", candidates, n, row->is_relay ? NULL : &self, row->is_relay);
      g_autoptr (GString) text = g_string_new (NULL);

      g_test_message ("%s", row->name);
      for (guint j = 0; j < hosts->n_hosts; j++)
        {
          char address[64];

          pb_ip_format (&hosts->hosts[j].ip, address, sizeof address);
          g_string_append_printf (text, "%s%s=%s", j > 0 ? " " : "", hosts->hosts[j].name, address);
        }
      g_assert_cmpstr (text->str, ==, row->hosts != NULL ? row->hosts : "");
      if (row->hosts == NULL)
        {
          g_assert_cmpstr (hosts->status, ==, row->status);
          g_assert_cmpint (hosts->kind, ==,
                           row->status[0] == '5' ? PB_RESULT_FAILED : PB_RESULT_DEFERRED);
          g_assert_nonnull (hosts->why);
        }
      for (guint j = 0; j < n; j++)
        {
          g_free (candidates[j].name);
          g_free (candidates[j].addresses);
        }
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/router/routes", test_routes);
  g_test_add_func ("/router/details", test_details);
  g_test_add_func ("/router/select", test_select);
  return g_test_run ();
}
