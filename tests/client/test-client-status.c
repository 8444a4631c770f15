/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the pages Overview, Queue and Setup Check show: counters, findings and the queue, against the
 * stand-in and postbusd itself. Their words are tried in test-client-mail.c.
 */
#include "bed.h"

#include "model/queued.h"
#include "model/server.h"

#include <locale.h>
#include <string.h>

#define DENIED  "You may not do this. Ask an administrator of the server"
#define MISSING "This server cannot do it yet. Update Postbus there"

/* ---- counters ---- */

static gboolean
has_counters (gpointer user_data)
{
  return pba_statistics_get_known (pba_server_get_statistics (user_data));
}

static gboolean
has_error (gpointer user_data)
{
  return pba_statistics_get_error (pba_server_get_statistics (user_data)) != NULL;
}

static gboolean
has_no_error (gpointer user_data)
{
  return !has_error (user_data);
}

static PbaServer *
watch (Bed *bed)
{
  PbaServer *server = pba_server_new (bed->connection);

  bed_open (bed, PBA_CONNECTION_CONNECTED);
  pba_statistics_set_watched (pba_server_get_statistics (server), TRUE);
  return server;
}

static void
test_counters (Bed *bed, gconstpointer mode)
{
  g_autoptr (PbaServer) server = watch (bed);
  PbaStatistics *statistics = pba_server_get_statistics (server);
  g_autoptr (GPtrArray) refused = NULL;

  bed_wait (has_counters, server, "the counters");
  refused = pba_statistics_list (statistics, "refused.");
  g_assert_cmpuint (refused->len, ==, 2);
  g_assert_cmpstr (refused->pdata[0], ==, "refused.helo");
  g_assert_cmpuint (pba_statistics_get (statistics, "accepted"), ==, 12);
  g_assert_cmpuint (pba_statistics_get (statistics, "no-such-thing"), ==, 0);
  g_assert_true (pba_statistics_has (statistics, "accepted"));
  g_assert_false (pba_statistics_has (statistics, "no-such-thing"));
}

/* A timer asks nobody for a password: it stops, says why, and goes on when the user wants it. */
static void
test_challenge (Bed *bed, gconstpointer mode)
{
  g_autoptr (PbaServer) server = watch (bed);
  PbaStatistics *statistics = pba_server_get_statistics (server);

  bed_wait (has_counters, server, "the counters");
  bed_wait (has_error, server, "a refusal");
  g_assert_cmpstr (pba_statistics_get_error (statistics), ==, DENIED);
  g_assert_cmpuint (pba_statistics_get (statistics, "accepted"), ==, 12);
  pba_statistics_retry (statistics);
  bed_wait (has_no_error, server, "the counters again");
}

static gboolean
all_failed (gpointer user_data)
{
  return has_error (user_data)
         && pba_findings_get_error (pba_server_get_findings (user_data)) != NULL
         && pba_list_model_get_error (pba_queue_get_messages (pba_server_get_queue (user_data)))
              != NULL;
}

static void
assert_all_failed (Bed *bed, const char *counters, const char *findings)
{
  g_autoptr (PbaServer) server = watch (bed);
  PbaListModel *messages = pba_queue_get_messages (pba_server_get_queue (server));

  g_list_model_get_n_items (G_LIST_MODEL (messages));
  bed_wait (all_failed, server, "the refusals");
  g_assert_cmpstr (pba_statistics_get_error (pba_server_get_statistics (server)), ==, counters);
  g_assert_cmpstr (pba_list_model_get_error (messages), ==, counters);
  g_assert_cmpstr (pba_findings_get_error (pba_server_get_findings (server)), ==, findings);
  g_assert_false (pba_statistics_get_known (pba_server_get_statistics (server)));
}

static void
test_denied (Bed *bed, gconstpointer mode)
{
  assert_all_failed (bed, DENIED, DENIED);
}

static gboolean
only_counters_failed (gpointer user_data)
{
  return has_error (user_data) && pba_findings_get_time (pba_server_get_findings (user_data)) != 0
         && pba_list_model_get_error (pba_queue_get_messages (pba_server_get_queue (user_data)))
              != NULL;
}

static void
test_without (Bed *bed, gconstpointer mode)
{
  g_autoptr (PbaServer) server = watch (bed);
  PbaListModel *messages = pba_queue_get_messages (pba_server_get_queue (server));

  g_list_model_get_n_items (G_LIST_MODEL (messages));
  bed_wait (only_counters_failed, server, "what is missing");
  g_assert_cmpstr (pba_statistics_get_error (pba_server_get_statistics (server)), ==, MISSING);
  g_assert_cmpstr (pba_list_model_get_error (messages), ==, MISSING);
  g_assert_null (pba_findings_get_error (pba_server_get_findings (server)));
}

