/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lists over a real store: order, names, pages, Replace of many rows. */
#include "registry-fixture.h"

static void
move (Fixture *fixture, const char *id, guint position)
{
  g_auto (Answer) answer = { 0 };

  pb_registry_list_move (fixture->registry, PB_LIST_TRUSTED_LIST, id, position, "uid 0", on_done,
                         &answer);
  await (&answer);
  g_assert_no_error (answer.error);
}

static void
test_list_order (Fixture *fixture, gconstpointer data)
{
  g_auto (Answer) answer = { 0 };
  g_autofree char *a = add_network (fixture, "a");
  g_autofree char *b = add_network (fixture, "b");
  g_autofree char *c = add_network (fixture, "c");
  const char *ids[] = { a, c, NULL };

  assert_names (fixture, "abc");
  move (fixture, c, 0);
  assert_names (fixture, "cab");
  move (fixture, c, 1);
  assert_names (fixture, "acb");
  move (fixture, a, 99);
  assert_names (fixture, "cba");
  stop (fixture);
  start (fixture);
  assert_names (fixture, "cba");
  /* So often that the gaps between sort keys are used up. */
  for (guint i = 0; i < 30; i++)
    move (fixture, i % 2 ? a : b, 1);
  assert_names (fixture, "cab");
  pb_registry_list_remove (fixture->registry, PB_LIST_TRUSTED_LIST, ids, "uid 0", on_done, &answer);
  await (&answer);
  g_assert_no_error (answer.error);
  assert_names (fixture, "b");
  stop (fixture);
  start (fixture);
  assert_names (fixture, "b");
}

static void
test_list_effect (Fixture *fixture, gconstpointer data)
{
  g_autoptr (PbSnapshot) before = pb_registry_snapshot (fixture->registry);
  g_autoptr (PbSnapshot) after = NULL;
  g_autofree char *anna = NULL;
  PbIp ip;

  g_free (add_network (fixture, "a"));
  g_free (add (fixture, PB_LIST_LOCAL_DOMAINS, "{'Name': <'example.org'>}"));
  anna = add (fixture, PB_LIST_ACCOUNTS, "{'Name': <'anna'>}");
  g_assert_true (pb_ip_parse ("10.0.0.1", &ip));
  g_assert_cmpstr (fixture->told->str, ==, "TrustedList LocalDomains Accounts ");
  after = pb_registry_snapshot (fixture->registry);
  g_assert_false (pb_snapshot_is_trusted (before, &ip));
  g_assert_true (pb_snapshot_is_trusted (after, &ip));
  g_assert_cmpstr (pb_snapshot_resolve_local (after, "anna", "example.org").account_id, ==, anna);
  stop (fixture);
  start (fixture);
  pb_snapshot_unref (after);
  after = pb_registry_snapshot (fixture->registry);
  g_assert_true (pb_snapshot_is_trusted (after, &ip));
  g_assert_cmpstr (pb_snapshot_resolve_local (after, "anna", "example.org").account_id, ==, anna);
}

static void
test_list_update (Fixture *fixture, gconstpointer data)
{
  g_auto (Answer) answer = { 0 };
  g_autofree char *id = add_network (fixture, "a");
  g_autoptr (GVariant) row = NULL;
  g_autoptr (GError) error = NULL;
  const char *name;
  gboolean enabled;

  update (fixture, PB_LIST_TRUSTED_LIST, id, "{'Enabled': <false>, 'Position': <uint32 9>}",
          &answer);
  g_assert_no_error (answer.error);
  row = pb_registry_list_get (fixture->registry, PB_LIST_TRUSTED_LIST, id, &error);
  g_assert_no_error (error);
  g_assert_true (g_variant_lookup (row, "Name", "&s", &name));
  g_assert_true (g_variant_lookup (row, "Enabled", "b", &enabled));
  g_assert_cmpstr (name, ==, "a");
  g_assert_false (enabled);
  update (fixture, PB_LIST_TRUSTED_LIST, id, "{'Network': <'x'>}", &answer);
  g_assert_error (answer.error, PB_ERROR, PB_ERROR_INVALID_VALUE);
  g_assert_true (g_str_has_prefix (answer.error->message, "TrustedList["));
  update (fixture, PB_LIST_TRUSTED_LIST, "nobody", "{'Name': <'x'>}", &answer);
  assert_refused (&answer, PB_ERROR_NOT_FOUND, "TrustedList[nobody]: there is no such row");
  g_assert_null (
    pb_registry_list_get (fixture->registry, PB_LIST_TRUSTED_LIST, "nobody\n", &error));
  g_assert_error (error, PB_ERROR, PB_ERROR_NOT_FOUND);
  g_assert_cmpstr (error->message, ==, "TrustedList[?]: there is no such row");
}

