/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whose is this address, may this client relay, where does an alias lead. */
#include "settings/registry.h"
#include "settings/snapshot.h"

#include <string.h>

static PbSnapshotBuilder *
new_builder (void)
{
  PbSnapshotBuilder *builder = pb_snapshot_builder_new ();

  pb_snapshot_builder_add_row (builder, PB_LIST_LOCAL_DOMAINS, NULL, "{'Name': <'Example.ORG'>}");
  pb_snapshot_builder_add_row (builder, PB_LIST_LOCAL_DOMAINS, NULL,
                               "{'Name': <'catch.example'>, 'CatchAll': <'Bob@Example.org'>}");
  pb_snapshot_builder_add_row (builder, PB_LIST_LOCAL_DOMAINS, NULL,
                               "{'Name': <'münchen.example'>}");
  pb_snapshot_builder_add_row (builder, PB_LIST_ACCOUNTS, "id-anna",
                               "{'Name': <'Anna'>, 'Addresses': <['A.Lastname@example.org', "
                               "'anna@elsewhere.net']>}");
  pb_snapshot_builder_add_row (builder, PB_LIST_ACCOUNTS, "id-bob", "{'Name': <'bob'>}");
  pb_snapshot_builder_add_row (builder, PB_LIST_ACCOUNTS, "id-plus", "{'Name': <'c+d'>}");
  pb_snapshot_builder_add_row (builder, PB_LIST_ACCOUNTS, "id-off",
                               "{'Name': <'gone'>, 'Enabled': <false>}");
  pb_snapshot_builder_add_row (builder, PB_LIST_ACCOUNTS, "id-mail",
                               "{'Name': <'mia@example.org'>}");
  pb_snapshot_builder_add_row (builder, PB_LIST_ALIASES, NULL,
                               "{'Address': <'Sales@example.org'>, 'Targets': "
                               "<['anna@example.org', 'x@far.example']>}");
  pb_snapshot_builder_add_row (builder, PB_LIST_ALIASES, NULL,
                               "{'Address': <'root'>, 'Targets': <['bob@example.org']>}");
  return builder;
}

static void
test_local (void)
{
  static const struct
  {
    const char *local, *domain;
    PbLocalKind kind;
    const char *id;
  } rows[] = {
    { "anna", "example.org", PB_LOCAL_ACCOUNT, "id-anna" },
    { "ANNA", "example.org", PB_LOCAL_ACCOUNT, "id-anna" },
    { "anna", "catch.example", PB_LOCAL_ACCOUNT, "id-anna" },
    { "anna", "host.localdomain", PB_LOCAL_ACCOUNT, "id-anna" },
    { "anna", "xn--mnchen-3ya.example", PB_LOCAL_ACCOUNT, "id-anna" },
    { "a.lastname", "example.org", PB_LOCAL_ACCOUNT, "id-anna" },
    { "a.lastname", "host.localdomain", PB_LOCAL_UNKNOWN, NULL },
    { "anna", "elsewhere.net", PB_LOCAL_NOT_LOCAL, NULL },
    { "anna+list", "example.org", PB_LOCAL_ACCOUNT, "id-anna" },
    { "anna+list+more", "example.org", PB_LOCAL_ACCOUNT, "id-anna" },
    { "a.lastname+x", "example.org", PB_LOCAL_ACCOUNT, "id-anna" },
    { "c+d", "example.org", PB_LOCAL_ACCOUNT, "id-plus" },
    { "c+d+e", "example.org", PB_LOCAL_ACCOUNT, "id-plus" },
    { "c", "example.org", PB_LOCAL_UNKNOWN, NULL },
    { "+anna", "example.org", PB_LOCAL_UNKNOWN, NULL },
    { "+", "example.org", PB_LOCAL_UNKNOWN, NULL },
    { "gone", "example.org", PB_LOCAL_UNKNOWN, NULL },
    { "mia", "example.org", PB_LOCAL_ACCOUNT, "id-mail" },
    { "mia", "host.localdomain", PB_LOCAL_UNKNOWN, NULL },
    { "anna@example.org", "example.org", PB_LOCAL_UNKNOWN, NULL },
    { "sales@example.org", "host.localdomain", PB_LOCAL_UNKNOWN, NULL },
    { "sales", "example.org", PB_LOCAL_ALIAS, NULL },
    { "sales+x", "example.org", PB_LOCAL_ALIAS, NULL },
    { "sales", "host.localdomain", PB_LOCAL_UNKNOWN, NULL },
    { "Root", "host.localdomain", PB_LOCAL_ALIAS, NULL },
    { "root", "far.example", PB_LOCAL_NOT_LOCAL, NULL },
    { "nobody", "catch.example", PB_LOCAL_ALIAS, NULL },
    { "nobody", "example.org", PB_LOCAL_UNKNOWN, NULL },
    { "Postmaster", "example.org", PB_LOCAL_ACCOUNT, "postmaster" },
    { "postmaster", "catch.example", PB_LOCAL_ACCOUNT, "postmaster" },
    { "postmaster", "far.example", PB_LOCAL_NOT_LOCAL, NULL },
    { "postmaster", NULL, PB_LOCAL_ACCOUNT, "postmaster" },
    { NULL, NULL, PB_LOCAL_ACCOUNT, "postmaster" },
    { "MAILER-DAEMON", "example.org", PB_LOCAL_ACCOUNT, "postmaster" },
    { "mailer-daemon", "catch.example", PB_LOCAL_ACCOUNT, "postmaster" },
    { "mailer-daemon", "far.example", PB_LOCAL_NOT_LOCAL, NULL },
    { "", "example.org", PB_LOCAL_UNKNOWN, NULL },
  };
  g_autoptr (PbSnapshot) snapshot = pb_snapshot_builder_build (new_builder ());

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      PbLocal found = pb_snapshot_resolve_local (snapshot, rows[i].local, rows[i].domain);

      if (found.kind != rows[i].kind)
        g_error ("%s@%s is %u", rows[i].local, rows[i].domain, found.kind);
      g_assert_cmpstr (found.account_id, ==, rows[i].id);
      g_assert_cmpint (found.targets != NULL, ==, found.kind == PB_LOCAL_ALIAS);
    }
}

