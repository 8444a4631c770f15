/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A far end for the client's tests: a real sshd on loopback, with keys and host keys of its own, and
 * there systemd-stdio-bridge to the bed's bus. Our "ssh" is the real one with a configuration of the
 * test's. What the login shell is given to run is looked at: anything else ends it.
 */
#include "far-bed.h"

#include <gio/gunixsocketaddress.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

char *
far_path (Far *far, const char *name)
{
  return g_build_filename (far->folder, name, NULL);
}

void
far_write (Far *far, const char *name, int mode, const char *text)
{
  g_autofree char *path = far_path (far, name);
  g_autoptr (GError) error = NULL;

  g_file_set_contents_full (path, text, -1, G_FILE_SET_CONTENTS_NONE, mode, &error);
  g_assert_no_error (error);
}

void
far_make_key (Far *far, const char *name, const char *passphrase)
{
  g_autofree char *path = far_path (far, name);
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
    "case $SSH_ORIGINAL_COMMAND in\n"
    "  systemd-stdio-bridge) ;;\n"
    "  'exec sh -c '*polkit-agent-helper-1*) exec '%s/helper' \"$SSH_ORIGINAL_COMMAND\" ;;\n"
    "  *) exit 99 ;;\n"
    "esac\n"
    "cat '%s/greeting' 2>/dev/null\n"
    "[ -e '%s/no-bridge' ] && { echo 'sh: 1: systemd-stdio-bridge: not found' >&2; exit 127; }\n"
    "echo $$ >'%s/bridge.pid'\n"
    "exec systemd-stdio-bridge --bus-path='%s'\n",
    far->folder, far->folder, far->folder, far->folder, far->bed.address);
  g_autofree char *sshd = g_strdup_printf (
    "ListenAddress 127.0.0.1\nPort %u\nHostKey %s/host\nPidFile none\n"
    "AuthorizedKeysFile %s/authorized\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n"
    "KbdInteractiveAuthentication no\nPermitRootLogin yes\nForceCommand %s/bridge\n"
    "LogLevel ERROR\n",
    far->port, far->folder, far->folder, far->folder);

  far_write (far, "bridge", 0755, bridge);
  far_write (far, "sshd.conf", 0600, sshd);
}

void
far_authorize (Far *far, const char *key)
{
  g_autofree char *name = g_strconcat (key, ".pub", NULL);
  g_autofree char *path = far_path (far, name);
  g_autofree char *text = NULL;

  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  far_write (far, "authorized", 0600, text);
}

