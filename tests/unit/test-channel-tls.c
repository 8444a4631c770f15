/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A channel's TLS: a server's over a pair of sockets, with OpenSSL as the client in the test's thread; and our own client against it. */
#include "channel-fixture.h"
#include "net/tls.h"

#include <openssl/ssl.h>

#define HOST "mail.example.org"

typedef struct
{
  Fixture fixture;
  PbTlsPair *pair;
  PbTlsContext *context;
  SSL_CTX *ctx;
  SSL *ssl;
  PbChannel *client; /* the reactor's */
  PbTlsContext *client_context;
  gboolean started;
  GBytes *bindings[2];
  char *text;
} Tls;

static void
on_secured (PbChannel *channel, gpointer user_data)
{
  Fixture *self = user_data;

  note (self, "secured %s;", pb_channel_tls_version (channel));
}

static void
on_ended (PbChannel *channel, PbChannelEnd end, gpointer user_data)
{
  Fixture *self = user_data;
  Tls *tls = user_data;

  g_free (tls->text);
  tls->text = g_strdup (pb_channel_error_text (channel));
  on_channel_ended (channel, end, self);
}

static const PbChannelHandler tls_handler = {
  .readable = on_channel_readable,
  .drained = on_channel_drained,
  .ended = on_ended,
  .secured = on_secured,
};

static void
start_server (Fixture *self)
{
  Tls *tls = (Tls *) self;

  self->channel = pb_channel_new (self->reactor, self->fd, &tls_handler, self);
  pb_channel_resume (self->channel);
  tls->started = pb_channel_start_tls (self->channel, tls->context);
}

static void
set_up_tls (Tls *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  set_up (&self->fixture, NULL);
  self->pair = pb_tls_pair_self_sign (HOST, g_get_real_time () / G_USEC_PER_SEC, NULL, &error);
  g_assert_no_error (error);
  self->context = pb_tls_context_new_server (self->pair, PB_TLS_1_2, &error);
  g_assert_no_error (error);
  self->ctx = SSL_CTX_new (TLS_client_method ());
  socket_pair (&self->fixture, SOCK_STREAM);
}

static void
tear_down_tls (Tls *self, gconstpointer data)
{
  SSL_free (self->ssl);
  SSL_CTX_free (self->ctx);
  tear_down (&self->fixture, NULL);
  pb_tls_context_unref (self->context);
  g_clear_pointer (&self->client_context, pb_tls_context_unref);
  pb_tls_pair_unref (self->pair);
  for (guint i = 0; i < 2; i++)
    g_clear_pointer (&self->bindings[i], g_bytes_unref);
  g_free (self->text);
}

/* The client's side waits: its calls block. */
static void
shake_hands (Tls *self, int version)
{
  fcntl (self->fixture.peer, F_SETFL, 0);
  SSL_CTX_set_min_proto_version (self->ctx, version);
  SSL_CTX_set_max_proto_version (self->ctx, version);
  self->ssl = SSL_new (self->ctx);
  g_assert_cmpint (SSL_set_fd (self->ssl, self->fixture.peer), ==, 1);
  SSL_set_tlsext_host_name (self->ssl, "another.example");
  run (&self->fixture, start_server);
  g_assert_true (self->started);
  g_assert_cmpint (SSL_connect (self->ssl), ==, 1);
}

static void
say (Tls *self, const char *text)
{
  g_assert_cmpint (SSL_write (self->ssl, text, (int) strlen (text)), ==, strlen (text));
}

static void
take_bindings (Fixture *self)
{
  Tls *tls = (Tls *) self;

  tls->bindings[0] = pb_channel_tls_binding (self->channel, PB_TLS_BINDING_EXPORTER);
  tls->bindings[1] = pb_channel_tls_binding (self->channel, PB_TLS_BINDING_SERVER_END_POINT);
  g_assert_nonnull (pb_channel_tls_cipher (self->channel));
}

