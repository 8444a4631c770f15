/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The scheduler: which item is tried next. Pure: no I/O, no threads, the clock comes in as an
 * argument; the queue calls it on the main thread. Items are opaque and never freed here.
 *
 * Each destination has a heap of its own, ordered by due time, and stands in at most one place: in
 * the queue of those that may start something now, in the heap of those that wait for a time, or in
 * neither (empty, or all its slots taken). So the work for one item does not grow with the number of
 * items or destinations but for a logarithm, and a dead destination is never even looked at. Each
 * silent one holds its few slots for minutes all the same, and there may be many: so of all slots a part
 * is kept for destinations that answered last time, and the others, strangers, wait aside for theirs.
 */
#include "queue/scheduler.h"
#include "queue/due-heap.h"

/* Attempts at a destination that has not answered yet: a silent one takes no more slots than these. */
#define FIRST_WINDOW 4
/* After this many finished attempts, destinations that nothing is known of any more are forgotten. */
#define SWEEP_EVERY 4096

typedef struct
{
  PbDueNode node; /* first: key is wake-up time, in PbScheduler.sleeping */
  char *key;      /* (owned) */
  PbDueHeap items;
  GList ring; /* data is this struct */
  GQueue *queue; /* (not owned) (nullable) that it is in: PbScheduler.ready or .aside */
  guint weight; /* of its items */
  guint under_way;
  gboolean stranger; /* never answered, or not the last time */
  guint window;      /* attempts that may be under way: grows with each live answer */
  gint64 rest_until; /* nothing starts before this; 0: live */
  gint64 last_rest;  /* seconds of the last rest; 0: live */
} Destination;

typedef struct
{
  PbDueNode node; /* first: key is due time, in Destination.items */
  gpointer item;
  Destination *destination;
  guint weight;
} Entry;

struct _PbScheduler
{
  PbSchedulerLimits limits;
  GHashTable *destinations; /* (owned) key -> Destination */
  GHashTable *entries;      /* (owned) item -> Entry: waiting ones */
  GQueue ready;             /* of Destination, by their own links */
  GQueue aside;             /* likewise: strangers who could start something but for the others of their kind */
  PbDueHeap sleeping;
  guint under_way;
  guint strange;  /* of them, at strangers */
  guint finished;
};

static void
destination_free (gpointer data)
{
  Destination *destination = data;

  pb_due_heap_clear (&destination->items);
  g_free (destination->key);
  g_free (destination);
}

static guint
max_strange (const PbScheduler *self)
{
  return self->limits.max_total - self->limits.max_total / 4;
}

static guint
destination_window (PbScheduler *self, Destination *destination)
{
  /* One probe is enough to see whether a dead one is back, and where many are strange. */
  if (destination->last_rest > 0
      || (destination->stranger && self->strange > self->limits.max_total / 2))
    return 1;
  return MIN (destination->window, self->limits.max_per_destination);
}

static void
destination_unplace (PbScheduler *self, Destination *destination)
{
  if (destination->queue != NULL)
    g_queue_unlink (destination->queue, &destination->ring);
  destination->queue = NULL;
  pb_due_heap_remove (&self->sleeping, &destination->node);
}

static gint64
destination_wake_time (Destination *destination)
{
  PbDueNode *first = pb_due_heap_first (&destination->items);

  return MAX (first->key, destination->rest_until);
}

static void
destination_queue (Destination *destination, GQueue *queue)
{
  g_queue_push_tail_link (queue, &destination->ring);
  destination->queue = queue;
}

/* Puts @destination where its state says. One that is ready keeps its turn. */
static void
destination_place (PbScheduler *self, Destination *destination)
{
  if (pb_due_heap_first (&destination->items) == NULL
      || destination->under_way >= destination_window (self, destination))
    {
      destination_unplace (self, destination);
      return;
    }
  if (destination->queue != NULL)
    return;
  destination->node.key = destination_wake_time (destination);
  pb_due_heap_update (&self->sleeping, &destination->node);
}

static Destination *
destination_ensure (PbScheduler *self, const char *key)
{
  Destination *destination = g_hash_table_lookup (self->destinations, key);

  if (destination != NULL)
    return destination;
  destination = g_new0 (Destination, 1);
  destination->key = g_strdup (key);
  destination->ring.data = destination;
  destination->window = FIRST_WINDOW;
  destination->stranger = TRUE;
  g_hash_table_insert (self->destinations, destination->key, destination);
  return destination;
}

static void
entry_drop (PbScheduler *self, Entry *entry)
{
  entry->destination->weight -= entry->weight;
  pb_due_heap_remove (&entry->destination->items, &entry->node);
  g_hash_table_remove (self->entries, entry->item);
  g_free (entry);
}

