/* SPDX-License-Identifier: GPL-3.0-or-later */
/* DKIM: canonical forms, own signatures verified, and what must not pass. Other people's messages are in tests/mailauth. */
#include "mailauth/dkim-key.h"
#include "mailauth/dkim-signature.h"
#include "mailauth/dkim.h"
#include "tests/mailauth/zone.h"

#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <string.h>

/* ---- canonical forms ---- */

static void
test_fields (void)
{
  static const struct
  {
    const char *field;
    guint name_length;
    const char *relaxed;
  } rows[] = {
    { "A: X\r\n", 1, "a:X\r\n" },          { "B : Y\t\r\n\tZ  \r\n", 1, "b:Y Z\r\n" },
    { "SubJect:\r\n", 7, "subject:\r\n" }, { "C:  \r\n \r\n\ta\r\n", 1, "c:a\r\n" },
    { "D: no end", 1, "d:no end\r\n" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GString) out = g_string_new (NULL);
      gsize length = strlen (rows[i].field);

      pb_canonical_field (out, rows[i].field, length, rows[i].name_length, TRUE);
      g_assert_cmpstr (out->str, ==, rows[i].relaxed);
      g_string_truncate (out, 0);
      pb_canonical_field (out, rows[i].field, length, rows[i].name_length, FALSE);
      g_assert_cmpstr (out->str, ==, rows[i].field);
    }
}

static char *
hash_body (const char *text, gboolean relaxed, gint64 limit, gsize pieces)
{
  g_autoptr (PbBodyHash) hash = pb_body_hash_new (relaxed, limit);
  gsize length = strlen (text);

  for (gsize at = 0; at < length; at += pieces)
    pb_body_hash_feed (hash, text + at, MIN (pieces, length - at));
  pb_body_hash_end (hash);
  return g_base64_encode (pb_body_hash_get (hash), PB_BODY_HASH_LENGTH);
}

static char *
hash_plain (const char *text)
{
  GChecksum *sum = g_checksum_new (G_CHECKSUM_SHA256);
  guint8 octets[PB_BODY_HASH_LENGTH];
  gsize length = sizeof octets;

  g_checksum_update (sum, (const guchar *) text, (gssize) strlen (text));
  g_checksum_get_digest (sum, octets, &length);
  g_checksum_free (sum);
  return g_base64_encode (octets, length);
}

