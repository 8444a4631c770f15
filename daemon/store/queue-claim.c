/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Messages that are due, and their octets, read from the database by the reader thread.
 *
 * Called by the queue's scheduler. A claim must never bring a message that was delivered a moment ago, so
 * it waits until every mark handed in before it is committed, and until it is answered it collects the ids
 * that were submitted or settled meanwhile and leaves them out. Damaged rows and bodies are quarantined,
 * logged and left out. A claim is registered until it has answered on the caller's thread, which may be
 * after the store was closed: so the register is shared by reference.
 */
#include "store/row.h"
#include "store/store-private.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define SQL_CLAIM                                                                                  \
  "SELECT " PB_ROW_COLUMNS " FROM message WHERE next_attempt <= ?1 ORDER BY next_attempt, id"
#define SQL_READ_BODY                                                                              \
  "SELECT m.size, m.in_file, m.digest, b.data, m.envelope FROM message m LEFT JOIN body b ON b.id = m.id WHERE m.id = ?1"
#define READ_SIZE (256 * 1024)

struct _PbClaim
{
  PbWriteJob job; /* first: the claim waits in the writer's queue behind the marks */
  PbStore *store;
  PbClaims *claims; /* (owned) */
  gint64 due_before;
  guint limit;
  GArray *except;      /* (owned) of guint64, sorted */
  GArray *later;       /* (owned) of guint64, under the register's lock */
  PbMailbox *reply_to; /* (owned) */
  PbStoreClaimed func;
  gpointer user_data;

  GPtrArray *queued; /* (owned) (nullable) */
  gboolean more;
  GError *error; /* (owned) (nullable) */
};

void
pb_queued_free (PbQueued *self)
{
  if (self == NULL)
    return;
  g_clear_pointer (&self->envelope, pb_envelope_unref);
  for (guint i = 0; i < self->n_statuses; i++)
    pb_recipient_status_clear (&self->statuses[i]);
  g_free (self->statuses);
  g_free (self->target);
  g_free (self);
}

static int
compare_ids (gconstpointer a, gconstpointer b)
{
  guint64 left = *(const guint64 *) a, right = *(const guint64 *) b;

  return left < right ? -1 : left > right;
}

static gboolean
ids_contain (GArray *sorted, guint64 id)
{
  return sorted != NULL && g_array_binary_search (sorted, &id, compare_ids, NULL);
}

static void
claims_clear (gpointer data)
{
  PbClaims *self = data;

  g_mutex_clear (&self->lock);
  g_ptr_array_unref (self->open);
  g_array_unref (self->settling);
}

PbClaims *
pb_claims_new (void)
{
  PbClaims *self = g_atomic_rc_box_new0 (PbClaims);

  g_mutex_init (&self->lock);
  self->open = g_ptr_array_new ();
  self->settling = g_array_new (FALSE, FALSE, sizeof (guint64));
  return self;
}

void
pb_claims_unref (PbClaims *self)
{
  g_atomic_rc_box_release_full (self, claims_clear);
}

void
pb_claims_settling (PbClaims *self, guint64 id)
{
  g_mutex_lock (&self->lock);
  g_array_append_val (self->settling, id);
  g_mutex_unlock (&self->lock);
}

void
pb_claims_settled (PbClaims *self, guint64 id)
{
  g_mutex_lock (&self->lock);
  for (guint i = 0; i < self->settling->len; i++)
    if (g_array_index (self->settling, guint64, i) == id)
      {
        g_array_remove_index_fast (self->settling, i);
        break;
      }
  g_mutex_unlock (&self->lock);
}

static void
claim_free (PbClaim *self)
{
  g_clear_pointer (&self->claims, pb_claims_unref);
  g_clear_pointer (&self->except, g_array_unref);
  g_clear_pointer (&self->later, g_array_unref);
  g_clear_pointer (&self->queued, g_ptr_array_unref);
  g_clear_pointer (&self->reply_to, pb_mailbox_unref);
  g_clear_error (&self->error);
  g_free (self);
}

void
pb_claims_exclude (PbClaims *self, const guint64 *ids, guint n)
{
  g_mutex_lock (&self->lock);
  for (guint i = 0; i < self->open->len; i++)
    g_array_append_vals (((PbClaim *) g_ptr_array_index (self->open, i))->later, ids, n);
  g_mutex_unlock (&self->lock);
}

