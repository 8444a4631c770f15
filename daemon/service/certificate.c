/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Keeps the right certificate in force: the files that the settings name, else one that this server signs itself.
 *
 * Made by service.c at start. A pair that cannot be served is refused when it is set over the bus. When files change under us, what was
 * in force stays until both belong together again; only what is still wrong some seconds later is a line in the log. Everything that
 * blocks is a job on one thread; jobs hold a reference, so that one that ends late finds us, closed. Contexts are made anew twice a
 * day, since the key of session tickets lives as long as they do.
 */
#include "service/certificate.h"

#include "dbus/errors.h"
#include "service/certificate-files.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/marked.h"
#include "util/pool.h"

#include <gio/gio.h>
#include <glib-unix.h>
#include <string.h>

#define SETTLE_MS     100 /* after an event, for those that come with it */
#define GRACE_SECONDS 5   /* for files that are being replaced one by one */
#define POLL_SECONDS  60  /* for folders that cannot be watched */
#define ROTATE_SECONDS (12 * 60 * 60)
#define WARN_SECONDS  (14 * 24 * 60 * 60)

struct _PbCertificate
{
  guint references; /* the owner's, and each job's; main thread */
  gboolean closed;
  PbRegistry *registry; /* (unowned) */
  PbMailbox *mailbox;   /* (owned) */
  PbPool *pool;         /* (owned) */
  char *folder;         /* (owned) in the state directory */
  char *own_path;       /* (owned) */
  PbTlsSlot *slot;      /* (owned) */
  PbTlsPair *own;       /* (owned) (nullable) the self-signed one */
  PbTlsPair *pair;      /* (owned) (nullable) in force */
  const char *source;
  PbTlsPair *checked;   /* (owned) (nullable) what the last check found in @checked_paths */
  char *checked_paths[2];
  PbFileWatch *watch;   /* (owned) (nullable) */
  char *complaint;      /* (owned) (nullable) as last logged */
  guint watch_source, settle_timer, grace_timer, poll_timer, rotate_timer;
  gulong handler;
  void (*load) (PbCertificate *self, gboolean final); /* what timers call, which loading sets */
  void (*changed) (gpointer user_data);
  gpointer changed_data;
};

typedef struct _Job Job;
struct _Job
{
  PbCertificate *self; /* a reference */
  void (*take) (PbCertificate *self, Job *job); /* what is done with what was found */
  char *paths[3];      /* (owned) certificate and key; NULL */
  char *hostname;      /* (owned) (nullable) */
  char *who;           /* (owned) (nullable) */
  char *present;       /* (owned) (nullable) the file that an import takes the place of */
  PbSecret *chain, *key; /* (owned) (nullable) to be imported */
  gboolean final;      /* the grace is over */
  gpointer ticket;     /* of the registry's check */
  PbRegistryDone func;
  gpointer user_data;
  PbTlsPair *pair;    /* (owned) (nullable) found */
  PbFileWatch *watch; /* (owned) (nullable) */
  GError *error;      /* (owned) (nullable) */
};

/* ---- jobs ---- */

static void
unref_self (PbCertificate *self)
{
  if (--self->references > 0)
    return;
  g_clear_pointer (&self->own, pb_tls_pair_unref);
  g_clear_pointer (&self->pair, pb_tls_pair_unref);
  g_clear_pointer (&self->checked, pb_tls_pair_unref);
  g_free (self->checked_paths[0]);
  g_free (self->checked_paths[1]);
  g_free (self->complaint);
  g_free (self->folder);
  g_free (self->own_path);
  pb_mailbox_unref (self->mailbox);
  g_free (self);
}

static Job *
job_new (PbCertificate *self)
{
  Job *job = g_new0 (Job, 1);

  self->references++;
  job->self = self;
  return job;
}

static void
job_free (Job *job)
{
  g_clear_pointer (&job->pair, pb_tls_pair_unref);
  g_clear_pointer (&job->watch, pb_file_watch_free);
  g_clear_pointer (&job->chain, pb_secret_unref);
  g_clear_pointer (&job->key, pb_secret_unref);
  g_clear_error (&job->error);
  g_free (job->paths[0]);
  g_free (job->paths[1]);
  g_free (job->hostname);
  g_free (job->who);
  g_free (job->present);
  unref_self (job->self);
  g_free (job);
}

