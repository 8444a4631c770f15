/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The rig of the session's tests; see rig.h. Every wait polls a descriptor or a condition of the
 * server and gives up, loudly, after RIG_PATIENCE.
 */
#include "tests/session/rig.h"

#include "net/channel-private.h"
#include "settings/registry.h"
#include <fcntl.h>
#include <ftw.h>
#include <glib/gstdio.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* An answer on its way, or kept. */
typedef struct
{
  Rig *rig;
  PbEnvelope *envelope; /* (owned) */
  PbSpool *spool;       /* (owned) (nullable) */
  PbMailbox *reply_to;  /* (owned) */
  PbStoreSubmitted func;
  gpointer user_data;
  PbStoreError error;
  gboolean forget;
} Answer;

static void
answer_free (Answer *answer)
{
  g_clear_pointer (&answer->spool, pb_spool_abort);
  pb_envelope_unref (answer->envelope);
  pb_mailbox_unref (answer->reply_to);
  g_free (answer);
}

void
rig_message_free (RigMessage *message)
{
  pb_envelope_unref (message->envelope);
  g_bytes_unref (message->octets);
  g_free (message);
}

static PbSnapshot *
take_snapshot (gpointer data)
{
  Rig *rig = data;

  return pb_snapshot_ref (rig->snapshot);
}

static PbStoreState
ask_state (gpointer data)
{
  Rig *rig = data;
  PbStoreState state;

  g_mutex_lock (&rig->lock);
  state = rig->state;
  g_mutex_unlock (&rig->lock);
  return state;
}

static GBytes *
read_body (PbBody *body)
{
  GByteArray *octets;
  gssize n;

  if (pb_body_bytes (body) != NULL)
    return g_bytes_ref (pb_body_bytes (body));
  octets = g_byte_array_new ();
  g_byte_array_set_size (octets, (guint) pb_body_size (body));
  n = pb_body_read (body, 0, octets->data, octets->len, NULL);
  g_assert_cmpint (n, ==, octets->len);
  return g_byte_array_free_to_bytes (octets);
}

static void
on_stored (PbEnvelope *envelope, PbBody *body, const GError *error, gpointer user_data)
{
  Answer *answer = user_data;

  if (error == NULL)
    {
      RigMessage *message = g_new0 (RigMessage, 1);

      message->envelope = pb_envelope_ref (envelope);
      message->octets = read_body (body);
      g_mutex_lock (&answer->rig->lock);
      g_ptr_array_add (answer->rig->messages, message);
      g_mutex_unlock (&answer->rig->lock);
    }
  answer->func (envelope, body, error, answer->user_data);
  answer_free (answer);
}

static void
on_not_stored (gpointer data)
{
  Answer *answer = data;
  g_autoptr (GError) error = NULL;

  if (!answer->forget)
    error = g_error_new_literal (PB_STORE_ERROR, (gint) answer->error, "as asked");
  pb_store_hint_incoming (answer->rig->store, -1);
  answer->func (answer->envelope, NULL, error, answer->user_data);
  answer_free (answer);
}

static void
hand_to_store (Answer *answer)
{
  pb_store_submit (answer->rig->store, answer->envelope, g_steal_pointer (&answer->spool),
                   answer->reply_to, on_stored, answer);
}

static void
submit (PbEnvelope *envelope, PbSpool *spool, const PbSnapshot *snapshot, PbMailbox *reply_to,
        PbStoreSubmitted func, gpointer user_data, gpointer data)
{
  Rig *rig = data;
  Answer *answer = g_new0 (Answer, 1);
  RigSubmit how;

  answer->rig = rig;
  answer->envelope = envelope;
  answer->spool = spool;
  answer->reply_to = pb_mailbox_ref (reply_to);
  answer->func = func;
  answer->user_data = user_data;
  g_mutex_lock (&rig->lock);
  how = rig->submit;
  answer->error = rig->submit_error;
  answer->forget = how == RIG_SUBMIT_FORGET;
  if (how == RIG_SUBMIT_HOLD)
    g_ptr_array_add (rig->held, answer);
  g_mutex_unlock (&rig->lock);
  if (how == RIG_SUBMIT_STORE)
    hand_to_store (answer);
  else if (how != RIG_SUBMIT_HOLD)
    pb_mailbox_post (reply_to, on_not_stored, answer);
}

PbSnapshotBuilder *
rig_builder (void)
{
  PbSnapshotBuilder *builder = pb_snapshot_builder_new ();
  PbSettingValues *values = pb_snapshot_builder_values (builder);

  g_free (values->general_hostname);
  values->general_hostname = g_strdup ("mx.example.test");
  pb_snapshot_builder_add_row (builder, PB_LIST_LOCAL_DOMAINS, NULL, "{'Name': <'example.test'>}");
  pb_snapshot_builder_add_row (builder, PB_LIST_ACCOUNTS, NULL,
                               "{'Name': <'anna'>, 'Addresses': <['anna@example.test']>}");
  pb_snapshot_builder_add_row (builder, PB_LIST_ACCOUNTS, NULL,
                               "{'Name': <'ben'>, 'Addresses': <['ben@example.test']>}");
  pb_snapshot_builder_add_row (builder, PB_LIST_TRUSTED_LIST, NULL,
                               "{'Name': <'office'>, 'Network': <'192.0.2.0/24'>}");
  return builder;
}

