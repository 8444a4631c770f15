/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A snapshot without a store and a bus, for the tests of every floor that reads one. Rows pass the
 * same checks as rows from the bus; a row that does not is a mistake in the test and aborts it.
 */
#include "settings/registry.h"
#include "settings/snapshot-private.h"

#include <string.h>

struct _PbSnapshotBuilder
{
  PbSettingValues values;
  GPtrArray *rows[PB_N_LISTS]; /* (owned) (element-type PbRow) */
  GHashTable *verifiers;       /* (owned) account id -> GBytes */
};

PbSnapshotBuilder *
pb_snapshot_builder_new (void)
{
  PbSnapshotBuilder *self = g_new0 (PbSnapshotBuilder, 1);

  pb_setting_values_init (&self->values);
  g_free (self->values.general_hostname);
  self->values.general_hostname = g_strdup ("host.localdomain");
  self->verifiers =
    g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_bytes_unref);
  for (guint kind = 0; kind < PB_N_LISTS; kind++)
    self->rows[kind] = g_ptr_array_new_with_free_func ((GDestroyNotify) pb_row_unref);
  return self;
}

PbSettingValues *
pb_snapshot_builder_values (PbSnapshotBuilder *self)
{
  return &self->values;
}

void
pb_snapshot_builder_add_row (PbSnapshotBuilder *self, PbListKind kind, const char *id,
                             const char *row)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *uuid = g_uuid_string_random ();
  g_autoptr (GVariant) given = g_variant_parse (G_VARIANT_TYPE_VARDICT, row, NULL, NULL, &error);
  g_autoptr (GVariant) complete = NULL;

  g_assert_no_error (error);
  complete = pb_list_row_complete (kind, id, NULL, given, &error);
  g_assert_no_error (error);
  g_ptr_array_add (self->rows[kind],
                   pb_row_new (kind, id ? id : uuid, self->rows[kind]->len, complete));
}

void
pb_snapshot_builder_set_password (PbSnapshotBuilder *self, const char *account_id,
                                  const char *password)
{
  g_autoptr (PbSecret) secret = pb_secret_copy (password, strlen (password));
  PbVerifier verifier;

  pb_verifier_init (&verifier, secret);
  g_hash_table_replace (self->verifiers, g_strdup (account_id), pb_verifier_pack (&verifier));
}

PbSnapshot *
pb_snapshot_builder_build (PbSnapshotBuilder *self)
{
  PbDirectory *directory = pb_directory_new ();
  g_autoptr (PbLogins) logins = pb_logins_new (self->verifiers);
  g_auto (PbInterfaceTables) none = { 0 };
  g_autoptr (PbLocalNetworks) interfaces = NULL;
  PbSnapshot *snapshot;

  for (guint kind = 0; kind < PB_N_LISTS; kind++)
    {
      pb_directory_compile (directory, kind, self->rows[kind]);
      g_ptr_array_unref (self->rows[kind]);
    }
  pb_interface_tables_init (&none);
  interfaces = pb_local_networks_new (&none);
  snapshot = pb_snapshot_new (&self->values, 1, directory, NULL, logins, interfaces);
  pb_setting_values_clear (&self->values);
  g_free (self);
  return snapshot;
}
