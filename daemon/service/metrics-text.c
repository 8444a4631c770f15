/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The figures in Prometheus' text format. A family is a row of the table: which figures are in it, what it
 * is called, and under which label the rest of a figure's name stands. A figure without a row is shown under
 * a name made of its own. Octets are bytes and counters end in _total, as its promtool wants them.
 */
#include "service/metrics.h"

#include "config.h"
#include <string.h>

typedef struct
{
  const char *figure; /* its name; with @label what it begins with */
  const char *metric;
  const char *label;  /* (nullable) whose value the rest of the name is */
  const char *help;
} Family;

static const Family families[] = {
  { "connections", "postbus_connections_total", NULL, "Connections of mail clients and servers." },
  { "accepted", "postbus_accepted_total", NULL, "Messages taken." },
  { "delivered", "postbus_delivered_total", NULL, "Recipients delivered to." },
  { "deferred", "postbus_deferred_total", NULL, "Recipients put off to another attempt." },
  { "bounced", "postbus_bounced_total", NULL, "Recipients given up." },
  { "discarded", "postbus_discarded_total", NULL, "Recipients taken and dropped by a rule." },
  { "bytes.in", "postbus_received_bytes_total", NULL, "Size of the messages taken." },
  { "bytes.out", "postbus_sent_bytes_total", NULL, "Size of the messages sent to other servers." },
  { "tls.in", "postbus_tls_connections_total", NULL, "Incoming connections that were encrypted." },
  { "auth.ok", "postbus_logins_total", NULL, "Logins." },
  { "auth.failed", "postbus_failed_logins_total", NULL, "Logins refused." },
  { "mta-sts.", "postbus_mta_sts_total", "outcome", "Connections and hosts under MTA-STS policies, by what came of it." },
  { "refused.", "postbus_refused_total", "check", "What a check refused." },
  { "watched.", "postbus_watched_total", "check", "What a check that is only watched would have refused." },
  { "queue.size", "postbus_queue_bytes", NULL, "Size of the messages in the queue." },
  { "queue.", "postbus_queue_messages", "state", "Messages in the queue." },
  { "sessions", "postbus_sessions", NULL, "Mail clients and servers connected now." },
};

typedef struct
{
  const char *name;
  PbSeriesKind kind;
  guint64 value;
  int family; /* -1: none */
} Metric;

static int
find_family (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (families); i++)
    if (families[i].label == NULL ? g_str_equal (name, families[i].figure)
                                  : g_str_has_prefix (name, families[i].figure))
      return (int) i;
  return -1;
}

static void
add_metric (const char *name, PbSeriesKind kind, guint64 value, gpointer user_data)
{
  const Metric metric = { name, kind, value, find_family (name) };

  g_array_append_val (user_data, metric);
}

static void
append_head (GString *out, const char *metric, const char *help, PbSeriesKind kind)
{
  g_string_append_printf (out, "# HELP %s %s\n# TYPE %s %s\n", metric, help, metric,
                          kind == PB_SERIES_COUNTER ? "counter" : "gauge");
}

/* A value in quotes: figures have our own names, but a backslash costs nothing here. */
static void
append_label (GString *out, const char *label, const char *value)
{
  g_string_append_printf (out, "{%s=\"", label);
  for (; *value != '\0'; value++)
    {
      if (*value == '"' || *value == '\\')
        g_string_append_c (out, '\\');
      g_string_append_c (out, *value == '\n' ? ' ' : *value);
    }
  g_string_append (out, "\"}");
}

static void
append_value (GString *out, guint64 value)
{
  g_string_append_printf (out, " %" G_GUINT64_FORMAT "\n", value);
}

static void
append_family (GString *out, GArray *metrics, int number)
{
  const Family *family = &families[number];
  gboolean begun = FALSE;

  for (guint i = 0; i < metrics->len; i++)
    {
      const Metric *metric = &g_array_index (metrics, Metric, i);

      if (metric->family != number)
        continue;
      if (!begun)
        append_head (out, family->metric, family->help, metric->kind);
      begun = TRUE;
      g_string_append (out, family->metric);
      if (family->label != NULL)
        append_label (out, family->label, metric->name + strlen (family->figure));
      append_value (out, metric->value);
    }
}

static void
append_other (GString *out, const Metric *metric)
{
  g_autofree char *name = g_strdup_printf ("postbus_%s%s", metric->name,
                                           metric->kind == PB_SERIES_COUNTER ? "_total" : "");

  g_strcanon (name, "abcdefghijklmnopqrstuvwxyz0123456789_", '_');
  append_head (out, name, "Of this name in Statistics on the bus.", metric->kind);
  g_string_append (out, name);
  append_value (out, metric->value);
}

char *
pb_metrics_text (PbStatistics *statistics)
{
  g_autoptr (GArray) metrics = g_array_new (FALSE, FALSE, sizeof (Metric));
  GString *out = g_string_new (NULL);

  pb_statistics_foreach (statistics, add_metric, metrics);
  append_head (out, "postbus_info", "The version that runs.", PB_SERIES_GAUGE);
  g_string_append (out, "postbus_info");
  append_label (out, "version", PB_VERSION);
  append_value (out, 1);
  for (guint i = 0; i < G_N_ELEMENTS (families); i++)
    append_family (out, metrics, (int) i);
  for (guint i = 0; i < metrics->len; i++)
    if (g_array_index (metrics, Metric, i).family < 0)
      append_other (out, &g_array_index (metrics, Metric, i));
  return g_string_free (out, FALSE);
}
