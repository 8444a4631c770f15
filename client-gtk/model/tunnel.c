/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * D-Bus through ssh: `ssh -T -- user@host systemd-stdio-bridge`, its pipes as one stream. Called by
 * connection.c, one object a try, and by the agent with another command. ssh asks through our askpass program, which connects to a socket in
 * a private folder and sends the question; it comes out as a signal and the answer goes back the same
 * way. What ssh writes to stderr is kept, at most 8 KiB, to be shown. Nothing of the address can become
 * an option: a leading "-" and every character that a shell or ssh's configuration could read otherwise
 * is refused. The object owns process, socket and folder; they go with it.
 */
#include "model/tunnel.h"

#include "model/config.h"
#include "model/wipe.h"

#include <gio/gunixsocketaddress.h>
#include <glib/gi18n.h>
#include <glib/gstdio.h>
#include <string.h>

#define MAX_WORDS    8192
#define MAX_QUESTION 4096
#define BRIDGE       "systemd-stdio-bridge"

struct _PbaTunnel
{
  GObject parent_instance;

  GSubprocess *process; /* (owned) */
  GIOStream *stream;    /* (owned) */
  GString *words;       /* (owned): of stderr */
  char buffer[512];
  gboolean words_ended, process_ended;
  GTask *waiting; /* (owned) (nullable): of ended_async */

  char *folder;              /* (owned): of the socket */
  char *socket_path;         /* (owned) */
  GSocketService *service;   /* (owned) (nullable) */
  GSocketConnection *asking; /* (owned) (nullable): who waits for an answer */
  char question[MAX_QUESTION];
};

G_DEFINE_FINAL_TYPE (PbaTunnel, pba_tunnel, G_TYPE_OBJECT)

static guint question_signal;

static gboolean
refuse (GError **error, const char *sentence)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, sentence);
  return FALSE;
}

static gboolean
has_only_harmless (const char *text)
{
  for (const char *p = text; *p != '\0'; p++)
    if (!g_ascii_isalnum (*p) && strchr ("._-+%:[]@", *p) == NULL)
      return FALSE;
  return text[0] != '\0' && text[0] != '-';
}

/* "host", "host:port", "2001:db8::1", "[2001:db8::1]:port". */
static void
split_port (const char *text, char **host, char **port)
{
  const char *colon = strrchr (text, ':');
  gsize length = strlen (text);

  *port = NULL;
  if (text[0] == '[' && strstr (text, "]:") != NULL)
    {
      *port = g_strdup (strstr (text, "]:") + 2);
      *host = g_strndup (text + 1, strstr (text, "]:") - text - 1);
    }
  else if (text[0] == '[' && text[length - 1] == ']')
    *host = g_strndup (text + 1, length - 2);
  else if (colon != NULL && strchr (text, ':') == colon)
    {
      *port = g_strdup (colon + 1);
      *host = g_strndup (text, colon - text);
    }
  else
    *host = g_strdup (text);
}

gboolean
pba_tunnel_split (const char *address, char **user, char **host, char **port, GError **error)
{
  const char *at = strrchr (address, '@');
  g_autofree char *name = at != NULL ? g_strndup (address, at - address) : NULL;
  g_autofree char *where = NULL;
  g_autofree char *number = NULL;

  if (address[0] == '\0')
    return refuse (error, _ ("Enter a user and a host, such as admin@nas.example.org"));
  if (address[0] == '-')
    return refuse (error, _ ("The address must not begin with “-”"));
  split_port (at != NULL ? at + 1 : address, &where, &number);
  if (name != NULL && (!has_only_harmless (name) || strchr (name, ':') != NULL))
    return refuse (error,
                   _ ("The user must be a login name, such as admin in admin@nas.example.org"));
  if (!has_only_harmless (where) || strpbrk (where, "[]@+") != NULL)
    return refuse (error, _ ("The host must be a name or an IP address, such as nas.example.org"));
  if (number != NULL && !g_ascii_string_to_unsigned (number, 10, 1, 65535, NULL, NULL))
    return refuse (error,
                   _ ("The port must be a number between 1 and 65535, as in nas.example.org:2222"));

  if (user != NULL)
    *user = g_steal_pointer (&name);
  if (host != NULL)
    *host = g_steal_pointer (&where);
  if (port != NULL)
    *port = g_steal_pointer (&number);
  return TRUE;
}

/* ---- questions ---- */

static void
on_answered (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_output_stream_write_all_finish (G_OUTPUT_STREAM (source), result, NULL, NULL);
  g_io_stream_close_async (G_IO_STREAM (user_data), G_PRIORITY_DEFAULT, NULL, NULL, NULL);
  g_object_unref (user_data);
}

