/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The registry over a real store in a folder of its own: changes, refusals, order, restarts. */
#include "dbus/errors.h"
#include "settings/registry.h"
#include "util/mailbox.h"

#include <glib/gstdio.h>
#include <string.h>

#define WAIT_SECONDS 60

typedef struct
{
  char *folder;
  PbMailbox *mailbox;
  GSource *source;
  PbConfigStore *store;
  PbRegistry *registry;
  GString *told; /* signals as text */
} Fixture;

static void
on_settings_changed (PbRegistry *registry, const char *interface, GStrv names, Fixture *fixture)
{
  g_autofree char *joined = g_strjoinv (",", names);

  g_string_append_printf (fixture->told, "%s:%s ", interface, joined);
}

static void
on_list_changed (PbRegistry *registry, int kind, guint64 revision, Fixture *fixture)
{
  g_assert_cmpuint (revision, ==, pb_registry_revision (registry));
  g_string_append_printf (fixture->told, "%s ", pb_list_spec (kind)->name);
}

static void
start (Fixture *fixture)
{
  g_autoptr (GError) error = NULL;

  fixture->store = pb_config_store_open (fixture->folder, &error);
  g_assert_no_error (error);
  fixture->registry
    = pb_registry_new (fixture->store, fixture->mailbox, "nas.localdomain", &error);
  g_assert_no_error (error);
  g_signal_connect (fixture->registry, "settings-changed", G_CALLBACK (on_settings_changed),
                    fixture);
  g_signal_connect (fixture->registry, "list-changed", G_CALLBACK (on_list_changed), fixture);
}

static void
stop (Fixture *fixture)
{
  g_clear_object (&fixture->registry);
  g_clear_pointer (&fixture->store, pb_config_store_close);
}

static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->folder = g_dir_make_tmp ("postbus-registry-XXXXXX", NULL);
  fixture->mailbox = pb_mailbox_new ();
  fixture->source = pb_mailbox_attach (fixture->mailbox, NULL);
  fixture->told = g_string_new (NULL);
  start (fixture);
}

static void
remove_folder (const char *folder)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);

      g_assert_cmpint (g_remove (path), ==, 0);
    }
  g_assert_cmpint (g_rmdir (folder), ==, 0);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  stop (fixture);
  g_source_destroy (fixture->source);
  g_source_unref (fixture->source);
  pb_mailbox_unref (fixture->mailbox);
  g_string_free (fixture->told, TRUE);
  remove_folder (fixture->folder);
  g_free (fixture->folder);
}

/* One answer of the registry, awaited. */
typedef struct
{
  gboolean done;
  GVariant *result;
  GError *error;
} Answer;

static void
on_done (GVariant *result, const GError *error, gpointer user_data)
{
  Answer *answer = user_data;

  g_assert_false (answer->done);
  g_assert_true ((result != NULL) != (error != NULL));
  answer->done = TRUE;
  answer->result = result ? g_variant_ref (result) : NULL;
  answer->error = error ? g_error_copy (error) : NULL;
}

static gboolean
on_too_late (gpointer data)
{
  g_error ("no answer in %d s", WAIT_SECONDS);
  return G_SOURCE_REMOVE;
}

static void
await (Answer *answer)
{
  guint timer = g_timeout_add_seconds (WAIT_SECONDS, on_too_late, NULL);

  while (!answer->done)
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (timer);
}

static void
answer_clear (Answer *answer)
{
  g_clear_pointer (&answer->result, g_variant_unref);
  g_clear_error (&answer->error);
  answer->done = FALSE;
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Answer, answer_clear)

static GVariant *
parse (const char *type, const char *text)
{
  g_autoptr (GError) error = NULL;
  GVariant *value = g_variant_parse (G_VARIANT_TYPE (type), text, NULL, NULL, &error);

  g_assert_no_error (error);
  return value;
}

static void
apply (Fixture *fixture, const char *text, const PbApplyOptions *options, Answer *answer)
{
  g_autoptr (GVariant) changes = parse ("a{sa{sv}}", text);

  answer_clear (answer);
  pb_registry_apply (fixture->registry, changes, options, on_done, answer);
  await (answer);
}

static void
assert_refused (const Answer *answer, PbError code, const char *words)
{
  g_assert_error (answer->error, PB_ERROR, (int) code);
  g_assert_cmpstr (answer->error->message, ==, words);
}

