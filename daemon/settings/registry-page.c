/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reading lists: pages of rows for the bus, with Id and Position, and a search over their text.
 * Answers are made from what is in memory; nothing here waits. Main thread.
 */
#include "settings/registry-private.h"

#include "dbus/errors.h"

#include <string.h>

#define MAX_PAGE 500

/* What is shown instead of what is stored, where that is only a place holder. */
static const char *
shown_state (PbRegistry *registry, const PbRow *row, const char *column)
{
  if (row->kind == PB_LIST_RELAY_EXCEPTIONS && g_str_equal (column, "SecretState"))
    return pb_registry_exception_state (registry, row);
  return NULL;
}

static guint64
count_hits (PbRegistry *registry, const PbRow *row, gboolean when)
{
  guint64 hits, last;

  pb_hits_get (registry->hits, row->id, &hits, &last);
  return when ? last : hits;
}

/* (nullable) floating: likewise, of any type. */
static GVariant *
shown_value (PbRegistry *registry, const PbRow *row, const char *column)
{
  const char *state = shown_state (registry, row, column);

  if (state != NULL)
    return g_variant_new_string (state);
  if (row->kind == PB_LIST_ACCOUNTS && g_str_equal (column, "PasswordSet"))
    return g_variant_new_boolean (pb_logins_has (registry->logins, row->id));
  if (row->kind == PB_LIST_ACCESS_LIST && g_str_equal (column, "Hits"))
    return g_variant_new_uint64 (count_hits (registry, row, FALSE));
  if (row->kind == PB_LIST_ACCESS_LIST && g_str_equal (column, "LastHit"))
    return g_variant_new_uint64 (count_hits (registry, row, TRUE));
  return NULL;
}

static GVariant *
show_row (PbRegistry *registry, const PbRow *self, guint position)
{
  GVariantBuilder row;
  GVariantIter iter;
  const char *name;
  GVariant *value;

  g_variant_builder_init (&row, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&row, "{sv}", "Id", g_variant_new_string (self->id));
  g_variant_builder_add (&row, "{sv}", "Position", g_variant_new_uint32 (position));
  g_variant_iter_init (&iter, self->row);
  while (g_variant_iter_next (&iter, "{&sv}", &name, &value))
    {
      GVariant *shown = shown_value (registry, self, name);

      g_variant_builder_add (&row, "{sv}", name, shown != NULL ? shown : value);
      g_variant_unref (value);
    }
  return g_variant_builder_end (&row);
}

/* All text of a row in one folded string, made at the first search and kept with the row. */
static const char *
search_text (PbRow *self)
{
  g_autoptr (GString) text = NULL;
  GVariantIter iter;
  GVariant *value;

  if (self->search != NULL)
    return self->search;
  text = g_string_new (NULL);
  g_variant_iter_init (&iter, self->row);
  while (g_variant_iter_next (&iter, "{&sv}", NULL, &value))
    {
      if (g_variant_is_of_type (value, G_VARIANT_TYPE_STRING))
        g_string_append_printf (text, "%s\n", g_variant_get_string (value, NULL));
      else if (g_variant_is_of_type (value, G_VARIANT_TYPE_STRING_ARRAY))
        for (gsize i = 0; i < g_variant_n_children (value); i++)
          {
            const char *entry;

            g_variant_get_child (value, i, "&s", &entry);
            g_string_append_printf (text, "%s\n", entry);
          }
      g_variant_unref (value);
    }
  self->search = g_utf8_casefold (text->str, -1);
  return self->search;
}

/* Columns with a choice of words, such as AccessList's List, can be asked for by their word. */
static gboolean
is_choice_column (PbListKind kind, const char *name)
{
  const PbListSpec *spec = pb_list_spec (kind);

  for (guint i = 0; i < spec->n_columns; i++)
    if (g_str_equal (spec->columns[i].name, name))
      return spec->columns[i].type[0] == 's' && spec->columns[i].choices != NULL;
  return FALSE;
}

static gboolean
has_wanted_words (PbRegistry *registry, const PbRow *self, GVariant *filter)
{
  GVariantIter iter;
  const char *key, *stored;
  GVariant *value;
  gboolean same = TRUE;

  g_variant_iter_init (&iter, filter);
  while (same && g_variant_iter_next (&iter, "{&sv}", &key, &value))
    {
      const char *state = shown_state (registry, self, key);

      if (!g_str_equal (key, "Search"))
        same = g_variant_lookup (self->row, key, "&s", &stored)
               && g_str_equal (state ? state : stored, g_variant_get_string (value, NULL));
      g_variant_unref (value);
    }
  return same;
}

/* Returns: FALSE for a filter that nobody knows: it may have been meant to leave something out. */
static gboolean
read_filter (PbListKind kind, GVariant *filter, char **needle, GError **error)
{
  GVariantIter iter;
  const char *key;
  GVariant *value;

  *needle = NULL;
  g_variant_iter_init (&iter, filter);
  while (g_variant_iter_next (&iter, "{&sv}", &key, &value))
    {
      gboolean text = g_variant_is_of_type (value, G_VARIANT_TYPE_STRING);
      gboolean search = text && g_str_equal (key, "Search") && *needle == NULL;
      gboolean known = search || (text && is_choice_column (kind, key));

      if (search)
        *needle = g_utf8_casefold (g_variant_get_string (value, NULL), -1);
      g_variant_unref (value);
      if (known)
        continue;
      g_set_error (error, PB_ERROR, PB_ERROR_INVALID_VALUE,
                   "%s.List: the filter must be Search (s) or a column of choices (s)",
                   pb_list_spec (kind)->name);
      g_clear_pointer (needle, g_free);
      return FALSE;
    }
  return TRUE;
}

GVariant *
pb_registry_list_page (PbRegistry *self, PbListKind kind, GVariant *filter, guint offset,
                       guint limit, GError **error)
{
  GPtrArray *rows = self->rows[kind];
  g_autofree char *needle = NULL;
  GVariantBuilder page;
  guint total = 0;

  if (limit > MAX_PAGE)
    {
      g_set_error (error, PB_ERROR, PB_ERROR_TOO_LARGE, "%s.List: at most %u rows a page",
                   pb_list_spec (kind)->name, MAX_PAGE);
      return NULL;
    }
  if (!read_filter (kind, filter, &needle, error))
    return NULL;
  g_variant_builder_init (&page, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; i < rows->len; i++)
    {
      PbRow *row = rows->pdata[i];

      if (needle != NULL && strstr (search_text (row), needle) == NULL)
        continue;
      if (!has_wanted_words (self, row, filter))
        continue;
      if (total >= offset && total - offset < limit)
        g_variant_builder_add_value (&page, show_row (self, row, i));
      total++;
    }
  return g_variant_ref_sink (g_variant_new ("(tuaa{sv})", self->revision, total, &page));
}

GVariant *
pb_registry_list_get (PbRegistry *self, PbListKind kind, const char *id, GError **error)
{
  PbRow *row = g_hash_table_lookup (self->by_id[kind], id);
  guint position;

  if (row == NULL)
    {
      g_set_error (error, PB_ERROR, PB_ERROR_NOT_FOUND, "%s[%s]: there is no such row",
                   pb_list_spec (kind)->name, pb_check (PB_CHECK_NAME, id) == NULL ? id : "?");
      return NULL;
    }
  g_ptr_array_find (self->rows[kind], row, &position);
  return g_variant_ref_sink (show_row (self, row, position));
}
