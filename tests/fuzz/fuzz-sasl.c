/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A SASL exchange: the first octet chooses the mechanism and what the channel has, lines are the client's responses as they
 * come, in base64 or not. Nobody is ever proven to be the user, whose password is not in the corpus; what is said is printable.
 */
#include "protocol/sasl.h"
#include "util/saslprep.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void
check_output (const GString *out)
{
  for (gsize i = 0; i < out->len; i++)
    g_assert_true (out->str[i] >= ' ' && out->str[i] <= '~');
  g_assert_cmpuint (out->len, <, 1024);
}

/* Returns: FALSE at the end of the exchange. */
static gboolean
take (PbSasl *sasl, const char *line, gsize length, GString *out)
{
  static const guint8 key[PB_VERIFIER_KEY] = { 7 };
  g_autoptr (PbSecret) decoded = pb_sasl_decode (line, length);
  g_autoptr (PbSecret) response = decoded != NULL ? pb_secret_ref (decoded) : pb_secret_copy (line, length);
  g_autoptr (PbSecret) prepared = pb_saslprep (response, FALSE);
  PbSaslStep step = pb_sasl_feed (sasl, response, out);
  PbVerifier verifier;

  if (prepared != NULL)
    g_assert_true (g_utf8_validate_len ((const char *) prepared->data, prepared->length, NULL));
  if (step == PB_SASL_LOOK_UP)
    {
      g_assert_nonnull (pb_sasl_user (sasl));
      pb_verifier_init_fake (&verifier, pb_sasl_user (sasl), key);
      step = pb_sasl_answer_verifier (sasl, &verifier, out);
    }
  if (step == PB_SASL_CHECK)
    g_assert_true (pb_sasl_user (sasl) != NULL && pb_sasl_password (sasl) != NULL);
  g_assert_cmpint (step, !=, PB_SASL_PROVEN);
  check_output (out);
  return step == PB_SASL_CONTINUE;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (GBytes) binding = g_bytes_new_static ("binding", 7);
  g_autoptr (GString) out = g_string_new (NULL);
  g_autoptr (PbSasl) sasl = NULL;
  PbSaslBindings bindings = { 0 };
  const char *at, *end;

  if (size == 0)
    return 0;
  bindings.plus_offered = (data[0] & 4) != 0;
  bindings.exporter = (data[0] & 8) != 0 ? binding : NULL;
  bindings.end_point = (data[0] & 16) != 0 ? binding : NULL;
  sasl = pb_sasl_new (data[0] % PB_N_SASL, &bindings, "server");
  at = (const char *) data + 1;
  end = (const char *) data + size;
  while (at <= end)
    {
      const char *lf = memchr (at, '\n', (gsize) (end - at));

      if (!take (sasl, at, (gsize) ((lf != NULL ? lf : end) - at), out))
        break;
      at = lf != NULL ? lf + 1 : end + 1;
    }
  return 0;
}
