/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Manager.Apply and Properties.Set: several settings at once, all or nothing. Each value passes its
 * row of the settings table, then all of them together the rules across settings.
 */
#include "settings/cross-check.h"
#include "settings/registry-private.h"

#include "dbus/errors.h"

#include <string.h>

/* Names from outside are only repeated in an error when they cannot break its line. */
static const char *
shown (const char *name)
{
  return pb_check (PB_CHECK_NAME, name) == NULL ? name : "?";
}

static gboolean
draft_setting (PbDraft *self, PbRegistry *registry, const char *interface, const char *name,
               GVariant *value, GError **error)
{
  g_autofree char *key = g_strconcat (interface, ".", name, NULL);
  const PbSettingSpec *spec = pb_setting_lookup (key);
  g_autoptr (GVariant) present = NULL;

  if (spec == NULL)
    {
      g_set_error (error, PB_ERROR, PB_ERROR_UNKNOWN_SETTING, "%s.%s: there is no such setting",
                   shown (interface), shown (name));
      return FALSE;
    }
  if (g_hash_table_contains (self->settings, key))
    {
      g_set_error (error, PB_ERROR, PB_ERROR_INVALID_VALUE, "%s: is given twice", key);
      return FALSE;
    }
  if (!pb_setting_validate (spec, value, error))
    return FALSE;
  present = pb_setting_values_get (&registry->snapshot->values, spec);
  if (!g_variant_equal (present, value))
    pb_draft_set (self, registry, key, value);
  return TRUE;
}

static char *
describe_changes (const PbDraft *self)
{
  g_autoptr (GString) what = g_string_new (NULL);

  for (guint id = 0; id < PB_N_SETTINGS; id++)
    {
      const char *key = pb_setting_spec (id)->key;

      if (g_hash_table_contains (self->settings, key))
        g_string_append_printf (what, "%s%s", what->len ? ", " : "", key);
    }
  return g_string_free (g_steal_pointer (&what), FALSE);
}

gboolean
pb_draft_settings (PbDraft *self, PbRegistry *registry, GVariant *changes, GError **error)
{
  PbSettingValues values;
  GVariantIter interfaces;
  const char *interface;
  GVariant *settings;
  gboolean passes = TRUE;

  g_variant_iter_init (&interfaces, changes);
  while (passes && g_variant_iter_next (&interfaces, "{&s@a{sv}}", &interface, &settings))
    {
      GVariantIter iter;
      const char *name;
      GVariant *value;

      g_variant_iter_init (&iter, settings);
      while (passes && g_variant_iter_next (&iter, "{&sv}", &name, &value))
        {
          passes = draft_setting (self, registry, interface, name, value, error);
          g_variant_unref (value);
        }
      g_variant_unref (settings);
    }
  if (!passes)
    return FALSE;
  pb_draft_values (self, registry, &values);
  passes = pb_cross_check_refuse (&values, self->settings, error);
  pb_setting_values_clear (&values);
  return passes;
}

static gboolean
prepare_apply (PbRegistry *self, PbOperation *operation, PbDraft *draft, GError **error)
{
  if (!pb_registry_check_pending (self, error)
      || !pb_draft_settings (draft, self, operation->argument, error))
    return FALSE;
  draft->what = describe_changes (draft);
  if (operation->confirm_timeout > 0 && draft->changes->len > 0)
    pb_draft_pending (draft, self);
  return TRUE;
}

PbSnapshot *
pb_registry_draft_snapshot (PbRegistry *self, GVariant *changes, GError **error)
{
  g_autoptr (PbSnapshot) now = pb_registry_snapshot (self);
  PbSnapshot *draft_snapshot = NULL;
  PbSettingValues values;
  PbDraft draft;

  pb_draft_init (&draft);
  if (pb_draft_settings (&draft, self, changes, error))
    {
      pb_draft_values (&draft, self, &values);
      draft_snapshot =
        pb_registry_make_snapshot (self, &values, pb_directory_copy (now->directory));
      pb_setting_values_clear (&values);
    }
  pb_draft_clear (&draft);
  return draft_snapshot;
}

GVariant *
pb_registry_validate (PbRegistry *self)
{
  return pb_cross_check_report (self->snapshot, self->rows);
}

void
pb_registry_apply (PbRegistry *self, GVariant *changes, const PbApplyOptions *options,
                   PbRegistryDone func, gpointer user_data)
{
  PbOperation *operation = pb_operation_new (prepare_apply, options->who, func, user_data);

  g_return_if_fail (g_variant_is_of_type (changes, G_VARIANT_TYPE ("a{sa{sv}}")));
  operation->if_revision = options->if_revision;
  operation->dry_run = options->dry_run;
  operation->confirm_timeout = options->confirm_timeout;
  if (options->confirm_timeout > 0)
    operation->applied = pb_registry_on_applied;
  operation->argument = g_variant_ref_sink (changes);
  pb_registry_run (self, operation);
}