static void
add_refused (Fixture *fixture, PbListKind kind, const char *text, const char *words)
{
  g_auto (Answer) answer = { 0 };
  g_autoptr (GVariant) row = parse ("a{sv}", text);

  pb_registry_list_add (fixture->registry, kind, row, "uid 0", on_done, &answer);
  await (&answer);
  assert_refused (&answer, PB_ERROR_CONFLICT, words);
}

static void
test_unique (Fixture *fixture, gconstpointer data)
{
  g_auto (Answer) answer = { 0 };
  g_autofree char *anna =
    add (fixture, PB_LIST_ACCOUNTS, "{'Name': <'Anna'>, 'Addresses': <['a@x.org']>}");
  g_autofree char *bob = add (fixture, PB_LIST_ACCOUNTS, "{'Name': <'bob'>}");

  g_free (add (fixture, PB_LIST_LOCAL_DOMAINS, "{'Name': <'Example.org'>}"));
  g_free (add (fixture, PB_LIST_ALIASES, "{'Address': <'root'>, 'Targets': <['a@x.org']>}"));
  add_refused (fixture, PB_LIST_ACCOUNTS, "{'Name': <'anna'>}",
               "Accounts[new]: anna is already in the list");
  add_refused (fixture, PB_LIST_ACCOUNTS, "{'Name': <'eve'>, 'Addresses': <['A@X.org']>}",
               "Accounts[new]: a@x.org is already in the list");
  add_refused (fixture, PB_LIST_ACCOUNTS, "{'Name': <'a@x.org'>}",
               "Accounts[new]: a@x.org is already in the list");
  add_refused (fixture, PB_LIST_LOCAL_DOMAINS, "{'Name': <'example.ORG'>}",
               "LocalDomains[new]: example.org is already in the list");
  add_refused (fixture, PB_LIST_ALIASES, "{'Address': <'ROOT'>, 'Targets': <['b@x.org']>}",
               "Aliases[new]: root is already in the list");
  update (fixture, PB_LIST_ACCOUNTS, bob, "{'Addresses': <['a@x.org']>}", &answer);
  g_assert_error (answer.error, PB_ERROR, PB_ERROR_CONFLICT);
  /* Its own names are no conflict. */
  update (fixture, PB_LIST_ACCOUNTS, anna, "{'Name': <'anna'>, 'Enabled': <false>}", &answer);
  g_assert_no_error (answer.error);
}

static void
replace (Fixture *fixture, GVariant *rows, Answer *answer)
{
  answer_clear (answer);
  pb_registry_list_replace (fixture->registry, PB_LIST_TRUSTED_LIST, rows, "uid 0", on_done,
                            answer);
  await (answer);
}

/* What List gives can be changed and given back: known rows keep their ids. */
static void
test_replace (Fixture *fixture, gconstpointer data)
{
  g_auto (Answer) answer = { 0 };
  g_autofree char *a = add_network (fixture, "a");
  g_autofree char *b = add_network (fixture, "b");
  g_autofree char *text = g_strdup_printf (
    "[{'Name': <'c'>, 'Network': <'::1'>}, {'Id': <'%s'>, 'Position': <uint32 1>, 'Name': <'B'>}]",
    b);
  g_autofree char *twice =
    g_strdup_printf ("[{'Id': <'%s'>, 'Name': <'x'>}, {'Id': <'%s'>, 'Name': <'y'>}]", b, b);
  g_autoptr (GVariant) rows = parse ("aa{sv}", text);
  g_autoptr (GVariant) doubled = parse ("aa{sv}", twice);
  g_autoptr (GVariant) bad = parse ("aa{sv}", "[{'Name': <'c'>, 'Network': <'::1'>}, {}]");
  g_autoptr (GVariant) row = NULL;

  replace (fixture, bad, &answer);
  assert_refused (&answer, PB_ERROR_INVALID_VALUE, "TrustedList[new].Name: must be given");
  replace (fixture, doubled, &answer);
  g_assert_error (answer.error, PB_ERROR, PB_ERROR_CONFLICT);
  assert_names (fixture, "ab");
  replace (fixture, rows, &answer);
  g_assert_no_error (answer.error);
  assert_names (fixture, "cB");
  row = pb_registry_list_get (fixture->registry, PB_LIST_TRUSTED_LIST, b, NULL);
  g_assert_nonnull (row);
  g_assert_null (pb_registry_list_get (fixture->registry, PB_LIST_TRUSTED_LIST, a, NULL));
  stop (fixture);
  start (fixture);
  assert_names (fixture, "cB");
}

static GVariant *
many_rows (guint n)
{
  GVariantBuilder rows;

  g_variant_builder_init (&rows, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; i < n; i++)
    {
      g_autofree char *network = g_strdup_printf ("10.%u.%u.0/25", i / 250, i % 250);
      g_autofree char *name = g_strdup_printf ("rule %u", i);

      g_variant_builder_open (&rows, G_VARIANT_TYPE_VARDICT);
      g_variant_builder_add (&rows, "{sv}", "Name", g_variant_new_string (name));
      g_variant_builder_add (&rows, "{sv}", "Network", g_variant_new_string (network));
      g_variant_builder_close (&rows);
    }
  return g_variant_ref_sink (g_variant_builder_end (&rows));
}

