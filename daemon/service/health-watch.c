/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The alerts of what is seen by looking: a queue that grows, a full disk, a certificate that ends, accounts
 * that burst or are past their daily limit. Each look reads what is in memory already. The counts of the
 * daily limits are kept in a file of the state directory, written by a thread of its own at most every other
 * second: a crash may cost the last of them. A file that is damaged or cannot be written is logged; mail goes on.
 */
#include "service/health-watch.h"

#include "util/clock.h"
#include "util/log.h"
#include "util/marked.h"
#include "util/pool.h"

#define LOOK_SECONDS     2
#define MANY_DEFERRED    500
#define FEWER_DEFERRED   400 /* so that the alert does not come and go */
#define LONG_WAIT        (6 * 60 * 60)
#define ENDING_SECONDS   (14 * 24 * 60 * 60)
#define FILE_NAME        "daily-limits"

struct _PbHealthWatch
{
  PbStore *store;             /* (unowned) */
  PbAlerts *alerts;           /* (unowned) */
  PbCertificate *certificate; /* (unowned) */
  PbDaily *daily;             /* (unowned) */
  PbRegistry *registry;       /* (unowned) */
  PbBurst *burst;             /* (unowned) */
  char *path;                 /* (owned) */
  PbPool *pool;               /* (owned) (nullable) one thread, so that writes keep their order */
  gboolean unkept; /* the pool's: the last write failed */
  gboolean many;
  GHashTable *over, *bursting; /* (owned) accounts that have these alerts */
  guint timer;
};

/* ---- keeping ---- */

typedef struct
{
  PbHealthWatch *watch; /* (unowned): it waits for its pool */
  char *text;           /* (owned) */
} Write;

static void
write_file (gpointer data)
{
  Write *self = data;
  PbHealthWatch *watch = self->watch;
  g_autoptr (GError) error = NULL;

  if (!g_file_set_contents_full (watch->path, self->text, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0600, &error))
    {
      pb_daily_not_saved (watch->daily);
      /* It is tried again at each look. */
      if (!watch->unkept)
        pb_log (PB_LOG_WARNING, "daily-limits", "reason", error->message, NULL);
    }
  watch->unkept = error != NULL;
  g_free (self->text);
  g_free (self);
}

static void
keep (PbHealthWatch *self)
{
  char *text = pb_daily_save (self->daily);
  Write *job;

  if (text == NULL)
    return;
  job = g_new (Write, 1);
  *job = (Write){ self, text };
  pb_pool_run (self->pool, write_file, NULL, NULL, job);
}

static void
restore (PbHealthWatch *self)
{
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;

  if (g_file_get_contents (self->path, &text, NULL, &error))
    {
      if (!pb_daily_restore (self->daily, text, pb_clock_wall () / G_USEC_PER_SEC))
        pb_log (PB_LOG_WARNING, "daily-limits", "file", self->path, "reason", "damaged; the day begins anew", NULL);
    }
  else if (!g_error_matches (error, G_FILE_ERROR, G_FILE_ERROR_NOENT))
    pb_log (PB_LOG_WARNING, "daily-limits", "reason", error->message, NULL);
}

/* ---- looking ---- */

GVariant *
pb_health_watch_judge_queue (const PbQueueCounts *counts, gboolean *many, gint64 now)
{
  *many = counts->deferred >= (*many ? FEWER_DEFERRED : MANY_DEFERRED);
  if (*many)
    return pb_say_count ("{n} message and more wait for another attempt.", "{n} messages and more wait for another attempt.",
                         MANY_DEFERRED);
  /* The oldest may be one that is held, which waits for somebody's hand and not for others. */
  if (counts->held == 0 && counts->oldest > 0 && now - counts->oldest >= LONG_WAIT)
    return pb_say_count ("A message has waited for more than {n} hour.", "A message has waited for more than {n} hours.",
                         LONG_WAIT / 3600);
  return NULL;
}

static void
look_at_queue (PbHealthWatch *self, gint64 now)
{
  PbQueueCounts counts;
  GVariant *text;

  pb_store_counts (self->store, &counts);
  text = pb_health_watch_judge_queue (&counts, &self->many, now);
  if (text != NULL)
    pb_alerts_raise (self->alerts, PB_ALERT_QUEUE_GROWING, "queue", text);
  else
    pb_alerts_end (self->alerts, PB_ALERT_QUEUE_GROWING, "queue");
}

static void
look_at_disk (PbHealthWatch *self)
{
  if (pb_store_state (self->store) == PB_STORE_LOW_SPACE)
    pb_alerts_raise (self->alerts, PB_ALERT_DISK_LOW, "state-directory",
                     pb_say ("The disk of the state directory is nearly full: no new mail is taken."));
  else
    pb_alerts_end (self->alerts, PB_ALERT_DISK_LOW, "state-directory");
}

static void
look_at_certificate (PbHealthWatch *self, gint64 now)
{
  const PbTlsIdentity *identity = pb_certificate_identity (self->certificate);
  char date[40];

  if (identity != NULL && identity->not_after - now < ENDING_SECONDS)
    {
      pb_clock_format_date (identity->not_after * G_USEC_PER_SEC, date);
      pb_alerts_raise (self->alerts, PB_ALERT_CERTIFICATE_ENDING, "certificate",
                       pb_say (identity->not_after > now ? N_ ("The certificate ends on {date}.")
                                                         : N_ ("The certificate has ended on {date}."),
                               "date", pb_say_moment (identity->not_after, date)));
    }
  else
    pb_alerts_end (self->alerts, PB_ALERT_CERTIFICATE_ENDING, "certificate");
}

