/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * An SMTP server that follows a script: one script a connection, in the order in which they come. Steps:
 *   "S:text"    sends text and CRLF       "C:prefix"  reads a line that must begin with prefix
 *   "B"         reads up to CRLF.CRLF and keeps it (dot-stuffed, without the end)
 *   "D:n"       reads n octets            "E"         waits until the client closes; reads and drops
 *   "G:name"    sends 220, takes EHLO and offers the extension "name" (or none when empty)
 *   "H:name"    likewise behind a greeting that was sent
 *   "Q"         waits for QUIT or the end
 *   "K:prefix"  reads a BDAT that must begin with prefix, keeps what it brings
 *   "L:n"       sends n lines of one reply, "250-" and 72 octets, with no end
 *   "P:n"       likewise, with a pause behind each
 *   "T"         TLS from here on, as pb_script_server_use_tls() said
 *   "A:secret"  takes AUTH with that password, as a server would that offers it
 *   "U:text"    takes AUTH SCRAM-SHA-256, and sends a challenge that is costly to answer and, at once, text
 * "S:" and "C:" of what may hold TLS or not are the same. The end of a script closes the connection. Blocking sockets on threads of
 * its own; every wait is bounded; what went wrong fails pb_script_server_finish().
 */
#include "protocol/sasl.h"
#include "util/saslprep.h"
#include <arpa/inet.h>
#include <glib.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
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
  guint n_silent;    /* guarded by lock: connections that came to an E */
  SSL_CTX *tls;      /* (owned) (nullable) */
  gboolean lmtp;
  gboolean offers_plus; /* SCRAM-SHA-256-PLUS: who claims not to have seen it is refused */
} PbScriptServer;

