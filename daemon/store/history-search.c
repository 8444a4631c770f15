/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Finding messages in the history, newest first.
 *
 * Called on the reader thread. What is searched for is first looked up among the names, by the index of
 * three-letter pieces, or by a walk through the names when it is shorter; the few names lead to the messages by their indexes. Where the names are too many, or
 * nothing but an event or a time is asked for, the messages are walked from the newest on, which then ends
 * soon, since much matches; what went wrong has an index of its own for that. Every candidate is checked
 * against the whole filter, so that the ways differ in speed alone. Counting ends at
 * PB_HISTORY_MAX_TOTAL, where something shorter than a piece is asked for at PB_HISTORY_MAX_SHORT_TOTAL.
 */
#include "store/history-private.h"
#include "store/history-wanted.h"

#include "protocol/envelope.h"
#include "store/store.h"

#include <string.h>

#define MAX_CANDIDATES 100000 /* likewise */
#define MAX_RECIPIENTS 100    /* shown of one message */
#define DELIVERED_ONLY (1u << PB_HISTORY_DELIVERED)

#define SQL_BY_SENDER    "SELECT id FROM message WHERE sender = ?1 ORDER BY id DESC LIMIT ?2"
#define SQL_BY_CLIENT    "SELECT id FROM message WHERE client = ?1 ORDER BY id DESC LIMIT ?2"
#define SQL_BY_LOGIN     "SELECT id FROM message WHERE login = ?1 ORDER BY id DESC LIMIT ?2"
#define SQL_BY_RECIPIENT "SELECT message FROM recipient WHERE name = ?1 ORDER BY message DESC LIMIT ?2"
#define SQL_BY_ORIGINAL  "SELECT message FROM recipient WHERE original = ?1 ORDER BY message DESC LIMIT ?2"
#define SQL_WALK                                                                                   \
  "SELECT id FROM message WHERE time >= ?1 AND time < ?2 ORDER BY time DESC, id DESC LIMIT ?3 OFFSET ?4"
/* From the other end, for what is nearer to it. */
#define SQL_WALK_BACK                                                                              \
  "SELECT id FROM message WHERE time >= ?1 AND time < ?2 ORDER BY time, id LIMIT ?3 OFFSET ?4"
#define SQL_WALK_OTHER                                                                             \
  "SELECT id FROM message WHERE events <> 4 AND time >= ?1 AND time < ?2 AND events & ?3"          \
  " ORDER BY time DESC, events DESC, id DESC"
#define SQL_COUNT "SELECT count(*) FROM message WHERE time >= ?1 AND time < ?2"
#define SQL_CHECK                                                                                  \
  "SELECT time, events, sender, client, login, refused_by FROM message WHERE id = ?1"
#define SQL_CHECK_RECIPIENTS "SELECT name, original, refused_by FROM recipient WHERE message = ?1"
#define SQL_ROW                                                                                    \
  "SELECT m.id, m.time, m.own_event, m.events, m.size, s.text, c.text, l.text, m.n_recipients,"    \
  " m.refused_by, m.reply, m.helo, m.message_id FROM message m"                                    \
  " LEFT JOIN name s ON s.id = m.sender LEFT JOIN name c ON c.id = m.client"                       \
  " LEFT JOIN name l ON l.id = m.login WHERE m.id = ?1"

typedef struct
{
  PbHistoryQuery *query;
  PbDatabase *database;
  PbHistoryFilter *filter; /* (nullable) */
  PbWanted text, sender, recipient, client;
  guint64 exact_id;  /* what text names as a whole; 0 none */
  gint64 from, until; /* Unix microseconds */
  guint found, most; /* counted at most */
  GArray *page;      /* (owned) of gint64 */
} Search;

static GError **
search_error (Search *self)
{
  return &self->query->error;
}

static gboolean
wanted_matches (Search *self, PbWanted *wanted, gint64 name)
{
  return pb_wanted_matches (wanted, self->database, name, search_error (self));
}

static gboolean
wanted_look_up (Search *self, PbWanted *wanted)
{
  return pb_wanted_look_up (wanted, self->database, search_error (self));
}

