/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The two messages of a SCRAM client (RFC 5802 7) and what the server says to them. The grammar is
 * read to the letter: what it does not allow is malformed; what it allows and is not so (another
 * binding, another nonce, no such right) is wrong, and is told no nearer. The proof is looked at last
 * and always, so that a user who does not exist costs what one with a wrong password costs.
 */
#include "protocol/sasl-private.h"

#include <string.h>

#define MAX_NONCE 256

/* The client's text as it is worked through; points into the response. */
typedef struct
{
  const char *at, *end;
} Cursor;

/* What stands before the next comma, which is passed over, or the end. */
static gsize
take_field (Cursor *cursor, const char **field)
{
  const char *comma = memchr (cursor->at, ',', (gsize) (cursor->end - cursor->at));
  gsize length = (gsize) ((comma != NULL ? comma : cursor->end) - cursor->at);

  *field = cursor->at;
  cursor->at = comma != NULL ? comma + 1 : cursor->end;
  return length;
}

/* An attribute "@name=value": FALSE when the next field is another. */
static gboolean
take_attribute (Cursor *cursor, char name, const char **value, gsize *length)
{
  Cursor before = *cursor;

  *length = take_field (cursor, value);
  if (*length >= 2 && (*value)[0] == name && (*value)[1] == '=')
    {
      *value += 2;
      *length -= 2;
      return TRUE;
    }
  *cursor = before;
  return FALSE;
}

/* saslname: =2C is a comma, =3D an equals sign; no other "=". (transfer full) (nullable) */
static char *
decode_name (const char *text, gsize length)
{
  g_autoptr (GString) name = g_string_sized_new (length);

  for (gsize i = 0; i < length; i++)
    if (text[i] != '=')
      g_string_append_c (name, text[i]);
    else if (length - i >= 3 && (memcmp (text + i, "=2C", 3) == 0 || memcmp (text + i, "=3D", 3) == 0))
      {
        g_string_append_c (name, text[i + 1] == '2' ? ',' : '=');
        i += 2;
      }
    else
      return NULL;
  return name->len > 0 ? g_string_free (g_steal_pointer (&name), FALSE) : NULL;
}

static gboolean
is_nonce (const char *text, gsize length)
{
  for (gsize i = 0; i < length; i++)
    if (text[i] < '!' || text[i] > '~' || text[i] == ',')
      return FALSE;
  return length > 0 && length <= MAX_NONCE;
}

/* Every further attribute is an extension (RFC 5802 5.1): a letter, "=", a value; what they mean is not known and not needed. */
static gboolean
pass_extensions (Cursor *cursor)
{
  while (cursor->at < cursor->end)
    {
      const char *field;
      gsize length = take_field (cursor, &field);

      if (length < 3 || !g_ascii_isalpha (field[0]) || field[1] != '=')
        return FALSE;
    }
  return cursor->end[-1] != ',';
}

static gboolean
field_is (const char *field, gsize length, const char *text)
{
  return length == strlen (text) && memcmp (field, text, length) == 0;
}

/* gs2-cbind-flag (RFC 5802 6). */
static PbSaslStep
take_binding (PbSasl *self, const char *flag, gsize length)
{
  gboolean plus = self->mechanism == PB_SASL_SCRAM_SHA_256_PLUS;
  GBytes *binding = NULL;

  if (length == 1 && (flag[0] == 'n' || flag[0] == 'y') && !plus)
    /* "y": I could bind but was not offered to. Who was, has had the offer cut out by somebody. */
    return flag[0] == 'y' && self->plus_offered ? PB_SASL_WRONG : PB_SASL_CONTINUE;
  if (length < 3 || flag[0] != 'p' || flag[1] != '=' || !plus)
    return PB_SASL_MALFORMED;
  if (field_is (flag + 2, length - 2, "tls-exporter"))
    binding = self->exporter;
  else if (field_is (flag + 2, length - 2, "tls-server-end-point"))
    binding = self->end_point;
  if (binding == NULL)
    return PB_SASL_WRONG;
  self->binding = g_bytes_ref (binding);
  return PB_SASL_CONTINUE;
}

/* Takes the name, and whom to act for, who may be nobody else. */
static PbSaslStep
take_names (PbSasl *self, const char *authzid, const char *name, gsize length)
{
  g_autofree char *user = decode_name (name, length);

  if (user == NULL || !pb_sasl_take_user (self, user, strlen (user)))
    return PB_SASL_MALFORMED;
  return authzid == NULL || strcmp (authzid, self->user) == 0 ? PB_SASL_LOOK_UP : PB_SASL_WRONG;
}