static void
check_bindings (Tls *self)
{
  static const char label[] = "EXPORTER-Channel-Binding";
  guint8 expected[32], digest[EVP_MAX_MD_SIZE];
  unsigned length;
  X509 *certificate = SSL_get1_peer_certificate (self->ssl);

  run (&self->fixture, take_bindings);
  g_assert_cmpint (SSL_export_keying_material (self->ssl, expected, sizeof expected, label,
                                               sizeof label - 1, NULL, 0, 0),
                   ==, 1);
  g_assert_cmpmem (g_bytes_get_data (self->bindings[0], NULL), g_bytes_get_size (self->bindings[0]),
                   expected, sizeof expected);
  g_assert_cmpint (X509_digest (certificate, EVP_sha256 (), digest, &length), ==, 1);
  g_assert_cmpmem (g_bytes_get_data (self->bindings[1], NULL), g_bytes_get_size (self->bindings[1]),
                   digest, length);
  X509_free (certificate);
}

static void
test_lines (Tls *self, gconstpointer data)
{
  int version = GPOINTER_TO_INT (data);
  static const Step steps[] = { take_lines, take_lines, say_bye, NULL };
  char buffer[64] = "";
  g_autofree char *expected =
    g_strdup_printf ("secured %s;one;two;", version == TLS1_3_VERSION ? "TLSv1.3" : "TLSv1.2");
  g_autofree char *at_end = g_strconcat (expected, "finished;", NULL);

  self->fixture.on_readable = steps;
  shake_hands (self, version);
  say (self, "one\r\ntw");
  settle (&self->fixture);
  say (self, "o\r\n");
  expect_log (&self->fixture, expected);
  run (&self->fixture, check_no_buffers);
  check_bindings (self);
  say (self, "QUIT\r\n");
  expect_log (&self->fixture, at_end);
  g_assert_cmpint (SSL_read (self->ssl, buffer, sizeof buffer), ==, 9);
  g_assert_cmpstr (buffer, ==, "221 bye\r\n");
  /* With close_notify, not just a closed socket. */
  g_assert_cmpint (SSL_read (self->ssl, buffer, sizeof buffer), ==, 0);
  g_assert_cmpint (SSL_get_error (self->ssl, 0), ==, SSL_ERROR_ZERO_RETURN);
}

static void
write_big (Fixture *self)
{
  pb_channel_write_bytes (self->channel, self->bytes);
}

/* More than the socket takes at once, both ways. */
static void
test_big (Tls *self, gconstpointer data)
{
  static const Step steps[] = { write_big, consume_all, NULL };
  g_autofree char *sent = g_strnfill (BIG, 'x');
  gsize got = 0;
  char buffer[20000];
  int n;

  self->fixture.bytes = g_bytes_new_take (g_steal_pointer (&sent), BIG);
  self->fixture.on_readable = steps;
  shake_hands (self, TLS1_3_VERSION);
  say (self, "go\r\n");
  while (got < BIG && (n = SSL_read (self->ssl, buffer, sizeof buffer)) > 0)
    {
      for (int i = 0; i < n; i++)
        g_assert_cmpint (buffer[i], ==, 'x');
      got += (gsize) n;
    }
  g_assert_cmpuint (got, ==, BIG);
}

static void
count_input (Fixture *self)
{
  const char *data;
  gsize length = pb_channel_peek (self->channel, &data);

  self->octets_in += length;
  pb_channel_consume (self->channel, length);
  if (self->octets_in == BIG)
    note (self, "all;");
}

static void
test_big_input (Tls *self, gconstpointer data)
{
  static const Step steps[] = { count_input, NULL };
  g_autofree char *sent = g_strnfill (BIG, 'y');

  self->fixture.on_readable = steps;
  shake_hands (self, TLS1_3_VERSION);
  g_assert_cmpint (SSL_write (self->ssl, sent, BIG), ==, BIG);
  expect_log (&self->fixture, "secured TLSv1.3;all;");
}

