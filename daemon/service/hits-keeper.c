/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Keeps Hits and LastHit of the AccessList. The first hit after a while starts a short wait; what was
 * counted until its end is written in one transaction, without a revision. A commit that fails is
 * logged, and what it held is written with the rule's next hit. Made and freed by the service.
 */
#include "service/hits-keeper.h"

#include "util/log.h"

#define WAIT_SECONDS 2

struct _PbHitsKeeper
{
  PbHits *hits;         /* (unowned) */
  PbConfigStore *store; /* (unowned) */
  PbMailbox *mailbox;   /* (owned) */
  guint timer;          /* source id; 0: none */
};

static void
on_written (guint64 revision, const GError *error, gpointer user_data)
{
  if (error != NULL)
    pb_log (PB_LOG_ERROR, "hits not written", "reason", error->message, NULL);
}

static void
write_changes (PbHitsKeeper *self)
{
  g_autoptr (GHashTable) changes = pb_hits_take_changes (self->hits);
  GPtrArray *cells;
  GHashTableIter iter;
  gpointer id, value;

  if (g_hash_table_size (changes) == 0)
    return;
  cells = g_ptr_array_new_with_free_func ((GDestroyNotify) pb_config_change_free);
  g_hash_table_iter_init (&iter, changes);
  while (g_hash_table_iter_next (&iter, &id, &value))
    {
      PbConfigChange *change = g_new0 (PbConfigChange, 1);

      change->kind = g_strdup (PB_CONFIG_HIT);
      change->key = g_strdup (id);
      change->new_value = value != NULL ? g_variant_ref (value) : NULL;
      g_ptr_array_add (cells, change);
    }
  pb_config_store_commit (self->store, cells, NULL, NULL, FALSE, self->mailbox, on_written, NULL);
}

static gboolean
on_timer (gpointer user_data)
{
  PbHitsKeeper *self = user_data;

  self->timer = 0;
  write_changes (self);
  return G_SOURCE_REMOVE;
}

static void
on_counted (gpointer data)
{
  PbHitsKeeper *self = data;

  if (self->timer == 0)
    self->timer = g_timeout_add_seconds (WAIT_SECONDS, on_timer, self);
}

PbHitsKeeper *
pb_hits_keeper_new (PbHits *hits, PbConfigStore *store, PbMailbox *mailbox)
{
  PbHitsKeeper *self = g_new0 (PbHitsKeeper, 1);

  self->hits = hits;
  self->store = store;
  self->mailbox = pb_mailbox_ref (mailbox);
  pb_hits_watch (hits, mailbox, on_counted, self);
  return self;
}

void
pb_hits_keeper_free (PbHitsKeeper *self)
{
  pb_hits_unwatch (self->hits);
  pb_mailbox_dispatch (self->mailbox);
  g_clear_handle_id (&self->timer, g_source_remove);
  write_changes (self);
  pb_mailbox_unref (self->mailbox);
  g_free (self);
}
