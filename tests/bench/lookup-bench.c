/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a look-up in a settings snapshot costs with 10,000 rows in the list it looks at: an IP address
 * among networks, a domain, an address of an account, an alias. Hits and misses take turns, in an
 * order that no cache can guess. Prints `name nanoseconds`, the median of several rounds. Called by
 * lists.sh; takes no arguments.
 */
#include "settings/registry.h"
#include "settings/snapshot.h"
#include "util/netblock.h"

#include <stdio.h>
#include <stdlib.h>

#define N_ROWS 10000
#define N_PROBES 65536
#define N_ROUNDS 15

typedef struct
{
  PbSnapshot *snapshot; /* (owned) */
  PbIp ips[N_PROBES];
  char *names[N_PROBES]; /* (owned) n<row>, every other of them in no list */
  char *domains[N_PROBES]; /* (owned) the same with .example behind it */
} PbBench;

/* Networks with gaps between them, so that none merge. */
static void
add_rows (PbSnapshotBuilder *builder, guint i)
{
  g_autofree char *network = g_strdup_printf ("{'Name': <'n%u'>, 'Network': <'10.%u.%u.%u/28'>}", i, i >> 11 & 255,
                                              i >> 3 & 255, (i & 7) << 5);
  g_autofree char *domain = g_strdup_printf ("{'Name': <'n%u.example'>}", i);
  g_autofree char *relay = g_strdup_printf ("{'Name': <'n%u'>, 'Domain': <'r%u.example'>}", i, i);
  g_autofree char *account = g_strdup_printf ("{'Name': <'n%u'>, 'Addresses': <['n%u@n1.example']>}", i, i);
  g_autofree char *alias = g_strdup_printf ("{'Address': <'a%u@n2.example'>, 'Targets': <['n1@n1.example']>}", i);

  pb_snapshot_builder_add_row (builder, PB_LIST_TRUSTED_LIST, NULL, network);
  pb_snapshot_builder_add_row (builder, PB_LIST_LOCAL_DOMAINS, NULL, domain);
  pb_snapshot_builder_add_row (builder, PB_LIST_DOMAIN_LIST, NULL, relay);
  pb_snapshot_builder_add_row (builder, PB_LIST_ACCOUNTS, NULL, account);
  pb_snapshot_builder_add_row (builder, PB_LIST_ALIASES, NULL, alias);
}

static void
make_probes (PbBench *bench)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (20);

  for (guint i = 0; i < N_PROBES; i++)
    {
      guint row = g_rand_int_range (rand, 0, N_ROWS);
      g_autofree char *ip = g_strdup_printf ("10.%u.%u.%u", row >> 11 & 255, row >> 3 & 255,
                                             (row & 7) << 5 | (i & 1) << 4 | 3);
      guint number = row + (i & 1) * N_ROWS;

      g_assert_true (pb_ip_parse (ip, &bench->ips[i]));
      bench->names[i] = g_strdup_printf ("n%u", number);
      bench->domains[i] = g_strdup_printf ("n%u.example", number);
    }
}

static gboolean
look_up_ip (PbBench *bench, guint i)
{
  return pb_snapshot_is_trusted (bench->snapshot, &bench->ips[i]);
}

static gboolean
look_up_domain (PbBench *bench, guint i)
{
  return pb_snapshot_is_local_domain (bench->snapshot, bench->domains[i]);
}

static gboolean
look_up_account (PbBench *bench, guint i)
{
  return pb_snapshot_resolve_local (bench->snapshot, bench->names[i], "n1.example").kind == PB_LOCAL_ACCOUNT;
}

/* Neither is an account of that name: the longest way through. */
static gboolean
look_up_nobody (PbBench *bench, guint i)
{
  return pb_snapshot_resolve_local (bench->snapshot, bench->domains[i], "n2.example").kind != PB_LOCAL_UNKNOWN;
}

static int
compare_numbers (gconstpointer a, gconstpointer b)
{
  double first = *(const double *) a, second = *(const double *) b;

  return (first > second) - (first < second);
}

static void
measure (PbBench *bench, const char *name, gboolean (*look_up) (PbBench *bench, guint i), guint expected)
{
  double rounds[N_ROUNDS];

  for (guint round = 0; round < N_ROUNDS; round++)
    {
      gint64 start = g_get_monotonic_time ();
      guint found = 0;

      for (guint i = 0; i < N_PROBES; i++)
        found += look_up (bench, i);
      rounds[round] = (g_get_monotonic_time () - start) * 1000.0 / N_PROBES;
      g_assert_cmpuint (found, ==, expected);
    }
  qsort (rounds, N_ROUNDS, sizeof rounds[0], compare_numbers);
  printf ("%s %.0f\n", name, rounds[N_ROUNDS / 2]);
}

int
main (void)
{
  g_autofree PbBench *bench = g_new0 (PbBench, 1);
  PbSnapshotBuilder *builder = pb_snapshot_builder_new ();

  for (guint i = 0; i < N_ROWS; i++)
    add_rows (builder, i);
  bench->snapshot = pb_snapshot_builder_build (builder);
  make_probes (bench);
  measure (bench, "ip-among-networks", look_up_ip, N_PROBES / 2);
  measure (bench, "domain", look_up_domain, N_PROBES / 2);
  measure (bench, "address-of-account", look_up_account, N_PROBES / 2);
  measure (bench, "address-of-nobody", look_up_nobody, 0);
  for (guint i = 0; i < N_PROBES; i++)
    {
      g_free (bench->names[i]);
      g_free (bench->domains[i]);
    }
  pb_snapshot_unref (bench->snapshot);
  return 0;
}