static void
test_postmaster_of_ones_own (void)
{
  PbSnapshotBuilder *builder = new_builder ();
  g_autoptr (PbSnapshot) snapshot = NULL;
  PbLocal found;

  pb_snapshot_builder_add_row (builder, PB_LIST_ALIASES, NULL,
                               "{'Address': <'postmaster'>, 'Targets': <['anna@example.org']>}");
  snapshot = pb_snapshot_builder_build (builder);
  found = pb_snapshot_resolve_local (snapshot, NULL, NULL);
  g_assert_cmpuint (found.kind, ==, PB_LOCAL_ALIAS);
  g_assert_cmpstr (found.targets[0], ==, "anna@example.org");
  found = pb_snapshot_resolve_local (snapshot, "mailer-daemon", "example.org");
  g_assert_cmpuint (found.kind, ==, PB_LOCAL_ALIAS);
  g_assert_cmpstr (found.targets[0], ==, "anna@example.org");
}

static void
test_copied (void)
{
  static const struct
  {
    const char *address;
    gboolean copied;
  } rows[] = {
    { "postmaster@example.org", TRUE },       { "Postmaster@catch.example", TRUE },
    { "MAILER-DAEMON@example.org", TRUE },    { "postmaster@host.localdomain", TRUE },
    { "postmaster+x@example.org", TRUE },     { "mailer-daemon+x@example.org", TRUE },
    { "postmasters@example.org", FALSE },     { "postmaster@far.example", FALSE },
    { "post@example.org", FALSE },            { "anna+postmaster@example.org", FALSE },
    { "mailer-daemon@far.example", FALSE },   { "\"postmaster@x\"@example.org", FALSE },
    { "postmaster", FALSE },                  { "@example.org", FALSE },
  };
  static char *external[] = { (char *) "pm@far.example", NULL };
  PbSnapshotBuilder *builder = new_builder ();
  PbSettingValues *values = pb_snapshot_builder_values (builder);
  g_autoptr (PbSnapshot) none = pb_snapshot_builder_build (new_builder ());
  g_autoptr (PbSnapshot) some = NULL;

  g_strfreev (values->general_external_postmasters);
  values->general_external_postmasters = g_strdupv (external);
  some = pb_snapshot_builder_build (builder);
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      if (pb_snapshot_is_copied (some, rows[i].address) != rows[i].copied)
        g_error ("%s", rows[i].address);
      g_assert_false (pb_snapshot_is_copied (none, rows[i].address));
    }
}

static void
test_no_delimiter (void)
{
  PbSnapshotBuilder *builder = new_builder ();
  g_autoptr (PbSnapshot) snapshot = NULL;
  PbSettingValues *values = pb_snapshot_builder_values (builder);

  g_free (values->mailboxes_delimiter);
  values->mailboxes_delimiter = g_strdup ("");
  snapshot = pb_snapshot_builder_build (builder);
  g_assert_cmpuint (pb_snapshot_resolve_local (snapshot, "anna+x", "example.org").kind, ==,
                    PB_LOCAL_UNKNOWN);
}

