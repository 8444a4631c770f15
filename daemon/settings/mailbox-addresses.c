/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which addresses are those of which account, all of them: for what is laid out on disk by address. An
 * account has its Addresses, and its Name at every local domain, or its Name alone where that is an
 * address. Where two lay claim to one it is as when mail comes: Addresses before names. Any thread.
 */
#include "settings/snapshot-private.h"

#include <string.h>

typedef struct
{
  const PbSnapshot *snapshot;
  PbMailboxAddressFunc func;
  gpointer user_data;
} Listing;

/* Names are keys too, without a domain; an address of another account at the same domain goes before. */
static void
tell_name (const Listing *self, const PbRow *row, const char *name, const char *domain)
{
  g_autofree char *address = g_strconcat (name, "@", domain, NULL);

  if (pb_directory_lookup (self->snapshot->directory, PB_LIST_ACCOUNTS, address) == NULL)
    self->func (address, row->id, self->user_data);
}

static void
tell_names (const Listing *self, const PbRow *row, const char *name)
{
  GHashTable *domains = self->snapshot->directory->names[PB_LIST_LOCAL_DOMAINS];
  g_autofree char *hostname = g_ascii_strdown (self->snapshot->values.general_hostname, -1);
  GHashTableIter iter;
  gpointer domain;

  if (domains == NULL || !g_hash_table_contains (domains, hostname))
    tell_name (self, row, name, hostname);
  if (domains == NULL)
    return;
  g_hash_table_iter_init (&iter, domains);
  while (g_hash_table_iter_next (&iter, &domain, NULL))
    tell_name (self, row, name, domain);
}

void
pb_snapshot_list_mailbox_addresses (const PbSnapshot *self, PbMailboxAddressFunc func,
                                    gpointer user_data)
{
  const Listing listing = { self, func, user_data };
  GHashTable *accounts = self->directory->names[PB_LIST_ACCOUNTS];
  GHashTableIter iter;
  gpointer key, row;

  if (accounts == NULL || g_str_equal (self->values.mailboxes_account_source, "pam"))
    return;
  g_hash_table_iter_init (&iter, accounts);
  while (g_hash_table_iter_next (&iter, &key, &row))
    if (strchr (key, '@') != NULL)
      func (key, ((const PbRow *) row)->id, user_data);
    else
      tell_names (&listing, row, key);
}

static gint
compare_texts (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

char **
pb_snapshot_list_local_domains (const PbSnapshot *self)
{
  GHashTable *domains = self->directory->names[PB_LIST_LOCAL_DOMAINS];
  GPtrArray *names = g_ptr_array_new ();
  GHashTableIter iter;
  gpointer name;

  if (domains != NULL)
    {
      g_hash_table_iter_init (&iter, domains);
      while (g_hash_table_iter_next (&iter, &name, NULL))
        g_ptr_array_add (names, g_strdup (name));
    }
  g_ptr_array_sort (names, compare_texts);
  g_ptr_array_add (names, NULL);
  return (char **) g_ptr_array_free (names, FALSE);
}
