/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The polkit agent at the far end of a real ssh: registered for the process that is our connection
 * there, asked by a mock of polkit, answering through a helper that speaks as polkit's own does.
 */
#include "far-bed.h"

#include <locale.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define AUTHORITY      "org.freedesktop.PolicyKit1"
#define AUTHORITY_PATH "/org/freedesktop/PolicyKit1/Authority"
#define AGENT          AUTHORITY ".AuthenticationAgent"
#define STRANGER       64000 /* a uid that is neither ours nor root's */

typedef struct
{
  Far far;
  GSubprocess *authority; /* (owned) */
  char *owner, *path;     /* (owned): of our agent, at the far end */
} Agent;

/* Asks, takes a password from the next line, knows one. */
static const char helper[] = "#!/bin/sh\n"
                             "sh -n -c \"$1\" || exit 98\n"
                             "uid=$(printf %%s \"$1\" | sed 's/.*id -nu \\([0-9]*\\).*/\\1/')\n"
                             "read -r cookie\n"
                             "echo \"$uid $cookie\" >>'%s/asked'\n"
                             "echo 'PAM_TEXT_INFO One moment\\041'\n"
                             "echo 'PAM_PROMPT_ECHO_OFF Password: '\n"
                             "read -r password || exit 1\n"
                             "[ \"$password\" = 'open sesame' ] && echo SUCCESS || echo FAILURE\n";

static GAsyncResult *
wait_call (Agent *agent, const char *method, GVariant *parameters)
{
  GAsyncResult *result = NULL;

  g_dbus_connection_call (agent->far.bed.other, AUTHORITY, AUTHORITY_PATH,
                          "org.postbus.MockAuthority", method, parameters, NULL,
                          G_DBUS_CALL_FLAGS_NONE, -1, NULL, bed_result, &result);
  return bed_wait_result (&result, method);
}

static void
start_authority (Agent *agent)
{
  g_autoptr (GSubprocessLauncher) launcher = bed_launcher (G_SUBPROCESS_FLAGS_STDOUT_PIPE);
  g_autoptr (GError) error = NULL;
  g_autoptr (GDataInputStream) output = NULL;
  g_autofree char *line = NULL;

  agent->authority = g_subprocess_launcher_spawn (launcher, &error, "/usr/bin/python3",
                                                  g_getenv ("POSTBUS_TEST_AUTHORITY"), "--bus",
                                                  agent->far.bed.address, NULL);
  g_assert_no_error (error);
  output = g_data_input_stream_new (g_subprocess_get_stdout_pipe (agent->authority));
  line = g_data_input_stream_read_line_utf8 (output, NULL, NULL, NULL);
  g_assert_cmpstr (line, ==, "ready");
}

static void
agent_up (Agent *agent, gconstpointer mode)
{
  g_autofree char *script = NULL;

  far_up (&agent->far, mode);
  script = g_strdup_printf (helper, agent->far.folder);
  far_write (&agent->far, "helper", 0755, script);
  start_authority (agent);
  far_answer (&agent->far, "yes");
  far_open (&agent->far, PBA_CONNECTION_CONNECTED);
}

static void
agent_down (Agent *agent, gconstpointer mode)
{
  g_subprocess_send_signal (agent->authority, SIGTERM);
  g_subprocess_wait (agent->authority, NULL, NULL);
  g_object_unref (agent->authority);
  g_free (agent->owner);
  g_free (agent->path);
  far_down (&agent->far, mode);
}

/* Waits until the agent is there. Returns: (transfer full): its subject's details. */
static GVariant *
wait_registered (Agent *agent)
{
  g_autoptr (GAsyncResult) result = wait_call (agent, "Registered", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = g_dbus_connection_call_finish (agent->far.bed.other, result, &error);
  const char *kind;
  GVariant *details;

  g_assert_no_error (error);
  g_free (agent->owner);
  g_free (agent->path);
  g_variant_get (reply, "((&s@a{sv})ss)", &kind, &details, &agent->owner, &agent->path);
  g_assert_cmpstr (kind, ==, "unix-process");
  return details;
}

static GVariant *
question (const char *cookie)
{
  GVariantBuilder uids;

  g_variant_builder_init (&uids, G_VARIANT_TYPE ("au"));
  g_variant_builder_add (&uids, "u", STRANGER);
  g_variant_builder_add (&uids, "u", 0);
  g_variant_builder_add (&uids, "u", getuid ());
  return g_variant_new ("(sau)", cookie, &uids);
}

static char *
finish (Agent *agent, GAsyncResult *result)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = g_dbus_connection_call_finish (agent->far.bed.other, result, &error);
  char *said;

  g_assert_no_error (error);
  g_variant_get (reply, "(s)", &said);
  return said;
}

