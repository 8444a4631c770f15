/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* What the store's tests share: a state directory of their own, a mailbox to wait on, and a message to send. */
#include "protocol/envelope.h"
#include "store/store.h"
#include "util/mailbox.h"
#include <ftw.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define WAIT_US (60 * G_USEC_PER_SEC)

typedef struct
{
  char *directory;    /* (owned) */
  PbMailbox *mailbox; /* (owned) */
  PbStore *store;     /* (owned) (nullable) */
} Fixture;

/* What a callback said. */
typedef struct
{
  gboolean called;
  PbEnvelope *envelope; /* (owned) (nullable) */
  PbBody *body;         /* (owned) (nullable) */
  GError *error;        /* (owned) (nullable) */
  GPtrArray *queued;    /* (owned) (nullable) */
  gboolean more;
  guint total;
} Answer;

static inline int
remove_entry (const char *path, const struct stat *status, int type, struct FTW *walk)
{
  return remove (path);
}

static inline void
remove_tree (const char *path)
{
  g_assert_cmpint (nftw (path, remove_entry, 16, FTW_DEPTH | FTW_PHYS), ==, 0);
}

static inline PbStore *
open_store (const char *directory)
{
  g_autoptr (GError) error = NULL;
  PbStore *store = pb_store_open (directory, &error);

  g_assert_no_error (error);
  g_assert_nonnull (store);
  return store;
}

static inline void
fixture_set_up (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  self->directory = g_dir_make_tmp ("postbus-test-XXXXXX", &error);
  g_assert_no_error (error);
  self->mailbox = pb_mailbox_new ();
  self->store = open_store (self->directory);
}

static inline void
fixture_tear_down (Fixture *self, gconstpointer data)
{
  g_clear_pointer (&self->store, pb_store_close);
  pb_mailbox_dispatch (self->mailbox);
  g_clear_pointer (&self->mailbox, pb_mailbox_unref);
  remove_tree (self->directory);
  g_free (self->directory);
}

static inline void
fixture_add (const char *path, void (*test) (Fixture *, gconstpointer))
{
  g_test_add (path, Fixture, NULL, fixture_set_up, test, fixture_tear_down);
}

static inline void
fixture_reopen (Fixture *self)
{
  g_clear_pointer (&self->store, pb_store_close);
  self->store = open_store (self->directory);
}

static inline char *
fixture_path (Fixture *self, const char *name)
{
  return g_build_filename (self->directory, name, NULL);
}

/* Runs what arrives until *@flag is set; fails when it takes longer than a minute. */
static inline void
wait_for (PbMailbox *mailbox, const gboolean *flag)
{
  gint64 deadline = g_get_monotonic_time () + WAIT_US;

  while (!*flag)
    {
      struct pollfd fd = { .fd = pb_mailbox_fd (mailbox), .events = POLLIN };
      gint64 left = deadline - g_get_monotonic_time ();

      g_assert_cmpint (left, >, 0);
      poll (&fd, 1, (int) (left / 1000) + 1);
      pb_mailbox_dispatch (mailbox);
    }
}

static inline void
answer_clear (Answer *self)
{
  g_clear_pointer (&self->envelope, pb_envelope_unref);
  g_clear_pointer (&self->body, pb_body_unref);
  g_clear_pointer (&self->queued, g_ptr_array_unref);
  g_clear_error (&self->error);
  *self = (Answer){ .called = FALSE };
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Answer, answer_clear)

static inline void
on_submitted (PbEnvelope *envelope, PbBody *body, const GError *error, gpointer data)
{
  Answer *answer = data;

  g_assert_false (answer->called);
  answer->called = TRUE;
  answer->envelope = envelope != NULL ? pb_envelope_ref (envelope) : NULL;
  answer->body = body != NULL ? pb_body_ref (body) : NULL;
  answer->error = error != NULL ? g_error_copy (error) : NULL;
}

static inline void
on_claimed (GPtrArray *queued, gboolean more, const GError *error, gpointer data)
{
  Answer *answer = data;

  g_assert_false (answer->called);
  answer->called = TRUE;
  answer->queued = queued;
  answer->more = more;
  answer->error = error != NULL ? g_error_copy (error) : NULL;
}

static inline void
on_paged (GPtrArray *queued, guint total, const GError *error, gpointer data)
{
  on_claimed (queued, FALSE, error, data);
  ((Answer *) data)->total = total;
}

static inline void
on_body_read (PbBody *body, const GError *error, gpointer data)
{
  Answer *answer = data;

  g_assert_false (answer->called);
  answer->called = TRUE;
  answer->body = body;
  answer->error = error != NULL ? g_error_copy (error) : NULL;
}

static inline PbEnvelope *
make_envelope (PbStore *store, const char *sender, guint n_recipients, const char *first,
               guint64 size)
{
  PbEnvelope *envelope = pb_envelope_new (pb_store_next_id (store));

  envelope->sender = g_strdup (sender);
  envelope->client = g_strdup ("[192.0.2.1]");
  envelope->arrival = g_get_real_time ();
  envelope->size = size;
  envelope->recipients = g_new0 (PbRecipient, n_recipients);
  envelope->n_recipients = n_recipients;
  for (guint i = 0; i < n_recipients; i++)
    envelope->recipients[i].address =
      i == 0 ? g_strdup (first) : g_strdup_printf ("r%u@example.net", i);
  return envelope;
}

