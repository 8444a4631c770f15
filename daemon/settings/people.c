/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A cache of names in front of a slow and possibly absent directory. Sessions on their reactors and the
 * queue on the main thread look into it and ask through it; what does the asking is given by the service,
 * which knows the helper. The lock is held for table look-ups alone. That a name could not be looked up
 * is told to those who wait and then forgotten, so that the next one tries anew.
 */
#include "settings/people.h"

#include "util/clock.h"
#include <string.h>

/* How long an answer holds: a new user is there soon, one who left is refused soon. */
#define KNOWN_US   (60 * G_USEC_PER_SEC)
#define UNKNOWN_US (20 * G_USEC_PER_SEC)

#define MAX_NAME 256 /* octets */

typedef struct
{
  PbMailbox *reply_to; /* (owned) */
  PbPersonFound func;
  gpointer user_data;
  PbPerson person;
} Waiter;

typedef struct
{
  char *name;       /* (owned) the key */
  PbPerson person;  /* UNASKED while it is being asked about */
  gint64 expires;   /* monotonic microseconds */
  GPtrArray *waiters; /* (owned) (nullable) (element-type Waiter) */
  GList link;       /* in the order of use, once answered */
} Entry;

struct _PbPeople
{
  gatomicrefcount references;
  guint max;
  PbPeopleAsk ask;
  gpointer data;
  GMutex lock;
  GHashTable *entries; /* (owned) (element-type Entry) by name; guarded by lock, as is all below */
  GQueue answered;     /* those that may be dropped, last used first */
  gboolean closed;
};

static void
entry_free (gpointer data)
{
  Entry *entry = data;

  g_free (entry->name);
  g_clear_pointer (&entry->waiters, g_ptr_array_unref);
  g_free (entry);
}

PbPeople *
pb_people_new (guint max, PbPeopleAsk ask, gpointer data)
{
  PbPeople *self = g_new0 (PbPeople, 1);

  g_atomic_ref_count_init (&self->references);
  self->max = max;
  self->ask = ask;
  self->data = data;
  g_mutex_init (&self->lock);
  self->entries = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, entry_free);
  return self;
}

PbPeople *
pb_people_ref (PbPeople *self)
{
  g_atomic_ref_count_inc (&self->references);
  return self;
}

void
pb_people_unref (PbPeople *self)
{
  if (!g_atomic_ref_count_dec (&self->references))
    return;
  g_hash_table_unref (self->entries);
  g_mutex_clear (&self->lock);
  g_free (self);
}

static void
entry_drop (PbPeople *self, Entry *entry)
{
  if (entry->person.state != PB_PERSON_UNASKED)
    g_queue_unlink (&self->answered, &entry->link);
  g_hash_table_remove (self->entries, entry->name);
}

/* (nullable) one that still holds, or is being asked about. */
static Entry *
find_entry (PbPeople *self, const char *name)
{
  Entry *entry = g_hash_table_lookup (self->entries, name);

  if (entry == NULL || entry->person.state == PB_PERSON_UNASKED)
    return entry;
  if (entry->expires <= pb_clock_monotonic ())
    {
      entry_drop (self, entry);
      return NULL;
    }
  g_queue_unlink (&self->answered, &entry->link);
  g_queue_push_head_link (&self->answered, &entry->link);
  return entry;
}

PbPerson
pb_people_peek (PbPeople *self, const char *name)
{
  PbPerson person = { PB_PERSON_UNASKED, 0 };
  const Entry *entry;

  g_mutex_lock (&self->lock);
  entry = find_entry (self, name);
  if (entry != NULL)
    person = entry->person;
  g_mutex_unlock (&self->lock);
  return person;
}

static void
on_told (gpointer data)
{
  Waiter *waiter = data;

  waiter->func (&waiter->person, waiter->user_data);
  pb_mailbox_unref (waiter->reply_to);
  g_free (waiter);
}

static void
tell (Waiter *waiter, const PbPerson *person)
{
  waiter->person = *person;
  pb_mailbox_post (waiter->reply_to, on_told, waiter);
}

