/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A cache of recipients in front of other people's mail servers. The policy asks at RCPT, on any reactor;
 * what does the asking is given by the service. An entry's key holds where it was asked, so that another
 * Target is asked anew. A server that does not answer is not asked about the next address for a minute: it
 * would cost each RCPT its patience. The lock is held for table look-ups alone.
 */
#include "settings/remote-recipients.h"

#include "settings/snapshot-private.h"
#include "util/clock.h"
#include <string.h>

/* How long an answer holds: a bounce is the price of a stale yes, a delay for a new user that of a stale no. */
#define KNOWN_US   (2 * 3600 * (gint64) G_USEC_PER_SEC)
#define UNKNOWN_US (300 * (gint64) G_USEC_PER_SEC)
#define UNTOLD_US  (60 * (gint64) G_USEC_PER_SEC)

#define SEPARATOR "\n" /* in no host and no address */

typedef struct
{
  PbMailbox *reply_to; /* (owned) */
  PbRemoteFound func;
  gpointer user_data;
  PbRemoteState state;
} Waiter;

typedef struct
{
  char *key;          /* (owned) "target\nrecipient"; "target\n" stands for a server that is left alone */
  gboolean answered;
  PbRemoteState state;
  gint64 expires;     /* monotonic microseconds */
  GPtrArray *waiters; /* (owned) (nullable) (element-type Waiter) while it is asked about */
  GList link;         /* in the order of use, once answered */
} Entry;

struct _PbRemoteRecipients
{
  gatomicrefcount references;
  guint max, max_asked;
  PbRemoteAsk ask;
  gpointer data;
  GMutex lock;
  GHashTable *entries; /* (owned) (element-type Entry) by key; guarded by lock, as is all below */
  GQueue answered;     /* those that may be dropped, last used first */
  gboolean closed;
};

static void
entry_free (gpointer data)
{
  Entry *entry = data;

  g_free (entry->key);
  g_clear_pointer (&entry->waiters, g_ptr_array_unref);
  g_free (entry);
}

PbRemoteRecipients *
pb_remote_recipients_new (guint max, guint max_asked, PbRemoteAsk ask, gpointer data)
{
  PbRemoteRecipients *self = g_new0 (PbRemoteRecipients, 1);

  g_atomic_ref_count_init (&self->references);
  self->max = max;
  self->max_asked = max_asked;
  self->ask = ask;
  self->data = data;
  g_mutex_init (&self->lock);
  self->entries = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, entry_free);
  return self;
}

PbRemoteRecipients *
pb_remote_recipients_ref (PbRemoteRecipients *self)
{
  g_atomic_ref_count_inc (&self->references);
  return self;
}

void
pb_remote_recipients_unref (PbRemoteRecipients *self)
{
  if (!g_atomic_ref_count_dec (&self->references))
    return;
  g_hash_table_unref (self->entries);
  g_mutex_clear (&self->lock);
  g_free (self);
}

static void
entry_drop (PbRemoteRecipients *self, Entry *entry)
{
  if (entry->answered)
    g_queue_unlink (&self->answered, &entry->link);
  g_hash_table_remove (self->entries, entry->key);
}

/* (nullable) one that still holds, or is being asked about. */
static Entry *
find_entry (PbRemoteRecipients *self, const char *key)
{
  Entry *entry = g_hash_table_lookup (self->entries, key);

  if (entry == NULL || !entry->answered)
    return entry;
  if (entry->expires <= pb_clock_monotonic ())
    {
      entry_drop (self, entry);
      return NULL;
    }
  g_queue_unlink (&self->answered, &entry->link);
  g_queue_push_head_link (&self->answered, &entry->link);
  return entry;
}

static Entry *
add_entry (PbRemoteRecipients *self, const char *key)
{
  Entry *entry = g_new0 (Entry, 1);

  entry->key = g_strdup (key);
  entry->link.data = entry;
  g_hash_table_insert (self->entries, entry->key, entry);
  return entry;
}

static void
keep_answer (PbRemoteRecipients *self, Entry *entry, PbRemoteState state)
{
  static const gint64 lifetimes[] = {
    [PB_REMOTE_KNOWN] = KNOWN_US,
    [PB_REMOTE_UNKNOWN] = UNKNOWN_US,
    [PB_REMOTE_UNTOLD] = UNTOLD_US,
  };

  if (entry->answered)
    g_queue_unlink (&self->answered, &entry->link);
  entry->answered = TRUE;
  entry->state = state;
  entry->expires = pb_clock_monotonic () + lifetimes[state];
  g_queue_push_head_link (&self->answered, &entry->link);
}

static void
on_told (gpointer data)
{
  Waiter *waiter = data;

  waiter->func (waiter->state, waiter->user_data);
  pb_mailbox_unref (waiter->reply_to);
  g_free (waiter);
}

static void
tell_all (GPtrArray *waiters, PbRemoteState state)
{
  for (guint i = 0; waiters != NULL && i < waiters->len; i++)
    {
      Waiter *waiter = waiters->pdata[i];

      waiter->state = state;
      pb_mailbox_post (waiter->reply_to, on_told, waiter);
    }
}

/* Returns: FALSE when @key is to be asked about, or is. */
static gboolean
peek (PbRemoteRecipients *self, const char *server_key, const char *key, PbRemoteState *state)
{
  const Entry *entry = find_entry (self, key);
  guint n_asked = g_hash_table_size (self->entries) - self->answered.length;

  *state = PB_REMOTE_UNTOLD;
  if (entry == NULL)
    return self->closed || find_entry (self, server_key) != NULL || n_asked >= self->max_asked;
  if (entry->answered)
    *state = entry->state;
  return entry->answered || self->closed;
}

