/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Mailboxes: order kept, nothing lost from many threads, one wake-up a batch, all three ways of owning one. */
#include "util/mailbox.h"

#include <poll.h>
#include <unistd.h>

#define THREADS 4
#define POSTS   5000

static gboolean
is_readable (int fd, int timeout)
{
  struct pollfd ready = { .fd = fd, .events = POLLIN };

  return poll (&ready, 1, timeout) == 1;
}

static void
on_append (gpointer data)
{
  g_string_append_c (data, (char) ('a' + ((GString *) data)->len));
}

static void
test_batch (void)
{
  g_autoptr (PbMailbox) box = pb_mailbox_new ();
  g_autoptr (GString) seen = g_string_new (NULL);
  guint64 count = 0;

  g_assert_false (is_readable (pb_mailbox_fd (box), 0));
  for (guint i = 0; i < 5; i++)
    pb_mailbox_post (box, on_append, seen);
  g_assert_true (is_readable (pb_mailbox_fd (box), 5000));
  /* One write, however many were posted. */
  g_assert_cmpint (read (pb_mailbox_fd (box), &count, sizeof count), ==, sizeof count);
  g_assert_cmpuint (count, ==, 1);
  pb_mailbox_dispatch (box);
  g_assert_cmpstr (seen->str, ==, "abcde");
  pb_mailbox_post (box, on_append, seen);
  g_assert_true (is_readable (pb_mailbox_fd (box), 5000));
  pb_mailbox_dispatch (box);
  g_assert_cmpuint (seen->len, ==, 6);
  g_assert_false (is_readable (pb_mailbox_fd (box), 0));
}

static void
test_awake_owner (void)
{
  g_autoptr (PbMailbox) box = pb_mailbox_new ();
  g_autoptr (GString) seen = g_string_new (NULL);

  pb_mailbox_run (box);
  pb_mailbox_post (box, on_append, seen);
  g_assert_false (is_readable (pb_mailbox_fd (box), 0));
  g_assert_false (pb_mailbox_sleep (box));
  pb_mailbox_run (box);
  g_assert_cmpuint (seen->len, ==, 1);
  g_assert_true (pb_mailbox_sleep (box));
  pb_mailbox_post (box, on_append, seen);
  g_assert_true (is_readable (pb_mailbox_fd (box), 5000));
}

static void
test_round (void)
{
  g_autoptr (PbMailbox) box = pb_mailbox_new ();
  g_autoptr (GString) seen = g_string_new (NULL);

  /* Outside of a round it is a plain post. */
  pb_mailbox_post_gathered (box, on_append, seen);
  g_assert_true (is_readable (pb_mailbox_fd (box), 5000));
  pb_mailbox_dispatch (box);

  pb_mailbox_begin_round ();
  for (guint i = 0; i < 3; i++)
    pb_mailbox_post_gathered (box, on_append, seen);
  g_assert_false (is_readable (pb_mailbox_fd (box), 0));
  pb_mailbox_end_round ();
  g_assert_true (is_readable (pb_mailbox_fd (box), 5000));
  pb_mailbox_dispatch (box);
  g_assert_cmpstr (seen->str, ==, "abcd");

  /* What is pressing takes the others with it, and there is no second wake-up. */
  pb_mailbox_begin_round ();
  pb_mailbox_post_gathered (box, on_append, seen);
  pb_mailbox_post (box, on_append, seen);
  g_assert_true (is_readable (pb_mailbox_fd (box), 5000));
  pb_mailbox_dispatch (box);
  g_assert_cmpstr (seen->str, ==, "abcdef");
  pb_mailbox_end_round ();
  g_assert_false (is_readable (pb_mailbox_fd (box), 0));
}

/* More mailboxes than wakings can be put off: the others are woken at once. */
static void
test_round_of_many (void)
{
  PbMailbox *boxes[12];
  g_autoptr (GString) seen = g_string_new (NULL);

  for (guint i = 0; i < G_N_ELEMENTS (boxes); i++)
    boxes[i] = pb_mailbox_new ();
  pb_mailbox_begin_round ();
  for (guint i = 0; i < 2 * G_N_ELEMENTS (boxes); i++)
    pb_mailbox_post_gathered (boxes[i / 2], on_append, seen);
  pb_mailbox_end_round ();
  for (guint i = 0; i < G_N_ELEMENTS (boxes); i++)
    {
      g_assert_true (is_readable (pb_mailbox_fd (boxes[i]), 5000));
      pb_mailbox_dispatch (boxes[i]);
      pb_mailbox_unref (boxes[i]);
    }
  g_assert_cmpuint (seen->len, ==, 2 * G_N_ELEMENTS (boxes));
}

