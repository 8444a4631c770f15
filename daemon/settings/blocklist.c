/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The enabled rows of DnsblZones, compiled for the check that asks them. Made on the main thread when the list
 * changes, then read by any thread as part of a snapshot.
 */
#include "settings/blocklist-private.h"

struct _PbBlocklistTable
{
  PbBlocklist *rows; /* (owned) */
  guint n_rows;
};

static void
table_clear (gpointer data)
{
  PbBlocklistTable *self = data;

  for (guint i = 0; i < self->n_rows; i++)
    {
      g_free (self->rows[i].zone);
      g_strfreev (self->rows[i].codes);
    }
  g_free (self->rows);
}

PbBlocklistTable *
pb_blocklist_table_new (GPtrArray *rows)
{
  PbBlocklistTable *self = g_atomic_rc_box_new0 (PbBlocklistTable);

  self->rows = g_new0 (PbBlocklist, rows->len);
  for (guint i = 0; i < rows->len; i++)
    {
      const PbRow *row = rows->pdata[i];
      PbBlocklist *one = &self->rows[self->n_rows];

      if (!pb_row_is_enabled (row))
        continue;
      one->zone = g_ascii_strdown (pb_row_text (row, "Zone"), -1);
      g_variant_lookup (row->row, "Codes", "^as", &one->codes);
      g_variant_lookup (row->row, "Score", "i", &one->score);
      self->n_rows++;
    }
  return self;
}

PbBlocklistTable *
pb_blocklist_table_ref (PbBlocklistTable *self)
{
  return g_atomic_rc_box_acquire (self);
}

void
pb_blocklist_table_unref (PbBlocklistTable *self)
{
  g_atomic_rc_box_release_full (self, table_clear);
}

const PbBlocklist *
pb_snapshot_blocklists (const PbSnapshot *self, guint *n)
{
  const PbBlocklistTable *table = self->directory->blocklists;

  *n = table != NULL ? table->n_rows : 0;
  return table != NULL ? table->rows : NULL;
}
