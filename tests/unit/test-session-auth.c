/* SPDX-License-Identifier: GPL-3.0-or-later */
/* AUTH in real sessions without a network: the system's accounts behind a hook, clients that leave, logins that are forgotten, blocks. */
#include "tests/session/rig.h"

#include "util/log.h"
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CARO       "7a3be4e0-2b5c-4e9f-9a3e-2a9d1f0c7b11"
#define RIGHT      "AUTH PLAIN AGNhcm8Ac2VzYW1l\r\n" /* caro, sesame */
#define WRONG      "AUTH PLAIN AGNhcm8Ac2VzYW1z\r\n"
#define SYSTEM     "AUTH PLAIN AHJvb3QAc2VzYW1l\r\n" /* root, sesame */
#define TAKEN      "235 2.7.0 Authentication succeeded\r\n"
#define REFUSED    "535 5.7.8 Authentication credentials invalid\r\n"
#define PUT_OFF    "454 4.7.0 Temporary authentication failure\r\n"
#define OK         "250 2.0.0 Ok\r\n"
#define STRANGER_2 "198.51.100.8"

/* The system, as a test wants it. Written before the rig starts, or read behind a reply. */
typedef struct
{
  PbPasswordVerdict verdict;
  guint asked; /* by the reactor's thread */
} System;

typedef struct
{
  PbPasswordVerdict verdict;
  PbPasswordChecked func;
  gpointer user_data;
} SystemAnswer;

static void
on_system_answer (gpointer data)
{
  g_autofree SystemAnswer *answer = data;
  gboolean right = answer->verdict == PB_PASSWORD_RIGHT;

  answer->func (answer->verdict, right ? "root" : NULL, right ? "id-of-root" : NULL,
                answer->user_data);
}

static void
check_password (const char *user, PbSecret *password, const char *client, PbMailbox *reply_to,
                PbPasswordChecked func, gpointer user_data, gpointer data)
{
  System *system = data;
  SystemAnswer *answer = g_new (SystemAnswer, 1);

  system->asked++;
  g_assert_cmpstr ((const char *) password->data, ==, "sesame");
  g_assert_cmpstr (client, ==, RIG_STRANGER);
  *answer = (SystemAnswer){ system->verdict, func, user_data };
  pb_mailbox_post (reply_to, on_system_answer, answer);
}

static PbSnapshotBuilder *
make_builder (const char *source)
{
  PbSnapshotBuilder *builder = rig_builder ();
  PbSettingValues *values = pb_snapshot_builder_values (builder);

  pb_snapshot_builder_add_row (builder, PB_LIST_ACCOUNTS, CARO, "{'Name': <'caro'>}");
  pb_snapshot_builder_set_password (builder, CARO, "sesame");
  values->general_auth_plaintext_needs_tls = FALSE;
  values->auth_limits_failures_per_hour = 2;
  g_free (values->mailboxes_account_source);
  values->mailboxes_account_source = g_strdup (source);
  return builder;
}

static Rig *
make_rig (const char *source, System *system)
{
  Rig *rig = rig_new (make_builder (source));

  rig->wiring.check_password = system != NULL ? check_password : NULL;
  rig->wiring.check_password_data = system;
  rig_start (rig);
  return rig;
}

static int
greeted (Rig *rig, const char *ip)
{
  int fd = rig_greeted (rig, ip);

  rig_say (fd, RIG_EHLO, 1);
  return fd;
}

static void
expect_once (Rig *rig, const char *command, const char *reply)
{
  int fd = greeted (rig, RIG_STRANGER);

  rig_expect (fd, command, reply);
  close (fd);
}

static void
test_internal (void)
{
  System system = { 0 };
  g_autoptr (Rig) rig = make_rig ("internal", &system);

  expect_once (rig, RIGHT, TAKEN);
  expect_once (rig, WRONG, REFUSED);
  expect_once (rig, SYSTEM, REFUSED);
  g_assert_cmpuint (system.asked, ==, 0);
}

