/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The client's connection through a real sshd: what ssh asks, what it refuses, and a link that breaks.
 */
#include "far-bed.h"

#include "model/settings-model.h"

#include <glib/gstdio.h>
#include <locale.h>
#include <signal.h>
#include <string.h>

static gboolean
is_alone (gpointer user_data)
{
  return G_OBJECT (user_data)->ref_count == 1;
}

static gboolean
is_over (gpointer user_data)
{
  return pba_connection_get_state (user_data) != PBA_CONNECTION_CONNECTING;
}

static gboolean
is_loaded (gpointer user_data)
{
  return pba_settings_model_get_loaded (user_data);
}

/* ---- tests ---- */

/* The host's key is asked for once; then a setting is changed over there. */
static void
test_works (Far *far, gconstpointer mode)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) kept = NULL;
  PbaSettingsModel *settings;

  far_answer (far, "yes");
  far_open (far, PBA_CONNECTION_CONNECTED);
  g_assert_cmpuint (far->questions->len, ==, 1);
  g_assert_cmpstr (pba_connection_get_host (far->link), ==, "127.0.0.1");
  g_assert_true (g_str_has_suffix (pba_connection_get_login (far->link), " via SSH"));

  settings = pba_settings_model_new (far->link);
  bed_wait (is_loaded, settings, "the settings");
  pba_setting_set_number (pba_settings_model_lookup (settings, "General.MaxRecipients"), 500);
  pba_settings_model_apply_async (settings, 0, NULL, bed_result, &result);
  g_assert_true (
    pba_settings_model_apply_finish (settings, bed_wait_result (&result, "Apply"), &error));
  g_assert_no_error (error);
  kept = bed_get (&far->bed, "General", "MaxRecipients");
  g_assert_cmpuint (g_variant_get_uint32 (kept), ==, 500);
  g_clear_object (&result);
  bed_wait (is_alone, settings, "the settings' last caller");
  g_object_unref (settings);

  pba_connection_close (far->link);
  far_open (far, PBA_CONNECTION_CONNECTED);
  g_assert_cmpuint (far->questions->len, ==, 1);
}

/* Nobody trusts the host, so nothing is sent there. */
static void
test_distrusted (Far *far, gconstpointer mode)
{
  far_open (far, PBA_CONNECTION_DISCONNECTED);
  g_assert_cmpuint (far->questions->len, ==, 1);
  g_assert_nonnull (strstr (pba_connection_get_error (far->link), "could not prove who it is"));
  g_assert_nonnull (strstr (pba_connection_get_detail (far->link), "Host key verification failed"));
}

/* It has another key than the last time. */
static void
test_other_host (Far *far, gconstpointer mode)
{
  g_autofree char *old = far_path (far, "host");
  g_autofree char *old_public = far_path (far, "host.pub");

  far_answer (far, "yes");
  far_open (far, PBA_CONNECTION_CONNECTED);
  pba_connection_close (far->link);
  far_stop_sshd (far);
  g_unlink (old);
  g_unlink (old_public);
  far_make_key (far, "host", "");
  far_start_sshd (far);
  far_open (far, PBA_CONNECTION_DISCONNECTED);
  g_assert_cmpuint (far->questions->len, ==, 1);
  g_assert_nonnull (strstr (pba_connection_get_error (far->link), "could not prove who it is"));
}

static void
test_refused (Far *far, gconstpointer mode)
{
  far_make_key (far, "stranger", "");
  far_offer (far, "stranger");
  far_answer (far, "yes");
  far_open (far, PBA_CONNECTION_DENIED);
  g_assert_nonnull (strstr (pba_connection_get_error (far->link), "SSH refuses the login"));
  g_assert_nonnull (strstr (pba_connection_get_detail (far->link), "Permission denied"));
}

static void
test_passphrase (Far *far, gconstpointer mode)
{
  far_make_key (far, "locked", "open sesame");
  far_authorize (far, "locked");
  far_offer (far, "locked");
  far_answer (far, "yes");
  far_answer (far, "wrong");
  far_answer (far, "open sesame");
  far_open (far, PBA_CONNECTION_CONNECTED);
  g_assert_cmpuint (far->questions->len, ==, 3);
  g_assert_nonnull (strstr (far->questions->pdata[2], "passphrase"));
}

/* Giving up is a refusal like any other. */
static void
test_given_up (Far *far, gconstpointer mode)
{
  far_make_key (far, "locked", "open sesame");
  far_authorize (far, "locked");
  far_offer (far, "locked");
  far_answer (far, "yes");
  far_open (far, PBA_CONNECTION_DENIED);
}

