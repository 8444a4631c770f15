/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Signing keys in the registry: made, switched, removed, refused; over restarts and other master keys; never shown. */
#include "registry-fixture.h"

#include "settings/signing-keys.h"

typedef struct
{
  Fixture base;
  PbPool *workers;
} KeyFixture;

static void
use_key (KeyFixture *fixture, int octet)
{
  g_autoptr (PbSecret) key = pb_secret_new (PB_MASTER_KEY_SIZE);

  memset (key->data, octet, key->length);
  pb_registry_use_key (fixture->base.registry, key);
}

static void
set_up_keys (KeyFixture *fixture, gconstpointer data)
{
  set_up (&fixture->base, NULL);
  fixture->workers = pb_pool_new ("test", 2);
  use_key (fixture, 1);
  g_free (add (&fixture->base, PB_LIST_LOCAL_DOMAINS, "{'Name': <'example.test'>}"));
}

static void
tear_down_keys (KeyFixture *fixture, gconstpointer data)
{
  pb_pool_free (fixture->workers);
  tear_down (&fixture->base, NULL);
}

/* Returns: (transfer full) (nullable): the key's id; with @error (nullable) what refused it. */
static char *
create (KeyFixture *fixture, const char *domain, const char *selector, const char *algorithm,
        GError **error)
{
  g_auto (Answer) answer = { 0 };

  pb_registry_create_signing_key (fixture->base.registry, domain, selector, algorithm,
                                  fixture->workers, "uid 0", on_done, &answer);
  await (&answer);
  if (answer.error == NULL)
    return g_variant_dup_string (answer.result, NULL);
  g_propagate_error (error, g_steal_pointer (&answer.error));
  return NULL;
}

static void
activate (KeyFixture *fixture, const char *id, gboolean active)
{
  g_auto (Answer) answer = { 0 };

  pb_registry_activate_signing_key (fixture->base.registry, id, active, "uid 0", on_done, &answer);
  await (&answer);
  g_assert_no_error (answer.error);
}

/* How many keys sign for the domain, and the selector of the first. */
static void
assert_signs (KeyFixture *fixture, guint n, const char *selector)
{
  g_autoptr (PbSnapshot) snapshot = pb_registry_snapshot (fixture->base.registry);
  const GPtrArray *keys = pb_signing_keys_find (snapshot->signing_keys, "example.test");

  g_assert_cmpuint (keys != NULL ? keys->len : 0, ==, n);
  if (n > 0)
    g_assert_cmpstr (((PbSigningKey *) keys->pdata[0])->selector, ==, selector);
}

static void
test_life (KeyFixture *fixture, gconstpointer data)
{
  g_autofree char *rsa = create (fixture, "Example.TEST", "one", "rsa", NULL);
  g_autofree char *ed25519 = create (fixture, "example.test", "two", "ed25519", NULL);
  g_auto (Answer) answer = { 0 };

  assert_signs (fixture, 0, NULL);
  activate (fixture, rsa, TRUE);
  activate (fixture, rsa, TRUE);
  assert_signs (fixture, 1, "one");
  activate (fixture, ed25519, TRUE);
  assert_signs (fixture, 2, "one");
  /* A restart keeps them; another master key opens none; the right one does again. */
  stop (&fixture->base);
  start (&fixture->base);
  assert_signs (fixture, 0, NULL);
  use_key (fixture, 2);
  assert_signs (fixture, 0, NULL);
  use_key (fixture, 1);
  assert_signs (fixture, 2, "one");
  activate (fixture, rsa, FALSE);
  assert_signs (fixture, 1, "two");
  pb_registry_remove_signing_key (fixture->base.registry, ed25519, "uid 0", on_done, &answer);
  await (&answer);
  g_assert_no_error (answer.error);
  assert_signs (fixture, 0, NULL);
  answer_clear (&answer);
  pb_registry_remove_signing_key (fixture->base.registry, ed25519, "uid 0", on_done, &answer);
  await (&answer);
  g_assert_error (answer.error, PB_ERROR, PB_ERROR_NOT_FOUND);
}

