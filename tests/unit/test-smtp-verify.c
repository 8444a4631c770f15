/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The SMTP client asked whether recipients are known: RCPT is where it ends, and the connection is as good as before. */
#include "smtp-agent-fixture.h"

static PbDelivery *
make_verification (Fixture *self, guint n_recipients)
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
  return delivery;
}

static void
verify (Fixture *self, guint n_recipients)
{
  pb_smtp_agent_deliver (self->agent, make_verification (self, n_recipients), self->mailbox,
                         on_delivered, self);
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

/* Somebody who looks on, by way of a mailbox, until the delivery is back. */
typedef struct
{
  PbSmtpWatch watch; /* first */
  PbMailbox *mailbox;
  guint n_steps;
  gboolean answered;
} Looking;

static void
on_step_told (gpointer data)
{
  Looking *self = data;

  g_assert_false (self->answered);
  self->n_steps++;
}

static void
on_step (PbSmtpWatch *watch, PbSmtpStep step, PbSmtpStepState state, const char *remote,
         const char *detail, const PbTlsPeer *peer)
{
  pb_mailbox_post (((Looking *) watch)->mailbox, on_step_told, watch);
}

static void
on_looked_at (PbDelivery *delivery, gpointer user_data)
{
  Looking *self = user_data;

  g_assert_false (self->answered);
  self->answered = TRUE;
  pb_delivery_free (delivery);
}

/* The service ends while a relay is tested: nothing is told behind the answer, with which who looked on may go. */
static void
test_end_while_watched (void)
{
  Looking looking = { { on_step }, NULL, 0, FALSE };
  Fixture self;
  PbDelivery *delivery;

  SET_UP (&self, SCRIPT ("E"));
  looking.mailbox = self.mailbox;
  delivery = make_verification (&self, 1);
  delivery->watch = &looking.watch;
  pb_smtp_agent_deliver (self.agent, delivery, self.mailbox, on_looked_at, &looking);
  while (looking.n_steps < 2)
    {
      struct pollfd fd = { .fd = pb_mailbox_fd (self.mailbox), .events = POLLIN };

      g_assert_cmpint (poll (&fd, 1, WAIT_SECONDS * 1000), ==, 1);
      pb_mailbox_dispatch (self.mailbox);
    }
  tear_down (&self);
  g_assert_true (looking.answered);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/smtp-verify/pipelining", test_pipelining);
  g_test_add_func ("/smtp-verify/one-by-one", test_one_by_one);
  g_test_add_func ("/smtp-verify/untold", test_untold);
  g_test_add_func ("/smtp-verify/end-while-watched", test_end_while_watched);
  return g_test_run ();
}