typedef struct
{
  PbScriptServer *server;
  const char *const *script;
  guint index;
  int fd;
  SSL *ssl; /* (owned) (nullable) */
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
  ssize_t got = self->ssl != NULL ? SSL_read (self->ssl, buffer, sizeof buffer)
                                  : recv (self->fd, buffer, sizeof buffer, 0);

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
  gsize length = strlen (text);

  if (self->ssl != NULL)
    return SSL_write (self->ssl, text, (int) length) == (int) length;
  return send (self->fd, text, length, MSG_NOSIGNAL) == (ssize_t) length;
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

/* "BDAT 12 LAST" and twelve octets. */
static inline gboolean
read_bdat (Connection *self, const char *step, const char *prefix)
{
  g_autofree char *line = take_line (self);
  gsize length;

  if (line == NULL || !g_str_has_prefix (line, prefix))
    {
      set_error (self, step, line != NULL ? line : "nothing");
      return FALSE;
    }
  length = strtoul (line + strlen ("BDAT "), NULL, 10);
  while (self->input->len < length)
    if (!fill (self))
      {
        set_error (self, step, "the chunk is cut");
        return FALSE;
      }
  g_mutex_lock (&self->server->lock);
  g_ptr_array_add (self->server->bodies, g_strndup (self->input->str, length));
  g_mutex_unlock (&self->server->lock);
  g_string_erase (self->input, 0, (gssize) length);
  return TRUE;
}

static inline gboolean
send_lines (Connection *self, guint n, gulong pause)
{
  g_autofree char *filler = g_strnfill (72, 'x');
  g_autofree char *line = g_strconcat ("250-", filler, "\r\n", NULL);

  for (guint i = 0; i < n; i++)
    {
      if (!send_text (self, line))
        return FALSE;
      g_usleep (pause);
    }
  return TRUE;
}

static inline gboolean
accept_tls (Connection *self)
{
  self->ssl = SSL_new (self->server->tls);
  SSL_set_fd (self->ssl, self->fd);
  /* A client that does not like it goes; what it makes of that is what is tested. */
  return SSL_accept (self->ssl) == 1;
}

static inline gboolean
send_challenge (Connection *self, const GString *challenge)
{
  g_autofree char *base64 = g_base64_encode ((const guchar *) challenge->str, challenge->len);
  g_autofree char *line = g_strdup_printf ("334 %s\r\n", base64);

  return send_text (self, line);
}

/* RFC 9266 2, by OpenSSL without the channel. */
static inline GBytes *
export_keys (SSL *ssl)
{
  guint8 octets[32];

  g_assert_cmpint (SSL_export_keying_material (ssl, octets, sizeof octets, "EXPORTER-Channel-Binding",
                                               strlen ("EXPORTER-Channel-Binding"), NULL, 0, 0),
                   ==, 1);
  return g_bytes_new (octets, sizeof octets);
}

/* Says "235", "535", or nothing when it is no login at all. */
static inline gboolean
take_login (Connection *self, const char *step, const char *password)
{
  g_autofree char *line = take_line (self);
  g_auto (GStrv) words = g_strsplit (line != NULL ? line : "", " ", 3);
  g_autoptr (GBytes) exporter = self->ssl != NULL ? export_keys (self->ssl) : NULL;
  const PbSaslBindings bindings = { self->server->offers_plus, exporter, NULL };
  g_autoptr (PbSecret) known = pb_secret_copy (password, strlen (password));
  g_autoptr (GString) challenge = g_string_new ("");
  g_autoptr (PbSasl) sasl = NULL;
  PbSaslMechanism mechanism;
  PbSaslStep what = PB_SASL_CONTINUE;
  PbVerifier verifier;
  const char *response;

  if (g_strv_length (words) < 2 || !g_str_equal (words[0], "AUTH")
      || !pb_sasl_mechanism_lookup (words[1], strlen (words[1]), &mechanism))
    {
      set_error (self, step, line != NULL ? line : "nothing");
      return FALSE;
    }
  pb_verifier_init (&verifier, known);
  sasl = pb_sasl_new (mechanism, &bindings, "server");
  response = words[2];
  if (response == NULL)
    pb_sasl_begin (sasl, challenge);
  while (what == PB_SASL_CONTINUE)
    {
      g_autoptr (PbSecret) decoded = NULL;

      if (response == NULL)
        {
          g_free (line);
          if (!send_challenge (self, challenge) || (line = take_line (self)) == NULL)
            return FALSE;
          response = line;
        }
      decoded = pb_sasl_decode (response, strlen (response));
      response = NULL;
      if (decoded == NULL)
        break;
      what = pb_sasl_feed (sasl, decoded, challenge);
      if (what == PB_SASL_LOOK_UP)
        what = pb_sasl_answer_verifier (sasl, &verifier, challenge);
    }
  if (what == PB_SASL_CHECK && pb_verifier_matches (&verifier, pb_sasl_password (sasl)))
    what = PB_SASL_PROVEN;
  return send_text (self, what == PB_SASL_PROVEN ? "235 2.7.0 welcome\r\n"
                                                 : "535 5.7.8 wrong password\r\n");
}

/* The challenge and what stands behind it leave together, so that the client sees both before it has its answer. */
static inline gboolean
challenge_and_say (Connection *self, const char *step, const char *text)
{
  static const char command[] = "AUTH SCRAM-SHA-256 ";
  g_autofree char *line = take_line (self);
  g_autoptr (PbSecret) first = NULL;
  g_autofree char *message = NULL;
  g_autofree char *base64 = NULL;
  g_autofree char *reply = NULL;
  const char *nonce;

  if (line == NULL || !g_str_has_prefix (line, command))
    {
      set_error (self, step, line != NULL ? line : "nothing");
      return FALSE;
    }
  first = pb_sasl_decode (line + strlen (command), strlen (line) - strlen (command));
  nonce = strstr ((const char *) first->data, ",r=");
  message = g_strdup_printf ("%sserver,s=c2FsdA==,i=100000", nonce + 1);
  base64 = g_base64_encode ((const guchar *) message, strlen (message));
  reply = g_strdup_printf ("334 %s\r\n%s\r\n", base64, text);
  return send_text (self, reply);
}

static inline gboolean
greet (Connection *self, const char *step, const char *extensions)
{
  g_auto (GStrv) words = g_strsplit (extensions, ",", -1);
  g_autoptr (GString) reply = g_string_new ("");

  if ((step[0] == 'G' && !send_text (self, "220 script ESMTP\r\n"))
      || !expect_line (self, step, self->server->lmtp ? "LHLO mail.example.org"
                                                      : "EHLO mail.example.org"))
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
    case 'K':
      return read_bdat (self, step, step + 2);
    case 'L':
      return send_lines (self, (guint) atoi (step + 2), 0);
    case 'P':
      return send_lines (self, (guint) atoi (step + 2), 20000);
    case 'T':
      return accept_tls (self);
    case 'A':
      return take_login (self, step, step + 2);
    case 'U':
      return challenge_and_say (self, step, step + 2);
    case 'G':
    case 'H':
      return greet (self, step, step + 2);
    case 'Q':
      line = take_line (self);
      if (line != NULL && !g_str_has_prefix (line, "QUIT"))
        set_error (self, step, line);
      return FALSE;
    case 'E':
      g_mutex_lock (&self->server->lock);
      self->server->n_silent++;
      g_mutex_unlock (&self->server->lock);
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
  if (self->ssl != NULL)
    SSL_free (self->ssl);
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
script_server_start (const char *const *const *scripts, guint n_scripts, int fd)
{
  PbScriptServer *self = g_new0 (PbScriptServer, 1);

  self->scripts = scripts;
  self->n_scripts = n_scripts;
  self->threads = g_ptr_array_new ();
  self->bodies = g_ptr_array_new_with_free_func (g_free);
  g_mutex_init (&self->lock);
  self->fd = fd;
  g_assert_cmpint (listen (self->fd, 64), ==, 0);
  self->acceptor = g_thread_new ("acceptor", accept_all, self);
  return self;
}

static inline PbScriptServer *
pb_script_server_new (const char *const *const *scripts, guint n_scripts)
{
  struct sockaddr_in address = { .sin_family = AF_INET,
                                 .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  socklen_t length = sizeof address;
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  PbScriptServer *self;

  g_assert_cmpint (bind (fd, (struct sockaddr *) &address, sizeof address), ==, 0);
  g_assert_cmpint (getsockname (fd, (struct sockaddr *) &address, &length), ==, 0);
  self = script_server_start (scripts, n_scripts, fd);
  self->port = ntohs (address.sin_port);
  return self;
}

static inline PbScriptServer *
pb_script_server_new_unix (const char *const *const *scripts, guint n_scripts, const char *path)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  g_strlcpy (address.sun_path, path, sizeof address.sun_path);
  g_assert_cmpint (bind (fd, (struct sockaddr *) &address, sizeof address), ==, 0);
  return script_server_start (scripts, n_scripts, fd);
}

/* Before the first connection; @pem: the certificate and its key. */
static inline void
pb_script_server_use_tls (PbScriptServer *self, const char *pem)
{
  BIO *chain = BIO_new_mem_buf (pem, -1), *key = BIO_new_mem_buf (pem, -1);
  X509 *certificate = PEM_read_bio_X509 (chain, NULL, NULL, NULL);
  EVP_PKEY *private = PEM_read_bio_PrivateKey (key, NULL, NULL, NULL);

  /* OpenSSL's own sockets raise it; the client's do not. */
  signal (SIGPIPE, SIG_IGN);
  self->tls = SSL_CTX_new (TLS_server_method ());
  g_assert_cmpint (SSL_CTX_use_certificate (self->tls, certificate), ==, 1);
  g_assert_cmpint (SSL_CTX_use_PrivateKey (self->tls, private), ==, 1);
  X509_free (certificate);
  EVP_PKEY_free (private);
  BIO_free (chain);
  BIO_free (key);
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
pb_script_server_n_silent (PbScriptServer *self)
{
  guint n;

  g_mutex_lock (&self->lock);
  n = self->n_silent;
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
  SSL_CTX_free (self->tls);
  g_free (self->error);
  g_free (self);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbScriptServer, pb_script_server_free)