static gboolean
is_fresh (gpointer user_data)
{
  return has_no_error (user_data)
         && pba_statistics_get (pba_server_get_statistics (user_data), "connections") == 0;
}

static gboolean
has_connection (gpointer user_data)
{
  return pba_statistics_get (pba_server_get_statistics (user_data), "connections") > 0;
}

/* ---- a real server ---- */

static void
expect (GDataInputStream *input, const char *code)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *line = NULL;

  do
    {
      g_free (line);
      line = g_data_input_stream_read_line (input, NULL, NULL, &error);
      g_assert_no_error (error);
      g_assert_nonnull (line);
    }
  while (line[3] == '-');
  g_assert_true (g_str_has_prefix (line, code));
}

static void G_GNUC_PRINTF (4, 5)
  say (GSocketConnection *smtp, GDataInputStream *input, const char *code, const char *format, ...)
{
  GOutputStream *output = g_io_stream_get_output_stream (G_IO_STREAM (smtp));
  g_autoptr (GError) error = NULL;
  g_autofree char *line = NULL;
  va_list args;

  va_start (args, format);
  line = g_strdup_vprintf (format, args);
  va_end (args);
  g_output_stream_write_all (output, line, strlen (line), NULL, NULL, &error);
  g_assert_no_error (error);
  g_output_stream_write_all (output, "\r\n", 2, NULL, NULL, &error);
  g_assert_no_error (error);
  expect (input, code);
}

static guint
smtp_port (Bed *bed)
{
  g_autoptr (GVariant) listening = bed_get (bed, "Manager", "Listening");
  guint port;

  g_variant_get_child (listening, 0, "(ssu)", NULL, NULL, &port);
  return port;
}

/* @n messages to number@away.example, which nobody takes. */
static void
submit (Bed *bed, guint first, guint n)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GSocketClient) client = g_socket_client_new ();
  g_autoptr (GSocketConnection) smtp =
    g_socket_client_connect_to_host (client, "127.0.0.1", smtp_port (bed), NULL, &error);
  g_autoptr (GDataInputStream) input = NULL;

  g_assert_no_error (error);
  input = g_data_input_stream_new (g_io_stream_get_input_stream (G_IO_STREAM (smtp)));
  g_data_input_stream_set_newline_type (input, G_DATA_STREAM_NEWLINE_TYPE_CR_LF);
  expect (input, "220");
  say (smtp, input, "250", "EHLO test.example");
  for (guint i = first; i < first + n; i++)
    {
      say (smtp, input, "250", "MAIL FROM:<sender@local.example>");
      say (smtp, input, "250", "RCPT TO:<number%04u@away.example>", i);
      say (smtp, input, "354", "DATA");
      say (smtp, input, "250", "Subject: %u\r\n\r\nHello\r\n.", i);
    }
  say (smtp, input, "221", "QUIT");
}

/* Everything goes to a relay host that is not there. */
static void
add_trust (Bed *bed)
{
  g_variant_unref (
    bed_call (bed, "TrustedList", "Add",
              g_variant_new_parsed ("({'Name': <'test'>, 'Network': <'127.0.0.1'>},)")));
  bed_set (bed, "Delivery", "RelayServer", g_variant_new_string ("127.0.0.1"));
  bed_set (bed, "Delivery", "RelayPort", g_variant_new_uint32 (1));
  bed_set (bed, "Delivery", "Mode", g_variant_new_string ("relay"));
}

/* The daemon dies while a page polls: nothing breaks, and its successor's counters are taken as such. */
static void
test_killed (Bed *bed, gconstpointer mode)
{
  g_autoptr (PbaServer) server = watch (bed);

  bed_wait (has_counters, server, "the counters");
  add_trust (bed);
  submit (bed, 0, 1);
  bed_wait (has_connection, server, "a connection");
  g_subprocess_force_exit (bed->service);
  bed_stop_service (bed);
  bed_wait_state (bed, PBA_CONNECTION_LOST);
  bed_start_service (bed, "real");
  pba_connection_retry (bed->connection);
  bed_wait_state (bed, PBA_CONNECTION_CONNECTED);
  bed_wait (is_fresh, server, "the new counters");
}

/* ---- the queue ---- */

