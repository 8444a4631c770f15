/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The AccessList: which of the rules that match wins, which it beats, and what is skipped. */
#include "settings/access.h"
#include "settings/registry.h"

#define NOW 1700000000

static PbSnapshot *
make_list (const char *const *rules)
{
  PbSnapshotBuilder *builder = pb_snapshot_builder_new ();

  for (; *rules != NULL; rules++)
    pb_snapshot_builder_add_row (builder, PB_LIST_ACCESS_LIST, NULL, *rules);
  return pb_snapshot_builder_build (builder);
}

#define RULE(name, list, kind, value, more)                                                        \
  "{'Name': <'" name "'>, 'List': <'" list "'>, 'Kind': <'" kind "'>, 'Value': <'" value "'>" more "}"
#define BLACK(name, kind, value)   RULE (name, "blacklist", kind, value, "")
#define DISCARD(name, kind, value) RULE (name, "blacklist", kind, value, ", 'Action': <'discard'>")
#define WHITE(name, kind, value)   RULE (name, "whitelist", kind, value, "")

static void
assert_match (const PbAccessMatch *match, const char *winner, const char *beaten)
{
  g_assert_cmpstr (match->rule != NULL ? match->rule->name : NULL, ==, winner);
  g_assert_cmpstr (match->beaten != NULL ? match->beaten->name : NULL, ==, beaten);
}

static const char *const client_rules[] = {
  BLACK ("wide", "network", "10.0.0.0/8"),
  WHITE ("middle", "network", "10.1.0.0/255.255.0.0"),
  BLACK ("narrow", "network", "10.1.1.0/24"),
  WHITE ("one", "ip", "10.1.1.1"),
  BLACK ("same-one", "ip", "10.1.1.1"),
  BLACK ("two", "ip", "10.1.1.2"),
  BLACK ("gaps", "network", "192.163.1.1/255.100.10.1"),
  WHITE ("six", "network", "2001:db8::/32"),
  BLACK ("six-gaps", "network", "2001:db8::1/ffff:ffff::ffff"),
  BLACK ("as-narrow-a", "network", "172.16.0.1/255.255.0.1"),
  WHITE ("as-narrow-b", "network", "172.16.1.0/255.255.1.0"),
  RULE ("off", "blacklist", "ip", "10.9.9.9", ", 'Enabled': <false>"),
  RULE ("past", "blacklist", "ip", "11.0.0.1", ", 'Expires': <uint64 1700000000>"),
  RULE ("future", "blacklist", "ip", "11.0.0.2", ", 'Expires': <uint64 1700000001>"),
  DISCARD ("drop", "ip", "11.0.0.3"),
  BLACK ("mapped", "ip", "::ffff:11.0.0.4"),
  NULL,
};

static void
test_client (void)
{
  static const struct
  {
    const char *ip, *winner, *beaten;
  } cases[] = {
    { "192.0.2.1", NULL, NULL },
    { "10.2.0.1", "wide", NULL },
    { "10.1.2.1", "middle", "wide" },
    { "10.1.1.9", "narrow", "middle" },
    { "10.1.1.1", "one", "same-one" },
    { "10.1.1.2", "two", "middle" },
    { "192.163.1.1", "gaps", NULL },
    { "192.187.5.3", "gaps", NULL }, /* differs only where the mask has no bits */
    { "192.163.1.2", NULL, NULL },
    { "192.35.1.1", "gaps", NULL },
    { "192.167.1.1", NULL, NULL },
    { "2001:db8::2", "six", NULL },
    { "2001:db8:7::1", "six-gaps", "six" },
    { "172.16.1.1", "as-narrow-b", "as-narrow-a" },
    { "172.16.0.1", "as-narrow-a", NULL },
    { "10.9.9.9", "wide", NULL },
    { "11.0.0.1", NULL, NULL },
    { "11.0.0.2", "future", NULL },
    { "11.0.0.3", "drop", NULL },
    { "11.0.0.4", "mapped", NULL },
  };
  g_autoptr (PbSnapshot) snapshot = make_list (client_rules);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      PbAccessMatch match;
      PbIp ip;

      g_test_message ("%s", cases[i].ip);
      g_assert_true (pb_ip_parse (cases[i].ip, &ip));
      pb_snapshot_match_client (snapshot, &ip, NOW, &match);
      assert_match (&match, cases[i].winner, cases[i].beaten);
      g_assert_true (match.rule == NULL || match.rule->discard == g_str_equal (cases[i].winner, "drop"));
    }
}

static const char *const envelope_rules[] = {
  BLACK ("from", "sender", "Spam@Example.ORG"),
  DISCARD ("from-drop", "sender", "both@example.org"),
  BLACK ("to", "recipient", "ann@local.example"),
  WHITE ("to-white", "recipient", "ben@local.example"),
  WHITE ("dom", "domain", "example.org"),
  WHITE ("sub", "domain", ".example.org"),
  WHITE ("idn", "domain", "b\u00fccher.example"),
  BLACK ("pm", "recipient", "postmaster@host.localdomain"),
  NULL,
};

