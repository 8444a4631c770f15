/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The client's connection through a real sshd on loopback, with keys and host keys of its own: what ssh
 * asks, what it refuses, and a link that breaks. At the far end systemd-stdio-bridge speaks to the bed's
 * bus. Our "ssh" is the real one with a configuration of the test's.
 */
#include "bed.h"

#include "model/settings-model.h"

#include <glib/gstdio.h>
#include <locale.h>
#include <signal.h>
#include <string.h>

typedef struct
{
  Bed bed;
  char *folder; /* (owned): keys, configurations and scripts */
  guint port;
  GSubprocess *sshd;    /* (owned) (nullable) */
  PbaConnection *link;  /* (owned): through ssh */
  GPtrArray *questions; /* (owned) (element-type utf8) */
  GPtrArray
    *answers; /* (owned) (element-type utf8) (nullable elements): given in turn, then NULL */
} Far;

static char *
in_folder (Far *far, const char *name)
{
  return g_build_filename (far->folder, name, NULL);
}

static void
write_file (Far *far, const char *name, int mode, const char *text)
{
  g_autofree char *path = in_folder (far, name);
  g_autoptr (GError) error = NULL;

  g_file_set_contents_full (path, text, -1, G_FILE_SET_CONTENTS_NONE, mode, &error);
  g_assert_no_error (error);
}

static void
make_key (Far *far, const char *name, const char *passphrase)
{
  g_autofree char *path = in_folder (far, name);
  g_autoptr (GError) error = NULL;
  g_autoptr (GSubprocess) process =
    g_subprocess_new (G_SUBPROCESS_FLAGS_STDOUT_SILENCE, &error, "ssh-keygen", "-q", "-t",
                      "ed25519", "-N", passphrase, "-f", path, NULL);

  g_assert_no_error (error);
  g_subprocess_wait_check (process, NULL, &error);
  g_assert_no_error (error);
}

/* ---- the far end ---- */

static void
write_far_end (Far *far)
{
  g_autofree char *bridge = g_strdup_printf (
    "#!/bin/sh\n"
    "[ \"$SSH_ORIGINAL_COMMAND\" = systemd-stdio-bridge ] || exit 99\n"
    "cat '%s/greeting' 2>/dev/null\n"
    "[ -e '%s/no-bridge' ] && { echo 'sh: 1: systemd-stdio-bridge: not found' >&2; exit 127; }\n"
    "echo $$ >'%s/bridge.pid'\n"
    "exec systemd-stdio-bridge --bus-path='%s'\n",
    far->folder, far->folder, far->folder, far->bed.address);
  g_autofree char *sshd = g_strdup_printf (
    "ListenAddress 127.0.0.1\nPort %u\nHostKey %s/host\nPidFile none\n"
    "AuthorizedKeysFile %s/authorized\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n"
    "KbdInteractiveAuthentication no\nPermitRootLogin yes\nForceCommand %s/bridge\n"
    "LogLevel ERROR\n",
    far->port, far->folder, far->folder, far->folder);

  write_file (far, "bridge", 0755, bridge);
  write_file (far, "sshd.conf", 0600, sshd);
}

static void
authorize (Far *far, const char *key)
{
  g_autofree char *name = g_strconcat (key, ".pub", NULL);
  g_autofree char *path = in_folder (far, name);
  g_autofree char *text = NULL;

  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  write_file (far, "authorized", 0600, text);
}

/* Which key our ssh offers. */
static void
offer (Far *far, const char *key)
{
  g_autofree char *config =
    g_strdup_printf ("Host *\n  IdentityFile %s/%s\n  IdentitiesOnly yes\n  IdentityAgent none\n"
                     "  UserKnownHostsFile %s/known\n  GlobalKnownHostsFile /dev/null\n"
                     "  StrictHostKeyChecking ask\n  HashKnownHosts no\n  CheckHostIP no\n"
                     "  NumberOfPasswordPrompts 2\n",
                     far->folder, key, far->folder);

  write_file (far, "ssh.conf", 0600, config);
}

static gboolean
is_listening (gpointer user_data)
{
  Far *far = user_data;
  g_autoptr (GSocketClient) client = g_socket_client_new ();
  g_autoptr (GSocketConnection) connection =
    g_socket_client_connect_to_host (client, "127.0.0.1", far->port, NULL, NULL);

  return connection != NULL;
}

static gboolean
on_tick (gpointer user_data)
{
  return G_SOURCE_CONTINUE;
}

