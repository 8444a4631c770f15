/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The live settings: what holds now, and the snapshot of it that everybody else reads. This file
 * has the object itself; registry-run.c how it changes, registry-load.c how it comes up,
 * registry-settings.c and registry-lists.c what may be changed. All on the main thread, but for
 * pb_registry_snapshot(). A change that is refused, or whose commit fails, leaves everything as it
 * was, and its caller gets one PB_ERROR.
 */
#include "settings/registry-private.h"

#include "dbus/errors.h"

G_DEFINE_FINAL_TYPE (PbRegistry, pb_registry, G_TYPE_OBJECT)

enum
{
  SIGNAL_SETTINGS_CHANGED,
  SIGNAL_LIST_CHANGED,
  SIGNAL_COMMITTED,
  N_SIGNALS,
};
static guint signals[N_SIGNALS];

GVariant *
pb_registry_default (PbRegistry *self, const PbSettingSpec *spec)
{
  if (spec == pb_setting_spec (PB_SETTING_ID_General_Hostname))
    return g_variant_ref_sink (g_variant_new_string (self->hostname));
  return pb_setting_default (spec);
}

PbSnapshot *
pb_registry_make_snapshot (PbRegistry *self, const PbSettingValues *values, PbDirectory *directory)
{
  PbSnapshot *fresh = pb_snapshot_new (values, self->revision, directory, self->secrets,
                                       self->logins, self->interfaces);

  fresh->hits = pb_hits_ref (self->hits);
  fresh->people = self->people != NULL ? pb_people_ref (self->people) : NULL;
  fresh->remote_recipients =
    self->remote_recipients != NULL ? pb_remote_recipients_ref (self->remote_recipients) : NULL;
  fresh->signing_keys = pb_signing_keys_ref (self->signing_keys);
  return fresh;
}

void
pb_registry_swap (PbRegistry *self, const PbSettingValues *values, PbDirectory *directory)
{
  PbSnapshot *fresh = pb_registry_make_snapshot (self, values, directory);
  g_autoptr (PbSnapshot) old = NULL;

  g_mutex_lock (&self->lock);
  old = self->snapshot;
  self->snapshot = fresh;
  g_mutex_unlock (&self->lock);
}

void
pb_registry_use_people (PbRegistry *self, PbPeople *people)
{
  g_autoptr (PbSnapshot) snapshot = pb_registry_snapshot (self);

  self->people = pb_people_ref (people);
  pb_registry_swap (self, &snapshot->values, pb_directory_copy (snapshot->directory));
}

void
pb_registry_use_remote_recipients (PbRegistry *self, PbRemoteRecipients *recipients)
{
  g_autoptr (PbSnapshot) snapshot = pb_registry_snapshot (self);

  self->remote_recipients = pb_remote_recipients_ref (recipients);
  pb_registry_swap (self, &snapshot->values, pb_directory_copy (snapshot->directory));
}

void
pb_registry_take_rows (PbRegistry *self, PbListKind kind, GPtrArray *rows)
{
  g_ptr_array_unref (self->rows[kind]);
  self->rows[kind] = rows;
  g_hash_table_remove_all (self->by_id[kind]);
  for (guint i = 0; i < rows->len; i++)
    g_hash_table_insert (self->by_id[kind], ((PbRow *) rows->pdata[i])->id, rows->pdata[i]);
}

/* What is worked out from settings, lists and secrets changes with them: compared with what was told last. A password that took another's place leaves
 * the state as it was, and is told all the same: mail may wait for just that. */
static gboolean
find_changed (PbRegistry *self, const PbDraft *draft, gboolean changed[PB_N_COMPUTED])
{
  gboolean some = FALSE;

  for (guint id = 0; id < PB_N_COMPUTED; id++)
    {
      g_autoptr (GVariant) value = pb_registry_computed (self, id);

      changed[id] = self->computed[id] == NULL || !g_variant_equal (self->computed[id], value)
                    || (id == PB_COMPUTED_Delivery_RelaySecretState
                        && g_hash_table_contains (draft->secrets, PB_RELAY_GENERAL));
      if (!changed[id])
        continue;
      some = TRUE;
      g_clear_pointer (&self->computed[id], g_variant_unref);
      self->computed[id] = g_steal_pointer (&value);
    }
  return some;
}

