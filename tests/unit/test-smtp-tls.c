/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The SMTP client's TLS and logins: what each demand makes of servers that offer, refuse, fail, lie and inject. */
#include "smtp-agent-fixture.h"

#include <glib/gstdio.h>
#include <openssl/evp.h>

#define SECRET "s3cret,=word"

/* Certificates: one that is trusted and good for 127.0.0.1, one for another name, one that nobody trusts. */
typedef enum
{
  RIGHT,
  OTHER_NAME,
  UNTRUSTED,
  N_CERTIFICATES,
} Certificate;

static char *pems[N_CERTIFICATES];
static char *fingerprints[N_CERTIFICATES];

#define MAIL     ENVELOPE, ACCEPTS, "B", "S:250 2.0.0 ok", "Q"
#define ONE_MAIL "C:MAIL", "S:250 ok", "C:RCPT", "S:250 ok", "C:DATA", "S:354 go", "B", "S:250 2.0.0 ok", "Q"
#define STARTTLS "G:STARTTLS", "C:STARTTLS", "S:220 go", "T"

typedef struct
{
  const char *name;
  const char *tls, *verify; /* (nullable) */
  Certificate certificate, pinned;
  const char *scripts[2][24];
  PbResultKind kind;
  const char *status;
  const char *words;    /* (nullable) in the reply */
  const char *said;     /* (nullable) in the transcript */
} TlsRow;

