/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A message comes in: body safe, one row, one shared commit, then the callback.
 *
 * Called by sessions (I/O threads) and by the queue for its own DSNs. Until the callback says so nothing
 * is promised; on an error nothing was kept, and a body's file is removed, except after a failed sync,
 * when nobody knows what the disk holds. A submission owns references to all it needs until it has
 * answered on the caller's thread. An envelope's head is in its row, so it is as safe as the envelope.
 */
#include "store/spool-private.h"
#include "store/store-private.h"

#include <string.h>

#define SQL_INSERT_MESSAGE                                                                                \
  "INSERT INTO message (id, next_attempt, class, arrival, size, n_recipients, in_file, digest, envelope)" \
  " VALUES (?1, ?2, 0, ?2, ?3, ?4, ?5, ?6, ?7)"
#define SQL_INSERT_BODY "INSERT INTO body (id, data) VALUES (?1, ?2)"

PbSubmission *
pb_submission_new (PbStore *store, PbMailbox *reply_to, PbStoreSubmitted func, gpointer user_data)
{
  PbSubmission *self = g_new0 (PbSubmission, 1);

  self->store = store;
  self->reply_to = reply_to != NULL ? pb_mailbox_ref (reply_to) : NULL;
  self->func = func;
  self->user_data = user_data;
  return self;
}

void
pb_submission_free (PbSubmission *self)
{
  if (self == NULL)
    return;
  g_clear_pointer (&self->envelope, pb_envelope_unref);
  g_clear_pointer (&self->body, pb_body_unref);
  g_clear_pointer (&self->settlement, pb_settlement_free);
  g_clear_pointer (&self->reply_to, pb_mailbox_unref);
  g_clear_error (&self->error);
  g_free (self);
}

static gboolean
insert_body (PbSubmission *self, PbDatabase *database, GError **error)
{
  sqlite3_stmt *statement = pb_database_statement (database, SQL_INSERT_BODY, error);
  gsize size;
  const void *data = g_bytes_get_data (pb_body_bytes (self->body), &size);

  if (statement == NULL)
    return FALSE;
  sqlite3_bind_int64 (statement, 1, (sqlite3_int64) self->envelope->id);
  /* A NULL pointer would bind NULL; an empty message is empty. */
  sqlite3_bind_blob64 (statement, 2, data != NULL ? data : "", size, SQLITE_STATIC);
  return pb_database_run (database, statement, error);
}

/* Held from the beginning: in the same transaction its row becomes that of a held message. */
static gboolean
hold_inserted (PbSubmission *self, PbDatabase *database, GError **error)
{
  PbTouched *touched = pb_batch_touch (self->store, database, self->envelope->id, error);

  if (touched == NULL)
    return FALSE;
  pb_status_set_quarantine (touched->set, self->envelope->hold);
  return TRUE;
}

gboolean
pb_submission_insert (PbSubmission *self, PbDatabase *database, GError **error)
{
  const PbEnvelope *envelope = self->envelope;
  sqlite3_stmt *statement = pb_database_statement (database, SQL_INSERT_MESSAGE, error);
  gboolean in_file = pb_body_bytes (self->body) == NULL;
  g_autoptr (GBytes) plain = NULL;
  g_autoptr (GBytes) sealed = NULL;

  if (statement == NULL)
    return FALSE;
  plain = pb_envelope_serialize (envelope);
  sealed = pb_seal (g_bytes_get_data (plain, NULL), g_bytes_get_size (plain));
  if (!in_file)
    pb_digest (g_bytes_get_data (pb_body_bytes (self->body), NULL),
               (gsize) pb_body_size (self->body), self->digest);
  sqlite3_bind_int64 (statement, 1, (sqlite3_int64) envelope->id);
  sqlite3_bind_int64 (statement, 2, MAX (0, envelope->arrival / G_USEC_PER_SEC));
  sqlite3_bind_int64 (statement, 3, (sqlite3_int64) pb_body_size (self->body));
  sqlite3_bind_int64 (statement, 4, envelope->n_recipients);
  sqlite3_bind_int (statement, 5, in_file);
  sqlite3_bind_blob (statement, 6, self->digest, sizeof self->digest, SQLITE_STATIC);
  sqlite3_bind_blob64 (statement, 7, g_bytes_get_data (sealed, NULL), g_bytes_get_size (sealed),
                       SQLITE_STATIC);
  if (!pb_database_run (database, statement, error)
      || (!in_file && !insert_body (self, database, error)))
    return FALSE;
  g_array_append_val (self->store->batch.inserted, envelope->id);
  self->store->batch.messages[PB_CLASS_ACTIVE]++;
  self->store->batch.bytes += (gint64) pb_body_size (self->body);
  return envelope->hold == NULL || hold_inserted (self, database, error);
}

static void
on_submission_answered (gpointer data)
{
  PbSubmission *self = data;

  self->func (self->envelope, self->error == NULL ? self->body : NULL, self->error,
              self->user_data);
  pb_submission_free (self);
}

void
pb_submission_answer (PbSubmission *self, const GError *error, PbReplies *replies)
{
  /* A rolled back row, or a DSN for what was removed meanwhile, leaves a file that nobody will ask for. After a failed sync the row may exist after all: the file stays. */
  if (error != NULL && self->body != NULL && pb_body_bytes (self->body) == NULL
      && (pb_store_error_is_temporary (error)
          || g_error_matches (error, PB_STORE_ERROR, PB_STORE_ERROR_NOT_FOUND)))
    pb_store_unlink (self->store, &self->envelope->id, 1);
  if (self->func == NULL || self->reply_to == NULL)
    {
      pb_submission_free (self);
      return;
    }
  if (error != NULL && self->error == NULL)
    self->error = g_error_copy (error);
  pb_replies_add (replies, self->reply_to, on_submission_answered, self);
}

static gboolean
run_submission (PbWriteJob *job, gpointer owner, PbDatabase *database, GError **error)
{
  return pb_submission_insert ((PbSubmission *) job, database, error);
}

static void
on_submission_done (PbWriteJob *job, gpointer owner, const GError *error, PbReplies *replies)
{
  pb_submission_answer ((PbSubmission *) job, error, replies);
}

static const PbWriteOps submission_ops = { run_submission, on_submission_done, FALSE, FALSE };

static void
on_body_safe (PbBody *body, const guint8 digest[PB_DIGEST_SIZE], const GError *error,
              gpointer user_data)
{
  PbSubmission *self = user_data;

  if (error != NULL)
    {
      g_autoptr (PbReplies) replies = pb_replies_new ();

      pb_submission_answer (self, error, replies);
      return;
    }
  self->body = body;
  if (self->envelope->head != NULL)
    pb_body_add_head (body, self->envelope->head);
  if (digest != NULL)
    memcpy (self->digest, digest, sizeof self->digest);
  self->job.ops = &submission_ops;
  pb_writer_push (self->store->writer, &self->job);
}

void
pb_store_submit (PbStore *self, PbEnvelope *envelope, PbSpool *spool, PbMailbox *reply_to,
                 PbStoreSubmitted func, gpointer user_data)
{
  PbSubmission *submission = pb_submission_new (self, reply_to, func, user_data);

  submission->envelope = pb_envelope_ref (envelope);
  pb_spool_finish (spool, envelope->id_text, on_body_safe, submission);
  pb_writer_hint (self->writer, -1);
}

void
pb_store_hint_incoming (PbStore *self, int delta)
{
  pb_writer_hint (self->writer, delta);
}