/* ---- the whole filter ---- */

static gboolean
recipients_match (Search *self, gint64 id, gboolean need_text, gboolean need_recipient,
                  gboolean need_check)
{
  sqlite3_stmt *statement =
    pb_database_statement (self->database, SQL_CHECK_RECIPIENTS, search_error (self));

  if (statement == NULL)
    return FALSE;
  sqlite3_bind_int64 (statement, 1, id);
  while ((need_text || need_recipient || need_check)
         && pb_database_step (self->database, statement, search_error (self)) == SQLITE_ROW)
    {
      gint64 name = sqlite3_column_int64 (statement, 0);
      gint64 original = sqlite3_column_int64 (statement, 1);

      if (need_text && (wanted_matches (self, &self->text, name) || wanted_matches (self, &self->text, original)))
        need_text = FALSE;
      if (need_recipient
          && (wanted_matches (self, &self->recipient, name)
              || wanted_matches (self, &self->recipient, original)))
        need_recipient = FALSE;
      if (need_check
          && g_strcmp0 (pb_history_column_text (statement, 2), self->filter->check) == 0)
        need_check = FALSE;
    }
  pb_database_reset (statement);
  return !need_text && !need_recipient && !need_check;
}

/* With the row of SQL_CHECK. */
static gboolean
row_matches (Search *self, gint64 id, sqlite3_stmt *row)
{
  const PbHistoryFilter *filter = self->filter;
  gint64 time = sqlite3_column_int64 (row, 0);
  gint64 sender = sqlite3_column_int64 (row, 2), client = sqlite3_column_int64 (row, 3);
  gint64 login = sqlite3_column_int64 (row, 4);
  gboolean need_text = self->text.text != NULL, need_check = filter->check != NULL;

  if (time < self->from || time >= self->until)
    return FALSE;
  if (filter->events != 0 && (sqlite3_column_int64 (row, 1) & filter->events) == 0)
    return FALSE;
  if (self->sender.text != NULL && !wanted_matches (self, &self->sender, sender))
    return FALSE;
  if (self->client.text != NULL && !wanted_matches (self, &self->client, client))
    return FALSE;
  if (need_text && ((guint64) id == self->exact_id || wanted_matches (self, &self->text, sender)
                    || wanted_matches (self, &self->text, client) || wanted_matches (self, &self->text, login)))
    need_text = FALSE;
  if (need_check && g_strcmp0 (pb_history_column_text (row, 5), filter->check) == 0)
    need_check = FALSE;
  if (!need_text && self->recipient.text == NULL && !need_check)
    return TRUE;
  return recipients_match (self, id, need_text, self->recipient.text != NULL, need_check);
}

/* Returns: FALSE when there is no need to look at more. */
static gboolean
try_candidate (Search *self, gint64 id)
{
  sqlite3_stmt *row = pb_database_statement (self->database, SQL_CHECK, search_error (self));
  gboolean matches = FALSE;

  if (row == NULL)
    return FALSE;
  sqlite3_bind_int64 (row, 1, id);
  if (pb_database_step (self->database, row, search_error (self)) == SQLITE_ROW)
    {
      matches = row_matches (self, id, row);
      pb_database_reset (row);
    }
  if (self->query->error != NULL)
    return FALSE;
  if (!matches)
    return TRUE;
  if (self->found >= self->query->offset && self->page->len < self->query->limit)
    g_array_append_val (self->page, id);
  self->found++;
  return self->found < self->most;
}

/* ---- candidates ---- */

typedef struct
{
  PbWanted *wanted;
  const char *const *sources; /* NULL-terminated SQL */
} Way;

static const char *const by_anything[] = { SQL_BY_SENDER, SQL_BY_CLIENT, SQL_BY_LOGIN,
                                           SQL_BY_RECIPIENT, SQL_BY_ORIGINAL, NULL };