/* On the caller's thread, so that nothing it settles can come between leaving out and handing over. */
static void
on_claim_answered (gpointer data)
{
  PbClaim *self = data;

  g_mutex_lock (&self->claims->lock);
  g_ptr_array_remove_fast (self->claims->open, self);
  g_mutex_unlock (&self->claims->lock);
  g_array_sort (self->later, compare_ids);
  for (guint i = 0; self->later->len > 0 && i < self->queued->len;)
    {
      PbQueued *queued = g_ptr_array_index (self->queued, i);

      if (ids_contain (self->later, queued->envelope->id))
        g_ptr_array_remove_index (self->queued, i);
      else
        i++;
    }
  self->func (g_steal_pointer (&self->queued), self->more, self->error, self->user_data);
  claim_free (self);
}

static gboolean
claim_read_row (PbClaim *self, sqlite3_stmt *row)
{
  const char *damage = NULL;
  PbQueued *queued;

  if (ids_contain (self->except, pb_row_id (row)))
    return TRUE;
  if (self->queued->len >= self->limit)
    {
      self->more = TRUE;
      return FALSE;
    }
  queued = pb_row_decode (row, &damage);
  if (queued == NULL)
    pb_store_quarantine (self->store, pb_row_id (row), damage);
  else
    g_ptr_array_add (self->queued, queued);
  return TRUE;
}

static void
read_claim (gpointer data)
{
  PbClaim *self = data;
  PbDatabase *reader = self->store->reader;
  sqlite3_stmt *row = pb_database_statement (reader, SQL_CLAIM, &self->error);
  int code = SQLITE_DONE;

  if (row != NULL)
    {
      sqlite3_bind_int64 (row, 1, self->due_before);
      do
        code = pb_database_step (reader, row, &self->error);
      while (code == SQLITE_ROW && claim_read_row (self, row));
    }
  if (code == SQLITE_ROW)
    pb_database_reset (row);
}

static void
read_claim_and_answer (gpointer data)
{
  PbClaim *self = data;

  read_claim (self);
  pb_reply_now (self->reply_to, on_claim_answered, self);
}

static void
on_marks_committed (PbWriteJob *job, gpointer owner, const GError *error, PbReplies *replies)
{
  PbClaim *self = (PbClaim *) job;

  if (error == NULL)
    {
      pb_pool_run (self->store->reader_pool, read_claim_and_answer, NULL, NULL, self);
      return;
    }
  self->error = g_error_copy (error);
  pb_replies_add (replies, self->reply_to, on_claim_answered, self);
}

static const PbWriteOps claim_ops = { NULL, on_marks_committed, TRUE, TRUE };

void
pb_store_claim (PbStore *self, gint64 due_before, guint limit, GArray *except, PbMailbox *reply_to,
                PbStoreClaimed func, gpointer user_data)
{
  PbClaim *claim = g_new0 (PbClaim, 1);

  claim->store = self;
  claim->claims = g_atomic_rc_box_acquire (self->claims);
  claim->due_before = due_before;
  claim->limit = limit;
  claim->except = except;
  claim->later = g_array_new (FALSE, FALSE, sizeof (guint64));
  claim->reply_to = pb_mailbox_ref (reply_to);
  claim->func = func;
  claim->user_data = user_data;
  claim->queued = g_ptr_array_new_with_free_func ((GDestroyNotify) pb_queued_free);
  if (except != NULL)
    g_array_sort (except, compare_ids);
  g_mutex_lock (&self->claims->lock);
  g_ptr_array_add (self->claims->open, claim);
  if (self->claims->settling->len > 0)
    g_array_append_vals (claim->later, self->claims->settling->data, self->claims->settling->len);
  g_mutex_unlock (&self->claims->lock);
  if (pb_writer_is_idle (self->writer))
    {
      pb_pool_run (self->reader_pool, read_claim_and_answer, NULL, NULL, claim);
      return;
    }
  claim->job.ops = &claim_ops;
  pb_writer_push (self->writer, &claim->job);
}

/* ---- bodies ---- */

typedef struct
{
  PbStore *store;
  guint64 id;
  PbMailbox *reply_to; /* (owned) */
  PbStoreBodyRead func;
  gpointer user_data;

  PbBody *body; /* (owned) (nullable) */
  guint8 digest[PB_DIGEST_SIZE];
  GError *error; /* (owned) (nullable) */
} BodyRead;

static void
on_body_read_answered (gpointer data)
{
  BodyRead *self = data;

  self->func (g_steal_pointer (&self->body), self->error, self->user_data);
  g_clear_pointer (&self->reply_to, pb_mailbox_unref);
  g_clear_error (&self->error);
  g_free (self);
}

