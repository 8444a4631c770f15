/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * SASL as a client has it: the choice of a mechanism, PLAIN and LOGIN, and SCRAM-SHA-256 (RFC 5802,
 * RFC 7677). The SMTP client makes one for a login at a relay host and frees it with the answer. What
 * the server says is foreign: it is read to the letter, and the number of iterations it may ask for is
 * bounded both ways. Whatever holds the password or a key made of it is wiped.
 */
#include "protocol/sasl-client.h"

#include "protocol/text.h"
#include "util/saslprep.h"
#include "util/verifier.h"
#include <string.h>

#define MIN_ITERATIONS 4096    /* RFC 7677 4 */
#define MAX_ITERATIONS 2000000 /* about a second of a worker */
#define MAX_SALT       1024
#define MAX_NONCE      1024
#define MAX_CHALLENGE  12288 /* RFC 4954 4 */

struct _PbSaslClient
{
  PbSaslMechanism mechanism;
  guint round;
  char *user;         /* (owned) */
  PbSecret *password; /* (owned) */
  const char *why;    /* (nullable) static */

  /* SCRAM */
  GString *gs2;       /* (owned) the header, and the channel's data behind it */
  char *nonce;        /* (owned) ours, then both */
  GString *messages;  /* (owned) AuthMessage as far as it is known */
  PbSecret *salt;     /* (owned) (nullable) */
  guint32 iterations;
  guint8 salted[PB_VERIFIER_KEY];
  gboolean server_proven;
};

/* ---- the choice ---- */

static gboolean
is_offered (const char *offered, const char *name)
{
  g_auto (GStrv) words = g_strsplit (offered, " ", 64);

  for (char **word = words; *word != NULL; word++)
    if (g_ascii_strcasecmp (*word, name) == 0)
      return TRUE;
  return FALSE;
}

gboolean
pb_sasl_client_choose (const char *offered, gboolean can_bind, PbSaslMechanism *mechanism)
{
  /* The enum's order is that of preference. */
  for (PbSaslMechanism one = 0; one < PB_N_SASL; one++)
    if ((one != PB_SASL_SCRAM_SHA_256_PLUS || can_bind)
        && is_offered (offered, pb_sasl_mechanism_name (one)))
      {
        *mechanism = one;
        return TRUE;
      }
  return FALSE;
}

/* ---- its life ---- */

/* gs2-header (RFC 5802 6): "y" tells a server that did offer the binding that somebody cut the offer out. */
static GString *
make_gs2 (PbSaslMechanism mechanism, const PbSaslBindings *bindings)
{
  GBytes *binding = bindings->exporter != NULL ? bindings->exporter : bindings->end_point;
  GString *gs2;

  if (mechanism != PB_SASL_SCRAM_SHA_256_PLUS)
    return g_string_new (binding != NULL && !bindings->plus_offered ? "y,," : "n,,");
  g_return_val_if_fail (binding != NULL, g_string_new ("n,,"));
  gs2 = g_string_new (bindings->exporter != NULL ? "p=tls-exporter,," : "p=tls-server-end-point,,");
  g_string_append_len (gs2, g_bytes_get_data (binding, NULL), (gssize) g_bytes_get_size (binding));
  return gs2;
}

PbSaslClient *
pb_sasl_client_new (PbSaslMechanism mechanism, const PbSaslBindings *bindings, const char *user,
                    PbSecret *password, const char *nonce)
{
  PbSaslClient *self = g_new0 (PbSaslClient, 1);

  self->mechanism = mechanism;
  self->user = g_strdup (user);
  self->password = pb_secret_ref (password);
  self->gs2 = make_gs2 (mechanism, bindings);
  self->nonce = g_strdup (nonce);
  self->messages = g_string_new (NULL);
  return self;
}

void
pb_sasl_client_free (PbSaslClient *self)
{
  explicit_bzero (self->salted, sizeof self->salted);
  g_free (self->user);
  pb_secret_unref (self->password);
  g_string_free (self->gs2, TRUE);
  g_free (self->nonce);
  g_string_free (self->messages, TRUE);
  g_clear_pointer (&self->salt, pb_secret_unref);
  g_free (self);
}

PbSaslMechanism
pb_sasl_client_mechanism (const PbSaslClient *self)
{
  return self->mechanism;
}

const char *
pb_sasl_client_why (const PbSaslClient *self)
{
  return self->why;
}

gboolean
pb_sasl_client_may_end (const PbSaslClient *self)
{
  return pb_sasl_mechanism_is_plain (self->mechanism) || self->server_proven;
}

