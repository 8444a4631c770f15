/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Revisions, the way back, roll-back without Confirm, JSON out and in, the report across settings. */
#include "dbus/names.h"
#include "registry-fixture.h"

static void
set_hops (Fixture *fixture, guint hops)
{
  g_auto (Answer) answer = { 0 };
  g_autofree char *text = g_strdup_printf ("{'General': {'MaxHops': <uint32 %u>}}", hops);

  apply (fixture, text, &as_root, &answer);
  g_assert_no_error (answer.error);
}

static guint
hops_of (Fixture *fixture)
{
  g_autoptr (PbSnapshot) snapshot = pb_registry_snapshot (fixture->registry);

  return snapshot->values.general_max_hops;
}

static void
revert (Fixture *fixture, guint64 revision, Answer *answer)
{
  answer_clear (answer);
  pb_registry_revert (fixture->registry, revision, "uid 0", on_done, answer);
  await (answer);
}

static void
test_revisions (Fixture *fixture, gconstpointer data)
{
  g_auto (Answer) answer = { 0 };
  g_autofree char *id = NULL;
  g_autofree char *expected = NULL;
  g_autoptr (GVariant) row = NULL;
  g_autoptr (GVariant) rows = NULL;
  g_autofree const char **changes = NULL;
  const char *who;
  const char *what;
  guint64 total;

  set_hops (fixture, 50);
  id = add_network (fixture, "a");
  pb_registry_revisions (fixture->registry, 0, 10, on_done, &answer);
  await (&answer);
  g_assert_no_error (answer.error);
  g_variant_get (answer.result, "(t@aa{sv})", &total, &rows);
  g_assert_cmpuint (total, ==, 2);
  g_assert_cmpuint (g_variant_n_children (rows), ==, 2);
  row = g_variant_get_child_value (rows, 0);
  g_assert_true (g_variant_lookup (row, "Who", "&s", &who));
  g_assert_true (g_variant_lookup (row, "What", "&s", &what));
  g_assert_true (g_variant_lookup (row, "Changes", "^a&s", &changes));
  g_assert_true (g_variant_lookup (row, "Revision", "t", &total));
  expected = g_strdup_printf ("TrustedList[%s]", id);
  g_assert_cmpstr (who, ==, "uid 0");
  g_assert_cmpstr (what, ==, "TrustedList: a row added");
  g_assert_cmpstr (changes[0], ==, expected);
  g_assert_cmpuint (total, ==, pb_registry_revision (fixture->registry));
}

/* Settings and lists come back as they were; accounts stay. */
static void
test_revert (Fixture *fixture, gconstpointer data)
{
  g_auto (Answer) answer = { 0 };
  g_autofree char *a = add_network (fixture, "a");
  g_autofree char *b = add_network (fixture, "b");
  g_autofree char *c = NULL;
  g_autofree char *anna = NULL;
  g_autoptr (GVariant) account = NULL;
  const char *ids[] = { a, NULL };
  guint64 mark;

  set_hops (fixture, 50);
  mark = pb_registry_revision (fixture->registry);
  set_hops (fixture, 60);
  c = add_network (fixture, "c");
  anna = add (fixture, PB_LIST_ACCOUNTS, "{'Name': <'anna'>}");
  set_hops (fixture, 70);
  update (fixture, PB_LIST_TRUSTED_LIST, b, "{'Name': <'B'>}", &answer);
  pb_registry_list_move (fixture->registry, PB_LIST_TRUSTED_LIST, c, 0, "uid 0", on_done,
                         (answer_clear (&answer), &answer));
  await (&answer);
  pb_registry_list_remove (fixture->registry, PB_LIST_TRUSTED_LIST, ids, "uid 0", on_done,
                           (answer_clear (&answer), &answer));
  await (&answer);
  assert_names (fixture, "cB");
  g_string_truncate (fixture->told, 0);

  revert (fixture, mark, &answer);
  g_assert_no_error (answer.error);
  g_assert_cmpuint (g_variant_get_uint64 (answer.result), >, mark);
  g_assert_cmpstr (fixture->told->str, ==, "General:MaxHops TrustedList ");
  g_assert_cmpuint (hops_of (fixture), ==, 50);
  assert_names (fixture, "ab");
  account = pb_registry_list_get (fixture->registry, PB_LIST_ACCOUNTS, anna, NULL);
  g_assert_nonnull (account);

  stop (fixture);
  start (fixture);
  g_assert_cmpuint (hops_of (fixture), ==, 50);
  assert_names (fixture, "ab");
  /* Back before anything was set: the default. */
  revert (fixture, 1, &answer);
  g_assert_no_error (answer.error);
  g_assert_cmpuint (hops_of (fixture), ==, 100);
  assert_names (fixture, "");
}