static GVariant *
same_row (guint n)
{
  g_autoptr (GVariant) row = parse ("a{sv}", "{'Name': <'a'>, 'Network': <'::1'>}");
  GVariantBuilder rows;

  g_variant_builder_init (&rows, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; i < n; i++)
    g_variant_builder_add_value (&rows, row);
  return g_variant_ref_sink (g_variant_builder_end (&rows));
}

/* Every one of 10,000 networks is found, the gap behind it is not; the figure is for a release build. */
static void
look_up_all (PbRegistry *registry)
{
  g_autoptr (PbSnapshot) snapshot = pb_registry_snapshot (registry);
  PbIp inside;
  PbIp outside;
  gint64 began;

  g_assert_true (pb_ip_parse ("10.0.0.1", &inside));
  g_assert_true (pb_ip_parse ("10.0.0.129", &outside));
  began = g_get_monotonic_time ();
  for (guint i = 0; i < 10000; i++)
    {
      inside.bytes[13] = outside.bytes[13] = i / 250;
      inside.bytes[14] = outside.bytes[14] = i % 250;
      g_assert_true (pb_snapshot_is_trusted (snapshot, &inside));
      g_assert_false (pb_snapshot_is_trusted (snapshot, &outside));
    }
  g_test_message ("look-up: %.3f us", (g_get_monotonic_time () - began) / 2e4);
}

static void
test_many_rows (Fixture *fixture, gconstpointer data)
{
  g_auto (Answer) answer = { 0 };
  g_autoptr (GVariant) rows = many_rows (10000);
  g_autoptr (GVariant) too_many = same_row (50001);
  g_autoptr (GVariant) all = parse ("a{sv}", "{}");
  g_autoptr (GVariant) search = parse ("a{sv}", "{'Search': <'RULE 77'>}");
  g_autoptr (GVariant) page = NULL;
  g_autoptr (GVariant) found = NULL;
  gint64 began = g_get_monotonic_time ();
  guint32 total;

  replace (fixture, rows, &answer);
  g_assert_no_error (answer.error);
  g_test_message ("Replace of 10,000: %.0f ms", (g_get_monotonic_time () - began) / 1e3);
  look_up_all (fixture->registry);
  began = g_get_monotonic_time ();
  page = pb_registry_list_page (fixture->registry, PB_LIST_TRUSTED_LIST, all, 9000, 200, NULL);
  g_test_message ("page of 200: %.1f ms", (g_get_monotonic_time () - began) / 1e3);
  g_variant_get_child (page, 1, "u", &total);
  g_assert_cmpuint (total, ==, 10000);
  began = g_get_monotonic_time ();
  found = pb_registry_list_page (fixture->registry, PB_LIST_TRUSTED_LIST, search, 0, 5, NULL);
  g_test_message ("search: %.1f ms", (g_get_monotonic_time () - began) / 1e3);
  g_variant_get_child (found, 1, "u", &total);
  g_assert_cmpuint (total, ==, 111); /* 77, 770-779, 7700-7799 */
  replace (fixture, too_many, &answer);
  g_assert_error (answer.error, PB_ERROR, PB_ERROR_TOO_LARGE);
}

static void
test_page_refused (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GVariant) all = parse ("a{sv}", "{}");
  g_autoptr (GVariant) odd = parse ("a{sv}", "{'Colour': <'red'>}");
  g_autoptr (GVariant) page = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_null (pb_registry_list_page (fixture->registry, PB_LIST_ALIASES, all, 0, 501, &error));
  g_assert_error (error, PB_ERROR, PB_ERROR_TOO_LARGE);
  g_clear_error (&error);
  g_assert_null (pb_registry_list_page (fixture->registry, PB_LIST_ALIASES, odd, 0, 5, &error));
  g_assert_error (error, PB_ERROR, PB_ERROR_INVALID_VALUE);
  page = pb_registry_list_page (fixture->registry, PB_LIST_ALIASES, all, G_MAXUINT, 500, NULL);
  g_assert_nonnull (page);
}

int
main (int argc, char **argv)
{
  static const Test tests[] = {
    { "/registry-lists/order", test_list_order },
    { "/registry-lists/effect", test_list_effect },
    { "/registry-lists/update", test_list_update },
    { "/registry-lists/unique", test_unique },
    { "/registry-lists/replace", test_replace },
    { "/registry-lists/many-rows", test_many_rows },
    { "/registry-lists/page-refused", test_page_refused },
  };

  return run_tests (argc, argv, tests, G_N_ELEMENTS (tests));
}
