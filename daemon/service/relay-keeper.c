/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Passwords of relays on their way to a login. Each is for one route: the one that stands in the
 * settings now, with its host, user and demands; a connection that was made for another gets none,
 * whatever is kept. Sealed ones are opened on the asker's thread; the others are asked of clients, one
 * question for all connections that wait. What a client said stays in memory until the relay leads
 * elsewhere or refuses it ("ask": or is idle for a while), and is never stored. The SMTP agents ask from
 * their reactors; everything else happens on the main thread. However it ends, an asker is answered once.
 */
#include "service/relay-keeper-private.h"

#include "settings/secrets.h"

#include <string.h>

gboolean
pb_relay_keeper_is_closed (PbRelayKeeper *self)
{
  return g_atomic_int_get (&self->closed);
}

static const PbRelayKeeperTimes default_times = {
  .patience = 30 * 1000,
  .agent = 30 * 1000,
  .person = 5 * 60 * 1000,
  .quiet = 5 * 60 * 1000,
  .kept = 10 * 60 * 1000,
};

/* ---- what is kept here ---- */

/* Whether the settings still lead where that route does, with the same login and the same demands. */
static gboolean
is_current (const PbSnapshot *snapshot, const PbRoute *route)
{
  g_autoptr (PbRoute) now =
    route->relay_id != NULL ? pb_route_find_relay (snapshot, route->relay_id) : NULL;

  return now != NULL && g_str_equal (now->key, route->key);
}

/* Whether mail can still want that login. */
static gboolean
is_used (const PbSnapshot *snapshot, const PbRoute *route)
{
  return is_current (snapshot, route)
         && (!g_str_equal (route->relay_id, PB_ROUTE_RELAY_GENERAL)
             || g_str_equal (snapshot->values.delivery_mode, "relay"));
}

/* For people: which host, and by which exception. */
static char *
name_relay (const PbRoute *route)
{
  const PbRouteHost *host = &route->hosts[0];

  if (route->name == NULL || route->name[0] == '\0')
    return g_strdup_printf ("%s:%u", host->host, host->port);
  return g_strdup_printf ("%s:%u (“%s”)", host->host, host->port, route->name);
}

void
pb_relay_keeper_raise_missing (PbRelayKeeper *self, const PbRoute *route,
                               PbRelaySecretAnswer answer)
{
  g_autoptr (PbSnapshot) snapshot = pb_registry_snapshot (self->registry);
  g_autofree char *relay = name_relay (route);

  if (is_used (snapshot, route))
    pb_alerts_raise (self->alerts, PB_ALERT_RELAY_PASSWORD_MISSING, route->relay_id,
                     pb_say ("{relay}: {reason}", "relay", pb_say_text (relay), "reason",
                             pb_say_words (pb_relay_secret_reason (answer))));
}

void
pb_relay_keeper_end_missing (PbRelayKeeper *self, const PbRoute *route)
{
  pb_alerts_end (self->alerts, PB_ALERT_RELAY_PASSWORD_MISSING, route->relay_id);
}

static PbSecret *
open_sealed (const PbSnapshot *snapshot, const char *relay, PbRelaySecretAnswer *answer)
{
  const PbRelayRule *rule = pb_snapshot_relay_rule (snapshot, relay);
  g_autoptr (GError) error = NULL;
  PbRelayLogin login;
  PbSecret *secret;

  if (rule != NULL)
    pb_relay_login_rule (&login, rule);
  else
    pb_relay_login_general (&login, &snapshot->values);
  secret = pb_secrets_open (snapshot->secrets, &login, &error);
  *answer = PB_RELAY_SECRET_GIVEN;
  if (secret == NULL)
    *answer = g_error_matches (error, PB_SECRETS_ERROR, PB_SECRETS_ERROR_NONE)
                ? PB_RELAY_SECRET_NONE
                : PB_RELAY_SECRET_STALE;
  return secret;
}

