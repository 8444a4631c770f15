/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The daemon's life. pb_service_new() builds the floors from the ground up and fails with one clear
 * error before anything was overwritten; pb_service_run() starts queue, then listeners, then says
 * READY; SIGTERM stops in the order that loses nothing: no new sessions, sessions end, attempts
 * under way settle (8 seconds at the most), stores are closed. This file only puts together: it
 * decides nothing about mail.
 */
#include "service/service-private.h"

#include "util/clock.h"
#include "util/log.h"

#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#define DRAIN_SECONDS 8 /* with the closing of the stores, under 10 */
#define DRAIN_POLL_MS 20
#define MAX_BLOCKS 20000 /* clients and accounts with failed logins: some 4 MiB */

/* A host name with a dot, for a machine nobody has named yet. */
static char *
default_hostname (void)
{
  char name[256] = "";

  if (gethostname (name, sizeof name - 1) != 0 || *name == '\0')
    return g_strdup ("localhost.localdomain");
  if (strchr (name, '.') != NULL)
    return g_ascii_strdown (name, -1);
  g_autofree char *lower = g_ascii_strdown (name, -1);
  return g_strconcat (lower, ".localdomain", NULL);
}

/* Every session is a descriptor: the soft limit of 1,024 is for programs that use select(). */
static void
raise_descriptor_limit (void)
{
  struct rlimit limit;

  if (getrlimit (RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max)
    return;
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit (RLIMIT_NOFILE, &limit) != 0)
    pb_log (PB_LOG_WARNING, "descriptor-limit", "reason", g_strerror (errno), NULL);
}

static const char *
state_name (PbStoreState state)
{
  switch (state)
    {
    case PB_STORE_LOW_SPACE:
      return "low-space";
    case PB_STORE_FAILED:
      return "store-failed";
    case PB_STORE_OK:
      break;
    }
  return "running";
}

static void
on_store_state (PbStore *store, PbStoreState state, gpointer user_data)
{
  PbService *self = user_data;

  pb_history_set_paused (self->history, state != PB_STORE_OK);
  pb_statistics_set_paused (self->statistics, state != PB_STORE_OK);
  if (self->drain_deadline == 0)
    pb_manager_object_set_state (self->manager, state_name (state));
}

static void
on_held_changed (PbStore *store, gpointer user_data)
{
  PbService *self = user_data;

  if (self->queue_object != NULL)
    pb_queue_object_tell_held (self->queue_object);
}

static void
on_queue_changed (PbStore *store, gpointer user_data)
{
  PbService *self = user_data;

  if (self->queue_object != NULL)
    pb_queue_object_tell_changed (self->queue_object);
}

static void
on_settings_changed (PbRegistry *registry, const char *interface, const char *const *names, gpointer user_data)
{
  PbService *self = user_data;
  g_autoptr (GError) error = NULL;

  if (strcmp (interface, "Dns") != 0)
    return;
  g_autoptr (PbSnapshot) snapshot = pb_registry_snapshot (registry);
  pb_resolver_set_validation (self->resolver, snapshot->values.dns_validate ? self->trust_anchor : NULL);
  if (self->dns_from_options || !g_strv_contains (names, "Servers"))
    return;
  if (!pb_resolver_set_servers (self->resolver, (const char *const *) snapshot->values.dns_servers, &error))
    pb_log (PB_LOG_ERROR, "dns-servers", "reason", error->message, NULL);
}

