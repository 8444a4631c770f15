/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SPF: own cases, by table, over DNS from a table. The public suite of RFC 7208 is in tests/mailauth. */
#include "mailauth/spf-macro.h"
#include "mailauth/spf.h"
#include "tests/mailauth/zone.h"

#include <string.h>

/* One zone for all cases; ' stands for ". */
static const char zone_text[] =
  "{'all.test': {'TXT': ['v=spf1 +all']},"
  " 'none.test': {'TXT': ['v=spf10 -all', 'something else']},"
  " 'two.test': {'TXT': ['v=spf1 -all', 'V=SPF1 +all']},"
  " 'slow.test': {'TROUBLE': []},"
  " 'ip.test': {'TXT': ['v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 ~all']},"
  " 'ip0.test': {'TXT': ['v=spf1 ip4:0.0.0.0/0 -all']},"
  " 'six0.test': {'TXT': ['v=spf1 ip6:::/0 -all']},"
  " 'a.test': {'TXT': ['v=spf1 a a:host.test/24//32 -all'], 'A': ['192.0.2.1'], 'AAAA': ['2001:db8::1']},"
  " 'host.test': {'A': ['198.51.100.7'], 'AAAA': ['2001:db9::1']},"
  " 'mx.test': {'TXT': ['v=spf1 mx ?all'], 'MX': ['5 gone.test', '10 host.test']},"
  " 'mx11.test': {'TXT': ['v=spf1 mx -all'], 'MX': ['1 h.test','1 h.test','1 h.test','1 h.test','1 h.test','1 h.test','1 h.test','1 h.test','1 h.test','1 h.test','1 h.test']},"
  " 'nullmx.test': {'TXT': ['v=spf1 mx -all'], 'MX': ['0 ']},"
  " 'mxslow.test': {'TXT': ['v=spf1 mx -all'], 'MX': ['1 slow.test']},"
  " 'mxslow2.test': {'TXT': ['v=spf1 mx -all'], 'MX': ['1 slow.test', '2 host.test']},"
  " 'ptr.test': {'TXT': ['v=spf1 ptr -all'], 'A': ['192.0.2.99']},"
  " '9.2.0.192.in-addr.arpa': {'PTR': ['liar.ptr.test', 'mail.ptr.test', 'other.test']},"
  " 'mail.ptr.test': {'A': ['192.0.2.9']}, 'liar.ptr.test': {'A': ['192.0.2.8']},"
  " 'notptr.test': {'TXT': ['v=spf1 ptr:tr.test -all']},"
  " 'exists.test': {'TXT': ['v=spf1 exists:%{ir}.%{l1r-}.%{d2} -all']},"
  " '1.2.0.192.joe.exists.test': {'A': ['127.0.0.2']},"
  " 'inc.test': {'TXT': ['v=spf1 include:ip.test include:all.test -all']},"
  " 'incnot.test': {'TXT': ['v=spf1 -include:all.test +all']},"
  " 'incnone.test': {'TXT': ['v=spf1 include:none.test +all']},"
  " 'incslow.test': {'TXT': ['v=spf1 include:slow.test +all']},"
  " 'incself.test': {'TXT': ['v=spf1 include:incself.test +all']},"
  " 'redir.test': {'TXT': ['v=spf1 redirect=ip.test']},"
  " 'redirall.test': {'TXT': ['v=spf1 redirect=nowhere.test -all']},"
  " 'redirself.test': {'TXT': ['v=spf1 redirect=redirself.test']},"
  " 'redirnone.test': {'TXT': ['v=spf1 redirect=none.test']},"
  " 'empty.test': {'TXT': ['v=spf1']},"
  " 'ten.test': {'TXT': ['v=spf1 a:h.test a:h.test a:h.test a:h.test a:h.test a:h.test a:h.test a:h.test a:h.test a:h.test -all']},"
  " 'eleven.test': {'TXT': ['v=spf1 a:h.test a:h.test a:h.test a:h.test a:h.test a:h.test a:h.test a:h.test a:h.test a:h.test a:h.test -all']},"
  " 'h.test': {'A': ['203.0.113.1']},"
  " 'void2.test': {'TXT': ['v=spf1 a:x1.test a:x2.test -all']},"
  " 'void3.test': {'TXT': ['v=spf1 a:x1.test a:x2.test a:x3.test -all']},"
  " 'late.test': {'TXT': ['v=spf1 +all ip4:not.an.address']},"
  " 'exp.test': {'TXT': ['v=spf1 -all exp=why.test']},"
  " 'why.test': {'TXT': ['%{i} may not speak for %{s} at %{h}%_(%{p})']},"
  " 'expbad.test': {'TXT': ['v=spf1 -all exp=whybad.test']},"
  " 'whybad.test': {'TXT': ['100% wrong']},"
  " 'long.test': {'TXT': ['v=spf1 exists:%{l}.%{l}.%{l}.%{l}.%{l}.h.test -all']}}";

