/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * AUTH (RFC 4954): which mechanisms are offered, the exchange, and what its end means. A wrong password
 * and a user who does not exist take the same way to the same words: who is not known has a verifier
 * that nothing fits, and a password in the clear is always worked through on a worker, never on the
 * session's own thread. How many wait there is bounded; further ones are put off. Failures are counted
 * against the client's address and the account; a blocked account's right password is a wrong one.
 */
#include "session/session-private.h"

#include "util/clock.h"
#include "util/counters.h"
#include "util/log.h"
#include "util/saslprep.h"
#include <arpa/inet.h>
#include <openssl/rand.h>
#include <string.h>

#define MAX_WAITING 1024 /* passwords before the workers, some 5 KiB each */
#define NONCE_SIZE  18

/* An exchange under way; a session has none most of the time. */
struct _PbAuth
{
  PbSasl *sasl; /* (owned) */
  PbSaslMechanism mechanism;
  char *account_id, *name; /* (owned) (nullable) of the account, once it is known that there is one */
  gboolean disabled;       /* there is one, and nobody may use it: the system is not asked about a user of that name */
};

/* A password on its way to a worker and back. */
typedef struct
{
  PbSession *session; /* waits for the answer: pending */
  PbSecret *password; /* (owned) */
  PbVerifier verifier;
  gboolean right;
} PasswordCheck;

void
pb_auth_free (PbAuth *self)
{
  pb_sasl_free (self->sasl);
  g_free (self->account_id);
  g_free (self->name);
  g_free (self);
}

/* ---- what is offered ---- */

static gboolean
asks_system (const PbSnapshot *snapshot)
{
  return !g_str_equal (snapshot->values.mailboxes_account_source, "internal");
}

/* RFC 4954 4: 538 is for these alone. */
static gboolean
needs_encryption (const PbSession *self, PbSaslMechanism mechanism)
{
  return pb_sasl_mechanism_is_plain (mechanism) && !pb_session_is_secure (self)
         && self->snapshot->values.general_auth_plaintext_needs_tls;
}

static gboolean
is_offered (const PbSession *self, PbSaslMechanism mechanism)
{
  switch (mechanism)
    {
    case PB_SASL_SCRAM_SHA_256_PLUS:
      /* Under TLS there is always the server's certificate to bind to. */
      if (!pb_session_is_secure (self))
        return FALSE;
      break;
    case PB_SASL_SCRAM_SHA_256:
      break;
    case PB_SASL_PLAIN:
    case PB_SASL_LOGIN:
      return !needs_encryption (self, mechanism);
    case PB_N_SASL:
      return FALSE;
    }
  /* The system knows its passwords in a form of its own, which SCRAM cannot be done with. */
  return !g_str_equal (self->snapshot->values.mailboxes_account_source, "pam");
}

char *
pb_session_auth_offer (const PbSession *self)
{
  g_autoptr (GString) offer = g_string_new (NULL);

  if (!self->snapshot->values.general_auth_enabled || self->local != NULL)
    return NULL;
  for (guint i = 0; i < PB_N_SASL; i++)
    if (is_offered (self, i))
      g_string_append_printf (offer, "%s%s", offer->len > 0 ? " " : "",
                              pb_sasl_mechanism_name (i));
  return offer->len > 0 ? g_string_free (g_steal_pointer (&offer), FALSE) : NULL;
}

/* ---- blocks ---- */

static gint64
now_seconds (void)
{
  return pb_clock_wall () / G_USEC_PER_SEC;
}

gint64
pb_session_blocked_until (const PbSession *self)
{
  PbBlocks *blocks = self->shard->server->wiring.blocks;
  g_autofree char *subject = blocks != NULL ? pb_blocks_subject_ip (&self->ip) : NULL;

  return blocks != NULL ? pb_blocks_expiry (blocks, PB_BLOCK_IP, subject, now_seconds ()) : 0;
}

static gboolean
account_is_blocked (const PbSession *self, const char *name)
{
  PbBlocks *blocks = self->shard->server->wiring.blocks;

  return blocks != NULL && name != NULL
         && pb_blocks_expiry (blocks, PB_BLOCK_ACCOUNT, name, now_seconds ()) != 0;
}

static void
count_against (const PbSession *self, PbBlockKind kind, const char *subject)
{
  const PbSettingValues *values = &self->snapshot->values;

  if (pb_blocks_fail (self->shard->server->wiring.blocks, kind, subject,
                      values->auth_limits_failures_per_hour, values->auth_limits_block_seconds,
                      now_seconds ()))
    pb_log (PB_LOG_NOTICE, "blocked", kind == PB_BLOCK_IP ? "client" : "account", subject, "reason",
            "failed logins", NULL);
}

