/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * When the daily report is due, what is in it, and its way into the queue. Twice a minute the clock is looked at: a
 * report is due when the local day is later than that of the last one and its time has come, so that neither a
 * clock that jumps nor the two days a year with another length bring one twice; a clock that was far ahead costs
 * the report of the day it was set right on, and no more. The day is kept in a file; one
 * that cannot be kept is told, and costs a second report after a restart. Figures come from statistics and
 * history, each of which may be missing: then the report says so. A worker writes it, the submitter takes it,
 * as mail of the service's own user. One at a time.
 */
#include "service/report-keeper.h"

#include "dbus/errors.h"
#include "service/report.h"
#include "util/clock.h"
#include "util/log.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define LOOK_SECONDS 30
#define SPAN         (PB_REPORT_HOURS * 3600)
#define STEP         3600
#define N_TOP        10
#define DAY_TEXT     11 /* "2026-11-24" and NUL */
#define FAR_AHEAD    (2 * 24 * 60 * 60)

struct _PbReportKeeper
{
  PbReportParts parts;
  char *path;           /* (owned) of the file with the day */
  char sent[DAY_TEXT];  /* day of the last report; "": none is known */
  guint timer;
  gulong settings_handler;
  struct _Work *work;   /* (nullable) under way */
  gboolean closed;
};

/* A report on its way. */
typedef struct _Work
{
  PbReportKeeper *keeper;
  PbReport *report;  /* (owned) */
  char **recipients; /* (owned) */
  char day[DAY_TEXT]; /* "": asked for by hand */
  PbBusCall *call;   /* (nullable) */
  guint pending;     /* answers that will come */
  int fd;            /* (owned) the message; -1 none */
} Work;

static void
work_free (Work *self)
{
  self->keeper->work = NULL;
  pb_report_free (self->report);
  g_strfreev (self->recipients);
  if (self->fd >= 0)
    close (self->fd);
  g_free (self);
}

/* ---- the day ---- */

static void
format_day (gint64 now, char day[DAY_TEXT], char time[6])
{
  g_autoptr (GDateTime) local = g_date_time_new_from_unix_local (now);
  g_autofree char *text = local != NULL ? g_date_time_format (local, "%Y-%m-%d%H:%M") : NULL;

  g_strlcpy (day, text != NULL ? text : "", DAY_TEXT);
  g_strlcpy (time, text != NULL && strlen (text) == 15 ? text + 10 : "", 6);
}

/* What is no day would be later than every day that comes. */
static gboolean
is_day (const char *text)
{
  for (guint i = 0; i < DAY_TEXT - 1; i++)
    if (i == 4 || i == 7 ? text[i] != '-' : !g_ascii_isdigit (text[i]))
      return FALSE;
  return g_str_equal (text + DAY_TEXT - 1, "\n");
}

static void
read_day (PbReportKeeper *self)
{
  g_autofree char *text = NULL;

  if (!g_file_get_contents (self->path, &text, NULL, NULL))
    return;
  if (strlen (text) == DAY_TEXT && is_day (text))
    g_strlcpy (self->sent, text, DAY_TEXT);
  else
    pb_log (PB_LOG_WARNING, "report-day", "path", self->path, "reason", "damaged; the next report is due at once", NULL);
}

typedef struct
{
  char *path, *text; /* (owned) */
  GError *error;     /* (owned) (nullable) */
} Keeping;

static void
write_day (gpointer data)
{
  Keeping *self = data;

  g_file_set_contents (self->path, self->text, -1, &self->error);
}

static void
on_day_written (gpointer data)
{
  Keeping *self = data;

  if (self->error != NULL)
    pb_log (PB_LOG_WARNING, "report-day", "path", self->path, "reason", self->error->message, NULL);
  g_clear_error (&self->error);
  g_free (self->path);
  g_free (self->text);
  g_free (self);
}

static void
keep_day (PbReportKeeper *self, const char *day)
{
  Keeping *keeping = g_new0 (Keeping, 1);

  g_strlcpy (self->sent, day, DAY_TEXT);
  keeping->path = g_strdup (self->path);
  keeping->text = g_strconcat (day, "\n", NULL);
  pb_pool_run (self->parts.workers, write_day, self->parts.mailbox, on_day_written, keeping);
}

/* The last report's day is so far off that the clock must have been wrong then: from today on it counts anew. */
static void
mend_day (PbReportKeeper *self, const char *day, gint64 now)
{
  char latest[DAY_TEXT], time[6];

  format_day (now + FAR_AHEAD, latest, time);
  if (strcmp (self->sent, latest) <= 0)
    return;
  pb_log (PB_LOG_WARNING, "report-day", "path", self->path, "reason", "its day is far ahead; the next report comes tomorrow",
          NULL);
  keep_day (self, day);
}

