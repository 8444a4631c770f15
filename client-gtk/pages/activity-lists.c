/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The overview's sessions and its busiest senders, recipients and hosts. Sessions are asked for every two
 * seconds while the page is seen, the busiest once a minute (sooner while there is nobody) and whenever
 * somebody chooses others. Rows are made anew only when they say something else. Made by the overview; owns
 * its model.
 */
#include "pages/activity-lists.h"

#include "model/words.h"
#include "pages/finding-row.h"
#include "widgets/compat.h"

#include <glib/gi18n.h>

#define MAX_SESSIONS    8 /* rows; the rest is counted */
#define SESSION_SECONDS 2
#define BUSIEST_SECONDS 60
#define NOBODY_SECONDS  5 /* the same while there is nobody: the first is not kept waiting for a minute */
#define FIRST_SPAN      3600

struct _PbaActivityLists
{
  AdwBin parent_instance;

  PbaPage *page;                        /* (unowned) */
  PbaActivity *activity;                /* (owned) */
  GtkListBox *sessions, *busiest;       /* (unowned) */
  GtkWidget *kinds[PBA_N_BUSIEST];      /* (unowned) */
  char *shown_sessions, *shown_busiest; /* (owned) (nullable): what the rows were made of */
  gint64 asked_sessions, asked_busiest; /* monotonic microseconds; 0 never */
  guint span;                           /* seconds */
};

G_DEFINE_FINAL_TYPE (PbaActivityLists, pba_activity_lists, ADW_TYPE_BIN)

static const struct
{
  const char *word, *title;
} states[] = {
  { "connected", N_ ("just connected") },
  { "greeted", N_ ("greeting") },
  { "ready", N_ ("idle") },
  { "mail", N_ ("naming the sender") },
  { "rcpt", N_ ("naming recipients") },
  { "data", N_ ("sending a message") },
  { "ended-data", N_ ("waiting for the answer to its message") },
  { "closing", N_ ("leaving") },
};

/* ---- rows ---- */

static GtkWidget *
label_new (const char *text, const char *style)
{
  GtkWidget *label = gtk_label_new (text);

  gtk_label_set_xalign (GTK_LABEL (label), 0);
  gtk_label_set_wrap (GTK_LABEL (label), TRUE);
  gtk_label_set_wrap_mode (GTK_LABEL (label), PANGO_WRAP_WORD_CHAR);
  if (style != NULL)
    gtk_widget_add_css_class (label, style);
  return label;
}

/* @second under @first, @suffix at the end (all nullable but @first). */
static GtkWidget *
row_new (const char *icon, const char *first, const char *second, const char *suffix)
{
  GtkWidget *row = gtk_list_box_row_new ();
  GtkWidget *line = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 12);
  GtkWidget *words = gtk_box_new (GTK_ORIENTATION_VERTICAL, 3);
  g_autofree char *name =
    g_strdup_printf ("%s%s%s%s%s", first, second != NULL ? ", " : "", second != NULL ? second : "",
                     suffix != NULL ? ", " : "", suffix != NULL ? suffix : "");

  if (icon != NULL)
    gtk_box_append (GTK_BOX (line),
                    g_object_new (GTK_TYPE_IMAGE, "icon-name", icon, "accessible-role",
                                  GTK_ACCESSIBLE_ROLE_PRESENTATION, NULL));
  gtk_box_append (GTK_BOX (words), label_new (first, NULL));
  if (second != NULL)
    gtk_box_append (GTK_BOX (words), label_new (second, "second-line"));
  gtk_widget_set_hexpand (words, TRUE);
  gtk_widget_set_valign (words, GTK_ALIGN_CENTER);
  gtk_box_append (GTK_BOX (line), words);
  if (suffix != NULL)
    {
      GtkWidget *label = label_new (suffix, "numeric");

      gtk_widget_add_css_class (label, "dim-label");
      gtk_label_set_wrap (GTK_LABEL (label), FALSE);
      gtk_box_append (GTK_BOX (line), label);
    }
  gtk_widget_add_css_class (line, "padded");
  gtk_list_box_row_set_child (GTK_LIST_BOX_ROW (row), line);
  gtk_list_box_row_set_activatable (GTK_LIST_BOX_ROW (row), FALSE);
  pba_accessible_name (row, name);
  return row;
}

static const char *
state_title (const char *word)
{
  for (guint i = 0; i < G_N_ELEMENTS (states); i++)
    if (g_str_equal (states[i].word, word))
      return _ (states[i].title);
  return word;
}

/* "192.0.2.44 — sending a message, TLS 1.3" */
static char *
describe_session (const PbaSession *session)
{
  const char *tls = session->tls != NULL ? session->tls : "";

  return g_strdup_printf ("%s — %s%s%s", session->client, state_title (session->state),
                          tls[0] != '\0' ? ", " : "", tls);
}

/* Who it is, as far as it said. */
static const char *
title_session (const PbaSession *session)
{
  if (session->login != NULL && session->login[0] != '\0')
    return session->login;
  return session->helo != NULL && session->helo[0] != '\0' ? session->helo : session->client;
}

