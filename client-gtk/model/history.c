/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The history of the service as a paged list that is filtered by the service, and the trail of one message.
 * Made by PbaServer; the page of messages watches it while it is seen. The state comes with the
 * connection and follows its signals.
 */
#include "model/history.h"

#include "dbus/names.h"

#include <string.h>

#define WATCHED_SECONDS 5

struct _PbaHistory
{
  GObject parent_instance;

  PbaConnection *connection; /* (owned) */
  PbaListModel *messages;    /* (owned) */
  char *state;               /* (owned) */
  guint64 dropped;
  guint timer;
};

G_DEFINE_FINAL_TYPE (PbaHistory, pba_history, G_TYPE_OBJECT)

enum
{
  PROP_STATE = 1,
  PROP_DROPPED,
  N_PROPERTIES,
};
static GParamSpec *properties[N_PROPERTIES];

gboolean
pba_history_get_supported (PbaHistory *self)
{
  return pba_connection_get_state (self->connection) == PBA_CONNECTION_CONNECTED
         && pba_connection_has_method (self->connection, "History", "Search");
}

static void
take_state (PbaHistory *self, GVariant *values)
{
  const char *state;
  guint64 dropped;

  if (g_variant_lookup (values, "State", "&s", &state) && g_strcmp0 (state, self->state) != 0)
    {
      g_free (self->state);
      self->state = g_strdup (state);
      g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_STATE]);
    }
  if (g_variant_lookup (values, "Dropped", "t", &dropped) && dropped != self->dropped)
    {
      self->dropped = dropped;
      g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_DROPPED]);
    }
}

static void
on_state (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (PbaHistory) self = user_data;
  g_autoptr (GVariant) reply = pba_connection_call_finish (PBA_CONNECTION (source), result, NULL);
  g_autoptr (GVariant) values = reply != NULL ? g_variant_get_child_value (reply, 0) : NULL;

  if (values != NULL)
    take_state (self, values);
}

static void
on_connected (PbaHistory *self)
{
  if (!pba_history_get_supported (self))
    return;
  pba_connection_get_all (self->connection, "History", NULL, on_state, g_object_ref (self));
  if (self->timer != 0)
    pba_list_model_refresh (self->messages);
}

static void
on_properties_changed (PbaConnection *connection, const char *interface, GVariant *changed,
                       GStrv invalidated, gpointer user_data)
{
  if (g_str_equal (interface, "History") || g_str_equal (interface, PB_INTERFACE_PREFIX "History"))
    take_state (user_data, changed);
}

static gboolean
on_tick (gpointer user_data)
{
  PbaHistory *self = user_data;

  if (pba_history_get_supported (self))
    pba_list_model_poll (self->messages);
  return G_SOURCE_CONTINUE;
}

void
pba_history_set_watched (PbaHistory *self, gboolean watched)
{
  g_clear_handle_id (&self->timer, g_source_remove);
  if (!watched)
    return;
  self->timer = g_timeout_add_seconds (WATCHED_SECONDS, on_tick, self);
  if (pba_history_get_supported (self))
    pba_list_model_refresh (self->messages);
}

PbaListModel *
pba_history_get_messages (PbaHistory *self)
{
  return self->messages;
}

static void
put (GVariantDict *filter, const char *key, const char *value)
{
  if (value != NULL && value[0] != '\0')
    g_variant_dict_insert (filter, key, "s", value);
}

void
pba_history_filter (PbaHistory *self, const char *text, const char *event, const char *check)
{
  g_autoptr (GVariant) filter = NULL;
  GVariantDict dict;

  g_variant_dict_init (&dict, NULL);
  put (&dict, "Text", text);
  put (&dict, "Event", event);
  put (&dict, "Check", check);
  filter = g_variant_ref_sink (g_variant_dict_end (&dict));
  pba_list_model_set_filter (self->messages, g_variant_n_children (filter) > 0 ? filter : NULL);
}

/* ---- trails ---- */

