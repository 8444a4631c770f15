/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The daily limits of accounts. The queue asks as each message is submitted, on the sessions' threads; the
 * service shows who is over, and keeps the counts over restarts. A day ends at the local midnight, which
 * pb_clock_next_midnight() finds over summer time too. Behind a lock that is held for a look-up only.
 */
#include "queue/daily.h"

#include "util/clock.h"

#define SAVED_TYPE  "a(sxuubs)" /* account, end of the day, messages, recipients, over, name */
#define LONGEST_DAY (25 * 60 * 60) /* with an hour of summer time */
#define MAX_KEPT    20000

typedef struct
{
  gint64 until; /* Unix seconds: the midnight that ends the day */
  guint messages, recipients;
  gboolean over;
  guint held; /* recipients of the smallest message that did not fit; 0: not known, since it is not kept */
  char *name; /* (owned) */
} Day;

struct _PbDaily
{
  GMutex lock;
  GHashTable *days; /* (owned) account id -> Day */
  gboolean changed;
};

static void
day_free (gpointer data)
{
  Day *day = data;

  g_free (day->name);
  g_free (day);
}

PbDaily *
pb_daily_new (void)
{
  PbDaily *self = g_new0 (PbDaily, 1);

  g_mutex_init (&self->lock);
  self->days = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, day_free);
  return self;
}

void
pb_daily_free (PbDaily *self)
{
  g_hash_table_unref (self->days);
  g_mutex_clear (&self->lock);
  g_free (self);
}

static gint64
midnight_behind (gint64 now)
{
  g_autoptr (GTimeZone) zone = g_time_zone_new_local ();

  return pb_clock_next_midnight (now, zone);
}

static Day *
find_day (PbDaily *self, const char *account, const char *name, gint64 now)
{
  Day *day = g_hash_table_lookup (self->days, account);

  if (day == NULL)
    {
      day = g_new0 (Day, 1);
      g_hash_table_insert (self->days, g_strdup (account), day);
    }
  if (day->until <= now)
    {
      day->messages = day->recipients = day->held = 0;
      day->over = FALSE;
      day->until = midnight_behind (now);
    }
  else if (day->until - now > LONGEST_DAY)
    day->until = midnight_behind (now);
  if (g_strcmp0 (day->name, name) != 0)
    {
      g_free (day->name);
      day->name = g_strdup (name);
    }
  return day;
}

static gboolean
fits_in (const Day *day, guint n_recipients, guint max_messages, guint max_recipients)
{
  return (max_messages == 0 || day->messages < max_messages)
         && (max_recipients == 0 || (guint64) day->recipients + n_recipients <= max_recipients);
}

gboolean
pb_daily_take (PbDaily *self, const char *account, const char *name, guint n_recipients, guint max_messages,
               guint max_recipients, gint64 now)
{
  Day *day;
  gboolean fits;

  g_mutex_lock (&self->lock);
  day = find_day (self, account, name, now);
  fits = fits_in (day, n_recipients, max_messages, max_recipients);
  if (fits)
    {
      day->messages += day->messages < G_MAXUINT;
      day->recipients += MIN (n_recipients, G_MAXUINT - day->recipients);
    }
  else
    {
      day->over = TRUE;
      day->held = day->held == 0 ? n_recipients : MIN (day->held, n_recipients);
    }
  self->changed = TRUE;
  g_mutex_unlock (&self->lock);
  return fits;
}

gboolean
pb_daily_review (PbDaily *self, const char *account, guint max_messages, guint max_recipients)
{
  gboolean over;
  Day *day;

  g_mutex_lock (&self->lock);
  day = g_hash_table_lookup (self->days, account);
  over = day != NULL && day->over;
  if (over && fits_in (day, MAX (day->held, 1), max_messages, max_recipients))
    {
      over = day->over = FALSE;
      day->held = 0;
      self->changed = TRUE;
    }
  g_mutex_unlock (&self->lock);
  return over;
}

void
pb_daily_foreach_over (PbDaily *self, PbDailyFunc func, gpointer user_data, gint64 now)
{
  GHashTableIter iter;
  gpointer account, value;

  g_mutex_lock (&self->lock);
  g_hash_table_iter_init (&iter, self->days);
  while (g_hash_table_iter_next (&iter, &account, &value))
    {
      Day *day = value;

      if (day->until <= now)
        {
          g_hash_table_iter_remove (&iter);
          self->changed = TRUE;
        }
      else if (day->over)
        func (account, day->name, day->messages, day->recipients, user_data);
    }
  g_mutex_unlock (&self->lock);
}

char *
pb_daily_save (PbDaily *self)
{
  GVariantBuilder rows;
  GHashTableIter iter;
  gpointer account, value;
  gboolean changed;

  g_variant_builder_init (&rows, G_VARIANT_TYPE (SAVED_TYPE));
  g_mutex_lock (&self->lock);
  changed = self->changed;
  self->changed = FALSE;
  g_hash_table_iter_init (&iter, self->days);
  while (changed && g_hash_table_iter_next (&iter, &account, &value))
    {
      const Day *day = value;

      g_variant_builder_add (&rows, "(sxuubs)", account, day->until, day->messages, day->recipients,
                             day->over, day->name);
    }
  g_mutex_unlock (&self->lock);
  g_autoptr (GVariant) all = g_variant_ref_sink (g_variant_builder_end (&rows));
  return changed ? g_variant_print (all, FALSE) : NULL;
}

void
pb_daily_not_saved (PbDaily *self)
{
  g_mutex_lock (&self->lock);
  self->changed = TRUE;
  g_mutex_unlock (&self->lock);
}

gboolean
pb_daily_restore (PbDaily *self, const char *text, gint64 now)
{
  g_autoptr (GVariant) all = g_variant_parse (G_VARIANT_TYPE (SAVED_TYPE), text, NULL, NULL, NULL);
  const char *account, *name;
  GVariantIter iter;
  gboolean over;
  gint64 until;
  guint messages, recipients;

  if (all == NULL || g_variant_n_children (all) > MAX_KEPT)
    return FALSE;
  g_mutex_lock (&self->lock);
  g_variant_iter_init (&iter, all);
  while (g_variant_iter_next (&iter, "(&sxuub&s)", &account, &until, &messages, &recipients, &over, &name))
    {
      Day *day;

      if (until <= now)
        continue;
      day = find_day (self, account, name, now);
      day->messages = messages;
      day->recipients = recipients;
      day->over = over;
    }
  g_mutex_unlock (&self->lock);
  return TRUE;
}
