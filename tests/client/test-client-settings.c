/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The client's connection and settings against a service on a private bus: the stand-in, and postbusd
 * itself for what both can do.
 */
#include "bed.h"

#include "dbus/errors.h"
#include "dbus/settings-table.h"
#include "model/hosts.h"
#include "model/permissions.h"
#include "model/secrets.h"
#include "model/settings-model.h"
#include "model/words.h"

#include <glib/gstdio.h>
#include <locale.h>

#define ON_BOTH(path, function)                                                                    \
  g_test_add (path, Bed, NULL, bed_up, function, bed_down);                                        \
  g_test_add (path "/real", Bed, "real", bed_up, function, bed_down)

static gboolean
is_loaded (gpointer user_data)
{
  return pba_settings_model_get_loaded (user_data);
}

static PbaSettingsModel *
load (Bed *bed)
{
  PbaSettingsModel *model = pba_settings_model_new (bed->connection);

  bed_open (bed, PBA_CONNECTION_CONNECTED);
  bed_wait (is_loaded, model, "the settings");
  return model;
}

static gboolean
apply (PbaSettingsModel *model, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  pba_settings_model_apply_async (model, 0, NULL, bed_result, &result);
  return pba_settings_model_apply_finish (model, bed_wait_result (&result, "Apply"), error);
}

static void
test_addresses (void)
{
  static const char *const good[] = {
    "admin@nas.example.org", "nas",        "root@2001:db8:1::20",
    "admin@nas2:2222",       "a@[::1]:22", "DOMAIN+user@host.example"
  };
  static const char *const bad[] = {
    "",         "-oProxyCommand=x", "admin@-oProxyCommand=x", "a b@host",    "admin@host:0",
    "a@host:x", "a@ho st",          "a@host;reboot",          "a@$(reboot)", "@host",
    "a@",       "a@host:70000"
  };

  for (guint i = 0; i < G_N_ELEMENTS (good); i++)
    {
      g_autoptr (GError) error = NULL;

      pba_connection_check_address (good[i], &error);
      g_assert_no_error (error);
    }
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) error = NULL;

      if (pba_connection_check_address (bad[i], &error))
        g_error ("“%s” passed", bad[i]);
      g_assert_cmpint (strlen (error->message), >, 10);
    }
}

static void
test_connects (Bed *bed, gconstpointer mode)
{
  bed_open (bed, PBA_CONNECTION_CONNECTED);
  g_assert_true (g_str_has_prefix (pba_connection_get_login (bed->connection), "Postbus "));
  g_assert_null (pba_connection_get_error (bed->connection));
  g_assert_true (pba_connection_has_method (bed->connection, "Manager", "Apply"));
  g_assert_false (pba_connection_has_method (bed->connection, "Manager", "Nonsense"));
}

static void
test_nobody_there (Bed *bed, gconstpointer mode)
{
  bed_open (bed, PBA_CONNECTION_DISCONNECTED);
  g_assert_nonnull (strstr (pba_connection_get_error (bed->connection), "systemctl start postbus"));
}

static void
test_too_old (Bed *bed, gconstpointer mode)
{
  bed_open (bed, PBA_CONNECTION_SKEW);
  g_assert_nonnull (pba_connection_get_error (bed->connection));
}

static void
test_loads (Bed *bed, gconstpointer mode)
{
  g_autoptr (PbaSettingsModel) model = load (bed);
  PbaSetting *setting = pba_settings_model_lookup (model, "General.MaxRecipients");

  g_assert_cmpuint (g_list_model_get_n_items (G_LIST_MODEL (model)), ==, PB_N_SETTINGS);
  for (guint id = 0; id < PB_N_SETTINGS; id++)
    {
      g_autoptr (PbaSetting) item = g_list_model_get_item (G_LIST_MODEL (model), id);

      g_assert_cmpstr (pba_setting_get_key (item), ==, pb_setting_spec (id)->key);
      g_assert_cmpint (strlen (pba_setting_get_title (item)), >, 0);
    }
  g_assert_cmpuint (pba_setting_get_number (setting), ==, 1000);
  g_assert_cmpuint (pba_setting_get_maximum (setting), ==, 10000);
  g_assert_cmpint (pba_setting_get_kind (setting), ==, PBA_SETTING_NUMBER);
  setting = pba_settings_model_lookup (model, "ConnectionPolicy.MaxConnections");
  g_assert_cmpint (pba_setting_get_kind (setting), ==, PBA_SETTING_LIMIT);
  setting = pba_settings_model_lookup (model, "MailAuth.SpfPolicy");
  g_assert_cmpint (pba_setting_get_kind (setting), ==, PBA_SETTING_POLICY);
  g_assert_null (pba_settings_model_lookup (model, "General.Nonsense"));
}

