/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A channel's TLS: OpenSSL over the channel's own descriptor, slid in under the calls that read and write.
 *
 * Called by channel.c and its halves only, on the reactor's thread. OpenSSL reads and writes through a BIO of ours, since its own
 * for sockets would raise SIGPIPE and would ask a socket that is known to be empty. An idle session owns no buffer
 * (SSL_MODE_RELEASE_BUFFERS). What fails is put into words here; it ends the channel as any failure does. Nothing is sent in the
 * clear once a handshake has begun. OpenSSL works through whatever is no data without coming back to us: so one call reads so many
 * octets and no more, and a peer that changes its keys all the time is cut off.
 */
#include "net/channel-private.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "net/tls-private.h"

#define STREAMING       512
#define EXPORTER_LABEL  "EXPORTER-Channel-Binding" /* RFC 9266 2 */
#define EXPORTER_LENGTH 32
#define MAX_OTHERS      (64 * 1024) /* octets read in one go on top of the data that is wanted: records' own, handshakes, alerts */
#define FIRST_READ      2048
#define KEY_UPDATES     32          /* changes of the peer's key that are always let through; each costs a hundred times its record */
#define KEY_UPDATE_EACH (64 * 1024) /* octets of data that earn one more; who changes keys with a purpose does so after gigabytes */

struct _PbChannelTls
{
  SSL *ssl;      /* (owned) */
  char *failure; /* (owned) (nullable) in words */
  int error;     /* errno of the socket's, 0: none */
  gsize left;    /* octets that may still be read in this go */
  guint n_key_updates;
  guint eof : 1;    /* the peer closed its side of the socket */
  guint dry : 1;    /* the socket gave less than asked: it is not asked again before the next event */
  guint more : 1;   /* OpenSSL may hold input that no event will tell of */
  guint broken : 1; /* OpenSSL has given up: nothing can be read or written */
  guint closed : 1; /* close_notify is sent */
};

/* ---- the BIO ---- */

static void
on_message (int is_sent, int version, int type, const void *data, size_t length, SSL *ssl, void *user_data)
{
  PbChannel *self = user_data;

  if (!is_sent && type == SSL3_RT_HANDSHAKE && length > 0 && *(const guint8 *) data == SSL3_MT_KEY_UPDATE)
    self->tls->n_key_updates++;
}

static gboolean
changes_keys_too_often (PbChannel *self)
{
  PbChannelTls *tls = self->tls;

  if (tls->n_key_updates <= KEY_UPDATES + self->octets_in / KEY_UPDATE_EACH)
    return FALSE;
  if (tls->failure == NULL)
    tls->failure = g_strdup ("TLS: new keys without end");
  pb_channel_fail (self, EPROTO);
  return TRUE;
}

/* Before OpenSSL may read: the socket may have something again, @data octets of which are wanted. */
static void
begin_reading (PbChannelTls *tls, gsize data)
{
  tls->dry = FALSE;
  tls->left = data + MAX_OTHERS;
}

static int
bio_read (BIO *bio, char *to, int room)
{
  PbChannel *self = BIO_get_data (bio);
  PbChannelTls *tls = self->tls;
  ssize_t n;

  BIO_clear_retry_flags (bio);
  if (changes_keys_too_often (self))
    return -1;
  /* What is left in the socket raises another event, behind those of others. */
  if (tls->dry || tls->left == 0)
    {
      BIO_set_retry_read (bio);
      return -1;
    }
  room = (int) MIN ((gsize) room, tls->left);
  /* What it has read already it works through without asking: no more than a little, until data comes. */
  if (!self->handshaking && !self->streaming)
    room = MIN (room, FIRST_READ);
  n = recv (self->watch.fd, to, (gsize) room, 0);
  if (n > 0)
    {
      tls->dry = n < room;
      tls->left -= (gsize) n;
    }
  else if (n == 0)
    tls->eof = TRUE;
  else if (errno == EAGAIN || errno == EINTR)
    BIO_set_retry_read (bio);
  else
    tls->error = errno;
  return (int) n;
}

static int
bio_write (BIO *bio, const char *data, int length)
{
  PbChannel *self = BIO_get_data (bio);
  ssize_t n;

  BIO_clear_retry_flags (bio);
  n = send (self->watch.fd, data, (gsize) length, MSG_NOSIGNAL);
  if (n >= 0)
    return (int) n;
  if (errno == EAGAIN || errno == EINTR)
    BIO_set_retry_write (bio);
  else
    self->tls->error = errno;
  return -1;
}