static const struct
{
  const char *ip, *sender, *helo;
  PbSpfResult result;
  const char *told; /* (nullable) part of the mechanism, problem or explanation */
} cases[] = {
  { "192.0.2.1", "joe@all.test", "h", PB_SPF_PASS, "+all" },
  { "192.0.2.1", "joe@none.test", "h", PB_SPF_NONE, NULL },
  { "192.0.2.1", "joe@nowhere.test", "h", PB_SPF_NONE, NULL },
  { "192.0.2.1", "joe@localhost", "h", PB_SPF_NONE, NULL },
  { "192.0.2.1", "joe@[192.0.2.1]", "h", PB_SPF_NONE, NULL },
  { "192.0.2.1", "", "all.test", PB_SPF_PASS, "+all" },
  { "192.0.2.1", "", "nohost", PB_SPF_NONE, NULL },
  { "192.0.2.1", "joe@two.test", "h", PB_SPF_PERMERROR, "2 SPF records" },
  { "192.0.2.1", "joe@slow.test", "h", PB_SPF_TEMPERROR, "DNS for slow.test: no server answered" },
  { "192.0.2.255", "joe@ip.test", "h", PB_SPF_PASS, "ip4:192.0.2.0/24" },
  { "192.0.3.0", "joe@ip.test", "h", PB_SPF_SOFTFAIL, "~all" },
  { "2001:db8:ffff::1", "joe@ip.test", "h", PB_SPF_PASS, "ip6:2001:db8::/32" },
  { "2001:db9::1", "joe@ip.test", "h", PB_SPF_SOFTFAIL, NULL },
  { "::ffff:192.0.2.1", "joe@ip.test", "h", PB_SPF_PASS, NULL },
  { "203.0.113.1", "joe@ip0.test", "h", PB_SPF_PASS, NULL },
  { "2001:db8::1", "joe@ip0.test", "h", PB_SPF_FAIL, NULL },
  { "203.0.113.1", "joe@six0.test", "h", PB_SPF_FAIL, NULL },
  { "192.0.2.1", "joe@a.test", "h", PB_SPF_PASS, "a" },
  { "198.51.100.200", "joe@a.test", "h", PB_SPF_PASS, "a:host.test/24//32" },
  { "2001:db9:77::1", "joe@a.test", "h", PB_SPF_PASS, NULL },
  { "198.51.101.7", "joe@a.test", "h", PB_SPF_FAIL, NULL },
  { "198.51.100.7", "joe@mx.test", "h", PB_SPF_PASS, "mx" },
  { "198.51.100.8", "joe@mx.test", "h", PB_SPF_NEUTRAL, "?all" },
  { "203.0.113.1", "joe@mx11.test", "h", PB_SPF_PERMERROR, "10 MX" },
  { "203.0.113.1", "joe@nullmx.test", "h", PB_SPF_FAIL, NULL },
  { "203.0.113.1", "joe@mxslow.test", "h", PB_SPF_TEMPERROR, NULL },
  { "198.51.100.7", "joe@mxslow2.test", "h", PB_SPF_PASS, NULL },
  { "192.0.2.9", "joe@ptr.test", "h", PB_SPF_PASS, "ptr" },
  { "192.0.2.8", "joe@ptr.test", "h", PB_SPF_FAIL, NULL },
  { "192.0.2.9", "joe@notptr.test", "h", PB_SPF_FAIL, NULL },
  { "192.0.2.1", "joe@exists.test", "h", PB_SPF_PASS, NULL },
  { "192.0.2.1", "x-joe@exists.test", "h", PB_SPF_FAIL, NULL },
  { "192.0.2.2", "joe@exists.test", "h", PB_SPF_FAIL, NULL },
  { "192.0.2.1", "joe@inc.test", "h", PB_SPF_PASS, "include:ip.test" },
  { "203.0.113.1", "joe@inc.test", "h", PB_SPF_PASS, "include:all.test" },
  { "203.0.113.1", "joe@incnot.test", "h", PB_SPF_FAIL, "-include:all.test" },
  { "203.0.113.1", "joe@incnone.test", "h", PB_SPF_PERMERROR, "none.test has no SPF record" },
  { "203.0.113.1", "joe@incslow.test", "h", PB_SPF_TEMPERROR, "slow.test" },
  { "203.0.113.1", "joe@incself.test", "h", PB_SPF_PERMERROR, "more than 10" },
  { "192.0.2.1", "joe@redir.test", "h", PB_SPF_PASS, NULL },
  { "203.0.113.1", "joe@redirall.test", "h", PB_SPF_FAIL, "-all" },
  { "203.0.113.1", "joe@redirself.test", "h", PB_SPF_PERMERROR, "more than 10" },
  { "203.0.113.1", "joe@redirnone.test", "h", PB_SPF_PERMERROR, "none.test has no" },
  { "203.0.113.1", "joe@empty.test", "h", PB_SPF_NEUTRAL, "default" },
  { "192.0.2.1", "joe@ten.test", "h", PB_SPF_FAIL, NULL },
  { "192.0.2.1", "joe@eleven.test", "h", PB_SPF_PERMERROR, "more than 10" },
  { "192.0.2.1", "joe@void2.test", "h", PB_SPF_FAIL, NULL },
  { "192.0.2.1", "joe@void3.test", "h", PB_SPF_PERMERROR, "lead nowhere" },
  { "192.0.2.1", "joe@late.test", "h", PB_SPF_PERMERROR,
    "\"ip4:not.an.address\" has no valid address" },
  { "192.0.2.9", "joe@exp.test", "mail.h", PB_SPF_FAIL,
    "192.0.2.9 may not speak for joe@exp.test at mail.h (mail.ptr.test)" },
  { "192.0.2.1", "joe@expbad.test", "h", PB_SPF_FAIL, "-all" },
  { "192.0.2.1", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@long.test", "h",
    PB_SPF_FAIL, NULL },
};

