/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * This computer as the service's secret agent: registered with postbusd, and deaf to everybody else on the
 * bus, whatever they call themselves.
 */
#include "relay-bed.h"

#include "dbus/names.h"
#include "model/connection-private.h"

#include <locale.h>

typedef struct
{
  guint n_questions;
  GVariant *reply;
  GError *error;
  gboolean done;
} Asked;

static gboolean
is_registered (gpointer user_data)
{
  return pba_secret_agent_get_registered (pba_server_get_secret_agent (user_data));
}

static void
on_question (PbaSecretAgent *agent, const PbaSecretQuestion *question, gpointer user_data)
{
  ((Asked *) user_data)->n_questions++;
}

static void
on_reply (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Asked *asked = user_data;

  asked->reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &asked->error);
  asked->done = TRUE;
}

static gboolean
is_done (gpointer user_data)
{
  return ((Asked *) user_data)->done;
}

/* Who calls is not the service, though what it asks for is in the keyring. */
static void
test_impostor (Relay *relay, gconstpointer data)
{
  static const char *const storages[] = { "agent", "ask" };
  PbaSecretAgent *agent = pba_server_get_secret_agent (relay->server);
  const char *name = g_dbus_connection_get_unique_name (relay->bed.connection->bus);
  guint tick = relay_tick ();

  relay_start_mock_keyring (relay);
  relay_edit (relay);
  pba_relay_password_set_pending (relay->password, "correct horse");
  relay_apply_well (relay);
  relay_wait_for (relay, PBA_PASSWORD_PRESENT, TRUE);
  g_assert_true (pba_secret_agent_get_supported (agent));
  bed_wait (is_registered, relay->server, "the agent");
  for (guint i = 0; i < G_N_ELEMENTS (storages); i++)
    {
      Asked asked = { 0 };
      GVariantDict details;

      g_variant_dict_init (&details, NULL);
      g_variant_dict_insert (&details, "Instance", "s",
                             pba_manager_get_instance_id (pba_server_get_manager (relay->server)));
      g_variant_dict_insert (&details, "Server", "s", "relay.example.net");
      g_variant_dict_insert (&details, "Port", "u", 587);
      g_variant_dict_insert (&details, "User", "s", "nas@example.org");
      g_variant_dict_insert (&details, "Storage", "s", storages[i]);
      g_signal_connect (agent, "question", G_CALLBACK (on_question), &asked);
      g_dbus_connection_call (relay->bed.other, name, PB_SECRET_AGENT_PATH,
                              PB_SECRET_AGENT_INTERFACE, "GetRelaySecret",
                              g_variant_new ("(s@a{sv})", "general", g_variant_dict_end (&details)),
                              NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL, on_reply, &asked);
      bed_wait (is_done, &asked, "the answer");
      g_signal_handlers_disconnect_by_func (agent, on_question, &asked);
      g_assert_null (asked.reply);
      g_assert_error (asked.error, G_DBUS_ERROR, G_DBUS_ERROR_FAILED);
      g_assert_cmpuint (asked.n_questions, ==, 0);
      g_clear_error (&asked.error);
    }
  g_source_remove (tick);
}

/* What is not to be kept on the server goes to the keyring alone; without one it stays typed, and nowhere is told as kept. */
static void
test_kept_here_only (Relay *relay, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *sentence = NULL;

  relay_edit (relay);
  pba_setting_set_text (relay_setting (relay, "Delivery.RelaySecretStorage"), "agent");
  pba_relay_password_set_pending (relay->password, "correct horse");
  g_object_get (relay->password, "sentence", &sentence, NULL);
  g_assert_cmpstr (sentence, ==, "Apply keeps it in your keyring");
  g_assert_false (relay_apply (relay, &error));
  g_assert_cmpstr (pba_relay_password_get_pending (relay->password), ==, "correct horse");
  relay_start_mock_keyring (relay);
  relay_apply_well (relay);
  relay_wait_for (relay, PBA_PASSWORD_NONE, TRUE);
  g_assert_cmpstr (pba_relay_password_get_pending (relay->password), ==, "");
}

int
main (int argc, char **argv)
{
  int status;

  setlocale (LC_ALL, "C.UTF-8");
  g_test_init (&argc, &argv, NULL);
  relay_session_up ();
  RELAY_TEST ("/relay-agent/impostor", test_impostor);
  RELAY_TEST ("/relay-agent/kept-here-only", test_kept_here_only);
  status = g_test_run ();
  relay_session_down ();
  return status;
}
