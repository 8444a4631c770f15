/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * When a rule ends: never, after a usual while, or at the end of a day of the calendar that opens
 * below. Used by the dialog of rules. A time that came from outside is kept to the second for as long as
 * its day is not changed.
 */
#include "pages/expiry-row.h"

#include "model/words.h"
#include "widgets/compat.h"

#include <glib/gi18n.h>

#define DAY 86400

static const struct
{
  const char *title;
  guint seconds;
} spans[] = {
  { N_ ("Never"), 0 },
  { N_ ("In a day"), DAY },
  { N_ ("In a week"), 7 * DAY },
  { N_ ("In 30 days"), 30 * DAY },
  { N_ ("On a day…"), 0 },
};
#define ON_A_DAY (G_N_ELEMENTS (spans) - 1)

struct _PbaExpiryRow
{
  AdwPreferencesRow parent_instance;

  GtkDropDown *span;     /* (unowned) */
  GtkCalendar *calendar; /* (unowned) */
  GtkLabel *caption;     /* (unowned) */
  guint64 given;         /* what it was shown */
  gboolean showing;
};

G_DEFINE_FINAL_TYPE (PbaExpiryRow, pba_expiry_row, ADW_TYPE_PREFERENCES_ROW)

static guint changed_signal;

static gboolean
is_same_day (GDateTime *a, GDateTime *b)
{
  return g_date_time_get_year (a) == g_date_time_get_year (b)
         && g_date_time_get_day_of_year (a) == g_date_time_get_day_of_year (b);
}

static guint64
calendar_time (PbaExpiryRow *self)
{
  g_autoptr (GDateTime) day = gtk_calendar_get_date (self->calendar);
  g_autoptr (GDateTime) given = g_date_time_new_from_unix_local (self->given);
  g_autoptr (GDateTime) end = NULL;

  if (self->given > 0 && given != NULL && is_same_day (day, given))
    return self->given;
  end = g_date_time_new_local (g_date_time_get_year (day), g_date_time_get_month (day),
                               g_date_time_get_day_of_month (day), 23, 59, 59);
  return MAX (g_date_time_to_unix (end), 1);
}

static void
show_caption (PbaExpiryRow *self)
{
  guint64 time = pba_expiry_row_get_time (self);
  g_autofree char *words = pba_words_time (MIN (time, (guint64) G_MAXINT64));
  gboolean over = time > 0 && time <= (guint64) (g_get_real_time () / G_USEC_PER_SEC);
  g_autofree char *line = NULL;

  if (time == 0)
    line = g_strdup (_ ("The rule counts until it is removed"));
  else
    /* Translators: %s is a day or a time, such as 31 Dec */
    line = g_strdup_printf (over ? _ ("Ended: %s") : _ ("The rule counts until: %s"), words);
  gtk_label_set_label (self->caption, line);
  gtk_widget_set_visible (GTK_WIDGET (self->calendar),
                          gtk_drop_down_get_selected (self->span) == ON_A_DAY);
}

static void
on_changed (PbaExpiryRow *self)
{
  show_caption (self);
  if (!self->showing)
    g_signal_emit (self, changed_signal, 0);
}

static void
pba_expiry_row_class_init (PbaExpiryRowClass *klass)
{
  changed_signal = g_signal_new ("changed", PBA_TYPE_EXPIRY_ROW, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                 NULL, G_TYPE_NONE, 0);
}

static GtkDropDown *
make_span (void)
{
  g_autoptr (GtkStringList) titles = gtk_string_list_new (NULL);
  GtkWidget *span;

  for (guint i = 0; i < G_N_ELEMENTS (spans); i++)
    gtk_string_list_append (titles, _ (spans[i].title));
  span = pba_drop_down_new (titles);
  gtk_widget_add_css_class (span, "flat");
  gtk_widget_set_valign (span, GTK_ALIGN_CENTER);
  return GTK_DROP_DOWN (span);
}

static void
pba_expiry_row_init (PbaExpiryRow *self)
{
  self->span = make_span ();
  self->calendar = GTK_CALENDAR (gtk_calendar_new ());
  self->caption = GTK_LABEL (gtk_label_new (NULL));
  gtk_label_set_xalign (self->caption, 0);
  gtk_label_set_wrap (self->caption, TRUE);
  gtk_widget_add_css_class (GTK_WIDGET (self->caption), "subtitle");
  gtk_widget_add_css_class (GTK_WIDGET (self), "setting");
  gtk_list_box_row_set_activatable (GTK_LIST_BOX_ROW (self), FALSE);
  gtk_widget_set_focusable (GTK_WIDGET (self), FALSE);
  g_signal_connect_swapped (self->span, "notify::selected", G_CALLBACK (on_changed), self);
  g_signal_connect_swapped (self->calendar, "day-selected", G_CALLBACK (on_changed), self);
}

GtkWidget *
pba_expiry_row_new (const char *title)
{
  PbaExpiryRow *self = g_object_new (PBA_TYPE_EXPIRY_ROW, "title", title, NULL);
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 6);
  GtkWidget *line = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 12);
  GtkWidget *titles = gtk_box_new (GTK_ORIENTATION_VERTICAL, 3);
  GtkWidget *label = gtk_label_new (title);

  gtk_label_set_xalign (GTK_LABEL (label), 0);
  gtk_widget_set_hexpand (titles, TRUE);
  gtk_box_append (GTK_BOX (titles), label);
  gtk_box_append (GTK_BOX (titles), GTK_WIDGET (self->caption));
  gtk_box_append (GTK_BOX (line), titles);
  gtk_box_append (GTK_BOX (line), GTK_WIDGET (self->span));
  gtk_box_append (GTK_BOX (box), line);
  gtk_box_append (GTK_BOX (box), GTK_WIDGET (self->calendar));
  gtk_widget_add_css_class (box, "field-box");
  gtk_list_box_row_set_child (GTK_LIST_BOX_ROW (self), box);
  pba_accessible_name (self->span, title);
  pba_accessible_name (gtk_widget_get_first_child (GTK_WIDGET (self->span)), title);
  pba_accessible_name (self->calendar, title);
  show_caption (self);
  return GTK_WIDGET (self);
}

void
pba_expiry_row_set_time (PbaExpiryRow *self, guint64 unix_seconds)
{
  g_autoptr (GDateTime) day =
    g_date_time_new_from_unix_local (MIN (unix_seconds, (guint64) G_MAXINT64));

  self->showing = TRUE;
  self->given = unix_seconds;
  if (unix_seconds > 0 && day != NULL)
    gtk_calendar_select_day (self->calendar, day);
  gtk_drop_down_set_selected (self->span, unix_seconds > 0 && day != NULL ? ON_A_DAY : 0);
  show_caption (self);
  self->showing = FALSE;
}

guint64
pba_expiry_row_get_time (PbaExpiryRow *self)
{
  guint selected = gtk_drop_down_get_selected (self->span);

  if (selected == ON_A_DAY)
    return calendar_time (self);
  if (selected >= ON_A_DAY || spans[selected].seconds == 0)
    return 0;
  return g_get_real_time () / G_USEC_PER_SEC + spans[selected].seconds;
}