static void
on_job_done (gpointer data)
{
  Job *job = data;

  if (!job->self->closed)
    job->take (job->self, job);
  job_free (job);
}

/* ---- what is in force ---- */

static void
log_in_force (const char *source, const PbTlsIdentity *identity)
{
  g_autoptr (GDateTime) end = g_date_time_new_from_unix_utc (identity->not_after);
  g_autofree char *until = end != NULL ? g_date_time_format (end, "%Y-%m-%d") : NULL;

  pb_log (PB_LOG_NOTICE, "certificate", "from", source, "subject", identity->subject, "until", until,
          "fingerprint", identity->fingerprint, NULL);
}

static void
put_in_force (PbCertificate *self, PbTlsPair *pair, const char *source)
{
  g_autoptr (PbSnapshot) snapshot = pb_registry_snapshot (self->registry);
  gboolean only_1_3 = g_str_equal (snapshot->values.tls_min_version, "1.3");
  g_autoptr (GError) error = NULL;
  g_autoptr (PbTlsContext) context =
    pb_tls_context_new_server (pair, only_1_3 ? PB_TLS_1_3 : PB_TLS_1_2, &error);
  gboolean same = self->pair != NULL && self->source == source
                  && g_str_equal (pb_tls_pair_identity (pair)->fingerprint,
                                  pb_tls_pair_identity (self->pair)->fingerprint);

  if (context == NULL)
    {
      pb_log (PB_LOG_ERROR, "certificate-refused", "reason", error->message, NULL);
      return;
    }
  pb_tls_slot_put (self->slot, context);
  pb_tls_pair_ref (pair);
  g_clear_pointer (&self->pair, pb_tls_pair_unref);
  self->pair = pair;
  self->source = source;
  if (same)
    return;
  log_in_force (source, pb_tls_pair_identity (pair));
  if (self->changed != NULL)
    self->changed (self->changed_data);
}

static void
use_own (PbCertificate *self)
{
  if (self->own != NULL)
    put_in_force (self, self->own, "self-signed");
}

static const char *
source_of (PbCertificate *self, const char *path)
{
  return g_str_has_prefix (path, self->folder) ? "imported" : "file";
}

static void
complain (PbCertificate *self, const char *reason)
{
  if (g_strcmp0 (self->complaint, reason) == 0)
    return;
  g_free (self->complaint);
  self->complaint = g_strdup (reason);
  pb_log (PB_LOG_ERROR, "certificate-refused", "reason", reason, "advice",
          "what was in force stays; put the files right, they are read again by themselves", NULL);
}

/* ---- loading ---- */

static gboolean
on_settled (gpointer user_data)
{
  PbCertificate *self = user_data;

  self->settle_timer = 0;
  self->load (self, FALSE);
  return G_SOURCE_REMOVE;
}

static gboolean
on_grace_over (gpointer user_data)
{
  PbCertificate *self = user_data;

  self->grace_timer = 0;
  self->load (self, TRUE);
  return G_SOURCE_REMOVE;
}

static gboolean
on_files_changed (gint fd, GIOCondition condition, gpointer user_data)
{
  PbCertificate *self = user_data;

  if (pb_file_watch_read (self->watch) && self->settle_timer == 0)
    self->settle_timer = g_timeout_add (SETTLE_MS, on_settled, self);
  return G_SOURCE_CONTINUE;
}

static void
take_watch (PbCertificate *self, PbFileWatch *watch)
{
  g_clear_handle_id (&self->watch_source, g_source_remove);
  g_clear_pointer (&self->watch, pb_file_watch_free);
  self->watch = watch;
  if (watch != NULL && pb_file_watch_fd (watch) >= 0)
    self->watch_source =
      g_unix_fd_add (pb_file_watch_fd (watch), G_IO_IN, on_files_changed, self);
}

/* On the worker. Watched before it is read: what changes in between is told. */
static void
do_load (gpointer data)
{
  Job *job = data;

  if (job->ticket == NULL)
    job->watch = pb_file_watch_new ((const char *const *) job->paths);
  pb_certificate_read (job->paths[0], job->paths[1], &job->pair, &job->error);
}

