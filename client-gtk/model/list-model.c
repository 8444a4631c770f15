/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A list of the service as a GListModel of rows: the object, what it follows and what it is asked. Its
 * pages are in list-pages.c, its writes in list-write.c. Made by PbaServer for the contract's lists and
 * by the models of queue and history. Nothing is asked before somebody looks. Owns its rows; main
 * thread only.
 */
#include "model/list-model-private.h"

#include "model/words.h"

enum
{
  PROP_SEARCH = 1,
  PROP_TOTAL,
  PROP_LOADING,
  PROP_LOADED,
  PROP_EMPTY,
  PROP_NO_RESULTS,
  PROP_ERROR,
  PROP_WRITABLE,
  N_PROPERTIES,
};
static GParamSpec *properties[N_PROPERTIES];

static GType
get_item_type (GListModel *model)
{
  return PBA_TYPE_LIST_ROW;
}

static guint
get_n_items (GListModel *model)
{
  PbaListModel *self = PBA_LIST_MODEL (model);

  if (!self->used)
    pba_list_model_refresh (self);
  return self->rows->len;
}

static gpointer
get_item (GListModel *model, guint position)
{
  PbaListModel *self = PBA_LIST_MODEL (model);

  return position < self->rows->len ? g_object_ref (pba_list_model_look (self, position)) : NULL;
}

static void
list_model_init (GListModelInterface *iface)
{
  iface->get_item_type = get_item_type;
  iface->get_n_items = get_n_items;
  iface->get_item = get_item;
}

G_DEFINE_FINAL_TYPE_WITH_CODE (PbaListModel, pba_list_model, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (G_TYPE_LIST_MODEL, list_model_init))

static gboolean
is_searching (PbaListModel *self)
{
  return (self->search != NULL && self->search[0] != '\0') || self->filter != NULL;
}

static void
pba_list_model_get_gproperty (GObject *object, guint property, GValue *value, GParamSpec *pspec)
{
  PbaListModel *self = PBA_LIST_MODEL (object);
  gboolean none = self->loaded && self->rows->len == 0;
  const gboolean flags[N_PROPERTIES] = {
    [PROP_LOADING] = g_hash_table_size (self->asked) > 0,
    [PROP_LOADED] = self->loaded,
    [PROP_EMPTY] = none && !is_searching (self),
    [PROP_NO_RESULTS] = none && is_searching (self),
    [PROP_WRITABLE] = self->writable,
  };

  if (property == PROP_SEARCH || property == PROP_ERROR)
    g_value_set_string (value, property == PROP_SEARCH ? self->search : self->error);
  else if (property == PROP_TOTAL)
    g_value_set_uint (value, self->rows->len);
  else
    g_value_set_boolean (value, flags[property]);
}

static void
pba_list_model_set_gproperty (GObject *object, guint property, const GValue *value,
                              GParamSpec *pspec)
{
  PbaListModel *self = PBA_LIST_MODEL (object);

  if (property == PROP_SEARCH)
    pba_list_model_set_search (self, g_value_get_string (value));
  else if (property == PROP_WRITABLE)
    self->writable = g_value_get_boolean (value);
}

static void
pba_list_model_finalize (GObject *object)
{
  PbaListModel *self = PBA_LIST_MODEL (object);

  g_clear_handle_id (&self->refresh_source, g_source_remove);
  g_cancellable_cancel (self->cancellable);
  g_object_unref (self->cancellable);
  for (guint i = 0; i < self->rows->len; i++)
    g_clear_object ((GObject **) &self->rows->pdata[i]);
  g_ptr_array_unref (self->rows);
  g_hash_table_unref (self->by_id);
  g_hash_table_unref (self->asked);
  g_clear_pointer (&self->fresh, g_hash_table_unref);
  g_clear_pointer (&self->to_refresh, g_array_unref);
  g_clear_pointer (&self->filter, g_variant_unref);
  g_clear_pointer (&self->removed, g_ptr_array_unref);
  g_object_unref (self->connection);
  g_free (self->interface);
  g_free (self->method);
  g_free (self->search);
  g_free (self->error);
  G_OBJECT_CLASS (pba_list_model_parent_class)->finalize (object);
}