/* Those who may relay without a login lose nothing by one that fails: a printer with an old password goes on printing. */
static void
count_failure (const PbSession *self, const char *account)
{
  g_autofree char *client = NULL;

  if (self->shard->server->wiring.blocks == NULL)
    return;
  if (account != NULL)
    count_against (self, PB_BLOCK_ACCOUNT, account);
  if (self->exempt)
    return;
  client = pb_blocks_subject_ip (&self->ip);
  count_against (self, PB_BLOCK_IP, client);
}

/* ---- the end of an exchange ---- */

static void
end_exchange (PbSession *self)
{
  g_clear_pointer (&self->auth, pb_auth_free);
}

/* The name of a user whom nobody knows is not logged: it may well be a password in the wrong field. */
static void
log_login (const PbSession *self, const char *event, PbLogLevel level, const char *account)
{
  char client[INET6_ADDRSTRLEN];

  pb_log (level, event, "account", account, "mechanism",
          pb_sasl_mechanism_name (self->auth->mechanism), "client",
          pb_session_client_text (self, client, sizeof client), "helo", self->helo, "tls",
          pb_channel_tls_version (self->channel), NULL);
}

static void
fail_login (PbSession *self)
{
  pb_counter_add (PB_COUNTER_AUTH_FAILED, 1);
  log_login (self, "login failed", PB_LOG_INFO, self->auth->name);
  count_failure (self, self->auth->name);
  end_exchange (self);
  pb_session_reply_error (self, PB_REPLY_AUTH_WRONG, NULL);
}

static void
take_login (PbSession *self, const char *name, const char *account_id)
{
  if (account_is_blocked (self, name))
    {
      fail_login (self);
      return;
    }
  pb_counter_add (PB_COUNTER_AUTH_OK, 1);
  log_login (self, "login", PB_LOG_INFO, name);
  self->login = g_strdup (name);
  self->account_id = g_strdup (account_id);
  self->exempt = TRUE;
  end_exchange (self);
  pb_session_reply (self, PB_REPLY_AUTH_OK, NULL);
}

static void
put_off (PbSession *self, const char *reason)
{
  char client[INET6_ADDRSTRLEN];

  pb_log (PB_LOG_WARNING, "login put off", "client",
          pb_session_client_text (self, client, sizeof client), "reason", reason, NULL);
  end_exchange (self);
  pb_session_reply (self, PB_REPLY_AUTH_TROUBLE, NULL);
}

void
pb_session_forget_login (PbSession *self)
{
  end_exchange (self);
  g_clear_pointer (&self->login, g_free);
  g_clear_pointer (&self->account_id, g_free);
  self->exempt = self->exempt_unasked;
}

/* ---- passwords in the clear ---- */

/* On a worker: the same work for every user and every password. */
static void
check_password (gpointer data)
{
  PasswordCheck *self = data;
  g_autoptr (PbSecret) prepared = pb_saslprep (self->password, FALSE);

  self->right = pb_verifier_matches (&self->verifier, prepared != NULL ? prepared : self->password)
                && prepared != NULL;
}

static void
await_answer (PbSession *self)
{
  self->pending++;
  pb_session_hold (self, PB_HOLD_WORKER);
}

/* Around an answer. Returns: FALSE when the client is gone. */
static gboolean
begin_answer (PbSession *self)
{
  pb_session_enter (self);
  self->pending--;
  return self->state != PB_SESSION_CLOSED;
}

static void
finish_answer (PbSession *self)
{
  if (self->state != PB_SESSION_CLOSED)
    pb_session_release (self, PB_HOLD_WORKER);
  pb_session_leave (self);
}

static void
on_system_answered (PbPasswordVerdict verdict, const char *login, const char *account_id,
                    gpointer user_data)
{
  PbSession *self = user_data;

  if (begin_answer (self))
    switch (verdict)
      {
      case PB_PASSWORD_RIGHT:
        take_login (self, login, account_id);
        break;
      case PB_PASSWORD_WRONG:
        fail_login (self);
        break;
      case PB_PASSWORD_TROUBLE:
        put_off (self, "the system's accounts do not answer");
        break;
      }
  finish_answer (self);
}