static const char *const by_sender[] = { SQL_BY_SENDER, NULL };
static const char *const by_recipient[] = { SQL_BY_RECIPIENT, SQL_BY_ORIGINAL, NULL };
static const char *const by_client[] = { SQL_BY_CLIENT, NULL };

/* The newest of each name suffice: each source is cut at as many as are ever counted, if nothing else is asked for. */
static gboolean
gather (Search *self, const char *sql, gint64 name, GArray *candidates)
{
  sqlite3_stmt *statement = pb_database_statement (self->database, sql, search_error (self));
  int code;

  if (statement == NULL)
    return FALSE;
  sqlite3_bind_int64 (statement, 1, name);
  sqlite3_bind_int64 (statement, 2, MAX_CANDIDATES + 1);
  while (candidates->len <= MAX_CANDIDATES
         && (code = pb_database_step (self->database, statement, search_error (self))) == SQLITE_ROW)
    {
      gint64 id = sqlite3_column_int64 (statement, 0);

      g_array_append_val (candidates, id);
    }
  pb_database_reset (statement);
  return self->query->error == NULL;
}

static int
compare_newest_first (gconstpointer a, gconstpointer b)
{
  gint64 one = *(const gint64 *) a, other = *(const gint64 *) b;

  return (one < other) - (one > other);
}

/* Returns: FALSE when there are too many, or with the query's error. */
static gboolean
gather_all (Search *self, const Way *way, GArray *candidates)
{
  for (const char *const *source = way->sources; *source != NULL; source++)
    for (guint i = 0; i < way->wanted->names->len; i++)
      if (!gather (self, *source, g_array_index (way->wanted->names, gint64, i), candidates)
          || candidates->len > MAX_CANDIDATES)
        return FALSE;
  if (way->wanted == &self->text && self->exact_id != 0)
    g_array_append_val (candidates, self->exact_id);
  g_array_sort (candidates, compare_newest_first);
  return TRUE;
}

static void
try_candidates (Search *self, const GArray *candidates)
{
  gint64 last = -1;

  for (guint i = 0; i < candidates->len; i++)
    {
      gint64 id = g_array_index (candidates, gint64, i);

      if (id != last && !try_candidate (self, id))
        return;
      last = id;
    }
}

/* By the text that the fewest names have. Returns: FALSE when that is no way to go. */
static gboolean
search_by_name (Search *self)
{
  const Way ways[] = { { &self->recipient, by_recipient },
                       { &self->sender, by_sender },
                       { &self->client, by_client },
                       { &self->text, by_anything } };
  g_autoptr (GArray) candidates = g_array_new (FALSE, FALSE, sizeof (gint64));
  const Way *best = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (ways); i++)
    if (ways[i].wanted->text != NULL && !ways[i].wanted->many
        && (best == NULL || ways[i].wanted->names->len < best->wanted->names->len))
      best = &ways[i];
  if (best == NULL || !gather_all (self, best, candidates))
    return self->query->error != NULL;
  try_candidates (self, candidates);
  return TRUE;
}

static void
walk (Search *self, const char *sql, gint64 third, gint64 fourth)
{
  sqlite3_stmt *statement = pb_database_statement (self->database, sql, search_error (self));

  if (statement == NULL)
    return;
  sqlite3_bind_int64 (statement, 1, self->from);
  sqlite3_bind_int64 (statement, 2, self->until);
  sqlite3_bind_int64 (statement, 3, third);
  if (fourth >= 0)
    sqlite3_bind_int64 (statement, 4, fourth);
  while (pb_database_step (self->database, statement, search_error (self)) == SQLITE_ROW
         && try_candidate (self, sqlite3_column_int64 (statement, 0)))
    ;
  pb_database_reset (statement);
}

static gboolean
is_unfiltered (const PbHistoryFilter *filter)
{
  return filter->text == NULL && filter->sender == NULL && filter->recipient == NULL
         && filter->client == NULL && filter->check == NULL && filter->events == 0;
}