static void
on_trail (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  GError *error = NULL;
  g_autoptr (GVariant) reply = pba_connection_call_finish (PBA_CONNECTION (source), result, &error);

  if (reply == NULL)
    g_task_return_error (task, error);
  else
    g_task_return_pointer (task, g_variant_get_child_value (reply, 0),
                           (GDestroyNotify) g_variant_unref);
}

void
pba_history_trail_async (PbaHistory *self, const char *id, GCancellable *cancellable,
                         GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *task = g_task_new (self, cancellable, callback, user_data);

  g_task_set_source_tag (task, pba_history_trail_async);
  pba_connection_call (self->connection, "History", "Trail", g_variant_new ("(s)", id),
                       "(aa{sv})", cancellable, on_trail, task);
}

GVariant *
pba_history_trail_finish (PbaHistory *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

/* ---- today's judgement ---- */

gboolean
pba_history_can_explain (PbaHistory *self)
{
  return pba_connection_get_state (self->connection) == PBA_CONNECTION_CONNECTED
         && pba_connection_has_method (self->connection, "Diagnostics", "Explain");
}

void
pba_history_explain_async (PbaHistory *self, GVariant *cells, const char *recipient,
                           GCancellable *cancellable, GAsyncReadyCallback callback,
                           gpointer user_data)
{
  static const char *const keys[][2] = { { "Client", "Ip" }, { "Helo", "Helo" }, { "Login", "Login" } };
  GTask *task = g_task_new (self, cancellable, callback, user_data);
  GVariantDict question;
  const char *text;

  g_task_set_source_tag (task, pba_history_explain_async);
  g_variant_dict_init (&question, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (keys); i++)
    if (g_variant_lookup (cells, keys[i][0], "&s", &text))
      put (&question, keys[i][1], text);
  if (g_variant_lookup (cells, "Sender", "&s", &text))
    g_variant_dict_insert (&question, "Sender", "s", text);
  put (&question, "Recipient", recipient);
  pba_connection_call (self->connection, "Diagnostics", "Explain",
                       g_variant_new ("(@a{sv})", g_variant_dict_end (&question)), "(aa{sv})",
                       cancellable, on_trail, task);
}

GVariant *
pba_history_explain_finish (PbaHistory *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

/* ---- the object ---- */

static void
pba_history_get_gproperty (GObject *object, guint property, GValue *value, GParamSpec *pspec)
{
  PbaHistory *self = PBA_HISTORY (object);

  if (property == PROP_STATE)
    g_value_set_string (value, self->state);
  else
    g_value_set_uint64 (value, self->dropped);
}

static void
pba_history_finalize (GObject *object)
{
  PbaHistory *self = PBA_HISTORY (object);

  g_clear_handle_id (&self->timer, g_source_remove);
  g_object_unref (self->messages);
  g_object_unref (self->connection);
  g_free (self->state);
  G_OBJECT_CLASS (pba_history_parent_class)->finalize (object);
}

static void
pba_history_class_init (PbaHistoryClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  const GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;

  object_class->get_property = pba_history_get_gproperty;
  object_class->finalize = pba_history_finalize;
  properties[PROP_STATE] = g_param_spec_string ("state", NULL, NULL, "", flags);
  properties[PROP_DROPPED] =
    g_param_spec_uint64 ("dropped", NULL, NULL, 0, G_MAXUINT64, 0, flags);
  g_object_class_install_properties (object_class, N_PROPERTIES, properties);
}

static void
pba_history_init (PbaHistory *self)
{
  self->state = g_strdup ("");
}

PbaHistory *
pba_history_new (PbaConnection *connection)
{
  PbaHistory *self = g_object_new (PBA_TYPE_HISTORY, NULL);

  self->connection = g_object_ref (connection);
  self->messages = pba_list_model_new_query (connection, "History", "Search");
  g_signal_connect_object (connection, "notify::connected", G_CALLBACK (on_connected), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (connection, "properties-changed", G_CALLBACK (on_properties_changed),
                           self, 0);
  on_connected (self);
  return self;
}