static void
start_sshd (Far *far)
{
  g_autofree char *program = g_find_program_in_path ("sshd");
  g_autofree char *config = in_folder (far, "sshd.conf");
  g_autoptr (GSubprocessLauncher) launcher = bed_launcher (G_SUBPROCESS_FLAGS_STDERR_SILENCE);
  g_autoptr (GError) error = NULL;
  guint tick = g_timeout_add (20, on_tick, NULL);

  far->sshd =
    g_subprocess_launcher_spawn (launcher, &error, program, "-D", "-e", "-f", config, NULL);
  g_assert_no_error (error);
  bed_wait (is_listening, far, "sshd");
  g_source_remove (tick);
}

static void
stop_sshd (Far *far)
{
  if (far->sshd == NULL)
    return;
  g_subprocess_send_signal (far->sshd, SIGTERM);
  g_subprocess_wait (far->sshd, NULL, NULL);
  g_clear_object (&far->sshd);
}

static guint
find_port (void)
{
  g_autoptr (GSocketListener) listener = g_socket_listener_new ();

  return g_socket_listener_add_any_inet_port (listener, NULL, NULL);
}

/* ---- this end ---- */

/* Found before the real one in PATH. */
static void
write_our_ssh (Far *far)
{
  g_autofree char *real = g_find_program_in_path ("ssh");
  g_autofree char *script =
    g_strdup_printf ("#!/bin/sh\nexec %s -F '%s/ssh.conf' \"$@\"\n", real, far->folder);
  g_autofree char *path = g_strconcat (far->folder, "/bin:", g_getenv ("PATH"), NULL);
  g_autofree char *bin = in_folder (far, "bin");

  g_mkdir (bin, 0700);
  write_file (far, "bin/ssh", 0755, script);
  g_setenv ("PATH", path, TRUE);
}

static void
on_question (PbaConnection *link, PbaQuestion kind, const char *text, gpointer user_data)
{
  Far *far = user_data;
  guint n = far->questions->len;

  g_ptr_array_add (far->questions, g_strdup (text));
  g_assert_cmpint (kind, ==,
                   strstr (text, "fingerprint") != NULL ? PBA_QUESTION_HOST_KEY
                                                        : PBA_QUESTION_SECRET);
  pba_connection_answer (link, n < far->answers->len ? far->answers->pdata[n] : NULL);
}

static void
far_up (Far *far, gconstpointer mode)
{
  g_autofree char *address = NULL;
  g_autofree char *path = g_strdup (g_getenv ("PATH"));

  bed_up (&far->bed, "real");
  far->folder = g_dir_make_tmp ("postbus-ssh-XXXXXX", NULL);
  far->port = find_port ();
  g_object_set_data_full (G_OBJECT (far->bed.connection), "path", g_steal_pointer (&path), g_free);
  make_key (far, "host", "");
  make_key (far, "user", "");
  write_far_end (far);
  authorize (far, "user");
  offer (far, "user");
  write_our_ssh (far);
  start_sshd (far);
  far->questions = g_ptr_array_new_with_free_func (g_free);
  far->answers = g_ptr_array_new_with_free_func (g_free);
  address = g_strdup_printf ("%s@127.0.0.1:%u", g_get_user_name (), far->port);
  far->link = pba_connection_new (address);
  g_signal_connect (far->link, "question", G_CALLBACK (on_question), far);
}

static gboolean
is_alone (gpointer user_data)
{
  return G_OBJECT (user_data)->ref_count == 1;
}

static void
far_down (Far *far, gconstpointer mode)
{
  pba_connection_close (far->link);
  bed_wait (is_alone, far->link, "the link's last caller");
  g_object_unref (far->link);
  stop_sshd (far);
  g_setenv ("PATH", g_object_get_data (G_OBJECT (far->bed.connection), "path"), TRUE);
  bed_remove_folder (far->folder);
  g_free (far->folder);
  g_ptr_array_unref (far->questions);
  g_ptr_array_unref (far->answers);
  bed_down (&far->bed, "real");
}

static void
answer (Far *far, const char *text)
{
  g_ptr_array_add (far->answers, g_strdup (text));
}

static gboolean
is_over (gpointer user_data)
{
  return pba_connection_get_state (user_data) != PBA_CONNECTION_CONNECTING;
}

/* Opens it and waits for what becomes of it. */
static void
open_link (Far *far, PbaConnectionState expected)
{
  pba_connection_open (far->link);
  bed_wait (is_over, far->link, "ssh");
  if (pba_connection_get_state (far->link) != expected)
    g_error ("the state is %d: %s (%s)", pba_connection_get_state (far->link),
             pba_connection_get_error (far->link), pba_connection_get_detail (far->link));
}

