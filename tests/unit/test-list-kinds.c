/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rows of the eight lists: defaults, refusals, what cells must be to each other, introspection. */
#include "dbus/errors.h"
#include "dbus/list-kinds.h"
#include "dbus/names.h"

#include <string.h>

static GVariant *
parse (const char *text)
{
  g_autoptr (GError) error = NULL;
  GVariant *row = g_variant_parse (G_VARIANT_TYPE_VARDICT, text, NULL, NULL, &error);

  g_assert_no_error (error);
  return row;
}

static GVariant *
complete (PbListKind kind, GVariant *base, const char *text)
{
  g_autoptr (GVariant) given = parse (text);
  g_autoptr (GError) error = NULL;
  GVariant *row = pb_list_row_complete (kind, NULL, base, given, &error);

  g_assert_no_error (error);
  g_assert_false (g_variant_is_floating (row));
  return row;
}

static void
assert_row (GVariant *row, const char *text)
{
  g_autoptr (GVariant) expected = parse (text);
  g_autofree char *found = g_variant_print (row, TRUE);
  g_autofree char *wanted = g_variant_print (expected, TRUE);

  g_assert_cmpstr (found, ==, wanted);
}

static void
test_defaults (void)
{
  static const struct
  {
    PbListKind kind;
    const char *given, *row;
  } rows[] = {
    { PB_LIST_TRUSTED_LIST, "{'Name': <'P'>, 'Network': <'192.168.1.9'>}",
      "{'Name': <'P'>, 'Enabled': <true>, 'Network': <'192.168.1.9'>}" },
    { PB_LIST_DOMAIN_LIST, "{'Name': <'D'>, 'Domain': <'x.org'>}",
      "{'Name': <'D'>, 'Enabled': <true>, 'Domain': <'x.org'>, 'Target': <''>, "
      "'VerifyRecipients': <true>}" },
    { PB_LIST_RELAY_EXCEPTIONS,
      "{'Name': <'R'>, 'Kind': <'sender'>, 'Targets': <['.x.org']>, 'Server': <'relay'>}",
      "{'Name': <'R'>, 'Enabled': <true>, 'Kind': <'sender'>, 'Targets': <['.x.org']>, "
      "'Server': <'relay'>, 'Fallback': <@as []>, 'Port': <uint32 25>, 'Tls': <'opportunistic'>, "
      "'Verify': <'auto'>, 'Fingerprint': <''>, 'Auth': <false>, 'User': <''>, "
      "'SecretStorage': <'system'>, 'SecretState': <'none'>}" },
    { PB_LIST_ACCESS_LIST,
      "{'Name': <'A'>, 'List': <'blacklist'>, 'Kind': <'sender'>, 'Value': <'123@abc.com'>}",
      "{'Name': <'A'>, 'Enabled': <true>, 'List': <'blacklist'>, 'Kind': <'sender'>, "
      "'Value': <'123@abc.com'>, 'Action': <'reject'>, 'Skip': <@as []>, 'Expires': <uint64 0>, "
      "'Hits': <uint64 0>, 'LastHit': <uint64 0>}" },
    { PB_LIST_LOCAL_DOMAINS, "{'Name': <'x.org'>}", "{'Name': <'x.org'>, 'CatchAll': <''>}" },
    { PB_LIST_ACCOUNTS, "{'Name': <'anna'>}",
      "{'Name': <'anna'>, 'Addresses': <@as []>, 'Enabled': <true>, 'PasswordSet': <false>, 'DailyMessages': <uint32 0>, "
      "'DailyRecipients': <uint32 0>}" },
    { PB_LIST_ALIASES, "{'Address': <'root'>, 'Targets': <['a@x.org']>}",
      "{'Address': <'root'>, 'Targets': <['a@x.org']>}" },
    { PB_LIST_DNSBL_ZONES, "{'Zone': <'zen.example'>}",
      "{'Zone': <'zen.example'>, 'Codes': <@as []>, 'Score': <1>, 'Enabled': <true>}" },
  };

  G_STATIC_ASSERT (G_N_ELEMENTS (rows) == PB_N_LISTS);
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GVariant) row = complete (rows[i].kind, NULL, rows[i].given);

      assert_row (row, rows[i].row);
    }
}