static void
test_domains (void)
{
  PbSnapshotBuilder *builder = new_builder ();
  g_autoptr (PbSnapshot) snapshot = NULL;
  const char *target = "";

  pb_snapshot_builder_add_row (
    builder, PB_LIST_DOMAIN_LIST, NULL,
    "{'Name': <'x'>, 'Domain': <'Relay.example'>, 'Target': <'10.0.0.1:2525'>}");
  pb_snapshot_builder_add_row (builder, PB_LIST_DOMAIN_LIST, NULL,
                               "{'Name': <'y'>, 'Domain': <'mx.example'>}");
  pb_snapshot_builder_add_row (builder, PB_LIST_DOMAIN_LIST, NULL,
                               "{'Name': <'z'>, 'Domain': <'off.example'>, 'Enabled': <false>}");
  snapshot = pb_snapshot_builder_build (builder);
  g_assert_true (pb_snapshot_is_local_domain (snapshot, "example.org"));
  g_assert_true (pb_snapshot_is_local_domain (snapshot, "host.localdomain"));
  g_assert_false (pb_snapshot_is_local_domain (snapshot, "sub.example.org"));
  g_assert_false (pb_snapshot_is_local_domain (snapshot, ""));
  g_assert_true (pb_snapshot_is_relay_domain (snapshot, "relay.example", &target));
  g_assert_cmpstr (target, ==, "10.0.0.1:2525");
  g_assert_true (pb_snapshot_is_relay_domain (snapshot, "mx.example", &target));
  g_assert_null (target);
  g_assert_false (pb_snapshot_is_relay_domain (snapshot, "off.example", NULL));
  g_assert_false (pb_snapshot_is_relay_domain (snapshot, "sub.relay.example", NULL));
}

static void
test_trusted (void)
{
  static const struct
  {
    const char *ip;
    gboolean trusted;
  } rows[] = {
    { "192.168.1.9", TRUE },  { "192.168.1.10", FALSE }, { "10.255.0.1", TRUE },
    { "11.0.0.1", FALSE },    { "127.0.0.1", FALSE },    { "2001:db8::5", TRUE },
    { "2001:db9::5", FALSE }, { "172.16.0.1", FALSE },   { "::1", FALSE },
  };
  PbSnapshotBuilder *builder = pb_snapshot_builder_new ();
  g_autoptr (PbSnapshot) snapshot = NULL;
  const char *const networks[] = { "192.168.1.9", "10.0.0.0/255.0.0.0", "2001:db8::/32" };

  for (guint i = 0; i < G_N_ELEMENTS (networks); i++)
    {
      g_autofree char *row = g_strdup_printf ("{'Name': <'n'>, 'Network': <'%s'>}", networks[i]);

      pb_snapshot_builder_add_row (builder, PB_LIST_TRUSTED_LIST, NULL, row);
    }
  pb_snapshot_builder_add_row (
    builder, PB_LIST_TRUSTED_LIST, NULL,
    "{'Name': <'off'>, 'Network': <'172.16.0.0/12'>, 'Enabled': <false>}");
  snapshot = pb_snapshot_builder_build (builder);
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      PbIp ip;

      g_assert_true (pb_ip_parse (rows[i].ip, &ip));
      if (pb_snapshot_is_trusted (snapshot, &ip) != rows[i].trusted)
        g_error ("%s", rows[i].ip);
    }
}

static void
assert_expands (PbSnapshot *snapshot, const char *address, const char *expected)
{
  g_autoptr (GPtrArray) found = pb_snapshot_expand (snapshot, address);
  g_autofree char *joined = NULL;

  g_ptr_array_add (found, NULL);
  joined = g_strjoinv (" ", (char **) found->pdata);
  g_assert_cmpstr (joined, ==, expected);
}

static void
add_alias (PbSnapshotBuilder *builder, const char *address, const char *targets)
{
  g_autofree char *row = g_strdup_printf ("{'Address': <'%s'>, 'Targets': <%s>}", address, targets);

  pb_snapshot_builder_add_row (builder, PB_LIST_ALIASES, NULL, row);
}