static gboolean
count_in_time (Search *self)
{
  sqlite3_stmt *count = pb_database_statement (self->database, SQL_COUNT, search_error (self));

  if (count == NULL)
    return FALSE;
  sqlite3_bind_int64 (count, 1, self->from);
  sqlite3_bind_int64 (count, 2, self->until);
  if (pb_database_step (self->database, count, search_error (self)) == SQLITE_ROW)
    {
      self->found = (guint) sqlite3_column_int64 (count, 0);
      pb_database_reset (count);
    }
  return self->query->error == NULL;
}

static void
reverse (GArray *ids)
{
  for (guint i = 0; i < ids->len / 2; i++)
    {
      gint64 *one = &g_array_index (ids, gint64, i);
      gint64 *other = &g_array_index (ids, gint64, ids->len - 1 - i);
      gint64 kept = *one;

      *one = *other;
      *other = kept;
    }
}

/* The database counts and skips, from the end that is nearer. */
static void
search_by_time (Search *self)
{
  guint offset = self->query->offset, limit = self->query->limit;
  sqlite3_stmt *row;
  gboolean back;

  if (!count_in_time (self) || offset >= self->found)
    return;
  limit = MIN (limit, self->found - offset);
  back = offset > self->found / 2;
  row = pb_database_statement (self->database, back ? SQL_WALK_BACK : SQL_WALK, search_error (self));
  if (row == NULL)
    return;
  sqlite3_bind_int64 (row, 1, self->from);
  sqlite3_bind_int64 (row, 2, self->until);
  sqlite3_bind_int64 (row, 3, limit);
  sqlite3_bind_int64 (row, 4, back ? self->found - offset - limit : offset);
  while (pb_database_step (self->database, row, search_error (self)) == SQLITE_ROW)
    {
      gint64 id = sqlite3_column_int64 (row, 0);

      g_array_append_val (self->page, id);
    }
  if (back)
    reverse (self->page);
}

static void
search_run (Search *self)
{
  guint events = self->filter->events;

  if (is_unfiltered (self->filter))
    {
      search_by_time (self);
      return;
    }
  if (!wanted_look_up (self, &self->recipient) || !wanted_look_up (self, &self->sender)
      || !wanted_look_up (self, &self->client) || !wanted_look_up (self, &self->text)
      || search_by_name (self))
    return;
  if (events == 0 && self->filter->check != NULL)
    events = 1u << PB_HISTORY_REFUSED | 1u << PB_HISTORY_DISCARDED | 1u << PB_HISTORY_BROKEN_OFF;
  if (events != 0 && (events & DELIVERED_ONLY) == 0)
    walk (self, SQL_WALK_OTHER, events, -1);
  else
    walk (self, SQL_WALK, -1, 0);
}

/* ---- the page ---- */

static void
add_row (Search *self, sqlite3_stmt *row, GVariantBuilder *rows)
{
  char id[PB_QUEUE_ID_TEXT];
  PbHistoryEvent event = pb_history_summary ((PbHistoryEvent) sqlite3_column_int (row, 2),
                                             (guint) sqlite3_column_int64 (row, 3));
  gint64 time = sqlite3_column_int64 (row, 1);

  g_variant_builder_open (rows, G_VARIANT_TYPE ("a{sv}"));
  pb_history_add_string (rows, "Id",
                         pb_queue_id_format ((guint64) sqlite3_column_int64 (row, 0), id));
  g_variant_builder_add (rows, "{sv}", "Time",
                         g_variant_new_uint64 ((guint64) MAX (time, 0) / G_USEC_PER_SEC));
  pb_history_add_string (rows, "Event", pb_history_event_name (event));
  g_variant_builder_add (rows, "{sv}", "Size",
                         g_variant_new_uint64 ((guint64) sqlite3_column_int64 (row, 4)));
  /* No sender was given, or the null sender: one has the key. */
  if (sqlite3_column_type (row, 5) != SQLITE_NULL)
    pb_history_add_string (rows, "Sender", pb_history_column_text (row, 5));
  pb_history_add_string (rows, "Client", pb_history_column_text (row, 6));
  pb_history_add_string (rows, "Login", pb_history_column_text (row, 7));
  g_variant_builder_add (rows, "{sv}", "RecipientCount",
                         g_variant_new_uint32 ((guint32) sqlite3_column_int64 (row, 8)));
  pb_history_add_string (rows, "Check", pb_history_column_text (row, 9));
  pb_history_add_string (rows, "Reply", pb_history_column_text (row, 10));
  pb_history_add_string (rows, "Helo", pb_history_column_text (row, 11));
  pb_history_add_string (rows, "MessageId", pb_history_column_text (row, 12));
  pb_history_add_recipients (self->database, (guint64) sqlite3_column_int64 (row, 0),
                             MAX_RECIPIENTS, rows, search_error (self));
  g_variant_builder_close (rows);
}

