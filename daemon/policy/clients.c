/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What each client has done of late, for the limits of ConnectionPolicy and MaxUnknownRecipients.
 * Entered by the server when it accepts, left when the session is freed, asked by sessions, from any
 * I/O thread; every call is a look-up under one lock. A client is an IPv4 address or an IPv6 /64, since
 * one host has a whole /64 to choose from. Entries stand in chunks and are chained by number, so that
 * the table never moves. When it is full a hand goes round it: of the next few, whoever is over is
 * forgotten, else whoever has done least; who is connected stays. So a new client costs the same
 * however full it is, and one cannot free oneself by filling it.
 */
#include "policy/clients.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK 4096 /* clients */
#define LOOK  32   /* clients that are looked at to find one to forget */

/* Recipients, by hash, that one client tried and nobody has. */
typedef struct
{
  gint64 day;
  guint n, room;
  guint64 hashes[];
} Unknown;

typedef struct
{
  PbIp ip; /* the key: host bits of IPv6 zero */
  gint64 connect_begun, message_begun;
  guint32 connections, n_connects, n_messages;
  guint32 next;     /* number + 1 of the next in its bucket or in the free list; 0: none */
  Unknown *unknown; /* (owned) (nullable) */
} Client;

struct _PbClients
{
  GMutex lock;
  guint32 *buckets; /* (owned) all below under lock */
  guint32 n_buckets; /* a power of two */
  Client **chunks;  /* (owned) */
  guint32 max, n_made, n_used, free_list, hand;
  guint64 seed;
  gsize n_unknown, max_unknown;
  gint64 window, day; /* as last given */
};

/* ---- under the lock ---- */

static Client *
client_at (PbClients *self, guint32 number)
{
  return &self->chunks[number / CHUNK][number % CHUNK];
}

/* Seeded, so that nobody can choose addresses that crowd into one bucket. */
static guint32
bucket_of (const PbClients *self, const PbIp *ip)
{
  guint64 halves[2], hash;

  memcpy (halves, ip->bytes, sizeof halves);
  hash = (halves[0] ^ self->seed) * G_GUINT64_CONSTANT (0x9e3779b97f4a7c15);
  hash = ((hash ^ (hash >> 32)) + halves[1]) * G_GUINT64_CONSTANT (0xd6e8feb86659fd93);
  return (guint32) (hash ^ (hash >> 32)) & (self->n_buckets - 1);
}

static PbIp
key_of (const PbIp *ip)
{
  PbIp key = *ip;

  if (!pb_ip_is_v4 (ip))
    memset (key.bytes + 8, 0, 8);
  return key;
}

/* Returns: (nullable). */
static Client *
find (PbClients *self, const PbIp *key)
{
  guint32 number = self->buckets[bucket_of (self, key)];

  while (number != 0)
    {
      Client *client = client_at (self, number - 1);

      if (memcmp (&client->ip, key, sizeof *key) == 0)
        return client;
      number = client->next;
    }
  return NULL;
}

static void
drop_unknown (PbClients *self, Client *client)
{
  if (client->unknown == NULL)
    return;
  self->n_unknown -= client->unknown->room;
  g_clear_pointer (&client->unknown, g_free);
}

static void
forget (PbClients *self, guint32 number)
{
  Client *client = client_at (self, number);
  guint32 *link = &self->buckets[bucket_of (self, &client->ip)];

  while (*link != number + 1)
    link = &client_at (self, *link - 1)->next;
  *link = client->next;
  drop_unknown (self, client);
  memset (client, 0, sizeof *client);
  client->next = self->free_list;
  self->free_list = number + 1;
  self->n_used--;
}

/* An entry on the free list has the address of all zeros, which no client has. */
static gboolean
is_free (const Client *client)
{
  static const PbIp none;

  return memcmp (&client->ip, &none, sizeof none) == 0;
}

/* How much would be forgotten with it; 0: nothing that still counts. */
static guint
harm_of (const PbClients *self, const Client *client, gint64 now)
{
  guint harm = 0;

  if (client->n_connects > 0 && now < client->connect_begun + self->window)
    harm += client->n_connects;
  if (client->n_messages > 0 && now < client->message_begun + self->window)
    harm += client->n_messages;
  if (client->unknown != NULL && client->unknown->day == self->day)
    harm += 1 + client->unknown->n;
  return harm;
}

