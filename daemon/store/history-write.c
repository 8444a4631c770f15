/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A batch of records becomes one transaction of history.db.
 *
 * Called by the history's writer thread. Attempts at a message that is in the same batch are first put
 * into it, so that mail that is delivered at once is written once, in its final state. Others change the
 * rows of their recipients; what the message is called by is then worked out anew, once a batch. The
 * batch owns its records; on an error nothing of it was written.
 */
#include "store/history-private.h"

#include "util/clock.h"

#include <string.h>

#define CHECKPOINT_PAGES 4000 /* 16 MiB of log */
#define MAX_REPLY        2048 /* octets */

#define SQL_ADD_MESSAGE                                                                            \
  "INSERT OR REPLACE INTO message (id, time, events, own_event, size, sender, client, login,"       \
  " n_recipients, refused_by, reply, helo, message_id, trail)"                                     \
  " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)"
#define SQL_ADD_RECIPIENT                                                                          \
  "INSERT OR REPLACE INTO recipient (message, idx, name, original, event, refused_by, reply)"       \
  " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
#define SQL_ADD_ATTEMPT                                                                            \
  "INSERT INTO attempt (message, number, began, ended, remote, results, transcript)"               \
  " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
#define SQL_SET_RECIPIENT                                                                          \
  "UPDATE recipient SET event = ?3, reply = ?4 WHERE message = ?1 AND idx = ?2"
/* 0 and 3: ACCEPTED and DEFERRED, which wait; 7: REMOVED. */
#define SQL_REMOVE_ALL                                                                             \
  "UPDATE recipient SET event = 7 WHERE message = ?1 AND event IN (0, 3)"
#define SQL_GET_EVENTS "SELECT DISTINCT event FROM recipient WHERE message = ?1"
#define SQL_GET_OWN    "SELECT own_event FROM message WHERE id = ?1"
#define SQL_SET_EVENTS                                                                             \
  "UPDATE message SET events = ?2, reply = ifnull (?3, reply) WHERE id = ?1"

G_STATIC_ASSERT (PB_HISTORY_ACCEPTED == 0 && PB_HISTORY_DEFERRED == 3 && PB_HISTORY_REMOVED == 7);
G_STATIC_ASSERT (1 << PB_HISTORY_DELIVERED == 4); /* in the schema's message_other */

typedef struct
{
  PbHistory *history;
  PbDatabase *database;
  GHashTable *messages; /* (owned) id* -> PbHistoryMessage of this batch */
  GHashTable *touched;  /* (owned) id* -> (nullable) last reply; messages of earlier batches */
  GError **error;
} Batch;

static void
bind_text (sqlite3_stmt *statement, int index, const char *text)
{
  if (text == NULL)
    sqlite3_bind_null (statement, index);
  else
    sqlite3_bind_text (statement, index, text, -1, SQLITE_STATIC);
}

static void
bind_packed (sqlite3_stmt *statement, int index, const GString *packed)
{
  if (packed != NULL)
    sqlite3_bind_text (statement, index, packed->str, (int) packed->len, SQLITE_STATIC);
  else
    sqlite3_bind_null (statement, index);
}

/* NULL is bound as NULL. Returns: FALSE with the batch's error. */
static gboolean
bind_name (Batch *self, sqlite3_stmt *statement, int index, const char *name)
{
  gint64 id;

  if (name == NULL)
    {
      sqlite3_bind_null (statement, index);
      return TRUE;
    }
  id = pb_history_name_id (self->history, name, self->error);
  if (id == 0)
    return FALSE;
  sqlite3_bind_int64 (statement, index, id);
  return TRUE;
}

/* What a message is found by, whatever became of its parts. */
static guint
events_of (const PbHistoryMessage *message)
{
  guint events = 0;

  if (message->event != PB_HISTORY_ACCEPTED || message->recipients->len == 0)
    events |= 1u << message->event;
  for (guint i = 0; i < message->recipients->len; i++)
    events |= 1u << g_array_index (message->recipients, PbHistoryRecipient, i).event;
  return events;
}

static gboolean
add_recipient (Batch *self, guint64 id, guint index, const PbHistoryRecipient *recipient)
{
  sqlite3_stmt *statement = pb_database_statement (self->database, SQL_ADD_RECIPIENT, self->error);

  if (statement == NULL)
    return FALSE;
  sqlite3_bind_int64 (statement, 1, (sqlite3_int64) id);
  sqlite3_bind_int64 (statement, 2, index);
  if (!bind_name (self, statement, 3, recipient->address)
      || !bind_name (self, statement, 4, recipient->original))
    return FALSE;
  sqlite3_bind_int (statement, 5, (int) recipient->event);
  bind_text (statement, 6, recipient->check);
  bind_text (statement, 7, recipient->reply);
  return pb_database_run (self->database, statement, self->error);
}

