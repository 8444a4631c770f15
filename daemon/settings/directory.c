/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The lists compiled for look-up: a hash of folded names per list, sorted ranges for networks. What
 * one kind compiles to is shared between directories by reference count, so that a change in one
 * list costs that list's compilation alone. Built on the main thread; once inside a snapshot it is
 * only read, from any thread.
 */
#include "settings/blocklist-private.h"

#include "util/log.h"

typedef struct _PbTrusted
{
  PbNetblockSet *set; /* (owned) */
} PbTrusted;

static void
trusted_clear (gpointer data)
{
  pb_netblock_set_free (((PbTrusted *) data)->set);
}

static void
trusted_unref (PbTrusted *self)
{
  g_atomic_rc_box_release_full (self, trusted_clear);
}

static PbTrusted *
compile_networks (GPtrArray *rows)
{
  g_autoptr (GArray) blocks = g_array_sized_new (FALSE, FALSE, sizeof (PbNetblock), rows->len);
  PbTrusted *self = g_atomic_rc_box_new0 (PbTrusted);

  for (guint i = 0; i < rows->len; i++)
    {
      const PbRow *row = rows->pdata[i];
      g_autoptr (GError) error = NULL;
      PbNetblock block;

      if (!pb_row_is_enabled (row))
        continue;
      if (pb_netblock_parse (pb_row_text (row, "Network"), &block, &error))
        g_array_append_val (blocks, block);
      else
        pb_log (PB_LOG_WARNING, "rule ignored", "list", "TrustedList", "row", row->id, "reason",
                error->message, NULL);
    }
  self->set = pb_netblock_set_new ((const PbNetblock *) blocks->data, blocks->len);
  return self;
}

static GHashTable *
compile_names (GPtrArray *rows)
{
  GHashTable *names =
    g_hash_table_new_full (g_str_hash, g_str_equal, NULL, (GDestroyNotify) pb_row_unref);

  for (guint i = 0; i < rows->len; i++)
    {
      PbRow *row = rows->pdata[i];

      /* The key is the row's own, so the entry's reference keeps it. */
      for (char **key = row->keys; *key != NULL && pb_row_is_enabled (row); key++)
        g_hash_table_replace (names, *key, pb_row_ref (row));
    }
  return names;
}

static GHashTable *
compile_disabled (GPtrArray *rows)
{
  GHashTable *disabled = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  for (guint i = 0; i < rows->len; i++)
    {
      const PbRow *row = rows->pdata[i];

      for (char **key = row->keys; *key != NULL && !pb_row_is_enabled (row); key++)
        g_hash_table_add (disabled, g_strdup (*key));
    }
  return disabled;
}

PbDirectory *
pb_directory_new (void)
{
  return g_new0 (PbDirectory, 1);
}

PbDirectory *
pb_directory_copy (const PbDirectory *self)
{
  PbDirectory *copy = pb_directory_new ();

  if (self->trusted != NULL)
    copy->trusted = g_atomic_rc_box_acquire (self->trusted);
  if (self->access != NULL)
    copy->access = pb_access_ref (self->access);
  if (self->blocklists != NULL)
    copy->blocklists = pb_blocklist_table_ref (self->blocklists);
  if (self->relay_rules != NULL)
    copy->relay_rules = pb_relay_rules_ref (self->relay_rules);
  if (self->disabled != NULL)
    copy->disabled = g_hash_table_ref (self->disabled);
  for (guint kind = 0; kind < PB_N_LISTS; kind++)
    if (self->names[kind] != NULL)
      copy->names[kind] = g_hash_table_ref (self->names[kind]);
  return copy;
}

void
pb_directory_compile (PbDirectory *self, PbListKind kind, GPtrArray *rows)
{
  g_clear_pointer (&self->names[kind], g_hash_table_unref);
  self->names[kind] = compile_names (rows);
  if (kind == PB_LIST_ACCOUNTS)
    {
      g_clear_pointer (&self->disabled, g_hash_table_unref);
      self->disabled = compile_disabled (rows);
    }
  if (kind == PB_LIST_TRUSTED_LIST)
    {
      g_clear_pointer (&self->trusted, trusted_unref);
      self->trusted = compile_networks (rows);
    }
  if (kind == PB_LIST_ACCESS_LIST)
    {
      g_clear_pointer (&self->access, pb_access_unref);
      self->access = pb_access_new (rows);
    }
  if (kind == PB_LIST_DNSBL_ZONES)
    {
      g_clear_pointer (&self->blocklists, pb_blocklist_table_unref);
      self->blocklists = pb_blocklist_table_new (rows);
    }
  if (kind == PB_LIST_RELAY_EXCEPTIONS)
    {
      g_clear_pointer (&self->relay_rules, pb_relay_rules_unref);
      self->relay_rules = pb_relay_rules_new (rows);
    }
}

void
pb_directory_free (PbDirectory *self)
{
  g_clear_pointer (&self->access, pb_access_unref);
  g_clear_pointer (&self->trusted, trusted_unref);
  g_clear_pointer (&self->blocklists, pb_blocklist_table_unref);
  g_clear_pointer (&self->relay_rules, pb_relay_rules_unref);
  g_clear_pointer (&self->disabled, g_hash_table_unref);
  for (guint kind = 0; kind < PB_N_LISTS; kind++)
    g_clear_pointer (&self->names[kind], g_hash_table_unref);
  g_free (self);
}

gboolean
pb_directory_is_trusted (const PbDirectory *self, const PbIp *ip)
{
  return self->trusted != NULL && pb_netblock_set_contains (self->trusted->set, ip);
}

const PbRow *
pb_directory_lookup (const PbDirectory *self, PbListKind kind, const char *key)
{
  return self->names[kind] != NULL ? g_hash_table_lookup (self->names[kind], key) : NULL;
}
