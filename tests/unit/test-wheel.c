/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The timer wheel against a plain list of deadlines: never early, at most a tick late, at every distance; no real time passes. */
#include "net/wheel.h"

#include <stddef.h>

#define TICK   10000
#define TIMERS 300

typedef struct
{
  PbTimer timer;
  gint64 expected; /* 0: not set */
  guint fired;
} Probe;

static gint64 now;
static PbWheel *wheel;

static void
on_probe (PbTimer *timer)
{
  Probe *self = (Probe *) (void *) ((char *) timer - offsetof (Probe, timer));

  g_assert_cmpint (timer->deadline, ==, 0);
  g_assert_cmpint (self->expected, !=, 0);
  g_assert_cmpint (self->expected, <=, now);
  self->expected = 0;
  self->fired++;
}

static void
set_up (void)
{
  now = 1234567890123;
  wheel = pb_wheel_new (now);
}

static void
set_probe (Probe *probe, gint64 deadline)
{
  probe->timer.func = on_probe;
  probe->expected = deadline;
  pb_wheel_set (wheel, &probe->timer, deadline);
}

/* Goes where the wheel says, as the reactor does. */
static void
run_until (gint64 end)
{
  gint64 next;

  while ((next = pb_wheel_next (wheel)) <= end)
    {
      g_assert_cmpint (next, >, now);
      now = next;
      pb_wheel_advance (wheel, now);
    }
  now = end;
  pb_wheel_advance (wheel, now);
}

static void
test_distances (void)
{
  static const gint64 distances[] = {
    1,
    9999,
    10000,
    10001,
    2549999,
    2550000,
    2560000,
    2560001,
    655350000,
    655360000,
    655360001,
    167772150000,
    167772160000,
    167772160001,
    G_GINT64_CONSTANT (42949672960000),
    G_GINT64_CONSTANT (100000000000000),
  };

  for (guint shift = 0; shift < 300; shift += 13)
    for (guint i = 0; i < G_N_ELEMENTS (distances); i++)
      {
        Probe probe = { 0 };
        gint64 deadline;

        set_up ();
        run_until (now + shift * TICK + shift);
        deadline = now + distances[i];
        set_probe (&probe, deadline);
        run_until (deadline - 1);
        g_assert_cmpuint (probe.fired, ==, 0);
        run_until (deadline + TICK);
        g_assert_cmpuint (probe.fired, ==, 1);
        g_assert_cmpint (pb_wheel_next (wheel), ==, G_MAXINT64);
        pb_wheel_free (wheel);
      }
}

static void
test_past (void)
{
  Probe probe = { 0 };

  set_up ();
  set_probe (&probe, now - 5 * G_USEC_PER_SEC);
  run_until (now + 2 * TICK);
  g_assert_cmpuint (probe.fired, ==, 1);
  pb_wheel_free (wheel);
}

static void
check_late (Probe *probes)
{
  for (guint i = 0; i < TIMERS; i++)
    g_assert_true (probes[i].expected == 0 || probes[i].expected + TICK > now);
}

static void
test_random (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (11);
  g_autofree Probe *probes = g_new0 (Probe, TIMERS);
  guint fired = 0;

  set_up ();
  for (guint step = 0; step < 40000; step++)
    {
      Probe *probe = &probes[g_rand_int_range (rand, 0, TIMERS)];
      gint64 span = G_GINT64_CONSTANT (1) << g_rand_int_range (rand, 8, 40);

      switch (g_rand_int_range (rand, 0, 4))
        {
        case 0:
          probe->expected = 0;
          pb_wheel_clear (wheel, &probe->timer);
          g_assert_cmpint (probe->timer.deadline, ==, 0);
          break;
        case 1:
          run_until (now + (gint64) (g_rand_double (rand) * (double) (span >> 6)));
          check_late (probes);
          break;
        default:
          set_probe (probe, now + (gint64) (g_rand_double (rand) * (double) span));
          break;
        }
    }
  run_until (now + (G_GINT64_CONSTANT (1) << 41));
  for (guint i = 0; i < TIMERS; i++)
    {
      g_assert_cmpint (probes[i].expected, ==, 0);
      fired += probes[i].fired;
    }
  g_assert_cmpuint (fired, >, 1000);
  g_assert_cmpint (pb_wheel_next (wheel), ==, G_MAXINT64);
  pb_wheel_free (wheel);
}

typedef struct
{
  PbTimer first, second;
  guint calls;
} Pair;

static void
on_clear_other (PbTimer *timer)
{
  Pair *self = (Pair *) (void *) ((char *) timer - offsetof (Pair, first));

  self->calls++;
  pb_wheel_clear (wheel, &self->second);
}

static void
on_first_again (PbTimer *timer)
{
  Pair *self = (Pair *) (void *) ((char *) timer - offsetof (Pair, first));

  if (++self->calls < 3)
    pb_wheel_set (wheel, timer, now);
}

static void
on_never (PbTimer *timer)
{
  g_assert_not_reached ();
}

static void
test_inside_calls (void)
{
  Pair pair = { .first.func = on_clear_other, .second.func = on_never };

  set_up ();
  /* The slot's list is last in, first out. */
  pb_wheel_set (wheel, &pair.second, now + 5000);
  pb_wheel_set (wheel, &pair.first, now + 5000);
  run_until (now + 5 * TICK);
  g_assert_cmpuint (pair.calls, ==, 1);
  pair.first.func = on_first_again;
  pair.calls = 0;
  pb_wheel_set (wheel, &pair.first, now);
  /* One call a tick, no endless round. */
  run_until (now + 2 * TICK);
  g_assert_cmpuint (pair.calls, ==, 2);
  run_until (now + 2 * TICK);
  g_assert_cmpuint (pair.calls, ==, 3);
  pb_wheel_free (wheel);
}

/* A deadline moved on with every command wakes nobody but once for its old slot. */
static void
test_moving (void)
{
  Probe probe = { 0 };
  guint wakeups = 0;
  gint64 end, next;

  set_up ();
  end = now + 300 * G_USEC_PER_SEC;
  for (guint i = 0; i < 1000; i++)
    set_probe (&probe, end + i);
  while ((next = pb_wheel_next (wheel)) != G_MAXINT64)
    {
      now = next;
      pb_wheel_advance (wheel, now);
      wakeups++;
    }
  g_assert_cmpuint (probe.fired, ==, 1);
  g_assert_cmpuint (wakeups, <=, 4);
  pb_wheel_free (wheel);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/wheel/distances", test_distances);
  g_test_add_func ("/wheel/past", test_past);
  g_test_add_func ("/wheel/random", test_random);
  g_test_add_func ("/wheel/inside-calls", test_inside_calls);
  g_test_add_func ("/wheel/moving", test_moving);
  return g_test_run ();
}
