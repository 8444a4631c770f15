/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The relay's password between what is typed, the service and the keyring: none, one that does as it is
 * told, and gnome-keyring where it is installed.
 */
#include "relay-bed.h"

#include "dbus/errors.h"
#include "model/secrets.h"

#include <locale.h>
#include <string.h>

static void
lock_keyring (Relay *relay, gboolean dismiss)
{
  g_variant_unref (relay_tell_keyring (relay, "Lock", g_variant_new ("(b)", dismiss)));
}

static void
assert_sentence (Relay *relay, const char *expected)
{
  g_autofree char *sentence = NULL;

  g_object_get (relay->password, "sentence", &sentence, NULL);
  g_assert_cmpstr (sentence, ==, expected);
}

static gboolean
can_refill (Relay *relay)
{
  gboolean can;

  g_object_get (relay->password, "can-refill", &can, NULL);
  return can;
}

static gboolean
refill (Relay *relay, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  pba_relay_password_refill_async (relay->password, NULL, bed_result, &result);
  return pba_relay_password_refill_finish (relay->password, bed_wait_result (&result, "the refill"),
                                           error);
}

/* Somebody else makes the service forget it. */
static void
lose_copy (Relay *relay)
{
  g_variant_unref (bed_call (&relay->bed, "Manager", "SetRelaySecret",
                             g_variant_new ("(s@ay)", "general",
                                            g_variant_new_array (G_VARIANT_TYPE_BYTE, NULL, 0))));
}

/* One Apply for the settings and the password: it is sealed for the relay as it is now. */
static void
test_kept (Relay *relay, gconstpointer mode)
{
  g_autoptr (GVariant) reply = NULL;
  g_autoptr (GVariant) items = NULL;
  g_autoptr (GVariant) attributes = NULL;
  g_autoptr (GVariant) secret = NULL;
  const char *label, *type, *value;
  const char *const wanted[][2] = {
    { "xdg:schema", "org.postbus.Relay" },
    { "nas", pba_manager_get_instance_id (pba_server_get_manager (relay->server)) },
    { "relay", "general" },
    { "server", "relay.example.net" },
    { "port", "587" },
    { "user", "nas@example.org" },
  };

  relay_start_mock_keyring (relay);
  pba_relay_password_refresh (relay->password);
  relay_edit (relay);
  pba_relay_password_set_pending (relay->password, "correct horse");
  g_assert_cmpuint (pba_settings_model_get_n_changes (pba_server_get_settings (relay->server)), ==,
                    5);
  assert_sentence (relay, "Apply seals it on the server and keeps it in your keyring");
  relay_apply_well (relay);
  g_assert_cmpstr (pba_relay_password_get_pending (relay->password), ==, "");
  relay_wait_for (relay, PBA_PASSWORD_PRESENT, TRUE);
  assert_sentence (relay, "Kept in your keyring and sealed on the server");
  g_assert_false (can_refill (relay));

  reply = relay_tell_keyring (relay, "Items", NULL);
  items = g_variant_get_child_value (reply, 0);
  g_assert_cmpuint (g_variant_n_children (items), ==, 1);
  g_variant_get_child (items, 0, "(@a{ss}&s@ay&s)", &attributes, &label, &secret, &type);
  g_assert_cmpuint (g_variant_n_children (attributes), ==, G_N_ELEMENTS (wanted));
  for (guint i = 0; i < G_N_ELEMENTS (wanted); i++)
    {
      g_assert_true (g_variant_lookup (attributes, wanted[i][0], "&s", &value));
      g_assert_cmpstr (value, ==, wanted[i][1]);
    }
  g_assert_cmpmem (g_variant_get_data (secret), g_variant_get_size (secret), "correct horse", 13);
  g_assert_cmpstr (label, ==, "Postbus relay login of Private Bus");
}

