/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the tests of the relay's password stand on: postbusd on a bus of its own, and a keyring on the
 * session bus: none, one that does as it is told, or a real one. Waits are for events, with bed_wait's
 * deadline.
 */
#include "relay-bed.h"

#include <libsecret/secret.h>
#include <signal.h>
#include <string.h>

/* The session bus that all tests share. */
static struct
{
  GSubprocess *bus;            /* (owned) */
  char *address;               /* (owned) */
  GDBusConnection *connection; /* (owned): what libsecret uses, too */
} session;

/* ---- the keyring ---- */

static gboolean
is_keyring_there (gpointer user_data)
{
  g_autoptr (GVariant) reply =
    g_dbus_connection_call_sync (session.connection, "org.freedesktop.DBus",
                                 "/org/freedesktop/DBus", "org.freedesktop.DBus", "NameHasOwner",
                                 g_variant_new ("(s)", "org.freedesktop.secrets"),
                                 G_VARIANT_TYPE ("(b)"), G_DBUS_CALL_FLAGS_NONE, -1, NULL, NULL);
  gboolean there = FALSE;

  g_variant_get (reply, "(b)", &there);
  return there == GPOINTER_TO_INT (user_data);
}

static gboolean
on_tick (gpointer user_data)
{
  return G_SOURCE_CONTINUE;
}

guint
relay_tick (void)
{
  return g_timeout_add (20, on_tick, NULL);
}

static void
wait_for_keyring (gboolean there)
{
  guint tick = relay_tick ();

  bed_wait (is_keyring_there, GINT_TO_POINTER (there), "the keyring");
  g_source_remove (tick);
}

void
relay_start_keyring (Relay *relay, const char *const *argv, const char *input)
{
  g_autoptr (GSubprocessLauncher) launcher =
    bed_launcher (G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_SILENCE);
  g_autoptr (GError) error = NULL;

  /* Its files go where the test's do, and it must not come upon one of the user's. */
  g_subprocess_launcher_setenv (launcher, "DBUS_SESSION_BUS_ADDRESS", session.address, TRUE);
  g_subprocess_launcher_setenv (launcher, "HOME", relay->bed.folder, TRUE);
  g_subprocess_launcher_setenv (launcher, "XDG_RUNTIME_DIR", relay->bed.folder, TRUE);
  g_subprocess_launcher_unsetenv (launcher, "XDG_DATA_HOME");
  g_subprocess_launcher_unsetenv (launcher, "XDG_CACHE_HOME");
  g_subprocess_launcher_unsetenv (launcher, "GNOME_KEYRING_CONTROL");
  relay->keyring = g_subprocess_launcher_spawnv (launcher, argv, &error);
  g_assert_no_error (error);
  g_output_stream_write_all (g_subprocess_get_stdin_pipe (relay->keyring), input, strlen (input),
                             NULL, NULL, NULL);
  g_output_stream_close (g_subprocess_get_stdin_pipe (relay->keyring), NULL, NULL);
  wait_for_keyring (TRUE);
}

void
relay_start_mock_keyring (Relay *relay)
{
  const char *const argv[] = { "/usr/bin/python3", g_getenv ("POSTBUS_TEST_KEYRING"), NULL };

  relay_start_keyring (relay, argv, "");
}

static void
leave_keyring (Relay *relay)
{
  secret_service_disconnect ();
  if (relay->keyring == NULL)
    return;
  g_subprocess_send_signal (relay->keyring, SIGTERM);
  g_subprocess_wait (relay->keyring, NULL, NULL);
  g_clear_object (&relay->keyring);
  wait_for_keyring (FALSE);
}

GVariant *
relay_tell_keyring (Relay *relay, const char *method, GVariant *parameters)
{
  g_autoptr (GError) error = NULL;
  GVariant *reply =
    g_dbus_connection_call_sync (session.connection, "org.freedesktop.secrets",
                                 "/org/freedesktop/secrets", "org.postbus.MockKeyring", method,
                                 parameters, NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL, &error);

  g_assert_no_error (error);
  return reply;
}

