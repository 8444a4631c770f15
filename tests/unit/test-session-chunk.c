/* SPDX-License-Identifier: GPL-3.0-or-later */
/* BDAT at its limits: large chunks, clients that go away or dawdle in one. */
#include "tests/session/rig.h"

#include <string.h>
#include <unistd.h>

#define TIMED_OUT "421 4.4.2 Timeout, closing the connection\r\n"

static Rig *
start_rig (void)
{
  Rig *rig = rig_new (rig_builder ());

  rig_start (rig);
  return rig;
}

static int
in_chunk (Rig *rig, gsize octets)
{
  g_autofree char *begin =
    g_strdup_printf ("MAIL FROM:<a@client.test>\r\nRCPT TO:<anna@example.test>\r\n"
                     "BDAT %" G_GSIZE_FORMAT "\r\n",
                     octets);
  int fd = rig_greeted (rig, RIG_STRANGER);

  rig_say (fd, RIG_EHLO, 1);
  rig_say (fd, begin, 2);
  return fd;
}

/* Through the spool's file, in two chunks. */
static void
test_large_in_chunks (void)
{
  g_autoptr (Rig) rig = start_rig ();
  g_autoptr (GString) text = rig_make_message (12 << 20);
  g_autoptr (RigMessage) message = NULL;
  g_autofree char *second = g_strdup_printf ("BDAT %" G_GSIZE_FORMAT " LAST\r\n", text->len);
  const char *octets;
  gsize length;
  int fd = in_chunk (rig, text->len);

  g_assert_true (rig_send (fd, text->str, text->len, NULL));
  rig_say (fd, "", 1);
  g_assert_true (rig_send (fd, second, strlen (second), NULL));
  g_assert_true (rig_send (fd, text->str, text->len, NULL));
  rig_say (fd, "", 1);
  close (fd);
  message = rig_take_message (rig);
  g_assert_nonnull (message);
  octets = g_bytes_get_data (message->octets, &length);
  g_assert_cmpuint (length, ==, message->envelope->size);
  g_assert_cmpint (memcmp (octets + length - text->len, text->str, text->len), ==, 0);
  g_assert_cmpint (memcmp (octets + length - 2 * text->len, text->str, text->len), ==, 0);
}

/* Gone in the middle of a chunk, and between two. */
static void
test_chunks_vanish (void)
{
  g_autoptr (Rig) rig = start_rig ();
  g_autoptr (GString) text = rig_make_message (4 << 20);

  for (guint i = 0; i < 8; i++)
    {
      int fd = in_chunk (rig, text->len + i % 2);

      g_assert_true (rig_send (fd, text->str, text->len, NULL));
      if (i % 2 == 0)
        rig_say (fd, "", 1);
      close (fd);
    }
  rig_wait_sessions (rig, 0);
  g_assert_cmpuint (rig_n_messages (rig), ==, 0);
  g_assert_cmpint (rig->server->budget.used, ==, 0);
}

/* Single octets put no deadline off, be the chunk of a message or of none, whose octets are dropped. */
static void
test_trickle_in_chunk (void)
{
  g_autoptr (Rig) rig = start_rig ();
  int fd;

  rig_trickle (rig, in_chunk (rig, 1000), 'x', TIMED_OUT);
  rig_wait_sessions (rig, 0);
  fd = rig_greeted (rig, RIG_STRANGER);
  rig_say (fd, RIG_EHLO, 1);
  g_assert_true (rig_send (fd, "BDAT 1000 LAST\r\n", 16, NULL));
  rig_trickle (rig, fd, 'x', TIMED_OUT);
  rig_wait_sessions (rig, 0);
  fd = in_chunk (rig, 1000);
  rig_run_out (rig);
  rig_expect_end (fd, TIMED_OUT);
  g_assert_cmpuint (rig_n_messages (rig), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/session-chunk/large", test_large_in_chunks);
  g_test_add_func ("/session-chunk/vanish", test_chunks_vanish);
  g_test_add_func ("/session-chunk/trickle", test_trickle_in_chunk);
  return g_test_run ();
}
