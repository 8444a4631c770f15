/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Input of a channel: lines in every cut, pauses, what is left over, and the peer's end. */
#include "channel-fixture.h"

static void
test_lines_at_every_split (Fixture *self, gconstpointer data)
{
  static const char input[] =
    "one\r\ntwo\nthree\r\r\n\r\n\nx\0y\r\ntwenty octets long..\r\ntwenty octets long..\n"
    "twenty-one octets it is\r\n123456789012345678901\r\n123456789012345678901\nend\r\n";
  static const char expected[] =
    "one;two!;three\r;;!;x0y;twenty octets long..;twenty octets long..!;"
    "long;long;long;end;";

  start (self);
  for (gsize split = 0; split < sizeof input - 1; split++)
    {
      peer_send (self, input, split);
      settle (self);
      peer_send (self, input + split, sizeof input - 1 - split);
      expect_log (self, expected);
      g_string_truncate (self->log, 0);
      run (self, check_no_buffers);
    }
  for (gsize i = 0; i < sizeof input - 1; i++)
    {
      peer_send (self, input + i, 1);
      settle (self);
    }
  expect_log (self, expected);
}

static void
test_endless_line (Fixture *self, gconstpointer data)
{
  g_autofree char *block = g_strnfill (60000, 'x');

  start (self);
  for (guint i = 0; i < 20; i++)
    {
      peer_send (self, block, 60000);
      run (self, check_no_buffers);
    }
  peer_send (self, "\r\nnext\r\n", 8);
  expect_log (self, "long;next;");
}

static void
check_armed (Fixture *self)
{
  g_assert_cmpuint (self->channel->watch.armed & EPOLLIN, !=, 0);
}

static void
check_disarmed (Fixture *self)
{
  g_assert_cmpuint (self->channel->watch.armed & EPOLLIN, ==, 0);
}

static void
test_pause (Fixture *self, gconstpointer data)
{
  static const Step steps[] = { take_one_and_pause, NULL };

  self->on_readable = steps;
  start (self);
  peer_send (self, "a\r\nb\r\n", 6);
  expect_log (self, "a;");
  settle (self);
  /* Lazily: still armed until something comes. */
  run (self, check_armed);
  peer_send (self, "c\r\n", 3);
  settle (self);
  run (self, check_disarmed);
  expect_log (self, "a;");
  g_assert_cmpuint (self->readable_calls, ==, 1);
  run (self, resume);
  expect_log (self, "a;b;");
  shutdown (self->peer, SHUT_WR);
  settle (self);
  expect_log (self, "a;b;");
  run (self, resume);
  expect_log (self, "a;b;c;");
  settle (self);
  expect_log (self, "a;b;c;");
  run (self, resume);
  expect_log (self, "a;b;c;eof;");
}

static void
pause_and_resume (Fixture *self)
{
  take_one_and_pause (self);
  pb_channel_resume (self->channel);
}

static void
test_resume_inside (Fixture *self, gconstpointer data)
{
  static const Step steps[] = { pause_and_resume, NULL };

  self->on_readable = steps;
  start (self);
  peer_send (self, "a\r\nb\r\nc\r\n", 9);
  expect_log (self, "a;b;c;");
}

static void
test_eof_with_rest (Fixture *self, gconstpointer data)
{
  start (self);
  peer_send (self, "whole\r\npart", 11);
  shutdown (self->peer, SHUT_WR);
  expect_log (self, "whole;eof;");
}

static void
consume_quietly (Fixture *self)
{
  const char *data;

  pb_channel_consume (self->channel, pb_channel_peek (self->channel, &data));
  pb_channel_octets (self->channel, &self->octets_in, NULL);
}

static void
count_octets (Fixture *self)
{
  pb_channel_octets (self->channel, &self->octets_in, NULL);
}

static void
test_leftover_is_bounded (Fixture *self, gconstpointer data)
{
  static const Step steps[] = { do_nothing, NULL };
  g_autofree char *block = g_strnfill (65536, 'x');
  guint64 sent = 0;

  self->on_readable = steps;
  start (self);
  for (guint idle = 0; idle < 5;)
    {
      ssize_t n = send (self->peer, block, 65536, MSG_NOSIGNAL | MSG_DONTWAIT);

      sent += n > 0 ? (guint64) n : 0;
      idle = n > 0 ? 0 : idle + 1;
      settle (self);
      g_assert_cmpuint (sent, <, 16 * BIG);
    }
  run (self, count_octets);
  g_assert_cmpuint (self->octets_in, >=, 128 * 1024);
  g_assert_cmpuint (self->octets_in, <=, 256 * 1024);
  /* Taking it from outside sets it going again. */
  for (gint64 deadline = g_get_monotonic_time () + BOUND_USEC; self->octets_in < sent;)
    {
      run (self, consume_quietly);
      g_assert_cmpint (g_get_monotonic_time (), <, deadline);
    }
  run (self, consume_quietly);
  settle (self);
  run (self, check_no_buffers);
}

static void
check_input (Fixture *self)
{
  note (self, "%d%d;", pb_channel_has_input (self->channel, FALSE),
        pb_channel_has_input (self->channel, TRUE));
}

static void
test_has_input (Fixture *self, gconstpointer data)
{
  static const Step steps[] = { take_one_and_pause, consume_all, NULL };

  self->on_readable = steps;
  start (self);
  run (self, check_input);
  peer_send (self, "a\r\n", 3);
  expect_log (self, "00;a;");
  run (self, check_input);
  peer_send (self, "b", 1);
  settle (self);
  run (self, check_input);
  expect_log (self, "00;a;00;01;");
  run (self, resume);
  expect_log (self, "00;a;00;01;b;");
}

#define ADD(name, func) g_test_add ("/channel/" name, Fixture, NULL, set_up, func, tear_down)

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  ADD ("lines-at-every-split", test_lines_at_every_split);
  ADD ("endless-line", test_endless_line);
  ADD ("pause", test_pause);
  ADD ("resume-inside", test_resume_inside);
  ADD ("eof-with-rest", test_eof_with_rest);
  ADD ("leftover-is-bounded", test_leftover_is_bounded);
  ADD ("has-input", test_has_input);
  return g_test_run ();
}