static void
tell_all (GPtrArray *waiters, const PbPerson *person)
{
  for (guint i = 0; waiters != NULL && i < waiters->len; i++)
    tell (waiters->pdata[i], person);
}

/* Returns: TRUE when @waiter waits; it is the first if *@is_first. Else its person is filled in. */
static gboolean
join (PbPeople *self, const char *name, Waiter *waiter, gboolean *is_first)
{
  Entry *entry = find_entry (self, name);

  *is_first = FALSE;
  waiter->person = (PbPerson){ PB_PERSON_TROUBLE, 0 };
  if (self->closed)
    return FALSE;
  if (entry != NULL && entry->person.state != PB_PERSON_UNASKED)
    {
      waiter->person = entry->person;
      return FALSE;
    }
  if (entry == NULL)
    {
      entry = g_new0 (Entry, 1);
      entry->name = g_strdup (name);
      entry->person.state = PB_PERSON_UNASKED;
      entry->waiters = g_ptr_array_new ();
      entry->link.data = entry;
      g_hash_table_insert (self->entries, entry->name, entry);
      *is_first = TRUE;
    }
  g_ptr_array_add (entry->waiters, waiter);
  return TRUE;
}

void
pb_people_find (PbPeople *self, const char *name, PbMailbox *reply_to, PbPersonFound func,
                gpointer user_data)
{
  Waiter *waiter = g_new (Waiter, 1);
  gboolean waits, is_first;

  *waiter = (Waiter){ pb_mailbox_ref (reply_to), func, user_data, { PB_PERSON_TROUBLE, 0 } };
  g_mutex_lock (&self->lock);
  waits = join (self, name, waiter, &is_first);
  g_mutex_unlock (&self->lock);
  if (!waits)
    pb_mailbox_post (reply_to, on_told, waiter);
  else if (is_first)
    self->ask (name, self->data);
}

void
pb_people_answer (PbPeople *self, const char *name, const PbPerson *person)
{
  g_autoptr (GPtrArray) waiters = NULL;
  Entry *entry;

  g_mutex_lock (&self->lock);
  entry = g_hash_table_lookup (self->entries, name);
  if (entry != NULL && entry->person.state == PB_PERSON_UNASKED)
    {
      waiters = g_steal_pointer (&entry->waiters);
      if (person->state == PB_PERSON_KNOWN || person->state == PB_PERSON_UNKNOWN)
        {
          entry->person = *person;
          entry->expires =
            pb_clock_monotonic () + (person->state == PB_PERSON_KNOWN ? KNOWN_US : UNKNOWN_US);
          g_queue_push_head_link (&self->answered, &entry->link);
        }
      else
        entry_drop (self, entry);
      while (self->answered.length > self->max)
        entry_drop (self, self->answered.tail->data);
    }
  g_mutex_unlock (&self->lock);
  tell_all (waiters, person);
}

void
pb_people_close (PbPeople *self)
{
  static const PbPerson trouble = { PB_PERSON_TROUBLE, 0 };
  g_autoptr (GPtrArray) waiters = g_ptr_array_new ();
  GHashTableIter iter;
  gpointer value;

  g_mutex_lock (&self->lock);
  self->closed = TRUE;
  g_hash_table_iter_init (&iter, self->entries);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      Entry *entry = value;

      if (entry->person.state != PB_PERSON_UNASKED)
        continue;
      g_ptr_array_extend_and_steal (waiters, g_steal_pointer (&entry->waiters));
      g_hash_table_iter_remove (&iter);
    }
  g_mutex_unlock (&self->lock);
  tell_all (waiters, &trouble);
}

gboolean
pb_people_name_is_possible (const char *name)
{
  gsize length = strlen (name);

  /* What routes, quotes and paths are made of is in no user's name, and no module need see it. */
  return length > 0 && length <= MAX_NAME && name[0] != '-' && g_utf8_validate (name, -1, NULL)
         && strpbrk (name, "%!@/:\\\"\t\n\r ,;<>()[]") == NULL;
}