static void
test_bodies (void)
{
  static const struct
  {
    const char *text, *simple, *relaxed;
  } rows[] = {
    { "", "\r\n", "" },
    { "\r\n", "\r\n", "" },
    { "\r\n\r\n\r\n", "\r\n", "" },
    { " \r\n\t\r\n", " \r\n\t\r\n", "" },
    { " C \r\nD \t E\r\n\r\n\r\n", " C \r\nD \t E\r\n", " C\r\nD E\r\n" },
    { "no end", "no end\r\n", "no end\r\n" },
    { "no end \t", "no end \t\r\n", "no end\r\n" },
    { "a\rb\nc\r\n", "a\rb\nc\r\n", "a\rb\nc\r\n" },
    { "a\r\r\n", "a\r\r\n", "a\r\r\n" },
    { "a\r", "a\r\r\n", "a\r\r\n" },
    { "a\r\n\r\n\r\nb", "a\r\n\r\n\r\nb\r\n", "a\r\n\r\n\r\nb\r\n" },
    { "a \r\n \r\n b", "a \r\n \r\n b\r\n", "a\r\n\r\n b\r\n" },
    { "a \rb\r\n", "a \rb\r\n", "a \rb\r\n" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    for (gsize pieces = 1; pieces < 8; pieces++)
      {
        g_autofree char *simple = hash_body (rows[i].text, FALSE, -1, pieces);
        g_autofree char *relaxed = hash_body (rows[i].text, TRUE, -1, pieces);
        g_autofree char *wanted_simple = hash_plain (rows[i].simple);
        g_autofree char *wanted_relaxed = hash_plain (rows[i].relaxed);

        g_test_message ("row %u by %zu", i, pieces);
        g_assert_cmpstr (simple, ==, wanted_simple);
        g_assert_cmpstr (relaxed, ==, wanted_relaxed);
      }
}

static void
test_body_limit (void)
{
  for (gsize pieces = 1; pieces < 8; pieces++)
    {
      g_autofree char *cut = hash_body ("ab  c\r\nmore\r\n", TRUE, 4, pieces);
      g_autofree char *none = hash_body ("ab  c\r\nmore\r\n", TRUE, 0, pieces);
      g_autofree char *wanted = hash_plain ("ab c");
      g_autofree char *wanted_none = hash_plain ("");

      g_assert_cmpstr (cut, ==, wanted);
      g_assert_cmpstr (none, ==, wanted_none);
    }
}

/* A megabyte of line ends within a body, and at its end, are held back as a number. */
static void
test_many_line_ends (void)
{
  g_autoptr (PbBodyHash) hash = pb_body_hash_new (TRUE, -1);

  for (guint i = 0; i < 1024 * 1024; i++)
    pb_body_hash_feed (hash, "\r\n", 2);
  pb_body_hash_feed (hash, "x", 1);
  for (guint i = 0; i < 1024 * 1024; i++)
    pb_body_hash_feed (hash, " \r\n", 3);
  pb_body_hash_end (hash);
  g_assert_cmpuint (pb_body_hash_length (hash), ==, 2 * 1024 * 1024 + 3);
}

/* ---- signing and verifying ---- */

typedef struct
{
  PbDnsSource dns;
  PbDkim *dkim;
  PbBodyHash *body;
  guint n;
  PbDkimResult result;
  gboolean body_cut;
  char *why;
} Bed;

static void
on_verdicts (const PbDkimVerdict *verdicts, guint n, gpointer user_data)
{
  Bed *bed = user_data;

  bed->n = n;
  if (n == 0)
    return;
  bed->result = verdicts[0].result;
  bed->body_cut = verdicts[0].body_cut;
  bed->why = g_strdup (verdicts[0].why);
}

static void
on_header_to_verify (PbAuthMessage *message, gpointer user_data)
{
  Bed *bed = user_data;

  bed->dkim = pb_dkim_verify (message, &bed->dns, 20, on_verdicts, bed);
}

static void
on_header_to_sign (PbAuthMessage *message, gpointer user_data)
{
  Bed *bed = user_data;

  bed->body = pb_auth_message_body_hash (message, TRUE, -1);
}

/* Returns: (transfer full): @text with a DKIM-Signature on top. */
static char *
sign (EVP_PKEY *key, const char *text)
{
  Bed bed = { 0 };
  g_autoptr (PbAuthMessage) message = pb_auth_message_new (on_header_to_sign, &bed);
  PbDkimSigner signer = { "example.test", "sel", key, g_get_real_time () / G_USEC_PER_SEC };
  g_autofree char *value = NULL;

  pb_auth_message_feed (message, text, strlen (text));
  pb_auth_message_end (message);
  value = pb_dkim_sign (message, bed.body, &signer, NULL);
  g_assert_nonnull (value);
  return g_strconcat ("DKIM-Signature:", value, "\r\n", text, NULL);
}

/* Verifies @text with @record as the one key there is; NULL: DNS is in trouble. */
static Bed
verify (const char *text, const char *record)
{
  Bed bed = { 0 };
  g_autoptr (PbAuthMessage) message = pb_auth_message_new (on_header_to_verify, &bed);
  g_autoptr (JsonObject) names = json_object_new ();
  JsonObject *types = json_object_new ();
  JsonArray *records = json_array_new ();
  g_autoptr (Zone) zone = NULL;

  if (record != NULL)
    json_array_add_string_element (records, record);
  json_object_set_array_member (types, record != NULL ? "TXT" : "TROUBLE", records);
  json_object_set_object_member (names, "sel._domainkey.example.test", types);
  zone = zone_new (names);
  bed.dns = zone_source (zone);
  pb_auth_message_feed (message, text, strlen (text));
  pb_auth_message_end (message);
  pb_dkim_body_ended (bed.dkim);
  zone_run (zone);
  return bed;
}

static void
assert_result (const char *text, const char *record, PbDkimResult result, const char *why)
{
  Bed bed = verify (text, record);

  g_test_message ("%s: %s", pb_dkim_result_name (bed.result), bed.why);
  g_assert_cmpuint (bed.n, ==, 1);
  g_assert_cmpint (bed.result, ==, result);
  g_assert_cmpstr (bed.why, ==, why);
  g_free (bed.why);
}

static char *
make_record (EVP_PKEY *key)
{
  guint8 raw[32];
  gsize length = sizeof raw;
  guint8 *der = NULL;
  g_autofree char *text = NULL;
  int n;

  if (EVP_PKEY_get_base_id (key) == EVP_PKEY_ED25519)
    {
      g_assert_cmpint (EVP_PKEY_get_raw_public_key (key, raw, &length), ==, 1);
      text = g_base64_encode (raw, length);
      return g_strconcat ("v=DKIM1; k=ed25519; p=", text, NULL);
    }
  n = i2d_PUBKEY (key, &der);
  g_assert_cmpint (n, >, 0);
  text = g_base64_encode (der, (gsize) n);
  OPENSSL_free (der);
  return g_strconcat ("v=DKIM1; k=rsa; p=", text, NULL);
}

static const char mail[] =
  "From: Anna <anna@example.test>\r\nTo: ben@example.net\r\n"
  "Subject: a  folded\r\n\tsubject\r\nDate: Tue, 24 Nov 2026 10:00:00 +0000\r\n\r\n"
  "Hello,\r\n  this is it. \r\n\r\n\r\n";

static char *
replace (const char *text, const char *part, const char *by)
{
  g_auto (GStrv) parts = g_strsplit (text, part, 2);

  g_assert_cmpuint (g_strv_length (parts), ==, 2);
  return g_strconcat (parts[0], by, parts[1], NULL);
}

static void
check_key (EVP_PKEY *key)
{
  static const struct
  {
    const char *part, *by;
    PbDkimResult result;
    const char *why;
  } changes[] = {
    /* What the relaxed forms forgive. */
    { "Subject: a  folded\r\n\tsubject", "SUBJECT:a folded subject", PB_DKIM_PASS, NULL },
    { "this is it. \r\n", "this is it.\t\r\n", PB_DKIM_PASS, NULL },
    { "\r\n\r\n\r\n", "\r\n", PB_DKIM_PASS, NULL },
    { "To: ben", "X-New: field\r\nTo: ben", PB_DKIM_PASS, NULL },
    /* And what they do not. */
    { "this is it", "that is it", PB_DKIM_FAIL, "the body was changed" },
    { "Anna", "Eve", PB_DKIM_FAIL, "the header was changed, or the key is not the one" },
    { "To: ben", "From: eve@example.net\r\nTo: ben", PB_DKIM_FAIL,
      "the header was changed, or the key is not the one" },
    { "To: ben", "Reply-To: eve@example.net\r\nTo: ben", PB_DKIM_FAIL,
      "the header was changed, or the key is not the one" },
    { "Subject: a", "Subject: b", PB_DKIM_FAIL,
      "the header was changed, or the key is not the one" },
    { " v=1;", " v=2;", PB_DKIM_PERMERROR, "not version 1" },
    { "d=example.test;", "d=example.net;", PB_DKIM_PERMERROR, "there is no key" },
    { "h=from:from", "h=x", PB_DKIM_PERMERROR, "From is not signed" },
    { "relaxed/relaxed", "relaxed/odd", PB_DKIM_PERMERROR, "unknown canonicalization" },
    { "bh=", "bh=AAAA", PB_DKIM_PERMERROR, "the body hash is none" },
    { "t=", "x=1; t=", PB_DKIM_PERMERROR, "it expires before it was made" },
    { "t=", "l=99999; t=", PB_DKIM_PERMERROR, "the body is shorter than what was signed" },
    { "t=", "i=@other.test; t=", PB_DKIM_PERMERROR, "the identity is not of the domain" },
    { "t=", "t=9", PB_DKIM_PERMERROR, "the signature is of a time to come" },
    { "t=", "q=http; t=", PB_DKIM_PERMERROR, "unknown query method" },
    { "t=", "s=other; t=", PB_DKIM_PERMERROR, "its tags are none" },
  };
  g_autofree char *whole = sign (key, mail);
  g_autofree char *record = make_record (key);
  g_autofree char *testing = g_strconcat (record, "; t=y:s", NULL);

  assert_result (whole, record, PB_DKIM_PASS, NULL);
  assert_result (whole, testing, PB_DKIM_PASS, NULL);
  assert_result (whole, NULL, PB_DKIM_TEMPERROR, "DNS did not give the key");
  assert_result (whole, "v=DKIM1; p=", PB_DKIM_PERMERROR,
                 EVP_PKEY_get_base_id (key) == EVP_PKEY_ED25519 ? "the key is of another kind"
                                                                : "the key was revoked");
  assert_result (whole, "garbage", PB_DKIM_PERMERROR, "the key record is none");
  assert_result (whole, "k=rsa; v=DKIM1; p=AAAA", PB_DKIM_PERMERROR,
                 "the key record is not of version DKIM1");
  for (guint i = 0; i < G_N_ELEMENTS (changes); i++)
    {
      g_autofree char *changed = replace (whole, changes[i].part, changes[i].by);

      g_test_message ("%s -> %s", changes[i].part, changes[i].by);
      assert_result (changed, record, changes[i].result, changes[i].why);
    }
}

static void
test_rsa (void)
{
  EVP_PKEY *key = EVP_RSA_gen (2048);

  check_key (key);
  EVP_PKEY_free (key);
}

static void
test_ed25519 (void)
{
  EVP_PKEY *key = EVP_PKEY_Q_keygen (NULL, NULL, "ED25519");

  check_key (key);
  EVP_PKEY_free (key);
}

/* Every line of a signature that we make is short, whatever it signs. */
static void
test_folding (void)
{
  EVP_PKEY *key = EVP_RSA_gen (4096);
  g_autoptr (GString) text = g_string_new (NULL);
  g_autofree char *whole = NULL;
  g_autofree char *record = make_record (key);
  g_auto (GStrv) lines = NULL;

  for (guint i = 0; i < 30; i++)
    g_string_append (text, "References: <x>\r\nFrom: a@example.test\r\n");
  g_string_append (text, "\r\nbody\r\n");
  whole = sign (key, text->str);
  assert_result (whole, record, PB_DKIM_PASS, NULL);
  lines = g_strsplit (whole, "\r\n", -1);
  for (guint i = 0; i < g_strv_length (lines); i++)
    g_assert_cmpuint (strlen (lines[i]), <=, 80);
  EVP_PKEY_free (key);
}

static void
test_key_sizes (void)
{
  static const struct
  {
    guint bits;
    const char *why;
  } rows[] = { { 512, "the key has less than 1024 bits" }, { 1024, NULL } };
  const char *why;

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      EVP_PKEY *pair = EVP_RSA_gen (rows[i].bits);
      g_autofree char *record = make_record (pair);
      g_autoptr (PbDkimKey) key = pb_dkim_key_parse (record, PB_DKIM_RSA_SHA256, &why);

      g_assert_cmpstr (why, ==, rows[i].why);
      g_assert_cmpint (key != NULL, ==, rows[i].why == NULL);
      EVP_PKEY_free (pair);
    }
}

/* A modulus of 16,384 bits, which nobody needs to have made: its number is all that counts. */
static void
test_huge_key (void)
{
  g_autoptr (GByteArray) der = g_byte_array_new ();
  guint8 head[] = { 0x30, 0x82, 0x08, 0x0a, 0x02, 0x82, 0x08, 0x01, 0x00 };
  guint8 tail[] = { 0x02, 0x03, 0x01, 0x00, 0x01 };
  g_autofree char *text = NULL, *record = NULL;
  const char *why;

  g_byte_array_append (der, head, sizeof head);
  for (guint i = 0; i < 2048; i++)
    g_byte_array_append (der, (const guint8 *) "\xff", 1);
  g_byte_array_append (der, tail, sizeof tail);
  text = g_base64_encode (der->data, der->len);
  record = g_strconcat ("v=DKIM1; p=", text, NULL);
  g_assert_null (pb_dkim_key_parse (record, PB_DKIM_RSA_SHA256, &why));
  g_assert_cmpstr (why, ==, "the key has more than 8192 bits");
}

/* A thousand signatures cost five questions, and a hundred thousand fields pass. */
static void
test_many (void)
{
  g_autoptr (GString) text = g_string_new (NULL);
  Bed bed;

  for (guint i = 0; i < 1000; i++)
    g_string_append (text, "DKIM-Signature: v=1; a=rsa-sha256; d=example.test; s=sel; h=from; "
                           "bh=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=; b=AAAA\r\n");
  for (guint i = 0; i < 100000; i++)
    g_string_append (text, "X: y\r\n");
  g_string_append (text, "From: a@example.test\r\n\r\n");
  bed = verify (text->str, NULL);
  g_assert_cmpuint (bed.n, ==, PB_DKIM_MAX_SIGNATURES);
  g_free (bed.why);
}

/* A header too large to keep is no reason to fail: nothing is said of it. */
static void
test_huge_header (void)
{
  g_autoptr (GString) text = g_string_new ("DKIM-Signature: v=1\r\n");
  Bed bed;

  while (text->len < PB_AUTH_HEADER_MAX)
    g_string_append (text,
                     "X: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n");
  g_string_append (text, "\r\nbody\r\n");
  bed = verify (text->str, NULL);
  g_assert_cmpuint (bed.n, ==, 0);
}

/* Where such a header is cut is no end of it, though a line's end should stand there. */
static void
test_cut_at_a_line (void)
{
  g_autofree char *much = g_strnfill (PB_AUTH_HEADER_MAX, 'y');

  for (guint tail = 0; tail < 3; tail++)
    {
      Bed bed = { 0 };
      g_autoptr (PbAuthMessage) message = pb_auth_message_new (on_header_to_sign, &bed);
      g_autoptr (GString) text = g_string_new ("X: ");

      g_string_append (text, much);
      g_string_append (text, "\r\n");
      g_string_append_len (text, "X:", tail);
      pb_auth_message_feed (message, text->str, text->len);
      pb_auth_message_feed (message, "X: more\r\n", 9);
      g_assert_false (pb_auth_message_in_body (message));
      pb_auth_message_feed (message, "\r\nbody\r\n", 8);
      g_assert_true (pb_auth_message_in_body (message));
      g_assert_true (pb_auth_message_is_cut (message));
      pb_auth_message_end (message);
      g_assert_cmpuint (pb_body_hash_length (bed.body), ==, 6);
    }
}

/* What many small fields cost beside their text is told, so that whoever holds the message can charge it. */
static void
test_held (void)
{
  Bed bed = { 0 };
  g_autoptr (PbAuthMessage) message = pb_auth_message_new (on_header_to_sign, &bed);
  const guint n = 400000;
  guint n_fields;

  for (guint i = 0; i < n; i++)
    pb_auth_message_feed (message, "X:\r\n", 4);
  g_assert_cmpuint (pb_auth_message_held (message), ==, 4 * n);
  pb_auth_message_feed (message, "\r\nbody", 6);
  pb_auth_message_fields (message, &n_fields);
  g_assert_cmpuint (n_fields, ==, n);
  g_assert_cmpuint (pb_auth_message_held (message), >=, (4 + sizeof (PbField) + 8) * n);
  g_assert_cmpuint (pb_auth_message_held (message), <, 100 * n);
}

/* A signer may write its names as its readers see them; keys are asked for, and authors compared, as the DNS has them (RFC 8616 5). */
static void
test_names (void)
{
  static const struct
  {
    const char *domain, *selector, *identity; /* identity: (nullable) */
    const char *asked;                        /* (nullable) */
    const char *told;                         /* why it is refused, or the identity */
  } rows[] = {
    { "example.test", "sel", NULL, "sel._domainkey.example.test", "@example.test" },
    { "EXAMPLE.test", "Sel", "a@x.Example.TEST", "Sel._domainkey.example.test", "a@x.Example.TEST" },
    { "b\xc3\xbc""cher.test", "s\xc3\xa4l", NULL, "xn--sl-via._domainkey.xn--bcher-kva.test", "@xn--bcher-kva.test" },
    { "b\xc3\xbc""cher.test", "a_b.c", "x@y.b\xc3\xbc""cher.test", "a_b.c._domainkey.xn--bcher-kva.test",
      "x@y.xn--bcher-kva.test" },
    { "xn--bcher-kva.test", "s", "x@b\xc3\xbc""cher.test", "s._domainkey.xn--bcher-kva.test", "x@xn--bcher-kva.test" },
    { "exam\r\n ple.test", "sel", NULL, NULL, "the domain is no name" },
    { "\"example.test", "sel", NULL, NULL, "the domain is no name" },
    { "\xff.test", "sel", NULL, NULL, "the domain is no name" },
    { "example.test", "s l", NULL, NULL, "the selector is no name" },
    { "example.test", "\xff", NULL, NULL, "the selector is no name" },
    { "example.test", "sel", "a@notexample.test", NULL, "the identity is not of the domain" },
    { "example.test", "sel", "example.test", NULL, "the identity is not of the domain" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *text = g_strdup_printf (
        "DKIM-Signature: v=1; a=rsa-sha256; d=%s; s=%s; h=from; b=AAAA;%s%s%s"
        " bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\r\n",
        rows[i].domain, rows[i].selector, rows[i].identity != NULL ? " i=" : "",
        rows[i].identity != NULL ? rows[i].identity : "", rows[i].identity != NULL ? ";" : "");
      const PbField field = { text, strlen (text), strlen ("DKIM-Signature") };
      const char *problem;
      g_autoptr (PbDkimSignature) signature = NULL;
      g_autofree char *name = NULL;

      signature = pb_dkim_signature_parse (&field, PB_DKIM_FIELD, &problem);
      g_test_message ("row %u: %s", i, problem);
      g_assert_true ((signature != NULL) == (rows[i].asked != NULL));
      if (signature == NULL)
        {
          g_assert_cmpstr (problem, ==, rows[i].told);
          continue;
        }
      name = pb_dkim_signature_key_name (signature);
      g_assert_cmpstr (name, ==, rows[i].asked);
      g_assert_cmpstr (signature->identity, ==, rows[i].told);
    }
}

/* Cancelled before and behind the answers. */
static void
test_cancel (void)
{
  g_autoptr (JsonObject) names = json_object_new ();
  g_autoptr (Zone) zone = zone_new (names);
  EVP_PKEY *key = EVP_PKEY_Q_keygen (NULL, NULL, "ED25519");
  g_autofree char *whole = sign (key, mail);

  for (guint i = 0; i < 2; i++)
    {
      Bed bed = { .dns = zone_source (zone) };
      g_autoptr (PbAuthMessage) message = pb_auth_message_new (on_header_to_verify, &bed);

      pb_auth_message_feed (message, whole, strlen (whole));
      if (i == 1)
        zone_run (zone);
      pb_dkim_cancel (bed.dkim);
      zone_run (zone);
      g_assert_cmpuint (bed.n, ==, 0);
    }
  EVP_PKEY_free (key);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/dkim/fields", test_fields);
  g_test_add_func ("/dkim/bodies", test_bodies);
  g_test_add_func ("/dkim/body-limit", test_body_limit);
  g_test_add_func ("/dkim/many-line-ends", test_many_line_ends);
  g_test_add_func ("/dkim/rsa", test_rsa);
  g_test_add_func ("/dkim/ed25519", test_ed25519);
  g_test_add_func ("/dkim/folding", test_folding);
  g_test_add_func ("/dkim/key-sizes", test_key_sizes);
  g_test_add_func ("/dkim/huge-key", test_huge_key);
  g_test_add_func ("/dkim/many", test_many);
  g_test_add_func ("/dkim/huge-header", test_huge_header);
  g_test_add_func ("/dkim/cut-at-a-line", test_cut_at_a_line);
  g_test_add_func ("/dkim/held", test_held);
  g_test_add_func ("/dkim/names", test_names);
  g_test_add_func ("/dkim/cancel", test_cancel);
  return g_test_run ();
}