PbSecret *
pb_sasl_encode (const void *data, gsize length)
{
  gint state = 0, save = 0;
  /* One more: g_base64_encode_step() may need it for lines, which are not asked for. */
  g_autoptr (PbSecret) room = pb_secret_new ((length / 3 + 1) * 4 + 4);
  gsize n = g_base64_encode_step (data, length, FALSE, (char *) room->data, &state, &save);

  n += g_base64_encode_close (FALSE, (char *) room->data + n, &state, &save);
  return pb_secret_copy (room->data, n);
}

static PbSaslClientStep
broken (PbSaslClient *self, const char *why)
{
  self->why = why;
  return PB_SASL_CLIENT_BROKEN;
}

/* ---- SCRAM ---- */

/* The prepared form of a name or password; what cannot be prepared goes as it is, and the server judges. */
static PbSecret *
prepare (const void *text, gsize length)
{
  g_autoptr (PbSecret) given = pb_secret_copy (text, length);
  PbSecret *prepared = pb_saslprep (given, FALSE);

  return prepared != NULL ? prepared : g_steal_pointer (&given);
}

/* saslname: a comma is =2C, an equals sign =3D. */
static void
append_name (GString *out, const char *user)
{
  g_autoptr (PbSecret) prepared = prepare (user, strlen (user));

  for (gsize i = 0; i < prepared->length; i++)
    if (prepared->data[i] == ',')
      g_string_append (out, "=2C");
    else if (prepared->data[i] == '=')
      g_string_append (out, "=3D");
    else
      g_string_append_c (out, (char) prepared->data[i]);
}

static PbSecret *
scram_first (PbSaslClient *self)
{
  const char *end = strstr (self->gs2->str, ",,");
  g_autoptr (GString) first = g_string_new_len (self->gs2->str, end + 2 - self->gs2->str);

  g_string_append (self->messages, "n=");
  append_name (self->messages, self->user);
  g_string_append_printf (self->messages, ",r=%s", self->nonce);
  g_string_append_len (first, self->messages->str, (gssize) self->messages->len);
  return pb_sasl_encode (first->str, first->len);
}

static gboolean
take_salt (PbSaslClient *self, const char *field)
{
  if (strncmp (field, "s=", 2) != 0)
    return FALSE;
  self->salt = pb_sasl_decode (field + 2, strlen (field + 2));
  return self->salt != NULL && self->salt->length > 0 && self->salt->length <= MAX_SALT;
}

/* "r=", ours with the server's behind it; "s="; "i="; extensions, which mean nothing here. */
static PbSaslClientStep
take_server_first (PbSaslClient *self, const char *text)
{
  g_auto (GStrv) fields = g_strsplit (text, ",", 16);
  guint64 iterations;

  if (g_strv_length (fields) < 3)
    return broken (self, "the server's first SCRAM message is malformed");
  if (strncmp (fields[0], "r=", 2) != 0 || !g_str_has_prefix (fields[0] + 2, self->nonce)
      || strlen (fields[0] + 2) == strlen (self->nonce) || strlen (fields[0]) > MAX_NONCE)
    return broken (self, "the server's SCRAM nonce is not made of ours");
  if (!take_salt (self, fields[1]) || strncmp (fields[2], "i=", 2) != 0
      || !g_ascii_string_to_unsigned (fields[2] + 2, 10, 1, G_MAXUINT32, &iterations, NULL))
    return broken (self, "the server's first SCRAM message is malformed");
  if (iterations < MIN_ITERATIONS)
    return broken (self, "the server asks for fewer SCRAM iterations than RFC 7677 allows");
  if (iterations > MAX_ITERATIONS)
    return broken (self, "the server asks for more SCRAM iterations than are affordable");
  self->iterations = (guint32) iterations;
  g_free (self->nonce);
  self->nonce = g_strdup (fields[0] + 2);
  g_string_append_printf (self->messages, ",%s", text);
  return PB_SASL_CLIENT_DERIVE;
}

void
pb_sasl_client_derive (PbSaslClient *self)
{
  g_autoptr (PbSecret) password = prepare (self->password->data, self->password->length);

  pb_derive_sha256 (password, self->salt->data, self->salt->length, self->iterations, self->salted);
}

/* ClientProof := ClientKey XOR HMAC (H (ClientKey), AuthMessage) (RFC 5802 3). */
PbSecret *
pb_sasl_client_prove (PbSaslClient *self)
{
  guint8 key[PB_VERIFIER_KEY], stored[PB_VERIFIER_KEY], signature[PB_VERIFIER_KEY];
  g_autofree char *bound = g_base64_encode ((const guchar *) self->gs2->str, self->gs2->len);
  g_autofree char *proof = NULL;
  g_autofree char *final = NULL;

  g_string_append_printf (self->messages, ",c=%s,r=%s", bound, self->nonce);
  pb_hmac_sha256 (self->salted, sizeof self->salted, "Client Key", strlen ("Client Key"), key);
  pb_sha256 (key, sizeof key, stored);
  pb_hmac_sha256 (stored, sizeof stored, self->messages->str, self->messages->len, signature);
  for (guint i = 0; i < PB_VERIFIER_KEY; i++)
    signature[i] ^= key[i];
  proof = g_base64_encode (signature, sizeof signature);
  explicit_bzero (key, sizeof key);
  explicit_bzero (stored, sizeof stored);
  final = g_strdup_printf ("c=%s,r=%s,p=%s", bound, self->nonce, proof);
  return pb_sasl_encode (final, strlen (final));
}

