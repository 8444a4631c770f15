/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The password of a relay exception on its way to postbusd and to the keyring.
 */
#include "relay-bed.h"

#include "dbus/errors.h"
#include "model/exception-password.h"

#include <locale.h>

static char *
add_exception (Relay *relay)
{
  g_autoptr (GVariant) reply =
    bed_call (&relay->bed, "RelayExceptions", "Add",
              g_variant_new_parsed (
                "({'Name': <'Invoices'>, 'Kind': <'sender'>, 'Server': <'relay.example.net'>,"
                " 'Targets': <['invoices@example.org']>, 'Port': <uint32 587>,"
                " 'Tls': <'starttls'>, 'Auth': <true>, 'User': <'nas'>},)"));
  char *id = NULL;

  g_variant_get (reply, "(s)", &id);
  return id;
}

static PbaRelayLogin
login_of (Relay *relay, const char *id)
{
  return (PbaRelayLogin){
    .nas = pba_manager_get_instance_id (pba_server_get_manager (relay->server)),
    .relay = id,
    .server = "relay.example.net",
    .port = 587,
    .user = "nas",
  };
}

static void
assert_state (Relay *relay, const char *id, const char *expected)
{
  g_autoptr (GVariant) reply =
    bed_call (&relay->bed, "RelayExceptions", "Get", g_variant_new ("(s)", id));
  g_autoptr (GVariant) row = g_variant_get_child_value (reply, 0);
  const char *state = NULL;

  g_assert_true (g_variant_lookup (row, "SecretState", "&s", &state));
  g_assert_cmpstr (state, ==, expected);
}

static gboolean
give (Relay *relay, const char *id, char **trouble, GError **error)
{
  PbaRelayLogin login = login_of (relay, id);
  g_autoptr (GAsyncResult) result = NULL;

  g_assert_true (pba_exception_password_supported (relay->server));
  pba_exception_password_give_async (relay->server, &login, "correct horse", NULL, bed_result,
                                     &result);
  return pba_exception_password_give_finish (relay->server,
                                             bed_wait_result (&result, "the password"), trouble,
                                             error);
}

static gboolean
is_in_keyring (Relay *relay, const char *id)
{
  PbaRelayLogin login = login_of (relay, id);
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  gboolean found;

  pba_secrets_has_async (&login, NULL, bed_result, &result);
  found = pba_secrets_has_finish (bed_wait_result (&result, "the keyring"), &error);
  g_assert_no_error (error);
  return found;
}

static void
test_given (Relay *relay, gconstpointer mode)
{
  g_autofree char *id = add_exception (relay);
  g_autofree char *trouble = NULL;
  g_autoptr (GError) error = NULL;

  relay_start_mock_keyring (relay);
  assert_state (relay, id, "none");
  g_assert_false (is_in_keyring (relay, id));
  g_assert_true (give (relay, id, &trouble, &error));
  g_assert_no_error (error);
  g_assert_null (trouble);
  assert_state (relay, id, "present");
  g_assert_true (is_in_keyring (relay, id));
  /* Not the general relay's, nor another exception's. */
  g_assert_false (is_in_keyring (relay, "general"));
}

/* Mail can go, though the user has to type it again one day. */
static void
test_no_keyring (Relay *relay, gconstpointer mode)
{
  g_autofree char *id = add_exception (relay);
  g_autofree char *trouble = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_true (give (relay, id, &trouble, &error));
  g_assert_no_error (error);
  g_assert_nonnull (trouble);
  assert_state (relay, id, "present");
}

static void
test_no_exception (Relay *relay, gconstpointer mode)
{
  g_autofree char *id = g_uuid_string_random ();
  g_autofree char *trouble = NULL;
  g_autoptr (GError) error = NULL;

  relay_start_mock_keyring (relay);
  g_assert_false (give (relay, id, &trouble, &error));
  g_assert_error (error, PB_ERROR, PB_ERROR_NOT_FOUND);
  g_assert_null (trouble);
  g_assert_false (is_in_keyring (relay, id));
}

static gboolean
has_one_row (gpointer user_data)
{
  PbaListRow *row = pba_list_model_peek (user_data, 0);

  return pba_list_model_get_loaded (user_data) && row != NULL && pba_list_row_get_loaded (row);
}

/* An exception that was removed and put back is the same one to the keyring. */
static void
test_put_back (Relay *relay, gconstpointer mode)
{
  g_autofree char *id = add_exception (relay);
  const char *const ids[] = { id, NULL };
  PbaListModel *model = pba_server_get_list (relay->server, PB_LIST_RELAY_EXCEPTIONS);
  g_autofree char *trouble = NULL;
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GAsyncResult) back = NULL;
  g_autoptr (GPtrArray) removed = NULL;
  g_autoptr (GError) error = NULL;

  relay_start_mock_keyring (relay);
  g_assert_true (give (relay, id, &trouble, &error));
  g_list_model_get_n_items (G_LIST_MODEL (model));
  bed_wait (has_one_row, model, "the exception");
  pba_list_model_remove_async (model, ids, NULL, bed_result, &result);
  g_assert_true (
    pba_list_model_write_finish (model, bed_wait_result (&result, "the removal"), NULL, &error));
  removed = pba_list_model_take_removed (model);
  pba_list_model_put_back_async (model, removed, NULL, bed_result, &back);
  g_assert_true (
    pba_list_model_write_finish (model, bed_wait_result (&back, "the undo"), NULL, &error));
  g_assert_no_error (error);
  g_assert_true (is_in_keyring (relay, id));
  g_assert_true (give (relay, id, &trouble, &error));
  assert_state (relay, id, "present");
}

int
main (int argc, char **argv)
{
  int failed;

  setlocale (LC_ALL, "C.UTF-8");
  g_test_init (&argc, &argv, NULL);

  relay_session_up ();
  RELAY_TEST ("/client/exceptions/given", test_given);
  RELAY_TEST ("/client/exceptions/no-keyring", test_no_keyring);
  RELAY_TEST ("/client/exceptions/no-exception", test_no_exception);
  RELAY_TEST ("/client/exceptions/put-back", test_put_back);
  failed = g_test_run ();
  relay_session_down ();
  return failed;
}