Rig *
rig_new (PbSnapshotBuilder *builder)
{
  Rig *rig = g_new0 (Rig, 1);
  g_autoptr (GError) error = NULL;

  rig->directory = g_dir_make_tmp ("postbus-session-XXXXXX", &error);
  g_assert_no_error (error);
  rig->store = pb_store_open (rig->directory, &error);
  g_assert_no_error (error);
  rig->reactor = pb_reactor_new ("rig");
  rig->workers = pb_pool_new ("rig-worker", 1);
  rig->signers = pb_pool_new ("rig-signer", 1);
  rig->blocks = pb_blocks_new (100);
  rig->snapshot = pb_snapshot_builder_build (builder);
  g_mutex_init (&rig->lock);
  g_cond_init (&rig->looked);
  rig->messages = g_ptr_array_new_with_free_func ((GDestroyNotify) rig_message_free);
  rig->held = g_ptr_array_new ();
  rig->wiring = (PbServerWiring){
    .snapshot = take_snapshot,
    .state = ask_state,
    .submit = submit,
    .data = rig,
    .store = rig->store,
    .workers = rig->workers,
    .signers = rig->signers,
    .blocks = rig->blocks,
    .budget = 256 << 20,
    .second = G_USEC_PER_SEC / 1000,
    .command_timeout = 300 * (gint64) G_USEC_PER_SEC,
    .data_timeout = 180 * (gint64) G_USEC_PER_SEC,
    .data_rate = 1000,
  };
  rig->wiring.rows = pb_policy_rows (&rig->wiring.n_rows);
  return rig;
}

void
rig_start (Rig *rig)
{
  rig->server = pb_server_new_wired (&rig->wiring);
}

static int
remove_entry (const char *path, const struct stat *info, int type, struct FTW *where)
{
  return remove (path);
}

void
rig_free (Rig *rig)
{
  rig_release (rig);
  pb_server_shut_down (rig->server, 1);
  rig_wait_sessions (rig, 0);
  g_assert_cmpint (rig->server->budget.used, ==, 0);
  pb_server_free (rig->server);
  pb_pool_free (rig->workers);
  pb_pool_free (rig->signers);
  pb_reactor_free (rig->reactor);
  pb_blocks_free (rig->blocks);
  pb_store_close (rig->store);
  pb_snapshot_unref (rig->snapshot);
  g_ptr_array_unref (rig->messages);
  g_ptr_array_unref (rig->held);
  g_mutex_clear (&rig->lock);
  g_cond_clear (&rig->looked);
  nftw (rig->directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
  g_free (rig->directory);
  g_free (rig);
}

typedef struct
{
  Rig *rig;
  int fd;
  PbIp ip;
  PbRole role;
} Arrival;

static void
on_arrival (gpointer data)
{
  g_autofree Arrival *arrival = data;
  struct sockaddr_in6 peer = { .sin6_family = AF_INET6 };

  memcpy (&peer.sin6_addr, arrival->ip.bytes, sizeof arrival->ip.bytes);
  pb_server_accept (arrival->fd, (const struct sockaddr *) &peer, sizeof peer, arrival->role,
                    arrival->rig->reactor, arrival->rig->server);
}

static void
hand_over (Rig *rig, int fd, const char *ip, PbRole role)
{
  Arrival *arrival = g_new0 (Arrival, 1);

  arrival->rig = rig;
  arrival->fd = fd;
  arrival->role = role;
  g_assert_true (pb_ip_parse (ip, &arrival->ip));
  pb_mailbox_post (pb_reactor_mailbox (rig->reactor), on_arrival, arrival);
}

int
rig_connect_tcp (Rig *rig, const char *ip)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr = { htonl (INADDR_LOOPBACK) } };
  socklen_t length = sizeof address;
  int listener = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int client = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), server;

  g_assert_cmpint (bind (listener, (struct sockaddr *) &address, length), ==, 0);
  g_assert_cmpint (listen (listener, 1), ==, 0);
  g_assert_cmpint (getsockname (listener, (struct sockaddr *) &address, &length), ==, 0);
  g_assert_cmpint (connect (client, (struct sockaddr *) &address, length), ==, 0);
  server = accept4 (listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  g_assert_cmpint (server, >=, 0);
  g_assert_cmpint (fcntl (client, F_SETFL, O_NONBLOCK), ==, 0);
  close (listener);
  hand_over (rig, server, ip, PB_ROLE_SMTP);
  return client;
}

int
rig_connect (Rig *rig, const char *ip, PbRole role, const void *early, gsize early_length)
{
  int ends[2];

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), ==,
                   0);
  if (early_length > 0)
    g_assert_cmpint (send (ends[1], early, early_length, MSG_NOSIGNAL), ==, early_length);
  hand_over (rig, ends[0], ip, role);
  return ends[1];
}