/* A relay that was re-pointed does not get the old password, from neither place. */
static void
test_stale (Relay *relay, gconstpointer mode)
{
  relay_start_mock_keyring (relay);
  relay_edit (relay);
  pba_relay_password_set_pending (relay->password, "correct horse");
  relay_apply_well (relay);
  relay_wait_for (relay, PBA_PASSWORD_PRESENT, TRUE);

  pba_setting_set_text (relay_setting (relay, "Delivery.RelayServer"), "other.example.net");
  relay_apply_well (relay);
  relay_wait_for (relay, PBA_PASSWORD_STALE, FALSE);
  assert_sentence (relay,
                   "The server has one for another host, user or protection. Enter the new one");
  g_assert_false (can_refill (relay));

  /* Set back, it is the old relay again. */
  pba_setting_set_text (relay_setting (relay, "Delivery.RelayServer"), "relay.example.net");
  relay_apply_well (relay);
  relay_wait_for (relay, PBA_PASSWORD_PRESENT, TRUE);
}

static void
test_refill (Relay *relay, gconstpointer mode)
{
  g_autoptr (GError) error = NULL;

  relay_start_mock_keyring (relay);
  relay_edit (relay);
  pba_relay_password_set_pending (relay->password, "correct horse");
  relay_apply_well (relay);
  relay_wait_for (relay, PBA_PASSWORD_PRESENT, TRUE);
  lose_copy (relay);
  relay_wait_for (relay, PBA_PASSWORD_NONE, TRUE);
  assert_sentence (relay, "Kept in your keyring, but not on the server");
  g_assert_true (can_refill (relay));

  lock_keyring (relay, TRUE);
  g_assert_false (refill (relay, &error));
  g_assert_nonnull (strstr (error->message, "The keyring is locked"));
  g_clear_error (&error);
  g_assert_true (can_refill (relay));

  lock_keyring (relay, FALSE);
  g_assert_true (refill (relay, &error));
  g_assert_no_error (error);
  relay_wait_for (relay, PBA_PASSWORD_PRESENT, TRUE);
}

/* The service has it all the same, and a sentence says what is wrong with the keyring. */
static void
test_locked (Relay *relay, gconstpointer mode)
{
  relay_start_mock_keyring (relay);
  relay_edit (relay);
  relay_apply_well (relay);
  lock_keyring (relay, TRUE);
  pba_relay_password_set_pending (relay->password, "correct horse");
  relay_apply_well (relay);
  relay_wait_for (relay, PBA_PASSWORD_PRESENT, FALSE);
  assert_sentence (relay,
                   "Sealed on the server, but not kept in your keyring. The keyring is locked. "
                   "Unlock it with your login password and try again.");

  /* Its prompt is answered the next time. */
  lock_keyring (relay, FALSE);
  pba_relay_password_set_pending (relay->password, "battery staple");
  relay_apply_well (relay);
  relay_wait_for (relay, PBA_PASSWORD_PRESENT, TRUE);
  g_assert_null (pba_relay_password_get_trouble (relay->password));
}

static void
test_absent (Relay *relay, gconstpointer mode)
{
  relay_edit (relay);
  pba_relay_password_set_pending (relay->password, "correct horse");
  relay_apply_well (relay);
  relay_wait_for (relay, PBA_PASSWORD_PRESENT, FALSE);
  g_assert_nonnull (
    strstr (pba_relay_password_get_trouble (relay->password), "There is no keyring here"));
}

static gboolean
has_trouble (gpointer user_data)
{
  return pba_relay_password_get_trouble (user_data) != NULL;
}

static void
test_judged (Relay *relay, gconstpointer mode)
{
  PbaSettingsModel *settings = pba_server_get_settings (relay->server);
  g_autofree char *huge = g_strnfill (65536, 'x');
  g_autoptr (GError) error = NULL;
  static const char *const bad[][2] = {
    { NULL, "Must have at most 1024 characters" },
    { "two\nlines", "Must not have line breaks in it" },
  };

  bed_wait (has_trouble, relay->password, "that there is no keyring");
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autofree char *said = NULL;

      pba_relay_password_set_pending (relay->password, bad[i][0] != NULL ? bad[i][0] : huge);
      said = pba_draft_dup_error (PBA_DRAFT (relay->password));
      g_assert_cmpstr (said, ==, bad[i][1]);
      g_assert_cmpuint (pba_settings_model_get_n_errors (settings), ==, 1);
      g_assert_cmpstr (pba_settings_model_get_first_error_key (settings), ==,
                       "Delivery.RelayPassword");
      g_assert_false (relay_apply (relay, &error));
      g_assert_error (error, PB_ERROR, PB_ERROR_INVALID_VALUE);
      g_clear_error (&error);
    }
  pba_settings_model_discard (settings);
  g_assert_false (pba_settings_model_get_changed (settings));
  g_assert_cmpstr (pba_relay_password_get_pending (relay->password), ==, "");
}