#define RELAY "'Name': <'R'>, 'Kind': <'sender'>, 'Targets': <['x.org']>, 'Server': <'relay'>"
#define RULE(list, kind, value)                                                                    \
  "'Name': <'A'>, 'List': <'" list "'>, 'Kind': <'" kind "'>, 'Value': <'" value "'>"

static const struct
{
  PbListKind kind;
  const char *row, *words;
} refusals[] = {
  { PB_LIST_TRUSTED_LIST, "{}", "TrustedList[new].Name: must be given" },
  { PB_LIST_TRUSTED_LIST, "{'Name': <'P'>}", "TrustedList[new].Network: must be given" },
  { PB_LIST_TRUSTED_LIST, "{'Name': <''>, 'Network': <'::1'>}",
    "TrustedList[new].Name: must not be empty" },
  { PB_LIST_TRUSTED_LIST, "{'Name': <5>, 'Network': <'::1'>}",
    "TrustedList[new].Name: must be of type s, not i" },
  { PB_LIST_TRUSTED_LIST, "{'Name': <'P'>, 'Network': <'::1'>, 'Colour': <'red'>}",
    "TrustedList[new].Colour: there is no such column" },
  { PB_LIST_TRUSTED_LIST, "{'Name': <'P'>, 'Network': <'::1'>, 'a\\nb': <'red'>}",
    "TrustedList[new].?: there is no such column" },
  { PB_LIST_TRUSTED_LIST, "{'Name': <'P'>, 'Name': <'Q'>, 'Network': <'::1'>}",
    "TrustedList[new].Name: is given twice" },
  { PB_LIST_TRUSTED_LIST, "{'Name': <'P'>, 'Network': <'192.163.1.1/255.100.10.1'>}",
    "TrustedList[new].Network: must be an IP address or a network" },
  { PB_LIST_ACCESS_LIST, "{" RULE ("blacklist", "sender", "a@b.org") ", 'Hits': <uint64 1>}",
    "AccessList[new].Hits: cannot be set" },
  { PB_LIST_ACCESS_LIST, "{" RULE ("blacklist", "domain", "b.org") "}",
    "AccessList[new].Kind: domain is for whitelist rules only" },
  { PB_LIST_ACCESS_LIST, "{" RULE ("blacklist", "ip", "10.0.0.0/8") "}",
    "AccessList[new].Value: must be an IP address" },
  { PB_LIST_ACCESS_LIST, "{" RULE ("whitelist", "domain", "a@b.org") "}",
    "AccessList[new].Value: must be a domain" },
  { PB_LIST_ACCESS_LIST, "{" RULE ("whitelist", "sender", "b.org") "}",
    "AccessList[new].Value: must be an email address" },
  { PB_LIST_ACCESS_LIST, "{" RULE ("blacklist", "ip", "10.0.0.1") ", 'Skip': <['spf']>}",
    "AccessList[new].Skip: is for whitelist rules only" },
  { PB_LIST_ACCESS_LIST, "{" RULE ("whitelist", "ip", "10.0.0.1") ", 'Skip': <['spf', 'x']>}",
    "AccessList[new].Skip: entry 2 must be one of dnsbl, spf, antivirus, dkim, dmarc" },
  { PB_LIST_RELAY_EXCEPTIONS, "{" RELAY ", 'SecretState': <'present'>}",
    "RelayExceptions[new].SecretState: cannot be set" },
  { PB_LIST_RELAY_EXCEPTIONS, "{" RELAY ", 'Auth': <true>, 'User': <'u'>, 'Tls': <'off'>}",
    "RelayExceptions[new].Tls: must not be off while Auth is on" },
  { PB_LIST_RELAY_EXCEPTIONS, "{" RELAY ", 'Auth': <true>}",
    "RelayExceptions[new].User: must be given while Auth is on" },
  { PB_LIST_RELAY_EXCEPTIONS, "{" RELAY ", 'Verify': <'fingerprint'>}",
    "RelayExceptions[new].Fingerprint: must be given while Verify is fingerprint" },
  { PB_LIST_RELAY_EXCEPTIONS, "{" RELAY ", 'Port': <uint32 0>}",
    "RelayExceptions[new].Port: must be between 1 and 65535" },
  { PB_LIST_RELAY_EXCEPTIONS,
    "{'Name': <'R'>, 'Kind': <'sender'>, 'Targets': <@as []>, 'Server': <'relay'>}",
    "RelayExceptions[new].Targets: must not be empty" },
  { PB_LIST_ALIASES, "{'Address': <'root'>, 'Targets': <['|sh']>}",
    "Aliases[new].Targets: entry 1 must be an email address" },
  { PB_LIST_ALIASES, "{'Address': <'root'>, 'Targets': <['a@x.org', '/tmp/mbox']>}",
    "Aliases[new].Targets: entry 2 must be an email address" },
  { PB_LIST_ALIASES, "{'Address': <'root'>, 'Targets': <[':include:/etc/passwd']>}",
    "Aliases[new].Targets: entry 1 must be an email address" },
  { PB_LIST_ACCOUNTS, "{'Name': <'../../etc'>}", "Accounts[new].Name: must be a login name" },
  { PB_LIST_ACCOUNTS, "{'Name': <'anna'>, 'Addresses': <['']>}",
    "Accounts[new].Addresses: entry 1 must not be empty" },
  { PB_LIST_DNSBL_ZONES, "{'Zone': <'z.org'>, 'Codes': <['127.255.255.1']>}",
    "DnsblZones[new].Codes: entry 1 must be an address in 127.0.0.0/8" },
};

