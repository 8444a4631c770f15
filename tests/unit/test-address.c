/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Addresses: golden files of our own, then the two sets of isemail where they are at hand. What isemail calls valid, a DNS
 * warning or unusual in SMTP must parse; what is a form of RFC 5322 only, deprecated or an error must not; each case where
 * we differ stands in a table with its reason.
 */
#include "protocol/address.h"

#include "tests/unit/golden.h"
#include <string.h>

#define ALL (PB_ADDRESS_UTF8 | PB_ADDRESS_ALLOW_LITERAL)

static void
append_shown (GString *out, const char *label, const char *text)
{
  g_autofree char *shown = text != NULL ? g_strescape (text, NULL) : g_strdup ("(null)");

  g_string_append_printf (out, " %s=%s", label, shown);
}

static void
append_error (GString *out, const GError *error)
{
  static const char *const names[] = { "SYNTAX", "TOO_LONG", "NEEDS_UTF8" };

  g_assert_true (error->domain == PB_ADDRESS_ERROR);
  g_string_append (out, names[error->code]);
}

static void
append_address (GString *out, const PbAddress *address)
{
  append_shown (out, "local", address->local);
  append_shown (out, "domain", address->domain);
  append_shown (out, "text", address->text);
  g_string_append_printf (out, "%s%s%s", address->literal ? " literal" : "",
                          address->utf8 ? " utf8" : "",
                          pb_address_has_routing (address) ? " routing" : "");
}

static void
describe_mailbox (GString *out, const char *octets, gsize length)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PbAddress) address = pb_address_parse (octets, length, ALL, &error);

  g_assert_true ((address == NULL) == (error != NULL));
  if (address == NULL)
    append_error (out, error);
  else
    {
      /* the canonical text is a fixed point */
      g_autoptr (PbAddress) again =
        pb_address_parse (address->text, strlen (address->text), ALL, NULL);

      g_assert_nonnull (again);
      g_assert_cmpstr (again->text, ==, address->text);
      g_assert_cmpstr (again->local, ==, address->local);
      g_string_append (out, "ok");
      append_address (out, address);
    }
}

static void
describe_path (GString *out, const char *octets, gsize length)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PbAddress) address = NULL;
  gboolean route;
  const char *end;

  if (!pb_address_parse_path (octets, length, ALL | PB_ADDRESS_ALLOW_NO_DOMAIN, &address, &route,
                              &end, &error))
    {
      g_assert_null (address);
      append_error (out, error);
      return;
    }
  g_string_append (out, address != NULL ? "ok" : "null sender");
  if (address != NULL)
    append_address (out, address);
  g_string_append_printf (out, "%s rest=%u", route ? " route" : "",
                          (guint) (octets + length - end));
}

static void
test_golden_mailbox (void)
{
  golden_run ("address", "mailbox", describe_mailbox);
}

static void
test_golden_path (void)
{
  golden_run ("address", "path", describe_path);
}

static void
assert_refused (const char *text, PbAddressFlags flags, PbAddressError code)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (pb_address_parse (text, strlen (text), flags, &error));
  g_assert_error (error, PB_ADDRESS_ERROR, (int) code);
}

static void
test_flags (void)
{
  g_autoptr (PbAddress) bare =
    pb_address_parse ("postmaster", 10, PB_ADDRESS_ALLOW_NO_DOMAIN, NULL);

  g_assert_nonnull (bare);
  g_assert_null (bare->domain);
  g_assert_cmpstr (bare->text, ==, "postmaster");
  assert_refused ("postmaster", PB_ADDRESS_NONE, PB_ADDRESS_ERROR_SYNTAX);
  assert_refused ("root", PB_ADDRESS_ALLOW_NO_DOMAIN, PB_ADDRESS_ERROR_SYNTAX);
  assert_refused ("a@[192.0.2.1]", PB_ADDRESS_NONE, PB_ADDRESS_ERROR_SYNTAX);
  assert_refused ("k\xc3\xadm@example.net", PB_ADDRESS_NONE, PB_ADDRESS_ERROR_NEEDS_UTF8);
  assert_refused ("kim@b\xc3\xbc"
                  "cher.example",
                  PB_ADDRESS_NONE, PB_ADDRESS_ERROR_NEEDS_UTF8);
}

