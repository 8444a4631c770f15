/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The timer wheel: four rings of 256 slots; a slot of the first is one tick wide, of each further one 256
 * times as wide. Entering a wide slot spreads its timers over the narrower rings.
 *
 * Used by the reactor (one a thread) and the resolver. A deadline that moves further away, as every command of a
 * session moves it, only changes the number: the timer is put where it belongs when its old slot comes
 * up. The timers belong to their owners; nothing here fails or allocates after creation.
 */
#include "net/wheel.h"

#define TICK_USEC (10 * 1000)
#define RINGS     4
#define SLOT_BITS 8
#define SLOTS     (1 << SLOT_BITS)
#define LAST_SLOT (SLOTS - 1)

struct _PbWheel
{
  gint64 tick; /* all slots up to this one have been called */
  guint64 used[RINGS][SLOTS / 64];
  PbTimer *slots[RINGS][SLOTS];
};

static gint64
tick_of (gint64 deadline)
{
  return deadline / TICK_USEC + (deadline % TICK_USEC != 0);
}

static void
timer_link (PbTimer *timer, PbTimer **slot)
{
  timer->next = *slot;
  timer->pprev = slot;
  if (timer->next != NULL)
    timer->next->pprev = &timer->next;
  *slot = timer;
}

static void
timer_unlink (PbTimer *timer)
{
  *timer->pprev = timer->next;
  if (timer->next != NULL)
    timer->next->pprev = timer->pprev;
  timer->next = NULL;
  timer->pprev = NULL;
}

/* @tick: the one to be called at, not before the wheel's own. */
static void
wheel_place (PbWheel *self, PbTimer *timer, gint64 tick)
{
  guint ring = 0;
  guint slot;

  /* What is further away than the widest ring reaches (a year) comes round early and is put further then. */
  while ((tick >> (SLOT_BITS * ring)) - (self->tick >> (SLOT_BITS * ring)) > LAST_SLOT)
    {
      if (ring == RINGS - 1)
        {
          tick = ((self->tick >> (SLOT_BITS * ring)) + LAST_SLOT) << (SLOT_BITS * ring);
          break;
        }
      ring++;
    }
  slot = (guint) (tick >> (SLOT_BITS * ring)) & LAST_SLOT;
  self->used[ring][slot / 64] |= G_GUINT64_CONSTANT (1) << (slot % 64);
  timer_link (timer, &self->slots[ring][slot]);
}

/* Takes the slot's list, so that what is put back into the same slot is not met again. */
static void
slot_take (PbWheel *self, guint ring, guint slot, PbTimer **head)
{
  *head = self->slots[ring][slot];
  if (*head != NULL)
    (*head)->pprev = head;
  self->slots[ring][slot] = NULL;
  self->used[ring][slot / 64] &= ~(G_GUINT64_CONSTANT (1) << (slot % 64));
}

/* How many slots behind @from the first used one is, 1 to 255; 0 for none. */
static guint
ring_distance (const guint64 used[SLOTS / 64], guint from)
{
  guint distance = 1;

  while (distance < SLOTS)
    {
      guint slot = (from + distance) & LAST_SLOT;
      guint64 word = used[slot / 64] >> (slot % 64);

      if (word != 0)
        {
          distance += (guint) __builtin_ctzll (word);
          return distance < SLOTS ? distance : 0;
        }
      distance += 64 - slot % 64;
    }
  return 0;
}

static gint64
wheel_next_tick (PbWheel *self)
{
  gint64 next = G_MAXINT64;

  for (guint ring = 0; ring < RINGS; ring++)
    {
      gint64 here = self->tick >> (SLOT_BITS * ring);
      guint distance = ring_distance (self->used[ring], (guint) here & LAST_SLOT);

      if (distance != 0)
        next = MIN (next, (here + distance) << (SLOT_BITS * ring));
    }
  return next;
}

/* The wheel has just come to its tick: spread the wide slots that begin there, widest first. */
static void
wheel_cascade (PbWheel *self)
{
  for (guint ring = RINGS - 1; ring > 0; ring--)
    {
      PbTimer *head;

      if ((self->tick & ((G_GINT64_CONSTANT (1) << (SLOT_BITS * ring)) - 1)) != 0)
        continue;
      slot_take (self, ring, (guint) (self->tick >> (SLOT_BITS * ring)) & LAST_SLOT, &head);
      while (head != NULL)
        {
          PbTimer *timer = head;

          timer_unlink (timer);
          wheel_place (self, timer, MAX (tick_of (timer->deadline), self->tick));
        }
    }
}

static void
wheel_fire (PbWheel *self)
{
  PbTimer *head;

  slot_take (self, 0, (guint) self->tick & LAST_SLOT, &head);
  while (head != NULL)
    {
      PbTimer *timer = head;
      gint64 tick = tick_of (timer->deadline);

      timer_unlink (timer);
      if (tick > self->tick)
        wheel_place (self, timer, tick);
      else
        {
          timer->deadline = 0;
          timer->func (timer);
        }
    }
}

PbWheel *
pb_wheel_new (gint64 now)
{
  PbWheel *self = g_new0 (PbWheel, 1);

  self->tick = now / TICK_USEC;
  return self;
}

void
pb_wheel_free (PbWheel *self)
{
  g_free (self);
}

void
pb_wheel_set (PbWheel *self, PbTimer *timer, gint64 deadline)
{
  /* Later than before: its slot comes up too early, which is when it is moved. */
  if (timer->pprev != NULL && deadline >= timer->deadline)
    {
      timer->deadline = deadline;
      return;
    }
  pb_wheel_clear (self, timer);
  timer->deadline = deadline;
  wheel_place (self, timer, MAX (tick_of (deadline), self->tick + 1));
}

void
pb_wheel_clear (PbWheel *self, PbTimer *timer)
{
  PbTimer **pprev = timer->pprev;
  PbTimer **first = &self->slots[0][0];

  timer->deadline = 0;
  if (pprev == NULL)
    return;
  timer_unlink (timer);
  if (*pprev == NULL && pprev >= first && pprev < first + RINGS * SLOTS)
    {
      guint index = (guint) (pprev - first);
      guint slot = index % SLOTS;

      self->used[index / SLOTS][slot / 64] &= ~(G_GUINT64_CONSTANT (1) << (slot % 64));
    }
}

void
pb_wheel_advance (PbWheel *self, gint64 now)
{
  gint64 until = now / TICK_USEC;
  gint64 next;

  while ((next = wheel_next_tick (self)) <= until)
    {
      self->tick = next;
      wheel_cascade (self);
      wheel_fire (self);
    }
  self->tick = MAX (self->tick, until);
}

gint64
pb_wheel_next (PbWheel *self)
{
  gint64 next = wheel_next_tick (self);

  return next == G_MAXINT64 ? next : next * TICK_USEC;
}
