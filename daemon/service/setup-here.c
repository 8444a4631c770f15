/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The checks of CheckSetup that need nobody else: what is listened on, the name, the certificate, room on
 * the disk, the clock, and whether our own judgement lets a stranger relay. pb_setup_look() runs on a
 * worker and may wait for the disk and the bus; the rest is the main thread's and never waits.
 */
#include "service/setup-check-private.h"

#include "net/listener.h"
#include "policy/explain.h"
#include "service/diagnostics-question.h"
#include "util/clock.h"
#include "util/fsutil.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/timex.h>

#define BUS_MS        3000
#define SMTP_PORT     25
#define ENDING_DAYS   14
#define DAY           (24 * 60 * 60)
#define LOW_OCTETS    (1024ull * 1024 * 1024)
#define MIB           (1024 * 1024)
#define LOW_PER_CENT  10

/* ---- the system, on a worker ---- */

static void
look_at_interfaces (PbSetupSystem *system)
{
  struct ifaddrs *all = NULL;
  PbIp ip;

  system->addresses = g_array_new (FALSE, FALSE, sizeof (PbIp));
  if (getifaddrs (&all) != 0)
    return;
  for (const struct ifaddrs *each = all; each != NULL; each = each->ifa_next)
    if (each->ifa_addr != NULL && (each->ifa_flags & IFF_LOOPBACK) == 0
        && (each->ifa_addr->sa_family == AF_INET || each->ifa_addr->sa_family == AF_INET6)
        && pb_ip_from_sockaddr (each->ifa_addr, &ip))
      g_array_append_val (system->addresses, ip);
  freeifaddrs (all);
}

static void
look_at_disk (PbSetupSystem *system, const char *directory)
{
  struct statvfs status;
  int code;

  do
    code = statvfs (directory, &status);
  while (code != 0 && errno == EINTR);
  if (code != 0)
    return;
  system->has_disk = TRUE;
  system->octets = (guint64) status.f_blocks * status.f_frsize;
  system->octets_free = (guint64) status.f_bavail * status.f_frsize;
  system->inodes = status.f_files;
  system->inodes_free = status.f_favail;
}

/* systemd first: it is told by whatever keeps the time. The kernel knows only of some. */
static void
look_at_clock (PbSetupSystem *system, GDBusConnection *connection)
{
  g_autoptr (GVariant) reply = NULL;
  g_autoptr (GVariant) value = NULL;
  struct timex now = { 0 };
  int code;

  if (connection != NULL && pb_fs_has_descriptors ())
    reply = g_dbus_connection_call_sync (
      connection, "org.freedesktop.timedate1", "/org/freedesktop/timedate1",
      "org.freedesktop.DBus.Properties", "Get",
      g_variant_new ("(ss)", "org.freedesktop.timedate1", "NTPSynchronized"),
      G_VARIANT_TYPE ("(v)"), G_DBUS_CALL_FLAGS_NONE, BUS_MS, NULL, NULL);
  if (reply != NULL)
    g_variant_get (reply, "(v)", &value);
  if (value != NULL && g_variant_is_of_type (value, G_VARIANT_TYPE_BOOLEAN))
    {
      system->has_clock = TRUE;
      system->synchronised = g_variant_get_boolean (value);
      system->clock_source = "systemd (org.freedesktop.timedate1)";
      return;
    }
  code = adjtimex (&now);
  if (code < 0)
    return;
  system->has_clock = TRUE;
  system->synchronised = code != TIME_ERROR && (now.status & STA_UNSYNC) == 0;
  system->clock_source = N_ ("the kernel (adjtimex)");
}

void
pb_setup_look (PbSetupSystem *system, const char *directory, gpointer connection)
{
  look_at_interfaces (system);
  look_at_disk (system, directory);
  look_at_clock (system, connection);
}

void
pb_setup_system_clear (PbSetupSystem *system)
{
  g_clear_pointer (&system->addresses, g_array_unref);
}

/* ---- listening ---- */

static gboolean
reaches_the_network (const PbEndpoint *endpoint)
{
  PbIp ip;

  return !pb_ip_parse (endpoint->address, &ip) || !pb_ip_is_loopback (&ip);
}

