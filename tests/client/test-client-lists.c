/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The client's paged lists against a service on a private bus: the stand-in, and postbusd itself.
 */
#include "bed.h"

#include "dbus/errors.h"
#include "model/list-model.h"
#include "model/list-model-private.h"
#include "model/list-row-private.h"
#include "model/server.h"
#include "model/words.h"

#include <locale.h>

#define ON_BOTH(path, function)                                                                    \
  g_test_add (path, Bed, NULL, bed_up, function, bed_down);                                        \
  g_test_add (path "/real", Bed, "real", bed_up, function, bed_down)

/* What a wait is for: a list of so many rows, all of them of the newest state. */
typedef struct
{
  PbaListModel *model;
  guint total;
} Wanted;

static gboolean
has_total (gpointer user_data)
{
  Wanted *wanted = user_data;

  return pba_list_model_get_loaded (wanted->model)
         && g_list_model_get_n_items (G_LIST_MODEL (wanted->model)) == wanted->total;
}

static void
wait_total (PbaListModel *model, guint total)
{
  Wanted wanted = { model, total };

  bed_wait (has_total, &wanted, "the rows");
}

static GVariant *
cells (const char *name, const char *network)
{
  return g_variant_new_parsed ("{'Name': <%s>, 'Network': <%s>}", name, network);
}

static GVariant *
many_rows (guint n)
{
  GVariantBuilder rows;

  g_variant_builder_init (&rows, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; i < n; i++)
    {
      g_autofree char *name = g_strdup_printf ("Rule %05u", i);
      g_autofree char *network = g_strdup_printf ("10.%u.%u.%u", i >> 16, (i >> 8) & 255, i & 255);

      g_variant_builder_add_value (&rows, cells (name, network));
    }
  return g_variant_builder_end (&rows);
}

static PbaListModel *
load (Bed *bed, guint n)
{
  PbaListModel *model = pba_list_model_new (bed->connection, PB_LIST_TRUSTED_LIST);

  bed_open (bed, PBA_CONNECTION_CONNECTED);
  if (n > 0)
    g_variant_unref (
      bed_call (bed, "TrustedList", "Replace", g_variant_new ("(@aa{sv})", many_rows (n))));
  g_list_model_get_n_items (G_LIST_MODEL (model));
  wait_total (model, n);
  return model;
}

static gboolean
is_row_loaded (gpointer user_data)
{
  return pba_list_row_get_loaded (user_data);
}

static PbaListRow *
look (PbaListModel *model, guint position)
{
  PbaListRow *row = g_list_model_get_item (G_LIST_MODEL (model), position);

  bed_wait (is_row_loaded, row, "a row");
  return row;
}

static void
assert_name (PbaListModel *model, guint position, const char *name)
{
  g_autoptr (PbaListRow) row = look (model, position);

  g_assert_cmpstr (pba_list_row_get_text (row, "Name"), ==, name);
  g_assert_cmpuint (pba_list_row_get_position (row), ==, position);
}

static char *
finish (PbaListModel *model, GAsyncResult **result)
{
  g_autoptr (GError) error = NULL;
  char *id = NULL;

  pba_list_model_write_finish (model, bed_wait_result (result, "the write"), &id, &error);
  g_assert_no_error (error);
  g_clear_object (result);
  return id;
}

/* Ten thousand rows cost the pages that are looked at. */
static void
test_pages (Bed *bed, gconstpointer mode)
{
  g_autoptr (PbaListModel) model = load (bed, 10000);
  g_autoptr (PbaListRow) last = NULL;
  g_autoptr (PbaListRow) beside = NULL;
  g_autoptr (PbaListRow) middle = NULL;

  assert_name (model, 0, "Rule 00000");
  last = look (model, 9999);
  g_assert_cmpstr (pba_list_row_get_text (last, "Name"), ==, "Rule 09999");
  beside = g_list_model_get_item (G_LIST_MODEL (model), 9998);
  g_assert_true (pba_list_row_get_loaded (beside));
  middle = g_list_model_get_item (G_LIST_MODEL (model), 5000);
  g_assert_false (pba_list_row_get_loaded (middle));
  g_assert_null (g_list_model_get_item (G_LIST_MODEL (model), 10000));
  bed_wait (is_row_loaded, middle, "the middle");
}