static void
pba_list_model_class_init (PbaListModelClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  const GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;

  object_class->get_property = pba_list_model_get_gproperty;
  object_class->set_property = pba_list_model_set_gproperty;
  object_class->finalize = pba_list_model_finalize;

  properties[PROP_SEARCH] =
    g_param_spec_string ("search", NULL, NULL, NULL, flags | G_PARAM_WRITABLE);
  properties[PROP_TOTAL] = g_param_spec_uint ("total", NULL, NULL, 0, G_MAXUINT, 0, flags);
  properties[PROP_LOADING] = g_param_spec_boolean ("loading", NULL, NULL, FALSE, flags);
  properties[PROP_LOADED] = g_param_spec_boolean ("loaded", NULL, NULL, FALSE, flags);
  properties[PROP_EMPTY] = g_param_spec_boolean ("empty", NULL, NULL, FALSE, flags);
  properties[PROP_NO_RESULTS] = g_param_spec_boolean ("no-results", NULL, NULL, FALSE, flags);
  properties[PROP_ERROR] = g_param_spec_string ("error", NULL, NULL, NULL, flags);
  properties[PROP_WRITABLE] =
    g_param_spec_boolean ("writable", NULL, NULL, TRUE, G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPERTIES, properties);
}

static void
pba_list_model_init (PbaListModel *self)
{
  self->writable = TRUE;
  self->cancellable = g_cancellable_new ();
  self->rows = g_ptr_array_new ();
  self->by_id = g_hash_table_new (g_str_hash, g_str_equal);
  self->asked = g_hash_table_new (NULL, NULL);
}

static void
on_bus_signal (PbaConnection *connection, const char *interface, const char *name,
               GVariant *parameters, gpointer user_data)
{
  PbaListModel *self = user_data;
  guint64 revision;

  if (!self->used || !g_str_equal (interface, self->interface) || !g_str_equal (name, "Changed")
      || !g_variant_is_of_type (parameters, G_VARIANT_TYPE ("(t)")))
    return;
  g_variant_get (parameters, "(t)", &revision);
  if (revision > self->revision)
    pba_list_model_refresh (self);
}

static void
on_connected (PbaConnection *connection, GParamSpec *pspec, gpointer user_data)
{
  PbaListModel *self = user_data;

  if (self->used && pba_connection_get_state (connection) == PBA_CONNECTION_CONNECTED)
    pba_list_model_refresh (self);
}

PbaListModel *
pba_list_model_new (PbaConnection *connection, PbListKind kind)
{
  PbaListModel *self = pba_list_model_new_query (connection, pb_list_spec (kind)->name, "List");

  self->spec = pb_list_spec (kind);
  self->kind = kind;
  g_signal_connect_object (connection, "bus-signal", G_CALLBACK (on_bus_signal), self, 0);
  return self;
}

PbaListModel *
pba_list_model_new_query (PbaConnection *connection, const char *interface, const char *method)
{
  PbaListModel *self = g_object_new (PBA_TYPE_LIST_MODEL, NULL);

  self->connection = g_object_ref (connection);
  self->interface = g_strdup (interface);
  self->method = g_strdup (method);
  g_signal_connect_object (connection, "notify::connected", G_CALLBACK (on_connected), self, 0);
  return self;
}

const PbListSpec *
pba_list_model_get_spec (PbaListModel *self)
{
  return self->spec;
}

void
pba_list_model_set_search (PbaListModel *self, const char *search)
{
  if (g_strcmp0 (self->search, search) == 0)
    return;
  g_free (self->search);
  self->search = g_strdup (search);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_SEARCH]);
  pba_list_model_start_over (self, TRUE);
}

void
pba_list_model_set_filter (PbaListModel *self, GVariant *filter)
{
  g_clear_pointer (&self->filter, g_variant_unref);
  self->filter = filter != NULL ? g_variant_ref_sink (filter) : NULL;
  pba_list_model_start_over (self, FALSE);
}

guint
pba_list_model_get_total (PbaListModel *self)
{
  return self->rows->len;
}

gboolean
pba_list_model_get_loaded (PbaListModel *self)
{
  return self->loaded;
}

gboolean
pba_list_model_get_writable (PbaListModel *self)
{
  return self->writable;
}

const char *
pba_list_model_get_error (PbaListModel *self)
{
  return self->error;
}

PbaListRow *
pba_list_model_find_row (PbaListModel *self, const char *id)
{
  return g_hash_table_lookup (self->by_id, id);
}
