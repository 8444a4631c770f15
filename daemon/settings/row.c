/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One row of a list, with the names under which it is found worked out once, when it is written.
 * Made by the registry, on the main thread; held by it and by every snapshot that was compiled
 * while the row stood, hence the atomic count. Never changed, but for the
 * search text, which is the main thread's own.
 */
#include "settings/snapshot-private.h"

#include <string.h>

char *
pb_fold_address (const char *address, gboolean fold_local)
{
  const char *at = strrchr (address, '@');
  g_autofree char *local = NULL;
  g_autofree char *domain = NULL;

  if (at == NULL)
    return fold_local ? g_ascii_strdown (address, -1) : g_strdup (address);
  local = fold_local ? g_ascii_strdown (address, at - address) : g_strndup (address, at - address);
  domain = pb_domain_fold (at + 1);
  return g_strconcat (local, "@", domain ? domain : at + 1, NULL);
}

static void
add_key (GPtrArray *keys, char *key)
{
  for (guint i = 0; i < keys->len; i++)
    if (g_str_equal (keys->pdata[i], key))
      {
        g_free (key);
        return;
      }
  g_ptr_array_add (keys, key);
}

static char **
find_keys (const PbRow *self)
{
  const PbListSpec *spec = pb_list_spec (self->kind);
  GPtrArray *keys = g_ptr_array_new ();

  for (guint i = 0; i < spec->n_columns; i++)
    {
      const PbColumnSpec *column = &spec->columns[i];

      if ((column->flags & PB_COLUMN_UNIQUE) == 0)
        continue;
      if (column->check == PB_CHECK_DOMAIN)
        add_key (keys, pb_domain_fold (pb_row_text (self, column->name)));
      else
        add_key (keys, pb_fold_address (pb_row_text (self, column->name), TRUE));
    }
  if (self->kind == PB_LIST_ACCOUNTS)
    {
      g_autofree const char **addresses = NULL;

      g_variant_lookup (self->row, "Addresses", "^a&s", &addresses);
      for (guint i = 0; addresses[i] != NULL; i++)
        add_key (keys, pb_fold_address (addresses[i], TRUE));
    }
  g_ptr_array_add (keys, NULL);
  return (char **) g_ptr_array_free (keys, FALSE);
}

static char **
find_targets (const PbRow *self)
{
  g_autofree const char **texts = NULL;
  GStrvBuilder *builder;
  char **targets;

  if (self->kind == PB_LIST_ALIASES)
    g_variant_lookup (self->row, "Targets", "^a&s", &texts);
  else if (self->kind == PB_LIST_LOCAL_DOMAINS && pb_row_text (self, "CatchAll")[0] != '\0')
    {
      texts = g_new0 (const char *, 2);
      texts[0] = pb_row_text (self, "CatchAll");
    }
  if (texts == NULL)
    return NULL;
  builder = g_strv_builder_new ();
  for (guint i = 0; texts[i] != NULL; i++)
    {
      g_autofree char *target = pb_fold_address (texts[i], FALSE);

      g_strv_builder_add (builder, target);
    }
  targets = g_strv_builder_end (builder);
  g_strv_builder_unref (builder);
  return targets;
}

PbRow *
pb_row_new (PbListKind kind, const char *id, guint order, GVariant *row)
{
  PbRow *self = g_atomic_rc_box_new0 (PbRow);

  self->kind = kind;
  self->id = g_strdup (id);
  self->order = order;
  self->row = g_variant_ref (row);
  g_variant_get_data (self->row); /* one block of memory instead of a tree of small ones */
  self->keys = find_keys (self);
  self->targets = find_targets (self);
  return self;
}

PbRow *
pb_row_moved (const PbRow *self, guint order)
{
  return pb_row_new (self->kind, self->id, order, self->row);
}

PbRow *
pb_row_ref (PbRow *self)
{
  return g_atomic_rc_box_acquire (self);
}

static void
row_clear (gpointer data)
{
  PbRow *self = data;

  g_free (self->id);
  g_variant_unref (self->row);
  g_strfreev (self->keys);
  g_free (self->search);
  g_strfreev (self->targets);
}

void
pb_row_unref (PbRow *self)
{
  g_atomic_rc_box_release_full (self, row_clear);
}

const char *
pb_row_text (const PbRow *self, const char *column)
{
  const char *text = "";

  g_variant_lookup (self->row, column, "&s", &text);
  return text;
}

gboolean
pb_row_is_enabled (const PbRow *self)
{
  gboolean enabled = TRUE;

  g_variant_lookup (self->row, "Enabled", "b", &enabled);
  return enabled;
}
