/* SPDX-License-Identifier: GPL-3.0-or-later */
/* DNS blocklists: what counts, what never does, and whether a list is well. */
#include "mailauth/dnsbl.h"
#include "tests/mailauth/zone.h"

#include <string.h>

/* ' stands for ". */
static const char zone_text[] =
  "{'4.3.2.1.good.test': {'A': ['127.0.0.2']},"
  " '1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.good.test': {'A': ['127.0.0.3']},"
  " '2.0.0.127.good.test': {'A': ['127.0.0.2']},"
  " '4.3.2.1.codes.test': {'A': ['127.0.0.9', '127.0.0.4']},"
  " '5.3.2.1.codes.test': {'A': ['127.0.0.9']},"
  " '4.3.2.1.white.test': {'A': ['127.0.0.1']},"
  " '4.3.2.1.parked.test': {'A': ['203.0.113.80']},"
  " '2.0.0.127.parked.test': {'A': ['203.0.113.80']}, '1.0.0.127.parked.test': {'A': ['203.0.113.80']},"
  " '4.3.2.1.refuses.test': {'A': ['127.0.0.2', '127.255.255.254']},"
  " '2.0.0.127.refuses.test': {'A': ['127.255.255.254']},"
  " '2.0.0.127.all.test': {'A': ['127.0.0.2']}, '1.0.0.127.all.test': {'A': ['127.0.0.2']},"
  " '4.3.2.1.slow.test': {'TROUBLE': []}, '2.0.0.127.slow.test': {'TROUBLE': []}}";

static const char *const codes[] = { "127.0.0.4", "127.0.0.5", NULL };

static const PbDnsblZone zones[] = {
  { "good.test", NULL, 2 },    { "codes.test", codes, 3 },   { "white.test", NULL, -4 },
  { "parked.test", NULL, 10 }, { "refuses.test", NULL, 10 }, { "slow.test", NULL, 10 },
};

static Zone *
make_zone (void)
{
  g_autofree char *text = g_strdelimit (g_strdup (zone_text), "'", '"');
  g_autoptr (JsonNode) node = json_from_string (text, NULL);

  g_assert_nonnull (node);
  return zone_new (json_node_get_object (node));
}

typedef struct
{
  int score;
  const char *states; /* one letter a zone: Not, Listed, Other, Ill, Silent */
  gboolean told;
} Expected;

static void
on_outcome (const PbDnsblOutcome *outcome, gpointer user_data)
{
  Expected *expected = user_data;

  g_assert_cmpint (outcome->score, ==, expected->score);
  g_assert_cmpuint (outcome->n_findings, ==, strlen (expected->states));
  for (guint i = 0; i < outcome->n_findings; i++)
    g_assert_cmpint ("NLOIS"[outcome->findings[i].state], ==, expected->states[i]);
  expected->told = TRUE;
}

static void
check (const char *ip, guint n_zones, int score, const char *states)
{
  g_autoptr (Zone) zone = make_zone ();
  PbDnsSource dns = zone_source (zone);
  Expected expected = { score, states, FALSE };
  PbIp client;

  g_assert_true (pb_ip_parse (ip, &client));
  pb_dnsbl_check (&client, zones, n_zones, &dns, 5, on_outcome, &expected);
  zone_run (zone);
  g_assert_true (expected.told);
}

static void
test_scores (void)
{
  check ("1.2.3.4", G_N_ELEMENTS (zones), 1, "LLLIIS");
  check ("1.2.3.5", G_N_ELEMENTS (zones), 0, "NONNNN");
  check ("2001:db8::1", G_N_ELEMENTS (zones), 2, "LNNNNN");
  check ("1.2.3.4", 0, 0, "");
}

static void
on_never (const PbDnsblOutcome *outcome, gpointer user_data)
{
  g_assert_not_reached ();
}

static void
test_cancel (void)
{
  g_autoptr (Zone) zone = make_zone ();
  PbDnsSource dns = zone_source (zone);
  PbIp client;

  g_assert_true (pb_ip_parse ("1.2.3.4", &client));
  pb_dnsbl_cancel (pb_dnsbl_check (&client, zones, G_N_ELEMENTS (zones), &dns, 5, on_never, NULL));
  zone_run (zone);
}

static void
on_probed (PbDnsblHealth health, const PbIp *answer, gpointer user_data)
{
  g_assert_cmpint (answer != NULL, ==, health == PB_DNSBL_HEALTH_ILL);
  *(int *) user_data = (int) health;
}

static void
test_health (void)
{
  static const struct
  {
    const char *zone;
    PbDnsblHealth health;
  } rows[] = {
    { "good.test", PB_DNSBL_HEALTH_WELL },       { "all.test", PB_DNSBL_HEALTH_NAMES_ALL },
    { "gone.test", PB_DNSBL_HEALTH_NAMES_NONE }, { "parked.test", PB_DNSBL_HEALTH_ILL },
    { "refuses.test", PB_DNSBL_HEALTH_ILL },     { "slow.test", PB_DNSBL_HEALTH_SILENT },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (Zone) zone = make_zone ();
      PbDnsSource dns = zone_source (zone);
      int health = -1;

      pb_dnsbl_probe (rows[i].zone, &dns, 5, on_probed, &health);
      zone_run (zone);
      g_test_message ("%s: %s", rows[i].zone, pb_dnsbl_health_words ((PbDnsblHealth) health));
      g_assert_cmpint (health, ==, rows[i].health);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/dnsbl/scores", test_scores);
  g_test_add_func ("/dnsbl/cancel", test_cancel);
  g_test_add_func ("/dnsbl/health", test_health);
  return g_test_run ();
}
