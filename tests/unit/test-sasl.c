/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SASL's server side: the vectors of the RFCs, what clients get wrong, and what attackers would try. */
#include "protocol/sasl.h"
#include "util/saslprep.h"

#include <string.h>

/* RFC 7677 3: the user "user" with the password "pencil". */
#define NONCE       "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
#define CLIENT      "rOprNGfwEbeRWgbNEkqO"
#define BARE        "n=user,r=" CLIENT
#define FIRST       "r=" CLIENT NONCE ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
#define PROOF       ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
#define FINAL       "c=biws,r=" CLIENT NONCE PROOF
#define SERVER      "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
#define STORED_KEY  "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY="
#define SERVER_KEY  "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="

static PbSecret *
secret (const char *text)
{
  return pb_secret_copy (text, strlen (text));
}

static void
put (guint8 *to, gsize length, const char *base64)
{
  g_autoptr (PbSecret) octets = pb_sasl_decode (base64, strlen (base64));

  g_assert_nonnull (octets);
  g_assert_cmpuint (octets->length, ==, length);
  memcpy (to, octets->data, length);
}

static void
pencil (PbVerifier *verifier)
{
  verifier->iterations = 4096;
  put (verifier->salt, sizeof verifier->salt, "W22ZaJ0SNY7soEsUEjb6gQ==");
  put (verifier->stored_key, sizeof verifier->stored_key, STORED_KEY);
  put (verifier->server_key, sizeof verifier->server_key, SERVER_KEY);
}

static PbSasl *
begin (PbSaslMechanism mechanism)
{
  const PbSaslBindings none = { 0 };

  return pb_sasl_new (mechanism, &none, NONCE);
}

static PbSaslStep
feed_octets (PbSasl *sasl, const char *text, gsize length, GString *out)
{
  g_autoptr (PbSecret) response = pb_secret_copy (text, length);

  return pb_sasl_feed (sasl, response, out);
}

static PbSaslStep
feed (PbSasl *sasl, const char *text, GString *out)
{
  return feed_octets (sasl, text, strlen (text), out);
}

/* ---- the verifier ---- */

static void
test_verifier (void)
{
  g_autoptr (PbSecret) right = secret ("pencil");
  g_autoptr (PbSecret) wrong = secret ("pencils");
  g_autoptr (GBytes) packed = NULL;
  g_autoptr (GBytes) cut = NULL;
  PbVerifier verifier, again, fake, same, other;
  const guint8 key[PB_VERIFIER_KEY] = { 1 };

  pencil (&verifier);
  g_assert_true (pb_verifier_matches (&verifier, right));
  g_assert_false (pb_verifier_matches (&verifier, wrong));
  packed = pb_verifier_pack (&verifier);
  g_assert_true (pb_verifier_unpack (&again, packed));
  g_assert_cmpmem (&verifier, sizeof verifier, &again, sizeof again);
  cut = g_bytes_new_from_bytes (packed, 0, g_bytes_get_size (packed) - 1);
  g_assert_false (pb_verifier_unpack (&again, cut));

  pb_verifier_init (&verifier, right);
  pb_verifier_init (&again, right);
  g_assert_cmpint (memcmp (verifier.salt, again.salt, sizeof again.salt), !=, 0);
  g_assert_true (pb_verifier_matches (&again, right));
  g_assert_cmpuint (verifier.iterations, ==, PB_VERIFIER_ITERATIONS);

  pb_verifier_init_fake (&fake, "nobody", key);
  pb_verifier_init_fake (&same, "nobody", key);
  pb_verifier_init_fake (&other, "somebody", key);
  g_assert_cmpmem (&fake, sizeof fake, &same, sizeof same);
  g_assert_cmpint (memcmp (fake.salt, other.salt, sizeof fake.salt), !=, 0);
  g_assert_cmpuint (fake.iterations, ==, verifier.iterations);
  g_assert_false (pb_verifier_matches (&fake, right));
}