static void
ask_system (PbSession *self)
{
  const PbServerWiring *wiring = &self->shard->server->wiring;
  PbAuth *auth = self->auth;
  char client[INET6_ADDRSTRLEN];

  if (wiring->check_password == NULL)
    {
      put_off (self, "there are no system accounts to be had");
      return;
    }
  /* Failures of the system's users are counted by the name that was tried. */
  if (auth->name == NULL)
    auth->name = g_ascii_strdown (pb_sasl_user (auth->sasl), -1);
  if (account_is_blocked (self, auth->name) || auth->disabled)
    {
      fail_login (self);
      return;
    }
  await_answer (self);
  wiring->check_password (pb_sasl_user (auth->sasl), pb_sasl_password (auth->sasl),
                          pb_session_client_text (self, client, sizeof client),
                          pb_session_mailbox (self), on_system_answered, self,
                          wiring->check_password_data);
}

static void
on_password_checked (gpointer data)
{
  PasswordCheck *check = data;
  PbSession *self = check->session;

  g_atomic_int_add (&self->shard->server->n_checking, -1);
  if (begin_answer (self))
    {
      if (check->right)
        take_login (self, self->auth->name, self->auth->account_id);
      else if (asks_system (self->snapshot))
        ask_system (self);
      else
        fail_login (self);
    }
  pb_secret_unref (check->password);
  explicit_bzero (&check->verifier, sizeof check->verifier);
  g_free (check);
  /* When the system is asked now, its answer lets the input go on. */
  if (self->pending == 0)
    finish_answer (self);
  else
    pb_session_leave (self);
}

/* A fresh snapshot: whoever was disabled, or has another password, since the client connected. */
static void
find_account (PbSession *self, PbVerifier *verifier)
{
  const PbServerWiring *wiring = &self->shard->server->wiring;
  g_autoptr (PbSnapshot) snapshot = wiring->snapshot (wiring->data);
  PbAccount account;

  pb_snapshot_find_account (snapshot, pb_sasl_user (self->auth->sasl), &account);
  *verifier = account.verifier;
  self->auth->account_id = g_strdup (account.id);
  self->auth->name = g_strdup (account.name);
  self->auth->disabled = pb_snapshot_is_disabled (snapshot, pb_sasl_user (self->auth->sasl));
}

static void
begin_check (PbSession *self)
{
  PbServer *server = self->shard->server;
  PasswordCheck *check;

  if (g_str_equal (self->snapshot->values.mailboxes_account_source, "pam"))
    {
      ask_system (self);
      return;
    }
  if (g_atomic_int_add (&server->n_checking, 1) >= MAX_WAITING)
    {
      g_atomic_int_add (&server->n_checking, -1);
      put_off (self, "too many logins at once");
      return;
    }
  check = g_new0 (PasswordCheck, 1);
  check->session = self;
  check->password = pb_secret_ref (pb_sasl_password (self->auth->sasl));
  find_account (self, &check->verifier);
  await_answer (self);
  pb_pool_run (server->wiring.workers, check_password, pb_session_mailbox (self),
               on_password_checked, check);
}

/* ---- the exchange ---- */

/* Not as other replies are: a line of an exchange may be longer than 512 octets (RFC 4954 4). */
static void
challenge (PbSession *self, const GString *text)
{
  g_autofree char *encoded = g_base64_encode ((const guchar *) text->str, text->len);
  GString *line = self->shard->line;

  g_string_printf (line, "%u %s\r\n", pb_reply_row (PB_REPLY_AUTH_CHALLENGE)->code, encoded);
  pb_session_reply_lines (self, line);
}

static PbSaslStep
look_up (PbSession *self, GString *out)
{
  PbVerifier verifier;

  find_account (self, &verifier);
  /* The proof for a blocked account's password must not stand either, nor ours be given for it. */
  if (account_is_blocked (self, self->auth->name))
    {
      if (RAND_bytes (verifier.stored_key, sizeof verifier.stored_key) != 1)
        g_error ("there is no randomness for a key");
    }
  return pb_sasl_answer_verifier (self->auth->sasl, &verifier, out);
}

static void
feed (PbSession *self, const PbSecret *response)
{
  g_autoptr (GString) out = g_string_new (NULL);
  PbSaslStep step = pb_sasl_feed (self->auth->sasl, response, out);

  if (step == PB_SASL_LOOK_UP)
    step = look_up (self, out);
  switch (step)
    {
    case PB_SASL_CONTINUE:
      challenge (self, out);
      break;
    case PB_SASL_CHECK:
      begin_check (self);
      break;
    case PB_SASL_PROVEN:
      take_login (self, self->auth->name, self->auth->account_id);
      break;
    case PB_SASL_WRONG:
      fail_login (self);
      break;
    case PB_SASL_LOOK_UP:
    case PB_SASL_MALFORMED:
      end_exchange (self);
      pb_session_reply_error (self, PB_REPLY_AUTH_MALFORMED, NULL);
      break;
    }
}