static void
body_read_answer (BodyRead *self)
{
  if (self->error != NULL)
    g_clear_pointer (&self->body, pb_body_unref);
  pb_reply_now (self->reply_to, on_body_read_answered, self);
}

static void
body_read_damaged (BodyRead *self, const char *reason)
{
  g_set_error (&self->error, PB_STORE_ERROR, PB_STORE_ERROR_CORRUPT, "%s", reason);
  pb_store_quarantine (self->store, self->id, reason);
}

static gboolean
hash_file (int fd, guint8 digest[PB_DIGEST_SIZE], guint64 *size, GError **error)
{
  g_autoptr (PbHasher) hasher = pb_hasher_new ();
  g_autofree guint8 *buffer = g_malloc (READ_SIZE);
  gssize n;

  *size = 0;
  while ((n = read (fd, buffer, READ_SIZE)) != 0)
    {
      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        {
          pb_store_set_error_from_errno (error, errno, "Cannot read", "a message's file");
          return FALSE;
        }
      pb_hasher_add (hasher, buffer, (gsize) n);
      *size += (guint64) n;
    }
  pb_hasher_finish (hasher, digest);
  return TRUE;
}

/* On the body pool: large files are hashed there, not on the reader thread. */
static void
check_file (gpointer data)
{
  BodyRead *self = data;
  guint8 digest[PB_DIGEST_SIZE];
  guint64 size = 0;
  int fd = pb_body_open (self->body, &self->error);

  if (fd >= 0 && hash_file (fd, digest, &size, &self->error)
      && (size != pb_body_file_size (self->body) || memcmp (digest, self->digest, sizeof digest) != 0))
    body_read_damaged (self, "5.3.0 the message's file is damaged in the store");
  if (fd >= 0)
    close (fd);
  if (g_error_matches (self->error, PB_STORE_ERROR, PB_STORE_ERROR_NOT_FOUND))
    {
      g_clear_error (&self->error);
      body_read_damaged (self, "5.3.0 the message's file is missing from the store");
    }
  body_read_answer (self);
}

static void
body_from_row (BodyRead *self, sqlite3_stmt *row)
{
  gint64 size = sqlite3_column_int64 (row, 0);
  gboolean in_file = sqlite3_column_int (row, 1) != 0;
  gboolean has_digest = sqlite3_column_bytes (row, 2) == PB_DIGEST_SIZE;
  char name[PB_QUEUE_ID_TEXT];
  guint8 digest[PB_DIGEST_SIZE];
  g_autoptr (GBytes) bytes = NULL;

  if (has_digest)
    memcpy (self->digest, sqlite3_column_blob (row, 2), PB_DIGEST_SIZE);
  if (in_file)
    {
      self->body = pb_row_file_body (row, 4, self->store->spool_dir,
                                     pb_queue_id_format (self->id, name), (guint64) size);
      return;
    }
  bytes = g_bytes_new (sqlite3_column_blob (row, 3), (gsize) sqlite3_column_bytes (row, 3));
  self->body = pb_body_new_bytes (bytes);
  pb_digest (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), digest);
  if (!has_digest || size != (gint64) g_bytes_get_size (bytes)
      || memcmp (digest, self->digest, sizeof digest) != 0)
    body_read_damaged (self, "5.3.0 the message's body is damaged in the store");
}

static void
read_body (gpointer data)
{
  BodyRead *self = data;
  PbDatabase *reader = self->store->reader;
  sqlite3_stmt *row = pb_database_statement (reader, SQL_READ_BODY, &self->error);
  int code = SQLITE_ERROR;

  if (row != NULL)
    {
      sqlite3_bind_int64 (row, 1, (sqlite3_int64) self->id);
      code = pb_database_step (reader, row, &self->error);
    }
  if (code == SQLITE_DONE)
    g_set_error (&self->error, PB_STORE_ERROR, PB_STORE_ERROR_NOT_FOUND,
                 "no such message in the queue");
  if (code == SQLITE_ROW)
    {
      body_from_row (self, row);
      pb_database_reset (row);
    }
  if (self->body != NULL && pb_body_bytes (self->body) == NULL)
    pb_store_run_blocking (self->store, check_file, self);
  else
    body_read_answer (self);
}

void
pb_store_read_body (PbStore *self, guint64 id, PbMailbox *reply_to, PbStoreBodyRead func,
                    gpointer user_data)
{
  BodyRead *request = g_new0 (BodyRead, 1);

  request->store = self;
  request->id = id;
  request->reply_to = pb_mailbox_ref (reply_to);
  request->func = func;
  request->user_data = user_data;
  pb_pool_run (self->reader_pool, read_body, NULL, NULL, request);
}
