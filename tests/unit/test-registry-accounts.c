/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Accounts' passwords in the registry: set, taken away, refused, over restarts and with their rows; and how a login finds its account. */
#include "registry-fixture.h"
#include "settings/snapshot.h"
#include "util/pool.h"

#define NOT_A_ROW "5bd3be4e-2b5c-4e9f-9a3e-2a9d1f0c7b11"

static void
try_password (Fixture *fixture, const char *id, const void *octets, gsize length, Answer *answer)
{
  g_autoptr (PbSecret) secret = pb_secret_copy (octets, length);
  PbPool *workers = pb_pool_new ("test-worker", 1);

  answer_clear (answer);
  pb_registry_set_password (fixture->registry, id, secret, workers, "uid 0", on_done, answer);
  await (answer);
  pb_pool_free (workers);
}

static void
set_password (Fixture *fixture, const char *id, const char *words)
{
  g_auto (Answer) answer = { 0 };

  try_password (fixture, id, words, strlen (words), &answer);
  g_assert_no_error (answer.error);
}

static char *
add_account (Fixture *fixture, const char *row)
{
  g_auto (Answer) answer = { 0 };
  g_autoptr (GVariant) given = g_variant_parse (G_VARIANT_TYPE_VARDICT, row, NULL, NULL, NULL);

  pb_registry_list_add (fixture->registry, PB_LIST_ACCOUNTS, given, "uid 0", on_done, &answer);
  await (&answer);
  g_assert_no_error (answer.error);
  return g_variant_dup_string (answer.result, NULL);
}

static gboolean
is_set (Fixture *fixture, const char *id)
{
  g_autoptr (GVariant) row =
    pb_registry_list_get (fixture->registry, PB_LIST_ACCOUNTS, id, NULL);
  gboolean set = FALSE;

  g_assert_true (g_variant_lookup (row, "PasswordSet", "b", &set));
  return set;
}

/* Whether @login with @words is the account @id. */
static gboolean
logs_in (Fixture *fixture, const char *login, const char *words, const char *id)
{
  g_autoptr (PbSnapshot) snapshot = pb_registry_snapshot (fixture->registry);
  g_autoptr (PbSecret) secret = pb_secret_copy (words, strlen (words));
  PbAccount account;

  pb_snapshot_find_account (snapshot, login, &account);
  if (!pb_verifier_matches (&account.verifier, secret))
    return FALSE;
  g_assert_true (account.has_password);
  g_assert_cmpstr (account.id, ==, id);
  g_assert_cmpstr (account.name, ==, "anna");
  return TRUE;
}

static void
test_set (Fixture *fixture, gconstpointer data)
{
  g_autofree char *id = add_account (fixture, "{'Name': <'anna'>}");
  guint64 revision = pb_registry_revision (fixture->registry);

  g_assert_false (is_set (fixture, id));
  g_assert_false (logs_in (fixture, "anna", "sesame", id));
  g_string_truncate (fixture->told, 0);
  set_password (fixture, id, "sesame");
  g_assert_cmpstr (fixture->told->str, ==, "Accounts ");
  g_assert_cmpuint (pb_registry_revision (fixture->registry), ==, revision + 1);
  g_assert_true (is_set (fixture, id) && logs_in (fixture, "anna", "sesame", id));
  set_password (fixture, id, "other");
  g_assert_true (logs_in (fixture, "anna", "other", id) && !logs_in (fixture, "anna", "sesame", id));
  stop (fixture);
  start (fixture);
  g_assert_true (is_set (fixture, id) && logs_in (fixture, "anna", "other", id));
  set_password (fixture, id, "");
  g_assert_false (is_set (fixture, id) || logs_in (fixture, "anna", "other", id));
  revision = pb_registry_revision (fixture->registry);
  set_password (fixture, id, "");
  g_assert_cmpuint (pb_registry_revision (fixture->registry), ==, revision);
}

