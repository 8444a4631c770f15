/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Relay passwords in the registry: set, stale, forgotten, refused; with rows, trials, restarts and other keys; never shown. */
#include "registry-fixture.h"
#include "settings/secrets.h"

#define MARKER "zaphod-Beeblebrox-42"
#define ROW                                                                                        \
  "'Name': <'R'>, 'Kind': <'recipient'>, 'Targets': <['x.org']>, 'Server': <'relay.example.org'>"
#define RELAY     "'RelayServer': <'relay.example.org'>, 'RelayUser': <'nas'>, 'RelayTls': <'starttls'>"
#define NOT_A_ROW "5bd3be4e-2b5c-4e9f-9a3e-2a9d1f0c7b11"

static void
use_key (Fixture *fixture, int octet)
{
  g_autoptr (PbSecret) key = pb_secret_new (PB_MASTER_KEY_SIZE);

  memset (key->data, octet, key->length);
  pb_registry_use_key (fixture->registry, key);
}

static void
restart (Fixture *fixture, int octet)
{
  stop (fixture);
  start (fixture);
  use_key (fixture, octet);
}

static void
set_up_with_key (Fixture *fixture, gconstpointer data)
{
  g_auto (Answer) answer = { 0 };

  set_up (fixture, data);
  use_key (fixture, 1);
  apply (fixture, "{'Delivery': {" RELAY "}}", &as_root, &answer);
  g_assert_no_error (answer.error);
  g_string_truncate (fixture->told, 0);
}

static void
try_octets (Fixture *fixture, const char *relay, const void *octets, gsize length, Answer *answer)
{
  g_autoptr (PbSecret) secret = pb_secret_copy (octets, length);

  answer_clear (answer);
  pb_registry_set_secret (fixture->registry, relay, secret, "uid 0", on_done, answer);
  await (answer);
}

static void
set_secret (Fixture *fixture, const char *relay, const char *words)
{
  g_auto (Answer) answer = { 0 };

  try_octets (fixture, relay, words, strlen (words), &answer);
  g_assert_no_error (answer.error);
}

static void
change (Fixture *fixture, const char *delivery)
{
  g_auto (Answer) answer = { 0 };
  g_autofree char *text = g_strdup_printf ("{'Delivery': {%s}}", delivery);

  apply (fixture, text, &as_root, &answer);
  g_assert_no_error (answer.error);
}

static void
assert_general (Fixture *fixture, const char *expected)
{
  g_autoptr (GVariant) state =
    pb_registry_computed (fixture->registry, PB_COMPUTED_Delivery_RelaySecretState);

  g_assert_cmpstr (g_variant_get_string (state, NULL), ==, expected);
}

static void
assert_row (Fixture *fixture, const char *id, const char *expected)
{
  g_autoptr (GVariant) row =
    pb_registry_list_get (fixture->registry, PB_LIST_RELAY_EXCEPTIONS, id, NULL);
  const char *state;

  g_assert_nonnull (row);
  g_assert_true (g_variant_lookup (row, "SecretState", "&s", &state));
  g_assert_cmpstr (state, ==, expected);
}

/* What a delivery gets, by the snapshot that it was routed with. */
static void
assert_opens (Fixture *fixture, const char *words)
{
  g_autoptr (PbSnapshot) snapshot = pb_registry_snapshot (fixture->registry);
  g_autoptr (PbSecret) secret = NULL;
  PbRelayLogin login;

  pb_relay_login_general (&login, &snapshot->values);
  secret = pb_secrets_open (snapshot->secrets, &login, NULL);
  if (words == NULL)
    g_assert_null (secret);
  else
    g_assert_cmpmem (secret->data, secret->length, words, strlen (words));
}