static const PbApplyOptions as_root = { .who = "uid 0" };

static void
test_defaults (Fixture *fixture, gconstpointer data)
{
  g_autoptr (PbSnapshot) snapshot = pb_registry_snapshot (fixture->registry);

  g_assert_cmpstr (snapshot->values.general_hostname, ==, "nas.localdomain");
  g_assert_cmpuint (snapshot->values.general_max_hops, ==, 100);
  g_assert_cmpuint (snapshot->revision, ==, pb_registry_revision (fixture->registry));
  g_assert_true (g_uuid_string_is_valid (pb_registry_instance_id (fixture->registry)));
}

static void
test_apply (Fixture *fixture, gconstpointer data)
{
  g_auto (Answer) answer = { 0 };
  g_autoptr (PbSnapshot) before = pb_registry_snapshot (fixture->registry);
  g_autoptr (PbSnapshot) after = NULL;
  g_autofree char *instance = g_strdup (pb_registry_instance_id (fixture->registry));
  guint64 revision = pb_registry_revision (fixture->registry);

  apply (fixture,
         "{'General': {'MaxHops': <uint32 50>, 'Banner': <'hello'>}, "
         "'Dns': {'Servers': <['127.0.0.1:5353']>}, 'Queueing': {'Lifetime': <uint32 432000>}}",
         &as_root, &answer);
  g_assert_no_error (answer.error);
  g_assert_cmpuint (g_variant_get_uint64 (answer.result), ==, revision + 1);
  g_assert_cmpuint (pb_registry_revision (fixture->registry), ==, revision + 1);
  /* Lifetime is what it was: nothing to tell. */
  g_assert_cmpstr (fixture->told->str, ==, "General:Banner,MaxHops Dns:Servers ");

  after = pb_registry_snapshot (fixture->registry);
  g_assert_cmpuint (before->values.general_max_hops, ==, 100);
  g_assert_cmpuint (after->values.general_max_hops, ==, 50);
  g_assert_cmpuint (after->revision, ==, revision + 1);

  stop (fixture);
  start (fixture);
  pb_snapshot_unref (after);
  after = pb_registry_snapshot (fixture->registry);
  g_assert_cmpuint (after->values.general_max_hops, ==, 50);
  g_assert_cmpstr (after->values.general_banner, ==, "hello");
  g_assert_cmpstr (after->values.dns_servers[0], ==, "127.0.0.1:5353");
  g_assert_cmpuint (after->revision, ==, revision + 1);
  g_assert_cmpstr (pb_registry_instance_id (fixture->registry), ==, instance);
}

/* Each is refused with its words, and nothing at all has changed. */
static void
test_apply_refused (Fixture *fixture, gconstpointer data)
{
  static const struct
  {
    const char *changes;
    PbError code;
    const char *words;
  } rows[] = {
    { "{'General': {'MaxHops': <uint32 4>}}", PB_ERROR_INVALID_VALUE,
      "General.MaxHops: must be between 5 and 255" },
    { "{'General': {'Banner': <'fine'>, 'MaxHops': <uint32 256>}}", PB_ERROR_INVALID_VALUE,
      "General.MaxHops: must be between 5 and 255" },
    { "{'General': {'Banner': <'fine'>}, 'Nothing': {'X': <1>}}", PB_ERROR_UNKNOWN_SETTING,
      "Nothing.X: there is no such setting" },
    { "{'General': {'a\\nb': <1>}}", PB_ERROR_UNKNOWN_SETTING,
      "General.?: there is no such setting" },
    { "{'General': {'MaxHops': <'50'>}}", PB_ERROR_INVALID_VALUE,
      "General.MaxHops: must be of type u, not s" },
    { "{'General': {'MaxHops': <uint32 50>}, 'General': {'MaxHops': <uint32 51>}}",
      PB_ERROR_INVALID_VALUE, "General.MaxHops: is given twice" },
    { "{'General': {'Banner': <'fine'>}, 'Delivery': {'RelayAuth': <true>, 'RelayTls': <'off'>}}",
      PB_ERROR_INVALID_VALUE, "Delivery.RelayTls: must not be off while RelayAuth is on" },
  };
  guint64 revision = pb_registry_revision (fixture->registry);

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_auto (Answer) answer = { 0 };
      g_autoptr (PbSnapshot) snapshot = NULL;

      apply (fixture, rows[i].changes, &as_root, &answer);
      assert_refused (&answer, rows[i].code, rows[i].words);
      snapshot = pb_registry_snapshot (fixture->registry);
      g_assert_cmpuint (snapshot->revision, ==, revision);
      g_assert_cmpstr (snapshot->values.general_banner, ==, "ESMTP Postbus");
    }
  g_assert_cmpstr (fixture->told->str, ==, "");
}

