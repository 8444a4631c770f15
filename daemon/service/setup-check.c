/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The runs of CheckSetup: what the system knows of itself is asked on a worker, what the host name leads
 * to in the DNS, then all rows of the table below at once. Each row begins steps, one for each line of the
 * answer; a step that has not ended by the deadline is unknown. Steps are counted by reference: an answer
 * that comes after the end finds its step ended, and changes nothing. Main thread but the worker's look.
 */
#include "service/setup-check-private.h"

#include "dbus/errors.h"
#include "net/dns-answer.h"
#include "util/pool.h"

#include <arpa/inet.h>
#include <string.h>

#define MAX_CALLERS 64

struct _PbSetupCheck
{
  PbSetupParts parts;
  PbDnsSource dns;
  char *directory; /* (owned) */
  gboolean closed;
  PbPool *pool;       /* (owned) one thread */
  PbSetupRun *run;    /* (owned) (nullable) */
  GPtrArray *callers; /* (owned) (element-type PbBusCall), answered at its end */
};

/* The order of the answer. */
static void (*const rows[]) (PbSetupRun *run) = {
  pb_setup_listening, pb_setup_hostname,   pb_setup_a,          pb_setup_aaaa,
  pb_setup_ptr,       pb_setup_mx,         pb_setup_spf,        pb_setup_dkim,
  pb_setup_dmarc,     pb_setup_certificate, pb_setup_open_relay, pb_setup_blocklists,
  pb_setup_disk,      pb_setup_clock,      pb_setup_dnssec,      pb_setup_outbound,
  pb_setup_relay,
};

static void
run_unref (PbSetupRun *self)
{
  if (--self->references > 0)
    return;
  g_clear_pointer (&self->snapshot, pb_snapshot_unref);
  pb_setup_system_clear (&self->system);
  for (guint i = 0; i < G_N_ELEMENTS (self->named); i++)
    g_array_unref (self->named[i]);
  g_array_unref (self->publics);
  g_ptr_array_unref (self->steps);
  g_free (self);
}

/* ---- steps ---- */

PbSetupStep *
pb_setup_step_ref (PbSetupStep *self)
{
  self->references++;
  return self;
}

void
pb_setup_step_unref (PbSetupStep *self)
{
  if (--self->references > 0)
    return;
  run_unref (self->run);
  g_free (self->subject);
  g_clear_pointer (&self->evidence, g_variant_unref);
  g_clear_pointer (&self->remedy, g_variant_unref);
  g_free (self->record);
  g_free (self);
}

static const char *
state_name (PbSetupState state)
{
  switch (state)
    {
    case PB_SETUP_OK:
      return "ok";
    case PB_SETUP_WARNING:
      return "warning";
    case PB_SETUP_PROBLEM:
      return "problem";
    case PB_SETUP_UNKNOWN:
      break;
    }
  return "unknown";
}

static void
put (GVariantBuilder *row, const char *key, const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text != NULL ? text : "", -1);

  g_variant_builder_add (row, "{sv}", key, g_variant_new_string (valid));
}

/* In English as @key, and as what a client says in its language. */
static void
put_said (GVariantBuilder *row, const char *key, const char *words_key, GVariant *said)
{
  g_autofree char *english = pb_say_fill (said, NULL);

  put (row, key, english);
  if (said != NULL)
    g_variant_builder_add (row, "{sv}", words_key, said);
}

static GVariant *
make_answer (PbSetupRun *run)
{
  GVariantBuilder answer;

  g_variant_builder_init (&answer, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; i < run->steps->len; i++)
    {
      const PbSetupStep *step = run->steps->pdata[i];

      g_variant_builder_open (&answer, G_VARIANT_TYPE_VARDICT);
      put (&answer, "Name", step->name);
      put (&answer, "Subject", step->subject);
      put (&answer, "State", state_name (step->state));
      put_said (&answer, "Evidence", "EvidenceWords", step->evidence);
      put_said (&answer, "Remedy", "RemedyWords", step->remedy);
      put (&answer, "Record", step->record);
      g_variant_builder_close (&answer);
    }
  return g_variant_ref_sink (g_variant_builder_end (&answer));
}

/* Tells the callers, with @error (nullable) or what was found. */
static void
finish (PbSetupRun *self, const GError *error)
{
  PbSetupCheck *check = self->check;
  g_autoptr (GVariant) answer = make_answer (self);
  g_autoptr (GPtrArray) callers = g_steal_pointer (&check->callers);

  self->ended = TRUE;
  g_clear_handle_id (&self->timer, g_source_remove);
  check->callers = g_ptr_array_new ();
  check->run = NULL;
  for (guint i = 0; i < callers->len; i++)
    if (error != NULL)
      pb_bus_call_fail (callers->pdata[i], error);
    else
      pb_bus_call_return (callers->pdata[i], g_variant_new ("(@aa{sv})", answer));
  /* The steps point back. */
  g_ptr_array_set_size (self->steps, 0);
  run_unref (self);
}

static void
one_less (PbSetupRun *self)
{
  if (--self->n_open == 0 && !self->ended)
    finish (self, NULL);
}