static void
test_set (Fixture *fixture, gconstpointer data)
{
  guint64 revision = pb_registry_revision (fixture->registry);

  assert_general (fixture, "none");
  set_secret (fixture, PB_RELAY_GENERAL, MARKER);
  assert_general (fixture, "present");
  assert_opens (fixture, MARKER);
  g_assert_cmpuint (pb_registry_revision (fixture->registry), ==, revision + 1);
  g_assert_cmpstr (fixture->told->str, ==, "Delivery:RelaySecretState ");

  /* Another in its place is told too: mail may wait for it. */
  g_string_truncate (fixture->told, 0);
  set_secret (fixture, PB_RELAY_GENERAL, "other");
  assert_opens (fixture, "other");
  g_assert_cmpstr (fixture->told->str, ==, "Delivery:RelaySecretState ");

  restart (fixture, 1);
  assert_general (fixture, "present");
  assert_opens (fixture, "other");
  g_assert_cmpuint (pb_registry_revision (fixture->registry), ==, revision + 2);
}

static void
test_forget (Fixture *fixture, gconstpointer data)
{
  guint64 revision;

  set_secret (fixture, PB_RELAY_GENERAL, MARKER);
  set_secret (fixture, PB_RELAY_GENERAL, "");
  assert_general (fixture, "none");
  assert_opens (fixture, NULL);
  revision = pb_registry_revision (fixture->registry);
  /* Nothing to forget is no change. */
  set_secret (fixture, PB_RELAY_GENERAL, "");
  g_assert_cmpuint (pb_registry_revision (fixture->registry), ==, revision);
  restart (fixture, 1);
  assert_general (fixture, "none");
}

/* Each way to lead it elsewhere, and back. */
static void
test_stale (Fixture *fixture, gconstpointer data)
{
  static const struct
  {
    const char *away, *back;
  } rows[] = {
    { "'RelayServer': <'evil.example.org'>", "'RelayServer': <'relay.example.org'>" },
    { "'RelayFallback': <['evil.example.org']>", "'RelayFallback': <@as []>" },
    { "'RelayPort': <uint32 26>", "'RelayPort': <uint32 25>" },
    { "'RelayUser': <'other'>", "'RelayUser': <'nas'>" },
    { "'RelayTls': <'opportunistic'>", "'RelayTls': <'starttls'>" },
    { "'RelayVerify': <'none'>", "'RelayVerify': <'auto'>" },
    { "'RelayFingerprint': <'00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff'>",
      "'RelayFingerprint': <''>" },
  };
  set_secret (fixture, PB_RELAY_GENERAL, MARKER);
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_string_truncate (fixture->told, 0);
      change (fixture, rows[i].away);
      assert_general (fixture, "stale");
      assert_opens (fixture, NULL);
      g_assert_nonnull (strstr (fixture->told->str, ",RelaySecretState "));
      change (fixture, rows[i].back);
      assert_general (fixture, "present");
      assert_opens (fixture, MARKER);
    }
  /* What does not say where it goes leaves it. */
  change (fixture, "'Mode': <'relay'>, 'RelayAuth': <true>, 'RelaySecretStorage': <'ask'>");
  assert_general (fixture, "present");
  /* Set anew for the new place, it is gone for the old. */
  change (fixture, "'RelayServer': <'b.example.org'>");
  set_secret (fixture, PB_RELAY_GENERAL, "other");
  assert_opens (fixture, "other");
  change (fixture, "'RelayServer': <'relay.example.org'>");
  assert_general (fixture, "stale");
}

static void
test_refused (Fixture *fixture, gconstpointer data)
{
  static const struct
  {
    const char *octets;
    gsize length;
  } rows[] = { { "a\0b", 3 }, { "a\nb", 3 }, { "\r", 1 }, { "a\r\n", 3 }, { "\0\0", 2 } };
  g_auto (Answer) answer = { 0 };
  g_autofree char *longest = g_strnfill (PB_RELAY_SECRET_MAX + 1, 'x');
  guint64 revision;

  try_octets (fixture, PB_RELAY_GENERAL, longest, PB_RELAY_SECRET_MAX, &answer);
  g_assert_no_error (answer.error);
  set_secret (fixture, PB_RELAY_GENERAL, MARKER);
  revision = pb_registry_revision (fixture->registry);
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      try_octets (fixture, PB_RELAY_GENERAL, rows[i].octets, rows[i].length, &answer);
      assert_refused (&answer, PB_ERROR_INVALID_VALUE,
                      "SetRelaySecret: the password must not have line breaks or NUL in it");
    }
  try_octets (fixture, PB_RELAY_GENERAL, longest, PB_RELAY_SECRET_MAX + 1, &answer);
  assert_refused (&answer, PB_ERROR_TOO_LARGE,
                  "SetRelaySecret: the password must have at most 1024 octets");
  try_octets (fixture, NOT_A_ROW, "x", 1, &answer);
  assert_refused (&answer, PB_ERROR_NOT_FOUND,
                  "RelayExceptions[" NOT_A_ROW
                  "]: there is no such row; the relay of Delivery is general");
  for (guint i = 0; i < 3; i++)
    {
      const char *names[] = { "", "general.before", "x\n" };

      /* Neither to set nor to forget. */
      try_octets (fixture, names[i], "x", i == 1 ? 0 : 1, &answer);
      assert_refused (&answer, PB_ERROR_NOT_FOUND,
                      "RelayExceptions[?]: there is no such row; the relay of Delivery is general");
    }
  g_assert_cmpuint (pb_registry_revision (fixture->registry), ==, revision);
  assert_opens (fixture, MARKER);
}

