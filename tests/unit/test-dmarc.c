/* SPDX-License-Identifier: GPL-3.0-or-later */
/* DMARC: own cases, by table, over DNS from a table. The public cases of RFC 9989 are in tests/mailauth. */
#include "mailauth/dmarc.h"
#include "tests/mailauth/zone.h"

#include <string.h>

/* ' stands for ". */
static const char zone_text[] =
  "{'_dmarc.rej.test': {'TXT': ['v=DMARC1; p=reject; sp=quarantine; np=none']},"
  " 'sub.rej.test': {'A': ['192.0.2.1']},"
  " '_dmarc.own.rej.test': {'TXT': ['v=DMARC1; p=none; aspf=s; adkim=s']},"
  " '_dmarc.slow.test': {'TROUBLE': []},"
  " '_dmarc.below.slow.test': {'TXT': ['v=DMARC1; p=reject']},"
  " '_dmarc.suffix.test': {'TXT': ['v=DMARC1; p=none; sp=reject; psd=y']},"
  " '_dmarc.org.test': {'TXT': ['v=DMARC1; p=reject']},"
  " '_dmarc.part.org.test': {'TXT': ['v=DMARC1; p=quarantine; psd=n']},"
  " '_dmarc.broken.test': {'TXT': ['v=DMARC1; p=maybe; ;; =x; rua=mailto:a@b.test; sp=reject']},"
  " '_dmarc.empty.test': {'TXT': ['v=DMARC1;']},"
  " '_dmarc.late.test': {'TXT': [' v=DMARC1; p=reject', 'p=reject; v=DMARC1', 'v=DMARC1 p=reject']},"
  " '_dmarc.try.test': {'TXT': ['v=DMARC1; p=reject; sp=quarantine; t=y']}}";

static const struct
{
  const char *author, *spf, *dkim;
  PbDmarcResult result;
  PbDmarcPolicy policy;
  const char *organizational;
} cases[] = {
  { "rej.test", NULL, NULL, PB_DMARC_FAIL, PB_DMARC_POLICY_REJECT, "rej.test" },
  { "REJ.test.", "rej.TEST", NULL, PB_DMARC_PASS, PB_DMARC_POLICY_REJECT, "rej.test" },
  { "rej.test", "mail.rej.test", NULL, PB_DMARC_PASS, PB_DMARC_POLICY_REJECT, "rej.test" },
  { "rej.test", NULL, "x.y.rej.test", PB_DMARC_PASS, PB_DMARC_POLICY_REJECT, "rej.test" },
  { "rej.test", "other.test", "notrej.test", PB_DMARC_FAIL, PB_DMARC_POLICY_REJECT, "rej.test" },
  { "rej.test", "test", "", PB_DMARC_FAIL, PB_DMARC_POLICY_REJECT, "rej.test" },
  { "sub.rej.test", NULL, NULL, PB_DMARC_FAIL, PB_DMARC_POLICY_QUARANTINE, "rej.test" },
  { "nosub.rej.test", NULL, NULL, PB_DMARC_FAIL, PB_DMARC_POLICY_NONE, "rej.test" },
  { "sub.rej.test", NULL, "rej.test", PB_DMARC_PASS, PB_DMARC_POLICY_QUARANTINE, "rej.test" },
  { "own.rej.test", "rej.test", "rej.test", PB_DMARC_FAIL, PB_DMARC_POLICY_NONE, "rej.test" },
  { "own.rej.test", NULL, "own.rej.test", PB_DMARC_PASS, PB_DMARC_POLICY_NONE, "rej.test" },
  { "slow.test", NULL, "slow.test", PB_DMARC_TEMPERROR, PB_DMARC_POLICY_NONE, NULL },
  { "below.slow.test", NULL, NULL, PB_DMARC_TEMPERROR, PB_DMARC_POLICY_NONE, NULL },
  { "unknown.test", NULL, "unknown.test", PB_DMARC_NONE, PB_DMARC_POLICY_NONE, "unknown.test" },
  { "firm.suffix.test", NULL, "other.suffix.test", PB_DMARC_FAIL, PB_DMARC_POLICY_REJECT,
    "firm.suffix.test" },
  { "firm.suffix.test", NULL, "mail.firm.suffix.test", PB_DMARC_PASS, PB_DMARC_POLICY_REJECT,
    "firm.suffix.test" },
  { "part.org.test", NULL, "org.test", PB_DMARC_FAIL, PB_DMARC_POLICY_QUARANTINE, "part.org.test" },
  { "org.test", NULL, "x.part.org.test", PB_DMARC_FAIL, PB_DMARC_POLICY_REJECT, "org.test" },
  { "a.part.org.test", "b.part.org.test", NULL, PB_DMARC_PASS, PB_DMARC_POLICY_QUARANTINE,
    "part.org.test" },
  { "broken.test", NULL, NULL, PB_DMARC_FAIL, PB_DMARC_POLICY_NONE, "broken.test" },
  { "x.broken.test", NULL, NULL, PB_DMARC_FAIL, PB_DMARC_POLICY_REJECT, "broken.test" },
  { "empty.test", NULL, "empty.test", PB_DMARC_NONE, PB_DMARC_POLICY_NONE, "empty.test" },
  { "late.test", NULL, NULL, PB_DMARC_NONE, PB_DMARC_POLICY_NONE, "late.test" },
  { "try.test", NULL, NULL, PB_DMARC_FAIL, PB_DMARC_POLICY_QUARANTINE, "try.test" },
  { "x.try.test", NULL, NULL, PB_DMARC_FAIL, PB_DMARC_POLICY_NONE, "try.test" },
  { "test", NULL, NULL, PB_DMARC_NONE, PB_DMARC_POLICY_NONE, "test" },
  { "", NULL, NULL, PB_DMARC_NONE, PB_DMARC_POLICY_NONE, "" },
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
  guint index;
  gboolean told;
} Expected;

