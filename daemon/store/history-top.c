/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Who had most to do with mail, out of the history: counted by the database among the latest messages, so
 * that mail pays nothing for it, and of so many only that the reader is not kept for long. Refused messages
 * count as such. Called by the bus's Statistics.Top; answers like every question to the history.
 */
#include "store/history-private.h"

#include "store/store.h"
#include "util/clock.h"

/* Messages or recipients that are looked at: some 0.3 s. */
#define LATEST "100000"

/* ?1: since when, ?2: the bit of a refused message, ?3: how many */
#define SQL_BY(column)                                                                             \
  "SELECT n.text, count(*) AS messages, sum(m.size), sum((m.events & ?2) <> 0) FROM"               \
  " (SELECT " column " AS who, size, events FROM message WHERE time >= ?1"                         \
  "  ORDER BY time DESC LIMIT " LATEST ") m"                                                       \
  " JOIN name n ON n.id = m.who GROUP BY m.who ORDER BY messages DESC, n.text LIMIT ?3"

#define SQL_RECIPIENTS                                                                             \
  "SELECT n.text, count(*) AS messages, sum(m.size), sum((1 << m.event & ?2) <> 0) FROM"           \
  " (SELECT r.name AS who, l.size, r.event FROM message l JOIN recipient r ON r.message = l.id"    \
  "  WHERE l.time >= ?1 ORDER BY l.time DESC LIMIT " LATEST ") m"                                  \
  " JOIN name n ON n.id = m.who GROUP BY m.who ORDER BY messages DESC, n.text LIMIT ?3"

static const char *const sql[] = {
  [PB_HISTORY_TOP_SENDERS] = SQL_BY ("sender"),
  [PB_HISTORY_TOP_RECIPIENTS] = SQL_RECIPIENTS,
  [PB_HISTORY_TOP_HOSTS] = SQL_BY ("client"),
};

static void
add_count (GVariantBuilder *rows, const char *key, sqlite3_stmt *row, int column)
{
  gint64 count = sqlite3_column_int64 (row, column);

  g_variant_builder_add (rows, "{sv}", key, g_variant_new_uint64 ((guint64) MAX (count, 0)));
}

static void
on_top (PbHistoryQuery *query, PbDatabase *database)
{
  sqlite3_stmt *row = pb_database_statement (database, sql[query->id], &query->error);
  gint64 since = query->since * G_USEC_PER_SEC;
  g_autoptr (GVariant) answer = NULL;
  GVariantBuilder rows;

  if (row == NULL)
    return;
  g_variant_builder_init (&rows, G_VARIANT_TYPE ("aa{sv}"));
  sqlite3_bind_int64 (row, 1, since);
  sqlite3_bind_int64 (row, 2, 1 << PB_HISTORY_REFUSED);
  sqlite3_bind_int64 (row, 3, query->limit);
  while (pb_database_step (database, row, &query->error) == SQLITE_ROW)
    {
      g_variant_builder_open (&rows, G_VARIANT_TYPE ("a{sv}"));
      pb_history_add_string (&rows, "Name", pb_history_column_text (row, 0));
      add_count (&rows, "Messages", row, 1);
      add_count (&rows, "Octets", row, 2);
      add_count (&rows, "Refused", row, 3);
      g_variant_builder_close (&rows);
      query->total++;
    }
  answer = g_variant_ref_sink (g_variant_builder_end (&rows));
  if (query->error == NULL)
    query->rows = g_steal_pointer (&answer);
}

void
pb_history_top (PbHistory *self, PbHistoryTop kind, gint64 since, guint limit, PbMailbox *reply_to,
                PbHistoryAnswer func, gpointer user_data)
{
  PbHistoryQuery *query = pb_history_query_new (self, on_top, reply_to, func, user_data);

  query->id = kind;
  query->since = MAX (since, 0);
  query->limit = limit;
  pb_history_query_run (query);
}
