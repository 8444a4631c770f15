/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The overview: alerts first, each with one button that leads to its remedy; four figures that are the
 * chart's legend, over a span that the user chooses; refusals by reason, sessions and the busiest; the queue
 * and the rest in numbers. Live while the page is seen; what cannot be had is not shown. Made by the table
 * of pages; shows what models say and changes nothing.
 */
#include "pages/overview-page.h"

#include "model/reply.h"
#include "model/words.h"
#include "pages/activity-lists.h"
#include "pages/alert-list.h"
#include "pages/finding-row.h"
#include "widgets/compat.h"
#include "widgets/traffic-chart.h"

#include <glib/gi18n.h>

#define MAX_REASONS 8
#define REFUSED     "refused."

typedef struct
{
  GtkLabel *count, *below; /* (unowned) */
  GtkWidget *box;          /* (unowned) */
} Figure;

struct _PbaOverviewPage
{
  PbaPage parent_instance;

  GtkListBox *reasons, *queue_rows, *counter_rows; /* template children */
  GtkBox *figures, *incoming, *outgoing, *columns;
  AdwBin *alerts_bin, *chart_bin;
  GtkWidget *mail, *refusals, *counters;
  GtkLabel *mail_title;
  GtkBox *mail_head, *spans_box;
  AdwBin *activity_bin;

  GtkWidget *spans[PBA_N_SPANS]; /* (unowned) */
  gboolean seen;

  PbaTraffic *traffic; /* (owned) */
  Figure of[PBA_N_TRAFFIC];
  GtkLabel *queue_values[5];   /* (unowned) */
  GtkLabel *counter_values[5]; /* (unowned) */
  GPtrArray *shown_reasons;    /* (owned) (element-type utf8): counters in the order of the rows */
};

G_DEFINE_FINAL_TYPE (PbaOverviewPage, pba_overview_page, PBA_TYPE_PAGE)

static PbaServer *
server_of (PbaOverviewPage *self)
{
  return pba_page_get_server (PBA_PAGE (self));
}

/* The service keeps its counters and knows the past. */
static gboolean
is_kept (PbaOverviewPage *self)
{
  return pba_statistics_get_kept (pba_server_get_statistics (server_of (self)));
}

/* ---- figures ---- */

static const char *const series_titles[] = {
  [PBA_TRAFFIC_ACCEPTED] = N_ ("Accepted"),
  [PBA_TRAFFIC_REFUSED] = N_ ("Refused"),
  [PBA_TRAFFIC_DELIVERED] = N_ ("Delivered"),
  [PBA_TRAFFIC_DEFERRED] = N_ ("Deferred"),
};

static GtkWidget *
add_label (GtkBox *box, const char *text, const char *style)
{
  GtkWidget *label = gtk_label_new (text);

  gtk_label_set_xalign (GTK_LABEL (label), 0);
  gtk_label_set_wrap (GTK_LABEL (label), TRUE);
  gtk_widget_add_css_class (label, style);
  gtk_box_append (box, label);
  return label;
}

static void
make_figure (PbaOverviewPage *self, PbaTrafficSeries series)
{
  gboolean is_incoming = series == PBA_TRAFFIC_ACCEPTED || series == PBA_TRAFFIC_REFUSED;
  GtkWidget *legend = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 8);
  GtkWidget *box = g_object_new (GTK_TYPE_BOX, "orientation", GTK_ORIENTATION_VERTICAL,
                                 "accessible-role", GTK_ACCESSIBLE_ROLE_GROUP, NULL);
  Figure *figure = &self->of[series];

  gtk_box_append (GTK_BOX (legend), pba_traffic_swatch_new (series));
  add_label (GTK_BOX (legend), _ (series_titles[series]), "caption-heading");
  gtk_box_append (GTK_BOX (box), legend);
  figure->count = GTK_LABEL (add_label (GTK_BOX (box), "–", "figure"));
  figure->below = GTK_LABEL (add_label (GTK_BOX (box), "", "caption"));
  gtk_widget_add_css_class (GTK_WIDGET (figure->below), "dim-label");
  figure->box = box;
  gtk_box_append (is_incoming ? self->incoming : self->outgoing, box);
}

