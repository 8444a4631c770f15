/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The blocks of the service as a paged list, how many there are, and what can be done to them. Made by
 * PbaServer, watched closely by the blocks page while it is seen. Asked on a timer without bothering the
 * user for a password; the page's first look may.
 */
#include "model/blocks.h"

#define CALM_SECONDS    10
#define WATCHED_SECONDS 5

struct _PbaBlocks
{
  GObject parent_instance;

  PbaConnection *connection; /* (owned) */
  PbaListModel *rows;        /* (owned) */
  gboolean watched, asking;
  guint timer, count;
};

G_DEFINE_FINAL_TYPE (PbaBlocks, pba_blocks, G_TYPE_OBJECT)

enum
{
  PROP_COUNT = 1,
  N_PROPERTIES,
};
static GParamSpec *properties[N_PROPERTIES];

static void
set_count (PbaBlocks *self, guint count)
{
  if (self->count == count)
    return;
  self->count = count;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_COUNT]);
}

static void
on_counted (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (PbaBlocks) self = user_data;
  g_autoptr (GVariant) reply = pba_connection_call_finish (PBA_CONNECTION (source), result, NULL);
  guint total;

  self->asking = FALSE;
  if (reply == NULL)
    return;
  g_variant_get (reply, "(uaa{sv})", &total, NULL);
  set_count (self, total);
}

static void
ask (PbaBlocks *self)
{
  if (self->asking || !pba_blocks_get_supported (self))
    return;
  self->asking = TRUE;
  pba_connection_poll (self->connection, "Blocks", "List",
                       g_variant_new ("(@a{sv}uu)", g_variant_new ("a{sv}", NULL), 0, 1),
                       "(uaa{sv})", NULL, on_counted, g_object_ref (self));
  if (self->watched)
    pba_list_model_poll (self->rows);
}

static gboolean
on_tick (gpointer user_data)
{
  ask (user_data);
  return G_SOURCE_CONTINUE;
}

static void
on_connected (PbaBlocks *self)
{
  if (!pba_blocks_get_supported (self))
    set_count (self, 0);
  ask (self);
}

static void
start_timer (PbaBlocks *self)
{
  g_clear_handle_id (&self->timer, g_source_remove);
  self->timer =
    g_timeout_add_seconds (self->watched ? WATCHED_SECONDS : CALM_SECONDS, on_tick, self);
}

void
pba_blocks_set_watched (PbaBlocks *self, gboolean watched)
{
  self->watched = watched;
  start_timer (self);
  if (watched && pba_blocks_get_supported (self))
    pba_list_model_refresh (self->rows);
}

static void
pba_blocks_get_gproperty (GObject *object, guint property, GValue *value, GParamSpec *pspec)
{
  g_value_set_uint (value, PBA_BLOCKS (object)->count);
}

static void
pba_blocks_finalize (GObject *object)
{
  PbaBlocks *self = PBA_BLOCKS (object);

  g_clear_handle_id (&self->timer, g_source_remove);
  g_object_unref (self->rows);
  g_object_unref (self->connection);
  G_OBJECT_CLASS (pba_blocks_parent_class)->finalize (object);
}

static void
pba_blocks_class_init (PbaBlocksClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->get_property = pba_blocks_get_gproperty;
  object_class->finalize = pba_blocks_finalize;
  properties[PROP_COUNT] =
    g_param_spec_uint ("count", NULL, NULL, 0, G_MAXUINT, 0,
                       G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY);
  g_object_class_install_properties (object_class, N_PROPERTIES, properties);
}

static void
pba_blocks_init (PbaBlocks *self)
{
}

PbaBlocks *
pba_blocks_new (PbaConnection *connection)
{
  PbaBlocks *self = g_object_new (PBA_TYPE_BLOCKS, NULL);

  self->connection = g_object_ref (connection);
  self->rows = pba_list_model_new_query (connection, "Blocks", "List");
  g_signal_connect_object (connection, "notify::connected", G_CALLBACK (on_connected), self,
                           G_CONNECT_SWAPPED);
  start_timer (self);
  ask (self);
  return self;
}

gboolean
pba_blocks_get_supported (PbaBlocks *self)
{
  return pba_connection_get_state (self->connection) == PBA_CONNECTION_CONNECTED
         && pba_connection_has_method (self->connection, "Blocks", "Lift");
}

PbaListModel *
pba_blocks_get_rows (PbaBlocks *self)
{
  return self->rows;
}

/* ---- what can be done ---- */

static void
on_acted (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  PbaBlocks *self = g_task_get_source_object (task);
  GError *error = NULL;
  g_autoptr (GVariant) reply = pba_connection_call_finish (PBA_CONNECTION (source), result, &error);

  pba_list_model_refresh (self->rows);
  ask (self);
  if (reply != NULL)
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

static void
act (PbaBlocks *self, const char *method, GVariant *parameters, GCancellable *cancellable,
     GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *task = g_task_new (self, cancellable, callback, user_data);

  g_task_set_source_tag (task, act);
  pba_connection_call (self->connection, "Blocks", method, parameters, NULL, cancellable, on_acted,
                       task);
}

void
pba_blocks_lift_async (PbaBlocks *self, const char *id, GCancellable *cancellable,
                       GAsyncReadyCallback callback, gpointer user_data)
{
  const char *const ids[] = { id, NULL };

  act (self, "Lift", g_variant_new ("(^as)", ids), cancellable, callback, user_data);
}

void
pba_blocks_extend_async (PbaBlocks *self, const char *id, gint64 expires, GCancellable *cancellable,
                         GAsyncReadyCallback callback, gpointer user_data)
{
  act (self, "Extend", g_variant_new ("(st)", id, (guint64) expires), cancellable, callback,
       user_data);
}

gboolean
pba_blocks_act_finish (PbaBlocks *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}
