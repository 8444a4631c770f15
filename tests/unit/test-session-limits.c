/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The limits of a session: memory, time, connections, size; and verdicts that come later than asked.
 */
#include "tests/session/rig.h"

#include "util/counters.h"
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FULL      "421 4.3.0 Out of resources, try again later\r\n"
#define BUSY      "452 4.3.1 Mail store busy, try again later\r\n"
#define TOO_LARGE "552 5.3.4 Message exceeds the size limit\r\n"
#define TIMED_OUT "421 4.4.2 Timeout, closing the connection\r\n"
#define BYE       "221 2.0.0 Bye\r\n"

static Rig *
start_rig (void)
{
  Rig *rig = rig_new (rig_builder ());

  rig_start (rig);
  return rig;
}

/* ---- floods ---- */

/* Recipients without end: no memory for those put off, and in the end the door. */
static void
test_recipient_flood (void)
{
  g_autoptr (Rig) rig = start_rig ();
  g_autoptr (GString) chunk = g_string_new (NULL);
  g_autoptr (GString) heard = g_string_new (NULL);
  gboolean open = TRUE;
  int fd = rig_greeted (rig, RIG_TRUSTED);

  rig_say (fd, RIG_EHLO, 1);
  rig_say (fd, "MAIL FROM:<a@client.test>\r\n", 1);
  for (guint i = 0; i < 1000; i++)
    g_string_append (chunk, "RCPT TO:<anna@example.test>\r\n");
  for (guint sent = 0; open && sent < 1000000; sent += 1000)
    {
      open = rig_send (fd, chunk->str, chunk->len, heard);
      /* only its end is of interest */
      if (heard->len > 200)
        g_string_erase (heard, 0, (gssize) heard->len - 200);
      g_assert_cmpint (__atomic_load_n (&rig->server->budget.used, __ATOMIC_RELAXED), <, 1 << 20);
    }
  g_assert_false (open);
  rig_read_end (fd, heard);
  g_assert_true (
    g_str_has_suffix (heard->str, "421 4.7.0 Too many errors, closing the connection\r\n"));
  close (fd);
}

/* Sends and never reads: the server stops reading too. */
static void
test_never_reads (void)
{
  g_autoptr (Rig) rig = start_rig ();
  g_autoptr (GString) chunk = g_string_new (NULL);
  int fd = rig_greeted (rig, RIG_TRUSTED);
  struct pollfd room = { .fd = fd, .events = POLLOUT };
  gsize sent = 0;

  rig_say (fd, RIG_EHLO, 1);
  for (guint i = 0; i < 1000; i++)
    g_string_append (chunk, "RSET\r\nRSET\r\nMAIL FROM:<a@client.test>\r\nRCPT TO:<b@c.test>\r\n");
  while (poll (&room, 1, 100) == 1)
    {
      ssize_t n = send (fd, chunk->str, chunk->len, MSG_NOSIGNAL);

      g_assert_true (n > 0 || rig_n_messages (rig) == 0);
      if (n < 0)
        break;
      sent += (gsize) n;
      g_assert_cmpuint (sent, <, 64 << 20);
    }
  close (fd);
  rig_wait_sessions (rig, 0);
}

/* A line without an end costs nothing and is told once. */
static void
test_endless_line (void)
{
  g_autoptr (Rig) rig = start_rig ();
  g_autofree char *piece = g_malloc (65536);
  g_autoptr (GString) heard = g_string_new (NULL);
  int fd = rig_greeted (rig, RIG_STRANGER);

  memset (piece, 'x', 65536);
  for (guint i = 0; i < 160; i++)
    g_assert_true (rig_send (fd, piece, 65536, heard));
  g_assert_true (rig_send (fd, "\r\n", 2, heard));
  rig_await_taken (fd);
  g_assert_true (rig_send (fd, "QUIT\r\n", 6, heard));
  rig_read_end (fd, heard);
  g_assert_cmpstr (heard->str, ==, "500 5.5.2 Command line too long\r\n" BYE);
  close (fd);
}

typedef struct
{
  gint64 seconds; /* of the rig, until the reply */
} Delay;

/* Finds the delayed reply's time, and has it said at once. */
static void
end_delay (PbSession *session, gpointer data)
{
  Delay *delay = data;
  gint64 second = session->shard->server->wiring.second;
  gint64 left = session->timer.deadline - pb_reactor_now (session->shard->reactor);

  delay->seconds = (left + second - 1) / second;
  pb_session_set_timer (session, 0);
}