static void
show_figures (PbaOverviewPage *self)
{
  g_autofree char *period = pba_traffic_dup_period (self->traffic);
  gboolean kept = is_kept (self);

  for (guint i = 0; i < PBA_N_TRAFFIC; i++)
    {
      g_autofree char *total = pba_words_count (pba_traffic_get_total (self->traffic, i));
      g_autofree char *sum = pba_words_count (pba_traffic_get_sum (self->traffic, i));
      const char *count = kept ? sum : total;
      g_autofree char *below =
        kept /* Translators: a count since the server counts at all */
          ? g_strdup_printf (_ ("%s in total"), total)
          /* Translators: a count and when that was: “5 since 09:41”, “5 in the last 10 min” */
          : g_strdup_printf (C_ ("period", "%s %s"), sum, period);
      g_autofree char *name = g_strdup_printf ("%s, %s, %s", _ (series_titles[i]), count, below);

      gtk_label_set_label (self->of[i].count, count);
      gtk_label_set_label (self->of[i].below, below);
      pba_accessible_name (self->of[i].box, name);
    }
}

/* ---- refusals ---- */

static GtkWidget *
reason_row_new (const char *check, gboolean leads)
{
  GtkWidget *row = gtk_list_box_row_new ();
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 6);
  GtkWidget *line = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 12);
  GtkWidget *bar =
    g_object_new (GTK_TYPE_PROGRESS_BAR, "accessible-role", GTK_ACCESSIBLE_ROLE_PRESENTATION, NULL);
  g_autofree char *title = pba_check_title (check);
  GtkWidget *label = add_label (GTK_BOX (line), title, "reason");
  GtkWidget *count = add_label (GTK_BOX (line), "", "numeric");

  gtk_widget_set_hexpand (label, TRUE);
  gtk_widget_add_css_class (count, "dim-label");
  gtk_widget_add_css_class (bar, "reason-bar");
  gtk_widget_add_css_class (box, "padded");
  gtk_box_append (GTK_BOX (box), line);
  gtk_box_append (GTK_BOX (box), bar);
  gtk_list_box_row_set_child (GTK_LIST_BOX_ROW (row), box);
  gtk_list_box_row_set_activatable (GTK_LIST_BOX_ROW (row), leads);
  if (leads)
    gtk_widget_set_tooltip_text (row, _ ("Show these messages"));
  g_object_set_data_full (G_OBJECT (row), "check", g_strdup (check), g_free);
  g_object_set_data (G_OBJECT (row), "bar", bar);
  g_object_set_data (G_OBJECT (row), "count", count);
  g_object_set_data_full (G_OBJECT (row), "title", g_steal_pointer (&title), g_free);
  return row;
}

static gboolean
same_reasons (GPtrArray *shown, GPtrArray *names)
{
  if (shown == NULL || shown->len != names->len)
    return FALSE;
  for (guint i = 0; i < names->len; i++)
    if (!g_str_equal (shown->pdata[i], names->pdata[i]))
      return FALSE;
  return TRUE;
}

static void
make_reasons (PbaOverviewPage *self, GPtrArray *names)
{
  gboolean leads = pba_history_get_supported (pba_server_get_history (server_of (self)));

  pba_row_list_clear (self->reasons);
  for (guint i = 0; i < names->len; i++)
    {
      const char *name = names->pdata[i];

      gtk_list_box_append (self->reasons, reason_row_new (name + strlen (REFUSED), leads));
    }
  if (names->len == 0)
    gtk_list_box_append (self->reasons,
                         g_object_new (ADW_TYPE_ACTION_ROW, "title", _ ("Nothing Was Refused"),
                                       "subtitle",
                                       is_kept (self) ? _ ("In the time that is shown above")
                                                      : _ ("Since the service started"),
                                       NULL));
}

