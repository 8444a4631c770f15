/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The router: where one recipient's mail goes by the settings as they are now. Pure: no I/O, no DNS;
 * the hosts behind an MX route are found by the SMTP agent. Called by the queue at every attempt, so
 * that a changed setting holds for mail that waits. Never fails: what cannot be routed is a route too.
 */
#include "delivery/route-private.h"

#include "protocol/address.h"
#include "settings/relay-rules.h"
#include "util/marked.h"
#include <string.h>

#define UNIX_PREFIX "unix:"

/* A relay host as the settings or an exception name it. */
typedef struct
{
  const char *id, *name; /* @name (nullable) */
  const char *server;
  guint16 port;
  const char *const *fallback;
  const char *tls, *verify, *fingerprint;
  gboolean auth;
  const char *user, *secret_storage;
} Relay;

static PbRoute *
route_nowhere (PbRouteReason reason, const char *why)
{
  PbRoute *self = pb_route_new (PB_ROUTE_NOWHERE, reason, g_strdup ("nowhere"));

  self->why = g_strdup (why);
  return self;
}

static PbRoute *
route_unknown (PbRouteReason reason, const char *why)
{
  PbRoute *self = pb_route_new (PB_ROUTE_UNKNOWN, reason, g_strdup ("unknown"));

  self->why = g_strdup (why);
  return self;
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

/* The reserved mailbox stays a Maildir: an LMTP server knows no such user, and mail for the postmaster must
 * always be taken (RFC 5321 4.5.1). */
static PbRoute *
route_mailbox (const PbSnapshot *snapshot, const char *mailbox)
{
  const char *address = snapshot->values.mailboxes_lmtp_address;
  PbRoute *self;

  if (!g_str_equal (snapshot->values.mailboxes_kind, "lmtp")
      || g_str_equal (mailbox, PB_LOCAL_POSTMASTER))
    {
      self =
        pb_route_new (PB_ROUTE_LOCAL, PB_ROUTE_REASON_LOCAL, g_strconcat ("local:", mailbox, NULL));
      self->mailbox = g_strdup (mailbox);
      return self;
    }
  if (address[0] == '\0')
    return route_nowhere (PB_ROUTE_REASON_LOCAL, N_ ("local mail goes by LMTP, but no address is set"));
  self = pb_route_new (PB_ROUTE_LMTP, PB_ROUTE_REASON_LOCAL, NULL);
  if (g_str_has_prefix (address, UNIX_PREFIX))
    self->socket = g_strdup (address + strlen (UNIX_PREFIX));
  else if (!pb_route_add_host (self, address, 0))
    {
      pb_route_unref (self);
      return route_nowhere (PB_ROUTE_REASON_LOCAL, "the LMTP server's name is no host");
    }
  pb_route_set_key (self, "lmtp:");
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
      return route_mailbox (snapshot, local.account_id);
    case PB_LOCAL_SYSTEM_USER:
      return route_mailbox (snapshot, pb_local_format_mailbox (local.uid, uid));
    case PB_LOCAL_PENDING:
      return pb_route_new (PB_ROUTE_PENDING, PB_ROUTE_REASON_LOCAL,
                           g_strconcat ("pending:", address->text, NULL));
    case PB_LOCAL_ALIAS:
      {
        g_autoptr (GPtrArray) targets = pb_snapshot_expand (snapshot, address->text);

        /* An alias that leads to nothing but itself has nobody behind it. */
        if (targets->len == 0
            || (targets->len == 1 && g_str_equal (targets->pdata[0], address->text)))
          return route_unknown (PB_ROUTE_REASON_LOCAL, "the alias leads nowhere, or to too many");
        self = pb_route_new (PB_ROUTE_ALIAS, PB_ROUTE_REASON_LOCAL,
                             g_strconcat ("alias:", address->text, NULL));
        self->targets = g_new0 (char *, targets->len + 1);
        for (guint i = 0; i < targets->len; i++)
          self->targets[i] = g_strdup (targets->pdata[i]);
        return self;
      }
    case PB_LOCAL_UNKNOWN:
    case PB_LOCAL_NOT_LOCAL:
      break;
    }
  return route_unknown (PB_ROUTE_REASON_LOCAL, "unknown recipient");
}

static PbRoute *
route_mx (PbRouteReason reason, const char *domain)
{
  PbRoute *self = pb_route_new (PB_ROUTE_MX, reason, g_strconcat ("mx:", domain, NULL));

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
    return route_unknown (PB_ROUTE_REASON_NONE, "no such address literal");
  text = g_strndup (domain + 1, length - 2);
  if (g_ascii_strncasecmp (text, "IPv6:", 5) == 0)
    memmove (text, text + 5, strlen (text + 5) + 1);
  if (!pb_ip_parse (text, &ip))
    return route_unknown (PB_ROUTE_REASON_NONE, "no such address literal");
  self = pb_route_new (PB_ROUTE_HOSTS, PB_ROUTE_REASON_LITERAL,
                       g_strconcat ("literal:", text, NULL));
  pb_route_add_host (self, text, 0);
  return self;
}

