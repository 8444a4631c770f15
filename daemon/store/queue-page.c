/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Pages of the queue for the bus, oldest first, with a filter; and the octets of a message, to look at.
 *
 * Read on a thread and a connection of their own: the reader that mail waits for is never held up by
 * somebody who looks. All of it, or all in a state, the database counts and skips by its indexes; for
 * anything else all rows are walked, some at a time, so that the log can be copied meanwhile. Damaged
 * rows are shown as held with what can be read of them. The request owns its filter until it has answered
 * on the caller's thread.
 */
#include "store/row.h"
#include "store/store-private.h"

#define SQL_BY_ID "SELECT " PB_ROW_COLUMNS " FROM message WHERE id = ?1"
#define SQL_PAGE  "SELECT " PB_ROW_COLUMNS " FROM message ORDER BY id LIMIT ?2 OFFSET ?1"
#define SQL_PAGE_BACK "SELECT " PB_ROW_COLUMNS " FROM message ORDER BY id DESC LIMIT ?2 OFFSET ?1"
/* What is passed over is only counted in the index. */
#define SQL_PAGE_OF_CLASS                                                                          \
  "SELECT " PB_ROW_COLUMNS " FROM message WHERE class = ?3 AND id >= ("                            \
  "SELECT id FROM message WHERE class = ?3 ORDER BY id LIMIT 1 OFFSET ?1) ORDER BY id LIMIT ?2"
#define SQL_AFTER "SELECT " PB_ROW_COLUMNS " FROM message WHERE id > ?1 ORDER BY id LIMIT ?2"
#define SQL_READ  "SELECT m.size, m.in_file, b.data, m.envelope FROM message m LEFT JOIN body b ON b.id = m.id WHERE m.id = ?1"

static const char sql_page[] = SQL_PAGE, sql_page_of_class[] = SQL_PAGE_OF_CLASS;

/* Rows read in one go: as long the log cannot be begun anew. */
#define STRIDE 5000

typedef struct
{
  PbStore *store;
  PbQueueFilter *filter; /* (owned) (nullable) */
  guint offset, limit;
  PbMailbox *reply_to; /* (owned) */
  PbStorePaged func;
  gpointer user_data;

  GPtrArray *queued; /* (owned) (nullable) */
  guint total;
  guint64 after; /* the last id that was looked at */
  GError *error; /* (owned) (nullable) */
} Page;

static void
on_page_answered (gpointer data)
{
  Page *self = data;

  if (self->error != NULL)
    g_clear_pointer (&self->queued, g_ptr_array_unref);
  self->func (g_steal_pointer (&self->queued), self->total, self->error, self->user_data);
  g_clear_pointer (&self->filter, pb_queue_filter_free);
  g_clear_pointer (&self->reply_to, pb_mailbox_unref);
  g_clear_error (&self->error);
  g_free (self);
}

/* Returns: how many rows there were; an error ends the page. */
static guint
page_read_rows (Page *self, sqlite3_stmt *row)
{
  guint n = 0;

  while (pb_database_step (self->store->viewer, row, &self->error) == SQLITE_ROW)
    {
      PbQueued *queued = pb_queue_filter_match (self->filter, row);

      n++;
      self->after = pb_row_id (row);
      if (queued == NULL)
        continue;
      if (self->total >= self->offset && self->queued->len < self->limit)
        g_ptr_array_add (self->queued, g_steal_pointer (&queued));
      self->total++;
      g_clear_pointer (&queued, pb_queued_free);
    }
  return n;
}

static sqlite3_stmt *
page_prepare (Page *self, const char *sql)
{
  return pb_database_statement (self->store->viewer, sql, &self->error);
}

static void
page_read_ids (Page *self)
{
  sqlite3_stmt *row = page_prepare (self, SQL_BY_ID);

  for (gsize i = 0; row != NULL && i < self->filter->n_ids && self->error == NULL; i++)
    {
      sqlite3_bind_int64 (row, 1, (sqlite3_int64) self->filter->ids[i]);
      page_read_rows (self, row);
    }
}

/* From the nearer end: what is passed over must be read. */
static void
page_read_back (Page *self)
{
  sqlite3_stmt *row = page_prepare (self, SQL_PAGE_BACK);
  guint end = MIN (self->total, self->offset + self->limit), n;

  if (row == NULL || self->offset >= end)
    return;
  sqlite3_bind_int64 (row, 1, self->total - end);
  sqlite3_bind_int64 (row, 2, end - self->offset);
  self->offset = self->total = 0;
  page_read_rows (self, row);
  n = self->queued->len;
  for (guint i = 0; i < n / 2; i++)
    {
      gpointer other = self->queued->pdata[n - 1 - i];

      self->queued->pdata[n - 1 - i] = self->queued->pdata[i];
      self->queued->pdata[i] = other;
    }
}

static void
page_read_forward (Page *self, const char *sql, PbClass class)
{
  sqlite3_stmt *row = page_prepare (self, sql);

  if (row == NULL)
    return;
  sqlite3_bind_int64 (row, 1, self->offset);
  sqlite3_bind_int64 (row, 2, self->limit);
  if (sql == sql_page_of_class)
    sqlite3_bind_int (row, 3, (int) class);
  self->offset = 0;
  page_read_rows (self, row);
}

