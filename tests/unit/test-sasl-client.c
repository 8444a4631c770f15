/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SASL's client side: the vector of RFC 7677, our own server as the other end, and what lying servers say. */
#include "protocol/sasl-client.h"
#include "util/saslprep.h"

#include <string.h>

/* RFC 7677 3: the user "user" with the password "pencil". */
#define CLIENT "rOprNGfwEbeRWgbNEkqO"
#define NONCE  "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
#define SALT   "W22ZaJ0SNY7soEsUEjb6gQ=="
#define FIRST  "r=" CLIENT NONCE ",s=" SALT ",i=4096"
#define FINAL                                                                                      \
  "c=biws,r=" CLIENT NONCE ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
#define SERVER "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="

static PbSaslClient *
begin (PbSaslMechanism mechanism, const PbSaslBindings *bindings, const char *user,
       const char *password)
{
  const PbSaslBindings none = { 0 };
  g_autoptr (PbSecret) secret = pb_secret_copy (password, strlen (password));

  return pb_sasl_client_new (mechanism, bindings != NULL ? bindings : &none, user, secret, CLIENT);
}

static char *
decode (const PbSecret *base64)
{
  g_autoptr (PbSecret) octets = pb_sasl_decode ((const char *) base64->data, base64->length);

  g_assert_nonnull (octets);
  return g_strndup ((const char *) octets->data, octets->length);
}

static PbSaslClientStep
feed (PbSaslClient *client, const char *text, PbSecret **out)
{
  g_autofree char *base64 = g_base64_encode ((const guchar *) text, strlen (text));

  return pb_sasl_client_feed (client, base64, strlen (base64), out);
}

static void
assert_says (PbSecret *said, const char *text)
{
  g_autofree char *decoded = decode (said);

  g_assert_cmpstr (decoded, ==, text);
  pb_secret_unref (said);
}

static void
test_scram_vector (void)
{
  g_autoptr (PbSaslClient) client = begin (PB_SASL_SCRAM_SHA_256, NULL, "user", "pencil");
  PbSecret *out;

  assert_says (pb_sasl_client_begin (client), "n,,n=user,r=" CLIENT);
  g_assert_cmpint (feed (client, FIRST, &out), ==, PB_SASL_CLIENT_DERIVE);
  pb_sasl_client_derive (client);
  assert_says (pb_sasl_client_prove (client), FINAL);
  g_assert_false (pb_sasl_client_may_end (client));
  g_assert_cmpint (feed (client, SERVER, &out), ==, PB_SASL_CLIENT_SAY);
  g_assert_cmpuint (out->length, ==, 0);
  pb_secret_unref (out);
  g_assert_true (pb_sasl_client_may_end (client));
}

/* First messages that no server may send. */
static void
test_bad_first (void)
{
  static const char *const firsts[] = {
    "", "r=" CLIENT NONCE, "r=" CLIENT NONCE ",s=" SALT, "r=" CLIENT ",s=" SALT ",i=4096",
    "r=other" NONCE ",s=" SALT ",i=4096", "m=ext,r=" CLIENT NONCE ",s=" SALT ",i=4096",
    "r=" CLIENT NONCE ",s=,i=4096", "r=" CLIENT NONCE ",s=*,i=4096",
    "r=" CLIENT NONCE ",s=" SALT ",i=4095", "r=" CLIENT NONCE ",s=" SALT ",i=2000001",
    "r=" CLIENT NONCE ",s=" SALT ",i=-1", "r=" CLIENT NONCE ",s=" SALT ",i=99999999999999999999",
    "r=" CLIENT NONCE ",s=" SALT ",i=", "e=other-error", "r=" CLIENT NONCE ",s=" SALT ",i=4096\xff",
  };

  for (guint i = 0; i < G_N_ELEMENTS (firsts); i++)
    {
      g_autoptr (PbSaslClient) client = begin (PB_SASL_SCRAM_SHA_256, NULL, "user", "pencil");
      PbSecret *out;

      pb_secret_unref (pb_sasl_client_begin (client));
      g_assert_cmpint (feed (client, firsts[i], &out), ==, PB_SASL_CLIENT_BROKEN);
      g_assert_nonnull (pb_sasl_client_why (client));
      g_assert_null (out);
    }
}