static long
bio_ctrl (BIO *bio, int command, long number, void *pointer)
{
  PbChannel *self = BIO_get_data (bio);

  if (command == BIO_CTRL_FLUSH)
    return 1;
  return command == BIO_CTRL_EOF && self->tls->eof;
}

static int
bio_create (BIO *bio)
{
  BIO_set_init (bio, 1);
  return 1;
}

/* One for the life of the process. */
static const BIO_METHOD *
bio_method (void)
{
  static gsize made;

  if (g_once_init_enter (&made))
    {
      BIO_METHOD *method = BIO_meth_new (BIO_get_new_index () | BIO_TYPE_SOURCE_SINK, "channel");

      g_assert_true (method != NULL);
      BIO_meth_set_read (method, bio_read);
      BIO_meth_set_write (method, bio_write);
      BIO_meth_set_ctrl (method, bio_ctrl);
      BIO_meth_set_create (method, bio_create);
      g_once_init_leave (&made, (gsize) method);
    }
  return (const BIO_METHOD *) made;
}

/* ---- the beginning ---- */

static gboolean
attach (PbChannel *self, SSL *ssl)
{
  BIO *bio = BIO_new (bio_method ());

  if (bio == NULL)
    return FALSE;
  BIO_set_data (bio, self);
  SSL_set_bio (ssl, bio, bio);
  SSL_set_msg_callback (ssl, on_message);
  SSL_set_msg_callback_arg (ssl, self);
  self->tls = g_new0 (PbChannelTls, 1);
  self->tls->ssl = ssl;
  return TRUE;
}

static gboolean
can_start (const PbChannel *self)
{
  return self->tls == NULL && self->out == NULL && self->in_end == self->in_start
         && !self->connecting && !self->finishing && !self->failed && !self->ended && !self->eof;
}

static gboolean
expect_name (SSL *ssl, const char *name)
{
  if (g_hostname_is_ip_address (name))
    return X509_VERIFY_PARAM_set1_ip_asc (SSL_get0_param (ssl), name) == 1;
  return SSL_add1_host (ssl, name) == 1;
}