/* Polkit asks, and hears @expected from the agent. */
static void
ask (Agent *agent, const char *cookie, const char *expected)
{
  g_autoptr (GAsyncResult) result = wait_call (agent, "Ask", question (cookie));
  g_autofree char *said = finish (agent, result);

  g_assert_cmpstr (said, ==, expected);
}

static char *
read_asked (Agent *agent)
{
  g_autofree char *path = far_path (&agent->far, "asked");
  char *text = NULL;

  return g_file_get_contents (path, &text, NULL, NULL) ? text : g_strdup ("");
}

/* ---- tests ---- */

static void
test_registers (Agent *agent, gconstpointer mode)
{
  g_autoptr (GVariant) subject = wait_registered (agent);
  g_autofree char *path = far_path (&agent->far, "bridge.pid");
  g_autofree char *text = NULL;
  guint32 pid;
  gint32 uid;

  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  g_assert_true (g_variant_lookup (subject, "pid", "u", &pid));
  g_assert_true (g_variant_lookup (subject, "uid", "i", &uid));
  g_assert_cmpuint (pid, ==, g_ascii_strtoull (text, NULL, 10));
  g_assert_cmpint (uid, ==, getuid ());
}

static void
test_asks (Agent *agent, gconstpointer mode)
{
  G_GNUC_UNUSED g_autoptr (GVariant) subject = wait_registered (agent);
  g_autofree char *expected = g_strdup_printf ("%u cookie-1\n", getuid ());
  g_autofree char *asked = NULL;
  const char *shown;

  far_answer (&agent->far, "open sesame");
  ask (agent, "cookie-1", "");
  asked = read_asked (agent);
  g_assert_cmpstr (asked, ==, expected);
  shown = agent->far.questions->pdata[1];
  g_assert_nonnull (strstr (shown, "Settings are to be changed"));
  g_assert_nonnull (strstr (shown, "your own password"));
  g_assert_nonnull (strstr (shown, "One moment!"));
  g_assert_true (g_str_has_suffix (shown, "Password:"));
}

/* The second try says so; after the third it is over, and the next question has its own three. */
static void
test_wrong (Agent *agent, gconstpointer mode)
{
  G_GNUC_UNUSED g_autoptr (GVariant) subject = wait_registered (agent);

  for (guint i = 0; i < 3; i++)
    far_answer (&agent->far, "wrong");
  ask (agent, "cookie-1", AUTHORITY ".Error.Failed");
  g_assert_cmpuint (agent->far.questions->len, ==, 4);
  g_assert_null (strstr (agent->far.questions->pdata[1], "try again"));
  g_assert_nonnull (strstr (agent->far.questions->pdata[2], "try again"));
  far_answer (&agent->far, "wrong");
  far_answer (&agent->far, "open sesame");
  ask (agent, "cookie-2", "");
}

static void
test_given_up (Agent *agent, gconstpointer mode)
{
  G_GNUC_UNUSED g_autoptr (GVariant) subject = wait_registered (agent);

  ask (agent, "cookie-1", AUTHORITY ".Error.Cancelled");
  g_assert_cmpuint (agent->far.questions->len, ==, 2);
}