static const TlsRow tls_rows[] = {
  { "off-though-offered", "off", NULL, RIGHT, RIGHT, { { "G:STARTTLS,PIPELINING", MAIL } },
    PB_RESULT_DELIVERED, "2.0.0", NULL, NULL },
  { "not-offered", NULL, NULL, RIGHT, RIGHT, { { "G:PIPELINING", MAIL } }, PB_RESULT_DELIVERED,
    "2.0.0", NULL, NULL },
  { "offered", NULL, NULL, UNTRUSTED, RIGHT, { { STARTTLS, "H:PIPELINING", MAIL } },
    PB_RESULT_DELIVERED, "2.0.0", NULL, "certificate not verified" },
  /* What was offered before TLS does not hold behind it. */
  { "forgotten", NULL, NULL, RIGHT, RIGHT,
    { { "G:STARTTLS,PIPELINING,SIZE 1", "C:STARTTLS", "S:220 go", "T", "H:", ONE_MAIL } },
    PB_RESULT_DELIVERED, "2.0.0", NULL, NULL },
  { "forgotten-by-helo", NULL, NULL, RIGHT, RIGHT,
    { { "G:STARTTLS,PIPELINING,SIZE 1", "C:STARTTLS", "S:220 go", "T", "C:EHLO", "S:502 what",
        "C:HELO", "S:250 hi", ONE_MAIL } },
    PB_RESULT_DELIVERED, "2.0.0", NULL, NULL },
  { "refused", NULL, NULL, RIGHT, RIGHT,
    { { "G:STARTTLS,PIPELINING", "C:STARTTLS", "S:454 4.7.0 not now", MAIL } },
    PB_RESULT_DELIVERED, "2.0.0", NULL, "going on in the clear" },
  { "broken-then-clear", NULL, NULL, RIGHT, RIGHT,
    { { "G:STARTTLS", "C:STARTTLS", "S:220 go", "D:32", "S:this is no TLS at all, sorry", "E" },
      { "G:STARTTLS,PIPELINING", MAIL } },
    PB_RESULT_DELIVERED, "2.0.0", NULL, "TLS: " },
  { "cut-then-clear", NULL, NULL, RIGHT, RIGHT,
    { { "G:STARTTLS", "C:STARTTLS", "S:220 go", "D:32" }, { "G:PIPELINING", MAIL } },
    PB_RESULT_DELIVERED, "2.0.0", NULL, "handshake" },
  { "injected", NULL, NULL, RIGHT, RIGHT,
    { { "G:STARTTLS", "C:STARTTLS", "S:220 go\r\n250-evil\r\n250 AUTH PLAIN", "E" } },
    PB_RESULT_DEFERRED, "4.7.5", "before TLS", NULL },
  { "demanded-not-offered", "starttls", NULL, RIGHT, RIGHT, { { "G:PIPELINING", "E" } },
    PB_RESULT_DEFERRED, "4.7.4", "does not offer STARTTLS", NULL },
  { "demanded-helo", "starttls", NULL, RIGHT, RIGHT,
    { { "S:220 hi", "C:EHLO", "S:502 what", "C:HELO", "S:250 hi", "E" } }, PB_RESULT_DEFERRED,
    "4.7.4", NULL, NULL },
  { "demanded-refused", "starttls", NULL, RIGHT, RIGHT,
    { { "G:STARTTLS", "C:STARTTLS", "S:454 4.7.0 not now", "Q" } }, PB_RESULT_DEFERRED, "4.7.5",
    "454 4.7.0 not now", NULL },
  { "demanded-broken", "starttls", NULL, RIGHT, RIGHT,
    { { "G:STARTTLS", "C:STARTTLS", "S:220 go", "D:32", "S:this is no TLS at all, sorry", "E" } },
    PB_RESULT_DEFERRED, "4.7.5", "TLS: ", NULL },
  { "demanded-cut", "starttls", NULL, RIGHT, RIGHT,
    { { "G:STARTTLS", "C:STARTTLS", "S:220 go", "D:32" } }, PB_RESULT_DEFERRED, "4.7.5", NULL,
    NULL },
  { "demanded", "starttls", NULL, UNTRUSTED, RIGHT, { { STARTTLS, "H:PIPELINING", MAIL } },
    PB_RESULT_DELIVERED, "2.0.0", NULL, "TLSv1.3" },
  /* Another host may have better TLS. */
  { "demanded-next-host", "starttls", NULL, RIGHT, RIGHT,
    { { "G:", "E" }, { STARTTLS, "H:PIPELINING", MAIL } }, PB_RESULT_DELIVERED, "2.0.0", NULL,
    "TLS is required" },
  { "implicit", "implicit", NULL, RIGHT, RIGHT, { { "T", "G:PIPELINING,STARTTLS", MAIL } },
    PB_RESULT_DELIVERED, "2.0.0", NULL, "TLSv1.3" },
  { "implicit-in-clear", "implicit", NULL, RIGHT, RIGHT, { { "S:220 hi", "E" } },
    PB_RESULT_DEFERRED, "4.7.5", "TLS: ", NULL },
  { "implicit-cut", "implicit", NULL, RIGHT, RIGHT, { { NULL } }, PB_RESULT_DEFERRED, "4.7.5", NULL,
    NULL },
  { "name", "starttls", "verify", RIGHT, RIGHT, { { STARTTLS, "H:PIPELINING", MAIL } },
    PB_RESULT_DELIVERED, "2.0.0", NULL, "verified by name" },
  { "name-implicit", "implicit", "verify", RIGHT, RIGHT, { { "T", "G:PIPELINING", MAIL } },
    PB_RESULT_DELIVERED, "2.0.0", NULL, "verified by name" },
  { "other-name", "starttls", "verify", OTHER_NAME, RIGHT, { { STARTTLS, "E" } },
    PB_RESULT_DEFERRED, "4.7.5", "mismatch", NULL },
  { "untrusted", "starttls", "verify", UNTRUSTED, RIGHT, { { STARTTLS, "E" } }, PB_RESULT_DEFERRED,
    "4.7.5", "self-signed", NULL },
  /* Who wants to be shown a name is not served in the clear instead. */
  { "opportunistic-untrusted", NULL, "verify", UNTRUSTED, RIGHT, { { STARTTLS, "E" } },
    PB_RESULT_DEFERRED, "4.7.5", "self-signed", NULL },
  /* What is to be proven is not left unproven because somebody has cut the offer out. */
  { "proof-not-offered", NULL, "verify", RIGHT, RIGHT, { { "G:PIPELINING", "E" } }, PB_RESULT_DEFERRED, "4.7.4",
    "STARTTLS", NULL },
  { "proof-refused", NULL, "verify", RIGHT, RIGHT, { { "G:STARTTLS", "C:STARTTLS", "S:454 4.7.0 not now", "Q" } },
    PB_RESULT_DEFERRED, "4.7.5", "454 4.7.0", NULL },
  { "fingerprint", "starttls", "fingerprint", UNTRUSTED, UNTRUSTED,
    { { STARTTLS, "H:PIPELINING", MAIL } }, PB_RESULT_DELIVERED, "2.0.0", NULL,
    "verified by fingerprint" },
  { "other-fingerprint", "starttls", "fingerprint", UNTRUSTED, RIGHT, { { STARTTLS, "E" } },
    PB_RESULT_DEFERRED, "4.7.5", "another fingerprint", NULL },
  { "cut-behind-tls", "starttls", NULL, RIGHT, RIGHT, { { STARTTLS } }, PB_RESULT_DEFERRED, "4.4.2",
    NULL, NULL },
};