static void
test_refusals (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (refusals); i++)
    {
      g_autoptr (GVariant) given = parse (refusals[i].row);
      g_autoptr (GError) error = NULL;

      g_assert_null (pb_list_row_complete (refusals[i].kind, NULL, NULL, given, &error));
      g_assert_error (error, PB_ERROR, PB_ERROR_INVALID_VALUE);
      if (!g_str_has_prefix (error->message, refusals[i].words))
        g_error ("\"%s\" instead of \"%s\"", error->message, refusals[i].words);
      g_assert_null (strpbrk (error->message, "\r\n"));
    }
}

static void
test_not_a_row (void)
{
  g_autoptr (GVariant) text = g_variant_ref_sink (g_variant_new_string ("x"));
  g_autoptr (GVariant) broken = g_variant_ref_sink (
    g_variant_new_from_data (G_VARIANT_TYPE_VARDICT, "\xff\xff\xff\xff\xff\xff\xff", 7, FALSE, NULL,
                             NULL));

  for (guint kind = 0; kind < PB_N_LISTS; kind++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (pb_list_row_complete (kind, "id", NULL, text, &error));
      g_assert_error (error, PB_ERROR, PB_ERROR_INVALID_VALUE);
      g_clear_error (&error);
      g_assert_null (pb_list_row_complete (kind, "id", NULL, broken, &error));
      g_assert_error (error, PB_ERROR, PB_ERROR_INVALID_VALUE);
    }
}

static void
assert_skip (GVariant *row, const char *expected)
{
  g_autofree const char **skip = NULL;
  g_autofree char *joined = NULL;

  g_assert_true (g_variant_lookup (row, "Skip", "^a&s", &skip));
  joined = g_strjoinv (" ", (char **) skip);
  g_assert_cmpstr (joined, ==, expected);
}

/* The table of the functional description; a rule's own choice wins until its kind changes. */
static void
test_skip (void)
{
  g_autoptr (GVariant) ip =
    complete (PB_LIST_ACCESS_LIST, NULL, "{" RULE ("whitelist", "ip", "10.0.0.1") "}");
  g_autoptr (GVariant) network =
    complete (PB_LIST_ACCESS_LIST, ip, "{'Kind': <'network'>, 'Value': <'10.0.0.0/8'>}");
  g_autoptr (GVariant) own = complete (PB_LIST_ACCESS_LIST, network, "{'Skip': <['spf']>}");
  g_autoptr (GVariant) renamed = complete (PB_LIST_ACCESS_LIST, own, "{'Name': <'B'>}");
  g_autoptr (GVariant) sender =
    complete (PB_LIST_ACCESS_LIST, renamed, "{'Kind': <'sender'>, 'Value': <'a@b.org'>}");
  g_autoptr (GVariant) black = complete (PB_LIST_ACCESS_LIST, sender, "{'List': <'blacklist'>}");
  g_autoptr (GVariant) none =
    complete (PB_LIST_ACCESS_LIST, NULL,
              "{" RULE ("whitelist", "domain", ".b.org") ", 'Skip': <@as []>}");

  assert_skip (ip, "dnsbl spf antivirus dkim dmarc");
  assert_skip (network, "dnsbl spf antivirus dkim");
  assert_skip (own, "spf");
  assert_skip (renamed, "spf");
  assert_skip (sender, "dnsbl spf");
  assert_skip (black, "");
  assert_skip (none, "");
}