/* Sends so many changes of the client's key in one piece. */
static void
change_keys (Tls *self, guint n)
{
  BIO *memory = BIO_new (BIO_s_mem ());
  BIO *wire = SSL_get_wbio (self->ssl);
  char *octets;
  long length;

  BIO_up_ref (wire);
  SSL_set0_wbio (self->ssl, memory);
  for (guint i = 0; i < n; i++)
    {
      g_assert_cmpint (SSL_key_update (self->ssl, SSL_KEY_UPDATE_NOT_REQUESTED), ==, 1);
      g_assert_cmpint (SSL_do_handshake (self->ssl), ==, 1);
    }
  length = BIO_get_mem_data (memory, &octets);
  peer_send (&self->fixture, octets, (gsize) length);
  SSL_set0_wbio (self->ssl, wire);
}

/* A client may change its key, but not keep us busy with that. */
static void
test_new_keys (Tls *self, gconstpointer data)
{
  static const Step steps[] = { take_lines, NULL };

  self->fixture.on_readable = steps;
  shake_hands (self, TLS1_3_VERSION);
  for (guint i = 0; i < 3; i++)
    {
      change_keys (self, 10);
      say (self, "a\r\n");
    }
  expect_log (&self->fixture, "secured TLSv1.3;a;a;a;");
  change_keys (self, 1000);
  expect_log (&self->fixture, "secured TLSv1.3;a;a;a;error;");
  g_assert_cmpint (self->fixture.error, ==, EPROTO);
  g_assert_cmpstr (self->text, ==, "TLS: new keys without end");
}

/* What OpenSSL holds is not forgotten while input is paused. */
static void
test_pause_and_resume (Tls *self, gconstpointer data)
{
  static const Step steps[] = { take_one_and_pause, take_lines, NULL };

  self->fixture.on_readable = steps;
  shake_hands (self, TLS1_3_VERSION);
  say (self, "a\r\n");
  expect_log (&self->fixture, "secured TLSv1.3;a;");
  say (self, "b\r\nc\r\n");
  settle (&self->fixture);
  expect_log (&self->fixture, "secured TLSv1.3;a;");
  run (&self->fixture, resume);
  expect_log (&self->fixture, "secured TLSv1.3;a;b;c;");
  g_assert_cmpint (SSL_shutdown (self->ssl), >=, 0);
  expect_log (&self->fixture, "secured TLSv1.3;a;b;c;eof;");
}

static void
test_garbage (Tls *self, gconstpointer data)
{
  run (&self->fixture, start_server);
  peer_send (&self->fixture, "EHLO client.example\r\n", 21);
  expect_log (&self->fixture, "error;");
  g_assert_cmpint (self->fixture.error, ==, EPROTO);
  g_assert_true (g_str_has_prefix (self->text, "TLS: "));
}

static void
test_half_handshake (Tls *self, gconstpointer data)
{
  run (&self->fixture, start_server);
  peer_send (&self->fixture, "\x16\x03\x01\x00", 4);
  settle (&self->fixture);
  shutdown (self->fixture.peer, SHUT_WR);
  expect_log (&self->fixture, "error;");
  g_assert_cmpstr (self->text, ==, "TLS: closed in the middle of the handshake");
}

static void
set_deadline (Fixture *self)
{
  pb_channel_set_deadline (self->channel, pb_clock_monotonic () + 20000);
}

static void
test_silence (Tls *self, gconstpointer data)
{
  run (&self->fixture, start_server);
  run (&self->fixture, set_deadline);
  expect_log (&self->fixture, "timeout;");
}

static void
start_later (Fixture *self)
{
  Tls *tls = (Tls *) self;

  tls->started = pb_channel_start_tls (self->channel, tls->context);
  note (self, "asked;");
}

/* Input of the plain stream, or output, stands in the way. */
static void
test_not_over_plain_input (Tls *self, gconstpointer data)
{
  static const Step steps[] = { start_later, take_lines, NULL };

  self->fixture.on_readable = steps;
  start (&self->fixture);
  peer_send (&self->fixture, "MAIL FROM:<a@b>\r\n", 17);
  expect_log (&self->fixture, "asked;");
  g_assert_false (self->started);
}

static void
start_client (Fixture *self)
{
  Tls *tls = (Tls *) self;

  tls->client = pb_channel_new (self->reactor, dup (self->peer), &tls_handler, self);
  g_assert_true (pb_channel_start_tls_client (tls->client, tls->client_context, HOST));
}