static void
test_writes (Bed *bed, gconstpointer mode)
{
  g_autoptr (PbaListModel) model = load (bed, 0);
  g_autoptr (GAsyncResult) result = NULL;
  g_autofree char *first = NULL;
  g_autofree char *second = NULL;
  g_autoptr (PbaListRow) row = NULL;
  gboolean empty = FALSE;

  g_object_get (model, "empty", &empty, NULL);
  g_assert_true (empty);
  pba_list_model_add_async (model, cells ("Printer", "192.168.1.9"), NULL, bed_result, &result);
  first = finish (model, &result);
  g_assert_cmpint (strlen (first), ==, 36);
  pba_list_model_add_async (model, cells ("Second site", "198.51.100.0/24"), NULL, bed_result,
                            &result);
  second = finish (model, &result);
  wait_total (model, 2);
  assert_name (model, 0, "Printer");
  row = look (model, 1);

  pba_list_model_move_async (model, second, 0, NULL, bed_result, &result);
  g_free (finish (model, &result));
  while (pba_list_row_get_position (row) != 0)
    g_main_context_iteration (NULL, TRUE);
  assert_name (model, 0, "Second site");
  assert_name (model, 1, "Printer");

  pba_list_model_update_async (model, first, g_variant_new_parsed ("{'Name': <'Scanner'>}"), NULL,
                               bed_result, &result);
  g_free (finish (model, &result));
  while (g_strcmp0 (pba_list_row_get_text (look (model, 1), "Name"), "Scanner") != 0)
    g_main_context_iteration (NULL, TRUE);
}

/* Rows that stay keep their objects when somebody else changes the list. */
static void
test_follows (Bed *bed, gconstpointer mode)
{
  g_autoptr (PbaListModel) model = load (bed, 3);
  g_autoptr (PbaListRow) first = look (model, 0);
  g_autoptr (PbaListRow) last = look (model, 2);
  g_autoptr (PbaListRow) found = NULL;
  const char *const gone[] = { pba_list_row_get_id (first), NULL };

  g_variant_unref (
    bed_call (bed, "TrustedList", "Add", g_variant_new ("(@a{sv})", cells ("New", "192.0.2.1"))));
  wait_total (model, 4);
  g_variant_unref (bed_call (bed, "TrustedList", "Remove", g_variant_new ("(^as)", gone)));
  wait_total (model, 3);
  found = g_list_model_get_item (G_LIST_MODEL (model), 1);
  g_assert_true (found == last);
  g_assert_cmpuint (pba_list_row_get_position (last), ==, 1);
}

static void
test_undo (Bed *bed, gconstpointer mode)
{
  g_autoptr (PbaListModel) model = load (bed, 5);
  g_autoptr (PbaListRow) second = look (model, 1);
  g_autoptr (PbaListRow) fourth = look (model, 3);
  g_autoptr (GAsyncResult) result = NULL;
  const char *const ids[] = { pba_list_row_get_id (fourth), pba_list_row_get_id (second), NULL };
  g_autoptr (GPtrArray) removed = NULL;

  g_assert_null (pba_list_model_take_removed (model));
  pba_list_model_remove_async (model, ids, NULL, bed_result, &result);
  g_free (finish (model, &result));
  wait_total (model, 3);
  removed = pba_list_model_take_removed (model);
  g_assert_cmpuint (removed->len, ==, 2);
  g_assert_null (pba_list_model_take_removed (model));
  pba_list_model_put_back_async (model, removed, NULL, bed_result, &result);
  g_free (finish (model, &result));
  wait_total (model, 5);
  for (guint i = 0; i < 5; i++)
    {
      g_autofree char *name = g_strdup_printf ("Rule %05u", i);

      while (g_strcmp0 (pba_list_row_get_text (look (model, i), "Name"), name) != 0)
        g_main_context_iteration (NULL, TRUE);
    }
  /* They are the same rows again: what goes by their Ids finds them. */
  for (guint i = 0; i < removed->len; i++)
    {
      g_autoptr (PbaListRow) row = look (model, 1 + 2 * i);
      const char *id = NULL;

      g_assert_true (g_variant_lookup (removed->pdata[i], "Id", "&s", &id));
      g_assert_cmpstr (pba_list_row_get_id (row), ==, id);
    }
}