typedef struct
{
  PbaQueue *queue;
  const char *property;
  guint64 count;
} Counted;

static gboolean
is_counted (gpointer user_data)
{
  Counted *wanted = user_data;
  guint64 count;

  g_object_get (wanted->queue, wanted->property, &count, NULL);
  return count == wanted->count;
}

static void
wait_count (PbaQueue *queue, const char *property, guint64 count)
{
  Counted wanted = { queue, property, count };

  bed_wait (is_counted, &wanted, property);
}

typedef struct
{
  PbaListModel *model;
  guint total;
} Listed;

static gboolean
is_listed (gpointer user_data)
{
  Listed *wanted = user_data;

  return pba_list_model_get_loaded (wanted->model)
         && g_list_model_get_n_items (G_LIST_MODEL (wanted->model)) == wanted->total;
}

static void
wait_total (PbaListModel *model, guint total)
{
  Listed wanted = { model, total };

  bed_wait (is_listed, &wanted, "the messages");
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

  bed_wait (is_row_loaded, row, "a message");
  return row;
}

static void
filter_state (PbaListModel *model, const char *state)
{
  pba_list_model_set_filter (model, g_variant_new_parsed ("{'State': <%s>}", state));
}

static void
test_queue (Bed *bed, gconstpointer mode)
{
  g_autoptr (PbaServer) server = watch (bed);
  PbaQueue *queue = pba_server_get_queue (server);
  PbaListModel *model = pba_queue_get_messages (queue);
  g_autoptr (PbaListRow) first = NULL;
  g_autoptr (PbaListRow) last = NULL;
  g_autoptr (PbaQueued) words = NULL;

  add_trust (bed);
  submit (bed, 0, 210);
  pba_queue_set_watched (queue, TRUE);
  g_list_model_get_n_items (G_LIST_MODEL (model));
  wait_count (queue, "deferred", 210);
  wait_total (model, 210);
  first = look (model, 0);
  last = look (model, 209);
  g_assert_cmpstr (pba_list_row_get_text (last, "Sender"), ==, "sender@local.example");
  words = pba_queued_new (pba_list_row_get_cells (last));
  g_assert_cmpstr (words->title, ==, "number0209@away.example");
  /* It follows while it is watched, and rows keep their objects. */
  submit (bed, 210, 1);
  wait_total (model, 211);
  g_assert_true (g_list_model_get_item (G_LIST_MODEL (model), 0) == (gpointer) first);
  g_object_unref (first);
  filter_state (model, "held");
  wait_total (model, 0);
  filter_state (model, "deferred");
  pba_list_model_set_search (model, "NUMBER0207@away");
  wait_total (model, 1);
  pba_list_model_set_search (model, "nothing like it");
  wait_total (model, 0);
  g_assert_null (pba_list_model_get_error (model));
}

static void
test_states (Bed *bed, gconstpointer mode)
{
  g_autoptr (PbaServer) server = watch (bed);
  PbaQueue *queue = pba_server_get_queue (server);
  PbaListModel *model = pba_queue_get_messages (queue);
  g_autoptr (PbaListRow) row = NULL;
  g_autoptr (PbaQueued) words = NULL;
  guint total;

  g_list_model_get_n_items (G_LIST_MODEL (model));
  wait_count (queue, "count", 1000);
  wait_count (queue, "held", 333);
  wait_total (model, 1000);
  row = look (model, 999);
  g_assert_cmpstr (pba_list_row_get_id (row), ==, "Q000999");
  filter_state (model, "deferred");
  wait_total (model, 333);
  g_clear_object (&row);
  row = look (model, 332);
  words = pba_queued_new (pba_list_row_get_cells (row));
  g_assert_cmpstr (words->worst->reason, ==, "Greylisted");
  g_object_get (model, "total", &total, NULL);
  g_assert_cmpuint (total, ==, 333);
}

/* ---- findings ---- */

static gboolean
is_checked (gpointer user_data)
{
  PbaFindings *findings = user_data;
  gboolean checking;

  g_object_get (findings, "checking", &checking, NULL);
  return pba_findings_get_time (findings) != 0 && !checking;
}

/* The finding of a title; NULL when there is none. */
static PbaFinding *
find (PbaFindings *findings, const char *title)
{
  for (guint i = 0; i < g_list_model_get_n_items (G_LIST_MODEL (findings)); i++)
    {
      PbaFinding *finding = g_list_model_get_item (G_LIST_MODEL (findings), i);

      g_object_unref (finding);
      if (g_str_equal (pba_finding_get_title (finding), title))
        return finding;
    }
  return NULL;
}

