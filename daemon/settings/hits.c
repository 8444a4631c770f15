/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Hits and LastHit of the AccessList. Sessions count from their threads, the registry shows, and the
 * service writes what changed from time to time, all behind one lock that is held for a look-up. Rules
 * that never matched take no memory; of those that are gone what was kept goes with the next start.
 */
#include "settings/hits.h"

typedef struct
{
  guint64 hits, last;
  gboolean changed;
  gboolean gone; /* the rule, from among what was kept */
} Count;

struct _PbHits
{
  gatomicrefcount references;
  GMutex lock;
  GHashTable *counts; /* (owned) rule id -> Count, all below under lock */
  guint n_changed;
  PbMailbox *mailbox; /* (owned) (nullable) */
  PbMailFunc func;
  gpointer data;
};

PbHits *
pb_hits_new (void)
{
  PbHits *self = g_new0 (PbHits, 1);

  g_atomic_ref_count_init (&self->references);
  g_mutex_init (&self->lock);
  self->counts = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  return self;
}

PbHits *
pb_hits_ref (PbHits *self)
{
  g_atomic_ref_count_inc (&self->references);
  return self;
}

void
pb_hits_unref (PbHits *self)
{
  if (!g_atomic_ref_count_dec (&self->references))
    return;
  g_clear_pointer (&self->mailbox, pb_mailbox_unref);
  g_hash_table_unref (self->counts);
  g_mutex_clear (&self->lock);
  g_free (self);
}

static Count *
find_or_add (PbHits *self, const char *id)
{
  Count *count = g_hash_table_lookup (self->counts, id);

  if (count == NULL)
    {
      count = g_new0 (Count, 1);
      g_hash_table_insert (self->counts, g_strdup (id), count);
    }
  return count;
}

void
pb_hits_restore (PbHits *self, const char *id, guint64 hits, guint64 last)
{
  Count *count;

  g_mutex_lock (&self->lock);
  count = find_or_add (self, id);
  count->hits = hits;
  count->last = last;
  g_mutex_unlock (&self->lock);
}

/* Under the lock. */
static void
note_change (PbHits *self, Count *count)
{
  if (count->changed)
    return;
  count->changed = TRUE;
  if (self->n_changed++ == 0 && self->mailbox != NULL)
    pb_mailbox_post (self->mailbox, self->func, self->data);
}

void
pb_hits_forget (PbHits *self, const char *id)
{
  Count *count;

  g_mutex_lock (&self->lock);
  count = find_or_add (self, id);
  count->gone = TRUE;
  note_change (self, count);
  g_mutex_unlock (&self->lock);
}

void
pb_hits_add (PbHits *self, const char *id, guint64 now)
{
  Count *count;

  g_mutex_lock (&self->lock);
  count = find_or_add (self, id);
  count->hits++;
  count->last = now;
  count->gone = FALSE;
  note_change (self, count);
  g_mutex_unlock (&self->lock);
}

void
pb_hits_get (PbHits *self, const char *id, guint64 *hits, guint64 *last)
{
  const Count *count;

  g_mutex_lock (&self->lock);
  count = g_hash_table_lookup (self->counts, id);
  *hits = count != NULL ? count->hits : 0;
  *last = count != NULL ? count->last : 0;
  g_mutex_unlock (&self->lock);
}

void
pb_hits_watch (PbHits *self, PbMailbox *mailbox, PbMailFunc func, gpointer data)
{
  g_mutex_lock (&self->lock);
  self->mailbox = pb_mailbox_ref (mailbox);
  self->func = func;
  self->data = data;
  if (self->n_changed > 0)
    pb_mailbox_post (self->mailbox, self->func, self->data);
  g_mutex_unlock (&self->lock);
}

void
pb_hits_unwatch (PbHits *self)
{
  g_mutex_lock (&self->lock);
  g_clear_pointer (&self->mailbox, pb_mailbox_unref);
  g_mutex_unlock (&self->lock);
}

static void
unref_value (gpointer value)
{
  if (value != NULL)
    g_variant_unref (value);
}

/* Returns: (nullable) (transfer full). */
static GVariant *
value_of (const Count *count)
{
  if (count->gone)
    return NULL;
  return g_variant_ref_sink (g_variant_new (PB_HITS_VALUE, count->hits, count->last));
}

GHashTable *
pb_hits_take_changes (PbHits *self)
{
  GHashTable *changes = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, unref_value);
  GHashTableIter iter;
  gpointer id, value;

  g_mutex_lock (&self->lock);
  g_hash_table_iter_init (&iter, self->counts);
  while (self->n_changed > 0 && g_hash_table_iter_next (&iter, &id, &value))
    {
      Count *count = value;

      if (!count->changed)
        continue;
      count->changed = FALSE;
      self->n_changed--;
      g_hash_table_insert (changes, g_strdup (id), value_of (count));
      if (count->gone)
        g_hash_table_iter_remove (&iter);
    }
  g_mutex_unlock (&self->lock);
  return changes;
}
