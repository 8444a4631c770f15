/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The DKIM signer (RFC 6376 5). Called for mail that we send, on a worker, since an RSA signature takes a
 * millisecond. The message is ours or our user's: what is signed is what leaves.
 */
#include "mailauth/dkim-write.h"

#include <gio/gio.h>
#include <string.h>

/* Everything of the field's value up to "b=". */
static GString *
format_unsigned (const GPtrArray *names, PbBodyHash *body, const PbDkimSigner *signer,
                 PbDkimAlgorithm algorithm)
{
  GString *out = g_string_new (NULL);
  gsize column = strlen ("DKIM-Signature:");
  g_autofree char *first =
    g_strdup_printf (" v=1; a=%s; c=relaxed/relaxed;", pb_dkim_algorithm_name (algorithm));
  g_autofree char *domain = g_strdup_printf (" d=%s;", signer->domain);
  g_autofree char *selector = g_strdup_printf (" s=%s;", signer->selector);
  g_autofree char *time = g_strdup_printf (" t=%" G_GINT64_FORMAT ";", signer->now);

  pb_dkim_append_folded (out, first, &column);
  pb_dkim_append_folded (out, domain, &column);
  pb_dkim_append_folded (out, selector, &column);
  pb_dkim_append_folded (out, time, &column);
  pb_dkim_append_names (out, names, &column);
  pb_dkim_append_folded (out, " bh=", &column);
  pb_dkim_append_base64 (out, pb_body_hash_get (body), PB_BODY_HASH_LENGTH, &column);
  g_string_append (out, ";\r\n\tb=");
  return out;
}

char *
pb_dkim_sign (PbAuthMessage *message, PbBodyHash *body, const PbDkimSigner *signer, GError **error)
{
  gboolean ed25519 = EVP_PKEY_get_base_id (signer->key) == EVP_PKEY_ED25519;
  g_autoptr (GPtrArray) names = pb_dkim_choose_fields (message);
  g_autoptr (GString) text = g_string_sized_new (4096);
  g_autoptr (GString) field = g_string_new ("dkim-signature:");
  g_autoptr (GString) value =
    format_unsigned (names, body, signer, ed25519 ? PB_DKIM_ED25519_SHA256 : PB_DKIM_RSA_SHA256);
  g_autoptr (GBytes) signature = NULL;
  gsize column = 10, length;
  const guint8 *octets;

  pb_dkim_append_headers (text, message, (char *const *) names->pdata, TRUE);
  g_string_append_len (field, value->str, (gssize) value->len);
  pb_canonical_field (text, field->str, field->len, strlen ("dkim-signature"), TRUE);
  g_string_truncate (text, text->len - 2);
  signature = pb_dkim_sign_text (signer->key, ed25519, text);
  if (signature == NULL)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "the key %s of %s does not sign",
                   signer->selector, signer->domain);
      return NULL;
    }
  octets = g_bytes_get_data (signature, &length);
  pb_dkim_append_base64 (value, octets, length, &column);
  return g_string_free (g_steal_pointer (&value), FALSE);
}