static gboolean
is_loaded (gpointer user_data)
{
  return pba_settings_model_get_loaded (user_data);
}

/* ---- tests ---- */

/* The host's key is asked for once; then a setting is changed over there. */
static void
test_works (Far *far, gconstpointer mode)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) kept = NULL;
  PbaSettingsModel *settings;

  answer (far, "yes");
  open_link (far, PBA_CONNECTION_CONNECTED);
  g_assert_cmpuint (far->questions->len, ==, 1);
  g_assert_cmpstr (pba_connection_get_host (far->link), ==, "127.0.0.1");
  g_assert_true (g_str_has_suffix (pba_connection_get_login (far->link), " via SSH"));

  settings = pba_settings_model_new (far->link);
  bed_wait (is_loaded, settings, "the settings");
  pba_setting_set_number (pba_settings_model_lookup (settings, "General.MaxRecipients"), 500);
  pba_settings_model_apply_async (settings, 0, NULL, bed_result, &result);
  g_assert_true (
    pba_settings_model_apply_finish (settings, bed_wait_result (&result, "Apply"), &error));
  g_assert_no_error (error);
  kept = bed_get (&far->bed, "General", "MaxRecipients");
  g_assert_cmpuint (g_variant_get_uint32 (kept), ==, 500);
  g_clear_object (&result);
  bed_wait (is_alone, settings, "the settings' last caller");
  g_object_unref (settings);

  pba_connection_close (far->link);
  open_link (far, PBA_CONNECTION_CONNECTED);
  g_assert_cmpuint (far->questions->len, ==, 1);
}

/* Nobody trusts the host, so nothing is sent there. */
static void
test_distrusted (Far *far, gconstpointer mode)
{
  open_link (far, PBA_CONNECTION_DISCONNECTED);
  g_assert_cmpuint (far->questions->len, ==, 1);
  g_assert_nonnull (strstr (pba_connection_get_error (far->link), "could not prove who it is"));
  g_assert_nonnull (strstr (pba_connection_get_detail (far->link), "Host key verification failed"));
}

/* It has another key than the last time. */
static void
test_other_host (Far *far, gconstpointer mode)
{
  g_autofree char *old = in_folder (far, "host");
  g_autofree char *old_public = in_folder (far, "host.pub");

  answer (far, "yes");
  open_link (far, PBA_CONNECTION_CONNECTED);
  pba_connection_close (far->link);
  stop_sshd (far);
  g_unlink (old);
  g_unlink (old_public);
  make_key (far, "host", "");
  start_sshd (far);
  open_link (far, PBA_CONNECTION_DISCONNECTED);
  g_assert_cmpuint (far->questions->len, ==, 1);
  g_assert_nonnull (strstr (pba_connection_get_error (far->link), "could not prove who it is"));
}

static void
test_refused (Far *far, gconstpointer mode)
{
  make_key (far, "stranger", "");
  offer (far, "stranger");
  answer (far, "yes");
  open_link (far, PBA_CONNECTION_DENIED);
  g_assert_nonnull (strstr (pba_connection_get_error (far->link), "SSH refuses the login"));
  g_assert_nonnull (strstr (pba_connection_get_detail (far->link), "Permission denied"));
}

static void
test_passphrase (Far *far, gconstpointer mode)
{
  make_key (far, "locked", "open sesame");
  authorize (far, "locked");
  offer (far, "locked");
  answer (far, "yes");
  answer (far, "wrong");
  answer (far, "open sesame");
  open_link (far, PBA_CONNECTION_CONNECTED);
  g_assert_cmpuint (far->questions->len, ==, 3);
  g_assert_nonnull (strstr (far->questions->pdata[2], "passphrase"));
}

/* Giving up is a refusal like any other. */
static void
test_given_up (Far *far, gconstpointer mode)
{
  make_key (far, "locked", "open sesame");
  authorize (far, "locked");
  offer (far, "locked");
  answer (far, "yes");
  open_link (far, PBA_CONNECTION_DENIED);
}

static void
test_nothing_listens (Far *far, gconstpointer mode)
{
  stop_sshd (far);
  open_link (far, PBA_CONNECTION_DISCONNECTED);
  g_assert_cmpuint (far->questions->len, ==, 0);
  g_assert_nonnull (strstr (pba_connection_get_error (far->link), "connection over SSH failed"));
  g_assert_nonnull (strstr (pba_connection_get_detail (far->link), "refused"));
}

