/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The ARC verifier (RFC 8617 5.2): every seal of the chain, and the last message signature. Begun when the
 * header is whole, like DKIM's, so that keys are asked for while the body streams. One thread. DNS that does
 * not answer breaks a chain as a wrong key would: nobody vouches then, and no more is lost than that.
 */
#include "mailauth/arc-chain.h"
#include "mailauth/dkim-key.h"

#include <string.h>

struct _PbArc
{
  PbAuthMessage *message; /* borrowed */
  PbDnsSource dns;
  PbArcFunc func; /* (nullable) NULL once cancelled */
  gpointer user_data;
  guint asked;
  gboolean body_ended;
  PbArcChain chain;
  PbBodyHash *body;                     /* borrowed from the message */
  PbDkimKey *keys[PB_ARC_MAX_SETS + 1]; /* (owned) (nullable) of the seals, then of the signature */
  PbArcOutcome outcome;
};

typedef struct
{
  PbArc *arc;
  guint index; /* of the key */
  PbDkimAlgorithm algorithm;
} Question;

const char *
pb_arc_result_name (PbArcResult result)
{
  switch (result)
    {
    case PB_ARC_NONE:
      return "none";
    case PB_ARC_PASS:
      return "pass";
    case PB_ARC_FAIL:
      return "fail";
    }
  return "";
}

static void
arc_free (PbArc *self)
{
  for (guint i = 0; i < G_N_ELEMENTS (self->keys); i++)
    g_clear_pointer (&self->keys[i], pb_dkim_key_free);
  pb_arc_chain_clear (&self->chain);
  g_free (self);
}

/* The first thing that is wrong stays. */
static void
fail (PbArc *self, const char *why)
{
  if (self->outcome.result != PB_ARC_FAIL)
    self->outcome.why = why;
  self->outcome.result = PB_ARC_FAIL;
}

static gboolean
verify_message (PbArc *self)
{
  const PbDkimSignature *signature = self->chain.parsed_signature;
  gint64 limit = signature->body_limit;
  g_autoptr (GString) text = g_string_sized_new (4096);

  if (limit >= 0 && pb_body_hash_length (self->body) < (guint64) limit)
    return FALSE;
  if (memcmp (pb_body_hash_get (self->body), signature->body_hash, PB_BODY_HASH_LENGTH) != 0)
    return FALSE;
  pb_dkim_append_headers (text, self->message, signature->headers, signature->relaxed_header);
  pb_dkim_signature_append_field (signature, self->chain.signatures[self->chain.n - 1], text);
  return pb_dkim_key_verify (self->keys[self->chain.n], signature->algorithm, signature->signature,
                             text->str, text->len);
}

static gboolean
verify_seal (PbArc *self, guint i)
{
  const PbDkimSignature *seal = self->chain.parsed_seals[i];
  g_autoptr (GString) text = g_string_sized_new (4096);

  pb_arc_chain_append_sets (&self->chain, i + 1, text);
  pb_dkim_signature_append_field (seal, self->chain.seals[i], text);
  return pb_dkim_key_verify (self->keys[i], seal->algorithm, seal->signature, text->str, text->len);
}

static void
judge (PbArc *self)
{
  self->outcome.result = PB_ARC_PASS;
  if (!verify_message (self))
    fail (self, "the message was changed behind the last seal");
  for (guint i = self->chain.n; self->outcome.result == PB_ARC_PASS && i > 0; i--)
    if (!verify_seal (self, i - 1))
      fail (self, "a seal does not hold");
}

static void
finish_if_whole (PbArc *self)
{
  if (!self->body_ended || self->asked > 0)
    return;
  if (self->outcome.result == PB_ARC_NONE && self->chain.n > 0)
    judge (self);
  self->func (&self->outcome, self->user_data);
  arc_free (self);
}

static void
on_key (PbDnsAnswer *answer, gpointer user_data)
{
  g_autofree Question *question = user_data;
  PbArc *self = question->arc;
  const char *problem = "DNS did not give the key";

  self->asked--;
  if (self->func == NULL)
    {
      if (self->asked == 0)
        arc_free (self);
      return;
    }
  if (answer->status != PB_DNS_TROUBLE)
    self->keys[question->index] = pb_dkim_key_find (answer, question->algorithm, &problem);
  if (self->keys[question->index] == NULL)
    fail (self, problem);
  finish_if_whole (self);
}

static void
ask (PbArc *self, const PbDkimSignature *signature, guint index, guint seconds)
{
  g_autofree char *name = pb_dkim_signature_key_name (signature);
  Question *question = g_new (Question, 1);

  *question = (Question){ self, index, signature->algorithm };
  self->asked++;
  pb_dns_source_query (&self->dns, name, PB_DNS_TXT, seconds, on_key, question);
}

PbArc *
pb_arc_verify (PbAuthMessage *message, const PbDnsSource *dns, guint seconds, PbArcFunc func,
               gpointer user_data)
{
  PbArc *self = g_new0 (PbArc, 1);
  const char *problem;

  self->message = message;
  self->dns = *dns;
  self->func = func;
  self->user_data = user_data;
  problem = pb_arc_chain_read (&self->chain, message);
  self->outcome.sets = self->chain.n;
  if (problem != NULL)
    {
      fail (self, problem);
      return self;
    }
  if (self->chain.n == 0)
    return self;
  self->outcome.domain = self->chain.parsed_seals[self->chain.n - 1]->domain;
  self->body = pb_auth_message_body_hash (message, self->chain.parsed_signature->relaxed_body,
                                          self->chain.parsed_signature->body_limit);
  for (guint i = 0; i < self->chain.n; i++)
    ask (self, self->chain.parsed_seals[i], i, seconds);
  ask (self, self->chain.parsed_signature, self->chain.n, seconds);
  return self;
}

void
pb_arc_body_ended (PbArc *self)
{
  self->body_ended = TRUE;
  finish_if_whole (self);
}

void
pb_arc_cancel (PbArc *self)
{
  self->func = NULL;
  if (self->asked == 0)
    arc_free (self);
}
