/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The settings interfaces (General, Delivery, ...): properties built from the rows of settings.def and
 * computed.def. Reads come from the registry's snapshot; a Set goes through the registry's one way of changing
 * things and is answered after the commit. Private settings need the view action and are only
 * invalidated, never sent, in PropertiesChanged.
 */
#include "service/objects.h"
#include "service/signing-methods.h"

#include "dbus/computed.h"
#include "dbus/names.h"
#include "dbus/settings-table.h"

typedef struct
{
  PbRegistry *registry;  /* (unowned) */
  const char *interface; /* static */
  PbCertificate *certificate; /* (unowned) */
  PbPool *workers;            /* (unowned) */
} PbSettingsObject;

struct _PbSettingsObjects
{
  PbBus *bus;           /* (unowned) */
  PbRegistry *registry; /* (unowned) */
  gulong changed_handler;
  GPtrArray *objects; /* (owned) (element-type PbSettingsObject) */
};

/* GDBus has checked that the interface has such a property: what is not computed is a setting. */
static const PbSettingSpec *
find_spec (const char *interface, const char *property)
{
  g_autofree char *key = g_strconcat (interface, ".", property, NULL);
  return pb_setting_lookup (key);
}

static GVariant *
get_value (PbRegistry *registry, const char *interface, const char *property)
{
  g_autoptr (PbSnapshot) snapshot = pb_registry_snapshot (registry);
  PbComputedId id;

  if (pb_computed_lookup (interface, property, &id))
    return pb_registry_computed (registry, id);
  return pb_setting_values_get (&snapshot->values, find_spec (interface, property));
}

static gboolean
is_private (const char *interface, const char *property)
{
  const PbSettingFlags hidden = PB_SETTING_PRIVATE | PB_SETTING_SECRET;
  PbComputedId id;

  if (pb_computed_lookup (interface, property, &id))
    return (pb_computed_spec (id)->flags & hidden) != 0;
  return (find_spec (interface, property)->flags & hidden) != 0;
}

static GVariant *
get_setting (gpointer object, const char *property)
{
  PbSettingsObject *self = object;

  return get_value (self->registry, self->interface, property);
}

static const char *
read_action (gpointer object, const char *property)
{
  PbSettingsObject *self = object;

  return is_private (self->interface, property) ? PB_ACTION_VIEW : NULL;
}

static void
on_set_done (GVariant *result, const GError *error, gpointer user_data)
{
  PbBusCall *call = user_data;

  if (error != NULL)
    pb_bus_call_fail (call, error);
  else
    pb_bus_call_return (call, NULL);
}

static void
set_setting (PbBusCall *call, gpointer object, const char *property, GVariant *value)
{
  PbSettingsObject *self = object;
  GVariantBuilder names, changes;
  const PbApplyOptions options = { .who = call->who };

  g_variant_builder_init (&names, G_VARIANT_TYPE ("a{sv}"));
  g_variant_builder_add (&names, "{sv}", property, value);
  g_variant_builder_init (&changes, G_VARIANT_TYPE ("a{sa{sv}}"));
  g_variant_builder_add (&changes, "{s@a{sv}}", self->interface, g_variant_builder_end (&names));

  g_autoptr (GVariant) all = g_variant_ref_sink (g_variant_builder_end (&changes));
  pb_registry_apply (self->registry, all, &options, on_set_done, call);
}

static void
on_settings_changed (PbRegistry *registry, const char *interface, const char *const *names, gpointer user_data)
{
  PbSettingsObjects *self = user_data;
  g_autoptr (GPtrArray) invalidated = g_ptr_array_new ();
  GVariantBuilder changed;

  g_variant_builder_init (&changed, G_VARIANT_TYPE ("a{sv}"));
  for (guint i = 0; names[i] != NULL; i++)
    {
      if (is_private (interface, names[i]))
        {
          g_ptr_array_add (invalidated, (gpointer) names[i]);
          continue;
        }
      g_autoptr (GVariant) value = get_value (registry, interface, names[i]);
      g_variant_builder_add (&changed, "{sv}", names[i], value);
    }
  g_ptr_array_add (invalidated, NULL);
  pb_bus_emit_changed (self->bus, interface, g_variant_builder_end (&changed),
                       (const char *const *) invalidated->pdata);
}

static void
handle_import (PbBusCall *call, gpointer object)
{
  PbSettingsObject *self = object;

  pb_certificate_handle_import (call, self->certificate);
}

static const PbBusMethod tls_methods[] = {
  { "Import", PB_ACTION_SET_SECRETS, handle_import, .secret = TRUE },
};

static void
handle_create_key (PbBusCall *call, gpointer object)
{
  PbSettingsObject *self = object;

  pb_signing_handle_create (call, self->registry, self->workers);
}

static void
handle_list_keys (PbBusCall *call, gpointer object)
{
  pb_signing_handle_list (call, ((PbSettingsObject *) object)->registry);
}

static void
handle_activate_key (PbBusCall *call, gpointer object)
{
  pb_signing_handle_activate (call, ((PbSettingsObject *) object)->registry);
}

static void
handle_remove_key (PbBusCall *call, gpointer object)
{
  pb_signing_handle_remove (call, ((PbSettingsObject *) object)->registry);
}

static const PbBusMethod mail_auth_methods[] = {
  { "CreateKey", PB_ACTION_MODIFY_SETTINGS, handle_create_key },
  { "ListKeys", PB_ACTION_VIEW, handle_list_keys },
  { "ActivateKey", PB_ACTION_MODIFY_SETTINGS, handle_activate_key },
  { "RemoveKey", PB_ACTION_MODIFY_SETTINGS, handle_remove_key },
};

/* The few settings interfaces that have methods. */
static const struct
{
  const char *interface;
  const PbBusMethod *methods;
  guint n_methods;
} with_methods[] = {
  { "MailAuth", mail_auth_methods, G_N_ELEMENTS (mail_auth_methods) },
  { "Tls", tls_methods, G_N_ELEMENTS (tls_methods) },
};

static void
add_methods (PbBusInterface *interface, const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (with_methods); i++)
    if (g_str_equal (with_methods[i].interface, name))
      {
        interface->methods = with_methods[i].methods;
        interface->n_methods = with_methods[i].n_methods;
      }
}

PbSettingsObjects *
pb_settings_objects_new (PbBus *bus, PbRegistry *registry, PbCertificate *certificate, PbPool *workers)
{
  PbSettingsObjects *self = g_new0 (PbSettingsObjects, 1);

  self->bus = bus;
  self->registry = registry;
  self->objects = g_ptr_array_new_with_free_func (g_free);
  for (const char *const *name = pb_setting_interfaces (); *name != NULL; name++)
    {
      PbSettingsObject *object = g_new0 (PbSettingsObject, 1);
      PbBusInterface interface = {
        .info = pb_setting_interface_info (*name),
        .get = get_setting,
        .read_action = read_action,
        .write_action = PB_ACTION_MODIFY_SETTINGS,
        .set = set_setting,
        .object = object,
      };

      object->registry = registry;
      object->interface = *name;
      object->certificate = certificate;
      object->workers = workers;
      add_methods (&interface, *name);
      g_ptr_array_add (self->objects, object);
      pb_bus_add (bus, &interface);
    }
  self->changed_handler = g_signal_connect (registry, "settings-changed", G_CALLBACK (on_settings_changed), self);
  return self;
}

void
pb_settings_objects_free (PbSettingsObjects *self)
{
  g_signal_handler_disconnect (self->registry, self->changed_handler);
  g_ptr_array_unref (self->objects);
  g_free (self);
}