/* ---- the server ---- */

static gboolean
is_ready (gpointer user_data)
{
  Relay *relay = user_data;

  return pba_settings_model_get_loaded (pba_server_get_settings (relay->server))
         && pba_manager_get_instance_id (pba_server_get_manager (relay->server))[0] != '\0'
         && pba_relay_password_get_state (relay->password) != PBA_PASSWORD_UNKNOWN;
}

void
relay_up (Relay *relay, gconstpointer mode)
{
  bed_up (&relay->bed, mode);
  bed_open (&relay->bed, PBA_CONNECTION_CONNECTED);
  relay->server = pba_server_new (relay->bed.connection);
  relay->password = pba_relay_password_new (relay->server);
  pba_settings_model_add_draft (pba_server_get_settings (relay->server),
                                PBA_DRAFT (relay->password));
  bed_wait (is_ready, relay, "the server");
}

static gboolean
is_alone (gpointer user_data)
{
  return G_OBJECT (user_data)->ref_count == 1;
}

void
relay_down (Relay *relay, gconstpointer mode)
{
  bed_wait (is_alone, relay->password, "the password's last caller");
  g_object_unref (relay->password);
  leave_keyring (relay);
  pba_connection_close (relay->bed.connection);
  bed_wait (is_alone, relay->server, "the server's last caller");
  g_object_unref (relay->server);
  bed_down (&relay->bed, mode);
}

PbaSetting *
relay_setting (Relay *relay, const char *key)
{
  return pba_settings_model_lookup (pba_server_get_settings (relay->server), key);
}

gboolean
relay_apply (Relay *relay, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;
  PbaSettingsModel *settings = pba_server_get_settings (relay->server);

  pba_settings_model_apply_async (settings, 0, NULL, bed_result, &result);
  return pba_settings_model_apply_finish (settings, bed_wait_result (&result, "Apply"), error);
}

void
relay_apply_well (Relay *relay)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (relay_apply (relay, &error));
  g_assert_no_error (error);
  g_assert_false (pba_settings_model_get_changed (pba_server_get_settings (relay->server)));
}

/* A relay host with a login, its settings applied. */
void
relay_edit (Relay *relay)
{
  pba_setting_set_text (relay_setting (relay, "Delivery.RelayServer"), "relay.example.net");
  pba_setting_set_number (relay_setting (relay, "Delivery.RelayPort"), 587);
  pba_setting_set_text (relay_setting (relay, "Delivery.RelayUser"), "nas@example.org");
  pba_setting_set_boolean (relay_setting (relay, "Delivery.RelayAuth"), TRUE);
}

typedef struct
{
  Relay *relay;
  PbaPasswordState state;
  gboolean in_keyring;
} Wanted;

static gboolean
is_as_wanted (gpointer user_data)
{
  Wanted *wanted = user_data;

  return pba_relay_password_get_state (wanted->relay->password) == wanted->state
         && pba_relay_password_get_in_keyring (wanted->relay->password) == wanted->in_keyring;
}

void
relay_wait_for (Relay *relay, PbaPasswordState state, gboolean in_keyring)
{
  Wanted wanted = { relay, state, in_keyring };

  bed_wait (is_as_wanted, &wanted, "the password's state");
}

void
relay_session_up (void)
{
  session.bus = bed_start_bus (&session.address);
  g_setenv ("DBUS_SESSION_BUS_ADDRESS", session.address, TRUE);
  session.connection = g_bus_get_sync (G_BUS_TYPE_SESSION, NULL, NULL);
  g_assert_nonnull (session.connection);
  g_dbus_connection_set_exit_on_close (session.connection, FALSE);
}

void
relay_session_down (void)
{
  g_object_unref (session.connection);
  bed_stop_bus (session.bus);
  g_free (session.address);
}
