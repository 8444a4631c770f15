/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How settings come: at each connection the interfaces of the service's introspection whose
 * properties are titled, then Manager's revision, GetAll of each, and Get of private ones when the
 * user may see them; later what PropertiesChanged brings. Settings that a service lacks are taken out,
 * those of a newer one are added behind the table's. Errors: a private value that may not be read
 * makes its setting unreadable; a link that breaks is the connection's to say.
 */
#include "model/settings-model-private.h"

#include "dbus/names.h"

#include <string.h>

/* One question under way about one setting or interface. */
typedef struct
{
  PbaSettingsModel *model;   /* (owned) */
  GCancellable *cancellable; /* (owned): the link it was asked on */
  char *name;                /* (owned): key or interface */
} Question;

static Question *
question_new (PbaSettingsModel *self, const char *name)
{
  Question *question = g_new0 (Question, 1);

  question->model = g_object_ref (self);
  question->cancellable = g_object_ref (self->cancellable);
  question->name = g_strdup (name);
  return question;
}

static void
question_free (Question *question)
{
  g_object_unref (question->model);
  g_object_unref (question->cancellable);
  g_free (question->name);
  g_free (question);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Question, question_free)

static void
consider_loaded (PbaSettingsModel *self)
{
  if (self->loaded)
    return;
  for (guint i = 0; i < self->settings->len; i++)
    if (pba_setting_get_readable (self->settings->pdata[i])
        && pba_setting_get_value (self->settings->pdata[i]) == NULL)
      return;
  self->loaded = TRUE;
  g_object_notify (G_OBJECT (self), "loaded");
}

static void
on_private (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (Question) question = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = pba_connection_call_finish (PBA_CONNECTION (source), result, &error);
  g_autoptr (GVariant) value = NULL;
  PbaSetting *setting = pba_settings_model_lookup (question->model, question->name);

  if (setting == NULL || g_cancellable_is_cancelled (question->cancellable))
    return;
  if (reply == NULL)
    {
      pba_setting_set_unreadable (setting);
      consider_loaded (question->model);
      return;
    }
  g_variant_get (reply, "(v)", &value);
  pba_setting_take_value (setting, value);
  consider_loaded (question->model);
}

static void
ask_private (PbaSettingsModel *self, PbaSetting *setting)
{
  pba_connection_get_property_async (self->connection, pba_setting_get_interface (setting),
                                     pba_setting_get_name (setting), self->cancellable, on_private,
                                     question_new (self, pba_setting_get_key (setting)));
}

static void
take_values (PbaSettingsModel *self, const char *interface, GVariant *values)
{
  GVariantIter iter;
  const char *name;
  GVariant *value;

  g_variant_iter_init (&iter, values);
  while (g_variant_iter_next (&iter, "{&sv}", &name, &value))
    {
      g_autoptr (GVariant) held = value;
      g_autofree char *key = g_strconcat (interface, ".", name, NULL);
      PbaSetting *setting = pba_settings_model_lookup (self, key);

      if (setting != NULL)
        pba_setting_take_value (setting, held);
    }
}

static void
on_all (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (Question) question = user_data;
  g_autoptr (GVariant) reply = pba_connection_call_finish (PBA_CONNECTION (source), result, NULL);
  g_autoptr (GVariant) values = NULL;

  if (reply == NULL || g_cancellable_is_cancelled (question->cancellable))
    return;
  g_variant_get (reply, "(@a{sv})", &values);
  take_values (question->model, question->name, values);
  consider_loaded (question->model);
}

static void
on_revision (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (Question) question = user_data;
  g_autoptr (GVariant) reply = pba_connection_call_finish (PBA_CONNECTION (source), result, NULL);
  g_autoptr (GVariant) value = NULL;

  if (reply == NULL || g_cancellable_is_cancelled (question->cancellable))
    return;
  g_variant_get (reply, "(v)", &value);
  if (g_variant_is_of_type (value, G_VARIANT_TYPE_UINT64))
    question->model->revision = g_variant_get_uint64 (value);
}

void
pba_settings_model_fetch (PbaSettingsModel *self)
{
  g_auto (GStrv) interfaces = pba_settings_model_dup_interfaces (self);

  /* The revision first: a change between the answers then makes Apply say Conflict instead of
   * overwriting what was never shown. */
  pba_connection_get_property_async (self->connection, "Manager", "Revision", self->cancellable,
                                     on_revision, question_new (self, "Manager"));
  for (guint i = 0; interfaces[i] != NULL; i++)
    pba_connection_get_all (self->connection, interfaces[i], self->cancellable, on_all,
                            question_new (self, interfaces[i]));
  for (guint i = 0; i < self->settings->len; i++)
    if (pba_setting_get_private (self->settings->pdata[i]))
      ask_private (self, self->settings->pdata[i]);
}

/* ---- what there is ---- */