static GBytes *
sealed_now (PbRelayKeeper *self, const char *relay)
{
  g_autoptr (PbSnapshot) snapshot = pb_registry_snapshot (self->registry);
  GBytes *sealed = snapshot->secrets != NULL ? pb_secrets_lookup (snapshot->secrets, relay) : NULL;

  return sealed != NULL ? g_bytes_ref (sealed) : NULL;
}

static void
on_ask (gpointer data)
{
  PbRelayAsking *self = data;
  PbRelayKeeper *keeper = self->keeper;
  g_autoptr (PbSnapshot) snapshot = NULL;
  PbRelayKeeping *login;

  if (pb_relay_keeper_is_closed (keeper))
    {
      pb_relay_asking_answer (self, PB_RELAY_SECRET_WAITING, NULL);
      return;
    }
  snapshot = pb_registry_snapshot (keeper->registry);
  if (!is_current (snapshot, self->route))
    {
      pb_relay_asking_answer (self, PB_RELAY_SECRET_STALE, NULL);
      return;
    }
  login = pb_relay_keeper_find (keeper, self->route);
  if (login->said == NULL)
    {
      pb_relay_keeping_wait (login, self);
      return;
    }
  pb_relay_keeping_used (login);
  pb_relay_asking_answer (self, PB_RELAY_SECRET_GIVEN, pb_secret_ref (login->said));
}

/* ---- what the SMTP agents say ---- */

/* How an opened password, a login or its refusal came out; told from any thread. */
typedef struct
{
  PbRelayKeeper *keeper; /* (unowned) */
  PbRoute *route;        /* (owned) */
  PbRelaySecretAnswer answer;
  char *reply; /* (owned) (nullable) */
} Outcome;

static Outcome *
outcome_new (PbRelayKeeper *keeper, const PbRoute *route)
{
  Outcome *self = g_new0 (Outcome, 1);

  self->keeper = keeper;
  self->route = pb_route_ref ((PbRoute *) route);
  return self;
}

static void
outcome_free (Outcome *self)
{
  pb_route_unref (self->route);
  g_free (self->reply);
  g_free (self);
}

static void
remember_sealed (PbRelayKeeping *self)
{
  g_clear_pointer (&self->sealed, g_bytes_unref);
  self->sealed = sealed_now (self->keeper, self->route->relay_id);
}

/* Of a password that is kept here. */
static void
on_missing (gpointer data)
{
  Outcome *self = data;
  g_autoptr (PbSnapshot) snapshot = pb_registry_snapshot (self->keeper->registry);

  if (!pb_relay_keeper_is_closed (self->keeper) && is_current (snapshot, self->route))
    {
      remember_sealed (pb_relay_keeper_find (self->keeper, self->route));
      pb_relay_keeper_raise_missing (self->keeper, self->route, self->answer);
    }
  outcome_free (self);
}

static void
ask_here (PbRelayKeeper *self, PbRelayAsking *asking)
{
  g_autoptr (PbSnapshot) snapshot = pb_registry_snapshot (self->registry);
  PbRelaySecretAnswer answer = PB_RELAY_SECRET_STALE;
  PbSecret *secret = NULL;

  if (is_current (snapshot, asking->route))
    secret = open_sealed (snapshot, asking->route->relay_id, &answer);
  if (secret == NULL)
    {
      Outcome *outcome = outcome_new (self, asking->route);

      outcome->answer = answer;
      pb_mailbox_post (self->mailbox, on_missing, outcome);
    }
  pb_relay_asking_answer (asking, answer, secret);
}

static void
source_ask (gpointer source, const PbRoute *route, PbMailbox *reply_to, PbRelaySecretFunc func,
            gpointer user_data)
{
  PbRelayKeeper *self = source;
  PbRelayAsking *asking = pb_relay_asking_new (self, route, reply_to, func, user_data);

  if (pb_relay_keeper_is_closed (self))
    {
      pb_relay_asking_answer (asking, PB_RELAY_SECRET_WAITING, NULL);
      return;
    }
  switch (route->secret)
    {
    case PB_ROUTE_SECRET_SYSTEM:
      ask_here (self, asking);
      break;
    case PB_ROUTE_SECRET_AGENT:
    case PB_ROUTE_SECRET_ASK:
      pb_mailbox_post (self->mailbox, on_ask, asking);
      break;
    }
}