/* "v=" proves that the server knows what we know; "e=" is a refusal, which the reply behind it repeats. */
static PbSaslClientStep
take_server_final (PbSaslClient *self, const char *text, PbSecret **out)
{
  guint8 key[PB_VERIFIER_KEY], signature[PB_VERIFIER_KEY];
  gsize length = strcspn (text, ",");
  g_autoptr (PbSecret) given = NULL;

  *out = pb_secret_new (0);
  if (strncmp (text, "e=", 2) == 0)
    return PB_SASL_CLIENT_SAY;
  if (strncmp (text, "v=", 2) == 0)
    given = pb_sasl_decode (text + 2, length - 2);
  pb_hmac_sha256 (self->salted, sizeof self->salted, "Server Key", strlen ("Server Key"), key);
  pb_hmac_sha256 (key, sizeof key, self->messages->str, self->messages->len, signature);
  explicit_bzero (key, sizeof key);
  if (given != NULL && given->length == sizeof signature
      && pb_octets_equal (given->data, signature, sizeof signature))
    {
      self->server_proven = TRUE;
      return PB_SASL_CLIENT_SAY;
    }
  g_clear_pointer (out, pb_secret_unref);
  return broken (self, "the server did not prove that it knows the password (SCRAM)");
}

static PbSaslClientStep
feed_scram (PbSaslClient *self, const PbSecret *challenge, PbSecret **out)
{
  const char *text = (const char *) challenge->data;

  if (strlen (text) != challenge->length || !pb_text_is_utf8 (text, (gssize) challenge->length))
    return broken (self, "the server's SCRAM message is malformed");
  switch (self->round++)
    {
    case 0:
      return take_server_first (self, text);
    case 1:
      return take_server_final (self, text, out);
    }
  return broken (self, "the server goes on with SCRAM behind its end");
}

/* ---- PLAIN and LOGIN ---- */

static PbSecret *
say_plain (PbSaslClient *self)
{
  gsize user = strlen (self->user);
  g_autoptr (PbSecret) message = pb_secret_new (1 + user + 1 + self->password->length);

  memcpy (message->data + 1, self->user, user);
  memcpy (message->data + 1 + user + 1, self->password->data, self->password->length);
  return pb_sasl_encode (message->data, message->length);
}

/* Servers put it in various words, and some in none: first the name is meant, then the password. */
static PbSaslClientStep
feed_login (PbSaslClient *self, PbSecret **out)
{
  switch (self->round++)
    {
    case 0:
      *out = pb_sasl_encode (self->user, strlen (self->user));
      return PB_SASL_CLIENT_SAY;
    case 1:
      *out = pb_sasl_encode (self->password->data, self->password->length);
      return PB_SASL_CLIENT_SAY;
    }
  return broken (self, "the server asks for more than name and password");
}

/* ---- the exchange ---- */

PbSecret *
pb_sasl_client_begin (PbSaslClient *self)
{
  switch (self->mechanism)
    {
    case PB_SASL_SCRAM_SHA_256_PLUS:
    case PB_SASL_SCRAM_SHA_256:
      return scram_first (self);
    case PB_SASL_PLAIN:
      return say_plain (self);
    case PB_SASL_LOGIN:
    case PB_N_SASL:
      break;
    }
  return NULL;
}

PbSaslClientStep
pb_sasl_client_feed (PbSaslClient *self, const char *challenge, gsize length, PbSecret **out)
{
  g_autoptr (PbSecret) decoded = length <= MAX_CHALLENGE ? pb_sasl_decode (challenge, length) : NULL;

  *out = NULL;
  switch (self->mechanism)
    {
    case PB_SASL_SCRAM_SHA_256_PLUS:
    case PB_SASL_SCRAM_SHA_256:
      return decoded != NULL ? feed_scram (self, decoded, out)
                             : broken (self, "the server's SCRAM message is no base64");
    case PB_SASL_PLAIN:
      return broken (self, "the server asks for more than it was told (PLAIN)");
    case PB_SASL_LOGIN:
      return feed_login (self, out);
    case PB_N_SASL:
      break;
    }
  return broken (self, "there is no such login");
}
