/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Output of a channel in one piece, its deadline and ends, freeing at any moment, finishing and connecting. */
#include "channel-fixture.h"

static void
reply_twice (Fixture *self)
{
  take_lines (self);
  for (guint i = 0; i < 100; i++)
    {
      pb_channel_write (self->channel, "250 2.1.0 ", 10);
      pb_channel_write (self->channel, "Ok\r\n", 4);
    }
  g_assert_cmpuint (pb_channel_pending (self->channel), ==, 1400);
}

static void
test_one_send (Fixture *self, gconstpointer data)
{
  static const Step steps[] = { reply_twice, NULL };
  char buffer[4096];

  socket_pair (self, SOCK_SEQPACKET);
  self->on_readable = steps;
  start (self);
  peer_send (self, "a\r\nb\r\n", 6);
  /* One send of a seqpacket socket is one message. */
  g_assert_cmpuint (peer_receive (self, buffer, sizeof buffer), ==, 1400);
  g_assert_true (strncmp (buffer + 1386, "250 2.1.0 Ok\r\n", 14) == 0);
}

static void
write_outside (Fixture *self)
{
  pb_channel_write (self->channel, "not ", 4);
  pb_channel_write (self->channel, "flushed", 7);
}

static void
write_and_flush (Fixture *self)
{
  pb_channel_write (self->channel, "flushed", 7);
  pb_channel_flush (self->channel);
  g_assert_cmpuint (pb_channel_pending (self->channel), ==, 0);
}

static void
test_write_outside (Fixture *self, gconstpointer data)
{
  start (self);
  run (self, write_and_flush);
  expect_peer (self, "flushed");
  run (self, write_outside);
  expect_peer (self, "not flushed");
}

static void
write_big (Fixture *self)
{
  const char *data = g_bytes_get_data (self->bytes, NULL);

  pb_channel_write (self->channel, data, 1000);
  for (gsize at = 1000; at < BIG / 2; at += MIN (7000, BIG / 2 - at))
    pb_channel_write (self->channel, data + at, MIN (7000, BIG / 2 - at));
  for (gsize at = BIG / 2; at < BIG; at += 65536)
    {
      g_autoptr (GBytes) part = g_bytes_new_from_bytes (self->bytes, at, 65536);

      pb_channel_write_bytes (self->channel, part);
    }
}

static void
check_octets (Fixture *self)
{
  guint64 in, out;

  pb_channel_octets (self->channel, &in, &out);
  g_assert_cmpuint (in, ==, 3);
  g_assert_cmpuint (out, ==, BIG);
  g_assert_cmpuint (pb_channel_pending (self->channel), ==, 0);
  g_assert_null (self->channel->out);
  g_assert_cmpuint (self->channel->watch.armed & EPOLLOUT, ==, 0);
}

static void
test_big_output (Fixture *self, gconstpointer data)
{
  g_autofree char *got = g_malloc (BIG);
  guint8 *sent = g_malloc (BIG);
  gsize n = 0;

  for (guint i = 0; i < BIG; i++)
    sent[i] = (guint8) (i * 2654435761u >> 13);
  self->bytes = g_bytes_new_take (sent, BIG);
  start (self);
  run (self, write_big);
  settle (self);
  g_assert_cmpuint (self->channel->watch.armed & EPOLLOUT, !=, 0);
  /* Input is served all the while. */
  peer_send (self, "x\r\n", 3);
  expect_log (self, "x;");
  while (n < BIG)
    n += peer_receive (self, got + n, BIG - n);
  g_assert_cmpmem (got, n, sent, BIG);
  expect_log (self, "x;drained;");
  run (self, check_octets);
}

static void
set_deadline_soon (Fixture *self)
{
  pb_channel_set_deadline (self->channel,
                           pb_clock_monotonic () + G_GINT64_CONSTANT (3600) * G_USEC_PER_SEC);
  pb_channel_set_deadline (self->channel, 0);
  pb_channel_set_deadline (self->channel, pb_clock_monotonic () + 20000);
}

static void
test_deadline (Fixture *self, gconstpointer data)
{
  start (self);
  run (self, set_deadline_soon);
  expect_log (self, "timeout;");
}

