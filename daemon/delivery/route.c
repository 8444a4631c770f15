/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A route as a thing: making it, its key, its words. Made by the router alone; the queue, the agents and
 * the bus only read it, from any thread.
 */
#include "delivery/route-private.h"

#include "util/netblock.h"
#include <string.h>

PbRoute *
pb_route_new (PbRouteKind kind, PbRouteReason reason, char *key)
{
  PbRoute *self = g_atomic_rc_box_new0 (PbRoute);

  self->kind = kind;
  self->reason = reason;
  self->key = key;
  return self;
}

static void
route_clear (gpointer data)
{
  PbRoute *self = data;

  for (guint i = 0; i < self->n_hosts; i++)
    g_free (self->hosts[i].host);
  g_free (self->hosts);
  g_free (self->key);
  g_free (self->mailbox);
  g_free (self->domain);
  g_free (self->socket);
  g_free (self->why);
  g_free (self->name);
  g_free (self->relay_id);
  g_free (self->fingerprint);
  g_free (self->user);
  g_strfreev (self->targets);
}

PbRoute *
pb_route_ref (PbRoute *self)
{
  return g_atomic_rc_box_acquire (self);
}

void
pb_route_unref (PbRoute *self)
{
  g_atomic_rc_box_release_full (self, route_clear);
}

gboolean
pb_route_is_final (const PbRoute *self)
{
  return self->kind == PB_ROUTE_LOCAL || self->kind == PB_ROUTE_LMTP;
}

/* Cuts "host", "host:port", "[v6]:port" or a bare IPv6 into its parts. Returns: FALSE when it is none. */
static gboolean
split_host_port (const char *text, PbRouteHost *host)
{
  const char *end, *colon;
  PbIp ip;
  guint64 port = 0;

  if (pb_ip_parse (text, &ip))
    {
      host->host = g_strdup (text);
      return TRUE;
    }
  if (text[0] == '[')
    {
      text++;
      end = strchr (text, ']');
      if (end == NULL || (end[1] != '\0' && end[1] != ':'))
        return FALSE;
      colon = end[1] == ':' ? end + 1 : NULL;
    }
  else
    {
      colon = strrchr (text, ':');
      end = colon != NULL ? colon : text + strlen (text);
    }
  if (end == text
      || (colon != NULL && !g_ascii_string_to_unsigned (colon + 1, 10, 1, 65535, &port, NULL)))
    return FALSE;
  host->host = g_ascii_strdown (text, end - text);
  host->port = (guint16) port;
  return TRUE;
}

gboolean
pb_route_add_host (PbRoute *self, const char *text, guint16 default_port)
{
  PbRouteHost host = { NULL, 0 };

  if (!split_host_port (text, &host))
    return FALSE;
  if (host.port == 0)
    host.port = default_port;
  self->hosts = g_renew (PbRouteHost, self->hosts, self->n_hosts + 1);
  self->hosts[self->n_hosts++] = host;
  return TRUE;
}

static const char *
tls_name (PbRouteTls tls)
{
  switch (tls)
    {
    case PB_ROUTE_TLS_OPPORTUNISTIC:
      break;
    case PB_ROUTE_TLS_OFF:
      return "off";
    case PB_ROUTE_TLS_STARTTLS:
      return "starttls";
    case PB_ROUTE_TLS_IMPLICIT:
      return "implicit";
    }
  return NULL;
}

/* What is not said is as it usually is. The fields' order is fixed and the one that may hold anything, the
 * user, is the last, so that no two routes that differ have one key. */
void
pb_route_set_key (PbRoute *self, const char *prefix)
{
  GString *key = g_string_new (prefix);

  for (guint i = 0; i < self->n_hosts; i++)
    g_string_append_printf (key, "%s%s:%u", i > 0 ? "," : "", self->hosts[i].host,
                            self->hosts[i].port);
  if (self->socket != NULL)
    g_string_append_printf (key, "unix:%s", self->socket);
  if (tls_name (self->tls) != NULL)
    g_string_append_printf (key, " tls=%s", tls_name (self->tls));
  if (self->trusting)
    g_string_append (key, " unverified");
  if (self->verify == PB_ROUTE_VERIFY_NAME)
    g_string_append (key, " verify");
  if (self->verify == PB_ROUTE_VERIFY_FINGERPRINT)
    g_string_append_printf (key, " key=%s", self->fingerprint);
  if (self->auth)
    g_string_append_printf (key, " login=%s:%d:%s", self->relay_id, self->secret, self->user);
  g_free (self->key);
  self->key = g_string_free (key, FALSE);
}