static void
on_case (const PbDmarcOutcome *outcome, gpointer user_data)
{
  Expected *expected = user_data;

  g_test_message ("%s: %s %s", cases[expected->index].author,
                  pb_dmarc_result_name (outcome->result), outcome->problem);
  g_assert_cmpint (outcome->result, ==, cases[expected->index].result);
  g_assert_cmpint (outcome->policy, ==, cases[expected->index].policy);
  g_assert_cmpstr (outcome->organizational, ==, cases[expected->index].organizational);
  g_assert_cmpint (outcome->result == PB_DMARC_PASS, ==,
                   outcome->aligned_spf != NULL || outcome->aligned_dkim != NULL);
  expected->told = TRUE;
}

static void
test_cases (void)
{
  g_autoptr (Zone) zone = make_zone ();
  PbDnsSource dns = zone_source (zone);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      const char *dkim[] = { cases[i].dkim, NULL };
      PbDmarcQuery query = { cases[i].author, cases[i].spf, dkim, 20 };
      Expected expected = { .index = i };

      pb_dmarc_check (&query, &dns, on_case, &expected);
      zone_run (zone);
      g_assert_true (expected.told);
    }
}

/* Twelve labels and six domains below the author's: eight names for each walk, and none twice. */
static void
test_bounded (void)
{
  g_autoptr (Zone) zone = make_zone ();
  PbDnsSource dns = zone_source (zone);
  const char *dkim[] = { "1.a.b.c.d.e.f.g.h.i.j.rej.test", "2.a.b.c.d.e.f.g.h.i.j.rej.test",
                         "3.a.b.c.d.e.f.g.h.i.j.rej.test", "4.a.b.c.d.e.f.g.h.i.j.rej.test",
                         "5.a.b.c.d.e.f.g.h.i.j.rej.test", "6.a.b.c.d.e.f.g.h.i.j.rej.test",
                         "7.a.b.c.d.e.f.g.h.i.j.rej.test", NULL };
  PbDmarcQuery query = { "rej.test", NULL, dkim, 20 };
  Expected expected = { .index = 3 };

  pb_dmarc_check (&query, &dns, on_case, &expected);
  zone_run (zone);
  g_assert_true (expected.told);
  g_assert_cmpuint (zone_asked (zone), ==, 2 + 6 + 5);
}

static void
on_never (const PbDmarcOutcome *outcome, gpointer user_data)
{
  g_assert_not_reached ();
}

static void
test_cancel (void)
{
  g_autoptr (Zone) zone = make_zone ();
  PbDnsSource dns = zone_source (zone);
  PbDmarcQuery query = { "rej.test", NULL, NULL, 20 };

  pb_dmarc_cancel (pb_dmarc_check (&query, &dns, on_never, NULL));
  zone_run (zone);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/dmarc/cases", test_cases);
  g_test_add_func ("/dmarc/bounded", test_bounded);
  g_test_add_func ("/dmarc/cancel", test_cancel);
  return g_test_run ();
}
