/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What an administrator does to the queue while it works: no message is lost and none comes twice, whatever
 * is under way; senders are told of what is removed.
 */
#include "queue-fixture.h"

typedef struct
{
  gboolean called;
  guint n;
  gboolean failed;
} Acted;

static void
on_acted (guint n, const GError *error, gpointer user_data)
{
  Acted *acted = user_data;

  acted->called = TRUE;
  acted->n = n;
  acted->failed = error != NULL;
}

static gboolean
is_acted (Fixture *self, gpointer data)
{
  return ((Acted *) data)->called;
}

/* Returns: to how many it was done. */
static guint
act (Fixture *self, PbStoreChangeKind kind, const char *target)
{
  Acted acted = { FALSE };

  pb_queue_act (self->queue, NULL, kind, target, "test", on_acted, &acted);
  wait_until (self, is_acted, &acted);
  g_assert_false (acted.failed);
  return acted.n;
}

static guint
remove_and_tell (Fixture *self)
{
  Acted acted = { FALSE };

  pb_queue_remove_and_tell (self->queue, NULL, "test", on_acted, &acted);
  wait_until (self, is_acted, &acted);
  g_assert_false (acted.failed);
  return acted.n;
}

/* Without waiting for it. */
static void
start_submit (Fixture *self, const char *recipients)
{
  g_autoptr (PbSnapshot) snapshot = pb_registry_snapshot (self->registry);
  PbSpool *spool = pb_spool_new (self->store);
  PbEnvelope *envelope = make_envelope (self, "s@far.example", recipients);

  envelope->size = strlen (MESSAGE);
  g_byte_array_append (pb_spool_buffer (spool), (const guint8 *) MESSAGE, strlen (MESSAGE));
  pb_queue_submit (self->queue, envelope, spool, snapshot, self->mailbox, on_submitted, self);
}

/* A mail is in its mailbox a moment before the queue has done with it. */
static gboolean
has_only_held (Fixture *self, gpointer data)
{
  PbQueueCounts counts;

  get_counts (self, &counts);
  return counts.active + counts.deferred == 0 && counts.held == GPOINTER_TO_UINT (data);
}

static guint
count_mails (Fixture *self, const char *account)
{
  g_autofree char *path = g_build_filename (self->directory, "mail", account, "new", NULL);
  g_autoptr (GDir) directory = g_dir_open (path, 0, NULL);
  guint n = 0;

  while (directory != NULL && g_dir_read_name (directory) != NULL)
    n++;
  return n;
}

/* Held and released again and again while mail comes in and goes out: each message arrives, once. */
static void
test_amid_traffic (Fixture *self, gconstpointer data)
{
  enum
  {
    MESSAGES = 400,
    EVERY = 8
  };
  static const PbStoreChangeKind kinds[] = { PB_CHANGE_HOLD, PB_CHANGE_RETRY, PB_CHANGE_RELEASE };
  Acted acted[MESSAGES / EVERY] = { { FALSE } };

  pb_queue_start (self->queue);
  for (guint i = 0; i < MESSAGES; i++)
    {
      start_submit (self, i % 2 == 0 ? "anna@example.org" : "anna@example.org bob@example.org");
      if (i % EVERY == 0)
        pb_queue_act (self->queue, NULL, kinds[i / EVERY % G_N_ELEMENTS (kinds)], NULL, "test", on_acted,
                      &acted[i / EVERY]);
      g_main_context_iteration (NULL, FALSE);
    }
  wait_until (self, all_submitted, GUINT_TO_POINTER (MESSAGES));
  for (guint i = 0; i < G_N_ELEMENTS (acted); i++)
    wait_until (self, is_acted, &acted[i]);
  act (self, PB_CHANGE_HOLD, NULL);
  act (self, PB_CHANGE_RELEASE, NULL);
  wait_until (self, is_store_empty, NULL);
  wait_until (self, is_idle, NULL);
  g_assert_cmpuint (count_mails (self, self->anna), ==, MESSAGES);
  g_assert_cmpuint (count_mails (self, self->bob), ==, MESSAGES / 2);
}

