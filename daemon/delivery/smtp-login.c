/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The login at a relay host (RFC 4954), between the second EHLO and the first mail: the password is
 * asked for once the connection is protected, SASL's client side says it, keys are derived on a worker.
 * Begun by smtp-opening.c; ends there or in pb_smtp_connection_fail(), always with a deferral: a refused
 * login is the administrator's trouble, never the sender's. Whatever is still awaited when the connection
 * goes comes back to a login without one and is dropped. No octet of it is in the transcript.
 */
#include "delivery/smtp-connection-private.h"

#include "protocol/sasl-client.h"
#include "util/marked.h"
#include <string.h>
#include <unistd.h>

#define NONCE_OCTETS 18
#define HIDDEN       "[hidden]"
#define LEAST_HIDDEN 6 /* octets: a shorter word stands in many a reply by chance */

struct _PbSmtpLogin
{
  PbSmtpConnection *connection; /* (nullable) NULL once cancelled; the reactor's thread only */
  PbSaslClient *sasl;           /* (owned) (nullable) a worker's while it derives */
  GPtrArray *said;              /* (owned) (element-type PbSecret) what no server may bring into a log */
  gboolean awaited;             /* a password or a key is on its way here */
};

static void
login_free (PbSmtpLogin *self)
{
  g_clear_pointer (&self->sasl, pb_sasl_client_free);
  g_ptr_array_unref (self->said);
  g_free (self);
}

/* What was awaited is here. Returns: (nullable) (transfer full): the connection that still wants it. */
static PbSmtpConnection *
login_resume (PbSmtpLogin *self)
{
  PbSmtpConnection *connection = self->connection;

  self->awaited = FALSE;
  if (connection == NULL)
    login_free (self);
  else
    connection->refs++;
  return connection;
}

static void
fail (PbSmtpConnection *self, PbSmtpFailureCause cause, const char *status, const char *reason,
      gboolean is_reply)
{
  pb_smtp_connection_fail (self, cause, PB_RESULT_DEFERRED, status, reason, is_reply);
}

/* ---- what is said ---- */

static void
say (PbSmtpConnection *self, PbSecret *base64)
{
  pb_transcript_client (self->head, HIDDEN, -1);
  g_ptr_array_add (self->login->said, pb_secret_ref (base64));
  pb_channel_write_secret (self->channel, base64);
  pb_channel_write (self->channel, "\r\n", 2);
  pb_smtp_connection_expect (self, PB_EXPECT_AUTH, 0, NULL);
  pb_smtp_connection_wait (self, self->context->timeouts->command);
}

static void
say_auth (PbSmtpConnection *self, PbSaslClient *sasl)
{
  g_autoptr (PbSecret) initial = pb_sasl_client_begin (sasl);
  g_autofree char *line = g_strconcat (
    "AUTH ", pb_sasl_mechanism_name (pb_sasl_client_mechanism (sasl)), NULL);
  g_autofree char *shown = g_strconcat (line, initial != NULL ? " " HIDDEN : "", NULL);

  pb_transcript_client (self->head, shown, -1);
  pb_channel_write (self->channel, line, strlen (line));
  if (initial != NULL)
    {
      g_ptr_array_add (self->login->said, pb_secret_ref (initial));
      pb_channel_write (self->channel, " ", 1);
      pb_channel_write_secret (self->channel, initial);
    }
  pb_channel_write (self->channel, "\r\n", 2);
  pb_smtp_connection_expect (self, PB_EXPECT_AUTH, 0, NULL);
  pb_smtp_connection_wait (self, self->context->timeouts->command);
}

/* ---- the exchange ---- */

static PbSaslClient *
make_sasl (PbSmtpConnection *self, PbSecret *password)
{
  const char *offered = self->extensions.auth != NULL ? self->extensions.auth : "";
  g_autoptr (GBytes) exporter = pb_channel_tls_binding (self->channel, PB_TLS_BINDING_EXPORTER);
  g_autoptr (GBytes) end_point =
    pb_channel_tls_binding (self->channel, PB_TLS_BINDING_SERVER_END_POINT);
  PbSaslBindings bindings = { FALSE, exporter, end_point };
  guint8 random[NONCE_OCTETS];
  g_autofree char *nonce = NULL;
  PbSaslMechanism mechanism;

  if (!pb_sasl_client_choose (offered, exporter != NULL || end_point != NULL, &mechanism))
    return NULL;
  if (getentropy (random, sizeof random) != 0)
    g_error ("there is no randomness for a nonce");
  nonce = g_base64_encode (random, sizeof random);
  bindings.plus_offered = mechanism == PB_SASL_SCRAM_SHA_256_PLUS;
  return pb_sasl_client_new (mechanism, &bindings, self->route->user, password, nonce);
}

static void
start_exchange (PbSmtpConnection *self, PbSecret *password)
{
  g_ptr_array_add (self->login->said, pb_secret_ref (password));
  self->login->sasl = make_sasl (self, password);
  if (self->login->sasl != NULL)
    say_auth (self, self->login->sasl);
  else
    {
      g_autofree char *reason =
        g_strdup_printf ("a login is required, and the server offers none that is known here (%s)",
                         self->extensions.auth != NULL ? self->extensions.auth : "no AUTH");

      fail (self, PB_SMTP_FAILURE_HOST, "4.7.0", reason, FALSE);
    }
}

