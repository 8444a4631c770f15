/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Accounts that burst, as those do whose password is known to somebody else. The queue counts each message
 * as it is submitted, on the sessions' threads; the service asks who bursts. For each account the messages of the last seven
 * days, hour by hour, in a ring. The table is bounded: when it is full the account that has been silent
 * longest makes room. Nothing can fail. Behind a lock that is held for a look-up only.
 */
#include "queue/burst.h"

#define HOUR         3600
#define DAY_HOURS    24
#define N_HOURS      (7 * DAY_HOURS)
#define MAX_ACCOUNTS 4096 /* of 900 octets */
#define MANY         100
#define MANY_YOUNG   500 /* while no whole day is known */
#define TIMES        10

typedef struct
{
  gint64 hour;            /* of the latest message */
  guint32 count[N_HOURS]; /* by the hour modulo N_HOURS */
  guint8 burst[N_HOURS];  /* hours that were a burst */
  gboolean seen;
  gint64 last_seen;       /* the latest message that was part of a burst */
  gint64 wall;            /* these three: when this hour's burst was seen */
  guint messages, busiest;
  char *name; /* (owned) */
} Account;

struct _PbBurst
{
  GMutex lock;
  GHashTable *accounts; /* (owned) account id -> Account */
  gint64 since;
};

static void
account_free (gpointer data)
{
  Account *account = data;

  g_free (account->name);
  g_free (account);
}

PbBurst *
pb_burst_new (gint64 now)
{
  PbBurst *self = g_new0 (PbBurst, 1);

  g_mutex_init (&self->lock);
  self->accounts = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, account_free);
  self->since = now;
  return self;
}

void
pb_burst_free (PbBurst *self)
{
  g_hash_table_unref (self->accounts);
  g_mutex_clear (&self->lock);
  g_free (self);
}

static void
make_room (PbBurst *self)
{
  const char *oldest = NULL;
  gint64 hour = G_MAXINT64;
  GHashTableIter iter;
  gpointer id, value;

  if (g_hash_table_size (self->accounts) < MAX_ACCOUNTS)
    return;
  g_hash_table_iter_init (&iter, self->accounts);
  while (g_hash_table_iter_next (&iter, &id, &value))
    if (((Account *) value)->hour < hour)
      {
        hour = ((Account *) value)->hour;
        oldest = id;
      }
  g_hash_table_remove (self->accounts, oldest);
}

static Account *
find_account (PbBurst *self, const char *id, const char *name, gint64 hour)
{
  Account *account = g_hash_table_lookup (self->accounts, id);

  if (account == NULL)
    {
      make_room (self);
      account = g_new0 (Account, 1);
      account->hour = hour;
      g_hash_table_insert (self->accounts, g_strdup (id), account);
    }
  if (g_strcmp0 (account->name, name) != 0)
    {
      g_free (account->name);
      account->name = g_strdup (name);
    }
  return account;
}

/* The hours in between were silent. */
static void
go_on_to (Account *account, gint64 hour)
{
  for (guint i = 0; account->hour < hour && i < N_HOURS; i++)
    {
      gint64 slot = (hour - i) % N_HOURS;

      if (hour - i <= account->hour)
        break;
      account->count[slot] = 0;
      account->burst[slot] = FALSE;
    }
  account->hour = MAX (account->hour, hour);
}

static guint
find_busiest (const Account *account)
{
  guint busiest = 0;

  for (gint64 age = 1; age < N_HOURS; age++)
    {
      gint64 hour = account->hour - age;

      if (hour < 0)
        break;
      if (age >= DAY_HOURS || !account->burst[hour % N_HOURS])
        busiest = MAX (busiest, account->count[hour % N_HOURS]);
    }
  return busiest;
}

void
pb_burst_count (PbBurst *self, const char *id, const char *name, gint64 now, gint64 wall)
{
  gint64 hour = now / HOUR;
  Account *account;
  guint busiest, count;

  g_mutex_lock (&self->lock);
  account = find_account (self, id, name, hour);
  go_on_to (account, hour);
  hour = account->hour;
  count = account->count[hour % N_HOURS];
  count += count < G_MAXUINT32;
  account->count[hour % N_HOURS] = count;
  if (count >= (now - self->since < DAY_HOURS * HOUR ? MANY_YOUNG : MANY)
      && count >= TIMES * (guint64) (busiest = find_busiest (account)))
    {
      if (!account->burst[hour % N_HOURS])
        {
          account->messages = count;
          account->busiest = busiest;
          account->wall = wall;
        }
      account->burst[hour % N_HOURS] = TRUE;
      account->seen = TRUE;
      account->last_seen = MAX (account->last_seen, now);
    }
  g_mutex_unlock (&self->lock);
}

void
pb_burst_foreach (PbBurst *self, PbBurstFunc func, gpointer user_data, gint64 now)
{
  GHashTableIter iter;
  gpointer id, value;

  g_mutex_lock (&self->lock);
  g_hash_table_iter_init (&iter, self->accounts);
  while (g_hash_table_iter_next (&iter, &id, &value))
    {
      const Account *account = value;

      if (now / HOUR - account->hour >= N_HOURS)
        g_hash_table_iter_remove (&iter);
      else if (account->seen && now - account->last_seen < HOUR)
        func (id, account->name, account->messages, account->busiest, account->wall, user_data);
    }
  g_mutex_unlock (&self->lock);
}