static guint
count_scripts (const char *const (*scripts)[24])
{
  return scripts[1][0] != NULL ? 2 : 1;
}

static void
set_up_row (Fixture *self, const TlsRow *row, const char *const *const *scripts, char **fallback)
{
  guint n = count_scripts (row->scripts);

  set_up (self, scripts, n);
  pb_script_server_use_tls (self->server, pems[row->certificate]);
  pb_smtp_agent_timeouts (self->agent)->ramp = G_USEC_PER_SEC;
  self->tls = row->tls;
  self->verify = row->verify;
  if (g_strcmp0 (row->verify, "fingerprint") == 0)
    self->fingerprint = fingerprints[row->pinned];
  *fallback = g_strdup_printf ("127.0.0.1:%u", pb_script_server_port (self->server));
}

static void
assert_row (Fixture *self, const TlsRow *row)
{
  g_test_message ("%s: %s\n%s", row->name, result (self, 0, 0)->reply, transcript (self, 0));
  assert_result (self, 0, 0, row->kind, row->status);
  if (row->words != NULL)
    g_assert_nonnull (strstr (result (self, 0, 0)->reply, row->words));
  if (row->said != NULL)
    g_assert_nonnull (strstr (transcript (self, 0), row->said));
  g_assert_cmpuint (pb_script_server_n_connections (self->server), ==,
                    count_scripts (row->scripts));
}

static void
test_tls (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (tls_rows); i++)
    {
      const TlsRow *row = &tls_rows[i];
      const char *const *const scripts[] = { row->scripts[0], row->scripts[1] };
      g_autofree char *fallback = NULL;
      Fixture self;

      set_up_row (&self, row, scripts, &fallback);
      if (g_str_has_suffix (row->name, "next-host"))
        self.fallback = fallback;
      deliver (&self, 1, TEXT);
      wait_answers (&self, 1);
      assert_row (&self, row);
      tear_down (&self);
    }
}

/* ---- logins ---- */

#define SECURE(extensions) STARTTLS, "H:PIPELINING," extensions

typedef struct
{
  TlsRow row;
  const char *password; /* (nullable) what the source gives */
  PbRelaySecretAnswer answer;
  gboolean accepted;
  const char *refused; /* (nullable) */
} LoginRow;

#define LOGIN(name, kind, status, words, said, ...)                                                \
  {                                                                                                \
    name, "starttls", "none", UNTRUSTED, RIGHT, { { __VA_ARGS__ } }, kind, status, words, said     \
  }
#define WELL(name, said, ...)                                                                      \
  LOGIN (name, PB_RESULT_DELIVERED, "2.0.0", NULL, said, __VA_ARGS__, "A:" SECRET, MAIL)
#define ILL(name, status, words, ...)                                                              \
  LOGIN (name, PB_RESULT_DEFERRED, status, words, NULL, __VA_ARGS__)

