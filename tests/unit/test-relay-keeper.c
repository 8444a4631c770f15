/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The keeper of relay passwords: sealed ones for their own route only, clients asked over a bus of the test's own, refusals, alerts. */
#include "dbus/names.h"
#include "registry-fixture.h"
#include "service/relay-keeper.h"
#include <signal.h>

#define RELAY                                                                                      \
  "'Mode': <'relay'>, 'RelayServer': <'relay.example.org'>, 'RelayUser': <'nas'>, "                \
  "'RelayAuth': <true>, 'RelayTls': <'starttls'>"
#define PASSWORD "zaphod-Beeblebrox-42"
#define KEY      "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define REFUSAL  "535 5.7.8 Authentication failed"

/* How the test's client answers when it is asked. */
typedef enum
{
  SAYS_IT,
  SAYS_NO,
  SAYS_NOTHING,
  SAYS_TOO_MUCH,
  SAYS_LINES,
  SAYS_EMPTY,
  LEAVES,
} Manner;

typedef struct
{
  Fixture base;
  GSubprocess *bus;
  char *address;
  GDBusConnection *daemon, *client;
  Manner manner;
  guint n_asked;
  GVariant *details; /* of the last question */
  GDBusMethodInvocation *unanswered;
  PbSecretAgents *agents;
  PbAlerts *alerts;
  PbRelayKeeper *keeper;
  guint n_wakes;
} Rig;

typedef struct
{
  gboolean done;
  PbRelaySecretAnswer answer;
  PbSecret *secret;
} Given;

static void
given_clear (Given *given)
{
  g_clear_pointer (&given->secret, pb_secret_unref);
  given->done = FALSE;
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Given, given_clear)

/* ---- the client ---- */

static void
say (GDBusMethodInvocation *invocation, const void *octets, gsize length)
{
  g_dbus_method_invocation_return_value (
    invocation,
    g_variant_new ("(@ay)", g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, octets, length, 1)));
}

static void
on_asked (GDBusConnection *connection, const char *sender, const char *path, const char *interface,
          const char *method, GVariant *parameters, GDBusMethodInvocation *invocation,
          gpointer user_data)
{
  Rig *rig = user_data;
  g_autofree char *much = g_strnfill (1 << 20, 'x');

  rig->n_asked++;
  g_clear_pointer (&rig->details, g_variant_unref);
  g_variant_get (parameters, "(s@a{sv})", NULL, &rig->details);
  switch (rig->manner)
    {
    case SAYS_IT:
      say (invocation, PASSWORD, sizeof PASSWORD); /* with its NUL, as gdbus has it */
      break;
    case SAYS_NO:
      g_dbus_method_invocation_return_dbus_error (invocation, "org.example.No", "no");
      break;
    case SAYS_NOTHING:
      rig->unanswered = invocation;
      break;
    case SAYS_TOO_MUCH:
      say (invocation, much, 1 << 20);
      break;
    case SAYS_LINES:
      say (invocation, "two\r\nlines", 10);
      break;
    case SAYS_EMPTY:
      say (invocation, "", 1);
      break;
    case LEAVES:
      g_dbus_connection_close_sync (connection, NULL, NULL);
      g_object_unref (invocation);
      break;
    }
}

static const GDBusInterfaceVTable agent_vtable = { .method_call = on_asked };

static GDBusConnection *
connect_to (Rig *rig)
{
  g_autoptr (GError) error = NULL;
  GDBusConnection *connection =
    g_dbus_connection_new_for_address_sync (rig->address,
                                            G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT
                                              | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
                                            NULL, NULL, &error);

  g_assert_no_error (error);
  return connection;
}

static void
offer (Rig *rig, GDBusConnection *client)
{
  static const char xml[] = "<node><interface name='" PB_SECRET_AGENT_INTERFACE
                            "'><method name='GetRelaySecret'><arg type='s' direction='in'/>"
                            "<arg type='a{sv}' direction='in'/><arg type='ay' direction='out'/>"
                            "</method></interface></node>";
  g_autoptr (GDBusNodeInfo) node = g_dbus_node_info_new_for_xml (xml, NULL);

  g_assert_cmpuint (g_dbus_connection_register_object (client, PB_SECRET_AGENT_PATH,
                                                       node->interfaces[0], &agent_vtable, rig,
                                                       NULL, NULL),
                    >, 0);
}

static void
register_agent (Rig *rig, GDBusConnection *client)
{
  g_autoptr (GError) error = NULL;

  pb_secret_agents_register (rig->agents, rig->daemon, g_dbus_connection_get_unique_name (client),
                             &error);
  g_assert_no_error (error);
}

