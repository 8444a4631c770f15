/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The SMTP client's connections over time: deadlines, further connections, large bodies, shutdown. */
#include "smtp-agent-fixture.h"
#include "store/store.h"
#include <ftw.h>
#include <stdio.h>

typedef struct
{
  const char *script[12];
  gsize timeout; /* of PbSmtpTimeouts: the one that passes; the others are long, however slow the machine is */
  gint64 soon;   /* microseconds; longer where an answer before that is awaited as long */
  gboolean dead;
} SlowRow;

#define TIMEOUT(field) G_STRUCT_OFFSET (PbSmtpTimeouts, field)
#define SOON           (100 * 1000)
#define LATER          (3 * G_USEC_PER_SEC)

/* Each wait has its deadline; "E" is a server that says nothing more. */
static const SlowRow slow_rows[] = {
  { { "E", NULL }, TIMEOUT (greeting), SOON, TRUE },
  { { "S:220 hi", "C:EHLO", "E", NULL }, TIMEOUT (command), SOON, TRUE },
  { { "G:PIPELINING", "E", NULL }, TIMEOUT (command), LATER, FALSE },
  { { "G:PIPELINING", ENVELOPE, "S:250 ok", "E", NULL }, TIMEOUT (command), LATER, FALSE },
  { { "G:PIPELINING", ENVELOPE, "S:250 ok", "S:250 ok", "E", NULL }, TIMEOUT (data), SOON, FALSE },
  { { "G:PIPELINING", ENVELOPE, ACCEPTS, "B", "E", NULL }, TIMEOUT (final), SOON, FALSE },
};

static void
test_silence (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (slow_rows); i++)
    {
      const SlowRow *row = &slow_rows[i];
      const char *const *scripts[] = { row->script };
      Fixture self;

      set_up (&self, (const char *const *const *) scripts, 1);
      G_STRUCT_MEMBER (gint64, pb_smtp_agent_timeouts (self.agent), row->timeout) = row->soon;
      deliver (&self, 1, TEXT);
      wait_answers (&self, 1);
      g_test_message ("row %u: %s", i, result (&self, 0, 0)->reply);
      assert_result (&self, 0, 0, PB_RESULT_DEFERRED, "4.4.2");
      g_assert_cmpint (((PbDelivery *) self.answers->pdata[0])->destination_dead, ==, row->dead);
      tear_down (&self);
    }
}

/* An unused connection is quit after a while. */
static void
test_idle_quit (void)
{
  Fixture self;

  SET_UP (&self, SCRIPT ("G:PIPELINING", ENVELOPE, ACCEPTS, "B", "S:250 ok", "C:QUIT", "E"));
  pb_smtp_agent_timeouts (self.agent)->idle = 50 * 1000;
  deliver (&self, 1, TEXT);
  wait_answers (&self, 1);
  /* The script comes to its end by the QUIT alone. */
  pb_script_server_finish (self.server);
  g_assert_cmpuint (pb_script_server_n_bodies (self.server), ==, 1);
  tear_down (&self);
}

/* Waiting mail opens further connections, up to the limit: none is answered before three are busy. */
static void
test_further_connections (void)
{
  gint64 deadline = g_get_monotonic_time () + WAIT_SECONDS * G_USEC_PER_SEC;
  Fixture self;

  SET_UP (&self, SCRIPT ("G:", "C:MAIL", "S:250 ok", "C:RCPT", "E"),
          SCRIPT ("G:", "C:MAIL", "S:250 ok", "C:RCPT", "E"),
          SCRIPT ("G:", "C:MAIL", "S:250 ok", "C:RCPT", "E"));
  self.connections = 3;
  pb_smtp_agent_timeouts (self.agent)->shutdown = 100 * 1000;
  for (guint i = 0; i < 3; i++)
    deliver (&self, 1, TEXT);
  while (pb_script_server_n_silent (self.server) < 3)
    {
      g_assert_cmpint (g_get_monotonic_time (), <, deadline);
      g_thread_yield ();
    }
  g_clear_pointer (&self.agent, pb_smtp_agent_free);
  wait_answers (&self, 3);
  g_assert_cmpuint (pb_script_server_n_connections (self.server), ==, 3);
  tear_down (&self);
}

