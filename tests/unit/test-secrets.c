/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The sealed passwords as a delivery sees them: opened for a login or not at all, and what is said of it; changed only into another object. */
#include "settings/secrets.h"

#include "dbus/list-kinds.h"

#include <string.h>

#define ID "5bd3be4e-2b5c-4e9f-9a3e-2a9d1f0c7b11"

static GHashTable *
new_table (void)
{
  return g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_bytes_unref);
}

static PbSecret *
make_key (int octet)
{
  PbSecret *key = pb_secret_new (PB_MASTER_KEY_SIZE);

  memset (key->data, octet, key->length);
  return key;
}

/* @self with @words for @login. */
static PbSecrets *
with_password (PbSecrets *self, const PbRelayLogin *login, const char *words)
{
  g_autoptr (GHashTable) changes = new_table ();
  g_autoptr (PbSecret) secret = pb_secret_copy (words, strlen (words));

  g_hash_table_insert (changes, g_strdup (login->id), pb_secrets_seal (self, login, secret));
  return pb_secrets_with (self, changes);
}

static void
assert_refused (const PbSecrets *self, const PbRelayLogin *login, PbSecretsError code)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (pb_secrets_open (self, login, &error));
  g_assert_error (error, PB_SECRETS_ERROR, (int) code);
  g_assert_cmpstr (pb_secrets_state (self, login), ==,
                   code == PB_SECRETS_ERROR_NONE ? "none" : "stale");
}

static void
assert_opens (const PbSecrets *self, const PbRelayLogin *login, const char *words)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PbSecret) secret = pb_secrets_open (self, login, &error);

  g_assert_no_error (error);
  g_assert_cmpmem (secret->data, secret->length, words, strlen (words));
  g_assert_cmpstr (pb_secrets_state (self, login), ==, "present");
}

static void
test_general (void)
{
  PbSettingValues values;
  PbRelayLogin login;
  g_autoptr (PbSecret) key = make_key (1);
  g_autoptr (PbSecrets) empty = pb_secrets_new (key, new_table ());
  g_autoptr (PbSecrets) full = NULL;

  pb_setting_values_init (&values);
  g_free (values.delivery_relay_server);
  values.delivery_relay_server = g_strdup ("relay.example.org");
  pb_relay_login_general (&login, &values);
  g_assert_cmpstr (login.id, ==, PB_RELAY_GENERAL);
  assert_refused (empty, &login, PB_SECRETS_ERROR_NONE);
  assert_refused (NULL, &login, PB_SECRETS_ERROR_NONE);

  full = with_password (empty, &login, "hunter2");
  assert_opens (full, &login, "hunter2");
  /* What somebody holds stays what it was. */
  assert_refused (empty, &login, PB_SECRETS_ERROR_NONE);
  g_assert_nonnull (pb_secrets_lookup (full, PB_RELAY_GENERAL));
  g_assert_null (pb_secrets_lookup (full, ID));

  values.delivery_relay_port++;
  pb_relay_login_general (&login, &values);
  assert_refused (full, &login, PB_SECRETS_ERROR_STALE);
  values.delivery_relay_port--;
  pb_relay_login_general (&login, &values);
  assert_opens (full, &login, "hunter2");
  pb_setting_values_clear (&values);
}

static GVariant *
exception_row (const char *text)
{
  g_autoptr (GVariant) given = g_variant_parse (G_VARIANT_TYPE_VARDICT, text, NULL, NULL, NULL);
  g_autoptr (GError) error = NULL;
  GVariant *row = pb_list_row_complete (PB_LIST_RELAY_EXCEPTIONS, ID, NULL, given, &error);

  g_assert_no_error (error);
  return row;
}

#define ROW                                                                                        \
  "'Name': <'R'>, 'Kind': <'recipient'>, 'Targets': <['x.org']>, 'Server': <'relay.example.org'>, 'User': <'nas'>"

