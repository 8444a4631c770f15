/* SPDX-License-Identifier: GPL-3.0-or-later */
/* LMTP (RFC 2033) against scripted servers: one answer a recipient, over TCP and a Unix socket, and cut off everywhere. */
#include "delivery/route-private.h"
#include "smtp-agent-fixture.h"

#include <glib/gstdio.h>

static void
set_up_lmtp (Fixture *self, const char *const *const *scripts, guint n_scripts)
{
  g_autofree char *host = NULL;

  set_up (self, scripts, n_scripts);
  self->server->lmtp = TRUE;
  host = g_strdup_printf ("127.0.0.1:%u", pb_script_server_port (self->server));
  self->route = pb_route_new (PB_ROUTE_LMTP, PB_ROUTE_REASON_LOCAL, NULL);
  g_assert_true (pb_route_add_host (self->route, host, 24));
  pb_route_set_key (self->route, "lmtp:");
}

#define SET_UP_LMTP(self, ...)                                                                     \
  const char *const *const scripts_[] = { __VA_ARGS__ };                                           \
  set_up_lmtp (self, scripts_, G_N_ELEMENTS (scripts_))

static void
test_answers (void)
{
  Fixture self;

  SET_UP_LMTP (&self, SCRIPT ("G:PIPELINING", "C:MAIL FROM:<sender@example.org>",
                              "C:RCPT TO:<r0@far.example>", "C:RCPT TO:<r1@far.example>",
                              "C:RCPT TO:<r2@far.example>", "C:RCPT TO:<r3@far.example>", "C:DATA",
                              "S:250 ok", "S:250 ok", "S:550 5.1.1 nobody", "S:250 ok", "S:250 ok",
                              "S:354 go", "B", "S:250 2.0.0 zero", "S:452 4.2.2 full",
                              "S:554 5.6.0 no", "C:MAIL", "C:RCPT", "C:DATA", "S:250 ok",
                              "S:250 ok", "S:354 go", "B", "S:250 2.1.5 again", "Q"));
  deliver (&self, 4, TEXT);
  wait_answers (&self, 1);
  assert_result (&self, 0, 0, PB_RESULT_DELIVERED, "2.0.0");
  assert_result (&self, 0, 1, PB_RESULT_FAILED, "5.1.1");
  assert_result (&self, 0, 2, PB_RESULT_DEFERRED, "4.2.2");
  assert_result (&self, 0, 3, PB_RESULT_FAILED, "5.6.0");
  g_assert_cmpstr (result (&self, 0, 0)->reply, ==, "250 2.0.0 zero");
  g_assert_nonnull (strstr (transcript (&self, 0), "\nC: LHLO mail.example.org\n"));
  g_assert_nonnull (strstr (transcript (&self, 0), "\nC: [32 octets]\nS: 250 2.0.0 zero\n"));
  deliver (&self, 1, TEXT);
  wait_answers (&self, 2);
  assert_result (&self, 1, 0, PB_RESULT_DELIVERED, "2.1.5");
  tear_down (&self);
}

/* The next message's envelope is behind the first one's body: its replies follow all of the first one's. */
static void
test_ahead (void)
{
  Fixture self;

  SET_UP_LMTP (&self, SCRIPT ("G:PIPELINING", "C:MAIL", "C:RCPT", "C:RCPT", "C:DATA", "S:250 ok",
                              "S:250 ok", "S:250 ok", "S:354 go", "B", "C:MAIL", "C:RCPT", "C:DATA",
                              "S:250 one", "S:450 4.2.0 two", "S:250 ok", "S:250 ok", "S:354 go",
                              "B", "S:250 three", "Q"));
  deliver (&self, 2, TEXT);
  deliver (&self, 1, TEXT);
  wait_answers (&self, 2);
  g_assert_cmpstr (result (&self, 0, 0)->reply, ==, "250 one");
  assert_result (&self, 0, 1, PB_RESULT_DEFERRED, "4.2.0");
  g_assert_cmpstr (result (&self, 1, 0)->reply, ==, "250 three");
  tear_down (&self);
}

/* Cut off between two answers: who has one keeps it, who has none waits. */
static void
test_cut_between_answers (void)
{
  Fixture self;

  SET_UP_LMTP (&self, SCRIPT ("G:", "C:MAIL", "S:250 ok", "C:RCPT", "S:250 ok", "C:RCPT",
                              "S:250 ok", "C:RCPT", "S:250 ok", "C:DATA", "S:354 go", "B",
                              "S:250 2.0.0 one", "S:550 5.2.0 two"));
  deliver (&self, 3, TEXT);
  wait_answers (&self, 1);
  assert_result (&self, 0, 0, PB_RESULT_DELIVERED, "2.0.0");
  assert_result (&self, 0, 1, PB_RESULT_FAILED, "5.2.0");
  assert_result (&self, 0, 2, PB_RESULT_DEFERRED, "4.4.2");
  tear_down (&self);
}