PbSetupStep *
pb_setup_step_new (PbSetupRun *run, const char *name, const char *subject)
{
  PbSetupStep *self = g_new0 (PbSetupStep, 1);

  self->references = 1;
  self->run = run;
  run->references++;
  run->n_open++;
  self->name = name;
  self->subject = g_strdup (subject != NULL ? subject : "");
  g_ptr_array_add (run->steps, pb_setup_step_ref (self));
  return self;
}

void
pb_setup_step_end (PbSetupStep *self, PbSetupState state, GVariant *evidence, GVariant *remedy,
                   char *record)
{
  g_autoptr (GVariant) found = evidence != NULL ? g_variant_ref_sink (evidence) : NULL;
  g_autoptr (GVariant) advice = remedy != NULL ? g_variant_ref_sink (remedy) : NULL;

  if (self->ended)
    {
      g_free (record);
      return;
    }
  self->ended = TRUE;
  self->state = state;
  self->evidence = g_steal_pointer (&found);
  self->remedy = g_steal_pointer (&advice);
  self->record = record;
  if (self->stop != NULL)
    self->stop (g_steal_pointer (&self->stop_data));
  /* The last one to end lets go of the run, and with it of this step. */
  one_less (self->run);
}

void
pb_setup_add (PbSetupRun *run, const char *name, const char *subject, PbSetupState state,
              GVariant *evidence, GVariant *remedy, char *record)
{
  g_autoptr (PbSetupStep) step = pb_setup_step_new (run, name, subject);

  pb_setup_step_end (step, state, evidence, remedy, record);
}

const PbSetupParts *
pb_setup_parts (const PbSetupRun *run)
{
  return &run->check->parts;
}

/* ---- DNS ---- */

typedef struct
{
  PbDnsFunc func;
  gpointer user_data;
} Unasked;

static void
on_unasked (gpointer data)
{
  g_autofree Unasked *self = data;
  g_autoptr (PbDnsAnswer) answer = pb_dns_answer_new (PB_DNS_TROUBLE, N_ ("the server is stopping"));

  self->func (answer, self->user_data);
}

static void
query (gpointer source, const char *name, PbDnsType type, guint timeout, PbDnsFunc func,
       gpointer user_data)
{
  PbSetupCheck *self = source;
  Unasked *unasked;

  if (!self->closed)
    {
      pb_resolver_query (self->parts.resolver, name, type, timeout, self->parts.mailbox, func,
                         user_data);
      return;
    }
  unasked = g_new (Unasked, 1);
  *unasked = (Unasked){ func, user_data };
  pb_mailbox_post (self->parts.mailbox, on_unasked, unasked);
}

const PbDnsSource *
pb_setup_dns (const PbSetupRun *run)
{
  return &run->check->dns;
}

void
pb_setup_query (PbSetupStep *step, const char *name, PbDnsType type, PbDnsFunc func)
{
  pb_dns_source_query (pb_setup_dns (step->run), name, type, PB_SETUP_DNS, func,
                       pb_setup_step_ref (step));
}

/* ---- the beginning of a run ---- */

static void
keep_public (PbSetupRun *self, const PbIp *ip)
{
  if (self->publics->len < PB_SETUP_PUBLIC_MAX && !pb_setup_ip_is_private (ip)
      && !pb_setup_find_ip ((const PbIp *) (void *) self->publics->data, self->publics->len, ip))
    g_array_append_val (self->publics, *ip);
}

/* Of each family: our own addresses, where the Internet leads to them; behind a translation, what the host name says. */
static void
find_publics (PbSetupRun *self)
{
  gboolean own[2] = { FALSE, FALSE };

  for (guint i = 0; i < self->system.addresses->len; i++)
    {
      const PbIp *ip = &g_array_index (self->system.addresses, PbIp, i);

      if (!pb_setup_is_own_public (ip))
        continue;
      own[pb_ip_is_v4 (ip) ? 0 : 1] = TRUE;
      keep_public (self, ip);
    }
  for (guint family = 0; family < G_N_ELEMENTS (own); family++)
    for (guint i = 0; !own[family] && i < self->named[family]->len; i++)
      keep_public (self, &g_array_index (self->named[family], PbIp, i));
}

static void
begin_rows (PbSetupRun *self)
{
  self->begun = TRUE;
  find_publics (self);
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    rows[i](self);
  one_less (self);
}

static void
on_named (PbDnsAnswer *answer, gpointer user_data, guint family)
{
  PbSetupRun *self = user_data;

  self->named_status[family] = answer->status;
  if (answer->status == PB_DNS_OK)
    g_array_append_vals (self->named[family], answer->addresses, answer->n_addresses);
  if (--self->n_names == 0 && !self->ended)
    begin_rows (self);
  run_unref (self);
}

static void
on_a (PbDnsAnswer *answer, gpointer user_data)
{
  on_named (answer, user_data, 0);
}

static void
on_aaaa (PbDnsAnswer *answer, gpointer user_data)
{
  on_named (answer, user_data, 1);
}

