/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How an SMTP or LMTP connection becomes fit for mail: greeting, EHLO with HELO as the fallback (LMTP:
 * LHLO and nothing else), TLS as the host's security demands it, EHLO once more, the login. Called by
 * smtp-connection.c with each event until the connection is open; any failure ends it through
 * pb_smtp_connection_fail(), and the slot decides what is tried next. What a server said before TLS is
 * forgotten behind it (RFC 3207 4.2). Where TLS is demanded no mail and no login leaves without it.
 */
#include "delivery/smtp-connection-private.h"

#include "delivery/sts-demand.h"
#include "util/marked.h"

#include <string.h>

static void
defer (PbSmtpConnection *self, PbSmtpFailureCause cause, const char *status, const char *reason)
{
  pb_smtp_connection_fail (self, cause, PB_RESULT_DEFERRED, status, reason, FALSE);
}

static void
greet (PbSmtpConnection *self)
{
  pb_smtp_connection_command (self, PB_EXPECT_EHLO, self->lmtp ? "LHLO " : "EHLO ", self->hostname);
}

/* ---- TLS ---- */

static void
start_tls (PbSmtpConnection *self)
{
  g_autoptr (PbTlsContext) tls = g_steal_pointer (&self->tls);
  const PbTlsExpectation expected = {
    .server_name = self->security->server_name,
    .names = (const char *const *) self->security->names,
    .records = self->security->records,
    .n_records = self->security->n_records,
    .no_common_name = self->security->source == PB_SMTP_SECURITY_BY_MTA_STS,
  };

  self->step = PB_SMTP_STEP_TLS;
  if (!pb_channel_start_tls_expecting (self->channel, tls, &expected))
    {
      /* Something already stands behind the "220": whoever put it there wants it taken for the server's
       * protected words (RFC 3207 6, CVE-2021-38371). Nothing more is said to such a server. */
      defer (self, PB_SMTP_FAILURE_HOST, "4.7.5",
             "the server sent something behind its answer to STARTTLS, before TLS: an attack, or broken");
      return;
    }
  /* Who looks on is to see the certificate, good or not; what does not suit ends the connection behind the handshake. */
  if (self->watch != NULL || self->security->on_trial)
    pb_channel_tls_look (self->channel);
  self->handshaking = TRUE;
  pb_smtp_connection_wait (self, self->context->timeouts->tls);
}

/* What the handshake would have failed at if nobody had looked on. Returns: (transfer full) (nullable): why it suits the route not. */
static char *
find_trouble (const PbSmtpConnection *self, const PbTlsPeer *peer)
{
  if (self->watch == NULL
      || (self->security->kind != PB_SMTP_SECURITY_NAME && self->security->kind != PB_SMTP_SECURITY_DANE))
    return NULL;
  if (peer == NULL)
    return g_strdup ("TLS: the server showed no certificate");
  return peer->trouble != NULL ? g_strconcat ("TLS: certificate: ", peer->trouble, NULL) : NULL;
}

/* The name was looked at in the handshake already. Returns: (transfer full) (nullable): why the key is not the one. */
static char *
find_other_key (PbSmtpConnection *self)
{
  g_autofree char *found = NULL;

  if (self->security->kind != PB_SMTP_SECURITY_FINGERPRINT)
    return NULL;
  found = pb_channel_tls_peer_fingerprint (self->channel);
  if (found != NULL && self->security->fingerprint != NULL
      && g_ascii_strcasecmp (found, self->security->fingerprint) == 0)
    return NULL;
  return g_strdup_printf ("the server's public key has another fingerprint: %s",
                          found != NULL ? found : "none");
}

static void
tell_secured (PbSmtpConnection *self, const PbTlsPeer *peer)
{
  g_autofree char *proof = pb_smtp_security_describe (self->security);
  g_autofree char *words = g_strdup_printf ("%s, %s, %s", pb_channel_tls_version (self->channel),
                                            pb_channel_tls_cipher (self->channel), proof);
  gboolean proven = pb_smtp_security_is_proven (self->security) || (peer != NULL && peer->trouble == NULL);

  pb_transcript_note (self->head, "%s", words);
  pb_smtp_connection_tell (self, proven ? PB_SMTP_STEP_OK : PB_SMTP_STEP_WARNING, words, peer);
}