static void
test_unproven_server (void)
{
  static const char *const finals[] = {
    "", "v=", "v=AAAA", "v=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "x=1", "v=6rriTRBi",
  };

  for (guint i = 0; i < G_N_ELEMENTS (finals); i++)
    {
      g_autoptr (PbSaslClient) client = begin (PB_SASL_SCRAM_SHA_256, NULL, "user", "pencil");
      PbSecret *out;

      pb_secret_unref (pb_sasl_client_begin (client));
      g_assert_cmpint (feed (client, FIRST, &out), ==, PB_SASL_CLIENT_DERIVE);
      pb_sasl_client_derive (client);
      pb_secret_unref (pb_sasl_client_prove (client));
      g_assert_cmpint (feed (client, finals[i], &out), ==, PB_SASL_CLIENT_BROKEN);
      g_assert_false (pb_sasl_client_may_end (client));
    }
}

typedef struct
{
  PbSaslMechanism mechanism;
  gboolean plus_offered, exporter, end_point;
  const char *user, *password;
} Pair;

/* Runs both ends; the server knows the password "p\u00e4ss,=w" of everybody. */
static PbSaslStep
run_pair (const Pair *pair, PbSaslClient *client, PbSasl *server)
{
  static const char known[] = "p\303\244ss,=w";
  g_autoptr (PbSecret) password = pb_secret_copy (known, strlen (known));
  g_autoptr (PbSecret) said = pb_sasl_client_begin (client);
  g_autoptr (GString) challenge = g_string_new ("");
  PbSaslStep step = PB_SASL_CONTINUE;
  PbVerifier verifier;

  pb_verifier_init (&verifier, password);
  for (guint round = 0; round < 5; round++)
    {
      if (said == NULL)
        pb_sasl_begin (server, challenge);
      else
        {
          g_autoptr (PbSecret) decoded =
            pb_sasl_decode ((const char *) said->data, said->length);

          step = pb_sasl_feed (server, decoded, challenge);
          if (step == PB_SASL_LOOK_UP)
            step = pb_sasl_answer_verifier (server, &verifier, challenge);
          if (step == PB_SASL_CHECK)
            return pb_verifier_matches (&verifier, pb_sasl_password (server)) ? PB_SASL_PROVEN
                                                                              : PB_SASL_WRONG;
          if (step != PB_SASL_CONTINUE)
            return step;
          g_clear_pointer (&said, pb_secret_unref);
        }
      switch (feed (client, challenge->str, &said))
        {
        case PB_SASL_CLIENT_SAY:
          break;
        case PB_SASL_CLIENT_DERIVE:
          pb_sasl_client_derive (client);
          said = pb_sasl_client_prove (client);
          break;
        case PB_SASL_CLIENT_BROKEN:
          return PB_SASL_MALFORMED;
        }
    }
  return step;
}

