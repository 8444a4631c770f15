/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The checks of CheckSetup that connect to others: whether the provider lets port 25 out, asked of a server
 * that takes mail of our own domains beside us, and whether the relay would take mail. No stranger is
 * connected to: without such a server it is unknown. Sockets never block; main thread.
 */
#include "service/setup-check-private.h"

#include "delivery/router.h"

#include <arpa/inet.h>
#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <unistd.h>

#define CONNECT_SECONDS 8
#define MAX_DOMAINS     5
#define MAX_HOSTS       5 /* of one domain */
#define MAX_CONNECTS    4

/* ---- outbound ---- */

typedef struct
{
  PbSetupStep *step; /* (owned) */
  guint n_left;      /* questions and connections, and one while they are being begun */
  guint n_connects;
  char *reached;     /* (owned) (nullable) */
  GPtrArray *failed; /* (owned) (element-type GVariant) whom we did not reach, and why */
} Outbound;

static GVariant *
say_reached (const Outbound *self)
{
  g_autofree char *port = g_strdup_printf ("%u", pb_setup_parts (self->step->run)->mx_port);

  return pb_say ("{address} port {port} was reached", "address", pb_say_text (self->reached), "port",
                 pb_say_text (port));
}

static void
outbound_one_less (Outbound *self)
{
  PbSetupStep *step = self->step;

  if (--self->n_left > 0)
    return;
  if (self->reached != NULL)
    pb_setup_step_end (step, PB_SETUP_OK, say_reached (self), NULL, NULL);
  else if (self->failed->len > 0)
    pb_setup_step_end (step, PB_SETUP_PROBLEM,
                       pb_say_value (pb_say_list ((GVariant *const *) self->failed->pdata, self->failed->len)),
                       pb_say ("Ask the Internet provider to open port 25 outwards, or send through a relay."), NULL);
  else
    pb_setup_step_end (step, PB_SETUP_UNKNOWN,
                       pb_say ("none of the local domains has a further mail exchanger that could be tried"),
                       pb_say ("If all mail waits with timeouts, the provider blocks port 25: send through a relay."),
                       NULL);
  pb_setup_step_unref (step);
  g_free (self->reached);
  g_ptr_array_unref (self->failed);
  g_free (self);
}

/* One connection under way. */
typedef struct
{
  Outbound *all;
  PbIp ip;
  int fd;
  guint watch, timer;
} Connect;

static const char *
why_not_connected (int code)
{
  switch (code)
    {
    case ECONNREFUSED:
      return N_ ("connection refused");
    case EHOSTUNREACH:
    case ENETUNREACH:
      return N_ ("there is no way to it");
    case ETIMEDOUT:
      return N_ ("no answer");
    default:
      return g_strerror (code);
    }
}

static void
connect_end (Connect *self, int code)
{
  char text[INET6_ADDRSTRLEN];

  pb_ip_format (&self->ip, text, sizeof text);
  if (code == 0 && self->all->reached == NULL)
    self->all->reached = g_strdup (text);
  else if (code != 0)
    g_ptr_array_add (self->all->failed,
                     g_variant_ref_sink (pb_say ("{address}: {reason}", "address", pb_say_text (text), "reason",
                                                 pb_say_words (why_not_connected (code)))));
  g_clear_handle_id (&self->watch, g_source_remove);
  g_clear_handle_id (&self->timer, g_source_remove);
  close (self->fd);
  outbound_one_less (self->all);
  g_free (self);
}

static gboolean
on_connected (int fd, GIOCondition condition, gpointer user_data)
{
  Connect *self = user_data;
  int code = 0;
  socklen_t length = sizeof code;

  self->watch = 0;
  if (getsockopt (fd, SOL_SOCKET, SO_ERROR, &code, &length) != 0)
    code = errno;
  connect_end (self, code);
  return G_SOURCE_REMOVE;
}

static gboolean
on_connect_timeout (gpointer user_data)
{
  Connect *self = user_data;

  self->timer = 0;
  connect_end (self, ETIMEDOUT);
  return G_SOURCE_REMOVE;
}

static void
connect_to (Outbound *all, const PbIp *ip)
{
  gboolean v4 = pb_ip_is_v4 (ip);
  guint16 port = htons (pb_setup_parts (all->step->run)->mx_port);
  struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = port };
  struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = port };
  Connect *self;
  int fd = socket (v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

  if (fd < 0)
    return;
  memcpy (&four.sin_addr, ip->bytes + 12, 4);
  memcpy (&six.sin6_addr, ip->bytes, 16);
  self = g_new0 (Connect, 1);
  *self = (Connect){ .all = all, .ip = *ip, .fd = fd };
  all->n_left++;
  all->n_connects++;
  if (connect (fd, v4 ? (const struct sockaddr *) &four : (const struct sockaddr *) &six,
               v4 ? sizeof four : sizeof six) != 0
      && errno != EINPROGRESS)
    {
      connect_end (self, errno);
      return;
    }
  self->watch = g_unix_fd_add (fd, G_IO_OUT | G_IO_ERR | G_IO_HUP, on_connected, self);
  self->timer = g_timeout_add_seconds (CONNECT_SECONDS, on_connect_timeout, self);
}

