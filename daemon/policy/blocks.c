/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Failed logins, and the blocks that they and other limits lead to. The SMTP server counts and asks from its threads, the bus
 * object lists and lifts from the main thread, behind one lock that is held for a look-up. What is to
 * outlive a restart is handed out as changes; failures that have led to nothing yet are not. Full, the
 * table lets go an eighth of itself: first whoever failed least and longest ago, and blocks last, those
 * that end soonest first, since whoever fills it on purpose must not free somebody by it.
 */
#include "policy/blocks.h"

#include <arpa/inet.h>
#include <string.h>

#define WINDOW 3600 /* seconds from the first failure in which they are counted */
#define REASON "failed-logins"

typedef struct
{
  char *key;      /* (owned) kind and subject */
  char *id;       /* (owned) (nullable) of the block */
  char *reason;   /* (owned) (nullable) of the block */
  guint failures;
  gint64 first;   /* of the failures */
  gint64 since, expires; /* of the block; 0 when there is none */
} Entry;

struct _PbBlocks
{
  GMutex lock;
  GHashTable *entries; /* (owned) key -> Entry, all below under lock */
  GHashTable *by_id;   /* (owned) id -> Entry, borrowed */
  guint max_entries;
  GHashTable *changes; /* (owned) id -> GVariant or NULL */
  PbMailbox *mailbox;  /* (owned) (nullable) */
  PbMailFunc func;
  gpointer data;
};

static const char *const kinds[] = { [PB_BLOCK_IP] = "ip", [PB_BLOCK_ACCOUNT] = "account" };

static void
entry_free (gpointer data)
{
  Entry *self = data;

  g_free (self->key);
  g_free (self->id);
  g_free (self->reason);
  g_free (self);
}

static void
unref_value (gpointer value)
{
  if (value != NULL)
    g_variant_unref (value);
}

static char *
make_key (const char *kind, const char *subject)
{
  return g_strconcat (kind, ":", subject, NULL);
}

static const char *
subject_of (const Entry *entry)
{
  return strchr (entry->key, ':') + 1;
}

static GVariant *
value_of (const Entry *entry)
{
  g_autofree char *kind = g_strndup (entry->key, (gsize) (subject_of (entry) - 1 - entry->key));

  return g_variant_ref_sink (g_variant_new (PB_BLOCK_VALUE, kind, subject_of (entry), entry->reason,
                                            entry->since, entry->expires));
}

/* ---- under the lock ---- */

static void
note_change (PbBlocks *self, const char *id, GVariant *value)
{
  gboolean first = g_hash_table_size (self->changes) == 0;

  g_hash_table_replace (self->changes, g_strdup (id), value);
  if (first && self->mailbox != NULL)
    pb_mailbox_post (self->mailbox, self->func, self->data);
}

static void
end_block (PbBlocks *self, Entry *entry)
{
  if (entry->id == NULL)
    return;
  g_hash_table_remove (self->by_id, entry->id);
  note_change (self, entry->id, NULL);
  g_clear_pointer (&entry->id, g_free);
  g_clear_pointer (&entry->reason, g_free);
  entry->since = entry->expires = 0;
  entry->failures = 0;
}

/* Whether it is neither blocked nor counted any more. */
static gboolean
is_over (PbBlocks *self, Entry *entry, gint64 now)
{
  if (entry->id != NULL && entry->expires <= now)
    end_block (self, entry);
  return entry->id == NULL && (entry->failures == 0 || entry->first + WINDOW <= now);
}

static void
drop_over (PbBlocks *self, gint64 now)
{
  GHashTableIter iter;
  gpointer entry;

  g_hash_table_iter_init (&iter, self->entries);
  while (g_hash_table_iter_next (&iter, NULL, &entry))
    if (is_over (self, entry, now))
      g_hash_table_iter_remove (&iter);
}

/* The most harmless first. */
static int
compare_harm (gconstpointer a, gconstpointer b)
{
  const Entry *one = *(Entry *const *) a, *other = *(Entry *const *) b;

  if ((one->id != NULL) != (other->id != NULL))
    return one->id != NULL ? 1 : -1;
  if (one->expires != other->expires)
    return one->expires < other->expires ? -1 : 1;
  if (one->failures != other->failures)
    return one->failures < other->failures ? -1 : 1;
  return one->first < other->first ? -1 : one->first > other->first;
}

/* (transfer container) */
static GPtrArray *
sort_entries (GHashTable *table, GCompareFunc compare)
{
  GPtrArray *sorted = g_ptr_array_sized_new (g_hash_table_size (table));
  GHashTableIter iter;
  gpointer entry;

  g_hash_table_iter_init (&iter, table);
  while (g_hash_table_iter_next (&iter, NULL, &entry))
    g_ptr_array_add (sorted, entry);
  g_ptr_array_sort (sorted, compare);
  return sorted;
}