/* Every ten past the limit cost a second more for each reply, five at most; at twice the limit it is over. */
static void
test_junk_delays (void)
{
  const guint limit = 70;
  PbSnapshotBuilder *builder = rig_builder ();
  g_autoptr (Rig) rig = NULL;
  int fd;

  pb_snapshot_builder_values (builder)->advanced_max_junk_commands = limit;
  rig = rig_new (builder);
  rig->wiring.second = (gint64) 3600 * G_USEC_PER_SEC; /* nobody waits for it here */
  rig_start (rig);
  fd = rig_greeted (rig, RIG_STRANGER);
  rig_say (fd, RIG_EHLO, 1);
  for (guint i = 1; i < 2 * limit; i++)
    {
      guint expected = i < limit + 10 ? 0 : MIN ((i - limit) / 10, 5);
      g_autoptr (GString) heard = g_string_new (NULL);
      Delay delay = { 0 };

      g_assert_true (rig_send (fd, "NOOP\r\n", 6, NULL));
      if (expected > 0)
        {
          rig_wait_hold (rig, PB_HOLD_DELAY);
          rig_look (rig, end_delay, &delay);
        }
      g_assert_cmpint (delay.seconds, ==, expected);
      g_assert_true (rig_read_replies (fd, 1, heard));
      g_assert_cmpstr (heard->str, ==, "250 2.0.0 Ok\r\n");
    }
  g_assert_true (rig_send (fd, "NOOP\r\n", 6, NULL));
  rig_expect_end (fd, "421 4.7.0 Too many commands without mail, closing the connection\r\n");
}

static void
test_max_connections (void)
{
  PbSnapshotBuilder *builder = rig_builder ();
  g_autoptr (Rig) rig = NULL;
  int one, two, trusted[3];

  pb_snapshot_builder_values (builder)->connection_policy_max_connections = 2;
  rig = rig_new (builder);
  rig_start (rig);
  one = rig_greeted (rig, RIG_STRANGER);
  two = rig_greeted (rig, RIG_STRANGER);
  rig_expect_end (rig_connect (rig, RIG_STRANGER, PB_ROLE_SMTP, NULL, 0),
                  "421 4.7.0 Too many connections from " RIG_STRANGER "\r\n");
  close (one);
  rig_wait_sessions (rig, 1);
  one = rig_greeted (rig, RIG_STRANGER);
  for (guint i = 0; i < G_N_ELEMENTS (trusted); i++)
    trusted[i] = rig_greeted (rig, RIG_TRUSTED);
  for (guint i = 0; i < G_N_ELEMENTS (trusted); i++)
    close (trusted[i]);
  close (one);
  close (two);
}

/* Postmaster at the address where we are reached is postmaster (RFC 5321 4.5.1); nobody else is. */
static void
test_our_literal (void)
{
  g_autoptr (Rig) rig = start_rig ();
  g_autoptr (RigMessage) message = NULL;
  int fd = rig_connect_tcp (rig, RIG_STRANGER);

  rig_say (fd, "", 1);
  rig_say (fd, RIG_EHLO, 1);
  rig_say (fd, "MAIL FROM:<>\r\n", 1);
  rig_expect (fd, "RCPT TO:<anna@[127.0.0.1]>\r\n", "554 5.7.1 Relay access denied\r\n");
  rig_expect (fd, "RCPT TO:<postmaster@[127.0.0.2]>\r\n", "554 5.7.1 Relay access denied\r\n");
  rig_say (fd, "RCPT TO:<postmaster@[127.0.0.1]>\r\nDATA\r\n", 2);
  rig_say (fd, ".\r\n", 1);
  close (fd);
  message = rig_take_message (rig);
  g_assert_nonnull (message);
  g_assert_cmpstr (message->envelope->recipients[0].address, ==, "postmaster@mx.example.test");
}

/* ---- size ---- */

static Rig *
start_small_rig (void)
{
  PbSnapshotBuilder *builder = rig_builder ();
  Rig *rig;

  pb_snapshot_builder_values (builder)->general_max_message_size = 1;
  rig = rig_new (builder);
  rig_start (rig);
  return rig;
}

