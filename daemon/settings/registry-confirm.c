/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Apply with a safety line: settings that lock their administrator out come back by themselves. What
 * was before is stored in the same commit as the change, so that a restart finds it and takes the
 * change back; a timer does so while the daemon runs; Confirm removes it. While something waits,
 * nothing else is applied. A roll-back that the store refuses is tried again.
 */
#include "settings/registry-private.h"

#include "dbus/errors.h"
#include "util/log.h"

#define RETRY_SECONDS 5

gboolean
pb_registry_check_pending (PbRegistry *self, GError **error)
{
  if (!g_hash_table_contains (self->stored, PB_PENDING_KEY))
    return TRUE;
  g_set_error (error, PB_ERROR, PB_ERROR_BUSY,
               "Apply: revision %" G_GUINT64_FORMAT " waits for Confirm", self->confirm_revision);
  return FALSE;
}

void
pb_draft_pending (PbDraft *self, PbRegistry *registry)
{
  GVariantBuilder before;
  g_autoptr (GVariant) pending = NULL;

  g_variant_builder_init (&before, G_VARIANT_TYPE (PB_PENDING_TYPE));
  for (guint i = 0; i < self->changes->len; i++)
    {
      const PbConfigChange *change = self->changes->pdata[i];

      g_variant_builder_add (&before, "(smv)", change->key, change->old_value);
    }
  pending = g_variant_ref_sink (g_variant_builder_end (&before));
  pb_draft_set (self, registry, PB_PENDING_KEY, pending);
}

static gboolean
prepare_roll_back (PbRegistry *self, PbOperation *operation, PbDraft *draft, GError **error)
{
  GVariant *pending = g_hash_table_lookup (self->stored, PB_PENDING_KEY);
  GVariantIter iter;
  const char *key;
  GVariant *before;

  if (pending == NULL) /* confirmed meanwhile */
    return TRUE;
  draft->what = g_strdup ("rolled back, not confirmed");
  if (g_variant_is_of_type (pending, G_VARIANT_TYPE (PB_PENDING_TYPE)))
    {
      g_variant_iter_init (&iter, pending);
      while (g_variant_iter_next (&iter, "(&smv)", &key, &before))
        {
          pb_draft_set (draft, self, key, before);
          g_clear_pointer (&before, g_variant_unref);
        }
    }
  pb_draft_end_trial (draft, self, TRUE);
  pb_draft_set (draft, self, PB_PENDING_KEY, NULL);
  return TRUE;
}

static gboolean
on_roll_back_due (gpointer user_data)
{
  PbRegistry *self = user_data;

  self->confirm_timer = 0;
  pb_registry_roll_back (self);
  return G_SOURCE_REMOVE;
}

static void
stop_waiting (PbRegistry *self, PbOperation *operation)
{
  g_clear_handle_id (&self->confirm_timer, g_source_remove);
  self->confirm_revision = 0;
}

static void
on_rolled_back (GVariant *result, const GError *error, gpointer user_data)
{
  PbRegistry *self = user_data;

  if (error == NULL || self->confirm_timer != 0)
    return;
  pb_log (PB_LOG_ERROR, "roll-back failed", "reason", error->message, NULL);
  self->confirm_timer = g_timeout_add_seconds (RETRY_SECONDS, on_roll_back_due, self);
}

void
pb_registry_roll_back (PbRegistry *self)
{
  PbOperation *operation;

  if (!g_hash_table_contains (self->stored, PB_PENDING_KEY))
    return;
  /* The operation never outlives the registry, which frees it or is held by it. */
  operation = pb_operation_new (prepare_roll_back, "postbusd", on_rolled_back, self);
  operation->unchecked = TRUE;
  operation->applied = stop_waiting;
  pb_registry_run (self, operation);
}

void
pb_registry_on_applied (PbRegistry *self, PbOperation *operation)
{
  self->confirm_revision = self->revision;
  self->confirm_timer = g_timeout_add_seconds (operation->confirm_timeout, on_roll_back_due, self);
}

static gboolean
prepare_confirm (PbRegistry *self, PbOperation *operation, PbDraft *draft, GError **error)
{
  if (self->confirm_revision == 0 || self->confirm_revision != operation->revision)
    {
      g_set_error (error, PB_ERROR, PB_ERROR_NOT_FOUND,
                   "Confirm: revision %" G_GUINT64_FORMAT " does not wait for it",
                   operation->revision);
      return FALSE;
    }
  draft->what = g_strdup_printf ("revision %" G_GUINT64_FORMAT " confirmed", operation->revision);
  pb_draft_end_trial (draft, self, FALSE);
  pb_draft_set (draft, self, PB_PENDING_KEY, NULL);
  return TRUE;
}

void
pb_registry_confirm (PbRegistry *self, guint64 revision, const char *who, PbRegistryDone func,
                     gpointer user_data)
{
  PbOperation *operation = pb_operation_new (prepare_confirm, who, func, user_data);

  operation->revision = revision;
  operation->applied = stop_waiting;
  pb_registry_run (self, operation);
}