/* Which key our ssh offers. */
void
far_offer (Far *far, const char *key)
{
  g_autofree char *config =
    g_strdup_printf ("Host *\n  IdentityFile %s/%s\n  IdentitiesOnly yes\n  IdentityAgent none\n"
                     "  UserKnownHostsFile %s/known\n  GlobalKnownHostsFile /dev/null\n"
                     "  StrictHostKeyChecking ask\n  HashKnownHosts no\n  CheckHostIP no\n"
                     "  NumberOfPasswordPrompts 2\n",
                     far->folder, key, far->folder);

  far_write (far, "ssh.conf", 0600, config);
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

void
far_start_sshd (Far *far)
{
  g_autofree char *program = g_find_program_in_path ("sshd");
  g_autofree char *config = far_path (far, "sshd.conf");
  g_autoptr (GSubprocessLauncher) launcher = bed_launcher (G_SUBPROCESS_FLAGS_STDERR_SILENCE);
  g_autoptr (GError) error = NULL;
  guint tick = g_timeout_add (20, on_tick, NULL);

  far->sshd =
    g_subprocess_launcher_spawn (launcher, &error, program, "-D", "-e", "-f", config, NULL);
  g_assert_no_error (error);
  bed_wait (is_listening, far, "sshd");
  g_source_remove (tick);
}

void
far_stop_sshd (Far *far)
{
  if (far->sshd == NULL)
    return;
  g_subprocess_send_signal (far->sshd, SIGTERM);
  g_subprocess_wait (far->sshd, NULL, NULL);
  g_clear_object (&far->sshd);
}

/* Below those that the kernel gives away, so that it stays free while sshd is down, and above those of the integration tests. A name
 * that goes with this process marks it for those that run beside it. */
static guint
find_port (void)
{
  static GSocket *mark = NULL;
  static guint port = 0;

  for (guint i = 0; mark == NULL && i < 2000; i++)
    {
      g_autoptr (GSocketAddress) address = NULL;
      g_autofree char *name = NULL;

      port = 30100 + ((guint) getpid () + i) % 2000;
      name = g_strdup_printf ("postbus-test-far-%u", port);
      address = g_unix_socket_address_new_with_type (name, -1, G_UNIX_SOCKET_ADDRESS_ABSTRACT);
      mark = g_socket_new (G_SOCKET_FAMILY_UNIX, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_DEFAULT, NULL);
      g_assert_nonnull (mark);
      if (!g_socket_bind (mark, address, FALSE, NULL))
        g_clear_object (&mark);
    }
  g_assert_nonnull (mark);
  return port;
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
  g_autofree char *bin = far_path (far, "bin");

  g_mkdir (bin, 0700);
  far_write (far, "bin/ssh", 0755, script);
  g_setenv ("PATH", path, TRUE);
}

static void
on_question (PbaConnection *link, PbaQuestion kind, const char *text, gpointer user_data)
{
  Far *far = user_data;
  guint n = far->questions->len;

  g_ptr_array_add (far->questions, g_strdup (text));
  g_assert_cmpint (kind, ==,
                   strstr (text, "fingerprint") != NULL                  ? PBA_QUESTION_HOST_KEY
                   : strstr (text, "Settings are to be changed") != NULL ? PBA_QUESTION_AUTHENTICATE
                                                                         : PBA_QUESTION_SECRET);
  pba_connection_answer (link, n < far->answers->len ? far->answers->pdata[n] : NULL);
}

void
far_up (Far *far, gconstpointer mode)
{
  g_autofree char *address = NULL;
  g_autofree char *path = g_strdup (g_getenv ("PATH"));

  bed_up (&far->bed, "real");
  far->folder = g_dir_make_tmp ("postbus-ssh-XXXXXX", NULL);
  far->port = find_port ();
  g_object_set_data_full (G_OBJECT (far->bed.connection), "path", g_steal_pointer (&path), g_free);
  far_make_key (far, "host", "");
  far_make_key (far, "user", "");
  write_far_end (far);
  far_authorize (far, "user");
  far_offer (far, "user");
  write_our_ssh (far);
  far_start_sshd (far);
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

void
far_down (Far *far, gconstpointer mode)
{
  pba_connection_close (far->link);
  bed_wait (is_alone, far->link, "the link's last caller");
  g_object_unref (far->link);
  far_stop_sshd (far);
  g_setenv ("PATH", g_object_get_data (G_OBJECT (far->bed.connection), "path"), TRUE);
  bed_remove_folder (far->folder);
  g_free (far->folder);
  g_ptr_array_unref (far->questions);
  g_ptr_array_unref (far->answers);
  bed_down (&far->bed, "real");
}

void
far_answer (Far *far, const char *text)
{
  g_ptr_array_add (far->answers, g_strdup (text));
}

static gboolean
is_over (gpointer user_data)
{
  return pba_connection_get_state (user_data) != PBA_CONNECTION_CONNECTING;
}

/* Opens it and waits for what becomes of it. */
void
far_open (Far *far, PbaConnectionState expected)
{
  pba_connection_open (far->link);
  bed_wait (is_over, far->link, "ssh");
  if (pba_connection_get_state (far->link) != expected)
    g_error ("the state is %d: %s (%s)", pba_connection_get_state (far->link),
             pba_connection_get_error (far->link), pba_connection_get_detail (far->link));
}

gboolean
far_is_possible (void)
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
  /* sshd's own, where it runs as root and no system service has made it. */
  g_mkdir ("/run/sshd", 0755);
  return TRUE;
}