/* What is typed outlives the service. */
static void
test_lost (Relay *relay, gconstpointer mode)
{
  g_autoptr (GError) error = NULL;

  pba_relay_password_set_pending (relay->password, "correct horse");
  bed_stop_service (&relay->bed);
  bed_wait_state (&relay->bed, PBA_CONNECTION_LOST);
  g_assert_false (relay_apply (relay, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_CONNECTED);
  g_assert_cmpuint (pba_settings_model_get_n_errors (pba_server_get_settings (relay->server)), ==,
                    0);
  g_assert_cmpstr (pba_relay_password_get_pending (relay->password), ==, "correct horse");
  bed_start_service (&relay->bed, mode);
  bed_wait_state (&relay->bed, PBA_CONNECTION_CONNECTED);
  relay_apply_well (relay);
  relay_wait_for (relay, PBA_PASSWORD_PRESENT, FALSE);
}

static gboolean
may_not_write (gpointer user_data)
{
  gboolean writable;

  g_object_get (user_data, "writable", &writable, NULL);
  return !writable;
}

/* The stand-in forbids set-secrets. */
static void
test_forbidden (Relay *relay, gconstpointer mode)
{
  bed_wait (may_not_write, relay->password, "the permissions");
  assert_sentence (relay, "You may not set passwords on this server");
  g_assert_false (can_refill (relay));
}

/* The real one, opened with a password on its standard input. */
static void
test_gnome_keyring (Relay *relay, gconstpointer mode)
{
  g_autofree char *program = g_find_program_in_path ("gnome-keyring-daemon");
  const char *const argv[] = { program, "--foreground", "--components=secrets", "--unlock", NULL };
  g_autoptr (GError) error = NULL;
  G_GNUC_UNUSED g_autoptr (GAsyncResult) result = NULL;

  if (program == NULL)
    {
      g_test_skip ("gnome-keyring is not installed");
      return;
    }
  relay_start_keyring (relay, argv, "open sesame");
  relay_edit (relay);
  pba_relay_password_set_pending (relay->password, "correct horse");
  relay_apply_well (relay);
  relay_wait_for (relay, PBA_PASSWORD_PRESENT, TRUE);
  lose_copy (relay);
  relay_wait_for (relay, PBA_PASSWORD_NONE, TRUE);
  g_assert_true (refill (relay, &error));
  g_assert_no_error (error);
  relay_wait_for (relay, PBA_PASSWORD_PRESENT, TRUE);
}

#define RELAY_TEST(path, function) g_test_add (path, Relay, "real", relay_up, function, relay_down)

int
main (int argc, char **argv)
{
  int failed;

  setlocale (LC_ALL, "C.UTF-8");
  g_test_init (&argc, &argv, NULL);

  relay_session_up ();
  RELAY_TEST ("/client/secrets/absent", test_absent);
  RELAY_TEST ("/client/secrets/judged", test_judged);
  RELAY_TEST ("/client/secrets/lost", test_lost);
  RELAY_TEST ("/client/secrets/kept", test_kept);
  RELAY_TEST ("/client/secrets/stale", test_stale);
  RELAY_TEST ("/client/secrets/refill", test_refill);
  RELAY_TEST ("/client/secrets/locked", test_locked);
  g_test_add ("/client/secrets/forbidden", Relay, NULL, relay_up, test_forbidden, relay_down);
  RELAY_TEST ("/client/secrets/gnome-keyring", test_gnome_keyring);
  failed = g_test_run ();
  relay_session_down ();
  return failed;
}