static void
on_secret (PbRelaySecretAnswer answer, PbSecret *secret, gpointer user_data)
{
  g_autoptr (PbSecret) password = secret;
  PbSmtpConnection *self = login_resume (user_data);

  if (self == NULL)
    return;
  if (answer == PB_RELAY_SECRET_GIVEN && password != NULL)
    {
      start_exchange (self, password);
      if (self->channel != NULL)
        pb_channel_flush (self->channel);
    }
  else
    fail (self, PB_SMTP_FAILURE_LOGIN, "4.7.0", pb_relay_secret_reason (answer), FALSE);
  pb_smtp_connection_unref (self);
}

static void
on_derived (gpointer data)
{
  PbSmtpConnection *self = login_resume (data);
  g_autoptr (PbSecret) proof = NULL;

  if (self == NULL)
    return;
  proof = pb_sasl_client_prove (self->login->sasl);
  say (self, proof);
  pb_channel_flush (self->channel);
  pb_smtp_connection_unref (self);
}

static void
derive (gpointer data)
{
  PbSmtpLogin *login = data;

  pb_sasl_client_derive (login->sasl);
}

/* What stands behind the 334. It is hidden from the transcript already. */
static void
on_challenge (PbSmtpConnection *self)
{
  PbSaslClient *sasl = self->login->sasl;
  const char *challenge = self->reply.text->str;
  g_autoptr (PbSecret) out = NULL;

  switch (pb_sasl_client_feed (sasl, challenge, self->reply.text->len, &out))
    {
    case PB_SASL_CLIENT_SAY:
      say (self, out);
      break;
    case PB_SASL_CLIENT_DERIVE:
      pb_smtp_connection_wait (self, self->context->timeouts->command);
      self->login->awaited = TRUE;
      pb_pool_run (self->context->readers, derive, pb_reactor_mailbox (self->context->reactor),
                   on_derived, self->login);
      break;
    case PB_SASL_CLIENT_BROKEN:
      fail (self, PB_SMTP_FAILURE_LOGIN, "4.7.0", pb_sasl_client_why (sasl), FALSE);
      break;
    }
}

static void
on_taken (PbSmtpConnection *self)
{
  if (!pb_sasl_client_may_end (self->login->sasl))
    {
      fail (self, PB_SMTP_FAILURE_LOGIN, "4.7.0",
            N_ ("the server took the login without proving that it knows the password (SCRAM)"), FALSE);
      return;
    }
  pb_relay_secret_accepted (self->context->secrets, self->route);
  pb_smtp_connection_tell (self, PB_SMTP_STEP_OK,
                           pb_sasl_mechanism_name (pb_sasl_client_mechanism (self->login->sasl)),
                           NULL);
  pb_smtp_login_cancel (self);
  pb_smtp_opening_done (self);
}

/* A 4xx says nothing of the password (RFC 4954 6): another host may be in a better state. */
static void
on_refused (PbSmtpConnection *self)
{
  g_autofree char *text = pb_smtp_connection_reply_text (self);

  if (self->reply.code / 100 == 4)
    {
      fail (self, PB_SMTP_FAILURE_HOST, pb_smtp_connection_reply_status (self), text, TRUE);
      return;
    }
  pb_relay_secret_refused (self->context->secrets, self->route, text);
  fail (self, PB_SMTP_FAILURE_LOGIN, "4.7.8", text, TRUE);
}

void
pb_smtp_login_reply (PbSmtpConnection *self)
{
  if (self->reply.code == 334)
    on_challenge (self);
  else if (self->reply.code / 100 == 2)
    on_taken (self);
  else
    on_refused (self);
}

void
pb_smtp_login_hide (PbSmtpConnection *self, char *line, gsize length)
{
  for (guint i = 0; self->login != NULL && i < self->login->said->len; i++)
    {
      const PbSecret *secret = self->login->said->pdata[i];
      char *found;

      while (secret->length >= LEAST_HIDDEN
             && (found = memmem (line, length, secret->data, secret->length)) != NULL)
        memset (found, '*', secret->length);
    }
}

void
pb_smtp_login_cancel (PbSmtpConnection *self)
{
  PbSmtpLogin *login = g_steal_pointer (&self->login);

  if (login == NULL)
    return;
  login->connection = NULL;
  if (!login->awaited)
    login_free (login);
}

void
pb_smtp_login_begin (PbSmtpConnection *self)
{
  g_return_if_fail (self->secure && self->login == NULL);
  self->step = PB_SMTP_STEP_LOGIN;
  self->login = g_new0 (PbSmtpLogin, 1);
  self->login->connection = self;
  self->login->said = g_ptr_array_new_with_free_func ((GDestroyNotify) pb_secret_unref);
  self->login->awaited = TRUE;
  pb_smtp_connection_wait (self, self->context->timeouts->secret);
  pb_relay_secret_ask (self->context->secrets, self->route,
                       pb_reactor_mailbox (self->context->reactor), on_secret, self->login);
}