static const LoginRow login_rows[] = {
  { WELL ("scram", "C: AUTH SCRAM-SHA-256 [hidden]\nS: 334 [hidden]\nC: [hidden]\nS: 334 [hidden]\n",
          SECURE ("AUTH LOGIN SCRAM-SHA-256 PLAIN")),
    SECRET, 0, TRUE, NULL },
  { WELL ("scram-plus", "C: AUTH SCRAM-SHA-256-PLUS [hidden]\nS: 334 [hidden]\n",
          SECURE ("AUTH SCRAM-SHA-256 SCRAM-SHA-256-PLUS PLAIN")),
    SECRET, 0, TRUE, NULL },
  /* Somebody has cut the better offer out: the server hears that it was not seen. */
  { ILL ("plus-cut-out", "4.7.8", "535", SECURE ("AUTH SCRAM-SHA-256"), "A:" SECRET, "E"), SECRET, 0, FALSE,
    "535 5.7.8 wrong password" },
  { WELL ("plain", "C: AUTH PLAIN [hidden]\nS: 235 2.7.0 welcome\n", SECURE ("AUTH LOGIN PLAIN")),
    SECRET, 0, TRUE, NULL },
  { WELL ("login", "C: AUTH LOGIN\nS: 334 [hidden]\nC: [hidden]\n", SECURE ("AUTH LOGIN")), SECRET,
    0, TRUE, NULL },
  { WELL ("old-keyword", "C: AUTH PLAIN [hidden]\n", SECURE ("AUTH=PLAIN")), SECRET, 0, TRUE, NULL },
  /* What was said of logins before TLS does not count. */
  { WELL ("forgotten", "AUTH PLAIN", "G:AUTH LOGIN,STARTTLS", "C:STARTTLS", "S:220 go", "T",
          "H:PIPELINING,AUTH PLAIN"),
    SECRET, 0, TRUE, NULL },
  { ILL ("wrong-plain", "4.7.8", "535 5.7.8 wrong password", SECURE ("AUTH PLAIN"), "A:" SECRET, "E"),
    "wrong", 0, FALSE, "535 5.7.8 wrong password" },
  { ILL ("wrong-scram", "4.7.8", "535 5.7.8 wrong password", SECURE ("AUTH SCRAM-SHA-256"),
         "A:" SECRET, "E"),
    "wrong", 0, FALSE, "535 5.7.8 wrong password" },
  /* Some servers repeat what they do not like. */
  { ILL ("echo-plain", "4.7.8", "535 5.7.8 no: ************************, or ************", SECURE ("AUTH PLAIN"), "C:AUTH PLAIN",
         "S:535 5.7.8 no: AGJvYgBzM2NyZXQsPXdvcmQ=, or " SECRET, "E"),
    SECRET, 0, FALSE, "535 5.7.8 no: ************************, or ************" },
  { ILL ("temporary", "4.7.0", "454 4.7.0 later", SECURE ("AUTH PLAIN"), "C:AUTH", "S:454 4.7.0 later",
         "E"),
    SECRET, 0, FALSE, NULL },
  { ILL ("no-auth", "4.7.0", "(no AUTH)", SECURE ("SIZE"), "E"), SECRET, 0, FALSE, NULL },
  { ILL ("unknown-auth", "4.7.0", "(GSSAPI XOAUTH2)", SECURE ("AUTH GSSAPI XOAUTH2"), "E"), SECRET, 0,
    FALSE, NULL },
  { ILL ("unproven", "4.7.0", "without proving", SECURE ("AUTH SCRAM-SHA-256"), "C:AUTH", "S:235 ok",
         "E"),
    SECRET, 0, FALSE, NULL },
  { ILL ("no-base64", "4.7.0", "base64", SECURE ("AUTH SCRAM-SHA-256"), "C:AUTH", "S:334 ****", "E"),
    SECRET, 0, FALSE, NULL },
  { ILL ("asks-on", "4.7.0", "(PLAIN)", SECURE ("AUTH PLAIN"), "C:AUTH", "S:334 ", "E"), SECRET, 0,
    FALSE, NULL },
  { ILL ("cut", "4.4.2", NULL, SECURE ("AUTH PLAIN"), "C:AUTH"), SECRET, 0, FALSE, NULL },
  { ILL ("goes", "4.7.0", "421 4.7.0", SECURE ("AUTH PLAIN"), "C:AUTH", "S:421 4.7.0 too many", "E"),
    SECRET, 0, FALSE, NULL },
  /* The answer to the challenge is ready when nobody wants it any more. */
  { ILL ("gone-meanwhile", "4.3.2", "421 4.3.2 closing", SECURE ("AUTH SCRAM-SHA-256"),
         "U:421 4.3.2 closing", "E"),
    SECRET, 0, FALSE, NULL },
  { ILL ("none", "4.7.0", "no password is set", SECURE ("AUTH PLAIN"), "E"), NULL,
    PB_RELAY_SECRET_NONE, FALSE, NULL },
  { ILL ("stale", "4.7.0", "set anew", SECURE ("AUTH PLAIN"), "E"), NULL, PB_RELAY_SECRET_STALE, FALSE,
    NULL },
  { ILL ("waiting", "4.7.0", "nobody who knows it", SECURE ("AUTH PLAIN"), "E"), NULL,
    PB_RELAY_SECRET_WAITING, FALSE, NULL },
  /* The password is not even asked for in the clear. */
  { ILL ("clear", "4.7.4", "STARTTLS", "G:AUTH PLAIN", "E"), SECRET, 0, FALSE, NULL },
};

static void
assert_hidden (const char *transcript)
{
  g_autofree char *plain = g_base64_encode ((const guchar *) "\0bob\0" SECRET, strlen (SECRET) + 5);
  g_autofree char *login = g_base64_encode ((const guchar *) SECRET, strlen (SECRET));

  g_assert_null (strstr (transcript, SECRET));
  g_assert_null (strstr (transcript, plain));
  g_assert_null (strstr (transcript, login));
}