static void
make_room (PbBlocks *self, gint64 now)
{
  g_autoptr (GPtrArray) sorted = NULL;

  if (g_hash_table_size (self->entries) < self->max_entries)
    return;
  drop_over (self, now);
  if (g_hash_table_size (self->entries) < self->max_entries)
    return;
  sorted = sort_entries (self->entries, compare_harm);
  for (guint i = 0; i < MAX (self->max_entries / 8, 1); i++)
    {
      Entry *entry = sorted->pdata[i];

      end_block (self, entry);
      g_hash_table_remove (self->entries, entry->key);
    }
}

static Entry *
find_or_add (PbBlocks *self, const char *key, gint64 now)
{
  Entry *entry = g_hash_table_lookup (self->entries, key);

  if (entry != NULL)
    return entry;
  make_room (self, now);
  entry = g_new0 (Entry, 1);
  entry->key = g_strdup (key);
  g_hash_table_insert (self->entries, entry->key, entry);
  return entry;
}

static void
begin_block (PbBlocks *self, Entry *entry, const char *id, const char *reason, gint64 since,
             gint64 expires)
{
  entry->id = id != NULL ? g_strdup (id) : g_uuid_string_random ();
  entry->reason = g_strdup (reason);
  entry->since = since;
  entry->expires = expires;
  g_hash_table_insert (self->by_id, entry->id, entry);
}

/* ---- its life ---- */

PbBlocks *
pb_blocks_new (guint max_entries)
{
  PbBlocks *self = g_new0 (PbBlocks, 1);

  g_mutex_init (&self->lock);
  self->entries = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, entry_free);
  self->by_id = g_hash_table_new (g_str_hash, g_str_equal);
  self->changes = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, unref_value);
  self->max_entries = max_entries;
  return self;
}

void
pb_blocks_free (PbBlocks *self)
{
  g_hash_table_unref (self->changes);
  g_hash_table_unref (self->by_id);
  g_hash_table_unref (self->entries);
  g_clear_pointer (&self->mailbox, pb_mailbox_unref);
  g_mutex_clear (&self->lock);
  g_free (self);
}

static void
restore_one (PbBlocks *self, const char *id, GVariant *value, gint64 now)
{
  const char *kind, *subject, *reason;
  g_autofree char *key = NULL;
  gint64 since, expires;
  Entry *entry;

  if (!g_variant_is_of_type (value, G_VARIANT_TYPE (PB_BLOCK_VALUE)) || !g_uuid_string_is_valid (id))
    {
      note_change (self, id, NULL);
      return;
    }
  g_variant_get (value, "(&s&s&sxx)", &kind, &subject, &reason, &since, &expires);
  key = make_key (kind, subject);
  if (expires <= now || (!g_str_equal (kind, "ip") && !g_str_equal (kind, "account"))
      || g_hash_table_contains (self->entries, key))
    {
      note_change (self, id, NULL);
      return;
    }
  entry = find_or_add (self, key, now);
  begin_block (self, entry, id, reason, since, expires);
}

void
pb_blocks_restore (PbBlocks *self, GHashTable *stored, gint64 now)
{
  GHashTableIter iter;
  gpointer id, value;

  g_mutex_lock (&self->lock);
  g_hash_table_iter_init (&iter, stored);
  while (g_hash_table_iter_next (&iter, &id, &value))
    restore_one (self, id, value, now);
  g_mutex_unlock (&self->lock);
}

void
pb_blocks_watch (PbBlocks *self, PbMailbox *mailbox, PbMailFunc func, gpointer data)
{
  g_mutex_lock (&self->lock);
  self->mailbox = pb_mailbox_ref (mailbox);
  self->func = func;
  self->data = data;
  if (g_hash_table_size (self->changes) > 0)
    pb_mailbox_post (self->mailbox, self->func, self->data);
  g_mutex_unlock (&self->lock);
}

void
pb_blocks_unwatch (PbBlocks *self)
{
  g_mutex_lock (&self->lock);
  g_clear_pointer (&self->mailbox, pb_mailbox_unref);
  g_mutex_unlock (&self->lock);
}

GHashTable *
pb_blocks_take_changes (PbBlocks *self)
{
  GHashTable *changes;

  g_mutex_lock (&self->lock);
  changes = self->changes;
  self->changes = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, unref_value);
  g_mutex_unlock (&self->lock);
  return changes;
}

/* ---- counting and asking ---- */

char *
pb_blocks_subject_ip (const PbIp *ip)
{
  char text[INET6_ADDRSTRLEN];
  PbIp network = *ip;

  if (pb_ip_is_v4 (ip))
    return g_strdup (pb_ip_format (ip, text, sizeof text));
  memset (network.bytes + 8, 0, 8);
  return g_strconcat (pb_ip_format (&network, text, sizeof text), "/64", NULL);
}

gint64
pb_blocks_expiry (PbBlocks *self, PbBlockKind kind, const char *subject, gint64 now)
{
  g_autofree char *key = make_key (kinds[kind], subject);
  gint64 expires = 0;
  Entry *entry;

  g_mutex_lock (&self->lock);
  entry = g_hash_table_lookup (self->entries, key);
  if (entry != NULL && is_over (self, entry, now))
    g_hash_table_remove (self->entries, key);
  else if (entry != NULL)
    expires = entry->expires;
  g_mutex_unlock (&self->lock);
  return expires;
}

