/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What judging a recipient costs with 10,000 rules in the Access List and every check on that needs no
 * DNS: the whole of the table's stage, trail included, for recipients that are taken. And what a million
 * hostile clients cost the table of limits: time a connection, octets in all. Prints `name figure`, times
 * as the median of several rounds. Called by policy.sh; takes no arguments.
 */
#include "policy/clients.h"
#include "policy/policy.h"
#include "settings/registry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define N_RULES   10000
#define N_PROBES  20000
#define N_ROUNDS  9
#define N_HOSTILE 1000000

static const char *const masks[] = { "/32", "/30", "/28", "/27", "/24", "/23", "/20", "/16",
                                     "/255.0.255.255", "/255.100.10.1" };

/* A fifth each: addresses, networks of ten masks, senders, recipients, domains. */
static void
add_rule (PbSnapshotBuilder *builder, guint i)
{
  g_autofree char *value = NULL, *row = NULL;
  static const char *const kinds[] = { "ip", "network", "sender", "recipient", "domain" };
  guint n = i / 5;

  switch (i % 5)
    {
    case 0:
      value = g_strdup_printf ("10.1.%u.%u", n >> 8, n & 255);
      break;
    case 1:
      value = g_strdup_printf ("10.%u.%u.%u%s", 2 + n % 10, n >> 8, n & 255, masks[n % 10]);
      break;
    case 2:
    case 3:
      value = g_strdup_printf ("u%u@d%u.example", n, n);
      break;
    default:
      value = g_strdup_printf (".w%u.example", n);
      break;
    }
  row = g_strdup_printf ("{'Name': <'r%u'>, 'List': <'%s'>, 'Kind': <'%s'>, 'Value': <'%s'>}", i,
                         i % 5 == 4 ? "whitelist" : "blacklist", kinds[i % 5], value);
  pb_snapshot_builder_add_row (builder, PB_LIST_ACCESS_LIST, NULL, row);
}

static PbSnapshot *
make_snapshot (void)
{
  PbSnapshotBuilder *builder = pb_snapshot_builder_new ();
  PbSettingValues *values = pb_snapshot_builder_values (builder);
  PbSnapshot *snapshot;
  clock_t start;

  g_free (values->advanced_reject_non_fqdn_helo);
  values->advanced_reject_non_fqdn_helo = g_strdup ("enforce");
  g_free (values->sender_policy_reject_non_fqdn_sender);
  values->sender_policy_reject_non_fqdn_sender = g_strdup ("enforce");
  values->general_auth_check_sender = TRUE;
  pb_snapshot_builder_add_row (builder, PB_LIST_LOCAL_DOMAINS, NULL, "{'Name': <'local.example'>}");
  pb_snapshot_builder_add_row (builder, PB_LIST_ACCOUNTS, NULL,
                               "{'Name': <'ann'>, 'Addresses': <['ann@local.example']>}");
  for (guint i = 0; i < N_RULES; i++)
    add_rule (builder, i);
  start = clock ();
  snapshot = pb_snapshot_builder_build (builder);
  printf ("compiling-10000-rules-us %.0f\n", (double) (clock () - start) * 1e6 / CLOCKS_PER_SEC);
  return snapshot;
}

static int
compare_numbers (gconstpointer a, gconstpointer b)
{
  double first = *(const double *) a, second = *(const double *) b;

  return (first > second) - (first < second);
}

/* One message of ten recipients after the other, the client's rules looked up for each. */
static double
judge_round (PbSnapshot *snapshot, guint round)
{
  PbAddress recipient = { .local = (char *) "ann", .domain = (char *) "local.example" };
  gint64 start = g_get_monotonic_time ();

  for (guint i = 0; i < N_PROBES; i++)
    {
      char local[24], domain[48];
      PbAddress sender = { .local = local, .domain = domain };
      PbJudged judged = { .snapshot = snapshot, .helo = "mail.example.org", .sender = &sender,
                          .recipient = &recipient, .now = 1700000000 };
      g_autoptr (PbTrail) trail = pb_trail_new ();
      g_auto (PbDecision) decision = { 0 };
      PbPolicyRun *run;

      g_snprintf (local, sizeof local, "s%u", i * 7919u % 65536u);
      g_snprintf (domain, sizeof domain, "x.y.w%u.example", (i + round) * 104729u % N_RULES);
      judged.ip.bytes[10] = judged.ip.bytes[11] = 0xff;
      judged.ip.bytes[12] = 192;
      judged.ip.bytes[15] = (guint8) i;
      pb_snapshot_match_client (snapshot, &judged.ip, judged.now, &judged.client);
      g_assert_true (
        pb_policy_judge (PB_STAGE_RCPT, &judged, trail, &decision, NULL, NULL, &run));
      g_assert_cmpint (decision.kind, ==, PB_DECISION_ACCEPT);
    }
  return (double) (g_get_monotonic_time () - start) * 1000.0 / N_PROBES;
}

static void
measure_chain (void)
{
  g_autoptr (PbSnapshot) snapshot = make_snapshot ();
  double rounds[N_ROUNDS];

  for (guint round = 0; round < N_ROUNDS; round++)
    rounds[round] = judge_round (snapshot, round);
  qsort (rounds, N_ROUNDS, sizeof rounds[0], compare_numbers);
  printf ("recipient-with-10000-rules-ns %.0f\n", rounds[N_ROUNDS / 2]);
}

static guint64
resident (void)
{
  g_autofree char *text = NULL;
  unsigned long pages = 0;

  if (g_file_get_contents ("/proc/self/statm", &text, NULL, NULL))
    sscanf (text, "%*u %lu", &pages);
  return (guint64) pages * 4096;
}

/* Each connects, sends a message to somebody who does not exist, and goes; twice round. */
static void
measure_hostile (void)
{
  gint64 minute = 60 * (gint64) G_USEC_PER_SEC;
  guint64 before = resident ();
  g_autoptr (PbClients) clients = pb_clients_new ();
  gint64 start = g_get_monotonic_time ();
  gsize octets;
  guint rate;

  for (guint i = 0; i < 2 * N_HOSTILE; i++)
    {
      guint number = (i % N_HOSTILE) * 2654435761u;
      PbIp ip = { { 0x20, 0x01, 0x0d, 0xb8, (guint8) (number >> 24), (guint8) (number >> 16),
                    (guint8) (number >> 8), (guint8) number } };

      pb_clients_enter (clients, &ip, start, minute, &rate);
      pb_clients_message (clients, &ip, start, minute);
      pb_clients_unknown (clients, &ip, "nobody@local.example", start, 1);
      pb_clients_leave (clients, &ip);
    }
  pb_clients_size (clients, &octets);
  printf ("hostile-client-ns %.0f\n",
          (double) (g_get_monotonic_time () - start) * 1000.0 / (2 * N_HOSTILE));
  printf ("million-hostile-clients-kib %.0f\n", (double) octets / 1024);
  printf ("million-hostile-clients-resident-kib %.0f\n", (double) (resident () - before) / 1024);
}

int
main (void)
{
  measure_hostile ();
  measure_chain ();
  return 0;
}