static void
remove_row (Fixture *fixture, const char *id)
{
  const char *ids[] = { id, NULL };
  g_auto (Answer) answer = { 0 };

  pb_registry_list_remove (fixture->registry, PB_LIST_RELAY_EXCEPTIONS, ids, "uid 0", on_done,
                           &answer);
  await (&answer);
  g_assert_no_error (answer.error);
}

static guint
count_rows (Fixture *fixture, const char *state)
{
  g_autofree char *text = g_strdup_printf ("{'SecretState': <'%s'>}", state);
  g_autoptr (GVariant) filter = parse ("a{sv}", text);
  g_autoptr (GVariant) page =
    pb_registry_list_page (fixture->registry, PB_LIST_RELAY_EXCEPTIONS, filter, 0, 500, NULL);
  guint total;

  g_variant_get_child (page, 1, "u", &total);
  return total;
}

static void
test_exception (Fixture *fixture, gconstpointer data)
{
  g_auto (Answer) answer = { 0 };
  g_autofree char *a = add (fixture, PB_LIST_RELAY_EXCEPTIONS, "{" ROW "}");
  g_autofree char *b = add (fixture, PB_LIST_RELAY_EXCEPTIONS, "{" ROW "}");

  g_string_truncate (fixture->told, 0);
  set_secret (fixture, a, MARKER);
  g_assert_cmpstr (fixture->told->str, ==, "RelayExceptions ");
  assert_row (fixture, a, "present");
  assert_row (fixture, b, "none");
  assert_general (fixture, "none");
  update (fixture, PB_LIST_RELAY_EXCEPTIONS, a, "{'Name': <'S'>, 'SecretState': <'none'>}",
          &answer);
  g_assert_no_error (answer.error);
  assert_row (fixture, a, "present");
  update (fixture, PB_LIST_RELAY_EXCEPTIONS, a, "{'Server': <'evil.example.org'>}", &answer);
  assert_row (fixture, a, "stale");
  g_assert_cmpuint (count_rows (fixture, "stale"), ==, 1);
  g_assert_cmpuint (count_rows (fixture, "none"), ==, 1);
  g_assert_cmpuint (count_rows (fixture, "present"), ==, 0);
  update (fixture, PB_LIST_RELAY_EXCEPTIONS, a, "{'Server': <'relay.example.org'>}", &answer);
  assert_row (fixture, a, "present");
  restart (fixture, 1);
  assert_row (fixture, a, "present");
  set_secret (fixture, a, "");
  assert_row (fixture, a, "none");
}

