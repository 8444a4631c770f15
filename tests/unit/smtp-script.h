/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * An SMTP server that follows a script: one script a connection, in the order in which they come. Steps:
 *   "S:text"    sends text and CRLF       "C:prefix"  reads a line that must begin with prefix
 *   "B"         reads up to CRLF.CRLF and keeps it (dot-stuffed, without the end)
 *   "D:n"       reads n octets            "E"         waits until the client closes; reads and drops
 *   "G:name"    sends 220, takes EHLO and offers the extension "name" (or none when empty)
 *   "Q"         waits for QUIT or the end
 * The end of a script closes the connection. Blocking sockets on threads of
 * its own; every wait is bounded; what went wrong fails pb_script_server_finish().
 */
#include <arpa/inet.h>
#include <glib.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define PATIENCE 20 /* seconds */

typedef struct
{
  int fd;
  guint16 port;
  const char *const *const *scripts;
  guint n_scripts;
  GThread *acceptor;
  GPtrArray *threads; /* (element-type GThread) the acceptor's until joined */
  GMutex lock;
  GPtrArray *bodies; /* guarded by lock */
  char *error;       /* guarded by lock */
} PbScriptServer;

typedef struct
{
  PbScriptServer *server;
  const char *const *script;
  guint index;
  int fd;
  GString *input;
} Connection;

static inline void
set_error (Connection *self, const char *step, const char *what)
{
  g_mutex_lock (&self->server->lock);
  if (self->server->error == NULL)
    {
      self->server->error =
        g_strdup_printf ("connection %u, step \"%s\": %s", self->index, step, what);
      /* The client's side fails first, and would not say why. */
      g_printerr ("# %s\n", self->server->error);
    }
  g_mutex_unlock (&self->server->lock);
}

static inline gboolean
fill (Connection *self)
{
  char buffer[65536];
  ssize_t got = recv (self->fd, buffer, sizeof buffer, 0);

  if (got <= 0)
    return FALSE;
  g_string_append_len (self->input, buffer, got);
  return TRUE;
}

static inline char *
take_line (Connection *self)
{
  char *end;

  while ((end = strstr (self->input->str, "\r\n")) == NULL)
    if (!fill (self))
      return NULL;
  *end = '\0';
  end = g_strdup (self->input->str);
  g_string_erase (self->input, 0, (gssize) strlen (end) + 2);
  return end;
}

static inline gboolean
send_text (Connection *self, const char *text)
{
  return send (self->fd, text, strlen (text), MSG_NOSIGNAL) == (ssize_t) strlen (text);
}

static inline gboolean
expect_line (Connection *self, const char *step, const char *prefix)
{
  g_autofree char *line = take_line (self);
  g_autofree char *what = NULL;

  if (line != NULL && g_str_has_prefix (line, prefix))
    return TRUE;
  what = g_strdup_printf ("the client said \"%s\"", line != NULL ? line : "nothing");
  set_error (self, step, what);
  return FALSE;
}

static inline gboolean
read_body (Connection *self, const char *step)
{
  char *end = NULL;
  gsize seen = 0;

  while (!g_str_has_prefix (self->input->str, ".\r\n")
         && (end = memmem (self->input->str + seen, self->input->len - seen, "\r\n.\r\n", 5))
              == NULL)
    {
      /* Only what is new is searched, and the start of a mark at the end of the old. */
      seen = self->input->len > 4 ? self->input->len - 4 : 0;
      if (!fill (self))
        {
          set_error (self, step, "no end of data");
          return FALSE;
        }
    }
  g_mutex_lock (&self->server->lock);
  if (g_str_has_prefix (self->input->str, ".\r\n"))
    {
      g_ptr_array_add (self->server->bodies, g_strdup (""));
      g_string_erase (self->input, 0, 3);
    }
  else
    {
      end += 2;
      g_ptr_array_add (self->server->bodies,
                       g_strndup (self->input->str, (gsize) (end - self->input->str)));
      g_string_erase (self->input, 0, end + 3 - self->input->str);
    }
  g_mutex_unlock (&self->server->lock);
  return TRUE;
}

static inline gboolean
greet (Connection *self, const char *step, const char *extensions)
{
  g_auto (GStrv) words = g_strsplit (extensions, ",", -1);
  g_autoptr (GString) reply = g_string_new ("");

  if (!send_text (self, "220 script ESMTP\r\n")
      || !expect_line (self, step, "EHLO mail.example.org"))
    return FALSE;
  for (char **word = words; *word != NULL; word++)
    g_string_append_printf (reply, "250-%s\r\n", *word);
  g_string_prepend (reply, "250-script\r\n");
  g_string_append (reply, "250 HELP\r\n");
  return send_text (self, reply->str);
}

