/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Who is connected now. Each shard is asked by a closure on its own thread, so that the mail path needs no
 * lock; what it copies is bounded, and the rows are put together where they were asked for. The latest
 * sessions come first: of very many the oldest are left out. Called by the bus's Statistics.Sessions.
 */
#include "session/session-private.h"

#include <arpa/inet.h>

#define MAX_SESSIONS 1000

/* A question under way; each shard's answer holds a reference. */
typedef struct
{
  gint references;   /* the asker's thread's: answers still to come */
  PbServer *server;  /* (owned) */
  GArray *rows;      /* (owned) (element-type PbSessionRow) */
  PbSessionsListed func;
  gpointer user_data;
} Listing;

typedef struct
{
  Listing *listing;
  PbShard *shard;
  PbMailbox *reply_to; /* (owned) */
  GArray *rows;        /* (owned) (element-type PbSessionRow) */
} ShardListing;

static const char *
state_text (const PbSession *session)
{
  switch ((PbSessionState) session->state)
    {
    case PB_SESSION_CONNECTED:
      return "connected";
    case PB_SESSION_GREETED:
      return "greeted";
    case PB_SESSION_READY:
      return "ready";
    case PB_SESSION_MAIL:
      return "mail";
    case PB_SESSION_RCPT:
      return "rcpt";
    case PB_SESSION_DATA:
    case PB_SESSION_CHUNK:
    case PB_SESSION_CHUNKS:
      return "data";
    case PB_SESSION_ENDED_DATA:
      return "ended-data";
    case PB_SESSION_CLOSED:
      return "closing";
    }
  g_assert_not_reached ();
}

static void
clear_row (gpointer data)
{
  PbSessionRow *row = data;

  g_free (row->helo);
  g_free (row->login);
  g_free (row->sender);
}

static void
copy_session (GArray *rows, const PbSession *session)
{
  const PbTransaction *transaction = session->transaction;
  PbSessionRow row = { .ip = session->ip,
                       .local = session->local != NULL,
                       .role = (PbRole) session->role,
                       .state = state_text (session),
                       .since = session->came / G_USEC_PER_SEC,
                       .helo = g_strdup (session->helo),
                       .login = g_strdup (session->login) };

  if (session->channel != NULL)
    {
      row.tls = pb_channel_tls_version (session->channel);
      pb_channel_octets (session->channel, &row.octets_in, &row.octets_out);
    }
  if (transaction != NULL)
    {
      row.sender = g_strdup (transaction->mail.sender != NULL ? transaction->mail.sender->text : "");
      row.n_recipients = transaction->recipients->len;
    }
  g_array_append_val (rows, row);
}

static gint
compare_since (gconstpointer a, gconstpointer b)
{
  const PbSessionRow *one = a, *other = b;

  return one->since < other->since ? 1 : one->since > other->since ? -1 : 0;
}

static void
finish (Listing *self)
{
  g_array_sort (self->rows, compare_since);
  if (self->rows->len > MAX_SESSIONS)
    g_array_set_size (self->rows, MAX_SESSIONS);
  self->func ((const PbSessionRow *) (const void *) self->rows->data, self->rows->len,
              self->user_data);
  g_array_unref (self->rows);
  pb_server_unref (self->server);
  g_free (self);
}

/* On the asker's thread. */
static void
on_shard_listed (gpointer data)
{
  ShardListing *self = data;
  Listing *listing = self->listing;

  if (self->rows->len > 0)
    g_array_append_vals (listing->rows, self->rows->data, self->rows->len);
  /* What the rows point to has moved. */
  g_array_set_clear_func (self->rows, NULL);
  g_array_unref (self->rows);
  pb_mailbox_unref (self->reply_to);
  g_free (self);
  if (--listing->references == 0)
    finish (listing);
}

/* On the shard's thread. The latest sessions stand first in its list. */
static void
list_shard (gpointer data)
{
  ShardListing *self = data;
  PbSession *session = self->shard->sessions;

  for (; session != NULL && self->rows->len < MAX_SESSIONS; session = session->next)
    copy_session (self->rows, session);
  pb_mailbox_post (self->reply_to, on_shard_listed, self);
}

void
pb_server_list_sessions (PbServer *self, PbMailbox *reply_to, PbSessionsListed func,
                         gpointer user_data)
{
  Listing *listing = g_new0 (Listing, 1);

  listing->server = pb_server_ref (self);
  listing->rows = g_array_new (FALSE, FALSE, sizeof (PbSessionRow));
  g_array_set_clear_func (listing->rows, clear_row);
  listing->func = func;
  listing->user_data = user_data;
  listing->references = 1;
  g_mutex_lock (&self->lock);
  for (guint i = 0; i < self->shards->len; i++)
    {
      ShardListing *one = g_new0 (ShardListing, 1);

      one->listing = listing;
      one->shard = self->shards->pdata[i];
      one->reply_to = pb_mailbox_ref (reply_to);
      one->rows = g_array_new (FALSE, FALSE, sizeof (PbSessionRow));
      g_array_set_clear_func (one->rows, clear_row);
      listing->references++;
      pb_mailbox_post (pb_reactor_mailbox (one->shard->reactor), list_shard, one);
    }
  g_mutex_unlock (&self->lock);
  if (--listing->references == 0)
    finish (listing);
}