/* What is shown is the record to publish, and nothing of the private key. */
static void
test_list (KeyFixture *fixture, gconstpointer data)
{
  static const char *const algorithms[] = { "ed25519", "rsa" };

  for (guint i = 0; i < G_N_ELEMENTS (algorithms); i++)
    {
      g_autofree char *id = create (fixture, "example.test", algorithms[i], algorithms[i], NULL);
      g_autoptr (GVariant) rows = pb_registry_list_signing_keys (fixture->base.registry);
      g_autoptr (GVariant) row = g_variant_get_child_value (rows, i);
      const char *name, *record, *shown_id, *algorithm;
      g_autofree char *wanted_name = g_strdup_printf ("%s._domainkey.example.test", algorithms[i]);
      g_autofree char *wanted_start = g_strdup_printf ("v=DKIM1; k=%s; p=", algorithms[i]);
      gboolean active;

      g_assert_true (g_variant_lookup (row, "RecordName", "&s", &name));
      g_assert_true (g_variant_lookup (row, "Record", "&s", &record));
      g_assert_true (g_variant_lookup (row, "Id", "&s", &shown_id));
      g_assert_true (g_variant_lookup (row, "Algorithm", "&s", &algorithm));
      g_assert_true (g_variant_lookup (row, "Active", "b", &active));
      g_assert_cmpstr (name, ==, wanted_name);
      g_assert_true (g_str_has_prefix (record, wanted_start));
      g_assert_cmpuint (strlen (record), ==, i == 0 ? 66 : 410);
      g_assert_cmpstr (shown_id, ==, id);
      g_assert_cmpstr (algorithm, ==, algorithms[i]);
      g_assert_false (active);
      g_assert_cmpuint (g_variant_n_children (row), ==, 9);
    }
}

static void
test_refused (KeyFixture *fixture, gconstpointer data)
{
  static const struct
  {
    const char *domain, *selector, *algorithm, *words;
  } rows[] = {
    { "other.test", "x", "rsa",
      "MailAuth.CreateKey: domain: \"other.test\" must be a local domain" },
    { "example.test", "x", "dsa", "MailAuth.CreateKey: algorithm: \"dsa\" must be rsa or ed25519" },
    { "example.test", "a.b", "rsa",
      "MailAuth.CreateKey: selector: \"a.b\" must be letters, digits and hyphens, such as nas2026" },
    { "example.test", "-a", "rsa",
      "MailAuth.CreateKey: selector: \"-a\" must be letters, digits and hyphens, such as nas2026" },
    { "example.test", "a\nb", "rsa",
      "MailAuth.CreateKey: selector: \"a\nb\" must be letters, digits and hyphens, such as nas2026" },
    { "example.test", "TAKEN", "rsa", "MailAuth.CreateKey: selector: \"TAKEN\" has a key already" },
  };
  g_autofree char *taken = create (fixture, "example.test", "taken", "ed25519", NULL);

  g_assert_nonnull (taken);
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (create (fixture, rows[i].domain, rows[i].selector, rows[i].algorithm, &error));
      g_assert_cmpstr (error->message, ==, rows[i].words);
    }
}

/* Without a selector each gets one of its own. */
static void
test_chosen (KeyFixture *fixture, gconstpointer data)
{
  g_autoptr (GHashTable) names = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr (GVariant) rows = NULL;
  GVariantIter iter;
  GVariant *row;

  for (guint i = 0; i < 4; i++)
    g_free (create (fixture, "example.test", "", "ed25519", NULL));
  rows = pb_registry_list_signing_keys (fixture->base.registry);
  g_assert_cmpuint (g_variant_n_children (rows), ==, 4);
  g_variant_iter_init (&iter, rows);
  while ((row = g_variant_iter_next_value (&iter)) != NULL)
    {
      const char *name;

      g_assert_true (g_variant_lookup (row, "Selector", "&s", &name));
      g_assert_true (g_hash_table_add (names, (gpointer) name));
      g_variant_unref (row);
    }
}

#define ADD(path, func) g_test_add (path, KeyFixture, NULL, set_up_keys, func, tear_down_keys)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("/registry-signing/life", test_life);
  ADD ("/registry-signing/list", test_list);
  ADD ("/registry-signing/refused", test_refused);
  ADD ("/registry-signing/chosen", test_chosen);
  return g_test_run ();
}
