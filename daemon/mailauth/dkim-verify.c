/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The DKIM verifier (RFC 6376 6). Begun when a message's header is whole: the keys are asked for while the
 * body streams, and the verdicts stand when both are there. Called by the session's checks at the end of
 * DATA; one thread. A broken signature says no more than none at all; DNS trouble is never a failure.
 */
#include "mailauth/dkim-key.h"
#include "mailauth/dkim.h"

#include <string.h>

#define MAX_SKEW 300 /* seconds that a signer's clock may be ahead of ours */

struct _PbDkim
{
  PbAuthMessage *message; /* borrowed */
  PbDnsSource dns;
  PbDkimFunc func; /* (nullable) NULL once cancelled */
  gpointer user_data;
  guint seconds;
  guint n, asked;
  gboolean body_ended;
  const PbField *fields[PB_DKIM_MAX_SIGNATURES]; /* borrowed from the message */
  PbBodyHash *hashes[PB_DKIM_MAX_SIGNATURES];    /* likewise */
  PbDkimKey *keys[PB_DKIM_MAX_SIGNATURES];       /* (owned) (nullable) */
  PbDkimVerdict verdicts[PB_DKIM_MAX_SIGNATURES];
};

typedef struct
{
  PbDkim *dkim;
  guint index;
} Question;

static void
dkim_free (PbDkim *self)
{
  for (guint i = 0; i < self->n; i++)
    {
      g_clear_pointer (&self->keys[i], pb_dkim_key_free);
      g_clear_pointer (&self->verdicts[i].signature, pb_dkim_signature_free);
      g_free (self->verdicts[i].why);
    }
  g_free (self);
}

const char *
pb_dkim_result_name (PbDkimResult result)
{
  switch (result)
    {
    case PB_DKIM_PASS:
      return "pass";
    case PB_DKIM_FAIL:
      return "fail";
    case PB_DKIM_TEMPERROR:
      return "temperror";
    case PB_DKIM_PERMERROR:
      return "permerror";
    }
  return "";
}

static void
set_verdict (PbDkim *self, guint i, PbDkimResult result, const char *why)
{
  self->verdicts[i].result = result;
  g_free (self->verdicts[i].why);
  self->verdicts[i].why = g_strdup (why);
}

/* Whether the signed header is what the key signed. */
static gboolean
verify_header (PbDkim *self, guint i)
{
  const PbDkimSignature *signature = self->verdicts[i].signature;
  g_autoptr (GString) text = g_string_sized_new (4096);

  pb_dkim_append_headers (text, self->message, signature->headers, signature->relaxed_header);
  pb_dkim_signature_append_field (signature, self->fields[i], text);
  return pb_dkim_key_verify (self->keys[i], signature->algorithm, signature->signature, text->str,
                             text->len);
}

/* Judges a signature whose key is there, by the body that is. */
static void
judge (PbDkim *self, guint i)
{
  const PbDkimSignature *signature = self->verdicts[i].signature;
  PbBodyHash *body = self->hashes[i];
  gint64 limit = signature->body_limit;

  if (limit >= 0 && pb_body_hash_length (body) < (guint64) limit)
    set_verdict (self, i, PB_DKIM_PERMERROR, "the body is shorter than what was signed");
  else if (memcmp (pb_body_hash_get (body), signature->body_hash, PB_BODY_HASH_LENGTH) != 0)
    set_verdict (self, i, PB_DKIM_FAIL, "the body was changed");
  else if (!verify_header (self, i))
    set_verdict (self, i, PB_DKIM_FAIL, "the header was changed, or the key is not the one");
  else
    set_verdict (self, i, PB_DKIM_PASS, NULL);
  self->verdicts[i].body_cut = limit >= 0 && pb_body_hash_length (body) > (guint64) limit;
}

static void
finish_if_whole (PbDkim *self)
{
  if (!self->body_ended || self->asked > 0)
    return;
  for (guint i = 0; i < self->n; i++)
    if (self->keys[i] != NULL)
      judge (self, i);
  self->func (self->verdicts, self->n, self->user_data);
  dkim_free (self);
}