static void
test_edits (Bed *bed, gconstpointer mode)
{
  g_autoptr (PbaSettingsModel) model = load (bed);
  PbaSetting *recipients = pba_settings_model_lookup (model, "General.MaxRecipients");
  PbaSetting *hostname = pba_settings_model_lookup (model, "General.Hostname");
  g_autofree char *summary = NULL;
  g_autofree char *was = NULL;
  g_autoptr (GError) error = NULL;

  pba_setting_set_number (recipients, 500);
  g_assert_true (pba_setting_get_changed (recipients));
  g_object_get (recipients, "was", &was, NULL);
  g_assert_cmpstr (was, ==, "Was 1000");
  pba_setting_set_text (hostname, "nas");
  g_assert_cmpstr (pba_setting_get_error (hostname), ==,
                   "Must be a host name with a dot, such as mail.example.org");
  summary = pba_settings_model_dup_summary (model);
  g_assert_cmpstr (summary, ==, "2 changes, 1 needs attention");
  g_assert_true (pba_settings_model_get_first_error (model) == hostname);

  /* A faulty row is not sent. */
  g_assert_false (apply (model, &error));
  g_assert_error (error, PB_ERROR, PB_ERROR_INVALID_VALUE);
  pba_setting_undo (hostname);
  g_assert_cmpuint (pba_settings_model_get_n_changes (model), ==, 1);
  pba_settings_model_discard (model);
  g_assert_false (pba_settings_model_get_changed (model));
  g_assert_cmpuint (pba_setting_get_number (recipients), ==, 1000);
}

static void
test_applies (Bed *bed, gconstpointer mode)
{
  g_autoptr (PbaSettingsModel) model = load (bed);
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) recipients = NULL;
  g_autoptr (GVariant) servers = NULL;
  static const char *const given[] = { "192.0.2.53", "[2001:db8::53]:5353", NULL };
  g_autofree const char **kept = NULL;

  pba_setting_set_number (pba_settings_model_lookup (model, "General.MaxRecipients"), 500);
  pba_setting_set_texts (pba_settings_model_lookup (model, "Dns.Servers"), given);
  g_assert_true (apply (model, &error));
  g_assert_no_error (error);
  g_assert_false (pba_settings_model_get_changed (model));
  recipients = bed_get (bed, "General", "MaxRecipients");
  g_assert_cmpuint (g_variant_get_uint32 (recipients), ==, 500);
  servers = bed_get (bed, "Dns", "Servers");
  kept = g_variant_get_strv (servers, NULL);
  g_assert_cmpstrv (kept, given);
}

static gboolean
is_500 (gpointer user_data)
{
  return g_variant_get_uint32 (pba_setting_get_value (user_data)) == 500;
}

static void
test_changed_elsewhere (Bed *bed, gconstpointer mode)
{
  g_autoptr (PbaSettingsModel) model = load (bed);
  PbaSetting *recipients = pba_settings_model_lookup (model, "General.MaxRecipients");
  PbaSetting *hops = pba_settings_model_lookup (model, "General.MaxHops");
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) kept = NULL;

  /* What is not edited here follows. */
  bed_set (bed, "General", "MaxRecipients", g_variant_new_uint32 (500));
  bed_wait (is_500, recipients, "the change to come");
  g_assert_false (pba_setting_get_changed (recipients));

  /* What is edited stays, and the two are told apart. */
  pba_setting_set_number (recipients, 300);
  pba_setting_set_number (hops, 20);
  bed_set (bed, "General", "MaxRecipients", g_variant_new_uint32 (700));
  while (g_variant_get_uint32 (pba_setting_get_value (recipients)) != 700)
    g_main_context_iteration (NULL, TRUE);
  g_assert_true (pba_settings_model_get_conflict (model));
  g_assert_cmpuint (pba_setting_get_number (recipients), ==, 300);
  pba_settings_model_resolve_reload (model);
  g_assert_false (pba_settings_model_get_conflict (model));
  g_assert_cmpuint (pba_setting_get_number (recipients), ==, 700);
  g_assert_cmpuint (pba_setting_get_number (hops), ==, 20);

  pba_setting_set_number (recipients, 300);
  bed_set (bed, "General", "MaxRecipients", g_variant_new_uint32 (500));
  bed_wait (is_500, recipients, "the other change to come");
  g_assert_true (pba_settings_model_get_conflict (model));
  pba_settings_model_resolve_overwrite (model);
  g_assert_true (apply (model, &error));
  g_assert_no_error (error);
  kept = bed_get (bed, "General", "MaxRecipients");
  g_assert_cmpuint (g_variant_get_uint32 (kept), ==, 300);
}

