/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The service's counters: asked every second while a page watches them, then now and again, so that the
 * traffic has no hole when the page is left for another. Made by PbaServer; nothing is asked before a
 * page watched once or began it. What cannot be had stays what it was, "error" says why, and no timer asks any more.
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
  guint timer; /* 0 before the first who wants to know */
  char *error; /* (owned) (nullable) */
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

  if (self->error == NULL)
    ask (self, FALSE);
  return G_SOURCE_CONTINUE;
}

static void
on_connected (PbaConnection *connection, GParamSpec *pspec, gpointer user_data)
{
  PbaStatistics *self = user_data;

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
