/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The DKIM signer (RFC 6376 5). Called for mail that we send, on a worker, since an RSA signature takes a
 * millisecond. The message is ours or our user's: what is signed is what leaves.
 */
#include "mailauth/dkim-key.h"
#include "mailauth/dkim.h"

#include <gio/gio.h>
#include <openssl/sha.h>
#include <string.h>

#define LINE 72

/* 5.4.1, and what a reader believes. @once_more: signed also where it is not there, so that it cannot be added. */
static const struct
{
  const char *name;
  gboolean once_more;
} signed_fields[] = {
  { "From", TRUE },
  { "To", TRUE },
  { "Cc", TRUE },
  { "Subject", TRUE },
  { "Date", TRUE },
  { "Reply-To", TRUE },
  { "Message-ID", TRUE },
  { "In-Reply-To", FALSE },
  { "References", FALSE },
  { "MIME-Version", TRUE },
  { "Content-Type", TRUE },
  { "Content-Transfer-Encoding", TRUE },
  { "List-Id", FALSE },
  { "List-Unsubscribe", FALSE },
  { "List-Unsubscribe-Post", FALSE },
  { "Auto-Submitted", FALSE },
};

#define MAX_OF_A_NAME 20

/* Returns: (transfer full): the names for h=, each as often as its field is signed. */
static GPtrArray *
choose_fields (PbAuthMessage *message)
{
  GPtrArray *names = g_ptr_array_new ();

  for (guint i = 0; i < G_N_ELEMENTS (signed_fields); i++)
    {
      const GArray *indices = pb_auth_message_find (message, signed_fields[i].name);
      guint n = indices != NULL ? MIN (indices->len, MAX_OF_A_NAME) : 0;

      for (guint k = 0; k < n + signed_fields[i].once_more; k++)
        g_ptr_array_add (names, (gpointer) signed_fields[i].name);
    }
  g_ptr_array_add (names, NULL);
  return names;
}

/* Appends @text and folds before it when the line would become too long. */
static void
append_folded (GString *out, const char *text, gsize *column)
{
  gsize length = strlen (text);

  if (*column + length > LINE)
    {
      g_string_append (out, "\r\n\t");
      *column = 8;
      if (text[0] == ' ')
        {
          text++;
          length--;
        }
    }
  g_string_append (out, text);
  *column += length;
}

static void
append_names (GString *out, const GPtrArray *names, gsize *column)
{
  append_folded (out, " h=", column);
  for (guint i = 0; names->pdata[i] != NULL; i++)
    {
      g_autofree char *lower = g_ascii_strdown (names->pdata[i], -1);
      g_autofree char *part = g_strconcat (i > 0 ? ":" : "", lower, NULL);

      append_folded (out, part, column);
    }
  g_string_append_c (out, ';');
  *column += 1;
}

/* Appends base64 on as many lines as it takes; white space in it does not count. */
static void
append_base64 (GString *out, const guint8 *data, gsize length, gsize *column)
{
  g_autofree char *text = g_base64_encode (data, length);
  const char *at = text;

  while (*at != '\0')
    {
      gsize n = MIN (strlen (at), LINE > *column ? LINE - *column : 0);

      if (n == 0)
        {
          g_string_append (out, "\r\n\t");
          *column = 8;
          continue;
        }
      g_string_append_len (out, at, (gssize) n);
      *column += n;
      at += n;
    }
}

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

  append_folded (out, first, &column);
  append_folded (out, domain, &column);
  append_folded (out, selector, &column);
  append_folded (out, time, &column);
  append_names (out, names, &column);
  append_folded (out, " bh=", &column);
  append_base64 (out, pb_body_hash_get (body), PB_BODY_HASH_LENGTH, &column);
  g_string_append (out, ";\r\n\tb=");
  return out;
}

/* Returns: (transfer full) (nullable): the signature of @text. */
static GBytes *
sign_text (EVP_PKEY *key, gboolean ed25519, const GString *text)
{
  EVP_MD_CTX *context = EVP_MD_CTX_new ();
  guint8 hash[SHA256_DIGEST_LENGTH];
  gsize length = (gsize) EVP_PKEY_get_size (key);
  g_autofree guint8 *signature = g_malloc (length);
  gboolean ok;

  SHA256 ((const guint8 *) text->str, text->len, hash);
  ok = EVP_DigestSignInit (context, NULL, ed25519 ? NULL : EVP_sha256 (), NULL, key) == 1
       && EVP_DigestSign (context, signature, &length, ed25519 ? hash : (const guint8 *) text->str,
                          ed25519 ? sizeof hash : text->len)
            == 1;
  EVP_MD_CTX_free (context);
  return ok ? g_bytes_new (signature, length) : NULL;
}

char *
pb_dkim_sign (PbAuthMessage *message, PbBodyHash *body, const PbDkimSigner *signer, GError **error)
{
  gboolean ed25519 = EVP_PKEY_get_base_id (signer->key) == EVP_PKEY_ED25519;
  g_autoptr (GPtrArray) names = choose_fields (message);
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
  signature = sign_text (signer->key, ed25519, text);
  if (signature == NULL)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "the key %s of %s does not sign",
                   signer->selector, signer->domain);
      return NULL;
    }
  octets = g_bytes_get_data (signature, &length);
  append_base64 (value, octets, length, &column);
  return g_string_free (g_steal_pointer (&value), FALSE);
}