/* ---- sending ---- */

static void
answer (Work *self, const char *id, const GError *error)
{
  PbBusCall *call = g_steal_pointer (&self->call);

  if (call == NULL)
    return;
  if (error != NULL)
    pb_bus_call_fail (call, error);
  else
    pb_bus_call_return (call, g_variant_new ("(s)", id));
}

/* Tomorrow is another day for what is refused for good; the rest is tried again at the next look. */
static void
on_sent (const char *id, const GError *error, gpointer user_data)
{
  Work *self = user_data;
  gboolean later = error != NULL && g_error_matches (error, PB_ERROR, PB_ERROR_BUSY);

  answer (self, id, error);
  if (error == NULL)
    pb_log (PB_LOG_INFO, "report-sent", "queue-id", id, NULL);
  else if (!later)
    pb_log (PB_LOG_ERROR, "report-refused", "reason", error->message, NULL);
  if (self->day[0] != '\0' && !later && !self->keeper->closed)
    keep_day (self->keeper, self->day);
  work_free (self);
}

/* On a worker. */
static void
compose (gpointer data)
{
  Work *self = data;
  g_autoptr (GString) text = pb_report_compose (self->report, (const char *const *) self->recipients);
  gsize written = 0;

  self->fd = memfd_create ("report", MFD_CLOEXEC);
  while (self->fd >= 0 && written < text->len)
    {
      ssize_t n = write (self->fd, text->str + written, text->len - written);

      if (n <= 0 && errno != EINTR)
        {
          close (self->fd);
          self->fd = -1;
        }
      written += (gsize) MAX (n, 0);
    }
}

static void
on_composed (gpointer data)
{
  Work *self = data;
  g_autoptr (GError) error = NULL;
  PbSubmissionMail *mail;

  if (self->fd < 0 || self->keeper->closed)
    {
      error = g_error_new_literal (PB_ERROR, PB_ERROR_BUSY, self->fd < 0 ? "there is no memory for the report"
                                                                         : "the service is stopping");
      on_sent (NULL, error, self);
      return;
    }
  mail = pb_submission_mail_new ((guint32) geteuid (), g_steal_fd (&self->fd));
  mail->sender = g_strdup ("postmaster");
  mail->recipients = g_strdupv (self->recipients);
  pb_submitter_send (self->keeper->parts.submitter, mail, on_sent, self);
}

/* ---- what is in it ---- */

static void
add_figures (Work *self)
{
  PbReport *report = self->report;
  g_autoptr (GVariant) alerts = pb_alerts_list (self->keeper->parts.alerts);
  PbQueueCounts counts;
  GVariantIter iter;
  GVariant *row;

  pb_store_counts (self->keeper->parts.store, &counts);
  pb_report_add (report->figures, "messages wait in the queue now, of these", counts.active + counts.deferred + counts.held);
  pb_report_add (report->figures, "deferred", counts.deferred);
  pb_report_add (report->figures, "held", counts.held);
  g_variant_iter_init (&iter, alerts);
  while ((row = g_variant_iter_next_value (&iter)) != NULL)
    {
      g_autoptr (GVariant) owned = row;
      const char *text = "", *remedy = "";

      g_variant_lookup (owned, "Text", "&s", &text);
      g_variant_lookup (owned, "Remedy", "&s", &remedy);
      g_ptr_array_add (report->alerts, g_strdup_printf ("%s. %s", text, remedy));
    }
}

/* The last answer is there. */
static void
gathered (Work *self)
{
  if (--self->pending > 0)
    return;
  if (self->keeper->closed)
    {
      g_autoptr (GError) error = g_error_new_literal (PB_ERROR, PB_ERROR_BUSY, "the service is stopping");

      answer (self, NULL, error);
      work_free (self);
      return;
    }
  pb_report_sort (self->report->refusals);
  add_figures (self);
  pb_pool_run (self->keeper->parts.workers, compose, self->keeper->parts.mailbox, on_composed, self);
}

/* One figure of the day that is asked for. */
typedef struct
{
  Work *work;
  const char *name; /* (static) as long as the process lives */
} Question;

