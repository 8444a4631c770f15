/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How settings change: an operation is prepared against what holds, committed and synced by the
 * store, then put in place as a new snapshot, told by signals, answered; the next one begins only
 * then, so that no two are judged against the same state. Main thread. The store's errors become
 * StoreFailed, or Busy where trying again helps.
 */
#include "settings/registry-private.h"

#include "dbus/errors.h"
#include "store/store.h"
#include "util/log.h"

PbOperation *
pb_operation_new (PbPrepareFunc prepare, const char *who, PbRegistryDone func, gpointer user_data)
{
  PbOperation *self = g_new0 (PbOperation, 1);

  self->prepare = prepare;
  self->who = g_strdup (who ? who : "");
  self->func = func;
  self->user_data = user_data;
  pb_draft_init (&self->draft);
  return self;
}

void
pb_operation_free (PbOperation *self)
{
  pb_draft_clear (&self->draft);
  g_clear_object (&self->registry);
  g_clear_pointer (&self->argument, g_variant_unref);
  g_clear_pointer (&self->secret, pb_secret_unref);
  g_clear_pointer (&self->packed, g_bytes_unref);
  g_clear_pointer (&self->history, g_ptr_array_unref);
  g_strfreev (self->ids);
  g_free (self->id);
  g_free (self->who);
  g_free (self);
}

static void
finish (PbOperation *operation, GVariant *result, const GError *error)
{
  if (operation->func != NULL)
    operation->func (error != NULL ? NULL : result, error, operation->user_data);
  pb_operation_free (operation);
}

static void
finish_with_revision (PbRegistry *self, PbOperation *operation)
{
  g_autoptr (GVariant) result = operation->draft.result
                                  ? g_variant_ref (operation->draft.result)
                                  : g_variant_ref_sink (g_variant_new_uint64 (self->revision));

  finish (operation, result, NULL);
}

static void
take_secrets (PbRegistry *self, const PbDraft *draft)
{
  g_autoptr (PbSecrets) old = self->secrets;

  self->secrets = pb_secrets_with (old, draft->secrets);
}

static void
take_verifiers (PbRegistry *self, const PbDraft *draft)
{
  g_autoptr (PbLogins) old = self->logins;

  self->logins = pb_logins_with (old, draft->verifiers);
}

static void
take_signing_keys (PbRegistry *self, const PbDraft *draft)
{
  g_autoptr (PbSigningKeys) old = self->signing_keys;

  self->signing_keys = pb_signing_keys_with (old, draft->signing_keys);
}

/* Snapshot first, then memory of what is stored: nobody looks in between. */
static void
put_in_place (PbRegistry *self, PbDraft *draft)
{
  PbDirectory *directory = pb_directory_copy (self->snapshot->directory);
  PbSettingValues values;

  pb_draft_values (draft, self, &values);
  if (g_hash_table_size (draft->secrets) > 0)
    take_secrets (self, draft);
  if (g_hash_table_size (draft->verifiers) > 0)
    take_verifiers (self, draft);
  if (g_hash_table_size (draft->signing_keys) > 0)
    take_signing_keys (self, draft);
  for (guint kind = 0; kind < PB_N_LISTS; kind++)
    if (draft->rows[kind] != NULL)
      {
        pb_registry_take_rows (self, kind, g_ptr_array_ref (draft->rows[kind]));
        pb_directory_compile (directory, kind, self->rows[kind]);
      }
  pb_registry_swap (self, &values, directory);
  pb_setting_values_clear (&values);
}

static void
remember_stored (PbRegistry *self, const PbDraft *draft)
{
  GHashTableIter iter;
  gpointer key;
  gpointer value;

  g_hash_table_iter_init (&iter, draft->settings);
  while (g_hash_table_iter_next (&iter, &key, &value))
    {
      if (value != NULL)
        g_hash_table_replace (self->stored, g_strdup (key), g_variant_ref (value));
      else
        g_hash_table_remove (self->stored, key);
    }
}

static GError *
translate_store_error (const GError *error)
{
  if (pb_store_error_is_temporary (error))
    return g_error_new (PB_ERROR, PB_ERROR_BUSY, "Settings: not written, try again: %s",
                        error->message);
  return g_error_new (PB_ERROR, PB_ERROR_STORE_FAILED, "Settings: not written: %s", error->message);
}