/* A row's password goes with it, whatever takes it away, and does not come back with it. */
static void
test_row_removed (Fixture *fixture, gconstpointer data)
{
  g_auto (Answer) answer = { 0 };
  g_autofree char *id = add (fixture, PB_LIST_RELAY_EXCEPTIONS, "{" ROW "}");
  g_autofree char *same = g_strdup_printf ("[{'Id': <'%s'>, " ROW "}]", id);
  guint64 mark;

  set_secret (fixture, id, MARKER);
  mark = pb_registry_revision (fixture->registry);
  remove_row (fixture, id);
  pb_registry_revert (fixture->registry, mark, "uid 0", on_done, &answer);
  await (&answer);
  g_assert_no_error (answer.error);
  assert_row (fixture, id, "none");

  set_secret (fixture, id, MARKER);
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (GVariant) rows = parse ("aa{sv}", i == 0 ? same : "@aa{sv} []");

      answer_clear (&answer);
      pb_registry_list_replace (fixture->registry, PB_LIST_RELAY_EXCEPTIONS, rows, "uid 0", on_done,
                                &answer);
      await (&answer);
      g_assert_no_error (answer.error);
      if (i == 0)
        assert_row (fixture, id, "present");
    }
  /* Somebody who chooses the id of a row that was does not get at its password. */
  g_autoptr (GVariant) again = parse ("aa{sv}", same);
  answer_clear (&answer);
  pb_registry_list_replace (fixture->registry, PB_LIST_RELAY_EXCEPTIONS, again, "uid 0", on_done,
                            &answer);
  await (&answer);
  assert_row (fixture, id, "none");
  restart (fixture, 1);
  assert_row (fixture, id, "none");
}

/* Revert leaves passwords alone, and re-points no password. */
static void
test_revert (Fixture *fixture, gconstpointer data)
{
  g_auto (Answer) answer = { 0 };
  guint64 mark = pb_registry_revision (fixture->registry);

  set_secret (fixture, PB_RELAY_GENERAL, MARKER);
  pb_registry_revert (fixture->registry, mark, "uid 0", on_done, &answer);
  await (&answer);
  g_assert_no_error (answer.error);
  assert_general (fixture, "present");
  change (fixture, "'RelayServer': <'b.example.org'>");
  set_secret (fixture, PB_RELAY_GENERAL, "other");
  answer_clear (&answer);
  pb_registry_revert (fixture->registry, mark, "uid 0", on_done, &answer);
  await (&answer);
  g_assert_no_error (answer.error);
  assert_general (fixture, "stale");
  set_secret (fixture, PB_RELAY_GENERAL, "");
  answer_clear (&answer);
  pb_registry_revert (fixture->registry, mark + 1, "uid 0", on_done, &answer);
  await (&answer);
  assert_general (fixture, "none");
}

static void
test_without_key (Fixture *fixture, gconstpointer data)
{
  g_auto (Answer) answer = { 0 };

  set_secret (fixture, PB_RELAY_GENERAL, MARKER);
  stop (fixture);
  start (fixture);
  assert_general (fixture, "stale");
  assert_opens (fixture, NULL);
  try_octets (fixture, PB_RELAY_GENERAL, "x", 1, &answer);
  assert_refused (&answer, PB_ERROR_UNAVAILABLE,
                  "SetRelaySecret: there is no master key to seal with");
  /* Under another key nothing opens, and what was is still there for the right one. */
  use_key (fixture, 2);
  assert_general (fixture, "stale");
  restart (fixture, 1);
  assert_opens (fixture, MARKER);
  stop (fixture);
  start (fixture);
  try_octets (fixture, PB_RELAY_GENERAL, "", 0, &answer);
  g_assert_no_error (answer.error);
  assert_general (fixture, "none");
}

static guint64
begin_trial (Fixture *fixture, const char *changes)
{
  g_auto (Answer) answer = { 0 };
  const PbApplyOptions careful = { .who = "uid 0", .confirm_timeout = 3600 };

  apply (fixture, changes, &careful, &answer);
  g_assert_no_error (answer.error);
  return g_variant_get_uint64 (answer.result);
}

/* The daemon goes down and comes up: the trial is over, its settings go back. */
static void
end_trial (Fixture *fixture)
{
  guint64 revision = pb_registry_revision (fixture->registry);
  guint timer = g_timeout_add_seconds (WAIT_SECONDS, on_too_late, NULL);

  restart (fixture, 1);
  while (pb_registry_revision (fixture->registry) == revision)
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (timer);
}

static void
confirm (Fixture *fixture, guint64 revision)
{
  g_auto (Answer) answer = { 0 };

  pb_registry_confirm (fixture->registry, revision, "uid 0", on_done, &answer);
  await (&answer);
  g_assert_no_error (answer.error);
}