static void
free_client (Fixture *self)
{
  pb_channel_free (((Tls *) self)->client);
}

static void
test_own_client (Tls *self, gconstpointer data)
{
  self->client_context = pb_tls_context_new_client (PB_TLS_1_2, FALSE, NULL);
  run (&self->fixture, start_server);
  run (&self->fixture, start_client);
  expect_log (&self->fixture, "secured TLSv1.3;secured TLSv1.3;");
  run (&self->fixture, free_client);
}

/* ---- pairs ---- */

static void
test_pair_round_trip (Tls *self, gconstpointer data)
{
  gsize length;
  g_autofree char *pem = pb_tls_pair_to_pem (self->pair, &length, NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (PbTlsPair) again = pb_tls_pair_parse (pem, length, pem, length, &error);
  g_autoptr (PbTlsPair) renamed = pb_tls_pair_self_sign ("other.example.org", 1700000000, again, &error);
  const PbTlsIdentity *identity;

  g_assert_no_error (error);
  identity = pb_tls_pair_identity (again);
  g_assert_cmpstr (identity->subject, ==, "CN=" HOST);
  g_assert_cmpstr (identity->names[0], ==, HOST);
  g_assert_true (identity->self_signed);
  g_assert_cmpstr (identity->fingerprint, ==, pb_tls_pair_identity (self->pair)->fingerprint);
  g_assert_true (pb_tls_pair_names_host (again, HOST));
  g_assert_false (pb_tls_pair_names_host (again, "other.example.org"));
  g_assert_true (pb_tls_pair_check_dates (renamed, 1700000000, NULL));
  g_assert_false (pb_tls_pair_check_dates (renamed, 1600000000, &error));
  g_assert_nonnull (strstr (error->message, "does not hold yet"));
}

static char *
to_text (const PbTlsPair *pair)
{
  gsize length;
  g_autofree char *pem = pb_tls_pair_to_pem (pair, &length, NULL);

  return g_strndup (pem, length);
}

static void
test_pair_refused (Tls *self, gconstpointer data)
{
  g_autoptr (PbTlsPair) other = pb_tls_pair_self_sign (HOST, 1700000000, NULL, NULL);
  g_autofree char *pem = to_text (self->pair);
  g_autofree char *other_pem = to_text (other);
  g_autofree char *turned = g_strconcat (strstr (other_pem, "-----BEGIN CERT"), pem, NULL);
  const struct
  {
    const char *chain, *key;
    PbTlsError code;
  } rows[] = {
    { pem, other_pem, PB_TLS_ERROR_MISMATCH },
    { turned, pem, PB_TLS_ERROR_CERTIFICATE },
    { "", pem, PB_TLS_ERROR_CERTIFICATE },
    { "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", pem, PB_TLS_ERROR_CERTIFICATE },
    { pem, "", PB_TLS_ERROR_KEY },
    { pem, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", PB_TLS_ERROR_KEY },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (pb_tls_pair_parse (rows[i].chain, strlen (rows[i].chain), rows[i].key,
                                        strlen (rows[i].key), &error));
      g_assert_error (error, PB_TLS_ERROR, (int) rows[i].code);
    }
}

#define ADD(name, data, func) g_test_add ("/channel-tls/" name, Tls, data, set_up_tls, func, tear_down_tls)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("lines/1.2", GINT_TO_POINTER (TLS1_2_VERSION), test_lines);
  ADD ("lines/1.3", GINT_TO_POINTER (TLS1_3_VERSION), test_lines);
  ADD ("big-output", NULL, test_big);
  ADD ("big-input", NULL, test_big_input);
  ADD ("new-keys", NULL, test_new_keys);
  ADD ("pause", NULL, test_pause_and_resume);
  ADD ("garbage", NULL, test_garbage);
  ADD ("half-handshake", NULL, test_half_handshake);
  ADD ("silence", NULL, test_silence);
  ADD ("plain-input", NULL, test_not_over_plain_input);
  ADD ("own-client", NULL, test_own_client);
  ADD ("pair/round-trip", NULL, test_pair_round_trip);
  ADD ("pair/refused", NULL, test_pair_refused);
  return g_test_run ();
}