void
pba_tunnel_answer (PbaTunnel *self, const char *text)
{
  g_autoptr (GSocketConnection) asking = g_steal_pointer (&self->asking);
  g_autoptr (GBytes) bytes = NULL;
  char *line;

  if (asking == NULL)
    return;
  line = g_strconcat (text != NULL ? "+" : "-", text, NULL);
  bytes = g_bytes_new_with_free_func (line, strlen (line), (GDestroyNotify) pba_wipe_free, line);
  g_object_set_data_full (G_OBJECT (asking), "answer", g_bytes_ref (bytes),
                          (GDestroyNotify) g_bytes_unref);
  g_output_stream_write_all_async (g_io_stream_get_output_stream (G_IO_STREAM (asking)),
                                   g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes),
                                   G_PRIORITY_DEFAULT, NULL, on_answered, g_object_ref (asking));
}

static void
on_question (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (PbaTunnel) self = user_data;
  g_autofree char *text = NULL;
  gsize n = 0;
  PbaQuestion kind = PBA_QUESTION_SECRET;

  if (!g_input_stream_read_all_finish (G_INPUT_STREAM (source), result, &n, NULL)
      || self->asking == NULL)
    return;
  text = g_utf8_make_valid (self->question, n);
  if (strstr (text, "(yes/no") != NULL)
    kind = PBA_QUESTION_HOST_KEY;
  g_signal_emit (self, question_signal, 0, kind, text);
}

static gboolean
on_asked (GSocketService *service, GSocketConnection *connection, GObject *source,
          gpointer user_data)
{
  PbaTunnel *self = user_data;

  pba_tunnel_answer (self, NULL); /* one at a time: ssh waits for each */
  self->asking = g_object_ref (connection);
  g_input_stream_read_all_async (g_io_stream_get_input_stream (G_IO_STREAM (connection)),
                                 self->question, sizeof self->question - 1, G_PRIORITY_DEFAULT,
                                 NULL, on_question, g_object_ref (self));
  return TRUE;
}

static gboolean
listen_for_questions (PbaTunnel *self, GError **error)
{
  g_autoptr (GSocketAddress) address = NULL;

  self->folder = g_dir_make_tmp ("postbus-admin-XXXXXX", error);
  if (self->folder == NULL)
    return FALSE;
  self->socket_path = g_build_filename (self->folder, "askpass", NULL);
  address = g_unix_socket_address_new (self->socket_path);
  self->service = g_socket_service_new ();
  g_signal_connect (self->service, "incoming", G_CALLBACK (on_asked), self);
  return g_socket_listener_add_address (G_SOCKET_LISTENER (self->service), address,
                                        G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_DEFAULT, NULL, NULL,
                                        error);
}

/* Beside the running program in the build folder, else where it was installed. */
static char *
find_askpass (void)
{
  g_autofree char *self = g_file_read_link ("/proc/self/exe", NULL);
  g_autofree char *folder = self != NULL ? g_path_get_dirname (self) : NULL;
  g_autofree char *beside =
    folder != NULL ? g_build_filename (folder, "postbus-admin-askpass", NULL) : NULL;
  const char *given = g_getenv ("POSTBUS_ADMIN_ASKPASS");

  if (given != NULL)
    return g_strdup (given);
  if (beside != NULL && g_file_test (beside, G_FILE_TEST_IS_EXECUTABLE))
    return g_steal_pointer (&beside);
  return g_build_filename (PB_LIBEXECDIR, "postbus-admin-askpass", NULL);
}

/* ---- the process ---- */

static void
answer_if_over (PbaTunnel *self)
{
  g_autoptr (GTask) task = NULL;

  if (!self->words_ended || !self->process_ended || self->waiting == NULL)
    return;
  task = g_steal_pointer (&self->waiting);
  g_task_return_pointer (task,
                         self->words->len > 0 ? g_utf8_make_valid (self->words->str, -1) : NULL,
                         g_free);
}

static void
on_words (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (PbaTunnel) self = user_data;
  gssize n = g_input_stream_read_finish (G_INPUT_STREAM (source), result, NULL);

  if (n <= 0)
    {
      self->words_ended = TRUE;
      answer_if_over (self);
      return;
    }
  if (self->words->len < MAX_WORDS)
    g_string_append_len (self->words, self->buffer, n);
  g_input_stream_read_async (G_INPUT_STREAM (source), self->buffer, sizeof self->buffer,
                             G_PRIORITY_DEFAULT, NULL, on_words, g_object_ref (self));
}

static void
on_process_ended (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (PbaTunnel) self = user_data;

  g_subprocess_wait_finish (G_SUBPROCESS (source), result, NULL);
  self->process_ended = TRUE;
  answer_if_over (self);
}

