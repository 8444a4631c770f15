/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A login at a server that may say anything: the first octet chooses the mechanism and the binding, lines are challenges, in base64 or
 * not. What we say is base64; a server is believed only with the right proof, which is not in the corpus.
 */
#include "protocol/sasl-client.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void
check_said (const PbSecret *said)
{
  for (gsize i = 0; i < said->length; i++)
    g_assert_true (g_ascii_isalnum (said->data[i]) || strchr ("+/=", said->data[i]) != NULL);
}

/* Returns: FALSE at the end of the exchange. */
static gboolean
take (PbSaslClient *client, const char *line, gsize length, gboolean encoded, gboolean *derived)
{
  g_autofree char *base64 = encoded ? NULL : g_base64_encode ((const guchar *) line, length);
  g_autoptr (PbSecret) out = NULL;
  PbSaslClientStep step = encoded ? pb_sasl_client_feed (client, line, length, &out)
                                  : pb_sasl_client_feed (client, base64, strlen (base64), &out);

  if (step == PB_SASL_CLIENT_BROKEN)
    {
      g_assert_nonnull (pb_sasl_client_why (client));
      return FALSE;
    }
  if (step == PB_SASL_CLIENT_DERIVE)
    {
      g_assert_false (*derived);
      *derived = TRUE; /* not computed: it costs too much here, and the key stays one that nobody knows */
      out = pb_sasl_client_prove (client);
    }
  check_said (out);
  return TRUE;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (GBytes) binding = g_bytes_new_static ("binding", 7);
  g_autoptr (PbSecret) password = pb_secret_copy ("pencil", 6);
  g_autoptr (PbSaslClient) client = NULL;
  g_autoptr (PbSecret) first = NULL;
  PbSaslBindings bindings = { 0 };
  gboolean derived = FALSE;
  const char *at, *end;

  if (size == 0)
    return 0;
  bindings.exporter = binding;
  client = pb_sasl_client_new (data[0] % PB_N_SASL, &bindings, "us,er", password, "client");
  first = pb_sasl_client_begin (client);
  if (first != NULL)
    check_said (first);
  at = (const char *) data + 1;
  end = (const char *) data + size;
  while (at <= end)
    {
      const char *lf = memchr (at, '\n', (gsize) (end - at));

      if (!take (client, at, (gsize) ((lf != NULL ? lf : end) - at), (data[0] & 8) != 0, &derived))
        break;
      at = lf != NULL ? lf + 1 : end + 1;
    }
  if (!pb_sasl_mechanism_is_plain (pb_sasl_client_mechanism (client)))
    g_assert_false (pb_sasl_client_may_end (client));
  return 0;
}