static void
test_apply_options (Fixture *fixture, gconstpointer data)
{
  g_auto (Answer) answer = { 0 };
  guint64 revision = pb_registry_revision (fixture->registry);
  PbApplyOptions dry = { .who = "uid 0", .dry_run = TRUE };
  PbApplyOptions stale = { .who = "uid 0", .if_revision = revision + 7 };
  PbApplyOptions right = { .who = "uid 0", .if_revision = 0 };

  apply (fixture, "{'General': {'MaxHops': <uint32 50>}}", &dry, &answer);
  g_assert_no_error (answer.error);
  g_assert_cmpuint (pb_registry_revision (fixture->registry), ==, revision);
  apply (fixture, "{'General': {'MaxHops': <uint32 1>}}", &dry, &answer);
  g_assert_error (answer.error, PB_ERROR, PB_ERROR_INVALID_VALUE);
  apply (fixture, "{'General': {'MaxHops': <uint32 50>}}", &stale, &answer);
  g_assert_error (answer.error, PB_ERROR, PB_ERROR_CONFLICT);
  apply (fixture, "{'General': {'MaxHops': <uint32 50>}}", &right, &answer);
  g_assert_no_error (answer.error);
  right.if_revision = revision + 1;
  apply (fixture, "{'General': {'MaxHops': <uint32 51>}}", &right, &answer);
  g_assert_no_error (answer.error);
  /* What holds already makes no revision. */
  apply (fixture, "{'General': {'MaxHops': <uint32 51>}}", &as_root, &answer);
  g_assert_cmpuint (g_variant_get_uint64 (answer.result), ==, revision + 2);
}

/* A hundred at once: taken one after the other, in order; the stale ones are told. */
static void
test_concurrent (Fixture *fixture, gconstpointer data)
{
  Answer answers[100] = { 0 };
  guint64 revision = pb_registry_revision (fixture->registry);
  g_autoptr (PbSnapshot) snapshot = NULL;

  for (guint i = 0; i < 100; i++)
    {
      g_autofree char *text = g_strdup_printf ("{'General': {'MaxHops': <uint32 %u>}}", i + 101);
      g_autoptr (GVariant) changes = parse ("a{sa{sv}}", text);
      PbApplyOptions options = { .who = "uid 0", .if_revision = i % 2 ? revision + i / 2 : 0 };

      pb_registry_apply (fixture->registry, changes, &options, on_done, &answers[i]);
    }
  for (guint i = 0; i < 100; i++)
    {
      await (&answers[i]);
      if (i % 2 == 0)
        g_assert_cmpuint (g_variant_get_uint64 (answers[i].result), ==, revision + i / 2 + 1);
      else
        g_assert_error (answers[i].error, PB_ERROR, PB_ERROR_CONFLICT);
      answer_clear (&answers[i]);
    }
  snapshot = pb_registry_snapshot (fixture->registry);
  g_assert_cmpuint (snapshot->values.general_max_hops, ==, 199);
}

static char *
add (Fixture *fixture, PbListKind kind, const char *text)
{
  g_auto (Answer) answer = { 0 };
  g_autoptr (GVariant) row = parse ("a{sv}", text);

  pb_registry_list_add (fixture->registry, kind, row, "uid 0", on_done, &answer);
  await (&answer);
  g_assert_no_error (answer.error);
  return g_variant_dup_string (answer.result, NULL);
}

static char *
add_network (Fixture *fixture, const char *name)
{
  g_autofree char *text = g_strdup_printf ("{'Name': <'%s'>, 'Network': <'10.0.0.1'>}", name);

  return add (fixture, PB_LIST_TRUSTED_LIST, text);
}