static void
test_nothing_listens (Far *far, gconstpointer mode)
{
  far_stop_sshd (far);
  far_open (far, PBA_CONNECTION_DISCONNECTED);
  g_assert_cmpuint (far->questions->len, ==, 0);
  g_assert_nonnull (strstr (pba_connection_get_error (far->link), "connection over SSH failed"));
  g_assert_nonnull (strstr (pba_connection_get_detail (far->link), "refused"));
}

static void
test_no_bridge (Far *far, gconstpointer mode)
{
  far_write (far, "no-bridge", 0600, "");
  far_answer (far, "yes");
  far_open (far, PBA_CONNECTION_DISCONNECTED);
  g_assert_nonnull (strstr (pba_connection_get_error (far->link), "systemd-stdio-bridge"));
}

/* What a login shell says before the bus does. */
static void
test_chatty (Far *far, gconstpointer mode)
{
  far_write (far, "greeting", 0600, "Welcome to the NAS.\r\n");
  far_answer (far, "yes");
  far_open (far, PBA_CONNECTION_DISCONNECTED);
  g_assert_nonnull (pba_connection_get_error (far->link));
}

static void
test_no_service (Far *far, gconstpointer mode)
{
  bed_stop_service (&far->bed);
  far_answer (far, "yes");
  far_open (far, PBA_CONNECTION_DISCONNECTED);
  g_assert_nonnull (strstr (pba_connection_get_error (far->link), "does not run there"));
}

static gboolean
is_lost (gpointer user_data)
{
  return pba_connection_get_state (user_data) == PBA_CONNECTION_LOST;
}

static gboolean
is_connected (gpointer user_data)
{
  return pba_connection_get_state (user_data) == PBA_CONNECTION_CONNECTED;
}

/* The bridge dies; the link comes back by itself, and asks nothing. */
static void
test_lost (Far *far, gconstpointer mode)
{
  g_autofree char *file = far_path (far, "bridge.pid");
  g_autofree char *text = NULL;

  far_answer (far, "yes");
  far_open (far, PBA_CONNECTION_CONNECTED);
  g_assert_true (g_file_get_contents (file, &text, NULL, NULL));
  g_assert_cmpint (kill (g_ascii_strtoll (text, NULL, 10), SIGKILL), ==, 0);
  bed_wait (is_lost, far->link, "the loss");
  g_assert_nonnull (pba_connection_get_error (far->link));
  bed_wait (is_connected, far->link, "the link to come back");
  g_assert_cmpuint (far->questions->len, ==, 1);
}

/* An address is never an option of ssh's. */
static void
test_option (Far *far, gconstpointer mode)
{
  g_autofree char *trace = far_path (far, "trace");
  g_autofree char *address = g_strdup_printf ("-oProxyCommand=touch${IFS}%s", trace);
  g_autoptr (PbaConnection) link = pba_connection_new (address);

  pba_connection_open (link);
  bed_wait (is_over, link, "the refusal");
  g_assert_cmpint (pba_connection_get_state (link), ==, PBA_CONNECTION_DISCONNECTED);
  g_assert_cmpstr (pba_connection_get_error (link), ==, "The address must not begin with “-”");
  g_assert_false (g_file_test (trace, G_FILE_TEST_EXISTS));
  pba_connection_close (link);
}

int
main (int argc, char **argv)
{
  static const struct
  {
    const char *path;
    void (*test) (Far *far, gconstpointer mode);
  } tests[] = {
    { "/client/ssh/works", test_works },
    { "/client/ssh/distrusted", test_distrusted },
    { "/client/ssh/other-host", test_other_host },
    { "/client/ssh/refused", test_refused },
    { "/client/ssh/passphrase", test_passphrase },
    { "/client/ssh/given-up", test_given_up },
    { "/client/ssh/nothing-listens", test_nothing_listens },
    { "/client/ssh/no-bridge", test_no_bridge },
    { "/client/ssh/chatty", test_chatty },
    { "/client/ssh/no-service", test_no_service },
    { "/client/ssh/lost", test_lost },
    { "/client/ssh/option", test_option },
  };

  setlocale (LC_ALL, "C.UTF-8");
  g_test_init (&argc, &argv, NULL);
  if (!far_is_possible ())
    return 0;
  for (guint i = 0; i < G_N_ELEMENTS (tests); i++)
    g_test_add (tests[i].path, Far, NULL, far_up, tests[i].test, far_down);
  return g_test_run ();
}