/* On trial, who is not to be trusted is told of later, when mail goes all the same. */
static void
doubt_peer (PbSmtpConnection *self, const PbTlsPeer *peer)
{
  if (!self->security->on_trial)
    return;
  if (peer == NULL)
    self->doubt = g_strdup ("the server showed no certificate");
  else if (peer->trouble != NULL)
    self->doubt = g_strconcat ("certificate: ", peer->trouble, NULL);
}

/* Returns: FALSE when the connection has failed. */
static gboolean
check_peer (PbSmtpConnection *self)
{
  gboolean look = self->watch != NULL || self->security->on_trial;
  g_autoptr (PbTlsPeer) peer = look ? pb_channel_tls_peer (self->channel) : NULL;
  g_autofree char *reason = find_trouble (self, peer);

  if (reason == NULL)
    reason = find_other_key (self);
  if (reason == NULL)
    {
      doubt_peer (self, peer);
      tell_secured (self, peer);
      return TRUE;
    }
  pb_smtp_connection_tell (self, PB_SMTP_STEP_FAILED, reason, peer);
  self->watch = NULL;
  defer (self, PB_SMTP_FAILURE_TLS, "4.7.5", reason);
  return FALSE;
}

void
pb_smtp_opening_secured (PbSmtpConnection *self)
{
  self->handshaking = FALSE;
  if (!check_peer (self))
    return;
  self->secure = TRUE;
  pb_extension_set_clear (&self->extensions);
  if (self->expected->len > 0)
    greet (self);
  else
    {
      self->step = PB_SMTP_STEP_GREETING;
      pb_smtp_connection_expect (self, PB_EXPECT_GREETING, 0, NULL);
      pb_smtp_connection_wait (self, self->context->timeouts->greeting);
    }
}

/* ---- the steps ---- */

/* It stands: what the domain's policy makes of that. */
static void
tell_policy (PbSmtpConnection *self)
{
  const char *doubt = self->security->doubt;

  if (doubt == NULL)
    doubt = self->secure ? self->doubt : "TLS was not to be had";
  if (self->security->on_trial && doubt != NULL)
    pb_transcript_note (self->head, "would have failed, were the policy enforced: %s", doubt);
  pb_sts_demand_passed (self->security, self->route->domain, self->remote, doubt);
}

void
pb_smtp_opening_done (PbSmtpConnection *self)
{
  tell_policy (self);
  self->opened = TRUE;
  self->watch = NULL;
  self->context->events->opened (self, self->user_data);
  if (self->channel != NULL)
    pb_smtp_transaction_begin (self);
}

static void
log_in (PbSmtpConnection *self)
{
  if (!self->route->auth)
    pb_smtp_opening_done (self);
  else
    pb_smtp_login_begin (self);
}

/* Where nobody demands TLS. */
static void
go_clear (PbSmtpConnection *self, const char *why)
{
  self->step = PB_SMTP_STEP_TLS;
  pb_smtp_connection_tell (self, PB_SMTP_STEP_WARNING, why, NULL);
  log_in (self);
}

/* The extensions are known. */
static void
go_on (PbSmtpConnection *self)
{
  gboolean offered = (self->extensions.offered & PB_EXT_STARTTLS) != 0;

  if (self->secure)
    log_in (self);
  else if (self->tls != NULL && offered)
    pb_smtp_connection_command (self, PB_EXPECT_STARTTLS, "STARTTLS", "");
  else if (pb_smtp_security_demands_tls (self->security))
    {
      const char *source = pb_smtp_security_source_text (self->security);
      g_autofree char *words = g_strdup_printf ("TLS is required%s%s, and the server does not offer STARTTLS",
                                                source != NULL ? " by " : "", source != NULL ? source : "");

      self->step = PB_SMTP_STEP_TLS;
      defer (self, PB_SMTP_FAILURE_HOST, "4.7.4", words);
    }
  else
    go_clear (self, self->tls == NULL ? N_ ("not used") : N_ ("the server offers none"));
}

