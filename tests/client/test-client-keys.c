/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Signing keys as the client has them, against postbusd itself: made, told, switched, removed, and what is
 * said of one that cannot be made; and DNS records as lines of a zone file, written and taken apart.
 */
#include "bed.h"

#include "model/record.h"
#include "model/server.h"

#include <string.h>

/* ---- records ---- */

static void
test_line (void)
{
  g_autofree char *value = g_strnfill (600, 'a');
  g_autofree char *line = pba_record_dup_line ("k._domainkey.example.org", value);
  g_autofree char *name = NULL;
  g_autofree char *type = NULL;
  g_autofree char *back = NULL;
  g_auto (GStrv) strings = g_strsplit (line, "\"", -1);

  g_assert_true (g_str_has_prefix (line, "k._domainkey.example.org. IN TXT \"aaa"));
  g_assert_cmpuint (g_strv_length (strings), ==, 7);
  g_assert_cmpuint (strlen (strings[1]), ==, 255);
  g_assert_cmpuint (strlen (strings[5]), ==, 90);
  g_assert_true (pba_record_parse_line (line, &name, &type, &back));
  g_assert_cmpstr (name, ==, "k._domainkey.example.org");
  g_assert_cmpstr (type, ==, "TXT");
  g_assert_cmpstr (back, ==, value);
}

static void
test_parse (void)
{
  static const struct
  {
    const char *line, *name, *type, *value; /* name NULL: is none */
  } rows[] = {
    { "mail.example.org. IN A 192.0.2.1", "mail.example.org", "A", "192.0.2.1" },
    { "mail.example.org. 3600 IN AAAA 2001:db8::1", "mail.example.org", "AAAA", "2001:db8::1" },
    { "example.org. IN 300 MX 10 mail.example.org.", "example.org", "MX", "10 mail.example.org." },
    { "  example.org\tTXT\t\"v=spf1 mx -all\" ", "example.org", "TXT", "v=spf1 mx -all" },
    { "x. TXT \"a\\\"b\\\\\" \"c\"", "x", "TXT", "a\"b\\c" },
    { ". IN NS a.example.", ".", "NS", "a.example." },
    { "x. TXT \"\"", "x", "TXT", "" },
    { "x. TXT \"open", NULL, NULL, NULL },
    { "x. TXT \"open\\", NULL, NULL, NULL },
    { "x. TXT \"a\" b", NULL, NULL, NULL },
    { "x. IN 60 IN A 192.0.2.1", "x", "IN", "A 192.0.2.1" },
    { "example.org. IN A", NULL, NULL, NULL },
    { "example.org.", NULL, NULL, NULL },
    { "a. IN A 192.0.2.1\nb. IN A 192.0.2.2", NULL, NULL, NULL },
    { "", NULL, NULL, NULL },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *name = NULL;
      g_autofree char *type = NULL;
      g_autofree char *value = NULL;
      gboolean good = pba_record_parse_line (rows[i].line, &name, &type, &value);

      g_test_message ("%s", rows[i].line);
      g_assert_cmpint (good, ==, rows[i].name != NULL);
      g_assert_cmpstr (name, ==, rows[i].name);
      g_assert_cmpstr (type, ==, rows[i].type);
      g_assert_cmpstr (value, ==, rows[i].value);
    }
}

static void
test_field (void)
{
  static const struct
  {
    const char *message, *field, *sentence;
  } rows[] = {
    { "MailAuth.CreateKey: selector: \"a.b\" must be letters, digits and hyphens, such as nas2026",
      "selector", "Must be letters, digits and hyphens, such as nas2026" },
    { "MailAuth.CreateKey: domain: \"x\" must be a local domain", "domain",
      "Must be a local domain" },
    { "MailAuth.CreateKey: \"x\" gets no key: it could not be made", NULL, NULL },
    { "no place: at all", NULL, NULL },
    { "", NULL, NULL },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GError) error =
        g_error_new_literal (G_IO_ERROR, G_IO_ERROR_FAILED, rows[i].message);
      g_autofree char *sentence = NULL;
      g_autofree char *field = pba_signing_keys_dup_field (error, &sentence);

      g_assert_cmpstr (field, ==, rows[i].field);
      g_assert_cmpstr (sentence, ==, rows[i].sentence);
    }
}

/* ---- keys ---- */

typedef struct
{
  PbaSigningKeys *keys;
  guint n, active;
} Wanted;

static gboolean
are_there (gpointer user_data)
{
  Wanted *wanted = user_data;
  GPtrArray *keys = pba_signing_keys_get_all (wanted->keys);
  guint active = 0;

  for (guint i = 0; i < keys->len; i++)
    active += ((PbaSigningKey *) keys->pdata[i])->active ? 1 : 0;
  return pba_signing_keys_get_loaded (wanted->keys) && keys->len == wanted->n
         && active == wanted->active;
}