/* Who was refused for it. */
static void
on_reason_activated (PbaOverviewPage *self, GtkListBoxRow *row)
{
  const char *check = g_object_get_data (G_OBJECT (row), "check");
  g_autofree char *key = check != NULL ? g_strconcat ("check:", check, NULL) : NULL;

  if (key != NULL)
    pba_page_go (PBA_PAGE (self), "messages", key);
}

static void
show_reasons (PbaOverviewPage *self)
{
  g_autoptr (GPtrArray) names = pba_traffic_list_refusals (self->traffic);
  guint64 most = names->len > 0 ? pba_traffic_get_refusals (self->traffic, names->pdata[0]) : 1;

  g_ptr_array_set_size (names, (int) MIN (names->len, MAX_REASONS));
  if (!same_reasons (self->shown_reasons, names))
    make_reasons (self, names);
  for (guint i = 0; i < names->len; i++)
    {
      GObject *row = G_OBJECT (gtk_list_box_get_row_at_index (self->reasons, (int) i));
      guint64 count = pba_traffic_get_refusals (self->traffic, names->pdata[i]);
      g_autofree char *text = pba_words_count (count);
      g_autofree char *name =
        g_strdup_printf ("%s, %s", (const char *) g_object_get_data (row, "title"), text);

      gtk_label_set_label (g_object_get_data (row, "count"), text);
      gtk_progress_bar_set_fraction (g_object_get_data (row, "bar"),
                                     (double) count / (double) most);
      pba_accessible_name (row, name);
    }
  g_clear_pointer (&self->shown_reasons, g_ptr_array_unref);
  self->shown_reasons = g_steal_pointer (&names);
}

/* ---- numbers ---- */

static void
add_number_rows (GtkListBox *list, const char *const *titles, guint n, GtkLabel **values)
{
  for (guint i = 0; i < n; i++)
    {
      GtkWidget *row = g_object_new (ADW_TYPE_ACTION_ROW, "title", _ (titles[i]), NULL);
      GtkWidget *value = gtk_label_new (NULL);

      gtk_widget_add_css_class (value, "dim-label");
      gtk_widget_add_css_class (value, "numeric");
      adw_action_row_add_suffix (ADW_ACTION_ROW (row), value);
      gtk_list_box_append (list, row);
      values[i] = GTK_LABEL (value);
    }
}

/* A row is named by its title and its value. */
static void
show_number (GtkLabel *value, const char *text)
{
  GtkWidget *row = gtk_widget_get_ancestor (GTK_WIDGET (value), ADW_TYPE_ACTION_ROW);
  g_autofree char *name = NULL;

  if (g_str_equal (gtk_label_get_label (value), text))
    return;
  gtk_label_set_label (value, text);
  name =
    g_strdup_printf ("%s, %s", adw_preferences_row_get_title (ADW_PREFERENCES_ROW (row)), text);
  pba_accessible_name (row, name);
}

static void
show_queue (PbaOverviewPage *self)
{
  guint64 counts[3], size, oldest;
  g_autofree char *size_text = NULL;
  g_autofree char *oldest_text = NULL;

  g_object_get (pba_server_get_queue (server_of (self)), "active", &counts[0], "deferred",
                &counts[1], "held", &counts[2], "size", &size, "oldest", &oldest, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (counts); i++)
    {
      g_autofree char *text = pba_words_count (counts[i]);

      show_number (self->queue_values[i], text);
    }
  size_text = pba_words_size (size);
  oldest_text = oldest > 0 ? pba_words_time ((gint64) oldest) : g_strdup ("–");
  show_number (self->queue_values[3], size_text);
  show_number (self->queue_values[4], oldest_text);
}

static const struct
{
  const char *counter, *title;
  gboolean octets;
} counters[] = {
  { "connections", N_ ("Connections"), FALSE }, { "bytes.in", N_ ("Received"), TRUE },
  { "bytes.out", N_ ("Sent"), TRUE },           { "bounced", N_ ("Bounced"), FALSE },
  { "discarded", N_ ("Discarded"), FALSE },
};