/* A host that DNS named has the last word on whether it takes mail at all (RFC 5321 3.1). One that the
 * administrator named refuses this server, not the message: nobody's mail is to come back for that. */
static void
refuse (PbSmtpConnection *self)
{
  g_autofree char *text = pb_smtp_connection_reply_text (self);
  char status[sizeof ((PbSmtpFailure *) NULL)->status];
  gboolean is_final =
    self->reply.code / 100 == 5
    && (self->route->kind == PB_ROUTE_MX || self->route->reason == PB_ROUTE_REASON_LITERAL);

  g_strlcpy (status, pb_smtp_connection_reply_status (self), sizeof status);
  if (!is_final)
    status[0] = '4';
  pb_smtp_connection_fail (self, PB_SMTP_FAILURE_HOST,
                           is_final ? PB_RESULT_FAILED : PB_RESULT_DEFERRED, status, text, TRUE);
}

/* Offered, and not given: only who demands it cares. */
static void
on_starttls_reply (PbSmtpConnection *self)
{
  self->step = PB_SMTP_STEP_TLS;
  if (self->reply.code == 220)
    start_tls (self);
  else if (pb_smtp_security_demands_tls (self->security))
    {
      g_autofree char *text = pb_smtp_connection_reply_text (self);

      pb_smtp_connection_fail (self, PB_SMTP_FAILURE_HOST, PB_RESULT_DEFERRED, "4.7.5", text, TRUE);
    }
  else
    {
      pb_transcript_note (self->head, "no TLS here; going on in the clear");
      go_clear (self, N_ ("offered by the server, but refused when asked for"));
    }
}

static void
on_ehlo_reply (PbSmtpConnection *self, PbExpect what)
{
  if (what == PB_EXPECT_EHLO && self->reply.code / 100 == 5 && !self->lmtp)
    {
      pb_smtp_connection_command (self, PB_EXPECT_HELO, "HELO ", self->hostname);
      return;
    }
  if (self->reply.code / 100 != 2)
    {
      refuse (self);
      return;
    }
  if (what == PB_EXPECT_EHLO)
    pb_extension_parse_reply (self->reply.text->str, &self->extensions);
  go_on (self);
}

static void
on_greeting (PbSmtpConnection *self)
{
  if (self->reply.code / 100 == 2)
    {
      g_autofree char *text = pb_smtp_connection_reply_text (self);

      pb_smtp_connection_tell (self, PB_SMTP_STEP_OK, text, NULL);
      greet (self);
    }
  else
    refuse (self);
}

void
pb_smtp_opening_reply (PbSmtpConnection *self, PbExpect what)
{
  switch (what)
    {
    case PB_EXPECT_GREETING:
      on_greeting (self);
      break;
    case PB_EXPECT_EHLO:
    case PB_EXPECT_HELO:
      on_ehlo_reply (self, what);
      break;
    case PB_EXPECT_STARTTLS:
      on_starttls_reply (self);
      break;
    case PB_EXPECT_AUTH:
      pb_smtp_login_reply (self);
      break;
    case PB_EXPECT_RSET:
    case PB_EXPECT_MAIL:
    case PB_EXPECT_RCPT:
    case PB_EXPECT_DATA:
    case PB_EXPECT_CHUNK:
    case PB_EXPECT_FINAL:
      g_assert_not_reached ();
    }
}

void
pb_smtp_opening_connected (PbSmtpConnection *self)
{
  pb_transcript_note (self->head, N_ ("connected"));
  pb_smtp_connection_tell (self, PB_SMTP_STEP_OK, N_ ("connected"), NULL);
  if (self->route->tls == PB_ROUTE_TLS_IMPLICIT)
    {
      start_tls (self);
      return;
    }
  self->step = PB_SMTP_STEP_GREETING;
  pb_smtp_connection_expect (self, PB_EXPECT_GREETING, 0, NULL);
  pb_smtp_connection_wait (self, self->context->timeouts->greeting);
}
