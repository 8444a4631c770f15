/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What TLS handshakes are made from, by OpenSSL. Contexts are made when a certificate or a setting changes,
 * never by a connection; channel-tls.c makes one SSL object a connection from them.
 *
 * The server's choices: suites with forward secrecy and AEAD or CBC under ECDHE, ours before the client's; no compression,
 * no renegotiation, no early data; no cache of sessions (memory that clients choose), but one ticket a handshake, under a
 * key that lives as long as the context. A name asked for by SNI is neither looked at nor confirmed: there is one pair, and
 * a client that wants another name says so better than a refused handshake would.
 */
#include "net/tls-private.h"

#include <openssl/err.h>

#define SUITES "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES:!aNULL:!eNULL:!PSK:!SRP"
#define OPTIONS                                                                                    \
  (SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE               \
   | SSL_OP_PRIORITIZE_CHACHA | SSL_OP_IGNORE_UNEXPECTED_EOF)
#define MODES                                                                                      \
  (SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER)

G_DEFINE_QUARK (pb-tls-error-quark, pb_tls_error)

struct _PbTlsContext
{
  gatomicrefcount references;
  SSL_CTX *ctx; /* (owned) */
  gboolean is_client, verifies;
};

struct _PbTlsSlot
{
  GMutex lock;
  PbTlsContext *context; /* (owned) (nullable) under lock */
};

const char *
pb_tls_openssl_reason (void)
{
  unsigned long code = ERR_peek_error ();
  const char *reason = code != 0 ? ERR_reason_error_string (code) : NULL;

  ERR_clear_error ();
  return reason != NULL ? reason : "unknown reason";
}

/* A renegotiation is refused with this alert; then the channel ends. */
static void
on_ssl_state (const SSL *ssl, int where, int value)
{
  if ((where & SSL_CB_WRITE_ALERT) == SSL_CB_WRITE_ALERT && (value & 0xff) == SSL_AD_NO_RENEGOTIATION)
    SSL_set_ex_data ((SSL *) ssl, 0, (gpointer) ssl);
}

static PbTlsContext *
context_new (const SSL_METHOD *method, PbTlsVersion minimum)
{
  PbTlsContext *self = g_new0 (PbTlsContext, 1);

  g_atomic_ref_count_init (&self->references);
  ERR_clear_error ();
  self->ctx = SSL_CTX_new (method);
  if (self->ctx == NULL)
    return self;
  SSL_CTX_set_options (self->ctx, OPTIONS);
  SSL_CTX_set_mode (self->ctx, MODES);
  SSL_CTX_set_read_ahead (self->ctx, 1);
  SSL_CTX_set_session_cache_mode (self->ctx, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_info_callback (self->ctx, on_ssl_state);
  SSL_CTX_set_min_proto_version (self->ctx,
                                 minimum == PB_TLS_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION);
  return self;
}

static void
set_failed (GError **error, const char *what)
{
  g_set_error (error, PB_TLS_ERROR, PB_TLS_ERROR_FAILED, "%s: %s", what, pb_tls_openssl_reason ());
}

static gboolean
use_pair (SSL_CTX *ctx, PbTlsPair *pair, GError **error)
{
  if (SSL_CTX_use_cert_and_key (ctx, pair->certificate, pair->key, pair->chain, 1) == 1)
    return TRUE;
  g_set_error (error, PB_TLS_ERROR, PB_TLS_ERROR_CERTIFICATE, "cannot be used: %s",
               pb_tls_openssl_reason ());
  return FALSE;
}

PbTlsContext *
pb_tls_context_new_server (PbTlsPair *pair, PbTlsVersion minimum, GError **error)
{
  static const guint8 id[] = "postbus";
  g_autoptr (PbTlsContext) self = context_new (TLS_server_method (), minimum);

  if (self->ctx == NULL || SSL_CTX_set_cipher_list (self->ctx, SUITES) != 1
      || SSL_CTX_set_session_id_context (self->ctx, id, sizeof id - 1) != 1)
    {
      set_failed (error, "TLS");
      return NULL;
    }
  SSL_CTX_set_num_tickets (self->ctx, 1);
  return use_pair (self->ctx, pair, error) ? g_steal_pointer (&self) : NULL;
}

PbTlsContext *
pb_tls_context_new_client (PbTlsVersion minimum, gboolean verify, GError **error)
{
  g_autoptr (PbTlsContext) self = context_new (TLS_client_method (), minimum);

  self->is_client = TRUE;
  self->verifies = verify;
  if (self->ctx == NULL || (verify && SSL_CTX_set_default_verify_paths (self->ctx) != 1))
    {
      set_failed (error, "TLS");
      return NULL;
    }
  SSL_CTX_set_verify (self->ctx, verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
  return g_steal_pointer (&self);
}

PbTlsContext *
pb_tls_context_new_dane (PbTlsVersion minimum, GError **error)
{
  g_autoptr (PbTlsContext) self = context_new (TLS_client_method (), minimum);

  self->is_client = TRUE;
  self->verifies = TRUE;
  if (self->ctx == NULL || SSL_CTX_dane_enable (self->ctx) != 1)
    {
      set_failed (error, "TLS");
      return NULL;
    }
  SSL_CTX_set_verify (self->ctx, SSL_VERIFY_PEER, NULL);
  return g_steal_pointer (&self);
}

PbTlsContext *
pb_tls_context_ref (PbTlsContext *self)
{
  g_atomic_ref_count_inc (&self->references);
  return self;
}

void
pb_tls_context_unref (PbTlsContext *self)
{
  if (!g_atomic_ref_count_dec (&self->references))
    return;
  SSL_CTX_free (self->ctx);
  g_free (self);
}

SSL *
pb_tls_context_ssl (PbTlsContext *self)
{
  SSL *ssl;

  ERR_clear_error ();
  ssl = SSL_new (self->ctx);
  if (ssl == NULL)
    return NULL;
  if (self->is_client)
    SSL_set_connect_state (ssl);
  else
    SSL_set_accept_state (ssl);
  return ssl;
}

gboolean
pb_tls_context_is_client (const PbTlsContext *self)
{
  return self->is_client;
}

gboolean
pb_tls_context_verifies (const PbTlsContext *self)
{
  return self->verifies;
}

/* ---- the slot ---- */

PbTlsSlot *
pb_tls_slot_new (void)
{
  PbTlsSlot *self = g_new0 (PbTlsSlot, 1);

  g_mutex_init (&self->lock);
  return self;
}

void
pb_tls_slot_free (PbTlsSlot *self)
{
  g_clear_pointer (&self->context, pb_tls_context_unref);
  g_mutex_clear (&self->lock);
  g_free (self);
}

void
pb_tls_slot_put (PbTlsSlot *self, PbTlsContext *context)
{
  PbTlsContext *old;

  g_mutex_lock (&self->lock);
  old = self->context;
  self->context = context != NULL ? pb_tls_context_ref (context) : NULL;
  g_mutex_unlock (&self->lock);
  if (old != NULL)
    pb_tls_context_unref (old);
}

PbTlsContext *
pb_tls_slot_take (PbTlsSlot *self)
{
  PbTlsContext *context;

  g_mutex_lock (&self->lock);
  context = self->context != NULL ? pb_tls_context_ref (self->context) : NULL;
  g_mutex_unlock (&self->lock);
  return context;
}
