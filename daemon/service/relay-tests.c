/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What Manager.TestRelay does: a delivery that only asks whether one recipient would be taken goes over
 * the relay, by the same code as mail, with the same password, on a connection of its own; what the SMTP
 * client tells of each step is put together for the answer. No message is ever sent. Steps come from the
 * reactors through the main thread's mailbox. A relay that answers nothing for a minute gets the answer
 * written without it; its delivery then ends by itself.
 */
#include "service/relay-tests.h"

#include "dbus/errors.h"
#include "util/clock.h"
#include "util/marked.h"

#include <string.h>

#define MAX_RUNNING   8
#define LIMIT_SECONDS 60

static const char *const step_names[] = {
  [PB_SMTP_STEP_RESOLVE] = "resolve",   [PB_SMTP_STEP_CONNECT] = "connect",
  [PB_SMTP_STEP_GREETING] = "greeting", [PB_SMTP_STEP_TLS] = "tls",
  [PB_SMTP_STEP_LOGIN] = "login",
};

struct _PbRelayTests
{
  PbSmtpAgent *agent;   /* (unowned) */
  PbRegistry *registry; /* (unowned) */
  PbMailbox *mailbox;   /* (owned) */
  guint n_running;
};

/* One try. Lives until its delivery is back. */
typedef struct
{
  PbSmtpWatch watch;   /* first */
  PbRelayTests *tests; /* (unowned) */
  PbRoute *route;      /* (owned) */
  GVariantBuilder rows;
  guint seen;         /* a bit for each step that has a row */
  gboolean failed;    /* the last step did */
  gint64 last;        /* monotonic microseconds */
  guint timer;        /* source id, 0: none */
  PbRelayTested func; /* (nullable) NULL once it was called */
  gpointer user_data;
} Try;

/* A step on its way to the main thread. */
typedef struct
{
  Try *try; /* (unowned) its delivery comes behind this */
  PbSmtpStep step;
  PbSmtpStepState state;
  gint64 time;
  char *remote, *detail; /* (owned) (nullable) */
  GVariant *certificate; /* (owned) (nullable) a{sv} */
} Event;

/* ---- rows ---- */

static const char *
state_name (PbSmtpStepState state)
{
  switch (state)
    {
    case PB_SMTP_STEP_OK:
      return "ok";
    case PB_SMTP_STEP_WARNING:
      return "warning";
    case PB_SMTP_STEP_FAILED:
      break;
    }
  return "failed";
}

static void
put (GVariantBuilder *row, const char *name, GVariant *value)
{
  g_variant_builder_add (row, "{sv}", name, value);
}

static void
put_text (GVariantBuilder *row, const char *name, const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text != NULL ? text : "", -1);

  put (row, name, g_variant_new_string (valid));
}

/* @certificate: (nullable). */
static void
add_row (Try *self, const char *step, const char *state, const char *host, const char *detail,
         gint64 time, GVariant *certificate)
{
  GVariantBuilder *row = &self->rows;
  GVariantIter iter;
  const char *name;
  GVariant *value;

  g_variant_builder_open (row, G_VARIANT_TYPE_VARDICT);
  put_text (row, "Step", step);
  put_text (row, "State", state);
  put_text (row, "Host", host);
  put_text (row, "Detail", detail);
  put (row, "Seconds",
       g_variant_new_double ((double) MAX (time - self->last, 0) / (double) G_USEC_PER_SEC));
  if (certificate != NULL)
    {
      g_variant_iter_init (&iter, certificate);
      while (g_variant_iter_loop (&iter, "{&sv}", &name, &value))
        put (row, name, value);
    }
  g_variant_builder_close (row);
  self->last = time;
}

static GVariant *
describe_peer (const PbTlsPeer *peer)
{
  const PbTlsIdentity *identity = &peer->identity;
  GVariantBuilder row;

  g_variant_builder_init (&row, G_VARIANT_TYPE_VARDICT);
  put_text (&row, "Subject", identity->subject);
  put_text (&row, "Issuer", identity->issuer);
  put (&row, "Names", g_variant_new_strv ((const char *const *) identity->names, -1));
  put (&row, "NotBefore", g_variant_new_uint64 ((guint64) MAX (identity->not_before, 0)));
  put (&row, "NotAfter", g_variant_new_uint64 ((guint64) MAX (identity->not_after, 0)));
  put_text (&row, "Fingerprint", peer->key_fingerprint);
  put (&row, "Verified", g_variant_new_boolean (peer->trouble == NULL));
  put_text (&row, "Trouble", peer->trouble);
  return g_variant_ref_sink (g_variant_builder_end (&row));
}