static void
make_page (Search *self)
{
  sqlite3_stmt *row = pb_database_statement (self->database, SQL_ROW, search_error (self));
  g_autoptr (GVariant) page = NULL;
  GVariantBuilder rows;

  g_variant_builder_init (&rows, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; row != NULL && i < self->page->len; i++)
    {
      sqlite3_bind_int64 (row, 1, g_array_index (self->page, gint64, i));
      if (pb_database_step (self->database, row, search_error (self)) != SQLITE_ROW)
        continue;
      add_row (self, row, &rows);
      pb_database_reset (row);
    }
  page = g_variant_ref_sink (g_variant_builder_end (&rows));
  if (self->query->error != NULL)
    return;
  self->query->rows = g_steal_pointer (&page);
  self->query->total = self->found;
}

static void
on_search (PbHistoryQuery *query, PbDatabase *database)
{
  PbHistoryFilter *filter = query->filter;
  Search self = { .query = query, .database = database, .filter = filter };

  pb_wanted_init (&self.text, filter->text);
  pb_wanted_init (&self.sender, filter->sender);
  pb_wanted_init (&self.recipient, filter->recipient);
  pb_wanted_init (&self.client, filter->client);
  self.page = g_array_new (FALSE, FALSE, sizeof (gint64));
  self.most = pb_wanted_is_short (&self.text) || pb_wanted_is_short (&self.sender)
                  || pb_wanted_is_short (&self.recipient) || pb_wanted_is_short (&self.client)
                ? PB_HISTORY_MAX_SHORT_TOTAL
                : PB_HISTORY_MAX_TOTAL;
  self.from = CLAMP (filter->since, 0, G_MAXINT64 / G_USEC_PER_SEC) * G_USEC_PER_SEC;
  self.until = filter->until > 0 && filter->until < G_MAXINT64 / G_USEC_PER_SEC
                 ? filter->until * G_USEC_PER_SEC
                 : G_MAXINT64;
  if (self.text.text != NULL)
    {
      g_autofree char *upper = g_ascii_strup (self.text.text, -1);

      if (!pb_queue_id_parse (upper, &self.exact_id))
        self.exact_id = 0;
    }
  search_run (&self);
  if (query->error == NULL)
    make_page (&self);
  g_array_unref (self.page);
  pb_wanted_clear (&self.text);
  pb_wanted_clear (&self.sender);
  pb_wanted_clear (&self.recipient);
  pb_wanted_clear (&self.client);
}

/* Nothing to look for is in everything. */
static void
drop_empty (char **text)
{
  if (*text != NULL && **text == '\0')
    g_clear_pointer (text, g_free);
}

void
pb_history_search (PbHistory *self, PbHistoryFilter *filter, guint offset, guint limit,
                   PbMailbox *reply_to, PbHistoryAnswer func, gpointer user_data)
{
  PbHistoryQuery *query = pb_history_query_new (self, on_search, reply_to, func, user_data);

  query->filter = filter != NULL ? filter : g_new0 (PbHistoryFilter, 1);
  drop_empty (&query->filter->text);
  drop_empty (&query->filter->sender);
  drop_empty (&query->filter->recipient);
  drop_empty (&query->filter->client);
  drop_empty (&query->filter->check);
  query->offset = offset;
  query->limit = MIN (limit, PB_HISTORY_MAX_PAGE);
  pb_history_query_run (query);
}