/* ---- the rig ---- */

static void
start_bus (Rig *rig)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GDataInputStream) output = NULL;
  g_autofree char *config = g_test_build_filename (G_TEST_DIST, "client", "bus.conf", NULL);
  g_autofree char *option = g_strconcat ("--config-file=", config, NULL);

  rig->bus =
    g_subprocess_new (G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_SILENCE, &error,
                      "dbus-daemon", "--nofork", "--nopidfile", "--print-address", option, NULL);
  g_assert_no_error (error);
  output = g_data_input_stream_new (g_subprocess_get_stdout_pipe (rig->bus));
  rig->address = g_data_input_stream_read_line_utf8 (output, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_nonnull (rig->address);
}

static void
on_wake (gpointer user_data)
{
  ((Rig *) user_data)->n_wakes++;
}

static void
change (Rig *rig, const char *delivery)
{
  g_auto (Answer) answer = { 0 };
  g_autofree char *text = g_strdup_printf ("{'Delivery': {%s}}", delivery);

  apply (&rig->base, text, &as_root, &answer);
  g_assert_no_error (answer.error);
}

static void
rig_set_up (Rig *rig, gconstpointer data)
{
  g_autoptr (PbSecret) key = pb_secret_new (32);

  set_up (&rig->base, data);
  pb_registry_use_key (rig->base.registry, key);
  change (rig, RELAY);
  start_bus (rig);
  rig->daemon = connect_to (rig);
  rig->client = connect_to (rig);
  offer (rig, rig->client);
  rig->agents = pb_secret_agents_new ();
  rig->alerts = pb_alerts_new ();
  rig->keeper =
    pb_relay_keeper_new (rig->base.registry, rig->base.mailbox, rig->agents, rig->alerts);
  pb_relay_keeper_watch (rig->keeper, on_wake, rig);
}

static void
rig_tear_down (Rig *rig, gconstpointer data)
{
  pb_relay_keeper_close (rig->keeper);
  pb_secret_agents_free (rig->agents);
  pb_mailbox_dispatch (rig->base.mailbox);
  pb_relay_keeper_free (rig->keeper);
  pb_alerts_free (rig->alerts);
  g_clear_pointer (&rig->details, g_variant_unref);
  if (rig->unanswered != NULL)
    g_dbus_method_invocation_return_dbus_error (g_steal_pointer (&rig->unanswered), "a.b", "");
  g_dbus_connection_close_sync (rig->client, NULL, NULL);
  g_dbus_connection_close_sync (rig->daemon, NULL, NULL);
  g_object_unref (rig->client);
  g_object_unref (rig->daemon);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_subprocess_send_signal (rig->bus, SIGTERM);
  g_subprocess_wait (rig->bus, NULL, NULL);
  g_object_unref (rig->bus);
  g_free (rig->address);
  tear_down (&rig->base, data);
}

static PbRoute *
route_of (Rig *rig)
{
  g_autoptr (PbSnapshot) snapshot = pb_registry_snapshot (rig->base.registry);

  return pb_route_find_relay (snapshot, PB_ROUTE_RELAY_GENERAL);
}

static void
on_given (PbRelaySecretAnswer answer, PbSecret *secret, gpointer user_data)
{
  Given *given = user_data;

  g_assert_false (given->done);
  g_assert_cmpint (secret != NULL, ==, answer == PB_RELAY_SECRET_GIVEN);
  *given = (Given){ TRUE, answer, secret };
}

static void
ask_for (Rig *rig, const PbRoute *route, Given *given)
{
  pb_relay_secret_ask (pb_relay_keeper_source (rig->keeper), route, rig->base.mailbox, on_given,
                       given);
}

static void
await_given (Given *given)
{
  guint timer = g_timeout_add_seconds (WAIT_SECONDS, on_too_late, NULL);

  while (!given->done)
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (timer);
}

static void
assert_answer (Rig *rig, const PbRoute *route, PbRelaySecretAnswer expected)
{
  g_auto (Given) given = { 0 };

  ask_for (rig, route, &given);
  await_given (&given);
  g_assert_cmpint (given.answer, ==, expected);
  if (given.secret != NULL)
    g_assert_cmpstr ((const char *) given.secret->data, ==, PASSWORD);
}

static void
set_secret (Rig *rig, const char *words)
{
  g_auto (Answer) answer = { 0 };
  g_autoptr (PbSecret) secret = pb_secret_copy (words, strlen (words));

  pb_registry_set_secret (rig->base.registry, PB_ROUTE_RELAY_GENERAL, secret, "uid 0", on_done,
                          &answer);
  await (&answer);
  g_assert_no_error (answer.error);
}