static void
emit_interface (PbRegistry *self, const PbDraft *draft, const gboolean changed[PB_N_COMPUTED],
                const char *interface)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new ();

  for (guint id = 0; id < PB_N_SETTINGS; id++)
    {
      const PbSettingSpec *spec = pb_setting_spec (id);

      if (g_str_equal (spec->interface, interface)
          && g_hash_table_contains (draft->settings, spec->key))
        g_ptr_array_add (names, (char *) spec->name);
    }
  for (guint id = 0; id < PB_N_COMPUTED; id++)
    if (changed[id] && g_str_equal (pb_computed_spec (id)->interface, interface))
      g_ptr_array_add (names, (char *) pb_computed_spec (id)->name);
  if (names->len == 0)
    return;
  g_ptr_array_add (names, NULL);
  g_signal_emit (self, signals[SIGNAL_SETTINGS_CHANGED], 0, interface, names->pdata);
}

static gboolean
touches_exceptions (const PbDraft *draft)
{
  GHashTableIter iter;
  gpointer relay;

  g_hash_table_iter_init (&iter, draft->secrets);
  while (g_hash_table_iter_next (&iter, &relay, NULL))
    if (g_uuid_string_is_valid (relay))
      return TRUE;
  return FALSE;
}

static void
emit_settings (PbRegistry *self, const PbDraft *draft)
{
  const char *const *interfaces = pb_setting_interfaces ();
  gboolean changed[PB_N_COMPUTED];
  gboolean some = find_changed (self, draft, changed) || g_hash_table_size (draft->settings) > 0;

  for (guint i = 0; some && interfaces[i] != NULL; i++)
    emit_interface (self, draft, changed, interfaces[i]);
}

void
pb_registry_set_interfaces (PbRegistry *self, PbLocalNetworks *interfaces)
{
  g_autoptr (PbSnapshot) snapshot = pb_registry_snapshot (self);
  PbDraft nothing;

  g_clear_pointer (&self->interfaces, pb_local_networks_unref);
  self->interfaces = pb_local_networks_ref (interfaces);
  pb_registry_swap (self, &snapshot->values, pb_directory_copy (snapshot->directory));
  pb_draft_init (&nothing);
  emit_settings (self, &nothing);
  pb_draft_clear (&nothing);
}

void
pb_registry_set_dnssec (PbRegistry *self, const char *state)
{
  PbDraft nothing;

  if (g_strcmp0 (self->dnssec, state) == 0)
    return;
  self->dnssec = state;
  pb_draft_init (&nothing);
  emit_settings (self, &nothing);
  pb_draft_clear (&nothing);
}

void
pb_registry_emit (PbRegistry *self, const PbDraft *draft)
{
  g_signal_emit (self, signals[SIGNAL_COMMITTED], 0);
  emit_settings (self, draft);
  for (guint kind = 0; kind < PB_N_LISTS; kind++)
    if (draft->rows[kind] != NULL
        || (kind == PB_LIST_RELAY_EXCEPTIONS && touches_exceptions (draft))
        || (kind == PB_LIST_ACCOUNTS && g_hash_table_size (draft->verifiers) > 0))
      g_signal_emit (self, signals[SIGNAL_LIST_CHANGED], 0, (int) kind, self->revision);
}

