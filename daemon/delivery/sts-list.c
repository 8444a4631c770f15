/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the keeper of policies knows, for administrators to look at and to throw away. Asked for by the bus
 * from the main thread; everything shown is a copy, made on the keeper's thread between its transfers.
 */
#include "delivery/sts-private.h"

#include <string.h>


typedef struct
{
  PbStsPolicies *keeper;
  guint offset, limit;
  char *search;        /* (owned) (nullable) */
  char **domains;      /* (owned) (nullable) to be forgotten */
  PbMailbox *reply_to; /* (owned) */
  PbStsListed listed;
  PbStsForgotten forgotten;
  gpointer user_data;
  GPtrArray *entries;  /* (owned) (nullable) */
  guint n;
} Order;

static Order *
order_new (PbStsPolicies *self, PbMailbox *reply_to, gpointer user_data)
{
  Order *order = g_new0 (Order, 1);

  order->keeper = self;
  order->reply_to = pb_mailbox_ref (reply_to);
  order->user_data = user_data;
  return order;
}

static void
on_done (gpointer data)
{
  Order *order = data;

  if (order->listed != NULL)
    order->listed (g_steal_pointer (&order->entries), order->n, order->user_data);
  else
    order->forgotten (order->n, order->user_data);
  g_free (order->search);
  g_strfreev (order->domains);
  pb_mailbox_unref (order->reply_to);
  g_free (order);
}

static PbStsEntry *
entry_copy (const PbStsEntry *entry)
{
  PbStsEntry *copy = g_memdup2 (entry, sizeof *entry);

  copy->domain = g_strdup (entry->domain);
  copy->failure = entry->failed != 0 ? g_strdup (entry->failure) : NULL;
  copy->policy = entry->policy != NULL ? pb_sts_policy_ref (entry->policy) : NULL;
  return copy;
}

static void
on_list (gpointer data)
{
  Order *order = data;
  g_autoptr (GPtrArray) all = pb_sts_cache_entries (order->keeper->cache, pb_sts_now ());

  order->entries = g_ptr_array_new_with_free_func ((GDestroyNotify) pb_sts_entry_free);
  for (guint i = 0; i < all->len; i++)
    {
      const PbStsEntry *entry = all->pdata[i];

      if (order->search != NULL && strstr (entry->domain, order->search) == NULL)
        continue;
      if (order->n++ >= order->offset && order->entries->len < order->limit)
        g_ptr_array_add (order->entries, entry_copy (entry));
    }
  pb_mailbox_post (order->reply_to, on_done, order);
}

static void
on_forget (gpointer data)
{
  Order *order = data;

  for (guint i = 0; order->domains[i] != NULL; i++)
    order->n += pb_sts_cache_forget (order->keeper->cache, order->domains[i]) ? 1 : 0;
  pb_sts_policies_write (order->keeper);
  pb_mailbox_post (order->reply_to, on_done, order);
}

void
pb_sts_policies_list (PbStsPolicies *self, const char *search, guint offset, guint limit, PbMailbox *reply_to,
                      PbStsListed func, gpointer user_data)
{
  Order *order = order_new (self, reply_to, user_data);

  order->search = search != NULL ? g_ascii_strdown (search, -1) : NULL;
  order->offset = offset;
  order->limit = limit;
  order->listed = func;
  pb_mailbox_post (self->mailbox, on_list, order);
}

void
pb_sts_policies_forget (PbStsPolicies *self, const char *const *domains, PbMailbox *reply_to, PbStsForgotten func,
                        gpointer user_data)
{
  Order *order = order_new (self, reply_to, user_data);

  order->domains = g_new0 (char *, g_strv_length ((char **) domains) + 1);
  for (guint i = 0; domains[i] != NULL; i++)
    order->domains[i] = g_ascii_strdown (domains[i], -1);
  order->forgotten = func;
  pb_mailbox_post (self->mailbox, on_forget, order);
}
