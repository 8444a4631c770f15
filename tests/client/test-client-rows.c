/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The settings pages against the contract's table and the specification's words: every setting has a
 * row on the page that the table of pages names, titled and in order, and can be gone to. Widgets are
 * real, on an X server of the test's own; the service is postbusd, or the stand-in where it has to be
 * newer than we are.
 */
#include "bed.h"

#include "dbus/settings-table.h"
#include "model/relay-password.h"
#include "pages/pages.h"
#include "widgets/settings-page.h"

#include <locale.h>
#include <signal.h>
#include <string.h>

typedef struct
{
  Bed bed;
  PbaServer *server; /* (owned) */
  GtkWindow *window; /* (owned) */
} Rig;

static gboolean
is_loaded (gpointer user_data)
{
  return pba_settings_model_get_loaded (user_data);
}

static void
rig_up (Rig *rig, gconstpointer mode)
{
  bed_up (&rig->bed, mode);
  bed_open (&rig->bed, PBA_CONNECTION_CONNECTED);
  rig->server = pba_server_new (rig->bed.connection);
  bed_wait (is_loaded, pba_server_get_settings (rig->server), "the settings");
  rig->window = GTK_WINDOW (gtk_window_new ());
}

static gboolean
is_alone (gpointer user_data)
{
  return G_OBJECT (user_data)->ref_count == 1;
}

/* A window that is not seen would hold on to what had the focus. */
static void
leave_page (Rig *rig)
{
  gtk_window_set_focus (rig->window, NULL);
  gtk_window_set_child (rig->window, NULL);
}

static void
rig_down (Rig *rig, gconstpointer mode)
{
  leave_page (rig);
  gtk_window_destroy (rig->window);
  pba_connection_close (rig->bed.connection);
  bed_wait (is_alone, rig->server, "the server's last caller");
  g_object_unref (rig->server);
  bed_down (&rig->bed, mode);
}

/* The page of @id, in the window. */
static PbaSettingsPage *
make_page (Rig *rig, const char *id)
{
  const PbaPageSpec *spec = pba_page_lookup (id);
  GtkWidget *page = spec->make (rig->server, spec);

  leave_page (rig);
  gtk_window_set_child (rig->window, page);
  g_assert_true (PBA_IS_SETTINGS_PAGE (page));
  return PBA_SETTINGS_PAGE (page);
}

/* ---- tests ---- */

/* Each interface is named by one page; "*" is for what nobody knows yet. */
static void
test_table (void)
{
  guint n;
  const PbaPageSpec *pages = pba_pages (&n);

  for (guint id = 0; id < PB_N_SETTINGS; id++)
    {
      const char *key = pb_setting_spec (id)->key;
      g_autofree char *interface = g_strndup (key, strcspn (key, "."));
      guint named = 0;

      for (guint i = 0; i < n; i++)
        named += g_strv_contains (pages[i].interfaces, interface);
      if (named != 1)
        g_error ("%s is on %u pages", key, named);
      g_assert_nonnull (pba_page_for_interface (interface)->make);
    }
}

/* Into the row, or, while the switch above it is off, into the row of that. */
static void
check_focus (Rig *rig, PbaSettingRow *row, const char *key)
{
  GtkWidget *focus = gtk_window_get_focus (rig->window);
  GtkWidget *there = focus != NULL ? gtk_widget_get_ancestor (focus, PBA_TYPE_SETTING_ROW) : NULL;

  if (there == NULL
      || !(there == GTK_WIDGET (row) || gtk_widget_is_ancestor (GTK_WIDGET (row), there)))
    g_error ("going to %s puts the focus elsewhere", key);
}

/* Every setting has its row, and going to it puts the focus into it. */
static void
test_rows (Rig *rig, gconstpointer mode)
{
  PbaSettingsModel *settings = pba_server_get_settings (rig->server);
  PbaSettingsPage *page = NULL;
  const PbaPageSpec *shown = NULL;

  for (guint id = 0; id < PB_N_SETTINGS; id++)
    {
      const char *key = pb_setting_spec (id)->key;
      PbaSetting *setting = pba_settings_model_lookup (settings, key);
      const PbaPageSpec *spec = pba_page_for_interface (pba_setting_get_interface (setting));
      PbaSettingRow *row;

      if (spec != shown)
        page = make_page (rig, spec->id);
      shown = spec;
      row = pba_settings_page_get_row (page, key);
      if (row == NULL)
        g_error ("%s has no row on the page %s", key, spec->id);
      g_assert_cmpstr (adw_preferences_row_get_title (ADW_PREFERENCES_ROW (row)), ==,
                       pba_setting_get_title (setting));
      g_assert_true (pba_page_reveal (PBA_PAGE (page), key));
      check_focus (rig, row, key);
    }
}

