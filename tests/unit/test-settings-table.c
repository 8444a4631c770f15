/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every row of the table is sound, refuses what lies beyond it, and explains itself on the bus. */
#include "dbus/errors.h"
#include "dbus/names.h"
#include "dbus/settings-table.h"

#include <string.h>

static void
assert_refused (const PbSettingSpec *spec, GVariant *value)
{
  g_autoptr (GVariant) owned = g_variant_ref_sink (value);
  g_autoptr (GError) error = NULL;
  g_autofree char *start = g_strconcat (spec->key, ": ", NULL);

  g_assert_false (pb_setting_validate (spec, owned, &error));
  g_assert_error (error, PB_ERROR, PB_ERROR_INVALID_VALUE);
  g_assert_true (g_str_has_prefix (error->message, start));
  g_assert_nonnull (strstr (error->message, "must "));
  g_assert_null (strpbrk (error->message, "\r\n"));
}

static void
assert_taken (const PbSettingSpec *spec, GVariant *value)
{
  g_autoptr (GVariant) owned = g_variant_ref_sink (value);
  g_autoptr (GError) error = NULL;

  pb_setting_validate (spec, owned, &error);
  g_assert_no_error (error);
}

static void
test_rows_are_sound (void)
{
  for (guint id = 0; id < PB_N_SETTINGS; id++)
    {
      const PbSettingSpec *spec = pb_setting_spec (id);
      g_autofree char *key = g_strconcat (spec->interface, ".", spec->name, NULL);

      g_assert_cmpstr (spec->key, ==, key);
      g_assert_true (pb_setting_lookup (key) == spec);
      g_assert_true (g_str_has_suffix (spec->help, "."));
      g_assert_cmpuint (strlen (spec->title), >, 0);
      g_assert_cmpuint (strlen (spec->group), >, 0);
      g_assert_true (g_ascii_isupper (spec->title[0]) && g_ascii_isupper (spec->help[0]));
      if (!g_str_equal (key, "General.Hostname")) /* made from the machine's name */
        {
          g_autoptr (GVariant) value = pb_setting_default (spec);

          assert_taken (spec, value);
        }
    }
  g_assert_null (pb_setting_lookup ("General.Nothing"));
  g_assert_null (pb_setting_lookup (""));
}

/* The interfaces and their first settings, as the specification orders them. */
static void
test_interfaces (void)
{
  const char *const expected[] = { "General",   "Delivery",   "SenderPolicy",    "ConnectionPolicy",
                                   "Advanced",  "Tls",        "MailAuth",        "Dnsbl",
                                   "Antivirus", "Queueing",   "Mailboxes",       "Dns",
                                   "Outbound",  "AuthLimits", "HistorySettings", "Reports",
                                   "Metrics",   NULL };
  const char *const *found = pb_setting_interfaces ();

  g_assert_true (g_strv_equal (found, expected));
  g_assert_cmpuint (PB_SETTING_ID_General_AuthEnabled, ==, 0);
  g_assert_cmpuint (PB_SETTING_ID_Metrics_Address, ==, PB_N_SETTINGS - 1);
}

static void
test_numbers (void)
{
  for (guint id = 0; id < PB_N_SETTINGS; id++)
    {
      const PbSettingSpec *spec = pb_setting_spec (id);

      if (spec->type[0] != 'u')
        continue;
      assert_taken (spec, g_variant_new_uint32 (spec->minimum));
      assert_taken (spec, g_variant_new_uint32 (spec->maximum));
      if (spec->minimum > 0)
        assert_refused (spec, g_variant_new_uint32 (spec->minimum - 1));
      assert_refused (spec, g_variant_new_uint32 (spec->maximum + 1));
      assert_refused (spec, g_variant_new_uint32 (G_MAXUINT32));
      assert_refused (spec, g_variant_new_uint64 (spec->minimum));
      assert_refused (spec, g_variant_new_string ("5"));
    }
}

static void
test_words (void)
{
  const PbSettingSpec *spec = pb_setting_lookup ("General.MaxHops");
  g_autoptr (GVariant) value = g_variant_ref_sink (g_variant_new_uint32 (4));
  g_autoptr (GError) error = NULL;

  g_assert_false (pb_setting_validate (spec, value, &error));
  g_assert_cmpstr (error->message, ==, "General.MaxHops: must be between 5 and 255");
  g_clear_error (&error);

  spec = pb_setting_lookup ("Delivery.Mode");
  g_variant_unref (value);
  value = g_variant_ref_sink (g_variant_new_string ("RELAY"));
  g_assert_false (pb_setting_validate (spec, value, &error));
  g_assert_cmpstr (error->message, ==, "Delivery.Mode: must be one of direct, relay");
}