/* One host that the administrator named, without any demand on it. */
static PbRoute *
route_target (const PbSnapshot *snapshot, PbRouteReason reason, const char *target)
{
  PbRoute *self = pb_route_new (PB_ROUTE_HOSTS, reason, NULL);

  if (!pb_route_add_host (self, target, 0))
    {
      pb_route_unref (self);
      return route_nowhere (reason, "the mail server that is named for it is no host");
    }
  if (g_ascii_strcasecmp (self->hosts[0].host, snapshot->values.general_hostname) == 0)
    {
      pb_route_unref (self);
      return route_nowhere (reason, "the mail server that is named for it is this server itself");
    }
  pb_route_set_key (self, "relay:");
  return self;
}

static PbRouteTls
parse_tls (const Relay *relay)
{
  if (g_str_equal (relay->tls, "implicit"))
    return PB_ROUTE_TLS_IMPLICIT;
  /* A password never goes out in the clear, whatever is set. */
  if (relay->auth || g_str_equal (relay->tls, "starttls"))
    return PB_ROUTE_TLS_STARTTLS;
  return g_str_equal (relay->tls, "off") ? PB_ROUTE_TLS_OFF : PB_ROUTE_TLS_OPPORTUNISTIC;
}

static PbRouteVerify
parse_verify (const Relay *relay, PbRouteTls tls)
{
  if (tls == PB_ROUTE_TLS_OFF)
    return PB_ROUTE_VERIFY_NONE;
  if (g_str_equal (relay->verify, "fingerprint"))
    return PB_ROUTE_VERIFY_FINGERPRINT;
  if (g_str_equal (relay->verify, "verify") || (g_str_equal (relay->verify, "auto") && relay->auth))
    return PB_ROUTE_VERIFY_NAME;
  return PB_ROUTE_VERIFY_NONE;
}

static PbRouteSecret
parse_secret (const char *storage)
{
  if (g_str_equal (storage, "agent"))
    return PB_ROUTE_SECRET_AGENT;
  return g_str_equal (storage, "ask") ? PB_ROUTE_SECRET_ASK : PB_ROUTE_SECRET_SYSTEM;
}

/* Returns: (nullable): what makes the relay unusable as it is set. */
static const char *
find_fault (const PbSnapshot *snapshot, const Relay *relay)
{
  if (relay->server[0] == '\0')
    return N_ ("mail goes through a relay host, but none is set");
  if (g_ascii_strcasecmp (relay->server, snapshot->values.general_hostname) == 0)
    return N_ ("the relay host is this server itself");
  if (relay->auth && relay->user[0] == '\0')
    return N_ ("the relay host wants a login, but no user name is set");
  if (g_str_equal (relay->verify, "fingerprint") && relay->fingerprint[0] == '\0'
      && parse_tls (relay) != PB_ROUTE_TLS_OFF)
    return N_ ("the relay host's key is to be checked, but no fingerprint is set");
  return NULL;
}

static PbRoute *
route_relay (const PbSnapshot *snapshot, PbRouteReason reason, const Relay *relay)
{
  const char *fault = find_fault (snapshot, relay);
  PbRoute *self;

  if (fault != NULL)
    return route_nowhere (reason, fault);
  self = pb_route_new (PB_ROUTE_HOSTS, reason, NULL);
  if (!pb_route_add_host (self, relay->server, relay->port))
    {
      pb_route_unref (self);
      return route_nowhere (reason, N_ ("the relay host's name is no host"));
    }
  for (guint i = 0; relay->fallback != NULL && relay->fallback[i] != NULL; i++)
    pb_route_add_host (self, relay->fallback[i], relay->port);
  self->relay_id = g_strdup (relay->id);
  self->name = g_strdup (relay->name);
  self->tls = parse_tls (relay);
  self->verify = parse_verify (relay, self->tls);
  self->trusting = self->tls == PB_ROUTE_TLS_OPPORTUNISTIC && g_str_equal (relay->verify, "none");
  if (self->verify == PB_ROUTE_VERIFY_FINGERPRINT)
    self->fingerprint = g_ascii_strdown (relay->fingerprint, -1);
  self->auth = relay->auth;
  if (relay->auth)
    self->user = g_strdup (relay->user);
  self->secret = parse_secret (relay->secret_storage);
  pb_route_set_key (self, "relay:");
  return self;
}

static PbRoute *
route_general (const PbSnapshot *snapshot)
{
  const PbSettingValues *values = &snapshot->values;
  const Relay relay = {
    .id = PB_ROUTE_RELAY_GENERAL,
    .server = values->delivery_relay_server,
    .port = (guint16) values->delivery_relay_port,
    .fallback = (const char *const *) values->delivery_relay_fallback,
    .tls = values->delivery_relay_tls,
    .verify = values->delivery_relay_verify,
    .fingerprint = values->delivery_relay_fingerprint,
    .auth = values->delivery_relay_auth,
    .user = values->delivery_relay_user,
    .secret_storage = values->delivery_relay_secret_storage,
  };

  return route_relay (snapshot, PB_ROUTE_REASON_RELAY, &relay);
}