/* ---- steps ---- */

static void
on_event (gpointer data)
{
  Event *event = data;
  Try *self = event->try;

  if (self->func != NULL)
    {
      add_row (self, step_names[event->step], state_name (event->state), event->remote,
               event->detail, event->time, event->certificate);
      self->seen |= 1u << event->step;
      self->failed = event->state == PB_SMTP_STEP_FAILED;
    }
  g_clear_pointer (&event->certificate, g_variant_unref);
  g_free (event->remote);
  g_free (event->detail);
  g_free (event);
}

/* On a reactor's thread. */
static void
on_step (PbSmtpWatch *watch, PbSmtpStep step, PbSmtpStepState state, const char *remote,
         const char *detail, const PbTlsPeer *peer)
{
  Try *self = (Try *) watch;
  Event *event = g_new0 (Event, 1);

  event->try = self;
  event->step = step;
  event->state = state;
  event->time = pb_clock_monotonic ();
  event->remote = g_strdup (remote);
  event->detail = g_strdup (detail);
  event->certificate = peer != NULL ? describe_peer (peer) : NULL;
  pb_mailbox_post (self->tests->mailbox, on_event, event);
}

static void
answer (Try *self)
{
  PbRelayTested func = g_steal_pointer (&self->func);
  g_autoptr (GVariant) steps = g_variant_ref_sink (g_variant_builder_end (&self->rows));

  g_clear_handle_id (&self->timer, g_source_remove);
  func (steps, NULL, self->user_data);
}

static void
skip_unseen (Try *self)
{
  for (guint step = 0; step < G_N_ELEMENTS (step_names); step++)
    if ((self->seen & 1u << step) == 0)
      add_row (self, step_names[step], "skipped", NULL,
               step == PB_SMTP_STEP_LOGIN && !self->route->auth ? N_ ("no login is set") : "",
               self->last, NULL);
}

/* The rest, from what became of the delivery. What is refused here is refused of our own addresses. */
static void
add_result (Try *self, const PbResult *result)
{
  const char *state = !result->reply_is_smtp                ? "failed"
                      : result->kind == PB_RESULT_DELIVERED ? "ok"
                                                            : "warning";
  gint64 now = pb_clock_monotonic ();

  if (self->failed || (self->seen & 1u << PB_SMTP_STEP_GREETING) == 0)
    {
      add_row (self, "mail", "skipped", NULL, "", self->last, NULL);
      add_row (self, "recipient", "skipped", NULL, "", self->last, NULL);
    }
  else if (result->at_rcpt)
    {
      add_row (self, "mail", "ok", result->remote, "", now, NULL);
      add_row (self, "recipient", state, result->remote, result->reply, now, NULL);
    }
  else
    {
      add_row (self, "mail", state, result->remote, result->reply, now, NULL);
      add_row (self, "recipient", "skipped", NULL, "", now, NULL);
    }
}

static void
on_tried (PbDelivery *tried, gpointer user_data)
{
  Try *self = user_data;
  g_autoptr (PbDelivery) delivery = tried;

  if (self->func != NULL)
    {
      skip_unseen (self);
      add_result (self, &delivery->results[0]);
      answer (self);
    }
  self->tests->n_running--;
  pb_route_unref (self->route);
  g_free (self);
}

static gboolean
on_limit (gpointer user_data)
{
  Try *self = user_data;
  guint step = PB_SMTP_STEP_RESOLVE;

  self->timer = 0;
  while (step < PB_SMTP_STEP_LOGIN && (self->seen & 1u << step) != 0)
    step++;
  add_row (self, step_names[step], "failed", NULL, N_ ("no answer within a minute"),
           pb_clock_monotonic (), NULL);
  answer (self);
  return G_SOURCE_REMOVE;
}