gboolean
pb_blocks_fail (PbBlocks *self, PbBlockKind kind, const char *subject, guint limit, guint seconds,
                gint64 now)
{
  g_autofree char *key = NULL;
  gboolean blocks = FALSE;
  Entry *entry;

  if (limit == 0)
    return FALSE;
  key = make_key (kinds[kind], subject);
  g_mutex_lock (&self->lock);
  entry = find_or_add (self, key, now);
  if (is_over (self, entry, now))
    entry->failures = 0;
  if (entry->failures == 0)
    entry->first = now;
  /* One that is blocked already is not blocked for longer by what others try in its name. */
  if (entry->id == NULL)
    {
      entry->failures++;
      blocks = entry->failures > limit;
    }
  if (blocks)
    {
      begin_block (self, entry, NULL, REASON, now, now + seconds);
      note_change (self, entry->id, value_of (entry));
    }
  g_mutex_unlock (&self->lock);
  return blocks;
}

gboolean
pb_blocks_block (PbBlocks *self, PbBlockKind kind, const char *subject, const char *reason,
                 gint64 expires, gint64 now)
{
  g_autofree char *key = make_key (kinds[kind], subject);
  gboolean blocks;
  Entry *entry;

  g_mutex_lock (&self->lock);
  entry = find_or_add (self, key, now);
  is_over (self, entry, now); /* ends a block that is */
  blocks = entry->id == NULL && expires > now;
  if (blocks)
    {
      begin_block (self, entry, NULL, reason, now, expires);
      note_change (self, entry->id, value_of (entry));
    }
  g_mutex_unlock (&self->lock);
  return blocks;
}

/* ---- the list ---- */

static int
compare_since (gconstpointer a, gconstpointer b)
{
  const Entry *one = *(Entry *const *) a, *other = *(Entry *const *) b;

  if (one->since != other->since)
    return one->since > other->since ? -1 : 1;
  return strcmp (one->key, other->key);
}

static void
add_row (GVariantBuilder *rows, const Entry *entry)
{
  g_autofree char *kind = g_strndup (entry->key, (gsize) (subject_of (entry) - 1 - entry->key));

  g_variant_builder_open (rows, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (rows, "{sv}", "Id", g_variant_new_string (entry->id));
  g_variant_builder_add (rows, "{sv}", "Kind", g_variant_new_string (kind));
  g_variant_builder_add (rows, "{sv}", "Subject", g_variant_new_string (subject_of (entry)));
  g_variant_builder_add (rows, "{sv}", "Reason", g_variant_new_string (entry->reason));
  g_variant_builder_add (rows, "{sv}", "Since", g_variant_new_uint64 ((guint64) entry->since));
  g_variant_builder_add (rows, "{sv}", "Expires", g_variant_new_uint64 ((guint64) entry->expires));
  g_variant_builder_close (rows);
}

static gboolean
has_text (const Entry *entry, const char *search)
{
  g_autofree char *subject = g_utf8_casefold (subject_of (entry), -1);
  g_autofree char *needle = g_utf8_casefold (search, -1);

  return strstr (subject, needle) != NULL;
}

GVariant *
pb_blocks_list (PbBlocks *self, const char *search, guint offset, guint limit, gint64 now,
                guint *total)
{
  g_autoptr (GPtrArray) sorted = NULL;
  GVariantBuilder rows;

  *total = 0;
  g_variant_builder_init (&rows, G_VARIANT_TYPE ("aa{sv}"));
  g_mutex_lock (&self->lock);
  drop_over (self, now);
  sorted = sort_entries (self->by_id, compare_since);
  for (guint i = 0; i < sorted->len; i++)
    {
      if (search != NULL && !has_text (sorted->pdata[i], search))
        continue;
      if (*total >= offset && *total - offset < limit)
        add_row (&rows, sorted->pdata[i]);
      (*total)++;
    }
  g_mutex_unlock (&self->lock);
  return g_variant_ref_sink (g_variant_builder_end (&rows));
}

const char *
pb_blocks_lift (PbBlocks *self, const char *const *ids, gint64 now)
{
  const char *unknown = NULL;

  g_mutex_lock (&self->lock);
  drop_over (self, now);
  for (const char *const *id = ids; unknown == NULL && *id != NULL; id++)
    if (!g_hash_table_contains (self->by_id, *id))
      unknown = *id;
  for (const char *const *id = ids; unknown == NULL && *id != NULL; id++)
    {
      Entry *entry = g_hash_table_lookup (self->by_id, *id);

      if (entry == NULL) /* named twice */
        continue;
      end_block (self, entry);
      g_hash_table_remove (self->entries, entry->key);
    }
  g_mutex_unlock (&self->lock);
  return unknown;
}

gboolean
pb_blocks_extend (PbBlocks *self, const char *id, gint64 expires, gint64 now)
{
  Entry *entry;

  g_mutex_lock (&self->lock);
  drop_over (self, now);
  entry = g_hash_table_lookup (self->by_id, id);
  if (entry != NULL)
    {
      entry->expires = expires;
      note_change (self, entry->id, value_of (entry));
    }
  g_mutex_unlock (&self->lock);
  return entry != NULL;
}