/* The names of the alerts, the latest first; none of them holds the password. */
static void
assert_alerts (Rig *rig, const char *expected)
{
  g_autoptr (GVariant) list = NULL;
  g_autofree char *text = NULL;
  g_autoptr (GString) names = g_string_new (NULL);
  GVariantIter iter;
  GVariant *row;

  pb_mailbox_dispatch (rig->base.mailbox);
  list = pb_alerts_list (rig->alerts);
  text = g_variant_print (list, FALSE);
  g_assert_null (strstr (text, PASSWORD));
  g_variant_iter_init (&iter, list);
  while (g_variant_iter_loop (&iter, "@a{sv}", &row))
    {
      const char *name, *subject;

      g_assert_cmpuint (g_variant_n_children (row), ==, 7);
      g_assert_true (g_variant_lookup (row, "Name", "&s", &name));
      g_assert_true (g_variant_lookup (row, "Subject", "&s", &subject));
      g_assert_cmpstr (subject, ==, PB_ROUTE_RELAY_GENERAL);
      g_string_append_printf (names, "%s ", name);
    }
  g_assert_cmpstr (names->str, ==, expected);
}

/* ---- sealed here ---- */

static void
test_sealed (Rig *rig, gconstpointer data)
{
  g_autoptr (PbRoute) route = route_of (rig);
  g_autoptr (PbRoute) elsewhere = NULL;

  assert_answer (rig, route, PB_RELAY_SECRET_NONE);
  assert_alerts (rig, "relay-password-missing ");
  set_secret (rig, PASSWORD);
  assert_alerts (rig, "");
  assert_answer (rig, route, PB_RELAY_SECRET_GIVEN);
  /* Re-pointed: neither the new route nor a connection of the old one gets it. */
  change (rig, "'RelayServer': <'evil.example.org'>");
  elsewhere = route_of (rig);
  assert_answer (rig, elsewhere, PB_RELAY_SECRET_STALE);
  assert_answer (rig, route, PB_RELAY_SECRET_STALE);
  assert_alerts (rig, "relay-password-missing ");
  change (rig, "'RelayServer': <'relay.example.org'>");
  assert_alerts (rig, "");
  assert_answer (rig, route, PB_RELAY_SECRET_GIVEN);
  assert_answer (rig, elsewhere, PB_RELAY_SECRET_STALE);
  assert_alerts (rig, "");
}

static void
test_every_demand_binds (Rig *rig, gconstpointer data)
{
  static const char *const ways[] = {
    "'RelayPort': <uint32 587>", "'RelayFallback': <['evil.example.org']>",
    "'RelayUser': <'root'>",     "'RelayTls': <'implicit'>",
    "'RelayVerify': <'none'>",   "'RelayVerify': <'fingerprint'>, 'RelayFingerprint': <'" KEY "'>",
  };

  set_secret (rig, PASSWORD);
  for (guint i = 0; i < G_N_ELEMENTS (ways); i++)
    {
      g_autoptr (PbRoute) route = NULL;

      change (rig, ways[i]);
      route = route_of (rig);
      assert_answer (rig, route, PB_RELAY_SECRET_STALE);
      change (rig, "'RelayPort': <uint32 25>, 'RelayFallback': <@as []>, 'RelayUser': <'nas'>, "
                   "'RelayTls': <'starttls'>, 'RelayVerify': <'auto'>, 'RelayFingerprint': <''>");
    }
}

static void
test_refused (Rig *rig, gconstpointer data)
{
  const PbRelaySecretSource *source = pb_relay_keeper_source (rig->keeper);
  g_autoptr (PbRoute) route = route_of (rig);

  set_secret (rig, "wrong");
  pb_relay_secret_refused (source, route, REFUSAL);
  pb_relay_secret_refused (source, route, REFUSAL);
  assert_alerts (rig, "relay-login-refused ");
  set_secret (rig, PASSWORD);
  assert_alerts (rig, "");
  pb_relay_secret_refused (source, route, "535 \xff no UTF-8");
  assert_alerts (rig, "relay-login-refused ");
  pb_relay_secret_accepted (source, route);
  assert_alerts (rig, "");
  /* Of a relay that is no longer used. */
  pb_relay_secret_refused (source, route, REFUSAL);
  assert_alerts (rig, "relay-login-refused ");
  change (rig, "'Mode': <'direct'>");
  assert_alerts (rig, "");
}

/* ---- asked of clients ---- */