static void
pb_registry_finalize (GObject *object)
{
  PbRegistry *self = PB_REGISTRY (object);

  g_clear_handle_id (&self->confirm_timer, g_source_remove);
  g_queue_clear_full (&self->operations, (GDestroyNotify) pb_operation_free);
  for (guint kind = 0; kind < PB_N_LISTS; kind++)
    {
      g_hash_table_unref (self->by_id[kind]);
      g_ptr_array_unref (self->rows[kind]);
    }
  for (guint id = 0; id < PB_N_COMPUTED; id++)
    g_clear_pointer (&self->computed[id], g_variant_unref);
  g_hash_table_unref (self->stored);
  g_clear_pointer (&self->snapshot, pb_snapshot_unref);
  g_clear_pointer (&self->secrets, pb_secrets_unref);
  g_clear_pointer (&self->logins, pb_logins_unref);
  g_clear_pointer (&self->signing_keys, pb_signing_keys_unref);
  g_clear_pointer (&self->interfaces, pb_local_networks_unref);
  g_clear_pointer (&self->blocks, g_hash_table_unref);
  pb_hits_unref (self->hits);
  g_clear_pointer (&self->people, pb_people_unref);
  g_clear_pointer (&self->remote_recipients, pb_remote_recipients_unref);
  g_clear_pointer (&self->reply_to, pb_mailbox_unref);
  g_free (self->hostname);
  g_free (self->instance_id);
  g_mutex_clear (&self->lock);

  G_OBJECT_CLASS (pb_registry_parent_class)->finalize (object);
}

static void
pb_registry_class_init (PbRegistryClass *class)
{
  G_OBJECT_CLASS (class)->finalize = pb_registry_finalize;

  signals[SIGNAL_SETTINGS_CHANGED] =
    g_signal_new ("settings-changed", PB_TYPE_REGISTRY, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                  G_TYPE_NONE, 2, G_TYPE_STRING | G_SIGNAL_TYPE_STATIC_SCOPE,
                  G_TYPE_STRV | G_SIGNAL_TYPE_STATIC_SCOPE);
  signals[SIGNAL_LIST_CHANGED] =
    g_signal_new ("list-changed", PB_TYPE_REGISTRY, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                  G_TYPE_NONE, 2, G_TYPE_INT, G_TYPE_UINT64);
  signals[SIGNAL_COMMITTED] = g_signal_new ("committed", PB_TYPE_REGISTRY, G_SIGNAL_RUN_LAST, 0,
                                            NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void
pb_registry_init (PbRegistry *self)
{
  g_mutex_init (&self->lock);
  self->hits = pb_hits_new ();
  g_queue_init (&self->operations);
  self->stored =
    g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_variant_unref);
  for (guint kind = 0; kind < PB_N_LISTS; kind++)
    {
      self->rows[kind] = g_ptr_array_new_with_free_func ((GDestroyNotify) pb_row_unref);
      self->by_id[kind] = g_hash_table_new (g_str_hash, g_str_equal);
    }
}

PbRegistry *
pb_registry_new (PbConfigStore *store, PbMailbox *reply_to, const char *hostname, GError **error)
{
  g_autoptr (PbConfigContent) content = pb_config_store_load (store, error);
  PbRegistry *self;

  if (content == NULL)
    return NULL;
  self = g_object_new (PB_TYPE_REGISTRY, NULL);
  self->store = store;
  self->reply_to = pb_mailbox_ref (reply_to);
  self->hostname = g_strdup (hostname);
  pb_registry_load (self, content);
  for (guint id = 0; id < PB_N_COMPUTED; id++)
    self->computed[id] = pb_registry_computed (self, id);
  pb_registry_roll_back (self);
  return self;
}

PbSnapshot *
pb_registry_snapshot (PbRegistry *self)
{
  PbSnapshot *snapshot;

  g_mutex_lock (&self->lock);
  snapshot = pb_snapshot_ref (self->snapshot);
  g_mutex_unlock (&self->lock);
  return snapshot;
}

PbHits *
pb_registry_hits (PbRegistry *self)
{
  return self->hits;
}

GHashTable *
pb_registry_take_blocks (PbRegistry *self)
{
  return g_steal_pointer (&self->blocks);
}

guint64
pb_registry_revision (PbRegistry *self)
{
  return self->revision;
}

const char *
pb_registry_instance_id (PbRegistry *self)
{
  return self->instance_id;
}
