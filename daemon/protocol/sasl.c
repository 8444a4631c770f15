/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * SASL exchanges as the server has them: the table of mechanisms, base64, PLAIN and LOGIN; SCRAM is in
 * sasl-scram.c. The session makes one for an AUTH, feeds it on its own thread and frees it with the
 * answer. It never judges a password: it tells which one is to be checked. Names are taken as they
 * were given; nobody is told by it whether there is such a user.
 */
#include "protocol/sasl-private.h"

#include "protocol/text.h"
#include <string.h>

static const char *const names[PB_N_SASL] = {
  [PB_SASL_SCRAM_SHA_256_PLUS] = "SCRAM-SHA-256-PLUS",
  [PB_SASL_SCRAM_SHA_256] = "SCRAM-SHA-256",
  [PB_SASL_PLAIN] = "PLAIN",
  [PB_SASL_LOGIN] = "LOGIN",
};

const char *
pb_sasl_mechanism_name (PbSaslMechanism mechanism)
{
  return names[mechanism];
}

gboolean
pb_sasl_mechanism_lookup (const char *name, gsize length, PbSaslMechanism *mechanism)
{
  for (guint i = 0; i < PB_N_SASL; i++)
    if (strlen (names[i]) == length && g_ascii_strncasecmp (names[i], name, length) == 0)
      {
        *mechanism = i;
        return TRUE;
      }
  return FALSE;
}

gboolean
pb_sasl_mechanism_is_plain (PbSaslMechanism mechanism)
{
  return mechanism == PB_SASL_PLAIN || mechanism == PB_SASL_LOGIN;
}

/* ---- base64 ---- */