static gboolean
insert_message (Batch *self, const PbHistoryMessage *message, sqlite3_stmt *statement)
{
  sqlite3_bind_int64 (statement, 1, (sqlite3_int64) message->id);
  sqlite3_bind_int64 (statement, 2, message->time);
  sqlite3_bind_int64 (statement, 3, events_of (message));
  sqlite3_bind_int (statement, 4, (int) message->event);
  sqlite3_bind_int64 (statement, 5, (sqlite3_int64) message->size);
  if (!bind_name (self, statement, 6, message->sender)
      || !bind_name (self, statement, 7, message->client)
      || !bind_name (self, statement, 8, message->login))
    return FALSE;
  sqlite3_bind_int64 (statement, 9, message->recipients->len);
  bind_text (statement, 10, message->check);
  bind_text (statement, 11, message->reply);
  bind_text (statement, 12, message->helo);
  bind_text (statement, 13, message->message_id);
  bind_packed (statement, 14, message->trail);
  return pb_database_run (self->database, statement, self->error);
}

static gboolean
add_message (Batch *self, const PbHistoryMessage *message)
{
  sqlite3_stmt *statement = pb_database_statement (self->database, SQL_ADD_MESSAGE, self->error);

  if (statement == NULL || !insert_message (self, message, statement))
    return FALSE;
  for (guint i = 0; i < message->recipients->len; i++)
    if (!add_recipient (self, message->id, i,
                        &g_array_index (message->recipients, PbHistoryRecipient, i)))
      return FALSE;
  return TRUE;
}

/* ---- attempts ---- */

static void
apply_result (PbHistoryMessage *message, const PbHistoryResult *result)
{
  PbHistoryRecipient *recipient;

  if (result->recipient >= message->recipients->len)
    return;
  recipient = &g_array_index (message->recipients, PbHistoryRecipient, result->recipient);
  recipient->event = result->event;
  if (result->reply == NULL)
    return;
  g_free (recipient->reply);
  recipient->reply = g_strdup (result->reply);
  g_free (message->reply);
  message->reply = g_strdup (result->reply);
}

static void
remove_waiting (PbHistoryMessage *message)
{
  for (guint i = 0; i < message->recipients->len; i++)
    {
      PbHistoryRecipient *recipient = &g_array_index (message->recipients, PbHistoryRecipient, i);

      if (recipient->event == PB_HISTORY_ACCEPTED || recipient->event == PB_HISTORY_DEFERRED)
        recipient->event = PB_HISTORY_REMOVED;
    }
}

/* Puts an attempt into the message of the same batch. */
static void
fold (Batch *self, const PbHistoryOp *op)
{
  PbHistoryMessage *message = g_hash_table_lookup (self->messages, &op->attempt->id);

  if (message == NULL)
    return;
  for (guint i = 0; i < op->attempt->n_results; i++)
    apply_result (message, &op->attempt->results[i]);
  if (op->kind == PB_HISTORY_OP_REMOVED && op->attempt->n_results == 0)
    remove_waiting (message);
}

static gboolean
update_recipient (Batch *self, guint64 id, const PbHistoryResult *result)
{
  sqlite3_stmt *statement = pb_database_statement (self->database, SQL_SET_RECIPIENT, self->error);

  if (statement == NULL)
    return FALSE;
  sqlite3_bind_int64 (statement, 1, (sqlite3_int64) id);
  sqlite3_bind_int64 (statement, 2, result->recipient);
  sqlite3_bind_int (statement, 3, (int) result->event);
  bind_text (statement, 4, result->reply);
  return pb_database_run (self->database, statement, self->error);
}

static gboolean
update_all_waiting (Batch *self, guint64 id)
{
  sqlite3_stmt *statement = pb_database_statement (self->database, SQL_REMOVE_ALL, self->error);

  if (statement == NULL)
    return FALSE;
  sqlite3_bind_int64 (statement, 1, (sqlite3_int64) id);
  return pb_database_run (self->database, statement, self->error);
}

/* Changes the recipients of a message of an earlier batch. */
static gboolean
update_recipients (Batch *self, const PbHistoryOp *op)
{
  const PbHistoryAttempt *attempt = op->attempt;
  const char *reply = NULL;

  if (g_hash_table_contains (self->messages, &attempt->id))
    return TRUE;
  for (guint i = 0; i < attempt->n_results; i++)
    {
      if (!update_recipient (self, attempt->id, &attempt->results[i]))
        return FALSE;
      if (attempt->results[i].reply != NULL)
        reply = attempt->results[i].reply;
    }
  if (op->kind == PB_HISTORY_OP_REMOVED && attempt->n_results == 0
      && !update_all_waiting (self, attempt->id))
    return FALSE;
  g_hash_table_insert (self->touched, (gpointer) &attempt->id, (gpointer) reply);
  return TRUE;
}