/* RFC 4013 3 */
static void
test_saslprep (void)
{
  static const struct
  {
    const char *given, *prepared; /* (nullable) NULL: refused */
  } cases[] = {
    { "I\xc2\xadX", "IX" },        /* SOFT HYPHEN mapped to nothing */
    { "user", "user" },            /* no transformation */
    { "USER", "USER" },            /* case preserved */
    { "\xc2\xaa", "a" },           /* output is NFKC, input in ISO 8859-1 */
    { "\xe2\x85\xa8", "IX" },      /* output is NFKC, will match #1 */
    { "\x07", NULL },              /* prohibited character */
    { "\xd8\xa7\x31", NULL },      /* bidirectional check */
    { "a\xc2\xa0" "b", "a b" },    /* no-break space */
    { "\xff", NULL },              /* no UTF-8 */
    { "", NULL },
    { "\xc2\xad", NULL },          /* nothing is left */
    { "\xef\xb7\xba\xef\xb7\xba", "\xd8\xb5\xd9\x84\xd9\x89 \xd8\xa7\xd9\x84\xd9\x84\xd9\x87 \xd8\xb9\xd9\x84\xd9\x8a\xd9\x87 "
                                  "\xd9\x88\xd8\xb3\xd9\x84\xd9\x85\xd8\xb5\xd9\x84\xd9\x89 \xd8\xa7\xd9\x84\xd9\x84\xd9\x87 "
                                  "\xd8\xb9\xd9\x84\xd9\x8a\xd9\x87 \xd9\x88\xd8\xb3\xd9\x84\xd9\x85" }, /* the longest that one sign becomes */
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (PbSecret) given = secret (cases[i].given);
      g_autoptr (PbSecret) prepared = pb_saslprep (given, TRUE);

      if (cases[i].prepared == NULL)
        g_assert_null (prepared);
      else
        {
          g_assert_nonnull (prepared);
          g_assert_cmpstr ((const char *) prepared->data, ==, cases[i].prepared);
        }
    }
}

static void
test_base64 (void)
{
  static const char *const bad[] = { "A", "AA", "AAA", "=", "====", "A===", "AA=A", "AA==AAAA", "AB==", "AAB=",
                                     "AAA ", "AAA\n", "AA-_", "*", "AAAAA", "AA=\0" };
  g_autoptr (PbSecret) none = pb_sasl_decode ("", 0);
  g_autoptr (PbSecret) one = pb_sasl_decode ("/w==", 4);
  g_autoptr (PbSecret) three = pb_sasl_decode ("Zm9vYmE=", 8);

  g_assert_cmpuint (none->length, ==, 0);
  g_assert_cmpmem (one->data, one->length, "\xff", 1);
  g_assert_cmpmem (three->data, three->length, "fooba", 5);
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    g_assert_null (pb_sasl_decode (bad[i], strlen (bad[i])));
}

/* ---- PLAIN, LOGIN ---- */

static void
test_plain (void)
{
  static const struct
  {
    const char *octets;
    gsize length;
    PbSaslStep step;
    const char *user, *password;
  } cases[] = {
    { "\0tim\0tanstaaftanstaaf", 21, PB_SASL_CHECK, "tim", "tanstaaftanstaaf" }, /* RFC 4616 4 */
    { "Kurt\0Kurt\0xipj3plmq", 19, PB_SASL_CHECK, "Kurt", "xipj3plmq" },
    { "Ursel\0Kurt\0xipj3plmq", 20, PB_SASL_WRONG, "Kurt", NULL },
    { "\0tim\0", 5, PB_SASL_CHECK, "tim", "" },
    { "\0t\xc3\xafm\0p", 7, PB_SASL_CHECK, "t\xc3\xafm", "p" },
    { "tim", 3, PB_SASL_MALFORMED, NULL, NULL },
    { "", 0, PB_SASL_MALFORMED, NULL, NULL },
    { "\0tim", 4, PB_SASL_MALFORMED, NULL, NULL },
    { "\0\0p", 3, PB_SASL_MALFORMED, NULL, NULL },
    { "\0tim\0a\0b", 8, PB_SASL_MALFORMED, NULL, NULL },
    { "\0t\nm\0p", 6, PB_SASL_MALFORMED, NULL, NULL },
    { "\0t\xffm\0p", 6, PB_SASL_MALFORMED, NULL, NULL },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (PbSasl) sasl = begin (PB_SASL_PLAIN);
      g_autoptr (GString) out = g_string_new (NULL);

      g_assert_cmpint (feed_octets (sasl, cases[i].octets, cases[i].length, out), ==, cases[i].step);
      if (cases[i].user != NULL)
        g_assert_cmpstr (pb_sasl_user (sasl), ==, cases[i].user);
      if (cases[i].password != NULL)
        g_assert_cmpstr ((const char *) pb_sasl_password (sasl)->data, ==, cases[i].password);
    }
}