PbSaslStep
pb_sasl_scram_first (PbSasl *self, const char *text, gsize length)
{
  Cursor cursor = { text, text + length };
  const char *field, *name, *bare;
  g_autofree char *authzid = NULL;
  gsize field_length = take_field (&cursor, &field), name_length;
  PbSaslStep step;

  if (memchr (text, '\0', length) != NULL)
    return PB_SASL_MALFORMED;
  step = take_binding (self, field, field_length);
  if (step != PB_SASL_CONTINUE)
    return step;
  if (take_attribute (&cursor, 'a', &field, &field_length))
    authzid = decode_name (field, field_length);
  else if (take_field (&cursor, &field) != 0)
    return PB_SASL_MALFORMED;
  else
    field_length = 0;
  if (field_length > 0 && authzid == NULL)
    return PB_SASL_MALFORMED;
  bare = cursor.at;
  self->gs2_header = g_strndup (text, (gsize) (bare - text));
  /* An extension that must be understood ("m=", RFC 5802 5.1) stands before the name, and is not. */
  if (!take_attribute (&cursor, 'n', &name, &name_length)
      || !take_attribute (&cursor, 'r', &field, &field_length) || !is_nonce (field, field_length)
      || !pass_extensions (&cursor))
    return PB_SASL_MALFORMED;
  self->nonce = g_strdup_printf ("%.*s%s", (int) field_length, field, self->server_nonce);
  g_string_append_len (self->messages, bare, cursor.end - bare);
  return take_names (self, authzid, name, name_length);
}

PbSaslStep
pb_sasl_answer_verifier (PbSasl *self, const PbVerifier *verifier, GString *out)
{
  g_autofree char *salt = g_base64_encode (verifier->salt, sizeof verifier->salt);

  self->verifier = *verifier;
  g_string_printf (out, "r=%s,s=%s,i=%u", self->nonce, salt, verifier->iterations);
  g_string_append_printf (self->messages, ",%s,", out->str);
  return PB_SASL_CONTINUE;
}

/* c=: the header once more, and the channel's data behind it. */
static gboolean
is_bound (const PbSasl *self, const PbSecret *given)
{
  gsize header = strlen (self->gs2_header), length = 0;
  const guint8 *data = self->binding != NULL ? g_bytes_get_data (self->binding, &length) : NULL;

  return given->length == header + length && memcmp (given->data, self->gs2_header, header) == 0
         && (length == 0 || pb_octets_equal (given->data + header, data, length));
}

/* ClientKey := ClientProof XOR ClientSignature; its hash must be the StoredKey (RFC 5802 3). */
static gboolean
is_proven (const PbSasl *self, const PbSecret *proof)
{
  guint8 signature[PB_VERIFIER_KEY], hash[PB_VERIFIER_KEY];
  gboolean same;

  pb_hmac_sha256 (self->verifier.stored_key, PB_VERIFIER_KEY, self->messages->str,
                  self->messages->len, signature);
  for (guint i = 0; i < PB_VERIFIER_KEY; i++)
    signature[i] ^= proof->data[i];
  pb_sha256 (signature, sizeof signature, hash);
  same = pb_octets_equal (hash, self->verifier.stored_key, sizeof hash);
  explicit_bzero (signature, sizeof signature);
  return same;
}

/* Passes over extensions up to the proof, which must be the last. Returns: FALSE when there is none. */
static gboolean
take_proof (Cursor *cursor, const char **proof, gsize *length)
{
  const char *field;

  while (cursor->at < cursor->end)
    if (take_attribute (cursor, 'p', proof, length))
      return cursor->at == cursor->end && cursor->end[-1] != ',';
    else if (take_field (cursor, &field) < 3)
      return FALSE;
  return FALSE;
}

static void
sign (const PbSasl *self, GString *out)
{
  guint8 signature[PB_VERIFIER_KEY];
  g_autofree char *text = NULL;

  pb_hmac_sha256 (self->verifier.server_key, PB_VERIFIER_KEY, self->messages->str,
                  self->messages->len, signature);
  text = g_base64_encode (signature, sizeof signature);
  g_string_printf (out, "v=%s", text);
}

PbSaslStep
pb_sasl_scram_final (PbSasl *self, const char *text, gsize length, GString *out)
{
  Cursor cursor = { text, text + length };
  const char *binding, *nonce, *proof;
  gsize binding_length, nonce_length, proof_length;
  g_autoptr (PbSecret) bound = NULL;
  g_autoptr (PbSecret) given = NULL;
  gboolean proven;

  if (memchr (text, '\0', length) != NULL
      || !take_attribute (&cursor, 'c', &binding, &binding_length)
      || !take_attribute (&cursor, 'r', &nonce, &nonce_length)
      || !take_proof (&cursor, &proof, &proof_length))
    return PB_SASL_MALFORMED;
  bound = pb_sasl_decode (binding, binding_length);
  given = pb_sasl_decode (proof, proof_length);
  if (bound == NULL || given == NULL || given->length != PB_VERIFIER_KEY)
    return PB_SASL_MALFORMED;
  g_string_append_len (self->messages, text, proof - text - (gssize) strlen (",p="));
  proven = is_proven (self, given);
  if (!proven || !is_bound (self, bound) || !field_is (nonce, nonce_length, self->nonce))
    return PB_SASL_WRONG;
  sign (self, out);
  return PB_SASL_CONTINUE;
}