/* An address is shown in logs and lists: in none may it turn around what stands beside it, or seem to end the line. */
static void
test_misleading (void)
{
  static const char *const marks[] = { "\xd8\x9c",     "\xe2\x80\x8e", "\xe2\x80\x8f", "\xe2\x80\xa8", "\xe2\x80\xa9",
                                       "\xe2\x80\xaa", "\xe2\x80\xae", "\xe2\x81\xa6", "\xe2\x81\xa9" };

  for (guint i = 0; i < G_N_ELEMENTS (marks); i++)
    {
      g_autofree char *plain = g_strdup_printf ("a%sb@example.net", marks[i]);
      g_autofree char *quoted = g_strdup_printf ("\"a %s\"@example.net", marks[i]);

      assert_refused (plain, ALL, PB_ADDRESS_ERROR_SYNTAX);
      assert_refused (quoted, ALL, PB_ADDRESS_ERROR_SYNTAX);
    }
  /* A joiner belongs to how some languages are written. */
  g_autoptr (PbAddress) joined = pb_address_parse ("\xd9\x85\xe2\x80\x8c\xd9\x86@example.net", 19, ALL, NULL);
  g_assert_nonnull (joined);
}

static void
test_too_long (void)
{
  g_autofree char *huge = g_strnfill (100000, 'a');
  g_autofree char *wide = g_strdup_printf ("a@%s.example", huge);
  g_autoptr (GString) mailbox = g_string_new ("kim@");

  assert_refused (huge, ALL, PB_ADDRESS_ERROR_TOO_LONG);
  assert_refused (wide, ALL, PB_ADDRESS_ERROR_TOO_LONG);
  for (guint i = 0; i < 62; i++)
    g_string_append (mailbox, "abc.");
  g_string_append (mailbox, "de");
  g_assert_cmpuint (mailbox->len, ==, 254);
  g_autoptr (PbAddress) longest = pb_address_parse (mailbox->str, mailbox->len, ALL, NULL);
  g_assert_nonnull (longest);
  g_string_append_c (mailbox, 'f');
  assert_refused (mailbox->str, ALL, PB_ADDRESS_ERROR_TOO_LONG);
}

static void
test_domain_normalize (void)
{
  static const struct
  {
    const char *text, *domain;
    gboolean utf8;
  } rows[] = {
    { "Example.NET", "example.net", FALSE },
    { "example.net.", "example.net", FALSE },
    { "localhost", "localhost", FALSE },
    { "_dmarc.example.net", "_dmarc.example.net", FALSE },
    { "b\xc3\xbc"
      "cher.example",
      "xn--bcher-kva.example", TRUE },
    { "b\xc3\xbc"
      "cher.example",
      NULL, FALSE },
    { "XN--BCHER-KVA.example", "xn--bcher-kva.example", TRUE },
    { "", NULL, TRUE },
    { ".", NULL, TRUE },
    { "example..net", NULL, TRUE },
    { "example.net..", NULL, TRUE },
    { "a b", NULL, TRUE },
    { "a/b", NULL, TRUE },
    { "[192.0.2.1]", NULL, TRUE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *domain = pb_domain_normalize (rows[i].text, -1, rows[i].utf8);

      g_assert_cmpstr (domain, ==, rows[i].domain);
    }
}

/* Names that look alike to people stay different to us: a Cyrillic, a Greek and a Latin one. */
static void
test_homographs (void)
{
  static const char *const texts[] = { "a@apple.example", "a@\xd0\xb0pple.example",
                                       "a@\xce\xb1pple.example" };
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr (PbAddress) address = pb_address_parse (texts[i], strlen (texts[i]), ALL, NULL);

      g_assert_nonnull (address);
      g_assert_false (address->utf8);
      g_assert_true (g_hash_table_add (seen, g_strdup (address->domain)));
    }
}

/* Where we differ from isemail. */
static const struct
{
  const char *file, *id;
  gboolean accepted;
  const char *reason;
} differences[] = {
  { "tests.xml", "71", TRUE, "\"::\" for one group: RFC 4291 2.2 allows it, and senders write it" },
};

typedef struct
{
  const char *file;
  char *id;
  GString *address, *category;
  GString *current; /* (not owned) (nullable) where text goes */
  guint cases, used;
} Isemail;