static void
test_no_bridge (Far *far, gconstpointer mode)
{
  write_file (far, "no-bridge", 0600, "");
  answer (far, "yes");
  open_link (far, PBA_CONNECTION_DISCONNECTED);
  g_assert_nonnull (strstr (pba_connection_get_error (far->link), "systemd-stdio-bridge"));
}

/* What a login shell says before the bus does. */
static void
test_chatty (Far *far, gconstpointer mode)
{
  write_file (far, "greeting", 0600, "Welcome to the NAS.\r\n");
  answer (far, "yes");
  open_link (far, PBA_CONNECTION_DISCONNECTED);
  g_assert_nonnull (pba_connection_get_error (far->link));
}

static void
test_no_service (Far *far, gconstpointer mode)
{
  bed_stop_service (&far->bed);
  answer (far, "yes");
  open_link (far, PBA_CONNECTION_DISCONNECTED);
  g_assert_nonnull (strstr (pba_connection_get_error (far->link), "does not run there"));
}

static gboolean
is_lost (gpointer user_data)
{
  return pba_connection_get_state (user_data) == PBA_CONNECTION_LOST;
}

static gboolean
is_connected (gpointer user_data)
{
  return pba_connection_get_state (user_data) == PBA_CONNECTION_CONNECTED;
}

/* The bridge dies; the link comes back by itself, and asks nothing. */
static void
test_lost (Far *far, gconstpointer mode)
{
  g_autofree char *file = in_folder (far, "bridge.pid");
  g_autofree char *text = NULL;

  answer (far, "yes");
  open_link (far, PBA_CONNECTION_CONNECTED);
  g_assert_true (g_file_get_contents (file, &text, NULL, NULL));
  g_assert_cmpint (kill (g_ascii_strtoll (text, NULL, 10), SIGKILL), ==, 0);
  bed_wait (is_lost, far->link, "the loss");
  g_assert_nonnull (pba_connection_get_error (far->link));
  bed_wait (is_connected, far->link, "the link to come back");
  g_assert_cmpuint (far->questions->len, ==, 1);
}

/* An address is never an option of ssh's. */
static void
test_option (Far *far, gconstpointer mode)
{
  g_autofree char *trace = in_folder (far, "trace");
  g_autofree char *address = g_strdup_printf ("-oProxyCommand=touch${IFS}%s", trace);
  g_autoptr (PbaConnection) link = pba_connection_new (address);

  pba_connection_open (link);
  bed_wait (is_over, link, "the refusal");
  g_assert_cmpint (pba_connection_get_state (link), ==, PBA_CONNECTION_DISCONNECTED);
  g_assert_cmpstr (pba_connection_get_error (link), ==, "The address must not begin with “-”");
  g_assert_false (g_file_test (trace, G_FILE_TEST_EXISTS));
  pba_connection_close (link);
}

static gboolean
is_possible (void)
{
  static const char *const programs[] = { "sshd", "ssh", "ssh-keygen", "systemd-stdio-bridge" };

  for (guint i = 0; i < G_N_ELEMENTS (programs); i++)
    {
      g_autofree char *path = g_find_program_in_path (programs[i]);

      if (path != NULL)
        continue;
      g_print ("1..0 # SKIP %s is not installed\n", programs[i]);
      return FALSE;
    }
  return TRUE;
}

int
main (int argc, char **argv)
{
  static const struct
  {
    const char *path;
    void (*test) (Far *far, gconstpointer mode);
  } tests[] = {
    { "/client/ssh/works", test_works },
    { "/client/ssh/distrusted", test_distrusted },
    { "/client/ssh/other-host", test_other_host },
    { "/client/ssh/refused", test_refused },
    { "/client/ssh/passphrase", test_passphrase },
    { "/client/ssh/given-up", test_given_up },
    { "/client/ssh/nothing-listens", test_nothing_listens },
    { "/client/ssh/no-bridge", test_no_bridge },
    { "/client/ssh/chatty", test_chatty },
    { "/client/ssh/no-service", test_no_service },
    { "/client/ssh/lost", test_lost },
    { "/client/ssh/option", test_option },
  };

  setlocale (LC_ALL, "C.UTF-8");
  g_test_init (&argc, &argv, NULL);
  if (!is_possible ())
    return 0;
  /* sshd's own, where it runs as root and no system service has made it. */
  g_mkdir ("/run/sshd", 0755);
  for (guint i = 0; i < G_N_ELEMENTS (tests); i++)
    g_test_add (tests[i].path, Far, NULL, far_up, tests[i].test, far_down);
  return g_test_run ();
}