static void
test_login (void)
{
  g_autoptr (PbSasl) sasl = begin (PB_SASL_LOGIN);
  g_autoptr (PbSasl) empty = begin (PB_SASL_LOGIN);
  g_autoptr (GString) out = g_string_new (NULL);

  pb_sasl_begin (sasl, out);
  g_assert_cmpstr (out->str, ==, "Username:");
  g_assert_cmpint (feed (sasl, "tim", out), ==, PB_SASL_CONTINUE);
  g_assert_cmpstr (out->str, ==, "Password:");
  g_assert_cmpint (feed (sasl, "secret", out), ==, PB_SASL_CHECK);
  g_assert_cmpstr (pb_sasl_user (sasl), ==, "tim");
  g_assert_cmpstr ((const char *) pb_sasl_password (sasl)->data, ==, "secret");
  g_assert_cmpint (feed (empty, "", out), ==, PB_SASL_MALFORMED);
}

/* ---- SCRAM ---- */

static void
test_scram_rfc7677 (void)
{
  g_autoptr (PbSasl) sasl = begin (PB_SASL_SCRAM_SHA_256);
  g_autoptr (GString) out = g_string_new (NULL);
  PbVerifier verifier;

  pencil (&verifier);
  pb_sasl_begin (sasl, out);
  g_assert_cmpstr (out->str, ==, "");
  g_assert_cmpint (feed (sasl, "n,," BARE, out), ==, PB_SASL_LOOK_UP);
  g_assert_cmpstr (pb_sasl_user (sasl), ==, "user");
  g_assert_cmpint (pb_sasl_answer_verifier (sasl, &verifier, out), ==, PB_SASL_CONTINUE);
  g_assert_cmpstr (out->str, ==, FIRST);
  g_assert_cmpint (feed (sasl, FINAL, out), ==, PB_SASL_CONTINUE);
  g_assert_cmpstr (out->str, ==, SERVER);
  g_assert_cmpint (feed (sasl, "", out), ==, PB_SASL_PROVEN);
}

static void
test_scram_first (void)
{
  static const struct
  {
    const char *text;
    PbSaslStep step;
    const char *user;
  } cases[] = {
    { "y,," BARE, PB_SASL_LOOK_UP, "user" },
    { "n,a=user," BARE, PB_SASL_LOOK_UP, "user" },
    { "n,a=root," BARE, PB_SASL_WRONG, "user" },
    { "n,,n=a=2Cb=3Dc,r=x", PB_SASL_LOOK_UP, "a,b=c" },
    { "n,," BARE ",x=1", PB_SASL_LOOK_UP, "user" },
    { "n,,n=a=2cb,r=x", PB_SASL_MALFORMED, NULL },
    { "n,,n=a=,r=x", PB_SASL_MALFORMED, NULL },
    { "n,,m=1," BARE, PB_SASL_MALFORMED, NULL },
    { "n,,n=,r=x", PB_SASL_MALFORMED, NULL },
    { "n,,n=user,r=", PB_SASL_MALFORMED, NULL },
    { "n,,n=user", PB_SASL_MALFORMED, NULL },
    { "n,,r=x,n=user", PB_SASL_MALFORMED, NULL },
    { "n,n=user,r=x", PB_SASL_MALFORMED, NULL },
    { BARE, PB_SASL_MALFORMED, NULL },
    { "", PB_SASL_MALFORMED, NULL },
    { "n", PB_SASL_MALFORMED, NULL },
    { "n,", PB_SASL_MALFORMED, NULL },
    { "n,,", PB_SASL_MALFORMED, NULL },
    { "n,," BARE ",", PB_SASL_MALFORMED, NULL },
    { "p=tls-exporter,," BARE, PB_SASL_MALFORMED, NULL }, /* that is for PLUS */
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (PbSasl) sasl = begin (PB_SASL_SCRAM_SHA_256);
      g_autoptr (GString) out = g_string_new (NULL);

      g_test_message ("%s", cases[i].text);
      g_assert_cmpint (feed (sasl, cases[i].text, out), ==, cases[i].step);
      g_assert_cmpstr (pb_sasl_user (sasl), ==, cases[i].user);
    }
}