/* A fast server is served over one connection, however many wait. */
static void
test_one_is_enough (void)
{
  const guint n = 40;
  const char *script[1 + 40 * 8 + 2] = { "G:" };
  const char *const *scripts[] = { script };
  static const char *const one[] = { "C:MAIL", "S:250 ok", "C:RCPT", "S:250 ok",
                                     "C:DATA", "S:354 go", "B",      "S:250 ok" };
  Fixture self;

  for (guint i = 0; i < n; i++)
    memcpy (script + 1 + i * 8, one, sizeof one);
  script[1 + n * 8] = "Q";
  set_up (&self, (const char *const *const *) scripts, 1);
  self.connections = 20;
  pb_smtp_agent_timeouts (self.agent)->ramp = WAIT_SECONDS * G_USEC_PER_SEC;
  for (guint i = 0; i < n; i++)
    deliver (&self, 1, TEXT);
  wait_answers (&self, n);
  for (guint i = 0; i < n; i++)
    assert_result (&self, i, 0, PB_RESULT_DELIVERED, "2.0.0");
  tear_down (&self);
}

/* When the agent ends, half-open connections are given up and what waits comes back deferred. */
static void
test_shutdown_opening (void)
{
  Fixture self;

  SET_UP (&self, SCRIPT ("E"));
  deliver (&self, 1, TEXT);
  deliver (&self, 1, TEXT);
  g_clear_pointer (&self.agent, pb_smtp_agent_free);
  wait_answers (&self, 2);
  for (guint i = 0; i < 2; i++)
    assert_result (&self, i, 0, PB_RESULT_DEFERRED, "4.3.2");
  tear_down (&self);
}

/* A message that is with the server has a little time left to be answered, and then comes back deferred. */
static void
test_shutdown_busy (void)
{
  gint64 deadline = g_get_monotonic_time () + WAIT_SECONDS * G_USEC_PER_SEC;
  Fixture self;

  SET_UP (&self, SCRIPT ("G:PIPELINING", ENVELOPE, ACCEPTS, "B", "E"));
  pb_smtp_agent_timeouts (self.agent)->shutdown = 100 * 1000;
  deliver (&self, 1, TEXT);
  while (pb_script_server_n_bodies (self.server) == 0)
    {
      g_assert_cmpint (g_get_monotonic_time (), <, deadline);
      g_thread_yield ();
    }
  g_clear_pointer (&self.agent, pb_smtp_agent_free);
  wait_answers (&self, 1);
  assert_result (&self, 0, 0, PB_RESULT_DEFERRED, "4.3.2");
  tear_down (&self);
}

static int
remove_entry (const char *path, const struct stat *status, int type, struct FTW *walk)
{
  return remove (path);
}

static void
on_stored (PbEnvelope *envelope, PbBody *body, const GError *error, gpointer user_data)
{
  PbBody **kept = user_data;

  g_assert_no_error (error);
  *kept = pb_body_ref (body);
}

/* Lines that begin with dots (@dot, once or stuffed), long enough for a file and many blocks. */
static GString *
large_text (const char *dot)
{
  GString *text = g_string_new ("Subject: large\r\n\r\n");

  for (guint i = 0; i < 60000; i++)
    g_string_append_printf (text, "%s%u the quick brown fox jumps over the lazy dog\r\n",
                            i % 3 == 0 ? dot : "", i);
  return text;
}

