/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Questions to the history: the way through the reader thread and back, the trail of one message, its
 * attempts.
 *
 * The reader has a connection of its own to the same file, read-only, and never holds the writer up. Before
 * it reads it lets the writer put in the file what was handed in so far, so that what somebody has just
 * seen happen is found; if that takes long it reads without. What is shown is cleaned: other servers'
 * replies need not be text.
 */
#include "store/history-private.h"

#include "store/store.h"
#include "util/clock.h"

#include <string.h>

#define PATIENCE     (10 * (gint64) G_USEC_PER_SEC)
#define MAX_STRING   4096
#define MAX_TRANSCRIPT 8192
#define MAX_RESULTS  100
#define MAX_ATTEMPTS 500

#define SQL_MESSAGE "SELECT time, own_event, reply, trail, n_recipients FROM message WHERE id = ?1"
#define SQL_ATTEMPTS                                                                               \
  "SELECT began, ended, remote, results, transcript FROM attempt WHERE message = ?1"               \
  " ORDER BY number LIMIT ?2"
#define SQL_RECIPIENTS                                                                             \
  "SELECT n.text, o.text, r.event, r.refused_by, r.reply FROM recipient r"                         \
  " LEFT JOIN name n ON n.id = r.name LEFT JOIN name o ON o.id = r.original"                       \
  " WHERE r.message = ?1 ORDER BY r.idx LIMIT ?2"
#define SQL_RECIPIENT                                                                              \
  "SELECT n.text FROM recipient r LEFT JOIN name n ON n.id = r.name"                               \
  " WHERE r.message = ?1 AND r.idx = ?2"

/* ---- the way ---- */

static void
wait_for_writer (PbHistory *self)
{
  gint64 deadline = pb_clock_monotonic () + PATIENCE;
  guint64 target;

  g_mutex_lock (&self->lock);
  target = self->n_in;
  while ((self->n_out < target || !self->tried) && self->state == PB_HISTORY_OK)
    {
      self->urgent = TRUE;
      g_cond_signal (&self->wake);
      if (!g_cond_wait_until (&self->written, &self->lock, deadline))
        break;
    }
  g_mutex_unlock (&self->lock);
}

PbDatabase *
pb_history_reader (PbHistory *self, GError **error)
{
  guint64 generation;

  wait_for_writer (self);
  g_mutex_lock (&self->lock);
  generation = self->generation;
  g_mutex_unlock (&self->lock);
  if (self->reader != NULL && generation == self->reader_generation)
    return self->reader;
  g_clear_pointer (&self->reader, pb_database_close);
  if (generation == 0)
    {
      g_set_error_literal (error, PB_STORE_ERROR, PB_STORE_ERROR_FAILED,
                           "the history cannot be opened; the log says why");
      return NULL;
    }
  self->reader = pb_database_open (self->path, PB_DATABASE_READ_ONLY, error);
  self->reader_generation = generation;
  return self->reader;
}

PbHistoryQuery *
pb_history_query_new (PbHistory *self, void (*read) (PbHistoryQuery *, PbDatabase *),
                      PbMailbox *reply_to, PbHistoryAnswer func, gpointer user_data)
{
  PbHistoryQuery *query = g_new0 (PbHistoryQuery, 1);

  query->history = self;
  query->read = read;
  query->reply_to = pb_mailbox_ref (reply_to);
  query->func = func;
  query->user_data = user_data;
  return query;
}

static void
on_answered (gpointer data)
{
  PbHistoryQuery *self = data;

  self->func (self->rows, self->total, self->error, self->user_data);
  g_clear_pointer (&self->rows, g_variant_unref);
  g_clear_pointer (&self->filter, pb_history_filter_free);
  g_clear_pointer (&self->reply_to, pb_mailbox_unref);
  g_clear_error (&self->error);
  g_free (self);
}

