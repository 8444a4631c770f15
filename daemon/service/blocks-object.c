/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * org.postbus.Postbus1.Blocks: who is blocked, lifted and extended; and what keeps the blocks over a
 * restart: changes are taken together, written by the store's own thread and told by a signal without
 * content. A commit that fails is logged; the block holds all the same. Main thread.
 */
#include "service/bus-info.h"
#include "service/objects.h"

#include "dbus/errors.h"
#include "dbus/names.h"
#include "util/clock.h"
#include "util/log.h"

#define MAX_PAGE 500
#define MAX_IDS  10000
#define MAX_TIME (G_GINT64_CONSTANT (253402300799)) /* the end of the year 9999 */

struct _PbBlocksObject
{
  PbBus *bus;           /* (unowned) */
  PbBlocks *blocks;     /* (unowned) */
  PbConfigStore *store; /* (unowned) */
  PbMailbox *mailbox;   /* (owned) */
};

static gint64
now_seconds (void)
{
  return pb_clock_wall () / G_USEC_PER_SEC;
}

static void
fail (PbBusCall *call, PbError code, const char *text)
{
  g_autoptr (GError) error = g_error_new_literal (PB_ERROR, (gint) code, text);

  pb_bus_call_fail (call, error);
}

/* Returns: FALSE for a filter that nobody knows. */
static gboolean
read_filter (GVariant *filter, const char **search)
{
  *search = NULL;
  g_variant_lookup (filter, "Search", "&s", search);
  return g_variant_n_children (filter) == (*search != NULL ? 1u : 0u);
}

static void
handle_list (PbBusCall *call, gpointer object)
{
  PbBlocksObject *self = object;
  g_autoptr (GVariant) filter = NULL;
  g_autoptr (GVariant) rows = NULL;
  const char *search;
  guint offset, limit, total;

  g_variant_get (call->parameters, "(@a{sv}uu)", &filter, &offset, &limit);
  if (limit > MAX_PAGE)
    fail (call, PB_ERROR_TOO_LARGE, "Blocks.List: at most 500 a call");
  else if (!read_filter (filter, &search))
    fail (call, PB_ERROR_INVALID_VALUE, "Blocks.List: the filter must be Search (s)");
  else
    {
      rows = pb_blocks_list (self->blocks, search, offset, limit, now_seconds (), &total);
      pb_bus_call_return (call, g_variant_new ("(u@aa{sv})", total, rows));
    }
}

static void
fail_unknown (PbBusCall *call, const char *id)
{
  g_autofree char *text =
    g_strdup_printf ("Blocks[%s]: there is no such block", g_uuid_string_is_valid (id) ? id : "?");

  fail (call, PB_ERROR_NOT_FOUND, text);
}

static void
handle_lift (PbBusCall *call, gpointer object)
{
  PbBlocksObject *self = object;
  g_autofree const char **ids = NULL;
  const char *unknown;

  g_variant_get (call->parameters, "(^a&s)", &ids);
  if (g_strv_length ((char **) ids) > MAX_IDS)
    {
      fail (call, PB_ERROR_TOO_LARGE, "Blocks.Lift: at most 10000 a call");
      return;
    }
  unknown = pb_blocks_lift (self->blocks, ids, now_seconds ());
  if (unknown != NULL)
    {
      fail_unknown (call, unknown);
      return;
    }
  pb_log (PB_LOG_NOTICE, "blocks lifted", "by", call->who, NULL);
  pb_bus_call_return (call, NULL);
}

static void
handle_extend (PbBusCall *call, gpointer object)
{
  PbBlocksObject *self = object;
  const char *id;
  guint64 expires;

  g_variant_get (call->parameters, "(&st)", &id, &expires);
  if (expires <= (guint64) now_seconds () || expires > (guint64) MAX_TIME)
    fail (call, PB_ERROR_INVALID_VALUE, "Blocks.Extend: the end must be in the future, before the year 10000");
  else if (!pb_blocks_extend (self->blocks, id, (gint64) expires, now_seconds ()))
    fail_unknown (call, id);
  else
    {
      pb_log (PB_LOG_NOTICE, "block extended", "block", id, "by", call->who, NULL);
      pb_bus_call_return (call, NULL);
    }
}

static const PbBusMethod methods[] = {
  { "List", PB_ACTION_VIEW, handle_list },
  { "Lift", PB_ACTION_MODIFY_SETTINGS, handle_lift },
  { "Extend", PB_ACTION_MODIFY_SETTINGS, handle_extend },
};

/* ---- keeping them ---- */

static GPtrArray *
changes_to_store (GHashTable *changes)
{
  GPtrArray *out = g_ptr_array_new_with_free_func ((GDestroyNotify) pb_config_change_free);
  GHashTableIter iter;
  gpointer id, value;

  g_hash_table_iter_init (&iter, changes);
  while (g_hash_table_iter_next (&iter, &id, &value))
    {
      PbConfigChange *change = g_new0 (PbConfigChange, 1);

      change->kind = g_strdup (PB_CONFIG_BLOCK);
      change->key = g_strdup (id);
      change->new_value = value != NULL ? g_variant_ref (value) : NULL;
      g_ptr_array_add (out, change);
    }
  return out;
}

static void
on_written (guint64 revision, const GError *error, gpointer user_data)
{
  if (error != NULL)
    pb_log (PB_LOG_ERROR, "blocks not written", "reason", error->message, NULL);
}

/* The store writes in order; what comes meanwhile is told anew, since nobody has taken it yet. */
static void
on_changed (gpointer data)
{
  PbBlocksObject *self = data;
  g_autoptr (GHashTable) changes = pb_blocks_take_changes (self->blocks);

  if (g_hash_table_size (changes) == 0)
    return;
  pb_config_store_commit (self->store, changes_to_store (changes), NULL, NULL, FALSE, self->mailbox,
                          on_written, NULL);
  pb_bus_emit (self->bus, "Blocks", "Changed", g_variant_new ("()"));
}

PbBlocksObject *
pb_blocks_object_new (PbBus *bus, PbBlocks *blocks, PbConfigStore *store, PbMailbox *mailbox)
{
  PbBlocksObject *self = g_new0 (PbBlocksObject, 1);
  const PbBusInterface interface = {
    .info = &blocks_interface,
    .methods = methods,
    .n_methods = G_N_ELEMENTS (methods),
    .object = self,
  };

  self->bus = bus;
  self->blocks = blocks;
  self->store = store;
  self->mailbox = pb_mailbox_ref (mailbox);
  pb_blocks_watch (blocks, mailbox, on_changed, self);
  pb_bus_add (bus, &interface);
  return self;
}

void
pb_blocks_object_free (PbBlocksObject *self)
{
  pb_blocks_unwatch (self->blocks);
  pb_mailbox_dispatch (self->mailbox);
  pb_mailbox_unref (self->mailbox);
  g_free (self);
}
