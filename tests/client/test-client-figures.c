/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the overview and the setup check are fed with, against postbusd itself: figures that the service
 * tells by itself, the past in bins, sessions that come and go, who was busiest, and its look at itself.
 */
#include "bed.h"

#include "model/activity.h"
#include "model/server.h"
#include "model/traffic.h"

#include <string.h>

static guint
smtp_port (Bed *bed)
{
  g_autoptr (GVariant) listening = bed_get (bed, "Manager", "Listening");
  guint port;

  g_variant_get_child (listening, 0, "(ssu)", NULL, NULL, &port);
  return port;
}

/* A client that has been greeted and says nothing. */
static GSocketConnection *
connect_smtp (Bed *bed)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GSocketClient) client = g_socket_client_new ();
  GSocketConnection *smtp =
    g_socket_client_connect_to_host (client, "127.0.0.1", (guint16) smtp_port (bed), NULL, &error);
  char greeting[512];

  g_assert_no_error (error);
  g_input_stream_read (g_io_stream_get_input_stream (G_IO_STREAM (smtp)), greeting, sizeof greeting,
                       NULL, &error);
  g_assert_no_error (error);
  return smtp;
}

/* ---- figures ---- */

typedef struct
{
  PbaStatistics *statistics;
  guint64 connections;
} Counted;

static gboolean
is_counted (gpointer user_data)
{
  Counted *wanted = user_data;

  return pba_statistics_get_known (wanted->statistics)
         && pba_statistics_get (wanted->statistics, "connections") == wanted->connections;
}

static void
wait_connections (PbaStatistics *statistics, guint64 connections)
{
  Counted wanted = { statistics, connections };

  bed_wait (is_counted, &wanted, "the connections to be counted");
}

static void
on_updated (PbaStatistics *statistics, gpointer user_data)
{
  (*(guint *) user_data)++;
}

/* Told while watched, and time passes while nothing changes. */
static void
test_told (Bed *bed, gconstpointer mode)
{
  g_autoptr (PbaServer) server = pba_server_new (bed->connection);
  PbaStatistics *statistics = pba_server_get_statistics (server);
  g_autoptr (GSocketConnection) one = NULL;
  g_autoptr (GSocketConnection) two = NULL;
  guint updates = 0;

  bed_open (bed, PBA_CONNECTION_CONNECTED);
  g_assert_true (pba_statistics_get_kept (statistics));
  g_signal_connect (statistics, "updated", G_CALLBACK (on_updated), &updates);
  pba_statistics_set_watched (statistics, TRUE);
  wait_connections (statistics, 0);
  one = connect_smtp (bed);
  wait_connections (statistics, 1);
  g_assert_cmpuint (updates, >=, 2);
  pba_statistics_set_watched (statistics, FALSE);
  two = connect_smtp (bed);
  pba_statistics_set_watched (statistics, TRUE);
  wait_connections (statistics, 2);
  g_assert_null (pba_statistics_get_error (statistics));
}

/* ---- the past ---- */

/* What was only seen here is told "since" a time. */
static gboolean
is_past_known (gpointer user_data)
{
  g_autofree char *period = pba_traffic_dup_period (user_data);

  return g_str_has_prefix (period, "in the last ");
}

static void
test_past (Bed *bed, gconstpointer mode)
{
  static const char *const periods[] = { "in the last 10 min", "in the last hour",
                                         "in the last 24 hours", "in the last 7 days",
                                         "in the last 30 days" };
  g_autoptr (PbaServer) server = pba_server_new (bed->connection);
  PbaStatistics *statistics = pba_server_get_statistics (server);
  g_autoptr (PbaTraffic) traffic = pba_traffic_new (statistics);

  bed_open (bed, PBA_CONNECTION_CONNECTED);
  pba_statistics_set_watched (statistics, TRUE);
  for (guint i = 0; i < PBA_N_SPANS; i++)
    {
      g_autofree char *period = NULL;
      g_autoptr (GPtrArray) refusals = NULL;

      pba_traffic_set_span (traffic, i);
      bed_wait (is_past_known, traffic, "the past");
      period = pba_traffic_dup_period (traffic);
      refusals = pba_traffic_list_refusals (traffic);
      g_assert_cmpstr (period, ==, periods[i]);
      g_assert_cmpuint (refusals->len, ==, 0);
      g_assert_cmpuint (pba_traffic_get_sum (traffic, PBA_TRAFFIC_ACCEPTED), ==, 0);
    }
}

/* ---- sessions ---- */

typedef struct
{
  PbaActivity *activity;
  guint n;
} Connected;

/* Asks again at each look. */
static gboolean
are_connected (gpointer user_data)
{
  Connected *wanted = user_data;

  pba_activity_ask_sessions (wanted->activity);
  return pba_activity_get_sessions (wanted->activity)->len == wanted->n;
}

static void
wait_sessions (PbaActivity *activity, guint n)
{
  Connected wanted = { activity, n };

  bed_wait (are_connected, &wanted, "the sessions");
}