static void
on_setting_notify (PbaSetting *setting, GParamSpec *pspec, gpointer user_data)
{
  pba_settings_model_count (user_data);
}

static void
add_setting (PbaSettingsModel *self, GPtrArray *settings, const char *interface,
             GDBusPropertyInfo *info)
{
  g_autofree char *key = g_strconcat (interface, ".", info->name, NULL);
  PbaSetting *setting = pba_settings_model_lookup (self, key);

  if (setting != NULL)
    {
      pba_setting_describe (setting, info);
      g_ptr_array_add (settings, g_object_ref (setting));
      return;
    }
  setting = pba_setting_new (interface, info);
  pba_setting_set_writable (setting, self->writable);
  g_signal_connect_object (setting, "notify::changed", G_CALLBACK (on_setting_notify), self, 0);
  g_signal_connect_object (setting, "notify::error", G_CALLBACK (on_setting_notify), self, 0);
  g_signal_connect_object (setting, "notify::conflict", G_CALLBACK (on_setting_notify), self, 0);
  g_ptr_array_add (settings, setting);
}

static gboolean
is_setting (GDBusPropertyInfo *info)
{
  const GDBusPropertyInfoFlags both =
    G_DBUS_PROPERTY_INFO_FLAGS_READABLE | G_DBUS_PROPERTY_INFO_FLAGS_WRITABLE;
  static const char *const types[] = { "b", "u", "s", "as", NULL };

  return (info->flags & both) == both && g_strv_contains (types, info->signature)
         && g_dbus_annotation_info_lookup (info->annotations, "org.postbus.Title") != NULL;
}

static int
compare_settings (gconstpointer a, gconstpointer b)
{
  PbaSetting *first = *(PbaSetting *const *) a;
  PbaSetting *second = *(PbaSetting *const *) b;
  guint one = pba_setting_get_rank (first), two = pba_setting_get_rank (second);

  if (one != two)
    return one < two ? -1 : 1;
  return strcmp (pba_setting_get_key (first), pba_setting_get_key (second));
}

void
pba_settings_model_load (PbaSettingsModel *self)
{
  g_autoptr (GPtrArray) settings = g_ptr_array_new_with_free_func (g_object_unref);
  GDBusNodeInfo *node = pba_connection_get_node (self->connection);
  guint old = self->settings->len;

  for (guint i = 0; node->interfaces != NULL && node->interfaces[i] != NULL; i++)
    {
      GDBusInterfaceInfo *interface = node->interfaces[i];

      if (!g_str_has_prefix (interface->name, PB_INTERFACE_PREFIX))
        continue;
      for (guint j = 0; interface->properties != NULL && interface->properties[j] != NULL; j++)
        if (is_setting (interface->properties[j]))
          add_setting (self, settings, interface->name + strlen (PB_INTERFACE_PREFIX),
                       interface->properties[j]);
    }
  g_ptr_array_sort (settings, compare_settings);

  g_hash_table_remove_all (self->by_key);
  for (guint i = 0; i < settings->len; i++)
    g_hash_table_insert (self->by_key, (char *) pba_setting_get_key (settings->pdata[i]),
                         settings->pdata[i]);
  g_ptr_array_unref (self->settings);
  self->settings = g_steal_pointer (&settings);
  g_list_model_items_changed (G_LIST_MODEL (self), 0, old, self->settings->len);
  pba_settings_model_fetch (self);
  pba_settings_model_count (self);
}

/* ---- following ---- */

static void
on_properties_changed (PbaConnection *connection, const char *interface, GVariant *changed,
                       const char *const *invalidated, gpointer user_data)
{
  PbaSettingsModel *self = user_data;

  if (g_str_equal (interface, "Manager"))
    {
      g_variant_lookup (changed, "Revision", "t", &self->revision);
      return;
    }
  take_values (self, interface, changed);
  for (guint i = 0; invalidated[i] != NULL; i++)
    {
      g_autofree char *key = g_strconcat (interface, ".", invalidated[i], NULL);
      PbaSetting *setting = pba_settings_model_lookup (self, key);

      if (setting != NULL)
        ask_private (self, setting);
    }
}

static void
on_connected (PbaConnection *connection, GParamSpec *pspec, gpointer user_data)
{
  PbaSettingsModel *self = user_data;

  g_cancellable_cancel (self->cancellable);
  g_object_unref (self->cancellable);
  self->cancellable = g_cancellable_new ();
  if (pba_connection_get_state (connection) == PBA_CONNECTION_CONNECTED)
    pba_settings_model_load (self);
}

void
pba_settings_model_follow (PbaSettingsModel *self)
{
  g_signal_connect_object (self->connection, "notify::connected", G_CALLBACK (on_connected), self,
                           0);
  g_signal_connect_object (self->connection, "properties-changed",
                           G_CALLBACK (on_properties_changed), self, 0);
  if (pba_connection_get_state (self->connection) == PBA_CONNECTION_CONNECTED)
    pba_settings_model_load (self);
}