/* Passwords pass through memory: no core image, and no other process of this user looks in. */
static void
protect_memory (void)
{
  if (prctl (PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
    pb_log (PB_LOG_WARNING, "memory-unprotected", "reason", g_strerror (errno), NULL);
}

static gboolean
load_master_key (PbService *self, const PbOptions *options, GError **error)
{
  g_autoptr (PbSecret) key =
    pb_master_key_load (g_getenv ("CREDENTIALS_DIRECTORY"), options->state_directory, &self->key_source, error);

  if (key == NULL)
    return FALSE;
  pb_registry_use_key (self->registry, key);
  return TRUE;
}

static gboolean
open_stores (PbService *self, const PbOptions *options, GError **error)
{
  g_autofree char *hostname = default_hostname ();

  self->store = pb_store_open (options->state_directory, error);
  if (self->store == NULL)
    return FALSE;
  self->history = pb_history_open (options->state_directory);
  self->config_store = pb_config_store_open (options->state_directory, error);
  if (self->config_store == NULL)
    return FALSE;
  self->registry = pb_registry_new (self->config_store, self->mailbox, hostname, error);
  return self->registry != NULL && load_master_key (self, options, error);
}

/* Half the cores, at least one: the writer, the main thread and the body pool use the rest. */
static void
start_reactors (PbService *self)
{
  self->n_reactors = MAX (g_get_num_processors () / 2, 1);
  self->reactors = g_new0 (PbReactor *, self->n_reactors);
  for (guint i = 0; i < self->n_reactors; i++)
    {
      g_autofree char *name = g_strdup_printf ("pb-io-%u", i);
      self->reactors[i] = pb_reactor_new (name);
    }
}

static void
log_local_networks (PbLocalNetworks *networks)
{
  g_autofree char *text = g_strjoinv (" ", (char **) pb_local_networks_texts (networks));

  pb_log (PB_LOG_INFO, "local-network", "networks", text, NULL);
}

static void
on_interfaces (PbLocalNetworks *networks, gpointer user_data)
{
  PbService *self = user_data;

  log_local_networks (networks);
  pb_registry_set_interfaces (self->registry, networks);
}

static void
on_dnssec (PbResolver *resolver, gpointer user_data)
{
  PbService *self = user_data;

  pb_registry_set_dnssec (self->registry, pb_dnssec_text (pb_resolver_dnssec (resolver, NULL)));
}

static gboolean
open_resolver (PbService *self, const PbOptions *options, GError **error)
{
  g_autoptr (PbSnapshot) snapshot = pb_registry_snapshot (self->registry);

  self->dns_from_options = options->dns_servers != NULL && *options->dns_servers != NULL;
  self->resolver = pb_resolver_new (
    (const char *const *) (self->dns_from_options ? options->dns_servers : snapshot->values.dns_servers), NULL, error);
  if (self->resolver == NULL && self->dns_from_options)
    g_prefix_error (error, "--dns-server: ");
  if (self->resolver == NULL)
    return FALSE;
  self->trust_anchor = g_strdup (options->trust_anchor);
  pb_resolver_watch_dnssec (self->resolver, on_dnssec, self);
  pb_resolver_set_validation (self->resolver, snapshot->values.dns_validate ? self->trust_anchor : NULL);
  return TRUE;
}

/* Half the cores for passwords, as many for signatures: mail goes on, signed, while everybody logs in or tries to. */
static void
open_logins (PbService *self)
{
  g_autoptr (GHashTable) stored = pb_registry_take_blocks (self->registry);

  self->workers = pb_pool_new ("pb-worker", MAX (g_get_num_processors () / 2, 1));
  self->signers = pb_pool_new ("pb-signer", MAX (g_get_num_processors () / 2, 1));
  self->blocks = pb_blocks_new (MAX_BLOCKS);
  pb_blocks_restore (self->blocks, stored, pb_clock_wall () / G_USEC_PER_SEC);
}

static void
on_password_came (gpointer user_data)
{
  PbService *self = user_data;

  pb_queue_wake (self->queue);
}

/* Who says the passwords of relays, and who is told when one is missing or refused. */
static void
open_keeper (PbService *self)
{
  self->alerts = pb_alerts_new ();
  self->secret_agents = pb_secret_agents_new ();
  self->keeper =
    pb_relay_keeper_new (self->registry, self->mailbox, self->secret_agents, self->alerts);
  pb_relay_keeper_watch (self->keeper, on_password_came, self);
}

static gboolean
build_mail_path (PbService *self, const PbOptions *options, GError **error)
{
  self->interfaces = pb_interfaces_new (on_interfaces, self);
  pb_registry_set_interfaces (self->registry, pb_interfaces_networks (self->interfaces));
  if (!open_resolver (self, options, error))
    return FALSE;
  open_logins (self);
  self->accounts = pb_system_accounts_new (options->auth_helper, self->registry, self->mailbox);
  self->maildir = pb_maildir_new (options->state_directory, error);
  if (self->maildir == NULL)
    return FALSE;
  self->links = pb_mailbox_links_new (self->maildir, self->registry);
  open_keeper (self);
  self->blocklist_keeper =
    pb_blocklist_keeper_new (self->registry, self->resolver, self->alerts, self->mailbox);
  self->scanner_keeper = pb_scanner_keeper_new (self->registry, self->alerts, self->mailbox);
  const PbStsParts sts_parts = { options->state_directory, self->resolver, options->mta_sts_port };
  self->policies = pb_sts_policies_new (&sts_parts);
  self->smtp = pb_smtp_agent_new (self->reactors, self->n_reactors, self->resolver,
                                  pb_relay_keeper_source (self->keeper), options->mx_port);
  pb_smtp_agent_obey_policies (self->smtp, self->policies);
  self->tests = pb_relay_tests_new (self->smtp, self->registry, self->mailbox);
  self->probe = pb_recipient_probe_new (self->smtp, self->registry, self->mailbox);

  const PbQueueParts queue_parts = {
    .store = self->store,
    .registry = self->registry,
    .maildir = self->maildir,
    .smtp = self->smtp,
    .main_mailbox = self->mailbox,
    .history = self->history,
  };
  self->queue = pb_queue_new (&queue_parts);

  self->certificate = pb_certificate_new (self->registry, self->mailbox, options->state_directory);
  const PbServerParts server_parts = { .registry = self->registry, .store = self->store, .queue = self->queue,
                                       .history = self->history,
                                       .blocklists = pb_blocklist_keeper_blocklists (self->blocklist_keeper),
                                       .scanner = pb_scanner_keeper_scanner (self->scanner_keeper),
                                       .workers = self->workers, .signers = self->signers, .blocks = self->blocks, .resolver = self->resolver,
                                       .check_password = pb_system_accounts_check_password,
                                       .check_password_data = self->accounts,
                                       .tls = pb_certificate_slot (self->certificate) };
  self->server = pb_server_new (&server_parts);
  self->statistics =
    pb_statistics_new (options->state_directory, self->store, self->server, self->mailbox);
  self->metrics = pb_metrics_new (self->registry, self->statistics);
  const PbSubmitterParts submission_parts = { self->server, self->registry, self->reactors, self->n_reactors,
                                               self->mailbox };
  self->submission = pb_submitter_new (&submission_parts);
  self->drop_keeper = pb_drop_keeper_new (options->state_directory, self->submission, self->registry,
                                          self->alerts, self->mailbox);
  return TRUE;
}

static void
open_health (PbService *self, const PbOptions *options)
{
  const PbHealthParts parts = {
    .setup = { .bus = self->bus,
               .registry = self->registry,
               .resolver = self->resolver,
               .blocklists = pb_blocklist_keeper_blocklists (self->blocklist_keeper),
               .certificate = self->certificate,
               .tests = self->tests,
               .listeners = self->listeners,
               .mailbox = self->mailbox,
               .directory = options->state_directory,
               .mx_port = options->mx_port },
    .alerts = self->alerts,
    .store = self->store,
    .queue = self->queue,
    .history = self->history,
  };
  self->health = pb_health_new (&parts);
  const PbReportParts report_parts = { options->state_directory, self->registry, self->statistics, self->history,
                                       self->alerts, self->store, self->submission, self->workers, self->mailbox };
  self->reports = pb_report_keeper_new (&report_parts);
}

static gboolean
serve_on_bus (PbService *self, const PbOptions *options, GError **error)
{
  self->bus = pb_bus_new (options->bus);
  self->manager = pb_manager_object_new (self->bus, self->registry, self->secret_agents, self->tests);
  self->settings_objects = pb_settings_objects_new (self->bus, self->registry, self->certificate, self->workers);
  self->certificate_object = pb_certificate_object_new (self->bus, self->certificate);
  self->list_objects = pb_list_objects_new (self->bus, self->registry, self->workers);
  const PbQueueObjectParts queue_parts = { self->bus, self->store, self->queue, self->registry, self->history, self->mailbox };
  self->queue_object = pb_queue_object_new (&queue_parts);
  self->blocks_object = pb_blocks_object_new (self->bus, self->blocks, self->config_store, self->mailbox);
  self->mta_sts_object = pb_mta_sts_object_new (self->bus, self->policies, self->mailbox);
  self->hits_keeper = pb_hits_keeper_new (pb_registry_hits (self->registry), self->config_store, self->mailbox);
  self->history_object = pb_history_object_new (self->bus, self->history, self->registry, self->mailbox);
  open_health (self, options);
  const PbDiagnosticsParts diagnostics_parts = { self->bus, self->registry, self->server, self->blocks, self->resolver,
                                                 self->history,
                                                 pb_blocklist_keeper_blocklists (self->blocklist_keeper), self->mailbox,
                                                 self->health, self->reports };
  self->diagnostics_object = pb_diagnostics_object_new (&diagnostics_parts);
  pb_audit_object_add (self->bus, self->registry);
  const PbStatisticsObjectParts statistics_parts = { self->bus, self->statistics, self->server, self->metrics,
                                                     self->history, self->mailbox };
  self->statistics_object = pb_statistics_object_new (&statistics_parts);
  pb_log_control_object_add (self->bus);
  pb_submission_object_add (self->bus, self->submission);
  pb_alerts_add_object (self->alerts, self->bus);
  pb_manager_object_set_listening (self->manager, self->listeners);
  return pb_bus_connect (self->bus, error);
}

PbService *
pb_service_new (const PbOptions *options, GError **error)
{
  g_autoptr (PbService) self = g_new0 (PbService, 1);

  raise_descriptor_limit ();
  protect_memory ();
  self->loop = g_main_loop_new (NULL, FALSE);
  self->mailbox = pb_mailbox_new ();
  self->mailbox_source = pb_mailbox_attach (self->mailbox, NULL);

  self->listeners = pb_sockets_open (options->listen, error);
  if (self->listeners == NULL || !open_stores (self, options, error))
    return NULL;
  start_reactors (self);
  if (!build_mail_path (self, options, error) || !serve_on_bus (self, options, error))
    return NULL;
  self->settings_handler =
    g_signal_connect (self->registry, "settings-changed", G_CALLBACK (on_settings_changed), self);
  return g_steal_pointer (&self);
}

static gboolean
on_drain_poll (gpointer user_data)
{
  PbService *self = user_data;

  if (pb_clock_monotonic () < self->drain_deadline &&
      (pb_server_n_sessions (self->server) > 0 || !pb_queue_is_idle (self->queue)))
    return G_SOURCE_CONTINUE;
  self->drain_source = 0;
  g_main_loop_quit (self->loop);
  return G_SOURCE_REMOVE;
}

static gboolean
on_stop_signal (gpointer user_data)
{
  PbService *self = user_data;

  if (self->drain_deadline != 0)
    {
      g_main_loop_quit (self->loop);
      return G_SOURCE_CONTINUE;
    }
  pb_log (PB_LOG_NOTICE, "stopping", NULL);
  sd_notify (0, "STOPPING=1");
  pb_manager_object_set_state (self->manager, "stopping");
  self->drain_deadline = pb_clock_monotonic () + DRAIN_SECONDS * G_USEC_PER_SEC;
  for (guint i = 0; i < self->listeners->len; i++)
    pb_listener_stop (self->listeners->pdata[i]);
  pb_drop_keeper_close (self->drop_keeper);
  pb_submitter_close (self->submission);
  pb_queue_stop (self->queue);
  pb_server_shut_down (self->server, self->drain_deadline);
  self->drain_source = g_timeout_add (DRAIN_POLL_MS, on_drain_poll, self);
  return G_SOURCE_CONTINUE;
}

/* Settings are changed on the bus and hold at once; files are followed, too, so this is for who does not want to wait. */
static gboolean
on_reload_signal (gpointer user_data)
{
  PbService *self = user_data;

  sd_notify (0, "RELOADING=1");
  pb_log_set_threshold (PB_LOG_INFO);
  pb_log (PB_LOG_NOTICE, "reloading", "files", "certificates, resolv.conf", NULL);
  pb_certificate_reload (self->certificate);
  pb_resolver_reload (self->resolver);
  sd_notify (0, self->drain_deadline == 0 ? "READY=1" : "STOPPING=1");
  return G_SOURCE_CONTINUE;
}

int
pb_service_run (PbService *self)
{
  self->signals[0] = g_unix_signal_add (SIGTERM, on_stop_signal, self);
  self->signals[1] = g_unix_signal_add (SIGINT, on_stop_signal, self);
  self->signals[2] = g_unix_signal_add (SIGHUP, on_reload_signal, self);

  pb_log (PB_LOG_NOTICE, "master-key", "from", self->key_source, NULL);
  log_local_networks (pb_interfaces_networks (self->interfaces));
  pb_store_watch_state (self->store, self->mailbox, on_store_state, self);
  pb_store_watch_held (self->store, self->mailbox, on_held_changed, self);
  pb_store_watch_queue (self->store, self->mailbox, on_queue_changed, self);
  pb_queue_start (self->queue);
  for (guint i = 0; i < self->listeners->len; i++)
    {
      const PbEndpoint *endpoint = pb_listener_endpoint (self->listeners->pdata[i]);
      g_autofree char *port = g_strdup_printf ("%u", endpoint->port);
      pb_listener_start (self->listeners->pdata[i], self->reactors, self->n_reactors, pb_server_accept, self->server);
      pb_log (PB_LOG_NOTICE, "listening", "role", pb_role_name (endpoint->role), "address", endpoint->address, "port", port,
              NULL);
    }
  pb_history_set_paused (self->history, pb_store_state (self->store) != PB_STORE_OK);
  pb_statistics_set_paused (self->statistics, pb_store_state (self->store) != PB_STORE_OK);
  pb_statistics_start (self->statistics);
  pb_manager_object_set_state (self->manager, state_name (pb_store_state (self->store)));
  sd_notify (0, "READY=1");
  self->watchdog = pb_watchdog_new (self->store, self->config_store, self->reactors, self->n_reactors);
  self->status_line = pb_status_line_new (self->store, self->server);
  g_main_loop_run (self->loop);
  pb_log (PB_LOG_NOTICE, "stopped", NULL);
  return 0;
}
