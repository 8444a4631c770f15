/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The Authentication-Results field: how it is written, and which ones are taken for forgeries of ours. */
#include "protocol/auth-results.h"

#include <string.h>

static void
test_none (void)
{
  g_autoptr (PbAuthResults) results = pb_auth_results_new ("mx.here.test");
  g_autofree char *text = pb_auth_results_format (results);

  g_assert_cmpstr (text, ==, " mx.here.test; none");
}

static void
test_values (void)
{
  g_autoptr (PbAuthResults) results = pb_auth_results_new ("mx.here.test");
  g_autofree char *text = NULL;

  pb_auth_results_add (results, "spf", "pass", NULL);
  pb_auth_results_add_property (results, "smtp.mailfrom", "anna@a.test");
  pb_auth_results_add_property (results, "smtp.helo", NULL);
  pb_auth_results_add (results, "dkim", "fail", "the \"body\"\r\nwas\\changed");
  pb_auth_results_add_property (results, "header.d", "x.test; dmarc=pass");
  pb_auth_results_add_property (results, "header.b", "ab+/=");
  text = pb_auth_results_format (results);
  g_assert_cmpstr (
    text, ==,
    " mx.here.test;\r\n\tspf=pass\r\n\t smtp.mailfrom=anna@a.test;\r\n\tdkim=fail "
    "reason=\"the \\\"body\\\"??was\\\\changed\"\r\n\t header.d=\"x.test; dmarc=pass\""
    "\r\n\t header.b=\"ab+/=\"");
}

/* However much there is, the field is bounded, and its lines are. */
static void
test_bounded (void)
{
  g_autoptr (PbAuthResults) results = pb_auth_results_new ("mx.here.test");
  g_autofree char *long_text = g_strnfill (100000, '"');
  g_autofree char *text = NULL;
  g_auto (GStrv) lines = NULL;

  for (guint i = 0; i < 1000; i++)
    {
      pb_auth_results_add (results, "dkim", "fail", long_text);
      pb_auth_results_add_property (results, "header.d", long_text);
    }
  text = pb_auth_results_format (results);
  g_assert_cmpuint (strlen (text), <, 64 * 1024);
  lines = g_strsplit (text, "\r\n", -1);
  for (guint i = 0; lines[i] != NULL; i++)
    g_assert_cmpuint (strlen (lines[i]), <, 998);
}

static void
test_forged (void)
{
  static const struct
  {
    const char *text;
    gboolean ours;
  } rows[] = {
    { " mx.here.test; spf=pass", TRUE },
    { "MX.Here.TEST;none", TRUE },
    { " mx.here.test", TRUE },
    { " mx.here.test 1; spf=pass", TRUE },
    { " mx.here.test. 1; spf=pass", TRUE },
    { "\r\n\t(a (nested \\) one)) \"mx.here.test\" ; spf=pass", TRUE },
    { " \"mx.\\here.test\"; spf=pass", TRUE },
    { " mx.here.test(x); spf=pass", TRUE },
    { "", TRUE },
    { " (never ends", TRUE },
    { " \"never ends", TRUE },
    { "\v\f mx.here.test; spf=pass", TRUE },
    { " mx.here.test\x1f; spf=pass", TRUE },
    { " \xc2\xa0mx.here.test; spf=pass", TRUE },
    { " mx.he\xe2\x80\x8bre.test; spf=pass", TRUE },
    { " b\xc3\xbc""cher.test; spf=pass", FALSE },
    { " \xe4\xbe\x8b.\xe4\xbe\x8b; spf=pass", FALSE },
    { " other.test; spf=pass", FALSE },
    { " xmx.here.test; spf=pass", FALSE },
    { " mx.here.test.evil.test; spf=pass", FALSE },
    { " (mx.here.test) other.test; none", FALSE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_test_message ("%s", rows[i].text);
      g_assert_cmpint (pb_auth_results_is_from (rows[i].text, strlen (rows[i].text),
                                                FALSE, "mx.here.test"),
                       ==, rows[i].ours);
    }
}

/* Where the rest is missing, only a whole other name is not ours. */
static void
test_cut (void)
{
  static const struct
  {
    const char *text;
    gboolean ours;
  } rows[] = {
    { "", TRUE },           { " (a comm", TRUE },     { " mx.he", TRUE },   { " mx.here.test;", TRUE },
    { " other.te", TRUE },  { " other.test;", FALSE }, { " \"other", TRUE }, { " \"other\" ", FALSE },
    { " other.test/1", FALSE }, { " mx.here.test/1; none", TRUE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    g_assert_cmpint (pb_auth_results_is_from (rows[i].text, strlen (rows[i].text), TRUE,
                                              "mx.here.test"),
                     ==, rows[i].ours);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/auth-results/none", test_none);
  g_test_add_func ("/auth-results/values", test_values);
  g_test_add_func ("/auth-results/bounded", test_bounded);
  g_test_add_func ("/auth-results/forged", test_forged);
  g_test_add_func ("/auth-results/cut", test_cut);
  return g_test_run ();
}
