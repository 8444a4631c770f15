/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How old mail is when the wall clock is set: forward, back, both, seen late, and more often than is remembered. */
#include "queue/queue-clock.h"

#define DAY   86400
#define START 1700000000 /* the wall clock's when the monotonic one says 1000 */

typedef struct
{
  PbQueueClock clock;
  gint64 monotonic, set; /* seconds */
  guint64 id;
} World;

static gint64
wall (const World *self)
{
  return START - 1000 + self->monotonic + self->set;
}

static gint64
look (World *self)
{
  return pb_queue_clock_look (&self->clock, wall (self), self->monotonic, self->id);
}

static World
begin (void)
{
  World self = { .monotonic = 1000, .id = 100 };

  g_assert_cmpint (look (&self), ==, 0);
  return self;
}

static void
assert_age (World *self, guint64 id, gint64 arrival, gint64 expected)
{
  look (self);
  g_assert_cmpint (pb_queue_clock_age (&self->clock, id, arrival, wall (self)), ==, expected);
}

static void
test_no_step (void)
{
  World self = begin ();

  for (guint i = 0; i < 1000; i++)
    {
      self.monotonic += 20;
      self.set += i % 3; /* read late, slewed */
      self.set -= i % 3;
      g_assert_cmpint (look (&self), ==, 0);
    }
  assert_age (&self, 99, START, 20000);
  assert_age (&self, 99, START + 20000, 0);
  assert_age (&self, 99, START + 30000, 0); /* from the future: of a run with a wrong clock */
}

static void
test_forward (void)
{
  World self = begin ();
  gint64 early = wall (&self), late;

  self.monotonic += 100;
  self.set += 1000 * DAY;
  late = wall (&self); /* came with the new time before the step was seen */
  self.id = 200;
  self.monotonic += 10;
  g_assert_cmpint (look (&self), ==, 1000 * DAY);
  assert_age (&self, 150, early, 110);
  assert_age (&self, 190, late, 10);
  self.monotonic += 1000;
  assert_age (&self, 150, early, 1110);
  assert_age (&self, 190, late, 1010);
  assert_age (&self, 200, late + 10, 1000);
}

static void
test_back (void)
{
  World self = begin ();
  gint64 early = wall (&self), late;

  self.monotonic += 100;
  self.set -= 3 * DAY;
  late = wall (&self);
  self.id = 200;
  self.monotonic += 10;
  g_assert_cmpint (look (&self), ==, -3 * DAY);
  assert_age (&self, 150, early, 110);
  assert_age (&self, 190, late, 10);
  assert_age (&self, 200, late + 10, 0);
  self.monotonic += 3 * DAY;
  assert_age (&self, 150, early, 3 * DAY + 110);
  assert_age (&self, 200, late + 10, 3 * DAY);
}

static void
test_there_and_back (void)
{
  World self = begin ();
  gint64 first = wall (&self), second;

  self.id = 200;
  self.set += DAY;
  look (&self);
  self.monotonic += 500;
  second = wall (&self);
  self.id = 300;
  self.monotonic += 500;
  self.set -= DAY;
  look (&self);
  assert_age (&self, 150, first, 1000);
  assert_age (&self, 250, second, 500);
  assert_age (&self, 300, wall (&self), 0);
}

/* The oldest are forgotten; the later ones still count. */
static void
test_many (void)
{
  World self = begin ();
  gint64 arrival;

  for (guint i = 0; i < 3 * PB_QUEUE_CLOCK_STEPS; i++)
    {
      self.id++;
      self.monotonic += 1000;
      self.set += DAY;
      g_assert_cmpint (look (&self), ==, DAY);
    }
  arrival = wall (&self);
  self.id++;
  self.set += DAY;
  self.monotonic += 5;
  assert_age (&self, self.id - 1, arrival, 5);
  g_assert_cmpuint (self.clock.n_steps, ==, PB_QUEUE_CLOCK_STEPS);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/queue-clock/no-step", test_no_step);
  g_test_add_func ("/queue-clock/forward", test_forward);
  g_test_add_func ("/queue-clock/back", test_back);
  g_test_add_func ("/queue-clock/there-and-back", test_there_and_back);
  g_test_add_func ("/queue-clock/many", test_many);
  return g_test_run ();
}