static void
check_isemail_case (Isemail *self)
{
  static const char *const good[] = { "ISEMAIL_VALID_CATEGORY", "ISEMAIL_DNSWARN",
                                      "ISEMAIL_RFC5321", NULL };
  gboolean wanted = g_strv_contains (good, self->category->str);
  g_autoptr (GString) octets = g_string_new (NULL);
  g_autoptr (PbAddress) address = NULL;

  /* U+2400 and on stand for the control characters XML cannot hold */
  for (const char *p = self->address->str; *p != '\0'; p = g_utf8_next_char (p))
    {
      gunichar c = g_utf8_get_char (p);

      if (c >= 0x2400 && c < 0x2420)
        g_string_append_c (octets, (char) (c - 0x2400));
      else
        g_string_append_unichar (octets, c);
    }
  for (guint i = 0; i < G_N_ELEMENTS (differences); i++)
    if (strcmp (differences[i].file, self->file) == 0 && strcmp (differences[i].id, self->id) == 0)
      {
        g_assert_cmpint (wanted, !=, differences[i].accepted);
        wanted = differences[i].accepted;
        self->used++;
      }
  address = pb_address_parse (octets->str, octets->len, PB_ADDRESS_ALLOW_LITERAL, NULL);
  if ((address != NULL) != wanted)
    g_test_message ("%s %s: %s is %s", self->file, self->id, self->address->str,
                    self->category->str);
  g_assert_cmpint (address != NULL, ==, wanted);
  self->cases++;
}

static void
on_start (GMarkupParseContext *context, const char *name, const char **keys, const char **values,
          gpointer data, GError **error)
{
  Isemail *self = data;

  self->current = NULL;
  if (strcmp (name, "test") == 0)
    {
      g_free (self->id);
      self->id = g_strdup (values[0]);
      g_string_truncate (self->address, 0);
      g_string_truncate (self->category, 0);
    }
  else if (strcmp (name, "address") == 0)
    self->current = self->address;
  else if (strcmp (name, "category") == 0)
    self->current = self->category;
}

static void
on_end (GMarkupParseContext *context, const char *name, gpointer data, GError **error)
{
  Isemail *self = data;

  self->current = NULL;
  if (strcmp (name, "test") == 0)
    check_isemail_case (self);
}

static void
on_text (GMarkupParseContext *context, const char *text, gsize length, gpointer data,
         GError **error)
{
  Isemail *self = data;

  if (self->current != NULL)
    g_string_append_len (self->current, text, (gssize) length);
}

static char *
find_isemail (const char *file)
{
  const char *root = g_getenv ("POSTBUS_SOURCE_ROOT");
  const char *data = g_getenv ("POSTBUS_TESTDATA");

  if (data != NULL)
    return g_build_filename (data, "isemail", file, NULL);
  return root != NULL ? g_build_filename (root, "..", "shared", "testdata", "isemail", file, NULL)
                      : NULL;
}

static void
test_isemail (gconstpointer data)
{
  static const GMarkupParser parser = { on_start, on_end, on_text, NULL, NULL };
  Isemail self = { data, NULL, NULL, NULL, NULL, 0, 0 };
  g_autofree char *path = find_isemail (self.file);
  g_autofree char *xml = NULL;
  g_autoptr (GMarkupParseContext) context = NULL;
  g_autoptr (GError) error = NULL;
  gsize length;
  guint differing = 0;

  if (path == NULL || !g_file_get_contents (path, &xml, &length, NULL))
    {
      g_test_skip ("isemail's tests are not at hand ($POSTBUS_TESTDATA/isemail)");
      return;
    }
  self.address = g_string_new (NULL);
  self.category = g_string_new (NULL);
  context = g_markup_parse_context_new (&parser, 0, &self, NULL);
  g_markup_parse_context_parse (context, xml, (gssize) length, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (self.cases, >, 100);
  for (guint i = 0; i < G_N_ELEMENTS (differences); i++)
    differing += strcmp (differences[i].file, self.file) == 0;
  g_assert_cmpuint (self.used, ==, differing);
  g_test_message ("%s: %u cases, %u of them differ by design", self.file, self.cases, self.used);
  g_free (self.id);
  g_string_free (self.address, TRUE);
  g_string_free (self.category, TRUE);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/address/golden/mailbox", test_golden_mailbox);
  g_test_add_func ("/address/golden/path", test_golden_path);
  g_test_add_func ("/address/flags", test_flags);
  g_test_add_func ("/address/misleading", test_misleading);
  g_test_add_func ("/address/too-long", test_too_long);
  g_test_add_func ("/address/domain-normalize", test_domain_normalize);
  g_test_add_func ("/address/homographs", test_homographs);
  g_test_add_data_func ("/address/isemail/tests", "tests.xml", test_isemail);
  g_test_add_data_func ("/address/isemail/tests-original", "tests-original.xml", test_isemail);
  return g_test_run ();
}
