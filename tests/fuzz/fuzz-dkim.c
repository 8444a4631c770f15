/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A message and its keys: the input up to the first NUL is every TXT there is, the rest the message, fed in
 * pieces of changing size. Whatever it is, it is verified to the end; and it is signed.
 */
#include "mailauth/dkim.h"
#include "net/dns-answer.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

typedef struct
{
  char *record;
  PbDkim *dkim;
  PbBodyHash *body;
  guint n_asked, told;
  PbDnsFunc funcs[PB_DKIM_MAX_SIGNATURES];
  gpointer user_data[PB_DKIM_MAX_SIGNATURES];
} Bed;

static void
ask (gpointer source, const char *name, PbDnsType type, guint timeout, PbDnsFunc func,
     gpointer user_data)
{
  Bed *bed = source;

  g_assert (bed->n_asked < PB_DKIM_MAX_SIGNATURES);
  bed->funcs[bed->n_asked] = func;
  bed->user_data[bed->n_asked++] = user_data;
}

static void
on_verdicts (const PbDkimVerdict *verdicts, guint n, gpointer user_data)
{
  ((Bed *) user_data)->told++;
  for (guint i = 0; i < n; i++)
    g_assert ((verdicts[i].why == NULL) == (verdicts[i].result == PB_DKIM_PASS));
}

static void
on_header (PbAuthMessage *message, gpointer user_data)
{
  Bed *bed = user_data;
  PbDnsSource dns = { ask, bed };

  bed->dkim = pb_dkim_verify (message, &dns, 20, on_verdicts, bed);
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

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  const uint8_t *nul = memchr (data, '\0', size);
  size_t at = nul != NULL ? (size_t) (nul - data) : 0;
  Bed bed = { .record = g_strndup ((const char *) data, at) };
  g_autoptr (PbAuthMessage) message = pb_auth_message_new (on_header, &bed);
  g_autoptr (PbDnsAnswer) answer = pb_dns_answer_new (PB_DNS_OK, NULL);
  PbDkimSigner signer = { "example.test", "sel", fixed_key (), 1 };
  g_autofree char *field = NULL;

  answer->names = g_strsplit (bed.record, "|", 4);
  for (size_t piece = 1; at < size; piece = piece * 3 % 101)
    {
      size_t n = MIN (piece, size - at);

      pb_auth_message_feed (message, (const char *) data + at, n);
      at += n;
    }
  pb_auth_message_end (message);
  for (guint i = 0; i < bed.n_asked; i++)
    bed.funcs[i](answer, bed.user_data[i]);
  pb_dkim_body_ended (bed.dkim);
  g_assert (bed.told == 1);
  field = pb_dkim_sign (message, bed.body, &signer, NULL);
  g_assert (field != NULL && strstr (field, "\n\n") == NULL);
  g_free (bed.record);
  return 0;
}