static void
feed_text (PbSession *self, const char *text, gsize length)
{
  g_autoptr (PbSecret) response = pb_sasl_decode (text, length);

  if (response != NULL)
    feed (self, response);
  else
    {
      end_exchange (self);
      pb_session_reply_error (self, PB_REPLY_AUTH_MALFORMED, NULL);
    }
}

void
pb_session_auth_line (PbSession *self, const char *line, gsize length)
{
  if (length == 1 && line[0] == '*')
    {
      end_exchange (self);
      pb_session_reply_error (self, PB_REPLY_AUTH_CANCELLED, NULL);
    }
  else
    feed_text (self, line, length);
}

void
pb_session_auth_line_too_long (PbSession *self)
{
  end_exchange (self);
  pb_session_reply_error (self, PB_REPLY_AUTH_LINE_TOO_LONG, NULL);
}

/* Returns: PB_REPLY_NONE when an exchange may begin. */
static PbReplyId
refuse_auth (const PbSession *self)
{
  if (!self->snapshot->values.general_auth_enabled || self->local != NULL)
    return PB_REPLY_AUTH_DISABLED;
  if (!self->esmtp)
    return PB_REPLY_BAD_SEQUENCE_EHLO;
  if (self->login != NULL)
    return PB_REPLY_AUTH_TWICE;
  return self->transaction != NULL ? PB_REPLY_AUTH_IN_TRANSACTION : PB_REPLY_NONE;
}

static void
begin_exchange (PbSession *self, PbSaslMechanism mechanism)
{
  g_autoptr (GBytes) exporter = pb_channel_tls_binding (self->channel, PB_TLS_BINDING_EXPORTER);
  g_autoptr (GBytes) end_point =
    pb_channel_tls_binding (self->channel, PB_TLS_BINDING_SERVER_END_POINT);
  const PbSaslBindings bindings = {
    .plus_offered = is_offered (self, PB_SASL_SCRAM_SHA_256_PLUS),
    .exporter = exporter,
    .end_point = end_point,
  };
  guint8 random[NONCE_SIZE];
  g_autofree char *nonce = NULL;

  if (RAND_bytes (random, sizeof random) != 1)
    g_error ("there is no randomness for a nonce");
  nonce = g_base64_encode (random, sizeof random);
  self->auth = g_new0 (PbAuth, 1);
  self->auth->mechanism = mechanism;
  self->auth->sasl = pb_sasl_new (mechanism, &bindings, nonce);
}

/* @response: (nullable) NULL: none was given. "=" stands for one of no octets (RFC 4954 4). */
static void
begin (PbSession *self, PbSaslMechanism mechanism, const char *response, gsize length)
{
  begin_exchange (self, mechanism);
  if (response == NULL)
    {
      g_autoptr (GString) out = g_string_new (NULL);

      pb_sasl_begin (self->auth->sasl, out);
      challenge (self, out);
    }
  else if (length == 1 && response[0] == '=')
    feed_text (self, "", 0);
  else
    feed_text (self, response, length);
}

void
pb_session_verb_auth (PbSession *self, const PbCommand *command)
{
  const char *argument = command->argument;
  gsize length = command->argument_length;
  const char *space = memchr (argument, ' ', length);
  gsize name_length = space != NULL ? (gsize) (space - argument) : length;
  PbSaslMechanism mechanism;
  PbReplyId refusal = refuse_auth (self);

  if (refusal != PB_REPLY_NONE)
    pb_session_reply_error (self, refusal, NULL);
  else if (length == 0)
    pb_session_reply_error (self, PB_REPLY_BAD_SYNTAX, "AUTH mechanism");
  else if (!self->exempt && pb_session_blocked_until (self) != 0)
    pb_session_expel_flood (self, "blocks", PB_REPLY_AUTH_BLOCKED);
  else if (!pb_sasl_mechanism_lookup (argument, name_length, &mechanism))
    pb_session_reply_error (self, PB_REPLY_AUTH_UNKNOWN, NULL);
  else if (needs_encryption (self, mechanism))
    pb_session_reply_error (self, PB_REPLY_AUTH_NEEDS_TLS, NULL);
  else if (!is_offered (self, mechanism))
    pb_session_reply_error (self, PB_REPLY_AUTH_UNKNOWN, NULL);
  else
    begin (self, mechanism, space != NULL ? space + 1 : NULL, length - name_length - (space != NULL));
}