static void
test_agent (Rig *rig, gconstpointer data)
{
  g_autoptr (PbRoute) route = NULL;
  const char *word;
  guint32 port;

  change (rig, "'RelaySecretStorage': <'agent'>");
  route = route_of (rig);
  assert_answer (rig, route, PB_RELAY_SECRET_WAITING);
  assert_alerts (rig, "relay-password-missing ");
  register_agent (rig, rig->client);
  g_assert_cmpuint (rig->n_wakes, ==, 1);
  assert_answer (rig, route, PB_RELAY_SECRET_GIVEN);
  assert_alerts (rig, "");
  assert_answer (rig, route, PB_RELAY_SECRET_GIVEN);
  g_assert_cmpuint (rig->n_asked, ==, 1);
  g_assert_true (g_variant_lookup (rig->details, "Server", "&s", &word));
  g_assert_cmpstr (word, ==, "relay.example.org");
  g_assert_true (g_variant_lookup (rig->details, "User", "&s", &word));
  g_assert_cmpstr (word, ==, "nas");
  g_assert_true (g_variant_lookup (rig->details, "Refused", "&s", &word));
  g_assert_cmpstr (word, ==, "");
  g_assert_true (g_variant_lookup (rig->details, "Port", "u", &port));
  g_assert_cmpuint (port, ==, 25);

  /* Refused: it is asked for again, with the refusal. */
  pb_relay_secret_refused (pb_relay_keeper_source (rig->keeper), route, REFUSAL);
  assert_alerts (rig, "relay-login-refused ");
  assert_answer (rig, route, PB_RELAY_SECRET_GIVEN);
  g_assert_cmpuint (rig->n_asked, ==, 2);
  g_assert_true (g_variant_lookup (rig->details, "Refused", "&s", &word));
  g_assert_cmpstr (word, ==, REFUSAL);

  /* It stays when the client goes, and not when the relay leads elsewhere, be it for a moment. */
  pb_secret_agents_unregister (rig->agents, rig->daemon,
                               g_dbus_connection_get_unique_name (rig->client));
  assert_answer (rig, route, PB_RELAY_SECRET_GIVEN);
  change (rig, "'RelayServer': <'evil.example.org'>");
  assert_answer (rig, route, PB_RELAY_SECRET_STALE);
  change (rig, "'RelayServer': <'relay.example.org'>");
  assert_answer (rig, route, PB_RELAY_SECRET_WAITING);
}

static void
test_one_question (Rig *rig, gconstpointer data)
{
  g_autoptr (PbRoute) route = NULL;
  Given given[8] = { 0 };

  change (rig, "'RelaySecretStorage': <'agent'>");
  route = route_of (rig);
  register_agent (rig, rig->client);
  for (guint i = 0; i < G_N_ELEMENTS (given); i++)
    ask_for (rig, route, &given[i]);
  for (guint i = 0; i < G_N_ELEMENTS (given); i++)
    {
      await_given (&given[i]);
      g_assert_cmpint (given[i].answer, ==, PB_RELAY_SECRET_GIVEN);
      given_clear (&given[i]);
    }
  g_assert_cmpuint (rig->n_asked, ==, 1);
}

static void
test_what_is_no_password (Rig *rig, gconstpointer data)
{
  static const Manner manners[] = { SAYS_NO, SAYS_TOO_MUCH, SAYS_LINES, SAYS_EMPTY };
  g_autoptr (PbRoute) route = NULL;

  change (rig, "'RelaySecretStorage': <'agent'>");
  route = route_of (rig);
  for (guint i = 0; i < G_N_ELEMENTS (manners); i++)
    {
      rig->manner = manners[i];
      register_agent (rig, rig->client);
      assert_answer (rig, route, PB_RELAY_SECRET_WAITING);
      g_assert_cmpuint (rig->n_asked, ==, i + 1);
      /* Nobody is bothered again. */
      assert_answer (rig, route, PB_RELAY_SECRET_WAITING);
      g_assert_cmpuint (rig->n_asked, ==, i + 1);
    }
  rig->manner = SAYS_IT;
  register_agent (rig, rig->client);
  assert_answer (rig, route, PB_RELAY_SECRET_GIVEN);
}

static void
test_next_client (Rig *rig, gconstpointer data)
{
  g_autoptr (GDBusConnection) silent = connect_to (rig);
  g_autoptr (PbRoute) route = NULL;

  change (rig, "'RelaySecretStorage': <'agent'>");
  route = route_of (rig);
  register_agent (rig, rig->client);
  register_agent (rig, silent); /* exports nothing */
  assert_answer (rig, route, PB_RELAY_SECRET_GIVEN);
  g_assert_cmpuint (rig->n_asked, ==, 1);
  g_dbus_connection_close_sync (silent, NULL, NULL);
}