static gboolean
is_current (PbCertificate *self, const Job *job)
{
  g_autoptr (PbSnapshot) snapshot = pb_registry_snapshot (self->registry);

  return g_str_equal (snapshot->values.tls_certificate_file, job->paths[0])
         && g_str_equal (snapshot->values.tls_key_file, job->paths[1]);
}

static void
take_loaded (PbCertificate *self, Job *job)
{
  if (!is_current (self, job))
    return;
  take_watch (self, g_steal_pointer (&job->watch));
  if (job->error == NULL)
    {
      g_clear_handle_id (&self->grace_timer, g_source_remove);
      g_clear_pointer (&self->complaint, g_free);
      if (job->pair != NULL)
        put_in_force (self, job->pair, source_of (self, job->paths[0]));
    }
  else if (job->final)
    complain (self, job->error->message);
  else if (self->grace_timer == 0)
    self->grace_timer = g_timeout_add_seconds (GRACE_SECONDS, on_grace_over, self);
}

static Job *
load_job_new (PbCertificate *self, const PbSettingValues *values)
{
  Job *job = job_new (self);

  job->paths[0] = g_strdup (values->tls_certificate_file);
  job->paths[1] = g_strdup (values->tls_key_file);
  job->take = take_loaded;
  return job;
}

static void
load (PbCertificate *self, gboolean final)
{
  g_autoptr (PbSnapshot) snapshot = pb_registry_snapshot (self->registry);
  Job *job;

  if (!pb_certificate_is_named (&snapshot->values))
    {
      take_watch (self, NULL);
      return;
    }
  job = load_job_new (self, &snapshot->values);
  job->final = final;
  pb_pool_run (self->pool, do_load, self->mailbox, on_job_done, job);
}

static gboolean
on_poll (gpointer user_data)
{
  load (user_data, FALSE);
  return G_SOURCE_CONTINUE;
}

/* ---- our own ---- */

static void
do_own (gpointer data)
{
  Job *job = data;

  job->pair = pb_certificate_own (job->paths[0], job->hostname, &job->error);
}

static void
take_own (PbCertificate *self, Job *job)
{
  gboolean in_force = self->pair == NULL || self->pair == self->own;

  if (job->error != NULL)
    {
      pb_log (PB_LOG_ERROR, "certificate-not-made", "reason", job->error->message, NULL);
      return;
    }
  g_clear_pointer (&self->own, pb_tls_pair_unref);
  self->own = g_steal_pointer (&job->pair);
  if (in_force)
    use_own (self);
}

static Job *
own_job_new (PbCertificate *self)
{
  g_autoptr (PbSnapshot) snapshot = pb_registry_snapshot (self->registry);
  Job *job = job_new (self);

  job->paths[0] = g_strdup (self->own_path);
  job->hostname = g_strdup (snapshot->values.general_hostname);
  job->take = take_own;
  return job;
}

static gboolean
on_rotate (gpointer user_data)
{
  PbCertificate *self = user_data;

  pb_pool_run (self->pool, do_own, self->mailbox, on_job_done, own_job_new (self));
  if (self->pair == NULL)
    return G_SOURCE_CONTINUE;
  put_in_force (self, self->pair, self->source);
  if (pb_tls_pair_identity (self->pair)->not_after
      < pb_clock_wall () / G_USEC_PER_SEC + WARN_SECONDS)
    pb_log (PB_LOG_WARNING, "certificate-expires", "subject",
            pb_tls_pair_identity (self->pair)->subject, "advice", "have it renewed", NULL);
  return G_SOURCE_CONTINUE;
}

/* ---- settings ---- */

static void
keep_checked (PbCertificate *self, Job *job)
{
  g_clear_pointer (&self->checked, pb_tls_pair_unref);
  self->checked = g_steal_pointer (&job->pair);
  for (guint i = 0; i < 2; i++)
    {
      g_free (self->checked_paths[i]);
      self->checked_paths[i] = g_steal_pointer (&job->paths[i]);
    }
}