static void
test_revert_refused (Fixture *fixture, gconstpointer data)
{
  g_auto (Answer) answer = { 0 };
  guint64 revision;

  revert (fixture, 99, &answer);
  assert_refused (&answer, PB_ERROR_NOT_FOUND, "Revert: revision 99 is not kept");
  for (guint i = 0; i < 103; i++)
    set_hops (fixture, 10 + i);
  revision = pb_registry_revision (fixture->registry);
  revert (fixture, revision - 101, &answer);
  g_assert_error (answer.error, PB_ERROR, PB_ERROR_NOT_FOUND);
  revert (fixture, revision - 100, &answer);
  g_assert_no_error (answer.error);
  g_assert_cmpuint (hops_of (fixture), ==, 12);
  /* Where we are already: nothing to do. */
  revert (fixture, revision + 1, &answer);
  g_assert_no_error (answer.error);
  g_assert_cmpuint (pb_registry_revision (fixture->registry), ==, revision + 1);
}

static void
confirm (Fixture *fixture, guint64 revision, Answer *answer)
{
  answer_clear (answer);
  pb_registry_confirm (fixture->registry, revision, "uid 0", on_done, answer);
  await (answer);
}

static void
test_confirm (Fixture *fixture, gconstpointer data)
{
  g_auto (Answer) answer = { 0 };
  PbApplyOptions careful = { .who = "uid 0", .confirm_timeout = 3600 };
  guint64 revision;

  apply (fixture, "{'General': {'MaxHops': <uint32 50>}}", &careful, &answer);
  g_assert_no_error (answer.error);
  revision = g_variant_get_uint64 (answer.result);
  g_assert_cmpuint (hops_of (fixture), ==, 50);
  apply (fixture, "{'General': {'MaxHops': <uint32 51>}}", &as_root, &answer);
  g_assert_error (answer.error, PB_ERROR, PB_ERROR_BUSY);
  revert (fixture, 1, &answer);
  g_assert_error (answer.error, PB_ERROR, PB_ERROR_BUSY);
  confirm (fixture, revision + 1, &answer);
  g_assert_error (answer.error, PB_ERROR, PB_ERROR_NOT_FOUND);
  confirm (fixture, revision, &answer);
  g_assert_no_error (answer.error);
  confirm (fixture, revision, &answer);
  g_assert_error (answer.error, PB_ERROR, PB_ERROR_NOT_FOUND);
  stop (fixture);
  start (fixture);
  g_assert_cmpuint (hops_of (fixture), ==, 50);
  set_hops (fixture, 52);
}

static void
await_hops (Fixture *fixture, guint hops)
{
  guint timer = g_timeout_add_seconds (WAIT_SECONDS, on_too_late, NULL);

  while (hops_of (fixture) != hops)
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (timer);
}

static void
test_not_confirmed (Fixture *fixture, gconstpointer data)
{
  g_auto (Answer) answer = { 0 };
  PbApplyOptions careful = { .who = "uid 0", .confirm_timeout = 1 };

  set_hops (fixture, 40);
  apply (fixture, "{'General': {'MaxHops': <uint32 50>, 'Banner': <'x'>}}", &careful, &answer);
  g_string_truncate (fixture->told, 0);
  await_hops (fixture, 40);
  /* The signal came with the change, in the same turn of the loop. */
  g_assert_cmpstr (fixture->told->str, ==, "General:Banner,MaxHops ");
  set_hops (fixture, 41);
  stop (fixture);
  start (fixture);
  g_assert_cmpuint (hops_of (fixture), ==, 41);
}

/* A restart rolls back at once, and for good. */
static void
test_not_confirmed_restart (Fixture *fixture, gconstpointer data)
{
  g_auto (Answer) answer = { 0 };
  g_autoptr (PbConfigContent) content = NULL;
  PbApplyOptions careful = { .who = "uid 0", .confirm_timeout = 3600 };

  apply (fixture, "{'General': {'MaxHops': <uint32 50>}}", &careful, &answer);
  g_assert_no_error (answer.error);
  stop (fixture);
  start (fixture);
  g_assert_cmpuint (hops_of (fixture), ==, 100);
  set_hops (fixture, 42);
  content = pb_config_store_load (fixture->store, NULL);
  g_assert_cmpuint (g_hash_table_size (content->settings), ==, 1);
}

static void
import (Fixture *fixture, const char *json, Answer *answer)
{
  answer_clear (answer);
  pb_registry_import (fixture->registry, json, &as_root, on_done, answer);
  await (answer);
}

