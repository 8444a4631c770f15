/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What hostile and unlucky clients do to a session: every split, every moment to vanish, floods
 * without reading, nothing at all. The dialogue itself is in tests/golden/session.
 */
#include "tests/session/rig.h"

#include "util/counters.h"
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static Rig *
start_rig (void)
{
  Rig *rig = rig_new (rig_builder ());

  rig_start (rig);
  return rig;
}

/* ---- splits ---- */

/* Group by group, each cut in two at one place. */
static const char *const groups[] = {
  RIG_EHLO,
  RIG_ENVELOPE,
  "Subject: split\r\n\r\n..dot\r\n.\r\nRSET\r\nMAIL FROM:<a@client.test>\r\n",
  "QUIT\r\n",
};
static const guint group_replies[] = { 1, 3, 3, 1 };

static gsize
total_length (void)
{
  gsize total = 0;

  for (guint i = 0; i < G_N_ELEMENTS (groups); i++)
    total += strlen (groups[i]);
  return total;
}

/* Returns the whole dialogue's replies, ids and date of the message left out. */
static char *
talk_split_at (Rig *rig, gsize split)
{
  g_autoptr (GString) heard = g_string_new (NULL);
  g_autoptr (RigMessage) message = NULL;
  int fd = rig_connect (rig, RIG_STRANGER, PB_ROLE_SMTP, NULL, 0);
  guint replies = 1;
  gsize done = 0;
  const char *body;
  gsize length;

  g_assert_true (rig_read_replies (fd, replies, heard));
  for (guint i = 0; i < G_N_ELEMENTS (groups); i++)
    {
      gsize n = strlen (groups[i]);
      gsize first = split > done && split < done + n ? split - done : n;

      g_assert_true (rig_send (fd, groups[i], first, heard));
      rig_await_taken (fd);
      g_assert_true (rig_send (fd, groups[i] + first, n - first, heard));
      replies += group_replies[i];
      g_assert_true (rig_read_replies (fd, replies, heard));
      done += n;
    }
  close (fd);
  message = rig_take_message (rig);
  g_assert_nonnull (message);
  body = g_bytes_get_data (message->octets, &length);
  g_assert_true (g_str_has_suffix (heard->str, "221 2.0.0 Bye\r\n"));
  body = memmem (body, length, "Subject", 7);
  g_assert_nonnull (body);
  g_assert_cmpint (memcmp (body, "Subject: split\r\n\r\n.dot\r\n", 24), ==, 0);
  return g_string_free (g_steal_pointer (&heard), FALSE);
}

static void
test_splits (void)
{
  g_autoptr (Rig) rig = start_rig ();
  g_autofree char *whole = talk_split_at (rig, 0);
  g_autoptr (GRegex) id = g_regex_new ("as \\w{13}", 0, 0, NULL);
  g_autofree char *wanted = g_regex_replace_literal (id, whole, -1, 0, "as ID", 0, NULL);

  for (gsize split = 1; split < total_length (); split++)
    {
      g_autofree char *heard = talk_split_at (rig, split);
      g_autofree char *got = g_regex_replace_literal (id, heard, -1, 0, "as ID", 0, NULL);

      g_assert_cmpstr (got, ==, wanted);
    }
}

/* The forms of asking for a relay: however a command is cut in two, it is refused, and the next is as it was. */
static const char *const relay_forms[] = {
  "<bob@elsewhere.test>",
  "<bob%elsewhere.test@[127.0.0.1]>",
  "<bob%elsewhere.test@example.test>",
  "<\"bob@elsewhere.test\">",
  "<\"bob%elsewhere.test\">",
  "<bob@elsewhere.test@[127.0.0.1]>",
  "<\"bob@elsewhere.test\"@[127.0.0.1]>",
  "<\"bob@elsewhere.test\"@example.test>",
  "<bob@elsewhere.test@example.test>",
  "<@[127.0.0.1]:bob@elsewhere.test>",
  "<@example.test:bob@elsewhere.test>",
  "<@example.test,@example.test:bob@elsewhere.test>",
  "<elsewhere.test!bob>",
  "<elsewhere.test!bob@[127.0.0.1]>",
  "<elsewhere.test!bob@example.test>",
  "<bob@[192.0.2.1]>",
  "<bob@[IPv6:2001:db8::1]>",
  "<bob@192.0.2.1>",
  "<bob@example.test.elsewhere.test>",
  "<bob@elsewhere.test.>",
  "<bob@elsewhere.test\\@example.test>",
  "<bob@\320\265xample.test>",
};