/* Exactly the limit is taken; one octet more is read to its end and refused; the session goes on. */
static void
test_size (void)
{
  g_autoptr (Rig) rig = start_small_rig ();
  g_autoptr (GString) fits = rig_make_message (1 << 20);
  g_autoptr (GString) does_not = rig_make_message ((1 << 20) + 1);
  g_autoptr (RigMessage) message = NULL;
  const char *octets;
  gsize length;
  int fd = rig_in_data (rig, RIG_STRANGER);

  g_string_append (does_not, ".\r\n");
  g_assert_true (rig_send (fd, does_not->str, does_not->len, NULL));
  rig_expect (fd, "", TOO_LARGE);
  rig_say (fd, RIG_ENVELOPE, 3);
  g_assert_true (rig_send (fd, fits->str, fits->len, NULL));
  rig_say (fd, ".\r\n", 1);
  rig_expect (fd, "QUIT\r\n", BYE);
  close (fd);
  message = rig_take_message (rig);
  g_assert_nonnull (message);
  octets = g_bytes_get_data (message->octets, &length);
  g_assert_cmpuint (length, >, fits->len);
  g_assert_cmpint (memcmp (octets + length - fits->len, fits->str, fits->len), ==, 0);
  g_assert_cmpuint (rig_n_messages (rig), ==, 0);
}

/* A message without an end is not read for ever. */
static void
test_endless_message (void)
{
  g_autoptr (Rig) rig = start_small_rig ();
  g_autoptr (GString) piece = rig_make_message (1 << 16);
  g_autoptr (GString) heard = g_string_new (NULL);
  gboolean open = TRUE;
  int fd = rig_in_data (rig, RIG_STRANGER);

  for (guint i = 0; open && i < 1024; i++)
    open = rig_send (fd, piece->str, piece->len, heard);
  g_assert_false (open);
  rig_read_end (fd, heard);
  g_assert_cmpstr (heard->str, ==, TOO_LARGE);
  close (fd);
}

/* Through the spool's file, with reading stopped whenever the disk is behind. */
static void
test_large (void)
{
  g_autoptr (Rig) rig = start_rig ();
  g_autoptr (GString) text = rig_make_message (12 << 20);
  g_autoptr (RigMessage) message = NULL;
  const char *octets;
  gsize length;
  int fd = rig_in_data (rig, RIG_STRANGER);

  g_assert_true (rig_send (fd, text->str, text->len, NULL));
  rig_say (fd, ".\r\n", 1);
  close (fd);
  message = rig_take_message (rig);
  g_assert_nonnull (message);
  octets = g_bytes_get_data (message->octets, &length);
  g_assert_cmpuint (length, ==, message->envelope->size);
  g_assert_cmpint (memcmp (octets + length - text->len, text->str, text->len), ==, 0);
}

/* Gone in the middle of a large message: nothing stays in the spool. */
static void
test_large_vanishes (void)
{
  g_autoptr (Rig) rig = start_rig ();
  g_autoptr (GString) text = rig_make_message (4 << 20);

  for (guint i = 0; i < 8; i++)
    {
      int fd = rig_in_data (rig, RIG_STRANGER);

      g_assert_true (rig_send (fd, text->str, text->len, NULL));
      close (fd);
    }
  rig_wait_sessions (rig, 0);
  g_assert_cmpuint (rig_n_messages (rig), ==, 0);
}

/* ---- memory ---- */

static Rig *
start_poor_rig (gint64 budget)
{
  Rig *rig = rig_new (rig_builder ());

  rig->wiring.budget = budget;
  rig_start (rig);
  return rig;
}

/* One message takes more than 80 %: it waits, others may begin nothing; when it goes they may. */
static void
test_memory_tight (void)
{
  g_autoptr (Rig) rig = start_poor_rig (40000);
  g_autoptr (GString) text = rig_make_message (37000);
  int big = rig_in_data (rig, RIG_STRANGER), other = rig_greeted (rig, RIG_STRANGER);

  rig_say (other, RIG_EHLO, 1);
  g_assert_true (rig_send (big, text->str, text->len, NULL));
  rig_wait_hold (rig, PB_HOLD_MEMORY);
  rig_expect (other, "MAIL FROM:<a@client.test>\r\n", BUSY);
  close (big);
  /* It is not read from, so only the end of its patience tells that it is gone. */
  rig_wait_sessions (rig, 1);
  rig_say (other, RIG_ENVELOPE, 3);
  rig_say (other, "x\r\n.\r\n", 1);
  close (other);
}

/* Nobody makes room: the one who waits is sent away. */
static void
test_memory_never_eases (void)
{
  g_autoptr (Rig) rig = start_poor_rig (40000);
  g_autoptr (GString) text = rig_make_message (37000);
  int fd = rig_in_data (rig, RIG_STRANGER);

  g_assert_true (rig_send (fd, text->str, text->len, NULL));
  rig_expect_end (fd, FULL);
}

