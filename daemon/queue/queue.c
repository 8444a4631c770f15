/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The queue: keeps the scheduler, the timer that wakes it, and the limits in step with the settings.
 * The service makes one, starts it once the store is open, and stops it before the agents end. Nothing
 * here blocks and nothing is lost by stopping at any point: what is not marked in the store is tried
 * again after the next start. Main thread, but pb_queue_submit().
 */
#include "queue/queue-private.h"
#include "util/clock.h"
#include "util/log.h"
#include <string.h>

/* The pools open fewer connections than this; a few deliveries waiting behind each keep their pipelines full. */
#define ATTEMPTS_A_CONNECTION 4
#define MIN_ATTEMPTS          64
#define MAX_TOTAL             2000
#define LONGEST_WAIT          (20 * G_USEC_PER_SEC) /* so that a wall clock that was set is seen */
#define TIMER_SLACK           1000                  /* microseconds; two clocks are read one after the other */

typedef struct
{
  GSource source;
  PbQueue *queue; /* (not owned) */
} TimerSource;

gint64
pb_queue_now (void)
{
  return pb_clock_wall () / G_USEC_PER_SEC;
}

static void
message_free (gpointer data)
{
  PbQueueMessage *message = data;

  g_clear_pointer (&message->body, pb_body_unref);
  pb_envelope_unref (message->envelope);
  g_free (message->target);
  g_free (message);
}

static void
queue_clear (gpointer data)
{
  PbQueue *self = data;
  GHashTableIter iter;
  gpointer message;

  pb_scheduler_free (self->scheduler);
  g_hash_table_iter_init (&iter, self->messages);
  while (g_hash_table_iter_next (&iter, NULL, &message))
    {
      g_hash_table_iter_remove (&iter);
      message_free (message);
    }
  g_hash_table_unref (self->messages);
  g_hash_table_unref (self->untold);
  g_rand_free (self->random);
  pb_daily_free (self->daily);
  pb_burst_free (self->burst);
}

PbQueue *
pb_queue_ref (PbQueue *self)
{
  return g_atomic_rc_box_acquire (self);
}

void
pb_queue_unref (PbQueue *self)
{
  g_atomic_rc_box_release_full (self, queue_clear);
}

static PbSchedulerLimits
limits_from (const PbSettingValues *values)
{
  PbSchedulerLimits limits = {
    .max_per_destination =
      MAX (MIN_ATTEMPTS, ATTEMPTS_A_CONNECTION * values->queueing_max_connections_per_destination),
    .max_total = MAX_TOTAL,
    .min_backoff = values->queueing_min_backoff,
    .max_backoff = values->queueing_max_backoff,
  };

  return limits;
}

/*
 * Seconds of the wall clock turned into a time of the main loop. A timer that is set and comes soon enough stays: it finds nothing, at worst, and
 * is set anew. To move it wakes the main loop by a system call, and this is called twice a message.
 */
static void
set_timer (PbQueue *self)
{
  gint64 due = MIN (pb_scheduler_next_due (self->scheduler), self->next_claim);
  gint64 wait = CLAMP (MIN (MAX (due, 0), G_MAXINT64 / G_USEC_PER_SEC) * G_USEC_PER_SEC - pb_clock_wall (), 0, LONGEST_WAIT);
  gint64 at = g_get_monotonic_time () + wait, set = g_source_get_ready_time (self->timer);

  if (self->stopped)
    g_source_set_ready_time (self->timer, -1);
  else if (set < 0 || set > at + TIMER_SLACK)
    g_source_set_ready_time (self->timer, at);
}

gboolean
pb_queue_may_start (PbQueue *self)
{
  return self->started && !self->stopped && pb_store_state (self->parts.store) != PB_STORE_FAILED;
}

void
pb_queue_pump (PbQueue *self)
{
  g_autoptr (PbSnapshot) snapshot = NULL;
  gint64 now;
  gpointer item;

  if (!pb_queue_may_start (self) || self->pumping)
    return;
  self->pumping = TRUE;
  snapshot = pb_registry_snapshot (self->parts.registry);
  now = pb_queue_now ();
  while ((item = pb_scheduler_next (self->scheduler, now)) != NULL)
    pb_queue_start_item (self, item, snapshot);
  self->pumping = FALSE;
  if (self->store_has_more)
    pb_queue_claim (self);
  set_timer (self);
}

/*
 * Times to come are wall clock times too. Behind a step back all of them are too far away, so everything is tried as if by
 * hand: once, and at the usual pace. A step forward makes them due by itself.
 */
static void
look_at_clock (PbQueue *self)
{
  gint64 amount = pb_queue_clock_look (&self->clock, pb_queue_now (),
                                       pb_clock_monotonic () / G_USEC_PER_SEC,
                                       pb_store_next_id (self->parts.store));
  char seconds[24];

  if (amount == 0)
    return;
  g_snprintf (seconds, sizeof seconds, "%+" G_GINT64_FORMAT, amount);
  pb_log (PB_LOG_WARNING, "clock-set", "seconds", seconds, NULL);
  if (amount > 0)
    return;
  self->retry_all = TRUE;
  g_source_set_ready_time (self->timer, self->stopped ? -1 : 0);
}

gint64
pb_queue_age (PbQueue *self, const PbEnvelope *envelope)
{
  look_at_clock (self);
  return pb_queue_clock_age (&self->clock, envelope->id, envelope->arrival / G_USEC_PER_SEC,
                             pb_queue_now ());
}

