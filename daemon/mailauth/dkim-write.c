/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What DKIM's and ARC's signers share: the choice of fields, the layout of a field with short lines, and the
 * signature itself. Called on a worker; pure.
 */
#include "mailauth/dkim-write.h"

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
GPtrArray *
pb_dkim_choose_fields (PbAuthMessage *message)
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
void
pb_dkim_append_folded (GString *out, const char *text, gsize *column)
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

void
pb_dkim_append_names (GString *out, const GPtrArray *names, gsize *column)
{
  pb_dkim_append_folded (out, " h=", column);
  for (guint i = 0; names->pdata[i] != NULL; i++)
    {
      g_autofree char *lower = g_ascii_strdown (names->pdata[i], -1);
      g_autofree char *part = g_strconcat (i > 0 ? ":" : "", lower, NULL);

      pb_dkim_append_folded (out, part, column);
    }
  g_string_append_c (out, ';');
  *column += 1;
}

/* Appends base64 on as many lines as it takes; white space in it does not count. */
void
pb_dkim_append_base64 (GString *out, const guint8 *data, gsize length, gsize *column)
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

/* Returns: (transfer full) (nullable): the signature of @text. */
GBytes *
pb_dkim_sign_text (EVP_PKEY *key, gboolean ed25519, const GString *text)
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