/* ---- beginning ---- */

/* Mail to oneself from the login's address, which relays take most readily; else the postmaster's. */
static PbEnvelope *
make_envelope (const PbRoute *route, const PbSnapshot *snapshot)
{
  PbEnvelope *envelope = pb_envelope_new (0);
  gboolean is_address = route->user != NULL && strchr (route->user, '@') != NULL
                        && g_str_is_ascii (route->user) && strpbrk (route->user, " <>\"") == NULL;

  envelope->sender = is_address
                       ? g_strdup (route->user)
                       : g_strconcat ("postmaster@", snapshot->values.general_hostname, NULL);
  envelope->client = g_strdup ("local");
  envelope->n_recipients = 1;
  envelope->recipients = g_new0 (PbRecipient, 1);
  envelope->recipients[0].address = g_strdup (envelope->sender);
  return envelope;
}

static void
begin (PbRelayTests *self, PbRoute *route, PbSnapshot *snapshot, PbRelayTested func,
       gpointer user_data)
{
  g_autoptr (PbEnvelope) envelope = make_envelope (route, snapshot);
  const guint first = 0;
  PbDelivery *delivery = pb_delivery_new (envelope, NULL, route, snapshot, &first, 1);
  Try *try = g_new0 (Try, 1);

  try->watch.step = on_step;
  try->tests = self;
  try->route = pb_route_ref (route);
  g_variant_builder_init (&try->rows, G_VARIANT_TYPE ("aa{sv}"));
  try->last = pb_clock_monotonic ();
  try->func = func;
  try->user_data = user_data;
  try->timer = g_timeout_add_seconds (LIMIT_SECONDS, on_limit, try);
  delivery->verify_only = TRUE;
  delivery->watch = &try->watch;
  self->n_running++;
  pb_smtp_agent_deliver (self->agent, delivery, self->mailbox, on_tried, try);
}

static void
answer_nowhere (const PbRoute *route, PbRelayTested func, gpointer user_data)
{
  Try try = { .route = (PbRoute *) route, .func = func, .user_data = user_data };
  PbResult none = { .kind = PB_RESULT_DEFERRED };

  g_variant_builder_init (&try.rows, G_VARIANT_TYPE ("aa{sv}"));
  add_row (&try, step_names[PB_SMTP_STEP_RESOLVE], "failed", NULL, route->why, 0, NULL);
  try.seen = 1u << PB_SMTP_STEP_RESOLVE;
  try.failed = TRUE;
  skip_unseen (&try);
  add_result (&try, &none);
  answer (&try);
}

PbRelayTests *
pb_relay_tests_new (PbSmtpAgent *agent, PbRegistry *registry, PbMailbox *mailbox)
{
  PbRelayTests *self = g_new0 (PbRelayTests, 1);

  self->agent = agent;
  self->registry = registry;
  self->mailbox = pb_mailbox_ref (mailbox);
  return self;
}

void
pb_relay_tests_free (PbRelayTests *self)
{
  pb_mailbox_unref (self->mailbox);
  g_free (self);
}

void
pb_relay_tests_run (PbRelayTests *self, const char *relay, PbRelayTested func, gpointer user_data)
{
  g_autoptr (PbSnapshot) snapshot = pb_registry_snapshot (self->registry);
  g_autoptr (PbRoute) route = pb_route_find_relay (snapshot, relay);
  g_autoptr (GError) error = NULL;

  if (route == NULL)
    error = g_error_new (PB_ERROR, PB_ERROR_NOT_FOUND,
                         "RelayExceptions[%s]: there is no such row, or it is off; the relay of "
                         "Delivery is " PB_ROUTE_RELAY_GENERAL,
                         g_uuid_string_is_valid (relay) ? relay : "?");
  else if (self->n_running >= MAX_RUNNING)
    error = g_error_new_literal (PB_ERROR, PB_ERROR_BUSY,
                                 "TestRelay: other relays are being tested, try again later");
  if (error != NULL)
    func (NULL, error, user_data);
  else if (route->kind != PB_ROUTE_HOSTS)
    answer_nowhere (route, func, user_data);
  else
    begin (self, route, snapshot, func, user_data);
}