/* The names of the Trusted List in order; Position must count them. */
static void
assert_names (Fixture *fixture, const char *expected)
{
  g_autoptr (GVariant) filter = parse ("a{sv}", "{}");
  g_autoptr (GVariant) page = pb_registry_list_page (fixture->registry, PB_LIST_TRUSTED_LIST,
                                                     filter, 0, 500, NULL);
  g_autoptr (GVariant) rows = g_variant_get_child_value (page, 2);
  g_autoptr (GString) names = g_string_new (NULL);

  for (gsize i = 0; i < g_variant_n_children (rows); i++)
    {
      g_autoptr (GVariant) row = g_variant_get_child_value (rows, i);
      const char *name;
      guint32 position;

      g_assert_true (g_variant_lookup (row, "Name", "&s", &name));
      g_assert_true (g_variant_lookup (row, "Position", "u", &position));
      g_assert_cmpuint (position, ==, i);
      g_string_append (names, name);
    }
  g_assert_cmpstr (names->str, ==, expected);
}

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
  pb_registry_list_remove (fixture->registry, PB_LIST_TRUSTED_LIST, ids, "uid 0", on_done,
                           &answer);
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
  g_autofree char *network = add_network (fixture, "a");
  g_autofree char *domain = add (fixture, PB_LIST_LOCAL_DOMAINS, "{'Name': <'example.org'>}");
  g_autofree char *anna = add (fixture, PB_LIST_ACCOUNTS, "{'Name': <'anna'>}");
  PbIp ip;

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
update (Fixture *fixture, PbListKind kind, const char *id, const char *text, Answer *answer)
{
  g_autoptr (GVariant) row = parse ("a{sv}", text);

  answer_clear (answer);
  pb_registry_list_update (fixture->registry, kind, id, row, "uid 0", on_done, answer);
  await (answer);
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
  g_autofree char *anna
    = add (fixture, PB_LIST_ACCOUNTS, "{'Name': <'Anna'>, 'Addresses': <['a@x.org']>}");
  g_autofree char *bob = add (fixture, PB_LIST_ACCOUNTS, "{'Name': <'bob'>}");
  g_autofree char *domain = add (fixture, PB_LIST_LOCAL_DOMAINS, "{'Name': <'Example.org'>}");
  g_autofree char *alias
    = add (fixture, PB_LIST_ALIASES, "{'Address': <'root'>, 'Targets': <['a@x.org']>}");

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
  g_autofree char *twice
    = g_strdup_printf ("[{'Id': <'%s'>, 'Name': <'x'>}, {'Id': <'%s'>, 'Name': <'y'>}]", b, b);
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
      g_autofree char *network = g_strdup_printf ("10.%u.%u.0/24", i / 250, i % 250);
      g_autofree char *name = g_strdup_printf ("rule %u", i);

      g_variant_builder_open (&rows, G_VARIANT_TYPE_VARDICT);
      g_variant_builder_add (&rows, "{sv}", "Name", g_variant_new_string (name));
      g_variant_builder_add (&rows, "{sv}", "Network", g_variant_new_string (network));
      g_variant_builder_close (&rows);
    }
  return g_variant_ref_sink (g_variant_builder_end (&rows));
}

static void
test_many_rows (Fixture *fixture, gconstpointer data)
{
  g_auto (Answer) answer = { 0 };
  g_autoptr (GVariant) rows = many_rows (10000);
  g_autoptr (GVariant) too_many = many_rows (50001);
  g_autoptr (GVariant) all = parse ("a{sv}", "{}");
  g_autoptr (GVariant) search = parse ("a{sv}", "{'Search': <'RULE 77'>}");
  g_autoptr (GVariant) page = NULL;
  g_autoptr (GVariant) found = NULL;
  gint64 began = g_get_monotonic_time ();
  guint32 total;

  replace (fixture, rows, &answer);
  g_assert_no_error (answer.error);
  g_test_message ("Replace of 10,000: %.0f ms", (g_get_monotonic_time () - began) / 1e3);
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

  g_assert_null (
    pb_registry_list_page (fixture->registry, PB_LIST_ALIASES, all, 0, 501, &error));
  g_assert_error (error, PB_ERROR, PB_ERROR_TOO_LARGE);
  g_clear_error (&error);
  g_assert_null (pb_registry_list_page (fixture->registry, PB_LIST_ALIASES, odd, 0, 5, &error));
  g_assert_error (error, PB_ERROR, PB_ERROR_INVALID_VALUE);
  page = pb_registry_list_page (fixture->registry, PB_LIST_ALIASES, all, G_MAXUINT, 500, NULL);
  g_assert_nonnull (page);
}