static void
show_counters (PbaOverviewPage *self)
{
  PbaStatistics *statistics = pba_server_get_statistics (server_of (self));

  for (guint i = 0; i < G_N_ELEMENTS (counters); i++)
    {
      guint64 count = pba_statistics_get (statistics, counters[i].counter);
      g_autofree char *text = counters[i].octets ? pba_words_size (count) : pba_words_count (count);

      show_number (self->counter_values[i], text);
    }
}

static void
make_numbers (PbaOverviewPage *self)
{
  static const char *const titles[] = { N_ ("Active"), N_ ("Deferred"), N_ ("Held"), N_ ("Size"),
                                        N_ ("Oldest") };
  const char *counter_titles[G_N_ELEMENTS (counters)];

  G_STATIC_ASSERT (G_N_ELEMENTS (titles) == G_N_ELEMENTS (self->queue_values));
  G_STATIC_ASSERT (G_N_ELEMENTS (counters) == G_N_ELEMENTS (self->counter_values));
  for (guint i = 0; i < G_N_ELEMENTS (counters); i++)
    counter_titles[i] = counters[i].title;
  add_number_rows (self->queue_rows, titles, G_N_ELEMENTS (titles), self->queue_values);
  add_number_rows (self->counter_rows, counter_titles, G_N_ELEMENTS (counters),
                   self->counter_values);
}

/* ---- the span ---- */

static PbaActivityLists *
lists_of (PbaOverviewPage *self)
{
  return PBA_ACTIVITY_LISTS (adw_bin_get_child (self->activity_bin));
}

static void
choose_span (PbaOverviewPage *self, PbaTrafficSpan span)
{
  pba_traffic_set_span (self->traffic, span);
  pba_activity_lists_set_span (lists_of (self),
                               pba_traffic_get_bin_seconds (self->traffic) * PBA_TRAFFIC_BINS);
}

static void
on_span (PbaOverviewPage *self, GtkToggleButton *button)
{
  for (guint i = 0; gtk_toggle_button_get_active (button) && i < PBA_N_SPANS; i++)
    if (self->spans[i] == GTK_WIDGET (button))
      choose_span (self, i);
}

static void
make_spans (PbaOverviewPage *self)
{
  static const char *const titles[][2] = {
    [PBA_SPAN_MINUTES] = { N_ ("10 min"), N_ ("The last 10 minutes") },
    [PBA_SPAN_HOUR] = { NC_ ("span", "Hour"), N_ ("The last hour") },
    [PBA_SPAN_DAY] = { NC_ ("span", "Day"), N_ ("The last 24 hours") },
    [PBA_SPAN_WEEK] = { NC_ ("span", "Week"), N_ ("The last 7 days") },
    [PBA_SPAN_MONTH] = { NC_ ("span", "Month"), N_ ("The last 30 days") },
  };

  G_STATIC_ASSERT (G_N_ELEMENTS (titles) == PBA_N_SPANS);
  for (guint i = 0; i < PBA_N_SPANS; i++)
    {
      const char *title =
        i == PBA_SPAN_MINUTES ? _ (titles[i][0]) : g_dpgettext2 (NULL, "span", titles[i][0]);

      self->spans[i] = gtk_toggle_button_new_with_label (title);
      gtk_widget_set_tooltip_text (self->spans[i], _ (titles[i][1]));
      pba_accessible_describe (self->spans[i], _ (titles[i][1]));
      gtk_box_append (self->spans_box, self->spans[i]);
      if (i > 0)
        gtk_toggle_button_set_group (GTK_TOGGLE_BUTTON (self->spans[i]),
                                     GTK_TOGGLE_BUTTON (self->spans[0]));
      g_signal_connect_object (self->spans[i], "toggled", G_CALLBACK (on_span), self,
                               G_CONNECT_SWAPPED);
    }
}