static void
test_leaves_in_the_middle (Rig *rig, gconstpointer data)
{
  g_autoptr (PbRoute) route = NULL;

  change (rig, "'RelaySecretStorage': <'agent'>");
  route = route_of (rig);
  rig->manner = LEAVES;
  register_agent (rig, rig->client);
  assert_answer (rig, route, PB_RELAY_SECRET_WAITING);
  while (pb_secret_agents_count (rig->agents) > 0)
    g_main_context_iteration (NULL, TRUE);
}

static void
test_answers_late (Rig *rig, gconstpointer data)
{
  g_autoptr (PbRoute) route = NULL;

  pb_relay_keeper_times (rig->keeper)->patience = 50;
  change (rig, "'RelaySecretStorage': <'agent'>");
  route = route_of (rig);
  rig->manner = SAYS_NOTHING;
  register_agent (rig, rig->client);
  assert_answer (rig, route, PB_RELAY_SECRET_WAITING);
  assert_alerts (rig, "relay-password-missing ");
  g_assert_cmpuint (rig->n_wakes, ==, 0);
  /* The question may still be on its way when patience is over. */
  while (rig->unanswered == NULL)
    g_main_context_iteration (NULL, TRUE);
  say (g_steal_pointer (&rig->unanswered), PASSWORD, strlen (PASSWORD));
  while (rig->n_wakes == 0)
    g_main_context_iteration (NULL, TRUE);
  assert_alerts (rig, "");
  assert_answer (rig, route, PB_RELAY_SECRET_GIVEN);
  g_assert_cmpuint (rig->n_asked, ==, 1);
}

static void
test_never_answers (Rig *rig, gconstpointer data)
{
  g_autoptr (PbRoute) route = NULL;

  pb_relay_keeper_times (rig->keeper)->agent = 50;
  change (rig, "'RelaySecretStorage': <'agent'>");
  route = route_of (rig);
  rig->manner = SAYS_NOTHING;
  register_agent (rig, rig->client);
  assert_answer (rig, route, PB_RELAY_SECRET_WAITING);
  g_assert_cmpuint (rig->n_wakes, ==, 0);
}

static void
test_ask_is_short (Rig *rig, gconstpointer data)
{
  g_autoptr (PbRoute) route = NULL;
  const char *word;

  pb_relay_keeper_times (rig->keeper)->kept = 1;
  change (rig, "'RelaySecretStorage': <'ask'>");
  route = route_of (rig);
  register_agent (rig, rig->client);
  while (rig->n_asked < 2)
    assert_answer (rig, route, PB_RELAY_SECRET_GIVEN);
  g_assert_true (g_variant_lookup (rig->details, "Storage", "&s", &word));
  g_assert_cmpstr (word, ==, "ask");
}

/* The end comes while a client thinks: whoever waits is answered. */
static void
test_end (Rig *rig, gconstpointer data)
{
  g_autoptr (PbRoute) route = NULL;
  g_auto (Given) given = { 0 };

  change (rig, "'RelaySecretStorage': <'agent'>");
  route = route_of (rig);
  rig->manner = SAYS_NOTHING;
  register_agent (rig, rig->client);
  ask_for (rig, route, &given);
  while (rig->n_asked == 0)
    g_main_context_iteration (NULL, TRUE);
  pb_relay_keeper_close (rig->keeper);
  await_given (&given);
  g_assert_cmpint (given.answer, ==, PB_RELAY_SECRET_WAITING);
  assert_answer (rig, route, PB_RELAY_SECRET_WAITING);
}

static void
add_test (const char *path, void (*test) (Rig *, gconstpointer))
{
  g_test_add (path, Rig, NULL, rig_set_up, test, rig_tear_down);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  add_test ("/relay-keeper/sealed", test_sealed);
  add_test ("/relay-keeper/every-demand-binds", test_every_demand_binds);
  add_test ("/relay-keeper/refused", test_refused);
  add_test ("/relay-keeper/agent", test_agent);
  add_test ("/relay-keeper/one-question", test_one_question);
  add_test ("/relay-keeper/what-is-no-password", test_what_is_no_password);
  add_test ("/relay-keeper/next-client", test_next_client);
  add_test ("/relay-keeper/leaves-in-the-middle", test_leaves_in_the_middle);
  add_test ("/relay-keeper/answers-late", test_answers_late);
  add_test ("/relay-keeper/never-answers", test_never_answers);
  add_test ("/relay-keeper/ask-is-short", test_ask_is_short);
  add_test ("/relay-keeper/end", test_end);
  return g_test_run ();
}
