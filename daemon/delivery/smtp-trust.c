/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * TLS contexts for outgoing connections. One that trusts anybody, and one that trusts the TLSA records it is
 * given, are made at once; the one that asks the system's authorities (SSL_CERT_FILE and SSL_CERT_DIR name others) reads their files, so a worker makes
 * it, and again after an hour, since administrators add authorities without a word to us. A slot asks
 * before it connects. Whom a search outlives cancels it; what the worker brings then is dropped.
 */
#include "delivery/smtp-pool-private.h"

#define KEEP_USEC ((gint64) 3600 * G_USEC_PER_SEC)

struct _PbSmtpTrust
{
  PbSmtpPool *pool; /* (nullable) NULL once cancelled; the reactor's thread only */
  PbSmtpTrustFound func;
  gpointer user_data;
  PbTlsContext *context; /* (owned) (nullable) */
  GError *error;         /* (owned) (nullable) */
};

static void
trust_free (PbSmtpTrust *self)
{
  g_clear_pointer (&self->context, pb_tls_context_unref);
  g_clear_error (&self->error);
  g_free (self);
}

static void
load (gpointer data)
{
  PbSmtpTrust *self = data;

  self->context = pb_tls_context_new_client (PB_TLS_1_2, TRUE, &self->error);
}

static void
on_loaded (gpointer data)
{
  PbSmtpTrust *self = data;
  PbSmtpPool *pool = self->pool;
  PbTlsContext *context = NULL;

  if (pool != NULL && self->context != NULL)
    {
      g_clear_pointer (&pool->verified, pb_tls_context_unref);
      pool->verified = pb_tls_context_ref (self->context);
      pool->verified_until = pb_reactor_now (pool->context.reactor) + KEEP_USEC;
      context = g_steal_pointer (&self->context);
    }
  if (pool != NULL)
    self->func (context, self->error != NULL ? self->error->message : NULL, self->user_data);
  trust_free (self);
}

/* Those that ask no file of the system's. */
static void
find_made (PbSmtpPool *pool, gboolean by_dane, PbSmtpTrustFound func, gpointer user_data)
{
  PbTlsContext **context = by_dane ? &pool->dane : &pool->unverified;
  g_autoptr (GError) error = NULL;

  if (*context == NULL)
    *context = by_dane ? pb_tls_context_new_dane (PB_TLS_1_2, &error)
                       : pb_tls_context_new_client (PB_TLS_1_2, FALSE, &error);
  if (*context != NULL)
    func (pb_tls_context_ref (*context), NULL, user_data);
  else
    func (NULL, error->message, user_data);
}

PbSmtpTrust *
pb_smtp_trust_find (PbSmtpPool *pool, const PbSmtpSecurity *security, gboolean look,
                    PbSmtpTrustFound func, gpointer user_data)
{
  gboolean by_dane = security->kind == PB_SMTP_SECURITY_DANE;
  PbSmtpTrust *self;

  if (by_dane || (security->kind != PB_SMTP_SECURITY_NAME && !look))
    {
      find_made (pool, by_dane, func, user_data);
      return NULL;
    }
  if (pool->verified != NULL && pb_reactor_now (pool->context.reactor) < pool->verified_until)
    {
      func (pb_tls_context_ref (pool->verified), NULL, user_data);
      return NULL;
    }
  self = g_new0 (PbSmtpTrust, 1);
  self->pool = pool;
  self->func = func;
  self->user_data = user_data;
  pb_pool_run (pool->context.readers, load, pb_reactor_mailbox (pool->context.reactor), on_loaded,
               self);
  return self;
}

void
pb_smtp_trust_cancel (PbSmtpTrust *self)
{
  self->pool = NULL;
}
