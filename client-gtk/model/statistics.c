/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The service's counters. A service that can tells what changes while a page watches; one that cannot is
 * asked every second then. Now and again they are asked for in any case, so that the traffic has no hole
 * when the page is left for another. Made by PbaServer; nothing is asked before a page watched once or began
 * it. What cannot be had stays what it was, "error" says why, and nothing is asked any more.
 */
#include "model/statistics.h"

#include "model/words.h"

#define WATCHED_SECONDS 1
#define CALM_SECONDS    5

struct _PbaStatistics
{
  GObject parent_instance;

  PbaConnection *connection; /* (owned) */
  GVariant *counters;        /* (owned) (nullable) a{st} */
  gboolean watched, asking;
  gboolean subscribed; /* asked for, and not refused */
  guint timer;         /* 0 before the first who wants to know */
  char *error;         /* (owned) (nullable) */
};

G_DEFINE_FINAL_TYPE (PbaStatistics, pba_statistics, G_TYPE_OBJECT)

enum
{
  PROP_COUNTERS = 1,
  PROP_WATCHED,
  PROP_ERROR,
  N_PROPERTIES,
};
static GParamSpec *properties[N_PROPERTIES];
static guint updated_signal;

static void
set_error (PbaStatistics *self, const GError *error)
{
  g_autofree char *sentence = error != NULL ? pba_words_error (error) : NULL;

  if (g_strcmp0 (self->error, sentence) == 0)
    return;
  g_free (self->error);
  self->error = g_steal_pointer (&sentence);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_ERROR]);
}

/* The service tells what changes: then nobody needs to ask. */
static gboolean
is_told (PbaStatistics *self)
{
  return self->subscribed && self->watched
         && pba_connection_get_state (self->connection) == PBA_CONNECTION_CONNECTED;
}

/* @changed: a{st}, laid over what is known. */
static void
take_changes (PbaStatistics *self, GVariant *changed)
{
  GVariantDict *figures;
  GVariantBuilder all;
  GVariantIter iter;
  const char *name;
  guint64 value;

  g_variant_builder_init (&all, G_VARIANT_TYPE ("a{st}"));
  figures = g_variant_dict_new (NULL);
  g_variant_iter_init (&iter, changed);
  while (g_variant_iter_next (&iter, "{&st}", &name, &value))
    {
      g_variant_builder_add (&all, "{st}", name, value);
      g_variant_dict_insert (figures, name, "t", value);
    }
  if (self->counters != NULL)
    g_variant_iter_init (&iter, self->counters);
  while (self->counters != NULL && g_variant_iter_next (&iter, "{&st}", &name, &value))
    if (!g_variant_dict_contains (figures, name))
      g_variant_builder_add (&all, "{st}", name, value);
  g_variant_dict_unref (figures);
  g_clear_pointer (&self->counters, g_variant_unref);
  self->counters = g_variant_ref_sink (g_variant_builder_end (&all));
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_COUNTERS]);
  g_signal_emit (self, updated_signal, 0);
}

static void
on_bus_signal (PbaConnection *connection, const char *interface, const char *name,
               GVariant *parameters, gpointer user_data)
{
  PbaStatistics *self = user_data;
  g_autoptr (GVariant) changed = NULL;

  if (!g_str_equal (interface, "Statistics") || !g_str_equal (name, "Update")
      || !g_variant_is_of_type (parameters, G_VARIANT_TYPE ("(a{st})")))
    return;
  changed = g_variant_get_child_value (parameters, 0);
  take_changes (self, changed);
}

static void
on_subscribed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (PbaStatistics) self = user_data;
  g_autoptr (GVariant) reply = pba_connection_call_finish (PBA_CONNECTION (source), result, NULL);

  /* Refused: then it is asked as before, and what that says is shown. */
  if (reply == NULL)
    self->subscribed = FALSE;
}

