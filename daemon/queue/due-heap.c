/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The heap behind the scheduler: each node knows its place, so that one in the middle can be taken
 * out or moved in logarithmic time. Nodes belong to the caller, who must remove them before freeing
 * them. Nothing here can fail.
 */
#include "queue/due-heap.h"
#include <stdlib.h>

static gboolean
is_before (const PbDueNode *a, const PbDueNode *b)
{
  return a->key != b->key ? a->key < b->key : a->order < b->order;
}

static void
put (PbDueHeap *self, guint index, PbDueNode *node)
{
  self->nodes[index] = node;
  node->place = index + 1;
}

static void
sift_up (PbDueHeap *self, guint index)
{
  PbDueNode *node = self->nodes[index];

  while (index > 0 && is_before (node, self->nodes[(index - 1) / 2]))
    {
      put (self, index, self->nodes[(index - 1) / 2]);
      index = (index - 1) / 2;
    }
  put (self, index, node);
}

static void
sift_down (PbDueHeap *self, guint index)
{
  PbDueNode *node = self->nodes[index];
  guint child;

  while ((child = 2 * index + 1) < self->n_nodes)
    {
      if (child + 1 < self->n_nodes && is_before (self->nodes[child + 1], self->nodes[child]))
        child++;
      if (!is_before (self->nodes[child], node))
        break;
      put (self, index, self->nodes[child]);
      index = child;
    }
  put (self, index, node);
}

void
pb_due_heap_clear (PbDueHeap *self)
{
  g_clear_pointer (&self->nodes, g_free);
  self->n_nodes = self->n_allocated = 0;
}

PbDueNode *
pb_due_heap_first (const PbDueHeap *self)
{
  return self->n_nodes > 0 ? self->nodes[0] : NULL;
}

void
pb_due_heap_update (PbDueHeap *self, PbDueNode *node)
{
  if (node->place == 0)
    {
      if (self->n_nodes == self->n_allocated)
        {
          self->n_allocated = MAX (4, self->n_allocated * 2);
          self->nodes = g_renew (PbDueNode *, self->nodes, self->n_allocated);
        }
      node->order = self->next_order++;
      put (self, self->n_nodes++, node);
    }
  sift_up (self, node->place - 1);
  sift_down (self, node->place - 1);
}

void
pb_due_heap_remove (PbDueHeap *self, PbDueNode *node)
{
  guint index = node->place - 1;

  if (node->place == 0)
    return;
  node->place = 0;
  self->n_nodes--;
  if (index == self->n_nodes)
    return;
  put (self, index, self->nodes[self->n_nodes]);
  sift_up (self, index);
  sift_down (self, self->nodes[index]->place - 1);
}

static int
compare_nodes (gconstpointer a, gconstpointer b)
{
  const PbDueNode *first = *(PbDueNode *const *) a, *second = *(PbDueNode *const *) b;

  return is_before (first, second) ? -1 : is_before (second, first) ? 1 : 0;
}

void
pb_due_heap_lower_all (PbDueHeap *self, gint64 key)
{
  if (self->n_nodes == 0)
    return;
  /* A sorted array is a heap; fresh order numbers keep that order among what becomes equal. */
  qsort (self->nodes, self->n_nodes, sizeof *self->nodes, compare_nodes);
  for (guint i = 0; i < self->n_nodes; i++)
    {
      self->nodes[i]->key = MIN (self->nodes[i]->key, key);
      self->nodes[i]->order = self->next_order++;
      put (self, i, self->nodes[i]);
    }
}