/* Whatever the setting: no line end, no control character, no broken UTF-8, no endless text. */
static void
test_poison (void)
{
  const char *const poison[] = { "a\r\nb.c", "mail.example.org\n", "\x1b[0m", "a\tb", "\xc2\x85" };
  g_autofree char *huge = g_strnfill (64 * 1024, 'a');

  for (guint id = 0; id < PB_N_SETTINGS; id++)
    {
      const PbSettingSpec *spec = pb_setting_spec (id);
      gboolean list = spec->type[0] == 'a';

      if (spec->type[0] != 's' && !list)
        continue;
      for (guint i = 0; i < G_N_ELEMENTS (poison); i++)
        assert_refused (spec, list ? g_variant_new_strv (&poison[i], 1)
                                   : g_variant_new_string (poison[i]));
      assert_refused (spec, list ? g_variant_new_strv ((const char *const *) &huge, 1)
                                 : g_variant_new_string (huge));
      assert_refused (spec, g_variant_new_from_data (G_VARIANT_TYPE (spec->type), "\xff\xfe", 3,
                                                     FALSE, NULL, NULL));
      assert_refused (spec, g_variant_new_boolean (TRUE));
      if (list)
        assert_refused (spec, g_variant_new_strv ((const char *const[]){ "" }, 1));
    }
}

static void
test_endless (void)
{
  g_autofree char *endless = g_strnfill (31 * 1024 * 1024, 'a');

  assert_refused (pb_setting_lookup ("General.Banner"), g_variant_new_string (endless));
}

static void
test_long_list (void)
{
  const PbSettingSpec *spec = pb_setting_lookup ("Dns.Servers");
  g_autofree const char **texts = g_new (const char *, 1001);

  for (guint i = 0; i < 1001; i++)
    texts[i] = "127.0.0.1";
  assert_taken (spec, g_variant_new_strv (texts, 1000));
  assert_refused (spec, g_variant_new_strv (texts, 1001));
}

static void
test_emptiness (void)
{
  for (guint id = 0; id < PB_N_SETTINGS; id++)
    {
      const PbSettingSpec *spec = pb_setting_spec (id);

      if (spec->type[0] == 's' && (spec->flags & PB_SETTING_MAY_BE_EMPTY) != 0)
        assert_taken (spec, g_variant_new_string (""));
      else if (spec->type[0] == 's')
        assert_refused (spec, g_variant_new_string (""));
    }
}

static void
test_values (void)
{
  PbSettingValues values;
  PbSettingValues copy;
  const char *const servers[] = { "127.0.0.1", "::1" };
  g_autoptr (GVariant) hops = g_variant_ref_sink (g_variant_new_uint32 (7));
  g_autoptr (GVariant) banner = g_variant_ref_sink (g_variant_new_string ("hello"));
  g_autoptr (GVariant) dns = g_variant_ref_sink (g_variant_new_strv (servers, 2));

  pb_setting_values_init (&values);
  g_assert_cmpuint (values.general_max_hops, ==, 100);
  g_assert_true (values.general_auth_enabled);
  g_assert_cmpstr (values.delivery_mode, ==, "direct");
  g_assert_cmpstr (values.mailboxes_delimiter, ==, "+");
  g_assert_cmpuint (g_strv_length (values.dns_servers), ==, 0);

  pb_setting_values_set (&values, pb_setting_lookup ("General.MaxHops"), hops);
  pb_setting_values_set (&values, pb_setting_lookup ("General.Banner"), banner);
  pb_setting_values_set (&values, pb_setting_lookup ("Dns.Servers"), dns);
  pb_setting_values_copy (&copy, &values);
  pb_setting_values_clear (&values);
  g_assert_cmpuint (copy.general_max_hops, ==, 7);
  g_assert_cmpstr (copy.general_banner, ==, "hello");
  g_assert_true (g_strv_equal ((const char *const *) copy.dns_servers,
                               (const char *const[]){ "127.0.0.1", "::1", NULL }));
  pb_setting_values_clear (&copy);
}