static void
wait_keys (PbaSigningKeys *keys, guint n, guint active)
{
  Wanted wanted = { keys, n, active };

  bed_wait (are_there, &wanted, "the keys");
}

static void
finish (PbaSigningKeys *keys, GAsyncResult **result, GError **error)
{
  g_autoptr (GAsyncResult) done = bed_wait_result (result, "the answer");

  pba_signing_keys_finish (keys, done, error);
}

static void
create (PbaSigningKeys *keys, const char *domain, const char *selector, const char *algorithm,
        GError **error)
{
  GAsyncResult *result = NULL;

  pba_signing_keys_create_async (keys, domain, selector, algorithm, NULL, bed_result, &result);
  finish (keys, &result, error);
}

static void
test_life (Bed *bed, gconstpointer mode)
{
  g_autoptr (PbaServer) server = pba_server_new (bed->connection);
  PbaSigningKeys *keys = pba_server_get_signing_keys (server);
  g_autoptr (GError) error = NULL;
  GAsyncResult *result = NULL;
  const PbaSigningKey *key;

  bed_set (bed, "General", "Hostname", g_variant_new_string ("mail.example.org"));
  bed_open (bed, PBA_CONNECTION_CONNECTED);
  g_assert_true (pba_signing_keys_get_supported (keys));
  pba_signing_keys_refresh (keys);
  wait_keys (keys, 0, 0);
  create (keys, "mail.example.org", "", "ed25519", &error);
  g_assert_no_error (error);
  wait_keys (keys, 1, 0);
  key = pba_signing_keys_get_all (keys)->pdata[0];
  g_assert_cmpstr (key->domain, ==, "mail.example.org");
  g_assert_cmpstr (key->algorithm, ==, "ed25519");
  g_assert_true (key->usable);
  g_assert_true (g_str_has_prefix (key->value, "v=DKIM1; k=ed25519; p="));
  g_assert_true (g_str_has_suffix (key->name, "._domainkey.mail.example.org"));
  pba_signing_keys_activate_async (keys, key->id, TRUE, NULL, bed_result, &result);
  finish (keys, &result, &error);
  g_assert_no_error (error);
  wait_keys (keys, 1, 1);
  key = pba_signing_keys_get_all (keys)->pdata[0];
  result = NULL;
  pba_signing_keys_remove_async (keys, key->id, NULL, bed_result, &result);
  finish (keys, &result, &error);
  g_assert_no_error (error);
  wait_keys (keys, 0, 0);
}

static void
test_refused (Bed *bed, gconstpointer mode)
{
  g_autoptr (PbaServer) server = pba_server_new (bed->connection);
  PbaSigningKeys *keys = pba_server_get_signing_keys (server);
  g_autoptr (GError) error = NULL;
  g_autofree char *sentence = NULL;
  g_autofree char *field = NULL;

  bed_set (bed, "General", "Hostname", g_variant_new_string ("mail.example.org"));
  bed_open (bed, PBA_CONNECTION_CONNECTED);
  create (keys, "mail.example.org", "a b", "rsa", &error);
  g_assert_nonnull (error);
  field = pba_signing_keys_dup_field (error, &sentence);
  g_assert_cmpstr (field, ==, "selector");
  g_assert_cmpstr (sentence, ==, "Must be letters, digits and hyphens, such as nas2026");
  /* Nobody wanted to see them yet. */
  g_assert_false (pba_signing_keys_get_loaded (keys));
}

/* What somebody else does with them is seen. */
static void
test_followed (Bed *bed, gconstpointer mode)
{
  g_autoptr (PbaServer) server = pba_server_new (bed->connection);
  PbaSigningKeys *keys = pba_server_get_signing_keys (server);
  const PbaSigningKey *key;

  bed_set (bed, "General", "Hostname", g_variant_new_string ("mail.example.org"));
  bed_open (bed, PBA_CONNECTION_CONNECTED);
  pba_signing_keys_refresh (keys);
  wait_keys (keys, 0, 0);
  g_variant_unref (bed_call (bed, "MailAuth", "CreateKey",
                             g_variant_new ("(sss)", "mail.example.org", "one", "ed25519")));
  wait_keys (keys, 1, 0);
  key = pba_signing_keys_get_all (keys)->pdata[0];
  g_assert_cmpstr (key->selector, ==, "one");
  bed_stop_service (bed);
  bed_wait_state (bed, PBA_CONNECTION_LOST);
  /* They stay in sight while it is away. */
  g_assert_cmpuint (pba_signing_keys_get_all (keys)->len, ==, 1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/keys/line", test_line);
  g_test_add_func ("/keys/parse", test_parse);
  g_test_add_func ("/keys/field", test_field);
  g_test_add ("/keys/life", Bed, "real", bed_up, test_life, bed_down);
  g_test_add ("/keys/refused", Bed, "real", bed_up, test_refused, bed_down);
  g_test_add ("/keys/followed", Bed, "real", bed_up, test_followed, bed_down);
  return g_test_run ();
}