/* What goes to the worker and comes back. */
typedef struct
{
  PbSetupRun *run;     /* (owned) */
  gpointer connection; /* (owned) (nullable) */
  const char *directory;
  PbSetupSystem system;
} Look;

static void
look (gpointer data)
{
  Look *self = data;

  pb_setup_look (&self->system, self->directory, self->connection);
}

static void
on_looked (gpointer data)
{
  g_autofree Look *self = data;
  PbSetupRun *run = self->run;
  const char *hostname = run->snapshot->values.general_hostname;

  g_clear_object (&self->connection);
  if (run->begun || run->ended)
    pb_setup_system_clear (&self->system);
  else
    {
      run->system = self->system;
      run->references += 2;
      run->n_names = 2;
      pb_dns_source_query (pb_setup_dns (run), hostname, PB_DNS_A, PB_SETUP_DNS, on_a, run);
      pb_dns_source_query (pb_setup_dns (run), hostname, PB_DNS_AAAA, PB_SETUP_DNS, on_aaaa, run);
    }
  run_unref (run);
}

/* ---- its end ---- */

static gboolean
on_deadline (gpointer user_data)
{
  PbSetupRun *self = user_data;
  PbSetupCheck *check = self->check;

  self->timer = 0;
  if (!self->begun)
    {
      /* The rows are made of what is known, which their own questions will not change any more. */
      self->n_names = 0;
      if (self->system.addresses == NULL)
        self->system.addresses = g_array_new (FALSE, FALSE, sizeof (PbIp));
      begin_rows (self);
    }
  for (guint i = 0; check->run == self && i < self->steps->len; i++)
    pb_setup_step_end (self->steps->pdata[i], PB_SETUP_UNKNOWN,
                       pb_say_count ("no answer within {n} second", "no answer within {n} seconds", PB_SETUP_SECONDS),
                       pb_say ("Try again; if it stays so, look whether the DNS servers answer."), NULL);
  return G_SOURCE_REMOVE;
}

static void
begin (PbSetupCheck *self)
{
  PbSetupRun *run = g_new0 (PbSetupRun, 1);
  Look *job = g_new0 (Look, 1);

  run->references = 2; /* ours, the worker's */
  run->check = self;
  run->snapshot = pb_registry_snapshot (self->parts.registry);
  for (guint i = 0; i < G_N_ELEMENTS (run->named); i++)
    {
      run->named[i] = g_array_new (FALSE, FALSE, sizeof (PbIp));
      run->named_status[i] = PB_DNS_TROUBLE;
    }
  run->publics = g_array_new (FALSE, FALSE, sizeof (PbIp));
  run->steps = g_ptr_array_new_with_free_func ((GDestroyNotify) pb_setup_step_unref);
  run->n_open = 1;
  run->timer = g_timeout_add_seconds (PB_SETUP_SECONDS, on_deadline, run);
  self->run = run;
  *job = (Look){ .run = run,
                 .connection = pb_bus_ref_connection (self->parts.bus),
                 .directory = self->directory };
  pb_pool_run (self->pool, look, self->parts.mailbox, on_looked, job);
}

void
pb_setup_check_handle (PbBusCall *call, PbSetupCheck *self)
{
  g_autoptr (GError) error = NULL;

  if (self->closed)
    error = g_error_new_literal (PB_ERROR, PB_ERROR_UNAVAILABLE,
                                 "Diagnostics.CheckSetup: the server is stopping");
  else if (self->callers->len >= MAX_CALLERS)
    error = g_error_new (PB_ERROR, PB_ERROR_BUSY,
                         "Diagnostics.CheckSetup: %d callers wait already", MAX_CALLERS);
  if (error != NULL)
    {
      pb_bus_call_fail (call, error);
      return;
    }
  g_ptr_array_add (self->callers, call);
  if (self->run == NULL)
    begin (self);
}

PbSetupCheck *
pb_setup_check_new (const PbSetupParts *parts)
{
  PbSetupCheck *self = g_new0 (PbSetupCheck, 1);

  self->parts = *parts;
  self->directory = g_strdup (parts->directory);
  self->dns = (PbDnsSource){ query, self };
  self->pool = pb_pool_new ("pb-setup", 1);
  self->callers = g_ptr_array_new ();
  return self;
}

void
pb_setup_check_close (PbSetupCheck *self)
{
  g_autoptr (GError) error = g_error_new_literal (PB_ERROR, PB_ERROR_UNAVAILABLE,
                                                  "Diagnostics.CheckSetup: the server is stopping");

  self->closed = TRUE;
  if (self->run != NULL)
    {
      PbSetupRun *run = self->run;

      run->ended = TRUE; /* so that the last step does not answer */
      for (guint i = 0; i < run->steps->len; i++)
        pb_setup_step_end (run->steps->pdata[i], PB_SETUP_UNKNOWN, NULL, NULL, NULL);
      finish (run, error);
    }
  g_clear_pointer (&self->pool, pb_pool_free);
}

void
pb_setup_check_free (PbSetupCheck *self)
{
  if (!self->closed)
    pb_setup_check_close (self);
  g_ptr_array_unref (self->callers);
  g_free (self->directory);
  g_free (self);
}