static GSubprocess *
spawn_ssh (PbaTunnel *self, const char *user, const char *host, const char *port,
           const char *command, gboolean ask, GError **error)
{
  g_autoptr (GSubprocessLauncher) launcher =
    g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE
                               | G_SUBPROCESS_FLAGS_STDERR_PIPE);
  g_autoptr (GPtrArray) argv = g_ptr_array_new ();
  g_autofree char *askpass = find_askpass ();
  g_autofree char *where = user != NULL ? g_strconcat (user, "@", host, NULL) : g_strdup (host);

  g_subprocess_launcher_setenv (launcher, "SSH_ASKPASS", askpass, TRUE);
  g_subprocess_launcher_setenv (launcher, "SSH_ASKPASS_REQUIRE", "force", TRUE);
  g_subprocess_launcher_setenv (launcher, "POSTBUS_ASKPASS_SOCKET", self->socket_path, TRUE);
  g_ptr_array_add (argv, (gpointer) "ssh");
  g_ptr_array_add (argv, (gpointer) "-T");
  if (!ask)
    {
      g_ptr_array_add (argv, (gpointer) "-o");
      g_ptr_array_add (argv, (gpointer) "BatchMode=yes");
    }
  g_ptr_array_add (argv, (gpointer) "-o");
  g_ptr_array_add (argv, (gpointer) "ServerAliveInterval=15");
  if (port != NULL)
    {
      g_ptr_array_add (argv, (gpointer) "-p");
      g_ptr_array_add (argv, (gpointer) port);
    }
  g_ptr_array_add (argv, (gpointer) "--");
  g_ptr_array_add (argv, where);
  g_ptr_array_add (argv, (gpointer) command);
  g_ptr_array_add (argv, NULL);
  return g_subprocess_launcher_spawnv (launcher, (const char *const *) argv->pdata, error);
}

PbaTunnel *
pba_tunnel_new (const char *address, const char *command, gboolean ask, GError **error)
{
  const char *bridge = g_getenv ("POSTBUS_ADMIN_BRIDGE");
  g_autoptr (PbaTunnel) self = g_object_new (PBA_TYPE_TUNNEL, NULL);
  g_autofree char *user = NULL;
  g_autofree char *host = NULL;
  g_autofree char *port = NULL;

  if (!pba_tunnel_split (address, &user, &host, &port, error)
      || !listen_for_questions (self, error))
    return NULL;
  if (command == NULL)
    command = bridge != NULL ? bridge : BRIDGE;
  self->process = spawn_ssh (self, user, host, port, command, ask, error);
  if (self->process == NULL)
    return NULL;
  self->stream = g_simple_io_stream_new (g_subprocess_get_stdout_pipe (self->process),
                                         g_subprocess_get_stdin_pipe (self->process));
  g_input_stream_read_async (g_subprocess_get_stderr_pipe (self->process), self->buffer,
                             sizeof self->buffer, G_PRIORITY_DEFAULT, NULL, on_words,
                             g_object_ref (self));
  g_subprocess_wait_async (self->process, NULL, on_process_ended, g_object_ref (self));
  return g_steal_pointer (&self);
}

GIOStream *
pba_tunnel_get_stream (PbaTunnel *self)
{
  return self->stream;
}

void
pba_tunnel_ended_async (PbaTunnel *self, GAsyncReadyCallback callback, gpointer user_data)
{
  g_return_if_fail (self->waiting == NULL);

  self->waiting = g_task_new (self, NULL, callback, user_data);
  g_task_set_source_tag (self->waiting, pba_tunnel_ended_async);
  answer_if_over (self);
}

char *
pba_tunnel_ended_finish (PbaTunnel *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

void
pba_tunnel_end (PbaTunnel *self)
{
  pba_tunnel_answer (self, NULL);
  if (self->process != NULL && !self->process_ended)
    g_subprocess_send_signal (self->process, SIGTERM);
}

static void
pba_tunnel_finalize (GObject *object)
{
  PbaTunnel *self = PBA_TUNNEL (object);

  if (self->service != NULL)
    {
      g_socket_service_stop (self->service);
      g_socket_listener_close (G_SOCKET_LISTENER (self->service));
    }
  if (self->socket_path != NULL)
    g_unlink (self->socket_path);
  if (self->folder != NULL)
    g_rmdir (self->folder);
  g_clear_object (&self->service);
  g_clear_object (&self->asking);
  g_clear_object (&self->stream);
  g_clear_object (&self->process);
  g_string_free (self->words, TRUE);
  g_free (self->socket_path);
  g_free (self->folder);

  G_OBJECT_CLASS (pba_tunnel_parent_class)->finalize (object);
}

static void
pba_tunnel_class_init (PbaTunnelClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = pba_tunnel_finalize;
  question_signal = g_signal_new ("question", PBA_TYPE_TUNNEL, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                  NULL, G_TYPE_NONE, 2, G_TYPE_INT, G_TYPE_STRING);
}

static void
pba_tunnel_init (PbaTunnel *self)
{
  self->words = g_string_new (NULL);
}
