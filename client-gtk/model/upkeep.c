/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How Statistics fares: its properties of text, by name. Made by PbaServer; one that is away, or does not have them, says
 * nothing. What a lost connection said last stays until the next one's answer.
 */
#include "model/upkeep.h"

struct _PbaUpkeep
{
  GObject parent_instance;

  PbaConnection *connection; /* (owned) */
  GHashTable *texts;         /* (owned) (element-type utf8 utf8) */
};

G_DEFINE_FINAL_TYPE (PbaUpkeep, pba_upkeep, G_TYPE_OBJECT)

static guint changed_signal;

static void
take_values (PbaUpkeep *self, GVariant *values)
{
  GVariantIter iter;
  const char *name;
  GVariant *value;

  g_variant_iter_init (&iter, values);
  while (g_variant_iter_next (&iter, "{&sv}", &name, &value))
    {
      if (g_variant_is_of_type (value, G_VARIANT_TYPE_STRING))
        g_hash_table_replace (self->texts, g_strdup (name), g_variant_dup_string (value, NULL));
      g_variant_unref (value);
    }
  g_signal_emit (self, changed_signal, 0);
}

static void
on_all (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (PbaUpkeep) self = user_data;
  g_autoptr (GVariant) reply = pba_connection_call_finish (PBA_CONNECTION (source), result, NULL);
  g_autoptr (GVariant) values = reply != NULL ? g_variant_get_child_value (reply, 0) : NULL;

  if (values == NULL)
    return;
  g_hash_table_remove_all (self->texts);
  take_values (self, values);
}

static void
on_connected (PbaConnection *connection, GParamSpec *pspec, gpointer user_data)
{
  if (pba_connection_get_state (connection) == PBA_CONNECTION_CONNECTED)
    pba_connection_get_all (connection, "Statistics", NULL, on_all, g_object_ref (user_data));
}

static void
on_properties_changed (PbaConnection *connection, const char *interface, GVariant *changed,
                       const char *const *invalidated, gpointer user_data)
{
  if (g_str_equal (interface, "Statistics"))
    take_values (user_data, changed);
}

static void
pba_upkeep_finalize (GObject *object)
{
  PbaUpkeep *self = PBA_UPKEEP (object);

  g_object_unref (self->connection);
  g_hash_table_unref (self->texts);
  G_OBJECT_CLASS (pba_upkeep_parent_class)->finalize (object);
}

static void
pba_upkeep_class_init (PbaUpkeepClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = pba_upkeep_finalize;
  changed_signal = g_signal_new ("changed", PBA_TYPE_UPKEEP, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                 G_TYPE_NONE, 0);
}

static void
pba_upkeep_init (PbaUpkeep *self)
{
  self->texts = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
}

PbaUpkeep *
pba_upkeep_new (PbaConnection *connection)
{
  PbaUpkeep *self = g_object_new (PBA_TYPE_UPKEEP, NULL);

  self->connection = g_object_ref (connection);
  g_signal_connect_object (connection, "notify::connected", G_CALLBACK (on_connected), self, 0);
  g_signal_connect_object (connection, "properties-changed", G_CALLBACK (on_properties_changed),
                           self, 0);
  on_connected (connection, NULL, self);
  return self;
}

const char *
pba_upkeep_get (PbaUpkeep *self, const char *name)
{
  const char *text = g_hash_table_lookup (self->texts, name);

  return text != NULL ? text : "";
}