/* The specification's words, whole and in its order, on the pages of its tabs. */
static void
test_words (Rig *rig, gconstpointer mode)
{
  static const struct
  {
    const char *page, *words;
  } labels[] = {
    { "general", "Enable SMTP authentication" },
    { "general", "Skip authentication for local network connections from terminal" },
    { "general", "Check if the sender's email addresses belong to the login accounts" },
    { "general", "Skip the check for sender's email address to see if it belongs to the login "
                 "account for emails sent from trusted networks" },
    { "general", "Prohibit plaintext authentication over unencrypted connection" },
    { "general", "Hostname (FQDN)" },
    { "general", "SMTP banner" },
    { "general", "Max recipients per message" },
    { "general", "Max message hops" },
    { "general", "Maximum size per email (MB)" },
    { "general", "External postmaster" },
    { "relay-settings", "Server" },
    { "relay-settings", "Port" },
    { "relay-settings", "Always use a secure connection (STARTTLS)" },
    { "relay-settings", "Authentication required" },
    { "sender-policy", "Reject senders without fully qualified domain name (FQDN)" },
    { "sender-policy", "Reject senders using unknown domains" },
    { "connection-policy", "Reject unknown client hostnames" },
    { "connection-policy", "Keeping more concurrent connections than the limit" },
    { "connection-policy", "Sending more messages than the limit in one minute" },
    { "connection-policy", "Building more connections than the limit in one minute" },
    { "advanced", "Reject unauthorized pipelining requests" },
    { "advanced", "Reject HELO hostnames without fully qualified domain name (FQDN)" },
    { "advanced", "Reject unknown HELO hostnames" },
    { "advanced", "Block any IP emailing more non-existent accounts than the limit" },
    { "advanced", "Max junk commands per session" },
  };
  GListModel *settings = G_LIST_MODEL (pba_server_get_settings (rig->server));
  guint at = 0;

  for (guint i = 0; i < g_list_model_get_n_items (settings) && at < G_N_ELEMENTS (labels); i++)
    {
      g_autoptr (PbaSetting) setting = g_list_model_get_item (settings, i);

      if (!g_str_equal (pba_setting_get_title (setting), labels[at].words))
        continue;
      g_assert_cmpstr (pba_page_for_interface (pba_setting_get_interface (setting))->id, ==,
                       labels[at].page);
      at++;
    }
  if (at < G_N_ELEMENTS (labels))
    g_error ("“%s” is missing or not in its place", labels[at].words);
}

/* Long, odd, hostile. */
static void
test_long_text (Rig *rig, gconstpointer mode)
{
  static const char *const keys[] = { "General.Banner", "General.Hostname", "Delivery.RelayServer",
                                      "Delivery.RelayUser", "Delivery.RelayFingerprint" };
  g_autofree char *huge = g_strnfill (65536, 'x');
  const char *const texts[] = { huge, "<b>&amp;", "%s%n", "\xe2\x80\xae olleh", "" };
  PbaSettingsModel *settings = pba_server_get_settings (rig->server);

  gtk_window_present (rig->window);
  for (guint i = 0; i < G_N_ELEMENTS (keys); i++)
    {
      PbaSetting *setting = pba_settings_model_lookup (settings, keys[i]);

      make_page (rig, pba_page_for_interface (pba_setting_get_interface (setting))->id);
      for (guint j = 0; j < G_N_ELEMENTS (texts); j++)
        {
          pba_setting_set_text (setting, texts[j]);
          while (g_main_context_iteration (NULL, FALSE))
            ;
          if (j == 0)
            g_assert_nonnull (pba_setting_get_error (setting));
        }
    }
  pba_settings_model_discard (settings);
}