static gboolean
expect (SSL *ssl, PbTlsContext *context, const PbTlsExpectation *expected)
{
  const char *server = expected->server_name;

  if (expected->n_records > 0 && !pb_tls_dane_expect (ssl, server, expected->records, expected->n_records))
    return FALSE;
  if (server != NULL && !g_hostname_is_ip_address (server) && SSL_set_tlsext_host_name (ssl, server) != 1)
    return FALSE;
  if (!pb_tls_context_verifies (context) || expected->names == NULL)
    return TRUE;
  if (expected->no_common_name)
    SSL_set_hostflags (ssl, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  for (guint i = 0; expected->names[i] != NULL; i++)
    if (!expect_name (ssl, expected->names[i]))
      return FALSE;
  return TRUE;
}

static gboolean
start (PbChannel *self, PbTlsContext *context, const PbTlsExpectation *expected)
{
  SSL *ssl;

  if (!can_start (self))
    return FALSE;
  ssl = pb_tls_context_ssl (context);
  if (ssl == NULL)
    return FALSE;
  if ((expected != NULL && !expect (ssl, context, expected)) || !attach (self, ssl))
    {
      SSL_free (ssl);
      return FALSE;
    }
  self->handshaking = TRUE;
  self->blocked = FALSE;
  /* The client speaks first; the server is woken by that. */
  if (pb_tls_context_is_client (context))
    pb_reactor_defer (self->reactor, &self->task);
  if (!self->busy)
    pb_channel_arm (self, FALSE);
  return TRUE;
}

gboolean
pb_channel_start_tls (PbChannel *self, PbTlsContext *context)
{
  g_return_val_if_fail (!pb_tls_context_is_client (context), FALSE);
  return start (self, context, NULL);
}

gboolean
pb_channel_start_tls_client (PbChannel *self, PbTlsContext *context, const char *host)
{
  const char *const names[] = { host, NULL };
  const PbTlsExpectation expected = { .server_name = host, .names = names };

  return pb_channel_start_tls_expecting (self, context, &expected);
}

gboolean
pb_channel_start_tls_expecting (PbChannel *self, PbTlsContext *context, const PbTlsExpectation *expected)
{
  g_return_val_if_fail (pb_tls_context_is_client (context), FALSE);
  return start (self, context, expected);
}

/* ---- failures ---- */

static char *
verify_failure (SSL *ssl)
{
  long result = SSL_is_server (ssl) ? X509_V_OK : SSL_get_verify_result (ssl);

  if (result == X509_V_OK)
    return NULL;
  return g_strconcat ("TLS: certificate: ", X509_verify_cert_error_string (result), NULL);
}

/* What OpenSSL cannot go on from. */
static void
tls_fail (PbChannel *self)
{
  PbChannelTls *tls = self->tls;

  tls->broken = TRUE;
  if (tls->failure != NULL)
    return;
  if (tls->error != 0)
    {
      pb_channel_fail (self, tls->error);
      return;
    }
  if (self->handshaking && tls->eof)
    tls->failure = g_strdup ("TLS: closed in the middle of the handshake");
  else
    {
      tls->failure = verify_failure (tls->ssl);
      if (tls->failure == NULL)
        tls->failure = g_strconcat ("TLS: ", pb_tls_openssl_reason (), NULL);
    }
  ERR_clear_error ();
  pb_channel_fail (self, EPROTO);
}

/* A call of OpenSSL's returned @result, which was no success. */
static void
tls_settle (PbChannel *self, int result)
{
  int ssl_error = SSL_get_error (self->tls->ssl, result);

  if (ssl_error == SSL_ERROR_WANT_WRITE)
    self->blocked = TRUE;
  else if (ssl_error == SSL_ERROR_ZERO_RETURN && !self->handshaking)
    self->eof = TRUE;
  else if (ssl_error != SSL_ERROR_WANT_READ)
    tls_fail (self);
}

/* ---- what channel.c calls ---- */

gboolean
pb_channel_tls_handshake (PbChannel *self)
{
  PbChannelTls *tls = self->tls;
  int result;

  self->blocked = FALSE;
  begin_reading (tls, 0);
  ERR_clear_error ();
  result = SSL_do_handshake (tls->ssl);
  if (result != 1)
    {
      tls_settle (self, result);
      return FALSE;
    }
  self->handshaking = FALSE;
  tls->more = SSL_has_pending (tls->ssl) != 0;
  return TRUE;
}

gboolean
pb_channel_tls_has_more (const PbChannel *self)
{
  return self->tls->more && !self->blocked;
}

gboolean
pb_channel_tls_is_broken (const PbChannel *self)
{
  return self->tls->broken || self->handshaking;
}

gsize
pb_channel_tls_receive (PbChannel *self, char *to, gsize room)
{
  PbChannelTls *tls = self->tls;
  gsize got = 0, n = 0;
  int result = 1;

  begin_reading (tls, room);
  ERR_clear_error ();
  while (got < room && (result = SSL_read_ex (tls->ssl, to + got, room - got, &n)) == 1)
    got += n;
  if (result != 1)
    tls_settle (self, result);
  tls->more = result == 1 || self->blocked;
  if (SSL_get_ex_data (tls->ssl, 0) != NULL && tls->failure == NULL)
    {
      tls->broken = TRUE;
      tls->failure = g_strdup ("TLS: renegotiation");
      pb_channel_fail (self, EPROTO);
    }
  return got;
}

gboolean
pb_channel_tls_has_input (PbChannel *self)
{
  PbChannelTls *tls = self->tls;
  char octet;
  gsize n;
  gboolean waits;

  if (tls->broken || self->handshaking)
    return FALSE;
  if (SSL_pending (tls->ssl) > 0)
    return TRUE;
  ERR_clear_error ();
  begin_reading (tls, 0);
  /* What fails here fails again when it is read. */
  waits = SSL_peek_ex (tls->ssl, &octet, 1, &n) == 1;
  tls->more |= SSL_has_pending (tls->ssl) != 0;
  return waits;
}

gssize
pb_channel_tls_send (PbChannel *self, const char *data, gsize length)
{
  gsize sent = 0;

  ERR_clear_error ();
  if (SSL_write_ex (self->tls->ssl, data, length, &sent) == 1)
    return (gssize) sent;
  tls_settle (self, 0);
  if (!self->failed)
    return 0;
  errno = EPROTO;
  return -1;
}

gboolean
pb_channel_tls_close (PbChannel *self)
{
  PbChannelTls *tls = self->tls;
  int result;

  if (tls->closed || tls->broken || self->handshaking)
    return TRUE;
  ERR_clear_error ();
  result = SSL_shutdown (tls->ssl);
  if (result < 0 && SSL_get_error (tls->ssl, result) == SSL_ERROR_WANT_WRITE)
    {
      self->blocked = TRUE;
      return FALSE;
    }
  tls->closed = TRUE;
  return TRUE;
}

const char *
pb_channel_tls_failure (const PbChannel *self)
{
  return self->tls->failure;
}

void
pb_channel_tls_free (PbChannel *self)
{
  PbChannelTls *tls = g_steal_pointer (&self->tls);

  SSL_free (tls->ssl);
  g_free (tls->failure);
  g_free (tls);
}

/* ---- what it is ---- */

static gboolean
stands (const PbChannel *self)
{
  return self->tls != NULL && !self->handshaking && !self->tls->broken;
}

const char *
pb_channel_tls_version (PbChannel *self)
{
  return stands (self) ? SSL_get_version (self->tls->ssl) : NULL;
}

const char *
pb_channel_tls_cipher (PbChannel *self)
{
  return stands (self) ? SSL_get_cipher_name (self->tls->ssl) : NULL;
}

static GBytes *
exporter (SSL *ssl)
{
  guint8 octets[EXPORTER_LENGTH];

  if (SSL_version (ssl) < TLS1_3_VERSION && SSL_get_extms_support (ssl) != 1)
    return NULL;
  if (SSL_export_keying_material (ssl, octets, sizeof octets, EXPORTER_LABEL,
                                  sizeof EXPORTER_LABEL - 1, NULL, 0, 0)
      != 1)
    return NULL;
  return g_bytes_new (octets, sizeof octets);
}

/* RFC 5929 4.1: by the hash of the certificate's signature, SHA-256 in place of MD5 and SHA-1. */
static GBytes *
end_point (X509 *certificate)
{
  guint8 octets[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  int digest = NID_undef;
  const EVP_MD *md;

  if (certificate == NULL)
    return NULL;
  OBJ_find_sigid_algs (X509_get_signature_nid (certificate), &digest, NULL);
  if (digest == NID_undef || digest == NID_md5 || digest == NID_sha1)
    digest = NID_sha256;
  md = EVP_get_digestbynid (digest);
  if (md == NULL || X509_digest (certificate, md, octets, &length) != 1)
    return NULL;
  return g_bytes_new (octets, length);
}

GBytes *
pb_channel_tls_binding (PbChannel *self, PbTlsBinding type)
{
  GBytes *binding = NULL;

  if (!stands (self))
    return NULL;
  ERR_clear_error ();
  switch (type)
    {
    case PB_TLS_BINDING_EXPORTER:
      binding = exporter (self->tls->ssl);
      break;
    case PB_TLS_BINDING_SERVER_END_POINT:
      binding = end_point (SSL_is_server (self->tls->ssl) ? SSL_get_certificate (self->tls->ssl)
                                                          : SSL_get0_peer_certificate (self->tls->ssl));
      break;
    }
  ERR_clear_error ();
  return binding;
}

char *
pb_channel_tls_peer_fingerprint (PbChannel *self)
{
  X509 *certificate = stands (self) ? SSL_get0_peer_certificate (self->tls->ssl) : NULL;
  unsigned char *der = NULL;
  int length =
    certificate != NULL ? i2d_X509_PUBKEY (X509_get_X509_PUBKEY (certificate), &der) : -1;
  char *text;

  ERR_clear_error ();
  if (length <= 0)
    return NULL;
  text = g_compute_checksum_for_data (G_CHECKSUM_SHA256, der, (gsize) length);
  OPENSSL_free (der);
  return text;
}

void
pb_channel_tls_look (PbChannel *self)
{
  SSL_set_verify (self->tls->ssl, SSL_VERIFY_NONE, NULL);
}

PbTlsPeer *
pb_channel_tls_peer (PbChannel *self)
{
  X509 *certificate = stands (self) ? SSL_get0_peer_certificate (self->tls->ssl) : NULL;
  PbTlsPeer *peer;
  long result;

  if (certificate == NULL)
    return NULL;
  result = SSL_get_verify_result (self->tls->ssl);
  peer = g_new0 (PbTlsPeer, 1);
  pb_tls_identity_init (&peer->identity, certificate);
  peer->key_fingerprint = pb_channel_tls_peer_fingerprint (self);
  if (result != X509_V_OK)
    peer->trouble = g_strdup (X509_verify_cert_error_string (result));
  return peer;
}