/* What an older service does not keep cannot be chosen. */
static void
follow_kept (PbaOverviewPage *self)
{
  gboolean kept = is_kept (self);

  /* While it is away, nobody knows what it can. */
  if (pba_connection_get_state (pba_server_get_connection (server_of (self)))
      != PBA_CONNECTION_CONNECTED)
    return;
  gtk_label_set_label (self->mail_title, kept ? _ ("Mail") : _ ("Mail Since the Service Started"));
  adw_preferences_group_set_title (ADW_PREFERENCES_GROUP (self->counters),
                                   kept ? _ ("Totals") : _ ("Since the Service Started"));
  pba_accessible_name (self->counter_rows, kept ? _ ("Totals") : _ ("Since the Service Started"));
  gtk_widget_set_visible (GTK_WIDGET (self->spans_box), kept);
  if (!kept)
    gtk_toggle_button_set_active (GTK_TOGGLE_BUTTON (self->spans[PBA_SPAN_MINUTES]), TRUE);
}

/* ---- the page ---- */

static void
show_state (PbaOverviewPage *self)
{
  PbaServer *server = server_of (self);
  g_autofree char *title = NULL;
  gboolean connected =
    pba_connection_get_state (pba_server_get_connection (server)) == PBA_CONNECTION_CONNECTED;

  g_object_get (pba_server_get_manager (server), "state-title", &title, NULL);
  pba_page_set_subtitle (PBA_PAGE (self), connected ? title : _ ("Not connected"));
}

/* Another version of the service may answer. */
static void
on_connected (PbaOverviewPage *self)
{
  show_state (self);
  follow_kept (self);
}

static void
on_updated (PbaOverviewPage *self)
{
  gboolean known = pba_statistics_get_known (pba_server_get_statistics (server_of (self)));

  gtk_widget_set_visible (self->mail, known);
  gtk_widget_set_visible (self->refusals, known);
  gtk_widget_set_visible (self->counters, known);
  show_counters (self);
  if (self->seen)
    pba_activity_lists_refresh (lists_of (self));
}

static void
on_traffic (PbaOverviewPage *self)
{
  show_figures (self);
  show_reasons (self);
}

static void
on_narrow (PbaOverviewPage *self)
{
  gboolean narrow = pba_page_get_narrow (PBA_PAGE (self));
  GtkOrientation orientation = narrow ? GTK_ORIENTATION_VERTICAL : GTK_ORIENTATION_HORIZONTAL;

  gtk_orientable_set_orientation (GTK_ORIENTABLE (self->figures), orientation);
  gtk_orientable_set_orientation (GTK_ORIENTABLE (self->columns), orientation);
  gtk_orientable_set_orientation (GTK_ORIENTABLE (self->mail_head), orientation);
  gtk_box_set_homogeneous (self->columns, !narrow);
}

static void
on_show_queue (PbaOverviewPage *self)
{
  pba_page_go (PBA_PAGE (self), "queue", NULL);
}

static void
watch (PbaOverviewPage *self, gboolean watched)
{
  self->seen = watched;
  pba_statistics_set_watched (pba_server_get_statistics (server_of (self)), watched);
  if (!watched)
    return;
  follow_kept (self);
  pba_traffic_load (self->traffic);
  pba_activity_lists_restart (lists_of (self));
}

static void
pba_overview_page_shown (PbaPage *page)
{
  watch (PBA_OVERVIEW_PAGE (page), TRUE);
}

static void
pba_overview_page_hidden (PbaPage *page)
{
  watch (PBA_OVERVIEW_PAGE (page), FALSE);
}