static gboolean
has_passed (PbaFindings *findings, const char *title)
{
  GPtrArray *passed = pba_findings_get_passed (findings);

  for (guint i = 0; i < passed->len; i++)
    {
      g_assert_cmpint (pba_finding_get_severity (passed->pdata[i]), ==, PBA_SEVERITY_PASSED);
      if (g_str_equal (pba_finding_get_title (passed->pdata[i]), title))
        return TRUE;
    }
  return FALSE;
}

typedef struct
{
  PbaFindings *findings;
  const char *title, *evidence;
} Found;

static gboolean
is_found (gpointer user_data)
{
  Found *wanted = user_data;
  PbaFinding *finding = find (wanted->findings, wanted->title);

  return finding != NULL && g_strcmp0 (pba_finding_get_evidence (finding), wanted->evidence) == 0;
}

static void
wait_finding (PbaFindings *findings, const char *title, const char *evidence)
{
  Found wanted = { findings, title, evidence };

  bed_wait (is_found, &wanted, title);
}

static gboolean
is_gone (gpointer user_data)
{
  Found *wanted = user_data;

  return find (wanted->findings, wanted->title) == NULL
         && has_passed (wanted->findings, wanted->evidence);
}

static void
test_findings (Bed *bed, gconstpointer mode)
{
  g_autoptr (PbaServer) server = pba_server_new (bed->connection);
  PbaFindings *findings = pba_server_get_findings (server);
  Found gone = { findings, "LMTP address", "Mailboxes" };
  PbaFinding *finding;
  guint n;

  bed_set (bed, "General", "Hostname", g_variant_new_string ("vm.localdomain"));
  bed_set (bed, "Mailboxes", "Kind", g_variant_new_string ("lmtp"));
  g_variant_unref (
    bed_call (bed, "TrustedList", "Add",
              g_variant_new_parsed ("({'Name': <'All'>, 'Network': <'0.0.0.0/0'>},)")));
  bed_open (bed, PBA_CONNECTION_CONNECTED);
  bed_wait (is_checked, findings, "the check");
  wait_finding (findings, "Hostname (FQDN)", "vm.localdomain");
  wait_finding (findings, "LMTP address", "Not set");
  wait_finding (findings, "Trusted list: IP address or subnet", "All, 0.0.0.0/0");
  finding = find (findings, "Trusted list: IP address or subnet");
  g_assert_cmpint (pba_finding_get_severity (finding), ==, PBA_SEVERITY_PROBLEM);
  g_assert_cmpstr (pba_finding_get_sentence (finding), ==,
                   "Everybody may send through this server: it is an open relay");
  g_assert_cmpstr (pba_finding_get_interface (finding), ==, "TrustedList");
  g_assert_cmpstr (pba_finding_get_remedy (finding), ==, "Show Entry");
  finding = g_list_model_get_item (G_LIST_MODEL (findings), 0);
  g_assert_cmpint (pba_finding_get_severity (finding), ==, PBA_SEVERITY_PROBLEM);
  g_object_unref (finding);
  g_assert_false (has_passed (findings, "Trusted List"));
  g_assert_false (has_passed (findings, "Mailboxes"));
  g_assert_true (has_passed (findings, "Domain List"));
  /* It is asked again when settings change. */
  bed_set (bed, "Mailboxes", "Kind", g_variant_new_string ("maildir"));
  bed_wait (is_gone, &gone, "a mended setting");
  g_object_get (server, "problem-count", &n, NULL);
  g_assert_cmpuint (n, ==, g_list_model_get_n_items (G_LIST_MODEL (findings)));
}

#define ADD(path, mode, function) g_test_add (path, Bed, mode, bed_up, function, bed_down)

int
main (int argc, char **argv)
{
  setlocale (LC_ALL, "C.UTF-8");
  g_setenv ("G_DEBUG", "fatal-criticals", TRUE);
  g_test_init (&argc, &argv, NULL);
  ADD ("/client/statistics/counters", NULL, test_counters);
  ADD ("/client/statistics/challenge", "--challenge", test_challenge);
  ADD ("/client/statistics/killed", "real", test_killed);
  ADD ("/client/pages/denied", "--denied", test_denied);
  ADD ("/client/pages/without", "--without=Queue,Statistics", test_without);
  ADD ("/client/queue/states", "--queue=1000", test_states);
  ADD ("/client/queue/real", "real", test_queue);
  ADD ("/client/findings/real", "real", test_findings);
  return g_test_run ();
}