static void
on_committed (guint64 revision, const GError *error, gpointer user_data)
{
  PbOperation *operation = user_data;
  g_autoptr (PbRegistry) self = g_steal_pointer (&operation->registry);

  if (error != NULL)
    {
      g_autoptr (GError) translated = translate_store_error (error);

      pb_log (PB_LOG_ERROR, "settings not written", "what", operation->draft.what, "reason",
              error->message, NULL);
      self->running = FALSE;
      finish (operation, NULL, translated);
    }
  else
    {
      self->revision = revision;
      put_in_place (self, &operation->draft);
      remember_stored (self, &operation->draft);
      if (operation->applied != NULL)
        operation->applied (self, operation);
      pb_log (PB_LOG_NOTICE, "settings changed", "what", operation->draft.what, "by",
              operation->who, NULL);
      pb_registry_emit (self, &operation->draft);
      self->running = FALSE;
      finish_with_revision (self, operation);
    }
  pb_registry_continue (self);
}

static gboolean
prepare (PbRegistry *self, PbOperation *operation, GError **error)
{
  if (operation->if_revision != 0 && operation->if_revision != self->revision)
    {
      g_set_error (error, PB_ERROR, PB_ERROR_CONFLICT,
                   "IfRevision: is %" G_GUINT64_FORMAT ", but the revision is %" G_GUINT64_FORMAT,
                   operation->if_revision, self->revision);
      return FALSE;
    }
  return operation->prepare (self, operation, &operation->draft, error);
}

/* Nothing within speaks against it: the store has the word. */
static void
go_on (PbRegistry *self, PbOperation *operation)
{
  PbDraft *draft = &operation->draft;
  GPtrArray *changes;

  if (operation->dry_run)
    {
      finish_with_revision (self, operation);
      return;
    }
  changes = g_steal_pointer (&draft->changes);
  self->running = TRUE;
  operation->registry = g_object_ref (self);
  pb_config_store_commit (self->store, changes, operation->who, draft->what, TRUE, self->reply_to,
                          on_committed, operation);
}

/* Whether the outside is to be asked too. */
static gboolean
needs_check (PbRegistry *self, const PbOperation *operation)
{
  g_autofree char *prefix = NULL;
  GHashTableIter iter;
  gpointer key;

  if (self->check == NULL || operation->unchecked)
    return FALSE;
  prefix = g_strconcat (self->check_interface, ".", NULL);
  g_hash_table_iter_init (&iter, operation->draft.settings);
  while (g_hash_table_iter_next (&iter, &key, NULL))
    if (g_str_has_prefix (key, prefix))
      return TRUE;
  return FALSE;
}

static void
ask_outside (PbRegistry *self, PbOperation *operation)
{
  PbSettingValues values;

  self->running = TRUE;
  operation->registry = g_object_ref (self);
  pb_draft_values (&operation->draft, self, &values);
  self->check (&values, operation, self->check_data);
  pb_setting_values_clear (&values);
}

void
pb_registry_set_check (PbRegistry *self, const char *interface, PbRegistryCheck func,
                       gpointer user_data)
{
  self->check_interface = interface;
  self->check = func;
  self->check_data = user_data;
}

void
pb_registry_checked (gpointer ticket, const GError *error)
{
  PbOperation *operation = ticket;
  g_autoptr (PbRegistry) self = g_steal_pointer (&operation->registry);

  self->running = FALSE;
  if (error != NULL)
    finish (operation, NULL, error);
  else
    go_on (self, operation);
  pb_registry_continue (self);
}

static void
begin (PbRegistry *self, PbOperation *operation)
{
  g_autoptr (GError) error = NULL;

  if (!prepare (self, operation, &error))
    finish (operation, NULL, error);
  else if (operation->draft.changes->len == 0)
    finish_with_revision (self, operation);
  else if (needs_check (self, operation))
    ask_outside (self, operation);
  else
    go_on (self, operation);
}

void
pb_registry_continue (PbRegistry *self)
{
  g_autoptr (PbRegistry) held = g_object_ref (self);

  while (!held->running && !g_queue_is_empty (&held->operations))
    begin (held, g_queue_pop_head (&held->operations));
}

void
pb_registry_run (PbRegistry *self, PbOperation *operation)
{
  g_queue_push_tail (&self->operations, operation);
  pb_registry_continue (self);
}