/* Returns: (transfer full): what the recipient was answered. */
static char *
try_relay_form (Rig *rig, const char *form, gsize split)
{
  g_autofree char *answer = NULL;
  g_autofree char *line = g_strdup_printf ("RCPT TO:%s\r\n", form);
  g_autoptr (GString) heard = g_string_new (NULL);
  int fd = rig_greeted (rig, RIG_STRANGER);
  gsize n = strlen (line);

  split = MIN (split, n);
  g_assert_true (rig_send (fd, RIG_EHLO, strlen (RIG_EHLO), heard));
  g_assert_true (rig_read_replies (fd, 1, heard));
  g_string_truncate (heard, 0);
  g_assert_true (rig_send (fd, "MAIL FROM:<a@client.test>\r\n", 27, heard));
  g_assert_true (rig_read_replies (fd, 1, heard));
  g_string_truncate (heard, 0);
  g_assert_true (rig_send (fd, line, split, heard));
  rig_await_taken (fd);
  g_assert_true (rig_send (fd, line + split, n - split, heard));
  g_assert_true (rig_read_replies (fd, 1, heard));
  answer = g_strdup (heard->str);
  g_string_truncate (heard, 0);
  g_assert_true (rig_send (fd, "DATA\r\n", 6, heard));
  g_assert_true (rig_read_replies (fd, 1, heard));
  g_assert_true (g_str_has_prefix (heard->str, "554 5.5.1 No valid recipients"));
  close (fd);
  return g_steal_pointer (&answer);
}

static void
test_relay_splits (void)
{
  g_autoptr (Rig) rig = start_rig ();

  for (guint i = 0; i < G_N_ELEMENTS (relay_forms); i++)
    {
      g_autofree char *whole = try_relay_form (rig, relay_forms[i], G_MAXSIZE);

      g_assert_cmpint (whole[0], ==, '5');
      for (gsize split = 1; split <= strlen (relay_forms[i]) + 10; split++)
        {
          g_autofree char *answer = try_relay_form (rig, relay_forms[i], split);

          g_assert_cmpstr (answer, ==, whole);
        }
    }
  g_assert_cmpuint (rig_n_messages (rig), ==, 0);
}

/* ---- the end of the data ---- */

/* None of these ends a message; the dot that follows in a line of its own does. */
static const char *const false_ends[] = {
  "\n.\n",   "\r.\r",   "\r.\n",       "\n.\r",       "\n.\r\n",     "\r\n.\n",
  "\r.\r\n", "\r\n.\r", "\r\n\0.\r\n", "\r\n.\0\r\n", "\r\n.\r\r\n", "\r\r\n.\r\r\n",
};
static const gsize false_end_lengths[] = { 3, 3, 3, 3, 4, 4, 4, 4, 6, 6, 6, 7 };

static void
try_false_end (Rig *rig, guint which, gsize split)
{
  static const char smuggled[] = "MAIL FROM:<evil@client.test>\r\n";
  g_autoptr (GString) octets = g_string_new ("Subject: x\r\n\r\nbody");
  g_autoptr (GString) heard = g_string_new (NULL);
  int fd = rig_in_data (rig, RIG_STRANGER);

  g_string_append_len (octets, false_ends[which], (gssize) false_end_lengths[which]);
  g_string_append (octets, smuggled);
  g_string_append (octets, ".\r\n");
  split = MIN (split, octets->len);
  g_assert_true (rig_send (fd, octets->str, split, heard));
  rig_await_taken (fd);
  g_assert_cmpuint (heard->len, ==, 0);
  g_assert_true (rig_send (fd, octets->str + split, octets->len - split, heard));
  g_assert_true (rig_read_replies (fd, 1, heard));
  g_assert_true (g_str_has_prefix (heard->str, "550 5.6.0 "));
  g_assert_true (rig_send (fd, "QUIT\r\n", 6, heard));
  rig_read_end (fd, heard);
  /* one answer for the message, one for QUIT: the smuggled line was never a command */
  g_assert_true (g_str_has_suffix (heard->str, "CRLF\r\n221 2.0.0 Bye\r\n"));
  close (fd);
}

static void
test_false_ends (void)
{
  g_autoptr (Rig) rig = start_rig ();

  for (guint i = 0; i < G_N_ELEMENTS (false_ends); i++)
    for (gsize split = 18; split <= 18 + false_end_lengths[i] + 1; split++)
      try_false_end (rig, i, split);
  g_assert_cmpuint (rig_n_messages (rig), ==, 0);
}