#define TRIAL "{'Delivery': {'RelayServer': <'b.example.org'>}}"

/* Settings on trial take their password with them when they go. */
static void
test_trial (Fixture *fixture, gconstpointer data)
{
  guint64 revision;

  set_secret (fixture, PB_RELAY_GENERAL, MARKER);
  begin_trial (fixture, TRIAL);
  assert_general (fixture, "stale");
  set_secret (fixture, PB_RELAY_GENERAL, "trial");
  set_secret (fixture, PB_RELAY_GENERAL, "trial again");
  assert_opens (fixture, "trial again");
  end_trial (fixture);
  assert_general (fixture, "present");
  assert_opens (fixture, MARKER);

  /* Confirmed: the old one is gone. */
  revision = begin_trial (fixture, TRIAL);
  set_secret (fixture, PB_RELAY_GENERAL, "kept");
  confirm (fixture, revision);
  assert_opens (fixture, "kept");
  change (fixture, "'RelayServer': <'relay.example.org'>");
  assert_general (fixture, "stale");

  /* A trial of something else: the password was set for what is. */
  set_secret (fixture, PB_RELAY_GENERAL, "one");
  begin_trial (fixture, "{'General': {'MaxHops': <uint32 50>}}");
  set_secret (fixture, PB_RELAY_GENERAL, "two");
  end_trial (fixture);
  assert_opens (fixture, "two");
}

/* To forget is for good. */
static void
test_trial_forget (Fixture *fixture, gconstpointer data)
{
  set_secret (fixture, PB_RELAY_GENERAL, MARKER);
  begin_trial (fixture, TRIAL);
  set_secret (fixture, PB_RELAY_GENERAL, "trial");
  set_secret (fixture, PB_RELAY_GENERAL, "");
  end_trial (fixture);
  assert_general (fixture, "none");
  assert_opens (fixture, NULL);
}

static void
assert_absent (const char *text, gsize length)
{
  g_assert_null (memmem (text, length, MARKER, strlen (MARKER)));
}

/* Not in the export, the revisions, the report, or any file. */
static void
test_nowhere (Fixture *fixture, gconstpointer data)
{
  g_auto (Answer) answer = { 0 };
  g_autofree char *id = add (fixture, PB_LIST_RELAY_EXCEPTIONS, "{" ROW "}");
  g_autofree char *json = NULL;
  g_autofree char *shown = NULL;
  g_autoptr (GDir) dir = g_dir_open (fixture->folder, 0, NULL);
  const char *name;

  set_secret (fixture, id, MARKER);
  set_secret (fixture, PB_RELAY_GENERAL, MARKER);
  json = pb_registry_export (fixture->registry);
  assert_absent (json, strlen (json));
  g_assert_null (strstr (json, "SecretState"));
  pb_registry_revisions (fixture->registry, 0, 10, on_done, &answer);
  await (&answer);
  shown = g_variant_print (answer.result, TRUE);
  assert_absent (shown, strlen (shown));
  g_assert_nonnull (strstr (shown, "'password of relay general set'"));
  g_assert_null (strstr (shown, "#secret"));
  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (fixture->folder, name, NULL);
      g_autofree char *content = NULL;
      gsize length;

      g_assert_true (g_file_get_contents (path, &content, &length, NULL));
      assert_absent (content, length);
    }
  /* What was exported comes back and takes no password away. */
  answer_clear (&answer);
  pb_registry_import (fixture->registry, json, &as_root, on_done, &answer);
  await (&answer);
  g_assert_no_error (answer.error);
  assert_row (fixture, id, "present");
  assert_general (fixture, "present");
}

#define ADD(name, function)                                                                        \
  g_test_add ("/registry-secrets/" name, Fixture, NULL, set_up_with_key, function, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("set", test_set);
  ADD ("forget", test_forget);
  ADD ("stale", test_stale);
  ADD ("refused", test_refused);
  ADD ("exception", test_exception);
  ADD ("row-removed", test_row_removed);
  ADD ("revert", test_revert);
  ADD ("without-key", test_without_key);
  ADD ("trial", test_trial);
  ADD ("trial-forget", test_trial_forget);
  ADD ("nowhere", test_nowhere);
  return g_test_run ();
}