/* An LMTP server knows no HELO, and what it refuses as a whole is the administrator's trouble. */
static void
test_no_lhlo (void)
{
  Fixture self;

  SET_UP_LMTP (&self, SCRIPT ("S:220 hi", "C:LHLO", "S:502 5.5.1 this is SMTP", "Q"));
  deliver (&self, 1, TEXT);
  wait_answers (&self, 1);
  assert_result (&self, 0, 0, PB_RESULT_DEFERRED, "4.5.1");
  tear_down (&self);
}

static void
test_nobody_accepted (void)
{
  Fixture self;

  SET_UP_LMTP (&self, SCRIPT ("G:PIPELINING", "C:MAIL", "C:RCPT", "C:DATA", "S:250 ok",
                              "S:550 5.1.1 nobody", "S:354 go"),
               SCRIPT ("G:PIPELINING", "C:MAIL", "C:RCPT", "C:DATA", "S:250 ok", "S:250 ok",
                       "S:354 go", "B", "S:250 ok", "Q"));
  deliver (&self, 1, TEXT);
  wait_answers (&self, 1);
  assert_result (&self, 0, 0, PB_RESULT_FAILED, "5.1.1");
  deliver (&self, 1, TEXT);
  wait_answers (&self, 2);
  assert_result (&self, 1, 0, PB_RESULT_DELIVERED, "2.0.0");
  tear_down (&self);
}

static void
test_unix (void)
{
  const char *const *const scripts[] = {
    SCRIPT ("G:PIPELINING", "C:MAIL", "C:RCPT", "C:DATA", "S:250 ok", "S:250 ok", "S:354 go", "B",
            "S:250 2.0.0 ok", "Q"),
  };
  g_autoptr (GError) error = NULL;
  g_autofree char *directory = g_dir_make_tmp ("pb-lmtp-XXXXXX", &error);
  g_autofree char *path = g_build_filename (directory, "lmtp", NULL);
  Fixture self;

  g_assert_no_error (error);
  set_up (&self, NULL, 0);
  self.route = pb_route_new (PB_ROUTE_LMTP, PB_ROUTE_REASON_LOCAL, NULL);
  self.route->socket = g_strdup (path);
  pb_route_set_key (self.route, "lmtp:");
  deliver (&self, 1, TEXT);
  wait_answers (&self, 1);
  assert_result (&self, 0, 0, PB_RESULT_DEFERRED, "4.4.1");
  g_assert_true (((PbDelivery *) self.answers->pdata[0])->destination_dead);
  self.server = pb_script_server_new_unix (scripts, 1, path);
  self.server->lmtp = TRUE;
  deliver (&self, 1, TEXT);
  wait_answers (&self, 2);
  assert_result (&self, 1, 0, PB_RESULT_DELIVERED, "2.0.0");
  g_assert_true (g_str_has_prefix (result (&self, 1, 0)->remote, "unix:/"));
  tear_down (&self);
  g_unlink (path);
  g_rmdir (directory);
}

static void
test_long_path (void)
{
  Fixture self;

  set_up (&self, NULL, 0);
  self.route = pb_route_new (PB_ROUTE_LMTP, PB_ROUTE_REASON_LOCAL, NULL);
  self.route->socket = g_strnfill (200, '/');
  pb_route_set_key (self.route, "lmtp:");
  deliver (&self, 1, TEXT);
  wait_answers (&self, 1);
  assert_result (&self, 0, 0, PB_RESULT_DEFERRED, "4.3.5");
  tear_down (&self);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/smtp-lmtp/answers", test_answers);
  g_test_add_func ("/smtp-lmtp/ahead", test_ahead);
  g_test_add_func ("/smtp-lmtp/cut-between-answers", test_cut_between_answers);
  g_test_add_func ("/smtp-lmtp/no-lhlo", test_no_lhlo);
  g_test_add_func ("/smtp-lmtp/nobody-accepted", test_nobody_accepted);
  g_test_add_func ("/smtp-lmtp/unix", test_unix);
  g_test_add_func ("/smtp-lmtp/long-path", test_long_path);
  return g_test_run ();
}
