/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* What the SMTP client's tests share: an agent on a reactor, a scripted server, and the answers. */
#include "delivery/smtp-agent.h"
#include "delivery/smtp-private.h"
#include "settings/registry.h"
#include "smtp-script.h"
#include <poll.h>
#include <string.h>

#define WAIT_SECONDS 30

typedef struct
{
  PbReactor *reactor;
  PbResolver *resolver;
  PbMailbox *mailbox;
  PbSmtpAgent *agent;
  PbScriptServer *server;
  guint connections; /* Queueing.MaxConnectionsPerDestination */
  const char *relay; /* (nullable) host of the relay instead of 127.0.0.1 */
  const char *fallback;
  PbRoute *route;       /* (owned) (nullable) in place of what the settings say */
  const char *tls, *verify, *fingerprint, *user; /* (nullable) Delivery.RelayTls and so on */
  PbRelaySecretSource secrets;
  const char *password; /* (nullable) what the source knows */
  PbRelaySecretAnswer answer; /* where it knows none */
  guint n_asked, n_accepted;
  char *refused; /* (owned) (nullable) */
  guint64 next_id;
  GPtrArray *answers; /* (element-type PbDelivery) as they came */
} Fixture;

typedef struct
{
  Fixture *fixture;
  PbRelaySecretFunc func;
  gpointer user_data;
} Ask;

static inline void
on_asked (gpointer data)
{
  g_autofree Ask *ask = data;
  const char *password = ask->fixture->password;

  if (password != NULL)
    ask->func (PB_RELAY_SECRET_GIVEN, pb_secret_copy (password, strlen (password)), ask->user_data);
  else
    ask->func (ask->fixture->answer, NULL, ask->user_data);
}

static inline void
ask_secret (gpointer source, const PbRoute *route, PbMailbox *reply_to, PbRelaySecretFunc func,
            gpointer user_data)
{
  Ask *ask = g_new (Ask, 1);

  *ask = (Ask){ source, func, user_data };
  ask->fixture->n_asked++;
  pb_mailbox_post (reply_to, on_asked, ask);
}

static inline void
secret_refused (gpointer source, const PbRoute *route, const char *reply)
{
  Fixture *self = source;

  g_free (self->refused);
  self->refused = g_strdup (reply);
}

static inline void
secret_accepted (gpointer source, const PbRoute *route)
{
  Fixture *self = source;

  self->n_accepted++;
}

static inline void
set_up (Fixture *self, const char *const *const *scripts, guint n_scripts)
{
  static const char *const servers[] = { "127.0.0.1:1", NULL };
  g_autoptr (GError) error = NULL;

  memset (self, 0, sizeof *self);
  self->reactor = pb_reactor_new ("test");
  self->resolver = pb_resolver_new (servers, NULL, &error);
  g_assert_no_error (error);
  self->mailbox = pb_mailbox_new ();
  self->secrets = (PbRelaySecretSource){ ask_secret, secret_refused, secret_accepted, self };
  self->answer = PB_RELAY_SECRET_NONE;
  self->agent = pb_smtp_agent_new (&self->reactor, 1, self->resolver, &self->secrets, 25);
  self->connections = 1;
  self->answers = g_ptr_array_new_with_free_func ((GDestroyNotify) pb_delivery_free);
  if (n_scripts > 0)
    self->server = pb_script_server_new (scripts, n_scripts);
}

static inline void
tear_down (Fixture *self)
{
  g_clear_pointer (&self->agent, pb_smtp_agent_free);
  if (self->server != NULL)
    pb_script_server_finish (self->server);
  g_clear_pointer (&self->server, pb_script_server_free);
  pb_mailbox_dispatch (self->mailbox);
  pb_resolver_free (self->resolver);
  pb_reactor_free (self->reactor);
  pb_mailbox_unref (self->mailbox);
  g_ptr_array_unref (self->answers);
  g_clear_pointer (&self->route, pb_route_unref);
  g_free (self->refused);
}

static inline void
set_text (char **value, const char *text)
{
  if (text == NULL)
    return;
  g_free (*value);
  *value = g_strdup (text);
}