/* Forgets destinations that hold nothing worth knowing: no item, no attempt, and a rest long over. */
static void
sweep (PbScheduler *self, gint64 now)
{
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, self->destinations);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      Destination *destination = value;

      if (pb_due_heap_first (&destination->items) == NULL && destination->under_way == 0
          && destination->rest_until + 2 * (gint64) self->limits.max_backoff < now)
        g_hash_table_iter_remove (&iter);
    }
}

/* Moves those whose time has come from the sleeping heap to the end of the ring. */
static void
wake_sleepers (PbScheduler *self, gint64 now)
{
  PbDueNode *node;

  while ((node = pb_due_heap_first (&self->sleeping)) != NULL && node->key <= now)
    {
      Destination *destination = (Destination *) node;

      pb_due_heap_remove (&self->sleeping, node);
      destination_queue (destination, &self->ready);
    }
}

/* One attempt more or less at @destination is under way. */
static void
count_attempt (PbScheduler *self, Destination *destination, int change)
{
  destination->under_way += (guint) change;
  self->under_way += (guint) change;
  if (destination->stranger)
    self->strange += (guint) change;
}

static void
set_stranger (PbScheduler *self, Destination *destination, gboolean stranger)
{
  if (stranger && !destination->stranger)
    self->strange += destination->under_way;
  else if (!stranger && destination->stranger)
    self->strange -= destination->under_way;
  destination->stranger = stranger;
}

/* As many strangers as there is room for have their turn. */
static void
admit_strangers (PbScheduler *self)
{
  guint room = max_strange (self) > self->strange ? max_strange (self) - self->strange : 0;

  for (; room > 0 && self->aside.head != NULL; room--)
    {
      Destination *destination = g_queue_pop_head_link (&self->aside)->data;

      destination_queue (destination, &self->ready);
    }
}

PbScheduler *
pb_scheduler_new (const PbSchedulerLimits *limits)
{
  PbScheduler *self = g_new0 (PbScheduler, 1);

  self->limits = *limits;
  self->destinations = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, destination_free);
  self->entries = g_hash_table_new_full (NULL, NULL, NULL, NULL);
  g_queue_init (&self->ready);
  g_queue_init (&self->aside);
  return self;
}

void
pb_scheduler_free (PbScheduler *self)
{
  GHashTableIter iter;
  gpointer entry;

  g_hash_table_iter_init (&iter, self->entries);
  while (g_hash_table_iter_next (&iter, NULL, &entry))
    g_free (entry);
  g_hash_table_unref (self->entries);
  g_hash_table_unref (self->destinations);
  pb_due_heap_clear (&self->sleeping);
  g_free (self);
}

void
pb_scheduler_set_limits (PbScheduler *self, const PbSchedulerLimits *limits)
{
  GHashTableIter iter;
  gpointer value;

  self->limits = *limits;
  g_hash_table_iter_init (&iter, self->destinations);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    destination_place (self, value);
  admit_strangers (self);
}

void
pb_scheduler_add (PbScheduler *self, gpointer item, const char *destination, gint64 due)
{
  Entry *entry;

  g_return_if_fail (!g_hash_table_contains (self->entries, item));
  entry = g_new0 (Entry, 1);
  entry->item = item;
  entry->destination = destination_ensure (self, destination);
  entry->node.key = due;
  entry->weight = 1;
  entry->destination->weight++;
  g_hash_table_insert (self->entries, item, entry);
  pb_due_heap_update (&entry->destination->items, &entry->node);
  destination_place (self, entry->destination);
}

void
pb_scheduler_trust (PbScheduler *self, const char *key)
{
  Destination *destination = destination_ensure (self, key);

  if (destination->last_rest == 0)
    set_stranger (self, destination, FALSE);
}

gpointer
pb_scheduler_next (PbScheduler *self, gint64 now)
{
  GList *link;

  if (self->under_way >= self->limits.max_total)
    return NULL;
  wake_sleepers (self, now);
  while ((link = g_queue_pop_head_link (&self->ready)) != NULL)
    {
      Destination *destination = link->data;
      Entry *entry = (Entry *) pb_due_heap_first (&destination->items);
      gpointer item;

      destination->queue = NULL;
      if (entry == NULL || destination_wake_time (destination) > now)
        {
          destination_place (self, destination);
          continue;
        }
      if (destination->stranger && self->strange >= max_strange (self))
        {
          destination_queue (destination, &self->aside);
          continue;
        }
      item = entry->item;
      entry_drop (self, entry);
      count_attempt (self, destination, 1);
      destination_place (self, destination);
      return item;
    }
  return NULL;
}

