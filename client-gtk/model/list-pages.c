/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The pages of a list. Who looks at a row gets it at once, empty, and its page is asked for; the page
 * fills the rows that are there. When the list changed, the pages that were looked at are asked for
 * again and laid over the old ones: rows are known by Id and keep their objects, and only what differs is
 * announced, see list-diff.c. One refresh at a time; a page whose total
 * differs begins another. Another search is a refresh too, of its first page only: rows of the last one stay
 * until it has come, so that nothing flickers while somebody types. A failure is a sentence in "error"; what is
 * shown stays.
 */
#include "model/list-model-private.h"

#include "model/list-row-private.h"
#include "model/words.h"

#define PAGE 200

/* One page under way. */
typedef struct
{
  PbaListModel *model;       /* (owned) */
  GCancellable *cancellable; /* (owned) */
  guint page;
  gboolean refreshing;
} Request;

static void
request_free (Request *request)
{
  g_object_unref (request->model);
  g_object_unref (request->cancellable);
  g_free (request);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Request, request_free)

static void
notify_all (PbaListModel *self)
{
  static const char *const derived[] = { "total", "loading", "loaded", "empty", "no-results" };

  for (guint i = 0; i < G_N_ELEMENTS (derived); i++)
    g_object_notify (G_OBJECT (self), derived[i]);
}

static void
set_error (PbaListModel *self, const char *sentence)
{
  if (g_strcmp0 (self->error, sentence) == 0)
    return;
  g_free (self->error);
  self->error = g_strdup (sentence);
  g_object_notify (G_OBJECT (self), "error");
}

static void
index_row (PbaListModel *self, PbaListRow *row)
{
  if (pba_list_row_get_id (row) != NULL)
    g_hash_table_insert (self->by_id, (char *) pba_list_row_get_id (row), row);
}

static void
fill_page (PbaListModel *self, guint page, GVariant *rows)
{
  gsize n = g_variant_n_children (rows);

  for (gsize i = 0; i < n && page * PAGE + i < self->rows->len; i++)
    {
      g_autoptr (GVariant) cells = g_variant_get_child_value (rows, i);
      gpointer *place = &self->rows->pdata[page * PAGE + i];

      if (*place == NULL)
        *place = pba_list_row_new (page * PAGE + i);
      if (pba_list_row_get_loaded (*place))
        continue;
      pba_list_row_fill (*place, page * PAGE + i, cells);
      index_row (self, *place);
    }
}

/* ---- a refresh ---- */

/* The row for a place after a refresh: the one of that id, else an empty one that stood there, else a new one. */
static PbaListRow *
choose_row (PbaListModel *self, guint position, GVariant *cells)
{
  PbaListRow *old = position < self->rows->len ? self->rows->pdata[position] : NULL;
  PbaListRow *known = NULL;
  const char *id = NULL;

  if (cells != NULL && g_variant_lookup (cells, "Id", "&s", &id))
    known = g_hash_table_lookup (self->by_id, id);
  if (known != NULL)
    return g_object_ref (known);
  if (old != NULL && !pba_list_row_get_loaded (old))
    return g_object_ref (old);
  return cells != NULL ? pba_list_row_new (position) : NULL;
}

/* Places that were looked at during a refresh and got nothing by it. */
static void
ask_for_empty (PbaListModel *self)
{
  for (guint i = 0; i < self->rows->len; i++)
    if (self->rows->pdata[i] != NULL && !pba_list_row_get_loaded (self->rows->pdata[i])
        && !g_hash_table_contains (self->asked, GUINT_TO_POINTER (i / PAGE)))
      pba_list_model_ask_page (self, i / PAGE, FALSE);
}