/* Whole minutes, so that rows do not change each second. */
static char *
spell_age (const PbaSession *session)
{
  gint64 age = g_get_real_time () / G_USEC_PER_SEC - session->since;

  if (age < 60)
    return g_strdup (_ ("now"));
  return pba_words_duration ((guint64) age / 60 * 60);
}

static char *
sign_sessions (GPtrArray *sessions)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < sessions->len; i++)
    {
      g_autofree char *second = describe_session (sessions->pdata[i]);
      g_autofree char *age = spell_age (sessions->pdata[i]);

      g_string_append_printf (text, "%s\t%s\t%s\n", title_session (sessions->pdata[i]), second,
                              age);
    }
  return g_string_free (text, FALSE);
}

static void
on_sessions (PbaActivityLists *self)
{
  GPtrArray *sessions = pba_activity_get_sessions (self->activity);
  g_autofree char *signature = sign_sessions (sessions);

  if (g_strcmp0 (signature, self->shown_sessions) == 0)
    return;
  pba_row_list_clear (self->sessions);
  for (guint i = 0; i < MIN (sessions->len, MAX_SESSIONS); i++)
    {
      const PbaSession *session = sessions->pdata[i];
      g_autofree char *second = describe_session (session);
      g_autofree char *age = spell_age (session);

      gtk_list_box_append (self->sessions, row_new ("network-receive-symbolic",
                                                    title_session (session), second, age));
    }
  if (sessions->len > MAX_SESSIONS)
    {
      guint n = sessions->len - MAX_SESSIONS;
      g_autofree char *more = g_strdup_printf (ngettext ("%u more", "%u more", n), n);

      gtk_list_box_append (self->sessions, row_new (NULL, more, NULL, NULL));
    }
  if (sessions->len == 0)
    gtk_list_box_append (self->sessions, row_new (NULL, _ ("Nobody Is Connected"), NULL, NULL));
  g_free (self->shown_sessions);
  self->shown_sessions = g_steal_pointer (&signature);
}

static char *
sign_busiest (GPtrArray *busiest)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < busiest->len; i++)
    {
      const PbaBusiest *one = busiest->pdata[i];

      g_string_append_printf (text, "%s\t%" G_GUINT64_FORMAT "\t%" G_GUINT64_FORMAT "\n", one->name,
                              one->messages, one->refused);
    }
  return g_string_free (text, FALSE);
}

static GtkWidget *
busiest_row_new (const PbaBusiest *one)
{
  g_autofree char *count = pba_words_count (one->messages);
  g_autofree char *refused = pba_words_count (one->refused);
  g_autofree char *second =
    one->refused > 0
      ? g_strdup_printf (ngettext ("%s refused", "%s refused", (gulong) one->refused), refused)
      : NULL;
  const char *title = one->name[0] != '\0' ? one->name : _ ("Notices without a sender");
  GtkWidget *row = row_new (NULL, title, second, count);

  if (one->name[0] == '\0')
    return row;
  gtk_list_box_row_set_activatable (GTK_LIST_BOX_ROW (row), TRUE);
  gtk_widget_set_tooltip_text (row, _ ("Show these messages"));
  g_object_set_data_full (G_OBJECT (row), "name", g_strdup (one->name), g_free);
  return row;
}

static void
on_busiest (PbaActivityLists *self)
{
  GPtrArray *busiest = pba_activity_get_busiest (self->activity);
  g_autofree char *signature = sign_busiest (busiest);

  if (g_strcmp0 (signature, self->shown_busiest) == 0)
    return;
  pba_row_list_clear (self->busiest);
  for (guint i = 0; i < busiest->len; i++)
    gtk_list_box_append (self->busiest, busiest_row_new (busiest->pdata[i]));
  if (busiest->len == 0)
    gtk_list_box_append (self->busiest, row_new (NULL, _ ("No Mail in This Time"), NULL, NULL));
  g_free (self->shown_busiest);
  self->shown_busiest = g_steal_pointer (&signature);
}

static void
on_row_activated (PbaActivityLists *self, GtkListBoxRow *row)
{
  const char *name = g_object_get_data (G_OBJECT (row), "name");
  g_autofree char *key = name != NULL ? g_strconcat ("text:", name, NULL) : NULL;

  if (key != NULL)
    pba_page_go (self->page, "messages", key);
}

/* ---- asking ---- */

static PbaBusiestKind
chosen_kind (PbaActivityLists *self)
{
  for (guint i = 0; i < PBA_N_BUSIEST; i++)
    if (gtk_toggle_button_get_active (GTK_TOGGLE_BUTTON (self->kinds[i])))
      return (PbaBusiestKind) i;
  return PBA_BUSIEST_SENDERS;
}

static void
ask_busiest (PbaActivityLists *self)
{
  self->asked_busiest = g_get_monotonic_time ();
  pba_activity_ask_busiest (self->activity, chosen_kind (self), self->span);
}

