/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One relay's login: what a client said, what the relay refused, who waits, and the question that goes
 * to the clients. Called by the keeper, on the main thread; an asking's answer goes to the asker's. Who
 * waits is answered once: by what is said, after its patience, or at the login's end.
 */
#include "service/relay-keeper-private.h"

#include "util/clock.h"

/* ---- answering ---- */

static void
asking_free (PbRelayAsking *self)
{
  g_clear_handle_id (&self->timer, g_source_remove);
  g_clear_pointer (&self->secret, pb_secret_unref);
  pb_route_unref (self->route);
  pb_mailbox_unref (self->reply_to);
  g_free (self);
}

/* On the asker's thread. */
static void
on_answer (gpointer data)
{
  PbRelayAsking *self = data;

  self->func (self->answer, g_steal_pointer (&self->secret), self->user_data);
  asking_free (self);
}

void
pb_relay_asking_answer (PbRelayAsking *self, PbRelaySecretAnswer answer, PbSecret *secret)
{
  g_clear_handle_id (&self->timer, g_source_remove);
  self->answer = answer;
  self->secret = secret;
  pb_mailbox_post (self->reply_to, on_answer, self);
}

PbRelayAsking *
pb_relay_asking_new (PbRelayKeeper *keeper, const PbRoute *route, PbMailbox *reply_to,
                     PbRelaySecretFunc func, gpointer user_data)
{
  PbRelayAsking *self = g_new0 (PbRelayAsking, 1);

  self->keeper = keeper;
  self->route = pb_route_ref ((PbRoute *) route);
  self->reply_to = pb_mailbox_ref (reply_to);
  self->func = func;
  self->user_data = user_data;
  return self;
}

/* ---- logins ---- */

void
pb_relay_keeping_forget (PbRelayKeeping *self)
{
  g_clear_handle_id (&self->forget_timer, g_source_remove);
  g_clear_pointer (&self->said, pb_secret_unref);
}

void
pb_relay_keeping_free (gpointer data)
{
  PbRelayKeeping *self = data;
  PbRelayAsking *asking;

  while ((asking = g_queue_pop_head (&self->waiting)) != NULL)
    pb_relay_asking_answer (asking, PB_RELAY_SECRET_WAITING, NULL);
  pb_relay_keeping_forget (self);
  pb_route_unref (self->route);
  g_free (self->refused);
  g_clear_pointer (&self->sealed, g_bytes_unref);
  g_free (self);
}

PbRelayKeeping *
pb_relay_keeper_find (PbRelayKeeper *self, PbRoute *route)
{
  PbRelayKeeping *login = g_hash_table_lookup (self->logins, route->key);

  if (login != NULL)
    return login;
  login = g_new0 (PbRelayKeeping, 1);
  login->keeper = self;
  login->route = pb_route_ref (route);
  g_queue_init (&login->waiting);
  g_hash_table_insert (self->logins, route->key, login);
  return login;
}

/* What nobody uses for a while is asked for anew: mail that comes now and then asks each time. */
static gboolean
on_forget_due (gpointer user_data)
{
  PbRelayKeeping *self = user_data;

  self->forget_timer = 0;
  pb_relay_keeping_forget (self);
  return G_SOURCE_REMOVE;
}

void
pb_relay_keeping_used (PbRelayKeeping *self)
{
  if (self->route->secret != PB_ROUTE_SECRET_ASK)
    return;
  g_clear_handle_id (&self->forget_timer, g_source_remove);
  self->forget_timer = g_timeout_add (self->keeper->times.kept, on_forget_due, self);
}

/* ---- asking clients ---- */

/* What one question is about; its login may be gone when it is answered. */
typedef struct
{
  PbRelayKeeper *keeper; /* (unowned) the agents answer all before it is freed */
  char *key;             /* (owned) */
} Question;

static void
login_take (PbRelayKeeping *self, PbSecret *secret)
{
  gboolean in_time = !g_queue_is_empty (&self->waiting);
  PbRelayAsking *asking;

  pb_relay_keeping_forget (self);
  self->said = secret;
  pb_relay_keeping_used (self);
  while ((asking = g_queue_pop_head (&self->waiting)) != NULL)
    pb_relay_asking_answer (asking, PB_RELAY_SECRET_GIVEN, pb_secret_ref (secret));
  pb_relay_keeper_end_missing (self->keeper, self->route);
  if ((self->missed || !in_time) && self->keeper->wake != NULL)
    self->keeper->wake (self->keeper->wake_data);
  self->missed = FALSE;
}