static void
on_checked (gpointer data)
{
  Job *job = data;
  g_autoptr (GError) refusal = NULL;

  if (job->error != NULL)
    refusal = g_error_new_literal (PB_ERROR, PB_ERROR_INVALID_VALUE, job->error->message);
  else if (!job->self->closed)
    keep_checked (job->self, job);
  pb_registry_checked (job->ticket, refusal);
  job_free (job);
}

static void
on_check (const PbSettingValues *values, gpointer ticket, gpointer user_data)
{
  PbCertificate *self = user_data;
  Job *job = load_job_new (self, values);

  if (!pb_certificate_is_named (values) || is_current (self, job))
    {
      job_free (job);
      pb_registry_checked (ticket, NULL);
      return;
    }
  job->ticket = ticket;
  pb_pool_run (self->pool, do_load, self->mailbox, on_checked, job);
}

static void
on_settings_changed (PbRegistry *registry, const char *interface, const char *const *names,
                     gpointer user_data)
{
  PbCertificate *self = user_data;
  g_autoptr (PbSnapshot) snapshot = pb_registry_snapshot (registry);
  const PbSettingValues *values = &snapshot->values;

  if (g_str_equal (interface, "General") && g_strv_contains (names, "Hostname"))
    pb_pool_run (self->pool, do_own, self->mailbox, on_job_done, own_job_new (self));
  if (!g_str_equal (interface, "Tls"))
    return;
  if (!pb_certificate_is_named (values))
    use_own (self);
  else if (self->checked != NULL && g_str_equal (values->tls_certificate_file, self->checked_paths[0])
           && g_str_equal (values->tls_key_file, self->checked_paths[1]))
    put_in_force (self, self->checked, source_of (self, values->tls_certificate_file));
  else if (self->pair != NULL)
    put_in_force (self, self->pair, self->source);
  g_clear_pointer (&self->checked, pb_tls_pair_unref);
  load (self, FALSE);
}

/* ---- importing ---- */

static void
do_import (gpointer data)
{
  Job *job = data;
  g_autofree char *name = NULL;

  job->pair = pb_tls_pair_parse ((const char *) job->chain->data, job->chain->length,
                                 (const char *) job->key->data, job->key->length, &job->error);
  if (job->pair == NULL || !pb_certificate_check (job->pair, &job->error))
    {
      g_prefix_error (&job->error, "Tls.Import: %s: ",
                      g_error_matches (job->error, PB_TLS_ERROR, PB_TLS_ERROR_KEY) ? N_ ("key") : N_ ("chain"));
      return;
    }
  name = g_strdup_printf ("imported-%.16s.pem", pb_tls_pair_identity (job->pair)->fingerprint);
  job->paths[1] = g_build_filename (job->paths[0], name, NULL);
  if (!pb_certificate_write (job->paths[1], job->pair, &job->error))
    g_prefix_error (&job->error, "Tls.Import: ");
  else
    /* The one before stays, for Revert. */
    pb_certificate_prune (job->paths[0], (const char *const[]){ job->paths[1], job->present, NULL });
}

static void
on_import_applied (GVariant *result, const GError *error, gpointer user_data)
{
  Job *job = user_data;

  if (error == NULL)
    pb_log (PB_LOG_NOTICE, "certificate-imported", "by", job->who, "fingerprint",
            pb_tls_pair_identity (job->pair)->fingerprint, NULL);
  job->func (result, error, job->user_data);
  job_free (job);
}

static void
on_imported (gpointer data)
{
  Job *job = data;
  const PbApplyOptions options = { .who = job->who };
  g_autoptr (GVariant) changes = NULL;
  g_autoptr (GError) refusal = NULL;

  if (job->error == NULL && !job->self->closed)
    {
      changes = g_variant_ref_sink (g_variant_new_parsed (
        "{'Tls': {'CertificateFile': <%s>, 'KeyFile': <%s>}}", job->paths[1], job->paths[1]));
      pb_registry_apply (job->self->registry, changes, &options, on_import_applied, job);
      return;
    }
  if (job->error == NULL)
    refusal = g_error_new (PB_ERROR, PB_ERROR_UNAVAILABLE, "Tls.Import: this server is stopping");
  else if (job->error->domain == PB_TLS_ERROR)
    refusal = g_error_new_literal (PB_ERROR, PB_ERROR_INVALID_VALUE, job->error->message);
  else
    refusal = g_error_new_literal (PB_ERROR, PB_ERROR_STORE_FAILED, job->error->message);
  job->func (NULL, refusal, job->user_data);
  job_free (job);
}