/* A newer service's settings stand at the end of General, by their own words. */
static void
test_newer (Rig *rig, gconstpointer mode)
{
  PbaSettingsPage *page = make_page (rig, "general");
  PbaSettingRow *row = pba_settings_page_get_row (page, "Future.Level");

  g_assert_nonnull (row);
  g_assert_cmpstr (adw_preferences_row_get_title (ADW_PREFERENCES_ROW (row)), ==, "Warp level");
  g_assert_nonnull (pba_settings_page_get_group (page, "From the future"));
}

/* The password is no setting, but belongs to the page, to Apply and to Discard like one. */
static void
test_password (Rig *rig, gconstpointer mode)
{
  PbaSettingsModel *settings = pba_server_get_settings (rig->server);
  PbaSettingsPage *page = make_page (rig, "relay-settings");
  GtkWidget *focus;

  pba_setting_set_boolean (pba_settings_model_lookup (settings, "Delivery.RelayAuth"), TRUE);
  gtk_window_present (rig->window);
  g_assert_true (pba_page_reveal (PBA_PAGE (page), PBA_RELAY_PASSWORD_KEY));
  focus = gtk_window_get_focus (rig->window);
  g_assert_true (GTK_IS_TEXT (focus));
  g_assert_false (gtk_text_get_visibility (GTK_TEXT (focus)));
  g_assert_true (GTK_IS_PASSWORD_ENTRY_BUFFER (gtk_text_get_buffer (GTK_TEXT (focus))));
  gtk_editable_set_text (GTK_EDITABLE (focus), "correct horse");
  g_assert_cmpuint (pba_settings_model_get_n_changes (settings), ==, 2);
  pba_settings_model_discard (settings);
  g_assert_cmpstr (gtk_editable_get_text (GTK_EDITABLE (focus)), ==, "");
  g_assert_false (pba_settings_model_get_changed (settings));
}

/* ---- the screen ---- */

/* (transfer full) (nullable) */
static GSubprocess *
start_screen (void)
{
  g_autoptr (GSubprocessLauncher) launcher =
    bed_launcher (G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_SILENCE);
  g_autoptr (GError) error = NULL;
  g_autoptr (GDataInputStream) output = NULL;
  g_autofree char *number = NULL;
  g_autofree char *display = NULL;
  GSubprocess *screen =
    g_subprocess_launcher_spawn (launcher, &error, "Xvfb", "-displayfd", "1", "-nolisten", "tcp",
                                 "-screen", "0", "1280x1024x24", NULL);

  if (screen == NULL)
    return NULL;
  output = g_data_input_stream_new (g_subprocess_get_stdout_pipe (screen));
  number = g_data_input_stream_read_line_utf8 (output, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_nonnull (number);
  display = g_strconcat (":", number, NULL);
  g_setenv ("DISPLAY", display, TRUE);
  g_setenv ("GDK_BACKEND", "x11", TRUE);
  g_setenv ("GSK_RENDERER", "cairo", TRUE);
  g_setenv ("GTK_A11Y", "none", TRUE);
  return screen;
}

int
main (int argc, char **argv)
{
  static const struct
  {
    const char *path, *mode;
    void (*test) (Rig *rig, gconstpointer mode);
  } tests[] = {
    { "/client/rows/all", "real", test_rows },
    { "/client/rows/words", "real", test_words },
    { "/client/rows/long-text", "real", test_long_text },
    { "/client/rows/password", "real", test_password },
    { "/client/rows/newer", "--newer", test_newer },
  };
  g_autoptr (GSubprocess) screen = NULL;
  int failed;

  setlocale (LC_ALL, "C.UTF-8");
  g_test_init (&argc, &argv, NULL);
  screen = start_screen ();
  if (screen == NULL)
    {
      g_print ("1..0 # SKIP Xvfb is not installed\n");
      return 0;
    }
  adw_init ();
  g_test_add_func ("/client/rows/table", test_table);
  for (guint i = 0; i < G_N_ELEMENTS (tests); i++)
    g_test_add (tests[i].path, Rig, tests[i].mode, rig_up, tests[i].test, rig_down);
  failed = g_test_run ();
  g_subprocess_send_signal (screen, SIGTERM);
  g_subprocess_wait (screen, NULL, NULL);
  return failed;
}