static const struct
{
  const char *name, *words;
  int bar; /* -1 none */
} figures[] = {
  { "accepted", "messages accepted", PB_REPORT_ACCEPTED },
  { "delivered", "deliveries", -1 },
  { "deferred", "attempts put off", -1 },
  { "bounced", "recipients failed", -1 },
  { "discarded", "recipients discarded", -1 },
  { "bytes.in", "octets taken", -1 },
  { "bytes.out", "octets sent", -1 },
  { "auth.failed", "failed logins", -1 },
};

static void
add_bar (PbReport *report, PbReportBar bar, guint64 time, double value)
{
  gint64 hour = ((gint64) time - report->from) / 3600;

  if (hour >= 0 && hour < PB_REPORT_HOURS)
    report->hours[bar][hour] += (guint64) (value + 0.5);
}

static void
take_series (Work *self, const char *name, GVariant *points)
{
  PbReport *report = self->report;
  gboolean refusal = g_str_has_prefix (name, "refused.");
  GVariantIter iter;
  guint64 time, all = 0;
  double value;
  int bar = refusal ? PB_REPORT_REFUSED : -1;
  const char *words = name;

  for (guint i = 0; i < G_N_ELEMENTS (figures); i++)
    if (g_str_equal (figures[i].name, name))
      {
        bar = figures[i].bar;
        words = figures[i].words;
      }
  g_variant_iter_init (&iter, points);
  while (g_variant_iter_next (&iter, "(td)", &time, &value))
    {
      if ((gint64) time < report->from)
        continue;
      all += (guint64) (value + 0.5);
      if (bar >= 0)
        add_bar (report, (PbReportBar) bar, time, value);
    }
  if (!refusal)
    pb_report_add (report->figures, words, all);
  else if (all > 0)
    pb_report_add (report->refusals, name + strlen ("refused."), all);
}

static void
on_series (GVariant *points, const GError *error, gpointer user_data)
{
  Question *question = user_data;
  Work *work = question->work;

  if (points != NULL)
    take_series (work, question->name, points);
  else
    g_ptr_array_add (work->report->missing, g_strdup_printf ("%s: %s", question->name, error->message));
  g_free (question);
  gathered (work);
}

static void
ask_series (Work *self, const char *name)
{
  Question *question = g_new (Question, 1);

  *question = (Question){ self, name };
  self->pending++;
  pb_statistics_series (self->keeper->parts.statistics, name, SPAN, STEP, on_series, question);
}

static void
take_top (Work *self, GArray *rows, GVariant *found, const GError *error)
{
  GVariantIter iter;
  GVariant *row;

  if (found == NULL)
    {
      if (self->report->missing->len == 0 || rows == self->report->senders)
        g_ptr_array_add (self->report->missing,
                         g_strdup_printf ("who had most messages: %s", error->message));
      gathered (self);
      return;
    }
  g_variant_iter_init (&iter, found);
  while ((row = g_variant_iter_next_value (&iter)) != NULL)
    {
      g_autoptr (GVariant) owned = row;
      const char *name = "";
      guint64 messages = 0;

      g_variant_lookup (owned, "Name", "&s", &name);
      g_variant_lookup (owned, "Messages", "t", &messages);
      pb_report_add (rows, name, messages);
    }
  gathered (self);
}

static void
on_senders (GVariant *rows, guint total, const GError *error, gpointer user_data)
{
  take_top (user_data, ((Work *) user_data)->report->senders, rows, error);
}

static void
on_recipients (GVariant *rows, guint total, const GError *error, gpointer user_data)
{
  take_top (user_data, ((Work *) user_data)->report->recipients, rows, error);
}

static void
on_hosts (GVariant *rows, guint total, const GError *error, gpointer user_data)
{
  take_top (user_data, ((Work *) user_data)->report->hosts, rows, error);
}

static void
ask_tops (Work *self)
{
  const PbReportParts *parts = &self->keeper->parts;
  gint64 since = self->report->from;

  if (parts->history == NULL)
    {
      g_ptr_array_add (self->report->missing, g_strdup ("who had most messages: there is no history"));
      return;
    }
  self->pending += 3;
  pb_history_top (parts->history, PB_HISTORY_TOP_SENDERS, since, N_TOP, parts->mailbox, on_senders, self);
  pb_history_top (parts->history, PB_HISTORY_TOP_RECIPIENTS, since, N_TOP, parts->mailbox, on_recipients, self);
  pb_history_top (parts->history, PB_HISTORY_TOP_HOSTS, since, N_TOP, parts->mailbox, on_hosts, self);
}