typedef struct
{
  PbMailbox *box;
  guint runs;
} Again;

static void
on_again (gpointer data)
{
  Again *self = data;

  self->runs++;
  pb_mailbox_post (self->box, on_again, self);
}

static void
test_post_while_running (void)
{
  g_autoptr (PbMailbox) box = pb_mailbox_new ();
  Again again = { box, 0 };

  pb_mailbox_post (box, on_again, &again);
  pb_mailbox_dispatch (box);
  /* Only what waited when called, and the next is announced. */
  g_assert_cmpuint (again.runs, ==, 1);
  g_assert_true (is_readable (pb_mailbox_fd (box), 5000));
  pb_mailbox_dispatch (box);
  g_assert_cmpuint (again.runs, ==, 2);
}

static void
on_unref (gpointer data)
{
  pb_mailbox_unref (data);
}

static void
test_unref_inside (void)
{
  PbMailbox *box = pb_mailbox_new ();

  pb_mailbox_post (box, on_unref, box);
  pb_mailbox_dispatch (box);
}

typedef struct
{
  PbMailbox *box;
  GMainLoop *loop;
  guint thread;
  guint *last; /* by thread, the owner's */
  guint *total;
} Poster;

typedef struct
{
  Poster *poster;
  guint number;
} Post;

static void
on_post (gpointer data)
{
  g_autofree Post *post = data;
  Poster *poster = post->poster;

  g_assert_cmpuint (post->number, ==, poster->last[poster->thread] + 1);
  poster->last[poster->thread] = post->number;
  if (++*poster->total == THREADS * POSTS)
    g_main_loop_quit (poster->loop);
}

static gpointer
post_main (gpointer data)
{
  Poster *self = data;

  for (guint i = 1; i <= POSTS; i++)
    {
      Post *post = g_new (Post, 1);

      *post = (Post){ self, i };
      pb_mailbox_post (self->box, on_post, post);
    }
  return NULL;
}

static gboolean
on_deadline (gpointer data)
{
  g_error ("not everything posted arrived");
  return G_SOURCE_REMOVE;
}

static void
test_threads (void)
{
  g_autoptr (GMainContext) context = g_main_context_new ();
  g_autoptr (GMainLoop) loop = g_main_loop_new (context, FALSE);
  g_autoptr (PbMailbox) box = pb_mailbox_new ();
  g_autoptr (GSource) source = pb_mailbox_attach (box, context);
  g_autoptr (GSource) deadline = g_timeout_source_new_seconds (60);
  guint last[THREADS] = { 0 }, total = 0;
  Poster posters[THREADS];
  GThread *threads[THREADS];

  g_source_set_callback (deadline, on_deadline, NULL, NULL);
  g_source_attach (deadline, context);
  for (guint i = 0; i < THREADS; i++)
    {
      posters[i] = (Poster){ box, loop, i, last, &total };
      threads[i] = g_thread_new ("post", post_main, &posters[i]);
    }
  g_main_loop_run (loop);
  for (guint i = 0; i < THREADS; i++)
    g_thread_join (threads[i]);
  g_assert_cmpuint (total, ==, THREADS * POSTS);
  g_source_destroy (source);
  g_source_destroy (deadline);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/mailbox/batch", test_batch);
  g_test_add_func ("/mailbox/awake-owner", test_awake_owner);
  g_test_add_func ("/mailbox/round", test_round);
  g_test_add_func ("/mailbox/round-of-many", test_round_of_many);
  g_test_add_func ("/mailbox/post-while-running", test_post_while_running);
  g_test_add_func ("/mailbox/unref-inside", test_unref_inside);
  g_test_add_func ("/mailbox/threads", test_threads);
  return g_test_run ();
}