static PbRoute *
route_exception (const PbSnapshot *snapshot, PbRouteReason reason, const PbRelayRule *rule)
{
  const Relay relay = {
    .id = rule->id,
    .name = rule->name,
    .server = rule->server,
    .port = rule->port,
    .fallback = rule->fallback,
    .tls = rule->tls,
    .verify = rule->verify,
    .fingerprint = rule->fingerprint,
    .auth = rule->auth,
    .user = rule->user,
    .secret_storage = rule->secret_storage,
  };

  return route_relay (snapshot, reason, &relay);
}

static const PbRelayRule *
find_sender_rule (const PbSnapshot *snapshot, const char *sender)
{
  g_autoptr (PbAddress) address = NULL;

  if (sender[0] == '\0' || !pb_snapshot_has_relay_rules (snapshot, PB_RELAY_RULE_SENDER))
    return NULL;
  address = pb_address_parse (sender, strlen (sender), PB_ADDRESS_UTF8 | PB_ADDRESS_ALLOW_LITERAL,
                              NULL);
  return address != NULL ? pb_snapshot_find_relay_rule (snapshot, PB_RELAY_RULE_SENDER,
                                                        address->local, address->domain)
                         : NULL;
}

static PbRoute *
route_remote (const PbSnapshot *snapshot, const char *sender, const PbAddress *address)
{
  const PbRelayRule *rule;
  const char *target = NULL;

  rule = pb_snapshot_find_relay_rule (snapshot, PB_RELAY_RULE_RECIPIENT, address->local,
                                      address->domain);
  if (rule != NULL)
    return route_exception (snapshot, PB_ROUTE_REASON_EXCEPTION_RECIPIENT, rule);
  if (pb_snapshot_is_relay_domain (snapshot, address->domain, &target))
    return target != NULL ? route_target (snapshot, PB_ROUTE_REASON_DOMAIN_LIST, target)
                          : route_mx (PB_ROUTE_REASON_DOMAIN_LIST, address->domain);
  rule = find_sender_rule (snapshot, sender);
  if (rule != NULL)
    return route_exception (snapshot, PB_ROUTE_REASON_EXCEPTION_SENDER, rule);
  if (g_str_equal (snapshot->values.delivery_mode, "relay"))
    return route_general (snapshot);
  return address->literal ? route_literal (address->domain)
                          : route_mx (PB_ROUTE_REASON_MX, address->domain);
}

PbRoute *
pb_route_find (const PbSnapshot *snapshot, const char *sender, const char *recipient,
               const char *override_target)
{
  g_autoptr (PbAddress) address =
    pb_address_parse (recipient, strlen (recipient),
                      PB_ADDRESS_UTF8 | PB_ADDRESS_ALLOW_LITERAL | PB_ADDRESS_ALLOW_NO_DOMAIN,
                      NULL);

  if (address == NULL)
    return route_unknown (PB_ROUTE_REASON_NONE, "no mail address");
  if (override_target != NULL)
    return route_target (snapshot, PB_ROUTE_REASON_REROUTED, override_target);
  if (address->domain == NULL || pb_snapshot_is_local_domain (snapshot, address->domain))
    return route_local (snapshot, address);
  return route_remote (snapshot, sender, address);
}

char *
pb_route_lmtp_recipient (const PbSnapshot *snapshot, const char *recipient)
{
  g_autoptr (PbAddress) address = pb_address_parse (
    recipient, strlen (recipient), PB_ADDRESS_UTF8 | PB_ADDRESS_ALLOW_NO_DOMAIN, NULL);
  const char *domain;
  g_autofree char *name = NULL;
  g_autofree char *local = NULL;
  char *at;
  PbLocal found;

  if (address == NULL)
    return g_strdup (recipient);
  found = pb_snapshot_resolve_mailbox (snapshot, address->local, address->domain);
  domain = address->domain != NULL ? address->domain : snapshot->values.general_hostname;
  if (found.kind == PB_LOCAL_ACCOUNT && found.name != NULL)
    name = g_strdup (found.name);
  else if (found.kind == PB_LOCAL_SYSTEM_USER)
    name = g_ascii_strdown (address->local, (gssize) found.length);
  else
    return g_strdup (recipient);
  at = strrchr (name, '@');
  if (at != NULL)
    {
      *at = '\0';
      domain = at + 1;
    }
  local = g_strconcat (name, address->local + found.length, NULL);
  return pb_address_format (local, domain);
}

PbRoute *
pb_route_find_relay (const PbSnapshot *snapshot, const char *relay)
{
  const PbRelayRule *rule;

  if (g_str_equal (relay, PB_ROUTE_RELAY_GENERAL))
    return route_general (snapshot);
  rule = pb_snapshot_relay_rule (snapshot, relay);
  if (rule == NULL)
    return NULL;
  return route_exception (snapshot,
                          rule->kind == PB_RELAY_RULE_SENDER ? PB_ROUTE_REASON_EXCEPTION_SENDER
                                                             : PB_ROUTE_REASON_EXCEPTION_RECIPIENT,
                          rule);
}