/* Feeds a first message that is right and @final. */
static PbSaslStep
finish (PbSasl *sasl, const char *first, const char *final, GString *out)
{
  PbVerifier verifier;

  pencil (&verifier);
  g_assert_cmpint (feed (sasl, first, out), ==, PB_SASL_LOOK_UP);
  g_assert_cmpint (pb_sasl_answer_verifier (sasl, &verifier, out), ==, PB_SASL_CONTINUE);
  return feed (sasl, final, out);
}

static void
test_scram_final (void)
{
  static const struct
  {
    const char *text;
    PbSaslStep step;
  } cases[] = {
    { "c=biws,r=" CLIENT NONCE ",p=eHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=", PB_SASL_WRONG },
    { "c=eSws,r=" CLIENT NONCE PROOF, PB_SASL_WRONG }, /* "y,,": not what was said first */
    { "c=biws,r=" CLIENT PROOF, PB_SASL_WRONG },
    { "c=biws,r=" CLIENT NONCE, PB_SASL_MALFORMED },
    { "c=biws,r=" CLIENT NONCE PROOF ",", PB_SASL_MALFORMED },
    { "c=biws,r=" CLIENT NONCE PROOF ",x=1", PB_SASL_MALFORMED },
    { "c=biws,r=" CLIENT NONCE ",p=AAAA", PB_SASL_MALFORMED },
    { "c=biws,r=" CLIENT NONCE ",p=", PB_SASL_MALFORMED },
    { "c=biw,r=" CLIENT NONCE PROOF, PB_SASL_MALFORMED },
    { "r=" CLIENT NONCE PROOF, PB_SASL_MALFORMED },
    { "", PB_SASL_MALFORMED },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (PbSasl) sasl = begin (PB_SASL_SCRAM_SHA_256);
      g_autoptr (GString) out = g_string_new (NULL);

      g_test_message ("%s", cases[i].text);
      g_assert_cmpint (finish (sasl, "n,," BARE, cases[i].text, out), ==, cases[i].step);
    }
}

/* ---- channel binding ---- */

/* What a client that knows the password says last, bound to @binding. */
static char *
client_final (const char *gs2, const void *binding, gsize length)
{
  g_autoptr (GString) bound = g_string_new (gs2);
  g_autofree char *c = NULL, *without_proof = NULL, *message = NULL, *proof = NULL;
  g_autoptr (PbSecret) known = pb_sasl_decode (&PROOF[3], strlen (PROOF) - 3);
  guint8 stored[PB_VERIFIER_KEY], signature[PB_VERIFIER_KEY], key[PB_VERIFIER_KEY];

  put (stored, sizeof stored, STORED_KEY);
  /* The client's key, from the RFC's own proof. */
  message = g_strconcat (BARE, ",", FIRST, ",c=biws,r=" CLIENT NONCE, NULL);
  pb_hmac_sha256 (stored, sizeof stored, message, strlen (message), signature);
  for (guint i = 0; i < sizeof key; i++)
    key[i] = known->data[i] ^ signature[i];
  g_free (message);
  g_string_append_len (bound, binding, (gssize) length);
  c = g_base64_encode ((const guchar *) bound->str, bound->len);
  without_proof = g_strconcat ("c=", c, ",r=" CLIENT NONCE, NULL);
  message = g_strconcat (BARE, ",", FIRST, ",", without_proof, NULL);
  pb_hmac_sha256 (stored, sizeof stored, message, strlen (message), signature);
  for (guint i = 0; i < sizeof key; i++)
    key[i] ^= signature[i];
  proof = g_base64_encode (key, sizeof key);
  return g_strconcat (without_proof, ",p=", proof, NULL);
}