static void
end_refresh (PbaListModel *self, guint total)
{
  g_autoptr (GHashTable) fresh = g_steal_pointer (&self->fresh);
  GPtrArray *rows = g_ptr_array_new ();

  g_ptr_array_set_size (rows, total);
  for (guint i = 0; i < total; i++)
    rows->pdata[i] = choose_row (self, i, g_hash_table_lookup (fresh, GUINT_TO_POINTER (i)));
  g_hash_table_remove_all (self->by_id);
  for (guint i = 0; i < total; i++)
    {
      GVariant *cells = g_hash_table_lookup (fresh, GUINT_TO_POINTER (i));

      if (cells != NULL)
        pba_list_row_fill (rows->pdata[i], i, cells);
      if (rows->pdata[i] != NULL)
        index_row (self, rows->pdata[i]);
    }
  self->loaded = TRUE;
  self->outdated = FALSE;
  pba_list_model_turn_into (self, rows);
  ask_for_empty (self);
}

static void
go_on_refreshing (PbaListModel *self, guint total)
{
  guint page;

  if (self->to_refresh->len == 0)
    {
      g_clear_pointer (&self->to_refresh, g_array_unref);
      end_refresh (self, total);
      return;
    }
  page = g_array_index (self->to_refresh, guint, self->to_refresh->len - 1);
  g_array_set_size (self->to_refresh, self->to_refresh->len - 1);
  pba_list_model_ask_page (self, page, TRUE);
}

static void
keep_fresh (PbaListModel *self, guint page, GVariant *rows)
{
  for (gsize i = 0; i < g_variant_n_children (rows); i++)
    g_hash_table_insert (self->fresh, GUINT_TO_POINTER (page * PAGE + i),
                         g_variant_get_child_value (rows, i));
}

/* ---- pages ---- */

static void
take_page (PbaListModel *self, Request *request, GVariant *reply)
{
  g_autoptr (GVariant) rows = NULL;
  guint total;

  if (self->spec != NULL)
    g_variant_get (reply, "(tu@aa{sv})", &self->revision, &total, &rows);
  else
    g_variant_get (reply, "(u@aa{sv})", &total, &rows);
  set_error (self, NULL);
  if (request->refreshing)
    {
      keep_fresh (self, request->page, rows);
      go_on_refreshing (self, total);
    }
  else
    {
      gboolean first = !self->loaded;

      /* The first page to come lays out the places; filled before anybody is told, so that nobody asks again. */
      self->loaded = TRUE;
      if (first)
        g_ptr_array_set_size (self->rows, total);
      fill_page (self, request->page, rows);
      if (first && total > 0)
        g_list_model_items_changed (G_LIST_MODEL (self), 0, 0, total);
      if (total != self->rows->len)
        pba_list_model_refresh (self);
    }
}

static void
on_page (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (Request) request = user_data;
  PbaListModel *self = request->model;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = pba_connection_call_finish (PBA_CONNECTION (source), result, &error);

  if (g_cancellable_is_cancelled (request->cancellable))
    return;
  g_hash_table_remove (self->asked, GUINT_TO_POINTER (request->page));
  if (reply != NULL)
    take_page (self, request, reply);
  else
    {
      g_autofree char *sentence = pba_words_error (error);

      set_error (self, sentence);
      g_clear_pointer (&self->fresh, g_hash_table_unref);
      g_clear_pointer (&self->to_refresh, g_array_unref);
    }
  notify_all (self);
}

static GVariant *
build_filter (PbaListModel *self)
{
  GVariantDict dict;

  g_variant_dict_init (&dict, self->filter);
  if (self->search != NULL && self->search[0] != '\0')
    g_variant_dict_insert (&dict, "Search", "s", self->search);
  return g_variant_dict_end (&dict);
}

void
pba_list_model_ask_page (PbaListModel *self, guint page, gboolean refreshing)
{
  Request *request = g_new0 (Request, 1);

  request->model = g_object_ref (self);
  request->cancellable = g_object_ref (self->cancellable);
  request->page = page;
  request->refreshing = refreshing;
  g_hash_table_add (self->asked, GUINT_TO_POINTER (page));
  (refreshing && self->quiet
     ? pba_connection_poll
     : pba_connection_call) (self->connection, self->interface, self->method,
                             g_variant_new ("(@a{sv}uu)", build_filter (self), page * PAGE, PAGE),
                             self->spec != NULL ? "(tuaa{sv})" : "(uaa{sv})", self->cancellable,
                             on_page, request);
}