/* More than all: at once, and for whoever connects. */
static void
test_memory_full (void)
{
  g_autoptr (Rig) rig = start_poor_rig (40000);
  g_autoptr (GString) text = rig_make_message (41000);
  int fd = rig_in_data (rig, RIG_STRANGER), late;

  pb_budget_charge (&rig->server->budget, 40000);
  late = rig_connect (rig, RIG_STRANGER, PB_ROLE_SMTP, NULL, 0);
  rig_expect_end (late, FULL);
  g_assert_true (rig_send (fd, text->str, text->len, NULL));
  rig_expect_end (fd, FULL);
  pb_budget_charge (&rig->server->budget, -40000);
}

static void
test_budget (void)
{
  PbBudget budget = { .limit = 1000 };

  g_assert_cmpint (pb_budget_default_limit (), >=, 16 << 20);
  g_assert_cmpint (pb_budget_default_limit (), <=, 256 << 20);
  pb_budget_charge (&budget, 799);
  g_assert_cmpint (pb_budget_state (&budget), ==, PB_BUDGET_EASY);
  pb_budget_charge (&budget, 1);
  g_assert_cmpint (pb_budget_state (&budget), ==, PB_BUDGET_TIGHT);
  pb_budget_charge (&budget, 100);
  g_assert_cmpint (pb_budget_state (&budget), ==, PB_BUDGET_SCARCE);
  pb_budget_charge (&budget, 100);
  g_assert_cmpint (pb_budget_state (&budget), ==, PB_BUDGET_FULL);
  pb_budget_charge (&budget, -1000);
  g_assert_cmpint (pb_budget_state (&budget), ==, PB_BUDGET_EASY);
}

/* What a silent session costs beside its channel. */
static void
test_footprint (void)
{
  g_assert_cmpuint (sizeof (PbSession), <=, 256);
}

/* ---- time ---- */

/* Single octets put no deadline off. */
static void
test_trickle (void)
{
  g_autoptr (Rig) rig = start_rig ();

  rig_trickle (rig, rig_greeted (rig, RIG_STRANGER), 'N', TIMED_OUT);
  rig_wait_sessions (rig, 0);
  rig_trickle (rig, rig_in_data (rig, RIG_STRANGER), 'x', TIMED_OUT);
}

/* A silent client in DATA. */
static void
test_silent_in_data (void)
{
  g_autoptr (Rig) rig = start_rig ();
  int fd = rig_in_data (rig, RIG_STRANGER);

  rig_run_out (rig);
  rig_expect_end (fd, TIMED_OUT);
}

/* ---- verdicts that come later ---- */

static GMutex asked_lock;
static GPtrArray *asked; /* (element-type PbPolicyRun) under asked_lock */

static PbFinding
check_later (const PbJudged *judged, PbDecision *decision, PbPolicyRun *run)
{
  g_mutex_lock (&asked_lock);
  g_ptr_array_add (asked, pb_policy_run_suspend (run));
  g_mutex_unlock (&asked_lock);
  return PB_FINDING_PENDING;
}

static const PbPolicyRow later_rows[] = {
  { .stage = PB_STAGE_CONNECT, .name = "later", .check = check_later },
  { .stage = PB_STAGE_MAIL, .name = "later", .check = check_later },
  { .stage = PB_STAGE_RCPT, .name = "later", .check = check_later },
  { .stage = PB_STAGE_END_OF_DATA, .name = "later", .check = check_later },
};

typedef struct
{
  PbPolicyRun *run;
  PbFinding finding;
} Later;

static void
on_later (gpointer data)
{
  g_autofree Later *later = data;
  PbDecision decision = { .reply = PB_REPLY_RELAY_DENIED };

  pb_policy_continue (later->run, later->finding, &decision);
}

/* Waits until a check is asked, and answers it on the reactor's thread. */
static void
answer_next (Rig *rig, PbFinding finding)
{
  gint64 until = g_get_monotonic_time () + RIG_PATIENCE;
  Later *later = g_new0 (Later, 1);

  later->finding = finding;
  while (later->run == NULL)
    {
      g_assert_cmpint (g_get_monotonic_time (), <, until);
      g_mutex_lock (&asked_lock);
      if (asked->len > 0)
        later->run = g_ptr_array_steal_index (asked, 0);
      g_mutex_unlock (&asked_lock);
      poll (NULL, 0, 1);
    }
  pb_mailbox_post (pb_reactor_mailbox (rig->reactor), on_later, later);
}

static Rig *
start_slow_rig (void)
{
  Rig *rig = rig_new (rig_builder ());

  rig->wiring.rows = later_rows;
  rig->wiring.n_rows = G_N_ELEMENTS (later_rows);
  rig_start (rig);
  return rig;
}