static GVariant *
say_endpoint (const PbEndpoint *endpoint)
{
  g_autofree char *port = g_strdup_printf ("%u", endpoint->port);

  return pb_say ("{role} on {address} port {port}", "role", pb_say_text (pb_role_name (endpoint->role)), "address",
                 pb_say_text (endpoint->address), "port", pb_say_text (port));
}

void
pb_setup_listening (PbSetupRun *run)
{
  const GPtrArray *listeners = pb_setup_parts (run)->listeners;
  g_autoptr (GPtrArray) parts = g_ptr_array_new ();
  gboolean smtp = FALSE, port = FALSE, network = FALSE;
  GVariant *evidence;

  for (guint i = 0; i < listeners->len; i++)
    {
      const PbEndpoint *endpoint = pb_listener_endpoint (listeners->pdata[i]);
      gboolean far = reaches_the_network (endpoint);

      g_ptr_array_add (parts, say_endpoint (endpoint));
      smtp = smtp || endpoint->role == PB_ROLE_SMTP;
      network = network || (endpoint->role == PB_ROLE_SMTP && far);
      port = port || (endpoint->role == PB_ROLE_SMTP && far && endpoint->port == SMTP_PORT);
    }
  evidence = pb_say_value (pb_say_list ((GVariant *const *) parts->pdata, parts->len));
  if (!smtp)
    pb_setup_add (run, "listening", NULL, PB_SETUP_PROBLEM, evidence,
                  pb_say ("Listen with the role smtp on port 25: other servers’ mail comes there."), NULL);
  else if (!network)
    pb_setup_add (run, "listening", NULL, PB_SETUP_PROBLEM, evidence,
                  pb_say ("Only this machine reaches the role smtp: listen on an address of the network."), NULL);
  else if (!port)
    pb_setup_add (run, "listening", NULL, PB_SETUP_WARNING, evidence,
                  pb_say ("Other servers connect to port 25: listen there, or have the router forward it."), NULL);
  else
    pb_setup_add (run, "listening", NULL, PB_SETUP_OK, evidence, NULL, NULL);
}

/* ---- hostname ---- */

void
pb_setup_hostname (PbSetupRun *run)
{
  static const char *const nowhere[] = { ".localdomain", ".local",   ".lan",  ".home",    ".internal",
                                         ".localhost",   ".invalid", ".test", ".home.arpa" };
  const char *hostname = run->snapshot->values.general_hostname;

  for (guint i = 0; i < G_N_ELEMENTS (nowhere); i++)
    if (g_str_has_suffix (hostname, nowhere[i]))
      {
        pb_setup_add (run, "hostname", NULL, PB_SETUP_PROBLEM,
                      pb_say ("{name} is a name that exists nowhere on the Internet", "name", pb_say_text (hostname)),
                      pb_say ("Set {setting} to this server’s name in a domain of yours.", "setting",
                              pb_say_setting ("General.Hostname")),
                      NULL);
        return;
      }
  pb_setup_add (run, "hostname", NULL, PB_SETUP_OK, pb_say_value (pb_say_text (hostname)), NULL, NULL);
}

/* ---- certificate ---- */

/* RFC 6125 6.4: a star stands for one label. */
static gboolean
names_host (const PbTlsIdentity *identity, const char *hostname)
{
  const char *dot = strchr (hostname, '.');

  for (guint i = 0; identity->names != NULL && identity->names[i] != NULL; i++)
    if (g_ascii_strcasecmp (identity->names[i], hostname) == 0
        || (g_str_has_prefix (identity->names[i], "*.") && dot != NULL
            && g_ascii_strcasecmp (identity->names[i] + 1, dot) == 0))
      return TRUE;
  return FALSE;
}

static GVariant *
say_identity (const PbTlsIdentity *identity)
{
  g_autofree char *names = g_strjoinv (", ", identity->names);
  char begins[40], ends[40];

  pb_clock_format_date (identity->not_before * G_USEC_PER_SEC, begins);
  pb_clock_format_date (identity->not_after * G_USEC_PER_SEC, ends);
  return pb_say (identity->self_signed ? N_ ("{subject}, for {names}, from {begin} to {end}, self-signed")
                                       : N_ ("{subject}, for {names}, from {begin} to {end}"),
                 "subject", pb_say_text (identity->subject), "names", pb_say_text (names), "begin",
                 pb_say_moment (identity->not_before, begins), "end", pb_say_moment (identity->not_after, ends));
}