static void
on_committed (guint64 revision, const GError *error, gpointer user_data)
{
  Answer *answer = user_data;

  g_assert_no_error (error);
  answer->done = TRUE;
}

static void
store_cell (GPtrArray *changes, const char *kind, const char *key, const char *text)
{
  PbConfigChange *change = g_new0 (PbConfigChange, 1);

  change->kind = g_strdup (kind);
  change->key = g_strdup (key);
  change->new_value = g_variant_parse (NULL, text, NULL, NULL, NULL);
  g_ptr_array_add (changes, change);
}

/* Damage is passed over with the default, and what a newer program stored outlives this one. */
static void
test_damaged_and_unknown (Fixture *fixture, gconstpointer data)
{
  g_auto (Answer) answer = { 0 };
  g_autoptr (PbSnapshot) snapshot = NULL;
  g_autoptr (PbConfigContent) content = NULL;
  GPtrArray *changes = g_ptr_array_new_with_free_func ((GDestroyNotify) pb_config_change_free);

  store_cell (changes, NULL, "General.MaxHops", "uint32 9999");
  store_cell (changes, NULL, "General.Banner", "uint32 1");
  store_cell (changes, NULL, "General.MaxRecipients", "uint32 7");
  store_cell (changes, NULL, "Future.Setting", "'x'");
  store_cell (changes, "TrustedList", "11111111-1111-4111-8111-111111111111", "{'Name': <'a'>}");
  store_cell (changes, "TrustedList", "../../etc",
              "{'Name': <'b'>, 'Network': <'10.0.0.1'>}");
  store_cell (changes, "TrustedList", "22222222-2222-4222-8222-222222222222",
              "{'Name': <'c'>, 'Network': <'10.0.0.1'>, 'Mood': <'x'>}");
  store_cell (changes, "FutureList", "33333333-3333-4333-8333-333333333333", "{'A': <1>}");
  pb_config_store_commit (fixture->store, changes, "uid 0", "damage", TRUE, fixture->mailbox,
                          on_committed, &answer);
  await (&answer);
  stop (fixture);
  start (fixture);
  snapshot = pb_registry_snapshot (fixture->registry);
  g_assert_cmpuint (snapshot->values.general_max_hops, ==, 100);
  g_assert_cmpstr (snapshot->values.general_banner, ==, "ESMTP Postbus");
  g_assert_cmpuint (snapshot->values.general_max_recipients, ==, 7);
  assert_names (fixture, "c");

  update (fixture, PB_LIST_TRUSTED_LIST, "22222222-2222-4222-8222-222222222222",
          "{'Name': <'d'>}", &answer);
  g_assert_no_error (answer.error);
  content = pb_config_store_load (fixture->store, NULL);
  g_assert_nonnull (g_hash_table_lookup (content->settings, "Future.Setting"));
  g_assert_cmpuint (content->rows->len, ==, 4);
  for (guint i = 0; i < content->rows->len; i++)
    {
      const PbConfigRow *row = content->rows->pdata[i];
      const char *mood = NULL;

      if (g_str_has_prefix (row->id, "2222"))
        g_assert_true (g_variant_lookup (row->row, "Mood", "&s", &mood));
    }
}

int
main (int argc, char **argv)
{
  static const struct
  {
    const char *path;
    void (*func) (Fixture *fixture, gconstpointer data);
  } tests[] = {
    { "/registry/defaults", test_defaults },
    { "/registry/apply", test_apply },
    { "/registry/apply-refused", test_apply_refused },
    { "/registry/apply-options", test_apply_options },
    { "/registry/concurrent", test_concurrent },
    { "/registry/list-order", test_list_order },
    { "/registry/list-effect", test_list_effect },
    { "/registry/list-update", test_list_update },
    { "/registry/unique", test_unique },
    { "/registry/replace", test_replace },
    { "/registry/many-rows", test_many_rows },
    { "/registry/page-refused", test_page_refused },
    { "/registry/damaged-and-unknown", test_damaged_and_unknown },
  };

  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (tests); i++)
    g_test_add (tests[i].path, Fixture, NULL, set_up, tests[i].func, tear_down);
  return g_test_run ();
}