/* Two at once are asked one after the other. */
static void
test_two (Agent *agent, gconstpointer mode)
{
  G_GNUC_UNUSED g_autoptr (GVariant) subject = wait_registered (agent);
  g_autofree char *expected = g_strdup_printf ("%u one\n%u two\n", getuid (), getuid ());
  GAsyncResult *results[2] = { NULL, NULL };
  static const char *const cookies[] = { "one", "two" };
  g_autofree char *asked = NULL;

  far_answer (&agent->far, "open sesame");
  far_answer (&agent->far, "open sesame");
  for (guint i = 0; i < G_N_ELEMENTS (results); i++)
    g_dbus_connection_call (agent->far.bed.other, AUTHORITY, AUTHORITY_PATH,
                            "org.postbus.MockAuthority", "Ask", question (cookies[i]), NULL,
                            G_DBUS_CALL_FLAGS_NONE, -1, NULL, bed_result, &results[i]);
  for (guint i = 0; i < G_N_ELEMENTS (results); i++)
    {
      g_autoptr (GAsyncResult) result = bed_wait_result (&results[i], "an answer");
      g_autofree char *said = finish (agent, result);

      g_assert_cmpstr (said, ==, "");
    }
  asked = read_asked (agent);
  g_assert_cmpstr (asked, ==, expected);
}

static void
on_question_cancel (PbaConnection *link, PbaQuestion kind, const char *text, gpointer user_data)
{
  Agent *agent = user_data;

  g_object_unref (wait_call (agent, "Cancel", g_variant_new ("(s)", "cookie-1")));
}

/* Polkit takes its question back while it is being asked. */
static void
test_taken_back (Agent *agent, gconstpointer mode)
{
  G_GNUC_UNUSED g_autoptr (GVariant) subject = wait_registered (agent);

  g_signal_handlers_disconnect_by_data (agent->far.link, &agent->far);
  g_signal_connect (agent->far.link, "question", G_CALLBACK (on_question_cancel), agent);
  ask (agent, "cookie-1", AUTHORITY ".Error.Cancelled");
  /* An answer that comes too late is nobody's. */
  pba_connection_answer (agent->far.link, "open sesame");
}

/* Nobody but polkit has a password asked for. */
static void
test_somebody_else (Agent *agent, gconstpointer mode)
{
  G_GNUC_UNUSED g_autoptr (GVariant) subject = wait_registered (agent);
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = NULL;

  g_dbus_connection_call (
    agent->far.bed.other, agent->owner, agent->path, AGENT, "BeginAuthentication",
    g_variant_new_parsed (
      "('a', 'Give me root', '', @a{ss} {}, 'c', [('unix-user', {'uid': <%u>})])", 0),
    NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL, bed_result, &result);
  reply = g_dbus_connection_call_finish (agent->far.bed.other,
                                         bed_wait_result (&result, "the refusal"), &error);
  g_assert_null (reply);
  g_assert_nonnull (strstr (error->message, "Only polkit may ask"));
  g_assert_cmpuint (agent->far.questions->len, ==, 1);
}

/* The service that is far away is asked for nothing more when the link is closed under a question. */
static void
on_question_close (PbaConnection *link, PbaQuestion kind, const char *text, gpointer user_data)
{
  pba_connection_close (link);
}

static void
test_closed (Agent *agent, gconstpointer mode)
{
  G_GNUC_UNUSED g_autoptr (GVariant) subject = wait_registered (agent);
  g_autoptr (GAsyncResult) result = NULL;
  g_autofree char *said = NULL;

  g_signal_handlers_disconnect_by_data (agent->far.link, &agent->far);
  g_signal_connect (agent->far.link, "question", G_CALLBACK (on_question_close), agent);
  result = wait_call (agent, "Ask", question ("cookie-1"));
  said = finish (agent, result);
  g_assert_cmpstr (said, !=, "");
}

#define AGENT_TEST(path, function) g_test_add (path, Agent, NULL, agent_up, function, agent_down)

int
main (int argc, char **argv)
{
  setlocale (LC_ALL, "C.UTF-8");
  g_test_init (&argc, &argv, NULL);
  if (!far_is_possible ())
    return 0;
  AGENT_TEST ("/client/agent/registers", test_registers);
  AGENT_TEST ("/client/agent/asks", test_asks);
  AGENT_TEST ("/client/agent/wrong", test_wrong);
  AGENT_TEST ("/client/agent/given-up", test_given_up);
  AGENT_TEST ("/client/agent/two", test_two);
  AGENT_TEST ("/client/agent/taken-back", test_taken_back);
  AGENT_TEST ("/client/agent/somebody-else", test_somebody_else);
  AGENT_TEST ("/client/agent/closed", test_closed);
  return g_test_run ();
}