void
pb_certificate_import (PbCertificate *self, PbSecret *chain, PbSecret *key, const char *who,
                       PbRegistryDone func, gpointer user_data)
{
  g_autoptr (PbSnapshot) snapshot = pb_registry_snapshot (self->registry);
  Job *job = job_new (self);

  job->paths[0] = g_strdup (self->folder);
  job->present = g_strdup (snapshot->values.tls_certificate_file);
  job->chain = pb_secret_ref (chain);
  job->key = pb_secret_ref (key);
  job->who = g_strdup (who);
  job->func = func;
  job->user_data = user_data;
  pb_pool_run (self->pool, do_import, self->mailbox, on_imported, job);
}

/* ---- its life ---- */

/* Both jobs, but at once. */
static void
start (PbCertificate *self)
{
  g_autoptr (PbSnapshot) snapshot = pb_registry_snapshot (self->registry);
  Job *job = own_job_new (self);

  do_own (job);
  take_own (self, job);
  job_free (job);
  if (!pb_certificate_is_named (&snapshot->values))
    return;
  job = load_job_new (self, &snapshot->values);
  job->final = TRUE;
  do_load (job);
  take_loaded (self, job);
  job_free (job);
}

PbCertificate *
pb_certificate_new (PbRegistry *registry, PbMailbox *mailbox, const char *state_directory)
{
  PbCertificate *self = g_new0 (PbCertificate, 1);
  g_autofree char *state = g_canonicalize_filename (state_directory, NULL);

  self->references = 1;
  self->load = load;
  self->registry = registry;
  self->mailbox = pb_mailbox_ref (mailbox);
  self->pool = pb_pool_new ("pb-tls", 1);
  self->folder = g_build_filename (state, "tls", NULL);
  self->own_path = g_build_filename (self->folder, "self-signed.pem", NULL);
  self->slot = pb_tls_slot_new ();
  self->source = "none";
  start (self);
  self->handler = g_signal_connect (registry, "settings-changed", G_CALLBACK (on_settings_changed), self);
  pb_registry_set_check (registry, "Tls", on_check, self);
  self->poll_timer = g_timeout_add_seconds (POLL_SECONDS, on_poll, self);
  self->rotate_timer = g_timeout_add_seconds (ROTATE_SECONDS, on_rotate, self);
  return self;
}

void
pb_certificate_free (PbCertificate *self)
{
  self->closed = TRUE;
  self->changed = NULL;
  pb_registry_set_check (self->registry, NULL, NULL, NULL);
  g_signal_handler_disconnect (self->registry, self->handler);
  g_clear_handle_id (&self->settle_timer, g_source_remove);
  g_clear_handle_id (&self->grace_timer, g_source_remove);
  g_clear_handle_id (&self->poll_timer, g_source_remove);
  g_clear_handle_id (&self->rotate_timer, g_source_remove);
  take_watch (self, NULL);
  g_clear_pointer (&self->pool, pb_pool_free);
  g_clear_pointer (&self->slot, pb_tls_slot_free);
  unref_self (self);
}

PbTlsSlot *
pb_certificate_slot (PbCertificate *self)
{
  return self->slot;
}

const PbTlsIdentity *
pb_certificate_identity (PbCertificate *self)
{
  return self->pair != NULL ? pb_tls_pair_identity (self->pair) : NULL;
}

const char *
pb_certificate_source (PbCertificate *self)
{
  return self->source;
}

void
pb_certificate_reload (PbCertificate *self)
{
  g_clear_pointer (&self->complaint, g_free);
  load (self, TRUE);
}

void
pb_certificate_watch (PbCertificate *self, void (*func) (gpointer user_data), gpointer user_data)
{
  self->changed = func;
  self->changed_data = user_data;
}