static void
follow (PbaStatistics *self, gboolean follows)
{
  if (pba_connection_get_state (self->connection) != PBA_CONNECTION_CONNECTED
      || !pba_connection_has_method (self->connection, "Statistics", "Subscribe"))
    {
      self->subscribed = FALSE;
      return;
    }
  if (self->subscribed == follows)
    return;
  self->subscribed = follows;
  pba_connection_poll (self->connection, "Statistics", follows ? "Subscribe" : "Unsubscribe", NULL,
                       NULL, NULL, on_subscribed, g_object_ref (self));
}

static void
on_snapshot (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (PbaStatistics) self = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = pba_connection_call_finish (PBA_CONNECTION (source), result, &error);

  self->asking = FALSE;
  set_error (self, error);
  if (reply == NULL)
    return;
  g_clear_pointer (&self->counters, g_variant_unref);
  self->counters = g_variant_get_child_value (reply, 0);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_COUNTERS]);
  g_signal_emit (self, updated_signal, 0);
  if (self->watched)
    follow (self, TRUE);
}

/* @may_question: the user may be asked for a password. */
static void
ask (PbaStatistics *self, gboolean may_question)
{
  if (self->asking || self->timer == 0
      || pba_connection_get_state (self->connection) != PBA_CONNECTION_CONNECTED)
    return;
  self->asking = TRUE;
  (may_question ? pba_connection_call : pba_connection_poll) (self->connection, "Statistics",
                                                              "Snapshot", NULL, "(a{st})", NULL,
                                                              on_snapshot, g_object_ref (self));
}

static gboolean
on_tick (gpointer user_data)
{
  PbaStatistics *self = user_data;

  /* Time passes, too, while nothing changes. */
  if (is_told (self))
    g_signal_emit (self, updated_signal, 0);
  else if (self->error == NULL)
    ask (self, FALSE);
  return G_SOURCE_CONTINUE;
}

static void
on_connected (PbaConnection *connection, GParamSpec *pspec, gpointer user_data)
{
  PbaStatistics *self = user_data;

  self->subscribed = FALSE;
  ask (self, self->watched);
}

void
pba_statistics_set_watched (PbaStatistics *self, gboolean watched)
{
  if (self->watched == watched)
    return;
  self->watched = watched;
  g_clear_handle_id (&self->timer, g_source_remove);
  self->timer = g_timeout_add_seconds (watched ? WATCHED_SECONDS : CALM_SECONDS, on_tick, self);
  if (self->error == NULL)
    ask (self, watched);
  if (!watched)
    follow (self, FALSE);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_WATCHED]);
}

void
pba_statistics_begin (PbaStatistics *self)
{
  if (self->timer != 0)
    return;
  self->timer = g_timeout_add_seconds (CALM_SECONDS, on_tick, self);
  ask (self, FALSE);
}

void
pba_statistics_retry (PbaStatistics *self)
{
  ask (self, TRUE);
}

void
pba_statistics_refresh (PbaStatistics *self)
{
  if (self->counters != NULL && self->error == NULL && !is_told (self))
    ask (self, FALSE);
}

gboolean
pba_statistics_get_kept (PbaStatistics *self)
{
  return pba_connection_has_method (self->connection, "Statistics", "Series");
}

static void
pba_statistics_get_gproperty (GObject *object, guint property, GValue *value, GParamSpec *pspec)
{
  PbaStatistics *self = PBA_STATISTICS (object);

  if (property == PROP_COUNTERS)
    g_value_set_variant (value, self->counters);
  else if (property == PROP_ERROR)
    g_value_set_string (value, self->error);
  else
    g_value_set_boolean (value, self->watched);
}

static void
pba_statistics_set_gproperty (GObject *object, guint property, const GValue *value,
                              GParamSpec *pspec)
{
  if (property == PROP_WATCHED)
    pba_statistics_set_watched (PBA_STATISTICS (object), g_value_get_boolean (value));
}

static void
pba_statistics_finalize (GObject *object)
{
  PbaStatistics *self = PBA_STATISTICS (object);

  g_clear_handle_id (&self->timer, g_source_remove);
  g_clear_pointer (&self->counters, g_variant_unref);
  g_free (self->error);
  g_object_unref (self->connection);
  G_OBJECT_CLASS (pba_statistics_parent_class)->finalize (object);
}