/* A change that has not been seen yet when Apply goes out. */
static void
test_race (Bed *bed, gconstpointer mode)
{
  g_autoptr (PbaSettingsModel) model = load (bed);
  g_autoptr (GError) error = NULL;
  g_autoptr (GAsyncResult) result = NULL;

  pba_setting_set_number (pba_settings_model_lookup (model, "General.MaxHops"), 20);
  /* Sent and answered while our main context rests: the signal waits in it. */
  bed_set (bed, "General", "MaxHops", g_variant_new_uint32 (30));
  pba_settings_model_apply_async (model, 0, NULL, bed_result, &result);
  g_assert_false (
    pba_settings_model_apply_finish (model, bed_wait_result (&result, "Apply"), &error));
  g_assert_error (error, PB_ERROR, PB_ERROR_CONFLICT);
  g_assert_true (pba_settings_model_get_conflict (model));
  g_assert_cmpuint (pba_setting_get_number (pba_settings_model_lookup (model, "General.MaxHops")),
                    ==, 20);
}

/* What only the service can judge comes back to its row. */
static void
test_refused (Bed *bed, gconstpointer mode)
{
  g_autoptr (PbaSettingsModel) model = load (bed);
  PbaSetting *user = pba_settings_model_lookup (model, "Delivery.RelayUser");
  g_autoptr (GError) error = NULL;

  pba_setting_set_text (user, "nobody");
  g_assert_null (pba_setting_get_error (user));
  g_assert_false (apply (model, &error));
  g_assert_cmpstr (pba_setting_get_error (user), ==, "Must not be empty");
  g_assert_true (pba_settings_model_get_first_error (model) == user);
  /* Another value is another question. */
  pba_setting_set_text (user, "somebody");
  g_assert_null (pba_setting_get_error (user));
}

/* Doubts are told at the row, and stop nothing. */
static void
test_warns (Bed *bed, gconstpointer mode)
{
  g_autoptr (PbaSettingsModel) model = load (bed);
  PbaSetting *recipients = pba_settings_model_lookup (model, "General.MaxRecipients");
  PbaSetting *server = pba_settings_model_lookup (model, "Delivery.RelayServer");
  g_autoptr (GError) error = NULL;

  g_assert_null (pba_setting_get_warning (recipients));
  g_assert_null (pba_setting_get_warning (server));
  pba_setting_set_number (recipients, 99);
  g_assert_cmpstr (pba_setting_get_warning (recipients), ==, "Other servers count on at least 100");
  pba_setting_set_number (recipients, 100);
  g_assert_null (pba_setting_get_warning (recipients));
  /* It depends on another one. */
  pba_setting_set_text (pba_settings_model_lookup (model, "Delivery.Mode"), "relay");
  g_assert_cmpstr (pba_setting_get_warning (server), ==, "Mail waits until there is a relay host");
  pba_setting_set_text (server, "relay.example.net");
  g_assert_null (pba_setting_get_warning (server));
  pba_setting_set_number (pba_settings_model_lookup (model, "Queueing.MinBackoff"), 86400);
  g_assert_nonnull (
    pba_setting_get_warning (pba_settings_model_lookup (model, "Queueing.MinBackoff")));
  g_assert_true (apply (model, &error));
  g_assert_no_error (error);
}

static void
test_newer (Bed *bed, gconstpointer mode)
{
  g_autoptr (PbaSettingsModel) model = load (bed);
  PbaSetting *level = pba_settings_model_lookup (model, "Future.Level");
  PbaSetting *temper = pba_settings_model_lookup (model, "Future.Mode");
  g_auto (GStrv) interfaces = pba_settings_model_dup_interfaces (model);
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) kept = NULL;

  g_assert_cmpstr (pba_setting_get_title (level), ==, "Warp level");
  g_assert_cmpstr (pba_setting_get_group (level), ==, "From the future");
  g_assert_false (pba_setting_get_known (level));
  g_assert_cmpint (pba_setting_get_kind (temper), ==, PBA_SETTING_CHOICE);
  g_assert_cmpstr (interfaces[g_strv_length (interfaces) - 1], ==, "Future");
  pba_setting_set_number (level, 10);
  g_assert_cmpstr (pba_setting_get_error (level), ==, "Must be between 1 and 9");
  pba_setting_set_number (level, 9);
  pba_setting_set_text (temper, "bold");
  g_assert_true (apply (model, &error));
  kept = bed_get (bed, "Future", "Mode");
  g_assert_cmpstr (g_variant_get_string (kept, NULL), ==, "bold");
}

