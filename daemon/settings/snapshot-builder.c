/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A snapshot without a store and a bus, for the tests of every floor that reads one. Rows pass the
 * same checks as rows from the bus; a row that does not is a mistake in the test and aborts it.
 */
#include "settings/registry.h"
#include "settings/snapshot-private.h"

struct _PbSnapshotBuilder
{
  PbSettingValues values;
  GPtrArray *rows[PB_N_LISTS]; /* (owned) (element-type PbRow) */
};

PbSnapshotBuilder *
pb_snapshot_builder_new (void)
{
  PbSnapshotBuilder *self = g_new0 (PbSnapshotBuilder, 1);

  pb_setting_values_init (&self->values);
  g_free (self->values.general_hostname);
  self->values.general_hostname = g_strdup ("host.localdomain");
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

PbSnapshot *
pb_snapshot_builder_build (PbSnapshotBuilder *self)
{
  PbDirectory *directory = pb_directory_new ();
  PbSnapshot *snapshot;

  for (guint kind = 0; kind < PB_N_LISTS; kind++)
    {
      pb_directory_compile (directory, kind, self->rows[kind]);
      g_ptr_array_unref (self->rows[kind]);
    }
  snapshot = pb_snapshot_new (&self->values, 1, directory, NULL);
  pb_setting_values_clear (&self->values);
  g_free (self);
  return snapshot;
}