static inline PbSnapshot *
make_snapshot (Fixture *self)
{
  PbSnapshotBuilder *builder = pb_snapshot_builder_new ();
  PbSettingValues *values = pb_snapshot_builder_values (builder);

  g_free (values->general_hostname);
  values->general_hostname = g_strdup ("mail.example.org");
  g_free (values->delivery_mode);
  values->delivery_mode = g_strdup ("relay");
  g_free (values->delivery_relay_server);
  values->delivery_relay_server = g_strdup (self->relay != NULL ? self->relay : "127.0.0.1");
  values->delivery_relay_port = self->server != NULL ? pb_script_server_port (self->server) : 1;
  if (self->fallback != NULL)
    {
      g_strfreev (values->delivery_relay_fallback);
      values->delivery_relay_fallback = g_strsplit (self->fallback, " ", -1);
    }
  set_text (&values->delivery_relay_tls, self->tls);
  set_text (&values->delivery_relay_verify, self->verify);
  set_text (&values->delivery_relay_fingerprint, self->fingerprint);
  set_text (&values->delivery_relay_user, self->user);
  values->delivery_relay_auth = self->user != NULL;
  values->queueing_max_connections_per_destination = self->connections;
  return pb_snapshot_builder_build (builder);
}

static inline PbEnvelope *
make_envelope (Fixture *self, guint n_recipients, gsize size)
{
  PbEnvelope *envelope = pb_envelope_new (++self->next_id);

  envelope->sender = g_strdup ("sender@example.org");
  envelope->client = g_strdup ("[192.0.2.1]");
  envelope->arrival = g_get_real_time ();
  envelope->size = size;
  envelope->n_recipients = n_recipients;
  envelope->recipients = g_new0 (PbRecipient, n_recipients);
  for (guint i = 0; i < n_recipients; i++)
    envelope->recipients[i].address = g_strdup_printf ("r%u@far.example", i);
  return envelope;
}

static inline void
on_delivered (PbDelivery *delivery, gpointer user_data)
{
  Fixture *self = user_data;

  g_ptr_array_add (self->answers, delivery);
}

static inline void
deliver_envelope (Fixture *self, PbEnvelope *envelope, PbBody *body)
{
  g_autoptr (PbSnapshot) snapshot = make_snapshot (self);
  g_autoptr (PbRoute) route =
    self->route != NULL
      ? pb_route_ref (self->route)
      : pb_route_find (snapshot, envelope->sender, envelope->recipients[0].address, NULL);
  g_autofree guint *recipients = g_new (guint, envelope->n_recipients);

  for (guint i = 0; i < envelope->n_recipients; i++)
    recipients[i] = i;
  pb_smtp_agent_deliver (self->agent,
                         pb_delivery_new (envelope, body, route, snapshot, recipients,
                                          envelope->n_recipients),
                         self->mailbox, on_delivered, self);
}

static inline void
deliver (Fixture *self, guint n_recipients, const char *text)
{
  g_autoptr (PbEnvelope) envelope = make_envelope (self, n_recipients, strlen (text));
  g_autoptr (GBytes) bytes = g_bytes_new (text, strlen (text));
  g_autoptr (PbBody) body = pb_body_new_bytes (bytes);

  deliver_envelope (self, envelope, body);
}

static inline void
wait_answers (Fixture *self, guint n)
{
  gint64 deadline = g_get_monotonic_time () + WAIT_SECONDS * G_USEC_PER_SEC;

  while (self->answers->len < n)
    {
      struct pollfd fd = { .fd = pb_mailbox_fd (self->mailbox), .events = POLLIN };
      gint64 left = deadline - g_get_monotonic_time ();

      g_assert_cmpint (left, >, 0);
      poll (&fd, 1, (int) (left / 1000) + 1);
      pb_mailbox_dispatch (self->mailbox);
    }
}

static inline const PbResult *
result (Fixture *self, guint answer, guint position)
{
  g_assert_cmpuint (answer, <, self->answers->len);
  return &((PbDelivery *) self->answers->pdata[answer])->results[position];
}

static inline const char *
transcript (Fixture *self, guint answer)
{
  const PbDelivery *delivery = self->answers->pdata[answer];

  g_assert_nonnull (delivery->transcript);
  g_assert_cmpint (delivery->began, <=, delivery->ended);
  return delivery->transcript;
}

static inline void
assert_result (Fixture *self, guint answer, guint position, PbResultKind kind, const char *status)
{
  const PbResult *one = result (self, answer, position);

  g_assert_cmpstr (one->status, ==, status);
  g_assert_cmpint (one->kind, ==, kind);
  g_assert_nonnull (one->reply);
}

#define SCRIPT(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define SET_UP(self, ...)                                                                          \
  const char *const *const scripts_[] = { __VA_ARGS__ };                                           \
  set_up (self, scripts_, G_N_ELEMENTS (scripts_))

#define ENVELOPE "C:MAIL FROM:<sender@example.org>", "C:RCPT TO:<r0@far.example>", "C:DATA"
#define ACCEPTS  "S:250 2.1.0 ok", "S:250 2.1.5 ok", "S:354 go"
#define TEXT     "Subject: x\r\n\r\n.dot\r\n..two\r\nend\r\n"