static void
test_logins (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (login_rows); i++)
    {
      const LoginRow *row = &login_rows[i];
      const char *const *const scripts[] = { row->row.scripts[0] };
      g_autofree char *fallback = NULL;
      Fixture self;

      set_up_row (&self, &row->row, scripts, &fallback);
      self.user = "bob";
      self.server->offers_plus = strstr (row->row.name, "plus") != NULL;
      self.password = row->password;
      self.answer = row->answer;
      /* A refused or missing password is not tried at another host: the connections are counted. */
      if (row->refused != NULL || row->password == NULL)
        self.fallback = fallback;
      deliver (&self, 1, TEXT);
      wait_answers (&self, 1);
      assert_row (&self, &row->row);
      assert_hidden (transcript (&self, 0));
      g_assert_cmpuint (self.n_accepted, ==, row->accepted);
      g_assert_cmpstr (self.refused, ==, row->refused);
      g_assert_cmpuint (self.n_asked, ==, !g_str_equal (row->row.name, "clear"));
      tear_down (&self);
    }
}

/* ---- certificates ---- */

static char *
fingerprint_of (const char *pem)
{
  BIO *bio = BIO_new_mem_buf (pem, -1);
  EVP_PKEY *key = PEM_read_bio_PrivateKey (bio, NULL, NULL, NULL);
  unsigned char *der = NULL;
  int length = i2d_PUBKEY (key, &der);
  char *text = g_compute_checksum_for_data (G_CHECKSUM_SHA256, der, (gsize) length);

  OPENSSL_free (der);
  EVP_PKEY_free (key);
  BIO_free (bio);
  return text;
}

static void
make_certificate (const char *directory, Certificate which, const char *names, char **path)
{
  g_autofree char *key = g_strdup_printf ("%s/%d.key", directory, which);
  g_autofree char *key_text = NULL;
  g_autofree char *certificate = NULL;
  g_autoptr (GError) error = NULL;
  int status = 1;

  *path = g_strdup_printf ("%s/%d.crt", directory, which);
  const char *argv[] = { "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                         "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", *path, "-subj",
                         "/CN=test", "-days", "30", "-addext", names, NULL };

  g_spawn_sync (NULL, (char **) argv, NULL,
                G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL | G_SPAWN_STDERR_TO_DEV_NULL, NULL,
                NULL, NULL, NULL, &status, &error);
  g_assert_no_error (error);
  g_assert_cmpint (status, ==, 0);
  g_assert_true (g_file_get_contents (key, &key_text, NULL, NULL));
  g_assert_true (g_file_get_contents (*path, &certificate, NULL, NULL));
  pems[which] = g_strconcat (certificate, key_text, NULL);
  fingerprints[which] = fingerprint_of (pems[which]);
  g_unlink (key);
}

/* What the whole program trusts, by the variable that OpenSSL looks at: the first two of them. */
static void
make_certificates (void)
{
  static const char *const names[N_CERTIFICATES] = {
    [RIGHT] = "subjectAltName=IP:127.0.0.1",
    [OTHER_NAME] = "subjectAltName=DNS:other.example",
    [UNTRUSTED] = "subjectAltName=IP:127.0.0.1",
  };
  g_autofree char *directory = g_dir_make_tmp ("pb-tls-XXXXXX", NULL);
  g_autofree char *trusted = g_build_filename (directory, "trusted", NULL);
  g_autofree char *both = NULL;

  for (Certificate i = 0; i < N_CERTIFICATES; i++)
    {
      g_autofree char *path = NULL;

      make_certificate (directory, i, names[i], &path);
      g_unlink (path);
    }
  both = g_strconcat (pems[RIGHT], pems[OTHER_NAME], NULL);
  g_assert_true (g_file_set_contents (trusted, both, -1, NULL));
  g_setenv ("SSL_CERT_FILE", trusted, TRUE);
}

static void
drop_certificates (void)
{
  const char *trusted = g_getenv ("SSL_CERT_FILE");
  g_autofree char *directory = g_path_get_dirname (trusted);

  g_unlink (trusted);
  g_rmdir (directory);
  for (Certificate i = 0; i < N_CERTIFICATES; i++)
    {
      g_free (pems[i]);
      g_free (fingerprints[i]);
    }
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  make_certificates ();
  g_test_add_func ("/smtp-tls/tls", test_tls);
  g_test_add_func ("/smtp-tls/logins", test_logins);
  status = g_test_run ();
  drop_certificates ();
  return status;
}