/* ---- going away ---- */

/* The connection ends behind each octet of the dialogue, by a close and by a half close. */
static void
test_vanish (void)
{
  static const char dialogue[] = RIG_EHLO RIG_ENVELOPE "Subject: x\r\n\r\nbody\r\n.\r\n";
  PbSnapshotBuilder *builder = rig_builder ();
  PbSettingValues *values = pb_snapshot_builder_values (builder);
  g_autoptr (Rig) rig = NULL;

  g_free (values->advanced_reject_unauthorized_pipelining);
  values->advanced_reject_unauthorized_pipelining = g_strdup ("off");
  rig = rig_new (builder);
  rig_start (rig);
  for (gsize length = 0; length < sizeof dialogue; length++)
    for (guint half = 0; half < 2; half++)
      {
        int fd = rig_greeted (rig, RIG_STRANGER);

        g_assert_true (rig_send (fd, dialogue, length, NULL));
        if (half)
          {
            g_autoptr (GString) heard = g_string_new (NULL);

            shutdown (fd, SHUT_WR);
            rig_read_end (fd, heard);
            if (length == sizeof dialogue - 1)
              g_assert_nonnull (strstr (heard->str, "250 2.0.0 Queued as "));
          }
        close (fd);
        rig_wait_sessions (rig, 0);
      }
  g_assert_cmpuint (rig_n_messages (rig), >=, 1);
}

/* The client goes while its message is being made safe: the message stays. */
static void
test_vanish_in_commit (void)
{
  for (guint half = 0; half < 3; half++)
    {
      g_autoptr (Rig) rig = start_rig ();
      g_autoptr (GString) heard = g_string_new (NULL);
      g_autoptr (RigMessage) message = NULL;
      guint64 accepted = pb_counter_get (PB_COUNTER_ACCEPTED);
      int fd;

      rig_set_submit (rig, RIG_SUBMIT_HOLD, 0);
      fd = rig_in_data (rig, RIG_STRANGER);
      g_assert_true (rig_send (fd, "x\r\n.\r\nQUIT\r\n", 12, NULL));
      rig_wait_held (rig, 1);
      g_assert_cmpuint (pb_server_n_sessions (rig->server), ==, 1);
      if (half == 1)
        shutdown (fd, SHUT_WR);
      else if (half == 2)
        close (fd);
      rig_release (rig);
      if (half < 2)
        {
          rig_read_end (fd, heard);
          g_assert_true (g_str_has_prefix (heard->str, "250 2.0.0 Queued as "));
          g_assert_true (g_str_has_suffix (heard->str, "221 2.0.0 Bye\r\n"));
          close (fd);
        }
      rig_wait_sessions (rig, 0);
      message = rig_take_message (rig);
      g_assert_nonnull (message);
      g_assert_cmpuint (pb_counter_get (PB_COUNTER_ACCEPTED), ==, accepted + 1);
    }
}

/* Shutting down does not wait for ever for a store that does not answer, nor lose the answer. */
static void
test_shut_down_in_commit (void)
{
  g_autoptr (Rig) rig = start_rig ();
  g_autoptr (GString) heard = g_string_new (NULL);
  int fd;

  rig_set_submit (rig, RIG_SUBMIT_HOLD, 0);
  fd = rig_in_data (rig, RIG_STRANGER);
  g_assert_true (rig_send (fd, "x\r\n.\r\n", 6, NULL));
  rig_wait_held (rig, 1);
  pb_server_shut_down (rig->server, g_get_monotonic_time () + 20000);
  rig_read_end (fd, heard);
  g_assert_cmpstr (heard->str, ==, "421 4.3.2 Service shutting down, try again later\r\n");
  close (fd);
  g_assert_cmpuint (pb_server_n_sessions (rig->server), ==, 1);
  rig_release (rig);
  rig_wait_sessions (rig, 0);
  g_assert_cmpuint (rig_n_messages (rig), ==, 1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/session/splits", test_splits);
  g_test_add_func ("/session/relay-splits", test_relay_splits);
  g_test_add_func ("/session/false-ends", test_false_ends);
  g_test_add_func ("/session/vanish", test_vanish);
  g_test_add_func ("/session/vanish-in-commit", test_vanish_in_commit);
  g_test_add_func ("/session/shut-down-in-commit", test_shut_down_in_commit);
  return g_test_run ();
}