/* Of an exception's row what says where it leads and how counts; its name and whom it is for do not. */
static void
test_exception (void)
{
  static const struct
  {
    const char *row;
    gboolean same;
  } rows[] = {
    { "{" ROW "}", TRUE },
    { "{'Name': <'Q'>, 'Enabled': <false>, 'Kind': <'sender'>, 'Targets': <['y.org', 'z.org']>, "
      "'Server': <'relay.example.org'>, 'User': <'nas'>}",
      TRUE },
    { "{" ROW ", 'Fallback': <['b.example.org']>}", FALSE },
    { "{" ROW ", 'Port': <uint32 26>}", FALSE },
    { "{" ROW ", 'Tls': <'starttls'>}", FALSE },
    { "{" ROW ", 'Verify': <'none'>}", FALSE },
    { "{'Name': <'R'>, 'Kind': <'recipient'>, 'Targets': <['x.org']>, 'Server': <'relay.example.org'>, "
      "'User': <'nat'>}",
      FALSE },
    { "{'Name': <'R'>, 'Kind': <'recipient'>, 'Targets': <['x.org']>, 'Server': <'evil.example.org'>, "
      "'User': <'nas'>}",
      FALSE },
  };
  g_autoptr (PbSecret) key = make_key (1);
  g_autoptr (PbSecrets) empty = pb_secrets_new (key, new_table ());
  g_autoptr (PbSecrets) full = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GVariant) row = exception_row (rows[i].row);
      g_autofree const char **fallbacks = NULL;
      PbRelayLogin login;

      fallbacks = pb_relay_login_exception (&login, ID, row);
      if (full == NULL)
        full = with_password (empty, &login, "hunter2");
      if (rows[i].same)
        assert_opens (full, &login, "hunter2");
      else
        assert_refused (full, &login, PB_SECRETS_ERROR_STALE);
      /* The same place under another id: a box that was moved to another row. */
      login.id = PB_RELAY_GENERAL;
      assert_refused (full, &login, PB_SECRETS_ERROR_NONE);
    }
}

/* A box copied to another relay's name, by whoever can write the database, opens for neither. */
static void
test_moved (void)
{
  static const char *const none[] = { NULL };
  const PbRelayLogin general = {
    PB_RELAY_GENERAL, "relay.example.org", none, 25, "nas", "starttls", "auto", ""
  };
  PbRelayLogin other = general;
  g_autoptr (PbSecret) key = make_key (1);
  g_autoptr (PbSecrets) empty = pb_secrets_new (key, new_table ());
  g_autoptr (PbSecrets) full = with_password (empty, &general, "hunter2");
  g_autoptr (PbSecrets) moved = NULL;
  g_autoptr (GHashTable) changes = new_table ();

  g_hash_table_insert (changes, g_strdup (ID),
                       g_bytes_ref (pb_secrets_lookup (full, PB_RELAY_GENERAL)));
  moved = pb_secrets_with (full, changes);
  other.id = ID;
  assert_refused (moved, &other, PB_SECRETS_ERROR_STALE);
  assert_opens (moved, &general, "hunter2");
}

static void
test_forget (void)
{
  static const char *const none[] = { NULL };
  const PbRelayLogin general = {
    PB_RELAY_GENERAL, "relay.example.org", none, 25, "nas", "starttls", "auto", ""
  };
  g_autoptr (PbSecret) key = make_key (1);
  g_autoptr (PbSecrets) empty = pb_secrets_new (key, new_table ());
  g_autoptr (PbSecrets) full = with_password (empty, &general, "hunter2");
  g_autoptr (GHashTable) changes = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr (PbSecrets) after = NULL;

  g_hash_table_insert (changes, (gpointer) PB_RELAY_GENERAL, NULL);
  g_hash_table_insert (changes, (gpointer) ID, NULL);
  after = pb_secrets_with (full, changes);
  assert_refused (after, &general, PB_SECRETS_ERROR_NONE);
  assert_opens (full, &general, "hunter2");
}

static void
test_key (void)
{
  static const char *const none[] = { NULL };
  const PbRelayLogin general = {
    PB_RELAY_GENERAL, "relay.example.org", none, 25, "nas", "starttls", "auto", ""
  };
  g_autoptr (PbSecret) key = make_key (1);
  g_autoptr (PbSecret) other = make_key (2);
  g_autoptr (PbSecrets) empty = pb_secrets_new (key, new_table ());
  g_autoptr (PbSecrets) full = with_password (empty, &general, "hunter2");
  g_autoptr (PbSecrets) keyless = pb_secrets_with_key (full, NULL);
  g_autoptr (PbSecrets) wrong = pb_secrets_with_key (full, other);
  g_autoptr (PbSecrets) right = pb_secrets_with_key (wrong, key);

  g_assert_false (pb_secrets_has_key (keyless));
  g_assert_true (pb_secrets_has_key (wrong));
  assert_refused (keyless, &general, PB_SECRETS_ERROR_STALE);
  assert_refused (wrong, &general, PB_SECRETS_ERROR_STALE);
  assert_opens (right, &general, "hunter2");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/secrets/general", test_general);
  g_test_add_func ("/secrets/exception", test_exception);
  g_test_add_func ("/secrets/moved", test_moved);
  g_test_add_func ("/secrets/forget", test_forget);
  g_test_add_func ("/secrets/key", test_key);
  return g_test_run ();
}
