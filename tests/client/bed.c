/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A private bus with a service for the tests of the client's models: the stand-in fake_daemon.py, or
 * postbusd itself. Every wait is for an event, with a bounded deadline; a service that does not come up
 * fails the test. Where the programs are comes from the environment, set by meson.build.
 */
#include "bed.h"

#include "dbus/names.h"

#include <signal.h>
#include <sys/prctl.h>

#define DEADLINE_SECONDS 60

static gboolean
on_deadline (gpointer user_data)
{
  *(gboolean *) user_data = TRUE;
  return G_SOURCE_REMOVE;
}

void
bed_wait (gboolean (*done) (gpointer user_data), gpointer user_data, const char *what)
{
  gboolean late = FALSE;
  guint source = g_timeout_add_seconds (DEADLINE_SECONDS, on_deadline, &late);

  while (!done (user_data) && !late)
    g_main_context_iteration (NULL, TRUE);
  if (late)
    g_error ("waited in vain for %s", what);
  g_source_remove (source);
}

void
bed_result (GObject *source, GAsyncResult *result, gpointer user_data)
{
  *(GAsyncResult **) user_data = g_object_ref (result);
}

static gboolean
is_there (gpointer user_data)
{
  return *(gpointer *) user_data != NULL;
}

GAsyncResult *
bed_wait_result (GAsyncResult **result, const char *what)
{
  bed_wait (is_there, result, what);
  return *result;
}

static gboolean
on_tick (gpointer user_data)
{
  return G_SOURCE_CONTINUE;
}

static const char *
need (const char *variable)
{
  const char *value = g_getenv (variable);

  if (value == NULL)
    g_error ("%s is not set: run this test by meson", variable);
  return value;
}

static void
die_with_parent (gpointer user_data)
{
  prctl (PR_SET_PDEATHSIG, SIGTERM);
}

GSubprocessLauncher *
bed_launcher (GSubprocessFlags flags)
{
  GSubprocessLauncher *launcher = g_subprocess_launcher_new (flags);

  g_subprocess_launcher_set_child_setup (launcher, die_with_parent, NULL, NULL);
  return launcher;
}

static void
spawn_stand_in (Bed *bed, const char *mode)
{
  g_auto (GStrv) xml = g_strsplit (need ("POSTBUS_TEST_INTERFACES"), ":", -1);
  g_autoptr (GPtrArray) argv = g_ptr_array_new ();
  g_autoptr (GSubprocessLauncher) launcher = bed_launcher (G_SUBPROCESS_FLAGS_STDOUT_SILENCE);
  g_autoptr (GError) error = NULL;

  g_ptr_array_add (argv, (gpointer) "/usr/bin/python3");
  g_ptr_array_add (argv, (gpointer) need ("POSTBUS_TEST_FAKE"));
  g_ptr_array_add (argv, (gpointer) "--bus");
  g_ptr_array_add (argv, (gpointer) bed->address);
  if (mode != NULL)
    g_ptr_array_add (argv, (gpointer) mode);
  g_ptr_array_add (argv, (gpointer) "--interfaces");
  for (guint i = 0; xml[i] != NULL; i++)
    g_ptr_array_add (argv, xml[i]);
  g_ptr_array_add (argv, NULL);
  bed->service = g_subprocess_launcher_spawnv (launcher, (const char *const *) argv->pdata, &error);
  g_assert_no_error (error);
}

static void
spawn_postbusd (Bed *bed)
{
  g_autofree char *bus = g_strconcat ("--bus=", bed->address, NULL);
  g_autofree char *state = g_strconcat ("--state-directory=", bed->folder, NULL);
  g_autoptr (GSubprocessLauncher) launcher = bed_launcher (G_SUBPROCESS_FLAGS_STDERR_SILENCE);
  g_autoptr (GError) error = NULL;

  bed->service = g_subprocess_launcher_spawn (launcher, &error, need ("POSTBUSD"), bus, state,
                                              "--listen=smtp:127.0.0.1:0", NULL);
  g_assert_no_error (error);
}

static gboolean
is_owned (gpointer user_data)
{
  Bed *bed = user_data;
  g_autoptr (GVariant) reply =
    g_dbus_connection_call_sync (bed->other, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                 "org.freedesktop.DBus", "NameHasOwner",
                                 g_variant_new ("(s)", PB_BUS_NAME), G_VARIANT_TYPE ("(b)"),
                                 G_DBUS_CALL_FLAGS_NONE, -1, NULL, NULL);
  gboolean owned = FALSE;

  g_variant_get (reply, "(b)", &owned);
  return owned;
}

void
bed_start_service (Bed *bed, const char *mode)
{
  guint tick;

  if (g_strcmp0 (mode, "real") == 0)
    spawn_postbusd (bed);
  else
    spawn_stand_in (bed, mode);
  /* Owning the name wakes nobody here: look again at each tick. */
  tick = g_timeout_add (20, on_tick, NULL);
  bed_wait (is_owned, bed, "the service's name");
  g_source_remove (tick);
}

void
bed_stop_service (Bed *bed)
{
  if (bed->service == NULL)
    return;
  g_subprocess_send_signal (bed->service, SIGTERM);
  g_subprocess_wait (bed->service, NULL, NULL);
  g_clear_object (&bed->service);
}