static void
run_query (gpointer data)
{
  PbHistoryQuery *self = data;
  PbDatabase *database = pb_history_reader (self->history, &self->error);

  if (database != NULL)
    self->read (self, database);
  if (self->error == NULL)
    return;
  g_clear_pointer (&self->rows, g_variant_unref);
  /* Opened anew next time: it may be another file then. */
  if (!g_error_matches (self->error, PB_STORE_ERROR, PB_STORE_ERROR_NOT_FOUND))
    g_clear_pointer (&self->history->reader, pb_database_close);
}

void
pb_history_query_run (PbHistoryQuery *query)
{
  PbHistory *self = query->history;

  if (self == NULL)
    {
      g_set_error_literal (&query->error, PB_STORE_ERROR, PB_STORE_ERROR_FAILED,
                           "there is no history");
      pb_mailbox_post (query->reply_to, on_answered, query);
      return;
    }
  pb_pool_run (self->readers, run_query, query->reply_to, on_answered, query);
}

/* ---- what is shown ---- */

static void
add_text (GVariantBuilder *builder, const char *key, const char *text, gsize max)
{
  gsize length = text != NULL ? strlen (text) : 0;

  g_variant_builder_add (
    builder, "{sv}", key,
    g_variant_new_take_string (g_utf8_make_valid (text != NULL ? text : "", (gssize) MIN (length, max))));
}

void
pb_history_add_string (GVariantBuilder *builder, const char *key, const char *text)
{
  add_text (builder, key, text, MAX_STRING);
}

const char *
pb_history_column_text (sqlite3_stmt *row, int column)
{
  return (const char *) sqlite3_column_text (row, column);
}

static void
add_time (GVariantBuilder *builder, gint64 microseconds)
{
  g_variant_builder_add (builder, "{sv}", "Time",
                         g_variant_new_uint64 ((guint64) MAX (microseconds, 0) / G_USEC_PER_SEC));
}

gboolean
pb_history_add_recipients (PbDatabase *database, guint64 id, guint limit, GVariantBuilder *row,
                           GError **error)
{
  sqlite3_stmt *statement = pb_database_statement (database, SQL_RECIPIENTS, error);
  GVariantBuilder list;
  int code;

  if (statement == NULL)
    return FALSE;
  sqlite3_bind_int64 (statement, 1, (sqlite3_int64) id);
  sqlite3_bind_int64 (statement, 2, limit);
  g_variant_builder_init (&list, G_VARIANT_TYPE ("aa{sv}"));
  while ((code = pb_database_step (database, statement, error)) == SQLITE_ROW)
    {
      g_variant_builder_open (&list, G_VARIANT_TYPE ("a{sv}"));
      pb_history_add_string (&list, "Address", pb_history_column_text (statement, 0));
      pb_history_add_string (&list, "Original", pb_history_column_text (statement, 1));
      pb_history_add_string (
        &list, "Event", pb_history_event_name ((PbHistoryEvent) sqlite3_column_int (statement, 2)));
      pb_history_add_string (&list, "Check", pb_history_column_text (statement, 3));
      pb_history_add_string (&list, "Reply", pb_history_column_text (statement, 4));
      g_variant_builder_close (&list);
    }
  g_variant_builder_add (row, "{sv}", "Recipients", g_variant_builder_end (&list));
  return code == SQLITE_DONE;
}

/* ---- attempts ---- */

typedef struct
{
  PbHistoryQuery *query;
  PbDatabase *database;
  GVariantBuilder rows;
} Reading;

/* "" when the recipient is not known. (transfer full) */
static char *
recipient_text (Reading *self, guint index)
{
  sqlite3_stmt *statement =
    pb_database_statement (self->database, SQL_RECIPIENT, &self->query->error);
  char *text = NULL;

  if (statement == NULL)
    return g_strdup ("");
  sqlite3_bind_int64 (statement, 1, (sqlite3_int64) self->query->id);
  sqlite3_bind_int64 (statement, 2, index);
  if (pb_database_step (self->database, statement, &self->query->error) == SQLITE_ROW)
    {
      text = g_strdup (pb_history_column_text (statement, 0));
      pb_database_reset (statement);
    }
  return text != NULL ? text : g_strdup ("");
}