/* Nothing of what is held moves, not by time, nor by new settings, nor in another life. */
static void
test_held_stays (Fixture *self, gconstpointer data)
{
  apply (self, "{'Delivery': {'RelayServer': <'127.0.0.1'>, 'RelayPort': <uint32 1>}}");
  pb_queue_start (self->queue);
  send_message (self, "s@example.org", "x@far.example y@far.example");
  wait_until (self, is_deferred, GUINT_TO_POINTER (1));
  g_assert_cmpuint (act (self, PB_CHANGE_HOLD, NULL), ==, 1);
  g_assert_cmpuint (act (self, PB_CHANGE_HOLD, NULL), ==, 0);
  apply (self, "{'Delivery': {'RelayPort': <uint32 2>}}");
  stop_queue (self);
  make_queue (self);
  pb_queue_start (self->queue);
  g_assert_cmpuint (act (self, PB_CHANGE_RETRY, NULL), ==, 0);
  send_message (self, "s@far.example", "anna@example.org");
  g_free (wait_mail (self, self->anna, 1));
  wait_until (self, has_only_held, GUINT_TO_POINTER (1));
  g_assert_cmpuint (act (self, PB_CHANGE_REMOVE, NULL), ==, 1);
  wait_until (self, is_store_empty, NULL);
}

/* Local mail too goes where the administrator sends it. */
static void
test_reroute (Fixture *self, gconstpointer data)
{
  static const char *const script[] = { "G:PIPELINING", "C:MAIL", "C:RCPT", "C:DATA", "S:250 ok",
                                        "S:250 ok", "S:354 go", "B", "S:250 ok", NULL };
  const char *const *scripts[] = { script };
  g_autoptr (PbScriptServer) server = pb_script_server_new (scripts, G_N_ELEMENTS (scripts));
  g_autofree char *target = g_strdup_printf ("127.0.0.1:%u", pb_script_server_port (server));

  send_message (self, "s@far.example", "anna@example.org");
  g_assert_cmpuint (act (self, PB_CHANGE_REROUTE, target), ==, 1);
  pb_queue_start (self->queue);
  wait_until (self, is_store_empty, NULL);
  g_assert_cmpuint (pb_script_server_n_bodies (server), ==, 1);
  g_assert_cmpuint (count_mails (self, self->anna), ==, 0);
}

/* One notice a message, for those who want one; the message goes in any case. */
static void
test_remove_and_tell (Fixture *self, gconstpointer data)
{
  g_autofree char *notice = NULL;
  PbEnvelope *never = make_envelope (self, "bob@example.org", "v@far.example");

  apply (self, "{'Queueing': {'MinBackoff': <uint32 600>, 'MaxBackoff': <uint32 4000>}}");
  apply (self, "{'Delivery': {'RelayServer': <'127.0.0.1'>, 'RelayPort': <uint32 1>}}");
  pb_queue_start (self->queue);
  never->recipients[0].notify = PB_NOTIFY_NEVER;
  submit (self, never);
  for (guint i = 0; i < 40; i++)
    send_message (self, "anna@example.org", "x@far.example y@far.example");
  send_message (self, "", "z@far.example");
  wait_until (self, is_deferred, GUINT_TO_POINTER (42));
  g_assert_cmpuint (remove_and_tell (self), ==, 42);
  wait_until (self, is_store_empty, NULL);
  wait_until (self, is_idle, NULL);
  notice = wait_mail (self, self->anna, 40);
  g_assert_nonnull (strstr (notice, "removed from the queue by the administrator"));
  g_assert_cmpuint (count_mails (self, self->anna), ==, 40);
  g_assert_cmpuint (count_mails (self, self->bob), ==, 0);
  g_assert_cmpuint (remove_and_tell (self), ==, 0);
}

/* A stop ends an action that has begun; it is told so, and nothing hangs. */
static void
test_stopped (Fixture *self, gconstpointer data)
{
  Acted acted[2] = { { FALSE } };

  for (guint i = 0; i < 5; i++)
    send_message (self, "anna@example.org", "x@far.example");
  pb_queue_stop (self->queue);
  pb_queue_act (self->queue, NULL, PB_CHANGE_HOLD, NULL, "test", on_acted, &acted[0]);
  pb_queue_remove_and_tell (self->queue, NULL, "test", on_acted, &acted[1]);
  g_assert_true (acted[0].called && acted[0].failed);
  g_assert_true (acted[1].called && acted[1].failed);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, func) g_test_add ("/queue/act/" name, Fixture, NULL, set_up, func, tear_down)
  ADD ("amid-traffic", test_amid_traffic);
  ADD ("held-stays", test_held_stays);
  ADD ("reroute", test_reroute);
  ADD ("remove-and-tell", test_remove_and_tell);
  ADD ("stopped", test_stopped);
#undef ADD
  return g_test_run ();
}