static void
reset_peer (Fixture *self)
{
  struct linger now = { .l_onoff = 1 };

  setsockopt (self->peer, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  close (self->peer);
  self->peer = -1;
}

static void
test_reset (Fixture *self, gconstpointer data)
{
  tcp_pair (self);
  start (self);
  reset_peer (self);
  expect_log (self, "error;");
  g_assert_cmpint (self->error, ==, ECONNRESET);
}

static void
test_reset_while_paused (Fixture *self, gconstpointer data)
{
  static const Step steps[] = { take_one_and_pause, NULL };

  tcp_pair (self);
  self->on_readable = steps;
  start (self);
  peer_send (self, "a\r\n", 3);
  expect_log (self, "a;");
  reset_peer (self);
  settle (self);
  /* Off the epoll list, else it would spin; told when somebody wants to know. */
  g_assert_cmpuint (self->channel->watch.added, ==, 0);
  expect_log (self, "a;");
  run (self, resume);
  expect_log (self, "a;error;");
}

static void
write_and_resume (Fixture *self)
{
  pb_channel_write (self->channel, "lost", 4);
  pb_channel_flush (self->channel);
  pb_channel_resume (self->channel);
}

/* A peer that said why before it reset the connection is heard, whether reading or sending finds out. */
static void
test_last_words (Fixture *self, gconstpointer data)
{
  struct pollfd ready = { .events = POLLIN };

  for (guint sending = 0; sending < 2; sending++)
    {
      tcp_pair (self);
      run (self, make_channel);
      peer_send (self, "421 why\r\n", 9);
      run (self, write_and_flush);
      /* Closing over unread input is a reset. */
      ready.fd = self->peer;
      g_assert_cmpint (poll (&ready, 1, BOUND_MS), ==, 1);
      close (self->peer);
      self->peer = -1;
      run (self, sending ? write_and_resume : resume);
      expect_log (self, "421 why;error;");
      g_string_truncate (self->log, 0);
    }
}

static void
test_free_inside (Fixture *self, gconstpointer data)
{
  static const Step steps[] = { free_now, NULL };

  self->on_readable = steps;
  start (self);
  peer_send (self, "a\r\nb\r\n", 6);
  expect_log (self, "freed;");
  expect_peer_eof (self);
}

static void
take_write_free (Fixture *self)
{
  take_one_and_pause (self);
  pb_channel_write (self->channel, "lost", 4);
  pb_channel_resume (self->channel);
  free_now (self);
}

static void
test_free_with_all_pending (Fixture *self, gconstpointer data)
{
  static const Step steps[] = { take_write_free, NULL };

  self->on_readable = steps;
  start (self);
  peer_send (self, "a\r\nb\r\n", 6);
  expect_log (self, "a;freed;");
  expect_peer_eof (self);
}

static void
test_free_in_drained (Fixture *self, gconstpointer data)
{
  static const Step free_step[] = { free_now };
  g_autofree char *got = g_malloc (BIG);
  gsize n = 0;

  self->on_drained = free_step;
  self->bytes = g_bytes_new_take (g_malloc0 (BIG), BIG);
  start (self);
  run (self, write_big);
  while (n < BIG)
    n += peer_receive (self, got + n, BIG - n);
  expect_log (self, "drained;freed;");
  expect_peer_eof (self);
}

static void
test_kept_after_end (Fixture *self, gconstpointer data)
{
  self->keep_on_end = TRUE;
  start (self);
  peer_send (self, "a\r\n", 3);
  shutdown (self->peer, SHUT_WR);
  expect_log (self, "a;eof;");
  run (self, write_outside);
  settle (self);
  expect_log (self, "a;eof;");
}

static void
test_finish (Fixture *self, gconstpointer data)
{
  static const Step steps[] = { say_bye, NULL };

  tcp_pair (self);
  self->on_readable = steps;
  start (self);
  peer_send (self, "quit\r\n", 6);
  expect_peer (self, "221 bye\r\n");
  expect_peer_eof (self);
}

static void
test_finish_outside (Fixture *self, gconstpointer data)
{
  tcp_pair (self);
  start (self);
  run (self, say_bye);
  expect_peer (self, "221 bye\r\n");
  expect_peer_eof (self);
}

/* The last reply reaches a peer that is still sending: closing over unread input would be a reset. */
static void
test_finish_under_flood (Fixture *self, gconstpointer data)
{
  static const Step steps[] = { say_bye, NULL };
  g_autofree char *block = g_strnfill (65536, 'x');

  tcp_pair (self);
  run (self, make_channel);
  self->on_readable = steps;
  while (send (self->peer, block, 65536, MSG_NOSIGNAL | MSG_DONTWAIT) > 0)
    continue;
  run (self, resume);
  expect_log (self, "finished;");
  expect_peer (self, "221 bye\r\n");
}

static void
finish_big (Fixture *self)
{
  write_big (self);
  pb_channel_finish (g_steal_pointer (&self->channel));
}

static void
test_finish_sends_all (Fixture *self, gconstpointer data)
{
  g_autofree char *got = g_malloc (BIG);
  gsize n = 0;

  tcp_pair (self);
  self->bytes = g_bytes_new_take (g_malloc0 (BIG), BIG);
  start (self);
  run (self, finish_big);
  while (n < BIG)
    n += peer_receive (self, got + n, BIG - n);
  expect_peer_eof (self);
}

static void
do_connect (Fixture *self)
{
  self->channel = pb_channel_connect (self->reactor, (struct sockaddr *) &self->address,
                                      self->length, &handler, self);
  note (self, "returned;");
}

static void
connect_and_write (Fixture *self)
{
  do_connect (self);
  pb_channel_write (self->channel, "early", 5);
}

static void
test_connect (Fixture *self, gconstpointer data)
{
  int listening = tcp_listen (self);

  run (self, connect_and_write);
  self->peer = accept4 (listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  expect_log (self, "returned;connected;");
  expect_peer (self, "early");
  peer_send (self, "220 hi\r\n", 8);
  expect_log (self, "returned;connected;220 hi;");
  shutdown (self->peer, SHUT_WR);
  expect_log (self, "returned;connected;220 hi;eof;");
  close (listening);
}

static void
test_connect_refused (Fixture *self, gconstpointer data)
{
  int listening = tcp_listen (self);

  close (listening);
  run (self, connect_and_write);
  expect_log (self, "returned;error;");
  g_assert_cmpint (self->error, ==, ECONNREFUSED);
}

static void
test_connect_unix (Fixture *self, gconstpointer data)
{
  static const Step free_step[] = { free_now };
  g_autofree char *dir = g_dir_make_tmp ("test-channel-XXXXXX", NULL);
  struct sockaddr_un *address = (struct sockaddr_un *) (void *) &self->address;
  int listening = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  address->sun_family = AF_UNIX;
  g_snprintf (address->sun_path, sizeof address->sun_path, "%s/socket", dir);
  self->length = sizeof *address;
  run (self, do_connect);
  expect_log (self, "returned;error;");
  g_assert_cmpint (self->error, ==, ENOENT);
  g_string_truncate (self->log, 0);
  g_assert_cmpint (bind (listening, (struct sockaddr *) address, self->length), ==, 0);
  g_assert_cmpint (listen (listening, 4), ==, 0);
  self->on_connected = free_step;
  run (self, do_connect);
  expect_log (self, "returned;connected;freed;");
  close (listening);
  unlink (address->sun_path);
  rmdir (dir);
}

#define ADD(name, func) g_test_add ("/channel-output/" name, Fixture, NULL, set_up, func, tear_down)

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  ADD ("one-send", test_one_send);
  ADD ("write-outside", test_write_outside);
  ADD ("big-output", test_big_output);
  ADD ("deadline", test_deadline);
  ADD ("reset", test_reset);
  ADD ("reset-while-paused", test_reset_while_paused);
  ADD ("last-words", test_last_words);
  ADD ("free-inside", test_free_inside);
  ADD ("free-with-all-pending", test_free_with_all_pending);
  ADD ("free-in-drained", test_free_in_drained);
  ADD ("kept-after-end", test_kept_after_end);
  ADD ("finish", test_finish);
  ADD ("finish-outside", test_finish_outside);
  ADD ("finish-under-flood", test_finish_under_flood);
  ADD ("finish-sends-all", test_finish_sends_all);
  ADD ("connect", test_connect);
  ADD ("connect-refused", test_connect_refused);
  ADD ("connect-unix", test_connect_unix);
  return g_test_run ();
}