/* Forgets every answer that is still to come. */
static void
drop_requests (PbaListModel *self)
{
  g_cancellable_cancel (self->cancellable);
  g_object_unref (self->cancellable);
  self->cancellable = g_cancellable_new ();
  g_hash_table_remove_all (self->asked);
  g_clear_pointer (&self->fresh, g_hash_table_unref);
  g_clear_pointer (&self->to_refresh, g_array_unref);
}

static gboolean
is_page_seen (PbaListModel *self, guint page)
{
  for (guint i = page * PAGE; i < MIN ((page + 1) * PAGE, self->rows->len); i++)
    if (self->rows->pdata[i] != NULL)
      return TRUE;
  return FALSE;
}

static gboolean
on_refresh (gpointer user_data)
{
  PbaListModel *self = user_data;
  guint pages = (self->rows->len + PAGE - 1) / PAGE;

  self->refresh_source = 0;
  if (pba_connection_get_state (self->connection) != PBA_CONNECTION_CONNECTED)
    return G_SOURCE_REMOVE;
  drop_requests (self);
  self->used = TRUE;
  if (!self->loaded && !self->outdated)
    {
      pba_list_model_ask_page (self, 0, FALSE);
      return G_SOURCE_REMOVE;
    }
  self->fresh = g_hash_table_new_full (NULL, NULL, NULL, (GDestroyNotify) g_variant_unref);
  self->to_refresh = g_array_new (FALSE, FALSE, sizeof (guint));
  /* Asked from the end of the array: the first page comes first. */
  for (guint page = pages; !self->outdated && page-- > 1;)
    if (is_page_seen (self, page))
      g_array_append_val (self->to_refresh, page);
  pba_list_model_ask_page (self, 0, TRUE);
  return G_SOURCE_REMOVE;
}

void
pba_list_model_refresh (PbaListModel *self)
{
  self->quiet = FALSE;
  if (self->refresh_source == 0)
    self->refresh_source = g_idle_add (on_refresh, self);
}

void
pba_list_model_poll (PbaListModel *self)
{
  /* A slow answer is waited for, a refusal is not asked for again and again. */
  if (!self->loaded || self->error != NULL || self->refresh_source != 0
      || g_hash_table_size (self->asked) > 0)
    return;
  pba_list_model_refresh (self);
  self->quiet = TRUE;
}

void
pba_list_model_start_over (PbaListModel *self, gboolean keep)
{
  guint old = self->rows->len;

  drop_requests (self);
  self->outdated = keep && (self->loaded || self->outdated);
  self->loaded = FALSE;
  if (!self->outdated)
    {
      g_hash_table_remove_all (self->by_id);
      for (guint i = 0; i < old; i++)
        g_clear_object ((GObject **) &self->rows->pdata[i]);
      g_ptr_array_set_size (self->rows, 0);
      if (old > 0)
        g_list_model_items_changed (G_LIST_MODEL (self), 0, old, 0);
    }
  if (self->used)
    pba_list_model_refresh (self);
  notify_all (self);
}

PbaListRow *
pba_list_model_peek (PbaListModel *self, guint position)
{
  return position < self->rows->len ? self->rows->pdata[position] : NULL;
}

PbaListRow *
pba_list_model_look (PbaListModel *self, guint position)
{
  gpointer *place = &self->rows->pdata[position];

  if (*place == NULL)
    *place = pba_list_row_new (position);
  if (!pba_list_row_get_loaded (*place) && self->fresh == NULL && !self->outdated
      && !g_hash_table_contains (self->asked, GUINT_TO_POINTER (position / PAGE)))
    pba_list_model_ask_page (self, position / PAGE, FALSE);
  return *place;
}
