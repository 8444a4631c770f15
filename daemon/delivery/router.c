/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The router: where one recipient's mail goes by the settings as they are now. Pure: no I/O, no DNS;
 * the hosts behind an MX route are found by the SMTP agent. Called by the queue at every attempt, so
 * that a changed setting holds for mail that waits. Never fails: what cannot be routed is a route too.
 */
#include "delivery/router.h"

#include "protocol/address.h"
#include <string.h>

static PbRoute *
route_new (PbRouteKind kind, char *key)
{
  PbRoute *self = g_atomic_rc_box_new0 (PbRoute);

  self->kind = kind;
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
  g_free (self->why);
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

static PbRoute *
route_nowhere (const char *why)
{
  PbRoute *self = route_new (PB_ROUTE_NOWHERE, g_strdup ("nowhere"));

  self->why = g_strdup (why);
  return self;
}

static PbRoute *
route_unknown (const char *why)
{
  PbRoute *self = route_new (PB_ROUTE_UNKNOWN, g_strdup ("unknown"));

  self->why = g_strdup (why);
  return self;
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

static gboolean
route_add_host (PbRoute *self, const char *text, guint16 default_port)
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

/* The key names every host, so that a changed list is another destination. */
static void
route_set_key (PbRoute *self, const char *prefix)
{
  GString *key = g_string_new (prefix);

  for (guint i = 0; i < self->n_hosts; i++)
    g_string_append_printf (key, "%s%s:%u", i > 0 ? "," : "", self->hosts[i].host,
                            self->hosts[i].port);
  self->key = g_string_free (key, FALSE);
}

/* An alias that names its own address was expanded when the message was queued; what is left here is
 * its mailbox. Queueing it again would never end. */
static gboolean
keeps_own_mailbox (const PbSnapshot *snapshot, const PbAddress *address, PbLocal *mailbox)
{
  g_autoptr (GPtrArray) targets = pb_snapshot_expand (snapshot, address->text);

  *mailbox = pb_snapshot_resolve_mailbox (snapshot, address->local, address->domain);
  for (guint i = 0; pb_local_is_mailbox (mailbox->kind) && i < targets->len; i++)
    if (g_ascii_strcasecmp (targets->pdata[i], address->text) == 0)
      return TRUE;
  return FALSE;
}

static PbRoute *
route_mailbox (const char *mailbox)
{
  PbRoute *self = route_new (PB_ROUTE_LOCAL, g_strconcat ("local:", mailbox, NULL));

  self->mailbox = g_strdup (mailbox);
  return self;
}

static PbRoute *
route_local (const PbSnapshot *snapshot, const PbAddress *address)
{
  PbLocal local = pb_snapshot_resolve_local (snapshot, address->local, address->domain);
  char uid[PB_LOCAL_MAILBOX_TEXT];
  PbLocal mailbox;
  PbRoute *self = NULL;

  if (local.kind == PB_LOCAL_ALIAS && keeps_own_mailbox (snapshot, address, &mailbox))
    local = mailbox;

  switch (local.kind)
    {
    case PB_LOCAL_ACCOUNT:
      return route_mailbox (local.account_id);
    case PB_LOCAL_SYSTEM_USER:
      return route_mailbox (pb_local_format_mailbox (local.uid, uid));
    case PB_LOCAL_PENDING:
      return route_new (PB_ROUTE_PENDING, g_strconcat ("pending:", address->text, NULL));
    case PB_LOCAL_ALIAS:
      {
        g_autoptr (GPtrArray) targets = pb_snapshot_expand (snapshot, address->text);

        /* An alias that leads to nothing but itself has nobody behind it. */
        if (targets->len == 0
            || (targets->len == 1 && g_str_equal (targets->pdata[0], address->text)))
          return route_unknown ("the alias leads nowhere, or to too many");
        self = route_new (PB_ROUTE_ALIAS, g_strconcat ("alias:", address->text, NULL));
        self->targets = g_new0 (char *, targets->len + 1);
        for (guint i = 0; i < targets->len; i++)
          self->targets[i] = g_strdup (targets->pdata[i]);
        return self;
      }
    case PB_LOCAL_UNKNOWN:
    case PB_LOCAL_NOT_LOCAL:
      break;
    }
  return route_unknown ("unknown recipient");
}

static PbRoute *
route_mx (const char *domain)
{
  PbRoute *self = route_new (PB_ROUTE_MX, g_strconcat ("mx:", domain, NULL));

  self->domain = g_strdup (domain);
  return self;
}

/* "[192.0.2.1]" or "[IPv6:2001:db8::1]" (RFC 5321 4.1.3): straight to that address. */
static PbRoute *
route_literal (const char *domain)
{
  gsize length = strlen (domain);
  g_autofree char *text = NULL;
  PbRoute *self;
  PbIp ip;

  if (length < 3)
    return route_unknown ("no such address literal");
  text = g_strndup (domain + 1, length - 2);
  if (g_ascii_strncasecmp (text, "IPv6:", 5) == 0)
    memmove (text, text + 5, strlen (text + 5) + 1);
  if (!pb_ip_parse (text, &ip))
    return route_unknown ("no such address literal");
  self = route_new (PB_ROUTE_HOSTS, g_strconcat ("literal:", text, NULL));
  route_add_host (self, text, 0);
  return self;
}

static PbRoute *
route_relay (const PbSettingValues *values)
{
  PbRoute *self;

  if (values->delivery_relay_server[0] == '\0')
    return route_nowhere ("mail goes through a relay host, but none is set");
  if (g_ascii_strcasecmp (values->delivery_relay_server, values->general_hostname) == 0)
    return route_nowhere ("the relay host is this server itself");
  self = route_new (PB_ROUTE_HOSTS, NULL);
  if (!route_add_host (self, values->delivery_relay_server, (guint16) values->delivery_relay_port))
    {
      pb_route_unref (self);
      return route_nowhere ("the relay host's name is no host");
    }
  for (char **fallback = values->delivery_relay_fallback; fallback != NULL && *fallback != NULL;
       fallback++)
    route_add_host (self, *fallback, (guint16) values->delivery_relay_port);
  route_set_key (self, "relay:");
  return self;
}

static PbRoute *
route_domain_list (const char *domain, const char *target)
{
  PbRoute *self;

  if (target == NULL || target[0] == '\0')
    return route_mx (domain);
  self = route_new (PB_ROUTE_HOSTS, NULL);
  if (!route_add_host (self, target, 0))
    {
      pb_route_unref (self);
      return route_nowhere ("the Domain List's target is no host");
    }
  route_set_key (self, "relay:");
  return self;
}

PbRoute *
pb_route_find (const PbSnapshot *snapshot, const char *sender, const char *recipient)
{
  g_autoptr (PbAddress) address =
    pb_address_parse (recipient, strlen (recipient),
                      PB_ADDRESS_UTF8 | PB_ADDRESS_ALLOW_LITERAL | PB_ADDRESS_ALLOW_NO_DOMAIN,
                      NULL);
  const char *target = NULL;

  if (address == NULL)
    return route_unknown ("no mail address");
  if (address->domain == NULL || pb_snapshot_is_local_domain (snapshot, address->domain))
    return route_local (snapshot, address);
  if (pb_snapshot_is_relay_domain (snapshot, address->domain, &target))
    return route_domain_list (address->domain, target);
  if (g_str_equal (snapshot->values.delivery_mode, "relay"))
    return route_relay (&snapshot->values);
  return address->literal ? route_literal (address->domain) : route_mx (address->domain);
}