static void
test_search (Bed *bed, gconstpointer mode)
{
  g_autoptr (PbaListModel) model = load (bed, 1000);
  gboolean none = FALSE;

  pba_list_model_set_search (model, "Rule 0012");
  wait_total (model, 10);
  assert_name (model, 3, "Rule 00123");
  pba_list_model_set_search (model, "zeppelin");
  wait_total (model, 0);
  g_object_get (model, "no-results", &none, NULL);
  g_assert_true (none);
  pba_list_model_set_search (model, "");
  wait_total (model, 1000);
}

static void
test_judges (Bed *bed, gconstpointer mode)
{
  g_autoptr (PbaListModel) model = load (bed, 1);
  g_autoptr (PbaListRow) row = look (model, 0);
  g_autoptr (GVariant) bad = g_variant_ref_sink (cells ("Site", "300.1.1.1"));
  g_autoptr (GVariant) good = g_variant_ref_sink (g_variant_new_parsed ("{'Enabled': <false>}"));
  g_autoptr (GError) error = NULL;
  g_autofree char *column = NULL;
  g_autofree char *sentence = NULL;

  g_assert_false (pba_list_model_check (model, NULL, NULL, bad, &error));
  column = pba_error_dup_column (error);
  sentence = pba_words_error (error);
  g_assert_cmpstr (column, ==, "Network");
  g_assert_true (g_str_has_prefix (sentence, "Must be an IP address"));
  g_clear_error (&error);
  pba_list_model_check (model, pba_list_row_get_id (row), pba_list_row_get_cells (row), good,
                        &error);
  g_assert_no_error (error);
}

static void
test_exports (Bed *bed, gconstpointer mode)
{
  g_autoptr (PbaListModel) model = load (bed, 1234);
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GVariant) rows = NULL;
  g_autoptr (GError) error = NULL;

  pba_list_model_fetch_all_async (model, NULL, bed_result, &result);
  rows = pba_list_model_fetch_all_finish (model, bed_wait_result (&result, "all rows"), &error);
  g_assert_no_error (error);
  g_assert_cmpuint (g_variant_n_children (rows), ==, 1234);
}

static gboolean
has_error (gpointer user_data)
{
  return pba_list_model_get_error (user_data) != NULL;
}

/* The service goes away while rows are shown: they stay, and come again with it. */
static void
test_lost (Bed *bed, gconstpointer mode)
{
  g_autoptr (PbaListModel) model = load (bed, 300);

  bed_stop_service (bed);
  bed_wait_state (bed, PBA_CONNECTION_LOST);
  g_assert_cmpuint (g_list_model_get_n_items (G_LIST_MODEL (model)), ==, 300);
  g_object_unref (g_list_model_get_item (G_LIST_MODEL (model), 299));
  bed_wait (has_error, model, "the error");
  bed_start_service (bed, mode);
  bed_wait_state (bed, PBA_CONNECTION_CONNECTED);
  wait_total (model, 0);
}

static gboolean
has_counters (gpointer user_data)
{
  return pba_statistics_get (user_data, "accepted") == 12;
}

static void
test_server (Bed *bed, gconstpointer mode)
{
  g_autoptr (PbaServer) server = pba_server_new (bed->connection);
  g_autoptr (GPtrArray) reasons = NULL;

  bed_open (bed, PBA_CONNECTION_CONNECTED);
  pba_statistics_set_watched (pba_server_get_statistics (server), TRUE);
  bed_wait (has_counters, pba_server_get_statistics (server), "the counters");
  reasons = pba_statistics_list (pba_server_get_statistics (server), "refused.");
  g_assert_cmpuint (reasons->len, ==, 2);
  g_assert_cmpstr (reasons->pdata[0], ==, "refused.helo");
  g_assert_true (pba_server_get_list (server, PB_LIST_ALIASES)
                 == pba_server_get_list (server, PB_LIST_ALIASES));
}

/* ---- what differs ---- */