static Zone *
make_zone (void)
{
  g_autofree char *text = g_strdelimit (g_strdup (zone_text), "'", '"');
  g_autoptr (JsonNode) node = json_from_string (text, NULL);

  g_assert_nonnull (node);
  return zone_new (json_node_get_object (node));
}

static gboolean
contains (const char *text, const char *part)
{
  return text != NULL && strstr (text, part) != NULL;
}

static void
on_case (const PbSpfOutcome *outcome, gpointer user_data)
{
  guint i = GPOINTER_TO_UINT (*(gpointer *) user_data);
  const char *told = cases[i].told;

  g_test_message ("%s %s: %s, %s", cases[i].sender, cases[i].ip,
                  pb_spf_result_name (outcome->result), outcome->problem);
  g_assert_cmpint (outcome->result, ==, cases[i].result);
  g_assert_cmpint (outcome->by_helo, ==, cases[i].sender[0] == '\0');
  g_assert_true (told == NULL || contains (outcome->mechanism, told)
                 || contains (outcome->problem, told) || contains (outcome->explanation, told));
  *(gpointer *) user_data = NULL;
}

static PbSpfQuery
make_query (const char *ip, const char *sender, const char *helo)
{
  PbSpfQuery query = { .sender = sender, .helo = helo, .receiver = "mx.here.test", .seconds = 20 };

  g_assert_true (pb_ip_parse (ip, &query.ip));
  return query;
}

static void
test_cases (void)
{
  g_autoptr (Zone) zone = make_zone ();
  PbDnsSource dns = zone_source (zone);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      PbSpfQuery query = make_query (cases[i].ip, cases[i].sender, cases[i].helo);
      gpointer told = GUINT_TO_POINTER (i);

      pb_spf_check (&query, &dns, on_case, &told);
      zone_run (zone);
      g_assert_null (told);
    }
}

/* However a record is made, it costs no more questions than the limits allow: the sender's record, ten terms, ten hosts for each of them. */
static void
test_bounded (void)
{
  g_autoptr (Zone) zone = make_zone ();
  PbDnsSource dns = zone_source (zone);
  PbSpfQuery query = make_query ("192.0.2.1", "joe@eleven.test", "h");
  gpointer told = GUINT_TO_POINTER (45);

  g_assert_cmpstr (cases[45].sender, ==, "joe@eleven.test");
  pb_spf_check (&query, &dns, on_case, &told);
  zone_run (zone);
  g_assert_cmpuint (zone_asked (zone), ==, 11);
}

static void
on_deadline (const PbSpfOutcome *outcome, gpointer user_data)
{
  g_assert_cmpint (outcome->result, ==, PB_SPF_TEMPERROR);
  g_assert_cmpstr (outcome->problem, ==, "the check took too long");
  *(gboolean *) user_data = TRUE;
}