static inline PbSpool *
make_spool (PbStore *store, gsize size, guint8 fill)
{
  PbSpool *spool = pb_spool_new (store);
  GByteArray *buffer = pb_spool_buffer (spool);

  g_byte_array_set_size (buffer, (guint) size);
  memset (buffer->data, fill, size);
  return spool;
}

/* Hands a message in; the answer comes later. Returns: its id. */
static inline guint64
send_message (Fixture *self, const char *sender, guint n_recipients, const char *first, gsize size,
              Answer *answer)
{
  g_autoptr (PbEnvelope) envelope = make_envelope (self->store, sender, n_recipients, first, size);

  pb_store_hint_incoming (self->store, 1);
  pb_store_submit (self->store, envelope, make_spool (self->store, size, 'm'), self->mailbox,
                   on_submitted, answer);
  return envelope->id;
}

/* Hands a message in and waits until it is safe. */
static inline guint64
submit_message (Fixture *self, const char *sender, guint n_recipients, const char *first,
                gsize size)
{
  g_auto (Answer) answer = { 0 };
  guint64 id = send_message (self, sender, n_recipients, first, size, &answer);

  wait_for (self->mailbox, &answer.called);
  g_assert_no_error (answer.error);
  g_assert_cmpuint (answer.envelope->id, ==, id);
  g_assert_cmpuint (pb_body_size (answer.body), ==, size);
  return id;
}

static inline PbSettlement *
make_settlement (guint64 id, guint recipient, PbRecipientState state, guint attempts,
                 gint64 next_attempt, const char *reply)
{
  PbSettlement *settlement = g_new0 (PbSettlement, 1);

  settlement->id = id;
  settlement->n_statuses = 1;
  settlement->statuses = g_new0 (PbRecipientStatus, 1);
  settlement->statuses[0] = (PbRecipientStatus){
    .recipient = recipient,
    .state = state,
    .attempts = attempts,
    .next_attempt = next_attempt,
    .last_reply = g_strdup (reply),
  };
  return settlement;
}

/* Marks one recipient and waits until the mark is committed. */
static inline void
settle_one (Fixture *self, guint64 id, guint recipient, PbRecipientState state, guint attempts,
            gint64 next_attempt)
{
  g_auto (Answer) answer = { 0 };

  pb_store_settle (self->store,
                   make_settlement (id, recipient, state, attempts, next_attempt,
                                    "450 4.2.0 later"),
                   self->mailbox, on_submitted, &answer);
  wait_for (self->mailbox, &answer.called);
  g_assert_no_error (answer.error);
}

static inline void
claim (Fixture *self, gint64 due_before, guint limit, GArray *except, Answer *answer)
{
  answer_clear (answer);
  pb_store_claim (self->store, due_before, limit, except, self->mailbox, on_claimed, answer);
  wait_for (self->mailbox, &answer->called);
}

static inline PbQueued *
queued_at (const Answer *answer, guint index)
{
  g_assert_cmpuint (index, <, answer->queued->len);
  return g_ptr_array_index (answer->queued, index);
}

static inline void
read_body (Fixture *self, guint64 id, Answer *answer)
{
  answer_clear (answer);
  pb_store_read_body (self->store, id, self->mailbox, on_body_read, answer);
  wait_for (self->mailbox, &answer->called);
}

static inline void
assert_counts (Fixture *self, guint64 active, guint64 deferred, guint64 held)
{
  PbQueueCounts counts;

  pb_store_counts (self->store, &counts);
  g_assert_cmpuint (counts.active, ==, active);
  g_assert_cmpuint (counts.deferred, ==, deferred);
  g_assert_cmpuint (counts.held, ==, held);
  if (active + deferred + held == 0)
    {
      g_assert_cmpuint (counts.bytes, ==, 0);
      g_assert_cmpint (counts.oldest, ==, 0);
    }
  else
    g_assert_cmpint (counts.oldest, >, 0);
}

/* Files of messages in the spool. */
static inline guint
n_spool_files (Fixture *self)
{
  g_autofree char *path = fixture_path (self, "spool");
  g_autoptr (GDir) directory = g_dir_open (path, 0, NULL);
  const char *name;
  guint n = 0;

  while ((name = g_dir_read_name (directory)) != NULL)
    n += strlen (name) == PB_QUEUE_ID_TEXT - 1;
  return n;
}

static inline void
page (Fixture *self, PbQueueFilter *filter, guint offset, guint limit, Answer *answer)
{
  answer_clear (answer);
  pb_store_page (self->store, filter, offset, limit, self->mailbox, on_paged, answer);
  wait_for (self->mailbox, &answer->called);
  g_assert_no_error (answer->error);
}