static int
sextet (char c)
{
  if (c >= 'A' && c <= 'Z')
    return c - 'A';
  if (c >= 'a' && c <= 'z')
    return c - 'a' + 26;
  if (c >= '0' && c <= '9')
    return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Four signs, the last @padding of which are '='. FALSE for other signs, and for bits that no octet has. */
static gboolean
decode_group (const char *text, guint padding, guint8 *out)
{
  guint32 bits = 0;

  for (guint i = 0; i < 4; i++)
    {
      int value = i < 4 - padding ? sextet (text[i]) : 0;

      if (value < 0)
        return FALSE;
      bits = bits << 6 | (guint32) value;
    }
  for (guint i = 0; i < 3 - padding; i++)
    out[i] = (guint8) (bits >> (16 - 8 * i));
  return padding == 0 || (bits & ((1u << (8 * padding)) - 1)) == 0;
}

PbSecret *
pb_sasl_decode (const char *text, gsize length)
{
  g_autoptr (PbSecret) decoded = NULL;
  guint padding = 0;

  if (length % 4 != 0)
    return NULL;
  while (padding < 2 && padding < length && text[length - 1 - padding] == '=')
    padding++;
  decoded = pb_secret_new (length / 4 * 3 - padding);
  for (gsize i = 0; i < length / 4; i++)
    if (!decode_group (text + 4 * i, i + 1 == length / 4 ? padding : 0, decoded->data + 3 * i))
      return NULL;
  return g_steal_pointer (&decoded);
}

/* ---- its life ---- */

PbSasl *
pb_sasl_new (PbSaslMechanism mechanism, const PbSaslBindings *bindings, const char *nonce)
{
  PbSasl *self = g_new0 (PbSasl, 1);

  self->mechanism = mechanism;
  self->plus_offered = bindings->plus_offered;
  self->exporter = bindings->exporter != NULL ? g_bytes_ref (bindings->exporter) : NULL;
  self->end_point = bindings->end_point != NULL ? g_bytes_ref (bindings->end_point) : NULL;
  self->server_nonce = g_strdup (nonce);
  self->messages = g_string_new (NULL);
  return self;
}

void
pb_sasl_free (PbSasl *self)
{
  g_free (self->user);
  g_clear_pointer (&self->password, pb_secret_unref);
  g_clear_pointer (&self->exporter, g_bytes_unref);
  g_clear_pointer (&self->end_point, g_bytes_unref);
  g_clear_pointer (&self->binding, g_bytes_unref);
  g_free (self->server_nonce);
  g_free (self->gs2_header);
  g_free (self->nonce);
  g_string_free (self->messages, TRUE);
  explicit_bzero (&self->verifier, sizeof self->verifier);
  g_free (self);
}

gboolean
pb_sasl_take_user (PbSasl *self, const char *name, gsize length)
{
  if (length == 0 || length > PB_SASL_MAX_USER || !pb_text_is_utf8 (name, (gssize) length))
    return FALSE;
  for (gsize i = 0; i < length; i++)
    if ((guchar) name[i] < ' ' || name[i] == 0x7f)
      return FALSE;
  self->user = g_strndup (name, length);
  return TRUE;
}

const char *
pb_sasl_user (const PbSasl *self)
{
  return self->user;
}

PbSecret *
pb_sasl_password (const PbSasl *self)
{
  return self->password;
}

/* ---- PLAIN and LOGIN ---- */

/* RFC 4616 2: [authzid] NUL authcid NUL passwd. To act for somebody else is nobody's right. */
static PbSaslStep
feed_plain (PbSasl *self, const PbSecret *response)
{
  const char *start = (const char *) response->data, *end = start + response->length;
  const char *user = memchr (start, '\0', response->length), *password;

  if (user == NULL)
    return PB_SASL_MALFORMED;
  user++;
  password = memchr (user, '\0', (gsize) (end - user));
  if (password == NULL || memchr (password + 1, '\0', (gsize) (end - password - 1)) != NULL
      || !pb_sasl_take_user (self, user, (gsize) (password - user)))
    return PB_SASL_MALFORMED;
  self->password = pb_secret_copy (password + 1, (gsize) (end - password - 1));
  if (start[0] != '\0' && strcmp (start, self->user) != 0)
    return PB_SASL_WRONG;
  return PB_SASL_CHECK;
}

/* Nobody's standard; the challenges are those that clients wait for. */
static PbSaslStep
feed_login (PbSasl *self, const PbSecret *response, GString *out)
{
  if (memchr (response->data, '\0', response->length) != NULL)
    return PB_SASL_MALFORMED;
  if (self->user == NULL)
    {
      if (!pb_sasl_take_user (self, (const char *) response->data, response->length))
        return PB_SASL_MALFORMED;
      g_string_assign (out, "Password:");
      return PB_SASL_CONTINUE;
    }
  self->password = pb_secret_copy (response->data, response->length);
  return PB_SASL_CHECK;
}

/* ---- the exchange ---- */

void
pb_sasl_begin (PbSasl *self, GString *out)
{
  g_string_assign (out, self->mechanism == PB_SASL_LOGIN ? "Username:" : "");
}

static PbSaslStep
feed_scram (PbSasl *self, const PbSecret *response, GString *out)
{
  const char *text = (const char *) response->data;

  switch (self->round)
    {
    case 0:
      return pb_sasl_scram_first (self, text, response->length);
    case 1:
      return pb_sasl_scram_final (self, text, response->length, out);
    case 2:
      /* The client has seen the server's proof and is content (RFC 4954 4). */
      return response->length == 0 ? PB_SASL_PROVEN : PB_SASL_MALFORMED;
    }
  return PB_SASL_MALFORMED;
}

PbSaslStep
pb_sasl_feed (PbSasl *self, const PbSecret *response, GString *out)
{
  PbSaslStep step = PB_SASL_MALFORMED;

  g_string_truncate (out, 0);
  switch (self->mechanism)
    {
    case PB_SASL_SCRAM_SHA_256_PLUS:
    case PB_SASL_SCRAM_SHA_256:
      step = feed_scram (self, response, out);
      break;
    case PB_SASL_PLAIN:
      step = feed_plain (self, response);
      break;
    case PB_SASL_LOGIN:
      step = feed_login (self, response, out);
      break;
    case PB_N_SASL:
      break;
    }
  self->round++;
  return step;
}