void
pb_scheduler_finished (PbScheduler *self, const char *key, gint64 now, gboolean dead)
{
  Destination *destination = g_hash_table_lookup (self->destinations, key);

  g_return_if_fail (destination != NULL && destination->under_way > 0);
  count_attempt (self, destination, -1);
  set_stranger (self, destination, dead);
  destination_unplace (self, destination);
  if (!dead)
    {
      destination->rest_until = destination->last_rest = 0;
      destination->window =
        MIN (destination->window + 1, MAX (self->limits.max_per_destination, 1));
    }
  else if (destination->rest_until <= now)
    {
      /* Of several attempts that end dead together only the first one doubles the rest. */
      gint64 rest = CLAMP (destination->last_rest * 2, self->limits.min_backoff,
                           MAX (self->limits.max_backoff, self->limits.min_backoff));

      destination->last_rest = MAX (rest, 1);
      destination->rest_until = now + destination->last_rest;
      destination->window = FIRST_WINDOW;
    }
  destination_place (self, destination);
  admit_strangers (self);
  if (++self->finished % SWEEP_EVERY == 0)
    sweep (self, now);
}

void
pb_scheduler_abandon (PbScheduler *self, const char *key)
{
  Destination *destination = g_hash_table_lookup (self->destinations, key);

  g_return_if_fail (destination != NULL && destination->under_way > 0);
  count_attempt (self, destination, -1);
  destination_place (self, destination);
  admit_strangers (self);
}

gboolean
pb_scheduler_remove (PbScheduler *self, gpointer item)
{
  Entry *entry = g_hash_table_lookup (self->entries, item);
  Destination *destination;

  if (entry == NULL)
    return FALSE;
  destination = entry->destination;
  entry_drop (self, entry);
  destination_place (self, destination);
  return TRUE;
}

static void
drain_destination (PbScheduler *self, Destination *destination, GPtrArray *items)
{
  Entry *entry;

  while ((entry = (Entry *) pb_due_heap_first (&destination->items)) != NULL)
    {
      g_ptr_array_add (items, entry->item);
      entry_drop (self, entry);
    }
  destination_place (self, destination);
}

GPtrArray *
pb_scheduler_drain (PbScheduler *self, const char *key)
{
  GPtrArray *items = g_ptr_array_new ();
  GHashTableIter iter;
  gpointer value;

  if (key != NULL)
    {
      value = g_hash_table_lookup (self->destinations, key);
      if (value != NULL)
        drain_destination (self, value, items);
      return items;
    }
  g_hash_table_iter_init (&iter, self->destinations);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    drain_destination (self, value, items);
  return items;
}

static void
wake_destination (PbScheduler *self, Destination *destination, gint64 now)
{
  destination->rest_until = destination->last_rest = 0;
  pb_due_heap_lower_all (&destination->items, now);
  destination_unplace (self, destination);
  destination_place (self, destination);
}

void
pb_scheduler_wake (PbScheduler *self, const char *key, gint64 now)
{
  GHashTableIter iter;
  gpointer value;

  if (key != NULL)
    {
      value = g_hash_table_lookup (self->destinations, key);
      if (value != NULL)
        wake_destination (self, value, now);
      return;
    }
  g_hash_table_iter_init (&iter, self->destinations);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    wake_destination (self, value, now);
}

gint64
pb_scheduler_next_due (PbScheduler *self)
{
  PbDueNode *first = pb_due_heap_first (&self->sleeping);

  if (self->under_way >= self->limits.max_total)
    return G_MAXINT64;
  if (self->ready.head != NULL)
    return G_MININT64;
  return first != NULL ? first->key : G_MAXINT64;
}

gint64
pb_scheduler_resting_until (PbScheduler *self, const char *key)
{
  Destination *destination = g_hash_table_lookup (self->destinations, key);

  return destination != NULL ? destination->rest_until : 0;
}

guint
pb_scheduler_waiting (PbScheduler *self, const char *key)
{
  Destination *destination = g_hash_table_lookup (self->destinations, key);

  return destination != NULL ? destination->weight : 0;
}

void
pb_scheduler_weigh (PbScheduler *self, gpointer item, guint weight)
{
  Entry *entry = g_hash_table_lookup (self->entries, item);

  g_return_if_fail (entry != NULL);
  entry->destination->weight += weight - entry->weight;
  entry->weight = weight;
}

guint
pb_scheduler_size (PbScheduler *self)
{
  return g_hash_table_size (self->entries);
}

gint64
pb_scheduler_backoff (const PbSchedulerLimits *limits, gint64 age, double random)
{
  gint64 max_backoff = MAX (limits->max_backoff, limits->min_backoff);
  gint64 base = CLAMP (age, (gint64) limits->min_backoff, max_backoff);
  gint64 seconds = (gint64) ((double) base * (0.9 + 0.2 * random) + 0.5);

  return MAX (seconds, 1);
}