/* Returns: FALSE when @waiter waits; it is the first if *@is_first. */
static gboolean
join (PbRemoteRecipients *self, const char *server_key, const char *key, Waiter *waiter,
      gboolean *is_first)
{
  Entry *entry;

  *is_first = FALSE;
  if (peek (self, server_key, key, &waiter->state))
    return TRUE;
  entry = g_hash_table_lookup (self->entries, key);
  if (entry == NULL)
    {
      entry = add_entry (self, key);
      entry->waiters = g_ptr_array_new ();
      *is_first = TRUE;
    }
  g_ptr_array_add (entry->waiters, waiter);
  return FALSE;
}

void
pb_remote_recipients_answer (PbRemoteRecipients *self, const char *key, PbRemoteState state,
                             gboolean silent)
{
  g_autofree char *server_key = g_strndup (key, strcspn (key, SEPARATOR) + 1);
  g_autoptr (GPtrArray) waiters = NULL;
  Entry *entry, *server;

  g_mutex_lock (&self->lock);
  if (self->closed)
    {
      g_mutex_unlock (&self->lock);
      return;
    }
  /* Of one that was pushed out meanwhile the answer is as good as new. */
  entry = g_hash_table_lookup (self->entries, key);
  if (entry == NULL)
    entry = add_entry (self, key);
  waiters = g_steal_pointer (&entry->waiters);
  keep_answer (self, entry, state);
  if (silent)
    {
      server = g_hash_table_lookup (self->entries, server_key);
      keep_answer (self, server != NULL ? server : add_entry (self, server_key), PB_REMOTE_UNTOLD);
    }
  while (self->answered.length > self->max)
    entry_drop (self, self->answered.tail->data);
  g_mutex_unlock (&self->lock);
  tell_all (waiters, state);
}

void
pb_remote_recipients_close (PbRemoteRecipients *self)
{
  g_autoptr (GPtrArray) waiters = g_ptr_array_new ();
  GHashTableIter iter;
  gpointer value;

  g_mutex_lock (&self->lock);
  self->closed = TRUE;
  g_hash_table_iter_init (&iter, self->entries);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      Entry *entry = value;

      if (entry->waiters != NULL)
        g_ptr_array_extend_and_steal (waiters, g_steal_pointer (&entry->waiters));
    }
  g_mutex_unlock (&self->lock);
  tell_all (waiters, PB_REMOTE_UNTOLD);
}

static const PbRow *
find_row (const PbSnapshot *self, const char *domain)
{
  const PbRow *row = pb_directory_lookup (self->directory, PB_LIST_DOMAIN_LIST, domain);
  gboolean wanted = FALSE;

  if (row != NULL)
    g_variant_lookup (row->row, "VerifyRecipients", "b", &wanted);
  return wanted && self->remote_recipients != NULL ? row : NULL;
}

gboolean
pb_snapshot_is_verified_domain (const PbSnapshot *self, const char *domain)
{
  return find_row (self, domain) != NULL;
}

/* Where the row that wants @recipient known has it asked, and the key of both. Returns: FALSE when no row does. */
static gboolean
make_keys (const PbSnapshot *self, const char *domain, const char *recipient, char **server_key,
           char **key)
{
  const PbRow *row = find_row (self, domain);

  if (row == NULL)
    return FALSE;
  /* Without a Target it is the domain's MX that are asked. */
  *server_key = g_strconcat (pb_row_text (row, "Target"), " ", domain, SEPARATOR, NULL);
  *key = g_strconcat (*server_key, recipient, NULL);
  return TRUE;
}

gboolean
pb_snapshot_peek_remote_recipient (const PbSnapshot *self, const char *domain,
                                   const char *recipient, PbRemoteState *state)
{
  PbRemoteRecipients *recipients = self->remote_recipients;
  g_autofree char *server_key = NULL;
  g_autofree char *key = NULL;
  gboolean known;

  *state = PB_REMOTE_UNTOLD;
  if (!make_keys (self, domain, recipient, &server_key, &key))
    return TRUE;
  g_mutex_lock (&recipients->lock);
  known = peek (recipients, server_key, key, state);
  g_mutex_unlock (&recipients->lock);
  return known;
}

void
pb_snapshot_find_remote_recipient (PbSnapshot *self, const char *domain, const char *recipient,
                                   PbMailbox *reply_to, PbRemoteFound func, gpointer user_data)
{
  PbRemoteRecipients *recipients = self->remote_recipients;
  g_autofree char *server_key = NULL;
  g_autofree char *key = NULL;
  Waiter *waiter = g_new (Waiter, 1);
  gboolean known = TRUE, is_first = FALSE;

  *waiter = (Waiter){ pb_mailbox_ref (reply_to), func, user_data, PB_REMOTE_UNTOLD };
  if (make_keys (self, domain, recipient, &server_key, &key))
    {
      g_mutex_lock (&recipients->lock);
      known = join (recipients, server_key, key, waiter, &is_first);
      g_mutex_unlock (&recipients->lock);
    }
  if (known)
    pb_mailbox_post (reply_to, on_told, waiter);
  else if (is_first)
    recipients->ask (self, key, recipient, recipients->data);
}