static void
on_outbound_address (PbDnsAnswer *answer, gpointer user_data)
{
  Outbound *self = user_data;
  PbSetupRun *run = self->step->run;
  const GArray *own = run->system.addresses;

  if (!self->step->ended && !pb_setup_is_ours (run, answer->addresses, answer->n_addresses))
    for (guint i = 0; i < answer->n_addresses && self->n_connects < MAX_CONNECTS; i++)
      if (!pb_setup_find_ip ((const PbIp *) (void *) own->data, own->len, &answer->addresses[i]))
        connect_to (self, &answer->addresses[i]);
  outbound_one_less (self);
}

static void
on_outbound_mx (PbDnsAnswer *answer, gpointer user_data)
{
  Outbound *self = user_data;
  const char *hostname = self->step->run->snapshot->values.general_hostname;
  const PbDnsSource *dns = pb_setup_dns (self->step->run);

  for (guint i = 0; i < answer->n_mx && i < MAX_HOSTS; i++)
    if (answer->mx[i].exchange[0] != '\0' && g_ascii_strcasecmp (answer->mx[i].exchange, hostname) != 0)
      {
        self->n_left++;
        pb_dns_source_query (dns, answer->mx[i].exchange, PB_DNS_A, PB_SETUP_DNS, on_outbound_address, self);
      }
  outbound_one_less (self);
}

void
pb_setup_outbound (PbSetupRun *run)
{
  g_auto (GStrv) domains = NULL;
  Outbound *self;

  if (g_str_equal (run->snapshot->values.delivery_mode, "relay"))
    {
      pb_setup_add (run, "outbound", NULL, PB_SETUP_OK, pb_say ("mail leaves through the relay"), NULL, NULL);
      return;
    }
  domains = pb_snapshot_list_local_domains (run->snapshot);
  self = g_new0 (Outbound, 1);
  self->step = pb_setup_step_new (run, "outbound", NULL);
  self->failed = g_ptr_array_new_with_free_func ((GDestroyNotify) g_variant_unref);
  self->n_left = 1;
  for (guint i = 0; domains[i] != NULL && i < MAX_DOMAINS; i++)
    {
      self->n_left++;
      pb_dns_source_query (pb_setup_dns (run), domains[i], PB_DNS_MX, PB_SETUP_DNS, on_outbound_mx, self);
    }
  outbound_one_less (self);
}

/* ---- relay ---- */

/* As the client titles them in its own test of a relay. */
static const char *
title_of (const char *step)
{
  static const char *const titles[][2] = {
    { "resolve", N_ ("Find the server") }, { "connect", N_ ("Connect") }, { "greeting", N_ ("Greeting") },
    { "tls", N_ ("Encryption") },          { "login", N_ ("Login") },     { "mail", N_ ("Sender") },
    { "recipient", N_ ("Recipient") },
  };

  for (guint i = 0; i < G_N_ELEMENTS (titles); i++)
    if (g_str_equal (titles[i][0], step))
      return titles[i][1];
  return step;
}

static GVariant *
say_step (GVariant *row)
{
  const char *name = "", *detail = "";

  g_variant_lookup (row, "Step", "&s", &name);
  g_variant_lookup (row, "Detail", "&s", &detail);
  /* What the relay itself replied is not ours to translate. */
  return pb_say ("{step}: {detail}", "step", pb_say_words (title_of (name)), "detail",
                 g_ascii_isdigit (detail[0]) ? pb_say_text (detail) : pb_say_words (detail));
}

/* The first step that failed decides, else the first that warned. */
static void
on_relay_tested (GVariant *steps, const GError *error, gpointer user_data)
{
  g_autoptr (PbSetupStep) step = user_data;
  g_autoptr (GVariant) warning = NULL;
  GVariantIter iter;
  GVariant *row;

  if (error != NULL)
    {
      pb_setup_step_end (step, PB_SETUP_UNKNOWN, pb_say_words (error->message), NULL, NULL);
      return;
    }
  g_variant_iter_init (&iter, steps);
  while ((row = g_variant_iter_next_value (&iter)) != NULL)
    {
      const char *state = "";

      g_variant_lookup (row, "State", "&s", &state);
      if (g_str_equal (state, "failed"))
        pb_setup_step_end (step, PB_SETUP_PROBLEM, say_step (row),
                           pb_say ("Look at the relay settings, and test the relay there."), NULL);
      else if (g_str_equal (state, "warning") && warning == NULL)
        warning = g_variant_ref_sink (say_step (row));
      g_variant_unref (row);
    }
  if (warning != NULL)
    pb_setup_step_end (step, PB_SETUP_WARNING, warning,
                       pb_say ("Mail goes through, but look at the relay settings."), NULL);
  else
    pb_setup_step_end (step, PB_SETUP_OK, pb_say ("it was reached and would take mail; none was sent"), NULL, NULL);
}

void
pb_setup_relay (PbSetupRun *run)
{
  PbSetupStep *step;

  if (!g_str_equal (run->snapshot->values.delivery_mode, "relay"))
    return;
  step = pb_setup_step_new (run, "relay", NULL);
  pb_relay_tests_run (pb_setup_parts (run)->tests, PB_ROUTE_RELAY_GENERAL, on_relay_tested, step);
}