static void
test_system (void)
{
  static const struct
  {
    const char *source, *command;
    PbPasswordVerdict verdict;
    const char *reply;
    guint asked;
  } cases[] = {
    { "pam", SYSTEM, PB_PASSWORD_RIGHT, TAKEN, 1 },
    { "pam", SYSTEM, PB_PASSWORD_WRONG, REFUSED, 1 },
    { "pam", SYSTEM, PB_PASSWORD_TROUBLE, PUT_OFF, 1 },
    { "pam", "AUTH SCRAM-SHA-256\r\n", PB_PASSWORD_RIGHT, "504 5.5.4 Unrecognized authentication mechanism\r\n", 0 },
    { "both", RIGHT, PB_PASSWORD_WRONG, TAKEN, 0 },
    { "both", SYSTEM, PB_PASSWORD_RIGHT, TAKEN, 1 },
    { "both", SYSTEM, PB_PASSWORD_WRONG, REFUSED, 1 },
    { "both", SYSTEM, PB_PASSWORD_TROUBLE, PUT_OFF, 1 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      System system = { .verdict = cases[i].verdict };
      g_autoptr (Rig) rig = make_rig (cases[i].source, &system);

      expect_once (rig, cases[i].command, cases[i].reply);
      g_assert_cmpuint (system.asked, ==, cases[i].asked);
    }
}

/* No helper: 454, and not a word that the password is wrong. */
static void
test_no_system (void)
{
  g_autoptr (Rig) rig = make_rig ("pam", NULL);

  expect_once (rig, SYSTEM, PUT_OFF);
}

/* A client that does not wait for the answer: nothing of its session stays, in whichever order both come. */
static void
test_client_leaves (void)
{
  g_autoptr (Rig) rig = make_rig ("internal", NULL);

  for (guint i = 0; i < 20; i++)
    {
      int fd = greeted (rig, RIG_STRANGER);

      g_assert_true (rig_send (fd, RIGHT, strlen (RIGHT), NULL));
      if (i % 2 == 0)
        rig_await_taken (fd);
      close (fd);
    }
  rig_wait_sessions (rig, 0);
}

/* The server ends while a password is being checked. */
static void
test_shut_down (void)
{
  g_autoptr (Rig) rig = make_rig ("internal", NULL);
  int fd = greeted (rig, RIG_STRANGER);

  g_assert_true (rig_send (fd, RIGHT, strlen (RIGHT), NULL));
  rig_await_taken (fd);
  pb_server_shut_down (rig->server, 1);
  rig_wait_sessions (rig, 0);
  close (fd);
}

static void
forget (PbSession *session, gpointer data)
{
  g_assert_cmpstr (session->login, ==, "caro");
  g_assert_cmpstr (session->account_id, ==, CARO);
  g_assert_true (session->exempt);
  pb_session_forget_login (session);
  g_assert_null (session->login);
  g_assert_null (session->account_id);
}

/* As STARTTLS does (RFC 3207 4.2): what was granted is gone, and what held without a login is not. */
static void
test_forget (void)
{
  g_autoptr (Rig) rig = make_rig ("internal", NULL);
  int stranger = greeted (rig, RIG_STRANGER), trusted;

  rig_expect (stranger, RIGHT, TAKEN);
  rig_expect (stranger, "AUTH PLAIN\r\n", "503 5.5.1 Already authenticated\r\n");
  rig_look (rig, forget, NULL);
  rig_say (stranger, "MAIL FROM:<caro@example.test>\r\n", 1);
  rig_expect (stranger, "RCPT TO:<far@far.test>\r\n", "554 5.7.1 Relay access denied\r\n");
  rig_say (stranger, "RSET\r\n", 1);
  rig_expect (stranger, RIGHT, TAKEN);
  close (stranger);
  rig_wait_sessions (rig, 0);
  trusted = greeted (rig, RIG_TRUSTED);
  rig_expect (trusted, RIGHT, TAKEN);
  rig_look (rig, forget, NULL);
  rig_say (trusted, "MAIL FROM:<caro@example.test>\r\nRCPT TO:<far@far.test>\r\n", 2);
  close (trusted);
}

/* The third failure blocks the client, in the session that goes on too; others log in, until it is the account's third. */
static void
test_blocked (void)
{
  g_autoptr (Rig) rig = make_rig ("internal", NULL);
  int fd = greeted (rig, RIG_STRANGER), other;

  for (guint i = 0; i < 3; i++)
    rig_expect (fd, SYSTEM, REFUSED); /* root is no account */
  rig_expect (fd, "NOOP\r\n", OK);
  g_assert_true (rig_send (fd, RIGHT, strlen (RIGHT), NULL));
  rig_expect_end (fd, "421 4.7.0 Too many failed logins, closing the connection\r\n");
  other = greeted (rig, STRANGER_2);
  rig_expect (other, RIGHT, TAKEN);
  close (other);
  for (guint i = 0; i < 3; i++)
    {
      other = greeted (rig, RIG_TRUSTED); /* counted for the account alone */
      rig_expect (other, WRONG, REFUSED);
      close (other);
    }
  other = greeted (rig, STRANGER_2);
  rig_expect (other, RIGHT, REFUSED);
  close (other);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  pb_log_set_threshold (PB_LOG_ERROR);
  g_test_add_func ("/session-auth/internal", test_internal);
  g_test_add_func ("/session-auth/system", test_system);
  g_test_add_func ("/session-auth/no-system", test_no_system);
  g_test_add_func ("/session-auth/client-leaves", test_client_leaves);
  g_test_add_func ("/session-auth/shut-down", test_shut_down);
  g_test_add_func ("/session-auth/forget", test_forget);
  g_test_add_func ("/session-auth/blocked", test_blocked);
  return g_test_run ();
}
