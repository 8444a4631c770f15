/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * org.postbus.Postbus1.Manager: version, state, listeners, revision, and changes to several settings
 * at once. service.c tells it the state; the registry decides about changes.
 */
#include "service/bus-info.h"
#include "service/manager-private.h"
#include "service/objects.h"

#include "config.h"
#include "dbus/names.h"
#include "net/listener.h"

#include <string.h>

struct _PbManagerObject
{
  PbManagerMethods methods; /* first: what the handlers of methods know of this */
  PbBus *bus;               /* (unowned) */
  const char *state;    /* static */
  GVariant *listening;  /* (owned) a(ssu) */
  gulong committed_handler;
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
  return g_variant_new_uint64 (pb_registry_revision (self->methods.registry));
}

static GVariant *
get_instance_id (PbManagerObject *self)
{
  return g_variant_new_string (pb_registry_instance_id (self->methods.registry));
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

static const PbBusMethod methods[] = {
  { "Apply", PB_ACTION_MODIFY_SETTINGS, pb_manager_handle_apply },
  { "Confirm", PB_ACTION_MODIFY_SETTINGS, pb_manager_handle_confirm },
  { "Revert", PB_ACTION_MODIFY_SETTINGS, pb_manager_handle_revert },
  { "Import", PB_ACTION_MODIFY_SETTINGS, pb_manager_handle_import },
  { "SetRelaySecret", PB_ACTION_SET_SECRETS, pb_manager_handle_set_relay_secret, .secret = TRUE },
  { "RegisterSecretAgent", PB_ACTION_SET_SECRETS, pb_manager_handle_register_secret_agent },
  { "UnregisterSecretAgent", NULL, pb_manager_handle_unregister_secret_agent },
  { "TestRelay", PB_ACTION_MODIFY_SETTINGS, pb_manager_handle_test_relay },
  { "Validate", PB_ACTION_VIEW, pb_manager_handle_validate },
  { "Revisions", PB_ACTION_VIEW, pb_manager_handle_revisions },
  { "Export", PB_ACTION_VIEW, pb_manager_handle_export },
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
on_committed (PbRegistry *registry, gpointer user_data)
{
  emit_property (user_data, "Revision");
}

PbManagerObject *
pb_manager_object_new (PbBus *bus, PbRegistry *registry, PbSecretAgents *agents,
                       PbRelayTests *tests)
{
  PbManagerObject *self = g_new0 (PbManagerObject, 1);
  const PbBusInterface interface = {
    .info = &manager_interface,
    .methods = methods,
    .n_methods = G_N_ELEMENTS (methods),
    .get = get_property,
    .object = self,
  };

  self->methods.registry = registry;
  self->methods.agents = agents;
  self->methods.tests = tests;
  self->bus = bus;
  self->state = "starting";
  self->listening = g_variant_ref_sink (g_variant_new_array (G_VARIANT_TYPE ("(ssu)"), NULL, 0));
  self->committed_handler = g_signal_connect (registry, "committed", G_CALLBACK (on_committed), self);
  pb_bus_add (bus, &interface);
  return self;
}

void
pb_manager_object_free (PbManagerObject *self)
{
  g_signal_handler_disconnect (self->methods.registry, self->committed_handler);
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