/* Looks at the next @n entries: those that are over go; else, if @must, the most harmless. Returns: whether one went. */
static gboolean
sweep (PbClients *self, guint n, gboolean must, gint64 now)
{
  guint32 best = G_MAXUINT32;
  guint best_harm = G_MAXUINT;
  gboolean some = FALSE;

  for (guint i = 0; i < MIN (n, self->n_made); i++)
    {
      guint32 number = self->hand++ % self->n_made;
      const Client *client = client_at (self, number);
      guint harm;

      if (is_free (client) || client->connections > 0)
        continue;
      harm = harm_of (self, client, now);
      if (harm == 0)
        forget (self, number);
      some = some || harm == 0;
      if (harm > 0 && harm < best_harm)
        {
          best_harm = harm;
          best = number;
        }
    }
  if (must && !some && best != G_MAXUINT32)
    {
      forget (self, best);
      some = TRUE;
    }
  return some;
}

/* Returns: (nullable) NULL when all are connected, more than there is room for. */
static Client *
add (PbClients *self, const PbIp *key, gint64 now)
{
  guint32 number, *bucket;
  Client *client;

  sweep (self, 2, FALSE, now);
  while (self->free_list == 0 && self->n_made == self->max)
    if (!sweep (self, LOOK, TRUE, now) && !sweep (self, self->max, TRUE, now))
      return NULL;
  if (self->free_list != 0)
    {
      number = self->free_list - 1;
      self->free_list = client_at (self, number)->next;
    }
  else
    {
      number = self->n_made++;
      if (number % CHUNK == 0)
        self->chunks[number / CHUNK] = g_new0 (Client, CHUNK);
    }
  client = client_at (self, number);
  memset (client, 0, sizeof *client);
  client->ip = *key;
  bucket = &self->buckets[bucket_of (self, key)];
  client->next = *bucket;
  *bucket = number + 1;
  self->n_used++;
  return client;
}

static Client *
find_or_add (PbClients *self, const PbIp *ip, gint64 now)
{
  PbIp key = key_of (ip);
  Client *client = find (self, &key);

  return client != NULL ? client : add (self, &key, now);
}

/* One more in a fixed window from the first. */
static guint
count (gint64 *begun, guint32 *n, gint64 now, gint64 window)
{
  if (*n == 0 || now >= *begun + window)
    {
      *begun = now;
      *n = 0;
    }
  return ++*n;
}

/* ---- its life ---- */

PbClients *
pb_clients_new_sized (guint max, gsize max_unknown)
{
  PbClients *self = g_new0 (PbClients, 1);

  g_mutex_init (&self->lock);
  self->max = max;
  self->max_unknown = max_unknown;
  self->n_buckets = 1;
  while (self->n_buckets < max)
    self->n_buckets *= 2;
  /* Pages that nobody has hashed into are not there yet. */
  self->buckets = g_new0 (guint32, self->n_buckets);
  self->chunks = g_new0 (Client *, max / CHUNK + 1);
  self->seed = (guint64) g_random_int () << 32 | g_random_int ();
  return self;
}

PbClients *
pb_clients_new (void)
{
  return pb_clients_new_sized (PB_CLIENTS_MAX, PB_CLIENTS_MAX_UNKNOWN);
}

void
pb_clients_free (PbClients *self)
{
  for (guint32 i = 0; i < self->n_made; i++)
    drop_unknown (self, client_at (self, i));
  for (guint32 i = 0; i <= self->max / CHUNK; i++)
    g_free (self->chunks[i]);
  g_free (self->chunks);
  g_free (self->buckets);
  g_mutex_clear (&self->lock);
  g_free (self);
}

/* ---- counting ---- */

guint
pb_clients_enter (PbClients *self, const PbIp *ip, gint64 now, gint64 window, guint *rate)
{
  guint connections = 1;
  Client *client;

  if (rate != NULL)
    *rate = 1;
  g_mutex_lock (&self->lock);
  self->window = window;
  client = find_or_add (self, ip, now);
  if (client != NULL)
    {
      connections = ++client->connections;
      if (rate != NULL)
        *rate = count (&client->connect_begun, &client->n_connects, now, window);
    }
  g_mutex_unlock (&self->lock);
  return connections;
}

void
pb_clients_leave (PbClients *self, const PbIp *ip)
{
  PbIp key = key_of (ip);
  Client *client;

  g_mutex_lock (&self->lock);
  client = find (self, &key);
  if (client != NULL && client->connections > 0)
    client->connections--;
  g_mutex_unlock (&self->lock);
}