static void
keep_said (GHashTable *accounts, const char *account, GVariant *said)
{
  g_hash_table_insert (accounts, g_strdup (account), g_variant_ref_sink (said));
}

/* Who is over, copied: the alerts are raised without the lock. */
static void
on_over (const char *account, const char *name, guint messages, guint recipients, gpointer user_data)
{
  keep_said (user_data, account,
             pb_say_count ("The account {account} has sent {n} message today, to {recipients} recipients in all, and may "
                           "send no more; further ones are held.",
                           "The account {account} has sent {n} messages today, to {recipients} recipients in all, and may "
                           "send no more; further ones are held.",
                           messages, "account", pb_say_text (name), "recipients", pb_say_number (recipients)));
}

static void
on_bursting (const char *account, const char *name, guint messages, guint busiest, gint64 wall, gpointer user_data)
{
  char date[40];

  pb_clock_format_date (wall * G_USEC_PER_SEC, date);
  keep_said (user_data, account,
             pb_say_count ("The account {account} sends far more than usual: {n} message within an hour, on {date}; in the "
                           "seven days before never more than {busiest}.",
                           "The account {account} sends far more than usual: {n} messages within an hour, on {date}; in "
                           "the seven days before never more than {busiest}.",
                           messages, "account", pb_say_text (name), "date", pb_say_moment (wall, date), "busiest",
                           pb_say_number (busiest)));
}

static GHashTable *
new_accounts (void)
{
  return g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_variant_unref);
}

/* @accounts: (inout): those with the alert, for which @now comes (transfer full), with the words for each */
static void
show_accounts (PbHealthWatch *self, PbAlertKind kind, GHashTable **accounts, GHashTable *now)
{
  g_autoptr (GHashTable) before = g_steal_pointer (accounts);
  GHashTableIter iter;
  gpointer account, text;

  *accounts = now;
  g_hash_table_iter_init (&iter, now);
  while (g_hash_table_iter_next (&iter, &account, &text))
    pb_alerts_raise (self->alerts, kind, account, text);
  g_hash_table_iter_init (&iter, before);
  while (g_hash_table_iter_next (&iter, &account, NULL))
    if (!g_hash_table_contains (now, account))
      pb_alerts_end (self->alerts, kind, account);
}

/* By the limits of now, which may have been raised; an account that was removed has none. */
static gboolean
is_over_no_more (gpointer account, gpointer text, gpointer user_data)
{
  PbHealthWatch *self = user_data;
  g_autoptr (GVariant) row = pb_registry_list_get (self->registry, PB_LIST_ACCOUNTS, account, NULL);
  guint messages = 0, recipients = 0;

  if (row != NULL)
    {
      g_variant_lookup (row, "DailyMessages", "u", &messages);
      g_variant_lookup (row, "DailyRecipients", "u", &recipients);
    }
  return !pb_daily_review (self->daily, account, messages, recipients);
}

static void
look_at_accounts (PbHealthWatch *self, gint64 now)
{
  GHashTable *over = new_accounts (), *bursting = new_accounts ();

  pb_daily_foreach_over (self->daily, on_over, over, now);
  g_hash_table_foreach_remove (over, is_over_no_more, self);
  show_accounts (self, PB_ALERT_DAILY_LIMIT, &self->over, over);
  pb_burst_foreach (self->burst, on_bursting, bursting, pb_clock_monotonic () / G_USEC_PER_SEC);
  show_accounts (self, PB_ALERT_ACCOUNT_BURSTING, &self->bursting, bursting);
}

static gboolean
on_look (gpointer user_data)
{
  PbHealthWatch *self = user_data;
  gint64 now = pb_clock_wall () / G_USEC_PER_SEC;

  look_at_queue (self, now);
  look_at_disk (self);
  look_at_certificate (self, now);
  look_at_accounts (self, now);
  keep (self);
  return G_SOURCE_CONTINUE;
}

PbHealthWatch *
pb_health_watch_new (PbStore *store, PbAlerts *alerts, PbCertificate *certificate, PbDaily *daily,
                     PbBurst *burst, PbRegistry *registry, const char *directory)
{
  PbHealthWatch *self = g_new0 (PbHealthWatch, 1);

  self->store = store;
  self->alerts = alerts;
  self->certificate = certificate;
  self->daily = daily;
  self->registry = registry;
  self->burst = burst;
  self->path = g_build_filename (directory, FILE_NAME, NULL);
  self->pool = pb_pool_new ("pb-daily", 1);
  self->over = new_accounts ();
  self->bursting = new_accounts ();
  restore (self);
  self->timer = g_timeout_add_seconds (LOOK_SECONDS, on_look, self);
  return self;
}

void
pb_health_watch_close (PbHealthWatch *self)
{
  if (self->pool == NULL)
    return;
  g_clear_handle_id (&self->timer, g_source_remove);
  keep (self);
  g_clear_pointer (&self->pool, pb_pool_free);
}

void
pb_health_watch_free (PbHealthWatch *self)
{
  pb_health_watch_close (self);
  g_hash_table_unref (self->over);
  g_hash_table_unref (self->bursting);
  g_free (self->path);
  g_free (self);
}