/* What somebody who only heard of changes believes to be there. */
static void
on_items_changed (PbaListModel *model, guint position, guint removed, guint added, GPtrArray *believed)
{
  g_assert_cmpuint (position + removed, <=, believed->len);
  g_assert_cmpuint (removed + added, >, 0);
  if (removed > 0)
    g_ptr_array_remove_range (believed, position, removed);
  for (guint i = 0; i < added; i++)
    g_ptr_array_insert (believed, (int) (position + i), pba_list_model_peek (model, position + i));
  g_assert_cmpuint (believed->len, ==, g_list_model_get_n_items (G_LIST_MODEL (model)));
}

/* The row in the middle stays while the head goes and a tail comes. */
static void
on_head_or_tail (PbaListModel *model, guint position, guint removed, guint added, gpointer kept)
{
  g_assert_true ((position == 0 && removed == 1 && added == 0)
                 || (position == 2 && removed == 0 && added == 1));
}

/* Some of the rows that are there, others between them, and places that nobody has looked at. */
static GPtrArray *
make_rows (PbaListModel *model, GRand *random)
{
  guint total = pba_list_model_get_total (model);
  GPtrArray *rows = g_ptr_array_new ();

  for (guint i = 0; i < total; i++)
    {
      PbaListRow *row = pba_list_model_peek (model, i);

      if (g_rand_int_range (random, 0, 6) == 0)
        g_ptr_array_add (rows, pba_list_row_new (0));
      if (g_rand_int_range (random, 0, 4) != 0)
        g_ptr_array_add (rows, row != NULL ? g_object_ref (row) : NULL);
    }
  for (int i = g_rand_int_range (random, 0, 6); i > 0; i--)
    g_ptr_array_add (rows, i % 2 == 0 ? pba_list_row_new (0) : NULL);
  if (rows->len > 1 && g_rand_int_range (random, 0, 5) == 0)
    {
      gpointer first = rows->pdata[0];

      rows->pdata[0] = rows->pdata[rows->len - 1];
      rows->pdata[rows->len - 1] = first;
    }
  return rows;
}

/* However the rows change, who hears of it knows what is there; a row that stays between others is never taken away. */
static void
test_differences (void)
{
  g_autoptr (PbaConnection) connection = pba_connection_new ("");
  g_autoptr (PbaListModel) model = pba_list_model_new_query (connection, "Queue", "List");
  g_autoptr (GPtrArray) believed = g_ptr_array_new ();
  g_autoptr (GRand) random = g_rand_new_with_seed (7);
  GPtrArray *rows;
  PbaListRow *kept;

  g_signal_connect (model, "items-changed", G_CALLBACK (on_items_changed), believed);
  for (guint round = 0; round < 2000; round++)
    {
      g_autoptr (GPtrArray) wanted = g_ptr_array_new ();

      rows = make_rows (model, random);
      for (guint i = 0; i < rows->len; i++)
        g_ptr_array_add (wanted, rows->pdata[i]);
      pba_list_model_turn_into (model, rows);
      g_assert_cmpuint (believed->len, ==, wanted->len);
      for (guint i = 0; i < wanted->len; i++)
        {
          g_assert_true (believed->pdata[i] == wanted->pdata[i]);
          g_assert_true (pba_list_model_peek (model, i) == wanted->pdata[i]);
        }
    }
  pba_list_model_turn_into (model, g_ptr_array_new ());
  kept = pba_list_row_new (0);
  rows = g_ptr_array_new ();
  g_ptr_array_add (rows, pba_list_row_new (0));
  g_ptr_array_add (rows, g_object_ref (kept));
  pba_list_model_turn_into (model, rows);
  g_signal_handlers_disconnect_by_data (model, believed);
  g_signal_connect (model, "items-changed", G_CALLBACK (on_head_or_tail), kept);
  rows = g_ptr_array_new ();
  g_ptr_array_add (rows, kept);
  g_ptr_array_add (rows, pba_list_row_new (0));
  pba_list_model_turn_into (model, rows);
  g_assert_true (pba_list_model_peek (model, 0) == kept);
}

/* ---- the queue ---- */

typedef struct
{
  gboolean called;
  guint n;
  GError *error;
  GBytes *octets;
  guint64 size;
} QueueAnswer;

static gboolean
is_answered (gpointer user_data)
{
  return ((QueueAnswer *) user_data)->called;
}