void
rig_set_state (Rig *rig, PbStoreState state)
{
  g_mutex_lock (&rig->lock);
  rig->state = state;
  g_mutex_unlock (&rig->lock);
}

void
rig_set_submit (Rig *rig, RigSubmit how, PbStoreError error)
{
  g_mutex_lock (&rig->lock);
  rig->submit = how;
  rig->submit_error = error;
  g_mutex_unlock (&rig->lock);
}

void
rig_release (Rig *rig)
{
  g_mutex_lock (&rig->lock);
  rig->submit = RIG_SUBMIT_STORE;
  for (guint i = 0; i < rig->held->len; i++)
    hand_to_store (rig->held->pdata[i]);
  g_ptr_array_set_size (rig->held, 0);
  g_mutex_unlock (&rig->lock);
}

typedef struct
{
  Rig *rig;
  void (*look) (PbSession *session, gpointer data);
  gpointer data;
  gboolean done; /* under the rig's lock */
} Look;

static void
on_look (gpointer data)
{
  Look *look = data;
  PbShard *shard = look->rig->server->shards->len > 0 ? look->rig->server->shards->pdata[0] : NULL;

  for (PbSession *session = shard != NULL ? shard->sessions : NULL; session != NULL;
       session = session->next)
    look->look (session, look->data);
  g_mutex_lock (&look->rig->lock);
  look->done = TRUE;
  g_cond_signal (&look->rig->looked);
  g_mutex_unlock (&look->rig->lock);
}

void
rig_look (Rig *rig, void (*func) (PbSession *session, gpointer data), gpointer data)
{
  Look look = { rig, func, data, FALSE };
  gint64 until = g_get_monotonic_time () + RIG_PATIENCE;

  pb_mailbox_post (pb_reactor_mailbox (rig->reactor), on_look, &look);
  g_mutex_lock (&rig->lock);
  while (!look.done)
    g_assert_true (g_cond_wait_until (&rig->looked, &rig->lock, until));
  g_mutex_unlock (&rig->lock);
}

static void
add_holds (PbSession *session, gpointer data)
{
  guint *holds = data;

  *holds |= session->holds;
}

void
rig_wait_hold (Rig *rig, PbHold hold)
{
  gint64 until = g_get_monotonic_time () + RIG_PATIENCE;
  guint holds = 0;

  for (rig_look (rig, add_holds, &holds); (holds & hold) == 0; rig_look (rig, add_holds, &holds))
    {
      g_assert_cmpint (g_get_monotonic_time (), <, until);
      poll (NULL, 0, 1);
      holds = 0;
    }
}

static void
take_deadline (PbSession *session, gpointer data)
{
  const PbServerWiring *wiring = &session->shard->server->wiring;
  gint64 *deadline = data;

  g_assert_cmpint (*deadline, ==, 0);
  *deadline = session->channel->timer.deadline;
  g_assert_cmpint (*deadline, >, 0);
  g_assert_cmpint (*deadline - pb_reactor_now (session->shard->reactor), <=,
                   MAX (wiring->command_timeout, wiring->data_timeout));
}

gint64
rig_deadline (Rig *rig)
{
  gint64 deadline = 0;

  rig_look (rig, take_deadline, &deadline);
  g_assert_cmpint (deadline, >, 0);
  return deadline;
}

static void
run_out (PbSession *session, gpointer data)
{
  pb_channel_set_deadline (session->channel, pb_reactor_now (session->shard->reactor));
}

void
rig_run_out (Rig *rig)
{
  rig_deadline (rig);
  rig_look (rig, run_out, NULL);
}

static guint
count_under_lock (Rig *rig, GPtrArray *array)
{
  guint n;

  g_mutex_lock (&rig->lock);
  n = array->len;
  g_mutex_unlock (&rig->lock);
  return n;
}

guint
rig_n_messages (Rig *rig)
{
  return count_under_lock (rig, rig->messages);
}

guint
rig_n_held (Rig *rig)
{
  return count_under_lock (rig, rig->held);
}

RigMessage *
rig_take_message (Rig *rig)
{
  RigMessage *message = NULL;

  g_mutex_lock (&rig->lock);
  if (rig->messages->len > 0)
    message = g_ptr_array_steal_index (rig->messages, 0);
  g_mutex_unlock (&rig->lock);
  return message;
}

void
rig_wait_sessions (Rig *rig, guint n)
{
  gint64 until = g_get_monotonic_time () + RIG_PATIENCE;

  while (pb_server_n_sessions (rig->server) != n)
    {
      g_assert_cmpint (g_get_monotonic_time (), <, until);
      poll (NULL, 0, 1);
    }
}

void
rig_wait_held (Rig *rig, guint n)
{
  gint64 until = g_get_monotonic_time () + RIG_PATIENCE;

  while (rig_n_held (rig) != n)
    {
      g_assert_cmpint (g_get_monotonic_time (), <, until);
      poll (NULL, 0, 1);
    }
}