static void
on_signal (PbaActivity *activity, gpointer user_data)
{
  *(gboolean *) user_data = TRUE;
}

static gboolean
is_set (gpointer user_data)
{
  return *(gboolean *) user_data;
}

static void
test_sessions (Bed *bed, gconstpointer mode)
{
  g_autoptr (PbaActivity) activity = pba_activity_new (bed->connection);
  g_autoptr (GSocketConnection) smtp = NULL;
  const PbaSession *session;
  gboolean answered = FALSE;

  bed_open (bed, PBA_CONNECTION_CONNECTED);
  g_assert_true (pba_activity_get_supported (activity));
  smtp = connect_smtp (bed);
  wait_sessions (activity, 1);
  session = pba_activity_get_sessions (activity)->pdata[0];
  g_assert_cmpstr (session->client, ==, "127.0.0.1");
  g_assert_cmpstr (session->role, ==, "smtp");
  g_assert_null (session->login);
  g_assert_cmpint (session->since, >, 0);
  g_io_stream_close (G_IO_STREAM (smtp), NULL, NULL);
  wait_sessions (activity, 0);
  g_signal_connect (activity, "busiest", G_CALLBACK (on_signal), &answered);
  pba_activity_ask_busiest (activity, PBA_BUSIEST_HOSTS, 3600);
  bed_wait (is_set, &answered, "the busiest");
  g_assert_cmpuint (pba_activity_get_busiest (activity)->len, ==, 0);
}

/* ---- how the figures fare ---- */

typedef struct
{
  PbaUpkeep *upkeep;
  const char *name, *text;
} Faring;

static gboolean
is_faring (gpointer user_data)
{
  Faring *wanted = user_data;

  return g_str_equal (pba_upkeep_get (wanted->upkeep, wanted->name), wanted->text);
}

/* An address that another has is told with the reason, and what became of the next one too. */
static void
test_upkeep (Bed *bed, gconstpointer mode)
{
  g_autoptr (PbaServer) server = pba_server_new (bed->connection);
  PbaUpkeep *upkeep = pba_server_get_upkeep (server);
  g_autofree char *taken = g_strdup_printf ("127.0.0.1:%u", smtp_port (bed));
  Faring kept = { upkeep, "State", "ok" };
  Faring off = { upkeep, "MetricsState", "off" };
  Faring failed = { upkeep, "MetricsState", "failed" };

  g_assert_cmpstr (pba_upkeep_get (upkeep, "State"), ==, "");
  bed_open (bed, PBA_CONNECTION_CONNECTED);
  bed_wait (is_faring, &kept, "the state");
  bed_wait (is_faring, &off, "no metrics");
  g_assert_cmpstr (pba_upkeep_get (upkeep, "Trouble"), ==, "");
  g_assert_cmpstr (pba_upkeep_get (upkeep, "MetricsTrouble"), ==, "");
  bed_set (bed, "Metrics", "Address", g_variant_new_string (taken));
  bed_wait (is_faring, &failed, "the failure");
  g_assert_cmpstr (pba_upkeep_get (upkeep, "MetricsTrouble"), !=, "");
  bed_set (bed, "Metrics", "Address", g_variant_new_string (""));
  bed_wait (is_faring, &off, "no metrics again");
  g_assert_cmpstr (pba_upkeep_get (upkeep, "MetricsTrouble"), ==, "");
}

/* ---- its look at itself ---- */

static gboolean
is_checked (gpointer user_data)
{
  return !pba_setup_check_get_running (user_data)
         && pba_setup_check_get_results (user_data)->len > 0;
}

static void
test_setup (Bed *bed, gconstpointer mode)
{
  g_autoptr (PbaServer) server = pba_server_new (bed->connection);
  PbaSetupCheck *check = pba_server_get_setup_check (server);
  GPtrArray *results = pba_setup_check_get_results (check);
  gboolean listening = FALSE;

  bed_open (bed, PBA_CONNECTION_CONNECTED);
  g_assert_cmpuint (results->len, ==, 0);
  pba_setup_check_run (check);
  g_assert_true (pba_setup_check_get_running (check));
  bed_wait (is_checked, check, "the results");
  g_assert_null (pba_setup_check_get_error (check));
  for (guint i = 0; i < results->len; i++)
    {
      const PbaSetupResult *result = results->pdata[i];

      g_assert_cmpstr (result->evidence, !=, "");
      listening = listening || g_str_equal (result->name, "listening");
    }
  g_assert_true (listening);
  /* It listens on loopback alone. */
  g_assert_cmpuint (pba_setup_check_count (check), >, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/figures/told", Bed, "real", bed_up, test_told, bed_down);
  g_test_add ("/figures/past", Bed, "real", bed_up, test_past, bed_down);
  g_test_add ("/figures/sessions", Bed, "real", bed_up, test_sessions, bed_down);
  g_test_add ("/figures/upkeep", Bed, "real", bed_up, test_upkeep, bed_down);
  g_test_add ("/figures/setup", Bed, "real", bed_up, test_setup, bed_down);
  return g_test_run ();
}
