/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * org.postbus.Postbus1.Manager: version, state, listeners, revision, and changes to several settings
 * at once. service.c tells it the state; the registry decides about changes.
 */
#include "service/bus-info.h"
#include "service/manager-permissions.h"
#include "service/objects.h"

#include "config.h"
#include "dbus/errors.h"
#include "dbus/names.h"
#include "net/listener.h"

#include <string.h>

struct _PbManagerObject
{
  PbBus *bus;           /* (unowned) */
  PbRegistry *registry; /* (unowned) */
  const char *state;    /* static */
  GVariant *listening;  /* (owned) a(ssu) */
  gulong settings_handler, lists_handler;
};

static GVariant *
get_version (PbManagerObject *self)
{
  return g_variant_new_string (PB_VERSION);
}

static GVariant *
get_state (PbManagerObject *self)
{
  return g_variant_new_string (self->state);
}

static GVariant *
get_listening (PbManagerObject *self)
{
  return g_variant_ref (self->listening);
}

static GVariant *
get_revision (PbManagerObject *self)
{
  return g_variant_new_uint64 (pb_registry_revision (self->registry));
}

static GVariant *
get_instance_id (PbManagerObject *self)
{
  return g_variant_new_string (pb_registry_instance_id (self->registry));
}

static const struct
{
  const char *name;
  GVariant *(*get) (PbManagerObject *self);
} properties[] = {
  { "Version", get_version },   { "State", get_state },           { "Listening", get_listening },
  { "Revision", get_revision }, { "InstanceId", get_instance_id },
};

static GVariant *
get_property (gpointer object, const char *property)
{
  for (guint i = 0; i < G_N_ELEMENTS (properties); i++)
    if (strcmp (properties[i].name, property) == 0)
      return properties[i].get (object);
  g_return_val_if_reached (g_variant_new_string (""));
}

static void
on_apply_done (GVariant *result, const GError *error, gpointer user_data)
{
  PbBusCall *call = user_data;

  if (error != NULL)
    pb_bus_call_fail (call, error);
  else
    pb_bus_call_return (call, g_variant_new ("(@t)", result));
}

/* Reads Apply's options. An unknown one is refused: it may have been meant to protect something. */
static gboolean
read_apply_options (GVariant *given, PbApplyOptions *options, GError **error)
{
  GVariantIter iter;
  const char *name;
  GVariant *value;

  g_variant_iter_init (&iter, given);
  while (g_variant_iter_next (&iter, "{&sv}", &name, &value))
    {
      g_autoptr (GVariant) held = value;
      if (strcmp (name, "IfRevision") == 0 && g_variant_is_of_type (held, G_VARIANT_TYPE_UINT64))
        options->if_revision = g_variant_get_uint64 (held);
      else if (strcmp (name, "DryRun") == 0 && g_variant_is_of_type (held, G_VARIANT_TYPE_BOOLEAN))
        options->dry_run = g_variant_get_boolean (held);
      else
        {
          g_set_error (error, PB_ERROR, PB_ERROR_INVALID_VALUE, "Apply.%s: must be IfRevision (t) or DryRun (b)", name);
          return FALSE;
        }
    }
  return TRUE;
}

static void
handle_apply (PbBusCall *call, gpointer object)
{
  PbManagerObject *self = object;
  g_autoptr (GVariant) changes = NULL;
  g_autoptr (GVariant) given = NULL;
  g_autoptr (GError) error = NULL;
  PbApplyOptions options = { .who = call->who };

  g_variant_get (call->parameters, "(@a{sa{sv}}@a{sv})", &changes, &given);
  if (!read_apply_options (given, &options, &error))
    pb_bus_call_fail (call, error);
  else
    pb_registry_apply (self->registry, changes, &options, on_apply_done, call);
}

static const PbBusMethod methods[] = {
  { "Apply", PB_ACTION_MODIFY_SETTINGS, handle_apply },
  { "GetPermissions", NULL, pb_manager_handle_get_permissions },
  { "Authorize", NULL, pb_manager_handle_authorize },
};

static void
emit_property (PbManagerObject *self, const char *name)
{
  GVariantBuilder changed;
  g_autoptr (GVariant) value = g_variant_take_ref (get_property (self, name));

  g_variant_builder_init (&changed, G_VARIANT_TYPE ("a{sv}"));
  g_variant_builder_add (&changed, "{sv}", name, value);
  pb_bus_emit_changed (self->bus, "Manager", g_variant_builder_end (&changed), NULL);
}

static void
on_settings_changed (PbRegistry *registry, const char *interface, const char *const *names, gpointer user_data)
{
  emit_property (user_data, "Revision");
}

static void
on_list_changed (PbRegistry *registry, int kind, guint64 revision, gpointer user_data)
{
  emit_property (user_data, "Revision");
}

PbManagerObject *
pb_manager_object_new (PbBus *bus, PbRegistry *registry)
{
  PbManagerObject *self = g_new0 (PbManagerObject, 1);
  const PbBusInterface interface = {
    .info = &manager_interface,
    .methods = methods,
    .n_methods = G_N_ELEMENTS (methods),
    .get = get_property,
    .object = self,
  };

  self->bus = bus;
  self->registry = registry;
  self->state = "starting";
  self->listening = g_variant_ref_sink (g_variant_new_array (G_VARIANT_TYPE ("(ssu)"), NULL, 0));
  self->settings_handler = g_signal_connect (registry, "settings-changed", G_CALLBACK (on_settings_changed), self);
  self->lists_handler = g_signal_connect (registry, "list-changed", G_CALLBACK (on_list_changed), self);
  pb_bus_add (bus, &interface);
  return self;
}

void
pb_manager_object_free (PbManagerObject *self)
{
  g_signal_handler_disconnect (self->registry, self->settings_handler);
  g_signal_handler_disconnect (self->registry, self->lists_handler);
  g_variant_unref (self->listening);
  g_free (self);
}

void
pb_manager_object_set_state (PbManagerObject *self, const char *state)
{
  if (strcmp (self->state, state) == 0)
    return;
  self->state = state;
  emit_property (self, "State");
}

void
pb_manager_object_set_listening (PbManagerObject *self, GPtrArray *listeners)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a(ssu)"));
  for (guint i = 0; i < listeners->len; i++)
    {
      const PbEndpoint *endpoint = pb_listener_endpoint (listeners->pdata[i]);
      g_variant_builder_add (&builder, "(ssu)", pb_role_name (endpoint->role), endpoint->address, (guint32) endpoint->port);
    }
  g_variant_unref (self->listening);
  self->listening = g_variant_ref_sink (g_variant_builder_end (&builder));
  emit_property (self, "Listening");
}