guint
pb_clients_message (PbClients *self, const PbIp *ip, gint64 now, gint64 window)
{
  guint messages = 1;
  Client *client;

  g_mutex_lock (&self->lock);
  self->window = window;
  client = find_or_add (self, ip, now);
  if (client != NULL)
    messages = count (&client->message_begun, &client->n_messages, now, window);
  g_mutex_unlock (&self->lock);
  return messages;
}

/* FNV-1a, seeded: two recipients that fall together count as one, which nobody can bring about. */
static guint64
hash_recipient (const PbClients *self, const char *recipient)
{
  guint64 hash = G_GUINT64_CONSTANT (0xcbf29ce484222325) ^ self->seed;

  for (; *recipient != '\0'; recipient++)
    hash = (hash ^ (guint8) g_ascii_tolower (*recipient)) * G_GUINT64_CONSTANT (0x100000001b3);
  return hash;
}

static gboolean
has_hash (const Unknown *unknown, guint64 hash)
{
  for (guint i = 0; i < unknown->n; i++)
    if (unknown->hashes[i] == hash)
      return TRUE;
  return FALSE;
}

/* Other clients' recipients are forgotten until there is room for @n more: those of whom tried least, of the next few. */
static void
make_room (PbClients *self, const Client *keep, gsize n)
{
  for (guint round = 0; self->n_unknown + n > self->max_unknown && round <= self->n_made; round++)
    {
      Client *best = NULL;

      for (guint i = 0; i < LOOK; i++)
        {
          Client *client = client_at (self, self->hand++ % self->n_made);

          if (client != keep && client->unknown != NULL
              && (best == NULL || client->unknown->n < best->unknown->n))
            best = client;
        }
      if (best != NULL)
        drop_unknown (self, best);
    }
}

/* Returns: FALSE when there is no room for one more. */
static gboolean
grow (PbClients *self, Client *client)
{
  guint room = client->unknown != NULL ? client->unknown->room : 0;
  guint more = MAX (room, 2);
  Unknown *grown;

  make_room (self, client, more);
  if (self->n_unknown + more > self->max_unknown)
    return FALSE;
  grown = g_try_realloc (client->unknown, sizeof *grown + (room + more) * sizeof (guint64));
  if (grown == NULL)
    return FALSE;
  if (client->unknown == NULL)
    *grown = (Unknown){ 0 };
  grown->room = room + more;
  client->unknown = grown;
  self->n_unknown += more;
  return TRUE;
}

guint
pb_clients_unknown (PbClients *self, const PbIp *ip, const char *recipient, gint64 now, gint64 day)
{
  guint n = 1;
  Client *client;

  g_mutex_lock (&self->lock);
  self->day = day;
  client = find_or_add (self, ip, now);
  if (client != NULL && client->unknown != NULL && client->unknown->day != day)
    drop_unknown (self, client);
  if (client != NULL)
    {
      guint64 hash = hash_recipient (self, recipient);
      Unknown *unknown = client->unknown;

      if ((unknown == NULL || !has_hash (unknown, hash))
          && ((unknown != NULL && unknown->n < unknown->room) || grow (self, client)))
        {
          unknown = client->unknown;
          unknown->day = day;
          unknown->hashes[unknown->n++] = hash;
        }
      n = client->unknown != NULL ? client->unknown->n : 1;
    }
  g_mutex_unlock (&self->lock);
  return n;
}

void
pb_clients_peek (PbClients *self, const PbIp *ip, gint64 now, gint64 window, PbClientCounts *counts)
{
  PbIp key = key_of (ip);
  Client *client;
  Client would = { 0 };

  g_mutex_lock (&self->lock);
  client = find (self, &key);
  if (client != NULL)
    would = *client;
  g_mutex_unlock (&self->lock);
  counts->connections = would.connections + 1;
  counts->connection_rate = count (&would.connect_begun, &would.n_connects, now, window);
  counts->message_rate = count (&would.message_begun, &would.n_messages, now, window);
}

guint
pb_clients_size (PbClients *self, gsize *octets)
{
  guint size;

  g_mutex_lock (&self->lock);
  size = self->n_used;
  if (octets != NULL)
    *octets = sizeof *self + self->n_buckets * sizeof *self->buckets
              + (self->n_made + CHUNK - 1) / CHUNK * CHUNK * sizeof (Client)
              + self->n_unknown * (sizeof (guint64) + sizeof (Unknown) / 2);
  g_mutex_unlock (&self->lock);
  return size;
}