static void
on_refused (gpointer data)
{
  Outcome *self = data;
  g_autoptr (PbSnapshot) snapshot = pb_registry_snapshot (self->keeper->registry);
  g_autofree char *relay = name_relay (self->route);
  PbRelayKeeping *login;

  if (!pb_relay_keeper_is_closed (self->keeper) && is_current (snapshot, self->route))
    {
      login = pb_relay_keeper_find (self->keeper, self->route);
      pb_relay_keeping_forget (login);
      login->missed = TRUE;
      login->quiet_until = 0;
      g_free (login->refused);
      login->refused = g_strdup (self->reply);
      remember_sealed (login);
      if (is_used (snapshot, self->route))
        pb_alerts_raise (self->keeper->alerts, PB_ALERT_RELAY_LOGIN_REFUSED, self->route->relay_id,
                         pb_say ("{relay} refused the login of “{user}”: {reply}", "relay",
                                 pb_say_text (relay), "user", pb_say_text (self->route->user),
                                 "reply", pb_say_text (self->reply)));
    }
  outcome_free (self);
}

static void
source_refused (gpointer source, const PbRoute *route, const char *reply)
{
  PbRelayKeeper *self = source;
  Outcome *outcome = outcome_new (self, route);

  outcome->reply = g_utf8_make_valid (reply, -1);
  pb_mailbox_post (self->mailbox, on_refused, outcome);
}

static void
end_refused (PbRelayKeeper *self, PbRelayKeeping *login)
{
  g_clear_pointer (&login->refused, g_free);
  g_clear_pointer (&login->sealed, g_bytes_unref);
  pb_alerts_end (self->alerts, PB_ALERT_RELAY_LOGIN_REFUSED, login->route->relay_id);
}

static void
on_accepted (gpointer data)
{
  Outcome *self = data;
  PbRelayKeeping *login = pb_relay_keeper_is_closed (self->keeper)
                            ? NULL
                            : g_hash_table_lookup (self->keeper->logins, self->route->key);

  if (login != NULL)
    end_refused (self->keeper, login);
  if (!pb_relay_keeper_is_closed (self->keeper))
    pb_relay_keeper_end_missing (self->keeper, self->route);
  outcome_free (self);
}

static void
source_accepted (gpointer source, const PbRoute *route)
{
  PbRelayKeeper *self = source;

  pb_mailbox_post (self->mailbox, on_accepted, outcome_new (self, route));
}

/* ---- what changes ---- */

/* A relay that leads elsewhere forgets what it was told, and a password that was set anew may be right. */
static void
review (PbRelayKeeper *self)
{
  g_autoptr (PbSnapshot) snapshot = pb_registry_snapshot (self->registry);
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, self->logins);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      PbRelayKeeping *login = value;
      g_autoptr (GBytes) sealed = sealed_now (self, login->route->relay_id);
      gboolean used = is_used (snapshot, login->route);

      if (!used || login->sealed != sealed)
        {
          end_refused (self, login);
          pb_relay_keeper_end_missing (self, login->route);
        }
      if (!used)
        g_hash_table_iter_remove (&iter);
    }
}

static gboolean
contains (GPtrArray *relays, const char *relay)
{
  return g_ptr_array_find_with_equal_func (relays, relay, g_str_equal, NULL);
}

/*
 * A password that is kept and no more used, since the relay's settings changed, is told of at once: not when the
 * first mail has waited for it. What was told of before and is not stale now is over.
 */
