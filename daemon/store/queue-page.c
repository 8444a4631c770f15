/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Pages of the queue for the bus, oldest first, with a filter.
 *
 * Read by the reader thread; a filter by address walks all rows, small since bodies live apart. Damaged
 * rows are shown as held with what can be read of them. The request owns its filter until it has answered
 * on the caller's thread.
 */
#include "store/row.h"
#include "store/store-private.h"

#include <string.h>

#define SQL_ALL   "SELECT " PB_ROW_COLUMNS " FROM message ORDER BY id"
#define SQL_BY_ID "SELECT " PB_ROW_COLUMNS " FROM message WHERE id = ?1"
#define SQL_PAGE  "SELECT " PB_ROW_COLUMNS " FROM message ORDER BY id LIMIT ?2 OFFSET ?1"
#define SQL_TOTAL "SELECT count(*) FROM message"

typedef struct
{
  PbStore *store;
  PbQueueFilter *filter; /* (owned) (nullable) */
  gboolean by_class;
  PbClass class;
  guint offset, limit;
  PbMailbox *reply_to; /* (owned) */
  PbStorePaged func;
  gpointer user_data;

  GPtrArray *queued; /* (owned) (nullable) */
  guint total;
  GError *error; /* (owned) (nullable) */
} Page;

void
pb_queue_filter_free (PbQueueFilter *self)
{
  if (self == NULL)
    return;
  g_free (self->ids);
  g_free (self->sender);
  g_free (self->recipient);
  g_free (self->domain);
  g_free (self->search);
  g_free (self);
}

static void
on_page_answered (gpointer data)
{
  Page *self = data;

  self->func (g_steal_pointer (&self->queued), self->total, self->error, self->user_data);
  g_clear_pointer (&self->filter, pb_queue_filter_free);
  g_clear_pointer (&self->reply_to, pb_mailbox_unref);
  g_clear_error (&self->error);
  g_free (self);
}

static gboolean
equal (const char *a, const char *b)
{
  return a != NULL && g_ascii_strcasecmp (a, b) == 0;
}

static gboolean
matches_recipient (const PbQueueFilter *filter, const char *address)
{
  const char *at = strrchr (address, '@');

  return (filter->recipient == NULL || equal (address, filter->recipient))
         && (filter->domain == NULL || (at != NULL && equal (at + 1, filter->domain)));
}

/* In the id, the addresses, the client and the last replies; of recipients those that still wait. */
static gboolean
matches_search (const PbQueueFilter *filter, const PbQueued *queued)
{
  const PbEnvelope *envelope = queued->envelope;
  g_autoptr (GString) text = g_string_new (envelope->id_text);
  g_autofree char *valid = NULL;
  g_autofree char *folded = NULL;

  g_string_append_printf (text, "\n%s\n%s", envelope->sender != NULL ? envelope->sender : "",
                          envelope->client != NULL ? envelope->client : "");
  for (guint i = 0; i < queued->n_statuses; i++)
    {
      const PbRecipientStatus *status = &queued->statuses[i];

      g_string_append_printf (text, "\n%s\n%s", envelope->recipients[status->recipient].address,
                              status->last_reply != NULL ? status->last_reply : "");
    }
  valid = g_utf8_make_valid (text->str, (gssize) text->len);
  folded = g_utf8_casefold (valid, -1);
  return strstr (folded, filter->search) != NULL;
}

static gboolean
matches (const Page *self, const PbQueued *queued)
{
  const PbQueueFilter *filter = self->filter;
  const PbEnvelope *envelope = queued->envelope;

  if (filter == NULL)
    return TRUE;
  if (filter->sender != NULL && !equal (envelope->sender, filter->sender))
    return FALSE;
  if (filter->search != NULL && !matches_search (filter, queued))
    return FALSE;
  if (filter->recipient == NULL && filter->domain == NULL)
    return TRUE;
  for (guint i = 0; i < envelope->n_recipients; i++)
    if (matches_recipient (filter, envelope->recipients[i].address))
      return TRUE;
  return FALSE;
}

static void
page_read_row (Page *self, sqlite3_stmt *row)
{
  const char *damage = NULL;
  PbQueued *queued;
  PbClass class;

  if (self->by_class && (!pb_row_class (row, &class) || class != self->class))
    return;
  queued = pb_row_decode (row, &damage);
  if (queued == NULL)
    queued = pb_row_decode_damaged (row, damage);
  if (matches (self, queued))
    {
      if (self->total >= self->offset && self->queued->len < self->limit)
        g_ptr_array_add (self->queued, g_steal_pointer (&queued));
      self->total++;
    }
  g_clear_pointer (&queued, pb_queued_free);
}

static gboolean
page_read_rows (Page *self, sqlite3_stmt *row)
{
  int code;

  while ((code = pb_database_step (self->store->reader, row, &self->error)) == SQLITE_ROW)
    page_read_row (self, row);
  return code == SQLITE_DONE;
}

static void
page_read_ids (Page *self, sqlite3_stmt *row)
{
  for (gsize i = 0; i < self->filter->n_ids; i++)
    {
      sqlite3_bind_int64 (row, 1, (sqlite3_int64) self->filter->ids[i]);
      if (!page_read_rows (self, row))
        return;
    }
}

/* Without a filter the database counts and skips. */
static void
page_read_unfiltered (Page *self, sqlite3_stmt *row)
{
  gint64 total;
  guint offset = self->offset;

  if (!pb_database_read_integer (self->store->reader, SQL_TOTAL, &total, &self->error))
    return;
  sqlite3_bind_int64 (row, 1, offset);
  sqlite3_bind_int64 (row, 2, self->limit);
  self->offset = 0;
  page_read_rows (self, row);
  self->total = (guint) total;
}

static void
read_page (gpointer data)
{
  Page *self = data;
  gboolean by_id = self->filter != NULL && self->filter->ids != NULL;
  const char *sql = by_id ? SQL_BY_ID : self->filter == NULL ? SQL_PAGE : SQL_ALL;
  sqlite3_stmt *row = pb_database_statement (self->store->reader, sql, &self->error);

  if (row != NULL && by_id)
    page_read_ids (self, row);
  else if (row != NULL && self->filter == NULL)
    page_read_unfiltered (self, row);
  else if (row != NULL)
    page_read_rows (self, row);
  pb_reply_now (self->reply_to, on_page_answered, self);
}

void
pb_store_page (PbStore *self, PbQueueFilter *filter, guint offset, guint limit, PbMailbox *reply_to,
               PbStorePaged func, gpointer user_data)
{
  Page *page = g_new0 (Page, 1);

  page->store = self;
  page->filter = filter;
  page->by_class = filter != NULL && filter->state != NULL;
  if (page->by_class && !pb_class_from_name (filter->state, &page->class))
    page->class = PB_N_CLASSES;
  page->offset = offset;
  page->limit = limit;
  page->reply_to = pb_mailbox_ref (reply_to);
  page->func = func;
  page->user_data = user_data;
  page->queued = g_ptr_array_new_with_free_func ((GDestroyNotify) pb_queued_free);
  pb_pool_run (self->reader_pool, read_page, NULL, NULL, page);
}
