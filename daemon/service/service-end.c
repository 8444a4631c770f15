/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The end of the daemon's life: every part is freed in an order in which nothing that is left can call what is
 * gone, with the main thread's mailbox emptied in between. Also where a start has failed half-way.
 */
#include "service/service-private.h"

#include <sys/prctl.h>

#if defined __SANITIZE_ADDRESS__
#define PB_WITH_SANITIZER
#elif defined __has_feature
#if __has_feature(address_sanitizer)
#define PB_WITH_SANITIZER
#endif
#endif

/* AddressSanitizer's search for leaks, when all is over, is a process that looks in. */
static void
unprotect_memory (void)
{
#ifdef PB_WITH_SANITIZER
  prctl (PR_SET_DUMPABLE, 1, 0, 0, 0);
#endif
}

static void
free_bus (PbService *self)
{
  if (self->settings_handler != 0)
    g_signal_handler_disconnect (self->registry, self->settings_handler);
  g_clear_pointer (&self->blocks_object, pb_blocks_object_free);
  g_clear_pointer (&self->mta_sts_object, pb_mta_sts_object_free);
  g_clear_pointer (&self->diagnostics_object, pb_diagnostics_object_free);
  g_clear_pointer (&self->statistics_object, pb_statistics_object_free);
  g_clear_pointer (&self->secret_agents, pb_secret_agents_free);
  if (self->alerts != NULL)
    pb_alerts_leave_bus (self->alerts);
  g_clear_pointer (&self->bus, pb_bus_free);
  g_clear_pointer (&self->queue_object, pb_queue_object_free);
  g_clear_pointer (&self->history_object, pb_history_object_free);
  g_clear_pointer (&self->list_objects, pb_list_objects_free);
  g_clear_pointer (&self->settings_objects, pb_settings_objects_free);
  g_clear_pointer (&self->certificate_object, pb_certificate_object_free);
  g_clear_pointer (&self->manager, pb_manager_object_free);
}

static void
free_server (PbService *self)
{
  if (self->submission != NULL)
    {
      pb_drop_keeper_close (self->drop_keeper);
      pb_submitter_close (self->submission);
    }
  g_clear_pointer (&self->server, pb_server_free);
  g_clear_pointer (&self->submission, pb_submitter_free);
  g_clear_pointer (&self->drop_keeper, pb_drop_keeper_free);
  if (self->scanner_keeper != NULL)
    pb_scanner_keeper_close (self->scanner_keeper);
}

static void
free_reactors (PbService *self)
{
  for (guint i = 0; i < self->n_reactors; i++)
    pb_reactor_free (self->reactors[i]);
  g_free (self->reactors);
}

/* What the keeper of policies has asked is answered by the resolver's end, and who waits for the keeper by its own. */
static void
free_resolver (PbService *self)
{
  if (self->policies != NULL)
    pb_sts_policies_close (self->policies);
  g_clear_pointer (&self->resolver, pb_resolver_free);
  g_free (self->trust_anchor);
  g_clear_pointer (&self->policies, pb_sts_policies_free);
}

/* Whoever waits is told, and nothing more is begun. */
static void
close_keepers (PbService *self)
{
  if (self->keeper != NULL)
    pb_relay_keeper_close (self->keeper);
  if (self->blocklist_keeper != NULL)
    pb_blocklist_keeper_close (self->blocklist_keeper);
  if (self->statistics != NULL)
    pb_statistics_stop (self->statistics);
  if (self->health != NULL)
    pb_health_close (self->health);
  if (self->reports != NULL)
    pb_report_keeper_close (self->reports);
}

/* In reverse of the way they were made; agents before the threads they run on, stores last. */
void
pb_service_free (PbService *self)
{
  g_clear_handle_id (&self->drain_source, g_source_remove);
  g_clear_pointer (&self->watchdog, pb_watchdog_free);
  g_clear_pointer (&self->status_line, pb_status_line_free);
  close_keepers (self);
  free_bus (self);
  g_clear_pointer (&self->metrics, pb_metrics_free);
  g_clear_pointer (&self->listeners, g_ptr_array_unref);
  free_server (self);
  g_clear_pointer (&self->hits_keeper, pb_hits_keeper_free);
  g_clear_pointer (&self->certificate, pb_certificate_free);
  g_clear_pointer (&self->workers, pb_pool_free);
  g_clear_pointer (&self->signers, pb_pool_free);
  if (self->probe != NULL)
    pb_recipient_probe_close (self->probe);
  g_clear_pointer (&self->smtp, pb_smtp_agent_free);
  g_clear_pointer (&self->links, pb_mailbox_links_free);
  g_clear_pointer (&self->maildir, pb_maildir_free);
  /* What the agents handed back is settled; then the queue lets go of the store, whose last answers are heard by the
   * sessions' threads and by us. */
  pb_mailbox_dispatch (self->mailbox);
  if (self->accounts != NULL)
    pb_system_accounts_close (self->accounts);
  if (self->queue != NULL)
    pb_queue_close (self->queue);
  g_clear_pointer (&self->tests, pb_relay_tests_free);
  g_clear_pointer (&self->keeper, pb_relay_keeper_free);
  g_clear_pointer (&self->alerts, pb_alerts_free);
  g_clear_pointer (&self->interfaces, pb_interfaces_free);
  free_resolver (self);
  g_clear_pointer (&self->store, pb_store_close);
  free_reactors (self);
  g_clear_pointer (&self->watchdog, pb_watchdog_free);
  g_clear_pointer (&self->blocks, pb_blocks_free);
  pb_mailbox_dispatch (self->mailbox);
  g_clear_pointer (&self->blocklist_keeper, pb_blocklist_keeper_free);
  g_clear_pointer (&self->scanner_keeper, pb_scanner_keeper_free);
  /* Nobody hands anything in any more; the last answers are ours. */
  g_clear_pointer (&self->history, pb_history_close);
  g_clear_pointer (&self->statistics, pb_statistics_free);
  pb_mailbox_dispatch (self->mailbox);
  g_clear_pointer (&self->health, pb_health_free);
  g_clear_pointer (&self->reports, pb_report_keeper_free);
  g_clear_pointer (&self->queue, pb_queue_free);
  g_clear_pointer (&self->probe, pb_recipient_probe_free);
  g_clear_pointer (&self->accounts, pb_system_accounts_free);
  g_clear_object (&self->registry);
  g_clear_pointer (&self->config_store, pb_config_store_close);
  g_clear_pointer (&self->key_source, g_free);
  g_source_destroy (self->mailbox_source);
  g_source_unref (self->mailbox_source);
  g_clear_pointer (&self->mailbox, pb_mailbox_unref);
  /* Last: a further signal must not cut the closing short. */
  for (guint i = 0; i < G_N_ELEMENTS (self->signals); i++)
    g_clear_handle_id (&self->signals[i], g_source_remove);
  g_main_loop_unref (self->loop);
  g_free (self);
  unprotect_memory ();
}
