/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The ARC sealer (RFC 8617 5.1): what we found out about a message that we pass on, signed together with all
 * that others said before us. Called on a worker; the message was fed to its end and verified.
 */
#include "mailauth/arc-chain.h"
#include "mailauth/dkim-write.h"

#include <gio/gio.h>
#include <string.h>

void
pb_arc_set_clear (PbArcSet *self)
{
  g_clear_pointer (&self->seal, g_free);
  g_clear_pointer (&self->signature, g_free);
  g_clear_pointer (&self->results, g_free);
}

/* Appends a field of the new set to @text as it is signed. @last: without its CRLF. */
static void
append_own (GString *text, const char *name, const char *value, gboolean last)
{
  g_autofree char *field = g_strconcat (name, ":", value, "\r\n", NULL);

  pb_canonical_field (text, field, strlen (field), (guint) strlen (name), TRUE);
  if (last)
    g_string_truncate (text, text->len - 2);
}

/* Signs @text and puts the signature behind the "b=" that @value ends with. */
static gboolean
add_signature (GString *value, const GString *text, const PbDkimSigner *signer, GError **error)
{
  gboolean ed25519 = EVP_PKEY_get_base_id (signer->key) == EVP_PKEY_ED25519;
  g_autoptr (GBytes) signature = pb_dkim_sign_text (signer->key, ed25519, text);
  gsize column = 10, length;
  const guint8 *octets;

  if (signature == NULL)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "the key %s of %s does not sign",
                   signer->selector, signer->domain);
      return FALSE;
    }
  octets = g_bytes_get_data (signature, &length);
  pb_dkim_append_base64 (value, octets, length, &column);
  return TRUE;
}

/* "i=2; a=rsa-sha256; d=...; s=...; t=...;", which both signatures begin with. */
static GString *
begin_value (const char *name, guint instance, const PbDkimSigner *signer, gsize *column)
{
  GString *out = g_string_new (NULL);
  gboolean ed25519 = EVP_PKEY_get_base_id (signer->key) == EVP_PKEY_ED25519;
  g_autofree char *first = g_strdup_printf (" i=%u; a=%s;", instance,
                                            pb_dkim_algorithm_name (ed25519 ? PB_DKIM_ED25519_SHA256
                                                                            : PB_DKIM_RSA_SHA256));
  g_autofree char *domain = g_strdup_printf (" d=%s;", signer->domain);
  g_autofree char *selector = g_strdup_printf (" s=%s;", signer->selector);
  g_autofree char *time = g_strdup_printf (" t=%" G_GINT64_FORMAT ";", signer->now);

  *column = strlen (name) + 1;
  pb_dkim_append_folded (out, first, column);
  pb_dkim_append_folded (out, domain, column);
  pb_dkim_append_folded (out, selector, column);
  pb_dkim_append_folded (out, time, column);
  return out;
}

static gboolean
sign_message (PbAuthMessage *message, PbBodyHash *body, guint instance, const PbDkimSigner *signer,
              PbArcSet *set, GError **error)
{
  g_autoptr (GPtrArray) names = pb_dkim_choose_fields (message);
  g_autoptr (GString) text = g_string_sized_new (4096);
  gsize column;
  g_autoptr (GString) value = begin_value ("ARC-Message-Signature", instance, signer, &column);

  pb_dkim_append_folded (value, " c=relaxed/relaxed;", &column);
  pb_dkim_append_names (value, names, &column);
  pb_dkim_append_folded (value, " bh=", &column);
  pb_dkim_append_base64 (value, pb_body_hash_get (body), PB_BODY_HASH_LENGTH, &column);
  g_string_append (value, ";\r\n\tb=");
  pb_dkim_append_headers (text, message, (char *const *) names->pdata, TRUE);
  append_own (text, "arc-message-signature", value->str, TRUE);
  if (!add_signature (value, text, signer, error))
    return FALSE;
  set->signature = g_string_free (g_steal_pointer (&value), FALSE);
  return TRUE;
}

static gboolean
sign_chain (PbAuthMessage *message, const PbArcOutcome *before, const PbDkimSigner *signer,
            PbArcSet *set, GError **error)
{
  PbArcChain chain;
  g_autoptr (GString) text = g_string_sized_new (4096);
  gsize column;
  g_autoptr (GString) value = begin_value ("ARC-Seal", before->sets + 1, signer, &column);
  g_autofree char *cv = g_strdup_printf (" cv=%s;", pb_arc_result_name (before->result));

  pb_dkim_append_folded (value, cv, &column);
  g_string_append (value, "\r\n\tb=");
  /* A broken chain is not vouched for: the seal signs its own set alone (5.1.2). */
  pb_arc_chain_read (&chain, message);
  if (before->result == PB_ARC_PASS)
    {
      pb_arc_chain_append_sets (&chain, chain.n, text);
      pb_canonical_field (text, chain.seals[chain.n - 1]->text, chain.seals[chain.n - 1]->length,
                          chain.seals[chain.n - 1]->name_length, TRUE);
    }
  pb_arc_chain_clear (&chain);
  append_own (text, "arc-authentication-results", set->results, FALSE);
  append_own (text, "arc-message-signature", set->signature, FALSE);
  append_own (text, "arc-seal", value->str, TRUE);
  if (!add_signature (value, text, signer, error))
    return FALSE;
  set->seal = g_string_free (g_steal_pointer (&value), FALSE);
  return TRUE;
}

/* Whether the last set says already that the chain is broken: then nobody adds to it (5.1). */
static gboolean
is_dead (PbAuthMessage *message)
{
  const GArray *indices = pb_auth_message_find (message, "ARC-Seal");
  guint n_fields;
  const PbField *fields = pb_auth_message_fields (message, &n_fields);

  for (guint i = 0; indices != NULL && i < indices->len; i++)
    {
      gsize length;
      const char *value = pb_field_value (&fields[g_array_index (indices, guint, i)], &length);
      g_autoptr (PbTagList) tags = pb_tag_list_parse_lenient (value, length);
      const char *cv = pb_tag_list_get (tags, "cv");

      if (cv != NULL && g_ascii_strcasecmp (cv, "fail") == 0)
        return TRUE;
    }
  return FALSE;
}

gboolean
pb_arc_seal (PbAuthMessage *message, PbBodyHash *body, const PbArcOutcome *before,
             const char *results, const PbDkimSigner *signer, PbArcSet *set, GError **error)
{
  guint instance = before->sets + 1;

  memset (set, 0, sizeof *set);
  if (instance > PB_ARC_MAX_SETS || is_dead (message))
    return FALSE;
  set->results = g_strdup_printf (" i=%u; %s", instance,
                                  g_str_has_prefix (results, " ") ? results + 1 : results);
  if (sign_message (message, body, instance, signer, set, error)
      && sign_chain (message, before, signer, set, error))
    return TRUE;
  pb_arc_set_clear (set);
  return FALSE;
}