static void
on_acted (GObject *source, GAsyncResult *result, gpointer user_data)
{
  QueueAnswer *answer = user_data;

  pba_queue_act_finish (PBA_QUEUE (source), result, &answer->n, &answer->error);
  answer->called = TRUE;
}

static guint
act (Bed *bed, PbaQueue *queue, PbaQueueAction action, PbaQueueChoice *choice, const char *target)
{
  QueueAnswer answer = { FALSE };

  pba_queue_act_async (queue, action, choice, target, NULL, on_acted, &answer);
  bed_wait (is_answered, &answer, "the action");
  pba_queue_choice_unref (choice);
  if (answer.error != NULL)
    {
      g_clear_error (&answer.error);
      return G_MAXUINT;
    }
  return answer.n;
}

static void
on_read (GObject *source, GAsyncResult *result, gpointer user_data)
{
  QueueAnswer *answer = user_data;

  answer->octets =
    pba_queue_read_finish (PBA_QUEUE (source), result, &answer->size, &answer->error);
  answer->called = TRUE;
}

/* More ids than a call takes go in several; what matches goes as it is; a refusal is told. */
static void
test_queue_acts (Bed *bed, gconstpointer mode)
{
  g_autoptr (PbaServer) server = pba_server_new (bed->connection);
  PbaQueue *queue = pba_server_get_queue (server);
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  g_auto (GStrv) many = NULL;
  static const char *const two[] = { "Q000001", "Q000002", NULL };
  QueueAnswer answer = { FALSE };

  bed_open (bed, PBA_CONNECTION_CONNECTED);
  for (guint i = 0; i < 25001; i++)
    g_strv_builder_add (builder, "Q000001");
  many = g_strv_builder_end (builder);
  g_assert_true (pba_queue_can_act (queue, PBA_QUEUE_HOLD));
  g_assert_true (pba_queue_can_act (queue, PBA_QUEUE_REROUTE));
  g_assert_cmpuint (act (bed, queue, PBA_QUEUE_HOLD, pba_queue_choice_new_ids (two), NULL), ==, 2);
  g_assert_cmpuint (act (bed, queue, PBA_QUEUE_BOUNCE,
                         pba_queue_choice_new_ids ((const char *const *) many), NULL),
                    ==, 25001);
  g_assert_cmpuint (act (bed, queue, PBA_QUEUE_RELEASE,
                         pba_queue_choice_new_matching ("held", NULL), NULL),
                    ==, 10);
  g_assert_cmpuint (act (bed, queue, PBA_QUEUE_RETRY,
                         pba_queue_choice_new_matching (NULL, "rcpt7@"), NULL),
                    ==, 1);
  g_assert_cmpuint (act (bed, queue, PBA_QUEUE_RETRY, pba_queue_choice_new_matching (NULL, ""), NULL),
                    ==, 30);
  g_assert_cmpuint (act (bed, queue, PBA_QUEUE_REROUTE, pba_queue_choice_new_ids (two), "no host"),
                    ==, G_MAXUINT);
  pba_queue_read_async (queue, "Q000001", 65536, NULL, on_read, &answer);
  bed_wait (is_answered, &answer, "the octets");
  g_assert_no_error (answer.error);
  g_assert_cmpuint (g_bytes_get_size (answer.octets), ==, PBA_QUEUE_READ_MAX);
  g_assert_cmpuint (answer.size, ==, 200017);
  g_bytes_unref (answer.octets);
}

int
main (int argc, char **argv)
{
  setlocale (LC_ALL, "C.UTF-8");
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/lists/differences", test_differences);
  ON_BOTH ("/lists/pages", test_pages);
  ON_BOTH ("/lists/writes", test_writes);
  ON_BOTH ("/lists/follows", test_follows);
  ON_BOTH ("/lists/undo", test_undo);
  ON_BOTH ("/lists/search", test_search);
  ON_BOTH ("/lists/judges", test_judges);
  ON_BOTH ("/lists/exports", test_exports);
  g_test_add ("/lists/lost", Bed, NULL, bed_up, test_lost, bed_down);
  g_test_add ("/lists/queue-acts", Bed, "--queue=30", bed_up, test_queue_acts, bed_down);
  g_test_add ("/lists/server", Bed, NULL, bed_up, test_server, bed_down);
  return g_test_run ();
}
