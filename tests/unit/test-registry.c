/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The registry over a real store: settings, refusals, restarts, damage. */
#include "registry-fixture.h"

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
  store_cell (changes, "TrustedList", "../../etc", "{'Name': <'b'>, 'Network': <'10.0.0.1'>}");
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

  update (fixture, PB_LIST_TRUSTED_LIST, "22222222-2222-4222-8222-222222222222", "{'Name': <'d'>}",
          &answer);
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

/* What the outside says of a change: at once or later, and of which. */
typedef struct
{
  PbRegistry *registry;
  gpointer ticket;
  guint asked;
  gboolean later, no;
  char *seen;
} Outside;

static void
say (Outside *self, gpointer ticket)
{
  g_autoptr (GError) error = NULL;

  if (self->no)
    error = g_error_new (PB_ERROR, PB_ERROR_INVALID_VALUE, "Tls.KeyFile: no");
  pb_registry_checked (ticket, error);
}

static gboolean
on_later (gpointer user_data)
{
  Outside *self = user_data;

  say (self, g_steal_pointer (&self->ticket));
  return G_SOURCE_REMOVE;
}

static void
on_check (const PbSettingValues *values, gpointer ticket, gpointer user_data)
{
  Outside *self = user_data;

  self->asked++;
  g_free (self->seen);
  self->seen = g_strdup (values->tls_key_file);
  g_assert_null (self->ticket);
  if (!self->later)
    {
      say (self, ticket);
      return;
    }
  self->ticket = ticket;
  g_idle_add (on_later, self);
}

static void
test_outside_check (Fixture *fixture, gconstpointer data)
{
  guint64 revision = pb_registry_revision (fixture->registry);
  Outside outside = { .registry = fixture->registry };

  pb_registry_set_check (fixture->registry, "Tls", on_check, &outside);
  for (guint i = 0; i < 4; i++)
    {
      g_auto (Answer) answer = { 0 };
      g_autofree char *changes = g_strdup_printf ("{'Tls': {'KeyFile': <'/key%u'>}}", i);
      g_autofree char *path = g_strdup_printf ("/key%u", i);
      g_autoptr (PbSnapshot) snapshot = NULL;

      outside.later = i >= 2;
      outside.no = i % 2 == 1;
      apply (fixture, changes, &as_root, &answer);
      g_assert_cmpstr (outside.seen, ==, path);
      g_assert_cmpuint (outside.asked, ==, i + 1);
      snapshot = pb_registry_snapshot (fixture->registry);
      g_assert_cmpint (g_str_equal (snapshot->values.tls_key_file, path), ==, !outside.no);
      if (outside.no)
        g_assert_error (answer.error, PB_ERROR, PB_ERROR_INVALID_VALUE);
      else
        g_assert_no_error (answer.error);
    }
  g_assert_cmpuint (pb_registry_revision (fixture->registry), ==, revision + 2);
  /* Others are none of its business. */
  g_auto (Answer) answer = { 0 };
  apply (fixture, "{'General': {'MaxHops': <uint32 51>}}", &as_root, &answer);
  g_assert_no_error (answer.error);
  g_assert_cmpuint (outside.asked, ==, 4);
  g_free (outside.seen);
}

int
main (int argc, char **argv)
{
  static const Test tests[] = {
    { "/registry/defaults", test_defaults },
    { "/registry/apply", test_apply },
    { "/registry/apply-refused", test_apply_refused },
    { "/registry/apply-options", test_apply_options },
    { "/registry/concurrent", test_concurrent },
    { "/registry/outside-check", test_outside_check },
    { "/registry/damaged-and-unknown", test_damaged_and_unknown },
  };

  return run_tests (argc, argv, tests, G_N_ELEMENTS (tests));
}