/* Our own server agrees, name by name and binding by binding. */
static void
test_own_server (void)
{
  static const char right[] = "p\303\244ss,=w";
  static const Pair pairs[] = {
    { PB_SASL_SCRAM_SHA_256, FALSE, FALSE, FALSE, "a=b,c", right },
    { PB_SASL_SCRAM_SHA_256, FALSE, TRUE, TRUE, "user", right },
    { PB_SASL_SCRAM_SHA_256_PLUS, TRUE, TRUE, FALSE, "user@example.org", right },
    { PB_SASL_SCRAM_SHA_256_PLUS, TRUE, FALSE, TRUE, "user", right },
    { PB_SASL_SCRAM_SHA_256, FALSE, FALSE, FALSE, "user", "wrong" },
    { PB_SASL_PLAIN, FALSE, FALSE, FALSE, "user", right },
    { PB_SASL_PLAIN, FALSE, FALSE, FALSE, "user", "wrong" },
    { PB_SASL_LOGIN, FALSE, FALSE, FALSE, "user", right },
    { PB_SASL_LOGIN, FALSE, FALSE, FALSE, "user", "wrong" },
  };
  g_autoptr (GBytes) binding = g_bytes_new_static ("the\0channel", 11);

  for (guint i = 0; i < G_N_ELEMENTS (pairs); i++)
    {
      const Pair *pair = &pairs[i];
      PbSaslBindings bindings = { pair->plus_offered, pair->exporter ? binding : NULL,
                                  pair->end_point ? binding : NULL };
      g_autoptr (PbSaslClient) client =
        begin (pair->mechanism, &bindings, pair->user, pair->password);
      g_autoptr (PbSasl) server = pb_sasl_new (pair->mechanism, &bindings, "srv");
      gboolean is_right = pair->password == right;

      g_assert_cmpint (run_pair (pair, client, server), ==, is_right ? PB_SASL_PROVEN : PB_SASL_WRONG);
      g_assert_cmpstr (pb_sasl_user (server), ==, pair->user);
      if (is_right)
        g_assert_true (pb_sasl_client_may_end (client));
    }
}

static void
test_choice (void)
{
  static const struct
  {
    const char *offered;
    gboolean can_bind;
    int chosen; /* -1: none */
  } rows[] = {
    { "PLAIN LOGIN", TRUE, PB_SASL_PLAIN },
    { "LOGIN PLAIN", TRUE, PB_SASL_PLAIN },
    { "login", TRUE, PB_SASL_LOGIN },
    { "LOGIN SCRAM-SHA-256", FALSE, PB_SASL_SCRAM_SHA_256 },
    { "SCRAM-SHA-256 SCRAM-SHA-256-PLUS PLAIN", TRUE, PB_SASL_SCRAM_SHA_256_PLUS },
    { "SCRAM-SHA-256 SCRAM-SHA-256-PLUS PLAIN", FALSE, PB_SASL_SCRAM_SHA_256 },
    { "GSSAPI XOAUTH2 PLAINX", TRUE, -1 },
    { "", TRUE, -1 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      PbSaslMechanism mechanism;
      gboolean found = pb_sasl_client_choose (rows[i].offered, rows[i].can_bind, &mechanism);

      g_assert_cmpint (found, ==, rows[i].chosen >= 0);
      if (found)
        g_assert_cmpint (mechanism, ==, rows[i].chosen);
    }
}

/* A server that asks on is left standing. */
static void
test_endless (void)
{
  for (PbSaslMechanism mechanism = PB_SASL_PLAIN; mechanism <= PB_SASL_LOGIN; mechanism++)
    {
      g_autoptr (PbSaslClient) client = begin (mechanism, NULL, "user", "pencil");
      g_autoptr (PbSecret) first = pb_sasl_client_begin (client);
      PbSaslClientStep step = PB_SASL_CLIENT_SAY;
      guint n = 0;

      g_assert_cmpint (first != NULL, ==, mechanism == PB_SASL_PLAIN);
      for (; step == PB_SASL_CLIENT_SAY; n++)
        {
          g_autoptr (PbSecret) out = NULL;

          step = pb_sasl_client_feed (client, "", 0, &out);
        }
      g_assert_cmpuint (n, <=, 3);
      g_assert_cmpint (step, ==, PB_SASL_CLIENT_BROKEN);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/sasl-client/scram-vector", test_scram_vector);
  g_test_add_func ("/sasl-client/bad-first", test_bad_first);
  g_test_add_func ("/sasl-client/unproven-server", test_unproven_server);
  g_test_add_func ("/sasl-client/own-server", test_own_server);
  g_test_add_func ("/sasl-client/choice", test_choice);
  g_test_add_func ("/sasl-client/endless", test_endless);
  return g_test_run ();
}