/* The pipelined group waits for each verdict in turn. */
static void
test_pending (void)
{
  static const char group[] = "MAIL FROM:<a@client.test>\r\nRCPT TO:<anna@example.test>\r\n"
                              "RCPT TO:<ben@example.test>\r\nDATA\r\n";
  g_autoptr (Rig) rig = start_slow_rig ();
  g_autoptr (GString) heard = g_string_new (NULL);
  int fd = rig_connect (rig, RIG_STRANGER, PB_ROLE_SMTP, NULL, 0);

  answer_next (rig, PB_FINDING_PASS); /* connect */
  rig_say (fd, "", 1);
  rig_say (fd, RIG_EHLO, 1);
  g_assert_true (rig_send (fd, group, strlen (group), heard));
  answer_next (rig, PB_FINDING_PASS);
  answer_next (rig, PB_FINDING_REFUSE);
  answer_next (rig, PB_FINDING_PASS);
  g_assert_true (rig_read_replies (fd, 4, heard));
  g_assert_cmpstr (heard->str, ==,
                   "250 2.1.0 Sender ok\r\n554 5.7.1 Relay access denied\r\n"
                   "250 2.1.5 Recipient ok\r\n354 End data with <CR><LF>.<CR><LF>\r\n");
  g_assert_true (rig_send (fd, "x\r\n.\r\nQUIT\r\n", 12, NULL));
  answer_next (rig, PB_FINDING_PASS);
  g_string_truncate (heard, 0);
  rig_read_end (fd, heard);
  g_assert_true (g_str_has_prefix (heard->str, "250 2.0.0 Queued as "));
  g_assert_true (g_str_has_suffix (heard->str, BYE));
  close (fd);
  g_assert_cmpuint (rig_n_messages (rig), ==, 1);
}

static void
test_pending_refused (void)
{
  g_autoptr (Rig) rig = start_slow_rig ();
  int fd = rig_connect (rig, RIG_STRANGER, PB_ROLE_SMTP, NULL, 0);

  answer_next (rig, PB_FINDING_REFUSE);
  rig_expect_end (fd, "554 5.7.1 Relay access denied\r\n");
}

/* The server shuts down, or the client is reset, while a verdict is pending; the answer comes too late. */
static void
test_pending_vanish (void)
{
  g_autoptr (Rig) rig = start_slow_rig ();
  int fd = rig_connect (rig, RIG_STRANGER, PB_ROLE_SMTP, NULL, 0);

  answer_next (rig, PB_FINDING_PASS);
  rig_say (fd, "", 1);
  rig_say (fd, RIG_EHLO, 1);
  g_assert_true (rig_send (fd, "MAIL FROM:<a@client.test>\r\n", 27, NULL));
  rig_wait_hold (rig, PB_HOLD_VERDICT);
  pb_server_shut_down (rig->server, g_get_monotonic_time () + G_USEC_PER_SEC);
  rig_expect_end (fd, "421 4.3.2 Service shutting down, try again later\r\n");
  rig_wait_sessions (rig, 0);
  answer_next (rig, PB_FINDING_REFUSE);
}

int
main (int argc, char **argv)
{
  asked = g_ptr_array_new ();
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/session-limits/recipient-flood", test_recipient_flood);
  g_test_add_func ("/session-limits/never-reads", test_never_reads);
  g_test_add_func ("/session-limits/endless-line", test_endless_line);
  g_test_add_func ("/session-limits/junk-delays", test_junk_delays);
  g_test_add_func ("/session-limits/max-connections", test_max_connections);
  g_test_add_func ("/session-limits/our-literal", test_our_literal);
  g_test_add_func ("/session-limits/size", test_size);
  g_test_add_func ("/session-limits/endless-message", test_endless_message);
  g_test_add_func ("/session-limits/large", test_large);
  g_test_add_func ("/session-limits/large-vanishes", test_large_vanishes);
  g_test_add_func ("/session-limits/budget", test_budget);
  g_test_add_func ("/session-limits/memory-tight", test_memory_tight);
  g_test_add_func ("/session-limits/memory-never-eases", test_memory_never_eases);
  g_test_add_func ("/session-limits/memory-full", test_memory_full);
  g_test_add_func ("/session-limits/footprint", test_footprint);
  g_test_add_func ("/session-limits/trickle", test_trickle);
  g_test_add_func ("/session-limits/silent-in-data", test_silent_in_data);
  g_test_add_func ("/session-limits/pending", test_pending);
  g_test_add_func ("/session-limits/pending-refused", test_pending_refused);
  g_test_add_func ("/session-limits/pending-vanish", test_pending_vanish);
  return g_test_run ();
}