static void
test_export_import (Fixture *fixture, gconstpointer data)
{
  g_auto (Answer) answer = { 0 };
  g_autofree char *a = add_network (fixture, "a");
  g_autofree char *anna =
    add (fixture, PB_LIST_ACCOUNTS, "{'Name': <'anna'>, 'Addresses': <['a@x.org']>}");
  g_autofree char *first = NULL;
  g_autofree char *second = NULL;
  g_autofree char *third = NULL;
  g_auto (GStrv) actions = NULL;
  g_auto (GStrv) no_actions = NULL;
  g_autoptr (GError) error = NULL;
  const char *ids[] = { a, NULL };
  guint64 revision;

  set_hops (fixture, 50);
  first = pb_registry_export (fixture->registry);
  no_actions = pb_registry_import_actions (fixture->registry, first, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (g_strv_length (no_actions), ==, 0);
  g_assert_null (strstr (first, "nas.localdomain"));

  set_hops (fixture, 60);
  update (fixture, PB_LIST_ACCOUNTS, anna, "{'Name': <'eve'>}", &answer);
  pb_registry_list_remove (fixture->registry, PB_LIST_TRUSTED_LIST, ids, "uid 0", on_done,
                           (answer_clear (&answer), &answer));
  await (&answer);
  second = pb_registry_export (fixture->registry);
  g_assert_cmpstr (second, !=, first);
  actions = pb_registry_import_actions (fixture->registry, first, &error);
  g_assert_no_error (error);
  g_assert_true (g_strv_equal ((const char *const *) actions,
                               (const char *const[]){ PB_ACTION_MODIFY_SETTINGS,
                                                      PB_ACTION_MANAGE_ACCOUNTS, NULL }));

  revision = pb_registry_revision (fixture->registry);
  import (fixture, first, &answer);
  g_assert_no_error (answer.error);
  g_assert_cmpuint (g_variant_get_uint64 (answer.result), ==, revision + 1);
  third = pb_registry_export (fixture->registry);
  g_assert_cmpstr (third, ==, first);
}

#define HEAD "{\"Format\": \"postbus-settings\", \"Version\": 1, "

static const struct
{
  const char *json;
  PbError code;
  const char *words;
} bad_imports[] = {
  { "", PB_ERROR_INVALID_VALUE, "Import: must be" },
  { "[]", PB_ERROR_INVALID_VALUE, "Import: must be an object" },
  { "{}", PB_ERROR_INVALID_VALUE, "Import: must have Format" },
  { HEAD "\"Settings\": {\"General\": {\"MaxHops\": 5", PB_ERROR_INVALID_VALUE,
    "Import: must be JSON" },
  { "{\"Format\": \"other\"}", PB_ERROR_INVALID_VALUE, "Import: Format is not" },
  { "{\"Format\": \"postbus-settings\", \"Version\": 2}", PB_ERROR_INVALID_VALUE,
    "Import: Version is not" },
  { HEAD "\"Extra\": 1}", PB_ERROR_INVALID_VALUE, "Import: Extra is not" },
  { HEAD "\"Settings\": 1}", PB_ERROR_INVALID_VALUE, "Import: Settings must be" },
  { HEAD "\"Settings\": {\"General\": []}}", PB_ERROR_INVALID_VALUE, "General: must be" },
  { HEAD "\"Settings\": {\"General\": {\"Nothing\": 1}}}", PB_ERROR_UNKNOWN_SETTING,
    "General.Nothing: there is no such setting" },
  { HEAD "\"Settings\": {\"No\\nthing\": {\"X\": 1}}}", PB_ERROR_UNKNOWN_SETTING,
    "?.X: there is no such setting" },
  { HEAD "\"Settings\": {\"General\": {\"MaxHops\": \"5\"}}}", PB_ERROR_INVALID_VALUE,
    "General.MaxHops: must be of type u" },
  { HEAD "\"Settings\": {\"General\": {\"MaxHops\": 4294967346}}}", PB_ERROR_INVALID_VALUE,
    "General.MaxHops: must be of type u" },
  { HEAD "\"Settings\": {\"General\": {\"MaxHops\": -1}}}", PB_ERROR_INVALID_VALUE,
    "General.MaxHops: must be of type u" },
  { HEAD "\"Settings\": {\"General\": {\"MaxHops\": 50.5}}}", PB_ERROR_INVALID_VALUE,
    "General.MaxHops: must be of type u" },
  { HEAD "\"Settings\": {\"General\": {\"MaxHops\": 4}}}", PB_ERROR_INVALID_VALUE,
    "General.MaxHops: must be between" },
  { HEAD "\"Settings\": {\"General\": {\"Banner\": \"a\\r\\nb\"}}}", PB_ERROR_INVALID_VALUE,
    "General.Banner: must be" },
  { HEAD "\"Settings\": {\"Dns\": {\"Servers\": [1]}}}", PB_ERROR_INVALID_VALUE,
    "Dns.Servers: must be of type as" },
  { HEAD "\"Lists\": {\"Nothing\": []}}", PB_ERROR_UNKNOWN_SETTING,
    "Nothing: there is no such list" },
  { HEAD "\"Lists\": {\"TrustedList\": [5]}}", PB_ERROR_INVALID_VALUE, "TrustedList[0]: must" },
  { HEAD "\"Lists\": {\"TrustedList\": [{\"Name\": 5}]}}", PB_ERROR_INVALID_VALUE,
    "TrustedList[0].Name: must be of type s" },
  { HEAD "\"Lists\": {\"TrustedList\": [{\"Colour\": 5}]}}", PB_ERROR_UNKNOWN_SETTING,
    "TrustedList[0].Colour: there is no such column" },
  { HEAD "\"Lists\": {\"AccessList\": [{\"Hits\": 5}]}}", PB_ERROR_UNKNOWN_SETTING,
    "AccessList[0].Hits: there is no such column" },
  { HEAD "\"Settings\": {\"General\": {\"MaxHops\": 50}}, "
         "\"Lists\": {\"TrustedList\": [{\"Name\": \"a\", \"Network\": \"b\"}]}}",
    PB_ERROR_INVALID_VALUE, "TrustedList[new].Network: must be" },
};

/* Each is refused with its words, in one line, and nothing has changed. */
static void
test_import_refused (Fixture *fixture, gconstpointer data)
{
  guint64 revision = pb_registry_revision (fixture->registry);

  for (guint i = 0; i < G_N_ELEMENTS (bad_imports); i++)
    {
      g_auto (Answer) answer = { 0 };

      import (fixture, bad_imports[i].json, &answer);
      g_assert_error (answer.error, PB_ERROR, (int) bad_imports[i].code);
      if (!g_str_has_prefix (answer.error->message, bad_imports[i].words))
        g_error ("\"%s\" instead of \"%s\"", answer.error->message, bad_imports[i].words);
      g_assert_null (strpbrk (answer.error->message, "\r\n"));
    }
  g_assert_cmpuint (pb_registry_revision (fixture->registry), ==, revision);
}

static void
test_import_bombs (Fixture *fixture, gconstpointer data)
{
  g_auto (Answer) answer = { 0 };
  g_autofree char *deep = g_strnfill (1000000, '[');
  g_autofree char *huge = g_strnfill (31 * 1024 * 1024, ' ');
  g_autofree char *whole = pb_registry_export (fixture->registry);

  import (fixture, deep, &answer);
  g_assert_error (answer.error, PB_ERROR, PB_ERROR_INVALID_VALUE);
  import (fixture, huge, &answer);
  g_assert_error (answer.error, PB_ERROR, PB_ERROR_TOO_LARGE);
  /* Cut off anywhere. */
  for (gsize length = strlen (whole) - 2; length > 100; length -= 97)
    {
      whole[length] = '\0';
      import (fixture, whole, &answer);
      g_assert_error (answer.error, PB_ERROR, PB_ERROR_INVALID_VALUE);
    }
}

/* The report holds a line that begins so, with that severity. */
static void
assert_reported (Fixture *fixture, const char *place, const char *severity)
{
  g_autoptr (GVariant) report = pb_registry_validate (fixture->registry);
  GVariantIter iter;
  const char *found_place;
  const char *found_severity;
  gboolean found = FALSE;

  g_variant_iter_init (&iter, report);
  while (g_variant_iter_next (&iter, "(&s&s&s)", &found_place, &found_severity, NULL))
    found =
      found || (g_str_has_prefix (found_place, place) && g_str_equal (found_severity, severity));
  if (!found)
    {
      g_autofree char *text = g_variant_print (report, FALSE);

      g_error ("no %s of %s in %s", severity, place, text);
    }
}

static void
test_report (Fixture *fixture, gconstpointer data)
{
  static const struct
  {
    const char *changes, *place, *severity;
  } settings[] = {
    { "{'Delivery': {'Mode': <'relay'>}}", "Delivery.RelayServer", "problem" },
    { "{'Delivery': {'RelayAuth': <true>}}", "Delivery.RelayUser", "problem" },
    { "{'Delivery': {'RelayVerify': <'fingerprint'>}}", "Delivery.RelayFingerprint", "problem" },
    { "{'General': {'AuthCheckSender': <true>, 'AuthEnabled': <false>}}", "General.AuthCheckSender",
      "problem" },
    { "{'General': {'MaxRecipients': <uint32 50>}}", "General.MaxRecipients", "warning" },
    { "{'Tls': {'KeyFile': <'/k'>}}", "Tls.CertificateFile", "problem" },
    { "{'Antivirus': {'Policy': <'enforce'>}}", "Antivirus.Address", "problem" },
    { "{'Queueing': {'MinBackoff': <uint32 5000>}}", "Queueing.MinBackoff", "problem" },
    { "{'Queueing': {'DelayWarning': <uint32 500000>}}", "Queueing.DelayWarning", "warning" },
    { "{'Mailboxes': {'Kind': <'lmtp'>}}", "Mailboxes.LmtpAddress", "problem" },
    { "{'Dnsbl': {'Policy': <'watch'>}}", "DnsblZones", "problem" },
    { "{'Reports': {'DailyEnabled': <true>}}", "Reports.Recipients", "problem" },
    { "{'Dns': {'Validate': <false>}}", "Outbound.Dane", "warning" },
    { "{'MailAuth': {'ArcEnabled': <true>}}", "MailAuth.ArcEnabled", "warning" },
  };

  assert_reported (fixture, "General.Hostname", "warning");
  assert_reported (fixture, "LocalDomains", "warning");
  for (guint i = 0; i < G_N_ELEMENTS (settings); i++)
    {
      g_auto (Answer) answer = { 0 };

      apply (fixture, settings[i].changes, &as_root, &answer);
      g_assert_no_error (answer.error);
      assert_reported (fixture, settings[i].place, settings[i].severity);
    }
}

static void
test_report_lists (Fixture *fixture, gconstpointer data)
{
  static const struct
  {
    PbListKind kind;
    const char *row, *place, *severity;
  } rows[] = {
    { PB_LIST_TRUSTED_LIST, "{'Name': <'a'>, 'Network': <'0.0.0.0/0'>}", "TrustedList[",
      "problem" },
    { PB_LIST_TRUSTED_LIST, "{'Name': <'b'>, 'Network': <'8.8.0.0/16'>}", "TrustedList[",
      "warning" },
    { PB_LIST_LOCAL_DOMAINS, "{'Name': <'x.org'>, 'CatchAll': <'nobody@nas.localdomain'>}",
      "LocalDomains[", "problem" },
    { PB_LIST_DOMAIN_LIST, "{'Name': <'a'>, 'Domain': <'x.org'>}", "DomainList[", "warning" },
    { PB_LIST_ACCOUNTS, "{'Name': <'anna'>, 'Addresses': <['a@far.org']>}", "Accounts[",
      "warning" },
    { PB_LIST_ALIASES, "{'Address': <'a@far.org'>, 'Targets': <['b@far.org']>}", "Aliases[",
      "warning" },
    { PB_LIST_ALIASES, "{'Address': <'loop'>, 'Targets': <['loop@nas.localdomain']>}", "Aliases[",
      "problem" },
    { PB_LIST_ACCESS_LIST,
      "{'Name': <'a'>, 'List': <'whitelist'>, 'Kind': <'sender'>, 'Value': <'a@b.org'>}",
      "AccessList[", "warning" },
    { PB_LIST_ACCESS_LIST,
      "{'Name': <'a'>, 'List': <'blacklist'>, 'Kind': <'network'>, "
      "'Value': <'192.163.1.1/255.100.10.1'>}",
      "AccessList[", "warning" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *id = add (fixture, rows[i].kind, rows[i].row);
      g_autofree char *place = g_strconcat (rows[i].place, id, "]", NULL);

      assert_reported (fixture, place, rows[i].severity);
    }
}

int
main (int argc, char **argv)
{
  static const Test tests[] = {
    { "/registry-history/revisions", test_revisions },
    { "/registry-history/revert", test_revert },
    { "/registry-history/revert-refused", test_revert_refused },
    { "/registry-history/confirm", test_confirm },
    { "/registry-history/not-confirmed", test_not_confirmed },
    { "/registry-history/not-confirmed-restart", test_not_confirmed_restart },
    { "/registry-history/export-import", test_export_import },
    { "/registry-history/import-refused", test_import_refused },
    { "/registry-history/import-bombs", test_import_bombs },
    { "/registry-history/report", test_report },
    { "/registry-history/report-lists", test_report_lists },
  };

  return run_tests (argc, argv, tests, G_N_ELEMENTS (tests));
}
