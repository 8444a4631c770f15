/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A message with ARC fields and its keys: the input up to the first NUL is every TXT there is, the rest the message, fed in pieces of
 * changing size. Whatever it is, it is verified to the end; what has no chain yet is sealed, and then its chain holds.
 */
#include "mailauth/arc.h"
#include "net/dns-answer.h"

#include <stdint.h>
#include <string.h>

#define MAX_ASKED (PB_ARC_MAX_SETS + 1)
#define KEY_TEXT "k=ed25519; p=%s"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

typedef struct
{
  PbArc *arc;
  PbBodyHash *body;
  PbArcOutcome outcome;
  guint n_asked, told;
  PbDnsFunc funcs[MAX_ASKED];
  gpointer user_data[MAX_ASKED];
} Bed;

static void
ask (gpointer source, const char *name, PbDnsType type, guint timeout, PbDnsFunc func,
     gpointer user_data)
{
  Bed *bed = source;

  g_assert (bed->n_asked < MAX_ASKED);
  bed->funcs[bed->n_asked] = func;
  bed->user_data[bed->n_asked++] = user_data;
}

static void
on_outcome (const PbArcOutcome *outcome, gpointer user_data)
{
  Bed *bed = user_data;

  bed->told++;
  bed->outcome = *outcome;
  g_assert ((outcome->why != NULL) == (outcome->result == PB_ARC_FAIL));
  g_assert (outcome->result != PB_ARC_NONE || outcome->sets == 0);
}

static void
on_header (PbAuthMessage *message, gpointer user_data)
{
  Bed *bed = user_data;
  PbDnsSource dns = { ask, bed };

  bed->arc = pb_arc_verify (message, &dns, 20, on_outcome, bed);
  bed->body = pb_auth_message_body_hash (message, TRUE, -1);
}

static EVP_PKEY *
fixed_key (void)
{
  static EVP_PKEY *key;
  const guint8 seed[32] = { 1, 2, 3 };

  if (key == NULL)
    key = EVP_PKEY_new_raw_private_key (EVP_PKEY_ED25519, NULL, seed, sizeof seed);
  return key;
}

static char *
fixed_record (void)
{
  guint8 raw[32];
  gsize length = sizeof raw;
  g_autofree char *text = NULL;

  g_assert (EVP_PKEY_get_raw_public_key (fixed_key (), raw, &length) == 1);
  text = g_base64_encode (raw, length);
  return g_strdup_printf (KEY_TEXT, text);
}

/* Verifies a message to the end. Returns: (transfer full): what was read of it. */
static PbAuthMessage *
verify (Bed *bed, const char *records, const char *data, gsize size)
{
  PbAuthMessage *message = pb_auth_message_new (on_header, bed);
  g_autoptr (PbDnsAnswer) answer = pb_dns_answer_new (PB_DNS_OK, NULL);
  gsize at = 0;

  answer->names = g_strsplit (records, "|", 4);
  for (gsize piece = 1; at < size; piece = piece * 3 % 101)
    {
      gsize n = MIN (piece, size - at);

      pb_auth_message_feed (message, data + at, n);
      at += n;
    }
  pb_auth_message_end (message);
  for (guint i = 0; i < bed->n_asked; i++)
    bed->funcs[i](answer, bed->user_data[i]);
  pb_arc_body_ended (bed->arc);
  g_assert (bed->told == 1);
  return message;
}

/* The seal that we have just put on top holds. */
static void
check_sealed (const PbArcSet *set, const char *data, gsize size)
{
  Bed bed = { 0 };
  g_autofree char *record = fixed_record ();
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (PbAuthMessage) message = NULL;

  g_string_printf (text, "ARC-Seal:%s\r\nARC-Message-Signature:%s\r\nARC-Authentication-Results:%s\r\nReceived: x\r\n",
                   set->seal, set->signature, set->results);
  g_string_append_len (text, data, (gssize) size);
  message = verify (&bed, record, text->str, text->len);
  g_assert (bed.outcome.result == PB_ARC_PASS && bed.outcome.sets == 1);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  const uint8_t *nul = memchr (data, '\0', size);
  size_t at = nul != NULL ? (size_t) (nul - data) : 0;
  g_autofree char *records = g_strndup ((const char *) data, at);
  const char *text = (const char *) data + at;
  Bed bed = { 0 };
  PbDkimSigner signer = { "example.test", "sel", fixed_key (), 1 };
  g_autoptr (PbAuthMessage) message = NULL;
  PbArcSet set;

  size -= at;
  if (nul != NULL && size > 0)
    {
      text++;
      size--;
    }
  message = verify (&bed, records, text, size);
  if (!pb_arc_seal (message, bed.body, &bed.outcome, " mx.example; spf=pass", &signer, &set, NULL))
    return 0;
  if (bed.outcome.result == PB_ARC_NONE && !pb_auth_message_is_cut (message))
    check_sealed (&set, text, size);
  pb_arc_set_clear (&set);
  return 0;
}