/* Update: cells not given stay, also read-only ones and those of a newer program. */
static void
test_update (void)
{
  g_autoptr (GVariant) base = parse ("{'Name': <'A'>, 'List': <'blacklist'>, 'Kind': <'sender'>, "
                                     "'Value': <'a@b.org'>, 'Hits': <uint64 7>, 'Mood': <'grim'>}");
  g_autoptr (GVariant) row = complete (PB_LIST_ACCESS_LIST, base, "{'Enabled': <false>}");
  g_autoptr (GVariant) given = parse ("{'Mood': <'gay'>}");
  g_autoptr (GError) error = NULL;

  assert_row (row, "{'Name': <'A'>, 'Enabled': <false>, 'List': <'blacklist'>, "
                   "'Kind': <'sender'>, 'Value': <'a@b.org'>, 'Action': <'reject'>, "
                   "'Skip': <@as []>, 'Expires': <uint64 0>, 'Hits': <uint64 7>, "
                   "'LastHit': <uint64 0>, 'Mood': <'grim'>}");
  g_assert_null (pb_list_row_complete (PB_LIST_ACCESS_LIST, "7", base, given, &error));
  g_assert_error (error, PB_ERROR, PB_ERROR_INVALID_VALUE);
  g_assert_cmpstr (error->message, ==, "AccessList[7].Mood: there is no such column");
}

/* What was stored passes the same checks when it is read back. */
static void
test_damaged_base (void)
{
  g_autoptr (GVariant) base = parse ("{'Name': <'P'>, 'Network': <'nonsense'>}");
  g_autoptr (GVariant) nothing = parse ("{}");
  g_autoptr (GError) error = NULL;

  g_assert_null (pb_list_row_complete (PB_LIST_TRUSTED_LIST, "7", base, nothing, &error));
  g_assert_error (error, PB_ERROR, PB_ERROR_INVALID_VALUE);
  g_assert_true (g_str_has_prefix (error->message, "TrustedList[7].Network: must be"));
}

static void
test_introspection (void)
{
  g_autoptr (GString) xml = g_string_new ("<node>");
  g_autoptr (GDBusNodeInfo) node = NULL;
  g_autoptr (GError) error = NULL;

  for (guint kind = 0; kind < PB_N_LISTS; kind++)
    g_dbus_interface_info_generate_xml (pb_list_interface_info (kind), 2, xml);
  g_string_append (xml, "</node>");
  node = g_dbus_node_info_new_for_xml (xml->str, &error);
  g_assert_no_error (error);
  for (guint kind = 0; kind < PB_N_LISTS; kind++)
    {
      const PbListSpec *spec = pb_list_spec (kind);
      g_autofree char *name = g_strconcat (PB_INTERFACE_PREFIX, spec->name, NULL);
      GDBusInterfaceInfo *info = g_dbus_node_info_lookup_interface (node, name);
      GDBusMethodInfo *list = g_dbus_interface_info_lookup_method (info, "List");
      PbListKind found;

      g_assert_true (pb_list_lookup (spec->name, &found));
      g_assert_cmpuint (found, ==, kind);
      g_assert_cmpstr (list->out_args[2]->signature, ==, "aa{sv}");
      g_assert_nonnull (g_dbus_interface_info_lookup_method (info, "Replace"));
      g_assert_nonnull (g_dbus_interface_info_lookup_signal (info, "Changed"));
      for (guint i = 0; i < spec->n_columns; i++)
        {
          g_autofree char *key =
            g_strconcat (PB_ANNOTATION_PREFIX "Column.", spec->columns[i].name, NULL);

          g_assert_nonnull (g_dbus_annotation_info_lookup (info->annotations, key));
        }
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/list-kinds/defaults", test_defaults);
  g_test_add_func ("/list-kinds/refusals", test_refusals);
  g_test_add_func ("/list-kinds/not-a-row", test_not_a_row);
  g_test_add_func ("/list-kinds/skip", test_skip);
  g_test_add_func ("/list-kinds/update", test_update);
  g_test_add_func ("/list-kinds/damaged-base", test_damaged_base);
  g_test_add_func ("/list-kinds/introspection", test_introspection);
  return g_test_run ();
}