static void
review_stale (PbRelayKeeper *self)
{
  g_autoptr (PbSnapshot) snapshot = pb_registry_snapshot (self->registry);
  g_autoptr (GPtrArray) now = pb_registry_stale_relays (self->registry);
  g_autoptr (GPtrArray) before = g_steal_pointer (&self->stale);

  self->stale = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; i < now->len; i++)
    {
      g_autoptr (PbRoute) route = pb_route_find_relay (snapshot, now->pdata[i]);

      if (route == NULL || route->secret != PB_ROUTE_SECRET_SYSTEM || !is_used (snapshot, route))
        continue;
      pb_relay_keeper_raise_missing (self, route, PB_RELAY_SECRET_STALE);
      g_ptr_array_add (self->stale, g_strdup (now->pdata[i]));
    }
  for (guint i = 0; i < before->len; i++)
    if (!contains (self->stale, before->pdata[i]))
      pb_alerts_end (self->alerts, PB_ALERT_RELAY_PASSWORD_MISSING, before->pdata[i]);
}

static void
on_settings_changed (PbRegistry *registry, const char *interface, GStrv names, gpointer user_data)
{
  if (!g_str_equal (interface, "Delivery"))
    return;
  review (user_data);
  review_stale (user_data);
}

static void
on_list_changed (PbRegistry *registry, int kind, guint64 revision, gpointer user_data)
{
  if (kind != PB_LIST_RELAY_EXCEPTIONS)
    return;
  review (user_data);
  review_stale (user_data);
}

/* A client has come: whoever waits is asked for anew. */
static void
on_agent_came (gpointer user_data)
{
  PbRelayKeeper *self = user_data;
  gboolean missed = FALSE;
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, self->logins);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      PbRelayKeeping *login = value;

      login->quiet_until = 0;
      missed |= login->missed && login->route->secret != PB_ROUTE_SECRET_SYSTEM;
    }
  if (missed && self->wake != NULL)
    self->wake (self->wake_data);
}

PbRelayKeeper *
pb_relay_keeper_new (PbRegistry *registry, PbMailbox *mailbox, PbSecretAgents *agents,
                     PbAlerts *alerts)
{
  PbRelayKeeper *self = g_new0 (PbRelayKeeper, 1);

  self->source = (PbRelaySecretSource){ source_ask, source_refused, source_accepted, self };
  self->times = default_times;
  self->registry = registry;
  self->mailbox = pb_mailbox_ref (mailbox);
  self->agents = agents;
  self->alerts = alerts;
  self->logins = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, pb_relay_keeping_free);
  self->settings_handler =
    g_signal_connect (registry, "settings-changed", G_CALLBACK (on_settings_changed), self);
  self->list_handler =
    g_signal_connect (registry, "list-changed", G_CALLBACK (on_list_changed), self);
  pb_secret_agents_watch (agents, on_agent_came, self);
  self->stale = g_ptr_array_new ();
  review_stale (self);
  return self;
}

void
pb_relay_keeper_close (PbRelayKeeper *self)
{
  if (!g_atomic_int_compare_and_exchange (&self->closed, FALSE, TRUE))
    return;
  pb_secret_agents_watch (self->agents, NULL, NULL);
  g_hash_table_remove_all (self->logins);
  pb_mailbox_dispatch (self->mailbox);
}

void
pb_relay_keeper_free (PbRelayKeeper *self)
{
  g_signal_handler_disconnect (self->registry, self->settings_handler);
  g_signal_handler_disconnect (self->registry, self->list_handler);
  pb_relay_keeper_close (self);
  pb_mailbox_dispatch (self->mailbox);
  g_hash_table_unref (self->logins);
  g_ptr_array_unref (self->stale);
  pb_mailbox_unref (self->mailbox);
  g_free (self);
}

PbRelayKeeperTimes *
pb_relay_keeper_times (PbRelayKeeper *self)
{
  return &self->times;
}

const PbRelaySecretSource *
pb_relay_keeper_source (PbRelayKeeper *self)
{
  return &self->source;
}

void
pb_relay_keeper_watch (PbRelayKeeper *self, void (*wake) (gpointer user_data), gpointer user_data)
{
  self->wake = wake;
  self->wake_data = user_data;
}
