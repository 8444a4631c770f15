/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The pool: work on its threads, the end told on the asker's, everything run before it is freed. */
#include "util/pool.h"

#define JOBS 1000

typedef struct
{
  GThread *owner;
  gint worked; /* atomic */
  guint done;
  GMainLoop *loop;
} Tally;

static void
on_work (gpointer data)
{
  Tally *self = data;

  g_assert_true (g_thread_self () != self->owner);
  g_atomic_int_inc (&self->worked);
}

static void
on_done (gpointer data)
{
  Tally *self = data;

  g_assert_true (g_thread_self () == self->owner);
  if (++self->done == JOBS)
    g_main_loop_quit (self->loop);
}

static void
test_reply (void)
{
  g_autoptr (GMainContext) context = g_main_context_new ();
  g_autoptr (GMainLoop) loop = g_main_loop_new (context, FALSE);
  g_autoptr (PbMailbox) box = pb_mailbox_new ();
  g_autoptr (GSource) source = pb_mailbox_attach (box, context);
  g_autoptr (PbPool) pool = pb_pool_new ("test", 3);
  Tally tally = { .owner = g_thread_self (), .loop = loop };

  for (guint i = 0; i < JOBS; i++)
    pb_pool_run (pool, on_work, box, on_done, &tally);
  g_main_loop_run (loop);
  g_assert_cmpint (g_atomic_int_get (&tally.worked), ==, JOBS);
  g_source_destroy (source);
}

static void
test_free_runs_all (void)
{
  PbPool *pool = pb_pool_new ("test", 2);
  Tally tally = { .owner = g_thread_self () };

  for (guint i = 0; i < JOBS; i++)
    pb_pool_run (pool, on_work, NULL, NULL, &tally);
  pb_pool_free (pool);
  g_assert_cmpint (g_atomic_int_get (&tally.worked), ==, JOBS);
}

typedef struct
{
  GString *order;
  char letter;
} Letter;

static void
on_letter (gpointer data)
{
  Letter *self = data;

  g_string_append_c (self->order, self->letter);
}

static void
test_order (void)
{
  g_autoptr (GString) order = g_string_new (NULL);
  PbPool *pool = pb_pool_new ("test", 1);
  Letter letters[26];

  for (guint i = 0; i < 26; i++)
    {
      letters[i] = (Letter){ order, (char) ('a' + i) };
      pb_pool_run (pool, on_letter, NULL, NULL, &letters[i]);
    }
  pb_pool_free (pool);
  g_assert_cmpstr (order->str, ==, "abcdefghijklmnopqrstuvwxyz");
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/pool/reply", test_reply);
  g_test_add_func ("/pool/free-runs-all", test_free_runs_all);
  g_test_add_func ("/pool/order", test_order);
  return g_test_run ();
}
