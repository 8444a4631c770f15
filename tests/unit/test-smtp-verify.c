/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The SMTP client asked whether recipients are known: RCPT is where it ends, and the connection is as good as before. */
#include "smtp-agent-fixture.h"

static void
verify (Fixture *self, guint n_recipients)
{
  g_autoptr (PbEnvelope) envelope = make_envelope (self, n_recipients, 0);
  g_autoptr (PbSnapshot) snapshot = make_snapshot (self);
  g_autoptr (PbRoute) route = pb_route_find (snapshot, "", envelope->recipients[0].address, NULL);
  g_autofree guint *recipients = g_new (guint, n_recipients);
  PbDelivery *delivery;

  for (guint i = 0; i < n_recipients; i++)
    recipients[i] = i;
  delivery = pb_delivery_new (envelope, NULL, route, snapshot, recipients, n_recipients);
  delivery->verify_only = TRUE;
  pb_smtp_agent_deliver (self->agent, delivery, self->mailbox, on_delivered, self);
}

static void
assert_verified (Fixture *self, guint answer, guint position, PbResultKind kind, gboolean at_rcpt)
{
  g_assert_cmpint (result (self, answer, position)->kind, ==, kind);
  g_assert_cmpint (result (self, answer, position)->at_rcpt, ==, at_rcpt);
}

static void
test_pipelining (void)
{
  Fixture self;

  SET_UP (&self, SCRIPT ("G:PIPELINING", "C:MAIL", "C:RCPT", "C:RCPT", "C:RCPT", "S:250 ok",
                         "S:250 ok", "S:550 5.1.1 nobody", "S:451 later", "C:RSET", ENVELOPE,
                         "S:250 ok", ACCEPTS, "B", "S:250 taken", "Q"));
  verify (&self, 3);
  wait_answers (&self, 1);
  assert_verified (&self, 0, 0, PB_RESULT_DELIVERED, TRUE);
  assert_verified (&self, 0, 1, PB_RESULT_FAILED, TRUE);
  assert_verified (&self, 0, 2, PB_RESULT_DEFERRED, TRUE);
  deliver (&self, 1, TEXT);
  wait_answers (&self, 2);
  assert_result (&self, 1, 0, PB_RESULT_DELIVERED, "2.0.0");
  tear_down (&self);
}

static void
test_one_by_one (void)
{
  Fixture self;

  SET_UP (&self, SCRIPT ("G:", "C:MAIL", "S:250 ok", "C:RCPT", "S:550 nobody", "C:RCPT", "S:250 ok",
                         "C:RSET", "S:250 ok", "C:MAIL", "S:250 ok", "C:RCPT", "S:250 ok", "Q"));
  verify (&self, 2);
  wait_answers (&self, 1);
  assert_verified (&self, 0, 0, PB_RESULT_FAILED, TRUE);
  assert_verified (&self, 0, 1, PB_RESULT_DELIVERED, TRUE);
  verify (&self, 1);
  wait_answers (&self, 2);
  assert_verified (&self, 1, 0, PB_RESULT_DELIVERED, TRUE);
  tear_down (&self);
}

/* A no to the sender, to the connection, or none at all says nothing of the recipient. */
static void
test_untold (void)
{
  Fixture self;

  SET_UP (&self, SCRIPT ("G:PIPELINING", "C:MAIL", "C:RCPT", "S:550 no null sender", "S:503 what", "Q"),
          SCRIPT ("G:", "C:MAIL", "S:550 no null sender", "Q"), SCRIPT ("S:554 go away", "Q"),
          SCRIPT ("G:PIPELINING", "C:MAIL", "C:RCPT", "S:250 ok"));
  for (guint i = 0; i < 4; i++)
    {
      g_clear_pointer (&self.agent, pb_smtp_agent_free);
      self.agent = pb_smtp_agent_new (&self.reactor, 1, self.resolver, NULL, 25);
      verify (&self, 1);
      wait_answers (&self, i + 1);
      g_assert_false (result (&self, i, 0)->at_rcpt);
      g_assert_cmpint (result (&self, i, 0)->kind, !=, PB_RESULT_DELIVERED);
    }
  tear_down (&self);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/smtp-verify/pipelining", test_pipelining);
  g_test_add_func ("/smtp-verify/one-by-one", test_one_by_one);
  g_test_add_func ("/smtp-verify/untold", test_untold);
  return g_test_run ();
}