static void
on_kind (PbaActivityLists *self, GtkToggleButton *button)
{
  if (gtk_toggle_button_get_active (button))
    ask_busiest (self);
}

void
pba_activity_lists_refresh (PbaActivityLists *self)
{
  gint64 now = g_get_monotonic_time ();
  gboolean nobody = self->shown_busiest != NULL && self->shown_busiest[0] == '\0';
  gint64 seconds = nobody ? NOBODY_SECONDS : BUSIEST_SECONDS;

  gtk_widget_set_visible (GTK_WIDGET (self), pba_activity_get_supported (self->activity));
  if (now - self->asked_sessions >= (gint64) SESSION_SECONDS * G_USEC_PER_SEC
      || self->asked_sessions == 0)
    {
      self->asked_sessions = now;
      pba_activity_ask_sessions (self->activity);
    }
  if (self->asked_busiest == 0 || now - self->asked_busiest >= seconds * G_USEC_PER_SEC)
    ask_busiest (self);
}

void
pba_activity_lists_restart (PbaActivityLists *self)
{
  self->asked_sessions = self->asked_busiest = 0;
  pba_activity_lists_refresh (self);
}

void
pba_activity_lists_set_span (PbaActivityLists *self, guint seconds)
{
  self->span = seconds;
  ask_busiest (self);
}

/* ---- the widget ---- */

static GtkListBox *
add_group (GtkBox *box, const char *title, GtkWidget *suffix)
{
  AdwPreferencesGroup *group = ADW_PREFERENCES_GROUP (adw_preferences_group_new ());
  GtkListBox *list = GTK_LIST_BOX (gtk_list_box_new ());

  adw_preferences_group_set_title (group, title);
  if (suffix != NULL)
    adw_preferences_group_set_header_suffix (group, suffix);
  gtk_list_box_set_selection_mode (list, GTK_SELECTION_NONE);
  gtk_widget_add_css_class (GTK_WIDGET (list), "boxed-list");
  pba_accessible_name (list, title);
  adw_preferences_group_add (group, GTK_WIDGET (list));
  gtk_box_append (box, GTK_WIDGET (group));
  return list;
}

static GtkWidget *
make_kinds (PbaActivityLists *self)
{
  static const char *const titles[] = { N_ ("Senders"), N_ ("Recipients"), N_ ("Hosts") };
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 0);

  G_STATIC_ASSERT (G_N_ELEMENTS (titles) == PBA_N_BUSIEST);
  gtk_widget_add_css_class (box, "linked");
  gtk_widget_add_css_class (box, "spans");
  for (guint i = 0; i < PBA_N_BUSIEST; i++)
    {
      self->kinds[i] = gtk_toggle_button_new_with_label (_ (titles[i]));
      gtk_box_append (GTK_BOX (box), self->kinds[i]);
      if (i > 0)
        gtk_toggle_button_set_group (GTK_TOGGLE_BUTTON (self->kinds[i]),
                                     GTK_TOGGLE_BUTTON (self->kinds[0]));
    }
  gtk_toggle_button_set_active (GTK_TOGGLE_BUTTON (self->kinds[0]), TRUE);
  for (guint i = 0; i < PBA_N_BUSIEST; i++)
    g_signal_connect_object (self->kinds[i], "toggled", G_CALLBACK (on_kind), self,
                             G_CONNECT_SWAPPED);
  return box;
}

static void
pba_activity_lists_finalize (GObject *object)
{
  PbaActivityLists *self = PBA_ACTIVITY_LISTS (object);

  g_object_unref (self->activity);
  g_free (self->shown_sessions);
  g_free (self->shown_busiest);
  G_OBJECT_CLASS (pba_activity_lists_parent_class)->finalize (object);
}

static void
pba_activity_lists_class_init (PbaActivityListsClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = pba_activity_lists_finalize;
}

static void
pba_activity_lists_init (PbaActivityLists *self)
{
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 18);

  self->span = FIRST_SPAN;
  self->sessions = add_group (GTK_BOX (box), _ ("Sessions Now"), NULL);
  self->busiest = add_group (GTK_BOX (box), _ ("Busiest"), make_kinds (self));
  g_signal_connect_object (self->busiest, "row-activated", G_CALLBACK (on_row_activated), self,
                           G_CONNECT_SWAPPED);
  adw_bin_set_child (ADW_BIN (self), box);
}

GtkWidget *
pba_activity_lists_new (PbaPage *page)
{
  PbaActivityLists *self = g_object_new (PBA_TYPE_ACTIVITY_LISTS, NULL);

  self->page = page;
  self->activity = pba_activity_new (pba_server_get_connection (pba_page_get_server (page)));
  g_signal_connect_object (self->activity, "sessions", G_CALLBACK (on_sessions), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->activity, "busiest", G_CALLBACK (on_busiest), self,
                           G_CONNECT_SWAPPED);
  gtk_widget_set_visible (GTK_WIDGET (self), pba_activity_get_supported (self->activity));
  return GTK_WIDGET (self);
}