/* Results of one attempt, which are taken apart; *@events (out): 1 << of each. *@first (out): the first reply, in @packed. */
static GVariant *
results_rows (Reading *self, char *packed, guint *events, const char **first)
{
  const char *fields[PB_HISTORY_RESULT_FIELDS];
  GVariantBuilder list;

  *events = 0;
  *first = NULL;
  g_variant_builder_init (&list, G_VARIANT_TYPE ("aa{sv}"));
  for (guint n = 0; pb_history_unpack (&packed, fields, G_N_ELEMENTS (fields)); n++)
    {
      guint index = (guint) g_ascii_strtoull (fields[0], NULL, 10);
      PbHistoryEvent event = (PbHistoryEvent) g_ascii_strtoull (fields[1], NULL, 10);
      g_autofree char *recipient = NULL;

      *events |= 1u << ((guint) event & 31);
      if (*first == NULL)
        *first = fields[3];
      if (n >= MAX_RESULTS)
        continue;
      recipient = recipient_text (self, index);
      g_variant_builder_open (&list, G_VARIANT_TYPE ("a{sv}"));
      g_variant_builder_add (&list, "{sv}", "Index", g_variant_new_uint32 (index));
      pb_history_add_string (&list, "Recipient", recipient);
      pb_history_add_string (&list, "Event", pb_history_event_name (event));
      pb_history_add_string (&list, "Status", fields[2]);
      pb_history_add_string (&list, "Reply", fields[3]);
      g_variant_builder_close (&list);
    }
  return g_variant_builder_end (&list);
}

/* One row of attempt; @as_line: with what every line of a trail has. */
static void
add_attempt (Reading *self, sqlite3_stmt *row, gboolean as_line)
{
  g_autofree char *results = g_strdup (pb_history_column_text (row, 3));
  const char *remote = pb_history_column_text (row, 2);
  gint64 began = sqlite3_column_int64 (row, 0), ended = sqlite3_column_int64 (row, 1);
  const char *first;
  guint events;
  GVariant *list = g_variant_ref_sink (results_rows (self, results, &events, &first));

  g_variant_builder_open (&self->rows, G_VARIANT_TYPE ("a{sv}"));
  add_time (&self->rows, began);
  g_variant_builder_add (
    &self->rows, "{sv}", "Duration",
    g_variant_new_uint32 ((guint32) CLAMP ((ended - began) / 1000, 0, G_MAXINT32)));
  pb_history_add_string (&self->rows, "Remote", remote);
  add_text (&self->rows, "Transcript", pb_history_column_text (row, 4), MAX_TRANSCRIPT);
  g_variant_builder_add (&self->rows, "{sv}", "Results", list);
  if (as_line)
    {
      /* Without results: all that waited was removed by hand. */
      PbHistoryEvent event =
        pb_history_summary (PB_HISTORY_ACCEPTED, events != 0 ? events : 1u << PB_HISTORY_REMOVED);

      pb_history_add_string (&self->rows, "Stage",
                             event == PB_HISTORY_REMOVED ? "queue" : "attempt");
      pb_history_add_string (&self->rows, "Check", "");
      pb_history_add_string (&self->rows, "Outcome", pb_history_event_name (event));
      pb_history_add_string (&self->rows, "Recipient", "");
      pb_history_add_string (&self->rows, "Reply", first);
      pb_history_add_string (&self->rows, "Evidence", remote);
    }
  g_variant_builder_close (&self->rows);
  g_variant_unref (list);
}

static gboolean
read_attempts (Reading *self, gboolean as_lines)
{
  GError **error = &self->query->error;
  sqlite3_stmt *statement = pb_database_statement (self->database, SQL_ATTEMPTS, error);
  int code;

  if (statement == NULL)
    return FALSE;
  sqlite3_bind_int64 (statement, 1, (sqlite3_int64) self->query->id);
  sqlite3_bind_int64 (statement, 2, MAX_ATTEMPTS);
  while ((code = pb_database_step (self->database, statement, error)) == SQLITE_ROW)
    {
      add_attempt (self, statement, as_lines);
      self->query->total++;
    }
  return code == SQLITE_DONE;
}