void
pb_setup_certificate (PbSetupRun *run)
{
  const PbTlsIdentity *identity = pb_certificate_identity (pb_setup_parts (run)->certificate);
  const char *hostname = run->snapshot->values.general_hostname;
  gint64 now = pb_clock_wall () / G_USEC_PER_SEC;
  PbSetupState state = PB_SETUP_WARNING;
  GVariant *remedy = NULL;

  if (identity == NULL)
    {
      pb_setup_add (run, "certificate", NULL, PB_SETUP_PROBLEM, pb_say ("there is none: TLS is not offered"),
                    pb_say ("Import a certificate, or look in the journal why none could be made."), NULL);
      return;
    }
  if (identity->not_before > now || identity->not_after <= now)
    {
      state = PB_SETUP_PROBLEM;
      remedy = pb_say (identity->not_after <= now
                         ? N_ ("It has ended: import a new certificate.")
                         : N_ ("It is not valid yet: look at the clock, or import another certificate."));
    }
  else if (identity->not_after - now < ENDING_DAYS * DAY)
    remedy = pb_say ("It ends soon: import a new certificate.");
  else if (!names_host (identity, hostname))
    remedy = pb_say ("It does not bear the name of {setting}: import one that does.", "setting",
                     pb_say_setting ("General.Hostname"));
  else if (identity->self_signed)
    remedy = pb_say ("Other servers take it, but mail programs warn of it: import one of an authority.");
  else
    state = PB_SETUP_OK;
  pb_setup_add (run, "certificate", NULL, state, say_identity (identity), remedy, NULL);
}

/* ---- disk and clock ---- */

void
pb_setup_disk (PbSetupRun *run)
{
  const PbSetupSystem *system = &run->system;
  gboolean few, scarce;
  GVariant *evidence;

  if (!system->has_disk)
    {
      pb_setup_add (run, "disk", NULL, PB_SETUP_UNKNOWN, pb_say ("the file system of the state directory does not say"),
                    NULL, NULL);
      return;
    }
  evidence = pb_say ("{free} of {size} MiB and {free-inodes} of {inodes} inodes are free", "free",
                     pb_say_number (system->octets_free / MIB), "size", pb_say_number (system->octets / MIB),
                     "free-inodes", pb_say_number (system->inodes_free), "inodes", pb_say_number (system->inodes));
  scarce = system->octets_free < LOW_OCTETS && system->octets_free < system->octets / LOW_PER_CENT;
  few = system->inodes > 0 && system->inodes_free < system->inodes / LOW_PER_CENT;
  if (scarce || few)
    pb_setup_add (run, "disk", NULL, PB_SETUP_WARNING, evidence,
                  pb_say ("Make room: when the reserve is reached, no new mail is taken."), NULL);
  else
    pb_setup_add (run, "disk", NULL, PB_SETUP_OK, evidence, NULL, NULL);
}

void
pb_setup_clock (PbSetupRun *run)
{
  const PbSetupSystem *system = &run->system;

  if (!system->has_clock)
    pb_setup_add (run, "clock", NULL, PB_SETUP_UNKNOWN,
                  pb_say ("neither systemd nor the kernel says whether the clock is kept"), NULL, NULL);
  else if (system->synchronised)
    pb_setup_add (run, "clock", NULL, PB_SETUP_OK,
                  pb_say ("{source} says that it is synchronised", "source", pb_say_words (system->clock_source)), NULL, NULL);
  else
    pb_setup_add (run, "clock", NULL, PB_SETUP_WARNING,
                  pb_say ("{source} says that it is not synchronised", "source", pb_say_words (system->clock_source)),
                  pb_say ("Switch on time synchronisation: signatures, certificates and dates of mail depend on it."),
                  NULL);
}

/* ---- an open relay ---- */

/* From addresses that are nobody's, to a domain that is nobody's (RFC 5737, 3849, 6761). */
static const char *const strangers[] = { "192.0.2.201", "198.51.100.201", "203.0.113.201", "2001:db8::c9" };
#define VICTIM "victim@relay-test.invalid"
#define N_SENDERS 3
#define N_RECIPIENTS 2

#define N_ATTEMPTS (G_N_ELEMENTS (strangers) * N_SENDERS * N_RECIPIENTS)

typedef struct
{
  PbSetupStep *step; /* (owned) */
  guint n_left, n_refused;
  GVariant *taken; /* (owned) (nullable) the first one that was, in words */
} Relaying;