GSubprocess *
bed_start_bus (char **address)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *config = g_strconcat ("--config-file=", need ("POSTBUS_TEST_BUS_CONFIG"), NULL);
  g_autoptr (GSubprocessLauncher) launcher =
    bed_launcher (G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_SILENCE);
  GSubprocess *bus = g_subprocess_launcher_spawn (launcher, &error, "dbus-daemon", "--nofork",
                                                  "--nopidfile", "--print-address", config, NULL);
  g_autoptr (GDataInputStream) output = NULL;

  g_assert_no_error (error);
  output = g_data_input_stream_new (g_subprocess_get_stdout_pipe (bus));
  *address = g_data_input_stream_read_line_utf8 (output, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_nonnull (*address);
  return bus;
}

void
bed_stop_bus (GSubprocess *bus)
{
  g_subprocess_send_signal (bus, SIGTERM);
  g_subprocess_wait (bus, NULL, NULL);
  g_object_unref (bus);
}

/* Whoever is still on it must not take this program with it. */
static void
leave_session_bus (void)
{
  g_autoptr (GDBusConnection) session = g_bus_get_sync (G_BUS_TYPE_SESSION, NULL, NULL);

  if (session != NULL)
    g_dbus_connection_set_exit_on_close (session, FALSE);
}

void
bed_up (Bed *bed, gconstpointer mode)
{
  g_autoptr (GError) error = NULL;

  bed->folder = g_dir_make_tmp ("postbus-client-XXXXXX", &error);
  g_assert_no_error (error);
  bed->bus = bed_start_bus (&bed->address);
  g_setenv ("DBUS_SESSION_BUS_ADDRESS", bed->address, TRUE);
  bed->other =
    g_dbus_connection_new_for_address_sync (bed->address,
                                            G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT
                                              | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
                                            NULL, NULL, &error);
  g_assert_no_error (error);
  g_dbus_connection_set_exit_on_close (bed->other, FALSE);
  if (g_strcmp0 (mode, "none") != 0)
    bed_start_service (bed, mode);
  bed->connection = pba_connection_new (bed->address);
}

static gboolean
is_alone (gpointer user_data)
{
  return G_OBJECT (user_data)->ref_count == 1;
}

void
bed_remove_folder (const char *folder)
{
  const char *const argv[] = { "rm", "-rf", "--", folder, NULL };
  g_autoptr (GSubprocess) process = g_subprocess_newv (argv, G_SUBPROCESS_FLAGS_NONE, NULL);

  g_assert_nonnull (process);
  g_subprocess_wait (process, NULL, NULL);
}

void
bed_down (Bed *bed, gconstpointer mode)
{
  pba_connection_close (bed->connection);
  bed_wait (is_alone, bed->connection, "the connection's last caller");
  g_object_unref (bed->connection);
  bed_stop_service (bed);
  g_dbus_connection_close_sync (bed->other, NULL, NULL);
  g_object_unref (bed->other);
  bed_remove_folder (bed->folder);
  g_free (bed->folder);
  leave_session_bus ();
  bed_stop_bus (bed->bus);
  g_free (bed->address);
}

typedef struct
{
  PbaConnection *connection;
  PbaConnectionState state;
} Wanted;

static gboolean
is_in_state (gpointer user_data)
{
  Wanted *wanted = user_data;

  return pba_connection_get_state (wanted->connection) == wanted->state;
}

void
bed_wait_state (Bed *bed, PbaConnectionState state)
{
  Wanted wanted = { bed->connection, state };

  bed_wait (is_in_state, &wanted, "the connection's state");
}

void
bed_open (Bed *bed, PbaConnectionState state)
{
  pba_connection_open (bed->connection);
  bed_wait_state (bed, state);
}

static GVariant *
call (Bed *bed, const char *interface, const char *method, GVariant *parameters)
{
  g_autoptr (GError) error = NULL;
  GVariant *reply =
    g_dbus_connection_call_sync (bed->other, PB_BUS_NAME, PB_OBJECT_PATH, interface, method,
                                 parameters, NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL, &error);

  g_assert_no_error (error);
  return reply;
}

GVariant *
bed_call (Bed *bed, const char *interface, const char *method, GVariant *parameters)
{
  g_autofree char *name = g_strconcat (PB_INTERFACE_PREFIX, interface, NULL);

  return call (bed, name, method, parameters);
}

void
bed_set (Bed *bed, const char *interface, const char *name, GVariant *value)
{
  g_autofree char *full = g_strconcat (PB_INTERFACE_PREFIX, interface, NULL);

  g_variant_unref (call (bed, "org.freedesktop.DBus.Properties", "Set",
                         g_variant_new ("(ssv)", full, name, value)));
}

GVariant *
bed_get (Bed *bed, const char *interface, const char *name)
{
  g_autofree char *full = g_strconcat (PB_INTERFACE_PREFIX, interface, NULL);
  g_autoptr (GVariant) reply =
    call (bed, "org.freedesktop.DBus.Properties", "Get", g_variant_new ("(ss)", full, name));
  GVariant *value;

  g_variant_get (reply, "(v)", &value);
  return value;
}