static void
pba_overview_page_constructed (GObject *object)
{
  PbaOverviewPage *self = PBA_OVERVIEW_PAGE (object);
  PbaServer *server = server_of (self);

  G_OBJECT_CLASS (pba_overview_page_parent_class)->constructed (object);
  self->traffic = pba_traffic_new (pba_server_get_statistics (server));
  adw_bin_set_child (self->alerts_bin, pba_alert_list_new (PBA_PAGE (self)));
  g_object_bind_property (adw_bin_get_child (self->alerts_bin), "visible", self->alerts_bin,
                          "visible", G_BINDING_SYNC_CREATE);
  for (guint i = 0; i < PBA_N_TRAFFIC; i++)
    make_figure (self, i);
  adw_bin_set_child (self->chart_bin, pba_traffic_chart_new (self->traffic));
  adw_bin_set_child (self->activity_bin, pba_activity_lists_new (PBA_PAGE (self)));
  g_object_bind_property (adw_bin_get_child (self->activity_bin), "visible", self->activity_bin,
                          "visible", G_BINDING_SYNC_CREATE);
  make_numbers (self);
  make_spans (self);
  gtk_toggle_button_set_active (GTK_TOGGLE_BUTTON (self->spans[PBA_SPAN_HOUR]), TRUE);
  follow_kept (self);
  g_signal_connect_object (self->traffic, "changed", G_CALLBACK (on_traffic), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (pba_server_get_statistics (server), "updated", G_CALLBACK (on_updated),
                           self, G_CONNECT_SWAPPED | G_CONNECT_AFTER);
  g_signal_connect_object (pba_server_get_queue (server), "notify", G_CALLBACK (show_queue), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (pba_server_get_manager (server), "notify::state",
                           G_CALLBACK (show_state), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (pba_server_get_connection (server), "notify::connected",
                           G_CALLBACK (on_connected), self, G_CONNECT_SWAPPED);
  g_signal_connect (self, "notify::narrow", G_CALLBACK (on_narrow), NULL);
  show_state (self);
  show_queue (self);
  on_updated (self);
  on_traffic (self);
  on_narrow (self);
}

static void
pba_overview_page_dispose (GObject *object)
{
  gtk_widget_dispose_template (GTK_WIDGET (object), PBA_TYPE_OVERVIEW_PAGE);
  G_OBJECT_CLASS (pba_overview_page_parent_class)->dispose (object);
}

static void
pba_overview_page_finalize (GObject *object)
{
  PbaOverviewPage *self = PBA_OVERVIEW_PAGE (object);

  g_clear_object (&self->traffic);
  g_clear_pointer (&self->shown_reasons, g_ptr_array_unref);
  G_OBJECT_CLASS (pba_overview_page_parent_class)->finalize (object);
}

static void
pba_overview_page_class_init (PbaOverviewPageClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->constructed = pba_overview_page_constructed;
  G_OBJECT_CLASS (klass)->dispose = pba_overview_page_dispose;
  G_OBJECT_CLASS (klass)->finalize = pba_overview_page_finalize;
  PBA_PAGE_CLASS (klass)->shown = pba_overview_page_shown;
  PBA_PAGE_CLASS (klass)->hidden = pba_overview_page_hidden;
  gtk_widget_class_set_template_from_resource (widget_class, "/org/postbus/Admin/overview-page.ui");
#define BIND(child) gtk_widget_class_bind_template_child (widget_class, PbaOverviewPage, child)
  BIND (reasons);
  BIND (queue_rows);
  BIND (counter_rows);
  BIND (figures);
  BIND (incoming);
  BIND (outgoing);
  BIND (columns);
  BIND (alerts_bin);
  BIND (chart_bin);
  BIND (mail);
  BIND (refusals);
  BIND (counters);
  BIND (mail_title);
  BIND (mail_head);
  BIND (spans_box);
  BIND (activity_bin);
#undef BIND
  gtk_widget_class_bind_template_callback (widget_class, on_show_queue);
}

static void
pba_overview_page_init (PbaOverviewPage *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
  g_signal_connect_object (self->reasons, "row-activated", G_CALLBACK (on_reason_activated), self,
                           G_CONNECT_SWAPPED);
}

GtkWidget *
pba_overview_page_new (PbaServer *server, const char *title)
{
  return g_object_new (PBA_TYPE_OVERVIEW_PAGE, "server", server, "title", title, NULL);
}
