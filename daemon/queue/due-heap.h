/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

/* A binary heap of nodes embedded in their owners' structs, smallest key first; among equal keys the one that came first. */
typedef struct
{
  gint64 key;
  guint64 order; /* private */
  guint place;   /* private: index + 1, 0 when in no heap */
} PbDueNode;

typedef struct
{
  PbDueNode **nodes; /* (owned) zero-initialised is empty */
  guint n_nodes;
  guint n_allocated;
  guint64 next_order;
} PbDueHeap;

/** pb_due_heap_clear: frees the array, not the nodes. */
void pb_due_heap_clear (PbDueHeap *self);

/** pb_due_heap_first: the node with the smallest key. Returns: (nullable). */
PbDueNode *pb_due_heap_first (const PbDueHeap *self);

/** pb_due_heap_update: inserts @node, or moves it to where its changed key belongs. */
void pb_due_heap_update (PbDueHeap *self, PbDueNode *node);

/** pb_due_heap_remove: a no-op when @node is in no heap. */
void pb_due_heap_remove (PbDueHeap *self, PbDueNode *node);

/** pb_due_heap_lower_all: keys above @key become @key; the order of the nodes stays. */
void pb_due_heap_lower_all (PbDueHeap *self, gint64 key);
