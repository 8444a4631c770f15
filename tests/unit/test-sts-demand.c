/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "delivery/sts-demand.h"

#include "util/counters.h"
#include <string.h>

#define DOMAIN "dest.example"

static void
apply (PbSmtpHost *host, PbSmtpSecurityKind kind, PbSmtpSecuritySource source, PbStsMode mode, const char *mx)
{
  const char *const list[] = { mx, NULL };
  PbStsVerdict verdict = { .policy = pb_sts_policy_new (mode, 86400, list), .id = "7" };
  PbSmtpHosts hosts = { .hosts = host, .n_hosts = 1 };

  host->name = (char *) "mx1." DOMAIN;
  host->security = pb_smtp_security_new (kind, source);
  pb_sts_demand_apply (&hosts, DOMAIN, &verdict);
  pb_sts_policy_unref (verdict.policy);
}

/* What is demanded before -> under an enforced policy that names the host, under one that does not, under one in testing. */
static void
test_table (void)
{
  static const struct
  {
    PbSmtpSecurityKind kind;
    PbSmtpSecuritySource source;
    PbSmtpSecurityKind named, stranger, tested;
    gboolean exchanged; /* by an enforced policy */
  } cases[] = {
    { PB_SMTP_SECURITY_OPPORTUNISTIC, PB_SMTP_SECURITY_BY_DEFAULT, PB_SMTP_SECURITY_NAME, PB_SMTP_SECURITY_REFUSED,
      PB_SMTP_SECURITY_OPPORTUNISTIC, TRUE },
    /* TLSA records that are all unusable prove nothing, so that the policy's proof is wanted too. */
    { PB_SMTP_SECURITY_ENCRYPTED, PB_SMTP_SECURITY_BY_DANE, PB_SMTP_SECURITY_NAME, PB_SMTP_SECURITY_REFUSED,
      PB_SMTP_SECURITY_ENCRYPTED, TRUE },
    { PB_SMTP_SECURITY_DANE, PB_SMTP_SECURITY_BY_DANE, PB_SMTP_SECURITY_DANE, PB_SMTP_SECURITY_DANE, PB_SMTP_SECURITY_DANE, FALSE },
    { PB_SMTP_SECURITY_REFUSED, PB_SMTP_SECURITY_BY_DANE, PB_SMTP_SECURITY_REFUSED, PB_SMTP_SECURITY_REFUSED,
      PB_SMTP_SECURITY_REFUSED, FALSE },
    { PB_SMTP_SECURITY_NAME, PB_SMTP_SECURITY_BY_ROUTE, PB_SMTP_SECURITY_NAME, PB_SMTP_SECURITY_NAME, PB_SMTP_SECURITY_NAME, FALSE },
    { PB_SMTP_SECURITY_FINGERPRINT, PB_SMTP_SECURITY_BY_ROUTE, PB_SMTP_SECURITY_FINGERPRINT, PB_SMTP_SECURITY_FINGERPRINT,
      PB_SMTP_SECURITY_FINGERPRINT, FALSE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      PbSmtpHost host = { 0 };
      const PbSmtpSecuritySource then = cases[i].exchanged ? PB_SMTP_SECURITY_BY_MTA_STS : cases[i].source;

      g_test_message ("%u", i);
      apply (&host, cases[i].kind, cases[i].source, PB_STS_ENFORCE, "mx1." DOMAIN);
      g_assert_cmpint (host.security->kind, ==, cases[i].named);
      g_assert_cmpint (host.security->source, ==, then);
      pb_smtp_security_unref (host.security);
      apply (&host, cases[i].kind, cases[i].source, PB_STS_ENFORCE, "mx2." DOMAIN);
      g_assert_cmpint (host.security->kind, ==, cases[i].stranger);
      g_assert_cmpint (host.security->source, ==, then);
      pb_smtp_security_unref (host.security);
      apply (&host, cases[i].kind, cases[i].source, PB_STS_TESTING, "mx1." DOMAIN);
      g_assert_cmpint (host.security->kind, ==, cases[i].tested);
      g_assert_cmpint (host.security->on_trial, ==, cases[i].kind == PB_SMTP_SECURITY_OPPORTUNISTIC);
      g_assert_null (host.security->doubt);
      pb_smtp_security_unref (host.security);
      apply (&host, cases[i].kind, cases[i].source, PB_STS_NONE, "mx2." DOMAIN);
      g_assert_cmpint (host.security->kind, ==, cases[i].kind);
      g_assert_cmpint (host.security->source, ==, cases[i].source);
      pb_smtp_security_unref (host.security);
    }
}

static void
test_words (void)
{
  PbSmtpHost host = { 0 };

  apply (&host, PB_SMTP_SECURITY_OPPORTUNISTIC, PB_SMTP_SECURITY_BY_DEFAULT, PB_STS_ENFORCE, "*." DOMAIN);
  g_assert_cmpstr (host.security->server_name, ==, "mx1." DOMAIN);
  g_assert_cmpstr (host.security->names[0], ==, "mx1." DOMAIN);
  g_assert_null (host.security->names[1]);
  g_assert_cmpstr (host.security->why, ==, "MTA-STS policy 7 of dest.example (enforce)");
  pb_smtp_security_unref (host.security);
  apply (&host, PB_SMTP_SECURITY_OPPORTUNISTIC, PB_SMTP_SECURITY_BY_DEFAULT, PB_STS_ENFORCE, "*.mx1." DOMAIN);
  g_assert_cmpstr (host.security->status, ==, "4.7.5");
  g_assert_nonnull (strstr (host.security->why, "mx1.dest.example is none of"));
  pb_smtp_security_unref (host.security);
  apply (&host, PB_SMTP_SECURITY_OPPORTUNISTIC, PB_SMTP_SECURITY_BY_DEFAULT, PB_STS_TESTING, "mx2." DOMAIN);
  g_assert_nonnull (strstr (host.security->doubt, "mx1.dest.example is none of"));
  pb_smtp_security_unref (host.security);
}

static guint64
count (const char *name)
{
  return pb_counter_get (pb_counter_register (name));
}

static void
test_counted (void)
{
  PbSmtpHost enforced = { 0 }, tested = { 0 };
  g_autoptr (PbSmtpSecurity) plain = pb_smtp_security_new (PB_SMTP_SECURITY_OPPORTUNISTIC, PB_SMTP_SECURITY_BY_DEFAULT);

  apply (&enforced, PB_SMTP_SECURITY_OPPORTUNISTIC, PB_SMTP_SECURITY_BY_DEFAULT, PB_STS_ENFORCE, "mx1." DOMAIN);
  apply (&tested, PB_SMTP_SECURITY_OPPORTUNISTIC, PB_SMTP_SECURITY_BY_DEFAULT, PB_STS_TESTING, "mx1." DOMAIN);
  pb_sts_demand_passed (enforced.security, DOMAIN, "mx", NULL);
  pb_sts_demand_passed (tested.security, DOMAIN, "mx", NULL);
  pb_sts_demand_passed (plain, DOMAIN, "mx", "TLS was not to be had");
  pb_sts_demand_failed (enforced.security, "4.7.0");
  pb_sts_demand_failed (tested.security, "4.7.5");
  pb_sts_demand_failed (plain, "4.7.5");
  g_assert_cmpuint (count ("mta-sts.enforced"), ==, 1);
  g_assert_cmpuint (count ("mta-sts.testing"), ==, 0);
  g_assert_cmpuint (count ("mta-sts.failed"), ==, 0);
  pb_sts_demand_passed (tested.security, DOMAIN, "mx", "certificate: self-signed certificate");
  pb_sts_demand_failed (enforced.security, "4.7.4");
  pb_sts_demand_failed (enforced.security, "4.7.5");
  g_assert_cmpuint (count ("mta-sts.testing"), ==, 1);
  g_assert_cmpuint (count ("mta-sts.failed"), ==, 2);
  pb_smtp_security_unref (enforced.security);
  pb_smtp_security_unref (tested.security);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/sts-demand/table", test_table);
  g_test_add_func ("/sts-demand/words", test_words);
  g_test_add_func ("/sts-demand/counted", test_counted);
  return g_test_run ();
}