static void
finish (Reading *self)
{
  GVariant *rows = g_variant_ref_sink (g_variant_builder_end (&self->rows));

  if (self->query->error == NULL)
    self->query->rows = g_steal_pointer (&rows);
  g_clear_pointer (&rows, g_variant_unref);
}

static void
on_list_attempts (PbHistoryQuery *query, PbDatabase *database)
{
  Reading self = { .query = query, .database = database };

  g_variant_builder_init (&self.rows, G_VARIANT_TYPE ("aa{sv}"));
  read_attempts (&self, FALSE);
  finish (&self);
}

/* ---- the trail ---- */

static void
add_line (Reading *self, gint64 time, const char *stage, const char *check, const char *outcome,
          const char *recipient, const char *reply, const char *evidence)
{
  g_variant_builder_open (&self->rows, G_VARIANT_TYPE ("a{sv}"));
  add_time (&self->rows, time);
  pb_history_add_string (&self->rows, "Stage", stage);
  pb_history_add_string (&self->rows, "Check", check);
  pb_history_add_string (&self->rows, "Outcome", outcome);
  pb_history_add_string (&self->rows, "Recipient", recipient);
  pb_history_add_string (&self->rows, "Reply", reply);
  pb_history_add_string (&self->rows, "Evidence", evidence);
  g_variant_builder_close (&self->rows);
  self->query->total++;
}

static void
add_lines (Reading *self, char *packed)
{
  const char *fields[PB_HISTORY_TRAIL_FIELDS];
  gint64 time = 0;

  while (pb_history_unpack (&packed, fields, G_N_ELEMENTS (fields)))
    {
      if (fields[0][0] != '\0')
        time = g_ascii_strtoll (fields[0], NULL, 10);
      add_line (self, time, fields[1], fields[2], fields[3], fields[4], fields[5], fields[6]);
    }
}

/* Returns: FALSE when there is no such message, or with the query's error. */
static gboolean
read_lines (Reading *self)
{
  GError **error = &self->query->error;
  sqlite3_stmt *statement = pb_database_statement (self->database, SQL_MESSAGE, error);
  g_autofree char *trail = NULL;

  if (statement == NULL)
    return FALSE;
  sqlite3_bind_int64 (statement, 1, (sqlite3_int64) self->query->id);
  if (pb_database_step (self->database, statement, error) != SQLITE_ROW)
    return FALSE;
  trail = g_strdup (pb_history_column_text (statement, 3));
  pb_database_reset (statement);
  add_lines (self, trail);
  return TRUE;
}

static void
on_trail (PbHistoryQuery *query, PbDatabase *database)
{
  Reading self = { .query = query, .database = database };
  gboolean known;

  g_variant_builder_init (&self.rows, G_VARIANT_TYPE ("aa{sv}"));
  known = read_lines (&self);
  if (query->error == NULL && read_attempts (&self, TRUE) && !known && query->total == 0)
    g_set_error_literal (&query->error, PB_STORE_ERROR, PB_STORE_ERROR_NOT_FOUND,
                         "the history does not know this message, or not any more");
  finish (&self);
}

/* ---- public ---- */

void
pb_history_trail (PbHistory *self, guint64 id, PbMailbox *reply_to, PbHistoryAnswer func,
                  gpointer user_data)
{
  PbHistoryQuery *query = pb_history_query_new (self, on_trail, reply_to, func, user_data);

  query->id = id;
  pb_history_query_run (query);
}

void
pb_history_list_attempts (PbHistory *self, guint64 id, PbMailbox *reply_to, PbHistoryAnswer func,
                          gpointer user_data)
{
  PbHistoryQuery *query = pb_history_query_new (self, on_list_attempts, reply_to, func, user_data);

  query->id = id;
  pb_history_query_run (query);
}