static inline gboolean
run_step (Connection *self, const char *step)
{
  g_autofree char *line = NULL;

  switch (step[0])
    {
    case 'S':
      line = g_strconcat (step + 2, "\r\n", NULL);
      return send_text (self, line);
    case 'C':
      return expect_line (self, step, step + 2);
    case 'B':
      return read_body (self, step);
    case 'D':
      while (self->input->len < (gsize) atoi (step + 2))
        if (!fill (self))
          return FALSE;
      return TRUE;
    case 'G':
      return greet (self, step, step + 2);
    case 'Q':
      line = take_line (self);
      if (line != NULL && !g_str_has_prefix (line, "QUIT"))
        set_error (self, step, line);
      return FALSE;
    case 'E':
      while (fill (self))
        ;
      return FALSE;
    default:
      g_assert_not_reached ();
    }
}

static inline gpointer
serve (gpointer data)
{
  Connection *self = data;
  struct timeval patience = { PATIENCE, 0 };

  setsockopt (self->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  for (guint i = 0; self->script[i] != NULL && run_step (self, self->script[i]); i++)
    ;
  close (self->fd);
  g_string_free (self->input, TRUE);
  g_free (self);
  return NULL;
}

static inline gpointer
accept_all (gpointer data)
{
  PbScriptServer *self = data;
  int fd;

  while (self->threads->len < self->n_scripts
         && (fd = accept4 (self->fd, NULL, NULL, SOCK_CLOEXEC)) >= 0)
    {
      Connection *connection = g_new0 (Connection, 1);

      connection->server = self;
      connection->index = self->threads->len;
      connection->script = self->scripts[connection->index];
      connection->fd = fd;
      connection->input = g_string_new (NULL);
      g_ptr_array_add (self->threads, g_thread_new ("script", serve, connection));
    }
  return NULL;
}

static inline PbScriptServer *
pb_script_server_new (const char *const *const *scripts, guint n_scripts)
{
  PbScriptServer *self = g_new0 (PbScriptServer, 1);
  struct sockaddr_in address = { .sin_family = AF_INET,
                                 .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  socklen_t length = sizeof address;

  self->scripts = scripts;
  self->n_scripts = n_scripts;
  self->threads = g_ptr_array_new ();
  self->bodies = g_ptr_array_new_with_free_func (g_free);
  g_mutex_init (&self->lock);
  self->fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_assert_cmpint (bind (self->fd, (struct sockaddr *) &address, sizeof address), ==, 0);
  g_assert_cmpint (listen (self->fd, 64), ==, 0);
  g_assert_cmpint (getsockname (self->fd, (struct sockaddr *) &address, &length), ==, 0);
  self->port = ntohs (address.sin_port);
  self->acceptor = g_thread_new ("acceptor", accept_all, self);
  return self;
}

static inline guint16
pb_script_server_port (PbScriptServer *self)
{
  return self->port;
}

static inline void
join (PbScriptServer *self)
{
  if (self->acceptor == NULL)
    return;
  /* Wakes a waiting accept. */
  shutdown (self->fd, SHUT_RDWR);
  g_thread_join (g_steal_pointer (&self->acceptor));
  for (guint i = 0; i < self->threads->len; i++)
    g_thread_join (self->threads->pdata[i]);
}

/* Joins the connections that were begun; asserts that each script came true as far as it went. */
static inline void
pb_script_server_finish (PbScriptServer *self)
{
  join (self);
  g_assert_cmpstr (self->error, ==, NULL);
}

static inline const char *
pb_script_server_body (PbScriptServer *self, guint n)
{
  g_assert_cmpuint (n, <, self->bodies->len);
  return self->bodies->pdata[n];
}

static inline guint
pb_script_server_n_bodies (PbScriptServer *self)
{
  guint n;

  g_mutex_lock (&self->lock);
  n = self->bodies->len;
  g_mutex_unlock (&self->lock);
  return n;
}

static inline guint
pb_script_server_n_connections (PbScriptServer *self)
{
  return self->threads->len;
}

static inline void
pb_script_server_free (PbScriptServer *self)
{
  join (self);
  close (self->fd);
  g_ptr_array_unref (self->threads);
  g_ptr_array_unref (self->bodies);
  g_mutex_clear (&self->lock);
  g_free (self->error);
  g_free (self);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbScriptServer, pb_script_server_free)