static void
test_lost (Bed *bed, gconstpointer mode)
{
  g_autoptr (PbaSettingsModel) model = load (bed);
  PbaSetting *recipients = pba_settings_model_lookup (model, "General.MaxRecipients");
  g_autoptr (GError) error = NULL;

  pba_setting_set_number (recipients, 500);
  bed_stop_service (bed);
  bed_wait_state (bed, PBA_CONNECTION_LOST);
  g_assert_nonnull (pba_connection_get_error (bed->connection));
  g_assert_false (apply (model, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_CONNECTED);
  g_assert_cmpuint (pba_setting_get_number (recipients), ==, 500);

  bed_start_service (bed, mode);
  bed_wait_state (bed, PBA_CONNECTION_CONNECTED);
  g_assert_true (pba_settings_model_lookup (model, "General.MaxRecipients") == recipients);
  g_assert_true (pba_setting_get_changed (recipients));
  g_clear_error (&error);
  g_assert_true (apply (model, &error));
  g_assert_no_error (error);
}

static void
test_search (Bed *bed, gconstpointer mode)
{
  g_autoptr (PbaSettingsModel) model = load (bed);
  g_autoptr (GPtrArray) found = pba_settings_model_search (model, "recipients MESSAGE max");
  g_autoptr (GPtrArray) none = pba_settings_model_search (model, "zeppelin");
  g_autoptr (GPtrArray) empty = pba_settings_model_search (model, "  ");

  g_assert_cmpuint (found->len, >, 0);
  g_assert_cmpstr (pba_setting_get_key (found->pdata[0]), ==, "General.MaxRecipients");
  g_assert_cmpuint (none->len, ==, 0);
  g_assert_cmpuint (empty->len, ==, 0);
}

static gboolean
may_not_set_secrets (gpointer user_data)
{
  return !pba_permissions_may (user_data, "org.postbus.Postbus1.set-secrets");
}

static void
test_permissions (Bed *bed, gconstpointer mode)
{
  g_autoptr (PbaPermissions) permissions = pba_permissions_new (bed->connection);

  bed_open (bed, PBA_CONNECTION_CONNECTED);
  bed_wait (may_not_set_secrets, permissions, "the permissions");
  g_assert_true (pba_permissions_may (permissions, "org.postbus.Postbus1.manage-queue"));
  g_assert_true (pba_permissions_needs_password (permissions, "org.postbus.Postbus1.manage-queue"));
  g_assert_false (pba_permissions_needs_password (permissions, "org.postbus.Postbus1.view"));
}

/* 64 KiB of text do no harm and are refused with a sentence. */
static void
test_huge_text (Bed *bed, gconstpointer mode)
{
  g_autoptr (PbaSettingsModel) model = load (bed);
  PbaSetting *banner = pba_settings_model_lookup (model, "General.Banner");
  g_autofree char *huge = g_strnfill (65536, 'x');

  pba_setting_set_text (banner, huge);
  g_assert_cmpstr (pba_setting_get_error (banner), ==,
                   "Must be printable ASCII of at most 400 characters");
}

static void
test_hosts (void)
{
  g_autofree char *folder = g_dir_make_tmp ("postbus-hosts-XXXXXX", NULL);
  g_autofree char *file = g_build_filename (folder, "sub", "hosts.ini", NULL);
  g_autoptr (PbaHosts) hosts = pba_hosts_new (file);
  g_autoptr (PbaHosts) again = NULL;
  g_autoptr (PbaHosts) broken = NULL;
  g_autoptr (PbaHost) first = NULL;
  g_autofree char *summary = NULL;
  g_autoptr (GDateTime) before = g_date_time_new_now_local ();
  g_autoptr (GDateTime) after = NULL;

  pba_hosts_add (hosts, "admin@nas.example.org");
  pba_hosts_add (hosts, "root@2001:db8:1::20");
  pba_hosts_add (hosts, "admin@nas.example.org");
  pba_hosts_add (hosts, "");
  pba_hosts_add (hosts, "-x");
  again = pba_hosts_new (file);
  g_assert_cmpuint (g_list_model_get_n_items (G_LIST_MODEL (again)), ==, 2);
  first = g_list_model_get_item (G_LIST_MODEL (again), 0);
  g_assert_cmpstr (pba_host_get_host (first), ==, "nas.example.org");
  summary = pba_host_dup_summary (first);
  after = g_date_time_new_now_local ();
  /* Unless midnight came in between. */
  if (g_date_time_get_day_of_month (before) == g_date_time_get_day_of_month (after))
    g_assert_true (g_str_has_prefix (summary, "admin, today at "));
  pba_hosts_remove (again, "admin@nas.example.org");
  g_assert_cmpuint (g_list_model_get_n_items (G_LIST_MODEL (again)), ==, 1);
  g_file_set_contents (file, "\0\1not a key file[", 17, NULL);
  broken = pba_hosts_new (file);
  g_assert_cmpuint (g_list_model_get_n_items (G_LIST_MODEL (broken)), ==, 0);
}

static void
test_words (void)
{
  static const struct
  {
    const char *said, *shown;
  } cases[] = {
    { "General.MaxHops: must be between 5 and 255", "Must be between 5 and 255" },
    { "TrustedList[new].Network: must be an IP address", "Must be an IP address" },
    { "Dns.Servers: entry 2 must not be empty", "Entry 2 must not be empty" },
    { "no place here: at all", "No place here: at all" },
    { "", "" },
  };
  g_autofree char *days = pba_words_duration (432000);
  g_autofree char *mixed = pba_words_duration (4000);
  g_autofree char *nothing = pba_words_duration (0);
  g_autofree char *help = pba_words_help ("One sentence.");
  g_autofree char *two = pba_words_help ("One. Two.");
  g_autofree char *never = pba_words_time (0);
  g_autofree char *soon = pba_words_time (g_get_real_time () / G_USEC_PER_SEC + 269);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *shown = pba_words_problem (cases[i].said);

      g_assert_cmpstr (shown, ==, cases[i].shown);
    }
  g_assert_cmpstr (days, ==, "5 days");
  g_assert_cmpstr (mixed, ==, "1 h 6 min");
  g_assert_cmpstr (nothing, ==, "0 s");
  g_assert_cmpstr (help, ==, "One sentence");
  g_assert_cmpstr (two, ==, "One. Two.");
  g_assert_cmpstr (never, ==, "Never");
  g_assert_cmpstr (soon, ==, "in 4 min");
}