static void
test_values_round_trip (void)
{
  PbSettingValues values;

  pb_setting_values_init (&values);
  for (guint id = 0; id < PB_N_SETTINGS; id++)
    {
      const PbSettingSpec *spec = pb_setting_spec (id);
      g_autoptr (GVariant) expected = pb_setting_default (spec);
      g_autoptr (GVariant) found = pb_setting_values_get (&values, spec);

      g_assert_false (g_variant_is_floating (found));
      g_assert_true (g_variant_equal (found, expected));
    }
  pb_setting_values_clear (&values);
}

static const char *
annotation (GDBusPropertyInfo *info, const char *name)
{
  g_autofree char *key = g_strconcat (PB_ANNOTATION_PREFIX, name, NULL);

  return g_dbus_annotation_info_lookup (info->annotations, key);
}

static void
test_introspection (void)
{
  for (guint id = 0; id < PB_N_SETTINGS; id++)
    {
      const PbSettingSpec *spec = pb_setting_spec (id);
      GDBusInterfaceInfo *interface = pb_setting_interface_info (spec->interface);
      GDBusPropertyInfo *info = g_dbus_interface_info_lookup_property (interface, spec->name);
      gboolean effective = (spec->flags & PB_SETTING_INEFFECTIVE) == 0;
      const char *emits =
        g_dbus_annotation_info_lookup (info->annotations,
                                       "org.freedesktop.DBus.Property.EmitsChangedSignal");

      g_assert_cmpstr (info->signature, ==, spec->type);
      g_assert_cmpstr (annotation (info, "Title"), ==, spec->title);
      g_assert_cmpstr (annotation (info, "Help"), ==, spec->help);
      g_assert_cmpstr (annotation (info, "Choices"), ==, spec->choices);
      g_assert_cmpstr (annotation (info, "Effective"), ==, effective ? "true" : "false");
      g_assert_cmpint (annotation (info, "Minimum") != NULL, ==, spec->type[0] == 'u');
      g_assert_cmpint (annotation (info, "Form") != NULL, ==,
                       strchr (spec->type, 's') != NULL && spec->choices == NULL);
      /* The one default that the daemon works out. */
      g_assert_cmpint (annotation (info, "Default") == NULL, ==, id == PB_SETTING_ID_General_Hostname);
      g_assert_cmpstr (emits, ==, spec->flags & PB_SETTING_PRIVATE ? "invalidates" : NULL);
    }
  g_assert_null (pb_setting_interface_info ("Nothing"));
}

static void
test_introspection_xml (void)
{
  g_autoptr (GString) xml = g_string_new ("<node>");
  g_autoptr (GError) error = NULL;
  g_autoptr (GDBusNodeInfo) node = NULL;
  const char *const *names = pb_setting_interfaces ();
  GDBusPropertyInfo *info;

  for (guint i = 0; names[i] != NULL; i++)
    g_dbus_interface_info_generate_xml (pb_setting_interface_info (names[i]), 2, xml);
  g_string_append (xml, "</node>");
  node = g_dbus_node_info_new_for_xml (xml->str, &error);
  g_assert_no_error (error);
  info = g_dbus_interface_info_lookup_property (node->interfaces[0], "MaxMessageSize");
  g_assert_cmpstr (annotation (info, "Default"), ==, "50");
  g_assert_cmpstr (annotation (info, "Minimum"), ==, "1");
  g_assert_cmpstr (annotation (info, "Maximum"), ==, "2047");
  g_assert_cmpstr (annotation (info, "Unit"), ==, "MiB");
  info = g_dbus_interface_info_lookup_property (node->interfaces[1], "RelayServer");
  g_assert_cmpstr (annotation (info, "Default"), ==, "");
  g_assert_cmpstr (annotation (info, "Form"), ==, "must be a host name or an IP address");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/settings-table/rows", test_rows_are_sound);
  g_test_add_func ("/settings-table/interfaces", test_interfaces);
  g_test_add_func ("/settings-table/numbers", test_numbers);
  g_test_add_func ("/settings-table/words", test_words);
  g_test_add_func ("/settings-table/poison", test_poison);
  g_test_add_func ("/settings-table/endless", test_endless);
  g_test_add_func ("/settings-table/long-list", test_long_list);
  g_test_add_func ("/settings-table/emptiness", test_emptiness);
  g_test_add_func ("/settings-table/values", test_values);
  g_test_add_func ("/settings-table/round-trip", test_values_round_trip);
  g_test_add_func ("/settings-table/introspection", test_introspection);
  g_test_add_func ("/settings-table/introspection-xml", test_introspection_xml);
  return g_test_run ();
}