static void
test_refused (Fixture *fixture, gconstpointer data)
{
  g_autofree char *id = add_account (fixture, "{'Name': <'anna'>}");
  g_autofree char *long_one = g_strnfill (PB_ACCOUNT_PASSWORD_MAX + 1, 'x');
  const struct
  {
    const char *id, *octets;
    gsize length;
    PbError error;
  } cases[] = {
    { NOT_A_ROW, "sesame", 6, PB_ERROR_NOT_FOUND },
    { NOT_A_ROW, "", 0, PB_ERROR_NOT_FOUND },
    { "x\n", "sesame", 6, PB_ERROR_NOT_FOUND },
    { id, long_one, PB_ACCOUNT_PASSWORD_MAX + 1, PB_ERROR_TOO_LARGE },
    { id, "a\0b", 3, PB_ERROR_INVALID_VALUE },
    { id, "a\n", 2, PB_ERROR_INVALID_VALUE },
    { id, "\xff", 1, PB_ERROR_INVALID_VALUE },
    { id, "\xee\x80\x80", 3, PB_ERROR_INVALID_VALUE }, /* U+E000: private */
    { id, "\xf0\x9f\x98\x80", 4, PB_ERROR_INVALID_VALUE }, /* unassigned in Unicode 3.2 */
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_auto (Answer) answer = { 0 };

      try_password (fixture, cases[i].id, cases[i].octets, cases[i].length, &answer);
      g_assert_error (answer.error, PB_ERROR, (int) cases[i].error);
      g_assert_false (is_set (fixture, id));
    }
}

/* It goes with its row; another row of the same name has none. */
static void
test_goes_with_its_row (Fixture *fixture, gconstpointer data)
{
  g_autofree char *id = add_account (fixture, "{'Name': <'anna'>}");
  g_autofree char *again = NULL;
  const char *ids[] = { id, NULL };
  g_auto (Answer) answer = { 0 };

  set_password (fixture, id, "sesame");
  pb_registry_list_remove (fixture->registry, PB_LIST_ACCOUNTS, ids, "uid 0", on_done, &answer);
  await (&answer);
  g_assert_no_error (answer.error);
  again = add_account (fixture, "{'Name': <'anna'>}");
  g_assert_false (is_set (fixture, again));
  g_assert_false (logs_in (fixture, "anna", "sesame", again));
  stop (fixture);
  start (fixture);
  g_assert_false (logs_in (fixture, "anna", "sesame", again));
}

static void
test_names (Fixture *fixture, gconstpointer data)
{
  g_autofree char *id = add_account (fixture, "{'Name': <'anna'>, 'Addresses': <['a@far.example']>}");
  g_autofree char *off = add_account (fixture, "{'Name': <'off'>, 'Enabled': <false>}");
  g_autofree char *host = g_strconcat ("anna@", "nas.localdomain", NULL);

  set_password (fixture, id, "sesame");
  set_password (fixture, off, "sesame");
  g_assert_true (logs_in (fixture, "ANNA", "sesame", id));
  g_assert_true (logs_in (fixture, "A@Far.Example", "sesame", id));
  g_assert_true (logs_in (fixture, host, "sesame", id));
  g_assert_false (logs_in (fixture, "anna@far.example", "sesame", id));
  g_assert_false (logs_in (fixture, "off", "sesame", off));
  g_assert_false (logs_in (fixture, "", "sesame", id));
  g_assert_false (logs_in (fixture, "anna@", "sesame", id));
  g_assert_false (logs_in (fixture, "@nas.localdomain", "sesame", id));
}

/* Neither Export nor a revision holds anything of it, and Revert leaves it. */
static void
test_outside_of_history (Fixture *fixture, gconstpointer data)
{
  g_autofree char *id = add_account (fixture, "{'Name': <'anna'>}");
  guint64 before = pb_registry_revision (fixture->registry);
  g_autofree char *json = NULL;
  g_auto (Answer) answer = { 0 };

  set_password (fixture, id, "sesame");
  json = pb_registry_export (fixture->registry);
  g_assert_null (strstr (json, "PasswordSet"));
  pb_registry_revert (fixture->registry, before, "uid 0", on_done, &answer);
  await (&answer);
  g_assert_no_error (answer.error);
  g_assert_true (logs_in (fixture, "anna", "sesame", id));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, func) g_test_add ("/registry-accounts/" name, Fixture, NULL, set_up, func, tear_down)
  ADD ("set", test_set);
  ADD ("refused", test_refused);
  ADD ("goes-with-its-row", test_goes_with_its_row);
  ADD ("names", test_names);
  ADD ("outside-of-history", test_outside_of_history);
#undef ADD
  return g_test_run ();
}