static void
test_expand (void)
{
  PbSnapshotBuilder *builder = new_builder ();
  g_autoptr (PbSnapshot) snapshot = NULL;

  add_alias (builder, "all@example.org",
             "['Sales@example.org', 'bob@Example.ORG', 'ANNA@example.org', 'no@example.org']");
  add_alias (builder, "bob@example.org", "['bob@example.org', 'copy@far.example']");
  add_alias (builder, "loop1", "['loop2@example.org']");
  add_alias (builder, "loop2", "['loop1@example.org']");
  snapshot = pb_snapshot_builder_build (builder);
  assert_expands (snapshot, "x@far.example", "x@far.example");
  assert_expands (snapshot, "anna@example.org", "anna@example.org");
  assert_expands (snapshot, "sales@example.org", "anna@example.org x@far.example");
  assert_expands (snapshot, "SALES+q@example.org", "anna@example.org x@far.example");
  /* An alias that keeps its own mailbox, a duplicate in another case, an unknown user. */
  assert_expands (snapshot, "all@example.org",
                  "anna@example.org x@far.example bob@example.org copy@far.example no@example.org");
  assert_expands (snapshot, "loop1@example.org", "loop1@example.org");
  assert_expands (snapshot, "nobody@catch.example", "bob@example.org copy@far.example");
  assert_expands (snapshot, "postmaster", "postmaster");
  assert_expands (snapshot, "\"ro\\ot\"@example.org", "bob@example.org copy@far.example");
  g_assert_cmpstr (pb_snapshot_resolve_mailbox (snapshot, "bob", "example.org").account_id, ==,
                   "id-bob");
  g_assert_cmpuint (pb_snapshot_resolve_mailbox (snapshot, "root", "example.org").kind, ==,
                    PB_LOCAL_UNKNOWN);
}

/* 30 aliases in a row, and one with 3 times 400 targets. */
static void
test_expand_limits (void)
{
  PbSnapshotBuilder *builder = new_builder ();
  g_autoptr (PbSnapshot) snapshot = NULL;
  g_autoptr (GPtrArray) many = NULL;

  for (guint i = 0; i < 30; i++)
    {
      g_autofree char *address = g_strdup_printf ("deep%u", i);
      g_autofree char *target = g_strdup_printf ("['deep%u@example.org']", i + 1);

      add_alias (builder, address, target);
    }
  for (guint i = 0; i < 200; i++)
    {
      g_autofree char *abyss = g_strdup_printf ("abyss%u", i);
      g_autofree char *next = g_strdup_printf ("['abyss%u@example.org']", i + 1);
      g_autofree char *round = g_strdup_printf ("round%u", i);
      g_autofree char *back = g_strdup_printf ("['round%u@example.org']", (i + 1) % 50);

      add_alias (builder, abyss, next);
      if (i < 50)
        add_alias (builder, round, back);
    }
  for (guint i = 0; i < 3; i++)
    {
      g_autofree char *address = g_strdup_printf ("part%u", i);
      g_autoptr (GString) targets = g_string_new ("[");

      for (guint n = 0; n < 400; n++)
        g_string_append_printf (targets, "%s'u%u.%u@far.example'", n ? ", " : "", i, n);
      g_string_append_c (targets, ']');
      add_alias (builder, address, targets->str);
    }
  add_alias (builder, "many", "['part0@example.org', 'part1@example.org', 'part2@example.org']");
  snapshot = pb_snapshot_builder_build (builder);
  assert_expands (snapshot, "deep0@example.org", "deep30@example.org");
  many = pb_snapshot_expand (snapshot, "many@example.org");
  g_assert_cmpuint (many->len, ==, 1);
  g_assert_cmpstr (many->pdata[0], ==, "many@example.org");
  /* In a circle or too deep: never an alias that would be followed on and on. */
  assert_expands (snapshot, "round0@example.org", "round0@example.org");
  assert_expands (snapshot, "abyss0@example.org", "abyss0@example.org");
  assert_expands (snapshot, "abyss100@example.org", "abyss200@example.org");
}

static gpointer
read_often (gpointer data)
{
  for (guint i = 0; i < 2000; i++)
    {
      g_autoptr (PbSnapshot) snapshot = pb_snapshot_ref (data);

      g_assert_cmpstr (pb_snapshot_resolve_local (snapshot, "anna", "example.org").account_id, ==,
                       "id-anna");
    }
  pb_snapshot_unref (data);
  return NULL;
}

static void
test_threads (void)
{
  g_autoptr (PbSnapshot) snapshot = pb_snapshot_builder_build (new_builder ());
  GThread *threads[4];

  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("reader", read_often, pb_snapshot_ref (snapshot));
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/snapshot/local", test_local);
  g_test_add_func ("/snapshot/own-postmaster", test_postmaster_of_ones_own);
  g_test_add_func ("/snapshot/copied", test_copied);
  g_test_add_func ("/snapshot/no-delimiter", test_no_delimiter);
  g_test_add_func ("/snapshot/domains", test_domains);
  g_test_add_func ("/snapshot/trusted", test_trusted);
  g_test_add_func ("/snapshot/expand", test_expand);
  g_test_add_func ("/snapshot/expand-limits", test_expand_limits);
  g_test_add_func ("/snapshot/threads", test_threads);
  return g_test_run ();
}
