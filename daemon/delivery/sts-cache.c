/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is known of other domains' policies, and the rules by which it is used and renewed (RFC 8461 3.3,
 * 5.1). Held by the keeper of policies on its thread; decides, and does nothing. A policy is good until its
 * max_age ends, whatever the record says and whoever cannot be reached meanwhile: only a newer policy takes
 * its place, since an attacker can make both of the others go away.
 */
#include "delivery/sts-cache.h"

#include <string.h>

#define DAY 86400 /* seconds: that it was used is written once a day: a disk of flash is not to pay for it */

struct _PbStsCache
{
  GHashTable *entries; /* (owned) domain -> PbStsEntry */
  guint max_entries;
  gsize octets, max_octets; /* of the policies */
  gboolean changed;
};

static gsize
policy_octets (const PbStsPolicy *policy)
{
  gsize octets = 0;

  for (guint i = 0; policy != NULL && i < policy->n_mx; i++)
    octets += strlen (policy->mx[i]) + 1 + sizeof (char *);
  return octets;
}

PbStsCache *
pb_sts_cache_new (guint max_entries, gsize max_octets)
{
  PbStsCache *self = g_new0 (PbStsCache, 1);

  self->entries = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, (GDestroyNotify) pb_sts_entry_free);
  self->max_entries = max_entries;
  self->max_octets = max_octets;
  return self;
}

void
pb_sts_cache_free (PbStsCache *self)
{
  g_hash_table_unref (self->entries);
  g_free (self);
}

static void
drop_policy (PbStsCache *self, PbStsEntry *entry)
{
  if (entry->policy == NULL)
    return;
  self->octets -= policy_octets (entry->policy);
  self->changed = TRUE;
  g_clear_pointer (&entry->policy, pb_sts_policy_unref);
}

static void
drop_entry (PbStsCache *self, PbStsEntry *entry)
{
  drop_policy (self, entry);
  g_hash_table_remove (self->entries, entry->domain);
}

/* Whether somebody could be spared a try. */
static gboolean
is_held (const PbStsEntry *entry, gint64 seconds, gint64 now)
{
  return entry->failed != 0 && now >= entry->failed && now - entry->failed < seconds;
}

/* Whoever has no policy goes first, then who was asked for longest ago. */
static gboolean
goes_before (const PbStsEntry *one, const PbStsEntry *other)
{
  if ((one->policy == NULL) != (other->policy == NULL))
    return one->policy == NULL;
  return MAX (one->used, one->failed) < MAX (other->used, other->failed);
}

static void
make_room (PbStsCache *self, const PbStsEntry *spared)
{
  while (g_hash_table_size (self->entries) > self->max_entries || self->octets > self->max_octets)
    {
      PbStsEntry *first = NULL, *entry;
      GHashTableIter iter;

      g_hash_table_iter_init (&iter, self->entries);
      while (g_hash_table_iter_next (&iter, NULL, (gpointer *) &entry))
        if (entry != spared && (first == NULL || goes_before (entry, first)))
          first = entry;
      if (first == NULL)
        return;
      drop_entry (self, first);
    }
}

/* A clock that was put back makes no policy hold longer than it would from now on. */
static gboolean
has_run_out (PbStsEntry *entry, gint64 now)
{
  entry->fetched = MIN (entry->fetched, now);
  return now - entry->fetched >= entry->policy->max_age;
}

static PbStsEntry *
lookup (PbStsCache *self, const char *domain, gint64 now)
{
  PbStsEntry *entry = g_hash_table_lookup (self->entries, domain);

  if (entry == NULL)
    return NULL;
  if (entry->policy != NULL && has_run_out (entry, now))
    drop_policy (self, entry);
  if (entry->policy != NULL || is_held (entry, PB_STS_HOLD_SECONDS, now))
    return entry;
  drop_entry (self, entry);
  return NULL;
}

static PbStsEntry *
ensure (PbStsCache *self, const char *domain, gint64 now)
{
  PbStsEntry *entry = lookup (self, domain, now);

  if (entry != NULL)
    return entry;
  entry = g_new0 (PbStsEntry, 1);
  entry->domain = g_strdup (domain);
  g_hash_table_insert (self->entries, entry->domain, entry);
  return entry;
}

void
pb_sts_cache_restore (PbStsCache *self, PbStsEntry *entry, gint64 now)
{
  if (entry->policy == NULL || has_run_out (entry, now))
    {
      pb_sts_entry_free (entry);
      return;
    }
  pb_sts_cache_forget (self, entry->domain);
  self->octets += policy_octets (entry->policy);
  g_hash_table_insert (self->entries, entry->domain, entry);
  make_room (self, entry);
}

const PbStsEntry *
pb_sts_cache_find (PbStsCache *self, const char *domain, gint64 now)
{
  return lookup (self, domain, now);
}