typedef struct
{
  Relaying *all;
  PbQuestion asked; /* (owned) */
  GVariant *words;  /* (owned) */
} Attempt;

static void
relaying_one_less (Relaying *self)
{
  if (--self->n_left > 0)
    return;
  if (self->taken != NULL)
    pb_setup_step_end (self->step, PB_SETUP_PROBLEM, self->taken,
                       pb_say ("Anybody could send through this server: narrow the Trusted List."), NULL);
  else if (self->n_refused == N_ATTEMPTS)
    pb_setup_step_end (self->step, PB_SETUP_OK,
                       pb_say_count ("{n} attempt of a stranger to relay would be refused",
                                     "all of {n} attempts of strangers to relay would be refused", N_ATTEMPTS),
                       NULL, NULL);
  else
    pb_setup_step_end (self->step, PB_SETUP_UNKNOWN,
                       pb_say_count ("of {n} attempt of a stranger to relay {refused} would be refused for good",
                                     "of {n} attempts of strangers to relay {refused} would be refused for good",
                                     N_ATTEMPTS, "refused", pb_say_number (self->n_refused)),
                       NULL, NULL);
  g_clear_pointer (&self->taken, g_variant_unref);
  pb_setup_step_unref (self->step);
  g_free (self);
}

static void
attempt_free (Attempt *self)
{
  Relaying *all = self->all;

  pb_question_clear (&self->asked);
  g_clear_pointer (&self->words, g_variant_unref);
  g_free (self);
  relaying_one_less (all);
}

static void
on_judged (const PbDecision *decision, PbTrail *trail, gpointer user_data)
{
  Attempt *self = user_data;

  switch (decision->kind)
    {
    case PB_DECISION_ACCEPT:
      if (self->all->taken == NULL)
        self->all->taken = g_steal_pointer (&self->words);
      break;
    case PB_DECISION_REJECT:
    case PB_DECISION_DISCARD:
      self->all->n_refused++;
      break;
    case PB_DECISION_DEFER:
      break;
    }
  attempt_free (self);
}

static void
try_to_relay (Relaying *all, const char *ip, const char *sender, const char *recipient)
{
  PbSetupRun *run = all->step->run;
  Attempt *self = g_new0 (Attempt, 1);

  self->all = all;
  self->words = g_variant_ref_sink (pb_say ("{address} may send from <{sender}> to <{recipient}>", "address",
                                            pb_say_text (ip), "sender", pb_say_text (sender), "recipient",
                                            pb_say_text (recipient)));
  pb_question_init (&self->asked, run->snapshot);
  if (!pb_question_set (&self->asked, "Ip", ip, NULL)
      || !pb_question_set (&self->asked, "Helo", "relay-test.invalid", NULL)
      || !pb_question_set (&self->asked, "Sender", sender, NULL)
      || !pb_question_set (&self->asked, "Recipient", recipient, NULL))
    {
      /* What the server would not even understand it does not relay. */
      all->n_refused++;
      attempt_free (self);
      return;
    }
  /* Without the DNS: what it would say of nobody refuses nothing here for good. */
  self->asked.input.now = (guint64) (pb_clock_wall () / G_USEC_PER_SEC);
  pb_explain_start (&self->asked.input, pb_setup_parts (run)->mailbox, on_judged, self);
}

void
pb_setup_open_relay (PbSetupRun *run)
{
  const char *hostname = run->snapshot->values.general_hostname;
  g_autofree char *ours = g_strconcat ("postmaster@", hostname, NULL);
  g_autofree char *routed = g_strconcat ("@", hostname, ":" VICTIM, NULL);
  const char *const senders[N_SENDERS] = { "", "stranger@relay-test.invalid", ours };
  const char *const recipients[N_RECIPIENTS] = { VICTIM, routed };
  Relaying *all = g_new0 (Relaying, 1);

  all->step = pb_setup_step_new (run, "open-relay", NULL);
  all->n_left = N_ATTEMPTS;
  for (guint i = 0; i < N_ATTEMPTS; i++)
    {
      guint pair = i / G_N_ELEMENTS (strangers);

      try_to_relay (all, strangers[i % G_N_ELEMENTS (strangers)], senders[pair % N_SENDERS],
                    recipients[pair / N_SENDERS]);
    }
}