static void
test_envelope (void)
{
  static const struct
  {
    const char *local, *domain, *to_local, *to_domain, *winner, *beaten;
  } cases[] = {
    { "x", "other.example", "cat", "local.example", NULL, NULL },
    { "spam", "example.org", "cat", "local.example", "from", "dom" },
    { "SPAM", "example.org", "cat", "local.example", "from", "dom" },
    { "spam", "example.org", "Ben", "local.example", "to-white", "from" },
    { "x", "other.example", "ANN", "local.example", "to", NULL },
    { "both", "example.org", "ann", "local.example", "to", "dom" }, /* reject before discard */
    { "both", "example.org", "cat", "local.example", "from-drop", "dom" },
    { "x", "example.org", "cat", "local.example", "dom", NULL },
    { "x", "a.b.example.org", "cat", "local.example", "sub", NULL },
    { "x", "notexample.org", "cat", "local.example", NULL, NULL },
    { "x", "xn--bcher-kva.example", "cat", "local.example", "idn", NULL },
    { NULL, NULL, "ann", "local.example", "to", NULL },
    { NULL, NULL, "postmaster", NULL, "pm", NULL },
  };
  g_autoptr (PbSnapshot) snapshot = make_list (envelope_rules);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      PbAccessMatch match;

      g_test_message ("case %u", i);
      pb_snapshot_match_envelope (snapshot, cases[i].local, cases[i].domain, cases[i].to_local,
                                  cases[i].to_domain, NOW, &match);
      assert_match (&match, cases[i].winner, cases[i].beaten);
    }
}

/* A rule for an address counts for its sub-addresses at a local domain; the longest that has a rule is the one that is asked. */
static void
test_sub_addresses (void)
{
  static const char *const rules[] = {
    BLACK ("ann", "recipient", "ann@local.example"),
    WHITE ("list", "recipient", "ann+list@local.example"),
    RULE ("old", "whitelist", "recipient", "ann+old@local.example", ", 'Expires': <uint64 1>"),
    BLACK ("plus", "recipient", "+@local.example"),
    WHITE ("away", "recipient", "x@away.example"),
    BLACK ("from", "sender", "x@other.example"),
    NULL,
  };
  static const struct
  {
    const char *local, *to_domain, *winner;
  } cases[] = {
    { "ann", "local.example", "ann" },        { "ann+x", "local.example", "ann" },
    { "ANN+x", "local.example", "ann" },      { "ann+", "local.example", "ann" },
    { "ann+x+y", "local.example", "ann" },    { "ann+list", "local.example", "list" },
    { "ann+list+x", "local.example", "list" }, { "ann+lists", "local.example", "ann" },
    { "ann+old", "local.example", "ann" },    { "ann-x", "local.example", NULL },
    { "+ann", "local.example", NULL },        { "+", "local.example", "plus" },
    { "++", "local.example", "plus" },        { "annx", "local.example", NULL },
    { "x", "away.example", "away" },          { "x+y", "away.example", NULL },
    { "a@ann+x", "local.example", NULL },     { "ann+a@b", "local.example", "ann" },
  };
  PbSnapshotBuilder *builder = pb_snapshot_builder_new ();
  g_autoptr (PbSnapshot) snapshot = NULL;
  PbAccessMatch match;

  for (const char *const *rule = rules; *rule != NULL; rule++)
    pb_snapshot_builder_add_row (builder, PB_LIST_ACCESS_LIST, NULL, *rule);
  pb_snapshot_builder_add_row (builder, PB_LIST_LOCAL_DOMAINS, NULL, "{'Name': <'local.example'>}");
  snapshot = pb_snapshot_builder_build (builder);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_test_message ("%s@%s", cases[i].local, cases[i].to_domain);
      pb_snapshot_match_envelope (snapshot, "a", "sender.example", cases[i].local,
                                  cases[i].to_domain, NOW, &match);
      assert_match (&match, cases[i].winner, NULL);
    }
  pb_snapshot_match_envelope (snapshot, "x", "other.example", "ann+list", "local.example", NOW,
                              &match);
  assert_match (&match, "list", "from");
}