/* (transfer full) */
static GString *
pack_results (const PbHistoryAttempt *attempt)
{
  GString *packed = g_string_sized_new (128);

  for (guint i = 0; i < attempt->n_results; i++)
    {
      pb_history_pack_number (packed, attempt->results[i].recipient);
      pb_history_pack_number (packed, attempt->results[i].event);
      pb_history_pack (packed, attempt->results[i].status, MAX_REPLY);
      pb_history_pack (packed, attempt->results[i].reply, MAX_REPLY);
      g_string_append_c (packed, PB_HISTORY_ROW_END);
    }
  return packed;
}

static gboolean
add_attempt (Batch *self, const PbHistoryAttempt *attempt)
{
  sqlite3_stmt *statement = pb_database_statement (self->database, SQL_ADD_ATTEMPT, self->error);
  g_autoptr (GString) results = NULL;

  if (statement == NULL)
    return FALSE;
  results = pack_results (attempt);
  self->history->last_number = MAX (self->history->last_number + 1, pb_clock_wall ());
  sqlite3_bind_int64 (statement, 1, (sqlite3_int64) attempt->id);
  sqlite3_bind_int64 (statement, 2, self->history->last_number);
  sqlite3_bind_int64 (statement, 3, attempt->began);
  sqlite3_bind_int64 (statement, 4, attempt->ended);
  bind_text (statement, 5, attempt->remote);
  bind_packed (statement, 6, results);
  bind_text (statement, 7, attempt->transcript);
  return pb_database_run (self->database, statement, self->error);
}

/* Returns: FALSE with the batch's error. @events: 0 when there is no such message, or it has no recipient. */
static gboolean
read_events (Batch *self, guint64 id, guint *events)
{
  sqlite3_stmt *statement = pb_database_statement (self->database, SQL_GET_EVENTS, self->error);
  int code;

  *events = 0;
  if (statement == NULL)
    return FALSE;
  sqlite3_bind_int64 (statement, 1, (sqlite3_int64) id);
  while ((code = pb_database_step (self->database, statement, self->error)) == SQLITE_ROW)
    *events |= 1u << (sqlite3_column_int (statement, 0) & 31);
  return code == SQLITE_DONE;
}

static gboolean
update_touched (Batch *self)
{
  GHashTableIter iter;
  gpointer id, reply;

  g_hash_table_iter_init (&iter, self->touched);
  while (g_hash_table_iter_next (&iter, &id, &reply))
    {
      sqlite3_stmt *statement = pb_database_statement (self->database, SQL_SET_EVENTS, self->error);
      guint events;

      if (statement == NULL || !read_events (self, *(guint64 *) id, &events))
        return FALSE;
      if (events == 0)
        continue;
      sqlite3_bind_int64 (statement, 1, (sqlite3_int64) * (guint64 *) id);
      sqlite3_bind_int64 (statement, 2, events);
      bind_text (statement, 3, reply);
      if (!pb_database_run (self->database, statement, self->error))
        return FALSE;
    }
  return TRUE;
}

/* ---- the batch ---- */

static gboolean
write_op (Batch *self, const PbHistoryOp *op)
{
  switch (op->kind)
    {
    case PB_HISTORY_OP_MESSAGE:
      return add_message (self, op->message);
    case PB_HISTORY_OP_ATTEMPT:
    case PB_HISTORY_OP_REMOVED:
      return add_attempt (self, op->attempt) && update_recipients (self, op);
    }
  return FALSE;
}

static void
fold_all (Batch *self, GPtrArray *ops)
{
  for (guint i = 0; i < ops->len; i++)
    {
      PbHistoryOp *op = ops->pdata[i];

      if (op->kind == PB_HISTORY_OP_MESSAGE)
        g_hash_table_insert (self->messages, &op->message->id, op->message);
      else
        fold (self, op);
    }
}

static gboolean
write_ops (Batch *self, GPtrArray *ops)
{
  for (guint i = 0; i < ops->len; i++)
    if (!write_op (self, ops->pdata[i]))
      return FALSE;
  return update_touched (self);
}

gboolean
pb_history_write (PbHistory *self, GPtrArray *ops, GError **error)
{
  PbDatabase *database = self->database;
  g_autoptr (GHashTable) messages = g_hash_table_new (g_int64_hash, g_int64_equal);
  g_autoptr (GHashTable) touched = g_hash_table_new (g_int64_hash, g_int64_equal);
  Batch batch = { self, database, messages, touched, error };

  fold_all (&batch, ops);
  if (pb_database_exec (database, "BEGIN IMMEDIATE", error) && write_ops (&batch, ops)
      && pb_database_exec (database, "COMMIT", error))
    {
      if (database->wal_pages >= CHECKPOINT_PAGES)
        {
          pb_database_checkpoint (database, FALSE, NULL);
          self->sweep_at = 0; /* a look at its size */
        }
      return TRUE;
    }
  if (!sqlite3_get_autocommit (database->handle))
    pb_database_exec (database, "ROLLBACK", NULL);
  g_hash_table_remove_all (self->names.ids);
  return FALSE;
}