static void
login_go_without (PbRelayKeeping *self)
{
  PbRelayAsking *asking;

  self->quiet_until = pb_clock_monotonic () + (gint64) self->keeper->times.quiet * 1000;
  self->missed = TRUE;
  pb_relay_keeper_raise_missing (self->keeper, self->route, PB_RELAY_SECRET_WAITING);
  while ((asking = g_queue_pop_head (&self->waiting)) != NULL)
    pb_relay_asking_answer (asking, PB_RELAY_SECRET_WAITING, NULL);
}

static void
on_said (PbSecret *said, gpointer user_data)
{
  g_autofree Question *question = user_data;
  g_autofree char *key = question->key;
  g_autoptr (PbSecret) secret = said;
  PbRelayKeeping *login = pb_relay_keeper_is_closed (question->keeper)
                            ? NULL
                            : g_hash_table_lookup (question->keeper->logins, key);

  /* The relay leads elsewhere by now: it was said for another. */
  if (login == NULL || !login->asked)
    return;
  login->asked = FALSE;
  if (secret != NULL)
    login_take (login, g_steal_pointer (&secret));
  else
    login_go_without (login);
}

static GVariant *
describe (PbRelayKeeping *self)
{
  const PbRoute *route = self->route;
  GVariantBuilder details;

  g_variant_builder_init (&details, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&details, "{sv}", "Instance",
                         g_variant_new_string (pb_registry_instance_id (self->keeper->registry)));
  g_variant_builder_add (&details, "{sv}", "Server", g_variant_new_string (route->hosts[0].host));
  g_variant_builder_add (&details, "{sv}", "Port", g_variant_new_uint32 (route->hosts[0].port));
  g_variant_builder_add (&details, "{sv}", "User", g_variant_new_string (route->user));
  g_variant_builder_add (&details, "{sv}", "Name",
                         g_variant_new_string (route->name != NULL ? route->name : ""));
  g_variant_builder_add (&details, "{sv}", "Storage",
                         g_variant_new_string (route->secret == PB_ROUTE_SECRET_ASK ? "ask"
                                                                                    : "agent"));
  g_variant_builder_add (&details, "{sv}", "Refused",
                         g_variant_new_string (self->refused != NULL ? self->refused : ""));
  return g_variant_builder_end (&details);
}

static void
login_ask (PbRelayKeeping *self)
{
  gboolean person = self->route->secret == PB_ROUTE_SECRET_ASK || self->refused != NULL;
  Question *question = g_new (Question, 1);

  *question = (Question){ self->keeper, g_strdup (self->route->key) };
  self->asked = TRUE;
  pb_secret_agents_ask (self->keeper->agents, self->route->relay_id, describe (self),
                        person ? self->keeper->times.person : self->keeper->times.agent, on_said,
                        question);
}

/* Somebody may still answer; then the mail is tried at once. */
static gboolean
on_patience_over (gpointer user_data)
{
  PbRelayAsking *self = user_data;
  PbRelayKeeping *login = g_hash_table_lookup (self->keeper->logins, self->route->key);

  self->timer = 0;
  g_queue_remove (&login->waiting, self);
  login->missed = TRUE;
  pb_relay_keeper_raise_missing (self->keeper, self->route, PB_RELAY_SECRET_WAITING);
  pb_relay_asking_answer (self, PB_RELAY_SECRET_WAITING, NULL);
  return G_SOURCE_REMOVE;
}

void
pb_relay_keeping_wait (PbRelayKeeping *self, PbRelayAsking *asking)
{
  gboolean quiet = self->quiet_until > pb_clock_monotonic ();

  if (!self->asked && (quiet || pb_secret_agents_count (self->keeper->agents) == 0))
    {
      self->missed = TRUE;
      pb_relay_keeper_raise_missing (self->keeper, self->route, PB_RELAY_SECRET_WAITING);
      pb_relay_asking_answer (asking, PB_RELAY_SECRET_WAITING, NULL);
      return;
    }
  g_queue_push_tail (&self->waiting, asking);
  asking->timer = g_timeout_add (self->keeper->times.patience, on_patience_over, asking);
  if (!self->asked)
    login_ask (self);
}