/* i= of @signature is not of d= itself, which a key may forbid (3.6.1 t=s). */
static gboolean
is_of_subdomain (const PbDkimSignature *signature)
{
  return g_ascii_strcasecmp (strrchr (signature->identity, '@') + 1, signature->domain) != 0;
}

static void
take_key (PbDkim *self, guint i, const PbDnsAnswer *answer)
{
  const PbDkimSignature *signature = self->verdicts[i].signature;
  g_autoptr (PbDkimKey) key = NULL;
  const char *problem;

  if (answer->status == PB_DNS_TROUBLE)
    {
      set_verdict (self, i, PB_DKIM_TEMPERROR, "DNS did not give the key");
      return;
    }
  key = pb_dkim_key_find (answer, signature->algorithm, &problem);
  if (key != NULL && key->strict && is_of_subdomain (signature))
    problem = "the key is not for subdomains";
  else if (key != NULL)
    problem = NULL;
  if (problem != NULL)
    {
      set_verdict (self, i, PB_DKIM_PERMERROR, problem);
      return;
    }
  self->verdicts[i].bits = key->bits;
  self->verdicts[i].testing = key->testing;
  self->keys[i] = g_steal_pointer (&key);
}

static void
on_key (PbDnsAnswer *answer, gpointer user_data)
{
  g_autofree Question *question = user_data;
  PbDkim *self = question->dkim;

  self->asked--;
  if (self->func == NULL)
    {
      if (self->asked == 0)
        dkim_free (self);
      return;
    }
  take_key (self, question->index, answer);
  finish_if_whole (self);
}

static void
ask (PbDkim *self, const char *name, guint index)
{
  Question *question = g_new (Question, 1);

  *question = (Question){ self, index };
  self->asked++;
  pb_dns_source_query (&self->dns, name, PB_DNS_TXT, self->seconds, on_key, question);
}

/* What makes a signature not worth its key: its time. Returns: (nullable). */
static const char *
check_time (const PbDkimSignature *signature)
{
  gint64 now = g_get_real_time () / G_USEC_PER_SEC;

  if (signature->expires >= 0 && signature->expires < now)
    return "the signature expired";
  return signature->made > now + MAX_SKEW ? "the signature is of a time to come" : NULL;
}

static void
begin_signature (PbDkim *self, const PbField *field)
{
  guint i = self->n++;
  PbDkimSignature *signature;
  const char *problem;
  g_autofree char *name = NULL;

  self->fields[i] = field;
  signature = pb_dkim_signature_parse (field, PB_DKIM_FIELD, &problem);
  self->verdicts[i].signature = signature;
  if (signature != NULL)
    problem = check_time (signature);
  if (problem != NULL)
    {
      set_verdict (self, i, PB_DKIM_PERMERROR, problem);
      return;
    }
  self->hashes[i] =
    pb_auth_message_body_hash (self->message, signature->relaxed_body, signature->body_limit);
  name = pb_dkim_signature_key_name (signature);
  ask (self, name, i);
}

PbDkim *
pb_dkim_verify (PbAuthMessage *message, const PbDnsSource *dns, guint seconds, PbDkimFunc func,
                gpointer user_data)
{
  PbDkim *self = g_new0 (PbDkim, 1);
  const GArray *indices = pb_auth_message_find (message, "DKIM-Signature");
  guint n_fields;
  const PbField *fields = pb_auth_message_fields (message, &n_fields);

  self->message = message;
  self->dns = *dns;
  self->seconds = seconds;
  self->func = func;
  self->user_data = user_data;
  for (guint i = 0; indices != NULL && i < indices->len && self->n < PB_DKIM_MAX_SIGNATURES; i++)
    begin_signature (self, &fields[g_array_index (indices, guint, i)]);
  return self;
}

void
pb_dkim_body_ended (PbDkim *self)
{
  self->body_ended = TRUE;
  finish_if_whole (self);
}

void
pb_dkim_cancel (PbDkim *self)
{
  self->func = NULL;
  if (self->asked == 0)
    dkim_free (self);
}