static void
begin (PbReportKeeper *self, const PbSnapshot *snapshot, const char *day, gint64 now, PbBusCall *call)
{
  Work *work = g_new0 (Work, 1);
  const PbFigure *found;
  const char *trouble;
  guint n;
  guint64 look;

  self->work = work;
  work->keeper = self;
  work->fd = -1;
  work->call = call;
  work->recipients = g_strdupv (snapshot->values.reports_recipients);
  work->report = pb_report_new (snapshot->values.general_hostname, now);
  g_strlcpy (work->day, day, DAY_TEXT);
  work->pending = 1; /* this function's own */
  if (!g_str_equal (pb_statistics_state (self->parts.statistics, &trouble), "ok"))
    g_ptr_array_add (work->report->missing, g_strdup_printf ("figures of before the last start, perhaps: %s", trouble));
  for (guint i = 0; i < G_N_ELEMENTS (figures); i++)
    ask_series (work, figures[i].name);
  found = pb_statistics_figures (self->parts.statistics, &n, &look);
  for (guint i = 0; i < n; i++)
    if (g_str_has_prefix (found[i].name, "refused."))
      ask_series (work, found[i].name);
  ask_tops (work);
  gathered (work);
}

/* ---- when ---- */

static gboolean
on_look (gpointer user_data)
{
  PbReportKeeper *self = user_data;
  g_autoptr (PbSnapshot) snapshot = pb_registry_snapshot (self->parts.registry);
  const PbSettingValues *values = &snapshot->values;
  gint64 now = pb_clock_wall () / G_USEC_PER_SEC;
  char day[DAY_TEXT], time[6];

  if (!values->reports_daily_enabled || values->reports_recipients == NULL
      || values->reports_recipients[0] == NULL || self->work != NULL)
    return G_SOURCE_CONTINUE;
  format_day (now, day, time);
  mend_day (self, day, now);
  if (strcmp (day, self->sent) <= 0 || strcmp (time, values->reports_daily_time) < 0)
    return G_SOURCE_CONTINUE;
  begin (self, snapshot, day, now, NULL);
  return G_SOURCE_CONTINUE;
}

/* Switched on behind its time, it begins tomorrow. */
static void
on_settings_changed (PbRegistry *registry, const char *interface, const char *const *names, gpointer user_data)
{
  PbReportKeeper *self = user_data;
  g_autoptr (PbSnapshot) snapshot = NULL;
  char day[DAY_TEXT], time[6];

  if (!g_str_equal (interface, "Reports") || self->closed || !g_strv_contains (names, "DailyEnabled"))
    return;
  snapshot = pb_registry_snapshot (registry);
  format_day (pb_clock_wall () / G_USEC_PER_SEC, day, time);
  if (snapshot->values.reports_daily_enabled && strcmp (day, self->sent) > 0
      && strcmp (time, snapshot->values.reports_daily_time) >= 0)
    keep_day (self, day);
}

PbReportKeeper *
pb_report_keeper_new (const PbReportParts *parts)
{
  PbReportKeeper *self = g_new0 (PbReportKeeper, 1);

  self->parts = *parts;
  self->path = g_build_filename (parts->directory, "report-day", NULL);
  read_day (self);
  self->timer = g_timeout_add_seconds (LOOK_SECONDS, on_look, self);
  self->settings_handler =
    g_signal_connect (parts->registry, "settings-changed", G_CALLBACK (on_settings_changed), self);
  return self;
}

void
pb_report_keeper_close (PbReportKeeper *self)
{
  if (self->closed)
    return;
  self->closed = TRUE;
  g_clear_handle_id (&self->timer, g_source_remove);
  g_clear_signal_handler (&self->settings_handler, self->parts.registry);
}

void
pb_report_keeper_free (PbReportKeeper *self)
{
  pb_report_keeper_close (self);
  if (self->work != NULL)
    work_free (self->work);
  g_free (self->path);
  g_free (self);
}

void
pb_report_keeper_handle_send (PbBusCall *call, PbReportKeeper *self)
{
  g_autoptr (PbSnapshot) snapshot = pb_registry_snapshot (self->parts.registry);
  g_autoptr (GError) error = NULL;

  if (snapshot->values.reports_recipients == NULL || snapshot->values.reports_recipients[0] == NULL)
    error = g_error_new_literal (PB_ERROR, PB_ERROR_INVALID_VALUE, "Reports.Recipients: name somebody first");
  else if (self->work != NULL || self->closed)
    error = g_error_new_literal (PB_ERROR, PB_ERROR_BUSY, "Diagnostics.SendReport: one is under way");
  if (error != NULL)
    pb_bus_call_fail (call, error);
  else
    begin (self, snapshot, "", pb_clock_wall () / G_USEC_PER_SEC, call);
}