/* The table of the functional description, each rule's own, and how they add up. */
static void
test_skips (void)
{
  static const char *const rules[] = {
    WHITE ("a", "ip", "10.0.0.1"),
    WHITE ("b", "network", "10.0.1.0/24"),
    RULE ("c", "whitelist", "ip", "10.0.1.1", ", 'Skip': <['dmarc']>"),
    WHITE ("d", "sender", "a@example.org"),
    WHITE ("e", "recipient", "ann@local.example"),
    RULE ("f", "whitelist", "domain", "example.org", ", 'Skip': <@as []>"),
    WHITE ("g", "domain", "example.net"),
    NULL,
  };
  g_autoptr (PbSnapshot) snapshot = make_list (rules);
  PbSkips network = PB_SKIP_DNSBL | PB_SKIP_SPF | PB_SKIP_ANTIVIRUS | PB_SKIP_DKIM;
  PbAccessMatch match;
  PbIp ip;

  g_assert_true (pb_ip_parse ("10.0.0.1", &ip));
  pb_snapshot_match_client (snapshot, &ip, NOW, &match);
  g_assert_cmpint (match.skips, ==, PB_SKIP_ALL);
  g_assert_true (pb_ip_parse ("10.0.1.2", &ip));
  pb_snapshot_match_client (snapshot, &ip, NOW, &match);
  g_assert_cmpint (match.skips, ==, network);
  g_assert_true (pb_ip_parse ("10.0.1.1", &ip));
  pb_snapshot_match_client (snapshot, &ip, NOW, &match);
  g_assert_cmpint (match.skips, ==, PB_SKIP_ALL);
  pb_snapshot_match_envelope (snapshot, "a", "example.org", "x", "local.example", NOW, &match);
  g_assert_cmpint (match.skips, ==, PB_SKIP_DNSBL | PB_SKIP_SPF);
  pb_snapshot_match_envelope (snapshot, "b", "example.org", "x", "local.example", NOW, &match);
  g_assert_cmpstr (match.rule->name, ==, "f");
  g_assert_cmpint (match.skips, ==, PB_SKIP_NOTHING);
  pb_snapshot_match_envelope (snapshot, "b", "example.net", "ann", "local.example", NOW, &match);
  g_assert_cmpstr (match.rule->name, ==, "e");
  g_assert_cmpint (match.skips, ==, network);
}

/* Many rules for one value, in any order: the winner is the same. */
static void
test_same_value (void)
{
  for (guint order = 0; order < 6; order++)
    {
      static const char *const rules[] = { BLACK ("reject", "ip", "10.0.0.1"), DISCARD ("discard", "ip", "10.0.0.1"),
                                           WHITE ("white", "ip", "10.0.0.1") };
      guint first = order / 2, second = (first + 1 + order % 2) % 3;
      const char *list[] = { rules[first], rules[second], rules[3 - first - second], NULL };
      g_autoptr (PbSnapshot) snapshot = make_list (list);
      const PbAccessRule *rule;
      PbAccessMatch match;
      PbIp ip;

      g_assert_true (pb_ip_parse ("10.0.0.1", &ip));
      pb_snapshot_match_client (snapshot, &ip, NOW, &match);
      assert_match (&match, "white", "reject");
      rule = match.rule->next;
      g_assert_cmpstr (rule->name, ==, "reject");
      g_assert_cmpstr (rule->next->name, ==, "discard");
    }
}

static void
on_counted (gpointer data)
{
  ++*(guint *) data;
}

static void
test_hits (void)
{
  g_autoptr (PbHits) hits = pb_hits_new ();
  g_autoptr (PbMailbox) mailbox = pb_mailbox_new ();
  g_autoptr (GHashTable) changes = NULL;
  guint64 n, last;
  gpointer kept;
  guint told = 0;

  pb_hits_restore (hits, "a", 5, 100);
  pb_hits_watch (hits, mailbox, on_counted, &told);
  pb_hits_add (hits, "a", 200);
  pb_hits_add (hits, "a", 201);
  pb_hits_add (hits, "b", 202);
  pb_mailbox_dispatch (mailbox);
  g_assert_cmpuint (told, ==, 1);
  pb_hits_get (hits, "a", &n, &last);
  g_assert_cmpuint (n, ==, 7);
  g_assert_cmpuint (last, ==, 201);
  pb_hits_get (hits, "never", &n, &last);
  g_assert_cmpuint (n + last, ==, 0);
  changes = pb_hits_take_changes (hits);
  g_assert_cmpuint (g_hash_table_size (changes), ==, 2);
  g_variant_get (g_hash_table_lookup (changes, "a"), PB_HITS_VALUE, &n, &last);
  g_assert_cmpuint (n, ==, 7);
  pb_hits_add (hits, "b", 203);
  pb_mailbox_dispatch (mailbox);
  g_assert_cmpuint (told, ==, 2);
  g_clear_pointer (&changes, g_hash_table_unref);
  pb_hits_forget (hits, "a");
  changes = pb_hits_take_changes (hits);
  g_assert_true (g_hash_table_lookup_extended (changes, "a", NULL, &kept));
  g_assert_null (kept);
  g_assert_nonnull (g_hash_table_lookup (changes, "b"));
  pb_hits_get (hits, "a", &n, &last);
  g_assert_cmpuint (n, ==, 0);
  pb_hits_unwatch (hits);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/access/client", test_client);
  g_test_add_func ("/access/envelope", test_envelope);
  g_test_add_func ("/access/sub-addresses", test_sub_addresses);
  g_test_add_func ("/access/skips", test_skips);
  g_test_add_func ("/access/same-value", test_same_value);
  g_test_add_func ("/access/hits", test_hits);
  return g_test_run ();
}