static PbBody *
store_body (Fixture *self, PbStore *store, const GString *text)
{
  PbSpool *spool = pb_spool_new (store);
  g_autoptr (PbEnvelope) envelope = make_envelope (self, 1, text->len);
  PbBody *body = NULL;
  gint64 deadline = g_get_monotonic_time () + WAIT_SECONDS * G_USEC_PER_SEC;

  g_byte_array_append (pb_spool_buffer (spool), (const guint8 *) text->str, (guint) text->len);
  pb_store_submit (store, envelope, spool, self->mailbox, on_stored, &body);
  while (body == NULL)
    {
      struct pollfd fd = { .fd = pb_mailbox_fd (self->mailbox), .events = POLLIN };

      g_assert_cmpint (g_get_monotonic_time (), <, deadline);
      poll (&fd, 1, 1000);
      pb_mailbox_dispatch (self->mailbox);
    }
  g_assert_null (pb_body_bytes (body));
  return body;
}

/* A large body from its file, arriving whole with the next envelope behind it. */
static void
test_large_body (void)
{
  g_autofree char *directory = g_dir_make_tmp ("postbus-test-XXXXXX", NULL);
  g_autoptr (PbStore) store = pb_store_open (directory, NULL);
  g_autoptr (GString) text = large_text (".");
  g_autoptr (PbEnvelope) envelope = NULL;
  g_autoptr (PbBody) body = NULL;
  g_autoptr (GString) stuffed = large_text ("..");
  Fixture self;

  SET_UP (&self, SCRIPT ("G:PIPELINING", ENVELOPE, ACCEPTS, "B", ENVELOPE, "S:250 ok", ACCEPTS, "B",
                         "S:250 ok", "Q"));
  body = store_body (&self, store, text);
  envelope = make_envelope (&self, 1, text->len);
  deliver_envelope (&self, envelope, body);
  deliver (&self, 1, TEXT);
  wait_answers (&self, 2);
  assert_result (&self, 0, 0, PB_RESULT_DELIVERED, "2.0.0");
  assert_result (&self, 1, 0, PB_RESULT_DELIVERED, "2.0.0");
  g_assert_true (g_str_equal (pb_script_server_body (self.server, 0), stuffed->str));
  g_clear_pointer (&body, pb_body_unref);
  tear_down (&self);
  g_clear_pointer (&store, pb_store_close);
  nftw (directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* A server that says no in the middle of a large message is believed, and the connection given up. */
static void
test_no_in_the_middle (void)
{
  g_autofree char *directory = g_dir_make_tmp ("postbus-test-XXXXXX", NULL);
  g_autoptr (PbStore) store = pb_store_open (directory, NULL);
  g_autoptr (GString) text = large_text (".");
  g_autoptr (PbEnvelope) envelope = NULL;
  g_autoptr (PbBody) body = NULL;
  Fixture self;

  SET_UP (&self,
          SCRIPT ("G:PIPELINING", ENVELOPE, ACCEPTS, "D:1000", "S:552 5.3.4 too large", "E"));
  body = store_body (&self, store, text);
  envelope = make_envelope (&self, 1, text->len);
  deliver_envelope (&self, envelope, body);
  wait_answers (&self, 1);
  assert_result (&self, 0, 0, PB_RESULT_FAILED, "5.3.4");
  g_clear_pointer (&body, pb_body_unref);
  tear_down (&self);
  g_clear_pointer (&store, pb_store_close);
  nftw (directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/smtp-pool/silence", test_silence);
  g_test_add_func ("/smtp-pool/idle-quit", test_idle_quit);
  g_test_add_func ("/smtp-pool/further-connections", test_further_connections);
  g_test_add_func ("/smtp-pool/one-is-enough", test_one_is_enough);
  g_test_add_func ("/smtp-pool/shutdown-opening", test_shutdown_opening);
  g_test_add_func ("/smtp-pool/shutdown-busy", test_shutdown_busy);
  g_test_add_func ("/smtp-pool/large-body", test_large_body);
  g_test_add_func ("/smtp-pool/no-in-the-middle", test_no_in_the_middle);
  return g_test_run ();
}