/* No keyring on this bus: a sentence, nothing worse. */
static void
test_no_keyring (Bed *bed, gconstpointer mode)
{
  const PbaRelayLogin login = { "id", "general", "relay.example.net", 587, "nas" };
  g_autoptr (GAsyncResult) stored = NULL;
  g_autoptr (GAsyncResult) found = NULL;
  g_autoptr (GError) error = NULL;

  pba_secrets_store_async (&login, "nas.example.org", "secret", NULL, bed_result, &stored);
  g_assert_false (pba_secrets_store_finish (bed_wait_result (&stored, "the keyring"), &error));
  g_assert_nonnull (strstr (error->message, "There is no keyring here"));
  g_clear_error (&error);
  pba_secrets_lookup_async (&login, NULL, bed_result, &found);
  g_assert_null (pba_secrets_lookup_finish (bed_wait_result (&found, "the keyring"), &error));
  g_assert_nonnull (error);
}

int
main (int argc, char **argv)
{
  setlocale (LC_ALL, "C.UTF-8");
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/client/addresses", test_addresses);
  g_test_add_func ("/client/hosts", test_hosts);
  g_test_add_func ("/client/words", test_words);
  ON_BOTH ("/client/connects", test_connects);
  g_test_add ("/client/nobody-there", Bed, "none", bed_up, test_nobody_there, bed_down);
  g_test_add ("/client/too-old", Bed, "--old", bed_up, test_too_old, bed_down);
  ON_BOTH ("/client/loads", test_loads);
  ON_BOTH ("/client/edits", test_edits);
  ON_BOTH ("/client/applies", test_applies);
  ON_BOTH ("/client/changed-elsewhere", test_changed_elsewhere);
  ON_BOTH ("/client/race", test_race);
  g_test_add ("/client/refused", Bed, NULL, bed_up, test_refused, bed_down);
  ON_BOTH ("/client/warns", test_warns);
  g_test_add ("/client/newer", Bed, "--newer", bed_up, test_newer, bed_down);
  ON_BOTH ("/client/lost", test_lost);
  g_test_add ("/client/search", Bed, NULL, bed_up, test_search, bed_down);
  g_test_add ("/client/permissions", Bed, NULL, bed_up, test_permissions, bed_down);
  g_test_add ("/client/huge-text", Bed, NULL, bed_up, test_huge_text, bed_down);
  g_test_add ("/client/no-keyring", Bed, "none", bed_up, test_no_keyring, bed_down);
  return g_test_run ();
}