static void
test_deadline (void)
{
  g_autoptr (Zone) zone = make_zone ();
  PbDnsSource dns = zone_source (zone);
  PbSpfQuery query = make_query ("192.0.2.1", "joe@a.test", "h");
  gboolean told = FALSE;

  query.seconds = 0;
  pb_spf_check (&query, &dns, on_deadline, &told);
  zone_run (zone);
  g_assert_true (told);
}

static void
on_never (const PbSpfOutcome *outcome, gpointer user_data)
{
  g_assert_not_reached ();
}

/* Cancelled with one question under way, and with an answer's eleven. */
static void
test_cancel (void)
{
  g_autoptr (Zone) zone = make_zone ();
  PbDnsSource dns = zone_source (zone);
  PbSpfQuery query = make_query ("192.0.2.1", "joe@mx.test", "h");

  pb_spf_cancel (pb_spf_check (&query, &dns, on_never, NULL));
  zone_run (zone);
}

static void
test_received (void)
{
  PbSpfOutcome outcome = { .result = PB_SPF_PASS,
                           .domain = (char *) "a)b\r\nX: y.test",
                           .mechanism = (char *) "a" };
  PbSpfQuery query = make_query ("2001:db8::1", "\"q\\\"\r\n\"@a.test", "h\"elo");
  g_autofree char *text = pb_spf_format_received (&outcome, &query);

  g_assert_cmpstr (
    text, ==,
    "pass (a?b??X: y.test permits 2001:db8::1)\r\n\treceiver=\"mx.here.test\";"
    "\r\n\tclient-ip=\"2001:db8::1\";\r\n\tenvelope-from=\"\\\"q\\\\\\\"??\\\"@a.test\";"
    "\r\n\thelo=\"h\\\"elo\";\r\n\tidentity=\"mailfrom\";\r\n\tmechanism=\"a\"");
}

static void
test_macros (void)
{
  static const struct
  {
    const char *text;
    PbSpfMacroUse use;
    gboolean ok;
  } rows[] = {
    { "example.com", PB_SPF_DOMAIN_SPEC, TRUE },
    { "example.com.", PB_SPF_DOMAIN_SPEC, TRUE },
    { "example", PB_SPF_DOMAIN_SPEC, FALSE },
    { "", PB_SPF_DOMAIN_SPEC, FALSE },
    { "1.2.3.4", PB_SPF_DOMAIN_SPEC, FALSE },
    { "a.-b", PB_SPF_DOMAIN_SPEC, FALSE },
    { "a.b-", PB_SPF_DOMAIN_SPEC, FALSE },
    { "%{d}", PB_SPF_DOMAIN_SPEC, TRUE },
    { "%{d}x", PB_SPF_DOMAIN_SPEC, FALSE },
    { "%{d}.x", PB_SPF_DOMAIN_SPEC, TRUE },
    { "%{c}.x.com", PB_SPF_DOMAIN_SPEC, FALSE },
    { "%{z}.x.com", PB_SPF_DOMAIN_SPEC, FALSE },
    { "%{d0}.x.com", PB_SPF_DOMAIN_SPEC, FALSE },
    { "%{d999999999999r.-}.x.com", PB_SPF_DOMAIN_SPEC, TRUE },
    { "%{d.x.com", PB_SPF_DOMAIN_SPEC, FALSE },
    { "%", PB_SPF_DOMAIN_SPEC, FALSE },
    { "a b.com", PB_SPF_DOMAIN_SPEC, FALSE },
    { "%{c} %{t} %{r}", PB_SPF_EXPLANATION, TRUE },
    { "%{t}", PB_SPF_MODIFIER, FALSE },
    { "anything", PB_SPF_MODIFIER, TRUE },
    { "\x7f.com", PB_SPF_DOMAIN_SPEC, FALSE },
    { "%{", PB_SPF_EXPLANATION, FALSE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_test_message ("%s", rows[i].text);
      g_assert_cmpint (pb_spf_macro_check (rows[i].text, rows[i].use), ==, rows[i].ok);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/spf/cases", test_cases);
  g_test_add_func ("/spf/bounded", test_bounded);
  g_test_add_func ("/spf/deadline", test_deadline);
  g_test_add_func ("/spf/cancel", test_cancel);
  g_test_add_func ("/spf/received", test_received);
  g_test_add_func ("/spf/macros", test_macros);
  return g_test_run ();
}