static void
pba_statistics_class_init (PbaStatisticsClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  const GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;

  object_class->get_property = pba_statistics_get_gproperty;
  object_class->set_property = pba_statistics_set_gproperty;
  object_class->finalize = pba_statistics_finalize;
  properties[PROP_COUNTERS] =
    g_param_spec_variant ("counters", NULL, NULL, G_VARIANT_TYPE ("a{st}"), NULL, flags);
  properties[PROP_WATCHED] =
    g_param_spec_boolean ("watched", NULL, NULL, FALSE, flags | G_PARAM_WRITABLE);
  properties[PROP_ERROR] = g_param_spec_string ("error", NULL, NULL, NULL, flags);
  g_object_class_install_properties (object_class, N_PROPERTIES, properties);
  updated_signal = g_signal_new ("updated", PBA_TYPE_STATISTICS, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                 NULL, G_TYPE_NONE, 0);
}

static void
pba_statistics_init (PbaStatistics *self)
{
}

PbaStatistics *
pba_statistics_new (PbaConnection *connection)
{
  PbaStatistics *self = g_object_new (PBA_TYPE_STATISTICS, NULL);

  self->connection = g_object_ref (connection);
  g_signal_connect_object (connection, "notify::connected", G_CALLBACK (on_connected), self, 0);
  g_signal_connect_object (connection, "bus-signal", G_CALLBACK (on_bus_signal), self, 0);
  return self;
}

const char *
pba_statistics_get_error (PbaStatistics *self)
{
  return self->error;
}

gboolean
pba_statistics_get_known (PbaStatistics *self)
{
  return self->counters != NULL;
}

gboolean
pba_statistics_has (PbaStatistics *self, const char *counter)
{
  guint64 value;

  return self->counters != NULL && g_variant_lookup (self->counters, counter, "t", &value);
}

guint64
pba_statistics_get (PbaStatistics *self, const char *counter)
{
  guint64 value = 0;

  if (self->counters != NULL)
    g_variant_lookup (self->counters, counter, "t", &value);
  return value;
}

static int
compare_counters (gconstpointer a, gconstpointer b, gpointer user_data)
{
  guint64 first = pba_statistics_get (user_data, *(const char *const *) a);
  guint64 second = pba_statistics_get (user_data, *(const char *const *) b);

  return first > second ? -1 : first < second;
}

GPtrArray *
pba_statistics_list (PbaStatistics *self, const char *prefix)
{
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
  GVariantIter iter;
  const char *name;

  if (self->counters == NULL)
    return names;
  g_variant_iter_init (&iter, self->counters);
  while (g_variant_iter_next (&iter, "{&st}", &name, NULL))
    if (g_str_has_prefix (name, prefix))
      g_ptr_array_add (names, g_strdup (name));
  g_ptr_array_sort_with_data (names, compare_counters, self);
  return names;
}

static void
on_series (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  GError *error = NULL;
  g_autoptr (GVariant) reply = pba_connection_call_finish (PBA_CONNECTION (source), result, &error);

  if (reply != NULL)
    g_task_return_pointer (task, g_variant_get_child_value (reply, 0),
                           (GDestroyNotify) g_variant_unref);
  else
    g_task_return_error (task, error);
}

void
pba_statistics_series_async (PbaStatistics *self, const char *counter, guint span, guint step,
                             GCancellable *cancellable, GAsyncReadyCallback callback,
                             gpointer user_data)
{
  GTask *task = g_task_new (self, cancellable, callback, user_data);

  g_task_set_source_tag (task, pba_statistics_series_async);
  pba_connection_poll (self->connection, "Statistics", "Series",
                       g_variant_new ("(suu)", counter, span, step), "(a(td))", cancellable,
                       on_series, task);
}

GVariant *
pba_statistics_series_finish (PbaStatistics *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}
