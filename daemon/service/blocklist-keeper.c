/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Keeps an eye on the DNS blocklists: which the settings name is asked for its test addresses, and one that is
 * ill is told as an alert until it is well, or gone from the settings. Made and freed by the service.
 */
#include "service/blocklist-keeper.h"

#include "util/log.h"

#define PERIOD_SECONDS 3600

struct _PbBlocklistKeeper
{
  PbRegistry *registry;     /* (unowned) (nullable) NULL once closed */
  PbResolver *resolver;     /* (unowned) */
  PbAlerts *alerts;         /* (unowned) */
  PbMailbox *mailbox;       /* (owned) */
  PbBlocklists *blocklists; /* (owned) */
  GHashTable *zones;        /* (owned) those that were probed */
  guint timer;
};

static void
query (gpointer source, const char *name, PbDnsType type, guint timeout, PbDnsFunc func,
       gpointer user_data)
{
  PbBlocklistKeeper *self = source;

  pb_resolver_query (self->resolver, name, type, timeout, self->mailbox, func, user_data);
}

static void
on_told (const char *zone, GVariant *trouble, gpointer user_data)
{
  PbBlocklistKeeper *self = user_data;

  if (self->registry == NULL)
    return;
  if (trouble == NULL)
    {
      pb_log (PB_LOG_NOTICE, "blocklist well", "zone", zone, NULL);
      pb_alerts_end (self->alerts, PB_ALERT_BLOCKLIST_ILL, zone);
      return;
    }
  pb_alerts_raise (self->alerts, PB_ALERT_BLOCKLIST_ILL, zone,
                   pb_say ("The blocklist {zone} {trouble}", "zone", pb_say_text (zone), "trouble", trouble));
}

/* Probes all lists that are asked, and forgets those that are not any more. */
static void
probe_all (PbBlocklistKeeper *self)
{
  g_autoptr (PbSnapshot) snapshot = pb_registry_snapshot (self->registry);
  gboolean off = g_str_equal (snapshot->values.dnsbl_policy, "off");
  PbDnsSource dns = { query, self };
  guint n = 0;
  const PbBlocklist *lists = pb_snapshot_blocklists (snapshot, &n);
  g_autoptr (GHashTable) before = g_steal_pointer (&self->zones);
  GHashTableIter iter;
  gpointer zone;

  self->zones = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  for (guint i = 0; !off && i < n; i++)
    {
      g_hash_table_add (self->zones, g_strdup (lists[i].zone));
      pb_blocklists_probe (self->blocklists, lists[i].zone, &dns);
    }
  g_hash_table_iter_init (&iter, before);
  while (g_hash_table_iter_next (&iter, &zone, NULL))
    if (!g_hash_table_contains (self->zones, zone))
      pb_blocklists_forget (self->blocklists, zone);
}

static gboolean
on_timer (gpointer user_data)
{
  probe_all (user_data);
  return G_SOURCE_CONTINUE;
}

static void
on_settings_changed (PbRegistry *registry, const char *interface, const char *const *names,
                     gpointer user_data)
{
  if (g_str_equal (interface, "Dnsbl"))
    probe_all (user_data);
}

static void
on_list_changed (PbRegistry *registry, int kind, guint64 revision, gpointer user_data)
{
  if (kind == PB_LIST_DNSBL_ZONES)
    probe_all (user_data);
}

PbBlocklistKeeper *
pb_blocklist_keeper_new (PbRegistry *registry, PbResolver *resolver, PbAlerts *alerts,
                         PbMailbox *main_mailbox)
{
  PbBlocklistKeeper *self = g_new0 (PbBlocklistKeeper, 1);

  self->registry = registry;
  self->resolver = resolver;
  self->alerts = alerts;
  self->mailbox = pb_mailbox_ref (main_mailbox);
  self->blocklists = pb_blocklists_new (main_mailbox, on_told, self);
  self->zones = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_signal_connect (registry, "settings-changed", G_CALLBACK (on_settings_changed), self);
  g_signal_connect (registry, "list-changed", G_CALLBACK (on_list_changed), self);
  self->timer = g_timeout_add_seconds (PERIOD_SECONDS, on_timer, self);
  probe_all (self);
  return self;
}

void
pb_blocklist_keeper_close (PbBlocklistKeeper *self)
{
  if (self->registry == NULL)
    return;
  g_signal_handlers_disconnect_by_data (self->registry, self);
  g_clear_handle_id (&self->timer, g_source_remove);
  self->registry = NULL;
}

void
pb_blocklist_keeper_free (PbBlocklistKeeper *self)
{
  pb_blocklist_keeper_close (self);
  pb_blocklists_free (self->blocklists);
  g_hash_table_unref (self->zones);
  pb_mailbox_unref (self->mailbox);
  g_free (self);
}

PbBlocklists *
pb_blocklist_keeper_blocklists (PbBlocklistKeeper *self)
{
  return self->blocklists;
}
