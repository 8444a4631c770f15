/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How many connections each client has now, for MaxConnections. Entered by the server when it
 * accepts, left when the session is freed, from any I/O thread. A client is an IPv4 address or an
 * IPv6 /64, since one host has a whole /64 to choose from. A client without connections takes no
 * memory.
 */
#include "policy/clients.h"

#include <string.h>

typedef struct
{
  PbIp ip; /* the key: host bits of IPv6 zero */
  guint connections;
} Client;

struct _PbClients
{
  GMutex lock;
  GHashTable *table; /* (owned) (element-type Client): set, guarded by lock */
};

static guint
client_hash (gconstpointer key)
{
  const Client *client = key;
  guint64 halves[2];

  memcpy (halves, client->ip.bytes, sizeof halves);
  /* Fibonacci hashing: neighbouring addresses must not crowd into neighbouring buckets. */
  return (guint) (((halves[0] ^ halves[1]) * G_GUINT64_CONSTANT (0x9e3779b97f4a7c15)) >> 32);
}

static gboolean
client_equal (gconstpointer a, gconstpointer b)
{
  const Client *one = a, *other = b;

  return memcmp (&one->ip, &other->ip, sizeof one->ip) == 0;
}

static Client
client_key (const PbIp *ip)
{
  Client key = { *ip, 0 };

  if (!pb_ip_is_v4 (ip))
    memset (key.ip.bytes + 8, 0, 8);
  return key;
}

PbClients *
pb_clients_new (void)
{
  PbClients *self = g_new0 (PbClients, 1);

  g_mutex_init (&self->lock);
  self->table = g_hash_table_new_full (client_hash, client_equal, g_free, NULL);
  return self;
}

void
pb_clients_free (PbClients *self)
{
  g_hash_table_unref (self->table);
  g_mutex_clear (&self->lock);
  g_free (self);
}

guint
pb_clients_enter (PbClients *self, const PbIp *ip)
{
  Client key = client_key (ip);
  Client *client;
  guint connections;

  g_mutex_lock (&self->lock);
  client = g_hash_table_lookup (self->table, &key);
  if (client == NULL)
    {
      client = g_memdup2 (&key, sizeof key);
      g_hash_table_add (self->table, client);
    }
  connections = ++client->connections;
  g_mutex_unlock (&self->lock);
  return connections;
}

void
pb_clients_leave (PbClients *self, const PbIp *ip)
{
  Client key = client_key (ip);
  Client *client;

  g_mutex_lock (&self->lock);
  client = g_hash_table_lookup (self->table, &key);
  g_assert (client != NULL);
  if (--client->connections == 0)
    g_hash_table_remove (self->table, client);
  g_mutex_unlock (&self->lock);
}