static gboolean
on_timer (GSource *source, GSourceFunc callback, gpointer user_data)
{
  PbQueue *self = ((TimerSource *) (void *) source)->queue;

  g_source_set_ready_time (source, -1);
  look_at_clock (self);
  if (self->retry_all)
    pb_queue_wake (self);
  else if (self->next_claim <= pb_queue_now ())
    pb_queue_claim (self);
  self->retry_all = FALSE;
  pb_queue_pump (self);
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs timer_funcs = { .dispatch = on_timer };

/* What waits moves at once; what is being tried, as soon as that has failed. */
static void
on_routes_changed (PbQueue *self)
{
  g_autoptr (PbSnapshot) snapshot = pb_registry_snapshot (self->parts.registry);

  self->routes_revision = snapshot->revision;
  pb_queue_wake (self);
}

static void
on_settings_changed (PbRegistry *registry, const char *interface, GStrv names, gpointer user_data)
{
  PbQueue *self = user_data;
  g_autoptr (PbSnapshot) snapshot = NULL;

  if (g_str_equal (interface, "Queueing"))
    {
      snapshot = pb_registry_snapshot (registry);
      self->limits = limits_from (&snapshot->values);
      pb_scheduler_set_limits (self->scheduler, &self->limits);
      pb_queue_pump (self);
    }
  else if (g_str_equal (interface, "Delivery") || g_str_equal (interface, "Mailboxes"))
    on_routes_changed (self);
}

static void
on_list_changed (PbRegistry *registry, int kind, guint64 revision, gpointer user_data)
{
  if (kind == PB_LIST_DOMAIN_LIST || kind == PB_LIST_LOCAL_DOMAINS
      || kind == PB_LIST_RELAY_EXCEPTIONS)
    on_routes_changed (user_data);
}

PbQueue *
pb_queue_new (const PbQueueParts *parts)
{
  PbQueue *self = g_atomic_rc_box_new0 (PbQueue);
  g_autoptr (PbSnapshot) snapshot = pb_registry_snapshot (parts->registry);

  self->parts = *parts;
  self->limits = limits_from (&snapshot->values);
  self->scheduler = pb_scheduler_new (&self->limits);
  self->messages = g_hash_table_new (g_int64_hash, g_int64_equal);
  self->untold = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);
  self->worker = pb_pool_new ("dsn", 1);
  self->random = g_rand_new ();
  self->daily = pb_daily_new ();
  self->burst = pb_burst_new (pb_clock_monotonic () / G_USEC_PER_SEC);
  self->first_id = pb_store_next_id (parts->store);
  self->timer = g_source_new (&timer_funcs, sizeof (TimerSource));
  ((TimerSource *) (void *) self->timer)->queue = self;
  g_source_set_static_name (self->timer, "queue");
  g_source_attach (self->timer, g_main_context_get_thread_default ());
  self->settings_handler =
    g_signal_connect (parts->registry, "settings-changed", G_CALLBACK (on_settings_changed), self);
  self->list_handler =
    g_signal_connect (parts->registry, "list-changed", G_CALLBACK (on_list_changed), self);
  return self;
}

/* What was under way when the last run ended without a stop may arrive twice: this is where its reader can see that. */
static void
log_found (PbQueue *self)
{
  PbQueueCounts counts;
  char active[24], deferred[24], held[24];

  pb_store_counts (self->parts.store, &counts);
  if (counts.active + counts.deferred + counts.held == 0)
    return;
  g_snprintf (active, sizeof active, "%" G_GUINT64_FORMAT, counts.active);
  g_snprintf (deferred, sizeof deferred, "%" G_GUINT64_FORMAT, counts.deferred);
  g_snprintf (held, sizeof held, "%" G_GUINT64_FORMAT, counts.held);
  pb_log (PB_LOG_NOTICE, "queue found", "active", active, "deferred", deferred, "held", held, NULL);
}

void
pb_queue_start (PbQueue *self)
{
  self->started = TRUE;
  look_at_clock (self);
  log_found (self);
  pb_queue_claim (self);
  pb_queue_pump (self);
}

void
pb_queue_stop (PbQueue *self)
{
  self->stopped = TRUE;
  g_source_set_ready_time (self->timer, -1);
}

gboolean
pb_queue_is_idle (PbQueue *self)
{
  return self->n_under_way == 0;
}

void
pb_queue_close (PbQueue *self)
{
  if (self->closed)
    return;
  pb_queue_stop (self);
  self->closed = TRUE;
  /* The worker ends what it has begun; its answers find the queue closed and let go of what they hold of the store. */
  g_clear_pointer (&self->worker, pb_pool_free);
  pb_mailbox_dispatch (self->parts.main_mailbox);
  pb_queue_drop_stalled (self);
}

void
pb_queue_free (PbQueue *self)
{
  g_autoptr (GPtrArray) waiting = pb_scheduler_drain (self->scheduler, NULL);

  pb_queue_close (self);
  g_clear_signal_handler (&self->settings_handler, self->parts.registry);
  g_clear_signal_handler (&self->list_handler, self->parts.registry);
  g_source_destroy (self->timer);
  g_clear_pointer (&self->timer, g_source_unref);
  for (guint i = 0; i < waiting->len; i++)
    pb_queue_item_free (waiting->pdata[i]);
  pb_queue_unref (self);
}

PbDaily *
pb_queue_daily (PbQueue *self)
{
  return self->daily;
}

PbBurst *
pb_queue_burst (PbQueue *self)
{
  return self->burst;
}
