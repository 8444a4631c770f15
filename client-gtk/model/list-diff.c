/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From the rows of a list before a refresh to those after it, for whoever shows them.
 *
 * Part of PbaListModel. A list that lives changes at many places at once: mail leaves at the head of a queue
 * and comes in at its tail. Each stretch that differs is announced by itself, so that a view keeps its place,
 * its focus and its selection at the rows between. Rows that were never looked at are all alike.
 */
#include "model/list-model-private.h"

#include <string.h>

#define MOST_STRETCHES 200 /* beyond, one announcement is cheaper than many */

/* Rows that go and rows that come in their place. */
typedef struct
{
  guint old_at, old_n, new_at, new_n;
} Stretch;

static GHashTable *
index_rows (GPtrArray *rows)
{
  GHashTable *index = g_hash_table_new (NULL, NULL);

  for (guint i = 0; i < rows->len; i++)
    if (rows->pdata[i] != NULL)
      g_hash_table_add (index, rows->pdata[i]);
  return index;
}

static gboolean
is_missing (GPtrArray *rows, guint at, GHashTable *other)
{
  return at < rows->len && rows->pdata[at] != NULL && !g_hash_table_contains (other, rows->pdata[at]);
}

/* All between the first and the last difference. */
static Stretch
find_whole (GPtrArray *old, GPtrArray *rows, guint old_at, guint new_at)
{
  guint least = MIN (old->len - old_at, rows->len - new_at), tail = 0;

  while (tail < least && old->pdata[old->len - 1 - tail] == rows->pdata[rows->len - 1 - tail])
    tail++;
  return (Stretch){ old_at, old->len - old_at - tail, new_at, rows->len - new_at - tail };
}

/* The stretch that begins there. */
static Stretch
find_one (GPtrArray *old, GPtrArray *rows, GHashTable *was, GHashTable *is, guint old_at, guint new_at)
{
  Stretch stretch = { old_at, 0, new_at, 0 };

  while (is_missing (old, old_at + stretch.old_n, is))
    stretch.old_n++;
  while (is_missing (rows, new_at + stretch.new_n, was))
    stretch.new_n++;
  /* Moved, or not known on one side: from here on nothing is certain. */
  if (stretch.old_n == 0 && stretch.new_n == 0)
    return find_whole (old, rows, old_at, new_at);
  return stretch;
}

/* Returns: (transfer full): in rising order. */
static GArray *
find_stretches (GPtrArray *old, GPtrArray *rows)
{
  GArray *stretches = g_array_new (FALSE, FALSE, sizeof (Stretch));
  g_autoptr (GHashTable) was = index_rows (old);
  g_autoptr (GHashTable) is = index_rows (rows);
  guint i = 0, j = 0;

  while (i < old->len || j < rows->len)
    {
      Stretch stretch;

      if (i < old->len && j < rows->len && old->pdata[i] == rows->pdata[j])
        {
          i++;
          j++;
          continue;
        }
      stretch = stretches->len < MOST_STRETCHES ? find_one (old, rows, was, is, i, j)
                                                : find_whole (old, rows, i, j);
      g_array_append_val (stretches, stretch);
      i += stretch.old_n;
      j += stretch.new_n;
    }
  return stretches;
}

/* The rows that go are let go of, those that come are taken out of @rows. */
static void
splice (GPtrArray *own, GPtrArray *rows, const Stretch *stretch)
{
  for (guint i = 0; i < stretch->old_n; i++)
    g_clear_object ((GObject **) &own->pdata[stretch->old_at + i]);
  if (stretch->old_n > stretch->new_n)
    g_ptr_array_remove_range (own, stretch->old_at + stretch->new_n, stretch->old_n - stretch->new_n);
  if (stretch->old_n < stretch->new_n)
    {
      guint behind = own->len - stretch->old_at - stretch->old_n;

      g_ptr_array_set_size (own, (int) (own->len + stretch->new_n - stretch->old_n));
      memmove (&own->pdata[stretch->old_at + stretch->new_n],
               &own->pdata[stretch->old_at + stretch->old_n], behind * sizeof (gpointer));
    }
  for (guint i = 0; i < stretch->new_n; i++)
    own->pdata[stretch->old_at + i] = g_steal_pointer (&rows->pdata[stretch->new_at + i]);
}

void
pba_list_model_turn_into (PbaListModel *self, GPtrArray *rows)
{
  g_autoptr (GArray) stretches = find_stretches (self->rows, rows);

  /* From the end: the places before are still as they were. */
  for (guint i = stretches->len; i > 0; i--)
    {
      const Stretch *stretch = &g_array_index (stretches, Stretch, i - 1);

      splice (self->rows, rows, stretch);
      g_list_model_items_changed (G_LIST_MODEL (self), stretch->old_at, stretch->old_n, stretch->new_n);
    }
  for (guint i = 0; i < rows->len; i++)
    g_clear_object ((GObject **) &rows->pdata[i]);
  g_ptr_array_unref (rows);
}