static void
test_binding (void)
{
  g_autoptr (GBytes) exporter = g_bytes_new_static ("0123456789abcdef0123456789abcdef", 32);
  g_autoptr (GBytes) end_point = g_bytes_new_static ("a hash of the certificate", 25);
  const struct
  {
    const char *gs2, *type_data;
    gboolean with_exporter, with_end_point;
    PbSaslStep first, last;
  } cases[] = {
    { "p=tls-exporter,,", "0123456789abcdef0123456789abcdef", TRUE, TRUE, PB_SASL_LOOK_UP, PB_SASL_CONTINUE },
    { "p=tls-server-end-point,,", "a hash of the certificate", TRUE, TRUE, PB_SASL_LOOK_UP, PB_SASL_CONTINUE },
    /* Somebody in between has another connection to each of the two. */
    { "p=tls-exporter,,", "0123456789abcdef0123456789abcdeF", TRUE, TRUE, PB_SASL_LOOK_UP, PB_SASL_WRONG },
    { "p=tls-server-end-point,,", "", TRUE, TRUE, PB_SASL_LOOK_UP, PB_SASL_WRONG },
    { "p=tls-exporter,,", "a hash of the certificate", TRUE, TRUE, PB_SASL_LOOK_UP, PB_SASL_WRONG },
    { "p=tls-exporter,,", "", FALSE, TRUE, PB_SASL_WRONG, PB_SASL_WRONG },
    { "p=tls-unique,,", "", TRUE, TRUE, PB_SASL_WRONG, PB_SASL_WRONG },
    { "n,,", "", TRUE, TRUE, PB_SASL_MALFORMED, PB_SASL_WRONG },
    { "y,,", "", TRUE, TRUE, PB_SASL_MALFORMED, PB_SASL_WRONG },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      const PbSaslBindings bindings = { TRUE, cases[i].with_exporter ? exporter : NULL,
                                        cases[i].with_end_point ? end_point : NULL };
      g_autoptr (PbSasl) sasl = pb_sasl_new (PB_SASL_SCRAM_SHA_256_PLUS, &bindings, NONCE);
      g_autoptr (GString) out = g_string_new (NULL);
      g_autofree char *first = g_strconcat (cases[i].gs2, BARE, NULL);
      g_autofree char *final =
        client_final (cases[i].gs2, cases[i].type_data, strlen (cases[i].type_data));

      g_test_message ("%u: %s", i, first);
      if (cases[i].first != PB_SASL_LOOK_UP)
        g_assert_cmpint (feed (sasl, first, out), ==, cases[i].first);
      else
        g_assert_cmpint (finish (sasl, first, final, out), ==, cases[i].last);
    }
}

/* A client that could bind says that it was not offered to: it was. */
static void
test_downgrade (void)
{
  const PbSaslBindings offered = { TRUE, NULL, NULL };
  g_autoptr (PbSasl) lied_to = pb_sasl_new (PB_SASL_SCRAM_SHA_256, &offered, NONCE);
  g_autoptr (PbSasl) cannot = pb_sasl_new (PB_SASL_SCRAM_SHA_256, &offered, NONCE);
  g_autoptr (GString) out = g_string_new (NULL);

  g_assert_cmpint (feed (lied_to, "y,," BARE, out), ==, PB_SASL_WRONG);
  g_assert_cmpint (feed (cannot, "n,," BARE, out), ==, PB_SASL_LOOK_UP);
}

static void
test_mechanisms (void)
{
  PbSaslMechanism mechanism;

  g_assert_true (pb_sasl_mechanism_lookup ("scram-sha-256 x", 13, &mechanism));
  g_assert_cmpint (mechanism, ==, PB_SASL_SCRAM_SHA_256);
  g_assert_true (pb_sasl_mechanism_lookup ("Plain", 5, &mechanism));
  g_assert_true (pb_sasl_mechanism_is_plain (mechanism));
  g_assert_false (pb_sasl_mechanism_lookup ("PLAI", 4, &mechanism));
  g_assert_false (pb_sasl_mechanism_lookup ("CRAM-MD5", 8, &mechanism));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/sasl/verifier", test_verifier);
  g_test_add_func ("/sasl/saslprep", test_saslprep);
  g_test_add_func ("/sasl/base64", test_base64);
  g_test_add_func ("/sasl/mechanisms", test_mechanisms);
  g_test_add_func ("/sasl/plain", test_plain);
  g_test_add_func ("/sasl/login", test_login);
  g_test_add_func ("/sasl/scram-rfc7677", test_scram_rfc7677);
  g_test_add_func ("/sasl/scram-first", test_scram_first);
  g_test_add_func ("/sasl/scram-final", test_scram_final);
  g_test_add_func ("/sasl/binding", test_binding);
  g_test_add_func ("/sasl/downgrade", test_downgrade);
  return g_test_run ();
}