/* All, or all in a state: the store has counted them. */
static void
page_read_counted (Page *self)
{
  PbQueueCounts counts;
  PbClass class = PB_CLASS_ACTIVE;
  guint total;

  pb_store_counts (self->store, &counts);
  const guint64 by_state[PB_N_CLASSES] = { counts.active, counts.deferred, counts.held };

  total = (guint) MIN (counts.active + counts.deferred + counts.held, G_MAXUINT / 2);
  if (self->filter != NULL && self->filter->state != NULL)
    {
      if (!pb_class_from_name (self->filter->state, &class))
        return;
      page_read_forward (self, sql_page_of_class, class);
      total = (guint) MIN (by_state[class], G_MAXUINT / 2);
    }
  else if (self->offset > total / 2)
    {
      self->total = total;
      page_read_back (self);
    }
  else
    page_read_forward (self, sql_page, class);
  self->total = total;
}

static void
page_read_all (Page *self)
{
  sqlite3_stmt *row = page_prepare (self, SQL_AFTER);
  guint n = STRIDE;

  while (row != NULL && n == STRIDE && self->error == NULL)
    {
      sqlite3_bind_int64 (row, 1, (sqlite3_int64) self->after);
      sqlite3_bind_int64 (row, 2, STRIDE);
      n = page_read_rows (self, row);
    }
}

static void
read_page (gpointer data)
{
  Page *self = data;

  if (self->filter != NULL && self->filter->ids != NULL)
    page_read_ids (self);
  else if (!pb_queue_filter_reads_rows (self->filter))
    page_read_counted (self);
  else
    page_read_all (self);
  pb_reply_now (self->reply_to, on_page_answered, self);
}

void
pb_store_page (PbStore *self, PbQueueFilter *filter, guint offset, guint limit, PbMailbox *reply_to,
               PbStorePaged func, gpointer user_data)
{
  Page *page = g_new0 (Page, 1);

  page->store = self;
  page->filter = filter;
  page->offset = offset;
  page->limit = limit;
  page->reply_to = pb_mailbox_ref (reply_to);
  page->func = func;
  page->user_data = user_data;
  page->queued = g_ptr_array_new_with_free_func ((GDestroyNotify) pb_queued_free);
  pb_pool_run (self->view_pool, read_page, NULL, NULL, page);
}

/* ---- octets ---- */

typedef struct
{
  PbStore *store;
  guint64 id, offset;
  guint length;
  PbMailbox *reply_to; /* (owned) */
  PbStoreRead func;
  gpointer user_data;

  GBytes *octets; /* (owned) (nullable) */
  guint64 size;
  GError *error; /* (owned) (nullable) */
} Reading;

static void
on_reading_answered (gpointer data)
{
  Reading *self = data;

  self->func (self->octets, self->size, self->error, self->user_data);
  g_clear_pointer (&self->octets, g_bytes_unref);
  g_clear_pointer (&self->reply_to, pb_mailbox_unref);
  g_clear_error (&self->error);
  g_free (self);
}

static PbBody *
body_of_row (Reading *self, sqlite3_stmt *row)
{
  g_autoptr (GBytes) bytes = NULL;
  char name[PB_QUEUE_ID_TEXT];

  self->size = (guint64) sqlite3_column_int64 (row, 0);
  if (sqlite3_column_int (row, 1) != 0)
    return pb_row_file_body (row, 3, self->store->spool_dir, pb_queue_id_format (self->id, name),
                             self->size);
  bytes = g_bytes_new (sqlite3_column_blob (row, 2), (gsize) sqlite3_column_bytes (row, 2));
  return pb_body_new_bytes (bytes);
}

static void
read_octets (gpointer data)
{
  Reading *self = data;
  PbDatabase *viewer = self->store->viewer;
  sqlite3_stmt *row = pb_database_statement (viewer, SQL_READ, &self->error);
  g_autoptr (PbBody) body = NULL;
  int code = SQLITE_ERROR;

  if (row != NULL)
    {
      sqlite3_bind_int64 (row, 1, (sqlite3_int64) self->id);
      code = pb_database_step (viewer, row, &self->error);
    }
  if (code == SQLITE_DONE)
    g_set_error (&self->error, PB_STORE_ERROR, PB_STORE_ERROR_NOT_FOUND,
                 "no such message in the queue");
  if (code == SQLITE_ROW)
    {
      body = body_of_row (self, row);
      pb_database_reset (row);
    }
  if (body != NULL)
    {
      guint64 left = self->offset < self->size ? self->size - self->offset : 0;
      gsize length = MIN (self->length, left);
      guint8 *buffer = g_malloc (MAX (length, 1));
      gssize n = length > 0 ? pb_body_read (body, self->offset, buffer, length, &self->error) : 0;

      self->octets = g_bytes_new_take (buffer, (gsize) MAX (n, 0));
      if (n < 0)
        g_clear_pointer (&self->octets, g_bytes_unref);
    }
  pb_reply_now (self->reply_to, on_reading_answered, self);
}

void
pb_store_read (PbStore *self, guint64 id, guint64 offset, guint length, PbMailbox *reply_to,
               PbStoreRead func, gpointer user_data)
{
  Reading *reading = g_new0 (Reading, 1);

  reading->store = self;
  reading->id = id;
  reading->offset = offset;
  reading->length = length;
  reading->reply_to = pb_mailbox_ref (reply_to);
  reading->func = func;
  reading->user_data = user_data;
  pb_pool_run (self->view_pool, read_octets, NULL, NULL, reading);
}
