/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Mail on its way: the queue's counts, asked on a timer and when the service says that something changed,
 * and its messages as a paged list. What is done to them is in queue-act.c. Made by PbaServer, watched
 * closely by the queue page while it is seen. A count that cannot be had stays what it was.
 */
#include "model/queue-private.h"

#include "dbus/names.h"

#define CALM_SECONDS    10
#define WATCHED_SECONDS 2

G_DEFINE_FINAL_TYPE (PbaQueue, pba_queue, G_TYPE_OBJECT)

/* The first five are the service's properties, in the order of counts[]. */
enum
{
  PROP_ACTIVE = 1,
  PROP_DEFERRED,
  PROP_HELD,
  PROP_SIZE,
  PROP_OLDEST,
  PROP_COUNT,
  PROP_WATCHED,
  N_PROPERTIES,
};
static GParamSpec *properties[N_PROPERTIES];
static const char *const names[] = { "Active", "Deferred", "Held", "Size", "Oldest" };

static void
on_counts (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (PbaQueue) self = user_data;
  g_autoptr (GVariant) reply = pba_connection_call_finish (PBA_CONNECTION (source), result, NULL);
  g_autoptr (GVariant) values = reply != NULL ? g_variant_get_child_value (reply, 0) : NULL;
  gboolean changed = FALSE;

  self->asking = FALSE;
  for (guint i = 0; values != NULL && i < G_N_ELEMENTS (names); i++)
    {
      guint64 count;

      if (!g_variant_lookup (values, names[i], "t", &count) || self->counts[i] == count)
        continue;
      self->counts[i] = count;
      changed = TRUE;
      g_object_notify_by_pspec (G_OBJECT (self), properties[i + 1]);
    }
  if (changed)
    g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_COUNT]);
}

static void
ask (PbaQueue *self)
{
  if (self->asking || pba_connection_get_state (self->connection) != PBA_CONNECTION_CONNECTED)
    return;
  self->asking = TRUE;
  pba_connection_get_all (self->connection, "Queue", NULL, on_counts, g_object_ref (self));
  if (!self->watched || (self->told && !self->changed))
    return;
  self->changed = FALSE;
  pba_list_model_poll (self->messages);
}

static gboolean
on_tick (gpointer user_data)
{
  ask (user_data);
  return G_SOURCE_CONTINUE;
}

static void
on_connected (PbaConnection *connection, GParamSpec *pspec, gpointer user_data)
{
  PbaQueue *self = user_data;
  GDBusNodeInfo *node = pba_connection_get_node (connection);
  GDBusInterfaceInfo *info =
    node != NULL ? g_dbus_node_info_lookup_interface (node, PB_INTERFACE_PREFIX "Queue") : NULL;

  self->told = info != NULL && g_dbus_interface_info_lookup_signal (info, "Changed") != NULL;
  self->changed = TRUE;
  ask (self);
}

static void
on_bus_signal (PbaConnection *connection, const char *interface, const char *name,
               GVariant *parameters, gpointer user_data)
{
  PbaQueue *self = user_data;

  if (!g_str_equal (interface, "Queue") || !g_str_equal (name, "Changed"))
    return;
  self->changed = TRUE;
  if (self->watched)
    ask (self);
}

void
pba_queue_set_watched (PbaQueue *self, gboolean watched)
{
  if (self->watched == watched && self->timer != 0)
    return;
  self->watched = watched;
  self->changed = TRUE;
  g_clear_handle_id (&self->timer, g_source_remove);
  self->timer = g_timeout_add_seconds (watched ? WATCHED_SECONDS : CALM_SECONDS, on_tick, self);
  ask (self);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_WATCHED]);
}

static void
pba_queue_get_gproperty (GObject *object, guint property, GValue *value, GParamSpec *pspec)
{
  PbaQueue *self = PBA_QUEUE (object);

  if (property == PROP_WATCHED)
    g_value_set_boolean (value, self->watched);
  else if (property == PROP_COUNT)
    g_value_set_uint64 (value, self->counts[0] + self->counts[1] + self->counts[2]);
  else
    g_value_set_uint64 (value, self->counts[property - 1]);
}

static void
pba_queue_set_gproperty (GObject *object, guint property, const GValue *value, GParamSpec *pspec)
{
  if (property == PROP_WATCHED)
    pba_queue_set_watched (PBA_QUEUE (object), g_value_get_boolean (value));
}

static void
pba_queue_finalize (GObject *object)
{
  PbaQueue *self = PBA_QUEUE (object);

  g_clear_handle_id (&self->timer, g_source_remove);
  g_object_unref (self->messages);
  g_object_unref (self->connection);
  G_OBJECT_CLASS (pba_queue_parent_class)->finalize (object);
}

static void
pba_queue_class_init (PbaQueueClass *klass)
{
  static const char *const property_names[] = { "active", "deferred", "held",
                                                "size",   "oldest",   "count" };
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  const GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;

  object_class->get_property = pba_queue_get_gproperty;
  object_class->set_property = pba_queue_set_gproperty;
  object_class->finalize = pba_queue_finalize;
  for (guint i = PROP_ACTIVE; i <= PROP_COUNT; i++)
    properties[i] =
      g_param_spec_uint64 (property_names[i - 1], NULL, NULL, 0, G_MAXUINT64, 0, flags);
  properties[PROP_WATCHED] =
    g_param_spec_boolean ("watched", NULL, NULL, FALSE, flags | G_PARAM_WRITABLE);
  g_object_class_install_properties (object_class, N_PROPERTIES, properties);
}

static void
pba_queue_init (PbaQueue *self)
{
}

PbaQueue *
pba_queue_new (PbaConnection *connection)
{
  PbaQueue *self = g_object_new (PBA_TYPE_QUEUE, NULL);

  self->connection = g_object_ref (connection);
  self->messages = pba_list_model_new_query (connection, "Queue", "List");
  g_signal_connect_object (connection, "notify::connected", G_CALLBACK (on_connected), self, 0);
  g_signal_connect_object (connection, "bus-signal", G_CALLBACK (on_bus_signal), self, 0);
  pba_queue_set_watched (self, FALSE);
  return self;
}

PbaListModel *
pba_queue_get_messages (PbaQueue *self)
{
  return self->messages;
}

void
pba_queue_refresh (PbaQueue *self)
{
  pba_list_model_refresh (self->messages);
  ask (self);
}