static gint64
refresh_seconds (const PbStsPolicy *policy)
{
  return MIN (PB_STS_REFRESH_SECONDS, policy->max_age / 2);
}

PbStsStep
pb_sts_cache_judge (PbStsCache *self, const char *domain, PbStsRecord record, const char *id, gint64 now)
{
  const PbStsEntry *entry = lookup (self, domain, now);

  if (record != PB_STS_RECORD_OK)
    return PB_STS_STEP_USE;
  if (entry == NULL)
    return PB_STS_STEP_FETCH;
  /* A new id deserves a try of its own: it may be the mended one. */
  if (is_held (entry, PB_STS_HOLD_SECONDS, now) && strcmp (entry->failed_id, id) == 0)
    return PB_STS_STEP_USE;
  if (entry->policy == NULL || strcmp (entry->id, id) != 0)
    return PB_STS_STEP_FETCH;
  return now - entry->fetched >= refresh_seconds (entry->policy) ? PB_STS_STEP_REFRESH : PB_STS_STEP_USE;
}

void
pb_sts_cache_use (PbStsCache *self, const char *domain, gint64 now)
{
  PbStsEntry *entry = lookup (self, domain, now);

  if (entry == NULL)
    return;
  self->changed |= entry->policy != NULL && entry->used / DAY != now / DAY;
  entry->used = now;
}

void
pb_sts_cache_keep (PbStsCache *self, const char *domain, const char *id, PbStsPolicy *policy, gint64 now)
{
  PbStsEntry *entry = ensure (self, domain, now);

  drop_policy (self, entry);
  entry->policy = pb_sts_policy_ref (policy);
  self->octets += policy_octets (policy);
  g_strlcpy (entry->id, id, sizeof entry->id);
  entry->fetched = now;
  entry->failed = 0;
  g_clear_pointer (&entry->failure, g_free);
  self->changed = TRUE;
  make_room (self, entry);
}

void
pb_sts_cache_fail (PbStsCache *self, const char *domain, const char *id, const char *why, gint64 now)
{
  PbStsEntry *entry = ensure (self, domain, now);

  entry->failed = now;
  g_strlcpy (entry->failed_id, id, sizeof entry->failed_id);
  g_free (entry->failure);
  entry->failure = g_strdup (why);
  make_room (self, entry);
}

gboolean
pb_sts_cache_forget (PbStsCache *self, const char *domain)
{
  PbStsEntry *entry = g_hash_table_lookup (self->entries, domain);

  if (entry == NULL)
    return FALSE;
  drop_entry (self, entry);
  return TRUE;
}

static gboolean
is_due (const PbStsEntry *entry, gint64 now)
{
  return now - entry->fetched >= refresh_seconds (entry->policy) && now - entry->used < PB_STS_UNUSED_SECONDS
         && !is_held (entry, PB_STS_RETRY_SECONDS, now);
}

static int
compare_tries (gconstpointer one, gconstpointer other)
{
  const PbStsEntry *a = *(const PbStsEntry *const *) one, *b = *(const PbStsEntry *const *) other;
  gint64 left = MAX (a->fetched, a->failed), right = MAX (b->fetched, b->failed);

  return left < right ? -1 : left > right;
}

/* Who was tried longest ago comes first, so that those who are tried in vain again and again leave room for all others. */
char **
pb_sts_cache_due (PbStsCache *self, guint max, gint64 now)
{
  g_autoptr (GStrvBuilder) domains = g_strv_builder_new ();
  g_autoptr (GPtrArray) entries = pb_sts_cache_entries (self, now);
  guint n = 0;

  g_ptr_array_sort (entries, compare_tries);
  for (guint i = 0; i < entries->len && n < max; i++)
    {
      const PbStsEntry *entry = entries->pdata[i];

      if (entry->policy == NULL || !is_due (entry, now))
        continue;
      g_strv_builder_add (domains, entry->domain);
      n++;
    }
  return g_strv_builder_end (domains);
}

static int
compare_domains (gconstpointer one, gconstpointer other)
{
  return strcmp ((*(const PbStsEntry *const *) one)->domain, (*(const PbStsEntry *const *) other)->domain);
}

GPtrArray *
pb_sts_cache_entries (PbStsCache *self, gint64 now)
{
  g_autofree const char **domains = (const char **) g_hash_table_get_keys_as_array (self->entries, NULL);
  GPtrArray *entries = g_ptr_array_new ();

  for (guint i = 0; domains[i] != NULL; i++)
    {
      PbStsEntry *entry = lookup (self, domains[i], now);

      if (entry != NULL)
        g_ptr_array_add (entries, entry);
    }
  g_ptr_array_sort (entries, compare_domains);
  return entries;
}

void
pb_sts_cache_set_changed (PbStsCache *self)
{
  self->changed = TRUE;
}

gboolean
pb_sts_cache_take_changed (PbStsCache *self)
{
  gboolean changed = self->changed;

  self->changed = FALSE;
  return changed;
}