/* How people are told why; NULL where the place says it. */
static const char *const reasons[] = {
  [PB_ROUTE_REASON_NONE] = NULL,
  [PB_ROUTE_REASON_LOCAL] = NULL,
  [PB_ROUTE_REASON_EXCEPTION_RECIPIENT] = "by the recipient exception",
  [PB_ROUTE_REASON_DOMAIN_LIST] = "by the Domain List",
  [PB_ROUTE_REASON_EXCEPTION_SENDER] = "by the sender exception",
  [PB_ROUTE_REASON_RELAY] = NULL,
  [PB_ROUTE_REASON_MX] = NULL,
  [PB_ROUTE_REASON_LITERAL] = "by its address literal",
  [PB_ROUTE_REASON_REROUTED] = "by hand",
};

static void
append_host (GString *text, const PbRouteHost *host)
{
  gboolean v6 = strchr (host->host, ':') != NULL;

  g_string_append_printf (text, v6 ? "[%s]" : "%s", host->host);
  if (host->port != 0)
    g_string_append_printf (text, ":%u", host->port);
}

static void
append_demands (GString *text, const PbRoute *self)
{
  switch (self->tls)
    {
    case PB_ROUTE_TLS_OPPORTUNISTIC:
      break;
    case PB_ROUTE_TLS_OFF:
      g_string_append (text, ", without TLS");
      break;
    case PB_ROUTE_TLS_STARTTLS:
      g_string_append (text, ", TLS required");
      break;
    case PB_ROUTE_TLS_IMPLICIT:
      g_string_append (text, ", TLS on connect");
      break;
    }
  switch (self->verify)
    {
    case PB_ROUTE_VERIFY_NONE:
      break;
    case PB_ROUTE_VERIFY_NAME:
      g_string_append (text, ", certificate verified");
      break;
    case PB_ROUTE_VERIFY_FINGERPRINT:
      g_string_append (text, ", public key pinned");
      break;
    }
  if (self->auth)
    g_string_append_printf (text, ", logged in as %s", self->user);
}

static void
append_place (GString *text, const PbRoute *self)
{
  switch (self->kind)
    {
    case PB_ROUTE_LOCAL:
      g_string_append (text, "mailbox here");
      break;
    case PB_ROUTE_LMTP:
      g_string_append (text, "LMTP server ");
      if (self->socket != NULL)
        g_string_append (text, self->socket);
      else
        append_host (text, &self->hosts[0]);
      break;
    case PB_ROUTE_HOSTS:
      g_string_append (text, self->relay_id != NULL ? "relay host " : "host ");
      append_host (text, &self->hosts[0]);
      if (self->n_hosts > 1)
        g_string_append_printf (text, " (%u more behind it)", self->n_hosts - 1);
      break;
    case PB_ROUTE_MX:
      g_string_append_printf (text, "mail exchangers of %s", self->domain);
      break;
    case PB_ROUTE_UNKNOWN:
    case PB_ROUTE_NOWHERE:
      g_string_append_printf (text, "nowhere: %s", self->why);
      break;
    case PB_ROUTE_ALIAS:
      g_string_append (text, "where the alias leads");
      break;
    case PB_ROUTE_PENDING:
      g_string_append (text, "mailbox of a user of the system, still asked for");
      break;
    }
}

char *
pb_route_describe (const PbRoute *self)
{
  GString *text = g_string_new (NULL);

  append_place (text, self);
  if (reasons[self->reason] != NULL)
    g_string_append_printf (text, " %s", reasons[self->reason]);
  if (self->name != NULL)
    g_string_append_printf (text, " “%s”", self->name);
  append_demands (text, self);
  return g_string_free (text, FALSE);
}

gboolean
pb_route_heeds_dane (const PbRoute *self)
{
  return (self->kind == PB_ROUTE_MX || self->kind == PB_ROUTE_HOSTS) && !self->auth && !self->trusting
         && self->tls == PB_ROUTE_TLS_OPPORTUNISTIC && self->verify == PB_ROUTE_VERIFY_NONE;
}
