/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Manager's methods that change settings: Apply, Confirm, Revert, Import. Each reads its arguments,
 * hands them to the registry, and answers when that has committed. Import asks for the actions of all
 * that it would change before it changes anything; the rest need the one action of their row in the
 * table of methods.
 */
#include "service/manager-private.h"

#include "dbus/errors.h"
#include <string.h>

#define MAX_CONFIRM_TIMEOUT 3600
#define MAX_JSON (31 * 1024 * 1024)

static void
on_changed (GVariant *result, const GError *error, gpointer user_data)
{
  PbBusCall *call = user_data;

  if (error != NULL)
    pb_bus_call_fail (call, error);
  else
    pb_bus_call_return (call, g_variant_new ("(@t)", result));
}

static gboolean
take_option (PbApplyOptions *options, const char *name, GVariant *value, const char *method, GError **error)
{
  if (g_str_equal (name, "IfRevision") && g_variant_is_of_type (value, G_VARIANT_TYPE_UINT64))
    options->if_revision = g_variant_get_uint64 (value);
  else if (g_str_equal (name, "DryRun") && g_variant_is_of_type (value, G_VARIANT_TYPE_BOOLEAN))
    options->dry_run = g_variant_get_boolean (value);
  else if (g_str_equal (name, "ConfirmTimeout") && g_variant_is_of_type (value, G_VARIANT_TYPE_UINT32))
    options->confirm_timeout = g_variant_get_uint32 (value);
  else
    {
      g_set_error (error, PB_ERROR, PB_ERROR_INVALID_VALUE,
                   "%s.%.40s: must be IfRevision (t), DryRun (b) or ConfirmTimeout (u)", method, name);
      return FALSE;
    }
  if (options->confirm_timeout > MAX_CONFIRM_TIMEOUT)
    {
      g_set_error (error, PB_ERROR, PB_ERROR_INVALID_VALUE, "%s.ConfirmTimeout: must be between 0 and %u seconds", method,
                   MAX_CONFIRM_TIMEOUT);
      return FALSE;
    }
  return TRUE;
}

/* An unknown option is refused: it may have been meant to protect something. */
static gboolean
read_options (GVariant *given, PbApplyOptions *options, const char *method, GError **error)
{
  GVariantIter iter;
  const char *name;
  GVariant *value;
  gboolean good = TRUE;

  g_variant_iter_init (&iter, given);
  while (good && g_variant_iter_next (&iter, "{&sv}", &name, &value))
    {
      good = take_option (options, name, value, method, error);
      g_variant_unref (value);
    }
  return good;
}

void
pb_manager_handle_apply (PbBusCall *call, gpointer object)
{
  PbManagerMethods *self = object;
  g_autoptr (GVariant) changes = NULL;
  g_autoptr (GVariant) given = NULL;
  g_autoptr (GError) error = NULL;
  PbApplyOptions options = { .who = call->who };

  g_variant_get (call->parameters, "(@a{sa{sv}}@a{sv})", &changes, &given);
  if (!read_options (given, &options, "Apply", &error))
    pb_bus_call_fail (call, error);
  else
    pb_registry_apply (self->registry, changes, &options, on_changed, call);
}

static void
on_confirmed (GVariant *result, const GError *error, gpointer user_data)
{
  PbBusCall *call = user_data;

  if (error != NULL)
    pb_bus_call_fail (call, error);
  else
    pb_bus_call_return (call, NULL);
}

void
pb_manager_handle_confirm (PbBusCall *call, gpointer object)
{
  PbManagerMethods *self = object;
  guint64 revision;

  g_variant_get (call->parameters, "(t)", &revision);
  pb_registry_confirm (self->registry, revision, call->who, on_confirmed, call);
}

void
pb_manager_handle_revert (PbBusCall *call, gpointer object)
{
  PbManagerMethods *self = object;
  guint64 revision;

  g_variant_get (call->parameters, "(t)", &revision);
  pb_registry_revert (self->registry, revision, call->who, on_changed, call);
}

/* One Import that still asks whether its caller may. */
typedef struct
{
  PbRegistry *registry; /* (owned) */
  PbBusCall *call;      /* (owned) */
  const char *json;     /* in the call's parameters */
  PbApplyOptions options;
  char **actions; /* (owned) */
  guint next;
} PbImport;

static void
import_free (PbImport *self)
{
  g_object_unref (self->registry);
  g_strfreev (self->actions);
  g_free (self);
}

static void
on_import_authorized (PbAuthorization answer, const char *who, const GError *error, gpointer user_data)
{
  PbImport *self = user_data;

  if (error == NULL && self->actions[++self->next] != NULL)
    {
      pb_bus_call_authorize (self->call, self->actions[self->next], on_import_authorized, self);
      return;
    }
  if (error != NULL)
    pb_bus_call_fail (self->call, error);
  else
    pb_registry_import (self->registry, self->json, &self->options, on_changed, self->call);
  import_free (self);
}

static void
import_begin (PbImport *self)
{
  g_autoptr (GError) error = NULL;

  self->actions = pb_registry_import_actions (self->registry, self->json, &error);
  if (error != NULL)
    pb_bus_call_fail (self->call, error);
  else if (self->actions[0] != NULL)
    {
      pb_bus_call_authorize (self->call, self->actions[0], on_import_authorized, self);
      return;
    }
  else
    pb_registry_import (self->registry, self->json, &self->options, on_changed, self->call);
  import_free (self);
}

void
pb_manager_handle_import (PbBusCall *call, gpointer object)
{
  PbManagerMethods *self = object;
  PbImport *import = g_new0 (PbImport, 1);
  g_autoptr (GVariant) given = NULL;
  g_autoptr (GError) error = NULL;

  import->registry = g_object_ref (self->registry);
  import->call = call;
  import->options.who = call->who;
  g_variant_get (call->parameters, "(&s@a{sv})", &import->json, &given);
  if (strlen (import->json) > MAX_JSON)
    g_set_error (&error, PB_ERROR, PB_ERROR_TOO_LARGE, "Import: at most %u octets", MAX_JSON);
  if (error == NULL && read_options (given, &import->options, "Import", &error))
    {
      import_begin (import);
      return;
    }
  pb_bus_call_fail (call, error);
  import_free (import);
}
